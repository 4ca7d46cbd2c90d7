"""Rules on security groups."""

import ipaddress
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

_WIDEST: Final = {4: 8, 6: 16}
"""Prefixes (bits) below which a range of public addresses holds more than any one owner's: two
halves of all addresses, 0.0.0.0/1 and 128.0.0.0/1, are no narrower than all of them."""

_ALL_PROTOCOLS: Final = ("-1", "all")
_NAMES_OF_PROTOCOLS: Final = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""Numbers that a rule may give instead of the name: https://www.iana.org/assignments/protocol-numbers"""
_ICMP: Final = {"icmp": "ICMP", "icmpv6": "ICMPv6"}
_PATH_MTU: Final = frozenset({("icmp", 3, 4), ("icmpv6", 2, 0), ("icmpv6", 2, -1)})
"""Protocol, type and code of the messages that path MTU discovery lives on. AWS recommends
letting them in: https://docs.aws.amazon.com/vpc/latest/userguide/path_mtu_discovery.html and
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html"""


def _is_open(cidr: Any) -> bool:
    """Whether a range holds so many public addresses that anybody may be among them."""
    try:
        network = ipaddress.ip_network(cidr, strict=False) if isinstance(cidr, str) else None
    except ValueError:
        return False
    if network is None or network.prefixlen >= _WIDEST[network.version]:
        return False
    return network.prefixlen == 0 or not network.is_private


_TRANSPORTS: Final = {
    "TCP_UDP": ("tcp", "udp"),
    "TCP_QUIC": ("tcp", "udp"),
    "UDP": ("udp",),
    "QUIC": ("udp",),
}
"""What a listener's or target group's protocol runs over; all others run over TCP."""


class _Ingress(NamedTuple):
    """One source address range that a rule lets in."""

    rule: Resource
    path: str
    cidr: Any
    ports: tuple[Any, Any]
    group: Resource | None
    protocol: Any


def _ingress(stack: Stack) -> Iterator[_Ingress]:
    """Yield every range that is let in, by whichever of the three kinds of resource says so."""
    for group in stack.of(types.SECURITY_GROUP):
        for at, entry in group.each("ingress[*]"):
            if entry is UNKNOWN or not isinstance(entry, dict):
                yield _Ingress(group, at, UNKNOWN, (UNKNOWN, UNKNOWN), group, UNKNOWN)
                continue
            ports = _range(entry)
            for key in ("cidrBlocks", "ipv6CidrBlocks"):
                cidrs = read(entry, key)
                for cidr in [cidrs] if cidrs is UNKNOWN else entry.get(key) or ():
                    yield _Ingress(group, f"{at}.{key}", cidr, ports, group, _protocol(entry))
    for rule in stack.of(types.SECURITY_GROUP_RULE | types.INGRESS_RULE):
        if rule.type in types.SECURITY_GROUP_RULE and rule.read("type") == "egress":
            continue
        group_of = stack.target(rule, "securityGroupId", types.SECURITY_GROUP, ("id",))
        ports = _range(rule.properties)
        for path in ("cidrBlocks[*]", "ipv6CidrBlocks[*]", "cidrIpv4", "cidrIpv6"):
            for at, cidr in rule.each(path):
                protocol = _protocol(rule.properties)
                yield _Ingress(rule, at, cidr, ports, group_of, protocol)


