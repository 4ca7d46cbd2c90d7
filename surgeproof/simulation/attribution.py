"""What stood in the way: limits that are lifted one at a time, and what each alone would change.

The run with all figures typical is run again with one limit lifted and all else as it was. A limit
is named where that helps, never because of how a moment looks. Of a moment that fell short, the
limit is named without which it does not.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from surgeproof.simulation.bottlenecks import Bottleneck
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.compiled.records import Injection
from surgeproof.simulation.encode import Encoded
from surgeproof.simulation.encode_scenario import complete
from surgeproof.simulation.run import Run, run

LEAST_GAIN: Final = 0.1
"""Share of the users or minutes that a lifted limit must spare to be named."""

MOST_LIFTED: Final = 1000
"""Largest size that a lifted maximum has (instances)."""

ORACLE_SECONDS: Final = 60.0
"""How often the group asks for what it needs where detection is lifted (seconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What the typical run would have been without one limit."""

    limit: Bottleneck
    affected_users_percent: float
    """Share of the users of whom a request was bad after its retries (percent)."""
    bad_minutes: int
    """Minutes outside the objective (minutes)."""
    helps: bool
    """Whether users or minutes are fewer by a tenth or more, and neither is more by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What stood in the way in a run."""

    lifted: tuple[Lifted, ...]
    """Each limit that the plan has, the most helpful first; empty where nobody was hurt."""
    moments: npt.NDArray[np.int64]
    """Index into `Bottleneck` for each step: what it would take for that step not to be short."""


def attribute(typical: Run, needed: r.Floats) -> Attribution:
    """Return what stood in the way in a run.

    Args:
        typical: The run.
        needed: Instances that the objective needs at each step; empty where nobody knows.

    """
    codes = list(Bottleneck)
    short = _short(typical)
    moments = np.zeros(short.size, np.int64)
    if not typical.bad.any() or not short.any():
        return Attribution(lifted=(), moments=moments)
    limits = dict(lifts(typical.encoded, needed))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = dict(zip(limits, pool.map(run, limits.values()), strict=True))
    lifted = [_lifted(limit, each, typical) for limit, each in runs.items()]
    lifted.sort(key=lambda one: (not one.helps, one.bad_minutes, one.affected_users_percent))
    rank = np.zeros((len(codes), short.size))
    for place, one in enumerate(lifted):
        if not one.helps:
            continue
        each, limit = runs[one.limit], one.limit
        relieved = short & ~_short(each)
        halved = short & (each.bad < 0.5 * typical.bad)
        # First what mends a moment wholly, then what fits how it looks, then what helps most.
        rank[codes.index(limit)] = np.where(
            relieved | halved,
            len(codes) - place + 100.0 * _fits(limit, typical) + 1000.0 * relieved,
            0.0,
        )
    moments = np.where(
        short,
        np.where(rank.any(axis=0), rank.argmax(axis=0), codes.index(Bottleneck.SEVERAL)),
        codes.index(Bottleneck.NONE),
    )
    return Attribution(lifted=tuple(lifted), moments=moments)


def _short(each: Run) -> npt.NDArray[np.bool_]:
    """Return the steps in which requests queue, or too many are bad."""
    limit = float(each.scenario["bad_share_limit"])
    return np.asarray((each.bad > limit) | (each.column("backlog") > 0.0))


def _fits(limit: Bottleneck, typical: Run) -> r.Floats:
    """Return 1 for the steps in which a limit can be seen to hold, else 0.

    Enough standing instances mend nearly everything, so that they come last: below 0.
    """
    desired, answering, demand, capacity = (
        typical.column(name) for name in ("desired", "answering", "demand", "capacity")
    )
    most = float(typical.scenario["max_size"])
    standing = np.full(demand.size, -0.5)
    match limit:
        case Bottleneck.MAX_SIZE if _is_fixed(typical.encoded):
            return standing
        case Bottleneck.MAX_SIZE:
            seen = desired >= most
        case Bottleneck.HEALTH_CHECKS:
            seen = typical.column("in_service") > answering
        case Bottleneck.LAUNCH:
            seen = desired > answering
        case Bottleneck.DETECTION:
            seen = desired <= answering
        case Bottleneck.RETRIES:
            seen = demand <= capacity
        case Bottleneck.MIN_SIZE:
            return standing
        case _:
            seen = np.ones(demand.size, np.bool_)
    return np.asarray(seen, np.float64)


def _lifted(limit: Bottleneck, each: Run, typical: Run) -> Lifted:
    before, after = typical.affected_percent, each.affected_percent
    minutes, left = (int(one.summary["bad_minutes"]) for one in (typical, each))
    worse = after > before * (1.0 + LEAST_GAIN) or left > minutes * (1.0 + LEAST_GAIN)
    gained = after <= before * (1.0 - LEAST_GAIN) or left < minutes * (1.0 - LEAST_GAIN)
    return Lifted(
        limit=limit,
        affected_users_percent=after,
        bad_minutes=left,
        helps=gained and not worse,
    )


def lifts(encoded: Encoded, needed: r.Floats) -> Iterator[tuple[Bottleneck, Encoded]]:
    """Yield each limit that a plan has, with the plan as it would be without it."""
    c = encoded.scenario[0]
    most = int(c["max_size"])
    peak = int(needed.max()) if needed.size else 4 * most
    for limit, kinds in _INJECTED.items():
        left = encoded.injections[~np.isin(encoded.injections["kind"], [int(k) for k in kinds])]
        if left.size < encoded.injections.size:
            yield limit, replace(encoded, injections=left)
    if encoded.schedules.size:
        yield Bottleneck.SCHEDULE, replace(encoded, schedules=encoded.schedules[:0])
    if c["has_database"]:
        if c["max_connections"] > 0:
            yield Bottleneck.CONNECTIONS, _changed(encoded, max_connections=0.0)
        slower = encoded.injections["kind"] == int(Injection.DATABASE_SLOWER)
        if c["database_seconds"] > 0 or c["database_queries_per_second"] > 0:
            yield (
                Bottleneck.DATABASE,
                replace(
                    _changed(encoded, database_seconds=0.0, database_queries_per_second=0.0),
                    injections=encoded.injections[~slower],
                ),
            )
    tokens = {"launch_tokens": 1e9, "launch_batch_size": 1_000_000}
    yield Bottleneck.QUOTA, _changed(encoded, vcpu_quota=0.0, **tokens)
    yield Bottleneck.SERVICE_TIME, _changed(encoded, service_seconds=1e-3)
    size = max(min(max(4 * peak, 8 * most), MOST_LIFTED), most + 1)
    wide = replace(encoded, schedules=_without(encoded.schedules, "max_size"))
    sizes = {"max_size": size}
    if _is_fixed(encoded):
        sizes |= {"min_size": size, "desired": size}
    yield Bottleneck.MAX_SIZE, _changed(wide, **sizes)
    if c["has_load_balancer"]:
        patient = {"elb_checks": 0, "unhealthy_threshold": 1 << 40, "check_uses_database": 0}
        yield Bottleneck.HEALTH_CHECKS, _changed(encoded, **patient)
    if c["cold_seconds"] > 0 or c["slow_start_seconds"] > 0:
        yield Bottleneck.COLD, _changed(encoded, cold_seconds=0.0, slow_start_seconds=0.0)
    if encoded.policies.size:
        yield Bottleneck.SCALE_IN, _never_in(encoded)
    yield Bottleneck.LAUNCH, _changed(encoded, **_AT_ONCE)
    yield Bottleneck.DETECTION, _foreseen(encoded, needed)
    if c["retries"] > 0:
        yield Bottleneck.RETRIES, _changed(encoded, retries=0)
    if c["min_size"] < most:
        standing = replace(encoded, schedules=_without(encoded.schedules, "min_size", "desired"))
        yield Bottleneck.MIN_SIZE, _changed(standing, min_size=most, desired=most)


_INJECTED: Final[Mapping[Bottleneck, Sequence[Injection]]] = MappingProxyType(
    {
        Bottleneck.SHED: (Injection.LOAD_SHED,),
        Bottleneck.RESTART: (Injection.ROLLING_RESTART, Injection.INSTANCE_REFRESH),
        Bottleneck.UNEVEN_LOAD: (Injection.UNEVEN_LOAD,),
        Bottleneck.CAPACITY: (Injection.ZONE_LOST, Injection.NO_CAPACITY),
    }
)
"""Limits that are there only where they are injected."""

_AT_ONCE: Final[Mapping[str, float]] = MappingProxyType(
    {
        "boot_seconds": 0.0,
        "pool_start_seconds": 0.0,
        "instance_start_seconds": 0.0,
        "action_to_launch_seconds": 0.0,
        "registration_seconds": 0.0,
        "boot_variation": 0.0,
        "has_launch_hook": 0,
    }
)
"""A launch that takes no time; the first health check is left."""


def _changed(encoded: Encoded, **fields: float) -> Encoded:
    scenario = encoded.scenario.copy()
    for name, value in fields.items():
        scenario[name] = value
    complete(scenario, encoded.figures)
    return replace(encoded, scenario=scenario)


def _is_fixed(encoded: Encoded) -> bool:
    """Return whether a group has one size, not a maximum that something might ask for."""
    c = encoded.scenario[0]
    return bool(c["min_size"] == c["max_size"] and not encoded.policies.size)


def _without(schedules: r.Records, *names: str) -> r.Records:
    """Return the scheduled actions without some of the sizes that they set."""
    left = schedules.copy()
    for name in names:
        left[name] = -1
    return left


def _never_in(encoded: Encoded) -> Encoded:
    """Return the plan with policies that never make the group smaller."""
    policies, steps = encoded.policies.copy(), encoded.steps.copy()
    policies["scales_in"] = 0
    policies["adjustment"] = np.maximum(policies["adjustment"], 0.0)
    steps["adjustment"] = np.maximum(steps["adjustment"], 0.0)
    return replace(encoded, policies=policies, steps=steps)


def _foreseen(encoded: Encoded, needed: r.Floats) -> Encoded:
    """Return the plan with a group that asks at each moment for what the moment needs.

    Where nobody knows that, with metrics that come at once and alarms of one period.
    """
    if not needed.size:
        names = [name for name in r.SCENARIO.names or () if name.endswith("_delay_seconds")]
        faster = dict.fromkeys(names, 0.0) | dict.fromkeys(
            ("tracking_high_periods", "tracking_fast_periods"), 1
        )
        alarms = encoded.alarms.copy()
        alarms["n"] = alarms["m"] = 1
        return replace(_changed(encoded, **faster), alarms=alarms)
    c = encoded.scenario[0]
    step = float(c["step_seconds"])
    width = max(int(ORACLE_SECONDS // step), 1)
    peaks = np.maximum.reduceat(needed, np.arange(0, needed.size, width))
    moved = np.flatnonzero(np.diff(peaks, prepend=-1.0))
    rows = np.zeros(moved.size, r.SCHEDULE)
    rows["max_size"] = rows["desired"] = -1
    rows["min_size"] = np.maximum(peaks[moved], c["min_size"])
    rows["at"] = moved * width * step
    rows["at"][:1] = -float(c["pre_roll_steps"]) * step
    # A scheduled action raises the group to its minimum; that comes late by as much as it may.
    rows["at"] -= c["schedule_delay_seconds"]
    both = np.concatenate([_without(encoded.schedules, "min_size", "desired"), rows])
    return replace(encoded, schedules=both[np.argsort(both["at"], kind="stable")])
