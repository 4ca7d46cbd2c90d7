"""The life of a resource on the embedded AWS: check, create, read, update, delete.

Everything that differs between types is in `rows`; this module walks a row. Values are plain
Python; an unknown one is the string `UNKNOWN`, at any depth.
"""

import contextlib
import copy
import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import botocore.exceptions
from botocore import xform_name
from botocore.model import MapShape, Shape
from pulumi.runtime.rpc import UNKNOWN

from surgeproof.emulator import endpoint, invokes
from surgeproof.emulator.clients import Clients
from surgeproof.emulator.reading import ABSENT, UNTOLD, Reader, agree, cast, take
from surgeproof.emulator.requests import (
    ELSEWHERE,
    Builder,
    MemberPath,
    Place,
    Violation,
    find_member,
    known,
    pair_members,
    shape_at,
    spell,
    violations,
)
from surgeproof.emulator.rows import ROWS
from surgeproof.emulator.rows.row import Call, Const, Context, Name, Row, Source, State, Step
from surgeproof.emulator.state import RECORDED_ID, RECORDED_ONLY
from surgeproof.settings import aws_limits
from surgeproof.settings.resources import DEFAULTS

"""The input that lists what the provider filled in, as pulumi-aws has it."""

_SHOWN_CHARACTERS = 80


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


