import json

import pytest

from surgeproof.components import Database
from tests.moto.standing import Standing, aws

__all__ = ["aws"]

TOPICS = {
    "page_topic_arn": "arn:aws:sns:eu-central-1:123456789012:page",
    "ticket_topic_arn": "arn:aws:sns:eu-central-1:123456789012:ticket",
}


class Network(Standing):
    """A VPC with two subnets, in which a database stands."""

    @classmethod
    def prepare(cls, aws):
        ec2 = aws("ec2")
        cls.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        cls.subnets = [
            ec2.create_subnet(
                VpcId=cls.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate(("eu-central-1a", "eu-central-1b"))
        ]

    @classmethod
    def args(cls, **more):
        return {"vpc_id": cls.vpc, "subnet_ids": cls.subnets, **TOPICS, **more}


class TestBehindAProxy(Network):
    @staticmethod
    def program():
        args = TestBehindAProxy.args(proxy=True, tags={"team": "web"})
        Database("web", args)

    @pytest.fixture
    def instance(self, aws):
        (found,) = aws("rds").describe_db_instances()["DBInstances"]
        return found

    def test_it_is_encrypted_kept_twice_and_protected(self, instance):
        assert instance["DBInstanceIdentifier"] == "surgeproof-test-web"
        assert instance["Engine"] == "postgres"
        assert instance["StorageEncrypted"] is True
        assert instance["MultiAZ"] is True
        assert instance["DeletionProtection"] is True
        assert instance["PubliclyAccessible"] is False
        assert instance["BackupRetentionPeriod"] == 14
        assert instance["MonitoringInterval"] == 60
        assert instance["EnabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
        assert {"Key": "team", "Value": "web"} in instance["TagList"]

    def test_its_password_is_made_by_rds_and_lies_in_a_secret(self, instance, aws):
        arn = instance["MasterUserSecret"]["SecretArn"]

        secret = json.loads(aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
        assert set(secret) == {"username", "password"}
        assert instance["MasterUsername"] == "service_owner"

    def test_its_parameters_are_set(self, instance, aws):
        (group,) = instance["DBParameterGroups"]
        found = aws("rds").describe_db_parameters(
            DBParameterGroupName=group["DBParameterGroupName"], Source="user"
        )["Parameters"]

        said = {each["ParameterName"]: each["ParameterValue"] for each in found}
        assert group["DBParameterGroupName"] == "surgeproof-test-web-postgres17"
        assert said["max_connections"] == "901"
        assert said["rds.force_ssl"] == "1"
        assert said["shared_preload_libraries"] == "pg_stat_statements,auto_explain"

    def test_the_proxy_knows_the_database(self, aws):
        (proxy,) = aws("rds").describe_db_proxies()["DBProxies"]
        (target,) = aws("rds").describe_db_proxy_targets(DBProxyName=proxy["DBProxyName"])[
            "Targets"
        ]
        (pool,) = aws("rds").describe_db_proxy_target_groups(DBProxyName=proxy["DBProxyName"])[
            "TargetGroups"
        ]

        assert proxy["RequireTLS"] is True
        assert target["RdsResourceId"] == "surgeproof-test-web"
        assert pool["ConnectionPoolConfig"]["MaxConnectionsPercent"] == 80

    def test_only_the_proxy_may_connect(self, instance, aws):
        (group,) = instance["VpcSecurityGroups"]
        rules = aws("ec2").describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [group["VpcSecurityGroupId"]]}]
        )["SecurityGroupRules"]
        (proxy,) = aws("rds").describe_db_proxies()["DBProxies"]

        (rule,) = rules
        assert (rule["IsEgress"], rule["FromPort"], rule["ToPort"]) == (False, 5432, 5432)
        assert rule["ReferencedGroupInfo"]["GroupId"] in proxy["VpcSecurityGroupIds"]

    def test_its_logs_are_kept_for_a_while_and_slow_statements_counted(self, aws):
        groups = aws("logs").describe_log_groups()["logGroups"]
        (counted,) = aws("logs").describe_metric_filters()["metricFilters"]

        assert {each["logGroupName"]: each["retentionInDays"] for each in groups} == {
            "/aws/rds/instance/surgeproof-test-web/postgresql": 90,
            "/aws/rds/instance/surgeproof-test-web/upgrade": 90,
        }
        assert counted["logGroupName"] == "/aws/rds/instance/surgeproof-test-web/postgresql"
        assert counted["metricTransformations"][0]["metricName"] == "SlowQueries"

    def test_rds_may_publish_the_operating_systems_metrics(self, instance, aws):
        role = instance["MonitoringRoleArn"].rpartition("/")[2]

        (policy,) = aws("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        assert policy["PolicyName"] == "AmazonRDSEnhancedMonitoringRole"

    def test_each_alarm_is_about_this_database(self, aws):
        alarms = aws("cloudwatch").describe_alarms()["MetricAlarms"]

        about = {
            tuple((each["Name"], each["Value"]) for each in alarm["Dimensions"])
            for alarm in alarms
            if alarm["Namespace"] == "AWS/RDS"
        }
        assert len(alarms) == 11
        assert about == {(("DBInstanceIdentifier", "surgeproof-test-web"),)}


class TestWithAReplica(Network):
    @staticmethod
    def program():
        password = "correct-horse-battery"  # noqa: S105 - a test's
        Database("web", TestWithAReplica.args(replica_count=1, password=password))

    def test_the_replica_follows_its_source(self, aws):
        found = aws("rds").describe_db_instances()["DBInstances"]

        named = {each["DBInstanceIdentifier"]: each for each in found}
        replica = named["surgeproof-test-web-replica-1"]
        assert replica["ReadReplicaSourceDBInstanceIdentifier"] == "surgeproof-test-web"
        assert replica["StorageEncrypted"] is True
        assert replica["DBInstanceClass"] == "db.m7g.large"

    def test_its_lag_has_an_alarm(self, aws):
        (alarm,) = aws("cloudwatch").describe_alarms(
            AlarmNames=["surgeproof-test-web-replica-lag-1-warning"]
        )["MetricAlarms"]

        assert alarm["Dimensions"] == [
            {"Name": "DBInstanceIdentifier", "Value": "surgeproof-test-web-replica-1"}
        ]

    def test_the_password_lies_in_a_secret_of_the_stack(self, aws):
        found = aws("secretsmanager").get_secret_value(
            SecretId="surgeproof-test-web-database-master"
        )

        assert json.loads(found["SecretString"]) == {
            "username": "service_owner",
            "password": "correct-horse-battery",
        }
