"""Scenarios that were played, and their bundles: each made once for all tests of a process."""

import tempfile
from functools import cache
from pathlib import Path

from surgeproof.incident.bundle import write_bundle
from surgeproof.incident.evidence import read_bundle
from surgeproof.incident.scenarios import scenario
from surgeproof.incident.simulated import play

_KEPT = tempfile.TemporaryDirectory(prefix="surgeproof-test-")


@cache
def played(name, seed=0):
    return play(scenario(name, seed))


@cache
def bundle(name, seed=0, *, traffic=True):
    """Return the evidence of a scenario, as it is read from its bundle on disk."""
    path = Path(_KEPT.name) / f"{name}-{seed}{'' if traffic else '-no-logs'}"
    write_bundle(played(name, seed).evidence(traffic=traffic), path)
    return read_bundle(path)
