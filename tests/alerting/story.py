"""The outage as the events that AWS's services send, and what the stack's timeline keeps of them.

When alarms change their state and instances come and go is what the replay of the outage gives for
the stack as planned. Its people are ours: ten minutes after the escalation they run the runbook
`surge-response`, which raises the minimum to the maximum, and two hours later they replace the
instances. The replay gives what comes of both; the runbook is carried out on the embedded AWS, and
its events name the steps that were done.

The embedded AWS sends none of these events by itself; `send` does, by PutEvents. AWS would refuse
that of a source that begins with `aws.`, moto takes it. The shapes are those of AWS's examples:

- "Alarm events and EventBridge" (CloudWatch user guide)
- "Amazon EC2 Auto Scaling event reference" and "Instance refresh example events and patterns"
  (EC2 Auto Scaling user guide)
- "Amazon EventBridge event examples for Systems Manager" (Systems Manager user guide)
"""

import json
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from surgeproof.operations.runbooks import find, rehearse
from surgeproof.plan import ScalingPlan
from surgeproof.plan.model import ScheduledAction
from surgeproof.simulation import Event, Injected, Injection, Run, simulate
from surgeproof.traces.shapes import outage_shape

GROUP = "surgeproof-local-web"
LOG_GROUP = "/aws/events/surgeproof-local-timeline"
SURGE_RESPONSE = f"{GROUP}-surge-response"
OUTAGE = outage_shape(base_requests_per_second=220, peak_factor=3.0, plateau_factor=2.6)
RUNBOOK_SECONDS = 5700
REFRESH_SECONDS = 13_000
"""When people do something (seconds of the trace)."""
ENTRIES_MAX = 10
"""Events in one request (events PutEvents)."""
ACCOUNT = "123456789012"
REGION = "eu-central-1"
ID = "333ba70b-2333-48db-b17e-a5e69c6f4d1c"
"""Of executions, activities and refreshes: the timeline does not look at them."""

Client = Callable[[str], Any]
"""Gives the client of a service."""


@dataclass(frozen=True)
class Told:
    """An event as a service of AWS sends it."""

    at: datetime
    source: str
    kind: str
    """Its detail-type."""
    detail: dict[str, Any]
    resources: tuple[str, ...] = ()

    @property
    def kept(self) -> dict[str, Any]:
        """What a log group holds of it, but for its id, and its account, which moto leaves out."""
        return {
            "version": "0",
            "time": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "source": self.source,
            "detail-type": self.kind,
            "region": REGION,
            "resources": list(self.resources),
            "detail": self.detail,
        }


def send(client: Client, events: Sequence[Told]) -> None:
    """Send events to the account's default bus, as AWS's services do."""
    for start in range(0, len(events), ENTRIES_MAX):
        answer = client("events").put_events(
            Entries=[
                {
                    "Time": each.at,
                    "Source": each.source,
                    "DetailType": each.kind,
                    "Resources": list(each.resources),
                    "Detail": json.dumps(each.detail),
                }
                for each in events[start : start + ENTRIES_MAX]
            ]
        )
        assert answer["FailedEntryCount"] == 0, answer


def timeline(client: Client) -> list[dict[str, Any]]:
    """Return what the log group holds, in the order of its arrival, without ids."""
    pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP)
    held = [json.loads(each["message"]) for page in pages for each in page["events"]]
    return [{key: value for key, value in each.items() if key != "id"} for each in held]


def replayed(plan: ScalingPlan) -> Run:
    """Replay the outage on a group that only people change, as before the stack could scale."""
    (group,) = plan.groups
    raised = ScheduledAction(
        name=SURGE_RESPONSE,
        group=group.name,
        start_seconds=OUTAGE.start_seconds + RUNBOOK_SECONDS,
        min_size=group.max_size,
    )
    return simulate(
        replace(plan, policies=(), schedules=(raised,)),
        OUTAGE,
        step_seconds=10,
        pre_roll_seconds=7200,
        injected=[Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=REFRESH_SECONDS)],
    )


