"""EC2 Auto Scaling: groups, hooks, policies and schedules."""

from collections.abc import Mapping
from typing import Any

from surgeproof.emulator.rows.row import Call, Const, Context, Name, Row, Source, Step
from surgeproof.emulator.rows.sources import by_ids


def _group_tags(context: Context) -> None:
    """Set an auto scaling group's tags, which say whether instances get them."""
    group = context.state["id"]

    def tag(each: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": each["key"],
            "Value": each["value"],
            "PropagateAtLaunch": each["propagateAtLaunch"],
        }

    new = context.state.get("tags") or []
    keys = {each["key"] for each in new}
    dropped = [tag(each) for each in context.old.get("tags") or [] if each["key"] not in keys]
    if dropped:
        context.call("DeleteTags", {"Tags": dropped})
    if new:
        context.call("CreateOrUpdateTags", {"Tags": [tag(each) for each in new]})


def _group_targets(context: Context) -> None:
    """Attach and detach what changed among a group's target groups."""
    old, new = (set(state.get("targetGroupArns") or ()) for state in (context.old, context.state))
    for operation, arns in (
        ("AttachLoadBalancerTargetGroups", new - old),
        ("DetachLoadBalancerTargetGroups", old - new),
    ):
        if arns:
            context.call(
                operation,
                {"AutoScalingGroupName": context.state["id"], "TargetGroupARNs": sorted(arns)},
            )


def _drop_warm_pool(context: Context) -> None:
    """Delete the warm pool with its instances, as must be before the group goes."""
    if context.state.get("warmPool"):
        group = context.state["id"]
        context.call("DeleteWarmPool", {"AutoScalingGroupName": group, "ForceDelete": True})


def refresh_due(context: Context) -> bool:
    """Tell whether a change starts an instance refresh.

    One of the template does, as Terraform has it, and one of a property that the program names.
    """
    refresh = context.state.get("instanceRefresh")
    triggers = {"launchTemplate", "mixedInstancesPolicy", "launchConfiguration"}
    for each in (refresh or {}).get("triggers") or ():
        head, *rest = str(each).split("_")
        name = head + "".join(word.title() for word in rest)
        triggers |= {name, f"{name}s"}
    return bool(refresh) and bool(triggers & context.changed)


_TRACKING = "targetTrackingConfiguration.customizedMetricSpecification"


_WARM_POOL = {
    "warmPool.poolState": "PoolState",
    "warmPool.minSize": "MinSize",
    "warmPool.maxGroupPreparedCapacity": "MaxGroupPreparedCapacity",
    "warmPool.instanceReusePolicy": "InstanceReusePolicy",
}


_GROUP_NAME: Mapping[str, Source] = {"AutoScalingGroupName": "id"}


_GROUP_PART: Mapping[str, Source] = {"AutoScalingGroupName": "autoscalingGroupName"}


_GROUP_GONE = "ValidationError"


