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

    def run(**programs):
        for name, text in programs.items():
            program = tools / name.replace("_", "-")
            program.write_text(f"#!{tools}/bash\n{text}\n")
            program.chmod(0o755)
        done = subprocess.run(
            [tools / "bash", ".ci/run"],
            cwd=tmp_path,
            env={"PATH": str(tools)},
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


def test_ci_tests_where_there_is_a_browser(bare, tmp_path):
    assert bare(make=MAKE, chromium="exit 0") == (0, "", True)
    assert (tmp_path / "tested").read_text() == "test 1\n"


def test_ci_tests_where_a_browser_was_installed(bare):
    assert bare(make=MAKE, id="echo 0", apt_get="exit 0") == (0, "", True)
