"""A stack without fault, and each fault that a rule finds in it.

To cover a new rule, add the resource that it is about to PARTS, if there is none, and a row to
FAULTS. The stack of PARTS breaks no rule. The stack of faults holds PARTS, too, and for each row a
copy of the parts that it names, changed as it says; what they refer to is the copy, where there is
one, else the part.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.policies.analysis import (
    ALARM,
    GROUP,
    INGRESS,
    KEY,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    POLICY,
    REMOVED,
    SECURITY_GROUP,
    TEMPLATE,
    TOPIC,
    changed,
)
from tests.policies.engine_stack import Thing

CONFIG = {"service.bootSeconds": "100"}


class Of(NamedTuple):
    """An output of another part."""

    part: str
    key: str


class Part(NamedTuple):
    type: str
    properties: Mapping[str, Any]


class Fault(NamedTuple):
    """What breaks a rule, by part and property. `at` is the part on which it is reported."""

    rule: str
    changes: Mapping[str, Mapping[str, Any]]
    at: str = ""

    @property
    def part(self) -> str:
        return self.at or next(iter(self.changes))


NAMED = "shop-test-{name}"
"""A name that starts as it must, with the resource's own in it."""

FORWARD = [{"type": "forward"}]
REDIRECT = [{"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}]
TRACKING = "targetTrackingConfiguration.predefinedMetricSpecification.predefinedMetricType"

PARTS = {
    "key": Part(KEY, {}),
    "topic": Part(TOPIC, {"kmsMasterKeyId": Of("key", "arn")}),
    "open": Part(SECURITY_GROUP, {"description": "The load balancer."}),
    "balancer": Part(
        LOAD_BALANCER,
        {
            "subnets": ["subnet-1", "subnet-2"],
            "securityGroups": [Of("open", "id")],
            "accessLogs": {"bucket": "logs", "enabled": True},
            "dropInvalidHeaderFields": True,
            "enableDeletionProtection": True,
        },
    ),
    "https": Part(
        LISTENER,
        {
            "loadBalancerArn": Of("balancer", "arn"),
            "port": 443,
            "protocol": "HTTPS",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
            "defaultActions": FORWARD,
        },
    ),
    "http": Part(
        LISTENER,
        {
            "loadBalancerArn": Of("balancer", "arn"),
            "port": 80,
            "protocol": "HTTP",
            "defaultActions": REDIRECT,
        },
    ),
    "path": Part(LISTENER_RULE, {"listenerArn": Of("https", "arn"), "actions": FORWARD}),
    "ingress": Part(
        INGRESS,
        {
            "securityGroupId": Of("open", "id"),
            "cidrIpv4": "0.0.0.0/0",
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
        },
    ),
    "template": Part(
        TEMPLATE,
        {
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}],
            "networkInterfaces": [{"associatePublicIpAddress": "false"}],
            "monitoring": {"enabled": True},
        },
    ),
    "group": Part(
        GROUP,
        {
            "name": NAMED,
            "availabilityZones": ["eu-west-1a", "eu-west-1b"],
            "targetGroupArns": ["arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"],
            "healthCheckType": "ELB",
            "defaultInstanceWarmup": 120,
            "launchTemplate": {
                "id": Of("template", "id"),
                "version": Of("template", "latestVersion"),
            },
            "instanceRefresh": {"strategy": "Rolling"},
            "enabledMetrics": ["GroupInServiceInstances"],
        },
    ),
    "tracking": Part(
        POLICY,
        {
            "policyType": "TargetTrackingScaling",
            "autoscalingGroupName": Of("group", "id"),
            "targetTrackingConfiguration": {
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "ALBRequestCountPerTarget",
                    "resourceLabel": "app/web/1/targetgroup/web/1",
                },
                "targetValue": 100,
            },
        },
    ),
    "steps": Part(
        POLICY,
        {
            "policyType": "StepScaling",
            "autoscalingGroupName": Of("group", "id"),
            "adjustmentType": "PercentChangeInCapacity",
            "stepAdjustments": [{"scalingAdjustment": 50, "metricIntervalLowerBound": "0"}],
        },
    ),
    "slow": Part(
        ALARM,
        {
            "name": NAMED,
            "namespace": "AWS/ApplicationELB",
            "metricName": "TargetResponseTime",
            "alarmActions": [Of("topic", "arn")],
        },
    ),
    "capacity": Part(
        ALARM,
        {
            "name": NAMED,
            "namespace": "AWS/AutoScaling",
            "metricName": "GroupInServiceInstances",
            "dimensions": {"AutoScalingGroupName": Of("group", "id")},
            "period": 60,
            "alarmActions": [Of("topic", "arn")],
        },
    ),
    "cpu": Part(
        ALARM,
        {
            "name": NAMED,
            "namespace": "AWS/EC2",
            "metricName": "CPUUtilization",
            "dimensions": {"AutoScalingGroupName": Of("group", "id")},
            "period": 60,
            "alarmActions": [Of("topic", "arn")],
        },
    ),
}

