"""Rules on what the fleet stands on: what each refuses, and twins that pass."""

import json

import pytest

from tests.policies.analysis import (
    CLUSTER,
    DATABASE,
    GROUP,
    PASSED,
    TEMPLATE,
    Thing,
    advised,
    check,
    check_stack,
    refused,
)

SERVICE = "aws:ecs/service:Service"
RANGE = "aws:appautoscaling/target:Target"
POOL = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
CACHE_PARAMETERS = "aws:elasticache/parameterGroup:ParameterGroup"
TABLE = "aws:dynamodb/table:Table"
CREDITS = "creditSpecification.cpuCredits"


@pytest.mark.parametrize(
    ("rule", "kind", "properties", "verdict"),
    [
        (
            "ecs-deployment-keeps-tasks",
            SERVICE,
            {"deploymentMinimumHealthyPercent": 0},
            refused(
                "`deploymentMinimumHealthyPercent` must be at least 50 (lowestPercent), got 0."
            ),
        ),
        (
            "ecs-deployment-keeps-tasks",
            SERVICE,
            {"deploymentMinimumHealthyPercent": 25},
            advised(
                "`deploymentMinimumHealthyPercent` must be at least 50 (lowestPercent), got 25."
            ),
        ),
        (
            "ecs-deployment-keeps-tasks",
            SERVICE,
            {"deploymentMinimumHealthyPercent": 0, "schedulingStrategy": "DAEMON"},
            PASSED,
        ),
        ("ecs-deployment-keeps-tasks", SERVICE, {}, PASSED),
        (
            "ecs-service-spans-zones",
            SERVICE,
            {"networkConfiguration": {"subnets": ["subnet-1"]}},
            refused(
                "`networkConfiguration.subnets` must name subnets in at least 2 Availability "
                "Zones, got 1."
            ),
        ),
        (
            "ecs-service-spans-zones",
            SERVICE,
            {"networkConfiguration": {"subnets": ["subnet-1", "subnet-2"]}},
            PASSED,
        ),
        (
            "launch-template-sustains-load",
            TEMPLATE,
            {"instanceType": "t3.large", "creditSpecification": {"cpuCredits": "standard"}},
            refused(
                f"`{CREDITS}` must be `unlimited`, as the load of a surge on t3.large outlasts its "
                "credits, got `standard`."
            ),
        ),
        (
            "launch-template-sustains-load",
            TEMPLATE,
            {"instanceType": "t2.large"},
            refused(
                "`instanceType` must be a type that is not burstable, or `creditSpecification` say "
                "`unlimited`, got `t2.large`."
            ),
        ),
        ("launch-template-sustains-load", TEMPLATE, {"instanceType": "t3.large"}, PASSED),
        ("launch-template-sustains-load", TEMPLATE, {"instanceType": "m7g.large"}, PASSED),
        (
            "rds-leaves-a-snapshot",
            DATABASE,
            {"skipFinalSnapshot": True},
            refused("`skipFinalSnapshot` must not be true, got true."),
        ),
        (
            "rds-leaves-a-snapshot",
            DATABASE,
            {"skipFinalSnapshot": True, "replicateSourceDb": "web"},
            PASSED,
        ),
        ("rds-leaves-a-snapshot", DATABASE, {}, PASSED),
        (
            "rds-storage-grows",
            DATABASE,
            {"engine": "postgres", "allocatedStorage": 20},
            advised(
                "`maxAllocatedStorage` must be above `allocatedStorage` (20 GiB), so that a full "
                "volume grows, got nothing."
            ),
        ),
        (
            "rds-storage-grows",
            DATABASE,
            {"engine": "postgres", "allocatedStorage": 20, "maxAllocatedStorage": 100},
            PASSED,
        ),
        (
            "rds-serverless-grows",
            CLUSTER,
            {"serverlessv2ScalingConfiguration": {"minCapacity": 0.5, "maxCapacity": 1}},
            refused(
                "`serverlessv2ScalingConfiguration.maxCapacity` must be above the minimum, and at "
                "least 2 (lowestCapacity), got 1 of at least 0.5."
            ),
        ),
        (
            "rds-serverless-grows",
            CLUSTER,
            {"serverlessv2ScalingConfiguration": {"minCapacity": 0.5, "maxCapacity": 16}},
            PASSED,
        ),
        (
            "rds-proxy-may-connect",
            POOL,
            {"connectionPoolConfig": {"maxConnectionsPercent": 2}},
            refused(
                "`connectionPoolConfig.maxConnectionsPercent` must be at least 20 (lowestPercent), "
                "got 2."
            ),
        ),
        (
            "rds-proxy-may-connect",
            POOL,
            {"connectionPoolConfig": {"maxConnectionsPercent": 90}},
            PASSED,
        ),
        (
            "cache-has-replica",
            CACHE,
            {"numCacheClusters": 1},
            refused("`numCacheClusters` must be at least 2, for a replica that takes over, got 1."),
        ),
        (
            "cache-has-replica",
            CACHE,
            {"replicasPerNodeGroup": 0},
            refused(
                "`replicasPerNodeGroup` must be at least 1, for a replica that takes over, got 0."
            ),
        ),
        (
            "cache-has-replica",
            CACHE,
            {"numCacheClusters": 2, "automaticFailoverEnabled": False},
            refused(
                "`automaticFailoverEnabled` must be true, for a replica to take over, got false."
            ),
        ),
        (
            "cache-has-replica",
            CACHE,
            {"numCacheClusters": 2, "automaticFailoverEnabled": True},
            PASSED,
        ),
        (
            "cache-evicts",
            CACHE_PARAMETERS,
            {"parameters": [{"name": "maxmemory-policy", "value": "allkeys-lru"}]},
            PASSED,
        ),
        (
            "table-grows",
            TABLE,
            {"billingMode": "PROVISIONED", "readCapacity": 25},
            refused(
                "`readCapacity` must be scaled by an aws.appautoscaling.Target, or `billingMode` "
                "be `PAY_PER_REQUEST`, got 25, whatever the load."
            ),
        ),
        ("table-grows", TABLE, {"billingMode": "PAY_PER_REQUEST"}, PASSED),
    ],
)
def test_what_the_fleet_stands_on(rule, kind, properties, verdict):
    assert check(rule, kind, properties) == verdict


