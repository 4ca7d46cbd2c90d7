"""Hand-made resources, each with one thing that a plan must hold or name."""

import pytest

from surgeproof.plan import (
    AdjustmentType,
    HealthCheckType,
    InstanceMaintenancePolicy,
    InstanceRefresh,
    LifecycleHook,
    Metric,
    MetricMath,
    PlanError,
    PredictiveScaling,
    ScheduledAction,
    SimpleScaling,
    StepAdjustment,
    TargetTracking,
    TrackedMetric,
    WarmPool,
)
from surgeproof.plan.resources import UNKNOWN, Resource, read_resources

GROUP = "aws:autoscaling/group:Group"
POLICY = "aws:autoscaling/policy:Policy"
SCHEDULE = "aws:autoscaling/schedule:Schedule"
HOOK = "aws:autoscaling/lifecycleHook:LifecycleHook"
ATTACHMENT = "aws:autoscaling/attachment:Attachment"
TRAFFIC_SOURCE = "aws:autoscaling/trafficSourceAttachment:TrafficSourceAttachment"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
SUBNET = "aws:ec2/subnet:Subnet"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
TOPIC = "aws:sns/topic:Topic"
DATABASE = "aws:rds/instance:Instance"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
PROXY_TARGET = "aws:rds/proxyTarget:ProxyTarget"

LABEL = "app/web/1/targetgroup/web/2"


def made(type_, key, made_of=None, /, **properties):
    return Resource(
        type=type_, key=f"{type_}::{key}", name=key, properties=properties, made_of=made_of or {}
    )


def group(key="web", /, **changes):
    properties = {
        "name": key,
        "minSize": 2,
        "maxSize": 8,
        "availabilityZones": ["b", "a"],
        "launchTemplate": {"id": "lt-1", "version": "1"},
        "targetGroupArns": ["arn:targets"],
    }
    return made(GROUP, key, **(properties | changes))


def template(**changes):
    properties = {"id": "lt-1", "name": "web", "instanceType": "m7g.large", "latestVersion": 1}
    return made(TEMPLATE, "web", **(properties | changes))


def targets(key="web", /, **changes):
    return made(
        TARGET_GROUP,
        key,
        **({"name": key, "arn": "arn:targets", "arnSuffix": "targetgroup/web/2"} | changes),
    )


def balancer(key="web", /, **changes):
    return made(
        BALANCER,
        key,
        **({"name": key, "arn": "arn:balancer", "arnSuffix": "app/web/1"} | changes),
    )


def listener(**changes):
    forward = {"type": "forward", "targetGroupArn": "arn:targets"}
    return made(
        LISTENER,
        "https",
        **({"loadBalancerArn": "arn:balancer", "defaultActions": [forward]} | changes),
    )


def policy(key="cpu", /, **changes):
    return made(
        POLICY, key, **({"name": key, "autoscalingGroupName": "web", "arn": f"arn:{key}"} | changes)
    )


def step(key="surge", /, **changes):
    return policy(
        key,
        **(
            {
                "policyType": "StepScaling",
                "adjustmentType": "ChangeInCapacity",
                "stepAdjustments": [{"metricIntervalLowerBound": "0", "scalingAdjustment": 2}],
            }
            | changes
        ),
    )


def tracking(**configuration):
    return policy(
        policyType="TargetTrackingScaling",
        targetTrackingConfiguration={"targetValue": 50} | configuration,
    )


def alarm(key="high", made_of=None, /, **changes):
    properties = {
        "name": key,
        "namespace": "AWS/EC2",
        "metricName": "CPUUtilization",
        "dimensions": {"AutoScalingGroupName": "web"},
        "statistic": "Average",
        "period": 60,
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 70,
        "evaluationPeriods": 3,
    }
    return made(ALARM, key, made_of, **(properties | changes))


BASE = (template(), targets(), balancer(), listener())


def read(*resources):
    """Read these resources beside a template, a target group, a balancer and its listener."""
    given = {resource.type for resource in resources}
    rest = [each for each in BASE if each.type not in given]
    groups = [] if GROUP in given else [group()]
    return read_resources([*groups, *rest, *resources], name="test")


def notes(plan):
    return [(note.path, note.reason) for note in plan.not_seen]


STARTS = (
    "groups[web].desired_capacity",
    "Nothing says how many instances run; the replay begins with the fewest.",
)


def extra_notes(plan):
    """Return what is not seen beside where the replay begins."""
    return [note for note in notes(plan) if note != STARTS]


def paths(plan):
    return [path for path, _ in extra_notes(plan)]


def test_the_base_is_wholly_seen():
    plan = read()

    assert notes(plan) == [STARTS]
    assert (plan.groups[0].zones, plan.groups[0].target_group) == (("a", "b"), "web")
    assert plan.load_balancer.name == "web"


def test_a_stack_without_a_group_is_one_clear_error():
    with pytest.raises(PlanError) as told:
        read_resources([targets()], name="test")

    assert str(told.value) == "resources: must hold an Auto Scaling group, got none"


def test_two_groups_are_two_groups_with_policies_of_their_own():
    other = group("worker", targetGroupArns=[])
    plan = read(group(), other, step(), step("up", autoscalingGroupName="worker"))

    assert [each.name for each in plan.groups] == ["web", "worker"]
    assert {each.name: each.group for each in plan.policies} == {"surge": "web", "up": "worker"}


