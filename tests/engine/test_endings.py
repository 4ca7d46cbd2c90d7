"""How commands end while the real engine is at work: closed pipes, full disks, interruptions."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from surgeproof.exits import Exit
from tests.engine.conftest import HOSTILE, _python_path

pytestmark = pytest.mark.engine

SECONDS = 2.0
"""How soon what changes nothing ends."""

SLOW_PACK = """
import pathlib, sys, time

import pulumi
from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy


def wait(args, report_violation):
    if {when}:
        sys.stderr.write("surgeproof: waiting\\n")
        sys.stderr.flush()
        time.sleep(120)


PolicyPack(
    "slow", policies=[StackValidationPolicy("slow", "d", wait, EnforcementLevel.MANDATORY)]
)
"""


def start(checkout, *arguments, **more) -> subprocess.Popen[str]:
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    return subprocess.Popen(
        [sys.executable, "-m", "surgeproof", *arguments],
        cwd=checkout.root,
        env={**os.environ, **HOSTILE, "PYTHONPATH": _python_path()},
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **more,
    )


def slow(checkout, when: str) -> None:
    checkout.add_policies()
    (checkout.root / "policies" / "__main__.py").write_text(SLOW_PACK.format(when=when))


def read_until(process, word: str) -> str:
    said = ""
    for line in process.stdout:
        said += line
        if word in line:
            return said
    raise AssertionError(f"it ended before it said {word!r}: {said}{process.stderr.read()}")


def test_a_preview_whose_reader_has_ended_ends_at_once(tiny):
    """In the shell's words: `surgeproof preview | head -1`, with its exit code."""
    slow(tiny, "True")
    process = start(tiny, "preview")
    read_until(process, "waiting")
    began = time.monotonic()
    process.stdout.close()

    said = process.stderr.read()
    code = process.wait(timeout=60)

    assert (code, said) == (Exit.PIPE_CLOSED, "")
    assert time.monotonic() - began < SECONDS
    tiny.assert_nothing_is_left()


def test_head_takes_one_line_of_a_preview(tiny):
    answer = subprocess.run(
        [
            "bash",
            "-c",
            f"'{sys.executable}' -m surgeproof preview | head -1; echo ${{PIPESTATUS[0]}}",
        ],
        cwd=tiny.root,
        env={
            **os.environ,
            **HOSTILE,
            "PYTHON": sys.executable,
            "PYTHONPATH": _python_path(),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (answer.stdout, answer.stderr) == ("Starting the embedded AWS\n141\n", "")
    tiny.assert_nothing_is_left()


def test_an_up_whose_reader_has_ended_finishes_what_is_in_flight(tiny):
    tiny.configure(topics=40)
    process = start(tiny, "up")
    read_until(process, "Preview: ")
    process.stdout.close()

    said = process.stderr.read()
    code = process.wait(timeout=60)

    assert (code, said) == (Exit.PIPE_CLOSED, "")
    assert tiny.locks() == []
    assert tiny.state().pending == 0
    assert "discarded" not in tiny.must("up")


@pytest.mark.parametrize("command", ["preview", "up"])
def test_where_the_output_cannot_be_written_nothing_is_begun(tiny, command):
    with Path("/dev/full").open("w") as full:
        process = start(tiny, command, stdout=full)
        _, said = process.communicate(timeout=60)

    assert process.returncode == Exit.FAILED
    assert said == ("error: standard output: the disk is full; free some space and run it again\n")
    tiny.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_preview_ends_at_once_whatever_the_pack_does(tiny, number):
    slow(tiny, "True")
    process = start(tiny, "preview")
    read_until(process, "waiting")
    began = time.monotonic()
    process.send_signal(number)

    _, said = process.communicate(timeout=60)

    assert process.returncode == Exit.INTERRUPTED
    assert said == "preview interrupted (nothing changed); run it again to go on\n"
    assert time.monotonic() - began < SECONDS
    tiny.assert_nothing_is_left()


def test_an_interrupted_up_waits_for_its_resources_and_for_no_rule(tiny):
    """The resources are all there by then: the rules across them come last."""
    slow(tiny, "not pulumi.runtime.is_dry_run()")
    process = start(tiny, "up")
    read_until(process, "waiting")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=60)

    assert process.returncode == Exit.INTERRUPTED
    first, last = said.splitlines()
    assert first == "Interrupted: finishing what is in flight"
    assert last.startswith("up interrupted (")
    assert time.monotonic() - began < 40  # of the rule's 120
    assert len(tiny.state().managed()) == 8
    assert tiny.locks() == []


def test_nohup_is_respected(tiny):
    process = start(tiny, "up", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    while process.poll() is None:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    out, said = process.communicate()

    assert (process.returncode, said) == (Exit.DONE, "")
    assert "Up: 9 created." in out


def test_a_first_up_that_is_interrupted_before_the_engine_leaves_nothing(tiny):
    process = start(tiny, "up")
    read_until(process, "Starting the embedded AWS")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)

    _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (130, "interrupted; run it again to go on\n")
    assert time.monotonic() - began < SECONDS
    tiny.assert_nothing_is_left()
