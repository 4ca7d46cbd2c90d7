"""Requests to AWS, derived from botocore's service models and checked against them.

`Builder.put` finds a place for an engine property (`healthCheckGracePeriod`) in the input shape
of an operation (`HealthCheckGracePeriod`), converts its value by that shape, and remembers which
property each member came from, so that a complaint names the property. `violations` then checks
the request against all that the model states: required members, types, enumerations, patterns,
lengths, ranges and list sizes.
"""

import functools
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from botocore.model import ListShape, MapShape, Shape, StructureShape
from pulumi.runtime.rpc import UNKNOWN

Place = str | Callable[[Mapping[str, Any]], str]
"""Where a property goes: a member path (`Matcher.HttpCode`), or how to find it from all inputs."""

ELSEWHERE = {"-": "(the provider's own)", "=": "(by the row's function)"}
"""Places that are no member: the property steers the provider, or a function of the row puts it."""

MemberPath = tuple[str | int, ...]


def known(value: Any) -> Any:
    """Return a value without what is unknown in it; UNKNOWN itself becomes None."""
    if isinstance(value, str):
        return None if value == UNKNOWN else value
    if isinstance(value, Mapping):
        return {key: known(each) for key, each in value.items() if each != UNKNOWN}
    if isinstance(value, list):
        return [known(each) for each in value if each != UNKNOWN]
    return value


# Placing.


@functools.cache
def _members(shape: StructureShape) -> Mapping[str, str]:
    """Return a structure's member names by their lower-case form."""
    return {name.lower(): name for name in shape.members}


def find_member(shape: Shape, name: str, noun: str = "") -> str | None:
    """Return the member that a property name means.

    That is the name itself, its plural or singular, or the name with the resource's noun in front
    (`name` of an `Alarm` is `AlarmName`).
    """
    if not isinstance(shape, StructureShape):
        return None
    members = _members(shape)
    for prefix in ("", noun.lower()) if noun else ("",):
        word = prefix + name.lower()
        for form in (word, f"{word}s", f"{word}es", word.removesuffix("s"), f"{word[:-1]}ies"):
            if form in members:
                return members[form]
    return None


class _Spot(NamedTuple):
    """A structure in a request."""

    shape: Shape
    target: dict[str, Any]
    at: MemberPath


