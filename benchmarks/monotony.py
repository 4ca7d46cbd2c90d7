"""Prints in how many random configurations more would hurt: instances, a faster boot, and so on.

python -m benchmarks.monotony [configurations] [first]

More instances, a faster boot, a faster metric and a larger maximum should never hurt more users.
Each configuration is replayed as it is and with each change. Where a change hurts more than 3
points more of the users, `REASONS` are asked why; where none holds, both are repeated with other
chances and phases. What hurts more in the mean of those, too, is a finding.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    BalancingAlgorithm,
    Comparison,
    Database,
    DemandMetric,
    Figure,
    Group,
    HealthCheckType,
    LoadBalancer,
    Metric,
    MissingData,
    Policy,
    ScalingPlan,
    Service,
    StepAdjustment,
    StepScaling,
    TargetGroup,
    TargetTracking,
    TrackedMetric,
    Users,
    WarmPool,
)
from surgeproof.simulation import encode, run, sweep
from surgeproof.simulation.compiled.records import Event, Floats, Records
from surgeproof.simulation.outcomes import affected_percents
from surgeproof.simulation.run import Run
from surgeproof.traces.trace import Flags

CONFIGURATIONS: Final = 700
"""Configurations that are drawn."""

POINTS: Final = 3.0
"""Users by which a change may hurt more (percentage points)."""

REPEATS: Final = 64
"""Runs with other chances and phases that decide where one run is worse."""

ERRORS: Final = 2.0
"""Standard errors of the difference of their means that chance may make."""

SLOWEST_METRIC: Final = {"load_balancer_delay_seconds": 120.0, "ec2_delay_seconds": 120.0}
"""What a faster metric is compared with."""

SPAN_SECONDS: Final = 600.0
"""Spans in which harm is added up (seconds)."""

exactly = Figure.exactly


@dataclass(frozen=True, slots=True)
class Day:
    """A load."""

    requests_per_second: Floats
    step_seconds: float = 10.0
    start_seconds: float = 0.0
    dated: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A plan under a load, with what is set beside the plan."""

    plan: ScalingPlan
    load: Day
    settings: Mapping[str, float]


def configuration(number: int) -> Case:
    """Return the configuration of that number."""
    chance = np.random.default_rng([7, number])

    def between(low: float, high: float) -> float:
        return float(np.exp(chance.uniform(np.log(low), np.log(high))))

    def one(*values: float) -> float:
        return float(chance.choice(values))

    rate, least = between(20, 200), int(between(2, 12))
    most = least + int(between(2, 3.0 * least + 4))
    seconds = between(0.01, 0.2)
    service = Service(
        requests_per_second=exactly(rate),
        cold_requests_per_second=exactly(rate * one(0.4, 0.7, 1)),
        cold_seconds=exactly(one(0, 30, 120)),
        service_seconds=exactly(seconds),
        service_variation=exactly(one(0.5, 1, 2)),
        boot_seconds=exactly(between(20, 300)),
        queue_size=exactly(round(between(0.3, 20) * rate)),
        database_seconds=exactly(0.3 * seconds),
        connections_per_instance=exactly(20),
    )
    group = Group(
        name="web",
        min_size=least,
        max_size=most,
        zones=("a", "b", "c")[: int(one(1, 2, 3))],
        default_instance_warmup_seconds=int(one(60, 120, 300)),
        health_check_type=HealthCheckType.ELB if chance.random() < 0.6 else HealthCheckType.EC2,
        health_check_grace_seconds=int(one(0, 60, 300)),
        detailed_monitoring=bool(chance.random() < 0.5),
        target_group="web",
        warm_pool=WarmPool(min_size=2) if chance.random() < 0.15 else None,
    )
    balancing = TargetGroup(
        name="web",
        check_interval_seconds=int(one(5, 10, 30)),
        unhealthy_threshold=int(one(2, 3, 5)),
        slow_start_seconds=int(one(0, 0, 60)),
        deregistration_delay_seconds=int(one(0, 30, 300)),
        algorithm=BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS
        if chance.random() < 0.3
        else BalancingAlgorithm.ROUND_ROBIN,
    )
    policies, alarms, metrics = _policies(chance, rate)
    database = None
    if chance.random() < 0.3:
        database = Database(
            name="db",
            max_connections=int(20 * (most + 2))
            if chance.random() < 0.7
            else int(20 * least * 1.3),
            queries_per_second=exactly(2.0 * rate),
            contention=exactly(one(0, 0.02)),
            coherency=exactly(one(0, 0.0005)),
        )
    users = Users(
        session_seconds=exactly(between(60, 900)),
        requests_per_session=exactly(int(one(1, 5, 20))),
        timeout_seconds=exactly(between(2, 20)),
        retries=int(one(0, 1, 3)),
        backoff_seconds=exactly(one(0.5, 2)),
    )
    plan = ScalingPlan(
        name="drawn",
        groups=(group,),
        policies=policies,
        alarms=alarms,
        demand_metrics=metrics,
        load_balancer=LoadBalancer(name="web"),
        target_groups=(balancing,),
        database=database,
        service=service,
        users=users,
    )
    return Case(plan, _load(chance, 0.9 * between(0.3, 0.8) * rate * least), SLOWEST_METRIC)


