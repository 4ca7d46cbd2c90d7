"""The configuration: one table that is its schema, its checks and its reference.

`python -m components.configuration` writes docs/reference and the `config` block of Pulumi.yaml.
"""

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, cast

import pulumi
from pulumi import Input, Output
from pulumi.runtime import config as runtime_config
from pydantic import PrivateAttr

from components import aws_limits, database
from components._alarm_reference import alarms_reference
from components._application import ARN_RULE, is_secret_arn
from components._schema import (
    FIGURE,
    REQUIRED,
    Figure,
    MeasuredFigure,
    Problem,
    Schema,
    aws,
    choice,
    figure,
    group,
    inner,
    key_of,
    keys_of,
    limited,
    many,
    number,
    one_of,
    plain,
    problems_of,
    switch,
    text,
    whole,
    without_nulls,
)
from components.alarms import METRIC_PERIODS, RUNBOOKS, AlarmsArgs
from components.auto_scaling_group import (
    BOOT_SECONDS,
    AutoScalingGroup,
    AutoScalingGroupArgs,
    WarmPoolState,
)
from components.auto_scaling_group import _architecture as architecture
from components.dashboard import DashboardArgs
from components.database import (
    REPLICAS_MAX,
    VERSION_RULE,
    Database,
    DatabaseArgs,
    database_class,
)
from components.load_balancer import LoadBalancer, LoadBalancerArgs, LoadBalancingAlgorithm
from components.network import NatGateways, NetworkArgs
from components.notifications import (
    ENDPOINT_RULES,
    SLACK_CHANNEL,
    SLACK_WORKSPACE,
    SUBSCRIPTIONS_MAX,
    AlertSeverity,
    Notifications,
    NotificationsArgs,
    SubscriptionProtocol,
)
from components.objectives import (
    BURN_RATES_MAX,
    OBJECTIVE_PERCENT,
    WINDOW_MINUTES_MAX,
    ObjectivesArgs,
    burn_names,
    burn_rate_breach,
)
from components.pages import EscalationArgs, PagesArgs
from components.runbooks import RunbooksArgs
from components.scaling_policies import (
    SCHEDULES_MAX,
    STEPS_MAX,
    PredictiveScalingMode,
    ScalingPoliciesArgs,
    is_moment,
)
from components.spending import DOLLARS_MAX, HOURS_MAX, SpendingArgs
from components.timeline import TimelineArgs
from components.web_acl import RATE_LIMIT, RATE_WINDOW, RuleAction, WebAclArgs
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_value
from surgeproof.settings.stack_files import unread_namespaces


class ConfigurationError(ValueError):
    """Raised for a configuration that cannot work; has a line for each problem."""


_NOT_OF_ALARMS: Final = (
    "subscriptions",
    "escalation",
    "escalation_minutes",
    "slack",
    "timeline_retention_days",
)
"""Keys of `alerts` that other components are given."""

SURGES_MAX: Final = 20
"""Surges of one stack: each is replayed at every preview."""

_VPC = "aws:ec2/vpc:Vpc"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_CERTIFICATE = "aws:acm/certificate:Certificate"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ACCOUNT_ARN = r"arn:aws[a-z-]*:{service}:[a-z0-9-]*:(\d{{12}}|aws):{rest}"


def _cidr_block(value: str) -> str | None:
    rule = aws_limits.breach(_VPC, "cidrBlock", value)
    too_small = rule is None and int(value.partition("/")[2]) > 25
    return "be /25 or larger, to hold six subnets" if too_small else rule


def _host_name(value: str) -> str | None:
    if value.startswith("*"):
        return "be one host name, without a wildcard"
    return aws_limits.breach(_CERTIFICATE, "domainName", value)


def _variable_names(value: Mapping[str, str]) -> str | None:
    for name in value:
        if not re.fullmatch(_NAME, name) or name == "PORT":
            return f"have names of letters, digits and _, and not PORT (it has {name!r})"
    return None


def _tags(value: Mapping[str, str]) -> str | None:
    for name, content in value.items():
        if not 1 <= len(name) <= 128 or name.lower().startswith("aws:"):
            return f"have names of 1 to 128 characters, not beginning with aws: (it has {name!r})"
        if len(content) > 256:
            return f"have values of at most 256 characters (that of {name!r} has {len(content)})"
    return None


class NetworkConfiguration(Schema):
    """Where the stack lives: a network of its own, or an existing one by its three ids."""

    title: ClassVar = "network"

    cidr_block: str = text(
        "IPv4 range of the network.",
        default="10.0.0.0/16",
        rule="be an IPv4 range such as 10.0.0.0/16",
        check=_cidr_block,
        shown_range="IPv4 range, /16 to /25",
    )
    zone_count: int = whole("Availability Zones to spread over.", "zones", default=2, low=2, high=3)
    nat_gateways: NatGateways = choice(
        "How instances reach the internet: through one NAT gateway (cheapest; when its zone fails, "
        "no instance can download what it needs to start) or through one in each zone.",
        NatGateways,
        default=NatGateways.ONE,
    )
    vpc_id: str | None = text(
        "Existing network to use; nothing is created then.",
        default=None,
        rule="be the id of a VPC, such as vpc-0123456789abcdef0",
        pattern=r"vpc-[0-9a-f]{8,17}",
        behaviour="a network is created",
        shown_range="id",
    )
    public_subnet_ids: list[str] | None = many(
        "Public subnets of the existing network, in different zones.",
        rule="be a list of at least two subnets",
        item_rule="be the id of a subnet, such as subnet-0123456789abcdef0",
        pattern=r"subnet-[0-9a-f]{8,17}",
        low=2,
        behaviour="they are created",
        shown_range="list of at least 2 ids",
    )
    private_subnet_ids: list[str] | None = many(
        "Private subnets of the existing network, in different zones.",
        rule="be a list of at least two subnets",
        item_rule="be the id of a subnet, such as subnet-0123456789abcdef0",
        pattern=r"subnet-[0-9a-f]{8,17}",
        low=2,
        behaviour="they are created",
        shown_range="list of at least 2 ids",
    )


class LoadBalancerConfiguration(Schema):
    """What users reach. Needs certificateArn, or domain with hostedZoneId, or plainHttp."""

    title: ClassVar = "loadBalancer"

    certificate_arn: str | None = text(
        "ACM certificate of the HTTPS listener, in the stack's Region.",
        default=None,
        rule="be the ARN of an ACM certificate",
        pattern=_ACCOUNT_ARN.format(service="acm", rest=r"certificate/[A-Za-z0-9-]+"),
        behaviour="one is made for `domain`",
        shown_range="ARN",
    )
    domain: str | None = text(
        "Domain name of the service; its certificate and DNS records are made.",
        default=None,
        rule="be a domain name",
        check=_host_name,
        behaviour="none",
        shown_range="domain name of at most 64 characters",
    )
    hosted_zone_id: str | None = text(
        "Route 53 hosted zone that `domain` lies in.",
        default=None,
        rule="be the id of a Route 53 hosted zone, such as Z0123456789ABCDEFGHIJ",
        pattern=r"Z[A-Z0-9]{1,31}",
        behaviour="none",
        shown_range="id",
    )
    plain_http: bool = switch(
        "Serve HTTP without a certificate, so that anyone on the way can read and change it.",
        default=False,
    )
    internal: bool = switch(
        "Reachable only from within the network and those joined to it.", default=False
    )
    allowed_cidr_blocks: list[str] = many(
        "IPv4 ranges that may connect.",
        default=["0.0.0.0/0"],
        rule="be a list of at least one IPv4 range",
        item_rule=aws_limits.LIMITS[_INGRESS, "cidrIpv4"].rule,
        item_check=aws(_INGRESS, "cidrIpv4"),
        low=1,
        behaviour="`[0.0.0.0/0]`",
        shown_range="list of IPv4 ranges",
    )
    idle_timeout_seconds: int = limited(
        "Time without data after which a connection is closed; at least the longest request, and "
        "below the application's own keep-alive.",
        "seconds",
        aws_limits.LOAD_BALANCER,
        "idleTimeout",
        default=60,
    )
    deregistration_delay_seconds: int = limited(
        "Time that a leaving instance gets for requests under way; at least the longest request.",
        "seconds",
        aws_limits.TARGET_GROUP,
        "deregistrationDelay",
        default=60,
    )
    slow_start_seconds: int = limited(
        "Time over which a new instance's share of requests grows to a full one; only with "
        "round_robin.",
        "seconds",
        aws_limits.TARGET_GROUP,
        "slowStart",
        default=0,
    )
    algorithm: LoadBalancingAlgorithm = choice(
        "How an instance is picked for a request.",
        LoadBalancingAlgorithm,
        default=LoadBalancingAlgorithm.ROUND_ROBIN,
    )
    anomaly_mitigation: bool = switch(
        "Send less to instances that fail more than others; only with weighted_random.",
        default=False,
    )
    deletion_protection: bool = switch(
        "Refuse to delete the load balancer, with `pulumi destroy` too.", default=True
    )
    low_priority_paths: list[str] | None = many(
        "Paths that may be turned away in a surge: the runbook `surge-mode-on` answers them with a "
        "waiting page.",
        rule=f"be a list of 1 to {aws_limits.PATHS_PER_RULE_MAX} patterns",
        item_rule="be a pattern of 1 to 128 characters that begins with / or *, such as /search*",
        item_check=lambda value: aws_limits.breach(
            aws_limits.LISTENER_RULE, "conditions.pathPattern.values", value
        ),
        low=1,
        high=aws_limits.PATHS_PER_RULE_MAX,
        shown_range="1 to 5 patterns",
        behaviour="there is no surge mode",
    )
    log_retention_days: int = whole(
        "Time that the load balancer's logs are kept.", "days", default=90, low=1, high=3650
    )
    log_bucket_force_destroy: bool = switch(
        "Delete the logs together with the stack.", default=False
    )
    capacity_units: int | None = limited(
        "Capacity to reserve, for traffic that more than doubles in 5 minutes; billed by the hour.",
        "load balancer capacity units",
        aws_limits.LOAD_BALANCER,
        "minimumLoadBalancerCapacity.capacityUnits",
        default=None,
        behaviour="none reserved",
    )
    health_check_interval_seconds: int = whole(
        "Time between two health checks of an instance.", "seconds", default=10, low=5, high=300
    )
    health_check_timeout_seconds: int = whole(
        "Time after which an unanswered health check has failed; at most the interval.",
        "seconds",
        default=5,
        low=2,
        high=120,
    )
    healthy_threshold: int = whole(
        "Passed checks in a row that bring a failed instance back; a new one needs one only.",
        "checks",
        default=2,
        low=2,
        high=10,
    )
    unhealthy_threshold: int = whole(
        "Failed checks in a row that take an instance out.", "checks", default=3, low=2, high=10
    )
    zonal_shift: bool = switch("Let traffic be moved away from a zone in trouble.", default=True)