@dataclass
class Builder:
    """A request in the making."""

    shape: Shape
    """The operation's input."""
    names: Mapping[str, Place] = field(default_factory=dict)
    """Places of properties that their name does not give, by dotted path without indexes."""
    noun: str = ""
    """The resource's noun in member names (`AutoScalingGroup`)."""
    sub: str = ""
    """A member below which properties are looked for after the top level."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """All properties of the resource, for places that depend on them."""
    params: dict[str, Any] = field(default_factory=dict)
    """The request so far."""
    origins: dict[MemberPath, str] = field(default_factory=dict)
    """The property that each member came from."""
    places: dict[str, str] = field(default_factory=dict)
    """The place that each property found, by its path without indexes."""
    unplaced: list[str] = field(default_factory=list)
    """Properties that found none."""

    def put(self, name: str, value: Any) -> None:
        """Place one top-level property."""
        self._put(name, value, _Spot(self.shape, self.params, ()))

    def set(self, member_path: str, value: Any) -> None:
        """Set a member that comes from no property, such as the identifier."""

        def encode(shape: Shape, _: MemberPath) -> Any:
            return value if isinstance(value, dict | list) else self.convert("", value, shape, ())

        self._assign(_Spot(self.shape, self.params, ()), member_path, encode)

    def _put(self, path: str, value: Any, spot: _Spot) -> None:
        if value is None:
            return
        where = self._find(path, spot)
        if where is not None and is_scalar_for(value, spot.shape, where):
            where = None  # a part of the block is called as the block (actionsSuppressor.alarm)
        if where in ELSEWHERE:
            self.places[path] = ELSEWHERE[where]
        elif where is not None:
            self.places[path] = where
            self._assign(spot, where, lambda shape, at: self.convert(path, value, shape, at), path)
        elif any(other.startswith(f"{path}.") for other in self.names):
            # A block whose parts lie beside it (healthCheck.path -> HealthCheckPath).
            for part in value if isinstance(value, list) else [value]:
                for key, each in part.items() if isinstance(part, Mapping) else ():
                    self._put(f"{path}.{key}", each, spot)
        else:
            self.unplaced.append(path)

    def _find(self, path: str, spot: _Spot) -> str | None:
        """Return the member path of a property in the structure at a spot."""
        place = self.names.get(path)
        if place is not None:
            where = place(self.inputs) if callable(place) else place
            # An operation that changes a thing may lack a member that the creating one has.
            first = re.split(r"[.:]", where, maxsplit=1)[0]
            return where if where in ELSEWHERE or first in spot.shape.members else None
        if spot.at:
            return find_member(spot.shape, path.rpartition(".")[2])
        found = find_member(spot.shape, path.rpartition(".")[2], self.noun)
        if found is None and self.sub:
            below = shape_at(self.shape, self.sub)
            inner = find_member(below, path) if below is not None else None
            found = f"{self.sub}.{inner}" if inner else None
        return found

    def _assign(
        self, spot: _Spot, where: str, make: Callable[[Shape, MemberPath], Any], origin: str = ""
    ) -> None:
        """Put what `make` returns at a member path, making the structures on the way."""
        shape, target, at = spot
        where, _, style = where.partition(":")
        *way, last = where.split(".")
        for step in way:
            shape, at = _below(shape, step), (*at, step)
            if isinstance(shape, ListShape):
                target = target.setdefault(step, [{}])[0]
                shape, at = shape.member, (*at, 0)
            else:
                target = target.setdefault(step, {})
        at = (*at, last)
        if origin:
            self.origins[at] = origin
        made = make(UNTYPED if style == "csv" else _below(shape, last), at)
        if style == "csv" and isinstance(made, list):
            made = UNKNOWN if UNKNOWN in made else ",".join(made)
        if isinstance(made, dict) and isinstance(target.get(last), dict):
            target[last].update(made)
        elif made is not None:
            target[last] = made

    def convert(self, path: str, value: Any, shape: Shape, at: MemberPath) -> Any:
        """Convert a property's value by the shape of its member, `at` in the request."""
        if value == UNKNOWN or shape is UNTYPED:
            return value
        if isinstance(shape, StructureShape):
            if isinstance(value, list):
                if len(value) != 1:
                    return value or None
                value = value[0]
            if not isinstance(value, Mapping):
                return value
            made: dict[str, Any] = {}
            for key, each in value.items():
                self._put(f"{path}.{key}", each, _Spot(shape, made, at))
            return made
        if isinstance(shape, ListShape):
            if isinstance(value, Mapping):
                pair = pair_members(shape.member)
                if pair and not (value and all(find_member(shape.member, key) for key in value)):
                    return [
                        {pair[0]: key, pair[1]: self.convert(path, each, UNTYPED, at)}
                        for key, each in value.items()
                    ]
            values = value if isinstance(value, list) else [value]
            return [
                self.convert(path, each, shape.member, (*at, index))
                for index, each in enumerate(values)
            ]
        if isinstance(shape, MapShape):
            if not isinstance(value, Mapping):
                return value
            return {
                key: self.convert(path, each, shape.value, (*at, key))
                for key, each in value.items()
            }
        return _scalar(value, shape)


def _below(shape: Shape, name: str) -> Shape:
    """Return the shape of a structure's member, or of a map's values."""
    return shape.value if isinstance(shape, MapShape) else shape.members[name]


def is_scalar_for(value: Any, shape: Shape, where: str) -> bool:
    """Tell whether a value is a block and the member that it found can hold none."""
    if not isinstance(value, Mapping) or where in ELSEWHERE or "." in where or ":" in where:
        return False
    member = shape.members.get(where) if isinstance(shape, StructureShape) else None
    return member is not None and not isinstance(member, StructureShape | ListShape | MapShape)


UNTYPED: Any = object()
"""In place of a shape: leave the value as it is."""