def test_policies_of_one_name_are_told_apart_by_their_groups():
    other = group("worker", targetGroupArns=[])
    theirs = made(
        POLICY, "theirs", **(step().properties | {"autoscalingGroupName": "worker", "arn": "arn:2"})
    )
    plan = read(group(), other, step(), theirs, alarm(alarmActions=["arn:2"]))

    assert [each.name for each in plan.policies] == ["web/surge", "worker/surge"]
    assert plan.alarms[0].alarm_actions == ("worker/surge",)
    assert "alarms" in paths(plan)


@pytest.mark.parametrize("key", ["minSize", "maxSize"])
def test_an_unknown_size_is_an_error_and_no_guess(key):
    unknown = made(GROUP, "web", {key: ()}, **(group().properties | {key: UNKNOWN}))

    with pytest.raises(PlanError) as told:
        read(unknown)

    assert str(told.value) == f"`{key}` of Group `web` is not known"


@pytest.mark.parametrize(("desired", "begins"), [(1, 2), (2, 2), (8, 8), (9, 8)])
def test_what_ran_before_the_sizes_were_changed_is_moved_between_them(desired, begins):
    assert read(group(desiredCapacity=desired)).groups[0].desired_capacity == begins


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        (
            {"minSize": 9, "maxSize": 6},
            "`maxSize` of Group `web` must be at least its `minSize` (9), got 6",
        ),
        (
            {
                "instanceMaintenancePolicy": {
                    "minHealthyPercentage": 90,
                    "maxHealthyPercentage": 90,
                }
            },
            (
                "`instanceMaintenancePolicy.maxHealthyPercentage` of Group `web` must be from 100 "
                "to 200 (percent), got 90"
            ),
        ),
    ],
)
def test_sizes_that_contradict_each_other_are_an_error(sizes, told):
    with pytest.raises(PlanError) as raised:
        read(group(**sizes))
    assert str(raised.value) == told


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ({"region": "eu-1"}, {"region": "us-1"}, ["web in eu-1", "web in us-1"]),
        (
            {"arn": "arn:aws:autoscaling:eu-1:1:g"},
            {"region": "us-1"},
            ["web in eu-1", "web in us-1"],
        ),
        ({"region": "eu-1"}, {"region": "eu-1"}, ["one", "other"]),
        ({}, {"region": "eu-1"}, ["one", "other"]),
    ],
    ids=["regions", "by the ARN", "one region", "no region"],
)
def test_groups_of_one_name_are_told_apart(one, other, names):
    groups = [
        made(GROUP, key, **(group().properties | changes))
        for key, changes in (("one", one), ("other", other))
    ]
    grow = made(
        POLICY,
        "grow",
        {"autoscalingGroupName": (groups[1].key,)},
        name="grow",
        autoscalingGroupName="web",
        policyType="SimpleScaling",
        adjustmentType="ChangeInCapacity",
        scalingAdjustment=1,
    )

    plan = read(*groups, grow)

    assert [each.name for each in plan.groups] == names
    assert [each.group for each in plan.policies] == [names[1]]


def test_an_unknown_property_that_the_program_set_is_named():
    unknown = made(
        GROUP,
        "web",
        {"defaultInstanceWarmup": ()},
        **(group().properties | {"defaultInstanceWarmup": UNKNOWN}),
    )

    assert extra_notes(read(unknown)) == [
        (
            "groups[web].default_instance_warmup_seconds",
            "It is known only once the stack is deployed.",
        )
    ]


def test_an_unknown_property_that_aws_fills_in_is_absent():
    assert notes(read(group(desiredCapacity=UNKNOWN, defaultCooldown=UNKNOWN))) == [STARTS]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"maxInstanceLifetime": 86400}, "maxInstanceLifetime", "by age"),
        ({"suspendedProcesses": ["Launch"]}, "suspendedProcesses", "Suspended"),
        ({"capacityRebalance": True}, "capacityRebalance", "Spot"),
        ({"protectFromScaleIn": True}, "protectFromScaleIn", "Protected"),
        ({"desiredCapacityType": "vcpu"}, "desiredCapacityType", "vCPU"),
        ({"loadBalancers": ["classic"]}, "loadBalancers", "Classic"),
        (
            {"instanceMaintenancePolicy": {"minHealthyPercentage": 100}},
            "maintenance",
            "both percentages or none",
        ),
        ({"healthCheckType": "EC2,VPC_LATTICE"}, "health_check_type", "VPC_LATTICE"),
        ({"somethingNew": True}, "somethingNew", "does not know"),
        ({"somethingNew": UNKNOWN}, None, ""),
        ({"maxInstanceLifetime": 0, "desiredCapacityType": "units"}, None, ""),
        ({"instanceMaintenancePolicy": {"minHealthyPercentage": -1}}, None, ""),
        ({"healthCheckGracePeriod": "soon"}, "health_check_grace_seconds", "not a number"),
        ({"defaultCooldown": 1.5}, "default_cooldown_seconds", "whole number"),
    ],
)
def test_what_a_group_has_and_the_plan_has_not_is_named(changes, path, words):
    found = extra_notes(read(group(**changes)))

    assert [at for at, _ in found] == ([f"groups[web].{path}"] if path else [])
    assert all(words in reason for _, reason in found)


