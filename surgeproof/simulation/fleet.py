"""The instances of a group: launches, warm-up, health checks, replacement, refresh, termination.

The group moves from event to event, each at its own moment (`advance`), whatever the length of a
step: a timer runs from the moment that set it, and nothing sets it anew while it runs.

Sources: ASG = the Amazon EC2 Auto Scaling user guide, BC = the API reference in botocore's service
model, ALB = the Application Load Balancer guide, re:Post QUjr7o2qXxTTiCqGBfnmo6yA for the token
bucket of RunInstances.
"""

import math

from surgeproof.simulation._compile import compiled, inlined
from surgeproof.simulation.draws import (
    BOOT_STREAM,
    CHECK_STREAM,
    PHASE_STREAM,
    SPEED_STREAM,
    chance,
    normal,
)
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
    E_REFRESH_FAILED,
    E_REPLACED,
    E_SCHEDULED,
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
    R_ENDED,
    R_FAILED,
    Record,
)
from surgeproof.simulation.service import check_fails, cut_off, room_of, turn, wait_spread
from surgeproof.simulation.world import World, note

REFRESH_PATIENCE_SECONDS = 3600.0
"""How long an instance refresh that cannot go on keeps trying (ASG, instance refresh, limits)."""

MOST_AT_ONCE = 10_000
"""Most that may happen at one moment, after which a run counts as stuck."""

ROUNDING = 1e-9
"""Slack against which a product of floats is rounded up or down."""


@compiled
def recount(w: World, t: float) -> None:
    """Count the instances anew, say whether all are alike and settled, and when one moves on."""
    c = w.scenario
    f = w.fleet
    pending = in_service = answering = healthy = warm = warming = sick = marked = 0
    pool_ready = pool_pending = pool_old = draining = unhealthy = cold = failed_first = 0
    settled = f.uneven == 0.0 and f.refreshing == 0 and f.followed == 0
    slowest = 1.0
    due = NEVER
    checked = NEVER
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
            due = min(due, s.in_service_at, s.ends_at)
        elif s.state == IN_SERVICE:
            in_service += s.count
            answering += s.count * s.answers
            healthy += s.count * (s.answers & s.healthy)
            unhealthy += s.count * (1 - s.healthy)
            warm += s.count * s.warm
            warming += s.count * s.scaled_out * (1 - s.warm)
            cold += s.count * s.cold * s.answers
            failed_first += s.count * s.initial_failed * (1 - s.answers)
            sick += s.count * is_failing(s)
            marked += s.count * s.marked
            checked = min(checked, s.next_check)
            if not s.warm:
                due = min(due, s.warm_at)
            if s.cold:
                due = min(due, s.cold_until)
            if s.dead:
                due = min(due, s.ends_at)
            elif not s.answers and not c.has_load_balancer:
                due = min(due, s.ready_at)
            plain = s.answers and s.healthy and s.warm and not s.cold and not s.dead
            in_slow_start = t < s.registered_at + c.slow_start_seconds
            if not plain or in_slow_start or s.backlog > 0.0 or s.fails > 0:
                settled = False
            slowest = min(slowest, s.speed)
        elif s.state == DRAINING:
            draining += s.count
            due = min(due, s.ends_at)
        elif s.state == POOL_PENDING:
            pool_pending += s.count
            pool_old += s.count * (s.version < f.version)
            due = min(due, s.ready_at)
        else:
            pool_ready += s.count
            pool_old += s.count * (s.version < f.version)
    f.top = top
    f.pending, f.in_service, f.answering, f.healthy = pending, in_service, answering, healthy
    f.warm, f.warming, f.unhealthy, f.cold = warm, warming, unhealthy, cold
    f.pool_ready, f.pool_pending, f.pool_old = pool_ready, pool_pending, pool_old
    f.draining, f.sick, f.marked = draining, sick, marked
    f.failed_first, f.slowest = failed_first, slowest
    # One that is marked may be well again, and is still to be replaced.
    f.settled = settled and marked == 0
    if (f.refreshing or marked) and c.has_load_balancer:
        # Whoever replaces instances waits for the check that finds a new one healthy.
        due = min(due, checked)
    f.instances_due = due
    f.dirty = 0


@inlined
def is_failing(s: Record) -> bool:
    """Return whether the load balancer reports an instance in service as unhealthy."""
    return bool((s.answers and not s.healthy) or s.initial_failed)


@compiled
def is_scaling_out(w: World) -> bool:
    """Return whether instances are being launched or warm up.

    ASG, default instance warm-up: scale-in by policies waits for that. Launches that fail are no
    activity in progress, so that a group at its quota still scales in.
    """
    f = w.fleet
    ordered = f.ordered > 0 and not f.launch_failing
    return bool(f.warming > 0 or f.pending > 0 or ordered)


