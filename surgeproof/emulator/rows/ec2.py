"""EC2: the network, security groups and launch templates."""

import dataclasses
from collections.abc import Callable
from typing import Any

from surgeproof.emulator.rows.row import Call, Const, Context, Name, Row, State, Step, Tagging
from surgeproof.emulator.rows.sources import account, by_ids


def _ec2_arn(kind: str) -> Callable[[Context, Any], str]:
    def arn(context: Context, found: Any) -> str:
        owner = found.get("OwnerId") or account(context)
        ident = context.state["id"]
        return f"arn:{context.partition}:ec2:{context.region}:{owner}:{kind}/{ident}"

    return arn


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
            by_ids("SecurityGroupRuleIds"),
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
            Call(f"RevokeSecurityGroup{direction}", {**request, **by_ids("SecurityGroupRuleIds")}),
        ),
    )


ROWS = (
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
        read=Call("DescribeVpcs", by_ids("VpcIds"), "Vpcs[0]"),
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
        read=Call("DescribeSubnets", by_ids("SubnetIds"), "Subnets[0]"),
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
            by_ids("InternetGatewayIds"),
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
        read=Call("DescribeRouteTables", by_ids("RouteTableIds"), "RouteTables[0]"),
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
        read=Call("DescribeAddresses", by_ids("AllocationIds"), "Addresses[0]"),
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
            by_ids("NatGatewayIds"),
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
            by_ids("VpcEndpointIds"),
            "VpcEndpoints[0]",
            names={"securityGroupIds": "Groups.GroupId"},
        ),
        gone=("InvalidVpcEndpointId.NotFound",),
        is_gone=lambda found, _: found.get("State") in ("deleting", "deleted", "failed"),
        outputs={"arn": _ec2_arn("vpc-endpoint"), "state": "State", "ownerId": "OwnerId"},
        delete=(Call("DeleteVpcEndpoints", by_ids("VpcEndpointIds")),),
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
        read=Call("DescribeSecurityGroups", by_ids("GroupIds"), "SecurityGroups[0]"),
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
            by_ids("GroupIds"),
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
)
