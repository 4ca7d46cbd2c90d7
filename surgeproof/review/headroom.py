"""Head-room: what a stack survives today, and what breaks first, second and third, and when.

Today's peak is the busiest step of the surge as the configuration scales it, or a rate that is
given; all requests of the surge are multiplied. After a limit is found it is lifted, and the search
goes on, so the next one is found behind it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from surgeproof.plan import Group, ScalingPlan
from surgeproof.plan.configured import Surviving
from surgeproof.review.breaking import Lifted, Search, ordered, scaled
from surgeproof.simulation import Bottleneck, Load
from surgeproof.simulation.measures import Cost, cost_of, first_alarm
from surgeproof.simulation.outcomes import Outcome, Word, outcome_over, survived_runs, word_of
from surgeproof.simulation.run import Run, run
from surgeproof.simulation.surges import most_strained, surge_start
from surgeproof.simulation.verdict import supply_unknown

REACTION: Final = frozenset({Bottleneck.DETECTION, Bottleneck.LAUNCH})
"""What keeps a group from having in time what it may have."""

FIND: Final = 3
"""How many limits are looked for, one behind the other."""

MARGIN: Final = 1.1
"""How far beyond the break point it is asked what broke, as a factor: at the point itself the
smallest relief of any kind would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A limit, as a program and a configuration know it."""

    limit: str
    """As the replay names it: `max_size`, `quota`, `connections`, ..."""
    resource: str
    """Resource, such as aws.autoscaling.Group `web`."""
    property: str
    """Its property that sets the limit."""
    setting: str
    """The setting of this project's configuration."""
    value: str
    """What it is, with its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A limit that is met, or several at once, and how the replay shows it."""

    limits: tuple[Named, ...]
    """The fewest limits without which the stack survives `beyond`. Empty: lifting all that the
    replay knows is not enough."""
    survives: float | None
    """Largest multiple of today's peak that every run survived. None: none that was tried."""
    breaks: float
    """Smallest multiple at which not every run survived."""
    peak_requests_per_second: float
    """Busiest step of the load at `breaks` (requests/s)."""
    runs: int
    survived_runs: int
    """Runs of these that survive at `breaks`."""
    beyond: float
    """The multiple at which it was asked what broke: MARGIN times `breaks`, or `breaks` itself
    where lifting all limits is not enough there."""
    beyond_survived_runs: int
    """Runs that survive there."""
    worst: Outcome
    """The most of users and of minutes over the runs there."""
    worst_without: Outcome | None
    """The same without these limits: every run survives. None: no limits explain it."""
    survives_again: tuple[float, ...]
    """Larger multiples that every run survived all the same."""
    tried: tuple[float, ...]
    """Multiples that were tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much of one limit is used at today's peak."""

    limit: str
    setting: str
    """What sets it."""
    value: float
    unit: str
    source: str
    """Where the value is from."""
    use: float
    """What today's peak needs of it where each instance carries least."""
    multiple: float | None
    """value / use: the group reaches the limit no later than that; None where nothing is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where quotas are from."""

    vcpus: str
    """Where the plan's vCPU quota is from."""
    targets: tuple[float, str] | None = None
    """Quota of targets in one target group, and where it is from. Default: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What the capacity costs while the surge lasts."""

    multiple: float
    hours: float
    """Length of the surge (hours)."""
    instance_hours: float
    price: float | None
    """Price of an instance-hour; None where none is stated."""
    currency: str

    @property
    def amount(self) -> float | None:
        """Cost of the surge, in `currency`."""
        return None if self.price is None else self.price * self.instance_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What a group has left under one surge."""

    surge: str
    trace: str
    group: str
    peak_requests_per_second: float
    """Today's peak: multiple 1 (requests/s)."""
    word: Word
    """The verdict at today's peak."""
    runs: int
    survived_runs: int
    most: float
    """Largest multiple that was looked at."""
    breaks: tuple[Break, ...]
    """What breaks first, second, ...; empty where nothing does up to `most`."""
    survives: float | None
    """Largest multiple that the stack as it is survives; None: none."""
    rooms: tuple[Room, ...]
    """One row a limit."""
    costs: tuple[Spend, ...]
    """Now and at the largest multiple that it survives."""
    notes: tuple[str, ...]
    """What a reader must know beside the figures."""


