"""Rules on how a group runs: each with what it refuses, and a twin that passes."""

import pytest

from surgeproof.policies._values import SECRET, SIGNATURE
from tests.policies.analysis import (
    GROUP,
    PASSED,
    POLICY,
    UNKNOWN,
    Thing,
    advised,
    check,
    check_stack,
    refused,
    waits,
)

SCHEDULE = "aws:autoscaling/schedule:Schedule"
HOOK = "aws:autoscaling/lifecycleHook:LifecycleHook"
WEB = {"name": "web", "minSize": 2, "maxSize": 8}


@pytest.mark.parametrize(
    ("suspended", "verdict"),
    [
        ([], PASSED),
        (["AZRebalance"], PASSED),
        (
            ["AZRebalance", "ReplaceUnhealthy", "Launch"],
            refused(
                "`suspendedProcesses` must be empty, got `Launch`: such a group launches nothing."
            ),
        ),
        (
            ["AlarmNotification"],
            refused(
                "`suspendedProcesses` must be empty, got `AlarmNotification`: such a group takes "
                "no notice of alarms."
            ),
        ),
        (
            ["Terminate"],
            advised(
                "`suspendedProcesses` must be empty, got `Terminate`: such a group terminates "
                "nothing, which rebalancing and refreshes need."
            ),
        ),
        (UNKNOWN, waits("suspendedProcesses")),
    ],
)
def test_no_process_is_suspended_that_a_surge_needs(suspended, verdict):
    assert check("asg-processes-run", GROUP, {"suspendedProcesses": suspended}) == verdict


@pytest.mark.parametrize(("most", "passes"), [(2, False), (3, True)])
def test_a_group_that_something_scales_has_room(most, passes):
    stack = [
        Thing(GROUP, "web", WEB | {"maxSize": most}),
        Thing(POLICY, "out", {"autoscalingGroupName": "web"}),
    ]

    assert check_stack("asg-has-room-to-grow", stack) == (
        PASSED
        if passes
        else refused(
            "`maxSize` must be above `minSize` (2), as Policy `out` scales the group, got 2."
        )
    )
    assert check_stack("asg-has-room-to-grow", stack[:1]) == PASSED


def test_a_maximum_below_the_minimum_is_refused():
    assert check("asg-has-room-to-grow", GROUP, WEB | {"minSize": 9, "maxSize": 3}) == refused(
        "`maxSize` must be at least `minSize` (9), got 3."
    )


def test_a_secret_size_is_judged_and_not_shown():
    secret = {SIGNATURE: SECRET, "value": 2}
    stack = [
        Thing(GROUP, "web", WEB | {"minSize": secret, "maxSize": secret}),
        Thing(POLICY, "out", {"autoscalingGroupName": "web"}),
    ]

    assert check_stack("asg-has-room-to-grow", stack) == refused(
        "`maxSize` must be above `minSize` (a secret), as Policy `out` scales the group, got a "
        "secret."
    )


def _scheduled(*schedules, **group):
    return [
        Thing(GROUP, "web", WEB | group),
        *(
            Thing(SCHEDULE, f"at-{number}", {"autoscalingGroupName": "web"} | sizes)
            for number, sizes in enumerate(schedules)
        ),
    ]


@pytest.mark.parametrize(
    ("stack", "got"),
    [
        (_scheduled({"minSize": 1, "maxSize": 4}), None),
        (_scheduled({"maxSize": 0}, minSize=0), None),
        (_scheduled({"minSize": -1, "maxSize": -1, "desiredCapacity": -1}), None),
        (_scheduled({"maxSize": 0}), ("maxSize", "0")),
        (
            _scheduled({"minSize": 0, "maxSize": 0, "desiredCapacity": 0}),
            ("desiredCapacity", "0, with `maxSize` and `minSize`"),
        ),
    ],
    ids=["low", "as-always", "unchanged", "maximum", "all"],
)
def test_no_schedule_takes_a_group_to_zero(stack, got):
    assert check_stack("asg-schedule-keeps-serving", stack) == (
        PASSED
        if got is None
        else refused(
            f"`{got[0]}` must be above 0, as Group `web` keeps at least 2 otherwise, got {got[1]}.",
            "at-0",
        )
    )


NIGHT = {"recurrence": "0 20 * * *", "minSize": 0, "maxSize": 0, "desiredCapacity": 0}
MORNING = {"recurrence": "0 6 * * *", "minSize": 2, "maxSize": 8, "desiredCapacity": 2}
TO_ZERO = (
    "`desiredCapacity` must be above 0, as Group `web` keeps at least 2 otherwise, got 0, with "
    "`maxSize` and `minSize`."
)


