"""What moto's CloudWatch does not do, and ours does: composite alarms, and what alarms do.

moto keeps the state that SetAlarmState gives an alarm, and nothing comes of it. Here, as on AWS:

- composite alarms exist, and take the state that their rule has by its children's;
- a state that is entered publishes to the SNS topics among the alarm's actions, in AWS's format
  (`surgeproof.cloudwatch.changes`), unless actions are disabled or held back by a suppressor;
  an action that is no SNS topic is not carried out, and the log says so;
- the change is an event on the account's default bus, and is in the alarm's history;
- a metric alarm returns by itself to the state that it had: AWS evaluates it again, "often within
  seconds" (SetAlarmState, CloudWatch API reference). Nothing evaluates metrics here, so the state
  that it had before SetAlarmState is its actual one. A composite alarm does not return before a
  child of it changes (same page).

It is moto's classes that are wrapped, once for a process.
"""

import functools
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.events.models import EventPattern, events_backends
from moto.events.responses import EventsHandler
from moto.sns.models import Subscription, sns_backends

from surgeproof.cloudwatch import changes
from surgeproof.cloudwatch.rules import RuleError, read_rule
from surgeproof.emulator.moto_alarms import CompositeAlarm, described, region_name
from surgeproof.settings.json_file import parse_json

RETURN_SECONDS: Final = 10.0
"""When a metric alarm returns (seconds). AWS says "often within seconds", and gives no number."""

HISTORY_MAX: Final = 1000
"""Entries kept of one alarm's history."""

HISTORY_DATA_MAX: Final = 4095
"""Characters of an entry's data (cloudwatch AlarmHistoryItem)."""

ACTIONS: Final = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}

_log = logging.getLogger(__name__)


class Timers(Protocol):
    """Calls functions later."""

    def call(self, key: object, seconds: float, function: Callable[[], None]) -> None:
        """Call a function after a time (seconds), in place of what the key stands for."""

    def cancel(self, key: object) -> None:
        """Forget what the key stands for."""


class NoTimers:
    """Calls nothing: the process that moto is on in ends before, or holds the clock itself."""

    def call(self, key: object, seconds: float, function: Callable[[], None]) -> None:
        """Do nothing."""

    def cancel(self, key: object) -> None:
        """Do nothing."""


class ThreadTimers:
    """Calls functions in threads of their own, one at a time.

    Args:
        alone: Keeps others away meanwhile: moto's backends are not thread-safe.

    """

    def __init__(self, alone: AbstractContextManager[Any]) -> None:
        self._alone = alone
        self._waiting: dict[object, threading.Timer] = {}

    def call(self, key: object, seconds: float, function: Callable[[], None]) -> None:
        """Call a function after a time (seconds), in place of what the key stands for."""
        self.cancel(key)

        def run() -> None:
            with self._alone:
                if self._waiting.get(key) is timer:
                    del self._waiting[key]
                    function()

        timer = self._waiting[key] = threading.Timer(seconds, run)
        timer.daemon = True
        timer.start()

    def cancel(self, key: object) -> None:
        """Forget what the key stands for."""
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            waiting.cancel()