def headroom(
    plan: ScalingPlan,
    load: Load,
    *,
    surge: str,
    trace: str,
    group: Group,
    limits: Surviving,
    sources: Sources,
    most: float = 20.0,
    find: int = FIND,
    progress: Callable[[str], None] = lambda _: None,
) -> Headroom:
    """Return what a group of `plan`, which states its service, has left under a load.

    Args:
        plan: The plan; its service must be stated.
        load: Today's load: multiple 1.
        surge: What the load is called.
        trace: The trace that it is made of.
        group: The group that it hits.
        limits: What surviving means.
        sources: Where quotas are from.
        most: Largest multiple that is looked at.
        find: How many limits are looked for.
        progress: Is given a line on what is tried next.

    """
    part = most_strained(plan, load, group=group.name)
    search = Search(plan, part, group.name, limits, most=most, progress=progress)
    summaries = search.summaries(1.0)
    survived = survived_runs(summaries, limits)
    typical = run(search.trial(1.0).encoded)
    unknown = supply_unknown(plan, group.name)
    word = word_of(survived)
    if unknown and word is Word.SURVIVES:
        word = Word.UNCERTAIN
    found = tuple(_breaks(search, plan, group, find))
    survives = found[0].survives if found else most
    peak = search.needed_today()
    if peak is None:  # closed users: what the runs had
        peak = float(summaries["peak_instances"].max())
    rooms = tuple(_rooms(plan, group, typical, peak, sources))
    multiples = [1.0, *([survives] if survives and survives != 1.0 else [])]
    return Headroom(
        surge=surge,
        trace=trace,
        group=group.name,
        peak_requests_per_second=_peak(load),
        word=word,
        runs=int(survived.size),
        survived_runs=int(survived.sum()),
        most=most,
        breaks=found,
        survives=survives,
        rooms=rooms,
        costs=tuple(_spend(search, plan, group, each) for each in multiples),
        notes=tuple(_notes(part.is_whole, part.whole_seconds, unknown)),
    )


def _notes(is_whole: bool, seconds: float, unknown: Sequence[str]) -> Iterator[str]:  # noqa: FBT001
    if not is_whole:
        yield (
            f"Of {seconds / 3600:.3g} hours, the four that strain the group most were replayed; "
            "the use and the cost are of these."
        )
    if unknown:
        yield f"Not all that scales the group is known: {'; '.join(unknown)}."


def _peak(load: Load) -> float:
    return float(np.max(load.requests_per_second))


def _breaks(search: Search, plan: ScalingPlan, group: Group, find: int) -> Iterator[Break]:
    lifted: Lifted = frozenset()
    start = 1.0
    for number in range(find):
        edge = search.edge(lifted, start=start)
        if edge.breaks is None:
            return
        beyond = edge.breaks * MARGIN
        culprits = search.culprits(beyond, lifted)
        if not culprits:  # none is enough, or there it survives again
            beyond = edge.breaks
            culprits = search.culprits(beyond, lifted)
        summaries = search.summaries(edge.breaks, lifted)
        typical = run(search.trial(beyond, lifted).encoded)
        worse = search.summaries(beyond, lifted)
        without = search.summaries(beyond, lifted | culprits) if culprits else None
        named = tuple(
            _named(each, plan, group, typical, search.load) for each in ordered(culprits or ())
        )
        yield Break(
            limits=named,
            survives=edge.survives,
            breaks=edge.breaks,
            peak_requests_per_second=_peak(scaled(search.load, edge.breaks)),
            runs=int(summaries.size),
            survived_runs=int(survived_runs(summaries, search.limits).sum()),
            beyond=beyond,
            beyond_survived_runs=int(survived_runs(worse, search.limits).sum()),
            worst=outcome_over(worse, np.max, search.limits),
            worst_without=None if without is None else outcome_over(without, np.max, search.limits),
            survives_again=edge.survives_again,
            tried=edge.tried,
        )
        if not culprits or number + 1 == find:
            return
        lifted |= culprits
        if lifted >= REACTION:
            # Who reacts at once has all instances that the group may have, when they are needed.
            lifted |= {Bottleneck.MIN_SIZE}
        start = edge.breaks


