"""Runs rules as the SDK runs them: its servicer, its proxies, the engine's marks for unknowns."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf import struct_pb2
from pulumi.runtime import proto
from pulumi_policy import proxy

from surgeproof.findings.model import JUDGED, RESOURCE_NOTES, STACK_NOTES, SURGES
from surgeproof.policies import pack
from surgeproof.policies._checker import MEND
from surgeproof.policies._rules import StackRule
from surgeproof.policies.analyzer import Analyzer, own_stack

UNKNOWN = proxy.UNKNOWN_STRING_VALUE
REMOVED = object()

RULES = {rule.name: rule for rules in pack.AREAS.values() for rule in rules}
AREA_OF = {rule.name: area for area, rules in pack.AREAS.items() for rule in rules}
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
GROUP = "aws:autoscaling/group:Group"
POLICY = "aws:autoscaling/policy:Policy"
ATTACHMENT = "aws:autoscaling/attachment:Attachment"
TRAFFIC_SOURCE = "aws:autoscaling/trafficSourceAttachment:TrafficSourceAttachment"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
SUBNET = "aws:ec2/subnet:Subnet"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
SECURITY_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
TOPIC = "aws:sns/topic:Topic"
KEY = "aws:kms/key:Key"
TARGETS = "aws:lb/targetGroup:TargetGroup"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
WEB_ACL_RULE = "aws:wafv2/webAclRule:WebAclRule"
WEB_ACL_GROUP = "aws:wafv2/webAclRuleGroupAssociation:WebAclRuleGroupAssociation"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
ACL_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
PROXY_TARGET = "aws:rds/proxyTarget:ProxyTarget"
BUCKET = "aws:s3/bucket:Bucket"
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"
KEY_ALIAS = "aws:kms/alias:Alias"
KEY_GRANT = "aws:kms/grant:Grant"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
EVENT_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
GROUP_NOTIFICATION = "aws:autoscaling/notification:Notification"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
DATABASE = "aws:rds/instance:Instance"
CLUSTER = "aws:rds/cluster:Cluster"
CLUSTER_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
CLUSTER_PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"


class Verdict(NamedTuple):
    """What one rule says: refusals, notes and advice, each as (resource, text)."""

    refusals: list[tuple[str, str]]
    notes: list[tuple[str, str]]
    advice: Sequence[tuple[str, str]] = ()

    @property
    def messages(self) -> list[str]:
        return [text for _, text in self.refusals]


PASSED = Verdict([], [])


def refused(message: str, resource: str = "web") -> Verdict:
    return Verdict([(resource, message)], [])


def advised(message: str, resource: str = "web") -> Verdict:
    return Verdict([], [], [(resource, message)])


def failed(reason: str, resource: str = "web") -> Verdict:
    """Return what a rule says that could not judge."""
    return refused(f"the rule failed and has judged nothing: {reason}.", resource)


def waits(path: str, resource: str = "web") -> Verdict:
    return undecided(f"`{path}` is known only during `up`, which decides.", resource)


def unknown(type_: str, name: str, properties: Mapping[str, Any], *paths: str) -> "Thing":
    """Return a resource some of whose properties are made of what is not in the stack."""
    return Thing(
        type_,
        name,
        {**properties, **dict.fromkeys(paths, UNKNOWN)},
        {path: ["else"] for path in paths},
    )


def undecided(reason: str, resource: str = "web") -> Verdict:
    return Verdict([], [(resource, reason)])


class Thing(NamedTuple):
    """A resource of a stack: `needs` names, per property, the resources that it is made of."""

    type: str
    name: str
    properties: Mapping[str, Any]
    needs: Mapping[str, Iterable[str]] = {}


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:test::shop::{type_}::{name}"


def check(
    rule: str,
    type_: str,
    properties: Mapping[str, Any],
    *,
    ignore_changes: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Verdict:
    """Run one rule on a resource named `web`, which is alone in its stack."""
    if isinstance(RULES[rule], StackRule):
        needs = {key: ["else"] for key, value in properties.items() if _has_unknown(value)}
        return check_stack(rule, [Thing(type_, "web", properties, needs)], settings=settings)
    request = proto.AnalyzeRequest(
        type=type_,
        urn=urn(type_, "web"),
        name="web",
        properties=_struct(properties),
        options=proto.AnalyzerResourceOptions(ignoreChanges=ignore_changes),
    )
    return _verdict(_servicer(rule, settings).Analyze(request, None), rule, "web")


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_unknown, value.values()))
    return any(map(_has_unknown, value)) if isinstance(value, list) else bool(value == UNKNOWN)


def check_stack(
    rule: str, things: Iterable[Thing], *, settings: Mapping[str, Any] | None = None
) -> Verdict:
    """Run one stack rule on these resources."""
    things = list(things)
    urns = {thing.name: urn(thing.type, thing.name) for thing in things}
    request = proto.AnalyzeStackRequest(
        resources=[
            proto.AnalyzerResource(
                type=thing.type,
                urn=urns[thing.name],
                name=thing.name,
                properties=_struct(thing.properties),
                propertyDependencies={
                    key: proto.AnalyzerPropertyDependencies(
                        urns=[urns.get(at, urn("outside", at)) for at in names]
                    )
                    for key, names in thing.needs.items()
                },
            )
            for thing in things
        ]
    )
    return _verdict(_servicer(rule, settings).AnalyzeStack(request, None), rule, "")


def changed(properties: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with the value at a path such as `a.b[0].c` replaced, or REMOVED."""
    result = copy.deepcopy(dict(properties))
    keys = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
    at: Any = result
    for key in keys[:-1]:
        at = at[key]
    if value is REMOVED:
        del at[keys[-1]]
    else:
        at[keys[-1]] = value
    return result


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return struct


def _servicer(rule: str, settings: Mapping[str, Any] | None = None) -> Analyzer:
    """Return a pack of the one rule, which is switched on even where it is opt-in."""
    servicer = Analyzer("surgeproof", "0.1.0", {AREA_OF[rule]: (RULES[rule],)}, {})
    configured = proto.ConfigureAnalyzerRequest()
    configured.policyConfig[rule].enforcementLevel = proto.MANDATORY
    configured.policyConfig[rule].properties.update(dict(settings or {}))
    servicer.Configure(configured, None)
    own_stack()
    return servicer


def _verdict(response: proto.AnalyzeResponse, rule: str, name: str) -> Verdict:
    refusals, notes, advice = [], [], []
    for found in response.diagnostics:
        resource = found.urn.rpartition("::")[2] or name
        text = found.message.removeprefix(f"{found.description}\n")
        if found.policyName in (RESOURCE_NOTES, STACK_NOTES):
            assert found.enforcementLevel == proto.ADVISORY
            prefix = f"{rule} ({RULES[rule].severity.value}): not decided: "
            assert text.startswith(prefix)
            notes.append((resource, text.removeprefix(prefix)))
        elif found.policyName not in (JUDGED, SURGES):
            assert found.policyName == rule
            has_failed = text.startswith("the rule failed and has judged nothing: ")
            fix = f"\nTo fix: {MEND.format(rule=rule) if has_failed else RULES[rule].fix}"
            assert text.endswith(fix)
            lesser = found.enforcementLevel == proto.ADVISORY
            (advice if lesser else refusals).append((resource, text.removesuffix(fix)))
    return Verdict(refusals, notes, advice or ())
