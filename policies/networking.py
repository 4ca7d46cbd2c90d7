"""Rules on security groups."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pulumi_policy import Severity

from policies import _types as types
from policies._rules import AnyRule, Report, Resource, Stack, StackRule
from policies._values import ABSENT, UNKNOWN, number, read, show

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
    ports: set[Any] = set()
    for listener in stack.of(types.LISTENER):
        balancer = stack.target(listener, "loadBalancerArn", types.LOAD_BALANCER, ("arn", "id"))
        if balancer is None:
            continue
        named = [value for _, value in balancer.each("securityGroups[*]")]
        known = {group_id, group.read("id") if group else UNKNOWN} - {UNKNOWN}
        used = group is not None and any(
            source.urn == group.urn for source in balancer.made_of("securityGroups")
        )
        if used or known.intersection(value for value in named if isinstance(value, str)):
            port = listener.read("port")
            ports.add(port if port is UNKNOWN else number(port))
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
            "PCP aws-ec2-securitygroup-disallow-public-internet-ingress",
            "CT.EC2.PR.3",
        ),
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
)
