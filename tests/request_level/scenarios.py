"""Surges as data: each a plan, a trace, and the figures of the service.

Small instances (10 or 5 requests/s each) so that few requests suffice. Time of one request: 0.4 s
with a squared coefficient of variation of 0.25, so that a service that is not overloaded answers
within the objective's 2 s. Traces begin with five or ten minutes of normal load. Those whose names
end in a number have fleets of that size; `drawn` adds as many whose parameters are drawn.
"""

from dataclasses import dataclass, replace
from math import exp

from surgeproof.plan.model import (
    AdjustmentType,
    Alarm,
    BalancingAlgorithm,
    Comparison,
    Database,
    DemandMetric,
    Figure,
    Group,
    HealthCheckType,
    LifecycleHook,
    LoadBalancer,
    Metric,
    MetricMath,
    MissingData,
    Objective,
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
from surgeproof.traces import Trace

exactly = Figure.exactly

LATENCY = Alarm(
    name="latency",
    metric=Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="p95"),
    comparison=Comparison.GREATER,
    threshold=2,
    evaluation_periods=2,
    missing_data=MissingData.IGNORE,
    notifies=True,
)
ERRORS = Alarm(
    name="errors",
    metric=MetricMath(
        expression="100 * FILL(errors, 0) / requests",
        metrics=(
            (
                "errors",
                Metric(
                    namespace="AWS/ApplicationELB",
                    name="HTTPCode_Target_5XX_Count",
                    statistic="Sum",
                ),
            ),
            (
                "requests",
                Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum"),
            ),
        ),
    ),
    comparison=Comparison.GREATER,
    threshold=5,
    evaluation_periods=2,
    missing_data=MissingData.NOT_BREACHING,
    notifies=True,
)
"""A minute that is not delivered yet is missing here, not 0 as where everything is filled."""
DEMAND = Metric(namespace="Surge", name="Demand")
TRACKING = TargetTracking(
    name="requests", group="web", metric=TrackedMetric.REQUESTS_PER_TARGET, target=360
)
"""60 % of what an instance carries."""
FAST_TRACKING = TargetTracking(
    name="demand", group="web", metric=DEMAND, target=60, period_seconds=10
)

GROUP = Group(
    name="web",
    min_size=8,
    max_size=24,
    zones=("a", "b", "c"),
    default_instance_warmup_seconds=120,
    detailed_monitoring=True,
    hooks=(LifecycleHook(name="ready", launching=True),),
    target_group="web",
)
SERVICE = Service(
    requests_per_second=exactly(10),
    service_seconds=exactly(0.4),
    concurrency=exactly(4),
    service_variation=exactly(0.25),
    boot_seconds=exactly(80),
    pool_start_seconds=exactly(30),
    queue_size=exactly(200),
)
USERS = Users(
    session_seconds=exactly(300),
    requests_per_session=exactly(5),
    timeout_seconds=exactly(10),
    retries=2,
    backoff_seconds=exactly(1),
)
PLAN = ScalingPlan(
    name="surge",
    groups=(GROUP,),
    policies=(TRACKING,),
    alarms=(LATENCY, ERRORS),
    load_balancer=LoadBalancer(name="web"),
    target_groups=(
        TargetGroup(
            name="web",
            check_interval_seconds=10,
            check_timeout_seconds=5,
            healthy_threshold=3,
            unhealthy_threshold=3,
            deregistration_delay_seconds=60,
        ),
    ),
    service=SERVICE,
    users=USERS,
    objective=Objective(latency_seconds=2, bad_requests_percent=1),
    demand_metrics=(
        DemandMetric(namespace="Surge", name="Demand", capacity_per_instance=100),
    ),
)  # fmt: skip
FIXED = replace(PLAN, groups=(replace(GROUP, max_size=8),), policies=())
POOLED = replace(GROUP, warm_pool=WarmPool())


@dataclass(frozen=True)
class Scenario:
    """A surge: what happens, and what is expected to come of it."""

    name: str
    story: str
    plan: ScalingPlan
    trace: Trace
    affected_percent: tuple | None = None
    """Bounds of the share of affected users at request level (percent), seen over several seeds.
    Default: none are stated."""
    bad_minutes: tuple | None = None
    """Bounds of the number of bad minutes, likewise."""
    losses: tuple = ()
    """Moments (seconds), each with the zones that are lost then."""
    boot_variation: float = 0
    """Spread of single boot times (standard deviation of the logarithm). Default: none."""
    speed_variation: float = 0
    """Spread of the instances' speed, likewise."""
    seeds: int = 20
    """How many seeds it is run with; more where chance decides much."""


