"""Rules on alarms, and on the metrics that alarms and policies live on."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _metrics
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import (
    ABSENT,
    UNKNOWN,
    is_false,
    is_filled,
    is_true,
    number,
    read,
    show,
)

_MONITORING: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring"
_GIVEN_BY_PULUMI: Final = re.compile(r"-[0-9a-f]{7}")
"""What Pulumi appends to a resource's name where the program gives none (Pulumi, "Resource names",
https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming)."""
_BASIC_MONITORING_SECONDS: Final = 300
_ALARM_NAMES: Final = {
    **dict.fromkeys(types.METRIC_ALARM, "name"),
    **dict.fromkeys(types.COMPOSITE_ALARM, "alarmName"),
}


def _check_name_prefix(alarm: Resource, report: Report) -> None:
    if alarm.is_of_terraform:
        return
    path = _ALARM_NAMES[alarm.type]
    name, prefix = alarm.read(path), f"{alarm.project_and_stack}-"
    if name is UNKNOWN:
        report.wait_for(alarm, path)
    elif isinstance(name, str) and _GIVEN_BY_PULUMI.fullmatch(name.removeprefix(alarm.name)):
        return  # unique by itself
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
        for path, source in launch_sources(stack, group):
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


def launch_sources(stack: Stack, group: Resource) -> list[tuple[str, Resource | None]]:
    """Return what the group launches instances from, None where it is not in the stack."""
    mixed = "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification"
    places = (
        ("launchTemplate.id", types.LAUNCH_TEMPLATE, "id"),
        ("launchTemplate.name", types.LAUNCH_TEMPLATE, "name"),
        (f"{mixed}.launchTemplateId", types.LAUNCH_TEMPLATE, "id"),
        (f"{mixed}.launchTemplateName", types.LAUNCH_TEMPLATE, "name"),
        ("launchConfiguration", types.LAUNCH_CONFIGURATION, "name"),
    )
    found = [
        (path, stack.target(group, path, kinds, (key, "id")))
        for path, kinds, key in places
        if group.read(path) not in (ABSENT, "")
    ]
    # A group has one source, which a deployed one names by its id and by its name.
    return [each for each in found if each[1] is not None][:1] or found[:1]


def _note_group(use: _metrics.MetricUse, report: Report) -> None:
    if use.group_name is UNKNOWN:
        report.wait_for(use.user, use.group_path)
    else:
        report.undecided(
            use.user, f"`{use.group_path}` names a group that this stack does not make."
        )


_PROJECT: Final = "surgeproof"
_ROOT: Final = Path(__file__).resolve().parent.parent
_RUNBOOK: Final = re.compile(r"\bRunbook: (\S+)")
_DESCRIPTIONS: Final = "alarmDescription"
_CHILD: Final = re.compile(r"\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*\"?([^\")]{1,512}?)\"?\s*\)")
_BAND: Final = re.compile(r"\bANOMALY_DETECTION_BAND\s*\(", re.IGNORECASE)
_RATE: Final = re.compile(r"\b(?:ANOMALY_DETECTION_BAND|RATE|DIFF)\s*\(", re.IGNORECASE)
_DEMAND: Final = frozenset(
    {
        "ActiveConnectionCount",
        "ConsumedLCUs",
        "NewConnectionCount",
        "PeakLCUs",
        "RequestCount",
        "RequestCountPerTarget",
    }
)
"""Metrics of a load balancer that say how much is asked for, whatever is answered."""


def _severity(alarm: Resource, severities: Sequence[str]) -> Any:
    """Return an alarm's severity, by its tag or the last part of its name; ABSENT, or UNKNOWN."""
    tag, name = alarm.read("tags.severity"), alarm.read(_ALARM_NAMES[alarm.type])
    last = name.rpartition("-")[2] if isinstance(name, str) else name
    for value in (tag, last):
        if value in severities:
            return value
    return UNKNOWN if UNKNOWN in (tag, last) else ABSENT


def _check_severity(alarm: Resource, report: Report) -> None:
    severities = alarm.settings["severities"]
    severity = _severity(alarm, severities)
    path = _ALARM_NAMES[alarm.type]
    if severity is UNKNOWN:
        report.wait_for(alarm, path)
    elif severity is ABSENT:
        listed = ", ".join(f"`{each}`" for each in severities)
        must = f"end in one of {listed}, or the tag `severity` be one"
        report.refuse(alarm, path, must, show(alarm.read(path)))


