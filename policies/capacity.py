"""Rules on whether what is planned can carry what is stated: surges, a lost zone, connections."""

import math
from collections.abc import Mapping
from typing import Any, Final

from pulumi_policy import Severity

from surgeproof.plan._instances import vcpus
from surgeproof.policies import _stated
from surgeproof.policies import _types as types
from surgeproof.policies._rules import AnyRule, Report, Resource, Setting, Stack, StackRule
from surgeproof.policies._stated import Surge
from surgeproof.policies._values import ABSENT, UNKNOWN, number, read, show
from surgeproof.policies.monitoring import launch_sources
from surgeproof.policies.scaling import zones_of

_USER_GUIDE: Final = "https://docs.aws.amazon.com/autoscaling/ec2/userguide"
_OVERRIDES: Final = "mixedInstancesPolicy.launchTemplate.overrides[*]"


def _sized(group: Resource, path: str, report: Report) -> float | None:
    """Return a size of the group, None where it is unknown, which is noted."""
    value = group.read(path)
    if value is UNKNOWN:
        report.wait_for(group, path)
    return number(value)


def _surges(group: Resource, report: Report) -> list[Surge]:
    """Return the stated surges; note what is missing."""
    found = _stated.surges()
    if not found:
        report.undecided(group, _stated.NO_SURGES)
    return found


def _the_group(stack: Stack, report: Report) -> Resource | None:
    """Return the group that carries the load: the only one, else that is noted."""
    groups = stack.of(types.GROUP)
    for group in groups if len(groups) > 1 else ():
        report.undecided(group, "there are several groups; which one the surges hit is not stated.")
    return groups[0] if len(groups) == 1 else None


def _check_covers_peak(stack: Stack, report: Report) -> None:
    group, path = _the_group(stack, report), "maxSize"
    size = _sized(group, path, report) if group else None
    if group is None or size is None:
        return
    carries = _stated.figure("requestsPerSecond")
    if carries is None:
        report.undecided(group, _stated.not_stated("requestsPerSecond"))
        return
    room = 1 + stack.settings["headroomPercent"] / 100
    found = _surges(group, report)
    if not found:
        return
    surge = max(found, key=lambda each: each.peak)
    needed = surge.peak * room
    if size * carries.high < needed:
        least = math.ceil(needed / carries.high)
        must = (
            f"be at least {least}, to carry surges.{surge.name}'s peak of {show(surge.peak)} "
            f"requests/s with {stack.settings['headroomPercent']:g} % of head-room"
        )
        report.refuse(group, path, must, show(size))
    elif size * carries.low < needed:
        report.undecided(
            group,
            f"`{path}` of {show(size)} carries {show(size * carries.low)} to "
            f"{show(size * carries.high)} requests/s, and surges.{surge.name} with head-room asks "
            f"for {show(needed)}: measure service.requestsPerSecond closer.",
        )


def _instance_types(stack: Stack, group: Resource) -> tuple[set[Any], list[tuple[Resource, str]]]:
    """Return the types that a group may launch, and where one stands that is not known."""
    found, unknown = set(), []
    for at, entry in group.each(_OVERRIDES):
        if entry is UNKNOWN:
            unknown.append((group, at))
        elif isinstance(entry, Mapping) and entry.get("instanceType"):
            found.add(entry["instanceType"])
    if found or unknown:
        return found, unknown
    for path, source in launch_sources(stack, group):
        if source is None:
            unknown.append((group, path))
            continue
        value = source.read("instanceType")
        if value is UNKNOWN:
            unknown.append((source, "instanceType"))
        elif value is not ABSENT:
            found.add(value)
    return found, unknown


def _check_within_quota(stack: Stack, report: Report) -> None:
    quota, needed = _stated.vcpu_quota(), 0.0
    groups = stack.of(types.GROUP)
    for group in groups:
        size = _sized(group, "maxSize", report)
        found, unknown = _instance_types(stack, group)
        for resource, path in unknown:
            report.wait_for(resource, path)
        sizes = [vcpus(kind) if isinstance(kind, str) else None for kind in found]
        if size is None or unknown:
            return
        if not sizes or None in sizes:
            report.undecided(group, "the names of its instance types do not tell their vCPU.")
            return
        needed += size * max(each for each in sizes if each is not None)
    if not groups:
        return
    if quota is None:
        report.undecided(groups[0], "state account.vcpuQuota: the quota L-1216C47A of the account.")
    elif needed > quota:
        must = f"need at most {show(quota)} vCPU (account.vcpuQuota), all groups together"
        report.refuse(groups[0], "maxSize", must, f"{show(needed)} vCPU")


