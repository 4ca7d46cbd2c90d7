"""Injected failures and interventions: when each starts and ends, and what it does."""

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.instance_queue import T_TIMEOUT
from surgeproof.simulation.compiled.instances import boot_seconds, next_check
from surgeproof.simulation.compiled.records import (
    E_INJECTION_ENDS,
    E_INJECTION_STARTS,
    E_REFRESH_REFUSED,
    E_REFRESH_STARTS,
    EMPTY,
    IN_SERVICE,
    J_BOOT_SLOWER,
    J_DATABASE_SLOWER,
    J_INSTANCE_REFRESH,
    J_LOAD_SHED,
    J_METRICS_LATE,
    J_NO_CAPACITY,
    J_ROLLING_RESTART,
    J_UNEVEN_LOAD,
    J_ZONE_LOST,
    NEVER,
    R_UNFINISHED,
)
from surgeproof.simulation.compiled.retries import cut_off
from surgeproof.simulation.compiled.world import World, note


@compiled
def inject(w: World, t: float) -> None:
    """Start and end the injected failures and interventions whose time it is."""
    f = w.fleet
    changed = False
    for i in range(w.injections.size):
        j = w.injections[i]
        starts = j.active == 0 and j.start <= t < j.end
        ends = j.active == 1 and t >= j.end
        if j.kind == J_ROLLING_RESTART and (starts or j.active == 1):
            _restart(w, i, t)
        if starts or ends:
            j.active += 1
            changed = True
            note(w, t, E_INJECTION_STARTS if starts else E_INJECTION_ENDS, i, j.value)
        if starts and j.kind == J_ROLLING_RESTART:
            # What is launched from now on is new, and needs no restart.
            f.restarts |= 1 << i
        if starts and j.kind == J_ZONE_LOST:
            _lose_zone(w, t, int(j.value))
        elif starts and j.kind == J_INSTANCE_REFRESH:
            _start_refresh(w, t)
    if changed:
        _combine(w)
        f.dirty = 1


@compiled
def _combine(w: World) -> None:
    """Set what the injections of this moment amount to: of those of one kind the strongest holds.

    Lost zones add up, and each stays lost until its own injection ends.
    """
    f = w.fleet
    f.no_capacity = f.zones_lost = 0
    f.boot_factor = f.database_factor = 1.0
    f.metrics_late = f.shed = f.uneven = 0.0
    for i in range(w.injections.size):
        j = w.injections[i]
        if j.active != 1:
            continue
        if j.kind == J_ZONE_LOST:
            f.zones_lost |= 1 << int(j.value)
        elif j.kind == J_NO_CAPACITY:
            f.no_capacity = 1
        elif j.kind == J_BOOT_SLOWER:
            f.boot_factor = max(f.boot_factor, j.value)
        elif j.kind == J_DATABASE_SLOWER:
            f.database_factor = max(f.database_factor, j.value)
        elif j.kind == J_METRICS_LATE:
            f.metrics_late = max(f.metrics_late, j.value)
        elif j.kind == J_LOAD_SHED:
            f.shed = max(f.shed, j.value)
        elif j.kind == J_UNEVEN_LOAD and (
            f.uneven == 0.0 or abs(j.value - 0.5) > abs(f.uneven - 0.5)
        ):
            f.uneven = j.value


@compiled
def _lose_zone(w: World, t: float, zone: int) -> None:
    """Lose what runs in a zone; the group notices it later."""
    for k in range(w.fleet.top):
        s = w.instances[k]
        if s.zone != zone or s.state == EMPTY or s.dead:
            continue
        if s.state == IN_SERVICE:
            cut_off(w, s, 0.0, w.bounds[T_TIMEOUT])
            s.dead = 1
            s.ends_at = t + w.scenario.loss_notice_seconds
        else:
            s.state = EMPTY


@compiled
def _start_refresh(w: World, t: float) -> None:
    """Start an instance refresh; a second one is refused while one is under way.

    Amazon EC2 Auto Scaling API, StartInstanceRefresh: InstanceRefreshInProgress, "an active
    instance refresh already exists for the specified Auto Scaling group".
    """
    f = w.fleet
    if f.refreshing:
        note(w, t, E_REFRESH_REFUSED, 0, float(f.desired))
        return
    f.version += 1
    f.refreshing = 1
    f.renewed = 0
    f.refresh_blocked_at = NEVER
    w.summary.refresh = R_UNFINISHED
    note(w, t, E_REFRESH_STARTS, 0, float(f.desired))


@compiled
def _restart(w: World, i: int, t: float) -> None:
    """Restart the next instances of a rolling restart: each is empty and answers after its boot.

    The n-th of N begins n / N of the way, whatever the step. Each injection restarts every instance
    once, whatever others do meanwhile.
    """
    f = w.fleet
    j = w.injections[i]
    done = 0
    total = 0
    for k in range(f.top):
        s = w.instances[k]
        if s.state == IN_SERVICE:
            total += 1
            done += s.restarts >> i & 1
    span = max(j.end - j.start, 1.0)
    for k in range(f.top):
        s = w.instances[k]
        moment = j.start + span * done / max(total, 1)
        if moment > t:
            break
        if s.state != IN_SERVICE or s.restarts >> i & 1:
            continue
        s.restarts |= 1 << i
        s.backlog = 0.0
        s.answers = s.initial_failed = s.fails = s.passes = 0
        s.healthy = 1
        s.ready_at = moment + boot_seconds(w)
        s.registered_at = moment
        s.cold_until = NEVER
        s.next_check = next_check(w, s, moment)
        s.grace_until = max(s.grace_until, s.ready_at + 2.0 * w.scenario.check_interval_seconds)
        done += 1
        f.dirty = 1
