"""The single requests of a simulated run: drawn from its rates and shares, with users.

The simulation reckons with rates. Here each step's requests are drawn: users come and have
sessions as the plan states them (a request belongs to the user whose next one is due for longest,
or to a new user), a request is bad with the share of its step, and what failed is tried again as
often as the simulation's attempts say. So shares and rates are the simulation's, and who is hurt
is drawn.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from surgeproof.incident.scenarios import Scenario
from surgeproof.simulation import Injection, Run
from surgeproof.simulation.compiled import records as r

_LOAD_BALANCER: Final = "app/shop-prod/50dc6c495c0c9188"

_STEPS: Final = 5
"""Steps of the simulation that are drawn at a time."""

_OWED_MAX: Final = 10_000.0
"""Most attempts that are made up for later (attempts)."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Entries of an access log that arrived within some seconds, as arrays of one length."""

    at_microseconds: r.Integers
    """When each arrived, after the trace's start (microseconds)."""
    clients: r.Integers
    """Number of the user, counted from 0."""
    failed: npt.NDArray[np.bool_]
    """Whether it got a server error, or the load balancer's fixed response."""
    slow: npt.NDArray[np.bool_]
    """Whether its answer came after the objective's bound."""
    shed: npt.NDArray[np.bool_]
    """Whether the load balancer answered it with a fixed response."""
    seconds: r.Floats
    """How long it took (seconds)."""


@dataclass(slots=True)
class _Sessions:
    """Users in session: who sends the next request."""

    gap_microseconds: int
    per_session: int
    waiting: deque[tuple[int, int, int]]
    """When the next request is due, the user, requests left; in order, since the gap is one."""
    users: int = 0

    def take(self, times: Sequence[int]) -> list[int]:
        """Return who sends the requests that come at these times (microseconds, rising)."""
        waiting, gap, taken = self.waiting, self.gap_microseconds, []
        for now in times:
            while waiting and waiting[0][0] <= now:
                due, user, left = waiting.popleft()
                if due >= now - gap:
                    break
            else:
                user, left = self.users, self.per_session
                self.users += 1
            if left > 1:
                waiting.append((now + gap, user, left - 1))
            taken.append(user)
        return taken


def requests_of(run: Run, scenario: Scenario) -> Iterator[Requests]:
    """Yield the requests of a run, those of a few seconds at a time."""
    users = scenario.plan.users
    bound = scenario.plan.objective.latency_seconds
    step = int(run.scenario["step_seconds"])
    width = step * 1_000_000
    drawn = np.random.default_rng([scenario.seed, 1])
    steps = min(run.arrivals.size, len(run.series))
    demand, bad = run.arrivals[:steps], run.bad[:steps]
    attempts = run.column("attempts")
    response = np.maximum(run.column("response_seconds"), 1e-3)
    failing, shed = _failing(run, steps, step), _shed(scenario, steps, step)
    more_often = np.maximum(attempts[:steps] - demand * (1 - shed), 0.0) * step
    per_session = max(round(users.requests_per_session.typical), 1)
    gap = users.session_seconds.typical / per_session
    sessions = _begun(float(demand[0]), gap, per_session, drawn)
    again: deque[int] = deque()
    owed = 0.0
    for first in range(0, steps, _STEPS):
        here = np.arange(first, min(first + _STEPS, steps))
        at = np.repeat(here, drawn.poisson(demand[here] * step))
        times = np.sort(at * width + drawn.integers(0, width, at.size))
        luck, kind, length = drawn.random((3, at.size))
        clients = np.array(sessions.take(times.tolist()), np.int64)
        mean = response[at]
        is_bad = luck < bad[at]
        is_shed = luck < np.minimum(shed[at], bad[at])
        fails = is_bad & ~is_shed & (kind < failing[at])
        slow = is_bad & ~is_shed & ~fails
        # Inverse of the exponential, cut at the bound: an answer that is in time.
        seconds = -mean * np.log1p(-length * -np.expm1(-bound / mean)) + np.where(slow, bound, 0.0)
        again.extend(clients[fails].tolist())
        owed = min(owed + float(more_often[here].sum()), _OWED_MAX)
        more = min(int(owed), len(again))
        owed -= more
        retried = [again.popleft() for _ in range(more)]
        if len(again) < owed:  # who fails is tried as often as attempts are left
            again.extend(retried)
        if not more_often[here].any():
            again.clear()
        flags = np.ones(more, np.bool_)
        later = np.sort(drawn.integers(0, width * here.size, more)) + first * width
        took = np.minimum(response[first], bound)
        yield Requests(
            at_microseconds=np.concatenate([times, later]),
            clients=np.concatenate([clients, np.array(retried, np.int64)]),
            failed=np.concatenate([fails | is_shed, flags]),
            slow=np.concatenate([slow, ~flags]),
            shed=np.concatenate([is_shed, ~flags]),
            seconds=np.concatenate([seconds, np.full(more, took)]),
        )


