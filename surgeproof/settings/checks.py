"""Reads settings by the rules of their TypedDict, and notes all that is wrong with them.

A TypedDict is described once: which rule, type and meaning each field has. Fields without a rule
are wiring, such as the id of another resource, and only have to be there. Pulumi's component
analyzer takes plain types alone, so describing a class leaves it those.

Two kinds of callers spell names in their own way: components (`ScalingPolicies.surge_percent`) and
the configuration (`scaling.surgePercent`). A rule between settings is written once and names them
in braces: `be above {target_utilization_percent=60}`.
"""

import ast
import difflib
import inspect
import re
import textwrap
import typing
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, Final, Generic, NotRequired, TypeVar, cast

from surgeproof.settings.errors import ArgsError, Path, dotted, shortened, shown
from surgeproof.settings.fields import BrokenRuleError, Rule

_Args = TypeVar("_Args")

GROUP_RULE: Final = "be a mapping of keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What is known of one field of a TypedDict."""

    name: str
    rule: Rule | None
    """Default: none, since it is wiring."""
    required: bool
    later: bool
    """Whether its value, or each of its items, may come when it is known: a Pulumi Input."""
    container: type | None
    """`list` or `dict` for several values. Default: one."""
    nested: type | None
    """The TypedDict that it, or each of its items, is. Default: none."""


_FIELDS: Final[dict[type, dict[str, Field]]] = {}
_DOCS: Final[dict[type, dict[str, str]]] = {}


def fields_of(args_type: type) -> Mapping[str, Field]:
    """Return the fields of a TypedDict by name; at first, leave the class plain annotations."""
    if args_type not in _FIELDS:
        hints = dict(args_type.__annotations__)
        _FIELDS[args_type] = {name: _described(name, hint) for name, hint in hints.items()}
        args_type.__annotations__ = {name: _bare(hint) for name, hint in hints.items()}
    return _FIELDS[args_type]


def docs_of(args_type: type) -> Mapping[str, str]:
    """Return the docstring of each field, on one line."""
    if args_type not in _DOCS:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(args_type))).body
        found: dict[str, str] = {}
        last = ""
        for each in cast("ast.ClassDef", node).body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                last = each.target.id
            elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) and last:
                found[last] = " ".join(str(each.value.value).split())
        _DOCS[args_type] = found
    return _DOCS[args_type]


def _described(name: str, hint: Any) -> Field:
    optional = typing.get_origin(hint) is NotRequired
    hint = typing.get_args(hint)[0] if optional else hint
    rules = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Rule)]
    bare = _bare(hint)
    kinds = _parts(bare)
    origins = [typing.get_origin(kind) or kind for kind in kinds]
    container = next(
        (
            dict if issubclass(each, Mapping) else list
            for each in origins
            if isinstance(each, type)
            and issubclass(each, Mapping | Sequence)
            and not issubclass(each, str)
            and not typing.is_typeddict(each)
        ),
        None,
    )
    inside = next(
        (
            typing.get_args(kind)[-1]
            for kind, origin in zip(kinds, origins, strict=True)
            if container is not None
            and isinstance(origin, type)
            and typing.get_args(kind)
            and issubclass(origin, Mapping | Sequence)
        ),
        bare,
    )
    return Field(
        name=name,
        rule=rules[0] if rules else None,
        required=not optional,
        later=any(_is_later(kind) for kind in (*kinds, *_parts(inside))),
        container=container,
        nested=inside if typing.is_typeddict(inside) else None,
    )


