"""Rules on whether what is planned can carry what is stated: surges, a lost zone, connections."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pulumi_policy import Severity

from surgeproof.plan._connections import default_connections
from surgeproof.plan._instances import vcpus
from surgeproof.plan.pack import names_in_pack
from surgeproof.plan.resources import TYPES as PLANNED
from surgeproof.policies import _owners, _stated
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


def _under_surges(stack: Stack, report: Report) -> Iterator[tuple[Resource, list[Surge]]]:
    """Yield each group with the surges that hit it; note what is missing."""
    groups = stack.of(types.GROUP)
    found = _stated.surges() if groups else []
    for group in groups:
        if (who := _owners.owner(stack, group)) is not None:
            report.undecided(group, f"it {_owners.left_to(who)}.")
    ours = [group for group in groups if _owners.owner(stack, group) is None]
    if len(groups) < 2:
        for group in ours:
            yield group, found
        return
    names = names_in_pack(stack.resources, UNKNOWN)
    hits: dict[str, list[Surge]] = {group.urn: [] for group in groups}
    for surge in found:
        hit = [urn for urn, known in names.items() if surge.group in known]
        if len(hit) == 1:
            hits[hit[0]].append(surge)
    for group in ours:
        if hits[group.urn] or not found:
            yield group, hits[group.urn]
        else:
            reason = "there are several groups, and no `surges.<name>.group` names this one."
            report.undecided(group, reason)


def _check_covers_peak(stack: Stack, report: Report) -> None:
    for group, found in _under_surges(stack, report):
        _covers_peak(stack, group, found, report)


def _covers_peak(stack: Stack, group: Resource, found: list[Surge], report: Report) -> None:
    path = "maxSize"
    size = _sized(group, path, report)
    if size is None:
        return
    carries = _stated.figure("requestsPerSecond")
    if carries is None:
        report.undecided(group, _stated.not_stated("requestsPerSecond"))
        return
    room = 1 + stack.settings["headroomPercent"] / 100
    if not found:
        report.undecided(group, _stated.NO_SURGES)
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


_OTHER_FAMILIES: Final = ("f", "g", "p", "inf", "trn", "vt", "x", "u-", "dl", "hpc")
"""Families of types with quotas of their own: L-1216C47A is for A, C, D, H, I, M, R, T and Z
(Amazon EC2 User Guide, "Amazon EC2 On-Demand Instances quotas")."""
_SHARE: Final = "mixedInstancesPolicy.instancesDistribution"


def _on_demand(group: Resource, size: float) -> float:
    """Return how much of a size is On-Demand; Spot has a quota of its own."""
    share = group.read(f"{_SHARE}.onDemandPercentageAboveBaseCapacity")
    percent = number(share)
    if group.read(_SHARE) is ABSENT or percent is None:
        return size
    base = min(number(group.read(f"{_SHARE}.onDemandBaseCapacity")) or 0, size)
    return base + math.ceil((size - base) * percent / 100)


def _is_all_spot(stack: Stack, group: Resource) -> bool:
    """Whether the template itself asks for Spot instances."""
    return any(
        source is not None
        and (
            source.read("instanceMarketOptions.marketType") == "spot"
            or source.read("spotPrice") not in (ABSENT, "")
        )
        for _, source in launch_sources(stack, group)
    )


def _check_within_quota(stack: Stack, report: Report) -> None:
    by_region: dict[Any, list[Resource]] = {}
    for group in stack.of(types.GROUP):
        by_region.setdefault(_region(group), []).append(group)
    for region, groups in by_region.items():
        several = f" in {region}" if len(by_region) > 1 else ""
        _check_region_within_quota(stack, groups, several, report)


def _region(group: Resource) -> Any:
    """Return the Region that a group is in: as stated, of its ARN, or of its zones."""
    if group.region:
        return group.region
    zones = group.read("availabilityZones")
    zone = zones[0] if isinstance(zones, list) and zones else None
    return zone.rstrip("abcdef") if isinstance(zone, str) else ""


def _vcpu(stack: Stack, group: Resource, size: float) -> float | str:
    """Return the On-Demand vCPU of a group at a size, or what keeps them from being told."""
    entries = [entry for _, entry in group.each(_OVERRIDES) if isinstance(entry, Mapping)]
    if any(entry.get("instanceRequirements") for entry in entries):
        return "`instanceRequirements` leave the instance types to AWS."
    unit = group.read("desiredCapacityType")
    if _is_all_spot(stack, group):
        return 0.0
    if unit == "vcpu":
        return _on_demand(group, size)
    if unit == "memory-mib":
        return "`desiredCapacityType` counts memory, which does not tell vCPU."
    found, _ = _instance_types(stack, group)
    weights = {
        entry.get("instanceType"): number(entry.get("weightedCapacity")) for entry in entries
    }
    each = []
    for kind in found:
        cores = vcpus(kind) if isinstance(kind, str) else None
        if cores is None:
            return "the names of its instance types do not tell their vCPU."
        if kind.startswith(_OTHER_FAMILIES):
            continue
        each.append(cores * math.ceil(size / (weights.get(kind) or 1)))
    if not found:
        return "the names of its instance types do not tell their vCPU."
    return _on_demand(group, max(each)) if each else 0.0


def _check_region_within_quota(
    stack: Stack, groups: list[Resource], where: str, report: Report
) -> None:
    quota, needed = _stated.vcpu_quota(), 0.0
    for group in groups:
        size = _sized(group, "maxSize", report)
        _, unknown = _instance_types(stack, group)
        for resource, path in unknown:
            report.wait_for(resource, path)
        if size is None or unknown:
            return
        cores = _vcpu(stack, group, size)
        if isinstance(cores, str):
            report.undecided(group, cores)
            return
        needed += cores
    if needed == 0:
        return
    if quota is None:
        report.undecided(groups[0], "state account.vcpuQuota: the quota L-1216C47A of the account.")
    elif needed > quota:
        must = f"need at most {show(quota)} vCPU (account.vcpuQuota), all groups{where} together"
        report.refuse(groups[0], "maxSize", must, f"{show(needed)} vCPU")


def _units_of_one(stack: Stack, group: Resource) -> float | None:
    """Return for how many units of `minSize` one instance counts at most, None where unknown."""
    entries = [entry for _, entry in group.each(_OVERRIDES)]
    known = [entry for entry in entries if isinstance(entry, Mapping)]
    unit = group.read("desiredCapacityType")
    if len(known) < len(entries) or (
        unit not in (ABSENT, "", "units") and any(at.get("instanceRequirements") for at in known)
    ):
        return None if unit not in (ABSENT, "", "units") else 1
    if unit == "vcpu":
        found, _ = _instance_types(stack, group)
        sizes = [vcpus(kind) if isinstance(kind, str) else None for kind in found]
        return max((each for each in sizes if each), default=None) if None not in sizes else None
    if unit == "memory-mib":
        return None
    weights = [at.get("weightedCapacity") for at in known]
    if UNKNOWN in weights:
        return None
    return max((number(weight) or 1 for weight in weights), default=1)


def _check_survives_zone_loss(stack: Stack, report: Report) -> None:
    for group, found in _under_surges(stack, report):
        _survives_zone_loss(stack, group, found, report)


def _survives_zone_loss(stack: Stack, group: Resource, found: list[Surge], report: Report) -> None:
    path = "minSize"
    size = _sized(group, path, report)
    if size is None or number(group.read("maxSize")) == 0:
        return  # a group that runs nothing is refused for that
    carries = _stated.figure("requestsPerSecond")
    if carries is None:
        report.undecided(group, _stated.not_stated("requestsPerSecond"))
        return
    if not found:
        report.undecided(group, _stated.NO_SURGES)
    zones = _zone_count(stack, group, report)
    if not found or zones is None:
        return
    normal = max(surge.normal for surge in found)
    units = _units_of_one(stack, group)
    if units is None:
        report.undecided(group, "what one instance counts for is not known: a weight, or a type.")
        return
    if units > 1:
        size = math.ceil(size / units)
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
    if not isinstance(subnets, list) or not subnets or group.misfit(path) is not None:
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
    for group, found in _under_surges(stack, report):
        _keeps_up(stack, group, found, report)


def _keeps_up(stack: Stack, group: Resource, found: list[Surge], report: Report) -> None:
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
    if not found:
        report.undecided(group, _stated.NO_SURGES)
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


def _check_few_connections(stack: Stack, report: Report) -> bool:
    """Judge without a stated figure: a few connections of each instance are the least of all.

    Returns whether any database has fewer.
    """
    most = sum(number(group.read("maxSize")) or 0 for group in stack.of(types.GROUP))
    each = stack.settings["leastConnections"]
    found = False
    for databases, path, kinds in (
        (types.DB_INSTANCE, "parameterGroupName", types.DB_PARAMETERS),
        (types.DB_CLUSTER, "dbClusterParameterGroupName", types.DB_CLUSTER_PARAMETERS),
    ):
        for database in stack.of(databases):
            group = stack.target(database, path, kinds, ("name", "id"))
            entries = [entry for _, entry in group.each("parameters[*]")] if group else []
            for entry in entries:
                limit = number(read(entry, "value")) if isinstance(entry, Mapping) else None
                if limit is None or read(entry, "name") != "max_connections":
                    continue
                if group is not None and limit < most * each and not _proxied(stack, database):
                    must = (
                        f"allow at least {show(most * each)} connections (`max_connections`), "
                        f"{each} of each of at most {show(most)} instances (leastConnections)"
                    )
                    say = report.refuse if limit <= most else report.advise
                    say(group, "parameters", must, show(limit))
                    found = True
    return found


def _check_connections(stack: Stack, report: Report) -> None:
    if _stated.figure("connectionsPerInstance") is None and _check_few_connections(stack, report):
        return
    databases = [
        *(at for at in stack.of(types.DB_INSTANCE) if at.read("replicateSourceDb") in (ABSENT, "")),
        *stack.of(types.DB_CLUSTER),
    ]
    asking = [at for at in databases if not _proxied(stack, at)]
    groups = stack.of(types.GROUP)
    if not asking or not groups:
        return
    sizes = [_sized(group, "maxSize", report) for group in groups]
    each = _stated.figure("connectionsPerInstance")
    for database in asking if each is None else ():
        report.undecided(database, _stated.not_stated("connectionsPerInstance"))
    if each is None or None in sizes:
        return
    shares = [max(_refreshed(group), stack.settings["rebalancingPercent"]) for group in groups]
    most = sum(math.ceil(size * at / 100) for size, at in zip(sizes, shares, strict=True) if size)
    needed = math.ceil(
        sum(size * at / 100 * each.high for size, at in zip(sizes, shares, strict=True) if size)
    )
    fleet = f"`maxSize` of {show(sizes[0])} at {shares[0]:g} %"
    if len(groups) > 1:
        fleet = f"{len(groups)} groups of {most} instances at most"
    must = (
        f"allow at least {needed} connections (`max_connections`), for {fleet} and "
        f"{show(each.high)} of each instance"
    )
    for database in asking:
        limit = _connection_limit(stack, database, report)
        if limit is None or limit.least >= needed:
            continue
        if limit.most >= needed:
            report.undecided(
                limit.source,
                f"`{limit.path}` allows {limit.least} to {limit.most} connections by default, and "
                f"{fleet} may open {needed}: state `max_connections` in a parameter group.",
            )
        else:
            report.refuse(limit.source, limit.path, must, limit.got)


def _proxied(stack: Stack, database: Resource) -> bool:
    path, keys = "dbInstanceIdentifier", ("identifier", "id")
    if database.type in types.DB_CLUSTER:
        path, keys = "dbClusterIdentifier", ("clusterIdentifier", "id")
    return any(
        stack.target(target, path, frozenset({database.type}), keys) is database
        for target in stack.of(types.DB_PROXY_TARGET)
    )


def _refreshed(group: Resource) -> float:
    """Return how many percent of its size the group grows to while instances are replaced."""
    paths = (
        "instanceRefresh.preferences.maxHealthyPercentage",
        "instanceMaintenancePolicy.maxHealthyPercentage",
    )
    return max((number(group.read(path)) or 100 for path in paths), default=100)


@dataclass(frozen=True, slots=True)
class _Limit:
    """How many connections a database takes."""

    source: Resource
    """The resource whose property decides it."""
    path: str
    least: float
    most: float
    """The same as the least, but for a default that is not stated to the last connection."""
    got: str


def _connection_limit(stack: Stack, database: Resource, report: Report) -> _Limit | None:
    """Return what limits the connections of a database, else note what lacks.

    That of a cluster is that of its smallest instance, which may become the writer.
    """
    if database.type not in types.DB_CLUSTER:
        return _limit_of(stack, database, database, ((database, "parameterGroupName"),), report)
    own = (database, "dbClusterParameterGroupName")
    members = [
        at
        for at in stack.of(types.DB_CLUSTER_INSTANCE)
        if stack.target(at, "clusterIdentifier", types.DB_CLUSTER, ("clusterIdentifier", "id"))
        is database
    ]
    found = [
        _limit_of(stack, database, at, ((at, "dbParameterGroupName"), own), report)
        for at in members or [database]
    ]
    known = [limit for limit in found if limit is not None]
    return min(known, key=lambda at: at.most) if len(known) == len(found) else None


def _limit_of(
    stack: Stack,
    database: Resource,
    instance: Resource,
    groups: Sequence[tuple[Resource, str]],
    report: Report,
) -> _Limit | None:
    """Return what the first parameter group states that states anything, else the default."""
    for holder, path in groups:
        value = holder.read(path)
        group = stack.target(holder, path, types.DB_PARAMETERS | types.DB_CLUSTER_PARAMETERS)
        if group is None:
            if value is UNKNOWN:
                report.wait_for(holder, path)
                return None
            if value is not ABSENT and not str(value).startswith("default."):
                reason = f"`{path}` names a parameter group that this stack does not make."
                report.undecided(holder, reason)
                return None
            continue
        entries = [entry for _, entry in group.each("parameters[*]")]
        stated = [
            read(at, "value")
            for at in entries
            if at is not UNKNOWN and read(at, "name") == "max_connections"
        ]
        if UNKNOWN in (*entries, *stated):
            report.wait_for(group, "parameters")
            return None
        if stated:
            connections = number(stated[0])
            if connections is None:
                report.undecided(group, "`max_connections` is no number there.")
                return None
            return _Limit(group, "parameters", connections, connections, show(connections))
    engine = database.read("engine")
    path = "dbClusterInstanceClass" if instance.type in types.DB_CLUSTER else "instanceClass"
    size = instance.read(path)
    for holder, at, value in ((database, "engine", engine), (instance, path, size)):
        if value is UNKNOWN:
            report.wait_for(holder, at)
            return None
    default = default_connections(str(engine), str(size))
    if default is None:
        report.undecided(
            instance,
            "no parameter group states `max_connections`, and AWS states no default for "
            f"{show(size)} with {show(engine)}.",
        )
        return None
    least, most = default
    got = f"{show(size)}, which allows {f'at most {most}' if least < most else most} by default"
    return _Limit(instance, path, least, most, got)


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
        types=_owners.READS | PLANNED,
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
        types=_owners.READS | types.SUBNET | PLANNED,
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
        types=_owners.READS | types.SCALING_POLICY | PLANNED,
        check=_check_tracking_keeps_up,
        fix="State `service.requestsPerSecond`, from which ScalingPolicies tracks requests and "
        "adds steps; or lower `scaling.cpuTargetPercent`.",
    ),
    StackRule(
        name="rds-connections-cover-fleet",
        description="The database takes the connections of all groups at their maximum, and of "
        "the instances that replacing and rebalancing add; or a proxy stands between. Else the "
        "instances that a surge calls for are the ones that get no connection. Where no parameter "
        "group states `max_connections`, the default of the instance's class counts.",
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
            Setting(
                name="leastConnections",
                description="Connections that each instance opens at least, where "
                "service.connectionsPerInstance is not stated (1 to 1000).",
                default=5,
                low=1,
                high=1000,
            ),
        ),
        types=types.GROUP
        | types.DB_INSTANCE
        | types.DB_CLUSTER
        | types.DB_CLUSTER_INSTANCE
        | types.DB_PARAMETERS
        | types.DB_CLUSTER_PARAMETERS
        | types.DB_PROXY_TARGET,
        check=_check_connections,
        fix="Set max_connections in the database's parameter group, take a larger class, lower the "
        "pools that `service.connectionsPerInstance` counts, or put an aws.rds.Proxy between.",
    ),
)