def test_a_cache_that_refuses_writes_is_refused():
    full = {"parameters": [{"name": "maxmemory-policy", "value": "noeviction"}]}

    assert check("cache-evicts", CACHE_PARAMETERS, full) == refused(
        "`parameters[0]` must set `maxmemory-policy` to one that evicts, such as `allkeys-lru`, "
        "got 2 entries."
    )


@pytest.mark.parametrize(
    ("name", "dimension", "passes"),
    [
        ("service/shop/api", "ecs:service:DesiredCount", True),
        ("service/shop/web", "ecs:service:DesiredCount", False),
        ("table/api", "dynamodb:table:ReadCapacityUnits", False),
    ],
)
def test_a_service_scales(name, dimension, passes):
    target = {"resourceId": name, "scalableDimension": dimension}
    stack = [
        Thing(SERVICE, "web", {"name": "api", "desiredCount": 4}),
        Thing(RANGE, "range", target),
    ]

    assert check_stack("ecs-service-scales", stack) == (
        PASSED
        if passes
        else refused(
            "`desiredCount` must be the start of a range that an aws.appautoscaling.Target scales, "
            "got 4, whatever the load."
        )
    )


@pytest.mark.parametrize(("most", "passes"), [(8, False), (2, True)])
def test_a_burstable_database_stands_behind_no_fleet_that_grows(most, passes):
    stack = [
        Thing(GROUP, "fleet", {"minSize": 2, "maxSize": most}),
        Thing(DATABASE, "web", {"instanceClass": "db.t4g.medium"}),
    ]

    assert check_stack("rds-sustains-load", stack) == (
        PASSED
        if passes
        else advised(
            "`instanceClass` must be a class that is not burstable, as Group `fleet` in front of "
            "it grows, got `db.t4g.medium`."
        )
    )


@pytest.mark.parametrize(
    ("principal", "passes"),
    [({"Service": "ec2.amazonaws.com"}, False), ({"AWS": "arn:aws:iam::1:root"}, True)],
)
def test_a_service_is_no_administrator(principal, passes):
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    trust = json.dumps({"Statement": [{"Principal": principal, "Action": "sts:AssumeRole"}]})
    stack = [
        Thing("aws:iam/role:Role", "role", {"name": "role", "assumeRolePolicy": trust}),
        Thing(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "web",
            {"role": "role", "policyArn": arn},
        ),
    ]

    assert check_stack("role-is-no-administrator", stack) == (
        PASSED
        if passes
        else refused(
            "`policyArn` must name no policy that allows everything, as Role `role` is a "
            f"service's, got `{arn}`."
        )
    )
