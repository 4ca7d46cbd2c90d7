"""The alarms as time goes by: when each is evaluated, what it sees then, and what it runs.

Source: CW = the Amazon CloudWatch user guide.
"""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.alarms import composite_step, composite_truth
from surgeproof.simulation.compiled.metrics import TICK_SECONDS, evaluate
from surgeproof.simulation.compiled.records import (
    ALARM,
    DATABASE,
    E_ALARM,
    E_COMPOSITE_ACTS,
    E_COMPOSITE_ALARM,
    E_COMPOSITE_OK,
    E_REFRESH_STOPPED,
    EC2,
    GROUP,
    INSUFFICIENT,
    LOAD_BALANCER,
    NEVER,
    OK,
    OWN,
    R_STOPPED,
    TRACKING_HIGH,
    TRACKING_LOW,
    Record,
)
from surgeproof.simulation.compiled.world import World, note


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
