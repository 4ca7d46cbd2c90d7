"""Drafts the review of an incident, from its evidence alone.

What evidence says is written down with where it says so. What only people know is an open field,
`[OPEN: what is asked]`, which `surgeproof incident check` finds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from surgeproof.escaping import markdown as escaped
from surgeproof.incident.analysis import Happening, Incident, clock
from surgeproof.incident.causes import Cause
from surgeproof.incident.chart import chart
from surgeproof.incident.diagnosis import Diagnosis, at_maximum, delay_of, diagnose, first_alarm
from surgeproof.incident.links import Links

ROWS_MAX: Final = 80
"""Most rows of the timeline; a longer one says how many are left out."""

FLAPS: Final = 6
"""Changes of one alarm from which those in the middle are one row."""

ACTION_TYPES: Final = ("prevent", "detect", "mitigate", "process")
"""Types of action items, in the order of the review."""

TIMELINE_HEAD: Final = ("Time (UTC)", "What happened", "Evidence")
ACTIONS_HEAD: Final = ("Type", "Action", "Owner", "Due", "Status")


def open_field(question: str) -> str:
    """Return an open field: what people have to fill in before the review is done."""
    return f"[OPEN: {question}]"


_SEVERITIES: Final = (
    ("SEV1", 25.0, 30, "at least a quarter hurt for half an hour or longer"),
    ("SEV2", 5.0, 10, "at least 5 % hurt for ten minutes or longer"),
)


def severity(hurt_percent: float, minutes: int) -> tuple[str, str]:
    """Return the severity that is suggested, and the rule that gives it."""
    for name, percent, least, rule in _SEVERITIES:
        if hurt_percent >= percent and minutes >= least:
            return name, rule
    return "SEV3", "all that is less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a draft is made of."""

    incident: Incident
    links: Links
    trace_path: str | None
    """Path of the trace file, as the review names it; none where there is none."""

    def markdown(self) -> str:
        """Return the draft."""
        found = diagnose(self.incident)
        parts = (
            self._head(),
            self._summary(found),
            self._detection(),
            self._timeline(),
            self._capacity(),
            self._cause(found),
            self._factors(found),
            self._resolution(),
            self._doubts(),
            self._actions(found),
            self._communication(),
            self._test(),
        )
        return "\n".join(line for part in parts for line in (*part, "")).rstrip() + "\n"

    def _head(self) -> Iterator[str]:
        manifest = self.incident.analysis.evidence.manifest
        yield f"# Incident of {self.incident.begin:%Y-%m-%d}: {escaped(manifest.stack)}"
        yield ""
        yield (
            "A draft by `surgeproof incident report`. What is stated here is what the evidence "
            "says; what only people know is an open field, and `surgeproof incident check` names "
            "each that is left."
        )
        yield ""
        yield "| | |"
        yield "|---|---|"
        yield f"| Review led by | {open_field('who leads the review?')} |"
        yield f"| Review held on | {open_field('date of the meeting')} |"
        yield (
            f"| Evidence | {manifest.begin:%Y-%m-%d %H:%M} to {manifest.end:%Y-%m-%d %H:%M} UTC, "
            f"taken {manifest.taken:%Y-%m-%d %H:%M} |"
        )
        if manifest.origin == "simulation":
            yield "| Origin | simulated: an exercise or a test, no real incident |"

    # Summary

    def _summary(self, found: Diagnosis) -> Iterator[str]:
        incident = self.incident
        users = incident.users()
        bad, there = incident.bad_requests()
        share = 100 * bad / there if there else 0.0
        hurt = share if users is None else 100 * users[0] / users[1]
        name, rule = severity(hurt, incident.minutes)
        yield "## Summary"
        yield ""
        yield "| | |"
        yield "|---|---|"
        begins = f"{incident.begin:%Y-%m-%d %H:%M} UTC"
        ends = f"{incident.end:%Y-%m-%d %H:%M} UTC"
        yield f"| Start | {begins}{_cut(incident.is_cut_before)} |"
        yield f"| End | {ends}{_cut(incident.is_cut_after)} |"
        yield f"| Duration | {incident.minutes} minutes |"
        yield f"| Users affected | {self._users()} |"
        yield (
            f"| Requests affected | {share:.1f} % ({bad:,.0f} of {there:,.0f} failed or slow), by "
            f"{incident.analysis.source} |"
        )
        yield f"| Severity | {name} suggested: {rule}; {open_field('severity that was agreed')} |"
        yield f"| Suggested cause | {found.cause} |"
        yield ""
        yield (
            f"From {clock(incident.begin)} to {clock(incident.end)} UTC, for {incident.minutes} "
            f"minutes, more than {incident.bad_limit:g} % of the requests failed or were slow. "
            f"{_CAUSES[found.cause]}"
        )
        if incident.others:
            yield ""
            yield (
                f"The evidence holds {incident.others} more bad minutes apart from it, which this "
                f"review leaves out; {open_field('do they belong to it?')}"
            )

    def _users(self) -> str:
        incident = self.incident
        users = incident.users()
        if users is not None:
            hurt, there = users
            return (
                f"{100 * hurt / there:.1f} % ({hurt:,} of {there:,} client addresses; an address "
                "stands for a user)"
            )
        wanted = incident.analysis.evidence.manifest.active_users
        metric = next(
            (
                each
                for each in incident.analysis.metrics.values()
                if (each.namespace, each.name) == wanted
            ),
            None,
        )
        values = metric.within(incident.begin, incident.end) if metric else []
        if metric is not None and values:
            return (
                f"up to {max(values):,.0f} active users at a time by the metric {metric.name} "
                f"({self.links.of(metric.ref)}); {open_field('how many of them were affected?')}"
            )
        return open_field("how many users were affected? Neither access logs nor a metric of users")

    # Detection

    def _detection(self) -> Iterator[str]:
        incident = self.incident
        yield "## Detection"
        yield ""
        first = first_alarm(incident)
        if first is None:
            yield (
                "No alarm went off between half an hour before the incident and its end. "
                f"{open_field('how was it noticed, by whom, and when?')}"
            )
            return
        late = (first.at - incident.begin).total_seconds() / 60
        when = f"{late:.0f} minutes after" if late >= 0 else f"{-late:.0f} minutes before"
        yield (
            f"First: {escaped(first.name)} at {clock(first.at)}, {when} the first bad minute "
            f"({self.links.to(first)}). CloudWatch's reason: {escaped(first.because or 'none')}"
        )
        delay = delay_of(incident.analysis, first)
        if delay is not None:
            yield ""
            yield (
                f"Its metric had breached for long enough at {clock(delay[1])}; the alarm went off "
                f"{_span(delay[0])} later."
            )
        later = dict.fromkeys(
            each.name
            for each in incident.analysis.happenings
            if each.kind == "alarm"
            and each.became == "ALARM"
            and first.at < each.at < incident.end
            and each.name != first.name
        )
        yield ""
        listed = ", ".join(escaped(each) for each in later) or "no other alarm"
        yield f"After it: {listed}."
        yield ""
        yield f"Acknowledged: {open_field('when, and by whom?')}"

    # Timeline

    def _timeline(self) -> Iterator[str]:
        yield "## Timeline"
        yield ""
        yield f"| {' | '.join(TIMELINE_HEAD)} |"
        yield "|---|---|---|"
        rows = sorted(self._rows(), key=lambda row: row[0])
        for at, says, evidence in rows[:ROWS_MAX]:
            yield f"| {at.astimezone(UTC):%H:%M:%S} | {says} | {evidence} |"
        if len(rows) > ROWS_MAX:
            yield ""
            yield f"{len(rows) - ROWS_MAX} later rows are left out; the evidence holds them."
        yield ""
        yield open_field("what did people look at, decide and try? Misleading paths, too")

    def _rows(self) -> Iterator[tuple[datetime, str, str]]:
        incident = self.incident
        slots = incident.slots()
        busiest = max(slots, key=lambda each: each.requests)
        for each, says in (
            (slots[0], f"First bad minute: {slots[0].bad_percent:.1f} % of the requests"),
            (busiest, f"Most requests: {busiest.requests:,.0f} in a minute"),
            (slots[-1], f"Last bad minute: {slots[-1].bad_percent:.1f} % of the requests"),
        ):
            yield each.begin, says, self.links.of(each.ref)
        first, last = incident.begin - timedelta(minutes=45), incident.end + timedelta(minutes=30)
        near = [each for each in incident.analysis.happenings if first <= each.at <= last]
        for group in _grouped(near):
            one = group[0]
            evidence = self.links.to(one)
            if len(group) > 1:
                evidence += f" and {len(group) - 1} more"
            yield one.at, escaped(_told(group)), evidence

    # Capacity

    def _capacity(self) -> Iterator[str]:
        yield "## Capacity against demand"
        yield ""
        yield from chart(self.incident)

    # Cause

    def _cause(self, found: Diagnosis) -> Iterator[str]:
        yield "## Bottleneck and suggested root cause"
        yield ""
        yield f"Suggested by the evidence: **{found.cause}**. {_CAUSES[found.cause]}"
        yield ""
        for each in found.points:
            yield f"- {escaped(each.says)} ({self.links.of(each.ref)})"
        if found.against:
            yield ""
            yield "The evidence also shows, and does not take it for the cause:"
            yield ""
            for each in found.against:
                yield f"- {escaped(each.says)} ({self.links.of(each.ref)})"
        yield ""
        yield f"Root cause: {open_field('what do you agree on, and what is the proof?')}"

    def _factors(self, found: Diagnosis) -> Iterator[str]:
        yield "## Contributing factors"
        yield ""
        yield "Questions that the evidence raises; the answers are people's."
        yield ""
        for number, question in enumerate(self._questions(found), 1):
            yield f"{number}. {question} {open_field('answer')}"

    def _questions(self, found: Diagnosis) -> Iterator[str]:
        incident = self.incident
        analysis = incident.analysis
        for group, ref in analysis.groups:
            if group.min_size == group.max_size:
                yield (
                    f"Why could the group not grow beyond {group.max_size} ({self.links.of(ref)})?"
                )
            elif at_maximum(incident):
                yield f"Who chose the maximum of {group.max_size}, by which load test?"
        watched = {alarm.metric_name for alarm, _ in analysis.alarms.values()}
        if not watched & {"RequestCount", "RequestCountPerTarget", "ActiveConnectionCount"}:
            yield "Why does no alarm watch demand?"
        if any("requests of each client" in each.says for each in (*found.points, *found.against)):
            yield "How do clients retry: how often, how long do they wait, and who limits it?"
        first = first_alarm(incident)
        if first is not None and (first.at - incident.begin) > timedelta(minutes=5):
            yield "Why did more than five minutes pass until the first alarm?"
        if found.cause is Cause.BAD_DEPLOYMENT:
            yield "What would have stopped the deployment before it replaced every instance?"
        if found.cause is Cause.SLOW_DATABASE:
            yield "What changed in the queries, the data or the database's load?"
        if found.cause is Cause.ZONE_LOST:
            yield "How much can be lost before the remaining instances are overloaded?"
        yield "What made it worse, or longer, than it had to be?"
        yield "What went well, and what was luck?"

    def _resolution(self) -> Iterator[str]:
        incident = self.incident
        yield "## Resolution"
        yield ""
        ending = "was not over when the evidence ends" if incident.is_cut_after else (
            f"was over at {clock(incident.end)} UTC"
        )  # fmt: skip
        yield f"The incident {ending}. What AWS noted of measures until then:"
        yield ""
        taken = [
            each
            for each in incident.analysis.happenings
            if each.kind in {"runbook", "refresh"}
            and incident.begin <= each.at <= incident.end + timedelta(minutes=5)
        ]
        for each in taken:
            yield f"- {clock(each.at)} {escaped(_told([each]))} ({self.links.to(each)})"
        if not taken:
            yield "- none"
        yield ""
        yield f"{open_field('which measure ended it, and how is that known?')}"

    def _doubts(self) -> Iterator[str]:
        yield "## What the evidence lacks"
        yield ""
        doubts = self.incident.analysis.doubts
        yield from (f"- {escaped(each)}" for each in doubts)
        if not doubts:
            yield "Nothing that was looked for is missing, and nothing contradicts another."

    # What follows

    def _actions(self, found: Diagnosis) -> Iterator[str]:
        yield "## Action items"
        yield ""
        yield f"| {' | '.join(ACTIONS_HEAD)} |"
        yield "|---|---|---|---|---|"
        for kind in ACTION_TYPES:
            says = _ACTIONS[kind].get(found.cause, _ANY_ACTION[kind])
            owner, due = open_field("owner"), open_field("date")
            yield f"| {kind} | {says} | {owner} | {due} | open |"
        yield ""
        yield "Status is `open` or `done`; a date is `YYYY-MM-DD`."

    def _communication(self) -> Iterator[str]:
        incident = self.incident
        users = incident.users()
        share = "" if users is None else f", for about {100 * users[0] / users[1]:.0f} % of users"
        day, begin, end = f"{incident.begin:%d %B %Y}", clock(incident.begin), clock(incident.end)
        yield "## Communication drafts"
        yield ""
        yield "While it lasts:"
        yield ""
        yield (
            f"> Since {begin} UTC some requests to our service fail or take long. We are working "
            f"on it and will say more at {open_field('time of the next update')}."
        )
        yield ""
        yield "Afterwards, to users:"
        yield ""
        yield (
            f"> On {day}, from {begin} to {end} UTC, our service was slow or failed{share}. "
            f"It works again. {open_field('what users should know of the cause, and do')} "
            "We are sorry."
        )
        yield ""
        yield "Inside the company:"
        yield ""
        yield (
            f"> {day}, {begin} to {end} UTC ({incident.minutes} minutes): "
            f"{open_field('cause as agreed, in one sentence')} "
            "Action items with owners are in this review."
        )

    def _test(self) -> Iterator[str]:
        yield "## This incident as a test"
        yield ""
        if self.trace_path is None:
            yield "No trace was written: the evidence holds no requests."
            return
        name = f"incident-{self.incident.begin:%Y-%m-%d}"
        yield f"Its traffic is in `{self.trace_path}`. In the settings of a stack,"
        yield ""
        yield "```yaml"
        yield "surgeproof:surges:"
        yield f"  {name}: {{ trace: {self.trace_path} }}"
        yield "```"
        yield ""
        yield "makes every preview answer whether the stack would survive it. Now:"
        yield ""
        yield "```text"
        yield f"surgeproof replay --trace {self.trace_path}"
        yield "```"


