"""The instances: launch template, role, security group and the Auto Scaling group itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, cast

import pulumi
import pulumi_aws as aws

from surgeproof.components.naming import physical_name
from surgeproof.components.service import application as _application
from surgeproof.components.service.application import Hooks
from surgeproof.components.service.auto_scaling_group_settings import (
    AutoScalingGroupArgs,
    WarmPoolState,
    settings_of,
)
from surgeproof.components.service.override import OVERRIDE_TAG, MinimumOverride, current_override
from surgeproof.settings.aws_limits import GROUP, GROUP_METRICS, TEMPLATE
from surgeproof.settings.errors import ArgsError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What all parts of one component are made from."""

    name: str
    args: AutoScalingGroupArgs
    settings: AutoScalingGroupArgs
    hooks: Hooks

    @property
    def environment(self) -> pulumi.Output[Mapping[str, str]]:
        return _known(self.args.get("application", {}).get("environment"))

    @property
    def secrets(self) -> pulumi.Output[Mapping[str, str]]:
        return _known(self.args.get("application", {}).get("secrets"))


def _known(values: Mapping[str, pulumi.Input[str]] | None) -> pulumi.Output[Mapping[str, str]]:
    return cast("pulumi.Output[Mapping[str, str]]", pulumi.Output.from_input(values or {}))


