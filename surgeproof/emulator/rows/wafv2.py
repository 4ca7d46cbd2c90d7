"""WAF: web ACLs, what they guard, and their logs."""

from typing import Any

from surgeproof.emulator.rows.row import Call, Context, Name, Row, Step, Tagging


def _lock_token(context: Context, _: Any = None) -> str:
    """Return what a change of a web ACL must show: that it knows the newest one."""
    asked = {"Name": "name", "Scope": "scope", "Id": "id"}
    params = {member: context.state[name] for member, name in asked.items()}
    return str(context.call("GetWebACL", params)["LockToken"])


def _take_lock_token(context: Context) -> None:
    context.state["lockToken"] = _lock_token(context)


_WAF_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceARN": "arn"}, "TagInfoForResource"),
    read_member="TagList",
)


ROWS = (
    Row(
        "aws:wafv2/webAcl:WebAcl",
        service="wafv2",
        create=Step(
            "CreateWebACL",
            update="UpdateWebACL",
            update_request={"Id": "id", "LockToken": "lockToken"},
        ),
        id=">Summary.Id",
        name=Name(limit=128),
        replaces=("name", "scope"),
        overwrites=True,
        tagging=_WAF_TAGS,
        read=Call("GetWebACL", {"Name": "name", "Scope": "scope", "Id": "id"}, "WebACL"),
        gone=("WAFNonexistentItemException",),
        outputs={"arn": "ARN", "capacity": "Capacity", "lockToken": _lock_token},
        changes=("lockToken", "capacity"),
        deleting=_take_lock_token,
        delete=(
            Call(
                "DeleteWebACL",
                {"Name": "name", "Scope": "scope", "Id": "id", "LockToken": "lockToken"},
            ),
        ),
    ),
    Row(
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        service="wafv2",
        create=Step("AssociateWebACL", update="-"),
        id=lambda state: f"{state['webAclArn']},{state['resourceArn']}",
        replaces=("webAclArn", "resourceArn"),
        read=Call(
            "GetWebACLForResource",
            {"ResourceArn": "resourceArn"},
            "WebACL",
            names={"webAclArn": "ARN", "resourceArn": "-"},
        ),
        gone=("WAFNonexistentItemException",),
        delete=(Call("DisassociateWebACL", {"ResourceArn": "resourceArn"}),),
    ),
    Row(
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        service="wafv2",
        create=Step("PutLoggingConfiguration", sub="LoggingConfiguration"),
        id="resourceArn",
        replaces=("resourceArn",),
        overwrites=True,
        read=Call(
            "GetLoggingConfiguration", {"ResourceArn": "resourceArn"}, "LoggingConfiguration"
        ),
        gone=("WAFNonexistentItemException",),
        delete=(Call("DeleteLoggingConfiguration", {"ResourceArn": "resourceArn"}),),
    ),
)
