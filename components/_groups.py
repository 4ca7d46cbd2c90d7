"""Groups of the configuration whose settings no component defines yet."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, NotRequired, TypedDict

from components import aws_limits
from components._application import ARN_RULE, is_secret_arn
from components._rules import ACCOUNT_ARN, RUNBOOK_BASE_URL, TAGS, aws, aws_whole
from components.auto_scaling_group import BOOT_SECONDS, WarmPoolState
from components.auto_scaling_group import _architecture as architecture
from components.notifications import (
    SLACK_CHANNEL,
    SLACK_WORKSPACE,
    SUBSCRIPTIONS_MAX,
    AlertSeverity,
    SubscriptionProtocol,
)
from components.objectives import BURN_RATES_MAX, OBJECTIVE_PERCENT, WINDOW_MINUTES_MAX
from surgeproof.figures import Figure, figure
from surgeproof.settings.fields import (
    choice,
    group,
    items,
    number,
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


SURGES_MAX: Final = 20
"""Surges of one stack: each is replayed at every preview."""


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


class EscalationConfiguration(TypedDict):
    """Somebody or something that is called when a page stays open."""

    protocol: Annotated[SubscriptionProtocol, choice(SubscriptionProtocol)]
    """How they are delivered."""
    endpoint: Annotated[str, text("by the protocol")]
    """E-mail address, https URL or ARN of an SQS queue. A URL that holds a key belongs into a
    secret: `pulumi config set --secret --path`."""


class SlackConfiguration(TypedDict):
    """A Slack channel, through Amazon Q Developer in chat applications (connect it there first)."""

    workspace_id: Annotated[
        str, text("id, such as T0123456789", SLACK_WORKSPACE[0], pattern=SLACK_WORKSPACE[1])
    ]
    """Id of the Slack workspace."""
    channel_id: Annotated[
        str, text("id, such as C0123456789", SLACK_CHANNEL[0], pattern=SLACK_CHANNEL[1])
    ]
    """Id of the channel."""
    severities: NotRequired[
        Annotated[
            list[str],
            items(
                "list of page, ticket, info",
                "be a list of at least one of page, ticket and info",
                low=1,
                item=text(must="be one of page, ticket, info", pattern="page|ticket|info"),
                default=["page", "ticket"],
                behaviour="`[page, ticket]`",
                once=True,
            ),
        ]
    ]
    """Which alerts it gets."""


class ActiveUsersConfiguration(TypedDict):
    """Users at work, as the application counts them.

    Each instance publishes its own number once a minute with one dimension, AutoScalingGroupName;
    they are added up. With fleet.application.metricsNamespace the application only has to send a
    StatsD gauge of that name to 127.0.0.1:8125.
    """

    namespace: Annotated[
        str,
        text(
            "text, 1 to 255 characters",
            "be a text of 1 to 255 characters, not beginning with a colon",
            pattern="[^:].{0,254}",
        ),
    ]
    """Namespace of the metric in CloudWatch."""
    metric_name: Annotated[
        str,
        text("text, 1 to 255 characters", "be a text of 1 to 255 characters", pattern=".{1,255}"),
    ]
    """Name of the metric."""


class SubscriptionConfiguration(TypedDict):
    """Somebody or something that receives alerts."""

    severity: Annotated[AlertSeverity, choice(AlertSeverity)]
    """Which alerts: those that somebody has to look at now, those that can wait, or those that
    only inform."""
    protocol: Annotated[SubscriptionProtocol, choice(SubscriptionProtocol)]
    """How they are delivered."""
    endpoint: Annotated[str, text("by the protocol")]
    """E-mail address, https URL or ARN of an SQS queue. A URL that holds a key belongs into a
    secret: `pulumi config set --secret --path`."""


class AlertsConfiguration(TypedDict):
    """Who is told of what."""

    subscriptions: Annotated[
        list[SubscriptionConfiguration],
        items(
            f"list of 1 to {SUBSCRIPTIONS_MAX}",
            f"be a list of 1 to {SUBSCRIPTIONS_MAX} subscriptions",
            high=SUBSCRIPTIONS_MAX,
            low=1,
        ),
    ]
    """Who receives alerts. Of page and ticket, the one that nobody subscribes to goes to the
    receivers of the other; info that nobody subscribes to is kept in a queue for 14 days."""
    escalation: NotRequired[
        Annotated[
            list[EscalationConfiguration],
            items(
                f"list of 1 to {SUBSCRIPTIONS_MAX}",
                f"be a list of 1 to {SUBSCRIPTIONS_MAX} receivers",
                high=SUBSCRIPTIONS_MAX,
                low=1,
                behaviour="the receivers of pages",
                default=None,
            ),
        ]
    ]
    """Who is called when a page stays open: the team behind the first one."""
    escalation_minutes: NotRequired[Annotated[int, whole("minutes", 1, 1440, default=30)]]
    """Time that a page may stay open, which means still in ALARM, not that nobody acknowledged
    it."""
    slack: NotRequired[Annotated[SlackConfiguration, group(behaviour="none")]]
    """Slack channel that gets alerts."""
    timeline_retention_days: NotRequired[
        Annotated[int, aws_whole("days", aws_limits.LOG_GROUP, "retentionInDays", default=400)]
    ]
    """Time that alarm changes, scaling activities, instance refreshes and runbook executions
    are kept."""
    active_users_metric: NotRequired[Annotated[ActiveUsersConfiguration, group(behaviour="none")]]
    """Users at work, as the application counts them."""
    request_jump_percent: NotRequired[Annotated[float, number("percent", 10, 1000, default=30)]]
    """Growth of requests from one five minutes to the next that counts as a jump."""
    anomaly_band_width: NotRequired[
        Annotated[float, number("standard deviations", 1, 10, default=4)]
    ]
    """Half the width of the band of usual demand."""
    good_response_percent: NotRequired[Annotated[float, number("percent", 1, 99.99, default=90)]]
    """Share of requests answered well (2xx or 3xx), below which it pages."""
    client_error_percent: NotRequired[Annotated[float, number("percent", 0.01, 100, default=1)]]
    """Share of requests refused as the client's error (4xx) that makes a ticket."""
    response_time_p95_seconds: NotRequired[
        Annotated[float, number("seconds", 0.001, 4000, default=1)]
    ]
    """Response time that 95 of 100 requests stay below, else it pages."""
    response_time_p99_seconds: NotRequired[
        Annotated[float, number("seconds", 0.001, 4000, default=2)]
    ]
    """Response time that 99 of 100 requests stay below, else there is a ticket."""
    server_error_percent: NotRequired[Annotated[float, number("percent", 0.01, 100, default=1)]]
    """Share of failing requests that pages."""
    minimum_requests_per_minute: NotRequired[
        Annotated[int, whole("requests per minute", 1, 1000000, default=100)]
    ]
    """Requests below which error rates are not judged."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""


class ServiceConfiguration(TypedDict):
    """How the application behaves under load, as measured; no default stands in for that."""

    requests_per_second: NotRequired[
        Annotated[
            Figure,
            figure(
                "requests per second",
                0.01,
                1000000,
                behaviour="not stated: scaling follows the processors alone",
            ),
        ]
    ]
    """Requests that one instance carries with response times within `alerts`. Measure it with a
    load test on one instance. Scaling goes by the low end."""
    boot_seconds: NotRequired[
        Annotated[
            Figure,
            figure(
                "seconds",
                1,
                3000,
                behaviour=f"not stated: {BOOT_SECONDS} is taken for warm-up and grace",
            ),
        ]
    ]
    """Time from launch until an instance serves. Measure it from the group's activity: from
    launch until the target is healthy. Warm-up and grace go by the high end."""
    service_seconds: NotRequired[
        Annotated[
            Figure,
            figure("seconds", 0.0001, 4000, behaviour="not stated: the replay gives no verdict"),
        ]
    ]
    """Time of one request on an idle instance, the database's part included. Measure it with
    single requests. Read by the replay, as all that follows."""
    concurrency: NotRequired[
        Annotated[
            Figure,
            figure(
                "requests",
                0.01,
                1000000,
                behaviour="what requestsPerSecond and serviceSeconds imply",
            ),
        ]
    ]
    """Requests that one instance works on at once; more have to wait."""
    cold_requests_per_second: NotRequired[
        Annotated[
            Figure, figure("requests per second", 0.01, 1000000, behaviour="`requestsPerSecond`")
        ]
    ]
    """Requests that one instance carries while its caches are cold and its pools empty."""
    cold_concurrency: NotRequired[
        Annotated[Figure, figure("requests", 0.01, 1000000, behaviour="`concurrency`")]
    ]
    """Requests that one instance works on at once while it is cold."""
    cold_seconds: NotRequired[Annotated[Figure, figure("seconds", 0.1, 36000, behaviour="`0`")]]
    """Time from an instance's first request until it carries all that it can."""
    longest_request_seconds: NotRequired[
        Annotated[Figure, figure("seconds", 0.001, 4000, behaviour="`[1, 30]`")]
    ]
    """Longest request that is normal; what an instance is given to finish when it stops."""
    keep_alive_seconds: NotRequired[
        Annotated[
            Figure,
            figure("seconds", 1, 86400, behaviour="not stated: the policies do not decide on it"),
        ]
    ]
    """Time for which the application keeps an idle connection open; it must be above
    loadBalancer.idleTimeoutSeconds. Read by the policies."""
    database_seconds: NotRequired[
        Annotated[Figure, figure("seconds", 0.0001, 4000, behaviour="`0`")]
    ]
    """Part of serviceSeconds that is spent in the database."""
    processor_seconds: NotRequired[
        Annotated[
            Figure,
            figure(
                "seconds of one vCPU",
                1e-06,
                4000,
                behaviour="serviceSeconds without databaseSeconds, but no more than the vCPU of an "
                "instance can give at requestsPerSecond",
            ),
        ]
    ]
    """Processor time of one request: CPU utilisation is requests per second x this / vCPU.
    Measure it with a load test: vCPU x CPU utilisation / requests per second."""
    connections_per_request: NotRequired[
        Annotated[Figure, figure("connections", 0.01, 1000, behaviour="`1`, exactly")]
    ]
    """Database connections that one request holds."""
    connections_per_instance: NotRequired[
        Annotated[Figure, figure("connections", 0.01, 100000, behaviour="`0`")]
    ]
    """Database connections that one instance opens: its pools together."""


