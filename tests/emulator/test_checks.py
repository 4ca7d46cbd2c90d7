"""What AWS would refuse is refused before the request, with resource and property named."""

import pytest
from pulumi.runtime.rpc import UNKNOWN

from surgeproof.emulator.clients import Clients
from surgeproof.emulator.resources.life import Resources
from surgeproof.settings import aws_limits
from surgeproof.settings.aws_limits import ALARM, GROUP, POLICY, TARGET_GROUP, TEMPLATE

ALARM_INPUTS = {
    "name": "high",
    "comparisonOperator": "GreaterThanThreshold",
    "evaluationPeriods": 1,
    "metricName": "CPUUtilization",
    "namespace": "AWS/EC2",
    "period": 60,
    "statistic": "Average",
    "threshold": 50,
}
TARGET_GROUP_INPUTS = {"name": "web", "port": 80, "protocol": "HTTP", "vpcId": "vpc-1"}


@pytest.fixture(scope="module")
def resources():
    return Resources(Clients("http://127.0.0.1:9", "eu-central-1"))


def failures(resources, token, inputs):
    return resources.check(token, "example", None, inputs, b"")[1]


def test_a_wrong_comparison_operator_is_refused(resources):
    inputs = {**ALARM_INPUTS, "comparisonOperator": "MoreThan"}

    (failure,) = failures(resources, ALARM, inputs)

    assert failure.property == "comparisonOperator"
    assert failure.reason.startswith("comparisonOperator must be GreaterThanOrEqualToThreshold, ")
    assert "got 'MoreThan'" in failure.reason


def test_a_target_group_name_of_33_characters_is_refused(resources):
    (failure,) = failures(resources, TARGET_GROUP, {**TARGET_GROUP_INPUTS, "name": "a" * 33})

    assert failure.property == "name"
    assert failure.reason.startswith("name must be 1 to 32 letters, digits and hyphens")


def test_a_period_of_45_seconds_is_refused(resources):
    (failure,) = failures(resources, ALARM, {**ALARM_INPUTS, "period": 45})

    assert failure == ("period", "period must be 10, 20, 30 or a multiple of 60 seconds, got 45")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"treatMissingData": "zero"}, "treatMissingData"),
        ({"datapointsToAlarm": 2}, "datapointsToAlarm"),
        ({"evaluationPeriods": 1441}, "evaluationPeriods"),
        ({"alarmActions": ["page"]}, "alarmActions"),
        ({"alarmActions": [f"arn:aws:sns:eu-central-1:1:{n}" for n in range(6)]}, "alarmActions"),
        ({"extendedStatistic": "q95", "statistic": None}, "extendedStatistic"),
        ({"statistic": "Mean"}, "statistic"),
        ({"tags": {"a": "b" * 257}}, "tags"),
        ({"threshold": "high"}, "threshold"),
    ],
)
def test_an_alarm_that_aws_would_refuse_is_refused(resources, change, path):
    found = failures(resources, ALARM, {**ALARM_INPUTS, **change})

    assert path in {failure.property.partition(".")[0] for failure in found}


def test_what_is_unknown_in_a_preview_is_not_judged(resources):
    inputs = {**ALARM_INPUTS, "period": UNKNOWN, "alarmActions": [UNKNOWN], "threshold": UNKNOWN}

    assert failures(resources, ALARM, inputs) == []


def test_a_property_without_a_place_is_refused(resources):
    (failure,) = failures(resources, TARGET_GROUP, {**TARGET_GROUP_INPUTS, "colour": "red"})

    assert failure == (
        "colour",
        "colour has no place in CreateTargetGroup: the embedded AWS cannot set it",
    )


def test_a_nested_property_without_a_place_is_refused(resources):
    inputs = {**TARGET_GROUP_INPUTS, "healthCheck": {"path": "/", "colour": "red"}}

    assert [failure.property for failure in failures(resources, TARGET_GROUP, inputs)] == [
        "healthCheck.colour"
    ]


def test_a_type_that_is_not_supported_is_refused(resources):
    (failure,) = failures(resources, "aws:dynamodb/table:Table", {})

    assert failure.reason == "aws:dynamodb/table:Table is not supported by the embedded AWS"


def test_another_region_is_refused(resources):
    (failure,) = failures(resources, ALARM, {**ALARM_INPUTS, "region": "us-east-1"})

    assert failure == ("region", "region must be eu-central-1, got us-east-1")


def test_a_new_instance_type_is_taken_when_it_is_named():
    resources = Resources(
        Clients("http://127.0.0.1:9", "eu-central-1"),
        allow_new_enum_values=frozenset({"m99g.large"}),
    )

    assert failures(resources, TEMPLATE, {"name": "web", "instanceType": "m99g.large"}) == []
    (failure,) = failures(resources, TEMPLATE, {"name": "web", "instanceType": "m98g.large"})
    assert failure.property == "instanceType"


