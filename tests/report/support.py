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
from surgeproof.plan.configured import Surviving
from surgeproof.report.model import Replay, Replayed, report_of, series_of, timeline_of
from surgeproof.simulation.verdict import judge


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


def replay(plan, load, *, stack="dev", compared=False, **changes):
    """Return the replay of a plan, as the command makes it."""
    judged = judge(plan, load)
    rates = load.requests_per_second
    trace = {
        "name": "a|b_c",
        "scale": 2,
        "meaning": "",
        "begins_seconds": None,
        "seconds": rates.size * load.step_seconds,
        "mean_requests_per_second": float(rates.mean()),
        "peak_requests_per_second": float(rates.max()),
        "source": ("generated <here>",),
    }
    timeline, left_out = timeline_of(judged)
    return Replay(
        stack=stack,
        compared=compared,
        plan_from="program",
        trace=Replayed(**(trace | changes)),
        injected=("zone-lost@10m",),
        verdict=judged.verdict,
        series=series_of(judged),
        timeline=timeline,
        timeline_left_out=left_out,
        events=tuple(judged.run.told()) if judged.run else (),
    )


def report_on(first, *compared, stack="dev"):
    """Return the report on a plan and its load, and on others that it is compared with."""
    replays = [replay(*first, stack=stack)]
    replays += [replay(*each, stack="before", compared=True) for each in compared]
    return report_of(replays, Surviving())
