"""The assembled simulation: one step after the other, for one run or for a slice of a sweep."""

import math

from surgeproof.simulation._compile import compiled, inlined
from surgeproof.simulation.alarms import composite_step, composite_truth, spread_phases
from surgeproof.simulation.draws import MINUTE_STREAM, counted
from surgeproof.simulation.fleet import (
    advance,
    boot_seconds,
    check_health,
    happen,
    is_scaling_out,
    look_ahead,
    next_check,
    populate,
    recount,
    set_desired,
    take_sizes,
)
from surgeproof.simulation.metrics import TICK_SECONDS, evaluate
from surgeproof.simulation.policies import (
    adjusted_capacity,
    step_capacity,
    tracking_in,
    tracking_out,
)
from surgeproof.simulation.queueing import erlang_c_table
from surgeproof.simulation.records import (
    ALARM,
    COLUMNS,
    DATABASE,
    E_ALARM,
    E_ALARM_OPEN,
    E_BAD_ENDS,
    E_BAD_STARTS,
    E_COMPOSITE_ACTS,
    E_COMPOSITE_ALARM,
    E_COMPOSITE_OK,
    E_COMPOSITE_OPEN,
    E_INJECTION_ENDS,
    E_INJECTION_STARTS,
    E_REFRESH_REFUSED,
    E_REFRESH_STARTS,
    E_REFRESH_STOPPED,
    E_SCALE_IN,
    E_SCALE_OUT,
    EC2,
    EMPTY,
    EXTREMES,
    GROUP,
    IN_SERVICE,
    INSUFFICIENT,
    J_BOOT_SLOWER,
    J_DATABASE_SLOWER,
    J_INSTANCE_REFRESH,
    J_LOAD_SHED,
    J_METRICS_LATE,
    J_NO_CAPACITY,
    J_ROLLING_RESTART,
    J_UNEVEN_LOAD,
    J_ZONE_LOST,
    LEAST_HEALTHY,
    LOAD_BALANCER,
    NEVER,
    OK,
    OWN,
    R_ENDED,
    R_NONE,
    R_STOPPED,
    R_UNFINISHED,
    SIMPLE,
    STEP,
    TRACKING,
    TRACKING_HIGH,
    TRACKING_LOW,
    Floats,
    Record,
    Records,
)
from surgeproof.simulation.service import T_SLOW, T_TIMEOUT, cut_off, serve
from surgeproof.simulation.users import count_users
from surgeproof.simulation.world import World, note

BEFORE = -1.0
"""A moment before the trace (seconds)."""

CARRIED_MINUTES = 10
"""Minutes before the trace whose mean stands for what was before them (minutes)."""


@inlined
def delivery_delay(c: Record, source: int) -> float:
    """Return how long after its period a data point is seen (seconds)."""
    if source == LOAD_BALANCER:
        return float(c.load_balancer_delay_seconds)
    if source == EC2:
        return float(c.ec2_delay_seconds)
    if source == GROUP:
        return float(c.group_delay_seconds)
    if source == DATABASE:
        return float(c.database_delay_seconds)
    return float(c.agent_delay_seconds)


@inlined
def delay_of(w: World, i: int) -> float:
    """Return how long after its period the data of alarm `i` is seen now (seconds)."""
    c = w.scenario
    rule = w.alarms[i]
    delay = delivery_delay(c, rule.source) + w.fleet.metrics_late
    if c.partial_minute and rule.source == LOAD_BALANCER and rule.period >= 60:
        delay -= 60.0 * c.partial_minute_share
    return float(delay)


@inlined
def at_phase(w: World, i: int, start: float, earliest: float) -> float:
    """Return the first moment at or after `earliest` at which alarm `i` is evaluated."""
    every = TICK_SECONDS if w.alarms[i].period < 60 else 60.0
    first = start + w.alarm_states[i].phase % every
    return float(first + every * math.ceil(max(earliest - first, 0.0) / every))