def _check_survives_zone_loss(stack: Stack, report: Report) -> None:
    group, path = _the_group(stack, report), "minSize"
    size = _sized(group, path, report) if group else None
    if group is None or size is None:
        return
    carries = _stated.figure("requestsPerSecond")
    if carries is None:
        report.undecided(group, _stated.not_stated("requestsPerSecond"))
        return
    found = _surges(group, report)
    zones = _zone_count(stack, group, report)
    if not found or zones is None:
        return
    normal = max(surge.normal for surge in found)
    left = size - math.ceil(size / zones)
    if left * carries.high < normal:
        must = (
            f"leave {math.ceil(normal / carries.high)} instances when one of {zones} zones is "
            f"lost, for a normal load of {show(normal)} requests/s"
        )
        report.refuse(group, path, must, f"{show(size)}, of which {show(left)} stay")
    elif left * carries.low < normal:
        report.undecided(
            group,
            f"`{path}` of {show(size)} leaves {show(left)} of them when a zone is lost, which "
            f"carry {show(left * carries.low)} to {show(left * carries.high)} of {show(normal)} "
            "requests/s: measure service.requestsPerSecond closer.",
        )


def _zone_count(stack: Stack, group: Resource, report: Report) -> int | None:
    """Return over how many zones a group launches; note where that is not known."""
    zones = group.read("availabilityZones")
    if isinstance(zones, list) and zones and UNKNOWN not in zones:
        return len(set(zones))
    path = "vpcZoneIdentifiers"
    subnets = group.read(path)
    if not isinstance(subnets, list) or not subnets:
        report.wait_for(group, path)
        return None
    spanned = zones_of(stack, group, subnets)
    if len(spanned) == len(subnets) and all(isinstance(zone, str) for zone in spanned):
        return len(set(spanned))
    if UNKNOWN in subnets:
        report.wait_for(group, path)
    else:
        report.undecided(group, f"`{path}` names subnets that this stack does not make.")
    return None


def _check_tracking_keeps_up(stack: Stack, report: Report) -> None:
    """Hold that processor tracking alone could follow, were each round as quick as can be.

    At its target, the group carries 100/target of its load; each round multiplies that again.
    """
    group = _the_group(stack, report)
    if group is None:
        return
    own = [
        policy
        for policy in stack.of(types.SCALING_POLICY)
        if stack.target(policy, "autoscalingGroupName", types.GROUP, ("name", "id")) is group
    ]
    tracking = "targetTrackingConfiguration"
    kind = f"{tracking}.predefinedMetricSpecification.predefinedMetricType"
    if not own or any(
        policy.read("policyType") != "TargetTrackingScaling"
        or policy.read(kind) != "ASGAverageCPUUtilization"
        for policy in own
    ):
        return  # another policy may ask for more, and is what asg-follows-demand asks for
    targets = [policy.read(f"{tracking}.targetValue") for policy in own]
    if UNKNOWN in targets:
        report.wait_for(own[targets.index(UNKNOWN)], f"{tracking}.targetValue")
        return
    target = min((value for value in map(number, targets) if value), default=None)
    boot = _stated.figure("bootSeconds")
    if boot is None:
        report.undecided(group, _stated.not_stated("bootSeconds"))
    found = _surges(group, report)
    if target is None or boot is None:
        return
    each = 100 / target
    round_seconds = stack.settings["detectionSeconds"] + boot.low
    for surge in found:
        growth = surge.peak / surge.normal if surge.normal > 0 else math.inf
        rounds = math.floor(surge.rise_seconds / round_seconds)
        if each ** (rounds + 1) < growth:
            policy = own[[number(value) for value in targets].index(target)]
            must = (
                f"be at most {100 / growth ** (1 / (rounds + 1)):.0f}, or another policy follow "
                f"demand, as surges.{surge.name} grows {growth:.3g} times in "
                f"{show(surge.rise_seconds)} s and a round takes {show(round_seconds)} s"
            )
            report.refuse(policy, f"{tracking}.targetValue", must, show(target))
            return


def _check_connections(stack: Stack, report: Report) -> None:
    databases = stack.of(types.DB_INSTANCE)
    primary = [at for at in databases if at.read("replicateSourceDb") in (ABSENT, "")]
    if not primary:
        return
    group = _the_group(stack, report)
    size = _sized(group, "maxSize", report) if group else None
    if group is None or size is None:
        return
    each = _stated.figure("connectionsPerInstance")
    for database in primary:
        if _proxied(stack, database):
            continue
        if each is None:
            report.undecided(database, _stated.not_stated("connectionsPerInstance"))
            continue
        limit = _connection_limit(stack, database, report)
        if limit is None:
            continue
        source, connections = limit
        share = max(_refreshed(group), stack.settings["rebalancingPercent"])
        needed = math.ceil(size * share / 100 * each.high)
        if connections < needed:
            must = (
                f"allow at least {needed} connections (`max_connections`), for `maxSize` of "
                f"{show(size)} at {share:g} % and {show(each.high)} of each instance"
            )
            report.refuse(source, "parameters", must, show(connections))


def _proxied(stack: Stack, database: Resource) -> bool:
    return any(
        stack.target(target, "dbInstanceIdentifier", types.DB_INSTANCE, ("identifier", "id"))
        is database
        for target in stack.of(types.DB_PROXY_TARGET)
    )


