"""Rules on load balancers and their listeners."""

import re
from functools import partial
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _stated
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Mend,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
    When,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_true, number, show

# AWS names a policy after the lowest version that it accepts. Recommended are those that take TLS
# 1.3 alone, or 1.2 with restricted ciphers (Res), FIPS and post-quantum (PQ) variants included.
# Source: parameter sslPolicies of Security Hub ELB.17, whose earlier editions took any ciphers.
_RECOMMENDED_TLS: Final = re.compile(
    r"ELBSecurityPolicy-TLS13-1-(3|2-Res)(-FIPS)?(-PQ)?-\d{4}-\d{2}"
)
_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
_LOWEST_TLS: Final = re.compile(r"ELBSecurityPolicy-(?:TLS13-|TLS-|FS-)?(?:1-(?P<minor>\d)-)?.*")
_OLD_TLS: Final = ("0", "1")
"""Versions 1.0 and 1.1, which RFC 8996 forbids."""

_APPLICATION: Final = When("loadBalancerType", lambda kind: kind in (ABSENT, "application"))


def _check_tls_policy(listener: Resource, report: Report) -> None:
    """Refuse what allows TLS 1.0 or 1.1, advise against what allows more than AWS recommends.

    Which versions a policy allows is in its name: User Guide for Application Load Balancers,
    "Security policies", https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    """
    protocol, path = listener.read("protocol"), "sslPolicy"
    if protocol not in ("HTTPS", "TLS", UNKNOWN):
        return
    name = listener.read(path)
    if isinstance(name, str) and _RECOMMENDED_TLS.fullmatch(name):
        return
    if UNKNOWN in (name, protocol):
        report.wait_for(listener, path if name is UNKNOWN else "protocol")
        return
    must = f"be a policy that AWS recommends, such as `{_TLS_POLICY}`"
    match = _LOWEST_TLS.fullmatch(name) if isinstance(name, str) else None
    if name is ABSENT:
        got = "nothing, which means `ELBSecurityPolicy-2016-08` and allows TLS 1.0"
        report.refuse(listener, path, must, got)
    elif match is None:
        report.refuse(listener, path, must, show(name))
    elif (minor := match["minor"] or "0") in _OLD_TLS:
        report.refuse(listener, path, must, f"{show(name)}, which allows TLS 1.{minor}")
    else:
        ciphers = "ciphers without forward secrecy or in CBC mode"
        report.advise(listener, path, must, f"{show(name)}, which allows TLS 1.2 with {ciphers}")


def _redirects_only(actions: list[tuple[str, Any]]) -> bool | None:
    """Whether every action is a redirect; None while an unknown one may decide it."""
    kinds = [value for _, value in actions]
    if any(kind not in (UNKNOWN, "redirect") for kind in kinds):
        return False
    return None if not kinds or UNKNOWN in kinds else True


def _plain_http(listener: Resource) -> bool | None:
    """Whether a listener speaks plain HTTP; None while that is unknown.

    `HTTP` is the default of an Application Load Balancer's listener; a Gateway Load Balancer's has
    neither protocol nor port (pulumi-aws, aws.lb.Listener).
    """
    protocol = listener.read("protocol")
    if protocol is UNKNOWN:
        return None
    return protocol == "HTTP" or (protocol is ABSENT and listener.read("port") is not ABSENT)


def _check_serves_https(stack: Stack, report: Report) -> None:
    for listener in stack.of(types.LISTENER):
        balancer = stack.target(listener, "loadBalancerArn", types.LOAD_BALANCER, ("arn", "id"))
        internal = balancer is not None and is_true(balancer.read("internal"))
        _check_listener_serves_https(listener, report, internal=internal)


def _check_listener_serves_https(listener: Resource, report: Report, *, internal: bool) -> None:
    plain, redirects = (
        _plain_http(listener),
        _redirects_only(listener.each("defaultActions[*].type")),
    )
    if plain is False or redirects is True:
        return
    if plain is None:
        report.wait_for(listener, "protocol")
    elif redirects is None:
        report.wait_for(listener, "defaultActions")
    else:
        protocol = listener.read("protocol")
        say = report.advise if internal else report.refuse
        say(
            listener,
            "protocol",
            "be `HTTPS` unless every default action is a redirect",
            "nothing, which means HTTP" if protocol is ABSENT else show(protocol),
        )


