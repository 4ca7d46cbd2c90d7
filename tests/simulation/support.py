"""A plan and loads that the tests change one thing of."""

from dataclasses import dataclass, replace

import numpy as np

from surgeproof.plan import (
    Alarm,
    Comparison,
    Figure,
    Group,
    HealthCheckType,
    LoadBalancer,
    Metric,
    ScalingPlan,
    Service,
    TargetGroup,
    TargetTracking,
    TrackedMetric,
    Users,
)

CERTAIN = {
    "alarm_phase_seconds": 30,
    "boot_variation": 0,
    "speed_variation": 0,
    "registration_seconds": 0,
    "chance": 0,
}
"""Assumptions that make times easy to reckon."""


@dataclass(frozen=True)
class Rates:
    """A load given as a list of rates."""

    requests_per_second: np.ndarray
    step_seconds: float = 10.0
    start_seconds: float = 0.0
    dated: bool = False


def constant(rate, seconds, step=10):
    return Rates(np.full(seconds // step, float(rate)), step)


def surge(before, after, at, seconds, step=10):
    rates = np.full(seconds // step, float(before))
    rates[at // step :] = after
    return Rates(rates, step)


def service(**changes):
    figures = {
        "requests_per_second": Figure.exactly(100),
        "service_seconds": Figure.exactly(0.1),
        "boot_seconds": Figure.exactly(60),
        "service_variation": Figure.exactly(1),
        "queue_size": Figure.exactly(1000),
    }
    return Service(**(figures | changes))


def group(**changes):
    values = {
        "name": "web",
        "min_size": 2,
        "max_size": 10,
        "zones": ("a", "b"),
        "default_instance_warmup_seconds": 120,
        "health_check_type": HealthCheckType.ELB,
        "health_check_grace_seconds": 120,
        "detailed_monitoring": True,
        "group_metrics": True,
        "target_group": "tg",
    }
    return Group(**(values | changes))


def patient(**changes):
    """A group that replaces only what EC2 lost, so that overload alone replaces nothing."""
    return group(**({"health_check_type": HealthCheckType.EC2} | changes))


def users(**changes):
    values = {
        "session_seconds": Figure.exactly(300),
        "requests_per_session": Figure.exactly(5),
        "timeout_seconds": Figure.exactly(10),
        "backoff_seconds": Figure.exactly(1),
        "retries": 2,
    }
    return Users(**(values | changes))


def fixed(size, **changes):
    """A fleet of fixed size without policies or alarms."""
    values = {
        "name": "fixed",
        "groups": (group(min_size=size, max_size=size),),
        "load_balancer": LoadBalancer(name="lb"),
        # At 60 s of boot no more than two checks fail first: the first one passed makes it healthy.
        "target_groups": (TargetGroup(name="tg", unhealthy_threshold=3),),
        "service": service(),
        "users": users(),
    }
    return ScalingPlan(**(values | changes))


def scaling(**changes):
    """A fleet that tracks requests per target at half of what an instance carries."""
    values = {
        "groups": (group(),),
        "policies": (
            TargetTracking(
                name="requests",
                group="web",
                metric=TrackedMetric.REQUESTS_PER_TARGET,
                target=3000,
            ),
        ),
    }
    return replace(fixed(2), **(values | changes))


def latency_alarm(**changes):
    values = {
        "name": "slow",
        "metric": Metric(
            namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="p95"
        ),
        "comparison": Comparison.GREATER,
        "threshold": 1.0,
        "evaluation_periods": 3,
        "notifies": True,
    }
    return Alarm(**(values | changes))


def events(run, *kinds):
    """The log as pairs of moment and event, only those kinds if any are named."""
    return [
        (float(entry["t"]), int(entry["event"]))
        for entry in run.log
        if not kinds or entry["event"] in kinds
    ]


def first(run, kind, after=0.0):
    """The moment of the first event of a kind beyond `after`."""
    return next(t for t, _ in events(run, kind) if t > after)
