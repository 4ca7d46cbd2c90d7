import pytest

from tests.policies.analysis import (
    INGRESS,
    LISTENER,
    LOAD_BALANCER,
    PASSED,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    UNKNOWN,
    Thing,
    check_stack,
    refused,
    waits,
)

RULE = "security-group-no-open-ingress"
GROUP_OF_BALANCER = Thing(SECURITY_GROUP, "balancer", {"id": UNKNOWN, "ingress": UNKNOWN})
GROUP_OF_APP = Thing(SECURITY_GROUP, "app", {"id": UNKNOWN, "ingress": UNKNOWN})
BALANCER = Thing(
    LOAD_BALANCER, "web", {"securityGroups": [UNKNOWN]}, {"securityGroups": ["balancer"]}
)
LISTENERS = [
    Thing(
        LISTENER,
        f"port-{port}",
        {"port": port, "loadBalancerArn": UNKNOWN},
        {"loadBalancerArn": ["web"]},
    )
    for port in (80, 443)
]
STACK = [GROUP_OF_BALANCER, GROUP_OF_APP, BALANCER, *LISTENERS]
MUST = (
    "must be narrower than every address except on the port of a listener whose load balancer "
    "uses the group"
)


def _ingress(group, cidr, first, last=None, key="cidrIpv4"):
    properties = {
        "securityGroupId": UNKNOWN,
        key: cidr,
        "ipProtocol": "tcp",
        "fromPort": first,
        "toPort": first if last is None else last,
    }
    return Thing(INGRESS, "rule", properties, {"securityGroupId": [group]})


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(_ingress("balancer", "0.0.0.0/0", 443), id="listener-port"),
        pytest.param(_ingress("balancer", "::/0", 80, key="cidrIpv6"), id="listener-port-ipv6"),
        pytest.param(_ingress("app", "10.0.0.0/16", 22), id="private"),
        pytest.param(
            Thing(INGRESS, "rule", {"referencedSecurityGroupId": UNKNOWN, "fromPort": 8080}),
            id="from-another-group",
        ),
        pytest.param(
            Thing(SECURITY_GROUP_RULE, "rule", {"type": "egress", "cidrBlocks": ["0.0.0.0/0"]}),
            id="egress",
        ),
    ],
)
def test_needed_ingress_passes(rule):
    assert check_stack(RULE, [*STACK, rule]) == PASSED


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(
            _ingress("balancer", "0.0.0.0/0", 22),
            f"`cidrIpv4` {MUST} (80, 443), got `0.0.0.0/0` for port 22.",
            id="other-port",
        ),
        pytest.param(
            _ingress("app", "0.0.0.0/0", 443),
            f"`cidrIpv4` {MUST} (it has none), got `0.0.0.0/0` for port 443.",
            id="listener-port-on-another-group",
        ),
        pytest.param(
            _ingress("balancer", "::/0", 0, 65535, key="cidrIpv6"),
            f"`cidrIpv6` {MUST} (80, 443), got `::/0` for ports 0 to 65535.",
            id="port-range",
        ),
        pytest.param(
            Thing(
                SECURITY_GROUP_RULE,
                "rule",
                {
                    "type": "ingress",
                    "securityGroupId": UNKNOWN,
                    "cidrBlocks": ["10.0.0.0/16", "0.0.0.0/0"],
                    "protocol": "-1",
                    "fromPort": 0,
                    "toPort": 0,
                },
                {"securityGroupId": ["app"]},
            ),
            f"`cidrBlocks[1]` {MUST} (it has none), got `0.0.0.0/0` for all ports.",
            id="security-group-rule",
        ),
    ],
)
def test_open_ingress_is_refused(rule, message):
    assert check_stack(RULE, [*STACK, rule]) == refused(message, "rule")


def test_inline_ingress_is_judged_too():
    inline = Thing(
        SECURITY_GROUP,
        "inline",
        {"ingress": [{"fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}]},
    )

    assert check_stack(RULE, [inline]) == refused(
        f"`ingress[0].cidrBlocks` {MUST} (it has none), got `0.0.0.0/0` for port 22.", "inline"
    )


def test_after_up_the_group_is_recognized_by_its_id():
    things = [
        Thing(LOAD_BALANCER, "web", {"arn": "arn:lb", "securityGroups": ["sg-1"]}),
        Thing(LISTENER, "https", {"port": 443, "loadBalancerArn": "arn:lb"}),
        Thing(
            INGRESS,
            "rule",
            {"securityGroupId": "sg-1", "cidrIpv4": "0.0.0.0/0", "fromPort": 443, "toPort": 443},
        ),
    ]

    assert check_stack(RULE, things) == PASSED


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        pytest.param(
            Thing(INGRESS, "rule", {"cidrIpv4": UNKNOWN}, {"cidrIpv4": ["web"]}),
            "cidrIpv4",
            id="range",
        ),
        pytest.param(
            Thing(
                INGRESS,
                "rule",
                {"cidrIpv4": "0.0.0.0/0", "fromPort": UNKNOWN, "toPort": 443},
                {"fromPort": ["web"]},
            ),
            "fromPort",
            id="port",
        ),
        pytest.param(
            Thing(
                INGRESS,
                "rule",
                {
                    "securityGroupId": UNKNOWN,
                    "cidrIpv4": "0.0.0.0/0",
                    "fromPort": 443,
                    "toPort": 443,
                },
                {"securityGroupId": ["app", "balancer"]},
            ),
            "securityGroupId",
            id="either-of-two-groups",
        ),
    ],
)
def test_unknown_ingress_is_not_decided(rule, path):
    assert check_stack(RULE, [*STACK, rule]) == waits(path, "rule")
