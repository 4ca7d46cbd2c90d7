"""Rules on what the fleet stands on: containers, databases, caches and tables in a surge."""

from typing import Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _access
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_false, is_true, number, read, show

_RDS: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide"
_AURORA: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide"
_ECS: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"
_EC2: Final = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide"
_CACHE: Final = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg"


def _check_deployment(service: Resource, report: Report) -> None:
    if service.read("schedulingStrategy") == "DAEMON":
        return
    path = "deploymentMinimumHealthyPercent"
    percent, lowest = number(service.read(path)), service.settings["lowestPercent"]
    if percent is not None and percent < lowest:
        say = report.refuse if percent == 0 else report.advise
        say(service, path, f"be at least {lowest} (lowestPercent)", show(percent))


def _check_service_scales(stack: Stack, report: Report) -> None:
    scaled = {
        target.read("resourceId")
        for target in stack.of(types.SCALABLE_TARGET)
        if target.read("scalableDimension") in ("ecs:service:DesiredCount", UNKNOWN)
    }
    made = {
        at.urn for target in stack.of(types.SCALABLE_TARGET) for at in target.made_of("resourceId")
    }
    for service in stack.of(types.ECS_SERVICE):
        if service.read("schedulingStrategy") == "DAEMON" or service.urn in made:
            continue
        name = service.read("name")
        if UNKNOWN in scaled and not made:
            report.undecided(service, "a scalable target's `resourceId` is not known yet.")
        elif not any(isinstance(at, str) and at.endswith(f"/{name}") for at in scaled):
            must = "be the start of a range that an aws.appautoscaling.Target scales"
            count = service.read("desiredCount")
            report.refuse(service, "desiredCount", must, f"{show(count)}, whatever the load")


def _check_service_zones(service: Resource, report: Report) -> None:
    path = "networkConfiguration.subnets"
    subnets = service.read(path)
    if isinstance(subnets, list) and len(subnets) == 1:
        must = "name subnets in at least 2 Availability Zones"
        report.refuse(service, path, must, "1")


_STANDARD_BY_DEFAULT: Final = ("t1.", "t2.")
"""Burstable types whose credits end; the newer ones run on for a price unless told otherwise."""


def _check_credits(source: Resource, report: Report) -> None:
    kind, credit = source.read("instanceType"), source.read("creditSpecification.cpuCredits")
    if not isinstance(kind, str) or not kind.startswith("t"):
        return
    if credit == "standard":
        must = f"be `unlimited`, as the load of a surge on {kind} outlasts its credits"
        report.refuse(source, "creditSpecification.cpuCredits", must, "`standard`")
    elif credit is ABSENT and kind.startswith(_STANDARD_BY_DEFAULT):
        must = "be a type that is not burstable, or `creditSpecification` say `unlimited`"
        report.refuse(source, "instanceType", must, show(kind))


_BURSTABLE: Final = ("db.t2.", "db.t3.", "db.t4g.")


def _check_burstable_database(stack: Stack, report: Report) -> None:
    scaling = [
        group
        for group in stack.of(types.GROUP)
        if (number(group.read("maxSize")) or 0) > (number(group.read("minSize")) or 0)
    ]
    for database in stack.of(types.DB_INSTANCE | types.DB_CLUSTER_INSTANCE):
        kind = database.read("instanceClass")
        if database.is_of_a_copy:
            continue
        if scaling and isinstance(kind, str) and kind.startswith(_BURSTABLE):
            must = f"be a class that is not burstable, as {scaling[0].label} in front of it grows"
            report.advise(database, "instanceClass", must, show(kind))


def _check_leaves_snapshot(database: Resource, report: Report) -> None:
    path = "skipFinalSnapshot"
    if database.is_of_a_copy or database.read("replicateSourceDb") not in (ABSENT, ""):
        return
    if is_true(database.read(path)):
        report.refuse(database, path, "not be true", "true")


def _check_storage_grows(database: Resource, report: Report) -> None:
    engine, path = database.read("engine"), "maxAllocatedStorage"
    if not isinstance(engine, str) or engine.startswith("aurora") or database.is_of_a_copy:
        return
    if database.read("replicateSourceDb") not in (ABSENT, ""):
        return
    most, now = database.read(path), number(database.read("allocatedStorage"))
    if most is UNKNOWN or now is None:
        return
    if (number(most) or 0) <= now:
        must = f"be above `allocatedStorage` ({show(now)} GiB), so that a full volume grows"
        report.advise(database, path, must, show(most))


def _check_serverless(cluster: Resource, report: Report) -> None:
    path = "serverlessv2ScalingConfiguration.maxCapacity"
    most = number(cluster.read(path))
    least = number(cluster.read("serverlessv2ScalingConfiguration.minCapacity")) or 0
    if most is None:
        return
    lowest = cluster.settings["lowestCapacity"]
    if most < lowest or most <= least:
        must = f"be above the minimum, and at least {lowest} (lowestCapacity)"
        say = report.advise if cluster.is_of_a_copy else report.refuse
        say(cluster, path, must, f"{show(most)} of at least {show(least)}")


