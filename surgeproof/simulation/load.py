"""A trace as the simulation reads it, at the length of its steps."""

import math
from typing import Protocol

import numpy as np

from surgeproof.plan import PlanError
from surgeproof.simulation.compiled import records as r


class Load(Protocol):
    """A trace, as the simulation reads it; `surgeproof.traces.Trace` is one."""

    @property
    def requests_per_second(self) -> r.Floats:
        """Mean rate of arrivals in each step (requests/s); users, where they are closed."""

    @property
    def step_seconds(self) -> float:
        """Length of each step (seconds)."""

    @property
    def start_seconds(self) -> float:
        """When the first step begins (Unix time if `dated`, seconds)."""

    @property
    def dated(self) -> bool:
        """Whether `start_seconds` is Unix time."""


def resampled(load: Load, step_seconds: int) -> r.Floats:
    """Return the load at the kernel's steps, keeping totals."""
    rates = np.ascontiguousarray(load.requests_per_second, np.float64)
    if rates.size == 0:
        raise PlanError("trace: must hold at least one step, got none")
    if not np.all(np.isfinite(rates)) or rates.min() < 0.0:
        raise PlanError("trace: must hold finite rates of at least 0, got others")
    given = float(load.step_seconds)
    if given == step_seconds:
        # Another kernel would be compiled for an array that cannot be written.
        return rates if rates.flags.writeable else rates.copy()
    totals = np.concatenate(([0.0], np.cumsum(rates) * given))
    ends = np.arange(rates.size + 1) * given
    count = max(1, math.ceil(ends[-1] / step_seconds - 1e-9))
    edges = np.minimum(np.arange(count + 1) * float(step_seconds), ends[-1])
    widths = np.maximum(np.diff(edges), 1e-9)
    return np.asarray(np.diff(np.interp(edges, ends, totals)) / widths, np.float64)
