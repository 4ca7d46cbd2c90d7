"""Reads a stack's program in another process, while this one loads the simulation.

Both take more than a second of processor time, and neither needs the other.
"""

import gc
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def _read(root: Path, stack: str) -> Any:
    from surgeproof.plan.program import read_program  # noqa: PLC0415 - in the other process

    return read_program(root, stack)


def _quiet() -> None:
    # Ctrl-C is for the process that was started. This one ends soon: collecting garbage among all
    # that the provider's modules hold would take it a third longer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()


@contextmanager
def reading(root: Path, *stacks: str) -> Iterator[Callable[[Path, str], Any]]:
    """Begin to read these stacks; what is given stands in for `read_program`."""
    if sys.platform != "linux" or threading.active_count() > 1:
        # Where a process cannot be forked safely, it would load everything anew. Pulumi's runtime
        # keeps threads, which a forked process lacks and would wait for.
        yield _read
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_quiet) as pool:
        begun: dict[str, Future[Any]] = {
            stack: pool.submit(_read, root, stack) for stack in dict.fromkeys(stacks)
        }
        try:
            yield lambda _, stack: begun[stack].result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
