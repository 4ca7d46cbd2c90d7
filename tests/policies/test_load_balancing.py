import pytest

from tests.policies.analysis import (
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    PASSED,
    REMOVED,
    TARGETS,
    UNKNOWN,
    Thing,
    Verdict,
    advised,
    changed,
    check,
    check_stack,
    failed,
    refused,
    undecided,
    unknown,
    waits,
)

HTTPS = {
    "loadBalancerArn": UNKNOWN,
    "port": 443,
    "protocol": "HTTPS",
    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
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


@pytest.mark.parametrize(
    "name",
    [
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
        "ELBSecurityPolicy-TLS-1-2-2017-01",
        "ELBSecurityPolicy-FS-1-2-Res-2020-10",
    ],
)
def test_policies_that_allow_more_ciphers_than_aws_recommends_are_advised_against(name):
    assert check("lb-listener-tls-policy", LISTENER, HTTPS | {"sslPolicy": name}) == advised(
        "`sslPolicy` must be a policy that AWS recommends, such as "
        f"`ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`, got `{name}`, which allows TLS 1.2 with "
        "ciphers without forward secrecy or in CBC mode."
    )


def test_plain_http_behind_an_internal_load_balancer_is_advised_against():
    inside = Thing(LOAD_BALANCER, "inside", {"arn": "lb", "internal": True})
    listener = Thing(LISTENER, "web", HTTPS | {"loadBalancerArn": "lb", "protocol": "HTTP"})

    assert check_stack("lb-listener-serves-https", [inside, listener]) == advised(
        "`protocol` must be `HTTPS` unless every default action is a redirect, got `HTTP`."
    )


@pytest.mark.parametrize(
    ("protocol", "verdict"),
    [("TCP", PASSED), ("TLS", refused("`accessLogs.enabled` must be true, got nothing."))],
)
def test_a_network_load_balancer_logs_what_comes_by_tls(protocol, verdict):
    balancer = Thing(LOAD_BALANCER, "web", {"arn": "lb", "loadBalancerType": "network"})
    listener = Thing(LISTENER, "in", {"loadBalancerArn": "lb", "protocol": protocol})

    assert check_stack("lb-access-logs", [balancer, listener]) == verdict


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
        "ELBSecurityPolicy-TLS13-1-3-2021-06",
        "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
        "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    ],
)
def test_recommended_tls_policies_pass(policy):
    assert check("lb-listener-tls-policy", LISTENER, HTTPS | {"sslPolicy": policy}) == PASSED


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("ELBSecurityPolicy-2016-08", "`ELBSecurityPolicy-2016-08`, which allows TLS 1.0"),
        ("ELBSecurityPolicy-FS-2018-06", "`ELBSecurityPolicy-FS-2018-06`, which allows TLS 1.0"),
        (
            "ELBSecurityPolicy-TLS13-1-0-2021-06",
            "`ELBSecurityPolicy-TLS13-1-0-2021-06`, which allows TLS 1.0",
        ),
        (
            "ELBSecurityPolicy-TLS-1-1-2017-01",
            "`ELBSecurityPolicy-TLS-1-1-2017-01`, which allows TLS 1.1",
        ),
        (
            "ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04",
            "`ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04`, which allows TLS 1.1",
        ),
        ("mine", "`mine`"),
        (REMOVED, "nothing, which means `ELBSecurityPolicy-2016-08` and allows TLS 1.0"),
    ],
    ids=["2016", "secrecy", "tls-1.0", "tls-1.1", "fips", "unknown", "default"],
)
def test_policies_that_allow_old_tls_are_refused(value, got):
    verdict = check("lb-listener-tls-policy", LISTENER, changed(HTTPS, "sslPolicy", value))

    assert verdict == refused(
        "`sslPolicy` must be a policy that AWS recommends, such as "
        f"`ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`, got {got}."
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


def test_a_network_load_balancer_has_no_headers():
    network = BALANCER | {
        "loadBalancerType": "network",
        "dropInvalidHeaderFields": False,
    }

    assert check("lb-drops-invalid-headers", LOAD_BALANCER, network) == PASSED


def test_a_network_load_balancer_in_one_zone_is_refused():
    network = BALANCER | {"loadBalancerType": "network", "subnets": ["subnet-1"]}

    assert check("lb-spans-zones", LOAD_BALANCER, network) == refused(
        "`subnets` must name subnets in at least 2 Availability Zones, got 1."
    )


def test_subnets_may_be_mapped_to_addresses():
    mapped = {"subnetMappings": [{"subnetId": "subnet-1"}, {"subnetId": "subnet-2"}]}

    assert check("lb-spans-zones", LOAD_BALANCER, mapped) == PASSED
    assert check("lb-spans-zones", LOAD_BALANCER, {"subnetMappings": [{}]}) == refused(
        "`subnetMappings` must name subnets in at least 2 Availability Zones, got 1."
    )


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        ("lb-drops-invalid-headers", "dropInvalidHeaderFields", False),
        ("lb-spans-zones", "subnets", [UNKNOWN]),
    ],
)
def test_an_unknown_kind_of_load_balancer_is_not_decided(rule, path, value):
    unknown = BALANCER | {"loadBalancerType": UNKNOWN, path: value}

    assert check(rule, LOAD_BALANCER, unknown) == waits("loadBalancerType")


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
        pytest.param(
            [
                Thing(LISTENER, "http", REDIRECT | {"id": "arn:1"}),
                unknown(LISTENER_RULE, "api", {"listenerArn": "arn:1"}, "actions"),
            ],
            waits("actions", "api"),
            id="unknown-actions",
        ),
        pytest.param(
            [
                Thing(LISTENER, "http", REDIRECT | {"arn": "arn:1"}),
                _listener_rule("redirect", "arn:1")._replace(name="safe"),
                _listener_rule("forward", "arn:2")._replace(name="outside"),
                Thing(
                    LISTENER_RULE,
                    "api",
                    {
                        "listenerArn": "arn:1",
                        "actions": [{"type": "redirect"}, {"type": "forward"}],
                    },
                ),
            ],
            Verdict(
                refused(
                    "`actions[1].type` must be `redirect`, as Listener `http` speaks plain HTTP, "
                    "got `forward`.",
                    "api",
                ).refusals,
                undecided("`listenerArn` names a listener outside this stack.", "outside").notes,
            ),
            id="each-of-several",
        ),
    ],
)
def test_rules_of_a_plain_listener_only_redirect(things, verdict):
    assert check_stack("lb-listener-rule-serves-https", things) == verdict


