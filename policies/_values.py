"""Reading the properties that the engine hands to a policy, or that a state holds.

A property is a value, ABSENT or UNKNOWN. Pulumi marks what a preview does not know yet by texts of
its own, and what is secret by a map of its own; `plain` turns the first into a marker, so that a
rule can say which property it waits for, and the second into values that nobody can print.
"""

import enum
import math
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi_policy import proxy

from surgeproof.escaping import visible
from surgeproof.plan.shapes import Misfit, fitted, spelled_number
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json
from surgeproof.settings.resources import SECRET, SIGNATURE


class Marker(enum.Enum):
    """What stands in the place of a value."""

    ABSENT = "nothing"
    """Not given."""
    UNKNOWN = "unknown"
    """Given, and known only once the resource that it comes from is deployed."""


ABSENT: Final = Marker.ABSENT
UNKNOWN: Final = Marker.UNKNOWN

SENTINELS: Final = frozenset(
    {
        proxy.UNKNOWN_BOOLEAN_VALUE,
        proxy.UNKNOWN_NUMBER_VALUE,
        proxy.UNKNOWN_STRING_VALUE,
        proxy.UNKNOWN_ARRAY_VALUE,
        proxy.UNKNOWN_ASSET_VALUE,
        proxy.UNKNOWN_ARCHIVE_VALUE,
        proxy.UNKNOWN_OBJECT_VALUE,
    }
)
MASKED: Final = "[secret]"
"""What `pulumi preview --json` puts in the place of a secret."""

_SHOWN_SECRET: Final = "a secret"  # noqa: S105 - stands in for one
_EACH: Final = "[*]"
_LONGEST: Final = 80


class SecretText(str):
    """A secret that rules compare like any text, and that no message can hold."""

    __slots__ = ()

    def __str__(self) -> str:
        return _SHOWN_SECRET

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(_SHOWN_SECRET, spec)


class SecretNumber(float):
    """A secret number, likewise; what is reckoned from it is secret too."""

    __slots__ = ()

    def __str__(self) -> str:
        return _SHOWN_SECRET

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return _SHOWN_SECRET  # whatever the form, as `.1f` fits no text

    def __ceil__(self) -> "SecretNumber":  # type: ignore[override] # a plain int would show
        return SecretNumber(math.ceil(float(self)))

    def __add__(self, other: float) -> "SecretNumber":
        return SecretNumber(float(self) + other)

    def __radd__(self, other: float) -> "SecretNumber":
        return SecretNumber(other + float(self))

    def __sub__(self, other: float) -> "SecretNumber":
        return SecretNumber(float(self) - other)

    def __rsub__(self, other: float) -> "SecretNumber":
        return SecretNumber(other - float(self))

    def __mul__(self, other: float) -> "SecretNumber":
        return SecretNumber(float(self) * other)

    def __rmul__(self, other: float) -> "SecretNumber":
        return SecretNumber(other * float(self))

    def __truediv__(self, other: float) -> "SecretNumber":
        return SecretNumber(float(self) / other)

    def __rtruediv__(self, other: float) -> "SecretNumber":
        return SecretNumber(other / float(self))


def unpacked(value: struct_pb2.Value) -> Any:
    """Return the value that a message of the engine holds, its marks as they are."""
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "struct_value":
            return unpacked_map(value.struct_value)
        case "list_value":
            return [unpacked(item) for item in value.list_value.values]
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def unpacked_map(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Return the properties that a message of the engine holds."""
    return {key: unpacked(value) for key, value in struct.fields.items()}


def plain(value: Any) -> Any:
    """Return the value with UNKNOWN for what is not known, and with secrets that do not show."""
    if isinstance(value, str):
        return UNKNOWN if value in SENTINELS or value == MASKED else value
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            return _secret(value)
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def fit(token: str, properties: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Misfit, ...]]:
    """Return a resource's plain properties, and what of them cannot be read: UNKNOWN stands in.

    Args:
        token: The resource's type.
        properties: As the engine or a state has them.

    """
    found, misfits = fitted(token, plain(properties), UNKNOWN)
    return found, tuple(misfits)


def _secret(mark: Mapping[str, Any]) -> Any:
    """Return what a secret holds, UNKNOWN where it is encrypted.

    Raises DocumentError, without the secret, for a text that does not hold a value in JSON.
    """
    if "value" in mark:
        return _hidden(plain(mark["value"]))
    if not isinstance(mark.get("plaintext"), str):
        return UNKNOWN
    try:
        return _hidden(plain(parse_json(mark["plaintext"], "plaintext")))
    except ValueError:
        problem = "`plaintext` of a secret must be JSON, got something else"
        raise DocumentError([problem]) from None


def _hidden(value: Any) -> Any:
    if isinstance(value, bool):
        return SecretText(str(value).lower())  # a flag that is spelled out, as templates take it
    if isinstance(value, str):
        return SecretText(value)
    if isinstance(value, int | float):
        return SecretNumber(value)
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return value


def read(properties: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path such as `metadataOptions.httpTokens`, ABSENT or UNKNOWN."""
    value: Any = properties
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key) if isinstance(value, Mapping) else None
    return ABSENT if value is None else value


def read_each(properties: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    """Return every (path, value) that a path with `[*]` stands for.

    `a[*].b` gives `a[0].b`, `a[1].b` and so on, nothing for an absent or empty list, and
    `("a", UNKNOWN)` for a list that is unknown as a whole.
    """
    head, each, rest = path.partition(_EACH)
    if not each:
        return [(path, read(properties, path))]
    items = read(properties, head)
    if items is UNKNOWN:
        return [(head, UNKNOWN)]
    found: list[tuple[str, Any]] = []
    for index, item in enumerate(items if isinstance(items, list) else []):
        here, below = f"{head}[{index}]", rest.removeprefix(".")
        if item is UNKNOWN or not below:
            found.append((here, item))
        elif isinstance(item, Mapping):
            found.extend((f"{here}.{at}", value) for at, value in read_each(item, below))
    return found


def number(value: Any) -> float | None:
    """Return the number that a value is or spells, else None; that of a secret is secret too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, SecretNumber):
        return value
    if isinstance(value, SecretText):
        spelled = spelled_number(value)
        return None if spelled is None else SecretNumber(spelled)
    return spelled_number(value) if isinstance(value, str) else float(value)


def is_filled(value: Any) -> bool:
    """Whether the value is a list with entries."""
    return isinstance(value, list) and bool(value)


def is_true(value: Any) -> bool:
    """Whether the value is true, or spells it: launch templates take the string."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_false(value: Any) -> bool:
    """Whether the value is false, or spells it."""
    return value is False or (isinstance(value, str) and value.lower() == "false")


def show(value: Any) -> str:
    """Return the value as a message shows it: numbers as written, structures by their size only.

    What is secret without being marked so reaches a pack as plain text, so that nothing but the one
    property that a rule is about is ever shown, and of structures nothing at all.
    """
    if isinstance(value, Marker):
        return value.value
    if isinstance(value, SecretText | SecretNumber):
        return _SHOWN_SECRET
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    if value == "":
        return "an empty text"
    if isinstance(value, str):
        # One line: what somebody wrote cannot look like another finding.
        text = visible(value[: _LONGEST + 1])
        return f"`{text}`" if len(value) <= _LONGEST else f"`{text[:_LONGEST]}...`"
    if isinstance(value, list | Mapping):
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    return f"a {type(value).__name__}"