class ApplicationConfiguration(Schema):
    """What runs on the instances. Without an image or user data, a health page."""

    title: ClassVar = "fleet.application"

    container_image: str | None = text(
        "Container image to run.",
        default=None,
        rule="be an image with its tag or digest",
        pattern=r"[A-Za-z0-9][A-Za-z0-9._:/@-]*",
        behaviour="the health page",
        shown_range="image with tag or digest",
    )
    user_data: str | None = text(
        "Own user data, run after the stack's; must not hold a secret.",
        default=None,
        rule="begin with #!, #cloud-config, #cloud-boothook or #include",
        check=lambda value: (
            None
            if value.startswith(("#!", "#cloud-config", "#cloud-boothook", "#include"))
            else "begin with #!, #cloud-config, #cloud-boothook or #include"
        ),
        behaviour="none",
        shown_range="script or cloud-config",
        hidden=True,
    )
    port: int = whole(
        "Port that the application listens on.", "port", default=8080, low=1, high=65_535
    )
    health_path: str = text(
        "Path that answers 200 while the application can serve.",
        default="/health",
        rule="be a path such as /health",
        check=aws(aws_limits.TARGET_GROUP, "healthCheck.path"),
        pattern=r"/[A-Za-z0-9/._~%-]*",
        shown_range="path",
    )
    environment: dict[str, str] | None = many(
        "Environment variables, by name. Readable to many: no secrets.",
        rule="be a mapping of names to texts",
        item_rule="be a text (put numbers and true or false into quotes)",
        check=_variable_names,
        behaviour="none",
        shown_range="mapping of texts",
        hidden=True,
    )
    secrets: dict[str, str] | None = many(
        "ARN of a Secrets Manager secret or Systems Manager parameter, by the name of the "
        "environment variable that gets its value.",
        rule="be a mapping of names to ARNs",
        item_rule=ARN_RULE,
        item_check=lambda value: None if is_secret_arn(value) else ARN_RULE,
        check=_variable_names,
        behaviour="none",
        shown_range="mapping of ARNs",
        hidden=True,
    )
    metrics_namespace: str | None = text(
        "Namespace in CloudWatch under which the CloudWatch agent publishes what the application "
        "sends as StatsD to 127.0.0.1:8125, once a minute, added up by AutoScalingGroupName.",
        default=None,
        rule="be a text of 1 to 255 characters, not beginning with a colon",
        pattern=r"[^:].{0,254}",
        behaviour="no agent",
        shown_range="text, 1 to 255 characters",
    )
    stop_timeout_seconds: int = whole(
        "Time that the application gets to stop before it is killed.",
        "seconds",
        default=30,
        low=1,
        high=3600,
    )


class WarmPoolConfiguration(Schema):
    """Instances that are prepared in advance and wait outside the group."""

    title: ClassVar = "fleet.warmPool"

    state: WarmPoolState = choice(
        "What instances do while they wait.", WarmPoolState, default=WarmPoolState.STOPPED
    )
    min_size: int = whole("Fewest instances to keep waiting.", "instances", default=0, low=0)
    max_group_prepared_capacity: int | None = whole(
        "Most instances in the group and the pool together.",
        "instances",
        default=None,
        low=1,
        behaviour="`fleet.maxSize`",
    )
    reuse_on_scale_in: bool = switch(
        "Return instances to the pool on scale-in, rather than terminate them.", default=False
    )


class FleetConfiguration(Schema):
    """The instances that serve."""

    title: ClassVar = "fleet"

    max_size: int = whole("Most instances that the group may run.", "instances", low=1)
    min_size: int = whole(
        "Fewest instances that the group keeps.",
        "instances",
        default=2,
        low=1,
        behaviour="`2`, or maxSize if that is smaller",
    )
    instance_types: list[str] = many(
        "EC2 instance types of one processor architecture, the preferred one first.",
        default=["m7g.large"],
        rule="be a list of at least one instance type",
        item_rule="be an instance type that runs Linux, such as m7g.large",
        item_check=lambda value: (
            None
            if architecture(value)
            else "be an instance type that runs Linux, such as m7g.large"
        ),
        low=1,
        behaviour="`[m7g.large]`",
        shown_range="list of types",
    )
    image: str | None = text(
        "Machine image: an id, or the path of a Systems Manager parameter that holds one and is "
        "resolved at every preview.",
        default=None,
        rule="be an image id (ami-...) or a parameter's path (/...)",
        pattern=r"ami-[0-9a-f]{8,17}|/[A-Za-z0-9_./-]+",
        behaviour="the newest Amazon Linux 2023",
        shown_range="id or path",
    )
    root_device_name: str = text(
        "Name of the image's root device.",
        default="/dev/xvda",
        shown_range="device name",
    )
    application: ApplicationConfiguration | None = group(
        "What runs on the instances.", behaviour="a health page"
    )
    default_instance_warmup_seconds: int | None = whole(
        "Time after launch during which an instance's metrics do not count.",
        "seconds",
        default=None,
        low=0,
        high=3600,
        behaviour="the boot time",
    )
    health_check_grace_period_seconds: int | None = whole(
        "Time after launch during which failed health checks do not count.",
        "seconds",
        default=None,
        low=0,
        high=7200,
        behaviour="the boot time and 60 s",
    )
    volume_size_gib: int = whole("Size of the root volume.", "GiB", default=20, low=8, high=65_536)
    warm_pool: WarmPoolConfiguration | None = group("Instances prepared in advance.")
    instance_refresh_min_healthy_percent: int = whole(
        "Share of the group that stays in service while instances are replaced.",
        "percent",
        default=100,
        low=0,
        high=100,
    )
    instance_refresh_max_healthy_percent: int = whole(
        "Size that the group may grow to while instances are replaced; at most 100 above the "
        "minimum.",
        "percent",
        default=110,
        low=100,
        high=200,
    )
    extra_policy_arns: list[str] = many(
        "IAM policies that the instances' role gets besides.",
        default=[],
        rule="be a list of policies",
        item_rule="be the ARN of an IAM policy",
        pattern=_ACCOUNT_ARN.format(service="iam", rest=r"policy/[\w+=,.@/-]+"),
        behaviour="none",
        shown_range="list of ARNs",
    )
    wait_for_capacity_minutes: int = whole(
        "Time that the first deployment waits for healthy instances; 0 does not wait.",
        "minutes",
        default=10,
        low=0,
        high=60,
    )


class StepConfiguration(Schema):
    """What the surge alarm adds from a certain load on."""

    title: ClassVar = "scaling.steps[]"

    above_percent: float = number(
        "Load from which the step holds, as a share of the stated capacity; that of the first step "
        "is surgePercent.",
        "percent",
        low=1,
        high=10_000,
    )
    add_percent: int = whole(
        "Instances to add, as a share of the group's.", "percent", low=1, high=1000
    )


class ScheduleConfiguration(Schema):
    """A time at which the group's minimum changes."""

    title: ClassVar = "scaling.schedules.*"

    recurrence: str = text(
        "When: minute, hour, day of month, month, day of week.",
        rule=aws_limits.LIMITS[aws_limits.SCHEDULE, "recurrence"].rule,
        check=aws(aws_limits.SCHEDULE, "recurrence"),
        shown_range="five crontab fields",
    )
    min_size: int = whole(
        "Fewest instances from then on; between fleet.minSize and fleet.maxSize.",
        "instances",
        low=1,
    )
    time_zone: str = text(
        "Time zone of the recurrence.",
        default="Etc/UTC",
        rule=aws_limits.LIMITS[aws_limits.SCHEDULE, "timeZone"].rule,
        check=aws(aws_limits.SCHEDULE, "timeZone"),
        shown_range="IANA name",
    )
    start: str | None = text(
        "Not before this moment; put it into quotes.",
        default=None,
        rule="be a UTC moment of the form YYYY-MM-DDThh:mm:ssZ",
        check=lambda value: (
            None if is_moment(value) else "be a UTC moment of the form YYYY-MM-DDThh:mm:ssZ"
        ),
        behaviour="at once",
        shown_range="YYYY-MM-DDThh:mm:ssZ",
    )


class PredictiveConfiguration(Schema):
    """Scaling ahead of a daily or weekly pattern."""

    title: ClassVar = "scaling.predictive"

    mode: PredictiveScalingMode = choice(
        "Only show the forecast, or act on it. It never removes instances.",
        PredictiveScalingMode,
        default=PredictiveScalingMode.FORECAST_ONLY,
    )
    scheduling_buffer_seconds: int = whole(
        "How long before the forecast hour instances are launched.",
        "seconds",
        default=300,
        low=0,
        high=3599,
    )
    max_capacity_buffer_percent: int | None = whole(
        "Lets a forecast raise the group's maximum by this much above the forecast, for good.",
        "percent",
        default=None,
        low=0,
        high=100,
        behaviour="the maximum is kept",
    )


class HighResolutionMetricConfiguration(Schema):
    """A demand metric that each instance publishes, with one dimension, AutoScalingGroupName."""

    title: ClassVar = "scaling.highResolutionMetric"

    namespace: str = text(
        "Namespace of the metric in CloudWatch.",
        rule="be a text of 1 to 255 characters, not beginning with a colon",
        pattern=r"[^:].{0,254}",
        shown_range="text, 1 to 255 characters",
    )
    metric_name: str = text(
        "Name of the metric.",
        rule="be a text of 1 to 255 characters",
        pattern=r".{1,255}",
        shown_range="text, 1 to 255 characters",
    )
    capacity_per_instance: float = number(
        "Value at which one instance is fully used.",
        "the metric's own unit",
        low=1e-6,
        high=1e9,
    )
    period_seconds: int = one_of(
        "How often it is published.", "seconds", METRIC_PERIODS, default=10
    )


