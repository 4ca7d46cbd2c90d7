"""The assembled simulation: one step after the other, for one run or for a slice of a sweep."""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.alarms import composite_truth, spread_phases
from surgeproof.simulation.compiled.decisions import decide
from surgeproof.simulation.compiled.draws import MINUTE_STREAM, counted
from surgeproof.simulation.compiled.fleet import advance, happen, look_ahead, recount, take_sizes
from surgeproof.simulation.compiled.health_checks import check_health
from surgeproof.simulation.compiled.instance_queue import T_SLOW
from surgeproof.simulation.compiled.interventions import inject
from surgeproof.simulation.compiled.launches import populate
from surgeproof.simulation.compiled.metrics import TICK_SECONDS
from surgeproof.simulation.compiled.queueing import erlang_c_table
from surgeproof.simulation.compiled.records import (
    ALARM,
    COLUMNS,
    E_ALARM_OPEN,
    E_BAD_ENDS,
    E_BAD_STARTS,
    E_COMPOSITE_OPEN,
    EMPTY,
    EXTREMES,
    IN_SERVICE,
    INSUFFICIENT,
    LEAST_HEALTHY,
    NEVER,
    OK,
    OWN,
    R_ENDED,
    R_NONE,
    Floats,
    Records,
)
from surgeproof.simulation.compiled.service import serve
from surgeproof.simulation.compiled.users import count_users
from surgeproof.simulation.compiled.watching import (
    at_phase,
    delay_of,
    first_evaluation,
    look,
    next_alarm,
    suppressor_of,
    watch,
    watch_composites,
)
from surgeproof.simulation.compiled.world import World, note

BEFORE = -1.0
"""A moment before the trace (seconds)."""

CARRIED_MINUTES = 10
"""Minutes before the trace whose mean stands for what was before them (minutes)."""


@compiled
def follow_past_schedules(w: World, start: float) -> None:
    """Set the sizes that scheduled actions gave the group before the simulation begins."""
    f = w.fleet
    late = w.scenario.schedule_delay_seconds
    while f.schedule < w.schedules.size and w.schedules[f.schedule].at + late <= start:
        wanted = take_sizes(w)
        f.desired = min(max(wanted, f.min_size), f.max_size)
        f.schedule += 1


@compiled
def extend_history(w: World) -> None:
    """Let what was before the simulation be as its last minutes before the trace.

    So a window of a day does not hold the half hour alone; and what the fleet needed to grow from
    its minimum, once, is not taken for a part of its everyday life.
    """
    c = w.scenario
    before = c.pre_roll_steps * c.step_seconds // 60
    zero = c.history_minutes + before
    span = min(before, CARRIED_MINUTES)
    kept = zero - span
    for column in range(COLUMNS):
        rate = (w.minutes[zero, column] - w.minutes[kept, column]) / span
        for row in range(kept):
            w.minutes[row, column] = w.minutes[kept, column] - (kept - row) * rate
    for column in range(EXTREMES):
        value = w.extremes[kept, column]
        for row in range(kept + 1, zero):
            if column == LEAST_HEALTHY:
                value = min(value, w.extremes[row, column])
            else:
                value = max(value, w.extremes[row, column])
        for row in range(kept):
            w.extremes[row, column] = value


@compiled
def begin_trace(w: World, offset: float) -> None:
    """Carry what came before into the trace, so that only the trace itself changes anything.

    Alarms with long windows, which nothing scales by, get the state that a steady past gives them.
    Composite alarms have told what they had to tell. No alarm is evaluated again until it can see
    something of the trace.
    """
    f = w.fleet
    if w.scenario.history_minutes > 0:
        extend_history(w)
    for i in range(w.alarms.size):
        rule = w.alarms[i]
        a = w.alarm_states[i]
        if rule.role != OWN:
            continue
        if rule.long_window:
            a.state = look(w, i, 0.0, offset)
            a.changed_at = 0.0
        seen = (TICK_SECONDS if rule.period < 60 else 60.0) + delay_of(w, i)
        later = max(a.next_evaluation, seen) if a.next_evaluation < NEVER else seen
        a.next_evaluation = at_phase(w, i, 0.0, later)
        if a.state == ALARM:
            note(w, 0.0, E_ALARM_OPEN, i, a.value)
    for i in range(w.composites.size):
        rule = w.composites[i]
        k = w.composite_states[i]
        k.state = ALARM if composite_truth(rule, w.alarm_states, w.composite_states) else OK
        k.acted_state = k.state
        k.wait_until = k.extension_until = NEVER
        if rule.suppressor >= 0:
            k.suppressor_state = suppressor_of(w, i)
        if k.state == ALARM:
            note(w, 0.0, E_COMPOSITE_OPEN, i, 0.0)
    if f.overload or w.bad[w.scenario.pre_roll_steps - 1] > w.scenario.bad_share_limit:
        w.summary.first_overload_at = BEFORE


