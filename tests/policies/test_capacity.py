import pytest

from tests.policies.analysis import (
    DATABASE,
    GROUP,
    PARAMETERS,
    PASSED,
    POLICY,
    PROXY_TARGET,
    SUBNET,
    TEMPLATE,
    UNKNOWN,
    Thing,
    Verdict,
    advised,
    check_stack,
    refused,
    undecided,
    unknown,
    waits,
)

PEAK, QUOTA = "asg-max-covers-peak", "asg-max-within-quota"
ZONES, TRACKING = "asg-min-survives-zone-loss", "asg-tracking-follows-surge"
CONNECTIONS = "rds-connections-cover-fleet"
SERVICE = {
    "requestsPerSecond": [80, 100],
    "bootSeconds": [60, 90],
    "connectionsPerInstance": [8, 10],
}
SURGES = {
    "small": {"trace": "x2-in-300s"},
    "sale": {"trace": "x5-in-300s", "scale": 2},
}
MEASURE = "{}, or measure it with the load test."
NO_SURGES = "name a surge in `surges`, from which normal load and peak are taken."


def _group(**properties):
    return Thing(
        GROUP,
        "web",
        {"name": "web", "minSize": 9, "maxSize": 15, "availabilityZones": ["a", "b", "c"]}
        | properties,
    )


@pytest.fixture(autouse=True)
def _stated(stated):
    stated(service=SERVICE, surges=SURGES, account={"vcpuQuota": 32})


@pytest.mark.parametrize("rule", [PEAK, QUOTA, ZONES, TRACKING, CONNECTIONS])
@pytest.mark.parametrize("things", [[], [Thing(SUBNET, "a", {})]], ids=["nothing", "subnet"])
def test_a_stack_without_group_has_no_capacity(rule, things):
    assert check_stack(rule, things) == PASSED


@pytest.mark.parametrize("rule", [PEAK, ZONES, TRACKING])
def test_which_of_two_groups_carries_the_load_is_not_known(rule):
    reason = "there are several groups, and no `surges.<name>.group` names this one."

    verdict = check_stack(rule, [_group(), Thing(GROUP, "other", {})])

    assert verdict.refusals == []
    assert verdict.notes == [("web", reason), ("other", reason)]


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        (PEAK, "requestsPerSecond"),
        (ZONES, "requestsPerSecond"),
    ],
)
def test_without_figures_nothing_is_decided(stated, rule, key):
    stated()
    assert check_stack(rule, [_group()]) == undecided(MEASURE.format(f"state service.{key}"))

    stated(service=SERVICE)
    assert check_stack(rule, [_group()]) == undecided(NO_SURGES)


@pytest.mark.parametrize(("rule", "path"), [(PEAK, "maxSize"), (ZONES, "minSize")])
def test_an_unknown_size_is_waited_for(rule, path):
    group = unknown(GROUP, "web", _group().properties, path)

    assert check_stack(rule, [group]) == waits(path)


def test_a_maximum_that_covers_the_peak_passes():
    assert check_stack(PEAK, [_group()]) == PASSED


def test_a_maximum_below_the_peak_is_refused():
    assert check_stack(PEAK, [_group(maxSize=11)]) == refused(
        "`maxSize` must be at least 12, to carry surges.sale's peak of 1000 requests/s with 20 % "
        "of head-room, got 11."
    )


def test_a_maximum_that_covers_the_peak_at_best_is_not_decided():
    assert check_stack(PEAK, [_group(maxSize=14)]) == undecided(
        "`maxSize` of 14 carries 1120 to 1400 requests/s, and surges.sale with head-room asks for "
        "1200: measure service.requestsPerSecond closer."
    )


def test_head_room_can_be_set():
    assert check_stack(PEAK, [_group()], settings={"headroomPercent": 100}) == refused(
        "`maxSize` must be at least 20, to carry surges.sale's peak of 1000 requests/s with 100 % "
        "of head-room, got 15."
    )


TEMPLATE_OF = {"launchTemplate": {"id": "lt-1"}}
LARGE = Thing(TEMPLATE, "template", {"id": "lt-1", "instanceType": "m7g.large"})


def _mixed(*types):
    overrides = [{"instanceType": each} for each in types]
    return {"mixedInstancesPolicy": {"launchTemplate": {"overrides": overrides}}}


