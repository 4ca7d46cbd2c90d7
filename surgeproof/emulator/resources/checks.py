"""What AWS would refuse, what a change means, and where each property goes: without any call."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pulumi.runtime.rpc import UNKNOWN

from surgeproof.emulator.requests import ELSEWHERE, find_member, known, shape_at, violations
from surgeproof.emulator.resources.calls import Calls, complaint
from surgeproof.emulator.resources.steps import is_due, stepped
from surgeproof.emulator.resources.values import dig, leaves, shown, top_of
from surgeproof.emulator.rows.row import Name, Row
from surgeproof.settings import aws_limits


class CheckFailure(NamedTuple):
    """A property that AWS would refuse."""

    property: str
    reason: str


@dataclass(frozen=True)
class Difference:
    """What a change of inputs means."""

    changed: tuple[str, ...]
    """Paths of the properties that differ."""
    replaces: tuple[str, ...]
    """Those that need a new resource."""
    delete_before_replace: bool
    """Whether the old one must go first, since both would have one name."""


def auto_name(name: str, rule: Name, seed: bytes) -> str:
    """Return a logical name with 7 hex digits, as pulumi-aws names what is given no name."""
    digits = hashlib.sha256(seed or name.encode()).hexdigest()[:7]
    room = rule.limit - len(rule.prefix) - len(digits) - 1
    made = f"{rule.prefix}{name[:room]}-{digits}"
    return made.lower() if rule.lower else made


def failures(calls: Calls, row: Row, inputs: dict[str, Any]) -> Iterator[CheckFailure]:
    """Yield what AWS would refuse."""
    for path, value in leaves(inputs):
        if value is None or value == UNKNOWN or path.startswith("__"):
            continue
        rule = aws_limits.breach(row.token, path, value)
        if rule:
            yield CheckFailure(path, f"{path} must {rule}, got {shown(value)}")
    plain = known(inputs)
    for relation in aws_limits.broken_relations(row.token, plain):
        got = shown(dig(plain, relation.path))
        yield CheckFailure(relation.path, f"{relation.path} must {relation.rule}, got {got}")
    region = inputs.get("region", UNKNOWN)
    if region not in (UNKNOWN, calls.region):
        yield CheckFailure("region", f"region must be {calls.region}, got {region}")
    context = calls.context(row, inputs)
    for step in (row.create, *row.steps):
        if step is not row.create and not is_due(step, inputs):
            continue
        builder = calls.builder(row, step, context, checking=True)
        for path in builder.unplaced:
            yield CheckFailure(
                path, f"{path} has no place in {step.operation}: the embedded AWS cannot set it"
            )
        if not step.run:
            for broken in violations(builder.shape, builder.params, calls.new_values):
                yield CheckFailure(*complaint(builder.origins, step.operation, broken))


def places(calls: Calls, row: Row, inputs: dict[str, Any]) -> dict[str, str]:
    """Return where each property that is set goes: operation and member, or attribute key."""
    placed: dict[str, str] = {}
    for step in (row.create, *row.steps):
        if step is not row.create and not is_due(step, inputs):
            continue
        builder = calls.builder(row, step, calls.context(row, inputs), checking=True)
        for path, member in builder.places.items():
            own = member in ELSEWHERE.values()
            placed[path] = member if own else f"{step.operation} {member}"
    for name in row.local:
        if dig(inputs, name) is not None:
            placed[name] = ELSEWHERE["-"]
    return placed


def needs_replacement(calls: Calls, row: Row, path: str) -> bool:
    """Tell whether a property's change needs a new resource.

    The row says so, or no call could change the property.
    """
    plain = re.sub(r"\[\d+\]", "", path)
    if any(plain == each or plain.startswith(f"{each}.") for each in row.replaces):
        return True
    top = top_of(path)
    own = {top_of(each) for each in row.local}
    if top in own or top in stepped(row) or (top == "tags" and row.tagging):
        return False
    operation = row.create.update or row.create.operation
    if operation == "-":
        return True
    names = {**row.create.names, **row.create.update_names}
    shape = calls.shape(row.service, operation)
    for other, place in names.items():
        if other == top or other.startswith(f"{top}."):
            where = place if isinstance(place, str) else place({})
            if where in ELSEWHERE or re.split(r"[.:]", where)[0] in shape.members:
                return False
    below = shape_at(shape, row.create.sub) if row.create.sub else None
    return not (
        find_member(shape, top, row.noun) or (below is not None and find_member(below, top))
    )
