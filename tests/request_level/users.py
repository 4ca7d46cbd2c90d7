"""Users with identity: sessions, requests, time-outs, retries.

A request of the service is one request of a user; tries at it are attempts. A user is affected if
one of its requests failed after its retries, or took longer than the objective's bound from the
first attempt to the answer.

Open arrivals: the trace states when requests come (Poisson), whoever sends them. A session has
`requests_per_session` requests over `session_seconds`. A request that comes belongs to the user
whose next one has been due for longest, and to a new user where none is due. So a rise in requests
is a rise in users, who then stay for their session. Where requests become fewer than the users
want to send, who is due for longer than a mean gap leaves.

Closed arrivals (`think_seconds`): the trace states how many users there are. Each thinks for an
exponential time, asks, waits for the end of its request, and after `requests_per_session` of them
makes way for a new user.
"""

from heapq import heapify, heappop, heappush

import numpy as np

from tests.request_level.service import Attempt


class User:
    """Somebody with a session."""

    __slots__ = ("affected", "asked", "left")

    def __init__(self, left):
        self.left = left
        self.asked = False
        self.affected = False


class Request:
    """What a user wants once, in one or more attempts."""

    __slots__ = ("arrived", "attempts", "clients", "number", "user")

    def __init__(self, clients, user, arrived, number):
        self.clients = clients
        self.user = user
        self.arrived = arrived
        self.number = number
        self.attempts = 0


class Minute:
    """What came of the requests that arrived in one minute."""

    __slots__ = ("attempts", "bad", "requests")

    def __init__(self):
        self.requests = self.bad = self.attempts = 0


