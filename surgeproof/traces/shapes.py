"""Traffic that is generated: shapes of surges, each a function of documented parameters.

Every parameter has a unit, a range and a default; `parameters` lists them, and a value outside its
range is refused. A step of the trace holds the exact mean of the shape over that step (up to
rounding), so a shape has the same total whatever the step.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, ParamSpec, get_type_hints

import numpy as np

from surgeproof.traces.errors import Said, TraceError
from surgeproof.traces.trace import RATE_MAX, STEPS_MAX, Floats, Trace

_HALVES: Final = np.arange(257) / 4
"""Half-lives after which the mean is taken anew; after the last nothing is left."""

_P = ParamSpec("_P")
_Rate = Callable[[Floats], Floats]

OUTAGE_BEGAN: Final = datetime(2023, 1, 15, 8, 45, tzinfo=UTC)
"""When the outage was noticed: its alarm, and the start of the incident's clock."""

OUTAGE_ENDED: Final = datetime(2023, 1, 15, 11, 30, tzinfo=UTC)
"""When the outage was over."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter of a shape means, and what it may be."""

    meaning: str
    """What it does; a sentence without its full stop."""
    unit: str
    """Its unit."""
    low: float
    """Least value."""
    high: float
    """Greatest value."""
    name: str = ""
    """What the function calls it."""
    default: float = 0.0
    """Value if it is not given."""
    whole: bool = False
    """Whether only whole numbers make sense."""

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.meaning} ({self.unit}, {self.low:g} to {self.high:g}). "
            f"Default: {self.default:g}."
        )


_Base = Annotated[float, Parameter("rate outside the surge", "requests/s", 0, RATE_MAX / 1000)]
_Factor = Annotated[
    float, Parameter("peak of the surge, as a multiple of the base rate", "times", 0, 1000)
]
_Begin = Annotated[
    float, Parameter("when the surge begins, after the trace's start", "seconds", 0, 604_800)
]
_Rise = Annotated[
    float,
    Parameter(
        "how long the rate takes to rise from base to peak; 0 is at once", "seconds", 0, 86_400
    ),
]
_Hold = Annotated[float, Parameter("how long the peak lasts", "seconds", 0, 604_800)]
_Fall = Annotated[
    float,
    Parameter(
        "how long the rate takes to fall from peak to base; 0 is at once", "seconds", 0, 86_400
    ),
]
_Duration = Annotated[
    float,
    Parameter("length of the trace; what the shape does later is cut off", "seconds", 1, 2_678_400),
]
_Step = Annotated[float, Parameter("length of a step of the trace", "seconds", 0.1, 3600)]
_Seed = Annotated[
    int, Parameter("seed of the noise; the same seed gives the same trace", "number", 0, 2**32 - 1)
]
_Noise = Annotated[
    float, Parameter("standard deviation of the noise, of the rate", "percent", 0, 100)
]


def parameters(shape: Callable[..., Trace]) -> list[Parameter]:
    """Return the parameters of a shape, in the order in which they are declared."""
    hints = get_type_hints(shape, include_extras=True)
    found = []
    for name, declared in inspect.signature(shape).parameters.items():
        kind = hints[name]
        (known,) = (item for item in kind.__metadata__ if isinstance(item, Parameter))
        found.append(
            Parameter(
                known.meaning,
                known.unit,
                known.low,
                known.high,
                name,
                declared.default,
                kind.__origin__ is int,
            )
        )
    return found


def _checked(shape: Callable[_P, Trace]) -> Callable[_P, Trace]:
    """Refuse values outside their ranges, all in one error, before the shape is made."""
    known = {parameter.name: parameter for parameter in parameters(shape)}

    @functools.wraps(shape)
    def check(*args: _P.args, **kwargs: _P.kwargs) -> Trace:
        wrong = []
        for name, value in kwargs.items():
            if name not in known:
                continue  # Python's own error names it.
            parameter = known[name]
            whole = "whole number" if parameter.whole else "number"
            if (
                not isinstance(value, int | float)
                or isinstance(value, bool)
                or not parameter.low <= value <= parameter.high
                or (parameter.whole and value != int(value))
            ):
                rule = f"be a {whole} from {parameter.low:g} to {parameter.high:g} "
                wrong.append((f"{shape.__name__}.{name}", f"{rule}({parameter.unit})", value))
            else:
                kwargs[name] = int(value) if parameter.whole else float(value)
        if wrong:
            (place, rule, value), *others = wrong
            details = tuple(f"{where}: must {what}, got {got!r}" for where, what, got in others)
            raise TraceError(place, rule, value, details)
        return shape(*args, **kwargs)

    return check