def _spend(search: Search, plan: ScalingPlan, group: Group, multiple: float) -> Spend:
    typical = run(search.trial(multiple).encoded)
    cost: Cost = cost_of(plan, typical, search.needed(multiple), group.max_size)
    seconds = len(search.load.requests_per_second) * search.load.step_seconds
    return Spend(
        multiple=multiple,
        hours=seconds / 3600,
        instance_hours=cost.instance_hours,
        price=cost.instance_hour_price,
        currency=cost.currency,
    )


def _rooms(
    plan: ScalingPlan,
    group: Group,
    typical: Run,
    peak: float,
    sources: Sources,
) -> Iterator[Room]:
    """Yield each limit that has a number, with what today's peak needs of it.

    `peak` is how many instances it needs.
    """
    service, database = plan.service, plan.database
    most = max([group.max_size, *_scheduled(plan, group)])
    yield _room(Bottleneck.MAX_SIZE.short, _of_group("maxSize", group), "plan")(
        most, "instances", peak
    )
    if plan.quotas.vcpus is not None:
        others = sum(
            each.max_size * each.vcpus_per_instance for each in plan.groups if each is not group
        )
        yield _room("vCPU quota", "Service Quotas ec2 L-1216C47A", sources.vcpus)(
            plan.quotas.vcpus, "vCPU", peak * group.vcpus_per_instance + others
        )
    if sources.targets is not None and group.target_group is not None:
        setting = "Service Quotas elasticloadbalancing L-A0D0B863"
        yield _room("targets of a target group", setting, sources.targets[1])(
            sources.targets[0], "instances", peak
        )
    if service is not None and database is not None:
        held = service.connections_per_instance.high
        if database.max_connections is not None and held > 0 and not database.proxied:
            setting = f"`max_connections` of database `{database.name}`"
            yield _room(Bottleneck.CONNECTIONS.short, setting, "plan")(
                database.max_connections, "connections", held * peak
            )
        if database.queries_per_second is not None:
            setting = f"capacity of database `{database.name}`"
            yield _room(Bottleneck.DATABASE.short, setting, "plan")(
                database.queries_per_second.low,
                "requests/s",
                float(typical.column("demand").max()),
            )
    if group.warm_pool is not None:
        pool = group.warm_pool
        prepared = group.max_size if pool.max_prepared_size is None else pool.max_prepared_size
        size = max(pool.min_size, prepared - group.min_size)
        yield _room("warm pool", _of_group("warmPool", group), "plan")(
            size, "instances", max(peak - group.min_size, 0.0)
        )
    if service is not None:
        answering = np.maximum(typical.column("answering"), 1.0)
        setting = "service.requestsPerSecond (low end)"
        yield _room("instance capacity", setting, "configuration")(
            service.requests_per_second.low,
            "requests/s",
            float((typical.column("demand") / answering).max()),
        )


def _room(limit: str, setting: str, source: str) -> Callable[[float, str, float], Room]:
    """Return what makes the row of a limit from its value, its unit and its use."""
    return lambda value, unit, use: Room(
        limit=limit,
        setting=setting,
        value=value,
        unit=unit,
        source=source,
        use=use,
        multiple=value / use if use > 0 else None,
    )


def _scheduled(plan: ScalingPlan, group: Group) -> list[int]:
    return [
        each.max_size
        for each in plan.schedules
        if each.group == group.name and each.max_size is not None
    ]


def _of_group(path: str, group: Group) -> str:
    return f"`{path}` of aws.autoscaling.Group `{group.name}`"


def _named(limit: Bottleneck, plan: ScalingPlan, group: Group, typical: Run, load: Load) -> Named:
    """Return a limit in the program's words."""
    resource, property_, setting, value = _words(limit, plan, group, typical, load)
    return Named(
        limit=str(limit), resource=resource, property=property_, setting=setting, value=value
    )


