"""What is drawn, the fleet before, the measures that were taken, the facts, and the search."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

import numpy as np

from surgeproof.plan import (
    Alarm,
    Comparison,
    Figure,
    Group,
    LoadBalancer,
    Metric,
    MissingData,
    ScalingPlan,
    Service,
    TargetGroup,
    Users,
)
from surgeproof.simulation import Injected, Injection
from surgeproof.simulation.compiled.records import NEVER, Floats
from surgeproof.simulation.encode import STEP_SECONDS, encode
from surgeproof.simulation.run import Run, run
from surgeproof.traces.outage import (
    BEGAN_SECONDS,
    ENDED_SECONDS,
    EVERYDAY_REQUESTS_PER_SECOND,
    Member,
    demand,
)

SEED: Final = 20230115
"""Seed of the draws."""

MEMBERS: Final = 200
"""Members that the committed family has."""

AFFECTED_PERCENT: Final = (38.0, 42.0)
"""Share of the users affected during the incident, at least and at most (percent)."""

AIM_PERCENT: Final = sum(AFFECTED_PERCENT) / 2
"""What the search aims at (percent)."""

LATE_SECONDS: Final = 300.0
"""How long after 08:45 the alarm may come; how far from 11:30 the end may lie (seconds)."""

QUEUED_SECONDS: Final = 300.0
"""How long requests must have queued during the incident, for the servers to be exhausted."""

LEAST_LEAD_SECONDS: Final = 60.0
"""How long before 08:45 demand must have begun to rise (seconds)."""

COARSE_SECONDS: Final = 10
"""Step of the first search (seconds)."""

BUSIEST_EVERYDAY: Final = 0.85
"""Highest utilisation of the busier servers before the surge (share)."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is drawn: evenly between its ends, or evenly by ratio."""

    name: str
    low: float
    high: float
    unit: str
    meaning: str
    whole: bool = False
    by_ratio: bool = False

    def at(self, place: float) -> float:
        """Return the value at a place from 0 to 1, with four digits."""
        if self.whole:
            return float(int(self.low + place * (self.high + 1 - self.low)))
        if self.by_ratio:
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + place * (self.high - self.low)
        return float(f"{value:.4g}")


RANGES: Final = (
    Range("rise_seconds", 0, 1800, "s", "demand rises from its everyday rate to its peak"),
    Range("peak_seconds", 0, 1800, "s", "the peak lasts"),
    Range("ease_seconds", 0, 3600, "s", "demand eases from the peak to the plateau"),
    Range("plateau_share", 0.75, 1, "of the peak", "demand of the plateau"),
    Range("plateau_ends_seconds", 900, 5400, "s", "the plateau lasts on after 11:30"),
    Range("decline_seconds", 900, 5400, "s", "demand declines to its everyday rate"),
    Range("capacity_factor", 1.4, 2.5, "of the everyday rate", "the fleet carries"),
    Range("half_size", 2, 12, "instances", "half of the fleet", whole=True),
    Range("uneven_share", 0.5, 0.7, "of the requests", "the older half of the fleet gets"),
    Range("service_seconds", 0.02, 0.1, "s", "a request takes if idle", by_ratio=True),
    Range("queue_seconds", 0.2, 2, "s of work", "an instance lets wait", by_ratio=True),
    Range("boot_seconds", 30, 180, "s", "an instance is away while it restarts", by_ratio=True),
    Range("requests_per_session", 2, 12, "requests", "a session has", by_ratio=True),
    Range("think_seconds", 10, 90, "s", "a user thinks between two requests", by_ratio=True),
    Range("retries", 0, 3, "attempts", "after the first", whole=True),
    Range("timeout_seconds", 5, 30, "s", "a client waits for an attempt", by_ratio=True),
    Range("backoff_seconds", 0.5, 4, "s", "mean wait before the first retry", by_ratio=True),
    Range("alarm_seconds", 0.3, 1, "s", "95th percentile of response time that alarms"),
    Range("alarm_periods", 1, 3, "minutes", "in a row that alarm", whole=True),
    Range("alarm_at", 60, 240, "s", "aimed at between 08:45 and the alarm"),
    Range("shed_share", 0.05, 0.3, "of the requests", "get a waiting page in the end"),
    Range("shed_before_seconds", 300, 1800, "s", "shedding begins before the restart"),
    Range("restart_seconds", 600, 2400, "s", "the rolling restart lasts"),
    Range("end_at", -240, 240, "s", "restart and shedding end after 11:30"),
)
"""What is drawn. Each end is a choice: what such services and their users are seen to have."""

