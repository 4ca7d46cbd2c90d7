"""Rules on topics."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pulumi_policy import Severity

from surgeproof.policies import _access
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, show

_AWS_MANAGED: Final = "alias/aws/sns"


def _check_customer_key(stack: Stack, report: Report) -> None:
    for topic in stack.of(types.TOPIC):
        key = topic.read("kmsMasterKeyId")
        if key is UNKNOWN:
            if stack.target(topic, "kmsMasterKeyId", types.KEY) is None:
                report.wait_for(topic, "kmsMasterKeyId")
        elif key in (ABSENT, ""):
            report.advise(topic, "kmsMasterKeyId", "be a key of your own", show(key))
        elif str(key).endswith(_AWS_MANAGED):
            report.refuse(topic, "kmsMasterKeyId", "be a key of your own", show(key))


_ALARM_ACTIONS: Final = ("alarmActions", "okActions", "insufficientDataActions")
_ALARMS: Final = types.METRIC_ALARM | types.COMPOSITE_ALARM
_ACCOUNT: Final = re.compile(r"arn:aws[a-z-]*:[a-z]+:[a-z0-9-]*:(\d+):.*|(\d{12})")


def _account(text: Any) -> str | None:
    """Return the account that an ARN or a bare number names."""
    match = _ACCOUNT.fullmatch(text) if isinstance(text, str) else None
    return (match[1] or match[2]) if match else None


def _check_private(resource: Resource, report: Report) -> None:
    document = resource.read("policy")
    if document is ABSENT:
        return
    found = _access.statements(document)
    if found is None:
        report.wait_for(resource, "policy")
        return
    named = [resource.read("arn"), *(at.get("resource") for at in found)]
    own = {account for text in named if (account := _account(text)) is not None}
    trusted = own | set(resource.settings["trustedAccounts"])
    for index, statement in enumerate(found):
        if not _access.allows(statement) or _access.is_of_one_owner(statement):
            continue
        who = _access.principals(statement, "AWS")
        got = f"statement {index + 1}, which allows"
        if "*" in who:
            must = "let nobody in whom no condition ties to an account"
            report.refuse(resource, "policy", must, f"{got} everybody")
            continue
        accounts = {account for text in who if (account := _account(text)) is not None}
        if accounts and not own:
            report.wait_for(resource, "arn")
        elif others := sorted(accounts - trusted):
            must = "let in no other account but `trustedAccounts`"
            report.refuse(resource, "policy", must, f"{got} account {others[0]}")


def _topics_of(stack: Stack, user: Resource, path: str) -> list[Resource]:
    """Return the topics that a property names, one or a list."""
    known = [value for _, value in user.each(f"{path}[*]")] + [user.read(path)]
    named = [
        topic
        for value in known
        if isinstance(value, str)
        for key in ("arn", "id")
        for topic in stack.called(types.TOPIC, key, value)
    ]
    made = [topic for topic in user.made_of(path) if topic.type in types.TOPIC]
    return list({topic.urn: topic for topic in (*named, *made)}.values())


def _publishers(stack: Stack) -> dict[str, set[str]]:
    """Return who publishes to each topic of the stack, by the topic's URN."""
    places = [(alarm, path, "CloudWatch") for alarm in stack.of(_ALARMS) for path in _ALARM_ACTIONS]
    places += [(target, "arn", "EventBridge") for target in stack.of(types.EVENT_TARGET)]
    places += [(at, "topicArn", "Auto Scaling") for at in stack.of(types.GROUP_NOTIFICATION)]
    found: dict[str, set[str]] = {}
    for user, path, service in places:
        for topic in _topics_of(stack, user, path):
            found.setdefault(topic.urn, set()).add(service)
    return found


def _check_subscribed(stack: Stack, report: Report) -> None:
    publishers = _publishers(stack)
    subscribed = set()
    loose = []
    for subscription in stack.of(types.SUBSCRIPTION):
        topic = stack.target(subscription, "topic", types.TOPIC, ("arn", "id"))
        if topic is not None:
            subscribed.add(topic.urn)
        elif subscription.read("topic") is UNKNOWN:
            loose.append(subscription)
    for topic in stack.of(types.TOPIC):
        if "CloudWatch" not in publishers.get(topic.urn, ()) or topic.urn in subscribed:
            continue
        for subscription in loose:
            report.wait_for(subscription, "topic")
        if not loose:
            report.refuse(topic, "arn", "have a subscription, as alarms publish to it", "none")


