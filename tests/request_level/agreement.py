"""The fast simulation beside the request-level one, on the same surges.

`python -m tests.request_level.agreement` prints the table. What single requests give is read from
`measured.json`; the fast simulation draws as many runs as a verdict does, everything certain equal
on both sides, so that only chance differs.
"""

import argparse
import math
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from statistics import median

import numpy as np

from surgeproof.plan.configured import Surviving
from surgeproof.simulation import Injected, Injection, encode, sweep
from surgeproof.simulation.compiled.records import Event
from surgeproof.simulation.outcomes import word_of
from surgeproof.simulation.run import run
from tests.request_level.measure import Result, kept
from tests.request_level.runs import BY_NAME

AFFECTED_POINTS = 3
"""Between the medians of the affected users (percent), and between the places of each mode."""
MODE_SHARE_POINTS = 15
"""Between the shares of runs in a mode (percent)."""
BAD_MINUTES = 2
ALARM_SECONDS = 60
SURE_PERCENT = 75
"""Share of the seeds from which chance does not decide which alarm is the first (percent)."""

DRAWS = 100
"""Runs of the fast simulation, as many as a verdict rests on."""

LOGGED = 25
"""Runs of which the log is read, for the first alarm."""

NOT_HELD = {
    "crowd-20": ("share of the upper mode: 37 %, single requests 17 %",),
    "drawn-crowd-2": ("share of the upper mode: 9 %, single requests 25 %",),
    "drawn-critical-2": ("first alarm, s: 510, single requests 607",),
    "drawn-outstanding-1": ("affected users: 79 %, single requests 88 %",),
}
"""Surges in which the two differ by more than they may, and by how much."""

_SAME = {
    "alarm_phase_seconds": 30,
    "load_balancer_delay_seconds": 90,
    "ec2_delay_seconds": 90,
    "agent_delay_seconds": 5,
    "action_to_launch_seconds": 5.5,
    "instance_start_seconds": 8,
    "registration_seconds": 5,
    "loss_notice_seconds": 60,
    "requests_per_healthy_target": 1,
    "group_check_seconds": 30,
    "all_unhealthy_share": 1,
}
"""What `runs.SHARED` states for the request-level simulation."""


@dataclass(frozen=True)
class Modes:
    """The two ways in which a surge ends, where chance decides between them."""

    split: float
    """Share of affected users between the two (percent)."""
    low: float
    high: float
    """Medians below and above (percent of users)."""
    high_share: float
    """Share of the runs above (percent)."""


def modes_of(affected):
    """Return the modes of some runs, or None: ten points apart, a tenth of the runs in each."""
    ordered = sorted(affected)
    gaps = [
        (after - before, place)
        for place, (before, after) in enumerate(pairwise(ordered), 1)
        if 0.1 <= place / len(ordered) <= 0.9
    ]
    gap, place = max(gaps, default=(0, 0))
    if gap < 10:
        return None
    return split_at(ordered, (ordered[place - 1] + ordered[place]) / 2)


def split_at(affected, split):
    """Return the modes below and above `split`; None where all are on one side."""
    low = [value for value in affected if value <= split]
    high = [value for value in affected if value > split]
    if not low or not high:
        return None
    return Modes(split, median(low), median(high), 100 * len(high) / len(affected))


@dataclass(frozen=True)
class Side:
    """What one simulation says of a surge."""

    results: tuple

    @cached_property
    def affected(self):
        return [result.affected_percent for result in self.results]

    @property
    def affected_percent(self):
        return median(self.affected)

    @property
    def bad_requests_percent(self):
        return median(result.bad_requests_percent for result in self.results)

    @property
    def bad_minutes(self):
        return median(result.bad_minutes for result in self.results)

    @property
    def _logged(self):
        return [result for result in self.results if result.first_alarm]

    @property
    def first_alarm(self):
        """The alarm that is first in most runs, and in which share of them (percent)."""
        names = [result.first_alarm for result in self._logged]
        usual = max(sorted(set(names)), key=names.count)
        return usual, 100 * names.count(usual) / len(names)

    @property
    def first_alarm_at(self):
        """The median of the first alarm's time (seconds), whichever it is; none is infinite."""
        return median(
            math.inf if result.first_alarm == "none" else result.first_alarm_at
            for result in self._logged
        )

    def word(self, count):
        """Return the verdict that the first `count` runs would give."""
        limits = Surviving()
        survived = [
            result.affected_percent <= limits.affected_users_percent
            and result.bad_minutes <= limits.bad_minutes
            for result in self.results[:count]
        ]
        return word_of(np.array(survived, np.int8))

    def bad_minutes_beyond(self, split, *, above):
        """Return the median of the bad minutes of the runs on one side of a split."""
        return median(
            result.bad_minutes
            for result in self.results
            if (result.affected_percent > split) is above
        )


@cache
def slow(name):
    """Return what the request-level simulation says, by what is kept of it."""
    return Side(tuple(kept()[0][name]))


