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
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones


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
    except ValueError:
        return None


def _whole(low: int, high: int | None = None, *, also: frozenset[int] = frozenset()) -> Any:
    """Return a test for a whole number from `low` to `high`, or one of `also`."""

    def allows(value: object) -> bool:
        number = _number(value)
        if number is None or number != int(number):
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
        return isinstance(value, str) and isinstance(json.loads(value), dict)
    except ValueError:
        return False


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
_GROUP = "autoscaling CreateAutoScalingGroup"
_POLICY = "autoscaling PutScalingPolicy"
_HOOK = "autoscaling PutLifecycleHook"
_LB_ATTRIBUTE = "elasticloadbalancing LoadBalancerAttribute"
_TG_ATTRIBUTE = "elasticloadbalancing TargetGroupAttribute"
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
GROUP = "aws:autoscaling/group:Group"
HOOK = "aws:autoscaling/lifecycleHook:LifecycleHook"
POLICY = "aws:autoscaling/policy:Policy"
SCHEDULE = "aws:autoscaling/schedule:Schedule"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

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
    ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays"): Limit(
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
    ("aws:acm/certificate:Certificate", "domainName"): _matches(
        "be a domain name of at most 64 characters (longer ones go to the alternative names)",
        "acm RequestCertificate",
        r"(?=.{1,64}$)(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]+",
    ),
}  # fmt: skip
"""Rules by the engine's type token and the property's path, list indexes left out."""


def _at_most(low: str, high: str) -> Callable[[Mapping[str, Any]], bool]:
    def allows(values: Mapping[str, Any]) -> bool:
        first, second = _number(values.get(low)), _number(values.get(high))
        return first is None or second is None or first <= second

    return allows


def _within_window(values: Mapping[str, Any]) -> bool:
    period = _number(values.get("period"))
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