def test_a_group_in_full():
    plan = read(
        group(
            desiredCapacity=3,
            defaultInstanceWarmup=120,
            defaultCooldown=60,
            healthCheckType="ELB",
            healthCheckGracePeriod=180,
            enabledMetrics=["GroupMaxSize"],
            warmPool={"poolState": "Running", "minSize": 2, "maxGroupPreparedCapacity": 6},
            instanceRefresh={
                "strategy": "Rolling",
                "preferences": {
                    "minHealthyPercentage": 95,
                    "alarmSpecification": {"alarms": ["x"]},
                },
            },
            instanceMaintenancePolicy={"minHealthyPercentage": 90, "maxHealthyPercentage": 120},
        ),
        template(monitoring={"enabled": True}),
        made(
            HOOK,
            "ready",
            name="ready",
            autoscalingGroupName="web",
            lifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
            heartbeatTimeout=300,
            defaultResult="CONTINUE",
        ),
    )
    (found,) = plan.groups

    assert notes(plan) == []
    assert (found.desired_capacity, found.default_instance_warmup_seconds) == (3, 120)
    assert (found.default_cooldown_seconds, found.health_check_grace_seconds) == (60, 180)
    assert found.health_check_type is HealthCheckType.ELB
    assert (found.detailed_monitoring, found.group_metrics) == (True, True)
    assert found.warm_pool == WarmPool(state="Running", min_size=2, max_prepared_size=6)
    assert found.hooks == (
        LifecycleHook(name="ready", launching=True, heartbeat_timeout_seconds=300, abandons=False),
    )
    assert (found.refresh.min_healthy_percent, found.refresh.max_healthy_percent) == (95, 100)
    assert found.refresh.alarms == ("x",)
    assert found.maintenance == InstanceMaintenancePolicy(
        min_healthy_percent=90, max_healthy_percent=120
    )


def test_a_refresh_without_preferences_states_nothing():
    """The provider sends no preferences then, so that AWS's defaults hold."""
    (found,) = read(group(instanceRefresh={"strategy": "Rolling"})).groups

    assert found.refresh == InstanceRefresh()


def test_defaults_are_the_providers():
    (found,) = read().groups

    assert found.health_check_grace_seconds == 300
    assert found.default_instance_warmup_seconds is None
    assert found.health_check_type is HealthCheckType.EC2
    assert (found.detailed_monitoring, found.group_metrics) == (False, False)


def mixed(**changes):
    policy_ = {
        "launchTemplate": {
            "launchTemplateSpecification": {"launchTemplateId": "lt-1", "version": "1"},
            "overrides": [{"instanceType": "m7g.large"}, {"instanceType": "m6g.large"}],
        },
        **changes,
    }
    return group(launchTemplate=None, mixedInstancesPolicy=policy_)


def test_mixed_instances_keep_their_order():
    plan = read(mixed())

    assert extra_notes(plan) == []
    assert plan.groups[0].instance_types == ("m7g.large", "m6g.large")


def test_spot_weights_and_sizes_that_differ_are_named():
    plan = read(
        mixed(
            instancesDistribution={"onDemandPercentageAboveBaseCapacity": 0},
            launchTemplate={
                "launchTemplateSpecification": {"launchTemplateId": "lt-1", "version": "1"},
                "overrides": [
                    {"instanceType": "m7g.large", "weightedCapacity": "2"},
                    {"instanceType": "m7g.xlarge"},
                    {"instanceRequirements": {"vcpuCount": {"min": 2}}},
                ],
            },
        )
    )

    assert paths(plan) == [
        "groups[web].distribution.onDemandPercentageAboveBaseCapacity",
        "groups[web].instance_types[0].weightedCapacity",
        "groups[web].instance_types[2].instanceRequirements",
        "groups[web].vcpus_per_instance",
    ]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        (
            {"instanceMarketOptions": {"marketType": "spot"}},
            "launch_template.instanceMarketOptions",
        ),
        ({"cpuOptions": {"coreCount": 1}}, "launch_template.cpuOptions"),
        ({"instanceType": "t4g.small"}, "instance_types"),
        ({"instanceType": "u-6tb1.metal"}, "vcpus_per_instance"),
        ({"instanceType": None}, "instance_types"),
        ({"latestVersion": 2}, "launch_template"),
        ({"id": "lt-2"}, "launch_template"),
    ],
)
def test_what_a_template_says_of_instances_is_read_or_named(changes, path):
    assert paths(read(template(**changes)))[0] == f"groups[web].{path}"


def test_a_resource_whose_own_id_is_not_told_is_found_by_what_the_property_is_made_of():
    source = template(id=None)
    of = made(GROUP, "web", {"launchTemplate": (source.key,)}, **group().properties)

    assert read(of, source).groups[0].instance_types == ("m7g.large",)
    assert paths(read(of, template(id="lt-2")))[0] == "groups[web].launch_template"


def test_a_launch_configuration_monitors_in_detail_unless_it_says_no():
    configured = group(launchTemplate=None, launchConfiguration="web")

    def monitored(**changes):
        source = made(CONFIGURATION, "web", name="web", instanceType="m5.large", **changes)
        plan = read(configured, source)
        return plan.groups[0].detailed_monitoring, plan.groups[0].instance_types

    assert monitored() == (True, ("m5.large",))
    assert monitored(enableMonitoring=False) == (False, ("m5.large",))


