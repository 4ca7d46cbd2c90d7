"""What the shipped stacks are said to survive, by the configuration as it stands in the files."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.replay import without_own_metrics
from surgeproof.outage.survival import hardest_on, scale_of, survivals
from surgeproof.plan.program import read_program
from surgeproof.simulation.scenarios import BETTER_RUNS
from surgeproof.simulation.verdict import judge
from surgeproof.traces import named_trace
from surgeproof.traces.outage import family, shipped

ROOT = Path(__file__).parents[2]
EVERYDAY = {"local": 1, "dev": 1, "prod": 9}
"""Everyday load of each stack, in hundreds of requests per second."""


@pytest.fixture(scope="module")
def stacks():
    """The programs of the shipped stacks."""
    return {name: read_program(ROOT, name) for name in EVERYDAY}


def verdict_of(stack, plan, trace):
    load = named_trace(trace).scale(EVERYDAY[stack])
    return judge(plan, load).verdict


@pytest.mark.parametrize(
    ("stack", "trace", "word"),
    [
        ("local", "x2-in-300s", "survives"),
        ("local", "outage-2023-01-15", "survives"),
        ("dev", "x2-in-300s", "survives"),
        ("dev", "outage-2023-01-15", "survives"),
        ("dev", "x5-in-300s", "uncertain"),
        ("prod", "x2-in-300s", "survives"),
        ("prod", "x5-in-300s", "survives"),
        ("prod", "outage-2023-01-15", "survives"),
        ("prod", "x10-in-0s", "fails"),
    ],
)
def test_verdict(stacks, stack, trace, word):
    verdict = verdict_of(stack, stacks[stack].plan, trace)

    assert verdict.word == word, verdict.why
    assert verdict.measured.runs == 140


@pytest.mark.parametrize("trace", ["x2-in-300s", "outage-2023-01-15"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_survives_on_load_balancer_metrics_alone(stacks, stack, trace):
    plan = without_own_metrics(stacks[stack].plan)

    verdict = verdict_of(stack, plan, trace)

    assert verdict.word == "survives", verdict.why


def test_a_metric_that_nobody_describes_leaves_out_what_follows_it_and_decides_nothing(stacks):
    plan = replace(stacks["prod"].plan, demand_metrics=())

    verdict = verdict_of("prod", plan, "x2-in-300s")

    left_out = [line for line in verdict.limitations if "RequestsUnderWay" in line]
    assert len(left_out) == 3  # target tracking, the surge alarm that scales, the one that pages
    assert verdict.word == "uncertain"


def test_without_the_fast_metric_nothing_follows_it_and_nothing_is_left_out(stacks):
    plan = without_own_metrics(stacks["prod"].plan)

    limitations = verdict_of("prod", plan, "x2-in-300s").limitations

    assert [line for line in limitations if "RequestsUnderWay" in line] == []
    assert len(stacks["prod"].plan.policies) - len(plan.policies) == 2


def test_five_times_the_load_is_too_much_for_dev_and_what_would_have_to_stand_is_told(stacks):
    """Only with all figures at their better ends some runs survive, and not at each phase."""
    measured = verdict_of("dev", stacks["dev"].plan, "x5-in-300s").measured

    assert 0 < measured.survived_runs < BETTER_RUNS
    assert not measured.typical.survived
    assert stacks["dev"].plan.groups[0].max_size < measured.standing_instances <= 12


@pytest.mark.parametrize("stack", EVERYDAY)
def test_every_surge_that_a_stack_names_is_replayed_above(stacks, stack):
    named = {surge.trace: surge.scale for surge in stacks[stack].stated.surges}

    assert {"x2-in-300s", "outage-2023-01-15"} <= set(named)
    assert set(named.values()) == {EVERYDAY[stack]}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stacks_survive_the_family(stacks, stack):
    read = stacks[stack]

    outcomes = survivals(
        read.plan, read.stated.surviving, family().members[::25], scale_of(read.stated)
    )

    assert [each.member.number for each in outcomes if not each.survives] == []


def test_no_other_member_is_harder_on_dev_than_the_one_that_ships(stacks):
    read = stacks["dev"]
    members = [*family().members[::40], shipped()]

    found = hardest_on(read.plan, read.stated.surviving, members, scale_of(read.stated))

    assert found.number == shipped().number


def test_a_survival_counts_the_runs_of_the_verdict(stacks):
    plan, limits = stacks["dev"].plan, stacks["dev"].stated.surviving
    few = replace(plan, groups=(replace(plan.groups[0], min_size=2, max_size=3),))

    (outcome,) = survivals(few, limits, [shipped()])

    measured = judge(few, named_trace("outage-2023-01-15"), limits=limits).verdict.measured
    assert (outcome.runs, outcome.survived_runs) == (measured.runs, measured.survived_runs)
    assert not outcome.survives
