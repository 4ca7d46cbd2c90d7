"""Changes of single resources on moto: in place, by replacement, and behind Pulumi's back."""

import pytest

from surgeproof.emulator.mocks import AwsMocks, MotoClients
from surgeproof.emulator.resources.calls import EndpointError
from surgeproof.settings.aws_limits import (
    ALARM,
    GROUP,
    HOOK,
    LISTENER,
    LOAD_BALANCER,
    POLICY,
    SCHEDULE,
    TARGET_GROUP,
    TEMPLATE,
)

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
BUCKET = "aws:s3/bucket:Bucket"
ROLE = "aws:iam/role:Role"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
TOPIC = "aws:sns/topic:Topic"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
    '"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
)


class Account:
    """Single resources in moto, as the engine would create and change them."""

    def __init__(self):
        self.resources = AwsMocks().resources
        self.client = MotoClients().client
        self.ids = {}

    def create(self, token, inputs):
        checked, failures = self.resources.check(token, "x", None, inputs, b"seed")
        assert failures == []
        ident, outputs = self.resources.create(token, checked, preview=False)
        return Made(self, token, ident, checked, outputs)

    def vpc(self):
        return self.create(VPC, {"cidrBlock": "10.0.0.0/16"}).ident

    def subnets(self, vpc):
        return [
            self.create(
                SUBNET,
                {
                    "vpcId": vpc,
                    "cidrBlock": f"10.0.{number}.0/24",
                    "availabilityZone": f"eu-central-1{zone}",
                },
            ).ident
            for number, zone in enumerate("ab")
        ]

    def template(self, **more):
        return self.create(
            TEMPLATE, {"name": "web", "imageId": "ami-12345678", "instanceType": "t3.micro", **more}
        )

    def group(self, **more):
        template = self.template()
        return self.create(
            GROUP,
            {
                "name": "web",
                "minSize": 1,
                "maxSize": 2,
                "vpcZoneIdentifiers": self.subnets(self.vpc()),
                "launchTemplate": {"id": template.ident, "version": "1"},
                **more,
            },
        )


class Made:
    """A resource in an account."""

    def __init__(self, account, token, ident, inputs, outputs):
        self.account, self.token, self.ident = account, token, ident
        self.inputs, self.outputs = inputs, outputs

    def diff(self, **change):
        return self.account.resources.diff(
            self.token, self.ident, self.inputs, self.outputs, self.changed(change)
        )

    def changed(self, change):
        inputs = {**self.inputs, **change}
        return {key: value for key, value in inputs.items() if value is not None}

    def update(self, **change):
        new = self.changed(change)
        checked, failures = self.account.resources.check(self.token, "x", self.inputs, new, b"")
        assert failures == []
        assert self.diff(**change).replaces == ()
        self.outputs = self.account.resources.update(
            self.token, self.ident, self.inputs, self.outputs, checked, preview=False
        )
        self.inputs = checked
        return self

    def read(self):
        found = self.account.resources.read(self.token, self.ident, self.inputs, self.outputs)
        return found and found[1]

    def delete(self):
        self.account.resources.delete(self.token, self.ident, self.inputs, self.outputs)


@pytest.fixture
def account(moto_account):
    return Account()


ALARM_INPUTS = {
    "name": "high",
    "comparisonOperator": "GreaterThanThreshold",
    "evaluationPeriods": 1,
    "metricName": "CPUUtilization",
    "namespace": "AWS/EC2",
    "period": 60,
    "statistic": "Average",
    "threshold": 50,
    "dimensions": {"AutoScalingGroupName": "web"},
    "tags": {"a": "1", "b": "2"},
}


