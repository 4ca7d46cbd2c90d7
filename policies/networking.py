"""Rules on security groups."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Need,
    PropertyRule,
    Report,
    Resource,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, number, read, show

_OPEN: Final = "/0"
"""How a range ends that holds every address, in IPv4 and IPv6."""


_ALL_PROTOCOLS: Final = ("-1", "-1.0", "all")


class _Ingress(NamedTuple):
    """One source address range that a rule lets in."""

    rule: Resource
    path: str
    cidr: Any
    ports: tuple[Any, Any]
    group: Resource | None


def _ingress(stack: Stack) -> Iterator[_Ingress]:
    """Yield every range that is let in, by whichever of the three kinds of resource says so."""
    for group in stack.of(types.SECURITY_GROUP):
        for at, entry in group.each("ingress[*]"):
            if entry is UNKNOWN or not isinstance(entry, dict):
                yield _Ingress(group, at, UNKNOWN, (UNKNOWN, UNKNOWN), group)
                continue
            ports = _range(entry)
            for key in ("cidrBlocks", "ipv6CidrBlocks"):
                cidrs = read(entry, key)
                for cidr in [cidrs] if cidrs is UNKNOWN else entry.get(key) or ():
                    yield _Ingress(group, f"{at}.{key}", cidr, ports, group)
    for rule in stack.of(types.SECURITY_GROUP_RULE | types.INGRESS_RULE):
        if rule.type in types.SECURITY_GROUP_RULE and rule.read("type") == "egress":
            continue
        group_of = stack.target(rule, "securityGroupId", types.SECURITY_GROUP, ("id",))
        ports = _range(rule.properties)
        for path in ("cidrBlocks[*]", "ipv6CidrBlocks[*]", "cidrIpv4", "cidrIpv6"):
            for at, cidr in rule.each(path):
                yield _Ingress(rule, at, cidr, ports, group_of)


def _range(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the first and last port, (ABSENT, ABSENT) where the protocol means all of them."""
    protocol = read(entry, "ipProtocol")
    protocol = read(entry, "protocol") if protocol is ABSENT else protocol
    if protocol is UNKNOWN:
        return UNKNOWN, UNKNOWN
    if str(protocol) in _ALL_PROTOCOLS:
        return ABSENT, ABSENT
    return read(entry, "fromPort"), read(entry, "toPort")


def _listener_ports(stack: Stack, group: Resource | None, group_id: Any) -> set[Any]:
    """Return the listeners' ports of the load balancers that use a security group."""
    by_group = _ports_by_group(stack)
    names = [group_id, *([group.urn, group.read("id")] if group else [])]
    return {port for name in names if isinstance(name, str) for port in by_group.get(name, ())}


def _ports_by_group(stack: Stack) -> dict[str, set[Any]]:
    """Return the listeners' ports by each id and URN of a security group."""
    if _ports_by_group not in stack.index:
        found: dict[str, set[Any]] = {}
        for listener in stack.of(types.LISTENER):
            balancer = stack.target(listener, "loadBalancerArn", types.LOAD_BALANCER, ("arn", "id"))
            if balancer is None:
                continue
            port = listener.read("port")
            names = [value for _, value in balancer.each("securityGroups[*]")]
            names += [source.urn for source in balancer.made_of("securityGroups")]
            for name in names:
                if isinstance(name, str):
                    found.setdefault(name, set()).add(port if port is UNKNOWN else number(port))
        stack.index[_ports_by_group] = found
    ports: dict[str, set[Any]] = stack.index[_ports_by_group]
    return ports


def _check_open_ingress(stack: Stack, report: Report) -> None:
    for ingress in _ingress(stack):
        rule, at, cidr, (first, last), group = ingress
        if cidr is UNKNOWN:
            report.wait_for(rule, at)
            continue
        if not isinstance(cidr, str) or not cidr.endswith(_OPEN):
            continue
        if UNKNOWN in (first, last):
            report.wait_for(rule, "fromPort" if first is UNKNOWN else "toPort")
            continue
        allowed = _listener_ports(stack, group, rule.read("securityGroupId"))
        port = number(first)
        if port is not None and port == number(last):
            if port in allowed:
                continue
            if UNKNOWN in allowed or (group is None and rule.read("securityGroupId") is UNKNOWN):
                report.wait_for(rule, "securityGroupId")
                continue
        listening = ", ".join(show(port) for port in sorted(allowed - {UNKNOWN, None}))
        report.refuse(
            rule,
            at,
            "be narrower than every address except on the port of a listener whose load balancer "
            f"uses the group ({listening or 'it has none'})",
            f"{show(cidr)} for {_ports(first, last)}",
        )


def _egress(stack: Stack) -> Iterator[tuple[Resource, str, Any, tuple[Any, Any]]]:
    """Yield every range that instances may reach, by whichever kind of resource says so."""
    for group in stack.of(types.SECURITY_GROUP):
        for at, entry in group.each("egress[*]"):
            if not isinstance(entry, Mapping):
                if entry is UNKNOWN:
                    yield group, at, UNKNOWN, (UNKNOWN, UNKNOWN)
                continue
            for key in ("cidrBlocks", "ipv6CidrBlocks"):
                cidrs = read(entry, key)
                for cidr in cidrs if isinstance(cidrs, list) else [cidrs]:
                    yield group, f"{at}.{key}", cidr, _range(entry)
    for rule in stack.of(types.SECURITY_GROUP_RULE | types.EGRESS_RULE):
        if rule.type in types.SECURITY_GROUP_RULE and rule.read("type") == "ingress":
            continue
        for path in ("cidrBlocks[*]", "ipv6CidrBlocks[*]", "cidrIpv4", "cidrIpv6"):
            for at, cidr in rule.each(path):
                yield rule, at, cidr, _range(rule.properties)


