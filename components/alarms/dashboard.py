"""One dashboard for whoever is on call, made of the alarms and metrics that exist."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.objectives import (
    AVAILABILITY,
    PERCENTILE,
    WINDOW,
    Objective,
    measured,
    promised,
)
from surgeproof.components.alarms.rows import (
    WATCHED,
    AlertSeverity,
    Section,
    Subject,
    WatchedAlarmArgs,
    after,
    runbook_url,
)
from surgeproof.components.alarms.settings import ActiveUsersMetricArgs
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import CAPACITY, RUNBOOK_BASE_URL
from surgeproof.figures.settings import LATENCY
from surgeproof.settings.checks import Definition
from surgeproof.settings.dashboard_body import ALARMS_MAX
from surgeproof.settings.fields import choice, group, items, number, text


class ChartLineArgs(TypedDict):
    """One line of a graph."""

    namespace: Annotated[str, text()]
    """Namespace of the metric."""
    metric_name: Annotated[str, text()]
    """Name of the metric."""
    statistic: Annotated[str, text()]
    """Average, Sum, Minimum, Maximum, or a percentile such as p95."""
    dimensions: Mapping[str, Input[str]]
    """Dimensions of the metric."""
    label: Annotated[str, text()]
    """What the line is called."""


class ChartBoundArgs(TypedDict):
    """A line that does not move."""

    label: Annotated[str, text()]
    """What the line is called."""
    value: Annotated[float, number("units of the metric", -1e300, 1e300)]
    """Where it is."""


class ChartArgs(TypedDict):
    """A graph beside those of the alarms, for example of a database."""

    section: Annotated[str, choice(Section)]
    """Where the dashboard shows it."""
    title: Annotated[str, text()]
    """What it shows."""
    lines: Annotated[
        list[ChartLineArgs], items("list of lines", "be a list of at least one line", low=1)
    ]
    """Its lines."""
    bound: NotRequired[Annotated[ChartBoundArgs, group()]]
    """A line that does not move. Default: none."""


class DashboardArgs(TypedDict):
    """Arguments of Dashboard."""

    alarms: Annotated[list[WatchedAlarmArgs], WATCHED]
    """All alarms, in the order in which they are shown."""
    charts: NotRequired[
        Annotated[
            list[ChartArgs], items("list of graphs", "be a list of graphs", default=(), key="-")
        ]
    ]
    """Graphs beside those of the alarms."""
    load_balancer_arn_suffix: Input[str]
    """Last part of the load balancer's ARN, as CloudWatch names it: app/..."""
    target_group_arn_suffix: Input[str]
    """Last part of the target group's ARN: targetgroup/..."""
    group_name: Input[str]
    """Name of the auto scaling group."""
    log_group_name: NotRequired[Input[str]]
    """Log group of the incident timeline. Default: none, and scaling actions are not shown."""
    availability_percent: NotRequired[Annotated[float, AVAILABILITY]]
    """Share of requests that are answered without a server error."""
    latency_percentile: NotRequired[Annotated[float, PERCENTILE]]
    """Share of requests that are answered within `latency_seconds`."""
    latency_seconds: NotRequired[Annotated[float, LATENCY]]
    """Time within which they are answered."""
    window_days: NotRequired[Annotated[int, WINDOW]]
    """Time over which the promise holds."""
    requests_per_second_per_instance: NotRequired[Annotated[float, CAPACITY]]
    """Requests that one instance carries. Without it no line shows it."""
    active_users_metric: NotRequired[
        Annotated[ActiveUsersMetricArgs, group(key="alerts.activeUsersMetric")]
    ]
    """Users at work, as the application counts them."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""


DASHBOARD: Final = Definition("Dashboard", DashboardArgs)


_ELB: Final = "AWS/ApplicationELB"
_COLUMNS: Final = 24
_STATUS_HEIGHT: Final = 3
_GRAPH: Final = (8, 6)
"""Width and height of a graph: three in a row."""


class Dashboard(pulumi.ComponentResource):
    """What is wrong, for whom, and why: one dashboard for whoever is on call.

    Creates a CloudWatch dashboard, from the top: the open pages and all alarms' states; what users
    get, with what is left of the error budget; demand and capacity; scaling actions; causes. Each
    metric alarm has its own graph, drawn by CloudWatch from the alarm, so it shows the alarm's own
    bound; `alarms` and `charts` are what exists, so it cannot drift.

    CloudWatch's annotations stand at moments that are fixed when a dashboard is written, so scaling
    actions are a table out of the timeline beside the graphs, and not lines in them.
    """

    dashboard_name: Output[str]
    """Name of the dashboard."""

    def __init__(
        self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Dashboard", name, {}, opts)
        settings = DASHBOARD.check(args)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        known = Output.all(
            partition=aws.get_partition_output(opts=invoke).partition,
            region=aws.get_region_output(opts=invoke).region,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
            balancer=args["load_balancer_arn_suffix"],
            targets=args["target_group_arn_suffix"],
            group=args["group_name"],
            log_group=args.get("log_group_name"),
            charts=[[line["dimensions"] for line in each["lines"]] for each in settings["charts"]],
        )
        users = args.get("active_users_metric")
        shown = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=physical_name(name),
            dashboard_body=known.apply(lambda at: json.dumps(body(settings, users, at))),
            opts=after(self, settings["alarms"]),
        )
        self.dashboard_name = shown.dashboard_name
        self.register_outputs({"dashboard_name": self.dashboard_name})


@dataclass(slots=True)
class _Page:
    """Lays widgets out from the top, left to right."""

    widgets: list[dict[str, Any]]
    x: int = 0
    y: int = 0
    _row_height: int = 0

    def put(self, kind: str, width: int, height: int, **properties: Any) -> None:
        if self.x + width > _COLUMNS:
            self.end_row()
        self.widgets.append(
            {
                "type": kind,
                "x": self.x,
                "y": self.y,
                "width": width,
                "height": height,
                "properties": properties,
            }
        )
        self.x += width
        self._row_height = max(self._row_height, height)

    def end_row(self) -> None:
        self.y += self._row_height
        self.x = self._row_height = 0

    def head(self, markdown: str, height: int = 1) -> None:
        self.end_row()
        self.put("text", _COLUMNS, height, markdown=markdown)
        self.end_row()


def body(
    settings: DashboardArgs,
    users: ActiveUsersMetricArgs | None,
    at: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the dashboard; `at` holds what Pulumi knows."""
    alarms, charts = settings["alarms"], settings["charts"]
    page = _Page([])
    region = at["region"]

    def graph(title: str, lines: list[list[Any]], **more: Any) -> None:
        page.put(
            "metric",
            *_GRAPH,
            region=region,
            title=title,
            view="timeSeries",
            period=60,
            metrics=lines,
            **more,
        )

    def arn(alarm: WatchedAlarmArgs) -> str:
        return f"arn:{at['partition']}:cloudwatch:{region}:{at['account']}:alarm:{alarm['name']}"

    def states(title: str, chosen: Iterable[WatchedAlarmArgs]) -> None:
        listed = [*chosen]
        for begin in range(0, len(listed), ALARMS_MAX):
            part = listed[begin : begin + ALARMS_MAX]
            height = _STATUS_HEIGHT + len(part) // 8
            page.end_row()
            page.put(
                "alarm",
                _COLUMNS,
                height,
                title=title,
                sortBy="stateUpdatedTimestamp",
                alarms=[arn(alarm) for alarm in part],
            )
        page.end_row()

    def of(section: Section) -> None:
        for chart, dimensions in zip(charts, at["charts"], strict=True):
            if chart["section"] == section:
                graph(
                    chart["title"],
                    [
                        _line(
                            line["namespace"],
                            line["metric_name"],
                            line["statistic"],
                            where,
                            line["label"],
                        )
                        for line, where in zip(chart["lines"], dimensions, strict=True)
                    ],
                    **_bounds(chart.get("bound")),
                )
        for alarm in alarms:
            if alarm["section"] == section and alarm["metrics"]:
                page.put(
                    "metric",
                    *_GRAPH,
                    region=region,
                    title=alarm["name"],
                    annotations={"alarms": [arn(alarm)]},
                )

    pages = [alarm for alarm in alarms if not alarm["metrics"]]
    page.head(_guide(settings, pages), 4)
    states("Pages, tickets and escalation", pages)
    balancer = {"LoadBalancer": at["balancer"]}
    targets = {**balancer, "TargetGroup": at["targets"]}
    group = {"AutoScalingGroupName": at["group"]}

    page.head(f"# {Section.USERS}")
    for objective in Objective:
        page.put("metric", *_GRAPH, **_budget(settings, objective, balancer, targets, region))
    graph(
        "Response time",
        [_line(_ELB, "TargetResponseTime", each, targets, each) for each in ("p50", "p95", "p99")],
        **_bounds(
            {
                "label": f"promised for {promised(settings)[Objective.LATENCY]:g} %",
                "value": settings["latency_seconds"],
            }
        ),
    )
    of(Section.USERS)

    page.head(f"# {Section.DEMAND}")
    graph(
        "Requests a minute",
        [_line(_ELB, "RequestCount", "Sum", balancer, "requests")],
    )
    capacity = settings.get("requests_per_second_per_instance")
    graph(
        "Requests per target and minute",
        [_line(_ELB, "RequestCountPerTarget", "Sum", targets, "requests per target")],
        **_bounds({"label": "one instance is full", "value": 60 * capacity} if capacity else None),
    )
    if users is not None:
        graph(
            "Active users",
            [_line(users["namespace"], users["metric_name"], "Sum", group, "active users")],
        )
    of(Section.DEMAND)

    page.head(f"# {Section.CAPACITY}")
    graph(
        "Instances",
        [
            _line("AWS/AutoScaling", metric, "Average", group, label)
            for metric, label in (
                ("GroupDesiredCapacity", "desired"),
                ("GroupInServiceCapacity", "in service"),
                ("GroupPendingInstances", "pending"),
                ("GroupMaxSize", "maximum"),
                ("GroupMinSize", "minimum"),
            )
        ],
    )
    if at.get("log_group"):
        page.put(
            "log",
            2 * _GRAPH[0],
            _GRAPH[1],
            region=region,
            title="Scaling actions (the incident timeline)",
            view="table",
            query=f"SOURCE '{at['log_group']}' | filter `source` = 'aws.autoscaling' "
            "| fields @timestamp, `detail-type`, detail.EC2InstanceId, detail.Cause "
            "| sort @timestamp desc | limit 50",
        )
    of(Section.CAPACITY)

    for section in (Section.DATABASE, Section.CAUSES, Section.ALERTS):
        shown = any(each["section"] == section for each in charts) or any(
            each["section"] == section and each["metrics"] for each in alarms
        )
        if shown:
            page.head(f"# {section}")
            if section == Section.CAUSES:
                graph(
                    "Processors",
                    [
                        _line("AWS/EC2", "CPUUtilization", "Average", group, "mean"),
                        _line("AWS/EC2", "CPUUtilization", "Maximum", group, "busiest"),
                    ],
                )
            of(section)
    states("All alarms on metrics", [alarm for alarm in alarms if alarm["metrics"]])
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": page.widgets}


