import pytest

from tests.policies.analysis import (
    EGRESS,
    INGRESS,
    LISTENER,
    LOAD_BALANCER,
    PASSED,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    TARGETS,
    TEMPLATE,
    UNKNOWN,
    Thing,
    advised,
    check,
    check_stack,
    refused,
    unknown,
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


def _icmp(protocol, kind, code):
    changed = {"ipProtocol": protocol, "fromPort": kind, "toPort": code}
    rule = _ingress("balancer", "0.0.0.0/0", 0)
    return Thing(INGRESS, "rule", rule.properties | changed, {"securityGroupId": ["balancer"]})


@pytest.mark.parametrize(
    ("protocol", "kind", "code"),
    [("icmp", 3, 4), ("1", 3, 4), ("icmpv6", 2, 0), ("icmpv6", 2, -1), ("58", 2, 0)],
)
def test_path_mtu_discovery_may_come_from_anywhere(protocol, kind, code):
    assert check_stack(RULE, [*STACK, _icmp(protocol, kind, code)]) == PASSED


@pytest.mark.parametrize(
    ("protocol", "kind", "code", "got"),
    [
        ("icmp", 8, -1, "ICMP type 8, every code"),
        ("icmp", 443, 443, "ICMP type 443, code 443"),
        ("icmp", -1, -1, "ICMP of every type"),
        ("icmp", 3, -1, "ICMP type 3, every code"),
        ("icmpv6", 3, 4, "ICMPv6 type 3, code 4"),
    ],
)
def test_other_icmp_is_advised_against_by_type_and_code(protocol, kind, code, got):
    assert check_stack(RULE, [*STACK, _icmp(protocol, kind, code)]) == advised(
        "`cidrIpv4` must be narrower than every address except for path MTU discovery (ICMP type "
        f"3, code 4; ICMPv6 type 2), got `0.0.0.0/0` for {got}.",
        "rule",
    )


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


EGRESS_RULE = "security-group-no-open-egress"
OPEN_HTTPS = {
    "securityGroupId": "sg-1",
    "description": "Downloads",
    "cidrIpv4": "0.0.0.0/0",
    "ipProtocol": "tcp",
    "fromPort": 443,
    "toPort": 443,
}


@pytest.mark.parametrize(
    "thing",
    [
        Thing(EGRESS, "web", OPEN_HTTPS),
        Thing(EGRESS, "web", OPEN_HTTPS | {"cidrIpv4": "10.0.0.0/8", "ipProtocol": "-1"}),
        Thing(
            SECURITY_GROUP_RULE,
            "web",
            {"type": "ingress", "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]},
        ),
        Thing(
            SECURITY_GROUP,
            "web",
            {
                "egress": [
                    {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}
                ]
            },
        ),
    ],
    ids=["https", "narrow", "ingress", "inline"],
)
def test_narrow_egress_passes(thing):
    assert check_stack(EGRESS_RULE, [thing]) == PASSED


@pytest.mark.parametrize(
    ("thing", "at", "got"),
    [
        (Thing(EGRESS, "web", OPEN_HTTPS | {"ipProtocol": "-1"}), "cidrIpv4", "all ports"),
        (
            Thing(EGRESS, "web", OPEN_HTTPS | {"fromPort": 80, "toPort": 80}),
            "cidrIpv4",
            "port 80",
        ),
        (Thing(EGRESS, "web", OPEN_HTTPS | {"toPort": 444}), "cidrIpv4", "ports 443 to 444"),
        (
            Thing(
                SECURITY_GROUP_RULE,
                "web",
                {"type": "egress", "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]},
            ),
            "cidrBlocks[0]",
            "all ports",
        ),
        (
            Thing(
                SECURITY_GROUP, "web", {"egress": [{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}]}
            ),
            "egress[0].cidrBlocks",
            "all ports",
        ),
    ],
    ids=["all", "other port", "range", "older rule", "inline"],
)
def test_open_egress_is_refused(thing, at, got):
    assert check_stack(EGRESS_RULE, [thing]) == refused(
        f"`{at}` must be narrower than every address except on port 443, got `0.0.0.0/0` for {got}."
    )


def test_open_egress_in_ipv6_is_refused():
    thing = Thing(EGRESS, "web", {"ipProtocol": "-1", "cidrIpv6": "::/0"})

    assert check_stack(EGRESS_RULE, [thing]) == refused(
        "`cidrIpv6` must be narrower than every address except on port 443, "
        "got `::/0` for all ports."
    )


QUARTERS = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]


def test_ranges_that_are_open_alike_are_one_finding():
    four = Thing(
        SECURITY_GROUP,
        "web",
        {
            "ingress": [{"protocol": "-1", "cidrBlocks": [each]} for each in QUARTERS],
            "egress": [{"protocol": "-1", "cidrBlocks": QUARTERS}],
        },
    )

    assert check_stack(RULE, [four]) == refused(
        "`ingress[0].cidrBlocks` must be narrower than every address except on the port of a "
        "listener whose load balancer uses the group (it has none), got `0.0.0.0/2` and 3 more for "
        "all ports."
    )
    assert check_stack(EGRESS_RULE, [four]) == refused(
        "`egress[0].cidrBlocks` must be narrower than every address except on port 443, got "
        "`0.0.0.0/2` and 3 more for all ports."
    )


@pytest.mark.parametrize(
    ("protocol", "ports", "got"),
    [
        ("icmp", (3, 4), None),
        ("1", (3, 4), None),
        ("icmpv6", (2, 0), None),
        ("icmp", (-1, -1), "ICMP of every type"),
        ("icmp", (8, -1), "ICMP type 8, every code"),
        ("icmp", (443, 443), "ICMP type 443, code 443"),
    ],
)
def test_egress_of_icmp_is_judged_by_type_and_code(protocol, ports, got):
    first, last = ports
    thing = Thing(
        EGRESS, "web", OPEN_HTTPS | {"ipProtocol": protocol, "fromPort": first, "toPort": last}
    )

    assert check_stack(EGRESS_RULE, [thing]) == (
        PASSED
        if got is None
        else refused(
            "`cidrIpv4` must be narrower than every address except on port 443, got `0.0.0.0/0` "
            f"for {got}."
        )
    )


def test_further_ports_may_be_open():
    thing = Thing(EGRESS, "web", OPEN_HTTPS | {"fromPort": 5432, "toPort": 5432})

    assert check_stack(EGRESS_RULE, [thing], settings={"ports": ["443", "5432"]}) == PASSED


@pytest.mark.parametrize("path", ["cidrIpv4", "fromPort", "toPort"])
def test_unknown_egress_is_waited_for(path):
    assert check_stack(EGRESS_RULE, [unknown(EGRESS, "web", OPEN_HTTPS, path)]) == waits(path)


def test_unknown_inline_egress_is_waited_for():
    thing = unknown(SECURITY_GROUP, "web", {}, "egress")

    assert check_stack(EGRESS_RULE, [thing]) == waits("egress")


GROUP_TEXT = "security-group-described"
RULE_TEXT = "security-group-rule-described"
INLINE_TEXT = "security-group-inline-rule-described"


@pytest.mark.parametrize(
    ("rule", "type_", "properties"),
    [
        (GROUP_TEXT, SECURITY_GROUP, {"description": "Instances"}),
        (RULE_TEXT, EGRESS, OPEN_HTTPS),
        (RULE_TEXT, INGRESS, OPEN_HTTPS),
        (RULE_TEXT, SECURITY_GROUP_RULE, {"description": "Requests"}),
        (INLINE_TEXT, SECURITY_GROUP, {"ingress": [{"description": "Requests"}]}),
    ],
    ids=range(5),
)
def test_what_is_described_passes(rule, type_, properties):
    assert check(rule, type_, properties) == PASSED


@pytest.mark.parametrize(
    ("rule", "type_", "properties", "message"),
    [
        (
            GROUP_TEXT,
            SECURITY_GROUP,
            {},
            "`description` must say what it is for, got nothing.",
        ),
        (
            GROUP_TEXT,
            SECURITY_GROUP,
            {"description": "Managed by Pulumi"},
            "`description` must say what it is for, got `Managed by Pulumi`.",
        ),
        (RULE_TEXT, EGRESS, {}, "`description` must say what it lets through, got nothing."),
        (
            RULE_TEXT,
            SECURITY_GROUP_RULE,
            {"description": ""},
            "`description` must say what it lets through, got an empty text.",
        ),
        (
            INLINE_TEXT,
            SECURITY_GROUP,
            {"egress": [{"protocol": "-1"}]},
            "`egress[0].description` must say what it lets through, got nothing.",
        ),
    ],
    ids=range(5),
)
def test_what_is_not_described_is_refused(rule, type_, properties, message):
    assert check(rule, type_, properties) == refused(message)


@pytest.mark.parametrize(
    ("rule", "type_"), [(GROUP_TEXT, SECURITY_GROUP), (RULE_TEXT, EGRESS)], ids=range(2)
)
def test_an_unknown_description_is_not_decided(rule, type_):
    assert check(rule, type_, {"description": UNKNOWN}) == waits("description")


@pytest.mark.parametrize("cidr", ["0.0.0.0/1", "128.0.0.0/1", "52.0.0.0/7", "::/0", "2000::/3"])
def test_a_range_that_nearly_everybody_is_in_counts_as_open(cidr):
    rule = Thing(
        INGRESS, "rule", {"cidrIpv4": cidr, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    )

    assert check_stack(RULE, [rule]) == refused(
        "`cidrIpv4` must be narrower than every address except on the port of a listener whose "
        f"load balancer uses the group (it has none), got `{cidr}` for port 22.",
        "rule",
    )


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0/7", "10.0.0.0/8", "52.0.0.0/8", "fc00::/7", "2600::/20"]
)
def test_a_range_of_one_owner_is_not_open(cidr):
    rule = Thing(
        INGRESS, "rule", {"cidrIpv4": cidr, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    )

    passes = cidr != "10.0.0.0/7"  # it holds 11.0.0.0/8, too
    assert (check_stack(RULE, [rule]) == PASSED) is passes


@pytest.mark.parametrize("protocol", ["udp", "17"])
def test_the_port_of_an_https_listener_is_not_open_over_udp(protocol):
    things = [
        Thing(LOAD_BALANCER, "web", {"arn": "arn:lb", "securityGroups": ["sg-1"]}),
        Thing(LISTENER, "https", {"port": 443, "protocol": "HTTPS", "loadBalancerArn": "arn:lb"}),
        Thing(
            INGRESS,
            "rule",
            {
                "securityGroupId": "sg-1",
                "cidrIpv4": "0.0.0.0/0",
                "ipProtocol": protocol,
                "fromPort": 443,
                "toPort": 443,
            },
        ),
    ]

    assert check_stack(RULE, things) == refused(
        "`cidrIpv4` must be narrower than every address except on the port of a listener whose "
        "load balancer uses the group (443), got `0.0.0.0/0` for port 443 over UDP.",
        "rule",
    )


def _behind_network_balancer(**ingress):
    rule = {"protocol": "tcp", "fromPort": 8883, "toPort": 8883, "cidrBlocks": ["0.0.0.0/0"]}
    return [
        Thing(SECURITY_GROUP, "broker", {"id": "sg-1", "ingress": [rule | ingress]}),
        Thing(TARGETS, "targets", {"protocol": "TCP", "port": 8883}),
        Thing(TEMPLATE, "template", {"vpcSecurityGroupIds": ["sg-1"]}),
    ]


def test_targets_of_a_network_load_balancer_may_take_what_it_passes_on():
    assert check_stack(RULE, _behind_network_balancer()) == advised(
        "`ingress[0].cidrBlocks` must be narrower where a Network Load Balancer's own security "
        "group can take its place: its targets here answer every address, also past the load "
        "balancer, got `0.0.0.0/0` for port 8883.",
        "broker",
    )
    assert len(check_stack(RULE, _behind_network_balancer(fromPort=22, toPort=22)).refusals) == 1


def test_the_port_of_a_classic_load_balancer_is_open():
    group, *_ = _behind_network_balancer(fromPort=443, toPort=443)
    classic = Thing(
        "aws:elb/loadBalancer:LoadBalancer",
        "old",
        {"securityGroups": ["sg-1"], "listeners": [{"lbPort": 443, "instancePort": 80}]},
    )

    assert check_stack(RULE, [group, classic]) == PASSED
