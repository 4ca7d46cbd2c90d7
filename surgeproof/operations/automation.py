"""Carries out an Automation document's steps, where AWS's own Automation is not to be had.

The embedded AWS has no Automation: there a runbook is rehearsed, step by step, with the same calls
that Automation makes. Known are the actions that the project's documents use
(https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html); another one
is an error.

A script of a document runs in a process of its own, for a limited time, which knows nothing of the
user's environment and finds no packages. It is no sandbox: only documents that the stack itself
brings along may come here.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jmespath

from surgeproof.settings.errors import DocumentError, shown
from surgeproof.settings.json_file import parse_json

Call = Callable[[str, str, dict[str, Any]], Any]
"""Sends a request: service, operation, members; returns the response."""

SCRIPT_SECONDS: Final = 60.0
"""How long a script may run (seconds); those of the project's documents take milliseconds."""

_REFERENCE: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


class AutomationError(Exception):
    """A document cannot be carried out, or a step of it failed; the message says which and why."""


class _ScriptError(Exception):
    """A script failed."""


class UnknownError(AutomationError):
    """Something was asked for that there is not, or that cannot be; nothing was done."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was carried out."""

    step: str
    action: str
    request: Mapping[str, Any]
    """What it was given, references resolved."""
    outputs: Mapping[str, Any]


@dataclass(slots=True)
class Automation:
    """One execution of a document."""

    document: Mapping[str, Any]
    call: Call
    values: dict[str, Any] = field(default_factory=dict)
    """Parameters by name, outputs by `<step>.<name>`."""

    def run(self, parameters: Mapping[str, str]) -> Iterator[Done]:
        """Carry out the steps, from the first to the last that applies; yield each when done."""
        self.values = check_parameters(self.document, parameters)
        steps = list(self.document["mainSteps"])
        names = [step["name"] for step in steps]
        place = 0
        while place < len(steps):
            step = steps[place]
            request = self._resolve(step["inputs"])
            try:
                outputs, following = self._carry_out(step, request)
            except AutomationError:
                raise
            except Exception as error:
                raise AutomationError(f"step {step['name']}: {error}") from error
            self.values |= {f"{step['name']}.{name}": value for name, value in outputs.items()}
            yield Done(step["name"], step["action"], request, outputs)
            if following:
                place = names.index(following)
            elif step.get("isEnd"):
                return
            else:
                place += 1

    def _carry_out(
        self, step: Mapping[str, Any], request: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str | None]:
        match step["action"]:
            case "aws:executeAwsApi":
                answer = self._api(request)
                return _selected(step, answer), None
            case "aws:executeScript":
                return _selected(step, {"Payload": _script(request)}), None
            case "aws:branch":
                return {}, _chosen(request)
            case "aws:waitForAwsResourceProperty" | "aws:assertAwsResourceProperty":
                found = _select(request["PropertySelector"], self._api(request))
                if str(found) not in request["DesiredValues"]:
                    wanted = ", ".join(request["DesiredValues"])
                    raise AutomationError(
                        f"step {step['name']}: {request['PropertySelector']} must be {wanted}, "
                        f"got {found}"
                    )
                return {}, None
        raise AutomationError(f"step {step['name']}: action {step['action']} is not known here")

    def _api(self, request: Mapping[str, Any]) -> Any:
        members = {
            key: value
            for key, value in request.items()
            if key not in {"Service", "Api", "PropertySelector", "DesiredValues"}
        }
        return self.call(request["Service"], request["Api"], members)

    def _resolve(self, value: Any) -> Any:
        """Put values in the place of references; one that stands alone keeps its type."""
        if isinstance(value, Mapping):
            return {
                key: each if key == "Script" else self._resolve(each) for key, each in value.items()
            }
        if isinstance(value, list):
            return [self._resolve(each) for each in value]
        if not isinstance(value, str):
            return value
        alone = _REFERENCE.fullmatch(value)
        if alone:
            return self._value(alone[1])
        return _REFERENCE.sub(lambda found: str(self._value(found[1])), value)

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise AutomationError(f"{{{{ {name} }}}}: must be a parameter or an earlier output")
        return self.values[name]


def check_parameters(document: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return all parameters with their defaults; raise UnknownError with all that is wrong."""
    known = document.get("parameters") or {}
    problems = []
    values = {}
    for name in parameters:
        if name not in known:
            listed = ", ".join(known) or "none"
            problems.append(f"{name}: must be one of the runbook's parameters ({listed})")
    for name, rule in known.items():
        value = parameters.get(name, rule.get("default"))
        pattern = rule.get("allowedPattern", "")
        if value is None:
            problems.append(f"{name}: must be given: {rule['description']}")
        elif pattern and not re.fullmatch(pattern, value):
            problems.append(f"{name}: must match {pattern}, got {shown(value)}")
        values[name] = value
    if problems:
        raise UnknownError("; ".join(problems))
    return values


def _script(request: Mapping[str, Any]) -> Any:
    """Run a script as Automation does: its handler with the payload, both as JSON."""
    given = json.dumps(
        {
            "script": request["Script"],
            "handler": request["Handler"],
            "payload": request["InputPayload"],
        },
        default=str,  # a time in an answer of AWS
    )
    with (
        tempfile.TemporaryDirectory(prefix="surgeproof-script-") as directory,
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env={},
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        try:
            printed, complained = process.communicate(given, SCRIPT_SECONDS)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started
            if isinstance(error, subprocess.TimeoutExpired):
                limit = f"{SCRIPT_SECONDS:g} s"
                raise _ScriptError(f"the script must end within {limit}, was ended") from None
            raise
    try:
        answer = parse_json(printed, "the script's answer")
    except DocumentError:
        last = complained.strip().rpartition("\n")[2] or "it said nothing"
        raise _ScriptError(f"the script ended without an answer: {last}") from None
    if "error" in answer:
        raise _ScriptError(answer["error"])
    return answer["value"]


_RUNNER: Final = """
import json, os, sys
told = os.fdopen(os.dup(1), "w", encoding="ascii")
os.dup2(2, 1)
given = json.load(sys.stdin)
try:
    space = {"__name__": "script"}
    exec(given["script"], space)
    answer = json.dumps({"value": space[given["handler"]](given["payload"], None)})
except Exception as error:
    answer = json.dumps({"error": str(error)})
told.write(answer)
"""
"""Reads a script, its handler and the payload; answers on stdout, to which the script's own output
does not go."""


def _chosen(request: Mapping[str, Any]) -> str | None:
    for choice in request["Choices"]:
        if choice["Variable"] == choice["BooleanEquals"]:
            return str(choice["NextStep"])
    return request.get("Default")


def _select(selector: str, answer: Any) -> Any:
    """Evaluate a selector: of JSONPath, the documents use only what JMESPath has too."""
    return jmespath.search(selector.removeprefix("$."), answer)


def _selected(step: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    outputs = {}
    for output in step.get("outputs") or ():
        found = _select(output["Selector"], answer)
        if found is None:
            raise AutomationError(f"step {step['name']}: {output['Selector']} is not in the answer")
        outputs[output["Name"]] = found
    return outputs
