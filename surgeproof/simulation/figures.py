"""The figures of service, users and database as the simulation reads them: one table.

Each row is one field of the scenario: where in the plan its range is, what it means, and which of
its ends hurts. The ranges of what AWS does not document are in `assumptions`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from surgeproof.plan import Figure, ScalingPlan


class Worse(Enum):
    """The end of a range that hurts."""

    LOW = auto()
    HIGH = auto()
    NEITHER = auto()
    """Neither is worse in general: at the ends of all ranges it stays typical."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of the plan."""

    found: Callable[[ScalingPlan], Figure | None]
    """Its range; None where the plan states none."""
    worse: Worse
    meaning: str


def _of(place: str) -> Callable[[ScalingPlan], Figure | None]:
    return attrgetter(place)


def _of_database(name: str) -> Callable[[ScalingPlan], Figure | None]:
    return lambda plan: None if plan.database is None else getattr(plan.database, name)


def _cold_rate(plan: ScalingPlan) -> Figure | None:
    service = plan.service
    if service is None:
        return None
    return service.cold_requests_per_second or service.requests_per_second


FIGURES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "requests_per_second": Row(
            _of("service.requests_per_second"),
            Worse.LOW,
            "requests/s that a warm instance carries",
        ),
        "cold_requests_per_second": Row(
            _cold_rate, Worse.LOW, "requests/s that a cold instance carries"
        ),
        "cold_seconds": Row(
            _of("service.cold_seconds"), Worse.HIGH, "how long an instance is cold (s)"
        ),
        "service_seconds": Row(
            _of("service.service_seconds"),
            Worse.HIGH,
            "time of one request on an idle instance (s)",
        ),
        "service_variation": Row(
            _of("service.service_variation"),
            Worse.HIGH,
            "squared coefficient of variation of the service time",
        ),
        "boot_seconds": Row(
            _of("service.boot_seconds"),
            Worse.HIGH,
            "time from launch until an instance serves (s)",
        ),
        "pool_start_seconds": Row(
            _of("service.pool_start_seconds"),
            Worse.HIGH,
            "time from the warm pool until an instance serves (s)",
        ),
        "queue_size": Row(
            _of("service.queue_size"),
            Worse.NEITHER,
            "requests that wait in an instance before it refuses more",
        ),
        "longest_request_seconds": Row(
            _of("service.longest_request_seconds"), Worse.HIGH, "longest normal request (s)"
        ),
        "database_seconds": Row(
            _of("service.database_seconds"),
            Worse.HIGH,
            "part of a request spent in the database (s)",
        ),
        "connections_per_instance": Row(
            _of("service.connections_per_instance"),
            Worse.HIGH,
            "database connections that an instance opens",
        ),
        "session_seconds": Row(
            _of("users.session_seconds"), Worse.NEITHER, "length of a user's session (s)"
        ),
        "requests_per_session": Row(
            _of("users.requests_per_session"), Worse.HIGH, "requests of a user's session"
        ),
        "timeout_seconds": Row(
            _of("users.timeout_seconds"), Worse.NEITHER, "when a client gives up (s)"
        ),
        "backoff_seconds": Row(
            _of("users.backoff_seconds"), Worse.LOW, "mean wait before the first retry (s)"
        ),
        "think_seconds": Row(
            _of("users.think_seconds"), Worse.LOW, "wait of a user between requests (s)"
        ),
        "contention": Row(
            _of_database("contention"), Worse.HIGH, "contention in the database (USL alpha)"
        ),
        "coherency": Row(
            _of_database("coherency"), Worse.HIGH, "coherency in the database (USL beta)"
        ),
        "database_queries_per_second": Row(
            _of_database("queries_per_second"),
            Worse.LOW,
            "requests/s that the database carries",
        ),
        "concurrency": Row(
            _of("service.concurrency"),
            Worse.LOW,
            "requests that a warm instance works on at once",
        ),
        "processor_seconds": Row(
            _of("service.processor_seconds"),
            Worse.NEITHER,
            "processor time of one request (s)",
        ),
        "cold_concurrency": Row(
            _of("service.cold_concurrency"),
            Worse.LOW,
            "requests that a cold instance works on at once",
        ),
        "other_instances": Row(
            lambda _: None,  # by `figures_of`, as it depends on the group
            Worse.HIGH,
            "instances of other groups, which hold connections to the same database",
        ),
    }
)
"""By the scenario's field. Their order is that in which they are drawn."""


def figures_of(plan: ScalingPlan, group: str) -> dict[str, Figure]:
    """Return the ranges that a plan with a service states, by the scenario's field.

    Args:
        plan: The plan.
        group: Name of the group that is replayed; the others hold connections meanwhile.

    """
    found = {name: row.found(plan) for name, row in FIGURES.items()}
    others = [each for each in plan.groups if each.name != group]
    if others and plan.database is not None and not plan.database.proxied:
        usual = [
            each.min_size if each.desired_capacity is None else each.desired_capacity
            for each in others
        ]
        found["other_instances"] = Figure(
            low=sum(each.min_size for each in others),
            typical=sum(usual),
            high=sum(each.max_size for each in others),
        )
    return {name: figure for name, figure in found.items() if figure is not None}
