"""Damage to what a run keeps: `up` and `preview` heal it, `status` says it, `down` always works.

Which damages are done to which things is seeded. `SURGEPROOF_DAMAGES` says how many; above the few
of the ordinary run, the other tests take all their cases, too.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from surgeproof.emulator import run_directory
from surgeproof.emulator.processes import Process, of_run
from surgeproof.emulator.run_directory import RunDirectory
from surgeproof.exits import Exit
from surgeproof.project import Project
from tests.engine import damages
from tests.engine.conftest import read_only

pytestmark = pytest.mark.engine

FEW = 6
NUMBER = int(os.environ.get("SURGEPROOF_DAMAGES", FEW))
COMMANDS = ("up", "down", "status", "preview")
DIARY = "kept for years\n"


@pytest.fixture
def mine(tmp_path):
    """A folder of the user's in which the names that a run uses mean something to him."""
    folder = tmp_path / "check out" / "mine"
    for name in ("state", "home", "bin", "project", "lock"):
        (folder / name).mkdir(parents=True)
        (folder / name / "diary.txt").write_text(DIARY)
    (folder / "diary.txt").write_text(DIARY)
    return folder


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def test_damage_heals_or_is_said(tiny, mine, torture):
    """One run after the other is damaged; each command in turn meets it."""
    before = content(mine)
    tiny.must("up")
    failed = []

    for number, (thing, damage) in enumerate(damages.chosen(NUMBER, tiny.run)):
        if not tiny.run.exists():
            tiny.must("up")
        command = COMMANDS[number % len(COMMANDS)]
        damages.DAMAGES[damage](tiny.run / thing)

        wrong = wrong_with(tiny, command)
        if command == "status":  # which mends nothing
            wrong += wrong_with(tiny, "down")
        if content(mine) != before:
            wrong.append("the user's files are not as they were")
        torture(f"damage: {damage}", passed=not wrong)
        if wrong:
            failed.append(f"{command} after {thing}: {damage}: {'; '.join(wrong)}")
            tiny.clean()

    tiny.must("down")
    tiny.assert_nothing_is_left()
    assert failed == []


def wrong_with(tiny, command):
    """Give a command to a run that is damaged; return what is wrong with what it does."""
    code, printed = tiny.give(command)
    errors = printed.count("error: ")
    wrong = {
        "there is a traceback": "Traceback" in printed,
        f"exit {code}: {printed}": code != 0 and (command != "status" or errors != 1),
    }
    if command == "up":
        wrong["resources are missing"] = len(tiny.state().managed()) != 8
    if command == "down":
        wrong["files are left"] = (tiny.root / ".surgeproof").exists()
        wrong["processes are left"] = of_run(tiny.run) != []
    return [what for what, is_so in wrong.items() if is_so]


SAID = [
    ("passphrase", "gone"),
    ("state/.pulumi/stacks/tiny/local.json", "one bit"),
    ("passphrase", "text"),
    ("state/.pulumi/stacks/tiny/local.json", "a list"),
    ("state/.pulumi/stacks/tiny/local.json", "no resources"),
    ("state/.pulumi/meta.yaml", "garbage"),
    ("emulator.json", "another map"),
    ("state", "a link to a folder"),
]


@pytest.mark.parametrize(("thing", "damage"), SAID if NUMBER > FEW else SAID[:2])
def test_what_was_damaged_is_said_and_made_anew(tiny, mine, thing, damage):
    before = content(mine)
    tiny.must("up")
    damages.DAMAGES[damage](tiny.run / thing)

    printed = tiny.must("up")

    assert "discarded together, starting anew" in printed or thing == "state"
    assert "Up: 9 created." in printed
    assert content(mine) == before
    assert "Nothing to change" in tiny.must("up")


def test_what_can_be_had_again_costs_nothing(tiny):
    tiny.must("up")
    for thing in ("project/Pulumi.local.yaml", "digests.json", "home", "bin", "engine.log"):
        damages.DAMAGES["garbage"](tiny.run / thing)

    printed = tiny.must("up")

    assert "discarded" not in printed
    assert "Nothing to change" in printed


