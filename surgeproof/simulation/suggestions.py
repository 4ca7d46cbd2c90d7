"""Changes of a plan that help it to survive: each is replayed before it is told.

A change is searched for with the few runs that were hurt most and least, and then, where those
survive, held against all runs that a verdict rests on: those of every surge that the group has to
survive, so that what mends one surge and breaks another is not offered. What was tried in vain is
told too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from surgeproof.plan import (
    AdjustmentType,
    DemandMetric,
    Group,
    Metric,
    MissingData,
    Policy,
    ScalingPlan,
    StepScaling,
    TargetTracking,
    TrackedMetric,
    WarmPool,
)
from surgeproof.plan.configured import Surviving
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.encode import Encoded
from surgeproof.simulation.injections import Injected
from surgeproof.simulation.load import Load
from surgeproof.simulation.outcomes import (
    Outcome,
    Word,
    affected_percents,
    outcome_of,
    survived_runs,
    word_of,
)
from surgeproof.simulation.run import run, sweep
from surgeproof.simulation.scenarios import survey
from surgeproof.simulation.verdict import Judged, Trials, encoded_for, try_all

WORST: Final = 6
"""Runs, of those that were hurt most, that a change is searched for with."""

BEST: Final = 2
"""Runs, of those that were hurt least, that tell whether a change in vain helps at all."""

MOST_FACTOR: Final = 4
"""Sizes up to so many times the instances that the peak needs are tried."""

MOST_INSTANCES: Final = 1000
"""Largest size that is tried (instances)."""

TRIES: Final = 3
"""How often a change that the few runs survived is held against all, larger each time."""

DEMAND_CAPACITY: Final = 100.0
"""Value of a high-resolution metric that is only proposed, where an instance is fully used."""

FAST_SECONDS: Final = 10
"""Period of a high-resolution metric that is proposed (seconds)."""

_RANK: Final = {Word.FAILS: 0, Word.UNCERTAIN: 1, Word.SURVIVES: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting that is changed, as the configuration calls it and as a program does."""

    key: str
    """`fleet.maxSize`."""
    before: str
    after: str
    in_program: str
    """The same in a program of another kind: property, resource, and both values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A change of the plan, and what came of it when it was replayed."""

    settings: tuple[Setting, ...]
    word: Word
    """The verdict on the changed plan, by the runs below."""
    runs: int
    """Runs of the changed plan under all surges. Fewer than verdicts rest on where these few were
    enough to see that it does not survive."""
    surges: int
    """Surges under which they ran."""
    survived_runs: int
    typical: Outcome
    """What the run with all figures typical did to the users."""
    typical_before: Outcome
    """The same without the change."""
    word_before: Word
    """The verdict without the change."""

    @property
    def helps(self) -> bool:
        """Whether the verdict is better than without the change."""
        return _RANK[self.word] > _RANK[self.word_before]


Changed = tuple[ScalingPlan, tuple[Setting, ...]]


@dataclass(frozen=True, slots=True)
class _Knob:
    """One kind of change: values in the order in which they change more and more."""

    values: Sequence[float]
    change: Callable[[float], Changed]


