"""What the evidence of an exercise shows at its minute: series, alarms, happenings, figures.

Everything here comes from the evidence as it stood at that minute; nothing comes from the scenario.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from surgeproof.incident.evidence import Activity, Alarm, Event, Evidence, Group, HistoryItem
from surgeproof.incident.evidence import Minute as Counted
from surgeproof.incident.evidence import Series as Measured
from surgeproof.settings.json_file import parse_json

USUAL: Final = timedelta(minutes=20)
"""The beginning of the evidence, which counts as usual."""

Points = list[tuple[datetime, float]]


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """Something that happened, in the evidence's words."""

    at: datetime
    what: str


def clock(at: datetime) -> str:
    """Return a moment as the page shows it: hours and minutes, UTC."""
    return f"{at:%H:%M}"


class Facts:
    """The evidence of an exercise, read once."""

    def __init__(self, evidence: Evidence) -> None:
        self.begin, self.now = evidence.manifest.begin, evidence.manifest.taken
        self.group_name = evidence.manifest.group
        self.alarms = [row.value for row in evidence.rows(Alarm)]
        self.states: Mapping[str, str] = {
            each["AlarmName"]: each["StateValue"] for each in evidence.tables["alarms.jsonl"]
        }
        self.history = sorted(
            (row.value for row in evidence.rows(HistoryItem)), key=lambda each: each.timestamp
        )
        self.activities = sorted(
            (row.value for row in evidence.rows(Activity)), key=lambda each: each.start_time
        )
        self.events = [parse_json(row.value.message, "timeline") for row in evidence.rows(Event)]
        (self.group,) = [row.value for row in evidence.rows(Group)]
        self.minutes = [row.value for row in evidence.rows(Counted)]
        """Minutes of the access logs; all are whole, since an exercise stops at a whole one."""
        self._series: dict[tuple[str, str, str], Points] = {}
        for row in evidence.rows(Measured):
            stat = row.value.metric_data_query.metric_stat
            result = row.value.metric_data_result
            self._series[stat.metric.namespace, stat.metric.metric_name, stat.stat] = list(
                zip(result.timestamps, result.values, strict=True)
            )

    def points(self, namespace: str, name: str, statistic: str) -> Points:
        """Return a metric's points, the oldest first; none where it is not measured."""
        return self._series.get((f"AWS/{namespace}", name, statistic), [])

    @cached_property
    def pages(self) -> list[tuple[datetime, str, str]]:
        """When alarms of the group went to ALARM, their names and reasons; the first first."""
        found = []
        for each in self.history:
            state = parse_json(each.history_data, "alarm-history")["newState"]
            if each.alarm_name.startswith(f"{self.group_name}-") and state["stateValue"] == "ALARM":
                found.append((each.timestamp, each.alarm_name, state["stateReason"]))
        return found

    def runbook(self, alarm: str) -> str:
        """Return the name of an alarm's runbook page: the alarm's without group and severity."""
        return alarm.removeprefix(f"{self.group_name}-").rpartition("-")[0]

    @property
    def last(self) -> Counted:
        """The last whole minute of the access logs."""
        return self.minutes[-1]

    @property
    def hurt_share(self) -> float:
        """Share of the clients of the last whole minute with a failed or slow request (0 to 1)."""
        return self.last.hurt_clients / max(self.last.clients, 1)

    @cached_property
    def happenings(self) -> list[Happening]:
        """Alarms, instances, refreshes and runbooks, in order."""
        found = [
            Happening(each.timestamp, f"{each.alarm_name}: {each.history_summary}")
            for each in self.history
        ]
        for act in self.activities:
            zone = parse_json(act.details, "activity").get("Availability Zone", "")
            place = f" in {zone}" if zone else ""
            text = f"{act.status_code}{place}: {act.description}. {act.cause}"
            found.append(Happening(act.start_time, text))
        for event in self.events:
            if event["source"] == "aws.ssm":
                detail = event["detail"]
                text = f"Runbook {detail['Definition']}: {detail['Status']}"
            elif "Refresh" in event["detail-type"]:
                text = event["detail-type"]
            else:
                continue
            found.append(Happening(datetime.fromisoformat(event["time"]), text))
        return sorted(found)

    @cached_property
    def figures(self) -> list[str]:
        """What decides between the causes, at first and now, one line each."""
        early = [each for each in self.minutes if each.begin < self.begin + USUAL]
        last = self.last
        usual = sum(each.clients for each in early) / len(early)
        sent = sum(each.requests for each in early) / max(sum(each.clients for each in early), 1)
        lines = [
            f"Clients a minute: {usual:,.0f} at first, {last.clients:,} from {clock(last.begin)}.",
            (
                f"Requests of each client a minute: {sent:.1f} at first, "
                f"{last.requests / max(last.clients, 1):.1f} from {clock(last.begin)}."
            ),
            f"Clients hurt: {last.hurt_clients:,} of {last.clients:,} from {clock(last.begin)}.",
        ]
        reads = self.points("RDS", "ReadLatency", "Average")
        if reads:
            most_at, most = max(reads, key=lambda each: each[1])
            lines.append(
                f"Database's read latency: {1000 * reads[0][1]:.1f} ms at first, at most "
                f"{1000 * most:.1f} ms ({clock(most_at)}), {1000 * reads[-1][1]:.1f} ms at "
                f"{clock(reads[-1][0])}."
            )
        requests = self.points("ApplicationELB", "RequestCount", "Sum")
        if requests:
            old = (self.now - requests[-1][0]).total_seconds() / 60
            lines.append(
                f"Newest point of RequestCount: {clock(requests[-1][0])}, {old:.0f} minutes old."
            )
        lines.append(
            f"Group: minimum {self.group.min_size}, wanted {self.group.desired_capacity}, maximum "
            f"{self.group.max_size}."
        )
        gone = [each for each in self.activities if "EC2 health check" in each.cause]
        if gone:
            zones = sorted(
                {parse_json(each.details, "activity")["Availability Zone"] for each in gone}
            )
            lines.append(
                f"Instances gone by EC2's own health check: {len(gone)}, in {', '.join(zones)}."
            )
        refreshes = [each for each in self.happenings if "Refresh" in each.what]
        lines += [f"{each.what}: {clock(each.at)}." for each in refreshes]
        return lines
