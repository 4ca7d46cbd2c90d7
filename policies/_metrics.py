"""Which group's metrics alarms, scaling policies and dashboards use, and at which period."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from surgeproof.policies import _types as types
from surgeproof.policies._rules import Report, Resource, Stack
from surgeproof.policies._values import ABSENT, UNKNOWN, read, read_each
from surgeproof.settings.aws_limits import GROUP_METRICS
from surgeproof.settings.json_file import parse_json

GROUP_DIMENSION: Final = "AutoScalingGroupName"
_EC2: Final = "AWS/EC2"
_MINUTE: Final = 60
_PREDEFINED_EC2: Final = {
    # BC autoscaling, PredefinedMetricSpecification: these average what EC2 reports of the group.
    "ASGAverageCPUUtilization": "CPUUtilization",
    "ASGAverageNetworkIn": "NetworkIn",
    "ASGAverageNetworkOut": "NetworkOut",
}

_OF_LOAD_BALANCERS: Final = """
    ActiveConnectionCount ActiveZonalShiftHostCount AnomalousHostCount
    AppCookieNonStickinessCount BYoIPUtilPercentage CapacityUtilization
    ClientTLSNegotiationErrorCount ConsumedLCUs DesyncMitigationMode_NonCompliant_Request_Count
    DroppedInvalidHeaderRequestCount ELBAuthError ELBAuthFailure ELBAuthLatency
    ELBAuthRefreshTokenSuccess ELBAuthSuccess ELBAuthUserClaimsSizeExceeded
    ExcessiveLowReputationPackets ForwardedInvalidHeaderRequestCount GrpcRequestCount
    HTTPCode_ELB_3XX_Count HTTPCode_ELB_4XX_Count HTTPCode_ELB_500_Count HTTPCode_ELB_502_Count
    HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count HTTPCode_ELB_5XX_Count
    HTTPCode_Target_2XX_Count HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count
    HTTPCode_Target_5XX_Count HTTP_Fixed_Response_Count HTTP_Redirect_Count
    HTTP_Redirect_Url_Limit_Exceeded_Count HealthyHostCount HealthyStateDNS HealthyStateRouting
    IPv6ProcessedBytes IPv6RequestCount LambdaInternalError LambdaTargetProcessedBytes
    LambdaUserError LowReputationPacketsDropped LowReputationRequestsDenied MitigatedHostCount
    NewConnectionCount NonStickyRequestCount PeakLCUs ProcessedBytes RejectedConnectionCount
    RequestCount RequestCountPerTarget ReservedLCUs RuleEvaluations TargetConnectionErrorCount
    TargetControlActiveChannelCount TargetControlChannelErrorCount TargetControlNewChannelCount
    TargetControlProcessedBytes TargetControlRequestCount TargetControlRequestRejectCount
    TargetControlWorkQueueLength TargetResponseTime TargetTLSNegotiationErrorCount
    UnHealthyHostCount UnhealthyRoutingRequestCount UnhealthyStateDNS UnhealthyStateRouting
"""
"""All metrics of the page "CloudWatch metrics for your Application Load Balancer", as it was in
2026: of load balancers, LCU, targets, target groups, Lambda functions, authentication and Target
Optimizer
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html)."""
_CATALOGUES: Final[Mapping[str, frozenset[str]]] = {
    "AWS/ApplicationELB": frozenset(_OF_LOAD_BALANCERS.split()),
    "AWS/AutoScaling": frozenset(GROUP_METRICS),
}
"""Metrics by namespace; those of groups are the ones that the API's EnableMetricsCollection names.
AWS adds to them, so that a name that is missing here is no error by itself."""
_ALIKE: Final = 0.85
"""Likeness (0 to 1, of difflib) from which a name is a known one misspelled."""


def misspelled(namespace: Any, name: Any) -> tuple[str, bool] | None:
    """Return the metric that a name misspells, and whether by case or separators alone."""
    known = _CATALOGUES.get(namespace, frozenset()) if isinstance(namespace, str) else frozenset()
    if not isinstance(name, str) or not known or name in known:
        return None
    folded = {_folded(each): each for each in sorted(known)}
    if _folded(name) in folded:
        return folded[_folded(name)], True
    near = difflib.get_close_matches(_folded(name)[:_LONGEST_NAME], folded, n=1, cutoff=_ALIKE)
    return (folded[near[0]], False) if near else None


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


_LONGEST_NAME: Final = 255
"""Characters of a metric's name, as CloudWatch's PutMetricAlarm has it (botocore, MetricName)."""

ALL: Final = types.METRIC_ALARM | types.SCALING_POLICY | types.DASHBOARD | types.GROUP
"""The types whose properties this module reads."""


@dataclass(frozen=True, slots=True)
class MetricUse:
    """One place where a metric is read."""

    user: Resource
    path: str
    """Where the user names the metric."""
    namespace: Any
    metric: Any
    period: Any
    group_path: str
    """The property that names the group, whose dependencies resolve an unknown name."""
    group_name: Any

    def group(self, stack: Stack) -> Resource | None:
        """Return the group whose metric it is, None where that is not known or not in the stack."""
        if isinstance(self.group_name, str):
            named = stack.called(types.GROUP, "name", self.group_name)
            if len(named) > 1 and self.user.region:
                named = [at for at in named if at.region == self.user.region]
            if len(named) == 1:
                return named[0]
        found = [at for at in self.user.made_of(self.group_path) if at.type in types.GROUP]
        return found[0] if len(found) == 1 else None


def uses(stack: Stack, report: Report, namespace: str) -> Iterator[MetricUse]:
    """Yield each use of a namespace's metrics that is about a group; note what is unknown."""
    for user in stack.of(types.METRIC_ALARM):
        yield from _wanted(_of_alarm(user), report, namespace)
    for user in stack.of(types.SCALING_POLICY):
        yield from _wanted(_of_policy(user), report, namespace)
    for user in stack.of(types.DASHBOARD):
        yield from _wanted(_of_dashboard(user), report, namespace)