def test_zones_come_from_subnets():
    first = made(SUBNET, "a", id="subnet-a", availabilityZone="eu-1a")
    second = made(SUBNET, "b", id="subnet-b", availabilityZone="eu-1b")
    of = group(availabilityZones=None, vpcZoneIdentifiers=["subnet-a", "subnet-b"])

    assert read(of, first, second).groups[0].zones == ("eu-1a", "eu-1b")


def test_unknown_subnets_are_those_that_the_property_is_made_of():
    first = made(SUBNET, "a", id=UNKNOWN, availabilityZone="eu-1a")
    second = made(SUBNET, "b", id=UNKNOWN, availabilityZone="eu-1b")
    third = made(SUBNET, "c", id=UNKNOWN, availabilityZone="eu-1c")
    properties = group().properties | {
        "availabilityZones": None,
        "vpcZoneIdentifiers": [UNKNOWN, UNKNOWN],
    }
    of = made(GROUP, "web", {"vpcZoneIdentifiers": (first.key, second.key)}, **properties)

    assert read(of, first, second, third).groups[0].zones == ("eu-1a", "eu-1b")


def test_subnets_of_elsewhere_are_counted_as_zones_and_named():
    plan = read(group(availabilityZones=None, vpcZoneIdentifiers=["subnet-x", "subnet-y"]))

    assert len(plan.groups[0].zones) == 2
    assert paths(plan) == ["groups[web].zones"]


@pytest.mark.parametrize(
    "attached",
    [
        made(ATTACHMENT, "one", autoscalingGroupName="web", lbTargetGroupArn="arn:targets"),
        made(
            TRAFFIC_SOURCE,
            "one",
            autoscalingGroupName="web",
            trafficSource={"identifier": "arn:targets", "type": "elbv2"},
        ),
    ],
    ids=["attachment", "traffic source"],
)
def test_target_groups_may_be_attached_elsewhere(attached):
    plan = read(group(targetGroupArns=None), attached)

    assert (plan.groups[0].target_group, extra_notes(plan)) == ("web", [])


def test_a_traffic_source_may_be_the_groups_own():
    own = group(targetGroupArns=None, trafficSources=[{"identifier": "arn:targets"}])

    assert read(own).groups[0].target_group == "web"


def test_an_unknown_target_group_is_the_only_one_that_the_property_is_made_of():
    properties = group().properties | {"targetGroupArns": [UNKNOWN]}
    of = targets(arn=UNKNOWN)
    known = made(GROUP, "web", {"targetGroupArns": (of.key, listener().key)}, **properties)

    assert read(known, of, listener(defaultActions=[])).groups[0].target_group == "web"


def test_an_unknown_target_group_of_two_is_not_decided():
    first, second = targets(arn=UNKNOWN), targets("other", arn=UNKNOWN)
    properties = group().properties | {"targetGroupArns": [UNKNOWN]}
    of = made(GROUP, "web", {"targetGroupArns": (first.key, second.key)}, **properties)

    plan = read(of, first, second)

    assert plan.groups[0].target_group is None
    assert paths(plan) == ["groups[web].target_group"]


def test_a_target_group_behind_a_rule_has_the_listeners_balancer():
    rule = made(
        RULE,
        "api",
        listenerArn="arn:listener",
        actions=[{"type": "forward", "targetGroupArn": "arn:targets"}],
    )
    plan = read(listener(arn="arn:listener", defaultActions=[{"type": "fixed-response"}]), rule)

    assert (plan.load_balancer.name, extra_notes(plan)) == ("web", [])


def test_a_share_of_the_requests_is_named():
    shares = {"targetGroups": [{"arn": "arn:targets"}, {"arn": "arn:other"}]}
    forward = {"type": "forward", "forward": shares}
    plan = read(targets(), targets("other", arn="arn:other"), listener(defaultActions=[forward]))

    assert plan.load_balancer is not None
    assert paths(plan) == ["target_groups[web]"]


def test_no_balancer_in_front_is_named():
    assert paths(read(listener(defaultActions=[]))) == ["target_groups[web]"]


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (balancer(loadBalancerType="network"), "load_balancer.type"),
        (balancer(somethingNew=1), "load_balancer.somethingNew"),
        (targets(protocol="TCP"), "target_groups[web].protocol"),
        (targets(targetType="ip"), "target_groups[web].target_type"),
        (targets(stickiness={"enabled": True}), "target_groups[web].stickiness"),
        (targets(stickiness={"type": "lb_cookie"}), "target_groups[web].stickiness"),
        (targets(healthCheck={"enabled": False}), "target_groups[web].health_check"),
        (
            targets(loadBalancingAnomalyMitigation="on"),
            "target_groups[web].loadBalancingAnomalyMitigation",
        ),
        (
            targets(loadBalancingCrossZoneEnabled="false"),
            "target_groups[web].loadBalancingCrossZoneEnabled",
        ),
        (
            targets(targetGroupHealth={"dnsFailover": {"minimumHealthyTargetsCount": "2"}}),
            "target_groups[web].target_group_health",
        ),
        (targets(loadBalancingAlgorithmType="novel"), "target_groups[web].algorithm"),
    ],
)
def test_what_load_balancing_has_and_the_plan_has_not_is_named(resource, path):
    assert paths(read(resource)) == [path]


