"""CloudWatch: alarms and dashboards."""

from surgeproof.emulator.rows.row import Call, Const, Name, Row, Step, Tagging
from surgeproof.emulator.rows.sources import by_ids

_ALARM_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceARN": "arn"}),
)


_METRIC = {
    "": "Metrics",
    ".metric": "MetricStat",
    ".metric.metricName": "Metric.MetricName",
    ".metric.namespace": "Metric.Namespace",
    ".metric.dimensions": "Metric.Dimensions",
}


ROWS = (
    Row(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        noun="Alarm",
        create=Step(
            "PutMetricAlarm",
            names={f"metricQueries{path}": place for path, place in _METRIC.items()},
        ),
        id="name",
        name=Name(),
        replaces=("name",),
        overwrites=True,
        tagging=_ALARM_TAGS,
        read=Call(
            "DescribeAlarms",
            {"AlarmNames": lambda state: [state["id"]], "AlarmTypes": Const(["MetricAlarm"])},
            "MetricAlarms[0]",
        ),
        outputs={"arn": "AlarmArn"},
        delete=(Call("DeleteAlarms", by_ids("AlarmNames")),),
    ),
    Row(
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        service="cloudwatch",
        noun="Alarm",
        create=Step(
            "PutCompositeAlarm",
            names={
                "okActions": "OKActions",
                "actionsSuppressor.alarm": "ActionsSuppressor",
                "actionsSuppressor.waitPeriod": "ActionsSuppressorWaitPeriod",
                "actionsSuppressor.extensionPeriod": "ActionsSuppressorExtensionPeriod",
            },
        ),
        id="alarmName",
        name=Name(property="alarmName"),
        replaces=("alarmName",),
        overwrites=True,
        tagging=_ALARM_TAGS,
        read=Call(
            "DescribeAlarms",
            {"AlarmNames": lambda state: [state["id"]], "AlarmTypes": Const(["CompositeAlarm"])},
            "CompositeAlarms[0]",
        ),
        outputs={"arn": "AlarmArn"},
        delete=(Call("DeleteAlarms", by_ids("AlarmNames")),),
    ),
    Row(
        "aws:cloudwatch/dashboard:Dashboard",
        service="cloudwatch",
        noun="Dashboard",
        create=Step("PutDashboard"),
        id="dashboardName",
        name=Name(property="dashboardName"),
        replaces=("dashboardName",),
        overwrites=True,
        read=Call("GetDashboard", {"DashboardName": "dashboardName"}),
        gone=("ResourceNotFound", "DashboardNotFoundError"),
        outputs={"dashboardArn": "DashboardArn"},
        delete=(Call("DeleteDashboards", by_ids("DashboardNames")),),
    ),
)