def _words(
    limit: Bottleneck, plan: ScalingPlan, group: Group, typical: Run, load: Load
) -> tuple[str, str, str, str]:
    own = f"aws.autoscaling.Group `{group.name}`"
    service, database, targets = plan.service, plan.database, plan.target_group_of(group)
    match limit:
        case Bottleneck.MAX_SIZE:
            return own, "maxSize", "fleet.maxSize", f"{group.max_size} instances"
        case Bottleneck.MIN_SIZE:
            return own, "minSize", "fleet.minSize", f"{group.min_size} instances"
        case Bottleneck.QUOTA:
            stated = plan.quotas.vcpus
            value = "EC2's rate of launches" if stated is None else f"{stated:g} vCPU"
            return "AWS account", "Service Quotas ec2 L-1216C47A", "account.vcpuQuota", value
        case Bottleneck.CONNECTIONS if database is not None:
            value = f"{database.max_connections or 0:,} connections"
            setting = "database.instanceClass or database.proxy"
            return f"database `{database.name}`", "max_connections", setting, value
        case Bottleneck.DATABASE if database is not None:
            spent = service.database_seconds.typical if service else 0.0
            value = f"{spent:g} s a request on {database.parallelism:g} vCPU"
            setting = "database.instanceClass, service.databaseSeconds"
            return f"database `{database.name}`", "instanceClass", setting, value
        case Bottleneck.DETECTION:
            return (
                _reacting(plan, group),
                "metrics, periods and evaluation periods",
                "scaling.highResolutionMetric, scaling.targetUtilizationPercent",
                _detected(typical, load),
            )
        case Bottleneck.LAUNCH:
            boot = service.boot_seconds if service else None
            value = f"{boot.low:g} to {boot.high:g} s" if boot else "not stated"
            return own, "launchTemplate, warmPool", "service.bootSeconds, fleet.warmPool", value
        case Bottleneck.COLD:
            cold = service.cold_seconds if service else None
            slow = targets.slow_start_seconds if targets else 0
            value = f"cold for up to {cold.high if cold else 0:g} s, slow start {slow} s"
            setting = "service.coldSeconds, loadBalancer.slowStartSeconds"
            return _target_group(group), "slowStart", setting, value
        case Bottleneck.HEALTH_CHECKS:
            value = "no target group is known"
            if targets:
                value = (
                    f"every {targets.check_interval_seconds} s, {targets.unhealthy_threshold} "
                    f"failed or {targets.healthy_threshold} passed"
                )
            setting = "loadBalancer.healthCheckIntervalSeconds"
            return _target_group(group), "healthCheck", setting, value
        case Bottleneck.SCALE_IN:
            value = "policies may take instances away"
            return _reacting(plan, group), "disableScaleIn", "scaling", value
        case Bottleneck.SCHEDULE:
            names = ", ".join(each.name for each in plan.schedules if each.group == group.name)
            return f"aws.autoscaling.Schedule {names}", "minSize", "scaling.schedules", "as planned"
        case Bottleneck.RETRIES:
            value = f"{plan.users.retries} retries of each client"
            return "clients", "retries", "none: the replay assumes them", value
        case Bottleneck.SERVICE_TIME:
            seconds = service.service_seconds if service else None
            value = f"{seconds.low:g} to {seconds.high:g} s" if seconds else "not stated"
            return (
                "application",
                "service time",
                "service.serviceSeconds, slo.latencySeconds",
                value,
            )
    return own, limit.short, limit.short, limit.meaning


def _target_group(group: Group) -> str:
    return f"aws.lb.TargetGroup `{group.target_group or 'none'}`"


def _reacting(plan: ScalingPlan, group: Group) -> str:
    names = [each.name for each in plan.policies if each.group == group.name]
    return f"aws.autoscaling.Policy {', '.join(f'`{name}`' for name in names) or 'none'}"


def _detected(typical: Run, load: Load) -> str:
    """Return how long after the surge's beginning the group first asks for more."""
    begins = surge_start(load)
    asked = float(typical.summary["first_scale_out_at"])
    parts = []
    if begins is not None and math.isfinite(asked) and asked < 1e12 and asked >= begins:
        parts.append(f"more instances are asked for {asked - begins:.0f} s after it begins")
    elif begins is not None:
        parts.append("nothing asks for more instances after it begins")
    alarm = first_alarm(typical)
    if alarm is not None and begins is not None and alarm.at_seconds >= begins:
        parts.append(
            f"the first alarm, {alarm.name}, comes after {alarm.at_seconds - begins:.0f} s"
        )
    return "; ".join(parts) or "the load has no sudden rise"
