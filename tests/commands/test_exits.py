"""How commands end: exit codes, broken pipes, full disks, interruptions."""

import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from surgeproof import interrupts
from surgeproof.commands.ahead import ReadingError, reading
from surgeproof.commands.main import main
from surgeproof.emulator.run_directory import RunError
from surgeproof.exits import AnswerIsNo, Exit, InputError
from surgeproof.plan import PlanError
from surgeproof.traces import TraceError
from tests.moments import wait_for_handlers

ROOT = Path(__file__).parents[2]
SECONDS = 2.0
"""How soon an interrupted command ends."""


def start(*arguments: str, program=("-m", "surgeproof"), **more) -> subprocess.Popen:
    more = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    return subprocess.Popen([sys.executable, *program, *arguments], text=True, **more)


def test_the_page_of_exit_codes_is_made_of_them():
    page = (ROOT / "docs/reference/exit-codes.md").read_text()

    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE))

    assert rows == {str(int(code)): code.meaning for code in Exit}


MACHINE = {
    "disk full": OSError(errno.ENOSPC, "No space left on device"),
    "long name": OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300),
    "too many files": OSError(errno.EMFILE, "Too many open files"),
    "without a number": OSError("cannot send (already closed?)"),
    "no memory": MemoryError(),
    "no stack": RecursionError("maximum recursion depth exceeded"),
    "a key": KeyError("x"),
    "an index": IndexError("list index out of range"),
    "a text": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "an import": ImportError("libllvmlite.so: cannot open shared object file"),
    "an assertion": AssertionError(),
    "inside": SystemError("error return without exception set"),
    "an exit": SystemExit(1),
    "killed": ReadingError("the process that reads the program ended with code -9"),
    "a run": RunError("stack local is not up on the embedded AWS"),
}


@pytest.mark.parametrize("error", MACHINE.values(), ids=MACHINE)
def test_no_error_of_the_machine_looks_like_a_verdict(monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("surgeproof.commands.replaying.replay", broken)
    result = CliRunner().invoke(main, ["replay", "--trace", "x2-in-300s"])

    assert result.exit_code == Exit.FAILED
    lines = result.output.splitlines()
    assert len([line for line in lines if not line.startswith("compiling")]) == 1
    assert lines[-1].startswith("error: ")
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (AnswerIsNo("pages reach nobody"), 1, "error: pages reach nobody"),
        (InputError("--trace: must be given"), 2, "error: --trace: must be given"),
        (PlanError("slo: must be", "surges: must be"), 2, "error: slo: must be; surges: must be"),
        (TraceError("own.csv", "hold requests", 0), 2, "error: own.csv: must hold requests, got 0"),
        (KeyboardInterrupt(), 130, "interrupted; run it again to go on"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (
            OSError(errno.ENOSPC, "No space left on device", "state.json"),
            4,
            "error: state.json: the disk is full; free some space and run it again",
        ),
    ],
    ids=["no", "input", "plan", "trace", "interrupted", "pipe", "full"],
)
@pytest.mark.parametrize("command", ["status", "down", "up", "preview"])
def test_every_command_ends_by_the_same_codes(monkeypatch, command, error, code, line):
    def broken(*_, **__):
        raise error

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(f"surgeproof.emulator.run.{command}", broken)

    result = CliRunner().invoke(main, [command])

    assert (result.exit_code, result.output.strip()) == (code, line)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["check", "--state", "nofile"], "--state: File 'nofile' does not exist"),
        (["check", "--state", "."], "--state: File '.' is a directory"),
        (
            ["check", "--state"],
            "Option '--state' requires an argument",
        ),
        (["chek"], "No such command 'chek'. Did you mean 'check'? (see `surgeproof --help`)"),
        (
            ["trace", "show"],
            "Missing argument 'NAME|FILE' (see `surgeproof trace show --help`)",
        ),
        (
            ["check", "--format", "x"],
            "--format: 'x' is not one of 'text', 'markdown', 'sarif', 'json'",
        ),
    ],
)
def test_a_wrong_option_is_one_line(words, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, words)

    assert (result.exit_code, result.output) == (Exit.BAD_INPUT, f"error: {line}\n")