def suggestions(
    plan: ScalingPlan,
    load: Load,
    judged: Judged,
    *,
    limits: Surviving,
    others: Sequence[tuple[Load, Judged]] = (),
    injected: Sequence[Injected] = (),
    seed: int = 0,
) -> tuple[Suggestion, ...]:
    """Return the changes that were tried, those that help most first, then the smaller harm.

    Args:
        plan: The plan that did not survive.
        load: What it did not survive.
        judged: The verdict on it under that load.
        limits: What surviving means.
        others: What else the group has to survive, each with the verdict under it.
        injected: What was injected.
        seed: That of the verdict.

    """
    measured, trials = judged.verdict.measured, judged.trials
    if measured is None or trials is None or measured.survived_runs == measured.runs:
        return ()
    search = _Search(plan, [(load, judged), *others], limits, injected, seed)
    group = plan.group(judged.verdict.group)
    most = math.ceil(MOST_FACTOR * float(np.max(judged.needed, initial=group.max_size)))
    most = min(most, MOST_INSTANCES)
    as_is = _Room(plan, group, group, ())
    rooms = [as_is]
    found: list[Suggestion | None] = []
    if int(trials.summaries["peak_instances"].max()) >= group.max_size:
        found.append(search.smallest(_max_size(as_is, most)))
        # Where the group may not grow, nothing else shows what it can do.
        widest = _with(plan, group, max_size=most)
        rooms.append(_wider(as_is, max(search.peak(widest), group.max_size + 1)))
    found.append(search.smallest(_min_size(as_is, most)))
    if not any(each is not None and each.word is Word.SURVIVES for each in found[:-1]):
        if found[-1] is None or len(found[-1].settings) > 1:
            found += [search.smallest(_min_size(room, most)) for room in rooms[1:]]
        for kind in (_warm_pool, _utilisation, _steps, _high_resolution):
            found.append(search.first([kind(room) for room in rooms]))
    kept = dict.fromkeys(each for each in found if each is not None)
    return tuple(sorted(kept, key=_most_helpful))


def _most_helpful(each: Suggestion) -> tuple[float, ...]:
    rank = -_RANK[each.word]
    return (rank, len(each.settings), each.typical.bad_minutes, each.typical.affected_users_percent)


def sentence(each: Suggestion, *, in_program: bool = False) -> str:
    """Return a suggestion as one line: the change, what is left of the harm, and the verdict.

    `in_program` names resources and properties, for a program that has no such settings.
    """
    settings = " and ".join(
        at.in_program if in_program else f"{at.key} {at.before} -> {at.after}"
        for at in each.settings
    )
    before, now = each.typical_before, each.typical
    gained = (
        f"affected users {_percent(before.affected_users_percent)} -> "
        f"{_percent(now.affected_users_percent)}, bad minutes {before.bad_minutes} -> "
        f"{now.bad_minutes}"
    )
    few = (
        "" if each.runs > each.surges * (WORST + BEST) else "of those hurt most and least before, "
    )
    under = f" under all {each.surges} surges" if each.surges > 1 else ""
    share = f"{few}{each.survived_runs} of {each.runs} runs{under} survive"
    word = str(each.word)
    if each.word == each.word_before:
        word = f"does not change the verdict, {each.word}"
    elif not each.helps:
        word = "does not help"
    return f"{settings}: {word}; {gained}; {share}"


def _percent(value: float) -> str:
    return "< 0.01 %" if 0 < value < 0.01 else f"{value:.3g} %"


