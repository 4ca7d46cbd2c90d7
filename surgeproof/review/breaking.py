"""At which multiple of a load a group no longer survives, and which limit it then meets.

Both are answered by the replay. A multiple is tried with the runs that a verdict rests on; the
stack survives it where every run does. The search goes up in steps of `GRID` from the first
multiple until one does not survive, then halves the last step until its ends differ by at most
`EXACT`. It works with few runs, those that are hurt most, and its answer is held against all of
them; runs that this loses join the few, and the search goes on below. Below the answer
the multiples `BELOW` are tried, too, and above it `BEYOND`: where a stack survives more but not
less, the lower one is the answer, and the report names the others.

What broke is the smallest set of limits without which the stack survives the multiple: all are
lifted, and then one after the other is put back where the stack survives with it. Limits that a
number in the program sets are put back last, so they are named wherever they suffice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from surgeproof.plan import ScalingPlan
from surgeproof.plan.configured import Surviving
from surgeproof.simulation import Bottleneck
from surgeproof.simulation.attribution import lifts
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.encode import Encoded
from surgeproof.simulation.encode_scenario import complete
from surgeproof.simulation.load import Load
from surgeproof.simulation.measures import needed_instances
from surgeproof.simulation.outcomes import affected_percents, survived_runs
from surgeproof.simulation.run import sweep
from surgeproof.simulation.scenarios import Survey, survey
from surgeproof.simulation.verdict import encoded_for

GRID: Final = 1.25
"""Factor between two multiples of the first pass."""

EXACT: Final = 1.02
"""Factor between the largest multiple that survives and the smallest that does not."""

BEYOND: Final = (1.1, 1.3, 1.7)
"""Multiples of the break point that are tried above it."""

BELOW: Final = (0.97, 0.94, 0.9, 0.85)
"""Multiples of the largest one that survives that are tried below it."""

LEAST: Final = 0.05
"""Smallest multiple that is tried."""

FEW: Final = 8
"""Runs, of those that are hurt most, that the search works with."""

AHEAD_SECONDS: Final = 120.0
"""How far ahead a group looks that neither detection nor launches delay (seconds): the load
balancer's first health checks of a new instance take their time all the same."""

FINE: Final = 1000.0
"""Multiple at which the instances that are needed are counted, to know them to a thousandth."""

MOST_INSTANCES: Final = 1000
"""Largest size of a group whose maximum is lifted (instances)."""

LIMITS: Final = (
    Bottleneck.MAX_SIZE,
    Bottleneck.QUOTA,
    Bottleneck.CONNECTIONS,
    Bottleneck.DATABASE,
    Bottleneck.DETECTION,
    Bottleneck.LAUNCH,
    Bottleneck.HEALTH_CHECKS,
    Bottleneck.COLD,
    Bottleneck.MIN_SIZE,
    Bottleneck.SCALE_IN,
    Bottleneck.SCHEDULE,
    Bottleneck.RETRIES,
    Bottleneck.SERVICE_TIME,
)
"""What may break, in the order in which it is named where one of several would have to go."""

_ORDER: Final = (
    Bottleneck.SCHEDULE,
    Bottleneck.MIN_SIZE,
    *(each for each in LIMITS if each not in {Bottleneck.SCHEDULE, Bottleneck.MIN_SIZE}),
)
"""The order in which limits are lifted: foresight adds scheduled sizes, which come last."""

