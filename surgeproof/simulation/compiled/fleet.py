"""A group as it moves from event to event: sizes, schedules, cooldowns, and what is due next.

Each event has its own moment (`advance`), whatever the length of a step: a timer runs from the
moment that set it, and nothing sets it anew while it runs.

Sources: ASG = the Amazon EC2 Auto Scaling user guide, BC = the API reference in botocore's service
model.
"""

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.health_checks import check_health
from surgeproof.simulation.compiled.instances import is_failing, move
from surgeproof.simulation.compiled.launches import keep_pool, pool_missing, start, terminate
from surgeproof.simulation.compiled.records import (
    DRAINING,
    E_AT_MAX_SIZE,
    E_SCHEDULED,
    EMPTY,
    IN_SERVICE,
    NEVER,
    PENDING,
    POOL_PENDING,
)
from surgeproof.simulation.compiled.replacement import (
    REFRESH_PATIENCE_SECONDS,
    maintain,
    replace_unhealthy,
)
from surgeproof.simulation.compiled.world import World, note

MOST_AT_ONCE = 10_000
"""Most that may happen at one moment, after which a run counts as stuck."""


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