def in_place(account, made, **change):
    """Change a resource and expect that AWS has exactly that afterwards."""
    made.update(**change)
    assert made.read() == made.inputs
    assert made.diff().changed == ()


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 60},
        {"alarmDescription": "slow"},
        {"tags": {"a": "1", "b": "3", "c": "4"}},
        {"tags": {"b": "2"}},
        {"dimensions": {"AutoScalingGroupName": "other"}},
        {"treatMissingData": "breaching", "datapointsToAlarm": 1},
        {"tags": None},
    ],
)
def test_an_alarm_changes_in_place(account, change):
    in_place(account, account.create(ALARM, ALARM_INPUTS), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"maxSize": 4},
        {"minSize": 2, "healthCheckGracePeriod": 60},
        {"healthCheckType": "ELB"},
        {"terminationPolicies": ["OldestInstance"]},
        {"tags": [{"key": "a", "value": "2", "propagateAtLaunch": True}]},
        {"tags": [{"key": "b", "value": "1", "propagateAtLaunch": False}]},
        {"tags": []},
        {"enabledMetrics": ["GroupMinSize"], "metricsGranularity": "1Minute"},
        {"enabledMetrics": None, "metricsGranularity": None},
        {"suspendedProcesses": ["AZRebalance"]},
        {"suspendedProcesses": None},
        {"warmPool": {"poolState": "Running", "minSize": 1}},
        {"warmPool": None},
        {"healthCheckGracePeriod": None},
        {"terminationPolicies": None},
        {"launchTemplate": {"id": "LT", "version": "$Default"}},
    ],
)
def test_a_group_changes_in_place(account, change):
    made = account.group(
        healthCheckGracePeriod=30,
        terminationPolicies=["Default"],
        enabledMetrics=["GroupMinSize", "GroupMaxSize"],
        metricsGranularity="1Minute",
        suspendedProcesses=["Launch"],
        warmPool={"poolState": "Stopped", "minSize": 0},
        tags=[{"key": "a", "value": "1", "propagateAtLaunch": True}],
    )
    if "launchTemplate" in change:
        change = {"launchTemplate": {**made.inputs["launchTemplate"], "version": "$Default"}}

    in_place(account, made, **change)


def test_a_groups_target_groups_change_in_place(account):
    vpc = account.vpc()
    first, second = (
        account.create(
            TARGET_GROUP, {"name": name, "port": 80, "protocol": "HTTP", "vpcId": vpc}
        ).ident
        for name in ("one", "two")
    )
    made = account.group(targetGroupArns=[first])

    in_place(account, made, targetGroupArns=[second])


@pytest.fixture
def balancer(account):
    vpc = account.vpc()
    bucket = account.create(BUCKET, {"bucket": "logs-of-web"}).ident
    account.client("s3").put_bucket_policy(Bucket=bucket, Policy=LOG_POLICY)
    return account.create(
        LOAD_BALANCER,
        {
            "name": "web",
            "subnets": account.subnets(vpc),
            "securityGroups": [account.create(SECURITY_GROUP, {"vpcId": vpc}).ident],
            "internal": True,
            "idleTimeout": 30,
            "enableHttp2": False,
            "accessLogs": {"bucket": bucket, "prefix": "access", "enabled": True},
            "tags": {"a": "1"},
        },
    )


LOG_POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", '
    '"Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, '
    '"Resource": "arn:aws:s3:::logs-of-web/*"}]}'
)


@pytest.mark.parametrize(
    "change",
    [
        {"idleTimeout": 40},
        {"idleTimeout": None, "enableHttp2": None},
        {"xffHeaderProcessingMode": "remove"},
        {"accessLogs": {"bucket": "logs-of-web", "enabled": False}},
        {"tags": {"b": "2"}},
    ],
)
def test_a_load_balancer_changes_in_place(account, balancer, change):
    in_place(account, balancer, **change)


def test_an_attribute_that_is_given_no_more_gets_awss_default(account, balancer):
    balancer.update(idleTimeout=None, enableHttp2=None)

    listed = account.client("elbv2").describe_load_balancer_attributes(
        LoadBalancerArn=balancer.ident
    )["Attributes"]
    found = {each["Key"]: each["Value"] for each in listed}
    assert (found["idle_timeout.timeout_seconds"], found["routing.http2.enabled"]) == ("60", "true")


def test_a_load_balancer_moves_to_other_groups_and_subnets(account, balancer):
    vpc = balancer.outputs["vpcId"]
    other = account.create(SECURITY_GROUP, {"name": "other", "vpcId": vpc}).ident

    in_place(account, balancer, securityGroups=[other])


