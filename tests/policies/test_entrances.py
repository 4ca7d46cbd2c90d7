"""Rules on the way in and the room behind it: what each refuses, and twins that pass."""

import pytest

from tests.policies.analysis import (
    GROUP,
    LISTENER,
    LOAD_BALANCER,
    PASSED,
    WEB_ACL,
    Thing,
    advised,
    changed,
    check,
    check_stack,
    refused,
)

CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
SUBNET = "aws:ec2/subnet:Subnet"
NAT = "aws:ec2/natGateway:NatGateway"
EKS = "aws:eks/cluster:Cluster"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
CAREFUL = {
    "connectionDraining": True,
    "crossZoneLoadBalancing": True,
    "listeners": [{"lbPort": 80, "instancePort": 8080, "instanceProtocol": "http"}],
    "healthCheck": {"target": "HTTP:8080/health"},
}


@pytest.mark.parametrize(
    ("path", "value", "verdict"),
    [
        ("connectionDraining", True, PASSED),
        (
            "connectionDraining",
            False,
            refused(
                "`connectionDraining` must be true, or each instance that leaves cuts off what it "
                "is answering, got false."
            ),
        ),
        (
            "crossZoneLoadBalancing",
            False,
            advised(
                "`crossZoneLoadBalancing` must be true, or each zone carries its share with the "
                "instances that it has, got false."
            ),
        ),
        (
            "healthCheck.target",
            "TCP:22",
            refused(
                "`healthCheck.target` must ask the port that the instances serve on, got `TCP:22`."
            ),
        ),
        (
            "healthCheck.target",
            "TCP:8080",
            advised(
                "`healthCheck.target` must ask a page by HTTP, as an open port says nothing of the "
                "application, got `TCP:8080`."
            ),
        ),
    ],
)
def test_a_classic_load_balancer_is_careful(path, value, verdict):
    assert check("lb-classic-is-careful", CLASSIC, changed(CAREFUL, path, value)) == verdict


@pytest.mark.parametrize("named", [True, False])
def test_a_web_acl_is_associated(named):
    stack = [
        Thing(WEB_ACL, "web", {"arn": "acl", "scope": "REGIONAL"}),
        Thing(LOAD_BALANCER, "front", {"arn": "lb"}),
        Thing(ASSOCIATION, "between", {"webAclArn": "acl" if named else "other"}),
    ]

    assert check_stack("web-acl-is-associated", stack) == (
        PASSED
        if named
        else advised(
            "`scope` must be associated with what it is to guard, got a web ACL that no "
            "association of this stack names."
        )
    )


@pytest.mark.parametrize(("limit", "passes"), [(500, True), (100, False)])
def test_a_rate_rule_spares_users_of_one_address(limit, passes):
    acl = {"rules": [{"statement": {"rateBasedStatement": {"limit": limit}}}]}

    assert check("web-acl-rate-spares-users", WEB_ACL, acl) == (
        PASSED
        if passes
        else advised(
            "`rules[0].statement.rateBasedStatement.limit` must be at least 500 (leastLimit): an "
            "office or a carrier shares one address, got 100."
        )
    )


def _network(front="ab", cidr="10.0.{}.0/24"):
    subnets = [
        Thing(
            SUBNET,
            f"subnet-{zone}",
            {
                "id": f"subnet-{zone}",
                "availabilityZone": f"eu-west-1{zone}",
                "cidrBlock": cidr.format(number),
            },
        )
        for number, zone in enumerate("abc")
    ]
    return [
        *subnets,
        Thing(LOAD_BALANCER, "front", {"arn": "lb", "subnets": [f"subnet-{at}" for at in front]}),
        Thing(
            LISTENER,
            "in",
            {"loadBalancerArn": "lb", "defaultActions": [{"targetGroupArn": "targets"}]},
        ),
        Thing(
            GROUP,
            "web",
            {
                "maxSize": 40,
                "vpcZoneIdentifiers": ["subnet-a", "subnet-b"],
                "targetGroupArns": ["targets"],
            },
        ),
    ]


def test_a_group_lies_in_zones_that_its_load_balancer_uses():
    assert check_stack("asg-zones-are-served", _network()) == PASSED
    assert check_stack("asg-zones-are-served", _network(front="a")) == PASSED  # lb-spans-zones
    assert check_stack("asg-zones-are-served", _network(front="ac")) == refused(
        "`vpcZoneIdentifiers` must lie in zones that LoadBalancer `front` uses, got one in "
        "`eu-west-1b`, whose instances get no requests."
    )


def test_a_group_has_addresses_for_its_maximum():
    assert check_stack("asg-has-addresses", _network()) == PASSED
    assert check_stack("asg-has-addresses", _network(cidr="10.0.{}.0/28")) == refused(
        "`vpcZoneIdentifiers` must have an address for each of at most 40 instances, got 22 in 2 "
        "subnets."
    )


def test_each_zone_has_a_gateway():
    one, two = (Thing(NAT, name, {}) for name in ("one", "two"))

    assert check_stack("nat-gateway-per-zone", [*_network(), one, two]) == PASSED
    assert check_stack("nat-gateway-per-zone", [*_network(), one]) == advised(
        "`subnetId` must stand in each of 2 zones, one gateway each, got one gateway for all of "
        "them.",
        "one",
    )


@pytest.mark.parametrize(
    ("config", "verdict"),
    [
        ({"publicAccessCidrs": ["192.0.2.0/24"]}, PASSED),
        ({"endpointPublicAccess": False}, PASSED),
        (
            {"endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]},
            refused(
                "`vpcConfig.publicAccessCidrs` must name who may reach the Kubernetes API, or "
                "`endpointPublicAccess` be false, got everybody."
            ),
        ),
        (
            {"subnetIds": []},
            advised(
                "`vpcConfig.publicAccessCidrs` must name who may reach the Kubernetes API, or "
                "`endpointPublicAccess` be false, got nothing, which means everybody."
            ),
        ),
    ],
)
def test_the_kubernetes_api_is_not_open(config, verdict):
    assert check("eks-endpoint-is-not-open", EKS, {"vpcConfig": config}) == verdict
