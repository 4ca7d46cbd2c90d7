"""Many scenarios of one plan: the ends of all ranges, and Latin-hypercube draws between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.compiled.records import (
    AGENT,
    CPU_SECONDS,
    DATABASE,
    EC2,
    GROUP,
    J_INSTANCE_REFRESH,
    J_ZONE_LOST,
    LOAD_BALANCER,
    MOST_CPU,
    REQUEST_TARGET_SECONDS,
    SIMPLE,
    TRACKING_HIGH,
    TRACKING_LOW,
    Floats,
    Records,
)
from surgeproof.simulation.encode import Encoded
from surgeproof.simulation.encode_scenario import complete
from surgeproof.simulation.figures import FIGURES, Worse

BETTER_RUNS: Final = 20
"""Runs with all that is uncertain at the ends that help."""

WORSE_RUNS: Final = 60
"""Runs with all at the ends that hurt: what has no such end differs, the phase of alarms above all,
and a stack that survives must survive each."""

DRAWS: Final = 60
"""Runs between the ends."""

RUNS: Final = BETTER_RUNS + WORSE_RUNS + DRAWS
"""Runs that a verdict rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """Scenarios as records, with the values that were varied."""

    records: Records
    names: tuple[str, ...]
    """The varied fields."""
    values: Floats
    """One row a scenario, one column a name."""


def _has(source: int) -> Callable[[Encoded], bool]:
    return lambda encoded: bool((encoded.alarms["source"] == source).any())


def _tracks(role: int, *, fast: bool = False) -> Callable[[Encoded], bool]:
    def tracks(encoded: Encoded) -> bool:
        alarms = encoded.alarms
        return bool(((alarms["role"] == role) & ((alarms["period"] < 60) == fast)).any())

    return tracks


def _sums(column: int) -> Callable[[Encoded], bool]:
    def sums(encoded: Encoded) -> bool:
        columns = (
            (encoded.above_columns, encoded.above_factors),
            (encoded.below_columns, encoded.below_factors),
        )
        return any(bool(((held == column) & (factors != 0)).any()) for held, factors in columns)

    return sums


def _states(name: str) -> Callable[[Encoded], bool]:
    return lambda encoded: bool(encoded.scenario[name][0] > 0)


def _by_processor(encoded: Encoded) -> bool:
    return _sums(CPU_SECONDS)(encoded) or bool((encoded.alarms["extreme"] == MOST_CPU).any())


def _of_cold(encoded: Encoded) -> bool:
    return encoded.figures["cold_seconds"].high > 0


def _of_capacity(encoded: Encoded) -> bool:
    return "database_queries_per_second" in encoded.figures


def _keeps_bounds(encoded: Encoded) -> bool:
    """Whether instances are replaced within a minimum and a maximum healthy percentage."""
    c = encoded.scenario[0]
    by_policy = bool(c["has_maintenance"] and c["elb_checks"])
    return by_policy or bool((encoded.injections["kind"] == J_INSTANCE_REFRESH).any())


READ_WHERE: Final[Mapping[str, Callable[[Encoded], bool]]] = MappingProxyType(
    {
        "alarm_phase_seconds": lambda encoded: encoded.alarms.size > 0,
        "evaluation_range_extra": lambda encoded: encoded.alarms.size > 0,
        "action_repeat_seconds": lambda encoded: encoded.policies.size > 0,
        "load_balancer_delay_seconds": _has(LOAD_BALANCER),
        "ec2_delay_seconds": _has(EC2),
        "group_delay_seconds": _has(GROUP),
        "database_delay_seconds": _has(DATABASE),
        "agent_delay_seconds": _has(AGENT),
        "partial_minute": _has(LOAD_BALANCER),
        "partial_minute_share": _has(LOAD_BALANCER),
        "basic_monitoring_minute": lambda encoded: bool((encoded.alarms["granularity"] > 60).any()),
        "requests_per_healthy_target": _sums(REQUEST_TARGET_SECONDS),
        "cooldown_waits_for_draining": lambda encoded: bool(
            (encoded.policies["kind"] == SIMPLE).any()
        ),
        "tracking_high_periods": _tracks(TRACKING_HIGH),
        "tracking_fast_periods": _tracks(TRACKING_HIGH, fast=True),
        "tracking_low_periods": _tracks(TRACKING_LOW),
        "tracking_low_factor": _tracks(TRACKING_LOW),
        "registration_seconds": _states("has_load_balancer"),
        "loss_notice_seconds": lambda encoded: bool(
            (encoded.injections["kind"] == J_ZONE_LOST).any()
        ),
        "group_check_seconds": _states("elb_checks"),
        "group_check_phase": _states("elb_checks"),
        "all_unhealthy_share": _states("elb_checks"),
        "maintenance_ends_first": _keeps_bounds,
        "healthy_rounding": _keeps_bounds,
        "schedule_delay_seconds": lambda encoded: encoded.schedules.size > 0,
        "cold_requests_per_second": _of_cold,
        "cold_concurrency": _of_cold,
        "pool_start_seconds": _states("has_pool"),
        "database_seconds": _states("has_database"),
        "connections_per_instance": _states("has_database"),
        "other_instances": _states("max_connections"),
        "contention": _of_capacity,
        "coherency": _of_capacity,
        "processor_seconds": _by_processor,
        "backoff_seconds": _states("retries"),
    }
)
"""Where the simulation reads a parameter; what is not named here, it reads for every plan."""