def _wanted(found: Iterator[MetricUse], report: Report, namespace: str) -> Iterator[MetricUse]:
    for use in found:
        if use.group_name is ABSENT or use.namespace not in (namespace, UNKNOWN):
            continue
        if UNKNOWN in (use.namespace, use.metric, use.period):
            report.wait_for(use.user, use.path)
        else:
            yield use


def _of_alarm(alarm: Resource) -> Iterator[MetricUse]:
    yield _use(alarm, "metricName", "dimensions", alarm.properties, alarm.read("period"))
    for at, metric in alarm.each("metricQueries[*].metric"):
        if metric is UNKNOWN:
            yield MetricUse(alarm, at, UNKNOWN, UNKNOWN, UNKNOWN, "metricQueries", UNKNOWN)
        elif isinstance(metric, Mapping):
            yield _use(alarm, f"{at}.metricName", "metricQueries", metric, read(metric, "period"))


def _of_policy(policy: Resource) -> Iterator[MetricUse]:
    tracking = "targetTrackingConfiguration"
    kind = policy.read(f"{tracking}.predefinedMetricSpecification.predefinedMetricType")
    path = f"{tracking}.predefinedMetricSpecification.predefinedMetricType"
    name = policy.read("autoscalingGroupName")
    if kind is UNKNOWN or kind in _PREDEFINED_EC2:
        metric = UNKNOWN if kind is UNKNOWN else _PREDEFINED_EC2[kind]
        yield MetricUse(policy, path, _EC2, metric, _MINUTE, "autoscalingGroupName", name)
    path = f"{tracking}.customizedMetricSpecification"
    custom = policy.read(path)
    if isinstance(custom, Mapping):
        period = read(custom, "period")
        yield _use(policy, path, tracking, custom, _MINUTE if period is ABSENT else period)
    for at, stat in policy.each(f"{path}.metrics[*].metricStat"):
        if isinstance(stat, Mapping):
            period = read(stat, "period")
            yield _use(
                policy,
                at,
                tracking,
                stat.get("metric") or {},
                _MINUTE if period is ABSENT else period,
            )


def _use(
    user: Resource, path: str, group_path: str, spec: Mapping[str, Any], period: Any
) -> MetricUse:
    named = _dimensions(spec)
    return MetricUse(
        user=user,
        path=path,
        namespace=read(spec, "namespace"),
        metric=read(spec, "metricName"),
        period=period,
        group_path=group_path,
        group_name=named if named is UNKNOWN else named.get(GROUP_DIMENSION, ABSENT),
    )


def _dimensions(spec: Mapping[str, Any]) -> Any:
    """Return the dimensions as a mapping: alarms have one, policies a list of name and value."""
    found = spec.get("dimensions") or spec.get("metricDimensions") or {}
    if isinstance(found, list):
        if UNKNOWN in found:
            return UNKNOWN
        return {read(entry, "name"): read(entry, "value") for entry in found}
    return found


def _of_dashboard(dashboard: Resource) -> Iterator[MetricUse]:
    body = dashboard.read("dashboardBody")
    if body is UNKNOWN:
        if any(source.type in types.GROUP for source in dashboard.made_of("dashboardBody")):
            yield MetricUse(
                dashboard, "dashboardBody", UNKNOWN, UNKNOWN, UNKNOWN, "dashboardBody", UNKNOWN
            )
        return
    for widget in _widgets(body):
        before: list[str] = []
        for _, line in read_each(widget, "properties.metrics[*]"):
            words = line if isinstance(line, list) else []
            before = _spelled_out([word for word in words if isinstance(word, str)], before)
            dimensions = dict(zip(before[2::2], before[3::2], strict=False))
            if GROUP_DIMENSION in dimensions:
                yield MetricUse(
                    user=dashboard,
                    path="dashboardBody",
                    namespace=before[0],
                    metric=before[1],
                    period=read(widget, "properties.period"),
                    group_path="dashboardBody",
                    group_name=dimensions[GROUP_DIMENSION],
                )


def _widgets(body: Any) -> list[Mapping[str, Any]]:
    """Return a dashboard's widgets."""
    content = parse_json(body, "dashboardBody") if isinstance(body, str) and body else {}
    widgets = content.get("widgets") if isinstance(content, Mapping) else None
    return [at for at in widgets if isinstance(at, Mapping)] if isinstance(widgets, list) else []


def _spelled_out(line: list[str], before: list[str]) -> list[str]:
    """Undo the short forms of a dashboard's metric line: "." repeats a word, "..." several."""
    if "..." in line:
        at = line.index("...")
        missing = max(0, len(before) - (len(line) - 1))
        line = [*line[:at], *before[at : at + missing], *line[at + 1 :]]
    return [
        before[index] if word == "." and index < len(before) else word
        for index, word in enumerate(line)
    ]