SERVING = {
    "protocol": "HTTPS",
    "targetType": "instance",
    "deregistrationDelay": 60,
    "healthCheck": {"enabled": True, "path": "/health"},
}


@pytest.mark.parametrize(
    ("rule", "type_", "properties"),
    [
        (
            "lb-listener-certificate",
            LISTENER,
            {"protocol": "HTTPS", "certificateArn": "arn:aws:acm:eu-central-1:1:certificate/1"},
        ),
        ("lb-listener-certificate", LISTENER, {"protocol": "TLS", "certificateArn": UNKNOWN}),
        ("lb-listener-certificate", LISTENER, {"protocol": "HTTP"}),
        ("lb-desync-mode", LOAD_BALANCER, {}),
        ("lb-desync-mode", LOAD_BALANCER, {"desyncMitigationMode": "strictest"}),
        ("lb-public-is-intended", LOAD_BALANCER, {"internal": True}),
        ("lb-public-is-intended", LOAD_BALANCER, {"loadBalancerType": "gateway"}),
        ("target-group-health-check", TARGETS, SERVING),
        ("target-group-health-check", TARGETS, {"targetType": "lambda"}),
        ("target-group-health-check", TARGETS, {"protocol": "TCP"}),
        ("target-group-health-check", TARGETS, {"protocol": "QUIC"}),
        ("target-group-health-check", TARGETS, {"healthCheck": {"path": UNKNOWN}}),
        ("target-group-encrypted", TARGETS, SERVING),
        ("target-group-encrypted", TARGETS, {"targetType": "lambda"}),
        ("target-group-slow-start-algorithm", TARGETS, {"slowStart": 60}),
        (
            "target-group-slow-start-algorithm",
            TARGETS,
            {"slowStart": 0, "loadBalancingAlgorithmType": "weighted_random"},
        ),
    ],
    ids=range(16),
)
def test_a_safe_setting_passes(rule, type_, properties):
    assert check(rule, type_, properties) == PASSED


