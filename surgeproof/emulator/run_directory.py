"""The directory of one embedded run: who works in it, its emulator, and what a crash left behind.

    .surgeproof/<stack>/
        lock            held (flock) by the command that works here; the kernel frees it
        owner.json      which command that is, and which engine it runs
        emulator.json   the moto process: number, start time, port, credentials; for its owner only
        state/          Pulumi's file backend        home/      PULUMI_HOME
        project/        copies of the settings       bin/       the policy analyzer's starter
        passphrase      random, readable by its owner only
        *.log           what engine, provider and emulator said

The emulator's memory and the state describe each other, so they are kept and discarded together.
"""

import errno
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from surgeproof.emulator.credentials import NONCE_HEADER, PROOF_HEADER, Credentials
from surgeproof.emulator.deliveries import Place
from surgeproof.emulator.processes import (
    PROC,
    RUN_VARIABLE,
    Process,
    of_run,
    read_json,
    write_json,
    write_text,
)
from surgeproof.emulator.project import InputError, Project, check_name, salt_of
from surgeproof.emulator.state import State, StateError, locks
from surgeproof.settings.json_file import parse_json

HOST = "127.0.0.1"
RECORD = "emulator.json"
HEALTH_PATH = "/surgeproof/health"
HOLDINGS_PATH = "/surgeproof/holdings"

SERVICES = (
    "ec2",
    "acm",
    "autoscaling",
    "budgets",
    "cloudwatch",
    "elbv2",
    "events",
    "iam",
    "kms",
    "logs",
    "rds",
    "route53",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
    "wafv2",
)
"""What the components use; other services of moto are imported on their first request."""

START_SECONDS = 60.0
"""How long the emulator may take to answer (seconds); two to four are usual."""

HEALTH_SECONDS = 30.0
PAGE_BYTES_MAX = 1024 * 1024
"""How long a living emulator may take to answer (seconds): a busy machine is no reason to discard
a stack."""

LEAST_FREE_MIB = 64
"""Free disk below which nothing is begun (MiB): a state half written helps nobody."""

REMOVED = ".removed-"
"""First part of the name of a directory that is being removed."""

PORT_TAKEN = 3
"""The emulator's exit code when its port is taken."""

PASSED_ON = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "NUMBA_CACHE_DIR",
    "PATH",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
)
"""All that children get of the environment: no credentials, profile or region can be among it."""


class RunError(Exception):
    """The run failed for a reason that one line tells. Exit code 4."""


