"""What CloudWatch says of a change, member by member."""

from datetime import UTC, datetime, timedelta, timezone

from surgeproof.cloudwatch.changes import event, message, stamp, state_of, subject

AT = datetime(2026, 11, 27, 9, 30, 15, 640_000, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:page"
SAID = {
    "AlarmConfigurationUpdatedTimestamp": AT,
    "StateUpdatedTimestamp": AT,
    "AlarmActions": [TOPIC],
    "OKActions": [],
}
CPU = {
    **SAID,
    "AlarmName": "cpu",
    "AlarmArn": f"{ARN}cpu",
    "AlarmDescription": "CPU is high.",
    "StateValue": "ALARM",
    "StateReason": "DRILL 1",
    "StateReasonData": '{"a": 1}',
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "web"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 80.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
PAGE = {
    **SAID,
    "AlarmName": "page",
    "AlarmArn": f"{ARN}page",
    "StateValue": "ALARM",
    "StateReason": "cpu transitioned",
    "AlarmRule": "ALARM(cpu)",
    "ActionsSuppressor": "hold",
    "ActionsSuppressorWaitPeriod": 60,
    "ActionsSuppressorExtensionPeriod": 30,
    "ActionsSuppressedBy": "WaitPeriod",
    "ActionsSuppressedReason": "Actions suppressed by WaitPeriod",
}
OF_BOTH = {
    "AWSAccountId": "123456789012",
    "AlarmConfigurationUpdatedTimestamp": "2026-11-27T09:30:15.640+0000",
    "NewStateValue": "ALARM",
    "StateChangeTime": "2026-11-27T09:30:15.640+0000",
    "Region": "EU (Ireland)",
    "OldStateValue": "OK",
    "OKActions": [],
    "AlarmActions": [TOPIC],
    "InsufficientDataActions": [],
}


def said(alarm, **more):
    return message(alarm, former="OK", account="123456789012", region_name="EU (Ireland)", **more)


def test_a_metric_alarm_tells_what_triggers_it():
    assert said(CPU) == {
        **OF_BOTH,
        "AlarmName": "cpu",
        "AlarmArn": f"{ARN}cpu",
        "AlarmDescription": "CPU is high.",
        "NewStateReason": "DRILL 1",
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [{"value": "web", "name": "AutoScalingGroupName"}],
            "Period": 60,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 80.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def test_an_alarm_on_metric_math_tells_its_metrics():
    stat = {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "d", "Value": "v"}]}
    queries = [
        {"Id": "e", "Expression": "m / 2", "Label": "half", "ReturnData": True},
        {
            "Id": "m",
            "MetricStat": {"Metric": stat, "Period": 60, "Stat": "p95"},
            "ReturnData": False,
        },
    ]

    assert said({**CPU, "Metrics": queries})["Trigger"] == {
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 80.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
        "Metrics": [
            {"Expression": "m / 2", "Id": "e", "Label": "half", "ReturnData": True},
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": {
                        "Dimensions": [{"value": "v", "name": "d"}],
                        "MetricName": "M",
                        "Namespace": "N",
                    },
                    "Period": 60,
                    "Stat": "p95",
                },
                "ReturnData": False,
            },
        ],
    }


def test_a_composite_alarm_tells_which_alarms_brought_it_there():
    assert said(PAGE, children=[CPU]) == {
        **OF_BOTH,
        "AlarmName": "page",
        "AlarmArn": f"{ARN}page",
        "AlarmDescription": None,
        "NewStateReason": "cpu transitioned",
        "AlarmRule": "ALARM(cpu)",
        "TriggeringChildren": [
            {
                "Arn": f"{ARN}cpu",
                "State": {"Value": "ALARM", "Timestamp": "2026-11-27T09:30:15.640+0000"},
            }
        ],
    }


def test_the_event_of_a_metric_alarm():
    before = state_of({**CPU, "StateValue": "OK", "StateReason": "fine", "StateReasonData": "{}"})

    assert event(CPU, before) == {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "resources": [f"{ARN}cpu"],
        "detail": {
            "alarmName": "cpu",
            "state": {
                "value": "ALARM",
                "reason": "DRILL 1",
                "reasonData": '{"a": 1}',
                "timestamp": "2026-11-27T09:30:15.640+0000",
            },
            "previousState": {
                "value": "OK",
                "reason": "fine",
                "timestamp": "2026-11-27T09:30:15.640+0000",
            },
            "configuration": {
                "description": "CPU is high.",
                "metrics": [
                    {
                        "id": "m1",
                        "returnData": True,
                        "metricStat": {
                            "metric": {
                                "namespace": "AWS/EC2",
                                "name": "CPUUtilization",
                                "dimensions": {"AutoScalingGroupName": "web"},
                            },
                            "period": 60,
                            "stat": "Average",
                        },
                    }
                ],
            },
        },
    }


def test_the_event_of_a_composite_alarm_that_is_held_back():
    detail = event(PAGE, {})["detail"]

    assert detail["configuration"] == {
        "alarmRule": "ALARM(cpu)",
        "actionsSuppressor": "hold",
        "actionsSuppressorWaitPeriod": 60,
        "actionsSuppressorExtensionPeriod": 30,
    }
    assert detail["state"]["actionsSuppressedBy"] == "WaitPeriod"
    assert detail["state"]["actionsSuppressedReason"] == "Actions suppressed by WaitPeriod"


def test_a_subject_is_never_longer_than_sns_takes():
    assert subject(CPU, "EU (Ireland)") == 'ALARM: "cpu" in EU (Ireland)'
    long = subject({**CPU, "AlarmName": "a" * 255}, "EU (Ireland)")
    assert long == f'ALARM: "{"a" * 89}...'
    assert len(long) == 100


def test_a_time_is_told_in_utc():
    assert stamp(AT.astimezone(timezone(timedelta(hours=2)))) == "2026-11-27T09:30:15.640+0000"
    assert stamp(AT.replace(tzinfo=None)) == "2026-11-27T09:30:15.640+0000"
