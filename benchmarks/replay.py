"""Prints what the shipped stacks survive, at which cost, and how long a replay takes.

python -m benchmarks.replay [runs]
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from surgeproof.outage.survival import scale_of, survivals
from surgeproof.plan import Metric, ScalingPlan, TargetTracking
from surgeproof.plan.program import read_program
from surgeproof.simulation.measures import Measured
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.verdict import Verdict, judge
from surgeproof.traces import named_trace
from surgeproof.traces.named import OUTAGE
from surgeproof.traces.outage import family

ROOT: Final = Path(__file__).parents[1]
COMMAND = ("replay", "--stack", "dev", "--trace", "x2-in-300s")
AT_MOST_SECONDS = 4.0
GOAL_SECONDS = 3.0

STACKS: Final = ("local", "dev", "prod")
TRACES: Final = ("x2-in-300s", "x5-in-300s", "x10-in-0s", OUTAGE)
FEWER: Final = {"prod": (14,)}
"""Standing instances with which a stack is tried too."""

COSTS: Final = {"x2-in-300s": (2.0, 1.4), "x5-in-300s": (2.5, 2.0)}
"""Cost against a clairvoyant fleet, at most and as a goal, by trace."""


def main() -> None:
    """Print the figures."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for line in verdicts():
        print(line)
    print()
    for line in cold_process(runs):
        print(line)


def verdicts() -> Iterator[str]:
    """Yield the verdict of each shipped stack under each trace, then its share of the family."""
    yield (
        f"{'stack':6} {'metrics':19} {'trace':18} {'verdict':9} {'runs':>7} {'users':>7} "
        f"{'cost':>6} {'fixed':>6} {'peak':>5} {'mean':>5} {'needs':>5}"
    )
    for stack in STACKS:
        read = read_program(ROOT, stack)
        scale = scale_of(read.stated)
        for metrics, plan in _plans(stack, read.plan):
            for trace in TRACES:
                load = named_trace(trace).scale(scale)
                verdict = judge(plan, load, limits=read.stated.surviving).verdict
                yield f"{stack:6} {metrics:19} {trace:18} {_row(verdict)}"
        members = family().members
        outcomes = survivals(read.plan, read.stated.surviving, members, scale)
        survived = sum(each.survives for each in outcomes)
        yield (
            f"{stack:6} survives {survived} of the {len(members)} members of the outage's family "
            f"({100 * survived / len(members):.0f} %)"
        )
    yield (
        "users: affected with all at their worse ends (%). cost: instance-hours against a "
        "clairvoyant fleet ("
        + ", ".join(f"{t}: at most {most:g}, goal {goal:g}" for t, (most, goal) in COSTS.items())
        + "). fixed: against the smallest fixed fleet. peak, mean: instances. needs: standing "
        "instances with which all runs survive."
    )


def _plans(stack: str, plan: ScalingPlan) -> Iterator[tuple[str, ScalingPlan]]:
    """Yield the plan, and where it follows the application's own metric, the plan without that."""
    if plan.demand_metrics:
        yield "high resolution too", plan
    alone = without_own_metrics(plan)
    yield "load balancer alone", alone
    for size in FEWER.get(stack, ()):
        group = replace(plan.groups[0], min_size=size)
        yield f"..., {size} standing", replace(alone, groups=(group, *plan.groups[1:]))


def without_own_metrics(plan: ScalingPlan) -> ScalingPlan:
    """Return a plan without the application's own metrics, and without what follows them."""
    own = {(metric.namespace, metric.name) for metric in plan.demand_metrics}

    def follows(metric: object) -> bool:
        return isinstance(metric, Metric) and (metric.namespace, metric.name) in own

    followed = tuple(
        policy
        for policy in plan.policies
        if not (isinstance(policy, TargetTracking) and follows(policy.metric))
    )
    watched = tuple(alarm for alarm in plan.alarms if not follows(alarm.metric))
    run_by = {name for alarm in watched for name in (*alarm.alarm_actions, *alarm.ok_actions)}
    fast = {
        name for alarm in plan.alarms if follows(alarm.metric) for name in alarm.alarm_actions
    } - run_by
    return replace(
        plan,
        demand_metrics=(),
        policies=tuple(policy for policy in followed if policy.name not in fast),
        alarms=watched,
    )


def _row(verdict: Verdict) -> str:
    measured = verdict.measured
    if measured is None:
        return str(verdict.word)
    return (
        f"{verdict.word:9} {measured.survived_runs:3}/{measured.runs:3} "
        f"{measured.worse.affected_users_percent:7.2f} {_times(measured.cost.against_clairvoyant)} "
        f"{_times(measured.cost.against_fixed)} {measured.peak_instances:5} "
        f"{measured.mean_instances:5.1f} {_needed(verdict.word, measured)}"
    )


def _times(value: float | None) -> str:
    return f"{'-':>6}" if value is None else f"{value:5.2f}x"


def _needed(word: Word, measured: Measured) -> str:
    if word is Word.SURVIVES or measured.standing_instances is None:
        return f"{'-':>5}"
    return f"{measured.standing_instances:5}"


def cold_process(runs: int) -> Iterator[str]:
    """Yield how long the command takes from a cold process to its verdict."""
    command = [sys.executable, "-m", "surgeproof", *COMMAND]
    walls, processors = [], []
    for number in range(runs + 1):
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if code not in {0, 1, 3}:
            sys.exit(f"surgeproof {' '.join(COMMAND)}: exit code {code}")
        if number == 0:
            yield f"first run, compilation or its cache included  {wall:8.2f} s"
            continue
        walls.append(wall)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    walls.sort()
    yield (
        f"surgeproof {' '.join(COMMAND)}, cold process: best {walls[0]:.2f} s, median "
        f"{walls[len(walls) // 2]:.2f} s; processor time {min(processors):.2f} s over "
        f"{len(os.sched_getaffinity(0))} cores (at most {AT_MOST_SECONDS:g}, goal "
        f"{GOAL_SECONDS:g}); load of the machine while this ran: {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
