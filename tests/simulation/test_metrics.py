"""What metrics are made of: processors, answers, targets, and points that come rarely."""

from dataclasses import replace

import numpy as np
import pytest

from surgeproof.plan import (
    Alarm,
    Comparison,
    Database,
    Figure,
    LoadBalancer,
    Metric,
    PlanError,
    StepAdjustment,
    StepScaling,
    TargetTracking,
    TrackedMetric,
)
from surgeproof.plan.model import AdjustmentType, NotSeen
from surgeproof.simulation import (
    Event,
    Injected,
    Injection,
    encode,
    latin_hypercube,
    simulate,
    sweep,
)
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.verdict import judge
from tests.simulation.support import (
    CERTAIN,
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

CPU = Metric(namespace="AWS/EC2", name="CPUUtilization")
ON_CPU = TargetTracking(name="cpu", group="web", metric=TrackedMetric.CPU, target=50)


def alarm(metric, threshold, **changes):
    values = {
        "name": "watch",
        "metric": metric,
        "comparison": Comparison.GREATER,
        "threshold": threshold,
    }
    return Alarm(**(values | changes))


def seen(plan, load, minutes=15, **options):
    """What the plan's alarm reads after so many minutes, when its warm-up is over."""
    watch = replace(plan.alarms[0], warm_up_minutes=minutes)
    run = simulate(
        replace(plan, alarms=(watch,)), load, changes=CERTAIN, pre_roll_seconds=0, **options
    )
    told = run.log[np.isin(run.log["event"], (Event.ALARM_OK, Event.ALARM_ALARM))]
    return float(told["metric"][0])


def cpu(size, rate, *, injected=(), **figures):
    """CPU utilisation of a fleet of `size` at a constant rate."""
    plan = fixed(
        size,
        groups=(patient(min_size=size, max_size=size),),
        alarms=(alarm(CPU, 0),),
        service=service(**figures),
        database=Database(name="db"),
        users=users(retries=0),
    )
    return seen(plan, constant(rate, 1200), injected=injected)


def test_cpu_is_full_at_capacity_where_nothing_says_how_much_of_a_request_is_work():
    """100 requests/s of 0.1 s on two vCPU: at most 0.02 s of each can be work."""
    assert cpu(2, 100) == pytest.approx(50, abs=0.01)


def test_cpu_never_exceeds_the_service_time():
    """One request at a time, 10 a second: one of two vCPU is busy."""
    figures = {"requests_per_second": Figure.exactly(10), "service_seconds": Figure.exactly(0.1)}

    assert cpu(2, 16, **figures) == pytest.approx(40, abs=0.01)


def test_cpu_is_throughput_times_processor_seconds_over_processors():
    """The utilisation law: 60 requests/s x 0.015 s / 2 vCPU."""
    assert cpu(2, 120, processor_seconds=Figure.exactly(0.015)) == pytest.approx(45, abs=0.01)


def test_time_in_the_database_is_no_work():
    """0.1 s less 0.0998 s in the database leaves 0.0002 s of work."""
    found = cpu(2, 120, database_seconds=Figure.exactly(0.0998))

    assert found == pytest.approx(100 * 60 * 0.0002 / 2, abs=0.01)


@pytest.mark.parametrize(
    ("rate", "factor", "percent"),
    [(120, 1.5, 60), (120, 10, 100 / 5.5), (160, 10, 100 / 5.5)],
    ids=["still-enough", "held-up", "held-up-by-more"],
)
def test_a_slow_database_lowers_cpu(rate, factor, percent):
    """Ten workers, 0.05 s of 0.1 in the database: at ten times that, 10 / 0.55 requests/s."""
    slow = Injected(kind=Injection.DATABASE_SLOWER, start_seconds=0, value=factor)

    found = cpu(2, rate, injected=[slow], database_seconds=Figure.exactly(0.05))

    assert found == pytest.approx(percent, abs=0.05)


def test_a_cold_instance_works_longer_on_a_request():
    """At its own capacity, half the warm one, it is as busy."""
    plan = scaling(
        policies=(),
        groups=(patient(min_size=1, max_size=1),),
        alarms=(alarm(replace(CPU, statistic="Maximum"), 99),),
        service=service(
            cold_requests_per_second=Figure.exactly(50), cold_seconds=Figure.exactly(3000)
        ),
    )
    restart = Injected(kind=Injection.ROLLING_RESTART, start_seconds=300, end_seconds=301)

    log = simulate(plan, constant(60, 1200), injected=[restart], changes=CERTAIN).log

    hot = log[(log["event"] == Event.ALARM_ALARM)]
    assert hot["metric"].tolist() == [100.0]


def test_processor_seconds_that_the_vcpus_cannot_give_are_refused():
    with pytest.raises(PlanError) as refused:
        fixed(2, service=service(processor_seconds=Figure(low=0.03, typical=0.04, high=0.05)))

    assert str(refused.value) == (
        "service.processorSeconds: must be at most 0.02 s, 2 vCPU of an instance of web by "
        "100 requests/s (service.requestsPerSecond), got 0.03"
    )


def test_a_guessed_number_of_vcpus_refuses_nothing():
    unknown = NotSeen(path="groups[web].vcpus_per_instance", reason="The name does not tell.")

    plan = fixed(2, not_seen=(unknown,), service=service(processor_seconds=Figure.exactly(0.04)))

    assert plan.service.processor_seconds == Figure.exactly(0.04)


@pytest.mark.parametrize(
    ("timeout", "idle", "most"), [(10, 60, 10), (60, 10, 10), (4, 60, 4)], ids=str
)
def test_no_response_time_exceeds_what_waits_for_it(timeout, idle, most):
    """The shorter of the client's time-out and the load balancer's idle time-out."""
    plan = fixed(
        2,
        groups=(patient(min_size=2, max_size=2),),
        alarms=(latency_alarm(threshold=0.5, evaluation_periods=1),),
        load_balancer=LoadBalancer(name="lb", idle_timeout_seconds=idle),
        users=users(timeout_seconds=Figure.exactly(timeout), retries=0),
    )

    log = simulate(plan, surge(100, 230, 600, 1500), changes=CERTAIN).log

    slow = log[log["event"] == Event.ALARM_ALARM]
    assert slow["metric"][0] == most
    assert slow["metric"].max() == most


def test_a_percentile_below_its_threshold_has_a_value():
    """Answers of 0.1 s, exponential: the 95th percentile is 0.1 x ln 20."""
    plan = fixed(4, alarms=(latency_alarm(evaluation_periods=1),))

    log = simulate(plan, constant(80, 600), changes=CERTAIN).log

    assert log["metric"].tolist() == pytest.approx([0.1 * np.log(20)], rel=0.01)


def test_with_no_healthy_target_requests_are_divided_by_all():
    """Four instances at three times what they carry: none is healthy, and all get their share."""
    metric = Metric(namespace="AWS/ApplicationELB", name="RequestCountPerTarget", statistic="Sum")
    plan = fixed(
        4,
        groups=(patient(min_size=4, max_size=4),),
        alarms=(alarm(metric, 9000),),
        users=users(retries=0),
    )

    load = surge(200, 1200, 600, 3000)
    result = simulate(plan, load, changes=CERTAIN)

    assert result.column("answering")[-100:].max() == 0
    assert seen(plan, load, 45) == pytest.approx(1200 * 60 / 4)


BASIC = scaling(policies=(ON_CPU,), groups=(patient(detailed_monitoring=False),))


@pytest.mark.parametrize(("minute", "at"), [(0, 2190), (1, 2250), (4, 2130)], ids=["0", "1", "4"])
def test_cpu_on_basic_monitoring_is_detected_a_quarter_of_an_hour_later(minute, at):
    """The surge comes at 1200 s; three whole points of five minutes, and 90 s until they are seen.

    In which minute EC2 begins its points is not documented.
    """
    load = surge(50, 180, 1200, 5400)
    changes = CERTAIN | {"basic_monitoring_minute": minute}

    detailed = simulate(scaling(policies=(ON_CPU,), groups=(patient(),)), load, changes=CERTAIN)
    basic = simulate(BASIC, load, changes=changes)

    assert detailed.summary["first_scale_out_at"] == 1470
    assert basic.summary["first_scale_out_at"] == at


def test_cpu_on_basic_monitoring_is_never_dead():
    encoded = encode(BASIC, surge(50, 180, 1200, 5400))

    summaries = sweep(encoded, latin_hypercube(encoded, 100, seed=1))

    found = summaries["first_scale_out_at"] - 1200
    assert found.min() >= 400
    assert found.max() <= 1500


STEPS = StepScaling(
    name="steps",
    group="web",
    adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
    steps=(StepAdjustment(lower=0, upper=None, adjustment=2),),
)


def sparse(what, period, every):
    return (
        f"{what} has a period of {period} s and a metric that comes every {every} s: most of its "
        "periods hold no data, and AWS does not say how far back it looks then"
    )


@pytest.mark.parametrize(
    ("acts", "word"), [(True, "uncertain"), (False, "survives")], ids=["scales", "tells"]
)
def test_an_alarm_shorter_than_its_metric_says_so(acts, word):
    plan = scaling(
        policies=(STEPS,) if acts else (),
        groups=(patient(detailed_monitoring=False),),
        alarms=(alarm(CPU, 60, alarm_actions=("steps",) if acts else ()),),
    )

    verdict = judge(plan, constant(50, 1800), with_standing=False).verdict

    said = sparse("alarm watch", 60, 300)
    assert (verdict.word, verdict.limitations[:-1]) == (word, (said,))
    assert (said in verdict.why) == acts


def test_ten_seconds_on_a_metric_of_a_minute_says_so():
    metric = Metric(namespace="AWS/ApplicationELB", name="RequestCountPerTarget", statistic="Sum")
    fast = TargetTracking(name="fast", group="web", metric=metric, target=3000, period_seconds=10)

    encoded = encode(scaling(policies=(fast,)), constant(50, 600))

    assert encoded.supply_limitations == (sparse("policy fast", 10, 60),)


@pytest.mark.parametrize(
    ("detailed", "period", "said"),
    [(True, 60, False), (False, 300, False), (False, 600, False), (True, 10, True)],
)
def test_a_period_that_the_metric_has_is_not_remarked_on(detailed, period, said):
    plan = scaling(
        groups=(group(detailed_monitoring=detailed),),
        alarms=(alarm(CPU, 60, period_seconds=period),),
    )

    assert bool(encode(plan, constant(50, 600)).limitations) == said


def test_extremes_within_seconds_are_left_out():
    longest = Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="Maximum")
    plan = fixed(2, alarms=(alarm(longest, 1, period_seconds=10),))

    assert encode(plan, constant(50, 600)).limitations == (
        "alarm watch is left out: no model of minima and maxima within less than a minute",
    )