class Alarming:
    """Carries out what alarms do, on moto's backends.

    Args:
        timers: Calls what comes later.

    """

    def __init__(self, timers: Timers | None = None) -> None:
        self.timers: Timers = timers or NoTimers()

    def put_composite(self, backend: CloudWatchBackend, members: Mapping[str, Any]) -> None:
        """Make or change a composite alarm; its state and history stay when it is changed."""
        name = members["AlarmName"]
        try:
            read_rule(members["AlarmRule"])
        except RuleError as error:
            raise ValidationError(f"AlarmRule of {name}: {error}") from None
        former = backend.alarms.get(name)
        alarm = CompositeAlarm(
            account_id=backend.account_id,
            region_name=backend.region_name,
            name=name,
            namespace="",
            metric_name="",
            metric_data_queries=None,
            comparison_operator="",
            evaluation_periods=0,
            datapoints_to_alarm=None,
            period=0,
            threshold=0,
            statistic="",
            extended_statistic=None,
            description=members.get("AlarmDescription"),  # type: ignore[arg-type]
            dimensions=[],
            alarm_actions=members.get("AlarmActions") or [],
            ok_actions=members.get("OKActions"),
            insufficient_data_actions=members.get("InsufficientDataActions"),
            unit=None,
            actions_enabled=members.get("ActionsEnabled", True),
            treat_missing_data=None,
            evaluate_low_sample_count_percentile=None,
            threshold_metric_id=None,
            rule=members["AlarmRule"],
        )
        alarm.suppressor = members.get("ActionsSuppressor") or None
        alarm.wait_seconds = members.get("ActionsSuppressorWaitPeriod") or 0
        alarm.extension_seconds = members.get("ActionsSuppressorExtensionPeriod") or 0
        if isinstance(former, CompositeAlarm):
            for each in ("state_reason", "state_reason_data", "state_value"):
                setattr(alarm, each, getattr(former, each))
            alarm.state_updated_timestamp = former.state_updated_timestamp
            alarm.suppressed_by, alarm.acted = former.suppressed_by, former.acted
            alarm.history = former.history
        else:
            # As moto's metric alarms, it begins in its state and says nothing of it.
            alarm.state_value = alarm.acted = "ALARM" if _holds(backend, alarm) else "OK"
        backend.alarms[name] = alarm
        if members.get("Tags"):
            backend.tagger.tag_resource(alarm.alarm_arn, members["Tags"])
        self._evaluate(backend, alarm, None, ())

    def set_state(self, backend: CloudWatchBackend, set_it: Callable[[], None], name: str) -> None:
        """Set a state by moto's own function, and let follow what follows on AWS."""
        alarm = backend.alarms.get(name)
        before = described(alarm) if alarm else {}
        set_it()  # which refuses what AWS would
        if alarm is None:
            return
        if alarm.rule is None:
            actual = getattr(alarm, "actual", None) or before
            key = (backend.account_id, backend.region_name, name)
            if alarm.state_value == actual["StateValue"]:
                alarm.actual = None  # type: ignore[attr-defined]
                self.timers.cancel(key)
            else:
                alarm.actual = actual  # type: ignore[attr-defined]
                self.timers.call(key, RETURN_SECONDS, lambda: self._return(backend, alarm))
        self._changed(backend, alarm, before, ())

    def _return(self, backend: CloudWatchBackend, alarm: Alarm) -> None:
        """Give a metric alarm the state again that it had before somebody set one."""
        actual = getattr(alarm, "actual", None)
        if actual is None or backend.alarms.get(alarm.name) is not alarm:
            return
        before = described(alarm)
        alarm.actual = None  # type: ignore[attr-defined]
        alarm.update_state(
            actual["StateReason"], actual.get("StateReasonData", "{}"), actual["StateValue"]
        )
        self._changed(backend, alarm, before, ())

    def _evaluate(
        self,
        backend: CloudWatchBackend,
        composite: CompositeAlarm,
        child: Alarm | None,
        above: tuple[str, ...],
    ) -> None:
        """Give a composite alarm the state that its rule has now."""
        value = "ALARM" if _holds(backend, composite) else "OK"
        if value == composite.state_value:
            return
        before = described(composite)
        reason, data = "The rule was changed", "{}"
        composite.children = ()
        if child is not None:
            at = child.state_updated_timestamp
            reason = changes.child_reason(child.alarm_arn, child.state_value, at)
            state = {"value": child.state_value, "timestamp": changes.stamp(at)}
            data = json.dumps({"triggeringAlarms": [{"arn": child.alarm_arn, "state": state}]})
            composite.children = (child.name,)
        composite.update_state(reason, data, value)
        self._changed(backend, composite, before, above)

    def _changed(
        self,
        backend: CloudWatchBackend,
        alarm: Alarm,
        before: Mapping[str, Any],
        above: tuple[str, ...],
    ) -> None:
        """Let follow what a new state brings: history, event, actions, the alarms above."""
        if alarm.state_value == before["StateValue"]:
            return
        acts = self._acts(backend, alarm)
        data = {
            "version": "1.0",
            "oldState": _state_for_history(before),
            "newState": _state_for_history(described(alarm)),
        }
        summary = f"Alarm updated from {before['StateValue']} to {alarm.state_value}"
        _remember(alarm, "StateUpdate", summary, data)
        self._send_event(backend, alarm, before)
        if acts:
            self._act(backend, alarm, before["StateValue"])
        for each in list(backend.alarms.values()):
            if not isinstance(each, CompositeAlarm) or each.name in (*above, alarm.name):
                continue
            if each.suppressor_name == alarm.name:
                self._suppressor_changed(backend, each, before["StateValue"], alarm.state_value)
            if alarm.name in read_rule(str(each.rule)).children:
                self._evaluate(backend, each, alarm, (*above, alarm.name))

    def _acts(self, backend: CloudWatchBackend, alarm: Alarm) -> bool:
        """Whether an alarm acts by its new state at once; hold its actions back where it does not.

        "Alarm suppression" (CloudWatch user guide): while the suppressor is in ALARM nothing is
        done; else a new state waits for the time of `ActionsSuppressorWaitPeriod`, and a further
        one begins it anew.
        """
        if not isinstance(alarm, CompositeAlarm) or not alarm.suppressor:
            return True
        self.timers.cancel(_held(alarm))
        suppressor = backend.alarms.get(alarm.suppressor_name)
        if suppressor is not None and suppressor.state_value == "ALARM":
            alarm.suppressed_by = "Alarm"
            return False
        if alarm.wait_seconds == 0:
            alarm.suppressed_by = None
            return True
        alarm.suppressed_by = "WaitPeriod"
        self.timers.call(
            _held(alarm), alarm.wait_seconds, lambda: self._release(backend, alarm, once=False)
        )
        return False

    def _suppressor_changed(
        self, backend: CloudWatchBackend, alarm: CompositeAlarm, before: str, now: str
    ) -> None:
        if now == "ALARM":
            self.timers.cancel(_held(alarm))
            alarm.suppressed_by = "Alarm"
        elif before == "ALARM":
            alarm.suppressed_by = "ExtensionPeriod"
            self.timers.call(
                _held(alarm),
                alarm.extension_seconds,
                lambda: self._release(backend, alarm, once=True),
            )

    def _release(self, backend: CloudWatchBackend, alarm: CompositeAlarm, *, once: bool) -> None:
        """Act by the state that an alarm has when nothing holds it back any more."""
        if backend.alarms.get(alarm.name) is not alarm:
            return
        before = described(alarm)
        alarm.suppressed_by = None
        if once and alarm.acted == alarm.state_value:
            return
        self._send_event(backend, alarm, before)
        self._act(backend, alarm, before["StateValue"])

    def _act(self, backend: CloudWatchBackend, alarm: Alarm, former: str) -> None:
        if isinstance(alarm, CompositeAlarm):
            alarm.acted = alarm.state_value
        if not alarm.actions_enabled:
            return
        for arn in getattr(alarm, ACTIONS[alarm.state_value]):
            if arn.split(":")[2:3] != ["sns"]:
                _log.warning("alarm %s: action %s is not carried out here", alarm.name, arn)
                continue
            children = [
                described(backend.alarms[name])
                for name in getattr(alarm, "children", ())
                if name in backend.alarms
            ]
            now = described(alarm)
            called = region_name(backend.region_name)
            said = changes.message(
                now,
                former=former,
                account=backend.account_id,
                region_name=called,
                children=children,
            )
            text, failed = json.dumps(said), None
            try:
                topics = sns_backends[backend.account_id][arn.split(":")[3]]
                topics.publish(message=text, arn=arn, subject=changes.subject(now, called))
            except Exception as error:  # noqa: BLE001 - a topic that is gone does not keep the alarm back
                failed = f"{type(error).__name__}: {error}"
                _log.warning("alarm %s: not published to %s: %s", alarm.name, arn, failed)
            done = "Failed to execute" if failed else "Successfully executed"
            data = {
                "actionState": "Failed" if failed else "Succeeded",
                "stateUpdateTimestamp": int(
                    alarm.state_updated_timestamp.replace(tzinfo=UTC).timestamp() * 1000
                ),
                "notificationResource": arn,
                "publishedMessage": json.dumps({"default": text}),
                "error": failed,
            }
            if len(json.dumps(data)) > HISTORY_DATA_MAX:
                data["publishedMessage"] = None
            _remember(alarm, "Action", f"{done} action {arn}", data)

    def _send_event(
        self, backend: CloudWatchBackend, alarm: Alarm, before: Mapping[str, Any]
    ) -> None:
        said = changes.event(described(alarm), changes.state_of(before))
        try:
            events_backends[backend.account_id][backend.region_name].put_events(
                [
                    {
                        "Source": said["source"],
                        "DetailType": said["detail-type"],
                        "Resources": said["resources"],
                        "Detail": json.dumps(said["detail"]),
                    }
                ]
            )
        except Exception as error:  # noqa: BLE001 - nor is what a rule's target lacks
            _log.warning("alarm %s: no event: %s: %s", alarm.name, type(error).__name__, error)


