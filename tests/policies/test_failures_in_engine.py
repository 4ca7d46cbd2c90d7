"""A pack that fails stops the real engine, wherever it fails; a rule that is advice does not."""

import json

import pytest

from surgeproof.exits import Exit
from tests.engine.conftest import ROOT, Checkout, tiny

pytestmark = pytest.mark.engine

__all__ = ["tiny"]

MAIN = """
import os, signal, sys
sys.path.insert(0, {root!r})

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _checker, analyzer
from surgeproof.policies._rules import ResourceRule, StackRule

TOPIC = frozenset({{"aws:sns/topic:Topic"}})


def broken(*_):
    raise KeyError("hunter2")


def full(*_):
    raise OSError(28, "No space left on device")


def dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def passes(*_):
    pass


def rules(single, together, level=EnforcementLevel.MANDATORY, **more):
    common = {{"description": "Holds.", "severity": Severity.HIGH, "fix": "None.", "types": TOPIC}}
    return {{
        "Topics": (
            ResourceRule(name="topic-single", check=single, enforcement=level, **common),
            StackRule(name="topics-together", check=together, enforcement=level, **common, **more),
        )
    }}


{case}
"""

SERVE = "analyzer.serve('failing', '0.1.0', {})"
FAILED = "the rule failed and has judged nothing: "


@pytest.fixture
def pack(tiny):
    """Return a function that gives the project a pack of our own kind."""

    def make(case: str) -> Checkout:
        tiny.add_policies()
        text = MAIN.format(root=str(ROOT), case=case)
        (tiny.root / "policies" / "__main__.py").write_text(text)
        return tiny

    return make


def test_a_mandatory_rule_that_fails_stops_an_up_before_anything_is_created(pack):
    checkout = pack(SERVE.format("rules(broken, full)"))

    code, printed = checkout.give("up")

    assert code == Exit.NO
    assert f"error     topic-single  aws:sns/topic:Topic topic-0: {FAILED}KeyError" in printed
    assert f"error     topics-together  stack: {FAILED}OSError, No space left on dev" in printed
    assert printed.splitlines()[-1] == (
        "error: preview stopped by 7 violations of mandatory policies"
    )
    assert "hunter2" not in printed
    assert "Traceback" not in printed
    assert checkout.client("sns").list_topics()["Topics"] == []


def test_a_rule_that_fails_is_an_error_in_each_form(pack):
    checkout = pack(SERVE.format("rules(broken, full)"))

    code, _ = checkout.give("preview", "--report", "all.json", "--report", "all.sarif")

    assert code == Exit.NO
    document = json.loads((checkout.root / "all.json").read_text())
    assert document["summary"] == {"violations": 7, "notDecided": 0, "exempted": 0}
    (run,) = json.loads((checkout.root / "all.sarif").read_text())["runs"]
    assert {result["level"] for result in run["results"]} == {"error"}
    assert {result["ruleId"] for result in run["results"]} == {"topic-single", "topics-together"}


def test_an_advisory_rule_that_fails_is_a_violation_that_says_so(pack):
    checkout = pack(SERVE.format("rules(broken, full, EnforcementLevel.ADVISORY)"))

    printed = checkout.must("up")

    assert f"topic-single (advisory)  aws:sns/topic:Topic topic-0: {FAILED}KeyError" in printed
    assert f"topics-together (advisory)  stack: {FAILED}OSError, No space" in printed
    assert "Policies: 7 violations: 7 of no severity; 7 of them advisory." in printed


ENDING = {
    "it cannot be loaded": "raise ImportError('numba')",
    "it dies over a resource": SERVE.format("rules(dies, passes)"),
    "it dies over the stack": SERVE.format("rules(passes, dies)"),
}


@pytest.mark.parametrize("case", ENDING.values(), ids=ENDING)
def test_a_pack_that_ends_stops_it(pack, case):
    checkout = pack(case)

    code, printed = checkout.give("preview", "--report", "all.md", "--report", "all.sarif")

    assert code == Exit.FAILED, printed
    assert printed.splitlines()[-1].startswith("error: preview failed")
    assert "Preview:" not in printed
    assert (checkout.root / "all.md").read_text().startswith("### Policies\n\nnot checked")
    (run,) = json.loads((checkout.root / "all.sarif").read_text())["runs"]
    assert not run["invocations"][0]["executionSuccessful"]


def test_a_program_that_fails_has_not_been_checked(pack):
    checkout = pack(SERVE.format("rules(passes, passes)"))
    (checkout.root / "__main__.py").write_text("raise ValueError('no such thing')\n")

    code, _ = checkout.give("preview", "--report", "all.json")

    document = json.loads((checkout.root / "all.json").read_text())
    assert code == Exit.FAILED
    assert not document["checked"]
    assert document["errors"] == ["no such thing", "preview failed"]