class ScalingConfiguration(Schema):
    """How the group follows demand."""

    title: ClassVar = "scaling"

    target_utilization_percent: float = number(
        "Share of its capacity that an instance uses in the steady state.",
        "percent",
        default=60,
        low=1,
        high=99,
    )
    cpu_target_percent: float = number(
        "Mean use of the processors to keep.", "percent", default=50, low=1, high=99
    )
    surge_percent: float = number(
        "Share of the capacity at which the surge alarm adds instances; above "
        "targetUtilizationPercent.",
        "percent",
        default=80,
        low=2,
        high=100,
    )
    steps: list[StepConfiguration] | None = many(
        "What the surge alarm adds.",
        rule=f"be a list of 1 to {STEPS_MAX} steps",
        item_rule="be a mapping of keys",
        low=1,
        high=STEPS_MAX,
        behaviour="what brings the load back to targetUtilizationPercent, from 1, 1.25, 1.875 and "
        "2.5 times surgePercent",
        shown_range=f"list of at most {STEPS_MAX}",
    )
    schedules: dict[str, ScheduleConfiguration] | None = many(
        "Changes of the minimum by the clock, by name.",
        rule=f"be a mapping of at most {SCHEDULES_MAX} schedules",
        item_rule="be a mapping of keys",
        high=SCHEDULES_MAX,
        behaviour="none",
        shown_range=f"mapping of at most {SCHEDULES_MAX}",
    )
    predictive: PredictiveConfiguration | None = group("Scaling ahead of a pattern.")
    high_resolution_metric: HighResolutionMetricConfiguration | None = group(
        "Demand metric with a period below a minute."
    )


class EscalationConfiguration(Schema):
    """Somebody or something that is called when a page stays open."""

    title: ClassVar = "alerts.escalation[]"

    protocol: SubscriptionProtocol = choice("How they are delivered.", SubscriptionProtocol)
    endpoint: str = text(
        "E-mail address, https URL or ARN of an SQS queue. A URL that holds a key belongs into a "
        "secret: `pulumi config set --secret --path`.",
        shown_range="by the protocol",
    )


class SlackConfiguration(Schema):
    """A Slack channel, through Amazon Q Developer in chat applications (connect it there first)."""

    title: ClassVar = "alerts.slack"

    workspace_id: str = text(
        "Id of the Slack workspace.",
        rule=SLACK_WORKSPACE[0],
        pattern=SLACK_WORKSPACE[1],
        shown_range="id, such as T0123456789",
    )
    channel_id: str = text(
        "Id of the channel.",
        rule=SLACK_CHANNEL[0],
        pattern=SLACK_CHANNEL[1],
        shown_range="id, such as C0123456789",
    )
    severities: list[str] = many(
        "Which alerts it gets.",
        default=["page", "ticket"],
        rule="be a list of at least one of page, ticket and info",
        item_rule="be one of page, ticket, info",
        pattern="page|ticket|info",
        low=1,
        behaviour="`[page, ticket]`",
        shown_range="list of page, ticket, info",
    )


class ActiveUsersConfiguration(Schema):
    """Users at work, as the application counts them.

    Each instance publishes its own number once a minute with one dimension, AutoScalingGroupName;
    they are added up. With fleet.application.metricsNamespace the application only has to send a
    StatsD gauge of that name to 127.0.0.1:8125.
    """

    title: ClassVar = "alerts.activeUsersMetric"

    namespace: str = text(
        "Namespace of the metric in CloudWatch.",
        rule="be a text of 1 to 255 characters, not beginning with a colon",
        pattern=r"[^:].{0,254}",
        shown_range="text, 1 to 255 characters",
    )
    metric_name: str = text(
        "Name of the metric.",
        rule="be a text of 1 to 255 characters",
        pattern=r".{1,255}",
        shown_range="text, 1 to 255 characters",
    )


class SubscriptionConfiguration(Schema):
    """Somebody or something that receives alerts."""

    title: ClassVar = "alerts.subscriptions[]"

    severity: AlertSeverity = choice(
        "Which alerts: those that somebody has to look at now, those that can wait, or those that "
        "only inform.",
        AlertSeverity,
    )
    protocol: SubscriptionProtocol = choice("How they are delivered.", SubscriptionProtocol)
    endpoint: str = text(
        "E-mail address, https URL or ARN of an SQS queue. A URL that holds a key belongs into a "
        "secret: `pulumi config set --secret --path`.",
        shown_range="by the protocol",
    )


class AlertsConfiguration(Schema):
    """Who is told of what."""

    title: ClassVar = "alerts"

    subscriptions: list[SubscriptionConfiguration] = many(
        "Who receives alerts. Of page and ticket, the one that nobody subscribes to goes to the "
        "receivers of the other; info that nobody subscribes to is kept in a queue for 14 days.",
        default=REQUIRED,
        rule=f"be a list of 1 to {SUBSCRIPTIONS_MAX} subscriptions",
        item_rule="be a mapping of keys",
        low=1,
        high=SUBSCRIPTIONS_MAX,
        once=False,
        shown_range=f"list of 1 to {SUBSCRIPTIONS_MAX}",
    )
    escalation: list[EscalationConfiguration] | None = many(
        "Who is called when a page stays open: the team behind the first one.",
        rule=f"be a list of 1 to {SUBSCRIPTIONS_MAX} receivers",
        item_rule="be a mapping of keys",
        low=1,
        high=SUBSCRIPTIONS_MAX,
        once=False,
        behaviour="the receivers of pages",
        shown_range=f"list of 1 to {SUBSCRIPTIONS_MAX}",
    )
    escalation_minutes: int = whole(
        "Time that a page may stay open, which means still in ALARM, not that nobody acknowledged "
        "it.",
        "minutes",
        default=30,
        low=1,
        high=1440,
    )
    slack: SlackConfiguration | None = group("Slack channel that gets alerts.")
    timeline_retention_days: int = limited(
        "Time that alarm changes, scaling activities, instance refreshes and runbook executions "
        "are kept.",
        "days",
        aws_limits.LOG_GROUP,
        "retentionInDays",
        default=400,
    )
    active_users_metric: ActiveUsersConfiguration | None = group(
        "Users at work, as the application counts them."
    )
    request_jump_percent: float = number(
        "Growth of requests from one five minutes to the next that counts as a jump.",
        "percent",
        default=30,
        low=10,
        high=1000,
    )
    anomaly_band_width: float = number(
        "Half the width of the band of usual demand.",
        "standard deviations",
        default=4,
        low=1,
        high=10,
    )
    good_response_percent: float = number(
        "Share of requests answered well (2xx or 3xx), below which it pages.",
        "percent",
        default=90,
        low=1,
        high=99.99,
    )
    client_error_percent: float = number(
        "Share of requests refused as the client's error (4xx) that makes a ticket.",
        "percent",
        default=1,
        low=0.01,
        high=100,
    )
    response_time_p95_seconds: float = number(
        "Response time that 95 of 100 requests stay below, else it pages.",
        "seconds",
        default=1,
        low=0.001,
        high=4000,
    )
    response_time_p99_seconds: float = number(
        "Response time that 99 of 100 requests stay below, else there is a ticket.",
        "seconds",
        default=2,
        low=0.001,
        high=4000,
    )
    server_error_percent: float = number(
        "Share of failing requests that pages.", "percent", default=1, low=0.01, high=100
    )
    minimum_requests_per_minute: int = whole(
        "Requests below which error rates are not judged.",
        "requests per minute",
        default=100,
        low=1,
        high=1_000_000,
    )
    runbook_base_url: str = text(
        "What stands before the name of a runbook page in an alarm's description.",
        default=RUNBOOKS,
        rule="be a text of 1 to 500 characters",
        pattern=r"\S{1,500}",
        shown_range="text, 1 to 500 characters",
    )


class ServiceConfiguration(Schema):
    """How the application behaves under load, as measured; no default stands in for that."""

    title: ClassVar = "service"

    requests_per_second: MeasuredFigure | None = figure(
        "Requests that one instance carries with response times within `alerts`. Measure it with a "
        "load test on one instance. Scaling goes by the low end.",
        "requests per second",
        low=0.01,
        high=1_000_000,
        behaviour="not stated: scaling follows the processors alone",
    )
    boot_seconds: MeasuredFigure | None = figure(
        "Time from launch until an instance serves. Measure it from the group's activity: from "
        "launch until the target is healthy. Warm-up and grace go by the high end.",
        "seconds",
        low=1,
        high=3000,
        behaviour=f"not stated: {BOOT_SECONDS} is taken for warm-up and grace",
    )
    service_seconds: MeasuredFigure | None = figure(
        "Time of one request on an idle instance, the database's part included. Measure it with "
        "single requests. Read by the replay, as all that follows.",
        "seconds",
        low=1e-4,
        high=4000,
        behaviour="not stated: the replay gives no verdict",
    )
    concurrency: MeasuredFigure | None = figure(
        "Requests that one instance works on at once; more have to wait.",
        "requests",
        low=0.01,
        high=1_000_000,
        behaviour="what requestsPerSecond and serviceSeconds imply",
    )
    cold_requests_per_second: MeasuredFigure | None = figure(
        "Requests that one instance carries while its caches are cold and its pools empty.",
        "requests per second",
        low=0.01,
        high=1_000_000,
        behaviour="`requestsPerSecond`",
    )
    cold_concurrency: MeasuredFigure | None = figure(
        "Requests that one instance works on at once while it is cold.",
        "requests",
        low=0.01,
        high=1_000_000,
        behaviour="`concurrency`",
    )
    cold_seconds: MeasuredFigure | None = figure(
        "Time from an instance's first request until it carries all that it can.",
        "seconds",
        low=0.1,
        high=36_000,
        behaviour="`0`",
    )
    longest_request_seconds: MeasuredFigure | None = figure(
        "Longest request that is normal; what an instance is given to finish when it stops.",
        "seconds",
        low=1e-3,
        high=4000,
        behaviour="`[1, 30]`",
    )
    keep_alive_seconds: MeasuredFigure | None = figure(
        "Time for which the application keeps an idle connection open; it must be above "
        "loadBalancer.idleTimeoutSeconds. Read by the policies.",
        "seconds",
        low=1,
        high=86_400,
        behaviour="not stated: the policies do not decide on it",
    )
    database_seconds: MeasuredFigure | None = figure(
        "Part of serviceSeconds that is spent in the database.",
        "seconds",
        low=1e-4,
        high=4000,
        behaviour="`0`",
    )
    processor_seconds: MeasuredFigure | None = figure(
        "Processor time of one request: CPU utilisation is requests per second x this / vCPU. "
        "Measure it with a load test: vCPU x CPU utilisation / requests per second.",
        "seconds of one vCPU",
        low=1e-6,
        high=4000,
        behaviour="serviceSeconds without databaseSeconds, but no more than the vCPU of an "
        "instance can give at requestsPerSecond",
    )
    connections_per_request: MeasuredFigure | None = figure(
        "Database connections that one request holds.",
        "connections",
        low=0.01,
        high=1000,
        behaviour="`1`, exactly",
    )
    connections_per_instance: MeasuredFigure | None = figure(
        "Database connections that one instance opens: its pools together.",
        "connections",
        low=0.01,
        high=100_000,
        behaviour="`0`",
    )


