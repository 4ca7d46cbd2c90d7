"""Rules on whether an alarm can go off, when it should, and in time: its dimensions and numbers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _types as types
from surgeproof.policies._metrics import misspelled
from surgeproof.policies._rules import (
    AnyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, is_true, number, read, show

_MONITORING: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring"
_ALB_METRICS: Final = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
    "load-balancer-cloudwatch-metrics.html"
)
_NAME: Final = re.compile(r"[^/:]+")
_FORMS: Final = {
    ("AWS/ApplicationELB", "LoadBalancer"): (
        re.compile(r"app/[^/]+/[^/]+"),
        "be the end of the ARN, app/<name>/<id>",
    ),
    ("AWS/ApplicationELB", "TargetGroup"): (
        re.compile(r"targetgroup/[^/]+/[^/]+"),
        "be the end of the ARN, targetgroup/<name>/<id>",
    ),
    ("AWS/NetworkELB", "LoadBalancer"): (
        re.compile(r"net/[^/]+/[^/]+"),
        "be the end of the ARN, net/<name>/<id>",
    ),
    ("AWS/NetworkELB", "TargetGroup"): (
        re.compile(r"targetgroup/[^/]+/[^/]+"),
        "be the end of the ARN, targetgroup/<name>/<id>",
    ),
    ("AWS/AutoScaling", "AutoScalingGroupName"): (_NAME, "be the group's name"),
    ("AWS/EC2", "AutoScalingGroupName"): (_NAME, "be the group's name"),
    ("AWS/EC2", "InstanceId"): (re.compile(r"i-[0-9a-f]+"), "be an instance's id, `i-...`"),
    ("AWS/RDS", "DBInstanceIdentifier"): (
        re.compile(r"[^/:.]+"),
        "be the instance's identifier",
    ),
    ("AWS/RDS", "DBClusterIdentifier"): (re.compile(r"[^/:.]+"), "be the cluster's identifier"),
    ("AWS/SQS", "QueueName"): (_NAME, "be the queue's name"),
    ("AWS/SNS", "TopicName"): (_NAME, "be the topic's name"),
    ("AWS/DynamoDB", "TableName"): (_NAME, "be the table's name"),
    ("AWS/ECS", "ClusterName"): (_NAME, "be the cluster's name"),
    ("AWS/ECS", "ServiceName"): (_NAME, "be the service's name"),
    ("AWS/Lambda", "FunctionName"): (_NAME, "be the function's name"),
    ("AWS/ElastiCache", "CacheClusterId"): (_NAME, "be the cluster's id"),
}
"""What a dimension looks like, by namespace and name: as the services' pages on their metrics have
it, for load balancers https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"""


class _Metric:
    """One metric that an alarm reads, with the place where it is written."""

    is_part = False
    """Whether an expression is made of it, which may want any statistic."""

    def __init__(self, alarm: Resource, prefix: str, spec: Mapping[str, Any]) -> None:
        self.alarm, self.prefix = alarm, prefix
        self.namespace, self.name = read(spec, "namespace"), read(spec, "metricName")
        self.dimensions = spec.get("dimensions")
        given = [
            key
            for key in (("stat",) if prefix else ("statistic", "extendedStatistic"))
            if read(spec, key) not in (ABSENT, "")
        ]
        key = given[0] if given else "statistic"
        self.statistic = read(spec, key)
        self.statistic_path = f"{prefix}{key}"


def _metrics(alarm: Resource) -> Iterator[_Metric]:
    if alarm.read("metricName") not in (ABSENT, ""):
        spec = dict(alarm.properties)
        yield _Metric(alarm, "", spec)
    for at, query in alarm.each("metricQueries[*]"):
        metric = query.get("metric") if isinstance(query, Mapping) else None
        if isinstance(metric, Mapping):
            found = _Metric(alarm, f"{at}.metric.", metric)
            found.is_part = not is_true(read(query, "returnData"))
            yield found


def _check_name(metric: _Metric, report: Report) -> None:
    if found := misspelled(metric.namespace, metric.name):
        name, certain = found
        must = f"be `{name}`, as CloudWatch has no metric of another spelling"
        say = report.refuse if certain else report.advise
        say(metric.alarm, f"{metric.prefix}metricName", must, show(metric.name))


def _check_dimensions(alarm: Resource, report: Report) -> None:
    for metric in _metrics(alarm):
        _check_name(metric, report)
        dimensions = metric.dimensions
        if not isinstance(dimensions, Mapping):
            continue
        for key, value in dimensions.items():
            form = _FORMS.get((str(metric.namespace), key))
            if form is None or not isinstance(value, str) or form[0].fullmatch(value):
                continue
            must = f"let `{key}` {form[1]}, as no metric has another"
            report.refuse(alarm, f"{metric.prefix}dimensions", must, show(value))


_UTILIZATIONS: Final = frozenset(
    {
        "CPUUtilization",
        "DiskSpaceUtilization",
        "EngineCPUUtilization",
        "MemoryUtilization",
        "disk_used_percent",
        "mem_used_percent",
    }
)


def _check_threshold(alarm: Resource, report: Report) -> None:
    name, threshold = alarm.read("metricName"), number(alarm.read("threshold"))
    operator = alarm.read("comparisonOperator")
    if name not in _UTILIZATIONS or threshold is None or not isinstance(operator, str):
        return
    beyond = {
        "GreaterThanThreshold": threshold >= 100,
        "GreaterThanOrEqualToThreshold": threshold > 100,
        "LessThanThreshold": threshold <= 0,
        "LessThanOrEqualToThreshold": threshold < 0,
    }
    if beyond.get(operator, False):
        must = f"be between 0 and 100, as `{name}` is a share in percent"
        report.refuse(alarm, "threshold", must, show(alarm.read("threshold")))


_COUNTS: Final = re.compile(
    r"RequestCount|RequestCountPerTarget|RejectedConnectionCount|NewConnectionCount"
    r"|TargetConnectionErrorCount|ClientTLSNegotiationErrorCount|TargetTLSNegotiationErrorCount"
    r"|HTTPCode_\w+_Count|HTTP_\w+_Count|HTTPCode_\w+|NumberOfMessages\w+|NumberOfNotifications\w+"
    r"|Errors|Throttles|Invocations|5XXError|4XXError"
)
"""Metrics that count events, each reported as 1, so that their average says nothing."""
_OF_ONE_EVENT: Final = re.compile(
    r"Average|Minimum|Maximum|IQM|(?:p|tm|wm)\d+(?:\.\d+)?|(?:TM|WM)\(.*\)"
)
"""Statistics that say how large a single report is: extremes, means and percentiles
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html)."""
_OF_COUNTS: Final = frozenset(
    {
        "AWS/ApplicationELB",
        "AWS/ApiGateway",
        "AWS/ELB",
        "AWS/Lambda",
        "AWS/NetworkELB",
        "AWS/SNS",
        "AWS/SQS",
    }
)
_LEVELS: Final = frozenset(
    {"CPUUtilization", "HealthyHostCount", "TargetResponseTime", "UnHealthyHostCount", "Latency"}
)
"""Metrics that say how much there is: their sum grows with the number of reports."""
_RATES: Final = frozenset({"5XXError", "4XXError"})
"""Of API Gateway, whose average is the share of the requests."""


def _check_statistic(alarm: Resource, report: Report) -> None:
    for metric in _metrics(alarm):
        name, statistic = metric.name, metric.statistic
        if metric.is_part or name in _RATES:
            continue
        if not isinstance(name, str) or not isinstance(statistic, str):
            continue
        if metric.namespace in _OF_COUNTS and _COUNTS.fullmatch(name):
            if _OF_ONE_EVENT.fullmatch(statistic):
                must = f"be `Sum`, as each event counts as 1 in `{name}`"
                report.refuse(alarm, metric.statistic_path, must, show(statistic))
        elif name in _LEVELS and statistic in ("Sum", "SampleCount"):
            must = f"be `Average`, `Minimum`, `Maximum` or a percentile of `{name}`"
            report.advise(alarm, metric.statistic_path, must, show(statistic))


_GONE_WITH_ITS_SUBJECT: Final = frozenset(
    {"GroupInServiceInstances", "HealthyHostCount", "RunningTaskCount"}
)
"""Metrics of how much there is that end where there is nothing left to report."""
_SPARSE: Final = re.compile(
    r"HTTPCode_\w+|RejectedConnectionCount|TargetConnectionErrorCount|TargetResponseTime"
    r"|\w*TLSNegotiationErrorCount|Errors|Throttles|RequestCount|RequestCountPerTarget|Latency"
)
"""Metrics that are reported only while there are requests, or errors."""


def _check_missing(alarm: Resource, report: Report) -> None:
    name, missing = alarm.read("metricName"), alarm.read("treatMissingData")
    operator = alarm.read("comparisonOperator")
    if not isinstance(name, str) or not isinstance(operator, str):
        return
    low = operator.startswith("Less")
    path = "treatMissingData"
    if low and name in _GONE_WITH_ITS_SUBJECT and missing in ("notBreaching", "ignore"):
        must = f"be `breaching`, as `{name}` is missing where nothing is left"
        report.refuse(alarm, path, must, show(missing))
    elif not low and _SPARSE.fullmatch(name) and missing == "breaching":
        must = f"be `notBreaching`, as `{name}` is missing whenever there are no requests or errors"
        report.refuse(alarm, path, must, show(missing))


_OF_USERS: Final = re.compile(
    r"HTTPCode_(?:ELB|Target|Backend)_5XX(?:_Count)?|HealthyHostCount|UnHealthyHostCount"
    r"|RejectedConnectionCount|TargetConnectionErrorCount|TargetResponseTime|SurgeQueueLength"
    r"|SpilloverCount"
)
"""Metrics of what users feel."""


def _check_speed(alarm: Resource, report: Report) -> None:
    if not _OF_USERS.fullmatch(str(alarm.read("metricName"))):
        return
    period, periods = number(alarm.read("period")), number(alarm.read("evaluationPeriods"))
    needed = number(alarm.read("datapointsToAlarm")) or periods
    if period is None or needed is None:
        return
    longest = alarm.settings["longestSeconds"]
    if period * needed > longest:
        must = f"let the alarm go off within {longest} s (longestSeconds)"
        report.refuse(alarm, "period", must, f"{show(period)} s, {show(needed)} times over")


def _check_confirmed(stack: Stack, report: Report) -> None:
    for subscription in stack.of(types.SUBSCRIPTION):
        if is_true(subscription.read("pendingConfirmation")):
            must = "be false, once the receiver has confirmed"
            report.refuse(subscription, "pendingConfirmation", must, "true")


def _is_network(balancer: Resource) -> bool:
    """Whether a load balancer has the metrics of Network Load Balancers.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
    """
    return bool(balancer.read("loadBalancerType") == "network")


def _check_watched(stack: Stack, report: Report) -> None:
    balancers = [
        at
        for at in stack.of(types.LOAD_BALANCER)
        if at.read("loadBalancerType") != "gateway" and not at.is_of_a_copy
    ]
    if stack.of(types.METRIC_ALARM | types.COMPOSITE_ALARM):
        return
    for balancer in balancers:
        own = "TCP_ELB_Reset_Count" if _is_network(balancer) else "HTTPCode_ELB_5XX_Count"
        must = f"hold one on what users get (`{own}`, `UnHealthyHostCount`)"
        report.advise(balancer, "alarms", must, "none in this stack")


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="alarm-dimension-matches",
        description="An alarm's metric and dimensions are spelled as CloudWatch spells them: an "
        "alarm on another case, or on an ARN where the metric has its end, never fires.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL06-BP01",),
        url=_ALB_METRICS,
        types=types.METRIC_ALARM,
        check=_check_dimensions,
        fix='Set dimensions={"LoadBalancer": balancer.arn_suffix, "TargetGroup": '
        "targets.arn_suffix} on the aws.cloudwatch.MetricAlarm.",
    ),
    ResourceRule(
        name="alarm-threshold-in-reach",
        description="An alarm's threshold can be crossed: a share in percent never is above 100.",
        severity=Severity.HIGH,
        url=f"{_MONITORING}/AlarmThatSendsEmail.html",
        types=types.METRIC_ALARM,
        check=_check_threshold,
        fix="Lower threshold on the aws.cloudwatch.MetricAlarm, to 80 or 90 percent.",
    ),
    ResourceRule(
        name="alarm-statistic-fits",
        description="An alarm takes a statistic that its metric has a meaning for: the average of "
        "a count of events is always 1, and the sum of a level grows with the number of reports.",
        severity=Severity.HIGH,
        url=_ALB_METRICS,
        types=types.METRIC_ALARM,
        check=_check_statistic,
        fix='Set statistic="Sum" for what counts events, extended_statistic="p99" for what '
        "measures a time.",
    ),
    ResourceRule(
        name="alarm-missing-data-fits",
        description="What an alarm takes missing data for is what it means for the metric: a count "
        "of healthy hosts is missing where none is left; errors are missing where there are none.",
        severity=Severity.HIGH,
        url=f"{_MONITORING}/alarms-and-missing-data.html",
        types=types.METRIC_ALARM,
        check=_check_missing,
        fix='Set treat_missing_data="breaching" on alarms that something is gone, "notBreaching" '
        "on alarms on errors and response times.",
    ),
    ResourceRule(
        name="alarm-tells-in-time",
        description="An alarm on what users feel goes off within minutes: later, the objective is "
        "broken before anybody looks.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL06-BP03",),
        url=f"{_MONITORING}/alarm-evaluation.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest time from the fault to the alarm (seconds, 10 to 86400).",
                default=600,
                low=10,
                high=86_400,
            ),
        ),
        types=types.METRIC_ALARM,
        check=_check_speed,
        fix="Set period=60, evaluation_periods=3 and datapoints_to_alarm=2 on the "
        "aws.cloudwatch.MetricAlarm.",
    ),
    StackRule(
        name="sns-subscription-confirmed",
        description="A subscription is confirmed: until somebody has followed the link in the "
        "first message, no other message arrives.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL06-BP03",),
        url="https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html",
        types=types.SUBSCRIPTION,
        check=_check_confirmed,
        fix="Let the receiver confirm by the link in the message, then `pulumi refresh`. "
        "`surgeproof status --deployed` says who has not.",
    ),
    StackRule(
        name="lb-has-alarms",
        description="A stack with a load balancer has alarms: without any, users are the first to "
        "tell.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        frameworks=("Well-Architected REL06-BP01",),
        url=f"{_MONITORING}/Best-Practice-Alarms.html",
        types=types.LOAD_BALANCER | types.METRIC_ALARM | types.COMPOSITE_ALARM,
        check=_check_watched,
        fix='Add aws.cloudwatch.MetricAlarm("errors", namespace="AWS/ApplicationELB", '
        'metric_name="HTTPCode_ELB_5XX_Count", statistic="Sum", ...) with alarm_actions.',
    ),
)
