"""A trace: how many requests arrive, step by step.

Neutral: numbers only, no reader, no AWS. A trace never changes; each operation returns a new one.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from surgeproof.traces.errors import SHOWN_BAD_ROWS, BadRow, Said, TraceError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

STEPS_MAX = 10_000_000
"""Most steps that a trace may have (steps); 115 days of seconds, 80 MB."""

STEP_SECONDS_MAX = 7 * 86_400.0
"""Longest step (seconds): a week."""

RATE_MAX = 1e9
"""Highest rate that is believed (requests/s)."""

DATE_MAX = 253_402_300_799.0
"""The last second of the year 9999, the last that a date can have (Unix time, seconds)."""

_START_MAX = 1e12
"""Latest start on a clock of its own (seconds)."""

DATES = "from 1970-01-01 to 9999-12-31"
"""The moments that a dated trace may cover."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Requests that arrive at a service, as the mean rate of each step of equal length."""

    name: str
    """What the report calls it."""
    _: KW_ONLY
    requests_per_second: Floats
    """Mean rate of arrivals in each step (requests/s, 0 to 1e9). Any sequence of numbers is taken;
    what is kept is a copy that cannot be written."""
    step_seconds: float
    """Length of each step (seconds, 0.001 to 604800, whole milliseconds)."""
    start_seconds: float = 0.0
    """When the first step begins (seconds): Unix time if `dated`, else on a clock of its own.
    Default: 0."""
    dated: bool = False
    """Whether `start_seconds` is Unix time. Default: false."""
    absent: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Steps about which the source said nothing, wholly or in part; what it did not say counts as
    no requests. Default: none is absent."""
    provenance: tuple[str, ...] = ()
    """Where the numbers come from and what was done to them, in order. Default: not told."""
    rows: int = 0
    """Rows that the source held, good and bad (rows). Default: 0, for traces without a source."""
    bad_rows: int = 0
    """Rows that were refused (rows). Default: 0."""
    first_bad_rows: tuple[BadRow, ...] = ()
    """The first of the refused rows, at most five, to be shown. Default: none."""

    def __post_init__(self) -> None:
        rates = _rates(self.requests_per_second)
        absent = np.asarray(self.absent, np.bool_)
        if absent.size == 0:
            absent = np.zeros(rates.size, np.bool_)
        elif absent.shape != rates.shape:
            raise TraceError("Trace.absent", f"have one flag a step ({rates.size})", absent.shape)
        milliseconds("Trace.step_seconds", self.step_seconds)
        if not abs(self.start_seconds) <= _START_MAX:
            raise TraceError(
                "Trace.start_seconds", f"be a number of at most {_START_MAX:g}", self.start_seconds
            )
        last = self.start_seconds + rates.size * self.step_seconds
        if self.dated and not (self.start_seconds >= 0 and last <= DATE_MAX):
            raise TraceError(
                self.name, f"lie {DATES}", Said(f"Unix time {self.start_seconds:.0f} to {last:.0f}")
            )
        object.__setattr__(self, "requests_per_second", _sealed(rates))
        object.__setattr__(self, "absent", _sealed(absent))
        object.__setattr__(self, "step_seconds", round(float(self.step_seconds), 3))
        # To the microsecond: what ISO 8601 times carry, and what a double holds of Unix time.
        object.__setattr__(self, "start_seconds", round(float(self.start_seconds), 6))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        return all(
            np.array_equal(mine, others) if isinstance(mine, np.ndarray) else mine == others
            for mine, others in zip(self._values(), other._values(), strict=True)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.step_seconds, self.requests_per_second.tobytes()))

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew on the other side: arrays lose their seal when they are pickled.
        return _restored, self._values()

    def __len__(self) -> int:
        return int(self.requests_per_second.size)

    def __repr__(self) -> str:
        return (
            f"<Trace {self.name!r}: {len(self):,} x {self.step_seconds:g} s, mean "
            f"{self.mean_requests_per_second:.4g}, peak {self.peak_requests_per_second:.4g} req/s>"
        )

    @property
    def duration_seconds(self) -> float:
        """How long the trace is (seconds)."""
        return len(self) * self.step_seconds

    @property
    def total_requests(self) -> float:
        """How many requests arrive in all (requests)."""
        return math.fsum(self.requests_per_second) * self.step_seconds

    @property
    def mean_requests_per_second(self) -> float:
        """The mean rate (requests/s)."""
        return self.total_requests / self.duration_seconds

    @property
    def peak_requests_per_second(self) -> float:
        """The rate of the busiest step (requests/s)."""
        return float(self.requests_per_second.max())

    @property
    def seconds(self) -> Floats:
        """When each step begins, counted from the start of the trace (seconds)."""
        return np.arange(len(self), dtype=np.float64) * self.step_seconds

    @property
    def start(self) -> datetime | None:
        """When the first step begins (UTC); None for a trace without dates."""
        return datetime.fromtimestamp(self.start_seconds, UTC) if self.dated else None

    @property
    def absent_steps(self) -> int:
        """Steps about which the source said nothing, wholly or in part (steps)."""
        return int(np.count_nonzero(self.absent))

    def growth(self, within_seconds: float) -> float:
        """Return the largest factor by which the rate grows within so long.

        The largest of rate(t + within_seconds) / rate(t), `within_seconds` being a whole number of
        steps; infinite where a rate rises from 0, and 1 where nothing grows.
        """
        steps = self._steps("within_seconds", within_seconds)
        rates = self.requests_per_second
        before, after = rates[: max(len(self) - steps, 0)], rates[steps:]
        grown = after > before
        if not np.any(grown):
            return 1.0
        with np.errstate(divide="ignore", over="ignore"):
            return float(np.max(after[grown] / before[grown]))

    def describe(self) -> list[str]:
        """Return what a report says about the source: provenance, bad rows, absent steps."""
        lines = list(self.provenance)
        if self.bad_rows:
            share = 100 * self.bad_rows / max(self.rows, self.bad_rows)
            lines.append(f"{self.bad_rows:,} of {self.rows:,} rows are bad ({share:.3g} %):")
            lines.extend(f"  {row}" for row in self.first_bad_rows)
            if self.bad_rows > len(self.first_bad_rows):
                lines.append(f"  and {self.bad_rows - len(self.first_bad_rows):,} more")
        if self.absent_steps:
            lines.append(
                f"{self.absent_steps:,} of {len(self):,} steps have no data, or not all of it; "
                "what is missing counts as no requests"
            )
        return lines

    def renamed(self, name: str) -> Self:
        """Return the same trace under another name."""
        return replace(self, name=name)

    def scale(self, factor: float) -> Self:
        """Return the trace with every rate multiplied by `factor` (0 or more)."""
        if not (math.isfinite(factor) and factor >= 0):
            raise TraceError("factor", "be a finite number of at least 0", factor)
        return self._derived(
            f"scaled by {factor:g}", requests_per_second=self.requests_per_second * factor
        )

    def scale_to_peak(self, requests_per_second: float) -> Self:
        """Return the trace scaled so that its busiest step has this rate (requests/s)."""
        peak = self.peak_requests_per_second
        if peak == 0:
            raise TraceError(self.name, "have requests to be scaled to a peak", peak)
        # Divided first where the factor itself would overflow or vanish.
        rates = self.requests_per_second / peak
        if not (math.isfinite(requests_per_second) and requests_per_second >= 0):
            raise TraceError(
                "requests_per_second", "be a finite number of at least 0", requests_per_second
            )
        return self._derived(
            f"scaled to a peak of {requests_per_second:g} requests/s",
            requests_per_second=rates * requests_per_second,
        )

    def resample(self, step_seconds: float) -> Self:
        """Return the trace with steps of another length; the total of requests stays the same.

        Within a step arrivals are even. If the new steps do not end where the trace ends, the last
        one reaches beyond it, and carries only the requests that there are. A new step is absent if
        any part of it was.
        """
        new = milliseconds("step_seconds", step_seconds)
        old = milliseconds("Trace.step_seconds", self.step_seconds)
        if new == old:
            return self
        length = len(self) * old
        count = -(-length // new)
        if count > STEPS_MAX:
            raise TraceError("step_seconds", f"give at most {STEPS_MAX:,} steps", count)
        # Whole milliseconds: each piece lies in exactly one old and one new step.
        edges = np.union1d(
            np.arange(len(self) + 1, dtype=np.int64) * old,
            np.minimum(np.arange(count + 1, dtype=np.int64) * new, length),
        )
        pieces = np.diff(edges)
        source, target = edges[:-1] // old, edges[:-1] // new
        requests = np.bincount(target, self.requests_per_second[source] * pieces, count)
        absent = np.bincount(target, self.absent[source], count) > 0
        return self._derived(
            f"resampled from {self.step_seconds:g} s to {step_seconds:g} s",
            requests_per_second=requests / new,
            step_seconds=step_seconds,
            absent=absent,
        )

    def slice(self, begin_seconds: float, end_seconds: float) -> Self:
        """Return the part from `begin_seconds` to `end_seconds` after the trace's start.

        Both lie where a step begins or ends; what lies beyond the trace's end is left out.
        """
        begin = self._steps("begin_seconds", begin_seconds)
        end = min(self._steps("end_seconds", end_seconds), len(self))
        if begin >= end:
            raise TraceError(
                "end_seconds",
                f"be later than begin_seconds ({begin_seconds:g}), which must lie before the "
                f"trace's end ({self.duration_seconds:g})",
                end_seconds,
            )
        return self._derived(
            f"cut to {begin_seconds:g} s to {end * self.step_seconds:g} s",
            requests_per_second=self.requests_per_second[begin:end],
            absent=self.absent[begin:end],
            start_seconds=self.start_seconds + begin * self.step_seconds,
        )

    def then(self, *others: "Trace") -> Self:
        """Return this trace followed by others of the same step; their own starts do not count."""
        for other in others:
            self._check_step(other)
        parts: Sequence[Trace] = (self, *others)
        return self._joined(
            "followed by " + ", ".join(other.name for other in others),
            parts,
            np.concatenate([part.requests_per_second for part in parts]),
            np.concatenate([part.absent for part in parts]),
        )

    def _values(self) -> tuple[Any, ...]:
        return (
            self.name,
            self.requests_per_second,
            self.step_seconds,
            self.start_seconds,
            self.dated,
            self.absent,
            self.provenance,
            self.rows,
            self.bad_rows,
            self.first_bad_rows,
        )

    def _derived(self, operation: str, **changes: Any) -> Self:
        return replace(self, provenance=(*self.provenance, operation), **changes)

    def _joined(
        self, operation: str, parts: Sequence["Trace"], rates: Floats, absent: Flags
    ) -> Self:
        shown = [row for part in parts for row in part.first_bad_rows]
        return self._derived(
            operation,
            requests_per_second=rates,
            absent=absent,
            rows=sum(part.rows for part in parts),
            bad_rows=sum(part.bad_rows for part in parts),
            first_bad_rows=tuple(shown[:SHOWN_BAD_ROWS]),
        )

    def _check_step(self, other: "Trace") -> None:
        if other.step_seconds != self.step_seconds:
            raise TraceError(
                f"{other.name}.step_seconds",
                f"be that of {self.name} ({self.step_seconds:g}; resample changes it)",
                other.step_seconds,
            )

    def _steps(self, place: str, seconds: float) -> int:
        """Return how many steps fit into so many seconds, which they must do exactly."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise TraceError(place, "be a finite number of at least 0", seconds)
        steps = round(seconds / self.step_seconds)
        if abs(steps * self.step_seconds - seconds) > 5e-4:
            raise TraceError(
                place,
                f"be a whole number of steps of {self.step_seconds:g} s "
                f"(nearest: {steps * self.step_seconds:g})",
                seconds,
            )
        return steps


