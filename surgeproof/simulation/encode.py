"""From a plan and a trace to the records that the kernel runs on.

What cannot be represented is never guessed: it is listed as a limitation, and the alarm or policy
is left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from surgeproof.plan import (
    Figure,
    PlanError,
    ScalingPlan,
)
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.encode_alarms import Rules
from surgeproof.simulation.encode_scenario import scenario_of
from surgeproof.simulation.encode_schedules import schedules
from surgeproof.simulation.figures import figures_of
from surgeproof.simulation.injections import MOST_INJECTIONS, Injected, problem
from surgeproof.simulation.left_out import LeftOut
from surgeproof.simulation.load import Load, resampled

STEPS = (1, 2, 5, 10)
"""Lengths that a step may have (seconds): those that divide ten seconds."""

STEP_SECONDS = 2
"""Default step (seconds). Where a fleet is about to collapse, single health checks decide, and 10 s
steps are too coarse for those: see docs/simulation.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A plan and a trace as records, with the names that decode a log."""

    scenario: r.Records
    """One record: all figures typical, all assumptions at their defaults."""
    demand: r.Floats
    alarms: r.Records
    above_columns: r.Integers
    above_factors: r.Floats
    below_columns: r.Integers
    below_factors: r.Floats
    slow_bounds: int
    policies: r.Records
    steps: r.Records
    schedules: r.Records
    composites: r.Records
    injections: r.Records
    group: str
    alarm_names: tuple[str, ...]
    policy_names: tuple[str, ...]
    schedule_names: tuple[str, ...]
    composite_names: tuple[str, ...]
    injection_names: tuple[str, ...]
    limitations: tuple[str, ...]
    """What the simulation leaves out of this plan, one sentence each."""
    supply_limitations: tuple[str, ...]
    """Those of the limitations that decide how the group scales; see `NotSeen.supply`."""
    figures: Mapping[str, Figure]
    """The ranges of what the user estimated, by the scenario's field."""


def encode(
    plan: ScalingPlan,
    load: Load,
    *,
    group: str | None = None,
    step_seconds: int = STEP_SECONDS,
    pre_roll_seconds: int = 1800,
    seed: int = 0,
    injected: Sequence[Injected] = (),
) -> Encoded:
    """Return the records of one group of `plan` under `load`."""
    if step_seconds not in STEPS:
        raise PlanError(f"step_seconds: must be one of 1, 2, 5 or 10, got {step_seconds}")
    if pre_roll_seconds < 0 or pre_roll_seconds % 60:
        raise PlanError(
            f"pre_roll_seconds: must be a multiple of 60 of at least 0, got {pre_roll_seconds}"
        )
    if not plan.groups:
        raise PlanError("ScalingPlan.groups: must hold a group, got none")
    if plan.service is None:
        raise PlanError("ScalingPlan.service: must be stated for a replay, got none")
    chosen = plan.groups[0] if group is None else plan.group(group)
    service = plan.service
    left_out = LeftOut()
    rules = Rules(plan, chosen, service, left_out)
    demand = resampled(load, step_seconds)
    rules.alarms_and_policies()
    rules.composites()
    seconds = demand.size * step_seconds
    scheduled, schedule_names = schedules(plan, chosen, load, seconds, pre_roll_seconds, left_out)
    figures = figures_of(plan, chosen.name)
    scenario = scenario_of(plan, chosen, service, figures, rules.bounds)
    for name, value in (
        ("seed", seed),
        ("step_seconds", step_seconds),
        ("steps", demand.size),
        ("pre_roll_steps", pre_roll_seconds // step_seconds),
        ("history_minutes", rules.history_minutes(pre_roll_seconds)),
    ):
        scenario[name] = value
    held = service.connections_per_request
    if plan.database is not None and held.high > 1:
        left_out.add(
            f"service.connectionsPerRequest ({held.low:g} to {held.high:g}) is not read: no "
            "request waits for a connection of its instance's own pool",
            supply=True,
        )
    above_columns, above_factors = rules.terms("above")
    below_columns, below_factors = rules.terms("below")
    return Encoded(
        scenario=scenario,
        demand=demand,
        above_columns=above_columns,
        above_factors=above_factors,
        below_columns=below_columns,
        below_factors=below_factors,
        slow_bounds=len(rules.bounds),
        alarms=rules.alarm_records(pre_roll_seconds),
        policies=np.array(rules.policy_rows, r.POLICY),
        steps=np.array(rules.step_rows, r.STEP_RULE),
        schedules=scheduled,
        composites=rules.composite_records(),
        injections=_injections(injected, step_seconds, demand.size),
        group=chosen.name,
        alarm_names=tuple(rules.alarm_names),
        policy_names=tuple(rules.policy_names),
        schedule_names=schedule_names,
        composite_names=tuple(rules.composite_names),
        injection_names=tuple(each.kind.name.lower() for each in injected),
        limitations=tuple(left_out.limitations),
        supply_limitations=tuple(left_out.of_supply),
        figures=figures,
    )


def _injections(injected: Sequence[Injected], step_seconds: int, steps: int) -> r.Records:
    """Return the injections as records, each from a step of the trace on, for at least one."""
    problems = [
        f"injected[{number}]: {rule}, got {each.value:g} from {each.start_seconds:g} to "
        f"{each.end_seconds:g} s"
        for number, each in enumerate(injected)
        if (rule := problem(each)) is not None
    ]
    if len(injected) > MOST_INJECTIONS:
        problems.append(f"injected: must be at most {MOST_INJECTIONS}, got {len(injected)}")
    if problems:
        raise PlanError(*problems)
    records = np.zeros(len(injected), r.INJECTION)
    for row, each in zip(records, injected, strict=True):
        row["kind"], row["value"] = int(each.kind), each.value
        row["start"], row["end"] = each.start_seconds, each.end_seconds
        first, after = (
            math.ceil(moment / step_seconds) for moment in (each.start_seconds, each.end_seconds)
        )
        if first in {after, steps}:
            # No step begins between them: the one in which it starts is the one in which it acts.
            row["start"] = (first - 1) * step_seconds
            row["end"] = max(row["end"], first * step_seconds)
    return records
