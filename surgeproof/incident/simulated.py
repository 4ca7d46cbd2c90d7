"""Plays a scenario, and writes what AWS would hold of it, in AWS's own shapes.

What happens is the simulation's: its event log gives the changes of alarms, the instances that come
and go and the refreshes; the sums of its minutes give the metrics, each at the moment at which it
could be read; its shares of bad requests give the traffic. Ours are the identities (instances,
addresses, ids), and that what people did is what the scenario says.

Shapes: the AWS CLI's examples of describe-alarm-history, of get-metric-data and of
describe-scaling-activities; events of the timeline as in "Alarm events and EventBridge" (CloudWatch
user guide), "Amazon EC2 Auto Scaling event reference" (EC2 Auto Scaling user guide) and "Amazon
EventBridge event examples for Systems Manager" (Systems Manager user guide).
"""

import json
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from surgeproof.incident.bundle import write_bundle
from surgeproof.incident.evidence import Evidence, Manifest, stamp
from surgeproof.incident.requests import requests_of
from surgeproof.incident.scenarios import STACK, Action, Scenario
from surgeproof.incident.simulated_metrics import LOAD_BALANCER, Metrics, dimensions_of
from surgeproof.incident.traffic import Traffic
from surgeproof.plan import Metric
from surgeproof.simulation import Event, Injection, Run, simulate
from surgeproof.simulation.compiled import records as r

REGION: Final = "eu-central-1"
ACCOUNT: Final = "123456789012"
LOG_GROUP: Final = f"/aws/events/{STACK}-timeline"

_STATES: Final = {
    Event.ALARM_INSUFFICIENT: "INSUFFICIENT_DATA",
    Event.ALARM_OK: "OK",
    Event.ALARM_ALARM: "ALARM",
    Event.ALARM_OPEN: "ALARM",
}


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario with what came of it."""

    scenario: Scenario
    run: Run

    @property
    def start(self) -> datetime:
        """The trace's first moment."""
        return datetime.fromtimestamp(self.scenario.trace.start_seconds, UTC)

    @property
    def end(self) -> datetime:
        """The first moment after the trace."""
        return self.start + timedelta(seconds=self.scenario.trace.duration_seconds)

    def key(self) -> list[str]:
        """Return what happened, in the words of the simulation's event log: the answer key."""
        return self.run.told()

    def evidence(self, until: datetime | None = None, *, traffic: bool = True) -> Evidence:
        """Return what AWS would hold of it.

        Args:
            until: As it stood at this moment: nothing later, and no metric that could not be read
                yet. Default: all.
            traffic: Whether the access logs were on. Without them nothing is known of clients.

        """
        now = self.end + timedelta(minutes=10) if until is None else until
        writer = _Writer(self, now)
        tables = writer.tables()
        missing = []
        if traffic:
            counted = self._traffic(now)
            tables["traffic.jsonl"] = list(counted.minutes())
            tables["clients.jsonl"] = list(counted.clients())
        else:
            missing = [{"what": "access logs", "why": "the load balancer writes none"}]
        objective = self.scenario.plan.objective
        manifest = Manifest.model_validate(
            {
                "begin": self.start,
                "end": min(self.end, now),
                "taken": now,
                "origin": "simulation",
                "stack": STACK,
                "group": self.scenario.plan.groups[0].name,
                "region": REGION,
                "account_id": ACCOUNT,
                "log_group": LOG_GROUP,
                "load_balancer": LOAD_BALANCER,
                "slow_seconds": objective.latency_seconds,
                "bad_percent": objective.bad_requests_percent,
                "missing": missing,
                "rows": {name: len(rows) for name, rows in tables.items()},
            }
        )
        return Evidence(manifest, tables)

    def write(self, path: Path, *, traffic: bool = True) -> None:
        """Write the evidence as a bundle; see `evidence.read_bundle`."""
        write_bundle(self.evidence(traffic=traffic), path)

    def _traffic(self, now: datetime) -> Traffic:
        traffic = Traffic()
        begin = round(self.scenario.trace.start_seconds * 1e6)
        last = round(now.timestamp() * 1e6)
        for each in requests_of(self.run, self.scenario):
            at = begin + each.at_microseconds
            if at.size and at[0] >= last:
                break
            traffic.add(at, each.clients.tolist(), each.failed, each.slow)
        return traffic


def play(scenario: Scenario) -> Played:
    """Simulate a scenario once, with figures typical."""
    run = simulate(scenario.plan, scenario.trace, injected=scenario.injected, seed=scenario.seed)
    return Played(scenario, run)


