"""What CloudWatch says when an alarm changes its state: the message to a topic, and the event.

An alarm is given as DescribeAlarms answers it, with its new state. Sources:

- events: "Alarm events and EventBridge" (CloudWatch user guide,
  https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html);
- messages: "Notifying users on alarm changes" (Notify_Users_Alarm_Changes in the same guide) names
  them. Their members are those of messages that AWS has sent and that public repositories keep as
  test data: a metric alarm's of 2025, one on metric math of 2020 and composite alarms' of 2021 and
  2022.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

STATE_CHANGE: Final = "CloudWatch Alarm State Change"
"""`detail-type` of the event."""

SUBJECT_MAX: Final = 100
"""Characters of a message's subject (sns Publish)."""

Alarm = Mapping[str, Any]


def stamp(at: datetime) -> str:
    """Return a time as messages and events spell it; one without a zone is of UTC."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"


def is_composite(alarm: Alarm) -> bool:
    """Tell a composite alarm from a metric alarm."""
    return bool(alarm.get("AlarmRule"))


def subject(alarm: Alarm, region_name: str) -> str:
    """Return the subject of the message, which SNS would refuse if it were longer."""
    whole = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {region_name}'
    return whole if len(whole) <= SUBJECT_MAX else f"{whole[: SUBJECT_MAX - 3]}..."


def child_reason(arn: str, value: str, at: datetime) -> str:
    """Return why a composite alarm changed: which alarm of its rule did."""
    return f"{arn} transitioned to {value} at {at:%A %d %B, %Y %H:%M:%S} UTC"


def message(
    alarm: Alarm, *, former: str, account: str, region_name: str, children: Sequence[Alarm] = ()
) -> dict[str, Any]:
    """Return the message to a topic.

    Args:
        alarm: The alarm, in its new state.
        former: The state that it had before.
        account: Id of its account.
        region_name: Its Region as people call it, such as `EU (Ireland)`.
        children: Of a composite alarm, those of its rule that brought it there.

    """
    said = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": stamp(alarm["StateUpdatedTimestamp"]),
        "Region": region_name,
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": former,
        "OKActions": list(alarm.get("OKActions") or ()),
        "AlarmActions": list(alarm.get("AlarmActions") or ()),
        "InsufficientDataActions": list(alarm.get("InsufficientDataActions") or ()),
    }
    if is_composite(alarm):
        return {
            **said,
            "AlarmRule": alarm["AlarmRule"],
            "TriggeringChildren": [
                {
                    "Arn": child["AlarmArn"],
                    "State": {
                        "Value": child["StateValue"],
                        "Timestamp": stamp(child["StateUpdatedTimestamp"]),
                    },
                }
                for child in children
            ],
        }
    return {**said, "Trigger": _trigger(alarm)}


def _trigger(alarm: Alarm) -> dict[str, Any]:
    judged = {
        "EvaluationPeriods": alarm.get("EvaluationPeriods"),
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm"),
        "ComparisonOperator": alarm.get("ComparisonOperator"),
        "Threshold": alarm.get("Threshold"),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    judged = {name: value for name, value in judged.items() if value is not None}
    if alarm.get("Metrics"):
        return {**judged, "Metrics": [_query(each) for each in alarm["Metrics"]]}
    extended = alarm.get("ExtendedStatistic")
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended}
        if extended
        else {"StatisticType": "Statistic", "Statistic": _WORDS.get(str(alarm.get("Statistic")))}
    )
    return {
        "MetricName": alarm.get("MetricName"),
        "Namespace": alarm.get("Namespace"),
        **statistic,
        "Unit": alarm.get("Unit"),
        "Dimensions": _dimensions(alarm.get("Dimensions") or ()),
        "Period": alarm.get("Period"),
        **judged,
    }


_WORDS: Final = {
    "Average": "AVERAGE",
    "Maximum": "MAXIMUM",
    "Minimum": "MINIMUM",
    "SampleCount": "SAMPLE_COUNT",
    "Sum": "SUM",
}


def _dimensions(dimensions: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"value": each["Value"], "name": each["Name"]} for each in dimensions]


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    said = {
        name: query[name]
        for name in ("Expression", "Id", "Label", "Period", "ReturnData")
        if query.get(name) is not None
    }
    if query.get("MetricStat"):
        stat = query["MetricStat"]
        metric = stat["Metric"]
        said["MetricStat"] = {
            "Metric": {
                "Dimensions": _dimensions(metric.get("Dimensions") or ()),
                "MetricName": metric["MetricName"],
                "Namespace": metric["Namespace"],
            },
            "Period": stat["Period"],
            "Stat": stat["Stat"],
        }
    return said


def state_of(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm's state as events spell it."""
    state = {
        "value": alarm["StateValue"],
        "reason": alarm.get("StateReason", ""),
        "timestamp": stamp(alarm["StateUpdatedTimestamp"]),
    }
    if alarm.get("StateReasonData") not in (None, "", "{}"):
        state["reasonData"] = alarm["StateReasonData"]
    if alarm.get("ActionsSuppressedBy"):
        state["actionsSuppressedBy"] = alarm["ActionsSuppressedBy"]
        state["actionsSuppressedReason"] = alarm["ActionsSuppressedReason"]
    return state


def event(alarm: Alarm, former: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the event says: its `source`, `detail-type`, `resources` and `detail`.

    Args:
        alarm: The alarm, in its new state.
        former: The state that it had before, as `state_of` gives it.

    """
    return {
        "source": "aws.cloudwatch",
        "detail-type": STATE_CHANGE,
        "resources": [alarm["AlarmArn"]],
        "detail": {
            "alarmName": alarm["AlarmName"],
            "state": state_of(alarm),
            "previousState": dict(former),
            "configuration": _configuration(alarm),
        },
    }


_SUPPRESSION: Final = {
    "ActionsSuppressor": "actionsSuppressor",
    "ActionsSuppressorWaitPeriod": "actionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod": "actionsSuppressorExtensionPeriod",
}


def _configuration(alarm: Alarm) -> dict[str, Any]:
    described = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if is_composite(alarm):
        suppression = {
            spelt: alarm[name] for name, spelt in _SUPPRESSION.items() if alarm.get(name)
        }
        return {**described, "alarmRule": alarm["AlarmRule"], **suppression}
    queries = alarm.get("Metrics") or [
        {
            "Id": "m1",
            "MetricStat": {
                "Metric": {
                    "Namespace": alarm.get("Namespace"),
                    "MetricName": alarm.get("MetricName"),
                    "Dimensions": alarm.get("Dimensions") or (),
                },
                "Period": alarm.get("Period"),
                "Stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
            },
            "ReturnData": True,
        }
    ]
    return {**described, "metrics": [_metric(each) for each in queries]}


def _metric(query: Mapping[str, Any]) -> dict[str, Any]:
    said = {
        name[0].lower() + name[1:]: query[name]
        for name in ("Id", "Expression", "Label", "ReturnData")
        if query.get(name) is not None
    }
    if query.get("MetricStat"):
        stat = query["MetricStat"]
        metric = stat["Metric"]
        dimensions = metric.get("Dimensions") or ()
        said["metricStat"] = {
            "metric": {
                "namespace": metric["Namespace"],
                "name": metric["MetricName"],
                "dimensions": {each["Name"]: each["Value"] for each in dimensions},
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
        }
    return said
