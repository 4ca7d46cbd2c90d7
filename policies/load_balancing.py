"""Rules on load balancers and their listeners."""

import re
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies import _types as types
from policies._rules import (
    AnyRule,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Stack,
    StackRule,
    When,
)
from policies._values import ABSENT, UNKNOWN, is_true, show

# AWS names a policy after the lowest version that it accepts. Recommended are those with TLS 1.3
# that refuse 1.1, restricted (Res), FIPS and post-quantum (PQ) variants included; the Ext variants
# take ciphers without forward secrecy. Source: Elastic Load Balancing, "Security policies for your
# Application Load Balancer" (describe-ssl-policies); Security Hub ELB.17.
_RECOMMENDED_TLS: Final = re.compile(
    r"ELBSecurityPolicy-TLS13-1-[23](-Res)?(-FIPS)?(-PQ)?-\d{4}-\d{2}"
)

_APPLICATION: Final = When("loadBalancerType", lambda kind: kind in (ABSENT, "application"))
_SERVES_LOGS: Final = When("loadBalancerType", lambda kind: kind != "gateway")


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


def _check_serves_https(listener: Resource, report: Report) -> None:
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
        report.refuse(
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
    redirects = [
        (at.removesuffix(".type"), kind)
        for at, kind in listener.each("defaultActions[*].type")
        if kind == "redirect"
    ]
    plain = _plain_http(listener)
    if plain is False:
        return
    for at, _ in redirects:
        protocol = _at(listener, f"{at}.redirect.protocol")
        if protocol == "HTTPS":
            continue
        if protocol is UNKNOWN or plain is None:
            waiting = f"{at}.redirect.protocol" if protocol is UNKNOWN else "protocol"
            report.wait_for(listener, waiting)
        else:
            got = (
                "nothing, which keeps the request's HTTP" if protocol is ABSENT else show(protocol)
            )
            report.refuse(listener, f"{at}.redirect.protocol", "be `HTTPS`", got)


def _at(resource: Resource, path: str) -> Any:
    """Return the value at a path that names list entries by number."""
    pattern = re.sub(r"\[\d+\]", "[*]", path)
    return next((value for at, value in resource.each(pattern) if at == path), ABSENT)


def _check_spans_zones(balancer: Resource, report: Report) -> None:
    kind = balancer.read("loadBalancerType")
    if kind not in (ABSENT, UNKNOWN, "application"):
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


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="lb-listener-serves-https",
        description="Listeners serve HTTPS, or only redirect: whoever is on the path reads and "
        "changes what travels over plain HTTP, session cookies included.",
        severity=Severity.CRITICAL,
        control="ELB.18",
        sources=("CKV_AWS_2", "AWS-0054", "PCP aws-lb-listener-disallow-unencrypted-traffic"),
        types=types.LISTENER,
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
        control="ELB.18",
        sources=("CKV_AWS_2",),
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
        types=types.LISTENER,
        check=_check_redirects_to_https,
        fix="Name the protocol in the redirect:\n"
        'default_actions=[{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", '
        '"status_code": "HTTP_301"}}]',
    ),
    PropertyRule(
        name="lb-listener-tls-policy",
        description="TLS listeners use a policy that AWS recommends (TLS 1.3 and 1.2 only): the "
        "default of every tool but the console, ELBSecurityPolicy-2016-08, takes TLS 1.0.",
        severity=Severity.CRITICAL,
        control="ELB.17",
        sources=(
            "CKV_AWS_103",
            "CKV2_AWS_74",
            "AWS-0047",
            "PCP aws-lb-listener-configure-secure-tls",
        ),
        types=types.LISTENER,
        when=(When("protocol", lambda protocol: protocol in ("HTTPS", "TLS")),),
        needs=(
            Need(
                "sslPolicy",
                "be a policy that refuses TLS 1.1, such as `ELBSecurityPolicy-TLS13-1-2-2021-06`",
                lambda name: isinstance(name, str) and bool(_RECOMMENDED_TLS.fullmatch(name)),
            ),
        ),
        fix='Set ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06" on the aws.lb.Listener.',
    ),
    PropertyRule(
        name="lb-access-logs",
        description="Load balancers write access logs: during an incident they alone say which "
        "requests failed, how slowly, and from whom they came.",
        severity=Severity.MEDIUM,
        control="ELB.5",
        sources=(
            "CKV_AWS_91",
            "AG elb-logging-enabled",
            "PCP aws-lb-loadbalancer-enable-access-logging",
        ),
        types=types.LOAD_BALANCER,
        when=(_SERVES_LOGS,),
        needs=(
            Need("accessLogs.enabled", "be true", is_true),
            Need(
                "accessLogs.bucket",
                "name a bucket",
                lambda bucket: bucket not in (ABSENT, ""),
                given=True,
            ),
        ),
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
        types=types.LOAD_BALANCER,
        when=(_APPLICATION,),
        needs=(Need("dropInvalidHeaderFields", "be true", is_true),),
        fix="Set drop_invalid_header_fields=True on the aws.lb.LoadBalancer.",
    ),
    ResourceRule(
        name="lb-spans-zones",
        description="Application Load Balancers stand in at least two Availability Zones, so that "
        "the loss of one does not take the service down. AWS takes one subnet per zone, so the "
        "number of subnets is the number of zones.",
        severity=Severity.MEDIUM,
        control="ELB.13",
        types=types.LOAD_BALANCER,
        check=_check_spans_zones,
        fix="Set `network.zoneCount` to 2 or 3, or give subnets of two zones:\n"
        'aws.lb.LoadBalancer("web", subnets=[zone_a.id, zone_b.id], ...)',
    ),
)