@compiled
def reset(w: World) -> None:
    """Bring the world to the moment before the first step."""
    c = w.scenario
    f = w.fleet
    w.sums[:] = 0.0
    w.minutes[: c.history_minutes + 1] = 0.0
    w.ticks[6 * c.history_minutes % w.ticks.shape[0]] = 0.0
    w.extremes[:] = 0.0
    w.extremes[:, LEAST_HEALTHY] = NEVER
    w.retries[:] = 0.0
    for i in range(w.instances.size):
        w.instances[i].state = EMPTY
    f.desired, f.min_size, f.max_size = c.desired, c.min_size, c.max_size
    f.top = f.pending = f.in_service = f.answering = f.healthy = f.warm = f.warming = 0
    f.pool_ready = f.pool_pending = f.pool_old = f.draining = f.version = f.refreshing = 0
    f.fail_open = f.overload = f.bad = f.at_max = f.launch_failing = f.exhausted = 0
    f.no_capacity = f.surplus = f.unhealthy = f.cold = f.restarts = f.drawn = 0
    f.sick = f.marked = f.ordered = f.owed = f.schedule = f.renewed = f.zones_lost = 0
    f.followed = f.made = 0
    f.cooldown_until = f.pool_at = -NEVER
    f.launch_at = f.terminate_at = f.refresh_blocked_at = NEVER
    f.metrics_late = f.shed = f.uneven = 0.0
    f.cooldown = c.cooldown_seconds
    f.decisions = 0
    f.warmup = c.default_warmup_seconds
    f.boot_factor = f.database_factor = f.slowest = 1.0
    f.each = f.cut = f.cut_again = f.cut_delay = f.database_errors = 0.0
    f.service = c.service_seconds
    f.tokens = c.launch_tokens
    f.tokens_at = -c.pre_roll_steps * c.step_seconds
    f.retry_pending = f.throughput = f.backlog = 0.0
    start = -float(c.pre_roll_steps * c.step_seconds)
    f.served_to = start
    f.now = f.since = start
    f.group_check_at = start + c.group_check_phase * c.group_check_seconds
    spread_phases(w.alarm_states, c.alarm_phase_seconds)
    for i in range(w.alarms.size):
        a = w.alarm_states[i]
        a.state = INSUFFICIENT
        a.known = a.streak = 0
        a.value = a.base = 0.0
        a.next_action = NEVER
        a.changed_at = start
        a.next_evaluation = first_evaluation(w, i, start)
    for i in range(w.composites.size):
        k = w.composite_states[i]
        k.state = k.acted_state = k.suppressor_state = OK
        k.wait_until = k.extension_until = NEVER
    for i in range(w.injections.size):
        w.injections[i].active = 0
        w.injections[i].progress = 0.0
    s = w.summary
    s.first_alarm = s.first_bad_minute = s.last_bad_minute = -1
    s.bad_minutes = s.peak_instances = s.events = s.events_dropped = s.launches = 0
    s.refresh, s.refresh_left = R_NONE, 0
    s.users = s.affected_users = s.requests = s.bad_requests = s.attempts = s.answered = 0.0
    s.timed_out = s.refused = s.failed = s.instance_seconds = s.mean_instances = 0.0
    s.longest_wait = s.peak_demand = s.overload_seconds = 0.0
    s.first_alarm_at = s.first_scale_out_at = s.enough_capacity_at = s.first_overload_at = NEVER
    w.bounds[0] = min(c.timeout_seconds, c.idle_timeout_seconds)
    w.bounds[1] = c.latency_seconds
    w.bounds[2], w.bounds[3] = c.slow_bound_0, c.slow_bound_1
    w.bounds[4], w.bounds[5] = c.slow_bound_2, c.slow_bound_3
    f.longest_bound = c.check_timeout_seconds
    for b in range(T_SLOW + w.slow_bounds):
        f.longest_bound = max(f.longest_bound, w.bounds[b])
    w.at_once[:] = 0.0
    erlang_c_table(c.servers, w.erlang)
    follow_past_schedules(w, start)
    populate(w, start)
    recount(w, start)
    look_ahead(w)


