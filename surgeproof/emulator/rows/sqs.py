"""SQS: queues and their policies."""

from surgeproof.emulator.rows.row import Call, Const, Name, Row, Step, Tagging
from surgeproof.emulator.rows.sources import given

_QUEUE_TAGS = Tagging(
    tag="TagQueue",
    untag="UntagQueue",
    member="QueueUrl",
    read=Call("ListQueueTags", {"QueueUrl": "id"}),
)


_QUEUE_ATTRIBUTES = {
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


ROWS = (
    Row(
        "aws:sqs/queue:Queue",
        service="sqs",
        create=Step("CreateQueue", names={"name": "QueueName"}, update="-"),
        id=">QueueUrl",
        name=Name(limit=80),
        replaces=("name", "fifoQueue"),
        steps=(
            Step(
                "SetQueueAttributes",
                takes=tuple(_QUEUE_ATTRIBUTES),
                request={"QueueUrl": "id"},
                names={name: f"Attributes.{key}" for name, key in _QUEUE_ATTRIBUTES.items()},
                read=Call(
                    "GetQueueAttributes",
                    {"QueueUrl": "id", "AttributeNames": Const(["All"])},
                ),
            ),
        ),
        tagging=_QUEUE_TAGS,
        read=Call(
            "GetQueueAttributes",
            {"QueueUrl": "id", "AttributeNames": Const(["QueueArn"])},
            "Attributes",
            names={"name": "-"},
        ),
        gone=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        outputs={"arn": "QueueArn", "url": given("id")},
        delete=(Call("DeleteQueue", {"QueueUrl": "id"}),),
    ),
    Row(
        "aws:sqs/queuePolicy:QueuePolicy",
        service="sqs",
        create=Step(
            "SetQueueAttributes",
            names={"queueUrl": "QueueUrl", "policy": "Attributes.Policy"},
        ),
        id="queueUrl",
        replaces=("queueUrl",),
        overwrites=True,
        read=Call(
            "GetQueueAttributes",
            {"QueueUrl": "queueUrl", "AttributeNames": Const(["Policy"])},
            names={"queueUrl": "-", "policy": "Attributes.Policy"},
        ),
        gone=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        delete=(
            Call(
                "SetQueueAttributes",
                {"QueueUrl": "queueUrl", "Attributes": Const({"Policy": ""})},
            ),
        ),
    ),
)
