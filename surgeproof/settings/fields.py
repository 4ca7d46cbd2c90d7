"""What one setting must be: the rules that an Args TypedDict carries in `Annotated`.

    surge_percent: NotRequired[Annotated[float, number("percent", 2, 100, default=80)]]
    \"\"\"Share of the capacity at which the surge alarm adds instances.\"\"\"

A rule is a phrase that follows "must". It is told for whatever is wrong with the value, so that
there is one clear line for each problem. What is in the docstring is not repeated here.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from surgeproof.settings.errors import shortened

REQUIRED: Final[Any] = type("Required", (), {"__repr__": lambda _: "REQUIRED"})()
"""Marks a setting without a default."""

WHOLE_MAX: Final = 2**53
"""Largest whole number that JSON, and so Pulumi, carries exactly."""

Check = Callable[[Any], str | None]
"""Returns the closer rule that a value of the right type breaks, or None."""


class BrokenRuleError(ValueError):
    """A value breaks a rule; without words of its own, the rule of the setting."""

    def __init__(self, closer: str = "", *, quotes: bool = False) -> None:
        """Take a closer rule, and whether the value would be right in quotes."""
        super().__init__(closer)
        self.closer = closer
        self.quotes = quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a value must be, and how the reference shows it."""

    must: str
    """How the value must be: `be a whole number from 2 to 3`."""
    shown: str
    """Unit and range."""
    read: Callable[[Any], Any]
    """Returns the value as it is meant, 4 for 4.0; raises BrokenRuleError."""
    default: Any = REQUIRED
    behaviour: str = ""
    """What happens without a value, where that is no value itself."""
    key: str = ""
    """Its key in the configuration, where that does not follow from its name; `-` for none."""
    end: str = ""
    """Which end of a measured figure it is given: `low` or `high`. Default: it is given it all."""
    hidden: bool = False
    """Whether values are kept out of messages, since people put secrets there."""
    item: "Rule | None" = None
    """The rule of each item of a list of texts, or of each value of a mapping of texts."""
    low: int = 0
    """Fewest items of a list or mapping."""
    high: float = math.inf
    """Most items of a list or mapping."""
    once: bool = False
    """Whether no two items of a list may be equal."""

    @property
    def shown_default(self) -> str:
        """The default value, or what happens without one."""
        if self.behaviour:
            return self.behaviour
        if self.default is REQUIRED:
            return "required"
        if self.default is None:
            return "none"
        if isinstance(self.default, list | tuple):
            return f"`[{', '.join(map(str, self.default))}]`"
        return f"`{plain(self.default)}`"

    @property
    def has_default(self) -> bool:
        """Whether a value stands in for one that is not given."""
        return self.default is not None and self.default is not REQUIRED

    def by(self, **changes: Any) -> "Rule":
        """Return the rule with another key, default or the like, for another component's use."""
        return replace(self, **changes)


def plain(value: Any) -> str:
    """Return a value as the reference and messages show it: `1000000`, not `1e+06`."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def is_number(value: object) -> bool:
    """Whether a value is a finite number, and not true or false."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _whole(value: Any) -> int:
    """Return a whole number, also one that JSON or the plugin host made a float of."""
    if not is_number(value) or value != int(value):
        raise BrokenRuleError
    if abs(value) > WHOLE_MAX:
        raise BrokenRuleError(f"be a whole number of at most {WHOLE_MAX}")
    return int(value)


def number(unit: str, low: float, high: float, **more: Any) -> Rule:
    """Make the rule of a number; `unit` is what it counts."""
    ends = f"{plain(low)} to {plain(high)}"

    def read(value: Any) -> float:
        if not is_number(value) or not low <= value <= high:
            raise BrokenRuleError
        return float(value)

    return Rule(must=f"be a number from {ends}", shown=f"{unit}, {ends}", read=read, **more)


def whole(unit: str, low: int, high: int | None = None, **more: Any) -> Rule:
    """Make the rule of a whole number, with or without an upper end."""
    ends = f"of at least {low}" if high is None else f"from {low} to {high}"
    shown = f"at least {low}" if high is None else f"{low} to {high}"

    def read(value: Any) -> int:
        found = _whole(value)
        if found < low or (high is not None and found > high):
            raise BrokenRuleError
        return found

    return Rule(must=f"be a whole number {ends}", shown=f"{unit}, {shown}", read=read, **more)


def one_of(unit: str, *values: int, **more: Any) -> Rule:
    """Make the rule of one of a few whole numbers."""
    words = f"{', '.join(map(str, values[:-1]))} or {values[-1]}"

    def read(value: Any) -> int:
        if (found := _whole(value)) not in values:
            raise BrokenRuleError
        return found

    return Rule(must=f"be {words} {unit}", shown=f"{unit}, {words}", read=read, **more)


def limited(unit: str, rule: str, check: Check, **more: Any) -> Rule:
    """Make the rule of a whole number that keeps a rule of AWS (`be from 1 to 4000 seconds`)."""

    def read(value: Any) -> int:
        found = _whole(value)
        if closer := check(found):
            raise BrokenRuleError(closer)
        return found

    ends = rule.removeprefix("be ").removesuffix(f" {unit}")
    return Rule(must=f"be a whole number and {rule}", shown=f"{unit}, {ends}", read=read, **more)


def text(
    shown: str = "text",
    must: str = "be a text that is not empty",
    *,
    pattern: str = "",
    check: Check | None = None,
    **more: Any,
) -> Rule:
    """Make the rule of a text, which `pattern` or `check` may narrow."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise BrokenRuleError(quotes=isinstance(value, bool) or is_number(value))
        if not value.strip() or (pattern and not re.fullmatch(pattern, value)):
            raise BrokenRuleError
        if check and (closer := check(value)):
            raise BrokenRuleError(closer)
        return value

    return Rule(must=must, shown=shown, read=read, **more)


def switch(**more: Any) -> Rule:
    """Make the rule of true or false."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise BrokenRuleError
        return value

    return Rule(must="be true or false", shown="true or false", read=read, **more)


def choice(kind: type[StrEnum], **more: Any) -> Rule:
    """Make the rule of a member of an enumeration, given as it or as its text."""
    values = [member.value for member in kind]

    def read(value: Any) -> StrEnum:
        try:
            return kind(value)
        except (ValueError, TypeError):
            raise BrokenRuleError from None

    shown = ", ".join(f"`{value}`" for value in values)
    return Rule(must=f"be one of {', '.join(values)}", shown=shown, read=read, **more)


def group(must: str = "be a mapping of keys", **more: Any) -> Rule:
    """Make the rule of a group of settings that may be left out."""
    return Rule(must=must, shown="mapping", read=_any, **{"default": None, **more})


def items(
    shown: str,
    must: str,
    *,
    item: Rule | None = None,
    low: int = 0,
    high: int | None = None,
    check: Check | None = None,
    **more: Any,
) -> Rule:
    """Make the rule of a list or mapping: of groups or, with `item`, of texts."""

    def read(value: Any) -> Any:
        if check and (closer := check(value)):
            raise BrokenRuleError(closer)
        return value

    return Rule(
        must=must,
        shown=shown,
        read=read,
        item=item,
        low=low,
        high=math.inf if high is None else high,
        **more,
    )


def names(must: str, pattern: str, *, without: Sequence[str] = ()) -> Check:
    """Return the check of a mapping's names, which says the first one that is wrong."""

    def check(value: Mapping[str, Any]) -> str | None:
        for name in value:
            if not re.fullmatch(pattern, name) or name in without:
                return f"{must} (it has {shortened(repr(name))})"
        return None

    return check


def _any(value: Any) -> Any:
    return value
