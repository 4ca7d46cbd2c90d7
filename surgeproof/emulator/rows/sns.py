"""SNS: topics, their policies and subscriptions."""

import json

from surgeproof.emulator.rows.row import Call, Const, Name, Row, State, Step, Tagging
from surgeproof.emulator.rows.sources import given


def _owner_only_policy(state: State) -> str:
    """Return the policy that SNS gives a topic at first, as Terraform restores it."""
    arn = str(state["arn"])
    owner = arn.split(":")[4]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": ["sns:Publish", "sns:Subscribe"],
                    "Resource": arn,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
                }
            ],
        }
    )


_SNS_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceArn",
    read=Call("ListTagsForResource", {"ResourceArn": "id"}),
)


ROWS = (
    Row(
        "aws:sns/topic:Topic",
        service="sns",
        create=Step("CreateTopic", update="-"),
        id=">TopicArn",
        name=Name(limit=256),
        replaces=("name", "fifoTopic"),
        steps=(
            Step(
                "SetTopicAttributes",
                request={"TopicArn": "id"},
                attributes={
                    "displayName": ("DisplayName", ""),
                    "kmsMasterKeyId": ("KmsMasterKeyId", ""),
                    "policy": ("Policy", ""),
                    "deliveryPolicy": ("DeliveryPolicy", ""),
                    "tracingConfig": ("TracingConfig", "PassThrough"),
                    "signatureVersion": ("SignatureVersion", "1"),
                },
                attribute_style="name",
                read=Call("GetTopicAttributes", {"TopicArn": "id"}),
            ),
        ),
        tagging=_SNS_TAGS,
        read=Call("GetTopicAttributes", {"TopicArn": "id"}, "Attributes", names={"name": "-"}),
        gone=("NotFound",),
        outputs={"arn": given("id"), "owner": "Owner"},
        delete=(Call("DeleteTopic", {"TopicArn": "id"}),),
    ),
    Row(
        "aws:sns/topicPolicy:TopicPolicy",
        service="sns",
        create=Step(
            "SetTopicAttributes",
            request={"TopicArn": "arn", "AttributeName": Const("Policy")},
            names={"arn": "TopicArn", "policy": "AttributeValue"},
        ),
        id="arn",
        replaces=("arn",),
        overwrites=True,
        read=Call(
            "GetTopicAttributes",
            {"TopicArn": "arn"},
            "Attributes",
            names={"arn": "-", "policy": "Policy"},
        ),
        gone=("NotFound",),
        outputs={"owner": "Owner"},
        delete=(
            Call(
                "SetTopicAttributes",
                {
                    "TopicArn": "arn",
                    "AttributeName": Const("Policy"),
                    "AttributeValue": _owner_only_policy,
                },
            ),
        ),
    ),
    Row(
        "aws:sns/topicSubscription:TopicSubscription",
        service="sns",
        create=Step(
            "Subscribe",
            request={"ReturnSubscriptionArn": Const(value=True)},
            names={"topic": "TopicArn"},
            update="-",
        ),
        id=">SubscriptionArn",
        replaces=("topic", "protocol", "endpoint"),
        local=("confirmationTimeoutInMinutes", "endpointAutoConfirms"),
        steps=(
            Step(
                "SetSubscriptionAttributes",
                request={"SubscriptionArn": "id"},
                attributes={
                    "rawMessageDelivery": ("RawMessageDelivery", "false"),
                    "filterPolicy": ("FilterPolicy", "{}"),
                    "filterPolicyScope": ("FilterPolicyScope", "MessageAttributes"),
                    "redrivePolicy": ("RedrivePolicy", ""),
                    "deliveryPolicy": ("DeliveryPolicy", ""),
                },
                attribute_style="name",
                read=Call("GetSubscriptionAttributes", {"SubscriptionArn": "id"}),
            ),
        ),
        read=Call(
            "GetSubscriptionAttributes",
            {"SubscriptionArn": "id"},
            "Attributes",
            names={"topic": "TopicArn", "protocol": "Protocol", "endpoint": "Endpoint"},
        ),
        gone=("NotFound",),
        outputs={
            "arn": given("id"),
            "pendingConfirmation": lambda _, found: found.get("PendingConfirmation") == "true",
            "ownerId": "Owner",
        },
        delete=(Call("Unsubscribe", {"SubscriptionArn": "id"}),),
    ),
)