def pair_members(shape: Shape) -> tuple[str, str] | None:
    """Return the two members of a name-and-value structure."""
    if isinstance(shape, StructureShape) and len(shape.members) == 2:
        first, second = shape.members
        if first.lower().endswith(("key", "name")) and second.lower().endswith("value"):
            return first, second
    return None


def _scalar(value: Any, shape: Shape) -> Any:
    """Convert a value by the type of its member.

    Terraform's schema has strings for some numbers and booleans, and the engine writes every
    number as a float.
    """
    kind = shape.type_name
    if kind in ("integer", "long"):
        return _integer(value)
    if kind in ("float", "double") and isinstance(value, str):
        return _as_float(value)
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind == "string":
        text = spell(value)
        # Pulumi requires some members that AWS wants absent when empty.
        return None if text == "" and shape.metadata.get("min", 0) >= 1 else text
    return value


def _integer(value: Any) -> Any:
    number = _as_float(value) if isinstance(value, str) else value
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number


def _as_float(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


def spell(value: Any) -> Any:
    """Write a number or boolean as AWS's string attributes have it; leave the rest."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return value


def shape_at(shape: Shape, path: str) -> Shape | None:
    """Follow a dotted member path through structures and lists (`Reservations.Instances`)."""
    for step in re.sub(r"\[[^]]*\]", "", path).split(".") if path else ():
        while isinstance(shape, ListShape):
            shape = shape.member
        if not isinstance(shape, StructureShape) or step not in shape.members:
            return None
        shape = shape.members[step]
    while isinstance(shape, ListShape) and path.endswith("]"):
        shape = shape.member
    return shape


# Checking.


class Violation(NamedTuple):
    """What a request breaks of the service's model."""

    member: MemberPath
    rule: str
    """To follow "must"."""
    value: Any


_PROPERTY_CLASSES: Mapping[str, Callable[[str], bool]] = {
    # Java's POSIX classes (java.util.regex.Pattern), which are ASCII only.
    "ASCII": str.isascii,
    "Print": lambda char: " " <= char <= "~",
    "Graph": lambda char: "!" <= char <= "~",
    "Alnum": lambda char: char.isascii() and char.isalnum(),
    "Alpha": lambda char: char.isascii() and char.isalpha(),
    "Digit": lambda char: char.isascii() and char.isdigit(),
    "Punct": lambda char: "!" <= char <= "~" and not char.isalnum(),
}


@functools.cache
def _char_class(name: str, *, whole: bool) -> str:
    r"""Spell a \p{...} class as ranges, of ASCII or of the whole of Unicode."""
    test = _PROPERTY_CLASSES.get(name) or (lambda char: unicodedata.category(char).startswith(name))
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1 if whole and name not in _PROPERTY_CLASSES else 128):
        if test(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


_SURROGATES = re.compile(
    r"(?:\\uD800|\ud800)(?:\\uDC00|\udc00)-(?:\\uDBFF|\udbff)(?:\\uDFFF|\udfff)"
)


@functools.cache
def java_pattern(pattern: str, *, whole: bool) -> re.Pattern[str]:
    r"""Compile a model's pattern, which is Java's, for `re`.

    What differs: \p{...} classes, surrogate pairs, a hyphen after \w inside a class, and a flag in
    the middle, which holds until its group ends. With
    `whole` false the \p classes hold their ASCII characters only, which is enough for an ASCII
    string and saves walking through Unicode.
    """
    text = _SURROGATES.sub(r"\\U00010000-\\U0010FFFF", pattern)
    made: list[str] = []
    depth = 0
    flagged = [0]  # flags to be ended with each group that is open
    position = 0
    while position < len(text):
        if found := re.compile(r"\\p\{(?:Is)?(\w+)\}").match(text, position):
            ranges = _char_class(found.group(1), whole=whole)
            made.append(ranges if depth else f"[{ranges}]")
        elif found := re.compile(r"\\[wdsWDS]-").match(text, position) if depth else None:
            made.append(found.group()[:2] + r"\-")
        elif found := re.compile(r"\(\?i\)").match(text, position) if not depth else None:
            made.append("(?i:")
            flagged[-1] += 1
        elif found := re.compile(r"\\.", re.DOTALL).match(text, position):
            made.append(found.group())
        else:
            char = text[position]
            if char == "[":
                if depth:
                    char = r"\["
                else:
                    depth = 1
            elif char == "]" and depth:
                depth = 0
            elif char == "(" and not depth:
                flagged.append(0)
            elif char == ")" and not depth:
                char = ")" * (flagged.pop() + 1)
            made.append(char)
            position += 1
            continue
        position = found.end()
    return re.compile("".join(made) + ")" * flagged[0], re.ASCII)


def _breaks_pattern(value: str, pattern: str) -> bool:
    return java_pattern(pattern, whole=not value.isascii()).fullmatch(value) is None


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
}


