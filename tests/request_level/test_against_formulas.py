"""The request-level simulation against what is exactly known, and against a log made by hand."""

import math
import time

import pytest

from surgeproof.plan.model import (
    AdjustmentType,
    Alarm,
    Comparison,
    Figure,
    Group,
    Metric,
    MetricMath,
    ScalingPlan,
    Service,
    StepAdjustment,
    StepScaling,
    TargetGroup,
    Users,
)
from surgeproof.traces import Trace
from tests.request_level.assumptions import Assumptions
from tests.request_level.cloudwatch import Store, Watch, judge
from tests.request_level.scaling import adjusted
from tests.request_level.world import World, replay

exactly = Figure.exactly

REQUESTS = {0.5: 60_000, 0.7: 120_000, 0.9: 300_000}
"""How many a utilisation needs in all for a narrow interval."""


def plan(*, workers=1, seconds=1.0, variation=1.0, instances=1, retries=0, timeout=60, **more):
    service = {
        "requests_per_second": exactly(workers / seconds),
        "service_seconds": exactly(seconds),
        "service_variation": exactly(variation),
        "boot_seconds": exactly(60),
        "queue_size": exactly(1e9),
    } | more.pop("service", {})
    group = {"min_size": instances, "max_size": instances} | more.pop("group", {})
    return ScalingPlan(
        name="sanity",
        groups=(Group(name="web", target_group="web", **group),),
        target_groups=(more.pop("target_group", TargetGroup(name="web")),),
        service=Service(**service),
        users=Users(
            session_seconds=exactly(100),
            requests_per_session=exactly(5),
            timeout_seconds=exactly(timeout),
            retries=retries,
            backoff_seconds=exactly(1),
        ),
        **more,
    )


