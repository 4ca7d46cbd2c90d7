import json

import pulumi
import pytest

from surgeproof.policies._rules import CannotJudgeError
from surgeproof.policies.scaling import stated_boot_seconds
from tests.policies.analysis import (
    ALARM,
    ATTACHMENT,
    GROUP,
    PASSED,
    POLICY,
    REMOVED,
    SUBNET,
    TEMPLATE,
    TRAFFIC_SOURCE,
    UNKNOWN,
    Thing,
    advised,
    changed,
    check,
    check_stack,
    refused,
    undecided,
    unknown,
    waits,
)

SAFE_GROUP = {
    "name": "shop-test-web",
    "minSize": 2,
    "maxSize": 6,
    "vpcZoneIdentifiers": ["subnet-1", "subnet-2"],
    "targetGroupArns": [UNKNOWN],
    "healthCheckType": "ELB",
    "defaultInstanceWarmup": 120,
    "launchTemplate": {"id": UNKNOWN, "version": UNKNOWN},
    "instanceRefresh": {"strategy": "Rolling"},
}
NEEDS = {"targetGroupArns": ["web"], "launchTemplate": ["template"]}
TEMPLATE_OF_GROUP = Thing(TEMPLATE, "template", {})
SUBNETS = [
    Thing(SUBNET, "one", {"id": "subnet-1", "availabilityZone": "eu-west-1a"}),
    Thing(SUBNET, "two", {"id": "subnet-2", "availabilityZone": "eu-west-1b"}),
]
SURGE = {
    "autoscalingGroupName": "shop-test-web",
    "policyType": "StepScaling",
    "adjustmentType": "PercentChangeInCapacity",
    "stepAdjustments": [{"scalingAdjustment": 30, "metricIntervalLowerBound": "0"}],
}
TRACKING = {
    "autoscalingGroupName": "shop-test-web",
    "policyType": "TargetTrackingScaling",
    "targetTrackingConfiguration": {
        "targetValue": 50,
        "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
    },
}
REQUESTS = changed(
    TRACKING,
    "targetTrackingConfiguration.predefinedMetricSpecification",
    {"predefinedMetricType": "ALBRequestCountPerTarget", "resourceLabel": "app/web/1/tg/web/1"},
)


@pytest.fixture
def configured(monkeypatch):
    def configure(**service):
        monkeypatch.setattr(
            pulumi.Config,
            "get_object",
            lambda self, key, default=None: service if key == "service" else default,
        )

    configure()
    return configure


@pytest.fixture
def group_in(configured):
    def build(path=None, value=None, needs=NEEDS):
        properties = SAFE_GROUP if path is None else changed(SAFE_GROUP, path, value)
        return Thing(GROUP, "group", properties, needs)

    return build


@pytest.mark.parametrize(
    "rule", ["asg-uses-launch-template", "asg-warmup-covers-boot", "asg-desired-capacity-unset"]
)
def test_a_safe_group_passes(rule, configured):
    configured(bootSeconds=100)

    assert check(rule, GROUP, SAFE_GROUP) == PASSED


def test_launch_configuration_is_refused():
    group = SAFE_GROUP | {"launchConfiguration": "old"}

    assert check("asg-uses-launch-template", GROUP, group) == refused(
        "`launchConfiguration` must not be set: use `launchTemplate` or `mixedInstancesPolicy`, "
        "got `old`."
    )


def test_unknown_launch_configuration_is_not_decided():
    group = SAFE_GROUP | {"launchConfiguration": UNKNOWN}

    assert check("asg-uses-launch-template", GROUP, group) == waits("launchConfiguration")