@pytest.mark.parametrize(
    ("rule", "type_", "properties", "message"),
    [
        (
            "lb-listener-certificate",
            LISTENER,
            {"protocol": "HTTPS"},
            "`certificateArn` must name a certificate of ACM, got nothing.",
        ),
        (
            "lb-listener-certificate",
            LISTENER,
            {"protocol": "TLS", "certificateArn": "arn:aws:iam::1:server-certificate/web"},
            (
                "`certificateArn` must name a certificate of ACM, "
                "got `arn:aws:iam::1:server-certificate/web`."
            ),
        ),
        (
            "lb-desync-mode",
            LOAD_BALANCER,
            {"desyncMitigationMode": "monitor"},
            "`desyncMitigationMode` must be `defensive` or `strictest`, got `monitor`.",
        ),
        (
            "lb-public-is-intended",
            LOAD_BALANCER,
            {},
            "`internal` must be true, or `intended` name it, got nothing.",
        ),
        *(
            (
                "target-group-health-check",
                TARGETS,
                properties,
                (
                    "`healthCheck.path` must name a page that says whether the target can serve, "
                    "got nothing, which means `/`."
                ),
            )
            for properties in ({}, {"protocol": "HTTP"}, {"protocol": "HTTPS"})
        ),
        (
            "target-group-health-check",
            TARGETS,
            {"protocol": "TCP", "healthCheck": {"protocol": "HTTP", "path": ""}},
            (
                "`healthCheck.path` must name a page that says whether the target can serve, "
                "got nothing, which means `/`."
            ),
        ),
        (
            "target-group-health-check",
            TARGETS,
            {"healthCheck": {"enabled": False, "path": "/health"}},
            "`healthCheck.enabled` must not be false, got false.",
        ),
        (
            "target-group-encrypted",
            TARGETS,
            {"protocol": "HTTP"},
            "`protocol` must be `HTTPS`, `TLS` or `QUIC`, got `HTTP`.",
        ),
        (
            "target-group-slow-start-algorithm",
            TARGETS,
            {"slowStart": 60, "loadBalancingAlgorithmType": "least_outstanding_requests"},
            (
                "`loadBalancingAlgorithmType` must be `round_robin`, as `slowStart` is set, "
                "got `least_outstanding_requests`."
            ),
        ),
    ],
    ids=range(11),
)
def test_an_unsafe_setting_is_refused(rule, type_, properties, message):
    assert check(rule, type_, properties) == refused(message)


@pytest.mark.parametrize(
    ("rule", "type_", "properties", "path"),
    [
        ("lb-listener-certificate", LISTENER, {"protocol": UNKNOWN}, "protocol"),
        (
            "lb-desync-mode",
            LOAD_BALANCER,
            {"desyncMitigationMode": UNKNOWN},
            "desyncMitigationMode",
        ),
        ("lb-public-is-intended", LOAD_BALANCER, {"internal": UNKNOWN}, "internal"),
        (
            "lb-public-is-intended",
            LOAD_BALANCER,
            {"loadBalancerType": UNKNOWN},
            "loadBalancerType",
        ),
        ("target-group-health-check", TARGETS, {"protocol": UNKNOWN}, "protocol"),
        ("target-group-health-check", TARGETS, {"targetType": UNKNOWN}, "targetType"),
        ("target-group-encrypted", TARGETS, {"protocol": UNKNOWN}, "protocol"),
        (
            "target-group-slow-start-algorithm",
            TARGETS,
            {"slowStart": UNKNOWN, "loadBalancingAlgorithmType": "weighted_random"},
            "slowStart",
        ),
    ],
    ids=range(8),
)
def test_an_unknown_setting_is_not_decided(rule, type_, properties, path):
    assert check(rule, type_, properties) == waits(path)


