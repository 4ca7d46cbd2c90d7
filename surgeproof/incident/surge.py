"""The traffic of an incident as a trace, which `surges` can hold the stack to."""

from datetime import timedelta
from typing import Final

import numpy as np

from surgeproof.incident.analysis import Analysis, Incident
from surgeproof.incident.evidence import EvidenceError, Minute
from surgeproof.incident.traffic import STEP_SECONDS
from surgeproof.traces.trace import Trace

AROUND: Final = timedelta(minutes=30)
"""How much of the time before and after the incident the trace holds."""


def trace_of(incident: Incident) -> Trace:
    """Return the requests from half an hour before the incident to half an hour after it.

    They are what the load balancer saw: retries among them, and, from metrics, without what it
    refused. The replay adds retries of its own, so the trace asks for no less than what came.

    Raises EvidenceError where the evidence holds no requests.
    """
    analysis = incident.analysis
    begin, end = incident.begin - AROUND, incident.end + AROUND
    name = f"incident-{incident.begin:%Y-%m-%d}"
    minutes = [
        row.value for row in analysis.evidence.rows(Minute) if begin <= row.value.begin < end
    ]
    if minutes:
        start = minutes[0].begin
        length = round((minutes[-1].begin - start).total_seconds()) + 60
        rates = np.zeros(length // STEP_SECONDS)
        for each in minutes:
            at = round((each.begin - start).total_seconds()) // STEP_SECONDS
            rates[at : at + len(each.steps)] += np.array(each.steps) / STEP_SECONDS
        return Trace(
            name,
            requests_per_second=rates,
            step_seconds=STEP_SECONDS,
            start_seconds=start.timestamp(),
            dated=True,
            provenance=("requests of the access logs, retries among them",),
        )
    return _of_metric(analysis, name, incident)


def _of_metric(analysis: Analysis, name: str, incident: Incident) -> Trace:
    count = analysis.metric("RequestCount", "Sum")
    if count is None:
        raise EvidenceError("metrics.jsonl: must hold RequestCount, got none")
    points = {
        at: value
        for at, value in count.points.items()
        if incident.begin - AROUND <= at < incident.end + AROUND
    }
    start = min(points)
    period = count.period_seconds
    rates = np.zeros(round((max(points) - start).total_seconds()) // period + 1)
    absent = np.ones(rates.size, np.bool_)
    for at, value in points.items():
        place = round((at - start).total_seconds()) // period
        rates[place] = value / period
        absent[place] = False
    return Trace(
        name,
        requests_per_second=rates,
        step_seconds=period,
        start_seconds=start.timestamp(),
        dated=True,
        absent=absent,
        provenance=(
            "RequestCount, retries among them, without what the load balancer itself refused",
        ),
    )