class AccountConfiguration(TypedDict):
    """What the AWS account allows, as the policies read it."""

    vcpu_quota: NotRequired[
        Annotated[
            int,
            whole(
                "vCPU",
                1,
                1000000,
                default=None,
                behaviour="not stated: the policies do not decide on it",
            ),
        ]
    ]
    """Quota of running On-Demand Standard instances in the Region (L-1216C47A)."""


class SurgeObjectiveConfiguration(TypedDict):
    """What surviving a surge means: both bounds hold."""

    affected_users_percent: NotRequired[Annotated[float, number("percent", 0, 100, default=0.5)]]
    """Share of users that may be affected."""
    bad_minutes: NotRequired[Annotated[int, whole("minutes", 0, 10000, default=2)]]
    """Minutes that may lie outside the objective."""


class BurnRateConfiguration(TypedDict):
    """A pair of windows over which the error budget is used up too fast."""

    rate: Annotated[float, number("times", 0.1, 1000)]
    """How many times faster than even the budget is used up."""
    long_window_minutes: Annotated[int, whole("minutes", 60, WINDOW_MINUTES_MAX)]
    """Length of the long window, which says that it matters."""
    short_window_minutes: Annotated[int, whole("minutes", 1, WINDOW_MINUTES_MAX)]
    """Length of the short window, which says that it still goes on; below the long one."""
    severity: Annotated[AlertSeverity, choice(AlertSeverity)]
    """Whether it is a page or a ticket."""


