"""Where in a trace the surge is, and whether it is told in time."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from surgeproof.plan import (
    Alarm,
    CompositeAlarm,
    Metric,
    MetricMath,
    ScalingPlan,
    TargetTracking,
)
from surgeproof.simulation.catalogue import LOAD_BALANCER_METRICS
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.encode import Encoded, encode
from surgeproof.simulation.load import Load
from surgeproof.simulation.outcomes import Word, word_of
from surgeproof.simulation.run import Run, run
from surgeproof.simulation.verdict import COARSE_STEP, Trials

WINDOW_SECONDS: Final = 4 * 3600.0
"""Longest part of a trace that is replayed where time is short (seconds)."""

BEFORE_SECONDS: Final = 3600.0
"""How long such a part begins before the first bad requests in it (seconds)."""

GROWTH_SECONDS: Final = 300.0
"""A surge is where demand rises most within so long (seconds)."""

LEAST_GROWTH: Final = 1.2
"""Smallest rise within GROWTH_SECONDS that is a surge (factor)."""

BEGUN_SHARE: Final = 0.05
"""Share of that rise at which the surge has begun; below is noise."""

PAGE_SECONDS: Final = 300.0
"""Longest time from the surge's start to the first page (seconds)."""

FAST_PAGE_SECONDS: Final = 120.0
"""The same where anything reads a metric more often than once a minute (seconds)."""

PAGE: Final = "page"

