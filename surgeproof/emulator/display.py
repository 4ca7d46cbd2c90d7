"""What a run shows: progress while the engine works, then results, each fact once.

On a terminal progress is one moving line; elsewhere a plain line now and then.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, TextIO

from pulumi.automation import EngineEvent
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from surgeproof.emulator.state import STACK_TYPE, name_of
from surgeproof.escaping import terminal, visible
from surgeproof.findings import Finding, Summary, from_engine
from surgeproof.findings.text import lines
from surgeproof.interrupts import lose_output
from surgeproof.settings.resources import type_of

MARKUP: Final = re.compile(r"<\{%.*?%\}>")
"""The engine's own colour codes in messages."""

SAYS: Final = "surgeproof: "
"""What a policy pack puts before a line on its stderr that a user has to see at once."""

LINE_SECONDS: Final = 5.0
"""Between two lines of progress where there is no terminal (seconds)."""

DONE_WORDS: Final = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "created anew",
    "delete-replaced": "deleted the old",
    "refresh": "read",
    "read": "read",
    "import": "imported",
    "same": "unchanged",
}
NO_CHANGE: Final = frozenset({"same", "read", "refresh"})
PLANNED: Final = frozenset({"create", "update", "replace", "delete"})
LONGEST_LIST: Final = 12
"""Creations up to which each has its own line."""
CHANGE_WORDS: Final = {
    "create": "to create",
    "update": "to update",
    "delete": "to delete",
    "replace": "to replace",
    "same": "unchanged",
}


@dataclass(frozen=True, order=True)
class Change:
    """What an operation does to one resource."""

    op: str
    type: str
    name: str
    properties: tuple[str, ...] = ()
    """Paths of the properties that differ."""

    def __str__(self) -> str:
        differs = f": {', '.join(self.properties)}" if self.properties else ""
        return f"{self.op} {self.type} {self.name}{differs}"


@dataclass
class Watch:
    """What the engine's events tell about one operation, gathered while it goes on."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    severities: Mapping[str, str] = field(default_factory=dict)
    """Severity by rule, which the Automation API leaves out of its events."""
    findings: list[Finding] = field(default_factory=list)
    changes: Mapping[str, int] = field(default_factory=dict)
    planned: list[Change] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the policy pack says while it works, taken off the list by who shows it."""
    has_begun: bool = False
    has_ended: bool = False
    done: Counter[str] = field(default_factory=Counter)

    @property
    def stopping(self) -> int:
        """How many findings stop the operation."""
        return sum(finding.stops for finding in self.findings)

    @property
    def changed(self) -> int:
        """How many resources the operation changes."""
        return sum(number for op, number in self.changes.items() if op not in NO_CHANGE)

    @property
    def reasons(self) -> list[str]:
        """What the engine reported as errors, each once, without its summary of them."""
        # A program's own error comes twice, the second time in these words of the SDK.
        again = "an unhandled error occurred: "
        return [
            error
            for error in self.errors
            if not _is_summary(error)
            and not (error.startswith(again) and error.removeprefix(again) in self.errors)
        ]

    def note(self, event: EngineEvent) -> str | None:
        """Take one event; return the operation on a resource that it says is done."""
        self.has_begun = True
        if (diagnostic := event.diagnostic_event) is not None:
            self._note_diagnostic(diagnostic)
        elif (policy := event.policy_event) is not None:
            finding = from_engine(
                policy=policy.policy_name,
                level=policy.enforcement_level,
                urn=policy.resource_urn or "",
                text=_plain(policy.message),
                severities=self.severities,
            )
            if finding not in self.findings:
                self.findings.append(finding)
        elif event.summary_event is not None:
            self.has_ended = True
            changes = event.summary_event.resource_changes or {}
            self.changes = {getattr(op, "value", op): number for op, number in changes.items()}
        elif (step := event.resource_pre_event) is not None:
            op = getattr(step.metadata.op, "value", step.metadata.op)
            if op in PLANNED:
                # "Diffs" names top-level properties only; the detailed ones have whole paths.
                differs = step.metadata.detailed_diff or step.metadata.diffs or ()
                urn = step.metadata.urn
                self.planned.append(Change(op, type_of(urn), name_of(urn), tuple(sorted(differs))))
        elif event.res_outputs_event is not None:
            metadata = event.res_outputs_event.metadata
            op = getattr(metadata.op, "value", metadata.op)
            self.done[op] += 1
            return f"{op} {type_of(metadata.urn)} {name_of(metadata.urn)}"
        return None

    def _note_diagnostic(self, diagnostic: Any) -> None:
        text = _plain(diagnostic.message)
        if diagnostic.severity == "info#err" and text.startswith(SAYS):
            self.said.append(text.removeprefix(SAYS))
        if diagnostic.severity not in ("error", "warning") or not text:
            return
        urn = diagnostic.urn or ""
        place = f"{type_of(urn)} {name_of(urn)}: " if urn and type_of(urn) != STACK_TYPE else ""
        told = self.errors if diagnostic.severity == "error" else self.warnings
        if f"{place}{text}" not in told:
            told.append(f"{place}{text}")


