import pytest

from tests.policies.analysis import (
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    PASSED,
    REMOVED,
    UNKNOWN,
    Thing,
    changed,
    check,
    check_stack,
    refused,
    undecided,
    waits,
)

HTTPS = {
    "loadBalancerArn": UNKNOWN,
    "port": 443,
    "protocol": "HTTPS",
    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "certificateArn": UNKNOWN,
    "defaultActions": [{"type": "forward", "targetGroupArn": UNKNOWN}],
}
REDIRECT = {
    "loadBalancerArn": UNKNOWN,
    "port": 80,
    "protocol": "HTTP",
    "defaultActions": [
        {"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}
    ],
}
BALANCER = {
    "loadBalancerType": "application",
    "subnets": [UNKNOWN, UNKNOWN],
    "accessLogs": {"bucket": UNKNOWN, "enabled": True},
    "dropInvalidHeaderFields": True,
    "enableDeletionProtection": True,
}
MODULES = ["lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing"]


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_the_listener_type_is_judged(module):
    plain = HTTPS | {"protocol": "HTTP"}

    verdict = check("lb-listener-serves-https", f"aws:{module}/listener:Listener", plain)

    assert len(verdict.refusals) == 1


@pytest.mark.parametrize(
    "rule",
    [
        "lb-listener-serves-https",
        "lb-listener-redirects-to-https",
        "lb-listener-tls-policy",
    ],
)
@pytest.mark.parametrize("listener", [HTTPS, REDIRECT], ids=["https", "redirect"])
def test_https_and_its_redirect_pass(rule, listener):
    assert check(rule, LISTENER, listener) == PASSED


@pytest.mark.parametrize(
    ("listener", "verdict"),
    [
        pytest.param(
            HTTPS | {"protocol": "HTTP"},
            refused(
                "`protocol` must be `HTTPS` unless every default action is a redirect, got `HTTP`."
            ),
            id="http",
        ),
        pytest.param(
            changed(HTTPS, "protocol", REMOVED),
            refused(
                "`protocol` must be `HTTPS` unless every default action is a redirect, "
                "got nothing, which means HTTP."
            ),
            id="default-protocol",
        ),
        pytest.param(
            {"loadBalancerArn": UNKNOWN, "defaultActions": [{"type": "forward"}]},
            PASSED,
            id="gateway-load-balancer",
        ),
        pytest.param(HTTPS | {"protocol": UNKNOWN}, waits("protocol"), id="unknown-protocol"),
        pytest.param(REDIRECT | {"protocol": UNKNOWN}, PASSED, id="redirect-in-any-protocol"),
        pytest.param(
            REDIRECT | {"defaultActions": UNKNOWN}, waits("defaultActions"), id="unknown-actions"
        ),
        pytest.param(
            changed(REDIRECT, "defaultActions[0].type", UNKNOWN),
            waits("defaultActions"),
            id="unknown-action",
        ),
        pytest.param(HTTPS | {"protocol": "TCP"}, PASSED, id="network-load-balancer"),
    ],
)
def test_listener_serves_https(listener, verdict):
    assert check("lb-listener-serves-https", LISTENER, listener) == verdict


@pytest.mark.parametrize(
    ("path", "value", "verdict"),
    [
        (
            "defaultActions[0].redirect.protocol",
            "HTTP",
            refused("`defaultActions[0].redirect.protocol` must be `HTTPS`, got `HTTP`."),
        ),
        (
            "defaultActions[0].redirect.protocol",
            REMOVED,
            refused(
                "`defaultActions[0].redirect.protocol` must be `HTTPS`, "
                "got nothing, which keeps the request's HTTP."
            ),
        ),
        (
            "defaultActions[0].redirect.protocol",
            UNKNOWN,
            waits("defaultActions[0].redirect.protocol"),
        ),
    ],
    ids=["http", "none", "unknown"],
)
def test_redirect_goes_to_https(path, value, verdict):
    listener = changed(REDIRECT, path, value)

    assert check("lb-listener-redirects-to-https", LISTENER, listener) == verdict


def test_redirect_of_an_unknown_protocol_to_http_is_not_decided():
    listener = changed(REDIRECT, "defaultActions[0].redirect.protocol", "HTTP")

    verdict = check("lb-listener-redirects-to-https", LISTENER, listener | {"protocol": UNKNOWN})

    assert verdict == waits("protocol")


@pytest.mark.parametrize(
    "policy",
    [
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "ELBSecurityPolicy-TLS13-1-3-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04",
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    ],
)
def test_recommended_tls_policies_pass(policy):
    assert check("lb-listener-tls-policy", LISTENER, HTTPS | {"sslPolicy": policy}) == PASSED


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("ELBSecurityPolicy-2016-08", "`ELBSecurityPolicy-2016-08`"),
        ("ELBSecurityPolicy-TLS13-1-0-2021-06", "`ELBSecurityPolicy-TLS13-1-0-2021-06`"),
        ("ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", "`ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06`"),
        (REMOVED, "nothing"),
    ],
    ids=["2016", "tls-1.0", "extended-ciphers", "default"],
)
def test_weak_tls_policies_are_refused(value, got):
    verdict = check("lb-listener-tls-policy", LISTENER, changed(HTTPS, "sslPolicy", value))

    assert verdict == refused(
        "`sslPolicy` must be a policy that refuses TLS 1.1, such as "
        f"`ELBSecurityPolicy-TLS13-1-2-2021-06`, got {got}."
    )


def test_unknown_tls_policy_is_not_decided():
    verdict = check("lb-listener-tls-policy", LISTENER, HTTPS | {"sslPolicy": UNKNOWN})

    assert verdict == waits("sslPolicy")


