"""Rules on auto scaling groups and their policies: security of supply, and surviving load."""

import itertools
from collections.abc import Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _owners, _stated
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Mend,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
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
    show,
)

_VERSIONED: Final = (
    ("launchTemplate", "launchTemplate.version"),
    (
        "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification",
        "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification.version",
    ),
)
_OVERRIDES: Final = "mixedInstancesPolicy.launchTemplate.overrides[*].launchTemplateSpecification"
_USER_GUIDE: Final = "https://docs.aws.amazon.com/autoscaling/ec2/userguide"


def stated_boot_seconds() -> float | None:
    """Return the boot time that the stack's configuration states, at its longest."""
    boot = _stated.figure("bootSeconds")
    return None if boot is None else boot.high


def _check_warmup(group: Resource, report: Report) -> None:
    path = "defaultInstanceWarmup"
    warmup, boot = group.read(path), stated_boot_seconds()
    if warmup is UNKNOWN:
        report.wait_for(group, path)
        return
    seconds = number(warmup)
    stated = "" if boot is None else f"at least {show(boot)} (service.bootSeconds at its longest)"
    if seconds is None or seconds < 0:
        got = "nothing, which means the cooldown's 300 s" if warmup is ABSENT else show(warmup)
        report.refuse(group, path, f"be set, in seconds, {stated}".removesuffix(", "), got)
    elif boot is None:
        report.undecided(group, _stated.not_stated("bootSeconds"))
    elif seconds < boot:
        report.refuse(group, path, f"be {stated}", show(warmup))


def _check_desired_capacity(group: Resource, report: Report) -> None:
    path = "desiredCapacity"
    value = group.read(path)
    low, high = (number(group.read(each)) for each in ("minSize", "maxSize"))
    if low is not None and low == high == number(value):
        return  # a group of one size
    if value is ABSENT or path in group.ignored or group.misfit(path) is not None:
        return
    got = f"a value that {group.waits(path)}" if value is UNKNOWN else show(value)
    report.refuse(group, path, "not be set, or be in `ignore_changes`", got)


def _check_refresh_pins(stack: Stack, report: Report) -> None:
    for group in stack.of(types.GROUP):
        if group.read("instanceRefresh") is ABSENT:
            continue
        versions = [
            (version, group.read(version))
            for block, version in _VERSIONED
            if group.read(block) is not ABSENT
        ]
        for at, block in group.each(_OVERRIDES):
            if isinstance(block, Mapping):
                versions.append((f"{at}.version", block.get("version", ABSENT)))
        for at, version in versions:
            if version is UNKNOWN:
                templates = [
                    made for made in group.made_of(at) if made.type in types.LAUNCH_TEMPLATE
                ]
                if len(templates) != 1:
                    report.wait_for(group, at)
            elif number(version) is None:
                got = "nothing, which means `$Default`" if version is ABSENT else show(version)
                report.refuse(group, at, "be a version's number, from the template's output", got)


_BALANCERS: Final = ("targetGroupArns", "loadBalancers", "trafficSources")
"""Where a group names what sends it requests."""


def _check_balanced_health(stack: Stack, report: Report) -> None:
    path = "healthCheckType"
    attached: dict[str, str] = {}
    loose: list[Resource] = []
    for attachment in stack.of(types.GROUP_ATTACHMENT | types.TRAFFIC_SOURCE_ATTACHMENT):
        group = stack.target(attachment, "autoscalingGroupName", types.GROUP, ("name", "id"))
        if group is None:
            loose.append(attachment)
        else:
            attached[group.urn] = attachment.label
    for group in stack.of(types.GROUP):
        kinds = group.read(path)
        named = kinds.split(",") if isinstance(kinds, str) else []
        if {"ELB", "VPC_LATTICE"} & {kind.strip() for kind in named}:
            continue
        given = [at for at in _BALANCERS if group.read(at)]
        behind = [at for at in given if is_filled(group.read(at))]
        why = f"`{behind[0]}` names" if behind else attached.get(group.urn, "")
        if not why:
            for at in given:
                if group.read(at) is UNKNOWN:
                    report.wait_for(group, at)
            for attachment in loose:
                if attachment.read("autoscalingGroupName") is UNKNOWN:
                    report.wait_for(attachment, "autoscalingGroupName")
        elif kinds is UNKNOWN:
            report.wait_for(group, path)
        else:
            attaches = f"{why} a load balancer" if behind else f"{why} attaches a load balancer"
            got = "nothing, which means EC2" if kinds is ABSENT else show(kinds)
            report.refuse(group, path, f"be `ELB`, as {attaches}", got)


