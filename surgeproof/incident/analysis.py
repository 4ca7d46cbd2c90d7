"""What the evidence of an incident shows: its minutes, its alarms, who was hurt, what was done.

Nothing is read here but `evidence.Evidence`, and nothing is filled in: what is missing or
contradictory is among the doubts.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from statistics import median
from typing import Any, Final

from surgeproof.incident.evidence import (
    Activity,
    Alarm,
    Clients,
    Event,
    Evidence,
    EvidenceError,
    Group,
    HistoryItem,
    Minute,
    Series,
)
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json

BAD_PERCENT: Final = 1.0
"""Share of bad requests beyond which a minute is bad, where the stack promises none (percent)."""

GAP: Final = timedelta(minutes=15)
"""Bad minutes that lie closer together are one incident."""

HISTORY_KEPT: Final = timedelta(days=30)
"""CloudWatch keeps the history of alarms for 30 days (DescribeAlarmHistory and its guide)."""

PROGRESS_ROWS: Final = 10_000
"""Rows after which progress is reported again."""

_SAME: Final = timedelta(seconds=2)
"""Two records of one change of an alarm may differ by so much."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A place in the evidence: a line of a bundle's file."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that AWS noted: a change of an alarm, an instance, a refresh, a runbook."""

    at: datetime
    kind: str
    """`alarm`, `launch`, `end`, `failed launch`, `refresh` or `runbook`."""
    name: str
    became: str
    because: str
    refs: tuple[Ref, ...]
    zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A minute, or a longer period where metrics are older."""

    begin: datetime
    requests: float
    failed: float
    slow: float
    clients: int | None
    ref: Ref

    @property
    def bad_percent(self) -> float:
        """Share of the requests that were bad (percent)."""
        return 100 * (self.failed + self.slow) / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric's data points."""

    name: str
    namespace: str
    statistic: str
    period_seconds: int
    points: Mapping[datetime, float]
    ref: Ref

    def within(self, begin: datetime, end: datetime) -> list[float]:
        """Return the values of the periods that begin in a span."""
        return [value for at, value in self.points.items() if begin <= at < end]


@dataclass(slots=True)
class Analysis:
    """The evidence, read once."""

    evidence: Evidence
    say: Callable[[str], None]
    doubts: list[str] = field(default_factory=list)
    """What is missing or contradictory, one sentence each."""
    alarms: dict[str, tuple[Alarm, Ref]] = field(default_factory=dict)
    groups: list[tuple[Group, Ref]] = field(default_factory=list)
    metrics: dict[tuple[str, str, str], Metric] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    source: str = ""
    """What the slots are made of: `access logs` or `metrics`."""

    @property
    def slot_length(self) -> timedelta:
        """Length of a slot."""
        if self.source == "metrics":
            count = self.metrics["AWS/ApplicationELB", "RequestCount", "Sum"]
            return timedelta(seconds=count.period_seconds)
        return timedelta(minutes=1)

    def metric(
        self, name: str, statistic: str, namespace: str = "AWS/ApplicationELB"
    ) -> Metric | None:
        """Return a metric that the evidence holds; None where it does not."""
        return self.metrics.get((namespace, name, statistic))


def analyse(evidence: Evidence, say: Callable[[str], None] = lambda _: None) -> Analysis:
    """Read the evidence; `say` is given how far it is.

    Raises EvidenceError for what does not have AWS's shapes.
    """
    found = Analysis(evidence, say=say)
    found.alarms = {row.value.alarm_name: (row.value, Ref(row.file, row.line))
                    for row in evidence.rows(Alarm)}  # fmt: skip
    found.groups = [(row.value, Ref(row.file, row.line)) for row in evidence.rows(Group)]
    for each in evidence.manifest.missing:
        found.doubts.append(f"Missing: {each.what} ({each.why}).")
    _read_metrics(found)
    _read_happenings(found)
    _read_slots(found)
    return found


def _read_metrics(found: Analysis) -> None:
    for row in found.evidence.rows(Series):
        query, result = row.value.metric_data_query.metric_stat, row.value.metric_data_result
        place = f"{row.file}:{row.line}"
        if len(result.timestamps) != len(result.values):
            raise EvidenceError(
                f"{place}: must have as many Timestamps as Values ({len(result.timestamps)}), "
                f"got {len(result.values)}"
            )
        if result.status_code != "Complete":
            found.doubts.append(
                f"Missing: CloudWatch did not give {query.metric.metric_name} completely "
                f"({result.status_code})."
            )
        metric = Metric(
            name=query.metric.metric_name,
            namespace=query.metric.namespace,
            statistic=query.stat,
            period_seconds=query.period,
            points=dict(sorted(zip(result.timestamps, result.values, strict=True))),
            ref=Ref(row.file, row.line),
        )
        found.metrics[metric.namespace, metric.name, metric.statistic] = metric


