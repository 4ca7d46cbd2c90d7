"""How this project writes, reads and removes files: the one place where it does.

A file is written under a temporary name in its own directory, brought to the disk, and renamed, so
that whoever looks finds the old one or the whole new one, whatever is killed meanwhile. Temporary
names follow patterns of our own, and whoever works under one holds a lock on it (flock), which the
kernel frees with the process. So what a killed process left is told from a living one's, and from
what is not ours. Nothing here follows a symbolic link in order to remove, or to write over a file
of ours; only a file that a user names for output is written where his link points.
"""

import errno
import fcntl
import io
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

_TEMPORARY_FILE: Final = re.compile(r"\.surgeproof-[0-9a-f]{16}\.tmp")
_TEMPORARY_DIRECTORY: Final = re.compile(r"\.surgeproof-[0-9a-f]{16}\.new")

UNLOCKED_SECONDS: Final = 60.0
"""Age below which a temporary file counts as alive even without a lock: its writer locks it a
moment after it has made it (seconds)."""

MOST_BYTES: Final = 1 << 30
"""Size above which no file is one of ours (bytes)."""

_NOT_BESIDE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY})
"""Errors of a directory in which nothing may be made or renamed, though a file in it may be
written: another user's, or a single file that is mounted into a container."""

_OF_THE_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a write, which do not say of which file."""


class NoRegularFileError(OSError):
    """Something else lies where a file of ours should: a directory, a link, a pipe."""


@contextmanager
def whole(path: Path, mode: int | None = None, *, ours: bool = False) -> Iterator[BinaryIO]:
    """Give a stream to a file that appears, whole, when the block ends without an exception.

    Args:
        path: The file.
        mode: Its permissions. Default: those of the file that it replaces, else what umask leaves.
        ours: The file lies in a directory of ours: a link or pipe of its name is replaced. Else a
            link is followed, and what is no regular file (/dev/stdout, a pipe) is written as it is.

    Raises OSError, which names `path`.

    """
    try:
        target = path if ours else Path(os.path.realpath(path))
        old = _stat(target)
        if not ours and old is not None and not stat.S_ISREG(old.st_mode):
            with target.open("wb") as stream:
                yield stream
            return
        try:
            name, handle = _new_file(target.parent)
        except OSError as error:
            if ours or old is None or error.errno not in _NOT_BESIDE:
                raise
            with target.open("wb") as stream:
                yield stream
            return
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                if mode is not None:
                    os.fchmod(handle, mode)
                elif old is not None and not ours:
                    with suppress(OSError):  # another owner's file, which stays his
                        os.fchown(handle, old.st_uid, old.st_gid)
                    os.fchmod(handle, stat.S_IMODE(old.st_mode))
                os.fsync(handle)
                _put(name, target, in_place=not ours and old is not None)
        finally:
            with suppress(OSError):
                name.unlink()
        _sync(target.parent)
        if not ours:
            sweep(target.parent)
    except OSError as error:
        if _is_about(error, path):
            error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def whole_text(
    path: Path,
    mode: int | None = None,
    *,
    ours: bool = False,
    encoding: str = "utf-8",
    newline: str | None = None,
) -> Iterator[TextIO]:
    """Give a stream of text to a file that appears whole; see `whole`."""
    with whole(path, mode, ours=ours) as binary:
        text = io.TextIOWrapper(binary, encoding=encoding, newline=newline)
        yield text
        text.detach()  # flushes; the file is closed by whom it belongs to


def write_bytes(path: Path, content: bytes, mode: int | None = None, *, ours: bool = False) -> None:
    """Write a file, whole or not at all; see `whole`."""
    with whole(path, mode, ours=ours) as stream:
        stream.write(content)


def write_text(path: Path, text: str, mode: int | None = None, *, ours: bool = False) -> None:
    """Write a file of text, whole or not at all; see `whole`."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"), mode, ours=ours)


def write_json(path: Path, value: Any, mode: int | None = None) -> None:
    """Write a JSON file of ours, whole or not at all; see `whole`."""
    write_text(path, json.dumps(value, indent=2) + "\n", mode, ours=True)