@_checked
def step(
    *,
    base_requests_per_second: _Base = 100.0,
    factor: _Factor = 2.0,
    begin_seconds: _Begin = 600.0,
    duration_seconds: _Duration = 3600.0,
    step_seconds: _Step = 1.0,
) -> Trace:
    """Return a rate that jumps to a multiple of itself, and stays there."""
    _within("step", "begin_seconds", begin_seconds, duration_seconds)
    levels = _Levels(base_requests_per_second)
    levels.to(begin_seconds, base_requests_per_second)
    levels.to(begin_seconds, base_requests_per_second * factor)
    return levels.trace("step", duration_seconds, step_seconds)


@_checked
def ramp(
    *,
    base_requests_per_second: _Base = 100.0,
    factor: _Factor = 2.0,
    begin_seconds: _Begin = 600.0,
    rise_seconds: _Rise = 300.0,
    hold_seconds: _Hold = 1800.0,
    fall_seconds: _Fall = 600.0,
    duration_seconds: _Duration = 3600.0,
    step_seconds: _Step = 1.0,
) -> Trace:
    """Return a rate that rises evenly to a multiple of itself, holds it, and falls back evenly."""
    _within("ramp", "begin_seconds + rise_seconds", begin_seconds + rise_seconds, duration_seconds)
    levels = _Levels(base_requests_per_second)
    peak = base_requests_per_second * factor
    levels.to(begin_seconds, base_requests_per_second)
    levels.after(rise_seconds, peak)
    levels.after(hold_seconds, peak)
    levels.after(fall_seconds, base_requests_per_second)
    return levels.trace("ramp", duration_seconds, step_seconds)


@_checked
def flash_crowd(
    *,
    base_requests_per_second: _Base = 100.0,
    factor: _Factor = 8.0,
    begin_seconds: _Begin = 600.0,
    rise_seconds: _Rise = 60.0,
    hold_seconds: _Hold = 120.0,
    half_life_seconds: Annotated[
        float,
        Parameter("time in which half of what is left of the crowd leaves", "seconds", 1, 86_400),
    ] = 600.0,
    settle_factor: Annotated[
        float,
        Parameter("rate that remains in the end, as a multiple of the base rate", "times", 0, 1000),
    ] = 1.2,
    duration_seconds: _Duration = 5400.0,
    step_seconds: _Step = 1.0,
) -> Trace:
    """Return a crowd that comes within moments and leaves by halves."""
    _within(
        "flash_crowd",
        "begin_seconds + rise_seconds",
        begin_seconds + rise_seconds,
        duration_seconds,
    )
    base, peak = base_requests_per_second, base_requests_per_second * factor
    settled = base * settle_factor
    leaves = begin_seconds + rise_seconds + hold_seconds
    levels = _Levels(base)
    levels.to(begin_seconds, base)
    levels.after(rise_seconds, peak)
    levels.after(hold_seconds, peak)

    def rate(seconds: Floats) -> Floats:
        gone = np.maximum(seconds - leaves, 0.0) / half_life_seconds
        crowd = settled + (peak - settled) * np.exp2(-gone)
        mixed: Floats = np.where(seconds > leaves, crowd, levels.rate(seconds))
        return mixed

    halves = leaves + _HALVES * half_life_seconds
    return _trace("flash-crowd", rate, [*levels.times, *halves], duration_seconds, step_seconds)


