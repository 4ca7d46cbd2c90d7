"""The instances: launch template, role, security group and the Auto Scaling group itself."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws

from components import _application
from components._application import Application, ApplicationArgs, Hooks
from components._checks import REQUIRED, Reader
from components._errors import Hidden, Problems
from components._naming import physical_name
from components._override import OVERRIDE_TAG, MinimumOverride, current_override
from components.aws_limits import GROUP, GROUP_METRICS, TEMPLATE

_AMI = re.compile(r"ami-[0-9a-f]{8,17}")
_PARAMETER = re.compile(r"/[A-Za-z0-9_./-]+")
_INSTANCE_TYPE = re.compile(r"(?P<family>[a-z][a-z0-9-]*)\.[a-z0-9-]+")
_ATTRIBUTES = re.compile(r"[a-z]+\d+(?P<attributes>[a-z]*)")


BOOT_SECONDS: Final = 120
"""Boot time that is taken where none is stated (seconds)."""


class WarmPoolState(StrEnum):
    """What instances do while they wait in the warm pool."""

    STOPPED = "Stopped"
    """Stopped: only their volumes cost."""
    RUNNING = "Running"
    """Running: ready at once, at full cost."""
    HIBERNATED = "Hibernated"
    """Stopped with their memory on the volume, which must be large enough to hold it."""


class WarmPoolArgs(TypedDict):
    """Instances that are prepared in advance and wait outside the group."""

    state: NotRequired[WarmPoolState]
    """What instances do while they wait. Default: Stopped."""
    min_size: NotRequired[int]
    """Fewest instances to keep waiting (instances, from 0). Default: 0."""
    max_group_prepared_capacity: NotRequired[int]
    """Most instances in the group and the pool together (instances, from 1). Default: max_size."""
    reuse_on_scale_in: NotRequired[bool]
    """Return instances to the pool on scale-in, rather than terminate them. Default: false."""


class AutoScalingGroupArgs(TypedDict):
    """Arguments of AutoScalingGroup."""

    vpc_id: pulumi.Input[str]
    """Id of the VPC."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Ids of private subnets, in at least two Availability Zones."""
    target_group_arn: pulumi.Input[str]
    """ARN of the load balancer's target group."""
    load_balancer_security_group_id: pulumi.Input[str]
    """Id of the load balancer's security group, from which alone requests are taken."""
    max_size: int
    """Most instances that the group may run (instances, from 1)."""
    min_size: NotRequired[int]
    """Fewest instances that the group keeps (instances, from 1, at most max_size). Default: 2."""
    instance_types: NotRequired[list[str]]
    """EC2 instance types of one processor architecture, the preferred one first; later ones are
    taken where EC2 has no capacity. Default: m7g.large."""
    image: NotRequired[str]
    """Machine image: an id (`ami-...`), or the path of a Systems Manager parameter that holds one
    and is resolved at every preview. Default: the newest Amazon Linux 2023 for the architecture of
    the instance types, so a new release of it starts an instance refresh at the next deployment."""
    root_device_name: NotRequired[str]
    """Name of the image's root device. Default: /dev/xvda, as in Amazon Linux."""
    application: NotRequired[ApplicationArgs]
    """What runs on the instances. Default: a health page."""
    boot_time_seconds: NotRequired[int]
    """Time from launch until an instance serves (seconds, 1 to 3600). Default: 120."""
    default_instance_warmup_seconds: NotRequired[int]
    """Time after launch during which an instance's metrics do not count (seconds, boot time to
    3600). Default: the boot time."""
    health_check_grace_period_seconds: NotRequired[int]
    """Time after launch during which failed health checks do not count (seconds, boot time to
    7200). Default: the boot time and 60 s, for registration and two checks at AWS's usual 30 s."""
    volume_size_gib: NotRequired[int]
    """Size of the root volume (GiB, 8 to 65536). Default: 20."""
    warm_pool: NotRequired[WarmPoolArgs]
    """Instances prepared in advance. Default: none."""
    instance_refresh_min_healthy_percent: NotRequired[int]
    """Share of the group that stays in service while instances are replaced (percent, 0 to 100).
    Default: 100."""
    instance_refresh_max_healthy_percent: NotRequired[int]
    """Size that the group may grow to while instances are replaced (percent, 100 to 200, at most
    100 above the minimum). Default: 110."""
    alarm_names: NotRequired[list[str]]
    """Names of alarms that stop the replacement of instances (at most 10). Default: none."""
    extra_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group that the instances carry besides their own, such as that of a database's
    clients. Default: none."""
    readable_secret_arn: NotRequired[pulumi.Input[str]]
    """Secret of Secrets Manager that the instances' role may read besides those of `application`,
    such as a database's password. Default: none."""
    extra_policy_arns: NotRequired[list[str]]
    """ARNs of policies that the instances' role gets besides. Default: none."""
    keep_raised_minimum: NotRequired[bool]
    """Keep a minimum that the runbook `surge-response` raised, until its end (needs Runbooks, with
    the same component name). Default: false."""
    wait_for_capacity_minutes: NotRequired[int]
    """Time that the first deployment waits for min_size targets to be healthy (minutes, 1 to 60, or
    0 not to wait). Default: 10."""
    tags: NotRequired[Mapping[str, str]]
    """Tags for all that is created, instances and volumes too. Default: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _WarmPool:
    state: WarmPoolState
    min_size: int
    max_group_prepared_capacity: int | None
    reuse_on_scale_in: bool

    @classmethod
    def from_args(cls, args: Mapping[str, Any], problems: Problems) -> "_WarmPool":
        reader = Reader(problems, args, WarmPoolArgs.__annotations__, "warm_pool")
        limited = reader.given("max_group_prepared_capacity")
        most = reader.whole("max_group_prepared_capacity", 1, 1) if limited else None
        return cls(
            state=reader.choice("state", WarmPoolState.STOPPED),
            min_size=reader.whole("min_size", 0, 0),
            max_group_prepared_capacity=most,
            reuse_on_scale_in=reader.switch("reuse_on_scale_in", default=False),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    max_size: int
    min_size: int
    instance_types: tuple[str, ...]
    image: str
    root_device_name: str
    application: Application
    boot_time_seconds: int
    default_instance_warmup_seconds: int
    health_check_grace_period_seconds: int
    volume_size_gib: int
    warm_pool: _WarmPool | None
    instance_refresh_min_healthy_percent: int
    instance_refresh_max_healthy_percent: int
    alarm_names: tuple[str, ...]
    extra_policy_arns: tuple[str, ...]
    keep_raised_minimum: bool
    wait_for_capacity_minutes: int
    tags: Mapping[str, str]

    @classmethod
    def from_args(cls, args: AutoScalingGroupArgs) -> "_Settings":
        problems = Problems("AutoScalingGroup")
        reader = Reader(problems, args, AutoScalingGroupArgs.__annotations__)
        reader.required(
            "vpc_id", "subnet_ids", "target_group_arn", "load_balancer_security_group_id"
        )
        subnets = args.get("subnet_ids")
        if isinstance(subnets, list | tuple) and len(subnets) < 2:
            reader.note("subnet_ids", "be at least two subnets, in different zones", subnets)
        max_size, min_size = _sizes(reader)
        types, architecture = _instance_types(reader)
        boot_time = reader.whole("boot_time_seconds", BOOT_SECONDS, 1, 3600)
        pool = args.get("warm_pool")
        settings = cls(
            max_size=max_size,
            min_size=min_size,
            instance_types=types,
            image=_image(reader, architecture),
            root_device_name=reader.text("root_device_name", "/dev/xvda"),
            application=Application.from_args(
                {} if (given := args.get("application")) is None else given,
                problems,
                "application",
            ),
            boot_time_seconds=boot_time,
            # Both count from the moment that the instance is in service, which is before it has
            # booted (autoscaling CreateAutoScalingGroup).
            default_instance_warmup_seconds=_from_boot(
                reader, "default_instance_warmup_seconds", boot_time, 0, 3600
            ),
            health_check_grace_period_seconds=_from_boot(
                reader, "health_check_grace_period_seconds", boot_time, 60, 7200
            ),
            volume_size_gib=reader.whole("volume_size_gib", 20, 8, 65_536),
            warm_pool=None if pool is None else _WarmPool.from_args(pool, problems),
            instance_refresh_min_healthy_percent=reader.whole(
                "instance_refresh_min_healthy_percent", 100, 0, 100
            ),
            instance_refresh_max_healthy_percent=reader.whole(
                "instance_refresh_max_healthy_percent", 110, 100, 200
            ),
            alarm_names=reader.texts("alarm_names", (), low=0),
            extra_policy_arns=reader.texts("extra_policy_arns", (), low=0),
            keep_raised_minimum=reader.switch("keep_raised_minimum", default=False),
            wait_for_capacity_minutes=reader.whole("wait_for_capacity_minutes", 10, 0, 60),
            tags=reader.tags(),
        )
        _check_relations(reader, settings)
        problems.raise_if_any()
        return settings


def _sizes(reader: Reader) -> tuple[int, int]:
    max_size = reader.whole("max_size", REQUIRED, 1)
    min_size = reader.whole("min_size", min(2, max_size), 1)
    if reader.sound("max_size", "min_size") and min_size > max_size:
        reader.note("min_size", f"be at most max_size ({max_size})", min_size)
    return max_size, min_size


def _instance_types(reader: Reader) -> tuple[tuple[str, ...], str]:
    types = reader.texts("instance_types", ["m7g.large"])
    named = {name: _architecture(name) for name in types}
    for index, name in enumerate(types):
        if named[name] is None:
            reader.note(
                f"instance_types[{index}]", "be a type that runs Linux, such as m7g.large", name
            )
    known = {each for each in named.values() if each}
    if len(known) > 1:
        reader.note("instance_types", "all be of one processor architecture", named)
    return types, next(iter(known), "x86_64")


def _architecture(instance_type: str) -> str | None:
    """Tell the architecture by AWS's naming: g first among the letters after the generation.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html: the letter there
    names the processor family, and g is AWS Graviton; the first Graviton types, a1, had none.
    """
    match = _INSTANCE_TYPE.fullmatch(instance_type)
    if not match:
        return None
    family = match["family"].partition("-")[0]
    if family.startswith("mac"):  # no Linux runs on them
        return None
    attributes = _ATTRIBUTES.fullmatch(family)
    graviton = attributes is not None and attributes["attributes"].startswith("g")
    return "arm64" if graviton or family == "a1" else "x86_64"


def _image(reader: Reader, architecture: str) -> str:
    # https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
    newest = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
    image = reader.text("image", newest)
    if image and not _AMI.fullmatch(image) and not _PARAMETER.fullmatch(image):
        reader.note("image", "be an image id (ami-...) or a parameter's path (/...)", image)
    return image


def _from_boot(reader: Reader, key: str, boot_time: int, more: int, most: int) -> int:
    value = reader.whole(key, boot_time + more, 0, most)
    if reader.sound("boot_time_seconds", key) and value < boot_time:
        reader.note(key, f"be at least boot_time_seconds ({boot_time})", value)
    return value


def _check_relations(reader: Reader, settings: _Settings) -> None:
    """Hold the rules that join two arguments."""
    low = settings.instance_refresh_min_healthy_percent
    high = settings.instance_refresh_max_healthy_percent
    # autoscaling RefreshPreferences and InstanceMaintenancePolicy
    if high - low > 100:
        rule = f"be at most 100 above instance_refresh_min_healthy_percent ({low})"
        reader.note("instance_refresh_max_healthy_percent", rule, high)
    if len(settings.alarm_names) > 10:  # autoscaling AlarmSpecification
        reader.note("alarm_names", "be at most 10 names", len(settings.alarm_names))
    pool = settings.warm_pool
    prepared = pool.max_group_prepared_capacity if pool else None
    if prepared is not None and prepared < settings.min_size:
        rule = f"be at least min_size ({settings.min_size})"
        reader.note("warm_pool.max_group_prepared_capacity", rule, prepared)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What all parts of one component are made from."""

    name: str
    args: AutoScalingGroupArgs
    settings: _Settings
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
        settings = _Settings.from_args(args)
        hooks = Hooks(
            group_name=physical_name(name, of=(GROUP, "name")),
            launching="ready" if settings.warm_pool else None,
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
        tags = {"Name": group_name, **settings.tags}
        group = aws.ec2.SecurityGroup(
            f"{name}-instances",
            name=group_name,
            description="Instances: take requests from the load balancer only",
            vpc_id=args["vpc_id"],
            tags=tags,
            opts=child,
        )
        port = settings.application.port
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
            tags=dict(settings.tags),
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
                for arn in settings.extra_policy_arns
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
        if settings.application.has_secrets:
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
        if settings.application.metrics_namespace is not None:
            grant("metrics", _policy(*_application.metrics_statements(settings.application)))
        if _application.image_statements(settings.application, ""):
            grant(
                "image",
                partition.apply(
                    lambda found: _policy(
                        *_application.image_statements(settings.application, found)
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
            tags=dict(settings.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        texts = pulumi.Output.all(given.environment, given.secrets)
        template_name = physical_name(name, limit=128, of=(TEMPLATE, "name"))
        tags = {"Name": template_name, **settings.tags}
        hibernates = settings.warm_pool and settings.warm_pool.state is WarmPoolState.HIBERNATED
        return aws.ec2.LaunchTemplate(
            name,
            name=template_name,
            description="Instances of the group of the same name",
            update_default_version=True,
            image_id=self._image_id(settings.image),
            instance_type=settings.instance_types[0],
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
                    "device_name": settings.root_device_name,
                    "ebs": {
                        "volume_type": "gp3",
                        "volume_size": settings.volume_size_gib,
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
        if _AMI.fullmatch(image):
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
        low = settings.instance_refresh_min_healthy_percent
        high = settings.instance_refresh_max_healthy_percent
        mixed = len(settings.instance_types) > 1
        waits = settings.wait_for_capacity_minutes > 0
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
            for key, value in {"Name": hooks.group_name, **settings.tags}.items()
        ]
        override = self._override(given)
        if override:
            tags.append({"key": OVERRIDE_TAG, "value": override.tag, "propagate_at_launch": True})
        group = aws.autoscaling.Group(
            name,
            name=hooks.group_name,
            min_size=override.minimum if override else settings.min_size,
            max_size=settings.max_size,
            vpc_zone_identifiers=args["subnet_ids"],
            target_group_arns=[args["target_group_arn"]],
            launch_template=None if mixed else pinned,
            mixed_instances_policy=(
                _mixed_instances(settings, template.id, version) if mixed else None
            ),
            health_check_type="ELB",
            health_check_grace_period=settings.health_check_grace_period_seconds,
            default_instance_warmup=settings.default_instance_warmup_seconds,
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
            wait_for_capacity_timeout=(f"{settings.wait_for_capacity_minutes}m" if waits else "0"),
            min_elb_capacity=settings.min_size if waits else None,
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
        override = current_override(given.name, self) if settings.keep_raised_minimum else None
        if override is None or override.minimum <= settings.min_size:
            return None
        until = f"{override.end:%Y-%m-%d %H:%M} UTC"
        if override.minimum > settings.max_size:
            problems = Problems("AutoScalingGroup")
            rule = f"be at least the minimum that surge-response keeps until {until}"
            problems.add("max_size", f"{rule} ({override.minimum})", settings.max_size)
            problems.raise_if_any()
        pulumi.log.warn(
            f"keeping the minimum of {override.minimum} instances that surge-response raised, "
            f"until {until}; configured are {settings.min_size}. surge-response-end ends it.",
            resource=self,
        )
        return override


_OUTPUTS = tuple(AutoScalingGroup.__annotations__)


class _HookOptions(TypedDict):
    lifecycle_transition: str
    heartbeat_timeout: int
    default_result: str


def _launching(settings: _Settings) -> _HookOptions:
    """Return the launching hook: an instance that is not ready in time is replaced."""
    return {
        "lifecycle_transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "heartbeat_timeout": min(7200, max(300, 2 * settings.boot_time_seconds)),
        "default_result": "ABANDON",
    }


def _terminating(settings: _Settings) -> _HookOptions:
    """Return the terminating hook: an instance that does not answer is let go soon."""
    return {
        "lifecycle_transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "heartbeat_timeout": settings.application.stop_timeout_seconds + 60,
        "default_result": "CONTINUE",
    }


def _metrics(settings: _Settings) -> list[pulumi.Input[aws.autoscaling.Metric]]:
    """Return all metrics of the group; those of a warm pool only where there is one."""
    return [
        aws.autoscaling.Metric(metric)
        for metric in GROUP_METRICS
        if settings.warm_pool or "WarmPool" not in metric
    ]


def _mixed_instances(
    settings: _Settings, template_id: pulumi.Output[str], version: pulumi.Output[str]
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
            "overrides": [{"instance_type": each} for each in settings.instance_types],
        },
    }


def _instance_refresh(settings: _Settings) -> aws.autoscaling.GroupInstanceRefreshArgsDict:
    """Replace instances whenever the template's version changes.

    No automatic roll-back: the provider gives the group the new version before the refresh starts,
    so AWS would return to the very same one
    (https://github.com/hashicorp/terraform-provider-aws/issues/34189).
    """
    preferences: aws.autoscaling.GroupInstanceRefreshPreferencesArgsDict = {
        "min_healthy_percentage": settings.instance_refresh_min_healthy_percent,
        "max_healthy_percentage": settings.instance_refresh_max_healthy_percent,
        "skip_matching": True,
        "auto_rollback": False,
        # Instances that somebody protects or set aside are not passed over in silence.
        "scale_in_protected_instances": "Wait",
        "standby_instances": "Wait",
    }
    if settings.alarm_names:
        preferences["alarm_specification"] = {"alarms": list(settings.alarm_names)}
    return {"strategy": "Rolling", "preferences": preferences}


def _warm_pool(settings: _Settings) -> aws.autoscaling.GroupWarmPoolArgsDict | None:
    pool = settings.warm_pool
    if pool is None:
        return None
    result: aws.autoscaling.GroupWarmPoolArgsDict = {
        "pool_state": pool.state.value,
        "min_size": pool.min_size,
        "instance_reuse_policy": {"reuse_on_scale_in": pool.reuse_on_scale_in},
    }
    if pool.max_group_prepared_capacity is not None:
        result["max_group_prepared_capacity"] = pool.max_group_prepared_capacity
    return result


def _user_data(
    settings: _Settings,
    hooks: Hooks,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
) -> str:
    problems = Problems("AutoScalingGroup")
    for key, arn in secrets.items():
        if not _application.is_secret_arn(arn):
            path = f"application.secrets.{key}"
            problems.add(path, _application.ARN_RULE, Hidden("another text"))
    problems.raise_if_any()
    text = _application.user_data(settings.application, environment, secrets, hooks)
    encoded = _application.encoded(text, problems)
    problems.raise_if_any()
    return encoded


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
