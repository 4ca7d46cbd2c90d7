"""The instances of a group, each in its slot: from its launch until it leaves.

Sources: ASG = the Amazon EC2 Auto Scaling user guide, BC = the API reference in botocore's service
model, ALB = the Application Load Balancer guide.
"""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.balancing import turn
from surgeproof.simulation.compiled.draws import (
    BOOT_STREAM,
    PHASE_STREAM,
    SPEED_STREAM,
    chance,
    normal,
)
from surgeproof.simulation.compiled.records import (
    DRAINING,
    E_ANSWERS,
    E_IN_SERVICE,
    E_REPLACED,
    E_TERMINATED,
    E_WARM,
    EMPTY,
    IN_SERVICE,
    NEVER,
    PENDING,
    POOL_PENDING,
    POOL_READY,
    Record,
)
from surgeproof.simulation.compiled.retries import cut_off
from surgeproof.simulation.compiled.world import World, note


@inlined
def is_failing(s: Record) -> bool:
    """Return whether the load balancer reports an instance in service as unhealthy."""
    return bool((s.answers and not s.healthy) or s.initial_failed)


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
                answer(w, s, t)
                changed = True
    if lost:
        f.owed += lost
        f.in_service -= lost
        note(w, t, E_REPLACED, lost, float(lost))
    if changed:
        f.dirty = 1


@compiled
def answer(w: World, s: Record, t: float) -> None:
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