def test_a_target_group_changes_in_place(account):
    made = account.create(
        TARGET_GROUP,
        {
            "name": "web",
            "port": 80,
            "protocol": "HTTP",
            "vpcId": account.vpc(),
            "deregistrationDelay": 60,
            "healthCheck": {"path": "/", "interval": 10, "timeout": 5, "matcher": "200"},
        },
    )

    in_place(
        account,
        made,
        deregistrationDelay=30,
        slowStart=60,
        healthCheck={"path": "/health", "interval": 20, "timeout": 6, "matcher": "200-299"},
        stickiness={"enabled": True, "type": "lb_cookie", "cookieDuration": 60},
    )


def test_a_listener_changes_in_place(account, balancer):
    vpc = balancer.outputs["vpcId"]
    targets = account.create(
        TARGET_GROUP, {"name": "web", "port": 80, "protocol": "HTTP", "vpcId": vpc}
    ).ident
    redirect = {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}
    made = account.create(
        LISTENER,
        {
            "loadBalancerArn": balancer.ident,
            "port": 80,
            "protocol": "HTTP",
            "defaultActions": [{"type": "redirect", "redirect": redirect}],
        },
    )

    in_place(account, made, defaultActions=[{"type": "forward", "targetGroupArn": targets}])


def test_a_templates_change_makes_a_version_and_the_default(account):
    made = account.template(updateDefaultVersion=True, tags={"a": "1"})

    in_place(account, made, instanceType="t3.small")

    assert made.outputs["latestVersion"] == made.outputs["defaultVersion"] == 2
    preview = account.resources.update(
        TEMPLATE, made.ident, made.inputs, made.outputs, {**made.inputs, "imageId": "x"},
        preview=True,
    )  # fmt: skip
    assert preview["latestVersion"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def test_a_templates_tags_make_no_version(account):
    made = account.template(tags={"a": "1"})

    in_place(account, made, tags={"a": "2"})

    assert made.outputs["latestVersion"] == 1


OTHERS = [
    (VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True, "tags": {"a": "1"}},
     {"enableDnsHostnames": False, "enableDnsSupport": False, "tags": {"b": "1"}}),
    (BUCKET, {"bucket": "abc-def", "tags": {"a": "1"}}, {"tags": {"b": "2"}}),
    (BUCKET, {"bucket": "abc-def", "tags": {"a": "1"}}, {"tags": None, "forceDestroy": True}),
    (ROLE, {"name": "r", "assumeRolePolicy": TRUST, "description": "a", "tags": {"a": "1"}},
     {"assumeRolePolicy": TRUST.replace("ec2", "ssm"), "description": "b", "tags": {"c": "1"}}),
    (ROLE, {"name": "r", "assumeRolePolicy": TRUST, "description": "a"}, {"description": None}),
    (KEY, {"description": "a", "enableKeyRotation": True, "tags": {"a": "1"}},
     {"description": "b", "enableKeyRotation": False, "tags": {"b": "1"}}),
    (KEY, {"description": "a"}, {"enableKeyRotation": True}),
    (TOPIC, {"name": "t", "displayName": "a", "tags": {"a": "1"}},
     {"displayName": "b", "tags": {"b": "1"}}),
    (LOGS, {"name": "l", "retentionInDays": 7, "tags": {"a": "1"}},
     {"retentionInDays": 30, "tags": {"b": "1"}}),
    (LOGS, {"name": "l", "retentionInDays": 7}, {"retentionInDays": None}),
]  # fmt: skip


@pytest.mark.parametrize(("token", "inputs", "change"), OTHERS)
def test_the_rest_changes_in_place(account, token, inputs, change):
    in_place(account, account.create(token, inputs), **change)


def test_parts_of_a_group_change_in_place(account):
    account.group()
    part = {"autoscalingGroupName": "web"}
    hook = account.create(
        HOOK,
        {
            **part,
            "name": "drained",
            "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "heartbeatTimeout": 60,
        },
    )
    tracking = {
        "targetValue": 50,
        "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
    }
    policy = account.create(
        POLICY,
        {
            **part,
            "name": "cpu",
            "policyType": "TargetTrackingScaling",
            "targetTrackingConfiguration": tracking,
        },
    )
    schedule = account.create(
        SCHEDULE, {**part, "scheduledActionName": "a", "recurrence": "0 7 * * *", "minSize": 1}
    )

    in_place(account, hook, heartbeatTimeout=90)
    in_place(account, policy, targetTrackingConfiguration={**tracking, "targetValue": 40})
    in_place(account, schedule, recurrence="0 8 * * *", minSize=2)


