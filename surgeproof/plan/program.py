"""Reads the plan from the program: run with mocks, without an engine and without an account.

Each resource gets a made-up id and ARN, so that it is known exactly what refers to what; any other
output of AWS is unknown, as in a preview.
"""

import json
import logging
import runpy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from surgeproof.plan._properties import LOAD_BALANCER, TARGET_GROUP
from surgeproof.plan._view import UNKNOWN, Resource
from surgeproof.plan.configured import Configured, configured
from surgeproof.plan.model import NotSeen, PlanError, ScalingPlan
from surgeproof.plan.resources import QUOTA_NOT_SEEN, read_resources

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key of the envelope of a secret, an asset or an output (sdk/go/common/resource/sig)."""

_ACCOUNT: Final = "123456789012"
_PLACEHOLDER: Final = "https://secret.invalid/"
"""Stands for an encrypted value; it may be a receiver's address."""


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """What a stack's program and configuration say."""

    plan: ScalingPlan
    stated: Configured


def read_program(root: Path, stack: str) -> ProgramPlan:
    """Return the plan of the program in `root` with the configuration of a stack.

    Raises PlanError for a program that fails, with what it says.
    """
    settings = _load(root / f"Pulumi.{stack}.yaml")
    project = _load(root / "Pulumi.yaml").get("name")
    if not isinstance(project, str):
        raise PlanError("Pulumi.yaml: must have a name")
    config = settings.get("config") or {}
    notes = [QUOTA_NOT_SEEN]
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
    stated = configured(_groups(plain, project))
    monitor = _Monitor(str(plain.get("aws:region") or "us-east-1"))
    _run(root, project, stack, plain, monitor)
    for token in sorted(monitor.not_answered):
        reason = f"The program asks AWS ({token}), and got no answer here."
        notes.append(NotSeen(path="program", reason=reason))
    plan = read_resources(monitor.recorded, name=stack, not_seen=notes)
    return ProgramPlan(stated.complete(plan), stated)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{path.name}: must be in {path.parent}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PlanError(f"{path.name}: must be YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict | None):
        raise PlanError(f"{path.name}: must be a mapping")
    return content or {}


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


def _groups(config: Mapping[str, Any], project: str) -> dict[str, Any]:
    """Return the project's own configuration by the names of its groups."""
    return {
        key.removeprefix(f"{project}:"): value
        for key, value in config.items()
        if key.startswith(f"{project}:")
    }


def _run(
    root: Path, project: str, stack: str, config: Mapping[str, Any], monitor: "_Monitor"
) -> None:
    quiet = logging.getLogger(f"{__name__}.program")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    pulumi.runtime.settings.reset_options()
    mocks.set_mocks(
        _Nothing(), project=project, stack=stack, preview=True, logger=quiet, monitor=monitor
    )
    pulumi.runtime.set_all_config(
        {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in config.items()
        }
    )

    def program() -> None:
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    run: Any = mocks.test(program)  # type: ignore[no-untyped-call]
    try:
        with _importable(root):
            run()
    except pulumi.RunError as error:
        raise PlanError(f"the program: {error}") from None
    except (Exception, SystemExit) as error:  # the program is anybody's
        raise PlanError(f"the program: {type(error).__name__}: {error}") from error


@contextmanager
def _importable(root: Path) -> Iterator[None]:
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))


class _Nothing(mocks.Mocks):
    """Answers nothing: the monitor does."""

    def new_resource(
        self,
        args: mocks.MockResourceArgs,  # noqa: ARG002 - the SDK's signature
    ) -> tuple[str | None, dict[str, Any]]:
        return None, {}

    def call(
        self,
        args: mocks.MockCallArgs,  # noqa: ARG002 - the SDK's signature
    ) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        return {}, None


class _Monitor(mocks.MockMonitor):
    """Records what is registered, with dependencies, and makes up ids and ARNs."""

    def __init__(self, region: str) -> None:
        super().__init__(_Nothing())
        self.recorded: list[Resource] = []
        self.not_answered: set[str] = set()
        self._region = region
        self._answers: Mapping[str, Mapping[str, Any]] = {
            "aws:index/getAvailabilityZones:getAvailabilityZones": {
                "names": [f"{region}{letter}" for letter in "abc"],
                "zoneIds": [f"{region}-az{number}" for number in (1, 2, 3)],
            },
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": _ACCOUNT},
            # A minimum that was raised in an incident is not part of the configuration.
            "aws:ssm/getParametersByPath:getParametersByPath": {"names": [], "values": []},
            "aws:index/getRegion:getRegion": {"region": region, "name": region, "id": region},
            "aws:index/getPartition:getPartition": {
                "partition": "aws",
                "dnsSuffix": "amazonaws.com",
            },
            "aws:ssm/getParameter:getParameter": {
                "insecureValue": "ami-00000000000000000",
                "value": "ami-00000000000000000",
            },
        }

    def RegisterResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Record a resource."""
        urn = self.make_urn(request.parent, request.type, request.name)
        response = resource_pb2.RegisterResourceResponse(urn=urn)
        response.object.CopyFrom(request.object)
        if not request.custom:
            return response
        inputs = {key: _plain(value) for key, value in request.object.fields.items()}
        made_up = self._made_up(request.type, request.name)
        response.id = made_up["id"]
        for key, value in made_up.items():
            if key != "id" and key not in inputs:
                response.object.fields[key].string_value = value
        made_of = {
            key: tuple(request.propertyDependencies[key].urns)
            if key in request.propertyDependencies
            else ()
            for key in inputs
        }
        self.recorded.append(
            Resource(
                type=request.type,
                key=urn,
                name=request.name,
                properties={**made_up, **inputs},
                made_of=made_of,
            )
        )
        return response

    def _made_up(self, token: str, name: str) -> dict[str, str]:
        kind = token.rpartition(":")[2]
        suffix = f"{kind.lower()}/{name}/0123456789abcdef"
        made_up = {
            "id": f"{kind}-{name}",
            "arn": f"arn:aws:{kind.lower()}:{self._region}:{_ACCOUNT}:{suffix}",
        }
        return made_up | ({"arnSuffix": suffix} if token in LOAD_BALANCER | TARGET_GROUP else {})

    def Invoke(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> Any:
        """Answer what the program asks AWS."""
        answer = self._answers.get(request.tok)
        if answer is None:
            self.not_answered.add(request.tok)
        response: Any = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").update(dict(answer or {}))
        return response


def _plain(value: Any) -> Any:
    """Return a value of the wire, with UNKNOWN for what a preview does not know."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain(each) for each in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE in fields:
            return _plain(fields["value"]) if "value" in fields else UNKNOWN
        return {key: _plain(each) for key, each in fields.items()}
    return None
