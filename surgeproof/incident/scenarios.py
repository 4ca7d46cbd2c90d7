"""The catalogue of simulated incidents: the outage, and five that look like a surge and are none.

    from surgeproof.incident.scenarios import SCENARIOS, scenario
    from surgeproof.incident.simulated import play

    played = play(scenario("slow-database", seed=7))
    evidence = played.evidence()                   # all of it, in AWS's shapes, in memory
    at_09_10 = played.evidence(until=moment)       # as it stood at that moment
    played.write(Path("bundle"))                   # the same as a bundle on disk
    played.scenario.cause, played.key()            # the answers: never part of the evidence

A scenario is a plan, a trace with dates, failures that are injected, and what people did. Its seed
draws the numbers: the same seed gives the same scenario, another one another. Each number is a
choice, and each scenario ends with everything well again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final

import numpy as np

from surgeproof.incident.causes import Cause
from surgeproof.outage.family import fleet, measures
from surgeproof.plan import (
    Alarm,
    Comparison,
    Database,
    Figure,
    Group,
    LoadBalancer,
    Metric,
    MissingData,
    ScalingPlan,
    Service,
    TargetGroup,
    TargetTracking,
    TrackedMetric,
    Users,
)
from surgeproof.plan.model import InstanceRefresh
from surgeproof.simulation import Injected, Injection
from surgeproof.traces.outage import ENDED_SECONDS, demand, shipped
from surgeproof.traces.trace import Trace

STACK: Final = "shop-prod"
"""Project and stack of the simulated service."""

GROUP: Final = f"{STACK}-web"
"""Its Auto Scaling group; its alarms and runbooks begin with this name."""

MINUTES: Final = 100
"""How long the look-alikes last (minutes)."""

EACH: Final = 20.0
"""What an instance of the look-alikes carries (requests/s)."""

SIZE: Final = 6
"""Instances that they have at first."""

_exactly = Figure.exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that people did, which AWS keeps in the timeline."""

    at_seconds: float
    """When they began (seconds of the trace)."""
    ends_seconds: float
    """When it was done (seconds of the trace)."""
    runbook: str = ""
    """Runbook that they ran, without the group's name."""
    refresh: str = ""
    """What became of the instance refresh: `Rollback Started` and its end `Rollback Succeeded`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """An incident that can be simulated."""

    name: str
    seed: int
    title: str
    """What it is, in a few words; it gives the answer away."""
    cause: Cause
    """What a review has to find."""
    plan: ScalingPlan
    trace: Trace
    """Demand, with dates."""
    injected: tuple[Injected, ...] = ()
    actions: tuple[Action, ...] = ()


def scenario(name: str, seed: int = 0) -> Scenario:
    """Return the scenario of that name; KeyError where there is none (`SCENARIOS` has them)."""
    return SCENARIOS[name](seed)


def _outage(seed: int) -> Scenario:
    """Return the outage of 15 January 2023: the shipped member of its family, whatever the seed.

    Its fleet had no group metrics and no runbooks. Here the group publishes its metrics, and the
    two measures that people took are runs of runbooks, so that AWS holds something of them.
    """
    values = shipped().values
    plan = fleet(values)
    group = replace(plan.groups[0], name=GROUP, group_metrics=True)
    alarms = tuple(replace(each, name=f"{GROUP}-{each.name}-critical") for each in plan.alarms)
    taken = measures(values)
    shed = next(each for each in taken if each.kind is Injection.LOAD_SHED)
    restart = next(each for each in taken if each.kind is Injection.ROLLING_RESTART)
    return Scenario(
        name="outage",
        seed=seed,
        title="the outage of 15 January 2023 on its fleet of fixed size",
        cause=Cause.SURGE,
        plan=replace(plan, name=STACK, groups=(group,), alarms=alarms),
        # It goes on until an hour after the end.
        trace=demand(values).slice(0.0, ENDED_SECONDS + 3600.0),
        injected=taken,
        actions=(
            _runbook("surge-mode", shed.start_seconds, 40),
            _runbook(
                "roll-instances",
                restart.start_seconds,
                restart.end_seconds - restart.start_seconds,
            ),
        ),
    )


def _bad_deployment(seed: int) -> Scenario:
    """Return a deployment whose instances carry a third until it is rolled back.

    The simulation knows no versions: what carries less is an instance that stays cold for as long
    as the bad version runs.
    """
    drawn = Random(f"bad-deployment {seed}")  # noqa: S311 - a simulation
    begins = 60 * drawn.randint(25, 32)
    lasts = 60 * drawn.randint(38, 45)
    plan = service_plan(
        cold_requests_per_second=_exactly(EACH * drawn.uniform(0.25, 0.35)),
        cold_seconds=_exactly(float(lasts)),
    )
    group = replace(
        plan.groups[0], refresh=InstanceRefresh(min_healthy_percent=90, warmup_seconds=60)
    )
    back = begins + lasts - 240.0
    return Scenario(
        name="bad-deployment",
        seed=seed,
        title="a deployment that carries a third of what the version before carried",
        cause=Cause.BAD_DEPLOYMENT,
        plan=replace(plan, groups=(group,)),
        trace=even_demand(drawn, "bad-deployment"),
        injected=(Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=float(begins)),),
        actions=(Action(at_seconds=back, ends_seconds=back + 600.0, refresh="Rollback"),),
    )


def _slow_database(seed: int) -> Scenario:
    """Return a database that answers many times slower for half an hour."""
    drawn = Random(f"slow-database {seed}")  # noqa: S311 - a simulation
    begins = 60.0 * drawn.randint(28, 36)
    return Scenario(
        name="slow-database",
        seed=seed,
        title="a database that answers many times slower than usual",
        cause=Cause.SLOW_DATABASE,
        plan=service_plan(database_seconds=_exactly(0.04)),
        trace=even_demand(drawn, "slow-database"),
        injected=(
            Injected(
                kind=Injection.DATABASE_SLOWER,
                start_seconds=begins,
                end_seconds=begins + 60.0 * drawn.randint(22, 30),
                value=round(drawn.uniform(6, 9), 1),
            ),
        ),
    )


def _zone_lost(seed: int) -> Scenario:
    """Return a zone that is lost with a third of the instances, of a fleet that needs them."""
    drawn = Random(f"zone-lost {seed}")  # noqa: S311 - a simulation
    begins = 60.0 * drawn.randint(28, 36)
    lasts = 60.0 * drawn.randint(20, 28)
    return Scenario(
        name="zone-lost",
        seed=seed,
        title="an Availability Zone that is lost, and no capacity in the others",
        cause=Cause.ZONE_LOST,
        plan=service_plan(),
        trace=even_demand(drawn, "zone-lost", load=drawn.uniform(0.69, 0.73)),
        injected=(
            Injected(
                kind=Injection.ZONE_LOST,
                start_seconds=begins,
                end_seconds=begins + lasts,
                value=float(drawn.randrange(3)),
            ),
            Injected(kind=Injection.NO_CAPACITY, start_seconds=begins, end_seconds=begins + lasts),
        ),
    )


def _retry_storm(seed: int) -> Scenario:
    """Return clients that try again many times what a short failure of the database cost them."""
    drawn = Random(f"retry-storm {seed}")  # noqa: S311 - a simulation
    begins = 60.0 * drawn.randint(28, 36)
    plan = service_plan(database_seconds=_exactly(0.02), queue_size=_exactly(60.0))
    users = replace(
        plan.users, retries=4, timeout_seconds=_exactly(2.0), backoff_seconds=_exactly(0.5)
    )
    shed = begins + 60.0 * drawn.randint(22, 28)
    return Scenario(
        name="retry-storm",
        seed=seed,
        title="clients that try again and again after a failure of two minutes",
        cause=Cause.RETRY_STORM,
        plan=replace(plan, users=users),
        trace=even_demand(drawn, "retry-storm", load=drawn.uniform(0.74, 0.78)),
        injected=(
            Injected(
                kind=Injection.DATABASE_SLOWER,
                start_seconds=begins,
                end_seconds=begins + 120.0,
                value=25.0,
            ),
            Injected(
                kind=Injection.LOAD_SHED, start_seconds=shed, end_seconds=shed + 300.0, value=0.8
            ),
        ),
        actions=(_runbook("surge-mode", shed, 40),),
    )


def _metrics_late(seed: int) -> Scenario:
    """Return the rise of an ordinary morning that the group would follow, if it saw it in time."""
    drawn = Random(f"metrics-late {seed}")  # noqa: S311 - a simulation
    begins = 60.0 * drawn.randint(24, 30)
    late = 60.0 * drawn.randint(17, 22)
    plan = service_plan()
    group = replace(plan.groups[0], max_size=18)
    tracking = TargetTracking(
        name=f"{GROUP}-requests",
        group=GROUP,
        metric=TrackedMetric.REQUESTS_PER_TARGET,
        target=60 * EACH * 0.55,
    )
    return Scenario(
        name="metrics-late",
        seed=seed,
        title="metrics that arrive a quarter of an hour late in the morning's rise",
        cause=Cause.METRICS_LATE,
        plan=replace(plan, groups=(group,), policies=(tracking,)),
        trace=rising_demand(drawn, "metrics-late", begins, 1500.0, 2.1),
        injected=(
            Injected(
                kind=Injection.METRICS_LATE,
                start_seconds=begins - 300,
                end_seconds=begins + 3000,
                value=late,
            ),
        ),
    )


SCENARIOS: Final[Mapping[str, Callable[[int], Scenario]]] = MappingProxyType(
    {
        "outage": _outage,
        "bad-deployment": _bad_deployment,
        "slow-database": _slow_database,
        "zone-lost": _zone_lost,
        "retry-storm": _retry_storm,
        "metrics-late": _metrics_late,
    }
)
"""Every scenario by name; each takes a seed."""

LOOK_ALIKES: Final = tuple(name for name in SCENARIOS if name != "outage")
"""The scenarios that are no surge."""


def _runbook(name: str, at_seconds: float, lasts_seconds: float) -> Action:
    return Action(at_seconds=at_seconds, ends_seconds=at_seconds + lasts_seconds, runbook=name)


def service_plan(**figures: Figure) -> ScalingPlan:
    """Return the service of the look-alikes, with figures of the application that differ."""
    each, size = EACH, SIZE
    balancer = "AWS/ApplicationELB"

    def alarm(
        role: str,
        metric: Metric,
        threshold: float,
        periods: int = 3,
        comparison: Comparison = Comparison.GREATER,
    ) -> Alarm:
        return Alarm(
            name=f"{GROUP}-{role}-critical",
            metric=metric,
            comparison=comparison,
            threshold=threshold,
            evaluation_periods=periods,
            missing_data=MissingData.NOT_BREACHING,
            notifies=True,
        )

    def of(name: str, statistic: str) -> Metric:
        return Metric(namespace=balancer, name=name, statistic=statistic)

    stated = {
        "service_seconds": _exactly(0.1),
        "queue_size": _exactly(15.0),
        "longest_request_seconds": _exactly(5.0),
        "boot_seconds": _exactly(120.0),
        "service_variation": _exactly(1.0),
        "connections_per_instance": _exactly(8.0),
        **figures,
    }
    has_database = "database_seconds" in figures
    return ScalingPlan(
        name=STACK,
        groups=(
            Group(
                name=GROUP,
                min_size=size,
                max_size=size,
                zones=("eu-central-1a", "eu-central-1b", "eu-central-1c"),
                target_group="web",
                detailed_monitoring=True,
                group_metrics=True,
            ),
        ),
        load_balancer=LoadBalancer(name="web"),
        target_groups=(TargetGroup(name="web", check_interval_seconds=10),),
        alarms=(
            alarm("slow-responses", of("TargetResponseTime", "p95"), 1.0),
            alarm("target-errors", of("HTTPCode_Target_5XX_Count", "Sum"), 0.05 * 60 * each * size),
            alarm("request-surge", of("RequestCountPerTarget", "Sum"), 60 * each * 0.95),
            alarm(
                "few-healthy-hosts",
                of("HealthyHostCount", "Minimum"),
                0.75 * size,
                comparison=Comparison.LESS,
            ),
            *(
                [
                    alarm(
                        "database-load",
                        Metric(namespace="AWS/RDS", name="CPUUtilization", statistic="Average"),
                        85.0,
                    )
                ]
                if has_database
                else []
            ),
        ),
        service=Service(requests_per_second=_exactly(each), **stated),
        users=Users(
            session_seconds=_exactly(180.0),
            requests_per_session=_exactly(6.0),
            timeout_seconds=_exactly(10.0),
            retries=1,
            backoff_seconds=_exactly(2.0),
        ),
        database=Database(
            name=f"{STACK}-database",
            max_connections=300,
            queries_per_second=_exactly(150.0),
            parallelism=8,
        )
        if has_database
        else None,
    )


def even_demand(drawn: Random, name: str, *, load: float = 0.55) -> Trace:
    """Return demand that is the same all along, but for a slow drift of a few percent."""
    return rising_demand(drawn, name, 0.0, 60.0 * MINUTES, drawn.uniform(1.0, 1.04), load=load)


def rising_demand(
    drawn: Random,
    name: str,
    begins_seconds: float,
    lasts_seconds: float,
    factor: float,
    *,
    load: float = 0.50,
) -> Trace:
    """Return demand that rises evenly; `load` is its share of the capacity at first."""
    base = load * EACH * SIZE
    seconds = np.arange(0.0, 60.0 * MINUTES, 2.0)
    risen = np.clip((seconds - begins_seconds) / lasts_seconds, 0.0, 1.0)
    start = datetime(2026, 3, 2, 7, tzinfo=UTC) + timedelta(
        days=drawn.randrange(25), minutes=15 * drawn.randrange(36)
    )
    return Trace(
        name,
        requests_per_second=base * (1.0 + risen * (factor - 1.0)),
        step_seconds=2.0,
        start_seconds=start.timestamp(),
        dated=True,
    )