def _guide(settings: DashboardArgs, pages: Sequence[WatchedAlarmArgs]) -> str:
    """Return what each page means and where its runbook is."""
    seen: dict[str, str] = {}
    for alarm in pages:
        if alarm["severity"] == AlertSeverity.PAGE:
            seen.setdefault(alarm["symptom"], alarm["title"])
    lines = [
        f"- [{symptom}]({runbook_url(settings['runbook_base_url'], symptom)}): {title}"
        for symptom, title in seen.items()
    ]
    return "\n".join(["**Open pages say what kind it is. Read from the top.**", *lines])


def _line(
    namespace: str, name: str, statistic: str, dimensions: Mapping[str, str], label: str
) -> list[Any]:
    words = [word for pair in dimensions.items() for word in pair]
    return [namespace, name, *words, {"stat": statistic, "label": label}]


def _bounds(bound: ChartBoundArgs | None) -> dict[str, Any]:
    if bound is None:
        return {}
    return {"annotations": {"horizontal": [{"label": bound["label"], "value": bound["value"]}]}}


def _budget(
    settings: DashboardArgs,
    objective: Objective,
    balancer: Mapping[str, str],
    targets: Mapping[str, str],
    region: str,
) -> dict[str, Any]:
    """Return what is left of the budget of bad requests over the whole window, as one number."""
    share, metrics = measured(objective, settings["latency_seconds"])
    good = promised(settings)[objective]
    where = {Subject.LOAD_BALANCER: balancer, Subject.TARGET_GROUP: targets}
    return {
        "region": region,
        "title": f"Error budget left: {objective.removesuffix('-burn')} of {good:g} % over "
        f"{settings['window_days']} days",
        "view": "singleValue",
        "setPeriodToTimeRange": True,
        "start": f"-P{settings['window_days']}D",
        "end": "P0D",
        "metrics": [
            [
                {
                    "expression": f"100 * (1 - {share} / {round((100 - good) / 100, 8):g})",
                    "label": "% left",
                    "id": "left",
                }
            ],
            *(
                [
                    metric.namespace,
                    metric.name,
                    *(word for pair in where[metric.subject].items() for word in pair),
                    {"id": metric.id, "stat": metric.statistic, "visible": False},
                ]
                for metric in metrics
            ),
        ],
    }
