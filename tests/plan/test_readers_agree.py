"""Program, preview and AWS give one plan of each shipped stack, or say what they cannot see."""

import json
from pathlib import Path

import pytest
import yaml

from surgeproof.emulator.mocks import HOSTED_ZONE_ID, MotoClients, aws_in_process, run_program
from surgeproof.plan.deployed import read_deployed
from surgeproof.plan.program import read_program
from tests.plan.differences import differences, named_by
from tests.plan.preview import preview_plan

ROOT = Path(__file__).parents[2]
STACKS = ["local", "dev", "prod"]
MEASURED = json.loads((ROOT / "surgeproof/emulator/measured.json").read_text("utf-8"))
LOST = [(token, key) for token, keys in MEASURED["loses"].items() for key in keys]


@pytest.fixture(scope="module", params=STACKS)
def plans(request):
    stack = request.param
    program = read_program(ROOT, stack)
    preview = preview_plan(stack)
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    with aws_in_process():
        clients = MotoClients()
        balancer = config["surgeproof:loadBalancer"]
        if "certificateArn" in balancer:
            made = clients.client("acm").request_certificate(DomainName="shop.example.com")
            balancer["certificateArn"] = made["CertificateArn"]
        else:
            balancer |= {"hostedZoneId": HOSTED_ZONE_ID, "domain": "shop.surgeproof.test"}
        run_program(stack, config)
        deployed = read_deployed(
            clients.client,
            name=stack,
            stated=program.stated,
            prefix=f"surgeproof-{stack}-",
            lost=LOST,
        )
    return {"program": program.plan, "preview": preview, "deployed": deployed}


@pytest.mark.parametrize(
    ("left", "right"),
    [("program", "preview"), ("program", "deployed"), ("preview", "deployed")],
    ids=lambda name: name,
)
def test_readers_agree_or_say_what_they_do_not_see(plans, left, right):
    found = set(differences(plans[left], plans[right]))
    unexplained = {
        path for path in found if not (named_by(plans[left], path) or named_by(plans[right], path))
    }

    assert unexplained == set()


def test_the_preview_sees_all_that_the_program_says(plans):
    assert list(differences(plans["program"], plans["preview"])) == []


def test_aws_tells_all_but_the_refresh_and_what_the_endpoint_loses(plans):
    (group,) = plans["program"].groups

    assert set(differences(plans["program"], plans["deployed"])) == {
        f"groups[{group.name}].{field}"
        for field in (
            "desired_capacity",
            "default_instance_warmup_seconds",
            "maintenance",
            "refresh",
        )
    }


def test_what_is_not_seen_is_said_in_few_words(plans):
    (group,) = plans["program"].groups
    at = f"groups[{group.name}]"

    slow = f"alarms[{group.name}-slow-queries-warning]"
    of_database = {slow, f"{slow}.metric", "database.proxied"}
    unusual = {
        f"alarms[{group.name}-{role}-info]"
        for role in ("request-jump", "unusual-demand-requests", "unusual-demand-connections")
    }
    page = {f"composites[{group.name}-surge-critical].rule"}

    seen = {
        name: {note.path for note in plan.not_seen} - of_database for name, plan in plans.items()
    }

    assert seen == {
        "program": {
            *unusual,
            *page,
            f"{at}.desired_capacity",
        },
        "preview": {
            *unusual,
            *page,
            f"{at}.desired_capacity",
            f"{at}.zones",
        },
        "deployed": {
            *unusual,
            *page,
            "load_balancer.reserved_capacity_units",
            f"{at}.default_instance_warmup_seconds",
            f"{at}.maintenance",
            f"{at}.refresh",
        },
    }


def test_a_plan_holds_what_the_stack_is_made_of(plans):
    plan = plans["program"]
    (group,) = plan.groups

    assert plan.load_balancer.name == group.name
    assert plan.target_group_of(group) is not None
    assert {policy.group for policy in plan.policies} == {group.name}
    assert {alarm.alarm_actions for alarm in plan.alarms if alarm.alarm_actions} <= {
        (policy.name,) for policy in plan.policies
    }
    assert {alarm.severity for alarm in plan.alarms if alarm.notifies} == {"page", "ticket"}
    assert plan.service is not None
