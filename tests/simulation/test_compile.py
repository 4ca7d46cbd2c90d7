"""Where machine code is kept, who has to wait for it, and what is run of it: only what is whole."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from surgeproof.simulation.compiled import _compile
from tests.other_user import given_away

ROOT = Path(__file__).parents[2]
KERNEL = f"{_compile.ENTRY}-1-{'0' * 16}.code"
PROGRAM = """
from surgeproof.simulation.compiled import _compile

@_compile.compiled
def inner(value):
    return value * 2.0

@_compile.compiled
def outer(value):
    return inner(value) + 1.0

VALUE = outer(20.0)
if __name__ == "__main__":
    print(bool(outer._cache_hits))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(_compile, "cache_place", lambda: tmp_path)
    return tmp_path


def test_nothing_is_compiled_where_nothing_lies(place):
    assert not _compile.is_compiled()


def test_a_compilation_that_was_interrupted_is_none(place):
    (place / f"kernel.act-1-{'0' * 16}.code").write_bytes(_compile._packed(b"key", b"code"))

    assert not _compile.is_compiled()


def test_the_kernel_is_compiled_where_its_code_is_whole(place):
    (place / KERNEL).write_bytes(_compile._packed(b"key", b"code"))

    assert _compile.is_compiled()


@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_the_kernel_is_not_compiled_where_its_code_is_cut(place, cut):
    (place / KERNEL).write_bytes(_compile._packed(b"key", b"code")[:cut])

    assert not _compile.is_compiled()


def test_nothing_is_kept_where_nothing_can_be(monkeypatch):
    monkeypatch.setattr(_compile, "cache_place", lambda: None)

    assert not _compile.is_compiled()
    assert "each time" in _compile.announcement()


class Cache:
    """A cache of its own, and a program of two functions that fills and uses it."""

    def __init__(self, folder, monkeypatch):
        self.base = folder / "the user's cache"
        self.base.mkdir()
        self.program = folder / "kept_program.py"
        self.program.write_text(PROGRAM)
        self._monkeypatch = monkeypatch

    def run(self, **environment):
        """Run the program here; return whether it found its code."""
        for name, value in ({"NUMBA_CACHE_DIR": str(self.base)} | environment).items():
            self._monkeypatch.setenv(name, value)
        _compile.cache_place.cache_clear()
        spec = importlib.util.spec_from_file_location("kept_program", self.program)
        module = importlib.util.module_from_spec(spec)
        self._monkeypatch.setitem(sys.modules, "kept_program", module)
        spec.loader.exec_module(module)
        assert module.VALUE == 41.0
        self.place = _compile.cache_place()
        return bool(module.outer._cache_hits)

    def run_alone(self, **environment):
        """Run the program in a process of its own; return whether it found its code."""
        found = subprocess.run(
            [sys.executable, self.program],
            env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(self.base)}
            | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (found.returncode, found.stderr) == (0, "")
        return found.stdout == "True\n"

    @property
    def kernels(self):
        return self.base / "surgeproof" / "kernels"

    def code(self):
        return sorted(self.place.glob("*.code"))


@pytest.fixture(autouse=True)
def forget_the_place():
    yield
    _compile.cache_place.cache_clear()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    cache = Cache(tmp_path, monkeypatch)
    assert not cache.run()
    assert [file.name.split("-")[0] for file in cache.code()] == [
        "kept_program.inner",
        "kept_program.outer",
    ]
    return cache


def test_kept_code_is_used(cache):
    assert cache.run()