class _Stream:
    """A stream for any thread to write to: none of them ends by an error of it.

    The thread that takes the engine's events would, and the engine wait for it for minutes.
    """

    def __init__(self, stream: TextIO, on_error: Callable[[OSError], None]) -> None:
        self._stream, self._on_error, self._is_lost = stream, on_error, False

    def write(self, text: str) -> int:
        self._do(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._do(self._stream.flush)

    def _do(self, write: Callable[[], object]) -> None:
        if self._is_lost:
            return
        try:
            write()
        except OSError as error:
            self._is_lost = True
            self._on_error(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Display:
    """The user's terminal, or a log."""

    def __init__(self) -> None:
        """Write results to stdout and complaints to stderr, as they are now."""
        # Without emoji: an ARN that holds `:secret:` is shown as it is.
        out: Any = _Stream(sys.stdout, lose_output)
        err: Any = _Stream(sys.stderr, lambda _: None)
        self.out = Console(file=out, highlight=False, emoji=False)
        self.err = Console(file=err, highlight=False, emoji=False, stderr=True)

    def say(self, line: str = "") -> None:
        """Print one line, unwrapped."""
        self.out.print(terminal(line), soft_wrap=True, markup=False)

    def complain(self, line: str) -> None:
        """Print one line on stderr."""
        self.err.print(terminal(line), soft_wrap=True, markup=False)

    def step(self, line: str) -> None:
        """Say what begins now."""
        self.out.print(terminal(line), soft_wrap=True, markup=False, style="dim")

    def progress(self, title: str, total: int | None) -> "AbstractContextManager[Meter]":
        """Show how far an operation is."""
        if self.out.is_terminal:
            return _Bar(self.out, title, total)
        return nullcontext(_Lines(self, title, total))

    def errors(self, watch: Watch) -> None:
        """Print why the operation failed."""
        for error in watch.reasons:
            self.complain(f"error: {error}")

    def findings(self, watch: Watch) -> None:
        """Print what the policies say, and how much of it there is."""
        for line in lines(watch.findings):
            self.say(line)
        if watch.findings:
            summary = Summary(watch.findings)
            self.say(f"Policies: {summary}")
            if summary.judged:
                self.say(visible(summary.judged))

    def surges(self, watch: Watch, deployed: str) -> None:
        """Print what became of each surge, on one line: the last one, on success too.

        Before it, what became of them when `up` was run last, where that differs.
        """
        told = Summary(watch.findings).surges
        if told and deployed and deployed != told:
            self.say(visible(deployed.replace("Surges:", "Before:", 1)))
        if told:
            self.say(visible(told))

    def plan(self, watch: Watch) -> None:
        """Print what would be done to which resource; many creations by their types."""
        created = [change for change in watch.planned if change.op == "create"]
        others = [change for change in watch.planned if change.op != "create"]
        if len(created) <= LONGEST_LIST:
            others += created
        else:
            kinds = Counter(change.type.rpartition(":")[2] for change in created)
            listed = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
            self.out.print(terminal(f"  create {listed}"), markup=False)
        for change in sorted(others):
            self.say(visible(f"  {change}"))
        for warning in watch.warnings:
            self.say(f"warning: {warning}")
        self.say(f"Preview: {counted(watch.changes, CHANGE_WORDS)}.")

    def outputs(self, outputs: Mapping[str, Any]) -> None:
        """Print a table of outputs."""
        if not outputs:
            return
        self.say("Outputs")
        width = max(map(len, outputs))
        for key, value in sorted(outputs.items()):
            values = value if isinstance(value, list) and value else [value]
            for label, item in zip([key, *[""] * len(values)], values, strict=False):
                text = item if isinstance(item, str) else json.dumps(item)
                self.say(visible(f"  {label:<{width}}  {text}"))


class Meter:
    """Told of each resource that is done."""

    def advance(self, op: str) -> None:
        """Count one more."""
        raise NotImplementedError


class _Lines(Meter):
    def __init__(self, display: Display, title: str, total: int | None) -> None:
        self._display, self._title, self._total = display, title, total
        self._done, self._said, self._lock = 0, time.monotonic(), Lock()

    def advance(self, op: str) -> None:  # noqa: ARG002 - the line tells the number only
        with self._lock:
            self._done += 1
            if time.monotonic() - self._said >= LINE_SECONDS:
                self._said = time.monotonic()
                of = f" of {self._total}" if self._total else ""
                self._display.say(f"  {self._title}: {self._done}{of} resources")


class _Bar(Meter, AbstractContextManager["Meter"]):
    def __init__(self, console: Console, title: str, total: int | None) -> None:
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}", style="dim", markup=False),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task(title, total=total, last="")

    def __enter__(self) -> Meter:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self, op: str) -> None:
        self._progress.update(self._task, advance=1, last=visible(op))


def counted(changes: Mapping[str, int], words: Mapping[str, str]) -> str:
    """Return counts in words: `3 created, 40 unchanged`."""
    ops = sorted(changes, key=lambda op: list(DONE_WORDS).index(op) if op in DONE_WORDS else -1)
    parts = [f"{changes[op]} {words.get(op, op)}" for op in ops if changes[op]]
    return ", ".join(parts) or "nothing"


def _plain(text: str) -> str:
    return MARKUP.sub("", text or "").strip()


def _is_summary(error: str) -> bool:
    """Whether an error only says that there were errors."""
    return error in ("update failed", "preview failed", "destroy failed", "refresh failed")
