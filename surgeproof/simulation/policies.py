"""Scaling policies: what capacity each asks for, and which of several answers counts.

Sources: ASG = the Amazon EC2 Auto Scaling user guide (`as-scaling-simple-step`,
`as-scaling-target-tracking`, `as-scale-based-on-demand`).
"""

import math

from surgeproof.simulation._compile import compiled
from surgeproof.simulation.records import (
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
    the upper exclusive; below it the other way round.
    """
    for i in range(first, first + count):
        if breach >= 0.0:
            if steps[i].lower <= breach < steps[i].upper:
                return i
        elif steps[i].lower < breach <= steps[i].upper:
            return i
    return -1


@compiled
def step_capacity(
    policy: Record, steps: Records, value: float, desired: float, warming: float
) -> float:
    """Return the capacity that a step policy asks for.

    ASG, "Instance warm-up": while scaling out, instances that warm up are not part of the current
    capacity, so breaches within one step are one activity; desired capacity never falls by that.
    """
    step = step_of(steps, policy.first_step, policy.steps, value - policy.threshold)
    if step < 0:
        return desired
    adjustment = steps[step].adjustment
    if adjustment < 0.0 and policy.adjustment_type != EXACT_CAPACITY:
        return adjusted(desired, policy.adjustment_type, adjustment, policy.min_magnitude)
    current = max(desired - warming, 0.0)
    wanted = adjusted(current, policy.adjustment_type, adjustment, policy.min_magnitude)
    if wanted >= current:
        return max(desired, wanted)
    return wanted


@compiled
def tracking_out(target: float, value: float, base: float, desired: float) -> float:
    """Return the capacity at which the metric would be at its target, never below desired.

    ASG: proportional to the metric, rounded up when adding. `base` is the count of instances that
    the metric was averaged over; what is warming counts through `desired`.
    """
    if value <= target:
        return desired
    return max(desired, math.ceil(base * value / target - ROUNDING))


@compiled
def tracking_in(target: float, value: float, base: float, desired: float) -> float:
    """Return the capacity after a scale-in: what is removed is rounded down (ASG).

    It is reckoned from the instances that the metric was averaged over, so that a metric which is
    still that of the larger group does not remove twice.
    """
    if value >= target:
        return desired
    return min(desired, base - max(0.0, math.floor(base - base * value / target + ROUNDING)))
