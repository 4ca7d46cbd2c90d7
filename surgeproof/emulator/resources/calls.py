"""Calls to the endpoint: checked against AWS's models, sent, and refused in the words of people."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions
from botocore import xform_name

from surgeproof.emulator import endpoint, invokes
from surgeproof.emulator.clients import Clients
from surgeproof.emulator.reading import take
from surgeproof.emulator.requests import Builder, MemberPath, Violation, shape_at, violations
from surgeproof.emulator.resources.steps import builder_of, resolve
from surgeproof.emulator.resources.values import shown, top_of
from surgeproof.emulator.rows.row import Call, Context, Row, State, Step


class EndpointError(Exception):
    """The endpoint refused a call, or cannot be reached; the message is for people."""

    def __init__(self, message: str, code: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        """AWS's error code, if it was AWS that refused."""
        self.detail = detail
        """AWS's own words."""


class LackingError(Exception):
    """The endpoint does not implement an operation."""


@dataclass
class Request:
    """A call ready to be sent."""

    service: str
    operation: str
    params: dict[str, Any]
    origins: Mapping[MemberPath, str] = field(default_factory=dict)


class Calls:
    """Sends what rows ask for to one endpoint.

    Args:
        clients: Clients of the endpoint.
        new_values: Values that are taken although botocore's enumerations lack them.

    """

    def __init__(self, clients: Clients, new_values: frozenset[str]) -> None:
        self._clients = clients
        self.new_values = new_values
        self.on_request: Callable[[str, str, Mapping[str, Any]], None] | None = None
        """Told of each request: type token, operation, members. For tests."""
        self.refusals: dict[str, dict[str, str]] | None = None
        """Where not None, an attribute that the endpoint refuses is put here and left out. For
        measuring the endpoint."""

    @property
    def region(self) -> str:
        """The region of the endpoint."""
        return self._clients.region

    def context(
        self, row: Row, inputs: State, outputs: State | None = None, ident: str = ""
    ) -> Context:
        """Return what a row's functions work with."""

        def call(operation: str, params: dict[str, Any], service: str = "") -> Any:
            return self.send(row, Request(service or row.service, operation, params))

        region = self._clients.region
        state = {"region": region, **(outputs or {}), **inputs}
        if ident:
            state["id"] = ident
        return Context(
            call=call,
            inputs={key: value for key, value in inputs.items() if not key.startswith("__")},
            state=state,
            region=region,
            partition=invokes.partition(region),
            error=lambda message: EndpointError(f"{row.token}: {message}"),
        )

    def builder(
        self,
        row: Row,
        step: Step,
        context: Context,
        *,
        update: bool = False,
        checking: bool = False,
    ) -> Builder:
        """Build a step's request, without the attributes that the endpoint is known to refuse."""
        refused = (
            () if checking or self.refusals is not None else endpoint.REFUSED.get(row.token, ())
        )
        shape = self.shape(row.service, _operation(step, update=update))
        return builder_of(
            shape, row, step, context, update=update, checking=checking, refused=refused
        )

    def request(self, row: Row, step: Step, context: Context, *, update: bool = False) -> Request:
        """Return a step's request."""
        builder = self.builder(row, step, context, update=update)
        operation = _operation(step, update=update)
        return Request(row.service, operation, builder.params, builder.origins)

    def call(self, row: Row, call: Call, state: State) -> Any:
        """Do a call of the row; return what its result path leads to."""
        service = call.service or row.service
        builder = Builder(self.shape(service, call.operation))
        for member, source in call.request.items():
            value = resolve(source, state)
            if value is not None:
                builder.set(member, value)
        answer = self.send(row, Request(service, call.operation, builder.params))
        return take(answer, call.result, state) if call.result else answer

    def send(self, row: Row, request: Request) -> Any:
        """Send a request for a resource of the row's type."""
        return self.send_to(row.token, request)

    def send_to(self, token: str, request: Request) -> Any:
        """Check a request against the model and send it."""
        shape = self.shape(request.service, request.operation)
        if shape is not None:
            broken = next(iter(violations(shape, request.params, self.new_values)), None)
            if broken:
                _, reason = complaint(request.origins, request.operation, broken)
                raise EndpointError(f"{token}: {reason}")
        if self.on_request:
            self.on_request(token, request.operation, request.params)
        if request.service in endpoint.UNSERVED:
            # Not sent: in this process it would go to the real AWS.
            raise LackingError(
                f"{request.operation}: The {request.service} service has not been implemented"
            )
        client = self._clients.client(request.service)
        try:
            return getattr(client, xform_name(request.operation))(**request.params)
        except botocore.exceptions.ClientError as error:
            raise _refusal(token, request, error) from None
        except NotImplementedError as error:
            # moto in this process raises what its server answers as a typed 501.
            raise LackingError(f"{request.operation}: {error}") from None
        except botocore.exceptions.HTTPClientError:
            raise EndpointError(
                f"{token}: {request.operation}: the embedded AWS does not answer"
            ) from None
        except botocore.exceptions.BotoCoreError as error:
            raise EndpointError(f"{token}: {request.operation}: {error}") from None

    def shape(self, service: str, operation: str) -> Any:
        """Return the shape of an operation's input."""
        return self._clients.model(service).operation_model(operation).input_shape

    def result_shape(self, row: Row, call: Call) -> Any:
        """Return the shape of what a call's result path leads to."""
        model = self._clients.model(call.service or row.service)
        return shape_at(model.operation_model(call.operation).output_shape, call.result)


def _operation(step: Step, *, update: bool) -> str:
    return step.update if update and step.update else step.operation


def complaint(
    origins: Mapping[MemberPath, str], operation: str, broken: Violation
) -> tuple[str, str]:
    """Return the property that a violation comes from, and a sentence."""
    members = ".".join(str(step) for step in broken.member if isinstance(step, str))
    for length in range(len(broken.member), 0, -1):
        path = origins.get(broken.member[:length])
        if path:
            got = "" if broken.value is None else f", got {shown(broken.value)}"
            return path, f"{path} must {broken.rule}{got} ({operation} {members})"
    got = "" if broken.value is None else f", got {shown(broken.value)}"
    return top_of(members), f"{operation} {members} must {broken.rule}{got}"


def _refusal(token: str, request: Request, error: botocore.exceptions.ClientError) -> Exception:
    """Turn AWS's refusal into one line."""
    detail = error.response.get("Error", {})
    code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
    if code == endpoint.NOT_IMPLEMENTED:
        return LackingError(f"{request.operation}: {message}")
    named = next(
        (
            path
            for member, path in request.origins.items()
            if re.search(rf"\b{re.escape(str(member[-1]))}\b", message, re.IGNORECASE)
        ),
        None,
    )
    about = f" (property {named})" if named else ""
    return EndpointError(
        f"{token}: {request.operation} refused{about}: {message} ({code})", code, message
    )


def says_gone(row: Row, error: EndpointError) -> bool:
    """Tell whether a refusal means that there is no such thing."""
    return error.code in row.gone
