"""Instances and the database, request by request.

Discipline: an instance has `concurrency` workers before one first-in-first-out queue; a request
that finds the queue full is refused with a 503. A worker holds its request through the
application's part and the database's, waits there included. Nobody tells a worker that the client
has gone: the work on timed-out requests is done and wasted. A health check waits in the same queue
for a free worker, and then takes no time of its own, but a query's where it asks the database.
"""

from collections import deque


def sampler(rng, mean, variation):
    """Return a function that draws times with this mean and squared coefficient of variation."""
    if mean == 0 or variation == 0:
        return lambda: mean
    if variation == 1:
        rate, draw = 1 / mean, rng.expovariate
        return lambda: draw(rate)
    shape, scale, draw = 1 / variation, mean * variation, rng.gammavariate
    return lambda: draw(shape, scale)


def workers_for(figure, requests_per_second, service_seconds, what):
    """Return a whole number of workers that gives this throughput, or say that there is none."""
    implied = requests_per_second * service_seconds
    workers = implied if figure is None else figure.typical
    whole = round(workers)
    if whole < 1 or abs(whole - workers) > 1e-6:
        raise ValueError(f"{what}: must be a whole number of workers, got {workers}")
    return whole


class Attempt:
    """One try at a request, as the load balancer and an instance see it."""

    __slots__ = ("number", "request", "route", "sent", "settled")

    def __init__(self, request, sent, number):
        self.request = request
        self.sent = sent
        self.number = number
        self.settled = False
        self.route = None


class Check:
    """A health check under way."""

    __slots__ = ("asks_database", "failed", "passed")

    def __init__(self, asks_database, passed, failed):
        self.asks_database = asks_database
        self.passed = passed
        self.failed = failed


class Figures:
    """The service's typical figures, checked for what this simulation can represent."""

    def __init__(self, plan, rng):
        service = plan.service
        self.rate = service.requests_per_second.typical
        self.seconds = service.service_seconds.typical
        self.workers = workers_for(
            service.concurrency, self.rate, self.seconds, "Service.concurrency"
        )
        if abs(self.workers / self.seconds - self.rate) > 1e-6 * self.rate:
            raise ValueError(
                "Service.requests_per_second: must be concurrency / service_seconds "
                f"({self.workers / self.seconds:g}), got {self.rate:g}"
            )
        cold_rate = service.cold_requests_per_second
        self.cold_rate = self.rate if cold_rate is None else cold_rate.typical
        cold_workers = service.cold_concurrency
        self.cold_workers = (
            self.workers if cold_workers is None else workers_for(cold_workers, 0, 0, "cold")
        )
        self.cold_seconds = service.cold_seconds.typical
        self.queue_size = round(service.queue_size.typical)
        self.boot_seconds = service.boot_seconds.typical
        self.pool_start_seconds = service.pool_start_seconds.typical
        self.connections = round(service.connections_per_instance.typical)
        self.connections_per_request = round(service.connections_per_request.typical)
        variation = service.service_variation.typical
        database_seconds = service.database_seconds.typical
        self.asks_database = plan.database is not None and database_seconds > 0
        own = self.seconds - (database_seconds if self.asks_database else 0)
        self.vcpus = plan.groups[0].vcpus_per_instance
        stated = service.processor_seconds
        most = min(self.seconds - database_seconds, self.vcpus / self.rate)
        self.processor_share = (most if stated is None else stated.typical) / own
        """Processors in use per request in its own part; in the database's it uses none."""
        cold_total = self.cold_workers / self.cold_rate
        self.own_seconds = sampler(rng, own, variation)
        # While an instance is cold its own part is slower, not the database's.
        self.own_cold_seconds = sampler(rng, own + max(cold_total - self.seconds, 0), variation)


