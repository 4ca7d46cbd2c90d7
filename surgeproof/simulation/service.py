"""The service under load: what arrives in a step, what is answered, and what users make of it.

Each instance is the queue of `queueing`; what arrives beyond its capacity waits as a fluid, first
come, first served. Work for a client that has given up is still done: that is how fleets collapse.
"""

import math

from surgeproof.simulation._compile import compiled, inlined
from surgeproof.simulation.queueing import exceeds, from_table
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
O_CHECK = 2
O_TAIL = 3
"""First of the shares slower than a bound; `World.bounds` holds these bounds."""
T_TIMEOUT = 0
T_LATENCY = 1
T_SLOW = 2
TAILS = T_SLOW + SLOW_BOUNDS
OUTCOMES = O_TAIL + TAILS

MOST_STRETCH = 20.0
"""Most that a busy database may stretch its own part of a request (times)."""

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
    capacity: float, rate: float, backlog: float, room: float, step: float
) -> tuple[float, float, float]:
    """Return backlog after a step, its mean over the step, and the share that is refused.

    A fluid: the backlog grows by what arrives beyond the capacity, up to the queue's size.
    """
    grown = backlog + (rate - capacity) * step
    if grown <= 0.0:
        if backlog <= 0.0:
            return 0.0, 0.0, 0.0
        lasts = backlog / (capacity - rate) / step
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
def near(capacity: float, rate: float, seconds: float, variation: float) -> float:
    """Return the utilisation at which the random part of the wait is taken.

    Below capacity it is the utilisation; above it the mirror image, since a growing queue forgets
    its randomness. Near 1 a queue needs long to reach its mean: in `seconds` a critical queue grows
    only to about sqrt(2 variation capacity seconds / pi), arrivals' and service's variation summed.
    """
    ratio = rate / capacity
    if ratio > 1.0:
        ratio = 1.0 / ratio
    if ratio < 0.8:
        return ratio
    most = 1.0 - 1.0 / (
        1.0 + math.sqrt(1.2732395447351628 * capacity * seconds * 2.0 / max(variation, 1e-3))
    )
    return min(ratio, most)


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
    errors: float,
    step: float,
    targets: float,
) -> tuple[float, float]:
    """Let `rate` requests per second arrive at one instance for a step.

    Returns its backlog afterwards and its utilisation; `one` gets the share that is refused, the
    mean response time, the shares slower than each bound, and the share of failing health checks,
    which wait in the same queue as requests.
    """
    variation = c.service_variation
    after, mean_backlog, refused = flow_through(capacity, rate, backlog, c.queue_size, step)
    accepted = rate * (1.0 - refused)
    utilisation = (accepted * step + backlog - after) / (capacity * step)
    fluid = mean_backlog / capacity
    arrivals = in_turn(c, targets, min(accepted / capacity, 1.0))
    rho = near(capacity, max(accepted, EPSILON), c.near_critical_seconds, arrivals + variation)
    waiting = from_table(erlang, rho)
    wait_rate = 2.0 * capacity * (1.0 - rho) / max(arrivals + variation, 1e-3)
    one[O_REFUSED] = refused
    one[O_RESPONSE] = fluid + waiting / wait_rate + service
    for b in range(tails):
        one[O_TAIL + b] = (1.0 - refused) * exceeds(
            bounds[b] - fluid, waiting, wait_rate, service, variation
        )
    fails = 0.0
    if after > 0.0 or rho > 0.5:
        slow = exceeds(
            c.check_timeout_seconds - after / capacity, waiting, wait_rate, service, variation
        )
        fails = 1.0 - (1.0 - refused) * (1.0 - slow)
        fails = fails if fails > 1e-6 else 0.0
    if c.check_uses_database:
        fails = 1.0 - (1.0 - fails) * (1.0 - errors)
    one[O_CHECK] = fails
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
    cold_capacity = min(
        c.cold_requests_per_second,
        c.cold_concurrency / (c.service_seconds / cold_ratio + slower),
    )
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
    fails_open = int(f.healthy == 0 and answering > 0)
    if fails_open != f.fail_open:
        f.fail_open = fails_open
        note(w, t, E_FAIL_OPEN_STARTS if fails_open else E_FAIL_OPEN_ENDS, 0, float(f.unhealthy))
    total = w.total
    tails = T_SLOW + w.slow_bounds
    total[:] = 0.0
    capacity_now = backlog = used = warm_processors = cpu_most = 0.0
    if answering == 0:
        total[O_REFUSED] = 1.0
    elif f.settled:
        capacity_now = warm_capacity * answering
        after, used = pass_through(
            c,
            w.erlang,
            w.bounds,
            tails,
            w.one,
            attempts / answering,
            warm_capacity,
            service,
            0.0,
            errors,
            step,
            float(answering),
        )
        for o in range(OUTCOMES):
            total[o] = w.one[o]
        cpu_most = processor_percent(c, used * warm_capacity, 1.0)
        warm_processors = cpu_most * answering
        if after > 0.0:
            # From here on the instances are looked at one by one.
            backlog = after * answering
            for k in range(f.top):
                if w.instances[k].state == IN_SERVICE:
                    w.instances[k].backlog = after
                    w.instances[k].check_fails = w.one[O_CHECK]
            f.settled = 0
    else:
        shares = _shares(w, t, warm_capacity, cold_capacity)
        last_rate = last_capacity = last_backlog = -1.0
        after = utilisation = processors = 0.0
        for k in range(f.top):
            s = w.instances[k]
            if s.state != IN_SERVICE or not (s.answers or s.backlog > 0.0):
                continue
            share = s.share / shares if shares > 0.0 else 0.0
            if s.dead:
                # Nothing answers: the request hangs until somebody gives up.
                for o in range(O_TAIL, O_TAIL + TAILS):
                    total[o] += share
                total[O_RESPONSE] += share * timeout
                s.check_fails = 1.0
                s.backlog = 0.0
                continue
            capacity = cold_capacity if s.cold else warm_capacity
            rate = attempts * share / s.count
            if rate != last_rate or capacity != last_capacity or s.backlog != last_backlog:
                last_rate, last_capacity, last_backlog = rate, capacity, s.backlog
                own = c.service_seconds / cold_ratio + slower if s.cold else service
                after, utilisation = pass_through(
                    c,
                    w.erlang,
                    w.bounds,
                    tails,
                    w.one,
                    rate,
                    capacity,
                    own,
                    s.backlog,
                    errors,
                    step,
                    float(f.healthy if f.healthy > 0 else answering),
                )
                slowdown = 1.0 / cold_ratio if s.cold else 1.0
                processors = processor_percent(c, utilisation * capacity, slowdown)
            s.backlog = after
            s.check_fails = w.one[O_CHECK]
            backlog += after * s.count
            used += utilisation * s.count
            warm_processors += processors * s.count * s.warm
            cpu_most = max(cpu_most, processors)
            if share > 0.0:
                capacity_now += capacity * s.count
                for o in range(OUTCOMES):
                    total[o] += share * w.one[o]
        used /= max(f.in_service, 1)
        if backlog <= 0.0:
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
    w.bad[i] = bad
    w.arrivals[i] = offered
    # 5. Sums.
    sums = w.sums
    routed = attempts if answering > 0 else 0.0
    sums[SECONDS] += step
    sums[REQUESTS] += routed * step
    sums[ANSWERED] += routed * (1.0 - slow_out) * step
    sums[RESPONSE_SECONDS] += answered_rate * mean_response * step
    sums[TARGET_5XX] += routed * fast * step
    if c.idle_timeout_seconds <= c.timeout_seconds:
        sums[ELB_5XX] += routed * slow_out * step
    if answering == 0:
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
    # 6. The summary and the series.
    if (backlog > 0.0) != (f.overload == 1):
        f.overload = int(backlog > 0.0)
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
            row[S_BACKLOG] = backlog
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


