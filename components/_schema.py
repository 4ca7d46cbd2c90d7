"""What the configuration's schema is made of: keys with their rules, and how problems are told.

A group is a pydantic model whose fields are made by the functions here. Each carries one rule, a
phrase that follows "must", which is shown for whatever is wrong with the value, so that there is
one clear line for each problem.
"""

import dataclasses
import difflib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, NamedTuple, cast, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, PydanticUndefined

from components.aws_limits import LIMITS, breach
from surgeproof.settings.errors import dotted, shown

REQUIRED: Final[Any] = PydanticUndefined
"""Marks a key without a default."""

Check = Callable[[Any], str | None]
"""Returns the rule that a value of the right type breaks, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is known of one key besides its type."""

    doc: str
    """What it means, in full sentences."""
    rule: str
    """How a value must be: `be a whole number from 2 to 3`."""
    range: str
    """Unit and range, for the reference."""
    default: str
    """Default value or behaviour, for the reference."""
    check: Check | None = None
    """What the type does not say."""
    item_rule: str = ""
    """The rule for the items of a list or the values of a mapping."""
    item_check: Check | None = None
    hidden: bool = False
    """Whether values are kept out of messages, since people put secrets there."""


class Schema(BaseModel):
    """A group of keys, written in camelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
    )

    title: ClassVar[str] = ""

    @field_validator("*", mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """Take 4.0 for 4 where a whole number is meant: JSON knows no difference."""
        field = cls.model_fields[str(info.field_name)]
        is_whole = int in (field.annotation, *get_args(field.annotation))
        if is_whole and isinstance(value, float) and value.is_integer():
            return int(value)
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _rules(cls, value: Any, info: ValidationInfo) -> Any:
        key = key_of(cls.model_fields[str(info.field_name)])
        if value is None or key is None:
            return value
        broken = key.check(value) if key.check else None
        if broken:
            raise PydanticCustomError("rule", "{rule}", {"rule": broken})
        return value


def key_of(field: FieldInfo) -> Key | None:
    """Return what a field carries besides its type."""
    extra = field.json_schema_extra
    return cast("Key | None", extra.get("key")) if isinstance(extra, dict) else None


def _key(*, default: Any, key: Key, **constraints: Any) -> Any:
    return Field(default=default, json_schema_extra=cast("Any", {"key": key}), **constraints)


def _shown_default(default: Any, behaviour: str | None) -> str:
    if behaviour is not None:
        return behaviour
    if default is REQUIRED:
        return "required"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def whole(
    doc: str,
    unit: str,
    *,
    default: int | None = REQUIRED,
    low: int,
    high: int | None = None,
    behaviour: str | None = None,
) -> Any:
    """Make a key for a whole number; `behaviour` says what happens without it, if not a number."""
    ends = f"of at least {low}" if high is None else f"from {low} to {high}"
    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule=f"be a whole number {ends}",
            range=f"{unit}, {f'at least {low}' if high is None else f'{low} to {high}'}",
            default=_shown_default(default, behaviour),
        ),
        ge=low,
        le=high,
    )


def limited(
    doc: str,
    unit: str,
    token: str,
    path: str,
    *,
    default: int | None,
    behaviour: str | None = None,
) -> Any:
    """Make a key for a whole number that keeps AWS's rule for a property."""
    rule = LIMITS[token, path].rule
    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule=f"be a whole number and {rule}",
            range=f"{unit}, {rule.removeprefix('be ').removesuffix(f' {unit}')}",
            default=_shown_default(default, behaviour),
            check=aws(token, path),
        ),
    )


def one_of(doc: str, unit: str, values: Sequence[int], *, default: int) -> Any:
    """Make a key for one of a few whole numbers."""
    words = f"{', '.join(map(str, values[:-1]))} or {values[-1]}"
    rule = f"be {words} {unit}"
    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule=rule,
            range=f"{unit}, {words}",
            default=_shown_default(default, None),
            check=lambda value: None if value in values else rule,
        ),
    )


def number(
    doc: str,
    unit: str,
    *,
    default: float | None = REQUIRED,
    low: float,
    high: float,
    behaviour: str | None = None,
) -> Any:
    """Make a key for a number; `behaviour` says what happens without it, if not a number."""
    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule=f"be a number from {plain(low)} to {plain(high)}",
            range=f"{unit}, {plain(low)} to {plain(high)}",
            default=_shown_default(default, behaviour),
        ),
        ge=low,
        le=high,
    )


def text(
    doc: str,
    *,
    default: str | None = REQUIRED,
    rule: str = "be a text that is not empty",
    check: Check | None = None,
    pattern: str | None = None,
    behaviour: str | None = None,
    shown_range: str = "text",
    hidden: bool = False,
) -> Any:
    """Make a key for a text, which `check` or `pattern` may narrow."""

    def broken(value: str) -> str | None:
        if not value.strip() or (pattern and not re.fullmatch(pattern, value)):
            return rule
        return check(value) if check else None

    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule=rule,
            range=shown_range,
            default=_shown_default(default, behaviour),
            check=broken,
            hidden=hidden,
        ),
    )