@pytest.mark.parametrize(
    "broken", ["Pulumi.local.yaml", "Pulumi.yaml"] if NUMBER > FEW else ["Pulumi.yaml"]
)
def test_down_works_with_settings_that_are_half_written(tiny, broken):
    tiny.must("up")
    damages.half(tiny.root / broken)

    code, printed = tiny.give("up")
    assert (code != 0, printed.count("\n")) == (True, 1)
    tiny.must("down")

    tiny.assert_nothing_is_left()


def test_down_works_without_the_engine(tiny):
    tiny.must("up")
    shutil.rmtree(tiny.run / "state" / ".pulumi" / "stacks")

    printed = tiny.must("down")

    assert "nothing is left" in printed
    tiny.assert_nothing_is_left()


def test_a_number_that_another_process_has_now_ends_nobody(tiny):
    """Neither with that process's own start time, which no other has."""
    tiny.must("up")
    with subprocess.Popen(["sleep", "600"]) as bystander:
        record = {**tiny.record("emulator.json"), **Process.of(bystander.pid).record()}
        (tiny.run / "emulator.json").write_text(json.dumps(record))
        (tiny.run / "owner.json").write_text(
            json.dumps({"pid": 99, "started": "x", "engine": Process.of(bystander.pid).record()})
        )

        tiny.must("status")
        tiny.must("up")
        (tiny.run / "emulator.json").write_text(json.dumps(record))
        tiny.must("down")

        assert bystander.poll() is None
        bystander.kill()
    tiny.assert_nothing_is_left()


def test_a_copy_of_the_checkout_leaves_the_first_one_s_run_alone(tiny, tmp_path):
    tiny.must("up")
    emulator = Process.from_record(tiny.record("emulator.json"))
    shutil.copytree(tiny.root, tmp_path / "copy")
    copy = type(tiny)(tmp_path / "copy")

    try:
        assert "not running" in copy.must("status")
        printed = copy.must("up")
        assert "The embedded AWS of the last run is gone" in printed
        copy.must("down")
        copy.assert_nothing_is_left()
    finally:
        copy.clean()

    assert emulator.is_alive()
    assert "Nothing to change" in tiny.must("up")


def test_an_emulator_that_hangs_is_called_what_it_is(tiny, monkeypatch):
    tiny.must("up")
    emulator = Process.from_record(tiny.record("emulator.json"))
    directory = RunDirectory(Project.find(tiny.root), tiny.stack)
    monkeypatch.setattr(run_directory, "HEALTH_SECONDS", 0.5)

    os.kill(emulator.pid, signal.SIGSTOP)
    with directory.held("up"):
        said = directory.clear_leftovers()

    assert said == "the embedded AWS of the last run did not answer within 0.5 s"
    assert not emulator.is_alive()


def test_a_checkout_that_was_moved_keeps_its_run(tiny, tmp_path):
    tiny.must("up")
    moved = type(tiny)(tiny.root.rename(tmp_path / "moved"))

    try:
        assert "Nothing to change" in moved.must("up")
        emulator = Process.from_record(moved.record("emulator.json"))
        moved.must("down")
        moved.assert_nothing_is_left()
        assert not emulator.is_alive()
    finally:
        for process in of_run(tiny.run):
            process.kill()


@pytest.mark.parametrize("level", [".surgeproof", ".surgeproof/local"])
def test_a_link_in_the_place_of_the_run_leads_nowhere(tiny, mine, level):
    shutil.copytree(mine, mine / "local")
    before = content(mine)
    place = tiny.root / level
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(mine)

    for command in ("up", "preview"):
        code, printed = tiny.give(command)
        assert code != 0
        assert printed == (
            f"error: {place}: must be a directory of its own, got a link to {mine}; remove it\n"
        )
    tiny.give("status")
    printed = tiny.must("down")

    assert f"{place} was a link and is gone; {mine}, which it named, stays as it is." in printed
    assert content(mine) == before
    assert not (tiny.root / ".surgeproof").exists()


