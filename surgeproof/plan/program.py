"""Reads the plan from the program: run with mocks, without an engine and without an account.

For a replay, each resource gets a made-up id and ARN, so that it is known exactly what refers to
what; any other output of AWS is unknown. For the policies all outputs are unknown, as in the first
preview of a stack, since some rules look at the form of an ARN.
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
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from surgeproof.plan._properties import LOAD_BALANCER, TARGET_GROUP
from surgeproof.plan._view import UNKNOWN, Resource
from surgeproof.plan.configured import Configured
from surgeproof.plan.model import NotSeen, PlanError, ScalingPlan
from surgeproof.plan.resources import QUOTA_NOT_SEEN, fit, read_resources
from surgeproof.plan.settings import read_settings
from surgeproof.settings.errors import shown
from surgeproof.settings.resources import SIGNATURE
from surgeproof.settings.stack_files import read_mapping

_ACCOUNT: Final = "123456789012"


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """What a stack's program and configuration say."""

    plan: ScalingPlan
    stated: Configured


def read_program(root: Path, stack: str) -> ProgramPlan:
    """Return the plan of the program in `root` with the configuration of a stack.

    Raises PlanError for a program that fails, with what it says.
    """
    settings = read_settings(root, stack)
    stated, notes = settings.stated, [QUOTA_NOT_SEEN, *settings.not_seen]
    monitor = _Monitor(settings.region or "us-east-1")
    _run(_program(root), settings.project, stack, settings.config, monitor)
    for token in sorted(monitor.not_answered):
        reason = f"The program asks AWS ({token}), and got no answer here."
        notes.append(NotSeen(path="program", reason=reason))
    plan = read_resources(fit(monitor.recorded), name=stack, not_seen=notes)
    return ProgramPlan(stated.complete(plan), stated)


@dataclass(frozen=True, slots=True)
class Registered:
    """What a stack's program registers."""

    resources: tuple[Mapping[str, Any], ...]
    """Each as `newState` of a step of `pulumi preview --json`."""
    not_answered: tuple[str, ...]
    """Functions of providers that the program calls, and that nobody answered."""


def read_registered(root: Path, stack: str) -> Registered:
    """Return what the program in `root` registers with the configuration of a stack.

    Defaults that the provider fills in are absent. Raises PlanError for a program that fails, with
    what it says.
    """
    settings = read_settings(root, stack)
    monitor = _Previewed(settings.region or "us-east-1")
    _run(_program(root), settings.project, stack, settings.config, monitor)
    return Registered(tuple(monitor.registered), tuple(sorted(monitor.not_answered)))


def _program(root: Path) -> Path:
    """Return the file of the program; raise PlanError where it is of another language."""
    stated = read_mapping(root / "Pulumi.yaml")
    runtime = stated.get("runtime")
    language = runtime.get("name") if isinstance(runtime, Mapping) else runtime
    if language != "python":
        raise PlanError(
            f"the program: must be Python to be read without the engine, got {shown(language)}; "
            "give the file that `pulumi preview --json --show-sames` writes: --plan FILE"
        )
    main = stated.get("main")
    place = root / main if isinstance(main, str) else root
    return place if place.suffix == ".py" else place / "__main__.py"


def _run(
    file: Path, project: str, stack: str, config: Mapping[str, Any], monitor: "_Monitor"
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
        runpy.run_path(str(file), run_name="__main__")

    run: Any = mocks.test(program)  # type: ignore[no-untyped-call]
    try:
        with _importable(file.parent):
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
        inputs = {key: _plain(_json(value)) for key, value in request.object.fields.items()}
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
                waits="is known only once the stack is deployed",
            )
        )
        return response

    def _made_up(self, token: str, name: str) -> dict[str, str]:
        kind = token.rpartition(":")[2]
        # An Application Load Balancer's ARN ends in `app/<name>/<id>` (AWS/ApplicationELB).
        head = "app" if token in LOAD_BALANCER else kind.lower()
        suffix = f"{head}/{name}/0123456789abcdef"
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


class _Previewed(_Monitor):
    """Records what is registered as the engine's preview of a new stack shows it."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.registered: list[Mapping[str, Any]] = []

    def RegisterResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Record a resource with all that its program states."""
        inputs = {key: _json(value) for key, value in request.object.fields.items()}
        made_of = request.propertyDependencies
        urn = self.make_urn(request.parent, request.type, request.name)
        self.registered.append(
            {
                "urn": urn,
                "type": request.type,
                "custom": request.custom,
                "inputs": inputs,
                "outputs": {**dict.fromkeys(("id", "arn"), rpc.UNKNOWN), **inputs},
                "propertyDependencies": {
                    key: list(made_of[key].urns) if key in made_of else [] for key in inputs
                },
                "ignoreChanges": list(request.ignoreChanges),
            }
        )
        response = resource_pb2.RegisterResourceResponse(urn=urn)
        response.object.CopyFrom(request.object)
        return response

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> Any:  # noqa: N802
        """Record a resource that is looked up: its properties are AWS's to say."""
        answer: Any = super().ReadResource(request)  # type: ignore[no-untyped-call]
        self.registered.append(
            {
                "urn": answer.urn,
                "type": request.type,
                "custom": True,
                "external": True,
                "id": request.id,
                "inputs": {},
                "outputs": {},
            }
        )
        return answer


def _json(value: Any) -> Any:
    """Return a value of the wire as it is in JSON, markers of unknowns and secrets among it."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "list_value":
        return [_json(each) for each in value.list_value.values]
    if kind == "struct_value":
        return {key: _json(each) for key, each in value.struct_value.fields.items()}
    return getattr(value, kind) if kind in {"string_value", "bool_value"} else None


def _plain(value: Any) -> Any:
    """Return a value with UNKNOWN for what a preview does not know, and secrets in the open."""
    if value == rpc.UNKNOWN:
        return UNKNOWN
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        if SIGNATURE in value:
            return _plain(value["value"]) if "value" in value else UNKNOWN
        return {key: _plain(each) for key, each in value.items()}
    return value
