"""Executable runbooks: Systems Manager Automation documents, each with a role of its own."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from surgeproof.components.naming import physical_name
from surgeproof.components.rules import ALARM_NAMES, CAPACITY_UNITS, INSTANCE_TYPES, TAGS
from surgeproof.components.runbooks import automation
from surgeproof.components.runbooks.automation import Document
from surgeproof.components.service.override import NO_OVERRIDE, OVERRIDE_TAG, override_parameter
from surgeproof.settings.checks import Definition


class RunbooksArgs(TypedDict):
    """Arguments of Runbooks."""

    group_name: pulumi.Input[str]
    """Name of the Auto Scaling group."""
    launch_template_id: pulumi.Input[str]
    """Id of the group's launch template."""
    instance_role_name: pulumi.Input[str]
    """Name of the instances' role, which whoever starts instances must be allowed to pass on."""
    load_balancer_arn: pulumi.Input[str]
    """ARN of the load balancer."""
    target_group_arn: pulumi.Input[str]
    """ARN of the target group that surge mode, once off, sends requests to again."""
    waiting_rule_arn: NotRequired[pulumi.Input[str]]
    """ARN of the listener rule for low-priority paths. Default: there is no surge mode."""
    instance_types: NotRequired[
        Annotated[
            list[str],
            INSTANCE_TYPES.by(
                default=None, behaviour="those of the template", key="fleet.instanceTypes"
            ),
        ]
    ]
    """Instance types of the group, where it is given several."""
    alarm_names: NotRequired[Annotated[list[str], ALARM_NAMES]]
    """Names of alarms that stop a replacement of instances."""
    capacity_units: NotRequired[Annotated[int, CAPACITY_UNITS.by(key="loadBalancer.capacityUnits")]]
    """What the stack itself reserves of the load balancer."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all that is created."""


RUNBOOKS_ARGS: Final = Definition("Runbooks", RunbooksArgs)


class Runbooks(pulumi.ComponentResource):
    """What somebody on call runs in the middle of an incident, with one command.

    Creates an Automation document for each runbook, a role for each that may do what the document
    does and nothing else, and the parameter in which a raised minimum is remembered:

    - `surge-response` raises the group's minimum and reserves load balancer capacity if asked;
      `surge-response-end` takes both back;
    - `rolling-restart` replaces all instances, `stop-replacement` stops that;
    - `roll-back` returns to a version of the launch template, and forward again by the same way;
    - `surge-mode-on` and `surge-mode-off`, where there is a rule for low-priority paths.

    Each can be run twice with the effect of once, and has one that takes it back. It leaves to the
    caller that AutoScalingGroup, given the same parameter, keeps the raised minimum until its end.
    """

    document_names: pulumi.Output[list[str]]
    """Names of the Automation documents."""

    def __init__(
        self, name: str, args: RunbooksArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Runbooks", name, {}, opts)
        settings = RUNBOOKS_ARGS.check(args)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        known = pulumi.Output.all(
            partition=aws.get_partition_output(opts=invoke).partition,
            region=aws.get_region_output(opts=invoke).region,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
            group=args["group_name"],
            template=args["launch_template_id"],
            instance_role=args["instance_role_name"],
            load_balancer=args["load_balancer_arn"],
            target_group=args["target_group_arn"],
            rule=args.get("waiting_rule_arn", ""),
        )
        aws.ssm.Parameter(
            f"{name}-minimum",
            name=override_parameter(name),
            description="Minimum that surge-response raised: minimum, end, former minimum, units",
            type=aws.ssm.ParameterType.STRING,
            value=NO_OVERRIDE,
            tags=settings.get("tags", {}),
            # The runbook writes it; a deployment in the middle of a surge must not.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["value"]),
        )
        titles = _TITLES if "waiting_rule_arn" in settings else _TITLES[:-2]
        documents = [self._runbook(name, title, settings, known) for title in titles]

        self.document_names = pulumi.Output.all(*(each.name for each in documents))
        self.register_outputs({"document_names": self.document_names})

    def _runbook(
        self, name: str, title: str, settings: RunbooksArgs, known: pulumi.Output[dict[str, str]]
    ) -> aws.ssm.Document:
        child = pulumi.ResourceOptions(parent=self)
        parameter = override_parameter(name)
        role = aws.iam.Role(
            f"{name}-{title}",
            name=physical_name(name, title, limit=64),
            description=f"What the runbook {title} may do",
            assume_role_policy=known.apply(_trust),
            tags=settings.get("tags", {}),
            opts=child,
        )
        grant = aws.iam.RolePolicy(
            f"{name}-{title}",
            name=title,
            role=role.name,
            policy=known.apply(lambda at: json.dumps(_permissions(title, parameter, at))),
            opts=child,
        )
        return aws.ssm.Document(
            f"{name}-{title}",
            name=physical_name(name, title, limit=128),
            document_type="Automation",
            document_format="JSON",
            content=pulumi.Output.all(role.arn, known).apply(
                lambda both: json.dumps(
                    _documents(both[0], parameter, settings, both[1])[title], indent=1
                )
            ),
            tags=settings.get("tags", {}),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[grant]),
        )


