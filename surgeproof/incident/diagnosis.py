"""Which root cause the evidence suggests, by rules that are written down, and why.

The question that decides is whether *new* demand came. Retries follow failures, so requests alone
do not tell: new demand is what more clients send, or, without access logs, requests beyond what
the failures just before can have brought back. Each other cause needs a trace of its own before
anybody was hurt. Where the traces of several are there, or of none, the cause is undetermined.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import Final

from surgeproof.incident.analysis import Analysis, Happening, Incident, Metric, Ref, clock
from surgeproof.incident.causes import Cause
from surgeproof.incident.evidence import Alarm

MORE: Final = 1.3
"""Factor of what is usual from which demand counts as more."""

DATABASE_WORSE: Final = 2.0
"""Factor of what is usual from which the database counts as worse."""

RETRIED: Final = 1.5
"""Factor from which requests of a client count as retries."""

LATE: Final = timedelta(minutes=10)
"""How long after its last breaching data point an alarm may go off; CloudWatch needs some."""

DEPLOYED: Final = timedelta(minutes=45)
"""How long before an incident a deployment may have begun to be its cause."""

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {
        "GreaterThanThreshold": operator.gt,
        "GreaterThanOrEqualToThreshold": operator.ge,
        "LessThanThreshold": operator.lt,
        "LessThanOrEqualToThreshold": operator.le,
    }
)


@dataclass(frozen=True, slots=True)
class Point:
    """Something that the evidence shows, with the place that shows it."""

    says: str
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The cause that is suggested, for and against."""

    cause: Cause
    points: tuple[Point, ...]
    """What suggests it."""
    against: tuple[Point, ...]
    """What else the evidence shows, and does not suggest it."""
    growth: float | None
    """New demand as a multiple of the usual; None where it is not known."""


def diagnose(incident: Incident) -> Diagnosis:
    """Return the cause that the evidence suggests."""
    growth, demand = _demand(incident)
    signs = {
        Cause.ZONE_LOST: _zone(incident),
        Cause.BAD_DEPLOYMENT: _deployment(incident),
        Cause.SLOW_DATABASE: _database(incident, growth or 1.0),
    }
    late = _late(incident)
    storm = _storm(incident)
    found = {cause: points for cause, points in signs.items() if points}
    others = [point for points in found.values() for point in points]
    if growth is None:
        cause, points = Cause.UNDETERMINED, []
    elif growth >= MORE and late and not found:
        cause, points = Cause.METRICS_LATE, [*late, *demand]
    elif growth >= MORE and not found:
        cause, points = Cause.SURGE, [*demand, *_exhausted(incident)]
    elif growth < MORE and len(found) == 1:
        ((cause, points),) = found.items()
        points = [*points, *demand]
    elif growth < MORE and not found and storm:
        cause, points = Cause.RETRY_STORM, [*storm, *demand]
    else:
        cause, points = Cause.UNDETERMINED, []
    known = [*demand, *others, *late, *storm]
    against = tuple(dict.fromkeys(each for each in known if each not in points))
    return Diagnosis(
        cause=cause, points=tuple(dict.fromkeys(points)), against=against, growth=growth
    )


