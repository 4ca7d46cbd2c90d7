"""What `terraform show -json` says, as resources in the engine's words and as a plan."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pulumi.runtime import rpc

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    HealthCheckType,
    Metric,
    MissingData,
    StepAdjustment,
    StepScaling,
    TargetTracking,
    TrackedMetric,
)
from surgeproof.plan._terraform_references import Instance, module_of, parts
from surgeproof.plan.configured import Configured
from surgeproof.plan.state import read_state
from surgeproof.plan.terraform import PARENT, address_of, destroyed, read_terraform
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.resources import SECRET, SIGNATURE, UNKNOWN_TEXT

FILES = Path(__file__).parents[1] / "terraform"
NEW = sorted(FILES.glob("*-new.json"))
MODULES = sorted(FILES.glob("*-modules.json"))
WRITTEN_BY = "must be what `terraform show -json` writes of a plan or of a state"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def read(file):
    return json.loads(file.read_text("utf-8"))


def plan_of(document):
    resources = read_terraform(document, "--terraform")
    return read_state(resources, name="shop", stated=Configured())


def resource(document, address):
    resources = read_terraform(document, "--terraform")
    (found,) = [each for each in resources if each["urn"].endswith(f"::{address}")]
    return found


def change(document, address):
    (found,) = [each for each in document["resource_changes"] if each["address"] == address]
    return found["change"]


def block(document, kind):
    module = document["configuration"]["root_module"]
    (found,) = [each for each in module["resources"] if each["type"] == kind]
    return found["expressions"]


@pytest.fixture(params=NEW, ids=lambda file: file.stem)
def new(request):
    return read(request.param)


@pytest.fixture(params=MODULES, ids=lambda file: file.stem)
def modules(request):
    return read(request.param)


def test_a_new_stack(new):
    plan = plan_of(new)

    (group,) = plan.groups
    assert (group.name, group.min_size, group.max_size) == ("shop-service", 3, 12)
    assert (group.zones, group.instance_types) == (ZONES, ("m6i.large",))
    assert (group.health_check_type, group.health_check_grace_seconds) == (HealthCheckType.ELB, 120)
    assert (group.detailed_monitoring, group.target_group) == (True, "shop-service")
    assert plan.load_balancer.name == "shop"
    (target,) = plan.target_groups
    assert (target.check_interval_seconds, target.slow_start_seconds) == (10, 30)
    assert plan.policies == (
        StepScaling(
            name="errors",
            group="shop-service",
            adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
            steps=(
                StepAdjustment(lower=0.0, upper=50.0, adjustment=2.0),
                StepAdjustment(lower=50.0, upper=None, adjustment=4.0),
            ),
        ),
        TargetTracking(
            name="requests",
            group="shop-service",
            metric=TrackedMetric.REQUESTS_PER_TARGET,
            target=600.0,
            warmup_seconds=120,
        ),
    )
    (schedule,) = plan.schedules
    assert (schedule.min_size, schedule.max_size, schedule.recurrence) == (6, 12, "0 7 * * MON-FRI")
    assert plan.alarms == (
        Alarm(
            name="shop-errors",
            metric=Metric(
                namespace="AWS/ApplicationELB", name="HTTPCode_Target_5XX_Count", statistic="Sum"
            ),
            comparison=Comparison.GREATER,
            threshold=50.0,
            evaluation_periods=2,
            missing_data=MissingData.NOT_BREACHING,
            alarm_actions=("errors",),
            notifies=True,
            severity="pages",
        ),
    )
    assert (plan.database.name, plan.database.max_connections) == ("shop", 200)
    assert {note.path for note in plan.not_seen} == {
        "quotas.vcpus",
        "groups[shop-service].desired_capacity",
    }


def test_a_state_says_the_same_as_the_plan_that_made_it():
    new, state = plan_of(read(FILES / "tofu-new.json")), plan_of(read(FILES / "tofu-state.json"))

    (group,) = state.groups
    assert group.desired_capacity == 3
    assert replace(group, desired_capacity=None) == new.groups[0]
    for part in ("load_balancer", "target_groups", "policies", "schedules", "alarms", "database"):
        assert getattr(state, part) == getattr(new, part), part
    assert [note.path for note in state.not_seen] == ["quotas.vcpus"]


def test_a_changed_stack_is_read_as_it_will_be():
    before, after = (plan_of(read(FILES / f"tofu-{name}.json")) for name in ("state", "changed"))

    assert [group.max_size for group in after.groups] == [4]
    assert [action.max_size for action in after.schedules] == [4]
    assert replace(after.groups[0], max_size=12) == before.groups[0]
    assert after.alarms == before.alarms


@pytest.mark.parametrize("name", ["state", "changed"])
def test_what_others_set_is_no_input(name):
    document = read(FILES / f"tofu-{name}.json")
    group = resource(document, "aws_autoscaling_group.service")
    balancer = resource(document, "aws_security_group.balancer")

    assert group["outputs"]["desiredCapacity"] == 3
    assert "desiredCapacity" not in group["inputs"]
    # Its own rules are stated in the configuration, of which a state says nothing.
    assert ("ingress" in balancer["inputs"]) == (name == "changed")
    assert balancer["outputs"]["ingress"][0]["fromPort"] == 443


def test_a_state_of_modules_has_their_addresses():
    document = read(FILES / "tofu-state.json")
    root = document["values"]["root_module"]
    document["values"]["root_module"] = {
        "child_modules": [{**root, "address": 'module.shop["eu"]'}]
    }

    assert resource(document, 'module.shop["eu"].aws_subnet.public[2]')["inputs"]["cidrBlock"] == (
        "10.0.2.0/24"
    )


def test_modules_with_count_and_for_each(modules):
    plan = plan_of(modules)

    assert [
        (each.name, each.min_size, each.max_size, each.zones, each.target_group)
        for each in plan.groups
    ] == [
        ("shop-api", 2, 8, ZONES, "shop-api"),
        ("shop-web", 4, 20, ZONES, "shop-web"),
    ]
    assert [(each.group, each.target) for each in plan.policies] == [
        ("shop-api", 500.0),
        ("shop-api", 400.0),
        ("shop-web", 400.0),
    ]
    (alarm,) = plan.alarms
    assert (alarm.name, alarm.metric.name) == ("shop-api-slow", "TargetResponseTime")
    notes = {note.path: note.reason for note in plan.not_seen}
    # Its action is the value of a local, which the file does not hold.
    assert notes["alarms[shop-api-slow].alarm_actions"] == (
        "It is known only once the stack is deployed."
    )


def test_who_belongs_to_whom_leads_through_modules(modules):
    prefix = f"urn:pulumi:default::terraform::{PARENT}$aws:"
    rule = resource(modules, 'module.service["web"].aws_lb_listener_rule.service')
    alarm = resource(modules, 'module.service["api"].aws_cloudwatch_metric_alarm.slow[0]')

    assert rule["propertyDependencies"]["listenerArn"] == [
        f"{prefix}lb/listener:Listener::module.balancer.aws_lb_listener.http[0]"
    ]
    assert rule["propertyDependencies"]["actions"] == [
        f'{prefix}lb/targetGroup:TargetGroup::module.service["web"].aws_lb_target_group.service'
    ]
    assert alarm["propertyDependencies"]["dimensions"] == [
        f"{prefix}lb/loadBalancer:LoadBalancer::module.balancer.aws_lb.main",
        f'{prefix}lb/targetGroup:TargetGroup::module.service["api"].aws_lb_target_group.service',
    ]
    assert set(alarm["inputs"]["dimensions"]) == {"LoadBalancer", "TargetGroup"}
    # A local stands between.
    assert alarm["propertyDependencies"]["alarmActions"] == []


def test_an_unknown_list_has_an_item_for_each_resource_that_it_is_made_of(new):
    alarm = resource(new, "aws_cloudwatch_metric_alarm.errors")
    balancer = resource(new, "aws_lb.main")

    assert len(alarm["inputs"]["alarmActions"]) == 2
    assert len(balancer["inputs"]["subnets"]) == 3


def test_what_aws_fills_in_is_no_input(new):
    balancer = resource(new, "aws_lb.main")

    assert "ipAddressType" in balancer["outputs"]
    assert "ipAddressType" not in balancer["inputs"]
    assert "id" not in balancer


def test_a_group_by_a_local_is_not_decided(new):
    for kind in ("aws_autoscaling_schedule",):
        block(new, kind)["autoscaling_group_name"] = {"references": ["local.group"]}
    found = change(new, "aws_autoscaling_schedule.morning")
    del found["after"]["autoscaling_group_name"]
    found["after_unknown"]["autoscaling_group_name"] = True

    plan = plan_of(new)

    assert plan.schedules == ()
    assert {note.path for note in plan.not_seen} >= {"schedules[morning]"}


def test_of_instances_with_the_same_key_one_is_meant(new):
    # each.key beside a resource that is repeated: the instance with that key.
    (group,) = [each for each in new["resource_changes"] if each["type"] == "aws_lb_target_group"]
    (listener,) = [each for each in new["resource_changes"] if each["type"] == "aws_lb_listener"]
    for key in ("a", "b"):
        for each in (group, listener):
            name = f'{each["type"]}.{each["name"]}["{key}"]'
            new["resource_changes"].append(copy.deepcopy(each) | {"index": key, "address": name})
    new["resource_changes"] = [
        each for each in new["resource_changes"] if each not in (group, listener)
    ]
    (action,) = block(new, "aws_lb_listener")["default_action"]
    action["target_group_arn"] = {"references": ["aws_lb_target_group.service", "each.key"]}

    found = resource(new, 'aws_lb_listener.http["b"]')

    (source,) = found["propertyDependencies"]["defaultActions"]
    assert source.endswith('::aws_lb_target_group.service["b"]')


def test_what_leads_back_to_itself_is_not_decided(modules):
    calls = modules["configuration"]["root_module"]["module_calls"]
    calls["service"]["expressions"]["listener"] = {"references": ["module.service"]}
    outputs = calls["service"]["module"]["outputs"]
    outputs["group"] = {"expression": {"references": ["var.listener"]}}

    rule = resource(modules, 'module.service["web"].aws_lb_listener_rule.service')

    assert rule["propertyDependencies"]["listenerArn"] == []


def test_what_is_deleted_is_not_there(new):
    found = change(new, "aws_autoscaling_policy.errors")
    found |= {"actions": ["delete"], "after": None, "before": {}}

    assert [each.name for each in plan_of(new).policies] == ["requests"]


def test_a_deposed_object_of_a_state_is_left_out():
    state = read(FILES / "tofu-state.json")
    whole = read_terraform(state, "--terraform")
    resources = state["values"]["root_module"]["resources"]
    (live,) = [each for each in resources if each["type"] == "aws_autoscaling_group"]
    deposed = copy.deepcopy(live) | {"deposed_key": "byebye12"}
    deposed["values"]["max_size"] = 3
    resources.append(deposed)

    assert read_terraform(state, "--terraform") == whole


def test_a_deposed_object_of_a_plan_is_left_out(new):
    whole = read_terraform(new, "--terraform")
    deposed = copy.deepcopy(new["resource_changes"][0]) | {"deposed": "byebye12"}
    new["resource_changes"].append(deposed)

    assert read_terraform(new, "--terraform") == whole


def test_a_plan_that_destroys_all_says_how_many(new):
    assert destroyed(new) == 0

    changes = [each for each in new["resource_changes"] if each["mode"] == "managed"]
    for each in changes:
        each["change"] |= {"actions": ["delete"], "after": None, "before": {}}
    new["planned_values"] = {"root_module": {}}
    new["prior_state"] = None

    assert read_terraform(new, "--terraform") == []
    assert destroyed(new) == len(changes) > 0
    changes[0]["change"]["actions"] = ["no-op"]
    assert destroyed(new) == 0


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (
            {
                "complete": False,
                "deferred_changes": [{"resource_change": {"address": "aws_lb.late"}}],
            },
            "must be a whole plan, got one with 1 of its changes deferred (aws_lb.late)",
        ),
        (
            {"complete": False, "deferred_changes": [{}, {}]},
            "must be a whole plan, got one with 2 of its changes deferred",
        ),
        (
            {"complete": False},
            "must be a whole plan, got one with `complete` false, such as -target makes",
        ),
        (
            {"resource_changes": None},
            "resource_changes: must list the changes of what planned_values holds, got none",
        ),
        ({"format_version": "2.0"}, "format_version: must be 0.x or 1.x, got '2.0'"),
        ({"format_version": 1}, "format_version: must be 0.x or 1.x, got 1"),
    ],
)
def test_a_plan_that_is_not_whole_is_refused(new, broken, problem):
    assert read_terraform(new | {"complete": True, "deferred_changes": []}, "--terraform")

    with pytest.raises(DocumentError) as raised:
        read_terraform(new | broken, "--terraform")

    assert raised.value.problems == (f"--terraform: {problem}",)


def test_what_is_sensitive_is_marked(new):
    found = change(new, "aws_autoscaling_group.service")
    found["after_sensitive"] = {"max_size": True}

    group = resource(new, "aws_autoscaling_group.service")

    assert group["inputs"]["maxSize"] == {SIGNATURE: SECRET, "value": 12}


def test_other_providers_count_as_theirs(new):
    found = copy.deepcopy(new["resource_changes"][0])
    found |= {"address": "google_x.a", "type": "google_x", "name": "a"}
    new["resource_changes"].append(found)

    assert resource(new, "google_x.a")["type"] == "google:terraform:google_x"


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, f"--terraform: {WRITTEN_BY}"),
        (
            {"format_version": "1.0"},
            f"--terraform: {WRITTEN_BY}, got one without resources",
        ),
        (
            {"format_version": "1.2", "errored": True, "resource_changes": []},
            "--terraform: must be a plan without errors, got a failed one",
        ),
        (
            {"format_version": "1.2", "resource_changes": [{"type": "aws_lb", "name": 1}]},
            "--terraform: resource_changes[0].name: must be a text, got a number",
        ),
        (
            {"format_version": "1.0", "values": {"root_module": {"resources": {}}}},
            "--terraform: values.root_module.resources: must be a list, got a mapping",
        ),
    ],
)
def test_what_is_no_plan_is_refused(document, problem):
    with pytest.raises(DocumentError) as raised:
        read_terraform(document, "--terraform")

    assert raised.value.problems[0] == problem


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("aws_lb.main.arn", ["aws_lb", "main", "arn"]),
        ("aws_lb.main[0]", ["aws_lb", "main", 0]),
        ('module.web["a.b"].arn', ["module", "web", "a.b", "arn"]),
        (r'x.y["a\"b"]', ["x", "y", 'a"b']),
    ],
)
def test_references_are_read(text, read_as):
    assert parts(text) == read_as


def test_an_unknown_value_has_pulumi_s_mark():
    assert rpc.UNKNOWN == UNKNOWN_TEXT


def test_addresses_are_those_of_terraform():
    address = 'module.a["x"].module.b[1].aws_lb.main'

    assert module_of(address) == (("a", "x"), ("b", 1))
    assert address_of(Instance(module_of(address), "aws_lb", "main")) == address