def _restored(name: str, *values: Any) -> Trace:
    keys = (
        "requests_per_second",
        "step_seconds",
        "start_seconds",
        "dated",
        "absent",
        "provenance",
        "rows",
        "bad_rows",
        "first_bad_rows",
    )
    return Trace(name, **dict(zip(keys, values, strict=True)))


def milliseconds(place: str, seconds: float) -> int:
    """Return the length of a step in whole milliseconds; raise TraceError for any other."""
    rule = f"be whole milliseconds from 0.001 to {STEP_SECONDS_MAX:.0f} s"
    if not 0.001 <= seconds <= STEP_SECONDS_MAX:
        raise TraceError(place, rule, seconds)
    whole = round(seconds * 1000)
    if abs(whole - seconds * 1000) > 1e-6:
        raise TraceError(place, rule, seconds)
    return whole


def unix_seconds(place: str, time: datetime) -> float:
    """Return a moment as Unix time; raise TraceError without a time zone, or outside DATES."""
    if time.tzinfo is None:
        raise TraceError(place, "carry a time zone", Said(time.isoformat()))
    seconds = (time - datetime.fromtimestamp(0, UTC)).total_seconds()
    if not 0 <= seconds <= DATE_MAX:
        raise TraceError(place, f"lie {DATES}", Said(time.isoformat()))
    return seconds


def _rates(values: npt.ArrayLike) -> Floats:
    place = "Trace.requests_per_second"
    try:
        rates = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise TraceError(place, "be numbers", values) from error
    if rates.ndim != 1:
        raise TraceError(place, "be one row of numbers", rates.shape)
    if not 1 <= rates.size <= STEPS_MAX:
        raise TraceError(place, f"have 1 to {STEPS_MAX:,} steps", rates.size)
    good = (rates >= 0) & (rates <= RATE_MAX)
    if not good.all():
        at = int(np.argmin(good))
        raise TraceError(f"{place}[{at}]", f"be a number from 0 to {RATE_MAX:g}", rates[at])
    return rates + 0.0  # -0.0 becomes 0.0


def _sealed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy that stays as it is: an array over bytes cannot be made writeable again."""
    return np.frombuffer(values.tobytes(), values.dtype)
