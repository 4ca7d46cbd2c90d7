"""One row a resource type: how Pulumi's properties become calls to AWS.

What is regular is derived from botocore's models (`requests.Builder`); a row holds the exceptions.
A *source* says where a member that comes from no property is taken from: a property, an output or
`id` by name, a constant, or a function of the resource's state.

Which properties force a replacement follows the Terraform provider that pulumi-aws 7.51.1 bridges
(`ForceNew` in its schemas).
"""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from surgeproof.emulator.requests import Place, spell

State = Mapping[str, Any]
"""A resource's inputs and outputs, and its id under `id`."""


class Const(NamedTuple):
    """A member's fixed value."""

    value: Any


Source = str | Const | Callable[[State], Any]


@dataclass(frozen=True)
class Call:
    """A call whose request comes from the state."""

    operation: str
    request: Mapping[str, Source] = field(default_factory=dict)
    """Member path to source."""
    result: str = ""
    """Where in the response the thing is: `Vpcs[0]`, `Routes[DestinationCidrBlock=prop]`."""
    names: Mapping[str, Place] = field(default_factory=dict)
    """Places of properties in the result, where they differ from the request's."""
    service: str = ""
    """The service, where it is not the row's."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A call that sets properties, on creation and when they change."""

    operation: str = field(kw_only=False)
    takes: tuple[str, ...] = ()
    """The top-level properties that it sets. The creating step takes all that no other does."""
    request: Mapping[str, Source] = field(default_factory=dict)
    names: Mapping[str, Place] = field(default_factory=dict)
    """Places of properties that their names do not give; `-` is none, for the provider only."""
    sub: str = ""
    """A member below which properties are looked for, too."""
    update: str = ""
    """The operation for a change, where another; `-`: cannot change."""
    update_request: Mapping[str, Source] | None = None
    update_names: Mapping[str, Place] = field(default_factory=dict)
    """Places in the changing operation, where they differ from `names`."""
    attributes: Mapping[str, tuple[Place, str]] = field(default_factory=dict)
    """Property path to attribute key and AWS's default, where AWS has a list of keys and values."""
    attribute_style: str = "list"
    """`list` of Key and Value, `map` member `Attributes`, `name` (one call each) or `value` (one
    call each, the member itself holding `Value`)."""
    undo: Call | None = None
    """What takes the setting back when the program no longer gives it."""
    swap: bool = False
    """Whether a former setting must be taken back before another is made."""
    read: Call | None = None
    """What tells the setting, where the row's reading does not."""
    run: Callable[["Context"], None] | None = None
    """In place of the call, where no table can say it."""
    only: Callable[[State], bool] | None = None
    """Whether the step is due, beyond that its properties are set."""
    due: Callable[["Context"], bool] | None = None
    """For a step that is done in an update only: whether this one is due."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """How a resource gets a name when the program gives none: its logical name and 7 hex digits."""

    property: str = "name"
    limit: int = 255
    prefix: str = ""
    lower: bool = False
    always: bool = True
    """Whether to name it; else the property only counts as the name for replacement."""


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How tags are changed and read."""

    tag: str
    untag: str
    member: str
    source: Source = "id"
    many: bool = False
    """Whether the member is a list of identifiers."""
    also: Mapping[str, Any] = field(default_factory=dict)
    """Further members of both requests."""
    keys: str = "TagKeys"
    tags: str = "Tags"
    read: Call | None = None
    """None: the row's reading tells them."""
    read_member: str = "Tags"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A resource type."""

    token: str = field(kw_only=False)
    service: str
    create: Step
    id: Source
    """The identifier: a path into the response (`>Vpc.VpcId`), or a source."""
    noun: str = ""
    name: Name | None = None
    replaces: tuple[str, ...] = ()
    """Properties whose change needs a new resource; a prefix of a path covers what is below it."""
    local: tuple[str, ...] = ()
    """Properties that no call has a place for: they steer the provider."""
    values: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """How a property's value is written, where its form differs from AWS's."""
    variants: tuple[tuple[Callable[[State], bool], Step], ...] = ()
    """Other ways to create one, each with the condition on its inputs under which it is taken."""
    steps: tuple[Step, ...] = ()
    updates: tuple[Step, ...] = ()
    """Changes of properties that the creating call sets, where one operation cannot change all."""
    resets: Mapping[str, Any] = field(default_factory=dict)
    """What a property is set to when the program no longer gives it (Terraform's default)."""
    overwrites: bool = False
    """Whether the creating operation, sent again, replaces the whole."""
    tagging: Tagging | None = None
    tags_on_create: bool = True
    kind: str = ""
    """EC2's word for the type in tag specifications, where it is not the type's name."""
    read: Call | None = None
    reads: tuple[tuple[tuple[str, ...], Call], ...] = ()
    """Further readings of properties that the creating call sets."""
    gone: tuple[str, ...] = ()
    """Error codes that say that there is no such thing."""
    is_gone: Callable[[Any, State], bool] | None = None
    """Whether what reading found is not the resource, or is on its way out."""
    outputs: Mapping[str, str | Callable[["Context", Any], Any]] = field(default_factory=dict)
    """Output to its path in what reading found, or a function of it."""
    changes: tuple[str, ...] = ()
    """Outputs that an update changes, other than of tags."""
    delete: tuple[Call, ...] = ()
    deleting: Callable[["Context"], None] | None = None
    """What to do before the deleting calls."""
    created: Callable[["Context"], None] | None = None
    """What to do after the creating call."""
    updated: Callable[["Context"], None] | None = None
    """What to do after an update's calls."""


@dataclass
class Context:
    """What a row's function works with."""

    call: Callable[..., Any]
    """`call(operation, params, service="")`, checked and sent."""
    inputs: Mapping[str, Any]
    state: dict[str, Any]
    """Inputs, outputs, id and region."""
    region: str
    partition: str
    old: Mapping[str, Any] = field(default_factory=dict)
    """The former inputs and outputs, in an update."""
    error: Callable[[str], Exception] = RuntimeError
    """Makes the error to raise."""
    changed: frozenset[str] = frozenset()
    """The top-level properties that an update changes."""


# Sources and functions of rows.


def _ec2_arn(kind: str) -> Callable[[Context, Any], str]:
    def arn(context: Context, found: Any) -> str:
        owner = found.get("OwnerId") or account(context)
        ident = context.state["id"]
        return f"arn:{context.partition}:ec2:{context.region}:{owner}:{kind}/{ident}"

    return arn


def account(context: Context) -> str:
    """Return the account's number."""
    return str(context.call("GetCallerIdentity", {}, service="sts")["Account"])


def _after(marker: str) -> Callable[[Context, Any], str]:
    """Return a function for what follows a marker in the ARN, such as app/name/id."""
    return lambda context, _: str(context.state["id"]).partition(marker)[2]


def _given(name: str) -> Callable[[Context, Any], Any]:
    return lambda context, _: context.state.get(name)


def _revoke_all(context: Context) -> None:
    """Take all rules out of a security group, as Terraform does with AWS's allow-all egress."""
    group = context.state["id"]
    rules = context.call(
        "DescribeSecurityGroupRules", {"Filters": [{"Name": "group-id", "Values": [group]}]}
    )["SecurityGroupRules"]
    for egress, operation in (
        (True, "RevokeSecurityGroupEgress"),
        (False, "RevokeSecurityGroupIngress"),
    ):
        ids = [rule["SecurityGroupRuleId"] for rule in rules if rule["IsEgress"] is egress]
        if ids:
            context.call(operation, {"GroupId": group, "SecurityGroupRuleIds": ids})


def _rules(*, egress: bool) -> Callable[[Context, Any], list[str]]:
    """Return a function that lists the rules of a default security group, which has none."""

    def rules(_: Context, found: Any) -> list[str]:
        permissions = found.get("IpPermissionsEgress" if egress else "IpPermissions") or []
        return [str(each.get("IpProtocol")) for each in permissions]

    return rules


def _default_group(context: Context, _: Any) -> str | None:
    groups = context.call(
        "DescribeSecurityGroups",
        {
            "Filters": [
                {"Name": "vpc-id", "Values": [context.state["id"]]},
                {"Name": "group-name", "Values": ["default"]},
            ]
        },
    )["SecurityGroups"]
    return groups[0]["GroupId"] if groups else None


def _main_table(context: Context, _: Any) -> str | None:
    tables = context.call(
        "DescribeRouteTables",
        {
            "Filters": [
                {"Name": "vpc-id", "Values": [context.state["id"]]},
                {"Name": "association.main", "Values": ["true"]},
            ]
        },
    )["RouteTables"]
    return tables[0]["RouteTableId"] if tables else None


def _sweep_interfaces(context: Context) -> None:
    """Delete a subnet's network interfaces whose instance or NAT gateway is gone.

    AWS has deleted them by then; moto leaves them (its instances of a group and its NAT gateways
    do not mark them for deletion).
    """
    subnet = {"Name": "subnet-id", "Values": [context.state["id"]]}
    found = context.call("DescribeNetworkInterfaces", {"Filters": [subnet]})
    for each in found["NetworkInterfaces"]:
        context.call("DeleteNetworkInterface", {"NetworkInterfaceId": each["NetworkInterfaceId"]})


def _route_id(state: State) -> str:
    destination = (
        state.get("destinationCidrBlock")
        or state.get("destinationIpv6CidrBlock")
        or state.get("destinationPrefixListId")
    )
    return f"r-{state['routeTableId']}-{destination}"


def _association(context: Context) -> None:
    """Move a subnet to another route table; AWS gives the association a new id."""
    answer = context.call(
        "ReplaceRouteTableAssociation",
        {
            "AssociationId": context.old.get("associationId", context.state["id"]),
            "RouteTableId": context.state["routeTableId"],
        },
    )
    context.state["associationId"] = answer["NewAssociationId"]


def _endpoint_lists(context: Context) -> None:
    """Add and remove what changed in an endpoint's lists."""
    request: dict[str, Any] = {"VpcEndpointId": context.state["id"]}
    for name, member in (
        ("routeTableIds", "RouteTableIds"),
        ("subnetIds", "SubnetIds"),
        ("securityGroupIds", "SecurityGroupIds"),
    ):
        old, new = (set(state.get(name) or ()) for state in (context.old, context.state))
        if new - old:
            request[f"Add{member}"] = sorted(new - old)
        if old - new:
            request[f"Remove{member}"] = sorted(old - new)
    if len(request) > 1:
        context.call("ModifyVpcEndpoint", request)


def _template_default(context: Context) -> None:
    """Make the new version the default, where the program asks for it."""
    if context.state.get("updateDefaultVersion") and context.changed - {"tags"}:
        versions = context.call(
            "DescribeLaunchTemplates", {"LaunchTemplateIds": [context.state["id"]]}
        )
        latest = versions["LaunchTemplates"][0]["LatestVersionNumber"]
        context.call(
            "ModifyLaunchTemplate",
            {"LaunchTemplateId": context.state["id"], "DefaultVersion": str(latest)},
        )


def _document_default(context: Context) -> None:
    """Make a document's new version the default, as Terraform does."""
    if context.changed - {"tags"}:
        found = context.call("DescribeDocument", {"Name": context.state["id"]})["Document"]
        context.call(
            "UpdateDocumentDefaultVersion",
            {"Name": context.state["id"], "DocumentVersion": found["LatestVersion"]},
        )


def _cookie_key(inputs: State) -> str:
    kind = (inputs.get("stickiness") or {}).get("type", "lb_cookie")
    return f"stickiness.{kind}.duration_seconds"


def _empty_bucket(context: Context) -> None:
    """Delete what is in a bucket, where the program allows it."""
    if not context.state.get("forceDestroy"):
        return
    bucket = context.state["id"]
    while True:
        listed = context.call("ListObjectVersions", {"Bucket": bucket})
        objects = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for each in listed.get(kind) or ()
        ]
        if not objects:
            return
        context.call(
            "DeleteObjects", {"Bucket": bucket, "Delete": {"Objects": objects, "Quiet": True}}
        )


