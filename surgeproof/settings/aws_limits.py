"""What AWS forbids in its documentation but not in the machine-readable service models.

botocore's models state lengths, patterns and enumerations for many members, and those are checked
there. For others the models say "string" or "integer" and the rule stands only in the text of the
API reference. Those rules are here, once, each with its source; the components' checks and the
checks of whoever sends the requests read this table.

Sources are named as `<service> <Operation or type>`, meaning that page of the AWS API reference
(https://docs.aws.amazon.com/), or by a user guide's address.
"""

import functools
import ipaddress
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import available_timezones

from surgeproof.cloudwatch.rules import RuleError, read_rule
from surgeproof.settings.dashboard_body import body_faults
from surgeproof.settings.json_file import parse_json

REBALANCING: Final = 1.1
"""How far above its maximum a group may be for a while, when it evens zones out, as a factor
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule for one value."""

    rule: str
    """How an allowed value is, to follow "must": `be 10, 20, 30 or a multiple of 60`."""
    source: str
    """Where AWS states it."""
    allows: Callable[[object], bool]
    """Whether a value keeps the rule."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A rule that needs several properties of one resource."""

    path: str
    """The property to name when the rule is broken."""
    rule: str
    """How it must be, to follow "must"."""
    source: str
    """Where AWS states it."""
    allows: Callable[[Mapping[str, Any]], bool]
    """Whether the resource's properties keep the rule; called with known values only."""


def _number(value: object) -> float | None:
    """Return the number that a value is or spells, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _whole(low: int, high: int | None = None, *, also: frozenset[int] = frozenset()) -> Any:
    """Return a test for a whole number from `low` to `high`, or one of `also`."""

    def allows(value: object) -> bool:
        number = _number(value)
        if number is None or not math.isfinite(number) or number != int(number):
            return False
        return number in also or (number >= low and (high is None or number <= high))

    return allows


def _between(low: int, high: int | None, source: str, unit: str = "") -> Limit:
    bound = f"at least {low}" if high is None else f"from {low} to {high}"
    return Limit(f"be {bound}{unit}", source, _whole(low, high))


def _one_of(source: str, *words: str) -> Limit:
    listed = ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]
    return Limit(f"be {listed}", source, lambda value: value in words)


def _matches(rule: str, source: str, pattern: str) -> Limit:
    compiled = re.compile(pattern, re.ASCII)
    return Limit(
        rule, source, lambda value: isinstance(value, str) and bool(compiled.fullmatch(value))
    )


def _network(rule: str, source: str, low: int, high: int) -> Limit:
    def allows(value: object) -> bool:
        try:
            network = ipaddress.IPv4Network(value)
        except ValueError:
            return False
        return isinstance(value, str) and "/" in value and low <= network.prefixlen <= high

    return Limit(rule, source, allows)


def _is_json_object(value: object) -> bool:
    try:
        return isinstance(value, str) and isinstance(parse_json(value, "value"), dict)
    except ValueError:
        return False


def _is_alarm_rule(value: object) -> bool:
    """Tell whether a value can be the rule of a composite alarm."""
    try:
        return isinstance(value, str) and len(read_rule(value).children) <= 100
    except RuleError:
        return False


def _is_event_pattern(value: object) -> bool:
    if not _is_json_object(value):
        return False

    def sound(node: object) -> bool:
        if isinstance(node, dict):
            return bool(node) and all(sound(each) for each in node.values())
        return isinstance(node, list) and bool(node)

    return sound(parse_json(str(value), "value"))


_time_zones = functools.cache(available_timezones)


def _is_recurrence(value: object) -> bool:
    """Tell whether a value is five crontab fields, each within its range."""
    fields = value.split() if isinstance(value, str) else []
    if len(fields) != len(_CRON_FIELDS):
        return False
    for field, (low, high, names) in zip(fields, _CRON_FIELDS, strict=True):
        for part in field.upper().split(","):
            span, _, step = part.partition("/")
            if step and not step.isdecimal():
                return False
            for end in [] if span == "*" else span.split("-", 1):
                known = end in names or (end.isdecimal() and low <= int(end) <= high)
                if not known:
                    return False
    return True


_CRON_FIELDS: tuple[tuple[int, int, frozenset[str]], ...] = (
    (0, 59, frozenset()),
    (0, 23, frozenset()),
    (1, 31, frozenset()),
    (
        1,
        12,
        frozenset(
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        ),
    ),
    (0, 7, frozenset(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])),
)

GROUP_METRICS = (
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
    "GroupInServiceCapacity",
    "GroupPendingCapacity",
    "GroupStandbyCapacity",
    "GroupTerminatingCapacity",
    "GroupTotalCapacity",
    "WarmPoolDesiredCapacity",
    "WarmPoolWarmedCapacity",
    "WarmPoolPendingCapacity",
    "WarmPoolTerminatingCapacity",
    "WarmPoolTotalCapacity",
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
)
"""The metrics that a group can publish (autoscaling EnableMetricsCollection)."""

ALARM_METRICS_MAX = 10
"""Metrics that an alarm's expression may read."""

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip
"""The days that a log group can keep events (logs PutRetentionPolicy)."""