def _parts(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself."""
    is_union = typing.get_origin(hint) in (typing.Union, UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _is_later(hint: Any) -> bool:
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, Awaitable)


def _bare(hint: Any) -> Any:
    """Return a type without the rules inside it."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _bare(parts[0])
    if origin is NotRequired:
        return NotRequired[_bare(parts[0])]
    return hint


def camel(name: str) -> str:
    """Return a field's name as the configuration writes it."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with names as the fields have them."""

    path: Path
    must: str
    """The rule; names of settings in braces, with or without `=` and their value."""
    got: object
    hidden: bool = False
    """Whether the value is kept out of messages."""
    quotes: bool = False
    """Whether the value would be right as a text."""


class UnsoundError(Exception):
    """Raised to a relation that asks for a value which breaks a rule of its own."""


@dataclass(slots=True)
class Values:
    """Settings as they were given, with the defaults filled in, and what is wrong with them."""

    read: dict[str, Any]
    given: frozenset[str] = frozenset()
    """Names of those that were given, sound or not."""
    problems: list[Problem] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        """Return a value or its default, None without one; raise UnsoundError."""
        if any(each.path[0] == name for each in self.problems):
            raise UnsoundError
        return self.read.get(name)

    def get(self, name: str) -> Any:
        """Return a value or its default, None without one or where it is wrong by itself."""
        try:
            return self[name]
        except UnsoundError:
            return None

    def items(self, name: str) -> list[tuple[str | int, "Values"]]:
        """Return the groups of a list or mapping, each with its own problems."""
        value = self.read.get(name)
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value or ())
        return [
            (key, Values(item, frozenset(item), self._within(name, key)))
            for key, item in pairs
            if not any(each.path == (name, key) for each in self.problems)
        ]

    def inside(self, name: str) -> "Values":
        """Return the settings of a group, none for none."""
        group = self.read.get(name)
        found = group if isinstance(group, dict) else {}
        return Values(found, frozenset(found), self._within(name))

    def _within(self, *place: str | int) -> list[Problem]:
        size = len(place)
        return [
            Problem(each.path[size:], each.must, each.got)
            for each in self.problems
            if len(each.path) > size and each.path[:size] == place
        ]


Relation = Callable[[Values], Iterable[Problem]]
"""A rule between settings; silent where a value that it needs is wrong by itself."""


def values_of(
    args_type: type,
    given: object,
    *,
    keys: bool = False,
    wiring: bool = True,
    only: Collection[str] | None = None,
) -> Values:
    """Read settings, and note what is wrong with single ones.

    Args:
        args_type: The TypedDict.
        given: What is to be such a mapping; None counts as not given.
        keys: Whether it is written in camelCase.
        wiring: Whether fields without a rule have to be there.
        only: Names of the fields to read. Default: all.

    """
    problems: list[Problem] = []
    read = _read(args_type, given, (), problems, keys=keys, wiring=wiring, only=only)
    names = fields_of(args_type) if isinstance(given, Mapping) else ()
    said = frozenset(
        name
        for name in names
        if cast("Mapping[str, Any]", given).get(camel(name) if keys else name) is not None
    )
    return Values(read, said, problems)


def related(values: Values, relations: Iterable[Relation]) -> None:
    """Add the problems between settings to those of single ones."""
    found: list[Problem] = []
    for relation in relations:
        try:
            found += relation(values)
        except UnsoundError:
            continue
    values.problems += found


def _read(
    args_type: type,
    given: object,
    path: Path,
    problems: list[Problem],
    *,
    keys: bool,
    wiring: bool,
    only: Collection[str] | None = None,
) -> dict[str, Any]:
    known = {
        (camel(name) if keys else name): each
        for name, each in fields_of(args_type).items()
        if only is None or name in only
    }
    if not isinstance(given, Mapping):
        problems.append(Problem(path or ("args",), GROUP_RULE, given))
        return {}
    found: dict[str, Any] = {}
    for key, each in known.items():
        value, rule, here = given.get(key), each.rule, (*path, each.name)
        if value is None:
            if each.required and (rule is not None or wiring):
                problems.append(Problem(here, rule.must if rule else "be given", None))
            elif rule is not None and rule.has_default and not each.required:
                found[each.name] = _default(each, rule)
        elif rule is None or _comes_later(each, value):
            found[each.name] = value
        else:
            try:
                found[each.name] = _value(each, rule, value, here, problems, keys=keys)
            except BrokenRuleError as broken:
                must = broken.closer or rule.must
                problems.append(Problem(here, must, value, rule.hidden, broken.quotes))
    problems += [
        Problem((*path, shortened(str(key))), unknown(key, known), key)
        for key in given
        if key not in known
    ]
    return found


def _default(of: Field, rule: Rule) -> Any:
    """Return the default: of a group those of its settings, of a list one that is nobody else's."""
    if of.nested is not None and of.container is None:
        return _read(of.nested, {}, (), [], keys=False, wiring=True)
    return [*rule.default] if isinstance(rule.default, list | tuple) else rule.default


def _comes_later(of: Field, value: object) -> bool:
    """Whether a value is one that Pulumi knows later: an Output or something to await."""
    return of.later and (hasattr(value, "apply") or isinstance(value, Awaitable))


