"""The parts of the request-level simulation, by hand: who gets a request, who ends, who is lost."""

from collections import Counter
from dataclasses import replace

import pytest

from surgeproof.plan.model import BalancingAlgorithm, Group, HealthCheckType, TargetGroup
from surgeproof.traces import Trace
from tests.request_level import measure
from tests.request_level.assumptions import Assumptions
from tests.request_level.drawn import DRAWN, KINDS, draw
from tests.request_level.measure import SOURCES, digest
from tests.request_level.scenarios import NAMED
from tests.request_level.test_against_formulas import exactly, plan
from tests.request_level.world import World, replay

LEAST = BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS


def fleet(size, *, group=None, target_group=None, **more):
    whole = plan(instances=size, seconds=0.2, workers=2, **more)
    (old,) = whole.groups
    return replace(
        whole,
        groups=(
            Group(
                name="web",
                target_group="web",
                **{"min_size": size, "max_size": size, "zones": old.zones} | (group or {}),
            ),
        ),
        target_groups=(TargetGroup(name="web", **(target_group or {})),),
    )


@pytest.mark.parametrize(("algorithm", "share"), [("round_robin", 0.25), (str(LEAST), 0.14)])
def test_who_holds_the_fewest_gets_the_next(algorithm, share):
    """One of four instances is three times as slow; at this load it holds nearly as many."""
    world = World(fleet(4, target_group={"algorithm": BalancingAlgorithm(algorithm)}), 1)
    slow = world.group.members[0].instance
    slow.slowness = 3.0
    world.run(Trace("even", requests_per_second=[10.0] * 60, step_seconds=10))
    arrived = [member.instance.arrived for member in world.group.members]
    assert slow.arrived / sum(arrived) == pytest.approx(share, abs=0.03)


def test_a_client_that_gave_up_is_not_outstanding():
    world = World(fleet(1, target_group={"algorithm": LEAST}, timeout=3), 1)
    world.clients.arrive_at([0.01 * number for number in range(100)])
    world.finish(60)
    (target,) = world.balancer.targets
    assert world.counts.failures["timed out"] > 50
    assert target.outstanding == [0]


def test_a_lost_zone_stays_lost():
    """Three instances in three zones; the one in b is noticed a minute after it is lost."""
    assumptions = Assumptions(
        check_phase_seconds=1, alarm_phase_seconds=0, launch_delay_seconds=5, pending_seconds=6
    )
    lost = fleet(
        3,
        group={"zones": ("a", "b", "c")},
        target_group={"check_interval_seconds": 10, "check_timeout_seconds": 2},
    )
    world = World(lost, 1, assumptions)
    even = Trace("even", requests_per_second=[3.0] * 30, step_seconds=10)
    outcome = world.run(even, [(100.0, ("b",))])
    shown = [event for event in outcome.events if event[1] not in {"OK", "healthy"}]
    assert shown == [
        (100.0, "zones lost", "b"),
        (113.0, "unhealthy", "i-2"),
        (160.0, "replaced as lost", "i-2"),
        (165.0, "launch cold", "i-4"),
        (171.0, "in service", "i-4"),
        (182.0, "unhealthy", "i-4"),
        (225.0, "answers", "i-4"),
    ]
    assert Counter(member.zone for member in world.group.members) == {"a": 2, "c": 1}
    assert outcome.counts.failures["timed out"] == outcome.counts.killed > 10


def test_requests_are_cut_off_when_the_delay_ends():
    """Ten seconds a request; an instance leaves at 5 s and ends at 9 s."""
    cut = replace(
        fleet(2, target_group={"deregistration_delay_seconds": 4}, timeout=60),
        service=replace(
            plan(workers=5, seconds=10.0, variation=0.0).service, longest_request_seconds=exactly(9)
        ),
    )
    (group,) = cut.groups
    log = []
    world = World(
        replace(cut, groups=(replace(group, min_size=1, desired_capacity=2),)), 1, log=log
    )
    world.clients.arrive_at([0.0, 1.0, 2.0, 3.0])
    world.clock.at(5.0, lambda _: world.group.set_desired(1, "test"))
    outcome = world.finish(60)
    ended = [(when, what) for when, what, _, _ in log if what in {"reset", "answered"}]
    assert ended == [(9.0, "reset"), (9.0, "reset"), (10.0, "answered"), (12.0, "answered")]
    assert outcome.counts.failed == 2


def test_a_tenth_is_replaced_at_a_time():
    """Twenty instances that never answer again: two, and the next two when these are warm."""
    sick = fleet(
        20,
        group={
            "health_check_type": HealthCheckType.ELB,
            "default_instance_warmup_seconds": 100,
        },
        target_group={"check_interval_seconds": 10, "check_timeout_seconds": 2},
    )
    assumptions = Assumptions(
        group_health_phase_seconds=29, launch_delay_seconds=5, pending_seconds=6
    )
    world = World(sick, 1, assumptions)
    for member in world.group.members:
        member.instance.answers = False
    events = world.finish(400).events
    replaced = Counter(when for when, kind, _ in events if kind == "replaced as unhealthy")
    # 29 s is the first look after two failed checks; 29 + 5 + 6 + 100 lies before 149.
    assert replaced == {29.0: 2, 149.0: 2, 269.0: 2, 389.0: 2}


def test_half_of_the_scenarios_are_drawn():
    assert len(DRAWN) >= len(NAMED) - 1
    assert len(NAMED) + len(DRAWN) >= 20


def test_drawing_again_gives_the_same():
    again = {scenario.name: scenario for kind in KINDS for scenario in [draw(kind, 1)]}
    for scenario in DRAWN:
        if scenario.name in again:
            other = again[scenario.name]
            assert (other.plan, other.losses) == (scenario.plan, scenario.losses)
            assert list(other.trace.requests_per_second) == list(scenario.trace.requests_per_second)


def test_only_what_changes_results_changes_the_digest(tmp_path, monkeypatch):
    before = digest("cut-off")
    for name in SOURCES:
        (tmp_path / f"{name}.py").write_text((measure.HERE / f"{name}.py").read_text())
    monkeypatch.setattr(measure, "HERE", tmp_path)
    service = tmp_path / "service.py"
    text = service.read_text()
    service.write_text(text.replace('"""', '"""And. ', 1) + "\n# A comment.\n")
    assert digest("cut-off") == before
    service.write_text(text.replace("self.dead = False", "self.dead = True"))
    assert digest("cut-off") != before


def test_the_digest_is_of_one_scenario(monkeypatch):
    before = digest("cut-off")
    scenario = measure.BY_NAME["cut-off"]
    users = replace(scenario.plan.users, retries=1)
    again = replace(scenario, plan=replace(scenario.plan, users=users))
    monkeypatch.setitem(measure.BY_NAME, "cut-off", again)
    assert digest("cut-off") != before
    assert digest("zones-9") != digest("crowd-20")


def test_instances_differ_where_that_is_assumed():
    same = World(fleet(5), 1)
    assert {member.instance.slowness for member in same.group.members} == {1.0}
    apart = World(fleet(5), 1, Assumptions(speed_variation=0.1))
    assert len({member.instance.slowness for member in apart.group.members}) == 5


def test_the_same_seed_loses_the_same():
    lost = fleet(6, group={"zones": ("a", "b", "c")})
    even = Trace("even", requests_per_second=[20.0] * 30, step_seconds=10)
    first, second = (replay(lost, even, 3, losses=[(100.0, ("a", "b"))]) for _ in range(2))
    assert first == second
