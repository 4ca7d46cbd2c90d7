"""Reads a component's arguments, notes what is wrong, and coerces what the plugin host changes.

The host hands over a plain dict in which whole numbers have become floats (10.0).
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from components._errors import Hidden, Problems
from components.aws_limits import breach

_Choice = TypeVar("_Choice", bound=StrEnum)
_Value = TypeVar("_Value", int, float, str)


class _Required:
    """Marks an argument without a default."""


REQUIRED: Final = _Required()


class Reader:
    """Reads the plain values of one args dict.

    A value that breaks a rule is noted in `problems` and read as a harmless stand-in; `sound` tells
    whether keys were read without a problem, for rules that compare two of them.
    """

    def __init__(
        self, problems: Problems, args: Mapping[str, Any], known: Iterable[str], path: str = ""
    ) -> None:
        self.problems = problems
        self._prefix = f"{path}." if path else ""
        self._unsound: set[str] = set()
        names = sorted(known)
        self._args: Mapping[str, Any] = args if isinstance(args, Mapping) else {}
        if not isinstance(args, Mapping):
            problems.add(path or "args", f"be a mapping with keys such as {names[0]}", args)
        for key in self._args:
            if key not in names:
                near = difflib.get_close_matches(str(key), names, n=1)
                hint = f" (nearest: {near[0]})" if near else ""
                self.note(key, f"be an argument that exists{hint}", key)

    def note(self, key: str, rule: str, got: object) -> None:
        """Note a problem with the argument `key`."""
        self._unsound.add(key)
        self.problems.add(f"{self._prefix}{key}", rule, got)

    def sound(self, *keys: str) -> bool:
        """Whether none of `keys` had a problem so far."""
        return self._unsound.isdisjoint(keys)

    def given(self, key: str) -> bool:
        """Whether the caller gave `key`; None counts as not given."""
        return self._args.get(key) is not None

    def whole(self, key: str, default: int | _Required, low: int, high: int | None = None) -> int:
        """Read a whole number from `low` to `high`, or without an upper end."""
        if not self.given(key):
            return self._default(key, default, low)
        value = self._whole(key)
        ends = f"of at least {low}" if high is None else f"from {low} to {high}"
        if value is None or value < low or (high is not None and value > high):
            self.note(key, f"be a whole number {ends}", self._args[key])
            return low
        return value

    def limited(self, key: str, default: int, token: str, path: str) -> int:
        """Read a whole number that keeps AWS's rule for a property (see `aws_limits`)."""
        if not self.given(key):
            return default
        value = self._whole(key)
        rule = "be a whole number" if value is None else breach(token, path, value)
        if value is None or rule:
            self.note(key, str(rule), self._args[key])
            return default
        return value

    def one_of(self, key: str, default: int, values: Sequence[int], unit: str) -> int:
        """Read one of a few whole numbers."""
        if not self.given(key):
            return default
        value = self._whole(key)
        if value is None or value not in values:
            words = f"{', '.join(map(str, values[:-1]))} or {values[-1]}"
            self.note(key, f"be {words} {unit}", self._args[key])
            return default
        return value

    def number(self, key: str, default: float | _Required, low: float, high: float) -> float:
        """Read a number from `low` to `high`."""
        if not self.given(key):
            return self._default(key, default, low)
        value = self._args[key]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            self.note(key, f"be a number from {low:g} to {high:g}", value)
            return low
        return float(value)

    def switch(self, key: str, *, default: bool) -> bool:
        """Read True or False."""
        if not self.given(key):
            return default
        value = self._args[key]
        if not isinstance(value, bool):
            self.note(key, "be true or false", value)
            return default
        return value

    def choice(self, key: str, default: _Choice) -> _Choice:
        """Read a member of the default's enumeration, given as a member or as its text."""
        if not self.given(key):
            return default
        kind = type(default)
        value = self._args[key]
        try:
            return kind(value)
        except (ValueError, TypeError):
            self.note(key, f"be one of {', '.join(member.value for member in kind)}", value)
            return default

    def text(self, key: str, default: str | _Required, *, hidden: bool = False) -> str:
        """Read a text of at least one character; what is `hidden` is not shown."""
        if not self.given(key):
            return self._default(key, default, "")
        value = self._args[key]
        if not isinstance(value, str) or not value.strip():
            self.note(key, "be a text that is not empty", Hidden("[hidden]") if hidden else value)
            return ""
        return value

    def texts(self, key: str, default: Iterable[str], *, low: int = 1) -> tuple[str, ...]:
        """Read a list of at least `low` texts, none of them twice."""
        if not self.given(key):
            return tuple(default)
        value = self._args[key]
        is_list = isinstance(value, list | tuple)
        texts = is_list and all(isinstance(item, str) and item.strip() for item in value)
        if not texts or len(value) < low:
            self.note(
                key, "be a list of texts" if low == 0 else "be a list of at least one text", value
            )
            return tuple(default)
        if len(set(value)) < len(value):
            self.note(key, "name each only once", value)
        return tuple(value)

    def tags(self) -> dict[str, str]:
        """Read `tags`, a map from texts to texts."""
        value = self._args.get("tags")
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(
            isinstance(key, str) and isinstance(text, str) for key, text in value.items()
        ):
            self.note("tags", "be a map from texts to texts", value)
            return {}
        return dict(value)

    def required(self, *keys: str) -> None:
        """Note each of `keys` that was not given; for values that only Pulumi reads."""
        for key in keys:
            if not self.given(key):
                self.note(key, "be given", None)

    def _whole(self, key: str) -> int | None:
        value = self._args[key]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _default(self, key: str, default: _Value | _Required, stand_in: _Value) -> _Value:
        if isinstance(default, _Required):
            self.note(key, "be given", None)
            return stand_in
        return default
