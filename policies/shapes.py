"""Writes what kind of value each property has, from pulumi-aws's own types.

`make reference` writes surgeproof/plan/property_shapes.json anew, for the types that
rules and readers of the plan look at. Needed after an update of pulumi-aws.
"""

import enum
import importlib
import json
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from surgeproof import files
from surgeproof.plan.resources import TYPES
from surgeproof.plan.shapes import ANY, FILE, FLAG, NUMBER, OF_MAP, TEXT
from surgeproof.policies import _types as types


def tokens() -> list[str]:
    """Return the types that are looked at, by the names that pulumi-aws still has."""
    named = [value for value in vars(types).values() if isinstance(value, frozenset)]
    found = frozenset().union(*named, TYPES)
    old = ("elasticloadbalancingv2/", "applicationloadbalancing/", "alb/")
    return sorted(token for token in found if not token.removeprefix("aws:").startswith(old))


class _Shapes:
    def __init__(self) -> None:
        self.blocks: dict[str, dict[str, Any]] = {}
        self.names: dict[type, str] = {}

    def of(self, kind: Any) -> Any:
        """Return the shape of a type: a word, a list of one shape, or the name of a block."""
        from pulumi import _types as sdk  # noqa: PLC0415

        members = [each for each in typing.get_args(kind) if each is not type(None)]
        origin = typing.get_origin(kind)
        if origin is typing.Union:
            return self.of(members[0]) if len(members) == 1 else ANY
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {OF_MAP: self.of(members[1])}
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return [self.of(members[0])]
        if not isinstance(kind, type):
            return ANY
        if sdk.is_output_type(kind):
            if kind not in self.names:
                # Two modules may have a type of one name, such as those of load balancers.
                module = kind.__module__.removeprefix("pulumi_aws.").partition(".")[0]
                taken = kind.__name__ in self.blocks
                name_ = f"{module}.{kind.__name__}" if taken else kind.__name__
                self.names[kind] = name_
                block: dict[str, Any] = {}
                self.blocks[name_] = block  # before what is inside: WAF's statements nest
                block |= {name: self.of(each) for name, each in sdk.output_type_types(kind).items()}
            return self.names[kind]
        if issubclass(kind, bool):
            return FLAG
        if issubclass(kind, int | float):
            return NUMBER
        return TEXT if issubclass(kind, str | enum.Enum) else ANY

    def without_doubles(self, resources: dict[str, Any]) -> dict[str, Any]:
        """Return all shapes with equal blocks under one name: WAF has hundreds."""
        name_of = {name: name for name in self.blocks}
        while True:
            first: dict[str, str] = {}
            merged = {
                name: first.setdefault(json.dumps(_renamed(block, name_of), sort_keys=True), name)
                for name, block in sorted(self.blocks.items())
            }
            if len(first) == len(set(name_of.values())):
                break
            name_of = merged
        return {
            "resources": _renamed(resources, name_of),
            "blocks": {
                name: _renamed(self.blocks[name], name_of) for name in set(name_of.values())
            },
        }


def _renamed(shape: Any, name_of: Mapping[str, str]) -> Any:
    if isinstance(shape, dict):
        return {key: _renamed(value, name_of) for key, value in shape.items()}
    if isinstance(shape, list):
        return [_renamed(value, name_of) for value in shape]
    return name_of.get(shape, shape)


def table() -> str:
    """Return the file: one resource or block a line."""
    from pulumi import _types as sdk  # noqa: PLC0415 - loads pulumi-aws, which takes seconds

    shapes = _Shapes()
    resources = {}
    for token in tokens():
        _, module, name = token.split(":")
        kind = getattr(importlib.import_module(f"pulumi_aws.{module.partition('/')[0]}"), name)
        resources[token] = {key: shapes.of(each) for key, each in sdk.resource_types(kind).items()}
    parts = []
    for part, content in shapes.without_doubles(resources).items():
        lines = [
            f"{json.dumps(name)}: {json.dumps(block, sort_keys=True)}"
            for name, block in sorted(content.items())
        ]
        parts.append(f"{json.dumps(part)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    files.write_text(FILE, table())
