"""EventBridge: rules and their targets."""

from surgeproof.emulator.rows.row import Call, Name, Row, Step, Tagging

_EVENT_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceARN": "arn"}),
)


ROWS = (
    Row(
        "aws:cloudwatch/eventRule:EventRule",
        service="events",
        noun="Rule",
        create=Step("PutRule"),
        id="name",
        name=Name(limit=64),
        replaces=("name", "eventBusName"),
        local=("forceDestroy",),
        overwrites=True,
        tagging=_EVENT_TAGS,
        read=Call("DescribeRule", {"Name": "id", "EventBusName": "eventBusName"}),
        gone=("ResourceNotFoundException",),
        outputs={"arn": "Arn"},
        delete=(Call("DeleteRule", {"Name": "id", "EventBusName": "eventBusName"}),),
    ),
    Row(
        "aws:cloudwatch/eventTarget:EventTarget",
        service="events",
        create=Step(
            "PutTargets",
            names={
                "rule": "Rule",
                "eventBusName": "EventBusName",
                "targetId": "Targets.Id",
                "arn": "Targets.Arn",
                "roleArn": "Targets.RoleArn",
                "input": "Targets.Input",
                "inputPath": "Targets.InputPath",
            },
        ),
        id=lambda state: f"{state['rule']}-{state['targetId']}",
        name=Name(property="targetId", limit=64),
        replaces=("rule", "targetId", "eventBusName"),
        local=("forceDestroy",),
        overwrites=True,
        read=Call(
            "ListTargetsByRule",
            {"Rule": "rule", "EventBusName": "eventBusName"},
            "Targets[Id=targetId]",
            names={
                "rule": "-",
                "eventBusName": "-",
                "targetId": "Id",
                "arn": "Arn",
                "roleArn": "RoleArn",
                "input": "Input",
                "inputPath": "InputPath",
            },
        ),
        gone=("ResourceNotFoundException",),
        delete=(
            Call(
                "RemoveTargets",
                {
                    "Rule": "rule",
                    "EventBusName": "eventBusName",
                    "Ids": lambda state: [state["targetId"]],
                },
            ),
        ),
    ),
)
