import re
from pathlib import Path

import pytest

from components import Alarms, ArgsError, database, spending, web_acl
from components.alarms import (
    REQUEST_SURGE,
    DemandMetric,
    MissingData,
    _Settings,
    alarm_rows,
    rollback_alarm_names,
)
from components.aws_limits import ALARM, breach
from components.notifications import AlertSeverity
from tests.unit.recording import Recording, record

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
SECTIONS = [
    "Symptom",
    "First look",
    "Likely causes",
    "Fix",
    "How to tell it is over",
    "Related alarms",
]
METRIC = {"namespace": "Shop", "metric_name": "Busy", "capacity_per_instance": 50}
GOOD = {
    "load_balancer_arn_suffix": "app/a/1",
    "target_group_arn_suffix": "targetgroup/t/2",
    "group_name": "shop-test-web",
    "page_topic_arn": "arn:page",
    "ticket_topic_arn": "arn:ticket",
    "page_topic_name": "shop-test-alerts-page",
    "ticket_topic_name": "shop-test-alerts-ticket",
    "min_size": 2,
    "max_size": 8,
    "requests_per_second_per_instance": 100,
    "high_resolution_metric": METRIC,
}
BALANCER = {"LoadBalancer": "app/a/1"}
TARGETS = {**BALANCER, "TargetGroup": "targetgroup/t/2"}
GROUP = {"AutoScalingGroupName": "shop-test-web"}


def settings(**changes) -> _Settings:
    args = {**GOOD, **changes}
    return _Settings.from_args({key: value for key, value in args.items() if value is not None})


def build(**changes) -> Recording:
    args = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return record(lambda: Alarms("web", args))


