"""Waiting times, against exact formulas."""

import math
from itertools import pairwise

import numpy as np
import pytest

from surgeproof.simulation.compiled.queueing import (
    TABLE_POINTS,
    erlang_c,
    erlang_c_table,
    exceeds,
    from_table,
    mean_wait,
)


def exact_erlang_c(servers, utilisation):
    """Erlang C from its sum, in logarithms."""
    load = servers * utilisation
    terms = [n * math.log(load) - math.lgamma(n + 1) for n in range(servers)]
    last = servers * math.log(load) - math.lgamma(servers + 1) - math.log(1 - utilisation)
    return 1 / (1 + sum(math.exp(term - last) for term in terms))


@pytest.mark.parametrize("servers", [1, 2, 7, 25, 120])
@pytest.mark.parametrize("utilisation", [0.05, 0.5, 0.8, 0.95, 0.999])
def test_mmc_wait_is_exact(servers, utilisation):
    share = erlang_c(float(servers), utilisation)
    arrivals = servers * utilisation / 0.1
    exact = exact_erlang_c(servers, utilisation)

    assert share == pytest.approx(exact, rel=1e-9)
    assert mean_wait(float(servers), arrivals, 0.1, 1.0, share) == pytest.approx(
        exact / (servers / 0.1 - arrivals), rel=1e-6
    )


@pytest.mark.parametrize("servers", [1, 2, 3, 25, 120])
def test_the_table_holds_1e_6(servers):
    table = np.empty(TABLE_POINTS)
    erlang_c_table(float(servers), table)

    worst = max(
        abs(from_table(table, u) - erlang_c(float(servers), u)) for u in np.linspace(0, 1, 3001)
    )

    assert worst < 1e-6


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("utilisation", [0.1, 0.5, 0.9])
def test_mg1_mean_wait_is_pollaczek_khinchine(variation, utilisation):
    service, arrivals = 0.1, utilisation / 0.1
    exact = arrivals * service**2 * (1 + variation) / (2 * (1 - utilisation))

    wait = mean_wait(1.0, arrivals, service, variation, erlang_c(1.0, utilisation))

    assert wait == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("bound", [0.01, 0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("utilisation", [0.1, 0.6, 0.95])
def test_mm1_response_time_is_exponential(bound, utilisation):
    rate = 10 * (1 - utilisation)

    share = exceeds(bound, utilisation, rate, 0.1, 1.0)

    assert share == pytest.approx(math.exp(-rate * bound), rel=1e-6)


@pytest.mark.parametrize("bound", [0.15, 0.3047, 0.5])
def test_mmc_response_time_is_the_exact_mixture(bound):
    """Integrated numerically: P(W + S > x), W none or exponential, S exponential."""
    share, wait_rate, rate = 0.209, 50.0, 10.0
    x = np.linspace(0, bound, 200_001)
    inside = share * wait_rate * np.exp(-wait_rate * x) * np.exp(-rate * (bound - x))
    exact = (
        (1 - share) * math.exp(-rate * bound)
        + np.trapezoid(inside, x)
        + share * math.exp(-wait_rate * bound)
    )

    assert exceeds(bound, share, wait_rate, 0.1, 1.0) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("variation", [0.25, 1.0, 3.0])
def test_the_service_time_has_the_stated_moments(variation):
    """Mean and variation are integrals of the tail when nobody waits."""
    x = np.linspace(1e-9, 20, 400_001)
    tail = np.array([exceeds(value, 0.0, 1.0, 0.5, variation) for value in x])
    mean = np.trapezoid(tail, x)
    second = np.trapezoid(2 * x * tail, x)

    assert mean == pytest.approx(0.5, rel=1e-3)
    assert second / mean**2 - 1 == pytest.approx(variation, rel=5e-3)


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0, 2.0])
def test_tails_fall_with_the_bound(variation):
    bounds = np.geomspace(1e-4, 50, 400)

    shares = [exceeds(bound, 0.4, 8.0, 0.1, variation) for bound in bounds]

    assert all(0.0 <= share <= 1.0 for share in shares)
    assert all(later <= former + 1e-9 for former, later in pairwise(shares))
