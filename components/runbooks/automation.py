"""The runbooks as Systems Manager Automation documents: plain data, one function a runbook.

Schema 0.3, https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html
and .../automation-actions.html. What a step decides by itself is a short Python script
(`aws:executeScript`), since no other action can compare two values.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from surgeproof.components.service.override import NO_OVERRIDE, OVERRIDE_TAG

WAITING_PAGE: Final = (
    "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=30><title>One moment"
    "</title><p>Very many people are here just now. This page tries again in 30 seconds.</p>"
)
"""What surge mode answers on low-priority paths (at most 1024 characters, elbv2
FixedResponseActionConfig)."""

REFRESH_WAIT_SECONDS: Final = 4 * 3600
"""Longest wait for a replacement of all instances; beyond it the runbook ends as timed out, while
the replacement goes on."""

_IMPORTS: Final = "from datetime import UTC, datetime, timedelta\n\n\n"
"""What the scripts below need, in Automation's Python."""

Document = Mapping[str, Any]
Step = Mapping[str, Any]


def decide_surge(events: dict[str, str], _: None) -> dict[str, object]:
    """Check the wanted minimum, and spell what is remembered of the raise."""
    wanted, least, most = int(events["wanted"]), int(events["least"]), int(events["most"])
    units = int(events["units"])
    former, reserved = least, 0
    known = str(events["override"]).split(",")
    if len(known) == 4:
        former, reserved = int(known[2]), int(known[3])
    if wanted < least:
        raise ValueError(f"MinSize: must be at least the group's minimum ({least}), got {wanted}")
    if wanted > most:
        raise ValueError(f"MinSize: must be at most the group's maximum ({most}), got {wanted}")
    end = datetime.now(UTC) + timedelta(hours=int(events["hours"]))
    shown = end.strftime("%Y-%m-%dT%H:%MZ")
    return {
        "minimum": wanted,
        "tag": f"{wanted},{shown}",
        "override": f"{wanted},{shown},{former},{max(units, reserved)}",
        "reserve": units > 0,
        "units": units,
    }


def decide_end(events: dict[str, str], _: None) -> dict[str, object]:
    """Tell what the minimum was before the raise, if there is one."""
    known = str(events["override"]).split(",")
    active = len(known) == 4
    return {
        "active": active,
        "former": int(known[2]) if active else 0,
        "reserved": active and int(known[3]) > 0,
    }


def _script(
    name: str, decide: Callable[..., Any], payload: Mapping[str, str], **outputs: str
) -> Step:
    """Return a step that runs one of the functions above, its source as it stands there."""
    return {
        "name": name,
        "action": "aws:executeScript",
        "inputs": {
            "Runtime": "python3.11",
            "Handler": decide.__name__,
            "InputPayload": dict(payload),
            "Script": _IMPORTS + inspect.getsource(decide),
        },
        "outputs": _outputs("$.Payload.", outputs),
    }


def _outputs(prefix: str, named: Mapping[str, str]) -> list[dict[str, str]]:
    """Return outputs from `Name="Type selector"`, the selector below `prefix`."""
    found = []
    for name, spelled in named.items():
        kind, _, selector = spelled.partition(" ")
        found.append({"Name": name, "Selector": f"{prefix}{selector}", "Type": kind})
    return found


def _api(
    name: str,
    service: str,
    operation: str,
    request: Mapping[str, Any],
    outputs: Mapping[str, str] | None = None,
    **options: Any,
) -> Step:
    step = {
        "name": name,
        "action": "aws:executeAwsApi",
        "inputs": {"Service": service, "Api": operation, **request},
        **options,
    }
    if outputs:
        step["outputs"] = _outputs("$.", outputs)
    return step


def _choose(name: str, variable: str, then: str, *, otherwise: str | None = None) -> Step:
    """Return a step that goes to `then` where a Boolean is true; else to `otherwise`, or ends."""
    choice = {"NextStep": then, "Variable": f"{{{{ {variable} }}}}", "BooleanEquals": True}
    inputs: dict[str, Any] = {"Choices": [choice]}
    if otherwise:
        return {"name": name, "action": "aws:branch", "inputs": {**inputs, "Default": otherwise}}
    return {"name": name, "action": "aws:branch", "inputs": inputs, "isEnd": True}


def _text(description: str, pattern: str, default: str | None = None) -> dict[str, Any]:
    given = {} if default is None else {"default": default}
    return {"type": "String", "description": description, "allowedPattern": pattern, **given}


def _document(
    description: str, role: str, parameters: Mapping[str, Any], steps: Sequence[Step]
) -> Document:
    return {
        "schemaVersion": "0.3",
        "description": description,
        "assumeRole": role,
        "parameters": dict(parameters),
        "mainSteps": list(steps),
    }


