import json

import pytest

from tests.policies.analysis import (
    ALARM,
    COMPOSITE,
    EVENT_TARGET,
    GROUP_NOTIFICATION,
    KEY,
    KEY_ALIAS,
    KEY_POLICY,
    PASSED,
    REMOVED,
    SUBSCRIPTION,
    TOPIC,
    TOPIC_POLICY,
    UNKNOWN,
    Thing,
    advised,
    changed,
    check,
    check_stack,
    refused,
    undecided,
    unknown,
    waits,
)

RULE = "sns-topic-customer-key"
ENCRYPTED = {"name": "shop-test-page", "kmsMasterKeyId": "arn:aws:kms:eu-west-1:1:key/1"}


@pytest.mark.parametrize(
    ("value", "got", "said"),
    [
        (REMOVED, "nothing", advised),
        ("", "an empty text", advised),
        ("alias/aws/sns", "`alias/aws/sns`", refused),
    ],
    ids=["none", "empty", "aws-managed"],
)
def test_topic_without_a_key_of_ones_own(value, got, said):
    topic = Thing(TOPIC, "page", changed(ENCRYPTED, "kmsMasterKeyId", value))

    assert check_stack(RULE, [topic]) == said(
        f"`kmsMasterKeyId` must be a key of your own, got {got}.", "page"
    )


def test_topic_with_a_key_passes():
    assert check_stack(RULE, [Thing(TOPIC, "page", ENCRYPTED)]) == PASSED


def test_key_that_the_stack_is_about_to_make_passes():
    topic = Thing(
        TOPIC, "page", ENCRYPTED | {"kmsMasterKeyId": UNKNOWN}, {"kmsMasterKeyId": ["alerts"]}
    )

    assert check_stack(RULE, [topic, Thing(KEY, "alerts", {})]) == PASSED


def test_key_made_of_something_else_is_not_decided():
    topic = Thing(
        TOPIC, "page", ENCRYPTED | {"kmsMasterKeyId": UNKNOWN}, {"kmsMasterKeyId": ["other"]}
    )

    verdict = check_stack(RULE, [topic, Thing(TOPIC, "other", ENCRYPTED)])

    assert verdict == waits("kmsMasterKeyId", "page")


OWN = "arn:aws:sns:eu-central-1:111111111111:web"
PRIVATE = "sns-policy-not-public"


def _policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _allow(principal, **others):
    return {"Effect": "Allow", "Principal": principal, "Action": "sns:Publish", **others}


@pytest.mark.parametrize(
    "statement",
    [
        _allow({"Service": "cloudwatch.amazonaws.com"}),
        _allow("*", Condition={"StringEquals": {"AWS:SourceOwner": "111111111111"}}),
        _allow({"AWS": "arn:aws:iam::111111111111:root"}),
        _allow({"AWS": "111111111111"}),
        {"Effect": "Deny", "Principal": "*"},
    ],
    ids=["service", "condition", "own", "number", "deny"],
)
def test_a_private_topic_passes(statement):
    assert check(PRIVATE, TOPIC_POLICY, {"arn": OWN, "policy": _policy(statement)}) == PASSED


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:root", "*"]}])
@pytest.mark.parametrize("condition", [{}, {"Bool": {"aws:SecureTransport": "true"}}])
def test_a_public_topic_is_refused(principal, condition):
    policy = _policy({"Effect": "Deny"}, _allow(principal, Condition=condition))

    assert check(PRIVATE, TOPIC, {"policy": policy}) == refused(
        "`policy` must let nobody in whom no condition ties to an account, "
        "got statement 2, which allows everybody."
    )


def test_another_account_is_refused_unless_it_is_trusted():
    other = _allow({"AWS": "arn:aws:iam::222222222222:role/ci"})
    properties = {"arn": OWN, "policy": _policy(other)}

    assert check(PRIVATE, TOPIC_POLICY, properties) == refused(
        "`policy` must let in no other account but `trustedAccounts`, "
        "got statement 1, which allows account 222222222222."
    )
    assert (
        check(PRIVATE, TOPIC_POLICY, properties, settings={"trustedAccounts": ["222222222222"]})
        == PASSED
    )


def test_the_own_account_may_stand_in_the_policy():
    policy = _policy(_allow({"AWS": "222222222222"}, Resource=OWN))

    assert len(check(PRIVATE, TOPIC, {"policy": policy}).refusals) == 1


def test_policies_that_are_not_known_are_not_decided():
    account = _policy(_allow({"AWS": "222222222222"}))

    assert check(PRIVATE, TOPIC, {"policy": UNKNOWN}) == waits("policy")
    assert check(PRIVATE, TOPIC_POLICY, {"arn": UNKNOWN, "policy": account}) == waits("arn")
    assert check(PRIVATE, TOPIC, {"policy": {"Statement": [UNKNOWN]}}) == waits("policy")


def test_what_cannot_be_read_as_a_policy_does_not_pass_for_a_private_one():
    """AWS may read it otherwise: the second statement here, for one."""
    twice = '{"Statement": [], "Statement": [{"Effect": "Allow", "Principal": "*"}]}'

    for policy in ("{", twice):
        what = "`policy` must be JSON that can be read, got another text"
        assert check(PRIVATE, TOPIC, {"policy": policy}) == undecided(
            f"{what}, so that it cannot be read."
        )
        assert check("resource-is-readable", TOPIC, {"policy": policy}) == refused(f"{what}.")
    assert check(PRIVATE, TOPIC, {}) == PASSED


