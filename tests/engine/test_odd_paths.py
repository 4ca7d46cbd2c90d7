"""Projects and homes in folders whose names mean something to a URL, a shell, make or Python.

`SURGEPROOF_MOMENTS` above 2 tries each name by itself, too.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from surgeproof.emulator.engine import find_engine
from surgeproof.exits import Exit
from tests.engine.conftest import HOSTILE, ROOT, Checkout, copy_of_repository

pytestmark = pytest.mark.engine

ALL_AT_ONCE = 'it\'s 50%20 "quoted" #1? $HOME ${PATH} `date` a&b;c|d [x]*{y} \\n <é 日本> \u00a0~'
SINGLE = [
    "50% off", "a%20b", "%2e%2e", "issue #1", "why?", "why?no_tmp_dir=false", "it's", 'a "b" c',
    "$HOME", "$(STACK)", "${PATH}", "$$", "`date`", "日本 é", "e\u0301", "a&b", "a;b", "a|b", "[x]",
    "*", "{y}", "~", "~root", "-n", "--help", " both ends ", "back\\slash", "a=b", "@", "!", "a,b",
    "<b>", "tab-less\u2028", "\u00a0", "n" * 200,
]  # fmt: skip
EACH = SINGLE if int(os.environ.get("SURGEPROOF_MOMENTS", "2")) > 2 else []


@pytest.fixture
def checkout_in(tmp_path):
    made = []

    def make(name: str) -> Checkout:
        root = Path(shutil.copytree(ROOT / "tests/engine/program", tmp_path / name))
        made.append(Checkout(root))
        return made[-1]

    yield make
    for checkout in made:
        checkout.clean()


@pytest.fixture
def home_in(tmp_path, monkeypatch):
    """A home and a cache of their own in an odd place, with the machine's engine and kernel."""
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "surgeproof"
    find_engine()

    def make(name: str) -> None:
        cache = tmp_path / "home" / name / ".cache"
        (cache / "surgeproof").mkdir(parents=True)
        for each in ("engine", "kernels"):
            (cache / "surgeproof" / each).symlink_to(shared / each)
        monkeypatch.setenv("HOME", str(cache.parent))
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    return make


@pytest.mark.parametrize("name", [ALL_AT_ONCE, *EACH])
def test_a_stack_lives_in_an_odd_place(checkout_in, home_in, torture, name):
    home_in(name)
    checkout = checkout_in(name)
    checkout.add_policies()

    printed = checkout.must("up")
    assert "Up: 9 created." in printed
    assert "think of your addresses" in printed  # by the policy pack
    assert "Stack local: 8 resources" in checkout.must("status")
    assert "Nothing to change" in checkout.must("up")
    assert "8 resources deleted" in checkout.must("down")

    checkout.assert_nothing_is_left()
    torture("odd path", passed=True)


@pytest.mark.parametrize(
    "name", ["a:b", "two\nlines", "\x1b[31mred", os.fsdecode(b"no utf-8 \xff")]
)
def test_a_place_that_cannot_be_told_is_refused_in_a_line(checkout_in, name):
    checkout = checkout_in(name)

    for command in ("up", "preview", "status"):
        code, printed = checkout.give(command)
        assert (code, printed.count("\n")) == (Exit.BAD_INPUT, 1)
        assert printed.startswith("error: the project's directory: must have a path in UTF-8")
        assert "\x1b" not in printed

    assert "Nothing to take down" in checkout.must("down")
    assert not (checkout.root / ".surgeproof").exists()


def test_make_works_in_an_odd_place(tmp_path, home_in):
    """The whole project by its Makefile, from up to down."""
    home_in(ALL_AT_ONCE)
    root = tmp_path / ALL_AT_ONCE
    copy_of_repository(root, without="tests/")
    own_environment(root / ".venv")
    checkout = Checkout(root)

    def make(target: str) -> str:
        done = subprocess.run(
            ["make", "--no-print-directory", target],
            cwd=root,
            env={**os.environ, **HOSTILE, "MAKEFLAGS": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    try:
        assert "created.\n" in make("up")
        assert (root / ".surgeproof/local/replay.html").is_file()
        assert "resources\n" in make("status")
        assert "the embedded AWS ended." in make("down")
        checkout.assert_nothing_is_left()
    finally:
        checkout.clean()


def own_environment(place: Path) -> None:
    """Make an environment at `place` that has what this one has, as if `make` had installed it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (packages / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for stamp in (".made", ".run", ".dev"):
        (place / stamp).touch()


def test_an_environment_whose_python_has_gone_is_made_anew(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    own_environment(tmp_path / ".venv")

    def planned() -> str:
        return subprocess.run(
            ["make", "--dry-run", "status"],
            cwd=tmp_path,
            env={**os.environ, "MAKEFLAGS": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "creating the Python environment" not in planned()
    python = tmp_path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("gone")

    assert "creating the Python environment" in planned()
