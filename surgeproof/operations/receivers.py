"""Who is really told: the confirmed and unconfirmed subscriptions of a stack's alert topics.

SNS delivers nothing to an e-mail address or a URL before somebody there has confirmed
(https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html), and no deployment can do
that for them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Clients = Callable[[str], Any]
"""Returns the client of a service."""

PENDING: Final = ("PendingConfirmation", "Deleted")
"""What stands in place of a subscription's ARN while it is not confirmed, or no more."""

TOPICS: Final = ("page", "ticket", "info", "escalation")
"""Last parts of the topics' names, the most urgent first."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """One subscription of a topic."""

    protocol: str
    endpoint: str
    confirmed: bool

    @property
    def shown(self) -> str:
        """What a message may show: nothing of a URL, which carries a key."""
        hidden = self.protocol in {"http", "https"}
        return f"{self.protocol} {'[hidden]' if hidden else self.endpoint}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and who is subscribed to it; None if there is no such topic."""

    name: str
    receivers: tuple[Receiver, ...] | None

    @property
    def waiting(self) -> list[Receiver]:
        """Those who have not confirmed."""
        return [each for each in self.receivers or () if not each.confirmed]

    @property
    def is_heard(self) -> bool:
        """Whether at least one receiver has confirmed."""
        return any(each.confirmed for each in self.receivers or ())


def topics_of(clients: Clients, project: str, stack: str) -> list[Topic]:
    """Return the alert topics of a stack, by the names that the program gives them."""
    sns = clients("sns")
    arns = {
        each["TopicArn"].rpartition(":")[2]: each["TopicArn"]
        for page in sns.get_paginator("list_topics").paginate()
        for each in page["Topics"]
    }
    found = []
    for role in TOPICS:
        name = f"{project}-{stack}-alerts-{role}"
        arn = arns.get(name)
        found.append(Topic(name, tuple(_receivers(sns, arn)) if arn else None))
    return found


def _receivers(sns: Any, arn: str) -> Iterator[Receiver]:
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    for page in pages:
        for each in page["Subscriptions"]:
            yield receiver(each)


def receiver(subscription: Mapping[str, str]) -> Receiver:
    """Return a subscription, as ListSubscriptionsByTopic answers it, as a receiver."""
    confirmed = subscription["SubscriptionArn"] not in PENDING
    return Receiver(subscription["Protocol"], subscription["Endpoint"], confirmed)


def told(topics: list[Topic]) -> list[str]:
    """Return the topics and those who have not confirmed, as lines."""
    lines = []
    for topic in topics:
        if topic.receivers is None:
            lines.append(f"{topic.name}: there is no such topic")
            continue
        count = len(topic.receivers)
        lines.append(
            f"{topic.name}: {count} {'subscription' if count == 1 else 'subscriptions'}, "
            f"{len(topic.waiting)} not confirmed"
        )
        lines += [f"  not confirmed: {each.shown}" for each in topic.waiting]
    return lines


def problem(topics: list[Topic]) -> str | None:
    """Return why pages reach nobody, or None."""
    page = topics[0]
    if page.is_heard:
        return None
    return (
        f"pages reach nobody: topic {page.name} has no confirmed subscription; each receiver "
        "confirms by the link in the first message"
    )
