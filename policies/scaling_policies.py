"""Rules on what scales a group: that each policy acts, in time, in the right direction."""

import itertools
from collections.abc import Mapping
from typing import Final

from pulumi_policy import Severity

from surgeproof.policies import _owners, _stated
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_false, is_true, number, read, show

_USER_GUIDE: Final = "https://docs.aws.amazon.com/autoscaling/ec2/userguide"
_TRACKING: Final = "targetTrackingConfiguration"
_KIND: Final = f"{_TRACKING}.predefinedMetricSpecification.predefinedMetricType"
_LABEL: Final = f"{_TRACKING}.predefinedMetricSpecification.resourceLabel"
_TARGET: Final = f"{_TRACKING}.targetValue"
_GROUP_KEYS: Final = ("name", "id")
_PERCENT: Final = frozenset({"ASGAverageCPUUtilization", "ASGAverageCPUUtilizationHighResolution"})
_REQUESTS_A_MINUTE: Final = 100_000
"""Requests of one target above which a target is advised against without a stated figure: 1,667 a
second are more than one instance of most applications answers (requests per minute)."""


def group_of(stack: Stack, user: Resource) -> Resource | None:
    """Return the group that a policy, a schedule or a hook is about."""
    return stack.target(user, "autoscalingGroupName", types.GROUP, _GROUP_KEYS)


def policies_of(stack: Stack, group: Resource) -> list[Resource]:
    """Return the scaling policies of a group."""
    return [at for at in stack.of(types.SCALING_POLICY) if group_of(stack, at) is group]


def _check_target(policy: Resource, report: Report) -> None:
    kind, value = policy.read(_KIND), policy.read(_TARGET)
    target = number(value)
    if UNKNOWN in (kind, value):
        if policy.read(_TRACKING) is not ABSENT:
            report.wait_for(policy, _KIND if kind is UNKNOWN else _TARGET)
    elif target is None:
        return
    elif kind in _PERCENT:
        highest = policy.settings["highestPercent"]
        if target > highest:
            must = f"be at most {highest} (highestPercent)"
            report.refuse(policy, _TARGET, must, show(value))
    elif kind == "ALBRequestCountPerTarget":
        carries = _stated.figure("requestsPerSecond")
        if carries is not None and target > carries.high * 60:
            must = (
                f"be at most {show(carries.high * 60)} requests a minute, as one instance carries "
                f"{show(carries.high)} a second (service.requestsPerSecond)"
            )
            report.refuse(policy, _TARGET, must, show(value))
        elif carries is None and target > _REQUESTS_A_MINUTE:
            must = f"be at most {_REQUESTS_A_MINUTE}, unless service.requestsPerSecond says more"
            got = f"{show(value)} requests a minute, {show(target // 60)} a second of one instance"
            report.advise(policy, _TARGET, must, got)


def _check_own_requests(stack: Stack, report: Report) -> None:
    for policy in stack.of(types.SCALING_POLICY):
        label, group = policy.read(_LABEL), group_of(stack, policy)
        if label is UNKNOWN and group is not None:
            _check_made_of_own(policy, group, report)
        if not isinstance(label, str) or "targetgroup/" not in label or group is None:
            continue
        behind = _target_groups(stack, group)
        if behind is None or not behind:
            continue
        suffix = label[label.index("targetgroup/") :]
        if suffix not in behind:
            must = f"name a target group that {group.label} is registered with"
            report.refuse(policy, _LABEL, must, show(suffix))


def _check_made_of_own(policy: Resource, group: Resource, report: Report) -> None:
    """Judge a label that is not known yet by the target groups that it is made of."""
    made = [at for at in policy.made_of(_LABEL) if at.type in types.TARGET_GROUP]
    own = {at.urn for at in group.made_of("targetGroupArns") if at.type in types.TARGET_GROUP}
    if made and own and not own & {at.urn for at in made}:
        must = f"name a target group that {group.label} is registered with"
        report.refuse(policy, _LABEL, must, made[0].label)


