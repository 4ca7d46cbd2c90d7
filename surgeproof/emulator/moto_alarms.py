"""Alarms that moto holds, as AWS describes them; composite alarms, for which it has no class."""

import functools
from typing import Any

import botocore.loaders
from moto.cloudwatch.models import Alarm

from surgeproof.cloudwatch.rules import alarm_name


class CompositeAlarm(Alarm):
    """A composite alarm, with what moto's class has no place for."""

    suppressor: str | None = None
    wait_seconds: int = 0
    extension_seconds: int = 0
    suppressed_by: str | None = None
    """Alarm, WaitPeriod or ExtensionPeriod while its actions are held back."""
    acted: str = ""
    """The state by which it has acted last."""
    children: tuple[str, ...] = ()
    """Names of the alarms that brought it into its state."""

    @property
    def suppressor_name(self) -> str:
        """Name of the suppressor, which may be given by its ARN; empty where there is none."""
        return alarm_name(self.suppressor) if self.suppressor else ""


def described(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as DescribeAlarms answers it."""
    said = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.alarm_arn,
        "AlarmDescription": alarm.description,
        "AlarmConfigurationUpdatedTimestamp": alarm.configuration_updated_timestamp,
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "StateValue": alarm.state_value,
        "StateReason": alarm.state_reason,
        "StateReasonData": alarm.state_reason_data,
        "StateUpdatedTimestamp": alarm.state_updated_timestamp,
    }
    if isinstance(alarm, CompositeAlarm):
        said |= {
            "AlarmRule": alarm.rule,
            "StateTransitionedTimestamp": alarm.state_updated_timestamp,
            "ActionsSuppressor": alarm.suppressor,
            "ActionsSuppressorWaitPeriod": alarm.wait_seconds if alarm.suppressor else None,
            "ActionsSuppressorExtensionPeriod": (
                alarm.extension_seconds if alarm.suppressor else None
            ),
            "ActionsSuppressedBy": alarm.suppressed_by,
            "ActionsSuppressedReason": (
                f"Actions suppressed by {alarm.suppressed_by}" if alarm.suppressed_by else None
            ),
        }
    else:
        said |= {
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric_name,
            "Dimensions": [
                {"Name": each.name, "Value": each.value} for each in alarm.dimensions or ()
            ],
            "Statistic": alarm.statistic,
            "ExtendedStatistic": alarm.extended_statistic,
            "Unit": alarm.unit,
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "DatapointsToAlarm": alarm.datapoints_to_alarm,
            "Threshold": alarm.threshold,
            "ComparisonOperator": alarm.comparison_operator,
            "TreatMissingData": alarm.treat_missing_data,
            "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile,
            "Metrics": [_query(each) for each in alarm.metric_data_queries or ()],
        }
    return {name: value for name, value in said.items() if value is not None}


def _query(query: Any) -> dict[str, Any]:
    said = {
        "Id": query.id,
        "Expression": query.expression,
        "Label": query.label,
        "Period": query.period,
        "ReturnData": query.return_data,
    }
    if query.metric_stat is not None:
        metric = query.metric_stat.metric
        said["MetricStat"] = {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.metric_name,
                "Dimensions": [
                    {"Name": each.name, "Value": each.value} for each in metric.dimensions
                ],
            },
            "Period": query.metric_stat.period,
            "Stat": query.metric_stat.stat,
        }
    return {name: value for name, value in said.items() if value is not None}


@functools.cache
def region_name(region: str) -> str:
    """Return what messages call a Region: AWS's name of it, with EU in place of Europe."""
    data = botocore.loaders.create_loader().load_data("endpoints")
    for partition in data["partitions"]:
        if region in partition["regions"]:
            name = str(partition["regions"][region]["description"])
            return name.replace("Europe (", "EU (")
    return region
