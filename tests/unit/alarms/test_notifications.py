import json

import pulumi
import pytest

from surgeproof.components import ArgsError, Notifications
from surgeproof.components.alarms.notifications import NOTIFICATIONS
from tests.unit.recording import ACCOUNT, PROJECT, REGION, STACK, Recording, record

PAGE = {"severity": "page", "protocol": "email", "endpoint": "on-call@example.com"}
TICKET = {"severity": "ticket", "protocol": "email", "endpoint": "team@example.com"}
URL = {"severity": "page", "protocol": "https", "endpoint": "https://example.com/key"}
ALARMS = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"
TOPICS = [
    f"arn:aws:sns:{REGION}:{ACCOUNT}:{PROJECT}-{STACK}-alerts-{topic}"
    for topic in ("page", "ticket", "info", "escalation")
]


def build(*subscriptions: dict) -> Recording:
    return record(lambda: Notifications("alerts", {"subscriptions": list(subscriptions)}))


def statements(policy: str) -> dict[str, dict]:
    return {each["Sid"]: each for each in json.loads(policy)["Statement"]}


@pytest.mark.parametrize(
    ("subscriptions", "message"),
    [
        (None, "subscriptions: must be a list of 1 to 100 subscriptions, got nothing"),
        ([], "subscriptions: must be a list of 1 to 100 subscriptions, got a list of 0"),
        (
            ["on-call@example.com"],
            ("subscriptions[0]: must be a mapping of keys, got 'on-call@example.com'"),
        ),
        (
            [{**PAGE, "severity": "pager"}],
            "subscriptions[0].severity: must be one of page, ticket, info, got 'pager'",
        ),
        (
            [{**PAGE, "protocol": "sms"}],
            "subscriptions[0].protocol: must be one of email, https, sqs, got 'sms'",
        ),
        (
            [{**PAGE, "endpoint": "on-call"}],
            "subscriptions[0].endpoint: must be an e-mail address, got 'on-call'",
        ),
        (
            [{**URL, "endpoint": "http://example.com/key"}],
            "subscriptions[0].endpoint: must be a URL that begins with https://, got [secret]",
        ),
        (
            [PAGE, PAGE],
            (
                "subscriptions[1].endpoint: must differ from subscriptions[0].endpoint, got "
                "'on-call@example.com'"
            ),
        ),
        (
            [{**PAGE, "end_point": "x"}],
            (
                "subscriptions[0].end_point: must be a key that exists "
                "(nearest: endpoint), got 'end_point'"
            ),
        ),
    ],
)
def test_wrong_arguments_are_refused(subscriptions, message):
    with pytest.raises(ArgsError) as told:
        NOTIFICATIONS.check({"subscriptions": subscriptions})

    lines = str(told.value).splitlines()
    assert lines[0] == f"Notifications.{message}"


def test_each_severity_has_an_encrypted_topic():
    recording = build(PAGE, TICKET)

    topics = recording.resources["Topic"]
    assert {name: topic["name"] for name, topic in topics.items()} == {
        "alerts-page": "shop-test-alerts-page",
        "alerts-ticket": "shop-test-alerts-ticket",
        "alerts-info": "shop-test-alerts-info",
        "alerts-escalation": "shop-test-alerts-escalation",
    }
    assert {topic["kmsMasterKeyId"] for topic in topics.values()} == {"arn:aws:Key:alerts"}


def test_a_severity_without_receivers_goes_to_those_of_the_other():
    recording = build(PAGE)

    receivers = {
        (subscription["topic"], subscription["endpoint"])
        for subscription in recording.resources["TopicSubscription"].values()
    }
    assert receivers == {
        ("arn:aws:Topic:alerts-page", "on-call@example.com"),
        ("arn:aws:Topic:alerts-ticket", "on-call@example.com"),
        ("arn:aws:Topic:alerts-escalation", "on-call@example.com"),
        ("arn:aws:Topic:alerts-info", "arn:aws:Queue:alerts-info"),
    }


def test_a_receiver_keeps_its_resource_when_others_come():
    before = build(TICKET, PAGE).resources["TopicSubscription"]
    after = build(PAGE, URL, TICKET).resources["TopicSubscription"]

    assert set(before) < set(after)


def test_a_url_reaches_the_topic_as_a_secret():
    recording = build(URL, TICKET)

    (url,) = (
        each
        for each in recording.resources["TopicSubscription"].values()
        if each["protocol"] == "https" and each["topic"].endswith("page")
    )
    secret = "4dabf18193072939515e22adb298388d"  # noqa: S105 - how Pulumi marks a secret
    assert url["endpoint"] in (
        "https://example.com/key",
        {secret: "1b47061264138c4ac30d75fd1eb44270", "value": "https://example.com/key"},
    )


def test_a_secret_endpoint_is_taken_without_looking_at_it():
    recording = record(
        lambda: Notifications(
            "alerts",
            {"subscriptions": [{**PAGE, "endpoint": pulumi.Output.secret("x@example.com")}]},
        )
    )

    assert sorted(recording.resources["TopicSubscription"]) == [
        "alerts-escalation-email-0",
        "alerts-info-sqs",
        "alerts-page-email-0",
        "alerts-ticket-email-0",
    ]