def _check_rule_serves_https(stack: Stack, report: Report) -> None:
    for rule in stack.of(types.LISTENER_RULE):
        redirects = _redirects_only(rule.each("actions[*].type"))
        if redirects is True:
            continue
        listener = stack.target(rule, "listenerArn", types.LISTENER, ("arn", "id"))
        if listener is None:
            if rule.read("listenerArn") is UNKNOWN:
                report.wait_for(rule, "listenerArn")
            else:
                report.undecided(rule, "`listenerArn` names a listener outside this stack.")
            continue
        plain = _plain_http(listener)
        if plain is None:
            report.wait_for(listener, "protocol")
        elif plain and redirects is None:
            report.wait_for(rule, "actions")
        elif plain:
            at, kind = next(
                (at, value) for at, value in rule.each("actions[*].type") if value != "redirect"
            )
            report.refuse(
                rule, at, f"be `redirect`, as {listener.label} speaks plain HTTP", show(kind)
            )


def _check_redirects_to_https(listener: Resource, report: Report) -> None:
    plain = _plain_http(listener)
    if plain is False:
        return
    protocols = dict(listener.each("defaultActions[*].redirect.protocol"))
    for at, kind in listener.each("defaultActions[*].type"):
        path = f"{at.removesuffix('.type')}.redirect.protocol"
        if kind != "redirect" or protocols[path] == "HTTPS":
            continue
        protocol = protocols[path]
        if protocol is UNKNOWN or plain is None:
            report.wait_for(listener, path if protocol is UNKNOWN else "protocol")
        else:
            got = (
                "nothing, which keeps the request's HTTP" if protocol is ABSENT else show(protocol)
            )
            report.refuse(listener, path, "be `HTTPS`", got)


def _check_access_logs(stack: Stack, report: Report) -> None:
    with_tls, loose = set(), []
    for listener in stack.of(types.LISTENER):
        balancer = stack.target(listener, "loadBalancerArn", types.LOAD_BALANCER, ("arn", "id"))
        if listener.read("protocol") in ("TLS", UNKNOWN):
            with_tls |= {balancer.urn} if balancer is not None else set()
            loose += [listener] if balancer is None else []
    for balancer in stack.of(types.LOAD_BALANCER):
        kind = balancer.read("loadBalancerType")
        # A Network Load Balancer logs what comes by its TLS listeners, and nothing else.
        if kind == "gateway" or (kind == "network" and balancer.urn not in with_tls and not loose):
            continue
        for path, must, holds in (
            ("accessLogs.enabled", "be true", is_true),
            ("accessLogs.bucket", "name a bucket", lambda name: name not in (ABSENT, "")),
        ):
            value = balancer.read(path)
            if holds(value):
                continue
            if UNKNOWN in (value, kind):
                report.wait_for(balancer, path if value is UNKNOWN else "loadBalancerType")
            else:
                report.refuse(balancer, path, must, show(value))
                break  # one cause, one line


def _check_spans_zones(balancer: Resource, report: Report) -> None:
    kind = balancer.read("loadBalancerType")
    if kind not in (ABSENT, UNKNOWN, "application", "network"):
        return
    counts = {
        path: value if value is UNKNOWN else len(value)
        for path in ("subnets", "subnetMappings")
        if (value := balancer.read(path)) is not ABSENT
    }
    if any(count is not UNKNOWN and count > 1 for count in counts.values()):
        return
    unknown = [path for path, count in counts.items() if count is UNKNOWN]
    if unknown or kind is UNKNOWN:
        for path in unknown or ["loadBalancerType"]:
            report.wait_for(balancer, path)
        return
    path, count = next(iter(counts.items()), ("subnets", 0))
    report.refuse(balancer, path, "name subnets in at least 2 Availability Zones", f"{count}")


_TARGETS_BY_HTTP: Final = When("targetType", lambda kind: kind in (ABSENT, "instance", "ip"))
_DEREGISTRATION_SECONDS: Final = 300
_IDLE_SECONDS: Final = 60
"""AWS's defaults (elbv2 ModifyTargetGroupAttributes, ModifyLoadBalancerAttributes)."""


