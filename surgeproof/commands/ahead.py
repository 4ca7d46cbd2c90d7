"""Reads stacks' programs in another process, while this one loads the simulation.

Both take more than a second of processor time, and neither needs the other. The process is a plain
one: `ProcessPoolExecutor` has a thread that closes its pipe while the interpreter, at its exit,
still writes to it (`OSError: [Errno 9]`, where an error comes before the result).
"""

import gc
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from surgeproof import interrupts
from surgeproof.exits import unexpected


class ReadingError(Exception):
    """The process that reads a program ended without an answer. Exit code 4."""


def _read(root: Path, stack: str) -> Any:
    from surgeproof.plan.program import read_program  # noqa: PLC0415 - in the other process

    return read_program(root, stack)


@contextmanager
def reading(root: Path, *stacks: str) -> Iterator[Callable[[Path, str], Any]]:
    """Begin to read these stacks; what is given stands in for `read_program`.

    It raises ReadingError where the process that reads has been killed, for want of memory say.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        # Where a process cannot be forked safely, it would load everything anew. Pulumi's runtime
        # keeps threads, which a forked process lacks and would wait for.
        yield _read
        return
    context = multiprocessing.get_context("fork")
    answers, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_read_all, args=(sender, root, tuple(dict.fromkeys(stacks))), daemon=True
    )
    with interrupts.held_back():
        process.start()
        assert process.pid is not None  # noqa: S101 - it has started
        interrupts.children.add(process.pid)
    sender.close()  # the process has its own: when that one ends, so does the pipe
    found: dict[str, tuple[bool, Any]] = {}

    def read(_: Path, stack: str) -> Any:
        while stack not in found:
            try:
                name, *answer = answers.recv()
            except EOFError:
                process.join()
                raise ReadingError(
                    f"the process that reads the program of stack {stack} ended with code "
                    f"{process.exitcode}"
                ) from None
            found[name] = (answer[0], answer[1])
        is_read, value = found[stack]
        if is_read:
            return value
        raise value

    try:
        yield read
    finally:
        process.kill()
        process.join()
        interrupts.children.discard(process.pid)
        process.close()
        answers.close()


def _read_all(answers: Connection, root: Path, stacks: tuple[str, ...]) -> None:
    # Ctrl-C is for the process that was started, which ends this one. Collecting garbage among all
    # that the provider's modules hold would take it a third longer.
    for each in interrupts.SIGNALS:
        signal.signal(each, signal.SIG_IGN if each is signal.SIGINT else signal.SIG_DFL)
    interrupts.let_through()
    gc.disable()
    for stack in stacks:
        try:
            answers.send((stack, True, _read(root, stack)))
        except ValueError as error:  # PlanError is one: raised there
            answers.send((stack, False, error))
        except Exception as error:  # noqa: BLE001 - as above, but it may hold what cannot be sent
            said = f"the program of stack {stack}: {unexpected(error)}"
            answers.send((stack, False, ReadingError(said)))
