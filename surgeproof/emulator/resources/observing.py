"""How the endpoint describes a resource, in the program's form."""

import copy
from collections.abc import Mapping
from typing import Any

from surgeproof.emulator import endpoint
from surgeproof.emulator.reading import ABSENT, UNTOLD, Reader, agree, cast, take
from surgeproof.emulator.requests import Place, spell
from surgeproof.emulator.resources.calls import Calls, EndpointError, LackingError, says_gone
from surgeproof.emulator.resources.steps import attributes, decode_tags, tops, written
from surgeproof.emulator.resources.values import replace
from surgeproof.emulator.rows.row import Call, Const, Context, Row, State, Step
from surgeproof.settings.resources import DEFAULTS


def described(calls: Calls, row: Row, state: State) -> Any:
    """Return how AWS describes the resource; None if it is gone."""
    if row.read is None:
        return {}
    try:
        found = calls.call(row, row.read, state)
    except EndpointError as error:
        if says_gone(row, error):
            return None
        raise
    return None if found is None or (row.is_gone and row.is_gone(found, state)) else found


def observed(calls: Calls, row: Row, context: Context, found: Any) -> dict[str, Any]:
    """Return what the endpoint tells of each input that the row can read."""
    inputs = context.inputs
    seen: dict[str, Any] = {}
    names: dict[str, Place] = {}
    apart: set[str] = {"tags"} if row.tagging else set()
    for step in row.steps:
        mine = [name for name in tops(step) if name in inputs]
        if step.due:
            apart |= set(mine)
        elif step.read and mine:
            apart |= set(mine)
            seen |= _observed_step(calls, row, step, context, mine)
        elif not step.read:
            names |= step.names
    for mine_only, call in row.reads:
        mine = [name for name in mine_only if name in inputs]
        if mine:
            apart |= set(mine)
            step = Step(operation=row.create.operation, names=row.create.names, read=call)
            seen |= _observed_step(calls, row, step, context, mine)
    if row.read:
        names |= {**row.create.names, **row.read.names}
        shape = calls.result_shape(row, row.read)
        reader = Reader(shape, names, row.noun, inputs, row.create.sub)
        for name in inputs:
            if name not in apart and name not in _not_told(row):
                seen[name] = _compared(reader, row, name, inputs[name], found)
    if row.tagging and "tags" in inputs:
        seen["tags"] = _tags(calls, row, context, found)
    return seen


def _observed_step(
    calls: Calls, row: Row, step: Step, context: Context, mine: list[str]
) -> dict[str, Any]:
    """Return what the endpoint tells of a step's properties, by a reading of its own."""
    if not step.read:
        return {}
    inputs = context.inputs
    try:
        if step.attributes:
            return _observed_attributes(calls, row, step, context)
        found = calls.call(row, step.read, context.state)
    except LackingError:
        return {}
    names = {**step.names, **step.read.names}
    reader = Reader(calls.result_shape(row, step.read), names, row.noun, inputs)
    return {
        name: _compared(reader, row, name, inputs[name], found)
        for name in mine
        if name not in _not_told(row)
    }


def _observed_attributes(calls: Calls, row: Row, step: Step, context: Context) -> dict[str, Any]:
    inputs, read = context.inputs, step.read
    if read is None:
        return {}
    listed: dict[str, Any] = {}
    if step.attribute_style == "value":
        for _, key, _ in attributes(step, inputs):
            request = {**read.request, "Attribute": Const(key[0].lower() + key[1:])}
            call = Call(operation=read.operation, request=request)
            listed[key] = (calls.call(row, call, context.state).get(key) or {}).get("Value")
    else:
        answer = calls.call(row, read, context.state).get("Attributes") or {}
        pairs = answer.items() if isinstance(answer, dict) else map(_key_and_value, answer)
        listed = dict(pairs)
    seen = {top: copy.deepcopy(inputs[top]) for top in tops(step) if top in inputs}
    for path, key, value in attributes(step, inputs):
        actual = listed.get(key)
        if actual is None:
            replace(seen, path, ABSENT if value not in ("", False) else value)
        elif not agree(spell(value), actual):
            replace(seen, path, cast(value, actual))
    return seen


def _tags(calls: Calls, row: Row, context: Context, found: Any) -> Any:
    """Return the tags, as recorded if AWS has the same."""
    tagging = row.tagging
    recorded = context.inputs["tags"]
    if tagging and tagging.read:
        found = calls.call(row, tagging.read, context.state)
    listed = found.get(tagging.read_member if tagging else "Tags") or {}
    now = {key: value for key, value in decode_tags(listed).items() if not key.startswith("aws:")}
    return recorded if recorded == now else now


def outputs_of(row: Row, context: Context, found: Any) -> dict[str, Any]:
    """Return the outputs, by what the endpoint describes."""
    outputs: dict[str, Any] = {}
    for name, source in row.outputs.items():
        value = source(context, found) if callable(source) else take(found, source, {})
        if value is not None:
            outputs[name] = value
    return outputs


def _not_told(row: Row) -> set[str]:
    """Return the properties that AWS knows nothing of."""
    return {*row.local, "region", DEFAULTS}


def _key_and_value(pair: Mapping[str, Any]) -> tuple[str, Any]:
    return pair["Key"], pair.get("Value")


def _compared(reader: Reader, row: Row, name: str, value: Any, found: Any) -> Any:
    """Return what AWS has of a property, in the program's form."""
    wanted = written(row, name, value)
    if wanted is None:
        return value
    now = reader.compare(name, wanted, found)
    if now in (ABSENT, UNTOLD) or name not in row.values:
        return now
    return value if now == wanted else not value if isinstance(value, bool) else now


def believed(token: str, path: str, recorded: Any, now: Any) -> Any:
    """Return a property's value, given what the endpoint tells of it.

    What no answer has a place for, what the endpoint loses and what it refuses is as recorded.
    What it usually tells and does not now is ABSENT: somebody took it away.
    """
    loss = endpoint.LOST.get(token, {}).get(path)
    refused = path in endpoint.REFUSED.get(token, ())
    if now is UNTOLD or refused or (loss and (now is ABSENT or not loss.absent)):
        return recorded
    if isinstance(now, Mapping) and isinstance(recorded, Mapping):
        inner = {
            key: believed(token, f"{path}.{key}", recorded.get(key), each)
            for key, each in now.items()
        }
        return {key: each for key, each in inner.items() if each is not ABSENT}
    if isinstance(now, list) and isinstance(recorded, list) and len(now) == len(recorded):
        pairs = zip(recorded, now, strict=True)
        return [believed(token, path, one, other) for one, other in pairs]
    return now
