"""Response times in M/G/c, against an independent simulation of single customers (Ciw)."""

import math
import statistics
from functools import cache

import ciw
import numpy as np
import pytest

from surgeproof.simulation.compiled.queueing import erlang_c, exceeds, mean_wait

SERVICE = 0.4
"""Mean service time (seconds)."""
RUNS = 10
WARM_UP, SECONDS = 200, 1000
T_95 = 2.262
"""Student's t of nine degrees of freedom, two-sided."""


def service(variation):
    """A gamma distribution of that squared coefficient of variation."""
    return ciw.dists.Gamma(shape=1 / variation, scale=SERVICE * variation)


@cache
def responses(servers, utilisation, variation):
    """Mean and 95th percentile of the response time, of each run."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=servers * utilisation / SERVICE)],
        service_distributions=[service(variation)],
        number_of_servers=[servers],
    )
    found = []
    for seed in range(RUNS):
        ciw.seed(seed)
        run = ciw.Simulation(network)
        run.simulate_until_max_time(WARM_UP + SECONDS)
        times = [
            each.exit_date - each.arrival_date
            for each in run.get_all_records()
            if each.arrival_date > WARM_UP
        ]
        found.append((float(np.mean(times)), float(np.percentile(times, 95))))
    return found


def percentile_95(share, wait_rate, variation):
    """What one in twenty responses exceeds, by bisection."""
    low, high = 0.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        late = exceeds(middle, share, wait_rate, SERVICE, variation) > 0.05
        low, high = (middle, high) if late else (low, middle)
    return low


def agrees(expected, runs, tolerance):
    """Whether a figure lies in the runs' 95 % interval, or within a share of their mean."""
    mean = statistics.mean(runs)
    half = T_95 * statistics.stdev(runs) / math.sqrt(len(runs))
    return abs(expected - mean) <= max(half, tolerance * mean)


@pytest.mark.parametrize("variation", [0.25, 1.0])
@pytest.mark.parametrize("utilisation", [0.5, 0.7, 0.8, 0.9])
def test_mean_and_95th_percentile_are_those_of_single_customers(utilisation, variation):
    servers = 4
    share = erlang_c(float(servers), utilisation)
    arrivals = servers * utilisation / SERVICE
    wait = mean_wait(float(servers), arrivals, SERVICE, variation, share)

    runs = responses(servers, utilisation, variation)

    assert agrees(SERVICE + wait, [mean for mean, _ in runs], 0.05)
    assert agrees(percentile_95(share, share / wait, variation), [at for _, at in runs], 0.1)
