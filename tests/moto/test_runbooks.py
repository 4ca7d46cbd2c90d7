"""The runbooks, carried out step by step on moto, and checked against AWS's models."""

import datetime as dt
import json

import pytest

from surgeproof.components.service.override import NO_OVERRIDE, OVERRIDE_TAG
from surgeproof.emulator.mocks import AwsMocks, MotoClients, aws_in_process, run_program
from surgeproof.emulator.probe import configuration
from surgeproof.emulator.requests import violations
from surgeproof.operations.automation import Automation, AutomationError, UnknownError
from surgeproof.operations.runbooks import find, rehearse, runbooks

GROUP = "surgeproof-local-web"
PARAMETER = "/surgeproof-local-web/minimum"
LACKING = {
    "CancelInstanceRefresh",
    "DescribeInstanceRefreshes",
    "ModifyCapacityReservation",
    "StartInstanceRefresh",
}
"""Operations that moto does not have; the model alone judges their requests."""


@pytest.fixture(scope="module")
def stack():
    """The stack `local`, whole, in an account of its own."""
    with aws_in_process():
        mocks = AwsMocks()
        run_program("local", configuration("local"), mocks=mocks)
        yield MotoClients().client


@pytest.fixture
def fresh(stack):
    """The same, with the group's minimum and the parameter as they were."""
    stack("autoscaling").update_auto_scaling_group(AutoScalingGroupName=GROUP, MinSize=2)
    stack("ssm").put_parameter(Name=PARAMETER, Value=NO_OVERRIDE, Type="String", Overwrite=True)
    return stack


def group(client):
    answer = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])
    return answer["AutoScalingGroups"][0]


def override_tag(client):
    return [tag["Value"] for tag in group(client)["Tags"] if tag["Key"] == OVERRIDE_TAG]


def remembered(client):
    return client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]


def run(client, title, **parameters):
    return list(rehearse(client, find(client, "surgeproof", "local", title), parameters))


def test_the_stack_has_them_all(stack):
    titles = [each.title for each in runbooks(stack, "surgeproof", "local")]

    assert titles == [
        "roll-back",
        "rolling-restart",
        "stop-replacement",
        "surge-mode-off",
        "surge-mode-on",
        "surge-response",
        "surge-response-end",
    ]


def test_surge_response_raises_the_minimum_and_says_so_on_the_group(fresh):
    run(fresh, "surge-response", MinSize="5", Hours="2")

    end = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    minimum, until, former, units = remembered(fresh).split(",")
    assert group(fresh)["MinSize"] == 5
    assert (minimum, former, units) == ("5", "2", "0")
    assert override_tag(fresh) == [f"5,{until}"]
    told = dt.datetime.strptime(until, "%Y-%m-%dT%H:%MZ").replace(tzinfo=dt.UTC)
    assert abs(told - end) <= dt.timedelta(minutes=2)


def test_its_end_puts_back_what_was_before(fresh):
    run(fresh, "surge-response", MinSize="5")
    run(fresh, "surge-response-end")

    assert group(fresh)["MinSize"] == 2
    assert override_tag(fresh) == []
    assert remembered(fresh) == NO_OVERRIDE


def test_a_second_raise_remembers_the_first_minimum(fresh):
    run(fresh, "surge-response", MinSize="4")
    run(fresh, "surge-response", MinSize="4")
    run(fresh, "surge-response", MinSize="6")
    run(fresh, "surge-response-end")

    assert group(fresh)["MinSize"] == 2


def test_an_end_without_a_raise_changes_nothing(fresh):
    lines = run(fresh, "surge-response-end")

    assert [line.partition(":")[0] for line in lines] == ["FindOverride", "Decide", "WasRaised"]
    assert group(fresh)["MinSize"] == 2


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("1", r"step Decide: MinSize: must be at least the group's minimum \(2\), got 1"),
        ("7", r"step Decide: MinSize: must be at most the group's maximum \(6\), got 7"),
    ],
    ids=["lower", "above the maximum"],
)
def test_it_only_raises_and_within_the_maximum(fresh, wanted, message):
    with pytest.raises(AutomationError, match=f"^{message}$"):
        run(fresh, "surge-response", MinSize=wanted)

    assert group(fresh)["MinSize"] == 2
    assert remembered(fresh) == NO_OVERRIDE


def test_a_reservation_is_asked_for_last(fresh):
    with pytest.raises(AutomationError, match=r"^step Reserve: .*modify_capacity_reservation"):
        run(fresh, "surge-response", MinSize="5", CapacityUnits="500")

    assert group(fresh)["MinSize"] == 5
    assert remembered(fresh).endswith(",2,500")


