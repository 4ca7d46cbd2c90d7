"""Where a drill hears its message: a queue of its own, or one that is subscribed to the topic.

A queue of its own is the default, where others are subscribed, too: whoever reads a shared queue
takes messages from its other readers for a moment, counts as a look for its dead-letter queue, and
may lose the drill's message to them. It shows that alarm, topic and delivery work. That a receiver
gets the message is shown by `--queue`, which names the receiver's queue.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from surgeproof.operations.drills.calls import Calls, DrillError, code_of
from surgeproof.operations.receivers import PENDING
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json

PREFIX: Final = "surgeproof-drill-"
"""Beginning of the names of drills' own queues."""
TAG: Final = "surgeproof:drill"
"""Tag of such a queue: its stack, and when its drill is over at the latest."""

_LOOK_SECONDS: Final = 2
"""How long AWS waits for a message before it answers that there is none (seconds)."""
_PAUSE_SECONDS: Final = 0.25
"""Between two looks (seconds): the embedded AWS answers one request at a time, so none may wait."""
_HIDDEN_SECONDS: Final = 10
"""How long a message that was looked at is hidden from others if the drill is killed just then
(seconds)."""
_SEEN_SECONDS: Final = 30
"""How long a new subscription may take until it is listed (seconds)."""
_GONE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})

Message = Mapping[str, Any]
"""What CloudWatch has sent."""


class Hearing(Protocol):
    """A place where messages arrive."""

    @property
    def name(self) -> str:
        """What people call it."""

    def open(self, until: datetime) -> None:
        """Make ready for a drill that is over by then; raises DrillError."""

    def look(self, wanted: Callable[[Message], bool]) -> bool:
        """Look for a message, and take it away if it is there; raises DrillError."""

    def close(self) -> None:
        """Take away what `open` made, whatever came of it; raises DrillError."""


@dataclass(slots=True)
class _Queue:
    """A queue that is read."""

    calls: Calls
    arn: str
    url: str = ""
    at_once: bool = False
    """Whether a look may not wait."""

    def read(self, wanted: Callable[[Message], bool], *, keep_others: bool) -> bool:
        received = self.calls(
            "sqs",
            "receive_message",
            self.arn,
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=0 if self.at_once else _LOOK_SECONDS,
        )
        found = False
        for each in received.get("Messages") or ():
            handle = {"QueueUrl": self.url, "ReceiptHandle": each["ReceiptHandle"]}
            said = _message(each["Body"])
            is_it = not found and said is not None and wanted(said)
            found = found or is_it
            if is_it or not keep_others:
                self.calls("sqs", "delete_message", self.arn, **handle)
            else:
                self.calls(
                    "sqs", "change_message_visibility", self.arn, **handle, VisibilityTimeout=0
                )
        if not found and (self.at_once or received.get("Messages")):
            time.sleep(_PAUSE_SECONDS)
        return found


def _message(body: str) -> Message | None:
    """Return what is in a queue's message: the topic's envelope around it, or it alone."""
    try:
        outer = parse_json(body, "message")
        inner = outer.get("Message") if isinstance(outer, dict) else None
        said = parse_json(inner, "message") if isinstance(inner, str) else outer
    except DocumentError:
        return None
    return said if isinstance(said, dict) and "AlarmName" in said else None


@dataclass(slots=True)
class SharedQueue:
    """A queue that is subscribed to the topic already."""

    calls: Calls
    arn: str
    at_once: bool = False
    _queue: _Queue | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """Its name."""
        return f"queue {self.arn.rpartition(':')[2]}"

    def problem(self) -> str | None:
        """Say why it must not be read, or return None."""
        url = self._url()
        answer = self.calls(
            "sqs",
            "get_queue_attributes",
            self.arn,
            QueueUrl=url,
            AttributeNames=["RedrivePolicy"],
        )
        if (answer.get("Attributes") or {}).get("RedrivePolicy"):
            return (
                f"{self.name}: must have no dead-letter queue, got one: it would count each look "
                "at other messages; leave --queue out for a queue of the drill's own"
            )
        return None

    def open(self, until: datetime) -> None:  # noqa: ARG002 - nothing is left of it
        """Find it."""
        self._queue = _Queue(self.calls, self.arn, self._url(), self.at_once)

    def look(self, wanted: Callable[[Message], bool]) -> bool:
        """Look for a message; leave all others to the queue's readers."""
        return self._queue is not None and self._queue.read(wanted, keep_others=True)

    def close(self) -> None:
        """Leave it as it is."""

    def _url(self) -> str:
        name, account = self.arn.split(":")[5], self.arn.split(":")[4]
        found = self.calls(
            "sqs", "get_queue_url", self.arn, QueueName=name, QueueOwnerAWSAccountId=account
        )
        return str(found["QueueUrl"])