def test_every_policy_of_an_alarm_runs_in_its_state():
    """Two in OK: of +1 and +3 the larger counts; a policy that is named twice runs once."""

    def by(name, count):
        step = StepAdjustment(lower=None, upper=None, adjustment=count)
        return replace(STEPS, name=name, steps=(step,))

    watch = alarm(CPU, 60, ok_actions=("one", "three", "one"))
    plan = scaling(policies=(by("one", 1), by("three", 3)), groups=(patient(),), alarms=(watch,))

    log = simulate(plan, constant(50, 200), changes=CERTAIN, pre_roll_seconds=0).log

    assert log[log["event"] == Event.SCALE_OUT]["desired"].tolist() == [5]


def test_a_step_policy_goes_by_the_threshold_of_the_alarm_that_runs_it():
    steps = replace(
        STEPS,
        steps=(
            StepAdjustment(lower=0, upper=20, adjustment=1),
            StepAdjustment(lower=20, upper=None, adjustment=6),
        ),
    )
    high = alarm(CPU, 70, alarm_actions=("steps",))
    low = replace(high, name="low", threshold=20)
    plan = scaling(policies=(steps,), groups=(patient(),), alarms=(high, low))

    result = simulate(plan, surge(30, 180, 600, 900), changes=CERTAIN)

    # 90 is 20 above the one threshold and 70 above the other; the first alarm acts first.
    assert [(t, int(e)) for t, e in events(result, Event.SCALE_OUT)] == [
        (750.0, r.E_SCALE_OUT),
    ]