def _read_happenings(found: Analysis) -> None:
    """Read the timeline, the alarms' history and the activities, and join what is told twice."""
    evidence, group = found.evidence, found.evidence.manifest.group
    changes: list[Happening] = []
    unreadable = 0
    for row in evidence.rows(Event):
        if row.line % PROGRESS_ROWS == 0:
            found.say(f"read {row.line:,} entries of the timeline")
        try:
            event = parse_json(row.value.message, f"{row.file}:{row.line}")
            at = datetime.fromtimestamp(row.value.timestamp / 1000, UTC)
            changes += _of_event(event, at, Ref(row.file, row.line))
        except (DocumentError, KeyError, TypeError, AttributeError):
            unreadable += 1
    if unreadable:
        found.doubts.append(f"Missing: {unreadable:,} entries of the timeline cannot be read.")
    by_timeline = [each for each in changes if each.kind == "alarm"]
    by_history = [
        _of_history(item.value, Ref(item.file, item.line))
        for item in evidence.rows(HistoryItem)
        if item.value.history_item_type == "StateUpdate"
    ]
    joined = _joined(found, by_timeline, by_history, f"{group}-")
    activities = [
        _of_activity(row.value, Ref(row.file, row.line)) for row in evidence.rows(Activity)
    ]
    others = [each for each in changes if each.kind in {"refresh", "runbook"}]
    if not activities:
        # Auto Scaling keeps its activities for six weeks; the timeline has them for longer.
        activities = [each for each in changes if each.kind in {"launch", "end", "failed launch"}]
    found.happenings = sorted([*joined, *others, *activities], key=lambda each: each.at)


def _joined(
    found: Analysis, timeline: list[Happening], history: list[Happening], prefix: str
) -> list[Happening]:
    """Return each change of an alarm once, and say where the two sources do not agree."""
    manifest = found.evidence.manifest
    left: dict[tuple[str, str], deque[Happening]] = {}
    for each in sorted(history, key=lambda change: change.at):
        left.setdefault((each.name, each.became), deque()).append(each)
    joined, alone, rest = [], [], []
    for each in sorted(timeline, key=lambda change: change.at):
        twins = left.get((each.name, each.became), deque())
        while twins and twins[0].at < each.at - _SAME:
            rest.append(twins.popleft())
        if twins and twins[0].at <= each.at + _SAME:
            joined.append(_with_refs(twins.popleft(), each.refs))
        else:
            alone.append(each)
            joined.append(each)
    rest += [each for twins in left.values() for each in twins]
    joined += rest
    is_kept = manifest.taken - manifest.begin <= HISTORY_KEPT
    if alone and is_kept:
        found.doubts.append(
            f"Contradictory: the timeline holds {len(alone)} changes of alarms that the alarm "
            f"history does not, the first of {alone[0].name} at {clock(alone[0].at)}."
        )
    if alone and not is_kept:
        found.doubts.append(
            "Missing: CloudWatch keeps the history of alarms for 30 days; changes of alarms are "
            "the timeline's."
        )
    ours = [each for each in rest if each.name.startswith(prefix)]
    if ours:
        first = min(ours, key=lambda each: each.at)
        kind = "Contradictory" if timeline else "Missing"
        found.doubts.append(
            f"{kind}: the alarm history holds {len(ours)} changes of alarms that the timeline does "
            f"not, the first of {first.name} at {clock(first.at)}."
        )
    if not timeline and not history:
        found.doubts.append("Missing: no change of an alarm, neither in timeline nor in history.")
    return joined


def _with_refs(one: Happening, refs: Iterable[Ref]) -> Happening:
    return Happening(
        one.at, one.kind, one.name, one.became, one.because, (*one.refs, *refs), one.zone
    )