SOLVED: Final = {
    "peak_factor": "peak of demand, of the everyday rate, solved for the users affected",
    "lead_seconds": "demand begins to rise before 08:45 (s), solved for the alarm's moment",
}
"""What is not drawn but follows from the facts."""

COLUMNS: Final = (*(each.name for each in RANGES), *SOLVED)


def draw(number: int, seed: int = SEED) -> dict[str, float]:
    """Return the numbers of a draw; those that are solved are not among them."""
    places = np.random.default_rng([seed, number]).random(len(RANGES)).tolist()
    return {each.name: each.at(place) for each, place in zip(RANGES, places, strict=True)}


def fleet(values: Mapping[str, float]) -> ScalingPlan:
    """Return the fleet before: a fixed size, no policy, one alarm, on response time."""
    exactly = Figure.exactly
    size = int(2 * values["half_size"])
    each = EVERYDAY_REQUESTS_PER_SECOND * values["capacity_factor"] / size
    session = values["think_seconds"] * values["requests_per_session"]
    return ScalingPlan(
        name="before",
        groups=(
            Group(
                name="servers",
                min_size=size,
                max_size=size,
                zones=("a", "b"),
                target_group="servers",
            ),
        ),
        load_balancer=LoadBalancer(name="front"),
        target_groups=(TargetGroup(name="servers"),),
        alarms=(_alarm(values, "slow-responses", "TargetResponseTime", "p95"),),
        service=Service(
            requests_per_second=exactly(each),
            service_seconds=exactly(values["service_seconds"]),
            boot_seconds=exactly(values["boot_seconds"]),
            queue_size=exactly(values["queue_seconds"] * each),
            service_variation=exactly(1),
            longest_request_seconds=exactly(5),
        ),
        users=Users(
            session_seconds=exactly(session),
            requests_per_session=exactly(values["requests_per_session"]),
            timeout_seconds=exactly(values["timeout_seconds"]),
            retries=int(values["retries"]),
            backoff_seconds=exactly(values["backoff_seconds"]),
        ),
    )


def _alarm(values: Mapping[str, float], name: str, metric: str, statistic: str) -> Alarm:
    errors = 0.05 * 60 * EVERYDAY_REQUESTS_PER_SECOND
    return Alarm(
        name=name,
        metric=Metric(namespace="AWS/ApplicationELB", name=metric, statistic=statistic),
        comparison=Comparison.GREATER,
        threshold=values["alarm_seconds"] if statistic == "p95" else errors,
        evaluation_periods=int(values["alarm_periods"]),
        missing_data=MissingData.NOT_BREACHING,
        notifies=True,
    )


def measures(values: Mapping[str, float]) -> tuple[Injected, ...]:
    """Return what was done: requests shed, then a rolling restart that spreads them evenly."""
    end = ENDED_SECONDS + values["end_at"]
    restart = end - values["restart_seconds"]
    return (
        *nothing_done(values, until=end),
        Injected(
            kind=Injection.LOAD_SHED,
            start_seconds=restart - values["shed_before_seconds"],
            end_seconds=end,
            value=values["shed_share"],
        ),
        Injected(kind=Injection.ROLLING_RESTART, start_seconds=restart, end_seconds=end),
    )


def nothing_done(values: Mapping[str, float], until: float = NEVER) -> tuple[Injected, ...]:
    """Return what was there without any measure: requests that were not spread evenly.

    Where half of the instances have half of the requests, they were.
    """
    if values["uneven_share"] == 0.5:
        return ()
    return (
        Injected(
            kind=Injection.UNEVEN_LOAD,
            start_seconds=-NEVER,
            end_seconds=until,
            value=values["uneven_share"],
        ),
    )