class Clients:
    """All users, and the client software that tries for them."""

    def __init__(self, clock, plan, assumptions, rng, counts, minutes, log=None):
        users = plan.users
        self.clock = clock
        self.rng = rng
        self.counts = counts
        self.minutes = minutes
        self.log = log
        self.send = None
        self.bound = plan.objective.latency_seconds
        idle = plan.load_balancer.idle_timeout_seconds if plan.load_balancer else 60
        self.timeout = min(users.timeout_seconds.typical, idle)
        self.gateway_times_out = idle < users.timeout_seconds.typical
        self.retries = users.retries
        self.backoff = users.backoff_seconds.typical
        self.assumptions = assumptions
        self.per_session = max(round(users.requests_per_session.typical), 1)
        self.gap = users.session_seconds.typical / self.per_session
        self.think = None if users.think_seconds is None else users.think_seconds.typical
        self.users = 0
        self.affected = 0
        self.resume = self._back_to_session if self.think is None else self._think
        self._waiting = []
        self._times = []
        self._next = 0
        self._numbers = 0
        self._to_leave = 0
        self._stopped = False
        self._on_expired = None
        clock.on_time_out(self._expired)

    # Arrivals

    def arrive_at(self, times):
        """Let requests come at these times (seconds, rising), each from a user of an open trace."""
        self._times = times
        if times:
            self.clock.at(times[0], self._arrival)

    def already_here(self, rate):
        """Begin with the users who are in session where requests come at this rate (per s)."""
        rng, waiting = self.rng, self._waiting
        for _ in range(round(rate * self.gap * (self.per_session - 1) / self.per_session)):
            self._numbers += 1
            user = User(rng.randint(1, self.per_session - 1))
            waiting.append((rng.random() * self.gap, self._numbers, user))
        heapify(waiting)

    def _arrival(self, _):
        now = self.clock.now
        self._begin(self._who_is_due(now))
        self._next += 1
        if self._next < len(self._times):
            self.clock.at(self._times[self._next], self._arrival)

    def _who_is_due(self, now):
        waiting = self._waiting
        while waiting and waiting[0][0] <= now:
            due, _, user = heappop(waiting)
            if due >= now - self.gap:
                return user
        return User(self.per_session)

    def _back_to_session(self, user, arrived):
        if user.left:
            jitter = self.assumptions.session_jitter
            gap = self.gap * self.rng.uniform(1 - jitter, 1 + jitter)
            self._numbers += 1
            heappush(self._waiting, (max(arrived + gap, self.clock.now), self._numbers, user))

    def become(self, target):
        """Let so many users be there, of a closed trace."""
        target = round(target)
        here = self.counts.here - self._to_leave
        self._to_leave += max(here - target, 0)
        for _ in range(max(target - here, 0)):
            if self._to_leave:
                self._to_leave -= 1
            else:
                self.counts.here += 1
                self._think(User(self.per_session), None)

    def _think(self, user, _):
        if self._stopped:
            return
        if self._to_leave:
            self._to_leave -= 1
            self.counts.here -= 1
            return
        if not user.left:
            user = User(self.per_session)
        self.clock.at(self.clock.now + self.rng.expovariate(1 / self.think), self._thought, user)

    def _thought(self, user):
        if not self._stopped:
            self._begin(user)

    def stop(self):
        """Let nobody begin another request."""
        self._stopped = True

    # Requests and attempts

    def _begin(self, user):
        now = self.clock.now
        user.left -= 1
        if not user.asked:
            user.asked = True
            self.users += 1
        self.counts.requests += 1
        self.minutes[int(now // 60)].requests += 1
        self._try(Request(self, user, now, self.counts.requests))

    def _try(self, request):
        now = self.clock.now
        request.attempts += 1
        self.counts.attempts += 1
        self.minutes[int(now // 60)].attempts += 1
        attempt = Attempt(request, now, self.counts.attempts)
        if self.log is not None:
            self._note("sent", attempt)
        refused = self.send(attempt)
        if refused is None:
            if not attempt.settled:
                self.clock.time_out(now + self.timeout, attempt)
        else:
            self.failed(attempt, refused)

    def succeeded(self, attempt):
        """Hear the answer to an attempt whose client still waits."""
        attempt.settled = True
        if attempt.route is not None:
            self.send.settled(attempt)
        self.counts.succeeded += 1
        request = attempt.request
        self.send.answered(attempt)
        if self.log is not None:
            self._note("answered", attempt)
        if self.clock.now - request.arrived <= self.bound:
            self.counts.good += 1
        else:
            self.counts.slow += 1
            self._was_bad(request)
        self.resume(request.user, request.arrived)

    def _expired(self, attempt):
        if not attempt.settled:
            if self.gateway_times_out:
                self.send.gateway_error()
            self.failed(attempt, "timed out")

    def cut_off(self, attempt):
        """Hear that the connection of an attempt was reset, as its instance ended."""
        self.send.gateway_error()
        self.failed(attempt, "reset")

    def failed(self, attempt, reason):
        """Hear that an attempt came to nothing."""
        attempt.settled = True
        if attempt.route is not None:
            self.send.settled(attempt)
        self.counts.failures[reason] += 1
        if self.log is not None:
            self._note(reason, attempt)
        request = attempt.request
        if request.attempts <= self.retries:
            assumptions = self.assumptions
            mean = min(self.backoff * 2 ** (request.attempts - 1), assumptions.backoff_cap_seconds)
            jitter = assumptions.backoff_jitter
            wait = mean * self.rng.uniform(1 - jitter, 1 + jitter)
            self.clock.at(self.clock.now + wait, self._try, request)
        else:
            self.counts.failed += 1
            self._was_bad(request)
            self.resume(request.user, request.arrived)

    def _was_bad(self, request):
        self.minutes[int(request.arrived // 60)].bad += 1
        if not request.user.affected:
            request.user.affected = True
            self.affected += 1

    def _note(self, what, attempt):
        request = attempt.request
        self.log.append((round(self.clock.now, 6), what, request.number, request.attempts))


def arrival_times(rates, step_seconds, seed):
    """Return the times of a Poisson process with these rates (requests/s), a step each."""
    rng = np.random.default_rng(seed)
    times = []
    for step, count in enumerate(rng.poisson(np.asarray(rates) * step_seconds)):
        times.append((step + np.sort(rng.random(count))) * step_seconds)
    return np.concatenate(times).tolist()
