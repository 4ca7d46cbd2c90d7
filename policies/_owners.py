"""Who else sets the size of a group: a container platform, which scales it in ways of its own."""

from collections.abc import Mapping
from typing import Any, Final

from surgeproof.policies import _types as types
from surgeproof.policies._rules import Resource, Stack
from surgeproof.policies._values import UNKNOWN, read

_BY_TAG: Final = (
    # Amazon ECS developer guide, "Amazon ECS clusters": capacity providers add this tag.
    ("AmazonECSManaged", "an ECS capacity provider"),
    # Cluster Autoscaler on AWS, "Auto-Discovery Setup".
    ("k8s.io/cluster-autoscaler/", "the Kubernetes Cluster Autoscaler"),
    # Amazon EKS user guide, "Simplify node lifecycle with managed node groups".
    ("eks:", "EKS"),
    ("kubernetes.io/cluster/", "a Kubernetes cluster"),
    # Elastic Beanstalk developer guide, "Tagging resources in your environments".
    ("elasticbeanstalk:", "Elastic Beanstalk"),
)

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
        return f"ECS, by {found.label}"
    named = [read(tag, "key") for _, tag in group.each("tags[*]") if isinstance(tag, Mapping)]
    named += list(_mapping(group.read("tags")))
    for start, who in _BY_TAG:
        for key in named:
            if isinstance(key, str) and key.startswith(start):
                return f"{who}, by the tag `{key}`"
    return None


def left_to(who: str) -> str:
    """Return what a rule says of a group that somebody else scales."""
    return f"is scaled by {who}, which is not read"


def _mapping(tags: Any) -> Mapping[str, Any]:
    return tags if isinstance(tags, Mapping) else {}
