"""The configuration's keys, out of the TypedDicts that define settings.

A field with a rule is a key of its TypedDict's group (`scaling.surgePercent`), or of the place that
its rule names (`alerts.runbookBaseUrl`), so that several components may be given one setting. What
a component is given is held against its own rules, in the words of the keys.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar, cast

from surgeproof.settings.checks import (
    GROUP_RULE,
    Definition,
    Field,
    Problem,
    UnsoundError,
    Values,
    camel,
    fields_of,
    line,
    related,
    spelled,
    unknown,
    values_of,
)
from surgeproof.settings.errors import Path, dotted

_Args = TypeVar("_Args")

End = Callable[[Any, str], Any]
"""Returns the `low` or `high` end of a measured figure, as a component is given it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of keys at the top of the configuration."""

    name: str
    doc: str
    """What it is about, in a sentence or two."""
    types: tuple[type, ...]
    """The TypedDicts whose fields are its keys."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, and the field that defines it."""

    args_type: type
    field: Field


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """One thing that is wrong with the configuration, in the words of its keys."""

    path: Path
    rule: str
    got: object
    hidden: bool = False
    """Whether the value is kept out of the message."""
    quotes: bool = False
    """Whether the value would be right in quotes."""

    @property
    def place(self) -> str:
        """The path as people write it: `alerts.subscriptions[0].endpoint`."""
        return dotted(self.path)

    def line(self, *, secret: bool) -> str:
        """Return the problem as one line."""
        problem = Problem(self.path, self.rule, self.got, self.hidden, self.quotes)
        return line(self.place, problem, secret=secret, quotes=True)


@dataclass(slots=True)
class Read:
    """The configuration as it was written, and what is wrong with it."""

    values: dict[str, Any] = field(default_factory=dict)
    """By key, with the defaults filled in; None without one."""
    given: set[str] = field(default_factory=set)
    """Keys that were written, sound or not."""
    problems: list[KeyProblem] = field(default_factory=list)
    single: dict[type, list[Problem]] = field(default_factory=dict)
    """What is wrong with single values, by the TypedDict that defines them, by its names."""

    def __getitem__(self, key: str) -> Any:
        """Return a value or its default; raise UnsoundError where it is wrong by itself."""
        path = tuple(key.split("."))
        if any(each.path[: len(path)] in (path, path[: len(each.path)]) for each in self.problems):
            raise UnsoundError
        return self.at(key)

    def get(self, key: str) -> Any:
        """Return a value or its default, None where it is wrong by itself."""
        try:
            return self[key]
        except UnsoundError:
            return None

    def has(self, key: str) -> bool:
        """Whether something was written at a key, sound or not."""
        if key in self.values:
            return key in self.given
        return self.at(key) is not None

    def at(self, key: str) -> Any:
        """Return what was written at a key, or its default, sound or not."""
        path = key.split(".")
        for size in range(len(path), 0, -1):
            key = ".".join(path[:size])
            if key in self.values:
                value = self.values[key]
                for part in path[size:]:
                    inside = value if isinstance(value, Mapping) else {}
                    value = next((inside[name] for name in inside if camel(name) == part), None)
                return value
        return None

    def items(self, key: str) -> list[tuple[str | int, "Item"]]:
        """Return the groups of a list or mapping."""
        value, path = self.at(key), tuple(key.split("."))
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value or ())
        return [(name, Item(self, (*path, name), item)) for name, item in pairs]


@dataclass(frozen=True, slots=True)
class Item:
    """One group out of a list or mapping."""

    read: Read
    path: Path
    values: Mapping[str, Any]

    def get(self, key: str) -> Any:
        """Return the value of a key, or None if it is not sound."""
        if any(each.path[: len(self.path) + 1] == (*self.path, key) for each in self.read.problems):
            return None
        return next((self.values[name] for name in self.values if camel(name) == key), None)


