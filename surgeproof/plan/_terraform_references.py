"""Which resources a property is made of, by the configuration in a Terraform plan.

In a plan most ids are unknown. What refers to what stands in `configuration`: for each expression
the names that it mentions. They lead through variables and outputs of modules, `for_each`,
`count` and data sources to resources. The values of locals are not in the file: an expression that
mentions one has sources that nobody can tell.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Key = str | int | None
Module = tuple[tuple[str, Key], ...]
"""Names and keys of the calls that lead to an instance of a module; none for the root."""

_PART: Final = re.compile(r'\.?([^.\[\]]+)|\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]')
_DEPTH_MAX: Final = 64
"""Longest chain of names that is followed (names). One that leads back to itself has no end."""


class UnresolvedError(Exception):
    """What an expression is made of cannot be told."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a resource, or of a data source."""

    module: Module
    kind: str
    """Type; `data.` before that of a data source."""
    name: str
    key: Key = None


def parts(text: str) -> list[Key]:
    """Return the names and keys in a reference: `module.web["a"].arn` has four."""
    found: list[Key] = []
    for name, text_key, number in _PART.findall(text):
        found.append(name or (int(number) if number else text_key.replace('\\"', '"')))
    return found


def module_of(address: str) -> Module:
    """Return the instance of a module that an address such as `module.web["a"].module.x` names."""
    found: list[tuple[str, Key]] = []
    for at in re.finditer(r'module\.([^.\[]+)((?:\["(?:[^"\\]|\\.)*"\]|\[\d+\])?)', address):
        keys = parts(at[2])
        found.append((at[1], keys[0] if keys else None))
    return tuple(found)


def mentioned(expression: Any) -> Iterator[str]:
    """Yield the references in an expression, or in the expressions of a block."""
    if isinstance(expression, list):
        for each in expression:
            yield from mentioned(each)
    elif isinstance(expression, Mapping):
        references = expression.get("references")
        if isinstance(references, list):
            yield from (each for each in references if isinstance(each, str))
        else:
            for each in expression.values():
                yield from mentioned(each)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expression stands: an instance of a module, and one of a resource or call in it."""

    module: Module
    key: Key = None
    repeated_by: Any = None
    """The expression of `for_each`, whose values `each.value` takes."""


@dataclass
class References:
    """What mentions what in a configuration."""

    root: Mapping[str, Any]
    """`configuration.root_module`"""
    instances: Iterable[Instance]
    _by_name: dict[tuple[Module, str, str], list[Instance]] = field(default_factory=dict)
    _modules: dict[tuple[Module, str], set[Key]] = field(default_factory=dict)
    _configured: dict[tuple[str, ...], dict[tuple[str, str], Mapping[str, Any]]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        """Look up the instances by their names."""
        for each in self.instances:
            self._by_name.setdefault((each.module, each.kind, each.name), []).append(each)
            for depth, (name, key) in enumerate(each.module):
                self._modules.setdefault((each.module[:depth], name), set()).add(key)

    def expressions(self, instance: Instance) -> Mapping[str, Any]:
        """Return the expressions of a resource's properties, as its block has them."""
        return _mapping(self._block(instance).get("expressions"))

    def sources(self, instance: Instance, expression: Any) -> list[Instance]:
        """Return what an expression of a resource is made of; raise UnresolvedError."""
        place = _Place(
            instance.module, instance.key, self._block(instance).get("for_each_expression")
        )
        return list(dict.fromkeys(self._resolved(expression, place, 0)))

    def _block(self, instance: Instance) -> Mapping[str, Any]:
        names = tuple(name for name, _ in instance.module)
        if names not in self._configured:
            self._configured[names] = {
                (_prefixed(each), str(each.get("name"))): each
                for each in _list(self._config(instance.module).get("resources"))
                if isinstance(each, Mapping)
            }
        return self._configured[names].get((instance.kind, instance.name), {})

    def _config(self, module: Module) -> Mapping[str, Any]:
        config = self.root
        for name, _ in module:
            call = _mapping(_mapping(config.get("module_calls")).get(name))
            config = _mapping(call.get("module"))
        return config

    def _resolved(self, expression: Any, place: _Place, depth: int) -> Iterator[Instance]:
        if depth > _DEPTH_MAX:
            raise UnresolvedError
        found = list(dict.fromkeys(mentioned(expression)))
        repeats = any(each.startswith(("each.", "count.")) for each in found)
        for text in found:
            longer = (f"{text}.", f"{text}[")
            if any(other.startswith(longer) for other in found):
                continue  # an attribute of it is mentioned too, as is all that it belongs to
            yield from self._named(parts(text), place, depth + 1, same_key=repeats)

    def _named(
        self, path: list[Key], place: _Place, depth: int, *, same_key: bool
    ) -> Iterator[Instance]:
        head, rest = path[0], path[1:]
        if head in {"count", "path", "terraform", "self"} or (head == "each" and rest == ["key"]):
            return
        if head == "each":
            yield from self._resolved(place.repeated_by, place, depth)
        elif head == "var":
            yield from self._variable(str(rest[0]), place, depth)
        elif head == "module":
            yield from self._output(rest, place, depth, same_key=same_key)
        elif head == "data" and len(rest) > 1:
            data = [f"data.{rest[0]}", *rest[1:]]
            for each in self._instances(data, place, same_key=same_key):
                yield each
                yield from self._data(each, depth)
        elif head == "local" or not rest:
            raise UnresolvedError
        else:
            yield from self._instances(path, place, same_key=same_key)

    def _variable(self, name: str, place: _Place, depth: int) -> Iterator[Instance]:
        if not place.module:
            return  # given from outside, so that no resource is in it
        *above, (call, key) = place.module
        outer = tuple(above)
        stated = _mapping(_mapping(self._config(outer).get("module_calls")).get(call))
        expression = _mapping(stated.get("expressions")).get(name)
        if expression is not None:
            at = _Place(outer, key, stated.get("for_each_expression"))
            yield from self._resolved(expression, at, depth)

    def _output(
        self, rest: list[Key], place: _Place, depth: int, *, same_key: bool
    ) -> Iterator[Instance]:
        name, *more = rest
        keys = self._modules.get((place.module, str(name)), {None})
        outputs = _mapping(self._config((*place.module, (str(name), None))).get("outputs"))
        wanted = [key for key in keys if more and key == more[0]]
        if more and wanted:
            more = more[1:]
        elif same_key and place.key in keys:
            wanted = [place.key]
        names = [str(more[0])] if more and more[0] in outputs else list(outputs)
        for key in wanted or sorted(keys, key=str):
            inside = _Place((*place.module, (str(name), key)))
            for each in names:
                stated = _mapping(_mapping(outputs[each]).get("expression"))
                yield from self._resolved(stated, inside, depth)

    def _data(self, data: Instance, depth: int) -> Iterator[Instance]:
        """Yield what a data source is looked up by."""
        block = self._block(data)
        place = _Place(data.module, data.key, block.get("for_each_expression"))
        yield from self._resolved(block.get("expressions"), place, depth)

    def _instances(self, path: list[Key], place: _Place, *, same_key: bool) -> list[Instance]:
        kind, name, *more = path
        found = self._by_name.get((place.module, str(kind), str(name)), [])
        if more and (exact := [each for each in found if each.key == more[0]]):
            return exact
        if same_key and (same := [each for each in found if each.key == place.key]):
            return same
        return found


def _prefixed(block: Mapping[str, Any]) -> str:
    kind = str(block.get("type"))
    return f"data.{kind}" if block.get("mode") == "data" else kind


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