def _refreshed(group: Resource) -> float:
    """Return how many percent of its size the group grows to while instances are replaced."""
    paths = (
        "instanceRefresh.preferences.maxHealthyPercentage",
        "instanceMaintenancePolicy.maxHealthyPercentage",
    )
    return max((number(group.read(path)) or 100 for path in paths), default=100)


def _connection_limit(
    stack: Stack, database: Resource, report: Report
) -> tuple[Resource, float] | None:
    """Return `max_connections` and the parameter group that states it, else note what lacks."""
    path = "parameterGroupName"
    group = stack.target(database, path, types.DB_PARAMETERS, ("name", "id"))
    if group is None and database.read(path) is UNKNOWN:
        report.wait_for(database, path)
        return None
    entries = [entry for _, entry in group.each("parameters[*]")] if group else []
    if group is not None and UNKNOWN in entries:
        report.wait_for(group, "parameters")
        return None
    stated = [read(at, "value") for at in entries if read(at, "name") == "max_connections"]
    if group is not None and UNKNOWN in stated:
        report.wait_for(group, "parameters")
        return None
    connections = number(stated[0]) if stated else None
    if group is None or connections is None:
        report.undecided(
            database, "no parameter group of this stack states `max_connections` as a number."
        )
        return None
    return group, connections


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="asg-max-covers-peak",
        description="The group may grow to what the greatest named surge needs at its peak, with "
        "head-room: at its maximum a group stops growing, whatever its policies ask for. Refused "
        "is what even the high end of service.requestsPerSecond cannot carry.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL07-BP03",),
        url=f"{_USER_GUIDE}/asg-capacity-limits.html",
        settings=(
            Setting(
                name="headroomPercent",
                description="Room above the peak (percent, 0 to 400).",
                default=20,
                high=400,
            ),
        ),
        types=types.GROUP,
        check=_check_covers_peak,
        fix="Raise `fleet.maxSize`, or max_size of the aws.autoscaling.Group.",
    ),
    StackRule(
        name="asg-max-within-quota",
        description="All groups at their maximum stay within the account's quota of vCPU: beyond "
        "it, launches fail in the middle of the surge, and a raise takes AWS hours to days.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL01-BP06",),
        url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances-limits.html",
        types=types.GROUP | types.LAUNCH_TEMPLATE | types.LAUNCH_CONFIGURATION,
        check=_check_within_quota,
        fix="Ask for a higher quota and state it as `account.vcpuQuota`:\n"
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code "
        "L-1216C47A --desired-value 256\nor lower `fleet.maxSize`.",
    ),
    StackRule(
        name="asg-min-survives-zone-loss",
        description="At its minimum the group still carries normal load when one Availability Zone "
        "is lost, with what then runs already: launches are what fails in such an hour. Normal "
        "load is the rate that the named surges start from.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL11-BP05",),
        url="https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/rel_withstand_component_failures_static_stability.html",
        types=types.GROUP | types.SUBNET,
        check=_check_survives_zone_loss,
        fix="Raise `fleet.minSize`, or spread over three zones (`network.zoneCount`), which loses "
        "a third rather than half.",
    ),
    StackRule(
        name="asg-tracking-follows-surge",
        description="Where nothing but the processor's load is tracked, it can follow the named "
        "surges: at its target the group carries 100/target of its load, and a round, from the "
        "first busy minute until new instances serve, multiplies the group by at most as much. "
        "Refused is what could not work even at its best.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL07-BP03",),
        url=f"{_USER_GUIDE}/as-scaling-target-tracking.html",
        settings=(
            Setting(
                name="detectionSeconds",
                description="Time until target tracking's alarm goes off (seconds): three periods "
                "of a minute, as the alarms that AWS makes for it show.",
                default=180,
                low=10,
                high=3600,
            ),
        ),
        types=types.GROUP | types.SCALING_POLICY,
        check=_check_tracking_keeps_up,
        fix="State `service.requestsPerSecond`, from which ScalingPolicies tracks requests and "
        "adds steps; or lower `scaling.cpuTargetPercent`.",
    ),
    StackRule(
        name="rds-connections-cover-fleet",
        description="The database takes the connections of the whole fleet at its maximum, and of "
        "the instances that replacing and rebalancing add; or a proxy stands between. Else the "
        "instances that a surge calls for are the ones that get no connection.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
        settings=(
            Setting(
                name="rebalancingPercent",
                description="Share of `maxSize` that the group may reach (percent): Auto Scaling "
                "goes 10 % above it while it balances zones.",
                default=110,
                low=100,
                high=300,
            ),
        ),
        types=types.GROUP | types.DB_INSTANCE | types.DB_PARAMETERS | types.DB_PROXY_TARGET,
        check=_check_connections,
        fix="Set max_connections in the database's parameter group, lower the pools that "
        "`service.connectionsPerInstance` counts, or put an aws.rds.Proxy between.",
    ),
)
