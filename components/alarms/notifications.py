"""Where alarms go: a topic per severity and one to escalate to, each encrypted and subscribed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.rows import AlertSeverity
from surgeproof.components.naming import physical_name, short_digest
from surgeproof.components.rules import TAGS
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import choice, group, items, text


class SubscriptionProtocol(StrEnum):
    """How a subscription is delivered."""

    EMAIL = "email"
    """An address that somebody confirms once, by the link in the first message."""
    HTTPS = "https"
    """A URL, as incident tools give; the tool confirms it."""
    SQS = "sqs"
    """The ARN of a queue, whose policy lets the topics send to it."""


SUBSCRIPTIONS_MAX: Final = 100
ESCALATION: Final = "escalation"
"""The topic that pages which stay open go to, beside those of the severities."""
TOPICS: Final = (*(severity.value for severity in AlertSeverity), ESCALATION)
SLACK_WORKSPACE: Final = ("be the id of a Slack workspace, such as T0123456789", r"[0-9A-Z]{1,255}")
SLACK_CHANNEL: Final = ("be the id of a Slack channel, such as C0123456789", r"[A-Za-z0-9]{1,255}")
ENDPOINT_RULES: Final[Mapping[SubscriptionProtocol, tuple[str, str]]] = {
    SubscriptionProtocol.EMAIL: ("be an e-mail address", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    SubscriptionProtocol.HTTPS: ("be a URL that begins with https://", r"https://[^\s/]+\S*"),
    SubscriptionProtocol.SQS: (
        "be the ARN of an SQS queue",
        r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?",
    ),
}
"""What an endpoint has to look like: the rule and its pattern, by protocol."""


class SubscriptionArgs(TypedDict):
    """Somebody or something that receives alerts."""

    severity: Annotated[str, choice(AlertSeverity)]
    """Which alerts: those that somebody has to look at now, those that can wait, or those that only
    inform."""
    protocol: Annotated[str, choice(SubscriptionProtocol)]
    """How they are delivered."""
    endpoint: Annotated[Input[str], text("by the protocol")]
    """E-mail address, https URL or ARN of an SQS queue. A URL that holds a key belongs into a
    secret: `pulumi config set --secret --path`."""


class EscalationSubscriptionArgs(TypedDict):
    """Somebody or something that is called when a page stays open."""

    protocol: Annotated[str, choice(SubscriptionProtocol)]
    """How they are delivered."""
    endpoint: Annotated[Input[str], text("by the protocol")]
    """E-mail address, https URL or ARN of an SQS queue. A URL that holds a key belongs into a
    secret: `pulumi config set --secret --path`."""


class SlackChannelArgs(TypedDict):
    """A Slack channel, through Amazon Q Developer in chat applications (connect it there first).

    Slack does not confirm SNS subscriptions, so its own webhooks cannot be subscribed. The
    workspace is connected once, by hand, in the console of Amazon Q Developer in chat applications.
    """

    workspace_id: Annotated[
        str, text("id, such as T0123456789", SLACK_WORKSPACE[0], pattern=SLACK_WORKSPACE[1])
    ]
    """Id of the Slack workspace."""
    channel_id: Annotated[
        str, text("id, such as C0123456789", SLACK_CHANNEL[0], pattern=SLACK_CHANNEL[1])
    ]
    """Id of the channel."""
    severities: NotRequired[
        Annotated[
            list[str],
            items(
                "list of page, ticket, info",
                "be a list of at least one of page, ticket and info",
                low=1,
                item=text(must="be one of page, ticket, info", pattern="page|ticket|info"),
                default=["page", "ticket"],
                behaviour="`[page, ticket]`",
                once=True,
            ),
        ]
    ]
    """Which alerts it gets."""


class NotificationsArgs(TypedDict):
    """Who receives which alerts."""

    subscriptions: Annotated[
        list[SubscriptionArgs],
        items(
            f"list of 1 to {SUBSCRIPTIONS_MAX}",
            f"be a list of 1 to {SUBSCRIPTIONS_MAX} subscriptions",
            high=SUBSCRIPTIONS_MAX,
            low=1,
        ),
    ]
    """Who receives alerts. Of page and ticket, the one that nobody subscribes to goes to the
    receivers of the other; info that nobody subscribes to is kept in a queue for 14 days."""
    escalation: NotRequired[
        Annotated[
            list[EscalationSubscriptionArgs],
            items(
                f"list of 1 to {SUBSCRIPTIONS_MAX}",
                f"be a list of 1 to {SUBSCRIPTIONS_MAX} receivers",
                high=SUBSCRIPTIONS_MAX,
                low=1,
                behaviour="the receivers of pages",
                default=None,
            ),
        ]
    ]
    """Who is called when a page stays open: the team behind the first one."""
    slack: NotRequired[Annotated[SlackChannelArgs, group()]]
    """Slack channel that gets alerts."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all that is created."""


