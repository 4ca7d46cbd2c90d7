"""Metrics: running sums, their delivery to CloudWatch, and the points that an alarm sees.

Each metric is a ratio of sums over its window, so that a window of any length is the difference of
two rows. Rows are kept per minute, and per ten seconds for high resolution.
"""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.alarms import ABSENT_POINT, alarm_state, breaches
from surgeproof.simulation.compiled.instance_queue import T_TIMEOUT
from surgeproof.simulation.compiled.records import (
    ALARM,
    ANSWERED,
    LEAST_HEALTHY,
    OK,
    RESPONSE_SECONDS,
    SECONDS,
    SLOW,
    Floats,
    Record,
)
from surgeproof.simulation.compiled.world import World

TICK_SECONDS = 10
"""Length of a high-resolution row (seconds)."""

TICK_ROWS = 512
"""High-resolution rows that are kept in a ring (rows, a power of two); 85 minutes."""

LEAST_ANSWERS = 0.5
"""Answers below which a window holds none (answers); the service is a fluid, requests are not."""


@inlined
def window_value(w: World, a: int, sums: Floats, first: int, last: int) -> float:
    """Return the metric of alarm `a` between the rows `first` and `last`; NaN where it is absent.

    ALB guide, CloudWatch metrics: response times are absent while nothing is answered, and counts
    of errors while they are zero; requests are always reported.
    """
    rule = w.alarms[a]
    if rule.needs_answers and sums[last, ANSWERED] - sums[first, ANSWERED] < LEAST_ANSWERS:
        return math.nan
    if rule.extreme >= 0:
        return _extreme(rule.extreme, w.extremes, first, last)
    if rule.percentile > 0.0:
        return _percentile(rule, sums, first, last, w.bounds[T_TIMEOUT])
    if rule.guard >= 0 and sums[last, rule.guard] - sums[first, rule.guard] <= rule.guard_least:
        return float(rule.guard_value)
    above = rule.constant
    for i in range(rule.terms):
        column = w.above_columns[a, i]
        above += w.above_factors[a, i] * (sums[last, column] - sums[first, column])
    below = rule.denominator_constant
    for i in range(rule.denominator_terms):
        column = w.below_columns[a, i]
        below += w.below_factors[a, i] * (sums[last, column] - sums[first, column])
    if below == 0.0 or (rule.nonzero_only and above == 0.0):
        return math.nan
    return float(above / below)


@compiled
def _extreme(column: int, extremes: Floats, start: int, stop: int) -> float:
    value = extremes[start, column]
    for row in range(start + 1, stop):
        if column == LEAST_HEALTHY:
            value = min(value, extremes[row, column])
        else:
            value = max(value, extremes[row, column])
    return float(value)


@compiled
def _percentile(rule: Record, sums: Floats, first: int, last: int, most: float) -> float:
    """Return a percentile of the response times of the requests that were answered.

    What is known exactly is the share of answers slower than the alarm's threshold; the value is
    the exponential tail through it, so it breaches exactly when that share is beyond 1 - p. Where
    no answer is that slow, it is the tail of the mean. No answer takes longer than `most`.
    """
    answered = sums[last, ANSWERED] - sums[first, ANSWERED]
    slow = SLOW + int(rule.slow_bound)
    share = (sums[last, slow] - sums[first, slow]) / answered
    tail = math.log(1.0 - rule.percentile)
    if share <= 1e-12:
        mean = (sums[last, RESPONSE_SECONDS] - sums[first, RESPONSE_SECONDS]) / answered
        return float(min(-tail * mean, rule.threshold, most))
    if share >= 1.0 - 1e-9:
        return most
    return float(min(rule.threshold * tail / math.log(share), most))


