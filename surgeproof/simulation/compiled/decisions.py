"""What becomes of the policies that alarms run: which of them decides, and on what capacity.

Source: ASG = the Amazon EC2 Auto Scaling user guide.
"""

import math

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.fleet import is_scaling_out, set_desired
from surgeproof.simulation.compiled.policies import (
    adjusted_capacity,
    step_capacity,
    tracking_in,
    tracking_out,
)
from surgeproof.simulation.compiled.records import (
    ALARM,
    E_SCALE_IN,
    E_SCALE_OUT,
    NEVER,
    SIMPLE,
    STEP,
    TRACKING,
    TRACKING_HIGH,
    Record,
)
from surgeproof.simulation.compiled.world import World


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
