"""The alarms of one web service: a table of rows, each with its number, its reason and a runbook.

docs/reference/alarms.md is written from it, by `make reference`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.notifications import AlertSeverity
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import CAPACITY, CAPACITY_UNITS, RUNBOOK_BASE_URL, TAGS
from surgeproof.figures.settings import METRIC_NAME, METRIC_NAMESPACE, HighResolutionMetricArgs
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import group, number, plain, whole


class ActiveUsersMetricArgs(TypedDict):
    """Users at work, as the application counts them.

    Each instance publishes its own number once a minute with one dimension, AutoScalingGroupName;
    they are added up. With fleet.application.metricsNamespace the application only has to send a
    StatsD gauge of that name to 127.0.0.1:8125.
    """

    namespace: Annotated[str, METRIC_NAMESPACE]
    """Namespace of the metric in CloudWatch."""
    metric_name: Annotated[str, METRIC_NAME]
    """Name of the metric."""


class AlarmsArgs(TypedDict):
    """Who receives which alerts."""

    load_balancer_arn_suffix: Input[str]
    """Last part of the load balancer's ARN, as CloudWatch names it: app/..."""
    target_group_arn_suffix: Input[str]
    """Last part of the target group's ARN: targetgroup/..."""
    group_name: Input[str]
    """Name of the auto scaling group."""
    page_topic_arn: Input[str]
    """Topic for alarms that somebody has to look at now."""
    ticket_topic_arn: Input[str]
    """Topic for alarms that can wait for working hours."""
    page_topic_name: Input[str]
    """Name of the page topic, to watch its deliveries."""
    ticket_topic_name: Input[str]
    """Name of the ticket topic, to watch its deliveries."""
    info_topic_arn: Input[str]
    """Topic for alarms that tell nobody by themselves: those that a page is made of."""
    escalation_topic_name: Input[str]
    """Name of the escalation topic, to watch its deliveries."""
    min_size: Annotated[int, whole("instances", 1, key="-")]
    """Fewest instances of the group."""
    max_size: Annotated[int, whole("instances", 1, key="-")]
    """Most instances of the group."""
    response_time_p95_seconds: NotRequired[
        Annotated[float, number("seconds", 0.001, 4000, default=1)]
    ]
    """Response time that 95 of 100 requests stay below, else it pages."""
    response_time_p99_seconds: NotRequired[
        Annotated[float, number("seconds", 0.001, 4000, default=2)]
    ]
    """Response time that 99 of 100 requests stay below, else there is a ticket."""
    server_error_percent: NotRequired[Annotated[float, number("percent", 0.01, 100, default=1)]]
    """Share of failing requests that pages."""
    minimum_requests_per_minute: NotRequired[
        Annotated[int, whole("requests per minute", 1, 1000000, default=100)]
    ]
    """Requests below which error rates are not judged."""
    requests_per_second_per_instance: NotRequired[Annotated[float, CAPACITY]]
    """Requests that one instance carries. Without it no alarm compares demand with capacity."""
    high_resolution_metric: NotRequired[
        Annotated[HighResolutionMetricArgs, group(key="scaling.highResolutionMetric")]
    ]
    """Demand metric with a period below a minute."""
    active_users_metric: NotRequired[Annotated[ActiveUsersMetricArgs, group()]]
    """Users at work, as the application counts them."""
    request_jump_percent: NotRequired[Annotated[float, number("percent", 10, 1000, default=30)]]
    """Growth of requests from one five minutes to the next that counts as a jump."""
    anomaly_band_width: NotRequired[
        Annotated[float, number("standard deviations", 1, 10, default=4)]
    ]
    """Half the width of the band of usual demand."""
    good_response_percent: NotRequired[Annotated[float, number("percent", 1, 99.99, default=90)]]
    """Share of requests answered well (2xx or 3xx), below which it pages."""
    client_error_percent: NotRequired[Annotated[float, number("percent", 0.01, 100, default=1)]]
    """Share of requests refused as the client's error (4xx) that makes a ticket."""
    capacity_units: NotRequired[Annotated[int, CAPACITY_UNITS.by(key="loadBalancer.capacityUnits")]]
    """Capacity that is reserved for the load balancer."""
    certificate_arn: NotRequired[Input[str]]
    """Certificate whose end is watched. Default: none."""
    nat_gateway_ids: NotRequired[list[Input[str]]]
    """NAT gateways that are watched. Default: none."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all alarms."""


def _sizes(values: Values) -> Iterator[Problem]:
    low, high = values["min_size"], values["max_size"]
    if low is not None and high is not None and low > high:
        yield Problem(("min_size",), f"be at most {{max_size={high}}}", low)


def _times(values: Values) -> Iterator[Problem]:
    low, high = (values[f"response_time_p{each}_seconds"] for each in (95, 99))
    if low > high:
        must = f"be at most {{response_time_p99_seconds={plain(high)}}}"
        yield Problem(("response_time_p95_seconds",), must, low)


ALARMS: Final = Definition("Alarms", AlarmsArgs, relations=(_sizes, _times))


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


