"""The network that the load balancer and the instances live in."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws

from components._checks import Reader
from components._errors import ArgsError, Problems
from components._naming import physical_name
from components.aws_limits import breach


class NatGateways(StrEnum):
    """How private subnets reach the internet."""

    ONE = "one"
    """One NAT gateway for all zones: cheapest; when its zone fails, no instance in any zone can
    download what it needs to start."""
    PER_ZONE = "per_zone"
    """One NAT gateway in each zone: a zone's failure stays in that zone."""


class NetworkArgs(TypedDict):
    """Arguments of Network. Either it creates a network, or it adopts one by its three ids."""

    cidr_block: NotRequired[str]
    """IPv4 range of the network (/16 to /25). Default: 10.0.0.0/16."""
    zone_count: NotRequired[int]
    """Availability Zones to spread over (2 or 3). Default: 2."""
    nat_gateways: NotRequired[NatGateways]
    """How private subnets reach the internet. Default: one."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """Id of an existing network to adopt; nothing is created then. Default: create one."""
    public_subnet_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Ids of the adopted network's public subnets, in at least two zones. Default: create them."""
    private_subnet_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Ids of the adopted network's private subnets, in at least two zones. They need a way to the
    package repositories and to AWS's endpoints. Default: create them."""
    tags: NotRequired[Mapping[str, str]]
    """Tags for all that is created. Default: none."""


