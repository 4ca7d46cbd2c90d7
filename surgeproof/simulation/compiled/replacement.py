"""What replaces instances: health checks of the group, an instance refresh, a maintenance policy.

Sources: ASG = the Amazon EC2 Auto Scaling user guide, BC = the API reference in botocore's service
model.
"""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.instances import is_failing, leave
from surgeproof.simulation.compiled.records import (
    E_REFRESH_ENDS,
    E_REFRESH_FAILED,
    E_REPLACED,
    E_TERMINATING,
    EMPTY,
    IN_SERVICE,
    NEVER,
    PENDING,
    POOL_READY,
    R_ENDED,
    R_FAILED,
    Record,
)
from surgeproof.simulation.compiled.world import World, note

REFRESH_PATIENCE_SECONDS = 3600.0
"""How long an instance refresh that cannot go on keeps trying (ASG, instance refresh, limits)."""

ROUNDING = 1e-9
"""Slack against which a product of floats is rounded up or down."""


@compiled
def replace_unhealthy(w: World, t: float) -> None:
    """Replace what the load balancer reports as unhealthy, at one of the group's health checks.

    ASG, "How Amazon EC2 Auto Scaling minimizes downtime": after the grace period; not while a
    scaling activity is in progress and the group is a tenth or more below its desired capacity; at
    most a tenth of the desired capacity at a time, but one; the next when what replaces the last
    has passed its first check and is warm, and what fails that check is itself replaced. Where all
    are unhealthy it may be fewer: `all_unhealthy_share` of that. An instance maintenance policy
    sets the rate instead: what is unhealthy is marked here, and `maintain` replaces it.
    """
    c = w.scenario
    f = w.fleet
    ready = coming = 0
    under_way = f.owed
    for i in range(f.top):
        s = w.instances[i]
        if s.state not in (PENDING, IN_SERVICE):
            continue
        if s.state == IN_SERVICE and s.warm and s.answers:
            ready += s.count
            continue
        under_way += s.count * s.replaces
        if s.state == PENDING or not s.warm or t < s.grace_until:
            coming += s.count
    at_once = max(1, int(c.replacement_share * f.desired + ROUNDING))
    if c.has_maintenance:
        low, high = bounds(c, f.desired, c.maintenance_min_healthy, c.maintenance_max_healthy, True)
        at_once = high - low if f.sick >= f.in_service else f.in_service
    elif coming > 0 or (f.ordered > 0 and not f.launch_failing):
        below = f.desired - ready
        if below > 0 and below >= c.replacement_share * f.desired - ROUNDING:
            return
    if f.sick >= f.in_service:
        at_once = int(c.all_unhealthy_share * at_once + 0.5)
    replaced = 0
    for others in range(2):
        left = at_once
        if c.has_maintenance:
            left -= f.marked
        elif others:
            left -= under_way
        for i in range(f.top):
            s = w.instances[i]
            if s.state != IN_SERVICE or s.marked or s.dead or not is_failing(s):
                continue
            if left <= 0:
                break
            if t < s.grace_until or (s.replaces and not s.answers) == (others == 1):
                continue
            if c.has_maintenance:
                s.marked = 1
                f.marked += s.count
                left -= s.count
            else:
                gone = leave(w, i, left, t)
                left -= gone
                replaced += gone
    if replaced:
        f.owed += replaced
        note(w, t, E_REPLACED, replaced, float(replaced))


@compiled
def bounds(
    c: Record, desired: int, min_healthy: float, max_healthy: float, max_stated: bool
) -> tuple[int, int]:
    """Return between how many instances a group may move while some are replaced.

    ASG, "How an instance refresh works": with a minimum of 100 % a new one is launched first. BC,
    MaxHealthyPercentage: so it is where a stated maximum leaves no room for whole instances; where
    none is stated, one ends as the other is launched. How AWS rounds is not stated, nor what it
    does first within the range: `healthy_rounding`, `maintenance_ends_first`.
    """
    if c.healthy_rounding:
        low = int(math.floor(desired * min_healthy + ROUNDING))
        high = int(math.ceil(desired * max_healthy - ROUNDING))
    else:
        low = int(math.ceil(desired * min_healthy - ROUNDING))
        high = int(math.floor(desired * max_healthy + ROUNDING))
    if min_healthy >= 1.0:
        return desired, max(high, desired + 1)
    if not max_stated:
        return min(low, desired - 1), desired
    if low >= desired:
        return desired, max(high, desired + 1)
    if high > desired and not c.maintenance_ends_first:
        return desired, high
    return low, high