@pytest.mark.parametrize(
    "stack",
    [
        [_group(**TEMPLATE_OF), LARGE],
        [_group(maxSize=16, **_mixed("m7g.large", "m6g.medium"))],
        [_group(maxSize=8, **TEMPLATE_OF), _group(maxSize=8, **_mixed("m7g.large")), LARGE],
    ],
    ids=["template", "mixed", "two"],
)
def test_groups_within_the_quota_pass(stack):
    assert check_stack(QUOTA, stack) == PASSED


@pytest.mark.parametrize(
    ("stack", "got"),
    [
        ([_group(maxSize=17, **TEMPLATE_OF), LARGE], 34),
        ([_group(maxSize=9, **_mixed("m7g.large", "m7g.xlarge"))], 36),
    ],
    ids=["template", "mixed"],
)
def test_groups_beyond_the_quota_are_refused(stack, got):
    assert check_stack(QUOTA, stack) == refused(
        "`maxSize` must need at most 32 vCPU (account.vcpuQuota), all groups together, "
        f"got {got} vCPU."
    )


def test_without_a_quota_nothing_is_decided(stated):
    stated()

    assert check_stack(QUOTA, [_group(**TEMPLATE_OF), LARGE]) == undecided(
        "state account.vcpuQuota: the quota L-1216C47A of the account."
    )


def test_types_that_are_not_known_are_not_decided():
    template = unknown(TEMPLATE, "template", {"id": "lt-1"}, "instanceType")
    elsewhere = unknown(GROUP, "web", {"maxSize": 1}, "launchTemplate")
    told = "the names of its instance types do not tell their vCPU."

    assert check_stack(QUOTA, [_group(**TEMPLATE_OF), template]) == waits(
        "instanceType", "template"
    )
    assert check_stack(QUOTA, [elsewhere]) == waits("launchTemplate.id")
    assert check_stack(QUOTA, [_group(**_mixed())]) == undecided(told)
    assert check_stack(QUOTA, [_group(**_mixed("t2.micro"))]) == undecided(told)


@pytest.mark.parametrize(
    "properties",
    [
        {"minSize": 5},
        {"minSize": 6, "availabilityZones": ["a", "b"]},
    ],
    ids=["three zones", "two zones"],
)
def test_a_minimum_that_survives_a_zone_passes(properties):
    assert check_stack(ZONES, [_group(**properties)]) == PASSED


@pytest.mark.parametrize(
    ("properties", "got"),
    [
        ({"minSize": 2}, "2, of which 1 stay"),
        ({"minSize": 3, "availabilityZones": ["a", "b"]}, "3, of which 1 stay"),
        ({"minSize": 4, "availabilityZones": ["a", "a"]}, "4, of which 0 stay"),
    ],
    ids=["three zones", "two zones", "one zone"],
)
def test_a_minimum_that_does_not_survive_a_zone_is_refused(properties, got):
    zones = len(set(_group(**properties).properties["availabilityZones"]))

    assert check_stack(ZONES, [_group(**properties)]) == refused(
        f"`minSize` must leave 2 instances when one of {zones} zones is lost, for a normal load "
        f"of 200 requests/s, got {got}."
    )


def test_a_minimum_that_survives_a_zone_at_best_is_not_decided():
    assert check_stack(ZONES, [_group(minSize=3)]) == undecided(
        "`minSize` of 3 leaves 2 of them when a zone is lost, which carry 160 to 200 of 200 "
        "requests/s: measure service.requestsPerSecond closer."
    )


def _subnets(*zones):
    return [
        Thing(SUBNET, f"subnet-{index}", {"id": f"subnet-{index}", "availabilityZone": zone})
        for index, zone in enumerate(zones)
    ]


IN_SUBNETS = {"availabilityZones": None, "vpcZoneIdentifiers": ["subnet-0", "subnet-1"]}


def test_zones_are_those_of_the_subnets():
    group = _group(minSize=4, **IN_SUBNETS)

    assert len(check_stack(ZONES, [group, *_subnets("a", "a")]).refusals) == 1
    assert check_stack(ZONES, [_group(minSize=6, **IN_SUBNETS), *_subnets("a", "b")]) == PASSED


def test_zones_that_are_not_known_are_not_decided():
    group = unknown(GROUP, "web", {"minSize": 9, "maxSize": 9}, "vpcZoneIdentifiers")

    assert check_stack(ZONES, [group]) == waits("vpcZoneIdentifiers")
    assert check_stack(ZONES, [_group(**IN_SUBNETS)]) == undecided(
        "`vpcZoneIdentifiers` names subnets that this stack does not make."
    )


