"""KMS: keys and aliases."""

from surgeproof.emulator.rows.row import Call, Const, Context, Name, Row, Step, Tagging


def _key_rotation(context: Context) -> None:
    key = context.state["id"]
    if context.state.get("enableKeyRotation"):
        period = context.state.get("rotationPeriodInDays")
        request = {"KeyId": key, **({"RotationPeriodInDays": period} if period else {})}
        context.call("EnableKeyRotation", request)
    elif context.old.get("enableKeyRotation"):
        context.call("DisableKeyRotation", {"KeyId": key})


_KMS_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="KeyId",
    read=Call("ListResourceTags", {"KeyId": "id"}),
)


ROWS = (
    Row(
        "aws:kms/key:Key",
        service="kms",
        create=Step("CreateKey", names={"customerMasterKeySpec": "KeySpec"}, update="-"),
        id=">KeyMetadata.KeyId",
        replaces=(
            "customerMasterKeySpec",
            "keyUsage",
            "multiRegion",
            "customKeyStoreId",
            "xksKeyId",
        ),
        local=("deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"),
        steps=(
            Step(
                "EnableKeyRotation",
                takes=("enableKeyRotation", "rotationPeriodInDays"),
                request={"KeyId": "id"},
                names={"enableKeyRotation": "-"},
                run=_key_rotation,
                read=Call(
                    "GetKeyRotationStatus",
                    {"KeyId": "id"},
                    names={"enableKeyRotation": "KeyRotationEnabled"},
                ),
            ),
        ),
        updates=(
            Step("UpdateKeyDescription", takes=("description",), request={"KeyId": "id"}),
            Step("PutKeyPolicy", takes=("policy",), request={"KeyId": "id"}),
        ),
        resets={"description": ""},
        tagging=_KMS_TAGS,
        read=Call("DescribeKey", {"KeyId": "id"}, "KeyMetadata"),
        reads=(
            (("policy",), Call("GetKeyPolicy", {"KeyId": "id", "PolicyName": Const("default")})),
        ),
        gone=("NotFoundException",),
        is_gone=lambda found, _: found.get("KeyState") == "PendingDeletion",
        outputs={"arn": "Arn", "keyId": "KeyId"},
        delete=(
            Call(
                "ScheduleKeyDeletion",
                {
                    "KeyId": "id",
                    "PendingWindowInDays": lambda state: state.get("deletionWindowInDays") or 30,
                },
            ),
        ),
    ),
    Row(
        "aws:kms/alias:Alias",
        service="kms",
        noun="Alias",
        create=Step("CreateAlias", update="UpdateAlias"),
        id="name",
        name=Name(prefix="alias/", limit=256),
        replaces=("name",),
        read=Call("ListAliases", {}, "Aliases[AliasName=name]"),
        gone=("NotFoundException",),
        outputs={"arn": "AliasArn"},
        delete=(Call("DeleteAlias", {"AliasName": "id"}),),
    ),
)