@pytest.mark.parametrize(
    ("value", "boot", "message"),
    [
        (
            REMOVED,
            None,
            (
                "`defaultInstanceWarmup` must be set, in seconds, "
                "got nothing, which means the cooldown's 300 s."
            ),
        ),
        (
            REMOVED,
            90,
            (
                "`defaultInstanceWarmup` must be set, in seconds, "
                "at least 108 (service.bootSeconds at its longest), "
                "got nothing, which means the cooldown's 300 s."
            ),
        ),
        (-1, None, "`defaultInstanceWarmup` must be set, in seconds, got -1."),
        (
            119,
            100,
            (
                "`defaultInstanceWarmup` must be "
                "at least 120 (service.bootSeconds at its longest), got 119."
            ),
        ),
        (
            120,
            [90, 150],
            (
                "`defaultInstanceWarmup` must be "
                "at least 150 (service.bootSeconds at its longest), got 120."
            ),
        ),
    ],
    ids=["absent", "absent-boot-stated", "switched-off", "too-short", "short-of-the-longer-end"],
)
def test_warmup_that_does_not_cover_the_boot_is_refused(value, boot, message, configured):
    configured(**({} if boot is None else {"bootSeconds": boot}))

    verdict = check(
        "asg-warmup-covers-boot", GROUP, changed(SAFE_GROUP, "defaultInstanceWarmup", value)
    )

    assert verdict == refused(message)


def test_warmup_without_a_stated_boot_time_is_not_decided(configured):
    assert check("asg-warmup-covers-boot", GROUP, SAFE_GROUP) == undecided(
        "state service.bootSeconds, or measure it with the load test."
    )


def test_unknown_warmup_is_not_decided(configured):
    configured(bootSeconds=60)

    verdict = check(
        "asg-warmup-covers-boot", GROUP, SAFE_GROUP | {"defaultInstanceWarmup": UNKNOWN}
    )

    assert verdict == waits("defaultInstanceWarmup")


@pytest.mark.parametrize(
    ("service", "seconds"),
    [
        ({"bootSeconds": 100}, 120),
        ({"bootSeconds": [80, 100.5]}, 100.5),
        ({}, None),
    ],
)
def test_boot_time_is_read_from_the_stack_s_configuration(service, seconds):
    settings = pulumi.runtime.settings.Settings(project="shop", stack="test", dry_run=True)
    pulumi.runtime.configure(settings)
    pulumi.runtime.set_config("shop:service", json.dumps(service))

    assert stated_boot_seconds() == seconds


BOOT_RULE = "be a number from 1 to 3000, or a list of two such numbers, the lower one first"


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ("{", "`service` in the stack's settings must be a map"),
        ("90", "`service` in the stack's settings must be a map"),
        ('{"bootSeconds": "soon"}', f"`service.bootSeconds` must {BOOT_RULE}"),
        ('{"bootSeconds": [1, "x"]}', f"`service.bootSeconds` must {BOOT_RULE}"),
    ],
)
def test_boot_time_of_a_broken_configuration_does_not_count_as_not_stated(service, reason):
    settings = pulumi.runtime.settings.Settings(project="shop", stack="test", dry_run=True)
    pulumi.runtime.configure(settings)
    pulumi.runtime.set_config("shop:service", service)

    with pytest.raises(CannotJudgeError) as raised:
        stated_boot_seconds()
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("value", "got"),
    [(4, "4"), (UNKNOWN, "a value that is known only during `up`")],
    ids=["number", "unknown"],
)
def test_desired_capacity_in_code_is_refused(value, got):
    verdict = check("asg-desired-capacity-unset", GROUP, SAFE_GROUP | {"desiredCapacity": value})

    assert verdict == refused(
        f"`desiredCapacity` must not be set, or be in `ignore_changes`, got {got}."
    )


def test_desired_capacity_only_for_the_start_passes():
    verdict = check(
        "asg-desired-capacity-unset",
        GROUP,
        SAFE_GROUP | {"desiredCapacity": 4},
        ignore_changes=["desiredCapacity"],
    )

    assert verdict == PASSED


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        (UNKNOWN, PASSED),
        ("7", PASSED),
        (7, PASSED),
        (
            "$Latest",
            refused(
                "`launchTemplate.version` must be a version's number, from the template's output, "
                "got `$Latest`.",
                "group",
            ),
        ),
        (
            REMOVED,
            refused(
                "`launchTemplate.version` must be a version's number, from the template's output, "
                "got nothing, which means `$Default`.",
                "group",
            ),
        ),
    ],
    ids=["of-the-template", "pinned", "pinned-number", "latest", "default"],
)
def test_refresh_pins_the_template(version, verdict, group_in):
    group = group_in("launchTemplate.version", version)

    assert check_stack("asg-refresh-pins-template", [group, TEMPLATE_OF_GROUP]) == verdict