def test_weak_policy_waits_while_the_protocol_is_unknown():
    listener = HTTPS | {"protocol": UNKNOWN, "sslPolicy": "ELBSecurityPolicy-2016-08"}

    assert check("lb-listener-tls-policy", LISTENER, listener) == waits("protocol")


@pytest.mark.parametrize(
    "rule",
    ["lb-access-logs", "lb-deletion-protection", "lb-drops-invalid-headers", "lb-spans-zones"],
)
@pytest.mark.parametrize("module", MODULES)
def test_a_safe_load_balancer_passes(rule, module):
    assert check(rule, f"aws:{module}/loadBalancer:LoadBalancer", BALANCER) == PASSED


@pytest.mark.parametrize(
    ("rule", "path", "value", "message"),
    [
        (
            "lb-access-logs",
            "accessLogs.enabled",
            False,
            "`accessLogs.enabled` must be true, got false.",
        ),
        (
            "lb-access-logs",
            "accessLogs.enabled",
            REMOVED,
            "`accessLogs.enabled` must be true, got nothing.",
        ),
        (
            "lb-access-logs",
            "accessLogs.bucket",
            "",
            "`accessLogs.bucket` must name a bucket, got an empty text.",
        ),
        (
            "lb-deletion-protection",
            "enableDeletionProtection",
            REMOVED,
            "`enableDeletionProtection` must be true, got nothing.",
        ),
        (
            "lb-drops-invalid-headers",
            "dropInvalidHeaderFields",
            False,
            "`dropInvalidHeaderFields` must be true, got false.",
        ),
        (
            "lb-spans-zones",
            "subnets",
            [UNKNOWN],
            "`subnets` must name subnets in at least 2 Availability Zones, got 1.",
        ),
        (
            "lb-spans-zones",
            "subnets",
            REMOVED,
            "`subnets` must name subnets in at least 2 Availability Zones, got 0.",
        ),
    ],
)
def test_an_unsafe_load_balancer_is_refused(rule, path, value, message):
    assert check(rule, LOAD_BALANCER, changed(BALANCER, path, value)) == refused(message)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("lb-access-logs", "accessLogs.enabled"),
        ("lb-deletion-protection", "enableDeletionProtection"),
        ("lb-drops-invalid-headers", "dropInvalidHeaderFields"),
        ("lb-spans-zones", "subnets"),
    ],
)
def test_an_unknown_property_of_a_load_balancer_is_not_decided(rule, path):
    verdict = check(rule, LOAD_BALANCER, changed(BALANCER, path, UNKNOWN))

    assert verdict == waits(path)


def test_a_network_load_balancer_has_no_headers_and_may_stand_in_one_zone():
    network = BALANCER | {
        "loadBalancerType": "network",
        "dropInvalidHeaderFields": False,
        "subnets": [UNKNOWN],
    }

    for rule in ("lb-drops-invalid-headers", "lb-spans-zones"):
        assert check(rule, LOAD_BALANCER, network) == PASSED


def test_an_unknown_kind_of_load_balancer_is_not_decided():
    unknown = BALANCER | {"loadBalancerType": UNKNOWN, "dropInvalidHeaderFields": False}

    assert check("lb-drops-invalid-headers", LOAD_BALANCER, unknown) == waits("loadBalancerType")


def _listener_rule(action, listener, **needs):
    return Thing(
        LISTENER_RULE, "api", {"listenerArn": listener, "actions": [{"type": action}]}, needs
    )


@pytest.mark.parametrize(
    ("things", "verdict"),
    [
        pytest.param(
            [
                Thing(LISTENER, "http", REDIRECT),
                _listener_rule("forward", UNKNOWN, listenerArn=["http"]),
            ],
            refused(
                "`actions[0].type` must be `redirect`, as Listener `http` speaks plain HTTP, "
                "got `forward`.",
                "api",
            ),
            id="preview",
        ),
        pytest.param(
            [
                Thing(LISTENER, "http", REDIRECT | {"arn": "arn:1"}),
                Thing(LISTENER, "https", HTTPS | {"arn": "arn:2"}),
                _listener_rule("forward", "arn:1"),
            ],
            refused(
                "`actions[0].type` must be `redirect`, as Listener `http` speaks plain HTTP, "
                "got `forward`.",
                "api",
            ),
            id="up",
        ),
        pytest.param(
            [
                Thing(LISTENER, "https", HTTPS),
                _listener_rule("forward", UNKNOWN, listenerArn=["https"]),
            ],
            PASSED,
            id="https",
        ),
        pytest.param(
            [
                Thing(LISTENER, "http", REDIRECT),
                _listener_rule("redirect", UNKNOWN, listenerArn=["http"]),
            ],
            PASSED,
            id="redirect",
        ),
        pytest.param(
            [
                Thing(LISTENER, "http", REDIRECT),
                Thing(LISTENER, "https", HTTPS),
                _listener_rule("forward", UNKNOWN, listenerArn=["http", "https"]),
            ],
            waits("listenerArn", "api"),
            id="either-of-two",
        ),
        pytest.param(
            [_listener_rule("forward", "arn:elsewhere")],
            undecided("`listenerArn` names a listener outside this stack.", "api"),
            id="outside",
        ),
        pytest.param(
            [
                Thing(LISTENER, "some", HTTPS | {"protocol": UNKNOWN}, {"protocol": ["api"]}),
                _listener_rule("forward", UNKNOWN, listenerArn=["some"]),
            ],
            waits("protocol", "some"),
            id="unknown-protocol",
        ),
    ],
)
def test_rules_of_a_plain_listener_only_redirect(things, verdict):
    assert check_stack("lb-listener-rule-serves-https", things) == verdict
