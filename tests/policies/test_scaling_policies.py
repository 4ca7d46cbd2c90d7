"""Rules on what scales a group: each with what it refuses, and a twin that passes."""

import pytest

from tests.policies.analysis import (
    ALARM,
    GROUP,
    PASSED,
    POLICY,
    REMOVED,
    UNKNOWN,
    Thing,
    advised,
    changed,
    check,
    check_stack,
    refused,
    waits,
)

SCHEDULE = "aws:autoscaling/schedule:Schedule"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
TARGETS = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"
WEB = Thing(
    GROUP,
    "web",
    {"name": "web", "arn": "group-arn", "minSize": 2, "maxSize": 8, "targetGroupArns": [TARGETS]},
)
SPECIFICATION = "targetTrackingConfiguration.predefinedMetricSpecification"


def _tracking(kind, target, **more):
    return {
        "autoscalingGroupName": "web",
        "policyType": "TargetTrackingScaling",
        "targetTrackingConfiguration": {
            "predefinedMetricSpecification": {"predefinedMetricType": kind},
            "targetValue": target,
        }
        | more,
    }


def _steps(*steps, **more):
    return {
        "arn": "policy-arn",
        "autoscalingGroupName": "web",
        "policyType": "StepScaling",
        "stepAdjustments": [
            {
                key: value
                for key, value in (
                    ("metricIntervalLowerBound", low),
                    ("metricIntervalUpperBound", high),
                    ("scalingAdjustment", adjustment),
                )
                if value is not None
            }
            for low, high, adjustment in steps
        ],
        **more,
    }


OUT = _steps(("0", "20", 2), ("20", None, 6))
IN = _steps((None, "0", -1), arn="in-arn")
VALUE = "targetTrackingConfiguration.targetValue"


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (_tracking("ASGAverageCPUUtilization", 85), PASSED),
        (
            _tracking("ASGAverageCPUUtilization", 86),
            refused(f"`{VALUE}` must be at most 85 (highestPercent), got 86."),
        ),
        (_tracking("ASGAverageNetworkIn", 9_000_000), PASSED),
        (_tracking("ALBRequestCountPerTarget", 100_000), PASSED),
        (
            _tracking("ALBRequestCountPerTarget", 250_000),
            advised(
                f"`{VALUE}` must be at most 100000, unless service.requestsPerSecond says more, "
                "got 250000 requests a minute, 4166 a second of one instance."
            ),
        ),
        (_tracking("ASGAverageCPUUtilization", UNKNOWN), waits(VALUE)),
        (OUT, PASSED),
    ],
)
def test_a_target_leaves_room(policy, verdict):
    assert check("asg-policy-target-leaves-room", POLICY, policy) == verdict


@pytest.mark.parametrize(("target", "passes"), [(6000, True), (6001, False)])
def test_a_target_of_requests_is_what_an_instance_carries(stated, target, passes):
    stated(service={"requestsPerSecond": [80, 100]})

    expected = refused(
        f"`{VALUE}` must be at most 6000 requests a minute, as one instance carries 100 a second "
        "(service.requestsPerSecond), got 6001."
    )
    verdict = check(
        "asg-policy-target-leaves-room", POLICY, _tracking("ALBRequestCountPerTarget", target)
    )
    assert verdict == (PASSED if passes else expected)


@pytest.mark.parametrize(
    ("suffix", "passes"), [("targetgroup/web/1", True), ("targetgroup/wiki/2", False)]
)
def test_a_policy_follows_the_requests_of_its_own_group(suffix, passes):
    policy = _tracking("ALBRequestCountPerTarget", 100)
    policy = changed(policy, f"{SPECIFICATION}.resourceLabel", f"app/web/1/{suffix}")

    verdict = check_stack("asg-policy-follows-own-requests", [WEB, Thing(POLICY, "own", policy)])

    assert verdict == (
        PASSED
        if passes
        else refused(
            f"`{SPECIFICATION}.resourceLabel` must name a target group that Group `web` is "
            "registered with, got `targetgroup/wiki/2`.",
            "own",
        )
    )


def test_a_group_that_is_attached_apart_is_registered_too():
    bare = Thing(GROUP, "web", {"name": "web"})
    attached = Thing(
        "aws:autoscaling/attachment:Attachment",
        "apart",
        {"autoscalingGroupName": "web", "lbTargetGroupArn": TARGETS},
    )
    policy = _tracking("ALBRequestCountPerTarget", 100)
    policy = changed(policy, f"{SPECIFICATION}.resourceLabel", "app/web/1/targetgroup/web/1")

    stack = [bare, attached, Thing(POLICY, "own", policy)]

    assert check_stack("asg-policy-follows-own-requests", stack) == PASSED


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (OUT, PASSED),
        (IN, PASSED),
        (_steps(("20", None, 6), ("0", "20", 2)), PASSED),
        (
            _steps(("0", "10", 2), ("20", None, 6)),
            refused(
                "`stepAdjustments[1].metricIntervalLowerBound` must begin where the step before it "
                "ends (10), got 20."
            ),
        ),
        (
            _steps(("0", "30", 2), ("20", None, 6)),
            refused(
                "`stepAdjustments[1].metricIntervalLowerBound` must begin where the step before it "
                "ends (30), got 20."
            ),
        ),
        (
            _steps(("0", "20", 2), ("20", "40", 6)),
            refused(
                "`stepAdjustments[1].metricIntervalUpperBound` must be left out of the last step, "
                "so that the greatest breach is answered too, got 40."
            ),
        ),
        (OUT | {"stepAdjustments": UNKNOWN}, waits("stepAdjustments")),
    ],
    ids=["out", "in", "any-order", "gap", "overlap", "end", "unknown"],
)
def test_steps_cover_every_breach(policy, verdict):
    assert check("asg-policy-steps-cover", POLICY, policy) == verdict