def _target_groups(stack: Stack, group: Resource) -> set[str] | None:
    """Return the suffixes of the ARNs of a group's target groups, None where one is unknown."""
    arns = [value for _, value in group.each("targetGroupArns[*]")]
    arns += [value for _, value in group.each("trafficSources[*].identifier")]
    for attachment in stack.of(types.GROUP_ATTACHMENT | types.TRAFFIC_SOURCE_ATTACHMENT):
        about = group_of(stack, attachment)
        if about is group:
            found = attachment.read("lbTargetGroupArn")
            arns.append(attachment.read("trafficSource.identifier") if found is ABSENT else found)
        elif about is None:
            return None
    if any(not isinstance(arn, str) for arn in arns):
        return None
    return {arn[arn.index("targetgroup/") :] for arn in arns if "targetgroup/" in arn}


def _bounds(policy: Resource) -> list[tuple[float, float, str]] | None:
    """Return from, to and place of each step in order, None where one is unknown."""
    found = []
    for at, step in policy.each("stepAdjustments[*]"):
        if not isinstance(step, Mapping):
            return None
        low, high = read(step, "metricIntervalLowerBound"), read(step, "metricIntervalUpperBound")
        if UNKNOWN in (low, high):
            return None
        lower, upper = number(low), number(high)
        found.append(
            (
                float("-inf") if lower is None else lower,
                float("inf") if upper is None else upper,
                at,
            )
        )
    return sorted(found)


def _check_steps(policy: Resource, report: Report) -> None:
    steps = _bounds(policy)
    if steps is None:
        report.wait_for(policy, "stepAdjustments")
        return
    for (_, end, _), (begin, _, at) in itertools.pairwise(steps):
        if begin != end:
            must = f"begin where the step before it ends ({end:g})"
            report.refuse(policy, f"{at}.metricIntervalLowerBound", must, f"{begin:g}")
            return
    if not steps:
        return
    open_above, open_below = steps[-1][1] == float("inf"), steps[0][0] == float("-inf")
    if not open_above and not open_below:
        must = "be left out of the last step, so that the greatest breach is answered too"
        report.refuse(policy, f"{steps[-1][2]}.metricIntervalUpperBound", must, f"{steps[-1][1]:g}")


_RISES_WITH_LOAD: Final = frozenset(
    {
        "ActiveConnectionCount",
        "ApproximateNumberOfMessagesVisible",
        "CPUUtilization",
        "MemoryUtilization",
        "NetworkIn",
        "NewConnectionCount",
        "RequestCount",
        "RequestCountPerTarget",
        "TargetResponseTime",
    }
)
"""Metrics that rise with load, so that much of one calls for more instances, not for fewer."""


def _driven(stack: Stack, alarm: Resource) -> list[Resource]:
    """Return the scaling policies that an alarm starts."""
    arns = {value for _, value in alarm.each("alarmActions[*]") if isinstance(value, str)}
    made = {at.urn for at in alarm.made_of("alarmActions")}
    return [
        policy
        for policy in stack.of(types.SCALING_POLICY)
        if policy.urn in made or policy.read("arn") in arns
    ]


def changes(policy: Resource) -> set[int]:
    """Return in which directions a simple or step policy changes the group: 1, -1, or both."""
    values = [policy.read("scalingAdjustment")]
    values += [value for _, value in policy.each("stepAdjustments[*].scalingAdjustment")]
    if policy.read("adjustmentType") == "ExactCapacity":
        return set()
    numbers = [number(value) for value in values]
    return {1 if each > 0 else -1 for each in numbers if each}


def _check_direction(stack: Stack, report: Report) -> None:
    for alarm in stack.of(types.METRIC_ALARM):
        operator = alarm.read("comparisonOperator")
        if alarm.read("metricName") not in _RISES_WITH_LOAD or not isinstance(operator, str):
            continue
        high = operator.startswith("Greater")
        for policy in _driven(stack, alarm):
            if changes(policy) == {-1 if high else 1}:
                must = "start a policy that " + ("adds" if high else "removes") + " instances"
                does = "removes" if high else "adds"
                got = f"{policy.label}, which {does} some when the metric is "
                report.refuse(alarm, "alarmActions", must, got + ("high" if high else "low"))