def test_refresh_pins_every_template_of_mixed_instances():
    group = Thing(
        GROUP,
        "group",
        {
            "instanceRefresh": {"strategy": "Rolling"},
            "mixedInstancesPolicy": {
                "launchTemplate": {
                    "launchTemplateSpecification": {"launchTemplateId": "lt-1", "version": "3"},
                    "overrides": [
                        {"instanceType": "m7g.large"},
                        {
                            "instanceType": "m7i.large",
                            "launchTemplateSpecification": {"version": "$Default"},
                        },
                    ],
                }
            },
        },
    )

    assert check_stack("asg-refresh-pins-template", [group]) == refused(
        "`mixedInstancesPolicy.launchTemplate.overrides[1].launchTemplateSpecification.version` "
        "must be a version's number, from the template's output, got `$Default`.",
        "group",
    )


def test_version_made_of_two_templates_is_not_decided(group_in):
    group = group_in(needs={"launchTemplate": ["template", "other"]})

    verdict = check_stack(
        "asg-refresh-pins-template", [group, TEMPLATE_OF_GROUP, Thing(TEMPLATE, "other", {})]
    )

    assert verdict == waits("launchTemplate.version", "group")


def test_latest_without_instance_refresh_is_no_matter_of_this_rule(group_in):
    group = Thing(GROUP, "group", {"launchTemplate": {"id": "lt-1", "version": "$Latest"}})

    assert check_stack("asg-refresh-pins-template", [group]) == PASSED


HEALTH = "asg-uses-load-balancer-health"
ALONE = changed(changed(SAFE_GROUP, "targetGroupArns", REMOVED), "healthCheckType", REMOVED)


def test_a_group_with_the_load_balancer_s_health_passes(group_in):
    assert check_stack(HEALTH, [group_in()]) == PASSED


def test_a_group_behind_nothing_may_use_ec2_s_health():
    assert check_stack(HEALTH, [Thing(GROUP, "group", ALONE)]) == PASSED


@pytest.mark.parametrize(
    ("value", "got"), [("EC2", "`EC2`"), (REMOVED, "nothing, which means EC2")], ids=["ec2", "none"]
)
def test_ec2_s_health_behind_a_target_group_is_refused(value, got, group_in):
    assert check_stack(HEALTH, [group_in("healthCheckType", value)]) == refused(
        f"`healthCheckType` must be `ELB`, as `targetGroupArns` names a load balancer, got {got}.",
        "group",
    )


@pytest.mark.parametrize(
    ("type_", "label"),
    [(ATTACHMENT, "Attachment"), (TRAFFIC_SOURCE, "TrafficSourceAttachment")],
)
@pytest.mark.parametrize(
    ("name", "needs"),
    [("shop-test-web", {}), (UNKNOWN, {"autoscalingGroupName": ["group"]})],
    ids=["by-name", "by-dependency"],
)
def test_a_group_that_something_attaches_is_behind_a_load_balancer(type_, label, name, needs):
    attachment = Thing(type_, "web", {"autoscalingGroupName": name}, needs)

    verdict = check_stack(HEALTH, [Thing(GROUP, "group", ALONE), attachment])

    assert verdict == refused(
        f"`healthCheckType` must be `ELB`, as {label} `web` attaches a load balancer, "
        "got nothing, which means EC2.",
        "group",
    )


@pytest.mark.parametrize(
    ("things", "verdict"),
    [
        pytest.param(
            [
                Thing(
                    GROUP,
                    "group",
                    SAFE_GROUP | {"healthCheckType": UNKNOWN},
                    NEEDS | {"healthCheckType": ["x"]},
                ),
                Thing(TEMPLATE, "x", {}),
                Thing(TEMPLATE, "web", {}),
            ],
            waits("healthCheckType", "group"),
            id="health-check-type",
        ),
        pytest.param(
            [
                Thing(
                    GROUP,
                    "group",
                    SAFE_GROUP | {"healthCheckType": "EC2", "targetGroupArns": UNKNOWN},
                    NEEDS,
                ),
                Thing(TEMPLATE, "web", {}),
                TEMPLATE_OF_GROUP,
            ],
            waits("targetGroupArns", "group"),
            id="target-groups",
        ),
        pytest.param(
            [
                Thing(GROUP, "one", ALONE),
                Thing(GROUP, "two", ALONE),
                Thing(
                    ATTACHMENT,
                    "web",
                    {"autoscalingGroupName": UNKNOWN},
                    {"autoscalingGroupName": ["one", "two"]},
                ),
            ],
            waits("autoscalingGroupName", "web"),
            id="attached-to-either-of-two",
        ),
    ],
)
def test_unknown_health_check_is_not_decided(things, verdict):
    assert check_stack(HEALTH, things) == verdict