def _check_open_egress(stack: Stack, report: Report) -> None:
    allowed = stack.settings["ports"]
    for rule, at, cidr, (first, last) in _egress(stack):
        if cidr is UNKNOWN:
            report.wait_for(rule, at)
        elif isinstance(cidr, str) and cidr.endswith(_OPEN):
            if UNKNOWN in (first, last):
                report.wait_for(rule, "fromPort" if first is UNKNOWN else "toPort")
                continue
            port = number(first)
            if port is None or port != number(last) or f"{port:g}" not in allowed:
                report.refuse(
                    rule,
                    at,
                    f"be narrower than every address except on port {', '.join(allowed)}",
                    f"{show(cidr)} for {_ports(first, last)}",
                )


def _described(text: Any) -> bool:
    return isinstance(text, str) and text.strip() not in ("", "Managed by Pulumi")


def _ports(first: Any, last: Any) -> str:
    if number(first) in (None, -1):
        return "all ports"
    return f"port {show(first)}" if first == last else f"ports {show(first)} to {show(last)}"


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="security-group-no-open-ingress",
        description="Nothing but a listener's port is open to every address: what else answers is "
        "found and tried within minutes.",
        severity=Severity.CRITICAL,
        control="EC2.18",
        sources=(
            "AWS-0107",
            "EC2.19",
            "EC2.53",
            "EC2.54",
            "PCP aws-ec2-securitygroup-disallow-public-internet-ingress",
            "CT.EC2.PR.3",
        ),
        frameworks=("CIS 5.0.0 5.3", "CIS 5.0.0 5.4", "Well-Architected SEC05-BP02"),
        types=types.SECURITY_GROUP
        | types.SECURITY_GROUP_RULE
        | types.INGRESS_RULE
        | types.LISTENER
        | types.LOAD_BALANCER,
        check=_check_open_ingress,
        fix="Let the load balancer's security group in instead of addresses:\n"
        'aws.vpc.SecurityGroupIngressRule("app", referenced_security_group_id=balancer.id, '
        'ip_protocol="tcp", from_port=8080, to_port=8080, ...)\n'
        "For the load balancer itself, `loadBalancer.allowedCidrBlocks` names who may come. For a "
        "shell, use Session Manager.",
    ),
    StackRule(
        name="security-group-no-open-egress",
        description="Instances reach every address by HTTPS only: what breaks in fetches its tools "
        "and sends its loot by other ports first. Opt-in: not every service gets along with it.",
        severity=Severity.CRITICAL,
        sources=("AWS-0104",),
        frameworks=("Well-Architected SEC05-BP02",),
        url="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
        enforcement=EnforcementLevel.DISABLED,
        settings=(
            Setting(
                name="ports",
                description="Ports, as texts, on which every address may be reached.",
                default=("443",),
            ),
        ),
        types=types.SECURITY_GROUP | types.SECURITY_GROUP_RULE | types.EGRESS_RULE,
        check=_check_open_egress,
        fix="Name the port:\n"
        'aws.vpc.SecurityGroupEgressRule("https", cidr_ipv4="0.0.0.0/0", ip_protocol="tcp", '
        "from_port=443, to_port=443, ...)",
    ),
    PropertyRule(
        name="security-group-described",
        description="Security groups say what they are for: who has to decide at night whether a "
        "rule may go finds nothing else. AWS does not let the text be changed later.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("AWS-0099", "PCP aws-ec2-securitygroup-missing-description"),
        url="https://docs.aws.amazon.com/vpc/latest/userguide/creating-security-groups.html",
        types=frozenset({"aws:ec2/securityGroup:SecurityGroup"}),
        needs=(Need("description", "say what it is for", _described),),
        fix='Set description="Instances: take requests from the load balancer" on the '
        "aws.ec2.SecurityGroup. It replaces the group.",
    ),
    PropertyRule(
        name="security-group-rule-described",
        description="Rules of security groups say what they let through, and for whom.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("AWS-0124", "PCP aws-ec2-securitygroup-missing-ingress-rule-description"),
        url="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
        types=types.SECURITY_GROUP_RULE | types.INGRESS_RULE | types.EGRESS_RULE,
        needs=(Need("description", "say what it lets through", _described),),
        fix='Set description="Requests from the load balancer" on the rule.',
    ),
    PropertyRule(
        name="security-group-inline-rule-described",
        description="Rules that stand in a security group say what they let through, and for whom.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("AWS-0124",),
        url="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
        types=types.SECURITY_GROUP,
        needs=tuple(
            Need(f"{kind}[*].description", "say what it lets through", _described)
            for kind in ("ingress", "egress")
        ),
        fix='Set "description": "Requests from the load balancer" in each of ingress and egress.',
    ),
)