def _check_spans_zones(stack: Stack, report: Report) -> None:
    for group in stack.of(types.GROUP):
        zones = group.read("availabilityZones")
        if is_filled(zones) and UNKNOWN not in zones:
            if len(set(zones)) < 2:
                report.refuse(group, "availabilityZones", "name at least 2 zones", show(zones[0]))
            continue
        path = "vpcZoneIdentifiers"
        subnets = group.read(path)
        if UNKNOWN in (zones, subnets):
            report.wait_for(group, path if subnets is UNKNOWN else "availabilityZones")
            continue
        count = len(subnets) if isinstance(subnets, list) else 0
        must = "name subnets in at least 2 Availability Zones"
        if count < 2:
            report.refuse(group, path, must, f"{count} {'subnet' if count == 1 else 'subnets'}")
            continue
        spanned = zones_of(stack, group, subnets)
        known = {zone for zone in spanned if isinstance(zone, str)}
        if len(known) > 1:
            continue
        if len(known) == 1 and len(spanned) == count and all(zone in known for zone in spanned):
            report.refuse(group, path, must, f"{count} subnets, all in {show(next(iter(known)))}")
        elif UNKNOWN in subnets:
            report.wait_for(group, path)
        else:
            report.undecided(group, f"`{path}` names subnets that this stack does not make.")


def zones_of(stack: Stack, group: Resource, subnets: list[Any]) -> list[Any]:
    """Return the zones of the subnets that the stack makes: one for each that could be told."""
    sources = [found for found in group.made_of("vpcZoneIdentifiers") if found.type in types.SUBNET]
    if len({source.urn for source in sources}) == len(subnets):
        # As many subnets went into the list as it has entries: each is one of them.
        found = sources
    else:
        known = dict.fromkeys(at for at in subnets if isinstance(at, str))
        found = [made for at in known for made in stack.called(types.SUBNET, "id", at)]
    return [subnet.read("availabilityZone") for subnet in found]


def _check_policies_agree(stack: Stack, report: Report) -> None:
    by_group: dict[str, list[Resource]] = {}
    for policy in stack.of(types.SCALING_POLICY):
        kind = policy.read("policyType")
        if kind is UNKNOWN:
            report.wait_for(policy, "policyType")
        elif kind in (ABSENT, "SimpleScaling"):
            got = "nothing, which means `SimpleScaling`" if kind is ABSENT else show(kind)
            must = "be `StepScaling`, `TargetTrackingScaling` or `PredictiveScaling`"
            report.advise(policy, "policyType", must, got)
        group = stack.target(policy, "autoscalingGroupName", types.GROUP, ("name", "id"))
        name = policy.read("autoscalingGroupName")
        if group is not None:
            by_group.setdefault(group.urn, []).append(policy)
        elif name is UNKNOWN:
            report.wait_for(policy, "autoscalingGroupName")
        else:
            by_group.setdefault(str(name), []).append(policy)
    for policies in by_group.values():
        tracking = [at for at in policies if at.read("policyType") == "TargetTrackingScaling"]
        for policy in policies:
            if tracking and policy.read("policyType") == "StepScaling":
                _check_only_adds(policy, tracking[0], report)
        for one, other in itertools.combinations(tracking, 2):
            _check_different_metrics(one, other, report)


def _check_only_adds(policy: Resource, beside: Resource, report: Report) -> None:
    why = f"beside the target tracking of {beside.label}"
    adjustment = policy.read("adjustmentType")
    if adjustment is UNKNOWN:
        report.wait_for(policy, "adjustmentType")
    elif adjustment == "ExactCapacity":
        must = f"be `ChangeInCapacity` or `PercentChangeInCapacity` {why}"
        report.refuse(policy, "adjustmentType", must, show(adjustment))
        return
    for at, value in policy.each("stepAdjustments[*].scalingAdjustment"):
        if value is UNKNOWN:
            report.wait_for(policy, at)
        elif (number(value) or 0) < 0:
            report.refuse(policy, at, f"be at least 0 {why}", show(value))


