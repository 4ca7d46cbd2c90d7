"""Settings of the alarms."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, NotRequired, TypedDict

from pulumi import Input

from surgeproof.components.rules import CAPACITY, CAPACITY_UNITS, RUNBOOK_BASE_URL, TAGS
from surgeproof.figures.settings import METRIC_NAME, METRIC_NAMESPACE, HighResolutionMetricArgs
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import group, number, plain, whole


class ActiveUsersMetricArgs(TypedDict):
    """Users at work, as the application counts them.

    Each instance publishes its own number once a minute with one dimension, AutoScalingGroupName;
    they are added up. With fleet.application.metricsNamespace the application only has to send a
    StatsD gauge of that name to 127.0.0.1:8125.
    """

    namespace: Annotated[str, METRIC_NAMESPACE]
    """Namespace of the metric in CloudWatch."""
    metric_name: Annotated[str, METRIC_NAME]
    """Name of the metric."""


class AlarmsArgs(TypedDict):
    """Who receives which alerts."""

    load_balancer_arn_suffix: Input[str]
    """Last part of the load balancer's ARN, as CloudWatch names it: app/..."""
    target_group_arn_suffix: Input[str]
    """Last part of the target group's ARN: targetgroup/..."""
    group_name: Input[str]
    """Name of the auto scaling group."""
    page_topic_arn: Input[str]
    """Topic for alarms that somebody has to look at now."""
    ticket_topic_arn: Input[str]
    """Topic for alarms that can wait for working hours."""
    page_topic_name: Input[str]
    """Name of the page topic, to watch its deliveries."""
    ticket_topic_name: Input[str]
    """Name of the ticket topic, to watch its deliveries."""
    info_topic_arn: Input[str]
    """Topic for alarms that tell nobody by themselves: those that a page is made of."""
    escalation_topic_name: Input[str]
    """Name of the escalation topic, to watch its deliveries."""
    min_size: Annotated[int, whole("instances", 1, key="-")]
    """Fewest instances of the group."""
    max_size: Annotated[int, whole("instances", 1, key="-")]
    """Most instances of the group."""
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
    requests_per_second_per_instance: NotRequired[Annotated[float, CAPACITY]]
    """Requests that one instance carries. Without it no alarm compares demand with capacity."""
    high_resolution_metric: NotRequired[
        Annotated[HighResolutionMetricArgs, group(key="scaling.highResolutionMetric")]
    ]
    """Demand metric with a period below a minute."""
    active_users_metric: NotRequired[Annotated[ActiveUsersMetricArgs, group()]]
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
    capacity_units: NotRequired[Annotated[int, CAPACITY_UNITS.by(key="loadBalancer.capacityUnits")]]
    """Capacity that is reserved for the load balancer."""
    certificate_arn: NotRequired[Input[str]]
    """Certificate whose end is watched. Default: none."""
    nat_gateway_ids: NotRequired[list[Input[str]]]
    """NAT gateways that are watched. Default: none."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all alarms."""


def _sizes(values: Values) -> Iterator[Problem]:
    low, high = values["min_size"], values["max_size"]
    if low is not None and high is not None and low > high:
        yield Problem(("min_size",), f"be at most {{max_size={high}}}", low)


def _times(values: Values) -> Iterator[Problem]:
    low, high = (values[f"response_time_p{each}_seconds"] for each in (95, 99))
    if low > high:
        must = f"be at most {{response_time_p99_seconds={plain(high)}}}"
        yield Problem(("response_time_p95_seconds",), must, low)


ALARMS: Final = Definition("Alarms", AlarmsArgs, relations=(_sizes, _times))
