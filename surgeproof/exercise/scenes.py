"""What an exercise can be about: the catalogue of incidents, and more that only train people.

    from surgeproof.exercise.scenes import SCENES, scene

    made = scene("retry-storm", seed=7)    # a scenario, and what it is

Every scene has a database and a date of its own, so that neither gives a scene away. Numbers are
drawn by the seed; each is a choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Final

import numpy as np

from surgeproof.incident.causes import Cause
from surgeproof.incident.scenarios import (
    EACH,
    GROUP,
    MINUTES,
    SCENARIOS,
    SIZE,
    STACK,
    Scenario,
    even_demand,
    rising_demand,
    service_plan,
)
from surgeproof.plan import Database, Figure, ScalingPlan, TargetTracking, TrackedMetric
from surgeproof.plan.model import InstanceRefresh
from surgeproof.simulation import Injected, Injection
from surgeproof.traces.trace import Trace

_exactly = Figure.exactly


class What(StrEnum):
    """What a scene is; `Cause` has the same without the last."""

    SURGE = "surge"
    BAD_DEPLOYMENT = "bad deployment"
    SLOW_DATABASE = "slow database"
    ZONE_LOST = "zone lost"
    RETRY_STORM = "retry storm"
    METRICS_LATE = "metrics late"
    QUIET = "nothing wrong"
    """It looks like trouble, and no user is hurt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A scenario of which an exercise can be made."""

    scenario: Scenario
    what: What


def scene(name: str, seed: int) -> Scene:
    """Return the scene of that name; KeyError where there is none (`SCENES` has them)."""
    made = SCENES[name](seed)
    # Quiet scenes have no cause; the catalogue's causes have the names of `What`.
    quiet = made.cause is Cause.UNDETERMINED
    return Scene(scenario=made, what=What.QUIET if quiet else What(made.cause.value))


def _of_catalogue(name: str) -> Callable[[int], Scenario]:
    def make(seed: int) -> Scenario:
        made = SCENARIOS[name](seed)
        return replace(made, plan=_with_database(made.plan), trace=_redated(made, seed))

    return make


def _redated(made: Scenario, seed: int) -> Trace:
    """Return the demand on another day of March 2026, at its own time of day."""
    drawn = Random(f"day {made.name} {seed}")  # noqa: S311 - a simulation
    began = datetime.fromtimestamp(made.trace.start_seconds, UTC)
    day = datetime(2026, 3, drawn.randint(2, 26), began.hour, began.minute, tzinfo=UTC)
    return replace(made.trace, start_seconds=day.timestamp())


def _with_database(plan: ScalingPlan) -> ScalingPlan:
    """Return the plan with a database that is no limit, where it has none."""
    if plan.database is not None or plan.service is None:
        return plan
    like = service_plan(database_seconds=_exactly(0.002))
    alarm = next(each for each in like.alarms if each.name.endswith("database-load-critical"))
    return replace(
        plan,
        alarms=(*plan.alarms, alarm),
        service=replace(plan.service, database_seconds=_exactly(0.002)),
        database=Database(
            name=f"{STACK}-database",
            max_connections=1000,
            queries_per_second=_exactly(2000.0),
            parallelism=8,
        ),
    )


def _surge(seed: int) -> Scenario:
    """Return a rise of demand beyond what a fleet of fixed size carries."""
    drawn = Random(f"surge {seed}")  # noqa: S311 - a simulation
    trace = _wave(drawn, "surge", drawn.uniform(1.9, 2.6), 60.0 * drawn.randint(2, 8))
    return Scenario(
        name="more-users",
        seed=seed,
        title="more users than a fleet of fixed size carries",
        cause=Cause.SURGE,
        plan=_with_database(service_plan()),
        trace=trace,
    )


def _surge_after_deployment(seed: int) -> Scenario:
    """Return the same some time after a deployment that went well: a misleading path."""
    drawn = Random(f"surge-after-deployment {seed}")  # noqa: S311 - a simulation
    trace = _wave(drawn, "surge", drawn.uniform(1.9, 2.6), 60.0 * drawn.randint(2, 8))
    return Scenario(
        name="more-users-after-deployment",
        seed=seed,
        title="more users than a fleet of fixed size carries, after a harmless deployment",
        cause=Cause.SURGE,
        plan=_refreshed(_with_database(service_plan())),
        trace=trace,
        injected=(Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=60.0),),
    )


def _quiet_peak(seed: int) -> Scenario:
    """Return the peak of an ordinary evening, which the group follows."""
    drawn = Random(f"quiet-peak {seed}")  # noqa: S311 - a simulation
    plan = _with_database(service_plan())
    tracking = TargetTracking(
        name=f"{GROUP}-requests",
        group=GROUP,
        metric=TrackedMetric.REQUESTS_PER_TARGET,
        target=60 * EACH * 0.5,
    )
    return Scenario(
        name="quiet-peak",
        seed=seed,
        title="the peak of an ordinary evening, which the group follows in time",
        cause=Cause.UNDETERMINED,
        plan=replace(plan, groups=(replace(plan.groups[0], max_size=18),), policies=(tracking,)),
        trace=rising_demand(
            drawn,
            "quiet-peak",
            60.0 * drawn.randint(12, 18),
            60.0 * drawn.randint(50, 60),
            drawn.uniform(1.9, 2.4),
            load=0.42,
        ),
    )


def _quiet_deployment(seed: int) -> Scenario:
    """Return a deployment that hurts nobody."""
    drawn = Random(f"quiet-deployment {seed}")  # noqa: S311 - a simulation
    return Scenario(
        name="quiet-deployment",
        seed=seed,
        title="a deployment that hurts nobody",
        cause=Cause.UNDETERMINED,
        plan=_refreshed(_with_database(service_plan())),
        trace=even_demand(drawn, "quiet-deployment", load=drawn.uniform(0.4, 0.48)),
        injected=(
            Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=60.0 * drawn.randint(22, 30)),
        ),
    )


def _quiet_large_deployment(seed: int) -> Scenario:
    """Return a deployment at a quiet hour that pages, since half the instances are away at once."""
    drawn = Random(f"quiet-large-deployment {seed}")  # noqa: S311 - a simulation
    return Scenario(
        name="quiet-large-deployment",
        seed=seed,
        title="a deployment that replaces half the instances at once, and hurts nobody",
        cause=Cause.UNDETERMINED,
        plan=_refreshed(_with_database(service_plan()), min_healthy_percent=50),
        trace=even_demand(drawn, "quiet-large-deployment", load=drawn.uniform(0.22, 0.28)),
        injected=(
            Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=60.0 * drawn.randint(48, 52)),
        ),
    )


def _refreshed(plan: ScalingPlan, min_healthy_percent: int = 90) -> ScalingPlan:
    # The warm-up outlasts the boot, so that one instance is missing at a time.
    refresh = InstanceRefresh(min_healthy_percent=min_healthy_percent, warmup_seconds=240)
    return replace(plan, groups=(replace(plan.groups[0], refresh=refresh),))


def _wave(drawn: Random, name: str, factor: float, lasts_seconds: float) -> Trace:
    """Return demand that rises after forty minutes, stays for half an hour and falls again."""
    even = even_demand(drawn, name, load=0.5)
    begins = 60.0 * drawn.randint(38, 45)
    seconds = np.arange(0.0, 60.0 * MINUTES, even.step_seconds)
    corners = (begins, begins + lasts_seconds, begins + 1800.0, begins + 2400.0)
    rates = 0.5 * EACH * SIZE * np.interp(seconds, corners, (1.0, factor, factor, 1.0))
    return replace(even, requests_per_second=rates)


SCENES: Final[Mapping[str, Callable[[int], Scenario]]] = MappingProxyType(
    {
        **{name: _of_catalogue(name) for name in SCENARIOS},
        "more-users": _surge,
        "more-users-after-deployment": _surge_after_deployment,
        "quiet-peak": _quiet_peak,
        "quiet-deployment": _quiet_deployment,
        "quiet-large-deployment": _quiet_large_deployment,
    }
)
"""Every scene by name; each takes a seed."""
