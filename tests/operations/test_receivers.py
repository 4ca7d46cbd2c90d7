import pytest

from surgeproof.operations.receivers import problem, told, topics_of

ARN = "arn:aws:sns:eu-central-1:123456789012:shop-prod-alerts-{}"
PENDING, CONFIRMED = "PendingConfirmation", ARN.format("page") + ":0123"
MAIL = ("email", "on-call@example.com")
URL = ("https", "https://example.com/key")


class Sns:
    """Answers as SNS does, in pages of one."""

    def __init__(self, topics):
        self.topics = topics

    def get_paginator(self, operation):
        self.operation = operation
        return self

    def paginate(self, TopicArn=None):  # noqa: N803 - AWS's word
        if self.operation == "list_topics":
            return [{"Topics": [{"TopicArn": ARN.format(role)}]} for role in self.topics]
        role = TopicArn.rpartition("-")[2]
        return [
            {"Subscriptions": [{"SubscriptionArn": arn, "Protocol": kind, "Endpoint": endpoint}]}
            for arn, (kind, endpoint) in self.topics[role]
        ]


def topics(**roles):
    return topics_of(lambda _: Sns({"page": [(CONFIRMED, MAIL)], **roles}), "shop", "prod")


def test_who_has_not_confirmed_is_listed_without_keys():
    found = topics(page=[(CONFIRMED, MAIL), (PENDING, URL)], ticket=[(PENDING, MAIL)])

    assert told(found) == [
        "shop-prod-alerts-page: 2 subscriptions, 1 not confirmed",
        "  not confirmed: https [hidden]",
        "shop-prod-alerts-ticket: 1 subscription, 1 not confirmed",
        "  not confirmed: email on-call@example.com",
        "shop-prod-alerts-info: there is no such topic",
        "shop-prod-alerts-escalation: there is no such topic",
    ]


def test_one_confirmed_receiver_of_pages_is_enough():
    assert problem(topics(page=[(PENDING, URL), (CONFIRMED, MAIL)])) is None


@pytest.mark.parametrize("page", [[], [(PENDING, MAIL)]], ids=["nobody", "pending"])
def test_a_page_topic_without_a_confirmed_receiver_is_an_error(page):
    assert problem(topics(page=page)) == (
        "pages reach nobody: topic shop-prod-alerts-page has no confirmed subscription; each "
        "receiver confirms by the link in the first message"
    )
