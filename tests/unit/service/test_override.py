"""A minimum that was raised in an incident, as a deployment reads and keeps it."""

from datetime import UTC, datetime

import pytest

from surgeproof.components import ArgsError
from surgeproof.components.service.auto_scaling_group import AutoScalingGroup
from surgeproof.components.service.override import NO_OVERRIDE, MinimumOverride, read_override
from surgeproof.components.service.scaling_policies import ScalingPolicies
from tests.unit import recording

NOW = datetime(2040, 1, 1, 12, tzinfo=UTC)
END = datetime(2040, 1, 1, 14, tzinfo=UTC)
PATH = "aws:ssm/getParametersByPath:getParametersByPath"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20,2040-01-01T14:00Z,9,0", MinimumOverride(20, END)),
        ("20,2040-01-01T12:00Z,9,0", None),
        (NO_OVERRIDE, None),
        ("many,2040-01-01T14:00Z,9,0", None),
        ("20,tomorrow", None),
    ],
    ids=["under way", "ended", "none", "no number", "no time"],
)
def test_an_override_is_read_until_its_end(text, expected):
    assert read_override(text, NOW) == expected


def group(**more):
    return AutoScalingGroup(
        "web",
        {
            "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-1", "subnet-2"],
            "target_group_arn": "arn:aws:targets",
            "load_balancer_security_group_id": "sg-1",
            "max_size": 10,
            "keep_raised_minimum": True,
            **more,
        },
    )


@pytest.fixture
def raised(monkeypatch):
    """Let AWS hold a minimum of 6 that lasts."""
    held = {"names": ["/shop-test-web/minimum"], "values": ["6,2999-01-01T00:00Z,2,0"]}
    monkeypatch.setitem(recording._CALLS, PATH, held)


def made(**more):
    return recording.record(lambda: group(**more)).only("Group")


def test_a_raised_minimum_is_kept_with_its_tag(raised):
    inputs = made()

    assert inputs["minSize"] == 6
    tag = {"key": "surgeproof:override", "value": "6,2999-01-01T00:00Z", "propagateAtLaunch": True}
    assert tag in inputs["tags"]


def test_a_higher_configured_minimum_counts(raised):
    assert made(min_size=8)["minSize"] == 8


def test_without_an_override_the_configured_minimum_counts():
    assert made()["minSize"] == 2


def test_a_maximum_below_the_kept_minimum_is_refused(raised):
    with pytest.raises(
        ArgsError,
        match=r"^AutoScalingGroup\.max_size: must be at least the minimum that surge-response "
        r"keeps until 2999-01-01 00:00 UTC \(6\), got 4$",
    ):
        made(max_size=4)


def schedules(**more):
    """Return the minimum that each schedule sets."""
    by_name = {
        "evening": {"recurrence": "0 20 * * *", "min_size": 4},
        "morning": {"recurrence": "0 7 * * *", "min_size": 8},
    }
    recorded = recording.record(
        lambda: ScalingPolicies(
            "web",
            {
                "group_name": "shop-test-web",
                "resource_label": "app/web/1/targetgroup/web/2",
                "load_balancer_arn_suffix": "app/web/1",
                "target_group_arn_suffix": "targetgroup/web/2",
                "schedules": by_name,
                "keep_raised_minimum": True,
                **more,
            },
        )
    )
    made = recorded.resources["Schedule"]
    return {name.removeprefix("web-"): each["minSize"] for name, each in made.items()}


def test_no_schedule_goes_below_a_raised_minimum(raised):
    assert schedules() == {"evening": 6, "morning": 8}


def test_without_an_override_schedules_set_their_own_minimum():
    assert schedules() == {"evening": 4, "morning": 8}


def test_schedules_that_need_not_keep_a_raised_minimum_set_their_own(raised):
    assert schedules(keep_raised_minimum=False) == {"evening": 4, "morning": 8}
