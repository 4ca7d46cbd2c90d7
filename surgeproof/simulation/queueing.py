"""Waiting and response times of one instance: formulas only, no clock.

An instance is a queue with `servers` equal servers and one line, first come, first served. The wait
is that of M/M/c (Erlang C), scaled by Allen and Cunneen's factor for other variation, with an
exponential tail. For c = 1 and Poisson arrivals the mean is Pollaczek and Khinchine's, exactly.
"""

import math

import numpy as np
import numpy.typing as npt

from surgeproof.simulation._compile import compiled

Floats = npt.NDArray[np.float64]

TABLE_POINTS = 1025
"""Points of the table of Erlang C over utilisation 0 to 1 (points); see `erlang_c_table`."""

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
    meets mean and variation: exponential after a constant (variation below 1), exponential
    (1: then this is the exact M/M/c), or none at all or exponential (above 1).
    """
    if bound_seconds <= 0.0:
        return 1.0
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
