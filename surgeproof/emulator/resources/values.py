"""Trees of plain values: paths into them, and how two differ."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN_CHARACTERS = 80


def top_of(path: str) -> str:
    """Return the top-level property of a path such as `steps[2].bound`."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def dig(values: Any, path: str) -> Any:
    """Follow a dotted path, through blocks written as lists of one."""
    for step in path.split("."):
        if isinstance(values, list):
            values = values[0] if values else None
        if not isinstance(values, Mapping):
            return None
        values = values.get(step)
    return values


def replace(values: Any, path: str, value: Any) -> None:
    """Put a value at a dotted path, through blocks written as lists of one."""
    *way, last = path.split(".")
    for step in way:
        values = values[step]
        if isinstance(values, list):
            values = values[0]
    values[last] = value


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each plain value with its dotted path, list indexes left out."""
    if isinstance(values, Mapping):
        for key, each in values.items():
            yield from leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(values, list):
        for each in values:
            yield from leaves(each, path)
    else:
        yield path, values


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what differs between two trees of values, as deep as they are alike."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            if not (path == "" and str(key).startswith("__")):
                inner = f"{path}.{key}" if path else str(key)
                yield from differences(old.get(key), new.get(key), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path


def shown(value: Any) -> str:
    """Return a value as complaints have it."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
