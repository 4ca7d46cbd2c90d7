import json

import pytest

from surgeproof.components import ArgsError, Dashboard
from surgeproof.components.alarms.dashboard import DASHBOARD
from surgeproof.settings.dashboard_body import body_faults
from tests.unit.alarms.test_pages import alarm
from tests.unit.recording import ACCOUNT, REGION, record

CHART = {
    "section": "Database",
    "title": "Connections",
    "lines": [
        {
            "namespace": "AWS/RDS",
            "metric_name": "DatabaseConnections",
            "statistic": "Average",
            "dimensions": {"DBInstanceIdentifier": "shop"},
            "label": "open",
        }
    ],
    "bound": {"label": "most", "value": 90},
}


def watched():
    return [
        alarm("outage", metrics=0, tells="page", title="OUTAGE: users are hurt."),
        alarm("slow"),
        alarm("full", kind="saturation", section="Capacity"),
        alarm("disk", "ticket", kind=None, section="Causes"),
    ]


GOOD = {
    "load_balancer_arn_suffix": "app/a/1",
    "target_group_arn_suffix": "targetgroup/t/2",
    "group_name": "shop-test-web",
    "log_group_name": "/aws/events/shop-test-timeline",
    "requests_per_second_per_instance": 100,
    "alarms": watched(),
    "charts": [CHART],
    "active_users_metric": {"namespace": "Shop", "metric_name": "ActiveUsers"},
}


def shown(**changes):
    recording = record(lambda: Dashboard("on-call", {**GOOD, **changes}))
    return json.loads(recording.only("Dashboard")["dashboardBody"])


def arn(symptom):
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:shop-test-web-{symptom}"


def test_its_body_keeps_the_documented_structure():
    assert body_faults(json.dumps(shown())) == []


def test_users_come_first_then_demand_and_capacity_then_causes():
    heads = [
        each["properties"]["markdown"].removeprefix("# ")
        for each in shown()["widgets"]
        if each["type"] == "text"
    ]

    assert heads[1:] == ["What users get", "Demand", "Capacity", "Database", "Causes"]


def test_what_each_page_means_stands_at_the_top():
    assert (
        "- [outage](docs/runbooks/outage.md): OUTAGE: users are hurt."
        in shown()["widgets"][0]["properties"]["markdown"]
    )


def test_every_alarm_is_on_it_and_each_metric_alarm_has_its_graph():
    widgets = shown()["widgets"]

    states = [
        arn for each in widgets if each["type"] == "alarm" for arn in each["properties"]["alarms"]
    ]
    graphs = [
        found
        for each in widgets
        for found in each["properties"].get("annotations", {}).get("alarms", ())
    ]
    assert states == [arn("outage"), arn("slow"), arn("full"), arn("disk")]
    assert graphs == [arn("slow"), arn("full"), arn("disk")]


def test_the_error_budget_is_one_number_over_its_whole_window():
    budget = next(
        each["properties"]
        for each in shown(window_days=28)["widgets"]
        if "Error budget left: availability" in each["properties"].get("title", "")
    )

    assert (budget["start"], budget["view"]) == ("-P28D", "singleValue")
    assert budget["setPeriodToTimeRange"] is True
    assert budget["metrics"][0][0]["expression"] == (
        "100 * (1 - (FILL(failed, 0) + FILL(refused, 0)) / (requests + FILL(refused, 0)) / 0.001)"
    )


def test_scaling_actions_come_from_the_timeline():
    (log,) = (each["properties"] for each in shown()["widgets"] if each["type"] == "log")

    assert log["query"].startswith("SOURCE '/aws/events/shop-test-timeline' | ")


def test_charts_of_others_are_drawn_with_their_bound():
    (chart,) = (
        each["properties"]
        for each in shown()["widgets"]
        if each["properties"].get("title") == "Connections"
    )

    assert chart["metrics"] == [
        [
            "AWS/RDS",
            "DatabaseConnections",
            "DBInstanceIdentifier",
            "shop",
            {"stat": "Average", "label": "open"},
        ]
    ]
    assert chart["annotations"] == {"horizontal": [{"label": "most", "value": 90}]}


def test_wrong_arguments_are_refused():
    with pytest.raises(ArgsError) as told:
        DASHBOARD.check({**GOOD, "window_days": 91})

    assert str(told.value) == "Dashboard.window_days: must be a whole number from 1 to 90, got 91"


