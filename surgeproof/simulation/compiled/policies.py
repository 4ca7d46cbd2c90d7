"""Scaling policies: what capacity each asks for, and which of several answers counts.

Sources: ASG = the Amazon EC2 Auto Scaling user guide (`as-scaling-simple-step`,
`as-scaling-target-tracking`, `as-scale-based-on-demand`).
"""

import math

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.records import (
    CHANGE_IN_CAPACITY,
    EXACT_CAPACITY,
    Record,
    Records,
)

ROUNDING = 1e-9
"""Slack against which a product of floats is rounded up or down."""


@compiled
def rounded_percentage(change: float) -> float:
    """Return a percentage's change as whole instances.

    ASG: above 1 down, from 0 to 1 to 1, from 0 to -1 to -1, below -1 up.
    """
    if change == 0.0:
        return 0.0
    if abs(change) < 1.0:
        return 1.0 if change > 0.0 else -1.0
    near = round(change)
    if abs(change - near) < ROUNDING:
        return float(near)
    return float(math.floor(change)) if change > 0.0 else float(math.ceil(change))


@compiled
def adjusted(capacity: float, kind: int, adjustment: float, least: int) -> float:
    """Return the capacity that an adjustment makes of `capacity`."""
    if kind == EXACT_CAPACITY:
        return adjustment
    if kind == CHANGE_IN_CAPACITY:
        return capacity + adjustment
    change = rounded_percentage(capacity * adjustment / 100.0)
    if change > 0.0:
        change = max(change, float(least))
    elif change < 0.0:
        change = min(change, -float(least))
    return capacity + change


@compiled
def step_of(steps: Records, first: int, count: int, breach: float) -> int:
    """Return the step in which a breach lies, or -1.

    `breach` is metric minus threshold. ASG: above the threshold the lower bound is inclusive and
    the upper exclusive; below it the other way round. Of a metric at its threshold AWS says
    nothing: the step from 0 up holds it, and where there is none, as for scale-in, the one up to 0.
    """
    for i in range(first, first + count):
        if breach >= 0.0 and steps[i].lower <= breach < steps[i].upper:
            return i
    for i in range(first, first + count):
        if breach <= 0.0 and steps[i].lower < breach <= steps[i].upper:
            return i
    return -1


@compiled
def adjusted_capacity(
    policy: Record, adjustment: float, desired: float, current: float, leaving: float
) -> float:
    """Return the capacity that an adjustment of a step or simple policy asks for.

    ASG, instance warm-up: reckoned from the current capacity, which is what runs and is warm, and
    for scale-in also what is just terminating. So what is on its way counts: breaches within one
    step are one activity, whether its instances come or not, and the desired capacity never moves
    against the adjustment.
    """
    if policy.adjustment_type == EXACT_CAPACITY:
        return adjustment
    if adjustment >= 0.0:
        wanted = adjusted(current, policy.adjustment_type, adjustment, policy.min_magnitude)
        return max(desired, wanted)
    current += leaving
    wanted = adjusted(current, policy.adjustment_type, adjustment, policy.min_magnitude)
    return min(desired, wanted)


@compiled
def step_capacity(
    policy: Record, steps: Records, breach: float, desired: float, current: float, leaving: float
) -> float:
    """Return the capacity that a step policy asks for; `breach` is metric minus threshold."""
    step = step_of(steps, policy.first_step, policy.steps, breach)
    if step < 0:
        return desired
    return adjusted_capacity(policy, steps[step].adjustment, desired, current, leaving)


@compiled
def needed(target: float, value: float, base: float) -> float:
    """Return the instances at which a metric that was averaged over `base` is at its target.

    ASG, target tracking: proportional to the metric; rounded up when adding, and what is removed
    rounded down, so that in both cases the capacity is rounded up. `base` need not be whole: it
    is a mean over a minute in which the group may have changed.
    """
    return float(math.ceil(base * value / target - ROUNDING))


@compiled
def tracking_out(target: float, value: float, base: float, desired: float) -> float:
    """Return the capacity after a scale-out, never below desired, by which what warms up counts."""
    return max(desired, needed(target, value, base)) if value > target else desired


@compiled
def tracking_in(target: float, value: float, base: float, desired: float) -> float:
    """Return the capacity after a scale-in, never above desired.

    It is reckoned from the instances that the metric was averaged over, so that a metric which is
    still that of the larger group does not remove twice; what is terminating belongs to `base`.
    """
    return min(desired, needed(target, value, base)) if value < target else desired
