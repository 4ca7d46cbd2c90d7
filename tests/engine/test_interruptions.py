"""Ctrl-C, and kill -9 of each process, at random moments: the next commands put it right.

Moments are seeded. `SURGEPROOF_MOMENTS` says how many of each kind are tried.
"""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from surgeproof.exits import Exit

pytestmark = pytest.mark.engine

MOMENTS = int(os.environ.get("SURGEPROOF_MOMENTS", "2"))
TOPICS = 40
RESOURCES = TOPICS + 2
UP_SECONDS = 4.0
"""About how long `up` takes from nothing."""


def wait_for_moment(checkout, process, seed: str) -> random.Random:
    """Wait for a random time, or for a random share of the topics to be in the emulator."""
    rng = random.Random(seed)  # noqa: S311 - chooses moments
    if rng.random() < 0.4:
        deadline = time.monotonic() + rng.uniform(0.1, UP_SECONDS)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        return rng
    share = rng.randrange(0, TOPICS)
    while process.poll() is None:
        with suppress(Exception):  # there is no emulator yet
            if topics(checkout) >= share:
                break
        time.sleep(0.002)
    return rng


def topics(checkout) -> int:
    pages = checkout.client("sns").get_paginator("list_topics").paginate()
    return sum(len(page["Topics"]) for page in pages)


def kill_recorded(checkout, process, *path: str) -> None:
    """Kill a process that a record names, as soon as it is named."""
    while process.poll() is None:
        record = checkout.record(path[0])
        for key in path[1:]:
            record = record.get(key) or {}
        if "pid" in record:
            with suppress(ProcessLookupError):
                os.kill(record["pid"], signal.SIGKILL)
            return
        time.sleep(0.002)


def assert_up_and_down_put_it_right(checkout) -> str:
    printed = checkout.must("up")
    assert len(checkout.state().managed()) == RESOURCES
    assert checkout.state().pending == 0
    assert checkout.locks() == []
    assert topics(checkout) == TOPICS
    vpcs = checkout.client("ec2").describe_vpcs()["Vpcs"]
    assert len([vpc for vpc in vpcs if not vpc["IsDefault"]]) == 1
    checkout.must("down")
    checkout.assert_nothing_is_left()
    return printed


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_after_ctrl_c_the_next_up_goes_on(tiny, interrupt, seed):
    tiny.configure(topics=TOPICS)
    process = tiny.start("up")
    wait_for_moment(tiny, process, f"ctrl-c {seed}")
    with suppress(ProcessLookupError):  # it was sooner
        interrupt(process)

    printed, _ = process.communicate(timeout=120)

    assert process.returncode in (0, 130), printed
    assert "Traceback" not in printed
    done = 0
    if list(tiny.run.glob("state/.pulumi/stacks/tiny/local.json")):
        done = len(tiny.state().managed())
        assert tiny.state().pending == 0
    assert tiny.locks() == []
    printed = assert_up_and_down_put_it_right(tiny)
    assert "discarded" not in printed
    if done and process.returncode == 130:
        assert f"{done + 1} unchanged" in printed or done == RESOURCES


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_after_the_command_is_killed(tiny, seed):
    tiny.configure(topics=TOPICS)
    process = tiny.start("up")
    wait_for_moment(tiny, process, f"command {seed}")
    process.kill()
    process.communicate()

    assert_up_and_down_put_it_right(tiny)


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_after_the_emulator_is_killed(tiny, seed):
    tiny.configure(topics=TOPICS)
    process = tiny.start("up")
    wait_for_moment(tiny, process, f"emulator {seed}")
    kill_recorded(tiny, process, "emulator.json")

    printed, _ = process.communicate(timeout=120)

    assert process.returncode in (Exit.DONE, Exit.FAILED), printed
    assert "Traceback" not in printed
    assert_up_and_down_put_it_right(tiny)


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_after_the_engine_is_killed(tiny, seed):
    tiny.add_policies()
    tiny.configure(topics=TOPICS)
    process = tiny.start("up")
    wait_for_moment(tiny, process, f"engine {seed}")
    kill_recorded(tiny, process, "owner.json", "engine")

    printed, _ = process.communicate(timeout=120)

    assert process.returncode in (Exit.DONE, Exit.FAILED), printed
    assert "Traceback" not in printed
    assert_up_and_down_put_it_right(tiny)


@pytest.mark.parametrize("victim", ["command", "emulator", "engine"])
def test_down_cleans_after_a_kill(tiny, victim):
    tiny.configure(topics=TOPICS)
    process = tiny.start("up")
    wait_for_moment(tiny, process, f"down {victim}")
    if victim == "command":
        process.kill()
    else:
        record = ("emulator.json",) if victim == "emulator" else ("owner.json", "engine")
        kill_recorded(tiny, process, *record)
    process.communicate(timeout=120)

    tiny.must("down")

    tiny.assert_nothing_is_left()
