"""What is injected: it acts, adds up with others, and ends by itself; at the default step."""

import numpy as np
import pytest

from surgeproof.plan import Database, Figure, PlanError, WarmPool
from surgeproof.simulation import Event, Injected, Injection, encode, simulate
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.compiled.interventions import inject
from surgeproof.simulation.injections import KINDS, cannot_act
from surgeproof.simulation.run import world
from tests.simulation.support import (
    CERTAIN,
    constant,
    events,
    fixed,
    group,
    patient,
    scaling,
    service,
    surge,
)

THREE = ("a", "b", "c")


def lost(zone, start, end=r.NEVER):
    return Injected(kind=Injection.ZONE_LOST, start_seconds=start, end_seconds=end, value=zone)


def spread(size, zones=THREE, **changes):
    return fixed(size, groups=(patient(min_size=size, max_size=size, zones=zones, **changes),))


def launches(run):
    return [t for t, _ in events(run, Event.LAUNCH, Event.LAUNCH_FROM_POOL) if t > 0]


def test_with_all_zones_lost_nothing_is_launched_until_one_ends():
    injected = [lost(0, 600), lost(1, 600, 1500)]

    run = simulate(spread(4, ("a", "b")), constant(150, 3600), injected=injected, changes=CERTAIN)

    answering = run.column("answering")
    # A failed launch is tried again each minute: the first try after 1500 is at most a minute late.
    assert [t for t in launches(run) if t < 1500] == []
    assert [1500 <= t <= 1562 for t in launches(run)] == [True]
    assert answering[700 // 2 : 1500 // 2].max() == 0
    assert answering[-1] == 4


def test_zones_that_were_lost_one_after_the_other_stay_lost_together():
    injected = [lost(0, 600), lost(1, 900), lost(2, 1200)]

    run = simulate(spread(6), constant(150, 3600), injected=injected, changes=CERTAIN)

    assert launches(run) != []
    assert max(launches(run)) < 1200
    assert run.column("answering")[-1] == 0


def test_a_zone_that_two_injections_take_is_back_after_the_later_end():
    injected = [lost(0, 600, 900), lost(0, 600, 1500), lost(1, 600), lost(2, 600)]

    run = simulate(spread(6), constant(150, 3600), injected=injected, changes=CERTAIN)

    assert min(launches(run)) >= 1500


def test_a_warm_pool_starts_nothing_in_a_lost_zone():
    injected = [lost(0, 600, 2400), lost(1, 600, 2400)]
    plan = spread(4, ("a", "b"), warm_pool=WarmPool(min_size=4))

    run = simulate(plan, constant(150, 3600), injected=injected, changes=CERTAIN)

    assert min(launches(run)) >= 2400


HELD = {
    Injection.BOOT_SLOWER: ("boot_factor", 1, 3, 5),
    Injection.DATABASE_SLOWER: ("database_factor", 1, 2, 4),
    Injection.METRICS_LATE: ("metrics_late", 0, 60, 120),
    Injection.LOAD_SHED: ("shed", 0, 0.2, 0.5),
    Injection.UNEVEN_LOAD: ("uneven", 0, 0.6, 0.9),
    Injection.NO_CAPACITY: ("no_capacity", 0, 1, 1),
}


@pytest.mark.parametrize("kind", HELD, ids=str)
@pytest.mark.parametrize("strong_first", [True, False])
def test_of_overlapping_injections_the_strongest_holds_and_each_ends_by_itself(kind, strong_first):
    field, calm, weak, strong = HELD[kind]
    first, second = (strong, weak) if strong_first else (weak, strong)
    values = (0, 0) if KINDS[kind].default is None else (first, second)
    injected = [
        Injected(kind=kind, start_seconds=100, end_seconds=300, value=values[0]),
        Injected(kind=kind, start_seconds=200, end_seconds=400, value=values[1]),
    ]
    encoded = encode(fixed(2), constant(1, 600), injected=injected)
    summary = np.zeros(1, r.SUMMARY)
    w = world(
        encoded,
        encoded.scenario[0],
        summary[0],
        longest_session_seconds=300.0,
        most=2,
        log=100,
        series=False,
    )

    held = []
    for moment in (150, 250, 350, 450):
        inject(w, float(moment))
        held.append(float(w.fleet[field]))

    assert held == [first, strong, second, calm]


def test_what_begins_and_ends_within_a_step_acts_for_that_step():
    shed = Injected(kind=Injection.LOAD_SHED, start_seconds=601, end_seconds=601.5, value=0.5)

    run = simulate(fixed(4), constant(100, 1200), injected=[shed])

    assert run.bad[299:302] == pytest.approx([0, 0.5, 0], abs=1e-3)


def test_what_begins_in_the_last_second_acts_in_the_last_step():
    shed = Injected(kind=Injection.LOAD_SHED, start_seconds=599, value=0.5)

    run = simulate(fixed(4), constant(100, 600), injected=[shed])

    assert run.bad[-2:] == pytest.approx([0, 0.5], abs=1e-3)


def test_a_second_refresh_is_refused_while_one_is_under_way():
    injected = [
        Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=start) for start in (600, 604)
    ]

    run = simulate(fixed(6), constant(100, 1200), injected=injected, changes=CERTAIN)

    assert events(run, Event.REFRESH_STARTS) == [(600, Event.REFRESH_STARTS)]
    assert events(run, Event.REFRESH_REFUSED) == [(604, Event.REFRESH_REFUSED)]


