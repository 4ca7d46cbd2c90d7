"""Rules on target groups and the way there: what each refuses, and twins that pass."""

import pytest

from tests.policies.analysis import (
    GROUP,
    LISTENER,
    LOAD_BALANCER,
    PASSED,
    TARGETS,
    Thing,
    advised,
    check,
    check_stack,
    refused,
)

RECORD = "aws:route53/record:Record"
NO_CROSS_ZONE = (
    "must be true, or each zone carries its share with the targets that it has, got false."
)


@pytest.mark.parametrize(
    ("health", "verdict"),
    [
        ({}, PASSED),
        ({"interval": 10, "unhealthyThreshold": 3, "timeout": 5}, PASSED),
        (
            {"interval": 60, "unhealthyThreshold": 10},
            refused(
                "`healthCheck.unhealthyThreshold` must find a broken target within 180 s "
                "(longestSeconds), got 10 checks at 60 s, 600 s."
            ),
        ),
        (
            {"interval": 120},
            refused(
                "`healthCheck.interval` must find a broken target within 180 s (longestSeconds), "
                "got 3 checks at 120 s, 360 s."
            ),
        ),
        (
            {"interval": 5, "unhealthyThreshold": 2, "timeout": 2},
            advised(
                "`healthCheck.timeout` must be above 2 where 2 failures take a target out: under "
                "load, answers are slow, got 2."
            ),
        ),
    ],
)
def test_a_broken_target_is_found_soon(health, verdict):
    assert check("target-group-check-is-quick", TARGETS, {"healthCheck": health}) == verdict


@pytest.mark.parametrize(
    ("matcher", "passes"),
    [("200", True), ("200-399", True), ("200,301", True), ("200-499", False), ("200,404", False)],
)
def test_errors_are_not_healthy(matcher, passes):
    group = {"healthCheck": {"matcher": matcher}}

    assert check("target-group-check-means-healthy", TARGETS, group) == (
        PASSED
        if passes
        else refused(
            "`healthCheck.matcher` must name codes below 400, as a target that answers with errors "
            f"is no healthy one, got `{matcher}`."
        )
    )


def test_a_target_that_leaves_may_finish():
    assert check("target-group-drains-longest-request", TARGETS, {"deregistrationDelay": 0}) == (
        refused("`deregistrationDelay` must be above 0, the least of all requests, got 0.")
    )


@pytest.mark.parametrize(
    ("stickiness", "verdict"),
    [
        ({"enabled": False, "type": "lb_cookie"}, PASSED),
        ({"enabled": True, "type": "source_ip"}, PASSED),
        ({"enabled": True, "type": "lb_cookie", "cookieDuration": 3600}, PASSED),
        (
            {"enabled": True, "type": "lb_cookie", "cookieDuration": 7200},
            advised("`stickiness.cookieDuration` must be at most 3600 (longestSeconds), got 7200."),
        ),
        (
            {"enabled": True, "type": "app_cookie"},
            refused(
                "`stickiness.cookieDuration` must be at most 3600 (longestSeconds), got nothing, "
                "which means 86400."
            ),
        ),
    ],
)
def test_sessions_stick_for_an_hour_at_most(stickiness, verdict):
    assert check("target-group-spreads-sessions", TARGETS, {"stickiness": stickiness}) == verdict


@pytest.mark.parametrize(("seconds", "passes"), [(0, True), (300, True), (900, False)])
def test_slow_start_is_short(seconds, passes):
    assert check("target-group-slow-start-is-short", TARGETS, {"slowStart": seconds}) == (
        PASSED if passes else refused("`slowStart` must be at most 300 (longestSeconds), got 900.")
    )


@pytest.mark.parametrize(
    ("kind", "properties", "path"),
    [
        (
            LOAD_BALANCER,
            {"loadBalancerType": "network", "enableCrossZoneLoadBalancing": False},
            "enableCrossZoneLoadBalancing",
        ),
        (TARGETS, {"loadBalancingCrossZoneEnabled": "false"}, "loadBalancingCrossZoneEnabled"),
        (LOAD_BALANCER, {"loadBalancerType": "network"}, ""),
        (TARGETS, {"loadBalancingCrossZoneEnabled": "use_load_balancer_configuration"}, ""),
    ],
)
def test_zones_share_the_load(kind, properties, path):
    expected = advised(f"`{path}` {NO_CROSS_ZONE}") if path else PASSED

    assert check("lb-balances-across-zones", kind, properties) == expected


@pytest.mark.parametrize(
    ("record", "passes"),
    [
        ({"failoverRoutingPolicies": [{"type": "SECONDARY"}]}, True),
        ({"failoverRoutingPolicies": [{"type": "PRIMARY"}], "healthCheckId": "check"}, True),
        (
            {
                "failoverRoutingPolicies": [{"type": "PRIMARY"}],
                "aliases": [{"evaluateTargetHealth": True}],
            },
            True,
        ),
        (
            {
                "failoverRoutingPolicies": [{"type": "PRIMARY"}],
                "aliases": [{"evaluateTargetHealth": False}],
            },
            False,
        ),
    ],
)
def test_a_record_fails_over_by_health(record, passes):
    assert check("dns-failover-checks-health", RECORD, record) == (
        PASSED
        if passes
        else refused(
            "`healthCheckId` must name a health check, or the alias evaluate its target's health, "
            "got neither."
        )
    )


@pytest.mark.parametrize(
    ("registered", "passes"), [(["arn:old"], True), (["arn:other"], False)], ids=["own", "other"]
)
def test_a_listener_has_targets(registered, passes):
    stack = [
        Thing(TARGETS, "old", {"arn": "arn:old"}),
        Thing(
            LISTENER,
            "web",
            {"defaultActions": [{"type": "forward", "targetGroupArn": "arn:old"}]},
        ),
        Thing(GROUP, "fleet", {"targetGroupArns": registered}),
    ]

    assert check_stack("lb-listener-has-targets", stack) == (
        PASSED
        if passes
        else advised(
            "`defaultActions` must forward to a group that has targets, unlike TargetGroup `old`, "
            "got one that nothing is registered with."
        )
    )
    assert check_stack("lb-listener-has-targets", stack[:2]) == PASSED
