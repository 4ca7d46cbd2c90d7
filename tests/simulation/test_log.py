"""The event log: in the order of time, and whole, or it says what is missing."""

import importlib

import numpy as np
import pytest

from surgeproof import simulation
from surgeproof.simulation import encode, run
from tests.simulation.support import constant, fixed, latency_alarm, scaling, surge

BUSY = scaling(
    alarms=tuple(latency_alarm(name=f"slow-{n}", evaluation_periods=n) for n in range(1, 9))
)


@pytest.mark.parametrize("step", [1, 2, 5, 10])
def test_the_log_is_in_the_order_of_time(step):
    told = simulation.simulate(BUSY, surge(80, 900, 600, 3600), step_seconds=step)

    assert len(told.log) > 60
    assert np.diff(told.log["t"]).min() >= 0


def test_a_log_that_is_too_short_is_made_long_enough():
    encoded = encode(BUSY, surge(80, 900, 600, 3600))

    short, long = run(encoded, log_entries=10), run(encoded)

    assert len(long.log) > 60
    assert np.array_equal(short.log, long.log)
    assert short.summary["events_dropped"] == 0


def test_a_log_that_is_full_says_how_much_it_leaves_out(monkeypatch):
    encoded = encode(BUSY, surge(80, 900, 600, 3600))
    events = len(run(encoded).log)
    # The package has a function of the module's name.
    running = importlib.import_module("surgeproof.simulation.run")
    monkeypatch.setattr(running, "MOST_LOG_ENTRIES", 40)

    told = run(encoded, log_entries=10).told()

    assert len(told) == 41
    assert told[-1] == f"the log is full: {events - 40} more events are left out"


def test_a_whole_log_says_nothing_of_that():
    told = simulation.simulate(fixed(2), constant(10, 600)).told()

    assert not any("left out" in line for line in told)
