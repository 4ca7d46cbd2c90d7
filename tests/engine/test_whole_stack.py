"""The repository's own program and its settings, on the embedded AWS, with its policy pack."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from surgeproof.exits import Exit
from surgeproof.plan.program import read_program
from surgeproof.plan.settings import read_settings
from surgeproof.plan.state import read_state
from tests.alerting.story import outage, send, timeline, unrelated
from tests.engine.conftest import ROOT, Checkout
from tests.plan.differences import differences

pytestmark = pytest.mark.engine

PROGRAM = ("__main__.py", "components", "policies")


def whole(root: Path, stack: str) -> Checkout:
    root.mkdir()
    for name in PROGRAM:
        (root / name).symlink_to(ROOT / name)
    for path in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(path, root)
    return Checkout(root, stack)


@pytest.fixture
def checkout(request, tmp_path) -> Iterator[Checkout]:
    made = whole(tmp_path / "checkout", request.param)
    yield made
    made.clean()


@pytest.mark.parametrize("checkout", ["local"], indirect=True)
def test_the_whole_stack_comes_up_and_goes(checkout):
    printed = checkout.must("up")

    assert "Violations" not in printed
    balancers = checkout.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert len(balancers) == 1
    assert balancers[0]["DNSName"] in printed
    assert re.search(r"deployed stack local, .*: (survives|fails|uncertain)", printed)
    page = checkout.run / "replay.html"
    assert printed.endswith("Report: .surgeproof/local/replay.html\n")
    assert page.read_text().startswith("<!doctype html>")

    stated = read_settings(checkout.root, "local").stated
    plan = read_state(checkout.state().resources, name="local", stated=stated)
    assert list(differences(plan, read_program(ROOT, "local").plan)) == []

    printed = checkout.must("status", "--deployed")
    assert "surgeproof-local-alerts-page: 1 subscription, 0 not confirmed" in printed

    assert "Nothing to change" in checkout.must("up")
    printed = checkout.must("preview", "--refresh")
    assert not any(word in printed for word in ("to create", "to update", "to replace"))

    # The rules, targets and log group of the timeline are those that the engine has deployed.
    story = outage(checkout.client, read_program(ROOT, "local").plan)
    send(checkout.client, [*unrelated(story[0].at), *story, *unrelated(story[-1].at)])
    assert timeline(checkout.client) == [each.kept for each in story]

    assert "still held" not in checkout.must("down")
    checkout.assert_nothing_is_left()


@pytest.mark.parametrize("checkout", ["local"], indirect=True)
def test_a_change_is_shown_beside_what_became_of_the_surges_before(checkout):
    before = checkout.must("up").splitlines()
    config = yaml.safe_load((checkout.root / "Pulumi.local.yaml").read_text())["config"]
    fleet, scaling = config["surgeproof:fleet"], config["surgeproof:scaling"]

    checkout.configure(
        fleet={**fleet, "minSize": 2, "maxSize": 2, "warmPool": {"state": "Stopped"}},
        scaling={key: value for key, value in scaling.items() if key != "schedules"},
    )
    code, printed = checkout.give("preview")

    assert code == Exit.NO
    told = next(line for line in before if line.startswith("Surges: double survives"))
    was, now, error = printed.splitlines()[-3:]
    assert was == told.replace("Surges:", "Before:")
    assert now.startswith("Surges: double UNCERTAIN, ")
    assert error.startswith("error: preview stopped by ")


@pytest.mark.parametrize("checkout", ["dev", "prod"], indirect=True)
def test_real_settings_pass_a_preview_with_the_policies(checkout):
    printed = checkout.must("preview", "--stack", checkout.stack, "--embedded")

    assert "to create" in printed
    assert "Violations" not in printed
    checkout.assert_nothing_is_left()


@pytest.mark.parametrize("checkout", ["local"], indirect=True)
def test_every_problem_of_the_configuration_is_told_before_the_first_resource(checkout):
    checkout.configure(fleet={"minSize": 6, "maxSize": 4}, loadBalancr={})

    code, printed = checkout.give("preview")

    assert code == Exit.FAILED
    assert "fleet.minSize: must be at most fleet.maxSize (4), got 6" in printed
    assert "loadBalancr" in printed
    assert "Traceback" not in printed
    checkout.assert_nothing_is_left()
