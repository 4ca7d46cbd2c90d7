"""The outage's story, sent as AWS's services would, through the stack's own rules on moto."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from surgeproof.components.alarms.timeline import QUERIES
from surgeproof.emulator import mocks
from surgeproof.operations.drills.calls import Calls
from surgeproof.operations.drills.page import PageDrill
from surgeproof.plan.program import read_program
from tests.alerting.story import GROUP, LOG_GROUP, REGION, Told, outage, send, timeline, unrelated

ROOT = Path(__file__).parents[2]
ROLES = {
    "alarms": "CloudWatch Alarm State Change",
    "scaling": "EC2 Instance ",
    "refreshes": "EC2 Auto Scaling Instance Refresh ",
    "runbooks": "EC2 Automation ",
}
"""How the detail-types begin that a rule of the timeline is for."""


@pytest.fixture(scope="module")
def client():
    """Deploy the local stack in this process, by the provider's own rows."""
    written = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text("utf-8"))["config"]
    with mocks.aws_in_process():
        mocks.run_program("local", written)
        yield mocks.MotoClients().client


@pytest.fixture(scope="module")
def story(client):
    return outage(client, read_program(ROOT, "local").plan)


@pytest.fixture(scope="module")
def held(client, story):
    """What the log group holds of the story, with what is unrelated sent all along."""
    send(client, [each for one in story[::20] for each in unrelated(one.at)])
    middle = len(story) // 2
    send(client, story[:middle])
    send(client, unrelated(story[middle].at))
    send(client, story[middle:])
    return timeline(client)


def test_the_timeline_holds_the_whole_story_in_order_and_nothing_else(story, held):
    assert len(story) > 150
    assert held == [each.kept for each in story]


def headline(event):
    """Say in a few words what an event of the timeline is about."""
    detail = event["detail"]
    if "alarmName" in detail:
        suppressed = detail["state"].get("actionsSuppressedBy")
        name = detail["alarmName"].removeprefix(f"{GROUP}-")
        return f"{name} {detail['state']['value']}" + (f" ({suppressed})" if suppressed else "")
    if "Definition" in detail:
        done = detail.get("StepName", detail["Status"])
        return f"{detail['Definition'].removeprefix(f'{GROUP}-')} {done}"
    return event["detail-type"].removeprefix("EC2 ")


STORY = [
    "request-surge-fast-critical ALARM",
    "surge-critical ALARM",
    "escalation-critical ALARM (WaitPeriod)",
    # The group's maintenance policy launches what replaces an instance before it ends that.
    "Instance Launch Successful",
    "slow-responses-critical ALARM",
    "outage-critical ALARM",
    "Instance Terminate Successful",
    "escalation-critical ALARM",
    "surge-response InProgress",
    "surge-response Raise",
    "surge-response Success",
    "saturation-critical ALARM",
    "surge-critical OK",
    "outage-critical OK",
    "Auto Scaling Instance Refresh Started",
    "Auto Scaling Instance Refresh Succeeded",
]


def test_the_story_reads_as_the_outage_went(held):
    """Demand is known before anybody waits, and who called whom, and what people did then."""
    first = dict.fromkeys(headline(each) for each in held)

    assert [each for each in first if each in STORY] == STORY


@pytest.mark.parametrize("role", ROLES)
def test_each_rule_brings_its_part_of_the_story(client, story, held, role):
    """Without one rule's target, or with another stack's pattern, just its part is missing."""
    events, rule = client("events"), f"surgeproof-local-timeline-{role}"
    others = [each.kept for each in story if not each.kind.startswith(ROLES[role])]
    targets = events.list_targets_by_rule(Rule=rule)["Targets"]
    pattern = events.describe_rule(Name=rule)["EventPattern"]

    events.remove_targets(Rule=rule, Ids=[each["Id"] for each in targets])
    before = len(timeline(client))
    send(client, story)
    without_target = timeline(client)[before:]
    events.put_targets(Rule=rule, Targets=targets)
    events.put_rule(Name=rule, EventPattern=pattern.replace("-local-", "-prod-"))
    before = len(timeline(client))
    send(client, story)
    with_other_pattern = timeline(client)[before:]
    events.put_rule(Name=rule, EventPattern=pattern)

    assert len(others) < len(story)
    assert without_target == others
    assert with_other_pattern == others


