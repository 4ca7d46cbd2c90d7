"""Who else sets the size of a group: a container platform, which scales it in ways of its own."""

from collections.abc import Mapping
from typing import Any, Final

from surgeproof.plan.owners import by_provider, by_tags, left_to
from surgeproof.policies import _types as types
from surgeproof.policies._rules import Resource, Stack
from surgeproof.policies._values import UNKNOWN, read

__all__ = ["READS", "left_to", "owner", "provider"]

READS: Final = types.GROUP | types.CAPACITY_PROVIDER
"""The types whose properties this module reads."""


def provider(stack: Stack, group: Resource) -> Resource | None:
    """Return the ECS capacity provider that scales a group, None where none of the stack does."""
    path = "autoScalingGroupProvider.autoScalingGroupArn"
    for each in stack.of(types.CAPACITY_PROVIDER):
        status = each.read("autoScalingGroupProvider.managedScaling.status")
        if status in ("ENABLED", UNKNOWN) and (
            stack.target(each, path, types.GROUP, ("arn", "id", "name")) is group
        ):
            return each
    return None


def owner(stack: Stack, group: Resource) -> str | None:
    """Return who else scales a group, in words; None where its own policies do."""
    found = provider(stack, group)
    if found is not None:
        return by_provider(found.label)
    named = [read(tag, "key") for _, tag in group.each("tags[*]") if isinstance(tag, Mapping)]
    named += list(_mapping(group.read("tags")))
    return by_tags(named)


def _mapping(tags: Any) -> Mapping[str, Any]:
    return tags if isinstance(tags, Mapping) else {}