@inlined
def close_rows(w: World, elapsed: int) -> None:
    """Keep the running sums at the end of each ten seconds and each minute."""
    if elapsed % TICK_SECONDS == 0 and w.ticks.shape[0] > 1:
        row = (elapsed // TICK_SECONDS) % w.ticks.shape[0]
        for column in range(COLUMNS):
            w.ticks[row, column] = w.sums[column]
    if elapsed % 60 == 0:
        row = elapsed // 60
        for column in range(COLUMNS):
            w.minutes[row, column] = w.sums[column]


@inlined
def judge_minute(w: World, first: int, last: int, t: float) -> None:
    """Judge the minute of the steps `first` to `last`, which ends at `t`.

    Which of single requests are bad is chance, so that few of them may miss an objective that more
    would keep: how many are bad is drawn.
    """
    c = w.scenario
    f = w.fleet
    minute = int(round(t)) // 60 - 1
    requests = 0.0
    bad = 0.0
    for i in range(first, last):
        requests += w.arrivals[i]
        bad += w.arrivals[i] * w.bad[i]
    if c.chance and bad > 0.0:
        step = float(c.step_seconds)
        bad = counted(c.seed, MINUTE_STREAM, minute, bad * step) / step
    is_bad = bad > c.bad_share_limit * requests
    if is_bad:
        w.summary.bad_minutes += 1
        w.summary.last_bad_minute = minute
        if w.summary.first_bad_minute < 0:
            w.summary.first_bad_minute = minute
    if is_bad != (f.bad == 1):
        f.bad = int(is_bad)
        share = bad / requests if requests > 0.0 else 0.0
        note(w, t, E_BAD_STARTS if is_bad else E_BAD_ENDS, 0, share)


@compiled
def simulate(w: World) -> None:
    """Run one scenario from its first step to its last."""
    c = w.scenario
    f = w.fleet
    reset(w)
    step = c.step_seconds
    pre_roll = float(c.pre_roll_steps * step)
    history = 60 * c.history_minutes
    offset = pre_roll + history
    a_minute = 60 // step
    total = c.pre_roll_steps + c.steps
    composites_wait = True
    for i in range(total):
        t = i * step - pre_roll
        if i > 0 and i == c.pre_roll_steps:
            begin_trace(w, offset)
            composites_wait = True
        if not f.settled or t >= f.next_due or f.dirty:
            advance(w, t - step, t)
            if not f.settled:
                if c.has_load_balancer:
                    # Those of this step, by the queues at its start: who gets its requests when.
                    check_health(w, t + step)
                recount(w, t)
                look_ahead(w)
        if w.injections.size > 0:
            inject(w, t)
            if f.dirty:
                # What was checked until now was checked before the injection.
                f.since = t
                recount(w, t)
                happen(w, t)
                look_ahead(w)
        serve(w, i, t)
        elapsed = (i + 1) * step + history
        if elapsed % TICK_SECONDS == 0:
            close_rows(w, elapsed)
        now = t + step
        changed = False
        k, due = next_alarm(w)
        while due <= now:
            if f.decisions > 0 and due > math.ceil(w.decisions[0].t):
                decide(w)
            if f.next_due <= due or f.dirty:
                advance(w, t, due)
            changed |= watch(w, k, due, offset)
            k, due = next_alarm(w)
        if f.decisions > 0:
            decide(w)
        if w.composites.size > 0 and (changed or composites_wait):
            composites_wait = watch_composites(w, now)
        if (i + 1) % a_minute == 0 and i >= c.pre_roll_steps:
            judge_minute(w, i + 1 - a_minute, i + 1, now)
    end = float(c.steps * step)
    advance(w, end - step, end)
    if w.summary.refresh > R_ENDED:
        for i in range(f.top):
            s = w.instances[i]
            if s.state == IN_SERVICE and s.version < f.version:
                w.summary.refresh_left += s.count
    seconds = float(c.steps * step)
    w.summary.mean_instances = w.summary.instance_seconds / seconds if seconds > 0.0 else 0.0
    w.summary.users, w.summary.affected_users = count_users(
        c, w.bad, w.arrivals, w.demand, c.pre_roll_steps, 0, c.steps, w.flows, w.waiting
    )


@compiled
def simulate_slice(
    scenarios: Records,
    demands: Floats,
    summaries: Records,
    w: World,
    first: int,
    last: int,
) -> None:
    """Run the scenarios `first` to `last` one after the other, in the same working arrays."""
    for k in range(first, last):
        simulate(
            World(
                scenarios[k],
                w.alarms,
                w.policies,
                w.decisions,
                w.steps,
                w.schedules,
                w.composites,
                demands[scenarios[k].trace],
                w.alarm_states,
                w.composite_states,
                w.injections,
                w.instances,
                w.fleet,
                w.sums,
                w.minutes,
                w.extremes,
                w.ticks,
                w.erlang,
                w.points,
                w.history,
                w.above_columns,
                w.above_factors,
                w.below_columns,
                w.below_factors,
                w.bounds,
                w.slow_bounds,
                w.one,
                w.total,
                w.retries,
                w.at_once,
                w.bad,
                w.arrivals,
                w.flows,
                w.waiting,
                w.series,
                w.log,
                summaries[k],
            )
        )