_SERVICES: Final = {
    "CloudWatch": "cloudwatch.amazonaws.com",
    "EventBridge": "events.amazonaws.com",
    "Auto Scaling": _access.AUTO_SCALING_ROLE,
}


def _lets_publish(statement: Mapping[str, Any], who: str) -> bool:
    if not _access.allows(statement) or not _access.acts(
        statement, "kms:Decrypt", "kms:GenerateDataKey*"
    ):
        return False
    return who in _access.principals(statement, "Service") or (
        who == _access.AUTO_SCALING_ROLE and _access.names(statement, who)
    )


def _check_key_lets_publish(stack: Stack, report: Report) -> None:
    publishers = _publishers(stack)
    for topic in stack.of(types.TOPIC):
        services = sorted(publishers.get(topic.urn, ()))
        value = topic.read("kmsMasterKeyId")
        if not services or value in (ABSENT, "") or str(value).endswith(_AWS_MANAGED):
            continue
        key = _access.key_of(stack, topic, "kmsMasterKeyId")
        if key is None:
            if value is UNKNOWN:
                report.wait_for(topic, "kmsMasterKeyId")
            else:
                report.undecided(
                    topic, "`kmsMasterKeyId` names a key that this stack does not make."
                )
            continue
        source, document = _access.key_policy(stack, key)
        found = _access.statements(document)
        if found is None:
            report.wait_for(source, "policy")
            continue
        for service in services:
            if not any(_lets_publish(statement, _SERVICES[service]) for statement in found):
                must = (
                    f"let {service} use kms:Decrypt and kms:GenerateDataKey*, as it publishes to "
                    f"{topic.label}"
                )
                got = "nothing" if document is ABSENT else "no such statement"
                report.refuse(source, "policy", must, got)


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="sns-topic-customer-key",
        description="Topics are encrypted with a key of your own; without a key this is advice. "
        "AWS's own key for SNS cannot let CloudWatch publish: a topic that uses it silences every "
        "alarm.",
        severity=Severity.HIGH,
        control="SNS.1",
        sources=("CKV_AWS_26", "AWS-0095", "AWS-0136"),
        frameworks=("Well-Architected SEC08-BP01",),
        types=types.TOPIC | types.KEY,
        check=_check_customer_key,
        fix="Make a key whose policy lets cloudwatch.amazonaws.com use kms:Decrypt and "
        "kms:GenerateDataKey*, and name it:\n"
        'aws.sns.Topic("page", kms_master_key_id=key.id)\n'
        "The Notifications component does both.",
    ),
    ResourceRule(
        name="sns-policy-not-public",
        description="A topic's policy lets in nobody but the own account: others could page "
        "people at will, or read what alarms say.",
        severity=Severity.HIGH,
        control="SNS.4",
        sources=("CKV_AWS_169", "CKV_AWS_385"),
        frameworks=("Well-Architected SEC03-BP07",),
        settings=(
            Setting(
                name="trustedAccounts",
                description="Accounts (12 digits) that may be let in beside the topic's own.",
                default=(),
            ),
        ),
        types=types.TOPIC | types.TOPIC_POLICY,
        check=_check_private,
        fix='Name a service, and the account in the condition: "Principal": {"Service": '
        '"cloudwatch.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": '
        "account}}.",
    ),
    StackRule(
        name="sns-topic-has-subscription",
        description="A topic that alarms publish to has a subscription: without one, every alarm "
        "on it goes off unheard.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL06-BP03",),
        url="https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html",
        types=types.TOPIC
        | types.SUBSCRIPTION
        | _ALARMS
        | types.EVENT_TARGET
        | types.GROUP_NOTIFICATION,
        check=_check_subscribed,
        fix="Name a receiver in `alerts.subscriptions`. In a program:\n"
        'aws.sns.TopicSubscription("on-call", topic=topic.arn, protocol="email", endpoint=...)',
    ),
    StackRule(
        name="sns-key-lets-services-publish",
        description="The key of an encrypted topic lets those use it who publish to the topic: "
        "CloudWatch, EventBridge, Auto Scaling. Else what they publish is dropped, and nothing "
        "says so where an alarm is looked for.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
        types=types.TOPIC
        | types.KEY
        | types.KEY_POLICY
        | _ALARMS
        | types.EVENT_TARGET
        | types.GROUP_NOTIFICATION,
        check=_check_key_lets_publish,
        fix='Add a statement to the key\'s policy: "Effect": "Allow", "Principal": {"Service": '
        '"cloudwatch.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], '
        '"Resource": "*". The Notifications component does it for all three.',
    ),
)
