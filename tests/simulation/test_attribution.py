"""Which limit is named: the one without which a full run of the changed plan is better."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from surgeproof.plan import (
    Database,
    Figure,
    HealthCheckType,
    Quotas,
    ScalingPlan,
    ScheduledAction,
)
from surgeproof.simulation import Injected, Injection, encode, run, simulate
from surgeproof.simulation.attribution import attribute, lifts
from surgeproof.simulation.bottlenecks import Bottleneck
from surgeproof.simulation.measures import needed_instances
from surgeproof.simulation.verdict import judge
from tests.simulation.support import Rates, fixed, group, patient, scaling, service, users

EXACTLY = Figure.exactly
NINE = 1673773200.0
"""A Sunday, 09:00 UTC."""


def wave(*parts, dated=True):
    rates = np.concatenate([np.full(seconds // 10, float(rate)) for rate, seconds in parts])
    return Rates(rates, start_seconds=NINE, dated=dated)


def steady(size=4):
    return (patient(min_size=size, max_size=size),)


def evening(**changes):
    values = {"name": "evening", "group": "web", "recurrence": "20 9 * * *"}
    return ScheduledAction(**(values | changes))


@dataclass(frozen=True)
class Case:
    plan: ScalingPlan
    load: Rates
    named: dict
    """What helps alone, with a step in which it is what stands in the way (None: in none)."""
    injected: tuple = field(default=())


DB = Database(name="db")
SLOW = service(database_seconds=EXACTLY(0.05))
CASES = {
    "max size": Case(
        scaling(groups=(group(max_size=4),)),
        wave((100, 600), (140, 600), (250, 600), (450, 2400)),
        {Bottleneck.MAX_SIZE: 3000},
    ),
    "quota": Case(
        scaling(groups=(patient(max_size=20),), quotas=Quotas(vcpus=6)),
        wave((150, 600), (500, 2400)),
        {Bottleneck.QUOTA: 2000, Bottleneck.MIN_SIZE: 620},
    ),
    "connections": Case(
        fixed(
            6,
            groups=steady(6),
            service=service(connections_per_instance=EXACTLY(100)),
            database=Database(name="db", max_connections=400),
        ),
        wave((200, 2400)),
        {Bottleneck.CONNECTIONS: 1000},
    ),
    "database's capacity": Case(
        fixed(
            6,
            groups=steady(6),
            service=service(database_seconds=EXACTLY(0.03)),
            database=Database(name="db", queries_per_second=EXACTLY(50), contention=EXACTLY(0.3)),
        ),
        wave((100, 600), (200, 1800)),
        {Bottleneck.DATABASE: 1200},
    ),
    "slow database, with as many attempts as requests": Case(
        fixed(
            4, groups=steady(), service=SLOW, users=users(retries=0), database=Database(name="d")
        ),
        wave((200, 2400)),
        {Bottleneck.DATABASE: 1000},
        (Injected(kind=Injection.DATABASE_SLOWER, start_seconds=600, end_seconds=1800, value=30),),
    ),
    "retries": Case(
        fixed(4, groups=steady(), users=users(retries=4, timeout_seconds=EXACTLY(3))),
        wave((300, 600), (900, 300), (300, 3000)),
        {Bottleneck.RETRIES: 2000},
    ),
    # Without retries, since with them single health checks decide when the fleet is stable.
    "launch": Case(
        scaling(
            groups=(patient(),),
            service=service(boot_seconds=EXACTLY(900)),
            users=users(retries=0),
        ),
        wave((80, 600), (210, 4000)),
        {Bottleneck.LAUNCH: 1500, Bottleneck.MIN_SIZE: 700, Bottleneck.DETECTION: None},
    ),
    "detection": Case(
        scaling(
            groups=(patient(),),
            service=service(boot_seconds=EXACTLY(10)),
            users=users(retries=0),
        ),
        wave((80, 600), (210, 4000)),
        {Bottleneck.DETECTION: 800, Bottleneck.MIN_SIZE: None, Bottleneck.LAUNCH: None},
    ),
    "cold": Case(
        scaling(
            users=users(retries=0),
            groups=(patient(),),
            service=service(
                boot_seconds=EXACTLY(10),
                cold_seconds=EXACTLY(900),
                cold_requests_per_second=EXACTLY(20),
            ),
        ),
        wave((80, 600), (120, 600), (180, 600), (250, 2000)),
        {Bottleneck.COLD: 2000, Bottleneck.MIN_SIZE: None},
    ),
    "a lost zone": Case(
        fixed(4, groups=steady()),
        wave((300, 3000)),
        {Bottleneck.CAPACITY: 700},
        (Injected(kind=Injection.ZONE_LOST, start_seconds=600),),
    ),
    "no capacity": Case(
        scaling(groups=(patient(),)),
        wave((80, 600), (120, 600), (300, 2000)),
        {Bottleneck.CAPACITY: 2500, Bottleneck.MIN_SIZE: 1210},
        (Injected(kind=Injection.NO_CAPACITY, start_seconds=0),),
    ),
    "shed": Case(
        fixed(4),
        wave((100, 2000)),
        {Bottleneck.SHED: 700},
        (Injected(kind=Injection.LOAD_SHED, start_seconds=600, end_seconds=900, value=0.3),),
    ),
    "uneven load": Case(
        fixed(4, groups=steady(), users=users(retries=0)),
        wave((300, 2000)),
        {Bottleneck.UNEVEN_LOAD: 700},
        (Injected(kind=Injection.UNEVEN_LOAD, start_seconds=600, end_seconds=900, value=0.9),),
    ),
    "a slow request": Case(
        fixed(4, service=service(service_seconds=EXACTLY(2))),
        wave((30, 2000)),
        {Bottleneck.SERVICE_TIME: 500},
    ),
    "scale-in": Case(
        scaling(
            groups=(patient(),),
            service=service(boot_seconds=EXACTLY(300)),
            users=users(retries=0),
        ),
        wave((80, 600), (160, 2400), (40, 3600), (230, 1800)),
        {Bottleneck.SCALE_IN: 6800, Bottleneck.LAUNCH: None, Bottleneck.MIN_SIZE: None},
    ),
    "a scheduled action": Case(
        scaling(
            groups=(patient(min_size=4),),
            schedules=(evening(max_size=1, min_size=1, desired_capacity=1),),
        ),
        wave((300, 3600)),
        {Bottleneck.SCHEDULE: 1300, Bottleneck.MAX_SIZE: None},
    ),
    "fixed size": Case(
        fixed(2, groups=steady(2)), wave((100, 600), (300, 1800)), {Bottleneck.MAX_SIZE: 1000}
    ),
    "two at once": Case(
        scaling(groups=(patient(max_size=4),), quotas=Quotas(vcpus=8)),
        wave((150, 600), (800, 2400)),
        {},
    ),
}


def without(case, limit, lifted, needed):
    """The plan and what is injected into it, with one limit lifted by a change of the plan."""
    plan, left = case.plan, case.injected
    web = plan.groups[0]

    def injected(*kinds):
        return tuple(each for each in left if each.kind not in kinds)

    def groups(**changes):
        return replace(plan, groups=(replace(web, **changes),))

    def sizes(*names):
        kept = tuple(replace(each, **dict.fromkeys(names)) for each in plan.schedules)
        return tuple(
            each
            for each in kept
            if (each.min_size, each.max_size, each.desired_capacity) != (None, None, None)
        )

    match limit:
        case Bottleneck.SHED:
            left = injected(Injection.LOAD_SHED)
        case Bottleneck.UNEVEN_LOAD:
            left = injected(Injection.UNEVEN_LOAD)
        case Bottleneck.CAPACITY:
            left = injected(Injection.ZONE_LOST, Injection.NO_CAPACITY)
        case Bottleneck.SCHEDULE:
            plan = replace(plan, schedules=())
        case Bottleneck.CONNECTIONS:
            plan = replace(plan, database=replace(plan.database, max_connections=None))
        case Bottleneck.DATABASE:
            left = injected(Injection.DATABASE_SLOWER)
            plan = replace(
                plan,
                database=replace(plan.database, queries_per_second=None),
                service=replace(plan.service, database_seconds=EXACTLY(0)),
            )
        case Bottleneck.QUOTA:
            plan = replace(plan, quotas=Quotas())
        case Bottleneck.SERVICE_TIME:
            plan = replace(plan, service=replace(plan.service, service_seconds=EXACTLY(0.001)))
        case Bottleneck.MAX_SIZE:
            most = int(lifted.scenario["max_size"][0])
            fixed_size = {"min_size": most} if web.min_size == web.max_size else {}
            plan = replace(groups(max_size=most, **fixed_size), schedules=sizes("max_size"))
        case Bottleneck.HEALTH_CHECKS:
            # A target group may ask for no more than ten failures; nothing fails for so long.
            balancing = replace(plan.target_groups[0], unhealthy_threshold=1 << 40)
            plan = groups(health_check_type=HealthCheckType.EC2)
            plan = replace(plan, target_groups=(balancing,))
        case Bottleneck.COLD:
            plan = replace(plan, service=replace(plan.service, cold_seconds=EXACTLY(0)))
        case Bottleneck.SCALE_IN:
            policies = tuple(replace(each, disable_scale_in=True) for each in plan.policies)
            plan = replace(plan, policies=policies)
        case Bottleneck.LAUNCH:
            plan = replace(plan, service=replace(plan.service, boot_seconds=EXACTLY(0)))
        case Bottleneck.RETRIES:
            plan = replace(plan, users=replace(plan.users, retries=0))
        case Bottleneck.MIN_SIZE:
            plan = replace(
                groups(min_size=web.max_size), schedules=sizes("min_size", "desired_capacity")
            )
        case Bottleneck.DETECTION:
            peaks = np.maximum.reduceat(needed, np.arange(0, needed.size, 30))
            rises = tuple(
                evening(
                    name=f"minute-{minute}",
                    recurrence=None,
                    start_seconds=NINE + (60 * minute if minute else -1800),
                    min_size=int(max(peak, web.min_size)),
                )
                for minute, peak in enumerate(peaks)
            )
            plan = replace(plan, schedules=(*sizes("min_size", "desired_capacity"), *rises))
    return plan, left


AT_ONCE = {
    Bottleneck.LAUNCH: {
        "instance_start_seconds": 0,
        "action_to_launch_seconds": 0,
        "registration_seconds": 0,
        "boot_variation": 0,
        "pool_start_seconds": 0,
    },
    Bottleneck.DETECTION: {"schedule_delay_seconds": 0},
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def attributed(request):
    case = request.param
    typical = run(encode(case.plan, case.load, injected=case.injected))
    needed = needed_instances(case.plan, typical.encoded)
    return case, typical, needed, attribute(typical, needed)


def test_what_helps_alone_is_named_and_nothing_else(attributed):
    case, _, _, found = attributed

    helpful = {each.limit for each in found.lifted if each.helps}
    # Where health checks take out what is overloaded, leaving that out helps too; and so do more
    # instances, where a fleet has a fixed size.
    besides = {Bottleneck.HEALTH_CHECKS}
    if case.plan.groups[0].min_size == case.plan.groups[0].max_size:
        besides.add(Bottleneck.MAX_SIZE)
    assert helpful - besides == set(case.named) - besides


def test_each_moment_is_laid_to_the_limit_without_which_it_does_not_fall_short(attributed):
    case, typical, _, found = attributed
    limits = list(Bottleneck)

    for limit, second in case.named.items():
        if second is not None:
            assert limits[found.moments[second // 2]] is limit
    short = (typical.bad > 0.01) | (typical.column("backlog") > 0)
    assert short.any()
    assert np.array_equal(found.moments > 0, short)


def test_a_lifted_limit_is_what_the_full_run_of_the_changed_plan_is(attributed):
    case, _, needed, found = attributed
    encoded = encode(case.plan, case.load, injected=case.injected)
    lifted = dict(lifts(encoded, needed))
    assert set(lifted) == {each.limit for each in found.lifted}

    for each in found.lifted:
        plan, injected = without(case, each.limit, lifted[each.limit], needed)
        full = simulate(plan, case.load, injected=injected, changes=AT_ONCE.get(each.limit))
        assert full.affected_percent == pytest.approx(each.affected_users_percent, abs=0.5), each
        assert int(full.summary["bad_minutes"]) == pytest.approx(each.bad_minutes, abs=1), each


def test_of_a_run_that_hurts_nobody_nothing_is_named():
    judged = judge(fixed(4), wave((50, 1200)))

    assert judged.verdict.measured.lifted == ()
    assert judged.verdict.measured.bottlenecks == ()
    assert not judged.moments.any()


def test_where_no_limit_alone_helps_that_is_what_is_said():
    case = CASES["two at once"]

    measured = judge(case.plan, case.load).verdict.measured

    assert [each.limit for each in measured.lifted if each.helps] == []
    assert {span.bottleneck for span in measured.bottlenecks} == {Bottleneck.SEVERAL}


def test_only_limits_that_a_plan_has_are_lifted():
    plan = fixed(2, target_groups=(), users=users(retries=0))
    plan = replace(plan, groups=(replace(steady(2)[0], target_group=None),))

    assert list(dict(lifts(encode(plan, wave((50, 600))), np.zeros(0)))) == [
        Bottleneck.QUOTA,
        Bottleneck.SERVICE_TIME,
        Bottleneck.MAX_SIZE,
        Bottleneck.LAUNCH,
        Bottleneck.DETECTION,
    ]
