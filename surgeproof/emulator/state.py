"""What Pulumi's file backend keeps about an embedded stack, read without the engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from surgeproof.settings.json_file import read_json

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key that tells a value of a special kind from a map (sdk/go/common/resource/sig/sig.go)."""

SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the published mark, no password
RECORDED_ONLY = "__recordedOnly"
"""Output that says why the endpoint holds nothing for this resource."""

RECORDED_ID = "recorded-only/"
"""First part of the id of a resource that the endpoint does not hold at all."""

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
        if not file.exists():
            return None
        try:
            latest = read_json(file)["checkpoint"]["latest"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(f"{file}: cannot be read") from error
        return cls.from_deployment(latest or {})

    @classmethod
    def from_deployment(cls, deployment: Mapping[str, Any]) -> "State":
        """Return the state in a deployment, as `pulumi stack export` shows it."""
        return cls(
            tuple(deployment.get("resources") or ()),
            len(deployment.get("pending_operations") or ()),
        )

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


def type_of(urn: str) -> str:
    """Return the resource type in a URN, without the types of its parents."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def recorded_line(recorded: Iterable[Recorded]) -> str:
    """Return the one line that names what the endpoint does not hold, and why."""
    by_reason: dict[str, list[str]] = {}
    for item in recorded:
        by_reason.setdefault(item.reason, []).append(f"{item.type.rpartition(':')[2]} {item.name}")
    groups = (f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())
    return f"Recorded only, since the embedded AWS does not take it: {'; '.join(groups)}."