def _tracking(target, metric="ASGAverageCPUUtilization"):
    return Thing(
        POLICY,
        "cpu",
        {
            "policyType": "TargetTrackingScaling",
            "autoscalingGroupName": "web",
            "targetTrackingConfiguration": {
                "targetValue": target,
                "predefinedMetricSpecification": {"predefinedMetricType": metric},
            },
        },
    )


def test_a_low_target_can_follow():
    assert check_stack(TRACKING, [_group(), _tracking(44)]) == PASSED


def test_a_high_target_cannot_follow_and_is_refused():
    assert check_stack(TRACKING, [_group(), _tracking(60)]) == refused(
        "`targetTrackingConfiguration.targetValue` must be at most 45, or another policy follow "
        "demand, as surges.sale grows 5 times in 297 s and a round takes 240 s, got 60.",
        "cpu",
    )


def test_quicker_detection_can_be_set():
    assert (
        check_stack(TRACKING, [_group(), _tracking(60)], settings={"detectionSeconds": 10})
        == PASSED
    )


@pytest.mark.parametrize(
    "policies",
    [
        [],
        [_tracking(60, "ALBRequestCountPerTarget")],
        [_tracking(60), Thing(POLICY, "steps", {"autoscalingGroupName": "web"})],
    ],
    ids=["none", "requests", "steps"],
)
def test_where_another_policy_follows_the_processor_need_not(policies):
    assert check_stack(TRACKING, [_group(), *policies]) == PASSED


def test_tracking_that_is_not_known_is_not_decided(stated):
    computed = _tracking(UNKNOWN)._replace(needs={"targetTrackingConfiguration": ["else"]})

    assert check_stack(TRACKING, [_group(), computed]) == waits(
        "targetTrackingConfiguration.targetValue", "cpu"
    )

    stated(surges=SURGES)
    assert check_stack(TRACKING, [_group(), _tracking(60)]) == undecided(
        MEASURE.format("state service.bootSeconds")
    )


DB = Thing(DATABASE, "db", {"identifier": "shop", "parameterGroupName": "tuned"})


def _allowing(value):
    parameters = [{"name": "max_connections", "value": value}]
    return Thing(PARAMETERS, "tuned", {"name": "tuned", "parameters": parameters})


def test_a_database_that_takes_the_fleet_passes():
    assert check_stack(CONNECTIONS, [_group(), DB, _allowing("165")]) == PASSED


def test_a_database_that_does_not_take_the_fleet_is_refused():
    assert check_stack(CONNECTIONS, [_group(), DB, _allowing("164")]) == refused(
        "`parameters` must allow at least 165 connections (`max_connections`), for `maxSize` of "
        "15 at 110 % and 10 of each instance, got 164.",
        "tuned",
    )


@pytest.mark.parametrize(
    "properties",
    [
        {"instanceRefresh": {"preferences": {"maxHealthyPercentage": 150}}},
        {"instanceMaintenancePolicy": {"maxHealthyPercentage": 150}},
    ],
    ids=["refresh", "maintenance"],
)
def test_replacing_instances_may_need_more(properties):
    assert check_stack(CONNECTIONS, [_group(**properties), DB, _allowing("224")]) == refused(
        "`parameters` must allow at least 225 connections (`max_connections`), for `maxSize` of "
        "15 at 150 % and 10 of each instance, got 224.",
        "tuned",
    )


def test_a_proxy_stands_between():
    proxy = Thing(PROXY_TARGET, "proxy", {"dbInstanceIdentifier": "shop"})

    assert check_stack(CONNECTIONS, [_group(), DB, _allowing("1"), proxy]) == PASSED


def test_a_replica_is_not_counted():
    replica = Thing(DATABASE, "replica", {"replicateSourceDb": "shop"})

    assert check_stack(CONNECTIONS, [_group(), replica]) == PASSED


def test_limits_that_are_not_known_are_not_decided(stated):
    elsewhere = "`parameterGroupName` names a parameter group that this stack does not make."
    database = unknown(DATABASE, "db", {}, "parameterGroupName")
    group = unknown(PARAMETERS, "tuned", {"name": "tuned"}, "parameters")

    assert check_stack(CONNECTIONS, [_group(), DB]) == undecided(elsewhere, "db")
    assert check_stack(CONNECTIONS, [_group(), DB, _allowing("LEAST(1,2)")]) == undecided(
        "`max_connections` is no number there.", "tuned"
    )
    assert check_stack(CONNECTIONS, [_group(), database]) == waits("parameterGroupName", "db")
    assert check_stack(CONNECTIONS, [_group(), DB, _allowing(UNKNOWN)]) == waits(
        "parameters", "tuned"
    )
    assert check_stack(CONNECTIONS, [_group(), DB, group]) == waits("parameters", "tuned")

    stated()
    assert check_stack(CONNECTIONS, [_group(), DB, _allowing("165")]) == undecided(
        MEASURE.format("state service.connectionsPerInstance"), "db"
    )


