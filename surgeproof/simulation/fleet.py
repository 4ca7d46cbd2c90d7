"""The instances of a group: launches, warm-up, health checks, replacement, refresh, termination.

Sources: ASG = the Amazon EC2 Auto Scaling user guide, ALB = the Application Load Balancer guide,
re:Post QUjr7o2qXxTTiCqGBfnmo6yA for the token bucket of RunInstances.
"""

import math

import numpy as np

from surgeproof.simulation._compile import compiled, inlined
from surgeproof.simulation.records import (
    DRAINING,
    E_ANSWERS,
    E_AT_MAX_SIZE,
    E_HEALTHY,
    E_IN_SERVICE,
    E_LAUNCH,
    E_LAUNCH_FAILED,
    E_LAUNCH_FROM_POOL,
    E_REFRESH_ENDS,
    E_REPLACED,
    E_TERMINATED,
    E_TERMINATING,
    E_UNHEALTHY,
    E_WARM,
    EMPTY,
    IN_SERVICE,
    NEVER,
    PENDING,
    POOL_PENDING,
    POOL_READY,
    Record,
)
from surgeproof.simulation.world import World, note

MIX_A = np.uint64(0x9E3779B97F4A7C15)
MIX_B = np.uint64(0xBF58476D1CE4E5B9)
MIX_C = np.uint64(0x94D049BB133111EB)
"""The odd factors of splitmix64."""

CHECK_STREAM = 1000
"""First stream of the draws for health checks, one stream a slot."""


@compiled
def recount(w: World, t: float) -> None:
    """Count the instances anew, and say whether all of them are alike and settled."""
    f = w.fleet
    pending = in_service = answering = healthy = warm = warming = 0
    pool_ready = pool_pending = draining = unhealthy = cold = 0
    settled = f.uneven == 0.0 and f.refreshing == 0
    due = NEVER
    top = 0
    for i in range(f.top):
        s = w.instances[i]
        if s.state == EMPTY:
            continue
        top = i + 1
        if s.state == PENDING:
            pending += s.count
            warming += s.count * s.scaled_out
            settled = False
        elif s.state == IN_SERVICE:
            in_service += s.count
            answering += s.count * s.answers
            healthy += s.count * (s.answers & s.healthy)
            unhealthy += s.count * (1 - s.healthy)
            warm += s.count * s.warm
            warming += s.count * s.scaled_out * (1 - s.warm)
            cold += s.count * s.cold * s.answers
            plain = s.answers and s.healthy and s.warm and not s.cold and not s.dead
            in_slow_start = t < s.registered_at + w.scenario.slow_start_seconds
            if not plain or in_slow_start or s.backlog > 0.0:
                settled = False
        elif s.state == DRAINING:
            draining += s.count
            due = min(due, s.ends_at)
        elif s.state == POOL_PENDING:
            pool_pending += s.count
            due = min(due, s.ready_at)
        else:
            pool_ready += s.count
    f.top = top
    f.pending, f.in_service, f.answering, f.healthy = pending, in_service, answering, healthy
    f.warm, f.warming, f.unhealthy, f.cold = warm, warming, unhealthy, cold
    f.pool_ready, f.pool_pending, f.draining = pool_ready, pool_pending, draining
    f.settled = settled
    f.next_due = due
    f.dirty = 0


@compiled
def new_slot(w: World) -> int:
    """Return the place of a free slot, or -1 where all are taken."""
    for i in range(w.instances.size):
        if w.instances[i].state == EMPTY:
            w.fleet.top = max(w.fleet.top, i + 1)
            return i
    return -1


@compiled
def next_zone(w: World) -> int:
    """Return the zone of the next instance: the one with the fewest, lost ones left out.

    Call it only where `may_launch`: with all zones lost there is none.
    """
    best = -1
    fewest = 1 << 60
    for zone in range(w.scenario.zones):
        if w.fleet.zones_lost >> zone & 1:
            continue
        count = 0
        for i in range(w.fleet.top):
            s = w.instances[i]
            if s.zone == zone and s.state in (PENDING, IN_SERVICE) and not s.dead:
                count += s.count
        if count < fewest:
            fewest = count
            best = zone
    return best


@inlined
def may_launch(w: World) -> bool:
    """Return whether any zone can take a new instance."""
    f = w.fleet
    return bool(not f.no_capacity and f.zones_lost != (1 << w.scenario.zones) - 1)