def test_what_the_provider_will_compute_does_not_make_a_rule_wait():
    group = ALONE | {"targetGroupArns": UNKNOWN, "loadBalancers": UNKNOWN}

    assert check_stack(HEALTH, [Thing(GROUP, "group", group)]) == PASSED


ZONES = "asg-spans-zones"


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(Thing(GROUP, "group", SAFE_GROUP), id="ids"),
        pytest.param(
            Thing(
                GROUP,
                "group",
                SAFE_GROUP | {"vpcZoneIdentifiers": [UNKNOWN, UNKNOWN]},
                {"vpcZoneIdentifiers": ["one", "two"]},
            ),
            id="dependencies",
        ),
        pytest.param(
            Thing(GROUP, "group", {"availabilityZones": ["eu-west-1a", "eu-west-1b"]}), id="zones"
        ),
    ],
)
def test_a_group_in_two_zones_passes(group):
    assert check_stack(ZONES, [group, *SUBNETS]) == PASSED


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        pytest.param(
            {"vpcZoneIdentifiers": ["subnet-1"]},
            "`vpcZoneIdentifiers` must name subnets in at least 2 Availability Zones, "
            "got 1 subnet.",
            id="one-subnet",
        ),
        pytest.param(
            {},
            "`vpcZoneIdentifiers` must name subnets in at least 2 Availability Zones, "
            "got 0 subnets.",
            id="none",
        ),
        pytest.param(
            {"vpcZoneIdentifiers": ["subnet-1", "subnet-3"]},
            "`vpcZoneIdentifiers` must name subnets in at least 2 Availability Zones, "
            "got 2 subnets, all in `eu-west-1a`.",
            id="same-zone",
        ),
        pytest.param(
            {"availabilityZones": ["eu-west-1a"], "vpcZoneIdentifiers": ["subnet-1", "subnet-2"]},
            "`availabilityZones` must name at least 2 zones, got `eu-west-1a`.",
            id="one-zone",
        ),
    ],
)
def test_a_group_in_one_zone_is_refused(properties, message):
    third = Thing(SUBNET, "three", {"id": "subnet-3", "availabilityZone": "eu-west-1a"})
    group = Thing(GROUP, "group", properties)

    assert check_stack(ZONES, [group, *SUBNETS, third]) == refused(message, "group")


@pytest.mark.parametrize(
    ("group", "verdict"),
    [
        pytest.param(
            Thing(
                GROUP,
                "group",
                {"vpcZoneIdentifiers": UNKNOWN},
                {"vpcZoneIdentifiers": ["one", "two"]},
            ),
            waits("vpcZoneIdentifiers", "group"),
            id="list",
        ),
        pytest.param(
            Thing(
                GROUP,
                "group",
                {"vpcZoneIdentifiers": [UNKNOWN, UNKNOWN]},
                {"vpcZoneIdentifiers": ["one"]},
            ),
            waits("vpcZoneIdentifiers", "group"),
            id="entries",
        ),
        pytest.param(
            Thing(GROUP, "group", {"vpcZoneIdentifiers": ["subnet-8", "subnet-9"]}),
            undecided("`vpcZoneIdentifiers` names subnets that this stack does not make.", "group"),
            id="adopted",
        ),
    ],
)
def test_zones_that_cannot_be_told_are_not_decided(group, verdict):
    assert check_stack(ZONES, [group, *SUBNETS]) == verdict