def _check_alarm_speed(stack: Stack, report: Report) -> None:
    for alarm in stack.of(types.METRIC_ALARM):
        growing = [policy for policy in _driven(stack, alarm) if 1 in changes(policy)]
        period, periods = number(alarm.read("period")), number(alarm.read("evaluationPeriods"))
        needed = number(alarm.read("datapointsToAlarm")) or periods
        if not growing or period is None or needed is None:
            continue
        longest, seconds = stack.settings["longestSeconds"], period * needed
        if seconds > longest:
            must = (
                f"let the alarm go off within {longest} s (longestSeconds), as it starts "
                f"{growing[0].label}"
            )
            report.refuse(alarm, "period", must, f"{show(period)} s, {show(needed)} times over")


def _check_cooldown(policy: Resource, report: Report) -> None:
    longest = policy.settings["longestSeconds"]
    if policy.read("policyType") in (ABSENT, "SimpleScaling"):
        paths: tuple[str, ...] = ("cooldown",)
    else:
        paths = ("estimatedInstanceWarmup",)
    for path in paths:
        seconds = number(policy.read(path))
        if seconds is not None and seconds > longest:
            must = f"be at most {longest} (longestSeconds)"
            report.refuse(policy, path, must, show(policy.read(path)))


def _check_removes(stack: Stack, report: Report) -> None:
    for group in stack.of(types.GROUP):
        own = policies_of(stack, group)
        off = [at for at in own if is_true(at.read(f"{_TRACKING}.disableScaleIn"))]
        kinds = [at.read("policyType") for at in own]
        schedules = [at for at in stack.of(types.SCHEDULE) if group_of(stack, at) is group]
        if (
            not off
            or UNKNOWN in kinds
            or any(at.read(_TRACKING) is not ABSENT for at in own if at not in off)
            or any(-1 in changes(at) for at in own)
            or any(at.read("adjustmentType") == "ExactCapacity" for at in own)
            or schedules
            or _owners.owner(stack, group) is not None
        ):
            continue
        must = "be false, or another policy or schedule remove instances"
        report.refuse(off[0], f"{_TRACKING}.disableScaleIn", must, "true, and nothing does")


def _check_acts(stack: Stack, report: Report) -> None:
    for policy in stack.of(types.SCALING_POLICY):
        mode = "predictiveScalingConfiguration.mode"
        forecast = policy.read("policyType") == "PredictiveScaling"
        if is_false(policy.read("enabled")):
            path, must, got = "enabled", "not be false", "false"
        elif forecast and policy.read(mode) in (ABSENT, "ForecastOnly"):
            path, must = mode, "be `ForecastAndScale`, for the forecast to launch anything"
            value = policy.read(mode)
            got = "nothing, which means `ForecastOnly`" if value is ABSENT else show(value)
        else:
            continue
        group = group_of(stack, policy)
        others = policies_of(stack, group) if group is not None else []
        others = [at for at in others if at is not policy and not is_false(at.read("enabled"))]
        if path == mode and others:
            continue  # AWS's own advice: look at the forecast first, while others scale
        (report.advise if others else report.refuse)(policy, path, must, got)


