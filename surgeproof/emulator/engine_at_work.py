"""The engine at work on an embedded stack: its command line, and how an interruption reaches it."""

import signal
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pulumi.automation import (
    CommandResult,
    LocalWorkspace,
    OnOutput,
    PulumiCommand,
    Stack,
    UpdateSummary,
)
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from surgeproof import files
from surgeproof.emulator.display import Watch
from surgeproof.emulator.processes import Process
from surgeproof.emulator.run_directory import LOG_BYTES_MAX, RunDirectory

PATIENCE: Final = 3
"""The Ctrl-C that kills the engine, after those that only ask."""


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The user has asked to stop, and everything has been left in order. Exit code 130."""


class Engine(PulumiCommand):
    """The engine's command line, run in its own session with an environment of our choice."""

    def __init__(self, path: Path, directory: RunDirectory) -> None:
        """Run the engine at `path` for the run in `directory`."""
        self.command = str(path)
        self.directory = directory
        self.environment = directory.environment()
        answer = subprocess.run(
            [path, "version"], env=self.environment, capture_output=True, text=True, check=True
        )
        self.version = VersionInfo.parse(answer.stdout.strip().removeprefix("v"))
        self.watch = Watch()
        self.interruptions = 0
        self.is_served = False
        """Whether program and provider are served, so that the engine may be at work."""
        self.only_looks = False
        """Whether the operation changes nothing, so that it may be ended at once."""
        self.code = 0
        self._process: subprocess.Popen[str] | None = None
        self._is_told = False

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command to its end, through interruptions."""
        if self.interruptions:
            raise Interrupted
        self._is_told = False
        self.directory.unseal()
        with files.appending(self.directory.path / "engine.log") as log:
            log.write(f"$ pulumi {' '.join(args)}\n")
            self._process = process = subprocess.Popen(
                [self.command, "--non-interactive", *args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env={**self.environment, **additional_env, "PULUMI_AUTOMATION_API": "true"},
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C comes from us, once
            )
            try:
                started = Process.of(process.pid)
                if started is not None:
                    self.directory.note_engine(started)
                stdout, stderr = process.communicate()
            finally:
                self._process = None
                self.directory.end_children(process.pid)
                self.code = process.returncode
                self.directory.seal()
            log.write((stdout + stderr)[-LOG_BYTES_MAX:])
        for line in stdout.splitlines() if on_output else ():
            on_output(line) if on_output else None
        for line in stderr.splitlines() if on_error else ():
            on_error(line) if on_error else None
        result = CommandResult(stdout=stdout, stderr=stderr, code=process.returncode)
        if result.code:
            raise create_command_error(result)
        return result

    @property
    def was_killed_at_work(self) -> bool:
        """Whether the last operation died before it could write the state; its lock tells so."""
        return self.code < 0 and self.watch.has_begun and not self.only_looks

    def interrupt(self) -> None:
        """Pass an interruption on, as soon as the engine listens for it.

        Before its first event and after its last the engine would die of the signal and leave its
        lock behind.
        """
        process = self._process
        if process is None or process.poll() is not None:
            return
        if self.only_looks or self.interruptions >= PATIENCE:
            process.kill()
            self.directory.end_children(process.pid)
        elif self.watch.has_begun and not self.watch.has_ended and not self._is_told:
            self._is_told = True
            process.send_signal(signal.SIGINT)


class Workspace(LocalWorkspace):
    """A workspace whose commands all name their stack, so that none needs selecting."""

    def select_stack(self, stack_name: str) -> None:
        """Do nothing: the state on disk has told that the stack exists."""


class EngineStack(Stack):
    """A stack that does not ask the engine for its outputs after every operation.

    They are read from the state, in which secrets are encrypted; the Automation API's way prints
    them in plain text, and takes three more runs of the engine.
    """

    def outputs(self) -> dict[str, Any]:
        """Return none; see `State.outputs`."""
        return {}

    def info(self, show_secrets: bool | None = None) -> UpdateSummary:  # noqa: ARG002, FBT001
        """Return an empty summary; the engine's events have told it."""
        return UpdateSummary("", datetime.now(UTC), "", {}, {}, "")