@cache
def fast(name):
    """Return what the fast simulation says: draws that differ only in their seeds."""
    scenario = BY_NAME[name]
    zones = scenario.plan.groups[0].zones
    injected = [
        Injected(kind=Injection.ZONE_LOST, start_seconds=when, value=zones.index(zone))
        for when, lost in scenario.losses
        for zone in lost
    ]
    encoded = encode(scenario.plan, scenario.trace, injected=injected)
    records = np.repeat(encoded.scenario, DRAWS)
    same = _SAME | {
        "boot_variation": scenario.boot_variation,
        "speed_variation": scenario.speed_variation,
    }
    for field, value in same.items():
        records[field] = value
    records["seed"] = np.arange(1, DRAWS + 1)
    # When the group looks at its instances' health is drawn on both sides.
    order = np.random.default_rng(1).permutation(DRAWS)
    records["group_check_phase"] = (order + 0.5) / DRAWS
    summaries = sweep(encoded, records)
    alarms = [
        first_alarm(run(encoded, records[number : number + 1])) if number < LOGGED else ("", 0)
        for number in range(DRAWS)
    ]
    return Side(
        tuple(
            Result(
                int(record["seed"]),
                100 * float(summary["affected_users"] / summary["users"]),
                100 * float(summary["bad_requests"] / summary["requests"]),
                int(summary["bad_minutes"]),
                *alarm,
            )
            for record, summary, alarm in zip(records, summaries, alarms, strict=True)
        )
    )


def first_alarm(done):
    """Return name and time of a run's first alarm, target tracking's low ones left out."""
    for entry in done.log:
        if int(entry["event"]) == Event.ALARM_ALARM and entry["t"] >= 0:
            name = done.encoded.alarm_names[int(entry["subject"])]
            if not name.endswith("AlarmLow"):
                return name, float(entry["t"])
    return "none", 0.0


def misses(name):
    """Return where the two differ by more than they may, a line each."""
    single, quick = slow(name), fast(name)
    found = []

    def hold(what, ours, theirs, most):
        if abs(ours - theirs) > most:
            found.append(f"{what}: {ours:.1f}, single requests {theirs:.1f}, at most {most} apart")

    count = len(single.results)
    if quick.word(count) is not single.word(count):
        found.append(f"word: {quick.word(count)}, single requests {single.word(count)}")
    two = modes_of(single.affected)
    if two is None:
        hold("affected users", quick.affected_percent, single.affected_percent, AFFECTED_POINTS)
        hold("bad minutes", quick.bad_minutes, single.bad_minutes, BAD_MINUTES)
    else:
        ours = split_at(quick.affected, two.split)
        if ours is None:
            found.append(f"modes: one, single requests {two.low:.1f} and {two.high:.1f}")
        else:
            hold("lower mode", ours.low, two.low, AFFECTED_POINTS)
            hold("upper mode", ours.high, two.high, AFFECTED_POINTS)
            hold("share of the upper mode", ours.high_share, two.high_share, MODE_SHARE_POINTS)
            for above in (False, True):
                hold(
                    f"bad minutes of the {'upper' if above else 'lower'} mode",
                    quick.bad_minutes_beyond(two.split, above=above),
                    single.bad_minutes_beyond(two.split, above=above),
                    BAD_MINUTES,
                )
    (our_alarm, _), (their_alarm, agreed) = quick.first_alarm, single.first_alarm
    if our_alarm != their_alarm and agreed >= SURE_PERCENT:
        found.append(f"first alarm: {our_alarm}, single requests {their_alarm}")
    if our_alarm != "none" and their_alarm != "none":
        hold("first alarm, s", quick.first_alarm_at, single.first_alarm_at, ALARM_SECONDS)
    return found


def _shown(side, two):
    if two is None:
        low, high = np.percentile(side.affected, (10, 90))
        return f"{side.affected_percent:5.1f} ({low:.1f} to {high:.1f})"
    return f"{two.low:.1f} / {two.high:.1f} in {two.high_share:.0f} %"


def table(names=tuple(BY_NAME)):
    """Return the table of both results, a line a surge."""
    lines = [
        f"{'':28}  {'affected users, %':^49}  {'bad minutes':^11}",
        f"{'surge':28}  {'fast: median (10 to 90 %)':24} {'single requests':24}  fast single  word",
    ]
    for name in names:
        single, quick = slow(name), fast(name)
        two = modes_of(single.affected)
        ours = two and split_at(quick.affected, two.split)
        count = len(single.results)
        wrong = misses(name)
        lines.append(
            f"{name:28}  {_shown(quick, ours):24} {_shown(single, two):24}  "
            f"{quick.bad_minutes:4.0f} {single.bad_minutes:6.0f}  {quick.word(count):9} "
            f"{'held' if not wrong else 'NOT HELD'}"
        )
        lines += [f"{'':28}    {line}" for line in wrong]
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(BY_NAME), help="surges (default: all)")
    print("\n".join(table(parser.parse_args().names)))  # noqa: T201 - this is its purpose