def _policies(
    chance: np.random.Generator, rate: float
) -> tuple[tuple[Policy, ...], tuple[Alarm, ...], tuple[DemandMetric, ...]]:
    policies: list[Policy] = []
    alarms: list[Alarm] = []
    metrics: tuple[DemandMetric, ...] = ()
    kind = chance.integers(0, 5)
    use = float(chance.uniform(0.35, 0.75))
    if kind in {0, 1, 4}:
        policies.append(
            TargetTracking(
                name="requests",
                group="web",
                metric=TrackedMetric.REQUESTS_PER_TARGET,
                target=60 * use * rate,
            )
        )
    if kind in {1, 2}:
        policies.append(
            TargetTracking(name="cpu", group="web", metric=TrackedMetric.CPU, target=100 * use)
        )
    if kind == 3:
        metrics = (DemandMetric(namespace="Shop", name="Demand", capacity_per_instance=100.0),)
        policies.append(
            TargetTracking(
                name="demand",
                group="web",
                metric=Metric(namespace="Shop", name="Demand"),
                target=100 * use,
                period_seconds=10,
            )
        )
    if kind in {3, 4}:
        policies.append(
            StepScaling(
                name="jump",
                group="web",
                adjustment_type=AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
                steps=(
                    StepAdjustment(lower=0, upper=30 * rate, adjustment=50),
                    StepAdjustment(lower=30 * rate, upper=None, adjustment=100),
                ),
            )
        )
        alarms.append(
            Alarm(
                name="jump",
                metric=Metric(
                    namespace="AWS/ApplicationELB", name="RequestCountPerTarget", statistic="Sum"
                ),
                comparison=Comparison.GREATER,
                threshold=60 * min(1.3 * use, 0.95) * rate,
                missing_data=MissingData.NOT_BREACHING,
                alarm_actions=("jump",),
            )
        )
    return tuple(policies), tuple(alarms), metrics


def _load(chance: np.random.Generator, base: float) -> Day:
    """Return a load with one or two surges in an hour and a half."""
    moments = np.arange(540) * 10.0
    rates = np.full(moments.size, base)
    for begins in (900.0, 3300.0)[: int(chance.integers(1, 3))]:
        rise = float(chance.choice([10.0, 120.0, 600.0]))
        lasts = float(chance.uniform(300, 1500))
        peak = base * float(chance.uniform(0.3, 3.0))
        up = np.clip((moments - begins) / rise, 0, 1)
        down = np.clip((begins + rise + lasts + 300 - moments) / 300, 0, 1)
        rates += peak * np.minimum(up, down)
    return Day(rates)


def _larger(case: Case, more: int) -> Case:
    group = case.plan.groups[0]
    least = group.min_size + more
    grown = replace(group, min_size=least, max_size=max(group.max_size, least))
    return replace(case, plan=replace(case.plan, groups=(grown,)))


def _wider(case: Case, factor: float) -> Case:
    group = case.plan.groups[0]
    most = max(int(group.max_size * factor), group.max_size + 1)
    return replace(case, plan=replace(case.plan, groups=(replace(group, max_size=most),)))


def _quicker(case: Case, factor: float) -> Case:
    service = case.plan.service
    assert service is not None  # noqa: S101 - `configuration` states one
    boot = exactly(service.boot_seconds.typical * factor)
    return replace(case, plan=replace(case.plan, service=replace(service, boot_seconds=boot)))


def _prompter(case: Case) -> Case:
    return replace(case, settings=dict.fromkeys(case.settings, 60.0))


def _detailed(case: Case) -> Case:
    group = replace(case.plan.groups[0], detailed_monitoring=True)
    return replace(case, plan=replace(case.plan, groups=(group,)))