class AccountConfiguration(Schema):
    """What the AWS account allows, as the policies read it."""

    title: ClassVar = "account"

    vcpu_quota: int | None = whole(
        "Quota of running On-Demand Standard instances in the Region (L-1216C47A).",
        "vCPU",
        default=None,
        low=1,
        high=1_000_000,
        behaviour="not stated: the policies do not decide on it",
    )


class SurgeObjectiveConfiguration(Schema):
    """What surviving a surge means: both bounds hold."""

    title: ClassVar = "slo.surge"

    affected_users_percent: float = number(
        "Share of users that may be affected.", "percent", default=0.5, low=0, high=100
    )
    bad_minutes: int = whole(
        "Minutes that may lie outside the objective.", "minutes", default=2, low=0, high=10_000
    )


class BurnRateConfiguration(Schema):
    """A pair of windows over which the error budget is used up too fast."""

    title: ClassVar = "slo.burnRates[]"

    rate: float = number(
        "How many times faster than even the budget is used up.", "times", low=0.1, high=1000
    )
    long_window_minutes: int = whole(
        "Length of the long window, which says that it matters.",
        "minutes",
        low=60,
        high=WINDOW_MINUTES_MAX,
    )
    short_window_minutes: int = whole(
        "Length of the short window, which says that it still goes on; below the long one.",
        "minutes",
        low=1,
        high=WINDOW_MINUTES_MAX,
    )
    severity: AlertSeverity = choice("Whether it is a page or a ticket.", AlertSeverity)


class ObjectiveConfiguration(Schema):
    """What users are promised, as the replay judges it and the alarms watch it."""

    title: ClassVar = "slo"

    latency_seconds: float = number(
        "Time within which a request must be answered, retries included.",
        "seconds",
        default=1,
        low=0.001,
        high=4000,
    )
    bad_requests_percent: float = number(
        "Share of requests in a good minute that may fail or be late.",
        "percent",
        default=1,
        low=0,
        high=100,
    )
    availability_percent: float = number(
        "Share of requests that are answered without a server error.",
        "percent",
        default=99.9,
        low=OBJECTIVE_PERCENT[0],
        high=OBJECTIVE_PERCENT[1],
    )
    latency_percentile: float = number(
        "Share of all requests that are answered within latencySeconds; one that nobody answers is "
        "not.",
        "percent",
        default=99,
        low=OBJECTIVE_PERCENT[0],
        high=OBJECTIVE_PERCENT[1],
    )
    window_days: int = whole(
        "Time over which both hold; what is left of it stands on the dashboard.",
        "days",
        default=30,
        low=1,
        high=90,
    )
    burn_rates: list[BurnRateConfiguration] | None = many(
        "When the budget is used up too fast.",
        rule=f"be a list of 1 to {BURN_RATES_MAX} pairs",
        item_rule="be a mapping of keys",
        low=1,
        high=BURN_RATES_MAX,
        once=False,
        behaviour="14.4 times over 1 h and 5 min and 6 times over 6 h and 30 min page; 3 times "
        "over 24 h and 2 h and once over 72 h and 6 h make tickets",
        shown_range=f"list of 1 to {BURN_RATES_MAX}",
    )
    surge: SurgeObjectiveConfiguration | None = group(
        "What surviving a surge means.", behaviour="0.5 percent of users, 2 minutes"
    )


_LOG_GROUP: Final = ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays")


class DatabaseConfiguration(Schema):
    """A PostgreSQL database that all instances share."""

    title: ClassVar = "database"

    enabled: bool = switch(
        "Create it. Instances then find it by DATABASE_HOST, DATABASE_PORT, DATABASE_NAME and "
        "DATABASE_SECRET_ARN in their environment, and may read that secret: for each new "
        "connection, since RDS changes the password every 7 days.",
        default=False,
    )
    instance_class: str = text(
        "Class of the database.",
        default="db.m7g.large",
        rule=aws_limits.LIMITS[aws_limits.DATABASE, "instanceClass"].rule,
        check=aws(aws_limits.DATABASE, "instanceClass"),
        shown_range="class",
    )
    engine_version: str = text(
        "Version of PostgreSQL: the major one, whose newest minor one AWS takes, or both.",
        default="17",
        rule=VERSION_RULE,
        pattern=r"1[3-9](\.\d{1,2})?",
        shown_range="version, 13 or newer; in quotes",
    )
    database_name: str = text(
        "Name of the database that is made.",
        default="app",
        rule=aws_limits.LIMITS[aws_limits.DATABASE, "dbName"].rule,
        check=aws(aws_limits.DATABASE, "dbName"),
        shown_range="text, 1 to 63 characters",
    )
    username: str = text(
        "Name of the master user.",
        default="service_owner",
        rule=aws_limits.LIMITS[aws_limits.DATABASE, "username"].rule,
        check=aws(aws_limits.DATABASE, "username"),
        shown_range="text, 1 to 16 characters",
    )
    password: str | None = text(
        "Password of the master user, for read replicas; as a secret: `pulumi config set --secret "
        "--path database.password`.",
        default=None,
        rule=aws_limits.LIMITS[aws_limits.DATABASE, "password"].rule,
        check=aws(aws_limits.DATABASE, "password"),
        behaviour="RDS makes one and rotates it every 7 days",
        shown_range="text, 8 to 128 characters",
        hidden=True,
    )
    allocated_storage_gib: int = whole(
        "Storage at first. It can grow, by 10 % at least, to AWS's limit of 65536.",
        "GiB",
        default=100,
        low=20,
        high=database.ALLOCATED_GIB_MAX,
    )
    max_allocated_storage_gib: int | None = limited(
        "Storage that it may grow to by itself; at least 10 % above allocatedStorageGib.",
        "GiB",
        aws_limits.DATABASE,
        "maxAllocatedStorage",
        default=None,
        behaviour="twice allocatedStorageGib",
    )
    multi_az: bool = switch("Keep a standby in another Availability Zone.", default=True)
    max_connections: int | None = whole(
        "Connections that it accepts. Together with maxSize, service.connectionsPerInstance has to "
        "fit, unless there is a proxy. A change waits for a restart.",
        "connections",
        default=None,
        low=6,
        high=262_143,
        behaviour="AWS's for the class: its memory in bytes / 9531392, at most 5000",
    )
    replica_count: int = whole(
        "Read replicas; they need `password`, since AWS makes none of a database whose password it "
        "manages.",
        "replicas",
        default=0,
        low=0,
        high=REPLICAS_MAX,
    )
    proxy: bool = switch("Share connections between instances by an RDS Proxy.", default=False)
    deletion_protection: bool = switch(
        "Refuse to delete the database, with `pulumi destroy` too.", default=True
    )
    skip_final_snapshot: bool = switch(
        "Delete the database without a last snapshot, and its backups with it.", default=False
    )
    apply_immediately: bool = switch(
        "Make changes at once, some with a restart, rather than in the next maintenance window.",
        default=False,
    )
    backup_retention_days: int = whole(
        "Time that backups are kept.", "days", default=14, low=1, high=35
    )
    backup_window: str = text(
        "When backups are taken.",
        default="01:00-02:00",
        rule=aws_limits.LIMITS[aws_limits.DATABASE, "backupWindow"].rule,
        check=aws(aws_limits.DATABASE, "backupWindow"),
        shown_range="hh:mm-hh:mm, UTC, at least 30 minutes",
    )
    maintenance_window: str = text(
        "When AWS may work on it; not during backupWindow.",
        default="sun:02:30-sun:03:30",
        rule=aws_limits.LIMITS[aws_limits.DATABASE, "maintenanceWindow"].rule,
        check=aws(aws_limits.DATABASE, "maintenanceWindow"),
        shown_range="ddd:hh:mm-ddd:hh:mm, UTC, at least 30 minutes",
    )
    kms_key_arn: str | None = text(
        "Key that encrypts the storage; a change replaces the database.",
        default=None,
        rule="be the ARN of a KMS key",
        pattern=_ACCOUNT_ARN.format(service="kms", rest=r"key/[A-Za-z0-9-]+"),
        behaviour="AWS's own key for RDS",
        shown_range="ARN",
    )
    monitoring_interval_seconds: int = one_of(
        "Time between two points of the operating system's metrics.",
        "seconds",
        database.MONITORING_SECONDS,
        default=60,
    )
    slow_query_milliseconds: int = whole(
        "Time from which a statement is logged with its plan.",
        "milliseconds",
        default=1000,
        low=1,
        high=3_600_000,
    )
    slow_queries_per_minute: int = whole(
        "Slow statements above which there is a ticket.",
        "statements per minute",
        default=10,
        low=0,
        high=1_000_000,
    )
    storage_latency_milliseconds: float = number(
        "Time of a read or write, of one in ten, from which there is a ticket.",
        "milliseconds",
        default=20,
        low=0.1,
        high=10_000,
    )
    replica_lag_seconds: int = whole(
        "Lag of a replica from which there is a ticket.",
        "seconds",
        default=60,
        low=1,
        high=86_400,
    )
    log_retention_days: int = limited(
        "Time that its logs are kept.", "days", *_LOG_GROUP, default=90
    )


