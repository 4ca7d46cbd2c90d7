"""Run a stack on the embedded AWS: the real engine, the repository's program, its policies.

This process serves two parties that the engine calls back: the program (`__main__.py`, run here by
the Automation API) and the provider. So an interruption must not end it before the engine has
finished what is in flight: the first Ctrl-C is passed to the engine, which cancels and leaves
neither lock nor pending operation, and the next `up` goes on where this one was.
"""

import importlib
import logging
import os
import runpy
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any, Final

from pulumi import RunError as ProgramError
from pulumi.automation import (
    CommandError,
    EngineEvent,
    Stack,
)
from pulumi.automation._stack import StackInitMode

from surgeproof import files, interrupts
from surgeproof.emulator.deliveries import Place
from surgeproof.emulator.display import (
    DONE_WORDS,
    Display,
    Watch,
    counted,
)
from surgeproof.emulator.engine import EngineError, find_engine, list_item
from surgeproof.emulator.engine_at_work import (
    PATIENCE,
    Engine,
    EngineStack,
    Interrupted,
    Workspace,
)
from surgeproof.emulator.moto_process import SERVICES
from surgeproof.emulator.run_directory import (
    RunDirectory,
    RunError,
)
from surgeproof.emulator.state import State, StateError, recorded_line
from surgeproof.exits import AnswerIsNo
from surgeproof.findings import Summary
from surgeproof.findings.forms import place, write
from surgeproof.project import Project

DYNAMIC: Final = ("pulumi-nodejs", "pulumi-python")
"""Packages of which Pulumi brings a provider along that runs code which a resource holds. Any local
user can register a resource in a run; so our provider stands in for these, and refuses them."""

_log = logging.getLogger(__name__)