def read_ranges(encoded: Encoded) -> dict[str, tuple[float, float, bool]]:
    """Return low, high and whether it is whole, of all that is uncertain and read for this plan."""
    ranges = {
        name: (figure.low, figure.high, False)
        for name, figure in encoded.figures.items()
        if figure.high > figure.low
    }
    ranges |= {row.name: (row.low, row.high, row.whole) for row in ASSUMPTIONS.values()}
    return {
        name: range_
        for name, range_ in ranges.items()
        if name not in READ_WHERE or READ_WHERE[name](encoded)
    }


_BETTER: Final = MappingProxyType({Worse.LOW: "high", Worse.HIGH: "low", Worse.NEITHER: ""})


def changed(encoded: Encoded, changes: Sequence[Mapping[str, float]]) -> Scenarios:
    """Return one scenario for each mapping of field to value."""
    records = np.repeat(encoded.scenario, len(changes))
    names = tuple(dict.fromkeys(name for change in changes for name in change))
    values = np.full((len(changes), len(names)), np.nan)
    for i, change in enumerate(changes):
        for name, value in change.items():
            records[name][i] = value
            values[i, names.index(name)] = value
    complete(records, encoded.figures)
    return Scenarios(records=records, names=names, values=values)


def at_end(encoded: Encoded, *, worse: bool, count: int, seed: int) -> Scenarios:
    """Return `count` scenarios with all at the ends that hurt, or at those that help.

    What has no such end, as the phase of the alarms, is typical in the first; in the others it is
    drawn, and so is what is left to chance.
    """
    held: dict[str, float] = {}
    free: dict[str, tuple[float, float, bool]] = {}
    for name, (low, high, whole) in read_ranges(encoded).items():
        row = ASSUMPTIONS.get(name)
        better = row.better if row else _BETTER[FIGURES[name].worse]
        if better:
            held[name] = high if (better == "low") == worse else low
        else:
            free[name] = (low, high, whole)
    return _drawn(encoded, held, free, count, seed, typical_first=True)


def latin_hypercube(encoded: Encoded, count: int, seed: int) -> Scenarios:
    """Return `count` scenarios that cover each range evenly; each has a seed of its own."""
    return _drawn(encoded, {}, read_ranges(encoded), count, seed, typical_first=False)


def _drawn(
    encoded: Encoded,
    held: Mapping[str, float],
    free: Mapping[str, tuple[float, float, bool]],
    count: int,
    seed: int,
    *,
    typical_first: bool,
) -> Scenarios:
    generator = np.random.default_rng(seed)
    records = np.repeat(encoded.scenario, count)
    names = (*held, *free)
    values = np.empty((count, len(names)))
    for column, (name, value) in enumerate(held.items()):
        records[name] = values[:, column] = value
    first = int(typical_first)
    for column, (name, (low, high, whole)) in enumerate(free.items(), len(held)):
        places = (generator.permutation(count) + generator.random(count)) / count
        drawn = low + places * (high - low + whole)
        drawn = np.floor(drawn) if whole else drawn
        records[name][first:] = drawn[first:]
        values[:, column] = records[name]
    records["seed"][first:] = generator.integers(0, 2**31, count)[first:]
    complete(records, encoded.figures)
    return Scenarios(records=records, names=names, values=values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The scenarios that a verdict rests on: those that help, those that hurt, those between."""

    records: Records
    better: slice
    worse: slice
    between: slice


def survey(
    encoded: Encoded,
    seed: int = 0,
    *,
    better: int = BETTER_RUNS,
    worse: int = WORSE_RUNS,
    between: int = DRAWS,
) -> Survey:
    """Return the scenarios that a verdict on a plan rests on."""
    parts = (
        at_end(encoded, worse=False, count=better, seed=seed + 1),
        at_end(encoded, worse=True, count=worse, seed=seed + 2),
        latin_hypercube(encoded, between, seed),
    )
    return Survey(
        records=np.concatenate([part.records for part in parts]),
        better=slice(0, better),
        worse=slice(better, better + worse),
        between=slice(better + worse, better + worse + between),
    )


def moved_alone(encoded: Encoded) -> Scenarios:
    """Return the typical scenario with one parameter at its low end, at its high end, and so on."""
    changes = [
        {name: end} for name, (low, high, _) in read_ranges(encoded).items() for end in (low, high)
    ]
    return changed(encoded, changes)