class ObjectiveConfiguration(TypedDict):
    """What users are promised, as the replay judges it and the alarms watch it."""

    latency_seconds: NotRequired[Annotated[float, number("seconds", 0.001, 4000, default=1)]]
    """Time within which a request must be answered, retries included."""
    bad_requests_percent: NotRequired[Annotated[float, number("percent", 0, 100, default=1)]]
    """Share of requests in a good minute that may fail or be late."""
    availability_percent: NotRequired[
        Annotated[
            float, number("percent", OBJECTIVE_PERCENT[0], OBJECTIVE_PERCENT[1], default=99.9)
        ]
    ]
    """Share of requests that are answered without a server error."""
    latency_percentile: NotRequired[
        Annotated[float, number("percent", OBJECTIVE_PERCENT[0], OBJECTIVE_PERCENT[1], default=99)]
    ]
    """Share of all requests that are answered within latencySeconds; one that nobody answers is
    not."""
    window_days: NotRequired[Annotated[int, whole("days", 1, 90, default=30)]]
    """Time over which both hold; what is left of it stands on the dashboard."""
    burn_rates: NotRequired[
        Annotated[
            list[BurnRateConfiguration],
            items(
                f"list of 1 to {BURN_RATES_MAX}",
                f"be a list of 1 to {BURN_RATES_MAX} pairs",
                high=BURN_RATES_MAX,
                low=1,
                behaviour="14.4 times over 1 h and 5 min and 6 times over 6 h and 30 min page; "
                "3 times over 24 h and 2 h and once over 72 h and 6 h make tickets",
                default=None,
            ),
        ]
    ]
    """When the budget is used up too fast."""
    surge: NotRequired[
        Annotated[SurgeObjectiveConfiguration, group(behaviour="0.5 percent of users, 2 minutes")]
    ]
    """What surviving a surge means."""


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


class PriceSettings(TypedDict):
    """What an instance costs."""

    instance_hour_usd: NotRequired[
        Annotated[
            float,
            number(
                "US dollars",
                0.0001,
                10_000,
                default=None,
                behaviour="instance-hours are told, and no money",
            ),
        ]
    ]
    """Price of one instance-hour, for the replay and the outputs."""


class SurgeConfiguration(TypedDict):
    """A surge that the stack must survive, by a name of your choice."""

    trace: Annotated[
        str,
        text(
            "name or path", "be the name or the path of a trace", pattern="[A-Za-z0-9._/-]{1,255}"
        ),
    ]
    """Trace of requests: the name of one that ships, such as x2-in-300s, or the path of a CSV
    file."""
    scale: NotRequired[Annotated[float, number("factor", 0.0001, 10000, default=1)]]
    """What the trace's requests are multiplied by; the traces that ship begin at 100 requests
    per second."""


class TopConfiguration(TypedDict):
    """What stands beside the groups."""

    surges: NotRequired[
        Annotated[
            dict[str, SurgeConfiguration],
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