def _demand(incident: Incident) -> tuple[float | None, list[Point]]:
    """Return new demand as a multiple of the usual, and what shows it."""
    usual = incident.usual_requests
    if not usual:
        return None, []
    analysis = incident.analysis
    slots = [
        each
        for each in analysis.slots
        if incident.begin - timedelta(minutes=3) <= each.begin < incident.end
    ]
    by_clients = None
    points = []
    if incident.usual_clients:
        early = [each for each in slots if each.begin < incident.begin + timedelta(minutes=15)]
        ranked = sorted(early, key=lambda each: each.clients or 0)
        # Of the first quarter of an hour the minute in the middle: one alone may be chance.
        most = ranked[len(ranked) * 2 // 3]
        by_clients = (most.clients or 0) / incident.usual_clients
        points.append(
            Point(
                f"{most.clients:,} clients a minute at {clock(most.begin)}, {by_clients:.2f} times "
                f"the {incident.usual_clients:,.0f} before",
                most.ref,
            )
        )
    fresh, best = 0.0, None
    for before, each in pairwise(slots):
        new = each.requests - each.failed - before.failed
        if new > fresh:
            fresh, best = new, each
    if best is not None:
        points.append(
            Point(
                f"at least {fresh:,.0f} requests at {clock(best.begin)} that no retry explains, "
                f"{fresh / usual:.2f} times the {usual:,.0f} before",
                best.ref,
            )
        )
    by_requests = fresh / usual
    if by_clients is None:
        return by_requests, points
    if by_clients < MORE <= by_requests:
        # Few clients that send much: no surge of users, and none of the other causes either.
        analysis.doubts.append(
            f"Contradictory: new requests are {by_requests:.2f} times the usual, clients only "
            f"{by_clients:.2f} times: some clients send much more than before."
        )
        return None, points
    return by_clients, points


def _exhausted(incident: Incident) -> list[Point]:
    """Return what shows that the group could not carry more, or not in time."""
    points = []
    for group, ref in incident.analysis.groups:
        if group.min_size == group.max_size:
            points.append(
                Point(f"the group has a fixed size: minimum and maximum are {group.max_size}", ref)
            )
        elif at_maximum(incident):
            points.append(Point(f"the group was at its maximum, {group.max_size}", ref))
    healthy = incident.analysis.metric("HealthyHostCount", "Minimum")
    if healthy is not None:
        usual = healthy.within(incident.begin - timedelta(hours=1), incident.begin)
        least = healthy.within(incident.begin, incident.end)
        if usual and least and min(least) < median(usual):
            points.append(
                Point(
                    f"healthy targets fell from {median(usual):.0f} to {min(least):.0f} after "
                    "the overload began",
                    healthy.ref,
                )
            )
    return points


def at_maximum(incident: Incident) -> bool:
    """Whether the group's instances were at its maximum size in the incident."""
    running = incident.analysis.metric("GroupInServiceInstances", "Average", "AWS/AutoScaling")
    most = incident.analysis.metric("GroupMaxSize", "Average", "AWS/AutoScaling")
    if running is None or most is None:
        return False
    tops = most.within(incident.begin, incident.end)
    there = running.within(incident.begin, incident.end)
    return bool(tops and there) and max(there) >= max(tops)


def _zone(incident: Incident) -> list[Point]:
    """Return what shows that one zone took its instances with it."""
    near = [
        each
        for each in incident.analysis.happenings
        if each.kind == "end"
        and "EC2 health check" in each.because
        and abs(each.at - incident.begin) <= timedelta(minutes=10)
    ]
    zones = {each.zone for each in near}
    spanned = {zone for group, _ in incident.analysis.groups for zone in group.availability_zones}
    if len(near) < 2 or len(zones) != 1 or len(spanned) < 2:
        return []
    (zone,) = zones
    points = [
        Point(
            f"{len(near)} instances, all in {zone}, were gone by EC2's own health check at "
            f"{clock(near[0].at)}",
            near[0].refs[0],
        )
    ]
    failed = [
        each
        for each in incident.analysis.happenings
        if each.kind == "failed launch" and incident.begin <= each.at < incident.end
    ]
    if failed:
        points.append(
            Point(f"launches failed, the first at {clock(failed[0].at)}", failed[0].refs[0])
        )
    return points


def _deployment(incident: Incident) -> list[Point]:
    """Return what shows that a deployment began before users were hurt."""
    refreshes = [each for each in incident.analysis.happenings if each.kind == "refresh"]
    begun = [
        each
        for each in refreshes
        if each.became == "Started" and incident.begin - DEPLOYED <= each.at <= incident.begin
    ]
    if not begun:
        return []
    early = (incident.begin - begun[-1].at).total_seconds() / 60
    points = [
        Point(
            f"an instance refresh started at {clock(begun[-1].at)}, {early:.0f} minutes before "
            "users were hurt",
            begun[-1].refs[0],
        )
    ]
    points += [
        Point(f"it was rolled back from {clock(each.at)}", each.refs[0])
        for each in refreshes
        if each.became == "Rollback Started" and each.at >= incident.begin
    ]
    return points


def _database(incident: Incident, growth: float) -> list[Point]:
    """Return what shows that the database was worse for most of the incident."""
    points = []
    for name in ("ReadLatency", "WriteLatency", "CPUUtilization", "DatabaseConnections", "DBLoad"):
        metric = incident.analysis.metric(name, "Average", "AWS/RDS")
        if metric is None:
            continue
        usual = metric.within(incident.begin - timedelta(hours=1), incident.begin)
        during = metric.within(incident.begin, incident.end)
        if not usual or not during or not median(usual):
            continue
        bound = DATABASE_WORSE * max(growth, 1.0) * median(usual)
        worse = sum(value >= bound for value in during)
        if 2 * worse >= len(during) and during[0] >= bound:
            points.append(
                Point(
                    f"the database's {name} was {max(during) / median(usual):.1f} times the usual, "
                    f"from the first minute on, in {worse} of {len(during)}",
                    metric.ref,
                )
            )
    return points


def _storm(incident: Incident) -> list[Point]:
    """Return what shows that clients sent the same again and again."""
    usual, clients = incident.usual_requests, incident.usual_clients
    mine = incident.slots()
    if not usual or not mine:
        return []
    most = max(mine, key=lambda each: each.requests)
    if most.requests / usual < RETRIED:
        return []
    if clients and most.clients:
        each_now, each_before = most.requests / most.clients, usual / clients
        if each_now / each_before < RETRIED:
            return []
        says = (
            f"{each_now:.1f} requests of each client at {clock(most.begin)}, {each_before:.1f} "
            "before"
        )
    else:
        says = (
            f"{most.requests:,.0f} requests at {clock(most.begin)}, {most.requests / usual:.1f} "
            f"times the usual, {most.failed:,.0f} of them failed"
        )
    return [Point(says, most.ref)]


def _late(incident: Incident) -> list[Point]:
    """Return what shows that the first alarm went off long after its metric called for it."""
    first = first_alarm(incident)
    if first is None:
        return []
    found = delay_of(incident.analysis, first)
    if found is None or found[0] <= LATE:
        return []
    minutes = found[0].total_seconds() / 60
    points = [
        Point(
            f"the first alarm, {first.name}, went off at {clock(first.at)}, {minutes:.0f} minutes "
            f"after its metric had breached for long enough ({clock(found[1])})",
            first.refs[0],
        )
    ]
    blind = [
        each
        for each in incident.analysis.happenings
        if each.kind == "alarm" and each.became == "INSUFFICIENT_DATA" and each.at < incident.end
    ]
    if blind:
        points.append(
            Point(f"{blind[-1].name} had no data from {clock(blind[-1].at)} on", blind[-1].refs[0])
        )
    return points


def first_alarm(incident: Incident) -> Happening | None:
    """Return the first alarm of the incident; those that target tracking keeps do not count."""
    begin = incident.begin - timedelta(minutes=30)
    return next(
        (
            each
            for each in incident.analysis.happenings
            if each.kind == "alarm"
            and each.became == "ALARM"
            and begin <= each.at < incident.end
            and not each.name.startswith("TargetTracking-")
        ),
        None,
    )


def delay_of(analysis: Analysis, change: Happening) -> tuple[timedelta, datetime] | None:
    """Return how late an alarm went off, and when its metric had breached for long enough.

    None where its metric is not in the evidence, or never breached for so long.
    """
    alarm, _ = analysis.alarms.get(change.name, (None, None))
    if alarm is None or alarm.threshold is None or alarm.comparison_operator not in _COMPARE:
        return None
    metric = _watched(analysis, alarm)
    if metric is None:
        return None
    breaches = _COMPARE[alarm.comparison_operator]
    width = timedelta(seconds=metric.period_seconds)
    run, last = 0, None
    for at, value in metric.points.items():
        if at + width > change.at:
            break
        if not breaches(value, alarm.threshold):
            run = 0
        elif last is not None and at - last == width:
            run += 1
        else:
            run = 1
        last = at
        if run == alarm.evaluation_periods and at >= change.at - timedelta(hours=2):
            return change.at - (at + width), at + width
    return None


def _watched(analysis: Analysis, alarm: Alarm) -> Metric | None:
    statistic = alarm.extended_statistic or alarm.statistic or ""
    return analysis.metrics.get((alarm.namespace, alarm.metric_name, statistic))
