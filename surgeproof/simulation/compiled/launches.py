"""What a group launches and terminates, and its warm pool, within quota, rates and capacity.

Sources: ASG = the Amazon EC2 Auto Scaling user guide, BC = the API reference in botocore's service
model, re:Post QUjr7o2qXxTTiCqGBfnmo6yA for the token bucket of RunInstances.
"""

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.instances import (
    begin,
    boot_seconds,
    embody,
    leave,
    may_launch,
    new_slot,
    next_check,
    next_zone,
)
from surgeproof.simulation.compiled.records import (
    DRAINING,
    E_LAUNCH,
    E_LAUNCH_FAILED,
    E_LAUNCH_FROM_POOL,
    E_TERMINATING,
    EMPTY,
    IN_SERVICE,
    NEVER,
    PENDING,
    POOL_PENDING,
    POOL_READY,
    Record,
)
from surgeproof.simulation.compiled.world import World, note


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
        embody(w, s)
        s.answers = s.warm = 1
        s.ready_at = s.in_service_at = s.registered_at = s.warm_at = t - 86000.0
        s.cold_until = s.grace_until = t
        s.next_check = next_check(w, s, t)
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
            embody(w, w.instances[place])
            left -= count
            zone = (zone + 1) % c.zones
    f.dirty = 1


@compiled
def pool_target(w: World) -> int:
    """Return how many instances wait in the warm pool: maximum minus desired (ASG, warm pools)."""
    c = w.scenario
    most = w.fleet.max_size if c.pool_max_prepared < 0 else int(c.pool_max_prepared)
    return int(max(int(c.pool_min_size), most - w.fleet.desired))


@compiled
def pool_missing(w: World) -> int:
    """Return how many instances the warm pool misses, or has too many as a negative number."""
    return pool_target(w) - int(w.fleet.pool_ready + w.fleet.pool_pending)


@compiled
def start(w: World, t: float) -> None:
    """Launch what is ordered, as far as quota, capacity and rates allow; try the rest again later.

    One call launches at most `launch_batch_size`, and the next call follows it. What fails is tried
    again as a whole.
    """
    c = w.scenario
    f = w.fleet
    room = f.ordered if may_launch(w) else 0
    room = min(room, quota_left(w, bool(c.pool_running)))
    refilled = f.tokens + c.launch_tokens_per_second * (t - f.tokens_at)
    f.tokens = min(c.launch_tokens, refilled)
    f.tokens_at = t
    room = min(room, int(f.tokens))
    batch = c.launch_batch_size if c.launch_batch_size > 0 else f.ordered
    launched = 0
    if room > 0:
        launched = launch(w, t, min(room, batch))
        f.tokens -= launched
    f.ordered -= launched
    f.launch_at = NEVER
    if f.ordered == 0:
        f.launch_failing = 0
    elif launched == batch and room > batch:
        f.launch_at = t + c.launch_batch_seconds
    else:
        if launched > 0 or not f.launch_failing:
            note(w, t, E_LAUNCH_FAILED, f.ordered, float(f.ordered))
        f.launch_failing = 1
        f.launch_at = t + c.launch_retry_seconds
        if f.refreshing:
            f.refresh_blocked_at = min(f.refresh_blocked_at, t)


@compiled
def quota_left(w: World, pool_counts: bool) -> int:
    """Return how many instances the vCPU quota leaves room for.

    Stopped instances do not count (EC2, On-Demand Instance quotas); one that waits running does
    already, so that its start needs no room: `pool_counts` adds those that may be started.
    """
    c = w.scenario
    f = w.fleet
    if c.vcpu_quota <= 0.0:
        return 1 << 30
    running = f.pending + f.in_service + f.draining + f.pool_pending
    if c.pool_running and not pool_counts:
        running += f.pool_ready
    return int(c.vcpu_quota // c.vcpus_per_instance - running)


@compiled
def launch(w: World, t: float, wanted: int) -> int:
    """Launch instances: from the warm pool while it lasts, then cold (ASG, warm pools).

    Returns how many. An instance refresh starts none that the pool holds of an older template.
    """
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
            if f.refreshing and s.version < f.version:
                continue
            count, zone, version = s.count, s.zone, s.version
            begin(s, t, PENDING, count, zone, version)
            embody(w, s)
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
        embody(w, s)
        _time_launch(w, s, t, boot_seconds(w))
        left -= count
    if cold > left:
        note(w, t, E_LAUNCH, cold - left, float(cold - left))
    w.summary.launches += wanted - left
    f.dirty = 1
    return wanted - left


@compiled
def _time_launch(w: World, s: Record, t: float, seconds: float) -> None:
    """Set when an instance runs, answers, and is in service, and how long it warms up.

    With a launching hook it is in service when the hook is completed, which is when it answers;
    without one as soon as it runs. A hook that is not completed in time abandons the instance, or
    puts it into service as it is (BC, DefaultResult of a lifecycle hook).

    ASG, health checks: what replaces an instance warms up for the default instance warm-up.
    """
    c = w.scenario
    f = w.fleet
    running_at = t + min(c.instance_start_seconds, seconds)
    s.ready_at = t + seconds
    s.scaled_out = 1
    s.restarts = f.restarts
    s.warmup = f.warmup
    if f.refreshing:
        s.warmup = c.refresh_warmup_seconds
    if f.owed > 0:
        f.owed = max(f.owed - s.count, 0)
        s.replaces = 1
        s.warmup = c.replacement_warmup_seconds
    if not c.has_launch_hook:
        s.in_service_at = running_at
    elif s.ready_at - running_at <= c.hook_seconds:
        s.in_service_at = s.ready_at
    elif c.hook_continues:
        s.in_service_at = running_at + c.hook_seconds
    else:
        s.ends_at = running_at + c.hook_seconds


@compiled
def terminate(w: World, t: float, wanted: int) -> None:
    """Terminate instances: from the fullest zone, of the oldest template, the oldest (ASG)."""
    left = wanted
    while left > 0:
        chosen = _to_terminate(w)
        if chosen < 0:
            break
        s = w.instances[chosen]
        whole = s.count <= left
        left -= leave(w, chosen, left, t)
        if whole and s.state == DRAINING:
            s.returns = w.scenario.pool_reuse
    w.fleet.terminate_at = NEVER
    w.fleet.dirty = 1
    if left < wanted:
        note(w, t, E_TERMINATING, wanted - left, float(wanted - left))


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


@compiled
def keep_pool(w: World, t: float) -> None:
    """Refill the warm pool to its size, or shrink it (ASG, warm pools), as far as that goes."""
    c = w.scenario
    f = w.fleet
    missing = pool_missing(w)
    room = min(missing, quota_left(w, False)) if may_launch(w) else 0
    while room > 0:
        place = new_slot(w)
        if place < 0:
            break
        s = w.instances[place]
        count = min(room, c.instances_per_slot)
        begin(s, t, POOL_PENDING, count, next_zone(w), f.version)
        embody(w, s)
        s.ready_at = t + boot_seconds(w)
        room -= count
        missing -= count
        f.dirty = 1
    for i in range(f.top - 1, -1, -1):
        s = w.instances[i]
        if missing < 0 and s.state in (POOL_READY, POOL_PENDING) and s.count <= -missing:
            missing += s.count
            s.state = EMPTY
            f.dirty = 1
    f.pool_at = t if missing == 0 else t + c.launch_retry_seconds
