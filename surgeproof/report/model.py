"""The report: what was replayed, each verdict, and series short enough to be drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from surgeproof.plan.configured import Surviving
from surgeproof.simulation import ASSUMPTIONS, Bottleneck, Encoded, Event, Run, tell
from surgeproof.simulation.compiled.records import Floats
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.verdict import Judged, Verdict

SCHEMA: Final = 2
"""Version of the report; it changes when a field is renamed, removed or means something else."""

MOMENTS: Final = 500
"""Most moments of a timeline."""

_KINDS: Final = {
    Event.ALARM_ALARM: "alarm",
    Event.ALARM_OPEN: "alarm",
    Event.ALARM_OK: "ok",
    Event.COMPOSITE_ALARM: "alarm",
    Event.COMPOSITE_OPEN: "alarm",
    Event.COMPOSITE_OK: "ok",
    Event.SCALE_OUT: "scale_out",
    Event.SCALE_IN: "scale_in",
    Event.SCHEDULED: "scheduled",
    Event.INJECTION_STARTS: "injection",
    Event.INJECTION_ENDS: "injection",
    Event.BAD_STARTS: "harm",
    Event.BAD_ENDS: "harm",
    Event.AT_MAX_SIZE: "limit",
    Event.LAUNCH_FAILED: "limit",
    Event.CONNECTIONS_EXHAUSTED: "limit",
    Event.FAIL_OPEN_STARTS: "limit",
}

_COMPOSITE: Final = {Event.COMPOSITE_ALARM, Event.COMPOSITE_OPEN, Event.COMPOSITE_OK}

BEFORE: Final = "before"
"""Name of a fleet of fixed size, without policies, with one alarm."""

BEFORE_ALONE: Final = "before, nothing done"
"""Name of the fleet before where the outage is replayed without the measures that were taken."""

POINTS: Final = 360
"""Most points of a series that is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A trace as it was replayed."""

    name: str
    scale: float
    """What its requests were multiplied by."""
    meaning: str
    """What it stands for; empty for a file."""
    begins_seconds: float | None
    """When it begins (Unix time, seconds); None for a trace without dates."""
    seconds: float
    mean_requests_per_second: float
    peak_requests_per_second: float
    source: tuple[str, ...]
    """Where the numbers come from, with bad rows and gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The typical run over time, one value for every `step_seconds`."""

    step_seconds: float
    demand: tuple[float, ...]
    """Requests per second that users ask for, retries left out; the highest of the step."""
    attempts: tuple[float, ...]
    """Requests per second that arrive, retries among them; the highest of the step."""
    capacity: tuple[float, ...]
    """Requests per second that the instances carry; the lowest of the step."""
    answering: tuple[float, ...]
    """Instances that answer."""
    desired: tuple[float, ...]
    """Instances that the group wants."""
    bad_percent: tuple[float, ...]
    """Share of the requests that were bad (percent)."""
    hurt_percent: tuple[float, ...]
    """Share of the users of the minute that begins here, or of the step where it is longer, of whom
    a request was bad in it (percent)."""
    bottleneck: tuple[str, ...]
    """The limit without which the step would not fall short, of several the one that lasted longest
    in it; `none` where it does not fall short, `several` where no limit alone is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An alarm, a scaling action or a turn of events in the typical run."""

    at_seconds: float
    """Moment of the trace (seconds)."""
    kind: str
    """`alarm`, `ok`, `scale_out`, `scale_in`, `scheduled`, `injection`, `harm` or `limit`."""
    subject: str
    """Name of the alarm, the policy or the scheduled action; empty for all else."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One group of one stack under one trace."""

    stack: str
    """The stack; `before` for the fixed fleet without policies (under the outage with the measures
    that were taken), `before, nothing done` for the same without them."""
    compared: bool
    """Whether it is only there to be compared with."""
    plan_from: str
    """Where the plan is from: `program`, `state` (of what was deployed), `plan` (of a preview),
    `terraform` or `aws`, which were read; `fixed`, the stack's own with a fixed size; or `outage`,
    the fleet that the outage met."""
    trace: Replayed
    injected: tuple[str, ...]
    verdict: Verdict
    series: Series | None
    timeline: tuple[Moment, ...]
    """What people would notice of the typical run, in order: at most 500 moments."""
    timeline_left_out: int
    """Moments beyond these."""
    events: tuple[str, ...]
    """The log of the typical run in words; empty unless it was asked for."""
    suggestions: tuple[str, ...] = ()
    """Changes of the plan that were replayed, and what came of each; empty unless asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """An undocumented behaviour of AWS that the verdict sweeps."""

    name: str
    meaning: str
    low: float
    high: float
    unit: str
    provenance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that one command replayed."""

    schema_version: int
    verdict: Word
    """The worst of all that are not only compared with."""
    limits: Surviving
    replays: tuple[Replay, ...]
    assumptions: tuple[Assumed, ...]
    """Those that were swept for any of the replays."""