def _check_proxy(pool: Resource, report: Report) -> None:
    path = "connectionPoolConfig.maxConnectionsPercent"
    percent = number(pool.read(path))
    if percent is not None and percent < pool.settings["lowestPercent"]:
        must = f"be at least {pool.settings['lowestPercent']} (lowestPercent)"
        report.refuse(pool, path, must, show(percent))


def _check_cache_replica(cache: Resource, report: Report) -> None:
    count = number(cache.read("numCacheClusters"))
    replicas = number(cache.read("replicasPerNodeGroup"))
    say = report.advise if cache.is_of_a_copy else report.refuse
    if count == 1 or (count is None and replicas == 0):
        path = "numCacheClusters" if count == 1 else "replicasPerNodeGroup"
        least = 2 if count == 1 else 1
        say(cache, path, f"be at least {least}, for a replica that takes over", show(least - 1))
    elif is_false(cache.read("automaticFailoverEnabled")):
        say(cache, "automaticFailoverEnabled", "be true, for a replica to take over", "false")


def _check_table_grows(stack: Stack, report: Report) -> None:
    targets = stack.of(types.SCALABLE_TARGET)
    scaled = {target.read("resourceId") for target in targets}
    made = {at.urn for target in targets for at in target.made_of("resourceId")}
    for table in stack.of(types.TABLE):
        if table.read("billingMode") not in (ABSENT, "PROVISIONED") or table.urn in made:
            continue
        name = table.read("name")
        if number(table.read("readCapacity")) is None or f"table/{name}" in scaled:
            continue
        must = "be scaled by an aws.appautoscaling.Target, or `billingMode` be `PAY_PER_REQUEST`"
        say = report.advise if table.is_of_a_copy else report.refuse
        say(table, "readCapacity", must, f"{show(table.read('readCapacity'))}, whatever the load")


def _is_of_service(role: Resource) -> bool:
    """Whether a service takes on the role, rather than people or a pipeline."""
    found = _access.statements(role.read("assumeRolePolicy")) or ()
    return any(_access.principals(statement, "Service") for statement in found)


