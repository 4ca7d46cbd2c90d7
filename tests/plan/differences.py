"""Where two plans differ, as paths such as `groups[web].max_size`."""

import dataclasses
from collections.abc import Iterator
from typing import Any


def differences(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each field that counts and differs; `not_seen` is not compared."""
    if dataclasses.is_dataclass(left) and type(left) is type(right):
        for field in dataclasses.fields(left):
            if field.compare and field.name != "not_seen":
                at = f"{path}.{field.name}" if path else field.name
                yield from differences(getattr(left, field.name), getattr(right, field.name), at)
    elif isinstance(left, tuple) and isinstance(right, tuple) and _named(left) and _named(right):
        ours, theirs = ({each.name: each for each in side} for side in (left, right))
        for name in sorted(ours.keys() | theirs.keys()):
            yield from differences(ours.get(name), theirs.get(name), f"{path}[{name}]")
    elif left != right:
        yield path


def _named(items: tuple[Any, ...]) -> bool:
    return bool(items) and all(hasattr(each, "name") for each in items)


def named_by(plan: Any, path: str) -> bool:
    """Whether a plan says of the path, or of what holds it, that it was not seen."""
    return any(
        path == note.path or path.startswith((f"{note.path}.", f"{note.path}["))
        for note in plan.not_seen
    )