def test_a_name_is_made_and_kept(resources):
    inputs = {key: value for key, value in ALARM_INPUTS.items() if key != "name"}

    first, _ = resources.check(ALARM, "high", None, inputs, b"seed")
    again, _ = resources.check(ALARM, "high", first, inputs, b"other seed")
    other, _ = resources.check(ALARM, "high", None, inputs, b"other seed")

    assert first["name"] == again["name"] != other["name"]
    assert first["name"].startswith("high-")
    assert len(first["name"]) == len("high-") + 7


def test_a_made_name_keeps_to_the_types_limit(resources):
    inputs = {"port": 80, "protocol": "HTTP", "vpcId": "vpc-1"}

    made, found = resources.check(TARGET_GROUP, "a" * 60, None, inputs, b"seed")

    assert len(made["name"]) == 32
    assert found == []


VALUES = [
    (GROUP, "minSize", 0, -1),
    (GROUP, "minSize", 2.0, 1.5),
    (GROUP, "healthCheckType", "EC2,ELB", "HTTP"),
    (GROUP, "maxInstanceLifetime", 0, 3600),
    (GROUP, "terminationPolicies", ["OldestLaunchTemplate", "Default"], ["Oldest"]),
    (GROUP, "name", "web-1", "web:1"),
    (aws_limits.HOOK, "heartbeatTimeout", 30, 29),
    (aws_limits.HOOK, "heartbeatTimeout", 7200, 7201),
    (aws_limits.SCHEDULE, "recurrence", "30 6 * * MON-FRI", "30 6 * *"),
    (aws_limits.SCHEDULE, "recurrence", "*/5 0-6 1,15 JAN 0", "60 6 * * *"),
    (aws_limits.SCHEDULE, "timeZone", "Europe/Berlin", "Europe/Bonn"),
    (aws_limits.LOAD_BALANCER, "name", "web", "internal-web"),
    (aws_limits.LOAD_BALANCER, "name", "web", "web-"),
    (aws_limits.LOAD_BALANCER, "idleTimeout", 4000, 4001),
    (TARGET_GROUP, "slowStart", 0, 29),
    (TARGET_GROUP, "slowStart", 30, 901),
    (TARGET_GROUP, "healthCheck.matcher", "200-299,404", "500"),
    (aws_limits.LISTENER, "sslPolicy", "ELBSecurityPolicy-TLS13-1-2-2021-06", "TLS13"),
    ("aws:ec2/vpc:Vpc", "cidrBlock", "10.0.0.0/16", "10.0.0.0/8"),
    ("aws:ec2/vpc:Vpc", "cidrBlock", "10.0.0.0/16", "10.0.0.1/16"),
    (TEMPLATE, "userData", "IyEvYmluL3NoCg==", "#!/bin/sh"),
    (TEMPLATE, "userData", "A" * 21844, "A" * 21850),
    ("aws:s3/bucket:Bucket", "bucket", "logs.of-web-1", "Logs"),
    ("aws:s3/bucket:Bucket", "bucket", "abc", "192.168.5.4"),
    ("aws:s3/bucket:Bucket", "bucket", "abc", "a..b"),
    ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", 14, 17),
    ("aws:kms/alias:Alias", "name", "alias/web", "web"),
    ("aws:kms/alias:Alias", "name", "alias/web", "alias/aws/web"),
    ("aws:kms/key:Key", "deletionWindowInDays", 7, 6),
    ("aws:sns/topic:Topic", "name", "pages.fifo", "pages!"),
    ("aws:sns/topicSubscription:TopicSubscription", "protocol", "email", "pigeon"),
    ("aws:iam/role:Role", "assumeRolePolicy", "{}", "allow"),
    (ALARM, "metricQueries.metric.period", 5, 45),
    (ALARM, "metricQueries.id", "e1", "E1"),
]


@pytest.mark.parametrize(("token", "path", "taken", "refused"), VALUES)
def test_a_limit_takes_what_aws_takes_and_nothing_else(token, path, taken, refused):
    assert aws_limits.breach(token, path, taken) is None
    assert aws_limits.breach(token, path, refused) == aws_limits.LIMITS[token, path].rule


def test_every_limit_says_its_rule_and_its_source():
    for limit in aws_limits.LIMITS.values():
        assert limit.rule.split()[0] in {"be", "begin", "have"}
        assert limit.source


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([(0, 10), (10, None)], True),
        ([(0, None)], True),
        ([(None, -10), (-10, 0)], True),
        ([(0, 10), (11, None)], False),
        ([(0, 10), (5, None)], False),
        ([(0, 10)], False),
        ([(-10, 0)], False),
        ([(None, None)], False),
        ([(10, 0)], False),
    ],
)
def test_steps_neither_overlap_nor_leave_a_gap(steps, kept):
    adjustments = [
        {"metricIntervalLowerBound": low, "metricIntervalUpperBound": high} for low, high in steps
    ]

    broken = list(aws_limits.broken_relations(POLICY, {"stepAdjustments": adjustments}))

    assert (broken == []) is kept