@compiled
def maintain(w: World, t: float) -> None:
    """Replace what a refresh or the maintenance policy has to replace, within their bounds.

    ASG, "How an instance refresh works": batches by the minimum and maximum; what is new counts
    once it passes the health checks that the group uses and is warm. An instance that the policy
    replaces for its health counts until it ends: the bounds are on the group's capacity.
    """
    c = w.scenario
    f = w.fleet
    leaving = old = ready = new_ready = 0
    blocked = False
    for i in range(f.top):
        s = w.instances[i]
        if s.state not in (PENDING, IN_SERVICE) or s.dead:
            continue
        is_old = f.refreshing == 1 and s.version < f.version
        old += s.count * is_old
        leaving += s.count * (is_old or s.marked == 1)
        is_ready = _is_ready(c, s)
        ready += s.count * is_ready
        if f.refreshing and not is_old:
            new_ready += s.count * is_ready
            if s.state == IN_SERVICE and c.elb_checks and is_failing(s) and t >= s.grace_until:
                blocked = True
    if f.refreshing:
        low, high = bounds(
            c, f.desired, c.refresh_min_healthy, c.refresh_max_healthy, c.refresh_max_stated == 1
        )
    else:
        low, high = bounds(c, f.desired, c.maintenance_min_healthy, c.maintenance_max_healthy, True)
    ended = replaced = 0
    # What is not ready goes first: it takes nothing away.
    for unready in range(2):
        for i in range(f.top):
            s = w.instances[i]
            if s.state not in (PENDING, IN_SERVICE) or s.dead:
                continue
            is_old = f.refreshing == 1 and s.version < f.version
            is_ready = _is_ready(c, s)
            if not (is_old or s.marked) or is_ready != (unready == 1):
                continue
            most = s.count
            if is_ready:
                most = min(most, ready - low)
            elif ready < low:
                most = 0
            if most <= 0:
                continue
            marked = s.marked
            gone = leave(w, i, most, t)
            ready -= gone * is_ready
            leaving -= gone
            old -= gone * is_old
            if marked:
                f.owed += gone
                replaced += gone
            else:
                ended += gone
    if ended:
        note(w, t, E_TERMINATING, ended, float(ended))
    if replaced:
        note(w, t, E_REPLACED, replaced, float(replaced))
    f.surplus = max(0, min(high - f.desired, leaving))
    if f.refreshing:
        _go_on(w, t, ended, old, new_ready, blocked)


@inlined
def _is_ready(c: Record, s: Record) -> bool:
    """Return whether an instance counts as in service, healthy and ready to use."""
    if s.state != IN_SERVICE or not s.warm:
        return False
    return bool(not c.elb_checks or (s.answers and (s.healthy or s.marked)))


@compiled
def _go_on(w: World, t: float, ended: int, old: int, new_ready: int, blocked: bool) -> None:
    """End a refresh that is done or has been blocked for an hour; after the group comes its pool.

    ASG, "How an instance refresh works": instances in service are replaced before those of a warm
    pool, to which the minimum applies on its own.
    """
    c = w.scenario
    f = w.fleet
    if ended or new_ready > f.renewed:
        f.refresh_blocked_at = NEVER
    elif blocked:
        f.refresh_blocked_at = min(f.refresh_blocked_at, t)
    f.renewed = new_ready
    done = old == 0 and new_ready >= f.desired
    if done and f.pool_old > 0:
        done = False
        if f.pool_pending == 0:
            size = f.pool_ready
            left = max(1, size - int(math.ceil(size * c.refresh_min_healthy - ROUNDING)))
            for i in range(f.top):
                s = w.instances[i]
                if left > 0 and s.state == POOL_READY and s.version < f.version:
                    left -= s.count
                    s.state = EMPTY
            f.dirty = 1
    if done:
        f.refreshing = f.surplus = 0
        f.dirty = 1
        w.summary.refresh = R_ENDED
        note(w, t, E_REFRESH_ENDS, 0, float(new_ready))
    elif t >= f.refresh_blocked_at + REFRESH_PATIENCE_SECONDS:
        f.refreshing = f.surplus = 0
        f.dirty = 1
        w.summary.refresh = R_FAILED
        note(w, t, E_REFRESH_FAILED, old, float(old))
