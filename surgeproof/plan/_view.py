"""A resource in the engine's words, and a view of it that notes what it could not see."""

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from surgeproof.plan._properties import Properties
from surgeproof.plan._terraform_names import PARENT, in_terraform_s_words
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
    waits: str = ""
    """When an unknown value becomes known, as in "`maxSize` is known only during `up`". Default:
    never, as the source holds none, or does not return it."""
    unreadable: tuple["Unreadable", ...] = ()
    external: bool = False
    """Whether the stack only looks it up, so that others answer for it. Default: false."""

    @property
    def region(self) -> str:
        """The Region, as stated or by the ARN; empty where neither says it."""
        stated, arn = self.properties.get("region"), self.properties.get("arn")
        if isinstance(stated, str):
            return stated
        parts = arn.split(":", 5) if isinstance(arn, str) and arn.startswith("arn:") else ()
        return parts[3] if len(parts) > 4 else ""

    @property
    def label(self) -> str:
        """The resource in a message, such as "Policy `requests`"."""
        return f"{self.type.rpartition(':')[2]} `{self.name}`"

    def is_given(self, key: str) -> bool:
        """Whether an unknown property is one that the program has set."""
        return key in self.made_of or any(each.concerns(key) for each in self.unreadable)

    def missing(self, path: str) -> str:
        """Return why the value of a property is not known, as a sentence without its period.

        Empty where nothing but AWS could say it.
        """
        found = next((each for each in self.unreadable if each.concerns(path)), None)
        at, why = (path, self.waits) if found is None else (found.path, found.why)
        return f"{self.property(at)} {why}" if why else ""

    def called(self, path: str) -> str:
        """Return the path of a property as the program has it."""
        in_terraform = f"::{PARENT}$" in self.key
        return in_terraform_s_words(self.type, path) if in_terraform else path

    def property(self, path: str) -> str:
        """Return a property in a message, such as "`maxSize` of Group `web`"."""
        return f"`{self.called(path)}` of {self.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A property whose value is there and cannot be read."""

    path: str
    why: str
    """Completes a sentence that begins with the property."""

    def concerns(self, path: str) -> bool:
        """Whether it is at a path, around it or inside it."""
        inner, outer = sorted((self.path, path), key=len, reverse=True)
        return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


class Notes:
    """What a reader could not see, in the order in which it met it, each once."""

    def __init__(self) -> None:
        self.found: list[NotSeen] = []

    def add(self, path: str, reason: str, *, supply: bool = False, missing: str = "") -> None:
        """Note a fact that could not be seen; `supply` and `missing` as in `NotSeen`."""
        note = NotSeen(path=path, reason=reason, supply=supply, missing=missing)
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
        missing: Callable[[str], str] = lambda _: "",
    ) -> None:
        self.notes = notes
        self.path = path
        self._row = row
        self._values = values
        self._is_given = is_given
        self._missing = missing

    def raw(self, key: str) -> Any:
        """Return a property as it is: None where it is absent, or left to AWS to fill in."""
        if key not in self._row.read:
            raise KeyError(f"{key} is not among the properties that are read")
        value = self._values.get(key)
        return None if value is UNKNOWN and not self._is_given(key) else value

    def note(self, field_: str, reason: str, *, supply: bool = False) -> None:
        """Note what could not be seen of one of the plan's fields; `supply` as in `NotSeen`."""
        self.notes.add(f"{self.path}.{field_}", reason, supply=supply)

    def wait_for(self, key: str, field_: str) -> None:
        """Note that the value of a property, or inside of it, is not known."""
        self.notes.add(f"{self.path}.{field_}", WAITS, missing=self._missing(key))

    def get(self, key: str, field_: str) -> Any:
        """Return a property; an unknown one is noted."""
        value = self.raw(key)
        if value is UNKNOWN:
            self.wait_for(key, field_)
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
                at = f"{key}[{index}]"
                yield self.inside(f"{self.path}.{field_}[{index}]", key, row, value, at=at)
            else:
                self.wait_for(f"{key}[{index}]", f"{field_}[{index}]")

    def items(self, key: str, field_: str) -> list[Any]:
        """Return a list, empty where it is absent; its items may be unknown."""
        value = self.get(key, field_)
        return list(value) if isinstance(value, list | tuple) else []

    def inside(
        self, path: str, key: str, row: Properties, values: Mapping[str, Any], *, at: str = ""
    ) -> "View":
        """Return a view of values inside the property `key`, which lie at `at` (default: key)."""
        given, place, missing = self._is_given(key), at or key, self._missing
        return View(
            self.notes,
            path,
            row,
            values,
            is_given=lambda _: given,
            missing=lambda inner: missing(f"{place}.{inner}"),
        )

    def finish(self) -> "View":
        """Note each property that has a value and is neither read nor without effect."""
        for key, value in self._values.items():
            if value is None or key in self._row.read or key in self._row.inert:
                continue
            if value is UNKNOWN:
                if self._is_given(key):
                    self.wait_for(key, key)
                continue
            row = self._row.not_modelled.get(key)
            if row is None:
                self.note(key, "It is a property that this reader does not know.")
            elif not row[0](value):
                self.note(key, row[1], supply=key in self._row.supply)
        return self
