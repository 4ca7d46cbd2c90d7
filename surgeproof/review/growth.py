"""How demand grows, by its daily peaks: weekly pattern, trend with an interval, and dates.

The trend is exponential, a straight line through the logarithms of the daily peaks, and its slope
is the median of the slopes between all pairs of days that lie whole weeks apart: the estimator of
Theil and Sen for seasonal data (Hirsch, Slack and Smith, "Techniques of trend analysis for monthly
water quality data", Water Resources Research 18(1), 1982). Comparing only equal weekdays keeps the
weekly pattern out, and single odd days move a median little. The interval comes from a sieve
bootstrap of the first order (Buehlmann, "Sieve bootstrap for time series", Bernoulli 3(2), 1997):
what the trend leaves over is drawn anew with the correlation that one day has with the next, so
days that resemble their neighbours do not pass for independent ones. 5 % of the draws lie below the
interval, and 5 % above it.

Nothing is extrapolated from fewer days than `DAYS_MIN` or from a history with too many gaps, and
nothing further ahead than the history reaches back. Within 15 months, a yearly pattern cannot
be distinguished from growth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from surgeproof.traces import Trace

Floats = npt.NDArray[np.float64]

DAYS_MIN: Final = 56
"""Fewest days from the first to the last from which a trend is read (days): eight weeks."""

SHARE_MIN: Final = 0.8
"""Smallest share of those days that must have a peak."""

DAY_SHARE_MIN: Final = 0.8
"""Smallest share of a day about which the source must have said something, to have a peak."""

DRAWS: Final = 400
"""Draws of the bootstrap."""

KINSHIP_MAX: Final = 0.95
"""Largest correlation of a day with the next that is reckoned with."""

SETTLING_DAYS: Final = 50
"""Days that are drawn before the first one."""

TAIL: Final = 0.05
"""Share of the draws on each side of the interval."""

RECENT_DAYS: Final = 28
"""Last days of which the highest peak is called today's (days)."""

_DAY: Final = 86_400
_MONTH_DAYS: Final = 365.25 / 12

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """The highest value of each day (UTC)."""

    what: str
    """What is counted, with its unit: `requests/s` or `active users`."""
    first: date
    values: tuple[float, ...]
    """One value a day; NaN for a day without one."""
    source: tuple[str, ...] = ()
    """Where they are from."""
    busiest: float | None = None
    """Highest value of the last days at a finer step than the peaks have. Default: not known."""

    @property
    def recent(self) -> float | None:
        """The highest peak of the last RECENT_DAYS days; None where they have none."""
        known = [each for each in self.values[-RECENT_DAYS:] if not math.isnan(each)]
        return max([*known, *([] if self.busiest is None else [self.busiest])], default=None)


