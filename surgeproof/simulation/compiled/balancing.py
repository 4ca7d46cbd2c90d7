"""Who gets a step's requests: round robin, slow start, and least outstanding requests.

Source: ALB = the Application Load Balancer guide.
"""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.instance_queue import EPSILON, room_of
from surgeproof.simulation.compiled.records import IN_SERVICE, NEVER, Record
from surgeproof.simulation.compiled.world import World

LEVEL_STEPS = 30
"""Halvings by which the level of outstanding requests is found."""

REFUSES = 1e3
"""How much faster an instance with a full queue seems to take requests than one with room."""

LEAST_SLOW_START = 0.05
"""Share of a new target at the start of its slow start; AWS states only that it is low."""


@compiled
def shares_in_turn(w: World, t: float, step: float) -> float:
    """Give each instance its share of a step's requests with round robin; return their sum.

    ALB: equal shares among the healthy; among all where none is healthy; a target in slow start
    gets a share that rises linearly, unless all are in slow start. Who turns healthy, or unhealthy,
    within the step gets its share from then on, or until then. The sum is below 1 where for a part
    of the step no target answers.
    """
    f = w.fleet
    for k in range(f.top):
        w.instances[k].share = 0.0
    covered = 0.0
    since = t
    while since < t + step:
        until = t + step
        healthy = weight = plain = among = 0.0
        for k in range(f.top):
            s = w.instances[k]
            if s.state == IN_SERVICE:
                if since < s.turned_at < until:
                    until = s.turned_at
                if state_at(s, since) == 2:
                    healthy += s.count
        wanted = 2 if healthy > 0.0 else 1
        for k in range(f.top):
            s = w.instances[k]
            if s.state == IN_SERVICE and state_at(s, since) >= wanted:
                risen = _risen(w.scenario, s, t)
                weight += s.count * risen
                among += s.count
                plain += s.count if risen >= 1.0 else 0.0
        if weight > 0.0:
            part = (until - since) / step
            covered += part
            for k in range(f.top):
                s = w.instances[k]
                if s.state == IN_SERVICE and state_at(s, since) >= wanted:
                    if plain > 0.0:
                        s.share += part * s.count * _risen(w.scenario, s, t) / weight
                    else:
                        s.share += part * s.count / among
        since = until
    return covered


@inlined
def _risen(c: Record, s: Record, t: float) -> float:
    """Return how much of its share a target in slow start gets."""
    if c.slow_start_seconds <= 0.0:
        return 1.0
    return float(min(max((t - s.registered_at) / c.slow_start_seconds, LEAST_SLOW_START), 1.0))


@inlined
def state_at(s: Record, t: float) -> int:
    """Return 2 where the load balancer had an instance as healthy at `t`, 1 as unhealthy, else 0.

    One that failed its first checks is unhealthy; before that it is neither.
    """
    if s.turned_at > t:
        return int(s.was)
    return int(s.answers * (1 + s.healthy) + (1 - s.answers) * s.initial_failed)


@inlined
def turn(s: Record, t: float) -> None:
    """Remember what an instance was until `t`, when it becomes something else."""
    s.was = state_at(s, NEVER)
    s.turned_at = t


@compiled
def unevenly(w: World, total: float) -> float:
    """Give the older half of the instances the injected share of the requests; return the sum."""
    f = w.fleet
    half = 0.0
    older = 0
    for k in range(f.top):
        s = w.instances[k]
        if s.share > 0.0 and half + s.share <= 0.5 * total + EPSILON:
            half += s.share
            older = k + 1
    if not 0.0 < half < total:
        return total
    for k in range(f.top):
        s = w.instances[k]
        if k < older:
            s.share *= f.uneven / half
        else:
            s.share *= (1.0 - f.uneven) / (total - half)
    return 1.0


@inlined
def _is_chosen(f: Record, s: Record) -> bool:
    """Return whether the load balancer sends requests to an instance."""
    return bool(s.state == IN_SERVICE and state_at(s, NEVER) >= (1 if f.fail_open else 2))


@compiled
def held_after(
    held: float,
    accepted: float,
    backlog: float,
    capacity: float,
    service: float,
    timeout: float,
    step: float,
) -> float:
    """Return how many requests of waiting clients an instance holds after a step.

    A client that has given up is not outstanding any more, though its request is still worked on.
    """
    busy = capacity * service
    if backlog > capacity * timeout:
        return min(held + step * (accepted - held / timeout), backlog + busy)
    if backlog > 0.0:
        return backlog + busy
    stays = math.exp(-step / service)
    return min(held * stays + accepted * service * (1.0 - stays), busy)


@compiled
def least_outstanding_shares(
    w: World,
    t: float,
    attempts: float,
    step: float,
    timeout: float,
    warm_capacity: float,
    cold_capacity: float,
    service: float,
    cold_service: float,
) -> float:
    """Give each instance what it gets with least outstanding requests; return the sum.

    ALB: each request goes to the target that holds the fewest. So what comes in a step fills up
    those that hold little, until all that get any hold the same number: the level, found by
    bisection. One that refuses what does not fit never holds more and gets all the rest.
    """
    f = w.fleet
    low = 0.0
    high = attempts * step
    for k in range(f.top):
        s = w.instances[k]
        s.share = 0.0
        if _is_chosen(f, s):
            high = max(high, attempts * step + s.held + s.backlog)
    total = 0.0
    for _ in range(LEVEL_STEPS):
        level = 0.5 * (low + high)
        total = 0.0
        for k in range(f.top):
            s = w.instances[k]
            if not _is_chosen(f, s):
                continue
            capacity = s.speed * (cold_capacity if s.cold else warm_capacity)
            own = (cold_service if s.cold else service) / s.speed
            part = 1.0
            if t < s.turned_at < t + step:
                part = (t + step - s.turned_at) / step
            s.share = (
                part * s.count * _taken(w.scenario, s, level, capacity, own, timeout, part * step)
            )
            total += s.share
        if total > attempts:
            high = level
        else:
            low = level
    return total


@inlined
def _taken(
    c: Record,
    s: Record,
    level: float,
    capacity: float,
    service: float,
    timeout: float,
    step: float,
) -> float:
    """Return the rate at which an instance gets requests until it holds `level` of them."""
    if s.backlog >= room_of(c, capacity) - 1.0:
        return float(max((level - s.held) / step, 0.0) * REFUSES)
    if s.dead or s.backlog > capacity * timeout:
        return float(max((level - s.held) / step + s.held / timeout, 0.0))
    busy = capacity * service
    if s.backlog > 0.0:
        return float(max(capacity + (level - s.backlog - busy) / step, 0.0))
    stays = math.exp(-step / service)
    rate = (min(level, busy) - s.held * stays) / (service * (1.0 - stays))
    return float(max(rate, 0.0) + max(level - busy, 0.0) / step)