def test_a_rule_and_its_tags_change_in_place(account):
    group = account.create(SECURITY_GROUP, {"vpcId": account.vpc()}).ident
    made = account.create(
        INGRESS,
        {
            "securityGroupId": group,
            "ipProtocol": "tcp",
            "fromPort": 80,
            "toPort": 80,
            "cidrIpv4": "10.0.0.0/8",
            "description": "a",
            "tags": {"a": "1"},
        },
    )

    in_place(account, made, fromPort=81, toPort=81, cidrIpv4="10.1.0.0/16", tags={"b": "1"})


def test_an_instance_profile_gets_another_role(account):
    for name in ("one", "two"):
        account.create(ROLE, {"name": name, "assumeRolePolicy": TRUST})
    made = account.create(PROFILE, {"name": "web", "role": "one"})

    in_place(account, made, role="two")


def test_an_alias_points_to_another_key(account):
    first, second = (account.create(KEY, {}).ident for _ in range(2))
    made = account.create(ALIAS, {"name": "alias/web", "targetKeyId": first})

    in_place(account, made, targetKeyId=second)


@pytest.mark.parametrize(
    ("token", "inputs", "change", "path"),
    [
        (ALARM, ALARM_INPUTS, {"name": "other"}, "name"),
        (VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}, "cidrBlock"),
        (BUCKET, {"bucket": "abc-def"}, {"bucket": "abc-deg"}, "bucket"),
        (TOPIC, {"name": "a"}, {"name": "b"}, "name"),
        (ROLE, {"name": "r", "assumeRolePolicy": TRUST}, {"path": "/a/"}, "path"),
        (LOGS, {"name": "a"}, {"logGroupClass": "INFREQUENT_ACCESS"}, "logGroupClass"),
    ],
)
def test_a_change_that_aws_cannot_make_replaces(account, token, inputs, change, path):
    made = account.create(token, inputs)

    assert made.diff(**change).replaces == (path,)


def test_an_explicit_name_that_stays_goes_first(account):
    vpc = account.vpc()
    inputs = {"port": 80, "protocol": "HTTP", "vpcId": vpc}
    named = account.create(TARGET_GROUP, {**inputs, "name": "web"})
    unnamed = account.create(TARGET_GROUP, inputs)

    assert named.diff(port=81).replaces == ("port",)
    assert named.diff(port=81).delete_before_replace
    assert not named.diff(port=81, name="other").delete_before_replace
    assert not unnamed.diff(port=81).delete_before_replace


def test_a_nested_change_is_told_by_its_path(account):
    made = account.create(ALARM, {**ALARM_INPUTS, "alarmActions": ["arn:aws:sns:eu-central-1:1:a"]})

    difference = made.diff(
        alarmActions=["arn:aws:sns:eu-central-1:1:b"], tags={"a": "1"}, threshold=50.0
    )

    assert set(difference.changed) == {"alarmActions[0]", "tags.b"}


# Behind Pulumi's back.


def test_what_is_deleted_is_gone(account):
    made = account.create(ALARM, ALARM_INPUTS)
    account.client("cloudwatch").delete_alarms(AlarmNames=["high"])

    assert made.read() is None
    made.delete()


def test_an_alarms_threshold_is_noticed(account):
    made = account.create(ALARM, ALARM_INPUTS)
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="high",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Period=60,
        Statistic="Average",
        Threshold=99,
        Dimensions=[{"Name": "AutoScalingGroupName", "Value": "web"}],
    )

    assert made.read() == {**made.inputs, "threshold": 99}


def test_a_groups_size_metrics_and_tags_are_noticed(account):
    made = account.group(
        enabledMetrics=["GroupMinSize", "GroupMaxSize"],
        tags=[{"key": "a", "value": "1", "propagateAtLaunch": True}],
    )
    client = account.client("autoscaling")
    client.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=9)
    client.enable_metrics_collection(
        AutoScalingGroupName="web", Metrics=["GroupMaxSize"], Granularity="1Minute"
    )
    client.create_or_update_tags(
        Tags=[
            {
                "ResourceId": "web",
                "ResourceType": "auto-scaling-group",
                "Key": "a",
                "Value": "2",
                "PropagateAtLaunch": True,
            }
        ]
    )

    found = made.read()

    assert found["maxSize"] == 9
    assert found["enabledMetrics"] == ["GroupMaxSize"]
    assert found["tags"] == [{"key": "a", "value": "2", "propagateAtLaunch": True}]