def unknown(key: object, known: Iterable[str]) -> str:
    """Return the rule that an unknown key breaks, with the nearest known one."""
    names, said = sorted(known), str(key)
    near = difflib.get_close_matches(said, names, n=1) or [
        each for each in names if each.lower() == said.lower()
    ]
    hint = f"nearest: {near[0]}" if near else ", ".join(names)
    return f"be a key that exists ({hint})"


def _value(
    of: Field, rule: Rule, value: Any, here: Path, problems: list[Problem], *, keys: bool
) -> Any:
    """Return a value as it is meant; raise BrokenRuleError, or note what is wrong inside it."""
    if of.container is None:
        if of.nested is None:
            return rule.read(value)
        if not isinstance(value, Mapping):
            raise BrokenRuleError
        return _read(of.nested, value, here, problems, keys=keys, wiring=True)
    is_kind = isinstance(value, Mapping if of.container is dict else list | tuple)
    if not is_kind or not rule.low <= len(value) <= rule.high:
        raise BrokenRuleError
    if rule.once and len({repr(item) for item in value}) < len(value):
        raise BrokenRuleError(f"{rule.must}, each only once")
    pairs = value.items() if of.container is dict else enumerate(value)
    if of.container is dict and not all(isinstance(key, str) for key in value):
        raise BrokenRuleError("have names that are texts")
    read: dict[Any, Any] = {}
    before = len(problems)
    for key, item in pairs:
        place = (*here, key)
        if of.nested is not None:
            is_group = isinstance(item, Mapping)
            read[key] = (
                _read(of.nested, item, place, problems, keys=keys, wiring=True) if is_group else {}
            )
            if not is_group:
                problems.append(Problem(place, GROUP_RULE, item))
        elif rule.item is None or _comes_later(of, item):
            read[key] = item
        else:
            try:
                read[key] = rule.item.read(item)
            except BrokenRuleError as broken:
                must = broken.closer or rule.item.must
                problems.append(Problem(place, must, item, rule.hidden, broken.quotes))
    if len(problems) == before:
        rule.read(value)
    return read if of.container is dict else list(read.values())


_NAMED: Final = re.compile(r"\{([\w.]+)(?:=([^{}]*))?\}")


def spelled(must: str, named: Callable[[str, str], str]) -> str:
    """Return a rule with the settings that it names spelled by their name and value, or ''."""
    return _NAMED.sub(lambda found: named(found[1], found[2] or ""), must)


def line(place: str, problem: Problem, *, secret: bool = False, quotes: bool = False) -> str:
    """Return a problem as `<place>: must <rule>, got <value>`.

    Args:
        place: Where it is, as the caller's users know it.
        problem: What is wrong, with the names in its rule spelled.
        secret: Whether the value is kept out of the line.
        quotes: Whether to say that a value needs quotes, as files do.

    """
    more = ", in quotes" if quotes and problem.quotes and "quotes" not in problem.must else ""
    got = "[secret]" if secret or problem.hidden else shown(problem.got)
    return f"{place}: must {problem.must}{more}, got {got}"


def _as_it_is(name: str, value: str) -> str:
    return f"{name} ({value})" if value else name


class Definition(Generic[_Args]):
    """The arguments of a component: their TypedDict, and the rules between them."""

    def __init__(
        self, component: str, args_type: type[_Args], *, relations: Sequence[Relation] = ()
    ) -> None:
        """Take the component's name, its TypedDict and the rules between arguments."""
        self.component = component
        self.args_type = args_type
        self.relations = tuple(relations)
        for each in types_in(args_type):
            fields_of(each)

    def check(self, args: _Args) -> _Args:
        """Return the arguments as they are meant, with the defaults filled in.

        What has no default is left out. Raises ArgsError for all that is wrong.
        """
        values = values_of(self.args_type, args)
        related(values, self.relations)
        lines = [
            line(
                f"{self.component}.{dotted(each.path)}",
                replace(each, must=spelled(each.must, _as_it_is)),
            )
            for each in values.problems
        ]
        if lines:
            raise ArgsError("\n".join(dict.fromkeys(lines)))
        return cast("_Args", values.read)


def types_in(args_type: type) -> Iterator[type]:
    """Yield a TypedDict and those inside it."""
    yield args_type
    for each in fields_of(args_type).values():
        if each.nested is not None:
            yield from types_in(each.nested)