class WebAclConfiguration(Schema):
    """Rules for requests in front of the load balancer."""

    title: ClassVar = "webAcl"

    enabled: bool = switch("Create it.", default=False)
    rate_limit: int = limited(
        "Requests of one client address within the window above which the rate rule acts. Offices "
        "and carriers share addresses: take what the busiest of a thousand clients sends on the "
        "busiest day, twice (`surgeproof clients` reads it from the access logs).",
        "requests",
        *RATE_LIMIT,
        default=2000,
    )
    rate_window_seconds: int = limited(
        "Window that the rate rule looks back over.", "seconds", *RATE_WINDOW, default=300
    )
    rate_action: RuleAction = choice(
        "What the rate rule does: `count` until somebody has seen whom it would hit.",
        RuleAction,
        default=RuleAction.COUNT,
    )
    common_rules_action: RuleAction = choice(
        "What AWS's common rules do; they refuse bodies above 8 KB, among others.",
        RuleAction,
        default=RuleAction.COUNT,
    )
    fail_open: bool = switch(
        "Serve requests when the ACL cannot be asked, rather than refuse them all. On, since an "
        "outage of the ACL would be one of the service.",
        default=True,
    )
    log_retention_days: int = limited(
        "Time that the log of what was counted or blocked is kept.",
        "days",
        *_LOG_GROUP,
        default=90,
    )


class SpendingConfiguration(Schema):
    """What the stack may cost."""

    title: ClassVar = "spending"

    instance_hours_per_day: float | None = number(
        "Instance-hours of a day that were planned; more is a ticket.",
        "hours",
        default=None,
        low=0.1,
        high=HOURS_MAX,
        behaviour="no alarm",
    )
    monthly_budget_usd: float | None = number(
        "What the whole account may cost in a month; told at 80 %, at 100 % and when 100 % is "
        "forecast.",
        "US dollars",
        default=None,
        low=1,
        high=DOLLARS_MAX,
        behaviour="no budget",
    )
    instance_hour_usd: float | None = number(
        "Price of one instance-hour, for the replay and the outputs.",
        "US dollars",
        default=None,
        low=0.0001,
        high=10_000,
        behaviour="instance-hours are told, and no money",
    )


class SurgeConfiguration(Schema):
    """A surge that the stack must survive, by a name of your choice."""

    title: ClassVar = "surges.*"

    trace: str = text(
        "Trace of requests: the name of one that ships, such as x2-in-300s, or the path of a CSV "
        "file.",
        rule="be the name or the path of a trace",
        pattern=r"[A-Za-z0-9._/-]{1,255}",
        shown_range="name or path",
    )
    scale: float = number(
        "What the trace's requests are multiplied by; the traces that ship begin at 100 requests "
        "per second.",
        "factor",
        default=1,
        low=0.0001,
        high=10_000,
    )


class Configuration(Schema):
    """All of it."""

    network: NetworkConfiguration = group("Where the stack lives: a network of its own, or one.")
    load_balancer: LoadBalancerConfiguration = group("What users reach.")
    fleet: FleetConfiguration = group("The instances that serve.")
    scaling: ScalingConfiguration = group("How the group follows demand.")
    alerts: AlertsConfiguration = group("Who is told of what.")
    service: ServiceConfiguration = group("How the application behaves under load, as measured.")
    account: AccountConfiguration = group("What the AWS account allows.")
    slo: ObjectiveConfiguration = group(
        "What users are promised, as the replay judges it and the alarms watch it."
    )
    database: DatabaseConfiguration = group("A PostgreSQL database that all instances share.")
    web_acl: WebAclConfiguration = group("Rules for requests in front of the load balancer.")
    spending: SpendingConfiguration = group("What the stack may cost.")
    surges: dict[str, SurgeConfiguration] = many(
        "Surges that the stack must survive, by name; the replay runs them.",
        default={},
        rule=f"be a mapping of at most {SURGES_MAX} surges",
        item_rule="be a mapping of keys",
        high=SURGES_MAX,
        behaviour="none",
        shown_range=f"mapping of at most {SURGES_MAX}",
    )
    tags: dict[str, str] = many(
        "Tags of all that is created.",
        default={},
        rule="be a mapping of at most 40 names to texts",
        item_rule="be a text (put numbers and true or false into quotes)",
        high=40,
        check=_tags,
        behaviour="none",
        shown_range="mapping of at most 40 texts",
    )

    _secret_groups: frozenset[str] = PrivateAttr(default=frozenset())

    @classmethod
    def from_data(
        cls, data: Mapping[str, Any], *, secret_groups: frozenset[str] = frozenset()
    ) -> "Configuration":
        """Check all of `data`, a group of plain values by name; raise ConfigurationError.

        Values of `secret_groups` are not shown, and reach resources as secrets.
        """
        problems = find_problems(data)
        if problems:
            raise ConfigurationError(
                "\n".join(
                    problem.line(secret=problem.path[0] in secret_groups) for problem in problems
                )
            )
        configuration = cls.model_validate(_with_groups(data))
        configuration._secret_groups = secret_groups  # noqa: SLF001 - its own
        return configuration

    def network_args(self) -> NetworkArgs:
        """Return what Network is given."""
        return cast("NetworkArgs", self._args(self.network))

    def load_balancer_args(
        self, *, vpc_id: Input[str], subnet_ids: Input[Sequence[Input[str]]]
    ) -> LoadBalancerArgs:
        """Return what LoadBalancer is given; port and health path are the application's."""
        application = self.fleet.application or ApplicationConfiguration()
        return cast(
            "LoadBalancerArgs",
            {
                **self._args(self.load_balancer),
                "vpc_id": vpc_id,
                "subnet_ids": subnet_ids,
                "target_port": application.port,
                "health_check_path": application.health_path,
                **({"waf_fail_open": self.web_acl.fail_open} if self.web_acl.enabled else {}),
            },
        )

    def database_args(
        self,
        *,
        vpc_id: Input[str],
        subnet_ids: Input[Sequence[Input[str]]],
        notifications: Notifications,
    ) -> DatabaseArgs:
        """Return what Database is given."""
        args = self._args(self.database)
        args.pop("enabled", None)
        if "password" in args:
            args["password"] = Output.secret(args["password"])
        return cast(
            "DatabaseArgs",
            {
                **args,
                "runbook_base_url": self.alerts.runbook_base_url,
                "vpc_id": vpc_id,
                "subnet_ids": subnet_ids,
                "page_topic_arn": notifications.page_topic_arn,
                "ticket_topic_arn": notifications.ticket_topic_arn,
            },
        )

    def web_acl_args(
        self, *, load_balancer_arn: Input[str], notifications: Notifications
    ) -> WebAclArgs:
        """Return what WebAcl is given."""
        args = self._args(self.web_acl)
        args.pop("enabled", None)
        args.pop("fail_open", None)
        return cast(
            "WebAclArgs",
            {
                **args,
                "runbook_base_url": self.alerts.runbook_base_url,
                "load_balancer_arn": load_balancer_arn,
                "ticket_topic_arn": notifications.ticket_topic_arn,
            },
        )

    def spending_args(
        self, *, group_name: Input[str], notifications: Notifications
    ) -> SpendingArgs:
        """Return what Spending is given."""
        args = self._args(self.spending)
        args.pop("instance_hour_usd", None)
        return cast(
            "SpendingArgs",
            {
                **args,
                "runbook_base_url": self.alerts.runbook_base_url,
                "group_name": group_name,
                "ticket_topic_arn": notifications.ticket_topic_arn,
            },
        )

    def day_at_maximum_size(self) -> str:
        """Return what 24 hours with all instances cost, in hours and, with a price, in money."""
        hours = 24 * self.fleet.max_size
        price = self.spending.instance_hour_usd
        money = "" if price is None else f", USD {hours * price:,.2f}"
        return f"{hours:,} instance-hours{money}"

    def group_args(
        self,
        *,
        vpc_id: Input[str],
        subnet_ids: Input[Sequence[Input[str]]],
        target_group_arn: Input[str],
        load_balancer_security_group_id: Input[str],
        alarm_names: list[str],
        shared_database: Database | None = None,
    ) -> AutoScalingGroupArgs:
        """Return what AutoScalingGroup is given; it goes by the high end of the boot time."""
        args = self._args(self.fleet)
        if self.service.boot_seconds is not None:
            args["boot_time_seconds"] = math.ceil(self.service.boot_seconds.high)
        environment = args.get("application", {}).get("environment")
        if environment and "fleet" in self._secret_groups:
            args["application"]["environment"] = {
                name: Output.secret(value) for name, value in environment.items()
            }
        if shared_database is not None:
            application = args.setdefault("application", {})
            own = application.get("environment", {})
            application["environment"] = {**_found_by(shared_database), **own}
            args["extra_security_group_id"] = shared_database.client_security_group_id
            args["readable_secret_arn"] = shared_database.secret_arn
        return cast(
            "AutoScalingGroupArgs",
            {
                **args,
                "vpc_id": vpc_id,
                "subnet_ids": subnet_ids,
                "target_group_arn": target_group_arn,
                "load_balancer_security_group_id": load_balancer_security_group_id,
                "alarm_names": alarm_names,
                "keep_raised_minimum": True,
            },
        )

    def runbooks_args(
        self,
        *,
        group: AutoScalingGroup,
        load_balancer: LoadBalancer,
        alarm_names: list[str],
    ) -> RunbooksArgs:
        """Return what Runbooks is given."""
        fleet, balancer = self._args(self.fleet), self._args(self.load_balancer)
        optional = {
            "waiting_rule_arn": load_balancer.waiting_rule_arn
            if balancer.get("low_priority_paths")
            else None,
            "capacity_units": balancer.get("capacity_units"),
            "instance_types": fleet.get("instance_types"),
            "tags": fleet.get("tags"),
        }
        return cast(
            "RunbooksArgs",
            {
                "group_name": group.name,
                "launch_template_id": group.launch_template_id,
                "instance_role_name": group.role_name,
                "load_balancer_arn": load_balancer.arn,
                "target_group_arn": load_balancer.target_group_arn,
                "alarm_names": alarm_names,
                **{key: value for key, value in optional.items() if value is not None},
            },
        )

    def scaling_args(
        self,
        *,
        group_name: Input[str],
        resource_label: Input[str],
        load_balancer_arn_suffix: Input[str],
        target_group_arn_suffix: Input[str],
    ) -> ScalingPoliciesArgs:
        """Return what ScalingPolicies is given; it goes by the low end of the capacity."""
        return cast(
            "ScalingPoliciesArgs",
            {
                **self._args(self.scaling),
                **self._capacity(),
                "runbook_base_url": self.alerts.runbook_base_url,
                "group_name": group_name,
                "resource_label": resource_label,
                "load_balancer_arn_suffix": load_balancer_arn_suffix,
                "target_group_arn_suffix": target_group_arn_suffix,
                "keep_raised_minimum": True,
            },
        )

    def alarms_args(
        self,
        *,
        load_balancer_arn_suffix: Input[str],
        target_group_arn_suffix: Input[str],
        group_name: Input[str],
        notifications: Notifications,
        certificate_arn: Input[str] | None = None,
        nat_gateway_ids: Sequence[Input[str]] = (),
    ) -> AlarmsArgs:
        """Return what Alarms is given."""
        alerts = self._args(self.alerts)
        for key in _NOT_OF_ALARMS:
            alerts.pop(key, None)
        if certificate_arn is not None:
            alerts["certificate_arn"] = certificate_arn
        if nat_gateway_ids:
            alerts["nat_gateway_ids"] = [*nat_gateway_ids]
        if self.load_balancer.capacity_units is not None:
            alerts["capacity_units"] = self.load_balancer.capacity_units
        scaling = self._args(self.scaling)
        if "high_resolution_metric" in scaling:
            alerts["high_resolution_metric"] = scaling["high_resolution_metric"]
        return cast(
            "AlarmsArgs",
            {
                **alerts,
                **self._capacity(),
                "load_balancer_arn_suffix": load_balancer_arn_suffix,
                "target_group_arn_suffix": target_group_arn_suffix,
                "group_name": group_name,
                "page_topic_arn": notifications.page_topic_arn,
                "ticket_topic_arn": notifications.ticket_topic_arn,
                "page_topic_name": notifications.page_topic_name,
                "ticket_topic_name": notifications.ticket_topic_name,
                "info_topic_arn": notifications.info_topic_arn,
                "escalation_topic_name": notifications.escalation_topic_name,
                "min_size": min(self.fleet.min_size, self.fleet.max_size),
                "max_size": self.fleet.max_size,
            },
        )

    def notifications_args(self) -> NotificationsArgs:
        """Return what Notifications is given."""
        written = self._args(self.alerts)
        args = {
            key: written[key] for key in ("subscriptions", "escalation", "slack") if key in written
        }
        if "alerts" in self._secret_groups:
            for each in (*args["subscriptions"], *args.get("escalation", ())):
                each["endpoint"] = Output.secret(each["endpoint"])
        return cast("NotificationsArgs", {**args, **self._tags()})

    def objectives_args(
        self,
        *,
        load_balancer_arn_suffix: Input[str],
        target_group_arn_suffix: Input[str],
        notifications: Notifications,
        outage_alarm: Input[str],
    ) -> ObjectivesArgs:
        """Return what Objectives is given."""
        return cast(
            "ObjectivesArgs",
            {
                **self._objective(),
                **self._runbooks(),
                "load_balancer_arn_suffix": load_balancer_arn_suffix,
                "target_group_arn_suffix": target_group_arn_suffix,
                "page_topic_arn": notifications.page_topic_arn,
                "ticket_topic_arn": notifications.ticket_topic_arn,
                "info_topic_arn": notifications.info_topic_arn,
                "outage_alarm": outage_alarm,
                **self._tags(),
            },
        )

    def pages_args(self, notifications: Notifications) -> PagesArgs:
        """Return what Pages is given."""
        return cast(
            "PagesArgs",
            {
                **self._runbooks(),
                "page_topic_arn": notifications.page_topic_arn,
                "info_topic_arn": notifications.info_topic_arn,
                **self._tags(),
            },
        )

    def escalation_args(self, notifications: Notifications) -> EscalationArgs:
        """Return what Escalation is given."""
        return cast(
            "EscalationArgs",
            {
                **self._runbooks(),
                "escalation_topic_arn": notifications.escalation_topic_arn,
                "info_topic_arn": notifications.info_topic_arn,
                "escalation_minutes": self.alerts.escalation_minutes,
                **self._tags(),
            },
        )

    def timeline_args(self, group_name: Input[str]) -> TimelineArgs:
        """Return what Timeline is given."""
        return cast(
            "TimelineArgs",
            {
                "group_name": group_name,
                "retention_days": self.alerts.timeline_retention_days,
                **self._tags(),
            },
        )

    def dashboard_args(
        self,
        *,
        load_balancer_arn_suffix: Input[str],
        target_group_arn_suffix: Input[str],
        group_name: Input[str],
        log_group_name: Input[str],
    ) -> DashboardArgs:
        """Return what Dashboard is given."""
        objective = self._objective()
        objective.pop("burn_rates", None)
        written = self._args(self.alerts)
        users = {key: written[key] for key in ("active_users_metric",) if key in written}
        return cast(
            "DashboardArgs",
            {
                **objective,
                **users,
                **self._runbooks(),
                **self._capacity(),
                "load_balancer_arn_suffix": load_balancer_arn_suffix,
                "target_group_arn_suffix": target_group_arn_suffix,
                "group_name": group_name,
                "log_group_name": log_group_name,
            },
        )

    def _objective(self) -> dict[str, Any]:
        """Return what alarms watch of the objective; the rest is the replay's."""
        written = self.slo.model_dump(exclude_unset=True, exclude_none=True)
        keys = (
            "availability_percent",
            "latency_percentile",
            "latency_seconds",
            "window_days",
            "burn_rates",
        )
        return {key: written[key] for key in keys if key in written}

    def _runbooks(self) -> dict[str, Any]:
        return {"runbook_base_url": self.alerts.runbook_base_url}

    def _args(self, group: Schema) -> dict[str, Any]:
        """Return what was written of a group; the component fills in the defaults."""
        written = group.model_dump(exclude_unset=True, exclude_none=True)
        return written | self._tags()

    def _tags(self) -> dict[str, Any]:
        return {"tags": self.tags} if self.tags else {}

    def _capacity(self) -> dict[str, Any]:
        stated = self.service.requests_per_second
        return {} if stated is None else {"requests_per_second_per_instance": stated.low}


