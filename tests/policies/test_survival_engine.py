"""The replay rules under the real engine."""

import json

import pytest

from tests.policies.analysis import GROUP, LISTENER, LOAD_BALANCER, POLICY
from tests.policies.engine_stack import Thing, engine_stack

pytestmark = pytest.mark.engine

SURVIVES, WARNS = "stack-survives-surges", "stack-warns-of-surges"
MOST = "stack-survives-most-runs"
SERVICE = {"requestsPerSecond": [95, 105], "bootSeconds": [55, 65], "serviceSeconds": 0.05}
CONFIG = {
    "service": json.dumps(SERVICE),
    "surges": json.dumps({"sale": {"trace": "x2-in-300s", "scale": 2}}),
}


def _fleet(max_size):
    def program():
        balancer = Thing(LOAD_BALANCER, "web", name="web", arnSuffix="app/web/1")
        targets = Thing(
            "aws:lb/targetGroup:TargetGroup",
            "web-targets",
            name="web",
            arnSuffix="targetgroup/web/2",
        )
        Thing(
            LISTENER,
            "https",
            loadBalancerArn=balancer.output("arn"),
            defaultActions=[{"type": "forward", "targetGroupArn": targets.output("arn")}],
        )
        Thing(
            GROUP,
            "group",
            name="web",
            minSize=3,
            maxSize=max_size,
            availabilityZones=["eu-west-1a", "eu-west-1b"],
            defaultInstanceWarmup=120,
            targetGroupArns=[targets.output("arn")],
        )
        Thing(
            POLICY,
            "requests",
            name="requests",
            autoscalingGroupName="web",
            policyType="TargetTrackingScaling",
            targetTrackingConfiguration={
                "targetValue": 2100,
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "ALBRequestCountPerTarget",
                    "resourceLabel": "app/web/1/targetgroup/web/2",
                },
            },
        )

    return program


def test_a_change_that_lowers_the_maximum_is_stopped_in_the_preview(tmp_path):
    (tmp_path / "enough").mkdir()
    (tmp_path / "lowered").mkdir()

    with engine_stack(tmp_path / "enough", _fleet(8), CONFIG) as stack:
        enough = stack.preview()
    with engine_stack(tmp_path / "lowered", _fleet(3), CONFIG) as stack:
        lowered = stack.preview()

    said = " ".join(at["policy"] + at["message"] for at in enough.violations)
    assert SURVIVES not in said
    assert WARNS not in said
    assert enough.surges == ["sale survives, < 0.01 % hurt (60 of 60 draws survive)"]
    assert not lowered.succeeded
    assert [at.partition(",")[0] for at in lowered.surges] == ["sale FAILS"]
    (found,) = lowered.of(SURVIVES)
    assert (found["level"], found["name"]) == ("mandatory", "group")
    lines = found["message"].splitlines()
    assert lines[1].startswith(
        "surge `sale` (x2-in-300s x 2) fails: in minute 12 the group was at its maximum size (3); "
    )
    assert lines[2].startswith("Helps: `maxSize` of aws.autoscaling.Group `web` 3 -> 6: survives; ")
    (late,) = lowered.of(WARNS)
    assert (late["level"], late["name"]) == ("mandatory", "group")
    assert "nobody is paged after the surge's start at +0:10:15 (at most 300 s)" in late["message"]


def test_what_too_few_of_the_drawn_runs_survive_is_advice_in_the_preview(tmp_path):
    broad = CONFIG | {"service": json.dumps(SERVICE | {"requestsPerSecond": [60, 110]})}

    with engine_stack(tmp_path, _fleet(6), broad) as stack:
        preview = stack.preview()

    assert preview.of(SURVIVES) == []
    assert preview.surges == ["sale uncertain, < 0.01 % hurt (46 of 60 draws survive)"]
    (found,) = preview.of(MOST)
    assert (found["level"], found["name"]) == ("advisory", "group")
    line = found["message"].splitlines()[1]
    assert line.startswith(
        "surge `sale` (x2-in-300s x 2) is uncertain: 76.7 % of the drawn runs survive, must be at "
        "least 95 % (`slo.surge.survivingRunsPercent`); "
    )
