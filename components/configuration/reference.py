"""Writes the reference of all keys and the `config` block of Pulumi.yaml: `make reference`."""

import functools
import inspect
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from surgeproof.components.configuration.alarm_reference import alarms_reference
from surgeproof.components.configuration.component_reference import components_reference
from surgeproof.components.configuration.groups import KEYS
from surgeproof.settings.checks import Field, camel, docs_of, fields_of, types_in
from surgeproof.settings.fields import Rule

_ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = _ROOT / "docs" / "reference"
PROJECT_FILE: Final = _ROOT / "Pulumi.yaml"
_MARKS: Final = ("  # BEGIN keys (make reference)", "  # END keys")


def reference() -> str:
    """Return docs/reference/configuration.md."""
    introduction = (
        "Written by `make reference`; do not edit by hand. Keys stand under "
        "`config` in `Pulumi.<stack>.yaml`, each group as `surgeproof:<group>`; `aws:region` says "
        "where. Everything is checked before the first resource, and all problems are told at once."
    )
    minimum = (
        "Needed are `fleet.maxSize`, one way to serve (`loadBalancer.certificateArn`, or `domain` "
        "with `hostedZoneId`, or `plainHttp: true`) and one of `alerts.subscriptions`. `service` "
        "is what turns scaling from a guess into a rule: measure it."
    )
    lines = ["# Configuration", "", introduction, "", minimum, "", *_EXAMPLE, ""]
    for group in KEYS.groups:
        keys = [(name, each.args_type, each.field) for name, each in KEYS.keys_in(group).items()]
        lines += _section(group.name, group.doc, keys)
    top = fields_of(KEYS.top)["surges"]
    lines += _nested("", KEYS.top, top)
    lines += [
        "## tags",
        "",
        "Tags of all that is created: a mapping of at most 40 texts. Default: none.",
        "",
    ]
    return "\n".join(lines)


_EXAMPLE: Final = (
    "```yaml",
    "config:",
    "  aws:region: eu-central-1",
    "  surgeproof:fleet:",
    "    maxSize: 8",
    "  surgeproof:loadBalancer:",
    "    domain: shop.example.com",
    "    hostedZoneId: Z0123456789ABCDEFGHIJ",
    "  surgeproof:alerts:",
    "    subscriptions:",
    "      - { severity: page, protocol: email, endpoint: on-call@example.com }",
    "  surgeproof:service:",
    "    requestsPerSecond: [90, 120]",
    "    bootSeconds: 100",
    "```",
)


def _section(title: str, doc: str, keys: Sequence[tuple[str, type, Field]]) -> list[str]:
    """Return a group's table, and the sections of the groups inside it."""
    head = [f"## {title}", "", doc, ""]
    table = ["| key | meaning | unit and range | default |", "|---|---|---|---|"]
    rows = [_row(title, name, of, each) for name, of, each in keys if each.rule]
    inside = [line for _, of, each in keys for line in _nested(title, of, each)]
    return [*head, *table, *rows, "", *inside]


def _nested(title: str, of: type, each: Field) -> list[str]:
    nested = each.nested
    if nested is None:
        return []
    doc = inspect.cleandoc(str(nested.__doc__))
    keys = [(camel(name), nested, inner) for name, inner in fields_of(nested).items()]
    return _section(_title(title, of, each), _in_keys(doc), keys)


def _title(title: str, of: type, each: Field) -> str:
    key = (KEYS.key_of(of, each) or "").removeprefix(f"{title}.") or camel(each.name)
    more = "[]" if each.container is list else ".*" if each.container is dict else ""
    return f"{title}.{key}{more}" if title else f"{key}{more}"


def _row(title: str, name: str, of: type, each: Field) -> str:
    rule = cast("Rule", each.rule)
    doc = _in_keys(docs_of(of)[each.name])
    if each.nested is not None:
        inner = _title(title, of, each)
        doc += f" See [{inner}](#{re.sub('[^a-z]', '', inner.lower())})."
    return f"| `{name}` | {doc} | {rule.shown} | {_in_keys(rule.shown_default)} |"


def _in_keys(words: str) -> str:
    """Return words with the settings that they name as the configuration writes them."""
    return re.sub(
        r"\b[a-z]+(?:_[a-z0-9]+)+\b",
        lambda found: camel(found[0]) if found[0] in _field_names() else found[0],
        words,
    )


@functools.cache
def _field_names() -> frozenset[str]:
    pending = [*(kind for group in KEYS.groups for kind in group.types), KEYS.top]
    return frozenset(
        name for kind in pending for each in types_in(kind) for name in fields_of(each)
    )


def project_keys() -> str:
    """Return the entries of Pulumi.yaml's `config` block.

    Nested keys cannot be declared there. Each group has an empty default, so that the engine leaves
    it to the checks here to tell what is missing, all at once. aws:region cannot stand there
    without a value, which would then hold for every stack that forgets its own.
    """
    lines = [_MARKS[0]]
    for name in KEYS.names():
        group = next((each for each in KEYS.groups if each.name == name), None)
        nested = None if group else fields_of(KEYS.top)[name].nested
        inside = (
            [*KEYS.keys_in(group)] if group else [*map(camel, fields_of(nested))] if nested else []
        )
        doc = group.doc if group else docs_of(KEYS.top)[name]
        names = f" Keys: {', '.join(inside)}." if inside else ""
        lines += [
            f"  {name}:",
            "    type: object",
            "    default: {}",
            "    description: >-",
            *textwrap.wrap(f"{doc}{names}", 94, initial_indent=" " * 6, subsequent_indent=" " * 6),
        ]
    return "\n".join([*lines, _MARKS[1]])


def with_project_keys(project_file: str) -> str:
    """Return the text of Pulumi.yaml with its entries brought up to date."""
    begin, end = (project_file.index(mark) for mark in _MARKS)
    return project_file[:begin] + project_keys() + project_file[end + len(_MARKS[1]) :]


def _write() -> None:
    from surgeproof import files  # noqa: PLC0415 - a program does without the toolkit

    REFERENCE.mkdir(parents=True, exist_ok=True)
    files.write_text(REFERENCE / "configuration.md", reference())
    files.write_text(REFERENCE / "alarms.md", alarms_reference())
    files.write_text(REFERENCE / "components.md", components_reference())
    project_file = PROJECT_FILE.read_text(encoding="utf-8")
    files.write_text(PROJECT_FILE, with_project_keys(project_file))


if __name__ == "__main__":
    _write()