def surge_response(role: str, *, group: str, parameter: str, load_balancer: str) -> Document:
    """Raise the group's minimum until a stated end, and reserve load balancer capacity if asked."""
    name = {"ResourceId": group, "ResourceType": "auto-scaling-group"}
    return _document(
        "Adds capacity at once: raises the minimum of the group, which also keeps the policies "
        "from scaling in below it. Only ever raises. Ends by surge-response-end; after its hours "
        "the next deployment sets the configured minimum again.",
        role,
        {
            "MinSize": _text(
                "Instances that the group keeps at least (at most its maximum).",
                "^[1-9][0-9]{0,3}$",
            ),
            "Hours": _text(
                "How long deployments keep the raised minimum (hours, 1 to 72).",
                "^([1-9]|[1-6][0-9]|7[0-2])$",
                "4",
            ),
            "CapacityUnits": _text(
                "Load balancer capacity to reserve (units, at least 100; billed by the hour; takes "
                "minutes to hours). 0: none.",
                "^(0|[1-9][0-9]{2,5})$",
                "0",
            ),
        },
        [
            _api(
                "FindGroup",
                "autoscaling",
                "DescribeAutoScalingGroups",
                {"AutoScalingGroupNames": [group]},
                {
                    "MinSize": "Integer AutoScalingGroups[0].MinSize",
                    "MaxSize": "Integer AutoScalingGroups[0].MaxSize",
                },
            ),
            _api(
                "FindOverride",
                "ssm",
                "GetParameter",
                {"Name": parameter},
                {"Value": "String Parameter.Value"},
            ),
            _script(
                "Decide",
                decide_surge,
                {
                    "wanted": "{{ MinSize }}",
                    "hours": "{{ Hours }}",
                    "units": "{{ CapacityUnits }}",
                    "least": "{{ FindGroup.MinSize }}",
                    "most": "{{ FindGroup.MaxSize }}",
                    "override": "{{ FindOverride.Value }}",
                },
                Minimum="Integer minimum",
                Tag="String tag",
                Override="String override",
                Reserve="Boolean reserve",
                CapacityUnits="Integer units",
            ),
            # Before the minimum itself, so that a deployment in between keeps it.
            _api(
                "Remember",
                "ssm",
                "PutParameter",
                {
                    "Name": parameter,
                    "Value": "{{ Decide.Override }}",
                    "Type": "String",
                    "Overwrite": True,
                },
            ),
            _api(
                "Raise",
                "autoscaling",
                "UpdateAutoScalingGroup",
                {"AutoScalingGroupName": group, "MinSize": "{{ Decide.Minimum }}"},
            ),
            _api(
                "Tag",
                "autoscaling",
                "CreateOrUpdateTags",
                {
                    "Tags": [
                        {
                            **name,
                            "Key": OVERRIDE_TAG,
                            "Value": "{{ Decide.Tag }}",
                            "PropagateAtLaunch": True,
                        }
                    ]
                },
            ),
            _choose("ReservationAsked", "Decide.Reserve", "Reserve"),
            _api(
                "Reserve",
                "elbv2",
                "ModifyCapacityReservation",
                {
                    "LoadBalancerArn": load_balancer,
                    "MinimumLoadBalancerCapacity": {"CapacityUnits": "{{ Decide.CapacityUnits }}"},
                },
                isEnd=True,
            ),
        ],
    )


def surge_response_end(
    role: str, *, group: str, parameter: str, load_balancer: str, capacity_units: int | None
) -> Document:
    """Put back what surge_response changed; `capacity_units` is what the stack itself reserves."""
    reservation: dict[str, Any] = {"LoadBalancerArn": load_balancer}
    if capacity_units is None:
        reservation["ResetCapacityReservation"] = True
    else:
        reservation["MinimumLoadBalancerCapacity"] = {"CapacityUnits": capacity_units}
    return _document(
        "Ends surge-response: the minimum and the reservation are as before it. The policies take "
        "instances away as demand goes. Where nothing was raised, it changes nothing.",
        role,
        {},
        [
            _api(
                "FindOverride",
                "ssm",
                "GetParameter",
                {"Name": parameter},
                {"Value": "String Parameter.Value"},
            ),
            _script(
                "Decide",
                decide_end,
                {"override": "{{ FindOverride.Value }}"},
                Active="Boolean active",
                Former="Integer former",
                Reserved="Boolean reserved",
            ),
            _choose("WasRaised", "Decide.Active", "Lower"),
            _api(
                "Lower",
                "autoscaling",
                "UpdateAutoScalingGroup",
                {"AutoScalingGroupName": group, "MinSize": "{{ Decide.Former }}"},
            ),
            _api(
                "Untag",
                "autoscaling",
                "DeleteTags",
                {
                    "Tags": [
                        {
                            "ResourceId": group,
                            "ResourceType": "auto-scaling-group",
                            "Key": OVERRIDE_TAG,
                        }
                    ]
                },
            ),
            _choose("WasReserved", "Decide.Reserved", "Unreserve", otherwise="Forget"),
            _api("Unreserve", "elbv2", "ModifyCapacityReservation", reservation),
            # Last, so that an end that failed halfway can be run again.
            _api(
                "Forget",
                "ssm",
                "PutParameter",
                {"Name": parameter, "Value": NO_OVERRIDE, "Type": "String", "Overwrite": True},
            ),
        ],
    )