def _held(alarm: Alarm) -> tuple[str, str]:
    return ("held back", alarm.alarm_arn)


def _holds(backend: CloudWatchBackend, composite: CompositeAlarm) -> bool:
    states = {each.name: each.state_value for each in backend.alarms.values()}
    return read_rule(str(composite.rule)).holds(states)


def _state_for_history(alarm: Mapping[str, Any]) -> dict[str, str]:
    return {"stateValue": alarm["StateValue"], "stateReason": alarm["StateReason"]}


def _remember(alarm: Alarm, kind: str, summary: str, data: Mapping[str, Any]) -> None:
    """Add an entry to an alarm's history.

    The forms of its summary and data are those of histories that AWS has answered and that public
    repositories keep as test data.
    """
    item = {
        "AlarmName": alarm.name,
        "AlarmType": "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm",
        "Timestamp": utcnow(),
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(data)[:HISTORY_DATA_MAX],
    }
    if not isinstance(alarm.history, deque):
        alarm.history = deque(maxlen=HISTORY_MAX)  # type: ignore[assignment]
    alarm.history.append(item)


ALARMING: Final = Alarming()
"""What carries it out in this process."""


def _put_composite_alarm(self: CloudWatchResponse) -> ActionResult:
    ALARMING.put_composite(self.cloudwatch_backend, self._get_params())
    return EmptyResult()