def _found_by(shared: Database) -> dict[str, Input[str]]:
    """Return how instances find the database: the secret by name, since its content changes."""
    readers = shared.reader_hosts.apply(",".join)
    return {
        "DATABASE_HOST": shared.host,
        "DATABASE_READER_HOSTS": readers,
        "DATABASE_PORT": str(database.PORT),
        "DATABASE_NAME": shared.database_name,
        "DATABASE_SECRET_ARN": shared.secret_arn,
    }


class _Unknown(Exception):  # noqa: N818 - not an error: what a rule needs is wrong already
    """Raised to a rule that asks for a value which breaks a rule of its own."""


class _Values:
    """The values that were written, as far as each is sound by itself."""

    def __init__(self, data: Mapping[str, Any], problems: list[Problem]) -> None:
        self._data = data
        self._unsound = {problem.path for problem in problems}

    def __getitem__(self, place: str) -> Any:
        """Return the value at `place` or its default; raise _Unknown if it is not sound."""
        path = tuple(place.split("."))
        value: Any = self._data
        model: type[Schema] | None = Configuration
        for depth, part in enumerate(path, start=1):
            if path[:depth] in self._unsound:
                raise _Unknown
            field = keys_of(model)[part] if model else None
            default = field.get_default(call_default_factory=False) if field else None
            value = value.get(part, default) if isinstance(value, Mapping) else default
            model = inner(field) if field else None
        if value is REQUIRED or any(problem[: len(path)] == path for problem in self._unsound):
            raise _Unknown
        return value

    def given(self, place: str) -> bool:
        """Whether something was written at `place`, sound or not."""
        value: Any = self._data
        for part in place.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value is not None

    def items(self, place: str) -> list[tuple[str | int, "_Item"]]:
        """Return the items of a list or mapping of groups."""
        value: Any = self._data
        path = tuple(place.split("."))
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            found: Iterable[tuple[str | int, Any]] = value.items()
        else:
            found = enumerate(value if isinstance(value, list) else ())
        return [
            (name, _Item(item, (*path, name), self._unsound))
            for name, item in found
            if isinstance(item, Mapping)
        ]


class _Item:
    """One group out of a list or mapping."""

    def __init__(
        self, data: Mapping[str, Any], path: tuple[str | int, ...], unsound: set[Any]
    ) -> None:
        self._data = data
        self.path = path
        self._unsound = unsound

    def get(self, key: str) -> Any:
        """Return the value of a required key, or None if it is not sound."""
        return None if (*self.path, key) in self._unsound else self._data.get(key)


_Rule = Callable[[_Values], "Problem | None"]


def _broken(place: str, rule: str, got: object) -> Problem:
    return Problem(tuple(place.split(".")), rule, got)


def _at_most(lower: str, higher: str) -> _Rule:
    def rule(values: _Values) -> Problem | None:
        low, high = values[lower], values[higher]
        if low is None or high is None or low <= high:
            return None
        return _broken(lower, f"be at most {higher} ({plain(high)})", low)

    return rule


def _sizes(values: _Values) -> Problem | None:
    # The default of minSize gives way to a smaller maxSize.
    given = values.given("fleet.minSize")
    return _at_most("fleet.minSize", "fleet.maxSize")(values) if given else None


def _adopted(values: _Values) -> Problem | None:
    ids = ("network.vpcId", "network.publicSubnetIds", "network.privateSubnetIds")
    given = [place for place in ids if values.given(place)]
    missing = [place for place in ids if place not in given]
    if not given or not missing:
        return None
    return _broken(missing[0], f"be given together with {' and '.join(given)}", None)


def _left_out(place: str, why: str, condition: str) -> _Rule:
    def rule(values: _Values) -> Problem | None:
        if not (values.given(condition) and values.given(place)):
            return None
        return _broken(place, f"be left out when {why}", values[place])

    return rule


def _scheme(values: _Values) -> Problem | None:
    ways = {
        "loadBalancer.certificateArn": values.given("loadBalancer.certificateArn"),
        "loadBalancer.domain": values.given("loadBalancer.domain")
        or values.given("loadBalancer.hostedZoneId"),
        "loadBalancer.plainHttp": values["loadBalancer.plainHttp"],
    }
    chosen = [place for place, is_chosen in ways.items() if is_chosen]
    if not chosen:
        rule = (
            "be given, or loadBalancer.domain with loadBalancer.hostedZoneId, or "
            "loadBalancer.plainHttp as true"
        )
        return _broken("loadBalancer.certificateArn", rule, None)
    if len(chosen) > 1:
        rule = f"be left out when {chosen[0]} is given"
        return _broken(chosen[1], rule, values[chosen[1]])
    return None