DEMAND: Final = frozenset(
    {
        "ActiveConnectionCount",
        "ConsumedLCUs",
        "NewConnectionCount",
        "PeakLCUs",
        "ProcessedBytes",
        "RequestCount",
        "RequestCountPerTarget",
    }
)
"""Metrics of a load balancer that count what users ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a load; it is one itself."""

    requests_per_second: r.Floats
    step_seconds: float
    start_seconds: float
    dated: bool
    begins_at_seconds: float
    """Where it begins in the whole (seconds)."""
    whole_seconds: float
    """How long the whole is (seconds)."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return len(self.requests_per_second) * self.step_seconds >= self.whole_seconds


def most_strained(
    plan: ScalingPlan, load: Load, *, group: str, most_seconds: float = WINDOW_SECONDS
) -> Part:
    """Return the part of a load, of at most so long, that strains a group of `plan` most.

    In a coarse run of the whole, figures typical, it holds the most bad requests, and begins an
    hour before the spell in which these come; where no minute is bad, the instances are used most
    in its middle.
    """
    rates = np.asarray(load.requests_per_second, np.float64)
    step = float(load.step_seconds)
    first, count = 0, len(rates)
    if count * step > most_seconds:
        encoded = encode(plan, load, group=group, step_seconds=COARSE_STEP)
        begin = _begin(run(encoded), int(most_seconds // COARSE_STEP))
        count = max(int(most_seconds // step), 1)
        first = min(max(int(begin * COARSE_STEP // step), 0), len(rates) - count)
    return Part(
        requests_per_second=np.ascontiguousarray(rates[first : first + count]),
        step_seconds=step,
        start_seconds=load.start_seconds + first * step,
        dated=load.dated,
        begins_at_seconds=first * step,
        whole_seconds=len(rates) * step,
    )


def _begin(whole: Run, width: int) -> int:
    """Return the step at which the part of so many steps begins; it may lie before the first."""
    limit = float(whole.encoded.scenario["bad_share_limit"][0])
    harm = np.where(whole.bad > limit, whole.bad * whole.arrivals, 0.0)
    if not harm.any():
        return int(whole.column("utilisation").argmax()) - width // 2
    sums = np.concatenate(([0.0], np.cumsum(harm)))
    place = int((sums[width:] - sums[:-width]).argmax())
    calm = int(BEFORE_SECONDS // COARSE_STEP)
    harmful = np.flatnonzero(harm)
    # Back to the beginning of the spell: to where nothing was bad for an hour before.
    at = int(np.searchsorted(harmful, place))
    while at > 0 and harmful[at] - harmful[at - 1] <= calm:
        at -= 1
    return int(harmful[at]) - calm


def surge_start(load: Load) -> float | None:
    """Return when the surge begins (seconds after the load's start), or None where there is none.

    The surge is where demand rises most within five minutes; it begins where a twentieth of that
    rise has been made.
    """
    rates = np.asarray(load.requests_per_second, np.float64)
    ahead = max(round(GROWTH_SECONDS / load.step_seconds), 1)
    if rates.size < 2:
        return None
    padded = np.concatenate([rates, np.full(ahead, rates[-1])])
    highest = np.lib.stride_tricks.sliding_window_view(padded, ahead + 1).max(axis=1)
    rise = highest - rates
    at = int(rise.argmax())
    if highest[at] < LEAST_GROWTH * rates[at] or rise[at] <= 0:
        return None
    begun = np.flatnonzero(rates[at : at + ahead + 1] > rates[at] + BEGUN_SHARE * rise[at])
    return float((at + int(begun[0])) * load.step_seconds) if begun.size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """When one run told that a surge was there."""

    first_bad_minute: int
    """First minute outside the objective, counted from 0."""
    demand_alarm: str
    """The first alarm on demand; empty where there was none."""
    demand_at_seconds: float | None
    page: str
    """The first alarm that paged somebody; empty where there was none."""
    page_at_seconds: float | None
    in_time: bool
    """Whether both came in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Whether a surge is told in time, over all runs of a verdict."""

    word: Word
    """Survives: in time in every run; fails: late in every run."""
    runs: int
    late_runs: int
    start_seconds: float
    """When the surge begins (seconds)."""
    page_within_seconds: float
    """Longest time from there to the first page (seconds)."""
    watches_demand: bool
    """Whether any alarm does."""
    example: Told | None
    """The late run with the first bad minute that comes last: the most harmless. None: none is."""


def warned(plan: ScalingPlan, load: Load, trials: Trials) -> Warned | None:
    """Return whether the surge in `load` is told in time; None where there is no surge in it.

    In time is: an alarm on demand before the first bad minute, and the first page within
    PAGE_SECONDS of the surge's start, or FAST_PAGE_SECONDS where a metric is read more often than
    once a minute. A run in which no minute is bad needs neither.
    """
    start = surge_start(load)
    if start is None:
        return None
    periods = [alarm.period_seconds for alarm in plan.alarms]
    periods += [each.period_seconds for each in plan.policies if isinstance(each, TargetTracking)]
    within = FAST_PAGE_SECONDS if min(periods, default=60) < 60 else PAGE_SECONDS
    ours = _Watching(plan, trials.encoded)
    harmed = np.flatnonzero(trials.summaries["bad_minutes"] > 0)

    def told(number: int) -> Told:
        one = trials.records[number : number + 1]
        return ours.told(run(trials.encoded, one).log, trials.summaries[number], start, within)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        late = [each for each in pool.map(told, harmed.tolist()) if not each.in_time]
    in_time = np.ones(trials.records.size, np.int8)
    in_time[: len(late)] = 0
    return Warned(
        word=word_of(in_time),
        runs=trials.records.size,
        late_runs=len(late),
        start_seconds=start,
        page_within_seconds=within,
        watches_demand=bool(ours.demand),
        example=max(late, key=lambda each: each.first_bad_minute, default=None),
    )


class _Watching:
    """Which alarms watch demand, and which page."""

    def __init__(self, plan: ScalingPlan, encoded: Encoded) -> None:
        self.alarm_names, self.composite_names = encoded.alarm_names, encoded.composite_names
        own = {(metric.namespace, metric.name) for metric in plan.demand_metrics}
        self.demand = {alarm.name for alarm in plan.alarms if _is_demand(alarm, own)}
        alarms: list[Alarm | CompositeAlarm] = [*plan.alarms, *plan.composites]
        telling = [each for each in alarms if each.notifies]
        paging = [each for each in telling if PAGE in each.severity.split(",")]
        # Where no topic is called so, whoever is told at all is told.
        self.pages = {each.name for each in paging or telling}

    def told(self, log: r.Records, summary: r.Record, start: float, within: float) -> Told:
        minute = int(summary["first_bad_minute"])
        demand = self._first(log, self.demand)
        page = self._first(log, self.pages)
        return Told(
            first_bad_minute=minute,
            demand_alarm=demand[0] if demand else "",
            demand_at_seconds=demand[1] if demand else None,
            page=page[0] if page else "",
            page_at_seconds=page[1] if page else None,
            in_time=bool(
                demand and page and demand[1] <= 60.0 * minute and page[1] - start <= within
            ),
        )

    def _first(self, log: r.Records, names: set[str]) -> tuple[str, float] | None:
        """Return which of these alarms is the first to tell, and when (seconds)."""
        after = log[log["t"] >= 0]
        alarms = after[after["event"] == r.Event.ALARM_ALARM]
        # A composite alarm acts on OK too; its metric says on which.
        composites = after[(after["event"] == r.Event.COMPOSITE_ACTS) & (after["metric"] > 0)]
        found = [
            (float(entry["t"]), known[int(entry["subject"])])
            for known, entries in (
                (self.alarm_names, alarms),
                (self.composite_names, composites),
            )
            for entry in entries
            if known[int(entry["subject"])] in names
        ]
        at, name = min(found, default=(0.0, ""))
        return (name, at) if found else None


def watches_load(alarm: Alarm, plan: ScalingPlan) -> bool:
    """Return whether an alarm watches what a surge changes at the load balancer or in demand."""
    own = {(metric.namespace, metric.name) for metric in plan.demand_metrics}
    return any(
        each.namespace == LOAD_BALANCER_METRICS or (each.namespace, each.name) in own
        for each in _metrics(alarm)
    )


def _is_demand(alarm: Alarm, own: set[tuple[str, str]]) -> bool:
    metrics = _metrics(alarm)
    return bool(metrics) and all(
        (each.namespace, each.name) in own
        or (each.namespace == LOAD_BALANCER_METRICS and each.name in DEMAND)
        for each in metrics
    )


def _metrics(alarm: Alarm) -> Sequence[Metric]:
    metric = alarm.metric
    return [each for _, each in metric.metrics] if isinstance(metric, MetricMath) else [metric]
