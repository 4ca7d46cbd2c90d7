"""A run always ends, or says that it cannot."""

import pytest

from surgeproof.plan import InstanceMaintenancePolicy, Quotas
from surgeproof.simulation import Event, Injected, Injection, simulate
from tests.simulation.support import CERTAIN, constant, events, fixed, group, surge, users


def test_one_that_is_marked_and_well_again_is_replaced_when_there_is_room():
    """Its replacement finds no room, and the fleet is settled meanwhile."""
    policy = InstanceMaintenancePolicy(min_healthy_percent=100, max_healthy_percent=110)
    plan = fixed(
        4,
        groups=(group(min_size=4, max_size=4, maintenance=policy),),
        quotas=Quotas(vcpus=8),
        users=users(retries=0),
    )
    load = surge(100, 900, 600, 3600)
    load.requests_per_second[80:] = 100

    run = simulate(plan, load, changes=CERTAIN)

    unhealthy = [t for t, _ in events(run, Event.UNHEALTHY)]
    well = [t for t, _ in events(run, Event.HEALTHY)]
    assert 600 < unhealthy[0] < well[-1] < 1800
    # The launch is tried again each minute, to the end.
    assert run.summary["launches"] == 0
    assert run.series[-1, 4] == 4


def test_a_group_that_does_not_get_beyond_a_moment_is_refused():
    with pytest.raises(RuntimeError, match="does not get beyond one moment"):
        simulate(
            fixed(4, groups=(group(min_size=4, max_size=6, desired_capacity=4),)),
            constant(100, 600),
            injected=[
                Injected(kind=Injection.NO_CAPACITY, start_seconds=0),
                Injected(kind=Injection.ZONE_LOST, start_seconds=60),
            ],
            changes={"launch_retry_seconds": 0},
        )