@compiled
def first_evaluation(w: World, i: int, start: float) -> float:
    """Return when an alarm is first evaluated: as soon as its window holds data throughout.

    An alarm is older than the trace. Before its window is full it would judge data that is missing
    only because the simulation has just begun. Those of target tracking are never early.
    """
    c = w.scenario
    rule = w.alarms[i]
    earliest = start
    if c.pre_roll_steps > 0 and rule.role == OWN:
        if rule.long_window:
            return NEVER
        earliest += min(rule.n * rule.period + delay_of(w, i), -start)
    return float(at_phase(w, i, start, earliest) + rule.warm_up)


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


@compiled
def inject(w: World, t: float) -> None:
    """Start and end the injected failures and interventions whose time it is."""
    f = w.fleet
    changed = False
    for i in range(w.injections.size):
        j = w.injections[i]
        starts = j.active == 0 and j.start <= t < j.end
        ends = j.active == 1 and t >= j.end
        if j.kind == J_ROLLING_RESTART and (starts or j.active == 1):
            _restart(w, i, t)
        if starts or ends:
            j.active += 1
            changed = True
            note(w, t, E_INJECTION_STARTS if starts else E_INJECTION_ENDS, i, j.value)
        if starts and j.kind == J_ROLLING_RESTART:
            # What is launched from now on is new, and needs no restart.
            f.restarts |= 1 << i
        if starts and j.kind == J_ZONE_LOST:
            _lose_zone(w, t, int(j.value))
        elif starts and j.kind == J_INSTANCE_REFRESH:
            _start_refresh(w, t)
    if changed:
        _combine(w)
        f.dirty = 1


@compiled
def _combine(w: World) -> None:
    """Set what the injections of this moment amount to: of those of one kind the strongest holds.

    Lost zones add up, and each stays lost until its own injection ends.
    """
    f = w.fleet
    f.no_capacity = f.zones_lost = 0
    f.boot_factor = f.database_factor = 1.0
    f.metrics_late = f.shed = f.uneven = 0.0
    for i in range(w.injections.size):
        j = w.injections[i]
        if j.active != 1:
            continue
        if j.kind == J_ZONE_LOST:
            f.zones_lost |= 1 << int(j.value)
        elif j.kind == J_NO_CAPACITY:
            f.no_capacity = 1
        elif j.kind == J_BOOT_SLOWER:
            f.boot_factor = max(f.boot_factor, j.value)
        elif j.kind == J_DATABASE_SLOWER:
            f.database_factor = max(f.database_factor, j.value)
        elif j.kind == J_METRICS_LATE:
            f.metrics_late = max(f.metrics_late, j.value)
        elif j.kind == J_LOAD_SHED:
            f.shed = max(f.shed, j.value)
        elif j.kind == J_UNEVEN_LOAD and (
            f.uneven == 0.0 or abs(j.value - 0.5) > abs(f.uneven - 0.5)
        ):
            f.uneven = j.value


@compiled
def _lose_zone(w: World, t: float, zone: int) -> None:
    """Lose what runs in a zone; the group notices it later."""
    for k in range(w.fleet.top):
        s = w.instances[k]
        if s.zone != zone or s.state == EMPTY or s.dead:
            continue
        if s.state == IN_SERVICE:
            cut_off(w, s, 0.0, w.bounds[T_TIMEOUT])
            s.dead = 1
            s.ends_at = t + w.scenario.loss_notice_seconds
        else:
            s.state = EMPTY


@compiled
def _start_refresh(w: World, t: float) -> None:
    """Start an instance refresh; a second one is refused while one is under way.

    Amazon EC2 Auto Scaling API, StartInstanceRefresh: InstanceRefreshInProgress, "an active
    instance refresh already exists for the specified Auto Scaling group".
    """
    f = w.fleet
    if f.refreshing:
        note(w, t, E_REFRESH_REFUSED, 0, float(f.desired))
        return
    f.version += 1
    f.refreshing = 1
    f.renewed = 0
    f.refresh_blocked_at = NEVER
    w.summary.refresh = R_UNFINISHED
    note(w, t, E_REFRESH_STARTS, 0, float(f.desired))


