"""What AWS answers, compared with what was asked for.

A described thing has other members than the request that made it, yet mostly the same names, so
the places are found as in `requests`. A value is compared in AWS's form; what differs is turned
back into the program's form, guided by the recorded value.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from surgeproof.emulator.requests import (
    ELSEWHERE,
    UNTYPED,
    Builder,
    Place,
    find_member,
    is_scalar_for,
    pair_members,
    shape_at,
    spell,
)
from surgeproof.settings.json_file import parse_json

_STEP = re.compile(r"([^.\[]+)(?:\[([^]]*)\])?")


class Missing:
    """In place of a value that AWS's answer does not have."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __repr__(self) -> str:
        return self._why


ABSENT = Missing("absent")
"""The answer has a place for the property, but nothing there."""
UNTOLD = Missing("untold")
"""No answer that the row reads has a place for the property."""


def take(answer: Any, path: str, state: Mapping[str, Any]) -> Any:
    """Follow a result path into an answer; None if it leads nowhere.

    `Vpcs[0]` is the first element, `Routes[DestinationCidrBlock=prop]` the one whose member equals
    a property.
    """
    found = answer
    for name, choice in _STEP.findall(path):
        found = found.get(name) if isinstance(found, Mapping) else None
        if choice and found is not None:
            member, _, key = choice.partition("=")
            if key:
                found = next((each for each in found if each.get(member) == state.get(key)), None)
            else:
                found = found[int(choice)] if len(found) > int(choice) else None
        if found is None:
            return None
    return found


def collect(found: Any, path: str) -> Any:
    """Follow a member path, through the elements of lists; ABSENT if it leads nowhere."""
    if not path:
        return ABSENT if found in (None, [], {}, "") else found
    if isinstance(found, list):
        parts = [collect(each, path) for each in found]
        return [each for each in parts if each is not ABSENT] or ABSENT
    head, _, rest = path.partition(".")
    if not isinstance(found, Mapping) or head not in found:
        return ABSENT
    return collect(found[head], rest)


def _leaf(shape: Shape, path: str) -> Shape | None:
    """Return the shape at a member path; UNTYPED inside a map, None if there is no such member."""
    for step in path.split("."):
        while isinstance(shape, ListShape):
            shape = shape.member
        if isinstance(shape, MapShape):
            return UNTYPED
        if not isinstance(shape, StructureShape) or step not in shape.members:
            return None
        shape = shape.members[step]
    return shape


