"""CloudWatch alarms: data points from sums, M of N with missing data, composite alarms.

Sources: CW = the Amazon CloudWatch user guide (`AlarmThatSendsEmail`, `Create_Composite_Alarm`).
"""

import math

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.records import (
    ALARM,
    AND,
    BREACHING,
    GREATER,
    GREATER_OR_EQUAL,
    IGNORE,
    INSUFFICIENT,
    LESS,
    MISSING,
    NEVER,
    NOT,
    OK,
    OR,
    PUSH_ALARM,
    PUSH_COMPOSITE_ALARM,
    PUSH_COMPOSITE_OK,
    PUSH_FALSE,
    PUSH_INSUFFICIENT,
    PUSH_OK,
    PUSH_TRUE,
    Points,
    Record,
    Records,
)

ABSENT_POINT = -1
"""A period without data; 0 is one that does not breach, 1 one that does."""


@compiled
def breaches(value: float, comparison: int, threshold: float) -> bool:
    """Return whether `value` breaches the threshold."""
    if comparison == GREATER:
        return value > threshold
    if comparison == GREATER_OR_EQUAL:
        return value >= threshold
    if comparison == LESS:
        return value < threshold
    return value <= threshold


@compiled
def alarm_state(points: Points, count: int, n: int, m: int, missing: int, before: int) -> int:
    """Return the state that CloudWatch gives an alarm, from the points of its evaluation range.

    `points[:count]` are oldest first. CW, "Configuring how alarms treat missing data": with at
    least `n` real points in the range, the last `n` of them decide and the treatment of missing
    data is not used; with fewer, all real points and as few filled ones as possible. With
    treatment `missing` or `ignore`, points that cannot be filled are left out.

    CW, "Avoiding premature transitions to alarm state": an alarm goes to ALARM on fewer than `m`
    real points when the oldest breaching one is at least `m` periods old and all newer ones breach
    or are missing.
    """
    real = 0
    for i in range(count):
        if points[i] != ABSENT_POINT:
            real += 1
    if real == 0:
        return _unknown(missing, before)
    breaching = 0
    counted = 0
    for i in range(count - 1, -1, -1):
        if points[i] != ABSENT_POINT and counted < n:
            counted += 1
            breaching += points[i]
    fills = n - counted
    if fills == 0:
        return ALARM if breaching >= m else OK
    if missing == BREACHING:
        return ALARM if breaching + fills >= m else OK
    if missing not in (IGNORE, MISSING):
        return ALARM if breaching >= m else OK
    if breaching >= m:
        return ALARM
    if real < m and _only_breaching_since(points, count, m):
        return ALARM if missing == MISSING else before
    if breaching == counted and missing == IGNORE:
        return before
    return OK


@compiled
def _only_breaching_since(points: Points, count: int, m: int) -> bool:
    """Return whether a breaching point is `m` periods old and nothing newer was good."""
    for i in range(count - m + 1):
        if points[i] == 1:
            for j in range(i + 1, count):
                if points[j] == 0:
                    return False
            return True
    return False


@compiled
def _unknown(missing: int, before: int) -> int:
    """Return the state of an alarm whose whole evaluation range holds no data."""
    if missing == MISSING:
        return INSUFFICIENT
    if missing == IGNORE:
        return before
    return ALARM if missing == BREACHING else OK


@compiled
def composite_truth(rule: Record, alarms: Records, composites: Records) -> bool:
    """Return the truth of a composite alarm's rule, from the states of its children."""
    stack = 0
    depth = 0
    for i in range(rule.length):
        operation = rule.program[i]
        operand = rule.operand[i]
        if operation == NOT:
            stack ^= 1
            continue
        if operation in (AND, OR):
            right = stack & 1
            stack >>= 1
            left = stack & 1
            both = left & right if operation == AND else left | right
            stack = (stack & ~1) | both
            depth -= 1
            continue
        truth = 0
        if operation == PUSH_ALARM:
            truth = int(alarms[operand].state == ALARM)
        elif operation == PUSH_OK:
            truth = int(alarms[operand].state == OK)
        elif operation == PUSH_INSUFFICIENT:
            truth = int(alarms[operand].state == INSUFFICIENT)
        elif operation == PUSH_COMPOSITE_ALARM:
            truth = int(composites[operand].state == ALARM)
        elif operation == PUSH_COMPOSITE_OK:
            truth = int(composites[operand].state == OK)
        elif operation == PUSH_TRUE:
            truth = 1
        elif operation == PUSH_FALSE:
            truth = 0
        stack = (stack << 1) | truth
        depth += 1
    return bool(stack & 1)


@compiled
def composite_step(
    rule: Record, state: Record, truth: bool, suppressor_state: int, t: float
) -> bool:
    """Bring a composite alarm to `t`; return whether it takes its actions now.

    CW, "Composite alarm action suppression": a transition starts a wait and discards one that runs,
    or the extension; the suppressor's ALARM discards the wait; its leaving ALARM starts the
    extension. When neither is active any more, actions are taken by the current state.
    """
    new = ALARM if truth else OK
    suppressed = rule.suppressor >= 0 and suppressor_state == ALARM
    was_suppressed = rule.suppressor >= 0 and state.suppressor_state == ALARM
    state.suppressor_state = suppressor_state
    if suppressed:
        state.wait_until = NEVER
        state.extension_until = NEVER
    elif was_suppressed:
        state.extension_until = t + rule.extension
    if new != state.state:
        state.state = new
        if rule.suppressor < 0:
            state.acted_state = new
            return True
        if not suppressed:
            state.extension_until = NEVER
            state.wait_until = t + rule.wait
    if rule.suppressor < 0 or suppressed:
        return False
    ends = min(state.wait_until, state.extension_until)
    if ends > t:
        return False
    after_extension = state.extension_until <= t
    state.wait_until = NEVER
    state.extension_until = NEVER
    if after_extension and state.acted_state == state.state:
        return False
    state.acted_state = state.state
    return True


@compiled
def spread_phases(states: Records, phase: float) -> None:
    """Give each alarm its own moment of the minute: golden-ratio steps after `phase`."""
    for i in range(states.size):
        share = phase / 60.0 + 0.6180339887498949 * i
        states[i].phase = 60.0 * (share - math.floor(share))