@dataclass(slots=True)
class OwnQueue:
    """A queue that is made for the drill, subscribed to its topic, and taken away."""

    calls: Calls
    topic: str
    """ARN of the topic."""
    stack: str
    """Whose drill it is: `<project>/<stack>`."""
    id: str
    at_once: bool = False
    _queue: _Queue | None = field(default=None, init=False)
    _subscription: str = field(default="", init=False)

    @property
    def name(self) -> str:
        """What it is."""
        return f"queue {PREFIX}{self.id} of the drill's own"

    @property
    def arn(self) -> str:
        """Its ARN, which is known before it exists."""
        parts = self.topic.split(":")
        return ":".join((parts[0], parts[1], "sqs", parts[3], parts[4], f"{PREFIX}{self.id}"))

    def open(self, until: datetime) -> None:
        """Make it and subscribe it; wait until the subscription is listed."""
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": self.arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": self.topic}},
                }
            ],
        }
        self._queue = _Queue(self.calls, self.arn, at_once=self.at_once)
        made = self.calls(
            "sqs",
            "create_queue",
            self.arn,
            QueueName=f"{PREFIX}{self.id}",
            Attributes={
                "Policy": json.dumps(policy),
                "SqsManagedSseEnabled": "true",
                "MessageRetentionPeriod": "3600",
            },
            tags={TAG: f"{self.stack} {until:%Y-%m-%dT%H:%M:%SZ}"},
        )
        self._queue.url = made["QueueUrl"]
        subscribed = self.calls(
            "sns",
            "subscribe",
            self.topic,
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=self.arn,
            ReturnSubscriptionArn=True,
        )
        self._subscription = subscribed["SubscriptionArn"]
        deadline = time.monotonic() + _SEEN_SECONDS
        while self.arn not in subscriptions(self.calls, self.topic):
            if time.monotonic() > deadline:
                raise DrillError(
                    f"{self.name}: its subscription is not listed after {_SEEN_SECONDS} s"
                )
            time.sleep(_PAUSE_SECONDS)

    def look(self, wanted: Callable[[Message], bool]) -> bool:
        """Look for a message, and take all away."""
        return self._queue is not None and self._queue.read(wanted, keep_others=False)

    def close(self) -> None:
        """Take both away, whatever of them there is."""
        if self._queue is None:
            return
        take_away(self.calls, self.topic, self.arn)
        self._queue = None


def subscriptions(calls: Calls, topic: str) -> dict[str, str]:
    """Return the confirmed subscriptions of queues to a topic: their ARNs by the queues'."""
    found = calls.pages(
        "sns", "list_subscriptions_by_topic", "Subscriptions", topic, TopicArn=topic
    )
    return {
        each["Endpoint"]: each["SubscriptionArn"]
        for each in found
        if each["Protocol"] == "sqs" and each["SubscriptionArn"] not in PENDING
    }


def take_away(calls: Calls, topic: str, queue: str) -> None:
    """Unsubscribe a drill's queue, and delete it; what is not there any more is no error."""
    subscription = subscriptions(calls, topic).get(queue)
    if subscription:
        calls("sns", "unsubscribe", topic, SubscriptionArn=subscription)
    _delete(calls, queue)


def queues(calls: Calls) -> dict[str, tuple[str, str]]:
    """Return the queues of drills, by their ARNs' last parts: whose each is, and until when."""
    found = {}
    for url in calls.pages("sqs", "list_queues", "QueueUrls", QueueNamePrefix=PREFIX):
        name = url.rpartition("/")[2]
        try:
            answer = calls("sqs", "list_queue_tags", _any_arn(name), QueueUrl=url)
        except DrillError as error:
            if code_of(error) in _GONE:
                continue
            raise
        whose, _, until = (answer.get("Tags") or {}).get(TAG, "").partition(" ")
        found[name] = whose, until
    return found


def take_left_over(calls: Calls, topics: Iterable[str], stack: str) -> list[str]:
    """Take away what drills of a stack left whose time is over; return the names of the queues.

    A subscription to a topic of the stack whose queue is gone is taken away, too.
    """
    there = queues(calls)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    over = {name for name, (whose, until) in there.items() if whose == stack and "" < until < now}
    left = set(over)
    for topic in topics:
        for queue, subscription in subscriptions(calls, topic).items():
            name = queue.rpartition(":")[2]
            if name in over or (name.startswith(PREFIX) and name not in there):
                calls("sns", "unsubscribe", topic, SubscriptionArn=subscription)
                left.add(name)
    for name in sorted(over):
        _delete(calls, _any_arn(name))
    return sorted(left)


def _any_arn(name: str) -> str:
    return f"arn:aws:sqs:*:*:{name}"


def _delete(calls: Calls, queue: str) -> None:
    try:
        name = queue.rpartition(":")[2]
        url = calls("sqs", "get_queue_url", queue, QueueName=name)["QueueUrl"]
        calls("sqs", "delete_queue", queue, QueueUrl=url)
    except DrillError as error:
        if code_of(error) not in _GONE:
            raise
