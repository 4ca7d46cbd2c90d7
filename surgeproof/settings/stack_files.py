"""Pulumi's files of a project and its stacks, as far as their form goes.

The engine is more lenient: of a key that is written with and without its namespace it takes one.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from surgeproof.escaping import visible
from surgeproof.settings.errors import DocumentError, dotted, problem, shortened
from surgeproof.settings.yaml_file import read_yaml

_PROJECT_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""Pulumi's own rule (sdk/go/common/tokens/project.go)."""

_KEY: Final = re.compile(r"(?:([^:]+):(?:config:)?)?([^:]+)")
"""`<namespace>:<name>`; an old form has `config` between the two."""


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
