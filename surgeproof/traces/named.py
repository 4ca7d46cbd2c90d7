"""The traces that have a name, such as `x5-in-300s`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from surgeproof.traces.errors import TraceError
from surgeproof.traces.outage import demand, shipped
from surgeproof.traces.shapes import (
    diurnal_day,
    flash_crowd,
    ramp,
    regional_wave,
    retry_storm,
)
from surgeproof.traces.trace import Trace

BASE_REQUESTS_PER_SECOND: Final = 100.0
"""Base rate of a named trace where none is given (requests/s)."""

OUTAGE: Final = "outage-2023-01-15"
"""The name of the outage's trace."""

FACTORS: Final = (2, 5, 10)
"""How many times the base rate a named surge reaches."""

RISES_SECONDS: Final = (0, 60, 300)
"""How long a named surge takes to its peak (seconds)."""


@dataclass(frozen=True, slots=True)
class _Named:
    summary: str
    make: Callable[[float], Trace]


def _surge(factor: int, rise_seconds: int) -> _Named:
    when = f"within {rise_seconds} s" if rise_seconds else "at once"
    return _Named(
        f"{factor} times the base rate {when}, held for 30 minutes",
        lambda base: ramp(
            base_requests_per_second=base, factor=float(factor), rise_seconds=float(rise_seconds)
        ),
    )


_NAMED: Final[Mapping[str, _Named]] = {
    f"x{factor}-in-{rise}s": _surge(factor, rise) for factor in FACTORS for rise in RISES_SECONDS
} | {
    "flash-crowd": _Named(
        "8 times the base rate within 60 s, then half of the crowd leaves every 10 minutes",
        lambda base: flash_crowd(base_requests_per_second=base),
    ),
    "diurnal-day": _Named(
        "a day, four times as busy at 20:00 as at 08:00, with noise; the base rate is its mean",
        lambda base: diurnal_day(mean_requests_per_second=base),
    ),
    "regional-wave": _Named(
        "three regions that rise and fall half an hour apart, to 3 times the base rate and above",
        lambda base: regional_wave(base_requests_per_second=base),
    ),
    "retry-storm": _Named(
        "5 minutes in which every request fails and is tried again, and the return after them",
        lambda base: retry_storm(base_requests_per_second=base),
    ),
    OUTAGE: _Named(
        "15 January 2023: demand that a fixed fleet could not carry from 08:45 to 11:30; the "
        "member of the outage's family that is hardest on the stack `dev`",
        lambda base: demand(shipped().values, base),
    ),
}


def trace_names() -> dict[str, str]:
    """Return the names of all named traces, each with what it is."""
    return {name: named.summary for name, named in _NAMED.items()}


def named_trace(name: str, base_requests_per_second: float = BASE_REQUESTS_PER_SECOND) -> Trace:
    """Return the trace of that name, whose surge starts from `base_requests_per_second`."""
    if name not in _NAMED:
        raise TraceError("trace", f"be one of {', '.join(_NAMED)}", name)
    return _NAMED[name].make(base_requests_per_second).renamed(name)