def read_bytes(path: Path) -> bytes:
    """Return what a file of ours holds.

    Raises OSError, NoRegularFileError where something else lies there: to open a pipe would wait,
    and a link leads to what is not ours.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise NoRegularFileError(
                errno.EINVAL, "is no regular file of ours", str(path)
            ) from error
        raise
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
        os.close(handle)
        raise NoRegularFileError(errno.EINVAL, "is no regular file of ours", str(path))
    with os.fdopen(handle, "rb") as stream:
        return stream.read()


@contextmanager
def new_directory(beside: Path) -> Iterator[Path]:
    """Give a directory in `beside` to make something in, until the block ends.

    What is finished is renamed out of it, or it itself into its place, in one step.
    """
    beside.mkdir(parents=True, exist_ok=True)
    sweep(beside)
    made = beside / f".surgeproof-{secrets.token_hex(8)}.new"
    made.mkdir(mode=0o700)
    lock = _locked(made)
    try:
        yield made
    finally:
        if lock is not None:
            os.close(lock)
        remove(made)


def sweep(directory: Path, unlocked_seconds: float = UNLOCKED_SECONDS) -> None:
    """Remove the temporary files and directories that killed processes of this user left here."""
    try:
        names = [
            entry.name
            for entry in os.scandir(directory)
            if _TEMPORARY_FILE.fullmatch(entry.name) or _TEMPORARY_DIRECTORY.fullmatch(entry.name)
        ]
    except OSError:
        return
    for name in names:
        path = directory / name
        found = _stat(path)
        if found is None or found.st_uid != os.geteuid() or _is_other_kind(name, found):
            continue
        if time.time() - found.st_mtime < unlocked_seconds:
            continue
        lock = _locked(path)
        if lock is not None:
            remove(path)
            os.close(lock)


def remove(path: Path) -> list[str]:
    """Remove a file, a link or a directory of ours with all that is in it.

    A link is removed, never what it names. Directories of ours that may not be written are made
    writable first. Returns what could not be removed, and why: nothing, or one place.
    """
    try:
        found = _stat(path)
        if found is None:
            return []
        if not stat.S_ISDIR(found.st_mode):
            path.unlink(missing_ok=True)
            return []
    except OSError as error:
        return [f"{path} ({error.strerror})"]
    for top, directories, _ in os.walk(path):
        for each in (Path(top), *(Path(top, name) for name in directories)):
            with suppress(OSError):
                if not each.is_symlink() and not os.access(each, os.R_OK | os.W_OK | os.X_OK):
                    each.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
    for top, directories, names in os.walk(path, topdown=False):
        for name in (*names, *directories):
            if (left := _left(Path(top, name))) is not None:
                return [left]
    left = _left(path)
    return [] if left is None else [left]


def make_way(path: Path, *, directory: bool = False) -> None:
    """Remove what has a name of ours and is neither a regular file nor, if wanted, a directory."""
    found = _stat(path)
    if found is not None and not (stat.S_ISDIR if directory else stat.S_ISREG)(found.st_mode):
        remove(path)


def _left(path: Path) -> str | None:
    """Try once more to remove something, and return why it stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path} ({error.strerror})"
    return None


def appending(path: Path) -> TextIO:
    """Open a log of ours to add to it; a link or pipe of its name is replaced."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    make_way(path)
    return os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8", errors="backslashreplace")


def trim(path: Path, most_bytes: int) -> None:
    """Keep the end of a log of ours, in whole lines, where it is longer than `most_bytes`.

    The file stays the same one, so whoever appends to it goes on.
    """
    with suppress(OSError):
        found = _stat(path)
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size <= most_bytes:
            return
        with path.open("r+b") as log:
            log.seek(-(most_bytes // 2), os.SEEK_END)
            _, _, kept = log.read().partition(b"\n")
            log.seek(0)
            log.write(kept)
            log.truncate()


def _stat(path: Path) -> os.stat_result | None:
    """Return what lies there itself, not what a link names; None where there is nothing."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_other_kind(name: str, found: os.stat_result) -> bool:
    """Tell whether something that only has such a name lies there."""
    if _TEMPORARY_FILE.fullmatch(name):
        return not stat.S_ISREG(found.st_mode)
    return not stat.S_ISDIR(found.st_mode)


def _new_file(directory: Path) -> tuple[Path, int]:
    name = directory / f".surgeproof-{secrets.token_hex(8)}.tmp"
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with suppress(OSError):  # a file system without locks: see UNLOCKED_SECONDS
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return name, handle


def _locked(path: Path) -> int | None:
    """Lock what lies there; None where somebody else has, or where nothing can be locked."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _put(name: Path, target: Path, *, in_place: bool) -> None:
    """Rename the finished file into its place; where that may not be, copy it over the old one."""
    try:
        name.replace(target)
    except OSError as error:
        if not in_place or error.errno not in _NOT_BESIDE:
            raise
        shutil.copyfile(name, target)


def _is_about(error: OSError, path: Path) -> bool:
    """Tell whether an error is about the file or its temporary name, not the caller's affair."""
    if error.filename is None:
        return error.errno in _OF_THE_DISK
    named = Path(os.fsdecode(error.filename))
    return bool(_TEMPORARY_FILE.fullmatch(named.name)) or named == Path(os.path.realpath(path))


def _sync(directory: Path) -> None:
    """Bring a rename to the disk; not every file system offers that."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
