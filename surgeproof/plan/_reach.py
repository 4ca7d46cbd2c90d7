"""Which databases the instances of a stack's groups can reach, by security groups."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from surgeproof.plan import _properties as known
from surgeproof.plan._stack import Stack
from surgeproof.plan._view import Resource

_OF_INSTANCES: Final = ("vpcSecurityGroupIds", "securityGroups")
"""Where a launch template and a launch configuration name the instances' security groups."""
_ADDRESSES: Final = (
    *("cidrBlocks", "ipv6CidrBlocks", "prefixListIds"),
    *("cidrIpv4", "cidrIpv6", "prefixListId"),
)


def reachable(stack: Stack, databases: Sequence[Resource]) -> list[Resource]:
    """Return the databases that the groups' instances can reach, or that cannot be excluded.

    One is excluded where all its security groups are of the stack, and each of their rules admits a
    security group that no instance is in. All are returned where that would exclude each.
    """
    instances = _of_instances(stack)
    if instances is None:
        return list(databases)
    found = [each for each in databases if not _is_closed(stack, each, instances)]
    return found or list(databases)


def _of_instances(stack: Stack) -> list[Resource] | None:
    """Return the security groups of all instances; None where one is not known."""
    found: list[Resource] = []
    for key in stack.group_names:
        source = stack.launched_by(stack.by_key[key])
        if source is None or source.properties.get("networkInterfaces"):
            return None
        of_one: list[Resource] = []
        for path in _OF_INSTANCES:
            named, missed = stack.refer_each(source, path, known.SECURITY_GROUP)
            if missed:
                return None
            of_one += named
        if not of_one:
            return None  # the VPC's default group
        found += of_one
    return found


def _is_closed(stack: Stack, database: Resource, instances: Sequence[Resource]) -> bool:
    """Whether a database certainly admits none of the instances."""
    own, missed = stack.refer_each(database, "vpcSecurityGroupIds", known.SECURITY_GROUP)
    if missed or not own:
        return False
    return all(
        source is not None and source not in instances
        for group in own
        for source in _sources(stack, group)
    )


def _sources(stack: Stack, group: Resource) -> Iterator[Resource | None]:
    """Yield the security groups that a security group admits; None for anything else."""
    inline = group.properties.get("ingress")
    for rule in inline if isinstance(inline, list | tuple) else [inline] * (inline is not None):
        yield from _of_rule(stack, group, rule, ("ingress", "securityGroups"))
        if isinstance(rule, Mapping) and rule.get("self"):
            yield group
    for types, key in (
        (known.SECURITY_GROUP_RULE, "sourceSecurityGroupId"),
        (known.INGRESS_RULE, "referencedSecurityGroupId"),
    ):
        for rule in stack.of(types):
            if _is_of(stack, rule, group) and rule.properties.get("type") != "egress":
                yield from _of_rule(stack, rule, rule.properties, (key, key))
                if rule.properties.get("self"):
                    yield group


def _is_of(stack: Stack, rule: Resource, group: Resource) -> bool:
    key = "securityGroupId"
    found = stack.refer(rule, key, rule.properties.get(key), known.SECURITY_GROUP, ("id",))
    # A rule of a group that is not known may be of any.
    return found in (group, None)


def _of_rule(
    stack: Stack, holder: Resource, rule: Any, keys: tuple[str, str]
) -> Iterator[Resource | None]:
    """Yield what a rule admits beside its own security group.

    Args:
        stack: The stack.
        holder: The resource that holds the rule.
        rule: The rule's properties.
        keys: The holder's top-level property, and the one of the rule that names security groups.

    """
    if not isinstance(rule, Mapping):
        yield None
        return
    top, key = keys
    value = rule.get(key)
    for each in value if isinstance(value, list | tuple) else [value] * (value is not None):
        yield stack.refer(holder, top, each, known.SECURITY_GROUP, ("id",))
    if any(rule.get(at) for at in _ADDRESSES):
        yield None