def _begun(rate: float, gap: float, per_session: int, drawn: np.random.Generator) -> _Sessions:
    """Return the users who are in session at the beginning."""
    count = round(rate * gap * (per_session - 1) / per_session)
    dues = np.sort(drawn.integers(0, max(int(gap * 1e6), 1), count)).tolist()
    lefts = drawn.integers(1, max(per_session, 2), count).tolist()
    waiting = deque(
        (due, user, left) for user, (due, left) in enumerate(zip(dues, lefts, strict=True))
    )
    return _Sessions(int(gap * 1e6), per_session, waiting, count)


def _failing(run: Run, steps: int, step: int) -> r.Floats:
    """Return for each step the share of its bad requests that get an error, not a late answer."""
    requests = np.maximum(run.minutes[:, r.REQUESTS], 1e-9)
    answered = run.minutes[:, r.ANSWERED] - run.minutes[:, r.TARGET_5XX]
    lost = np.clip(1.0 - answered / requests, 0.0, 1.0)
    per = 60 // step
    by_step = np.repeat(lost, per)
    padded = np.concatenate([by_step, np.repeat(by_step[-1:], max(steps - by_step.size, 0))])
    return np.clip(padded[:steps] / np.maximum(run.bad[:steps], 1e-6), 0.0, 1.0)


def _shed(scenario: Scenario, steps: int, step: int) -> r.Floats:
    times = step * np.arange(steps)
    shed = np.zeros(steps)
    for each in scenario.injected:
        if each.kind is Injection.LOAD_SHED:
            within = (times >= each.start_seconds) & (times < each.end_seconds)
            shed = np.where(within, each.value, shed)
    return shed


def log_lines(requests: Requests, start_seconds: float) -> Iterator[str]:
    """Yield requests as lines of an Application Load Balancer's access log.

    Fields: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
    """
    columns = (
        requests.at_microseconds, requests.clients, requests.failed, requests.shed, requests.seconds
    )  # fmt: skip
    for at, user, failed, shed, seconds in zip(*(each.tolist() for each in columns), strict=True):
        begin = start_seconds + at / 1e6
        made, ended = (_stamp(moment) for moment in (begin, begin + seconds))
        high, low = divmod(user, 65_536)
        client = f"100.{64 + high % 64}.{low // 256}.{low % 256}:{40_000 + user % 20_000}"
        status = 503 if failed else 200
        target = "-" if shed else "10.0.1.10:8080"
        times = "-1 -1 -1" if shed else f"0.000 {seconds:.3f} 0.000"
        answered = "-" if shed else str(status)
        action = "fixed-response" if shed else "forward"
        yield (
            f"https {ended} {_LOAD_BALANCER} {client} {target} {times} {status} {answered} 218 587 "
            '"GET https://shop.example:443/ HTTP/1.1" "Mozilla/5.0" TLS_AES_128_GCM_SHA256 TLSv1.3 '
            "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-prod/"
            '73e2d6bc24d8a067 "Root=1-63c3b1a0-0" "shop.example" "session-reused" 0 '
            f'{made} "{action}" "-" "-" "{target}" "{answered}" "-" "-" TID_0'
        )


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