AGREE = "asg-policies-agree"
CPU = Thing(POLICY, "cpu", TRACKING)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Thing(POLICY, "surge", SURGE), id="adding-steps"),
        pytest.param(Thing(POLICY, "requests", REQUESTS), id="another-metric"),
        pytest.param(
            Thing(POLICY, "cpu-elsewhere", TRACKING | {"autoscalingGroupName": "other"}),
            id="another-group",
        ),
        pytest.param(
            Thing(POLICY, "forecast", SURGE | {"policyType": "PredictiveScaling"}), id="predictive"
        ),
    ],
)
def test_policies_that_agree_pass(other):
    assert check_stack(AGREE, [CPU, other]) == PASSED


def test_removing_steps_pass_without_target_tracking():
    steps = changed(SURGE, "stepAdjustments[0].scalingAdjustment", -10)

    assert check_stack(AGREE, [Thing(POLICY, "down", steps)]) == PASSED


@pytest.mark.parametrize(
    ("other", "message"),
    [
        pytest.param(
            changed(SURGE, "stepAdjustments[0].scalingAdjustment", -10),
            "`stepAdjustments[0].scalingAdjustment` must be at least 0 beside the target tracking "
            "of Policy `cpu`, got -10.",
            id="removing-steps",
        ),
        pytest.param(
            SURGE | {"adjustmentType": "ExactCapacity"},
            "`adjustmentType` must be `ChangeInCapacity` or `PercentChangeInCapacity` beside the "
            "target tracking of Policy `cpu`, got `ExactCapacity`.",
            id="exact-capacity",
        ),
        pytest.param(
            SURGE | {"policyType": "SimpleScaling"},
            "`policyType` must be `StepScaling`, `TargetTrackingScaling` or `PredictiveScaling`, "
            "got `SimpleScaling`.",
            id="simple",
        ),
        pytest.param(
            changed(SURGE, "policyType", REMOVED),
            "`policyType` must be `StepScaling`, `TargetTrackingScaling` or `PredictiveScaling`, "
            "got nothing, which means `SimpleScaling`.",
            id="simple-by-default",
        ),
        pytest.param(
            changed(TRACKING, "targetTrackingConfiguration.targetValue", 70),
            "`targetTrackingConfiguration.predefinedMetricSpecification` must name another metric "
            "than Policy `cpu`, got `ASGAverageCPUUtilization`.",
            id="same-metric",
        ),
    ],
)
def test_policies_that_pull_apart_are_refused(other, message):
    said = advised if "SimpleScaling" in message else refused
    assert check_stack(AGREE, [CPU, Thing(POLICY, "other", other)]) == said(message, "other")


def test_same_metric_of_one_s_own_is_refused_too():
    custom = {
        "customizedMetricSpecification": {
            "namespace": "Shop",
            "metricName": "Queue",
            "statistic": "Average",
        }
    }
    policies = [
        Thing(
            POLICY, name, TRACKING | {"targetTrackingConfiguration": custom | {"targetValue": at}}
        )
        for name, at in (("one", 5), ("two", 9))
    ]

    assert check_stack(AGREE, policies) == refused(
        "`targetTrackingConfiguration.customizedMetricSpecification` must name another metric than "
        "Policy `one`, got the same.",
        "two",
    )


@pytest.mark.parametrize(
    ("things", "verdict"),
    [
        pytest.param(
            [
                CPU,
                Thing(
                    POLICY,
                    "surge",
                    changed(SURGE, "stepAdjustments[0].scalingAdjustment", UNKNOWN),
                    {"stepAdjustments": ["cpu"]},
                ),
            ],
            waits("stepAdjustments[0].scalingAdjustment", "surge"),
            id="adjustment",
        ),
        pytest.param(
            [
                Thing(POLICY, "surge", SURGE | {"policyType": UNKNOWN}, {"policyType": ["cpu"]}),
                CPU,
            ],
            waits("policyType", "surge"),
            id="kind",
        ),
        pytest.param(
            [
                Thing(
                    POLICY,
                    "surge",
                    SURGE | {"autoscalingGroupName": UNKNOWN},
                    {"autoscalingGroupName": ["one", "two"]},
                ),
                Thing(GROUP, "one", {}),
                Thing(GROUP, "two", {}),
            ],
            waits("autoscalingGroupName", "surge"),
            id="group",
        ),
        pytest.param(
            [
                Thing(
                    POLICY,
                    name,
                    changed(
                        REQUESTS,
                        "targetTrackingConfiguration.predefinedMetricSpecification.resourceLabel",
                        UNKNOWN,
                    ),
                    {"targetTrackingConfiguration": ["cpu"]},
                )
                for name in ("one", "two")
            ]
            + [CPU],
            waits("targetTrackingConfiguration", "two"),
            id="target-group",
        ),
    ],
)
def test_unknown_policies_are_not_decided(things, verdict):
    assert check_stack(AGREE, things) == verdict