class AutoScalingGroup(pulumi.ComponentResource):
    """An Auto Scaling group behind a load balancer's target group.

    Creates a launch template, a role with an instance profile, a security group, the group and its
    lifecycle hooks. Instances answer to the load balancer only, may reach only HTTPS addresses
    outside, have no SSH (Session Manager instead), and read exactly the secrets named.

    Leaves to the caller when the group scales: its desired capacity is never set here, so that no
    deployment in the middle of a surge takes capacity away.

    A change of anything that instances are made from makes a new version of the launch template,
    and the group replaces its instances: with the defaults and 10 instances, one new instance is
    started (110 % of 10 is 11), must pass its health check and warm up, and one old instance goes;
    at no time fewer than 10 serve. If a named alarm goes off, the replacement stops where it is.

    Hooks: before an instance is terminated, the load balancer has drained it, and the terminating
    hook holds it until its application has stopped, at most `stop_timeout_seconds`. The launching
    hook exists with a warm pool only: AWS stops an instance as soon as it has entered the pool, in
    the middle of its first boot, unless a hook holds it until its application is ready
    (https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html).
    Without a pool it would only delay what the load balancer's health check decides anyway.
    """

    name: pulumi.Output[str]
    """Name of the group."""
    arn: pulumi.Output[str]
    """ARN of the group."""
    security_group_id: pulumi.Output[str]
    """Id of the instances' security group."""
    launch_template_id: pulumi.Output[str]
    """Id of the launch template."""
    launch_template_version: pulumi.Output[str]
    """Version of the launch template that the group is pinned to."""
    role_name: pulumi.Output[str]
    """Name of the instances' role."""

    def __init__(
        self, name: str, args: AutoScalingGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:AutoScalingGroup", name, {}, opts)
        settings = settings_of(args)
        hooks = Hooks(
            group_name=physical_name(name, of=(GROUP, "name")),
            launching="ready" if settings.get("warm_pool") else None,
            terminating="drained",
        )
        given = _Given(name=name, args=args, settings=settings, hooks=hooks)
        security_group, rules = self._security_group(given)
        role, grants = self._role(given)
        template = self._launch_template(given, role, security_group)
        version = template.latest_version.apply(lambda number: str(int(number)))
        group = self._group(given, template, version, [*rules, *grants])

        self.name = group.name
        self.arn = group.arn
        self.security_group_id = security_group.id
        self.launch_template_id = template.id
        self.launch_template_version = version
        self.role_name = role.name
        self.register_outputs({key: getattr(self, key) for key in _OUTPUTS})

    def _security_group(self, given: _Given) -> tuple[aws.ec2.SecurityGroup, list[pulumi.Resource]]:
        name, args, settings = given.name, given.args, given.settings
        child = pulumi.ResourceOptions(parent=self)
        group_name = physical_name(name, "instances")
        tags = {"Name": group_name, **settings.get("tags", {})}
        group = aws.ec2.SecurityGroup(
            f"{name}-instances",
            name=group_name,
            description="Instances: take requests from the load balancer only",
            vpc_id=args["vpc_id"],
            tags=tags,
            opts=child,
        )
        port = settings["application"]["port"]
        balancer = args["load_balancer_security_group_id"]
        incoming = aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-load-balancer",
            security_group_id=group.id,
            description="Requests and health checks from the load balancer",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=balancer,
            tags=tags,
            opts=child,
        )
        outgoing = aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-instances",
            security_group_id=balancer,
            description="Requests and health checks to the instances",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=group.id,
            tags=tags,
            opts=child,
        )
        # Names and time need no rule: both come from the VPC's own link-local services.
        internet = aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-https",
            security_group_id=group.id,
            description="HTTPS to AWS, package repositories and registries",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4="0.0.0.0/0",
            tags=tags,
            opts=child,
        )
        return group, [incoming, outgoing, internet]

    def _role(self, given: _Given) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        name, settings = given.name, given.settings
        child = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        partition = aws.get_partition_output(opts=invoke).partition
        role = aws.iam.Role(
            name,
            name=physical_name(name, "instance", limit=64),
            description="What the instances may do",
            assume_role_policy=_policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ec2.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            tags=settings.get("tags", {}),
            opts=child,
        )
        grants: list[pulumi.Resource] = [
            aws.iam.RolePolicyAttachment(
                f"{name}-session-manager",
                role=role.name,
                policy_arn=pulumi.Output.concat(
                    "arn:", partition, ":iam::aws:policy/AmazonSSMManagedInstanceCore"
                ),
                opts=child,
            ),
            *(
                aws.iam.RolePolicyAttachment(
                    f"{name}-{arn.rpartition('/')[2]}", role=role.name, policy_arn=arn, opts=child
                )
                for arn in settings["extra_policy_arns"]
            ),
        ]

        def grant(purpose: str, policy: pulumi.Input[str]) -> None:
            grants.append(
                aws.iam.RolePolicy(
                    f"{name}-{purpose}", name=purpose, role=role.name, policy=policy, opts=child
                )
            )

        known = pulumi.Output.all(
            partition=partition,
            region=aws.get_region_output(opts=invoke).region,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
        )
        grant("lifecycle", known.apply(lambda found: _lifecycle_policy(given.hooks, **found)))
        if settings["application"].get("secrets"):
            grant(
                "secrets",
                given.secrets.apply(lambda arns: _policy(*_application.secret_statements(arns))),
            )
        readable = given.args.get("readable_secret_arn")
        if readable is not None:
            grant(
                "readable-secret",
                pulumi.Output.from_input(readable).apply(
                    lambda arn: _policy(
                        {
                            "Effect": "Allow",
                            "Action": "secretsmanager:GetSecretValue",
                            "Resource": arn,
                        }
                    )
                ),
            )
        if settings["application"].get("metrics_namespace") is not None:
            grant("metrics", _policy(*_application.metrics_statements(settings["application"])))
        if _application.image_statements(settings["application"], ""):
            grant(
                "image",
                partition.apply(
                    lambda found: _policy(
                        *_application.image_statements(settings["application"], found)
                    )
                ),
            )
        return role, grants

    def _launch_template(
        self, given: _Given, role: aws.iam.Role, security_group: aws.ec2.SecurityGroup
    ) -> aws.ec2.LaunchTemplate:
        name, settings = given.name, given.settings
        profile = aws.iam.InstanceProfile(
            name,
            name=physical_name(name, "instance", limit=128),
            role=role.name,
            tags=settings.get("tags", {}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        texts = pulumi.Output.all(given.environment, given.secrets)
        template_name = physical_name(name, limit=128, of=(TEMPLATE, "name"))
        tags = {"Name": template_name, **settings.get("tags", {})}
        pool = settings.get("warm_pool")
        hibernates = pool is not None and pool["state"] == WarmPoolState.HIBERNATED
        return aws.ec2.LaunchTemplate(
            name,
            name=template_name,
            description="Instances of the group of the same name",
            update_default_version=True,
            image_id=self._image_id(settings["image"]),
            instance_type=settings["instance_types"][0],
            iam_instance_profile={"arn": profile.arn},
            user_data=texts.apply(lambda maps: _user_data(settings, given.hooks, *maps)),
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            monitoring={"enabled": True},
            network_interfaces=[
                {
                    "device_index": 0,
                    "associate_public_ip_address": "false",
                    "delete_on_termination": "true",
                    "security_groups": [
                        security_group.id,
                        *([extra] if (extra := given.args.get("extra_security_group_id")) else []),
                    ],
                }
            ],
            block_device_mappings=[
                {
                    "device_name": settings["root_device_name"],
                    "ebs": {
                        "volume_type": "gp3",
                        "volume_size": settings["volume_size_gib"],
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            hibernation_options={"configured": True} if hibernates else None,
            tag_specifications=[
                {"resource_type": "instance", "tags": tags},
                {"resource_type": "volume", "tags": tags},
            ],
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _image_id(self, image: str) -> pulumi.Input[str]:
        if not image.startswith("/"):
            return image
        # The other output, `value`, is secret, and an image id is not.
        return aws.ssm.get_parameter_output(
            name=image, opts=pulumi.InvokeOutputOptions(parent=self)
        ).insecure_value

    def _group(
        self,
        given: _Given,
        template: aws.ec2.LaunchTemplate,
        version: pulumi.Output[str],
        depends_on: list[pulumi.Resource],
    ) -> aws.autoscaling.Group:
        name, args, settings, hooks = given.name, given.args, given.settings, given.hooks
        low = settings["instance_refresh_min_healthy_percent"]
        high = settings["instance_refresh_max_healthy_percent"]
        mixed = len(settings["instance_types"]) > 1
        waits = settings["wait_for_capacity_minutes"] > 0
        launching = _launching(settings)
        pinned: aws.autoscaling.GroupLaunchTemplateArgsDict = {
            "id": template.id,
            "version": version,
        }
        initial_hooks: list[pulumi.Input[aws.autoscaling.GroupInitialLifecycleHookArgsDict]] = []
        if hooks.launching:
            initial_hooks.append(
                {
                    "name": hooks.launching,
                    "lifecycle_transition": launching["lifecycle_transition"],
                    "heartbeat_timeout": launching["heartbeat_timeout"],
                    "default_result": launching["default_result"],
                }
            )
        tags: list[pulumi.Input[aws.autoscaling.GroupTagArgsDict]] = [
            {"key": key, "value": value, "propagate_at_launch": True}
            for key, value in {"Name": hooks.group_name, **settings.get("tags", {})}.items()
        ]
        override = self._override(given)
        if override:
            tags.append({"key": OVERRIDE_TAG, "value": override.tag, "propagate_at_launch": True})
        group = aws.autoscaling.Group(
            name,
            name=hooks.group_name,
            min_size=override.minimum if override else settings["min_size"],
            max_size=settings["max_size"],
            vpc_zone_identifiers=args["subnet_ids"],
            target_group_arns=[args["target_group_arn"]],
            launch_template=None if mixed else pinned,
            mixed_instances_policy=(
                _mixed_instances(settings, template.id, version) if mixed else None
            ),
            health_check_type="ELB",
            health_check_grace_period=settings["health_check_grace_period_seconds"],
            default_instance_warmup=settings["default_instance_warmup_seconds"],
            enabled_metrics=_metrics(settings),
            metrics_granularity="1Minute",
            # Scale-in takes instances of an older template version first, in balance over zones.
            termination_policies=["OldestLaunchTemplate", "Default"],
            instance_maintenance_policy={
                "min_healthy_percentage": low,
                "max_healthy_percentage": high,
            },
            instance_refresh=_instance_refresh(settings),
            warm_pool=_warm_pool(settings),
            # Instances of the first launch are held too; the hook below is what counts later.
            initial_lifecycle_hooks=initial_hooks or None,
            wait_for_capacity_timeout=(
                f"{settings['wait_for_capacity_minutes']}m" if waits else "0"
            ),
            min_elb_capacity=settings["min_size"] if waits else None,
            tags=tags,
            # A change of the initial hooks would replace the group.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=depends_on, ignore_changes=["initialLifecycleHooks"]
            ),
        )
        pairs = [(hooks.terminating, _terminating(settings))]
        if hooks.launching:
            pairs.append((hooks.launching, launching))
        for hook, options in pairs:
            aws.autoscaling.LifecycleHook(
                f"{name}-{hook}",
                name=hook,
                autoscaling_group_name=group.name,
                opts=pulumi.ResourceOptions(parent=self),
                **options,
            )
        return group

    def _override(self, given: _Given) -> MinimumOverride | None:
        """Return the raised minimum that this deployment has to keep, and say so."""
        settings = given.settings
        override = current_override(given.name, self) if settings["keep_raised_minimum"] else None
        if override is None or override.minimum <= settings["min_size"]:
            return None
        until = f"{override.end:%Y-%m-%d %H:%M} UTC"
        if override.minimum > settings["max_size"]:
            raise ArgsError(
                "AutoScalingGroup.max_size: must be at least the minimum that surge-response keeps "
                f"until {until} ({override.minimum}), got {settings['max_size']}"
            )
        pulumi.log.warn(
            f"keeping the minimum of {override.minimum} instances that surge-response raised, "
            f"until {until}; configured are {settings['min_size']}. surge-response-end ends it.",
            resource=self,
        )
        return override


_OUTPUTS = tuple(AutoScalingGroup.__annotations__)


class _HookOptions(TypedDict):
    lifecycle_transition: str
    heartbeat_timeout: int
    default_result: str


def _launching(settings: AutoScalingGroupArgs) -> _HookOptions:
    """Return the launching hook: an instance that is not ready in time is replaced."""
    return {
        "lifecycle_transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "heartbeat_timeout": min(7200, max(300, 2 * settings["boot_time_seconds"])),
        "default_result": "ABANDON",
    }


def _terminating(settings: AutoScalingGroupArgs) -> _HookOptions:
    """Return the terminating hook: an instance that does not answer is let go soon."""
    return {
        "lifecycle_transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "heartbeat_timeout": settings["application"]["stop_timeout_seconds"] + 60,
        "default_result": "CONTINUE",
    }


def _metrics(settings: AutoScalingGroupArgs) -> list[pulumi.Input[aws.autoscaling.Metric]]:
    """Return all metrics of the group; those of a warm pool only where there is one."""
    return [
        aws.autoscaling.Metric(metric)
        for metric in GROUP_METRICS
        if settings.get("warm_pool") or "WarmPool" not in metric
    ]


def _mixed_instances(
    settings: AutoScalingGroupArgs, template_id: pulumi.Output[str], version: pulumi.Output[str]
) -> aws.autoscaling.GroupMixedInstancesPolicyArgsDict:
    return {
        "instances_distribution": {
            "on_demand_allocation_strategy": "prioritized",
            "on_demand_percentage_above_base_capacity": 100,
        },
        "launch_template": {
            "launch_template_specification": {
                "launch_template_id": template_id,
                "version": version,
            },
            "overrides": [{"instance_type": each} for each in settings["instance_types"]],
        },
    }


def _instance_refresh(
    settings: AutoScalingGroupArgs,
) -> aws.autoscaling.GroupInstanceRefreshArgsDict:
    """Replace instances whenever the template's version changes.

    No automatic roll-back: the provider gives the group the new version before the refresh starts,
    so AWS would return to the very same one
    (https://github.com/hashicorp/terraform-provider-aws/issues/34189).
    """
    preferences: aws.autoscaling.GroupInstanceRefreshPreferencesArgsDict = {
        "min_healthy_percentage": settings["instance_refresh_min_healthy_percent"],
        "max_healthy_percentage": settings["instance_refresh_max_healthy_percent"],
        "skip_matching": True,
        "auto_rollback": False,
        # Instances that somebody protects or set aside are not passed over in silence.
        "scale_in_protected_instances": "Wait",
        "standby_instances": "Wait",
    }
    alarm_names = settings.get("alarm_names")
    if alarm_names:
        preferences["alarm_specification"] = {"alarms": alarm_names}
    return {"strategy": "Rolling", "preferences": preferences}


def _warm_pool(settings: AutoScalingGroupArgs) -> aws.autoscaling.GroupWarmPoolArgsDict | None:
    pool = settings.get("warm_pool")
    if pool is None:
        return None
    result: aws.autoscaling.GroupWarmPoolArgsDict = {
        "pool_state": WarmPoolState(pool["state"]).value,
        "min_size": pool["min_size"],
        "instance_reuse_policy": {"reuse_on_scale_in": pool["reuse_on_scale_in"]},
    }
    most = pool.get("max_group_prepared_capacity")
    if most is not None:
        result["max_group_prepared_capacity"] = most
    return result


def _user_data(
    settings: AutoScalingGroupArgs,
    hooks: Hooks,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
) -> str:
    for key, arn in secrets.items():
        if not _application.is_secret_arn(arn):
            raise ArgsError(
                f"AutoScalingGroup.application.secrets.{key}: must {_application.ARN_RULE}, "
                "got [secret]"
            )
    text = _application.user_data(settings["application"], environment, secrets, hooks)
    return _application.encoded(text)


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _lifecycle_policy(hooks: Hooks, *, partition: str, region: str, account: str) -> str:
    """Let instances report on this group's hooks; the group's id in its ARN is AWS's choice."""
    group = f"autoScalingGroup:*:autoScalingGroupName/{hooks.group_name}"
    return _policy(
        {
            "Effect": "Allow",
            "Action": [
                "autoscaling:CompleteLifecycleAction",
                "autoscaling:RecordLifecycleActionHeartbeat",
            ],
            "Resource": f"arn:{partition}:autoscaling:{region}:{account}:{group}",
        }
    )