class EndpointError(Exception):
    """The endpoint refused a call, or cannot be reached; the message is for people."""

    def __init__(self, message: str, code: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        """AWS's error code, if it was AWS that refused."""
        self.detail = detail
        """AWS's own words."""


class _Lacking(Exception):  # noqa: N818 - not an error: the resource is recorded
    """The endpoint does not implement an operation."""


@dataclass
class Request:
    """A call ready to be sent."""

    service: str
    operation: str
    params: dict[str, Any]
    origins: Mapping[MemberPath, str] = field(default_factory=dict)


class Resources:
    """The resource types of `rows`, on one endpoint.

    Args:
        clients: Clients of the endpoint.
        allow_new_enum_values: Values that are taken although botocore's enumerations lack them,
            such as an instance type that is newer than botocore.

    """

    def __init__(
        self, clients: Clients, *, allow_new_enum_values: frozenset[str] = frozenset()
    ) -> None:
        self._clients = clients
        self._new_values = allow_new_enum_values
        self.on_request: Callable[[str, str, Mapping[str, Any]], None] | None = None
        """Told of each request: type token, operation, members. For tests."""
        self.refusals: dict[str, dict[str, str]] | None = None
        """Where not None, an attribute that the endpoint refuses is put here and left out. For
        measuring the endpoint."""

    def tokens(self) -> frozenset[str]:
        """Return the type tokens and invoke tokens that are supported."""
        return frozenset(ROWS) | frozenset(invokes.INVOKES)

    # The engine's operations.

    def check(
        self, token: str, name: str, olds: dict[str, Any] | None, news: dict[str, Any], seed: bytes
    ) -> tuple[dict[str, Any], list[CheckFailure]]:
        """Fill in a name where none is given, and say what AWS would refuse."""
        if token not in ROWS:
            return news, [CheckFailure("", f"{token} is not supported by the embedded AWS")]
        row = _row(token, news)
        inputs = {key: value for key, value in news.items() if value is not None}
        inputs.pop(DEFAULTS, None)
        if row.name and row.name.always and row.name.property not in inputs:
            key = row.name.property
            kept = (olds or {}).get(key) if key in ((olds or {}).get(DEFAULTS) or ()) else None
            inputs[key] = kept or _auto_name(name, row.name, seed)
            inputs[DEFAULTS] = [key]
        return inputs, list(dict.fromkeys(self._failures(row, inputs)))

    def diff(
        self,
        token: str,
        id: str,  # noqa: A002, ARG002 - the protocol's word
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],  # noqa: ARG002
        new_inputs: dict[str, Any],
    ) -> Difference:
        """Say what changes, and whether in place."""
        row = _row(token, new_inputs)
        changed = tuple(_differences(old_inputs, new_inputs))
        replaces = tuple(path for path in changed if self._replaces(row, path))
        clash = False
        if replaces and row.name:
            key = row.name.property
            explicit = key not in (new_inputs.get(DEFAULTS) or ())
            clash = explicit and old_inputs.get(key) == new_inputs.get(key)
        return Difference(changed, replaces, clash)

    def create(
        self, token: str, inputs: dict[str, Any], *, preview: bool
    ) -> tuple[str, dict[str, Any]]:
        """Create a resource; return its id and outputs."""
        row = _row(token, inputs)
        if preview:
            return "", _answer(inputs, dict.fromkeys(row.outputs, UNKNOWN), [])
        context = self._context(row, inputs)
        try:
            response = self._send(row, self._request(row, row.create, context))
        except _Lacking as lacking:
            ident = RECORDED_ID + str(inputs.get(row.name.property if row.name else "", token))
            return ident, _answer(inputs, dict.fromkeys(row.outputs, ident), [str(lacking)])
        context.state["id"] = _ident(row, response, context.state)
        notes: list[str] = []
        try:
            if row.created:
                row.created(context)
            for step in row.steps:
                if _is_due(step, inputs) and not step.due:
                    notes += self._set(row, step, context)
            if not row.tags_on_create and inputs.get("tags"):
                self._tag(row, context.state, inputs["tags"], {})
            outputs = self._outputs(row, context, self._described(row, context.state))
        except (EndpointError, _Lacking) as error:
            self._abandon(row, context)
            raise EndpointError(str(error)) from None
        return context.state["id"], _answer(inputs, outputs, notes)

    def read(
        self,
        token: str,
        id: str,  # noqa: A002
        inputs: dict[str, Any],
        outputs: dict[str, Any],
    ) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """Say how a resource is now: its id, inputs and outputs; None if it is gone.

        Inputs that the endpoint loses, and those that it does not tell, are returned as recorded.
        """
        if id.startswith(RECORDED_ID):
            return id, inputs, outputs
        row = _row(token, inputs)
        context = self._context(row, inputs, outputs, id)
        try:
            found = self._described(row, context.state)
            if found is None:
                return None
            now = dict(inputs)
            for name, value in self._observed(row, context, found).items():
                current = _believed(token, name, inputs[name], value)
                if current is ABSENT:
                    del now[name]
                else:
                    now[name] = current
            fresh = self._outputs(row, context, found)
        except _Lacking as lacking:
            raise EndpointError(f"{token}: {lacking}") from None
        kept = {key: value for key, value in outputs.items() if key not in inputs}
        return id, now, _answer(now, {**kept, **fresh}, [])

    def update(
        self,
        token: str,
        id: str,  # noqa: A002
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        new_inputs: dict[str, Any],
        *,
        preview: bool,
    ) -> dict[str, Any]:
        """Change a resource in place; return its outputs."""
        row = _row(token, new_inputs)
        changed = frozenset(_top(path) for path in _differences(old_inputs, new_inputs))
        kept = {key: value for key, value in old_outputs.items() if key not in old_inputs}
        if id.startswith(RECORDED_ID):
            return _answer(new_inputs, kept, [])
        if preview:
            moved = row.changes if changed - {"tags", *row.local} else ()
            return _answer(new_inputs, {**kept, **dict.fromkeys(moved, UNKNOWN)}, [])
        kept.pop(RECORDED_ONLY, None)
        context = self._context(row, new_inputs, kept, id)
        context.old = {**old_outputs, **old_inputs, "id": id}
        context.changed = changed
        try:
            notes = self._change(row, context, old_inputs)
            if row.updated:
                row.updated(context)
            found = self._described(row, context.state)
            fresh = self._outputs(row, context, found) if found is not None else {}
        except _Lacking as lacking:
            raise EndpointError(f"{token} {id}: {lacking}") from None
        return _answer(new_inputs, {**kept, **fresh}, notes)

    def delete(
        self,
        token: str,
        id: str,  # noqa: A002
        inputs: dict[str, Any],
        outputs: dict[str, Any],
    ) -> None:
        """Delete a resource; one that is gone already is no error."""
        if id.startswith(RECORDED_ID):
            return
        row = _row(token, inputs)
        context = self._context(row, inputs, outputs, id)
        deleting: list[Callable[[], Any]] = [
            functools.partial(self._call, row, call, context.state) for call in row.delete
        ]
        if row.deleting:
            deleting.insert(0, functools.partial(row.deleting, context))
        for step in deleting:
            try:
                step()
            except _Lacking as lacking:
                raise EndpointError(f"{token} {id}: {lacking}") from None
            except EndpointError as error:
                if not _says_gone(row, error):
                    raise

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Answer a function such as getAvailabilityZones."""
        if token not in invokes.INVOKES:
            raise EndpointError(f"{token} is not supported by the embedded AWS")

        def call(service: str, operation: str, params: dict[str, Any]) -> Any:
            return self._send_to(token, Request(service, operation, params))

        try:
            return invokes.INVOKES[token](call, self._clients.region, args)
        except (_Lacking, LookupError) as error:
            raise EndpointError(f"{token}: {error}") from None

    # For the measured table and tests.

    def observe(
        self,
        token: str,
        id: str,  # noqa: A002
        inputs: dict[str, Any],
        outputs: dict[str, Any],
    ) -> dict[str, Any]:
        """Return what the endpoint tells of each input that the row can read.

        It is the input itself where they agree, ABSENT where the answer has nothing, and UNTOLD
        where it has no place for it.
        """
        if id.startswith(RECORDED_ID):
            return {}
        row = _row(token, inputs)
        context = self._context(row, inputs, outputs, id)
        return self._observed(row, context, self._described(row, context.state))

    def places(self, token: str, inputs: dict[str, Any]) -> dict[str, str]:
        """Return where each property that is set goes: operation and member, or attribute key."""
        row = _row(token, inputs)
        placed: dict[str, str] = {}
        for step in (row.create, *row.steps):
            if step is not row.create and not _is_due(step, inputs):
                continue
            builder = self._builder(row, step, self._context(row, inputs), checking=True)
            for path, member in builder.places.items():
                own = member in ELSEWHERE.values()
                placed[path] = member if own else f"{step.operation} {member}"
        for name in row.local:
            if _dig(inputs, name) is not None:
                placed[name] = ELSEWHERE["-"]
        return placed

    # Checking.

    def _failures(self, row: Row, inputs: dict[str, Any]) -> Iterator[CheckFailure]:
        for path, value in _leaves(inputs):
            if value is None or value == UNKNOWN or path.startswith("__"):
                continue
            rule = aws_limits.breach(row.token, path, value)
            if rule:
                yield CheckFailure(path, f"{path} must {rule}, got {_shown(value)}")
        plain = known(inputs)
        for relation in aws_limits.broken_relations(row.token, plain):
            got = _shown(_dig(plain, relation.path))
            yield CheckFailure(relation.path, f"{relation.path} must {relation.rule}, got {got}")
        region = inputs.get("region", UNKNOWN)
        if region not in (UNKNOWN, self._clients.region):
            yield CheckFailure("region", f"region must be {self._clients.region}, got {region}")
        context = self._context(row, inputs)
        for step in (row.create, *row.steps):
            if step is not row.create and not _is_due(step, inputs):
                continue
            builder = self._builder(row, step, context, checking=True)
            for path in builder.unplaced:
                yield CheckFailure(
                    path, f"{path} has no place in {step.operation}: the embedded AWS cannot set it"
                )
            if not step.run:
                for broken in violations(builder.shape, builder.params, self._new_values):
                    yield CheckFailure(*_complaint(builder.origins, step.operation, broken))

    # Requests.

    def _request(self, row: Row, step: Step, context: Context, *, update: bool = False) -> Request:
        builder = self._builder(row, step, context, update=update)
        operation = step.update if update and step.update else step.operation
        return Request(row.service, operation, builder.params, builder.origins)

    def _builder(
        self,
        row: Row,
        step: Step,
        context: Context,
        *,
        update: bool = False,
        checking: bool = False,
    ) -> Builder:
        """Build a step's request; in a check, what is not known yet is UNKNOWN."""
        inputs, state = context.inputs, context.state
        operation = step.update if update and step.update else step.operation
        builder = Builder(
            shape=self._input(row.service, operation),
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
            value = _resolve(source, state, checking=checking)
            if value is not None:
                builder.set(member, value)
        if step.attributes:
            refused = () if checking or self.refusals is not None else _refused(row.token)
            _put_attributes(builder, step, inputs, context.old, refused)
            return builder
        for name in _tops(step) if step is not row.create else _created_with(row, inputs):
            value = inputs.get(name)
            if value is not None:
                builder.put(name, _written(row, name, value))
        if step is row.create and not update and row.tagging and row.tags_on_create:
            _put_tags(builder, row, inputs.get("tags"))
        return builder

    # Steps.

    def _set(self, row: Row, step: Step, context: Context, *, update: bool = False) -> list[str]:
        """Do one step; return a note if the endpoint lacks it."""
        try:
            if step.run:
                step.run(context)
            elif step.attribute_style in ("name", "value"):
                self._send_each(row, step, context, update=update)
            else:
                self._send_listed(row, step, context, update=update)
        except _Lacking as lacking:
            names = ", ".join(name for name in _tops(step) if name in context.inputs)
            return [f"{lacking} ({names})"]
        refused = endpoint.REFUSED.get(row.token, {})
        return [
            f"{step.operation}: {refused[path]} ({path})"
            for path, _, _ in _attributes(step, context.inputs)
            if path in refused
        ]

    def _send_listed(self, row: Row, step: Step, context: Context, *, update: bool) -> None:
        """Send a step's one call; when measuring, again without each attribute refused."""
        request = self._request(row, step, context, update=update)
        if step.attributes and not request.params.get("Attributes"):
            return
        while True:
            try:
                self._send(row, request)
            except EndpointError as error:
                listed = request.params.get("Attributes", ()) if self.refusals is not None else ()
                key = next((each["Key"] for each in listed if each["Key"] in str(error)), None)
                if key is None or self.refusals is None:
                    raise
                path = next(
                    path for path, found, _ in _attributes(step, context.inputs) if found == key
                )
                self.refusals.setdefault(row.token, {})[path] = error.detail
                request.params["Attributes"] = [each for each in listed if each["Key"] != key]
            else:
                return

    def _send_each(self, row: Row, step: Step, context: Context, *, update: bool) -> None:
        """Send one call for each attribute, in an update only for those that changed."""
        base = {member: _resolve(source, context.state) for member, source in step.request.items()}
        for path, key, value in _attributes(step, context.inputs, context.old):
            if update and _top(path) not in context.changed:
                continue
            each = _one_attribute(step, key, value)
            origins: dict[MemberPath, str] = dict.fromkeys(((member,) for member in each), path)
            self._send(row, Request(row.service, step.operation, {**base, **each}, origins))

    def _change(self, row: Row, context: Context, old_inputs: State) -> list[str]:
        """Do the calls that a change of inputs needs, in the order of the row."""
        inputs = context.inputs
        changed = set(context.changed) - set(row.local)
        notes: list[str] = []
        if row.tagging and "tags" in changed:
            self._tag(row, context.state, inputs.get("tags") or {}, old_inputs.get("tags") or {})
            changed.discard("tags")
        for step in (*row.updates, *row.steps):
            tops = set(_tops(step))
            if step.due or not changed & tops:
                continue
            had = any(old_inputs.get(name) is not None for name in tops)
            due = _is_due(step, inputs)
            if step.undo and had and (step.swap or not due):
                names = ", ".join(sorted(tops & set(context.old)))
                notes += [f"{note} ({names})" for note in self._undo(row, step.undo, context)]
            if due or step.run or step.attributes:
                notes += self._set(row, step, context, update=True)
            changed -= tops
        if changed - {name for step in row.steps for name in _tops(step)}:
            whole = context if row.overwrites else self._with_resets(row, context)
            self._send(row, self._request(row, row.create, whole, update=True))
        for step in row.steps:
            if step.due and _is_due(step, inputs) and step.due(context):
                notes += self._set(row, step, context, update=True)
        return notes

    def _undo(self, row: Row, call: Call, context: Context) -> list[str]:
        try:
            self._call(row, call, context.old)
        except _Lacking as lacking:
            return [str(lacking)]
        except EndpointError as error:
            if not _says_gone(row, error):
                raise
        return []

    @staticmethod
    def _with_resets(row: Row, context: Context) -> Context:
        """Return a context with defaults in place of properties that the program dropped."""
        inputs = dict(context.inputs)
        for name in context.changed:
            former = context.old.get(name)
            if inputs.get(name) is None and former is not None:
                if name in row.resets:
                    inputs[name] = row.resets[name]
                elif isinstance(former, list):
                    inputs[name] = []
                elif name not in (_stepped(row) | {"tags"}):
                    raise EndpointError(
                        f"{row.token} {context.state['id']}: {name} cannot be taken back in "
                        "place; give it the value that it shall have"
                    )
        return dataclasses.replace(context, inputs=inputs, state={**context.state, **inputs})

    def _replaces(self, row: Row, path: str) -> bool:
        """Tell whether a property's change needs a new resource.

        The row says so, or no call could change the property.
        """
        plain = re.sub(r"\[\d+\]", "", path)
        if any(plain == each or plain.startswith(f"{each}.") for each in row.replaces):
            return True
        top = _top(path)
        own = {_top(each) for each in row.local}
        if top in own or top in _stepped(row) or (top == "tags" and row.tagging):
            return False
        operation = row.create.update or row.create.operation
        if operation == "-":
            return True
        names = {**row.create.names, **row.create.update_names}
        shape = self._input(row.service, operation)
        for other, place in names.items():
            if other == top or other.startswith(f"{top}."):
                where = place if isinstance(place, str) else place({})
                if where in ELSEWHERE or re.split(r"[.:]", where)[0] in shape.members:
                    return False
        below = shape_at(shape, row.create.sub) if row.create.sub else None
        return not (
            find_member(shape, top, row.noun) or (below is not None and find_member(below, top))
        )

    # Tags.

    def _tag(self, row: Row, state: State, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Set the tags that are new or differ, and drop those that are gone."""
        tagging = row.tagging
        if tagging is None:
            return
        ident = _resolve(tagging.source, state)
        base = {**tagging.also, tagging.member: [ident] if tagging.many else ident}
        dropped = [key for key in old if key not in new]
        added = {key: value for key, value in new.items() if old.get(key) != value}
        if dropped:
            shape = self._input(row.service, tagging.untag).members[tagging.keys]
            pair = pair_members(shape.member)
            keys = [{pair[0]: key} for key in dropped] if pair else dropped
            self._send(row, Request(row.service, tagging.untag, {**base, tagging.keys: keys}))
        if added:
            shape = self._input(row.service, tagging.tag).members[tagging.tags]
            params = {**base, tagging.tags: _encode_tags(shape, added)}
            self._send(row, Request(row.service, tagging.tag, params, {(tagging.tags,): "tags"}))

    def _tags(self, row: Row, context: Context, found: Any) -> Any:
        """Return the tags, as recorded if AWS has the same."""
        tagging = row.tagging
        recorded = context.inputs["tags"]
        if tagging and tagging.read:
            found = self._call(row, tagging.read, context.state)
        listed = found.get(tagging.read_member if tagging else "Tags") or {}
        now = {
            key: value for key, value in _decode_tags(listed).items() if not key.startswith("aws:")
        }
        return recorded if recorded == now else now

    # Reading.

    def _described(self, row: Row, state: State) -> Any:
        """Return how AWS describes the resource; None if it is gone."""
        if row.read is None:
            return {}
        try:
            found = self._call(row, row.read, state)
        except EndpointError as error:
            if _says_gone(row, error):
                return None
            raise
        return None if found is None or (row.is_gone and row.is_gone(found, state)) else found

    def _observed(self, row: Row, context: Context, found: Any) -> dict[str, Any]:
        inputs = context.inputs
        seen: dict[str, Any] = {}
        names: dict[str, Place] = {}
        apart: set[str] = {"tags"} if row.tagging else set()
        for step in row.steps:
            mine = [name for name in _tops(step) if name in inputs]
            if step.due:
                apart |= set(mine)
            elif step.read and mine:
                apart |= set(mine)
                seen |= self._observed_step(row, step, context, mine)
            elif not step.read:
                names |= step.names
        for mine_only, call in row.reads:
            mine = [name for name in mine_only if name in inputs]
            if mine:
                apart |= set(mine)
                step = Step(operation=row.create.operation, names=row.create.names, read=call)
                seen |= self._observed_step(row, step, context, mine)
        if row.read:
            names |= {**row.create.names, **row.read.names}
            shape = self._result_shape(row, row.read)
            reader = Reader(shape, names, row.noun, inputs, row.create.sub)
            for name in inputs:
                if name not in apart and name not in _not_told(row):
                    seen[name] = _compared(reader, row, name, inputs[name], found)
        if row.tagging and "tags" in inputs:
            seen["tags"] = self._tags(row, context, found)
        return seen

    def _observed_step(
        self, row: Row, step: Step, context: Context, mine: list[str]
    ) -> dict[str, Any]:
        """Return what the endpoint tells of a step's properties, by a reading of its own."""
        if not step.read:
            return {}
        inputs = context.inputs
        try:
            if step.attributes:
                return self._observed_attributes(row, step, context)
            found = self._call(row, step.read, context.state)
        except _Lacking:
            return {}
        names = {**step.names, **step.read.names}
        reader = Reader(self._result_shape(row, step.read), names, row.noun, inputs)
        return {
            name: _compared(reader, row, name, inputs[name], found)
            for name in mine
            if name not in _not_told(row)
        }

    def _observed_attributes(self, row: Row, step: Step, context: Context) -> dict[str, Any]:
        inputs, read = context.inputs, step.read
        if read is None:
            return {}
        listed: dict[str, Any] = {}
        if step.attribute_style == "value":
            for _, key, _ in _attributes(step, inputs):
                request = {**read.request, "Attribute": Const(key[0].lower() + key[1:])}
                call = Call(operation=read.operation, request=request)
                listed[key] = (self._call(row, call, context.state).get(key) or {}).get("Value")
        else:
            answer = self._call(row, read, context.state).get("Attributes") or {}
            pairs = answer.items() if isinstance(answer, dict) else map(_key_and_value, answer)
            listed = dict(pairs)
        seen = {top: copy.deepcopy(inputs[top]) for top in _tops(step) if top in inputs}
        for path, key, value in _attributes(step, inputs):
            actual = listed.get(key)
            if actual is None:
                _replace(seen, path, ABSENT if value not in ("", False) else value)
            elif not agree(spell(value), actual):
                _replace(seen, path, cast(value, actual))
        return seen

    def _outputs(self, row: Row, context: Context, found: Any) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for name, source in row.outputs.items():
            value = source(context, found) if callable(source) else take(found, source, {})
            if value is not None:
                outputs[name] = value
        return outputs

    def _abandon(self, row: Row, context: Context) -> None:
        """Take back what a failed creation left, so that the next attempt can have its name."""
        for call in row.delete:
            with contextlib.suppress(EndpointError, _Lacking):
                self._call(row, call, context.state)

    # Calls.

    def _context(
        self, row: Row, inputs: State, outputs: State | None = None, ident: str = ""
    ) -> Context:
        def call(operation: str, params: dict[str, Any], service: str = "") -> Any:
            return self._send(row, Request(service or row.service, operation, params))

        region = self._clients.region
        state = {"region": region, **(outputs or {}), **inputs}
        if ident:
            state["id"] = ident
        return Context(
            call=call,
            inputs={key: value for key, value in inputs.items() if not key.startswith("__")},
            state=state,
            region=region,
            partition=invokes.partition(region),
            error=lambda message: EndpointError(f"{row.token}: {message}"),
        )

    def _call(self, row: Row, call: Call, state: State) -> Any:
        service = call.service or row.service
        builder = Builder(self._input(service, call.operation))
        for member, source in call.request.items():
            value = _resolve(source, state)
            if value is not None:
                builder.set(member, value)
        answer = self._send(row, Request(service, call.operation, builder.params))
        return take(answer, call.result, state) if call.result else answer

    def _send(self, row: Row, request: Request) -> Any:
        return self._send_to(row.token, request)

    def _send_to(self, token: str, request: Request) -> Any:
        """Check a request against the model and send it."""
        shape = self._input(request.service, request.operation)
        if shape is not None:
            broken = next(iter(violations(shape, request.params, self._new_values)), None)
            if broken:
                _, reason = _complaint(request.origins, request.operation, broken)
                raise EndpointError(f"{token}: {reason}")
        if self.on_request:
            self.on_request(token, request.operation, request.params)
        if request.service in endpoint.UNSERVED:
            # Not sent: in this process it would go to the real AWS.
            raise _Lacking(
                f"{request.operation}: The {request.service} service has not been implemented"
            )
        client = self._clients.client(request.service)
        try:
            return getattr(client, xform_name(request.operation))(**request.params)
        except botocore.exceptions.ClientError as error:
            raise _refusal(token, request, error) from None
        except NotImplementedError as error:
            # moto in this process raises what its server answers as a typed 501.
            raise _Lacking(f"{request.operation}: {error}") from None
        except botocore.exceptions.HTTPClientError:
            raise EndpointError(
                f"{token}: {request.operation}: the embedded AWS does not answer"
            ) from None
        except botocore.exceptions.BotoCoreError as error:
            raise EndpointError(f"{token}: {request.operation}: {error}") from None

    def _input(self, service: str, operation: str) -> Any:
        return self._clients.model(service).operation_model(operation).input_shape

    def _result_shape(self, row: Row, call: Call) -> Any:
        model = self._clients.model(call.service or row.service)
        return shape_at(model.operation_model(call.operation).output_shape, call.result)


def _row(token: str, inputs: State) -> Row:
    """Return a type's row, with the creating step that the inputs ask for."""
    row = ROWS.get(token)
    if row is None:
        raise EndpointError(f"{token} is not supported by the embedded AWS")
    for condition, step in row.variants:
        if condition(inputs):
            return dataclasses.replace(row, create=step)
    return row


# Properties of rows.


def _top(path: str) -> str:
    """Return the top-level property of a path such as `steps[2].bound`."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _tops(step: Step) -> tuple[str, ...]:
    """Return the top-level properties of a step."""
    return step.takes or tuple(dict.fromkeys(map(_top, step.attributes)))


def _stepped(row: Row) -> set[str]:
    """Return the properties that a step of the row can change."""
    return {name for step in (*row.steps, *row.updates) for name in _tops(step)}


def _created_with(row: Row, inputs: State) -> list[str]:
    """Return the properties that the creating call takes: all that no step does."""
    apart = {name for step in row.steps for name in _tops(step)} | set(row.local) | {"region"}
    if row.tagging:
        apart.add("tags")
    return [name for name in inputs if name not in apart and not name.startswith("__")]


def _refused(token: str) -> Container[str]:
    return endpoint.REFUSED.get(token, ())


def _not_told(row: Row) -> set[str]:
    """Return the properties that AWS knows nothing of."""
    return {*row.local, "region", DEFAULTS}


def _is_due(step: Step, inputs: State) -> bool:
    """Tell whether any of a step's properties is set."""
    if step.only and not step.only(inputs):
        return False
    return any(inputs.get(name) is not None for name in _tops(step))


def _written(row: Row, name: str, value: Any) -> Any:
    """Return a property's value as AWS writes it, where the row says how."""
    convert = row.values.get(name)
    return convert(value) if convert and value != UNKNOWN else value


def _resolve(source: Source, state: State, *, checking: bool = False) -> Any:
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


def _ident(row: Row, response: Any, state: State) -> str:
    if isinstance(row.id, str) and row.id.startswith(">"):
        return str(take(response, row.id[1:], state))
    return str(_resolve(row.id, state))


def _auto_name(name: str, rule: Name, seed: bytes) -> str:
    """Return a logical name with 7 hex digits, as pulumi-aws names what is given no name."""
    digits = hashlib.sha256(seed or name.encode()).hexdigest()[:7]
    room = rule.limit - len(rule.prefix) - len(digits) - 1
    made = f"{rule.prefix}{name[:room]}-{digits}"
    return made.lower() if rule.lower else made


# Attribute lists.


def _attributes(
    step: Step, inputs: State, old: State | None = None
) -> Iterator[tuple[str, str, Any]]:
    """Yield path, key and value of each attribute that is set.

    Of one that was set before and is no more, the value is AWS's default.
    """
    for path, (place, default) in step.attributes.items():
        key = place(inputs) if callable(place) else place
        value = _dig(inputs, path)
        if value is not None:
            yield path, key, value
        elif old and _dig(old, path) is not None:
            yield path, key, default


def _one_attribute(step: Step, key: str, value: Any) -> dict[str, Any]:
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
    for path, key, value in _attributes(step, inputs, old):
        if path in refused:
            continue
        builder.places[path] = key
        if step.attribute_style == "list":
            builder.origins["Attributes", len(listed)] = path
            listed.append({"Key": key, "Value": spell(value)})
        else:
            members = _one_attribute(step, key, value)
            builder.params |= members
            builder.origins |= dict.fromkeys(((member,) for member in members), path)
    if listed:
        builder.params["Attributes"] = listed
    given = {name: inputs[name] for name in _tops(step) if inputs.get(name) is not None}
    builder.unplaced += [path for path, _ in _leaves(given) if path not in step.attributes]


def _key_and_value(pair: Mapping[str, Any]) -> tuple[str, Any]:
    return pair["Key"], pair.get("Value")


# Tags.


def _encode_tags(shape: Shape, tags: Any) -> Any:
    """Write tags as AWS's service has them: a map, or a list of keys and values."""
    if isinstance(shape, MapShape) or not isinstance(tags, Mapping):
        return tags
    pair = pair_members(shape.member) or ("Key", "Value")
    return [{pair[0]: key, pair[1]: value} for key, value in tags.items()]


def _decode_tags(listed: Any) -> dict[str, Any]:
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
        builder.params[member] = _encode_tags(builder.shape.members[member], tags)
        builder.origins[member,] = "tags"
        builder.places["tags"] = member
    elif find_member(builder.shape, "tagSpecifications"):
        specified = builder.shape.members["TagSpecifications"].member.members["Tags"]
        encoded = _encode_tags(specified, tags)
        kind = row.kind or re.sub(r"(?<!^)(?=[A-Z])", "-", row.token.rpartition(":")[2]).lower()
        specification = {"ResourceType": kind, "Tags": encoded}
        builder.params["TagSpecifications"] = [specification]
        builder.origins["TagSpecifications",] = "tags"
        builder.places["tags"] = "TagSpecifications"
    else:
        builder.unplaced.append("tags")


# Values.


def _dig(values: Any, path: str) -> Any:
    """Follow a dotted path, through blocks written as lists of one."""
    for step in path.split("."):
        if isinstance(values, list):
            values = values[0] if values else None
        if not isinstance(values, Mapping):
            return None
        values = values.get(step)
    return values


def _replace(values: Any, path: str, value: Any) -> None:
    *way, last = path.split(".")
    for step in way:
        values = values[step]
        if isinstance(values, list):
            values = values[0]
    values[last] = value


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each plain value with its dotted path, list indexes left out."""
    if isinstance(values, Mapping):
        for key, each in values.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(values, list):
        for each in values:
            yield from _leaves(each, path)
    else:
        yield path, values


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what differs between two trees of values, as deep as they are alike."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            if not (path == "" and str(key).startswith("__")):
                inner = f"{path}.{key}" if path else str(key)
                yield from _differences(old.get(key), new.get(key), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path


def _compared(reader: Reader, row: Row, name: str, value: Any, found: Any) -> Any:
    """Return what AWS has of a property, in the program's form."""
    written = _written(row, name, value)
    if written is None:
        return value
    now = reader.compare(name, written, found)
    if now in (ABSENT, UNTOLD) or name not in row.values:
        return now
    return value if now == written else not value if isinstance(value, bool) else now


def _believed(token: str, path: str, recorded: Any, now: Any) -> Any:
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
            key: _believed(token, f"{path}.{key}", recorded.get(key), each)
            for key, each in now.items()
        }
        return {key: each for key, each in inner.items() if each is not ABSENT}
    if isinstance(now, list) and isinstance(recorded, list) and len(now) == len(recorded):
        pairs = zip(recorded, now, strict=True)
        return [_believed(token, path, one, other) for one, other in pairs]
    return now


def _answer(inputs: State, outputs: State, notes: list[str]) -> dict[str, Any]:
    """Return the outputs: what AWS computed, what the program gave, and what is lacking."""
    answer = {**outputs, **{key: value for key, value in inputs.items() if key != DEFAULTS}}
    if isinstance(inputs.get("tags"), Mapping):
        answer["tagsAll"] = inputs["tags"]
    if notes:
        answer[RECORDED_ONLY] = "; ".join(notes)
    return answer


# Complaints.


def _complaint(
    origins: Mapping[MemberPath, str], operation: str, broken: Violation
) -> tuple[str, str]:
    """Return the property that a violation comes from, and a sentence."""
    members = ".".join(str(step) for step in broken.member if isinstance(step, str))
    for length in range(len(broken.member), 0, -1):
        path = origins.get(broken.member[:length])
        if path:
            got = "" if broken.value is None else f", got {_shown(broken.value)}"
            return path, f"{path} must {broken.rule}{got} ({operation} {members})"
    got = "" if broken.value is None else f", got {_shown(broken.value)}"
    return _top(members), f"{operation} {members} must {broken.rule}{got}"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _refusal(token: str, request: Request, error: botocore.exceptions.ClientError) -> Exception:
    """Turn AWS's refusal into one line."""
    detail = error.response.get("Error", {})
    code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
    if code == endpoint.NOT_IMPLEMENTED:
        return _Lacking(f"{request.operation}: {message}")
    named = next(
        (
            path
            for member, path in request.origins.items()
            if re.search(rf"\b{re.escape(str(member[-1]))}\b", message, re.IGNORECASE)
        ),
        None,
    )
    about = f" (property {named})" if named else ""
    return EndpointError(
        f"{token}: {request.operation} refused{about}: {message} ({code})", code, message
    )


def _says_gone(row: Row, error: EndpointError) -> bool:
    """Tell whether a refusal means that there is no such thing."""
    return error.code in row.gone
