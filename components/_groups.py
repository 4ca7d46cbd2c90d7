"""Groups of the configuration whose settings no component defines yet."""

import re
from collections.abc import Mapping
from typing import Annotated, NotRequired, TypedDict

from components import aws_limits
from components._application import ARN_RULE, is_secret_arn
from components._rules import ACCOUNT_ARN, TAGS, aws
from components.auto_scaling_group import WarmPoolState
from components.auto_scaling_group import _architecture as architecture
from surgeproof.figures.settings import SURGES_MAX, SurgeSettings
from surgeproof.settings.fields import (
    choice,
    group,
    items,
    switch,
    text,
    whole,
)

_VPC = "aws:ec2/vpc:Vpc"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_CERTIFICATE = "aws:acm/certificate:Certificate"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"


def _variable_names(value: Mapping[str, str]) -> str | None:
    for name in value:
        if not re.fullmatch(_NAME, name) or name == "PORT":
            return f"have names of letters, digits and _, and not PORT (it has {name!r})"
    return None


class ApplicationConfiguration(TypedDict):
    """What runs on the instances. Without an image or user data, a health page."""

    container_image: NotRequired[
        Annotated[
            str,
            text(
                "image with tag or digest",
                "be an image with its tag or digest",
                pattern="[A-Za-z0-9][A-Za-z0-9._:/@-]*",
                default=None,
                behaviour="the health page",
            ),
        ]
    ]
    """Container image to run."""
    user_data: NotRequired[
        Annotated[
            str,
            text(
                "script or cloud-config",
                "begin with #!, #cloud-config, #cloud-boothook or #include",
                check=lambda value: (
                    None
                    if value.startswith(("#!", "#cloud-config", "#cloud-boothook", "#include"))
                    else "begin with #!, #cloud-config, #cloud-boothook or #include"
                ),
                default=None,
                behaviour="none",
                hidden=True,
            ),
        ]
    ]
    """Own user data, run after the stack's; must not hold a secret."""
    port: NotRequired[Annotated[int, whole("port", 1, 65535, default=8080)]]
    """Port that the application listens on."""
    health_path: NotRequired[
        Annotated[
            str,
            text(
                "path",
                "be a path such as /health",
                check=aws(aws_limits.TARGET_GROUP, "healthCheck.path"),
                pattern="/[A-Za-z0-9/._~%-]*",
                default="/health",
            ),
        ]
    ]
    """Path that answers 200 while the application can serve."""
    environment: NotRequired[
        Annotated[
            dict[str, str],
            items(
                "mapping of texts",
                "be a mapping of names to texts",
                check=_variable_names,
                item=text(must="be a text (put numbers and true or false into quotes)"),
                behaviour="none",
                hidden=True,
                once=True,
                default=None,
            ),
        ]
    ]
    """Environment variables, by name. Readable to many: no secrets."""
    secrets: NotRequired[
        Annotated[
            dict[str, str],
            items(
                "mapping of ARNs",
                "be a mapping of names to ARNs",
                check=_variable_names,
                item=text(
                    must=ARN_RULE, check=lambda value: None if is_secret_arn(value) else ARN_RULE
                ),
                behaviour="none",
                hidden=True,
                once=True,
                default=None,
            ),
        ]
    ]
    """ARN of a Secrets Manager secret or Systems Manager parameter, by the name of the
    environment variable that gets its value."""
    metrics_namespace: NotRequired[
        Annotated[
            str,
            text(
                "text, 1 to 255 characters",
                "be a text of 1 to 255 characters, not beginning with a colon",
                pattern="[^:].{0,254}",
                default=None,
                behaviour="no agent",
            ),
        ]
    ]
    """Namespace in CloudWatch under which the CloudWatch agent publishes what the application
    sends as StatsD to 127.0.0.1:8125, once a minute, added up by AutoScalingGroupName."""
    stop_timeout_seconds: NotRequired[Annotated[int, whole("seconds", 1, 3600, default=30)]]
    """Time that the application gets to stop before it is killed."""


class WarmPoolConfiguration(TypedDict):
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


class FleetConfiguration(TypedDict):
    """The instances that serve."""

    max_size: Annotated[int, whole("instances", 1)]
    """Most instances that the group may run."""
    min_size: NotRequired[
        Annotated[
            int, whole("instances", 1, default=2, behaviour="`2`, or maxSize if that is smaller")
        ]
    ]
    """Fewest instances that the group keeps."""
    instance_types: NotRequired[
        Annotated[
            list[str],
            items(
                "list of types",
                "be a list of at least one instance type",
                low=1,
                item=text(
                    must="be an instance type that runs Linux, such as m7g.large",
                    check=lambda value: (
                        None
                        if architecture(value)
                        else "be an instance type that runs Linux, such as m7g.large"
                    ),
                ),
                default=["m7g.large"],
                behaviour="`[m7g.large]`",
                once=True,
            ),
        ]
    ]
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
    application: NotRequired[Annotated[ApplicationConfiguration, group(behaviour="a health page")]]
    """What runs on the instances."""
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
    warm_pool: NotRequired[Annotated[WarmPoolConfiguration, group(behaviour="none")]]
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
                default=[],
                behaviour="none",
                once=True,
            ),
        ]
    ]
    """IAM policies that the instances' role gets besides."""
    wait_for_capacity_minutes: NotRequired[Annotated[int, whole("minutes", 0, 60, default=10)]]
    """Time that the first deployment waits for healthy instances; 0 does not wait."""


class DatabaseSwitch(TypedDict):
    """Whether there is a database."""

    enabled: NotRequired[Annotated[bool, switch(default=False)]]
    """Create it. Instances then find it by DATABASE_HOST, DATABASE_PORT, DATABASE_NAME and
    DATABASE_SECRET_ARN in their environment, and may read that secret: for each new connection,
    since RDS changes the password every 7 days."""


class WebAclSwitches(TypedDict):
    """Whether there is a web ACL, and what the load balancer does without an answer of it."""

    enabled: NotRequired[Annotated[bool, switch(default=False)]]
    """Create it."""
    fail_open: NotRequired[Annotated[bool, switch(default=True)]]
    """Serve requests when the ACL cannot be asked, rather than refuse them all. On, since an
    outage of the ACL would be one of the service."""


class TopConfiguration(TypedDict):
    """What stands beside the groups."""

    surges: NotRequired[
        Annotated[
            dict[str, SurgeSettings],
            items(
                f"mapping of at most {SURGES_MAX}",
                f"be a mapping of at most {SURGES_MAX} surges",
                high=SURGES_MAX,
                default=None,
                key="surges",
            ),
        ]
    ]
    """Surges that the stack must survive, by name; the replay runs them."""
    tags: NotRequired[Annotated[dict[str, str], TAGS]]
    """Tags of all that is created."""