@inlined
def _shares(w: World, t: float, warm_capacity: float, cold_capacity: float) -> float:
    """Give each instance its weight at the load balancer; return the sum.

    ALB: equal shares among the healthy; among all where none is healthy; a target in slow start
    gets a share that rises linearly, unless all are in slow start.
    """
    c = w.scenario
    f = w.fleet
    total = 0.0
    full = 0
    older = 0
    for k in range(f.top):
        s = w.instances[k]
        s.share = 0.0
        if s.state != IN_SERVICE or not s.answers or (not s.healthy and not f.fail_open):
            continue
        s.share = float(s.count)
        if c.slow_start_seconds > 0.0 and not c.least_outstanding:
            risen = (t - s.registered_at) / c.slow_start_seconds
            if risen < 1.0:
                s.share *= max(risen, LEAST_SLOW_START)
            else:
                full += 1
        else:
            full += 1
        if c.least_outstanding:
            capacity = cold_capacity if s.cold else warm_capacity
            s.share *= capacity / (1.0 + s.backlog / max(c.servers, 1.0))
        total += s.share
    if full == 0 and total > 0.0 and not c.least_outstanding:
        total = 0.0
        for k in range(f.top):
            s = w.instances[k]
            if s.share > 0.0:
                s.share = float(s.count)
                total += s.share
    if f.uneven > 0.0 and total > 0.0:
        half = 0.0
        for k in range(f.top):
            s = w.instances[k]
            if s.share > 0.0 and half + s.share <= 0.5 * total + EPSILON:
                half += s.share
                older = k + 1
        if 0.0 < half < total:
            for k in range(f.top):
                s = w.instances[k]
                if k < older:
                    s.share *= f.uneven / half
                else:
                    s.share *= (1.0 - f.uneven) / (total - half)
            total = 1.0
    return total


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
    """Put the attempts that fail now where they come again, after time-out and back-off."""
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
            steps = (backoff + (timeout if slow else 0.0)) / step
            steps = min(max(steps, 1.0), ring - 2.0)
            whole = int(steps)
            part = steps - whole
            w.retries[(i + whole) % ring, level + 1] += failing * (1.0 - part)
            w.retries[(i + whole + 1) % ring, level + 1] += failing * part
            f.retry_pending += failing * step
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