def test_info_that_nobody_subscribes_to_is_kept_in_a_queue():
    queue = build(PAGE).resources["Queue"]["alerts-info"]
    policy = statements(build(PAGE).only("QueuePolicy")["policy"])

    assert queue["messageRetentionSeconds"] == 14 * 86400
    assert queue["sqsManagedSseEnabled"] is True
    assert policy["InfoTopic"]["Principal"] == {"Service": "sns.amazonaws.com"}
    assert policy["InfoTopic"]["Condition"] == {
        "ArnEquals": {"aws:SourceArn": "arn:aws:Topic:alerts-info"}
    }


def test_info_with_a_receiver_needs_no_queue():
    recording = build(PAGE, {**TICKET, "severity": "info"})

    assert "Queue" not in recording.resources


def test_pages_that_stay_open_go_to_the_next_team():
    recording = record(
        lambda: Notifications(
            "alerts",
            {
                "subscriptions": [PAGE],
                "escalation": [{"protocol": "email", "endpoint": "srt@example.com"}],
            },
        )
    )

    receivers = {
        subscription["endpoint"]
        for subscription in recording.resources["TopicSubscription"].values()
        if subscription["topic"] == "arn:aws:Topic:alerts-escalation"
    }
    assert receivers == {"srt@example.com"}


def test_slack_goes_through_the_chat_service_which_may_only_read():
    recording = record(
        lambda: Notifications(
            "alerts",
            {
                "subscriptions": [PAGE],
                "slack": {"workspace_id": "T0123456789", "channel_id": "C0123456789"},
            },
        )
    )

    channel = recording.only("SlackChannelConfiguration")
    may = statements(recording.only("RolePolicy")["policy"])["ReadAlarms"]["Action"]
    assert channel["slackTeamId"] == "T0123456789"
    assert channel["slackChannelId"] == "C0123456789"
    assert channel["snsTopicArns"] == ["arn:aws:Topic:alerts-page", "arn:aws:Topic:alerts-ticket"]
    assert channel["guardrailPolicyArns"] == ["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"]
    assert {action.partition(":")[2][:3] for action in may} == {"Des", "Get"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"subscriptions": [{**PAGE, "severity": "info"}]},
            "subscriptions: must have one of severity page or ticket, got 'info only'",
        ),
        (
            {"escalation": [PAGE]},
            (
                "escalation[0].severity: must be a key that exists (endpoint, protocol), got "
                "'severity'"
            ),
        ),
        (
            {"escalation": [{"protocol": "email", "endpoint": "srt"}]},
            "escalation[0].endpoint: must be an e-mail address, got 'srt'",
        ),
        (
            {"slack": {"workspace_id": "t-1", "channel_id": "C0123456789"}},
            (
                "slack.workspace_id: must be the id of a Slack workspace, such as T0123456789, "
                "got 't-1'"
            ),
        ),
        (
            {
                "slack": {
                    "workspace_id": "T0123456789",
                    "channel_id": "C0123456789",
                    "severities": ["pages"],
                }
            },
            "slack.severities[0]: must be one of page, ticket, info, got 'pages'",
        ),
    ],
)
def test_wrong_receivers_are_refused(changes, message):
    with pytest.raises(ArgsError) as told:
        NOTIFICATIONS.check({"subscriptions": [PAGE], **changes})

    assert str(told.value) == f"Notifications.{message}"


def test_the_key_serves_alarms_of_this_account_for_these_topics_only():
    recording = build(PAGE)

    key = recording.only("Key")
    allowed = statements(key["policy"])
    assert key["enableKeyRotation"] is True
    assert allowed["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Alarms"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert allowed["Alarms"]["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": ACCOUNT,
            "kms:EncryptionContext:aws:sns:topicArn": TOPICS,
        },
        "ArnLike": {"aws:SourceArn": ALARMS},
    }


def test_the_key_serves_event_bridge_and_auto_scaling_for_these_topics_only():
    allowed = statements(build(PAGE).only("Key")["policy"])

    assert allowed["EventBridge"]["Principal"] == {"Service": "events.amazonaws.com"}
    # SNS supports no aws:SourceAccount for EventBridge on encrypted topics.
    assert allowed["EventBridge"]["Condition"] == {
        "StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": TOPICS}
    }
    assert allowed["AutoScaling"]["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": ACCOUNT,
            "kms:EncryptionContext:aws:sns:topicArn": TOPICS,
        },
        "ArnLike": {
            "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/"
            "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*"
        },
    }


def test_topics_take_alarms_of_this_account_and_nothing_without_tls():
    policies = build(PAGE).resources["TopicPolicy"]

    for name in ("alerts-page", "alerts-ticket"):
        said = statements(policies[name]["policy"])
        assert set(said) == {"Alarms", "Budgets", "OnlyWithTls"}
        assert said["Alarms"]["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": ALARMS},
        }
        assert said["Budgets"]["Principal"] == {"Service": "budgets.amazonaws.com"}
        assert said["Budgets"]["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{ACCOUNT}:*"},
        }
        assert said["OnlyWithTls"]["Effect"] == "Deny"
        assert said["OnlyWithTls"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert said["Alarms"]["Resource"] == f"arn:aws:Topic:{name}"


def test_outputs_name_both_topics_and_the_key():
    outputs = build(PAGE).outputs

    assert outputs["page_topic_name"] == "shop-test-alerts-page"
    assert outputs["ticket_topic_name"] == "shop-test-alerts-ticket"
    assert outputs["page_topic_arn"] == "arn:aws:Topic:alerts-page"
    assert outputs["ticket_topic_arn"] == "arn:aws:Topic:alerts-ticket"
    assert outputs["key_arn"] == "arn:aws:Key:alerts"
