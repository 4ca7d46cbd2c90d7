"""Settings of the instances and their group, and the rules between them."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final, NotRequired, TypedDict

import pulumi

from surgeproof.components.rules import (
    ACCOUNT_ARN,
    ALARM_NAMES,
    INSTANCE_TYPES,
    TAGS,
    ZONES,
    architecture,
)
from surgeproof.components.service import application as _application
from surgeproof.components.service.application import ApplicationArgs, Hooks
from surgeproof.figures.settings import BOOT_SECONDS
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import choice, group, items, switch, text, whole


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

    state: NotRequired[
        Annotated[WarmPoolState, choice(WarmPoolState, default=WarmPoolState.STOPPED)]
    ]
    """What instances do while they wait."""
    min_size: NotRequired[Annotated[int, whole("instances", 0, default=0)]]
    """Fewest instances to keep waiting."""
    max_group_prepared_capacity: NotRequired[
        Annotated[int, whole("instances", 1, default=None, behaviour="`fleet.maxSize`")]
    ]
    """Most instances in the group and the pool together."""
    reuse_on_scale_in: NotRequired[Annotated[bool, switch(default=False)]]
    """Return instances to the pool on scale-in, rather than terminate them."""


class AutoScalingGroupArgs(TypedDict):
    """The instances that serve."""

    vpc_id: pulumi.Input[str]
    """Id of the VPC."""
    subnet_ids: Annotated[pulumi.Input[Sequence[pulumi.Input[str]]], ZONES]
    """Ids of private subnets, in at least two Availability Zones."""
    target_group_arn: pulumi.Input[str]
    """ARN of the load balancer's target group."""
    load_balancer_security_group_id: pulumi.Input[str]
    """Id of the load balancer's security group, from which alone requests are taken."""
    max_size: Annotated[int, whole("instances", 1)]
    """Most instances that the group may run."""
    min_size: NotRequired[
        Annotated[
            int, whole("instances", 1, default=2, behaviour="`2`, or max_size if that is smaller")
        ]
    ]
    """Fewest instances that the group keeps."""
    instance_types: NotRequired[Annotated[list[str], INSTANCE_TYPES]]
    """EC2 instance types of one processor architecture, the preferred one first."""
    image: NotRequired[
        Annotated[
            str,
            text(
                "id or path",
                "be an image id (ami-...) or a parameter's path (/...)",
                pattern="ami-[0-9a-f]{8,17}|/[A-Za-z0-9_./-]+",
                default=None,
                behaviour="the newest Amazon Linux 2023",
            ),
        ]
    ]
    """Machine image: an id, or the path of a Systems Manager parameter that holds one and is
    resolved at every preview."""
    root_device_name: NotRequired[Annotated[str, text("device name", default="/dev/xvda")]]
    """Name of the image's root device."""
    application: NotRequired[
        Annotated[ApplicationArgs, group(default={}, behaviour="a health page")]
    ]
    """What runs on the instances."""
    boot_time_seconds: NotRequired[
        Annotated[
            int,
            whole("seconds", 1, 3600, default=BOOT_SECONDS, key="service.bootSeconds", end="high"),
        ]
    ]
    """Time from launch until an instance serves, at the high end of what was measured."""
    default_instance_warmup_seconds: NotRequired[
        Annotated[int, whole("seconds", 0, 3600, default=None, behaviour="the boot time")]
    ]
    """Time after launch during which an instance's metrics do not count."""
    health_check_grace_period_seconds: NotRequired[
        Annotated[int, whole("seconds", 0, 7200, default=None, behaviour="the boot time and 60 s")]
    ]
    """Time after launch during which failed health checks do not count."""
    volume_size_gib: NotRequired[Annotated[int, whole("GiB", 8, 65536, default=20)]]
    """Size of the root volume."""
    warm_pool: NotRequired[Annotated[WarmPoolArgs, group()]]
    """Instances prepared in advance."""
    instance_refresh_min_healthy_percent: NotRequired[
        Annotated[int, whole("percent", 0, 100, default=100)]
    ]
    """Share of the group that stays in service while instances are replaced."""
    instance_refresh_max_healthy_percent: NotRequired[
        Annotated[int, whole("percent", 100, 200, default=110)]
    ]
    """Size that the group may grow to while instances are replaced; at most 100 above the
    minimum."""
    alarm_names: NotRequired[Annotated[list[str], ALARM_NAMES]]
    """Names of alarms that stop the replacement of instances."""
    extra_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group that the instances carry besides their own, such as that of a database's
    clients. Default: none."""
    readable_secret_arn: NotRequired[pulumi.Input[str]]
    """Secret of Secrets Manager that the instances' role may read besides those of `application`,
    such as a database's password. Default: none."""
    extra_policy_arns: NotRequired[
        Annotated[
            list[str],
            items(
                "list of ARNs",
                "be a list of policies",
                item=text(
                    must="be the ARN of an IAM policy",
                    pattern=ACCOUNT_ARN.format(service="iam", rest="policy/[\\w+=,.@/-]+"),
                ),
                once=True,
                default=(),
                behaviour="none",
            ),
        ]
    ]
    """IAM policies that the instances' role gets besides."""
    keep_raised_minimum: NotRequired[Annotated[bool, switch(default=False, key="-")]]
    """Keep a minimum that the runbook `surge-response` raised, until its end (needs Runbooks, with
    the same component name)."""
    wait_for_capacity_minutes: NotRequired[Annotated[int, whole("minutes", 0, 60, default=10)]]
    """Time that the first deployment waits for healthy instances; 0 does not wait."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags for all that is created, instances and volumes too."""


