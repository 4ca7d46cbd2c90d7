"""The network that the load balancer and the instances live in."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws

from surgeproof.components.naming import physical_name
from surgeproof.components.rules import TAGS
from surgeproof.settings.aws_limits import breach
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.errors import ArgsError
from surgeproof.settings.fields import choice, items, text, whole


class NatGateways(StrEnum):
    """How private subnets reach the internet."""

    ONE = "one"
    """One NAT gateway for all zones: cheapest; when its zone fails, no instance in any zone can
    download what it needs to start."""
    PER_ZONE = "per_zone"
    """One NAT gateway in each zone: a zone's failure stays in that zone."""


def _cidr_block_breach(value: str) -> str | None:
    rule = breach(_VPC, "cidrBlock", value)
    too_small = rule is None and ipaddress.IPv4Network(value).prefixlen > 25
    return "be /25 or larger, to hold six subnets" if too_small else rule


_VPC: Final = "aws:ec2/vpc:Vpc"
_SUBNETS: Final = items(
    "list of at least 2 ids",
    "be a list of at least two subnets",
    item=text(
        must="be the id of a subnet, such as subnet-0123456789abcdef0",
        pattern="subnet-[0-9a-f]{8,17}",
    ),
    low=2,
    once=True,
    default=None,
    behaviour="they are created",
)


class NetworkArgs(TypedDict):
    """Where the stack lives: a network of its own, or an existing one by its three ids."""

    cidr_block: NotRequired[
        Annotated[
            str,
            text(
                "IPv4 range, /16 to /25",
                "be an IPv4 range such as 10.0.0.0/16",
                check=_cidr_block_breach,
                default="10.0.0.0/16",
            ),
        ]
    ]
    """IPv4 range of the network."""
    zone_count: NotRequired[Annotated[int, whole("zones", 2, 3, default=2)]]
    """Availability Zones to spread over."""
    nat_gateways: NotRequired[Annotated[NatGateways, choice(NatGateways, default=NatGateways.ONE)]]
    """How instances reach the internet: through one NAT gateway (cheapest; when its zone fails, no
    instance can download what it needs to start) or through one in each zone."""
    vpc_id: NotRequired[
        Annotated[
            pulumi.Input[str],
            text(
                "id",
                "be the id of a VPC, such as vpc-0123456789abcdef0",
                pattern="vpc-[0-9a-f]{8,17}",
                default=None,
                behaviour="a network is created",
            ),
        ]
    ]
    """Existing network to use; nothing is created then."""
    public_subnet_ids: NotRequired[Annotated[pulumi.Input[Sequence[pulumi.Input[str]]], _SUBNETS]]
    """Public subnets of the existing network, in different zones."""
    private_subnet_ids: NotRequired[Annotated[pulumi.Input[Sequence[pulumi.Input[str]]], _SUBNETS]]
    """Private subnets of the existing network, in different zones."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags for all that is created."""


_ANYWHERE = "0.0.0.0/0"
_PRIVATE_OFFSET = 4
"""The range is cut into eight: public subnets from the first, private ones from the fifth, so that
a third zone moves no subnet."""


def _adopted(values: Values) -> Iterator[Problem]:
    given = [name for name in _ADOPTED if name in values.given]
    for name in _ADOPTED if given else ():
        if name not in given:
            others = " and ".join(f"{{{each}}}" for each in given)
            yield Problem((name,), f"be given together with {others}", None)


def _left_out(values: Values) -> Iterator[Problem]:
    if "vpc_id" in values.given:
        for name in ("cidr_block", "zone_count", "nat_gateways"):
            if name in values.given:
                must = "be left out when a network is adopted ({vpc_id})"
                yield Problem((name,), must, values[name])


_ADOPTED: Final = ("vpc_id", "public_subnet_ids", "private_subnet_ids")
NETWORK: Final = Definition("Network", NetworkArgs, relations=(_adopted, _left_out))


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
        settings = NETWORK.check(args)
        self.nat_gateway_ids: list[pulumi.Output[str]] = []
        # Their ids, as many as there are before any exists; none in an adopted network.
        if "vpc_id" in settings:
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

    def _create(self, name: str, settings: NetworkArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)

        def tags(*role: str) -> dict[str, str]:
            return {"Name": physical_name(name, *role), **settings.get("tags", {})}

        parts = [*ipaddress.IPv4Network(settings["cidr_block"]).subnets(prefixlen_diff=3)]
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=settings["cidr_block"],
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
                cidr_block=str(parts[part]),
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
        for zone in range(settings["zone_count"]):
            number = zone + 1
            # One table a zone in any case, so that more NAT gateways only change routes.
            routes = table(f"private-{number}")
            publics.append(subnet(f"public-{number}", zone, zone, public_table))
            privates.append(subnet(f"private-{number}", zone, zone + _PRIVATE_OFFSET, routes))
            if not gateways or settings["nat_gateways"] is NatGateways.PER_ZONE:
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