def _preferences(alarms: Sequence[str], *, skip_matching: bool) -> dict[str, Any]:
    preferences: dict[str, Any] = {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 110,
        "SkipMatching": skip_matching,
        "CheckpointPercentages": [10, 50, 100],
        "CheckpointDelay": 300,
        "ScaleInProtectedInstances": "Wait",
        "StandbyInstances": "Wait",
    }
    if alarms:
        preferences["AlarmSpecification"] = {"Alarms": list(alarms)}
    return preferences


def _replacement(group: str, request: Mapping[str, Any]) -> list[Step]:
    """Return the steps that start a replacement of instances and wait for its end."""
    watched = {
        "Service": "autoscaling",
        "Api": "DescribeInstanceRefreshes",
        "AutoScalingGroupName": group,
        "InstanceRefreshIds": ["{{ Start.InstanceRefreshId }}"],
        "PropertySelector": "$.InstanceRefreshes[0].Status",
    }
    ends = ["Successful", "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed"]
    return [
        _api(
            "Start",
            "autoscaling",
            "StartInstanceRefresh",
            {"AutoScalingGroupName": group, "Strategy": "Rolling", **request},
            {"InstanceRefreshId": "String InstanceRefreshId"},
        ),
        {
            "name": "Wait",
            "action": "aws:waitForAwsResourceProperty",
            "timeoutSeconds": REFRESH_WAIT_SECONDS,
            "inputs": {**watched, "DesiredValues": ends},
        },
        {
            "name": "Assert",
            "action": "aws:assertAwsResourceProperty",
            "inputs": {**watched, "DesiredValues": ["Successful"]},
            "isEnd": True,
        },
    ]


def rolling_restart(role: str, *, group: str, alarms: Sequence[str]) -> Document:
    """Replace all instances by new ones of the same template."""
    return _document(
        "Replaces all instances, a few at a time and never fewer than now: checkpoints of 5 "
        "minutes at 10, 50 and 100 %; the group's alarms stop it. Where a replacement is under way "
        "already, AWS refuses a second one and nothing changes. stop-replacement ends it.",
        role,
        {},
        _replacement(group, {"Preferences": _preferences(alarms, skip_matching=False)}),
    )


def roll_back(
    role: str, *, group: str, template: str, instance_types: Sequence[str], alarms: Sequence[str]
) -> Document:
    """Replace all instances by ones of an earlier version of the launch template."""
    pinned = {"LaunchTemplateId": template, "Version": "{{ Version }}"}
    wanted: dict[str, Any] = {"LaunchTemplate": pinned}
    if len(instance_types) > 1:
        overrides = [{"InstanceType": each} for each in instance_types]
        template_of_mix = {"LaunchTemplateSpecification": pinned, "Overrides": overrides}
        wanted = {"MixedInstancesPolicy": {"LaunchTemplate": template_of_mix}}
    return _document(
        "Replaces the instances that are not of the stated version of the launch template by ones "
        "that are, and pins the group to it. Run with the version of before to go forward again. "
        "The next deployment pins what the program says: revert the change there too.",
        role,
        {"Version": _text("Version of the launch template to go back to.", "^[1-9][0-9]{0,8}$")},
        _replacement(
            group,
            {
                "DesiredConfiguration": wanted,
                "Preferences": _preferences(alarms, skip_matching=True),
            },
        ),
    )


def stop_replacement(role: str, *, group: str) -> Document:
    """Stop a replacement of instances where it is."""
    return _document(
        "Stops a replacement of instances where it is; instances that were replaced stay. Where "
        "none is under way, AWS says so and nothing changes.",
        role,
        {},
        [
            _api(
                "Cancel",
                "autoscaling",
                "CancelInstanceRefresh",
                {"AutoScalingGroupName": group},
                isEnd=True,
            )
        ],
    )


def surge_mode(role: str, *, rule: str, target_group: str, on: bool) -> Document:
    """Answer the low-priority paths with the waiting page, or with the service again."""
    page = {"StatusCode": "503", "ContentType": "text/html", "MessageBody": WAITING_PAGE}
    forward = {"Type": "forward", "TargetGroupArn": target_group}
    what = (
        "Turns surge mode on: requests to loadBalancer.lowPriorityPaths get a fixed waiting page, "
        "so that the instances have room for the others. Whoever gets it is an affected user."
        if on
        else "Turns surge mode off: requests to loadBalancer.lowPriorityPaths reach the service."
    )
    actions = [{"Type": "fixed-response", "FixedResponseConfig": page} if on else forward]
    return _document(
        what,
        role,
        {},
        [
            _api(
                "Switch",
                "elbv2",
                "ModifyRule",
                {"RuleArn": rule, "Actions": actions},
                isEnd=True,
            )
        ],
    )