def _together(place: str, other: str) -> _Rule:
    def rule(values: _Values) -> Problem | None:
        if not values.given(other) or values.given(place):
            return None
        return _broken(place, f"be given together with {other}", None)

    return rule


def _slow_start(values: _Values) -> Problem | None:
    seconds, algorithm = values["loadBalancer.slowStartSeconds"], values["loadBalancer.algorithm"]
    if not seconds or algorithm == LoadBalancingAlgorithm.ROUND_ROBIN:
        return None
    rule = f"be 0 unless loadBalancer.algorithm (now {algorithm}) is round_robin"
    return _broken("loadBalancer.slowStartSeconds", rule, seconds)


def _anomaly_mitigation(values: _Values) -> Problem | None:
    wanted = values["loadBalancer.anomalyMitigation"]
    algorithm = values["loadBalancer.algorithm"]
    if not wanted or algorithm == LoadBalancingAlgorithm.WEIGHTED_RANDOM:
        return None
    rule = f"be false unless loadBalancer.algorithm (now {algorithm}) is weighted_random"
    return _broken("loadBalancer.anomalyMitigation", rule, wanted)


def _refresh(values: _Values) -> Problem | None:
    low = values["fleet.instanceRefreshMinHealthyPercent"]
    high = values["fleet.instanceRefreshMaxHealthyPercent"]
    if high - low <= 100:
        return None
    return _broken(
        "fleet.instanceRefreshMaxHealthyPercent",
        f"be at most 100 above fleet.instanceRefreshMinHealthyPercent ({low})",
        high,
    )


def _architectures(values: _Values) -> Problem | None:
    types = values["fleet.instanceTypes"]
    if len({architecture(name) for name in types}) < 2:
        return None
    return _broken("fleet.instanceTypes", "all be of one processor architecture", ", ".join(types))


def _prepared(values: _Values) -> Problem | None:
    most = values["fleet.warmPool.maxGroupPreparedCapacity"]
    low = min(values["fleet.minSize"], values["fleet.maxSize"])
    if most is None or most >= low:
        return None
    place = "fleet.warmPool.maxGroupPreparedCapacity"
    return _broken(place, f"be at least fleet.minSize ({low})", most)


def _at_least_boot(place: str) -> _Rule:
    def rule(values: _Values) -> Problem | None:
        seconds, stated = values[place], values["service.bootSeconds"]
        if seconds is None:
            return None
        if stated is None:
            boot = BOOT_SECONDS
            rule = f"be at least {boot}, unless service.bootSeconds is given"
        else:
            boot = math.ceil(as_figure(stated).high)
            rule = f"be at least service.bootSeconds (up to {boot})"
        return None if seconds >= boot else _broken(place, rule, seconds)

    return rule


def _surge(values: _Values) -> Problem | None:
    surge, target = values["scaling.surgePercent"], values["scaling.targetUtilizationPercent"]
    if surge > target:
        return None
    rule = f"be above scaling.targetUtilizationPercent ({plain(target)})"
    return _broken("scaling.surgePercent", rule, surge)


def _at_most_figure(lower: str, higher: str) -> _Rule:
    def rule(values: _Values) -> Problem | None:
        low, high = values[lower], values[higher]
        if low is None or high is None or as_figure(low).high <= as_figure(high).high:
            return None
        return _broken(lower, f"be at most {higher} (up to {plain(as_figure(high).high)})", low)

    return rule


def _burns(values: _Values) -> Problem | None:
    for index, item in values.items("slo.burnRates"):
        rate = item.get("rate")
        for key in ("availabilityPercent", "latencyPercentile"):
            promised = values[f"slo.{key}"]
            rule = burn_rate_breach(rate, promised) if rate is not None else None
            if rule:
                place = ("slo", "burnRates", index, "rate")
                return Problem(place, f"{rule} (slo.{key}: {plain(promised)})", rate)
    return None


def _steps_have_a_figure(values: _Values) -> Problem | None:
    known = ("service.requestsPerSecond", "scaling.highResolutionMetric")
    if not values.given("scaling.steps") or any(values.given(place) for place in known):
        return None
    return _broken("scaling.steps", f"be given together with {' or '.join(known)}", "neither")


_REBALANCING: Final = 1.1
"""How far above its maximum a group may be for a while, when it evens zones out
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html)."""


def _connection_budget(values: _Values) -> Problem | None:
    """Hold that the connections of all instances fit the database, unless a proxy shares them."""
    stated = values["service.connectionsPerInstance"]
    if not values["database.enabled"] or values["database.proxy"] or stated is None:
        return None
    most = values["database.maxConnections"]
    name = values["database.instanceClass"]
    known = database_class(name)
    source = "database.maxConnections"
    if most is None:
        if known is None:
            return None
        most, source = known.max_connections, f"what database.instanceClass ({name}) accepts"
    size, pool = values["fleet.maxSize"], as_figure(stated).high
    fits = math.floor(round(most / (_REBALANCING * pool), 9))
    if size <= fits:
        return None
    rule = (
        f"be at most {fits}, so that 1.1 x fleet.maxSize x service.connectionsPerInstance (up to "
        f"{plain(pool)}) is at most {source} ({most} connections), or database.proxy true"
    )
    return _broken("fleet.maxSize", rule, size)


def _known_limit(values: _Values) -> Problem | None:
    name = values["database.instanceClass"]
    if not values["database.enabled"] or values.given("database.maxConnections"):
        return None
    if database_class(name) is not None:
        return None
    rule = f"be given, since the memory of database.instanceClass ({name}) is not known"
    return _broken("database.maxConnections", rule, None)


def _replicas(values: _Values) -> Problem | None:
    count = values["database.replicaCount"]
    if not count or values.given("database.password"):
        return None
    rule = (
        "be 0 unless database.password is given, since AWS makes no replica of a database whose "
        "password it manages"
    )
    return _broken("database.replicaCount", rule, count)


def _growth(values: _Values) -> Problem | None:
    size, most = values["database.allocatedStorageGib"], values["database.maxAllocatedStorageGib"]
    if most is None or most >= 1.1 * size:
        return None
    rule = f"be at least 10 % above database.allocatedStorageGib ({size})"
    return _broken("database.maxAllocatedStorageGib", rule, most)


def _windows(values: _Values) -> Problem | None:
    backup, maintenance = values["database.backupWindow"], values["database.maintenanceWindow"]
    if not aws_limits.windows_conflict(backup, maintenance):
        return None
    rule = f"not meet database.backupWindow ({backup})"
    return _broken("database.maintenanceWindow", rule, maintenance)


_RULES: Final[tuple[_Rule, ...]] = (
    _sizes,
    _adopted,
    *(
        _left_out(f"network.{key}", "a network is adopted (network.vpcId)", "network.vpcId")
        for key in ("cidrBlock", "zoneCount", "natGateways")
    ),
    _scheme,
    _together("loadBalancer.domain", "loadBalancer.hostedZoneId"),
    _together("loadBalancer.hostedZoneId", "loadBalancer.domain"),
    _at_most("loadBalancer.healthCheckTimeoutSeconds", "loadBalancer.healthCheckIntervalSeconds"),
    _slow_start,
    _anomaly_mitigation,
    _left_out(
        "fleet.application.containerImage",
        "fleet.application.userData is given",
        "fleet.application.userData",
    ),
    _refresh,
    _architectures,
    _prepared,
    _at_least_boot("fleet.defaultInstanceWarmupSeconds"),
    _at_least_boot("fleet.healthCheckGracePeriodSeconds"),
    _surge,
    _steps_have_a_figure,
    *(
        _together(f"service.{key}", f"service.{other}")
        for key, other in (
            ("coldRequestsPerSecond", "coldSeconds"),
            ("coldSeconds", "coldRequestsPerSecond"),
            ("coldRequestsPerSecond", "coldConcurrency"),
        )
    ),
    *(
        _at_most_figure(f"service.{key}", f"service.{other}")
        for key, other in (
            ("coldRequestsPerSecond", "requestsPerSecond"),
            ("coldConcurrency", "concurrency"),
            ("databaseSeconds", "serviceSeconds"),
            ("processorSeconds", "serviceSeconds"),
            ("serviceSeconds", "longestRequestSeconds"),
        )
    ),
    _at_most("alerts.responseTimeP95Seconds", "alerts.responseTimeP99Seconds"),
    _connection_budget,
    _known_limit,
    _replicas,
    _growth,
    _windows,
    _burns,
)
"""Rules between keys, of one group or of several."""


def _step_problems(values: _Values) -> list[Problem]:
    problems = []
    items = [item for _, item in values.items("scaling.steps")]
    for index, item in enumerate(items):
        above, add = item.get("abovePercent"), item.get("addPercent")
        before = items[index - 1] if index else None
        if before is None:
            surge = _or_none(values, "scaling.surgePercent")
            if surge is not None and above is not None and above != surge:
                problems.append(
                    Problem(
                        (*item.path, "abovePercent"),
                        f"be scaling.surgePercent ({plain(surge)})",
                        above,
                    )
                )
            continue
        begin, less = before.get("abovePercent"), before.get("addPercent")
        if above is not None and begin is not None and above <= begin:
            rule = f"be above that of the step before ({plain(begin)})"
            problems.append(Problem((*item.path, "abovePercent"), rule, above))
        if add is not None and less is not None and add < less:
            rule = f"be at least that of the step before ({less})"
            problems.append(Problem((*item.path, "addPercent"), rule, add))
    return problems


def _schedule_problems(values: _Values) -> list[Problem]:
    problems = []
    low = _or_none(values, "fleet.minSize") if values.given("fleet.minSize") else 1
    high = _or_none(values, "fleet.maxSize")
    for _, item in values.items("scaling.schedules"):
        size = item.get("minSize")
        path = (*item.path, "minSize")
        if size is not None and low is not None and size < low:
            problems.append(Problem(path, f"be at least fleet.minSize ({low})", size))
        if size is not None and high is not None and size > high:
            problems.append(Problem(path, f"be at most fleet.maxSize ({high})", size))
    return problems


