"""For what it was shown that this simulation says what one of single requests says.

`python -m tests.request_level.agreement` compares both; a test holds `SHOWN` against its surges.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from surgeproof.plan import Group, ScalingPlan
from surgeproof.plan.model import SimpleScaling
from surgeproof.simulation.compiled.records import Injection
from surgeproof.simulation.injections import Injected
from surgeproof.simulation.load import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How many surges were compared, in how many both say the same, and what the surges have."""

    surges: int
    held: int
    standing: tuple[int, int]
    """Instances when the trace begins, fewest and most."""
    most: int
    """Largest maximum size (instances)."""
    requests_per_second: tuple[float, float]
    """What an instance carries."""
    peak: float
    """Largest load, as a multiple of a trace's first."""
    minutes: float
    """Longest trace."""
    timeout_seconds: tuple[float, float]
    retries: int

    def __str__(self) -> str:
        """Return it as reports say it."""
        return (
            f"single requests: beside a simulation of them, users hurt are within 3 points and bad "
            f"minutes within 2 in {self.held} of {self.surges} surges, of {self.standing[0]} to "
            f"{self.standing[1]} instances standing and {self.most} at most, {_range(self)} "
            f"requests/s an instance, {self.peak:g} times the first load and {self.minutes:g} "
            "minutes at most, with lost zones as the only injected failure"
        )


def _range(shown: Shown) -> str:
    return "{:g} to {:g}".format(*shown.requests_per_second)


SHOWN: Final = Shown(
    surges=31,
    held=27,
    standing=(8, 40),
    most=93,
    requests_per_second=(4, 10),
    peak=5,
    minutes=40,
    timeout_seconds=(6, 60),
    retries=3,
)
"""The one statement of the range; nothing was compared beyond it."""


def outside(
    plan: ScalingPlan, load: Load, group: Group, injected: Sequence[Injected]
) -> tuple[str, ...]:
    """Return a sentence that says where a replay lies outside `SHOWN`; empty where it does not."""
    beyond = list(_beyond(plan, load, group, injected))
    if not beyond:
        return ()
    named = ", ".join(beyond)
    return (f"no comparison with single requests was made for: {named} (see Not modelled)",)


def _beyond(
    plan: ScalingPlan, load: Load, group: Group, injected: Sequence[Injected]
) -> Iterator[str]:
    standing = group.min_size if group.desired_capacity is None else group.desired_capacity
    if not SHOWN.standing[0] <= standing <= SHOWN.standing[1]:
        yield f"{standing} standing instances"
    if group.max_size > SHOWN.most:
        yield f"up to {group.max_size} instances"
    if plan.service is not None:
        figure = plan.service.requests_per_second
        if figure.low < SHOWN.requests_per_second[0] or figure.high > SHOWN.requests_per_second[1]:
            yield f"{figure.typical:g} requests/s an instance"
    rates = np.asarray(load.requests_per_second, np.float64)
    if rates.max() > SHOWN.peak * rates[0]:
        yield f"more than {SHOWN.peak:g} times the first load"
    minutes = rates.size * load.step_seconds / 60.0
    if minutes > SHOWN.minutes:
        yield f"{minutes:g} minutes"
    users = plan.users
    low, high = SHOWN.timeout_seconds
    if users.timeout_seconds.low < low or users.timeout_seconds.high > high:
        yield f"a time-out of {users.timeout_seconds.typical:g} s"
    if users.retries > SHOWN.retries:
        yield f"{users.retries} retries"
    if users.think_seconds is not None:
        yield "users who think"
    targets = plan.target_group_of(group)
    if targets is not None and targets.slow_start_seconds:
        yield "slow start"
    if any(schedule.group == group.name for schedule in plan.schedules):
        yield "scheduled actions"
    if any(isinstance(policy, SimpleScaling) for policy in plan.policies):
        yield "simple scaling"
    for kind in dict.fromkeys(each.kind for each in injected):
        if kind is not Injection.ZONE_LOST:
            yield f"injected: {kind.name.lower().replace('_', ' ')}"
