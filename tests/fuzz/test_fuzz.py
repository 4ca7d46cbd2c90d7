"""The fuzz in short, and that it sees the faults that it looks for. `make fuzz` is the long one."""

import time

import pytest

from tests.fuzz import run
from tests.fuzz.kinds import KINDS, FaultError, Input, Kind
from tests.fuzz.run import fuzz

INPUTS = 25


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_input_is_read_or_refused_by_lines(kind, tmp_path):
    outcome = fuzz(kind, tmp_path / "place", seed=1, numbers=range(INPUTS), whole=False)

    assert outcome.faults == []
    assert outcome.accepted + outcome.refused == INPUTS
    assert outcome.refused > 0


def kind_that(does, *, doubled=False):
    class OneKind(Kind):
        name = "one"

        def make(self, _rng):
            return Input(b"x", doubled)

        def read(self, _content, _rng):
            return does()

    return OneKind


def fails():
    raise KeyError("x")


def hangs():
    while True:
        time.sleep(0.01)


def complains():
    raise FaultError("a refusal with control characters")


@pytest.mark.parametrize(
    ("does", "doubled", "fault"),
    [
        (fails, False, "KeyError: 'x'"),
        (complains, False, "a refusal with control characters"),
        (hangs, False, "not done within 0.2 s"),
        (lambda: True, True, "an equal key was taken without a word"),
        (lambda: time.process_time() and bool([*range(200_000)]), False, "took "),
    ],
    ids=["exception", "refusal", "hang", "equal key", "slow"],
)
def test_each_fault_is_seen(tmp_path, monkeypatch, does, doubled, fault):
    monkeypatch.setattr(run, "HANGS_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(run, "SECONDS_MAX", 0.0 if fault == "took " else 1.0)

    outcome = fuzz(kind_that(does, doubled=doubled), tmp_path, seed=1, numbers=range(1))

    assert len(outcome.faults) == 1
    assert fault in outcome.faults[0]


def test_an_input_is_the_same_each_time(tmp_path):
    first, second = (
        [kind(tmp_path / kind.name, whole=False).make(run.generator(kind, 1, 7)) for kind in KINDS]
        for _ in range(2)
    )

    assert first == second