DAMAGES = {
    "deleted": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "one byte": lambda file: file.write_bytes(b"s"),
    "half": lambda file: os.truncate(file, file.stat().st_size // 2),
    "last byte gone": lambda file: os.truncate(file, file.stat().st_size - 1),
    "garbage": lambda file: file.write_bytes(os.urandom(5000)),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "garbage behind": lambda file: file.write_bytes(file.read_bytes() + b"x"),
    "one bit in the code": lambda file: flip(file, -100),
    "one bit in the head": lambda file: flip(file, 5),
    "the other function's": lambda file: shutil.copyfile(file.with_name(other(file)), file),
    "a directory": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a link to nothing": lambda file: (file.unlink(), file.symlink_to("nothing")),
    "unreadable": lambda file: file.chmod(0),
    "another processor's": lambda file: file.write_bytes(
        _compile._packed(
            _compile._unpacked(file)[0].replace(b"linux", b"other"), _compile._unpacked(file)[1]
        )
    ),
    "whole, yet no code": lambda file: file.write_bytes(
        _compile._packed(_compile._unpacked(file)[0], b"no pickle")
    ),
}


def flip(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def other(file):
    return next(each.name for each in file.parent.glob("*.code") if each != file)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_code_is_compiled_again(cache, damage, torture):
    for file in cache.code():
        if damage == "the other function's" and "inner" in file.name:
            continue
        DAMAGES[damage](file)

    found = cache.run()

    assert found == (damage == "unreadable" and os.geteuid() == 0)
    assert cache.run()
    torture(f"machine code: {damage}", passed=True)


def test_garbage_ends_no_process(cache):
    assert cache.run_alone()
    for file in cache.code():
        file.write_bytes(os.urandom(file.stat().st_size))

    assert not cache.run_alone()
    assert cache.run_alone()


@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
def test_where_the_cache_cannot_be_the_code_is_compiled_all_the_same(cache, kind):
    shutil.rmtree(cache.base / "surgeproof")
    made = cache.base / "surgeproof"
    {
        "file": made.touch,
        "link": lambda: made.symlink_to("nowhere/at/all"),
        "pipe": lambda: os.mkfifo(made),
    }[kind]()

    cache.run(XDG_CACHE_HOME=str(cache.base), HOME=str(cache.base / "surgeproof"))

    assert cache.place is None


def test_the_next_place_serves_where_the_first_cannot_be(cache, tmp_path):
    cache.run(NUMBA_CACHE_DIR=os.devnull, XDG_CACHE_HOME=str(tmp_path / "xdg"))

    assert cache.place.parent == tmp_path / "xdg" / "surgeproof" / "kernels"


def test_a_disk_that_is_full_keeps_nothing_and_stops_nothing(cache):
    for file in cache.code():
        file.unlink()
    limited = cache.program.read_text()
    cache.program.write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n" + limited
    )

    cache.run_alone()

    assert cache.code() == []
    assert [path.name for path in cache.place.iterdir()] == ["used"]


def test_code_that_another_user_could_have_put_there_is_not_run(cache):
    cache.place.chmod(0o777)

    cache.run()

    assert cache.place.stat().st_mode & 0o777 == 0o700


def test_another_user_s_directory_is_not_used(cache):
    with given_away(cache.place):
        assert not cache.run(XDG_CACHE_HOME=str(cache.base), HOME=str(cache.base))


@pytest.mark.parametrize("name", ["", "used"])
@pytest.mark.parametrize("kind", ["file", "link", "pipe", "directory"])
def test_what_lies_in_the_place_of_the_cache_makes_way(cache, tmp_path, name, kind):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary").touch()
    place = cache.place / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    {
        "file": place.touch,
        "link": lambda: place.symlink_to(tmp_path / "mine"),
        "pipe": lambda: os.mkfifo(place),
        "directory": lambda: (place / "in").mkdir(parents=True),
    }[kind]()

    cache.run()

    assert cache.run()
    assert (tmp_path / "mine" / "diary").exists()


def test_two_checkouts_with_the_same_sources_share_what_is_kept(cache, tmp_path):
    other = tmp_path / "another checkout"
    shutil.copytree(ROOT / "surgeproof", other / "surgeproof")

    cache.run_alone()
    assert cache.run_alone(PYTHONPATH=str(other))


def test_other_sources_have_other_code(cache, tmp_path):
    other = tmp_path / "another checkout"
    shutil.copytree(ROOT / "surgeproof", other / "surgeproof")
    with (other / "surgeproof" / "simulation" / "compiled" / "world.py").open("a") as file:
        file.write("\n")

    cache.run_alone()
    assert not cache.run_alone(PYTHONPATH=str(other))


def tree(folder):
    return {
        path.relative_to(folder): path.lstat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if "surgeproof" not in path.relative_to(folder).parts
    }


def test_nothing_of_the_user_s_in_the_cache_is_touched(cache):
    """What lies beside our directory, in it, and in one of our versions; links lead there too."""
    names = ["0" * 16, "1" * 16, "abcdefghijklmnop", "kernel-0123456789abcdef", "simulation_0"]
    mine = [f"{name}{number}" for name in names for number in range(4)] + names
    for name in mine:
        (cache.base / name).mkdir()
        (cache.base / name / "thesis.txt").write_text("years")
        os.utime(cache.base / name, (1, 1))
        if len(name) != len("kernel-0123456789abcdef"):
            (cache.kernels / name).mkdir()
            (cache.kernels / name / "thesis.txt").write_text("years")
            (cache.kernels / name / "used").touch()
            (cache.kernels / name / f"thesis-{'0' * 16}.code").touch()
        (cache.base / name / "used").touch()
    for number in range(20):
        (cache.kernels / f"kernel-{number:016x}").symlink_to(cache.base / names[0])
    before = tree(cache.base)

    cache.run()
    for version in range(3):
        older_version(cache, version + 100)
    cache.run()

    assert tree(cache.base) == before
    for name in mine:
        if len(name) != len("kernel-0123456789abcdef"):
            assert (cache.kernels / name / "thesis.txt").read_text() == "years"
            assert (cache.kernels / name / f"thesis-{'0' * 16}.code").exists()
    assert len([path for path in cache.kernels.iterdir() if path.is_symlink()]) == 20


def older_version(cache, number, *, seconds_ago=1000):
    """Make a version as an older one would have left it."""
    place = cache.kernels / f"kernel-{number:016x}"
    place.mkdir()
    (place / f"kernel.act-1-{'0' * 16}.code").write_bytes(b"code")
    (place / "used").touch()
    os.utime(place / "used", (time.time() - seconds_ago,) * 2)
    return place


def test_the_oldest_versions_go_and_the_newest_stay(cache):
    old = [older_version(cache, number, seconds_ago=1000 - number) for number in range(12)]

    cache.run()

    kept = _compile.KEPT_VERSIONS - 1
    assert [place.exists() for place in old] == [False] * (12 - kept) + [True] * kept
    assert cache.run()


def test_what_numbas_own_cache_left_goes_and_stays_where_something_else_lies(cache):
    former = [cache.kernels / f"{number:016x}" for number in range(4)]
    for place in former:
        (place / "simulation_0").mkdir(parents=True)
        (place / "simulation_0" / "kernel.act-1.py311.nbi").touch()
        (place / "simulation_0" / "kernel.act-1.py311.1.nbc").touch()
    (former[1] / "simulation_0" / "thesis.txt").touch()
    (former[2] / "link.nbc").symlink_to(cache.base)
    (former[3] / "simulation_0").rename(cache.base / "elsewhere")

    cache.run()

    assert [place.exists() for place in former] == [False, True, True, True]
    assert len(list(former[1].rglob("*.nb?"))) == 2


def test_a_version_in_use_stays(cache):
    old = [older_version(cache, number, seconds_ago=1000 - number) for number in range(12)]

    with (old[0] / "used").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        cache.run()

    assert old[0].is_dir()
    assert list(old[0].glob("*.code"))
    assert not old[1].exists()
    cache.run()
    assert not old[0].exists()


def test_what_somebody_keeps_in_a_version_stays(cache):
    old = [older_version(cache, number) for number in range(12)]
    for place in old:
        (place / "notes.txt").write_text("mine")

    cache.run()

    assert [(place / "notes.txt").read_text() for place in old] == ["mine"] * 12


def test_what_a_killed_process_left_goes(cache):
    left = cache.place / f".surgeproof-{'0' * 16}.tmp"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))

    cache.run()

    assert not left.exists()