def test_balancers_that_are_meant_to_be_public_are_named():
    rule = "lb-public-is-intended"

    assert check(rule, LOAD_BALANCER, {}, settings={"intended": ["web"]}) == PASSED
    assert len(check(rule, LOAD_BALANCER, {}, settings={"intended": ["api"]}).refusals) == 1


DRAINS = "target-group-drains-longest-request"
IDLES = "lb-idle-timeout-covers-request"
KEEPS = "lb-idle-timeout-below-keep-alive"
RESERVES = "lb-reserves-capacity-for-surge"
LONGEST = "state service.longestRequestSeconds, or measure it with the load test."


@pytest.mark.parametrize(
    ("rule", "type_", "properties"),
    [
        (DRAINS, TARGETS, {"deregistrationDelay": 30}),
        (DRAINS, TARGETS, {}),
        (DRAINS, TARGETS, {"targetType": "lambda", "deregistrationDelay": 0}),
        (IDLES, LOAD_BALANCER, {"idleTimeout": 30}),
        (IDLES, LOAD_BALANCER, {"loadBalancerType": "network", "idleTimeout": 1}),
        (IDLES, LOAD_BALANCER, {"loadBalancerType": "gateway", "idleTimeout": 1}),
        (KEEPS, LOAD_BALANCER, {"idleTimeout": 59}),
        (KEEPS, LOAD_BALANCER, {"loadBalancerType": "gateway"}),
        (KEEPS, LOAD_BALANCER, {"loadBalancerType": "network"}),
    ],
    ids=range(9),
)
def test_a_time_out_that_fits_the_service_passes(stated, rule, type_, properties):
    stated(service={"longestRequestSeconds": [1, 30], "keepAliveSeconds": [60, 75]})

    assert check(rule, type_, properties) == PASSED


@pytest.mark.parametrize(
    ("rule", "type_", "properties", "message"),
    [
        (
            DRAINS,
            TARGETS,
            {"deregistrationDelay": "60"},
            (
                "`deregistrationDelay` must be at least 400 (service.longestRequestSeconds at its "
                "longest), got 60."
            ),
        ),
        (
            DRAINS,
            TARGETS,
            {},
            (
                "`deregistrationDelay` must be at least 400 (service.longestRequestSeconds at its "
                "longest), got nothing, which means 300."
            ),
        ),
        (
            IDLES,
            LOAD_BALANCER,
            {"idleTimeout": 399},
            (
                "`idleTimeout` must be at least 400 (service.longestRequestSeconds at its "
                "longest), got 399."
            ),
        ),
        (
            KEEPS,
            LOAD_BALANCER,
            {"idleTimeout": 60},
            ("`idleTimeout` must be below 60 (service.keepAliveSeconds at its shortest), got 60."),
        ),
        (
            KEEPS,
            LOAD_BALANCER,
            {},
            (
                "`idleTimeout` must be below 60 (service.keepAliveSeconds at its shortest), "
                "got nothing, which means 60."
            ),
        ),
    ],
    ids=range(5),
)
def test_a_time_out_that_does_not_fit_is_refused(stated, rule, type_, properties, message):
    stated(service={"longestRequestSeconds": [1, 400], "keepAliveSeconds": 60})

    assert check(rule, type_, properties) == refused(message)


@pytest.mark.parametrize(
    ("rule", "type_", "reason"),
    [
        (DRAINS, TARGETS, LONGEST),
        (IDLES, LOAD_BALANCER, LONGEST),
        (
            KEEPS,
            LOAD_BALANCER,
            "state service.keepAliveSeconds: how long the application keeps an idle connection.",
        ),
        (
            RESERVES,
            LOAD_BALANCER,
            "name a surge in `surges`, from which normal load and peak are taken.",
        ),
    ],
    ids=range(4),
)
def test_without_the_figure_nothing_is_decided(stated, rule, type_, reason):
    stated()

    assert check(rule, type_, {}) == undecided(reason)