def report_of(replays: Sequence[Replay], limits: Surviving) -> Report:
    """Return the report on these replays."""
    words = {replay.verdict.word for replay in replays if not replay.compared}
    worst = next((word for word in (Word.FAILS, Word.UNCERTAIN) if word in words), Word.SURVIVES)
    return Report(
        schema_version=SCHEMA,
        verdict=worst,
        limits=limits,
        replays=tuple(replays),
        assumptions=tuple(
            Assumed(
                name=row.name,
                meaning=row.meaning,
                low=row.low,
                high=row.high,
                unit=row.unit,
                provenance=row.provenance,
            )
            for row in ASSUMPTIONS.values()
            if any(row.name in replay.verdict.swept for replay in replays)
        ),
    )


def series_of(judged: Judged, points: int = POINTS) -> Series | None:
    """Return the typical run with at most so many points, or None where nothing was run."""
    run = judged.run
    if run is None:
        return None
    step = float(run.encoded.scenario["step_seconds"][0])
    count = len(run.series)
    width = max(math.ceil(count / points), 1)
    starts = np.arange(0, count, width)

    def reduced(name: str, how: np.ufunc) -> tuple[float, ...]:
        return tuple(_rounded(how.reduceat(run.column(name), starts)))

    return Series(
        step_seconds=width * step,
        demand=reduced("demand", np.maximum),
        attempts=reduced("attempts", np.maximum),
        capacity=reduced("capacity", np.minimum),
        answering=reduced("answering", np.minimum),
        desired=reduced("desired", np.maximum),
        bad_percent=tuple(_rounded(_bad(run, starts))),
        hurt_percent=tuple(_rounded(_hurt(run, (starts * step).tolist(), max(60.0, width * step)))),
        bottleneck=tuple(_longest(part) for part in np.split(judged.moments, starts[1:])),
    )


def timeline_of(judged: Judged) -> tuple[tuple[Moment, ...], int]:
    """Return alarms that tell somebody, scaling actions, injections, bad spells; how many more."""
    run = judged.run
    if run is None:
        return (), 0
    encoded = run.encoded
    moments = []
    for entry in run.log:
        event, subject = Event(int(entry["event"])), int(entry["subject"])
        kind = _KINDS.get(event)
        if kind is None or entry["t"] < 0:
            continue
        if kind in {"alarm", "ok"} and event not in _COMPOSITE:
            rule = encoded.alarms[subject]
            if rule["role"] != 0 or not rule["notifies"]:
                continue
        told = tell(encoded, entry).partition("  ")[2].partition("  [")[0]
        moments.append(
            Moment(
                at_seconds=float(entry["t"]),
                kind=kind,
                subject=_subject(encoded, event, subject),
                words=told,
            )
        )
    return tuple(moments[:MOMENTS]), max(len(moments) - MOMENTS, 0)


def _subject(encoded: Encoded, event: Event, subject: int) -> str:
    names: Sequence[str] = ()
    if event in {Event.ALARM_ALARM, Event.ALARM_OPEN, Event.ALARM_OK}:
        names = encoded.alarm_names
    elif event in _COMPOSITE:
        names = encoded.composite_names
    elif event in {Event.SCALE_OUT, Event.SCALE_IN, Event.AT_MAX_SIZE}:
        names = encoded.policy_names
    elif event is Event.SCHEDULED:
        names = encoded.schedule_names
    return names[subject] if 0 <= subject < len(names) else ""


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values.tolist()]


def _bad(run: Run, starts: np.ndarray) -> Floats:
    requests = np.add.reduceat(run.arrivals, starts)
    bad = np.add.reduceat(run.arrivals * run.bad, starts)
    return np.asarray(100.0 * bad / np.maximum(requests, 1e-12), np.float64)


def _hurt(run: Run, starts: Sequence[float], seconds: float) -> Floats:
    if not run.bad.any():
        return np.zeros(len(starts))
    windows = ((start, start + seconds) for start in starts)
    return np.array([run.affected_percent_within(*window) for window in windows])


def _longest(part: npt.NDArray[np.int64]) -> str:
    """Return the limit that lasted longest, if any was there at all."""
    codes, counts = np.unique(part[part > 0], return_counts=True)
    return str(list(Bottleneck)[int(codes[counts.argmax()]) if codes.size else 0])
