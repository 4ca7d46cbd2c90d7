"""Many scenarios of one plan: the ends of all ranges, and Latin-hypercube draws between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.encode import Encoded, complete
from surgeproof.simulation.records import Floats, Records

WORSE_HIGH = frozenset(
    {
        "cold_seconds",
        "service_seconds",
        "service_variation",
        "boot_seconds",
        "pool_start_seconds",
        "longest_request_seconds",
        "database_seconds",
        "connections_per_request",
        "connections_per_instance",
        "contention",
        "coherency",
        "requests_per_session",
    }
)
"""Figures whose high end hurts; of the others the low end does."""

EITHER = frozenset({"processor_seconds", "queue_size", "session_seconds", "timeout_seconds"})
"""Figures of which neither end is worse in general; at the ends they stay typical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """Scenarios as records, with the values that were varied."""

    records: Records
    names: tuple[str, ...]
    """The varied fields."""
    values: Floats
    """One row a scenario, one column a name."""


def _ranges(encoded: Encoded) -> dict[str, tuple[float, float, bool]]:
    """Return low, high and whether it is whole, by the scenario's field."""
    ranges = {
        name: (figure.low, figure.high, False)
        for name, figure in encoded.figures.items()
        if figure.high > figure.low
    }
    ranges |= {row.name: (row.low, row.high, row.whole) for row in ASSUMPTIONS.values()}
    return ranges


def changed(encoded: Encoded, changes: Sequence[Mapping[str, float]]) -> Scenarios:
    """Return one scenario for each mapping of field to value."""
    records = np.repeat(encoded.scenario, len(changes))
    names = tuple(dict.fromkeys(name for change in changes for name in change))
    values = np.full((len(changes), len(names)), np.nan)
    for i, change in enumerate(changes):
        for name, value in change.items():
            records[name][i] = value
            values[i, names.index(name)] = value
    complete(records, encoded.figures)
    return Scenarios(records=records, names=names, values=values)


def ends(encoded: Encoded) -> tuple[Scenarios, Scenarios]:
    """Return the scenario with all values at their better ends, and at their worse ends."""
    better: dict[str, float] = {}
    worse: dict[str, float] = {}
    for name, (low, high, _) in _ranges(encoded).items():
        if name in ASSUMPTIONS:
            side = ASSUMPTIONS[name].better
        elif name in EITHER:
            side = ""
        else:
            side = "low" if name in WORSE_HIGH else "high"
        if side:
            better[name], worse[name] = (low, high) if side == "low" else (high, low)
    return changed(encoded, [better]), changed(encoded, [worse])


def latin_hypercube(encoded: Encoded, count: int, seed: int) -> Scenarios:
    """Return `count` scenarios that cover each range evenly; each has a seed of its own."""
    generator = np.random.default_rng(seed)
    ranges = _ranges(encoded)
    records = np.repeat(encoded.scenario, count)
    values = np.empty((count, len(ranges)))
    for column, (name, (low, high, whole)) in enumerate(ranges.items()):
        places = (generator.permutation(count) + generator.random(count)) / count
        drawn = low + places * (high - low + whole)
        drawn = np.floor(drawn) if whole else drawn
        records[name] = drawn
        values[:, column] = drawn
    records["seed"] = generator.integers(0, 2**31, count)
    complete(records, encoded.figures)
    return Scenarios(records=records, names=tuple(ranges), values=values)
