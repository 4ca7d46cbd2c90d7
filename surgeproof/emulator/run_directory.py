"""The directory of one embedded run: who works in it, its emulator, and what a crash left behind.

    .surgeproof/<stack>/
        lock            held (flock) by the command that works here; the kernel frees it
        owner.json      which command that is, and which engine it runs
        emulator.json   the moto process: number, start time, port, credentials; for its owner only
        state/          Pulumi's file backend        home/      PULUMI_HOME, new for each command
        project/        copies of the settings       bin/       the policy analyzer's starter
        passphrase      random, readable by its owner only
        digests.json    of state and passphrase, as the last command left them
        *.log           what engine, provider and emulator said, the end of it
        replay.html     the verdict on what was deployed

The emulator's memory and the state describe each other, so they are kept and discarded together;
so they are where either is damaged. What has one of these names is ours, of whatever kind it is;
anything else in the directory is not, and stays.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from surgeproof import files
from surgeproof.emulator.deliveries import Place
from surgeproof.emulator.moto_process import (
    HEALTH_PATH,
    HEALTH_SECONDS,
    HOLDINGS_PATH,
    LOG,
    PORT_TAKEN,
    RECORD,
    START_SECONDS,
    Emulator,
    start,
)
from surgeproof.emulator.processes import (
    PROC,
    RUN_VARIABLE,
    Process,
    of_run,
    read_json,
)
from surgeproof.emulator.settings_copy import copy_settings, salt_of
from surgeproof.emulator.state import State, StateError, digest, locks, trim_history
from surgeproof.project import Project, check_name

REPORT = "replay.html"
"""Name of the page that `up` leaves."""

SURGES = "surges.txt"
"""Name of the file with the last line of `up`: what became of each surge."""

LEAST_FREE_MIB = 64
"""Free disk below which nothing is begun (MiB): a state half written helps nobody."""

LOG_BYTES_MAX = 1 << 20
"""Size to which each log is trimmed (bytes)."""

DIRECTORIES = ("bin", "home", "project", "state")
FILES = (
    "digests.json",
    RECORD,
    LOG,
    "engine.log",
    "owner.json",
    "passphrase",
    "provider.log",
    REPORT,
    SURGES,
)
"""Names that are ours in a run's directory, beside the lock."""

REMOVED = re.compile(rf"\.removed-(?:{'|'.join(DIRECTORIES)})-[0-9a-f]{{8}}")
"""Name of a directory that is being removed."""

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


PASSPHRASE_BYTES = 32
"""Random bytes in a passphrase, which is longer than that as text."""

ATTEMPTS = 1000
"""How often the lock is tried while other commands remove its directory."""

_UNWRITABLE = frozenset(
    {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.ENOLCK}
)
"""Errors of a directory in which no lock can be made."""


