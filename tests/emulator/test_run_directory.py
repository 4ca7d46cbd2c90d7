"""A run's directory, its processes and its state, without the engine."""

import json
import os
import subprocess
import sys

import pytest

from surgeproof.emulator import run_directory
from surgeproof.emulator.engine import list_item
from surgeproof.emulator.processes import RUN_VARIABLE, Process, of_run
from surgeproof.emulator.run_directory import RunDirectory, RunError
from surgeproof.emulator.state import State, StateError, digest, trim_history
from surgeproof.exits import InputError
from surgeproof.project import Project

URN = "urn:pulumi:local::shop::aws:sns/topic:Topic::alerts"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    return RunDirectory(Project(tmp_path, "shop"), "local")


def names(run):
    return sorted(path.name for path in run.path.iterdir())


LOCKS = {
    "directory": lambda lock: (lock / "in").mkdir(parents=True),
    "link": lambda lock: lock.symlink_to(lock.parent.parent.parent / "diary"),
    "pipe": os.mkfifo,
    "without permission": lambda lock: (lock.touch(), lock.chmod(0)),
}


@pytest.mark.parametrize("kind", LOCKS)
def test_a_lock_that_is_none_is_made_anew(run, tmp_path, kind):
    (tmp_path / "diary").write_text("mine")
    run.path.mkdir(parents=True)
    LOCKS[kind](run.path / "lock")

    second = RunDirectory(run.project, "local").held("down", leaves=True)
    with run.held("up"), pytest.raises(RunError, match=r"process \d+ \(up\) is at work"):
        second.__enter__()

    assert (tmp_path / "diary").read_text() == "mine"
    assert names(run) == ["lock"]


def test_a_lock_is_freed_by_the_end_of_its_holder(run):
    with run.held("up"):
        pass
    with run.held("down", leaves=True):
        assert run.remove() == []
    assert not run.path.parent.exists()


@pytest.mark.parametrize("kind", ["file", "link"])
@pytest.mark.parametrize("level", [".surgeproof", ".surgeproof/local"])
def test_a_place_that_is_not_ours_is_refused(run, tmp_path, kind, level):
    place = tmp_path / level
    place.parent.mkdir(exist_ok=True)
    place.touch() if kind == "file" else place.symlink_to(tmp_path)

    with pytest.raises(RunError, match=rf"^{place}: must be a directory of its own, got a {kind}"):
        run.held("up").__enter__()


@pytest.mark.parametrize("record", [
    {"pid": 0}, {"pid": -1}, {"pid": 1}, {"pid": True}, {"pid": "7"}, {"pid": None}, {"pid": 7.0},
    {"pid": 2**70, "started": 7}, {"pid": [], "started": {}}, {},
])  # fmt: skip
def test_a_record_that_names_no_single_process_names_none(record):
    assert Process.from_record({"started": "boot/1", **record}) is None


def test_a_record_of_a_stranger_s_process_is_not_believed(run, tmp_path):
    """Its number and start time are right; it carries another run, or none."""
    run.path.mkdir(parents=True)
    for variables in ({}, {RUN_VARIABLE: str(tmp_path)}):
        with subprocess.Popen(["sleep", "60"], env=variables) as stranger:
            record = Process.of(stranger.pid).record()
            if variables:  # as the other run's record says, too
                (tmp_path / "emulator.json").write_text(json.dumps(record))
            (run.path / "emulator.json").write_text(json.dumps({**record, "port": 1}))

            run.discard()

            assert stranger.poll() is None
            stranger.kill()


def test_a_process_that_carries_the_run_is_ended(run):
    run.path.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"], env={RUN_VARIABLE: str(run.path)}):
        while not of_run(run.path):
            pass

        run.discard()

        # What ends it may also be what collects its exit status, so that is not asked for.
        assert of_run(run.path) == []


def test_an_environment_that_is_no_text_is_read(run):
    with subprocess.Popen(["sleep", "60"], env={b"A": b"\xff", RUN_VARIABLE: "x\udcff"}) as odd:
        assert odd.pid not in [process.pid for process in of_run(run.path)]
        odd.kill()


