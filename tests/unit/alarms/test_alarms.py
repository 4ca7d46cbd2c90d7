import re
from pathlib import Path

import pytest

from surgeproof.components import Alarms, ArgsError
from surgeproof.components.alarms.alarms import alarm_rows, rollback_alarm_names
from surgeproof.components.alarms.demand import REQUEST_SURGE, fast_surge_row
from surgeproof.components.alarms.objectives import Objective
from surgeproof.components.alarms.pages import PAGES
from surgeproof.components.alarms.rows import AlertSeverity, MissingData
from surgeproof.components.alarms.settings import ALARMS
from surgeproof.components.database import alarms as database_alarms
from surgeproof.components.service import spending, web_acl
from surgeproof.settings.aws_limits import ALARM, breach
from tests.unit.recording import Recording, record

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"
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
    "info_topic_arn": "arn:info",
    "escalation_topic_name": "shop-test-alerts-escalation",
    "active_users_metric": {"namespace": "Shop", "metric_name": "ActiveUsers"},
    "certificate_arn": "arn:certificate",
    "nat_gateway_ids": ["nat-1", "nat-2"],
    "min_size": 2,
    "max_size": 8,
    "requests_per_second_per_instance": 100,
    "high_resolution_metric": METRIC,
}
BALANCER = {"LoadBalancer": "app/a/1"}
TARGETS = {**BALANCER, "TargetGroup": "targetgroup/t/2"}
GROUP = {"AutoScalingGroupName": "shop-test-web"}