def up(
    project: Project,
    stack: str,
    *,
    port: int = 0,
    deliver: Sequence[Place] = (),
    refresh: bool = False,
    policy_config: Path | None = None,
    severities: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Bring the stack up: preview with the policies first, then create."""
    display = Display()
    with _Run.begun(project, stack, "up", display, port, deliver=deliver) as run:
        run.policy_config, run.severities = policy_config, severities
        preview = run.operate("preview", refresh=refresh)
        display.plan(preview)
        total = sum(preview.changes.values())
        watch = run.operate("up", total=total, refresh=refresh)
        display.findings(watch)
        state = run.directory.state() or State((), 0)
        display.outputs(state.outputs())
        recorded = state.recorded()
        if recorded:
            display.say(recorded_line(recorded))
        number = len(state.managed())
        if watch.changed:
            display.say(f"Up: {counted(watch.changes, DONE_WORDS)}.")
        else:
            display.say(f"Nothing to change: the {number} resources are as the program says.")
        display.surges(watch, run.directory.surges())
        run.directory.keep_surges(Summary(watch.findings).surges)


def preview(
    project: Project,
    stack: str,
    *,
    port: int = 0,
    refresh: bool = False,
    policy_config: Path | None = None,
    severities: Mapping[str, str] = MappingProxyType({}),
    reports: Sequence[Path] = (),
) -> None:
    """Show what `up` would do, and what the policies say; leave things as they were."""
    display = Display()
    with (
        _reported(project, stack, reports) as watches,
        _Run.begun(project, stack, "preview", display, port, keeps=False) as run,
    ):
        run.policy_config, run.severities = policy_config, severities
        try:
            watch = run.operate("preview", refresh=refresh)
        finally:
            watches.append(run.engine.watch)
        display.findings(watch)
        display.plan(watch)
        display.surges(watch, run.directory.surges())


@contextmanager
def _reported(project: Project, stack: str, reports: Sequence[Path]) -> Iterator[list[Watch]]:
    """Write the reports of what is put on the list, however it ends; one that fails says so."""
    watches: list[Watch] = []
    errors: list[str] = []
    try:
        yield watches
    except AnswerIsNo:
        raise
    except BaseException as error:
        errors = [*(each for watch in watches for each in watch.reasons), _line(error)]
        raise
    finally:
        findings = [each for watch in watches for each in watch.findings]
        for report in reports:
            summary = Summary(findings, errors=errors)
            write(summary, report, file=place(project.settings_file(stack)))


def down(project: Project, stack: str) -> None:
    """Destroy what the embedded AWS holds of the stack, end it, and leave nothing.

    Whatever is damaged, the processes end and the files go. Raises RunError for what stays.
    """
    display = Display()
    directory = RunDirectory(project, stack)
    if (unlinked := directory.leave_link()) is not None:
        display.say(f"{unlinked}.")
    if not directory.exists:
        directory.sweep()
        display.say(f"Nothing to take down: stack {stack} is not up on the embedded AWS.")
        return
    with (
        interrupts.raised(),
        interrupts.watched_output(),
        directory.held("down", leaves=True),
    ):
        reason = directory.clear_leftovers()
        if reason is not None:
            display.say(f"{_discarded(reason)}, nothing is left to destroy.")
        ending = _destroyed(directory, display) or f"Down: nothing is left of stack {stack}."
        left = directory.remove()
    if left:
        raise RunError(f"left by `down` of stack {stack}: {', '.join(left)}")
    display.say(ending)


def _destroyed(directory: RunDirectory, display: Display) -> str | None:
    """Let the engine destroy what the embedded AWS holds; return what was done.

    None where there is nothing to destroy. Where it cannot be destroyed, that is said, and the
    caller removes it all the same: it is nowhere else.
    """
    try:
        state = directory.state()
        emulator = directory.emulator()
        if state is None or emulator is None:
            return None
        directory.check_disk()
        with _Run.serving(directory, display, emulator.region) as run:
            run.operate("destroy", total=len(state.resources))
            held = directory.holdings()
    except (Interrupted, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, `down` goes on
        display.complain(f"error: {_line(error)}")
        return "The destroy failed, so emulator and state were discarded together."
    if held:
        display.say(
            "After the destroy the embedded AWS still held what the stack does not know: "
            f"{', '.join(held)}. It is gone with it."
        )
    return f"Down: {len(state.managed())} resources deleted, the embedded AWS ended."


def status(project: Project, stack: str) -> None:
    """Say what is there: emulator, resources, outputs, and what is recorded only."""
    display = Display()
    directory = RunDirectory(project, stack)
    if not directory.exists:
        display.say(f"Stack {stack} is not up on the embedded AWS.")
        return
    owner = directory.owner()
    if owner is not None:
        display.say(f"Working: process {owner[0]} ({owner[1]})")
    emulator = directory.emulator()
    if emulator is None:
        display.say("Embedded AWS: not running; the next `up` starts anew")
    else:
        display.say(
            f"Embedded AWS: process {emulator.process.pid}, {emulator.url}, {emulator.region}"
        )
        if emulator.deliver:
            display.say(f"Delivers to: {', '.join(emulator.deliver)}")
    try:
        state = directory.state()
    except StateError as error:
        first = str(error).partition("\n")[0]
        raise RunError(f"{first}; the next `up` starts anew") from error
    if state is None:
        display.say(f"Stack {stack}: no resources")
        return
    display.say(f"Stack {stack}: {len(state.managed())} resources")
    display.outputs(state.outputs())
    if recorded := state.recorded():
        display.say(recorded_line(recorded))


@dataclass
class _Run:
    """One command at work on one embedded stack."""

    project: Project
    name: str
    display: Display
    directory: RunDirectory
    engine: Engine
    environment: Mapping[str, str]
    policy_config: Path | None = None
    severities: Mapping[str, str] = field(default_factory=dict)
    _stack: Stack | None = None

    @classmethod
    @contextmanager
    def begun(
        cls,
        project: Project,
        stack: str,
        command: str,
        display: Display,
        port: int,
        *,
        deliver: Sequence[Place] = (),
        keeps: bool = True,
    ) -> Iterator["_Run"]:
        """Take the run's directory, clear what a killed command left, start what is needed."""
        project.check_stack(stack)
        region = project.region(stack)
        directory = RunDirectory(project, stack)
        with ExitStack() as leaving:
            leaving.enter_context(interrupts.raised())
            leaving.enter_context(interrupts.watched_output())
            leaving.enter_context(directory.held(command))
            if directory.is_fresh:
                if keeps:
                    leaving.push(_removes_what_was_cut_short(directory))
                else:
                    leaving.callback(directory.remove)
            reason = directory.clear_leftovers()
            if reason is not None:
                display.say(f"{_discarded(reason)}, starting anew.")
            threading.Thread(target=_import_components, args=(project,), daemon=True).start()
            if directory.emulator() is None:
                display.step("Starting the embedded AWS")
            directory.start_emulator(region, port, deliver)
            yield leaving.enter_context(cls.serving(directory, display, region))

    @classmethod
    @contextmanager
    def serving(cls, directory: RunDirectory, display: Display, region: str) -> Iterator["_Run"]:
        """Serve the engine in a run's directory, which the caller holds."""
        directory.prepare()
        try:
            path = find_engine(display.step)
        except EngineError as error:
            raise RunError(str(error)) from error
        # These import much, while the emulator's process starts.
        from surgeproof.emulator.clients import Clients  # noqa: PLC0415
        from surgeproof.emulator.resources.life import Resources  # noqa: PLC0415
        from surgeproof.emulator.servicer import serve  # noqa: PLC0415
        from surgeproof.peers import checked_servers  # noqa: PLC0415

        with ExitStack() as leaving:
            leaving.enter_context(_own_environment())
            leaving.enter_context(checked_servers())
            engine = Engine(path, directory)
            leaving.enter_context(_interrupts(engine, display))
            leaving.enter_context(_logging(directory))
            emulator = directory.await_emulator()
            clients = Clients(emulator.url, region, emulator.credentials)
            # While the engine starts; a request that comes first makes its client itself.
            threading.Thread(target=clients.prewarm, args=(SERVICES,), daemon=True).start()
            provider = leaving.enter_context(serve(Resources(clients), region))
            run = cls(
                directory.project,
                directory.stack,
                display,
                directory,
                engine,
                {
                    "PULUMI_DEBUG_PROVIDERS": ",".join(
                        f"{package}:{provider}" for package in ("aws", *DYNAMIC)
                    )
                },
            )
            engine.is_served = True
            try:
                yield run
            finally:
                if not directory.was_removed and not engine.was_killed_at_work:
                    directory.clear_own_lock()

    def stack(self) -> Stack:
        """Return the stack, made if it is new."""
        if self._stack is None:
            workspace = Workspace(
                work_dir=str(self.directory.settings),
                pulumi_home=str(self.directory.home),
                program=self._program,
                env_vars=self.environment,
                pulumi_command=self.engine,
                secrets_provider="passphrase",
            )
            is_new = self.directory.state() is None
            mode = StackInitMode.CREATE if is_new else StackInitMode.SELECT
            self._stack = EngineStack(self.name, workspace, mode)
        return self._stack

    def operate(self, operation: str, *, total: int | None = None, refresh: bool = False) -> Watch:
        """Run one operation of the engine; show its progress, and its errors if it fails."""
        watch = self.engine.watch = Watch(severities=self.severities)
        self.engine.only_looks = operation == "preview"
        packs = [list_item(pack)] if (pack := self.project.policies) else None
        arguments: dict[str, Any] = {"color": "never"}
        if operation != "destroy":
            configs = [list_item(self.policy_config)] if packs and self.policy_config else None
            arguments |= {
                "policy_packs": packs,
                "policy_pack_configs": configs,
                "refresh": refresh or None,
            }
        failure: Exception | None = None
        with self.display.progress(operation, total) as meter:

            def on_event(event: EngineEvent) -> None:
                done = watch.note(event)
                while watch.said:
                    self.display.step(watch.said.pop(0))
                if done is not None:
                    meter.advance(done)
                if self.engine.interruptions:
                    self.engine.interrupt()

            try:
                stack = self.stack()
                with warnings.catch_warnings():
                    # Of an engine that was ended: the user has asked for it, or reads it below.
                    warnings.filterwarnings("ignore", "Error in event stream")
                    getattr(stack, operation)(on_event=on_event, **arguments)
            except (CommandError, RuntimeError) as error:
                failure = error
        if self.engine.interruptions:
            done = counted(watch.done, DONE_WORDS) if operation == "up" else "nothing changed"
            raise Interrupted(f"{operation} interrupted ({done})")
        if failure is not None:
            self._explain(operation, watch, failure)
        return watch

    def _explain(self, operation: str, watch: Watch, failure: Exception) -> None:
        """Print why the engine failed, and raise the line that sums it up."""
        self.display.findings(watch)
        self.display.errors(watch)
        self.display.surges(watch, self.directory.surges())
        emulator = self.directory.emulator()
        if emulator is None:
            raise RunError(
                f"{operation} failed: the embedded AWS has ended; the next `up` starts anew"
            )
        if self.engine.code < 0:
            raise RunError(
                f"{operation} failed: the engine was ended by signal {-self.engine.code}; "
                "the next `up` puts it right"
            )
        if watch.stopping:
            raise AnswerIsNo(
                f"{operation} stopped by {watch.stopping} violations of mandatory policies"
            )
        if watch.errors:
            raise RunError(f"{operation} failed")
        result = failure.args[0] if failure.args else failure
        raise RunError(f"{operation} failed: {_last_line(str(result))}")

    def _program(self) -> None:
        """Run the very `__main__.py` that `pulumi up` runs."""
        _make_importable(self.project)
        try:
            runpy.run_path(str(self.project.program), run_name="__main__")
        except ProgramError:
            raise
        except ValueError as error:  # what the configuration and the components raise
            raise ProgramError(str(error)) from error
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            _log.exception("program")
            raise ProgramError(
                f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
            ) from error


def _import_components(project: Project) -> None:
    """Import what the program will ask for, which takes a second, while emulator and engine start.

    What cannot be imported is left to the program, which says so where the user looks.
    """
    with suppress(Exception):
        if (project.root / "components").is_dir():
            _make_importable(project)
            importlib.import_module("surgeproof.components")


def _make_importable(project: Project) -> None:
    if str(project.root) not in sys.path:
        sys.path.insert(0, str(project.root))


def _removes_what_was_cut_short(directory: RunDirectory) -> Callable[..., None]:
    """Return what leaves nothing of a first command that was interrupted before the engine ran."""

    def leave(kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            with suppress(StateError):
                if directory.state() is None:
                    directory.remove()

    return leave


@contextmanager
def _own_environment() -> Iterator[None]:
    """Hide from our own process, which runs program and provider, what is the user's."""
    hidden = {
        key: os.environ.pop(key)
        for key in list(os.environ)
        if key.startswith(("AWS_", "BOTO_", "PULUMI_")) or key.lower().endswith("_proxy")
    }
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _interrupts(engine: Engine, display: Display) -> Iterator[None]:
    """Catch what asks us to stop; go on serving the engine until it has ended."""

    def caught(_: int, __: FrameType | None) -> None:
        if not engine.is_served:
            raise KeyboardInterrupt
        engine.interruptions += 1
        if interrupts.lost_output() is None and not engine.only_looks:
            if engine.interruptions == 1:
                display.complain("Interrupted: finishing what is in flight")
            elif engine.interruptions < PATIENCE:
                display.complain(
                    "Still finishing; once more kills it, and the next `up` starts anew"
                )
        engine.interrupt()

    with interrupts.handled(caught):
        yield


@contextmanager
def _logging(directory: RunDirectory) -> Iterator[None]:
    """Keep what goes wrong in program and provider in the run's log."""
    handler = logging.StreamHandler(files.appending(directory.path / "provider.log"))
    logger = logging.getLogger("surgeproof")
    # A program that outlives an interrupted engine fails after this, and is not to tell the user.
    logger.addHandler(logging.NullHandler())
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        handler.stream.close()


def _discarded(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:]}: emulator and state were discarded together"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