def _of_event(event: Mapping[str, Any], at: datetime, ref: Ref) -> list[Happening]:
    """Return what an event of the timeline says; nothing for one of another kind."""
    kind, detail = event["detail-type"], event["detail"]
    if kind == "CloudWatch Alarm State Change":
        state = detail["state"]
        exact = _moment(state.get("timestamp")) or at
        return [
            Happening(
                exact, "alarm", detail["alarmName"], state["value"], state.get("reason", ""), (ref,)
            )
        ]
    if kind.startswith("EC2 Auto Scaling Instance Refresh "):
        became = kind.removeprefix("EC2 Auto Scaling Instance Refresh ")
        return [Happening(at, "refresh", detail.get("InstanceRefreshId", ""), became, "", (ref,))]
    if kind == "EC2 Automation Execution Status-change Notification":
        by = detail.get("ExecutedBy", "")
        return [Happening(at, "runbook", detail["Definition"], detail["Status"], by, (ref,))]
    if kind.startswith("EC2 Instance "):
        what = "launch" if "Launch" in kind else "end"
        if kind.endswith("Unsuccessful"):
            what = "failed launch" if what == "launch" else "failed end"
        zone = detail.get("Details", {}).get("Availability Zone", "")
        name = detail.get("EC2InstanceId", "")
        return [Happening(at, what, name, "", detail.get("Cause", ""), (ref,), zone)]
    return []


def _of_history(item: HistoryItem, ref: Ref) -> Happening:
    try:
        new = parse_json(item.history_data, item.alarm_name).get("newState", {})
    except (DocumentError, AttributeError):
        new = {}
    became = new.get("stateValue") or item.history_summary.rpartition(" to ")[2]
    return Happening(
        item.timestamp, "alarm", item.alarm_name, became, new.get("stateReason", ""), (ref,)
    )


def _of_activity(each: Activity, ref: Ref) -> Happening:
    what = "launch" if each.description.startswith("Launching") else "end"
    if each.status_code in {"Failed", "Cancelled"}:
        what = "failed launch" if what == "launch" else "failed end"
    try:
        zone = json.dumps(parse_json(each.details, each.activity_id).get("Availability Zone", ""))
    except (DocumentError, AttributeError):
        zone = ""
    name = each.description.rpartition(": ")[2]
    return Happening(
        each.start_time, what, name, each.status_code, each.cause, (ref,), zone.strip('"')
    )


def _moment(text: object) -> datetime | None:
    """Return a moment as CloudWatch's events spell it: `2023-01-15T08:45:00.000+0000`."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return None


def _read_slots(found: Analysis) -> None:
    rows = list(found.evidence.rows(Minute))
    count = found.metric("RequestCount", "Sum")
    if rows:
        found.source = "access logs"
        found.slots = [
            Slot(
                begin=row.value.begin,
                requests=row.value.requests,
                failed=row.value.failed,
                slow=row.value.slow,
                clients=row.value.clients,
                ref=Ref(row.file, row.line),
            )
            for row in rows
        ]
        _compare(found, count)
        return
    if count is None or not count.points:
        found.doubts.append("Missing: neither access logs nor RequestCount; demand is not known.")
        return
    found.source = "metrics"
    found.slots = _slots_of_metrics(found, count)


def _slots_of_metrics(found: Analysis, count: Metric) -> list[Slot]:
    """Return the slots as far as metrics tell: errors by their counts, lateness by p95."""
    good = found.metric("HTTPCode_Target_2XX_Count", "Sum")
    errors = [
        each
        for name in ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
        if (each := found.metric(name, "Sum"))
    ]
    p95 = found.metric("TargetResponseTime", "p95")
    bound = _bound(found)
    if p95 is None or bound is None:
        found.doubts.append("Missing: nothing says how many answers were slow.")
    slots = []
    for at, requests in count.points.items():
        # What timed out at the client is no server error, and no 2XX either.
        failed = sum(each.points.get(at, 0.0) for each in errors)
        if good is not None:
            failed = max(failed, requests - good.points.get(at, 0.0))
        late = p95 is not None and bound is not None and p95.points.get(at, 0.0) > bound
        slow = 0.05 * max(requests - failed, 0.0) if late else 0.0
        slots.append(
            Slot(
                begin=at,
                requests=requests,
                failed=min(failed, requests),
                slow=slow,
                clients=None,
                ref=count.ref,
            )
        )
    return slots


def _bound(found: Analysis) -> float | None:
    """Return the p95 from which users wait: the promise's bound, or that of the alarm on it."""
    bounds = [
        alarm.threshold
        for alarm, _ in found.alarms.values()
        if alarm.metric_name == "TargetResponseTime"
        and alarm.extended_statistic == "p95"
        and alarm.threshold is not None
    ]
    promised = found.evidence.manifest.slow_seconds
    return min([*bounds, *([] if promised is None else [promised])], default=None)


