"""The common core of the readers: resources in the engine's words in, a plan out.

What decides behaviour is read or named in `not_seen`; what is read wrongly is worse than what is
not read, so whatever has no exact place in the plan is left out of it and named.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from surgeproof.escaping import visible
from surgeproof.plan import _properties as known
from surgeproof.plan._alarms import Alarms
from surgeproof.plan._database import Databases
from surgeproof.plan._fleet import Fleet
from surgeproof.plan._metrics import Metrics
from surgeproof.plan._scaling import Scaling
from surgeproof.plan._stack import Stack, called
from surgeproof.plan._view import UNKNOWN, Resource
from surgeproof.plan.model import NotSeen, PlanError, ScalingPlan
from surgeproof.plan.owners import left_to, owner
from surgeproof.plan.shapes import fitted

__all__ = ["QUOTA_NOT_SEEN", "TYPES", "UNKNOWN", "Resource", "names_of_groups", "read_resources"]

TYPES: Final = known.TYPES

QUOTA_NOT_SEEN: Final = NotSeen(path="quotas.vcpus", reason="`account.vcpuQuota` is not stated.")
"""What only the configuration tells, or AWS."""


def read_resources(
    resources: Iterable[Resource], *, name: str, not_seen: Sequence[NotSeen] = ()
) -> ScalingPlan:
    """Return the plan of a stack's resources; raise PlanError for what gives none.

    Args:
        resources: All of them, or those of `TYPES`.
        name: What the plan is called: the stack.
        not_seen: What the reader that gives the resources could not see.

    """
    stack = Stack(tuple(resources))
    for each in not_seen:
        stack.notes.add(each.path, each.reason, supply=each.supply, missing=each.missing)
    found = [group for group in stack.of(known.GROUP) if not group.external]
    if not found:
        raise PlanError("resources: must hold an Auto Scaling group, got none")
    fleet, metrics = Fleet(stack), Metrics(stack)
    stack.group_names = names_of(found)
    for group in found:
        if (who := owner(stack, group)) is not None:
            name_ = stack.group_names[group.key]
            said = left_to(who)
            stack.notes.add(f"groups[{name_}]", f"It {said}.", missing=f"{name_} {said}")
    note_unreadable(stack)
    stack.targets = fleet.registered_targets(found)
    balancer = fleet.load_balancer([key for keys in stack.targets.values() for key in keys])
    problems: list[str] = []
    groups = []
    for group in found:
        try:
            groups.append(fleet.group(group, stack.targets[group.key]))
        except PlanError as error:
            problems.extend(error.problems)
    if problems:
        raise PlanError(*problems)
    target_groups = [fleet.target_group(stack.by_key[key]) for key in stack.target_group_names]
    scaling, alarms = Scaling(stack, metrics), Alarms(stack, metrics)
    return ScalingPlan(
        name=name,
        groups=tuple(groups),
        load_balancer=balancer,
        target_groups=tuple(target_groups),
        policies=scaling.policies(),
        schedules=scaling.schedules(),
        alarms=alarms.alarms(),
        composites=alarms.composites(),
        database=Databases(stack).database(),
        # Last: the notes of all that stands above.
        not_seen=tuple(stack.notes.found),
    )


def names_of_groups(resources: Iterable[Resource]) -> dict[str, frozenset[str]]:
    """Return, by the keys of the groups, the names by which a configuration may mean each."""
    stack = Stack(tuple(resources))
    found = [group for group in stack.of(known.GROUP) if not group.external]
    stack.group_names = names_of(found)
    fleet = Fleet(stack)
    targets = fleet.registered_targets(found)
    return {
        group.key: frozenset(
            {stack.group_names[group.key], *fleet.names(group, targets[group.key])}
        )
        for group in found
    }


def names_of(groups: Sequence[Resource]) -> dict[str, str]:
    """Return, by the keys of groups, what each is called in the plan; no two have one name.

    It is AWS's name, or the program's where AWS's is not known. Groups of one name differ by their
    Regions, or else by what the program calls them.
    """
    found: dict[str, str] = {}
    for group in groups:
        name = called(group)
        same = [each for each in groups if called(each) == name]
        regions = [each.region for each in same]
        if len(same) == 1:
            found[group.key] = name
        elif all(regions) and len(set(regions)) == len(same):
            found[group.key] = f"{name} in {group.region}"
        else:
            alone = [each.name for each in same].count(group.name) == 1
            found[group.key] = group.name if alone else group.key
    return found


_PLACES: Final = (
    (known.GROUP, known.GROUP_ROW, "groups"),
    (known.POLICY, known.POLICY_ROW, "policies"),
    (known.SCHEDULE, known.SCHEDULE_ROW, "schedules"),
    (known.HOOK, known.HOOK_ROW, "hooks"),
    (known.LAUNCH_TEMPLATE, known.TEMPLATE_ROW, "launch_templates"),
    (known.LAUNCH_CONFIGURATION, known.CONFIGURATION_ROW, "launch_configurations"),
    (known.METRIC_ALARM, known.ALARM_ROW, "alarms"),
    (known.COMPOSITE_ALARM, known.COMPOSITE_ROW, "composites"),
    (known.TARGET_GROUP, known.TARGET_GROUP_ROW, "target_groups"),
    (known.LOAD_BALANCER, known.LOAD_BALANCER_ROW, "load_balancer"),
    (known.DATABASE, known.DATABASE_ROW, "database"),
    (known.DATABASE_CLUSTER, known.DATABASE_CLUSTER_ROW, "database"),
    (known.DATABASE_CLUSTER_INSTANCE, known.DATABASE_CLUSTER_INSTANCE_ROW, "database"),
    (
        known.DATABASE_PARAMETERS | known.DATABASE_CLUSTER_PARAMETERS,
        known.PARAMETERS_ROW,
        "database",
    ),
    (known.DATABASE_PROXY_TARGET, known.PROXY_TARGET_ROW, "database"),
    (known.ATTACHMENT, known.ATTACHMENT_ROW, "attachments"),
    (known.TRAFFIC_SOURCE, known.TRAFFIC_SOURCE_ROW, "attachments"),
    (known.SUBNET, known.SUBNET_ROW, "subnets"),
    (known.LISTENER, known.LISTENER_ROW, "listeners"),
    (known.LISTENER_RULE, known.LISTENER_RULE_ROW, "listeners"),
)
"""Types, which of their properties count, and where the plan has them."""


def note_unreadable(stack: Stack) -> None:
    """Note each property that counts and whose value is there and cannot be read."""
    for resource in stack.resources:
        for each in resource.unreadable:
            top = each.path.partition(".")[0].partition("[")[0]
            for types, row, place in _PLACES:
                if resource.type in types and top in row.read | frozenset(row.not_modelled):
                    name = stack.group_names.get(resource.key) or called(resource)
                    path = f"{place}.{top}" if place == "database" else f"{place}[{name}].{top}"
                    stack.notes.add(path, f"It {each.why}.", missing=resource.missing(each.path))


def fit(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Yield resources in the provider's words, each value of its property's kind.

    Raises PlanError for values of another kind.
    """
    problems: list[str] = []
    for resource in resources:
        properties, misfits = fitted(resource.type, resource.properties, UNKNOWN)
        problems += [f"{resource.type} {visible(resource.name)}: {misfit}" for misfit in misfits]
        yield replace(resource, properties=properties)
    if problems:
        raise PlanError(*problems)
