"""What AWS states of alarms, events and queues in its text only."""

import pytest

from surgeproof.settings.aws_limits import (
    ALARM,
    COMPOSITE_ALARM,
    DASHBOARD,
    EVENT_RULE,
    QUEUE,
    breach,
    broken_relations,
)


def query(name, period=60):
    return {"id": name, "metric": {"metricName": "A", "period": period}}


def alarm(metrics=1, period=60, **changes):
    result = {"id": "value", "expression": "m0", "returnData": True}
    queries = [query(f"m{number}", period) for number in range(metrics)]
    return {"metricQueries": [result, *queries], "evaluationPeriods": 1, **changes}


@pytest.mark.parametrize(
    ("rule", "is_allowed"),
    [
        ('ALARM("a")', True),
        ("ALARM(a) AND NOT OK('b')", True),
        ('(ALARM("a") OR INSUFFICIENT_DATA("b")) AND TRUE', True),
        ("FALSE", True),
        ("", False),
        ('ALARM("a"', False),
        ('(ALARM("a")', False),
        ('ALARM("a") ALARM("b")', False),
        ('ALARM("a") AND', False),
        ('HIGH("a")', False),
        (" OR ".join(f'ALARM("a{number}")' for number in range(100)), True),
        (" OR ".join(f'ALARM("a{number}")' for number in range(101)), False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_rules_of_composite_alarms(rule, is_allowed):
    assert (breach(COMPOSITE_ALARM, "alarmRule", rule) is None) is is_allowed


@pytest.mark.parametrize(
    ("inputs", "broken"),
    [
        (alarm(metrics=10), []),
        (alarm(metrics=11), ["metricQueries must read at most 10 metrics"]),
        (alarm(period=604_800), []),
        (
            alarm(period=604_860),
            [
                (
                    "evaluationPeriods must span at most a day with period, or 7 days where the "
                    "period is an hour or more"
                )
            ],
        ),
        (
            alarm(thresholdMetricId="band"),
            [
                (
                    "metricQueries must return one result, or a metric and the band that "
                    "thresholdMetricId names"
                )
            ],
        ),
    ],
    ids=["ten", "eleven", "a week", "more than a week", "no band"],
)
def test_alarms_on_metric_math(inputs, broken):
    found = [f"{each.path} must {each.rule}" for each in broken_relations(ALARM, inputs)]

    assert found == broken


@pytest.mark.parametrize(
    ("token", "path", "good", "bad"),
    [
        (DASHBOARD, "dashboardName", "shop-test_1", "shop.test"),
        (DASHBOARD, "dashboardBody", '{"widgets": []}', '{"widget": []}'),
        (EVENT_RULE, "eventPattern", '{"source": ["aws.ssm"]}', '{"source": "aws.ssm"}'),
        (QUEUE, "messageRetentionSeconds", 1_209_600, 1_209_601),
        (QUEUE, "name", "a" * 80, "a" * 81),
    ],
)
def test_limits_in_text(token, path, good, bad):
    assert breach(token, path, good) is None
    assert breach(token, path, bad) is not None
