"""The fast simulation beside the request-level one, on the same surges.

`python -m tests.request_level.agreement` prints the table.
"""

import re
from dataclasses import dataclass
from functools import cache

from surgeproof.simulation import simulate
from tests.request_level.runs import BY_NAME, FIRST, SEEDS, outcome_of

AFFECTED_POINTS = 3
BAD_MINUTES = 2

_SAME = {
    "boot_variation": 0,
    "alarm_phase_seconds": 30,
    "load_balancer_delay_seconds": 90,
    "ec2_delay_seconds": 90,
    "agent_delay_seconds": 5,
    "action_to_launch_seconds": 5.5,
    "instance_start_seconds": 8,
    "registration_seconds": 5,
}

_ALARM = re.compile(r"\+(\d+):(\d\d):(\d\d)  alarm (\S+) is in ALARM")


@dataclass(frozen=True)
class Fast:
    """What the fast simulation says."""

    affected_percent: float
    bad_requests_percent: float
    bad_minutes: int
    first_alarm: str
    first_alarm_at: float


@cache
def fast(name):
    """Run a scenario in the fast simulation."""
    scenario = BY_NAME[name]
    run = simulate(scenario.plan, scenario.trace, changes=_SAME)
    first, at = "none", 0
    for line in run.told():
        found = _ALARM.match(line.strip())
        if found and not found[4].endswith("AlarmLow"):
            first, at = found[4], 3600 * int(found[1]) + 60 * int(found[2]) + int(found[3])
            break
    summary = run.summary
    return Fast(
        run.affected_percent,
        100 * float(summary["bad_requests"] / summary["requests"]),
        int(summary["bad_minutes"]),
        first,
        at,
    )


@dataclass(frozen=True)
class Slow:
    """What the request-level simulation says: means over seeds, and what most seeds say."""

    affected_percent: float
    spread: float
    bad_requests_percent: float
    bad_minutes: float
    first_alarm: str
    first_alarm_at: float


@cache
def slow(name):
    """Run a scenario at request level with each seed."""
    outcomes = [outcome_of(name, seed) for seed in SEEDS]
    affected = [outcome.affected_users_percent for outcome in outcomes]
    firsts = [outcome.first_alarm or ("none", 0) for outcome in outcomes]
    names = [first for first, _ in firsts]
    usual = max(sorted(set(names)), key=names.count)
    return Slow(
        sum(affected) / len(affected),
        max(affected) - min(affected),
        sum(100 * (o.counts.slow + o.counts.failed) / o.counts.requests for o in outcomes)
        / len(outcomes),
        sum(len(outcome.bad_minutes) for outcome in outcomes) / len(outcomes),
        usual,
        min(at for first, at in firsts if first == usual),
    )


def table():
    """Return the table of both results, a line a surge."""
    lines = [
        f"{'':12}  {'affected users, %':^21}  {'bad requests, %':^15}  {'bad minutes':^13}",
        f"{'surge':12}   fast  single (spread)    fast   single  fast   single  first alarm (s)",
    ]
    for name in FIRST:
        single, quick = slow(name), fast(name)
        lines.append(
            f"{name:12}  {quick.affected_percent:5.1f}  {single.affected_percent:6.1f} "
            f"({single.spread:4.1f})    {quick.bad_requests_percent:6.1f}  "
            f"{single.bad_requests_percent:7.1f}  {quick.bad_minutes:4d}  "
            f"{single.bad_minutes:7.1f}  {quick.first_alarm} {quick.first_alarm_at:.0f} / "
            f"{single.first_alarm} {single.first_alarm_at:.0f}"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201 - this is its purpose