def daily_peaks(trace: Trace, what: str) -> Peaks:
    """Return the highest step of each day of a dated trace.

    A day of which the source says less than DAY_SHARE_MIN has none; so has usually the last one.

    Raises ValueError for a trace without dates, and for one whose steps are no part of a day.
    """
    step = trace.step_seconds
    if not trace.dated:
        raise ValueError(f"{trace.name}: must have dates, since growth is read from its days")
    if step > _DAY or _DAY % step:
        raise ValueError(f"{trace.name}: must have steps that divide a day, got {step:g} s")
    per_day = round(_DAY / step)
    begins = datetime.fromtimestamp(trace.start_seconds, UTC)
    midnight = begins.replace(hour=0, minute=0, second=0, microsecond=0)
    before = round((begins - midnight).total_seconds() // step)
    rates = np.array(trace.requests_per_second, np.float64)
    if trace.absent.size:
        rates[trace.absent] = np.nan
    days = math.ceil((before + rates.size) / per_day)
    grid = np.full(days * per_day, np.nan)
    grid[before : before + rates.size] = rates
    table = grid.reshape(days, per_day)
    known = ~np.isnan(table)
    enough = known.mean(axis=1) >= DAY_SHARE_MIN
    peaks = np.where(enough, np.where(known, table, -np.inf).max(axis=1), np.nan)
    return Peaks(
        what=what,
        first=midnight.date(),
        values=tuple(peaks.tolist()),
        source=tuple(trace.describe()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """When demand reaches a multiple of what it is today."""

    multiple: float
    earliest: date | None
    """Early end of the interval. None: not within the horizon."""
    likely: date | None
    """Where the trend itself reaches it. None: not within the horizon."""
    latest: date | None
    """Late end of the interval. None: not within the horizon, or never."""

    def said(self, horizon: date) -> str:
        """Return it as reports say it."""
        if self.earliest is None:
            return f"not before {horizon.isoformat()}, as far as the history allows to look"
        latest = self.latest.isoformat() if self.latest else f"after {horizon.isoformat()}"
        likely = self.likely.isoformat() if self.likely else f"after {horizon.isoformat()}"
        return f"{likely} ({self.earliest.isoformat()} to {latest})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What the daily peaks show."""

    what: str
    source: tuple[str, ...]
    first: date
    last: date
    days: int
    """Days that have a peak."""
    recent_peak: float | None
    """Highest peak of the last RECENT_DAYS days."""
    too_little: str
    """Why no trend is read; empty where one is."""
    level: float | None = None
    """The trend's value on the last day, of a typical weekday."""
    percent_per_month: float | None = None
    """Growth (percent a month); negative where demand falls."""
    low_percent_per_month: float | None = None
    """Lower end of its interval."""
    high_percent_per_month: float | None = None
    """Upper end of its interval."""
    weekdays: tuple[float, ...] = ()
    """Typical peak of each weekday, Monday first, as a factor of the trend."""
    horizon: date | None = None
    """Last day that is looked at: the history reaches as far back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the daily peaks show, and the draws that dates are read from."""

    growth: Growth
    draws: tuple[tuple[float, float], ...] = ()
    """(logarithm of the level, slope a day) of each draw of the bootstrap; none where there is too
    little data."""

    def reached(self, multiple: float) -> Reached | None:
        """Return when the trend is `multiple` times its value of the last day.

        None where there is too little data. The interval holds both how fast demand grows and
        where it is today.
        """
        known, horizon = self.growth, self.growth.horizon
        if horizon is None or known.level is None or known.percent_per_month is None:
            return None
        goal = math.log(multiple) + math.log(known.level)
        slope = math.log1p(known.percent_per_month / 100) / _MONTH_DAYS
        draws = sorted(_crossing(goal, *draw) for draw in self.draws)
        ends = [draws[round(share * (len(draws) - 1))] for share in (TAIL, 1 - TAIL)]
        likely = _crossing(goal, math.log(known.level), slope)
        days = [
            known.last + timedelta(days=math.ceil(ahead))
            if ahead <= (horizon - known.last).days
            else None
            for ahead in (ends[0], likely, ends[1])
        ]
        return Reached(multiple=multiple, earliest=days[0], likely=days[1], latest=days[2])


def _crossing(goal: float, level: float, slope: float) -> float:
    """Return in how many days a line reaches a goal: 0 where it has, infinity if it never does."""
    if goal <= level:
        return 0.0
    return (goal - level) / slope if slope > 0 else math.inf


def forecast_of(peaks: Peaks, *, seed: int = 0) -> Forecast:
    """Return weekly pattern, trend and interval; the same seed gives the same ones."""
    values = np.array(peaks.values, np.float64)
    known = np.flatnonzero(np.nan_to_num(values) > 0)
    first, last = (int(known[0]), int(known[-1])) if known.size else (0, -1)
    span = last - first + 1
    found = Growth(
        what=peaks.what,
        source=peaks.source,
        first=peaks.first + timedelta(days=first),
        last=peaks.first + timedelta(days=max(last, first)),
        days=int(known.size),
        recent_peak=peaks.recent,
        too_little=_too_little(span, int(known.size)),
    )
    if found.too_little:
        return Forecast(growth=found)
    logs = np.full(span, np.nan)
    logs[known - first] = np.log(values[known])
    week = _Week((found.first.weekday() + np.arange(span)) % 7, np.isfinite(logs))
    (level,), (slope,), (factors,) = week.lines(logs[np.newaxis])
    trend = level + slope * week.ahead + factors[week.weekday]
    drawn = trend + _rests(logs - trend, np.random.default_rng(seed))
    levels, slopes, _ = week.lines(drawn)
    draws = list(zip(levels.tolist(), slopes.tolist(), strict=True))
    ordered = np.sort(slopes)
    low, high = (ordered[round(share * (DRAWS - 1))] for share in (TAIL, 1 - TAIL))
    growth = replace(
        found,
        level=math.exp(float(level)),
        percent_per_month=_monthly(float(slope)),
        low_percent_per_month=_monthly(float(low)),
        high_percent_per_month=_monthly(float(high)),
        weekdays=tuple(np.exp(factors).tolist()),
        horizon=found.last + timedelta(days=span - 1),
    )
    return Forecast(growth=growth, draws=tuple(draws))


def _too_little(span: int, days: int) -> str:
    if span < DAYS_MIN:
        return (
            f"a trend needs daily peaks over at least {DAYS_MIN} days, got {max(span, 0)}; no date "
            "is given"
        )
    if days < SHARE_MIN * span:
        return (
            f"a trend needs a peak on at least {SHARE_MIN:.0%} of the days, got {days} of {span}; "
            "no date is given"
        )
    return ""


def _monthly(slope: float) -> float:
    return 100 * math.expm1(slope * _MONTH_DAYS)


class _Week:
    """The days of a history by their weekdays, and the trend that compares equal ones."""

    def __init__(self, weekday: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]) -> None:
        self.weekday, self.known = weekday, known
        span = weekday.size
        self.ahead = np.arange(span) - (span - 1.0)
        """Days to the last one: 0 on it, negative before."""
        lags = range(7, span, 7)
        early = np.concatenate([np.arange(span - lag) for lag in lags])
        late = np.concatenate([np.arange(lag, span) for lag in lags])
        both = known[early] & known[late]
        self.early, self.late = early[both], late[both]

    def lines(self, logs: Floats) -> tuple[Floats, Floats, Floats]:
        """Return level on the last day, slope a day, and each weekday's distance, row by row."""
        slopes = np.median(
            (logs[:, self.late] - logs[:, self.early]) / (self.late - self.early), axis=1
        )
        flat = logs - slopes[:, np.newaxis] * self.ahead
        of_days = [self.known & (self.weekday == day) for day in range(7)]
        means = np.stack(
            [
                np.median(flat[:, each], axis=1) if each.any() else np.full(len(logs), np.nan)
                for each in of_days
            ],
            axis=1,
        )
        levels = np.nanmedian(means, axis=1)
        return levels, slopes, np.nan_to_num(means - levels[:, np.newaxis])


def _rests(rest: Floats, generator: np.random.Generator) -> Floats:
    """Return what a trend leaves over, drawn anew DRAWS times.

    A day resembles the one before by their correlation, which is estimated too low from few days
    and is corrected for that (Kendall, "Note on bias in the estimation of autocorrelation",
    Biometrika 41, 1954, with its terms for a fitted trend); what is new of each day is drawn from
    what was new of all days.
    """
    centred = rest - np.nanmean(rest)
    pairs = np.isfinite(centred[1:]) & np.isfinite(centred[:-1])
    now, before = centred[1:][pairs], centred[:-1][pairs]
    power = float(np.dot(before, before))
    kinship = float(np.dot(now, before)) / power if power > 0 else 0.0
    kinship = min(max(kinship + (2 + 4 * kinship) / max(now.size, 1), 0.0), KINSHIP_MAX)
    news = now - kinship * before
    news = news - news.mean()
    # The days before the first one let the first one be like any other.
    shocks = generator.choice(news, (DRAWS, SETTLING_DAYS + rest.size))
    drawn = np.zeros_like(shocks)
    for day in range(1, shocks.shape[1]):
        drawn[:, day] = kinship * drawn[:, day - 1] + shocks[:, day]
    return np.asarray(drawn[:, SETTLING_DAYS:], np.float64)


def sentences(growth: Growth) -> Sequence[str]:
    """Return what the daily peaks show, a sentence each."""
    history = (
        f"{growth.what}: {growth.days} daily peaks from {growth.first.isoformat()} to "
        f"{growth.last.isoformat()}"
    )
    if growth.recent_peak is not None:
        history += f"; the highest of the last {RECENT_DAYS} days is {growth.recent_peak:,.4g}"
    if growth.too_little:
        return (f"{history}.", f"Too little data: {growth.too_little}.")
    low, high = growth.low_percent_per_month, growth.high_percent_per_month
    shown = (
        "" if low is None or low > 0 or (high or 0) < 0 else "; no growth is shown by these data"
    )
    trend = (
        f"Trend: {growth.percent_per_month:+.1f} % a month ({low:+.1f} to {high:+.1f} %, 90 % "
        f"interval){shown}; at {growth.level:,.4g} on {growth.last.isoformat()}."
    )
    order = sorted(range(7), key=lambda day: growth.weekdays[day])
    week = (
        f"Week: {WEEKDAYS[order[-1]]} peaks highest ({growth.weekdays[order[-1]]:.0%} of a typical "
        f"day), {WEEKDAYS[order[0]]} lowest ({growth.weekdays[order[0]]:.0%})."
    )
    return (f"{history}.", trend, week)
