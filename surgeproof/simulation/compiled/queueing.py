"""Waiting and response times of one instance: formulas only, no clock.

An instance is a queue with `servers` equal servers and one line, first come, first served. The wait
is that of M/M/c (Erlang C), scaled by Allen and Cunneen's factor for other variation, with an
exponential tail. For c = 1 and Poisson arrivals the mean is Pollaczek and Khinchine's, exactly.
"""

import math

import numpy as np
import numpy.typing as npt

from surgeproof.simulation.compiled._compile import compiled

Floats = npt.NDArray[np.float64]

TABLE_POINTS = 1025
"""Points of the table of Erlang C over utilisation 0 to 1 (points); see `erlang_c_table`."""

MOST_PHASES = 20
"""Most phases of a service time (see `exceeds`)."""

NEGLIGIBLE_EXPONENT = 40.0
"""Beyond this exponent a tail counts as none: e**-40 is 4e-18."""


@compiled
def erlang_c(servers: float, utilisation: float) -> float:
    """Return the share of requests that wait in M/M/c, 0 to 1.

    Between whole numbers of servers the value is interpolated at equal utilisation; below one
    server it is that of one.
    """
    if utilisation <= 0.0:
        return 0.0
    if utilisation >= 1.0:
        return 1.0
    floor = max(1.0, math.floor(servers))
    below = _erlang_c_whole(int(floor), utilisation)
    part = max(0.0, servers - floor)
    if part < 1e-12:
        return below
    return below + part * (_erlang_c_whole(int(floor) + 1, utilisation) - below)


@compiled
def _erlang_c_whole(servers: int, utilisation: float) -> float:
    """Return Erlang C by the recurrence of Erlang B, which neither overflows nor cancels."""
    load = servers * utilisation
    inverse = 1.0
    for n in range(1, servers + 1):
        inverse = 1.0 + inverse * n / load
        if inverse > 1e250:
            return 0.0
    blocked = 1.0 / inverse
    return blocked / (1.0 - utilisation * (1.0 - blocked))


@compiled
def erlang_c_table(servers: float, table: Floats) -> None:
    """Fill `table` with Erlang C at equally spaced utilisations, 0 to 1."""
    last = table.size - 1
    share = 1.0
    for i in range(last, -1, -1):
        # Below some utilisation as good as nobody waits, and it only gets less.
        if share > 1e-12:
            share = erlang_c(servers, i / last)
        table[i] = share


@compiled
def from_table(table: Floats, utilisation: float) -> float:
    """Return Erlang C by cubic interpolation (four points; error below 1e-6 up to 150 servers)."""
    last = table.size - 1
    x = min(max(utilisation, 0.0), 1.0) * last
    i = min(max(int(x), 1), last - 2)
    f = x - i
    a, b, c, d = table[i - 1], table[i], table[i + 1], table[i + 2]
    slope = c - a + f * (2.0 * a - 5.0 * b + 4.0 * c - d + f * (3.0 * (b - c) + d - a))
    return float(b + 0.5 * f * slope)


@compiled
def mean_wait(
    servers: float,
    arrivals_per_second: float,
    service_seconds: float,
    service_variation: float,
    waiting_share: float,
) -> float:
    """Return the mean wait (seconds) by Allen and Cunneen, arrivals being Poisson.

    `waiting_share` is Erlang C at this utilisation.
    """
    capacity = servers / service_seconds
    spare = capacity - arrivals_per_second
    if spare <= 0.0:
        return math.inf
    return 0.5 * (1.0 + service_variation) * waiting_share / spare