def _check_runbook(alarm: Resource, report: Report) -> None:
    text = alarm.read(_DESCRIPTIONS)
    link = _RUNBOOK.search(text) if isinstance(text, str) else None
    if text is UNKNOWN:
        report.wait_for(alarm, _DESCRIPTIONS)
    elif link is None:
        report.refuse(alarm, _DESCRIPTIONS, "hold `Runbook: ` and a link", show(text))
    elif (
        alarm.project_and_stack.startswith(f"{_PROJECT}-")
        and "://" not in link[1]
        # A link that ends a sentence takes its full stop along.
        and not (_ROOT / link[1].rstrip(".,;)")).is_file()
    ):
        must = "link a page of this repository that exists"
        report.refuse(alarm, _DESCRIPTIONS, must, show(link[1]))


def _children(composite: Resource) -> list[tuple[str, str]]:
    """Return where a composite alarm names an alarm, and the name."""
    rule, suppressor = composite.read("alarmRule"), composite.read("actionsSuppressor.alarm")
    found = [("alarmRule", name) for name in _CHILD.findall(rule if isinstance(rule, str) else "")]
    if isinstance(suppressor, str):
        found.append(("actionsSuppressor.alarm", suppressor))
    return [(path, name.rpartition(":alarm:")[2]) for path, name in found]


_TOKEN: Final = re.compile(
    r"\b(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*\"?(?P<name>[^\")]{1,512}?)\"?\s*\)"
    r"|\b(?P<not>NOT)\b|(?P<open>\()|(?P<close>\))|\b(?P<other>AND|OR|TRUE|FALSE)\b"
)


def _acts_for(composite: Resource) -> set[str]:
    """Return the alarms for which a composite alarm acts: those whose ALARM can start its own.

    `NOT ALARM(child)` is true while the child is quiet, and so tells nobody of the child.
    """
    rule = composite.read("alarmRule")
    found: set[str] = set()
    negated, below = False, [False]
    for token in _TOKEN.finditer(rule if isinstance(rule, str) else ""):
        if token["not"]:
            negated = not negated
            continue
        if token["open"]:
            below.append(below[-1] != negated)
        elif token["close"]:
            below = below[:-1] or [False]
        elif token["state"]:
            in_alarm = token["state"] == "ALARM"
            is_negated = below[-1] != negated
            if in_alarm != is_negated and token["state"] != "INSUFFICIENT_DATA":
                found.add(token["name"].rpartition(":alarm:")[2])
        negated = False
    return found


def _suppresses(composite: Resource) -> set[str]:
    return {name for path, name in _children(composite) if path != "alarmRule"}


def _check_children_exist(stack: Stack, report: Report) -> None:
    alarms = stack.of(types.METRIC_ALARM | types.COMPOSITE_ALARM)
    names = {alarm.read(_ALARM_NAMES[alarm.type]) for alarm in alarms}
    for composite in stack.of(types.COMPOSITE_ALARM):
        for path in ("alarmRule", "actionsSuppressor.alarm"):
            if composite.read(path) is UNKNOWN:
                report.wait_for(composite, path)
        for path, name in _children(composite):
            if name in names:
                continue
            if {ABSENT, UNKNOWN} & names:
                report.undecided(composite, "an alarm of this stack has no name yet.")
            else:
                report.refuse(composite, path, "name alarms that this stack makes", show(name))


def _is_anomaly(alarm: Resource) -> bool:
    expressions = [value for _, value in alarm.each("metricQueries[*].expression")]
    return alarm.read("thresholdMetricId") not in (ABSENT, "", UNKNOWN) or any(
        isinstance(text, str) and _BAND.search(text) for text in expressions
    )


def _check_scales_plainly(stack: Stack, report: Report) -> None:
    for alarm in stack.of(types.METRIC_ALARM | types.COMPOSITE_ALARM):
        composite = alarm.type in types.COMPOSITE_ALARM
        if not composite and not _is_anomaly(alarm):
            continue
        kind = "a composite alarm" if composite else "an anomaly alarm"
        named = [value for _, value in alarm.each("alarmActions[*]")]
        made = [at for at in alarm.made_of("alarmActions") if at.type in types.SCALING_POLICY]
        known = [at for at in named if isinstance(at, str) and ":scalingPolicy:" in at]
        if made or known:
            got = made[0].label if made else show(known[0])
            report.refuse(alarm, "alarmActions", f"name no scaling policy in {kind}", got)


def _watches_demand(alarm: Resource) -> Any:
    """Whether an alarm sees demand change, UNKNOWN where that cannot be told."""
    queries = [value for _, value in alarm.each("metricQueries[*]")]
    if UNKNOWN in queries:
        return UNKNOWN
    metrics = [
        (read(query, "metric.namespace"), read(query, "metric.metricName")) for query in queries
    ]
    demand = any(
        (namespace == "AWS/ApplicationELB" and name in _DEMAND)
        or (isinstance(namespace, str) and not namespace.startswith("AWS/"))
        for namespace, name in metrics
    )
    expressions = [read(query, "expression") for query in queries]
    return demand and any(isinstance(text, str) and _RATE.search(text) for text in expressions)


