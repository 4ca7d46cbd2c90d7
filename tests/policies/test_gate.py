"""The gate as its users meet it, on sizes of `prod` that carry its surges and that do not."""

import json

import pytest
from click.testing import CliRunner

from surgeproof.commands.check import check
from surgeproof.exits import Exit
from tests.policies.test_shipped_stacks import ROOT, _state

GROUP = "aws:autoscaling/group:Group::"


@pytest.fixture(scope="module")
def prod():
    """The state that the stack `prod` has once it is up."""
    return json.loads(_state("prod"))


@pytest.fixture
def gate(prod, tmp_path, monkeypatch):
    """Return a function that checks `prod` with other sizes: exit code and printed lines."""

    def checked(**sizes):
        for resource in prod["resources"]:
            if GROUP in resource["urn"]:
                resource["inputs"] |= sizes
        state = tmp_path / "state.json"
        state.write_text(json.dumps(prod))
        monkeypatch.chdir(ROOT)
        arguments = ["--stack", "prod", "--state", str(state)]
        done = CliRunner().invoke(check, arguments, standalone_mode=False)
        return done.return_value, done.output.splitlines()

    return checked


def test_a_maximum_of_8_is_stopped(gate):
    code, lines = gate(minSize=8, maxSize=8)

    assert code is Exit.NO
    assert lines[-1] == (
        "Surges: double UNCERTAIN, 69.1 % hurt (13 of 60 draws survive): the group was at its "
        "maximum size (8) \u00b7 fivefold FAILS, 91.6 % hurt (0 of 60 draws survive): no limit, "
        "lifted alone, would have helped (8 of at most 8 instances answered) \u00b7 outage FAILS, "
        "14 % hurt (0 of 60 draws survive): the group was at its maximum size (8)."
    )
    helps = [line for line in lines if "Helps: " in line]
    assert helps[0] == (
        "    Helps: fleet.maxSize 8 -> 26 and fleet.minSize 8 -> 26: survives; affected users 91.6 "
        "% -> < 0.01 %, bad minutes 43 -> 0; 420 of 420 runs under all 3 surges survive."
    )
    assert lines.count("    What helps is told with surge `fivefold`, the worst one.") == 2


def test_a_minimum_of_16_is_stopped(gate):
    code, lines = gate(minSize=16, maxSize=60)

    assert code is Exit.NO
    assert lines[-1].split(" \u00b7 ")[1] == (
        "fivefold UNCERTAIN, 12.4 % hurt (0 of 60 draws survive): more instances were asked for "
        "and did not answer yet (18 of at most 60 instances answered)"
    )


def test_a_minimum_of_23_passes_with_advice(gate):
    code, lines = gate(minSize=23, maxSize=60)

    assert code is Exit.DONE
    assert (
        lines[-1].split(" \u00b7 ")[1]
        == "fivefold uncertain, < 0.01 % hurt (53 of 60 draws survive)"
    )
    (advice,) = [line for line in lines if "stack-survives-most-runs" in line]
    assert "88.3 % of the drawn runs survive, must be at least 95 %" in advice


def test_a_minimum_of_24_passes_with_its_share(gate):
    code, lines = gate(minSize=24, maxSize=60)

    assert code is Exit.DONE
    assert (
        lines[-1].split(" \u00b7 ")[1]
        == "fivefold uncertain, < 0.01 % hurt (58 of 60 draws survive)"
    )
    assert not [line for line in lines if "stack-survives-most-runs" in line]