class _Writer:
    """Writes the tables of one run, as they stand at a moment."""

    def __init__(self, played: Played, now: datetime) -> None:
        self.scenario, self.run, self.now = played.scenario, played.run, now
        self.start, self.end = played.start, played.end
        self.group = self.scenario.plan.groups[0]
        self.instances = _Instances(self.scenario)
        self.watched = Metrics(self.scenario, self.run, now)
        self.last_alarm = ""
        self.states: dict[str, tuple[str, str]] = {}
        self.history: list[dict[str, Any]] = []
        self.events: list[tuple[datetime, dict[str, Any]]] = []
        self.activities: list[dict[str, Any]] = []
        self.names = _alarm_names(self.run, self.group.name)

    def tables(self) -> dict[str, Sequence[Mapping[str, Any]]]:
        """Return every table but those of the traffic."""
        for entry in self.run.log:
            self._entry(entry)
        for action in self.scenario.actions:
            self._action(action)
        events = sorted(self.events, key=lambda each: each[0])
        return {
            "alarms.jsonl": self._alarms(),
            # CloudWatch and Auto Scaling give the newest first (their API references).
            "alarm-history.jsonl": self.history[::-1],
            "activities.jsonl": self.activities[::-1],
            "groups.jsonl": [self._group()],
            "metrics.jsonl": list(self.watched.series()),
            "timeline.jsonl": [_log_event(at, event) for at, event in events if at <= self.now],
        }

    def _at(self, seconds: float) -> datetime:
        return self.start + timedelta(seconds=round(seconds, 3))

    def _entry(self, entry: r.Record) -> None:
        at = self._at(float(entry["t"]))
        if at > self.now:
            return
        event, subject = Event(int(entry["event"])), int(entry["subject"])
        shown = at >= self.start
        match event:
            case Event.ALARM_INSUFFICIENT | Event.ALARM_OK | Event.ALARM_ALARM | Event.ALARM_OPEN:
                value = float(entry["metric"])
                self._alarm(self.run.encoded.alarm_names[subject], _STATES[event], value, at)
            case Event.IN_SERVICE if shown:
                for _ in range(subject):
                    self._launched(at, int(entry["desired"]))
            case Event.REPLACED | Event.TERMINATED if shown:
                for _ in range(subject):
                    self._ended(at, event)
            case Event.SCALE_OUT | Event.SCALE_IN:
                self.instances.because = (
                    f"At {at:%Y-%m-%dT%H:%M:%SZ} a monitor alarm {self.last_alarm} in state ALARM "
                    f"triggered policy {self.run.encoded.policy_names[subject]} changing the "
                    f"desired capacity to {int(entry['desired'])}."
                )
            case Event.LAUNCH_FAILED if shown:
                zone = self.group.zones[0]
                self._activity(
                    at,
                    "Launching a new EC2 instance.  Status Reason: We currently do not have "
                    "sufficient capacity in the Availability Zone you requested.",
                    f"At {at:%Y-%m-%dT%H:%M:%SZ} an instance was started in response to a "
                    "difference between desired and actual capacity.",
                    zone,
                    ok=False,
                )
            case Event.REFRESH_STARTS if shown:
                self._refresh(at, "Started")
                self.instances.refreshing = True
            case Event.REFRESH_ENDS if shown:
                self._refresh(at, "Succeeded")
                self.instances.refreshing = False
            case Event.INJECTION_STARTS if self.scenario.injected[subject].kind is (
                Injection.ZONE_LOST
            ):
                self.instances.lose(int(self.scenario.injected[subject].value))
            case _:
                pass

    def _alarm(self, simulated: str, value: str, point: float, at: datetime) -> None:
        name = self.names[simulated]
        before = self.states.get(name, ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"))
        alarm = self.run.encoded.alarms[self.run.encoded.alarm_names.index(simulated)]
        period, count = int(alarm["period"]), int(alarm["n"])
        newest = _minute(at - timedelta(seconds=self.watched.delay(int(alarm["source"]), at)))
        begins = newest - timedelta(seconds=period * count)
        threshold = float(alarm["threshold"])
        if value == "INSUFFICIENT_DATA":
            reason = f"Insufficient Data: {count} datapoints were unknown."
        else:
            crossed = "crossed" if value == "ALARM" else "did not cross"
            reason = (
                f"Threshold Crossed: {count} datapoints {crossed} the threshold ({threshold:g}). "
                f"The most recent datapoint is [{point:.4g} ({newest:%d/%m/%y %H:%M:%S})]."
            )
        self.states[name] = (value, reason)
        if value == "ALARM":
            self.last_alarm = name
        data = {
            "version": "1.0",
            "oldState": {"stateValue": before[0], "stateReason": before[1]},
            "newState": {
                "stateValue": value,
                "stateReason": reason,
                "stateReasonData": {
                    "version": "1.0",
                    "queryDate": _aws_stamp(at),
                    "startDate": _aws_stamp(begins),
                    "period": period,
                    "recentDatapoints": [] if value == "INSUFFICIENT_DATA" else [point],
                    "threshold": threshold,
                },
            },
        }
        if at < self.start:
            return
        self.history.append(
            {
                "AlarmName": name,
                "AlarmType": "MetricAlarm",
                "Timestamp": stamp(at),
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {before[0]} to {value}",
                "HistoryData": json.dumps(data),
            }
        )
        # The timeline keeps alarms of the group's name; target tracking's own begin otherwise.
        if name.startswith(f"{self.group.name}-"):
            detail = {
                "alarmName": name,
                "state": {"value": value, "reason": reason, "timestamp": _aws_stamp(at)},
                "previousState": {"value": before[0], "reason": before[1]},
            }
            self._event(at, "aws.cloudwatch", "CloudWatch Alarm State Change", detail)

    def _launched(self, at: datetime, desired: int) -> None:
        number, zone = self.instances.launched()
        cause = self.instances.because or (
            f"At {at:%Y-%m-%dT%H:%M:%SZ} an instance was launched in response to an instance "
            "refresh."
            if self.instances.refreshing
            else f"At {at:%Y-%m-%dT%H:%M:%SZ} an instance was started in response to a difference "
            f"between desired and actual capacity, increasing the capacity to {desired}."
        )
        self._activity(at, f"Launching a new EC2 instance: {number}", cause, zone)
        self._instance_event(at, "Launch", number, zone, cause)

    def _ended(self, at: datetime, event: Event) -> None:
        found = self.instances.ended(replaced=event is Event.REPLACED)
        if found is None:
            return
        number, zone, lost = found
        if lost:
            why = "an EC2 health check indicating it has been terminated or stopped"
        elif event is Event.REPLACED:
            why = "an ELB system health check failure"
        elif self.instances.refreshing:
            why = "an instance refresh"
        else:
            why = "a difference between desired and actual capacity"
        cause = (
            f"At {at:%Y-%m-%dT%H:%M:%SZ} an instance was taken out of service in response to {why}."
        )
        self._activity(at, f"Terminating EC2 instance: {number}", cause, zone)
        self._instance_event(at, "Terminate", number, zone, cause)

    def _activity(
        self,
        at: datetime,
        description: str,
        cause: str,
        zone: str,
        *,
        ok: bool = True,
    ) -> None:
        self.activities.append(
            {
                "ActivityId": _id(f"activity {len(self.activities)} {self.start}"),
                "AutoScalingGroupName": self.group.name,
                "Description": description,
                "Cause": cause,
                "StartTime": stamp(at),
                "EndTime": stamp(at),
                "StatusCode": "Successful" if ok else "Failed",
                "Progress": 100,
                "Details": json.dumps(
                    {"Subnet ID": "subnet-0123456789abcdef0", "Availability Zone": zone}
                ),
            }
        )
        if not ok:
            self._instance_event(at, "Launch", "", zone, cause, ok=False)

    def _instance_event(
        self, at: datetime, what: str, instance: str, zone: str, cause: str, *, ok: bool = True
    ) -> None:
        detail = {
            "StatusCode": "InProgress" if ok else "Failed",
            "AutoScalingGroupName": self.group.name,
            "Details": {"Availability Zone": zone, "Subnet ID": "subnet-0123456789abcdef0"},
            "EC2InstanceId": instance,
            "Cause": cause,
        }
        became = "Successful" if ok else "Unsuccessful"
        self._event(at, "aws.autoscaling", f"EC2 Instance {what} {became}", detail)

    def _refresh(self, at: datetime, became: str) -> None:
        detail = {
            "InstanceRefreshId": _id(f"refresh {self.start}"),
            "AutoScalingGroupName": self.group.name,
        }
        kind = f"EC2 Auto Scaling Instance Refresh {became}"
        self._event(at, "aws.autoscaling", kind, detail)

    def _action(self, action: Action) -> None:
        begins, ends = self._at(action.at_seconds), self._at(action.ends_seconds)
        if action.refresh:
            self._refresh(begins, f"{action.refresh} Started")
            self._refresh(ends, f"{action.refresh} Succeeded")
            return
        common = {
            "ExecutionId": _id(f"execution {action.runbook} {self.start}"),
            "Definition": f"{self.group.name}-{action.runbook}",
            "ExecutedBy": f"arn:aws:iam::{ACCOUNT}:user/on-call",
        }
        kind = "EC2 Automation Execution Status-change Notification"
        self._event(begins, "aws.ssm", kind, {**common, "Status": "InProgress"})
        self._event(ends, "aws.ssm", kind, {**common, "Status": "Success"})

    def _event(self, at: datetime, source: str, kind: str, detail: Mapping[str, Any]) -> None:
        event = {
            "version": "0",
            "id": _id(f"event {len(self.events)} {self.start}"),
            "detail-type": kind,
            "source": source,
            "account": ACCOUNT,
            "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "region": REGION,
            "resources": [],
            "detail": detail,
        }
        self.events.append((at, event))

    def _alarms(self) -> Sequence[Mapping[str, Any]]:
        made = []
        for alarm in self.scenario.plan.alarms:
            if not isinstance(alarm.metric, Metric):
                continue
            name, statistic = self.names[alarm.name], alarm.metric.statistic
            state = self.states.get(name, ("INSUFFICIENT_DATA", ""))
            extended = statistic.startswith("p")
            made.append(
                {
                    "AlarmName": name,
                    "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
                    "StateValue": state[0],
                    "StateReason": state[1],
                    "Namespace": alarm.metric.namespace,
                    "MetricName": alarm.metric.name,
                    ("ExtendedStatistic" if extended else "Statistic"): statistic,
                    "Dimensions": dimensions_of(alarm.metric.namespace, self.group.name),
                    "Period": alarm.period_seconds,
                    "EvaluationPeriods": alarm.evaluation_periods,
                    "Threshold": alarm.threshold,
                    "ComparisonOperator": str(alarm.comparison),
                    "TreatMissingData": str(alarm.missing_data),
                }
            )
        return made

    def _group(self) -> Mapping[str, Any]:
        entries = [each for each in self.run.log if self._at(float(each["t"])) <= self.now]
        return {
            "AutoScalingGroupName": self.group.name,
            "MinSize": self.group.min_size,
            "MaxSize": self.group.max_size,
            "DesiredCapacity": int(entries[-1]["desired"]) if entries else self.group.min_size,
            "AvailabilityZones": list(self.group.zones),
        }


@dataclass(slots=True)
class _Instances:
    """The group's instances with names and zones; the simulation only counts them."""

    scenario: Scenario
    because: str = ""
    """Cause of the launches that come, where a policy asked for them."""
    refreshing: bool = False
    _made: int = 0
    _living: deque[tuple[str, int]] = field(default_factory=deque)
    _lost: deque[tuple[str, int]] = field(default_factory=deque)
    _leaving: int = 0

    def __post_init__(self) -> None:
        group = self.scenario.plan.groups[0]
        for _ in range(group.desired_capacity or group.min_size):
            self.launched()

    def launched(self) -> tuple[str, str]:
        """Return name and zone of an instance that has come."""
        zones = self.scenario.plan.groups[0].zones
        name, zone = f"i-{0x0A0000000 + self._made:017x}", self._made % len(zones)
        self._made += 1
        self._living.append((name, zone))
        return name, zones[zone]

    def lose(self, zone: int) -> None:
        """Note that a zone is lost with its instances."""
        self._lost.extend(each for each in self._living if each[1] == zone)
        self._living = deque(each for each in self._living if each[1] != zone)

    def ended(self, *, replaced: bool) -> tuple[str, str, bool] | None:
        """Return name and zone of one that goes, and whether its zone is lost.

        None where it has gone already: what is replaced is told once, and ends later.
        """
        zones = self.scenario.plan.groups[0].zones
        if replaced:
            lost = bool(self._lost)
            self._leaving += not lost
        elif self._leaving:
            self._leaving -= 1
            return None
        else:
            lost = False
        source = self._lost if lost else self._living
        if not source:
            return None
        name, zone = source.popleft()
        return name, zones[zone], lost


def _alarm_names(run: Run, group: str) -> dict[str, str]:
    """Return the names of alarms as AWS has them; those of target tracking are its own."""
    names = {}
    for name in run.encoded.alarm_names:
        which = name.rpartition("-")[2]
        is_tracking = name.startswith("TargetTracking-") and which in {"AlarmHigh", "AlarmLow"}
        names[name] = f"TargetTracking-{group}-{which}-{_id(name)}" if is_tracking else name
    return names


def _log_event(at: datetime, event: Mapping[str, Any]) -> Mapping[str, Any]:
    milliseconds = int(at.timestamp() * 1000)
    return {
        "logStreamName": f"{event['id']}",
        "timestamp": milliseconds,
        "message": json.dumps(event),
        "ingestionTime": milliseconds + 900,
        "eventId": f"{milliseconds:020}{event['id'][:8]}",
    }


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _aws_stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"


def _id(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))
