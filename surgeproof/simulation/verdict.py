"""The verdict on one group under one trace: survives, fails or uncertain, and what came of it.

All that is uncertain is set to its worse ends and to its better ends, many times each with other
phases and chances, and to seeded draws between them. Only what holds in every one of these runs is
said without doubt.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from surgeproof.plan import Group, ScalingPlan
from surgeproof.plan.configured import Surviving
from surgeproof.simulation import records as r
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.attribution import Bottleneck, Lifted, attribute
from surgeproof.simulation.encode import STEP_SECONDS, Encoded, Load, encode
from surgeproof.simulation.injections import Injected, cannot_act
from surgeproof.simulation.run import Run, run, sweep
from surgeproof.simulation.scenarios import Survey, moved_alone, read_ranges, survey
from surgeproof.simulation.shown import SHOWN, outside

MOVERS: Final = 3
"""Parameters that are named as moving a verdict."""

LEAST_HARM: Final = 0.05
"""Harm, as a multiple of the limits, below which differences do not count."""

LEAST_RATIO: Final = 1.1
"""Factor by which a parameter must change the harm to be named."""

FINE_SECONDS: Final = 86_400.0
"""Longest trace that is replayed at the fine step; longer ones are replayed at COARSE_STEP."""

COARSE_STEP: Final = 10
"""Step for traces of several days (seconds)."""

NOT_MODELLED: Final = (
    "the load balancer's own scaling: it is taken to carry whatever comes",
    "predictive scaling: counted as absent, since it may only help",
    "differences between requests: all have one service time, with the stated variation",
    "instance weights, Spot interruptions and rebalancing between zones",
    str(SHOWN),
)
"""What no replay holds; `Verdict.limitations` adds what it leaves out of a plan."""

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "requests_per_second": "requests/s that a warm instance carries",
        "cold_requests_per_second": "requests/s that a cold instance carries",
        "cold_seconds": "how long an instance is cold (s)",
        "service_seconds": "time of one request on an idle instance (s)",
        "service_variation": "squared coefficient of variation of the service time",
        "boot_seconds": "time from launch until an instance serves (s)",
        "pool_start_seconds": "time from the warm pool until an instance serves (s)",
        "queue_size": "requests that wait in an instance before it refuses more",
        "longest_request_seconds": "longest normal request (s)",
        "database_seconds": "part of a request spent in the database (s)",
        "connections_per_instance": "database connections that an instance opens",
        "processor_seconds": "processor time of one request (s)",
        "session_seconds": "length of a user's session (s)",
        "requests_per_session": "requests of a user's session",
        "timeout_seconds": "when a client gives up (s)",
        "backoff_seconds": "mean wait before the first retry (s)",
        "think_seconds": "wait of a user between requests (s)",
        "contention": "contention in the database (USL alpha)",
        "coherency": "coherency in the database (USL beta)",
        "database_queries_per_second": "requests/s that the database carries",
        "concurrency": "requests that a warm instance works on at once",
        "cold_concurrency": "requests that a cold instance works on at once",
    }
)
"""What the figures of service, users and database mean, by the scenario's field."""