PATHS_PER_RULE_MAX = 5
"""Condition values of one listener rule (quota, https://docs.aws.amazon.com/elasticloadbalancing/
latest/application/load-balancer-limits.html)."""

_S3_NAMES = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"
_RESERVATION = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
    "capacity-unit-reservation.html"
)
_ALARM = "cloudwatch PutMetricAlarm"
_COMPOSITE = "cloudwatch PutCompositeAlarm"
_ARN = r"arn:[\w-]+:[\w-]+:.*"
_GROUP = "autoscaling CreateAutoScalingGroup"
_POLICY = "autoscaling PutScalingPolicy"
_HOOK = "autoscaling PutLifecycleHook"
_LB_ATTRIBUTE = "elasticloadbalancing LoadBalancerAttribute"
_TG_ATTRIBUTE = "elasticloadbalancing TargetGroupAttribute"
_DATABASE = "rds CreateDBInstance"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_DAILY_WINDOW = re.compile(rf"(){_TIME}-(){_TIME}")
_WEEKLY_WINDOW = re.compile(
    rf"({'|'.join(_DAYS)}):{_TIME}-({'|'.join(_DAYS)}):{_TIME}", re.IGNORECASE
)
_RATE = "wafv2 RateBasedStatement"
_IP_RANGE = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html"

_PERIOD = Limit(
    "be 10, 20, 30 or a multiple of 60 seconds",
    _ALARM,
    lambda value: (
        _number(value) in (10, 20, 30)
        or ((_number(value) or 0) >= 60 and (_number(value) or 0) % 60 == 0)
    ),
)
_METRIC_PERIOD = Limit(
    "be 1, 5, 10, 20, 30 or a multiple of 60 seconds",
    "cloudwatch MetricStat, MetricDataQuery",
    lambda value: _number(value) in (1, 5) or _PERIOD.allows(value),
)
_TRACKING_PERIOD = Limit(
    "be 10, 30 or 60 seconds",
    "autoscaling CustomizedMetricSpecification",
    lambda value: _number(value) in (10, 30, 60),
)
_GROUP_NAME = _matches(
    "be 1 to 255 printable ASCII characters without space and colon", _GROUP, r"[!-9;-~]{1,255}"
)
_POSITIVE = Limit(
    "be greater than 0",
    "autoscaling TargetTrackingConfiguration (a target of 0 or less can never be met)",
    lambda value: (_number(value) or 0) > 0,
)
_POLICY_DOCUMENT = Limit(
    "be a JSON object",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
    _is_json_object,
)
_RULE_CIDR = _network("be an IPv4 range without host bits, such as 10.0.0.0/16", _IP_RANGE, 0, 32)
_DESCRIPTION = _matches(
    "be at most 255 characters out of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*",
    "ec2 CreateSecurityGroup, IpRange",
    r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}",
)

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
DATABASE = "aws:rds/instance:Instance"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
PROXY_POOL = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
GROUP = "aws:autoscaling/group:Group"
HOOK = "aws:autoscaling/lifecycleHook:LifecycleHook"
POLICY = "aws:autoscaling/policy:Policy"
SCHEDULE = "aws:autoscaling/schedule:Schedule"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
COMPOSITE_ALARM = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"
QUEUE = "aws:sqs/queue:Queue"

