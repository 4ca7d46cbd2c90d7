"""Rules on alarms, and on the metrics that alarms and policies live on."""

from typing import Any, Final

from pulumi_policy import Severity

from policies import _metrics
from policies import _types as types
from policies._rules import (
    AnyRule,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Stack,
    StackRule,
)
from policies._values import ABSENT, UNKNOWN, is_false, is_true, number, show

_BASIC_MONITORING_SECONDS: Final = 300
_ALARM_NAMES: Final = {
    **dict.fromkeys(types.METRIC_ALARM, "name"),
    **dict.fromkeys(types.COMPOSITE_ALARM, "alarmName"),
}


def _check_name_prefix(alarm: Resource, report: Report) -> None:
    path = _ALARM_NAMES[alarm.type]
    name, prefix = alarm.read(path), f"{alarm.project_and_stack}-"
    if name is UNKNOWN:
        report.wait_for(alarm, path)
    elif not isinstance(name, str) or not name.startswith(prefix):
        report.refuse(alarm, path, f"start with `{prefix}`", show(name))


def _check_group_metrics(stack: Stack, report: Report) -> None:
    for use in _metrics.uses(stack, report, "AWS/AutoScaling"):
        group = use.group(stack)
        if group is None:
            _note_group(use, report)
            continue
        enabled = [value for _, value in group.each("enabledMetrics[*]")]
        if use.metric in enabled:
            continue
        if UNKNOWN in enabled:
            report.wait_for(group, "enabledMetrics")
            continue
        report.refuse(
            group,
            "enabledMetrics",
            f"include `{use.metric}`, which {use.user.label} uses",
            ", ".join(show(name) for name in enabled) or ABSENT.value,
        )


def _check_detailed_monitoring(stack: Stack, report: Report) -> None:
    for use in _metrics.uses(stack, report, "AWS/EC2"):
        seconds = number(use.period)
        if seconds is None or seconds >= _BASIC_MONITORING_SECONDS:
            continue
        if str(use.metric).startswith("StatusCheckFailed"):
            # Reported every minute in either case (EC2 User Guide, "Status check metrics").
            continue
        group = use.group(stack)
        if group is None:
            _note_group(use, report)
            continue
        for path, source in _launch_sources(stack, group):
            if source is None:
                report.undecided(group, f"`{path}` names nothing that this stack makes.")
                continue
            _check_monitored(source, use, report)


def _check_monitored(source: Resource, use: _metrics.MetricUse, report: Report) -> None:
    if source.type in types.LAUNCH_CONFIGURATION:
        path = "enableMonitoring"
        value = source.read(path)
        on = not is_false(value)  # a launch configuration's default is true
    else:
        path = "monitoring.enabled"
        value = source.read(path)
        on = is_true(value)
    if value is UNKNOWN:
        report.wait_for(source, path)
    elif not on:
        report.refuse(
            source,
            path,
            f"be true, as {use.user.label} reads `{use.metric}` every {show(use.period)} s",
            show(value),
        )


def _launch_sources(stack: Stack, group: Resource) -> list[tuple[str, Resource | None]]:
    """Return what the group launches instances from, None where it is not in the stack."""
    mixed = "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification"
    places = (
        ("launchTemplate.id", types.LAUNCH_TEMPLATE, "id"),
        ("launchTemplate.name", types.LAUNCH_TEMPLATE, "name"),
        (f"{mixed}.launchTemplateId", types.LAUNCH_TEMPLATE, "id"),
        (f"{mixed}.launchTemplateName", types.LAUNCH_TEMPLATE, "name"),
        ("launchConfiguration", types.LAUNCH_CONFIGURATION, "name"),
    )
    found: dict[str, tuple[str, Resource | None]] = {}
    for path, kinds, key in places:
        if group.read(path) is ABSENT:
            continue
        source = stack.target(group, path, kinds, (key, "id"))
        top = path.partition(".")[0]
        if source is not None or top not in found:
            found[top] = (path, source)
    return list(found.values())


def _note_group(use: _metrics.MetricUse, report: Report) -> None:
    if use.group_name is UNKNOWN:
        report.wait_for(use.user, use.group_path)
    else:
        report.undecided(
            use.user, f"`{use.group_path}` names a group that this stack does not make."
        )


def _some(actions: Any) -> bool:
    return isinstance(actions, list) and bool(actions)


RULES: Final[tuple[AnyRule, ...]] = (
    PropertyRule(
        name="alarm-has-actions",
        description="Every alarm does something when it fires: one that tells nobody and changes "
        "nothing is found after the incident.",
        severity=Severity.HIGH,
        control="CloudWatch.15",
        sources=(
            "CKV_AWS_319",
            "CloudWatch.17",
            "CT.CLOUDWATCH.PR.1",
            "CT.CLOUDWATCH.PR.4",
            "G cloudwatch_alarm_action_check",
        ),
        types=types.METRIC_ALARM | types.COMPOSITE_ALARM,
        needs=(
            Need("alarmActions", "name at least one action", _some),
            Need("actionsEnabled", "not be false", lambda enabled: not is_false(enabled)),
        ),
        fix="Name a topic or a scaling policy:\n"
        "aws.cloudwatch.MetricAlarm(..., alarm_actions=[page_topic.arn])\n"
        "Alarms of this project are rows of components/alarms.py, which gives them their topics.",
    ),
    ResourceRule(
        name="alarm-name-starts-with-stack",
        description="Alarm names start with the project and the stack: AWS overwrites an alarm of "
        "the same name without a word, so two stacks of one account would share one alarm.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
        types=frozenset(_ALARM_NAMES),
        check=_check_name_prefix,
        fix='Set name=f"{pulumi.get_project()}-{pulumi.get_stack()}-..." on the alarm.',
    ),
    StackRule(
        name="asg-metrics-for-alarms",
        description="A group publishes the group metrics that alarms, policies and dashboards use. "
        "They are off by default, and an alarm on a metric that does not exist never fires.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html",
        types=_metrics.ALL,
        check=_check_group_metrics,
        fix='Set enabled_metrics=["GroupInServiceInstances", "GroupMaxSize", ...] and '
        'metrics_granularity="1Minute" on the aws.autoscaling.Group. The AutoScalingGroup '
        "component "
        "enables them all.",
    ),
    StackRule(
        name="asg-detailed-monitoring",
        description="Instances report every 60 s wherever a policy or an alarm reads their metrics "
        "at that period. With basic monitoring four of five periods hold no data, and scaling out "
        "takes a quarter of an hour.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/autoscaling/ec2/userguide/enable-as-instance-metrics.html",
        sources=("AG ec2-instance-detailed-monitoring-enabled",),
        types=_metrics.ALL | types.LAUNCH_TEMPLATE | types.LAUNCH_CONFIGURATION,
        check=_check_detailed_monitoring,
        fix='Set monitoring={"enabled": True} on the aws.ec2.LaunchTemplate.',
    ),
)