def _bucket_tags(context: Context) -> None:
    tags = context.state.get("tags")
    bucket = context.state["id"]
    if tags:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        context.call("PutBucketTagging", {"Bucket": bucket, "Tagging": {"TagSet": pairs}})
    else:
        context.call("DeleteBucketTagging", {"Bucket": bucket})


def _validation_options(_: Context, found: Any) -> list[dict[str, str]]:
    return [
        {
            "domainName": each["DomainName"],
            "resourceRecordName": each["ResourceRecord"]["Name"],
            "resourceRecordType": each["ResourceRecord"]["Type"],
            "resourceRecordValue": each["ResourceRecord"]["Value"],
        }
        for each in found.get("DomainValidationOptions") or ()
        if each.get("ResourceRecord")
    ]


def _await_certificate(context: Context) -> None:
    """Wait until a certificate is issued, for at most a minute."""
    arn = context.state["certificateArn"]
    deadline = time.monotonic() + _ISSUED_WITHIN_SECONDS
    while True:
        found = context.call("DescribeCertificate", {"CertificateArn": arn})["Certificate"]
        status = found["Status"]
        if status == "ISSUED":
            return
        if status != "PENDING_VALIDATION" or time.monotonic() > deadline:
            raise context.error(
                f"certificate {arn} is {status} and not ISSUED"
                + (f" after {_ISSUED_WITHIN_SECONDS} s" if status == "PENDING_VALIDATION" else "")
            )
        time.sleep(_POLL_SECONDS)


_ISSUED_WITHIN_SECONDS = 60
_POLL_SECONDS = 0.2


def _is_other_record(found: Any, state: State) -> bool:
    """Tell whether a listing, which starts at the record, found a later one."""
    return bool(found.get("Type") != state["type"] or found.get("Name") != _dotted(state))


def _record_id(state: State) -> str:
    parts = [state["zoneId"], state["name"], state["type"], state.get("setIdentifier")]
    return "_".join(str(part) for part in parts if part)


def _record_change(action: str) -> Callable[[State], Any]:
    """Return a source for a change of one record set."""

    def change(state: State) -> Any:
        record: dict[str, Any] = {"Name": state.get("name"), "Type": state.get("type")}
        if state.get("aliases"):
            alias = state["aliases"][0]
            record["AliasTarget"] = {
                "HostedZoneId": alias.get("zoneId"),
                "DNSName": alias.get("name"),
                "EvaluateTargetHealth": alias.get("evaluateTargetHealth", False),
            }
        else:
            record["TTL"] = state.get("ttl")
            values = state.get("records")
            record["ResourceRecords"] = (
                [{"Value": value} for value in values] if isinstance(values, list) else values
            )
        kind = action
        if kind == "CREATE" and state.get("allowOverwrite"):
            kind = "UPSERT"
        return {"Changes": [{"Action": kind, "ResourceRecordSet": record}]}

    return change


def _fqdn(context: Context, _: Any) -> str:
    return str(context.state["name"]).removesuffix(".")


def _dotted(state: State) -> str:
    return f"{str(state['name']).removesuffix('.')}."


def _group_tags(context: Context) -> None:
    """Set an auto scaling group's tags, which say whether instances get them."""
    group = context.state["id"]

    def tag(each: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": each["key"],
            "Value": each["value"],
            "PropagateAtLaunch": each["propagateAtLaunch"],
        }

    new = context.state.get("tags") or []
    keys = {each["key"] for each in new}
    dropped = [tag(each) for each in context.old.get("tags") or [] if each["key"] not in keys]
    if dropped:
        context.call("DeleteTags", {"Tags": dropped})
    if new:
        context.call("CreateOrUpdateTags", {"Tags": [tag(each) for each in new]})


def _group_targets(context: Context) -> None:
    """Attach and detach what changed among a group's target groups."""
    old, new = (set(state.get("targetGroupArns") or ()) for state in (context.old, context.state))
    for operation, arns in (
        ("AttachLoadBalancerTargetGroups", new - old),
        ("DetachLoadBalancerTargetGroups", old - new),
    ):
        if arns:
            context.call(
                operation,
                {"AutoScalingGroupName": context.state["id"], "TargetGroupARNs": sorted(arns)},
            )


def _drop_warm_pool(context: Context) -> None:
    """Delete the warm pool with its instances, as must be before the group goes."""
    if context.state.get("warmPool"):
        group = context.state["id"]
        context.call("DeleteWarmPool", {"AutoScalingGroupName": group, "ForceDelete": True})


def refresh_due(context: Context) -> bool:
    """Tell whether a change starts an instance refresh.

    One of the template does, as Terraform has it, and one of a property that the program names.
    """
    refresh = context.state.get("instanceRefresh")
    triggers = {"launchTemplate", "mixedInstancesPolicy", "launchConfiguration"}
    for each in (refresh or {}).get("triggers") or ():
        head, *rest = str(each).split("_")
        name = head + "".join(word.title() for word in rest)
        triggers |= {name, f"{name}s"}
    return bool(refresh) and bool(triggers & context.changed)


def _key_rotation(context: Context) -> None:
    key = context.state["id"]
    if context.state.get("enableKeyRotation"):
        period = context.state.get("rotationPeriodInDays")
        request = {"KeyId": key, **({"RotationPeriodInDays": period} if period else {})}
        context.call("EnableKeyRotation", request)
    elif context.old.get("enableKeyRotation"):
        context.call("DisableKeyRotation", {"KeyId": key})


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


def _rule_range(family: str) -> Callable[[State], str]:
    """Return where a security group rule's description goes: beside the range that it has."""

    def place(inputs: State) -> str:
        for name, path in _RANGES.items():
            if inputs.get(name):
                return f"{family}{path}.Description"
        return f"{family}IpRanges.Description"

    return place


_RANGES = {
    "cidrIpv4": "IpRanges",
    "cidrIpv6": "Ipv6Ranges",
    "prefixListId": "PrefixListIds",
    "referencedSecurityGroupId": "UserIdGroupPairs",
}


# Databases.


def _database_logs(context: Context) -> None:
    """Turn on and off what changed among the logs that a database sends to CloudWatch."""
    old, new = (
        set(state.get("enabledCloudwatchLogsExports") or ())
        for state in (context.old, context.state)
    )
    wanted = {
        name: sorted(kinds)
        for name, kinds in (("EnableLogTypes", new - old), ("DisableLogTypes", old - new))
        if kinds
    }
    if wanted:
        context.call(
            "ModifyDBInstance",
            {
                "DBInstanceIdentifier": context.old["identifier"],
                "CloudwatchLogsExportConfiguration": wanted,
            },
        )


def _parameters(context: Context) -> None:
    """Set a parameter group's parameters, twenty a call, and reset those that are no longer set."""
    group = context.state["id"]

    def listed(each: Mapping[str, Any]) -> dict[str, Any]:
        value = each["value"]
        return {
            "ParameterName": each["name"],
            "ParameterValue": spell(value),
            "ApplyMethod": each.get("applyMethod") or "immediate",
        }

    new = [listed(each) for each in context.state.get("parameters") or ()]
    names = {each["ParameterName"] for each in new}
    former = [listed(each) for each in context.old.get("parameters") or ()]
    dropped = [
        {"ParameterName": each["ParameterName"], "ApplyMethod": each["ApplyMethod"]}
        for each in former
        if each["ParameterName"] not in names
    ]
    for operation, all_of_them in (
        ("ModifyDBParameterGroup", [each for each in new if each not in former]),
        ("ResetDBParameterGroup", dropped),
    ):
        # At most 20 in one request (rds ModifyDBParameterGroup).
        for begin in range(0, len(all_of_them), 20):
            part = all_of_them[begin : begin + 20]
            context.call(operation, {"DBParameterGroupName": group, "Parameters": part})


def _keep_subnet_group(context: Context) -> None:
    """Make a subnet group again that is gone after a change: moto forgets what it has changed."""
    name = context.state["id"]
    found = context.call("DescribeDBSubnetGroups", {})["DBSubnetGroups"]
    if any(each["DBSubnetGroupName"] == name for each in found):
        return
    tags = context.state.get("tags") or {}
    context.call(
        "CreateDBSubnetGroup",
        {
            "DBSubnetGroupName": name,
            "DBSubnetGroupDescription": context.state.get("description") or "Managed by Pulumi",
            "SubnetIds": context.state["subnetIds"],
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        },
    )


def _endpoint(_: Context, found: Any) -> str:
    at = found["Endpoint"]
    return f"{at['Address']}:{at['Port']}"


