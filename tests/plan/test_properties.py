"""The tables of properties hold all that the provider and AWS have, and nothing else."""

import inspect

import botocore.session
import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES
from pulumi_aws import autoscaling, cloudwatch, ec2, lb

from surgeproof.plan import _properties as known
from surgeproof.plan import deployed
from surgeproof.plan._instances import vcpus

RESOURCES = [
    (autoscaling.Group, known.GROUP_ROW),
    (autoscaling.Policy, known.POLICY_ROW),
    (autoscaling.Schedule, known.SCHEDULE_ROW),
    (autoscaling.LifecycleHook, known.HOOK_ROW),
    (cloudwatch.MetricAlarm, known.ALARM_ROW),
    (cloudwatch.CompositeAlarm, known.COMPOSITE_ROW),
    (ec2.LaunchTemplate, known.TEMPLATE_ROW),
    (ec2.LaunchConfiguration, known.CONFIGURATION_ROW),
    (lb.TargetGroup, known.TARGET_GROUP_ROW),
    (lb.LoadBalancer, known.LOAD_BALANCER_ROW),
]
OF_AWS_ONLY = {
    "id",
    "actionConfiguration",  # alarms
    "globalTimeout",  # hooks
}
"""Properties that no class of the provider has."""

CUSTOM = "PolicyTargetTrackingConfigurationCustomizedMetricSpecification"
BLOCKS = [
    (autoscaling.GroupWarmPoolArgs, known.WARM_POOL_ROW, {"status"}),
    (autoscaling.GroupMixedInstancesPolicyArgs, known.MIXED_ROW, set()),
    (
        autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs,
        known.DISTRIBUTION_ROW,
        {"distributionSegments"},
    ),
    (
        autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs,
        known.OVERRIDE_ROW,
        {"imageId"},
    ),
    (autoscaling.GroupInstanceRefreshArgs, known.REFRESH_ROW, set()),
    (autoscaling.GroupInstanceRefreshPreferencesArgs, known.PREFERENCES_ROW, {"bakeTime"}),
    (autoscaling.PolicyTargetTrackingConfigurationArgs, known.TRACKING_ROW, set()),
    (
        autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs,
        known.PREDEFINED_ROW,
        set(),
    ),
    (getattr(autoscaling, f"{CUSTOM}Args"), known.CUSTOM_ROW, set()),
    (getattr(autoscaling, f"{CUSTOM}MetricArgs"), known.TRACKED_QUERY_ROW, {"period"}),
    (getattr(autoscaling, f"{CUSTOM}MetricMetricStatArgs"), known.STAT_ROW, set()),
    (getattr(autoscaling, f"{CUSTOM}MetricMetricStatMetricArgs"), known.STAT_METRIC_ROW, set()),
    (cloudwatch.MetricAlarmMetricQueryArgs, known.QUERY_ROW, set()),
    (cloudwatch.MetricAlarmMetricQueryMetricArgs, known.QUERY_METRIC_ROW, set()),
    (cloudwatch.CompositeAlarmActionsSuppressorArgs, known.SUPPRESSOR_ROW, set()),
    (lb.TargetGroupHealthCheckArgs, known.HEALTH_CHECK_ROW, set()),
]


def named(each):
    """What a test is called by: the same in each process, unlike a set."""
    return getattr(each, "__name__", each if isinstance(each, str) else type(each).__name__)


NOT_INPUTS = {"__self__", "self", "resource_name", "opts", "__props__"}


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(each.title() for each in rest)


def properties_of(resource):
    inputs = set(inspect.signature(resource._internal_init).parameters) - NOT_INPUTS
    outputs = {name for name, value in vars(resource).items() if isinstance(value, property)}
    return {camel(name) for name in inputs | outputs}


@pytest.mark.parametrize(("resource", "row"), RESOURCES, ids=named)
def test_each_property_of_a_resource_is_read_or_inert_or_not_modelled(resource, row):
    properties = properties_of(resource)

    assert properties - row.known == set()
    extra = row.known - properties - OF_AWS_ONLY - {"tagsAll", "tags", "arn"}
    assert extra == set()


@pytest.mark.parametrize(("block", "row", "of_aws"), BLOCKS, ids=named)
def test_each_property_of_a_block_is_read_or_inert_or_not_modelled(block, row, of_aws):
    inputs = set(inspect.signature(block.__init__).parameters) - NOT_INPUTS

    assert row.known == {camel(name) for name in inputs} | of_aws


@pytest.mark.parametrize(
    "row", [value for name, value in vars(known).items() if name.endswith("_ROW")]
)
def test_a_property_stands_in_one_place(row):
    places = [*row.read, *row.inert, *row.not_modelled]

    assert len(places) == len(set(places))


ANSWERS = [
    (deployed._GROUP, "autoscaling", "AutoScalingGroup", known.GROUP_ROW),
    (deployed._POLICY, "autoscaling", "ScalingPolicy", known.POLICY_ROW),
    (deployed._SCHEDULE, "autoscaling", "ScheduledUpdateGroupAction", known.SCHEDULE_ROW),
    (deployed._HOOK, "autoscaling", "LifecycleHook", known.HOOK_ROW),
    (deployed._CONFIGURATION, "autoscaling", "LaunchConfiguration", known.CONFIGURATION_ROW),
    (deployed._TEMPLATE, "ec2", "ResponseLaunchTemplateData", known.TEMPLATE_ROW),
    (deployed._ALARM, "cloudwatch", "MetricAlarm", known.ALARM_ROW),
    (deployed._COMPOSITE, "cloudwatch", "CompositeAlarm", known.COMPOSITE_ROW),
    (deployed._TARGET_GROUP, "elbv2", "TargetGroup", known.TARGET_GROUP_ROW),
    (deployed._LOAD_BALANCER, "elbv2", "LoadBalancer", known.LOAD_BALANCER_ROW),
]
REWRITTEN = {"suppressorAlarm", "suppressorWait", "suppressorExtension"}


@pytest.mark.parametrize(("token", "service", "shape", "row"), ANSWERS, ids=named)
def test_each_member_of_an_answer_has_a_place(token, service, shape, row):
    """A member that AWS adds fails here first, and is named by the reader until it has a place."""
    members = botocore.session.get_session().get_service_model(service).shape_for(shape).members
    answer = {name: "x" for name in members if not deployed._is_check(name)}

    words = set(deployed.in_engines_words(token, answer))

    assert words - row.known - REWRITTEN == set()


@pytest.mark.parametrize(("token", "service", "shape", "row"), ANSWERS, ids=named)
def test_what_is_dropped_or_renamed_exists(token, service, shape, row):
    members = set(
        botocore.session.get_session().get_service_model(service).shape_for(shape).members
    )

    assert deployed.STATE[token] - members == set()
    assert set(deployed.NAMES[token]) - members == set()


def test_the_name_of_a_type_tells_its_vcpus_or_nothing():
    told = {name: vcpus(name) for name in INSTANCE_TYPES}

    wrong = {
        name: (size, INSTANCE_TYPES[name]["VCpuInfo"]["DefaultVCpus"])
        for name, size in told.items()
        if size is not None and size != INSTANCE_TYPES[name]["VCpuInfo"]["DefaultVCpus"]
    }

    assert wrong == {}
    assert sum(size is not None for size in told.values()) > 0.9 * len(told)


def test_the_size_of_a_database_class_is_told_by_its_name():
    assert (vcpus("db.r7g.2xlarge"), vcpus("db.t4g.medium"), vcpus("db.serverless")) == (8, 2, None)
