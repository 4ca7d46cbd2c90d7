"""What an interruption (Ctrl-C, SIGTERM, SIGHUP) does, by what is at work.

From the start it ends the process at once: while modules are imported, files read and code
compiled, nothing has to be undone, and an exception that is raised in the middle of an import or of
compiled code comes too late, as another one, or never. Work that has something to undo asks for an
exception with `raised`, or handles signals itself with `handled`.

A signal that is ignored when the command starts stays ignored, as `nohup` and `&` ask for.

An output that nobody can be told on any more, such as a pipe whose reader has ended, counts as an
interruption, too, and is told by another exit code.
"""

import errno
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

from surgeproof.exits import AGAIN, Exit, ending_of_output

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LINE: Final = f"interrupted; {AGAIN}"

Handler = Callable[[int, FrameType | None], Any]

children: Final[set[int]] = set()
"""Processes of ours that end with this one."""

_leaving: Final = threading.Lock()
_lost: Final[list[OSError]] = []


def begin() -> None:
    """Let every interruption end the process at once, from now on."""
    _install(_end)


def begin_output() -> None:
    """Take the output for one that can be written, until one cannot."""
    _lost.clear()


def lose_output(error: OSError) -> None:
    """Interrupt this process, since its output cannot be written; called on any thread."""
    if not _lost:
        _lost.append(error)
        for number in heeded()[:1]:
            os.kill(os.getpid(), number)


def lost_output() -> OSError | None:
    """Return why the output cannot be written, if it cannot."""
    return _lost[0] if _lost else None


@contextmanager
def watched_output() -> Iterator[None]:
    """Notice at once that whoever reads the output has ended, not with the next line only."""
    try:
        out = sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):  # it is no file, in a test say
        yield
        return
    reader, writer = os.pipe()

    def wait() -> None:
        polled = select.poll()
        polled.register(out, 0)  # errors are always told: the other end of a pipe is closed
        polled.register(reader, select.POLLIN)
        if any(number == out for number, _ in polled.poll()):
            lose_output(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))

    watching = threading.Thread(target=wait, name="output", daemon=True)
    watching.start()
    try:
        yield
    finally:
        os.write(writer, b"\0")
        watching.join()
        os.close(reader)
        os.close(writer)


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
    if _lost:
        code, line = ending_of_output(_lost[0])
    if line:
        with suppress(OSError):
            os.write(2, f"{line}\n".encode())
    os._exit(code)


def _end(_: int, __: FrameType | None) -> None:
    leave(LINE, Exit.INTERRUPTED)


def _install(handler: Handler) -> dict[signal.Signals, Any]:
    return {each: signal.signal(each, handler) for each in heeded()}
