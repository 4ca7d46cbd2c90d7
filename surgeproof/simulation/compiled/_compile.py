"""The one way in which this package compiles a function, and where the machine code is kept.

Numba's own cache lies beside the source, or in a directory named by its path; it looks only at the
file that holds a function, so that after a change to what that function calls stale code would run;
and it loads whatever it finds, so that a damaged file ends the process. So the cache here is our
own, behind numba's interface for one. It lies in a directory named by the content of this folder,
which holds all that is compiled, by the versions of what compiles it and by the processor:
checkouts with the same sources share it. Each file carries the digest of what it holds, and what
does not agree is compiled again.

    <the user's cache>/surgeproof/kernels/
        kernel-<digest>/            one version
            used                    its time is that of the last use; locked by whoever uses it
            <function>-<digest>.code

It is the user's cache, since an installed package may not be writable; where that is not writable
either, code is compiled in each process. Nothing outside `surgeproof/kernels` is touched, and in it
only what has such names.
"""

import fcntl
import functools
import hashlib
import importlib
import os
import pickle
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import llvmlite.binding
import numba
import numpy as np

from surgeproof import files

_caching: Any = importlib.import_module("numba.core.caching")
_compiler: Any = importlib.import_module("numba.core.compiler")
_serialize: Any = importlib.import_module("numba.core.serialize")
njit: Any = numba.njit
"""Untyped here: neither the settings nor `_nrt` are in numba's published types."""

ENTRY: Final = "kernel.simulate_slice"
"""Module and name of the function that the package calls, and that calls all others."""

KEPT_VERSIONS: Final = 4
"""Versions of the compiled code that are kept (directories, of about 70 MB each)."""

_VERSION: Final = re.compile(r"kernel-[0-9a-f]{16}")
_FORMER_VERSION: Final = re.compile(r"[0-9a-f]{16}")
"""Name of a directory in which numba's own cache lay, before this one."""
_FORMER_CODE: Final = frozenset({".nbc", ".nbi"})
_CODE: Final = re.compile(r"[\w.<>-]+-[0-9a-f]{16}\.code")
_USED: Final = "used"
_HEAD: Final = b"surgeproof machine code 1\n"

F = TypeVar("F", bound=Callable[..., Any])


