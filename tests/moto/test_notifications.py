import json

import pytest

from surgeproof.components import Notifications
from surgeproof.emulator import mocks

PAGE = {"severity": "page", "protocol": "https", "endpoint": "https://example.com/key"}
TICKET = {"severity": "ticket", "protocol": "email", "endpoint": "team@example.com"}


@pytest.fixture(scope="module")
def aws():
    """Build both topics once, in an account that the tests only read."""
    with mocks.aws_in_process():
        mocks.build(lambda: Notifications("alerts", {"subscriptions": [PAGE, TICKET]}))
        yield mocks.MotoClients().client


@pytest.fixture
def topics(aws):
    """Return the topics' ARNs by severity."""
    arns = [topic["TopicArn"] for topic in aws("sns").list_topics()["Topics"]]
    return {arn.rpartition("-")[2]: arn for arn in arns}


def test_topics_are_encrypted_by_a_key_that_rotates(topics, aws):
    attributes = aws("sns").get_topic_attributes(TopicArn=topics["page"])["Attributes"]

    key = aws("kms").describe_key(KeyId=attributes["KmsMasterKeyId"])["KeyMetadata"]
    rotation = aws("kms").get_key_rotation_status(KeyId=key["KeyId"])
    (alias,) = aws("kms").list_aliases(KeyId=key["KeyId"])["Aliases"]
    assert key["KeyManager"] == "CUSTOMER"
    assert rotation["KeyRotationEnabled"] is True
    assert alias["AliasName"] == "alias/surgeproof-test-alerts"


def test_the_key_lets_alarms_publish(topics, aws):
    key = aws("sns").get_topic_attributes(TopicArn=topics["page"])["Attributes"]["KmsMasterKeyId"]

    policy = json.loads(aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])

    (alarms,) = (each for each in policy["Statement"] if each["Sid"] == "Alarms")
    assert alarms["Condition"]["StringEquals"]["kms:EncryptionContext:aws:sns:topicArn"] == [
        topics["page"],
        topics["ticket"],
        topics["info"],
        topics["escalation"],
    ]


def test_each_topic_has_its_policy_and_its_receivers(topics, aws):
    for severity, receiver in (("page", PAGE), ("ticket", TICKET)):
        attributes = aws("sns").get_topic_attributes(TopicArn=topics[severity])["Attributes"]
        (subscription,) = aws("sns").list_subscriptions_by_topic(TopicArn=topics[severity])[
            "Subscriptions"
        ]
        said = {each["Sid"] for each in json.loads(attributes["Policy"])["Statement"]}
        assert said == {"Alarms", "Budgets", "OnlyWithTls"}
        assert subscription["Protocol"] == receiver["protocol"]
        assert subscription["Endpoint"] == receiver["endpoint"]
