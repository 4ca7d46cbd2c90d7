"""Small plans whose fate is plain, as `surgeproof.simulation` judges them."""

from dataclasses import dataclass, replace

import numpy as np

from surgeproof.plan import (
    Figure,
    Group,
    LoadBalancer,
    NotSeen,
    ScalingPlan,
    Service,
    TargetGroup,
    TargetTracking,
    TrackedMetric,
)


@dataclass(frozen=True)
class Rates:
    requests_per_second: np.ndarray
    step_seconds: float = 60.0
    start_seconds: float = 0.0
    dated: bool = False


def surge(before, after, minutes=20, at=5):
    rates = np.full(minutes, float(before))
    rates[at:] = after
    return Rates(rates)


def group(name="web", size=4, **changes):
    values = {"name": name, "min_size": size, "max_size": size, "target_group": "tg"}
    return Group(**(values | changes))


def fixed(size=4, **changes):
    """A fixed fleet, each instance of which carries 80 to 120 requests/s."""
    values = {
        "name": "small",
        "groups": (group(size=size),),
        "load_balancer": LoadBalancer(name="lb"),
        "target_groups": (TargetGroup(name="tg"),),
        "service": Service(
            requests_per_second=Figure.about(100),
            service_seconds=Figure.exactly(0.05),
            boot_seconds=Figure.about(60),
        ),
        "not_seen": (NotSeen(path="quotas.vcpus", reason="The account's quota is not known."),),
    }
    return ScalingPlan(**(values | changes))


def scaling(**changes):
    tracking = TargetTracking(
        name="requests", group="web", metric=TrackedMetric.REQUESTS_PER_TARGET, target=3000
    )
    return replace(fixed(), groups=(group(size=4, max_size=12),), policies=(tracking,), **changes)