HEARD = "sns-topic-has-subscription"
PAGE = Thing(TOPIC, "page", {"arn": "page-arn", "kmsMasterKeyId": "key-arn"})
SLOW = Thing(ALARM, "slow", {"alarmActions": ["page-arn"]})


def test_a_topic_with_a_subscription_passes():
    email = Thing(SUBSCRIPTION, "email", {"topic": "page-arn"})

    assert check_stack(HEARD, [PAGE, SLOW, email]) == PASSED


def test_a_topic_that_no_alarm_uses_needs_none():
    assert check_stack(HEARD, [PAGE, Thing(ALARM, "slow", {})]) == PASSED


@pytest.mark.parametrize("path", ["alarmActions", "okActions", "insufficientDataActions"])
def test_a_topic_without_subscription_is_refused(path):
    topic = Thing(TOPIC, "page", {"arn": UNKNOWN})
    alarm = Thing(COMPOSITE, "slow", {path: [UNKNOWN]}, {path: ["page"]})

    assert check_stack(HEARD, [topic, alarm]) == refused(
        "`arn` must have a subscription, as alarms publish to it, got none.", "page"
    )


def test_a_subscription_to_an_unknown_topic_is_waited_for():
    loose = unknown(SUBSCRIPTION, "email", {}, "topic")

    assert check_stack(HEARD, [PAGE, SLOW, loose]) == waits("topic", "email")


PUBLISH = "sns-key-lets-services-publish"
USE = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}
CLOUDWATCH = USE | {"Principal": {"Service": "cloudwatch.amazonaws.com"}}
EVENTS = USE | {"Principal": {"Service": "events.amazonaws.com"}}
ROLE = "arn:aws:iam::1:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
PUBLISHERS = [
    SLOW,
    Thing(EVENT_TARGET, "timeline", {"arn": "page-arn"}),
    Thing(GROUP_NOTIFICATION, "launches", {"topicArn": "page-arn"}),
]


def _key(*statements):
    return Thing(KEY, "key", {"arn": "key-arn", "policy": _policy(*statements)})


@pytest.mark.parametrize(
    "scaling",
    [
        USE | {"Principal": {"AWS": ROLE}},
        USE
        | {
            "Principal": {"AWS": "*"},
            "Condition": {"ArnLike": {"aws:PrincipalArn": f"{ROLE}*"}},
        },
        USE | {"Action": "kms:*", "Principal": {"AWS": ROLE}},
    ],
    ids=["principal", "condition", "all"],
)
def test_a_key_that_lets_all_publish_passes(scaling):
    assert check_stack(PUBLISH, [PAGE, *PUBLISHERS, _key(CLOUDWATCH, EVENTS, scaling)]) == PASSED


def test_a_key_s_policy_may_stand_alone_and_the_key_have_an_alias():
    topic = Thing(TOPIC, "page", {"arn": "page-arn", "kmsMasterKeyId": "alias/alerts"})
    stack = [
        topic,
        SLOW,
        Thing(KEY_ALIAS, "alias", {"name": "alias/alerts", "targetKeyId": "key-id"}),
        Thing(KEY, "key", {"keyId": "key-id"}),
        Thing(KEY_POLICY, "policy", {"keyId": "key-id", "policy": _policy(CLOUDWATCH)}),
    ]

    assert check_stack(PUBLISH, stack) == PASSED


@pytest.mark.parametrize(
    ("user", "service"),
    list(zip(PUBLISHERS, ["CloudWatch", "EventBridge", "Auto Scaling"], strict=True)),
)
def test_a_key_that_does_not_let_publish_is_refused(user, service):
    key = _key(
        USE | {"Principal": {"Service": "sns.amazonaws.com"}},
        CLOUDWATCH | {"Effect": "Deny"},
        CLOUDWATCH | {"Action": "kms:Decrypt"},
    )

    assert check_stack(PUBLISH, [PAGE, user, key]) == refused(
        f"`policy` must let {service} use kms:Decrypt and kms:GenerateDataKey*, as it publishes to "
        "Topic `page`, got no such statement.",
        "key",
    )


def test_the_default_policy_lets_no_service_publish():
    key = Thing(KEY, "key", {"arn": "key-arn"})

    assert check_stack(PUBLISH, [PAGE, SLOW, key]) == refused(
        "`policy` must let CloudWatch use kms:Decrypt and kms:GenerateDataKey*, as it publishes to "
        "Topic `page`, got nothing.",
        "key",
    )


def test_keys_that_are_not_seen_are_not_decided():
    topic = unknown(TOPIC, "page", {"arn": "page-arn"}, "kmsMasterKeyId")
    key = unknown(KEY, "key", {"arn": "key-arn"}, "policy")

    assert check_stack(PUBLISH, [PAGE, SLOW]) == undecided(
        "`kmsMasterKeyId` names a key that this stack does not make.", "page"
    )
    assert check_stack(PUBLISH, [topic, SLOW]) == waits("kmsMasterKeyId", "page")
    assert check_stack(PUBLISH, [PAGE, SLOW, key]) == waits("policy", "key")


def test_a_topic_in_the_clear_needs_no_key():
    assert check_stack(PUBLISH, [Thing(TOPIC, "page", {"arn": "page-arn"}), SLOW]) == PASSED