FAULTS = (
    Fault("lb-listener-serves-https", {"http": {"defaultActions": FORWARD}}),
    Fault("lb-listener-rule-serves-https", {"path": {"listenerArn": Of("http", "arn")}}),
    Fault(
        "lb-listener-redirects-to-https", {"http": {"defaultActions[0].redirect.protocol": REMOVED}}
    ),
    Fault("lb-listener-tls-policy", {"https": {"sslPolicy": "ELBSecurityPolicy-2016-08"}}),
    Fault("lb-access-logs", {"balancer": {"accessLogs.enabled": False}}),
    Fault("lb-deletion-protection", {"balancer": {"enableDeletionProtection": False}}),
    Fault("lb-drops-invalid-headers", {"balancer": {"dropInvalidHeaderFields": REMOVED}}),
    Fault("lb-spans-zones", {"balancer": {"subnets": ["subnet-1"]}}),
    Fault("security-group-no-open-ingress", {"ingress": {"fromPort": 22, "toPort": 22}}),
    Fault("launch-template-requires-imdsv2", {"template": {"metadataOptions.httpTokens": REMOVED}}),
    Fault(
        "launch-template-imds-hop-limit",
        {"template": {"metadataOptions.httpPutResponseHopLimit": 2}},
    ),
    Fault(
        "launch-template-encrypts-volumes",
        {"template": {"blockDeviceMappings[0].ebs.encrypted": REMOVED}},
    ),
    Fault(
        "launch-template-no-public-ip",
        {"template": {"networkInterfaces[0].associatePublicIpAddress": "true"}},
    ),
    Fault("asg-uses-load-balancer-health", {"group": {"healthCheckType": "EC2"}}),
    Fault("asg-spans-zones", {"group": {"availabilityZones": ["eu-west-1a"]}}),
    Fault("asg-uses-launch-template", {"group": {"launchConfiguration": "old"}}),
    Fault("asg-warmup-covers-boot", {"group": {"defaultInstanceWarmup": 60}}),
    Fault("asg-desired-capacity-unset", {"group": {"desiredCapacity": 4}}),
    Fault("asg-refresh-pins-template", {"group": {"launchTemplate.version": "$Latest"}}),
    Fault("asg-policies-agree", {"steps": {"stepAdjustments[0].scalingAdjustment": -50}}),
    Fault("asg-metrics-for-alarms", {"group": {"enabledMetrics": REMOVED}, "capacity": {}}),
    Fault(
        "asg-detailed-monitoring",
        {"template": {"monitoring.enabled": False}, "group": {}, "cpu": {}},
    ),
    Fault("alarm-has-actions", {"slow": {"alarmActions": REMOVED}}),
    Fault("alarm-name-starts-with-stack", {"slow": {"name": "slow"}}),
    Fault("sns-topic-customer-key", {"topic": {"kmsMasterKeyId": REMOVED}}),
)


def safe() -> None:
    """Make the stack that breaks no rule."""
    _make(PARTS, {})


def faulty() -> None:
    """Make the stack of faults."""
    parts = _make(PARTS, {})
    for number, fault in enumerate(FAULTS):
        copies = {name: _changed(PARTS[name], fault.changes[name]) for name in fault.changes}
        _make(copies, parts, suffix=f"-{number}")


def expected() -> Iterator[tuple[str, str]]:
    """Yield rule and resource of every fault."""
    for number, fault in enumerate(FAULTS):
        yield fault.rule, f"{fault.part}-{number}"


def _changed(part: Part, changes: Mapping[str, Any]) -> Part:
    properties = part.properties
    for path, value in changes.items():
        properties = changed(properties, path, value)
    return Part(part.type, properties)


def _make(
    parts: Mapping[str, Part], others: Mapping[str, Thing], suffix: str = ""
) -> dict[str, Thing]:
    made: dict[str, Thing] = {}
    for name, part in parts.items():
        properties = _resolved(part.properties, {**others, **made}, f"{name}{suffix}")
        made[name] = Thing(part.type, f"{name}{suffix}", **properties)
    return made


def _resolved(value: Any, made: Mapping[str, Thing], name: str) -> Any:
    if isinstance(value, Of):
        thing = made[value.part]
        return thing.id if value.key == "id" else thing.output(value.key)
    if isinstance(value, Mapping):
        return {key: _resolved(item, made, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, made, name) for item in value]
    return value.replace("{name}", name) if isinstance(value, str) else value