@compiled
def begin(s: Record, t: float, state: int, count: int, zone: int, version: int) -> None:
    """Make a slot the place of `count` new instances."""
    s.state = state
    s.count = count
    s.zone = zone
    s.version = version
    s.answers = s.dead = s.warm = s.cold = s.from_pool = s.fails = s.passes = 0
    s.initial_failed = s.scaled_out = s.restarts = s.returns = 0
    s.healthy = 1
    s.launched_at = t
    s.in_service_at = s.registered_at = s.warm_at = s.cold_until = NEVER
    s.grace_until = s.ends_at = NEVER
    s.backlog = s.check_fails = 0.0
    s.share = 1.0


@compiled
def populate(w: World, t: float) -> None:
    """Put the fleet as it is before the trace: in service, warm, spread over the zones."""
    c = w.scenario
    f = w.fleet
    left = f.desired
    zone = 0
    while left > 0:
        place = new_slot(w)
        if place < 0:
            break
        s = w.instances[place]
        count = min(left, c.instances_per_slot)
        begin(s, t - 86400.0 + place, IN_SERVICE, count, zone, 0)
        s.answers = s.warm = 1
        s.ready_at = s.in_service_at = s.registered_at = s.warm_at = t - 86000.0
        s.cold_until = s.grace_until = t
        left -= count
        zone = (zone + 1) % c.zones
    if c.has_pool:
        left = pool_target(w)
        while left > 0:
            place = new_slot(w)
            if place < 0:
                break
            count = min(left, c.instances_per_slot)
            begin(w.instances[place], t, POOL_READY, count, zone, 0)
            left -= count
            zone = (zone + 1) % c.zones
    f.dirty = 1


@compiled
def chance(seed: int, stream: int, number: int) -> float:
    """Return a number from 0 to 1 that belongs to the `number`-th draw of a stream (splitmix64).

    Not a generator with a state: so a draw does not depend on how many others came before it, and
    runs with another step, or in another thread, draw the same.
    """
    z = np.uint64(seed) * MIX_A + np.uint64(stream) * MIX_B + np.uint64(number) * MIX_C
    z = (z ^ (z >> np.uint64(30))) * MIX_B
    z = (z ^ (z >> np.uint64(27))) * MIX_C
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * 1.1102230246251565e-16


@compiled
def boot_seconds(w: World) -> float:
    """Draw a boot time: log-normal about the stated one (normal by Box and Muller)."""
    c = w.scenario
    f = w.fleet
    seconds = c.boot_seconds * f.boot_factor
    if c.boot_variation > 0.0:
        radius = math.sqrt(-2.0 * math.log(1.0 - chance(c.seed, 1, f.drawn)))
        angle = 6.283185307179586 * chance(c.seed, 2, f.drawn)
        seconds *= math.exp(c.boot_variation * radius * math.cos(angle))
        f.drawn += 1
    return float(seconds)


@compiled
def pool_target(w: World) -> int:
    """Return how many instances wait in the warm pool: maximum minus desired (ASG, warm pools)."""
    c = w.scenario
    most = w.fleet.max_size if c.pool_max_prepared < 0 else int(c.pool_max_prepared)
    return int(max(int(c.pool_min_size), most - w.fleet.desired))


@compiled
def set_desired(w: World, t: float, wanted: float, event: int, subject: int, value: float) -> None:
    """Set the desired capacity within the group's bounds, and say so if it changes."""
    f = w.fleet
    bounded = int(min(max(wanted, f.min_size), f.max_size))
    if wanted > f.max_size and not f.at_max:
        f.at_max = 1
        note(w, t, E_AT_MAX_SIZE, subject, value)
    if bounded == f.desired:
        return
    if bounded < f.max_size:
        f.at_max = 0
    ready = t + w.scenario.action_to_launch_seconds
    if bounded > f.desired:
        f.launch_not_before = ready
        if w.summary.first_scale_out_at == NEVER and t >= 0.0:
            w.summary.first_scale_out_at = t
    else:
        f.terminate_not_before = ready
    f.desired = bounded
    note(w, t, event, subject, value)