class Word(StrEnum):
    """The verdict in one word."""

    SURVIVES = "survives"
    FAILS = "fails"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run did to the users."""

    affected_users_percent: float
    """Share of the users of whom a request was bad after its retries (percent)."""
    bad_minutes: int
    """Minutes outside the objective (minutes)."""
    survived: bool
    """Whether both are within the limits."""

    def __str__(self) -> str:
        """Return it as reports say it."""
        return f"{percent(self.affected_users_percent)} of users, {self.bad_minutes} bad minutes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A parameter that, moved alone, changes what comes of the typical run."""

    name: str
    meaning: str
    low: float
    """Its smallest value."""
    high: float
    """Its largest value."""
    at_low: Outcome
    """What the typical run is with this parameter alone at its smallest value."""
    at_high: Outcome
    """What it is with this parameter alone at its largest value."""
    documented: bool
    """Whether it is a figure of the application; else AWS does not document it."""

    def __str__(self) -> str:
        """Return it as reports say it."""
        kind = "" if self.documented else ", not documented by AWS"
        return (
            f"{self.name}, {self.low:g} to {self.high:g} ({self.meaning}{kind}): alone at "
            f"{self.low:g} {self.at_low}; at {self.high:g} {self.at_high}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAlarm:
    """The first alarm that tells somebody."""

    name: str
    at_seconds: float
    """Moment of the trace (seconds)."""
    delay_seconds: float | None
    """Time since the first bad request; negative where it came before (seconds). None where no
    request was bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is assumed before the trace, and the fleet that it leaves in the typical run."""

    seconds: float
    """How long its first rate is taken to have lasted before it (seconds)."""
    rate: float
    """That rate (requests/s; users where the plan states what they think)."""
    of_users: bool
    """Whether the rate is a number of users."""
    instances: int
    """Instances in service when the trace begins."""
    min_size: int
    """The group's minimum then, as scheduled actions have left it."""
    short: bool
    """Whether requests queue, or too many are bad, already."""
    open_alarms: tuple[str, ...]
    """Alarms that tell somebody and are in ALARM already."""

    def __str__(self) -> str:
        """Return it as reports say it."""
        unit = "users" if self.of_users else "requests/s"
        one = "instance" if self.instances == 1 else "instances"
        short = ", which are too few" if self.short else ""
        alarms = f"; in ALARM already: {', '.join(self.open_alarms)}" if self.open_alarms else ""
        return (
            f"before the trace, {self.seconds / 60:g} minutes at its first rate ({self.rate:,.4g} "
            f"{unit}) are assumed; they leave {self.instances} {one} in service (minimum "
            f"{self.min_size}){short}{alarms}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the capacity costs in instance-hours, and in money where a price is known."""

    instance_hours: float
    """This fleet during the trace."""
    fixed_instance_hours: float | None
    """The smallest fixed fleet that meets the objective at the peak."""
    clairvoyant_instance_hours: float | None
    """A fleet that always has exactly the instances that the objective needs."""
    day_at_maximum_instance_hours: float
    """24 hours at the group's maximum size."""
    instance_hour_price: float | None
    currency: str

    @property
    def against_fixed(self) -> float | None:
        """Cost as a multiple of the fixed fleet's."""
        return (
            self.instance_hours / self.fixed_instance_hours if self.fixed_instance_hours else None
        )

    @property
    def against_clairvoyant(self) -> float | None:
        """Cost as a multiple of the clairvoyant fleet's."""
        least = self.clairvoyant_instance_hours
        return self.instance_hours / least if least else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elasticity:
    """The elasticity metrics of the SPEC Research Group; supply is what answers."""

    variant: str
    """`spec` relates both accuracies to the demand, `normalised` surplus to the supply."""
    under_accuracy_percent: float
    """Mean share of the demanded instances that was missing."""
    over_accuracy_percent: float
    """Mean share of instances that were not needed; may exceed 100 in `spec`."""
    under_time_percent: float
    """Share of the time with too few instances."""
    over_time_percent: float
    """Share of the time with too many."""
    instability_percent: float
    """Share of the time in which supply and demand do not move alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A span of time in which one limit kept the users from enough capacity."""

    bottleneck: Bottleneck
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the runs gave; single values are of the run with all figures typical."""

    runs: int
    survived_runs: int
    typical: Outcome
    better: Outcome
    """The least of users and of minutes over the runs at the better ends."""
    worse: Outcome
    """The most of users and of minutes over the runs at the worse ends."""
    median: Outcome
    """Medians over the draws between."""
    movers: tuple[Mover, ...]
    before: Before
    first_alarm: FirstAlarm | None
    """The first that the trace caused; those that are open before it do not count."""
    first_bad_minute: int | None
    """First minute of the trace outside the objective, counted from 0."""
    short_at_seconds: float | None
    """When requests first queued (seconds), 0 where they did before the trace. None: never."""
    enough_after_seconds: float | None
    """Time from then until the queues were empty for good (seconds); None where they never were."""
    peak_instances: int
    mean_instances: float
    standing_instances: int | None
    """Fewest standing instances with which it would survive, where it does not. None where none
    were found."""
    cost: Cost
    elasticity: tuple[Elasticity, ...]
    lifted: tuple[Lifted, ...]
    """What the typical run would be without each limit, one at a time, the most helpful first;
    empty where nobody is hurt."""
    bottlenecks: tuple[Limit, ...]
    """Of the moments that fall short, the limit without which they would not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of one group under one trace."""

    word: Word
    group: str
    limits: Surviving
    why: str
    """One sentence."""
    measured: Measured | None
    """None where nothing could be run."""
    warnings: tuple[str, ...]
    """What a reader must know beside the word, one sentence each; every form shows it first."""
    limitations: tuple[str, ...]
    """What the simulation leaves out of this plan."""
    not_modelled: tuple[str, ...]
    swept: tuple[str, ...]
    """The assumptions that were swept: those that the simulation reads for this plan."""
    not_seen: tuple[str, ...]
    """What the reader of the plan could not see."""
    supply_unknown: tuple[str, ...] = ()
    """What of both decides how much capacity there is: with any, no verdict is better than
    uncertain. Default: nothing."""

    @property
    def survived_percent(self) -> float | None:
        """Share of the runs that survived (percent)."""
        if self.measured is None:
            return None
        return 100.0 * self.measured.survived_runs / self.measured.runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """All runs that a verdict rests on."""

    encoded: Encoded
    survey: Survey
    summaries: r.Records
    """What came of each run, in the survey's order."""

    @property
    def records(self) -> r.Records:
        """One scenario a run."""
        return self.survey.records


def try_all(
    plan: ScalingPlan,
    load: Load,
    *,
    group: str,
    injected: Sequence[Injected] = (),
    seed: int = 0,
) -> Trials:
    """Run a group of `plan` under `load` at both ends of all ranges and at draws between them."""
    encoded = encoded_for(plan, load, group=group, injected=injected, seed=seed)
    chosen = survey(encoded, seed)
    return Trials(encoded=encoded, survey=chosen, summaries=sweep(encoded, chosen.records))


def encoded_for(
    plan: ScalingPlan, load: Load, *, group: str, injected: Sequence[Injected] = (), seed: int = 0
) -> Encoded:
    """Return the records of a group under `load`, at the step that fits the trace's length."""
    seconds = len(load.requests_per_second) * load.step_seconds
    step = STEP_SECONDS if seconds <= FINE_SECONDS else COARSE_STEP
    return encode(plan, load, group=group, step_seconds=step, seed=seed, injected=injected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and the typical run that explains it."""

    verdict: Verdict
    run: Run | None
    needed: r.Floats
    """Instances that the objective needs at each step; empty where nobody knows."""
    moments: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """What stood in the way at each step, as an index into `Bottleneck`; empty without runs."""
    trials: Trials | None = None
    """The runs behind the verdict; None where nothing could be run."""


def judge(
    plan: ScalingPlan,
    load: Load,
    *,
    group: str | None = None,
    limits: Surviving | None = None,
    injected: Sequence[Injected] = (),
    seed: int = 0,
    with_standing: bool = True,
) -> Judged:
    """Return the verdict on one group of `plan` under `load`; the same seed gives the same one.

    Finding the standing capacity takes longer than the verdict; `with_standing` leaves it out.
    """
    limits = limits or Surviving()
    chosen = plan.groups[0] if group is None and plan.groups else plan.group(group or "")
    not_seen = tuple(f"{each.path}: {each.reason}" for each in plan.not_seen)
    if plan.service is None:
        verdict = Verdict(
            word=Word.UNCERTAIN,
            group=chosen.name,
            limits=limits,
            why="Nothing says what one instance carries: a load test on one instance gives "
            "service.requestsPerSecond, service.serviceSeconds and service.bootSeconds.",
            measured=None,
            warnings=(),
            limitations=(),
            not_modelled=NOT_MODELLED,
            swept=(),
            not_seen=not_seen,
        )
        return Judged(verdict=verdict, run=None, needed=np.zeros(0))
    trials = try_all(plan, load, group=chosen.name, injected=injected, seed=seed)
    encoded, summaries, parts = trials.encoded, trials.summaries, trials.survey
    typical = run(encoded)
    survived = survived_runs(summaries, limits)
    count = int(survived.sum())
    needed = needed_instances(plan, encoded)
    simulated = word_of(survived)
    refresh = tuple(_unfinished(typical, summaries))
    unknown = (*supply_unknown(plan, chosen.name), *encoded.supply_limitations)
    word = Word.UNCERTAIN if (unknown or refresh) and simulated is Word.SURVIVES else simulated
    attribution = attribute(typical, needed)
    usual = outcome_of(typical.summary, limits)
    measured = Measured(
        runs=survived.size,
        survived_runs=count,
        typical=usual,
        better=_outcome(summaries[parts.better], np.min, limits),
        worse=_outcome(summaries[parts.worse], np.max, limits),
        median=_outcome(summaries[parts.between], np.median, limits),
        movers=() if simulated is Word.SURVIVES else _movers(encoded, usual, limits),
        before=_before(typical),
        first_alarm=_first_alarm(typical),
        first_bad_minute=_from(typical.summary["first_bad_minute"]),
        short_at_seconds=_short_at(typical),
        enough_after_seconds=_enough_after(typical),
        peak_instances=int(typical.summary["peak_instances"]),
        mean_instances=float(typical.summary["mean_instances"]),
        standing_instances=None
        if simulated is Word.SURVIVES or not with_standing
        else _standing(encoded, trials.records, limits, needed),
        cost=_cost(plan, typical, needed, chosen.max_size),
        elasticity=_elasticity(typical, needed),
        lifted=attribution.lifted,
        bottlenecks=_bottlenecks(typical, attribution.moments),
    )
    verdict = Verdict(
        word=word,
        group=chosen.name,
        limits=limits,
        why=_why(word, measured, limits, unknown, refresh),
        measured=measured,
        warnings=(
            *(f"{each[0].upper()}{each[1:]}." for each in refresh),
            *_assumed(measured.before),
            *_without_effect(plan, load, chosen, trials, typical, injected),
        ),
        limitations=(*encoded.limitations, *outside(plan, load, chosen, injected)),
        not_modelled=NOT_MODELLED,
        swept=tuple(name for name in read_ranges(encoded) if name in ASSUMPTIONS),
        not_seen=not_seen,
        supply_unknown=unknown,
    )
    return Judged(
        verdict=verdict, run=typical, needed=needed, moments=attribution.moments, trials=trials
    )


def _unfinished(typical: Run, summaries: r.Records) -> Iterator[str]:
    """Yield what became of an instance refresh in the runs in which it did not replace all."""
    for state, said in (
        (r.Refresh.UNFINISHED, "was still under way at the end of the trace"),
        (r.Refresh.FAILED, "could not go on for an hour, and failed"),
        (r.Refresh.STOPPED, "was stopped by an alarm"),
    ):
        count = int((summaries["refresh"] == state).sum())
        if count:
            left = int(typical.summary["refresh_left"])
            instances = "1 instance" if left == 1 else f"{left} instances"
            yield (
                f"the instance refresh {said} in {count} of {summaries.size} runs "
                f"({instances} not replaced in the typical one)"
            )


def _before(typical: Run) -> Before:
    encoded, scenario = typical.encoded, typical.scenario
    done = encoded.schedules[
        encoded.schedules["at"] + float(scenario["schedule_delay_seconds"]) <= 0.0
    ]
    sizes = [int(size) for size in done["min_size"] if size >= 0]
    names = [
        known[int(entry["subject"])]
        for entry in typical.log
        for event, known, rules in (
            (r.Event.ALARM_OPEN, encoded.alarm_names, encoded.alarms),
            (r.Event.COMPOSITE_OPEN, encoded.composite_names, encoded.composites),
        )
        if entry["event"] == event and rules[int(entry["subject"])]["notifies"]
    ]
    return Before(
        seconds=float(scenario["pre_roll_steps"] * scenario["step_seconds"]),
        rate=float(encoded.demand[0]),
        of_users=bool(scenario["closed"]),
        instances=int(typical.column("in_service")[0]),
        min_size=sizes[-1] if sizes else int(scenario["min_size"]),
        short=float(typical.summary["first_overload_at"]) < 0.0,
        open_alarms=tuple(names),
    )


def _assumed(before: Before) -> Iterator[str]:
    """Yield what a reader must know of the time before the trace."""
    if before.instances != before.min_size:
        yield (
            f"The trace begins with {before.instances} instances, not with the minimum of "
            f"{before.min_size}: {before}. If the surge begins with the trace, let the trace begin "
            "half an hour earlier."
        )
    elif before.short:
        yield f"The fleet is overloaded when the trace begins: {before}."


def _without_effect(
    plan: ScalingPlan,
    load: Load,
    group: Group,
    trials: Trials,
    typical: Run,
    injected: Sequence[Injected],
) -> Iterator[str]:
    """Yield a sentence for each injection that cannot act, or that changed nothing in any run."""
    encoded = trials.encoded
    seconds = len(load.requests_per_second) * load.step_seconds
    for number, each in enumerate(injected):
        reason = cannot_act(each, plan, group, seconds)
        if reason is not None:
            yield f"{each} cannot act: {reason}."
            continue
        without = replace(encoded, injections=np.delete(encoded.injections, number))
        same = np.array_equal(run(without).series, typical.series) and np.array_equal(
            _fates(sweep(without, trials.records)), _fates(trials.summaries)
        )
        if same:
            yield f"{each} had no effect: without it all {trials.records.size} runs are the same."


def _fates(summaries: r.Records) -> r.Records:
    """Return the summaries without their counts of log entries."""
    names = set(r.SUMMARY.names or ()) - {"events", "events_dropped"}
    return summaries[sorted(names)]


def supply_unknown(plan: ScalingPlan, group: str) -> tuple[str, ...]:
    """Return what a reader could not see that decides how much capacity a group has."""
    targets = plan.group(group).target_group
    return tuple(
        f"{each.path}: {each.reason.rstrip('.')}"
        for each in plan.not_seen
        if each.supply
        and not (each.path.startswith("groups[") and not each.path.startswith(f"groups[{group}]"))
        and not (
            each.path.startswith("target_groups[")
            and not each.path.startswith(f"target_groups[{targets}]")
        )
    )


def moved(measured: Measured) -> list[str]:
    """Return what moves a verdict most when it is moved alone, one sentence each."""
    nothing = (
        "nothing alone: no figure and no assumption, moved by itself from its typical value, "
        "changes what comes of the typical run"
    )
    return [str(each) for each in measured.movers] or [nothing]


def percent(value: float) -> str:
    """Return a share as a reader can judge it: none is none, and little is not."""
    if value == 0:
        return "0 %"
    return "< 0.01 %" if value < 0.01 else f"{value:.3g} %"


def word_of(survived: r.Points) -> Word:
    """Return the verdict on runs of which each survived (1) or did not (0)."""
    count = int(survived.sum())
    return Word.SURVIVES if count == survived.size else Word.FAILS if count == 0 else Word.UNCERTAIN


def needed_instances(plan: ScalingPlan, encoded: Encoded) -> r.Floats:
    """Return the fewest instances that meet the objective at each step; empty if none can.

    Measured with the simulation: the highest constant rate at which one instance, figures typical
    and no scaling, has no bad minute. The database's limit is left out, since no number of
    instances lifts it. At least one instance is needed at any time.
    """
    alone = replace(
        plan, policies=(), alarms=(), composites=(), schedules=(), database=None, not_seen=()
    )
    most = float(encoded.scenario["requests_per_second"][0])
    rates = np.linspace(0.02, 1.0, 50) * most
    steps = 300

    @dataclass(frozen=True, slots=True)
    class Constant:
        requests_per_second: r.Floats
        step_seconds: float = float(STEP_SECONDS)
        start_seconds: float = 0.0
        dated: bool = False

    # Closed users state users, not requests, so that one instance is tried with open ones.
    users = replace(alone.users, think_seconds=None)
    probe = encode(
        replace(alone, users=users),
        Constant(np.zeros(steps)),
        group=encoded.group,
        pre_roll_seconds=300,
    )
    records = np.repeat(probe.scenario, rates.size)
    records["trace"] = np.arange(rates.size)
    for name in ("min_size", "max_size", "desired"):
        records[name] = 1
    for name in ("has_pool", "speed_variation", "chance"):
        records[name] = 0
    summaries = sweep(probe, records, demands=np.repeat(rates[:, np.newaxis], steps, axis=1))
    bad = np.flatnonzero(summaries["bad_minutes"] > 0)
    good = int(bad[0]) if bad.size else rates.size
    if good == 0 or encoded.scenario["closed"][0]:
        return np.zeros(0)
    needed: r.Floats = np.maximum(np.ceil(encoded.demand / rates[good - 1] - 1e-9), 1.0)
    return needed


def survived_runs(summaries: r.Records, limits: Surviving) -> r.Points:
    """Return for each run whether it survived (1) or not (0)."""
    return np.asarray(
        (affected_percents(summaries) <= limits.affected_users_percent)
        & (summaries["bad_minutes"] <= limits.bad_minutes),
        np.int8,
    )


def affected_percents(summaries: r.Records) -> r.Floats:
    """Return for each run the share of its users that were affected (percent)."""
    return np.asarray(
        100.0 * (summaries["affected_users"] / np.maximum(summaries["users"], 1e-12)), np.float64
    )


def outcome_of(summary: r.Record, limits: Surviving) -> Outcome:
    """Return what a run with this summary did to the users."""
    users = float(summary["users"])
    affected = 100.0 * (float(summary["affected_users"]) / users) if users else 0.0
    minutes = int(summary["bad_minutes"])
    return Outcome(
        affected_users_percent=affected,
        bad_minutes=minutes,
        survived=affected <= limits.affected_users_percent and minutes <= limits.bad_minutes,
    )


def _outcome(
    summaries: r.Records, how: Callable[[r.Floats], np.floating[Any]], limits: Surviving
) -> Outcome:
    """Return the least, the most or the median of what some runs did, users and minutes apart."""
    affected = float(how(affected_percents(summaries)))
    minutes = int(how(summaries["bad_minutes"].astype(np.float64)))
    return Outcome(
        affected_users_percent=affected,
        bad_minutes=minutes,
        survived=affected <= limits.affected_users_percent and minutes <= limits.bad_minutes,
    )


def _harm(outcome: Outcome, limits: Surviving) -> float:
    """Return the larger of users and minutes, each as a multiple of its limit."""
    return max(
        outcome.affected_users_percent / max(limits.affected_users_percent, 0.01),
        outcome.bad_minutes / max(limits.bad_minutes, 0.5),
    )


def _movers(encoded: Encoded, usual: Outcome, limits: Surviving) -> tuple[Mover, ...]:
    """Return the parameters that, moved alone from the typical run, change what comes of it.

    First those with which it survives at one end and not at the other, then by how much the harm
    differs; what changes it by less than a tenth is left out.
    """
    ranges = read_ranges(encoded)
    summaries = sweep(encoded, moved_alone(encoded))
    outcomes = [outcome_of(each, limits) for each in summaries]
    found: list[tuple[bool, float, Mover]] = []
    for number, (name, (low, high, _)) in enumerate(ranges.items()):
        at_low, at_high = outcomes[2 * number : 2 * number + 2]
        harms = [max(_harm(each, limits), LEAST_HARM) for each in (at_low, usual, at_high)]
        flips = len({at_low.survived, usual.survived, at_high.survived}) > 1
        ratio = max(harms) / min(harms)
        if not flips and ratio < LEAST_RATIO:
            continue
        row = ASSUMPTIONS.get(name)
        mover = Mover(
            name=name,
            meaning=f"{row.meaning} ({row.unit})" if row else MEANINGS.get(name, name),
            low=low,
            high=high,
            at_low=at_low,
            at_high=at_high,
            documented=row is None,
        )
        found.append((flips, ratio, mover))
    found.sort(key=lambda each: (not each[0], -each[1]))
    return tuple(mover for _, _, mover in found[:MOVERS])


def _from(minute: int) -> int | None:
    return int(minute) if minute >= 0 else None


def _moment(seconds: float) -> float | None:
    return float(seconds) if seconds < r.NEVER else None


def _short_at(typical: Run) -> float | None:
    at = _moment(typical.summary["first_overload_at"])
    return None if at is None else max(at, 0.0)


def _enough_after(typical: Run) -> float | None:
    start, end = _short_at(typical), _moment(typical.summary["enough_capacity_at"])
    still = bool(typical.column("backlog")[-1] > 0.0)
    return None if start is None or end is None or still else end - start


def _first_alarm(typical: Run) -> FirstAlarm | None:
    number, at = int(typical.summary["first_alarm"]), _moment(typical.summary["first_alarm_at"])
    if number < 0 or at is None:
        return None
    encoded = typical.encoded
    limit = float(encoded.scenario["bad_share_limit"][0])
    bad = np.flatnonzero(typical.bad > limit)
    step = float(encoded.scenario["step_seconds"][0])
    return FirstAlarm(
        name=(*encoded.alarm_names, *encoded.composite_names)[number],
        at_seconds=at,
        delay_seconds=at - float(bad[0]) * step if bad.size else None,
    )


def _standing(
    encoded: Encoded, records: r.Records, limits: Surviving, needed: r.Floats
) -> int | None:
    """Return the fewest standing instances that survive every run; the maximum rises with them."""
    low = int(encoded.scenario["min_size"][0])
    high = int(4 * needed.max()) if needed.size else 0

    def lost(size: int, trials: r.Records) -> r.Records:
        tried = trials.copy()
        tried["min_size"] = tried["desired"] = size
        tried["max_size"] = np.maximum(tried["max_size"], size)
        left: r.Records = trials[survived_runs(sweep(encoded, tried), limits) == 0]
        return left

    def least(trials: r.Records, below: int, enough: int) -> int:
        while enough - below > 1:
            middle = (below + enough) // 2
            if lost(middle, trials).size:
                below = middle
            else:
                enough = middle
        return enough

    if high > 1000:
        return None
    # Some of the runs find the neighbourhood; all are asked there, and those that are lost find on.
    size, asked = low, records[::10]
    while size < high and not lost(high, asked).size:
        size = least(asked, size, high)
        asked = lost(size, records)
        if not asked.size:
            return size
    return None


def _cost(plan: ScalingPlan, typical: Run, needed: r.Floats, maximum: int) -> Cost:
    hours = float(typical.encoded.scenario["step_seconds"][0]) / 3600.0
    return Cost(
        instance_hours=float(typical.summary["instance_seconds"]) / 3600.0,
        fixed_instance_hours=float(needed.max() * needed.size) * hours if needed.size else None,
        clairvoyant_instance_hours=float(needed.sum()) * hours if needed.size else None,
        day_at_maximum_instance_hours=24.0 * maximum,
        instance_hour_price=plan.prices.instance_hour or None,
        currency=plan.prices.currency,
    )


def _elasticity(typical: Run, needed: r.Floats) -> tuple[Elasticity, ...]:
    return elasticity(typical.column("answering"), needed) if needed.size else ()


def elasticity(supply: r.Floats, demand: r.Floats) -> tuple[Elasticity, ...]:
    """Return both variants for instances over steps of equal length.

    `spec` is that of Herbst and of Bauer et al. (Chameleon), `normalised` that of Ilyushkin et al.
    """
    under, over = np.maximum(demand - supply, 0.0), np.maximum(supply - demand, 0.0)
    moves = np.abs(np.sign(np.diff(supply)) - np.sign(np.diff(demand)))
    instability = 100.0 * float(np.minimum(moves, 1.0).mean()) if moves.size else 0.0
    return tuple(
        Elasticity(
            variant=variant,
            under_accuracy_percent=100.0 * float((under / np.maximum(demand, 1.0)).mean()),
            over_accuracy_percent=100.0 * float((over / np.maximum(base, 1.0)).mean()),
            under_time_percent=100.0 * float((under > 0).mean()),
            over_time_percent=100.0 * float((over > 0).mean()),
            instability_percent=instability,
        )
        for variant, base in (("spec", demand), ("normalised", supply))
    )


def _bottlenecks(typical: Run, moments: npt.NDArray[np.int64]) -> tuple[Limit, ...]:
    """Return the spans of each limit, one after the other; times without one are left out."""
    limits = list(Bottleneck)
    step = float(typical.encoded.scenario["step_seconds"][0])
    edges = np.flatnonzero(np.diff(moments)) + 1
    starts = np.concatenate(([0], edges))
    stops = np.concatenate((edges, [moments.size]))
    return tuple(
        Limit(
            bottleneck=limits[moments[start]],
            start_seconds=start * step,
            end_seconds=stop * step,
        )
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
        if limits[moments[start]] is not Bottleneck.NONE
    )


def _why(
    word: Word,
    measured: Measured,
    limits: Surviving,
    unknown: Sequence[str] = (),
    refresh: Sequence[str] = (),
) -> str:
    bounds = (
        f"at most {limits.affected_users_percent:g} % of users affected and "
        f"{limits.bad_minutes} bad minutes"
    )
    if measured.survived_runs == measured.runs:
        all_runs = f"All {measured.runs} runs have {bounds}"
        if word is Word.SURVIVES:
            return f"{all_runs}."
        if not unknown:
            return f"{all_runs}, but {'; '.join(refresh)}."
        return f"{all_runs}, but not all that scales the group is in them: {'; '.join(unknown)}."
    if word is Word.FAILS:
        return f"None of {measured.runs} runs has {bounds}."
    return f"{measured.survived_runs} of {measured.runs} runs have {bounds}."


__all__ = [
    "MEANINGS",
    "NOT_MODELLED",
    "Before",
    "Cost",
    "Elasticity",
    "FirstAlarm",
    "Judged",
    "Limit",
    "Measured",
    "Mover",
    "Outcome",
    "Trials",
    "Verdict",
    "Word",
    "affected_percents",
    "elasticity",
    "encoded_for",
    "judge",
    "moved",
    "needed_instances",
    "outcome_of",
    "percent",
    "survived_runs",
    "try_all",
    "word_of",
]