def test_surge_mode_switches_the_waiting_page_on_and_off(stack):
    def action():
        elbv2 = stack("elbv2")
        listener = next(
            each
            for each in elbv2.describe_listeners(
                LoadBalancerArn=elbv2.describe_load_balancers()["LoadBalancers"][0][
                    "LoadBalancerArn"
                ]
            )["Listeners"]
            if each["Port"] == 443
        )
        rules = elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        return next(rule for rule in rules if rule["Priority"] == "100")["Actions"][0]

    before = action()
    run(stack, "surge-mode-on")
    run(stack, "surge-mode-on")
    on = action()
    run(stack, "surge-mode-off")

    assert on["Type"] == "fixed-response"
    assert on["FixedResponseConfig"]["StatusCode"] == "503"
    assert action()["Type"] == "forward"
    assert action()["TargetGroupArn"] == before["TargetGroupArn"]


@pytest.mark.parametrize(
    ("title", "parameters", "answers"),
    [
        ("rolling-restart", {}, {"InstanceRefreshId": "1"}),
        ("roll-back", {"Version": "3"}, {"InstanceRefreshId": "1"}),
        ("stop-replacement", {}, {}),
        ("surge-response", {"MinSize": "5", "CapacityUnits": "500"}, {}),
        ("surge-response-end", {}, {}),
        ("surge-mode-on", {}, {}),
        ("surge-mode-off", {}, {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_request_keeps_to_awss_model(stack, title, parameters, answers):
    sent = []

    def call(service, operation, request):
        sent.append(operation)
        model = MotoClients().model(service).operation_model(operation)
        assert list(violations(model.input_shape, request)) == [], f"{operation} {request}"
        return {
            "AutoScalingGroups": [{"MinSize": 2, "MaxSize": 6}],
            "Parameter": {"Value": "5,2040-01-01T00:00Z,2,500"},
            "InstanceRefreshes": [{"Status": "Successful"}],
            **answers,
        }

    document = find(stack, "surgeproof", "local", title).document
    steps = list(Automation(document, call).run(parameters))

    # All steps are on the way of these answers.
    assert [each.step for each in steps] == [each["name"] for each in document["mainSteps"]]
    assert sent


def test_an_unfinished_replacement_is_an_error(stack):
    document = find(stack, "surgeproof", "local", "rolling-restart").document
    answers = {"InstanceRefreshId": "1", "InstanceRefreshes": [{"Status": "Failed"}]}

    with pytest.raises(AutomationError, match=r"^step Assert: .* must be Successful, got Failed$"):
        list(Automation(document, lambda *_: answers).run({}))


def test_wrong_parameters_are_told_at_once(stack):
    with pytest.raises(UnknownError) as caught:
        run(stack, "surge-response", MinSize="many", Minutes="5")

    assert str(caught.value) == (
        "Minutes: must be one of the runbook's parameters (MinSize, Hours, CapacityUnits); "
        "MinSize: must match ^[1-9][0-9]{0,3}$, got 'many'"
    )


def test_an_unknown_runbook_is_told_with_the_known_ones(stack):
    with pytest.raises(UnknownError, match=r"^runbook: must be one of roll-back, .*, got 'panic'$"):
        find(stack, "surgeproof", "local", "panic")


def test_each_role_may_do_what_its_document_does_and_no_more(stack):
    for each in runbooks(stack, "surgeproof", "local"):
        role = each.document["assumeRole"].rpartition("/")[2]
        policy = stack("iam").get_role_policy(RoleName=role, PolicyName=each.title)
        document = policy["PolicyDocument"]
        statements = (json.loads(document) if isinstance(document, str) else document)["Statement"]
        allowed = {action for statement in statements for action in statement["Action"]}
        needed = {
            f"{SIGNED.get(step['inputs']['Service'], step['inputs']['Service'])}:"
            f"{step['inputs']['Api']}"
            for step in each.document["mainSteps"]
            if "Api" in step["inputs"]
        }
        assert needed <= allowed
        assert allowed - needed <= IMPLIED.get(each.title, set())


SIGNED = {"elbv2": "elasticloadbalancing"}
IMPLIED = {
    "rolling-restart": {"cloudwatch:DescribeAlarms"},
    "roll-back": {
        "cloudwatch:DescribeAlarms",
        "ec2:RunInstances",
        "ec2:CreateTags",
        "iam:PassRole",
    },
}
"""What AWS asks of whoever makes a call of the document, beyond the call itself."""


def test_a_reset_reservation_is_the_stacks_own():
    from surgeproof.components.runbooks import automation  # noqa: PLC0415

    args = {"group": "g", "parameter": "/p", "load_balancer": "arn"}
    steps = {
        units: automation.surge_response_end("role", **args, capacity_units=units)["mainSteps"][6]
        for units in (None, 200)
    }

    assert steps[None]["inputs"]["ResetCapacityReservation"] is True
    assert steps[200]["inputs"]["MinimumLoadBalancerCapacity"] == {"CapacityUnits": 200}