def test_a_rule_that_was_removed_is_gone(account):
    group = account.create(SECURITY_GROUP, {"vpcId": account.vpc()}).ident
    made = account.create(
        INGRESS,
        {
            "securityGroupId": group,
            "ipProtocol": "tcp",
            "fromPort": 80,
            "toPort": 80,
            "cidrIpv4": "10.0.0.0/8",
        },
    )
    account.client("ec2").revoke_security_group_ingress(
        GroupId=group, SecurityGroupRuleIds=[made.ident]
    )

    assert made.read() is None


def test_tags_are_noticed(account):
    made = account.create(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "1", "b": "2"}})
    ec2 = account.client("ec2")
    ec2.create_tags(Resources=[made.ident], Tags=[{"Key": "c", "Value": "3"}])
    ec2.delete_tags(Resources=[made.ident], Tags=[{"Key": "a"}])

    assert made.read()["tags"] == {"b": "2", "c": "3"}


def test_a_load_balancers_attribute_is_noticed(account, balancer):
    account.client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=balancer.ident,
        Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "99"}],
    )

    assert balancer.read() == {**balancer.inputs, "idleTimeout": 99}


def test_a_setting_that_was_taken_away_is_noticed(account):
    made = account.create(LOGS, {"name": "l", "retentionInDays": 7})
    account.client("logs").delete_retention_policy(logGroupName="l")

    assert "retentionInDays" not in made.read()


def test_a_lost_property_is_no_drift(account):
    made = account.group(defaultInstanceWarmup=120)

    assert made.read()["defaultInstanceWarmup"] == 120


def test_what_was_changed_is_put_back(account):
    made = account.group()
    account.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=9)
    wanted, found = made.inputs, made.read()

    made.inputs = found
    made.update(maxSize=wanted["maxSize"])

    assert made.read() == wanted


# Errors.


def test_a_refusal_names_type_operation_and_reason(account):
    account.create(LOGS, {"name": "l"})

    with pytest.raises(EndpointError) as told:
        account.create(LOGS, {"name": "l"})

    assert str(told.value) == (
        "aws:cloudwatch/logGroup:LogGroup: CreateLogGroup refused: "
        "The specified log group already exists (ResourceAlreadyExistsException)"
    )


def test_a_creation_that_fails_halfway_leaves_nothing(account):
    with pytest.raises(EndpointError, match="AddRoleToInstanceProfile refused"):
        account.create(PROFILE, {"name": "web", "role": "missing"})

    assert account.client("iam").list_instance_profiles()["InstanceProfiles"] == []


def test_a_certificate_that_is_not_issued_is_a_clear_error(account, monkeypatch):
    monkeypatch.setattr("surgeproof.emulator.rows.acm._ISSUED_WITHIN_SECONDS", 0)
    monkeypatch.setattr("moto.settings.ACM_VALIDATION_WAIT", 600)
    made = account.create(
        "aws:acm/certificate:Certificate", {"domainName": "a.test", "validationMethod": "DNS"}
    )

    with pytest.raises(EndpointError, match=r"is PENDING_VALIDATION and not ISSUED after 0 s"):
        account.create(
            "aws:acm/certificateValidation:CertificateValidation", {"certificateArn": made.ident}
        )


def test_what_the_endpoint_lacks_as_a_whole_is_recorded_only(account, monkeypatch):
    client = account.resources.calls._clients.client("sns")

    def lacks(**_):
        raise NotImplementedError("The create_topic action has not been implemented")

    monkeypatch.setattr(client, "create_topic", lacks)

    made = account.create(TOPIC, {"name": "t"})

    assert made.outputs["__recordedOnly"] == (
        "CreateTopic: The create_topic action has not been implemented"
    )
    assert made.read() == made.inputs
    made.update(displayName="a")
    made.delete()