def _check_intended(balancer: Resource, report: Report) -> None:
    if balancer.name in balancer.settings["intended"]:
        return
    internal, kind = balancer.read("internal"), balancer.read("loadBalancerType")
    if is_true(internal) or kind == "gateway":
        return
    if UNKNOWN in (internal, kind):
        report.wait_for(balancer, "internal" if internal is UNKNOWN else "loadBalancerType")
    else:
        report.refuse(balancer, "internal", "be true, or `intended` name it", show(internal))


def _check_at_least_longest(path: str, default: float, resource: Resource, report: Report) -> None:
    """Judge that a time-out lasts as long as the longest request."""
    if resource.read("targetType") == "lambda" or resource.read("loadBalancerType") in (
        "network",
        "gateway",
    ):
        return
    value, longest = resource.read(path), _stated.figure("longestRequestSeconds")
    seconds = default if value is ABSENT else number(value)
    if value is UNKNOWN:
        report.wait_for(resource, path)
    elif longest is None and seconds == 0:
        report.refuse(resource, path, "be above 0, the least of all requests", "0")
    elif longest is None:
        report.undecided(resource, _stated.not_stated("longestRequestSeconds"))
    elif seconds is not None and seconds < longest.high:
        stated = "service.longestRequestSeconds at its longest"
        got = f"nothing, which means {default:g}" if value is ABSENT else show(value)
        report.refuse(resource, path, f"be at least {show(longest.high)} ({stated})", got)


def _check_keep_alive(balancer: Resource, report: Report) -> None:
    if balancer.read("loadBalancerType") in ("network", "gateway"):
        return
    value, kept = balancer.read("idleTimeout"), _stated.figure("keepAliveSeconds")
    seconds = _IDLE_SECONDS if value is ABSENT else number(value)
    if value is UNKNOWN:
        report.wait_for(balancer, "idleTimeout")
    elif kept is None:
        report.undecided(
            balancer,
            "state service.keepAliveSeconds: how long the application keeps an idle connection.",
        )
    elif seconds is not None and seconds >= kept.low:
        must = f"be below {show(kept.low)} (service.keepAliveSeconds at its shortest)"
        got = f"nothing, which means {_IDLE_SECONDS}" if value is ABSENT else show(value)
        report.refuse(balancer, "idleTimeout", must, got)


_LCU_MINIMUM: Final = 100
"""Fewest units that AWS reserves (elbv2 ModifyCapacityReservation)."""
_CONNECTIONS_PER_LCU: Final = 25
"""New connections per second of one LCU (Elastic Load Balancing pricing)."""
_GROWTH: Final = 2.0
_WITHIN_SECONDS: Final = 300
"""How fast a load balancer grows by itself: twice in five minutes (Elastic Load Balancing best
practices for pre-warming)."""


def _check_reservation(balancer: Resource, report: Report) -> None:
    if balancer.read("loadBalancerType") in ("network", "gateway"):
        return
    path = "minimumLoadBalancerCapacity.capacityUnits"
    value = balancer.read(path)
    units = number(value) or 0
    if value is UNKNOWN:
        report.wait_for(balancer, path)
    elif 0 < units < _LCU_MINIMUM:
        report.refuse(balancer, path, f"be at least {_LCU_MINIMUM}", show(value))
    elif units == 0:
        _check_needs_no_reservation(balancer, path, report)


