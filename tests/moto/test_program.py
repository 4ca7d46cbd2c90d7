"""The program as it is, with each stack's own configuration, on moto."""

import json
import runpy
from pathlib import Path

import pytest
import yaml

from surgeproof.emulator import mocks

ROOT = Path(__file__).parents[2]


def deploy(stack, **changes):
    """Run the program with a stack's configuration."""
    written = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    config = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in {**written["config"], **changes}.items()
    }

    def program():
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    return mocks.build(program, stack=stack, config=config)


@pytest.fixture(scope="module")
def aws():
    """Deploy the local stack once, in an account that the tests only read."""
    with mocks.aws_in_process():
        deploy("local")
        yield mocks.MotoClients().client


@pytest.fixture
def policies(aws):
    """Return the local stack's scaling policies by name."""
    found = aws("autoscaling").describe_policies()["ScalingPolicies"]
    return {each["PolicyName"].removeprefix("surgeproof-local-web-"): each for each in found}


def test_everything_bears_the_name_of_the_stack(aws):
    (group,) = aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    alarms = aws("cloudwatch").describe_alarms()["MetricAlarms"]

    assert group["AutoScalingGroupName"] == "surgeproof-local-web"
    assert all(alarm["AlarmName"].startswith("surgeproof-local-") for alarm in alarms)


def test_demand_is_followed_in_all_ways(policies):
    assert {name: policy["PolicyType"] for name, policy in policies.items()} == {
        "requests": "TargetTrackingScaling",
        "cpu": "TargetTrackingScaling",
        "demand": "TargetTrackingScaling",
        "surge": "StepScaling",
        "surge-fast": "StepScaling",
        "predictive": "PredictiveScaling",
    }


def test_requests_are_tracked_at_the_target_group_of_the_load_balancer(policies, aws):
    tracking = policies["requests"]["TargetTrackingConfiguration"]

    (balancer,) = aws("elbv2").describe_load_balancers()["LoadBalancers"]
    (targets,) = aws("elbv2").describe_target_groups()["TargetGroups"]
    label = tracking["PredefinedMetricSpecification"]["ResourceLabel"]
    assert tracking["TargetValue"] == 90 * 60 * 0.6
    assert label == "/".join(
        [
            balancer["LoadBalancerArn"].partition("loadbalancer/")[2],
            targets["TargetGroupArn"].rpartition(":")[2],
        ]
    )


def test_steps_join_and_only_add(policies):
    for name in ("surge", "surge-fast"):
        steps = policies[name]["StepAdjustments"]
        lowers = [step["MetricIntervalLowerBound"] for step in steps]
        uppers = [step.get("MetricIntervalUpperBound") for step in steps]
        assert lowers == [0, *uppers[:-1]]
        assert uppers[-1] is None
        assert all(step["ScalingAdjustment"] > 0 for step in steps)


def test_surge_alarms_run_the_step_policies(policies, aws):
    for alarm, policy in (("request-surge", "surge"), ("request-surge-fast", "surge-fast")):
        (found,) = aws("cloudwatch").describe_alarms(
            AlarmNames=[f"surgeproof-local-web-{alarm}-warning"]
        )["MetricAlarms"]
        assert found["AlarmActions"] == [policies[policy]["PolicyARN"]]


def test_schedules_move_the_minimum_and_nothing_else(policies, aws):
    actions = aws("autoscaling").describe_scheduled_actions()["ScheduledUpdateGroupActions"]

    said = {each["ScheduledActionName"]: each for each in actions}
    morning = said["surgeproof-local-web-morning"]
    assert (morning["Recurrence"], morning["MinSize"]) == ("0 7 * * MON-FRI", 5)
    assert morning["TimeZone"] == "Europe/Berlin"
    assert morning.get("MaxSize") is None
    assert morning.get("DesiredCapacity") is None


def test_pages_and_tickets_reach_different_topics(policies, aws):
    alarms = aws("cloudwatch").describe_alarms()["MetricAlarms"]

    for alarm in alarms:
        name = alarm["AlarmName"]
        if "undelivered" in name or "request-surge" in name:
            continue
        level = name.rpartition("-")[2]
        # Pages of a kind are told by the kind's composite alarm; the database's have none.
        page = "page" if "-database-" in name else "info"
        topic = {"critical": page, "info": "info", "warning": "ticket"}[level]
        (action,) = alarm["AlarmActions"]
        assert action.endswith(f":surgeproof-local-alerts-{topic}")


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_example_stacks_can_be_made(stack):
    with mocks.aws_in_process():
        certificate = (
            mocks.MotoClients().client("acm").request_certificate(DomainName="shop.example.com")
        )

        made = deploy(
            stack,
            **{"surgeproof:loadBalancer": {"certificateArn": certificate["CertificateArn"]}},
        )

    assert len([each for each in made.registered if each.token.startswith("aws:")]) > 60