_TITLES: Final = (
    "surge-response",
    "surge-response-end",
    "rolling-restart",
    "stop-replacement",
    "roll-back",
    "surge-mode-on",
    "surge-mode-off",
)
"""The runbooks; the last two only where there is a rule for low-priority paths."""


def _documents(
    role: str, parameter: str, settings: RunbooksArgs, at: Mapping[str, str]
) -> dict[str, Document]:
    group, balancer = at["group"], at["load_balancer"]
    alarms = settings.get("alarm_names", [])
    surge_mode = {
        f"surge-mode-{'on' if on else 'off'}": automation.surge_mode(
            role, rule=at["rule"], target_group=at["target_group"], on=on
        )
        for on in (True, False)
    }
    return {
        "surge-response": automation.surge_response(
            role, group=group, parameter=parameter, load_balancer=balancer
        ),
        "surge-response-end": automation.surge_response_end(
            role,
            group=group,
            parameter=parameter,
            load_balancer=balancer,
            capacity_units=settings.get("capacity_units"),
        ),
        "rolling-restart": automation.rolling_restart(role, group=group, alarms=alarms),
        "stop-replacement": automation.stop_replacement(role, group=group),
        "roll-back": automation.roll_back(
            role,
            group=group,
            template=at["template"],
            instance_types=settings.get("instance_types", []),
            alarms=alarms,
        ),
        **surge_mode,
    }


def _trust(at: Mapping[str, str]) -> str:
    """Let Automation of this account and Region take the role, and nobody else.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-setup-iam.html
    """
    account, region, partition = at["account"], at["region"], at["partition"]
    executions = f"arn:{partition}:ssm:{region}:{account}:automation-execution/*"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ssm.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": executions},
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _permissions(title: str, parameter: str, at: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the policy of one runbook's role."""
    arn = f"arn:{at['partition']}"
    place = f"{at['region']}:{at['account']}"
    group = f"{arn}:autoscaling:{place}:autoScalingGroup:*:autoScalingGroupName/{at['group']}"
    remembered = f"{arn}:ssm:{place}:parameter{parameter}"
    replaces = [
        _allow(["autoscaling:StartInstanceRefresh"], group),
        # Neither has permissions by resource; alarms are read to be able to stop for them.
        _allow(["autoscaling:DescribeInstanceRefreshes", "cloudwatch:DescribeAlarms"], "*"),
    ]
    surge = [
        _allow(["autoscaling:UpdateAutoScalingGroup"], group),
        _allow(["ssm:GetParameter", "ssm:PutParameter"], remembered),
        _allow(["elasticloadbalancing:ModifyCapacityReservation"], at["load_balancer"]),
    ]
    by_tag = {"ForAllValues:StringEquals": {"aws:TagKeys": [OVERRIDE_TAG]}}
    statements = {
        "surge-response": [
            *surge,
            _allow(["autoscaling:CreateOrUpdateTags"], group, by_tag),
            _allow(["autoscaling:DescribeAutoScalingGroups"], "*"),
        ],
        "surge-response-end": [*surge, _allow(["autoscaling:DeleteTags"], group, by_tag)],
        "rolling-restart": replaces,
        "stop-replacement": [_allow(["autoscaling:CancelInstanceRefresh"], group)],
        # Whoever names a launch template must be allowed to launch from it:
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
        "roll-back": [
            *replaces,
            _allow(
                ["ec2:RunInstances", "ec2:CreateTags"],
                "*",
                {
                    "ArnEqualsIfExists": {
                        "ec2:LaunchTemplate": f"{arn}:ec2:{place}:launch-template/{at['template']}"
                    }
                },
            ),
            _allow(
                ["iam:PassRole"],
                f"{arn}:iam::{at['account']}:role/{at['instance_role']}",
                {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            ),
        ],
        "surge-mode-on": [_allow(["elasticloadbalancing:ModifyRule"], at["rule"])],
        "surge-mode-off": [_allow(["elasticloadbalancing:ModifyRule"], at["rule"])],
    }
    return {"Version": "2012-10-17", "Statement": statements[title]}


def _allow(
    actions: list[str], resource: str, condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement
