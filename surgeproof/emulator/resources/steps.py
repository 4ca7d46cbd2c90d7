"""A row's step as a request: its properties, attributes and tags, put where AWS has them."""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from botocore.model import MapShape, Shape
from pulumi.runtime.rpc import UNKNOWN

from surgeproof.emulator.requests import Builder, find_member, pair_members, spell
from surgeproof.emulator.resources.values import dig, leaves, top_of
from surgeproof.emulator.rows.row import Const, Context, Row, Source, State, Step


def tops(step: Step) -> tuple[str, ...]:
    """Return the top-level properties of a step."""
    return step.takes or tuple(dict.fromkeys(map(top_of, step.attributes)))


def stepped(row: Row) -> set[str]:
    """Return the properties that a step of the row can change."""
    return {name for step in (*row.steps, *row.updates) for name in tops(step)}


def _created_with(row: Row, inputs: State) -> list[str]:
    """Return the properties that the creating call takes: all that no step does."""
    apart = {name for step in row.steps for name in tops(step)} | set(row.local) | {"region"}
    if row.tagging:
        apart.add("tags")
    return [name for name in inputs if name not in apart and not name.startswith("__")]


def is_due(step: Step, inputs: State) -> bool:
    """Tell whether any of a step's properties is set."""
    if step.only and not step.only(inputs):
        return False
    return any(inputs.get(name) is not None for name in tops(step))


def written(row: Row, name: str, value: Any) -> Any:
    """Return a property's value as AWS writes it, where the row says how."""
    convert = row.values.get(name)
    return convert(value) if convert and value != UNKNOWN else value


def resolve(source: Source, state: State, *, checking: bool = False) -> Any:
    """Return what a source gives; in a check, UNKNOWN where the state does not have it yet."""
    try:
        if isinstance(source, Const):
            return source.value
        value = source(state) if callable(source) else state.get(source)
    except (KeyError, TypeError):
        if not checking:
            raise
        value = UNKNOWN
    return UNKNOWN if value is None and checking and isinstance(source, str) else value


def builder_of(
    shape: Shape,
    row: Row,
    step: Step,
    context: Context,
    *,
    update: bool = False,
    checking: bool = False,
    refused: Container[str] = (),
) -> Builder:
    """Build a step's request; in a check, what is not known yet is UNKNOWN.

    Args:
        shape: The operation's input.
        row: The resource's type.
        step: One of its steps.
        context: The resource.
        update: Whether the step changes what is there.
        checking: Whether the request is only looked at.
        refused: Attributes that the endpoint is known to refuse.

    """
    inputs, state = context.inputs, context.state
    builder = Builder(
        shape=shape,
        names={
            **step.names,
            **(step.update_names if update else {}),
            **dict.fromkeys(row.local, "-"),
        },
        noun=row.noun,
        sub=step.sub,
        inputs=inputs,
    )
    sources = step.request
    if update and step.update_request is not None:
        sources = step.update_request
    for member, source in sources.items():
        value = resolve(source, state, checking=checking)
        if value is not None:
            builder.set(member, value)
    if step.attributes:
        _put_attributes(builder, step, inputs, context.old, refused)
        return builder
    for name in tops(step) if step is not row.create else _created_with(row, inputs):
        value = inputs.get(name)
        if value is not None:
            builder.put(name, written(row, name, value))
    if step is row.create and not update and row.tagging and row.tags_on_create:
        _put_tags(builder, row, inputs.get("tags"))
    return builder


# Attribute lists.


def attributes(
    step: Step, inputs: State, old: State | None = None
) -> Iterator[tuple[str, str, Any]]:
    """Yield path, key and value of each attribute that is set.

    Of one that was set before and is no more, the value is AWS's default.
    """
    for path, (place, default) in step.attributes.items():
        key = place(inputs) if callable(place) else place
        value = dig(inputs, path)
        if value is not None:
            yield path, key, value
        elif old and dig(old, path) is not None:
            yield path, key, default


def one_attribute(step: Step, key: str, value: Any) -> dict[str, Any]:
    """Return the members of a call that sets one attribute."""
    if step.attribute_style == "value":
        on = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        return {key: {"Value": on}}
    return {"AttributeName": key, "AttributeValue": spell(value)}


def _put_attributes(
    builder: Builder, step: Step, inputs: State, old: State, refused: Container[str]
) -> None:
    """Put attributes into a request, but for those that the endpoint is known to refuse.

    Those that are sent one by one are put together for the check.
    """
    listed: list[dict[str, Any]] = []
    for path, key, value in attributes(step, inputs, old):
        if path in refused:
            continue
        builder.places[path] = key
        if step.attribute_style == "list":
            builder.origins["Attributes", len(listed)] = path
            listed.append({"Key": key, "Value": spell(value)})
        else:
            members = one_attribute(step, key, value)
            builder.params |= members
            builder.origins |= dict.fromkeys(((member,) for member in members), path)
    if listed:
        builder.params["Attributes"] = listed
    given = {name: inputs[name] for name in tops(step) if inputs.get(name) is not None}
    builder.unplaced += [path for path, _ in leaves(given) if path not in step.attributes]


# Tags.


def encode_tags(shape: Shape, tags: Any) -> Any:
    """Write tags as AWS's service has them: a map, or a list of keys and values."""
    if isinstance(shape, MapShape) or not isinstance(tags, Mapping):
        return tags
    pair = pair_members(shape.member) or ("Key", "Value")
    return [{pair[0]: key, pair[1]: value} for key, value in tags.items()]


def decode_tags(listed: Any) -> dict[str, Any]:
    """Read tags as AWS's services have them."""
    if isinstance(listed, Mapping):
        return dict(listed)
    return {
        each.get("Key", each.get("TagKey")): each.get("Value", each.get("TagValue"))
        for each in listed
    }


def _put_tags(builder: Builder, row: Row, tags: Any) -> None:
    """Put tags into a creating request."""
    if not tags:
        return
    member = next((name for name in builder.shape.members if name.lower() == "tags"), None)
    if member:
        builder.params[member] = encode_tags(builder.shape.members[member], tags)
        builder.origins[member,] = "tags"
        builder.places["tags"] = member
    elif find_member(builder.shape, "tagSpecifications"):
        specified = builder.shape.members["TagSpecifications"].member.members["Tags"]
        encoded = encode_tags(specified, tags)
        kind = row.kind or re.sub(r"(?<!^)(?=[A-Z])", "-", row.token.rpartition(":")[2]).lower()
        specification = {"ResourceType": kind, "Tags": encoded}
        builder.params["TagSpecifications"] = [specification]
        builder.origins["TagSpecifications",] = "tags"
        builder.places["tags"] = "TagSpecifications"
    else:
        builder.unplaced.append("tags")