def _sized_database(size, engine="postgres", **properties):
    database = {"identifier": "shop", "engine": engine, "instanceClass": size}
    return Thing(DATABASE, "db", database | properties)


def test_where_no_group_states_it_the_default_of_the_class_counts():
    micro = _sized_database("db.t4g.micro")

    assert check_stack(CONNECTIONS, [_group(), micro]) == refused(
        "`instanceClass` must allow at least 165 connections (`max_connections`), for `maxSize` of "
        "15 at 110 % and 10 of each instance, got `db.t4g.micro`, which allows at most 112 by "
        "default.",
        "db",
    )
    assert check_stack(CONNECTIONS, [_group(), _sized_database("db.m7g.large")]) == PASSED
    named = _sized_database("db.t4g.micro", parameterGroupName="default.postgres17")
    assert check_stack(CONNECTIONS, [_group(), named]).refusals != []


def test_a_default_that_is_near_is_not_decided():
    # 225 in all of 2 GiB; the operating system takes some of it.
    assert check_stack(
        CONNECTIONS, [_group(maxSize=19), _sized_database("db.t4g.small")]
    ) == undecided(
        "`instanceClass` allows 191 to 225 connections by default, and `maxSize` of 19 at 110 % "
        "may open 209: state `max_connections` in a parameter group.",
        "db",
    )


def test_a_class_without_a_stated_default_is_not_decided():
    assert check_stack(CONNECTIONS, [_group(), _sized_database("db.serverless")]) == undecided(
        "no parameter group states `max_connections`, and AWS states no default for "
        "`db.serverless` with `postgres`.",
        "db",
    )


CLUSTER, MEMBER = "aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance"
CLUSTER_PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"


def _aurora(size="db.r7g.large", **properties):
    cluster = {"clusterIdentifier": "aurora", "engine": "aurora-postgresql"} | properties
    member = {"clusterIdentifier": "aurora", "instanceClass": size}
    return [
        Thing(CLUSTER, "cluster", cluster),
        Thing(MEMBER, "one", member | {"instanceClass": "db.r7g.xlarge"}),
        Thing(MEMBER, "two", member),
    ]


def test_a_cluster_takes_what_its_parameter_group_states():
    parameters = [{"name": "max_connections", "value": "20"}]
    tuned = Thing(CLUSTER_PARAMETERS, "tuned", {"name": "tuned", "parameters": parameters})

    cluster = _aurora(dbClusterParameterGroupName="tuned")
    assert check_stack(CONNECTIONS, [_group(), *cluster, tuned]) == refused(
        "`parameters` must allow at least 165 connections (`max_connections`), for `maxSize` of "
        "15 at 110 % and 10 of each instance, got 20.",
        "tuned",
    )


def test_a_cluster_takes_what_its_smallest_instance_takes():
    assert check_stack(CONNECTIONS, [_group(), *_aurora()]) == PASSED
    small = _aurora("db.t4g.medium", engine="aurora-mysql")
    assert check_stack(CONNECTIONS, [_group(), *small]) == refused(
        "`instanceClass` must allow at least 165 connections (`max_connections`), for `maxSize` of "
        "15 at 110 % and 10 of each instance, got `db.t4g.medium`, which allows 90 by default.",
        "two",
    )


def test_a_proxy_stands_before_a_cluster():
    proxy = Thing(PROXY_TARGET, "proxy", {"dbClusterIdentifier": "aurora"})

    small = _aurora("db.t4g.medium", engine="aurora-mysql")
    assert check_stack(CONNECTIONS, [_group(), *small, proxy]) == PASSED


def test_the_connections_of_all_groups_count_together():
    other = Thing(GROUP, "batch", {"name": "batch", "minSize": 1, "maxSize": 5})

    assert check_stack(CONNECTIONS, [_group(), other, DB, _allowing("200")]) == refused(
        "`parameters` must allow at least 220 connections (`max_connections`), for 2 groups of 23 "
        "instances at most and 10 of each instance, got 200.",
        "tuned",
    )