@_checked
def diurnal_day(
    *,
    mean_requests_per_second: Annotated[
        float, Parameter("mean rate of the day before noise", "requests/s", 0, RATE_MAX / 1000)
    ] = 100.0,
    peak_to_trough: Annotated[
        float, Parameter("rate of the busiest moment over that of the quietest", "times", 1, 1000)
    ] = 4.0,
    peak_hour: Annotated[
        float, Parameter("when the day is busiest, after the trace's start", "hours", 0, 24)
    ] = 20.0,
    noise_percent: _Noise = 5.0,
    noise_memory_seconds: Annotated[
        float, Parameter("time in which noise forgets all but 37 % of itself", "seconds", 0, 86_400)
    ] = 300.0,
    seed: _Seed = 1,
    days: Annotated[int, Parameter("length of the trace", "days", 1, 31)] = 1,
    step_seconds: _Step = 10.0,
) -> Trace:
    """Return days with a quiet and a busy time, one sine a day, and noise with a memory.

    The noise is drawn once a minute and runs evenly from one minute to the next, so it is the same
    whatever the step. The rate is never below 0.
    """
    swing = (peak_to_trough - 1) / (peak_to_trough + 1)
    duration = days * 86_400.0
    minutes = np.arange(days * 1440 + 1) * 60.0
    noise = _noise(minutes.size, noise_percent / 100, noise_memory_seconds / 60.0, seed)

    def rate(seconds: Floats) -> Floats:
        hour = 2 * math.pi * (seconds / 3600.0 - peak_hour) / 24.0
        day = mean_requests_per_second * (1 + swing * np.cos(hour))
        noisy: Floats = np.maximum(day * (1 + np.interp(seconds, minutes, noise)), 0.0)
        return noisy

    return _trace("diurnal-day", rate, minutes, duration, step_seconds)


@_checked
def regional_wave(
    *,
    base_requests_per_second: _Base = 100.0,
    factor: _Factor = 3.0,
    regions: Annotated[
        int, Parameter("regions that wake one after the other", "regions", 1, 24)
    ] = 3,
    begin_seconds: _Begin = 600.0,
    lag_seconds: Annotated[
        float,
        Parameter(
            "time from the start of one region to the start of the next", "seconds", 0, 86_400
        ),
    ] = 1800.0,
    width_seconds: Annotated[
        float,
        Parameter(
            "time from the start of a region to its end, its peak half-way", "seconds", 1, 172_800
        ),
    ] = 3600.0,
    shrink: Annotated[
        float, Parameter("size of each region, as a multiple of the one before", "times", 0.01, 100)
    ] = 0.8,
    duration_seconds: _Duration = 10_800.0,
    step_seconds: _Step = 1.0,
) -> Trace:
    """Return regions that rise and fall one after the other, as an evening moves round the world.

    Each is a raised cosine on top of the base rate; the first alone has its peak at `factor`.
    Where they overlap they add up, so the peak of all may lie above.
    """
    _within(
        "regional_wave",
        "begin_seconds + width_seconds / 2",
        begin_seconds + width_seconds / 2,
        duration_seconds,
    )
    starts = begin_seconds + np.arange(regions) * lag_seconds
    heights = base_requests_per_second * (factor - 1) * shrink ** np.arange(regions)

    def rate(seconds: Floats) -> Floats:
        total = np.full(seconds.shape, base_requests_per_second)
        for start, height in zip(starts, heights, strict=True):
            part = np.clip((seconds - start) / width_seconds, 0.0, 1.0)
            total += height * (1 - np.cos(2 * math.pi * part)) / 2
        wave: Floats = np.maximum(total, 0.0)
        return wave

    # Each bump is followed in 64 pieces, so that wide steps see all of it.
    breaks = (starts[:, np.newaxis] + np.linspace(0.0, width_seconds, 65)).ravel()
    return _trace("regional-wave", rate, breaks, duration_seconds, step_seconds)


@_checked
def retry_storm(
    *,
    base_requests_per_second: _Base = 100.0,
    begin_seconds: _Begin = 600.0,
    failure_seconds: Annotated[
        float, Parameter("how long every request fails", "seconds", 0, 86_400)
    ] = 300.0,
    retries: Annotated[
        int, Parameter("attempts of a client after its first", "attempts", 0, 10)
    ] = 3,
    backoff_seconds: Annotated[
        float,
        Parameter(
            "wait before the first retry; it doubles before each further one", "seconds", 0, 3600
        ),
    ] = 5.0,
    return_percent: Annotated[
        float,
        Parameter(
            "share of the requests given up that come back once all works", "percent", 0, 100
        ),
    ] = 50.0,
    return_half_life_seconds: Annotated[
        float,
        Parameter("time in which half of those that come back have come", "seconds", 1, 86_400),
    ] = 60.0,
    duration_seconds: _Duration = 3600.0,
    step_seconds: _Step = 1.0,
) -> Trace:
    """Return what clients send while a service fails and when it is back, though demand is even.

    For clients whose retries are not modelled in the simulation: there, retries come on top of the
    trace. While it fails, each attempt is followed by the next after its wait, without jitter; then
    come the retries still under way, and those who had given up return by halves.
    """
    _within("retry_storm", "begin_seconds", begin_seconds, duration_seconds)
    base, ends = base_requests_per_second, begin_seconds + failure_seconds
    # Attempt k + 1 follows those attempts k that failed, which are those before `ends`.
    first, breaks, attempts = begin_seconds, [begin_seconds, ends], []
    for attempt in range(retries):
        wait = backoff_seconds * 2.0**attempt
        if first >= ends:
            break
        attempts.append((first + wait, ends + wait))
        breaks.extend(attempts[-1])
        first += wait
    given_up = base * max(ends - first, 0.0)
    returns = given_up * return_percent / 100 * math.log(2) / return_half_life_seconds

    def rate(seconds: Floats) -> Floats:
        total = np.full(seconds.shape, base)
        for begin, end in attempts:
            total += np.where((seconds >= begin) & (seconds < end), base, 0.0)
        late = np.maximum(seconds - ends, 0.0) / return_half_life_seconds
        return total + np.where(seconds >= ends, returns * np.exp2(-late), 0.0)

    breaks.extend(ends + _HALVES * return_half_life_seconds)
    return _trace("retry-storm", rate, breaks, duration_seconds, step_seconds)