@compiled
def exceeds(
    bound_seconds: float,
    waiting_share: float,
    wait_rate: float,
    service_seconds: float,
    service_variation: float,
) -> float:
    """Return the share of requests whose wait and service together exceed the bound.

    The wait is none, or exponential with `wait_rate` for the share that waits. The service time
    meets mean and variation: below 1 a mixture of two Erlang distributions (Tijms 1994), or, where
    these would have more than `MOST_PHASES` phases, exponential after a constant; exponential at 1
    (then this is the exact M/M/c); above it none at all or exponential.
    """
    if bound_seconds <= 0.0:
        return 1.0
    if 1.0 / MOST_PHASES <= service_variation < 1.0:
        return _exceeds_phases(
            bound_seconds, waiting_share, wait_rate, service_seconds, service_variation
        )
    share, shift, mean = 1.0, 0.0, service_seconds
    if service_variation < 1.0:
        mean = service_seconds * math.sqrt(service_variation)
        shift = service_seconds - mean
    elif service_variation > 1.0:
        share = 2.0 / (1.0 + service_variation)
        mean = service_seconds / share
    y = bound_seconds - shift
    if y <= 0.0:
        return 1.0
    wait_exponent = wait_rate * y
    long_wait = 0.0
    if waiting_share > 0.0 and wait_exponent < NEGLIGIBLE_EXPONENT:
        long_wait = waiting_share * math.exp(-wait_exponent)
    if mean * NEGLIGIBLE_EXPONENT < y:
        # The service time is as good as constant on the scale of the bound.
        if long_wait == 0.0:
            return 0.0
        rate = 1.0 / max(mean, 1e-12)
        ratio = rate / (rate - wait_rate) if rate > 1.001 * wait_rate else 1.0
        return min(1.0, long_wait * (share * ratio + 1.0 - share))
    rate = 1.0 / mean
    service_tail = math.exp(-rate * y)
    if waiting_share <= 0.0:
        return share * service_tail
    difference = wait_rate - rate
    if abs(difference) < 1e-6 * rate:
        both = (1.0 + rate * y) * service_tail
    else:
        tail = math.exp(-wait_exponent) if wait_exponent < 700.0 else 0.0
        both = (wait_rate * service_tail - rate * tail) / difference
    answered_after_service = (1.0 - waiting_share) * service_tail + waiting_share * both
    return share * answered_after_service + (1.0 - share) * long_wait


@compiled
def phases_of(variation: float) -> tuple[int, float]:
    """Return k and p: k - 1 phases with the share p, else k, all of one rate (k - p) / mean."""
    k = math.ceil(1.0 / variation - 1e-9)
    root = math.sqrt(max(k * (1.0 + variation) - k * k * variation, 0.0))
    return int(k), min(max((k * variation - root) / (1.0 + variation), 0.0), 1.0)


@compiled
def _exceeds_phases(
    bound_seconds: float,
    waiting_share: float,
    wait_rate: float,
    service_seconds: float,
    service_variation: float,
) -> float:
    """Return `exceeds` for a service time of several phases.

    With T(j) the tail of j phases and A(j) that of a wait and j phases after it, A(0) is
    e**(-r y) and A(j) = (rate A(j - 1) - r T(j)) / (rate - r).
    """
    k, fewer = phases_of(service_variation)
    rate = (k - fewer) / service_seconds
    x = rate * bound_seconds
    wait_exponent = wait_rate * bound_seconds
    waits = waiting_share > 0.0 and wait_exponent < NEGLIGIBLE_EXPONENT
    if x > NEGLIGIBLE_EXPONENT + 4.0 * k and not waits:
        return 0.0
    r = wait_rate
    if abs(rate - r) < 0.2 * rate:
        # The recursion would cancel; so near by, the other side of the gap is as good.
        r = 0.8 * rate if r < rate else 1.2 * rate
    both = math.exp(-min(wait_exponent, 700.0)) if waits else 0.0
    term = math.exp(-min(x, 700.0))
    tail = below = both_below = 0.0
    for j in range(1, k + 1):
        below, both_below = tail, both
        tail += term
        term *= x / j
        both = max((rate * both - r * tail) / (rate - r), tail)
    tail = fewer * below + (1.0 - fewer) * tail
    both = fewer * both_below + (1.0 - fewer) * both
    return min((1.0 - waiting_share) * tail + waiting_share * both, 1.0)


@compiled
def longer_than(bound_seconds: float, service_seconds: float, service_variation: float) -> float:
    """Return by how many seconds a service time exceeds the bound on average, 0 where it does not.

    Times the rate of arrivals it is how many of those that are being served now will be then.
    """
    if bound_seconds <= 0.0:
        return service_seconds
    if 1.0 / MOST_PHASES <= service_variation < 1.0:
        k, fewer = phases_of(service_variation)
        rate = (k - fewer) / service_seconds
        x = rate * bound_seconds
        # E[(S - y)+] of j phases is the sum of the tails of 1 to j phases, over the rate.
        term = math.exp(-min(x, 700.0))
        tail = total = total_below = 0.0
        for j in range(1, k + 1):
            tail += term
            term *= x / j
            total_below = total
            total += tail
        return (fewer * total_below + (1.0 - fewer) * total) / rate
    share, shift, mean = 1.0, 0.0, service_seconds
    if service_variation < 1.0:
        mean = service_seconds * math.sqrt(service_variation)
        shift = service_seconds - mean
    elif service_variation > 1.0:
        share = 2.0 / (1.0 + service_variation)
        mean = service_seconds / share
    if bound_seconds < shift:
        return shift - bound_seconds + mean
    return share * mean * math.exp(-(bound_seconds - shift) / max(mean, 1e-12))
