"""Who else sets the size of a group: a container platform, which scales it in ways of its own."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from surgeproof.plan import _properties as known
from surgeproof.plan._stack import Stack
from surgeproof.plan._view import UNKNOWN, Resource

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


def by_provider(label: str) -> str:
    """Return who scales a group that an ECS capacity provider of the stack scales, in words."""
    return f"ECS, by {label}"


def by_tags(keys: Iterable[Any]) -> str | None:
    """Return who scales a group with tags of these keys, in words; None where none says it."""
    found = [key for key in keys if isinstance(key, str)]
    for start, who in _BY_TAG:
        for key in found:
            if key.startswith(start):
                return f"{who}, by the tag `{key}`"
    return None


def left_to(who: str) -> str:
    """Return what is said of a group that somebody else scales."""
    return f"is scaled by {who}, which is not read"


def owner(stack: Stack, group: Resource) -> str | None:
    """Return who else scales a group, in words; None where its own policies do."""
    for each in stack.of(known.CAPACITY_PROVIDER):
        settings = each.properties.get("autoScalingGroupProvider")
        if not isinstance(settings, Mapping):
            continue
        scaling = settings.get("managedScaling")
        status = scaling.get("status") if isinstance(scaling, Mapping) else scaling
        arn = settings.get("autoScalingGroupArn")
        keys = ("arn", "id", "name")
        found = stack.refer(each, "autoScalingGroupProvider", arn, known.GROUP, keys)
        if status in ("ENABLED", UNKNOWN) and found is group:
            return by_provider(each.label)
    tags, of_group = group.properties.get("tags"), []
    if isinstance(tags, list | tuple):
        of_group = [each.get("key") for each in tags if isinstance(each, Mapping)]
    elif isinstance(tags, Mapping):
        of_group = list(tags)
    return by_tags(of_group)