class Instance:
    """One instance: workers, a queue, a pool of connections, a speed of its own."""

    def __init__(self, clock, figures, database, name, counts, slowness=1.0):
        self.clock = clock
        self.figures = figures
        self.database = database if figures.asks_database else None
        self.name = name
        self.counts = counts
        self.slowness = slowness
        self.answers = False
        self.dead = False
        self.lost = False
        self.workers = figures.workers
        self.cold_until = None
        self.queue = deque()
        self.serving = set()
        self.free_connections = None
        self.waiting_for_connection = deque()
        self.arrived = 0
        self.on_idle = None
        self._working = 0
        self._worked = 0.0
        self._changed = 0.0

    def start_answering(self, *, warm=False):
        """Let the application answer; a warm one is not cold any more."""
        self.answers = True
        if warm or self.figures.cold_seconds == 0:
            self.cold_until = 0.0
        else:
            self.workers = self.figures.cold_workers
        if self.database is not None:
            self.free_connections = self.database.connect(self)

    def worked(self):
        """Return the seconds since the last call in which requests were worked on, summed."""
        self._work(0)
        worked, self._worked = self._worked, 0.0
        return worked

    def _work(self, change):
        now = self.clock.now
        self._worked += self._working * (now - self._changed)
        self._changed = now
        self._working += change

    def offer(self, attempt):
        """Take an attempt; return a reason if it is refused."""
        if self.lost:
            self.counts.killed += 1
            return None
        if not self.answers:
            return "unreachable"
        self.arrived += 1
        if self._is_starved():
            return "no connection"
        if len(self.serving) < self.workers:
            self._start(attempt)
        elif len(self.queue) < self.figures.queue_size:
            self.queue.append(attempt)
        else:
            return "queue full"
        return None

    def check(self, check):
        """Answer a health check as soon as a worker is free."""
        if self.lost:
            return
        if not self.answers or (check.asks_database and self._is_starved()):
            check.failed()
        elif len(self.serving) < self.workers:
            self._answer(check)
        elif len(self.queue) < self.figures.queue_size:
            self.queue.append(check)
        else:
            check.failed()

    def _is_starved(self):
        return self.free_connections == 0 and self.database.granted(self) == 0

    def _answer(self, check):
        if check.asks_database and self.database is not None:
            self.serving.add(check)
            self._ask_database(check)
        else:
            check.passed()

    def _start(self, attempt):
        now = self.clock.now
        if self.cold_until is None:
            self.cold_until = now + self.figures.cold_seconds
            self.clock.at(self.cold_until, self._become_warm)
        self.serving.add(attempt)
        self._work(1)
        draw = self.figures.own_cold_seconds if now < self.cold_until else self.figures.own_seconds
        self.clock.at(now + draw() * self.slowness, self._own_part_done, attempt)

    def _become_warm(self, _):
        if not self.dead:
            self.workers = self.figures.workers
            self._take_next()

    def _own_part_done(self, job):
        if self.dead:
            return
        self._work(-1)
        if self.database is None:
            self._done(job)
        else:
            self._ask_database(job)

    def _ask_database(self, job):
        if self.free_connections is None:
            self.database.ask(self, job)
        elif self.free_connections >= self.figures.connections_per_request:
            self.free_connections -= self.figures.connections_per_request
            self.database.ask(self, job)
        else:
            self.waiting_for_connection.append(job)

    def query_done(self, job):
        """Hear that a query is answered."""
        if self.dead:
            return
        if self.free_connections is not None:
            self.connections_freed(self.figures.connections_per_request)
        self._done(job)

    def connections_freed(self, count):
        """Use connections that a request gave back, or that the database granted."""
        needed = self.figures.connections_per_request
        self.free_connections += count
        while self.waiting_for_connection and self.free_connections >= needed:
            self.free_connections -= needed
            self.database.ask(self, self.waiting_for_connection.popleft())

    def _done(self, job):
        self.serving.discard(job)
        self._take_next()
        if type(job) is not Attempt:
            job.passed()
        elif job.settled:
            self.counts.wasted += 1
        else:
            self.counts.useful += 1
            job.request.clients.succeeded(job)

    def _take_next(self):
        queue = self.queue
        while queue and len(self.serving) < self.workers:
            job = queue.popleft()
            if type(job) is Attempt:
                self._start(job)
            else:
                self._answer(job)
        if self.on_idle is not None and self.is_idle:
            self.on_idle()

    @property
    def is_idle(self):
        return not self.serving and not self.queue

    def inside(self):
        """Return the attempts that the instance holds."""
        return [job for job in (*self.queue, *self.serving) if type(job) is Attempt]

    def lose(self):
        """Lose the instance with its zone: whatever it holds, or gets, is never answered."""
        self.lost = True
        self._stop()

    def kill(self):
        """End the instance; the attempts that it holds are reset."""
        for attempt in self._stop():
            if not attempt.settled:
                attempt.request.clients.cut_off(attempt)

    def _stop(self):
        held = sorted(self.inside(), key=lambda attempt: attempt.number)
        self.counts.killed += len(held)
        self._work(-self._working)
        self.dead = True
        self.answers = False
        self.queue.clear()
        self.serving.clear()
        self.waiting_for_connection.clear()
        if self.database is not None and self in self.database.granted_to:
            self.database.disconnect(self)
        return held


