"""The queue of one instance for one step: a fluid, and the random part of the wait beside it.

What arrives beyond the capacity waits, first come, first served. Work for a client that has given
up is still done: that is how fleets collapse. The formulas of the wait are those of `queueing`.
"""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.queueing import NEGLIGIBLE_EXPONENT, exceeds, from_table
from surgeproof.simulation.compiled.records import SLOW_BOUNDS, Floats, Record

EPSILON = 1e-9

# What becomes of a request at one instance, as shares: places in `World.one` and `World.total`.
O_REFUSED = 0
O_RESPONSE = 1
O_WAITING = 2
O_WAIT_RATE = 3
O_TAIL = 4
"""First of the shares slower than a bound; `World.bounds` holds these bounds."""
T_TIMEOUT = 0
T_LATENCY = 1
T_SLOW = 2
TAILS = T_SLOW + SLOW_BOUNDS
OUTCOMES = O_TAIL + TAILS

BARRIER = 0.5826
"""By how many standard deviations of a step a walk that is seen in steps goes less far to a bound
than one that is always seen (Siegmund 1979; Broadie, Glasserman and Kou 1997)."""

WALK = 0.25 / BARRIER**2
"""See `idle_share`."""

FORGETS_SECONDS = 10.0
"""Longest time in which a queue forgets what it was, that nobody has to follow it (seconds): the
longest step, so that all steps follow the same queues."""


@compiled
def flow_through(
    capacity: float, rate: float, backlog: float, room: float, step: float, noise: float
) -> tuple[float, float, float]:
    """Return backlog after a step, its mean over the step, and the share that is refused.

    A fluid: the backlog grows by what arrives beyond the capacity, up to the queue's size. `noise`
    is by how many requests chance adds to that in this step, or takes from it.
    """
    grown = backlog + (rate - capacity) * step + noise
    if grown <= 0.0:
        if backlog <= 0.0:
            return 0.0, 0.0, 0.0
        lasts = backlog / (backlog - grown)
        return 0.0, 0.5 * backlog * lasts, 0.0
    if grown > room:
        refused = min((grown - room) / step / rate, 1.0) if rate > 0.0 else 0.0
        return room, 0.5 * (backlog + room), refused
    return grown, 0.5 * (backlog + grown), 0.0


@compiled
def in_turn(c: Record, targets: float, rho: float) -> float:
    """Return the squared coefficient of variation of the time between arrivals at one target.

    A load balancer node in each zone takes the targets in turn, so what comes from a node is 1 /
    targets as variable as a random stream. The nodes' streams together are more random the more
    room the target has (Whitt's weight for superposed streams).
    """
    weight = 1.0 / (1.0 + 4.0 * (1.0 - rho) ** 2 * (c.zones - 1.0))
    return float(weight / max(targets, 1.0) + 1.0 - weight)


@compiled
def idle_share(ratio: float, capacity: float, variation: float, seconds: float) -> float:
    """Return 1 - utilisation at which the random part of the wait is taken.

    Where nothing follows the queue (`seconds` infinite) it is that of the load, since the mean wait
    is variation / (2 capacity (1 - utilisation)). Where the queue is followed in steps of `seconds`
    (a random walk), the wait that the steps show is left out: a walk with variance v a second and
    drift -d has the mean v / (2 d), seen in steps about 0.5826 sqrt(v seconds) less where d is
    small (Siegmund 1979), and nothing of it where d is large. Above capacity the mirrored load
    counts, since a growing queue forgets its randomness.
    """
    spare = 1.0 - (1.0 / ratio if ratio > 1.0 else ratio)
    if seconds == math.inf:
        return spare
    return math.sqrt(spare * spare + WALK * variation / (capacity * seconds))


@compiled
def regular(arrivals: float, variation: float, utilisation: float) -> float:
    """Return how much less of a wait there is, as arrivals are more regular than at random.

    Kraemer and Langenbach-Belz's factor, beside Allen and Cunneen's; 1 for random arrivals.
    """
    if arrivals >= 1.0 or utilisation <= 0.0:
        return 1.0
    odd = (1.0 - utilisation) * (1.0 - arrivals) ** 2
    return math.exp(-2.0 * odd / (3.0 * utilisation * max(arrivals + variation, 1e-3)))


@inlined
def wait_spread(backlog: float, capacity: float, variation: float) -> float:
    """Return the standard deviation of a wait behind so many requests (seconds).

    As each of them takes its own time, nobody waits for exactly backlog / capacity.
    """
    return math.sqrt(variation * backlog) / capacity


@compiled
def is_followed(ratio: float, capacity: float, variation: float) -> bool:
    """Return whether an instance's queue has to be followed as it goes up and down by chance.

    It forgets within variation / (capacity (1 - utilisation)**2) seconds. Where that is longer than
    `FORGETS_SECONDS`, what the queue was a while ago decides about the health checks of now.
    """
    spare = 1.0 - ratio
    return spare <= 0.0 or variation > FORGETS_SECONDS * capacity * spare * spare