def outage(client: Client, plan: ScalingPlan) -> list[Told]:
    """Return the outage's events in order, for the stack as planned and as AWS holds it."""
    alarms, instances = _Alarms(client, plan), _Instances()
    run = replayed(plan)
    acts = {
        (entry["t"], entry["subject"])
        for entry in run.log
        if entry["event"] == Event.COMPOSITE_ACTS
    }
    told: list[Told] = []
    draining = 0  # replaced, and told as ended already
    for entry in run.log:
        at = _moment(float(entry["t"]))
        event, subject, metric = Event(entry["event"]), int(entry["subject"]), entry["metric"]
        match event:
            case Event.ALARM_OK | Event.ALARM_ALARM | Event.ALARM_INSUFFICIENT:
                name = run.encoded.alarm_names[subject]
                new = [alarms.metric(name, _VALUES[event], float(metric), at)]
            case Event.COMPOSITE_OK | Event.COMPOSITE_ALARM:
                name = run.encoded.composite_names[subject]
                held = (entry["t"], entry["subject"]) not in acts
                new = [alarms.composite(name, _VALUES[event], at, held=held)]
            case Event.COMPOSITE_ACTS:
                new = alarms.released(run.encoded.composite_names[subject], at)
            case Event.SCHEDULED:
                new = _execution(client, str(plan.groups[0].max_size), at)
            case Event.IN_SERVICE:
                new = [instances.launched(at) for _ in range(subject)]
            case Event.REPLACED:
                why = "an ELB system health check failure"
                new = [instances.ended(at, why) for _ in range(subject)]
                draining += subject
            case Event.TERMINATED:
                known = min(draining, subject)
                draining -= known
                new = [instances.ended(at, "an instance refresh") for _ in range(subject - known)]
            case Event.REFRESH_STARTS | Event.REFRESH_ENDS:
                ends = "Started" if event == Event.REFRESH_STARTS else "Succeeded"
                new = [_refresh(at, ends)]
            case _:
                continue
        told += new
    begin = _moment(0)
    return sorted((each for each in told if each.at >= begin), key=lambda each: each.at)


def unrelated(at: datetime) -> list[Told]:
    """Return events of one moment that are not this stack's, or not what the timeline keeps."""
    alarm, change = "aws.cloudwatch", "CloudWatch Alarm State Change"
    prod = "surgeproof-prod-web"
    state = {"state": {"value": "ALARM", "timestamp": _stamp(at)}}
    own = {"alarmName": f"{GROUP}-surge-critical", **state}
    other_group = {"AutoScalingGroupName": prod, "EC2InstanceId": "i-0", "StatusCode": "InProgress"}
    run = {"ExecutionId": ID, "Status": "Success"}
    return [
        Told(at, alarm, change, {"alarmName": f"{prod}-surge-critical", **state}),
        # Of stack `local-eu`, whose names begin with this one's.
        Told(at, alarm, change, {"alarmName": "surgeproof-local-eu-web-surge-critical", **state}),
        Told(at, alarm, "CloudWatch Alarm Configuration Change", {**own, "operation": "update"}),
        Told(at, "shop.checkout", change, own),
        Told(at, "aws.autoscaling", "EC2 Instance Launch Successful", other_group),
        Told(at, "aws.autoscaling", "EC2 Auto Scaling Instance Refresh Started", other_group),
        Told(
            at,
            "aws.autoscaling",
            "EC2 Instance-launch Lifecycle Action",
            {"AutoScalingGroupName": GROUP, "EC2InstanceId": "i-0", "LifecycleHookName": "h"},
        ),
        Told(
            at,
            "aws.ec2",
            "EC2 Instance State-change Notification",
            {"instance-id": "i-0", "state": "running"},
        ),
        *(
            Told(at, "aws.ssm", _EXECUTION, {**run, "Definition": name})
            for name in ("AWS-RestartEC2Instance", f"{prod}-surge-response")
        ),
    ]


def _moment(seconds: float) -> datetime:
    """Return a moment of the trace; PutEvents takes whole seconds."""
    return datetime.fromtimestamp(int(OUTAGE.start_seconds + seconds), UTC)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"