@_checked
def outage_shape(
    *,
    base_requests_per_second: _Base = 100.0,
    lead_seconds: Annotated[
        float,
        Parameter("how long before the alarm at 08:45 demand begins to rise", "seconds", 0, 3600),
    ] = 600.0,
    rise_seconds: Annotated[
        float, Parameter("how long demand takes to rise from base to peak", "seconds", 0, 1800)
    ] = 600.0,
    peak_factor: Annotated[
        float, Parameter("peak of demand, as a multiple of the base rate", "times", 1, 20)
    ] = 2.0,
    peak_seconds: Annotated[
        float, Parameter("how long the peak lasts", "seconds", 0, 10_800)
    ] = 900.0,
    ease_seconds: Annotated[
        float, Parameter("how long demand takes to ease from peak to plateau", "seconds", 0, 7200)
    ] = 1800.0,
    plateau_factor: Annotated[
        float,
        Parameter(
            "demand that stays after the peak, as a multiple of the base rate", "times", 1, 20
        ),
    ] = 1.6,
    plateau_ends_seconds: Annotated[
        float,
        Parameter(
            "how long after 11:30 the plateau lasts: demand alone must not end the incident",
            "seconds",
            0,
            7200,
        ),
    ] = 900.0,
    decline_seconds: Annotated[
        float,
        Parameter("how long demand takes to decline from plateau to base", "seconds", 0, 7200),
    ] = 1800.0,
    step_seconds: _Step = 1.0,
) -> Trace:
    """Return the demand of 15 January 2023: rise, peak, plateau and decline, with its dates.

    The postmortem states no rates: all but the times of alarm and end is chosen, none of it is
    measured, and the defaults are not calibrated to the outage's facts. The trace lasts from 07:45,
    one hour before the alarm, to the end of the decline, at least until 12:00.
    """
    if plateau_factor > peak_factor:
        raise TraceError(
            "outage_shape.plateau_factor",
            f"be at most peak_factor ({peak_factor:g})",
            plateau_factor,
        )
    alarm = 3600.0
    incident = (OUTAGE_ENDED - OUTAGE_BEGAN).total_seconds()
    eased = alarm - lead_seconds + rise_seconds + peak_seconds + ease_seconds
    plateau_ends = alarm + incident + plateau_ends_seconds
    if eased > plateau_ends:
        raise TraceError(
            "outage_shape.rise_seconds + peak_seconds + ease_seconds - lead_seconds",
            f"be at most {plateau_ends - alarm:g}, when the plateau ends",
            eased - alarm,
        )
    base = base_requests_per_second
    levels = _Levels(base)
    levels.to(alarm - lead_seconds, base)
    levels.after(rise_seconds, base * peak_factor)
    levels.after(peak_seconds, base * peak_factor)
    levels.after(ease_seconds, base * plateau_factor)
    levels.to(plateau_ends, base * plateau_factor)
    levels.after(decline_seconds, base)
    lasts = max(levels.times[-1], alarm + incident + 1800.0)
    lasts = math.ceil(round(lasts / step_seconds, 6)) * step_seconds
    return levels.trace("outage-2023-01-15", lasts, step_seconds, OUTAGE_BEGAN.timestamp() - alarm)