def _sizes(values: Values) -> Iterator[Problem]:
    low, high = values["min_size"], values["max_size"]
    # The default of min_size gives way to a smaller max_size.
    if "min_size" in values.given and high is not None and low > high:
        yield Problem(("min_size",), f"be at most {{max_size={high}}}", low)


def _one_architecture(values: Values) -> Iterator[Problem]:
    types = values["instance_types"]
    if len({architecture(each) for each in types}) > 1:
        yield Problem(("instance_types",), "all be of one processor architecture", ", ".join(types))


def _at_least_boot(values: Values) -> Iterator[Problem]:
    """Hold that both times cover the boot.

    They count from the moment that the instance is in service, which is before it has booted
    (autoscaling CreateAutoScalingGroup).
    """
    boot = values["boot_time_seconds"]
    for name in ("default_instance_warmup_seconds", "health_check_grace_period_seconds"):
        seconds = values.get(name)
        if seconds is not None and seconds < boot:
            yield Problem((name,), f"be at least {{boot_time_seconds={boot}}}", seconds)


def _refresh(values: Values) -> Iterator[Problem]:
    # autoscaling RefreshPreferences and InstanceMaintenancePolicy
    low, high = (values[f"instance_refresh_{end}_healthy_percent"] for end in ("min", "max"))
    if high - low > 100:
        must = f"be at most 100 above {{instance_refresh_min_healthy_percent={low}}}"
        yield Problem(("instance_refresh_max_healthy_percent",), must, high)


def _prepared(values: Values) -> Iterator[Problem]:
    most = values.inside("warm_pool").get("max_group_prepared_capacity")
    low, high = values["min_size"], values["max_size"]
    low = low if high is None else min(low, high)
    if most is not None and most < low:
        path = ("warm_pool", "max_group_prepared_capacity")
        yield Problem(path, f"be at least {{min_size={low}}}", most)


def _one_way_to_run(values: Values) -> Iterator[Problem]:
    application = values.inside("application")
    image = application.get("container_image")
    if image is not None and "user_data" in application.given:
        must = "be left out when {application.user_data} is given"
        yield Problem(("application", "container_image"), must, image)


def _named_once(values: Values) -> Iterator[Problem]:
    application = values.inside("application")
    environment = application.get("environment") or {}
    for name in application.get("secrets") or {}:
        if name in environment:
            must = "not be in {application.environment} too"
            yield Problem(("application", "secrets", name), must, name)


def _user_data_fits(values: Values) -> Iterator[Problem]:
    """Hold the length of the user data, as far as it is known before anything is created."""
    application = values["application"]
    if not application or "port" not in application:
        return
    known = [
        {name: each for name, each in (application.get(key) or {}).items() if isinstance(each, str)}
        for key in ("environment", "secrets")
    ]
    hooks = Hooks(group_name="", launching=None, terminating="drained")
    said = _application.user_data(application, known[0], known[1], hooks)
    if must := _application.length_breach(said):
        yield Problem(("application",), must, len(said.encode()))


AUTO_SCALING_GROUP: Final = Definition(
    "AutoScalingGroup",
    AutoScalingGroupArgs,
    relations=(
        _sizes,
        _one_architecture,
        _at_least_boot,
        _refresh,
        _prepared,
        _one_way_to_run,
        _named_once,
        _user_data_fits,
    ),
)


def settings_of(args: AutoScalingGroupArgs) -> AutoScalingGroupArgs:
    """Check `args` and fill in the defaults, those that follow from others, too."""
    settings = AUTO_SCALING_GROUP.check(args)
    settings["min_size"] = min(settings["min_size"], settings["max_size"])
    kind = architecture(settings["instance_types"][0])
    # https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
    newest = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{kind}"
    settings.setdefault("image", newest)
    boot = settings["boot_time_seconds"]
    settings.setdefault("default_instance_warmup_seconds", boot)
    # For registration and two checks at AWS's usual 30 s.
    settings.setdefault("health_check_grace_period_seconds", boot + 60)
    return settings