def _receivers_differ(values: Values) -> Iterator[Problem]:
    """Hold the form of each endpoint, and that no receiver gets one alert twice."""
    seen: dict[tuple[Any, ...], str | int] = {}
    for name in ("subscriptions", "escalation"):
        for index, each in values.items(name):
            protocol, endpoint = each.get("protocol"), each.get("endpoint")
            if protocol is None or not isinstance(endpoint, str):
                continue
            path = (name, index, "endpoint")
            # The URL of an incident tool carries the key that lets one page people.
            hidden = protocol == SubscriptionProtocol.HTTPS
            must, pattern = ENDPOINT_RULES[protocol]
            if not re.fullmatch(pattern, endpoint):
                yield Problem(path, must, endpoint, hidden)
                continue
            first = seen.setdefault((name, each.get("severity"), protocol, endpoint), index)
            if first != index:
                must = f"differ from {{{name}}}[{first}].endpoint"
                yield Problem(path, must, endpoint, hidden)


def _somebody_is_woken(values: Values) -> Iterator[Problem]:
    items = values.items("subscriptions")
    if items and all(each.get("severity") == AlertSeverity.INFO for _, each in items):
        yield Problem(("subscriptions",), "have one of severity page or ticket", "info only")


NOTIFICATIONS: Final = Definition(
    "Notifications", NotificationsArgs, relations=(_somebody_is_woken, _receivers_differ)
)


def receivers(
    settings: NotificationsArgs, topic: str
) -> Sequence[SubscriptionArgs | EscalationSubscriptionArgs]:
    """Return the receivers of a topic: its own or, where it has none, those of its neighbour.

    Info has no neighbour: it would wake people for what is no problem.
    """
    if topic == ESCALATION:
        return settings.get("escalation") or receivers(settings, AlertSeverity.PAGE)
    every = settings["subscriptions"]
    own = [each for each in every if each["severity"] == topic]
    if own or topic == AlertSeverity.INFO:
        return own
    return [each for each in every if each["severity"] != AlertSeverity.INFO]