def _master_secrets(_: Context, found: Any) -> list[dict[str, Any]]:
    secret = found.get("MasterUserSecret")
    if not secret:
        return []
    return [
        {
            "secretArn": secret["SecretArn"],
            "secretStatus": secret.get("SecretStatus"),
            "kmsKeyId": secret.get("KmsKeyId"),
        }
    ]


# Web ACLs and budgets.


def _lock_token(context: Context, _: Any = None) -> str:
    """Return what a change of a web ACL must show: that it knows the newest one."""
    asked = {"Name": "name", "Scope": "scope", "Id": "id"}
    params = {member: context.state[name] for member, name in asked.items()}
    return str(context.call("GetWebACL", params)["LockToken"])


def _take_lock_token(context: Context) -> None:
    context.state["lockToken"] = _lock_token(context)


def _notified(each: Mapping[str, Any]) -> dict[str, Any]:
    """Return one notification of a budget as AWS has it: who is told apart from of what."""
    subscribers = [
        {"SubscriptionType": kind, "Address": address}
        for kind, name in (
            ("SNS", "subscriberSnsTopicArns"),
            ("EMAIL", "subscriberEmailAddresses"),
        )
        for address in each.get(name) or ()
    ]
    return {
        "Notification": {
            "NotificationType": each["notificationType"],
            "ComparisonOperator": each["comparisonOperator"],
            "Threshold": each["threshold"],
            "ThresholdType": each["thresholdType"],
        },
        "Subscribers": subscribers,
    }


def _budget_notifications(context: Context) -> None:
    """Replace the notifications that changed."""
    budget = {"AccountId": context.state["accountId"], "BudgetName": context.state["name"]}
    old, new = (
        [_notified(each) for each in state.get("notifications") or ()]
        for state in (context.old, context.state)
    )
    for each in old:
        if each not in new:
            context.call("DeleteNotification", {**budget, "Notification": each["Notification"]})
    for each in new:
        if each not in old:
            context.call("CreateNotification", {**budget, **each})


# Tags, by service.


_EC2_TAGS = Tagging(
    tag="CreateTags", untag="DeleteTags", member="Resources", many=True, keys="Tags"
)
_TEMPLATE_TAGS = dataclasses.replace(
    _EC2_TAGS,
    # Of a template's tags, the description has those that it was created with on moto.
    read=Call(
        "DescribeTags", {"Filters": lambda s: [{"Name": "resource-id", "Values": [s["id"]]}]}
    ),
)
_ELB_TAGS = Tagging(
    tag="AddTags",
    untag="RemoveTags",
    member="ResourceArns",
    many=True,
    read=Call("DescribeTags", {"ResourceArns": lambda s: [s["id"]]}, "TagDescriptions[0]"),
)
_IAM_ROLE_TAGS = Tagging(tag="TagRole", untag="UntagRole", member="RoleName")
_PROFILE_TAGS = Tagging(
    tag="TagInstanceProfile", untag="UntagInstanceProfile", member="InstanceProfileName"
)
_ALARM_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceARN": "arn"}),
)
_LOGS_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="resourceArn",
    source="arn",
    keys="tagKeys",
    tags="tags",
    read_member="tags",
    read=Call("ListTagsForResource", {"resourceArn": "arn"}),
)
_EVENT_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceARN": "arn"}),
)
_QUEUE_TAGS = Tagging(
    tag="TagQueue",
    untag="UntagQueue",
    member="QueueUrl",
    read=Call("ListQueueTags", {"QueueUrl": "id"}),
)
_CHATBOT_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="chatConfigurationArn",
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
_KMS_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="KeyId",
    read=Call("ListResourceTags", {"KeyId": "id"}),
)
_SNS_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceArn",
    read=Call("ListTagsForResource", {"ResourceArn": "id"}),
)
_RDS_TAGS = Tagging(
    tag="AddTagsToResource",
    untag="RemoveTagsFromResource",
    member="ResourceName",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceName": "arn"}),
    read_member="TagList",
)
_WAF_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceARN": "arn"}, "TagInfoForResource"),
    read_member="TagList",
)
_ACM_TAGS = Tagging(
    tag="AddTagsToCertificate",
    untag="RemoveTagsFromCertificate",
    member="CertificateArn",
    keys="Tags",
    read=Call("ListTagsForCertificate", {"CertificateArn": "id"}),
)


def _by_ids(member: str) -> Mapping[str, Source]:
    return {member: lambda state: [state["id"]]}


def _log_bucket_keys(block: str, key: str) -> Mapping[str, tuple[Place, str]]:
    return {
        f"{block}.enabled": (f"{key}.s3.enabled", "false"),
        f"{block}.bucket": (f"{key}.s3.bucket", ""),
        f"{block}.prefix": (f"{key}.s3.prefix", ""),
    }


_QUEUE_ATTRIBUTES = {
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _security_group_rule(direction: str) -> Row:
    kind = f"SecurityGroup{direction}Rule"
    request = {"GroupId": "securityGroupId"}
    rule = "SecurityGroupRules.SecurityGroupRule."
    flat = ("ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId")
    return Row(
        f"aws:vpc/securityGroup{direction}Rule:{kind}",
        service="ec2",
        kind="security-group-rule",
        create=Step(
            f"AuthorizeSecurityGroup{direction}",
            request=request,
            names={
                "securityGroupId": "GroupId",
                "ipProtocol": "IpPermissions.IpProtocol",
                "fromPort": "IpPermissions.FromPort",
                "toPort": "IpPermissions.ToPort",
                "cidrIpv4": "IpPermissions.IpRanges.CidrIp",
                "cidrIpv6": "IpPermissions.Ipv6Ranges.CidrIpv6",
                "prefixListId": "IpPermissions.PrefixListIds.PrefixListId",
                "referencedSecurityGroupId": "IpPermissions.UserIdGroupPairs.GroupId",
                "description": _rule_range("IpPermissions."),
            },
            update="ModifySecurityGroupRules",
            update_request={**request, "SecurityGroupRules.SecurityGroupRuleId": "id"},
            update_names={
                **{name: f"{rule}{name[0].upper()}{name[1:]}" for name in flat},
                "securityGroupId": "GroupId",
                "referencedSecurityGroupId": f"{rule}ReferencedGroupId",
                "description": f"{rule}Description",
            },
        ),
        id=">SecurityGroupRules[0].SecurityGroupRuleId",
        replaces=("securityGroupId",),
        resets={"description": ""},
        tagging=_EC2_TAGS,
        read=Call(
            "DescribeSecurityGroupRules",
            _by_ids("SecurityGroupRuleIds"),
            "SecurityGroupRules[0]",
            names={
                **{name: f"{name[0].upper()}{name[1:]}" for name in (*flat, "description")},
                "securityGroupId": "GroupId",
                "referencedSecurityGroupId": "ReferencedGroupInfo.GroupId",
            },
        ),
        gone=("InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"),
        outputs={
            "securityGroupRuleId": "SecurityGroupRuleId",
            "arn": _ec2_arn("security-group-rule"),
        },
        delete=(
            Call(f"RevokeSecurityGroup{direction}", {**request, **_by_ids("SecurityGroupRuleIds")}),
        ),
    )


def _bucket_part(  # noqa: PLR0917
    kind: str, put: str, get: str, delete: str, result: str, names: Mapping[str, Place], gone: str
) -> Row:
    """Return the row of what Pulumi has as a resource of its own beside the bucket."""
    bucket = {"Bucket": "bucket"}
    return Row(
        f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}",
        service="s3",
        create=Step(put, request=bucket, names=names),
        id="bucket",
        replaces=("bucket",),
        overwrites=True,
        read=Call(get, bucket, result, names={"bucket": "-"}),
        gone=("NoSuchBucket", gone),
        delete=(Call(delete, bucket),),
    )


_METRIC = {
    "": "Metrics",
    ".metric": "MetricStat",
    ".metric.metricName": "Metric.MetricName",
    ".metric.namespace": "Metric.Namespace",
    ".metric.dimensions": "Metric.Dimensions",
}

_TRACKING = "targetTrackingConfiguration.customizedMetricSpecification"

_ACTIONS = {
    "defaultActions.redirect": "RedirectConfig",
    "defaultActions.fixedResponse": "FixedResponseConfig",
    "defaultActions.forward": "ForwardConfig",
    "defaultActions.forward.targetGroups.arn": "TargetGroupArn",
    "defaultActions.forward.stickiness": "TargetGroupStickinessConfig",
    "defaultActions.forward.stickiness.duration": "DurationSeconds",
    "certificateArn": "Certificates.CertificateArn",
    "alpnPolicy": "AlpnPolicy",
}

_RULE_ACTIONS = {
    path.replace("defaultActions", "actions"): place
    for path, place in _ACTIONS.items()
    if path.startswith("defaultActions")
}

_RULE_CONDITIONS = {
    "pathPattern": "path-pattern",
    "hostHeader": "host-header",
    "httpRequestMethod": "http-request-method",
    "sourceIp": "source-ip",
}
"""Conditions that hold a list of values, and what elbv2 RuleCondition calls their field."""


def _rule_conditions(state: State) -> list[dict[str, Any]]:
    """Return a listener rule's conditions, each with its field named, as elbv2 wants it."""
    conditions: list[dict[str, Any]] = []
    for each in state.get("conditions") or ():
        for name, word in _RULE_CONDITIONS.items():
            if each.get(name):
                config = f"{name[0].upper()}{name[1:]}Config"
                conditions.append({"Field": word, config: {"Values": each[name]["values"]}})
    return conditions


_HEALTH_CHECK = {
    "healthCheck.enabled": "HealthCheckEnabled",
    "healthCheck.protocol": "HealthCheckProtocol",
    "healthCheck.port": "HealthCheckPort",
    "healthCheck.path": "HealthCheckPath",
    "healthCheck.interval": "HealthCheckIntervalSeconds",
    "healthCheck.timeout": "HealthCheckTimeoutSeconds",
    "healthCheck.healthyThreshold": "HealthyThresholdCount",
    "healthCheck.unhealthyThreshold": "UnhealthyThresholdCount",
    "healthCheck.matcher": "Matcher.HttpCode",
}

_ROUTING = "target_group_health.unhealthy_state_routing"