def alarm(role: str, **changes) -> dict:
    return build(**changes).resources["MetricAlarm"][f"web-{role}"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_name": None}, "group_name: must be given, got nothing"),
        ({"page_topic_arn": None}, "page_topic_arn: must be given, got nothing"),
        ({"min_size": None}, "min_size: must be given, got nothing"),
        ({"max_size": 0}, "max_size: must be a whole number of at least 1, got 0"),
        ({"min_size": 9}, "min_size: must be at most max_size (8), got 9"),
        (
            {"response_time_p95_seconds": 0},
            "response_time_p95_seconds: must be a number from 0.001 to 4000, got 0",
        ),
        (
            {"response_time_p95_seconds": 3},
            ("response_time_p95_seconds: must be at most response_time_p99_seconds (2), got 3.0"),
        ),
        (
            {"server_error_percent": 101},
            "server_error_percent: must be a number from 0.01 to 100, got 101",
        ),
        (
            {"minimum_requests_per_minute": 0.5},
            ("minimum_requests_per_minute: must be a whole number from 1 to 1000000, got 0.5"),
        ),
        (
            {"high_resolution_metric": {**METRIC, "namespace": "x" * 256}},
            f"high_resolution_metric.namespace: must be at most 255 characters, got '{'x' * 256}'",
        ),
        (
            {"high_resolution_metric": "Busy"},
            (
                "high_resolution_metric: must be a mapping with namespace, metric_name and more, "
                "got 'Busy'"
            ),
        ),
        (
            {"runbook_base_url": "x" * 501},
            f"runbook_base_url: must be at most 500 characters, got '{'x' * 501}'",
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ArgsError) as told:
        settings(**changes)

    assert str(told.value) == f"Alarms.{message}"


def test_the_table_watches_users_capacity_causes_and_the_alerts_themselves():
    assert [row.role for row in alarm_rows(settings())] == [
        "slow-responses-critical",
        "slow-tail-warning",
        "load-balancer-errors-critical",
        "load-balancer-errors-warning",
        "target-errors-critical",
        "target-errors-warning",
        "few-healthy-hosts-critical",
        "unhealthy-hosts-warning",
        "request-surge-critical",
        "request-surge-fast-critical",
        "rejected-connections-critical",
        "missing-capacity-critical",
        "at-maximum-size-critical",
        "high-cpu-warning",
        "failed-status-checks-warning",
        "undelivered-alerts-pages-critical",
        "undelivered-alerts-tickets-warning",
    ]


def test_each_row_states_its_reasons():
    for row in alarm_rows(settings()):
        assert row.says.endswith("."), row.role
        assert row.why.endswith("."), row.role
        assert row.threshold_reason.endswith("."), row.role
        assert row.missing_reason.endswith("."), row.role


def test_each_row_keeps_to_what_aws_states_in_text():
    for row in alarm_rows(settings()):
        assert breach(ALARM, "period", row.period_seconds) is None
        assert row.datapoints_to_alarm <= row.evaluation_periods
        assert row.missing in MissingData
        assert len(row.metrics) <= 10


def test_alarms_are_named_and_told_by_severity_and_link_their_runbook():
    alarms = build().resources["MetricAlarm"]

    for name, inputs in alarms.items():
        symptom = re.sub(r"^web-(.*?)(-fast|-pages|-tickets)?-(critical|warning)$", r"\1", name)
        assert inputs["name"] == f"shop-test-{name}"
        assert inputs["alarmDescription"].endswith(f" Runbook: docs/runbooks/{symptom}.md")
        assert len(inputs["alarmDescription"]) <= 1024
        assert inputs["actionsEnabled"] is True
        if "undelivered" in name:
            continue
        if name.endswith("critical"):
            assert inputs["alarmActions"] == inputs["okActions"] == ["arn:page"]
        else:
            assert inputs["alarmActions"] == ["arn:ticket"]
            assert "okActions" not in inputs


def test_a_failing_topic_is_told_through_the_other_one():
    pages = alarm("undelivered-alerts-pages-critical")
    tickets = alarm("undelivered-alerts-tickets-warning")

    assert pages["dimensions"] == {"TopicName": "shop-test-alerts-page"}
    assert pages["alarmActions"] == ["arn:ticket"]
    assert tickets["dimensions"] == {"TopicName": "shop-test-alerts-ticket"}
    assert tickets["alarmActions"] == ["arn:page"]
    assert (pages["evaluationPeriods"], pages["datapointsToAlarm"]) == (5, 1)


@pytest.mark.parametrize(
    ("role", "metric", "dimensions", "statistic", "condition"),
    [
        (
            "slow-responses-critical",
            "TargetResponseTime",
            TARGETS,
            "p95",
            ("GreaterThanThreshold", 1, 60, 3, 5, "notBreaching"),
        ),
        (
            "slow-tail-warning",
            "TargetResponseTime",
            TARGETS,
            "p99",
            ("GreaterThanThreshold", 2, 60, 3, 5, "notBreaching"),
        ),
        (
            "few-healthy-hosts-critical",
            "HealthyHostCount",
            TARGETS,
            "Minimum",
            ("LessThanThreshold", 2, 60, 3, 5, "breaching"),
        ),
        (
            "unhealthy-hosts-warning",
            "UnHealthyHostCount",
            TARGETS,
            "Maximum",
            ("GreaterThanOrEqualToThreshold", 1, 60, 5, 5, "notBreaching"),
        ),
        (
            "request-surge-critical",
            "RequestCountPerTarget",
            TARGETS,
            "Sum",
            ("GreaterThanOrEqualToThreshold", 6000, 60, 1, 1, "notBreaching"),
        ),
        (
            "request-surge-fast-critical",
            "Busy",
            GROUP,
            "Average",
            ("GreaterThanOrEqualToThreshold", 50, 10, 3, 3, "ignore"),
        ),
        (
            "rejected-connections-critical",
            "RejectedConnectionCount",
            BALANCER,
            "Sum",
            ("GreaterThanThreshold", 0, 60, 2, 3, "notBreaching"),
        ),
        (
            "high-cpu-warning",
            "CPUUtilization",
            GROUP,
            "Average",
            ("GreaterThanThreshold", 80, 300, 3, 3, "missing"),
        ),
        (
            "failed-status-checks-warning",
            "StatusCheckFailed",
            GROUP,
            "Maximum",
            ("GreaterThanOrEqualToThreshold", 1, 300, 2, 2, "missing"),
        ),
    ],
)
def test_alarms_on_one_metric(role, metric, dimensions, statistic, condition):
    inputs = alarm(role)

    assert inputs["metricName"] == metric
    assert inputs["dimensions"] == dimensions
    assert inputs.get("statistic", inputs.get("extendedStatistic")) == statistic
    assert (
        inputs["comparisonOperator"],
        inputs["threshold"],
        inputs["period"],
        inputs["datapointsToAlarm"],
        inputs["evaluationPeriods"],
        inputs["treatMissingData"],
    ) == condition
    assert ("evaluateLowSampleCountPercentiles" in inputs) == statistic.startswith("p")


@pytest.mark.parametrize(
    ("role", "expression", "metrics", "condition"),
    [
        (
            "load-balancer-errors-critical",
            (
                "IF(requests + FILL(errors, 0) >= 100, "
                "100 * FILL(errors, 0) / (requests + FILL(errors, 0)), 0)"
            ),
            {
                "errors": ("HTTPCode_ELB_5XX_Count", "Sum", 60, BALANCER),
                "requests": ("RequestCount", "Sum", 60, BALANCER),
            },
            ("GreaterThanThreshold", 1, 2, 5, "notBreaching"),
        ),
        (
            "target-errors-warning",
            "IF(requests >= 100, 100 * FILL(errors, 0) / (requests), 0)",
            {
                "errors": ("HTTPCode_Target_5XX_Count", "Sum", 300, TARGETS),
                "requests": ("RequestCount", "Sum", 300, TARGETS),
            },
            ("GreaterThanThreshold", 0, 1, 1, "notBreaching"),
        ),
        (
            "missing-capacity-critical",
            "desired - in_service",
            {
                "desired": ("GroupDesiredCapacity", "Average", 60, GROUP),
                "in_service": ("GroupInServiceCapacity", "Average", 60, GROUP),
            },
            ("GreaterThanThreshold", 0, 10, 10, "breaching"),
        ),
        (
            "at-maximum-size-critical",
            "100 * desired / maximum",
            {
                "desired": ("GroupDesiredCapacity", "Average", 60, GROUP),
                "maximum": ("GroupMaxSize", "Average", 60, GROUP),
            },
            ("GreaterThanOrEqualToThreshold", 100, 3, 3, "notBreaching"),
        ),
    ],
)
def test_alarms_on_metric_math(role, expression, metrics, condition):
    inputs = alarm(role)

    value, *queries = inputs["metricQueries"]
    assert (value["expression"], value["returnData"]) == (expression, True)
    assert {
        query["id"]: (
            query["metric"]["metricName"],
            query["metric"]["stat"],
            query["metric"]["period"],
            query["metric"]["dimensions"],
        )
        for query in queries
    } == metrics
    assert not any(query["returnData"] for query in queries)
    assert (
        inputs["comparisonOperator"],
        inputs["threshold"],
        inputs["datapointsToAlarm"],
        inputs["evaluationPeriods"],
        inputs["treatMissingData"],
    ) == condition


@pytest.mark.parametrize(
    ("requests", "errors", "rate"),
    [(99, 50, 0), (100, 1, 1), (400, 8, 2), (0, 0, 0)],
)
def test_one_failure_among_few_requests_is_no_rate(requests, errors, rate):
    """The expression, worked out by hand: below 100 requests the rate is 0."""
    (row,) = (row for row in alarm_rows(settings()) if row.role == "target-errors-critical")

    match = re.fullmatch(
        r"IF\(requests >= (\d+), 100 \* FILL\(errors, 0\) / \(requests\), 0\)", row.expression
    )

    assert match
    assert (100 * errors / requests if requests >= int(match[1]) else 0) == rate


def test_a_group_of_fixed_size_has_no_alarm_on_its_maximum():
    assert "web-at-maximum-size-critical" not in build(min_size=8).resources["MetricAlarm"]


def test_demand_is_compared_with_capacity_only_where_that_is_stated():
    alarms = build(requests_per_second_per_instance=None, high_resolution_metric=None)

    assert not [name for name in alarms.resources["MetricAlarm"] if REQUEST_SURGE in name]


def test_a_metric_of_thirty_seconds_needs_one_point():
    metric = DemandMetric(
        namespace="Shop", metric_name="Busy", capacity_per_instance=50, period_seconds=30
    )

    assert metric.evaluation_periods == 1


def test_runbook_links_may_lead_elsewhere():
    inputs = alarm("high-cpu-warning", runbook_base_url="https://wiki.example.com/runbooks")

    assert inputs["alarmDescription"].endswith(
        "Runbook: https://wiki.example.com/runbooks/high-cpu.md"
    )


def test_outputs_list_all_alarms():
    outputs = build().outputs

    assert outputs["alarm_names"][0] == "shop-test-web-slow-responses-critical"
    assert len(outputs["alarm_names"]) == len(outputs["alarm_arns"]) == 17


def test_alarms_that_stop_a_refresh_exist_and_page():
    recording = build()

    names = {inputs["name"] for inputs in recording.resources["MetricAlarm"].values()}
    assert set(rollback_alarm_names("web")) <= names


def test_every_symptom_has_a_runbook_and_every_runbook_a_symptom():
    others = (database.reference_rows(), web_acl.reference_rows(), spending.reference_rows())
    symptoms = {row.symptom for rows in (alarm_rows(settings()), *others) for row in rows}

    assert {page.stem for page in RUNBOOKS.glob("*.md")} == symptoms


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_runbooks_have_one_form(page):
    text = page.read_text(encoding="utf-8")

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert "```sh" in text
    for name in re.findall(r"\]\(([a-z-]+)\.md\)", text):
        assert (RUNBOOKS / f"{name}.md").exists(), name


def test_only_pages_are_critical():
    for row in alarm_rows(settings()):
        assert row.role.endswith("critical") == (row.severity == AlertSeverity.PAGE)