@compiled
def launch(w: World, t: float, wanted: int) -> None:
    """Launch instances: from the warm pool while it lasts, then cold (ASG, warm pools)."""
    c = w.scenario
    f = w.fleet
    left = wanted
    from_pool = 0
    if c.has_pool:
        for i in range(f.top):
            s = w.instances[i]
            if left <= 0:
                break
            if s.state != POOL_READY or s.count > left or f.zones_lost >> s.zone & 1:
                continue
            count, zone, version = s.count, s.zone, s.version
            begin(s, t, PENDING, count, zone, version)
            s.from_pool = 1
            _time_launch(w, s, t, c.pool_start_seconds * f.boot_factor)
            left -= count
            from_pool += count
    if from_pool > 0:
        note(w, t, E_LAUNCH_FROM_POOL, from_pool, float(from_pool))
    cold = left
    while left > 0:
        place = new_slot(w)
        if place < 0:
            break
        s = w.instances[place]
        count = min(left, c.instances_per_slot)
        zone = next_zone(w)
        begin(s, t, PENDING, count, zone, f.version)
        _time_launch(w, s, t, boot_seconds(w))
        left -= count
    if cold > left:
        note(w, t, E_LAUNCH, cold - left, float(cold - left))
    w.summary.launches += wanted - left
    f.dirty = 1


@compiled
def _time_launch(w: World, s: Record, t: float, seconds: float) -> None:
    """Set when an instance runs, answers, and is in service.

    With a launching hook it is in service when the hook is completed, which is when it answers;
    without one as soon as it runs. A hook that is not completed in time abandons it (ASG, hooks).
    """
    c = w.scenario
    running_at = t + min(c.instance_start_seconds, seconds)
    s.ready_at = t + seconds
    s.scaled_out = 1
    s.warmup = w.fleet.warmup
    if not c.has_launch_hook:
        s.in_service_at = running_at
    elif s.ready_at - running_at > c.hook_seconds:
        s.ends_at = running_at + c.hook_seconds
    else:
        s.in_service_at = s.ready_at