def test_load_balancing_in_full():
    plan = read(
        balancer(idleTimeout=30, minimumLoadBalancerCapacity={"capacityUnits": 500}),
        targets(
            healthCheck={"interval": 10, "timeout": 5, "healthyThreshold": 2},
            slowStart=60,
            deregistrationDelay="90",
            loadBalancingAlgorithmType="least_outstanding_requests",
            stickiness={"enabled": False},
        ),
    )
    (found,) = plan.target_groups

    assert extra_notes(plan) == []
    assert plan.load_balancer.idle_timeout_seconds == 30
    assert plan.load_balancer.reserved_capacity_units == 500
    assert (found.check_interval_seconds, found.check_timeout_seconds) == (10, 5)
    assert (found.healthy_threshold, found.unhealthy_threshold) == (2, 3)
    assert (found.slow_start_seconds, found.deregistration_delay_seconds) == (60, 90)
    assert found.algorithm == "least_outstanding_requests"


def test_without_a_health_check_block_the_defaults_are_the_apis():
    (found,) = read().target_groups

    assert (found.healthy_threshold, found.unhealthy_threshold) == (5, 2)
    assert (found.check_interval_seconds, found.check_timeout_seconds) == (30, 6)


def predefined(name, **more):
    return tracking(predefinedMetricSpecification={"predefinedMetricType": name, **more})


def test_tracking_of_predefined_metrics():
    plan = read(predefined("ASGAverageCPUUtilization"))

    assert plan.policies == (
        TargetTracking(name="cpu", group="web", metric=TrackedMetric.CPU, target=50),
    )


def test_requests_per_target_must_be_those_of_the_groups_own_targets():
    ours = read(predefined("ALBRequestCountPerTarget", resourceLabel=LABEL))
    others = read(predefined("ALBRequestCountPerTarget", resourceLabel="app/x/1/targetgroup/x/2"))

    assert ours.policies[0].metric is TrackedMetric.REQUESTS_PER_TARGET
    assert extra_notes(ours) == []
    assert others.policies == ()
    assert paths(others) == ["policies[cpu].metric.label", "policies[cpu]"]


@pytest.mark.parametrize(("kin", "decided"), [(("web",), True), (("web", "other"), False)])
def test_an_unknown_label_is_decided_by_the_one_target_group_it_is_made_of(kin, decided):
    found = {key: targets(key, arn=f"arn:{key}") for key in kin}
    found["web"] = targets()
    source = predefined("ALBRequestCountPerTarget", resourceLabel=UNKNOWN)
    of = {"targetTrackingConfiguration": [found[key].key for key in kin]}
    known = made(POLICY, "cpu", of, **source.properties)

    plan = read(*found.values(), known)

    assert bool(plan.policies) is decided
    assert (paths(plan) == []) is decided


@pytest.mark.parametrize(
    "resource",
    [
        predefined("ASGAverageMoonPhase"),
        policy(policyType="NovelScaling"),
        policy(policyType="TargetTrackingScaling"),
        step(adjustmentType="Doubling"),
        step(stepAdjustments=[]),
        step(stepAdjustments=[{"metricIntervalLowerBound": UNKNOWN, "scalingAdjustment": 1}]),
        policy(policyType="SimpleScaling", adjustmentType="ExactCapacity"),
        policy(autoscalingGroupName="elsewhere"),
        tracking(
            customizedMetricSpecification={
                "namespace": "Shop",
                "metricName": "Busy",
                "metricDimensions": [{"name": "Zone", "value": "a"}],
            }
        ),
        tracking(
            customizedMetricSpecification={
                "namespace": "Shop",
                "metricName": "Busy",
                "metricDimensions": [{"name": "AutoScalingGroupName", "value": "other"}],
            }
        ),
    ],
)
def test_a_policy_that_has_no_exact_place_is_left_out_and_named(resource):
    plan = read(resource)

    assert plan.policies == ()
    assert f"policies[{resource.name}]" in paths(plan)


def test_a_policy_that_is_switched_off_is_not_there():
    plan = read(step(enabled=False))

    assert (plan.policies, extra_notes(plan)) == ((), [])


def test_step_and_simple_scaling_in_full():
    steps = [
        {"metricIntervalLowerBound": "10", "scalingAdjustment": 30},
        {
            "metricIntervalUpperBound": "10",
            "metricIntervalLowerBound": "0",
            "scalingAdjustment": 10,
        },
    ]
    plan = read(
        step(
            adjustmentType="PercentChangeInCapacity",
            stepAdjustments=steps,
            minAdjustmentMagnitude=2,
            estimatedInstanceWarmup=90,
            metricAggregationType="Maximum",
        ),
        policy("simple", adjustmentType="ExactCapacity", scalingAdjustment=5, cooldown=30),
        policy(
            "forecast",
            policyType="PredictiveScaling",
            predictiveScalingConfiguration={
                "mode": "ForecastAndScale",
                "maxCapacityBreachBehavior": "IncreaseMaxCapacity",
            },
        ),
    )
    forecast, simple, surge = plan.policies

    assert surge.steps == (
        StepAdjustment(lower=0, upper=10, adjustment=10),
        StepAdjustment(lower=10, upper=None, adjustment=30),
    )
    assert (surge.min_adjustment_magnitude, surge.warmup_seconds) == (2, 90)
    assert simple == SimpleScaling(
        name="simple",
        group="web",
        adjustment_type=AdjustmentType.EXACT_CAPACITY,
        adjustment=5,
        cooldown_seconds=30,
    )
    assert forecast == PredictiveScaling(name="forecast", group="web")
    assert paths(plan) == ["policies[surge].metricAggregationType", "policies[forecast].mode"]