@pytest.mark.parametrize(
    ("rule", "type_", "properties", "path"),
    [
        (DRAINS, TARGETS, {"deregistrationDelay": UNKNOWN}, "deregistrationDelay"),
        (IDLES, LOAD_BALANCER, {"idleTimeout": UNKNOWN}, "idleTimeout"),
        (KEEPS, LOAD_BALANCER, {"idleTimeout": UNKNOWN}, "idleTimeout"),
        (
            RESERVES,
            LOAD_BALANCER,
            {"minimumLoadBalancerCapacity": UNKNOWN},
            "minimumLoadBalancerCapacity.capacityUnits",
        ),
    ],
    ids=range(4),
)
def test_an_unknown_time_out_or_reservation_is_waited_for(stated, rule, type_, properties, path):
    stated(service={"longestRequestSeconds": 1, "keepAliveSeconds": 75})

    assert check(rule, type_, properties) == waits(path)


def _reserving(units):
    return {"minimumLoadBalancerCapacity": {"capacityUnits": units}}


@pytest.mark.parametrize(
    ("surge", "properties"),
    [
        ({"trace": "x5-in-300s", "scale": 9}, _reserving(100)),
        ({"trace": "x5-in-300s", "scale": 5}, {}),
        ({"trace": "x2-in-300s", "scale": 90}, {}),
        ({"trace": "x5-in-300s", "scale": 9}, {"loadBalancerType": "network"}),
        ({"trace": "x5-in-300s", "scale": 9}, {"loadBalancerType": "gateway"}),
    ],
    ids=["reserved", "small", "slow", "network", "gateway"],
)
def test_a_surge_that_fits_the_load_balancer_passes(stated, surge, properties):
    stated(surges={"sale": surge})

    assert check(RESERVES, LOAD_BALANCER, properties) == PASSED


def test_a_steep_surge_needs_a_reservation(stated):
    stated(surges={"sale": {"trace": "x5-in-300s", "scale": 9}})

    assert check(RESERVES, LOAD_BALANCER, {}) == refused(
        "`minimumLoadBalancerCapacity.capacityUnits` must be at least 100, as surges.sale goes "
        "from 900 to 4500 requests/s in 297 s, got nothing."
    )


@pytest.mark.parametrize("units", [1, 99])
def test_fewer_units_than_aws_reserves_are_refused(stated, units):
    stated()

    assert check(RESERVES, LOAD_BALANCER, _reserving(units)) == refused(
        f"`minimumLoadBalancerCapacity.capacityUnits` must be at least 100, got {units}."
    )


@pytest.mark.parametrize(
    ("surge", "reason"),
    [
        (
            {"trace": "no-such-file.csv"},
            "`surges.sale.trace` must be a trace that ships, or a CSV file that is there",
        ),
        ({}, "`surges.sale.trace` must be the name or the path of a trace"),
        ("double", "`surges.sale` must be a mapping of keys"),
        (
            {"trace": "x2-in-300s", "scale": "much"},
            "`surges.sale.scale` must be a number from 0.0001 to 10000",
        ),
    ],
    ids=["no file", "no trace", "no map", "no scale"],
)
def test_a_surge_that_cannot_be_read_stops_the_rule(stated, surge, reason):
    stated(surges={"sale": surge})

    assert check(RESERVES, LOAD_BALANCER, {}) == failed(reason)


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        (
            [1000, 1000, 9000, 100],
            refused(
                "`minimumLoadBalancerCapacity.capacityUnits` must be at least 100, as surges.sale "
                "goes from 1000 to 9000 requests/s in 300 s, got nothing."
            ),
        ),
        (
            [0, 9000],
            refused(
                "`minimumLoadBalancerCapacity.capacityUnits` must be at least 100, as surges.sale "
                "goes from 0 to 9000 requests/s in 300 s, got nothing."
            ),
        ),
        ([1000, 3000, 5000, 7000], PASSED),
    ],
    ids=["steep", "from nothing", "nearly twice in each five minutes"],
)
def test_a_surge_may_be_a_file(stated, tmp_path, rates, verdict):
    path = tmp_path / "sale.csv"
    lines = [f"{300 * step},{rate}\n" for step, rate in enumerate(rates)]
    path.write_text("seconds,requests_per_second\n" + "".join(lines))
    stated(surges={"sale": {"trace": str(path)}})

    assert check(RESERVES, LOAD_BALANCER, {}) == verdict