def mean_response(sanity_plan, rate, requests):
    """Return the mean response of ten runs, and half of its 99.9 % interval."""
    means = []
    for seed in range(10):
        world = World(sanity_plan, seed)
        responses = []
        world.balancer.answered = lambda attempt, into=responses, clock=world.clock: into.append(
            clock.now - attempt.sent
        )
        seconds = round(requests / rate / 1000)
        world.run(Trace("even", requests_per_second=[rate] * 100, step_seconds=seconds))
        kept = responses[len(responses) // 20 :]
        means.append(sum(kept) / len(kept))
    mean = sum(means) / 10
    spread = math.sqrt(sum((value - mean) ** 2 for value in means) / 9 / 10)
    return mean, 4.78 * spread


def erlang_c(workers, load):
    term, total = 1.0, 1.0
    for k in range(1, workers):
        term *= load / k
        total += term
    last = term * load / workers / (1 - load / workers)
    return last / (total + last)


@pytest.mark.parametrize("utilisation", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("workers", [1, 4])
def test_waits_of_exponential_service_are_erlangs(workers, utilisation):
    seconds = 0.2
    rate = utilisation * workers / seconds
    exact = seconds + erlang_c(workers, utilisation * workers) * seconds / (
        workers * (1 - utilisation)
    )
    mean, half = mean_response(plan(workers=workers, seconds=seconds), rate, REQUESTS[utilisation])
    assert half < 0.2 * exact
    assert abs(mean - exact) < max(half, 0.01 * exact)


@pytest.mark.parametrize("utilisation", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("variation", [0.0, 0.5, 2.0])
def test_waits_of_one_worker_are_pollaczek_and_khinchines(variation, utilisation):
    seconds = 0.2
    exact = seconds * (1 + (1 + variation) / 2 * utilisation / (1 - utilisation))
    mean, half = mean_response(
        plan(seconds=seconds, variation=variation), utilisation / seconds, REQUESTS[utilisation]
    )
    assert half < 0.2 * exact
    assert abs(mean - exact) < max(half, 0.01 * exact)


def test_a_log_made_by_hand():
    """One worker, 1 s a request, time-out 2.5 s, one retry after exactly 1 s, a queue of three.

    Requests come at 0, 0.1, 0.2, 0.3 and 0.4 s. The worker ends attempts at 1, 2, 3, 4, 5 and so
    on, whether anybody waits or not.
    """
    log = []
    by_hand = plan(
        variation=0.0, retries=1, timeout=2.5, service={"queue_size": exactly(3)},
        target_group=TargetGroup(name="web", check_interval_seconds=300),
    )  # fmt: skip
    assumptions = Assumptions(backoff_jitter=0, check_phase_seconds=200, alarm_phase_seconds=0)
    world = World(by_hand, 1, assumptions, log)
    world.clients.arrive_at([0.0, 0.1, 0.2, 0.3, 0.4])

    outcome = world.finish(60)

    assert log == [
        (0.0, "sent", 1, 1),
        (0.1, "sent", 2, 1),
        (0.2, "sent", 3, 1),
        (0.3, "sent", 4, 1),
        (0.4, "sent", 5, 1),
        (0.4, "queue full", 5, 1),
        (1.0, "answered", 1, 1),
        (1.4, "sent", 5, 2),
        (2.0, "answered", 2, 1),
        (2.7, "timed out", 3, 1),
        (2.8, "timed out", 4, 1),
        (3.7, "sent", 3, 2),
        (3.8, "sent", 4, 2),
        (3.9, "timed out", 5, 2),
        (6.0, "answered", 3, 2),
        (6.3, "timed out", 4, 2),
    ]
    assert (outcome.counts.good, outcome.counts.slow, outcome.counts.failed) == (1, 2, 2)
    assert (outcome.counts.useful, outcome.counts.wasted) == (3, 4)
    assert outcome.bad_minutes == (0,)
    assert outcome.users == 5
    assert outcome.affected_users == 4


def test_a_scaling_log_made_by_hand():
    """120 requests a minute from 60 s on: the minute to 120 s can be read at 210 s.

    Alarms are evaluated at full minutes: at 240 s. Five seconds later the launch, 6.5 s after it
    in service, its application answers 60 s after the launch. Its checks begin 1 s after it was
    registered, each 10 s: two fail, so that it is unhealthy and needs two that pass. The alarm acts
    again at 300 s and later, in the same step: nothing, while the instance warms up.
    """
    by_hand = plan(
        seconds=0.1,
        variation=0.0,
        group={"min_size": 1, "max_size": 2, "default_instance_warmup_seconds": 600},
        target_group=TargetGroup(
            name="web", check_interval_seconds=10, check_timeout_seconds=5, healthy_threshold=2
        ),
        policies=(
            StepScaling(
                name="more", group="web", adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
                steps=(StepAdjustment(lower=0, upper=None, adjustment=1),),
            ),
        ),
        alarms=(
            Alarm(
                name="demand",
                metric=Metric(
                    namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum"
                ),
                comparison=Comparison.GREATER, threshold=100, alarm_actions=("more",),
            ),
        ),
    )  # fmt: skip
    assumptions = Assumptions(check_phase_seconds=1, alarm_phase_seconds=0)
    world = World(by_hand, 1, assumptions)
    world.clients.arrive_at([60 + 0.25 + 0.5 * number for number in range(120 * 6)])

    events = world.finish(420).events

    assert events == (
        (180.0, "OK", "demand at 0"),
        (240.0, "ALARM", "demand at 120"),
        (240.0, "desired", "1 -> 2 by more"),
        (245.0, "launch cold", "i-2"),
        (251.5, "in service", "i-2"),
        (262.5, "unhealthy", "i-2"),
        (305.0, "answers", "i-2"),
        (322.5, "healthy", "i-2"),
    )


@pytest.mark.parametrize(
    ("marks", "needed", "states"),
    [
        ("0-X-X", 3, ("OK", "OK", "OK", "OK")),
        ("0----", 3, ("OK", "OK", "OK", "OK")),
        ("-----", 3, ("INSUFFICIENT_DATA", "kept", "ALARM", "OK")),
        ("0XX-X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("--X--", 3, ("ALARM", "kept", "ALARM", "OK")),
        ("0-X-X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("00X0X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0-X--", 2, ("OK", "OK", "ALARM", "OK")),
        ("----0", 2, ("OK", "OK", "ALARM", "OK")),
        ("---X-", 2, ("ALARM", "kept", "ALARM", "OK")),
    ],
)
def test_missing_data_as_documented(marks, needed, states):
    read = [{"0": False, "X": True, "-": None}[mark] for mark in marks]
    fills = ("missing", "ignore", "breaching", "notBreaching")
    assert tuple(judge(read, 3, needed, fill, "kept") for fill in fills) == states


def test_a_filled_minute_hides_the_one_that_is_late():
    """AWS warns of it: with FILL alone the latest minute is 0 until its data come."""
    store = Store()
    for minute in range(10):
        store.publish("AWS", "Errors", 60 * minute, 60, [50], 60 * minute + 150)
        store.publish("AWS", "Requests", 60 * minute, 60, [100], 60 * minute + 150)
    errors = ("e", Metric(namespace="AWS", name="Errors", statistic="Sum"))
    requests = ("r", Metric(namespace="AWS", name="Requests", statistic="Sum"))
    stuck = MetricMath(expression="FILL(e, 0)", metrics=(errors,))
    rate = MetricMath(expression="100 * FILL(e, 0) / r", metrics=(errors, requests))

    def state(metric):
        watch = Watch("a", metric, "GreaterThanThreshold", 5, 60, 2, 2, "notBreaching")
        return watch.evaluate(store, 600, 2)

    assert (state(stuck), state(rate)) == ("OK", "ALARM")


def test_steps_round_as_documented():
    steps = StepScaling(
        name="s", group="web", adjustment_type=AdjustmentType.PERCENT_CHANGE_IN_CAPACITY, steps=()
    )
    got = [adjusted(steps, percent, 100) for percent in (12.7, 0.67, -0.58, -6.67)]
    assert got == [12, 1, -1, -6]
    assert [adjusted(steps, 10, 10), adjusted(steps, 30, 11)] == [1, 3]


def test_closed_users_ask_as_littles_law_says():
    closed = plan(workers=50, seconds=0.1)
    closed = World(
        ScalingPlan(
            name="closed", groups=closed.groups, target_groups=closed.target_groups,
            service=closed.service,
            users=Users(
                think_seconds=exactly(4.9), requests_per_session=exactly(5),
                timeout_seconds=exactly(30),
            ),
        ), 1,
    )  # fmt: skip
    outcome = closed.run(Trace("users", requests_per_second=[500] * 60, step_seconds=10))
    assert outcome.counts.requests == pytest.approx(500 / 5.0 * 600, rel=0.03)
    assert outcome.users == pytest.approx(outcome.counts.requests / 5, rel=0.02)


def test_open_users_have_their_sessions():
    """At an even rate as many users come as requests / requests a session, from the start on."""
    even = Trace("even", requests_per_second=[50] * 60, step_seconds=20)
    outcome = replay(plan(workers=20, seconds=0.1), even, 1)
    here_at_the_start = 50 / 5 * 100 * 4 / 5
    assert outcome.users == pytest.approx(here_at_the_start + 50 / 5 * 1200, rel=0.03)


def test_speed_in_overload_is_enough_for_an_hour():
    """Not a benchmark: a guard against a change that makes scenarios take ten times as long."""
    crowd = Trace("crowd", requests_per_second=[150] * 30, step_seconds=10)
    started = time.process_time()
    outcome = replay(plan(workers=2, seconds=0.2, instances=10, timeout=10, retries=2), crowd, 1)
    assert outcome.counts.attempts / (time.process_time() - started) > 10_000
