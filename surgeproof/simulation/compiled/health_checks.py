"""The load balancer's health checks: when each comes, how long it waits, and what it changes.

Source: ALB = the Application Load Balancer guide.
"""

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.balancing import turn
from surgeproof.simulation.compiled.draws import CHECK_STREAM, chance
from surgeproof.simulation.compiled.instance_queue import check_fails, room_of, wait_spread
from surgeproof.simulation.compiled.instances import answer
from surgeproof.simulation.compiled.records import E_HEALTHY, E_UNHEALTHY, IN_SERVICE, Record
from surgeproof.simulation.compiled.world import World, note


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
                answer(w, s, t)
        elif not s.healthy and s.passes >= c.healthy_threshold:
            turn(s, t)
            s.healthy = 1
            w.fleet.dirty = 1
            note(w, t, E_HEALTHY, s.count, s.backlog)