def test_overlapping_restarts_each_restart_every_instance_once_in_their_own_time():
    injected = [
        Injected(kind=Injection.ROLLING_RESTART, start_seconds=start, end_seconds=start + 800)
        for start in (600, 1000)
    ]

    run = simulate(spread(4, ("a", "b")), constant(100, 3600), injected=injected, changes=CERTAIN)

    # One each 200 s, and each answers about a boot of 60 s and a check of up to 30 s later.
    answers = [t for t, _ in events(run, Event.ANSWERS) if t > 600]
    begun = [600, 800, 1000, 1000, 1200, 1200, 1400, 1600]
    assert len(answers) == 8
    assert all(60 <= t - start <= 95 for t, start in zip(answers, begun, strict=True)), answers


DATABASE = Database(name="db", queries_per_second=Figure.exactly(100))
WAITING = service(database_seconds=Figure.exactly(0.05))
ACTS = {
    "a zone": (scaling(), lost(1, 0), None),
    "no zone": (scaling(), lost(2, 0), "the zones of group web are 0 (a), 1 (b)"),
    "after the end": (scaling(), lost(0, 600), "the trace ends at 10m"),
    "in the last second": (scaling(), lost(0, 599), None),
    "no database": (
        scaling(service=WAITING),
        Injected(kind=Injection.DATABASE_SLOWER, start_seconds=0, value=3),
        "the plan has no database",
    ),
    "no time in it": (
        scaling(database=Database(name="db")),
        Injected(kind=Injection.DATABASE_SLOWER, start_seconds=0, value=3),
        "no request waits for the database: service.databaseSeconds is 0",
    ),
    "its capacity": (
        scaling(database=DATABASE),
        Injected(kind=Injection.DATABASE_SLOWER, start_seconds=0, value=3),
        None,
    ),
    "its time": (
        scaling(database=Database(name="db"), service=WAITING),
        Injected(kind=Injection.DATABASE_SLOWER, start_seconds=0, value=3),
        None,
    ),
    "no boot": (
        scaling(service=service(boot_seconds=Figure.exactly(0))),
        Injected(kind=Injection.BOOT_SLOWER, start_seconds=0, value=3),
        "an instance boots in no time: service.bootSeconds is 0",
    ),
    "one instance": (
        fixed(1),
        Injected(kind=Injection.UNEVEN_LOAD, start_seconds=0, value=0.8),
        "group web has one instance",
    ),
    "no instance": (
        fixed(1, groups=(group(min_size=0, max_size=0),)),
        Injected(kind=Injection.NO_CAPACITY, start_seconds=0),
        "group web has no instance",
    ),
}


@pytest.mark.parametrize(("plan", "injected", "reason"), ACTS.values(), ids=ACTS)
def test_what_cannot_act_is_known_before_it_is_run(plan, injected, reason):
    assert cannot_act(injected, plan, plan.groups[0], 600) == reason


@pytest.mark.parametrize(
    ("injected", "rule"),
    [
        (Injected(kind=Injection.BOOT_SLOWER, start_seconds=0, value=1), "boot-slower must have"),
        (Injected(kind=Injection.METRICS_LATE, start_seconds=0), "metrics-late must have"),
        (Injected(kind=Injection.LOAD_SHED, start_seconds=5, end_seconds=5, value=1), "must end"),
        (Injected(kind=Injection.ROLLING_RESTART, start_seconds=5), "must have an END"),
    ],
    ids=["factor 1", "late by 0", "empty span", "endless restart"],
)
def test_what_would_change_nothing_anywhere_is_refused(injected, rule):
    with pytest.raises(PlanError, match=rule):
        simulate(fixed(2), constant(1, 600), injected=[injected])


def test_more_injections_than_the_kernel_tells_apart_are_refused():
    with pytest.raises(PlanError, match="injected: must be at most 60, got 61"):
        encode(fixed(2), constant(1, 600), injected=[lost(0, 0)] * 61)


def test_late_metrics_delay_the_reaction_by_as_much():
    late = Injected(kind=Injection.METRICS_LATE, start_seconds=0, value=60)
    load = surge(80, 300, 1200, 5400)

    plain = simulate(scaling(), load, changes=CERTAIN).summary["first_scale_out_at"]
    delayed = simulate(scaling(), load, injected=[late], changes=CERTAIN)

    assert delayed.summary["first_scale_out_at"] == plain + 60