def _check_different_metrics(one: Resource, other: Resource, report: Report) -> None:
    path = "targetTrackingConfiguration"
    metrics = [_metric(policy.read(path)) for policy in (one, other)]
    if metrics[0] != metrics[1]:
        return
    if _holds_unknown(metrics):
        report.wait_for(other, path)
        return
    kind, name = metrics[1]
    report.refuse(
        other,
        f"{path}.{kind}",
        f"name another metric than {one.label}",
        show(name) if isinstance(name, str) else "the same",
    )


def _metric(tracking: Any) -> tuple[str, Any]:
    """Return what makes two target trackings track the same metric."""
    if not isinstance(tracking, Mapping):
        return "customizedMetricSpecification", UNKNOWN
    predefined = tracking.get("predefinedMetricSpecification")
    if isinstance(predefined, Mapping):
        kind, label = predefined.get("predefinedMetricType"), predefined.get("resourceLabel")
        if isinstance(kind, str):
            # The high-resolution type is the same utilization, read more often.
            kind = kind.removesuffix("HighResolution")
        return "predefinedMetricSpecification", kind if not label else (kind, label)
    custom = tracking.get("customizedMetricSpecification")
    return "customizedMetricSpecification", {
        key: value
        for key, value in (custom.items() if isinstance(custom, Mapping) else ())
        if key not in ("period", "unit") and value
    }


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_unknown(item) for item in value)
    return value is UNKNOWN


_DEFAULT_GRACE_SECONDS: Final = 300
"""What pulumi-aws sends where `healthCheckGracePeriod` is left out."""


def _check_grace(group: Resource, report: Report) -> None:
    path, kinds = "healthCheckGracePeriod", group.read("healthCheckType")
    if kinds is ABSENT or kinds == "EC2":
        return  # a booting application is not asked
    value, boot = group.read(path), _stated.figure("bootSeconds")
    seconds = _DEFAULT_GRACE_SECONDS if value is ABSENT else number(value)
    if UNKNOWN in (value, kinds):
        report.wait_for(group, path if value is UNKNOWN else "healthCheckType")
    elif boot is None and seconds == 0:
        report.refuse(group, path, "leave time to boot", "0")
    elif boot is None:
        report.undecided(group, _stated.not_stated("bootSeconds"))
    elif seconds is not None and seconds < boot.high:
        got = f"nothing, which means {_DEFAULT_GRACE_SECONDS}" if value is ABSENT else show(value)
        must = f"be at least {show(boot.high)} (service.bootSeconds at its longest)"
        report.refuse(group, path, must, got)


_HALF_PERCENT: Final = 50
"""A refresh that may take as much of the group away is refused (percent that stays)."""
_PREFERENCES: Final = "instanceRefresh.preferences"


def _check_refresh_guarded(group: Resource, report: Report) -> None:
    refresh = group.read("instanceRefresh")
    if refresh in (ABSENT, UNKNOWN):
        if refresh is UNKNOWN:
            report.wait_for(group, "instanceRefresh")
        return
    alarms = f"{_PREFERENCES}.alarmSpecification.alarms"
    protected = f"{_PREFERENCES}.scaleInProtectedInstances"
    healthy = f"{_PREFERENCES}.minHealthyPercentage"
    kept = group.read(healthy)
    if kept is ABSENT:
        # A refresh that states none takes the group's own (instance maintenance policy).
        kept = group.read("instanceMaintenancePolicy.minHealthyPercentage")
    for path, value, holds, must, default in (
        (alarms, group.read(alarms), is_filled, "name alarms that stop it", ""),
        (
            healthy,
            kept,
            lambda value: (number(value) or 0) >= 100,
            "be at least 100",
            ", which means 90",
        ),
        (
            protected,
            group.read(protected),
            lambda value: value in ("Refresh", "Ignore", "Wait"),
            "be `Refresh`, `Ignore` or `Wait`",
            "",
        ),
    ):
        if value is UNKNOWN:
            report.wait_for(group, path)
        elif not holds(value):
            got = f"nothing{default}" if value is ABSENT else show(value)
            half = path == healthy and (number(value) or 90) <= _HALF_PERCENT
            (report.refuse if half or value == 0 else report.advise)(group, path, must, got)


