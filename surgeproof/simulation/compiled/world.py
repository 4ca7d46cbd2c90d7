"""What one run works on: the rules, the state and the results, as named arrays."""

from typing import NamedTuple

from surgeproof.simulation.compiled._compile import compiled
from surgeproof.simulation.compiled.records import Floats, Integers, Points, Record, Records


class World(NamedTuple):
    """The rules of a run, its state, and where its results go; the kernel's one argument."""

    scenario: Record
    alarms: Records
    policies: Records
    decisions: Records
    """Policies that alarms run in the step under way."""
    steps: Records
    schedules: Records
    composites: Records
    demand: Floats
    """Requests per second (or users, where they are closed), one value a step."""
    alarm_states: Records
    composite_states: Records
    injections: Records
    instances: Records
    fleet: Record
    sums: Floats
    minutes: Floats
    extremes: Floats
    ticks: Floats
    erlang: Floats
    points: Points
    history: Points
    """Points of each alarm by period (a ring): -1 absent, 0 or 1 breaching."""
    above_columns: Integers
    above_factors: Floats
    below_columns: Integers
    below_factors: Floats
    """The terms of each alarm's metric."""
    bounds: Floats
    """Response times that matter (seconds): time-out, objective, those that alarms name."""
    slow_bounds: int
    """How many bounds alarms name."""
    one: Floats
    total: Floats
    """What becomes of a request, at one instance and at all; see `instance_queue`."""
    retries: Floats
    """Attempts per second that come again, by step (a ring) and number of the attempt."""
    at_once: Floats
    """Those of them that come again within the step, by number of the attempt."""
    bad: Floats
    """Share of the requests that were bad, one value a step."""
    arrivals: Floats
    """Requests per second that were offered, retries not counted, one value a step."""
    flows: Floats
    waiting: Floats
    """Users by how many requests they have made, everybody and those spared; see `users`."""
    series: Floats
    log: Records
    summary: Record


@compiled
def note(w: World, t: float, event: int, subject: int, metric: float) -> None:
    """Write an entry into the log; beyond its end, entries are only counted."""
    place = w.summary.events
    if place < w.log.size:
        entry = w.log[place]
        entry.t = t
        entry.event = event
        entry.subject = subject
        entry.desired = w.fleet.desired
        entry.in_service = w.fleet.in_service
        entry.metric = metric
        w.summary.events = place + 1
    else:
        w.summary.events_dropped += 1
