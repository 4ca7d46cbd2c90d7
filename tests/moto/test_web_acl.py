import pytest

from surgeproof.components import LoadBalancer, WebAcl
from tests.moto.standing import Standing, aws

__all__ = ["aws"]

TOPIC = "arn:aws:sns:eu-central-1:123456789012:ticket"


class TestWebAcl(Standing):
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

    @staticmethod
    def program():
        balancer = LoadBalancer(
            "web",
            {
                "vpc_id": TestWebAcl.vpc,
                "subnet_ids": TestWebAcl.subnets,
                "target_port": 8080,
                "health_check_path": "/health",
                "plain_http": True,
                "waf_fail_open": True,
            },
        )
        WebAcl(
            "web",
            {
                "load_balancer_arn": balancer.arn,
                "ticket_topic_arn": TOPIC,
                "rate_limit": 500,
                "tags": {"team": "web"},
            },
        )

    @pytest.fixture
    def balancer(self, aws):
        (found,) = aws("elbv2").describe_load_balancers()["LoadBalancers"]
        return found["LoadBalancerArn"]

    @pytest.fixture
    def acl(self, aws, balancer):
        return aws("wafv2").get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]

    def test_it_stands_before_the_load_balancer(self, acl):
        assert acl["Name"] == "surgeproof-test-web"
        assert acl["DefaultAction"] == {"Allow": {}}
        assert [rule["Name"] for rule in acl["Rules"]] == [
            "rate",
            "ip-reputation",
            "known-bad-inputs",
            "common",
        ]

    def test_a_client_that_asks_too_often_is_counted(self, acl):
        (rule,) = (each for each in acl["Rules"] if each["Name"] == "rate")

        assert rule["Action"] == {"Count": {}}
        assert rule["Statement"]["RateBasedStatement"] == {
            "Limit": 500,
            "EvaluationWindowSec": 300,
            "AggregateKeyType": "IP",
        }

    def test_the_load_balancer_serves_when_it_cannot_be_asked(self, aws, balancer):
        attributes = aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer)

        said = {each["Key"]: each["Value"] for each in attributes["Attributes"]}
        assert said["waf.fail_open.enabled"] == "true"

    def test_it_writes_to_its_log_group_without_secrets(self, acl, aws):
        found = aws("wafv2").get_logging_configuration(ResourceArn=acl["ARN"])
        (group,) = aws("logs").describe_log_groups()["logGroups"]

        said = found["LoggingConfiguration"]
        assert group["logGroupName"] == "aws-waf-logs-surgeproof-test-web"
        assert said["LogDestinationConfigs"] == [group["arn"].removesuffix(":*")]
        assert said["RedactedFields"] == [
            {"SingleHeader": {"Name": "authorization"}},
            {"SingleHeader": {"Name": "cookie"}},
        ]
        assert said["LoggingFilter"]["DefaultBehavior"] == "DROP"

    def test_it_is_tagged(self, acl, aws):
        found = aws("wafv2").list_tags_for_resource(ResourceARN=acl["ARN"])

        tags = {each["Key"]: each["Value"] for each in found["TagInfoForResource"]["TagList"]}
        assert tags == {"Name": "surgeproof-test-web", "team": "web"}
