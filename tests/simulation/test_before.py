"""What is assumed before a trace, and what of it is carried into the trace. At the default step."""

from dataclasses import replace

import numpy as np
import pytest

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    CompositeAlarm,
    Database,
    Figure,
    Metric,
    MetricMath,
    MissingData,
    ScheduledAction,
    StepAdjustment,
    StepScaling,
)
from surgeproof.simulation import Event, Injected, Injection, encode, run, simulate
from surgeproof.simulation.compiled.records import NEVER
from surgeproof.simulation.verdict import judge
from tests.simulation.support import (
    CERTAIN,
    Rates,
    constant,
    events,
    fixed,
    group,
    latency_alarm,
    patient,
    scaling,
    service,
    surge,
    users,
)

NOON = 1673784000.0
"""Sunday, 15 January 2023, 12:00 UTC."""

TOLD = (
    Event.ALARM_ALARM,
    Event.ALARM_OK,
    Event.COMPOSITE_ALARM,
    Event.COMPOSITE_OK,
    Event.COMPOSITE_ACTS,
)


def dated(load, start=NOON):
    return replace(load, start_seconds=start, dated=True)


def balancer(name, metric, statistic="Sum", **changes):
    values = {
        "name": name,
        "metric": Metric(namespace="AWS/ApplicationELB", name=metric, statistic=statistic),
        "comparison": Comparison.GREATER,
        "threshold": 0.0,
        "missing_data": MissingData.NOT_BREACHING,
        "notifies": True,
    }
    return Alarm(**(values | changes))