def _described_alarms(
    theirs: Callable[[CloudWatchResponse], ActionResult], self: CloudWatchResponse
) -> ActionResult:
    """Answer DescribeAlarms: composite alarms only if they are asked for (`AlarmTypes`)."""
    answer: Any = theirs(self).result
    kinds = self._get_param("AlarmTypes", ["MetricAlarm"])
    return ActionResult(
        {
            "MetricAlarms": answer["MetricAlarms"] if "MetricAlarm" in kinds else [],
            "CompositeAlarms": (
                [described(each) for each in answer["CompositeAlarms"]]
                if "CompositeAlarm" in kinds
                else []
            ),
        }
    )


def _alarm_history(self: CloudWatchResponse) -> ActionResult:
    """Answer DescribeAlarmHistory."""
    params = self._get_params()
    kinds = params.get("AlarmTypes") or ["MetricAlarm"]
    name = params.get("AlarmName")
    begin, end = _moment(params.get("StartDate")), _moment(params.get("EndDate"))
    found = sorted(
        (
            item
            for item in _histories(self.cloudwatch_backend)
            if name in (None, item["AlarmName"])
            and item["AlarmType"] in kinds
            and params.get("HistoryItemType") in (None, item["HistoryItemType"])
            and (begin is None or item["Timestamp"] >= begin)
            and (end is None or item["Timestamp"] <= end)
        ),
        key=lambda item: item["Timestamp"],
        reverse=params.get("ScanBy") != "TimestampAscending",
    )
    start = int(params.get("NextToken") or 0)
    stop = start + int(params.get("MaxRecords") or 100)
    more = {"NextToken": str(stop)} if stop < len(found) else {}
    return ActionResult({"AlarmHistoryItems": found[start:stop], **more})