def _range(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the first and last port, (ABSENT, ABSENT) where the protocol means all of them."""
    protocol = _protocol(entry)
    if protocol is UNKNOWN:
        return UNKNOWN, UNKNOWN
    if protocol in _ALL_PROTOCOLS:
        return ABSENT, ABSENT
    return read(entry, "fromPort"), read(entry, "toPort")


def _protocol(entry: Mapping[str, Any]) -> Any:
    """Return `tcp`, `udp`, ... in small letters; known numbers by their names."""
    protocol = read(entry, "ipProtocol")
    protocol = read(entry, "protocol") if protocol is ABSENT else protocol
    if protocol is UNKNOWN:
        return UNKNOWN
    if protocol is ABSENT:
        return "tcp"
    text = str(protocol).lower().removesuffix(".0")
    return _NAMES_OF_PROTOCOLS.get(text, text)


def _listener_ports(stack: Stack, group: Resource | None, group_id: Any) -> set[Any]:
    """Return (transport, port) of the listeners of the load balancers that use a security group."""
    by_group = _ports_by_group(stack)
    names = [group_id, *([group.urn, group.read("id")] if group else [])]
    return {port for name in names if isinstance(name, str) for port in by_group.get(name, ())}


def _transports(protocol: Any) -> tuple[str, ...]:
    return _TRANSPORTS.get(str(protocol).upper(), ("tcp",))


def _ports_by_group(stack: Stack) -> dict[str, set[Any]]:
    """Return the listeners' transports and ports by each id and URN of a security group."""
    if _ports_by_group not in stack.index:
        found: dict[str, set[Any]] = {}
        for listener in stack.of(types.LISTENER):
            balancer = stack.target(listener, "loadBalancerArn", types.LOAD_BALANCER, ("arn", "id"))
            if balancer is not None:
                port = listener.read("port")
                for transport in _transports(listener.read("protocol")):
                    _enter(found, balancer, "securityGroups", transport, port)
        for classic in stack.of(types.CLASSIC_LOAD_BALANCER):
            for _, port in classic.each("listeners[*].lbPort"):
                _enter(found, classic, "securityGroups", "tcp", port)
        stack.index[_ports_by_group] = found
    ports: dict[str, set[Any]] = stack.index[_ports_by_group]
    return ports


def _enter(
    found: dict[str, set[Any]], user: Resource, path: str, transport: str, port: Any
) -> None:
    """Enter a port under each name of the security groups that a resource uses."""
    names = [value for _, value in user.each(f"{path}[*]")]
    names += [source.urn for source in user.made_of(path) if source.type in types.SECURITY_GROUP]
    for name in names:
        if isinstance(name, str):
            number_ = port if port is UNKNOWN else number(port)
            found.setdefault(name, set()).add((transport, number_))


_PASSED_ON: Final = frozenset({"TCP", "UDP", "TCP_UDP", "TLS", "QUIC", "TCP_QUIC"})
"""Protocols of target groups of a Network Load Balancer, behind which targets see users' addresses:
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html"""
_OF_LAUNCHES: Final = (
    "vpcSecurityGroupIds",
    "securityGroups",
    "networkInterfaces[*].securityGroups",
)


def _target_ports(
    stack: Stack, group: Resource | None, group_id: Any, listening: set[Any]
) -> set[Any]:
    """Return (transport, port) of the targets of Network Load Balancers in a security group.

    It is that of instances, or nobody in this stack names it.
    """
    if _target_ports not in stack.index:
        ports = {
            (transport, number(port))
            for targets in stack.of(types.TARGET_GROUP)
            if targets.read("protocol") in _PASSED_ON
            for port in (targets.read("port"), targets.read("healthCheck.port"))
            for transport in _transports(targets.read("protocol"))
            if number(port) is not None
        }
        names: set[Any] = set()
        for source in stack.of(types.LAUNCH_TEMPLATE | types.LAUNCH_CONFIGURATION):
            for path in _OF_LAUNCHES:
                for _, value in source.each(path):
                    names |= {at for at in (value if isinstance(value, list) else ()) if at}
                names |= {at.urn for at in source.made_of(path) if at.type in types.SECURITY_GROUP}
        stack.index[_target_ports] = (names - {UNKNOWN}, ports)
    users, found = stack.index[_target_ports]
    named = {group_id, *((group.urn, group.read("id")) if group else ())}
    return set(found) if named & users or not (users or listening) else set()


class _Found:
    """Findings on ranges of addresses: what differs in nothing but the range is one."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._found: dict[tuple[str, str, str, bool], tuple[Resource, str, list[Any]]] = {}

    def add(
        self, rule: Resource, at: str, must: str, cidr: Any, traffic: str, *, advice: bool = False
    ) -> None:
        """Note an open range.

        Args:
            rule: What opens it.
            at: Where.
            must: As in a finding.
            cidr: The range.
            traffic: What may pass; completes "`0.0.0.0/0` for".
            advice: Whether it stops nothing.

        """
        key = (rule.urn, must, traffic, advice)
        self._found.setdefault(key, (rule, at, []))[2].append(cidr)

    def tell(self) -> None:
        """Report what was noted."""
        for (_, must, traffic, advice), (rule, at, cidrs) in self._found.items():
            more = f" and {len(cidrs) - 1} more" if len(cidrs) > 1 else ""
            say = self._report.advise if advice else self._report.refuse
            say(rule, at, must, f"{show(cidrs[0])}{more} for {traffic}")


def _check_open_ingress(stack: Stack, report: Report) -> None:
    found = _Found(report)
    _judge_ingress(stack, report, found)
    found.tell()


def _judge_ingress(stack: Stack, report: Report, found: _Found) -> None:
    for ingress in _ingress(stack):
        rule, at, cidr, (first, last), group, protocol = ingress
        if cidr is UNKNOWN:
            report.wait_for(rule, at)
            continue
        if not _is_open(cidr):
            continue
        if UNKNOWN in (first, last):
            report.wait_for(rule, "fromPort" if first is UNKNOWN else "toPort")
            continue
        group_id = rule.read("securityGroupId")
        allowed = _listener_ports(stack, group, group_id)
        if protocol in _ICMP:
            _judge_icmp(ingress, found)
            continue
        port = number(first)
        single = port is not None and port == number(last)
        if single:
            if (protocol, port) in allowed:
                continue
            if any(UNKNOWN in each for each in allowed) or (group is None and group_id is UNKNOWN):
                report.wait_for(rule, "securityGroupId")
                continue
        traffic = f"{_ports(first, last)}{' over UDP' if protocol == 'udp' else ''}"
        if single and (protocol, port) in _target_ports(stack, group, group_id, allowed):
            must = (
                "be narrower where a Network Load Balancer's own security group can take its "
                "place: its targets here answer every address, also past the load balancer"
            )
            found.add(rule, at, must, cidr, traffic, advice=True)
            continue
        ports = {port for _, port in allowed} - {UNKNOWN, None}
        listening = ", ".join(show(port) for port in sorted(ports))
        must = (
            "be narrower than every address except on the port of a listener whose load balancer "
            f"uses the group ({listening or 'it has none'})"
        )
        found.add(rule, at, must, cidr, traffic)


def _messages(protocol: str, ports: tuple[Any, Any]) -> str | None:
    """Return which messages of ICMP may pass; None where they only serve path MTU discovery.

    Their type and code are in the places of the ports (Amazon EC2 API, IpPermission).
    """
    kind, code = (number(value) for value in ports)
    if (protocol, kind, code) in _PATH_MTU:
        return None
    name = _ICMP[protocol]
    if kind in (None, -1):
        return f"{name} of every type"
    if code in (None, -1):
        return f"{name} type {show(kind)}, every code"
    return f"{name} type {show(kind)}, code {show(code)}"


def _judge_icmp(ingress: _Ingress, found: _Found) -> None:
    messages = _messages(ingress.protocol, ingress.ports)
    if messages is not None:
        must = (
            "be narrower than every address except for path MTU discovery (ICMP type 3, code 4; "
            "ICMPv6 type 2)"
        )
        found.add(ingress.rule, ingress.path, must, ingress.cidr, messages, advice=True)


def _egress(stack: Stack) -> Iterator[tuple[Resource, str, Any, tuple[Any, Any], Any]]:
    """Yield every range that instances may reach, by whichever kind of resource says so."""
    for group in stack.of(types.SECURITY_GROUP):
        for at, entry in group.each("egress[*]"):
            if not isinstance(entry, Mapping):
                if entry is UNKNOWN:
                    yield group, at, UNKNOWN, (UNKNOWN, UNKNOWN), UNKNOWN
                continue
            for key in ("cidrBlocks", "ipv6CidrBlocks"):
                cidrs = read(entry, key)
                for cidr in cidrs if isinstance(cidrs, list) else [cidrs]:
                    yield group, f"{at}.{key}", cidr, _range(entry), _protocol(entry)
    for rule in stack.of(types.SECURITY_GROUP_RULE | types.EGRESS_RULE):
        if rule.type in types.SECURITY_GROUP_RULE and rule.read("type") == "ingress":
            continue
        for path in ("cidrBlocks[*]", "ipv6CidrBlocks[*]", "cidrIpv4", "cidrIpv6"):
            for at, cidr in rule.each(path):
                yield rule, at, cidr, _range(rule.properties), _protocol(rule.properties)


def _check_open_egress(stack: Stack, report: Report) -> None:
    allowed = stack.settings["ports"]
    must = f"be narrower than every address except on port {', '.join(allowed)}"
    found = _Found(report)
    for rule, at, cidr, (first, last), protocol in _egress(stack):
        if cidr is UNKNOWN:
            report.wait_for(rule, at)
        elif _is_open(cidr):
            if UNKNOWN in (first, last):
                report.wait_for(rule, "fromPort" if first is UNKNOWN else "toPort")
                continue
            if protocol in _ICMP:
                messages = _messages(protocol, (first, last))
                if messages is not None:
                    found.add(rule, at, must, cidr, messages)
                continue
            port = number(first)
            if port is None or port != number(last) or f"{port:g}" not in allowed:
                found.add(rule, at, must, cidr, _ports(first, last))
    found.tell()


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
        | types.LOAD_BALANCER
        | types.CLASSIC_LOAD_BALANCER
        | types.TARGET_GROUP
        | types.LAUNCH_TEMPLATE
        | types.LAUNCH_CONFIGURATION,
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