_VALUES = {
    Event.ALARM_INSUFFICIENT: "INSUFFICIENT_DATA",
    Event.ALARM_OK: "OK",
    Event.ALARM_ALARM: "ALARM",
    Event.COMPOSITE_OK: "OK",
    Event.COMPOSITE_ALARM: "ALARM",
}
_EXECUTION = "EC2 Automation Execution Status-change Notification"
_CREATED = {
    "value": "INSUFFICIENT_DATA",
    "reason": "Unchecked: Initial alarm creation",
    "timestamp": _stamp(_moment(-7200)),
}


class _Alarms:
    """What alarms say when they change their state."""

    def __init__(self, client: Client, plan: ScalingPlan) -> None:
        # The rules of composite alarms are the plan's, which names them as the replay does.
        self.composites = {each.name: each for each in plan.composites}
        pages = client("cloudwatch").get_paginator("describe_alarms").paginate()
        self.held = {each["AlarmName"]: each for page in pages for each in page["MetricAlarms"]}
        self.states: dict[str, dict[str, str]] = {}

    def metric(self, name: str, value: str, point: float, at: datetime) -> Told:
        alarm = self.held[name]
        queries = alarm.get("Metrics") or [
            {
                "Id": "m1",
                "MetricStat": {
                    "Metric": {
                        key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions")
                    },
                    "Period": alarm["Period"],
                    "Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"],
                },
                "ReturnData": True,
            }
        ]
        configuration = {
            "description": alarm["AlarmDescription"],
            "metrics": [_query(each) for each in queries],
        }
        reason = f"Threshold Crossed: 1 datapoint [{point:.4g} ({at:%d/%m/%y %H:%M:00})]."
        return self._changed(name, {"value": value, "reason": reason}, configuration, at)

    def composite(self, name: str, value: str, at: datetime, *, held: bool) -> Told:
        rule = self.composites[name].rule
        children = [each for each in re.findall(r'"([^"]+)"', rule) if each in self.states]
        child = max(children, key=lambda each: self.states[each]["timestamp"])
        reason = (
            f"{_arn('cloudwatch', 'alarm', child)} transitioned to {self.states[child]['value']} "
            f"at {at:%A %d %B, %Y %H:%M:%S} UTC"
        )
        state = {"value": value, "reason": reason}
        if held:
            suppressor = self.states.get(self.composites[name].suppressor, _CREATED)
            by = "Alarm" if suppressor["value"] == "ALARM" else "WaitPeriod"
            state["actionsSuppressedBy"] = by
            state["actionsSuppressedReason"] = f"Actions suppressed by {by}"
        return self._changed(name, state, self._configuration(name), at)

    def released(self, name: str, at: datetime) -> list[Told]:
        """Return the update when actions are held back no longer: the value stays.

        AWS shows it for Lambda functions as alarm actions, not among the examples of events.
        """
        before = self.states[name]
        if "actionsSuppressedBy" not in before:
            return []
        state = {"value": before["value"], "reason": before["reason"]}
        return [self._changed(name, state, self._configuration(name), at)]

    def _configuration(self, name: str) -> dict[str, Any]:
        alarm = self.composites[name]
        configuration: dict[str, Any] = {"alarmRule": alarm.rule}
        if alarm.suppressor:
            configuration |= {
                "actionsSuppressor": alarm.suppressor,
                "actionsSuppressorWaitPeriod": alarm.wait_period_seconds,
                "actionsSuppressorExtensionPeriod": alarm.extension_period_seconds,
            }
        return configuration

    def _changed(
        self, name: str, state: dict[str, str], configuration: dict[str, Any], at: datetime
    ) -> Told:
        before = self.states.get(name, _CREATED)
        self.states[name] = {**state, "timestamp": _stamp(at)}
        detail = {
            "alarmName": name,
            "state": self.states[name],
            "previousState": before,
            "configuration": configuration,
        }
        resources = (_arn("cloudwatch", "alarm", name),)
        return Told(at, "aws.cloudwatch", "CloudWatch Alarm State Change", detail, resources)