def _histories(backend: CloudWatchBackend) -> Iterator[dict[str, Any]]:
    for alarm in backend.alarms.values():
        if isinstance(alarm.history, deque):
            yield from alarm.history


def _moment(given: Any) -> datetime | None:
    if not isinstance(given, datetime):
        return None
    return given if given.tzinfo is None else given.astimezone(UTC).replace(tzinfo=None)


def _set_alarm_state(
    theirs: Callable[..., None], self: CloudWatchBackend, alarm_name: str, *more: Any, **named: Any
) -> None:
    ALARMING.set_state(self, lambda: theirs(self, alarm_name, *more, **named), alarm_name)


def _test_event_pattern(self: EventsHandler) -> tuple[str, dict[str, Any]]:
    pattern = EventPattern.load(self._get_param("EventPattern"))
    event = parse_json(self._get_param("Event"), "Event")
    return self._create_response({"Result": pattern.matches_event(event)})


def _deliver(theirs: Callable[..., None], self: Subscription, *more: Any, **named: Any) -> None:
    """Deliver to one receiver: what it lacks is nothing to the topic's others, nor to AWS's caller.

    A queue that is gone would be an error of Publish with moto, and those after it get nothing.
    """
    try:
        theirs(self, *more, **named)
    except Exception as error:  # noqa: BLE001 - whatever it is
        _log.warning("not delivered: %s of %s: %s", self.protocol, self.topic.arn, error)


_KEYS: Final[list[Any]] = []


def _signing_key(theirs: Callable[..., Any], self: Subscription) -> Any:
    """Return the key that signs messages: one for all, where moto makes one a subscription.

    One takes half a second, which a drill would measure.
    """
    if not _KEYS:
        _KEYS.append(theirs(self))
    return _KEYS[0]


def _wrapped(wrapper: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(theirs)
    def wrapped(self: Any, *more: Any, **named: Any) -> Any:
        return wrapper(theirs, self, *more, **named)

    return wrapped


def install(timers: Timers | None = None) -> bool:
    """Wrap moto's classes in this process, once; tell whether they were not.

    What comes later is called by `timers`.
    """
    ALARMING.timers = timers or NoTimers()
    if _FORMER:
        return False
    changed: list[tuple[Any, str, Any]] = [
        (CloudWatchResponse, "put_composite_alarm", _put_composite_alarm),
        (CloudWatchResponse, "describe_alarm_history", _alarm_history),
        (CloudWatchResponse, "describe_alarms", _described_alarms),
        (CloudWatchBackend, "set_alarm_state", _set_alarm_state),
        # moto keeps a tuple of an alarm's former state; the history here has what AWS's has.
        (Alarm, "update_state", _update_state),
        (EventsHandler, "test_event_pattern", _test_event_pattern),
        (Subscription, "publish", _deliver),
        (Subscription, "private_key", _signing_key),
    ]
    for owner, name, ours in changed:
        theirs = vars(owner).get(name)
        _FORMER.append((owner, name, theirs))
        wraps = ours in (_described_alarms, _set_alarm_state, _deliver, _signing_key)
        setattr(owner, name, _wrapped(ours, theirs) if wraps and theirs else ours)
    return True


def uninstall() -> None:
    """Leave moto's classes as they were: other tests of the process are on moto alone."""
    while _FORMER:
        owner, name, theirs = _FORMER.pop()
        if theirs is None:
            delattr(owner, name)
        else:
            setattr(owner, name, theirs)


_FORMER: Final[list[tuple[Any, str, Any]]] = []
"""What was changed, with what was there before; nothing while moto is as it comes."""


def _update_state(self: Alarm, reason: str, reason_data: str, state_value: str) -> None:
    self.state_reason = reason
    self.state_reason_data = reason_data
    self.state_value = state_value
    self.state_updated_timestamp = utcnow()
