"""Changes of databases, web ACLs, secrets and budgets on moto."""

import json

import pytest

from surgeproof.emulator.requests import java_pattern
from surgeproof.settings.aws_limits import DATABASE, PARAMETERS, WEB_ACL, windows_conflict
from tests.emulator.test_changes import LOGS, Account, account

__all__ = ["account"]

SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type's name
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
QUERY = "aws:cloudwatch/queryDefinition:QueryDefinition"
BUDGET = "aws:budgets/budget:Budget"
ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:ticket"
SEEN = {"cloudwatchMetricsEnabled": True, "metricName": "m", "sampledRequestsEnabled": True}
RATE = {
    "name": "rate",
    "priority": 0,
    "action": {"count": {}},
    "statement": {"rateBasedStatement": {"limit": 100, "aggregateKeyType": "IP"}},
    "visibilityConfig": SEEN,
}


def database(account: Account, **more):
    return account.create(
        DATABASE,
        {
            "identifier": "shop",
            "instanceClass": "db.m7g.large",
            "engine": "postgres",
            "allocatedStorage": 100,
            "username": "postgres",
            "password": "correct-horse",
            "skipFinalSnapshot": True,
            "enabledCloudwatchLogsExports": ["postgresql"],
            **more,
        },
    )


def found(account: Account):
    (instance,) = account.client("rds").describe_db_instances(DBInstanceIdentifier="shop")[
        "DBInstances"
    ]
    return instance


def test_a_database_changes_in_place(account):
    made = database(account)

    made.update(
        allocatedStorage=200,
        instanceClass="db.m7g.xlarge",
        enabledCloudwatchLogsExports=["postgresql", "upgrade"],
        tags={"a": "b"},
    )

    now = found(account)
    assert (now["AllocatedStorage"], now["DBInstanceClass"]) == (200, "db.m7g.xlarge")
    assert sorted(now["EnabledCloudwatchLogsExports"]) == ["postgresql", "upgrade"]
    assert now["TagList"] == [{"Key": "a", "Value": "b"}]


def test_a_log_that_is_no_longer_wanted_is_turned_off(account):
    made = database(account, enabledCloudwatchLogsExports=["postgresql", "upgrade"])

    made.update(enabledCloudwatchLogsExports=["upgrade"])

    assert found(account)["EnabledCloudwatchLogsExports"] == ["upgrade"]


@pytest.mark.parametrize(
    "change",
    [{"username": "other"}, {"storageEncrypted": True}, {"dbName": "other"}, {"engine": "mysql"}],
    ids=lambda change: next(iter(change)),
)
def test_what_a_database_is_made_from_replaces_it(account, change):
    assert database(account).diff(**change).replaces == tuple(change)


def test_a_replica_is_made_of_its_source(account):
    database(account, backupRetentionPeriod=7)

    account.create(
        DATABASE,
        {
            "identifier": "reader",
            "replicateSourceDb": "shop",
            "instanceClass": "db.m7g.large",
            "skipFinalSnapshot": True,
        },
    )

    assert found(account)["ReadReplicaDBInstanceIdentifiers"] == ["reader"]


def test_parameters_are_set_and_told_apart_from_those_that_the_endpoint_cannot_reset(account):
    made = account.create(
        PARAMETERS,
        {
            "name": "shop",
            "family": "postgres17",
            "parameters": [{"name": "log_lock_waits", "value": "1"}],
        },
    )

    made.update(parameters=[{"name": "work_mem", "value": "8192", "applyMethod": "immediate"}])

    listed = account.client("rds").describe_db_parameters(DBParameterGroupName="shop")
    said = {each["ParameterName"]: each["ParameterValue"] for each in listed["Parameters"]}
    assert said["work_mem"] == "8192"
    assert "ResetDBParameterGroup" in made.outputs["__recordedOnly"]


def test_more_than_twenty_parameters_take_several_calls(account):
    asked = []
    account.resources.calls.on_request = lambda _, operation, params: asked.append(
        (operation, params)
    )

    account.create(
        PARAMETERS,
        {
            "name": "shop",
            "family": "postgres17",
            "parameters": [{"name": f"my.setting_{n}", "value": str(n)} for n in range(45)],
        },
    )

    sizes = [len(params["Parameters"]) for name, params in asked if name.startswith("Modify")]
    assert sizes == [20, 20, 5]


def test_a_subnet_group_moves_to_other_subnets_and_is_still_there(account):
    one, other = account.subnets(account.vpc())
    made = account.create(SUBNETS, {"name": "shop", "subnetIds": [one, other]})

    made.update(subnetIds=[other])

    (group,) = account.client("rds").describe_db_subnet_groups()["DBSubnetGroups"]
    assert [each["SubnetIdentifier"] for each in group["Subnets"]] == [other]


def test_a_web_acl_changes_twice_in_place(account):
    """Each change must show the token of the one before."""
    made = account.create(
        WEB_ACL,
        {
            "name": "shop",
            "scope": "REGIONAL",
            "defaultAction": {"allow": {}},
            "rules": [RATE],
            "visibilityConfig": SEEN,
        },
    )

    made.update(rules=[{**RATE, "action": {"block": {}}}])
    made.update(rules=[{**RATE, "name": "faster"}])

    acl = account.client("wafv2").get_web_acl(Name="shop", Scope="REGIONAL", Id=made.ident)
    assert [rule["Name"] for rule in acl["WebACL"]["Rules"]] == ["faster"]
    made.account.resources.delete(WEB_ACL, made.ident, made.inputs, made.outputs)
    assert account.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"] == []