Lifted = frozenset[Bottleneck]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where a group stops surviving."""

    survives: float | None
    """Largest multiple that was tried and that every run survived, below `breaks`. None: not even
    LEAST."""
    breaks: float | None
    """Smallest multiple that was tried and that not every run survived. None: none up to the
    largest one asked for."""
    survives_again: tuple[float, ...] = ()
    """Multiples above `breaks` that every run survived: the answer is not monotone."""
    tried: tuple[float, ...] = ()
    """All multiples that were tried, in order."""


@dataclass(slots=True)
class _Trial:
    """A group under one multiple with some limits lifted, ready to run."""

    encoded: Encoded
    survey: Survey
    records: r.Records


@dataclass(slots=True)
class Search:
    """Searches over the multiples of one load for one group; keeps what it has run."""

    plan: ScalingPlan
    load: Load
    group: str
    limits: Surviving
    most: float = 20.0
    """Largest multiple that is tried."""
    progress: Callable[[str], None] = lambda _: None
    _few: r.Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    _needed: dict[float, r.Floats] = field(default_factory=dict)
    _trials: dict[tuple[float, Lifted], _Trial] = field(default_factory=dict)

    def needed(self, multiple: float) -> r.Floats:
        """Return the instances that the objective needs at each step; empty where nobody knows."""
        if multiple not in self._needed:
            encoded = encoded_for(self.plan, scaled(self.load, multiple), group=self.group)
            self._needed[multiple] = needed_instances(self.plan, encoded)
        return self._needed[multiple]

    def needed_today(self) -> float | None:
        """Return the instances that today's peak needs where each carries least; no whole number.

        None where nobody knows. Many times the load is asked about, so that no rounding is left.
        """
        needed = self.needed(FINE)
        if not needed.size:
            return None
        figure = encoded_for(self.plan, self.load, group=self.group).figures["requests_per_second"]
        return float(needed.max()) / FINE * figure.typical / max(figure.low, 1e-9)

    def trial(self, multiple: float, lifted: Lifted = frozenset()) -> _Trial:
        """Return a group under a multiple of the load with some limits lifted."""
        key = (multiple, lifted)
        if key not in self._trials:
            self._trials.clear()  # one is large, and the next one is another
            self._trials[key] = self._made(multiple, lifted)
        return self._trials[key]

    def _made(self, multiple: float, lifted: Lifted) -> _Trial:
        load, needed = scaled(self.load, multiple), self.needed(multiple)
        plan = self.plan
        if Bottleneck.MAX_SIZE in lifted:
            plan = _wide(plan, self.group, needed)
        base = encoded_for(plan, load, group=self.group)
        chosen = survey(base)
        ahead = AHEAD_SECONDS if lifted >= {Bottleneck.DETECTION, Bottleneck.LAUNCH} else 0.0
        encoded, foreseen = base, _foreseen(base, needed, ahead)
        for limit in _ORDER:
            if limit in lifted and limit is not Bottleneck.MAX_SIZE:
                encoded = dict(lifts(encoded, foreseen)).get(limit, encoded)
        if lifted and Bottleneck.QUOTA not in lifted:
            encoded = _within_quota(encoded, base)
        records = chosen.records.copy()
        for name in r.SCENARIO.names or ():
            if base.scenario[name][0] != encoded.scenario[name][0]:
                records[name] = encoded.scenario[name][0]
        if Bottleneck.DETECTION in lifted:
            # The foresight reckons with the usual delay of a scheduled action.
            records["schedule_delay_seconds"] = base.scenario["schedule_delay_seconds"][0]
        complete(records, encoded.figures)
        return _Trial(encoded, chosen, records)

    def summaries(
        self, multiple: float, lifted: Lifted = frozenset(), *, few: bool = False
    ) -> r.Records:
        """Return what comes of all runs, or of the few that are hurt most."""
        trial = self.trial(multiple, lifted)
        records = trial.records
        if few:
            if not self._few.size:
                first = trial.survey.worse.start
                self._few = np.arange(first, first + FEW)
            records = records[self._few]
        return sweep(trial.encoded, records)

    def holds(self, multiple: float, lifted: Lifted = frozenset(), *, few: bool = False) -> bool:
        """Return whether all runs survive a multiple, or all of the few."""
        summaries = self.summaries(multiple, lifted, few=few)
        survived = survived_runs(summaries, self.limits)
        if survived.all():
            return True
        if not few:
            self._join(summaries, survived)
        return False

    def _join(self, summaries: r.Records, survived: r.Points) -> None:
        """Let the runs that are hurt most be among the few."""
        harm = np.maximum(
            affected_percents(summaries) / max(self.limits.affected_users_percent, 0.01),
            summaries["bad_minutes"] / max(self.limits.bad_minutes, 0.5),
        )
        lost = np.flatnonzero(survived == 0)
        worst = lost[np.argsort(-harm[lost], kind="stable")][:FEW]
        # The least hurt of those that are lost decides last; the most hurt one decides first.
        least = lost[np.argsort(harm[lost], kind="stable")][:1]
        self._few = np.unique(np.concatenate([self._few, worst, least]))

    def edge(self, lifted: Lifted = frozenset(), *, start: float = 1.0) -> Edge:
        """Return where the group stops surviving, some limits lifted.

        Args:
            lifted: Limits that are not there.
            start: Multiple at which the search begins; it goes down from there where it must.

        """
        tried: dict[float, bool] = {}

        def few(multiple: float) -> bool:
            if not tried.get(multiple, True):
                return False
            self.progress(f"multiple {multiple:.3g}")
            tried[multiple] = self.holds(multiple, lifted, few=True)
            return tried[multiple]

        def settled(low: float | None, high: float | None) -> tuple[float | None, float | None]:
            if high is not None:
                low, high = self._halved(low, high, few)
            # What the few survive, others may not: they join the few, and the search goes on below.
            while low is not None and not self.holds(low, lifted):
                tried[low] = False
                low, high = self._halved(self._below(low, few), low, few)
            return low, high

        again: list[float] = []
        low, high = settled(*self._bracket(start, few))
        while low is not None and (lower := self._gap(low, few)) is not None:
            again.append(low)
            low, high = settled(self._below(lower, few), lower)
        if high is not None:
            above = [high * factor for factor in BEYOND if high * factor <= self.most]
            again += [each for each in above if few(each) and self.holds(each, lifted)]
        return Edge(
            survives=low,
            breaks=high,
            survives_again=tuple(sorted(set(again))),
            tried=tuple(sorted(tried)),
        )

    @staticmethod
    def _gap(low: float, few: Callable[[float], bool]) -> float | None:
        """Return a multiple below one that survives which does not, if any of those tried."""
        return next((low * share for share in BELOW if not few(low * share)), None)

    def _bracket(
        self, start: float, few: Callable[[float], bool]
    ) -> tuple[float | None, float | None]:
        at = min(start, self.most)
        if not few(at):
            return self._below(at, few), at
        while at < self.most:
            higher = min(at * GRID, self.most)
            if not few(higher):
                return at, higher
            at = higher
        return at, None

    @staticmethod
    def _below(multiple: float, few: Callable[[float], bool]) -> float | None:
        at = multiple / GRID
        while at >= LEAST:
            if few(at):
                return at
            at /= GRID
        return None

    @staticmethod
    def _halved(
        low: float | None, high: float, few: Callable[[float], bool]
    ) -> tuple[float | None, float]:
        while low is not None and high / low > EXACT:
            middle = float(np.sqrt(low * high))
            if few(middle):
                low = middle
            else:
                high = middle
        return low, high

    def culprits(self, multiple: float, lifted: Lifted = frozenset()) -> Lifted | None:
        """Return the fewest further limits without which a multiple is survived.

        None where it is not survived even without all of them.
        """
        present = [each for each in self.present(multiple, lifted) if each not in lifted]
        every = frozenset(present)
        while self.holds(multiple, lifted | every, few=True):
            found = every
            for limit in reversed(present):
                self.progress(f"multiple {multiple:.3g}: {limit.short}")
                if self.holds(multiple, lifted | found - {limit}, few=True):
                    found -= {limit}
            # What the few survive, others may not: they join the few.
            if self.holds(multiple, lifted | found):
                return found
            if found == every:
                break
        return None

    def present(self, multiple: float, lifted: Lifted = frozenset()) -> Iterator[Bottleneck]:
        """Yield the limits that the plan has, in the order in which they are named."""
        known = dict(lifts(self.trial(multiple, lifted).encoded, self.needed(multiple)))
        yield from (each for each in LIMITS if each in known)


def _foreseen(encoded: Encoded, needed: r.Floats, ahead_seconds: float) -> r.Floats:
    """Return the instances that a group asks for which foresees what each moment needs.

    It reckons with the least that an instance may carry, so it is in time in the worst run, too.
    """
    if not needed.size:
        return needed
    figure = encoded.figures["requests_per_second"]
    most = np.ceil(needed * (figure.typical / max(figure.low, 1e-9)) - 1e-9)
    steps = int(ahead_seconds // float(encoded.scenario["step_seconds"][0]))
    padded = np.concatenate([most, np.full(steps, most[-1])])
    windows = np.lib.stride_tricks.sliding_window_view(padded, steps + 1)
    return np.asarray(windows.max(axis=1), np.float64)


def _within_quota(encoded: Encoded, base: Encoded) -> Encoded:
    """Return a plan whose lifted sizes still keep to the account's quota.

    Instances that run from the start are given to a run, and nothing asks whether they may.
    """
    scenario = encoded.scenario.copy()
    quota, each = float(scenario["vcpu_quota"][0]), float(scenario["vcpus_per_instance"][0])
    if quota <= 0.0 or each <= 0.0:
        return encoded
    schedules = encoded.schedules.copy()
    for name in ("min_size", "desired"):
        most = max(quota // each, float(base.scenario[name][0]))
        for sizes in (scenario, schedules):
            sizes[name] = np.minimum(sizes[name], most)
    return replace(encoded, scenario=scenario, schedules=schedules)


def scaled(load: Load, multiple: float) -> Load:
    """Return a load with its requests multiplied."""
    return _Scaled(load, multiple) if multiple != 1.0 else load


class _Scaled:
    """A load with its requests multiplied."""

    def __init__(self, load: Load, multiple: float) -> None:
        self.requests_per_second = np.asarray(load.requests_per_second, np.float64) * multiple
        self.step_seconds = load.step_seconds
        self.start_seconds = load.start_seconds
        self.dated = load.dated


def _wide(plan: ScalingPlan, group: str, needed: r.Floats) -> ScalingPlan:
    """Return the plan with a maximum size that is no limit."""
    own = plan.group(group)
    peak = int(needed.max()) if needed.size else 4 * own.max_size
    size = max(min(2 * peak + 2, MOST_INSTANCES), own.max_size + 1)
    wider = replace(own, max_size=size)
    if own.min_size == own.max_size and not _scales(plan, group):
        # A group of one size grows in no other way.
        wider = replace(wider, min_size=size, desired_capacity=None)
    return replace(
        plan,
        groups=tuple(wider if each is own else each for each in plan.groups),
        schedules=tuple(
            replace(each, max_size=None) if each.group == group else each for each in plan.schedules
        ),
    )


def _scales(plan: ScalingPlan, group: str) -> bool:
    return any(each.group == group for each in plan.policies)


def ordered(limits: Sequence[Bottleneck] | Lifted) -> tuple[Bottleneck, ...]:
    """Return limits in the order in which they are named."""
    return tuple(sorted(limits, key=LIMITS.index))
