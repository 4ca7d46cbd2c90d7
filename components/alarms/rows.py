"""One alarm: a row with its number, reason and runbook, and what CloudWatch is given of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.naming import physical_name
from surgeproof.settings.fields import choice, items, text, whole


class AlertSeverity(StrEnum):
    """How soon somebody has to look."""

    PAGE = "page"
    """Now, at night too: users are hurt, or are about to be."""
    TICKET = "ticket"
    """In working hours."""
    INFO = "info"
    """Not at all: what pages are made of, for tools and for reading afterwards."""


class MissingData(StrEnum):
    """What an alarm takes a missing data point for."""

    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"
    MISSING = "missing"


class Comparison(StrEnum):
    """When an alarm goes off."""

    ABOVE = "GreaterThanThreshold"
    AT_LEAST = "GreaterThanOrEqualToThreshold"
    BELOW = "LessThanThreshold"
    AT_MOST = "LessThanOrEqualToThreshold"
    ABOVE_BAND = "GreaterThanUpperThreshold"


class Kind(StrEnum):
    """What a page is about. Alarms of one kind page once, by a composite alarm over them."""

    SURGE = "surge"
    """Demand is up; users do not feel it yet."""
    SATURATION = "saturation"
    """Capacity is used up, or does not come."""
    OUTAGE = "outage"
    """Users are hurt."""


class Section(StrEnum):
    """Where the dashboard shows an alarm."""

    USERS = "What users get"
    DEMAND = "Demand"
    CAPACITY = "Capacity"
    CAUSES = "Causes"
    DATABASE = "Database"
    ALERTS = "Alerts"


class Subject(StrEnum):
    """What a metric is about; says which dimensions it has."""

    LOAD_BALANCER = "load balancer"
    TARGET_GROUP = "target group"
    GROUP = "auto scaling group"
    PAGE_TOPIC = "page topic"
    TICKET_TOPIC = "ticket topic"
    DATABASE = "database"
    REPLICA = "read replica"
    DATABASE_LOG = "database's log"
    RATE_RULE = "rate rule of the web ACL"
    ESCALATION_TOPIC = "escalation topic"
    CERTIFICATE = "certificate"
    NAT_GATEWAY = "NAT gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmMetric:
    """One metric that an alarm reads."""

    namespace: str
    name: str
    statistic: str
    """Average, Sum, Minimum, Maximum, or a percentile such as p95."""
    subject: Subject
    id: str = "metric"
    """What an expression calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """One alarm. Nothing has a default that somebody could inherit without thinking of it."""

    symptom: str
    """What is seen, in kebab case; names the runbook page."""
    variant: str = ""
    """Tells alarms of one symptom and severity apart."""
    severity: AlertSeverity
    says: str
    """The symptom in a sentence."""
    why: str
    """Why it matters, in a sentence."""
    metrics: tuple[AlarmMetric, ...]
    expression: str | None = None
    """Metric math over the metrics' ids; None: the one metric itself."""
    comparison: Comparison
    threshold: float
    unit: str
    """Unit of the threshold, for people."""
    threshold_reason: str
    period_seconds: int
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: MissingData
    missing_reason: str
    told_by: AlertSeverity | None = None
    """The topic that is told, where it is not the severity's own."""
    kind: Kind | None = None
    """What it is a sign of; a page of a kind is told by the kind's composite alarm."""
    section: Section = Section.CAUSES
    band_width: float | None = None
    """For an anomaly alarm: half the width of its band (standard deviations); `threshold` is not
    used then."""

    @property
    def role(self) -> str:
        """The part of the alarm's name after the component's."""
        return "-".join(
            part for part in (self.symptom, self.variant, LEVELS[self.severity]) if part
        )

    @property
    def tells(self) -> AlertSeverity:
        """The topic that its action goes to."""
        if self.told_by is not None:
            return self.told_by
        paged_by_kind = self.severity == AlertSeverity.PAGE and self.kind is not None
        return AlertSeverity.INFO if paged_by_kind else self.severity

    @property
    def description(self) -> str:
        """Symptom and reason, without the link to the runbook."""
        return f"{self.says} {self.why}"

    @property
    def billed_metrics(self) -> int:
        """How many metrics CloudWatch bills: those it refers to, and the edges of its band."""
        return len(self.metrics) + (2 if self.band_width is not None else 0)


class WatchedAlarmArgs(TypedDict):
    """An alarm that exists: what pages, escalation and dashboard are made of."""

    name: Annotated[str, text()]
    """Its name in CloudWatch, known before it exists."""
    arn: Input[str]
    """Its ARN: whatever names the alarm waits for it, since AWS refuses a name that does not exist.
    """
    symptom: Annotated[str, text()]
    """What is seen, in kebab case; names the runbook page."""
    severity: Annotated[str, choice(AlertSeverity)]
    """How soon somebody has to look."""
    tells: Annotated[str, choice(AlertSeverity)]
    """The topic that is told."""
    kind: NotRequired[Annotated[str, choice(Kind, default=None)]]
    """What it is a sign of."""
    section: Annotated[str, choice(Section)]
    """Where the dashboard shows it."""
    title: Annotated[str, text()]
    """What it says, in a sentence."""
    metrics: Annotated[int, whole("metrics", 0)]
    """Metrics that it is billed for; 0: a composite alarm."""


