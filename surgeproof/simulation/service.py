"""The service under load: what arrives in a step, what is answered, and what users make of it.

Each instance is the queue of `queueing`; what arrives beyond its capacity waits as a fluid, first
come, first served. Work for a client that has given up is still done: that is how fleets collapse.
"""

import math

from surgeproof.simulation._compile import compiled, inlined
from surgeproof.simulation.draws import ARRIVAL_STREAM, POOLED_STREAM, WORK_STREAM, walk
from surgeproof.simulation.queueing import (
    NEGLIGIBLE_EXPONENT,
    exceeds,
    from_table,
    longer_than,
)
from surgeproof.simulation.records import (
    ANSWERED,
    CONNECTION_SECONDS,
    CPU_SECONDS,
    DATABASE_BUSY_SECONDS,
    DESIRED_SECONDS,
    E_CONNECTIONS_EXHAUSTED,
    E_FAIL_OPEN_ENDS,
    E_FAIL_OPEN_STARTS,
    E_OVERLOAD_ENDS,
    E_OVERLOAD_STARTS,
    ELB_5XX,
    HEALTHY_SECONDS,
    IN_FLIGHT_SECONDS,
    IN_SERVICE,
    IN_SERVICE_SECONDS,
    LEAST_HEALTHY,
    LONGEST_RESPONSE,
    MAX_SIZE_SECONDS,
    MOST_CPU,
    MOST_UNHEALTHY,
    NEVER,
    PENDING_SECONDS,
    REJECTED,
    REQUEST_TARGET_SECONDS,
    REQUESTS,
    RESPONSE_SECONDS,
    S_ANSWERING,
    S_ATTEMPTS,
    S_BACKLOG,
    S_BAD,
    S_BILLED,
    S_CAPACITY,
    S_DEMAND,
    S_DESIRED,
    S_IN_SERVICE,
    S_RESPONSE,
    S_UTILISATION,
    SECONDS,
    SLOW,
    SLOW_BOUNDS,
    TARGET_5XX,
    TARGET_SECONDS,
    UNHEALTHY_SECONDS,
    USER_SECONDS,
    WARM_SECONDS,
    Floats,
    Record,
)
from surgeproof.simulation.world import World, note

RETRY_LEVELS = 5
"""The first attempt and up to four more."""

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

UNDRAWN_SECONDS = 60.0
"""How long a queue near its capacity is taken to have been there, where chance is not drawn
(seconds): it bounds the random part of the wait, which nothing follows then."""

CHECK_CHANCE = 1e-4
"""Share of failing health checks from which each instance is looked at by itself."""

AS_GOOD_AS_EMPTY = 0.05
"""Wait, as a share of the objective's response time, up to which queues count as empty: more than
that of one instance whose capacity is short begins an overload, a mean below it ends that."""

MOST_STRETCH = 20.0
"""Most that a busy database may stretch its own part of a request (times)."""

LEVEL_STEPS = 30
"""Halvings by which the level of outstanding requests is found."""

REFUSES = 1e3
"""How much faster an instance with a full queue seems to take requests than one with room."""

LEAST_SLOW_START = 0.05
"""Share of a new target at the start of its slow start; AWS states only that it is low."""


@inlined
def database_capacity(c: Record, instances: float) -> float:
    """Return what the database carries (requests/s), by the universal scalability law.

    X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)), with instances as N.
    """
    if not c.has_database or c.database_queries_per_second <= 0.0:
        return math.inf
    n = max(instances, 1.0)
    bends = 1.0 + c.contention * (n - 1.0) + c.coherency * n * (n - 1.0)
    return float(c.database_queries_per_second * n / bends)


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