def test_a_surge_is_held_against_the_group_that_it_names(stated):
    named = {name: each | {"group": "web"} for name, each in SURGES.items()}
    stated(service=SERVICE, surges=named)
    other = Thing(GROUP, "other", {"name": "other", "minSize": 1, "maxSize": 1})

    verdict = check_stack(PEAK, [_group(maxSize=2), other])

    assert [urn for urn, _ in verdict.refusals] == ["web"]
    reason = "there are several groups, and no `surges.<name>.group` names this one."
    assert verdict.notes == [("other", reason)]


def _launching(*overrides, distribution=None, **group):
    policy = {"launchTemplate": {"overrides": list(overrides)}}
    if distribution is not None:
        policy["instancesDistribution"] = distribution
    return {"minSize": 2, "maxSize": 16, "mixedInstancesPolicy": policy} | group


BIG = {"instanceType": "m7g.4xlarge"}


@pytest.mark.parametrize(
    ("group", "needs"),
    [
        (_launching(BIG), 256),
        (_launching(BIG | {"weightedCapacity": "16"}), 16),
        (_launching(BIG, desiredCapacityType="vcpu"), 16),
        (_launching(BIG, distribution={"onDemandPercentageAboveBaseCapacity": 0}), 0),
        (
            _launching(
                BIG,
                distribution={
                    "onDemandBaseCapacity": 16,
                    "onDemandPercentageAboveBaseCapacity": 50,
                },
            ),
            136,
        ),
        (_launching({"instanceType": "g5.4xlarge"}), 0),
    ],
    ids=["plain", "weights", "vcpu", "spot", "part-spot", "gpu"],
)
def test_the_quota_counts_on_demand_vcpu(stated, group, needs):
    stated(account={"vcpuQuota": 1})
    verdict = check_stack("asg-max-within-quota", [Thing(GROUP, "web", group)])

    assert verdict == (
        refused(
            "`maxSize` must need at most 1 vCPU (account.vcpuQuota), all groups together, got "
            f"{needs} vCPU."
        )
        if needs
        else PASSED
    )


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        (
            _launching({"instanceRequirements": {"vcpuCount": {"min": 2}}}),
            "`instanceRequirements` leave the instance types to AWS.",
        ),
        (
            _launching(BIG, desiredCapacityType="memory-mib"),
            "`desiredCapacityType` counts memory, which does not tell vCPU.",
        ),
    ],
)
def test_vcpu_that_cannot_be_told_are_not_decided(stated, group, reason):
    stated(account={"vcpuQuota": 1})

    assert check_stack("asg-max-within-quota", [Thing(GROUP, "web", group)]) == undecided(reason)


def test_each_region_has_a_quota_of_its_own(stated):
    stated(account={"vcpuQuota": 300})
    groups = [
        Thing(GROUP, region, _launching(BIG, region=region))
        for region in ("eu-west-1", "us-east-1")
    ]

    assert check_stack("asg-max-within-quota", groups) == PASSED

    stated(account={"vcpuQuota": 200})
    assert check_stack("asg-max-within-quota", groups[:1]).messages == [
        (
            "`maxSize` must need at most 200 vCPU (account.vcpuQuota), all groups together, got "
            "256 vCPU."
        )
    ]
    assert [name for name, _ in check_stack("asg-max-within-quota", groups).refusals] == [
        "eu-west-1",
        "us-east-1",
    ]


@pytest.mark.parametrize(
    ("limit", "said"),
    [("8", refused), ("30", advised), ("40", None)],
    ids=["few", "some", "enough"],
)
@pytest.mark.parametrize("aurora", [True, False])
def test_a_few_connections_of_each_instance_are_the_least(stated, limit, said, aurora):
    stated()
    kind = "cluster" if aurora else "instance"
    group = "clusterParameterGroup" if aurora else "parameterGroup"
    path = "dbClusterParameterGroupName" if aurora else "parameterGroupName"
    stack = [
        Thing(GROUP, "web", {"minSize": 2, "maxSize": 8}),
        Thing(f"aws:rds/{kind}:{kind.title()}", "db", {path: "few"}),
        Thing(
            f"aws:rds/{group}:{group[0].upper()}{group[1:]}",
            "few",
            {"name": "few", "parameters": [{"name": "max_connections", "value": limit}]},
        ),
    ]
    verdict = check_stack("rds-connections-cover-fleet", stack)
    message = (
        "`parameters` must allow at least 40 connections (`max_connections`), 5 of each of at most "
        f"8 instances (leastConnections), got {limit}."
    )

    found = Verdict(verdict.refusals, [], verdict.advice)
    assert found == (said(message, "few") if said else PASSED)