WATCHED: Final = items("list of alarms", "be a list of alarms", key="-")
"""Alarms that a component is given."""


LEVELS: Final = {
    AlertSeverity.PAGE: "critical",
    AlertSeverity.TICKET: "warning",
    AlertSeverity.INFO: "info",
}
"""Last part of an alarm's name, by its severity."""

ELB = "AWS/ApplicationELB"

ASG = "AWS/AutoScaling"

AWS_RECOMMENDS = "AWS's recommended alarm"

SELDOM_REPORTED = "The metric is reported only when it is not zero."


def runbook_url(base: str, symptom: str) -> str:
    """Return where the runbook of a symptom is."""
    return f"{base.rstrip('/')}/{symptom}.md"


def metric_alarm(
    name: str,
    row: AlarmRow,
    *,
    dimensions: Callable[[Subject], Mapping[str, Input[str]]],
    runbook_base_url: str,
    actions: Sequence[Input[str]],
    ok_actions: Sequence[Input[str]] = (),
    tags: Mapping[str, str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Create the alarm of a row; `name` is the component's."""
    inputs: dict[str, Any] = {}
    if row.band_width is not None:
        inputs |= _band(row, dimensions)
    elif row.expression is None:
        metric = row.metrics[0]
        percentile = metric.statistic.startswith("p")
        inputs |= {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "dimensions": dimensions(metric.subject),
            "period": row.period_seconds,
            "extended_statistic" if percentile else "statistic": metric.statistic,
        }
        if percentile:
            # Too few requests (p95: below 200, p99: below 1000 a minute) leave the state as it is:
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
            # (percentile-based alarms and low data samples).
            inputs["evaluate_low_sample_count_percentiles"] = "ignore"
    else:
        inputs["metric_queries"] = [
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id="value", expression=row.expression, label=row.symptom, return_data=True
            ),
            *(_query(row, metric, dimensions, returned=False) for metric in row.metrics),
        ]
    link = runbook_url(runbook_base_url, row.symptom)
    return aws.cloudwatch.MetricAlarm(
        f"{name}-{row.role}",
        name=physical_name(name, row.role),
        alarm_description=f"{row.description} Runbook: {link}",
        comparison_operator=row.comparison.value,
        threshold=None if row.band_width is not None else row.threshold,
        evaluation_periods=row.evaluation_periods,
        datapoints_to_alarm=row.datapoints_to_alarm,
        treat_missing_data=row.missing.value,
        actions_enabled=True,
        alarm_actions=actions,
        ok_actions=ok_actions or None,
        tags=tags,
        opts=opts,
        **inputs,
    )


def _query(
    row: AlarmRow,
    metric: AlarmMetric,
    dimensions: Callable[[Subject], Mapping[str, Input[str]]],
    *,
    returned: bool,
) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
    return aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id=metric.id,
        return_data=returned,
        metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
            namespace=metric.namespace,
            metric_name=metric.name,
            dimensions=dimensions(metric.subject),
            period=row.period_seconds,
            stat=metric.statistic,
        ),
    )


def _band(
    row: AlarmRow, dimensions: Callable[[Subject], Mapping[str, Input[str]]]
) -> dict[str, Any]:
    """Return the inputs of an anomaly alarm: the metric and the band that it is compared with."""
    metric = row.metrics[0]
    return {
        "threshold_metric_id": "band",
        "metric_queries": [
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id="band",
                expression=f"ANOMALY_DETECTION_BAND({metric.id}, {row.band_width:g})",
                label="usual",
                return_data=True,
            ),
            _query(row, metric, dimensions, returned=True),
        ],
    }


def watched(name: str, row: AlarmRow, alarm: aws.cloudwatch.MetricAlarm) -> WatchedAlarmArgs:
    """Return what others know of the alarm of a row; `name` is the component's."""
    about: WatchedAlarmArgs = {
        "name": physical_name(name, row.role),
        "arn": alarm.arn,
        "symptom": row.symptom,
        "severity": row.severity,
        "tells": row.tells,
        "section": row.section,
        "title": row.says,
        "metrics": row.billed_metrics,
    }
    if row.kind is not None:
        about["kind"] = row.kind
    return about


def after(parent: pulumi.Resource, alarms: Sequence[WatchedAlarmArgs]) -> pulumi.ResourceOptions:
    """Return options of what names alarms, and so comes after them.

    An output in `depends_on` stands for the resources that it comes from; its value is of no use.
    """
    arns = [Output.from_input(each["arn"]) for each in alarms]
    return pulumi.ResourceOptions(
        parent=parent,
        depends_on=[cast("Output[pulumi.Resource]", arn.apply(lambda _: None)) for arn in arns],
    )