@compiled
def _restart(w: World, i: int, t: float) -> None:
    """Restart the next instances of a rolling restart: each is empty and answers after its boot.

    The n-th of N begins n / N of the way, whatever the step. Each injection restarts every instance
    once, whatever others do meanwhile.
    """
    f = w.fleet
    j = w.injections[i]
    done = 0
    total = 0
    for k in range(f.top):
        s = w.instances[k]
        if s.state == IN_SERVICE:
            total += 1
            done += s.restarts >> i & 1
    span = max(j.end - j.start, 1.0)
    for k in range(f.top):
        s = w.instances[k]
        moment = j.start + span * done / max(total, 1)
        if moment > t:
            break
        if s.state != IN_SERVICE or s.restarts >> i & 1:
            continue
        s.restarts |= 1 << i
        s.backlog = 0.0
        s.answers = s.initial_failed = s.fails = s.passes = 0
        s.healthy = 1
        s.ready_at = moment + boot_seconds(w)
        s.registered_at = moment
        s.cold_until = NEVER
        s.next_check = next_check(w, s, moment)
        s.grace_until = max(s.grace_until, s.ready_at + 2.0 * w.scenario.check_interval_seconds)
        done += 1
        f.dirty = 1


@compiled
def capacity_asked(w: World, t: float, d: Record) -> float:
    """Return the capacity that a policy asks for, reckoned from the group as it is now."""
    f = w.fleet
    policy = w.policies[d.policy]
    desired = float(f.desired)
    leaving = float(f.draining)
    if policy.kind == TRACKING:
        if w.alarms[d.alarm].role == TRACKING_HIGH:
            return tracking_out(policy.target, d.value, d.base, desired)
        if not policy.scales_in:
            return desired
        wanted = tracking_in(policy.target, d.value, d.base + leaving, desired)
        for q in range(w.policies.size):
            other = w.policies[q]
            if other.kind != TRACKING or not other.scales_in or q == d.policy:
                continue
            low = w.alarm_states[other.low_alarm]
            if low.state != ALARM:
                return desired
            agreed = tracking_in(other.target, low.value, low.base + leaving, desired)
            wanted = max(wanted, agreed)
        return wanted
    if policy.kind == STEP:
        breach = d.value - w.alarms[d.alarm].threshold
        return step_capacity(policy, w.steps, breach, desired, float(f.warm), leaving)
    if t < f.cooldown_until:
        return desired
    return adjusted_capacity(policy, policy.adjustment, desired, float(f.in_service), 0.0)


@compiled
def decide(w: World) -> None:
    """Follow the policies that alarms ran in this step, second by second.

    ASG, multiple scaling policies: those that run in the same second are reckoned from the same
    capacity, and the one that asks for the largest wins, for scale-out and for scale-in. Scale-in
    waits while a scale-out is in progress.
    """
    f = w.fleet
    while f.decisions > 0:
        second = NEVER
        for i in range(f.decisions):
            second = min(second, math.ceil(w.decisions[i].t))
        best = -1
        most = 0.0
        for i in range(f.decisions):
            d = w.decisions[i]
            if math.ceil(d.t) != second:
                continue
            wanted = capacity_asked(w, d.t, d)
            if wanted < f.desired and is_scaling_out(w):
                continue
            if wanted != f.desired and (best < 0 or wanted > most):
                best, most = i, wanted
        if best >= 0:
            _follow(w, w.decisions[best], most)
        left = 0
        for i in range(f.decisions):
            if math.ceil(w.decisions[i].t) != second:
                w.decisions[left] = w.decisions[i]
                left += 1
        f.decisions = left


@compiled
def _follow(w: World, d: Record, wanted: float) -> None:
    """Set the capacity that a policy asks for."""
    f = w.fleet
    policy = w.policies[d.policy]
    before = f.desired
    if wanted > before:
        f.warmup = policy.warmup
        set_desired(w, d.t, wanted, E_SCALE_OUT, d.policy, d.value)
    else:
        set_desired(w, d.t, wanted, E_SCALE_IN, d.policy, d.value)
    if f.desired != before:
        f.cooldown = policy.cooldown if policy.kind == SIMPLE else w.scenario.cooldown_seconds


@compiled
def act_all(w: World, t: float, alarm: int, state: int) -> None:
    """Note that an alarm runs its policies of `state`."""
    rule = w.alarms[alarm]
    running = rule.policies if state == ALARM else rule.ok_policies
    a = w.alarm_states[alarm]
    for p in range(w.policies.size):
        if running >> p & 1:
            d = w.decisions[w.fleet.decisions]
            d.policy, d.alarm, d.t, d.value, d.base = p, alarm, t, a.value, a.base
            w.fleet.decisions += 1


