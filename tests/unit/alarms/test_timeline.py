import json

import pytest

from surgeproof.components import ArgsError, Timeline
from surgeproof.components.alarms.timeline import TIMELINE
from surgeproof.settings.aws_limits import EVENT_RULE, breach
from tests.unit.recording import ACCOUNT, REGION, record


def build(**changes):
    return record(lambda: Timeline("timeline", {"group_name": "shop-test-web", **changes}))


def test_a_time_that_logs_cannot_be_kept_is_refused():
    with pytest.raises(ArgsError, match=r"Timeline\.retention_days: must be one of 1, 3, 5, .*"):
        TIMELINE.check({"group_name": "g", "retention_days": 399})


def test_the_story_is_kept_for_more_than_a_year():
    group = build().only("LogGroup")

    assert group["name"] == "/aws/events/shop-test-timeline"
    assert group["retentionInDays"] == 400


@pytest.mark.parametrize(
    ("role", "detail"),
    [
        ("alarms", {"alarmName": [{"prefix": "shop-test-web-"}]}),
        ("scaling", {"AutoScalingGroupName": ["shop-test-web"]}),
        ("refreshes", {"AutoScalingGroupName": ["shop-test-web"]}),
        ("runbooks", {"Definition": [{"prefix": "shop-test-web-"}]}),
    ],
)
def test_only_events_of_this_stack_are_kept(role, detail):
    recording = build()

    rule = recording.resources["EventRule"][f"timeline-{role}"]
    target = recording.resources["EventTarget"][f"timeline-{role}"]
    assert rule["name"] == f"shop-test-timeline-{role}"
    assert json.loads(rule["eventPattern"])["detail"] == detail
    assert breach(EVENT_RULE, "eventPattern", rule["eventPattern"]) is None
    assert target["arn"] == "arn:aws:LogGroup:timeline"
    assert "roleArn" not in target


def test_all_stacks_of_a_region_share_one_permission():
    policy = build().only("LogResourcePolicy")

    (statement,) = json.loads(policy["policyDocument"])["Statement"]
    assert policy["policyName"] == "surgeproof-events-to-logs"
    assert statement["Resource"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/*:*"
    assert "shop" not in policy["policyDocument"]


def test_queries_are_saved_for_the_review():
    queries = build().resources["QueryDefinition"]

    assert {query["name"] for query in queries.values()} == {
        f"shop-test-timeline/{name}"
        for name in ("what-happened", "pages", "capacity", "noisy-alarms")
    }
    assert all(
        query["logGroupNames"] == ["/aws/events/shop-test-timeline"] for query in queries.values()
    )