ROWS = (
    Row(
        "aws:autoscaling/group:Group",
        service="autoscaling",
        noun="AutoScalingGroup",
        create=Step(
            "CreateAutoScalingGroup",
            names={
                "vpcZoneIdentifiers": "VPCZoneIdentifier:csv",
                "launchTemplate.id": "LaunchTemplateId",
                "launchTemplate.name": "LaunchTemplateName",
                "protectFromScaleIn": "NewInstancesProtectedFromScaleIn",
                "launchConfiguration": "LaunchConfigurationName",
                "initialLifecycleHooks": "LifecycleHookSpecificationList",
                "initialLifecycleHooks.name": "LifecycleHookName",
            },
            update="UpdateAutoScalingGroup",
            update_request=_GROUP_NAME,
        ),
        id="name",
        name=Name(),
        replaces=("name", "availabilityZones", "initialLifecycleHooks"),
        local=(
            "waitForCapacityTimeout",
            "forceDelete",
            "forceDeleteWarmPool",
            "ignoreFailedScalingActivities",
            "minElbCapacity",
            "waitForElbCapacity",
            "instanceRefresh.triggers",
        ),
        resets={
            "defaultInstanceWarmup": -1,
            "defaultCooldown": 300,
            "healthCheckGracePeriod": 300,
            "healthCheckType": "EC2",
            "terminationPolicies": ["Default"],
            "capacityRebalance": False,
            "protectFromScaleIn": False,
            "maxInstanceLifetime": 0,
            "instanceMaintenancePolicy": {"minHealthyPercentage": -1, "maxHealthyPercentage": -1},
        },
        steps=(
            Step(
                "EnableMetricsCollection",
                swap=True,
                takes=("enabledMetrics", "metricsGranularity"),
                request={**_GROUP_NAME, "Granularity": Const("1Minute")},
                names={"enabledMetrics": "Metrics", "metricsGranularity": "Granularity"},
                only=lambda state: bool(state.get("enabledMetrics")),
                undo=Call("DisableMetricsCollection", _GROUP_NAME),
                read=Call(
                    "DescribeAutoScalingGroups",
                    by_ids("AutoScalingGroupNames"),
                    "AutoScalingGroups[0]",
                    names={
                        "enabledMetrics": "EnabledMetrics.Metric",
                        "metricsGranularity": "EnabledMetrics.Granularity",
                    },
                ),
            ),
            Step(
                "SuspendProcesses",
                swap=True,
                takes=("suspendedProcesses",),
                request=_GROUP_NAME,
                names={"suspendedProcesses": "ScalingProcesses"},
                undo=Call("ResumeProcesses", _GROUP_NAME),
                read=Call(
                    "DescribeAutoScalingGroups",
                    by_ids("AutoScalingGroupNames"),
                    "AutoScalingGroups[0]",
                    names={"suspendedProcesses": "SuspendedProcesses.ProcessName"},
                ),
            ),
            Step(
                "PutWarmPool",
                takes=("warmPool",),
                request=_GROUP_NAME,
                names=_WARM_POOL,
                undo=Call("DeleteWarmPool", {**_GROUP_NAME, "ForceDelete": Const(value=True)}),
                read=Call("DescribeWarmPool", _GROUP_NAME, "WarmPoolConfiguration"),
            ),
            Step(
                "StartInstanceRefresh",
                takes=("instanceRefresh",),
                request=_GROUP_NAME,
                names={
                    "instanceRefresh.strategy": "Strategy",
                    "instanceRefresh.preferences": "Preferences",
                },
                due=refresh_due,
            ),
        ),
        updates=(
            Step("AttachLoadBalancerTargetGroups", takes=("targetGroupArns",), run=_group_targets),
            Step("CreateOrUpdateTags", takes=("tags",), run=_group_tags),
        ),
        read=Call(
            "DescribeAutoScalingGroups", by_ids("AutoScalingGroupNames"), "AutoScalingGroups[0]"
        ),
        outputs={
            "arn": "AutoScalingGroupARN",
            "vpcZoneIdentifiers": lambda _, found: (
                [each for each in (found.get("VPCZoneIdentifier") or "").split(",") if each]
            ),
        },
        deleting=_drop_warm_pool,
        delete=(Call("DeleteAutoScalingGroup", {**_GROUP_NAME, "ForceDelete": Const(value=True)}),),
    ),
    Row(
        "aws:autoscaling/lifecycleHook:LifecycleHook",
        service="autoscaling",
        noun="LifecycleHook",
        create=Step("PutLifecycleHook"),
        id="name",
        name=Name(),
        replaces=("name", "autoscalingGroupName"),
        overwrites=True,
        read=Call(
            "DescribeLifecycleHooks",
            {**_GROUP_PART, "LifecycleHookNames": lambda state: [state["name"]]},
            "LifecycleHooks[0]",
        ),
        gone=(_GROUP_GONE,),
        delete=(Call("DeleteLifecycleHook", {**_GROUP_PART, "LifecycleHookName": "name"}),),
    ),
    Row(
        "aws:autoscaling/policy:Policy",
        service="autoscaling",
        noun="Policy",
        create=Step(
            "PutScalingPolicy",
            names={
                "predictiveScalingConfiguration.metricSpecification": "MetricSpecifications",
                f"{_TRACKING}.metricDimensions": "Dimensions",
            },
        ),
        id="name",
        name=Name(),
        replaces=("name", "autoscalingGroupName"),
        overwrites=True,
        read=Call(
            "DescribePolicies",
            {**_GROUP_PART, "PolicyNames": lambda state: [state["name"]]},
            "ScalingPolicies[0]",
        ),
        gone=(_GROUP_GONE,),
        outputs={"arn": "PolicyARN"},
        delete=(Call("DeletePolicy", {**_GROUP_PART, "PolicyName": "name"}),),
    ),
    Row(
        "aws:autoscaling/schedule:Schedule",
        service="autoscaling",
        create=Step("PutScheduledUpdateGroupAction"),
        id="scheduledActionName",
        name=Name(property="scheduledActionName", always=False),
        replaces=("scheduledActionName", "autoscalingGroupName"),
        overwrites=True,
        # -1 keeps the group's value (the resource's documentation), so it is not sent.
        values=dict.fromkeys(
            ("minSize", "maxSize", "desiredCapacity"), lambda size: None if size == -1 else size
        ),
        read=Call(
            "DescribeScheduledActions",
            {**_GROUP_PART, "ScheduledActionNames": lambda state: [state["scheduledActionName"]]},
            "ScheduledUpdateGroupActions[0]",
        ),
        gone=(_GROUP_GONE,),
        outputs={"arn": "ScheduledActionARN"},
        delete=(
            Call(
                "DeleteScheduledAction",
                {**_GROUP_PART, "ScheduledActionName": "scheduledActionName"},
            ),
        ),
    ),
)
