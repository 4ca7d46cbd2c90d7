"""AWS's scaling semantics, the service model and the clock: pure, seeded, without I/O.

`simulate` runs a plan against a trace and returns log, series and totals; `sweep` runs many
scenarios of it in the same kernel. What is modelled and what is not: docs/simulation.md.
"""

from surgeproof.simulation.assumptions import ASSUMPTIONS, Assumption
from surgeproof.simulation.bottlenecks import Bottleneck
from surgeproof.simulation.compiled.records import SERIES, Event, Injection
from surgeproof.simulation.encode import Encoded, encode
from surgeproof.simulation.injections import Injected
from surgeproof.simulation.load import Load
from surgeproof.simulation.run import Run, run, simulate, sweep, tell
from surgeproof.simulation.scenarios import Scenarios, Survey, changed, latin_hypercube, survey

__all__ = [
    "ASSUMPTIONS",
    "SERIES",
    "Assumption",
    "Bottleneck",
    "Encoded",
    "Event",
    "Injected",
    "Injection",
    "Load",
    "Run",
    "Scenarios",
    "Survey",
    "changed",
    "encode",
    "latin_hypercube",
    "run",
    "simulate",
    "survey",
    "sweep",
    "tell",
]
