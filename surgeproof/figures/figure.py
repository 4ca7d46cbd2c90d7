"""A figure that was measured lies somewhere in a range."""

from dataclasses import dataclass, field
from typing import Any, Final

from surgeproof.settings.fields import BrokenRuleError, Rule, is_number, plain

SPREAD: Final = 0.2
"""How far the truth may lie from a figure that is stated as one number."""


_MOST: Final = 1e300
"""Far above every figure; what is larger is no number that can be reckoned with."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure, as the range that it lies in."""

    low: float
    high: float
    stated: float | None = field(default=None, compare=False)
    """The one number that was written. Default: the two ends were."""

    @property
    def written(self) -> float | list[float]:
        """The figure as it was written."""
        return [self.low, self.high] if self.stated is None else self.stated


def as_figure(value: Any, spread: float = SPREAD) -> Figure:
    """Return a figure as it was written as the range that it stands for.

    One number stands for itself and `spread` around it, a list of two for their range. Raises
    BrokenRuleError for anything else.
    """
    if isinstance(value, Figure):
        return value
    ends = [*value] if isinstance(value, list | tuple) else [value]
    if not all(is_number(end) and 0 < end < _MOST for end in ends):
        raise BrokenRuleError
    if not isinstance(value, list | tuple):
        return Figure(round(value * (1 - spread), 6), round(value * (1 + spread), 6), value)
    if len(ends) != 2 or ends[0] > ends[1]:
        raise BrokenRuleError
    return Figure(*ends)


def figure(unit: str, low: float, high: float, *, behaviour: str, spread: float = SPREAD) -> Rule:
    """Make the rule of a figure: a number from `low` to `high`, or a range of two.

    What is a setting of the application, and not measured, has no `spread`.
    """
    ends = f"{plain(low)} to {plain(high)}"

    def read(value: Any) -> Figure:
        found = as_figure(value, spread)
        # A single number is held against the range by itself, and not by the spread around it.
        written = (found.low, found.high) if found.stated is None else (found.stated,)
        if not all(low <= end <= high for end in written):
            raise BrokenRuleError
        return found

    return Rule(
        must=f"be a number from {ends}, or a list of two such numbers, the lower one first",
        shown=f"{unit}, {ends}; a number{'' if spread else ', exactly,'} or `[low, high]`",
        read=read,
        default=None,
        behaviour=behaviour,
    )