def test_down_keeps_what_somebody_put_into_the_run_s_directory(tiny):
    tiny.must("up")
    (tiny.run / "notes.txt").write_text("mine")
    (tiny.run / ".removed-photos").mkdir()

    code, printed = tiny.give("down")

    assert code != 0
    assert f"{tiny.run / 'notes.txt'} (surgeproof did not make it)" in printed
    assert sorted(path.name for path in tiny.run.iterdir()) == [".removed-photos", "notes.txt"]
    assert of_run(tiny.run) == []
    assert "not up" in tiny.must("status") or "no resources" in tiny.must("status")


def test_leftovers_of_killed_writers_and_removers_go(tiny):
    tiny.must("up")
    old = time.time() - 3600
    for place in (
        tiny.run / f".surgeproof-{'0' * 16}.tmp",
        tiny.run / ".removed-state-01234567",
        tiny.run / ".removed-home-89abcdef",
    ):
        place.mkdir() if "removed" in place.name else place.touch()
        os.utime(place, (old, old))

    tiny.must("up")

    assert [path.name for path in tiny.run.iterdir() if path.name.startswith(".")] == []


def test_logs_are_bounded(tiny):
    tiny.must("up")
    for log in ("engine.log", "provider.log", "emulator.log"):
        with (tiny.run / log).open("ab") as file:
            file.write(b"a line of a log\n" * 500_000)

    for _ in range(3):
        tiny.must("up")

    sizes = {path.name: path.stat().st_size for path in tiny.run.glob("*.log")}
    assert max(sizes.values()) <= 1 << 20, sizes
    engine = [path for path in (tiny.run / "home").rglob("*.log*") if path.is_file()]
    assert len(engine) <= 5, engine
    history = list((tiny.run / "state" / ".pulumi" / "history").rglob("*.checkpoint.json"))
    assert len(history) == 3
    assert not (tiny.run / "state" / ".pulumi" / "backups").exists()


def fill(disk):
    with (disk / "ballast").open("wb") as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(1 << 16))
            ballast.flush()


def test_a_full_disk(tiny, small_disk):
    """`up` and `preview` say it in a line; `down` works all the same."""
    tiny = type(tiny)(Path(shutil.copytree(tiny.root, small_disk / "check out")))
    tiny.must("up")
    fill(small_disk)

    for command in ("up", "preview"):
        code, printed = tiny.give(command)
        assert code == Exit.FAILED
        assert printed == f"error: {tiny.run}: needs 64 MiB of free disk, got 0 MiB\n"
    assert "8 resources" in tiny.must("status")
    printed = tiny.must("down")

    assert "discarded together" in printed
    tiny.assert_nothing_is_left()


@pytest.mark.parametrize(
    "lost", ["lock", "owner.json", "digests.json"] if NUMBER > FEW else ["lock"]
)
def test_down_on_a_full_disk_does_without_what_it_cannot_write(tiny, small_disk, lost):
    tiny = type(tiny)(Path(shutil.copytree(tiny.root, small_disk / "check out")))
    tiny.must("up")
    damages.DAMAGES["a directory"](tiny.run / lost)
    fill(small_disk)

    tiny.must("down")

    tiny.assert_nothing_is_left()


def test_a_folder_that_may_only_be_read(tiny):
    """`down` ends the processes, says what it could not take away, and can be repeated."""
    tiny.must("up")

    with read_only(tiny.root):
        for command in ("up", "preview"):
            code, printed = tiny.give(command)
            assert code == Exit.FAILED
            assert printed.startswith("error: ")
            assert printed.count("\n") == 1, printed
            assert "ead-only file system" in printed
        assert "8 resources" in tiny.must("status")
        code, printed = tiny.give("down")
        assert code == Exit.FAILED
        assert f"{tiny.run}/emulator.json (Read-only file system)" in printed
        assert "Traceback" not in printed
        assert of_run(tiny.run) == []

    tiny.must("down")
    tiny.assert_nothing_is_left()