def _check_demand_watched(stack: Stack, report: Report) -> None:
    watching = [(alarm, _watches_demand(alarm)) for alarm in stack.of(types.METRIC_ALARM)]
    for balancer in stack.of(types.LOAD_BALANCER):
        if balancer.read("loadBalancerType") not in (ABSENT, "application"):
            continue
        if any(found is True for _, found in watching):
            continue
        unknown = [alarm for alarm, found in watching if found is UNKNOWN]
        for alarm in unknown:
            report.wait_for(alarm, "metricQueries")
        if not unknown:
            must = "have its demand watched by an alarm on an anomaly band or a rate of change"
            report.refuse(balancer, "arn", must, "none")


def _check_has_actions(stack: Stack, report: Report) -> None:
    """Judge every alarm but the children of a composite alarm, which acts in their place."""
    composites = stack.of(types.COMPOSITE_ALARM)
    below = {
        name
        for composite in composites
        for name in _acts_for(composite) | _suppresses(composite)
        if not is_false(composite.read("actionsEnabled"))
    }
    below |= {
        at.urn
        for composite in composites
        for path in ("alarmRule", "actionsSuppressor")
        for at in composite.made_of(path)
    }
    unknown = [
        at for at in composites if at.read("alarmRule") is UNKNOWN and not at.made_of("alarmRule")
    ]
    for alarm in stack.of(types.METRIC_ALARM | types.COMPOSITE_ALARM):
        actions, enabled = alarm.read("alarmActions"), alarm.read("actionsEnabled")
        if alarm.urn in below or alarm.read(_ALARM_NAMES[alarm.type]) in below:
            continue
        for path, value in (("alarmActions", actions), ("actionsEnabled", enabled)):
            if value is UNKNOWN:
                report.wait_for(alarm, path)
        if unknown and not is_filled(actions):
            report.wait_for(unknown[0], "alarmRule")
        elif actions is not UNKNOWN and not is_filled(actions):
            report.refuse(alarm, "alarmActions", "name at least one action", show(actions))
        elif is_false(enabled):
            report.refuse(alarm, "actionsEnabled", "not be false", show(enabled))