def _check_needs_no_reservation(balancer: Resource, path: str, report: Report) -> None:
    found = _stated.surges()
    for surge in found:
        share = min(1, _WITHIN_SECONDS / max(surge.rise_seconds, 1))
        steep = surge.normal == 0 or (surge.peak / surge.normal) ** share > _GROWTH
        if steep and surge.peak > _LCU_MINIMUM * _CONNECTIONS_PER_LCU:
            must = (
                f"be at least {_LCU_MINIMUM}, as surges.{surge.name} goes from "
                f"{show(surge.normal)} to {show(surge.peak)} requests/s in "
                f"{show(surge.rise_seconds)} s"
            )
            report.refuse(balancer, path, must, "nothing")
            return
    if not found:
        report.undecided(balancer, _stated.NO_SURGES)


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="lb-listener-serves-https",
        description="Listeners serve HTTPS, or only redirect: whoever is on the path reads and "
        "changes what travels over plain HTTP, session cookies included. Advice where the load "
        "balancer is internal.",
        severity=Severity.CRITICAL,
        control="ELB.18",
        sources=("CKV_AWS_2", "AWS-0054", "PCP aws-lb-listener-disallow-unencrypted-traffic"),
        frameworks=("Well-Architected SEC09-BP02",),
        types=types.LISTENER | types.LOAD_BALANCER,
        check=_check_serves_https,
        fix="Set `loadBalancer.certificateArn`, or `loadBalancer.domain` with "
        "`loadBalancer.hostedZoneId`, instead of `loadBalancer.plainHttp`. In a program:\n"
        'aws.lb.Listener("https", protocol="HTTPS", port=443, certificate_arn=certificate.arn, '
        '...)\nWhere plain HTTP is meant (a test network), set the rule to "advisory" in the file '
        "that `--policy-pack-config` names.",
    ),
    StackRule(
        name="lb-listener-rule-serves-https",
        description="Rules of a plain HTTP listener only redirect, like its default action: one "
        "rule that forwards serves its paths unencrypted behind a listener that looks safe.",
        severity=Severity.CRITICAL,
        control="ELB.1",
        sources=("CKV_AWS_2",),
        frameworks=("Well-Architected SEC09-BP02",),
        types=types.LISTENER_RULE | types.LISTENER,
        check=_check_rule_serves_https,
        fix="Attach the rule to the HTTPS listener:\n"
        'aws.lb.ListenerRule("api", listener_arn=https.arn, ...)',
    ),
    ResourceRule(
        name="lb-listener-redirects-to-https",
        description="A redirect on a plain HTTP listener goes to HTTPS: without a protocol "
        "it sends the browser to HTTP again.",
        severity=Severity.MEDIUM,
        control="ELB.1",
        sources=(
            "CKV2_AWS_20",
            "AG alb-http-to-https-redirection",
            "G alb_http_to_https_redirection_check",
        ),
        frameworks=("Well-Architected SEC09-BP02",),
        types=types.LISTENER,
        check=_check_redirects_to_https,
        fix="Name the protocol in the redirect:\n"
        'default_actions=[{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", '
        '"status_code": "HTTP_301"}}]',
    ),
    ResourceRule(
        name="lb-listener-tls-policy",
        description="TLS listeners use a policy that AWS recommends: TLS 1.3, and 1.2 with "
        "restricted ciphers only. Refused is what allows TLS 1.0 or 1.1, as the default of every "
        "tool but the console does, ELBSecurityPolicy-2016-08; the rest is advice.",
        severity=Severity.CRITICAL,
        control="ELB.17",
        sources=(
            "CKV_AWS_103",
            "CKV2_AWS_74",
            "AWS-0047",
            "PCP aws-lb-listener-configure-secure-tls",
        ),
        frameworks=("Well-Architected SEC09-BP02",),
        types=types.LISTENER,
        check=_check_tls_policy,
        fix=f'Set ssl_policy="{_TLS_POLICY}" on the aws.lb.Listener.',
    ),
    StackRule(
        name="lb-access-logs",
        description="Load balancers write access logs: during an incident they alone say which "
        "requests failed, how slowly, and from whom they came.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        control="ELB.5",
        sources=(
            "CKV_AWS_91",
            "AG elb-logging-enabled",
            "PCP aws-lb-loadbalancer-enable-access-logging",
        ),
        frameworks=("Well-Architected SEC04-BP01",),
        types=types.LOAD_BALANCER | types.LISTENER,
        check=_check_access_logs,
        fix='Set access_logs={"bucket": bucket.bucket, "enabled": True}. The bucket must use '
        "SSE-S3: "
        "load balancers cannot write to one that is encrypted with a KMS key.",
    ),
    PropertyRule(
        name="lb-deletion-protection",
        description="Load balancers are protected from deletion: a mistaken `down` or replacement "
        "takes the service's address with it. Advice only, since development stacks are meant to "
        "be taken down.",
        severity=Severity.MEDIUM,
        control="ELB.6",
        sources=("CKV_AWS_150",),
        enforcement=EnforcementLevel.ADVISORY,
        types=types.LOAD_BALANCER,
        needs=(Need("enableDeletionProtection", "be true", is_true),),
        fix="Set `loadBalancer.deletionProtection: true`, or enable_deletion_protection=True "
        "on the aws.lb.LoadBalancer.",
    ),
    PropertyRule(
        name="lb-drops-invalid-headers",
        description="Application Load Balancers drop header fields that HTTP does not allow: "
        "passed on, they serve to smuggle requests past the load balancer.",
        severity=Severity.HIGH,
        control="ELB.4",
        sources=("CKV_AWS_131", "AWS-0052"),
        frameworks=("Well-Architected SEC05-BP03",),
        types=types.LOAD_BALANCER,
        when=(_APPLICATION,),
        needs=(Need("dropInvalidHeaderFields", "be true", is_true),),
        mends=(Mend("dropInvalidHeaderFields", value=True),),
        fix="Set drop_invalid_header_fields=True on the aws.lb.LoadBalancer.",
    ),
    ResourceRule(
        name="lb-spans-zones",
        description="Load balancers stand in at least two Availability Zones, so that "
        "the loss of one does not take the service down. AWS takes one subnet per zone, so the "
        "number of subnets is the number of zones.",
        severity=Severity.MEDIUM,
        control="ELB.13",
        frameworks=("Well-Architected REL10-BP01",),
        types=types.LOAD_BALANCER,
        check=_check_spans_zones,
        fix="Set `network.zoneCount` to 2 or 3, or give subnets of two zones:\n"
        'aws.lb.LoadBalancer("web", subnets=[zone_a.id, zone_b.id], ...)',
    ),
    PropertyRule(
        name="lb-listener-certificate",
        description="TLS listeners show a certificate of AWS Certificate Manager, which renews it: "
        "one that was uploaded expires when everybody has forgotten it.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("CT.ELASTICLOADBALANCING.PR.2", "G elbv2_acm_certificate_required"),
        frameworks=("Well-Architected SEC09-BP01",),
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html",
        types=types.LISTENER,
        when=(When("protocol", lambda protocol: protocol in ("HTTPS", "TLS")),),
        needs=(
            Need(
                "certificateArn",
                "name a certificate of ACM",
                lambda arn: isinstance(arn, str) and ":acm:" in arn,
                given=True,
            ),
        ),
        fix="Set `loadBalancer.certificateArn`, or `loadBalancer.domain` with "
        "`loadBalancer.hostedZoneId`. In a program: certificate_arn=certificate.arn of an "
        "aws.acm.Certificate.",
    ),
    PropertyRule(
        name="lb-desync-mode",
        description="Application Load Balancers keep requests apart that HTTP leaves ambiguous: in "
        "the mode `monitor` they pass them on, and one user's request can end up in another's.",
        severity=Severity.MEDIUM,
        control="ELB.12",
        sources=("CKV_AWS_328",),
        frameworks=("Well-Architected SEC05-BP03",),
        types=types.LOAD_BALANCER,
        when=(_APPLICATION,),
        needs=(
            Need(
                "desyncMitigationMode",
                "be `defensive` or `strictest`",
                lambda mode: mode in (ABSENT, "defensive", "strictest"),
            ),
        ),
        fix="Leave desync_mitigation_mode out of the aws.lb.LoadBalancer, which means `defensive`.",
    ),
    ResourceRule(
        name="lb-public-is-intended",
        description="A load balancer that the internet reaches is meant to be: it is internal, or "
        "named here. Opt-in: for accounts whose services are internal as a rule.",
        severity=Severity.HIGH,
        sources=("AWS-0053",),
        frameworks=("Well-Architected SEC05-BP01",),
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html",
        enforcement=EnforcementLevel.DISABLED,
        settings=(
            Setting(
                name="intended",
                description="Names in the program of load balancers that are meant to be public.",
                default=(),
            ),
        ),
        types=types.LOAD_BALANCER,
        check=_check_intended,
        fix="Set `loadBalancer.internal: true`, or internal=True on the aws.lb.LoadBalancer; else "
        "name it in the rule's setting `intended`.",
    ),
    PropertyRule(
        name="target-group-encrypted",
        description="The load balancer speaks TLS with its targets too. Opt-in: it costs processor "
        "time and a certificate on each instance, inside a network that is yours.",
        severity=Severity.MEDIUM,
        control="ELB.22",
        sources=("CKV_AWS_378",),
        frameworks=("Well-Architected SEC09-BP02",),
        enforcement=EnforcementLevel.DISABLED,
        types=types.TARGET_GROUP,
        when=(_TARGETS_BY_HTTP,),
        needs=(
            Need(
                "protocol",
                "be `HTTPS`, `TLS` or `QUIC`",
                lambda protocol: protocol in ("HTTPS", "TLS", "QUIC", "TCP_QUIC", "GENEVE"),
            ),
        ),
        fix='Set protocol="HTTPS" on the aws.lb.TargetGroup. It replaces the target group.',
    ),
    ResourceRule(
        name="target-group-drains-longest-request",
        description="An instance that leaves is given as long as the longest normal request takes: "
        "else each scale-in and each deployment cuts requests off.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html",
        types=types.TARGET_GROUP,
        check=partial(_check_at_least_longest, "deregistrationDelay", _DEREGISTRATION_SECONDS),
        fix="Raise `loadBalancer.deregistrationDelaySeconds`, or deregistration_delay on the "
        "aws.lb.TargetGroup, to at least `service.longestRequestSeconds`.",
    ),
    ResourceRule(
        name="lb-idle-timeout-covers-request",
        description="The load balancer waits for an answer as long as the longest normal request "
        "takes: else users get 504 for work that goes on, try again, and double the load.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL05-BP05",),
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",
        types=types.LOAD_BALANCER,
        check=partial(_check_at_least_longest, "idleTimeout", _IDLE_SECONDS),
        fix="Raise `loadBalancer.idleTimeoutSeconds`, or idle_timeout on the aws.lb.LoadBalancer, "
        "to at least `service.longestRequestSeconds`.",
    ),
    ResourceRule(
        name="lb-idle-timeout-below-keep-alive",
        description="Targets keep an idle connection longer than the load balancer does: whoever "
        "closes first must be the load balancer, else it sends requests into connections that the "
        "target has just closed, and users get 502.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL05-BP05",),
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html",
        types=types.LOAD_BALANCER,
        check=_check_keep_alive,
        fix="Set the application's keep-alive above `loadBalancer.idleTimeoutSeconds`, and state "
        "it as `service.keepAliveSeconds`.",
    ),
    PropertyRule(
        name="target-group-slow-start-algorithm",
        description="Slow start goes with round robin only: the other algorithms take no notice of "
        "it, and a cold instance gets its whole share at once.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html",
        types=types.TARGET_GROUP,
        when=(When("slowStart", lambda seconds: (number(seconds) or 0) > 0),),
        needs=(
            Need(
                "loadBalancingAlgorithmType",
                "be `round_robin`, as `slowStart` is set",
                lambda kind: kind in (ABSENT, "round_robin"),
            ),
        ),
        fix="Set `loadBalancer.algorithm: round_robin`, or leave `loadBalancer.slowStartSeconds` "
        "out.",
    ),
    ResourceRule(
        name="lb-reserves-capacity-for-surge",
        description="Load balancer capacity is reserved where a named surge outruns what a load "
        "balancer grows by itself: above 100 LCU, and more than twice the load within five "
        "minutes. 100 LCU, the least that AWS reserves, are 2,500 new connections per second; each "
        "request is taken to open one. Advice, since requests that share connections need less.",
        severity=Severity.MEDIUM,
        frameworks=("Well-Architected REL07-BP03",),
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/capacity-unit-reservation.html",
        enforcement=EnforcementLevel.ADVISORY,
        types=types.LOAD_BALANCER,
        check=_check_reservation,
        fix="Set `loadBalancer.capacityUnits` to PeakLCUs of the last surge, at least 100, or "
        'minimum_load_balancer_capacity={"capacity_units": 100} on the aws.lb.LoadBalancer. Where '
        "connections are shared, exempt the load balancer.",
    ),
)