def _check_several_types(group: Resource, report: Report) -> None:
    path = "mixedInstancesPolicy.launchTemplate.overrides"
    overrides = group.read(path)
    if overrides is UNKNOWN:
        report.wait_for(group, path)
        return
    entries = overrides if isinstance(overrides, list) else []
    if any(isinstance(at, Mapping) and at.get("instanceRequirements") for at in entries):
        return
    kinds = {at.get("instanceType") for at in entries if isinstance(at, Mapping)} - {None}
    if len(kinds - {UNKNOWN}) > 1:
        return
    if UNKNOWN in entries or UNKNOWN in kinds:
        report.wait_for(group, path)
    else:
        report.refuse(group, path, "name at least 2 instance types", f"{len(kinds)}")


_SATURATES: Final = frozenset({"AWS/EC2", "AWS/EBS", "CWAgent"})
"""Namespaces whose metrics end where the instance is full."""


def _follows_demand(stack: Stack, policy: Resource) -> Any:
    """Whether a policy follows a metric that no saturation caps, UNKNOWN where it may."""
    kind = policy.read("policyType")
    if kind == "TargetTrackingScaling":
        tracking = "targetTrackingConfiguration"
        predefined = policy.read(f"{tracking}.predefinedMetricSpecification.predefinedMetricType")
        custom = policy.read(f"{tracking}.customizedMetricSpecification")
        if UNKNOWN in (policy.read(tracking), predefined, custom):
            return UNKNOWN
        if isinstance(custom, Mapping):
            return not _namespaces(custom) & _SATURATES
        return predefined == "ALBRequestCountPerTarget"
    if kind != "StepScaling":
        return kind is UNKNOWN and UNKNOWN
    driving = [
        alarm
        for alarm in stack.of(types.METRIC_ALARM)
        if any(source.urn == policy.urn for source in alarm.made_of("alarmActions"))
        or policy.read("arn") in [value for _, value in alarm.each("alarmActions[*]")]
    ]
    return any(not _namespaces(alarm.properties) & _SATURATES for alarm in driving)


def _namespaces(value: Any) -> set[Any]:
    """Return every namespace that a specification of metrics names."""
    if isinstance(value, Mapping):
        found = {value["namespace"]} if isinstance(value.get("namespace"), str) else set()
        return found.union(*map(_namespaces, value.values()))
    return set().union(*map(_namespaces, value)) if isinstance(value, list) else set()


def _acts(policy: Resource) -> bool:
    """Whether a policy may change the size of its group, whatever it follows."""
    if is_false(policy.read("enabled")):
        return False
    mode = policy.read("predictiveScalingConfiguration.mode")
    return policy.read("policyType") != "PredictiveScaling" or mode in ("ForecastAndScale", UNKNOWN)


def _is_behind(stack: Stack, group: Resource) -> bool:
    """Whether a group certainly serves a load balancer."""
    return any(is_filled(group.read(at)) for at in _BALANCERS) or any(
        stack.target(at, "autoscalingGroupName", types.GROUP, ("name", "id")) is group
        for at in stack.of(types.GROUP_ATTACHMENT | types.TRAFFIC_SOURCE_ATTACHMENT)
    )


