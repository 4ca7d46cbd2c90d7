"""Users with their sessions: how many there are, and of how many a request was bad.

Open users: the trace says when requests come, whoever sends them. A user's next request is due one
gap (session / requests) after the last, spread from half to one and a half gaps. A request belongs
to somebody whose next one is due, and to a new user where nobody's is: so a jump of requests is a
jump of users, who then stay for their session. Who waits for more than a gap leaves.

Closed users: the trace says how many are there. Whose turn it is, is chance; after the requests of
a session a new user takes the place.

Who is in session at the start is a user like any other. Users with equally many requests behind
them are one flow, and of each flow that part is kept which has had no bad request yet.
"""

import math

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.records import Floats, Record

MOST_VISITS = 20
"""Most flows that are kept apart; beyond, several requests of a session come together."""

LEAST_GAP_SECONDS = 20.0
"""Shortest time between them (seconds): twice the longest step that whole days are run at."""

EVERYBODY, SPARED = 0, 1
"""Places in the flows: all, and those who had no bad request."""


def ring_steps(session_seconds: float, step_seconds: float) -> int:
    """Return how many steps of flows have to be kept: one and a half of the longest gap."""
    return int(0.75 * session_seconds / step_seconds) + 8


@compiled
def count_users(
    c: Record,
    bad: Floats,
    arrivals: Floats,
    demand: Floats,
    start: int,
    first: int,
    last: int,
    flows: Floats,
    waiting: Floats,
) -> tuple[float, float]:
    """Return the users of the steps `first` to `last`, and those of whom a request was bad then.

    Steps count from the trace's beginning, which is at `start` in `bad` and `arrivals`. `flows`
    (everybody or spared, ring, visits) and `waiting` (the same without the ring) are overwritten.
    """
    step = float(c.step_seconds)
    most = float(MOST_VISITS)
    if not c.closed:
        most = min(most, math.floor(c.session_seconds / LEAST_GAP_SECONDS))
    visits = int(max(1.0, min(round(c.requests_per_session), most)))
    requests = c.requests_per_session / visits
    gap = c.session_seconds / visits / step
    ring = flows.shape[1]
    later = visits - 1
    for k in range(visits):
        waiting[EVERYBODY, k] = demand[0] / visits if c.closed else 0.0
    here = demand[0]
    each = 0.0
    if not c.closed:
        each = arrivals[start] * step / requests / visits
        here = each * gap * later
        for j in range(ring):
            for k in range(later):
                flows[0, j, k] = each * (j + 1 - ring)
    soonest = max(0.5 * gap - 0.5, 0.0)
    latest = soonest + gap
    near, far = int(soonest), int(latest)
    near_part, far_part = soonest - near, latest - far
    # The ring's last place is the beginning; spared and everybody are the same until one is hurt.
    users = affected = 0.0
    apart = False
    for i in range(last):
        now = (i + ring - 1) % ring
        after = (now + 1) % ring
        if i == first:
            users = here
        share = bad[start + i] if i >= first else 0.0
        if share > 0.0 and not apart:
            apart = True
            for k in range(visits):
                waiting[SPARED, k] = waiting[EVERYBODY, k]
                for j in range(ring):
                    flows[SPARED, j, k] = flows[EVERYBODY, j, k]
        hurt = 0.0
        if share > 0.0:
            hurt = 1.0 - (max(1.0 - share, 0.0)) ** requests
        asks = arrivals[start + i] * step / requests
        groups = 2 if apart else 1
        if c.closed:
            queue = 0.0
            for k in range(visits):
                queue += waiting[EVERYBODY, k]
            served = min(1.0, asks / queue) if queue > 0.0 else 0.0
            ended = served * waiting[EVERYBODY, later]
            if apart:
                for k in range(visits):
                    affected += served * waiting[SPARED, k] * hurt
            there = queue - ended
            target = demand[min(i + 1, demand.shape[0] - 1)]
            born = max(target - there, 0.0)
            stay = min(target / there, 1.0) if there > 0.0 else 1.0
            for g in range(groups):
                pass_on = served * (1.0 - hurt) if g == SPARED else served
                for k in range(later, 0, -1):
                    waiting[g, k] = stay * (
                        waiting[g, k] * (1.0 - served) + waiting[g, k - 1] * pass_on
                    )
                waiting[g, 0] = stay * waiting[g, 0] * (1.0 - served) + born
            here = there * stay + born
            if i >= first and i + 1 < last:
                users += born
            continue
        a, b = (now - near) % ring, (now - near - 1) % ring
        d, e = (now - far) % ring, (now - far - 1) % ring
        queue = 0.0
        for g in range(groups):
            for k in range(later):
                waiting[g, k] += (
                    flows[g, a, k]
                    - near_part * (flows[g, a, k] - flows[g, b, k])
                    - flows[g, d, k]
                    + far_part * (flows[g, d, k] - flows[g, e, k])
                ) / gap
        for k in range(later):
            queue += waiting[EVERYBODY, k]
        served = min(1.0, asks / queue) if queue > 0.0 else 0.0
        born = max(asks - served * queue, 0.0)
        left = (1.0 - served) * queue
        stay = min(asks * gap / left, 1.0) if left > 0.0 else 1.0
        ended = born if later == 0 else served * waiting[EVERYBODY, later - 1]
        here += born - ended - (1.0 - stay) * left
        if i >= first:
            users += born
        for g in range(groups):
            passes = born
            for k in range(later):
                asking = served * waiting[g, k]
                if g == SPARED:
                    affected += passes * hurt
                    passes *= 1.0 - hurt
                flows[g, after, k] = flows[g, now, k] + passes
                waiting[g, k] = stay * (1.0 - served) * waiting[g, k]
                passes = asking
            if g == SPARED:
                affected += passes * hurt
    # Near an empty service the count of who is there is a small difference of large sums.
    return users, min(affected, users)
