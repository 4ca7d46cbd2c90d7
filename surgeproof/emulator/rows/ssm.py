"""Systems Manager: parameters and documents."""

from surgeproof.emulator.rows.row import Call, Const, Context, Name, Row, Step, Tagging
from surgeproof.emulator.rows.sources import account


def _document_default(context: Context) -> None:
    """Make a document's new version the default, as Terraform does."""
    if context.changed - {"tags"}:
        found = context.call("DescribeDocument", {"Name": context.state["id"]})["Document"]
        context.call(
            "UpdateDocumentDefaultVersion",
            {"Name": context.state["id"], "DocumentVersion": found["LatestVersion"]},
        )


_PARAMETER_TAGS, _DOCUMENT_TAGS = (
    Tagging(
        tag="AddTagsToResource",
        untag="RemoveTagsFromResource",
        member="ResourceId",
        also={"ResourceType": kind},
        read=Call("ListTagsForResource", {"ResourceType": Const(kind), "ResourceId": "id"}),
        read_member="TagList",
    )
    for kind in ("Parameter", "Document")
)


ROWS = (
    Row(
        "aws:ssm/parameter:Parameter",
        service="ssm",
        create=Step(
            "PutParameter",
            names={"keyId": "KeyId"},
            update_request={"Overwrite": Const(value=True)},
        ),
        id="name",
        name=Name(limit=1011),
        replaces=("name", "dataType"),
        local=("overwrite",),
        tagging=_PARAMETER_TAGS,
        read=Call("GetParameter", {"Name": "id", "WithDecryption": Const(value=True)}, "Parameter"),
        reads=(
            (
                ("description", "allowedPattern", "tier", "keyId"),
                Call(
                    "DescribeParameters",
                    {
                        "ParameterFilters": lambda state: [
                            {"Key": "Name", "Option": "Equals", "Values": [state["id"]]}
                        ]
                    },
                    "Parameters[0]",
                ),
            ),
        ),
        gone=("ParameterNotFound",),
        outputs={"arn": "ARN", "version": "Version"},
        changes=("version",),
        delete=(Call("DeleteParameter", {"Name": "id"}),),
    ),
    Row(
        "aws:ssm/document:Document",
        service="ssm",
        create=Step(
            "CreateDocument",
            update="UpdateDocument",
            update_request={"Name": "id", "DocumentVersion": Const("$LATEST")},
            update_names={"documentType": "-", "name": "-"},
        ),
        id="name",
        name=Name(limit=128),
        replaces=("name", "documentType"),
        tagging=_DOCUMENT_TAGS,
        read=Call(
            "GetDocument",
            {"Name": "id", "DocumentFormat": "documentFormat"},
            names={"targetType": "-"},
        ),
        gone=("InvalidDocument",),
        outputs={
            "arn": lambda context, _: (
                f"arn:{context.partition}:ssm:{context.region}:{account(context)}:"
                f"document/{context.state['id']}"
            ),
            "latestVersion": "DocumentVersion",
            "status": "Status",
        },
        changes=("latestVersion",),
        updated=_document_default,
        delete=(Call("DeleteDocument", {"Name": "id"}),),
    ),
)
