"""The real engine, a provider that gives back what it is given, and the pack between them.

The provider knows no AWS: a rule's way through the engine does not depend on what a provider makes,
only on what the engine hands to the pack. In a preview, each created resource has the outputs that
`COMPUTED` names, unknown; afterwards they are made of its name.
"""

import os
import stat
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2, struct_pb2
from pulumi import automation
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from surgeproof.emulator.engine import find_engine
from surgeproof.findings.model import JUDGED, SURGES
from surgeproof.policies import survival

PACK = Path(__file__).parents[2] / "policies"
COMPUTED = ("arn", "dnsName", "latestVersion")


class EchoProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Makes nothing: outputs are the inputs and, beside them, the computed ones."""

    def Attach(self, request, context):  # noqa: N802 the protocol's names
        return empty_pb2.Empty()

    Cancel = Attach

    def Handshake(self, request, context):  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request, context):  # noqa: N802
        return plugin_pb2.PluginInfo(version="7.51.1")

    def CheckConfig(self, request, context):  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    Check = CheckConfig

    def DiffConfig(self, request, context):  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Diff(self, request, context):  # noqa: N802
        same = request.old_inputs == request.news
        kinds = provider_pb2.DiffResponse
        return kinds(changes=kinds.DIFF_NONE if same else kinds.DIFF_SOME)

    def Configure(self, request, context):  # noqa: N802
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False
        )

    def Create(self, request, context):  # noqa: N802
        name = request.urn.rpartition("::")[2]
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.properties)
        for key in COMPUTED:
            made = "1" if key == "latestVersion" else f"{key}-of-{name}"
            outputs[key] = UNKNOWN if request.preview else made
        return provider_pb2.CreateResponse(
            id="" if request.preview else f"id-of-{name}", properties=outputs
        )

    def Update(self, request, context):  # noqa: N802
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.olds)
        outputs.update(dict(request.news))
        return provider_pb2.UpdateResponse(properties=outputs)

    def Delete(self, request, context):  # noqa: N802
        return empty_pb2.Empty()


class Thing(pulumi.CustomResource):
    """A resource of any type."""

    def __init__(self, token: str, logical_name: str, /, **properties: Any) -> None:
        super().__init__(token, logical_name, dict.fromkeys(COMPUTED) | properties)

    def output(self, key: str) -> Any:
        """Return one of the COMPUTED outputs."""
        return pulumi.get(self, key)


@dataclass
class Outcome:
    """What an operation said: whether it succeeded, and each policy's message."""

    succeeded: bool = True
    output: str = ""
    violations: list[dict[str, str]] = field(default_factory=list)
    surges: list[str] = field(default_factory=list)
    """What is said of the surges, in each operation, whatever is found."""

    def of(self, policy: str) -> list[dict[str, str]]:
        return [at for at in self.violations if at["policy"] == policy]


@dataclass
class EngineStack:
    """A stack in a directory of its own, with the pack."""

    stack: automation.Stack
    pack_config: str | None = None

    def preview(self) -> Outcome:
        return self._run(self.stack.preview)

    def up(self) -> Outcome:
        return self._run(self.stack.up)

    def settings(self, key: str, value: str) -> None:
        """Set a key of the stack's settings."""
        self.stack.set_config(key, automation.ConfigValue(value), path=True)

    def without_replays(self) -> None:
        """Switch the rules off that replay the stack's surges: the toy stacks carry no service."""
        for rule in survival.RULES:
            self.settings(f"policies:rules.{rule.name}", "disabled")

    def outputs(self, name: str) -> dict[str, Any]:
        """Return what the state holds of a resource."""
        held = self.stack.export_stack().deployment["resources"]
        return next(at["outputs"] for at in held if at["urn"].endswith(f"::{name}"))

    def resources(self) -> list[str]:
        """Return the names of what the state holds."""
        held = self.stack.export_stack().deployment.get("resources", [])
        return [at["urn"].rpartition("::")[2] for at in held]

    def _run(self, operation: Callable[..., Any]) -> Outcome:
        outcome = Outcome()

        def on_event(event: automation.EngineEvent) -> None:
            found = event.policy_event
            if found and found.policy_name == SURGES:
                outcome.surges.append(found.message.strip().splitlines()[-1])
            elif found and found.policy_name != JUDGED:
                outcome.violations.append(
                    {
                        "policy": found.policy_name,
                        "level": found.enforcement_level,
                        "name": found.resource_urn.rpartition("::")[2],
                        "message": found.message,
                        "urn": found.resource_urn,
                    }
                )

        lines: list[str] = []
        try:
            operation(
                on_event=on_event,
                on_output=lines.append,
                policy_packs=[str(PACK)],
                policy_pack_configs=[self.pack_config] if self.pack_config else None,
            )
        except automation.CommandError:
            outcome.succeeded = False
        outcome.output = "\n".join(lines)
        return outcome


@contextmanager
def engine_stack(
    directory: Path,
    program: Callable[[], None],
    config: dict[str, str] | None = None,
    settings: str = "",
) -> Iterator[EngineStack]:
    """Serve the provider and open the stack `test` of the project `shop`.

    `settings` are lines of its Pulumi.test.yaml below `config:`.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(EchoProvider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    (directory / "state").mkdir()
    (directory / "bin").mkdir()
    shim = directory / "bin" / "pulumi-analyzer-policy-python"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$1" "$2"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    (directory / "bin" / "pulumi").symlink_to(find_engine())
    try:
        stack = automation.create_stack(
            "test",
            project_name="shop",
            program=program,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(_project(directory)),
                pulumi_home=str(directory / "home"),
                pulumi_command=automation.PulumiCommand(str(directory)),
                env_vars={
                    "PULUMI_BACKEND_URL": f"file://{directory / 'state'}",
                    "PULUMI_CONFIG_PASSPHRASE": uuid.uuid4().hex,
                    "PULUMI_DEBUG_PROVIDERS": f"aws:{port}",
                    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                    "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
                },
            ),
        )
        for key, value in (config or {}).items():
            stack.set_config(key, automation.ConfigValue(value), path=True)
        if settings:
            with (directory / "work" / "Pulumi.test.yaml").open("a") as file:
                head = "" if config else "config:\n"
                file.write(f"{head}{textwrap.indent(settings, '  ')}")
        yield EngineStack(stack)
    finally:
        server.stop(0)


def _project(directory: Path) -> Path:
    work = directory / "work"
    work.mkdir()
    return work