@compiled
def cool_down(w: World, t: float) -> None:
    """Keep the cooldown that simple scaling waits for.

    ASG, scaling cooldowns: it begins when the last instance that any activity launched or ended is
    through with that, a replacement's too; `cooldown_until` is `NEVER` until then.
    """
    f = w.fleet
    changing = f.pending > 0 or (f.in_service != f.desired and not f.launch_failing)
    if changing or (f.draining > 0 and w.scenario.cooldown_waits_for_draining):
        f.cooldown_until = NEVER
    elif f.cooldown_until == NEVER:
        f.cooldown_until = t + f.cooldown
        f.cooldown = w.scenario.cooldown_seconds


@compiled
def look_ahead(w: World) -> None:
    """Find the moment of the group's next event."""
    c = w.scenario
    f = w.fleet
    due = min(f.instances_due, f.launch_at, f.terminate_at)
    if f.schedule < w.schedules.size:
        due = min(due, w.schedules[f.schedule].at + c.schedule_delay_seconds)
    if c.elb_checks and not f.settled:
        interval = c.group_check_seconds
        if f.group_check_at <= f.now:
            f.group_check_at += interval * (1.0 + (f.now - f.group_check_at) // interval)
        due = min(due, f.group_check_at)
    if f.refreshing:
        due = min(due, f.refresh_blocked_at + REFRESH_PATIENCE_SECONDS)
    if c.has_pool and f.pending + f.in_service >= f.desired and pool_missing(w) != 0:
        due = min(due, max(f.pool_at, f.now))
    f.next_due = due


@compiled
def advance(w: World, since: float, until: float) -> None:
    """Let everything happen that is due until `until`, in the order of time.

    `since` is the moment to which the service has come: checks before it found nothing to say. A
    group that does not get beyond one moment raises RuntimeError, rather than run for ever.
    """
    f = w.fleet
    f.now = max(f.now, since)
    f.since = since
    if f.dirty:
        recount(w, f.now)
        order(w, f.now)
    look_ahead(w)
    before = f.now
    at_once = 0
    while f.next_due <= until:
        happen(w, max(f.next_due, f.now))
        look_ahead(w)
        at_once = 0 if f.now > before else at_once + 1
        before = f.now
        if at_once > MOST_AT_ONCE:
            raise RuntimeError("the simulated group does not get beyond one moment")
    f.now = until


@compiled
def happen(w: World, t: float) -> None:
    """Do what is due at `t`."""
    c = w.scenario
    f = w.fleet
    f.now = t
    if c.has_load_balancer and not f.settled:
        check_health(w, t)
    move(w, t)
    recount(w, t)
    run_schedules(w, t)
    if c.elb_checks and f.group_check_at <= t:
        f.group_check_at += c.group_check_seconds
        if f.sick:
            replace_unhealthy(w, t)
    if f.refreshing or f.marked or f.surplus:
        maintain(w, t)
    if f.dirty:
        recount(w, t)
    order(w, t)
    if f.launch_at <= t:
        start(w, t)
    if f.terminate_at <= t:
        terminate(w, t, f.pending + f.in_service - f.desired - f.surplus)
    if f.dirty:
        recount(w, t)
        order(w, t)
    # What is about to be started from the pool is not taken away from it before.
    if c.has_pool and f.pool_at <= t and f.pending + f.in_service >= f.desired:
        keep_pool(w, t)
        if f.dirty:
            recount(w, t)
    cool_down(w, t)


@compiled
def order(w: World, t: float) -> None:
    """Order the launch of what the group misses, or the end of what it has too much, since `t`.

    What is ordered later joins an order that runs, and never puts it off.
    """
    f = w.fleet
    missing = f.desired + f.surplus - f.pending - f.in_service
    ready = t + w.scenario.action_to_launch_seconds
    if missing > f.ordered:
        f.launch_at = min(f.launch_at, ready)
    elif missing <= 0:
        f.launch_at = NEVER
        f.launch_failing = 0
    f.ordered = max(missing, 0)
    f.owed = min(f.owed, f.ordered)
    f.terminate_at = min(f.terminate_at, ready) if missing < 0 else NEVER


@inlined
def take_sizes(w: World) -> int:
    """Take the bounds of the scheduled action that is next; return the capacity it asks for."""
    f = w.fleet
    action = w.schedules[f.schedule]
    if action.min_size >= 0:
        f.min_size = action.min_size
    if action.max_size >= 0:
        f.max_size = action.max_size
    return int(action.desired if action.desired >= 0 else f.desired)


@compiled
def run_schedules(w: World, t: float) -> None:
    """Run the scheduled actions whose time it is; they ignore cooldowns (ASG)."""
    f = w.fleet
    late = w.scenario.schedule_delay_seconds
    while f.schedule < w.schedules.size and w.schedules[f.schedule].at + late <= t:
        wanted = take_sizes(w)
        f.warmup = w.scenario.default_warmup_seconds
        set_desired(w, t, float(wanted), E_SCHEDULED, f.schedule, float(wanted))
        f.schedule += 1


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
    s.initial_failed = s.scaled_out = s.restarts = s.returns = s.marked = s.replaces = 0
    s.healthy = 1
    s.launched_at = t
    s.in_service_at = s.registered_at = s.warm_at = s.cold_until = NEVER
    s.grace_until = s.ends_at = s.next_check = NEVER
    s.backlog = s.held = s.wait = s.wait_grows = s.waiting = s.wait_rate = s.refused = 0.0
    s.asked = s.was = 0
    s.turned_at = -NEVER
    s.capacity = 1.0
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
def embody(w: World, s: Record) -> None:
    """Make a slot's instances ones of their own: with a number, and a speed that is drawn."""
    c = w.scenario
    s.number = w.fleet.made
    w.fleet.made += 1
    s.speed = 1.0
    if c.speed_variation > 0.0:
        s.speed = math.exp(-c.speed_variation * normal(c.seed, SPEED_STREAM, s.number))


@compiled
def boot_seconds(w: World) -> float:
    """Draw a boot time: log-normal about the stated one (normal by Box and Muller)."""
    c = w.scenario
    f = w.fleet
    seconds = c.boot_seconds * f.boot_factor
    if c.boot_variation > 0.0:
        radius = math.sqrt(-2.0 * math.log(1.0 - chance(c.seed, BOOT_STREAM, f.drawn)))
        angle = 6.283185307179586 * chance(c.seed, BOOT_STREAM + 1, f.drawn)
        seconds *= math.exp(c.boot_variation * radius * math.cos(angle))
        f.drawn += 1
    return float(seconds)


@compiled
def next_check(w: World, s: Record, after: float) -> float:
    """Return when the load balancer next checks a target after `after`; each has its own phase."""
    interval = w.scenario.check_interval_seconds
    phase = interval * chance(w.scenario.seed, PHASE_STREAM, s.number)
    return float(phase + interval * (math.floor((after - phase) / interval) + 1.0))


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
def set_desired(w: World, t: float, wanted: float, event: int, subject: int, value: float) -> None:
    """Set the desired capacity within the group's bounds, and say so if it changes."""
    f = w.fleet
    bounded = int(min(max(wanted, f.min_size), f.max_size))
    if wanted > f.max_size and not f.at_max and event != E_SCHEDULED:
        f.at_max = 1
        note(w, t, E_AT_MAX_SIZE, subject, value)
    if bounded == f.desired:
        return
    if bounded < f.max_size:
        f.at_max = 0
    if bounded > f.desired and w.summary.first_scale_out_at == NEVER and t >= 0.0:
        w.summary.first_scale_out_at = t
    f.desired = bounded
    note(w, t, event, subject, value)
    order(w, t)
    cool_down(w, t)
    look_ahead(w)


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
def leave(w: World, place: int, wanted: int, t: float) -> int:
    """Take up to `wanted` instances of a slot out of service; return how many.

    ALB, deregistration delay: an instance ends when its requests are done, or the delay is over;
    then a terminating hook holds it. One that is not in service yet ends at once.
    """
    c = w.scenario
    s = w.instances[place]
    gone = min(wanted, s.count)
    if gone < s.count:
        s.count -= gone
        other = new_slot(w)
        if other < 0:
            return int(gone)
        w.instances[other] = w.instances[place]
        s = w.instances[other]
        s.count = gone
    w.fleet.dirty = 1
    if s.state == PENDING:
        s.state = EMPTY
        return int(gone)
    w.fleet.in_service -= gone
    wait = 0.0
    if c.has_load_balancer:
        rate = c.cold_requests_per_second if s.cold else c.requests_per_second
        wait = min(c.deregistration_seconds, c.longest_request_seconds + s.backlog / rate)
        cut_off(w, s, c.deregistration_seconds, c.deregistration_seconds)
    s.state = DRAINING
    s.answers = s.returns = 0
    s.ends_at = t + wait + c.terminate_hook_seconds
    return int(gone)


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


@inlined
def move(w: World, t: float) -> None:
    """Move every instance on whose time has come.

    ASG, health checks: one that EC2 reports as no longer running is replaced at once.
    """
    c = w.scenario
    f = w.fleet
    changed = False
    lost = 0
    for i in range(f.top):
        s = w.instances[i]
        state = s.state
        if state in (EMPTY, POOL_READY):
            continue
        if state == PENDING:
            if t >= s.ends_at:
                s.state = EMPTY
                changed = True
                f.owed += s.count * s.replaces
                note(w, t, E_TERMINATED, s.count, float(s.count))
            elif t >= s.in_service_at:
                s.state = IN_SERVICE
                s.warm_at = s.in_service_at + s.warmup
                s.grace_until = s.in_service_at + c.grace_seconds
                s.registered_at = s.in_service_at + c.registration_seconds
                s.next_check = next_check(w, s, s.registered_at)
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
        elif s.dead and t >= s.ends_at:
            s.state = EMPTY
            changed = True
            lost += s.count
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
    if lost:
        f.owed += lost
        f.in_service -= lost
        note(w, t, E_REPLACED, lost, float(lost))
    if changed:
        f.dirty = 1


@compiled
def _answer(w: World, s: Record, t: float) -> None:
    """Let an instance receive requests, cold at first."""
    turn(s, t)
    s.answers = 1
    s.healthy = 1
    s.fails = 0
    s.initial_failed = 0
    if s.cold_until == NEVER:
        s.cold = int(w.scenario.cold_seconds > 0.0)
        s.cold_until = t + w.scenario.cold_seconds
    if w.scenario.slow_start_seconds > 0.0:
        s.registered_at = t
    w.fleet.dirty = 1
    note(w, t, E_ANSWERS, s.count, t - s.launched_at)


@compiled
def check_health(w: World, until: float) -> None:
    """Do the load balancer's checks that come until `until`.

    ALB, "Health checks for your target groups": a new target needs one passed check, one that was
    unhealthy `healthy_threshold` in a row, a healthy one fails by `unhealthy_threshold` in a row.
    """
    interval = w.scenario.check_interval_seconds
    since = w.fleet.since
    for i in range(w.fleet.top):
        s = w.instances[i]
        if s.state != IN_SERVICE or s.next_check > until:
            continue
        if s.next_check <= since:
            # While all are alike and settled, every check passes and none is looked at.
            if s.asked:
                s.asked = 0
                s.next_check = s.asked_at + interval
            if s.next_check <= since:
                s.next_check += interval * (1.0 + (since - s.next_check) // interval)
        while s.next_check <= until:
            _check(w, s, s.next_check)


@compiled
def _check(w: World, s: Record, t: float) -> None:
    """Send a check at `t`, or hear what became of it; set when the next of both comes.

    A check waits in the queue like a request, and fails when its time-out is over. What does not
    answer at all, or has a full queue, refuses it at once.
    """
    c = w.scenario
    if s.asked == 0:
        fails = waits = 0.0
        if s.dead or t < s.ready_at:
            fails = 1.0
        elif s.answers:
            waits = max(s.wait + s.wait_grows * (t - w.fleet.served_to), 0.0)
            spread = wait_spread(waits * s.capacity, s.capacity, c.service_variation)
            fails = check_fails(
                c, waits, spread, s.waiting, s.wait_rate, s.refused, w.fleet.database_errors
            )
        failed = fails >= 1.0
        if 0.0 < fails < 1.0:
            number = int(t // c.check_interval_seconds)
            failed = chance(c.seed, CHECK_STREAM + s.number, number) < fails
        s.asked = 2 if failed else 1
        s.asked_at = t
        lasts = 0.0
        if failed:
            if s.dead or (s.answers and s.backlog < room_of(c, s.capacity)):
                lasts = c.check_timeout_seconds
        elif s.answers:
            lasts = min(waits, c.check_timeout_seconds)
        if lasts > 0.0:
            s.next_check = t + min(lasts, c.check_interval_seconds)
            return
    failed = s.asked == 2
    s.asked = 0
    s.next_check = s.asked_at + c.check_interval_seconds
    if failed:
        s.fails += 1
        s.passes = 0
        if s.fails >= c.unhealthy_threshold:
            if s.answers and s.healthy:
                turn(s, t)
                s.healthy = 0
                w.fleet.dirty = 1
                note(w, t, E_UNHEALTHY, s.count, s.backlog)
            elif not s.answers and not s.initial_failed:
                turn(s, t)
                s.initial_failed = 1
                w.fleet.dirty = 1
    else:
        s.fails = 0
        s.passes += 1
        if not s.answers:
            # One that failed its first checks is unhealthy, and has to pass as often as any other.
            if not s.initial_failed or s.passes >= c.healthy_threshold:
                _answer(w, s, t)
        elif not s.healthy and s.passes >= c.healthy_threshold:
            turn(s, t)
            s.healthy = 1
            w.fleet.dirty = 1
            note(w, t, E_HEALTHY, s.count, s.backlog)


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
