"""The one way in which this package compiles a function, and where the machine code is kept.

Numba keeps machine code beside the source and looks only at the file that holds a function: after a
change to what that function calls, stale code would run. So the cache lies in a directory named by
the content of all that is compiled and numba's version. It is the user's cache, since an installed
package may not be writable; where that is not writable either, code is compiled in each process.
"""

import functools
import hashlib
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

numba_config: Any = importlib.import_module("numba.core.config")
njit: Any = numba.njit
"""Untyped here: neither the settings nor `_nrt` are in numba's published types."""

_own: Any = importlib.import_module("numba.core.caching")._CacheLocator.get_suitable_cache_subpath  # noqa: SLF001 - no public name tells it

ENTRY = "kernel.simulate_slice"
"""Module and name of the function that the package calls, and that calls all others."""

KEPT_VERSIONS = 4
"""Versions of the compiled code that are kept (directories)."""

CONSTANTS = frozenset({"_compile.py", "records.py"})
"""Sources that hold no compiled function, but what such functions are made of."""

F = TypeVar("F", bound=Callable[..., Any])


def _place() -> Path | None:
    """Return the directory of this version's machine code, or none where nothing can be kept."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        text = source.read_bytes()
        if source.name in CONSTANTS or b"simulation._compile import" in text:
            digest.update(source.name.encode() + text)
    stated = os.environ.get("NUMBA_CACHE_DIR")
    shared = os.environ.get("XDG_CACHE_HOME")
    root = (
        Path(stated)
        if stated
        else (Path(shared) if shared else Path.home() / ".cache") / "surgeproof" / "kernels"
    )
    place = root / digest.hexdigest()[:16]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError:
        return None
    with suppress(OSError):
        place.touch()
        versions = sorted(root.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
        for old in versions[KEPT_VERSIONS:]:
            if len(old.name) == len(place.name):
                shutil.rmtree(old, ignore_errors=True)
    return place


@functools.cache
def cache_place() -> Path | None:
    """Return where the machine code of this version lies, found out once."""
    try:
        return _place()
    except (OSError, RuntimeError):
        return None


def is_compiled() -> bool:
    """Tell whether machine code of this version is there, so that nobody has to wait for it.

    Numba keeps it apart for each directory of sources, and the entry to the kernel comes last.
    """
    place = cache_place()
    return place is not None and any((place / _own(__file__)).glob(f"{ENTRY}-*.nbc"))


def _compile(function: F, inline: str) -> F:
    """Compile `function` with numba: cached, without the GIL, division by zero as IEEE 754 says.

    Nothing in this package allocates inside compiled code, so numba need not count references:
    that would cost more than the simulation, since each call passes some thirty arrays.

    The dispatcher that numba returns is called just like the function, so it keeps its type.
    """
    place = cache_place()
    before = numba_config.CACHE_DIR
    numba_config.CACHE_DIR = str(place or "")
    try:
        dispatcher = njit(
            cache=place is not None,
            nogil=True,
            error_model="numpy",
            fastmath={"contract"},
            inline=inline,
            _nrt=False,
        )(function)
    finally:
        numba_config.CACHE_DIR = before
    return cast("F", dispatcher)


def compiled(function: F) -> F:
    """Compile `function`; called as a function."""
    return _compile(function, "never")


def inlined(function: F) -> F:
    """Compile `function` into its caller: for what is called every step, from one place."""
    return _compile(function, "always")
