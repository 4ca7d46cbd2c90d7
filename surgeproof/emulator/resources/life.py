"""The life of a resource on the embedded AWS: check, create, read, update, delete.

Everything that differs between types is in `rows`; this module walks a row. Values are plain
Python; an unknown one is the string `UNKNOWN`, at any depth.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from surgeproof.emulator import endpoint, invokes
from surgeproof.emulator.clients import Clients
from surgeproof.emulator.reading import ABSENT, take
from surgeproof.emulator.requests import MemberPath, pair_members
from surgeproof.emulator.resources.calls import (
    Calls,
    EndpointError,
    LackingError,
    Request,
    says_gone,
)
from surgeproof.emulator.resources.checks import (
    CheckFailure,
    Difference,
    auto_name,
    failures,
    needs_replacement,
    places,
)
from surgeproof.emulator.resources.observing import believed, described, observed, outputs_of
from surgeproof.emulator.resources.steps import (
    attributes,
    encode_tags,
    is_due,
    one_attribute,
    resolve,
    stepped,
    tops,
)
from surgeproof.emulator.resources.values import differences, top_of
from surgeproof.emulator.rows import ROWS
from surgeproof.emulator.rows.row import Call, Context, Row, State, Step
from surgeproof.emulator.state import RECORDED_ID, RECORDED_ONLY
from surgeproof.settings.resources import DEFAULTS


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
        self.calls = Calls(clients, allow_new_enum_values)

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
        row = row_of(token, news)
        inputs = {key: value for key, value in news.items() if value is not None}
        inputs.pop(DEFAULTS, None)
        if row.name and row.name.always and row.name.property not in inputs:
            key = row.name.property
            kept = (olds or {}).get(key) if key in ((olds or {}).get(DEFAULTS) or ()) else None
            inputs[key] = kept or auto_name(name, row.name, seed)
            inputs[DEFAULTS] = [key]
        return inputs, list(dict.fromkeys(failures(self.calls, row, inputs)))

    def diff(
        self,
        token: str,
        id: str,  # noqa: A002, ARG002 - the protocol's word
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],  # noqa: ARG002
        new_inputs: dict[str, Any],
    ) -> Difference:
        """Say what changes, and whether in place."""
        row = row_of(token, new_inputs)
        changed = tuple(differences(old_inputs, new_inputs))
        replaces = tuple(path for path in changed if needs_replacement(self.calls, row, path))
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
        row = row_of(token, inputs)
        if preview:
            return "", _answer(inputs, dict.fromkeys(row.outputs, UNKNOWN), [])
        context = self.calls.context(row, inputs)
        try:
            response = self.calls.send(row, self.calls.request(row, row.create, context))
        except LackingError as lacking:
            ident = RECORDED_ID + str(inputs.get(row.name.property if row.name else "", token))
            return ident, _answer(inputs, dict.fromkeys(row.outputs, ident), [str(lacking)])
        context.state["id"] = _ident(row, response, context.state)
        notes: list[str] = []
        try:
            if row.created:
                row.created(context)
            for step in row.steps:
                if is_due(step, inputs) and not step.due:
                    notes += self._set(row, step, context)
            if not row.tags_on_create and inputs.get("tags"):
                self._tag(row, context.state, inputs["tags"], {})
            outputs = outputs_of(row, context, described(self.calls, row, context.state))
        except (EndpointError, LackingError) as error:
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
        row = row_of(token, inputs)
        context = self.calls.context(row, inputs, outputs, id)
        try:
            found = described(self.calls, row, context.state)
            if found is None:
                return None
            now = dict(inputs)
            for name, value in observed(self.calls, row, context, found).items():
                current = believed(token, name, inputs[name], value)
                if current is ABSENT:
                    del now[name]
                else:
                    now[name] = current
            fresh = outputs_of(row, context, found)
        except LackingError as lacking:
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
        row = row_of(token, new_inputs)
        changed = frozenset(top_of(path) for path in differences(old_inputs, new_inputs))
        kept = {key: value for key, value in old_outputs.items() if key not in old_inputs}
        if id.startswith(RECORDED_ID):
            return _answer(new_inputs, kept, [])
        if preview:
            moved = row.changes if changed - {"tags", *row.local} else ()
            return _answer(new_inputs, {**kept, **dict.fromkeys(moved, UNKNOWN)}, [])
        kept.pop(RECORDED_ONLY, None)
        context = self.calls.context(row, new_inputs, kept, id)
        context.old = {**old_outputs, **old_inputs, "id": id}
        context.changed = changed
        try:
            notes = self._change(row, context, old_inputs)
            if row.updated:
                row.updated(context)
            found = described(self.calls, row, context.state)
            fresh = outputs_of(row, context, found) if found is not None else {}
        except LackingError as lacking:
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
        row = row_of(token, inputs)
        context = self.calls.context(row, inputs, outputs, id)
        deleting: list[Callable[[], Any]] = [
            functools.partial(self.calls.call, row, call, context.state) for call in row.delete
        ]
        if row.deleting:
            deleting.insert(0, functools.partial(row.deleting, context))
        for step in deleting:
            try:
                step()
            except LackingError as lacking:
                raise EndpointError(f"{token} {id}: {lacking}") from None
            except EndpointError as error:
                if not says_gone(row, error):
                    raise

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Answer a function such as getAvailabilityZones."""
        if token not in invokes.INVOKES:
            raise EndpointError(f"{token} is not supported by the embedded AWS")

        def call(service: str, operation: str, params: dict[str, Any]) -> Any:
            return self.calls.send_to(token, Request(service, operation, params))

        try:
            return invokes.INVOKES[token](call, self.calls.region, args)
        except (LackingError, LookupError) as error:
            raise EndpointError(f"{token}: {error}") from None

    # For the measured table and tests.

    def places(self, token: str, inputs: dict[str, Any]) -> dict[str, str]:
        """Return where each property that is set goes: operation and member, or attribute key."""
        return places(self.calls, row_of(token, inputs), inputs)

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
        row = row_of(token, inputs)
        context = self.calls.context(row, inputs, outputs, id)
        return observed(self.calls, row, context, described(self.calls, row, context.state))

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
        except LackingError as lacking:
            names = ", ".join(name for name in tops(step) if name in context.inputs)
            return [f"{lacking} ({names})"]
        refused = endpoint.REFUSED.get(row.token, {})
        return [
            f"{step.operation}: {refused[path]} ({path})"
            for path, _, _ in attributes(step, context.inputs)
            if path in refused
        ]

    def _send_listed(self, row: Row, step: Step, context: Context, *, update: bool) -> None:
        """Send a step's one call; when measuring, again without each attribute refused."""
        request = self.calls.request(row, step, context, update=update)
        if step.attributes and not request.params.get("Attributes"):
            return
        while True:
            try:
                self.calls.send(row, request)
            except EndpointError as error:
                listed = (
                    request.params.get("Attributes", ()) if self.calls.refusals is not None else ()
                )
                key = next((each["Key"] for each in listed if each["Key"] in str(error)), None)
                if key is None or self.calls.refusals is None:
                    raise
                path = next(
                    path for path, found, _ in attributes(step, context.inputs) if found == key
                )
                self.calls.refusals.setdefault(row.token, {})[path] = error.detail
                request.params["Attributes"] = [each for each in listed if each["Key"] != key]
            else:
                return

    def _send_each(self, row: Row, step: Step, context: Context, *, update: bool) -> None:
        """Send one call for each attribute, in an update only for those that changed."""
        base = {member: resolve(source, context.state) for member, source in step.request.items()}
        for path, key, value in attributes(step, context.inputs, context.old):
            if update and top_of(path) not in context.changed:
                continue
            each = one_attribute(step, key, value)
            origins: dict[MemberPath, str] = dict.fromkeys(((member,) for member in each), path)
            self.calls.send(row, Request(row.service, step.operation, {**base, **each}, origins))

    def _change(self, row: Row, context: Context, old_inputs: State) -> list[str]:
        """Do the calls that a change of inputs needs, in the order of the row."""
        inputs = context.inputs
        changed = set(context.changed) - set(row.local)
        notes: list[str] = []
        if row.tagging and "tags" in changed:
            self._tag(row, context.state, inputs.get("tags") or {}, old_inputs.get("tags") or {})
            changed.discard("tags")
        for step in (*row.updates, *row.steps):
            own = set(tops(step))
            if step.due or not changed & own:
                continue
            had = any(old_inputs.get(name) is not None for name in own)
            due = is_due(step, inputs)
            if step.undo and had and (step.swap or not due):
                names = ", ".join(sorted(own & set(context.old)))
                notes += [f"{note} ({names})" for note in self._undo(row, step.undo, context)]
            if due or step.run or step.attributes:
                notes += self._set(row, step, context, update=True)
            changed -= own
        if changed - {name for step in row.steps for name in tops(step)}:
            whole = context if row.overwrites else self._with_resets(row, context)
            self.calls.send(row, self.calls.request(row, row.create, whole, update=True))
        for step in row.steps:
            if step.due and is_due(step, inputs) and step.due(context):
                notes += self._set(row, step, context, update=True)
        return notes

    def _undo(self, row: Row, call: Call, context: Context) -> list[str]:
        try:
            self.calls.call(row, call, context.old)
        except LackingError as lacking:
            return [str(lacking)]
        except EndpointError as error:
            if not says_gone(row, error):
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
                elif name not in (stepped(row) | {"tags"}):
                    raise EndpointError(
                        f"{row.token} {context.state['id']}: {name} cannot be taken back in "
                        "place; give it the value that it shall have"
                    )
        return dataclasses.replace(context, inputs=inputs, state={**context.state, **inputs})

    # Tags.

    def _tag(self, row: Row, state: State, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Set the tags that are new or differ, and drop those that are gone."""
        tagging = row.tagging
        if tagging is None:
            return
        ident = resolve(tagging.source, state)
        base = {**tagging.also, tagging.member: [ident] if tagging.many else ident}
        dropped = [key for key in old if key not in new]
        added = {key: value for key, value in new.items() if old.get(key) != value}
        if dropped:
            shape = self.calls.shape(row.service, tagging.untag).members[tagging.keys]
            pair = pair_members(shape.member)
            keys = [{pair[0]: key} for key in dropped] if pair else dropped
            self.calls.send(row, Request(row.service, tagging.untag, {**base, tagging.keys: keys}))
        if added:
            shape = self.calls.shape(row.service, tagging.tag).members[tagging.tags]
            params = {**base, tagging.tags: encode_tags(shape, added)}
            self.calls.send(
                row, Request(row.service, tagging.tag, params, {(tagging.tags,): "tags"})
            )

    def _abandon(self, row: Row, context: Context) -> None:
        """Take back what a failed creation left, so that the next attempt can have its name."""
        for call in row.delete:
            with contextlib.suppress(EndpointError, LackingError):
                self.calls.call(row, call, context.state)


def row_of(token: str, inputs: State) -> Row:
    """Return a type's row, with the creating step that the inputs ask for."""
    row = ROWS.get(token)
    if row is None:
        raise EndpointError(f"{token} is not supported by the embedded AWS")
    for condition, step in row.variants:
        if condition(inputs):
            return dataclasses.replace(row, create=step)
    return row


def _ident(row: Row, response: Any, state: State) -> str:
    if isinstance(row.id, str) and row.id.startswith(">"):
        return str(take(response, row.id[1:], state))
    return str(resolve(row.id, state))


def _answer(inputs: State, outputs: State, notes: list[str]) -> dict[str, Any]:
    """Return the outputs: what AWS computed, what the program gave, and what is lacking."""
    answer = {**outputs, **{key: value for key, value in inputs.items() if key != DEFAULTS}}
    if isinstance(inputs.get("tags"), Mapping):
        answer["tagsAll"] = inputs["tags"]
    if notes:
        answer[RECORDED_ONLY] = "; ".join(notes)
    return answer