def test_tracking_of_metric_math():
    def stat(name):
        metric = {
            "namespace": "AWS/ApplicationELB",
            "metricName": name,
            "dimensions": [{"name": "TargetGroup", "value": "targetgroup/web/2"}],
        }
        return {"metric": metric, "stat": "Sum"}

    plan = read(
        tracking(
            customizedMetricSpecification={
                "metrics": [
                    {"id": "r", "metricStat": stat("RequestCount"), "returnData": False},
                    {"id": "h", "metricStat": stat("HealthyHostCount"), "returnData": False},
                    {"id": "e", "expression": "r / h", "returnData": True},
                ]
            }
        )
    )

    assert extra_notes(plan) == []
    assert plan.policies[0].metric == MetricMath(
        expression="r / h",
        metrics=(
            ("h", Metric(namespace="AWS/ApplicationELB", name="HealthyHostCount", statistic="Sum")),
            ("r", Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum")),
        ),
    )


def test_schedules():
    plan = read(
        made(
            SCHEDULE,
            "once",
            scheduledActionName="once",
            autoscalingGroupName="web",
            startTime="2023-01-15T08:45:00Z",
            minSize=4,
            maxSize=-1,
            desiredCapacity=-1,
        ),
        made(
            SCHEDULE,
            "daily",
            scheduledActionName="daily",
            autoscalingGroupName="web",
            recurrence="0 7 * * *",
            timeZone="Europe/Berlin",
            endTime="2030-01-01T00:00:00Z",
        ),
        made(SCHEDULE, "never", scheduledActionName="never", autoscalingGroupName="web"),
    )

    assert plan.schedules == (
        # The provider takes a size that is not given for 0.
        ScheduledAction(
            name="daily",
            group="web",
            recurrence="0 7 * * *",
            time_zone="Europe/Berlin",
            end_seconds=1893456000,
            min_size=0,
            max_size=0,
            desired_capacity=0,
        ),
        ScheduledAction(name="once", group="web", start_seconds=1673772300, min_size=4),
    )
    assert paths(plan) == ["schedules[never]"]


def test_an_alarm_in_full():
    topic = made(TOPIC, "page", arn="arn:topic", name="shop-prod-alerts-page")
    plan = read(
        step(),
        topic,
        alarm(
            alarmActions=["arn:surge", "arn:topic"],
            okActions=["arn:aws:sns:eu-1:1:other-ticket"],
            datapointsToAlarm=2,
            treatMissingData="breaching",
            statistic=None,
            extendedStatistic="p95",
            namespace="AWS/ApplicationELB",
            metricName="TargetResponseTime",
            dimensions={"LoadBalancer": "app/web/1", "TargetGroup": "targetgroup/web/2"},
            evaluateLowSampleCountPercentiles="ignore",
            warmUpConfiguration={"warmUpPeriodDurationInMinutes": 5},
        ),
    )
    (found,) = plan.alarms

    assert extra_notes(plan) == []
    assert found.alarm_actions == ("surge",)
    assert (found.notifies, found.severity) == (True, "page")
    assert found.metric == Metric(
        namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="p95"
    )
    assert (found.datapoints_to_alarm, found.missing_data) == (2, "breaching")
    assert (found.ignores_low_samples, found.warm_up_minutes) == (True, 5)


def test_an_alarm_whose_actions_are_off_does_nothing():
    plan = read(step(), alarm(actionsEnabled=False, alarmActions=["arn:surge"]))

    assert (plan.alarms[0].alarm_actions, plan.alarms[0].notifies) == ((), False)


def test_unknown_actions_are_those_that_the_property_is_made_of():
    topic, surge = made(TOPIC, "page", name="a-page"), step(arn=UNKNOWN)
    of = {"alarmActions": (topic.key, surge.key, targets().key)}

    plan = read(topic, surge, alarm("high", of, alarmActions=[UNKNOWN, UNKNOWN]))

    assert (plan.alarms[0].alarm_actions, plan.alarms[0].severity) == (("surge",), "page")
    assert extra_notes(plan) == []


def test_unknown_actions_that_cannot_be_told_apart_are_named():
    first, second = step(arn=UNKNOWN), step("other", arn=UNKNOWN)
    of = {"alarmActions": (first.key, second.key)}

    plan = read(first, second, alarm("high", of, alarmActions=[UNKNOWN]))

    assert plan.alarms[0].alarm_actions == ()
    assert paths(plan) == ["alarms[high].alarm_actions"]


@pytest.mark.parametrize(
    "action",
    ["arn:aws:automate:eu-1:ec2:reboot", "arn:aws:lambda:eu-1:1:function:f", "arn:elsewhere"],
)
def test_an_action_that_is_neither_policy_nor_topic_is_named(action):
    assert paths(read(alarm(alarmActions=[action]))) == ["alarms[high].alarm_actions"]


@pytest.mark.parametrize(
    "changes",
    [
        {"dimensions": {"AutoScalingGroupName": "other"}},
        {"dimensions": {"InstanceId": "i-1"}},
        {"dimensions": None},
        {"namespace": "Shop", "dimensions": {"Zone": "a"}},
        {"thresholdMetricId": "band"},
        {"evaluationCriteria": {"promqlCriteria": {}}},
        {"comparisonOperator": "GreaterThanUpperThreshold"},
        {"threshold": None},
        {"period": 45},
        {"datapointsToAlarm": 4},
        {"metricName": None, "metricQueries": [UNKNOWN]},
        {
            "metricName": None,
            "metricQueries": [
                {"id": "a", "expression": "b + 1", "returnData": True},
                {"id": "b", "expression": "1", "returnData": False},
            ],
        },
    ],
)
def test_an_alarm_that_has_no_exact_place_is_left_out_and_named(changes):
    plan = read(alarm(**changes))

    assert plan.alarms == ()
    assert "alarms[high]" in paths(plan)


def test_an_alarm_on_what_the_simulation_does_not_know_is_kept():
    plan = read(
        alarm(namespace="AWS/SNS", metricName="NumberOfNotificationsFailed", dimensions={"T": "x"})
    )

    assert (len(plan.alarms), extra_notes(plan)) == (1, [])


def test_an_alarm_on_a_group_metric_that_is_not_published_is_left_out():
    watching = alarm(namespace="AWS/AutoScaling", metricName="GroupMaxSize")

    assert len(read(group(enabledMetrics=["GroupMaxSize"]), watching).alarms) == 1
    assert read(group(enabledMetrics=["GroupMinSize"]), watching).alarms == ()


def test_composite_alarms():
    plan = read(
        made(
            COMPOSITE,
            "page",
            alarmName="page",
            alarmRule="ALARM(arn:aws:cloudwatch:eu-1:1:alarm:high) AND NOT ALARM(quiet)",
            alarmActions=["arn:aws:sns:eu-1:1:shop-page"],
            actionsSuppressor={"alarm": "quiet", "waitPeriod": 120, "extensionPeriod": 30},
        )
    )
    (found,) = plan.composites

    assert found.rule == "ALARM(high) AND NOT ALARM(quiet)"
    assert (found.suppressor, found.wait_period_seconds, found.extension_period_seconds) == (
        "quiet",
        120,
        30,
    )
    assert (found.notifies, found.severity) == (True, "page")


NO_DEFAULT = "AWS states no default for its class"


def database(key="db", /, **changes):
    return made(
        DATABASE,
        key,
        **(
            {"identifier": key, "instanceClass": "db.r7g.xlarge", "parameterGroupName": "pg"}
            | changes
        ),
    )


def test_the_database_is_read_with_its_limit_and_proxy():
    parameters = made(
        PARAMETERS, "pg", name="pg", parameters=[{"name": "max_connections", "value": "400"}]
    )
    proxied = made(PROXY_TARGET, "proxy", dbInstanceIdentifier="db", dbProxyName="proxy")

    plan = read(database(), parameters, proxied)

    assert (plan.database.max_connections, plan.database.parallelism) == (400, 4)
    assert plan.database.proxied
    assert paths(plan) == ["database.proxied"]


def limit(name, connections):
    parameters = [{"name": "max_connections", "value": str(connections)}]
    return made(PARAMETERS, name, name=name, parameters=parameters)


TWO = (
    database("first", parameterGroupName="many", vpcSecurityGroupIds=["sg-first"]),
    limit("many", 400),
    database("second", parameterGroupName="few", vpcSecurityGroupIds=["sg-second"]),
    limit("few", 90),
)
WHICH = "which of 2 databases the instances ask is not known (first, second)"


def security_group(name, *admitted, **changes):
    ingress = [{"fromPort": 5432, "toPort": 5432, "securityGroups": list(admitted)} | changes]
    return made("aws:ec2/securityGroup:SecurityGroup", name, id=f"sg-{name}", ingress=ingress)


INSTANCES = (
    template(vpcSecurityGroupIds=["sg-web"]),
    made("aws:ec2/securityGroup:SecurityGroup", "web", id="sg-web"),
    made("aws:ec2/securityGroup:SecurityGroup", "batch", id="sg-batch"),
)


def test_of_two_databases_the_least_is_taken_and_nothing_decided():
    plan = read(*TWO)

    assert (plan.database.name, plan.database.max_connections) == ("first or second", 90)
    assert [(at.path, at.missing) for at in plan.not_seen if at.path == "database"] == [
        ("database", WHICH)
    ]


def test_of_two_databases_the_instances_ask_the_one_that_admits_them():
    groups = (security_group("first", "sg-web"), security_group("second", "sg-batch"))

    plan = read(*TWO, *INSTANCES, *groups)

    assert (plan.database.name, plan.database.max_connections) == ("first", 400)
    assert [at for at in plan.not_seen if at.path == "database"] == []


@pytest.mark.parametrize(
    "second",
    [
        (security_group("second", "sg-web"),),
        (security_group("second", "sg-batch", cidrBlocks=["10.0.0.0/8"]),),
        (security_group("second", "sg-elsewhere"),),
        (),
        (
            made("aws:ec2/securityGroup:SecurityGroup", "second", id="sg-second"),
            made(
                "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
                "in",
                securityGroupId="sg-second",
                referencedSecurityGroupId="sg-web",
            ),
        ),
        (
            made("aws:ec2/securityGroup:SecurityGroup", "second", id="sg-second"),
            made(
                "aws:ec2/securityGroupRule:SecurityGroupRule",
                "in",
                type="ingress",
                securityGroupId="sg-second",
                sourceSecurityGroupId="sg-web",
            ),
        ),
    ],
    ids=["both", "addresses", "another stack's", "not of the stack", "a rule", "an older rule"],
)
def test_a_database_that_may_admit_the_instances_is_not_left_out(second):
    plan = read(*TWO, *INSTANCES, security_group("first", "sg-web"), *second)

    assert [at.missing for at in plan.not_seen if at.path == "database"] == [WHICH]


def notes_on_database(plan):
    return [
        (at.path, at.reason, at.supply) for at in plan.not_seen if at.path.startswith("database")
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        [{"name": "max_connections", "value": "LEAST({DBInstanceClassMemory/9531392},5000)"}],
    ],
    ids=["not stated", "stated as the default"],
)
def test_without_a_stated_limit_the_class_s_default_counts(parameters):
    parameters = made(PARAMETERS, "pg", name="pg", parameters=parameters)
    small = {"instanceClass": "db.t4g.small", "engine": "postgres"}

    plan = read(database(**small), parameters)

    assert plan.database.max_connections == 191
    assert notes_on_database(plan) == [
        (
            "database.max_connections",
            (
                "No parameter group states it; of the class's default, which is 191 to 225, the "
                "least is taken."
            ),
            False,
        )
    ]


