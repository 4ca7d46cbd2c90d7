"""Rules on the way in and on the room behind it: zones, addresses, gateways, classic balancers."""

import ipaddress
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

_CLASSIC: Final = "https://docs.aws.amazon.com/elasticloadbalancing/latest/classic"
_RESERVED: Final = 5
"""Addresses of each subnet that AWS keeps (Amazon VPC User Guide, "Subnet sizing")."""
_EVERYBODY: Final = ("0.0.0.0/0", "::/0")


def _check_classic(balancer: Resource, report: Report) -> None:
    draining, across = balancer.read("connectionDraining"), balancer.read("crossZoneLoadBalancing")
    if draining is ABSENT or is_false(draining):
        must = "be true, or each instance that leaves cuts off what it is answering"
        report.refuse(balancer, "connectionDraining", must, show(draining))
    if is_false(across):
        must = "be true, or each zone carries its share with the instances that it has"
        report.advise(balancer, "crossZoneLoadBalancing", must, "false")
    target = balancer.read("healthCheck.target")
    serving = {number(port) for _, port in balancer.each("listeners[*].instancePort")}
    web = any(
        str(protocol).upper() in ("HTTP", "HTTPS")
        for _, protocol in balancer.each("listeners[*].instanceProtocol")
    )
    if isinstance(target, str) and target.upper().startswith(("TCP:", "SSL:")):
        port = number(target.partition(":")[2])
        if port not in serving:
            must = "ask the port that the instances serve on"
            report.refuse(balancer, "healthCheck.target", must, show(target))
        elif web:
            must = "ask a page by HTTP, as an open port says nothing of the application"
            report.advise(balancer, "healthCheck.target", must, show(target))


def _check_acl_associated(stack: Stack, report: Report) -> None:
    used = set()
    for association in stack.of(types.WEB_ACL_ASSOCIATION):
        acl = stack.target(association, "webAclArn", types.WEB_ACL, ("arn", "id"))
        if acl is None and association.read("webAclArn") is UNKNOWN:
            return
        used |= {acl.urn} if acl is not None else set()
    if not stack.of(types.LOAD_BALANCER):
        return
    for acl in stack.of(types.WEB_ACL):
        if acl.read("scope") == "REGIONAL" and acl.urn not in used:
            must = "be associated with what it is to guard"
            report.advise(acl, "scope", must, "a web ACL that no association of this stack names")


def _check_rate_limit(acl: Resource, report: Report) -> None:
    least = acl.settings["leastLimit"]
    path = "rules[*].statement.rateBasedStatement.limit"
    for at, value in acl.each(path):
        limit = number(value)
        keys = read_key(acl, at)
        if limit is not None and limit < least and keys in (ABSENT, "IP", "FORWARDED_IP"):
            must = f"be at least {least} (leastLimit): an office or a carrier shares one address"
            report.advise(acl, at, must, show(value))


def read_key(acl: Resource, limit: str) -> Any:
    """Return what a rate rule counts by, of the path of its limit."""
    index = int(limit.partition("[")[2].partition("]")[0])
    rules = acl.read("rules")
    rule = rules[index] if isinstance(rules, list) else {}
    return read(rule, "statement.rateBasedStatement.aggregateKeyType")


def _subnets(stack: Stack, user: Resource, path: str) -> list[Resource] | None:
    """Return the subnets that a property names, None where one is not of this stack."""
    named = user.read(path)
    made = [at for at in user.made_of(path) if at.type in types.SUBNET]
    if not isinstance(named, list) or not named:
        return None
    if UNKNOWN in named:
        return made if len(made) == len(named) else None
    found = [at for name in named for at in stack.called(types.SUBNET, "id", name)]
    return found if len(found) == len(named) else None


def _zones(subnets: list[Resource]) -> set[str] | None:
    zones = [subnet.read("availabilityZone") for subnet in subnets]
    return set(zones) if all(isinstance(zone, str) for zone in zones) else None


def _balancers_of(stack: Stack, group: Resource) -> list[Resource]:
    """Return the load balancers whose listeners forward to a group's target groups."""
    arns = {arn for _, arn in group.each("targetGroupArns[*]") if isinstance(arn, str)}
    found = []
    for listener in stack.of(types.LISTENER):
        actions = [arn for _, arn in listener.each("defaultActions[*].targetGroupArn")]
        if arns & {arn for arn in actions if isinstance(arn, str)}:
            balancer = stack.target(listener, "loadBalancerArn", types.LOAD_BALANCER, ("arn", "id"))
            found += [balancer] if balancer is not None else []
    return found


def _check_zones_served(stack: Stack, report: Report) -> None:
    for group in stack.of(types.GROUP):
        own = _subnets(stack, group, "vpcZoneIdentifiers")
        zones = _zones(own) if own else None
        for balancer in _balancers_of(stack, group) if zones else []:
            front = _subnets(stack, balancer, "subnets")
            served = _zones(front) if front else None
            # Of a load balancer in one zone, lb-spans-zones has said it.
            missing = sorted(zones - served) if zones and served and len(served) > 1 else []
            if missing:
                must = f"lie in zones that {balancer.label} uses"
                got = f"one in {show(missing[0])}, whose instances get no requests"
                report.refuse(group, "vpcZoneIdentifiers", must, got)
                break