def test_a_wrong_option_repeats_no_long_value(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, ["check", "--format", "x" * 5000])

    assert result.output == f"error: --format: '{'x' * 986}...\n"


def test_a_command_without_its_command_shows_the_help():
    result = CliRunner().invoke(main, ["trace"])

    assert result.exit_code == Exit.BAD_INPUT
    assert result.output.startswith("Usage: ")
    assert "error" not in result.output.partition("Commands:")[0]


def test_an_unforeseen_error_says_where_it_arose_and_shows_its_trace_on_request(monkeypatch):
    def broken(*_, **__):
        raise KeyError("x")

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("surgeproof.emulator.run_directory.RunDirectory.owner", broken)
    monkeypatch.setattr("surgeproof.emulator.run_directory.RunDirectory.exists", True)

    plain = CliRunner().invoke(main, ["status"])
    shown = CliRunner().invoke(main, ["status"], env={"SURGEPROOF_TRACE": "1"})

    assert re.fullmatch(
        r"error: surgeproof failed: KeyError: 'x' \(surgeproof/emulator/run\.py:\d+\); "
        r"SURGEPROOF_TRACE=1 shows where\n",
        plain.output,
    )
    assert shown.output.startswith("Traceback (most recent call last):")
    assert shown.output.endswith(plain.output)


def test_a_file_given_for_output_that_cannot_be_is_input_and_a_full_disk_is_not():
    missing = start("trace", "show", "x2-in-300s", "--output", "/nonexistent/trace.csv")
    full = start("trace", "show", "x2-in-300s", "--output", "/dev/full")

    assert missing.communicate()[1] == (
        "error: --output: /nonexistent/trace.csv: No such file or directory\n"
    )
    assert missing.returncode == Exit.BAD_INPUT
    assert full.communicate()[1] == (
        "error: /dev/full: the disk is full; free some space and run it again\n"
    )
    assert full.returncode == Exit.FAILED


@pytest.mark.parametrize("arguments", [["--help"], ["trace", "list"], ["status"], ["nonsense"]])
def test_a_full_disk_behind_stdout_and_stderr_is_no_crash(arguments):
    with Path("/dev/full").open("w") as full:
        out = start(*arguments, stdout=full)
        _, said = out.communicate()
        both = start(*arguments, stdout=full, stderr=full)
        both.communicate()

    expected = Exit.BAD_INPUT if arguments == ["nonsense"] else Exit.FAILED
    assert (out.returncode, both.returncode) == (expected, expected)
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    if expected == Exit.FAILED:
        assert said.endswith("the disk is full; free some space and run it again\n")
        assert said.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["trace", "list"], ["status"]])
def test_a_reader_that_has_ended_is_told_by_the_code_alone(arguments):
    reader, writer = os.pipe()
    os.close(reader)

    process = start(*arguments, stdout=writer)
    os.close(writer)

    assert process.communicate() == (None, "")
    assert process.returncode == Exit.PIPE_CLOSED


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_closed_standard_files_are_as_the_null_device(tmp_path, closed):
    """Without them, the file that is written gets the number of stdout, and all that is printed."""

    def close():
        for number in closed:
            os.close(number)

    file = tmp_path / "trace.csv"
    process = start(
        "trace", "show", "x2-in-300s", "--output", str(file), preexec_fn=close, stdin=None
    )
    process.communicate()

    assert process.returncode == Exit.DONE
    assert file.read_text().startswith("# surgeproof") or "," in file.read_text().splitlines()[0]
    assert "written to" not in file.read_text()


def programs_of(group: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] not in "ZX":
                    found.append(int(entry.name))
    return found