LIMITS: Mapping[tuple[str, str], Limit] = {
    # Auto scaling groups.
    (GROUP, "name"): _GROUP_NAME,
    (GROUP, "minSize"): _between(0, None, f"{_GROUP} (a size is a count)"),
    (GROUP, "maxSize"): _between(0, None, f"{_GROUP} (a size is a count)"),
    (GROUP, "desiredCapacity"): _between(0, None, f"{_GROUP} (a size is a count)"),
    (GROUP, "healthCheckType"): Limit(
        "be EC2, EBS, ELB, VPC_LATTICE or several of them separated by commas",
        _GROUP,
        lambda value: (
            isinstance(value, str) and set(value.split(",")) <= {"EC2", "EBS", "ELB", "VPC_LATTICE"}
        ),
    ),
    (GROUP, "healthCheckGracePeriod"): _between(0, None, _GROUP, " seconds"),
    (GROUP, "defaultCooldown"): _between(0, None, _GROUP, " seconds"),
    (GROUP, "defaultInstanceWarmup"): _between(-1, None, f"{_GROUP} (-1 removes it)", " seconds"),
    (GROUP, "maxInstanceLifetime"): Limit(
        "be 0 or at least 86400 seconds", _GROUP, _whole(86_400, also=frozenset({0}))
    ),
    (GROUP, "terminationPolicies"): Limit(
        "be Default, AllocationStrategy, ClosestToNextInstanceHour, NewestInstance, "
        "OldestInstance, OldestLaunchConfiguration, OldestLaunchTemplate or a function's ARN",
        _GROUP,
        lambda value: (
            value
            in (
                "Default",
                "AllocationStrategy",
                "ClosestToNextInstanceHour",
                "NewestInstance",
                "OldestInstance",
                "OldestLaunchConfiguration",
                "OldestLaunchTemplate",
            )
            or str(value).startswith("arn:")
        ),
    ),
    (GROUP, "enabledMetrics"): _one_of("autoscaling EnableMetricsCollection", *GROUP_METRICS),
    (GROUP, "metricsGranularity"): _one_of("autoscaling EnableMetricsCollection", "1Minute"),
    (GROUP, "desiredCapacityType"): _one_of(_GROUP, "units", "vcpu", "memory-mib"),
    (GROUP, "suspendedProcesses"): _one_of(
        "autoscaling SuspendProcesses",
        "Launch",
        "Terminate",
        "AddToLoadBalancer",
        "AlarmNotification",
        "AZRebalance",
        "HealthCheck",
        "InstanceRefresh",
        "ReplaceUnhealthy",
        "ScheduledActions",
    ),
    (GROUP, "mixedInstancesPolicy.instancesDistribution.onDemandAllocationStrategy"): _one_of(
        "autoscaling InstancesDistribution", "lowest-price", "prioritized"
    ),
    (GROUP, "mixedInstancesPolicy.instancesDistribution.spotAllocationStrategy"): _one_of(
        "autoscaling InstancesDistribution",
        "capacity-optimized",
        "capacity-optimized-prioritized",
        "lowest-price",
        "price-capacity-optimized",
    ),
    (
        GROUP,
        "mixedInstancesPolicy.instancesDistribution.onDemandPercentageAboveBaseCapacity",
    ): _between(0, 100, "autoscaling InstancesDistribution (a percentage)", " %"),
    (GROUP, "mixedInstancesPolicy.instancesDistribution.onDemandBaseCapacity"): _between(
        0, None, "autoscaling InstancesDistribution (a count)"
    ),
    (GROUP, "instanceRefresh.strategy"): _one_of(
        "autoscaling StartInstanceRefresh", "Rolling", "ReplaceRootVolume"
    ),
    # Lifecycle hooks.
    (HOOK, "heartbeatTimeout"): _between(30, 7200, _HOOK, " seconds"),
    (HOOK, "defaultResult"): _one_of(_HOOK, "CONTINUE", "ABANDON"),
    (HOOK, "lifecycleTransition"): _one_of(
        _HOOK, "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
    ),
    # Scaling policies and scheduled actions.
    (POLICY, "policyType"): _one_of(
        _POLICY, "TargetTrackingScaling", "StepScaling", "SimpleScaling", "PredictiveScaling"
    ),
    (POLICY, "adjustmentType"): _one_of(
        _POLICY, "ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"
    ),
    (POLICY, "metricAggregationType"): _one_of(_POLICY, "Minimum", "Maximum", "Average"),
    (POLICY, "minAdjustmentMagnitude"): _between(1, None, f"{_POLICY} (a count)"),
    (POLICY, "estimatedInstanceWarmup"): _between(0, None, _POLICY, " seconds"),
    (POLICY, "cooldown"): _between(0, None, _POLICY, " seconds"),
    (POLICY, "targetTrackingConfiguration.targetValue"): _POSITIVE,
    (POLICY, "targetTrackingConfiguration.customizedMetricSpecification.period"): _TRACKING_PERIOD,
    (
        POLICY,
        "targetTrackingConfiguration.customizedMetricSpecification.metrics.metricStat.period",
    ): _TRACKING_PERIOD,
    (POLICY, "predictiveScalingConfiguration.metricSpecification.targetValue"): _POSITIVE,
    (POLICY, "predictiveScalingConfiguration.schedulingBufferTime"): _between(
        0, 3599, "autoscaling PredictiveScalingConfiguration", " seconds"
    ),
    (SCHEDULE, "recurrence"): Limit(
        "be five crontab fields: minute, hour, day of month, month, day of week",
        "autoscaling PutScheduledUpdateGroupAction",
        _is_recurrence,
    ),
    (SCHEDULE, "timeZone"): Limit(
        "be a name of the IANA time zone database, such as Europe/Berlin",
        "autoscaling PutScheduledUpdateGroupAction",
        lambda value: value in _time_zones(),
    ),
    (SCHEDULE, "minSize"): _between(-1, None, "autoscaling (-1 keeps it as it is)"),
    (SCHEDULE, "maxSize"): _between(-1, None, "autoscaling (-1 keeps it as it is)"),
    (SCHEDULE, "desiredCapacity"): _between(-1, None, "autoscaling (-1 keeps it as it is)"),
    # Alarms.
    (ALARM, "period"): _PERIOD,
    (ALARM, "metricQueries.period"): _METRIC_PERIOD,
    (ALARM, "metricQueries.metric.period"): _METRIC_PERIOD,
    (ALARM, "metricQueries.id"): _matches(
        "be letters, digits and underscores, the first a lowercase letter",
        "cloudwatch MetricDataQuery",
        r"[a-z][A-Za-z0-9_]{0,254}",
    ),
    (ALARM, "treatMissingData"): _one_of(_ALARM, "breaching", "notBreaching", "ignore", "missing"),
    (ALARM, "evaluateLowSampleCountPercentiles"): _one_of(_ALARM, "evaluate", "ignore"),
    (ALARM, "extendedStatistic"): _matches(
        "be a percentile such as p95 or another extended statistic",
        _ALARM,
        r"(p|tm|tc|ts|wm)(\d{1,2}(\.\d{1,10})?|100)|IQM|PR\([^)]*:[^)]*\)|(TC|TM|TS|WM)\([^)]*:[^)]*\)",
    ),
    (ALARM, "alarmActions"): _matches("be an ARN", _ALARM, r"arn:[\w-]+:[\w-]+:.*"),
    (ALARM, "okActions"): _matches("be an ARN", _ALARM, r"arn:[\w-]+:[\w-]+:.*"),
    (ALARM, "insufficientDataActions"): _matches("be an ARN", _ALARM, r"arn:[\w-]+:[\w-]+:.*"),
    (COMPOSITE_ALARM, "alarmActions"): _matches("be an ARN", _COMPOSITE, _ARN),
    (COMPOSITE_ALARM, "okActions"): _matches("be an ARN", _COMPOSITE, _ARN),
    (COMPOSITE_ALARM, "alarmRule"): Limit(
        "be a rule of at most 100 alarms, each as ALARM(...), OK(...) or INSUFFICIENT_DATA(...), "
        "joined by AND, OR, NOT and parentheses that match",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html",
        _is_alarm_rule,
    ),
    (DASHBOARD, "dashboardName"): _matches(
        "be 1 to 255 letters, digits, hyphens and underscores",
        "cloudwatch PutDashboard",
        r"[A-Za-z0-9_-]{1,255}",
    ),
    (DASHBOARD, "dashboardBody"): Limit(
        "be a dashboard body of at most 500 widgets, each within 24 columns and with the "
        "properties of its type",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"
        "CloudWatch-Dashboard-Body-Structure.html",
        lambda value: isinstance(value, str) and not body_faults(value),
    ),
    (EVENT_RULE, "eventPattern"): Limit(
        "be a JSON object whose values are objects or lists",
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html",
        _is_event_pattern,
    ),
    (QUEUE, "messageRetentionSeconds"): _between(60, 1_209_600, "sqs CreateQueue", " seconds"),
    (QUEUE, "name"): _matches(
        "be 1 to 80 letters, digits, hyphens and underscores",
        "sqs CreateQueue",
        r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo",
    ),
    # Load balancing.
    (LOAD_BALANCER, "name"): _matches(
        "be 1 to 32 letters, digits and hyphens, without a hyphen at either end and "
        "without internal- in front",
        "elasticloadbalancing CreateLoadBalancer",
        r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)",
    ),
    (LOAD_BALANCER, "idleTimeout"): _between(1, 4000, _LB_ATTRIBUTE, " seconds"),
    (LOAD_BALANCER, "clientKeepAlive"): _between(60, 604_800, _LB_ATTRIBUTE, " seconds"),
    (LOAD_BALANCER, "desyncMitigationMode"): _one_of(
        _LB_ATTRIBUTE, "monitor", "defensive", "strictest"
    ),
    (LOAD_BALANCER, "xffHeaderProcessingMode"): _one_of(
        _LB_ATTRIBUTE, "append", "preserve", "remove"
    ),
    (LOAD_BALANCER, "minimumLoadBalancerCapacity.capacityUnits"): _between(
        100, None, _RESERVATION, " units"
    ),
    (TARGET_GROUP, "name"): _matches(
        "be 1 to 32 letters, digits and hyphens, without a hyphen at either end",
        "elasticloadbalancing CreateTargetGroup",
        r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)",
    ),
    (TARGET_GROUP, "deregistrationDelay"): _between(0, 3600, _TG_ATTRIBUTE, " seconds"),
    (TARGET_GROUP, "slowStart"): Limit(
        "be 0 or from 30 to 900 seconds", _TG_ATTRIBUTE, _whole(30, 900, also=frozenset({0}))
    ),
    (TARGET_GROUP, "loadBalancingAlgorithmType"): _one_of(
        _TG_ATTRIBUTE, "round_robin", "least_outstanding_requests", "weighted_random"
    ),
    (TARGET_GROUP, "loadBalancingAnomalyMitigation"): Limit(
        "be on or off", _TG_ATTRIBUTE, lambda value: value in ("on", "off")
    ),
    (TARGET_GROUP, "stickiness.cookieDuration"): _between(1, 604_800, _TG_ATTRIBUTE, " seconds"),
    (TARGET_GROUP, "healthCheck.path"): _matches(
        "begin with a slash", "elasticloadbalancing CreateTargetGroup", r"/.*"
    ),
    (TARGET_GROUP, "healthCheck.matcher"): _matches(
        "be codes from 200 to 499, such as 200, 200,202 or 200-299",
        "elasticloadbalancing Matcher",
        r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*",
    ),
    (LISTENER, "sslPolicy"): _matches(
        "be the name of a predefined security policy, such as ELBSecurityPolicy-TLS13-1-2-2021-06",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
        "describe-ssl-policies.html",
        r"ELBSecurityPolicy-[A-Za-z0-9-]+",
    ),
    (LISTENER_RULE, "priority"): _between(1, 50_000, "elasticloadbalancing CreateRule"),
    (LISTENER_RULE, "conditions.pathPattern.values"): _matches(
        "be a pattern of 1 to 128 characters that begins with / or *, such as /search*",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
        "rule-condition-types.html (path conditions)",
        r"[/*][A-Za-z0-9_\-.$/~\"'@:+&*?]{0,127}",
    ),
    (LISTENER, "defaultActions.redirect.port"): Limit(
        "be a port from 1 to 65535 or #{port}",
        "elasticloadbalancing RedirectActionConfig",
        lambda value: value == "#{port}" or bool(_whole(1, 65_535)(value)),
    ),
    # Network.
    ("aws:ec2/vpc:Vpc", "cidrBlock"): _network(
        "be an IPv4 range from /16 to /28 without host bits", "ec2 CreateVpc", 16, 28
    ),
    ("aws:ec2/subnet:Subnet", "cidrBlock"): _network(
        "be an IPv4 range from /16 to /28 without host bits", "ec2 CreateSubnet", 16, 28
    ),
    ("aws:ec2/route:Route", "destinationCidrBlock"): _RULE_CIDR,
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4"): _RULE_CIDR,
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "cidrIpv4"): _RULE_CIDR,
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "description"): _DESCRIPTION,
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "description"): _DESCRIPTION,
    ("aws:ec2/securityGroup:SecurityGroup", "description"): _DESCRIPTION,
    ("aws:ec2/securityGroup:SecurityGroup", "name"): _matches(
        "be at most 255 characters out of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*, "
        "without sg- in front",
        "ec2 CreateSecurityGroup",
        r"(?!sg-)[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}",
    ),
    # Launch templates.
    (TEMPLATE, "userData"): Limit(
        "be base64 of at most 16 KB",
        "ec2 RequestLaunchTemplateData",
        lambda value: (
            isinstance(value, str)
            and bool(re.fullmatch(r"[A-Za-z0-9+/\s]*={0,2}\s*", value))
            and len(re.sub(r"[\s=]", "", value)) * 3 // 4 <= 16 * 1024
        ),
    ),
    (TEMPLATE, "metadataOptions.httpPutResponseHopLimit"): _between(
        1, 64, "ec2 LaunchTemplateInstanceMetadataOptionsRequest", " hops"
    ),
    (TEMPLATE, "blockDeviceMappings.ebs.volumeSize"): _between(
        1, 65_536, "ec2 LaunchTemplateEbsBlockDeviceRequest", " GiB"
    ),
    (TEMPLATE, "blockDeviceMappings.ebs.throughput"): _between(
        125, 2000, "ec2 LaunchTemplateEbsBlockDeviceRequest", " MiB/s"
    ),
    # Buckets, logs, keys, notifications, policies.
    ("aws:s3/bucket:Bucket", "bucket"): _matches(
        "be 3 to 63 lowercase letters, digits, dots and hyphens with a letter or digit at both "
        "ends, without two dots in a row, the form of an IP address or a reserved prefix or suffix",
        _S3_NAMES,
        r"(?!xn--|sthree-|amzn-s3-demo-)(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)"
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)(?<!\.mrap)(?<!--x-s3)",
    ),
    (LOG_GROUP, "retentionInDays"): Limit(
        f"be one of {', '.join(map(str, LOG_RETENTION_DAYS))} days, or 0 to keep events",
        "logs PutRetentionPolicy",
        lambda value: _number(value) in (0, *LOG_RETENTION_DAYS),
    ),
    ("aws:kms/alias:Alias", "name"): _matches(
        "begin with alias/ but not with alias/aws/, and be at most 256 letters, digits and /_-",
        "kms CreateAlias",
        r"(?!alias/aws/)alias/[A-Za-z0-9/_-]{1,250}",
    ),
    ("aws:kms/key:Key", "deletionWindowInDays"): _between(
        7, 30, "kms ScheduleKeyDeletion", " days"
    ),
    ("aws:kms/key:Key", "policy"): _POLICY_DOCUMENT,
    ("aws:sns/topic:Topic", "name"): _matches(
        "be 1 to 256 letters, digits, underscores and hyphens (.fifo at the end of a FIFO topic)",
        "sns CreateTopic",
        r"(?=.{1,256}$)[A-Za-z0-9_-]+(\.fifo)?",
    ),
    ("aws:sns/topicPolicy:TopicPolicy", "policy"): _POLICY_DOCUMENT,
    ("aws:sns/topicSubscription:TopicSubscription", "protocol"): _one_of(
        "sns Subscribe",
        "http",
        "https",
        "email",
        "email-json",
        "sms",
        "sqs",
        "application",
        "lambda",
        "firehose",
    ),
    ("aws:s3/bucketPolicy:BucketPolicy", "policy"): _POLICY_DOCUMENT,
    ("aws:iam/role:Role", "assumeRolePolicy"): _POLICY_DOCUMENT,
    ("aws:iam/rolePolicy:RolePolicy", "policy"): _POLICY_DOCUMENT,
    # Databases.
    (DATABASE, "identifier"): _matches(
        "be 1 to 63 lowercase letters, digits and hyphens, the first a letter, without two hyphens "
        "in a row or one at the end",
        _DATABASE,
        r"(?=.{1,63}$)[a-z](-?[a-z0-9]+)*",
    ),
    (DATABASE, "instanceClass"): _matches(
        "be a class such as db.m7g.large", _DATABASE, r"db\.[a-z0-9-]+\.[a-z0-9-]+"
    ),
    # Of all engines with gp2 or gp3 but custom ones.
    (DATABASE, "allocatedStorage"): _between(20, 65_536, _DATABASE, " GiB"),
    (DATABASE, "maxAllocatedStorage"): _between(20, 65_536, _DATABASE, " GiB"),
    (DATABASE, "storageType"): _one_of(_DATABASE, "standard", "gp2", "gp3", "io1", "io2"),
    (DATABASE, "backupRetentionPeriod"): _between(0, 35, _DATABASE, " days"),
    (DATABASE, "backupWindow"): Limit(
        "be at least 30 minutes of the form hh:mm-hh:mm (UTC)",
        _DATABASE,
        lambda value: _span(value, _DAILY_WINDOW, 24 * 60) is not None,
    ),
    (DATABASE, "maintenanceWindow"): Limit(
        "be at least 30 minutes of the form ddd:hh:mm-ddd:hh:mm (UTC)",
        _DATABASE,
        lambda value: _span(value, _WEEKLY_WINDOW, 7 * 24 * 60) is not None,
    ),
    (DATABASE, "monitoringInterval"): Limit(
        "be 0, 1, 5, 10, 15, 30 or 60 seconds",
        _DATABASE,
        lambda value: _number(value) in (0, 1, 5, 10, 15, 30, 60),
    ),
    (DATABASE, "performanceInsightsRetentionPeriod"): Limit(
        "be 7, 731 or a multiple of 31 up to 713 days",
        _DATABASE,
        lambda value: _number(value) in (7, 731, *range(31, 714, 31)),
    ),
    (DATABASE, "port"): _between(1150, 65_535, _DATABASE),
    (DATABASE, "dbName"): _matches(
        "be 1 to 63 letters, digits and underscores, the first a letter",
        _DATABASE,
        r"[A-Za-z][A-Za-z0-9_]{0,62}",
    ),
    (DATABASE, "username"): _matches(
        "be 1 to 16 letters, digits and underscores, the first a letter",
        _DATABASE,
        r"[A-Za-z][A-Za-z0-9_]{0,15}",
    ),
    (DATABASE, "password"): _matches(
        'be 8 to 128 printable ASCII characters other than /, ", @ and space',
        f"{_DATABASE} (8 at least for every engine, 128 at most for PostgreSQL)",
        r"[!#-.0-?A-~]{8,128}",
    ),
    (DATABASE, "enabledCloudwatchLogsExports"): _one_of(
        _DATABASE, "postgresql", "upgrade", "iam-db-auth-error", "audit", "error", "general",
        "slowquery", "agent", "alert", "listener", "trace", "oemagent", "diag.log", "notify.log",
    ),
    (PARAMETERS, "name"): _matches(
        "be 1 to 255 lowercase letters, digits and hyphens, the first a letter, without two "
        "hyphens in a row or one at the end",
        "rds CreateDBParameterGroup",
        r"(?=.{1,255}$)[a-z](-?[a-z0-9]+)*",
    ),
    (PARAMETERS, "parameters.applyMethod"): _one_of("rds Parameter", "immediate", "pending-reboot"),
    (PROXY_POOL, "connectionPoolConfig.maxConnectionsPercent"): _between(
        1, 100, "rds ConnectionPoolConfiguration", " percent"
    ),
    (PROXY_POOL, "connectionPoolConfig.maxIdleConnectionsPercent"): _between(
        0, 100, "rds ConnectionPoolConfiguration", " percent"
    ),
    (PROXY_POOL, "connectionPoolConfig.connectionBorrowTimeout"): _between(
        0, 300, "rds ConnectionPoolConfiguration", " seconds"
    ),
    # Web ACLs. The limit's own range (10 to 2,000,000,000) is in the model.
    (WEB_ACL, "rules.statement.rateBasedStatement.limit"): _between(
        10, 2_000_000_000, _RATE, " requests"
    ),
    (WEB_ACL, "rules.statement.rateBasedStatement.evaluationWindowSec"): Limit(
        "be 60, 120, 300 or 600 seconds",
        _RATE,
        lambda value: _number(value) in (60, 120, 300, 600),
    ),
    (
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        "logDestinationConfigs",
    ): _matches(
        "be the ARN of something whose name begins with aws-waf-logs-",
        "https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html",
        r"arn:[^:]+:(logs|s3|firehose):.*[:/]aws-waf-logs-.*",
    ),
    ("aws:acm/certificate:Certificate", "domainName"): _matches(
        "be a domain name of at most 64 characters (longer ones go to the alternative names)",
        "acm RequestCertificate",
        r"(?=.{1,64}$)(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]+",
    ),
}  # fmt: skip
"""Rules by the engine's type token and the property's path, list indexes left out."""


