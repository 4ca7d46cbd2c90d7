"""Pulumi's files of a project and its stacks, as far as their form goes.

The engine is more lenient: of a key that is written with and without its namespace it takes one.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from surgeproof.escaping import visible
from surgeproof.settings.errors import DocumentError, dotted, problem, shortened
from surgeproof.settings.yaml_file import read_yaml

_PROJECT_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""Pulumi's own rule (sdk/go/common/tokens/project.go)."""

_KEY: Final = re.compile(r"(?:([^:]+):(?:config:)?)?([^:]+)")
"""`<namespace>:<name>`; an old form has `config` between the two."""


_READ: Final = ("aws", "policies", "pulumi")
"""Namespaces that are read besides the project's: by the provider, the pack and the engine."""

_PROVIDERS: Final = frozenset({"aws-native", "awsx"})
"""Providers whose names only look like a misspelt one of those."""

_NEAR: Final = 0.75
"""How alike two names are of which one is taken for the other's misspelling (difflib's ratio)."""


def unread_namespaces(names: Iterable[str], project: str, *, near_only: bool = False) -> list[str]:
    """Return a line for each key of the configuration whose namespace nobody reads.

    Args:
        names: Keys of the form `<namespace>:<name>`.
        project: Name of the project, whose namespace its program reads.
        near_only: Whether other namespaces than misspelt ones pass, since another program or its
            providers may read them. Default: false.

    """
    known = (project, *_READ)
    lines = []
    for name in names:
        namespace = name.partition(":")[0]
        if namespace in known or namespace in _PROVIDERS:
            continue
        near = difflib.get_close_matches(namespace.lower(), known, n=1, cutoff=_NEAR)
        if near_only and not near:
            continue
        hint = f"nearest: {near[0]}" if near else ", ".join(known)
        rule = f"have a namespace that something reads ({hint})"
        lines.append(problem(shortened(name), rule, shortened(repr(namespace))))
    return lines


def imported_environments(path: Path) -> tuple[str, ...]:
    """Return the Pulumi ESC environments that a stack's settings import, none for none.

    Their values are kept by Pulumi Cloud; the settings hold their names only, as a list or, written
    out, as a mapping. Raises DocumentError.
    """
    written = read_mapping(path).get("environment")
    if not written:
        return ()
    if isinstance(written, Mapping):
        written = written.get("imports")
    if not isinstance(written, list):
        return ("written out in the settings",)
    names = [next(iter(each), "") if isinstance(each, Mapping) else each for each in written]
    return tuple(shortened(str(name)) for name in names)


def kind(value: object) -> str:
    """Return what a value is, in a word, so that nothing of it is shown."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else "a number"


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds, empty for an empty file. Raises DocumentError."""
    found = read_yaml(path)
    if found is None:
        return {}
    if not isinstance(found, dict):
        place = visible(path.name)
        raise DocumentError([problem(place, "be a mapping of keys", kind(found))])
    return found


def read_project_name(path: Path) -> str:
    """Return the name in Pulumi.yaml. Raises DocumentError."""
    name = read_mapping(path).get("name")
    if isinstance(name, str) and _PROJECT_NAME.fullmatch(name):
        return name
    rule = "be letters, digits, '-', '_' and '.' (at most 100)"
    got = shortened(repr(name)) if isinstance(name, str) else kind(name)
    raise DocumentError([problem(visible(path.name), rule, got, path=("name",))])


def read_settings_file(path: Path) -> dict[str, Any]:
    """Return what a stack's settings hold, `config` being a mapping. Raises DocumentError."""
    found = read_mapping(path)
    config = found.get("config")
    if config is not None and not isinstance(config, dict):
        place = visible(path.name)
        rule = "be a mapping of keys"
        raise DocumentError([problem(place, rule, kind(config), path=("config",))])
    return {**found, "config": config or {}}


def read_config(path: Path, project: str) -> dict[str, Any]:
    """Return the configuration of a stack by `<namespace>:<name>`, as the engine reads its keys.

    Args:
        path: The stack's settings.
        project: Name of the project, the namespace of keys without one.

    """
    found: dict[str, Any] = {}
    written: dict[str, str] = {}
    problems = []
    place = visible(path.name)
    for key, value in read_settings_file(path)["config"].items():
        parts = _KEY.fullmatch(key)
        if parts is None:
            got = shortened(repr(key))
            rule = "have keys of the form <namespace>:<name>"
            problems.append(problem(place, rule, got, path=("config",)))
            continue
        name = f"{parts[1] or project}:{parts[2]}"
        if name in written:
            got = f"{dotted([written[name]])} too"
            problems.append(problem(place, "be given only once", got, path=("config", key)))
        written[name] = key
        found[name] = value
    if problems:
        raise DocumentError(problems)
    return found
