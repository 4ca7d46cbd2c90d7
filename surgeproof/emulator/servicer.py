"""The provider `aws` of the embedded AWS, as the Pulumi engine speaks to it.

Written on the protocol itself (`pulumi.runtime.proto`): messages in, plain Python values to
`Resources`, messages out. Each request is served in a thread of the gRPC server, so a call to the
endpoint may block.

Secrets are accepted as such (`accept_secrets`). Were they not, the engine would mark an output
secret only when an input of the same name was, and a secret that reaches the outputs under another
name (a tag in `tagsAll`, an attribute in a document) would lie in the state in plain text. So
values arrive marked, are unwrapped for `Resources`, and every output that is at a secret's place or
holds a secret's text is marked again.
"""

import importlib.metadata
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import grpc  # type: ignore[import-untyped]  # publishes no types
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from surgeproof import peers
from surgeproof.emulator.resources.calls import EndpointError
from surgeproof.emulator.resources.checks import Difference
from surgeproof.emulator.resources.life import Resources
from surgeproof.emulator.state import SECRET_SHOWN
from surgeproof.settings.errors import shown
from surgeproof.settings.resources import SECRET, SIGNATURE

SHORTEST_SECRET_PART: Final = 6
"""Fewest characters of a secret that make another output, which holds them, secret."""

LARGEST_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""The engine's own limit for its plugins (sdk/go/common/util/rpcutil/serve.go)."""

_log = logging.getLogger(__name__)