@pytest.mark.parametrize(
    ("changes", "parameters", "why"),
    [
        ({}, None, "parameter group pg is not of this stack"),
        ({"parameterGroupName": None, "engine": "oracle-ee"}, None, NO_DEFAULT),
        (
            {"parameterGroupName": "default.postgres17"},
            None,
            NO_DEFAULT,
        ),
        ({}, "{DBInstanceClassMemory/1}", "a parameter group states no number"),
    ],
    ids=["foreign group", "no default", "no engine", "a formula"],
)
def test_a_limit_that_cannot_be_told_lowers_the_verdict(changes, parameters, why):
    group = made(
        PARAMETERS, "pg", name="pg", parameters=[{"name": "max_connections", "value": parameters}]
    )

    plan = read(database(**changes), *([group] if parameters else []))

    assert plan.database.max_connections is None
    assert notes_on_database(plan) == [
        ("database.max_connections", f"It is not known, as {why}; no limit is taken.", True)
    ]


def cluster(**changes):
    return made(
        "aws:rds/cluster:Cluster",
        "shop",
        **(
            {
                "clusterIdentifier": "shop",
                "engine": "aurora-mysql",
                "dbClusterParameterGroupName": "all",
            }
            | changes
        ),
    )


def member(key, size, **changes):
    return made(
        "aws:rds/clusterInstance:ClusterInstance",
        key,
        **({"clusterIdentifier": "shop", "instanceClass": size} | changes),
    )


