"""The plan's dataclasses refuse what contradicts itself."""

import pytest

from surgeproof.plan import (
    Alarm,
    Comparison,
    Figure,
    Group,
    Metric,
    PlanError,
    ScalingPlan,
    TargetGroup,
    Users,
)

METRIC = Metric(namespace="AWS/EC2", name="CPUUtilization")


def alarm(**changes):
    values = {"name": "a", "metric": METRIC, "comparison": Comparison.GREATER, "threshold": 1.0}
    return Alarm(**(values | changes))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Figure(low=2, typical=1, high=3),
            "Figure: must hold 0 <= low <= typical <= high, got 2, 1, 3",
        ),
        (
            lambda: Group(name="g", min_size=3, max_size=2),
            "Group.min_size: must be from 0 to max_size (2), got 3",
        ),
        (
            lambda: Group(name="g", min_size=1, max_size=2, desired_capacity=3),
            "Group.desired_capacity: must be from 1 to 2, got 3",
        ),
        (
            lambda: Group(name="g", min_size=1, max_size=2, zones=()),
            "Group.zones: must name at least one zone, got none",
        ),
        (
            lambda: alarm(period_seconds=45),
            "Alarm.period_seconds: must be 10, 20, 30 or a multiple of 60, got 45",
        ),
        (
            lambda: alarm(evaluation_periods=0),
            "Alarm.evaluation_periods: must be at least 1, got 0",
        ),
        (
            lambda: alarm(evaluation_periods=2, datapoints_to_alarm=3),
            "Alarm.datapoints_to_alarm: must be from 1 to evaluation_periods (2), got 3",
        ),
        (lambda: Users(retries=5), "Users.retries: must be from 0 to 4, got 5"),
    ],
)
def test_contradiction_is_refused(make, message):
    with pytest.raises(PlanError) as refused:
        make()

    assert str(refused.value) == message


def test_all_problems_come_in_one_error():
    with pytest.raises(PlanError) as refused:
        Group(name="g", min_size=3, max_size=2, zones=())

    assert len(refused.value.problems) == 2


def test_a_bare_figure_gets_a_fifth_either_way():
    figure = Figure.about(100)

    assert (figure.low, figure.typical, figure.high) == (80, 100, 120)


def test_unknown_group_names_the_known_ones():
    plan = ScalingPlan(name="p", groups=(Group(name="web", min_size=1, max_size=1),))

    with pytest.raises(PlanError) as refused:
        plan.group("api")

    assert str(refused.value) == "ScalingPlan.groups: must hold 'api', got web"


def test_target_group_of_a_group():
    group = Group(name="web", min_size=1, max_size=1, target_group="tg")
    plan = ScalingPlan(name="p", groups=(group,), target_groups=(TargetGroup(name="tg"),))

    assert plan.target_group_of(group) == plan.target_groups[0]
    assert plan.target_group_of(Group(name="x", min_size=1, max_size=1)) is None