class _Search:
    """Replays changed plans: first in the runs that tell most, then in all of them."""

    def __init__(
        self,
        plan: ScalingPlan,
        surges: Sequence[tuple[Load, Judged]],
        limits: Surviving,
        injected: Sequence[Injected],
        seed: int,
    ) -> None:
        _, first = surges[0]
        measured = first.verdict.measured
        assert measured is not None  # noqa: S101 - `suggestions` has looked
        self.limits, self.injected, self.seed = limits, injected, seed
        self.group = plan.group(first.verdict.group)
        words = [judged.verdict.word for _, judged in surges]
        self.word = min(words, key=lambda each: _RANK[each])
        self.before = measured.typical
        self.tried: list[_Tried] = []
        for load, judged in surges:
            if judged.trials is not None:
                self.tried.append(_Tried(load, *_extremes(judged.trials, limits)))

    def first(self, knobs: Sequence[_Knob | None]) -> Suggestion | None:
        """Return the smallest change of the first kind that survives, else of the last kind."""
        found = None
        for knob in knobs:
            found = self.smallest(knob) or found
            if found is not None and found.word is Word.SURVIVES:
                break
        return found

    def smallest(self, knob: _Knob | None) -> Suggestion | None:
        """Return the smallest change of a kind that survives, else the largest one, else None."""
        if knob is None or not knob.values:
            return None
        low, high = -1, len(knob.values) - 1
        if not self._holds(knob.change(knob.values[high])[0]):
            return self._in_vain(*knob.change(knob.values[high]))
        while high - low > 1:
            middle = (low + high) // 2
            if self._holds(knob.change(knob.values[middle])[0]):
                high = middle
            else:
                low = middle
        # What the runs hurt most survive, others may not: then it takes a little more.
        places = {min(high + n * max(1, high // 8), len(knob.values) - 1) for n in range(TRIES)}
        for place in sorted(places):
            found = self._confirmed(*knob.change(knob.values[place]))
            if found.word is Word.SURVIVES:
                break
        return found

    def _encoded(self, plan: ScalingPlan, load: Load) -> Encoded:
        return encoded_for(
            plan, load, group=self.group.name, injected=self.injected, seed=self.seed
        )

    def _some(self, plan: ScalingPlan, load: Load, chosen: r.Integers) -> r.Points:
        """Return which of these runs survive, of all that a verdict on `plan` would rest on."""
        encoded = self._encoded(plan, load)
        records = survey(encoded, self.seed).records
        return survived_runs(sweep(encoded, records[chosen]), self.limits)

    def peak(self, plan: ScalingPlan) -> int:
        """Return the most instances that the runs hurt most ask for."""
        most = 0
        for each in self.tried:
            encoded = self._encoded(plan, each.load)
            records = survey(encoded, self.seed).records
            most = max(most, int(sweep(encoded, records[each.worst])["peak_instances"].max()))
        return most

    def _holds(self, plan: ScalingPlan) -> bool:
        return all(self._some(plan, each.load, each.worst).all() for each in self.tried)

    def _in_vain(self, plan: ScalingPlan, settings: tuple[Setting, ...]) -> Suggestion:
        survived = [
            self._some(plan, each.load, np.concatenate([each.worst, each.best]))
            for each in self.tried
        ]
        return self._told(plan, settings, survived)

    def _confirmed(self, plan: ScalingPlan, settings: tuple[Setting, ...]) -> Suggestion:
        survived = []
        for each in self.tried:
            trials = try_all(
                plan, each.load, group=self.group.name, injected=self.injected, seed=self.seed
            )
            survived.append(survived_runs(trials.summaries, self.limits))
        return self._told(plan, settings, survived)

    def _told(
        self, plan: ScalingPlan, settings: tuple[Setting, ...], survived: Sequence[r.Points]
    ) -> Suggestion:
        encoded = self._encoded(plan, self.tried[0].load)
        word = min((word_of(each) for each in survived), key=lambda each: _RANK[each])
        return Suggestion(
            settings=settings,
            word=word,
            runs=sum(each.size for each in survived),
            surges=len(survived),
            survived_runs=sum(int(each.sum()) for each in survived),
            typical=outcome_of(run(encoded).summary, self.limits),
            typical_before=self.before,
            word_before=self.word,
        )


@dataclass(frozen=True, slots=True)
class _Tried:
    """A surge, and which of its runs were hurt most and least before."""

    load: Load
    worst: r.Integers
    best: r.Integers


def _extremes(trials: Trials, limits: Surviving) -> tuple[r.Integers, r.Integers]:
    harm = np.maximum(
        affected_percents(trials.summaries) / max(limits.affected_users_percent, 0.01),
        trials.summaries["bad_minutes"] / max(limits.bad_minutes, 0.5),
    )
    order = np.argsort(-harm, kind="stable")
    return order[:WORST], order[-BEST:]


@dataclass(frozen=True, slots=True)
class _Room:
    """A plan to be changed further, the group as it is planned, and what was changed so far."""

    plan: ScalingPlan
    planned: Group
    group: Group
    """The group with what was changed so far."""
    settings: tuple[Setting, ...]

    def changed(self, setting: Setting, **fields: Any) -> Changed:
        """Return the plan with other fields of the group."""
        return _with(self.plan, self.group, **fields), (*self.settings, setting)

    def capacity(self) -> float:
        """Return what the program takes for an instance's capacity (requests/s)."""
        service = self.plan.service
        assert service is not None  # noqa: S101 - without it there is no verdict
        return service.requests_per_second.low


def _with(plan: ScalingPlan, group: Group, **fields: Any) -> ScalingPlan:
    groups = (replace(each, **fields) if each.name == group.name else each for each in plan.groups)
    return replace(plan, groups=tuple(groups))


def _setting(
    key: str,
    before: object,
    after: object,
    place: str,
    values: tuple[object, object] | None = None,
) -> Setting:
    """Return a setting with what it is in a program: at `place`, with values of its own."""
    was, becomes = values or (before, after)
    return Setting(
        key=key,
        before=f"{before}",
        after=f"{after}",
        in_program=f"{place} {was} -> {becomes}",
    )


def _of_group(path: str, group: Group) -> str:
    return f"`{path}` of aws.autoscaling.Group `{group.name}`"


def _of_policy(path: str, policy: Policy) -> str:
    return f"`{path}` of aws.autoscaling.Policy `{policy.name}`"


def _wider(room: _Room, size: int) -> _Room:
    plan, settings = _max_size(room, size).change(size)
    return _Room(plan, room.planned, plan.group(room.group.name), settings)


def _max_size(room: _Room, most: int) -> _Knob:
    def change(value: float) -> Changed:
        place = _of_group("maxSize", room.group)
        setting = _setting("fleet.maxSize", room.planned.max_size, int(value), place)
        return room.changed(setting, max_size=int(value))

    return _Knob(range(room.group.max_size + 1, most + 1), change)


def _min_size(room: _Room, most: int) -> _Knob:
    """Keep more instances standing; the maximum rises with them where it is below."""

    def change(value: float) -> Changed:
        size = int(value)
        at = room if size <= room.group.max_size else _wider(replace(room, settings=()), size)
        desired = room.group.desired_capacity
        return at.changed(
            _setting(
                "fleet.minSize", room.planned.min_size, size, _of_group("minSize", room.group)
            ),
            min_size=size,
            desired_capacity=None if desired is None else max(desired, size),
        )

    return _Knob(range(room.group.min_size + 1, most + 1), change)


def _warm_pool(room: _Room) -> _Knob:
    pool = room.group.warm_pool

    def change(value: float) -> Changed:
        size = int(value)
        place = _of_group("warmPool.minSize", room.group)
        if pool is None:
            setting = _setting("fleet.warmPool.minSize", "no pool", size, place)
            return room.changed(setting, warm_pool=WarmPool(min_size=size))
        setting = _setting("fleet.warmPool.minSize", pool.min_size, size, place)
        return room.changed(setting, warm_pool=replace(pool, min_size=size))

    most = room.group.max_size - room.group.min_size
    return _Knob(range(pool.min_size + 1 if pool else 1, most + 1), change)


def _utilisation(room: _Room) -> _Knob | None:
    """Lower the target of each tracking that follows demand; steps stay as they are."""
    demand = {(metric.namespace, metric.name) for metric in room.plan.demand_metrics}

    def follows(policy: Policy) -> bool:
        if not isinstance(policy, TargetTracking) or policy.group != room.group.name:
            return False
        metric = policy.metric
        return metric == TrackedMetric.REQUESTS_PER_TARGET or (
            isinstance(metric, Metric) and (metric.namespace, metric.name) in demand
        )

    tracked = [
        policy
        for policy in room.plan.policies
        if isinstance(policy, TargetTracking) and policy.metric == TrackedMetric.REQUESTS_PER_TARGET
        if follows(policy)
    ]
    if not tracked:
        return None
    first = tracked[0]
    now = 100.0 * first.target / (60.0 * room.capacity())

    def change(value: float) -> Changed:
        policies = tuple(
            replace(policy, target=policy.target * value / now)
            if isinstance(policy, TargetTracking) and follows(policy)
            else policy
            for policy in room.plan.policies
        )
        setting = _setting(
            "scaling.targetUtilizationPercent",
            f"{now:.3g}",
            f"{value:g}",
            _of_policy("targetTrackingConfiguration.targetValue", first),
            (f"{first.target:.4g}", f"{first.target * value / now:.4g}"),
        )
        return replace(room.plan, policies=policies), (*room.settings, setting)

    return _Knob([value for value in range(95, 15, -5) if value <= now - 5], change)


def _steps(room: _Room) -> _Knob | None:
    """Enlarge the steps of the surge alarm."""

    def larger(policy: Policy, factor: float) -> Policy:
        if not isinstance(policy, StepScaling) or policy.group != room.group.name:
            return policy
        if policy.adjustment_type is AdjustmentType.EXACT_CAPACITY:
            return policy
        steps = tuple(
            replace(step, adjustment=math.ceil(step.adjustment * factor))
            if step.adjustment > 0
            else step
            for step in policy.steps
        )
        return replace(policy, steps=steps)

    def added(policy: Policy) -> str:
        steps = policy.steps if isinstance(policy, StepScaling) else ()
        return ", ".join(f"{step.adjustment:g}" for step in steps)

    first = next((each for each in room.plan.policies if larger(each, 2) != each), None)
    if first is None:
        return None

    def change(value: float) -> Changed:
        policies = tuple(larger(policy, value) for policy in room.plan.policies)
        after = added(larger(first, value))
        place = _of_policy("stepAdjustments[].scalingAdjustment", first)
        setting = _setting("scaling.steps[].addPercent", added(first), after, place)
        return replace(room.plan, policies=policies), (*room.settings, setting)

    return _Knob((1.5, 2, 3, 4), change)


def _high_resolution(room: _Room) -> _Knob | None:
    """Add a metric of demand every ten seconds, with what the program makes of one.

    That is a target tracking, and a copy of each surge alarm with its steps.
    """
    plan, capacity = room.plan, 60.0 * room.capacity()
    if plan.demand_metrics:
        return None
    metric = Metric(namespace="Proposed", name="Demand")
    unit = DEMAND_CAPACITY / capacity
    tracked = [
        policy
        for policy in plan.policies
        if isinstance(policy, TargetTracking)
        and policy.group == room.group.name
        and policy.metric == TrackedMetric.REQUESTS_PER_TARGET
    ]
    policies: list[Policy] = [
        replace(
            policy,
            name=f"{policy.name}-fast",
            metric=metric,
            target=policy.target * unit,
            period_seconds=FAST_SECONDS,
        )
        for policy in tracked
    ]
    alarms = [
        replace(
            alarm,
            name=f"{alarm.name}-fast",
            metric=metric,
            threshold=alarm.threshold * unit,
            period_seconds=FAST_SECONDS,
            missing_data=MissingData.IGNORE,
            alarm_actions=tuple(f"{name}-fast" for name in alarm.alarm_actions),
            ok_actions=(),
        )
        for alarm in plan.alarms
        if isinstance(alarm.metric, Metric) and alarm.metric.name == "RequestCountPerTarget"
    ]
    run_by = {name.removesuffix("-fast") for alarm in alarms for name in alarm.alarm_actions}
    policies += [
        replace(
            policy,
            name=f"{policy.name}-fast",
            steps=tuple(
                replace(
                    step,
                    lower=None if step.lower is None else step.lower * unit,
                    upper=None if step.upper is None else step.upper * unit,
                )
                for step in policy.steps
            ),
        )
        for policy in plan.policies
        if isinstance(policy, StepScaling) and policy.name in run_by
    ]
    if not policies:
        return None

    def change(_: float) -> Changed:
        demand = DemandMetric(
            namespace=metric.namespace, name=metric.name, capacity_per_instance=DEMAND_CAPACITY
        )
        changed = replace(
            plan,
            demand_metrics=(demand,),
            policies=(*plan.policies, *policies),
            alarms=(*plan.alarms, *alarms),
        )
        place = f"a metric of demand, and policies and alarms on it, for `{room.group.name}`"
        setting = _setting("scaling.highResolutionMetric", "none", f"every {FAST_SECONDS} s", place)
        return changed, (*room.settings, setting)

    return _Knob((1.0,), change)


__all__ = ["Setting", "Suggestion", "sentence", "suggestions"]