@dataclass(frozen=True)
class Emulator:
    """A living moto process that answers."""

    process: Process
    port: int
    region: str
    credentials: Credentials
    deliver: tuple[str, ...] = ()
    """Hosts and ports that it may send to."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"


class RunDirectory:
    """One stack's run on the embedded AWS."""

    def __init__(self, project: Project, stack: str) -> None:
        """Name the places; create nothing."""
        check_name(stack)
        self.project = project
        self.stack = stack
        self.path = project.root / ".surgeproof" / stack
        self.state_path = self.path / "state"
        self.home = self.path / "home"
        self.settings = self.path / "project"
        self.passphrase = self.path / "passphrase"
        self._lock = self.path / "lock"
        self._owner = self.path / "owner.json"
        self._emulator = self.path / RECORD
        self._starting: subprocess.Popen[bytes] | None = None
        self._me: dict[str, Any] = {}
        self._previous: dict[str, Any] = {}
        self.was_removed = False

    # Who works here.

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Work here alone; a second command is told who is at work and leaves."""
        handle = self._acquire()
        try:
            usage = shutil.disk_usage(self.path)
            if usage.free < LEAST_FREE_MIB << 20:
                raise RunError(
                    f"{self.path}: needs {LEAST_FREE_MIB} MiB of free disk, "
                    f"got {usage.free >> 20} MiB"
                )
            self._previous = read_json(self._owner)
            self._me = {**_this_process().record(), "command": command}
            write_json(self._owner, self._me)
            try:
                yield
            finally:
                if not self.was_removed:  # what lies there now may be the next command's
                    self._owner.unlink(missing_ok=True)
        finally:
            os.close(handle)

    def owner(self) -> tuple[int, str] | None:
        """Return number and command of who works here now, if anybody does."""
        record = read_json(self._owner)
        process = Process.from_record(record)
        if process is None or not process.is_alive():
            return None
        return process.pid, str(record.get("command", ""))

    def note_engine(self, process: Process) -> None:
        """Record the engine that the present command runs."""
        write_json(self._owner, {**self._me, "engine": process.record()})

    # What the last command left behind.

    def clear_leftovers(self) -> str | None:
        """End orphans; discard what a killed run left half done, and return why."""
        emulator = self.emulator()
        for process in of_run(self.path):
            if emulator is None or process != emulator.process:
                process.kill()
        engine = Process.from_record(self._previous.get("engine") or {})
        if engine is not None:
            engine.kill()
        reason = self._why_unusable(emulator)
        # An emulator without a state was cut short before anything was created in it, or its state
        # was removed by hand; a new one costs seconds.
        if reason is not None or (emulator is not None and self.state() is None):
            self.discard()
        return reason

    def end_children(self, pid: int) -> None:
        """End what the engine `pid` started and left behind, its policy analyzer above all."""
        if not PROC.is_dir():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        emulator = Process.from_record(read_json(self._emulator))
        for process in of_run(self.path):
            if process != emulator:
                process.kill()

    def _why_unusable(self, emulator: Emulator | None) -> str | None:
        killed = Process.from_record(self._previous)
        who = f"the last {self._previous.get('command')} (process {killed.pid})" if killed else ""
        try:
            state = State.read(self.state_path, self.project.name, self.stack)
        except StateError:
            return "the state is damaged"
        if locks(self.state_path) or (state is not None and state.pending):
            return f"{who or 'the engine'} was killed in the middle of its work"
        if state is not None and state.resources and emulator is None:
            return "the embedded AWS of the last run is gone"
        return None

    def discard(self) -> None:
        """Remove emulator and state, together; what is interrupted here is finished next time."""
        record = Process.from_record(read_json(self._emulator))
        if record is not None:
            record.end()
        for process in of_run(self.path):
            process.kill()
        for name in ("state", "project", "home"):
            _remove(self.path / name)
        for file in (self.passphrase, self._emulator):
            file.unlink(missing_ok=True)

    def clear_own_lock(self) -> None:
        """Clear the lock of an engine that this process ran to its end, if nothing is pending.

        An engine that is interrupted in its very first or last moments leaves a lock and no work.
        """
        with suppress(StateError):
            state = State.read(self.state_path, self.project.name, self.stack)
            if state is None or not state.pending:
                for file in locks(self.state_path):
                    file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Leave nothing: neither processes nor files. The caller holds the lock."""
        self.discard()
        self.was_removed = True
        _remove(self.path)
        self.sweep()

    def sweep(self) -> None:
        """Finish removals that were cut short, and leave no empty directory."""
        for left in self.path.parent.glob(f"{REMOVED}*"):
            shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):
            self.path.parent.rmdir()  # stays where another stack is up

    @property
    def exists(self) -> bool:
        """Whether a run is here, in whatever shape."""
        return self.path.is_dir()

    @property
    def is_fresh(self) -> bool:
        """Whether no command has made anything here yet."""
        return not (self.state_path.exists() or self._emulator.exists())

    def state(self) -> State | None:
        """Return the stack's state, where there is one."""
        return State.read(self.state_path, self.project.name, self.stack)

    # What an operation of the engine needs.

    def prepare(self) -> None:
        """Make the files that the engine reads."""
        for directory in (self.state_path, self.home, self.path / "bin"):
            directory.mkdir(exist_ok=True)
        if not self.passphrase.exists():
            write_text(self.passphrase, secrets.token_urlsafe(32), mode=0o600)
        copy = self.settings / f"Pulumi.{self.stack}.yaml"
        self.project.copy_settings(self.stack, self.settings, salt_of(copy))
        starter = self.path / "bin" / "pulumi-analyzer-policy-python"
        # The engine looks for this name on PATH and calls it with its address, the pack, and the
        # options of PulumiPolicy.yaml, which are for Pulumi's own starter. It waits for the pack's
        # port on stdout, which not every pack flushes: hence -u.
        write_text(
            starter,
            f'#!/bin/sh\nexec {_quoted(sys.executable)} -u -m pulumi.policy "$1" "$2"\n',
            mode=0o755,
        )

    def environment(self) -> dict[str, str]:
        """Return all that the engine, and what it starts, sees of an environment."""
        inherited = {key: value for key in PASSED_ON if (value := os.environ.get(key))}
        path = os.pathsep.join((str(self.path / "bin"), inherited.get("PATH", os.defpath)))
        return {
            **inherited,
            "PATH": path,
            "PULUMI_BACKEND_URL": f"file://{self.state_path}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.home),
            # The state is written at the end, also after an interruption or a failure. Were the
            # engine killed, its lock would tell, and the state go with the emulator all the same.
            "PULUMI_SKIP_CHECKPOINTS": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self._marks(),
        }

    def _marks(self) -> dict[str, str]:
        return {
            RUN_VARIABLE: str(self.path),
            # Nothing of the user's may be found by accident either.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    # The emulator.

    def emulator(self) -> Emulator | None:
        """Return the recorded emulator if it is alive, ours, and answers."""
        record = read_json(self._emulator)
        process, port = Process.from_record(record), record.get("port")
        credentials = Credentials.from_record(record)
        if process is None or credentials is None or not isinstance(port, int):
            return None
        if not process.is_alive():
            return None
        deliver = tuple(record.get("deliver") or ())
        emulator = Emulator(process, port, str(record.get("region")), credentials, deliver)
        return emulator if _page(emulator, HEALTH_PATH) is not None else None

    def holdings(self) -> list[str]:
        """Return what the emulator holds beyond what a new account does."""
        emulator = self.emulator()
        return list(_page(emulator, HOLDINGS_PATH) or []) if emulator else []

    def start_emulator(self, region: str, port: int, deliver: Sequence[Place] = ()) -> None:
        """Start the emulator, unless it runs; it takes some seconds, see `await_emulator`.

        It sends what is published to the places in `deliver`, and nothing to any other.
        """
        named = tuple(map(str, sorted(set(deliver))))
        running = self.emulator()
        if running is not None:
            if running.region != region:
                raise InputError(
                    f"aws:region: must be {running.region}, where stack {self.stack} is up, got "
                    f"{region!r}; take the stack down to move it"
                )
            if port not in (0, running.port):
                raise InputError(
                    f"--port: must be {running.port}, where stack {self.stack} is up, got {port}"
                )
            if named not in ((), running.deliver):
                raise InputError(
                    f"--deliver: must be {', '.join(running.deliver) or 'absent'}, as stack "
                    f"{self.stack} was brought up, got {', '.join(named)}; take the stack down to "
                    "change it"
                )
            return
        self._emulator.unlink(missing_ok=True)
        arguments = [
            *(sys.executable, "-m", "surgeproof.emulator.moto_server"),
            *("--directory", str(self.path), "--region", region),
            *("--port", str(port), *(f"--deliver={place}" for place in named)),
        ]
        inherited = {key: value for key in PASSED_ON if (value := os.environ.get(key))}
        package_root = str(Path(__file__).parents[2])
        with (self.path / "emulator.log").open("ab") as log:
            self._starting = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.path,
                env={**inherited, "PYTHONPATH": package_root, **self._marks()},
                start_new_session=True,  # a Ctrl-C in the terminal is not for it
            )

    def await_emulator(self) -> Emulator:
        """Return the emulator once it answers."""
        deadline = time.monotonic() + START_SECONDS
        while (emulator := self.emulator()) is None:
            code = self._starting.poll() if self._starting is not None else None
            if code == PORT_TAKEN:
                raise RunError("--port: must be free, but another process listens on it")
            if code is not None or time.monotonic() > deadline:
                why = f"ended with code {code}" if code is not None else "does not answer"
                raise RunError(f"the embedded AWS {why}; see {self.path / 'emulator.log'}")
            time.sleep(0.02)
        return emulator

    def _acquire(self) -> int:
        """Take the lock, also when its directory is being removed meanwhile."""
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(handle), self._lock.stat()):
                    return handle
            except FileNotFoundError:
                pass  # removed by a `down` that has just ended
            except OSError as error:
                os.close(handle)
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    raise RunError(self._busy()) from error
                raise
            os.close(handle)

    def _busy(self) -> str:
        pid, command = self.owner() or (0, "")
        who = f"process {pid} ({command})" if pid else "another command"
        return f"{who} is at work on stack {self.stack}; wait until it has ended"


def _this_process() -> Process:
    process = Process.of(os.getpid())
    if process is None:
        raise RunError("this system does not tell when a process started")
    return process


def _page(emulator: Emulator, path: str) -> Any:
    """Return what one of the emulator's own pages says; None where it is not the one to answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    nonce = secrets.token_hex(16)
    headers = {
        NONCE_HEADER: nonce,
        PROOF_HEADER: emulator.credentials.proof("ask", path, nonce),
    }
    request = urllib.request.Request(f"{emulator.url}{path}", headers=headers)  # noqa: S310
    try:
        with opener.open(request, timeout=HEALTH_SECONDS) as answer:
            body = answer.read(PAGE_BYTES_MAX).decode()
            proof = answer.headers.get(PROOF_HEADER, "")
        if not emulator.credentials.proves(proof, "answer", nonce, body):
            return None
        return parse_json(body, path)
    except (OSError, ValueError, HTTPException):
        return None


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _remove(directory: Path) -> None:
    """Remove a directory in one step for all who look, and then its files."""
    if not directory.exists():
        return
    going = directory.with_name(f"{REMOVED}{directory.name}-{secrets.token_hex(4)}")
    directory.rename(going)
    shutil.rmtree(going, ignore_errors=True)
