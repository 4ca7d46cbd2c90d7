"""The words of the verdict, their thresholds, and what stands beside them."""

from dataclasses import replace

import numpy as np
import pytest

from surgeproof.plan import Figure, PlanError
from surgeproof.plan.configured import Surviving
from surgeproof.simulation.measures import elasticity
from surgeproof.simulation.scenarios import RUNS
from surgeproof.simulation.verdict import judge, moved
from tests.report.support import fixed, group, scaling, surge

LIGHT = surge(100, 150)
EDGE = surge(100, 400)
HEAVY = surge(100, 4000)


@pytest.mark.parametrize(
    ("load", "word"), [(LIGHT, "survives"), (EDGE, "uncertain"), (HEAVY, "fails")], ids=str
)
def test_the_word_follows_from_all_runs(load, word):
    verdict = judge(fixed(), load).verdict

    measured = verdict.measured
    assert verdict.word == word
    assert measured.runs == RUNS
    assert (measured.survived_runs == measured.runs) == (word == "survives")
    assert (measured.survived_runs == 0) == (word == "fails")


def test_thresholds_are_met_where_they_are_reached_exactly():
    worse = judge(fixed(), HEAVY).verdict.measured.worse
    limits = Surviving(
        affected_users_percent=worse.affected_users_percent, bad_minutes=worse.bad_minutes
    )

    assert judge(fixed(), HEAVY, limits=limits).verdict.measured.worse.survived
    for stricter in (
        replace(limits, bad_minutes=worse.bad_minutes - 1),
        replace(limits, affected_users_percent=worse.affected_users_percent * 0.999),
    ):
        assert not judge(fixed(), HEAVY, limits=stricter).verdict.measured.worse.survived


def test_the_same_seed_gives_the_same_verdict():
    assert judge(fixed(), EDGE).verdict == judge(fixed(), EDGE).verdict


def test_an_uncertain_verdict_names_what_moves_it_alone_and_how():
    measured = judge(fixed(), EDGE).verdict.measured

    first = measured.movers[0]
    assert first.name == "requests_per_second"
    assert first.documented
    assert not first.at_low.survived
    assert first.at_high.survived
    assert moved(measured)[0] == (
        "requests_per_second, 80 to 120 (requests/s that a warm instance carries): alone at 80 "
        f"{first.at_low}; at 120 {first.at_high}"
    )


def test_what_survives_needs_no_movers_and_what_nothing_moves_alone_says_so():
    measured = judge(fixed(), LIGHT).verdict.measured

    assert measured.movers == ()
    assert moved(measured)[0].startswith("nothing alone: no figure and no assumption")


def test_without_figures_of_the_service_it_is_uncertain_and_says_how_to_get_them():
    judged = judge(fixed(service=None), LIGHT)

    assert judged.verdict.word == "uncertain"
    assert judged.verdict.measured is None
    assert "service.requestsPerSecond" in judged.verdict.why
    assert "load test" in judged.verdict.why


def test_what_was_not_seen_and_what_is_left_out_is_carried():
    verdict = judge(scaling(), LIGHT).verdict

    assert verdict.not_seen == ("quotas.vcpus: The account's quota is not known.",)
    assert any("load balancer" in line for line in verdict.not_modelled)


def test_a_plan_without_a_group_is_refused():
    with pytest.raises(PlanError, match=r"^ScalingPlan.groups: must hold"):
        judge(fixed(groups=()), LIGHT)


def test_each_group_is_judged_by_itself():
    plan = fixed(groups=(group(size=4), group("batch", 100)))

    words = [judge(plan, EDGE, group=name).verdict.word for name in ("web", "batch")]

    assert words == ["uncertain", "survives"]


def test_a_fixed_fleet_is_as_dear_as_the_fixed_one_and_dearer_than_the_clairvoyant():
    cost = judge(fixed(), surge(100, 300)).verdict.measured.cost

    assert cost.instance_hours == pytest.approx(4 / 3)
    assert cost.against_fixed == pytest.approx(1)
    assert cost.against_clairvoyant > 1.1
    assert cost.day_at_maximum_instance_hours == 96


def test_standing_capacity_is_found_and_is_the_least():
    measured = judge(fixed(), EDGE).verdict.measured
    standing = measured.standing_instances

    assert judge(fixed(standing), EDGE).verdict.word == "survives"
    assert judge(fixed(standing - 1), EDGE).verdict.word != "survives"


def test_limits_are_named_where_the_fleet_may_not_grow():
    measured = judge(fixed(), HEAVY).verdict.measured

    assert measured.bottlenecks[0].bottleneck == "max_size"
    assert measured.short_at_seconds == pytest.approx(300, abs=10)
    assert measured.enough_after_seconds is None
    assert measured.first_bad_minute == 5


def test_figures_that_leave_no_instance_within_the_objective():
    slow = replace(fixed().service, service_seconds=Figure.exactly(3))

    measured = judge(fixed(service=slow), LIGHT).verdict.measured

    assert measured.cost.against_clairvoyant is None
    assert measured.elasticity == ()


def test_elasticity_of_a_worked_example():
    spec, normalised = elasticity(np.array([2.0, 2, 4, 4]), np.array([2.0, 4, 4, 2]))

    # Missing: 2 of 4 for a quarter of the time; surplus: 2 over a demand of 2, or a supply of 4.
    assert (spec.under_accuracy_percent, spec.over_accuracy_percent) == (12.5, 25)
    assert (normalised.under_accuracy_percent, normalised.over_accuracy_percent) == (12.5, 12.5)
    assert (spec.under_time_percent, spec.over_time_percent) == (25, 25)
    assert spec.instability_percent == 100


def test_fixed_clairvoyant_and_elasticity_of_a_fleet_worked_by_hand():
    # 100 requests/s for 5 minutes need two instances of just below 100 each, 300 for 15 need four.
    measured = judge(fixed(4), surge(100, 300)).verdict.measured

    cost = measured.cost
    assert cost.instance_hours == pytest.approx(4 * 20 / 60)
    assert cost.fixed_instance_hours == pytest.approx(4 * 20 / 60)
    assert cost.clairvoyant_instance_hours == pytest.approx((2 * 5 + 4 * 15) / 60)
    assert cost.against_clairvoyant == pytest.approx(80 / 70)
    spec, normalised = measured.elasticity
    # For a quarter of the time 4 stand where 2 are needed; in 599 pairs of steps one demand moves.
    assert (spec.over_accuracy_percent, normalised.over_accuracy_percent) == (25, 12.5)
    assert (spec.over_time_percent, spec.under_time_percent) == (25, 0)
    assert spec.instability_percent == pytest.approx(100 / 599)