_WARM_POOL = {
    "warmPool.poolState": "PoolState",
    "warmPool.minSize": "MinSize",
    "warmPool.maxGroupPreparedCapacity": "MaxGroupPreparedCapacity",
    "warmPool.instanceReusePolicy": "InstanceReusePolicy",
}

_DATABASE = {
    "instanceClass": "DBInstanceClass",
    "parameterGroupName": "DBParameterGroupName",
    "username": "MasterUsername",
    "password": "MasterUserPassword",
    "backupWindow": "PreferredBackupWindow",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "caCertIdentifier": "CACertificateIdentifier",
}

_BUDGET_LIMIT = {
    "name": "BudgetName",
    "budgetType": "BudgetType",
    "timeUnit": "TimeUnit",
    "limitAmount": "BudgetLimit.Amount",
    "limitUnit": "BudgetLimit.Unit",
}

_GROUP_NAME: Mapping[str, Source] = {"AutoScalingGroupName": "id"}
_GROUP_PART: Mapping[str, Source] = {"AutoScalingGroupName": "autoscalingGroupName"}
_GROUP_GONE = "ValidationError"

_TABLE = (
    # Network.
    Row(
        "aws:ec2/vpc:Vpc",
        service="ec2",
        create=Step("CreateVpc", update="-"),
        id=">Vpc.VpcId",
        replaces=("cidrBlock", "instanceTenancy"),
        steps=(
            Step(
                "ModifyVpcAttribute",
                request={"VpcId": "id"},
                attributes={
                    "enableDnsSupport": ("EnableDnsSupport", "true"),
                    "enableDnsHostnames": ("EnableDnsHostnames", "false"),
                    "enableNetworkAddressUsageMetrics": (
                        "EnableNetworkAddressUsageMetrics",
                        "false",
                    ),
                },
                attribute_style="value",
                read=Call("DescribeVpcAttribute", {"VpcId": "id"}),
            ),
        ),
        tagging=_EC2_TAGS,
        read=Call("DescribeVpcs", _by_ids("VpcIds"), "Vpcs[0]"),
        gone=("InvalidVpcID.NotFound",),
        outputs={
            "arn": _ec2_arn("vpc"),
            "ownerId": "OwnerId",
            "defaultSecurityGroupId": _default_group,
            "mainRouteTableId": _main_table,
        },
        delete=(Call("DeleteVpc", {"VpcId": "id"}),),
    ),
    Row(
        "aws:ec2/subnet:Subnet",
        service="ec2",
        create=Step("CreateSubnet", update="-"),
        id=">Subnet.SubnetId",
        replaces=("vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId"),
        steps=(
            Step(
                "ModifySubnetAttribute",
                request={"SubnetId": "id"},
                attributes={
                    "mapPublicIpOnLaunch": ("MapPublicIpOnLaunch", "false"),
                    "assignIpv6AddressOnCreation": ("AssignIpv6AddressOnCreation", "false"),
                },
                attribute_style="value",
            ),
        ),
        tagging=_EC2_TAGS,
        read=Call("DescribeSubnets", _by_ids("SubnetIds"), "Subnets[0]"),
        gone=("InvalidSubnetID.NotFound",),
        outputs={
            "arn": _ec2_arn("subnet"),
            "ownerId": "OwnerId",
            "availabilityZone": "AvailabilityZone",
            "availabilityZoneId": "AvailabilityZoneId",
        },
        deleting=_sweep_interfaces,
        delete=(Call("DeleteSubnet", {"SubnetId": "id"}),),
    ),
    Row(
        "aws:ec2/internetGateway:InternetGateway",
        service="ec2",
        create=Step("CreateInternetGateway", update="-"),
        id=">InternetGateway.InternetGatewayId",
        steps=(
            Step(
                "AttachInternetGateway",
                swap=True,
                takes=("vpcId",),
                request={"InternetGatewayId": "id"},
                undo=Call("DetachInternetGateway", {"InternetGatewayId": "id", "VpcId": "vpcId"}),
            ),
        ),
        tagging=_EC2_TAGS,
        read=Call(
            "DescribeInternetGateways",
            _by_ids("InternetGatewayIds"),
            "InternetGateways[0]",
            names={"vpcId": "Attachments.VpcId"},
        ),
        gone=("InvalidInternetGatewayID.NotFound",),
        outputs={"arn": _ec2_arn("internet-gateway"), "ownerId": "OwnerId"},
        delete=(
            Call("DetachInternetGateway", {"InternetGatewayId": "id", "VpcId": "vpcId"}),
            Call("DeleteInternetGateway", {"InternetGatewayId": "id"}),
        ),
    ),
    Row(
        "aws:ec2/routeTable:RouteTable",
        service="ec2",
        create=Step("CreateRouteTable", update="-"),
        id=">RouteTable.RouteTableId",
        replaces=("vpcId",),
        tagging=_EC2_TAGS,
        read=Call("DescribeRouteTables", _by_ids("RouteTableIds"), "RouteTables[0]"),
        gone=("InvalidRouteTableID.NotFound",),
        outputs={"arn": _ec2_arn("route-table"), "ownerId": "OwnerId"},
        delete=(Call("DeleteRouteTable", {"RouteTableId": "id"}),),
    ),
    Row(
        "aws:ec2/route:Route",
        service="ec2",
        create=Step("CreateRoute", update="ReplaceRoute"),
        id=_route_id,
        replaces=(
            "routeTableId",
            "destinationCidrBlock",
            "destinationIpv6CidrBlock",
            "destinationPrefixListId",
        ),
        read=Call(
            "DescribeRouteTables",
            {"RouteTableIds": lambda state: [state["routeTableId"]]},
            "RouteTables[0].Routes[DestinationCidrBlock=destinationCidrBlock]",
        ),
        gone=("InvalidRouteTableID.NotFound", "InvalidRoute.NotFound"),
        outputs={"origin": "Origin", "state": "State"},
        delete=(
            Call(
                "DeleteRoute",
                {"RouteTableId": "routeTableId", "DestinationCidrBlock": "destinationCidrBlock"},
            ),
        ),
    ),
    Row(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        service="ec2",
        create=Step("AssociateRouteTable", update="-"),
        id=">AssociationId",
        replaces=("subnetId", "gatewayId"),
        updates=(Step("ReplaceRouteTableAssociation", takes=("routeTableId",), run=_association),),
        read=Call(
            "DescribeRouteTables",
            {"RouteTableIds": lambda state: [state["routeTableId"]]},
            "RouteTables[0].Associations[SubnetId=subnetId]",
        ),
        gone=("InvalidRouteTableID.NotFound", "InvalidAssociationID.NotFound"),
        outputs={"associationId": "RouteTableAssociationId"},
        changes=("associationId",),
        delete=(
            Call(
                "DisassociateRouteTable",
                {"AssociationId": lambda s: s.get("associationId", s["id"])},
            ),
        ),
    ),
    Row(
        "aws:ec2/eip:Eip",
        service="ec2",
        kind="elastic-ip",
        create=Step("AllocateAddress", update="-"),
        id=">AllocationId",
        replaces=("domain", "networkBorderGroup", "publicIpv4Pool"),
        tagging=_EC2_TAGS,
        read=Call("DescribeAddresses", _by_ids("AllocationIds"), "Addresses[0]"),
        gone=("InvalidAllocationID.NotFound", "InvalidAddress.NotFound"),
        outputs={
            "allocationId": "AllocationId",
            "publicIp": "PublicIp",
            "arn": _ec2_arn("elastic-ip"),
        },
        delete=(Call("ReleaseAddress", {"AllocationId": "id"}),),
    ),
    Row(
        "aws:ec2/natGateway:NatGateway",
        service="ec2",
        kind="natgateway",
        create=Step("CreateNatGateway", update="-", names={"privateIp": "PrivateIpAddress"}),
        id=">NatGateway.NatGatewayId",
        replaces=("allocationId", "subnetId", "connectivityType", "privateIp"),
        tagging=_EC2_TAGS,
        read=Call(
            "DescribeNatGateways",
            _by_ids("NatGatewayIds"),
            "NatGateways[0]",
            names={"allocationId": "NatGatewayAddresses.AllocationId"},
        ),
        gone=("NatGatewayNotFound",),
        is_gone=lambda found, _: found.get("State") in ("deleting", "deleted", "failed"),
        outputs={"publicIp": "NatGatewayAddresses[0].PublicIp"},
        delete=(Call("DeleteNatGateway", {"NatGatewayId": "id"}),),
    ),
    Row(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        service="ec2",
        create=Step(
            "CreateVpcEndpoint",
            names={"policy": "PolicyDocument"},
            update="ModifyVpcEndpoint",
            update_request={"VpcEndpointId": "id"},
        ),
        id=">VpcEndpoint.VpcEndpointId",
        replaces=("vpcId", "serviceName", "vpcEndpointType", "serviceRegion"),
        updates=(
            Step(
                "ModifyVpcEndpoint",
                takes=("routeTableIds", "subnetIds", "securityGroupIds"),
                run=_endpoint_lists,
            ),
        ),
        tagging=_EC2_TAGS,
        read=Call(
            "DescribeVpcEndpoints",
            _by_ids("VpcEndpointIds"),
            "VpcEndpoints[0]",
            names={"securityGroupIds": "Groups.GroupId"},
        ),
        gone=("InvalidVpcEndpointId.NotFound",),
        is_gone=lambda found, _: found.get("State") in ("deleting", "deleted", "failed"),
        outputs={"arn": _ec2_arn("vpc-endpoint"), "state": "State", "ownerId": "OwnerId"},
        delete=(Call("DeleteVpcEndpoints", _by_ids("VpcEndpointIds")),),
    ),
    Row(
        "aws:ec2/securityGroup:SecurityGroup",
        service="ec2",
        noun="Group",
        create=Step(
            "CreateSecurityGroup",
            # Terraform's default; AWS wants one.
            request={"Description": Const("Managed by Pulumi")},
            update="-",
        ),
        id=">GroupId",
        name=Name(),
        replaces=("name", "description", "vpcId"),
        local=("revokeRulesOnDelete",),
        tagging=_EC2_TAGS,
        read=Call("DescribeSecurityGroups", _by_ids("GroupIds"), "SecurityGroups[0]"),
        gone=("InvalidGroup.NotFound",),
        outputs={"arn": _ec2_arn("security-group"), "ownerId": "OwnerId"},
        created=_revoke_all,
        delete=(Call("DeleteSecurityGroup", {"GroupId": "id"}),),
    ),
    Row(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        service="ec2",
        create=Step(
            "DescribeSecurityGroups",
            request={
                "Filters": lambda state: [
                    {"Name": "vpc-id", "Values": [state.get("vpcId")]},
                    {"Name": "group-name", "Values": ["default"]},
                ]
            },
            names={"vpcId": "-", "ingress": "-", "egress": "-"},
            update="-",
        ),
        id=">SecurityGroups[0].GroupId",
        replaces=("vpcId",),
        tagging=_EC2_TAGS,
        tags_on_create=False,
        read=Call(
            "DescribeSecurityGroups",
            _by_ids("GroupIds"),
            "SecurityGroups[0]",
            names={"vpcId": "VpcId"},
        ),
        gone=("InvalidGroup.NotFound",),
        outputs={
            "arn": _ec2_arn("security-group"),
            "name": "GroupName",
            "description": "Description",
            "ownerId": "OwnerId",
        },
        created=_revoke_all,
    ),
    _security_group_rule("Ingress"),
    _security_group_rule("Egress"),
    # Load balancing.
    Row(
        "aws:lb/loadBalancer:LoadBalancer",
        service="elbv2",
        create=Step(
            "CreateLoadBalancer",
            names={"internal": "Scheme", "loadBalancerType": "Type"},
            update="-",
        ),
        id=">LoadBalancers[0].LoadBalancerArn",
        name=Name(limit=32),
        replaces=("name", "internal", "loadBalancerType"),
        values={"internal": lambda value: "internal" if value else "internet-facing"},
        steps=(
            Step(
                "ModifyLoadBalancerAttributes",
                request={"LoadBalancerArn": "id"},
                attributes={
                    "idleTimeout": ("idle_timeout.timeout_seconds", "60"),
                    "clientKeepAlive": ("client_keep_alive.seconds", "3600"),
                    "desyncMitigationMode": ("routing.http.desync_mitigation_mode", "defensive"),
                    "dropInvalidHeaderFields": (
                        "routing.http.drop_invalid_header_fields.enabled",
                        "false",
                    ),
                    "enableDeletionProtection": ("deletion_protection.enabled", "false"),
                    "enableHttp2": ("routing.http2.enabled", "true"),
                    "enableTlsVersionAndCipherSuiteHeaders": (
                        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
                        "false",
                    ),
                    "enableWafFailOpen": ("waf.fail_open.enabled", "false"),
                    "enableXffClientPort": ("routing.http.xff_client_port.enabled", "false"),
                    "enableZonalShift": ("zonal_shift.config.enabled", "false"),
                    "preserveHostHeader": ("routing.http.preserve_host_header.enabled", "false"),
                    "xffHeaderProcessingMode": (
                        "routing.http.xff_header_processing.mode",
                        "append",
                    ),
                    **_log_bucket_keys("accessLogs", "access_logs"),
                    **_log_bucket_keys("connectionLogs", "connection_logs"),
                    **_log_bucket_keys("healthCheckLogs", "health_check_logs"),
                },
                read=Call("DescribeLoadBalancerAttributes", {"LoadBalancerArn": "id"}),
            ),
            Step(
                "ModifyCapacityReservation",
                takes=("minimumLoadBalancerCapacity",),
                request={"LoadBalancerArn": "id"},
                undo=Call(
                    "ModifyCapacityReservation",
                    {"LoadBalancerArn": "id", "ResetCapacityReservation": Const(value=True)},
                ),
                read=Call("DescribeCapacityReservation", {"LoadBalancerArn": "id"}),
            ),
        ),
        updates=(
            Step(
                "SetSubnets", takes=("subnets", "subnetMappings"), request={"LoadBalancerArn": "id"}
            ),
            Step("SetSecurityGroups", takes=("securityGroups",), request={"LoadBalancerArn": "id"}),
            Step("SetIpAddressType", takes=("ipAddressType",), request={"LoadBalancerArn": "id"}),
        ),
        tagging=_ELB_TAGS,
        read=Call(
            "DescribeLoadBalancers",
            _by_ids("LoadBalancerArns"),
            "LoadBalancers[0]",
            names={"subnets": "AvailabilityZones.SubnetId", "name": "LoadBalancerName"},
        ),
        gone=("LoadBalancerNotFound",),
        outputs={
            "arn": "LoadBalancerArn",
            "arnSuffix": _after(":loadbalancer/"),
            "dnsName": "DNSName",
            "zoneId": "CanonicalHostedZoneId",
            "vpcId": "VpcId",
        },
        delete=(Call("DeleteLoadBalancer", {"LoadBalancerArn": "id"}),),
    ),
    Row(
        "aws:lb/targetGroup:TargetGroup",
        service="elbv2",
        create=Step(
            "CreateTargetGroup",
            names=_HEALTH_CHECK,
            update="ModifyTargetGroup",
            update_request={"TargetGroupArn": "id"},
        ),
        id=">TargetGroups[0].TargetGroupArn",
        name=Name(limit=32),
        replaces=(
            "name",
            "port",
            "protocol",
            "protocolVersion",
            "vpcId",
            "targetType",
            "ipAddressType",
        ),
        resets={
            "healthCheck": {
                "enabled": True,
                "protocol": "HTTP",
                "port": "traffic-port",
                "path": "/",
                "interval": 30,
                "timeout": 5,
                "healthyThreshold": 3,
                "unhealthyThreshold": 3,
                "matcher": "200",
            }
        },
        steps=(
            Step(
                "ModifyTargetGroupAttributes",
                request={"TargetGroupArn": "id"},
                attributes={
                    "deregistrationDelay": ("deregistration_delay.timeout_seconds", "300"),
                    "slowStart": ("slow_start.duration_seconds", "0"),
                    "loadBalancingAlgorithmType": ("load_balancing.algorithm.type", "round_robin"),
                    "loadBalancingAnomalyMitigation": (
                        "load_balancing.algorithm.anomaly_mitigation",
                        "off",
                    ),
                    "loadBalancingCrossZoneEnabled": (
                        "load_balancing.cross_zone.enabled",
                        "use_load_balancer_configuration",
                    ),
                    "stickiness.enabled": ("stickiness.enabled", "false"),
                    "stickiness.type": ("stickiness.type", "lb_cookie"),
                    "stickiness.cookieDuration": (_cookie_key, "86400"),
                    "stickiness.cookieName": ("stickiness.app_cookie.cookie_name", ""),
                    "targetGroupHealth.dnsFailover.minimumHealthyTargetsCount": (
                        "target_group_health.dns_failover.minimum_healthy_targets.count",
                        "1",
                    ),
                    "targetGroupHealth.dnsFailover.minimumHealthyTargetsPercentage": (
                        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
                        "off",
                    ),
                    "targetGroupHealth.unhealthyStateRouting.minimumHealthyTargetsCount": (
                        f"{_ROUTING}.minimum_healthy_targets.count",
                        "1",
                    ),
                    "targetGroupHealth.unhealthyStateRouting.minimumHealthyTargetsPercentage": (
                        f"{_ROUTING}.minimum_healthy_targets.percentage",
                        "off",
                    ),
                },
                read=Call("DescribeTargetGroupAttributes", {"TargetGroupArn": "id"}),
            ),
        ),
        tagging=_ELB_TAGS,
        read=Call(
            "DescribeTargetGroups",
            _by_ids("TargetGroupArns"),
            "TargetGroups[0]",
            names={"name": "TargetGroupName"},
        ),
        gone=("TargetGroupNotFound",),
        outputs={
            "arn": "TargetGroupArn",
            "arnSuffix": lambda context, _: str(context.state["id"]).rpartition(":")[2],
            "loadBalancerArns": "LoadBalancerArns",
        },
        delete=(Call("DeleteTargetGroup", {"TargetGroupArn": "id"}),),
    ),
    Row(
        "aws:lb/listener:Listener",
        service="elbv2",
        create=Step(
            "CreateListener",
            names=_ACTIONS,
            update="ModifyListener",
            update_request={"ListenerArn": "id"},
        ),
        id=">Listeners[0].ListenerArn",
        replaces=("loadBalancerArn",),
        tagging=_ELB_TAGS,
        read=Call("DescribeListeners", _by_ids("ListenerArns"), "Listeners[0]"),
        gone=("ListenerNotFound", "LoadBalancerNotFound"),
        outputs={"arn": "ListenerArn"},
        delete=(Call("DeleteListener", {"ListenerArn": "id"}),),
    ),
    Row(
        "aws:lb/listenerRule:ListenerRule",
        service="elbv2",
        create=Step(
            "CreateRule",
            request={"Conditions": _rule_conditions},
            names={
                **_RULE_ACTIONS,
                "conditions": "=",
                **{f"conditions.{name}": "=" for name in _RULE_CONDITIONS},
                **{f"conditions.{name}.values": "=" for name in _RULE_CONDITIONS},
            },
            update="ModifyRule",
            update_request={"RuleArn": "id", "Conditions": _rule_conditions},
        ),
        id=">Rules[0].RuleArn",
        replaces=("listenerArn",),
        updates=(
            Step(
                "SetRulePriorities",
                takes=("priority",),
                request={
                    "RulePriorities": lambda state: [
                        {"RuleArn": state["id"], "Priority": state["priority"]}
                    ]
                },
                names={"priority": "="},
            ),
        ),
        tagging=_ELB_TAGS,
        read=Call(
            "DescribeRules",
            _by_ids("RuleArns"),
            "Rules[0]",
            names={
                "listenerArn": "-",
                "conditions": "Conditions",
                **{
                    f"conditions.{name}": f"{name[0].upper()}{name[1:]}Config"
                    for name in _RULE_CONDITIONS
                },
                **{f"conditions.{name}.values": "Values" for name in _RULE_CONDITIONS},
            },
        ),
        gone=("RuleNotFound", "ListenerNotFound", "LoadBalancerNotFound"),
        outputs={"arn": "RuleArn"},
        delete=(Call("DeleteRule", {"RuleArn": "id"}),),
    ),
    # Buckets.
    Row(
        "aws:s3/bucket:Bucket",
        service="s3",
        create=Step(
            "CreateBucket",
            request={
                "CreateBucketConfiguration": lambda state: (
                    None
                    if state["region"] == "us-east-1"
                    else {"LocationConstraint": state["region"]}
                )
            },
            update="-",
        ),
        id="bucket",
        name=Name(property="bucket", limit=63, lower=True),
        replaces=("bucket",),
        local=("forceDestroy",),
        steps=(
            Step(
                "PutBucketTagging",
                takes=("tags",),
                names={"tags": "Tagging.TagSet"},
                request={"Bucket": "id"},
                run=_bucket_tags,
                read=Call("GetBucketTagging", {"Bucket": "id"}, names={"tags": "TagSet"}),
            ),
        ),
        read=Call("HeadBucket", {"Bucket": "id"}, names={"bucket": "-"}),
        gone=("NoSuchBucket", "404"),
        outputs={
            "arn": lambda context, _: f"arn:{context.partition}:s3:::{context.state['id']}",
            "bucketDomainName": lambda context, _: f"{context.state['id']}.s3.amazonaws.com",
            "bucketRegionalDomainName": lambda context, _: (
                f"{context.state['id']}.s3.{context.region}.amazonaws.com"
            ),
        },
        deleting=_empty_bucket,
        delete=(Call("DeleteBucket", {"Bucket": "id"}),),
    ),
    _bucket_part(
        "BucketPublicAccessBlock",
        "PutPublicAccessBlock",
        "GetPublicAccessBlock",
        "DeletePublicAccessBlock",
        "PublicAccessBlockConfiguration",
        {
            name: f"PublicAccessBlockConfiguration.{name[0].upper()}{name[1:]}"
            for name in (
                "blockPublicAcls",
                "blockPublicPolicy",
                "ignorePublicAcls",
                "restrictPublicBuckets",
            )
        },
        "NoSuchPublicAccessBlockConfiguration",
    ),
    _bucket_part(
        "BucketServerSideEncryptionConfiguration",
        "PutBucketEncryption",
        "GetBucketEncryption",
        "DeleteBucketEncryption",
        "ServerSideEncryptionConfiguration",
        {"rules": "ServerSideEncryptionConfiguration.Rules"},
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    _bucket_part(
        "BucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "GetBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        "",
        {"rules": "LifecycleConfiguration.Rules"},
        "NoSuchLifecycleConfiguration",
    ),
    _bucket_part(
        "BucketPolicy",
        "PutBucketPolicy",
        "GetBucketPolicy",
        "DeleteBucketPolicy",
        "",
        {},
        "NoSuchBucketPolicy",
    ),
    _bucket_part(
        "BucketOwnershipControls",
        "PutBucketOwnershipControls",
        "GetBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        "OwnershipControls",
        {"rule": "OwnershipControls.Rules"},
        "OwnershipControlsNotFoundError",
    ),
    # Certificates and names.
    Row(
        "aws:acm/certificate:Certificate",
        service="acm",
        create=Step("RequestCertificate", update="-"),
        id=">CertificateArn",
        replaces=("domainName", "subjectAlternativeNames", "validationMethod", "keyAlgorithm"),
        tagging=_ACM_TAGS,
        read=Call(
            "DescribeCertificate",
            {"CertificateArn": "id"},
            "Certificate",
            names={"validationMethod": "DomainValidationOptions.ValidationMethod"},
        ),
        gone=("ResourceNotFoundException",),
        outputs={
            "arn": "CertificateArn",
            "status": "Status",
            "domainValidationOptions": _validation_options,
        },
        delete=(Call("DeleteCertificate", {"CertificateArn": "id"}),),
    ),
    Row(
        "aws:acm/certificateValidation:CertificateValidation",
        service="acm",
        create=Step(
            "DescribeCertificate",
            names={"certificateArn": "CertificateArn", "validationRecordFqdns": "-"},
            update="-",
        ),
        id="certificateArn",
        replaces=("certificateArn", "validationRecordFqdns"),
        created=_await_certificate,
        read=Call("DescribeCertificate", {"CertificateArn": "certificateArn"}, "Certificate"),
        gone=("ResourceNotFoundException",),
    ),
    Row(
        "aws:route53/record:Record",
        service="route53",
        create=Step(
            "ChangeResourceRecordSets",
            request={"HostedZoneId": "zoneId", "ChangeBatch": _record_change("CREATE")},
            names={
                "zoneId": "HostedZoneId",
                **dict.fromkeys(("name", "type", "ttl", "records", "aliases"), "="),
                **dict.fromkeys(
                    ("aliases.name", "aliases.zoneId", "aliases.evaluateTargetHealth"), "="
                ),
            },
            update_request={"HostedZoneId": "zoneId", "ChangeBatch": _record_change("UPSERT")},
        ),
        id=_record_id,
        replaces=("zoneId", "name", "type", "setIdentifier"),
        local=("allowOverwrite",),
        overwrites=True,
        read=Call(
            "ListResourceRecordSets",
            {"HostedZoneId": "zoneId", "StartRecordName": _dotted, "StartRecordType": "type"},
            "ResourceRecordSets[0]",
            names={
                "zoneId": "-",
                "name": "-",
                "type": "Type",
                "ttl": "TTL",
                "records": "ResourceRecords.Value",
                "aliases": "AliasTarget",
                "aliases.name": "DNSName",
                "aliases.zoneId": "HostedZoneId",
            },
        ),
        gone=("NoSuchHostedZone",),
        is_gone=_is_other_record,
        outputs={"fqdn": _fqdn},
        delete=(
            Call(
                "ChangeResourceRecordSets",
                {"HostedZoneId": "zoneId", "ChangeBatch": _record_change("DELETE")},
            ),
        ),
    ),
    # Identities.
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
    # Scaling.
    Row(
        "aws:ec2/launchTemplate:LaunchTemplate",
        service="ec2",
        noun="LaunchTemplate",
        create=Step(
            "CreateLaunchTemplate",
            sub="LaunchTemplateData",
            names={
                "description": "VersionDescription",
                "tagSpecifications": "LaunchTemplateData.TagSpecifications",
                "vpcSecurityGroupIds": "LaunchTemplateData.SecurityGroupIds",
                "networkInterfaces.securityGroups": "Groups",
            },
            update="CreateLaunchTemplateVersion",
            update_request={"LaunchTemplateId": "id"},
            update_names={"name": "-"},
        ),
        id=">LaunchTemplate.LaunchTemplateId",
        name=Name(limit=128),
        replaces=("name",),
        local=("updateDefaultVersion",),
        overwrites=True,
        tagging=_TEMPLATE_TAGS,
        read=Call(
            "DescribeLaunchTemplateVersions",
            {"LaunchTemplateId": "id", "Versions": Const(["$Latest"])},
            "LaunchTemplateVersions[0]",
        ),
        gone=("InvalidLaunchTemplateId.NotFound",),
        outputs={
            "arn": _ec2_arn("launch-template"),
            "latestVersion": "VersionNumber",
            "defaultVersion": lambda context, found: context.call(
                "DescribeLaunchTemplates", {"LaunchTemplateIds": [found["LaunchTemplateId"]]}
            )["LaunchTemplates"][0]["DefaultVersionNumber"],
        },
        changes=("latestVersion", "defaultVersion"),
        updated=_template_default,
        delete=(Call("DeleteLaunchTemplate", {"LaunchTemplateId": "id"}),),
    ),
    Row(
        "aws:autoscaling/group:Group",
        service="autoscaling",
        noun="AutoScalingGroup",
        create=Step(
            "CreateAutoScalingGroup",
            names={
                "vpcZoneIdentifiers": "VPCZoneIdentifier:csv",
                "launchTemplate.id": "LaunchTemplateId",
                "launchTemplate.name": "LaunchTemplateName",
                "protectFromScaleIn": "NewInstancesProtectedFromScaleIn",
                "launchConfiguration": "LaunchConfigurationName",
                "initialLifecycleHooks": "LifecycleHookSpecificationList",
                "initialLifecycleHooks.name": "LifecycleHookName",
            },
            update="UpdateAutoScalingGroup",
            update_request=_GROUP_NAME,
        ),
        id="name",
        name=Name(),
        replaces=("name", "availabilityZones", "initialLifecycleHooks"),
        local=(
            "waitForCapacityTimeout",
            "forceDelete",
            "forceDeleteWarmPool",
            "ignoreFailedScalingActivities",
            "minElbCapacity",
            "waitForElbCapacity",
            "instanceRefresh.triggers",
        ),
        resets={
            "defaultInstanceWarmup": -1,
            "defaultCooldown": 300,
            "healthCheckGracePeriod": 300,
            "healthCheckType": "EC2",
            "terminationPolicies": ["Default"],
            "capacityRebalance": False,
            "protectFromScaleIn": False,
            "maxInstanceLifetime": 0,
            "instanceMaintenancePolicy": {"minHealthyPercentage": -1, "maxHealthyPercentage": -1},
        },
        steps=(
            Step(
                "EnableMetricsCollection",
                swap=True,
                takes=("enabledMetrics", "metricsGranularity"),
                request={**_GROUP_NAME, "Granularity": Const("1Minute")},
                names={"enabledMetrics": "Metrics", "metricsGranularity": "Granularity"},
                only=lambda state: bool(state.get("enabledMetrics")),
                undo=Call("DisableMetricsCollection", _GROUP_NAME),
                read=Call(
                    "DescribeAutoScalingGroups",
                    _by_ids("AutoScalingGroupNames"),
                    "AutoScalingGroups[0]",
                    names={
                        "enabledMetrics": "EnabledMetrics.Metric",
                        "metricsGranularity": "EnabledMetrics.Granularity",
                    },
                ),
            ),
            Step(
                "SuspendProcesses",
                swap=True,
                takes=("suspendedProcesses",),
                request=_GROUP_NAME,
                names={"suspendedProcesses": "ScalingProcesses"},
                undo=Call("ResumeProcesses", _GROUP_NAME),
                read=Call(
                    "DescribeAutoScalingGroups",
                    _by_ids("AutoScalingGroupNames"),
                    "AutoScalingGroups[0]",
                    names={"suspendedProcesses": "SuspendedProcesses.ProcessName"},
                ),
            ),
            Step(
                "PutWarmPool",
                takes=("warmPool",),
                request=_GROUP_NAME,
                names=_WARM_POOL,
                undo=Call("DeleteWarmPool", {**_GROUP_NAME, "ForceDelete": Const(value=True)}),
                read=Call("DescribeWarmPool", _GROUP_NAME, "WarmPoolConfiguration"),
            ),
            Step(
                "StartInstanceRefresh",
                takes=("instanceRefresh",),
                request=_GROUP_NAME,
                names={
                    "instanceRefresh.strategy": "Strategy",
                    "instanceRefresh.preferences": "Preferences",
                },
                due=refresh_due,
            ),
        ),
        updates=(
            Step("AttachLoadBalancerTargetGroups", takes=("targetGroupArns",), run=_group_targets),
            Step("CreateOrUpdateTags", takes=("tags",), run=_group_tags),
        ),
        read=Call(
            "DescribeAutoScalingGroups", _by_ids("AutoScalingGroupNames"), "AutoScalingGroups[0]"
        ),
        outputs={
            "arn": "AutoScalingGroupARN",
            "vpcZoneIdentifiers": lambda _, found: (
                [each for each in (found.get("VPCZoneIdentifier") or "").split(",") if each]
            ),
        },
        deleting=_drop_warm_pool,
        delete=(Call("DeleteAutoScalingGroup", {**_GROUP_NAME, "ForceDelete": Const(value=True)}),),
    ),
    Row(
        "aws:autoscaling/lifecycleHook:LifecycleHook",
        service="autoscaling",
        noun="LifecycleHook",
        create=Step("PutLifecycleHook"),
        id="name",
        name=Name(),
        replaces=("name", "autoscalingGroupName"),
        overwrites=True,
        read=Call(
            "DescribeLifecycleHooks",
            {**_GROUP_PART, "LifecycleHookNames": lambda state: [state["name"]]},
            "LifecycleHooks[0]",
        ),
        gone=(_GROUP_GONE,),
        delete=(Call("DeleteLifecycleHook", {**_GROUP_PART, "LifecycleHookName": "name"}),),
    ),
    Row(
        "aws:autoscaling/policy:Policy",
        service="autoscaling",
        noun="Policy",
        create=Step(
            "PutScalingPolicy",
            names={
                "predictiveScalingConfiguration.metricSpecification": "MetricSpecifications",
                f"{_TRACKING}.metricDimensions": "Dimensions",
            },
        ),
        id="name",
        name=Name(),
        replaces=("name", "autoscalingGroupName"),
        overwrites=True,
        read=Call(
            "DescribePolicies",
            {**_GROUP_PART, "PolicyNames": lambda state: [state["name"]]},
            "ScalingPolicies[0]",
        ),
        gone=(_GROUP_GONE,),
        outputs={"arn": "PolicyARN"},
        delete=(Call("DeletePolicy", {**_GROUP_PART, "PolicyName": "name"}),),
    ),
    Row(
        "aws:autoscaling/schedule:Schedule",
        service="autoscaling",
        create=Step("PutScheduledUpdateGroupAction"),
        id="scheduledActionName",
        name=Name(property="scheduledActionName", always=False),
        replaces=("scheduledActionName", "autoscalingGroupName"),
        overwrites=True,
        # -1 keeps the group's value (the resource's documentation), so it is not sent.
        values=dict.fromkeys(
            ("minSize", "maxSize", "desiredCapacity"), lambda size: None if size == -1 else size
        ),
        read=Call(
            "DescribeScheduledActions",
            {**_GROUP_PART, "ScheduledActionNames": lambda state: [state["scheduledActionName"]]},
            "ScheduledUpdateGroupActions[0]",
        ),
        gone=(_GROUP_GONE,),
        outputs={"arn": "ScheduledActionARN"},
        delete=(
            Call(
                "DeleteScheduledAction",
                {**_GROUP_PART, "ScheduledActionName": "scheduledActionName"},
            ),
        ),
    ),
    # Alarms and logs.
    Row(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        noun="Alarm",
        create=Step(
            "PutMetricAlarm",
            names={f"metricQueries{path}": place for path, place in _METRIC.items()},
        ),
        id="name",
        name=Name(),
        replaces=("name",),
        overwrites=True,
        tagging=_ALARM_TAGS,
        read=Call(
            "DescribeAlarms",
            {"AlarmNames": lambda state: [state["id"]], "AlarmTypes": Const(["MetricAlarm"])},
            "MetricAlarms[0]",
        ),
        outputs={"arn": "AlarmArn"},
        delete=(Call("DeleteAlarms", _by_ids("AlarmNames")),),
    ),
    Row(
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        service="cloudwatch",
        noun="Alarm",
        create=Step(
            "PutCompositeAlarm",
            names={
                "okActions": "OKActions",
                "actionsSuppressor.alarm": "ActionsSuppressor",
                "actionsSuppressor.waitPeriod": "ActionsSuppressorWaitPeriod",
                "actionsSuppressor.extensionPeriod": "ActionsSuppressorExtensionPeriod",
            },
        ),
        id="alarmName",
        name=Name(property="alarmName"),
        replaces=("alarmName",),
        overwrites=True,
        tagging=_ALARM_TAGS,
        read=Call(
            "DescribeAlarms",
            {"AlarmNames": lambda state: [state["id"]], "AlarmTypes": Const(["CompositeAlarm"])},
            "CompositeAlarms[0]",
        ),
        outputs={"arn": "AlarmArn"},
        delete=(Call("DeleteAlarms", _by_ids("AlarmNames")),),
    ),
    Row(
        "aws:cloudwatch/dashboard:Dashboard",
        service="cloudwatch",
        noun="Dashboard",
        create=Step("PutDashboard"),
        id="dashboardName",
        name=Name(property="dashboardName"),
        replaces=("dashboardName",),
        overwrites=True,
        read=Call("GetDashboard", {"DashboardName": "dashboardName"}),
        gone=("ResourceNotFound", "DashboardNotFoundError"),
        outputs={"dashboardArn": "DashboardArn"},
        delete=(Call("DeleteDashboards", _by_ids("DashboardNames")),),
    ),
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
    Row(
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        service="logs",
        create=Step("PutResourcePolicy"),
        id="policyName",
        name=Name(property="policyName"),
        replaces=("policyName", "resourceArn"),
        overwrites=True,
        read=Call("DescribeResourcePolicies", {}, "resourcePolicies[policyName=policyName]"),
        gone=("ResourceNotFoundException",),
        delete=(Call("DeleteResourcePolicy", {"policyName": "policyName"}),),
    ),
    Row(
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        service="logs",
        create=Step("PutQueryDefinition", update_request={"queryDefinitionId": "id"}),
        id=">queryDefinitionId",
        name=Name(),
        read=Call(
            "DescribeQueryDefinitions",
            {"queryDefinitionNamePrefix": "name"},
            "queryDefinitions[queryDefinitionId=id]",
        ),
        gone=("ResourceNotFoundException",),
        outputs={"queryDefinitionId": _given("id")},
        delete=(Call("DeleteQueryDefinition", {"queryDefinitionId": "id"}),),
    ),
    Row(
        "aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        noun="logGroup",
        create=Step("CreateLogGroup", update="-"),
        id="name",
        name=Name(limit=512),
        replaces=("name", "logGroupClass"),
        local=("skipDestroy",),
        steps=(
            Step(
                "PutRetentionPolicy",
                takes=("retentionInDays",),
                request={"logGroupName": "id"},
                only=lambda state: bool(state.get("retentionInDays")),
                undo=Call("DeleteRetentionPolicy", {"logGroupName": "id"}),
            ),
        ),
        updates=(
            Step(
                "AssociateKmsKey",
                takes=("kmsKeyId",),
                request={"logGroupName": "id"},
                undo=Call("DisassociateKmsKey", {"logGroupName": "id"}),
            ),
        ),
        tagging=_LOGS_TAGS,
        read=Call("DescribeLogGroups", {"logGroupNamePrefix": "id"}, "logGroups[logGroupName=id]"),
        outputs={"arn": lambda _, found: str(found["arn"]).removesuffix(":*")},
        delete=(Call("DeleteLogGroup", {"logGroupName": "id"}),),
        gone=("ResourceNotFoundException",),
    ),
    Row(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        service="logs",
        noun="filter",
        create=Step(
            "PutMetricFilter",
            names={
                "metricTransformation.name": "metricName",
                "metricTransformation.namespace": "metricNamespace",
                "metricTransformation.value": "metricValue",
            },
        ),
        id="name",
        name=Name(limit=512),
        replaces=("name", "logGroupName"),
        overwrites=True,
        read=Call(
            "DescribeMetricFilters",
            {"logGroupName": "logGroupName", "filterNamePrefix": "name"},
            "metricFilters[filterName=name]",
        ),
        gone=("ResourceNotFoundException",),
        delete=(
            Call("DeleteMetricFilter", {"logGroupName": "logGroupName", "filterName": "name"}),
        ),
    ),
    Row(
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        service="logs",
        create=Step("PutQueryDefinition", update_request={"queryDefinitionId": "id"}),
        id=">queryDefinitionId",
        name=Name(always=False),
        overwrites=True,
        read=Call(
            "DescribeQueryDefinitions",
            {"queryDefinitionNamePrefix": "name"},
            "queryDefinitions[queryDefinitionId=id]",
        ),
        gone=("ResourceNotFoundException",),
        outputs={"queryDefinitionId": "queryDefinitionId"},
        delete=(Call("DeleteQueryDefinition", {"queryDefinitionId": "id"}),),
    ),
    # Databases.
    Row(
        "aws:rds/instance:Instance",
        service="rds",
        noun="DBInstance",
        create=Step(
            "CreateDBInstance",
            names=_DATABASE,
            update="ModifyDBInstance",
            update_request={
                "DBInstanceIdentifier": "identifier",
                "ApplyImmediately": lambda state: bool(state.get("applyImmediately")),
            },
            update_names={"port": "DBPortNumber"},
        ),
        variants=(
            (
                lambda inputs: bool(inputs.get("replicateSourceDb")),
                Step(
                    "CreateDBInstanceReadReplica",
                    # A replica in the same Region is encrypted as its source is.
                    names={
                        **_DATABASE,
                        "replicateSourceDb": "SourceDBInstanceIdentifier",
                        "storageEncrypted": "-",
                    },
                    update="ModifyDBInstance",
                    update_request={
                        "DBInstanceIdentifier": "identifier",
                        "ApplyImmediately": lambda state: bool(state.get("applyImmediately")),
                    },
                    update_names={"port": "DBPortNumber"},
                ),
            ),
        ),
        id=">DBInstance.DbiResourceId",
        name=Name(property="identifier", limit=63, lower=True),
        # Terraform renames in place, and makes a replica a database of its own.
        replaces=(
            "identifier",
            "replicateSourceDb",
            "availabilityZone",
            "characterSetName",
            "dbName",
            "engine",
            "kmsKeyId",
            "storageEncrypted",
            "timezone",
            "username",
        ),
        local=(
            "applyImmediately",
            "deleteAutomatedBackups",
            "finalSnapshotIdentifier",
            "skipFinalSnapshot",
        ),
        updates=(
            Step("ModifyDBInstance", takes=("enabledCloudwatchLogsExports",), run=_database_logs),
        ),
        tagging=_RDS_TAGS,
        read=Call(
            "DescribeDBInstances",
            {"DBInstanceIdentifier": "identifier"},
            "DBInstances[0]",
            names={
                "parameterGroupName": "DBParameterGroups.DBParameterGroupName",
                "dbSubnetGroupName": "DBSubnetGroup.DBSubnetGroupName",
                "vpcSecurityGroupIds": "VpcSecurityGroups.VpcSecurityGroupId",
                "enabledCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
                "performanceInsightsEnabled": "PerformanceInsightsEnabled",
                "iamDatabaseAuthenticationEnabled": "IAMDatabaseAuthenticationEnabled",
                "replicateSourceDb": "ReadReplicaSourceDBInstanceIdentifier",
                "manageMasterUserPassword": "-",
                "password": "-",
                "port": "Endpoint.Port",
                "storageEncrypted": "StorageEncrypted",
            },
        ),
        gone=("DBInstanceNotFound", "DBInstanceNotFoundFault"),
        outputs={
            "arn": "DBInstanceArn",
            "address": "Endpoint.Address",
            "endpoint": _endpoint,
            "engineVersionActual": "EngineVersion",
            "masterUserSecrets": _master_secrets,
            "resourceId": "DbiResourceId",
        },
        delete=(
            Call(
                "DeleteDBInstance",
                {
                    "DBInstanceIdentifier": "identifier",
                    "SkipFinalSnapshot": lambda state: bool(
                        state.get("skipFinalSnapshot") or state.get("replicateSourceDb")
                    ),
                    "FinalDBSnapshotIdentifier": lambda state: (
                        None
                        if state.get("skipFinalSnapshot") or state.get("replicateSourceDb")
                        else state.get("finalSnapshotIdentifier")
                    ),
                    "DeleteAutomatedBackups": "deleteAutomatedBackups",
                },
            ),
        ),
    ),
    Row(
        "aws:rds/subnetGroup:SubnetGroup",
        service="rds",
        noun="DBSubnetGroup",
        create=Step(
            "CreateDBSubnetGroup",
            # Terraform's default; AWS wants one.
            request={"DBSubnetGroupDescription": Const("Managed by Pulumi")},
            update="ModifyDBSubnetGroup",
            update_request={"DBSubnetGroupName": "id"},
        ),
        id="name",
        name=Name(lower=True),
        replaces=("name",),
        tagging=_RDS_TAGS,
        read=Call(
            "DescribeDBSubnetGroups",
            {"DBSubnetGroupName": "id"},
            "DBSubnetGroups[0]",
            names={"subnetIds": "Subnets.SubnetIdentifier"},
        ),
        gone=("DBSubnetGroupNotFoundFault",),
        outputs={"arn": "DBSubnetGroupArn", "vpcId": "VpcId"},
        updated=_keep_subnet_group,
        delete=(Call("DeleteDBSubnetGroup", {"DBSubnetGroupName": "id"}),),
    ),
    Row(
        "aws:rds/parameterGroup:ParameterGroup",
        service="rds",
        noun="DBParameterGroup",
        create=Step(
            "CreateDBParameterGroup",
            # Terraform's default; AWS wants one.
            request={"Description": Const("Managed by Pulumi")},
            update="-",
        ),
        id="name",
        name=Name(lower=True),
        replaces=("name", "family", "description"),
        local=("skipDestroy",),
        steps=(
            Step(
                "ModifyDBParameterGroup",
                takes=("parameters",),
                request={"DBParameterGroupName": "id"},
                names={"parameters.name": "ParameterName", "parameters.value": "ParameterValue"},
                run=_parameters,
                read=Call(
                    "DescribeDBParameters",
                    {"DBParameterGroupName": "id", "Source": Const("user")},
                ),
            ),
        ),
        tagging=_RDS_TAGS,
        read=Call(
            "DescribeDBParameterGroups", {"DBParameterGroupName": "id"}, "DBParameterGroups[0]"
        ),
        gone=("DBParameterGroupNotFound", "DBParameterGroupNotFoundFault"),
        outputs={"arn": "DBParameterGroupArn"},
        delete=(Call("DeleteDBParameterGroup", {"DBParameterGroupName": "id"}),),
    ),
    Row(
        "aws:rds/proxy:Proxy",
        service="rds",
        noun="DBProxy",
        create=Step(
            "CreateDBProxy",
            update="ModifyDBProxy",
            update_request={"DBProxyName": "id"},
            update_names={"vpcSecurityGroupIds": "SecurityGroups"},
        ),
        id="name",
        name=Name(limit=63),
        replaces=("name", "engineFamily", "vpcSubnetIds"),
        tagging=_RDS_TAGS,
        read=Call("DescribeDBProxies", {"DBProxyName": "id"}, "DBProxies[0]"),
        gone=("DBProxyNotFoundFault",),
        outputs={"arn": "DBProxyArn", "endpoint": "Endpoint"},
        delete=(Call("DeleteDBProxy", {"DBProxyName": "id"}),),
    ),
    Row(
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
        service="rds",
        create=Step("ModifyDBProxyTargetGroup", request={"TargetGroupName": Const("default")}),
        id="dbProxyName",
        replaces=("dbProxyName",),
        overwrites=True,
        read=Call("DescribeDBProxyTargetGroups", {"DBProxyName": "dbProxyName"}, "TargetGroups[0]"),
        gone=("DBProxyNotFoundFault",),
        outputs={"arn": "TargetGroupArn", "name": "TargetGroupName"},
    ),
    Row(
        "aws:rds/proxyTarget:ProxyTarget",
        service="rds",
        create=Step("RegisterDBProxyTargets", update="-"),
        id=lambda state: "/".join(
            (
                state["dbProxyName"],
                state["targetGroupName"],
                "RDS_INSTANCE",
                state["dbInstanceIdentifier"],
            )
        ),
        replaces=("dbProxyName", "targetGroupName", "dbInstanceIdentifier"),
        read=Call(
            "DescribeDBProxyTargets",
            {"DBProxyName": "dbProxyName", "TargetGroupName": "targetGroupName"},
            "Targets[RdsResourceId=dbInstanceIdentifier]",
            names={"dbInstanceIdentifier": "RdsResourceId"},
        ),
        gone=("DBProxyNotFoundFault", "DBProxyTargetNotFoundFault"),
        outputs={"endpoint": "Endpoint", "port": "Port", "rdsResourceId": "RdsResourceId"},
        delete=(
            Call(
                "DeregisterDBProxyTargets",
                {
                    "DBProxyName": "dbProxyName",
                    "TargetGroupName": "targetGroupName",
                    "DBInstanceIdentifiers": lambda state: [state["dbInstanceIdentifier"]],
                },
            ),
        ),
    ),
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
    # Web ACLs.
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
    # Money.
    Row(
        "aws:budgets/budget:Budget",
        service="budgets",
        create=Step(
            "CreateBudget",
            names={
                **{name: f"Budget.{place}" for name, place in _BUDGET_LIMIT.items()},
                "notifications": "NotificationsWithSubscribers",
            },
            update="UpdateBudget",
            update_names={
                **{name: f"NewBudget.{place}" for name, place in _BUDGET_LIMIT.items()},
                "notifications": "-",
            },
        ),
        id=lambda state: f"{state['accountId']}:{state['name']}",
        name=Name(limit=100),
        replaces=("name", "accountId"),
        values={"notifications": lambda listed: [_notified(each) for each in listed]},
        updates=(Step("CreateNotification", takes=("notifications",), run=_budget_notifications),),
        read=Call(
            "DescribeBudget",
            {"AccountId": "accountId", "BudgetName": "name"},
            "Budget",
            names={"accountId": "-", **_BUDGET_LIMIT},
        ),
        gone=("NotFoundException",),
        outputs={
            "arn": lambda context, _: (
                f"arn:{context.partition}:budgets::{context.state['accountId']}:budget/"
                f"{context.state['name']}"
            )
        },
        delete=(Call("DeleteBudget", {"AccountId": "accountId", "BudgetName": "name"}),),
    ),
    # Runbooks.
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
    # Keys and notifications.
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
        outputs={"arn": _given("id"), "owner": "Owner"},
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
            "arn": _given("id"),
            "pendingConfirmation": lambda _, found: found.get("PendingConfirmation") == "true",
            "ownerId": "Owner",
        },
        delete=(Call("Unsubscribe", {"SubscriptionArn": "id"}),),
    ),
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
        outputs={"arn": "QueueArn", "url": _given("id")},
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
    Row(
        "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration",
        service="chatbot",
        create=Step(
            "CreateSlackChannelConfiguration",
            update="UpdateSlackChannelConfiguration",
            update_request={"ChatConfigurationArn": "chatConfigurationArn"},
        ),
        id=">ChannelConfiguration.ChatConfigurationArn",
        name=Name(property="configurationName", limit=128),
        replaces=("configurationName", "slackTeamId"),
        tagging=_CHATBOT_TAGS,
        read=Call(
            "DescribeSlackChannelConfigurations",
            {"ChatConfigurationArn": "id"},
            "SlackChannelConfigurations[0]",
        ),
        gone=("ResourceNotFoundException",),
        outputs={"chatConfigurationArn": "ChatConfigurationArn"},
        delete=(Call("DeleteSlackChannelConfiguration", {"ChatConfigurationArn": "id"}),),
    ),
)

ROWS: Mapping[str, Row] = {row.token: row for row in _TABLE}
"""The table, by the engine's type token."""