def test_a_secret_has_its_value_and_goes_at_once_where_it_may(account):
    secret = account.create(SECRET, {"name": "shop", "recoveryWindowInDays": 0})
    version = account.create(VERSION, {"secretId": secret.ident, "secretString": "hunter2"})

    client = account.client("secretsmanager")
    assert client.get_secret_value(SecretId="shop")["SecretString"] == "hunter2"
    assert version.diff(secretString="other").replaces == ("secretString",)
    account.resources.delete(SECRET, secret.ident, secret.inputs, secret.outputs)
    assert client.list_secrets()["SecretList"] == []


def test_a_metric_filter_changes_in_place(account):
    account.create(LOGS, {"name": "shop"})
    made = account.create(
        FILTER,
        {
            "name": "slow",
            "logGroupName": "shop",
            "pattern": "duration",
            "metricTransformation": {"name": "Slow", "namespace": "Shop", "value": "1"},
        },
    )

    made.update(pattern="ERROR")

    # moto keeps the former one beside it.
    *_, now = account.client("logs").describe_metric_filters()["metricFilters"]
    assert now["filterPattern"] == "ERROR"


def test_a_saved_query_is_recorded_since_the_endpoint_saves_none(account):
    made = account.create(QUERY, {"name": "shop/slow", "queryString": "fields @message"})

    assert made.ident == "recorded-only/shop/slow"
    assert "PutQueryDefinition" in made.outputs["__recordedOnly"]


def notification(percent):
    return {
        "notificationType": "ACTUAL",
        "comparisonOperator": "GREATER_THAN",
        "threshold": percent,
        "thresholdType": "PERCENTAGE",
        "subscriberSnsTopicArns": [TOPIC],
    }


def test_a_budgets_notifications_change_in_place(account):
    made = account.create(
        BUDGET,
        {
            "name": "shop",
            "accountId": ACCOUNT,
            "budgetType": "COST",
            "timeUnit": "MONTHLY",
            "limitAmount": "100",
            "limitUnit": "USD",
            "notifications": [notification(80), notification(100)],
        },
    )

    made.update(notifications=[notification(100), notification(120)])

    told = account.client("budgets").describe_notifications_for_budget(
        AccountId=ACCOUNT, BudgetName="shop"
    )["Notifications"]
    assert [each["Threshold"] for each in told] == [100, 120]


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"backupWindow": "01:00-02:00", "maintenanceWindow": "sun:01:30-sun:03:00"},
         "maintenanceWindow"),
        ({"maxAllocatedStorage": 105}, "maxAllocatedStorage"),
        ({"manageMasterUserPassword": True}, "password"),
        ({"monitoringRoleArn": f"arn:aws:iam::{ACCOUNT}:role/m"}, "monitoringInterval"),
        ({"skipFinalSnapshot": False}, "finalSnapshotIdentifier"),
        ({"performanceInsightsRetentionPeriod": 30}, "performanceInsightsRetentionPeriod"),
        ({"identifier": "shop--web"}, "identifier"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_a_database_that_aws_would_refuse_is_refused(account, inputs, path):
    made = database(account)

    _, failures = account.resources.check(DATABASE, "x", None, {**made.inputs, **inputs}, b"")

    assert [failure.property for failure in failures] == [path]


@pytest.mark.parametrize(
    ("backup", "maintenance", "meet"),
    [
        ("01:00-02:00", "sun:02:00-sun:03:00", False),
        ("01:00-02:00", "sun:00:30-sun:01:30", True),
        ("23:30-00:30", "mon:00:00-mon:01:00", True),
        ("03:00-04:00", "sat:20:00-sun:04:00", True),
        ("03:00-04:00", "soon", False),
    ],
)
def test_a_backup_must_not_meet_the_maintenance(backup, maintenance, meet):
    assert windows_conflict(backup, maintenance) is meet


def test_two_default_actions_of_a_web_acl_are_refused(account):
    inputs = {
        "name": "shop",
        "scope": "REGIONAL",
        "defaultAction": {"allow": {}, "block": {}},
        "visibilityConfig": SEEN,
    }

    _, failures = account.resources.check(WEB_ACL, "x", None, inputs, b"")

    assert [failure.reason for failure in failures] == [
        f"defaultAction must be one action, got {inputs['defaultAction']}"
    ]


def test_a_flag_in_the_middle_of_a_java_pattern_holds_until_its_group_ends():
    pattern = java_pattern("(?!a|(?i)b)[a-zA-Z]+", whole=False)

    assert [text for text in ("Ax", "ax", "bx", "Bx", "cx") if pattern.fullmatch(text)] == [
        "Ax",
        "cx",
    ]


def test_a_map_without_entries_is_a_list_without_entries(account):
    made = account.create(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "name": "slow",
            "namespace": "Shop",
            "metricName": "Slow",
            "dimensions": {},
            "statistic": "Sum",
            "period": 60,
            "evaluationPeriods": 1,
            "threshold": 1,
            "comparisonOperator": "GreaterThanThreshold",
        },
    )

    (alarm,) = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["Dimensions"] == []
    assert json.dumps(made.inputs["dimensions"]) == "{}"
