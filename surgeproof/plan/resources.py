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
        stack.notes.add(each.path, each.reason)
    found = stack.of(known.GROUP)
    if not found:
        raise PlanError("resources: must hold an Auto Scaling group, got none")
    fleet, metrics = Fleet(stack), Metrics(stack)
    stack.group_names = {group.key: called(group) for group in found}
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
    found = stack.of(known.GROUP)
    stack.group_names = {group.key: called(group) for group in found}
    fleet = Fleet(stack)
    targets = fleet.registered_targets(found)
    return {
        group.key: frozenset({called(group), *fleet.names(group, targets[group.key])})
        for group in found
    }


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
