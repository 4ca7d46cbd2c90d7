"""The surges at request level: what each is meant to show, and what holds in all of them."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.request_level.runs import BY_NAME, FIRST, SEEDS, SHARED, outcome_of
from tests.request_level.world import World, replay

pytestmark = pytest.mark.slow


def kinds(name):
    return [kind for _, kind, _ in outcome_of(name).events]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FIRST)
def test_a_surge_hurts_as_many_as_its_story_says(name, seed):
    scenario, outcome = BY_NAME[name], outcome_of(name, seed)
    low, high = scenario.affected_percent
    assert low <= outcome.affected_users_percent <= high
    low, high = scenario.bad_minutes
    assert low <= len(outcome.bad_minutes) <= high


@pytest.mark.parametrize("name", FIRST)
def test_the_size_stays_within_its_bounds(name):
    group = BY_NAME[name].plan.groups[0]
    for _, desired, in_service, healthy in outcome_of(name).sizes:
        assert group.min_size <= desired <= group.max_size
        assert healthy <= in_service <= group.max_size


def test_the_metastable_fleet_stays_down_at_normal_load():
    outcome = outcome_of("metastable")
    requests, bad, attempts = outcome.minutes[-1]
    assert requests == pytest.approx(56 * 60, rel=0.05)
    assert bad > 0.7 * requests
    assert attempts > 2.5 * requests
    assert outcome.counts.wasted > 0.3 * outcome.counts.attempts


def test_without_retries_the_same_burst_passes():
    """So retries are what keeps the metastable fleet down, not the burst."""
    scenario = BY_NAME["metastable"]
    plan = replace(scenario.plan, users=replace(scenario.plan.users, retries=0))
    outcome = replay(plan, scenario.trace, 1, SHARED)
    assert outcome.bad_minutes[-1] < 20


def test_the_cold_half_is_what_hurts():
    """With instances that are warm at once, the same doubling hurts far fewer."""
    scenario = BY_NAME["half-cold"]
    service = replace(scenario.plan.service, cold_requests_per_second=None)
    outcome = replay(replace(scenario.plan, service=service), scenario.trace, 1, SHARED)
    cold = outcome_of("half-cold").affected_users_percent
    assert outcome.affected_users_percent < 0.1 * cold


def test_more_instances_do_not_help_a_full_database():
    outcome = outcome_of("database")
    served = [requests - bad for requests, bad, _ in outcome.minutes[-5:]]
    assert max(desired for _, desired, _, _ in outcome.sizes) == 24
    assert all(count < 60 * 60 for count in served)


def test_failing_checks_take_the_fleet_apart():
    seen = kinds("meltdown")
    assert "fail open" in seen
    assert 2 <= seen.count("replaced as unhealthy") <= 4


def test_one_instance_at_a_time_is_replaced():
    """A tenth of eight, but at least one; the next when the last is warm."""
    replaced = [
        when for when, kind, _ in outcome_of("meltdown").events if kind == "replaced as unhealthy"
    ]
    warm_after = 5.5 + 80 + 120
    assert all(later - earlier >= warm_after for earlier, later in pairwise(replaced))


@pytest.mark.parametrize("name", ["half-cold", "meltdown"])
def test_the_same_seed_gives_the_same_log(name):
    scenario = BY_NAME[name]
    again = World(scenario.plan, 1, SHARED).run(scenario.trace)
    assert again == outcome_of(name)


def test_another_seed_gives_another_log():
    assert outcome_of("half-cold", 1).events != outcome_of("half-cold", 2).events
