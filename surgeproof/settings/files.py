"""Opening files that a user names: regular files only, so that nothing waits or is endless.

A FIFO without a writer blocks whoever opens it, and a device such as /dev/zero never ends.
"""

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Final

from surgeproof.settings.errors import DocumentError, path_shown, problem, shortened

STANDARD_INPUT: Final = "-"
"""Stands for what is piped in."""

_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_SUBSTITUTED: Final = "/dev/fd/"
"""Where a shell puts what `<(command)` writes: a pipe whose writer is there already."""


class FileError(DocumentError):
    """A path names nothing that can be read."""

    def __init__(self, place: str, rule: str, got: str) -> None:
        """Take the parts of the message."""
        super().__init__([problem(place, rule, got)])
        self.place = place
        """The path, printable."""
        self.rule = rule
        """What would be right; completes "must"."""
        self.got = got
        """What is there, in words."""


def open_regular(path: str | Path, *, pipes: bool = False) -> BinaryIO:
    """Open a regular file for reading; raise FileError for anything else, without waiting.

    Args:
        path: The file.
        pipes: Whether the pipe of a shell's `<(command)` will do, too.

    """
    place = path_shown(path)
    try:
        # Without O_NONBLOCK a FIFO would block here, before anybody can see what it is.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise FileError(place, "be a file", "none") from None
    except OSError as error:
        got = error.strerror or str(error)
        raise FileError(place, "be a readable file", got) from error
    except ValueError:  # a NUL, or a surrogate that the file system's encoding lacks
        got = shortened(repr(str(path)))
        raise FileError("path", "be a path that can exist", got) from None
    mode = os.fstat(handle).st_mode
    piped = pipes and stat.S_ISFIFO(mode) and str(path).startswith(_SUBSTITUTED)
    if not stat.S_ISREG(mode) and not piped:
        os.close(handle)
        got = next((name for holds, name in _KINDS if holds(mode)), "something else")
        raise FileError(place, "be a regular file", got)
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")


def read_bytes(path: str | Path, most: int, *, pipes: bool = False) -> bytes:
    """Return what a file holds; raise DocumentError for what is no file, or has more bytes.

    Args:
        path: The file, or with `pipes` `-` for what is piped in.
        most: Largest size (bytes).
        pipes: Whether pipes will do.

    """
    piped = pipes and str(path) == STANDARD_INPUT
    place = "standard input" if piped else path_shown(path)
    try:
        if piped:
            content = sys.stdin.buffer.read(most + 1)
        else:
            with open_regular(path, pipes=pipes) as stream:
                content = stream.read(most + 1)
    except OSError as error:
        got = error.strerror or str(error)
        raise FileError(place, "be readable", got) from error
    if len(content) > most:
        rule = f"have at most {most:,} bytes"
        raise DocumentError([problem(place, rule, "more")])
    return content


def decoded(content: bytes, place: str) -> str:
    """Return the text of a document in UTF-8, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        got = "UTF-16" if is_wide else f"the byte 0x{content[error.start]:02x}"
        raise DocumentError([problem(place, "be text in UTF-8", got, at=(line, column))]) from None
