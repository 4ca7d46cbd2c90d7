"""`surgeproof runbook`: the stack's Automation documents, listed, shown and run."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.operations.automation import (
    Automation,
    AutomationError,
    UnknownError,
    check_parameters,
)
from surgeproof.settings import errors
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json

DOCUMENT: Final = "aws:ssm/document:Document"

POLL_SECONDS: Final = 5.0
"""Time between two looks at an execution."""

_UNDER_WAY: Final = frozenset(
    {"Pending", "InProgress", "Waiting", "Cancelling", "Scheduled", "RunbookInProgress"}
)

Client = Callable[[str], Any]
"""Gives the client of a service."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """An Automation document of a stack."""

    title: str
    """Name without project, stack and component: `surge-response`."""
    name: str
    """Name in AWS."""
    document: Mapping[str, Any]

    @property
    def description(self) -> str:
        """What it does, in full sentences."""
        return str(self.document["description"])

    def shown(self) -> str:
        """Return what it does, its parameters and its steps, as text."""
        lines = [self.name, "", self.description, "", "Parameters"]
        for name, rule in self.document["parameters"].items():
            default = f" Default: {rule['default']}." if "default" in rule else " Required."
            lines.append(f"  {name}: {rule['description']}{default}")
        if not self.document["parameters"]:
            lines.append("  none")
        lines += ["", "Steps"]
        for step in self.document["mainSteps"]:
            what = step["inputs"].get("Api") or step["action"].removeprefix("aws:")
            lines.append(f"  {step['name']}: {what}")
        return "\n".join(lines)


def stated_documents(resources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the contents of the documents in a stack's state, by their names in AWS."""
    return {
        each["id"]: each["inputs"].get("content")
        for each in resources
        if each["type"] == DOCUMENT and each.get("id") and each.get("inputs")
    }


def runbooks(
    client: Client, project: str, stack: str, stated: Mapping[str, Any] | None = None
) -> list[Runbook]:
    """Return the runbooks of a stack that AWS holds, in the order of their names.

    Args:
        client: Gives the client of a service.
        project: The project's name.
        stack: The stack's.
        stated: Documents as the stack's state has them. Where they are given, AWS has to hold them
            just so, and what is returned is the state's. Default: AWS is believed.

    Raises:
        AutomationError: AWS does not answer, there are none, or one is not the state's.

    """
    prefix = f"{project}-{stack}-"
    filters = [
        {"Key": "Owner", "Values": ["Self"]},
        {"Key": "DocumentType", "Values": ["Automation"]},
    ]
    found = []
    try:
        ssm = client("ssm")
        for page in ssm.get_paginator("list_documents").paginate(Filters=filters):
            for each in page["DocumentIdentifiers"]:
                name = each["Name"]
                if not name.startswith(prefix):
                    continue
                content = ssm.get_document(Name=name, DocumentFormat="JSON")["Content"]
                title = name.removeprefix(prefix).partition("-")[2]
                held = parse_json(content, name)
                found.append(Runbook(title, name, _as_stated(name, held, stated)))
    except (ClientError, BotoCoreError) as error:
        raise AutomationError(f"AWS: {error}") from error
    except DocumentError as error:
        raise AutomationError(str(error)) from error
    if not found:
        raise AutomationError(f"stack {stack}: must have runbooks, found none named {prefix}*")
    return sorted(found, key=lambda each: each.title)


def _as_stated(name: str, held: Any, stated: Mapping[str, Any] | None) -> Any:
    """Return a document as the state has it, which is what AWS has to hold."""
    if stated is None:
        return held
    content = stated.get(name)
    wanted = parse_json(content, name) if isinstance(content, str) else None
    # As text: in Python 1 is True, in a document it is not.
    if wanted is None or _canonical(wanted) != _canonical(held):
        raise AutomationError(
            f"runbook {name}: must be what the stack's state has, got another one from the "
            "embedded AWS; nothing was run (`surgeproof down` and `up` make both anew)"
        )
    return wanted


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


def find(
    client: Client,
    project: str,
    stack: str,
    title: str,
    stated: Mapping[str, Any] | None = None,
) -> Runbook:
    """Return the runbook of that title; raise UnknownError that names those there are."""
    there = runbooks(client, project, stack, stated)
    for each in there:
        if each.title == title:
            return each
    known = ", ".join(each.title for each in there)
    raise UnknownError(f"runbook: must be one of {known}, got {errors.shown(title)}")


def execute(client: Client, runbook: Runbook, parameters: Mapping[str, str]) -> Iterator[str]:
    """Run a runbook by AWS's Automation; yield a line for each step, when it has ended.

    Raises:
        UnknownError: A parameter is wrong; nothing was done.
        AutomationError: A step failed, or AWS does not answer.

    """
    check_parameters(runbook.document, parameters)
    try:
        ssm = client("ssm")
        execution = ssm.start_automation_execution(
            DocumentName=runbook.name,
            Parameters={name: [value] for name, value in parameters.items()},
        )["AutomationExecutionId"]
        yield f"execution {execution}"
        told: set[str] = set()
        while True:
            answer = ssm.get_automation_execution(AutomationExecutionId=execution)
            state = answer["AutomationExecution"]
            for step in state.get("StepExecutions", ()):
                if step["StepStatus"] not in _UNDER_WAY and step["StepName"] not in told:
                    told.add(step["StepName"])
                    yield f"{step['StepName']}: {step['StepStatus']}"
            status = state["AutomationExecutionStatus"]
            if status not in _UNDER_WAY:
                break
            time.sleep(POLL_SECONDS)
    except (ClientError, BotoCoreError) as error:
        raise AutomationError(f"AWS: {error}") from error
    if status not in {"Success", "CompletedWithSuccess"}:
        raise AutomationError(f"{status}: {state.get('FailureMessage', 'no reason given')}")


def rehearse(client: Client, runbook: Runbook, parameters: Mapping[str, str]) -> Iterator[str]:
    """Carry out a runbook's steps here, where there is no Automation; yield a line for each."""

    def call(service: str, operation: str, request: dict[str, Any]) -> Any:
        # The client's own `_make_api_call` takes the operation as the document spells it.
        return client(service)._make_api_call(operation, request)  # noqa: SLF001

    for done in Automation(runbook.document, call).run(parameters):
        told = ", ".join(f"{name} {value}" for name, value in done.outputs.items())
        yield f"{done.step}: done{f' ({told})' if told else ''}"