def _span(value: object, form: re.Pattern[str], cycle: int) -> tuple[int, int] | None:
    """Return begin and length of a window in minutes, or None if it is none of 30 or more."""
    match = form.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    day, hour, minute, last_day, last_hour, last_minute = match.groups()

    def minutes(day: str, hour: str, minute: str) -> int:
        days = _DAYS.index(day.lower()) if day else 0
        return (days * 24 + int(hour)) * 60 + int(minute)

    begin = minutes(day, hour, minute)
    length = (minutes(last_day, last_hour, last_minute) - begin) % cycle
    return (begin, length) if length >= 30 else None


def windows_conflict(backup: object, maintenance: object) -> bool:
    """Tell whether a daily backup window meets a weekly maintenance window."""
    daily = _span(backup, _DAILY_WINDOW, 24 * 60)
    weekly = _span(maintenance, _WEEKLY_WINDOW, 7 * 24 * 60)
    if daily is None or weekly is None:
        return False
    week = 7 * 24 * 60
    (begin, length), (from_, lasts) = daily, weekly
    return any(
        (start - from_) % week < lasts or (from_ - start) % week < length
        for start in range(begin, week, 24 * 60)
    )


def _grows(values: Mapping[str, Any]) -> bool:
    now, most = _number(values.get("allocatedStorage")), _number(values.get("maxAllocatedStorage"))
    return now is None or not most or most >= 1.1 * now


