import base64
import json

import pulumi
import pytest

from surgeproof.components import ArgsError, AutoScalingGroup, AutoScalingGroupArgs
from surgeproof.components.rules import architecture as _architecture
from surgeproof.components.service.application import Hooks
from surgeproof.components.service.auto_scaling_group import _user_data
from surgeproof.components.service.auto_scaling_group_settings import settings_of
from tests.unit.recording import Recording, record

DB_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db/password-AbCdEf"
GOOD: AutoScalingGroupArgs = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "target_group_arn": "arn:aws:tg",
    "load_balancer_security_group_id": "sg-balancer",
    "max_size": 10,
}


def build(args: AutoScalingGroupArgs = GOOD) -> Recording:
    return record(lambda: AutoScalingGroup("web", args))


def test_defaults():
    settings = settings_of(GOOD)

    assert settings == {
        **GOOD,
        "min_size": 2,
        "instance_types": ["m7g.large"],
        "image": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        "root_device_name": "/dev/xvda",
        "application": {"port": 8080, "health_path": "/health", "stop_timeout_seconds": 30},
        "boot_time_seconds": 120,
        "default_instance_warmup_seconds": 120,
        "health_check_grace_period_seconds": 180,
        "volume_size_gib": 20,
        "instance_refresh_min_healthy_percent": 100,
        "instance_refresh_max_healthy_percent": 110,
        "extra_policy_arns": [],
        "keep_raised_minimum": False,
        "wait_for_capacity_minutes": 10,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vpc_id": None}, "vpc_id: must be given, got nothing"),
        ({"target_group_arn": None}, "target_group_arn: must be given, got nothing"),
        (
            {"subnet_ids": ["subnet-1"]},
            "subnet_ids: must be at least two subnets, in different zones, got a list of 1",
        ),
        ({"max_size": None}, "max_size: must be a whole number of at least 1, got nothing"),
        ({"max_size": 0}, "max_size: must be a whole number of at least 1, got 0"),
        ({"min_size": 0}, "min_size: must be a whole number of at least 1, got 0"),
        ({"min_size": 11}, "min_size: must be at most max_size (10), got 11"),
        (
            {"instance_types": ["large"]},
            (
                "instance_types[0]: must be an instance type that runs Linux, such as m7g.large, "
                "got 'large'"
            ),
        ),
        (
            {"instance_types": ["m7g.large", "m7g.large"]},
            (
                "instance_types: must be a list of at least one instance type, each only once, got "
                "a list of 2"
            ),
        ),
        (
            {"instance_types": ["m7g.large", "m7i.large"]},
            (
                "instance_types: must all be of one processor architecture, "
                "got 'm7g.large, m7i.large'"
            ),
        ),
        (
            {"image": "al2023"},
            "image: must be an image id (ami-...) or a parameter's path (/...), got 'al2023'",
        ),
        (
            {"application": {"port": 0}},
            "application.port: must be a whole number from 1 to 65535, got 0",
        ),
        (
            {"boot_time_seconds": 0},
            "boot_time_seconds: must be a whole number from 1 to 3600, got 0",
        ),
        (
            {"default_instance_warmup_seconds": 60},
            "default_instance_warmup_seconds: must be at least boot_time_seconds (120), got 60",
        ),
        (
            {"health_check_grace_period_seconds": 60},
            "health_check_grace_period_seconds: must be at least boot_time_seconds (120), got 60",
        ),
        (
            {"volume_size_gib": 4},
            "volume_size_gib: must be a whole number from 8 to 65536, got 4",
        ),
        (
            {"warm_pool": {"state": "Warm"}},
            "warm_pool.state: must be one of Stopped, Running, Hibernated, got 'Warm'",
        ),
        (
            {"warm_pool": {"max_group_prepared_capacity": 1}},
            "warm_pool.max_group_prepared_capacity: must be at least min_size (2), got 1",
        ),
        (
            {"warm_pool": {"minsize": 1}},
            "warm_pool.minsize: must be a key that exists (nearest: min_size), got 'minsize'",
        ),
        (
            {"instance_refresh_min_healthy_percent": 5},
            (
                "instance_refresh_max_healthy_percent: must be at most 100 above "
                "instance_refresh_min_healthy_percent (5), got 110"
            ),
        ),
        (
            {"instance_refresh_max_healthy_percent": 99},
            "instance_refresh_max_healthy_percent: must be a whole number from 100 to 200, got 99",
        ),
        (
            {"alarm_names": [f"alarm-{number}" for number in range(11)]},
            "alarm_names: must be a list of at most 10 names, got a list of 11",
        ),
        (
            {"wait_for_capacity_minutes": 61},
            "wait_for_capacity_minutes: must be a whole number from 0 to 60, got 61",
        ),
        (
            {"max_sizes": 4},
            ("max_sizes: must be a key that exists (nearest: max_size), got 'max_sizes'"),
        ),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    with pytest.raises(ArgsError) as error:
        settings_of({**GOOD, **change})

    assert str(error.value) == f"AutoScalingGroup.{message}"


def test_whole_numbers_may_arrive_as_floats():
    settings = settings_of(
        {**GOOD, "max_size": 4.0, "application": {"port": 80.0}, "warm_pool": {"min_size": 1.0}}
    )

    assert (settings["max_size"], settings["application"]["port"]) == (4, 80)
    assert settings["warm_pool"]["min_size"] == 1


def test_a_group_of_one_is_possible():
    assert settings_of({**GOOD, "max_size": 1})["min_size"] == 1


@pytest.mark.parametrize(
    ("instance_type", "architecture"),
    [
        ("m7g.large", "arm64"),
        ("c6gn.xlarge", "arm64"),
        ("t4g.small", "arm64"),
        ("im4gn.large", "arm64"),
        ("x2gd.medium", "arm64"),
        ("a1.medium", "arm64"),
        ("m7i.large", "x86_64"),
        ("m7i-flex.large", "x86_64"),
        ("c7a.metal-48xl", "x86_64"),
        ("g4dn.xlarge", "x86_64"),
        ("u-6tb1.metal", "x86_64"),
        ("mac2.metal", None),
        ("large", None),
    ],
)
def test_the_architecture_is_read_from_the_instance_type(instance_type, architecture):
    assert _architecture(instance_type) == architecture


def test_instances_are_secure_by_default():
    template = build().only("LaunchTemplate")

    (interface,) = template["networkInterfaces"]
    (volume,) = template["blockDeviceMappings"]
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    assert template["monitoring"] == {"enabled": True}
    assert interface["associatePublicIpAddress"] == "false"
    assert interface["securityGroups"] == ["web-instances-id"]
    assert volume == {
        "deviceName": "/dev/xvda",
        "ebs": {
            "volumeType": "gp3",
            "volumeSize": 20,
            "encrypted": "true",
            "deleteOnTermination": "true",
        },
    }
    assert "keyName" not in template


def test_instances_take_requests_from_the_load_balancer_only():
    recording = build({**GOOD, "application": {"port": 9000}})

    incoming = recording.only("SecurityGroupIngressRule")
    outgoing = recording.resources["SecurityGroupEgressRule"]
    ports = {"fromPort": 9000, "toPort": 9000, "ipProtocol": "tcp"}
    assert incoming.items() >= ports.items()
    assert incoming["referencedSecurityGroupId"] == "sg-balancer"
    assert "cidrIpv4" not in incoming
    assert outgoing["web-to-instances"].items() >= ports.items()
    assert outgoing["web-to-instances"]["securityGroupId"] == "sg-balancer"
    assert outgoing["web-to-instances"]["referencedSecurityGroupId"] == "web-instances-id"
    assert outgoing["web-to-https"]["securityGroupId"] == "web-instances-id"
    assert (outgoing["web-to-https"]["fromPort"], outgoing["web-to-https"]["toPort"]) == (443, 443)


def test_the_group_never_sets_its_desired_capacity():
    assert "desiredCapacity" not in build().only("Group")


def test_the_group_is_pinned_to_the_templates_version():
    group = build().only("Group")

    assert group["launchTemplate"] == {"id": "web-id", "version": "7"}
    assert "mixedInstancesPolicy" not in group


def test_health_warm_up_and_metrics_are_stated():
    group = build({**GOOD, "boot_time_seconds": 200}).only("Group")

    assert group["healthCheckType"] == "ELB"
    assert group["healthCheckGracePeriod"] == 260
    assert group["defaultInstanceWarmup"] == 200
    assert group["metricsGranularity"] == "1Minute"
    assert "GroupInServiceCapacity" in group["enabledMetrics"]
    assert len(group["enabledMetrics"]) == 13


def test_replacing_instances_keeps_all_capacity_and_stops_on_alarms():
    group = build({**GOOD, "alarm_names": ["shop-test-web-errors-critical"]}).only("Group")

    assert group["instanceRefresh"] == {
        "strategy": "Rolling",
        "preferences": {
            "minHealthyPercentage": 100,
            "maxHealthyPercentage": 110,
            "skipMatching": True,
            "autoRollback": False,
            "scaleInProtectedInstances": "Wait",
            "standbyInstances": "Wait",
            "alarmSpecification": {"alarms": ["shop-test-web-errors-critical"]},
        },
    }
    assert group["instanceMaintenancePolicy"] == {
        "minHealthyPercentage": 100,
        "maxHealthyPercentage": 110,
    }


@pytest.mark.parametrize(
    ("minutes", "timeout", "targets"), [(10, "10m", 2), (0, "0", None)], ids=["waits", "does not"]
)
def test_the_first_deployment_waits_for_healthy_targets(minutes, timeout, targets):
    group = build({**GOOD, "wait_for_capacity_minutes": minutes}).only("Group")

    assert group["waitForCapacityTimeout"] == timeout
    assert group.get("minElbCapacity") == targets


def test_several_instance_types_are_taken_in_order():
    group = build({**GOOD, "instance_types": ["m7g.large", "m6g.large"]}).only("Group")

    policy = group["mixedInstancesPolicy"]
    assert "launchTemplate" not in group
    assert policy["launchTemplate"] == {
        "launchTemplateSpecification": {"launchTemplateId": "web-id", "version": "7"},
        "overrides": [{"instanceType": "m7g.large"}, {"instanceType": "m6g.large"}],
    }
    assert policy["instancesDistribution"] == {
        "onDemandAllocationStrategy": "prioritized",
        "onDemandPercentageAboveBaseCapacity": 100,
    }


def test_termination_waits_for_the_application_to_stop():
    hook = build({**GOOD, "application": {"stop_timeout_seconds": 90}}).only("LifecycleHook")

    assert hook == {
        "name": "drained",
        "autoscalingGroupName": "shop-test-web",
        "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "heartbeatTimeout": 150,
        "defaultResult": "CONTINUE",
    }


def test_a_warm_pool_holds_instances_until_they_are_ready():
    recording = build(
        {**GOOD, "boot_time_seconds": 200, "warm_pool": {"min_size": 2, "reuse_on_scale_in": True}}
    )

    group = recording.only("Group")
    launching = {
        "name": "ready",
        "lifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "heartbeatTimeout": 400,
        "defaultResult": "ABANDON",
    }
    assert group["warmPool"] == {
        "poolState": "Stopped",
        "minSize": 2,
        "instanceReusePolicy": {"reuseOnScaleIn": True},
    }
    assert group["initialLifecycleHooks"] == [launching]
    assert recording.resources["LifecycleHook"]["web-ready"].items() >= launching.items()
    assert "WarmPoolWarmedCapacity" in group["enabledMetrics"]


def test_only_hibernating_instances_are_prepared_for_it():
    stopped = build({**GOOD, "warm_pool": {}}).only("LaunchTemplate")
    hibernated = build({**GOOD, "warm_pool": {"state": "Hibernated"}}).only("LaunchTemplate")

    assert "hibernationOptions" not in stopped
    assert hibernated["hibernationOptions"] == {"configured": True}


def test_an_image_parameter_is_resolved_to_an_id():
    recording = build()

    assert recording.only("LaunchTemplate")["imageId"] == "ami-0123456789abcdef0"
    assert (
        "aws:ssm/getParameter:getParameter",
        {"name": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"},
    ) in recording.calls


def test_an_image_id_is_taken_as_it_is():
    recording = build({**GOOD, "image": "ami-0fedcba987654321"})

    assert recording.only("LaunchTemplate")["imageId"] == "ami-0fedcba987654321"
    assert "aws:ssm/getParameter:getParameter" not in dict(recording.calls)


def test_the_role_may_use_session_manager_and_report_on_this_groups_hooks():
    recording = build()

    attachment = recording.only("RolePolicyAttachment")
    (statement,) = json.loads(recording.only("RolePolicy")["policy"])["Statement"]
    assert attachment["policyArn"] == "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    assert statement["Action"] == [
        "autoscaling:CompleteLifecycleAction",
        "autoscaling:RecordLifecycleActionHeartbeat",
    ]
    assert statement["Resource"] == (
        "arn:aws:autoscaling:eu-central-1:123456789012:"
        "autoScalingGroup:*:autoScalingGroupName/shop-test-web"
    )


def test_the_role_may_read_the_secrets_named_and_gets_the_policies_given():
    recording = build(
        {
            **GOOD,
            "application": {"secrets": {"DB_PASSWORD": DB_ARN}},
            "extra_policy_arns": ["arn:aws:iam::123456789012:policy/queue"],
        }
    )

    secrets = json.loads(recording.resources["RolePolicy"]["web-secrets"]["policy"])
    assert secrets["Statement"][0]["Resource"] == [DB_ARN]
    assert recording.resources["RolePolicyAttachment"]["web-queue"]["policyArn"] == (
        "arn:aws:iam::123456789012:policy/queue"
    )


def test_environment_and_secrets_may_come_from_other_resources():
    recording = record(
        lambda: AutoScalingGroup(
            "web",
            {
                **GOOD,
                "application": {
                    "environment": {"DB_HOST": pulumi.Output.from_input("db.test")},
                    "secrets": {"DB_PASSWORD": pulumi.Output.from_input(DB_ARN)},
                },
            },
        )
    )

    user_data = base64.b64decode(recording.only("LaunchTemplate")["userData"]).decode()
    assert "export DB_HOST=db.test" in user_data
    assert f"--secret-id {DB_ARN}" in user_data


def test_a_secret_that_turns_out_not_to_be_an_arn_is_refused_and_not_shown():
    settings = settings_of(GOOD)
    hooks = Hooks(group_name="shop-test-web", launching=None, terminating="drained")

    with pytest.raises(ArgsError) as error:
        _user_data(settings, hooks, {}, {"DB_PASSWORD": "hunter2"})

    assert str(error.value) == (
        "AutoScalingGroup.application.secrets.DB_PASSWORD: must be the ARN of a Secrets Manager "
        "secret or a Systems Manager parameter, got [secret]"
    )


def test_tags_reach_group_instances_and_volumes():
    recording = build({**GOOD, "tags": {"team": "web"}})

    tags = {"Name": "shop-test-web", "team": "web"}
    specifications = recording.only("LaunchTemplate")["tagSpecifications"]
    assert {each["resourceType"]: each["tags"] for each in specifications} == {
        "instance": tags,
        "volume": tags,
    }
    assert recording.only("Group")["tags"] == [
        {"key": "Name", "value": "shop-test-web", "propagateAtLaunch": True},
        {"key": "team", "value": "web", "propagateAtLaunch": True},
    ]


def test_outputs():
    assert build().outputs == {
        "name": "shop-test-web",
        "arn": "arn:aws:Group:web",
        "security_group_id": "web-instances-id",
        "launch_template_id": "web-id",
        "launch_template_version": "7",
        "role_name": "shop-test-web-instance",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"application": "x"},
            "application: must be a mapping of keys, got 'x'",
        ),
        (
            {"warm_pool": 5},
            "warm_pool: must be a mapping of keys, got 5",
        ),
    ],
)
def test_a_group_of_arguments_that_is_none_is_refused(changes, message):
    with pytest.raises(ArgsError) as told:
        settings_of({**GOOD, **changes})

    assert str(told.value) == f"AutoScalingGroup.{message}"
