"""Reads a stack's settings, `Pulumi.<stack>.yaml`, as far as they need no engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from surgeproof.plan.configured import Configured, configured
from surgeproof.plan.model import NotSeen, PlanError
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_value
from surgeproof.settings.stack_files import (
    imported_environments,
    read_config,
    read_project_name,
    unread_namespaces,
)

_PLACEHOLDER: Final = "https://secret.invalid/"
"""Stands for an encrypted value; it may be a receiver's address."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stack's file says."""

    project: str
    """Name of the project."""
    config: Mapping[str, Any]
    """All of the configuration, with a placeholder for what is encrypted."""
    stated: Configured
    not_seen: tuple[NotSeen, ...]
    """What is encrypted."""

    @property
    def region(self) -> str | None:
        """The region that `aws:region` names."""
        region = self.config.get("aws:region")
        return str(region) if region else None


def read_settings(root: Path, stack: str) -> Settings:
    """Return the settings of a stack of the project in `root`; raise PlanError for bad ones."""
    try:
        project = read_project_name(root / "Pulumi.yaml")
        config = read_config(root / f"Pulumi.{stack}.yaml", project)
        environments = imported_environments(root / f"Pulumi.{stack}.yaml")
    except DocumentError as error:
        raise PlanError(*error.problems) from None
    if misspelt := unread_namespaces(config, project, near_only=True):
        raise PlanError(*misspelt)
    notes = []
    plain = {}
    for key, value in config.items():
        plain[key], encrypted = _without_secrets(value)
        if encrypted:
            notes.append(
                NotSeen(
                    path=f"configuration.{key}",
                    reason="It holds encrypted values, for which a placeholder stood in.",
                )
            )
    stated = configured(groups_of(plain, project))
    if environments:
        stated = replace(stated, not_seen=(*stated.not_seen, _elsewhere(environments)))
    return Settings(project, plain, stated, tuple(notes))


def _elsewhere(environments: Sequence[str]) -> NotSeen:
    """Return that settings are kept where only the engine reads them: sizes may be among them."""
    reason = (
        f"The stack imports Pulumi ESC environments ({', '.join(environments)}); the settings that "
        "they hold were not read."
    )
    return NotSeen(path="configuration.environment", reason=reason, supply=True)


def _without_secrets(value: Any) -> tuple[Any, bool]:
    """Return a value with a placeholder for what is encrypted, and whether anything was."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return _PLACEHOLDER, True
        pairs = {key: _without_secrets(each) for key, each in value.items()}
        return {key: each for key, (each, _) in pairs.items()}, any(s for _, s in pairs.values())
    if isinstance(value, list):
        items = [_without_secrets(each) for each in value]
        return [each for each, _ in items], any(s for _, s in items)
    return value, False


def groups_of(config: Mapping[str, Any], project: str) -> dict[str, Any]:
    """Return a project's own configuration by the names of its groups; raise PlanError.

    `pulumi config set` without `--path` stores a group as a text, which the program reads as JSON.
    """
    groups: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in config.items():
        if key.startswith(f"{project}:"):
            try:
                read = parse_value(value, key) if isinstance(value, str) else value
            except DocumentError as error:
                problems += error.problems
            else:
                groups[key.removeprefix(f"{project}:")] = read
    if problems:
        raise PlanError(*problems)
    return groups