class Notifications(pulumi.ComponentResource):
    """Four encrypted topics, for pages, tickets, info and escalation, and who receives them.

    Creates a KMS key with its alias, the topics, their policies and the subscriptions. CloudWatch
    cannot publish to a topic encrypted with the AWS-managed key `alias/aws/sns`, since the policy
    of that key cannot be edited, so alarms would be silent
    (https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns). Hence a key of our own,
    which is used for these topics only (encryption context) and by these only:

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

    The escalation topic is for pages that stay open (see Escalation). Info that nobody subscribes
    to is kept in a queue for 14 days, so that a tool can read it and no topic is unheard.

    It leaves to the caller that e-mail receivers and https URLs confirm: until then they get
    nothing (`surgeproof status --deployed` lists them). An SQS queue that is encrypted itself
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
    info_topic_arn: Output[str]
    """ARN of the topic for alarms that tell nobody by themselves."""
    escalation_topic_arn: Output[str]
    """ARN of the topic for pages that stay open."""
    escalation_topic_name: Output[str]
    """Name of the escalation topic."""
    key_arn: Output[str]
    """ARN of the key that encrypts the topics."""

    def __init__(
        self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Notifications", name, {}, opts)
        settings = NOTIFICATIONS.check(args)
        tags = args.get("tags")
        children = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        place = Output.all(
            partition=aws.get_partition_output(opts=invoke).partition,
            region=aws.get_region_output(opts=invoke).region,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
        )
        names = {topic: physical_name(name, topic, limit=256) for topic in TOPICS}

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
            topic: self._topic(
                name=name,
                topic_name=names[topic],
                role=topic,
                settings=settings,
                key=key,
                place=place,
                tags=tags,
            )
            for topic in TOPICS
        }
        if not receivers(settings, AlertSeverity.INFO):
            self._keep(name, topics[AlertSeverity.INFO], place, tags)
        slack = settings.get("slack")
        if slack is not None:
            self._slack(name, slack, topics, place, tags)

        self.page_topic_arn = topics[AlertSeverity.PAGE].arn
        self.ticket_topic_arn = topics[AlertSeverity.TICKET].arn
        self.page_topic_name = topics[AlertSeverity.PAGE].name
        self.ticket_topic_name = topics[AlertSeverity.TICKET].name
        self.info_topic_arn = topics[AlertSeverity.INFO].arn
        self.escalation_topic_arn = topics[ESCALATION].arn
        self.escalation_topic_name = topics[ESCALATION].name
        self.key_arn = key.arn
        self.register_outputs({each: getattr(self, each) for each in _OUTPUTS})

    def _keep(
        self,
        name: str,
        topic: aws.sns.Topic,
        place: Output[dict[str, str]],
        tags: Mapping[str, str] | None,
    ) -> None:
        """Keep what a topic tells in a queue."""
        children = pulumi.ResourceOptions(parent=self)
        queue_name = physical_name(name, "info", limit=80)
        # SNS writes to a queue that SQS encrypts with its own key, without a policy for that key.
        queue = aws.sqs.Queue(
            f"{name}-info",
            name=queue_name,
            message_retention_seconds=1_209_600,
            sqs_managed_sse_enabled=True,
            tags=tags,
            opts=children,
        )
        policy = aws.sqs.QueuePolicy(
            f"{name}-info",
            queue_url=queue.url,
            policy=Output.all(place=place, queue=queue.arn, topic=topic.arn).apply(
                lambda known: _queue_policy(known["queue"], known["topic"])
            ),
            opts=children,
        )
        aws.sns.TopicSubscription(
            f"{name}-info-sqs",
            topic=topic.arn,
            protocol=SubscriptionProtocol.SQS.value,
            endpoint=queue.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _slack(
        self,
        name: str,
        slack: SlackChannelArgs,
        topics: Mapping[str, aws.sns.Topic],
        place: Output[dict[str, str]],
        tags: Mapping[str, str] | None,
    ) -> None:
        """Show alerts in a Slack channel; the channel can read alarms and graphs, nothing more."""
        children = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-slack",
            name=physical_name(name, "slack", limit=64),
            description="What the Slack channel may read",
            assume_role_policy=_document(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "chatbot.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            tags=tags,
            opts=children,
        )
        aws.iam.RolePolicy(
            f"{name}-slack",
            name="read-alarms",
            role=role.name,
            policy=_document(
                {
                    "Sid": "ReadAlarms",
                    "Effect": "Allow",
                    "Action": [
                        "cloudwatch:DescribeAlarms",
                        "cloudwatch:GetMetricData",
                        "cloudwatch:GetMetricWidgetImage",
                    ],
                    "Resource": "*",
                }
            ),
            opts=children,
        )
        aws.chatbot.SlackChannelConfiguration(
            f"{name}-slack",
            configuration_name=physical_name(name, "slack", limit=128),
            slack_team_id=slack["workspace_id"],
            slack_channel_id=slack["channel_id"],
            iam_role_arn=role.arn,
            # Without a guardrail the channel may do all that its members' roles may.
            guardrail_policy_arns=[
                place.apply(
                    lambda at: f"arn:{at['partition']}:iam::aws:policy/CloudWatchReadOnlyAccess"
                )
            ],
            logging_level="ERROR",
            sns_topic_arns=[topics[severity].arn for severity in slack["severities"]],
            tags=tags,
            opts=children,
        )

    def _topic(
        self,
        *,
        name: str,
        topic_name: str,
        role: str,
        settings: NotificationsArgs,
        key: aws.kms.Key,
        place: Output[dict[str, str]],
        tags: Mapping[str, str] | None,
    ) -> aws.sns.Topic:
        children = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            f"{name}-{role}",
            name=topic_name,
            display_name=f"{pulumi.get_project()} {pulumi.get_stack()} {role}",
            kms_master_key_id=key.arn,
            tags=tags,
            opts=children,
        )
        aws.sns.TopicPolicy(
            f"{name}-{role}",
            arn=topic.arn,
            policy=Output.all(place=place, topic_arn=topic.arn).apply(
                lambda known: _topic_policy(known["place"], known["topic_arn"])
            ),
            opts=children,
        )
        for index, each in enumerate(receivers(settings, role)):
            aws.sns.TopicSubscription(
                f"{name}-{role}-{_role(each, index)}",
                topic=topic.arn,
                protocol=SubscriptionProtocol(each["protocol"]).value,
                # The URL of an incident tool carries the key that lets one page people.
                endpoint=(
                    Output.secret(each["endpoint"])
                    if each["protocol"] == SubscriptionProtocol.HTTPS
                    else each["endpoint"]
                ),
                opts=children,
            )
        return topic


_OUTPUTS = tuple(Notifications.__annotations__)


def _role(subscription: SubscriptionArgs | EscalationSubscriptionArgs, index: int) -> str:
    """Return the part of a subscription's name that stays when others come and go.

    It is a digest of the endpoint. One known to Pulumi only is told by its place in the list.
    """
    if isinstance(subscription["endpoint"], str):
        return f"{subscription['protocol']}-{short_digest(subscription['endpoint'])}"
    return f"{subscription['protocol']}-{index}"


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


def _queue_policy(queue_arn: str, topic_arn: str) -> str:
    return _document(
        {
            "Sid": "InfoTopic",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        },
        {
            "Sid": "OnlyWithTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