def sale(before_seconds):
    """The everyday rate for so long, then the sale: two hours at 4.5 times of it."""
    rates = np.concatenate(
        [np.full(before_seconds // 60, 200.0), np.full(120, 900.0), np.full(30, 200.0)]
    )
    return Rates(rates, step_seconds=60.0)


SHOP = scaling(
    groups=(patient(min_size=4, max_size=20),),
    service=service(boot_seconds=Figure.exactly(100), service_seconds=Figure.exactly(0.05)),
)


def test_a_trace_that_is_cut_where_the_surge_begins_says_what_fleet_it_meets_and_warns():
    whole, cut = (judge(SHOP, sale(seconds), with_standing=False) for seconds in (1800, 0))

    assert whole.verdict.word == "fails"
    assert whole.verdict.warnings == ()
    assert (whole.verdict.measured.before.instances, whole.verdict.measured.before.min_size) == (
        4,
        4,
    )
    measured = cut.verdict.measured
    assert measured.before.instances > 4
    assert measured.before.rate == 900
    assert cut.verdict.warnings[0].startswith(
        f"The trace begins with {measured.before.instances} instances, not with the minimum of 4: "
        "before the trace, 30 minutes at its first rate (900 requests/s) are assumed; they leave "
    )


def test_closed_users_are_said_to_be_users():
    everybody = users(think_seconds=Figure.exactly(10))

    before = judge(fixed(4, users=everybody), constant(100, 600)).verdict.measured.before

    assert str(before) == (
        "before the trace, 30 minutes at its first rate (100 users) are assumed; they leave 4 "
        "instances in service (minimum 4)"
    )


def morning(**changes):
    values = {"name": "morning", "group": "web", "recurrence": "0 6 * * *", "min_size": 6}
    return ScheduledAction(**(values | changes))


SCHEDULES = {
    "this morning": ((morning(),), 6, 6),
    "yesterday evening, then this morning": (
        (morning(), morning(name="evening", recurrence="0 18 * * *", min_size=2)),
        6,
        6,
    ),
    "this morning, then an hour ago": (
        (morning(), morning(name="late", recurrence="0 11 * * *", min_size=3, desired_capacity=3)),
        3,
        3,
    ),
    "last Monday": ((morning(recurrence="0 6 * * 1"),), 6, 6),
    "last leap day": ((morning(recurrence="0 0 29 2 *"),), 6, 6),
    "once, last year": ((morning(recurrence=None, start_seconds=NOON - 3e7),), 6, 6),
    "not yet": ((morning(recurrence=None, start_seconds=NOON + 300),), 4, 4),
    "in the half hour before": ((morning(recurrence="45 11 * * *"),), 6, 6),
    "until yesterday, and still in force": (
        (morning(start_seconds=NOON - 1e6, end_seconds=NOON - 86_400.0),),
        6,
        6,
    ),
    "from tomorrow on": ((morning(start_seconds=NOON + 86_400.0),), 4, 4),
    "without any minimum": ((morning(min_size=None, desired_capacity=7),), 4, 7),
}


@pytest.mark.parametrize(("schedules", "least", "instances"), SCHEDULES.values(), ids=SCHEDULES)
def test_what_a_scheduled_action_set_before_the_trace_holds_in_it(schedules, least, instances):
    plan = fixed(4, groups=(patient(min_size=4, max_size=10),), schedules=schedules)

    before = judge(plan, dated(constant(100, 600))).verdict.measured.before

    assert (before.min_size, before.instances) == (least, instances)


def test_a_maximum_that_was_scheduled_holds_too():
    lower = morning(min_size=None, max_size=3, desired_capacity=3)
    plan = replace(SHOP, schedules=(lower,), groups=(patient(min_size=2, max_size=20),))

    run = simulate(plan, dated(surge(80, 900, 600, 3600)), changes=CERTAIN)

    assert run.column("desired").max() == 3


def test_overload_is_carried_into_the_trace():
    fleet = patient(min_size=2, max_size=2)
    found = judge(fixed(2, groups=(fleet,)), constant(400, 1200), with_standing=False)

    measured = found.verdict.measured
    assert measured.before.short
    assert measured.short_at_seconds == 0
    assert found.verdict.warnings[0].startswith("The fleet is overloaded when the trace begins: ")
    assert found.run.column("backlog")[0] > 0


def test_a_fleet_that_is_replaced_again_and_again_is_short_although_nothing_queues():
    """Health checks take out all that answers, so that at times there is nothing to queue at."""
    before = judge(fixed(2), constant(400, 1200), with_standing=False).verdict.measured.before

    assert before.short
    assert str(before).endswith("they leave 2 instances in service (minimum 2), which are too few")


def test_what_an_injection_does_at_the_start_is_not_laid_to_the_time_before():
    shed = Injected(kind=Injection.LOAD_SHED, start_seconds=0, value=0.5)

    found = judge(fixed(4), constant(100, 1200), injected=[shed], with_standing=False)

    assert found.verdict.measured.typical.bad_minutes == 20
    assert not found.verdict.measured.before.short


ERRORS = MetricMath(
    expression="IF(requests >= 100, 100 * FILL(errors, 0) / requests, 0)",
    metrics=tuple(
        (key, Metric(namespace="AWS/ApplicationELB", name=name, statistic="Sum"))
        for key, name in (("errors", "HTTPCode_Target_5XX_Count"), ("requests", "RequestCount"))
    ),
)


def share(hours, threshold):
    """An alarm on the share of errors within so many hours."""
    return Alarm(
        name="errors",
        metric=ERRORS,
        comparison=Comparison.GREATER,
        threshold=threshold,
        period_seconds=3600 * hours,
        missing_data=MissingData.NOT_BREACHING,
        notifies=True,
    )


BURST = Rates(np.concatenate([np.full(60, 100.0), np.full(30, 900.0), np.full(270, 100.0)]))
"""An hour at 100 requests/s with five minutes at 900, most of which are refused."""


@pytest.mark.parametrize(("threshold", "fires"), [(0.5, True), (10.0, False)])
def test_a_day_of_errors_has_a_day_of_history(threshold, fires):
    """Of a day's 8.9 million requests some 2 % are refused: of the first hour alone it is 35 %."""
    plan = fixed(
        2,
        groups=(patient(min_size=2, max_size=2),),
        users=users(retries=0),
        service=service(queue_size=Figure.exactly(50)),
        alarms=(share(24, threshold),),
    )

    told = simulate(plan, BURST, changes=CERTAIN)

    share_of_hour = 100 * told.summary["refused"] / told.summary["attempts"]
    assert share_of_hour > 30
    assert bool(events(told, Event.ALARM_ALARM)) == fires


def test_an_alarm_that_is_open_before_the_trace_is_told_as_that_and_is_not_the_first():
    """Six instances hold 600 connections of 570: one request in twenty fails, all the time."""
    plan = fixed(
        6,
        groups=(patient(min_size=6, max_size=6),),
        service=service(connections_per_instance=Figure.exactly(100)),
        database=Database(name="db", max_connections=570),
        alarms=(share(24, 1.0), latency_alarm()),
        composites=(CompositeAlarm(name="page", rule="ALARM(errors)", notifies=True),),
    )

    found = judge(plan, constant(200, 1800), with_standing=False)

    measured = found.verdict.measured
    assert measured.before.open_alarms == ("errors", "page")
    assert measured.first_alarm is None
    assert events(found.run, Event.ALARM_OPEN, Event.COMPOSITE_OPEN) == [
        (0, Event.ALARM_OPEN),
        (0, Event.COMPOSITE_OPEN),
    ]
    assert [event for event in events(found.run, *TOLD) if event[0] >= 0] == []


HOSTS = balancer(
    "few-hosts", "HealthyHostCount", "Minimum", comparison=Comparison.LESS, threshold=1,
    missing_data=MissingData.BREACHING,
)  # fmt: skip
CALM = scaling(
    alarms=(
        HOSTS,
        latency_alarm(evaluation_periods=5),
        share(1, 1.0),
        share(72, 1.0),
        balancer(
            "slow-burn", "HTTPCode_Target_5XX_Count", period_seconds=300, evaluation_periods=6
        ),
    ),
    composites=(
        CompositeAlarm(name="outage", rule="ALARM(few-hosts) OR ALARM(slow)", notifies=True),
        CompositeAlarm(
            name="escalation",
            rule="ALARM(outage)",
            suppressor="slow",
            wait_period_seconds=1800,
            extension_period_seconds=300,
            notifies=True,
        ),
    ),
)
CALM = replace(
    CALM,
    alarms=tuple(
        replace(each, name=f"{each.name}-{number}" if each.name == "errors" else each.name)
        for number, each in enumerate(CALM.alarms)
    ),
)


@pytest.mark.parametrize("phase", [0.0, 30.0, 59.0])
def test_a_calm_trace_moves_no_alarm_neither_in_it_nor_before_it(phase):
    told = simulate(CALM, constant(80, 3600), changes={"alarm_phase_seconds": phase})

    assert [event for event in events(told, *TOLD) if event[0] >= 0] == []
    fired = (Event.ALARM_ALARM, Event.ALARM_OPEN, Event.COMPOSITE_ALARM, Event.COMPOSITE_ACTS)
    # Target tracking may scale in a fleet that has more than it needs; nobody is told of that.
    own = [
        entry
        for entry in told.log
        if entry["event"] in fired
        and not (
            entry["event"] == Event.ALARM_ALARM
            and told.encoded.alarms[int(entry["subject"])]["role"] != 0
        )
    ]
    assert own == []


def test_no_alarm_is_evaluated_before_it_can_see_something_of_the_trace():
    """Load balancer metrics of the first minute come 90 s after it."""
    load = surge(80, 900, 0, 1800)
    plan = replace(CALM, groups=(group(min_size=2, max_size=2),))
    began = Rates(np.concatenate([np.full(1, 80.0), load.requests_per_second]))

    told = simulate(plan, began, changes=CERTAIN)

    moments = [t for t, _ in events(told, *TOLD) if t >= 0]
    assert moments
    assert min(moments) >= 150


def test_a_long_alarm_that_scales_acts_before_the_trace_too():
    """Step scaling by a window of 25 minutes is no afterthought: it has its effect by the start."""
    policy = StepScaling(
        name="up",
        group="web",
        adjustment_type=AdjustmentType.EXACT_CAPACITY,
        steps=(StepAdjustment(lower=0, upper=None, adjustment=5),),
    )
    alarm = balancer(
        "busy", "RequestCount", threshold=100, period_seconds=300, evaluation_periods=5,
        alarm_actions=("up",),
    )  # fmt: skip
    plan = scaling(policies=(policy,), alarms=(alarm,), groups=(patient(),))

    before = judge(plan, constant(100, 600), with_standing=False).verdict.measured.before

    assert before.instances == 5
    assert before.open_alarms == ("busy",)


def test_without_any_time_before_it_a_trace_begins_at_once():
    told = run(encode(CALM, constant(80, 3600), pre_roll_seconds=0))

    assert told.summary["first_overload_at"] == NEVER
    assert min(t for t, _ in events(told, Event.ALARM_OK)) < 300
