"""Reading the properties that the engine hands to a policy.

A property is a value, ABSENT or UNKNOWN. The SDK raises `UnknownValueError` at each access to a
value that a preview does not know yet, one element at a time; `plain` turns that into a marker,
so that a rule can say which property it waits for instead of being abandoned half way.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi_policy import proxy


class Marker(enum.Enum):
    """What stands in the place of a value."""

    ABSENT = "nothing"
    """Not given."""
    UNKNOWN = "unknown"
    """Given, and known only once the resource that it comes from is deployed."""


ABSENT: Final = Marker.ABSENT
UNKNOWN: Final = Marker.UNKNOWN

_SENTINELS: Final = frozenset(
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
_EACH: Final = "[*]"
_LONGEST: Final = 80


def plain(value: Any) -> Any:
    """Return the value without the SDK's proxies, with UNKNOWN for what is not known."""
    if isinstance(value, str):
        return UNKNOWN if value in _SENTINELS else value
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except proxy.UnknownValueError:
        return UNKNOWN


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
    """Return the number that a value is or spells, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def is_true(value: Any) -> bool:
    """Whether the value is true, or spells it: launch templates take the string."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_false(value: Any) -> bool:
    """Whether the value is false, or spells it."""
    return value is False or (isinstance(value, str) and value.lower() == "false")


def show(value: Any) -> str:
    """Return the value as a message shows it: numbers as written, structures by their size only.

    Secrets reach a pack as plain text, so that nothing but the one property that a rule is about
    is ever shown, and of structures nothing at all.
    """
    if isinstance(value, Marker):
        return value.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    if value == "":
        return "an empty text"
    if isinstance(value, str):
        return f"`{value}`" if len(value) <= _LONGEST else f"`{value[:_LONGEST]}...`"
    if isinstance(value, Sequence | Mapping):
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    return f"a {type(value).__name__}"
