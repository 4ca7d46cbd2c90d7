import pytest

from tests.policies.analysis import (
    KEY,
    PASSED,
    REMOVED,
    TOPIC,
    UNKNOWN,
    Thing,
    changed,
    check_stack,
    refused,
    waits,
)

RULE = "sns-topic-customer-key"
ENCRYPTED = {"name": "shop-test-page", "kmsMasterKeyId": "arn:aws:kms:eu-west-1:1:key/1"}


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (REMOVED, "nothing"),
        ("", "an empty text"),
        ("alias/aws/sns", "`alias/aws/sns`"),
    ],
    ids=["none", "empty", "aws-managed"],
)
def test_topic_without_a_key_of_ones_own_is_refused(value, got):
    topic = Thing(TOPIC, "page", changed(ENCRYPTED, "kmsMasterKeyId", value))

    assert check_stack(RULE, [topic]) == refused(
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