def _alarm(action, operator, **more):
    return Thing(
        ALARM,
        "cpu",
        {
            "metricName": "CPUUtilization",
            "comparisonOperator": operator,
            "alarmActions": [action],
            "period": 60,
            "evaluationPeriods": 3,
        }
        | more,
    )


@pytest.mark.parametrize(
    ("action", "operator", "got"),
    [
        ("policy-arn", ABOVE, ""),
        ("in-arn", BELOW, ""),
        (
            "in-arn",
            ABOVE,
            "adds instances, got Policy `in`, which removes some when the metric is high",
        ),
        (
            "policy-arn",
            BELOW,
            "removes instances, got Policy `out`, which adds some when the metric is low",
        ),
    ],
)
def test_an_alarm_scales_the_right_way(action, operator, got):
    stack = [Thing(POLICY, "out", OUT), Thing(POLICY, "in", IN), _alarm(action, operator)]

    assert check_stack("asg-alarm-scales-right-way", stack) == (
        refused(f"`alarmActions` must start a policy that {got}.", "cpu") if got else PASSED
    )


@pytest.mark.parametrize(
    ("more", "passes"),
    [
        ({}, True),
        ({"period": 300}, False),
        ({"period": 300, "datapointsToAlarm": 1}, True),
        ({"period": 300, "alarmActions": ["in-arn"]}, True),
    ],
)
def test_an_alarm_that_adds_goes_off_in_time(more, passes):
    alarm = _alarm("policy-arn", ABOVE, **more)
    stack = [Thing(POLICY, "out", OUT), Thing(POLICY, "in", IN), alarm]

    assert check_stack("asg-alarm-scales-in-time", stack) == (
        PASSED
        if passes
        else refused(
            "`period` must let the alarm go off within 300 s (longestSeconds), as it starts Policy "
            "`out`, got 300 s, 3 times over.",
            "cpu",
        )
    )


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ({"policyType": "SimpleScaling", "cooldown": 901}, "cooldown"),
        ({"cooldown": 901}, "cooldown"),
        (_steps(estimatedInstanceWarmup=901), "estimatedInstanceWarmup"),
    ],
)
def test_a_policy_that_waits_long_is_refused(policy, path):
    rule = "asg-policy-waits-briefly"

    assert check(rule, POLICY, policy) == refused(
        f"`{path}` must be at most 900 (longestSeconds), got 901."
    )
    assert check(rule, POLICY, policy | {path: 900}) == PASSED


NEVER_REMOVES = Thing(POLICY, "own", _tracking("ASGAverageCPUUtilization", 50, disableScaleIn=True))


@pytest.mark.parametrize(
    ("beside", "passes"),
    [
        ([], False),
        ([Thing(POLICY, "out", OUT)], False),
        ([Thing(POLICY, "in", IN)], True),
        ([Thing(POLICY, "more", _tracking("ALBRequestCountPerTarget", 9))], True),
        ([Thing(SCHEDULE, "night", {"autoscalingGroupName": "web", "minSize": 2})], True),
    ],
)
def test_something_removes_what_tracking_may_not(beside, passes):
    assert check_stack("asg-policies-remove-too", [WEB, NEVER_REMOVES, *beside]) == (
        PASSED
        if passes
        else refused(
            "`targetTrackingConfiguration.disableScaleIn` must be false, or another policy or "
            "schedule remove instances, got true, and nothing does.",
            "own",
        )
    )


FORECAST = {
    "autoscalingGroupName": "web",
    "policyType": "PredictiveScaling",
    "predictiveScalingConfiguration": {"mode": "ForecastOnly"},
}
MODE = "predictiveScalingConfiguration.mode"


@pytest.mark.parametrize(
    ("policy", "beside", "verdict"),
    [
        (changed(FORECAST, MODE, "ForecastAndScale"), [], PASSED),
        (
            FORECAST,
            [],
            refused(
                f"`{MODE}` must be `ForecastAndScale`, for the forecast to launch anything, got "
                "`ForecastOnly`.",
                "own",
            ),
        ),
        (
            changed(FORECAST, MODE, REMOVED),
            [],
            refused(
                f"`{MODE}` must be `ForecastAndScale`, for the forecast to launch anything, got "
                "nothing, which means `ForecastOnly`.",
                "own",
            ),
        ),
        (FORECAST, [Thing(POLICY, "out", OUT)], PASSED),
        (OUT | {"enabled": False}, [], refused("`enabled` must not be false, got false.", "own")),
        (
            OUT | {"enabled": False},
            [Thing(POLICY, "in", IN)],
            advised("`enabled` must not be false, got false.", "own"),
        ),
    ],
)
def test_a_policy_acts(policy, beside, verdict):
    assert check_stack("asg-policy-acts", [WEB, Thing(POLICY, "own", policy), *beside]) == verdict


@pytest.mark.parametrize(("status", "passes"), [("ENABLED", False), ("DISABLED", True)])
def test_a_group_of_a_capacity_provider_has_no_policies(status, passes):
    provider = Thing(
        PROVIDER,
        "spare",
        {
            "autoScalingGroupProvider": {
                "autoScalingGroupArn": "group-arn",
                "managedScaling": {"status": status},
            }
        },
    )

    stack = [WEB, provider, Thing(POLICY, "out", OUT)]

    assert check_stack("asg-has-one-scaler", stack) == (
        PASSED
        if passes
        else refused(
            "`stepAdjustments` must be left out, as CapacityProvider `spare` sets the group's "
            "size, got a second scaler.",
            "out",
        )
    )