def settings(**changes):
    args = {**GOOD, **changes}
    return ALARMS.check({key: value for key, value in args.items() if value is not None})


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
        ({"min_size": None}, "min_size: must be a whole number of at least 1, got nothing"),
        ({"max_size": 0}, "max_size: must be a whole number of at least 1, got 0"),
        ({"min_size": 9}, "min_size: must be at most max_size (8), got 9"),
        (
            {"response_time_p95_seconds": 0},
            "response_time_p95_seconds: must be a number from 0.001 to 4000, got 0",
        ),
        (
            {"response_time_p95_seconds": 3},
            ("response_time_p95_seconds: must be at most response_time_p99_seconds (2), got 3"),
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
            (
                "high_resolution_metric.namespace: must be a text of 1 to 255 characters, not "
                f"beginning with a colon, got '{'x' * 57}...'"
            ),
        ),
        (
            {"high_resolution_metric": "Busy"},
            ("high_resolution_metric: must be a mapping of keys, got 'Busy'"),
        ),
        (
            {"active_users_metric": {"namespace": "Shop"}},
            "active_users_metric.metric_name: must be a text of 1 to 255 characters, got nothing",
        ),
        (
            {"request_jump_percent": 9},
            "request_jump_percent: must be a number from 10 to 1000, got 9",
        ),
        (
            {"anomaly_band_width": 0},
            "anomaly_band_width: must be a number from 1 to 10, got 0",
        ),
        (
            {"capacity_units": 99},
            "capacity_units: must be at least 100 units, got 99",
        ),
        (
            {"runbook_base_url": "x" * 501},
            f"runbook_base_url: must be a text of 1 to 500 characters, got '{'x' * 57}...'",
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
        "few-good-responses-critical",
        "client-errors-warning",
        "target-connection-errors-warning",
        "few-healthy-hosts-critical",
        "unhealthy-hosts-warning",
        "request-surge-critical",
        "request-surge-fast-critical",
        "rejected-connections-critical",
        "request-jump-info",
        "unusual-demand-requests-info",
        "unusual-demand-connections-info",
        "unusual-demand-users-info",
        "missing-capacity-critical",
        "at-maximum-size-critical",
        "high-cpu-warning",
        "failed-status-checks-warning",
        "stalled-volumes-warning",
        "load-balancer-capacity-warning",
        "certificate-expiry-warning",
        "nat-port-exhaustion-gateway-1-warning",
        "nat-port-exhaustion-gateway-2-warning",
        "undelivered-alerts-pages-critical",
        "undelivered-alerts-tickets-warning",
        "undelivered-alerts-escalations-critical",
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
    """Those of a kind go to the info topic: the kind's composite alarm pages, once."""
    alarms = build().resources["MetricAlarm"]

    rows = {f"web-{row.role}": row for row in alarm_rows(settings())}
    assert rows.keys() == alarms.keys()
    for name, inputs in alarms.items():
        assert inputs["name"] == f"shop-test-{name}"
        assert inputs["alarmDescription"].endswith(
            f" Runbook: docs/runbooks/{rows[name].symptom}.md"
        )
        assert len(inputs["alarmDescription"]) <= 1024
        assert inputs["actionsEnabled"] is True
        if "undelivered" in name:
            continue
        if name.endswith("critical"):
            assert inputs["alarmActions"] == inputs["okActions"] == ["arn:info"]
        else:
            level = {"warning": "ticket", "info": "info"}[name.rpartition("-")[2]]
            assert inputs["alarmActions"] == [f"arn:{level}"]
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
            "stalled-volumes-warning",
            "StatusCheckFailed_AttachedEBS",
            GROUP,
            "Maximum",
            ("GreaterThanOrEqualToThreshold", 1, 60, 10, 10, "missing"),
        ),
        (
            "load-balancer-capacity-warning",
            "PeakLCUs",
            BALANCER,
            "Maximum",
            ("GreaterThanThreshold", 100, 60, 3, 5, "notBreaching"),
        ),
        (
            "certificate-expiry-warning",
            "DaysToExpiry",
            {"CertificateArn": "arn:certificate"},
            "Minimum",
            ("LessThanOrEqualToThreshold", 44, 86400, 1, 1, "breaching"),
        ),
        (
            "nat-port-exhaustion-gateway-2-warning",
            "ErrorPortAllocation",
            {"NatGatewayId": "nat-2"},
            "Sum",
            ("GreaterThanThreshold", 0, 60, 15, 15, "missing"),
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
            "few-good-responses-critical",
            (
                "IF(requests + FILL(rejected, 0) >= 100, 100 * (FILL(found, 0) + FILL(moved, 0)) "
                "/ (requests + FILL(rejected, 0)), 100)"
            ),
            {
                "found": ("HTTPCode_Target_2XX_Count", "Sum", 60, TARGETS),
                "moved": ("HTTPCode_Target_3XX_Count", "Sum", 60, TARGETS),
                "requests": ("RequestCount", "Sum", 60, TARGETS),
                "rejected": ("HTTPCode_ELB_5XX_Count", "Sum", 60, BALANCER),
            },
            ("LessThanThreshold", 90, 3, 3, "breaching"),
        ),
        (
            "client-errors-warning",
            "IF(requests >= 500, 100 * FILL(refused, 0) / requests, 0)",
            {
                "refused": ("HTTPCode_Target_4XX_Count", "Sum", 300, TARGETS),
                "requests": ("RequestCount", "Sum", 300, TARGETS),
            },
            ("GreaterThanThreshold", 1, 1, 1, "notBreaching"),
        ),
        (
            "target-connection-errors-warning",
            "IF(requests >= 100, 100 * FILL(failed, 0) / requests, 0)",
            {
                "failed": ("TargetConnectionErrorCount", "Sum", 60, TARGETS),
                "requests": ("RequestCount", "Sum", 60, TARGETS),
            },
            ("GreaterThanThreshold", 0.1, 3, 5, "notBreaching"),
        ),
        (
            "request-jump-info",
            ("IF(demand - DIFF(demand) >= 500, 100 * DIFF(demand) / (demand - DIFF(demand)), 0)"),
            {"demand": ("RequestCount", "Sum", 300, BALANCER)},
            ("GreaterThanOrEqualToThreshold", 30, 1, 2, "notBreaching"),
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


@pytest.mark.parametrize(
    ("variant", "namespace", "metric", "dimensions"),
    [
        ("requests", "AWS/ApplicationELB", "RequestCount", BALANCER),
        ("connections", "AWS/ApplicationELB", "NewConnectionCount", BALANCER),
        ("users", "Shop", "ActiveUsers", GROUP),
    ],
)
def test_unusual_demand_is_what_lies_above_its_band(variant, namespace, metric, dimensions):
    inputs = alarm(f"unusual-demand-{variant}-info", anomaly_band_width=2.5)

    band, demand = inputs["metricQueries"]
    assert band["expression"] == "ANOMALY_DETECTION_BAND(demand, 2.5)"
    assert band["returnData"] is demand["returnData"] is True
    assert demand["metric"] == {
        "namespace": namespace,
        "metricName": metric,
        "dimensions": dimensions,
        "period": 60,
        "stat": "Sum",
    }
    assert inputs["thresholdMetricId"] == "band"
    assert inputs["comparisonOperator"] == "GreaterThanUpperThreshold"
    assert "threshold" not in inputs


def test_what_does_not_exist_is_not_watched():
    alarms = build(active_users_metric=None, certificate_arn=None, nat_gateway_ids=None)

    names = " ".join(alarms.resources["MetricAlarm"])
    assert "users" not in names
    assert "certificate" not in names
    assert "nat-port" not in names


def test_a_reservation_moves_the_bound_of_the_load_balancers_capacity():
    assert alarm("load-balancer-capacity-warning", capacity_units=500)["threshold"] == 400


def test_a_group_of_fixed_size_has_no_alarm_on_its_maximum():
    assert "web-at-maximum-size-critical" not in build(min_size=8).resources["MetricAlarm"]


def test_demand_is_compared_with_capacity_only_where_that_is_stated():
    alarms = build(requests_per_second_per_instance=None, high_resolution_metric=None)

    assert not [name for name in alarms.resources["MetricAlarm"] if REQUEST_SURGE in name]


def test_a_metric_of_thirty_seconds_needs_one_point():
    metric = {
        "namespace": "Shop",
        "metric_name": "Busy",
        "capacity_per_instance": 50,
        "period_seconds": 30,
    }

    row = fast_surge_row(metric=metric, share_percent=80, severity=AlertSeverity.TICKET)

    assert (row.evaluation_periods, row.datapoints_to_alarm) == (1, 1)


def test_runbook_links_may_lead_elsewhere():
    inputs = alarm("high-cpu-warning", runbook_base_url="https://wiki.example.com/runbooks")

    assert inputs["alarmDescription"].endswith(
        "Runbook: https://wiki.example.com/runbooks/high-cpu.md"
    )


def test_outputs_list_all_alarms():
    outputs = build().outputs

    assert outputs["alarm_names"][0] == "shop-test-web-slow-responses-critical"
    assert len(outputs["alarm_names"]) == len(outputs["alarm_arns"]) == 30


def test_alarms_that_stop_a_refresh_exist_and_page():
    recording = build()

    names = {inputs["name"] for inputs in recording.resources["MetricAlarm"].values()}
    assert set(rollback_alarm_names("web")) <= names


def test_every_symptom_has_a_runbook_and_every_runbook_a_symptom():
    others = (database_alarms.reference_rows(), web_acl.reference_rows(), spending.reference_rows())
    symptoms = {row.symptom for rows in (alarm_rows(settings()), *others) for row in rows}
    symptoms |= {*Objective, *(row.kind.value for row in PAGES), "escalation"}

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
