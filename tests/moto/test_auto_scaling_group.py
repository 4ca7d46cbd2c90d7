import base64
import json

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from surgeproof.components import AutoScalingGroup, LoadBalancer, Network
from surgeproof.components.rules import architecture
from tests.moto.standing import Standing, aws

__all__ = ["aws"]

DB_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db/password-AbCdEf"


def auto_scaling_group(**args):
    network = Network("network", {})
    balancer = LoadBalancer(
        "web",
        {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.public_subnet_ids,
            "target_port": 8080,
            "health_check_path": "/health",
            "plain_http": True,
        },
    )
    AutoScalingGroup(
        "web",
        {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.private_subnet_ids,
            "target_group_arn": balancer.target_group_arn,
            "load_balancer_security_group_id": balancer.security_group_id,
            "max_size": 6,
            **args,
        },
    )


@pytest.fixture
def autoscaling(aws):
    return aws("autoscaling")


def group(autoscaling):
    (found,) = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    return found


def template(aws):
    (version,) = aws("ec2").describe_launch_template_versions(
        LaunchTemplateName="surgeproof-test-web", Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    return version["LaunchTemplateData"]


def security_group(aws, role):
    (found,) = aws("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [f"surgeproof-test-web-{role}"]}]
    )["SecurityGroups"]
    return found


def hooks(autoscaling):
    found = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName="surgeproof-test-web")
    return {each["LifecycleHookName"]: each for each in found["LifecycleHooks"]}


class TestDefaultGroup(Standing):
    @staticmethod
    def program():
        auto_scaling_group()

    def test_the_group_runs_its_minimum_behind_the_load_balancer(self, autoscaling, aws):
        found = group(autoscaling)
        (targets,) = aws("elbv2").describe_target_groups()["TargetGroups"]
        assert found["AutoScalingGroupName"] == "surgeproof-test-web"
        assert (found["MinSize"], found["DesiredCapacity"], found["MaxSize"]) == (2, 2, 6)
        assert found["TargetGroupARNs"] == [targets["TargetGroupArn"]]
        assert (found["HealthCheckType"], found["HealthCheckGracePeriod"]) == ("ELB", 180)
        assert len(found["VPCZoneIdentifier"].split(",")) == 2

    def test_the_group_names_its_templates_version(self, autoscaling):
        assert group(autoscaling)["LaunchTemplate"]["Version"] == "1"

    def test_group_metrics_are_collected_each_minute(self, autoscaling):
        metrics = group(autoscaling)["EnabledMetrics"]
        assert {each["Granularity"] for each in metrics} == {"1Minute"}
        assert {"GroupInServiceCapacity", "GroupMaxSize"} <= {each["Metric"] for each in metrics}

    def test_instances_are_secure_by_default(self, aws):
        data = template(aws)
        (volume,) = data["BlockDeviceMappings"]
        (interface,) = data["NetworkInterfaces"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert data["Monitoring"] == {"Enabled": True}
        assert (volume["Ebs"]["Encrypted"], volume["Ebs"]["VolumeType"]) == (True, "gp3")
        assert interface["AssociatePublicIpAddress"] is False
        assert interface["Groups"] == [security_group(aws, "instances")["GroupId"]]

    def test_requests_flow_from_the_load_balancer_to_the_instances_and_no_other_way(self, aws):
        balancer, instances = security_group(aws, "load-balancer"), security_group(aws, "instances")
        (out,) = balancer["IpPermissionsEgress"]
        (into,) = instances["IpPermissions"]
        (https,) = instances["IpPermissionsEgress"]
        assert (out["FromPort"], out["ToPort"]) == (8080, 8080)
        assert out["UserIdGroupPairs"][0]["GroupId"] == instances["GroupId"]
        assert (into["FromPort"], into["ToPort"], into["IpRanges"]) == (8080, 8080, [])
        assert into["UserIdGroupPairs"][0]["GroupId"] == balancer["GroupId"]
        assert (https["FromPort"], https["ToPort"]) == (443, 443)

    def test_the_template_carries_the_roles_profile(self, aws):
        profile = aws("iam").get_instance_profile(
            InstanceProfileName="surgeproof-test-web-instance"
        )
        assert template(aws)["IamInstanceProfile"]["Arn"] == profile["InstanceProfile"]["Arn"]
        assert [each["RoleName"] for each in profile["InstanceProfile"]["Roles"]] == [
            "surgeproof-test-web-instance"
        ]

    def test_termination_waits_for_the_application_to_stop(self, autoscaling):
        (hook,) = hooks(autoscaling).values()
        assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
        assert (hook["HeartbeatTimeout"], hook["DefaultResult"]) == (90, "CONTINUE")


class TestGroupWithEverything(Standing):
    @staticmethod
    def program():
        auto_scaling_group(
            instance_types=["m7i.large", "m6i.large"],
            application={"environment": {"GREETING": "hello"}, "secrets": {"DB_PASSWORD": DB_ARN}},
            warm_pool={"state": "Running", "min_size": 1, "reuse_on_scale_in": True},
            tags={"team": "web"},
        )

    def test_tags_are_passed_on_to_instances(self, autoscaling):
        tags = {each["Key"]: each for each in group(autoscaling)["Tags"]}
        assert tags["team"]["Value"] == "web"
        assert all(each["PropagateAtLaunch"] for each in tags.values())

    def test_the_image_is_amazon_linux_for_the_architecture(self, aws):
        parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
        image = aws("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
        assert template(aws)["ImageId"] == image

    def test_the_user_data_is_a_script(self, aws):
        user_data = base64.b64decode(template(aws)["UserData"]).decode()
        assert user_data.startswith("#!/bin/bash\n")
        assert "export GREETING=hello" in user_data

    def test_the_role_can_do_what_the_instances_need_and_no_more(self, aws):
        iam, role = aws("iam"), "surgeproof-test-web-instance"
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        inline = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
        (lifecycle,) = inline["lifecycle"]
        assert [each["PolicyName"] for each in attached] == ["AmazonSSMManagedInstanceCore"]
        assert set(inline) == {"lifecycle", "secrets"}
        assert inline["secrets"] == [
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": [DB_ARN]}
        ]
        assert lifecycle["Resource"].endswith(":autoScalingGroupName/surgeproof-test-web")
        assert json.dumps(inline).count("*") == 1

    def test_a_warm_pool_is_kept_and_waits_until_instances_are_ready(self, autoscaling):
        pool = autoscaling.describe_warm_pool(AutoScalingGroupName="surgeproof-test-web")
        settings = pool["WarmPoolConfiguration"]
        assert (settings["PoolState"], settings["MinSize"]) == ("Running", 1)
        assert settings["InstanceReusePolicy"] == {"ReuseOnScaleIn": True}
        assert hooks(autoscaling)["ready"]["DefaultResult"] == "ABANDON"

    def test_several_instance_types_make_a_mixed_group(self, autoscaling):
        policy = group(autoscaling)["MixedInstancesPolicy"]
        specification = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
        overrides = policy["LaunchTemplate"]["Overrides"]
        assert specification["Version"] == "1"
        assert [each["InstanceType"] for each in overrides] == ["m7i.large", "m6i.large"]
        assert policy["InstancesDistribution"]["OnDemandAllocationStrategy"] == "prioritized"


def test_the_architecture_of_every_instance_type_is_told_from_its_name():
    linux = {
        name: details["ProcessorInfo"]["SupportedArchitectures"]
        for name, details in INSTANCE_TYPES.items()
        if not name.startswith("mac")
    }

    wrong = {name for name, possible in linux.items() if architecture(name) not in possible}

    assert len(linux) > 1000
    assert wrong == set()
