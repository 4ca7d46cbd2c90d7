"""Which share of the requests an instance gets."""

import pytest

from surgeproof.plan import BalancingAlgorithm, Figure, ScheduledAction, TargetGroup
from surgeproof.simulation import simulate
from tests.simulation.support import CERTAIN, Rates, fixed, group, service, users


@pytest.mark.parametrize(
    ("algorithm", "hurt"),
    [
        (BalancingAlgorithm.ROUND_ROBIN, True),
        (BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS, False),
    ],
)
def test_a_cold_instance_is_spared_by_least_outstanding_requests_alone(algorithm, hurt):
    """Six carry 440 in all, two of them, cold, 20 each; the equal share of 350 is 58."""
    plan = fixed(
        4,
        groups=(group(min_size=4, max_size=6),),
        schedules=(ScheduledAction(name="more", group="web", start_seconds=600, min_size=6),),
        target_groups=(TargetGroup(name="tg", unhealthy_threshold=10, algorithm=algorithm),),
        service=service(
            cold_seconds=Figure.exactly(600), cold_requests_per_second=Figure.exactly(20)
        ),
        users=users(retries=0),
    )

    run = simulate(plan, Rates([350.0] * 120, dated=True), changes=CERTAIN)

    assert run.column("answering")[420] == 6
    # Each answers by minute 12. With equal shares a third of the requests waits for ever longer.
    late = run.bad[400:420].mean()
    assert late == pytest.approx(1 / 3, abs=0.01) if hurt else late < 0.02
