"""Processes of a run and the records of them: who is alive, and who is ours.

A process number alone proves nothing, since numbers are used again. So every process is recorded
with its start time, and only a process whose number and start time both agree is called alive, or
is ended. Descendants that nobody recorded in time (the engine's analyzers, a server whose starter
was killed) carry the run's directory in their environment, which the kernel shows to their owner.
Where it does, only a process that carries it is ended, whatever a record says.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgeproof import files
from surgeproof.settings import json_file

RUN_VARIABLE = "SURGEPROOF_RUN"
"""Environment variable that every child process of a run carries: the run's directory."""

PROC = Path("/proc")
GRACE_SECONDS = 5.0
"""How long a process may take to end when asked (seconds); then it is killed."""


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one of the same number by its start time."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """Return the living process of this number, or None."""
        started = _started(pid)
        return None if started is None else cls(pid, started)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Process | None":
        """Return the process that a record in a file names, dead or alive."""
        pid, started = record.get("pid"), record.get("started")
        # Bool is an int; 0 and less name groups of processes, and 1 everybody's parent.
        if type(pid) is not int or pid <= 1 or not isinstance(started, str):
            return None
        return cls(pid, started)

    def record(self) -> dict[str, Any]:
        """Return what a file keeps of it."""
        return {"pid": self.pid, "started": self.started}

    def run(self) -> Path | None:
        """Return the run's directory that the process carries; None where it carries none."""
        return next(iter(_runs(self.pid)), None)

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return _started(self.pid) == self.started

    def end(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ask it to end, and kill it when it does not; return when it is gone."""
        for sent, wait in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, GRACE_SECONDS)):
            if not self.is_alive():
                return
            with suppress(ProcessLookupError):
                os.kill(self.pid, sent)
            deadline = time.monotonic() + wait
            while self.is_alive() and time.monotonic() < deadline:
                _reap(self.pid)
                time.sleep(0.01)

    def kill(self) -> None:
        """End it at once."""
        self.end(grace_seconds=0.0)


def of_run(directory: Path) -> list[Process]:
    """Return the living processes that belong to the run in `directory`, but not this one.

    Where the system has no /proc, only recorded processes can be found, and this returns none.
    """
    found = []
    for pid in _pids():
        if pid != os.getpid() and directory in _runs(pid):
            process = Process.of(pid)
            if process is not None:
                found.append(process)
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file of ours; an absent or damaged file reads as nothing."""
    try:
        value = json_file.parse_json(files.read_bytes(path).decode(), path.name)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _pids() -> Iterator[int]:
    try:
        names = os.listdir(PROC)  # noqa: PTH208 - names are all that is wanted of thousands
    except OSError:
        return
    yield from (int(name) for name in names if name.isdigit())


def _runs(pid: int) -> list[Path]:
    """Return the run's directory in a process's environment; none for another user's, or gone."""
    try:
        variables = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
    mark = f"{RUN_VARIABLE}=".encode()
    return [
        Path(os.fsdecode(each.removeprefix(mark))) for each in variables if each.startswith(mark)
    ]


def _started(pid: int) -> str | None:
    """Return the start time of a living process; a zombie counts as dead."""
    if PROC.is_dir():
        return _started_linux(pid)
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def _started_linux(pid: int) -> str | None:
    """Fields 3 (state) and 22 (start, in ticks since boot) of proc_pid_stat(5), and the boot."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name in parentheses may hold anything, spaces and parentheses too.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"


def _reap(pid: int) -> None:
    """Take the exit code of a child of ours, which stays a zombie otherwise."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
