"""Where alarms go: a topic per severity, encrypted, with at least one subscription each."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from components._checks import Reader
from components._errors import Hidden, Problems
from components._naming import physical_name, short_digest


class AlertSeverity(StrEnum):
    """How soon somebody has to look."""

    PAGE = "page"
    """Now, at night too: users are hurt, or are about to be."""
    TICKET = "ticket"
    """In working hours."""


class SubscriptionProtocol(StrEnum):
    """How a subscription is delivered."""

    EMAIL = "email"
    """An address that somebody confirms once, by the link in the first message."""
    HTTPS = "https"
    """A URL, as incident tools give; the tool confirms it."""
    SQS = "sqs"
    """The ARN of a queue, whose policy lets the topics send to it."""


class SubscriptionArgs(TypedDict):
    """One receiver of alerts."""

    severity: str
    """Which alerts: page or ticket."""
    protocol: str
    """How they are delivered: email, https or sqs."""
    endpoint: Input[str]
    """E-mail address, https URL or ARN of an SQS queue, by the protocol."""


class NotificationsArgs(TypedDict):
    """Arguments of Notifications."""

    subscriptions: list[SubscriptionArgs]
    """Who receives alerts (1 to 100). A severity that nobody subscribes to goes to the receivers of
    the other one, so that no alarm is unheard."""
    tags: NotRequired[Mapping[str, str]]
    """Tags of all that is created. Default: none."""


SUBSCRIPTIONS_MAX: Final = 100
ENDPOINT_RULES: Final[Mapping[SubscriptionProtocol, tuple[str, str]]] = {
    SubscriptionProtocol.EMAIL: ("be an e-mail address", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    SubscriptionProtocol.HTTPS: ("be a URL that begins with https://", r"https://[^\s/]+\S*"),
    SubscriptionProtocol.SQS: (
        "be the ARN of an SQS queue",
        r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?",
    ),
}
"""What an endpoint has to look like: the rule and its pattern, by protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subscription:
    severity: AlertSeverity
    protocol: SubscriptionProtocol
    endpoint: Input[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The plain, checked values of NotificationsArgs."""

    subscriptions: tuple[_Subscription, ...]

    @classmethod
    def from_args(cls, args: NotificationsArgs) -> "_Settings":
        """Check `args` and fill in the defaults; raise ArgsError for what is wrong."""
        problems = Problems("Notifications")
        Reader(problems, args, NotificationsArgs.__annotations__)
        given: Any = args.get("subscriptions")
        if not isinstance(given, Sequence) or not 1 <= len(given) <= SUBSCRIPTIONS_MAX:
            problems.add(
                "subscriptions",
                f"be a list of 1 to {SUBSCRIPTIONS_MAX} subscriptions",
                len(given) if isinstance(given, Sequence) else given,
            )
            given = ()
        subscriptions = [
            _subscription(problems, f"subscriptions[{index}]", each)
            for index, each in enumerate(given)
        ]
        plain = sorted(
            (each.severity.value, each.protocol.value, each.endpoint)
            for each in subscriptions
            if isinstance(each.endpoint, str)
        )
        for one, other in pairwise(plain):
            if one == other:
                problems.add(
                    "subscriptions",
                    "name each receiver once for a severity",
                    shown_endpoint(*one[1:]),
                )
        problems.raise_if_any()
        return cls(subscriptions=tuple(subscriptions))

    def of(self, severity: AlertSeverity) -> tuple[_Subscription, ...]:
        """Return the receivers of a severity: its own or, where it has none, all."""
        own = tuple(each for each in self.subscriptions if each.severity == severity)
        return own or self.subscriptions


def _subscription(problems: Problems, path: str, args: Any) -> _Subscription:
    if not isinstance(args, Mapping):
        problems.add(path, "be a mapping with severity, protocol and endpoint", args)
        args = {}
    reader = Reader(problems, args, SubscriptionArgs.__annotations__, path)
    reader.required(*SubscriptionArgs.__annotations__)
    severity = reader.choice("severity", AlertSeverity.PAGE)
    protocol = reader.choice("protocol", SubscriptionProtocol.EMAIL)
    endpoint: Input[str] = args.get("endpoint", "")
    if reader.sound("protocol", "endpoint") and not isinstance(endpoint, Output):
        rule = endpoint_breach(protocol, endpoint)
        if rule:
            reader.note("endpoint", rule, shown_endpoint(protocol, endpoint))
    return _Subscription(severity=severity, protocol=protocol, endpoint=endpoint)


def endpoint_breach(protocol: SubscriptionProtocol, endpoint: object) -> str | None:
    """Return the rule that an endpoint breaks (`be an e-mail address`), or None."""
    rule, pattern = ENDPOINT_RULES[protocol]
    sound = isinstance(endpoint, str) and re.fullmatch(pattern, endpoint)
    return None if sound else rule


def shown_endpoint(protocol: str, endpoint: object) -> object:
    """Return what a message may show of an endpoint: nothing of a URL, which carries a key."""
    return Hidden("[hidden]") if protocol == SubscriptionProtocol.HTTPS else endpoint


class Notifications(pulumi.ComponentResource):
    """Two encrypted topics, one for pages and one for tickets, and who receives them.

    Creates a KMS key with its alias, the topics, their policies and the subscriptions. CloudWatch
    cannot publish to a topic encrypted with the AWS-managed key `alias/aws/sns`, since the policy
    of that key cannot be edited, so alarms would be silent
    (https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns). Hence a key of our own,
    which is used for these two topics only (encryption context) and by these only:

    - CloudWatch alarms of this account and Region (`aws:SourceAccount`, `aws:SourceArn`);
    - AWS Budgets of this account, likewise;
    - EventBridge, for which SNS supports neither of those conditions on encrypted topics
      (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html);
    - EC2 Auto Scaling, which publishes as its service-linked role and not as a service principal
      (same page).

    The topics' policies let the alarms of this account and Region publish, and the budgets of this
    account, and nothing without TLS.
    EventBridge does not honour conditions in a topic's policy
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.md), so a
    statement for it would let rules of any account in: a rule of this account publishes through an
    IAM role instead. Auto Scaling's role may publish by its own policy.

    It leaves to the caller that e-mail receivers confirm. An SQS queue that is encrypted itself
    needs a key that lets sns.amazonaws.com use it.
    """

    page_topic_arn: Output[str]
    """ARN of the topic for alarms that somebody has to look at now."""
    ticket_topic_arn: Output[str]
    """ARN of the topic for alarms that can wait for working hours."""
    page_topic_name: Output[str]
    """Name of the page topic."""
    ticket_topic_name: Output[str]
    """Name of the ticket topic."""
    key_arn: Output[str]
    """ARN of the key that encrypts both topics."""

    def __init__(
        self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Notifications", name, {}, opts)
        settings = _Settings.from_args(args)
        tags = args.get("tags")
        children = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        place = Output.all(
            partition=aws.get_partition_output(opts=invoke).partition,
            region=aws.get_region_output(opts=invoke).region,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
        )
        names = {
            severity: physical_name(name, severity.value, limit=256) for severity in AlertSeverity
        }

        key = aws.kms.Key(
            name,
            description=f"Encrypts the alert topics of {pulumi.get_project()}-{pulumi.get_stack()}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=place.apply(lambda at: _key_policy(at, list(names.values()))),
            tags=tags,
            opts=children,
        )
        aws.kms.Alias(
            name,
            name=f"alias/{physical_name(name, limit=250)}",
            target_key_id=key.key_id,
            opts=children,
        )
        topics = {
            severity: self._topic(
                name=name,
                topic_name=names[severity],
                severity=severity,
                settings=settings,
                key=key,
                place=place,
                tags=tags,
            )
            for severity in AlertSeverity
        }

        self.page_topic_arn = topics[AlertSeverity.PAGE].arn
        self.ticket_topic_arn = topics[AlertSeverity.TICKET].arn
        self.page_topic_name = topics[AlertSeverity.PAGE].name
        self.ticket_topic_name = topics[AlertSeverity.TICKET].name
        self.key_arn = key.arn
        self.register_outputs(
            {
                "page_topic_arn": self.page_topic_arn,
                "ticket_topic_arn": self.ticket_topic_arn,
                "page_topic_name": self.page_topic_name,
                "ticket_topic_name": self.ticket_topic_name,
                "key_arn": self.key_arn,
            }
        )

    def _topic(
        self,
        *,
        name: str,
        topic_name: str,
        severity: AlertSeverity,
        settings: _Settings,
        key: aws.kms.Key,
        place: Output[dict[str, str]],
        tags: Mapping[str, str] | None,
    ) -> aws.sns.Topic:
        children = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            f"{name}-{severity}",
            name=topic_name,
            display_name=f"{pulumi.get_project()} {pulumi.get_stack()} {severity}",
            kms_master_key_id=key.arn,
            tags=tags,
            opts=children,
        )
        aws.sns.TopicPolicy(
            f"{name}-{severity}",
            arn=topic.arn,
            policy=Output.all(place=place, topic_arn=topic.arn).apply(
                lambda known: _topic_policy(known["place"], known["topic_arn"])
            ),
            opts=children,
        )
        for index, each in enumerate(settings.of(severity)):
            aws.sns.TopicSubscription(
                f"{name}-{severity}-{_role(each, index)}",
                topic=topic.arn,
                protocol=each.protocol.value,
                # The URL of an incident tool carries the key that lets one page people.
                endpoint=(
                    Output.secret(each.endpoint)
                    if each.protocol == SubscriptionProtocol.HTTPS
                    else each.endpoint
                ),
                opts=children,
            )
        return topic


def _role(subscription: _Subscription, index: int) -> str:
    """Return the part of a subscription's name that stays when others come and go.

    It is a digest of the endpoint. One known to Pulumi only is told by its place in the list.
    """
    if isinstance(subscription.endpoint, str):
        return f"{subscription.protocol}-{short_digest(subscription.endpoint)}"
    return f"{subscription.protocol}-{index}"


def _key_policy(at: Mapping[str, str], topics: Sequence[str]) -> str:
    account, region = at["account"], at["region"]
    arn = f"arn:{at['partition']}"
    for_topics = {
        "kms:EncryptionContext:aws:sns:topicArn": [
            f"{arn}:sns:{region}:{account}:{topic}" for topic in topics
        ]
    }
    use = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
    }
    return _document(
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": f"{arn}:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "Alarms",
            **use,
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account, **for_topics},
                "ArnLike": {"aws:SourceArn": f"{arn}:cloudwatch:{region}:{account}:alarm:*"},
            },
        },
        {
            # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
            "Sid": "Budgets",
            **use,
            "Principal": {"Service": "budgets.amazonaws.com"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account, **for_topics},
                "ArnLike": {"aws:SourceArn": f"{arn}:budgets::{account}:*"},
            },
        },
        {
            "Sid": "EventBridge",
            **use,
            "Principal": {"Service": "events.amazonaws.com"},
            "Condition": {"StringEquals": for_topics},
        },
        {
            # Named by a condition: a policy that names a role which does not exist yet is refused,
            # and Auto Scaling makes this one together with the account's first group.
            "Sid": "AutoScaling",
            **use,
            "Principal": {"AWS": "*"},
            "Condition": {
                "StringEquals": {"kms:CallerAccount": account, **for_topics},
                "ArnLike": {
                    "aws:PrincipalArn": f"{arn}:iam::{account}:role/aws-service-role/"
                    "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*"
                },
            },
        },
    )


def _topic_policy(at: Mapping[str, str], topic_arn: str) -> str:
    return _document(
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": at["account"]},
                "ArnLike": {
                    "aws:SourceArn": f"arn:{at['partition']}:cloudwatch:{at['region']}:"
                    f"{at['account']}:alarm:*"
                },
            },
        },
        {
            "Sid": "Budgets",
            "Effect": "Allow",
            "Principal": {"Service": "budgets.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": at["account"]},
                "ArnLike": {"aws:SourceArn": f"arn:{at['partition']}:budgets::{at['account']}:*"},
            },
        },
        {
            "Sid": "OnlyWithTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
