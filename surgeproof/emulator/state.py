"""What Pulumi's file backend keeps about an embedded stack, read without the engine."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from surgeproof import files
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.files import decoded
from surgeproof.settings.json_file import parse_json
from surgeproof.settings.resources import SECRET, SIGNATURE, checked_deployment

RECORDED_ONLY = "__recordedOnly"
"""Output that says why the endpoint holds nothing for this resource."""

RECORDED_ID = "recorded-only/"
"""First part of the id of a resource that the endpoint does not hold at all."""

HISTORY = re.compile(r".+-(\d{19})\.(?:history|checkpoint)\.json(?:\.attrs)?")
"""A file about one operation, by its time (nanoseconds since 1970, nineteen digits until 2286)."""

HISTORY_KEPT = 3
"""Operations about which the backend's history is kept (operations)."""

SECRET_SHOWN = "[secret]"  # noqa: S105 - stands in for one
STACK_TYPE = "pulumi:pulumi:Stack"


class StateError(Exception):
    """The state is there and cannot be read."""


class Recorded(NamedTuple):
    """A resource that is in the state but not in the endpoint."""

    type: str
    name: str
    reason: str


@dataclass(frozen=True)
class State:
    """The latest checkpoint of one stack."""

    resources: tuple[Mapping[str, Any], ...]
    pending: int

    @classmethod
    def read(cls, backend: Path, project: str, stack: str) -> "State | None":
        """Return the stack's state; None where there is none."""
        file = backend / ".pulumi" / "stacks" / project / f"{stack}.json"
        try:
            content = files.read_bytes(file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StateError(f"{file}: {error.strerror}") from error
        try:
            found = parse_json(decoded(content, file.name), file.name)
        except DocumentError as error:
            raise StateError(str(error)) from error
        checkpoint = found.get("checkpoint") if isinstance(found, dict) else None
        if not isinstance(checkpoint, dict) or "latest" not in checkpoint:
            raise StateError(f"{file}: must hold a state (`checkpoint.latest`), got none")
        return cls.from_deployment(checkpoint["latest"], str(file))

    @classmethod
    def from_deployment(cls, deployment: Any, place: str = "the state") -> "State":
        """Return the state in a deployment, as `pulumi stack export` shows it.

        Raises StateError for JSON that is no state. `place` is what messages call it.
        """
        try:
            found = checked_deployment(deployment, place)
        except DocumentError as error:
            raise StateError(str(error)) from error
        return cls(tuple(found["resources"]), len(found["pending_operations"]))

    def managed(self) -> list[Mapping[str, Any]]:
        """Return the resources that a provider keeps: neither components nor providers."""
        return [
            resource
            for resource in self.resources
            if resource.get("custom") and not resource["type"].startswith("pulumi:")
        ]

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, with `[secret]` in place of secrets."""
        for resource in self.resources:
            if resource["type"] == STACK_TYPE:
                return {key: shown(value) for key, value in (resource.get("outputs") or {}).items()}
        return {}

    def recorded(self) -> list[Recorded]:
        """Return the resources that the endpoint does not hold."""
        return [
            Recorded(resource["type"], name_of(resource["urn"]), str(why))
            for resource in self.managed()
            if (why := (resource.get("outputs") or {}).get(RECORDED_ONLY))
        ]


def locks(backend: Path) -> list[Path]:
    """Return the lock files of the backend: each names an operation that has not ended."""
    return sorted((backend / ".pulumi" / "locks").rglob("*.json"))


def digest(backend: Path) -> str:
    """Return a digest of all that the backend holds, apart from its locks."""
    sha = hashlib.sha256()
    for top, directories, names in os.walk(backend):
        directories[:] = sorted(name for name in directories if name != "locks")
        for name in sorted(names):
            file = Path(top, name)
            sha.update(os.fsencode(file.relative_to(backend)) + b"\0")
            try:
                sha.update(hashlib.sha256(files.read_bytes(file)).digest())
            except OSError as error:
                sha.update(str(error.errno).encode())
    return sha.hexdigest()


def trim_history(backend: Path) -> None:
    """Keep the last entries of what the backend keeps of each operation, a copy of the state each.

    It reads none of them, and never removes one by itself.
    """
    for top, _, names in os.walk(backend / ".pulumi" / "history"):
        entries = sorted({found[1] for name in names if (found := HISTORY.fullmatch(name))})
        for name in names:
            found = HISTORY.fullmatch(name)
            if found and found[1] in entries[:-HISTORY_KEPT]:
                files.remove(Path(top, name))


def shown(value: Any) -> Any:
    """Return a value for people: secrets replaced, at any depth."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return SECRET_SHOWN
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


def name_of(urn: str) -> str:
    """Return the logical name in a URN (`urn:pulumi:stack::project::types::name`)."""
    return urn.split("::", 3)[-1]


def recorded_line(recorded: Iterable[Recorded]) -> str:
    """Return the one line that names what the endpoint does not hold, and why."""
    by_reason: dict[str, list[str]] = {}
    for item in recorded:
        by_reason.setdefault(item.reason, []).append(f"{item.type.rpartition(':')[2]} {item.name}")
    groups = (f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())
    return f"Recorded only, since the embedded AWS does not take it: {'; '.join(groups)}."
