"""Runs a plan against a trace: one run with its log and series, or a sweep of many."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from surgeproof.plan import Figure, Group, ScalingPlan, Service
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.compiled.instance_queue import OUTCOMES, TAILS
from surgeproof.simulation.compiled.kernel import simulate_slice
from surgeproof.simulation.compiled.metrics import TICK_ROWS
from surgeproof.simulation.compiled.queueing import TABLE_POINTS
from surgeproof.simulation.compiled.retries import RETRY_LEVELS
from surgeproof.simulation.compiled.users import MOST_VISITS, count_users, ring_steps
from surgeproof.simulation.compiled.world import World
from surgeproof.simulation.encode import STEP_SECONDS, Encoded, encode
from surgeproof.simulation.encode_scenario import SLOTS, SPARE_SLOTS, most_alive
from surgeproof.simulation.injections import Injected
from surgeproof.simulation.load import Load
from surgeproof.simulation.scenarios import Scenarios, Survey
from surgeproof.traces.trace import Trace

LOG_ENTRIES = 20_000
"""Entries that the log of a single run holds at first; a longer one is run again with more."""

MOST_LOG_ENTRIES = 1_000_000
"""Most entries that it holds."""

RETRY_SECONDS = 300
"""How far ahead an attempt may come again (seconds)."""


def world(
    encoded: Encoded,
    scenario: r.Record,
    summary: r.Record,
    *,
    longest_session_seconds: float,
    most: int,
    log: int,
    series: bool,
) -> World:
    """Return the working arrays of a run; `most` is the largest maximum size of any scenario."""
    alive = most_alive(most, pool=bool(scenario["has_pool"]))
    slots = math.ceil(alive / int(scenario["instances_per_slot"])) + SPARE_SLOTS
    step = int(scenario["step_seconds"])
    steps = int(scenario["steps"])
    total = steps + int(scenario["pre_roll_steps"])
    rows = int(scenario["history_minutes"]) + total * step // 60 + 2
    fast = bool(np.any(encoded.alarms["period"] < 60))
    longest = int(np.max(encoded.alarms["n"], initial=15)) + 8
    return World(
        scenario=scenario,
        alarms=encoded.alarms,
        policies=encoded.policies.copy(),
        decisions=np.zeros(encoded.alarms.size * encoded.policies.size, r.DECISION),
        steps=encoded.steps,
        schedules=encoded.schedules,
        composites=encoded.composites,
        demand=encoded.demand,
        alarm_states=np.zeros(encoded.alarms.size, r.ALARM_STATE),
        composite_states=np.zeros(encoded.composites.size, r.COMPOSITE_STATE),
        injections=encoded.injections.copy(),
        # What leaves is there beside what replaces it, which may be the whole group.
        instances=np.zeros(2 * max(SLOTS, slots), r.INSTANCE),
        fleet=np.zeros(1, r.FLEET)[0],
        sums=np.zeros(r.COLUMNS),
        minutes=np.zeros((rows, r.COLUMNS)),
        extremes=np.zeros((rows, r.EXTREMES)),
        ticks=np.zeros((TICK_ROWS if fast else 1, r.COLUMNS)),
        erlang=np.zeros(TABLE_POINTS),
        points=np.zeros(longest, np.int8),
        history=np.zeros((encoded.alarms.size, 1 << longest.bit_length()), np.int8),
        above_columns=encoded.above_columns,
        above_factors=encoded.above_factors,
        below_columns=encoded.below_columns,
        below_factors=encoded.below_factors,
        bounds=np.zeros(TAILS),
        slow_bounds=encoded.slow_bounds,
        one=np.zeros(OUTCOMES),
        total=np.zeros(OUTCOMES),
        retries=np.zeros((RETRY_SECONDS // step + 4, RETRY_LEVELS)),
        at_once=np.zeros(RETRY_LEVELS),
        bad=np.zeros(total),
        arrivals=np.zeros(total),
        flows=np.zeros((2, ring_steps(longest_session_seconds, step), MOST_VISITS)),
        waiting=np.zeros((2, MOST_VISITS)),
        series=np.zeros((steps if series else 0, len(r.SERIES))),
        log=np.zeros(log, r.LOG_ENTRY),
        summary=summary,
    )


@dataclass(frozen=True)
class Run:
    """What came of one run."""

    encoded: Encoded
    scenario: r.Record
    """The scenario that was run; see `records.SCENARIO`."""
    summary: r.Record
    """Totals; see `records.SUMMARY`."""
    log: r.Records
    """Events in the order of time; see `records.LOG_ENTRY` and `told`. Beyond `MOST_LOG_ENTRIES`
    they are only counted, in the summary's `events_dropped`."""
    series: r.Floats
    """One row a step, columns as in `records.SERIES`."""
    bad: r.Floats
    """Share of the requests that were bad, one value a step."""
    arrivals: r.Floats
    """Requests per second that were offered, retries not counted, one value a step."""
    minutes: r.Floats
    """What metrics are made of, summed in each whole minute of the trace; columns as in
    `records.COLUMNS`."""
    extremes: r.Floats
    """Extremes of each whole minute; columns as in `records.EXTREMES`."""

    def column(self, name: str) -> r.Floats:
        """Return one column of the series."""
        return self.series[:, r.SERIES.index(name)]

    @cached_property
    def affected_percent(self) -> float:
        """Share of the users of whom a request was bad (percent)."""
        users = float(self.summary["users"])
        return 100.0 * (float(self.summary["affected_users"]) / users) if users else 0.0

    def affected_percent_within(self, start_seconds: float, end_seconds: float) -> float:
        """Return the share of the users there between two moments who were hurt then (percent)."""
        scenario = self.scenario
        step = int(scenario["step_seconds"])
        first = max(int(start_seconds // step), 0)
        last = min(int(np.ceil(end_seconds / step)), self.bad.size)
        if last <= first:
            return 0.0
        users, affected = count_users(
            scenario,
            self.bad,
            self.arrivals,
            self.encoded.demand,
            0,
            first,
            last,
            np.zeros((2, ring_steps(float(scenario["session_seconds"]), step), MOST_VISITS)),
            np.zeros((2, MOST_VISITS)),
        )
        return 100.0 * (affected / users) if users else 0.0

    def told(self) -> list[str]:
        """Return the log in words, one line an event, and last how many it does not hold."""
        lines = [tell(self.encoded, entry) for entry in self.log]
        dropped = int(self.summary["events_dropped"])
        if dropped:
            lines.append(f"the log is full: {dropped:,} more events are left out")
        return lines


def simulate(
    plan: ScalingPlan,
    load: Load,
    *,
    group: str | None = None,
    step_seconds: int = STEP_SECONDS,
    pre_roll_seconds: int = 1800,
    seed: int = 0,
    injected: Sequence[Injected] = (),
    changes: Mapping[str, float] | None = None,
) -> Run:
    """Run one group of `plan` under `load`, figures typical and assumptions at their defaults.

    `changes` sets single fields of the scenario to other values.
    """
    encoded = encode(
        plan,
        load,
        group=group,
        step_seconds=step_seconds,
        pre_roll_seconds=pre_roll_seconds,
        seed=seed,
        injected=injected,
    )
    scenario = encoded.scenario.copy()
    for name, value in (changes or {}).items():
        scenario[name] = value
    return run(encoded, scenario)


def load_kernel() -> None:
    """Load the machine code, a third of a second's work, before there is a plan to run."""
    one = Figure.exactly(1)
    idle = ScalingPlan(
        name="idle",
        groups=(Group(name="idle", min_size=1, max_size=1),),
        service=Service(requests_per_second=one, service_seconds=one, boot_seconds=one),
    )
    minute = Trace("idle", requests_per_second=np.ones(60), step_seconds=1.0)
    simulate(idle, minute, pre_roll_seconds=0)


def run(
    encoded: Encoded, scenario: r.Records | None = None, *, log_entries: int = LOG_ENTRIES
) -> Run:
    """Run one scenario of an encoded plan, with log and series."""
    chosen = encoded.scenario if scenario is None else scenario
    summary = np.zeros(1, r.SUMMARY)
    w = world(
        encoded,
        chosen[0],
        summary[0],
        longest_session_seconds=float(chosen["session_seconds"][0]),
        most=_most(encoded, chosen),
        log=log_entries,
        series=True,
    )
    simulate_slice(chosen, encoded.demand[np.newaxis, :], summary, w, 0, 1)
    needed = min(int(summary["events"][0] + summary["events_dropped"][0]), MOST_LOG_ENTRIES)
    if needed > log_entries:
        return run(encoded, scenario, log_entries=needed)
    log = w.log[: int(summary["events"][0])]
    start = int(chosen["pre_roll_steps"][0])
    step = int(chosen["step_seconds"][0])
    begins = int(chosen["history_minutes"][0]) + start * step // 60
    ends = begins + int(chosen["steps"][0]) * step // 60
    return Run(
        encoded=encoded,
        scenario=chosen[0],
        summary=summary[0],
        # Within a step, what happened is noted by whom it happened to, not by when.
        log=log[np.argsort(log["t"], kind="stable")],
        series=w.series,
        bad=w.bad[start:],
        arrivals=w.arrivals[start:],
        minutes=np.diff(w.minutes[begins : ends + 1], axis=0),
        extremes=w.extremes[begins:ends],
    )


def _most(encoded: Encoded, records: r.Records) -> int:
    """Return the largest maximum size that a group may have in these scenarios."""
    return max(int(records["max_size"].max()), int(encoded.schedules["max_size"].max(initial=0)))


def sweep(
    encoded: Encoded,
    scenarios: Scenarios | Survey | r.Records,
    *,
    demands: r.Floats | None = None,
    threads: int | None = None,
) -> r.Records:
    """Run many scenarios; return one summary each (`records.SUMMARY`).

    `demands` holds several traces of equal length, one a row; a scenario's `trace` chooses.
    """
    records = scenarios if isinstance(scenarios, np.ndarray) else scenarios.records
    traces = encoded.demand[np.newaxis, :] if demands is None else np.ascontiguousarray(demands)
    summaries = np.zeros(records.size, r.SUMMARY)
    if records.size == 0:
        return summaries
    workers = max(1, min(threads or len(os.sched_getaffinity(0)), records.size))
    longest_session_seconds = float(records["session_seconds"].max())
    most = _most(encoded, records)
    edges = np.linspace(0, records.size, workers + 1).astype(int)

    def work(part: int) -> None:
        first, last = int(edges[part]), int(edges[part + 1])
        w = world(
            encoded,
            records[first],
            summaries[first],
            longest_session_seconds=longest_session_seconds,
            most=most,
            log=0,
            series=False,
        )
        simulate_slice(records, traces, summaries, w, first, last)

    if workers == 1:
        work(0)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    return summaries


def _clock(seconds: float) -> str:
    """Return a moment of the trace as `+h:mm:ss`."""
    sign = "-" if seconds < 0 else "+"
    whole = abs(round(seconds))
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _name(names: Sequence[str], subject: int) -> str:
    return names[subject] if 0 <= subject < len(names) else f"number {subject}"


def tell(encoded: Encoded, entry: r.Record) -> str:
    """Return one entry of the log in words."""
    event = r.Event(int(entry["event"]))
    subject, metric = int(entry["subject"]), float(entry["metric"])
    desired = int(entry["desired"])
    alarm = _name(encoded.alarm_names, subject)
    policy = _name(encoded.policy_names, subject)
    composite = _name(encoded.composite_names, subject)
    injection = _name(encoded.injection_names, subject).replace("_", " ")
    words = {
        r.Event.ALARM_INSUFFICIENT: f"alarm {alarm} has insufficient data",
        r.Event.ALARM_OK: f"alarm {alarm} is OK (metric {metric:.4g})",
        r.Event.ALARM_ALARM: f"alarm {alarm} is in ALARM (metric {metric:.4g})",
        r.Event.ALARM_OPEN: f"alarm {alarm} is in ALARM since before the trace",
        r.Event.COMPOSITE_OPEN: f"composite alarm {composite} is in ALARM since before the trace",
        r.Event.SCALE_OUT: f"policy {policy} scales out to {desired} (metric {metric:.4g})",
        r.Event.SCALE_IN: f"policy {policy} scales in to {desired} (metric {metric:.4g})",
        r.Event.SCHEDULED: f"scheduled action {_name(encoded.schedule_names, subject)} "
        f"sets {desired}",
        r.Event.LAUNCH: f"{subject} launched",
        r.Event.LAUNCH_FROM_POOL: f"{subject} started from the warm pool",
        r.Event.LAUNCH_FAILED: f"{subject} cannot be launched: quota or no capacity",
        r.Event.IN_SERVICE: f"{subject} in service {metric:.0f} s after the launch",
        r.Event.ANSWERS: f"{subject} answers {metric:.0f} s after the launch",
        r.Event.WARM: f"{subject} warm {metric:.0f} s after the launch",
        r.Event.UNHEALTHY: f"{subject} unhealthy, with {metric:.0f} requests waiting in each",
        r.Event.HEALTHY: f"{subject} healthy again",
        r.Event.REPLACED: f"{subject} replaced",
        r.Event.TERMINATING: f"{subject} leaves the load balancer",
        r.Event.TERMINATED: f"{subject} terminated",
        r.Event.COMPOSITE_OK: f"composite alarm {composite} is OK",
        r.Event.COMPOSITE_ALARM: f"composite alarm {composite} is in ALARM",
        r.Event.COMPOSITE_ACTS: f"composite alarm {composite} "
        + ("tells ALARM" if metric else "tells OK"),
        r.Event.INJECTION_STARTS: f"injected: {injection} begins ({metric:g})",
        r.Event.INJECTION_ENDS: f"injected: {injection} ends",
        r.Event.REFRESH_STARTS: "instance refresh begins",
        r.Event.REFRESH_REFUSED: "instance refresh is refused: one is under way",
        r.Event.REFRESH_ENDS: "instance refresh has replaced all",
        r.Event.REFRESH_FAILED: f"instance refresh fails: {subject} not replaced, no progress "
        "for an hour",
        r.Event.REFRESH_STOPPED: f"instance refresh is stopped by {alarm}",
        r.Event.OVERLOAD_STARTS: f"requests begin to queue ({metric:.4g} requests/s)",
        r.Event.OVERLOAD_ENDS: f"the queues are empty ({metric:.4g} requests/s)",
        r.Event.FAIL_OPEN_STARTS: "no target is healthy: the load balancer uses all",
        r.Event.FAIL_OPEN_ENDS: "the load balancer uses the healthy targets again",
        r.Event.AT_MAX_SIZE: f"policy {policy} asks for more than the maximum",
        r.Event.CONNECTIONS_EXHAUSTED: f"the database refuses connections ({metric:.0f} wanted)",
        r.Event.BAD_STARTS: f"the minute before missed the objective ({100 * metric:.3g} % bad)",
        r.Event.BAD_ENDS: f"the minute before kept the objective again ({100 * metric:.3g} % bad)",
    }[event]
    state = f"desired {desired}, in service {int(entry['in_service'])}"
    return f"{_clock(float(entry['t']))}  {words}  [{state}]"