def _addresses(subnet: Resource) -> int | None:
    cidr = subnet.read("cidrBlock")
    try:
        network = ipaddress.ip_network(cidr) if isinstance(cidr, str) else None
    except ValueError:
        return None
    return network.num_addresses - _RESERVED if network is not None else None


def _check_addresses(stack: Stack, report: Report) -> None:
    for group in stack.of(types.GROUP):
        most = number(group.read("maxSize"))
        subnets = _subnets(stack, group, "vpcZoneIdentifiers")
        rooms = [_addresses(subnet) for subnet in subnets or ()]
        if most is None or not rooms or None in rooms:
            continue
        room = sum(each for each in rooms if each is not None)
        if room < most:
            must = f"have an address for each of at most {show(most)} instances"
            report.refuse(group, "vpcZoneIdentifiers", must, f"{room} in {len(rooms)} subnets")


def _check_gateways(stack: Stack, report: Report) -> None:
    gateways = stack.of(types.NAT_GATEWAY)
    zones = {
        zone
        for group in stack.of(types.GROUP)
        for zone in _zones(_subnets(stack, group, "vpcZoneIdentifiers") or []) or ()
    }
    if len(gateways) == 1 and len(zones) > 1 and not gateways[0].is_of_a_copy:
        must = f"stand in each of {len(zones)} zones, one gateway each"
        report.advise(gateways[0], "subnetId", must, "one gateway for all of them")


def _check_endpoint(cluster: Resource, report: Report) -> None:
    path = "vpcConfig.publicAccessCidrs"
    if not isinstance(cluster.read("vpcConfig"), Mapping):
        return
    if is_false(cluster.read("vpcConfig.endpointPublicAccess")):
        return
    cidrs = cluster.read(path)
    if cidrs is ABSENT or (isinstance(cidrs, list) and set(cidrs) & set(_EVERYBODY)):
        got = "nothing, which means everybody" if cidrs is ABSENT else "everybody"
        must = "name who may reach the Kubernetes API, or `endpointPublicAccess` be false"
        say = report.refuse if is_true(cluster.read("vpcConfig.endpointPublicAccess")) else None
        (say if say is not None and cidrs is not ABSENT else report.advise)(
            cluster, path, must, got
        )


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="lb-classic-is-careful",
        description="A Classic Load Balancer lets requests end, asks the port that serves, and "
        "shares the load of all zones. Little else of it is read here.",
        severity=Severity.HIGH,
        control="ELB.7",
        url=f"{_CLASSIC}/config-conn-drain.html",
        types=types.CLASSIC_LOAD_BALANCER,
        check=_check_classic,
        fix="Set connection_draining=True, cross_zone_load_balancing=True and "
        'health_check={"target": "HTTP:80/health", ...} on the aws.elb.LoadBalancer.',
    ),
    StackRule(
        name="web-acl-is-associated",
        description="A web ACL guards something: without an association it blocks nobody. Advice, "
        "as another stack may associate it.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        url="https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-associating-aws-resource.html",
        types=types.WEB_ACL | types.WEB_ACL_ASSOCIATION | types.LOAD_BALANCER,
        check=_check_acl_associated,
        fix='aws.wafv2.WebAclAssociation("web", resource_arn=balancer.arn, web_acl_arn=acl.arn)',
    ),
    ResourceRule(
        name="web-acl-rate-spares-users",
        description="A rate rule blocks no users that share an address: an office or a mobile "
        "carrier sends thousands of requests from one, most of all in a surge.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        url="https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html",
        settings=(
            Setting(
                name="leastLimit",
                description="Least limit of one address (requests in the rule's window).",
                default=500,
                low=10,
                high=1_000_000,
            ),
        ),
        types=types.WEB_ACL,
        check=_check_rate_limit,
        fix="Raise limit in rate_based_statement above what a busy office sends, or let the rule "
        "count first.",
    ),
    StackRule(
        name="asg-zones-are-served",
        description="A group launches into zones that its load balancer uses: targets in another "
        "zone get no requests, however full the others are.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html",
        types=types.GROUP | types.LISTENER | types.LOAD_BALANCER | types.SUBNET,
        check=_check_zones_served,
        fix="Name a subnet of every zone of the group in subnets of the aws.lb.LoadBalancer.",
    ),
    StackRule(
        name="asg-has-addresses",
        description="A group's subnets hold an address for each of its instances at its maximum: "
        "else launches fail at the height of a surge.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html",
        types=types.GROUP | types.SUBNET,
        check=_check_addresses,
        fix="Give the group larger subnets, of /24 or more.",
    ),
    StackRule(
        name="nat-gateway-per-zone",
        description="Each zone reaches the internet by a gateway of its own: where the zone of the "
        "only one fails, instances of all zones lose it.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        frameworks=("Well-Architected REL10-BP01",),
        url="https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html",
        types=types.GROUP | types.SUBNET | types.NAT_GATEWAY,
        check=_check_gateways,
        fix="Set `network.natGateways: per_zone`, or make an aws.ec2.NatGateway in each zone.",
    ),
    ResourceRule(
        name="eks-endpoint-is-not-open",
        description="The Kubernetes API answers those who work with it, not everybody.",
        severity=Severity.HIGH,
        control="EKS.1",
        types=types.EKS_CLUSTER,
        check=_check_endpoint,
        fix='Set vpc_config={"endpoint_private_access": True, "public_access_cidrs": [office], '
        "...} on the aws.eks.Cluster.",
    ),
)