def test_every_alarm_and_every_runbook_of_the_stack_is_kept(client, story):
    plan = read_program(ROOT, "local").plan
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [each["AlarmName"] for page in pages for each in page["MetricAlarms"]]
    alarms += [each.name for each in plan.composites]
    owner = [{"Key": "Owner", "Values": ["Self"]}]
    runbooks = client("ssm").list_documents(Filters=owner)["DocumentIdentifiers"]
    at = story[-1].at
    sent = [
        Told(at, "aws.cloudwatch", "CloudWatch Alarm State Change", {"alarmName": each})
        for each in alarms
    ]
    sent += [
        Told(
            at,
            "aws.ssm",
            "EC2 Automation Execution Status-change Notification",
            {"Definition": each["Name"]},
        )
        for each in runbooks
    ]

    before = len(timeline(client))
    send(client, sent)

    assert len(alarms) > 60
    assert len(runbooks) == 7
    assert timeline(client)[before:] == [each.kept for each in sent]


def test_however_a_refresh_goes_it_is_kept(client, story):
    """The list is that of "Instance refresh example events and patterns"."""
    words = ["Started", "Checkpoint Reached", "Succeeded", "Failed", "Cancelled"]
    words += ["Rollback Started", "Rollback Succeeded", "Rollback Failed"]
    kinds = [f"EC2 Auto Scaling Instance Refresh {each}" for each in words]
    of_group = {"AutoScalingGroupName": GROUP}
    sent = [Told(story[-1].at, "aws.autoscaling", kind, of_group) for kind in kinds]

    before = len(timeline(client))
    send(client, sent)

    assert timeline(client)[before:] == [each.kept for each in sent]


def test_the_rules_are_on_and_may_write_to_the_log_group(client):
    """Neither matters to moto, so it is looked up.

    Source: "Using resource-based policies for Amazon EventBridge" (EventBridge user guide),
    CloudWatch Logs permissions.
    """
    rules = client("events").list_rules(NamePrefix="surgeproof-local-timeline-")["Rules"]
    policies = client("logs").describe_resource_policies()["resourcePolicies"]

    assert {each["State"] for each in rules} == {"ENABLED"}
    (statement,) = json.loads(policies[0]["policyDocument"])["Statement"]
    stream = f"arn:aws:logs:{REGION}:123456789012:log-group:{LOG_GROUP}:log-stream:any"
    assert statement["Effect"] == "Allow"
    assert fnmatchcase(stream, statement["Resource"])
    assert set(statement["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert set(statement["Principal"]["Service"]) == {
        "events.amazonaws.com",
        "delivery.logs.amazonaws.com",
    }


WORDS = frozenset(
    {"fields", "filter", "sort", "limit", "stats", "as", "by", "and", "like", "asc", "desc"}
    | {"coalesce", "count", "min", "max"}
)
"""What a query says besides fields and the names that it gives."""


def fields_of(query):
    """Return the fields that a query of Logs Insights reads."""
    text = re.sub(r'"[^"]*"|\'[^\']*\'|/[^/]*/|^SOURCE', "", query)
    given = set(re.findall(r"\bas (\w+)", text))
    found = re.findall(r"`([^`]+)`|(@?[A-Za-z][\w.]*)", text)
    names = {ticked or plain for ticked, plain in found}
    return names - WORDS - given


def flattened(value, path=""):
    """Return the fields that Logs Insights discovers in JSON: names joined by dots."""
    if not isinstance(value, dict):
        return {path}
    inner = [flattened(each, f"{path}.{key}" if path else key) for key, each in value.items()]
    return {name for names in inner for name in names}


@pytest.mark.parametrize("name", [*QUERIES, "dashboard"])
def test_a_query_reads_fields_that_the_events_have(client, held, name):
    """moto's Logs Insights filters nothing, so that its answers would show nothing."""
    body = client("cloudwatch").get_dashboard(DashboardName="surgeproof-local-on-call")
    widgets = json.loads(body["DashboardBody"])["widgets"]
    (shown,) = (each["properties"]["query"] for each in widgets if each["type"] == "log")
    query = {**QUERIES, "dashboard": shown}[name]
    known = {field for each in held for field in flattened(each)} | {"@timestamp"}

    assert len(fields_of(query)) > 2
    assert fields_of(query) <= known


def test_a_drill_pages_and_is_in_the_timeline(client):
    """On the stack as it is deployed: none of its actions, rules and refreshes forbids a drill."""
    practice = PageDrill(Calls(client), "surgeproof", "local", at_once=True)
    before = len(timeline(client))

    done = practice.run(practice.plan(), lambda _: None)

    page, escalation = f"{GROUP}-surge-critical", f"{GROUP}-escalation-critical"
    assert done.plan.page.alarm == page
    assert [headline(each) for each in timeline(client)[before:]] == [
        f"{done.plan.name.removeprefix(f'{GROUP}-')} ALARM",
        "surge-critical ALARM",
        "escalation-critical ALARM (WaitPeriod)",
        f"{done.plan.name.removeprefix(f'{GROUP}-')} OK",
        "surge-critical OK",
        "escalation-critical OK (WaitPeriod)",
    ]
    assert done.plan.alarms.held_back(done.plan.entered) == {escalation: 1800}
