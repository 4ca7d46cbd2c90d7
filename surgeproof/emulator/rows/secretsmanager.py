"""Secrets Manager: secrets and their versions."""

from surgeproof.emulator.rows.row import Call, Name, Row, Step, Tagging

ROWS = (
    Row(
        "aws:secretsmanager/secret:Secret",
        service="secretsmanager",
        create=Step("CreateSecret", update="UpdateSecret", update_request={"SecretId": "id"}),
        id=">ARN",
        name=Name(limit=512),
        replaces=("name",),
        local=("recoveryWindowInDays", "forceOverwriteReplicaSecret"),
        resets={"description": ""},
        tagging=Tagging(tag="TagResource", untag="UntagResource", member="SecretId"),
        read=Call("DescribeSecret", {"SecretId": "id"}),
        gone=("ResourceNotFoundException",),
        is_gone=lambda found, _: bool(found.get("DeletedDate")),
        outputs={"arn": "ARN"},
        delete=(
            Call(
                "DeleteSecret",
                {
                    "SecretId": "id",
                    "RecoveryWindowInDays": lambda state: (
                        None
                        if state.get("recoveryWindowInDays") == 0
                        else state.get("recoveryWindowInDays") or 30
                    ),
                    "ForceDeleteWithoutRecovery": lambda state: (
                        True if state.get("recoveryWindowInDays") == 0 else None
                    ),
                },
            ),
        ),
    ),
    Row(
        "aws:secretsmanager/secretVersion:SecretVersion",
        service="secretsmanager",
        create=Step("PutSecretValue", update="-"),
        id=">VersionId",
        replaces=("secretId", "secretString"),
        read=Call(
            "GetSecretValue",
            {"SecretId": "secretId", "VersionId": "id"},
            names={"secretId": "ARN"},
        ),
        gone=("ResourceNotFoundException", "InvalidRequestException"),
        outputs={"arn": "ARN", "versionId": "VersionId"},
    ),
)