class Database:
    """The limit that all instances share: servers before one first-in-first-out queue.

    With N instances connected it carries X(N) = g N / (1 + a (N - 1) + b N (N - 1)) queries/s (g:
    what it carries at one instance), so each of its `parallelism` servers needs parallelism / X(N)
    seconds on average. What `database_seconds` exceeds that by is time on the way.
    """

    def __init__(self, clock, plan, rng):
        database, service = plan.database, plan.service
        self.clock = clock
        self.plan = database
        self.servers = None
        self.rate = None
        if database.queries_per_second is not None:
            self.rate = database.queries_per_second.typical
            self.servers = round(database.parallelism)
        self.seconds = service.database_seconds.typical
        self.wanted = round(service.connections_per_instance.typical)
        self.unit = sampler(rng, 1.0, service.service_variation.typical)
        self.queue = deque()
        self.busy = 0
        self.granted_to = {}
        self.mean = 0.0
        self._resize()

    def connect(self, instance):
        """Give an instance the connections that it wants, or those that are left."""
        self.granted_to[instance] = 0
        got = min(self.wanted, self._left())
        self.granted_to[instance] = got
        self._resize()
        return got if self.wanted else None

    def _left(self):
        if self.plan.max_connections is None or self.plan.proxied:
            return self.wanted
        return max(self.plan.max_connections - sum(self.granted_to.values()), 0)

    def granted(self, instance):
        """Return how many connections an instance holds."""
        return self.granted_to[instance]

    def disconnect(self, instance):
        """Take back the connections of an instance that ended; others try again at once."""
        self.granted_to.pop(instance, None)
        self._resize()
        for other, got in self.granted_to.items():
            more = min(self.wanted - got, self._left())
            if more > 0:
                self.granted_to[other] += more
                other.connections_freed(more)

    def capacity(self, count):
        """Return the queries/s that it carries with so many instances."""
        contention, coherency = self.plan.contention.typical, self.plan.coherency.typical
        slowed = 1 + contention * (count - 1) + coherency * count * (count - 1)
        return self.rate * count / slowed

    def _resize(self):
        if self.rate is not None:
            self.mean = self.servers / self.capacity(max(len(self.granted_to), 1))

    def ask(self, instance, job):
        """Take a query."""
        if self.servers is None:
            self.clock.at(self.clock.now + self.seconds * self.unit(), instance.query_done, job)
        elif self.busy < self.servers:
            self._start((instance, job))
        else:
            self.queue.append((instance, job))

    def _start(self, query):
        self.busy += 1
        self.clock.at(self.clock.now + self.mean * self.unit(), self._done, query)

    def _done(self, query):
        self.busy -= 1
        if self.queue:
            self._start(self.queue.popleft())
        instance, job = query
        on_the_way = self.seconds - self.mean
        if on_the_way > 1e-9:
            self.clock.at(self.clock.now + on_the_way, instance.query_done, job)
        else:
            instance.query_done(job)
