"""The committed family of the outage of 15 January 2023: sets of numbers that meet its facts.

`python -m surgeproof.outage --calibrate` finds them with the simulation and writes the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from surgeproof.settings.json_file import read_json
from surgeproof.traces.shapes import OUTAGE_BEGAN, OUTAGE_ENDED, outage_shape
from surgeproof.traces.trace import Trace

FILE: Final = Path(__file__).with_name("outage_family.json")
"""The family, one member a line, with what is chosen and from which ranges."""

EVERYDAY_REQUESTS_PER_SECOND: Final = 100.0
"""The rate before the surge, to which a member's fleet relates (requests/s)."""

BEGAN_SECONDS: Final = 3600.0
"""08:45, when the alarm came and the incident's clock starts, after the trace's start (seconds)."""

ENDED_SECONDS: Final = BEGAN_SECONDS + (OUTAGE_ENDED - OUTAGE_BEGAN).total_seconds()
"""11:30, when it was over, after the trace's start (seconds)."""

STEP_SECONDS: Final = 2.0
"""Step of the traces (seconds)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One set of numbers of the family."""

    number: int
    """Which draw it is."""
    values: Mapping[str, float]
    """The numbers by name; the file says what each means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The members that were found, and how."""

    seed: int
    """Seed of the draws."""
    tried: int
    """How many sets were drawn until so many were accepted (draws)."""
    shipped: int
    """Number of the member that ships as `outage-2023-01-15`."""
    members: tuple[Member, ...]

    def member(self, number: int) -> Member:
        """Return the member of that number."""
        return next(member for member in self.members if member.number == number)


@cache
def family(file: Path = FILE) -> Family:
    """Return the committed family."""
    return read(read_json(file))


def read(data: Mapping[str, Any]) -> Family:
    """Return the family that a file holds."""
    columns: Sequence[str] = data["columns"][1:]
    return Family(
        seed=data["seed"],
        tried=data["tried"],
        shipped=data["shipped"],
        members=tuple(
            Member(int(number), dict(zip(columns, values, strict=True)))
            for number, *values in data["members"]
        ),
    )


def shipped() -> Member:
    """Return the member that ships."""
    return family().member(family().shipped)


def demand(
    values: Mapping[str, float], base_requests_per_second: float = EVERYDAY_REQUESTS_PER_SECOND
) -> Trace:
    """Return the demand of a member, on top of that everyday rate."""
    peak = values["peak_factor"]
    trace = outage_shape(
        base_requests_per_second=base_requests_per_second,
        lead_seconds=values["lead_seconds"],
        rise_seconds=values["rise_seconds"],
        peak_factor=peak,
        peak_seconds=values["peak_seconds"],
        ease_seconds=values["ease_seconds"],
        plateau_factor=max(peak * values["plateau_share"], 1.0),
        plateau_ends_seconds=values["plateau_ends_seconds"],
        decline_seconds=values["decline_seconds"],
        step_seconds=STEP_SECONDS,
    )
    return replace(
        trace,
        provenance=(
            "a demand under which a fleet of fixed size shows the facts of the postmortem",
            "the postmortem states no rate: each number is a choice, made to meet those facts",
        ),
    )