def _check_follows_demand(stack: Stack, report: Report) -> None:
    policies = stack.of(types.SCALING_POLICY)
    targets = [
        stack.target(policy, "autoscalingGroupName", types.GROUP, ("name", "id"))
        for policy in policies
    ]
    loose = [
        policy
        for policy, target in zip(policies, targets, strict=True)
        if target is None and policy.read("autoscalingGroupName") is UNKNOWN
    ]
    for group in stack.of(types.GROUP):
        low, high = number(group.read("minSize")), number(group.read("maxSize"))
        own = [at for at, target in zip(policies, targets, strict=True) if target is group]
        who = _owners.owner(stack, group)
        if who is not None:
            report.undecided(group, f"it {_owners.left_to(who)}.")
            continue
        if low is not None and low == high:
            # With a policy, asg-has-room-to-grow refuses it.
            if high and not own and not loose and _is_behind(stack, group):
                must = f"be above `{group.called('minSize')}`, with a policy that follows demand"
                report.advise(group, "maxSize", must, f"{show(high)}, a fleet of fixed size")
            continue
        follows = [_follows_demand(stack, policy) for policy in own]
        if any(found is True for found in follows):
            continue
        unknown = [at for at, found in zip(own, follows, strict=True) if found is UNKNOWN]
        for policy in unknown:
            report.wait_for(policy, "targetTrackingConfiguration")
        for policy in loose:
            report.wait_for(policy, "autoscalingGroupName")
        if not unknown and not loose:
            say = report.advise if any(map(_acts, own)) else report.refuse
            say(
                group,
                "name",
                "have a policy that follows demand (`ALBRequestCountPerTarget`, or a metric of the "
                "load balancer or the application)",
                f"{len(own)} that do not" if own else "no policy",
            )


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="asg-uses-load-balancer-health",
        description="A group behind a load balancer replaces what the load balancer finds "
        "unhealthy. By EC2's own check a hung application stays in the group for as long as its "
        "machine runs.",
        severity=Severity.HIGH,
        control="AutoScaling.1",
        sources=(
            "CKV2_AWS_15",
            "CT.AUTOSCALING.PR.4",
            "G autoscaling_group_elb_healthcheck_required",
        ),
        frameworks=("Well-Architected REL11-BP03",),
        types=types.GROUP | types.GROUP_ATTACHMENT | types.TRAFFIC_SOURCE_ATTACHMENT,
        check=_check_balanced_health,
        fix='Set health_check_type="ELB" on the aws.autoscaling.Group, with a '
        "health_check_grace_period that covers the boot.",
    ),
    StackRule(
        name="asg-spans-zones",
        description="A group launches into at least two Availability Zones, so that the loss "
        "of one leaves instances in another.",
        severity=Severity.MEDIUM,
        control="AutoScaling.2",
        sources=("CT.AUTOSCALING.PR.1",),
        frameworks=("Well-Architected REL10-BP01",),
        types=types.GROUP | types.SUBNET,
        check=_check_spans_zones,
        fix="Set `network.zoneCount` to 2 or 3, or give the group subnets of two zones:\n"
        "aws.autoscaling.Group(..., vpc_zone_identifiers=[zone_a.id, zone_b.id])",
    ),
    PropertyRule(
        name="asg-uses-launch-template",
        description="Groups launch from a template: launch configurations get no new features, and "
        "new accounts cannot make any.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        control="AutoScaling.9",
        sources=("CKV_AWS_315", "CT.AUTOSCALING.PR.8"),
        types=types.GROUP,
        needs=(
            Need(
                "launchConfiguration",
                "not be set: use `launchTemplate` or `mixedInstancesPolicy`",
                lambda name: name in (ABSENT, ""),
            ),
        ),
        fix='Make an aws.ec2.LaunchTemplate and set launch_template={"id": template.id, "version": '
        "template.latest_version.apply(str)} on the aws.autoscaling.Group.",
    ),
    ResourceRule(
        name="asg-warmup-covers-boot",
        description="The default instance warm-up is set, and lasts at least as long as an "
        "instance takes to serve. Shorter, and booting instances count as capacity: their "
        "idle CPU holds back the next scale-out in the middle of a surge.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/ec2-auto-scaling-default-instance-warmup.html",
        types=types.GROUP,
        check=_check_warmup,
        fix="Set `fleet.defaultInstanceWarmupSeconds` to at least `service.bootSeconds`, or "
        "leave it out: it follows the boot time. In a program: aws.autoscaling.Group(..., "
        "default_instance_warmup=120). `service.bootSeconds` is measured by the load test.",
    ),
    StackRule(
        name="asg-policies-agree",
        description="Policies of a group do not work against each other: beside target tracking, "
        "steps only add; no simple scaling, which ignores alarms during its cooldown; no two "
        "target trackings on one metric, which pull at different targets.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/as-scale-based-on-demand.html",
        types=types.SCALING_POLICY | types.GROUP,
        check=_check_policies_agree,
        fix="Leave removing capacity to target tracking, and let steps add only:\n"
        'aws.autoscaling.Policy("surge", policy_type="StepScaling", '
        'adjustment_type="PercentChangeInCapacity", step_adjustments=[{"scaling_adjustment": 50, '
        '"metric_interval_lower_bound": "0"}], ...)\n'
        "In the configuration, each of `scaling.steps` has `addPercent` above 0.",
    ),
    ResourceRule(
        name="asg-desired-capacity-unset",
        description="The program does not set the desired capacity: each deployment would take the "
        "group back to it, in the middle of a surge too.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/asg-capacity-limits.html",
        types=types.GROUP,
        check=_check_desired_capacity,
        fix="Leave desired_capacity out of the aws.autoscaling.Group: it starts at min_size, and "
        "scaling moves it. To start higher, raise `fleet.minSize`.",
    ),
    StackRule(
        name="asg-refresh-pins-template",
        description="A group with instance refresh names the template's version by number. With "
        "$Latest or $Default a new version changes nothing in the group, so that no refresh "
        "starts, and instances launched later run what nobody rolled out.",
        severity=Severity.HIGH,
        enforcement=EnforcementLevel.ADVISORY,
        url=f"{_USER_GUIDE}/asg-instance-refresh.html",
        types=types.GROUP | types.LAUNCH_TEMPLATE,
        check=_check_refresh_pins,
        fix='Set launch_template={"id": template.id, "version": '
        "template.latest_version.apply(str)} on the aws.autoscaling.Group.",
    ),
    ResourceRule(
        name="asg-several-instance-types",
        description="A group takes several instance types: in a surge that hits a whole zone, the "
        "one type that everybody wants is what AWS has run out of. Opt-in: the types must be about "
        "equally fast.",
        severity=Severity.MEDIUM,
        control="AutoScaling.6",
        sources=("CT.AUTOSCALING.PR.6",),
        enforcement=EnforcementLevel.DISABLED,
        types=types.GROUP,
        check=_check_several_types,
        fix="Name two or three in `fleet.instanceTypes`, or give the aws.autoscaling.Group a "
        "mixed_instances_policy with overrides.",
    ),
    PropertyRule(
        name="asg-propagates-tags",
        description="Instances carry the tags of their group: what finds, bills and cleans up "
        "resources by tag would miss them.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("CKV_AWS_153",),
        frameworks=("Well-Architected COST03-BP02",),
        url=f"{_USER_GUIDE}/ec2-auto-scaling-tagging.html",
        types=types.GROUP,
        needs=(Need("tags[*].propagateAtLaunch", "be true", is_true),),
        mends=(Mend("tags[*].propagateAtLaunch", value=True),),
        fix='Set "propagate_at_launch": True in each of tags.',
    ),
    StackRule(
        name="asg-follows-demand",
        description="At least one policy acts, and follows demand by a metric that no saturation "
        "caps. A processor cannot be more than full: at 100 % it says the same for twice the load "
        "as for ten times the load. Where a policy acts by such a metric, this is advice.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL07-BP03",),
        url=f"{_USER_GUIDE}/as-scaling-target-tracking.html",
        types=_owners.READS
        | types.SCALING_POLICY
        | types.METRIC_ALARM
        | types.GROUP_ATTACHMENT
        | types.TRAFFIC_SOURCE_ATTACHMENT,
        check=_check_follows_demand,
        fix="State `service.requestsPerSecond`, from which ScalingPolicies tracks requests per "
        'target. In a program: target_tracking_configuration={"predefined_metric_specification": '
        '{"predefined_metric_type": "ALBRequestCountPerTarget", "resource_label": ...}, '
        '"target_value": ...}.',
    ),
    ResourceRule(
        name="asg-grace-covers-boot",
        description="The health check's grace period lasts at least as long as an instance takes "
        "to serve. Shorter, and instances are replaced while they boot, in a surge all of them, "
        "again and again.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/health-check-grace-period.html",
        types=types.GROUP,
        check=_check_grace,
        fix="Set `fleet.healthCheckGracePeriodSeconds` to at least `service.bootSeconds`, or leave "
        "it out: it follows the boot time.",
    ),
    ResourceRule(
        name="asg-refresh-guarded",
        description="An instance refresh keeps all of the capacity, is stopped by alarms, and says "
        "what becomes of protected instances: a bad version must not replace the fleet, nor a good "
        "one halve it during a surge.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected OPS06-BP04",),
        url=f"{_USER_GUIDE}/asg-instance-refresh.html",
        types=types.GROUP,
        check=_check_refresh_guarded,
        fix='Set instance_refresh={"strategy": "Rolling", "preferences": {"alarm_specification": '
        '{"alarms": [...]}, "min_healthy_percentage": 100, "max_healthy_percentage": 110, '
        '"scale_in_protected_instances": "Refresh"}}. The AutoScalingGroup component does.',
    ),
)