def switch(doc: str, *, default: bool) -> Any:
    """Make a key for true or false."""
    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule="be true or false",
            range="true or false",
            default=_shown_default(default, None),
        ),
    )


def choice(doc: str, kind: type[StrEnum], *, default: StrEnum | None = REQUIRED) -> Any:
    """Make a key for a member of an enumeration."""
    values = [member.value for member in kind]
    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule=f"be one of {', '.join(values)}",
            range=", ".join(f"`{value}`" for value in values),
            default=_shown_default(default, None),
        ),
        strict=False,
    )


def many(
    doc: str,
    *,
    default: Any = None,
    rule: str,
    item_rule: str,
    low: int = 0,
    high: int | None = None,
    item_check: Check | None = None,
    check: Check | None = None,
    pattern: str | None = None,
    once: bool = True,
    behaviour: str | None = None,
    shown_range: str = "list",
    hidden: bool = False,
) -> Any:
    """Make a key for a list or a mapping, with a rule for all of it and one for each item."""

    def broken(value: Any) -> str | None:
        if len(value) < low or (high is not None and len(value) > high):
            return rule
        if once and isinstance(value, list) and len({repr(item) for item in value}) < len(value):
            return f"{rule}, each only once"
        return check(value) if check else None

    def broken_item(value: Any) -> str | None:
        if isinstance(value, str) and (
            not value.strip() or (pattern and not re.fullmatch(pattern, value))
        ):
            return item_rule
        return item_check(value) if item_check and isinstance(value, str) else None

    return _key(
        default=default,
        key=Key(
            doc=doc,
            rule=rule,
            range=shown_range,
            default=_shown_default(default, behaviour),
            check=broken,
            item_rule=item_rule,
            item_check=broken_item,
            hidden=hidden,
        ),
    )


def group(doc: str, *, behaviour: str = "none") -> Any:
    """Make a key for a group of keys that may be left out."""
    return _key(
        default=None,
        key=Key(doc=doc, rule="be a mapping of keys", range="mapping", default=behaviour),
    )


def plain(value: float) -> str:
    """Return a number without an exponent: `1000000`, not `1e+06`."""
    return f"{value:.12g}"


def aws(token: str, path: str) -> Check:
    """Return the check of what AWS states in text about a property."""
    return lambda value: breach(token, path, value)


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure, as the range that it lies in."""

    low: float
    high: float
    stated: float | None = dataclasses.field(default=None, compare=False)
    """The one number that was written. Default: the two ends were."""


SPREAD: Final = 0.2
"""How far the truth may lie from a figure that is stated as one number."""


def _figure(value: Any) -> Any:
    if isinstance(value, Figure):
        return value
    ends = value if isinstance(value, list) else [value]
    sound = all(
        isinstance(end, int | float)
        and not isinstance(end, bool)
        and math.isfinite(end)
        and end > 0
        for end in ends
    )
    if not sound or len(ends) not in (1, 2) or (isinstance(value, list) and len(ends) != 2):
        raise PydanticCustomError("figure", "figure")
    low, high = ends if len(ends) == 2 else (ends[0] * (1 - SPREAD), ends[0] * (1 + SPREAD))
    if low > high:
        raise PydanticCustomError("figure", "figure")
    return Figure(round(low, 6), round(high, 6), None if len(ends) == 2 else ends[0])


MeasuredFigure = Annotated[Figure, BeforeValidator(_figure)]
"""A number, which stands for itself and 20 % around it, or the two ends of a range."""

FIGURE: Final = TypeAdapter(MeasuredFigure)
"""Reads a figure by itself."""


def figure(doc: str, unit: str, *, low: float, high: float, behaviour: str) -> Any:
    """Make a key for a measured figure."""
    ends = f"{plain(low)} to {plain(high)}"
    rule = f"be a number from {ends}, or a list of two such numbers, the lower one first"

    def broken(value: Figure) -> str | None:
        # A single number is held against the range by itself, and not by the spread around it.
        stated = (value.low, value.high) if value.stated is None else (value.stated, value.stated)
        return None if low <= stated[0] and stated[1] <= high else rule

    return _key(
        default=None,
        key=Key(
            doc=doc,
            rule=rule,
            range=f"{unit}, {ends}; a number or `[low, high]`",
            default=behaviour,
            check=broken,
        ),
    )


Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong with the configuration."""

    path: Path
    rule: str
    got: object
    hidden: bool = False
    """Whether the value is kept out of the message."""

    @property
    def place(self) -> str:
        """The path as people write it: `alerts.subscriptions[0].endpoint`."""
        return dotted(self.path)

    def line(self, *, secret: bool) -> str:
        """Return the problem as one line."""
        got = "[secret]" if secret or self.hidden else shown(self.got)
        return f"{self.place}: must {self.rule}, got {got}"


