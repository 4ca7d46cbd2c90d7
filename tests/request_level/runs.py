"""The scenarios' runs, each made once and kept for all tests of a process."""

from dataclasses import replace
from functools import cache

from tests.request_level.assumptions import Assumptions
from tests.request_level.drawn import DRAWN
from tests.request_level.scenarios import NAMED
from tests.request_level.world import replay

SEEDS = (1, 2, 3)

SHARED = Assumptions(
    alarm_phase_seconds=30,
    # Each alarm at a time of its own, spread by the golden ratio.
    alarm_spacing_seconds=37.082,
    custom_delay_seconds=5,
    launch_delay_seconds=5.5,
    pending_seconds=8,
    registration_seconds=5,
    group_health_seconds=30,
    fail_open_includes_initial=False,
    per_target_counts_healthy=True,
)
"""The values that the fast simulation documents as its defaults, so that only the models differ."""

BY_NAME = {scenario.name: scenario for scenario in (*NAMED, *DRAWN)}

FIRST = tuple(BY_NAME)[:8]
"""Those that the fast simulation is held to."""


def assumptions_of(scenario):
    """Return what a scenario assumes where AWS states nothing."""
    return replace(
        SHARED,
        boot_variation=scenario.boot_variation,
        speed_variation=scenario.speed_variation,
    )


@cache
def outcome_of(name, seed=1):
    """Return the outcome of a scenario at request level."""
    scenario = BY_NAME[name]
    return replay(scenario.plan, scenario.trace, seed, assumptions_of(scenario), scenario.losses)