@pytest.mark.parametrize(
    ("schedules", "verdict"),
    [
        ((NIGHT, MORNING), advised(TO_ZERO, "at-0")),
        ((NIGHT, MORNING | {"desiredCapacity": -1}), advised(TO_ZERO, "at-0")),
        ((NIGHT, MORNING | {"maxSize": -1}), refused(TO_ZERO, "at-0")),
        ((NIGHT, MORNING | {"minSize": -1, "desiredCapacity": -1}), refused(TO_ZERO, "at-0")),
        ((NIGHT, MORNING | {"recurrence": ""}), refused(TO_ZERO, "at-0")),
        (
            ({"minSize": 0, "maxSize": 8},),
            advised(
                "`minSize` must be above 0, as Group `web` keeps at least 2 otherwise, got 0.",
                "at-0",
            ),
        ),
    ],
    ids=["lifted", "by its minimum", "no maximum", "no instance", "once only", "minimum"],
)
def test_a_night_without_users_is_advice_where_the_morning_starts_the_group_again(
    schedules, verdict
):
    assert check_stack("asg-schedule-keeps-serving", _scheduled(*schedules)) == verdict


@pytest.mark.parametrize(
    ("schedules", "verdict"),
    [
        (({"maxSize": 4}, {"maxSize": 8}), PASSED),
        (({"minSize": 2, "maxSize": 8},), PASSED),
        (
            ({"maxSize": 4}, {"maxSize": 6}),
            refused(
                "`maxSize` must be lifted again by another scheduled action to the maximum of "
                "Group `web` (8), got 4, and none does.",
                "at-0",
            ),
        ),
        (
            ({"minSize": 1},),
            advised(
                "`minSize` must be lifted again by another scheduled action to the minimum of "
                "Group `web` (2), got 1, and none does.",
                "at-0",
            ),
        ),
    ],
)
def test_what_a_schedule_lowers_another_lifts(schedules, verdict):
    assert check_stack("asg-schedule-lifts-again", _scheduled(*schedules)) == verdict


LAUNCHING = {"lifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}


@pytest.mark.parametrize(
    ("hook", "verdict"),
    [
        (LAUNCHING | {"heartbeatTimeout": 900}, PASSED),
        ({"lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}, PASSED),
        (
            LAUNCHING | {"heartbeatTimeout": 7200, "defaultResult": "ABANDON"},
            refused(
                "`heartbeatTimeout` must be at most 900 (longestSeconds), got 7200: an instance "
                "that does not answer is held up, then thrown away."
            ),
        ),
        (
            LAUNCHING | {"defaultResult": "CONTINUE"},
            advised(
                "`heartbeatTimeout` must be at most 900 (longestSeconds), got nothing, which means "
                "3600: held up, then taken as it is."
            ),
        ),
    ],
)
def test_a_hook_releases_launches(hook, verdict):
    assert check("asg-hook-releases-launches", HOOK, hook) == verdict


def test_a_hook_of_the_group_itself_is_judged():
    group = {"initialLifecycleHooks": [LAUNCHING | {"heartbeatTimeout": 1800}]}

    verdict = check("asg-hook-releases-launches", GROUP, group)

    assert verdict.messages == [
        (
            "`initialLifecycleHooks[0].heartbeatTimeout` must be at most 900 (longestSeconds), got "
            "1800: an instance that does not answer is held up, then thrown away."
        )
    ]


@pytest.mark.parametrize(("seconds", "passes"), [(900, True), (1200, False)])
def test_the_warmup_is_short(seconds, passes):
    assert check("asg-warmup-is-short", GROUP, {"defaultInstanceWarmup": seconds}) == (
        PASSED
        if passes
        else refused("`defaultInstanceWarmup` must be at most 900 (longestSeconds), got 1200.")
    )


DISTRIBUTION = "mixedInstancesPolicy.instancesDistribution"


def _mixed(*kinds, **distribution):
    overrides = [{"instanceType": kind} for kind in kinds]
    return {
        "mixedInstancesPolicy": {
            "instancesDistribution": distribution,
            "launchTemplate": {"overrides": overrides},
        }
    }


SPREAD = {"onDemandPercentageAboveBaseCapacity": 20, "spotAllocationStrategy": "capacity-optimized"}


@pytest.mark.parametrize(
    ("group", "verdict"),
    [
        ({}, PASSED),
        (_mixed("m7g.large", onDemandPercentageAboveBaseCapacity=100), PASSED),
        (_mixed("m7g.large", "m6g.large", **SPREAD), PASSED),
        (
            _mixed("m7g.large", "m6g.large", **SPREAD | {"onDemandPercentageAboveBaseCapacity": 0}),
            advised(
                f"`{DISTRIBUTION}.onDemandBaseCapacity` must keep some On-Demand instances, got "
                "nothing, with 0 % above it."
            ),
        ),
        (
            _mixed("m7g.large", "m6g.large", **SPREAD | {"spotAllocationStrategy": "lowest-price"}),
            advised(
                f"`{DISTRIBUTION}.spotAllocationStrategy` must be `price-capacity-optimized` or "
                "`capacity-optimized`, got `lowest-price`."
            ),
        ),
        (
            _mixed("m7g.large", **SPREAD),
            advised(
                "`mixedInstancesPolicy.launchTemplate.overrides` must name several instance types, "
                "got 1."
            ),
        ),
    ],
)
def test_spot_is_spread(group, verdict):
    assert check("asg-spot-is-spread", GROUP, group) == verdict