@inlined
def room_of(c: Record, capacity: float) -> float:
    """Return how many requests a queue holds at most: health checks wait in it, too.

    Of so long a queue they are one in `capacity` x interval, and take a place, though no time.
    """
    if not c.has_load_balancer:
        return float(c.queue_size)
    checks = 1.0 / (capacity * c.check_interval_seconds)
    return float(c.queue_size / (1.0 + checks))


@compiled
def pass_through(
    c: Record,
    erlang: Floats,
    bounds: Floats,
    tails: int,
    one: Floats,
    rate: float,
    capacity: float,
    service: float,
    backlog: float,
    step: float,
    targets: float,
    noise: float,
    seconds: float,
    longest: float,
) -> tuple[float, float]:
    """Let `rate` requests per second arrive at one instance for a step.

    Returns its backlog afterwards and its utilisation; `one` gets the share that is refused, the
    mean response time, the shares slower than each bound, and the random part of the wait. For
    `noise` and `seconds` see `flow_through` and `idle_share`; `longest` is the longest bound.

    With least outstanding requests the instances share one queue as good as: their spare capacity
    counts together, and a request waits only where all are busy (the share by Sakasegawa 1977).
    """
    variation = c.service_variation
    room = room_of(c, capacity)
    if noise != 0.0:
        # A full queue is left, and found full again, many times within a step: see `idle_share`.
        room -= min(BARRIER * math.sqrt(variation * capacity * step), 0.5 * room)
    after, mean_backlog, refused = flow_through(capacity, rate, backlog, room, step, noise)
    accepted = rate * (1.0 - refused)
    utilisation = (accepted * step + noise + backlog - after) / (capacity * step)
    fluid = mean_backlog / capacity
    one[O_REFUSED] = refused
    if min(mean_backlog, after) > capacity * longest:
        # Whatever comes waits for longer than anything asks about.
        for b in range(tails):
            one[O_TAIL + b] = 1.0 - refused
        one[O_RESPONSE] = fluid + service
        one[O_WAITING], one[O_WAIT_RATE] = 1.0, 1.0
        return after, min(max(utilisation, 0.0), 1.0)
    ratio = max(accepted, EPSILON) / capacity
    together, arrivals = 1.0, 1.0
    if c.least_outstanding:
        together = targets
    else:
        arrivals = in_turn(c, targets, min(ratio, 1.0))
    spare = idle_share(ratio, capacity * together, arrivals + variation, seconds)
    if c.least_outstanding:
        waiting = max(1.0 - spare, 0.0) ** (math.sqrt(2.0 * (c.servers * targets + 1.0)) - 1.0)
    else:
        waiting = from_table(erlang, 1.0 - spare)
        if waiting > EPSILON:
            waiting *= regular(arrivals, variation, 1.0 - spare)
    wait_rate = 2.0 * capacity * together * spare / max(arrivals + variation, 1e-3)
    one[O_RESPONSE] = fluid + waiting / wait_rate + service
    spread = wait_spread(mean_backlog, capacity, variation)
    away = 1.7320508075688772 * spread
    for b in range(tails):
        left = bounds[b] - fluid
        # By Gauss and Hermite's three points.
        slower = exceeds(left - away, waiting, wait_rate, service, variation)
        if spread > 0.0 and slower > 0.0 and left + away > 0.0:
            slower += 4.0 * exceeds(left, waiting, wait_rate, service, variation)
            slower += exceeds(left + away, waiting, wait_rate, service, variation)
            slower /= 6.0
        one[O_TAIL + b] = (1.0 - refused) * slower
    one[O_WAITING], one[O_WAIT_RATE] = waiting, wait_rate
    return after, min(max(utilisation, 0.0), 1.0)


@compiled
def check_fails(
    c: Record,
    waits: float,
    spread: float,
    waiting: float,
    wait_rate: float,
    refused: float,
    errors: float,
) -> float:
    """Return the share of health checks that fail where the queue waits for `waits` seconds.

    A check waits for a free worker, like a request, and then takes no time to speak of; `spread` is
    the standard deviation of the wait, `waiting` and `wait_rate` are its random part where it is
    short, `errors` is what a check of the database adds.
    """
    spared = c.check_timeout_seconds - waits
    slow = 1.0 if spared <= 0.0 else 0.0
    if spread > 0.0:
        slow = 0.5 * math.erfc(0.7071067811865476 * spared / spread)
    exponent = wait_rate * spared
    if 0.0 < exponent < NEGLIGIBLE_EXPONENT:
        slow = max(slow, waiting * math.exp(-exponent))
    return 1.0 - (1.0 - refused) * (1.0 - slow) * (1.0 - errors)
