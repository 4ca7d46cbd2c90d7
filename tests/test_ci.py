"""CI runs every test: what one of them lacks is a failure there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("bash", "dirname", "env", "id")

TESTS = """
import pytest

def test_skipped():
    pytest.skip("no browser")

@pytest.mark.skipif(True, reason="no root")
def test_marked(): pass

@pytest.mark.optional
@pytest.mark.skipif(True, reason="no traces")
def test_optional(): pass

@pytest.fixture
def lacking():
    pytest.skip("no chromium")

def test_with_a_fixture(lacking): pass

@pytest.mark.xfail
def test_expected_to_fail():
    assert False
"""
MODULE = "import pytest\npytest.importorskip('no_such_module')\n"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "5 skipped, 1 xfailed"),
        ({"SURGEPROOF_NO_SKIPS": "1"}, "1 failed, 1 skipped, 1 xfailed, 3 errors"),
    ],
    ids=["elsewhere", "in-ci"],
)
def test_a_skipped_test_is_a_failure_in_ci(tmp_path, variables, told):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_module.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = optional\n")
    environment = {key: value for key, value in os.environ.items() if key != "SURGEPROOF_NO_SKIPS"}

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *("--continue-on-collection-errors", "-q", "-rf"),
        ],
        cwd=tmp_path,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told in done.stdout
    assert done.returncode == bool(variables)
    for reason in ("no browser", "no root", "no chromium") if variables else ():
        assert f"must not be skipped in CI: {reason}" in done.stdout


@pytest.fixture
def bare(tmp_path):
    """A checkout's `.ci/run` on a machine that has nothing; `make` notes that it was called."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(str(shutil.which(tool)))

    def run(hypopg=None, **programs):
        for name, text in programs.items():
            program = tools / name.replace("_", "-")
            program.write_text(f"#!{tools}/bash\n{text}\n")
            program.chmod(0o755)
        done = subprocess.run(
            [tools / "bash", ".ci/run"],
            cwd=tmp_path,
            env={"PATH": str(tools), "HYPOPG": str(hypopg or tmp_path / "lacking")},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr.strip(), (tmp_path / "tested").exists()

    return run


MAKE = 'echo "$1 $SURGEPROOF_NO_SKIPS" > tested'


@pytest.mark.parametrize(
    ("programs", "told"),
    [
        ({"id": "echo 1000"}, "no browser, and no right to install one"),
        ({"id": "echo 0"}, "no browser, and no apt-get to install one"),
        ({"id": "echo 0", "apt_get": "exit 100"}, "no browser: chromium could not be installed"),
        (
            {"id": "echo 0", "apt_get": '[ "$1" = update ]'},
            "no browser: chromium could not be installed",
        ),
        (
            {"id": "echo 1000", "sudo": '[ "$2" = true ]', "apt_get": "exit 0"},
            "no browser: chromium could not be installed",
        ),
    ],
    ids=["no-right", "no-apt", "no-lists", "no-package", "no-sudo-for-it"],
)
def test_ci_fails_where_its_browser_cannot_be_installed(bare, programs, told):
    assert bare(make=MAKE, **programs) == (1, told, False)


def test_ci_fails_where_hypopg_cannot_be_installed(bare):
    programs = {"chromium": "exit 0", "id": "echo 0", "apt_get": "exit 100"}

    assert bare(make=MAKE, **programs) == (
        1,
        "no hypopg: postgresql-15 postgresql-15-hypopg could not be installed",
        False,
    )


def test_ci_asks_for_nothing_that_is_there(bare, tmp_path):
    found = bare(make=MAKE, chromium="exit 0", hypopg=tmp_path, id="echo 0", apt_get="exit 100")

    assert found == (0, "", True)


def test_ci_tests_where_there_is_a_browser(bare, tmp_path):
    assert bare(make=MAKE, chromium="exit 0", hypopg=tmp_path) == (0, "", True)
    assert (tmp_path / "tested").read_text() == "test 1\n"


def test_ci_tests_where_a_browser_was_installed(bare):
    assert bare(make=MAKE, id="echo 0", apt_get="exit 0") == (0, "", True)


# By phase: a test that takes no time, in a file of this name.
OF_PHASE = {
    "unit": ("unit/test_settings.py", ""),
    "simulation": ("simulation/test_kernel.py", ""),
    "engine": ("emulator/test_run.py", "@pytest.mark.engine"),
    "browser": ("report/test_browser.py", ""),
}
SLOW = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report):
    report.duration = {seconds!r}[report.location[0]] if report.when == "call" else 0
"""


def test_all_that_ran_is_counted_in_its_phase(tmp_path):
    """Two workers ran some each, for 1 to 4 minutes by their clocks."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    seconds = {}
    for minutes, (name, mark) in enumerate(OF_PHASE.values(), 1):
        file = tmp_path / "tests" / name
        file.parent.mkdir(parents=True)
        file.write_text(f"import pytest\n\n{mark}\ndef test_one(): pass\n")
        seconds[f"tests/{name}"] = 60 * minutes
    (tmp_path / "slow.py").write_text(SLOW.format(seconds=seconds))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = engine\n")

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-p", "slow"),
            *("--numprocesses", "2", "--dist", "loadfile"),
        ],
        cwd=tmp_path,
        env={**os.environ, "SURGEPROOF_LINT_SECONDS": "258", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split("by phase")[1].splitlines()[1:6] == [
        "  4.3 of  4 lint: longer than planned, see MINUTES in tests/conftest.py",
        "  1.0 of 12 unit",
        "  2.0 of 10 simulation",
        "  3.0 of 12 engine",
        "  4.0 of  3 browser: longer than planned, see MINUTES in tests/conftest.py",
    ]


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0"])
def test_make_refuses_a_python_that_was_not_tried(tmp_path, version):
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / "python"
    numbers = tuple(map(int, version.split(".")))
    script = f"import sys; sys.version_info, sys.version = {numbers}, '{version} (old)'; "
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{script}exec(sys.argv[2])" "$@"\n')
    python.chmod(0o755)

    done = subprocess.run(
        ["make", "up", f"PYTHON={python}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        f"make: PYTHON must be Python 3.11, 3.12 or 3.13, got {version} ({sys.executable})"
    )
    assert not (tmp_path / ".venv").exists()
