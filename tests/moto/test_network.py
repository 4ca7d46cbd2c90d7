import pytest

from surgeproof.components import Network
from tests.moto.standing import Standing, aws

__all__ = ["aws"]


@pytest.fixture
def ec2(aws):
    return aws("ec2")


def subnets_by_name(ec2):
    found = ec2.describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["surgeproof-*"]}])
    return {
        next(tag["Value"] for tag in each["Tags"] if tag["Key"] == "Name"): each
        for each in found["Subnets"]
    }


def gateway_of(ec2, subnet):
    """Return the target of the route that a subnet takes to the internet."""
    (table,) = ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet["SubnetId"]]}]
    )["RouteTables"]
    (route,) = (each for each in table["Routes"] if each.get("DestinationCidrBlock") == "0.0.0.0/0")
    return route.get("GatewayId") or route["NatGatewayId"]


class TestDefaultNetwork(Standing):
    @staticmethod
    def program():
        Network("network", {})

    def test_one_nat_gateway_serves_all_private_subnets_by_default(self, ec2):
        subnets = subnets_by_name(ec2)
        (nat,) = ec2.describe_nat_gateways()["NatGateways"]
        ways = {name.rpartition("network-")[2]: gateway_of(ec2, s) for name, s in subnets.items()}
        assert ways["private-1"] == ways["private-2"] == nat["NatGatewayId"]
        assert ways["public-1"] == ways["public-2"]
        assert ways["public-1"].startswith("igw-")
        assert nat["SubnetId"] == subnets["surgeproof-test-network-public-1"]["SubnetId"]

    def test_s3_has_a_gateway_endpoint_in_every_route_table(self, ec2):
        (endpoint,) = ec2.describe_vpc_endpoints()["VpcEndpoints"]
        tables = ec2.describe_route_tables(
            Filters=[{"Name": "tag:Name", "Values": ["surgeproof-test-network-*"]}]
        )["RouteTables"]
        assert endpoint["ServiceName"] == "com.amazonaws.eu-central-1.s3"
        assert endpoint["VpcEndpointType"] == "Gateway"
        assert set(endpoint["RouteTableIds"]) == {each["RouteTableId"] for each in tables}

    def test_the_default_security_group_has_no_rules_left(self, ec2):
        (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"]
        (group,) = ec2.describe_security_groups(
            Filters=[
                {"Name": "vpc-id", "Values": [vpc["VpcId"]]},
                {"Name": "group-name", "Values": ["default"]},
            ]
        )["SecurityGroups"]
        assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])

    def test_names_resolve_inside_the_network(self, ec2):
        (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"]
        answers = [
            ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
            for attribute in ("enableDnsSupport", "enableDnsHostnames")
        ]
        assert answers[0]["EnableDnsSupport"]["Value"] is True
        assert answers[1]["EnableDnsHostnames"]["Value"] is True


class TestThreeZonesApart(Standing):
    @staticmethod
    def program():
        Network("network", {"zone_count": 3, "nat_gateways": "per_zone"})

    def test_public_and_private_subnets_are_spread_over_zones(self, ec2):
        subnets = subnets_by_name(ec2)
        placed = {
            name: (each["CidrBlock"], each["AvailabilityZone"]) for name, each in subnets.items()
        }
        assert placed == {
            "surgeproof-test-network-public-1": ("10.0.0.0/19", "eu-central-1a"),
            "surgeproof-test-network-public-2": ("10.0.32.0/19", "eu-central-1b"),
            "surgeproof-test-network-public-3": ("10.0.64.0/19", "eu-central-1c"),
            "surgeproof-test-network-private-1": ("10.0.128.0/19", "eu-central-1a"),
            "surgeproof-test-network-private-2": ("10.0.160.0/19", "eu-central-1b"),
            "surgeproof-test-network-private-3": ("10.0.192.0/19", "eu-central-1c"),
        }
        assert not any(each["MapPublicIpOnLaunch"] for each in subnets.values())

    def test_a_nat_gateway_per_zone_keeps_each_zone_apart(self, ec2):
        subnets = subnets_by_name(ec2)
        nats = {each["NatGatewayId"]: each for each in ec2.describe_nat_gateways()["NatGateways"]}
        for number in ("1", "2", "3"):
            nat = nats[gateway_of(ec2, subnets[f"surgeproof-test-network-private-{number}"])]
            assert (
                nat["SubnetId"] == subnets[f"surgeproof-test-network-public-{number}"]["SubnetId"]
            )