def _arn(service: str, *parts: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{':'.join(parts)}"


def _query(query: dict[str, Any]) -> dict[str, Any]:
    """Return one of an alarm's metrics as events spell it."""
    made = {
        key[0].lower() + key[1:]: query[key]
        for key in ("Id", "Expression", "Label", "ReturnData")
        if key in query
    }
    if "MetricStat" in query:
        stat = query["MetricStat"]
        metric = stat["Metric"]
        made["metricStat"] = {
            "metric": {
                "namespace": metric["Namespace"],
                "name": metric["MetricName"],
                "dimensions": {each["Name"]: each["Value"] for each in metric["Dimensions"]},
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
        }
    return made


class _Instances:
    """The group's instances, told apart: the replay counts them only."""

    def __init__(self) -> None:
        self.made = 4
        self.living = deque(range(1, 5))

    def launched(self, at: datetime) -> Told:
        self.made += 1
        self.living.append(self.made)
        cause = (
            f"At {at:%Y-%m-%dT%H:%M:%SZ} an instance was started in response to a difference "
            "between desired and actual capacity."
        )
        return self._activity(at, "Launch", self.made, cause)

    def ended(self, at: datetime, why: str) -> Told:
        cause = (
            f"At {at:%Y-%m-%dT%H:%M:%SZ} an instance was taken out of service in response to {why}."
        )
        return self._activity(at, "Terminate", self.living.popleft(), cause)

    def _activity(self, at: datetime, what: str, number: int, cause: str) -> Told:
        instance = f"i-{number:017x}"
        launch = what == "Launch"
        ends = ("EC2", "AutoScalingGroup") if launch else ("AutoScalingGroup", "EC2")
        detail = {
            "StatusCode": "InProgress",
            "Description": f"{'Launching a new' if launch else 'Terminating'} EC2 instance: "
            f"{instance}",
            "AutoScalingGroupName": GROUP,
            "ActivityId": ID,
            "Details": {
                "Availability Zone": f"{REGION}{'ab'[number % 2]}",
                "Subnet ID": "subnet-1",
            },
            "RequestId": ID,
            "StatusMessage": "",
            "StartTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "EndTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "EC2InstanceId": instance,
            "Cause": cause,
            "Origin": ends[0],
            "Destination": ends[1],
        }
        resources = (_group_arn(), _arn("ec2", f"instance/{instance}"))
        return Told(at, "aws.autoscaling", f"EC2 Instance {what} Successful", detail, resources)


def _group_arn() -> str:
    return _arn("autoscaling", "autoScalingGroup", ID, f"autoScalingGroupName/{GROUP}")


def _refresh(at: datetime, became: str) -> Told:
    kind = f"EC2 Auto Scaling Instance Refresh {became}"
    detail = {"InstanceRefreshId": ID, "AutoScalingGroupName": GROUP}
    return Told(at, "aws.autoscaling", kind, detail, (_group_arn(),))


def _execution(client: Client, minimum: str, at: datetime) -> list[Told]:
    """Carry surge-response out, and return what Automation tells: begin, steps, end."""
    runbook = find(client, "surgeproof", "local", "surge-response")
    lines = list(rehearse(client, runbook, {"MinSize": minimum}))
    actions = {each["name"]: each["action"] for each in runbook.document["mainSteps"]}
    steps = [line.partition(":")[0] for line in lines]
    common = {
        "ExecutionId": ID,
        "Definition": SURGE_RESPONSE,
        "DefinitionVersion": 1.0,
        "StartTime": f"{at:%b %d, %Y %I:%M:%S %p}",
    }
    ended = {"Status": "Success", "EndTime": common["StartTime"], "Time": 500.0}
    by = {"ExecutedBy": f"arn:aws:iam::{ACCOUNT}:user/on-call"}
    resources = (
        _arn("ssm", f"automation-execution/{ID}"),
        _arn("ssm", f"automation-definition/{SURGE_RESPONSE}:1"),
    )
    step = "EC2 Automation Step Status-change Notification"
    return [
        Told(at, "aws.ssm", _EXECUTION, {**common, **by, "Status": "InProgress"}, resources),
        *(
            Told(
                at,
                "aws.ssm",
                step,
                {**common, **ended, "StepName": each, "Action": actions[each]},
                resources,
            )
            for each in steps
        ),
        Told(at, "aws.ssm", _EXECUTION, {**common, **by, **ended}, resources),
    ]
