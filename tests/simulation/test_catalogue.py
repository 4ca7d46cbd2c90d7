"""Metric math, composite rules and recurrences, as the encoder reads them."""

from dataclasses import replace

import pytest

from surgeproof.plan import DemandMetric, Metric, MetricMath
from surgeproof.simulation.catalogue import ONE, Catalogue, NotModelledError
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.composite_rules import RuleReader

CATALOGUE = Catalogue(
    period_seconds=60,
    detailed_monitoring=True,
    group_metrics=True,
    requests_per_second=100.0,
    database_parallelism=2.0,
    demand_metrics=(),
)
METRICS = (
    (
        "errors",
        Metric(namespace="AWS/ApplicationELB", name="HTTPCode_ELB_5XX_Count", statistic="Sum"),
    ),
    ("requests", Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum")),
    ("desired", Metric(namespace="AWS/AutoScaling", name="GroupDesiredCapacity")),
    ("in_service", Metric(namespace="AWS/AutoScaling", name="GroupInServiceCapacity")),
    ("good", Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="PR(:1)")),
)


def read(expression):
    return CATALOGUE.math(MetricMath(expression=expression, metrics=METRICS))


def test_guarded_error_rate():
    quotient = read(
        "IF(requests + FILL(errors, 0) >= 100, 100 * FILL(errors, 0) / "
        "(requests + FILL(errors, 0)), 0)"
    )

    assert quotient.above == {r.ELB_5XX: 100.0}
    assert quotient.below == {r.REQUESTS: 1.0, r.ELB_5XX: 1.0}
    assert quotient.guard[0] == r.REQUESTS
    assert 99.9 < quotient.guard[1] < 100
    assert not quotient.nonzero_only


def test_difference_of_averages():
    quotient = read("desired - in_service")

    assert quotient.above == {r.DESIRED_SECONDS: 1.0, r.IN_SERVICE_SECONDS: -1.0}
    assert quotient.below == {r.SECONDS: 1.0}
    assert quotient.source == r.GROUP


def test_quotient_of_averages():
    quotient = read("100 * desired / in_service")

    assert (quotient.above, quotient.below) == (
        {r.DESIRED_SECONDS: 100.0},
        {r.IN_SERVICE_SECONDS: 1.0},
    )


def test_percentile_rank():
    quotient = read("good / 100")

    assert quotient.above == pytest.approx({r.ANSWERED: 1.0, r.SLOW: -1.0})
    assert quotient.slow_bound_seconds == 1.0


def test_errors_are_absent_while_zero_unless_filled():
    assert read("errors / requests").nonzero_only
    assert not read("FILL(errors, 0) / requests").nonzero_only


@pytest.mark.parametrize(
    "expression",
    ["requests * errors", "FILL(requests, 0)", "RATE(requests)", "requests +", "unknown", "1 / 0"],
)
def test_other_math_is_not_modelled(expression):
    with pytest.raises(NotModelledError):
        read(expression)


def test_constant():
    assert read("2 * 3").above == {ONE: 6.0}


@pytest.mark.parametrize(
    ("rule", "program"),
    [
        ('ALARM("a")', [(r.PUSH_ALARM, 0)]),
        ("OK(a) OR ALARM(b)", [(r.PUSH_OK, 0), (r.PUSH_ALARM, 1), (r.OR, 0)]),
        (
            'ALARM(a) AND NOT (ALARM("b") OR FALSE)',
            [
                (r.PUSH_ALARM, 0),
                (r.PUSH_ALARM, 1),
                (r.PUSH_FALSE, 0),
                (r.OR, 0),
                (r.NOT, 0),
                (r.AND, 0),
            ],
        ),
        ("ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:b)", [(r.PUSH_ALARM, 1)]),
        ("ALARM(page)", [(r.PUSH_COMPOSITE_ALARM, 0)]),
    ],
)
def test_composite_rule(rule, program):
    assert RuleReader(rule, ["a", "b"], ["page"]).program() == program


@pytest.mark.parametrize("rule", ["ALARM(c)", "ALARM(a) AND", "(ALARM(a)", "ALARM(a) ALARM(b)"])
def test_composite_rule_that_cannot_be_read(rule):
    with pytest.raises(NotModelledError):
        RuleReader(rule, ["a", "b"], ["page"]).program()


GOOD_OF_ALL = (
    *METRICS[:2],
    ("within", METRICS[4][1]),
    (
        "answered",
        Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="SampleCount"),
    ),
)


def test_answers_within_a_bound_are_counted_of_all_requests():
    """Where nobody answers, all requests are bad rather than none."""
    quotient = CATALOGUE.math(
        MetricMath(
            expression="1 - FILL(within, 0) * FILL(answered, 0) / 100 "
            "/ (requests + FILL(errors, 0))",
            metrics=GOOD_OF_ALL,
        )
    )

    assert quotient.above == pytest.approx(
        {r.REQUESTS: 1.0, r.ELB_5XX: 1.0, r.ANSWERED: -1.0, r.SLOW: 1.0}
    )
    assert quotient.below == {r.REQUESTS: 1.0, r.ELB_5XX: 1.0}
    assert not quotient.needs_answers


def test_a_share_of_something_else_is_not_counted():
    with pytest.raises(NotModelledError):
        CATALOGUE.math(
            MetricMath(expression="FILL(within, 0) * FILL(errors, 0)", metrics=GOOD_OF_ALL)
        )


def test_every_message_arrives():
    failures = Metric(namespace="AWS/SNS", name="NumberOfNotificationsFailed", statistic="Sum")

    assert CATALOGUE.metric(failures).nonzero_only
    with pytest.raises(NotModelledError):
        CATALOGUE.metric(Metric(namespace="AWS/SNS", name="PublishSize"))


CPU_AND_REQUESTS = (
    ("cpu", Metric(namespace="AWS/EC2", name="CPUUtilization")),
    ("requests", METRICS[1][1]),
)


@pytest.mark.parametrize(("detailed", "seconds"), [(True, 60), (False, 300)])
def test_an_expression_has_data_where_all_its_metrics_have(detailed, seconds):
    catalogue = replace(CATALOGUE, detailed_monitoring=detailed)
    math = MetricMath(expression="2 * cpu / 100 + 0.5", metrics=CPU_AND_REQUESTS)

    assert catalogue.math(math).granularity_seconds == seconds


def test_a_number_has_no_period():
    load = Metric(namespace="Shop", name="Load")
    published = DemandMetric(namespace="Shop", name="Load", capacity_per_instance=50)
    catalogue = replace(CATALOGUE, demand_metrics=(published,))
    math = MetricMath(expression="load / 2", metrics=(("load", load),))

    assert catalogue.math(math).granularity_seconds == 10


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        (METRICS[1][1], r.IN_SERVICE_SECONDS),
        (Metric(namespace="AWS/EC2", name="CPUUtilization"), r.WARM_SECONDS),
        (
            Metric(namespace="AWS/ApplicationELB", name="RequestCountPerTarget", statistic="Sum"),
            r.REQUEST_TARGET_SECONDS,
        ),
    ],
    ids=["requests", "cpu", "requests-per-target"],
)
def test_tracking_reckons_from_what_its_metric_is_averaged_over(metric, column):
    assert CATALOGUE.metric(metric).averaged_over == column
