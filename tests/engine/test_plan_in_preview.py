"""The plan that a policy pack reads under the real engine, on the embedded AWS."""

import pickle
import shutil

import pytest
import yaml

from surgeproof.plan.program import read_program
from tests.engine.conftest import ROOT, Checkout
from tests.plan.differences import differences, named_by

pytestmark = pytest.mark.engine

PACK = """
import pickle
import sys

sys.path.insert(0, {root!r})

import pulumi
from pulumi_policy import Severity

from surgeproof.policies import analyzer
from surgeproof.policies._rules import StackRule
from surgeproof.policies._values import UNKNOWN
from surgeproof.plan.pack import read_pack, stated_in
from surgeproof.plan.resources import TYPES


def check(stack, report):
    plan = read_pack(
        stack.resources,
        unknown=UNKNOWN,
        stack=pulumi.get_stack(),
        stated=stated_in(pulumi.runtime.get_config_env(), pulumi.get_project()),
    )
    with open({file!r}, "wb") as file:
        pickle.dump(plan, file)


if __name__ == "__main__":
    rule = StackRule(
        name="read-plan",
        description="Reads the plan.",
        severity=Severity.LOW,
        types=TYPES,
        check=check,
        fix="Nothing.",
    )
    analyzer.serve("plan", "0.1.0", {{"All": (rule,)}})
"""


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    (root / "policies").mkdir(parents=True)
    for name in ("__main__.py", "components", "surgeproof"):
        (root / name).symlink_to(ROOT / name)
    for path in ROOT.glob("Pulumi*.yaml"):
        settings = yaml.safe_load(path.read_text())
        config = settings.get("config") or {}
        # They are about rules that the pack below does not have.
        settings["config"] = {
            key: value for key, value in config.items() if not key.startswith("policies:")
        }
        (root / path.name).write_text(yaml.safe_dump(settings))
    shutil.copy(ROOT / "policies/PulumiPolicy.yaml", root / "policies")
    text = PACK.format(root=str(ROOT), file=str(tmp_path / "plan"))
    (root / "policies/__main__.py").write_text(text)
    made = Checkout(root)
    yield made
    made.clean()


def unexplained(plan, file):
    found = pickle.loads(file.read_bytes())  # noqa: S301 - written a moment ago by the pack above
    file.unlink()
    return {path for path in differences(plan, found) if not named_by(found, path)}, found


def test_a_preview_shows_the_plan_before_and_after_the_first_deployment(checkout, tmp_path):
    plan = read_program(ROOT, "local").plan

    checkout.must("preview")
    before, seen = unexplained(plan, tmp_path / "plan")
    assert before == set()
    assert seen.service == plan.service
    # Bands and jumps of demand, slow queries, who is behind the proxy, and what no plan can tell.
    assert len(seen.not_seen) <= 12

    # The pack sees the resources again once they are there, with what AWS has made of them.
    checkout.must("up")
    after, _ = unexplained(plan, tmp_path / "plan")
    assert after == set()