def simulated(
    values: Mapping[str, float],
    injected: tuple[Injected, ...],
    *,
    witness: bool = False,
    step_seconds: int = STEP_SECONDS,
) -> Run:
    """Return a run of the fleet before; the witness is an alarm on errors that it did not have."""
    plan = fleet(values)
    if witness:
        errors = _alarm(values, "errors", "HTTPCode_Target_5XX_Count", "Sum")
        plan = replace(plan, alarms=(*plan.alarms, errors))
    return run(encode(plan, demand(values), step_seconds=step_seconds, injected=injected))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the two runs of a member show; moments in seconds after 08:45 and after 11:30."""

    affected_percent: float
    """Share of the users affected from 08:45 to 11:30, measures taken (percent)."""
    affected_alone_percent: float
    """The same without measures (percent)."""
    alarm_at: float
    """Alarm after 08:45 (seconds)."""
    alarm_first: bool
    """Whether an alarm on 5 % errors would have come no earlier."""
    bad_before: bool
    """Whether a minute was bad before demand rose."""
    bad_share: float
    """Share of the minutes from 08:45 to 11:30 outside the objective, measures taken."""
    queued_seconds: float
    """How long requests queued from 08:45 to 11:30, without measures (seconds)."""
    ends_at: float
    """End of the last bad minute after 11:30, measures taken (seconds)."""
    ends_alone_at: float
    """The same without measures (seconds)."""
    broken_share: float
    """Share of the bad minutes in the half hour before 11:30, without measures."""

    def unmet(self) -> tuple[str, ...]:
        """Return the facts of the postmortem that are not met."""
        met = {
            "40 % of the users affected": AFFECTED_PERCENT[0]
            <= self.affected_percent
            <= AFFECTED_PERCENT[1],
            "alarm at 08:45": 0 <= self.alarm_at <= LATE_SECONDS,
            "the alarm on response time first": self.alarm_first,
            "no trouble before the surge": not self.bad_before,
            "trouble for most of the incident": self.bad_share >= 0.5,
            "servers exhausted": self.queued_seconds >= QUEUED_SECONDS,
            "over at 11:30": abs(self.ends_at) <= LATE_SECONDS,
            "still broken at 11:30 if nothing is done": self.ends_alone_at > LATE_SECONDS
            and self.broken_share >= 0.5,
        }
        return tuple(fact for fact, is_met in met.items() if not is_met)


def facts(values: Mapping[str, float], step_seconds: int = STEP_SECONDS) -> Facts:
    """Return what both runs of a member show."""
    taken = simulated(values, measures(values), witness=True, step_seconds=step_seconds)
    alone = simulated(values, nothing_done(values), step_seconds=step_seconds)
    began, ended = int(BEGAN_SECONDS), int(ENDED_SECONDS)
    queued = alone.column("backlog")[began // step_seconds : ended // step_seconds]
    summary = taken.summary
    rises = BEGAN_SECONDS - values["lead_seconds"]
    return Facts(
        affected_percent=taken.affected_percent_within(BEGAN_SECONDS, ENDED_SECONDS),
        affected_alone_percent=alone.affected_percent_within(BEGAN_SECONDS, ENDED_SECONDS),
        alarm_at=float(summary["first_alarm_at"]) - BEGAN_SECONDS,
        alarm_first=int(summary["first_alarm"]) == 0,
        bad_before=0 <= int(summary["first_bad_minute"]) < int(rises // 60),
        bad_share=float(bad_minutes(taken)[began // 60 : ended // 60].mean()),
        queued_seconds=float(np.count_nonzero(queued > 0)) * step_seconds,
        ends_at=60.0 * (int(summary["last_bad_minute"]) + 1) - ENDED_SECONDS,
        ends_alone_at=60.0 * (int(alone.summary["last_bad_minute"]) + 1) - ENDED_SECONDS,
        broken_share=float(bad_minutes(alone)[ended // 60 - 30 : ended // 60].mean()),
    )


def story(ran: Run) -> str:
    """Return what a run of the fleet before shows of the facts, in a sentence."""
    affected = ran.affected_percent_within(BEGAN_SECONDS, ENDED_SECONDS)
    alarm = float(ran.summary["first_alarm_at"])
    over = 60.0 * (int(ran.summary["last_bad_minute"]) + 1)
    told = "none tells anybody" if alarm == NEVER else f"at {_clock(alarm)}"
    return (
        f"the incident, 08:45 to 11:30: {affected:.1f} % of its users affected; alarm {told}; last "
        f"bad minute until {_clock(over)}"
    )


def _clock(seconds: float) -> str:
    """Return a moment of the trace, which begins at 07:45, as the time of that day."""
    minutes = int((seconds - BEGAN_SECONDS) // 60) + 8 * 60 + 45
    return f"{minutes // 60:02}:{minutes % 60:02}"


def bad_minutes(ran: Run) -> Floats:
    """Return for each whole minute whether it lay outside the objective (0 or 1)."""
    steps = 60 // int(ran.encoded.scenario["step_seconds"][0])
    whole = ran.bad.size // steps * steps
    requests = ran.arrivals[:whole].reshape(-1, steps).sum(axis=1)
    bad = (ran.arrivals * ran.bad)[:whole].reshape(-1, steps).sum(axis=1)
    limit = float(ran.encoded.scenario["bad_share_limit"][0])
    return np.asarray(bad > limit * requests, np.float64)


def solved(drawn: Mapping[str, float]) -> dict[str, float] | None:
    """Return a draw with the peak and the lead that meet the facts, or None if none are found.

    The peak by bisection, since more demand hurts more users; the lead by moving the demand until
    the alarm comes when it should. First at long steps, which are quick; what does not come near
    the facts there is not looked at more closely.
    """
    if 2 * drawn["uneven_share"] / drawn["capacity_factor"] > BUSIEST_EVERYDAY:
        return None
    values = dict(drawn)
    values["lead_seconds"] = round(drawn["rise_seconds"] / 2) + 300.0
    low, high = max(0.6 * values["capacity_factor"], 1.05), 1.6 * values["capacity_factor"]
    values["peak_factor"] = round(low, 5)
    lowest = _moved(values, COARSE_SECONDS)
    if lowest is None or lowest > AIM_PERCENT:
        return None
    if not _bisected(values, low, high, COARSE_SECONDS, 12):
        return None
    unmet = facts(values, COARSE_SECONDS).unmet()
    if unmet:
        return None
    near = values["peak_factor"]
    met = (
        _bisected(values, 0.97 * near, 1.03 * near, STEP_SECONDS, 8)
        and values["lead_seconds"] >= LEAST_LEAD_SECONDS
        and not facts(values).unmet()
    )
    return values if met else None


def _bisected(
    values: dict[str, float], low: float, high: float, step_seconds: int, attempts: int
) -> bool:
    """Set the peak that hurts as many users as it should; return whether there is one."""
    for _ in range(attempts):
        values["peak_factor"] = round((low + high) / 2, 5)
        affected = _moved(values, step_seconds)
        if affected is None:
            return False
        if abs(affected - AIM_PERCENT) <= 1.0:
            return True
        if affected < AIM_PERCENT:
            low = values["peak_factor"]
        else:
            high = values["peak_factor"]
    return False


def _moved(values: dict[str, float], step_seconds: int) -> float | None:
    """Move the demand so that the alarm comes when it should; return the users affected (percent).

    None where the demand does not fit into the trace then.
    """
    affected = 0.0
    for _ in range(3):
        if _too_long(values):
            return None
        ran = simulated(values, measures(values), step_seconds=step_seconds)
        affected = ran.affected_percent_within(BEGAN_SECONDS, ENDED_SECONDS)
        alarm = float(ran.summary["first_alarm_at"])
        late = alarm - BEGAN_SECONDS - values["alarm_at"]
        if alarm == NEVER or abs(late) <= 60:
            break
        values["lead_seconds"] = float(np.clip(round(values["lead_seconds"] + late), 0, 3600))
    return affected


def _too_long(values: Mapping[str, float]) -> bool:
    lasts = values["rise_seconds"] + values["peak_seconds"] + values["ease_seconds"]
    ends = ENDED_SECONDS - BEGAN_SECONDS + values["plateau_ends_seconds"]
    return lasts - values["lead_seconds"] > ends


def found(seed: int = SEED) -> Iterator[tuple[int, Member | None]]:
    """Yield the draws in their order, each with its member if it is one; without an end."""
    workers = len(os.sched_getaffinity(0))

    def tried(number: int) -> tuple[int, Member | None]:
        values = solved(draw(number, seed))
        return number, None if values is None else Member(number, values)

    with ThreadPoolExecutor(workers) as pool:
        for start in count(0, 8 * workers):
            yield from pool.map(tried, range(start, start + 8 * workers))