def violations(
    shape: Shape, value: Any, new_values: frozenset[str] = frozenset(), at: MemberPath = ()
) -> Iterator[Violation]:
    """Yield what a request breaks of its operation's input shape; unknown values break nothing.

    `new_values` are taken although an enumeration lacks them, which grows faster than botocore
    is updated.
    """
    if value == UNKNOWN:
        return
    kind = shape.type_name
    wanted = _TYPES.get(kind)
    if wanted and (
        not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean")
    ):
        yield Violation(at, f"be a {kind}", value)
        return
    if isinstance(shape, StructureShape):
        yield from _structure_violations(shape, value, new_values, at)
    elif isinstance(shape, ListShape):
        yield from _bounds(shape, len(value), "have", " elements", value, at)
        for index, each in enumerate(value):
            yield from violations(shape.member, each, new_values, (*at, index))
    elif isinstance(shape, MapShape):
        yield from _bounds(shape, len(value), "have", " keys", value, at)
        for key, each in value.items():
            yield from violations(shape.key, key, new_values, (*at, key))
            yield from violations(shape.value, each, new_values, (*at, key))
    elif kind in ("integer", "long", "float", "double"):
        yield from _bounds(shape, value, "be", "", value, at)
    elif kind == "string":
        yield from _string_violations(shape, value, new_values, at)
    elif kind == "blob":
        yield from _bounds(shape, len(value), "be", " bytes long", value, at)


def _structure_violations(
    shape: StructureShape, value: dict[str, Any], new_values: frozenset[str], at: MemberPath
) -> Iterator[Violation]:
    for name in shape.required_members:
        if name not in value and not shape.members[name].metadata.get("idempotencyToken"):
            yield Violation((*at, name), "be given", None)
    for name, each in value.items():
        if name not in shape.members:
            yield Violation((*at, name), f"be a member of {shape.name}", each)
        else:
            yield from violations(shape.members[name], each, new_values, (*at, name))


def _string_violations(
    shape: Shape, value: str, new_values: frozenset[str], at: MemberPath
) -> Iterator[Violation]:
    stated = shape.metadata
    if shape.name in _STRIPPED:
        # botocore's own handler takes the prefix off before it sends (handlers.fix_route53_ids).
        value = value.rsplit("/", 1)[-1]
    yield from _bounds(shape, len(value), "be", " characters long", value, at)
    words = stated.get("enum")
    if words and value not in words and value not in new_values:
        shown = (
            ", ".join(words) if len(words) <= _MOST_WORDS else f"one of {len(words)} that AWS lists"
        )
        yield Violation(at, f"be {shown}", value)
    pattern = stated.get("pattern")
    if pattern and _breaks_pattern(value, pattern):
        yield Violation(at, f"match {pattern}", value)


_STRIPPED = frozenset({"ResourceId", "DelegationSetId", "ChangeId"})
_MOST_WORDS = 12


def _bounds(  # noqa: PLR0917
    shape: Shape, size: float, verb: str, unit: str, value: Any, at: MemberPath
) -> Iterator[Violation]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < float(low):
        yield Violation(at, f"{verb} at least {low}{unit}", value)
    if high is not None and size > float(high):
        yield Violation(at, f"{verb} at most {high}{unit}", value)
