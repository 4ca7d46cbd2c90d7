"""What an interruption (Ctrl-C, SIGTERM, SIGHUP) does, by what is at work.

From the start it ends the process at once: while modules are imported, files read and code
compiled, nothing has to be undone, and an exception that is raised in the middle of an import or of
compiled code comes too late, as another one, or never. Work that has something to undo asks for an
exception with `raised`, or handles signals itself with `handled`.

A signal that is ignored when the command starts stays ignored, as `nohup` and `&` ask for.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

from surgeproof.exits import AGAIN, Exit

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LINE: Final = f"interrupted; {AGAIN}"

Handler = Callable[[int, FrameType | None], Any]

children: Final[set[int]] = set()
"""Processes of ours that end with this one."""

_leaving: Final = threading.Lock()


def begin() -> None:
    """Let every interruption end the process at once, from now on."""
    _install(_end)


def heeded() -> list[signal.Signals]:
    """Return the signals that whoever started this process has not had ignored."""
    return [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Let `handler` have what interrupts; call it on the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _install(handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def held_back() -> Iterator[None]:
    """Let interruptions wait; processes that are started here have to `let_through` their own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        let_through()


def let_through() -> None:
    """Let those come that have waited."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def raised() -> Any:
    """Return a context in which an interruption raises KeyboardInterrupt."""
    return handled(signal.default_int_handler)


@contextmanager
def at_once(line: str = LINE, code: int = Exit.INTERRUPTED) -> Iterator[None]:
    """Let an interruption end the process even while compiled code runs.

    Python calls a signal's handler between two steps of its own. A compiler or a compiled function
    takes none for up to a minute, so here another thread waits for the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    done = b"\0"

    def wait() -> None:
        while (number := os.read(reader, 1)) != done:
            if number[0] in SIGNALS:
                leave(line, code)

    watching = threading.Thread(target=wait, name="interrupts", daemon=True)
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watching.start()
    try:
        with handled(lambda *_: leave(line, code)):
            yield
    finally:
        signal.set_wakeup_fd(former)
        os.write(writer, done)
        watching.join()
        os.close(reader)
        os.close(writer)


def leave(line: str, code: int) -> None:
    """End this process and its children now."""
    if not _leaving.acquire(blocking=False):
        time.sleep(60)  # the other thread has it
    for pid in children:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    with suppress(OSError):
        os.write(2, f"{line}\n".encode())
    os._exit(code)


def _end(_: int, __: FrameType | None) -> None:
    leave(LINE, Exit.INTERRUPTED)


def _install(handler: Handler) -> dict[signal.Signals, Any]:
    return {each: signal.signal(each, handler) for each in heeded()}