def _version() -> str:
    """Return the name of the directory of this version's machine code."""
    llvm: Any = llvmlite.binding
    digest = hashlib.sha256()
    for stated in (
        numba.__version__,
        llvmlite.__version__,
        np.__version__,
        sys.implementation.cache_tag,
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    ):
        digest.update(f"{stated}\n".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return f"kernel-{digest.hexdigest()[:16]}"


def _roots() -> list[Path]:
    """Return where machine code may be kept, the first one first."""
    bases = [
        Path(value)
        for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
        if (value := os.environ.get(name))
    ]
    with suppress(RuntimeError):  # no home
        bases.append(Path.home() / ".cache")
    return [base.absolute() / "surgeproof" / "kernels" for base in bases]


def _take(place: Path) -> int | None:
    """Make the directory and say that it is in use; return the lock, or None where that fails.

    Code is run from there, so it must belong to this user, and be writable by nobody else.
    """
    while True:
        place.parent.mkdir(parents=True, exist_ok=True)
        files.make_way(place, directory=True)
        place.mkdir(exist_ok=True, mode=0o700)
        found = place.lstat()
        if place.is_symlink() or found.st_uid != os.geteuid():
            return None
        place.chmod(0o700)
        files.make_way(place / _USED)
        handle = os.open(
            place / _USED, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        try:
            if os.path.samestat(os.fstat(handle), (place / _USED).lstat()):
                os.utime(handle)
                return handle
        except FileNotFoundError:
            pass  # removed by another process, just before it was locked
        os.close(handle)


def _remove_oldest(root: Path, kept: Path) -> None:
    """Remove the versions beyond those that are kept, the oldest use first, none that is in use."""
    used = {}
    for place in root.iterdir():
        mark = place / _USED
        if _VERSION.fullmatch(place.name) and not place.is_symlink() and mark.is_file():
            used[place] = mark.lstat().st_mtime
    others = sorted(used.keys() - {kept}, key=lambda place: -used[place])
    for place in others[KEPT_VERSIONS - 1 :]:
        handle = os.open(place / _USED, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for file in place.iterdir():
                if _CODE.fullmatch(file.name) and not file.is_dir():
                    file.unlink()
            (place / _USED).unlink()
            place.rmdir()
        except OSError:
            pass  # in use, or somebody keeps something of his own there
        finally:
            os.close(handle)


def _remove_former(root: Path) -> None:
    """Remove the directories of numba's own cache, where nothing else lies in them."""
    for place in root.iterdir():
        if not _FORMER_VERSION.fullmatch(place.name) or place.is_symlink() or not place.is_dir():
            continue
        found = [each for each in place.rglob("*") if each.is_symlink() or not each.is_dir()]
        if found and all(file.suffix in _FORMER_CODE and file.is_file() for file in found):
            files.remove(place)


@functools.cache
def cache_place() -> Path | None:
    """Return where the machine code of this version lies, found out once; None where nowhere.

    It counts as in use until this process ends.
    """
    version = _version()
    for root in _roots():
        try:
            place = root / version
            if _take(place) is None:
                continue
        except OSError:
            continue
        with suppress(OSError):
            files.sweep(place)
            _remove_oldest(root, place)
            _remove_former(root)
        return place
    return None


class _Kept(_caching._Cache):  # type: ignore[misc]  # noqa: SLF001 - numba's interface for a cache
    """The machine code of one function, a file for each signature and processor."""

    def __init__(self, function: Callable[..., Any], place: Path) -> None:
        self._function = function
        self._place = place
        code = function.__code__
        self._name = f"{Path(code.co_filename).stem}.{function.__qualname__}-{code.co_firstlineno}"

    @property
    def cache_path(self) -> str:
        """Where the files lie."""
        return str(self._place)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the kept code, or None where there is none that is whole."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        found = _unpacked(self._file(key))
        if found is None or found[0] != key:
            return None
        try:
            return _compiler.CompileResult._rebuild(target_context, *pickle.loads(found[1]))  # noqa: S301, SLF001 - this user's own, and checked
        except Exception:  # noqa: BLE001 - whatever it is, compiling anew mends it
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code; where that fails, it serves this process all the same."""
        if data.library.has_dynamic_globals or any(not each.can_cache for each in data.lifted):
            return
        key = self._key(sig, data.codegen)
        payload = _serialize.dumps(data._reduce())  # noqa: SLF001
        with suppress(OSError):
            files.make_way(self._file(key))
            files.write_bytes(self._file(key), _packed(key, payload), 0o600, ours=True)

    def enable(self) -> None:
        """Do nothing: it always is."""

    def disable(self) -> None:
        """Do nothing: nobody asks for it."""

    def flush(self) -> None:
        """Do nothing: another version has another place."""

    def _key(self, sig: Any, codegen: Any) -> bytes:
        code = hashlib.sha256(self._function.__code__.co_code).hexdigest()
        return repr((self._name, sig, codegen.magic_tuple(), code)).encode()

    def _file(self, key: bytes) -> Path:
        return self._place / f"{self._name}-{hashlib.sha256(key).hexdigest()[:16]}.code"


def _packed(key: bytes, payload: bytes) -> bytes:
    """Return what a file of ours holds: for whom the code is, the code, and the digest of both."""
    body = len(key).to_bytes(8) + key + payload
    return _HEAD + hashlib.sha256(body).digest() + body


def _unpacked(file: Path) -> tuple[bytes, bytes] | None:
    """Return key and code in a file, if it is whole."""
    try:
        content = memoryview(files.read_bytes(file))
    except OSError:
        return None
    start = len(_HEAD) + hashlib.sha256().digest_size
    body = content[start:]
    if content[:start] != _HEAD + hashlib.sha256(body).digest():
        return None
    end = 8 + int.from_bytes(body[:8])
    return bytes(body[8:end]), bytes(body[end:])


def is_compiled() -> bool:
    """Tell whether whole machine code of this version is there: nobody has to wait for it.

    The entry to the kernel is compiled last.
    """
    place = cache_place()
    return place is not None and any(
        _unpacked(file) is not None for file in place.glob(f"{ENTRY}-*.code")
    )


def announcement() -> str:
    """Return what to say to a user before something is compiled."""
    once = "once" if cache_place() else "each time: no directory for the result can be written"
    return f"compiling the simulation ({once}, about a minute)"


def _compile(function: F, inline: str) -> F:
    """Compile `function` with numba: kept, without the GIL, division by zero as IEEE 754 says.

    Nothing in this package allocates inside compiled code, so numba need not count references:
    that would cost more than the simulation, since each call passes some thirty arrays.

    The dispatcher that numba returns is called just like the function, so it keeps its type.
    """
    dispatcher = njit(
        nogil=True,
        error_model="numpy",
        fastmath={"contract"},
        inline=inline,
        _nrt=False,
    )(function)
    place = cache_place()
    if place is not None and dispatcher is not function:  # as NUMBA_DISABLE_JIT has it
        dispatcher._cache = _Kept(function, place)  # noqa: SLF001 - numba offers no other way
    return cast("F", dispatcher)


def compiled(function: F) -> F:
    """Compile `function`; called as a function."""
    return _compile(function, "never")


def inlined(function: F) -> F:
    """Compile `function` into its caller: for what is called every step, from one place."""
    return _compile(function, "always")