def _compare(found: Analysis, count: Metric | None) -> None:
    """Say where access logs and RequestCount do not agree."""
    if count is None or count.period_seconds != 60 or not count.points:
        return
    logged = sum(slot.requests for slot in found.slots if slot.begin in count.points)
    counted = sum(count.points.get(slot.begin, 0.0) for slot in found.slots)
    shed = found.metric("HTTP_Fixed_Response_Count", "Sum")
    counted += sum(shed.points.values()) if shed else 0.0
    if counted and not 0.8 <= logged / counted <= 1.25:
        found.doubts.append(
            f"Contradictory: the access logs hold {logged:,.0f} requests, RequestCount and fixed "
            f"responses {counted:,.0f} in the same minutes. Access logs are best effort."
        )


@dataclass(frozen=True)
class Incident:
    """The span in which users were hurt, and what it is compared with."""

    analysis: Analysis
    begin: datetime
    """Beginning of the first bad slot."""
    end: datetime
    """End of the last bad slot."""
    is_cut_before: bool
    """Whether the first slot of the evidence is bad already."""
    is_cut_after: bool
    """Whether the last one is still bad."""
    others: int
    """Bad slots outside of the incident."""

    @property
    def minutes(self) -> int:
        """How long it lasted (minutes)."""
        return round((self.end - self.begin).total_seconds() / 60)

    def slots(self) -> list[Slot]:
        """Return the slots of the incident."""
        return [each for each in self.analysis.slots if self.begin <= each.begin < self.end]

    @cached_property
    def before(self) -> list[Slot]:
        """Slots of the hour before it, without the last minutes: what was usual."""
        first, last = self.begin - timedelta(hours=1), self.begin - timedelta(minutes=5)
        mine = [each for each in self.analysis.slots if first <= each.begin < last]
        return [each for each in mine if each.bad_percent <= self.bad_limit]

    @property
    def bad_limit(self) -> float:
        """Share of bad requests beyond which a slot is bad (percent)."""
        promised = self.analysis.evidence.manifest.bad_percent
        return BAD_PERCENT if promised is None else promised

    @cached_property
    def usual_requests(self) -> float | None:
        """Requests of a slot before it (requests); None where nothing is known of before."""
        return median(each.requests for each in self.before) if len(self.before) >= 3 else None

    @cached_property
    def usual_clients(self) -> float | None:
        """Clients of a slot before it."""
        known = [each.clients for each in self.before if each.clients is not None]
        return median(known) if len(known) >= 3 else None

    def bad_requests(self) -> tuple[float, float]:
        """Return how many requests were bad, and how many there were."""
        mine = self.slots()
        bad = sum(each.failed + each.slow for each in mine)
        return bad, sum(each.requests for each in mine)

    def users(self) -> tuple[int, int] | None:
        """Return how many clients were hurt, and how many were there; None without access logs."""
        hurt = there = 0
        for row in self.analysis.evidence.rows(Clients):
            each = row.value
            if each.first < self.end and each.last >= self.begin:
                there += each.clients
                if each.first_hurt is None or each.last_hurt is None:
                    continue
                if each.first_hurt < self.end and each.last_hurt >= self.begin:
                    hurt += each.clients
        return (hurt, there) if there else None


def find_incident(
    analysis: Analysis, begin: datetime | None = None, end: datetime | None = None
) -> Incident | None:
    """Return the incident with the most bad requests in a span; None where there is none.

    Args:
        analysis: The evidence.
        begin: First moment of the span. Default: that of the evidence.
        end: First moment after it. Default: that of the evidence.

    """
    length = analysis.slot_length if analysis.slots else timedelta(minutes=1)
    promised = analysis.evidence.manifest.bad_percent
    limit = BAD_PERCENT if promised is None else promised
    bad = [
        each
        for each in analysis.slots
        if each.requests
        and each.bad_percent > limit
        and (begin is None or each.begin >= begin)
        and (end is None or each.begin < end)
    ]
    if not bad:
        return None
    runs: list[list[Slot]] = [[bad[0]]]
    for each in bad[1:]:
        if each.begin - runs[-1][-1].begin - length < GAP:
            runs[-1].append(each)
        else:
            runs.append([each])
    worst = max(runs, key=lambda run: sum(each.failed + each.slow for each in run))
    return Incident(
        analysis,
        begin=worst[0].begin,
        end=worst[-1].begin + length,
        is_cut_before=worst[0] is analysis.slots[0],
        is_cut_after=worst[-1] is analysis.slots[-1],
        others=len(bad) - len(worst),
    )


def clock(at: datetime) -> str:
    """Return a moment as a review writes it: UTC, to the minute."""
    return f"{at.astimezone(UTC):%H:%M}"
