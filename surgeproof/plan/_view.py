"""A resource in the engine's words, and a view of it that notes what it could not see."""

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from surgeproof.plan._properties import Properties
from surgeproof.plan.model import NotSeen
from surgeproof.plan.shapes import spelled_number

E = TypeVar("E", bound=StrEnum)


class Unknown(enum.Enum):
    """Stands for a value that a preview does not know."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A registered resource."""

    type: str
    """Type token, such as `aws:autoscaling/group:Group`."""
    key: str
    """What no other resource of the stack is called: its URN."""
    name: str
    """Logical name."""
    properties: Mapping[str, Any]
    """Plain values by the engine's names, with UNKNOWN for what is not known yet."""
    made_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Keys of the resources whose outputs a property is made of, for each property that the program
    has set by outputs. An unknown property that is not in here is one that AWS fills in."""


class Notes:
    """What a reader could not see, in the order in which it met it, each once."""

    def __init__(self) -> None:
        self.found: list[NotSeen] = []

    def add(self, path: str, reason: str, *, supply: bool = False) -> None:
        """Note a fact that could not be seen; `supply` as in `NotSeen`."""
        note = NotSeen(path=path, reason=reason, supply=supply)
        if note not in self.found:
            self.found.append(note)


WAITS: Final = "It is known only once the stack is deployed."


class View:
    """The properties of a resource, or of a block inside it, with notes on what is missing.

    A property that is unknown is noted and read as if it were not there; so is one whose value has
    the wrong type. Paths are those of the plan: `groups[web].max_size`.
    """

    def __init__(
        self,
        notes: Notes,
        path: str,
        row: Properties,
        values: Mapping[str, Any],
        *,
        is_given: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.notes = notes
        self.path = path
        self._row = row
        self._values = values
        self._is_given = is_given

    def raw(self, key: str) -> Any:
        """Return a property as it is: None where it is absent, or left to AWS to fill in."""
        if key not in self._row.read:
            raise KeyError(f"{key} is not among the properties that are read")
        value = self._values.get(key)
        return None if value is UNKNOWN and not self._is_given(key) else value

    def note(self, field_: str, reason: str, *, supply: bool = False) -> None:
        """Note what could not be seen of one of the plan's fields; `supply` as in `NotSeen`."""
        self.notes.add(f"{self.path}.{field_}", reason, supply=supply)

    def get(self, key: str, field_: str) -> Any:
        """Return a property; an unknown one is noted."""
        value = self.raw(key)
        if value is UNKNOWN:
            self.note(field_, WAITS)
            return None
        return value

    def number(self, key: str, field_: str) -> float | None:
        """Return a property that is a number, or spells one."""
        value = self.get(key, field_)
        if value is None:
            return None
        if isinstance(value, str):
            number = spelled_number(value)
            if number is not None:
                return number
        elif isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        self.note(field_, f"`{key}` is not a number.")
        return None

    def whole(self, key: str, field_: str) -> int | None:
        """Return a property that is a whole number."""
        value = self.number(key, field_)
        if value is not None and not value.is_integer():
            self.note(field_, f"`{key}` is not a whole number.")
            return None
        return None if value is None else int(value)

    def text(self, key: str, field_: str) -> str | None:
        """Return a property that is a text."""
        value = self.get(key, field_)
        if value is not None and not isinstance(value, str):
            self.note(field_, f"`{key}` is not a text.")
            return None
        return value or None

    def flag(self, key: str, field_: str, *, default: bool) -> bool:
        """Return a property that is true or false, or spells it."""
        value = self.get(key, field_)
        spelled = str(value).lower()
        if value is None or spelled not in ("true", "false"):
            if value is not None:
                self.note(field_, f"`{key}` is neither true nor false.")
            return default
        return spelled == "true"

    def choice(self, key: str, field_: str, kind: type[E], default: E) -> E:
        """Return a property that is one of AWS's words."""
        value = self.text(key, field_)
        if value is None:
            return default
        try:
            return kind(value)
        except ValueError:
            self.note(field_, f"`{key}` is {value}, which is not modelled; {default} is taken.")
            return default

    def block(self, key: str, field_: str, row: Properties) -> "View | None":
        """Return a view of a nested block; without a field, its paths are those of this view."""
        value = self.get(key, field_ or key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.note(field_ or key, f"`{key}` is not a block of properties.")
            return None
        return self.inside(f"{self.path}.{field_}" if field_ else self.path, key, row, value)

    def blocks(self, key: str, field_: str, row: Properties) -> Iterator["View"]:
        """Yield a view of each block in a list; unknown ones are noted."""
        for index, value in enumerate(self.items(key, field_)):
            if isinstance(value, Mapping):
                yield self.inside(f"{self.path}.{field_}[{index}]", key, row, value)
            else:
                self.note(f"{field_}[{index}]", WAITS)

    def items(self, key: str, field_: str) -> list[Any]:
        """Return a list, empty where it is absent; its items may be unknown."""
        value = self.get(key, field_)
        return list(value) if isinstance(value, list | tuple) else []

    def inside(self, path: str, key: str, row: Properties, values: Mapping[str, Any]) -> "View":
        """Return a view of values inside the property `key`."""
        given = self._is_given(key)
        return View(self.notes, path, row, values, is_given=lambda _: given)

    def finish(self) -> "View":
        """Note each property that has a value and is neither read nor without effect."""
        for key, value in self._values.items():
            if value is None or key in self._row.read or key in self._row.inert:
                continue
            if value is UNKNOWN:
                if self._is_given(key):
                    self.note(key, WAITS)
                continue
            row = self._row.not_modelled.get(key)
            if row is None:
                self.note(key, "It is a property that this reader does not know.")
            elif not row[0](value):
                self.note(key, row[1], supply=key in self._row.supply)
        return self
