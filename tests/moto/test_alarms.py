import pytest

from surgeproof.components import Alarms
from surgeproof.emulator import mocks

GOOD = {
    "load_balancer_arn_suffix": "app/a/1",
    "target_group_arn_suffix": "targetgroup/t/2",
    "group_name": "surgeproof-test-web",
    "page_topic_arn": "arn:aws:sns:eu-central-1:123456789012:page",
    "ticket_topic_arn": "arn:aws:sns:eu-central-1:123456789012:ticket",
    "page_topic_name": "page",
    "ticket_topic_name": "ticket",
    "info_topic_arn": "arn:aws:sns:eu-central-1:123456789012:info",
    "escalation_topic_name": "escalation",
    "active_users_metric": {"namespace": "Shop", "metric_name": "ActiveUsers"},
    "certificate_arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    "nat_gateway_ids": ["nat-1"],
    "min_size": 2,
    "max_size": 8,
    "requests_per_second_per_instance": 100,
    "high_resolution_metric": {
        "namespace": "Shop",
        "metric_name": "Busy",
        "capacity_per_instance": 50,
    },
    "tags": {"team": "web"},
}


@pytest.fixture(scope="module")
def aws():
    """Build the alarms once, in an account that the tests only read."""
    with mocks.aws_in_process():
        mocks.build(lambda: Alarms("web", GOOD))
        yield mocks.MotoClients().client


@pytest.fixture
def alarms(aws):
    """Return the alarms by what follows the component's name."""
    found = aws("cloudwatch").describe_alarms()["MetricAlarms"]
    return {each["AlarmName"].removeprefix("surgeproof-test-web-"): each for each in found}


def test_all_alarms_exist_and_tell_somebody(alarms):
    assert len(alarms) == 29
    for alarm in alarms.values():
        assert alarm["ActionsEnabled"] is True
        assert alarm["AlarmActions"]
        assert "Runbook: docs/runbooks/" in alarm["AlarmDescription"]
        assert alarm["TreatMissingData"] in ("breaching", "notBreaching", "ignore", "missing")


def test_a_percentile_alarm_ignores_minutes_with_few_requests(alarms):
    alarm = alarms["slow-responses-critical"]

    assert alarm["ExtendedStatistic"] == "p95"
    assert alarm["EvaluateLowSampleCountPercentile"] == "ignore"
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 5)
    assert sorted(alarm["Dimensions"], key=lambda each: each["Name"]) == [
        {"Name": "LoadBalancer", "Value": "app/a/1"},
        {"Name": "TargetGroup", "Value": "targetgroup/t/2"},
    ]


def test_an_error_rate_is_metric_math_with_its_guard(alarms):
    queries = {query["Id"]: query for query in alarms["target-errors-critical"]["Metrics"]}

    assert queries["value"]["Expression"] == (
        "IF(requests >= 100, 100 * FILL(errors, 0) / (requests), 0)"
    )
    assert queries["errors"]["MetricStat"]["Metric"]["MetricName"] == "HTTPCode_Target_5XX_Count"
    assert queries["requests"]["MetricStat"]["Period"] == 60
    assert [query for query, given in queries.items() if given["ReturnData"]] == ["value"]


def test_the_fast_alarm_has_a_period_of_ten_seconds(alarms):
    alarm = alarms["request-surge-fast-critical"]

    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (10, 3)
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Shop", "Busy")


def test_alarms_are_tagged(alarms, aws):
    arn = alarms["high-cpu-warning"]["AlarmArn"]

    assert aws("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "team", "Value": "web"}
    ]
