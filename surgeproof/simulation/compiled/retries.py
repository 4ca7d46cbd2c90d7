"""What clients do when an attempt fails: time-out, back-off, the next attempt, and giving up."""

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.instance_queue import EPSILON, T_TIMEOUT
from surgeproof.simulation.compiled.queueing import exceeds, longer_than
from surgeproof.simulation.compiled.records import Record
from surgeproof.simulation.compiled.world import World

RETRY_LEVELS = 5
"""The first attempt and up to four more."""


@compiled
def again_at_once(w: World, place: int, first: float, refused: float, step: float) -> float:
    """Return the rate of the attempts that are refused and come again within this step.

    `refused` is the share that is refused, as far as it can be told before the step.
    """
    c = w.scenario
    total = 0.0
    if refused <= EPSILON:
        return total
    backoff = c.backoff_seconds
    rate = first
    for level in range(min(c.retries, RETRY_LEVELS - 1)):
        at_once = rate * refused * _come_again(1.0, 0.0, 2.0 * backoff / step + EPSILON)
        w.at_once[level + 1] = at_once
        w.retries[place, level + 1] += at_once
        w.fleet.retry_pending += at_once * step
        total += at_once
        rate = w.retries[place, level + 1]
        backoff *= 2.0
    return total


@inlined
def _come_again(steps: float, soonest: float, latest: float) -> float:
    """Return the share of a step's attempts that come again before so many steps after its start.

    Each is made at any time within the step, and waits for any time from `soonest` to `latest`.
    """
    return (_ramp(steps - soonest) - _ramp(steps - latest)) / (latest - soonest)


@inlined
def _ramp(x: float) -> float:
    """Return the integral up to x of what rises from 0 to 1 between 0 and 1."""
    if x <= 0.0:
        return 0.0
    return 0.5 * x * x if x < 1.0 else x - 0.5


@compiled
def cut_off(w: World, s: Record, lasts: float, heard: float) -> None:
    """Cut off the requests that an instance holds for more than `lasts` seconds from now.

    Clients hear of it `heard` seconds from now and try again, if they try at all. Those whose
    client would have given up, or whose answer would have come too late, were counted before.
    """
    c = w.scenario
    f = w.fleet
    timeout = w.bounds[T_TIMEOUT]
    cut = _still_held(c, f, s, lasts) - _still_held(c, f, s, max(timeout, lasts))
    if cut <= EPSILON:
        return
    good = _still_held(c, f, s, lasts) - _still_held(
        c, f, s, max(min(timeout, c.latency_seconds), lasts)
    )
    if c.retries > 0:
        f.cut_again += cut
        f.cut_delay = heard + c.backoff_seconds
        age = 0.5 * f.service * (1.0 + c.service_variation)
        left = c.latency_seconds - heard - age - c.backoff_seconds
        good *= exceeds(left, 0.0, 1.0, f.service, c.service_variation)
    f.cut += good


@compiled
def _still_held(c: Record, f: Record, s: Record, seconds: float) -> float:
    """Return how many of the requests that an instance holds it will hold in `seconds`."""
    capacity = s.speed * (c.cold_requests_per_second if s.cold else c.requests_per_second)
    rate = min(f.each, capacity)
    if s.backlog > 0.0:
        rate = capacity
    elif not s.healthy or not s.answers:
        rate = 0.0
    waits = s.backlog / capacity
    served = longer_than(seconds - waits, f.service / s.speed, c.service_variation)
    return float(s.count * (max(s.backlog - capacity * seconds, 0.0) + rate * served))


@compiled
def retry(
    w: World,
    i: int,
    place: int,
    first: float,
    fast: float,
    slow_out: float,
    timeout: float,
    step: float,
) -> None:
    """Put the attempts that fail now where they come again, after time-out and back-off.

    The back-off is drawn evenly from none to twice its mean, as clients do (full jitter).
    """
    c = w.scenario
    f = w.fleet
    ring = w.retries.shape[0]
    backoff = c.backoff_seconds
    rate = first
    for level in range(RETRY_LEVELS):
        if level > 0:
            rate = w.retries[place, level]
            w.retries[place, level] = 0.0
            f.retry_pending -= rate * step
            backoff *= 2.0
        if rate <= EPSILON or level >= c.retries:
            continue
        for slow in range(2):
            failing = rate * (slow_out if slow else fast)
            if failing <= EPSILON:
                continue
            soonest = timeout / step if slow else 0.0
            latest = min(soonest + 2.0 * backoff / step, ring - 3.0)
            soonest = min(soonest, latest - EPSILON)
            placed = 0.0
            if not slow:
                placed = w.at_once[level + 1] / failing
                w.at_once[level + 1] = 0.0
            f.retry_pending += failing * max(1.0 - placed, 0.0) * step
            for later in range(max(int(soonest), 1), int(latest) + 2):
                until = max(_come_again(later + 1.0, soonest, latest), placed)
                w.retries[(i + later) % ring, level + 1] += failing * (until - placed)
                placed = until
    f.retry_pending = max(f.retry_pending, 0.0)


@compiled
def bad_share(c: Record, fast: float, slow_out: float, late: float, timeout: float) -> float:
    """Return the share of requests that are bad after all their attempts.

    A request is good if an attempt is answered and the bound is kept from the first attempt on. A
    time-out longer than the bound is itself bad; what fails at once may still be mended.
    """
    if late + fast <= 0.0:
        return 0.0
    mendable = fast
    slow = late
    lasts = c.backoff_seconds
    if timeout < c.latency_seconds:
        mendable = fast + slow_out
        slow = max(0.0, late - slow_out)
        lasts += timeout
    again = 0
    spent = lasts
    while again < c.retries and spent < c.latency_seconds:
        again += 1
        spent += lasts * 2.0**again
    bad = mendable
    for _ in range(again):
        bad = mendable * (slow + bad)
    return min(1.0, slow + bad)