def without_nulls(model: type[Schema], data: Any) -> Any:
    """Return `data` without the keys that hold null, which are as if they were not written."""
    if not isinstance(data, Mapping):
        return data
    fields = keys_of(model)
    return {
        name: _item_without_nulls(fields[name], value) if name in fields else value
        for name, value in data.items()
        if value is not None or name not in fields
    }


def _item_without_nulls(field: FieldInfo, value: Any) -> Any:
    nested = inner(field)
    if nested is None:
        return value
    if isinstance(value, list):
        return [without_nulls(nested, each) for each in value]
    if _is_mapping(field) and isinstance(value, Mapping):
        return {key: without_nulls(nested, each) for key, each in value.items()}
    return without_nulls(nested, value)


def problems_of(model: type[Schema], data: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with single values of `data`."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        found = [_problem(model, detail) for detail in error.errors(include_url=False)]
    else:
        found = []
    # Items are looked at here and not in pydantic, which stops at a list's first rule otherwise.
    broken = {problem.path for problem in found}
    return [*found, *(each for each in _item_problems(model, data, ()) if each.path not in broken)]


def _problem(model: type[Schema], detail: Any) -> Problem:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    got = None if detail["type"] == "missing" else detail["input"]
    if detail["type"] == "extra_forbidden":
        name = str(path[-1])
        owner, _, _ = _look(model, path[:-1])
        return Problem(path, unknown_key_rule(name, owner), name)
    owner, key, is_item = _look(model, path)
    if key is None:
        return Problem(path, "be a mapping of keys", got)
    rule = detail.get("ctx", {}).get("rule") or (key.item_rule if is_item else key.rule)
    return Problem(path, rule + _quotes(detail["type"], rule, got), got, key.hidden)


def _quotes(broken: str, rule: str, got: object) -> str:
    """Return what YAML, or `pulumi config set`, has to be told of a value that it took otherwise.

    Both take 17 for a number and true for a switch wherever a text is meant.
    """
    if broken == "string_type" and isinstance(got, int | float) and "quotes" not in rule:
        return ", in quotes"
    return ""


def unknown_key_rule(name: str, owner: type[Schema] | None) -> str:
    """Return the rule that an unknown key breaks, with the nearest known one."""
    known = sorted(keys_of(owner)) if owner else []
    near = difflib.get_close_matches(name, known, n=1) or [
        each for each in known if each.lower() == name.lower()
    ]
    return (
        f"be a key that exists (nearest: {near[0]})"
        if near
        else (f"be a key that exists ({', '.join(known)})")
    )


def keys_of(model: type[Schema]) -> dict[str, FieldInfo]:
    """Return the fields of a group by the names that people write."""
    return {str(field.alias): field for field in model.model_fields.values()}


def inner(field: FieldInfo) -> type[Schema] | None:
    """Return the group that a field, or each of its items, is."""
    pending: list[Any] = [field.annotation]
    while pending:
        kind = pending.pop()
        if isinstance(kind, type) and issubclass(kind, Schema):
            return kind
        pending += get_args(kind)
    return None


def _look(model: type[Schema], path: Path) -> tuple[type[Schema] | None, Key | None, bool]:
    """Return the group at a path, else its key, and whether the path is an item of that key."""
    current: type[Schema] | None = model
    key: Key | None = None
    is_item = False
    for part in path:
        if current is None or isinstance(part, int) or part not in keys_of(current):
            is_item = True  # a list's index or a mapping's key
            continue
        field = keys_of(current)[part]
        key, is_item, current = key_of(field), False, inner(field)
    return current, key, is_item


def _item_problems(model: type[Schema], data: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(data, Mapping):
        return
    for name, field in keys_of(model).items():
        value = data.get(name)
        key, nested = key_of(field), inner(field)
        items: Sequence[tuple[str | int, Any]] = ()
        if isinstance(value, list):
            items = list(enumerate(value))
        elif isinstance(value, Mapping) and (nested is None or _is_mapping(field)):
            items = list(value.items())
        elif nested is not None:
            yield from _item_problems(nested, value, (*path, name))
        for part, item in items:
            if nested is not None:
                yield from _item_problems(nested, item, (*path, name, part))
            elif key is not None and key.item_check and (rule := key.item_check(item)):
                yield Problem((*path, name, part), rule, item, key.hidden)


def _is_mapping(field: FieldInfo) -> bool:
    """Whether a field maps names of the user's choice to groups."""
    kinds = (field.annotation, *get_args(field.annotation))
    return any(get_origin(kind) is dict for kind in kinds)
