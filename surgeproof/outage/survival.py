"""Which members of the family a fleet survives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from surgeproof.plan import ScalingPlan
from surgeproof.plan.configured import Configured, Surviving
from surgeproof.simulation.encode import Encoded, encode
from surgeproof.simulation.outcomes import affected_percents, survived_runs
from surgeproof.simulation.run import sweep
from surgeproof.simulation.scenarios import Survey, survey
from surgeproof.traces.named import OUTAGE
from surgeproof.traces.outage import EVERYDAY_REQUESTS_PER_SECOND, Member, demand

FEW_RUNS: Final = 10
"""Runs at the worse ends, and between, by which members are sorted before all decide (runs)."""

NEAR: Final = 20
"""Members between which all runs decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survival:
    """What a member does to a fleet, over all runs of a verdict."""

    member: Member
    runs: int
    survived_runs: int
    affected_percent: float
    """Users affected in the run in which most are (percent)."""
    mean_affected_percent: float
    """Users affected, mean of all runs (percent)."""

    @property
    def survives(self) -> bool:
        """Whether the verdict is `survives`."""
        return self.survived_runs == self.runs


def scale_of(stated: Configured) -> float:
    """Return by what a stack's configuration multiplies the outage's demand; 1 if it names none."""
    return next((surge.scale for surge in stated.surges if surge.trace == OUTAGE), 1.0)


def survivals(
    plan: ScalingPlan,
    limits: Surviving,
    members: Sequence[Member],
    scale: float = 1.0,
    chosen: Callable[[Encoded], Survey] = survey,
) -> list[Survival]:
    """Return what each member's demand does to the first group, its users being the plan's own.

    `chosen` gives the runs; by default all that a verdict rests on.
    """
    return [_survival(plan, limits, member, scale, chosen) for member in members]


def _few(encoded: Encoded) -> Survey:
    return survey(encoded, better=1, worse=FEW_RUNS, between=FEW_RUNS)


def _survival(
    plan: ScalingPlan,
    limits: Surviving,
    member: Member,
    scale: float,
    chosen: Callable[[Encoded], Survey],
) -> Survival:
    encoded = encode(plan, demand(member.values, EVERYDAY_REQUESTS_PER_SECOND * scale))
    summaries = sweep(encoded, chosen(encoded))
    affected = affected_percents(summaries)
    survived = survived_runs(summaries, limits)
    return Survival(
        member=member,
        runs=survived.size,
        survived_runs=int(survived.sum()),
        affected_percent=float(affected.max()),
        mean_affected_percent=float(affected.mean()),
    )


def hardest(outcomes: Sequence[Survival]) -> Survival:
    """Return the member that the fewest runs survive; among equals the one that hurts most."""
    return min(outcomes, key=_hardness)


def _hardness(outcome: Survival) -> tuple[int, float]:
    return outcome.survived_runs, -outcome.mean_affected_percent


def hardest_on(
    plan: ScalingPlan, limits: Surviving, members: Sequence[Member], scale: float = 1.0
) -> Member:
    """Return the member that is hardest on the first group.

    Where the group survives them all it gets one standing instance fewer, and so on, until it does
    not: among those that hurt nobody, none would be harder than another. A few runs sort out which
    members come near; all runs of a verdict decide between those.
    """
    first, *others = plan.groups
    for size in range(first.min_size, 0, -1):
        group = replace(first, min_size=size, desired_capacity=None)
        weaker = replace(plan, groups=(group, *others))
        outcomes = survivals(weaker, limits, members, scale, _few)
        if not all(each.survives for each in outcomes):
            break
    outcomes.sort(key=_hardness)
    near = [each.member for each in outcomes[:NEAR]]
    return hardest(survivals(weaker, limits, near, scale)).member