@dataclass
class Reader:
    """Finds properties in a described thing."""

    shape: Shape
    """The described thing's shape."""
    names: Mapping[str, Place]
    """Places of properties in it, or in the request that made it."""
    noun: str
    inputs: Mapping[str, Any]
    sub: str = ""
    """A member below which properties are looked for, too."""

    def place(self, path: str, shape: Shape | None = None) -> str | None:
        """Return the member path of a property, or None if the thing does not tell it."""
        top = shape is None
        shape = shape or self.shape
        place = self.names.get(path)
        where = place(self.inputs) if callable(place) else place
        if where is not None:
            where = where.partition(":")[0]
            if where in ELSEWHERE:
                return None
            if _leaf(shape, where) is not None:
                return where
        found = find_member(shape, path.rpartition(".")[2], self.noun if top else "")
        if found is None and top and self.sub:
            below = shape_at(shape, self.sub)
            inner = find_member(below, path) if below is not None else None
            found = f"{self.sub}.{inner}" if inner else None
        return found

    def compare(self, path: str, value: Any, found: Any, shape: Shape | None = None) -> Any:
        """Return the value that AWS has of a property.

        It is the recorded one if they agree.
        """
        where = self.place(path, shape)
        shape = shape or self.shape
        if where is not None and is_scalar_for(value, shape, where):
            where = None
        if where is None:
            parts = [name for name in self.names if name.startswith(f"{path}.")]
            if parts and isinstance(value, Mapping):
                return {
                    key: self.compare(f"{path}.{key}", each, found, shape)
                    for key, each in value.items()
                }
            return UNTOLD
        leaf = _leaf(shape, where) or UNTYPED
        actual = collect(found, where)
        if actual is ABSENT:
            return value if value in ([], {}, "", False) else ABSENT
        if isinstance(actual, list) and not isinstance(leaf, ListShape):
            # Collected from the elements of a list on the way.
            if not isinstance(value, list):
                actual = actual[0] if all(each == actual[0] for each in actual) else actual
            else:
                wanted = [self._aws_form(path, each, leaf) for each in value]
                return value if agree(wanted, actual) else [cast(value, x) for x in actual]
        if isinstance(value, list) and isinstance(actual, str):
            actual = [each for each in actual.split(",") if each]
            return value if agree(value, actual) else actual
        wanted = self._aws_form(path, value, leaf)
        if agree(wanted, actual):
            return value
        return self._engine_form(path, value, actual, leaf)

    def _aws_form(self, path: str, value: Any, shape: Shape) -> Any:
        if shape is UNTYPED:
            return spell(value)
        builder = Builder(shape=self.shape, names=self.names, inputs=self.inputs)
        return builder.convert(path, value, shape, ())

    def _engine_form(self, path: str, recorded: Any, actual: Any, shape: Shape) -> Any:
        """Turn AWS's value into the program's form, as the recorded one shows it."""
        if isinstance(actual, Mapping) and isinstance(shape, StructureShape):
            template = recorded[0] if isinstance(recorded, list) and recorded else recorded
            if not isinstance(template, Mapping):
                template = {name[0].lower() + name[1:]: None for name in actual}
            made: dict[str, Any] = {}
            for key, each in template.items():
                now = self.compare(f"{path}.{key}", each, actual, shape)
                if now is not ABSENT or each is not None:
                    made[key] = now
            return [made] if isinstance(recorded, list) else made
        if isinstance(actual, list) and isinstance(shape, ListShape):
            pair = pair_members(shape.member)
            if isinstance(recorded, Mapping) and pair:
                return {each[pair[0]]: each[pair[1]] for each in actual}
            if isinstance(recorded, Mapping):
                return self._engine_form(path, recorded, actual[0], shape.member)
            old = list(recorded) if isinstance(recorded, list) else []
            elements: list[Any] = []
            for each in actual:
                match = next(
                    (one for one in old if agree(self._aws_form(path, one, shape.member), each)),
                    None,
                )
                template = old[0] if old else None
                elements.append(
                    match
                    if match is not None
                    else self._engine_form(path, template, each, shape.member)
                )
            return elements
        return cast(recorded, actual)


def cast(recorded: Any, actual: Any) -> Any:
    """Give AWS's value the type of the recorded one."""
    if isinstance(recorded, bool):
        return str(actual).lower() in ("true", "enabled", "internal")
    if isinstance(recorded, str):
        if isinstance(actual, Mapping | list):
            return json.dumps(actual)
        return spell(actual)
    if isinstance(recorded, int | float) and isinstance(actual, str):
        try:
            return float(actual) if "." in actual else int(actual)
        except ValueError:
            return actual
    return actual.isoformat() if isinstance(actual, datetime) else actual


def agree(wanted: Any, actual: Any) -> bool:
    """Tell whether AWS has what was asked for; it may tell more than that.

    Lists agree in any order, since AWS returns most in an order of its own.
    """
    if wanted in (None, [], {}, ""):
        return actual in (None, [], {}, "", ABSENT)
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            agree(each, actual.get(key)) for key, each in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(actual, list) and _same_elements(wanted, actual)
    if isinstance(wanted, str) and wanted[:1] in ("{", "["):
        return bool(_json(wanted) == _json(actual))
    if isinstance(actual, datetime):
        return _moment(wanted) == actual
    if isinstance(wanted, bool) or isinstance(actual, bool):
        return bool(str(wanted).lower() == str(actual).lower())
    if isinstance(wanted, int | float):
        try:
            return float(wanted) == float(actual)
        except (TypeError, ValueError):
            return False
    return bool(spell(wanted) == spell(actual))


def _same_elements(wanted: Iterable[Any], actual: list[Any]) -> bool:
    left = list(actual)
    for each in wanted:
        match = next((index for index, one in enumerate(left) if agree(each, one)), None)
        if match is None:
            return False
        del left[match]
    return not left


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value, "value")
    except ValueError:
        return value


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
