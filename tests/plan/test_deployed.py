"""What AWS answers, in the plan: on answers shaped as AWS's, since moto loses properties."""

import copy
import json
from datetime import datetime
from pathlib import Path

import botocore.session
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

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
    StepScaling,
    TargetTracking,
    TrackedMetric,
    WarmPool,
)
from surgeproof.plan.configured import Configured
from surgeproof.plan.deployed import read_deployed

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text("utf-8"))
MODELS = botocore.session.get_session()


def operations():
    return [(service, name) for service, answers in RECORDED.items() for name in answers]


def misfits(shape, value, path):
    """Yield where a value is not one that AWS would answer."""
    kinds = {"string": str, "integer": int, "double": float, "boolean": bool, "float": float}
    if shape.type_name == "structure":
        for key, inner in value.items():
            if key not in shape.members:
                yield f"{path}.{key} does not exist"
            else:
                yield from misfits(shape.members[key], inner, f"{path}.{key}")
    elif shape.type_name == "list":
        for index, inner in enumerate(value):
            yield from misfits(shape.member, inner, f"{path}[{index}]")
    elif shape.type_name == "timestamp":
        datetime.fromisoformat(value)
    elif type(value) is not kinds[{"long": "integer"}.get(shape.type_name, shape.type_name)]:
        yield f"{path} is {value!r}, no {shape.type_name}"
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is {value!r}, none of {shape.enum}"


@pytest.mark.parametrize(("service", "operation"), operations())
def test_a_recorded_answer_has_the_shape_of_awss(service, operation):
    model = MODELS.get_service_model(service)
    names = {name.lower(): name for name in model.operation_names}
    shape = model.operation_model(names[operation.replace("_", "")]).output_shape

    assert list(misfits(shape, RECORDED[service][operation], operation)) == []


class Client:
    """Answers what was recorded, timestamps as botocore gives them, the request unread."""

    def __init__(self, answers):
        self.answers = answers

    def can_paginate(self, operation):
        return operation != "describe_target_group_attributes"

    def get_paginator(self, operation):
        client = self

        class Pages:
            def paginate(self, **request):
                return [getattr(client, operation)(**request)]

        return Pages()

    def __getattr__(self, operation):
        def call(**request):
            answer = self.answers.get(operation)
            if answer is None:
                error = {"Error": {"Code": "AccessDenied", "Message": "no"}}
                raise ClientError(error, operation.title().replace("_", ""))
            if isinstance(answer, Exception):
                raise answer
            return times(answer)

        return call


