import re

import pytest
from pulumi.runtime.rpc import UNKNOWN

from surgeproof.emulator.clients import Clients
from surgeproof.emulator.requests import Builder, find_member, java_pattern, violations
from surgeproof.emulator.rows import ROWS


@pytest.fixture(scope="module")
def clients():
    return Clients("http://127.0.0.1:9", "eu-central-1")


@pytest.fixture(scope="module")
def shape(clients):
    return lambda service, operation: clients.model(service).operation_model(operation).input_shape


def rules(shape, value, **kwargs):
    return [
        (".".join(map(str, each.member)), each.rule) for each in violations(shape, value, **kwargs)
    ]


@pytest.mark.parametrize("service", sorted({row.service for row in ROWS.values()} | {"ssm", "sts"}))
def test_every_pattern_of_the_services_used_compiles(clients, service):
    model = clients.model(service)
    patterns = {
        model.shape_for(name).metadata["pattern"]
        for name in model.shape_names
        if "pattern" in model.shape_for(name).metadata
    }

    for pattern in patterns:
        java_pattern(pattern, whole=False)


@pytest.mark.parametrize(
    ("pattern", "taken", "refused"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Größe 1", "a#b"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a😀", "a\x00"),
        (r"[\w-_]+", "a-b_c", "a b"),
        (r"^[\p{ASCII}]+$", "abc", "ä"),
        (r"[\w]+", "abc", "ä"),
        (r"[[a]+", "[a", "b"),
    ],
)
def test_a_java_pattern_means_the_same_in_python(pattern, taken, refused):
    compiled = java_pattern(pattern, whole=True)

    assert compiled.fullmatch(taken)
    assert not compiled.fullmatch(refused)


def test_a_required_member_is_wanted(shape):
    assert rules(shape("sns", "Subscribe"), {"Protocol": "email"}) == [("TopicArn", "be given")]


def test_an_enumeration_is_held_and_can_be_widened(shape):
    create = shape("ec2", "CreateLaunchTemplate")
    request = {"LaunchTemplateName": "abc", "LaunchTemplateData": {"InstanceType": "z9.huge"}}

    found = rules(create, request)
    widened = rules(create, request, new_values=frozenset({"z9.huge"}))

    assert [member for member, _ in found] == ["LaunchTemplateData.InstanceType"]
    assert widened == []


@pytest.mark.parametrize(
    ("service", "operation", "request_", "member", "rule"),
    [
        ("iam", "GetRole", {"RoleName": "a" * 65}, "RoleName", "be at most 64 characters long"),
        ("iam", "GetRole", {"RoleName": "a b"}, "RoleName", "match [\\w+=,.@-]+"),
        ("iam", "GetRole", {"RoleName": 1}, "RoleName", "be a string"),
        ("kms", "EnableKeyRotation", {"KeyId": "k", "RotationPeriodInDays": 1},
         "RotationPeriodInDays", "be at least 90"),
        ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["a"] * 101}, "AlarmNames",
         "have at most 100 elements"),
        ("cloudwatch", "DeleteAlarms", {"Names": []}, "AlarmNames", "be given"),
        ("ec2", "CreateVpc", {"Cidr": "x"}, "Cidr", "be a member of CreateVpcRequest"),
        ("autoscaling", "PutWarmPool", {"AutoScalingGroupName": "g", "MinSize": True}, "MinSize",
         "be a integer"),
    ],
)  # fmt: skip
def test_what_the_model_states_is_held(shape, service, operation, request_, member, rule):
    assert (member, rule) in rules(shape(service, operation), request_)


def test_what_is_unknown_breaks_nothing(shape):
    assert rules(shape("iam", "GetRole"), {"RoleName": UNKNOWN}) == []


def test_a_zone_id_with_its_prefix_is_taken(shape):
    request = {"Id": "/hostedzone/Z0123456789ABCDEFGHIJKLMN0123456"}

    assert rules(shape("route53", "GetHostedZone"), request) == []


@pytest.mark.parametrize(
    ("name", "noun", "member"),
    [
        ("alarmName", "", "AlarmName"),
        ("name", "Alarm", "AlarmName"),
        ("okActions", "", "OKActions"),
        ("dimension", "", "Dimensions"),
        ("evaluateLowSampleCountPercentiles", "", "EvaluateLowSampleCountPercentile"),
        ("name", "", None),
    ],
)
def test_a_property_finds_its_member_by_name(shape, name, noun, member):
    assert find_member(shape("cloudwatch", "PutMetricAlarm"), name, noun) == member


@pytest.mark.parametrize(
    ("service", "operation", "name", "value", "params"),
    [
        ("cloudwatch", "PutMetricAlarm", "dimensions", {"A": "b"},
         {"Dimensions": [{"Name": "A", "Value": "b"}]}),
        ("cloudwatch", "PutMetricAlarm", "threshold", "5", {"Threshold": 5.0}),
        ("autoscaling", "PutScalingPolicy", "stepAdjustments",
         [{"scalingAdjustment": 1.0, "metricIntervalLowerBound": "0"}],
         {"StepAdjustments": [{"ScalingAdjustment": 1, "MetricIntervalLowerBound": 0.0}]}),
        ("ec2", "RunInstances", "ebsOptimized", "true", {"EbsOptimized": True}),
        ("ec2", "RunInstances", "iamInstanceProfile", [{"arn": "a"}],
         {"IamInstanceProfile": {"Arn": "a"}}),
        ("cloudwatch", "PutMetricAlarm", "alarmActions", "arn", {"AlarmActions": ["arn"]}),
        ("cloudwatch", "PutMetricAlarm", "unit", UNKNOWN, {"Unit": UNKNOWN}),
    ],
    ids=["map-to-pairs", "text-to-number", "nested", "text-to-boolean", "unwrap", "wrap",
         "unknown"],
)  # fmt: skip
def test_a_value_takes_its_members_form(shape, service, operation, name, value, params):
    builder = Builder(shape(service, operation))

    builder.put(name, value)

    assert builder.params == params
    assert not builder.unplaced


def test_a_property_without_a_place_is_told(shape):
    builder = Builder(shape("cloudwatch", "PutMetricAlarm"))

    builder.put("metricQueries", [{"id": "a"}])

    assert builder.unplaced == ["metricQueries"]


def test_every_place_in_the_table_exists(clients):
    """A renamed member that botocore does not have would raise only when it is used."""
    for row in ROWS.values():
        for step in (row.create, *row.steps):
            found = clients.model(row.service).operation_model(step.operation).input_shape
            for path, place in step.names.items():
                if isinstance(place, str) and "." not in path and place not in "-=":
                    first = re.split(r"[.:]", place)[0]
                    assert first in found.members, (row.token, path, place)