def _check_escalated(stack: Stack, report: Report) -> None:
    composites = stack.of(types.COMPOSITE_ALARM)
    pages = stack.settings["pages"]
    reached = {
        name
        for composite in composites
        if number(composite.read("actionsSuppressor.waitPeriod"))
        for name in _acts_for(composite)
    }
    below = {at.read("alarmName"): sorted(_acts_for(at)) for at in composites}
    open_ = list(reached)
    while open_:
        for name in below.get(open_.pop(), []):
            if name not in reached:
                reached.add(name)
                open_.append(name)
    unknown = [at for at in composites if at.read("alarmRule") is UNKNOWN]
    for alarm in stack.of(types.METRIC_ALARM):
        severity = _severity(alarm, pages)
        if severity is UNKNOWN:
            report.wait_for(alarm, "name")
        if severity not in pages or alarm.read("name") in reached:
            continue
        for composite in unknown:
            report.wait_for(composite, "alarmRule")
        if not unknown:
            must = "stand below a composite alarm that escalates (`actionsSuppressor.waitPeriod`)"
            report.refuse(alarm, "name", must, show(alarm.read("name")))


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
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
        frameworks=("Well-Architected REL06-BP03",),
        types=types.METRIC_ALARM | types.COMPOSITE_ALARM,
        check=_check_has_actions,
        fix="Name a topic or a scaling policy:\n"
        "aws.cloudwatch.MetricAlarm(..., alarm_actions=[page_topic.arn])\n"
        "Alarms of this project are rows of components/alarms/, which gives them their topics.",
    ),
    ResourceRule(
        name="alarm-name-starts-with-stack",
        description="Alarm names start with the project and the stack: AWS overwrites an alarm of "
        "the same name without a word, so two stacks of one account would share one alarm.",
        severity=Severity.HIGH,
        enforcement=EnforcementLevel.ADVISORY,
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
        frameworks=("Well-Architected REL06-BP01",),
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
    PropertyRule(
        name="alarm-states-missing-data",
        description="Every alarm says what it takes missing data for. The default, `missing`, "
        "leaves an alarm without data in neither state, and whether that is a fault was never "
        "decided.",
        severity=Severity.HIGH,
        enforcement=EnforcementLevel.ADVISORY,
        url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html",
        types=types.METRIC_ALARM,
        needs=(
            Need(
                "treatMissingData",
                "be one of `breaching`, `notBreaching`, `ignore`, `missing`",
                lambda choice: choice in ("breaching", "notBreaching", "ignore", "missing"),
            ),
        ),
        fix='Set treat_missing_data="breaching" where no data is the fault itself, "notBreaching" '
        "where it only means that nothing happened.",
    ),
    ResourceRule(
        name="alarm-states-severity",
        description="Every alarm says how bad it is, in its name or by a tag: who is woken has to "
        "know before reading.",
        severity=Severity.HIGH,
        enforcement=EnforcementLevel.ADVISORY,
        frameworks=("Well-Architected OPS08-BP04",),
        url=f"{_MONITORING}/Best-Practice-Alarms.html",
        settings=(
            Setting(
                name="severities",
                description="Words for a severity: the last part of the name, after a hyphen, or "
                "the tag `severity`.",
                default=("critical", "warning", "info"),
            ),
        ),
        types=types.METRIC_ALARM | types.COMPOSITE_ALARM,
        check=_check_severity,
        fix='Name it name=f"{project}-{stack}-web-slow-responses-critical", or set '
        'tags={"severity": "critical"}.',
    ),
    ResourceRule(
        name="alarm-links-runbook",
        description="Every alarm's description links the runbook: `Runbook: ` and a page. In this "
        "project's own stacks the page exists.",
        severity=Severity.HIGH,
        enforcement=EnforcementLevel.ADVISORY,
        frameworks=("Well-Architected OPS10-BP02",),
        url=f"{_MONITORING}/AlarmThatSendsEmail.html",
        types=types.METRIC_ALARM | types.COMPOSITE_ALARM,
        check=_check_runbook,
        fix='Set alarm_description="Users wait. Runbook: docs/runbooks/slow-responses.md" and '
        "write the page. `alerts.runbookBaseUrl` puts an address before it.",
    ),
    StackRule(
        name="composite-alarm-names-exist",
        description="Composite alarms name alarms that the stack makes: one that is renamed or "
        "gone leaves a composite alarm that never fires.",
        severity=Severity.HIGH,
        url=f"{_MONITORING}/Create_Composite_Alarm.html",
        types=types.METRIC_ALARM | types.COMPOSITE_ALARM,
        check=_check_children_exist,
        fix="Make the rule of the alarms themselves:\n"
        "aws.cloudwatch.CompositeAlarm(..., alarm_rule=pulumi.Output.format('ALARM(\"{0}\")', "
        "slow.name))",
    ),
    StackRule(
        name="alarm-scaling-is-plain",
        description="What scales a group is a plain alarm: CloudWatch lets no composite alarm do "
        "it, and an anomaly band learns a surge as the new normal and then takes it for one.",
        severity=Severity.HIGH,
        url=f"{_MONITORING}/CloudWatch_Anomaly_Detection.html",
        types=types.METRIC_ALARM | types.COMPOSITE_ALARM,
        check=_check_scales_plainly,
        fix="Let an alarm with a threshold of its own name the policy, and the anomaly alarm tell "
        "people.",
    ),
    StackRule(
        name="lb-demand-has-rate-alarm",
        description="Demand itself (requests, connections, a metric of the application) has an "
        "alarm on an anomaly band or a rate of change: it speaks minutes before response times do, "
        "and says that users, not a fault, are the cause.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL06-BP01",),
        url=f"{_MONITORING}/CloudWatch_Anomaly_Detection.html",
        enforcement=EnforcementLevel.ADVISORY,
        types=types.LOAD_BALANCER | types.METRIC_ALARM,
        check=_check_demand_watched,
        fix="Alarm on ANOMALY_DETECTION_BAND(requests, 3), or on RATE(requests), over the load "
        "balancer's RequestCount.",
    ),
    StackRule(
        name="alarm-page-is-escalated",
        description="Each alarm that wakes somebody stands below a composite alarm that escalates "
        "when it stays: one whose actions wait, by an actions suppressor that never fires.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected OPS10-BP04",),
        url=f"{_MONITORING}/Create_Composite_Alarm.html",
        enforcement=EnforcementLevel.ADVISORY,
        settings=(
            Setting(
                name="pages",
                description="Severities that wake somebody, as alarm-states-severity reads them.",
                default=("critical",),
            ),
        ),
        types=types.METRIC_ALARM | types.COMPOSITE_ALARM,
        check=_check_escalated,
        fix='Name it in the rule of a composite alarm with actions_suppressor={"alarm": never, '
        '"wait_period": 1800, "extension_period": 60} and the escalation topic as its action.',
    ),
)
