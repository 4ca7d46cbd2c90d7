"""Rows of the conformance table: what AWS documents, and what the simulation's log must then be.

A row has the statement in our words, where AWS makes it, a small plan, and the expected log. All
run at the default step, as every replay does. `CW` is the Amazon CloudWatch user guide, `ASG` that
of Amazon EC2 Auto Scaling, `ALB` that of Application Load Balancers, `EC2` that of Amazon EC2, `BC`
the API reference in the service models that botocore ships.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from surgeproof import simulation
from surgeproof.plan import ScalingPlan
from surgeproof.simulation import Event
from tests.simulation.support import CERTAIN, Rates

SCALING = (Event.SCALE_OUT, Event.SCALE_IN, Event.SCHEDULED)
ALARMS = (Event.ALARM_ALARM, Event.ALARM_OK, Event.ALARM_INSUFFICIENT)

_WORDS = {
    Event.SCALE_OUT: "out to {desired}",
    Event.SCALE_IN: "in to {desired}",
    Event.SCHEDULED: "scheduled {desired}",
    Event.ALARM_ALARM: "{alarm} ALARM at {metric:.4g}",
    Event.ALARM_OK: "{alarm} OK at {metric:.4g}",
    Event.ALARM_INSUFFICIENT: "{alarm} INSUFFICIENT_DATA",
    Event.LAUNCH: "launch {subject}",
    Event.LAUNCH_FAILED: "no launch of {subject}",
    Event.LAUNCH_FROM_POOL: "launch {subject} from the pool",
    Event.IN_SERVICE: "in service {subject}",
    Event.WARM: "warm {subject}",
    Event.REPLACED: "replace {subject}",
    Event.TERMINATING: "terminating {subject}",
    Event.TERMINATED: "terminated {subject}",
    Event.REFRESH_STARTS: "refresh starts",
    Event.REFRESH_ENDS: "refresh ends",
    Event.REFRESH_FAILED: "refresh fails, {subject} left",
    Event.REFRESH_STOPPED: "refresh stopped",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One documented statement."""

    name: str
    says: str
    """The statement, in our words."""
    source: str
    """Guide and page."""
    plan: ScalingPlan
    load: Rates
    log: tuple[str, ...]
    """Expected events, each as `seconds what`, from the trace's start on."""
    events: tuple[Event, ...] = SCALING
    """Kinds of event that are looked at."""
    since: float = 0
    """Moment from which they are (seconds); replays begin with half an hour before the trace."""
    until: float = np.inf
    """Moment until which they are (seconds)."""
    injected: Sequence[simulation.Injected] = ()
    changes: Mapping[str, float] = field(default_factory=dict)

    def __str__(self):
        return self.name


def log_of(row):
    """Return what the simulation logs for a row, in the form of `Row.log`."""
    run = simulation.simulate(
        row.plan, row.load, injected=row.injected, changes=CERTAIN | dict(row.changes)
    )
    lines = []
    for entry in run.log:
        kind = Event(int(entry["event"]))
        if kind in row.events and row.since <= entry["t"] < row.until:
            names, subject = run.encoded.alarm_names, int(entry["subject"])
            words = _WORDS[kind].format(
                desired=entry["desired"],
                alarm=names[subject] if kind in ALARMS else "",
                metric=float(entry["metric"]),
                subject=subject,
            )
            lines.append(f"{float(entry['t']):g} {words}")
    return tuple(lines)


def minutes(*rates):
    """Return a load with one rate a minute (requests/s); a pair is a rate and its minutes."""
    spread = []
    for rate in rates:
        each, count = rate if isinstance(rate, tuple) else (rate, 1)
        spread += [each] * count
    return Rates(np.array(spread, float), 60.0)