@contextmanager
def serve(resources: Resources, region: str) -> Iterator[int]:
    """Serve the provider to this user, on a free loopback port; yield the port."""
    server = peers.server(
        ThreadPoolExecutor(max_workers=32, thread_name_prefix="provider"),
        options=[
            ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
            ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(resources, region), server)
    port = server.add_insecure_port(f"{peers.HOST}:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None)


@dataclass
class Secrets:
    """Where secrets were in what came in, to mark them in what goes out."""

    paths: set[tuple[str | int, ...]] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def unwrap(self, struct: struct_pb2.Struct) -> dict[str, Any]:
        """Return plain Python values, and remember which were secret."""
        return {key: self._plain(value, (key,)) for key, value in struct.fields.items()}

    def mark(self, values: Mapping[str, Any]) -> struct_pb2.Struct:
        """Return the message for `values`, with everything secret marked."""
        marked = struct_pb2.Struct()
        for key, value in values.items():
            marked.fields[key].CopyFrom(self._message(value, (key,)))
        return marked

    def touches(self, path: str) -> bool:
        """Tell whether the property that `path` begins with is secret or holds a secret."""
        return any(place[0] == _top(path) for place in self.paths)

    def hide(self, text: str) -> str:
        """Return a message for people without the secrets that it quotes."""
        for secret in sorted(self.texts, key=len, reverse=True):
            text = text.replace(secret, SECRET_SHOWN)
        return text

    def _plain(self, value: struct_pb2.Value, path: tuple[str | int, ...]) -> Any:
        match value.WhichOneof("kind"):
            case "struct_value":
                fields = value.struct_value.fields
                if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET:
                    plain = self._plain(fields["value"], path)
                    self.paths.add(path)
                    self.texts.update(_texts(plain))
                    return plain
                return {key: self._plain(item, (*path, key)) for key, item in fields.items()}
            case "list_value":
                items = value.list_value.values
                return [self._plain(item, (*path, index)) for index, item in enumerate(items)]
            case "number_value":
                number = value.number_value
                return int(number) if number.is_integer() else number
            case "bool_value":
                return value.bool_value
            case "string_value":
                return value.string_value
            case _:
                return None

    def _message(self, value: Any, path: tuple[str | int, ...]) -> struct_pb2.Value:
        if path in self.paths or (isinstance(value, str) and self._is_secret(value)):
            fields = {
                SIGNATURE: struct_pb2.Value(string_value=SECRET),
                "value": self._unmarked(value, path),
            }
            return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
        return self._unmarked(value, path)

    def _unmarked(self, value: Any, path: tuple[str | int, ...]) -> struct_pb2.Value:
        match value:
            case None:
                return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
            case bool():
                return struct_pb2.Value(bool_value=value)
            case int() | float():
                return struct_pb2.Value(number_value=value)
            case str():
                return struct_pb2.Value(string_value=value)
            case Mapping():
                fields = {str(k): self._message(v, (*path, str(k))) for k, v in value.items()}
                return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
            case list() | tuple():
                items = [self._message(v, (*path, index)) for index, v in enumerate(value)]
                return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
            case _:
                raise TypeError(f"{'.'.join(map(str, path))}: {type(value).__name__} has no form")

    def _is_secret(self, value: str) -> bool:
        return value in self.texts or any(
            text in value for text in self.texts if len(text) >= SHORTEST_SECRET_PART
        )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value not in ("", UNKNOWN):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider for one region of one endpoint."""

    def __init__(self, resources: Resources, region: str) -> None:
        """Serve `resources`, which speak to an endpoint in `region`."""
        self._resources = resources
        self._region = region

    # The provider itself.

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi-aws"))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        region = request.news.fields["region"].string_value
        failures = []
        if region not in (self._region, UNKNOWN):
            reason = f"must be {self._region}, where the embedded AWS runs, got {shown(region)}"
            failures.append(provider_pb2.CheckFailure(property="region", reason=reason))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        # Other settings (default tags, retries) change no resource that exists.
        old, new = (struct.fields["region"] for struct in (request.old_inputs, request.news))
        if old == new:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME, diffs=["region"], replaces=["region"]
        )

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        # Arrives at the end of every operation; the next one uses this provider again.
        return empty_pb2.Empty()

    # Resources.

    def Check(self, request: Any, context: Any) -> Any:  # noqa: D102, N802
        secrets = Secrets()
        olds = secrets.unwrap(request.olds) if request.HasField("olds") else None
        news = secrets.unwrap(request.news)
        token, name = request.type, request.name
        inputs, failures = self._answer(
            context,
            secrets,
            token,
            lambda: self._resources.check(token, name, olds or None, news, request.randomSeed),
        )
        return provider_pb2.CheckResponse(
            inputs=secrets.mark(inputs),
            failures=[
                provider_pb2.CheckFailure(
                    # The engine quotes the value of the property that it is given, secret or not.
                    property="" if secrets.touches(failure.property) else failure.property,
                    reason=secrets.hide(failure.reason),
                )
                for failure in failures
            ],
        )

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: D102, N802
        secrets = Secrets()
        old_inputs, old_outputs, new_inputs = map(
            secrets.unwrap, (request.old_inputs, request.olds, request.news)
        )
        difference = self._answer(
            context,
            secrets,
            request.type,
            lambda: self._resources.diff(
                request.type, request.id, old_inputs, old_outputs, new_inputs
            ),
        )
        return _diff_response(difference, old_inputs, new_inputs)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: D102, N802
        secrets = Secrets()
        inputs = secrets.unwrap(request.properties)
        made, outputs = self._answer(
            context,
            secrets,
            request.type,
            lambda: self._resources.create(request.type, inputs, preview=request.preview),
        )
        return provider_pb2.CreateResponse(id=made, properties=secrets.mark(outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: D102, N802
        secrets = Secrets()
        inputs, outputs = map(secrets.unwrap, (request.inputs, request.properties))
        found = self._answer(
            context,
            secrets,
            request.type,
            lambda: self._resources.read(request.type, request.id, inputs, outputs),
        )
        if found is None:
            return provider_pb2.ReadResponse()
        now, inputs, outputs = found
        return provider_pb2.ReadResponse(
            id=now, inputs=secrets.mark(inputs), properties=secrets.mark(outputs)
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: D102, N802
        secrets = Secrets()
        old_inputs, old_outputs, new_inputs = map(
            secrets.unwrap, (request.old_inputs, request.olds, request.news)
        )
        outputs = self._answer(
            context,
            secrets,
            request.type,
            lambda: self._resources.update(
                request.type,
                request.id,
                old_inputs,
                old_outputs,
                new_inputs,
                preview=request.preview,
            ),
        )
        return provider_pb2.UpdateResponse(properties=secrets.mark(outputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: D102, N802
        secrets = Secrets()
        inputs, outputs = map(secrets.unwrap, (request.old_inputs, request.properties))
        self._answer(
            context,
            secrets,
            request.type,
            lambda: self._resources.delete(request.type, request.id, inputs, outputs),
        )
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: D102, N802
        secrets = Secrets()
        arguments = secrets.unwrap(request.args)
        answer = self._answer(
            context, secrets, request.tok, lambda: self._resources.invoke(request.tok, arguments)
        )
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(secrets.mark(answer))
        return response

    # What this provider does not offer; the generated base class would raise, and log that.

    def Parameterize(self, request: Any, context: Any) -> NoReturn:  # noqa: ARG002, D102, N802
        _unimplemented(context)

    def GetSchema(self, request: Any, context: Any) -> NoReturn:  # noqa: ARG002, D102, N802
        _unimplemented(context)

    def Call(self, request: Any, context: Any) -> NoReturn:  # noqa: ARG002, D102, N802
        _unimplemented(context)

    def Construct(self, request: Any, context: Any) -> NoReturn:  # noqa: ARG002, D102, N802
        _unimplemented(context)

    def List(self, request: Any, context: Any) -> NoReturn:  # noqa: ARG002, D102, N802
        _unimplemented(context)

    def GetMapping(self, request: Any, context: Any) -> NoReturn:  # noqa: ARG002, D102, N802
        _unimplemented(context)

    def GetMappings(self, request: Any, context: Any) -> NoReturn:  # noqa: ARG002, D102, N802
        _unimplemented(context)

    @staticmethod
    def _answer(context: Any, secrets: Secrets, token: str, work: Callable[[], Any]) -> Any:
        """Do `work`; a failure ends the request with one clean line for the user.

        `context.abort` raises, so it must be called outside the try.
        """
        try:
            return work()
        except EndpointError as error:
            code, message = grpc.StatusCode.UNKNOWN, str(error)
        except Exception as error:  # noqa: BLE001
            # Whatever it is, the engine gets an answer; the trace goes into the run's log.
            _log.error("%s: %s", token, secrets.hide(traceback.format_exc()))
            code, message = grpc.StatusCode.INTERNAL, f"{token}: {type(error).__name__}: {error}"
        return context.abort(code, secrets.hide(message))


def _diff_response(
    difference: Difference, old_inputs: Mapping[str, Any], new_inputs: Mapping[str, Any]
) -> Any:
    """Tell which properties change, and how, for the engine and its display."""
    if not difference.changed and not difference.replaces:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME,
        deleteBeforeReplace=difference.delete_before_replace,
        hasDetailedDiff=True,
    )
    kinds = provider_pb2.PropertyDiff
    for path in dict.fromkeys((*difference.changed, *difference.replaces)):
        top = _top(path)
        replaces = path in difference.replaces
        if top not in old_inputs:
            kind = kinds.ADD_REPLACE if replaces else kinds.ADD
        elif top not in new_inputs:
            kind = kinds.DELETE_REPLACE if replaces else kinds.DELETE
        else:
            kind = kinds.UPDATE_REPLACE if replaces else kinds.UPDATE
        response.detailedDiff[path].CopyFrom(kinds(kind=kind, inputDiff=True))
        if top not in response.diffs:
            response.diffs.append(top)
        if replaces and top not in response.replaces:
            response.replaces.append(top)
    return response


def _top(path: str) -> str:
    """Return the property at the root of a path such as `steps[2].lowerBound`."""
    return path.partition(".")[0].partition("[")[0]


def _unimplemented(context: Any) -> NoReturn:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, "not offered by the embedded AWS")
    raise AssertionError  # abort has raised
