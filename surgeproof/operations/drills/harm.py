"""What a drill would do beside sending messages: all of it is found before anything is done."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from surgeproof.cloudwatch import changes
from surgeproof.operations.drills.alarms import Alarms
from surgeproof.operations.drills.calls import LACKS, Calls, DrillError, code_of
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json

QUIET: Final = frozenset({"OK", "INSUFFICIENT_DATA"})
_REFRESH_UNDER_WAY: Final = frozenset(
    {"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"}
)
"""Statuses of an instance refresh that is not over (autoscaling InstanceRefresh)."""
_MEANS: Final = {
    "autoscaling": "a scaling policy, which changes the fleet",
    "application-autoscaling": "a scaling policy, which changes capacity",
    "automate": "an EC2 action, which stops, ends, reboots or recovers an instance",
    "swf": "an EC2 action, which stops, ends, reboots or recovers an instance",
    "ssm": "an OpsItem of Systems Manager",
    "ssm-incidents": "an incident of Incident Manager",
    "lambda": "a function, which runs",
    "aiops": "an investigation",
}
"""What actions that are no topics do, by the service in their ARN (`AlarmActions`, CloudWatch API
reference, PutMetricAlarm and PutCompositeAlarm)."""


@dataclass(frozen=True, slots=True)
class Harm:
    """Looks for what a drill of an alarm would harm.

    Args:
        calls: Asks AWS.
        alarms: All alarms.
        name: The metric alarm to drill.
        run_actions: ARNs of actions and targets that may run.

    """

    calls: Calls
    alarms: Alarms
    name: str
    run_actions: Sequence[str] = ()

    def problems(self) -> list[str]:
        """Return all of it; raises DrillError where AWS does not say."""
        return [
            *self._open(),
            *self._actions(),
            *self._disabled(),
            *self._refreshes(),
            *self._rules(),
        ]

    @property
    def _all(self) -> tuple[str, ...]:
        return (self.name, *self.alarms.above(self.name))

    def _open(self) -> Iterator[str]:
        for each in self._all:
            state = self.alarms.states[each]
            if state not in QUIET:
                yield f"alarm {each}: must be in OK or INSUFFICIENT_DATA, got {state}: it is real"

    def _actions(self) -> Iterator[str]:
        for each, action in dict.fromkeys(self.alarms.deeds(self.name)):
            if action not in self.run_actions:
                what = _MEANS.get(action.split(":")[2] if action.count(":") > 1 else "", "unknown")
                yield (
                    f"alarm {each}: must have no action but SNS topics, got {action} ({what}); "
                    f"--run-action {action} lets it run"
                )

    def _disabled(self) -> Iterator[str]:
        for each in self.alarms.entered(self.name):
            alarm = self.alarms.held[each]
            if alarm.get("AlarmActions") and not alarm.get("ActionsEnabled", True):
                yield f"alarm {each}: must have its actions enabled, got disabled: it sends nothing"

    def _refreshes(self) -> Iterator[str]:
        watched = set(self._all)
        groups = self.calls.pages(
            "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"
        )
        for group in groups:
            name = group["AutoScalingGroupName"]
            for refresh in self._refreshes_of(name):
                said = refresh.get("Preferences", {}).get("AlarmSpecification") or {}
                for each in sorted(watched & set(said.get("Alarms") or ())):
                    if refresh["Status"] in _REFRESH_UNDER_WAY:
                        yield (
                            f"alarm {each}: must not be watched by an instance refresh under way, "
                            f"got {refresh['InstanceRefreshId']} of {name}, which it would stop or "
                            "roll back"
                        )

    def _refreshes_of(self, group: str) -> Iterator[Any]:
        more: dict[str, str] = {}
        while True:  # botocore has no paginator for it
            try:
                answer = self.calls(
                    "autoscaling",
                    "describe_instance_refreshes",
                    AutoScalingGroupName=group,
                    **more,
                )
            except DrillError as error:
                if code_of(error) == LACKS:
                    return  # the embedded AWS, which starts none, either
                raise
            yield from answer.get("InstanceRefreshes") or ()
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}

    def _rules(self) -> Iterator[str]:
        events = [json.dumps(each) for each in self._events()]
        for rule in self.calls.pages("events", "list_rules", "Rules"):
            pattern = rule.get("EventPattern")
            if rule["State"] == "DISABLED" or not pattern or not _may_be_of_alarms(pattern):
                continue
            if not any(self._matches(pattern, each) for each in events):
                continue
            targets = self.calls.pages(
                "events", "list_targets_by_rule", "Targets", Rule=rule["Name"]
            )
            for target in targets:
                arn = target["Arn"]
                if arn.split(":")[2:3] != ["logs"] and arn not in self.run_actions:
                    yield (
                        f"rule {rule['Name']}: must have no target but log groups, since it "
                        f"matches the drill's events, got {arn}; --run-action {arn} lets it run"
                    )

    def _matches(self, pattern: str, event: str) -> bool:
        """Let AWS say whether a rule matches an event: its own words, not a copy of them."""
        answer = self.calls("events", "test_event_pattern", EventPattern=pattern, Event=event)
        return bool(answer["Result"])

    def _events(self) -> Iterator[dict[str, Any]]:
        """Yield the events of a drill: each alarm that changes, there and back."""
        for name in self.alarms.entered(self.name):
            alarm = self.alarms.held[name]
            before = changes.state_of(alarm)
            there = {**alarm, "StateValue": "ALARM"}
            arn = alarm["AlarmArn"].split(":")
            for said in (changes.event(there, before), changes.event(alarm, _alarm_state(before))):
                yield {
                    "id": "00000000-0000-0000-0000-000000000000",
                    "account": arn[4],
                    "region": arn[3],
                    "time": f"{alarm['StateUpdatedTimestamp']:%Y-%m-%dT%H:%M:%SZ}",
                    **said,
                }


def _alarm_state(before: dict[str, Any]) -> dict[str, Any]:
    return {**before, "value": "ALARM"}


def _may_be_of_alarms(pattern: str) -> bool:
    """Whether a pattern may match events of alarms; AWS need not be asked where not."""
    try:
        said = parse_json(pattern, "EventPattern")
    except DocumentError:
        return True
    for key, value in (("source", "aws.cloudwatch"), ("detail-type", changes.STATE_CHANGE)):
        wanted = said.get(key) if isinstance(said, dict) else None
        plain = isinstance(wanted, list) and all(isinstance(each, str) for each in wanted)
        if wanted and plain and value not in wanted:
            return False
    return True