def shape(name, *pieces):
    """Return a trace with steps of 10 s from pieces of (seconds, rate at a time into the piece)."""
    rates = []
    for seconds, rate in pieces:
        steps = int(seconds // 10)
        rates.extend(
            rate(10 * step + 5) if callable(rate) else float(rate) for step in range(steps)
        )
    return Trace(name, requests_per_second=rates, step_seconds=10)


def fleet(size, *, most=None, rate=10.0, workers=4, checks=None, service=None, latency=2, **group):
    """Return a plan with this many instances of `rate` requests/s at the start, and no policies."""
    seconds = workers / rate
    return replace(
        FIXED,
        groups=(
            replace(
                GROUP,
                min_size=size,
                max_size=most or size,
                vcpus_per_instance=workers,
                **group,
            ),
        ),
        target_groups=(replace(PLAN.target_groups[0], **(checks or {})),),
        service=replace(
            SERVICE,
            requests_per_second=exactly(rate),
            service_seconds=exactly(seconds),
            concurrency=exactly(workers),
            queue_size=exactly(round(20 * rate)),
            **(service or {}),
        ),
        alarms=(replace(LATENCY, threshold=latency), ERRORS),
        objective=replace(PLAN.objective, latency_seconds=latency),
    )


def tracked(plan, metric=TrackedMetric.REQUESTS_PER_TARGET, percent=60):
    """Return the plan with target tracking at so many percent of what an instance carries."""
    target = percent
    if metric is TrackedMetric.REQUESTS_PER_TARGET:
        target = percent / 100 * 60 * plan.service.requests_per_second.typical
    return replace(plan, policies=(replace(TRACKING, metric=metric, target=target),))


def stepped(plan, **adjustments):
    """Return the plan with a step policy for each name, which its alarm on the demand runs.

    An adjustment is (percent of capacity, `>` or `<`, threshold of demand in percent).
    """
    policies, alarms = [], []
    for name, (percent, side, threshold) in adjustments.items():
        out = side == ">"
        policies.append(
            StepScaling(
                name=name,
                group="web",
                adjustment_type=AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
                steps=(
                    StepAdjustment(
                        lower=0 if out else None, upper=None if out else 0, adjustment=percent
                    ),
                ),
            )
        )
        alarms.append(
            Alarm(
                name=f"{name}-demand",
                metric=DEMAND,
                comparison=Comparison.GREATER if out else Comparison.LESS,
                threshold=threshold,
                period_seconds=10,
                evaluation_periods=3,
                alarm_actions=(name,),
            )
        )
    return replace(plan, policies=tuple(policies), alarms=(*plan.alarms, *alarms))


NAMED = (
    Scenario(
        "step-x2",
        "Twice the load at once; target tracking on load balancer metrics comes late.",
        PLAN,
        shape("step-x2", (600, 44), (1080, 88)),
        (30, 45),
        (6, 8),
    ),
    Scenario(
        "ramp",
        "Twice the load within ten minutes; target tracking nearly keeps up.",
        PLAN,
        shape("ramp", (600, 44), (600, lambda t: 44 + 44 * t / 600), (900, 88)),
        (0, 1),
        (0, 2),
    ),
    Scenario(
        "flash-crowd",
        "Five times the load within a minute, then decay; high resolution and a warm pool.",
        replace(PLAN, groups=(replace(POOLED, max_size=32),), policies=(FAST_TRACKING,)),
        shape(
            "flash-crowd",
            (600, 40),
            (60, lambda t: 40 + 160 * t / 60),
            (1500, lambda t: 40 + 160 * exp(-t / 400)),
        ),
        (30, 40),
        (4, 5),
    ),
    Scenario(
        "metastable",
        "Two minutes of twice the load; then it is normal again, and retries keep the fleet down.",
        replace(FIXED, users=replace(USERS, retries=3)),
        shape("metastable", (600, 56), (120, 112), (1680, 56)),
        (75, 82),
        (30, 30),
    ),
    Scenario(
        "half-cold",
        "The fleet doubles from the warm pool; for five minutes the new half carries little.",
        replace(
            PLAN,
            groups=(replace(POOLED, min_size=8, max_size=16),),
            policies=(
                StepScaling(
                    name="double",
                    group="web",
                    adjustment_type=AdjustmentType.EXACT_CAPACITY,
                    steps=(StepAdjustment(lower=0, upper=None, adjustment=16),),
                ),
            ),
            alarms=(
                LATENCY,
                ERRORS,
                Alarm(
                    name="demand",
                    metric=DEMAND,
                    comparison=Comparison.GREATER,
                    threshold=75,
                    period_seconds=10,
                    evaluation_periods=3,
                    alarm_actions=("double",),
                ),
            ),
            service=replace(
                SERVICE,
                cold_requests_per_second=exactly(2.5),
                cold_seconds=exactly(300),
            ),
        ),
        shape("half-cold", (600, 48), (1500, 72)),
        (17, 24),
        (5, 7),
    ),
    Scenario(
        "database",
        "The database carries 100 requests/s, whatever the fleet does.",
        replace(
            PLAN,
            service=replace(
                SERVICE,
                database_seconds=exactly(0.05),
                connections_per_instance=exactly(4),
            ),
            database=Database(
                name="db",
                queries_per_second=exactly(100),
                parallelism=5,
                contention=exactly(1),
                max_connections=200,
            ),
        ),
        shape("database", (600, 44), (300, lambda t: 44 + 76 * t / 300), (1200, 120)),
        (82, 88),
        (22, 24),
    ),
    Scenario(
        "meltdown",
        "A twentieth too much for ten minutes: checks fail, the others get the share of those who\n"
        "are out, one after another is replaced, and until the load is low nobody is served. (At\n"
        "half the capacity it is chance when it recovers; a third is low enough for each seed.)",
        replace(
            FIXED,
            groups=(
                replace(
                    GROUP,
                    max_size=8,
                    health_check_type=HealthCheckType.ELB,
                    health_check_grace_seconds=60,
                ),
            ),
        ),
        shape("meltdown", (600, 56), (600, 84), (600, 24)),
        (55, 62),
        (11, 12),
    ),
    Scenario(
        "survived",
        "Half as much again within five minutes, on a fleet with room.",
        PLAN,
        shape("survived", (600, 28), (300, lambda t: 28 + 14 * t / 300), (900, 42)),
        (0, 0.5),
        (0, 0),
    ),
    Scenario(
        "crowd-20",
        "Twice the load at once on 20 instances that are all alike; new ones all come together.",
        tracked(fleet(20, most=40)),
        shape("crowd-20", (300, 110), (900, 220)),
        seeds=60,
    ),
    Scenario(
        "crowd-20-spread",
        "The same, but the new ones come one after another, and each is drowned.",
        tracked(fleet(20, most=40)),
        shape("crowd-20-spread", (300, 110), (900, 220)),
        boot_variation=0.15,
        speed_variation=0.02,
    ),
    Scenario(
        "crowd-40",
        "Small instances, no retries, and target tracking of the processor: no more than 100 %.",
        replace(
            tracked(fleet(40, most=80, rate=5.0, workers=2), TrackedMetric.CPU),
            users=replace(USERS, retries=0),
        ),
        shape("crowd-40", (300, 110), (900, 220)),
        boot_variation=0.15,
        speed_variation=0.02,
    ),
    Scenario(
        "capacity-24",
        "Exactly what 24 instances carry, for five minutes: chance decides whether it ends.",
        fleet(24),
        shape("capacity-24", (300, 144), (300, 240), (540, 144)),
        seeds=60,
    ),
    Scenario(
        "zones-9",
        "Two of three zones are lost at the peak.",
        tracked(fleet(9, most=27, rate=5.0, workers=2)),
        shape("zones-9", (300, 15), (300, lambda t: 15 + 9 * t / 300), (1020, 24)),
        losses=((720.0, ("b", "c")),),
        seeds=60,
    ),
    Scenario(
        "outstanding-24",
        "Twice the load at once; requests go to those that hold the fewest.",
        tracked(
            fleet(
                24,
                most=48,
                rate=5.0,
                workers=2,
                checks={"algorithm": BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS},
            )
        ),
        shape("outstanding-24", (300, 66), (1080, 132)),
        boot_variation=0.15,
        seeds=60,
    ),
    Scenario(
        "meltdown-24",
        "A tenth too much for six minutes, and the group replaces what fails its checks.",
        fleet(
            24,
            rate=5.0,
            workers=2,
            health_check_type=HealthCheckType.ELB,
            health_check_grace_seconds=60,
        ),
        shape("meltdown-24", (300, 84), (360, 132), (840, 48)),
    ),
    Scenario(
        "cut-off",
        "Requests of eight seconds; as the load falls, a third of the instances leave after five.",
        replace(
            stepped(
                fleet(
                    16,
                    most=24,
                    rate=5.0,
                    workers=40,
                    checks={"deregistration_delay_seconds": 5},
                    service={"longest_request_seconds": exactly(20)},
                    desired_capacity=24,
                    latency=25,
                ),
                less=(-33, "<", 45),
            ),
            users=replace(USERS, timeout_seconds=exactly(40), retries=0),
        ),
        shape("cut-off", (480, 72), (600, 48)),
    ),
)
