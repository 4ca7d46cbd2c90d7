"""Rules on target groups and on the way there: checks, draining, stickiness, zones, DNS."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_false, is_true, number, read, show

_ALB: Final = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application"


def _check_health_check(group: Resource, report: Report) -> None:
    kind, enabled = group.read("targetType"), group.read("healthCheck.enabled")
    if kind == "lambda":
        return
    if is_false(enabled):
        report.refuse(group, "healthCheck.enabled", "not be false", show(enabled))
        return
    protocol = group.read("healthCheck.protocol")
    protocol = group.read("protocol") if protocol is ABSENT else protocol
    path = group.read("healthCheck.path")
    if path is UNKNOWN or protocol not in (ABSENT, UNKNOWN, "HTTP", "HTTPS"):
        return
    if path in (ABSENT, ""):
        for at, value in (("targetType", kind), ("protocol", protocol)):
            if value is UNKNOWN:
                report.wait_for(group, at)
                return
        must = "name a page that says whether the target can serve"
        report.refuse(group, "healthCheck.path", must, "nothing, which means `/`")


_INTERVAL_SECONDS: Final = 30
_UNHEALTHY: Final = 3
"""What pulumi-aws sends where a health check states none (aws.lb.TargetGroup)."""


def _check_check_speed(group: Resource, report: Report) -> None:
    if group.read("targetType") == "lambda":
        return
    interval = group.read("healthCheck.interval")
    count = group.read("healthCheck.unhealthyThreshold")
    seconds = _INTERVAL_SECONDS if interval is ABSENT else number(interval)
    times = _UNHEALTHY if count is ABSENT else number(count)
    if seconds is None or times is None:
        return
    longest = group.settings["longestSeconds"]
    if seconds * times > longest:
        path = "healthCheck.unhealthyThreshold" if count is not ABSENT else "healthCheck.interval"
        must = f"find a broken target within {longest} s (longestSeconds)"
        got = f"{show(times)} checks at {show(seconds)} s, {show(seconds * times)} s"
        report.refuse(group, path, must, got)
    timeout = number(group.read("healthCheck.timeout"))
    if timeout is not None and timeout <= 2 and times <= 2:
        must = "be above 2 where 2 failures take a target out: under load, answers are slow"
        report.advise(group, "healthCheck.timeout", must, show(timeout))


_CODES: Final = re.compile(r"(\d{3})(?:-(\d{3}))?")


def _check_matcher(group: Resource, report: Report) -> None:
    path = "healthCheck.matcher"
    value = group.read(path)
    protocol = group.read("protocolVersion")
    if not isinstance(value, str) or protocol == "GRPC":
        return
    for part in value.split(","):
        match = _CODES.fullmatch(part.strip())
        if match and int(match[2] or match[1]) >= 400:
            must = "name codes below 400, as a target that answers with errors is no healthy one"
            report.refuse(group, path, must, show(value))
            return


_DAY_SECONDS: Final = 86_400


def _check_sticky(group: Resource, report: Report) -> None:
    if not is_true(group.read("stickiness.enabled")):
        return
    kind, value = group.read("stickiness.type"), group.read("stickiness.cookieDuration")
    if kind not in ("lb_cookie", "app_cookie"):
        return
    seconds = _DAY_SECONDS if value is ABSENT else number(value)
    longest = group.settings["longestSeconds"]
    if seconds is None or seconds <= longest:
        return
    got = f"nothing, which means {_DAY_SECONDS}" if value is ABSENT else show(value)
    say = report.refuse if seconds >= _DAY_SECONDS else report.advise
    say(group, "stickiness.cookieDuration", f"be at most {longest} (longestSeconds)", got)


def _check_slow_start(group: Resource, report: Report) -> None:
    seconds, longest = number(group.read("slowStart")), group.settings["longestSeconds"]
    if seconds is not None and seconds > longest:
        must = f"be at most {longest} (longestSeconds)"
        report.refuse(group, "slowStart", must, show(group.read("slowStart")))


def _check_cross_zone(stack: Stack, report: Report) -> None:
    for balancer in stack.of(types.LOAD_BALANCER):
        path = "enableCrossZoneLoadBalancing"
        if balancer.read("loadBalancerType") == "network" and is_false(balancer.read(path)):
            must = "be true, or each zone carries its share with the targets that it has"
            report.advise(balancer, path, must, "false")
    for group in stack.of(types.TARGET_GROUP):
        path = "loadBalancingCrossZoneEnabled"
        if is_false(group.read(path)):
            must = "be true, or each zone carries its share with the targets that it has"
            report.advise(group, path, must, "false")


def _check_fails_over(record: Resource, report: Report) -> None:
    for _, policy in record.each("failoverRoutingPolicies[*]"):
        if policy is UNKNOWN or read(policy, "type") != "PRIMARY":
            continue
        if record.read("healthCheckId") not in (ABSENT, ""):
            return
        aliases = [alias for _, alias in record.each("aliases[*]")]
        asks = [read(at, "evaluateTargetHealth") for at in aliases if isinstance(at, Mapping)]
        if UNKNOWN in asks or UNKNOWN in aliases:
            report.wait_for(record, "aliases")
        elif not any(map(is_true, asks)):
            must = "name a health check, or the alias evaluate its target's health"
            report.refuse(record, "healthCheckId", must, "neither")


def _forwards(actions: Any) -> list[str]:
    """Return the ARNs of the target groups that actions forward to."""
    found = []
    for action in actions if isinstance(actions, list) else []:
        if isinstance(action, Mapping):
            found.append(read(action, "targetGroupArn"))
            forward = action.get("forward")
            groups = forward.get("targetGroups") if isinstance(forward, Mapping) else ()
            found += [read(at, "arn") for at in groups or () if isinstance(at, Mapping)]
    return [arn for arn in found if isinstance(arn, str)]


def _check_has_targets(stack: Stack, report: Report) -> None:
    """Advise where a listener forwards to a group of instances that nothing is registered with."""
    users = types.GROUP | types.GROUP_ATTACHMENT | types.TRAFFIC_SOURCE_ATTACHMENT
    users |= types.ECS_SERVICE | types.TARGET_ATTACHMENT
    texts = {text for user in stack.of(users) for text in _texts(user.properties)}
    if not stack.of(users):
        return  # nothing of this stack registers: something else does
    links = [found for user in stack.of(users) for found in (user.sources or {}).values()]
    made = {at.urn for found in links for at in found}
    known = any(each.type.startswith("kubernetes:") for each in stack.resources)
    for listener in stack.of(types.LISTENER | types.LISTENER_RULE):
        path = "defaultActions" if listener.type in types.LISTENER else "actions"
        arns = _forwards(listener.read(path))
        groups = {at.urn: at for arn in arns for at in stack.called(types.TARGET_GROUP, "arn", arn)}
        groups |= {at.urn: at for at in listener.made_of(path) if at.type in types.TARGET_GROUP}
        for group in groups.values():
            if known or group.external or group.read("targetType") not in (ABSENT, "instance"):
                continue
            if group.read("arn") not in texts and group.urn not in made:
                must = f"forward to a group that has targets, unlike {group.label}"
                report.advise(listener, path, must, "one that nothing is registered with")


def _texts(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*map(_texts, value.values()))
    if isinstance(value, list):
        return set().union(*map(_texts, value))
    return {value} if isinstance(value, str) else set()


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="target-group-health-check",
        description="Target groups check by a page of the application whether a target can serve. "
        "The default, `/`, asks whatever the start page needs, or nothing at all.",
        severity=Severity.MEDIUM,
        sources=("CKV_AWS_261",),
        frameworks=("Well-Architected REL11-BP01",),
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
        types=types.TARGET_GROUP,
        check=_check_health_check,
        fix="Set `fleet.application.healthPath`, or "
        'health_check={"path": "/health", ...} on the aws.lb.TargetGroup.',
    ),
    ResourceRule(
        name="target-group-check-is-quick",
        description="A broken target is found within a minute or two: until then it gets its share "
        "of the requests, and fails them.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL11-BP01",),
        url=f"{_ALB}/target-group-health-checks.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest time until a broken target is found (seconds, 10 to 3600).",
                default=180,
                low=10,
                high=3600,
            ),
        ),
        types=types.TARGET_GROUP,
        check=_check_check_speed,
        fix='Set health_check={"interval": 10, "unhealthy_threshold": 3, "timeout": 5, ...} on the '
        "aws.lb.TargetGroup.",
    ),
    ResourceRule(
        name="target-group-check-means-healthy",
        description="A health check takes answers for healthy that are: with 4xx or 5xx among "
        "them, a target that fails every request stays in service.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL11-BP01",),
        url=f"{_ALB}/target-group-health-checks.html",
        types=types.TARGET_GROUP,
        check=_check_matcher,
        fix='Set "matcher": "200" in health_check, and let the page answer 200 where the target '
        "can serve.",
    ),
    ResourceRule(
        name="target-group-spreads-sessions",
        description="Sticky sessions last an hour or less: with cookies of a day, users stay on "
        "the full, old instances, and those that a surge adds stay idle.",
        severity=Severity.HIGH,
        url=f"{_ALB}/edit-target-group-attributes.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest life of a cookie (seconds, 1 to 604800).",
                default=3600,
                low=1,
                high=604_800,
            ),
        ),
        types=types.TARGET_GROUP,
        check=_check_sticky,
        fix="Keep sessions in a store that all instances share and leave stickiness out, or lower "
        "cookie_duration.",
    ),
    ResourceRule(
        name="target-group-slow-start-is-short",
        description="A new target carries its share within minutes: until slow start ends, the "
        "others carry it.",
        severity=Severity.MEDIUM,
        url=f"{_ALB}/edit-target-group-attributes.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest slow start (seconds, 30 to 900).",
                default=300,
                low=30,
                high=900,
            ),
        ),
        types=types.TARGET_GROUP,
        check=_check_slow_start,
        fix="Lower slow_start on the aws.lb.TargetGroup to what warms the application.",
    ),
    StackRule(
        name="lb-balances-across-zones",
        description="Targets of every zone share the load: without cross-zone load balancing, the "
        "zone that has lost instances is overloaded first.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        control="ELB.9",
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html",
        types=types.LOAD_BALANCER | types.TARGET_GROUP,
        check=_check_cross_zone,
        fix="Set enable_cross_zone_load_balancing=True on the aws.lb.LoadBalancer. Traffic between "
        "zones costs money.",
    ),
    ResourceRule(
        name="dns-failover-checks-health",
        description="A record that fails over knows whether its target is healthy: without a "
        "health check it never does.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL11-BP02",),
        url="https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover.html",
        types=types.RECORD,
        check=_check_fails_over,
        fix='Set "evaluate_target_health": True in aliases, or health_check_id, on the '
        "aws.route53.Record.",
    ),
    StackRule(
        name="lb-listener-has-targets",
        description="A listener forwards to a target group that something is registered with: else "
        "every request to it gets 503. What is registered from elsewhere is not seen here.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        url=f"{_ALB}/load-balancer-troubleshooting.html",
        types=types.LISTENER
        | types.LISTENER_RULE
        | types.TARGET_GROUP
        | types.GROUP
        | types.GROUP_ATTACHMENT
        | types.TRAFFIC_SOURCE_ATTACHMENT
        | types.ECS_SERVICE
        | types.TARGET_ATTACHMENT,
        check=_check_has_targets,
        fix="Name the target group in target_group_arns of the aws.autoscaling.Group, or remove "
        "the action.",
    ),
)
