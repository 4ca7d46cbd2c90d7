"""The service under load: what arrives in a step, what is answered, and what is counted of it.

Each instance is an `instance_queue`; `balancing` says who gets what, `retries` what comes again.
"""

import math

from surgeproof.simulation.compiled._compile import compiled, inlined
from surgeproof.simulation.compiled.balancing import (
    held_after,
    least_outstanding_shares,
    shares_in_turn,
    unevenly,
)
from surgeproof.simulation.compiled.draws import ARRIVAL_STREAM, POOLED_STREAM, WORK_STREAM, walk
from surgeproof.simulation.compiled.instance_queue import (
    EPSILON,
    O_REFUSED,
    O_RESPONSE,
    O_TAIL,
    O_WAIT_RATE,
    O_WAITING,
    OUTCOMES,
    T_LATENCY,
    T_SLOW,
    T_TIMEOUT,
    TAILS,
    check_fails,
    in_turn,
    is_followed,
    pass_through,
    room_of,
)
from surgeproof.simulation.compiled.records import (
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
    TARGET_5XX,
    TARGET_SECONDS,
    UNHEALTHY_SECONDS,
    USER_SECONDS,
    WARM_SECONDS,
    Record,
)
from surgeproof.simulation.compiled.retries import RETRY_LEVELS, again_at_once, bad_share, retry
from surgeproof.simulation.compiled.world import World, note

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
        attempts += again_at_once(w, place, first, 1.0, step)
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
            shares = least_outstanding_shares(
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
            shares = shares_in_turn(w, t, step)
        if f.uneven > 0.0 and shares > 0.0:
            shares = unevenly(w, shares)
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
        attempts += again_at_once(w, place, first, errors + (1.0 - errors) * expected, step)
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
                s.held = held_after(s.held, accepted, after, capacity, own, timeout, step)
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
        retry(w, i, place, first, fast, slow_out, timeout, step)
    bad = bad_share(c, fast, slow_out, late, timeout)
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
            min(
                (f.in_service + f.draining + c.other_instances) * c.connections_per_instance,
                c.max_connections,
            )
            * step
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
    wanted = (f.in_service + f.draining + c.other_instances) * c.connections_per_instance
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
