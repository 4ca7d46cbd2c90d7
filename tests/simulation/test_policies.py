"""Scaling policies, against the worked examples of the Auto Scaling user guide."""

import math

import numpy as np
import pytest

from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.compiled.policies import (
    adjusted,
    rounded_percentage,
    step_capacity,
    tracking_in,
    tracking_out,
)


@pytest.mark.parametrize(
    ("change", "instances"),
    [(12.7, 12), (0.67, 1), (-0.58, -1), (-6.67, -6), (0, 0), (3.0, 3), (3 - 1e-12, 3)],
)
def test_percentages_are_rounded_as_the_guide_says(change, instances):
    assert rounded_percentage(float(change)) == instances


def test_min_adjustment_magnitude_25_percent_of_4_adds_2():
    assert adjusted(4.0, r.PERCENT_CHANGE_IN_CAPACITY, 25.0, 2) == 6


@pytest.mark.parametrize(
    ("kind", "adjustment", "capacity"),
    [(r.CHANGE_IN_CAPACITY, 5.0, 8), (r.EXACT_CAPACITY, 5.0, 5)],
    ids=["change", "exact"],
)
def test_adjustment_types(kind, adjustment, capacity):
    assert adjusted(3.0, kind, adjustment, 0) == capacity


def policy_with(*steps):
    policy = np.zeros(1, r.POLICY)[0]
    policy["kind"], policy["adjustment_type"] = r.STEP, r.PERCENT_CHANGE_IN_CAPACITY
    policy["steps"] = len(steps)
    return policy, np.array(list(steps), r.STEP_RULE)


OUT = ((0.0, 10.0, 0.0), (10.0, 20.0, 10.0), (20.0, math.inf, 30.0))
IN = ((-10.0, 0.0, 0.0), (-20.0, -10.0, -10.0), (-math.inf, -20.0, -30.0))


@pytest.mark.parametrize(
    ("steps", "metric", "desired", "wanted"),
    [
        (OUT, 59.0, 10, 10),
        (OUT, 60.0, 10, 11),
        (OUT, 70.0, 11, 14),
        (IN, 41.0, 14, 14),
        (IN, 40.0, 14, 13),
        (IN, 30.0, 13, 10),
        (OUT, 50.0, 10, 10),
        (((0.0, math.inf, 50.0),), 50.0, 10, 15),
        (((-math.inf, 0.0, -50.0),), 50.0, 10, 5),
    ],
    ids=["59", "60-to-11", "70-to-14", "41", "40-to-13", "30-to-10", "50", "at-out", "at-in"],
)
def test_step_example(steps, metric, desired, wanted):
    policy, rules = policy_with(*steps)

    capacity = step_capacity(policy, rules, metric - 50.0, float(desired), float(desired), 0.0)
    assert capacity == wanted


@pytest.mark.parametrize(("metric", "wanted"), [(62.0, 11), (70.0, 13)], ids=["62", "70"])
def test_step_example_while_one_instance_warms_up(metric, wanted):
    policy, rules = policy_with(*OUT)

    assert step_capacity(policy, rules, metric - 50.0, 11.0, 10.0, 0.0) == wanted


def test_what_is_terminating_is_not_removed_again():
    policy, rules = policy_with(*IN)

    assert step_capacity(policy, rules, -15.0, 13.0, 13.0, 1.0) == 13
    assert step_capacity(policy, rules, -15.0, 13.0, 13.0, 0.0) == 12


def test_target_tracking_rounds_up_when_adding_and_down_when_removing():
    assert tracking_out(50.0, 60.0, 7.5, 7.0) == 9
    assert tracking_in(50.0, 25.0, 3.0, 3.0) == 2


def test_a_minute_of_two_sizes_removes_whole_instances():
    """200 requests/s, 45 for each: 4.44 instances, whatever the minute's mean of the group."""
    for base in (4.97, 5.0, 8.3, 12.0):
        assert tracking_in(2700.0, 12000.0 / base, base, 12.0) == 5
        assert tracking_out(2700.0, 36000.0 / base, base, 4.0) == 14


def test_target_tracking_never_goes_below_what_is_warming():
    assert tracking_out(50.0, 60.0, 4.0, 9.0) == 9


def test_target_tracking_does_not_remove_twice_on_an_old_metric():
    assert tracking_in(3000.0, 1800.0, 10.0, 10.0) == 6
    assert tracking_in(3000.0, 1800.0, 10.0, 6.0) == 6


def test_cpu_tracking_asks_at_most_for_100_by_target():
    """A saturated CPU reads 100: x8 at target 50 takes three rounds."""
    capacity, rounds = 4.0, 0
    while capacity < 32:
        capacity = tracking_out(50.0, 100.0, capacity, capacity)
        rounds += 1

    assert rounds == 3