def _burn_rate_problems(values: _Values) -> list[Problem]:
    problems = []
    named: dict[str, str | int] = {}
    for index, item in values.items("slo.burnRates"):
        long, short = item.get("longWindowMinutes"), item.get("shortWindowMinutes")
        rate = item.get("rate")
        severity = item.get("severity")
        if rate is not None and long is not None and short is not None:
            for name in burn_names(rate, long, short, str(severity)):
                first = named.setdefault(name, index)
                if first != index:
                    rule = (
                        f"differ from that of slo.burnRates[{first}], since both would name an "
                        f"alarm {name}"
                    )
                    problems.append(Problem((*item.path, "rate"), rule, rate))
                    break
        if long is not None and short is not None and short >= long:
            rule = f"be below longWindowMinutes ({long})"
            problems.append(Problem((*item.path, "shortWindowMinutes"), rule, short))
        if severity == AlertSeverity.INFO:
            problems.append(Problem((*item.path, "severity"), "be page or ticket", "info"))
    return problems


def _subscription_problems(values: _Values) -> list[Problem]:
    problems = []
    seen: dict[tuple[Any, ...], str | int] = {}
    items = values.items("alerts.subscriptions")
    if items and all(item.get("severity") == AlertSeverity.INFO for _, item in items):
        rule = "have one of severity page or ticket"
        problems.append(Problem(("alerts", "subscriptions"), rule, "info only"))
    for index, item in (*items, *values.items("alerts.escalation")):
        severity, protocol = item.get("severity"), item.get("protocol")
        endpoint = item.get("endpoint")
        path = (*item.path, "endpoint")
        if protocol is None or endpoint is None:
            continue
        # The URL of an incident tool carries the key that lets one page people.
        hidden = protocol == SubscriptionProtocol.HTTPS
        rule, pattern = ENDPOINT_RULES[SubscriptionProtocol(protocol)]
        if not re.fullmatch(pattern, endpoint):
            problems.append(Problem(path, rule, endpoint, hidden))
        elif (first := seen.setdefault((severity, protocol, endpoint), index)) != index:
            group = item.path[1]
            rule = f"differ from alerts.{group}[{first}].endpoint"
            problems.append(Problem(path, rule, endpoint, hidden))
    return problems


def _variable_problems(values: _Values) -> list[Problem]:
    place = "fleet.application"
    environment = _or_none(values, f"{place}.environment") or {}
    secrets = _or_none(values, f"{place}.secrets") or {}
    return [
        _broken(f"{place}.secrets.{name}", "not be in fleet.application.environment too", name)
        for name in secrets
        if name in environment
    ]


def _or_none(values: _Values, place: str) -> Any:
    try:
        return values[place]
    except _Unknown:
        return None


def as_figure(stated: Any) -> Figure:
    """Return a figure as it was written as the range that it stands for."""
    return FIGURE.validate_python(stated)


def find_problems(data: Mapping[str, Any]) -> list[Problem]:
    """Return all that is wrong with `data`, in the order of the schema."""
    whole_data = _with_groups(data)
    problems = problems_of(Configuration, whole_data)
    values = _Values(whole_data, problems)
    for rule in _RULES:
        try:
            problem = rule(values)
        except _Unknown:
            continue
        if problem is not None:
            problems.append(problem)
    for each in (
        _step_problems,
        _schedule_problems,
        _subscription_problems,
        _variable_problems,
        _burn_rate_problems,
    ):
        problems += each(values)
    groups = [*keys_of(Configuration)]
    return sorted(
        problems,
        key=lambda problem: (
            groups.index(str(problem.path[0])) if problem.path[0] in groups else len(groups)
        ),
    )


def _with_groups(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` with each group that was left out, so that what it requires is missed."""
    return {**{name: {} for name in keys_of(Configuration)}, **without_nulls(Configuration, data)}


def load() -> Configuration:
    """Return the stack's configuration; raise ConfigurationError for all that is wrong with it."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    written: dict[str, Any] = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    secrets = {*runtime_config.get_config_secret_keys_env()}
    data, secret_groups = {}, set()
    lines: list[str] = []
    for name, value in written.items():
        namespace, _, key = name.partition(":")
        if namespace == project and key:
            try:
                data[key] = parse_value(value, name) if isinstance(value, str) else value
            except DocumentError as error:
                lines += error.problems
            if name in secrets or pulumi.runtime.is_config_secret(name):
                secret_groups.add(key)
    lines += unread_namespaces(written, project)
    outer = [*_name_problems(project, stack), *_region_problems(written.get("aws:region"))]
    lines += [problem.line(secret=False) for problem in outer]
    try:
        configuration = Configuration.from_data(data, secret_groups=frozenset(secret_groups))
    except ConfigurationError as error:
        raise ConfigurationError("\n".join([*lines, str(error)])) from None
    if lines:
        raise ConfigurationError("\n".join(lines))
    if configuration.service.boot_seconds is None:
        pulumi.log.warn(
            f"service.bootSeconds is not stated, so {BOOT_SECONDS} s are taken for warm-up and "
            "grace: too short, and instances are replaced while they boot; too long, and scaling "
            "waits. Measure it from the group's activity: from launch until the target is healthy."
        )
    shared = configuration.database
    if shared.enabled and not shared.proxy and not configuration.service.connections_per_instance:
        pulumi.log.warn(
            "service.connectionsPerInstance is not stated, so nobody knows whether the database's "
            "connections suffice at fleet.maxSize. Measure it, or turn database.proxy on."
        )
    return configuration


def _region_problems(region: object) -> list[Problem]:
    """Hold that the stack says where it lives, rather than whoever deploys it."""
    if isinstance(region, str) and re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        return []
    return [Problem(("aws:region",), "be a Region, such as eu-central-1", region)]


def _name_problems(project: str, stack: str) -> list[Problem]:
    """Check what the names of the project and the stack make of other names.

    The shortest limit is that of the target group: project, stack, web and a digest of six.
    """
    most = 32 - len(f"{project}--web-") - 6
    problems = []
    if len(stack) > most:
        rule = f"be of at most {most} characters, since AWS's names of target groups hold 32"
        problems.append(Problem(("stack",), rule, stack))
    if not re.fullmatch(r"[a-z0-9-]*", f"{project}-{stack}"):
        rule = "be lower-case letters, digits and hyphens, since AWS's names of buckets are"
        problems.append(Problem(("stack",), rule, f"{project}-{stack}"))
    return problems


_ROOT: Final = Path(__file__).parent.parent
REFERENCE: Final = _ROOT / "docs" / "reference"
PROJECT_FILE: Final = _ROOT / "Pulumi.yaml"
_MARKS: Final = ("  # BEGIN keys (python -m components.configuration)", "  # END keys")


def reference() -> str:
    """Return docs/reference/configuration.md."""
    introduction = (
        "Written by `python -m components.configuration`; do not edit by hand. Keys stand under "
        "`config` in `Pulumi.<stack>.yaml`, each group as `surgeproof:<group>`; `aws:region` says "
        "where. Everything is checked before the first resource, and all problems are told at once."
    )
    minimum = (
        "Needed are `fleet.maxSize`, one way to serve (`loadBalancer.certificateArn`, or `domain` "
        "with `hostedZoneId`, or `plainHttp: true`) and one of `alerts.subscriptions`. `service` "
        "is what turns scaling from a guess into a rule: measure it."
    )
    lines = ["# Configuration", "", introduction, "", minimum, "", *_EXAMPLE, ""]
    for model in _models(Configuration):
        lines += [
            f"## {model.title}",
            "",
            str(model.__doc__).strip(),
            "",
            "| key | meaning | unit and range | default |",
            "|---|---|---|---|",
            *_table(model),
            "",
        ]
    lines += [
        "## tags",
        "",
        "Tags of all that is created: a mapping of at most 40 texts. Default: none.",
        "",
    ]
    return "\n".join(lines)


_EXAMPLE: Final = (
    "```yaml",
    "config:",
    "  aws:region: eu-central-1",
    "  surgeproof:fleet:",
    "    maxSize: 8",
    "  surgeproof:loadBalancer:",
    "    domain: shop.example.com",
    "    hostedZoneId: Z0123456789ABCDEFGHIJ",
    "  surgeproof:alerts:",
    "    subscriptions:",
    "      - { severity: page, protocol: email, endpoint: on-call@example.com }",
    "  surgeproof:service:",
    "    requestsPerSecond: [90, 120]",
    "    bootSeconds: 100",
    "```",
)


def _models(model: type[Schema]) -> list[type[Schema]]:
    """Return the groups inside a group, each before those inside it."""
    found = []
    for field in model.model_fields.values():
        nested = inner(field)
        if nested is not None:
            found += [nested, *_models(nested)]
    return found


def _table(model: type[Schema]) -> list[str]:
    rows = []
    for name, field in keys_of(model).items():
        key, nested = key_of(field), inner(field)
        if key is None:
            continue
        title = nested.title if nested else ""
        anchor = re.sub(r"[^a-z]", "", title.lower())
        doc = f"{key.doc} See [{title}](#{anchor})." if nested else key.doc
        rows.append(f"| `{name}` | {doc} | {key.range} | {key.default} |")
    return rows


def project_keys() -> str:
    """Return the entries of Pulumi.yaml's `config` block.

    Nested keys cannot be declared there. Each group has an empty default, so that the engine leaves
    it to the checks here to tell what is missing, all at once. aws:region cannot stand there
    without a value, which would then hold for every stack that forgets its own.
    """
    lines = [_MARKS[0]]
    for name, field in keys_of(Configuration).items():
        key, nested = key_of(field), inner(field)
        doc = key.doc if key else ""
        names = f" Keys: {', '.join(keys_of(nested))}." if nested else ""
        lines += [
            f"  {name}:",
            "    type: object",
            "    default: {}",
            "    description: >-",
            *textwrap.wrap(f"{doc}{names}", 94, initial_indent=" " * 6, subsequent_indent=" " * 6),
        ]
    return "\n".join([*lines, _MARKS[1]])


def with_project_keys(project_file: str) -> str:
    """Return the text of Pulumi.yaml with its entries brought up to date."""
    begin, end = (project_file.index(mark) for mark in _MARKS)
    return project_file[:begin] + project_keys() + project_file[end + len(_MARKS[1]) :]


def _write() -> None:
    from surgeproof import files  # noqa: PLC0415 - a program does without the toolkit

    REFERENCE.mkdir(parents=True, exist_ok=True)
    files.write_text(REFERENCE / "configuration.md", reference())
    files.write_text(REFERENCE / "alarms.md", alarms_reference())
    project_file = PROJECT_FILE.read_text(encoding="utf-8")
    files.write_text(PROJECT_FILE, with_project_keys(project_file))


if __name__ == "__main__":
    _write()