SAFE_REFRESH = {
    "instanceRefresh": {
        "strategy": "Rolling",
        "preferences": {
            "alarmSpecification": {"alarms": ["shop-test-web-errors"]},
            "minHealthyPercentage": 100,
            "scaleInProtectedInstances": "Wait",
        },
    }
}
PREFERENCES = "instanceRefresh.preferences"
GUARDED, GRACE, TYPES = "asg-refresh-guarded", "asg-grace-covers-boot", "asg-several-instance-types"
TAGS, FOLLOWS = "asg-propagates-tags", "asg-follows-demand"
SEVERAL = "mixedInstancesPolicy.launchTemplate.overrides"


def _mixed(*overrides):
    return {"mixedInstancesPolicy": {"launchTemplate": {"overrides": list(overrides)}}}


@pytest.mark.parametrize(
    ("rule", "properties"),
    [
        (GUARDED, SAFE_REFRESH),
        (GUARDED, {}),
        (
            GUARDED,
            changed(SAFE_REFRESH, f"{PREFERENCES}.minHealthyPercentage", REMOVED)
            | {"instanceMaintenancePolicy": {"minHealthyPercentage": 100}},
        ),
        (TYPES, _mixed({"instanceType": "m7g.large"}, {"instanceType": "m6g.large"})),
        (TYPES, _mixed({"instanceRequirements": {"vcpuCount": {"min": 2}}})),
        (TAGS, {"tags": [{"key": "Name", "value": "web", "propagateAtLaunch": True}]}),
        (TAGS, {}),
        (GRACE, {"healthCheckType": "EC2", "healthCheckGracePeriod": 0}),
        (GRACE, {"healthCheckType": "ELB", "healthCheckGracePeriod": 120}),
        (GRACE, {"healthCheckType": "ELB"}),
    ],
    ids=range(10),
)
def test_a_careful_group_passes(stated, rule, properties):
    stated(service={"bootSeconds": 100})

    assert check(rule, GROUP, properties) == PASSED


@pytest.mark.parametrize(
    ("rule", "properties", "message"),
    [
        (
            GUARDED,
            changed(SAFE_REFRESH, f"{PREFERENCES}.alarmSpecification", REMOVED),
            (
                f"`{PREFERENCES}.alarmSpecification.alarms` must name alarms that stop it, "
                "got nothing."
            ),
        ),
        (
            GUARDED,
            changed(SAFE_REFRESH, f"{PREFERENCES}.minHealthyPercentage", REMOVED),
            (
                f"`{PREFERENCES}.minHealthyPercentage` must be at least 100, "
                "got nothing, which means 90."
            ),
        ),
        (
            GUARDED,
            changed(SAFE_REFRESH, f"{PREFERENCES}.minHealthyPercentage", 50),
            f"`{PREFERENCES}.minHealthyPercentage` must be at least 100, got 50.",
        ),
        (
            GUARDED,
            changed(SAFE_REFRESH, f"{PREFERENCES}.scaleInProtectedInstances", REMOVED),
            (
                f"`{PREFERENCES}.scaleInProtectedInstances` must be `Refresh`, `Ignore` or `Wait`, "
                "got nothing."
            ),
        ),
        (TYPES, {}, f"`{SEVERAL}` must name at least 2 instance types, got 0."),
        (
            TYPES,
            _mixed({"instanceType": "m7g.large"}, {"instanceType": "m7g.large"}),
            f"`{SEVERAL}` must name at least 2 instance types, got 1.",
        ),
        (
            TAGS,
            {"tags": [{"key": "Name", "value": "web", "propagateAtLaunch": False}]},
            "`tags[0].propagateAtLaunch` must be true, got false.",
        ),
        (
            GRACE,
            {"healthCheckType": "ELB", "healthCheckGracePeriod": 599},
            (
                "`healthCheckGracePeriod` must be at least 600 (service.bootSeconds at its "
                "longest), got 599."
            ),
        ),
        (
            GRACE,
            {"healthCheckType": "ELB"},
            (
                "`healthCheckGracePeriod` must be at least 600 (service.bootSeconds at its "
                "longest), got nothing, which means 300."
            ),
        ),
    ],
    ids=range(9),
)
def test_a_careless_group_is_refused(stated, rule, properties, message):
    stated(service={"bootSeconds": [300, 600]})

    works = rule == GUARDED and "got 50" not in message
    assert check(rule, GROUP, properties) == (advised if works else refused)(message)


