import pytest

from surgeproof.components import ArgsError, NatGateways, Network, NetworkArgs
from surgeproof.components.service.network import NETWORK
from tests.unit.recording import Recording, record

ADOPTED: NetworkArgs = {
    "vpc_id": "vpc-01234567",
    "public_subnet_ids": ["subnet-01234561", "subnet-01234562"],
    "private_subnet_ids": ["subnet-01234563", "subnet-01234564"],
}


def build(args: NetworkArgs) -> Recording:
    return record(lambda: Network("network", args))


def test_defaults():
    settings = NETWORK.check({})

    assert settings == {
        "cidr_block": "10.0.0.0/16",
        "zone_count": 2,
        "nat_gateways": NatGateways.ONE,
    }


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            {"cidr_block": "10.0.0.1/16"},
            (
                "Network.cidr_block: must be an IPv4 range from /16 to /28 without host bits, "
                "got '10.0.0.1/16'"
            ),
        ),
        (
            {"cidr_block": "10.0.0.0/26"},
            "Network.cidr_block: must be /25 or larger, to hold six subnets, got '10.0.0.0/26'",
        ),
        ({"zone_count": 1}, "Network.zone_count: must be a whole number from 2 to 3, got 1"),
        ({"zone_count": 2.5}, "Network.zone_count: must be a whole number from 2 to 3, got 2.5"),
        ({"zone_count": True}, "Network.zone_count: must be a whole number from 2 to 3, got true"),
        (
            {"nat_gateways": "two"},
            "Network.nat_gateways: must be one of one, per_zone, got 'two'",
        ),
        (
            {**ADOPTED, "zone_count": 3},
            "Network.zone_count: must be left out when a network is adopted (vpc_id), got 3",
        ),
        (
            {**ADOPTED, "public_subnet_ids": ["subnet-01234561"]},
            ("Network.public_subnet_ids: must be a list of at least two subnets, got a list of 1"),
        ),
        (
            {"tags": {"team": 1}},
            "Network.tags.team: must be a text (put numbers and true or false into quotes), got 1",
        ),
        (
            {"zone_counts": 3},
            (
                "Network.zone_counts: must be a key that exists (nearest: zone_count), "
                "got 'zone_counts'"
            ),
        ),
    ],
)
def test_wrong_arguments_are_refused(args, message):
    with pytest.raises(ArgsError) as error:
        NETWORK.check(args)

    assert str(error.value) == message


def test_adopting_needs_all_three_ids_and_says_so_at_once():
    with pytest.raises(ArgsError) as error:
        NETWORK.check({"vpc_id": "vpc-01234567"})

    assert str(error.value).splitlines() == [
        ("Network.public_subnet_ids: must be given together with vpc_id, got nothing"),
        ("Network.private_subnet_ids: must be given together with vpc_id, got nothing"),
    ]


def test_whole_numbers_may_arrive_as_floats():
    assert NETWORK.check({"zone_count": 3.0})["zone_count"] == 3


def test_subnets_lie_in_separate_zones_and_a_third_zone_moves_none():
    two = build({}).resources["Subnet"]
    three = build({"zone_count": 3}).resources["Subnet"]

    assert {name: (each["cidrBlock"], each["availabilityZone"]) for name, each in two.items()} == {
        "network-public-1": ("10.0.0.0/19", "eu-central-1a"),
        "network-public-2": ("10.0.32.0/19", "eu-central-1b"),
        "network-private-1": ("10.0.128.0/19", "eu-central-1a"),
        "network-private-2": ("10.0.160.0/19", "eu-central-1b"),
    }
    assert two.items() <= three.items()


def test_no_subnet_gives_its_instances_public_addresses():
    subnets = build({}).resources["Subnet"]

    assert {each["mapPublicIpOnLaunch"] for each in subnets.values()} == {False}


@pytest.mark.parametrize(
    ("nat_gateways", "used"),
    [
        ("one", {"network-private-1": 1, "network-private-2": 1}),
        ("per_zone", {"network-private-1": 1, "network-private-2": 2}),
    ],
)
def test_private_subnets_go_out_by_nat_gateways(nat_gateways, used):
    recording = build({"nat_gateways": nat_gateways})

    routes = recording.resources["Route"]
    expected = {name: f"network-nat-{number}-id" for name, number in used.items()}
    assert {name: routes[name]["natGatewayId"] for name in used} == expected
    assert len(recording.resources["NatGateway"]) == len(set(used.values()))
    assert routes["network-public"]["gatewayId"] == "network-internet-id"


def test_s3_is_reached_without_nat_from_every_subnet():
    recording = build({})

    endpoint = recording.only("VpcEndpoint")
    assert endpoint["serviceName"] == "com.amazonaws.eu-central-1.s3"
    assert endpoint["vpcEndpointType"] == "Gateway"
    tables = {
        each["routeTableId"] for each in recording.resources["RouteTableAssociation"].values()
    }
    assert set(endpoint["routeTableIds"]) == tables


def test_the_default_security_group_allows_nothing():
    group = build({}).only("DefaultSecurityGroup")

    assert group == {"vpcId": "network-id", "tags": {"Name": "shop-test-network-default"}}


def test_tags_reach_what_is_created():
    recording = build({"tags": {"team": "web"}})

    assert recording.only("Vpc")["tags"] == {"Name": "shop-test-network", "team": "web"}


def test_an_adopted_network_creates_nothing():
    recording = build(ADOPTED)

    assert set(recording.resources) == {"Network"}
    assert recording.outputs == ADOPTED


def test_outputs_are_the_created_ids():
    assert build({}).outputs == {
        "vpc_id": "network-id",
        "public_subnet_ids": ["network-public-1-id", "network-public-2-id"],
        "private_subnet_ids": ["network-private-1-id", "network-private-2-id"],
    }
