"""Writes docs/reference/components.md, for programs of others: `make reference`."""

import inspect
from collections.abc import Iterator
from typing import Final

import pulumi

from surgeproof import components
from surgeproof.settings.checks import Field, docs_of, fields_of

ARGS: Final = "Args"
"""Ending of the name of what a component takes."""


def components_reference() -> str:
    """Return docs/reference/components.md."""
    introduction = (
        "Written by `make reference`; do not edit by hand. In `surgeproof.components`; each "
        "is `Component(name, args, opts)`, takes a plain mapping, and refuses a wrong one whole, "
        "before its first resource. [examples/shop](../../examples/shop/__main__.py) uses five."
    )
    lines = ["# Components", "", introduction, ""]
    for name in components.__all__:
        found = getattr(components, name)
        if inspect.isclass(found) and issubclass(found, pulumi.ComponentResource):
            lines += _component(found, getattr(components, f"{name}{ARGS}"))
    return "\n".join(lines)


def _component(component: type, args: type) -> Iterator[str]:
    yield from (f"## {component.__name__}", "", inspect.cleandoc(str(component.__doc__)), "")
    yield from _arguments(args)
    nested = {each.nested for each in fields_of(args).values() if each.nested}
    for inner in sorted(nested, key=lambda each: each.__name__):
        yield from (f"### In {component.__name__}: {inner.__name__}", "")
        yield from (inspect.cleandoc(str(inner.__doc__)), "")
        yield from _arguments(inner)
    outputs = {name: text for name, text in docs_of(component).items() if not name.startswith("_")}
    if outputs:
        yield from ("| output | meaning |", "|---|---|")
        yield from (f"| `{name}` | {text} |" for name, text in outputs.items())
        yield ""


def _arguments(args: type) -> Iterator[str]:
    yield from ("| argument | meaning | unit and range | default |", "|---|---|---|---|")
    docs = docs_of(args)
    for name, field in fields_of(args).items():
        meaning = f"{docs[name]} See `{field.nested.__name__}`." if field.nested else docs[name]
        yield f"| `{name}` | {meaning} | {_range(field)} | {_default(field)} |"
    yield ""


def _range(field: Field) -> str:
    return field.rule.shown if field.rule else "of another resource"


def _default(field: Field) -> str:
    if field.required:
        return "required"
    return field.rule.shown_default if field.rule else "none"