@compiled
def look(w: World, i: int, t: float, offset: float) -> int:
    """Return the state that an evaluation of alarm `i` at `t` gives it."""
    c = w.scenario
    rule = w.alarms[i]
    n, m, threshold = rule.n, rule.m, rule.threshold
    if rule.role == TRACKING_HIGH:
        n = c.tracking_high_periods if rule.period >= 60 else c.tracking_fast_periods
        m = n
    elif rule.role == TRACKING_LOW:
        n = c.tracking_low_periods
        m = n
        threshold *= c.tracking_low_factor
    return int(evaluate(w, i, t + offset, delay_of(w, i), n, m, threshold))


@inlined
def watch(w: World, i: int, now: float, offset: float) -> bool:
    """Evaluate alarm `i` if it is due, and repeat its actions; return whether its state changed.

    CW: evaluated each minute, or each ten seconds where its period is below a minute. An Auto
    Scaling action runs at the transition and then once per minute while the state lasts.
    """
    c = w.scenario
    rule = w.alarms[i]
    a = w.alarm_states[i]
    changed = False
    if a.next_evaluation <= now:
        t = a.next_evaluation
        a.next_evaluation = t + (TICK_SECONDS if rule.period < 60 else 60.0)
        before = a.state
        after = look(w, i, t, offset)
        if after != before:
            a.state = after
            a.changed_at = t
            has_action = rule.policies | rule.ok_policies
            a.next_action = t if has_action else NEVER
            changed = True
            note(w, t, E_ALARM + after, i, a.value)
            if rule.role == 0 and after == ALARM and rule.notifies:
                _first_alarm(w, t, i)
            if rule.stops_refresh and after == ALARM and w.fleet.refreshing:
                w.fleet.refreshing = 0
                w.fleet.surplus = 0
                w.fleet.dirty = 1
                w.summary.refresh = R_STOPPED
                note(w, t, E_REFRESH_STOPPED, i, a.value)
    if a.next_action <= now:
        t = a.next_action
        a.next_action = t + c.action_repeat_seconds
        if a.state != INSUFFICIENT:
            act_all(w, t, i, a.state)
    return changed


@inlined
def next_alarm(w: World) -> tuple[int, float]:
    """Return the alarm that is evaluated or acts next, and when; alarms act in order of time."""
    number = -1
    due = NEVER
    for k in range(w.alarms.size):
        a = w.alarm_states[k]
        at = min(a.next_evaluation, a.next_action)
        if at < due:
            number = k
            due = at
    return number, due


@compiled
def _first_alarm(w: World, t: float, alarm: int) -> None:
    if t >= 0.0 and w.summary.first_alarm_at == NEVER:
        w.summary.first_alarm_at = t
        w.summary.first_alarm = alarm


@inlined
def suppressor_of(w: World, i: int) -> int:
    """Return the state of what suppresses the actions of a composite alarm; OK without one."""
    rule = w.composites[i]
    if rule.suppressor < 0:
        return OK
    if rule.suppressor_is_composite:
        return int(w.composite_states[rule.suppressor].state)
    return int(w.alarm_states[rule.suppressor].state)


@compiled
def watch_composites(w: World, t: float) -> bool:
    """Bring the composite alarms to `t`; return whether any waits for a moment to come."""
    waiting = False
    for i in range(w.composites.size):
        rule = w.composites[i]
        k = w.composite_states[i]
        suppressor = suppressor_of(w, i)
        before = k.state
        truth = composite_truth(rule, w.alarm_states, w.composite_states)
        acts = composite_step(rule, k, truth, suppressor, t)
        if k.state != before:
            note(w, t, E_COMPOSITE_ALARM if k.state == ALARM else E_COMPOSITE_OK, i, 0.0)
        if acts:
            note(w, t, E_COMPOSITE_ACTS, i, 1.0 if k.state == ALARM else 0.0)
            if k.state == ALARM and rule.notifies:
                _first_alarm(w, t, w.alarms.size + i)
        if min(k.wait_until, k.extension_until) < NEVER:
            waiting = True
    return waiting


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