def of_cluster(*parameters):
    return made(
        "aws:rds/clusterParameterGroup:ClusterParameterGroup",
        "all",
        name="all",
        parameters=list(parameters),
    )


TWENTY = {"name": "max_connections", "value": "20"}


def test_a_cluster_takes_what_its_parameter_group_states():
    plan = read(cluster(), member("a", "db.r7g.xlarge"), of_cluster(TWENTY))

    assert (plan.database.name, plan.database.max_connections) == ("shop", 20)
    assert plan.database.parallelism == 4
    assert notes_on_database(plan) == []


def test_a_cluster_takes_what_its_smallest_instance_takes():
    plan = read(cluster(), member("a", "db.r7g.xlarge"), member("b", "db.t4g.medium"), of_cluster())

    assert (plan.database.max_connections, plan.database.parallelism) == (90, 2)
    assert notes_on_database(plan) == []


def test_an_instance_s_own_parameter_group_goes_before_its_cluster_s():
    own = made(PARAMETERS, "own", name="own", parameters=[TWENTY])
    wide = of_cluster(TWENTY | {"value": "900"})

    plan = read(cluster(), member("a", "db.r7g.large", dbParameterGroupName="own"), own, wide)

    assert plan.database.max_connections == 20


def test_a_cluster_of_several_zones_has_one_class():
    plan = read(cluster(engine="mysql", dbClusterInstanceClass="db.r6gd.large"), of_cluster(TWENTY))

    assert (plan.database.max_connections, plan.database.parallelism) == (20, 2)
    assert notes_on_database(plan) == []


def test_a_serverless_cluster_s_limit_is_not_told_unless_stated():
    plan = read(cluster(), member("a", "db.serverless"), of_cluster())

    assert plan.database.max_connections is None
    assert (
        "database.max_connections",
        f"It is not known, as {NO_DEFAULT}; no limit is taken.",
        True,
    ) in (notes_on_database(plan))


def test_a_cluster_behind_a_proxy_is_read_as_such():
    proxied = made(PROXY_TARGET, "proxy", dbClusterIdentifier="shop", dbProxyName="proxy")

    plan = read(cluster(), member("a", "db.r7g.large"), of_cluster(TWENTY), proxied)

    assert plan.database.proxied


def test_a_read_replica_is_not_the_database_that_instances_ask():
    replica = database("reader", replicateSourceDb="shop")

    assert read(database("shop"), replica).database.name == "shop"