@inlined
def evaluate(
    w: World, a: int, elapsed: float, delay: float, n: int, m: int, threshold: float
) -> int:
    """Return the state of alarm `a` after an evaluation at `elapsed` seconds.

    CW: from 60 s on the windows slide by the minute; below they are evaluated every 10 s. Data that
    has not been delivered is missing. The alarm's state keeps its newest value and the count that
    this was averaged over. Windows of one row are judged once and remembered.

    A metric that is published less often than the rows are kept has whole points only: a point
    belongs to the window in which its period begins. Where the alarm's period is shorter than the
    metric's, most windows hold none (ASG, enable-as-instance-metrics: up to four in five with basic
    monitoring), and the alarm goes by the metric's own periods, as many as it would otherwise: so
    target tracking on five-minute data needs three of them, which is slower, not dead.
    """
    rule = w.alarms[a]
    state = w.alarm_states[a]
    fast = rule.period < 60
    seen = int(max(elapsed - delay, 0.0))
    # Divided by constants, which costs a tenth of a division.
    if fast:
        now, visible = int(elapsed) // TICK_SECONDS, seen // TICK_SECONDS
        width, coarse = rule.period // TICK_SECONDS, rule.granularity // TICK_SECONDS
    else:
        now, visible = int(elapsed) // 60, seen // 60
        width, coarse = rule.period // 60, rule.granularity // 60
    visible = min(visible, now)
    sums = w.ticks if fast else w.minutes
    count = n + w.scenario.evaluation_range_extra
    points = w.points
    ring = w.history.shape[1]
    mask = ring - 1
    plain = width == 1 and coarse <= 1
    phase = 0
    newest = now
    if coarse > 1:
        if rule.granularity > 60:
            phase = w.scenario.basic_monitoring_minute * (coarse // (rule.granularity // 60))
        if coarse > width:
            width = coarse
            newest = now - (now - phase) % coarse
    if fast:
        count = min(count, (TICK_ROWS - 1 - coarse) // width)
    oldest = max(state.known, visible - ring) if plain else 0
    for k in range(oldest, visible if plain else count):
        # Oldest first, so that the state keeps the newest value.
        if plain:
            start, stop = k, k + 1
        else:
            stop = newest - (count - 1 - k) * width
            start = max(stop - width, 0)
            if coarse > 1:
                start += (phase - start) % coarse
                if start < stop:
                    points_in_window = (stop - 1 - start) // coarse + 1
                    delivered = (visible - start) // coarse
                    stop = start + coarse * min(points_in_window, delivered)
            else:
                stop = min(stop, visible)
        point = ABSENT_POINT
        if start < stop:
            if fast:
                start &= TICK_ROWS - 1
                stop &= TICK_ROWS - 1
            point = _judge(w, a, sums, start, stop, threshold)
        if plain:
            w.history[a, k & mask] = point
            if point == 1:
                state.streak = max(state.streak, 0) + 1
            elif point == 0:
                state.streak = min(state.streak, 0) - 1
            else:
                state.streak = 0
        else:
            points[k] = point
    if rule.low_samples > 0.0 and visible > 0:
        before, last = max(visible - width, 0), visible
        if fast:
            before &= TICK_ROWS - 1
            last &= TICK_ROWS - 1
        if sums[last, ANSWERED] - sums[before, ANSWERED] < rule.low_samples:
            state.known = max(state.known, visible) if plain else 0
            return int(state.state)
    if plain:
        state.known = max(state.known, visible)
        if now - visible <= count - n:
            # At least n real points, and all that the range can hold agree.
            if state.streak <= -count:
                return OK
            if state.streak >= count:
                return ALARM
        for k in range(count):
            row = now - count + k
            points[k] = w.history[a, row & mask] if 0 <= row < visible else ABSENT_POINT
    return alarm_state(points, count, n, m, rule.missing, state.state)


@inlined
def _judge(w: World, a: int, sums: Floats, first: int, last: int, threshold: float) -> int:
    """Return the point that a window makes, and keep its value where there is one."""
    value = window_value(w, a, sums, first, last)
    if math.isnan(value):
        return ABSENT_POINT
    rule = w.alarms[a]
    state = w.alarm_states[a]
    state.value = value
    if rule.base >= 0:
        seconds = sums[last, SECONDS] - sums[first, SECONDS]
        state.base = (sums[last, rule.base] - sums[first, rule.base]) / seconds
    return 1 if breaches(value, rule.comparison, threshold) else 0
