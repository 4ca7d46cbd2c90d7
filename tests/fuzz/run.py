"""Runs a fuzz: a number of inputs a kind, each made from the seed, within a bound on its time."""

import faulthandler
import pickle
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.kinds import FaultError, Input, Kind

SECONDS_MAX = 5.0
"""Processor time within which an input is read (seconds)."""

HANGS_AFTER_SECONDS = 60.0
"""Time after which an input counts as one that is never read (seconds)."""


@dataclass
class Outcome:
    """What came of the inputs of a kind."""

    kind: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kind:<16} {self.inputs:>6,} inputs  {self.accepted:>6,} accepted  "
            f"{self.refused:>6,} refused  {len(self.faults):>3} faults  "
            f"slowest {self.slowest_seconds:.2f} s"
        )


class HangError(BaseException):
    """Raised in whatever runs too long; nothing catches it."""


def fuzz(
    kind: type[Kind],
    place: Path,
    *,
    seed: int,
    numbers: range,
    whole: bool = True,
    kept: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Give the kind's readers so many inputs.

    Args:
        kind: What is fuzzed.
        place: Directory to work in.
        seed: With an input's number, decides what it is.
        numbers: Of the inputs.
        whole: Whether inputs are made of the shipped stacks, too, and some plans are replayed.
        kept: Directory for inputs that show a fault. Default: they are not kept.
        tell: Is told of each fault.

    """
    it = kind(place, whole=whole)
    outcome = Outcome(kind.name)
    for number in numbers:
        rng = generator(kind, seed, number)
        made = it.make(rng)
        outcome.inputs += 1
        began = time.process_time()
        try:
            accepted = _read(it, made, rng)
        except (Exception, HangError) as error:
            told = "".join(traceback.format_exception(error))
            outcome.faults.append(f"{kind.name} {number}: {told}")
        else:
            outcome.accepted += accepted
            outcome.refused += not accepted
        seconds = time.process_time() - began
        outcome.slowest_seconds = max(outcome.slowest_seconds, seconds)
        if seconds > SECONDS_MAX:
            outcome.faults.append(f"{kind.name} {number}: took {seconds:.1f} s")
        if outcome.faults and outcome.faults[-1].startswith(f"{kind.name} {number}:"):
            tell(outcome.faults[-1])
            if kept is not None:
                kept.mkdir(parents=True, exist_ok=True)
                (kept / f"{kind.name.replace(' ', '-')}-{number}").write_bytes(
                    made.content if isinstance(made.content, bytes) else pickle.dumps(made.content)
                )
    return outcome


def generator(kind: type[Kind], seed: int, number: int) -> random.Random:
    """Return what decides an input, and what is done with it."""
    return random.Random(f"{kind.name} {seed} {number}")


def _read(kind: Kind, made: Input, rng: random.Random) -> bool:
    with _bounded():
        accepted = kind.read(made.content, rng)
    if accepted and made.doubled:
        raise FaultError("an equal key was taken without a word")
    return accepted


@contextmanager
def _bounded() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise HangError(f"not done within {HANGS_AFTER_SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, HANGS_AFTER_SECONDS)
    # What hangs in native code hears no signal.
    faulthandler.dump_traceback_later(4 * HANGS_AFTER_SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