@compiled
def reconcile(w: World, t: float) -> None:
    """Launch or terminate until the group has what it wants."""
    c = w.scenario
    f = w.fleet
    missing = f.desired + f.surplus - f.pending - f.in_service
    if missing > 0 and t >= f.launch_not_before and t >= f.next_launch_try:
        room = missing
        if not may_launch(w):
            room = 0
        if c.vcpu_quota > 0.0:
            running = f.pending + f.in_service + f.draining + f.pool_pending
            if c.pool_running:
                running += f.pool_ready
            room = min(room, int(c.vcpu_quota // c.vcpus_per_instance) - running)
        if c.launch_batch_size > 0:
            room = min(room, c.launch_batch_size)
        refilled = f.tokens + c.launch_tokens_per_second * (t - f.tokens_at)
        f.tokens = min(c.launch_tokens, refilled)
        f.tokens_at = t
        room = min(room, int(f.tokens))
        if room > 0:
            f.tokens -= room
            f.launch_failing = 0
            # At its own moment within the step, so that a longer step does not delay it.
            moment = max(f.launch_not_before, f.next_launch_try)
            launch(w, min(max(moment, t - c.step_seconds), t), room)
        else:
            if not f.launch_failing:
                note(w, t, E_LAUNCH_FAILED, missing, float(missing))
            f.launch_failing = 1
            f.next_launch_try = t + c.launch_retry_seconds
    elif missing < 0 and t >= f.terminate_not_before:
        terminate(w, t, -missing)
        f.launch_failing = 0
    elif missing == 0:
        f.launch_failing = 0


@compiled
def terminate(w: World, t: float, wanted: int) -> None:
    """Terminate instances: from the fullest zone, of the oldest template, the oldest (ASG)."""
    c = w.scenario
    f = w.fleet
    left = wanted
    while left > 0:
        chosen = _to_terminate(w)
        if chosen < 0:
            break
        s = w.instances[chosen]
        gone = min(left, s.count)
        left -= gone
        if gone < s.count:
            s.count -= gone
            continue
        if s.state == PENDING:
            s.state = EMPTY
            continue
        wait = 0.0
        if c.has_load_balancer:
            rate = c.cold_requests_per_second if s.cold else c.requests_per_second
            wait = min(c.deregistration_seconds, c.longest_request_seconds + s.backlog / rate)
        s.state = DRAINING
        s.answers = 0
        s.returns = c.pool_reuse
        s.ends_at = t + wait + c.terminate_hook_seconds
    note(w, t, E_TERMINATING, wanted - left, float(wanted - left))
    f.dirty = 1


@compiled
def _to_terminate(w: World) -> int:
    """Return the slot that the default termination policy chooses, or -1."""
    f = w.fleet
    chosen = -1
    chosen_zone = 0
    for i in range(f.top):
        s = w.instances[i]
        if s.state not in (PENDING, IN_SERVICE) or s.dead:
            continue
        in_zone = 0
        for j in range(f.top):
            o = w.instances[j]
            if o.zone == s.zone and o.state in (PENDING, IN_SERVICE) and not o.dead:
                in_zone += o.count
        if chosen >= 0:
            b = w.instances[chosen]
            if in_zone < chosen_zone:
                continue
            if in_zone == chosen_zone:
                if s.version > b.version:
                    continue
                if s.version == b.version and s.launched_at >= b.launched_at:
                    continue
        chosen = i
        chosen_zone = in_zone
    return chosen


@inlined
def advance(w: World, t: float) -> None:
    """Move every instance on whose time has come."""
    c = w.scenario
    f = w.fleet
    changed = False
    for i in range(f.top):
        s = w.instances[i]
        state = s.state
        if state in (EMPTY, POOL_READY):
            continue
        if state == PENDING:
            if t >= s.ends_at:
                s.state = EMPTY
                changed = True
                note(w, t, E_TERMINATED, s.count, float(s.count))
            elif t >= s.in_service_at:
                s.state = IN_SERVICE
                s.warm_at = s.in_service_at + s.warmup
                s.grace_until = s.in_service_at + c.grace_seconds
                s.registered_at = s.in_service_at + c.registration_seconds
                changed = True
                f.in_service += s.count
                note(w, t, E_IN_SERVICE, s.count, t - s.launched_at)
        elif state == DRAINING:
            if t >= s.ends_at:
                s.state = POOL_READY if s.returns else EMPTY
                changed = True
                note(w, t, E_TERMINATED, s.count, float(s.count))
        elif state == POOL_PENDING:
            if t >= s.ready_at:
                s.state = POOL_READY
                changed = True
        if s.state == IN_SERVICE:
            if not s.warm and t >= s.warm_at:
                s.warm = 1
                changed = True
                note(w, t, E_WARM, s.count, t - s.launched_at)
            if s.cold and t >= s.cold_until:
                s.cold = 0
                changed = True
            if not s.answers and not c.has_load_balancer and t >= s.ready_at and not s.dead:
                _answer(w, s, t)
                changed = True
    if changed:
        f.dirty = 1


@compiled
def _answer(w: World, s: Record, t: float) -> None:
    """Let an instance receive requests, cold at first."""
    s.answers = 1
    s.healthy = 1
    s.fails = 0
    s.initial_failed = 0
    s.cold = int(w.scenario.cold_seconds > 0.0)
    s.cold_until = t + w.scenario.cold_seconds
    if w.scenario.slow_start_seconds > 0.0:
        s.registered_at = t
    w.fleet.dirty = 1
    note(w, t, E_ANSWERS, s.count, t - s.launched_at)


@inlined
def check_health(w: World, t: float, step: float) -> None:
    """Do the health checks that fall into this step.

    ALB, "Health checks for your target groups": a new target needs one passed check, one that was
    unhealthy `healthy_threshold` in a row, a healthy one fails by `unhealthy_threshold` in a row.
    """
    c = w.scenario
    interval = c.check_interval_seconds
    for i in range(w.fleet.top):
        s = w.instances[i]
        if s.state != IN_SERVICE or t + step <= s.registered_at:
            continue
        phase = s.launched_at % interval + 7.0 * i
        first = int(math.floor((t - phase) / interval))
        last = int(math.floor((t + step - phase) / interval))
        for number in range(first, last):
            fails = s.check_fails if s.answers else 0.0
            if s.dead or t < s.ready_at:
                fails = 1.0
            failed = fails >= 1.0
            if 0.0 < fails < 1.0:
                failed = chance(c.seed, CHECK_STREAM + i, number) < fails
            if failed:
                s.fails += 1
                s.passes = 0
                if s.fails >= c.unhealthy_threshold:
                    if s.answers and s.healthy:
                        s.healthy = 0
                        w.fleet.dirty = 1
                        note(w, t, E_UNHEALTHY, s.count, s.backlog)
                    elif not s.answers:
                        s.initial_failed = 1
            else:
                s.fails = 0
                s.passes += 1
                if not s.answers:
                    _answer(w, s, t)
                elif not s.healthy and s.passes >= c.healthy_threshold:
                    s.healthy = 1
                    w.fleet.dirty = 1
                    note(w, t, E_HEALTHY, s.count, s.backlog)


@inlined
def replace_unhealthy(w: World, t: float) -> None:
    """Replace instances that are lost or unhealthy.

    ASG, health checks: what EC2 reports is acted on at once; what the load balancer reports after
    the grace period, at most a tenth of the desired capacity at a time, waiting for the warm-up.
    """
    c = w.scenario
    f = w.fleet
    under_way = 0
    for i in range(f.top):
        s = w.instances[i]
        if s.state == PENDING or (s.state == IN_SERVICE and not s.warm):
            under_way += s.count
    allowed = max(1, int(c.replacement_share * f.desired)) - under_way
    replaced = 0
    for i in range(f.top):
        s = w.instances[i]
        if s.state != IN_SERVICE:
            continue
        lost = s.dead and t >= s.ends_at
        failing = (s.answers and not s.healthy) or s.initial_failed
        judged = c.elb_checks and failing and t >= s.grace_until
        if lost or (judged and (allowed > 0 or not s.warm)):
            if not lost:
                allowed -= s.count
            replaced += s.count
            s.state = EMPTY
    if replaced:
        f.dirty = 1
        f.launch_not_before = t + c.action_to_launch_seconds
        f.warmup = c.default_warmup_seconds
        note(w, t, E_REPLACED, replaced, float(replaced))


@compiled
def keep_pool(w: World, t: float) -> None:
    """Refill the warm pool to its size, or shrink it (ASG, warm pools)."""
    c = w.scenario
    f = w.fleet
    missing = pool_target(w) - f.pool_ready - f.pool_pending
    while missing > 0 and may_launch(w):
        place = new_slot(w)
        if place < 0:
            break
        s = w.instances[place]
        count = min(missing, c.instances_per_slot)
        begin(s, t, POOL_PENDING, count, next_zone(w), f.version)
        s.ready_at = t + boot_seconds(w)
        missing -= count
        f.dirty = 1
    if missing < 0:
        for i in range(f.top - 1, -1, -1):
            s = w.instances[i]
            if missing < 0 and s.state in (POOL_READY, POOL_PENDING) and s.count <= -missing:
                missing += s.count
                s.state = EMPTY
                f.dirty = 1


@compiled
def refresh(w: World, t: float) -> None:
    """Do the next part of an instance refresh.

    ASG, instance refresh: with a maximum it launches first, up to the maximum; without one it
    terminates first, down to the minimum healthy share, and waits for the new ones' warm-up.
    """
    c = w.scenario
    f = w.fleet
    old = 0
    settled_new = 0
    unready = 0
    for i in range(f.top):
        s = w.instances[i]
        if s.state not in (PENDING, IN_SERVICE) or s.dead:
            continue
        ready = s.state == IN_SERVICE and s.answers and s.warm
        if s.version < f.version:
            old += s.count
        elif ready:
            settled_new += s.count
        if not ready:
            unready += s.count
    if old == 0 and unready == 0:
        f.refreshing = 0
        f.surplus = 0
        f.dirty = 1
        note(w, t, E_REFRESH_ENDS, 0, float(settled_new))
        return
    f.warmup = c.refresh_warmup_seconds
    if c.refresh_launches_first:
        extra = max(1, int(f.desired * (c.refresh_max_healthy - 1.0)))
        alive = f.pending + f.in_service
        if unready == 0 and alive > f.desired:
            f.surplus = max(0, f.surplus - _end_old(w, t, min(old, alive - f.desired)))
        elif unready == 0 and old > 0:
            f.surplus = min(extra, old)
            f.launch_not_before = t + c.action_to_launch_seconds
    else:
        down = max(1, int(math.floor(f.desired * (1.0 - c.refresh_min_healthy) + 1e-9)))
        if down > unready and old > 0:
            _end_old(w, t, min(old, down - unready))
            f.launch_not_before = t + c.action_to_launch_seconds


@compiled
def _end_old(w: World, t: float, wanted: int) -> int:
    """Terminate `wanted` instances of the old template; return how many it was."""
    c = w.scenario
    ended = 0
    for i in range(w.fleet.top):
        s = w.instances[i]
        alive = s.state in (PENDING, IN_SERVICE) and not s.dead
        if not alive or s.version >= w.fleet.version or ended + s.count > wanted:
            continue
        s.state = DRAINING
        s.answers = 0
        s.ends_at = t + min(c.deregistration_seconds, c.longest_request_seconds)
        ended += s.count
    if ended:
        w.fleet.dirty = 1
        note(w, t, E_TERMINATING, ended, float(ended))
    return ended