@pytest.mark.parametrize(
    ("rule", "properties", "path"),
    [
        (GUARDED, {"instanceRefresh": UNKNOWN}, "instanceRefresh"),
        (
            GUARDED,
            changed(SAFE_REFRESH, f"{PREFERENCES}.scaleInProtectedInstances", UNKNOWN),
            f"{PREFERENCES}.scaleInProtectedInstances",
        ),
        (TYPES, _mixed(UNKNOWN), SEVERAL),
        (TYPES, {"mixedInstancesPolicy": UNKNOWN}, SEVERAL),
        (TAGS, {"tags": UNKNOWN}, "tags"),
        (
            GRACE,
            {"healthCheckType": "ELB", "healthCheckGracePeriod": UNKNOWN},
            "healthCheckGracePeriod",
        ),
        (GRACE, {"healthCheckType": UNKNOWN}, "healthCheckType"),
    ],
    ids=range(7),
)
def test_what_is_not_known_of_a_group_is_waited_for(stated, rule, properties, path):
    stated(service={"bootSeconds": 100})

    assert check(rule, GROUP, properties) == waits(path)


def test_without_boot_time_the_grace_is_not_decided(stated):
    stated()

    assert check(GRACE, GROUP, {"healthCheckType": "ELB"}) == undecided(
        "state service.bootSeconds, or measure it with the load test."
    )


SCALING_GROUP = Thing(GROUP, "web", {"name": "web", "minSize": 2, "maxSize": 6})
NO_DEMAND = (
    "`name` must have a policy that follows demand (`ALBRequestCountPerTarget`, or a metric of the "
    "load balancer or the application), got {}."
)


def _follower(name="policy", **tracking):
    return Thing(
        POLICY,
        name,
        {
            "arn": f"{name}-arn",
            "autoscalingGroupName": "web",
            "policyType": "TargetTrackingScaling",
            "targetTrackingConfiguration": tracking,
        },
    )


def _predefined(kind):
    return _follower(predefinedMetricSpecification={"predefinedMetricType": kind})


STEPS = Thing(
    POLICY,
    "policy",
    {"arn": "policy-arn", "autoscalingGroupName": "web", "policyType": "StepScaling"},
)


def _driver(namespace):
    metric = {"metric": {"namespace": namespace, "metricName": "RequestCount"}}
    return Thing(
        ALARM, "surge", {"alarmActions": ["policy-arn"], "metricQueries": [{"id": "m"} | metric]}
    )


@pytest.mark.parametrize(
    "stack",
    [
        [_predefined("ALBRequestCountPerTarget")],
        [_follower(customizedMetricSpecification={"namespace": "Shop", "metricName": "Waiting"})],
        [STEPS, _driver("AWS/ApplicationELB")],
        [
            _predefined("ASGAverageCPUUtilization"),
            _follower("own", customizedMetricSpecification={}),
        ],
    ],
    ids=["requests", "custom", "steps", "beside"],
)
def test_a_group_that_follows_demand_passes(stack):
    assert check_stack(FOLLOWS, [SCALING_GROUP, *stack]) == PASSED


def test_a_group_of_one_size_follows_nothing():
    assert check_stack(FOLLOWS, [Thing(GROUP, "web", {"minSize": 3, "maxSize": 3})]) == PASSED