class Keys:
    """All keys of the configuration."""

    def __init__(
        self,
        groups: Sequence[Group],
        top: type,
        definitions: Iterable[Definition[Any]],
        *,
        end: End | None = None,
        closed: bool = True,
    ) -> None:
        """Take the groups, what stands beside them, and whose rules hold between settings.

        Args:
            groups: The groups.
            top: The TypedDict of what stands beside them.
            definitions: What is given to components, and their rules between settings.
            end: Takes an end of a measured figure. Default: no component is given one.
            closed: Whether other keys are refused. Default: true.

        """
        self.groups: Final = tuple(groups)
        self.top: Final = top
        self.definitions: Final = tuple(definitions)
        self._end = end
        self._closed = closed
        self.by_key: Final[dict[str, Key]] = {}
        for group in self.groups:
            for args_type in group.types:
                for each in fields_of(args_type).values():
                    key = self.key_of(args_type, each, group)
                    if key is not None and key.startswith(f"{group.name}."):
                        self.by_key.setdefault(key, Key(args_type, each))
        for each in fields_of(top).values():
            self.by_key[camel(each.name)] = Key(top, each)
        self._home = {args_type: group for group in self.groups for args_type in group.types}

    def key_of(self, args_type: type, of: Field, group: Group | None = None) -> str | None:
        """Return the key of a field, None for one that the configuration has not."""
        if of.rule is None or of.rule.key == "-":
            return None
        if of.rule.key:
            return of.rule.key
        home = group or self._home.get(args_type)
        return f"{home.name}.{camel(of.name)}" if home else None

    def names(self) -> list[str]:
        """Return the names at the top: those of the groups, and what stands beside them."""
        return [*(each.name for each in self.groups), *map(camel, fields_of(self.top))]

    def keys_in(self, group: Group) -> dict[str, Key]:
        """Return a group's keys by their names inside it."""
        begin = f"{group.name}."
        return {
            key.removeprefix(begin): each
            for key, each in self.by_key.items()
            if key.startswith(begin)
        }

    def read(self, data: Mapping[str, Any]) -> Read:
        """Read the configuration, groups by name, and hold each rule of its settings."""
        read = Read()
        top = {name: data.get(name) for name in map(camel, fields_of(self.top))}
        for group in self.groups:
            self._read_group(group, data.get(group.name), read)
        self._take(self.top, values_of(self.top, top, keys=True, wiring=False), read)
        for definition in self.definitions:
            self.relate(definition, read)
        known = self.names()
        read.problems += [
            KeyProblem((str(name),), unknown(name, known), name)
            for name in data
            if self._closed and name not in known
        ]
        return read

    def args(self, kind: type[_Args], read: Read, wiring: Mapping[str, Any]) -> _Args:
        """Return what a component is given: what was written of its settings, and its wiring.

        It fills in the defaults itself, but for settings that it requires.
        """
        found = {name: value for name, value in wiring.items() if value is not None}
        for name, each in fields_of(kind).items():
            key = self.key_of(kind, each)
            if key is None or name in wiring:
                continue
            value = read.at(key)
            if value is None and each.required and each.rule is not None:
                value = each.rule.default
            if (read.has(key) or each.required) and value is not None:
                found[name] = self._given(each, value)
        return cast("_Args", found)

    def _given(self, of: Field, value: Any) -> Any:
        end = of.rule.end if of.rule else ""
        return self._end(value, end) if end and self._end else copy.deepcopy(value)

    def _read_group(self, group: Group, value: object, read: Read) -> None:
        keys = self.keys_in(group)
        written: object = {} if value is None else value
        if not isinstance(written, Mapping):
            read.problems.append(KeyProblem((group.name,), GROUP_RULE, value))
            written = {}
        for args_type in group.types:
            own = {name: key for name, key in keys.items() if key.args_type is args_type}
            given = {camel(key.field.name): written.get(name) for name, key in own.items()}
            only = frozenset(key.field.name for key in own.values())
            values = values_of(args_type, given, keys=True, wiring=False, only=only)
            if isinstance(value, Mapping | None):
                self._take(args_type, values, read, group)
            else:
                self._take(args_type, replace(values, problems=[]), read, group)
        read.problems += [
            KeyProblem((group.name, str(name)), unknown(name, keys), name)
            for name in written
            if self._closed and name not in keys
        ]

    def _take(
        self, args_type: type, values: Values, read: Read, group: Group | None = None
    ) -> None:
        for each in fields_of(args_type).values():
            key = self.key_of(args_type, each, group) if group else camel(each.name)
            if key is None or self.by_key.get(key) != Key(args_type, each):
                continue
            read.values[key] = values.read.get(each.name)
            if each.name in values.given:
                read.given.add(key)
        read.single[args_type] = [*values.problems]
        for problem in values.problems:
            read.problems.append(self._spelled(args_type, problem, read, group))

    def _spelled(
        self, args_type: type, problem: Problem, read: Read, group: Group | None = None
    ) -> KeyProblem:
        """Return a problem in the words of the keys."""

        def named(name: str, value: str) -> str:
            first, *rest = name.split(".")
            each = fields_of(args_type).get(first)
            key = (self.key_of(args_type, each, group) if each else None) or camel(first)
            key = ".".join([key, *map(camel, rest)])
            if not value:
                return key
            ended = each is not None and each.rule is not None and each.rule.end == "high"
            if ended and key in read.given:
                return f"{key} (up to {value})"
            return f"{key} ({value} where it is not stated)" if ended else f"{key} ({value})"

        path = self._path(args_type, problem.path, group)
        rule = spelled(problem.must, named)
        return KeyProblem(path, rule, problem.got, problem.hidden, problem.quotes)

    def _path(self, args_type: type, path: Path, group: Group | None) -> Path:
        """Return the path of a key out of that of a field: names of users' choice stay."""
        first, *rest = path
        each = fields_of(args_type).get(str(first))
        key = self.key_of(args_type, each, group) if each else None
        found: list[str | int] = [*(key.split(".") if key else [camel(str(first))])]
        current = each
        inside = current.nested if current and not current.container else None
        chosen = current is not None and current.container is not None
        for part in rest:
            if chosen:
                found.append(part)
                inside, chosen = (current.nested if current else None), False
                continue
            fields: Mapping[str, Field] = fields_of(inside) if inside else {}
            current = fields.get(str(part))
            found.append(camel(str(part)) if current else part)
            inside = current.nested if current and not current.container else None
            chosen = current is not None and current.container is not None
        return tuple(found)

    def relate(self, definition: Definition[Any], read: Read) -> None:
        """Hold the rules between a component's settings, as far as each is sound by itself."""
        values, given = {}, set()
        problems: list[Problem] = []
        kind = definition.args_type
        for name, each in fields_of(kind).items():
            key = self.key_of(kind, each)
            if key is None or key not in self.by_key:
                if each.rule is not None and each.rule.has_default and not each.required:
                    values[name] = each.rule.default
                continue
            owner = self.by_key[key]
            if any(path == key.split(".")[:1] for path in ([*each.path] for each in read.problems)):
                problems.append(Problem((name,), GROUP_RULE, None))
            problems += [
                replace(problem, path=(name, *problem.path[1:]))
                for problem in read.single.get(owner.args_type, ())
                if problem.path[0] == owner.field.name
            ]
            value = read.at(key)
            if key in read.given:
                given.add(name)
            if value is not None:
                values[name] = self._given(each, value)
            elif each.rule is not None and each.rule.has_default and not each.required:
                values[name] = each.rule.default
        known = len(problems)
        checked = Values(values, frozenset(given), [*problems])
        related(checked, definition.relations)
        for problem in checked.problems[known:]:
            found = self._spelled(kind, problem, read)
            if found not in read.problems:
                read.problems.append(found)
