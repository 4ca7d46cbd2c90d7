"""What those get who install the distribution: nothing of the checkout, and another project."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.engine.conftest import ROOT, Checkout, copy_of_repository

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    copy_of_repository(source)
    uv("build", "--wheel", "--no-build-isolation", "--out-dir", place, source)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return the environment, outside of the checkout, in which the wheel is installed."""
    place = tmp_path_factory.mktemp("installed") / "environment"
    uv("venv", "--python", sys.executable, place)
    uv(
        *("pip", "install", "--python", place / "bin" / "python"),
        *("--constraints", ROOT / "requirements.txt", f"surgeproof[emulator] @ file://{wheel}"),
    )
    return place


def uv(*words):
    done = subprocess.run(
        [sys.executable, "-m", "uv", *words, "--quiet"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


class Shop(Checkout):
    """The example's project, in which the commands of an installed surgeproof are given."""

    environment = None

    def give(self, *arguments):
        done = subprocess.run(
            [self.environment / "bin" / "surgeproof", *arguments],
            cwd=self.root,
            env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def shop(installed, tmp_path):
    for file in (ROOT / "examples" / "shop").glob("*.*"):
        (tmp_path / "shop").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "shop")
    made = Shop(tmp_path / "shop")
    made.environment = installed
    yield made
    made.clean()


def test_the_distribution_has_one_top_level_package_and_its_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"surgeproof"}
    assert {name for name in names if not name.endswith(".py") and ".dist-info/" not in name} == {
        "surgeproof/py.typed",
        *(f"surgeproof/emulator/{name}" for name in ("measured.json", "tools/go/requirements.txt")),
        *(f"surgeproof/emulator/tools/pulumi/{name}" for name in ("go.mod", "go.sum")),
        "surgeproof/emulator/tools/pulumi/releases.json",
        *(f"surgeproof/plan/{name}.json" for name in ("property_shapes", "terraform_names")),
        *(f"surgeproof/policies/{name}" for name in ("PulumiPolicy.yaml", "requirements.txt")),
        "surgeproof/policies/installed/PulumiPolicy.yaml",
        *(f"surgeproof/report/page.{ending}" for ending in ("css", "js")),
        "surgeproof/traces/outage_family.json",
    }


def test_a_project_of_somebody_else_is_previewed_created_replayed_and_taken_down(shop):
    pack = shop.must("pack").strip()
    assert pack.startswith(f"{shop.environment}/lib/")
    (shop.root / "policies").symlink_to(pack)

    printed = shop.must("preview")
    assert "lb-deletion-protection (advisory)" in printed
    assert printed.splitlines()[-2:] == [
        "Preview: 87 to create.",
        "Surges: double survives, < 0.01 % hurt (60 of 60 draws survive).",
    ]

    assert "87 created" in shop.must("up")
    state = shop.root / "state.json"
    state.write_text(json_of(shop))
    code, printed = shop.give("check", "--state", "state.json")
    assert (code, "Surges: double survives" in printed) == (0, True)
    assert "survives" in shop.must("replay")
    assert "outage-2023-01-15" in shop.must("trace", "list")
    assert "local" in shop.must("status")
    shop.must("down")
    shop.assert_nothing_is_left()


def json_of(shop):
    """The deployment as `pulumi stack export` writes it."""
    file = next((shop.run / "state").rglob("local.json"))
    return file.read_text()


def test_what_is_not_installed_is_named_with_the_extra_that_has_it(installed, shop):
    hide = "import sys; sys.modules['numba'] = None; from surgeproof.__main__ import main; main()"

    done = subprocess.run(
        [installed / "bin" / "python", "-c", hide, "replay"],
        cwd=shop.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 4
    assert done.stderr == (
        "error: numba: must be installed for this command; it comes with "
        "`pip install 'surgeproof[replay]'`\n"
    )
