"""What the stack's configuration states for the replay and the policies, and no component is given.

Figures of the application, what the account allows, what is promised, and the surges that must be
survived.
"""

from collections.abc import Iterator
from typing import Annotated, Final, NotRequired, TypedDict

from surgeproof.figures.figure import Figure, figure
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import group, items, number, one_of, plain, text, whole
from surgeproof.settings.keys import Group, Keys

SURGES_MAX: Final = 20
"""Surges of one stack: each is replayed at every preview."""

BOOT_SECONDS: Final = 120
"""Boot time that is taken where none is stated (seconds)."""

LATENCY: Final = number("seconds", 0.001, 4000, default=1, key="slo.latencySeconds")
"""Time within which a request must be answered."""


METRIC_NAMESPACE: Final = text(
    "text, 1 to 255 characters",
    "be a text of 1 to 255 characters, not beginning with a colon",
    pattern=r"[^:].{0,254}",
)
METRIC_NAME: Final = text(
    "text, 1 to 255 characters", "be a text of 1 to 255 characters", pattern=r".{1,255}"
)

METRIC_PERIODS: Final = (10, 30)
"""Seconds between two values of a metric below a minute: 20 is a period for alarms but not for
target tracking (autoscaling API reference, TargetTrackingMetricStat)."""


class HighResolutionMetricArgs(TypedDict):
    """A demand metric that each instance publishes, with one dimension, AutoScalingGroupName.

    With StorageResolution 1, for example by the CloudWatch agent. It may count requests per second,
    requests under way or busy workers; it must grow with demand also when the instance is
    saturated.
    """

    namespace: Annotated[str, METRIC_NAMESPACE]
    """Namespace of the metric in CloudWatch."""
    metric_name: Annotated[str, METRIC_NAME]
    """Name of the metric."""
    capacity_per_instance: Annotated[float, number("the metric's own unit", 1e-6, 1e9)]
    """Value at which one instance is fully used."""
    period_seconds: NotRequired[Annotated[int, one_of("seconds", *METRIC_PERIODS, default=10)]]
    """How often it is published."""


class ServiceSettings(TypedDict):
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
    """Time from launch until an instance serves. Measure it from the group's activity: from launch
    until the target is healthy. Warm-up and grace go by the high end."""
    service_seconds: NotRequired[
        Annotated[
            Figure,
            figure("seconds", 0.0001, 4000, behaviour="not stated: the replay gives no verdict"),
        ]
    ]
    """Time of one request on an idle instance, the database's part included. Measure it with single
    requests. Read by the replay, as all that follows."""
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
            figure(
                "seconds",
                1,
                86400,
                spread=0,
                behaviour="not stated: the policies do not decide on it",
            ),
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
    """Processor time of one request: CPU utilisation is requests per second x this / vCPU. Measure
    it with a load test: vCPU x CPU utilisation / requests per second."""
    connections_per_request: NotRequired[
        Annotated[Figure, figure("connections", 0.01, 1000, spread=0, behaviour="`1`, exactly")]
    ]
    """Database connections that one request holds."""
    connections_per_instance: NotRequired[
        Annotated[Figure, figure("connections", 0.01, 100000, spread=0, behaviour="`0`")]
    ]
    """Database connections that one instance opens: its pools together."""


_PAIRS: Final = (
    ("cold_requests_per_second", "cold_seconds"),
    ("cold_seconds", "cold_requests_per_second"),
    ("cold_requests_per_second", "cold_concurrency"),
)
"""Figures, and those without which they mean nothing."""

_AT_MOST: Final = (
    ("cold_requests_per_second", "requests_per_second"),
    ("cold_concurrency", "concurrency"),
    ("database_seconds", "service_seconds"),
    ("processor_seconds", "service_seconds"),
    ("service_seconds", "longest_request_seconds"),
)


def _together(values: Values) -> Iterator[Problem]:
    for name, other in _PAIRS:
        if other in values.given and name not in values.given:
            yield Problem((name,), f"be given together with {{{other}}}", None)


def _in_order(values: Values) -> Iterator[Problem]:
    for name, other in _AT_MOST:
        low, high = values.get(name), values.get(other)
        if low is not None and high is not None and low.high > high.high:
            must = f"be at most {{{other}=up to {plain(high.high)}}}"
            yield Problem((name,), must, low.written)


SERVICE: Final = Definition("Service", ServiceSettings, relations=(_together, _in_order))


class AccountSettings(TypedDict):
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


class SurgeObjectiveSettings(TypedDict):
    """What surviving a surge means: the first two bounds hold, in so many of the runs."""

    affected_users_percent: NotRequired[Annotated[float, number("percent", 0, 100, default=0.5)]]
    """Share of users that may be affected."""
    bad_minutes: NotRequired[Annotated[int, whole("minutes", 0, 10000, default=2)]]
    """Minutes that may lie outside the objective."""
    surviving_runs_percent: NotRequired[Annotated[float, number("percent", 0, 100, default=95)]]
    """Share of the drawn runs that must survive; below it the policies warn."""


class ObjectiveSettings(TypedDict):
    """What users are promised, as the replay judges it and the alarms watch it."""

    latency_seconds: NotRequired[Annotated[float, LATENCY]]
    """Time within which a request must be answered, retries included."""
    bad_requests_percent: NotRequired[Annotated[float, number("percent", 0, 100, default=1)]]
    """Share of requests in a good minute that may fail or be late."""
    surge: NotRequired[
        Annotated[
            SurgeObjectiveSettings,
            group(behaviour="0.5 percent of users, 2 minutes, in 95 percent of the runs"),
        ]
    ]
    """What surviving a surge means."""


class SurgeSettings(TypedDict):
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
    """What the trace's requests are multiplied by; the traces that ship begin at 100 requests per
    second."""
    group: NotRequired[
        Annotated[
            str,
            text(
                "name",
                "be the name of a group, a target group or a listener rule",
                pattern=".{1,255}",
                default=None,
                behaviour="the only group; several are not decided",
            ),
        ]
    ]
    """Auto Scaling group that the surge hits, by its own name, or by that of its target group or of
    a listener rule that leads to it. Several groups are hit by as many surges."""
    share: NotRequired[Annotated[float, number("factor", 0.0001, 1, default=1)]]
    """Share of the trace's requests that come to that group."""


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


class DemandSettings(TypedDict):
    """What of `scaling` the replay has to know: the metric that the application publishes."""

    high_resolution_metric: NotRequired[Annotated[HighResolutionMetricArgs, group()]]
    """Demand metric with a period below a minute."""


SURGES: Final = items(
    f"mapping of at most {SURGES_MAX}",
    f"be a mapping of at most {SURGES_MAX} surges",
    high=SURGES_MAX,
    default=None,
    key="surges",
)


class TopSettings(TypedDict):
    """What stands beside the groups."""

    surges: NotRequired[Annotated[dict[str, SurgeSettings], SURGES]]
    """Surges that the stack must survive, by name; the replay runs them."""


STATED: Final = Keys(
    (
        Group(name="service", doc="", types=(ServiceSettings,)),
        Group(name="account", doc="", types=(AccountSettings,)),
        Group(name="slo", doc="", types=(ObjectiveSettings,)),
        Group(name="spending", doc="", types=(PriceSettings,)),
        Group(name="scaling", doc="", types=(DemandSettings,)),
    ),
    TopSettings,
    (SERVICE,),
    closed=False,
)
"""The keys that the replay and the policies read; a stack has others, which are not theirs."""
