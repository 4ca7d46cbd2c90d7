"""Where a surge is in a trace, and whether it is told in time."""

from dataclasses import replace

import numpy as np
import pytest

from surgeproof.plan import Alarm, Comparison, CompositeAlarm, DemandMetric, Metric, MetricMath
from surgeproof.simulation.load import resampled
from surgeproof.simulation.surges import most_strained, surge_start, warned
from surgeproof.simulation.verdict import try_all
from surgeproof.traces import Trace, named_trace
from tests.report.support import Rates, fixed, surge

SALE = surge(200, 800, minutes=30, at=10)
"""Twice what four instances carry, from minute 10."""

DEMAND = Alarm(
    name="demand",
    metric=Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum"),
    comparison=Comparison.GREATER,
    threshold=13_000,
    evaluation_periods=3,
    datapoints_to_alarm=1,
    notifies=True,
    severity="page",
)


def told(*alarms, load=SALE, **changes):
    plan = fixed(4, alarms=alarms, **changes)
    return warned(plan, load, try_all(plan, load, group="web"))


@pytest.mark.parametrize(
    ("trace", "start"),
    [("x2-in-0s", 600), ("x5-in-60s", 603), ("x10-in-300s", 615), ("flash-crowd", 603)],
)
def test_a_named_surge_begins_where_demand_rises(trace, start):
    assert surge_start(named_trace(trace)) == start


@pytest.mark.parametrize("rates", [[100], [100] * 60, [100 + minute for minute in range(60)]])
def test_slow_growth_is_no_surge(rates):
    load = Rates(np.array(rates, float))

    assert surge_start(load) is None
    assert told(DEMAND, load=load) is None


def test_a_surge_from_nothing_begins_with_the_first_requests():
    assert surge_start(Rates(np.array([0.0, 0.0, 50.0, 50.0]))) == 120


def test_a_short_load_is_replayed_whole():
    part = most_strained(fixed(4), SALE, group="web")

    assert part.is_whole
    assert part.begins_at_seconds == 0
    np.testing.assert_array_equal(part.requests_per_second, SALE.requests_per_second)


def test_of_a_long_load_the_part_begins_an_hour_before_the_harm():
    rates = np.full(24 * 60, 200.0)
    rates[600:620] = 900

    part = most_strained(fixed(4), Rates(rates), group="web")

    assert not part.is_whole
    assert len(part.requests_per_second) * part.step_seconds == 4 * 3600
    assert part.requests_per_second.max() == 900
    assert part.begins_at_seconds == 60 * (600 - 60)


def test_where_nobody_is_hurt_the_busiest_moment_lies_in_the_middle():
    rates = np.full(24 * 60, 100.0)
    rates[600] = 110

    part = most_strained(fixed(4), Rates(rates), group="web")

    assert part.begins_at_seconds + 2 * 3600 == pytest.approx(60 * 600, abs=120)


def test_a_surge_at_the_end_of_a_long_load_is_in_the_part():
    rates = np.full(24 * 60, 200.0)
    rates[-10:] = 900

    part = most_strained(fixed(4), Rates(rates), group="web")

    assert part.begins_at_seconds + 4 * 3600 == 24 * 3600


def test_without_alarms_every_run_is_late():
    found = told()

    assert found.word == "fails"
    assert found.late_runs == found.runs == 140
    assert not found.watches_demand
    assert (found.example.page, found.example.page_at_seconds) == ("", None)


def test_a_surge_at_once_is_told_after_the_first_bad_minute():
    found = told(DEMAND)

    assert found.word == "fails"
    assert found.watches_demand
    # Minute 10 is bad, and seen 90 s after its end.
    assert (found.example.demand_at_seconds, found.example.first_bad_minute) == (750, 10)


def test_a_surge_that_hurts_later_is_told_in_time():
    rates = np.concatenate([np.full(10, 150.0), np.full(15, 225.0), np.full(15, 900.0)])

    found = told(DEMAND, load=Rates(rates))

    assert surge_start(Rates(rates)) == 1500
    assert (found.word, found.late_runs, found.runs) == ("survives", 0, 140)
    assert told(load=Rates(rates)).word == "fails"


def test_a_run_without_a_bad_minute_needs_no_page():
    found = told(load=surge(100, 200))

    assert (found.word, found.late_runs, found.example) == ("survives", 0, None)


def test_a_high_resolution_alarm_shortens_the_time():
    fast = replace(
        DEMAND, name="fast", metric=Metric(namespace="Shop", name="Load"), period_seconds=10
    )
    metric = DemandMetric(namespace="Shop", name="Load", capacity_per_instance=50)

    assert told(DEMAND).page_within_seconds == 300
    assert told(fast, demand_metrics=(metric,)).page_within_seconds == 120


def test_errors_are_no_demand_though_they_are_counted_by_requests():
    errors = replace(
        DEMAND,
        metric=MetricMath(
            expression="errors / requests",
            metrics=(
                (
                    "errors",
                    Metric(
                        namespace="AWS/ApplicationELB",
                        name="HTTPCode_Target_5XX_Count",
                        statistic="Sum",
                    ),
                ),
                ("requests", DEMAND.metric),
            ),
        ),
    )

    assert not told(errors).watches_demand


def test_only_pages_count_where_there_are_any():
    ticket = replace(DEMAND, severity="ticket")
    page = replace(DEMAND, name="page", severity="page", threshold=1e9)

    assert told(ticket).example.page == "demand"
    assert told(ticket, page).example.page == ""


def test_a_composite_alarm_pages_too():
    silent = replace(DEMAND, notifies=False)
    composite = CompositeAlarm(name="any", rule='ALARM("demand")', severity="page")

    assert told(silent, composites=(composite,)).example.page == "any"


def test_a_trace_that_cannot_be_written_needs_no_kernel_of_its_own():
    trace = Trace(name="steady", requests_per_second=[1.0, 2.0], step_seconds=2)

    assert not trace.requests_per_second.flags.writeable
    assert resampled(trace, 2).flags.writeable