def _monitored(values: Mapping[str, Any]) -> bool:
    return not values.get("monitoringRoleArn") or bool(_number(values.get("monitoringInterval")))


def _kept_or_skipped(values: Mapping[str, Any]) -> bool:
    return bool(
        values.get("skipFinalSnapshot")
        or values.get("finalSnapshotIdentifier")
        or values.get("replicateSourceDb")
    )


def _at_most(low: str, high: str) -> Callable[[Mapping[str, Any]], bool]:
    def allows(values: Mapping[str, Any]) -> bool:
        first, second = _number(values.get(low)), _number(values.get(high))
        return first is None or second is None or first <= second

    return allows


def _queries(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = values.get("metricQueries") or []
    return [each for each in found if isinstance(each, Mapping)]


def _few_metrics(values: Mapping[str, Any]) -> bool:
    return sum(1 for each in _queries(values) if each.get("metric")) <= ALARM_METRICS_MAX


def _one_result(values: Mapping[str, Any]) -> bool:
    """Tell whether one query is watched: the one returned, or a metric beside its band."""
    queries = _queries(values)
    band = values.get("thresholdMetricId")
    returned = [each.get("id") for each in queries if each.get("returnData")]
    if band is None:
        return not queries or len(returned) == 1
    return band in returned and len(returned) == 2


def _within_window(values: Mapping[str, Any]) -> bool:
    periods = [
        values.get("period"),
        *((q.get("metric") or {}).get("period") for q in _queries(values)),
    ]
    period = max((_number(each) or 0 for each in periods), default=0) or None
    count = _number(values.get("evaluationPeriods"))
    if period is None or count is None:
        return True
    return period * count <= (604_800 if period >= 3600 else 86_400)


def _exclusive(one: str, *others: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda values: not (values.get(one) and any(values.get(other) for other in others))


def _steps_join(values: Mapping[str, Any]) -> bool:
    """Tell whether step ranges keep the rules of StepAdjustment; a missing end is open."""
    infinite = float("inf")
    ranges = []
    for step in values.get("stepAdjustments") or ():
        low, high = (_number(step.get(f"metricInterval{end}Bound")) for end in ("Lower", "Upper"))
        ranges.append((-infinite if low is None else low, infinite if high is None else high))
    ranges.sort()
    lows, highs = {low for low, _ in ranges}, {high for _, high in ranges}
    return (
        (-infinite, infinite) not in ranges
        and all(low < high for low, high in ranges)
        and all(left[1] == right[0] for left, right in itertools.pairwise(ranges))
        and (-infinite in lows or all(low >= 0 for low in lows))
        and (infinite in highs or all(high <= 0 for high in highs))
    )


def _healthy_span(values: Mapping[str, Any]) -> bool:
    policy = values.get("instanceMaintenancePolicy") or {}
    low = _number(policy.get("minHealthyPercentage"))
    high = _number(policy.get("maxHealthyPercentage"))
    return low is None or high is None or (low == high == -1) or 0 <= high - low <= 100


def _timeout_below_interval(values: Mapping[str, Any]) -> bool:
    return _at_most("timeout", "interval")(values.get("healthCheck") or {})


RELATIONS: Mapping[str, tuple[Relation, ...]] = {
    DATABASE: (
        Relation(
            "maintenanceWindow",
            "not meet backupWindow",
            _DATABASE,
            lambda values: (
                not windows_conflict(values.get("backupWindow"), values.get("maintenanceWindow"))
            ),
        ),
        Relation(
            "maxAllocatedStorage",
            "be at least 10 % above allocatedStorage",
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html",
            _grows,
        ),
        Relation(
            "monitoringInterval",
            "be other than 0 together with monitoringRoleArn",
            _DATABASE,
            _monitored,
        ),
        Relation(
            "password",
            "not be given together with manageMasterUserPassword",
            _DATABASE,
            _exclusive("password", "manageMasterUserPassword"),
        ),
        Relation(
            "finalSnapshotIdentifier",
            "be given unless skipFinalSnapshot is true",
            "rds DeleteDBInstance",
            _kept_or_skipped,
        ),
    ),
    WEB_ACL: (
        Relation(
            "defaultAction",
            "be one action",
            "wafv2 DefaultAction",
            lambda values: (
                sum(
                    (values.get("defaultAction") or {}).get(each) is not None
                    for each in ("allow", "block")
                )
                == 1
            ),
        ),
    ),
    GROUP: (
        Relation("minSize", "be at most maxSize", _GROUP, _at_most("minSize", "maxSize")),
        Relation(
            "desiredCapacity", "be at most maxSize", _GROUP, _at_most("desiredCapacity", "maxSize")
        ),
        Relation(
            "desiredCapacity", "be at least minSize", _GROUP, _at_most("minSize", "desiredCapacity")
        ),
        Relation(
            "instanceMaintenancePolicy",
            "have a maximum of 100 to 200 %, at most 100 above the minimum",
            "autoscaling InstanceMaintenancePolicy",
            _healthy_span,
        ),
        Relation(
            "launchTemplate",
            "not be given together with mixedInstancesPolicy",
            _GROUP,
            _exclusive("launchTemplate", "mixedInstancesPolicy"),
        ),
    ),
    POLICY: (
        Relation(
            "stepAdjustments",
            "be ranges that neither overlap nor leave a gap, open at the end away from 0",
            "autoscaling StepAdjustment",
            _steps_join,
        ),
    ),
    ALARM: (
        Relation(
            "datapointsToAlarm",
            "be at most evaluationPeriods",
            f"{_ALARM} (M out of N)",
            _at_most("datapointsToAlarm", "evaluationPeriods"),
        ),
        Relation(
            "evaluationPeriods",
            "span at most a day with period, or 7 days where the period is an hour or more",
            _ALARM,
            _within_window,
        ),
        Relation(
            "metricQueries",
            "read at most 10 metrics",
            "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"
            "Create-alarm-on-metric-math-expression.html",
            _few_metrics,
        ),
        Relation(
            "metricQueries",
            "return one result, or a metric and the band that thresholdMetricId names",
            _ALARM,
            _one_result,
        ),
        Relation(
            "statistic",
            "not be given together with extendedStatistic",
            _ALARM,
            _exclusive("statistic", "extendedStatistic"),
        ),
        Relation(
            "metricQueries",
            "not be given together with metricName, namespace, dimensions, period or a statistic",
            _ALARM,
            _exclusive(
                "metricQueries",
                "metricName",
                "namespace",
                "dimensions",
                "period",
                "statistic",
                "extendedStatistic",
            ),
        ),
    ),
    TARGET_GROUP: (
        Relation(
            "healthCheck.timeout",
            "be at most healthCheck.interval",
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
            "target-group-health-checks.html",
            _timeout_below_interval,
        ),
    ),
}
"""Rules over several properties, by the engine's type token."""


def breach(token: str, path: str, value: object) -> str | None:
    """Return the rule that a value breaks (`be ...`), or None if it keeps to AWS's text.

    The path leaves list indexes out: `metricQueries.metric.period`. A list of plain values is
    checked element by element.
    """
    limit = LIMITS.get((token, path))
    if limit is None:
        return None
    values = value if isinstance(value, list | tuple) else [value]
    return None if all(limit.allows(each) for each in values) else limit.rule


def broken_relations(token: str, inputs: Mapping[str, Any]) -> Iterator[Relation]:
    """Yield the rules over several properties that a resource's inputs break."""
    return (each for each in RELATIONS.get(token, ()) if not each.allows(inputs))
