"""RDS: databases, their groups, and proxies."""

from collections.abc import Mapping
from typing import Any

from surgeproof.emulator.requests import spell
from surgeproof.emulator.rows.row import Call, Const, Context, Name, Row, Step, Tagging


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


_RDS_TAGS = Tagging(
    tag="AddTagsToResource",
    untag="RemoveTagsFromResource",
    member="ResourceName",
    source="arn",
    read=Call("ListTagsForResource", {"ResourceName": "arn"}),
    read_member="TagList",
)


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


ROWS = (
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
)