def times(value, key=""):
    if isinstance(value, dict):
        return {name: times(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [times(each) for each in value]
    is_time = key.endswith(("Time", "Timestamp")) and isinstance(value, str)
    return datetime.fromisoformat(value) if is_time else value


def read(answers=RECORDED, **changes):
    asked = {"prefix": "shop-", "name": "prod", "stated": Configured(), "database": "shop"}
    return read_deployed(lambda service: Client(answers[service]), **(asked | changes))


def changed(service, operation, answer):
    answers = copy.deepcopy(RECORDED)
    if answer is None:
        del answers[service][operation]
    else:
        answers[service][operation] = answer
    return answers


@pytest.fixture(scope="module")
def plan():
    return read()


def test_the_group(plan):
    (group,) = plan.groups

    assert (group.name, group.min_size, group.max_size) == ("shop-web", 4, 40)
    assert group.desired_capacity == 6
    assert group.zones == ("eu-west-1a", "eu-west-1b")
    assert group.instance_types == ("m7g.large", "m6g.large")
    assert group.vcpus_per_instance == 2
    assert group.default_instance_warmup_seconds == 120
    assert group.health_check_type is HealthCheckType.ELB
    assert group.health_check_grace_seconds == 180
    assert (group.detailed_monitoring, group.group_metrics) == (True, True)
    assert group.warm_pool == WarmPool(min_size=5, max_prepared_size=20, reuse_on_scale_in=True)
    assert group.hooks == (
        LifecycleHook(
            name="drained", launching=False, heartbeat_timeout_seconds=90, abandons=False
        ),
        LifecycleHook(name="ready", launching=True, heartbeat_timeout_seconds=300),
    )
    assert group.refresh == InstanceRefresh(
        min_healthy_percent=100,
        max_healthy_percent=110,
        alarms=("shop-slow",),
        warmup_seconds=120,
    )
    assert group.maintenance == InstanceMaintenancePolicy(
        min_healthy_percent=100, max_healthy_percent=110
    )
    assert group.target_group == "shop-web"


def test_what_a_past_refresh_did_not_state_is_not_stated():
    answers = copy.deepcopy(RECORDED)
    (past, *_) = answers["autoscaling"]["describe_instance_refreshes"]["InstanceRefreshes"]
    for end in ("Min", "Max"):
        del past["Preferences"][f"{end}HealthyPercentage"]

    refresh = read(answers).groups[0].refresh

    assert (refresh.min_healthy_percent, refresh.max_healthy_percent) == (None, None)


def test_the_policies(plan):
    add, backlog, demand, forecast, requests, surge = plan.policies

    assert add == SimpleScaling(
        name="add",
        group="shop-web",
        adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
        adjustment=1,
        cooldown_seconds=60,
    )
    assert backlog.metric == MetricMath(
        expression="r / n",
        metrics=(
            ("n", Metric(namespace="AWS/AutoScaling", name="GroupDesiredCapacity")),
            ("r", Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum")),
        ),
    )
    assert demand == TargetTracking(
        name="demand",
        group="shop-web",
        metric=Metric(namespace="Shop", name="Busy"),
        target=25,
        warmup_seconds=60,
        disable_scale_in=True,
        period_seconds=10,
    )
    assert forecast == PredictiveScaling(name="forecast", group="shop-web")
    assert (requests.metric, requests.target) == (TrackedMetric.REQUESTS_PER_TARGET, 3000)
    assert surge == StepScaling(
        name="surge",
        group="shop-web",
        adjustment_type=AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
        steps=(
            StepAdjustment(lower=0, upper=1000, adjustment=50),
            StepAdjustment(lower=1000, upper=None, adjustment=100),
        ),
        min_adjustment_magnitude=2,
    )


def test_the_schedules(plan):
    assert plan.schedules == (
        ScheduledAction(
            name="launch", group="shop-web", start_seconds=1769947200, desired_capacity=20
        ),
        # Its start is the next run, which AWS fills in.
        ScheduledAction(
            name="morning",
            group="shop-web",
            recurrence="0 7 * * *",
            time_zone="Europe/Berlin",
            min_size=8,
        ),
    )


def test_load_balancing(plan):
    (target_group,) = plan.target_groups

    assert plan.load_balancer.idle_timeout_seconds == 30
    assert plan.load_balancer.reserved_capacity_units == 500
    assert (target_group.check_interval_seconds, target_group.check_timeout_seconds) == (10, 5)
    assert (target_group.healthy_threshold, target_group.unhealthy_threshold) == (2, 3)
    assert (target_group.slow_start_seconds, target_group.deregistration_delay_seconds) == (30, 60)


def test_alarms_are_those_that_watch_run_or_bear_the_name(plan):
    full, surge, slow = plan.alarms

    assert [full.name, surge.name, slow.name] == [
        "shop-full",
        "shop-surge",
        "slow-by-another-name",
    ]
    assert full.metric.expression == "100 * d / m"
    assert (surge.alarm_actions, surge.notifies) == (("surge",), False)
    assert (slow.metric.statistic, slow.ignores_low_samples) == ("p95", True)
    assert (slow.notifies, slow.severity) == (True, "page")
    (composite,) = plan.composites
    assert (composite.suppressor, composite.wait_period_seconds) == ("shop-maintenance", 120)


def test_database_and_quota(plan):
    assert (plan.database.max_connections, plan.database.parallelism) == (500, 4)
    assert plan.quotas.vcpus == 256


def test_what_is_not_seen_is_named(plan):
    assert {note.path for note in plan.not_seen} == {
        "groups[shop-web].refresh",
        "alarms[shop-band]",
        "database.proxied",
    }


@pytest.mark.parametrize(
    ("service", "operation", "path"),
    [
        ("autoscaling", "describe_instance_refreshes", "groups[shop-web].refresh"),
        ("elbv2", "describe_capacity_reservation", "load_balancer.reserved_capacity_units"),
        ("service-quotas", "get_service_quota", "quotas.vcpus"),
    ],
)
def test_what_aws_does_not_let_us_see_is_named(service, operation, path):
    plan = read(changed(service, operation, None))

    assert any(note.path == path and "ClientError" in note.reason for note in plan.not_seen)


def test_a_database_is_found_by_the_beginning_of_its_identifier():
    answers = copy.deepcopy(RECORDED)
    (instance,) = answers["rds"]["describe_db_instances"]["DBInstances"]
    instance["DBInstanceIdentifier"] = "shop-web"
    answers["rds"]["describe_db_proxy_targets"]["Targets"][0]["RdsResourceId"] = "shop-web"

    found = read(answers, database=None).database

    assert (found.name, found.max_connections, found.proxied) == ("shop-web", 500, True)


def test_a_database_of_others_is_none():
    assert read(database=None).database is None


def aurora():
    """Return what AWS says of a stack with an Aurora cluster of two instances."""
    answers = copy.deepcopy(RECORDED)
    (instance,) = answers["rds"]["describe_db_instances"]["DBInstances"]
    answers["rds"]["describe_db_instances"]["DBInstances"] = [
        instance
        | {
            "DBInstanceIdentifier": "shop-data-0",
            "DBClusterIdentifier": "shop-data",
            "DBInstanceClass": "db.r7g.xlarge",
            "Engine": "aurora-postgresql",
        }
    ]
    answers["rds"]["describe_db_parameters"]["Parameters"] = [{"ParameterName": "max_connections"}]
    answers["rds"]["describe_db_cluster_parameters"] = {
        "Parameters": [{"ParameterName": "max_connections", "ParameterValue": "700"}]
    }
    answers["rds"]["describe_db_clusters"] = {
        "DBClusters": [
            {
                "DBClusterIdentifier": "shop-data",
                "DBClusterParameterGroup": "all",
                "Engine": "aurora-postgresql",
                "DBClusterMembers": [{"DBInstanceIdentifier": "shop-data-0"}],
            },
            {"DBClusterIdentifier": "billing", "Engine": "aurora-postgresql"},
        ]
    }
    answers["rds"]["describe_db_proxy_targets"]["Targets"][0].pop("RdsResourceId", None)
    return answers


def test_an_aurora_cluster_is_read_with_its_limit():
    found = read(aurora(), database=None).database

    assert (found.name, found.max_connections) == ("shop-data", 700)
    assert (found.parallelism, found.proxied) == (4, False)


def test_an_aurora_cluster_behind_a_proxy_is_proxied():
    answers = aurora()
    target = answers["rds"]["describe_db_proxy_targets"]["Targets"][0]
    target["TrackedClusterId"] = "shop-data"

    assert read(answers, database=None).database.proxied


def test_where_only_groups_are_named_the_database_is_missing():
    plan = read(database=None, prefix=None, groups=["shop-web"])

    assert [each.missing for each in plan.not_seen if each.path == "database"] == [
        "which database the groups ask was not looked for"
    ]


@pytest.mark.parametrize("operation", ["describe_db_instances", "describe_db_clusters"])
def test_a_database_that_rds_does_not_tell_of_is_named(operation):
    plan = read(changed("rds", operation, None), database=None)

    assert plan.database is None
    assert "RDS does not say which databases there are (ClientError)" in {
        each.missing for each in plan.not_seen
    }
    assert any(note.path == "database" and "ClientError" in note.reason for note in plan.not_seen)


def test_a_member_that_aws_adds_is_named():
    answers = copy.deepcopy(RECORDED)
    answers["autoscaling"]["describe_auto_scaling_groups"]["AutoScalingGroups"][0]["Novel"] = 1

    assert "groups[shop-web].novel" in {note.path for note in read(answers).not_seen}


def test_what_the_endpoint_loses_is_named():
    answers = copy.deepcopy(RECORDED)
    group = answers["autoscaling"]["describe_auto_scaling_groups"]["AutoScalingGroups"][0]
    del group["DefaultInstanceWarmup"]
    group_type = "aws:autoscaling/group:Group"

    def named(**changes):
        return {note.path for note in read(answers, **changes).not_seen}

    path = "groups[shop-web].default_instance_warmup_seconds"
    assert path in named(lost=[(group_type, "defaultInstanceWarmup")])
    assert path not in named()


@pytest.mark.parametrize(
    ("answers", "changes", "words"),
    [
        (RECORDED, {"prefix": None}, "must be told the names of groups"),
        (
            RECORDED,
            {"prefix": "none-"},
            "group whose name begins with none-, got none",
        ),
        (RECORDED, {"groups": ["missing"]}, "an Auto Scaling group missing, got none"),
        (
            changed("autoscaling", "describe_auto_scaling_groups", None),
            {},
            "the caller must be allowed autoscaling:DescribeAutoScalingGroups on * (AccessDenied)",
        ),
        (
            {**RECORDED, "autoscaling": {"describe_auto_scaling_groups": NoCredentialsError()}},
            {},
            "AWS does not answer: Unable to locate credentials",
        ),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(answers, changes, words):
    with pytest.raises(PlanError) as told:
        read(answers, **changes)

    assert words in str(told.value)


def test_a_fleet_of_other_than_standard_types_has_no_quota_read():
    answers = copy.deepcopy(RECORDED)
    group = answers["autoscaling"]["describe_auto_scaling_groups"]["AutoScalingGroups"][0]
    group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"] = [{"InstanceType": "g5.xlarge"}]

    plan = read(answers)

    assert plan.quotas.vcpus is None
    assert "quotas.vcpus" in {note.path for note in plan.not_seen}
