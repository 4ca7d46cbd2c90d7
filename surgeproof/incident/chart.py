"""Demand against capacity over an incident, as a chart that GitHub draws and as numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from surgeproof.incident.analysis import Incident, clock

POINTS_MAX: Final = 60
"""Most points of the chart."""


@dataclass(frozen=True, slots=True)
class Load:
    """Demand and capacity of a period."""

    begin: datetime
    requests_per_second: float
    capacity_per_second: float | None
    """None where it is not known how many targets were healthy."""
    bad_percent: float


def best_rate(incident: Incident) -> float | None:
    """Return what a healthy target was seen to carry with all well (requests/s), at the most.

    An estimate from below: a target may carry more than it was ever asked for. None where the
    evidence does not hold how many targets were healthy.
    """
    healthy = incident.analysis.metric("HealthyHostCount", "Minimum")
    seconds = incident.analysis.slot_length.total_seconds()
    if healthy is None:
        return None
    rates = [
        each.requests / seconds / count
        for each in incident.analysis.slots
        if each.bad_percent <= incident.bad_limit and (count := healthy.points.get(each.begin))
    ]
    return max(rates, default=None)


def loads(incident: Incident) -> list[Load]:
    """Return demand and capacity from half an hour before the incident to half an hour after."""
    analysis = incident.analysis
    healthy = analysis.metric("HealthyHostCount", "Minimum")
    rate = best_rate(incident)
    seconds = analysis.slot_length.total_seconds()
    around = timedelta(minutes=30)
    found = []
    for each in analysis.slots:
        if incident.begin - around <= each.begin < incident.end + around:
            count = healthy.points.get(each.begin) if healthy else None
            capacity = None if count is None or rate is None else count * rate
            found.append(Load(each.begin, each.requests / seconds, capacity, each.bad_percent))
    return found


def thinned(found: list[Load]) -> list[Load]:
    """Return at most as many points as a chart shows: of each stretch the worst."""
    width = -(-len(found) // POINTS_MAX)
    parts = [found[at : at + width] for at in range(0, len(found), width)] if found else []
    return [
        Load(
            part[0].begin,
            max(each.requests_per_second for each in part),
            min(
                (each.capacity_per_second for each in part if each.capacity_per_second is not None),
                default=None,
            ),
            max(each.bad_percent for each in part),
        )
        for part in parts
    ]


def chart(incident: Incident) -> Iterator[str]:
    """Yield the chart and its numbers as lines of Markdown."""
    found = loads(incident)
    points = thinned(found)
    rate = best_rate(incident)
    top = 1.1 * max(
        max(each.requests_per_second, each.capacity_per_second or 0.0) for each in points
    )
    length = (found[-1].begin - found[0].begin).total_seconds() / 60
    demand = ", ".join(f"{each.requests_per_second:.4g}" for each in points)
    yield "```mermaid"
    yield "xychart-beta"
    yield '  title "Requests/s that came (line) and what healthy targets carry (bars)"'
    yield f'  x-axis "minutes after {clock(found[0].begin)} UTC" 0 --> {length:.0f}'
    yield f'  y-axis "requests/s" 0 --> {top:.4g}'
    if rate is not None:
        yield f"  bar [{', '.join(f'{each.capacity_per_second or 0.0:.4g}' for each in points)}]"
    yield f"  line [{demand}]"
    yield "```"
    yield ""
    if rate is None:
        yield "How many targets were healthy is not in the evidence, so capacity is not known."
    else:
        yield (
            f"Capacity is an estimate from below: healthy targets times {rate:.1f} requests/s, the "
            "most that one was seen to carry with all well. Requests are what the load balancer "
            "saw, retries among them."
        )
    yield ""
    yield "| Time (UTC) | Requests/s | Capacity | Bad |"
    yield "|---|---|---|---|"
    for each in points[:: max(len(points) // 12, 1)]:
        capacity = "-" if each.capacity_per_second is None else f"{each.capacity_per_second:.0f}"
        yield (
            f"| {clock(each.begin)} | {each.requests_per_second:.0f} | {capacity} | "
            f"{each.bad_percent:.1f} % |"
        )
