"""IAM: roles, their policies, and instance profiles."""

from surgeproof.emulator.rows.row import Call, Name, Row, Step, Tagging

_IAM_ROLE_TAGS = Tagging(tag="TagRole", untag="UntagRole", member="RoleName")


_PROFILE_TAGS = Tagging(
    tag="TagInstanceProfile", untag="UntagInstanceProfile", member="InstanceProfileName"
)


ROWS = (
    Row(
        "aws:iam/role:Role",
        service="iam",
        noun="Role",
        create=Step(
            "CreateRole",
            names={"assumeRolePolicy": "AssumeRolePolicyDocument"},
            update="UpdateRole",
            update_request={"RoleName": "id"},
        ),
        id="name",
        name=Name(limit=64),
        replaces=("name", "path"),
        local=("forceDetachPolicies",),
        resets={"description": "", "maxSessionDuration": 3600},
        updates=(
            Step(
                "UpdateAssumeRolePolicy",
                takes=("assumeRolePolicy",),
                request={"RoleName": "id"},
                names={"assumeRolePolicy": "PolicyDocument"},
            ),
            Step(
                "PutRolePermissionsBoundary",
                takes=("permissionsBoundary",),
                request={"RoleName": "id"},
                undo=Call("DeleteRolePermissionsBoundary", {"RoleName": "id"}),
            ),
        ),
        tagging=_IAM_ROLE_TAGS,
        read=Call(
            "GetRole",
            {"RoleName": "id"},
            "Role",
            names={"permissionsBoundary": "PermissionsBoundary.PermissionsBoundaryArn"},
        ),
        gone=("NoSuchEntity",),
        outputs={"arn": "Arn", "uniqueId": "RoleId"},
        delete=(Call("DeleteRole", {"RoleName": "id"}),),
    ),
    Row(
        "aws:iam/instanceProfile:InstanceProfile",
        service="iam",
        noun="InstanceProfile",
        create=Step("CreateInstanceProfile", update="-"),
        id="name",
        name=Name(limit=128),
        replaces=("name", "path"),
        steps=(
            Step(
                "AddRoleToInstanceProfile",
                swap=True,
                takes=("role",),
                request={"InstanceProfileName": "id"},
                names={"role": "RoleName"},
                undo=Call(
                    "RemoveRoleFromInstanceProfile",
                    {"InstanceProfileName": "id", "RoleName": "role"},
                ),
            ),
        ),
        tagging=_PROFILE_TAGS,
        read=Call(
            "GetInstanceProfile",
            {"InstanceProfileName": "id"},
            "InstanceProfile",
            names={"role": "Roles.RoleName"},
        ),
        gone=("NoSuchEntity",),
        outputs={"arn": "Arn", "uniqueId": "InstanceProfileId"},
        delete=(
            Call(
                "RemoveRoleFromInstanceProfile", {"InstanceProfileName": "id", "RoleName": "role"}
            ),
            Call("DeleteInstanceProfile", {"InstanceProfileName": "id"}),
        ),
    ),
    Row(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        create=Step("AttachRolePolicy", names={"role": "RoleName"}, update="-"),
        id=lambda state: f"{state['role']}/{state['policyArn']}",
        replaces=("role", "policyArn"),
        read=Call(
            "ListAttachedRolePolicies",
            {"RoleName": "role"},
            "AttachedPolicies[PolicyArn=policyArn]",
            names={"role": "-"},
        ),
        gone=("NoSuchEntity",),
        delete=(Call("DetachRolePolicy", {"RoleName": "role", "PolicyArn": "policyArn"}),),
    ),
    Row(
        "aws:iam/rolePolicy:RolePolicy",
        service="iam",
        noun="Policy",
        create=Step("PutRolePolicy", names={"role": "RoleName", "policy": "PolicyDocument"}),
        id=lambda state: f"{state['role']}:{state['name']}",
        name=Name(limit=128),
        replaces=("role", "name"),
        overwrites=True,
        read=Call("GetRolePolicy", {"RoleName": "role", "PolicyName": "name"}),
        gone=("NoSuchEntity",),
        delete=(Call("DeleteRolePolicy", {"RoleName": "role", "PolicyName": "name"}),),
    ),
)