def assert_it_ends(process, number):
    """Send a signal to the command alone; it ends in time, in one line, with all that it runs."""
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    took = time.monotonic() - began

    assert process.returncode == Exit.INTERRUPTED, err
    lines = [line for line in err.splitlines() if not line.startswith("compiling")]
    assert lines == ["interrupted; run it again to go on"]
    assert programs_of(process.pid) == []
    assert took < SECONDS


@pytest.mark.parametrize("number", interrupts.SIGNALS, ids=lambda each: each.name)
@pytest.mark.parametrize("after", [0, 0.25, 0.5, 0.8, 1.2])
def test_an_interruption_of_the_first_seconds_is_one_line(number, after):
    process = start("replay", "--stack", "dev", start_new_session=True)
    wait_for_handlers(process)
    time.sleep(after)

    assert_it_ends(process, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_an_interruption_ends_the_compiler_at_once(tmp_path, number):
    """Numba's compiler is at work for seconds without a step of Python in between."""
    process = start(
        "replay",
        "--stack",
        "dev",
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "NUMBA_CACHE_DIR": ""},
        start_new_session=True,
    )
    assert process.stderr.readline().startswith("compiling the simulation")
    time.sleep(4)

    assert_it_ends(process, number)


def test_what_is_ignored_from_the_start_stays_ignored():
    """As `nohup` has SIGHUP, and `&` in a script SIGINT."""

    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    process = start("trace", "show", "x2-in-300s", preexec_fn=ignore)
    for _ in range(6):
        time.sleep(0.1)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)

    out, err = process.communicate()
    assert (process.returncode, err) == (Exit.DONE, "")
    assert out.startswith("x2-in-300s: ")


def test_an_error_while_a_program_is_still_read_leaves_nothing_behind(tmp_path):
    """The pool of `concurrent.futures` printed `OSError: [Errno 9]` here, now and then."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {aws:region: eu-west-1}\n")
    (tmp_path / "__main__.py").write_text("import time\ntime.sleep(30)\n")
    process = start(
        "replay", "--stack", "dev", "--inject", "nonsense", cwd=tmp_path, start_new_session=True
    )
    _, err = process.communicate(timeout=30)

    assert process.returncode == Exit.BAD_INPUT
    assert [line for line in err.splitlines() if not line.startswith("compiling")] == [
        line for line in err.splitlines() if line.startswith("error: --inject")
    ]
    assert programs_of(process.pid) == []


READ = """
import os, signal, sys
from pathlib import Path
from surgeproof.commands.ahead import ReadingError, reading
with reading(Path("."), "dev") as read:
    os.kill(int(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()), 9)
    try:
        read(Path("."), "dev")
    except ReadingError as error:
        print(error)
"""


def test_a_process_that_reads_and_is_killed_is_no_wait_for_ever():
    process = start(READ, program=("-c",))

    out, err = process.communicate(timeout=30)

    assert (out, err) == (
        "the process that reads the program of stack dev ended with code -9\n",
        "",
    )


def test_an_error_of_the_program_comes_from_the_process_that_reads(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {aws:region: eu-west-1}\n")
    (tmp_path / "__main__.py").write_text("raise ValueError('no')\n")

    with reading(tmp_path, "dev") as read, pytest.raises(PlanError, match="ValueError: no"):
        read(tmp_path, "dev")


SLOW_POOL = """
import sys, time
import concurrent.futures.process as pool

def wakeup(self, calls=[]):
    if not self._closed:
        calls.append(1)
        time.sleep(60 if len(calls) > 2 else 0)
        self._writer.send_bytes(b"")

pool._ThreadWakeup.wakeup = wakeup
sys.argv = ["surgeproof", "replay", "--stack", "dev", "--inject", "nonsense"]
from surgeproof.__main__ import main
main()
"""
"""The exit of the interpreter, slow just where the pool's thread may close the pipe meanwhile."""


def test_no_thread_of_ours_races_with_the_exit():
    process = start(SLOW_POOL, program=("-c",))

    _, err = process.communicate(timeout=60)

    assert process.returncode == Exit.BAD_INPUT
    assert len([line for line in err.splitlines() if not line.startswith("compiling")]) == 1