def _cut(is_cut: bool) -> str:  # noqa: FBT001 - read beside its name
    return " at the edge of the evidence: it may be longer" if is_cut else ""


def _span(delay: timedelta) -> str:
    seconds = round(delay.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _grouped(happenings: Sequence[Happening]) -> Iterator[list[Happening]]:
    """Yield what is one row: instances that come or go together, and alarms that flap."""
    changes: dict[str, list[Happening]] = {}
    for each in happenings:
        if each.kind == "alarm":
            changes.setdefault(each.name, []).append(each)
    for mine in changes.values():
        if len(mine) <= FLAPS:
            yield from ([each] for each in mine)
        else:
            yield [mine[0]]
            yield mine[1:-1]
            yield [mine[-1]]
    run: list[Happening] = []
    for each in happenings:
        if each.kind == "alarm":
            continue
        alike = run and each.kind == run[-1].kind and each.kind not in {"runbook", "refresh"}
        if alike and each.at - run[-1].at <= timedelta(minutes=2):
            run.append(each)
            continue
        if run:
            yield run
        run = [each]
    if run:
        yield run


def _told(group: Sequence[Happening]) -> str:
    """Return what a row of the timeline says."""
    one, count = group[0], len(group)
    many = "1 instance" if count == 1 else f"{count} instances"
    match one.kind:
        case "alarm" if count > 1:
            return (
                f"{one.name} changed its state {count} times until {clock(group[-1].at)}, now and "
                f"then to {one.became}"
            )
        case "alarm":
            return f"{one.name} is {one.became}"
        case "launch":
            return f"{many} in service: {_reason(one.because)}"
        case "end":
            return f"{many} ended: {_reason(one.because)}"
        case "refresh":
            return f"Instance refresh: {one.became}"
        case "runbook":
            by = f" by {one.because}" if one.because else ""
            return f"Runbook {one.name}: {one.became}{by}"
    return f"{count} times: {one.kind}: {_reason(one.because)}"


def _reason(cause: str) -> str:
    """Return the last sentence of what Auto Scaling says, without its time."""
    sentences = [each for each in cause.rstrip(".").split(".  ") if each] or [cause]
    text = sentences[-1].partition("Z ")[2] or sentences[-1]
    return text[:200]


_CAUSES: Final = {
    Cause.SURGE: "More users came than the running instances carry.",
    Cause.BAD_DEPLOYMENT: "A deployment began just before, and demand was what it usually is.",
    Cause.SLOW_DATABASE: "The database was slow throughout, and demand was what it usually is.",
    Cause.ZONE_LOST: "One zone took its instances with it, and demand was what it usually is.",
    Cause.RETRY_STORM: "The same clients sent the same again and again; no new demand came.",
    Cause.METRICS_LATE: "The group could have followed demand, but its alarms saw it too late.",
    Cause.UNDETERMINED: "The evidence fits no single cause; people have to find it.",
}

_ANY_ACTION: Final = {
    "prevent": "Remove the root cause, and replay this incident's trace on the change",
    "detect": "Let an alarm on the cause go off before users are hurt",
    "mitigate": "Write the steps that ended it into a runbook, and rehearse them",
    "process": "Run a drill of this incident with the people on call",
}

_ACTIONS: Final[dict[str, dict[Cause, str]]] = {
    "prevent": {
        Cause.SURGE: "Let the group grow with demand, and hold the plan to this incident's trace",
        Cause.BAD_DEPLOYMENT: "Let alarms stop an instance refresh and roll it back",
        Cause.SLOW_DATABASE: "Review the queries of that time, and limit how long one may take",
        Cause.ZONE_LOST: "Run so many instances that the other zones carry the load alone",
        Cause.RETRY_STORM: "Limit retries: fewer, with back-off and jitter",
        Cause.METRICS_LATE: "Scale on a metric that the service publishes itself, each 10 s",
    },
    "detect": {
        Cause.SURGE: "Alarm on demand (requests per target), not only on response times",
        Cause.RETRY_STORM: "Alarm on requests that grow while clients do not",
        Cause.METRICS_LATE: "Alarm on scaling alarms that have no data",
    },
    "mitigate": {
        Cause.SURGE: "Rehearse the procedure for sudden rises in activity (runbook surge-response)",
        Cause.BAD_DEPLOYMENT: "Rehearse the roll-back (runbook roll-back)",
        Cause.RETRY_STORM: "Rehearse turning requests away (runbook surge-mode)",
    },
    "process": {},
}