CHANGES: Final[Mapping[str, Callable[[Case], Case]]] = MappingProxyType(
    {
        "one more instance": lambda case: _larger(case, 1),
        "half as many instances more": lambda case: _larger(
            case, max(case.plan.groups[0].min_size // 2, 1)
        ),
        "a maximum larger by a quarter": lambda case: _wider(case, 1.25),
        "twice the maximum": lambda case: _wider(case, 2.0),
        "a boot faster by a fifth": lambda case: _quicker(case, 0.8),
        "a boot in half the time": lambda case: _quicker(case, 0.5),
        "metrics a minute earlier": _prompter,
        "detailed monitoring": _detailed,
    }
)
"""What should never hurt."""


@dataclass(frozen=True, slots=True)
class Found:
    """A change of a configuration that hurts more in one run."""

    number: int
    change: str
    before: float
    after: float
    """Users affected in the typical run (percent)."""
    mean_before: float
    mean_after: float
    """The same over `REPEATS` runs, where these were made."""
    reason: str
    """What explains it; empty where nothing does."""


def _run(case: Case) -> Run:
    encoded = encode(case.plan, case.load)
    return run(encoded, _with(encoded.scenario, case.settings))


def _with(scenario: Records, settings: Mapping[str, float]) -> Records:
    changed = scenario.copy()
    for name, value in settings.items():
        changed[name] = value
    return changed


def _repeated(case: Case) -> Floats:
    """Return the users affected in runs that differ in chance and phase (percent)."""
    encoded = encode(case.plan, case.load)
    records = np.repeat(_with(encoded.scenario, case.settings), REPEATS)
    records["seed"] = np.arange(REPEATS)
    records["alarm_phase_seconds"] = 59.9 * np.arange(REPEATS) / REPEATS
    return affected_percents(sweep(encoded, records, threads=1))


def _connections(before: Run, after: Run) -> Flags:
    """Return when more instances share the connections, so that more requests get none."""
    c = after.scenario

    def refused(each: Run) -> Floats:
        wanted = np.maximum(each.column("in_service") * c["connections_per_instance"], 1e-9)
        return np.asarray(np.maximum(1.0 - c["max_connections"] / wanted, 0.0))

    if not c["has_database"] or c["max_connections"] <= 0:
        return np.zeros(after.bad.size, np.bool_)
    return np.asarray(refused(after) > refused(before))


def _contention(before: Run, after: Run) -> Flags:
    """Return when more instances make the database carry less than is asked of it (USL)."""
    c = after.scenario

    def carried(each: Run) -> Floats:
        n = np.maximum(each.column("in_service"), 1.0)
        bends = 1 + c["contention"] * (n - 1) + c["coherency"] * n * (n - 1)
        return np.asarray(c["database_queries_per_second"] * n / bends)

    if not c["has_database"] or c["database_queries_per_second"] <= 0:
        return np.zeros(after.bad.size, np.bool_)
    return np.asarray(
        (carried(after) < carried(before)) & (carried(after) < after.column("attempts"))
    )


def _cold(before: Run, after: Run) -> Flags:
    """Return when more cold instances get their equal share of the requests, which is too much.

    AWS sends a new target as much as a warm one, unless slow start or the algorithm differ.
    """
    c = after.scenario
    if c["cold_seconds"] <= 0 or c["cold_requests_per_second"] >= c["requests_per_second"]:
        return np.zeros(after.bad.size, np.bool_)

    def missing(each: Run) -> Floats:
        warm = each.column("answering") * c["requests_per_second"]
        return np.asarray(warm - each.column("capacity"))

    # What has queued at them waits on for some time after they are warm.
    colder = missing(after) > missing(before) + 0.5 * c["cold_requests_per_second"]
    lasting = int(c["cold_seconds"] // c["step_seconds"])
    return np.asarray(np.convolve(colder, np.ones(lasting))[: colder.size] > 0)


def _scaled_in(before: Run, after: Run) -> Flags:
    """Return the spells in which more is bad, and that find fewer instances after a scale-in."""
    step = float(after.scenario["step_seconds"])
    ins = after.log[after.log["event"] == Event.SCALE_IN]["t"]
    begun = np.arange(after.bad.size) * step >= min(ins, default=np.inf)
    return _spells_with_fewer(before, after, begun)


def _asked_later(before: Run, after: Run) -> Flags:
    """Return the spells that find fewer instances, since more at first were enough for longer.

    A metric for each instance crosses its target later, and then by less: less is asked for.
    """
    more = after.scenario["min_size"] > before.scenario["min_size"]
    return _spells_with_fewer(before, after, np.full(after.bad.size, more))


def _spells_with_fewer(before: Run, after: Run, where: Flags) -> Flags:
    step = float(after.scenario["step_seconds"])
    fewer = where & (after.column("desired") < before.column("desired"))
    worse = np.flatnonzero(after.bad > before.bad)
    explained = np.zeros(after.bad.size, np.bool_)
    near, apart = int(60 / step), int(300 / step)
    for spell in np.split(worse, np.flatnonzero(np.diff(worse) > apart) + 1):
        if spell.size and fewer[max(spell[0] - near, 0) : spell[0] + near].any():
            explained[spell] = True
    return explained


def _drowned(before: Run, after: Run) -> Flags:
    """Return when fewer instances are healthy, though enough are in service, after both collapsed.

    In a fleet that is down, a new instance gets what all should carry. Those that come one by one
    are each drowned, those that come at once are not: see the surges `crowd-20` and
    `crowd-20-spread` of the request-level simulation, which says the same.
    """
    each = after.scenario["requests_per_second"]
    step = float(after.scenario["step_seconds"])

    def down(ran: Run) -> Flags:
        healthy, attempts = ran.column("answering") * each, ran.column("attempts")
        return np.asarray((healthy < attempts) & (ran.column("backlog") > 0))

    lately = np.convolve(down(before), np.ones(int(SPAN_SECONDS / step)))[: after.bad.size] > 0
    enough = after.column("in_service") * each >= after.column("demand")
    fewer = after.column("answering") < before.column("answering")
    return np.asarray(lately & down(after) & enough & fewer)


REASONS: Final[Mapping[str, Callable[[Run, Run], Flags]]] = MappingProxyType(
    {
        "connections": _connections,
        "contention": _contention,
        "cold instances": _cold,
        "scaled in sooner": _scaled_in,
        "asked for later": _asked_later,
        "come one by one": _drowned,
    }
)
"""Why something that should help may hurt, and when."""


def _reason(before: Run, after: Run) -> str:
    """Return what explains half of the harm that is added or more, alone or together; else nothing.

    Harm is the users hurt in spans of ten minutes: within these one collapse is now worse, now
    better than another. Of a span a reason explains as much as it does of the steps that are worse.
    """
    worse = np.maximum((after.bad - before.bad) * after.arrivals, 0.0)
    step = float(after.scenario["step_seconds"])
    starts = np.arange(0, worse.size, int(SPAN_SECONDS / step))
    added = np.array(
        [
            after.affected_percent_within(start, start + SPAN_SECONDS)
            - before.affected_percent_within(start, start + SPAN_SECONDS)
            for start in (starts * step).tolist()
        ]
    )
    added = np.maximum(added, 0.0)
    of_all = np.maximum(np.add.reduceat(worse, starts), 1e-12)
    held: dict[str, Flags] = {}
    for why, when in REASONS.items():
        steps = when(before, after)
        if steps.any():
            held[why] = steps
    if held:
        held[" and ".join(held)] = np.logical_or.reduce(list(held.values()))
    for why, steps in held.items():
        explained = np.add.reduceat(worse * steps, starts) / of_all
        if (added * explained).sum() >= 0.5 * added.sum():
            return why
    return ""


def compared(number: int) -> tuple[int, list[Found]]:
    """Return how many changes of a configuration were compared, and those that hurt more."""
    case = configuration(number)
    before = _run(case)
    found = []
    for name, change in CHANGES.items():
        changed = change(case)
        after = _run(changed)
        if after.affected_percent <= before.affected_percent + POINTS:
            continue
        means = before.affected_percent, after.affected_percent
        reason = _reason(before, after)
        if not reason:
            several = _repeated(case), _repeated(changed)
            means = float(several[0].mean()), float(several[1].mean())
            error = float(np.hypot(*(each.std() for each in several))) / REPEATS**0.5
            reason = "chance" if means[1] - means[0] <= POINTS + ERRORS * error else ""
        found.append(
            Found(
                number,
                name,
                before.affected_percent,
                after.affected_percent,
                *means,
                reason,
            )
        )
    return len(CHANGES), found


def survey(first: int, count: int) -> tuple[int, list[Found]]:
    """Return how many comparisons were made, and those that hurt more."""
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(compared, range(first, first + count), chunksize=8))
    return sum(number for number, _ in results), [each for _, found in results for each in found]


def told(first: int, count: int) -> Iterator[str]:
    """Yield the figures, then each finding."""
    comparisons, found = survey(first, count)
    findings = [each for each in found if not each.reason]
    yield (
        f"{count} configurations from number {first}, {comparisons} comparisons: {len(found)} hurt "
        f"more than {POINTS:g} points more in one run; findings without a reason: {len(findings)}"
    )
    for reason, times in Counter(each.reason for each in found if each.reason).most_common():
        yield f"  {reason}: {times}"
    for each in sorted(findings, key=lambda each: each.mean_before - each.mean_after):
        yield (
            f"  number {each.number}, {each.change}: {each.before:.1f} -> {each.after:.1f} % "
            f"(mean {each.mean_before:.1f} -> {each.mean_after:.1f} %)"
        )


def main() -> None:
    """Print the figures; exit with 1 where a finding has no reason."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CONFIGURATIONS
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    lines = list(told(first, count))
    print("\n".join(lines))
    sys.exit(int("without a reason: 0" not in lines[0]))


if __name__ == "__main__":
    main()