_ADOPTED = ("vpc_id", "public_subnet_ids", "private_subnet_ids")
_CREATED = ("cidr_block", "zone_count", "nat_gateways")
_ANYWHERE = "0.0.0.0/0"
_PRIVATE_OFFSET = 4
"""The range is cut into eight: public subnets from the first, private ones from the fifth, so that
a third zone moves no subnet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    adopts: bool
    cidr_block: ipaddress.IPv4Network
    zone_count: int
    nat_gateways: NatGateways
    tags: Mapping[str, str]

    @classmethod
    def from_args(cls, args: NetworkArgs) -> "_Settings":
        problems = Problems("Network")
        reader = Reader(problems, args, NetworkArgs.__annotations__)
        adopts = any(reader.given(key) for key in _ADOPTED)
        if adopts:
            for key in _ADOPTED:
                if not reader.given(key):
                    reader.note(key, f"be given together with {_others(key)}", None)
            for key in _CREATED:
                if reader.given(key):
                    reader.note(key, "be left out when a network is adopted", args.get(key))
            for key in _ADOPTED[1:]:
                value = args.get(key)
                if isinstance(value, list | tuple) and len(value) < 2:
                    reader.note(key, "be at least two subnets, in different zones", value)
        settings = cls(
            adopts=adopts,
            cidr_block=_range(reader),
            zone_count=reader.whole("zone_count", 2, 2, 3),
            nat_gateways=reader.choice("nat_gateways", NatGateways.ONE),
            tags=reader.tags(),
        )
        problems.raise_if_any()
        return settings

    def subnet(self, index: int) -> str:
        """Return the range of one of the eight parts."""
        return str(list(self.cidr_block.subnets(prefixlen_diff=3))[index])


def _others(key: str) -> str:
    return " and ".join(other for other in _ADOPTED if other != key)


def _range(reader: Reader) -> ipaddress.IPv4Network:
    default = ipaddress.IPv4Network("10.0.0.0/16")
    text = reader.text("cidr_block", str(default))
    rule = breach("aws:ec2/vpc:Vpc", "cidrBlock", text)
    if rule:
        reader.note("cidr_block", rule, text)
        return default
    network = ipaddress.IPv4Network(text)
    if network.prefixlen > 25:
        reader.note("cidr_block", "be /25 or larger, to hold six subnets", text)
        return default
    return network


class Network(pulumi.ComponentResource):
    """A network over two or three Availability Zones, or an existing one.

    Creates a VPC with a public and a private subnet in each zone, an internet gateway, NAT
    gateways, route tables and a gateway endpoint for S3, over which Amazon Linux's package
    repositories and ECR's image layers come without NAT cost. The VPC's default security group is
    emptied.

    The range is cut into eight parts: with 10.0.0.0/16, public subnets are 10.0.0.0/19 and
    10.0.32.0/19, private ones 10.0.128.0/19 and 10.0.160.0/19; a third zone takes 10.0.64.0/19 and
    10.0.192.0/19. A subnet stays in its zone even if AWS lists the zones in another order later.
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""
    public_subnet_ids: pulumi.Output[Sequence[str]]
    """Ids of the public subnets, for the load balancer."""
    private_subnet_ids: pulumi.Output[Sequence[str]]
    """Ids of the private subnets, for the instances."""

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Network", name, {}, opts)
        settings = _Settings.from_args(args)
        self.nat_gateway_ids: list[pulumi.Output[str]] = []
        # Their ids, as many as there are before any exists; none in an adopted network.
        if settings.adopts:
            self.vpc_id = pulumi.Output.from_input(args["vpc_id"])
            self.public_subnet_ids = _ids(args["public_subnet_ids"])
            self.private_subnet_ids = _ids(args["private_subnet_ids"])
        else:
            self._create(name, settings)
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
            }
        )

    def _create(self, name: str, settings: _Settings) -> None:
        child = pulumi.ResourceOptions(parent=self)

        def tags(*role: str) -> dict[str, str]:
            return {"Name": physical_name(name, *role), **settings.tags}

        vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(settings.cidr_block),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tags(),
            opts=child,
        )
        # With neither ingress nor egress given, all rules of the group are taken away.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default", vpc_id=vpc.id, tags=tags("default"), opts=child
        )
        gateway = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=vpc.id, tags=tags("internet"), opts=child
        )

        def table(role: str) -> aws.ec2.RouteTable:
            return aws.ec2.RouteTable(f"{name}-{role}", vpc_id=vpc.id, tags=tags(role), opts=child)

        # No filter on the zones' state: a zone in trouble must not change the others' order.
        zones = aws.get_availability_zones_output(
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )

        def subnet(role: str, zone: int, part: int, routes: aws.ec2.RouteTable) -> aws.ec2.Subnet:
            created = aws.ec2.Subnet(
                f"{name}-{role}",
                vpc_id=vpc.id,
                cidr_block=settings.subnet(part),
                availability_zone=zones.names.apply(lambda names: _zone(names, zone)),
                map_public_ip_on_launch=False,
                tags=tags(role),
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["availabilityZone"]),
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-{role}", subnet_id=created.id, route_table_id=routes.id, opts=child
            )
            return created

        def nat_gateway(number: int, public: aws.ec2.Subnet) -> aws.ec2.NatGateway:
            role = f"nat-{number}"
            address = aws.ec2.Eip(f"{name}-{role}", domain="vpc", tags=tags(role), opts=child)
            return aws.ec2.NatGateway(
                f"{name}-{role}",
                allocation_id=address.id,
                subnet_id=public.id,
                tags=tags(role),
                # AWS gives a NAT gateway its way out only once the VPC has one.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
            )

        public_table = table("public")
        aws.ec2.Route(
            f"{name}-public",
            route_table_id=public_table.id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway.id,
            opts=child,
        )
        publics: list[aws.ec2.Subnet] = []
        privates: list[aws.ec2.Subnet] = []
        tables = [public_table]
        gateways: list[aws.ec2.NatGateway] = []
        for zone in range(settings.zone_count):
            number = zone + 1
            # One table a zone in any case, so that more NAT gateways only change routes.
            routes = table(f"private-{number}")
            publics.append(subnet(f"public-{number}", zone, zone, public_table))
            privates.append(subnet(f"private-{number}", zone, zone + _PRIVATE_OFFSET, routes))
            if not gateways or settings.nat_gateways is NatGateways.PER_ZONE:
                gateways.append(nat_gateway(number, publics[-1]))
            aws.ec2.Route(
                f"{name}-private-{number}",
                route_table_id=routes.id,
                destination_cidr_block=_ANYWHERE,
                nat_gateway_id=gateways[-1].id,
                opts=child,
            )
            tables.append(routes)
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=pulumi.Output.concat("com.amazonaws.", region, ".s3"),
            route_table_ids=[each.id for each in tables],
            tags=tags("s3"),
            opts=child,
        )
        self.vpc_id = vpc.id
        self.nat_gateway_ids = [each.id for each in gateways]
        self.public_subnet_ids = _ids([each.id for each in publics])
        self.private_subnet_ids = _ids([each.id for each in privates])


def _zone(names: Sequence[str], index: int) -> str:
    if index >= len(names):
        raise ArgsError(
            f"Network.zone_count: must be at most the region's number of zones ({len(names)}), "
            f"got {index + 1} or more"
        )
    return names[index]


def _ids(ids: Any) -> pulumi.Output[Sequence[str]]:
    return cast("pulumi.Output[Sequence[str]]", pulumi.Output.from_input(ids))