def _check_permissions(stack: Stack, report: Report) -> None:
    for attachment in stack.of(types.ROLE_POLICY_ATTACHMENT):
        arn = attachment.read("policyArn")
        if not isinstance(arn, str) or not arn.endswith((":policy/AdministratorAccess",)):
            continue
        role = stack.target(attachment, "role", types.ROLE, ("name", "id", "arn"))
        if role is not None and _is_of_service(role):
            must = f"name no policy that allows everything, as {role.label} is a service's"
            report.refuse(attachment, "policyArn", must, show(arn))


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="ecs-deployment-keeps-tasks",
        description="A deployment leaves tasks running: at 0 percent it may stop all of them "
        "before a new one answers.",
        severity=Severity.HIGH,
        url=f"{_ECS}/deployment-type-ecs.html",
        settings=(
            Setting(
                name="lowestPercent",
                description="Fewest tasks that a deployment leaves (percent, 0 to 100).",
                default=50,
                high=100,
            ),
        ),
        types=types.ECS_SERVICE,
        check=_check_deployment,
        fix="Set deployment_minimum_healthy_percent=100 and deployment_maximum_percent=200 on the "
        "aws.ecs.Service.",
    ),
    StackRule(
        name="ecs-service-scales",
        description="The tasks of a service scale: a fixed number of them serves a quiet day and "
        "a surge alike.",
        severity=Severity.HIGH,
        enforcement=EnforcementLevel.ADVISORY,
        frameworks=("Well-Architected REL07-BP03",),
        url=f"{_ECS}/service-auto-scaling.html",
        types=types.ECS_SERVICE | types.SCALABLE_TARGET,
        check=_check_service_scales,
        fix='Add aws.appautoscaling.Target("web", scalable_dimension="ecs:service:DesiredCount", '
        "...) and an aws.appautoscaling.Policy that tracks requests or the processor.",
    ),
    ResourceRule(
        name="ecs-service-spans-zones",
        description="Tasks run in at least two Availability Zones, so that the loss of one leaves "
        "tasks in another.",
        severity=Severity.MEDIUM,
        frameworks=("Well-Architected REL10-BP01",),
        url=f"{_ECS}/service-rebalancing.html",
        types=types.ECS_SERVICE,
        check=_check_service_zones,
        fix='Name subnets of two zones in network_configuration={"subnets": [...]} of the '
        "aws.ecs.Service.",
    ),
    ResourceRule(
        name="launch-template-sustains-load",
        description="Instances carry the load of a surge for as long as it lasts: a burstable type "
        "in standard mode falls to a fraction once its credits are used up.",
        severity=Severity.HIGH,
        url=f"{_EC2}/burstable-performance-instances-standard-mode.html",
        types=types.LAUNCH_TEMPLATE | types.LAUNCH_CONFIGURATION,
        check=_check_credits,
        fix='Take a type such as m7g.large, or set credit_specification={"cpu_credits": '
        '"unlimited"} on the aws.ec2.LaunchTemplate.',
    ),
    StackRule(
        name="rds-sustains-load",
        description="A database behind a fleet that grows is not burstable: in a surge its credits "
        "end, or cost, and every query waits.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        url=f"{_RDS}/Concepts.DBInstanceClass.html",
        types=types.GROUP | types.DB_INSTANCE | types.DB_CLUSTER_INSTANCE,
        check=_check_burstable_database,
        fix='Set instance_class="db.m7g.large" or the like.',
    ),
    ResourceRule(
        name="rds-leaves-a-snapshot",
        description="A database that is deleted leaves a last snapshot: without one, what a "
        "mistake deletes is gone. Not asked of stacks named as a developer's copy.",
        severity=Severity.MEDIUM,
        url=f"{_RDS}/USER_DeleteInstance.html",
        types=types.DB_INSTANCE | types.DB_CLUSTER,
        check=_check_leaves_snapshot,
        fix='Leave skip_final_snapshot out, and set final_snapshot_identifier="shop-final".',
    ),
    ResourceRule(
        name="rds-storage-grows",
        description="A database's volume may grow: a full one stops the database, and a surge "
        "writes more.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        url=f"{_RDS}/USER_PIOPS.Autoscaling.html",
        types=types.DB_INSTANCE,
        check=_check_storage_grows,
        fix="Set max_allocated_storage on the aws.rds.Instance to some times allocated_storage.",
    ),
    ResourceRule(
        name="rds-serverless-grows",
        description="A serverless cluster may grow with the fleet in front of it.",
        severity=Severity.HIGH,
        url=f"{_AURORA}/aurora-serverless-v2.setting-capacity.html",
        settings=(
            Setting(
                name="lowestCapacity",
                description="Least maximum of a serverless cluster (capacity units, 1 to 256).",
                default=2,
                low=1,
                high=256,
            ),
        ),
        types=types.DB_CLUSTER,
        check=_check_serverless,
        fix='Set serverlessv2_scaling_configuration={"min_capacity": 2, "max_capacity": 32}.',
    ),
    ResourceRule(
        name="rds-proxy-may-connect",
        description="A proxy may use most of the database's connections: with a few percent of "
        "them, requests wait for one while the database is idle.",
        severity=Severity.HIGH,
        url=f"{_RDS}/rds-proxy-connections.html",
        settings=(
            Setting(
                name="lowestPercent",
                description="Least share of the connections (percent, 1 to 100).",
                default=20,
                low=1,
                high=100,
            ),
        ),
        types=types.DB_PROXY_POOL,
        check=_check_proxy,
        fix='Set connection_pool_config={"max_connections_percent": 90} on the '
        "aws.rds.ProxyDefaultTargetGroup.",
    ),
    ResourceRule(
        name="cache-has-replica",
        description="A cache has a replica that takes over: where its only node fails, every read "
        "goes to the database, in a surge too. Advice on stacks named as a developer's copy.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL10-BP01",),
        url=f"{_CACHE}/AutoFailover.html",
        types=types.CACHE,
        check=_check_cache_replica,
        fix="Set num_cache_clusters=2, automatic_failover_enabled=True and multi_az_enabled=True "
        "on the aws.elasticache.ReplicationGroup.",
    ),
    PropertyRule(
        name="cache-evicts",
        description="A full cache makes room: with `noeviction` it answers writes with errors. "
        "Right only where it is the one place of its data.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        url=f"{_CACHE}/ParameterGroups.Engine.html",
        types=types.CACHE_PARAMETERS,
        needs=(
            Need(
                "parameters[*]",
                "set `maxmemory-policy` to one that evicts, such as `allkeys-lru`",
                lambda entry: (
                    read(entry, "name") != "maxmemory-policy"
                    or read(entry, "value") != "noeviction"
                ),
            ),
        ),
        fix='Set {"name": "maxmemory-policy", "value": "allkeys-lru"} in parameters.',
    ),
    StackRule(
        name="table-grows",
        description="A table's capacity follows the load: above a fixed one, requests are "
        "throttled.",
        severity=Severity.HIGH,
        control="DynamoDB.1",
        frameworks=("Well-Architected REL07-BP03",),
        types=types.TABLE | types.SCALABLE_TARGET,
        check=_check_table_grows,
        fix='Set billing_mode="PAY_PER_REQUEST" on the aws.dynamodb.Table.',
    ),
    StackRule(
        name="role-is-no-administrator",
        description="A role of instances, tasks or functions may do what they need: with "
        "AdministratorAccess a hole in the application is a hole in the account.",
        severity=Severity.HIGH,
        control="IAM.1",
        url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
        types=types.ROLE | types.ROLE_POLICY_ATTACHMENT,
        check=_check_permissions,
        fix="Attach a policy that names the actions and resources that the application uses.",
    ),
)