STATES = {
    "text": "not JSON",
    "nothing": "",
    "null": "null",
    "a list": "[]",
    "a number": "7",
    "deep": "[" * 100_000,
    "no checkpoint": "{}",
    "a checkpoint that is a list": '{"checkpoint": []}',
    "a state that is a list": '{"checkpoint": {"latest": [1]}}',
    "a state that is text": '{"checkpoint": {"latest": "x"}}',
    "resources that are a map": '{"checkpoint": {"latest": {"resources": {"a": 1}}}}',
    "a resource that is text": '{"checkpoint": {"latest": {"resources": ["x"]}}}',
    "a resource with a short URN": json.dumps(
        {"checkpoint": {"latest": {"resources": [{"urn": "urn:pulumi:x", "type": "t"}]}}}
    ),
    "outputs that are a list": json.dumps(
        {"checkpoint": {"latest": {"resources": [{"urn": URN, "type": "t", "outputs": [1]}]}}}
    ),
    "operations that are a number": '{"checkpoint": {"latest": {"pending_operations": 7}}}',
    "two equal keys": '{"checkpoint": {"latest": {}}, "checkpoint": {"latest": {}}}',
}


def state_file(backend):
    file = backend / ".pulumi" / "stacks" / "shop" / "local.json"
    file.parent.mkdir(parents=True)
    return file


@pytest.mark.parametrize("kind", STATES)
def test_what_is_no_state_is_said(tmp_path, kind):
    state_file(tmp_path).write_text(STATES[kind])

    with pytest.raises(StateError, match=r"local\.json:.* must "):
        State.read(tmp_path, "shop", "local")


@pytest.mark.parametrize("make", ["directory", "pipe", "link"])
def test_what_is_no_file_is_no_state(tmp_path, make):
    file = state_file(tmp_path)
    {
        "directory": file.mkdir,
        "pipe": lambda: os.mkfifo(file),
        "link": lambda: file.symlink_to("nowhere"),
    }[make]()

    with pytest.raises(StateError, match=r"local\.json: "):
        State.read(tmp_path, "shop", "local")


def test_an_empty_state_is_one(tmp_path):
    state_file(tmp_path).write_text('{"version": 3, "checkpoint": {"latest": null}}')

    assert State.read(tmp_path, "shop", "local") == State((), 0)


def test_any_change_to_the_state_is_seen_and_a_lock_is_none(tmp_path):
    file = state_file(tmp_path)
    file.write_text("content")
    before = digest(tmp_path)

    (tmp_path / ".pulumi" / "locks").mkdir()
    (tmp_path / ".pulumi" / "locks" / "lock.json").touch()
    assert digest(tmp_path) == before
    for change in (
        lambda: file.write_text("contend"),
        lambda: file.rename(file.with_name("other.json")),
        (tmp_path / ".pulumi" / "meta.yaml").touch,
    ):
        change()
        assert digest(tmp_path) != before
        before = digest(tmp_path)


def test_the_history_keeps_its_last_entries_and_what_is_not_of_it(tmp_path):
    place = tmp_path / ".pulumi" / "history" / "shop" / "local"
    place.mkdir(parents=True)
    for number in range(10):
        for kind in ("history", "checkpoint"):
            for end in ("", ".attrs"):
                (place / f"local-{1795704276343924642 + number}.{kind}.json{end}").touch()
    (place / "notes.json").touch()

    trim_history(tmp_path)

    kept = {path.name.partition(".")[0] for path in place.iterdir()}
    assert kept == {"notes", *(f"local-{1795704276343924642 + number}" for number in (7, 8, 9))}
    assert len(list(place.iterdir())) == 13


def test_a_disk_that_is_full_does_not_make_a_state_look_damaged(run, monkeypatch):
    run.path.mkdir(parents=True)
    run.seal()
    assert json.loads((run.path / "digests.json").read_text()).keys() == {"passphrase", "state"}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("surgeproof.files.write_json", full)
    run.unseal()

    assert names(run) == []


@pytest.mark.parametrize(
    ("path", "item"),
    [("/a b", "/a b"), ("/a,b", '"/a,b"'), ('/a "b"', '"/a ""b"""'), ("/it's", "/it's")],
)
def test_a_path_is_one_item_of_a_list(path, item):
    assert list_item(path) == item


def test_a_working_directory_that_is_gone_is_said(tmp_path):
    (tmp_path / "gone").mkdir()
    code = (
        "import os; os.chdir('gone'); os.rmdir('../gone')\n"
        "from surgeproof.__main__ import main; main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, "status"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == "error: the working directory: must exist, got one that is gone\n"


def test_down_finds_a_project_whose_settings_are_damaged(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: [")

    with pytest.raises(InputError):
        Project.find(tmp_path)
    assert Project.find(tmp_path, damaged=True) == Project(tmp_path, "")


def test_every_file_of_a_run_is_known(run):
    """What a run's directory holds and is not in these lists stays after `down`."""
    assert run_directory.RECORD in run_directory.FILES
    assert run_directory.REPORT in run_directory.FILES
    assert not set(run_directory.FILES) & set(run_directory.DIRECTORIES)