@inlined
def processor_percent(c: Record, throughput: float, slowdown: float) -> float:
    """Return the CPU utilisation of an instance that works off `throughput` (requests/s).

    The utilisation law (Denning and Buzen, 1978): throughput x processor seconds of a request /
    processors. A request that waits for the database holds the instance, but none of its
    processors, so CPU follows the work that is done, and falls where a slow database slows that.
    `slowdown` is by how much longer a cold instance works on a request.
    """
    work = throughput * c.processor_seconds * slowdown / c.vcpus_per_instance
    return float(min(100.0 * work, 100.0))


@inlined
def serve(w: World, i: int, t: float) -> None:
    """Let the step that begins at `t` pass for users, instances and sums."""
    c = w.scenario
    f = w.fleet
    step = float(c.step_seconds)
    ring = w.retries.shape[0]
    place = i % ring
    # 1. What the instances and the database carry.
    answering = f.answering
    db_capacity = database_capacity(c, f.in_service) / f.database_factor
    slower = 0.0
    db_load = 0.0
    errors = 0.0
    if c.has_database:
        slower = c.database_seconds * (f.database_factor - 1.0)
        if db_capacity < math.inf:
            db_load = min(f.throughput / db_capacity, 1.0)
            busy = db_load**c.database_parallelism
            slower += (
                c.database_seconds
                * f.database_factor
                * (min(1.0 / max(1.0 - busy, 1e-3), MOST_STRETCH) - 1.0)
            )
        errors = _connection_errors(w, t)
    service = c.service_seconds + slower
    warm_capacity = min(c.requests_per_second, c.concurrency / (c.service_seconds + slower))
    cold_ratio = c.cold_requests_per_second / c.requests_per_second
    cold_service = c.service_seconds / cold_ratio + slower
    cold_capacity = min(c.cold_requests_per_second, c.cold_concurrency / cold_service)
    if answering > 0 and db_capacity < math.inf:
        each = db_capacity / answering
        warm_capacity = min(warm_capacity, each)
        cold_capacity = min(cold_capacity, each)
    # 2. What arrives: the trace, and the attempts that come again.
    offered = w.demand[max(i - c.pre_roll_steps, 0)]
    users_now = 0.0
    if c.closed:
        users_now = offered
        offered = _closed_arrivals(w, users_now, service, warm_capacity * answering, step)
    else:
        users_now = offered * c.session_seconds / c.requests_per_session
    again = 0.0
    if f.retry_pending > EPSILON:
        for level in range(1, RETRY_LEVELS):
            again += w.retries[place, level]
    first = offered * (1.0 - f.shed)
    attempts = first + again
    # 3. What becomes of it.
    timeout = w.bounds[T_TIMEOUT]
    registered = answering + f.failed_first
    fails_open = int(f.healthy == 0 and registered > 0)
    if fails_open != f.fail_open:
        f.fail_open = fails_open
        note(w, t, E_FAIL_OPEN_STARTS if fails_open else E_FAIL_OPEN_ENDS, 0, float(f.unhealthy))
    total = w.total
    tails = T_SLOW + w.slow_bounds
    total[:] = 0.0
    capacity_now = backlog = used = warm_processors = cpu_most = 0.0
    targets = float(f.healthy if f.healthy > 0 else registered)
    unreached = come = 0.0
    crowded = waiting_long = False
    f.followed = 0
    if registered > 0:
        f.each = attempts / targets
        f.service = service
        slowest = warm_capacity * f.slowest
        ratio = f.each / slowest
        if c.least_outstanding:
            f.followed = int(is_followed(ratio, slowest * targets, 1.0 + c.service_variation))
        else:
            arrivals = in_turn(c, targets, min(ratio, 1.0))
            f.followed = int(is_followed(ratio, slowest, arrivals + c.service_variation))
        if f.settled and f.followed:
            _look_closer(w, f.each, warm_capacity, service)
    f.database_errors = errors if c.check_uses_database else 0.0
    f.served_to = t + step
    if registered == 0:
        total[O_REFUSED] = 1.0
        attempts += _again_at_once(w, place, first, 1.0, step)
    elif f.settled:
        capacity_now = warm_capacity * answering
        _, used = pass_through(
            c,
            w.erlang,
            w.bounds,
            tails,
            w.one,
            attempts / answering,
            warm_capacity,
            service,
            0.0,
            step,
            targets,
            0.0,
            math.inf,
            f.longest_bound,
        )
        for o in range(OUTCOMES):
            total[o] = w.one[o]
        cpu_most = processor_percent(c, used * warm_capacity, 1.0)
        warm_processors = cpu_most * answering
        waiting = w.one[O_WAITING]
        if waiting > CHECK_CHANCE and (
            check_fails(c, 0.0, 0.0, waiting, w.one[O_WAIT_RATE], 0.0, 0.0) > CHECK_CHANCE
        ):
            _look_closer(w, attempts / answering, warm_capacity, service)
    else:
        second = i * int(c.step_seconds)
        seconds = int(c.step_seconds)
        if c.chance and not c.closed and (f.followed or f.backlog > 0.0):
            # The trace states how many come on average; that chance is common to all instances.
            come = walk(c.seed, ARRIVAL_STREAM, second, seconds) * math.sqrt(first) / step
            come = max(come, -first)
            first += come
            attempts += come
        pooled = 0.0
        if c.least_outstanding:
            if c.chance and (f.followed or f.backlog > 0.0):
                # What one works off more than another, the next requests make good at once.
                working = min(attempts + f.backlog / step, warm_capacity * answering)
                pooled = walk(c.seed, POOLED_STREAM, second, seconds) / step
                pooled = max(pooled * math.sqrt(working * c.service_variation), -attempts)
            shares = _least_outstanding(
                w,
                t,
                attempts + pooled,
                step,
                timeout,
                warm_capacity,
                cold_capacity,
                service,
                cold_service,
            )
        else:
            shares = _shares(w, t, step)
        if f.uneven > 0.0 and shares > 0.0:
            shares = _unevenly(w, shares)
        elif not c.least_outstanding and shares > 0.0:
            # What comes while no target answers is refused.
            total[O_REFUSED] = 1.0 - shares
            shares = 1.0
        expected = total[O_REFUSED]
        for k in range(f.top):
            s = w.instances[k]
            if s.share > 0.0 and not s.answers and t < s.ready_at:
                unreached += s.share / shares
            elif s.share > 0.0 and not s.dead:
                capacity = s.speed * (cold_capacity if s.cold else warm_capacity)
                share = s.share / shares
                rate = attempts * share / s.count
                grown = s.backlog + (rate - capacity) * step
                room = room_of(c, capacity)
                if grown > room:
                    expected += share * min((grown - room) / (rate * step), 1.0)
        expected += unreached
        total[O_REFUSED] += unreached
        attempts += _again_at_once(w, place, first, errors + (1.0 - errors) * expected, step)
        last_rate = last_standard = -1.0
        after = utilisation = processors = 0.0
        for k in range(f.top):
            s = w.instances[k]
            if s.state != IN_SERVICE or not (s.answers or s.share > 0.0 or s.backlog > 0.0):
                continue
            if not s.answers and t < s.ready_at:
                continue
            if not s.answers and c.cold_seconds > 0.0 and s.cold_until == NEVER:
                s.cold = 1
                s.cold_until = t + c.cold_seconds
            share = s.share / shares if shares > 0.0 else 0.0
            rate = attempts * share / s.count
            if s.dead:
                # Nothing answers: the request hangs until somebody gives up.
                for o in range(O_TAIL, O_TAIL + TAILS):
                    total[o] += share
                total[O_RESPONSE] += share * timeout
                s.backlog = 0.0
                s.held += step * (rate - s.held / timeout)
                continue
            standard = cold_capacity if s.cold else warm_capacity
            capacity = s.speed * standard
            own = cold_service if s.cold else service
            ratio = rate / capacity
            expected_rate = rate - come * share / s.count
            # What comes to all instances is common to them; the rest is each one's own.
            arrivals = own_arrivals = 1.0
            if c.least_outstanding:
                own_arrivals = 0.0
            else:
                arrivals = in_turn(c, targets, min(ratio, 1.0))
                own_arrivals = max(arrivals - 1.0 / targets, 0.0)
            before = s.backlog
            followed = f.followed == 1
            if not c.least_outstanding:
                followed = is_followed(ratio, capacity, arrivals + c.service_variation)
            noise = 0.0
            window = math.inf
            if before > 0.0 or followed:
                own /= s.speed
                window = UNDRAWN_SECONDS
                if c.chance:
                    window = step
                if c.chance and c.least_outstanding and share > 0.0:
                    noise = pooled * step * share / s.count
                elif c.chance:
                    busy = capacity if before > 0.0 else min(rate, capacity)
                    own_part = busy * c.service_variation + rate * own_arrivals
                    own_walk = walk(c.seed, WORK_STREAM + s.number, second, seconds)
                    noise = math.sqrt(own_part) * own_walk
                last_rate = -1.0
            else:
                # As in a settled fleet its speed does not show: all with this rate are alike.
                capacity = standard
            if rate != last_rate or standard != last_standard:
                after, utilisation = pass_through(
                    c,
                    w.erlang,
                    w.bounds,
                    tails,
                    w.one,
                    rate,
                    capacity,
                    own,
                    before,
                    step,
                    targets,
                    noise,
                    window,
                    f.longest_bound,
                )
                slowdown = 1.0 / cold_ratio if s.cold else 1.0
                processors = processor_percent(c, utilisation * capacity, slowdown)
                last_rate, last_standard = rate, standard
                if window < math.inf:
                    last_rate = -1.0
            s.backlog = after
            s.wait = after / capacity
            if expected_rate > capacity:
                crowded = True
                waiting_long |= s.wait > AS_GOOD_AS_EMPTY * c.latency_seconds
            s.capacity = capacity
            s.wait_grows = rate * (1.0 - w.one[O_REFUSED]) / capacity - 1.0
            s.waiting, s.wait_rate = w.one[O_WAITING], w.one[O_WAIT_RATE]
            s.refused = w.one[O_REFUSED]
            if c.least_outstanding:
                accepted = rate * (1.0 - w.one[O_REFUSED])
                s.held = _held(s.held, accepted, after, capacity, own, timeout, step)
            backlog += after * s.count
            used += utilisation * s.count
            warm_processors += processors * s.count * s.warm
            cpu_most = max(cpu_most, processors)
            if share > 0.0:
                capacity_now += capacity * s.count
                for o in range(OUTCOMES):
                    total[o] += share * w.one[o]
        used /= max(f.in_service, 1)
        if backlog <= 0.0 and not f.followed:
            f.dirty = 1
    fast, slow_out, late = total[O_REFUSED], total[O_TAIL + T_TIMEOUT], total[O_TAIL + T_LATENCY]
    mean_response = min(total[O_RESPONSE], timeout)
    if errors > 0.0:
        # A request that gets no connection fails at once.
        keep = 1.0 - errors
        fast = errors + keep * fast
        slow_out *= keep
        late *= keep
    answered_rate = attempts * max(0.0, 1.0 - fast - slow_out)
    f.throughput = attempts * max(0.0, 1.0 - fast)
    if capacity_now > 0.0:
        f.throughput = min(f.throughput, capacity_now)
    f.backlog = backlog
    # 4. Attempts that come again, and requests that were bad in the end.
    if fast + slow_out > EPSILON or f.retry_pending > EPSILON:
        _retry(w, i, place, first, fast, slow_out, timeout, step)
    bad = _bad_share(c, fast, slow_out, late, timeout)
    bad = f.shed + (1.0 - f.shed) * bad
    if f.cut > 0.0:
        # Requests that came before; they are counted among those of now, which are as many.
        part = min(f.cut / step, offered * (1.0 - bad))
        f.cut -= part * step
        bad += part / max(offered, EPSILON)
    if f.cut_again > 0.0:
        ahead = min(max(f.cut_delay / step, 1.0), ring - 2.0)
        w.retries[(i + int(ahead)) % ring, 1] += f.cut_again / step
        f.retry_pending += f.cut_again
        f.cut_again = 0.0
    w.bad[i] = bad
    w.arrivals[i] = offered
    # 5. Sums.
    sums = w.sums
    routed = attempts if registered > 0 else 0.0
    sums[SECONDS] += step
    sums[REQUESTS] += routed * step
    sums[ANSWERED] += routed * (1.0 - slow_out) * step
    sums[RESPONSE_SECONDS] += answered_rate * mean_response * step
    sums[TARGET_5XX] += routed * max(fast - unreached, 0.0) * step
    sums[ELB_5XX] += routed * unreached * step
    if c.idle_timeout_seconds <= c.timeout_seconds:
        sums[ELB_5XX] += routed * slow_out * step
    if registered == 0:
        sums[ELB_5XX] += attempts * step
        sums[REJECTED] += attempts * step
    sums[TARGET_SECONDS] += answering * step
    # ALB guide: requests per target are those per healthy one, per registered one if none is.
    per_healthy = c.requests_per_healthy_target and f.healthy > 0
    sums[REQUEST_TARGET_SECONDS] += (f.healthy if per_healthy else f.in_service) * step
    sums[HEALTHY_SECONDS] += f.healthy * step
    sums[UNHEALTHY_SECONDS] += (f.in_service - f.healthy) * step
    sums[WARM_SECONDS] += f.warm * step
    sums[CPU_SECONDS] += warm_processors * step
    sums[IN_SERVICE_SECONDS] += f.in_service * step
    sums[PENDING_SECONDS] += f.pending * step
    sums[DESIRED_SECONDS] += f.desired * step
    sums[MAX_SIZE_SECONDS] += f.max_size * step
    if c.has_database:
        sums[CONNECTION_SECONDS] += (
            min((f.in_service + f.draining) * c.connections_per_instance, c.max_connections) * step
        )
        sums[DATABASE_BUSY_SECONDS] += db_load * step
    sums[IN_FLIGHT_SECONDS] += (answered_rate * mean_response + backlog) * step
    sums[USER_SECONDS] += users_now * step
    # Among what the targets answer; what times out has no response time (ALB guide).
    answered_share = 1.0 - slow_out
    for b in range(w.slow_bounds):
        slower_than = max(total[O_TAIL + T_SLOW + b] - slow_out, 0.0)
        sums[SLOW + b] += routed * min(slower_than, answered_share) * step
    minute = c.history_minutes + int((i * c.step_seconds) // 60)
    extremes = w.extremes
    extremes[minute, LEAST_HEALTHY] = min(extremes[minute, LEAST_HEALTHY], float(f.healthy))
    extremes[minute, MOST_UNHEALTHY] = max(
        extremes[minute, MOST_UNHEALTHY], float(f.in_service - f.healthy)
    )
    extremes[minute, MOST_CPU] = max(extremes[minute, MOST_CPU], cpu_most)
    extremes[minute, LONGEST_RESPONSE] = max(extremes[minute, LONGEST_RESPONSE], mean_response)
    # 6. The summary and the series. What waits by chance is no overload.
    still = crowded or backlog > AS_GOOD_AS_EMPTY * capacity_now * c.latency_seconds
    short = waiting_long or (f.overload == 1 and backlog > 0.0 and still)
    if short != (f.overload == 1):
        f.overload = int(short)
        note(w, t, E_OVERLOAD_STARTS if f.overload else E_OVERLOAD_ENDS, 0, attempts)
        if t >= 0.0:
            if f.overload and w.summary.first_overload_at == NEVER:
                w.summary.first_overload_at = t
            if not f.overload:
                w.summary.enough_capacity_at = t
    if t >= 0.0:
        _sum_up(
            w, offered, attempts, answered_rate, fast, slow_out, errors, bad, step, mean_response
        )
        if w.series.shape[0] > 0:
            row = w.series[i - c.pre_roll_steps]
            row[S_DEMAND] = offered
            row[S_ATTEMPTS] = attempts
            row[S_CAPACITY] = capacity_now
            row[S_IN_SERVICE] = f.in_service
            row[S_ANSWERING] = f.healthy
            row[S_DESIRED] = f.desired
            row[S_BAD] = bad
            row[S_RESPONSE] = mean_response
            row[S_BACKLOG] = backlog if f.overload else 0.0
            row[S_UTILISATION] = used
            row[S_BILLED] = f.pending + f.in_service + f.draining


@compiled
def _connection_errors(w: World, t: float) -> float:
    """Return the share of requests that get no database connection, instances holding them all."""
    c = w.scenario
    f = w.fleet
    if c.max_connections <= 0.0 or c.proxied or c.connections_per_instance <= 0.0:
        return 0.0
    wanted = (f.in_service + f.draining) * c.connections_per_instance
    errors = max(0.0, 1.0 - c.max_connections / wanted) if wanted > 0.0 else 0.0
    if errors > 0.0 and not f.exhausted:
        note(w, t, E_CONNECTIONS_EXHAUSTED, 0, wanted)
    f.exhausted = int(errors > 0.0)
    return float(errors)


@compiled
def _closed_arrivals(w: World, users: float, service: float, capacity: float, step: float) -> float:
    """Return the requests per second of closed users: those that think, over the time they think.

    Half-implicit in the backlog, so that a long step does not oscillate. Whoever has given up on an
    attempt waits for the next one and no longer stands in the queue.
    """
    c = w.scenario
    timeout = min(c.timeout_seconds, c.idle_timeout_seconds)
    around = max(c.think_seconds + service, EPSILON)
    queued = w.fleet.backlog + step * ((users - w.fleet.retry_pending) / around - capacity)
    queued = max(queued / (1.0 + step / around), 0.0)
    waiting = min(queued, capacity * timeout) + w.fleet.retry_pending
    return float(max(users - waiting, 0.0) / around)


@compiled
def _look_closer(w: World, rate: float, capacity: float, service: float) -> None:
    """From here on look at the instances one by one; until now all were alike."""
    w.fleet.settled = 0
    for k in range(w.fleet.top):
        s = w.instances[k]
        if s.state == IN_SERVICE:
            s.held = min(rate * service, capacity * service)


@compiled
def _shares(w: World, t: float, step: float) -> float:
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


@compiled
def _unevenly(w: World, total: float) -> float:
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
def _held(
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
def _least_outstanding(
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


@compiled
def _again_at_once(w: World, place: int, first: float, refused: float, step: float) -> float:
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
def _retry(
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
def _bad_share(c: Record, fast: float, slow_out: float, late: float, timeout: float) -> float:
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


@inlined
def _sum_up(
    w: World,
    offered: float,
    attempts: float,
    answered: float,
    fast: float,
    slow_out: float,
    errors: float,
    bad: float,
    step: float,
    longest: float,
) -> None:
    s = w.summary
    f = w.fleet
    s.requests += offered * step
    s.bad_requests += offered * bad * step
    s.attempts += attempts * step
    s.answered += answered * step
    s.timed_out += attempts * slow_out * step
    s.refused += attempts * max(fast - errors, 0.0) * step
    s.failed += attempts * min(fast, errors) * step
    s.instance_seconds += (f.pending + f.in_service + f.draining) * step
    s.peak_instances = max(s.peak_instances, f.pending + f.in_service)
    s.longest_wait = max(s.longest_wait, longest)
    s.peak_demand = max(s.peak_demand, offered)
    if f.overload:
        s.overload_seconds += step
