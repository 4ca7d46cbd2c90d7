"""Scaling policies at request level, against worked examples of the Auto Scaling user guide."""

from dataclasses import replace

import pytest

from surgeproof.plan.model import (
    AdjustmentType,
    Alarm,
    Comparison,
    Database,
    Metric,
    Quotas,
    StepAdjustment,
    StepScaling,
)
from tests.request_level.runs import SHARED
from tests.request_level.scenarios import GROUP, PLAN, SERVICE, exactly, shape
from tests.request_level.world import World

PERCENT, CHANGE = AdjustmentType.PERCENT_CHANGE_IN_CAPACITY, AdjustmentType.CHANGE_IN_CAPACITY


def policy(name, kind, by, **changes):
    lower, upper = (0, None) if by > 0 else (None, 0)
    step = StepAdjustment(lower=lower, upper=upper, adjustment=by)
    return StepScaling(name=name, group="web", adjustment_type=kind, steps=(step,), **changes)


def requests(comparison, threshold, *policies):
    metric = Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum")
    return Alarm(
        name="requests",
        metric=metric,
        comparison=comparison,
        threshold=threshold,
        alarm_actions=tuple(each.name for each in policies),
    )


def decisions(size, alarm, policies, *pieces, **changes):
    """What the policies make of a group of `size`, in order."""
    group = replace(GROUP, min_size=1, max_size=40, desired_capacity=size, hooks=())
    plan = replace(PLAN, groups=(group,), policies=policies, alarms=(alarm,), **changes)
    outcome = World(plan, 1, SHARED).run(shape("small", *pieces))
    return [detail for _, kind, detail in outcome.events if kind == "desired"]


@pytest.mark.parametrize(
    ("comparison", "threshold", "adjustments", "decided"),
    [
        (Comparison.LESS, 90, ((CHANGE, -3), (PERCENT, -25)), "8 -> 6 by p1"),
        (Comparison.GREATER, 90, ((CHANGE, 1), (CHANGE, 2)), "8 -> 10 by p1"),
    ],
    ids=["in", "out"],
)
def test_of_several_policies_the_largest_capacity_counts(
    comparison, threshold, adjustments, decided
):
    policies = tuple(
        policy(f"p{number}", kind, by) for number, (kind, by) in enumerate(adjustments)
    )
    quiet, busy = (2, 1) if comparison == Comparison.LESS else (1, 2)

    made = decisions(
        8,
        requests(comparison, threshold, *policies),
        policies,
        (300, quiet),
        (60, busy),
        (240, quiet),
    )

    assert made == [decided]


def test_one_breach_at_the_quota_is_one_activity():
    one = policy("out", PERCENT, 30)

    made = decisions(
        10,
        requests(Comparison.GREATER, 90, one),
        (one,),
        (300, 1),
        (900, 2),
        quotas=Quotas(vcpus=20),
    )

    assert made == ["10 -> 13 by out"]


def test_waiting_for_the_database_is_no_work():
    """4 requests/s, 0.4 s each, of which the database takes 0.1: 1.2 s of work, on two vCPU."""
    service = replace(SERVICE, database_seconds=exactly(0.1), processor_seconds=exactly(0.15))
    group = replace(GROUP, max_size=8)
    plan = replace(
        PLAN, groups=(group,), policies=(), service=service, database=Database(name="db")
    )
    world = World(plan, 1, SHARED)

    world.run(shape("steady", (1200, 32)))

    metric = Metric(namespace="AWS/EC2", name="CPUUtilization")
    seen = [world.store.read(metric, start, 60, 9999)[0] for start in range(120, 1080, 60)]
    assert sum(seen) / len(seen) == pytest.approx(100 * 4 * 0.15 / 2, rel=0.05)