METRIC = {
    "type": "metric",
    "x": 0,
    "y": 0,
    "width": 8,
    "height": 6,
    "properties": {"region": "eu-central-1", "metrics": [["AWS/EC2", "CPUUtilization"]]},
}


@pytest.mark.parametrize(
    ("widget", "fault"),
    [
        (
            {**METRIC, "type": "graph"},
            ("type: must be one of text, log, alarm, explorer, metric, chart, custom, got 'graph'"),
        ),
        ({"type": "text", "y": 0, "properties": {"markdown": ""}}, "x: must be given beside y"),
        (
            {"type": "alarm", "properties": {"alarms": []}},
            "properties.alarms: must be from 1 to 100",
        ),
        (
            {"type": "alarm", "properties": {"alarms": ["arn"], "sortBy": "name"}},
            "properties.sortBy: must be one of default, stateUpdatedTimestamp, timestamp",
        ),
        (
            {"type": "explorer", "properties": {"metrics": []}},
            "properties.labels: must be given",
        ),
        (
            {
                **METRIC,
                "properties": {**METRIC["properties"], "annotations": {"alarms": ["arn"]}},
            },
            "properties.annotations.alarms: must stand without metrics and other annotations",
        ),
        (
            {
                **METRIC,
                "properties": {
                    **METRIC["properties"],
                    "view": "gauge",
                    "yAxis": {"left": {"max": 100}},
                },
            },
            "properties.yAxis.left: must give min and max of the gauge",
        ),
        (
            {**METRIC, "properties": {"region": "r", "metrics": [["A", "B", {"id": "M"}]]}},
            "properties.metrics[0].id: must begin with a small letter, got 'M'",
        ),
        ({**METRIC, "x": 17}, "width: must keep within 24 columns, got 17 + 8"),
        ({**METRIC, "properties": {"metrics": [["A", "B"]]}}, "properties.region: must be given"),
        (
            {**METRIC, "properties": {**METRIC["properties"], "colour": 1}},
            "properties.colour: must be a property of a widget of type metric",
        ),
        (
            {**METRIC, "properties": {"region": "r", "metrics": [["A", "B", "Dimension"]]}},
            ("properties.metrics[0]: must be namespace, name and pairs of dimension and value"),
        ),
        (
            {**METRIC, "properties": {"region": "r"}},
            "properties.metrics: must be given, or annotations.alarms with one alarm",
        ),
        (
            {
                **METRIC,
                "properties": {
                    "region": "r",
                    "metrics": [["A", "B", {"id": "m"}], ["A", "C", {"id": "m"}]],
                },
            },
            "properties.metrics[1].id: must be used once, got 'm'",
        ),
    ],
)
def test_a_widget_that_breaks_the_structure_is_told(widget, fault):
    assert body_faults(json.dumps({"widgets": [widget]})) == [f"widgets[0].{fault}"]


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"variables": [{}] * 26}, "variables: must be at most 25"),
        ({"end": "2027-01-01T00:00:00Z"}, "start: must be given beside end"),
        ({"periodOverride": "none"}, "periodOverride: must be auto or inherit"),
    ],
    ids=["variables", "end", "override"],
)
def test_a_body_that_breaks_the_structure_is_told(more, fault):
    assert body_faults(json.dumps({"widgets": [], **more})) == [fault]


@pytest.mark.parametrize(
    "widget",
    [
        {"type": "text", "properties": {"markdown": "# Shop", "background": "transparent"}},
        {"type": "custom", "properties": {"endpoint": "arn", "params": {}, "updateOn": {}}},
        {"type": "chart", "properties": {}},
        {
            "type": "explorer",
            "properties": {
                "metrics": [{"metricName": "CPUUtilization", "resourceType": "AWS::EC2::Instance"}],
                "labels": [{"key": "State", "value": "running"}],
                "splitBy": "AvailabilityZone",
            },
        },
        {
            **METRIC,
            "properties": {
                "region": "eu-central-1",
                "setPeriodToTimeRange": True,
                "metrics": [
                    ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", {"stat": "Minimum"}],
                    ["...", {"stat": "Maximum"}],
                    ["...", "i-2"],
                    [".", "NetworkIn", ".", "."],
                ],
            },
        },
    ],
    ids=["no-place", "custom", "chart", "explorer", "short-hand"],
)
def test_widgets_of_other_programs_keep_the_structure(widget):
    """Every dashboard on the embedded AWS is held to it, not only this project's."""
    assert body_faults(json.dumps({"widgets": [widget]})) == []