def _check_one_scaler(stack: Stack, report: Report) -> None:
    for group in stack.of(types.GROUP):
        provider = _owners.provider(stack, group)
        for policy in policies_of(stack, group) if provider is not None else []:
            path = next(
                (
                    at
                    for at in (_TRACKING, "stepAdjustments", "scalingAdjustment")
                    if policy.read(at) is not ABSENT
                ),
                "policyType",
            )
            must = f"be left out, as {provider.label if provider else ''} sets the group's size"
            report.refuse(policy, path, must, "a second scaler")


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="asg-policy-target-leaves-room",
        description="A policy tracks a target at which instances still have room: above it, they "
        "are full before the group adds any, and new ones take minutes to serve.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL07-BP03",),
        url=f"{_USER_GUIDE}/as-scaling-target-tracking.html",
        settings=(
            Setting(
                name="highestPercent",
                description="Highest target of the average utilization (percent, 10 to 100).",
                default=85,
                low=10,
                high=100,
            ),
        ),
        types=types.SCALING_POLICY,
        check=_check_target,
        fix="Lower target_value in target_tracking_configuration. A processor at 50 % carries "
        "twice the load while new instances boot.",
    ),
    StackRule(
        name="asg-policy-follows-own-requests",
        description="A policy on requests per target names a target group of its own group. With "
        "another's label it follows somebody else's users, and never its own.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/as-scaling-target-tracking.html",
        types=types.GROUP
        | types.SCALING_POLICY
        | types.GROUP_ATTACHMENT
        | types.TRAFFIC_SOURCE_ATTACHMENT
        | types.TARGET_GROUP,
        check=_check_own_requests,
        fix="Make resource_label of the load balancer's and the target group's own arn_suffix:\n"
        'pulumi.Output.format("{0}/{1}", balancer.arn_suffix, targets.arn_suffix)',
    ),
    ResourceRule(
        name="asg-policy-steps-cover",
        description="The steps of a policy cover every breach of their alarm, with no gap between "
        "two of them and none above the last: a breach that no step covers changes nothing.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/as-scaling-simple-step.html",
        types=types.SCALING_POLICY,
        check=_check_steps,
        fix="Let each step begin where the one before it ends, and leave metric_interval_upper_"
        "bound out of the last (for steps that remove, metric_interval_lower_bound of the first).",
    ),
    StackRule(
        name="asg-alarm-scales-right-way",
        description="An alarm on high load adds instances, one on low load removes them. The other "
        "way round, a surge takes away what it needs.",
        severity=Severity.CRITICAL,
        url=f"{_USER_GUIDE}/as-scaling-simple-step.html",
        types=types.SCALING_POLICY | types.METRIC_ALARM,
        check=_check_direction,
        fix="Name the policy whose scaling_adjustment is above 0 in alarm_actions of the alarm on "
        "high load.",
    ),
    StackRule(
        name="asg-alarm-scales-in-time",
        description="An alarm that adds instances goes off within minutes: until then, nothing is "
        "launched, and launching takes minutes more.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/as-scaling-simple-step.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest time from the breach to the action (seconds, 10 to 3600).",
                default=300,
                low=10,
                high=3600,
            ),
        ),
        types=types.SCALING_POLICY | types.METRIC_ALARM,
        check=_check_alarm_speed,
        fix="Set period=60 and evaluation_periods=2 or 3 on the aws.cloudwatch.MetricAlarm, with "
        "detailed monitoring on the instances.",
    ),
    ResourceRule(
        name="asg-policy-waits-briefly",
        description="What a policy waits for after it has acted, its cooldown or its instances' "
        "warm-up, lasts minutes: for as long, it adds nothing more, however the load grows.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/ec2-auto-scaling-scaling-cooldowns.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest cooldown or warm-up (seconds, 1 to 7200).",
                default=900,
                low=1,
                high=7200,
            ),
        ),
        types=types.SCALING_POLICY,
        check=_check_cooldown,
        fix="Lower cooldown or estimated_instance_warmup on the aws.autoscaling.Policy to what an "
        "instance takes to serve.",
    ),
    StackRule(
        name="asg-policies-remove-too",
        description="Where target tracking may not remove instances, something else does: else "
        "the first surge leaves the group at its size for good.",
        severity=Severity.MEDIUM,
        frameworks=("Well-Architected COST09-BP03",),
        url=f"{_USER_GUIDE}/as-scaling-target-tracking.html",
        types=_owners.READS | types.SCALING_POLICY | types.SCHEDULE,
        check=_check_removes,
        fix="Leave disable_scale_in out of target_tracking_configuration, or add a policy whose "
        "steps remove.",
    ),
    StackRule(
        name="asg-policy-acts",
        description="Every policy acts: one that is disabled, or the only one, which forecasts, "
        "changes no group. Beside a policy that acts, a disabled one is advice.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/predictive-scaling-create-policy.html",
        types=types.SCALING_POLICY | types.GROUP,
        check=_check_acts,
        fix='Set enabled=True, and "mode": "ForecastAndScale" once the forecast has been looked '
        "at for some days.",
    ),
    StackRule(
        name="asg-has-one-scaler",
        description="A group that an ECS capacity provider scales has no scaling policies of its "
        "own: two scalers set its size against each other.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html",
        types=_owners.READS | types.SCALING_POLICY,
        check=_check_one_scaler,
        fix="Remove the aws.autoscaling.Policy, and let the tasks scale by "
        "aws.appautoscaling.Policy: the capacity provider follows them.",
    ),
)
