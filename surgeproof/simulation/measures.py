"""What is measured of the runs behind a verdict, most of it of the typical one.

Who was hurt and when, what moves that, what it costs, and the fleet that would have been enough.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from surgeproof.plan import ScalingPlan
from surgeproof.plan.configured import Surviving
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.attribution import Lifted
from surgeproof.simulation.bottlenecks import Bottleneck
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.encode import STEP_SECONDS, Encoded, encode
from surgeproof.simulation.figures import FIGURES
from surgeproof.simulation.outcomes import Outcome, harm, outcome_of, survived_runs
from surgeproof.simulation.run import Run, sweep
from surgeproof.simulation.scenarios import moved_alone, read_ranges

MOVERS: Final = 3
"""Parameters that are named as moving a verdict."""

LEAST_HARM: Final = 0.05
"""Harm, as a multiple of the limits, below which differences do not count."""

LEAST_RATIO: Final = 1.1
"""Factor by which a parameter must change the harm to be named."""


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
    draws: int
    """Runs at draws between the ends; of these alone a share says something."""
    survived_draws: int
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

    @property
    def survived_draws_percent(self) -> float:
        """Share of the draws that survived (percent)."""
        return 100.0 * self.survived_draws / self.draws


def hurt(measured: Measured) -> tuple[float, int, int]:
    """Return how much a surge hurts typically, and else; the larger the worse."""
    typical = measured.typical
    return (typical.affected_users_percent, typical.bad_minutes, -measured.survived_runs)


def before(typical: Run) -> Before:
    """Return what is assumed before the trace, and what it left when the trace begins."""
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


def movers(encoded: Encoded, usual: Outcome, limits: Surviving) -> tuple[Mover, ...]:
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
        harms = [max(harm(each, limits), LEAST_HARM) for each in (at_low, usual, at_high)]
        flips = len({at_low.survived, usual.survived, at_high.survived}) > 1
        ratio = max(harms) / min(harms)
        if not flips and ratio < LEAST_RATIO:
            continue
        row = ASSUMPTIONS.get(name)
        mover = Mover(
            name=name,
            meaning=f"{row.meaning} ({row.unit})" if row else FIGURES[name].meaning,
            low=low,
            high=high,
            at_low=at_low,
            at_high=at_high,
            documented=row is None,
        )
        found.append((flips, ratio, mover))
    found.sort(key=lambda each: (not each[0], -each[1]))
    return tuple(mover for _, _, mover in found[:MOVERS])


def minute_of(minute: int) -> int | None:
    """Return a minute of the trace as a summary holds it; None where there was none."""
    return int(minute) if minute >= 0 else None


def _moment(seconds: float) -> float | None:
    return float(seconds) if seconds < r.NEVER else None


def short_at(typical: Run) -> float | None:
    """Return when requests first queued (seconds), 0 where they did before the trace."""
    at = _moment(typical.summary["first_overload_at"])
    return None if at is None else max(at, 0.0)


def enough_after(typical: Run) -> float | None:
    """Return how long it took from then until no queue was left (seconds)."""
    start, end = short_at(typical), _moment(typical.summary["enough_capacity_at"])
    still = bool(typical.column("backlog")[-1] > 0.0)
    return None if start is None or end is None or still else end - start


def first_alarm(typical: Run) -> FirstAlarm | None:
    """Return the first alarm that the trace caused and that tells somebody."""
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


def standing(
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


def cost_of(plan: ScalingPlan, typical: Run, needed: r.Floats, maximum: int) -> Cost:
    """Return what the capacity costs, beside fleets that know what is needed."""
    hours = float(typical.encoded.scenario["step_seconds"][0]) / 3600.0
    return Cost(
        instance_hours=float(typical.summary["instance_seconds"]) / 3600.0,
        fixed_instance_hours=float(needed.max() * needed.size) * hours if needed.size else None,
        clairvoyant_instance_hours=float(needed.sum()) * hours if needed.size else None,
        day_at_maximum_instance_hours=24.0 * maximum,
        instance_hour_price=plan.prices.instance_hour or None,
        currency=plan.prices.currency,
    )


def elasticity_of(typical: Run, needed: r.Floats) -> tuple[Elasticity, ...]:
    """Return the elasticity of the instances that answer; nothing where nobody knows the need."""
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


def limits_of(typical: Run, moments: npt.NDArray[np.int64]) -> tuple[Limit, ...]:
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
