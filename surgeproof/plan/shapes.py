"""What kind of value each property has: a number, a text, a list, a block of properties.

A state, a plan or a foreign provider may hold anything in a property's place. Who reads resources
asks here first, so that no rule and no reader meets a list where it wants a text. What does not
fit is never taken as absent: it is replaced by a stand-in and named.

`property_shapes.json` is written from pulumi-aws's own types by `make reference`.
"""

import enum
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json, read_json
from surgeproof.settings.resources import DEFAULTS
from surgeproof.settings.stack_files import kind

FILE: Final = Path(__file__).with_name("property_shapes.json")
TEXT, NUMBER, FLAG, ANY = "text", "number", "flag", "any"
OF_MAP: Final = "*"
"""Key of a map's shape: that of its values, whatever their keys."""

_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_MOST: Final = 1e300
TEXT_CHARACTERS_MAX: Final = 65_536
"""Longest text of a property (characters). User data takes a third; documents may be longer."""

_DOCUMENTS: Final = frozenset({"policy", "ruleJson", "dashboardBody"})
"""Texts that hold JSON, by which rules judge. AWS refuses others, or reads them in its own way.
pulumi-aws makes such a text of a mapping (TransformJSONDocument)."""

_MUST: Final = {
    TEXT: "be a text",
    NUMBER: "be a number",
    FLAG: "be true or false",
}


class Misfit(NamedTuple):
    """A value of another kind than its property's."""

    path: str
    """Such as `vpcZoneIdentifiers[1]`."""
    must: str
    """What would be right; completes "must"."""
    got: str
    """What kind of value it is; the value itself may be a secret."""

    def __str__(self) -> str:
        return f"`{self.path}` must {self.must}, got {self.got}"

    @property
    def why(self) -> str:
        """Why it cannot be read; completes a sentence that begins with the property."""
        return f"must {self.must}, got {self.got}, so that it cannot be read"

    def concerns(self, path: str) -> bool:
        """Whether it decides what is at a path: it is there, around it or inside it."""
        return _lies_in(self.path, path) or _lies_in(path, self.path)


def _lies_in(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


@cache
def _table() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    table = read_json(FILE)
    return table["resources"], table["blocks"]


def spelled_number(text: str) -> float | None:
    """Return the finite number that a text spells, None where it spells none."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) <= _MOST else None


def fitted(
    token: str, properties: Mapping[str, Any], stand_in: object
) -> tuple[dict[str, Any], list[Misfit]]:
    """Return a resource's properties as its type has them, and what did not fit.

    Numbers and flags that are spelled as texts, and texts that are written as numbers, are made
    what they are: states of other providers hold both. Members of enumerations, such as the marker
    of an unknown value, fit everywhere. Types and properties that are not known are left alone.

    Args:
        token: The type, such as `aws:sns/topic:Topic`.
        properties: Plain values.
        stand_in: What replaces a value that does not fit.

    """
    fitting = _Fitting(stand_in)
    shapes = resource_shapes(token)
    if shapes is None:
        return dict(properties), []
    return fitting.block(shapes, properties, ""), fitting.misfits


def resource_shapes(token: str) -> Mapping[str, Any] | None:
    """Return the shapes of a type's properties; None for one that is not known."""
    found: Mapping[str, Any] | None = _table()[0].get(current(token))
    return found


def block_shapes(shape: Any) -> Mapping[str, Any] | None:
    """Return the shapes inside a block or a map; None for any other shape."""
    found: Mapping[str, Any] | None
    found = shape if isinstance(shape, dict) else _table()[1].get(shape)
    return found


_OLD_MODULES: Final = ("alb", "elasticloadbalancingv2", "applicationloadbalancing")


def tokens() -> frozenset[str]:
    """Return the types whose properties are known, by all their names."""
    names = frozenset(_table()[0])
    old = {
        name.replace(":lb/", f":{module}/")
        for name in names
        if name.startswith("aws:lb/")
        for module in _OLD_MODULES
    }
    return names | old


def current(token: str) -> str:
    """Return the type by its present name: load balancers have had others."""
    module, slash, name = token.removeprefix("aws:").partition("/")
    return f"aws:lb/{name}" if slash and module in _OLD_MODULES else token


class _Fitting:
    def __init__(self, stand_in: object) -> None:
        self.misfits: list[Misfit] = []
        self._stand_in = stand_in

    def block(
        self, shapes: Mapping[str, Any], values: Mapping[str, Any], path: str
    ) -> dict[str, Any]:
        every = shapes.get(OF_MAP, ANY)
        return {
            key: self._value(shapes.get(key, every), value, f"{path}.{key}" if path else key)
            for key, value in values.items()
            if key != DEFAULTS
        }

    def _value(self, shape: Any, value: Any, path: str) -> Any:
        if value is None or isinstance(value, enum.Enum) or shape == ANY:
            return value
        if shape == TEXT and path in _DOCUMENTS:
            return self._document(value, path)
        if isinstance(shape, list):
            if not isinstance(value, list):
                return self._misfit(path, "be a list", value)
            return [self._item(shape[0], item, f"{path}[{at}]") for at, item in enumerate(value)]
        block = block_shapes(shape)
        if block is not None:
            if not isinstance(value, Mapping):
                return self._misfit(path, "be a mapping of keys", value)
            return self.block(block, value, path)
        if isinstance(value, str) and len(value) > TEXT_CHARACTERS_MAX:
            must = f"be a text of at most {TEXT_CHARACTERS_MAX:,} characters"
            return self._misfit(path, must, value, f"{len(value):,}")
        found = _SCALARS[shape](value)
        return self._misfit(path, _MUST[shape], value) if found is None else found

    def _document(self, value: Any, path: str) -> Any:
        """Return a text that holds JSON, or the mapping that pulumi-aws takes for one."""
        if isinstance(value, Mapping) or value == "":
            return value
        if isinstance(value, str):
            try:
                parse_json(value, path)
            except DocumentError:
                return self._misfit(path, "be JSON that can be read", value, "another text")
            return value
        return self._misfit(path, _MUST[TEXT], value)

    def _item(self, shape: Any, value: Any, path: str) -> Any:
        if value is None and shape != ANY:
            return self._misfit(path, "be given", value)
        return self._value(shape, value, path)

    def _misfit(self, path: str, must: str, value: Any, got: str = "") -> Any:
        self.misfits.append(Misfit(path, must, got or kind(value)))
        return self._stand_in


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    # Secrets have types of their own, and are not spelled out.
    if type(value) is int or type(value) is float:
        return f"{value:.17g}" if isinstance(value, float) else str(value)
    return None


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        found = spelled_number(value)
        if found is None or type(value) is not str:
            return None if found is None else value
        return int(found) if found.is_integer() and abs(found) < 1e15 else found
    return value if abs(value) <= _MOST else None


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true" if type(value) is str else value
    return None


_SCALARS: Final = {TEXT: _text, NUMBER: _number, FLAG: _flag}
