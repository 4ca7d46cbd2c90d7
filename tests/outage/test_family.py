"""The outage's family: what is committed meets the facts, and is what the command finds."""

from dataclasses import replace

import pytest

from surgeproof.outage.__main__ import written
from surgeproof.outage.family import (
    COLUMNS,
    LEAST_LEAD_SECONDS,
    MEMBERS,
    RANGES,
    SEED,
    Facts,
    Range,
    draw,
    facts,
    fleet,
    measures,
    nothing_done,
    simulated,
    solved,
    story,
)
from surgeproof.simulation import Injection
from surgeproof.traces.outage import FILE, Family, Member, demand, family, shipped

COMMITTED = family()
SAMPLE = [*COMMITTED.members[::12], shipped()]
REJECTED = sorted(set(range(60)) - {member.number for member in COMMITTED.members})

MET = Facts(
    affected_percent=40,
    affected_alone_percent=20,
    alarm_at=120,
    alarm_first=True,
    bad_before=False,
    bad_share=1,
    queued_seconds=3600,
    ends_at=0,
    ends_alone_at=3600,
    broken_share=1,
)


def test_the_family_has_as_many_members_as_it_should():
    assert len(COMMITTED.members) == MEMBERS >= 200
    assert COMMITTED.tried > MEMBERS
    assert COMMITTED.seed == SEED


@pytest.mark.parametrize("member", SAMPLE, ids=lambda member: str(member.number))
def test_a_committed_member_meets_the_facts(member):
    assert facts(member.values).unmet() == ()


@pytest.mark.parametrize("member", COMMITTED.members[:4], ids=lambda member: str(member.number))
def test_the_command_finds_what_is_committed(member):
    assert solved(draw(member.number)) == pytest.approx(member.values, rel=1e-4)


def test_the_command_rejects_what_is_not_committed():
    assert [solved(draw(number)) for number in REJECTED[::6]] == [None] * len(REJECTED[::6])


def test_the_file_is_what_the_command_writes():
    text = written(COMMITTED.tried, COMMITTED.shipped, COMMITTED.members)

    assert FILE.read_text() == text


@pytest.mark.parametrize("each", RANGES, ids=lambda each: each.name)
def test_what_is_committed_lies_within_the_ranges(each):
    values = [member.values[each.name] for member in COMMITTED.members]

    assert each.low <= min(values) <= max(values) <= each.high


def test_demand_rises_before_the_alarm():
    leads = [member.values["lead_seconds"] for member in COMMITTED.members]

    assert min(leads) >= LEAST_LEAD_SECONDS == 60


def test_every_number_of_a_member_is_explained():
    assert set(shipped().values) == set(COLUMNS)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"affected_percent": 37.9}, "40 % of the users affected"),
        ({"affected_percent": 42.1}, "40 % of the users affected"),
        ({"alarm_at": -1}, "alarm at 08:45"),
        ({"alarm_at": 301}, "alarm at 08:45"),
        ({"alarm_first": False}, "the alarm on response time first"),
        ({"bad_before": True}, "no trouble before the surge"),
        ({"bad_share": 0.4}, "trouble for most of the incident"),
        ({"queued_seconds": 0}, "servers exhausted"),
        ({"ends_at": 360}, "over at 11:30"),
        ({"ends_at": -360}, "over at 11:30"),
        ({"ends_alone_at": 300}, "still broken at 11:30 if nothing is done"),
        ({"broken_share": 0.4}, "still broken at 11:30 if nothing is done"),
    ],
    ids=str,
)
def test_a_fact_that_is_not_met_is_named(change, fact):
    assert replace(MET, **change).unmet() == (fact,)


def test_all_facts_can_be_met():
    assert MET.unmet() == ()


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"peak_factor": 1.06, "plateau_share": 1}, "servers exhausted"),
        ({"shed_share": 0.9}, "40 % of the users affected"),
        ({"end_at": 1200}, "over at 11:30"),
        ({"plateau_ends_seconds": 0, "decline_seconds": 0}, "still broken at 11:30 if nothing is"),
        ({"lead_seconds": 2400}, "alarm at 08:45"),
    ],
    ids=str,
)
def test_other_numbers_do_not_meet_the_facts(change, fact):
    unmet = facts({**shipped().values, **change}).unmet()

    assert any(each.startswith(fact) for each in unmet), unmet


def test_the_fleet_before_is_fixed_and_has_one_alarm_on_response_time():
    plan = fleet(shipped().values)

    assert plan.groups[0].min_size == plan.groups[0].max_size
    assert plan.policies == plan.schedules == plan.composites == ()
    assert [alarm.metric.name for alarm in plan.alarms] == ["TargetResponseTime"]


def test_the_measures_are_shedding_then_a_rolling_restart_that_ends_the_uneven_spread():
    uneven, shed, restart = measures(shipped().values)

    assert [each.kind for each in (uneven, shed, restart)] == [
        Injection.UNEVEN_LOAD,
        Injection.LOAD_SHED,
        Injection.ROLLING_RESTART,
    ]
    assert shed.start_seconds < restart.start_seconds < restart.end_seconds
    assert uneven.end_seconds == shed.end_seconds == restart.end_seconds
    assert [each.kind for each in nothing_done(shipped().values)] == [Injection.UNEVEN_LOAD]


def test_a_draw_depends_on_seed_and_number_alone():
    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
    assert draw(3) != draw(3, seed=1)


@pytest.mark.parametrize(
    ("drawn", "value"),
    [
        (Range("even", 10, 20, "s", ""), 15),
        (Range("by ratio", 1, 100, "s", "", by_ratio=True), 10),
        (Range("whole", 0, 3, "s", "", whole=True), 2),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_the_middle_of_a_range(drawn, value):
    assert drawn.at(0.5) == value


def test_the_demand_says_that_it_is_chosen():
    told = " ".join(demand(shipped().values).provenance)

    assert "the postmortem states no rate: each number is a choice" in told


def test_the_story_tells_the_facts():
    values = shipped().values

    told = story(simulated(values, measures(values)))

    assert "08:45 to 11:30" in told
    assert "alarm at 08:4" in told


def test_the_shipped_member_is_one_of_the_family():
    assert Family(seed=1, tried=2, shipped=7, members=(Member(5, {}), Member(7, {"a": 1}))).member(
        7
    ) == Member(7, {"a": 1})