_SIGNS: Final = {
    Comparison.ABOVE: ">",
    Comparison.AT_LEAST: ">=",
    Comparison.BELOW: "<",
    Comparison.AT_MOST: "<=",
    Comparison.ABOVE_BAND: "above",
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An alarm that exists: what composite alarms and the dashboard are made of."""

    name: str
    """Its name in CloudWatch, known before it exists."""
    resource: pulumi.Resource
    symptom: str
    severity: AlertSeverity
    tells: AlertSeverity
    kind: Kind | None
    section: Section
    title: str
    """What it says, in a sentence."""
    metrics: int
    """Metrics that it is billed for; 0: a composite alarm."""
    has_graph: bool = True


LEVELS: Final = {
    AlertSeverity.PAGE: "critical",
    AlertSeverity.TICKET: "warning",
    AlertSeverity.INFO: "info",
}
"""Last part of an alarm's name, by its severity."""

REQUEST_SURGE: Final = "request-surge"
EVIDENCE_SECONDS: Final = 30
"""How long a high-resolution metric has to be high: one point of 30 s, or three of 10 s. One point
of 10 s is noise: at 100 requests per second it varies by 3 % (one standard deviation, Poisson)."""

_ELB = "AWS/ApplicationELB"
_ASG = "AWS/AutoScaling"
_AWS_RECOMMENDS = "AWS's recommended alarm"
_SELDOM_REPORTED = "The metric is reported only when it is not zero."


def alarm_rows(settings: AlarmsArgs) -> tuple[AlarmRow, ...]:
    """Return the table: users first, then capacity, then causes, then the alerts themselves.

    AWS recommends no alarm for a load balancer; where it publishes a number of its own, that is the
    default here, and each other number has its reason beside it. Sources: AWS's recommended alarms
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html),
    and what the load balancer reports when
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
    """
    rows = [
        *_response_times(settings),
        *_errors(settings),
        *_answers(settings),
        *_hosts(settings),
        *_demand(settings),
        *_unusual_demand(settings),
        *_capacity(settings),
        *_causes(),
        *_surroundings(settings),
        *_deliveries(),
    ]
    names = [row.role for row in rows]
    # PutMetricAlarm overwrites an alarm of the same name without a word.
    assert len(set(names)) == len(names), names  # noqa: S101 - a mistake in the table itself
    return tuple(rows)


def _response_times(settings: AlarmsArgs) -> list[AlarmRow]:
    def row(severity: AlertSeverity, symptom: str, percentile: int, seconds: float) -> AlarmRow:
        return AlarmRow(
            symptom=symptom,
            severity=severity,
            says=f"{100 - percentile} of 100 requests take longer than {seconds:g} s.",
            why="Users wait, give up and retry, which adds to the load.",
            metrics=(
                AlarmMetric(
                    namespace=_ELB,
                    name="TargetResponseTime",
                    statistic=f"p{percentile}",
                    subject=Subject.TARGET_GROUP,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=seconds,
            unit="s",
            threshold_reason="",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason="It is reported only for requests that a target answered: without any, "
            "the alarms on errors and on healthy hosts speak.",
            kind=Kind.OUTAGE,
            section=Section.USERS,
        )

    return [
        replace(
            row(AlertSeverity.PAGE, "slow-responses", 95, settings["response_time_p95_seconds"]),
            threshold_reason="Ours: about one second is what a user waits for without losing the "
            "thread (Nielsen, Usability Engineering, 1993).",
        ),
        replace(
            row(AlertSeverity.TICKET, "slow-tail", 99, settings["response_time_p99_seconds"]),
            threshold_reason="Ours: with an exponential tail p99 is 1.54 times p95 (ln 100 / "
            "ln 20); twice is a tail of its own.",
        ),
    ]


def _errors(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on error rates, each guarded against few requests.

    At night one failing request among twenty is a rate of 5 %. Below the minimum the rate counts as
    0: with 100 requests a minute and a bound of 1 %, one failure alone never pages. The ticket
    looks at five minutes together, so it sees a service with a fifth of that traffic.

    Only errors are filled with 0 where missing. Filling requests too would make a minute that is
    not yet delivered look like a good one: CloudWatch warns of alarms that get stuck so
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html, FILL).

    RequestCount leaves out requests for which no target could be chosen, so those errors are added
    to the load balancer's denominator.
    """
    bound = settings["server_error_percent"]
    guard = settings["minimum_requests_per_minute"]

    def rate(total: str) -> str:
        return f"IF({total} >= {guard}, 100 * FILL(errors, 0) / ({total}), 0)"

    rows = []
    for symptom, by_whom, metric, subject, total in (
        (
            "load-balancer-errors",
            "The load balancer itself answers",
            "HTTPCode_ELB_5XX_Count",
            Subject.LOAD_BALANCER,
            "requests + FILL(errors, 0)",
        ),
        (
            "target-errors",
            "The application answers",
            "HTTPCode_Target_5XX_Count",
            Subject.TARGET_GROUP,
            "requests",
        ),
    ):
        page = AlarmRow(
            symptom=symptom,
            severity=AlertSeverity.PAGE,
            says=f"{by_whom} more than {bound:g} % of requests with a server error.",
            why="These users do not get what they came for.",
            metrics=(
                AlarmMetric(
                    namespace=_ELB, name=metric, statistic="Sum", subject=subject, id="errors"
                ),
                AlarmMetric(
                    namespace=_ELB,
                    name="RequestCount",
                    statistic="Sum",
                    subject=subject,
                    id="requests",
                ),
            ),
            expression=rate(total),
            comparison=Comparison.ABOVE,
            threshold=bound,
            unit="%",
            threshold_reason="Ours: AWS's number for tickets, more than 0 %, would page for single "
            "failures; one request in a hundred is felt by users with a few dozen requests each.",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=2,
            missing=MissingData.NOT_BREACHING,
            missing_reason="RequestCount is always reported while requests flow, so nothing "
            "reported is nothing asked.",
            kind=Kind.OUTAGE,
            section=Section.USERS,
        )
        ticket = replace(
            page,
            severity=AlertSeverity.TICKET,
            says=f"{by_whom} some requests with a server error.",
            why="A few users are hurt, and it may be the beginning of more.",
            threshold=0,
            threshold_reason="AWS's own: its Prebid Server solution alarms above 0 %, over 5 "
            "minutes (load balancer page of that solution).",
            period_seconds=300,
            evaluation_periods=1,
            datapoints_to_alarm=1,
        )
        rows += [page, ticket]
    return rows


def _hosts(settings: AlarmsArgs) -> list[AlarmRow]:
    return [
        AlarmRow(
            symptom="few-healthy-hosts",
            severity=AlertSeverity.PAGE,
            says=f"Fewer than {settings['min_size']} targets are healthy.",
            why="The rest carry the load of all; with none left, every request fails.",
            metrics=(
                AlarmMetric(
                    namespace=_ELB,
                    name="HealthyHostCount",
                    statistic="Minimum",
                    subject=Subject.TARGET_GROUP,
                ),
            ),
            comparison=Comparison.BELOW,
            threshold=settings["min_size"],
            unit="targets",
            threshold_reason="Ours: the group's minimum, which deployments keep too (they launch "
            "before they terminate).",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.BREACHING,
            missing_reason="It is reported whenever a target is registered, so silence means that "
            "there is none.",
            kind=Kind.OUTAGE,
            section=Section.CAPACITY,
        ),
        AlarmRow(
            symptom="unhealthy-hosts",
            severity=AlertSeverity.TICKET,
            says="At least one target fails its health checks.",
            why="The group will replace it; if it stays or comes back, something makes instances "
            "ill.",
            metrics=(
                AlarmMetric(
                    namespace=_ELB,
                    name="UnHealthyHostCount",
                    statistic="Maximum",
                    subject=Subject.TARGET_GROUP,
                ),
            ),
            comparison=Comparison.AT_LEAST,
            threshold=1,
            unit="targets",
            threshold_reason="Ours: one is worth a look in working hours; five minutes are longer "
            "than a new target takes to pass its first check.",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=5,
            missing=MissingData.NOT_BREACHING,
            missing_reason="No target registered is the other alarm's business.",
            section=Section.CAPACITY,
        ),
    ]


def request_surge_row(
    *, requests_per_second: float, share_percent: float, severity: AlertSeverity
) -> AlarmRow:
    """Return the alarm on requests per target reaching a share of what one instance carries."""
    return AlarmRow(
        symptom=REQUEST_SURGE,
        severity=severity,
        says=f"Each instance gets {share_percent:g} % or more of the {requests_per_second:g} "
        "requests per second that it carries.",
        why=_surge_reason(severity),
        metrics=(
            AlarmMetric(
                namespace=_ELB,
                name="RequestCountPerTarget",
                statistic="Sum",  # the only valid one; it is the average per target all the same
                subject=Subject.TARGET_GROUP,
            ),
        ),
        comparison=Comparison.AT_LEAST,
        threshold=round(requests_per_second * 60 * share_percent / 100, 3),
        unit="requests per target and minute",
        threshold_reason=_surge_threshold_reason(severity, "service.requestsPerSecond"),
        period_seconds=60,
        # One point: a second one would cost another minute, and an instance too many costs little.
        evaluation_periods=1,
        datapoints_to_alarm=1,
        missing=MissingData.NOT_BREACHING,
        missing_reason="It is always reported while targets are registered; without targets there "
        "is nothing to compare.",
        kind=Kind.SURGE,
        section=Section.DEMAND,
    )


def fast_surge_row(
    *, metric: HighResolutionMetricArgs, share_percent: float, severity: AlertSeverity
) -> AlarmRow:
    """Return the same alarm on the high-resolution metric, which speaks minutes earlier."""
    periods = EVIDENCE_SECONDS // metric["period_seconds"]
    return AlarmRow(
        symptom=REQUEST_SURGE,
        variant="fast",
        severity=severity,
        says=f"{metric['metric_name']} is at {share_percent:g} % or more of the "
        f"{metric['capacity_per_instance']:g} at which an instance is fully used.",
        why=_surge_reason(severity),
        metrics=(
            AlarmMetric(
                namespace=metric["namespace"],
                name=metric["metric_name"],
                statistic="Average",
                subject=Subject.GROUP,
            ),
        ),
        comparison=Comparison.AT_LEAST,
        threshold=round(metric["capacity_per_instance"] * share_percent / 100, 6),
        unit=f"{metric['metric_name']} per instance",
        threshold_reason=_surge_threshold_reason(severity, "scaling.highResolutionMetric"),
        period_seconds=metric["period_seconds"],
        evaluation_periods=periods,
        datapoints_to_alarm=periods,
        missing=MissingData.IGNORE,
        missing_reason="A starved instance may fail to publish just when it matters: what was "
        "known last stands, and the alarm on the load balancer's metric goes on.",
        kind=Kind.SURGE,
        section=Section.DEMAND,
    )


def _surge_reason(severity: AlertSeverity) -> str:
    if severity == AlertSeverity.PAGE:
        return "Demand is beyond capacity: queues grow until enough instances have come."
    return "The group adds instances now, before queues build up."


def _surge_threshold_reason(severity: AlertSeverity, key: str) -> str:
    if severity == AlertSeverity.PAGE:
        return f"Ours: the whole capacity, the low end of {key}."
    return f"Ours: scaling.surgePercent of the capacity, the low end of {key}."


def _demand(settings: AlarmsArgs) -> list[AlarmRow]:
    rows = []
    requests = settings.get("requests_per_second_per_instance")
    if requests is not None:
        rows.append(
            request_surge_row(
                requests_per_second=requests,
                share_percent=100,
                severity=AlertSeverity.PAGE,
            )
        )
    metric = settings.get("high_resolution_metric")
    if metric is not None:
        rows.append(
            fast_surge_row(
                metric=metric,
                share_percent=100,
                severity=AlertSeverity.PAGE,
            )
        )
    rows.append(
        AlarmRow(
            symptom="rejected-connections",
            severity=AlertSeverity.PAGE,
            says="The load balancer refuses connections.",
            why="It has reached its own maximum: these users see nothing at all.",
            metrics=(
                AlarmMetric(
                    namespace=_ELB,
                    name="RejectedConnectionCount",
                    statistic="Sum",
                    subject=Subject.LOAD_BALANCER,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=0,
            unit="connections",
            threshold_reason="Ours: each one is a user turned away before anything else can be "
            "measured.",
            period_seconds=60,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            missing=MissingData.NOT_BREACHING,
            missing_reason=_SELDOM_REPORTED,
            kind=Kind.SATURATION,
            section=Section.DEMAND,
        )
    )
    return rows


def _capacity(settings: AlarmsArgs) -> list[AlarmRow]:
    def group_metric(name: str, metric_id: str) -> AlarmMetric:
        return AlarmMetric(
            namespace=_ASG, name=name, statistic="Average", subject=Subject.GROUP, id=metric_id
        )

    rows = [
        AlarmRow(
            symptom="missing-capacity",
            severity=AlertSeverity.PAGE,
            says="For ten minutes the group has had fewer instances in service than it wants.",
            why="Launches fail or instances do not get healthy, so scaling out does not help.",
            metrics=(
                group_metric("GroupDesiredCapacity", "desired"),
                group_metric("GroupInServiceCapacity", "in_service"),
            ),
            expression="desired - in_service",
            comparison=Comparison.ABOVE,
            threshold=0,
            unit="units of capacity",
            threshold_reason=f"{_AWS_RECOMMENDS}: GroupInServiceCapacity below the capacity that "
            "is needed (often the desired one), 10 of 10 minutes.",
            period_seconds=60,
            evaluation_periods=10,
            datapoints_to_alarm=10,
            missing=MissingData.BREACHING,
            missing_reason=f"{_AWS_RECOMMENDS}; a group whose metrics stop for ten minutes is "
            "not seen by anybody.",
            kind=Kind.SATURATION,
            section=Section.CAPACITY,
        )
    ]
    if settings["min_size"] < settings["max_size"]:
        # A group of fixed size is always at its maximum: there the alarm would say nothing.
        rows.append(
            AlarmRow(
                symptom="at-maximum-size",
                severity=AlertSeverity.PAGE,
                says="The group wants as many instances as it may have.",
                why="It cannot grow any more, whatever comes.",
                metrics=(
                    group_metric("GroupDesiredCapacity", "desired"),
                    group_metric("GroupMaxSize", "maximum"),
                ),
                expression="100 * desired / maximum",
                comparison=Comparison.AT_LEAST,
                threshold=100,
                unit="%",
                threshold_reason="Ours: the wish, not the instances in service, since it arrives "
                "first; the maximum is read from the group, so that raising it by hand ends the "
                "alarm.",
                period_seconds=60,
                evaluation_periods=3,
                datapoints_to_alarm=3,
                missing=MissingData.NOT_BREACHING,
                missing_reason="Group metrics are sent on a best-effort basis: a gap is no "
                "evidence.",
                kind=Kind.SATURATION,
                section=Section.CAPACITY,
            )
        )
    return rows


def _causes() -> list[AlarmRow]:
    return [
        AlarmRow(
            symptom="high-cpu",
            severity=AlertSeverity.TICKET,
            says="Instances use more than 80 % of their processors for a quarter of an hour.",
            why="Scaling out should have brought it down: the target, the maximum size or the code "
            "wants a look.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/EC2",
                    name="CPUUtilization",
                    statistic="Average",
                    subject=Subject.GROUP,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=80,
            unit="%",
            threshold_reason=f"{_AWS_RECOMMENDS}: above 80 %, 3 of 3 periods of 300 s.",
            period_seconds=300,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            missing=MissingData.MISSING,
            missing_reason=f"{_AWS_RECOMMENDS}.",
        ),
        AlarmRow(
            symptom="failed-status-checks",
            severity=AlertSeverity.TICKET,
            says="An instance fails EC2's status checks.",
            why="The group replaces it by itself; when it goes on, it is the image or the zone.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/EC2",
                    name="StatusCheckFailed",
                    statistic="Maximum",
                    subject=Subject.GROUP,
                ),
            ),
            comparison=Comparison.AT_LEAST,
            threshold=1,
            unit="checks",
            threshold_reason=f"{_AWS_RECOMMENDS}: at least 1, 2 of 2 periods of 300 s.",
            period_seconds=300,
            evaluation_periods=2,
            datapoints_to_alarm=2,
            missing=MissingData.MISSING,
            missing_reason=f"{_AWS_RECOMMENDS}.",
        ),
    ]


def _answers(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on good answers, on answers that blame the client, and on refused targets."""
    guard = settings["minimum_requests_per_minute"]

    def count(name: str, metric_id: str, subject: Subject = Subject.TARGET_GROUP) -> AlarmMetric:
        return AlarmMetric(
            namespace=_ELB, name=name, statistic="Sum", subject=subject, id=metric_id
        )

    requests = count("RequestCount", "requests")
    total = "requests + FILL(rejected, 0)"
    good, client = settings["good_response_percent"], settings["client_error_percent"]
    return [
        AlarmRow(
            symptom="few-good-responses",
            severity=AlertSeverity.PAGE,
            says=f"Fewer than {good:g} % of requests are answered well (2xx or 3xx).",
            why="Whatever the cause is, these users do not get what they came for, also where "
            "nothing answers them at all.",
            metrics=(
                count("HTTPCode_Target_2XX_Count", "found"),
                count("HTTPCode_Target_3XX_Count", "moved"),
                requests,
                count("HTTPCode_ELB_5XX_Count", "rejected", Subject.LOAD_BALANCER),
            ),
            expression=f"IF({total} >= {guard}, "
            f"100 * (FILL(found, 0) + FILL(moved, 0)) / ({total}), 100)",
            comparison=Comparison.BELOW,
            threshold=good,
            unit="%",
            threshold_reason="AWS leaves the number to the owner (Incident Detection and Response "
            "user guide, use case A). Ours: one request in ten; the alarms on errors page earlier "
            "for those, and client errors alone seldom reach it.",
            period_seconds=60,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            missing=MissingData.BREACHING,
            missing_reason="AWS's own: RequestCount is always reported, so nothing reported means "
            "that there is no load balancer.",
            kind=Kind.OUTAGE,
            section=Section.USERS,
        ),
        AlarmRow(
            symptom="client-errors",
            severity=AlertSeverity.TICKET,
            says=f"More than {client:g} % of requests are refused as the client's error (4xx).",
            why="A broken link, an expired key or somebody who tries doors; after a deployment, "
            "most often the deployment.",
            metrics=(
                count("HTTPCode_Target_4XX_Count", "refused"),
                requests,
            ),
            expression=f"IF(requests >= {5 * guard}, 100 * FILL(refused, 0) / requests, 0)",
            comparison=Comparison.ABOVE,
            threshold=client,
            unit="%",
            threshold_reason="AWS's own: above 1 %, over 5 minutes (its Prebid Server solution, "
            "load balancer page). Where refusing is usual, such as log-ins, "
            "alerts.clientErrorPercent wants a larger one.",
            period_seconds=300,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            missing=MissingData.NOT_BREACHING,
            missing_reason="RequestCount is always reported while requests flow, so nothing "
            "reported is nothing asked.",
            section=Section.USERS,
        ),
        AlarmRow(
            symptom="target-connection-errors",
            severity=AlertSeverity.TICKET,
            says="The load balancer cannot connect to targets for more than 0.1 % of requests.",
            why="Instances are overrun or stop while they still get requests; each of these is a "
            "502 or 504 to a user.",
            metrics=(count("TargetConnectionErrorCount", "failed"), requests),
            expression=f"IF(requests >= {guard}, 100 * FILL(failed, 0) / requests, 0)",
            comparison=Comparison.ABOVE,
            threshold=0.1,
            unit="%",
            threshold_reason="Ours (AWS publishes none): one in a thousand is above what single "
            "restarts make and a tenth of what pages as errors.",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason="RequestCount is always reported while requests flow, so nothing "
            "reported is nothing asked.",
            section=Section.CAUSES,
        ),
    ]


def _unusual_demand(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on demand that is not usual, whatever one instance carries.

    Each tells nobody by itself, since unusual is not yet a problem: together they make the page
    *surge* where one alone might be a campaign or a crawler.
    """
    jump = settings["request_jump_percent"]
    requests = AlarmMetric(
        namespace=_ELB,
        name="RequestCount",
        statistic="Sum",
        subject=Subject.LOAD_BALANCER,
        id="demand",
    )
    rows = [
        AlarmRow(
            symptom="request-jump",
            severity=AlertSeverity.INFO,
            says=f"Requests grew by {jump:g} % or more from one five minutes to the next.",
            why="A surge begins like this, before any instance is full.",
            metrics=(requests,),
            expression="IF(demand - DIFF(demand) >= "
            f"{5 * settings['minimum_requests_per_minute']}, "
            "100 * DIFF(demand) / (demand - DIFF(demand)), 0)",
            comparison=Comparison.AT_LEAST,
            threshold=jump,
            unit="%",
            threshold_reason="Ours: in five minutes a daily rhythm moves by 3 % and usual noise by "
            "5 %, while demand that doubles within ten minutes grows by 40 %. A load balancer "
            "itself keeps pace with a doubling in five (capacity reservation page).",
            period_seconds=300,
            evaluation_periods=2,
            datapoints_to_alarm=1,
            missing=MissingData.NOT_BREACHING,
            missing_reason="Nothing reported is nothing asked.",
            kind=Kind.SURGE,
            section=Section.DEMAND,
        )
    ]
    watched_metrics = [
        ("requests", "Requests are", requests),
        (
            "connections",
            "New connections are",
            replace(requests, name="NewConnectionCount"),
        ),
    ]
    users = settings.get("active_users_metric")
    if users is not None:
        namespace, name = users["namespace"], users["metric_name"]
        watched_metrics.append(
            (
                "users",
                "Active users are",
                replace(requests, namespace=namespace, name=name, subject=Subject.GROUP),
            )
        )
    rows += [
        AlarmRow(
            symptom="unusual-demand",
            variant=variant,
            severity=AlertSeverity.INFO,
            says=f"{what} above what is usual at this time.",
            why="More people are here than on other days: capacity may be wanted soon.",
            metrics=(metric,),
            comparison=Comparison.ABOVE_BAND,
            threshold=0,
            unit="",
            threshold_reason="Ours: AWS's console proposes 2 standard deviations, which a usual "
            "day leaves many times; 4 for three minutes in a row keep it quiet where demand's "
            "noise lasts for minutes.",
            period_seconds=60,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason="Nothing reported is not above anything.",
            kind=Kind.SURGE,
            section=Section.DEMAND,
            band_width=settings["anomaly_band_width"],
        )
        for variant, what, metric in watched_metrics
    ]
    return rows


NAT_PORTS: Final = "nat-port-exhaustion"


def _surroundings(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on what stands around the instances: volumes, certificate, NAT, balancer."""
    reserved = settings.get("capacity_units")
    rows = [
        AlarmRow(
            symptom="stalled-volumes",
            severity=AlertSeverity.TICKET,
            says="An instance cannot read or write an attached volume.",
            why="It looks alive and answers nothing that needs its disk; health checks may pass.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/EC2",
                    name="StatusCheckFailed_AttachedEBS",
                    statistic="Maximum",
                    subject=Subject.GROUP,
                ),
            ),
            comparison=Comparison.AT_LEAST,
            threshold=1,
            unit="checks",
            threshold_reason=f"{_AWS_RECOMMENDS}: at least 1, 10 of 10 minutes. Its twin on "
            "volumes, VolumeStalledIOCheck, has the volume's id as its only dimension, and the "
            "volumes of a group come and go with its instances.",
            period_seconds=60,
            evaluation_periods=10,
            datapoints_to_alarm=10,
            missing=MissingData.MISSING,
            missing_reason=f"{_AWS_RECOMMENDS}.",
        ),
        AlarmRow(
            symptom="load-balancer-capacity",
            severity=AlertSeverity.TICKET,
            says=(
                "The load balancer uses more than 100 capacity units."
                if reserved is None
                else f"The load balancer uses more than 80 % of the {reserved} capacity units "
                "that are reserved."
            ),
            why="It needs minutes to grow, in which it refuses or delays; a reservation takes up "
            "to hours to be granted, so it comes before the next surge or not at all.",
            metrics=(
                AlarmMetric(
                    namespace=_ELB,
                    name="PeakLCUs",
                    statistic="Maximum",
                    subject=Subject.LOAD_BALANCER,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=100 if reserved is None else 0.8 * reserved,
            unit="capacity units",
            threshold_reason=(
                "Ours (AWS publishes none): 100 is the smallest reservation."
                if reserved is None
                else "Ours (AWS publishes none): four fifths leave time to ask for more."
            ),
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason=_SELDOM_REPORTED,
        ),
    ]
    if "certificate_arn" in settings:
        rows.append(
            AlarmRow(
                symptom="certificate-expiry",
                severity=AlertSeverity.TICKET,
                says="The certificate ends within 44 days.",
                why="ACM renews 60 days ahead; that it did not says that it cannot, and then all "
                "users are locked out on one day.",
                metrics=(
                    AlarmMetric(
                        namespace="AWS/CertificateManager",
                        name="DaysToExpiry",
                        statistic="Minimum",
                        subject=Subject.CERTIFICATE,
                    ),
                ),
                comparison=Comparison.AT_MOST,
                threshold=44,
                unit="days",
                threshold_reason=f"{_AWS_RECOMMENDS}: at most 44 days, 1 of 1 day.",
                period_seconds=86400,
                evaluation_periods=1,
                datapoints_to_alarm=1,
                missing=MissingData.BREACHING,
                missing_reason=f"{_AWS_RECOMMENDS}; a certificate that ended reports nothing.",
            )
        )
    rows += [
        AlarmRow(
            symptom=NAT_PORTS,
            variant=f"gateway-{number}",
            severity=AlertSeverity.TICKET,
            says="A NAT gateway has no port left for a connection to the internet.",
            why="Instances cannot reach what they call or install; launches may hang.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/NATGateway",
                    name="ErrorPortAllocation",
                    statistic="Sum",
                    subject=Subject.NAT_GATEWAY,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=0,
            unit="connections",
            threshold_reason=f"{_AWS_RECOMMENDS}: above 0, 15 of 15 minutes.",
            period_seconds=60,
            evaluation_periods=15,
            datapoints_to_alarm=15,
            missing=MissingData.MISSING,
            missing_reason=f"{_AWS_RECOMMENDS}.",
        )
        for number in range(1, len(settings.get("nat_gateway_ids", [])) + 1)
    ]
    return rows


def _deliveries() -> list[AlarmRow]:
    """Return the rows on the topics; each is told through the other topic, which still works."""
    page = AlarmRow(
        symptom="undelivered-alerts",
        variant="pages",
        severity=AlertSeverity.PAGE,
        says="A page could not be delivered.",
        why="The next one may not reach anybody either.",
        metrics=(
            AlarmMetric(
                namespace="AWS/SNS",
                name="NumberOfNotificationsFailed",
                statistic="Sum",
                subject=Subject.PAGE_TOPIC,
            ),
        ),
        comparison=Comparison.ABOVE,
        threshold=0,
        unit="notifications",
        threshold_reason=f"{_AWS_RECOMMENDS} watches 5 minutes for failures in each; alerts are so "
        "rare that here one failure in them is enough.",
        period_seconds=60,
        evaluation_periods=5,
        datapoints_to_alarm=1,
        missing=MissingData.NOT_BREACHING,
        missing_reason=f"{_AWS_RECOMMENDS}; an idle topic reports nothing.",
        told_by=AlertSeverity.TICKET,
        section=Section.ALERTS,
    )
    ticket = replace(
        page,
        variant="tickets",
        severity=AlertSeverity.TICKET,
        says="A ticket could not be delivered.",
        metrics=(replace(page.metrics[0], subject=Subject.TICKET_TOPIC),),
        told_by=AlertSeverity.PAGE,
    )
    escalation = replace(
        page,
        variant="escalations",
        says="An escalation could not be delivered.",
        metrics=(replace(page.metrics[0], subject=Subject.ESCALATION_TOPIC),),
        told_by=AlertSeverity.PAGE,
    )
    return [page, ticket, escalation]


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


def watched(name: str, row: AlarmRow, alarm: aws.cloudwatch.MetricAlarm) -> Watched:
    """Return what others know of the alarm of a row; `name` is the component's."""
    return Watched(
        name=physical_name(name, row.role),
        resource=alarm,
        symptom=row.symptom,
        severity=row.severity,
        tells=row.tells,
        kind=row.kind,
        section=row.section,
        title=row.says,
        metrics=row.billed_metrics,
    )


class Alarms(pulumi.ComponentResource):
    """The alarms that tell people when the service hurts its users, or is about to.

    Creates one alarm for each row of `alarm_rows`; docs/reference/alarms.md shows the table. Pages
    that have a kind go to the info topic only: the kind's composite alarm pages (Pages). Tickets do
    not tell when they are over, since somebody closes them. It leaves the topics to the caller
    (Notifications), and the alarm that scales the group to ScalingPolicies.

    The group must publish its metrics (GroupDesiredCapacity, GroupInServiceCapacity, GroupMaxSize).
    """

    alarm_names: Output[Sequence[str]]
    """Names of all alarms, in the order of the table."""
    alarm_arns: Output[Sequence[str]]
    """ARNs of all alarms, in the order of the table."""

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Alarms", name, {}, opts)
        settings = ALARMS.check(args)
        load_balancer = {"LoadBalancer": args["load_balancer_arn_suffix"]}
        dimensions: dict[Subject, Mapping[str, Input[str]]] = {
            Subject.LOAD_BALANCER: load_balancer,
            Subject.TARGET_GROUP: {
                **load_balancer,
                "TargetGroup": args["target_group_arn_suffix"],
            },
            Subject.GROUP: {"AutoScalingGroupName": args["group_name"]},
            Subject.PAGE_TOPIC: {"TopicName": args["page_topic_name"]},
            Subject.TICKET_TOPIC: {"TopicName": args["ticket_topic_name"]},
            Subject.ESCALATION_TOPIC: {"TopicName": args["escalation_topic_name"]},
        }
        if "certificate_arn" in args:
            dimensions[Subject.CERTIFICATE] = {"CertificateArn": args["certificate_arn"]}
        topics = {
            AlertSeverity.PAGE: args["page_topic_arn"],
            AlertSeverity.TICKET: args["ticket_topic_arn"],
            AlertSeverity.INFO: args["info_topic_arn"],
        }

        alarms = []
        self.watched: list[Watched] = []
        for row in alarm_rows(settings):
            topic = topics[row.tells]
            found = dict(dimensions)
            if row.symptom == NAT_PORTS:
                gateway = args["nat_gateway_ids"][int(row.variant.rpartition("-")[2]) - 1]
                found[Subject.NAT_GATEWAY] = {"NatGatewayId": gateway}
            alarm = metric_alarm(
                name,
                row,
                dimensions=found.__getitem__,
                runbook_base_url=settings["runbook_base_url"],
                actions=[topic],
                ok_actions=[topic] if row.severity == AlertSeverity.PAGE else [],
                tags=args.get("tags"),
                opts=pulumi.ResourceOptions(parent=self),
            )
            alarms.append(alarm)
            self.watched.append(watched(name, row, alarm))

        self.alarm_names = Output.all(*(alarm.name for alarm in alarms))
        self.alarm_arns = Output.all(*(alarm.arn for alarm in alarms))
        self.register_outputs({"alarm_names": self.alarm_names, "alarm_arns": self.alarm_arns})


def rollback_alarm_names(name: str) -> list[str]:
    """Return the names of the alarms that stop an instance refresh; `name` is the component's.

    They are known before the alarms exist, so that the group can name them while the alarms name
    the group: what users see when a new version is bad.
    """
    return [
        physical_name(name, f"{symptom}-critical")
        for symptom in ("slow-responses", "target-errors", "load-balancer-errors")
    ]


def default_rows() -> tuple[list[AlarmRow], list[AlarmRow]]:
    """Return the rows of the reference, at the default settings: that tell, and that scale."""
    metric: HighResolutionMetricArgs = {
        "namespace": "Shop",
        "metric_name": "RequestsUnderWay",
        "capacity_per_instance": 50,
        "period_seconds": 10,
    }
    settings = ALARMS.check(
        {
            "load_balancer_arn_suffix": "app",
            "target_group_arn_suffix": "targetgroup",
            "group_name": "web",
            "page_topic_arn": "page",
            "ticket_topic_arn": "ticket",
            "page_topic_name": "page",
            "ticket_topic_name": "ticket",
            "info_topic_arn": "info",
            "escalation_topic_name": "escalation",
            "min_size": 2,
            "max_size": 4,
            "requests_per_second_per_instance": 100,
            "high_resolution_metric": metric,
            "active_users_metric": {"namespace": "Shop", "metric_name": "ActiveUsers"},
            "certificate_arn": "certificate",
            "nat_gateway_ids": ["nat"],
        }
    )
    scaling = [
        request_surge_row(requests_per_second=100, share_percent=80, severity=AlertSeverity.TICKET),
        fast_surge_row(metric=metric, share_percent=80, severity=AlertSeverity.TICKET),
    ]
    return [*alarm_rows(settings)], scaling


def reference(more: Sequence[str] = ()) -> str:
    """Return docs/reference/alarms.md: all rows, at the default settings, and `more` lines."""
    rows, scaling = default_rows()
    introduction = (
        "Written by `make reference`; do not edit by hand. Names are "
        "`{project}-{stack}-{component}-` and what stands below. Values are those of the default "
        "settings, a group of 2 to 4 instances that carry 100 requests per second each, and a "
        "high-resolution metric that is full at 50. Alarms that end with `-critical` page, those "
        "with `-warning` make a ticket, those with `-info` tell nobody by themselves."
    )
    lines = [
        "# Alarms",
        "",
        introduction,
        "",
        "## That tell people",
        "",
        *(line for row in rows for line in shown(row)),
        "## That scale the group",
        "",
        *(line for row in scaling for line in shown(row, told="the scaling policy")),
        *more,
    ]
    return "\n".join(lines)


def shown(row: AlarmRow, told: str | None = None) -> list[str]:
    """Return a row as lines of Markdown."""
    metrics = [f"{metric.namespace} {metric.name} {metric.statistic}" for metric in row.metrics]
    read = row.expression or metrics[0]
    bound = f"{_SIGNS[row.comparison]} {row.threshold:g} {row.unit}"
    if row.band_width is not None:
        bound = f"above the band of {row.band_width:g} standard deviations around what is usual"
    count = f"{row.datapoints_to_alarm} of {row.evaluation_periods}"
    lines = [
        f"### {row.role}",
        "",
        f"{row.description} [Runbook](../runbooks/{row.symptom}.md)",
        "",
        f"- Alarm: `{read}` {bound}; {count} periods of {row.period_seconds} s",
    ]
    if row.expression:
        named = (
            f"`{metric.id}` is {text}" for metric, text in zip(row.metrics, metrics, strict=True)
        )
        lines.append(f"- Where: {', '.join(named)}")
    return [
        *lines,
        f"- Why this number: {row.threshold_reason}",
        f"- Missing data: `{row.missing}`. {row.missing_reason}",
        f"- Tells: {told or _told(row)}",
        "",
    ]


def _told(row: AlarmRow) -> str:
    """Return whom an alarm tells."""
    if row.severity == AlertSeverity.PAGE and row.tells == AlertSeverity.INFO:
        return f"the info topic; pages by the composite alarm *{row.kind}*"
    return f"the {row.tells} topic"