@pytest.mark.parametrize(
    ("group", "others"),
    [
        ({"targetGroupArns": ["arn:targets"]}, []),
        ({}, [Thing(ATTACHMENT, "serves", {"autoscalingGroupName": "web"})]),
    ],
    ids=["by itself", "attached"],
)
def test_a_group_of_one_size_behind_a_load_balancer_is_advised_to_scale(group, others):
    fixed = Thing(GROUP, "web", {"name": "web", "minSize": 3, "maxSize": 3} | group)

    assert check_stack(FOLLOWS, [fixed, *others]) == advised(
        "`maxSize` must be above `minSize`, with a policy that follows demand, got 3, a fleet of "
        "fixed size."
    )
    # With a policy, asg-has-room-to-grow refuses it.
    assert check_stack(FOLLOWS, [fixed, *others, _predefined("ASGAverageCPUUtilization")]) == PASSED


@pytest.mark.parametrize(
    ("stack", "got"),
    [
        ([], "no policy"),
        ([_predefined("ASGAverageCPUUtilization")], "1 that do not"),
        ([_follower(customizedMetricSpecification={"namespace": "AWS/EC2"})], "1 that do not"),
        ([STEPS], "1 that do not"),
        ([STEPS, _driver("AWS/EC2")], "1 that do not"),
        (
            [Thing(POLICY, "policy", {"autoscalingGroupName": "other", "policyType": "x"})],
            "no policy",
        ),
    ],
    ids=["none", "processor", "custom", "steps", "driven", "other"],
)
def test_a_group_that_follows_saturation_is_refused(stack, got):
    said = refused if got == "no policy" else advised
    assert check_stack(FOLLOWS, [SCALING_GROUP, *stack]) == said(NO_DEMAND.format(got))


@pytest.mark.parametrize(
    "idle", [{"enabled": False}, {"policyType": "PredictiveScaling"}], ids=["disabled", "forecast"]
)
def test_policies_that_do_not_act_follow_nothing(idle):
    policy = Thing(POLICY, "policy", {"autoscalingGroupName": "web", "policyType": "x"} | idle)

    assert check_stack(FOLLOWS, [SCALING_GROUP, policy]) == refused(
        NO_DEMAND.format("1 that do not")
    )


@pytest.mark.parametrize(
    ("tags", "who"),
    [
        ([{"key": "AmazonECSManaged", "value": ""}], "an ECS capacity provider"),
        ([{"key": "eks:cluster-name", "value": "x"}], "EKS"),
        (
            [{"key": "k8s.io/cluster-autoscaler/enabled", "value": "true"}],
            "the Kubernetes Cluster Autoscaler",
        ),
        ([{"key": "kubernetes.io/cluster/shop", "value": "owned"}], "a Kubernetes cluster"),
        ([{"key": "elasticbeanstalk:environment-id", "value": "e"}], "Elastic Beanstalk"),
    ],
)
def test_a_group_that_a_platform_scales_is_not_decided(tags, who):
    group = Thing(GROUP, "web", {**SCALING_GROUP.properties, "tags": tags})

    assert check_stack(FOLLOWS, [group]) == undecided(
        f"it is scaled by {who}, by the tag `{tags[0]['key']}`, which is not read."
    )


@pytest.mark.parametrize("status", ["ENABLED", "DISABLED"])
def test_a_group_of_a_capacity_provider_is_not_decided_where_it_is_managed(status):
    provider = Thing(
        "aws:ecs/capacityProvider:CapacityProvider",
        "spare",
        {
            "autoScalingGroupProvider": {
                "autoScalingGroupArn": "arn:group",
                "managedScaling": {"status": status},
            }
        },
    )
    group = Thing(GROUP, "web", {**SCALING_GROUP.properties, "arn": "arn:group"})

    assert check_stack(FOLLOWS, [group, provider]) == (
        undecided("it is scaled by ECS, by CapacityProvider `spare`, which is not read.")
        if status == "ENABLED"
        else refused(NO_DEMAND.format("no policy"))
    )


def test_policies_that_are_not_known_may_follow_demand():
    tracking = unknown(POLICY, "policy", _follower().properties, "targetTrackingConfiguration")
    loose = unknown(POLICY, "policy", _follower().properties, "autoscalingGroupName")

    assert check_stack(FOLLOWS, [SCALING_GROUP, tracking]) == waits(
        "targetTrackingConfiguration", "policy"
    )
    assert check_stack(FOLLOWS, [SCALING_GROUP, loose]) == waits("autoscalingGroupName", "policy")