class RunError(Exception):
    """The run failed for a reason that one line tells. Exit code 4."""


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
        self._digests = self.path / "digests.json"
        self._surges = self.path / SURGES
        self._starting: subprocess.Popen[bytes] | None = None
        self._me: dict[str, Any] = {}
        self._previous: dict[str, Any] = {}
        self.was_removed = False

    # Who works here.

    @contextmanager
    def held(self, command: str, *, leaves: bool = False) -> Iterator[None]:
        """Work here alone; a second command is told who is at work and leaves.

        Args:
            command: What the second command is told.
            leaves: Go on where nothing can be written: the command only takes away.

        """
        handle = self._acquire(leaves=leaves)
        try:
            if not leaves:
                self.check_disk()
            self._tidy()
            self._previous = read_json(self._owner)
            self._me = {**_this_process().record(), "command": command}
            with suppress(OSError) if leaves else nullcontext():
                files.write_json(self._owner, self._me)
            try:
                yield
            finally:
                if not self.was_removed:  # what lies there now may be the next command's
                    files.remove(self._owner)
        finally:
            if handle is not None:
                os.close(handle)

    def check_disk(self) -> None:
        """Refuse to begin what would fill the disk half-way."""
        free = shutil.disk_usage(self.path).free >> 20
        if free < LEAST_FREE_MIB:
            raise RunError(f"{self.path}: needs {LEAST_FREE_MIB} MiB of free disk, got {free} MiB")

    def _tidy(self) -> None:
        """Remove what has our names and is not what we make, and what killed processes left."""
        for name in (*DIRECTORIES, *FILES):
            with suppress(OSError):
                files.make_way(self.path / name, directory=name in DIRECTORIES)
        files.sweep(self.path)
        self._finish_removals()
        for log in self.path.glob("*.log"):
            if log.name in FILES:
                files.trim(log, LOG_BYTES_MAX)

    def _finish_removals(self) -> None:
        with suppress(OSError):
            for left in self.path.iterdir():
                if REMOVED.fullmatch(left.name):
                    files.remove(left)

    def owner(self) -> tuple[int, str] | None:
        """Return number and command of who works here now, if anybody does."""
        record = read_json(self._owner)
        process = Process.from_record(record)
        if process is None or not process.is_alive():
            return None
        return process.pid, str(record.get("command", ""))

    def note_engine(self, process: Process) -> None:
        """Record the engine that the present command runs; needed only where there is no /proc."""
        with suppress(OSError):
            files.write_json(self._owner, {**self._me, "engine": process.record()})

    # What the last command left behind.

    def clear_leftovers(self) -> str | None:
        """End orphans; discard what a killed run left half done, or damage, and return why."""
        emulator = self.emulator()
        hangs = emulator is None and self._recorded(read_json(self._emulator)) is not None
        for process in of_run(self.path):
            if emulator is None or process != emulator.process:
                process.kill()
        engine = self._recorded(self._previous.get("engine"))
        if engine is not None:
            engine.kill()
        reason, has_state = self._why_unusable(emulator, hangs=hangs)
        # An emulator without a state was cut short before anything was created in it, or its state
        # was removed by hand; a new one costs seconds.
        if reason is not None or not has_state:
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

    def _why_unusable(self, emulator: Emulator | None, *, hangs: bool) -> tuple[str | None, bool]:
        """Return why the next operation cannot go on from here, and whether there is a state."""
        killed = Process.from_record(self._previous)
        who = f"the last {self._previous.get('command')} (process {killed.pid})" if killed else ""
        try:
            state = State.read(self.state_path, self.project.name, self.stack)
        except StateError:
            return "the state is damaged", True
        if locks(self.state_path) or (state is not None and state.pending):
            return f"{who or 'the engine'} was killed in the middle of its work", True
        kept = read_json(self._digests)
        if state is None:
            return None, False
        if kept.get("state", now := digest(self.state_path)) != now:
            return "the state is damaged: it is not as the last command left it", True
        passphrase = self._passphrase_digest()
        if passphrase is None or kept.get("passphrase", passphrase) != passphrase:
            return "the passphrase of the state is lost", True
        if state.resources and emulator is None:
            did = f"did not answer within {HEALTH_SECONDS:g} s" if hangs else "is gone"
            return f"the embedded AWS of the last run {did}", True
        return None, True

    def _passphrase_digest(self) -> str | None:
        try:
            passphrase = files.read_bytes(self.passphrase)
        except OSError:
            return None
        whole = len(passphrase) >= PASSPHRASE_BYTES
        return hashlib.sha256(passphrase).hexdigest() if whole else None

    def unseal(self) -> None:
        """Forget how the state is, before something changes it."""
        try:
            files.write_json(self._digests, {"passphrase": self._passphrase_digest()})
        except OSError:  # what is kept there would call the changed state damaged
            files.remove(self._digests)

    def seal(self) -> None:
        """Remember how the state was left, so that damage is seen, and bound what is kept of it."""
        with suppress(OSError):
            trim_history(self.state_path)
            files.write_json(
                self._digests,
                {"passphrase": self._passphrase_digest(), "state": digest(self.state_path)},
            )

    def _recorded(self, record: Any) -> Process | None:
        """Return the living process of this run that a record names.

        A number is used again, and a directory copied; so where the system tells, the process must
        carry this directory, or one that has been moved since.
        """
        process = Process.from_record(record) if isinstance(record, dict) else None
        if process is None or not process.is_alive():
            return None
        if not PROC.is_dir() or (run := process.run()) == self.path:
            return process
        is_another_s = run is None or Process.from_record(read_json(run / RECORD)) == process
        return None if is_another_s else process

    def discard(self) -> list[str]:
        """Remove emulator and state, together; what is interrupted here is finished next time.

        Returns what could not be removed.
        """
        emulator = self._recorded(read_json(self._emulator))
        if emulator is not None:
            emulator.end()
        for process in of_run(self.path):
            process.kill()
        left = []
        for name in ("state", "project", "home"):
            left += _remove(self.path / name)
        for file in (self.passphrase, self._emulator, self._digests):
            left += files.remove(file)
        return left

    def clear_own_lock(self) -> None:
        """Clear the lock of an engine that this process ran to its end, if nothing is pending.

        An engine that is interrupted in its very first or last moments leaves a lock and no work.
        """
        with suppress(StateError):
            state = State.read(self.state_path, self.project.name, self.stack)
            if state is None or not state.pending:
                for file in locks(self.state_path):
                    files.remove(file)

    def remove(self) -> list[str]:
        """Leave nothing: neither processes nor files. The caller holds the lock.

        Returns what is left all the same, and why.
        """
        left = self.discard()
        self.was_removed = True
        for name in (*DIRECTORIES, *FILES):
            left += files.remove(self.path / name)
        self._finish_removals()
        files.sweep(self.path, unlocked_seconds=0)
        with suppress(OSError):
            left += [
                f"{path} (surgeproof did not make it)"
                for path in sorted(self.path.iterdir())
                if path != self._lock and not any(each.startswith(f"{path}") for each in left)
            ]
        left += files.remove(self._lock)
        self.sweep()
        return left

    def sweep(self) -> None:
        """Leave no empty directory."""
        for directory in (self.path, self.path.parent):  # the latter stays for another stack
            with suppress(OSError):
                directory.rmdir()

    def leave_link(self) -> str | None:
        """Where another directory is linked here, end what runs in it and remove the link.

        What the link names is somebody's own, and stays. Returns what was done.
        """
        for place in (self.path.parent, self.path):
            if place.is_symlink():
                for process in of_run(self.path):
                    process.kill()
                target = os.path.realpath(place)
                _must(files.remove(place))
                return f"{place} was a link and is gone; {target}, which it named, stays as it is"
        return None

    @property
    def exists(self) -> bool:
        """Whether a run is here, in whatever shape."""
        return os.path.lexists(self.path)

    @property
    def is_fresh(self) -> bool:
        """Whether no command has made anything here yet."""
        return not (self.state_path.exists() or self._emulator.exists())

    def state(self) -> State | None:
        """Return the stack's state, where there is one."""
        return State.read(self.state_path, self.project.name, self.stack)

    # What an operation of the engine needs.

    def prepare(self) -> None:
        """Make the files that the engine reads; what is only read is made anew each time."""
        salt = salt_of(self.settings / f"Pulumi.{self.stack}.yaml")
        for name in ("bin", "home", "project"):
            _must(_remove(self.path / name))
        for directory in (self.state_path, self.home, self.path / "bin"):
            directory.mkdir(exist_ok=True)
        if not self.passphrase.exists():
            files.write_text(
                self.passphrase, secrets.token_urlsafe(PASSPHRASE_BYTES), mode=0o600, ours=True
            )
            self.unseal()
        copy_settings(self.project, self.stack, self.settings, salt)
        # The engine looks for this name on PATH and calls it with its address, the pack, and the
        # options of PulumiPolicy.yaml, which are for Pulumi's own starter. It waits for the pack's
        # port on stdout, which not every pack flushes: hence -u.
        files.write_text(
            self.path / "bin" / "pulumi-analyzer-policy-python",
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -u -m pulumi.policy "$1" "$2"\n',
            mode=0o755,
            ours=True,
        )

    def environment(self) -> dict[str, str]:
        """Return all that the engine, and what it starts, sees of an environment."""
        return {
            **self._inherited(),
            # The user's own would let who registers a resource start a plugin that lies on it.
            "PATH": os.pathsep.join((str(self.path / "bin"), os.defpath)),
            "PULUMI_BACKEND_URL": f"file://{quote(str(self.state_path))}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase),
            # A copy of the state for each operation; this and the history would grow for ever.
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.home),
            # The state is written at the end, also after an interruption or a failure. Were the
            # engine killed, its lock would tell, and the state go with the emulator all the same.
            "PULUMI_SKIP_CHECKPOINTS": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def _inherited(self) -> dict[str, str]:
        """Return what every child process gets of the environment, and what marks it as ours."""
        passed_on = {key: value for key in PASSED_ON if (value := os.environ.get(key))}
        return {
            **passed_on,
            RUN_VARIABLE: str(self.path),
            # Nothing of the user's may be found by accident either.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    # The emulator.

    def keep_surges(self, told: str) -> None:
        """Keep what `up` has said of the surges, for those who change what is deployed."""
        files.write_text(self._surges, told, ours=True)

    def surges(self) -> str:
        """Return what the last `up` has said of the surges; empty where nothing is kept."""
        try:
            return self._surges.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def emulator(self) -> Emulator | None:
        """Return the recorded emulator if it is alive, ours, and answers."""
        record = read_json(self._emulator)
        emulator = Emulator.from_record(record)
        if emulator is None or self._recorded(record) is None:
            return None
        return emulator if emulator.page(HEALTH_PATH) is not None else None

    def holdings(self) -> list[str]:
        """Return what the emulator holds beyond what a new account does."""
        emulator = self.emulator()
        return list(emulator.page(HOLDINGS_PATH) or []) if emulator else []

    def start_emulator(self, region: str, port: int, deliver: Sequence[Place] = ()) -> None:
        """Start the emulator, unless it runs; it takes some seconds, see `await_emulator`.

        It sends what is published to the places in `deliver`, and nothing to any other.
        """
        named = tuple(map(str, sorted(set(deliver))))
        running = self.emulator()
        if running is not None:
            running.check_asked(self.stack, region, port, named)
            return
        files.remove(self._emulator)
        self._starting = start(self.path, region, port, named, self._inherited())

    def await_emulator(self) -> Emulator:
        """Return the emulator once it answers."""
        deadline = time.monotonic() + START_SECONDS
        while (emulator := self.emulator()) is None:
            code = self._starting.poll() if self._starting is not None else None
            if code == PORT_TAKEN:
                raise RunError("--port: must be free, but another process listens on it")
            if code is not None or time.monotonic() > deadline:
                why = f"ended with code {code}" if code is not None else "does not answer"
                raise RunError(f"the embedded AWS {why}; see {self.path / LOG}")
            time.sleep(0.02)
        return emulator

    def _acquire(self, *, leaves: bool) -> int | None:
        """Take the lock, also when its directory is being removed meanwhile.

        None where there can be no lock, and the command only takes away.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        for _ in range(ATTEMPTS):
            try:
                self._make_place()
                if os.path.lexists(self._lock) and _is_other_kind(self._lock, directory=False):
                    _must(files.remove(self._lock))
                handle = os.open(self._lock, flags, 0o644)
            except FileNotFoundError:
                continue
            except OSError as error:
                if not leaves or error.errno not in _UNWRITABLE:
                    raise
                return None
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(handle), self._lock.lstat()):
                    return handle
            except FileNotFoundError:
                pass  # removed by a `down` that has just ended
            except OSError as error:
                os.close(handle)
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    raise RunError(self._busy()) from error
                raise
            os.close(handle)
        raise RunError(self._busy())

    def _make_place(self) -> None:
        """Make the directory; refuse one that lies elsewhere, since what is in it is not ours."""
        for place in (self.path.parent, self.path):
            with suppress(FileExistsError):
                place.mkdir()
            if place.is_symlink() or not place.is_dir():
                what = f"a link to {os.path.realpath(place)}" if place.is_symlink() else "a file"
                raise RunError(f"{place}: must be a directory of its own, got {what}; remove it")
            if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
                with suppress(OSError):
                    place.chmod(place.stat().st_mode | stat.S_IRWXU)

    def _busy(self) -> str:
        pid, command = self.owner() or (0, "")
        who = f"process {pid} ({command})" if pid else "another command"
        return f"{who} is at work on stack {self.stack}; wait until it has ended"


def _this_process() -> Process:
    process = Process.of(os.getpid())
    if process is None:
        raise RunError("this system does not tell when a process started")
    return process


def _is_other_kind(path: Path, *, directory: bool) -> bool:
    """Whether something lies there that is neither a regular file nor, if wanted, a directory."""
    mode = path.lstat().st_mode
    return not (stat.S_ISDIR(mode) if directory else stat.S_ISREG(mode))


def _must(left: list[str]) -> None:
    if left:
        raise RunError(f"could not be removed: {left[0]}")


def _remove(directory: Path) -> list[str]:
    """Remove a directory in one step for all who look, and then its files; return what is left."""
    going = directory.with_name(f".removed-{directory.name}-{secrets.token_hex(4)}")
    try:
        directory.rename(going)
    except FileNotFoundError:
        return []
    except OSError:
        return files.remove(directory)
    return files.remove(going)