SHAPES: Final[Mapping[str, Callable[..., Trace]]] = {
    "step": step,
    "ramp": ramp,
    "flash-crowd": flash_crowd,
    "diurnal-day": diurnal_day,
    "regional-wave": regional_wave,
    "retry-storm": retry_storm,
    "outage": outage_shape,
}
"""The shapes by name."""


class _Levels:
    """A rate that runs evenly from one level to the next; two levels at one time are a jump."""

    def __init__(self, first: float) -> None:
        self.times = [0.0]
        self._rates = [first]

    def to(self, seconds: float, rate: float) -> None:
        """Reach `rate` at so many seconds."""
        self.times.append(seconds)
        self._rates.append(rate)

    def after(self, seconds: float, rate: float) -> None:
        """Reach `rate` so many seconds after the last level."""
        self.to(self.times[-1] + seconds, rate)

    def rate(self, seconds: Floats) -> Floats:
        """Return the rate at times that are no jumps."""
        # Not interp: that leaves open which of two levels at one time it takes.
        times, rates = np.asarray(self.times), np.asarray(self._rates)
        left = np.searchsorted(times, seconds, side="right") - 1
        right = np.minimum(left + 1, times.size - 1)
        span = times[right] - times[left]
        part = np.divide(seconds - times[left], span, out=np.zeros(seconds.shape), where=span > 0)
        level: Floats = rates[left] + (rates[right] - rates[left]) * part
        return level

    def trace(
        self,
        name: str,
        duration_seconds: float,
        step_seconds: float,
        start_seconds: float | None = None,
    ) -> Trace:
        """Return the trace of this rate; with a start, a dated one."""
        return _trace(
            name,
            self.rate,
            self.times,
            duration_seconds,
            step_seconds,
            start_seconds=start_seconds,
        )


def _trace(
    name: str,
    rate: _Rate,
    breaks: Any,
    duration_seconds: float,
    step_seconds: float,
    *,
    start_seconds: float | None = None,
) -> Trace:
    """Return the trace whose steps hold the mean of `rate`, which is smooth between `breaks`."""
    steps = round(duration_seconds / step_seconds)
    if not 1 <= steps <= STEPS_MAX or abs(steps * step_seconds - duration_seconds) > 1e-6:
        raise TraceError(
            f"{name}.duration_seconds",
            f"be a whole number of steps of {step_seconds:g} s, at most {STEPS_MAX:,}",
            duration_seconds,
        )
    edges = np.arange(steps + 1) * step_seconds
    inner = np.asarray(breaks, np.float64)
    inner = inner[(inner > 0) & (inner < edges[-1])]
    cuts = np.union1d(edges, inner)
    cuts = cuts[np.concatenate([[True], np.diff(cuts) > 1e-9])]
    middles, widths = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    # Gauss and Legendre's three points: exact for straight lines, and to 1e-9 for the curves here.
    reach = widths / 2 * math.sqrt(0.6)
    means = (5 * rate(middles - reach) + 8 * rate(middles) + 5 * rate(middles + reach)) / 18
    target = np.minimum(np.searchsorted(edges, middles, side="right") - 1, steps - 1)
    whole = np.bincount(target, minlength=steps) == 1
    rates = np.bincount(target, means * widths, steps) / step_seconds
    # A step without a break keeps its mean as it is, not multiplied and divided by its length.
    alone = whole[target]
    rates[target[alone]] = means[alone]
    return Trace(
        name,
        requests_per_second=np.clip(rates, 0.0, RATE_MAX),
        step_seconds=step_seconds,
        start_seconds=start_seconds or 0.0,
        dated=start_seconds is not None,
        provenance=(f"generated shape {name}",),
    )


def _noise(size: int, deviation: float, memory: float, seed: int) -> Floats:
    """Return noise of this deviation whose memory lasts so many values (first order)."""
    draws = np.random.default_rng(seed).standard_normal(size) * deviation
    kept = math.exp(-1 / memory) if memory > 0 else 0.0
    fresh = math.sqrt(1 - kept * kept)
    noise = np.empty(size)
    value = noise[0] = draws[0]
    for at in range(1, size):
        value = noise[at] = kept * value + fresh * draws[at]
    return noise


def _within(shape: str, place: str, seconds: float, duration_seconds: float) -> None:
    if seconds > duration_seconds:
        raise TraceError(
            f"{shape}.{place}",
            f"be at most duration_seconds ({duration_seconds:g}), or the peak is cut off",
            Said(f"{seconds:g}"),
        )
