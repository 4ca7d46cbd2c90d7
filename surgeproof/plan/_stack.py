"""A stack's resources, and what refers to what."""

from collections.abc import Mapping, Sequence
from typing import Any

from surgeproof.plan import _properties as known
from surgeproof.plan._properties import Properties
from surgeproof.plan._view import UNKNOWN, Notes, Resource, View


class Stack:
    """The resources, what they are called in the plan, and what could not be seen of them."""

    def __init__(self, resources: tuple[Resource, ...]) -> None:
        self.resources = resources
        self.by_key = {resource.key: resource for resource in resources}
        self.notes = Notes()
        self.group_names: dict[str, str] = {}
        """Group's key -> its name in the plan; the same for what follows."""
        self.policy_names: dict[str, str] = {}
        self.target_group_names: dict[str, str] = {}
        self.balancer_key: str | None = None
        self.targets: dict[str, list[str]] = {}
        """Group's key -> keys of the target groups in which it registers."""
        self.enabled_metrics: dict[str, frozenset[str]] = {}
        """Group's name -> the metrics that it publishes."""

    def of(self, types: frozenset[str]) -> list[Resource]:
        return [resource for resource in self.resources if resource.type in types]

    def made_of(self, resource: Resource, key: str, types: frozenset[str]) -> list[Resource]:
        """Return the resources of these types whose outputs a property is made of."""
        sources = (self.by_key.get(each) for each in resource.made_of.get(key, ()))
        return [source for source in sources if source is not None and source.type in types]

    def view(self, resource: Resource, path: str, row: Properties) -> View:
        return View(
            self.notes,
            path,
            row,
            resource.properties,
            is_given=resource.is_given,
            missing=resource.missing,
        )

    def refer(
        self,
        resource: Resource,
        key: str,
        value: Any,
        types: frozenset[str],
        keys: Sequence[str] = ("arn", "id", "name"),
    ) -> Resource | None:
        """Return the resource that a value in the property `key` names.

        A known value is what AWS calls the resource; not every provider tells a resource's own id,
        so one of unknown id is taken where the property is made of no other. An unknown value is
        resolved only where the property is made of the outputs of exactly one resource of these
        types.
        """
        sources = self.made_of(resource, key, types)
        only = sources[0] if len(sources) == 1 else None
        if isinstance(value, str):
            matching = [each for each in self.of(types) if value in map(each.properties.get, keys)]
            if len(matching) > 1 and resource.region:
                # The same name in two Regions: each refers to what is in its own.
                here = [each for each in matching if each.region == resource.region]
                matching = here or matching
            if len(matching) > 1:
                return only if only in matching else None
            if matching:
                return matching[0]
            told_by = "arn" if value.startswith("arn:") else "id"
            untold = only is not None and only.properties.get(told_by) in (None, UNKNOWN)
            return only if untold and told_by in keys else None
        return only if value is UNKNOWN else None

    def refer_each(
        self, resource: Resource, key: str, types: frozenset[str]
    ) -> tuple[list[Resource], int]:
        """Return the resources that the items of a list name, and how many items name none.

        Unknown items are resolved together, where the property is made of as many resources of
        these types as there are unknown items.
        """
        value = resource.properties.get(key)
        if value is UNKNOWN:
            sources = self.made_of(resource, key, types)
            return (sources, 0) if len(sources) == 1 else ([], int(key in resource.made_of))
        items = list(value) if isinstance(value, list | tuple) else []
        unknown = [item for item in items if item is UNKNOWN]
        found, missed = [], 0
        for item in items:
            if item is UNKNOWN:
                continue
            match = self.refer(resource, key, item, types)
            if match is None:
                missed += 1
            elif match not in found:
                found.append(match)
        left = [each for each in self.made_of(resource, key, types) if each not in found]
        if len(left) == len(unknown):
            return [*found, *left], missed
        return found, missed + len(unknown)

    def launched_by(self, group: Resource) -> Resource | None:
        """Return the launch template or configuration of a group; None where it is not known."""
        mixed = group.properties.get("mixedInstancesPolicy")
        key, specification = "launchTemplate", group.properties.get("launchTemplate")
        if isinstance(mixed, Mapping):
            key, inner = "mixedInstancesPolicy", mixed.get("launchTemplate")
            specification = (
                inner.get("launchTemplateSpecification") if isinstance(inner, Mapping) else None
            )
        if isinstance(specification, Mapping):
            words = ("id", "launchTemplateId", "name", "launchTemplateName")
            value = next((specification[at] for at in words if specification.get(at)), None)
            return self.refer(group, key, value, known.LAUNCH_TEMPLATE, ("id", "name"))
        key = "launchConfiguration"
        value = group.properties.get(key)
        return self.refer(group, key, value, known.LAUNCH_CONFIGURATION, ("name", "id"))

    def owner(self, resource: Resource, kind: str, name: str) -> Resource | None:
        """Return the group that a policy, schedule or hook is of; note where that is not known."""
        value = resource.properties.get("autoscalingGroupName")
        owner = self.refer(resource, "autoscalingGroupName", value, known.GROUP, ("name", "id"))
        if owner is not None and owner.external:
            return None
        if owner is None:
            # One that names a group of another stack, by a name that is known, takes nothing away.
            self.notes.add(
                f"{kind}[{name}]",
                "Its group is not of this stack or not known yet; it is left out.",
                supply=value is UNKNOWN,
            )
        return owner

    def targets_of(self, group_key: str) -> list[Resource]:
        return [self.by_key[key] for key in self.targets[group_key]]

    def left_out(self, view: View, reason: str, *, supply: bool = False) -> None:
        self.notes.add(view.path, f"{reason} It is left out.", supply=supply)


def called(resource: Resource) -> str:
    """Return what AWS calls a resource, or its logical name where that is not known."""
    stated = resource.properties.get("name")
    return stated if isinstance(stated, str) and stated else resource.name


def or_else(value: int | None, default: int) -> int:
    """Return a number, or what stands in where it is absent."""
    return default if value is None else value


def unless_negative(value: int | None) -> int | None:
    """Return a number, or None where AWS's -1 says that there is none."""
    return None if value is None or value < 0 else value
