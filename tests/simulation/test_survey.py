"""The runs that a verdict rests on: what is swept, where the ends lie, and what moves a verdict."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    Database,
    DemandMetric,
    Figure,
    Metric,
    MissingData,
    ScheduledAction,
    SimpleScaling,
    TargetGroup,
    TargetTracking,
    TrackedMetric,
    WarmPool,
)
from surgeproof.plan.configured import Surviving
from surgeproof.simulation import Injected, Injection, encode, simulate, sweep
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.outcomes import affected_percents, survived_runs
from surgeproof.simulation.scenarios import (
    BETTER_RUNS,
    DRAWS,
    READ_WHERE,
    RUNS,
    WORSE_RUNS,
    at_end,
    changed,
    read_ranges,
    survey,
)
from surgeproof.simulation.verdict import judge
from tests.simulation.support import (
    Rates,
    fixed,
    group,
    patient,
    scaling,
    service,
    surge,
    users,
)

SOURCES = Path(__file__).parents[2] / "surgeproof" / "simulation"
NINE = 1673773200.0
HARD = replace(surge(80, 330, 600, 3600), start_seconds=NINE, dated=True)
ABOUT = {
    "requests_per_second": Figure.about(100),
    "cold_requests_per_second": Figure.about(60),
    "cold_seconds": Figure.about(60),
    "service_seconds": Figure.about(0.1),
    "boot_seconds": Figure.about(60),
    "queue_size": Figure.about(500),
}


def own(name, namespace, metric, statistic="Average", **changes):
    values = {
        "name": name,
        "metric": Metric(namespace=namespace, name=metric, statistic=statistic),
        "comparison": Comparison.GREATER,
        "threshold": 1.0,
        "evaluation_periods": 3,
        "missing_data": MissingData.NOT_BREACHING,
        "notifies": True,
    }
    return Alarm(**(values | changes))


def tracking(name, metric, target, **changes):
    return TargetTracking(name=name, group="web", metric=metric, target=target, **changes)


DEMAND = DemandMetric(namespace="Shop", name="Demand", capacity_per_instance=100.0)
PLAIN = fixed(4)
LOAD_BALANCED = scaling(service=service(**ABOUT))
FULL = scaling(
    groups=(
        group(
            detailed_monitoring=False,
            warm_pool=WarmPool(min_size=2),
        ),
    ),
    policies=(
        tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 3000),
        tracking("cpu", TrackedMetric.CPU, 50),
        tracking(
            "fast", Metric(namespace="Shop", name="Demand"), 60, period_seconds=10
        ),
        SimpleScaling(
            name="more",
            group="web",
            adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
            adjustment=1,
            cooldown_seconds=120,
        ),
    ),
    alarms=(
        own("database", "AWS/RDS", "DatabaseConnections"),
        own("size", "AWS/AutoScaling", "GroupInServiceInstances", threshold=3.5),
        own(
            "surge", "AWS/ApplicationELB", "RequestCountPerTarget", "Sum", threshold=4500,
            evaluation_periods=1, alarm_actions=("more",),
        ),
    ),
    schedules=(
        ScheduledAction(name="early", group="web", recurrence="25 9 * * *", min_size=4),
    ),
    demand_metrics=(DEMAND,),
    database=Database(
        name="db",
        max_connections=500,
        queries_per_second=Figure.about(200),
        contention=Figure(low=0.01, typical=0.02, high=0.05),
        coherency=Figure(low=0.0005, typical=0.001, high=0.002),
    ),
    service=service(
        **ABOUT,
        database_seconds=Figure.about(0.02),
        connections_per_instance=Figure(low=40, typical=50, high=80),
        processor_seconds=Figure(low=0.01, typical=0.015, high=0.02),
        pool_start_seconds=Figure.about(30),
        longest_request_seconds=Figure.about(10),
        service_variation=Figure.about(1),
    ),
    users=users(
        session_seconds=Figure.about(300),
        requests_per_session=Figure.about(5),
        timeout_seconds=Figure.about(10),
        backoff_seconds=Figure.about(1),
    ),
)  # fmt: skip
LOST = (
    Injected(kind=Injection.ZONE_LOST, start_seconds=1800, value=0),
    Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=600),
)
PLANS = {"plain": (PLAIN, ()), "load balancer": (LOAD_BALANCED, ()), "all": (FULL, LOST)}


def fates(encoded, name, low, high):
    """The summaries with one parameter at both ends, without their counts of log entries."""
    names = sorted(set(r.SUMMARY.names) - {"events", "events_dropped"})
    found = sweep(encoded, changed(encoded, [{name: low}, {name: high}]))
    return found[names]


def stated(encoded):
    """Every parameter that has a range, read or not."""
    ranges = {name: (row.low, row.high) for name, row in ASSUMPTIONS.items()}
    return ranges | {
        name: (figure.low, figure.high)
        for name, figure in encoded.figures.items()
        if figure.high > figure.low
    }


@pytest.mark.parametrize(("plan", "injected"), PLANS.values(), ids=PLANS)
def test_what_is_not_swept_changes_nothing(plan, injected):
    encoded = encode(plan, HARD, injected=injected)
    read = read_ranges(encoded)

    for name, (low, high) in stated(encoded).items():
        if name not in read:
            at_low, at_high = fates(encoded, name, low, high)
            assert at_low == at_high, name


def test_each_parameter_is_read_where_the_plan_has_what_reads_it_and_only_there():
    unread = {
        name: set(stated(encode(plan, HARD, injected=injected)))
        - set(read_ranges(encode(plan, HARD, injected=injected)))
        for name, (plan, injected) in PLANS.items()
    }

    assert unread["all"] == set()
    known = {name for name in READ_WHERE if name in ASSUMPTIONS}
    # Without a range of its own the time from a warm pool has one of the plan's.
    # The plain plan has a load balancer, whose checks replace instances.
    checked = {"group_check_seconds", "group_check_phase", "all_unhealthy_share"}
    assert unread["plain"] == known - checked - {"registration_seconds"} | {"pool_start_seconds"}
    assert {"ec2_delay_seconds", "tracking_fast_periods", "schedule_delay_seconds"} <= unread[
        "load balancer"
    ]
    assert not {"load_balancer_delay_seconds", "tracking_high_periods"} & unread["load balancer"]


def test_every_field_of_a_scenario_is_read_by_the_compiled_code():
    """A field that nothing reads would be swept in vain, and its figure asked for in vain."""
    read = "".join(path.read_text() for path in sorted((SOURCES / "compiled").glob("*.py")))
    known_to_python = {
        "fail_minutes", "detailed_monitoring", "instances_per_slot", "concurrency",
    }  # fmt: skip
    unread = {
        name
        for name in r.SCENARIO.names
        if not re.search(rf"\b(c|scenario|scenarios\[k\])\.{name}\b", read)
    }
    assert unread - known_to_python == set()


def test_the_worse_ends_are_run_at_phases_that_cover_the_minute():
    encoded = encode(FULL, HARD, injected=LOST)

    runs = at_end(encoded, worse=True, count=60, seed=3)

    records = runs.records
    assert (records["boot_seconds"] == encoded.figures["boot_seconds"].high).all()
    assert (records["requests_per_second"] == encoded.figures["requests_per_second"].low).all()
    assert (records["load_balancer_delay_seconds"] == 120).all()
    assert (records["agent_delay_seconds"] == 10).all()
    # The first has the typical phase; each other one lies in a second of its own.
    phases = records["alarm_phase_seconds"]
    assert phases[0] == 30
    assert len(set((phases[1:] / 59.9 * 60).astype(int))) == 59
    assert len(set(records["seed"].tolist())) == 60
    assert len(set(records["partial_minute"].tolist())) == 2


def test_the_better_ends_are_the_other_ones():
    encoded = encode(FULL, HARD, injected=LOST)

    records = at_end(encoded, worse=False, count=2, seed=3).records

    assert (records["boot_seconds"] == encoded.figures["boot_seconds"].low).all()
    assert (records["requests_per_second"] == encoded.figures["requests_per_second"].high).all()
    assert (records["load_balancer_delay_seconds"] == 60).all()


def test_a_survey_is_better_worse_and_between_and_is_the_same_for_the_same_seed():
    encoded = encode(FULL, HARD)
    found = survey(encoded, 5)

    assert found.records.size == RUNS == BETTER_RUNS + WORSE_RUNS + DRAWS
    high = found.records["boot_seconds"] == encoded.figures["boot_seconds"].high
    assert high[found.worse].all()
    assert not high[found.better].any()
    assert not high[found.between].any()
    assert np.array_equal(found.records, survey(encoded, 5).records)
    assert not np.array_equal(found.records, survey(encoded, 6).records)


def test_a_stack_that_fails_only_at_some_phases_of_its_worse_ends_is_uncertain():
    """With the typical phase it survives at the worse ends, and in all draws between."""
    plan = scaling(
        groups=(patient(),),
        # Health checks that take nothing out: else a collapse hides what single phases do.
        target_groups=(TargetGroup(name="tg", unhealthy_threshold=10),),
        service=service(boot_seconds=Figure.about(60), queue_size=Figure.exactly(50)),
        users=users(retries=0),
    )
    load = surge(80, 230, 600, 3600)
    trials = judge(plan, load).trials
    affected = affected_percents(trials.summaries)
    worse, between = affected[trials.survey.worse], affected[trials.survey.between]
    bound = max(worse[0], between.max(), affected[trials.survey.better].max())
    assert worse.max() > 1.03 * bound
    limits = Surviving(affected_users_percent=1.02 * bound, bad_minutes=60)

    verdict = judge(plan, load, limits=limits).verdict

    assert verdict.word == "uncertain"
    assert verdict.measured.worse.affected_users_percent == worse.max()
    assert 0 < int((1 - survived_runs(trials.summaries, limits)).sum()) < 60


MOVED = scaling(service=service(**ABOUT), groups=(patient(),))


def test_what_is_said_to_move_a_verdict_changes_it_when_it_is_moved_alone():
    load = surge(80, 260, 600, 3600)

    movers = judge(MOVED, load).verdict.measured.movers

    assert len(movers) == 3
    for each in movers:
        for value, outcome in ((each.low, each.at_low), (each.high, each.at_high)):
            alone = simulate(MOVED, load, changes={each.name: value})
            assert alone.affected_percent == outcome.affected_users_percent
            assert alone.summary["bad_minutes"] == outcome.bad_minutes
        harms = (each.at_low.affected_users_percent, each.at_high.affected_users_percent)
        assert max(harms) > 1.1 * min(harms)


def test_what_changes_nothing_alone_is_not_named():
    """With all exactly known, and a jump that no reaction reaches, nothing moves the verdict."""
    plan = fixed(2, groups=(patient(min_size=2, max_size=2),), users=users(retries=0))

    measured = judge(plan, surge(80, 900, 600, 1800)).verdict.measured

    assert measured.typical.bad_minutes == 20
    assert measured.movers == ()


def test_a_figure_that_the_simulation_does_not_read_is_said_and_lowers_the_verdict():
    plan = replace(FULL, service=replace(FULL.service, connections_per_request=Figure.exactly(2)))
    line = (
        "service.connectionsPerRequest (2 to 2) is not read: no request waits for a connection of "
        "its instance's own pool"
    )

    encoded = encode(plan, HARD)

    assert line in encoded.limitations
    assert line in encoded.supply_limitations
    assert "connections_per_request" not in read_ranges(encoded)
    assert line not in encode(FULL, HARD).limitations


SHARES = [
    (1, (200, 600), (0, 1200), (300, 600)),
    (20, (500, 60), (1, 3000)),
    (5, (0, 600), (900, 1200), (0, 900)),
]


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("requests", "parts"), [(n, parts) for n, *parts in SHARES])
def test_no_share_of_the_users_is_above_all_of_them(requests, parts, closed):
    everybody = users(
        session_seconds=Figure.exactly(127),
        requests_per_session=Figure.exactly(requests),
        think_seconds=Figure.exactly(10) if closed else None,
    )
    plan = fixed(2, groups=(patient(min_size=2, max_size=2),), users=everybody)
    load = Rates(np.concatenate([np.full(s // 10, float(rate)) for rate, s in parts]))
    turned_away = [Injected(kind=Injection.LOAD_SHED, start_seconds=0, value=1.0)]

    run = simulate(plan, load, injected=turned_away)

    spans = [
        (start, start + 60.0) for start in range(0, int(10 * load.requests_per_second.size), 20)
    ]
    shares = [run.affected_percent_within(*span) for span in spans]
    assert 96 < run.affected_percent <= 100
    assert max(shares) <= 100


def test_the_reference_states_how_many_runs_a_verdict_rests_on():
    told = (SOURCES.parents[1] / "docs" / "reference" / "replay.md").read_text()

    assert f"in each of the {RUNS} runs" in told
    assert (
        f"set to its worse ends ({WORSE_RUNS} runs), to its better ends ({BETTER_RUNS} runs), and "
        f"to {DRAWS}" in told
    )
