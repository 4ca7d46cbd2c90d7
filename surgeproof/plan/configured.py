"""What the replay is told by the stack's configuration rather than by its resources.

Figures of the application, the objective, and the surges that must be survived. The program checks
the whole configuration (`components.configuration`); what is read here is checked again, since a
deployed stack is replayed without its program.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from surgeproof.plan.model import (
    DemandMetric,
    Figure,
    NotSeen,
    Objective,
    PlanError,
    Prices,
    Quotas,
    ScalingPlan,
    Service,
)
from surgeproof.settings.errors import shortened, shown

_FIGURES: Final = {
    "requestsPerSecond": "requests_per_second",
    "bootSeconds": "boot_seconds",
    "serviceSeconds": "service_seconds",
    "concurrency": "concurrency",
    "coldRequestsPerSecond": "cold_requests_per_second",
    "coldConcurrency": "cold_concurrency",
    "coldSeconds": "cold_seconds",
    "longestRequestSeconds": "longest_request_seconds",
    "databaseSeconds": "database_seconds",
    "processorSeconds": "processor_seconds",
    "connectionsPerRequest": "connections_per_request",
    "connectionsPerInstance": "connections_per_instance",
}
"""Keys of the group `service`, and what the plan calls them."""

_NEEDED: Final = ("requestsPerSecond", "bootSeconds", "serviceSeconds")
"""Figures for which no default could stand in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """A surge that the stack must survive."""

    name: str
    trace: str
    """Name of a trace, or the path of a file."""
    scale: float = 1.0
    """What the trace's requests are multiplied by (factor). Default: 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surviving:
    """What surviving a surge means; both bounds hold."""

    affected_users_percent: float = 0.5
    """Share of users that may be affected (percent). Default: 0.5."""
    bad_minutes: int = 2
    """Minutes that may lie outside the objective (minutes). Default: 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What a stack's configuration states for the replay."""

    service: Service | None = None
    """Default: not stated, so that no verdict is given."""
    objective: Objective = field(default_factory=Objective)
    demand_metrics: tuple[DemandMetric, ...] = ()
    surges: tuple[Surge, ...] = ()
    surviving: Surviving = field(default_factory=Surviving)
    prices: Prices = field(default_factory=Prices)
    quotas: Quotas = field(default_factory=Quotas)
    not_seen: tuple[NotSeen, ...] = ()
    missing: tuple[str, ...] = ()
    """Keys without which there is no service, such as `service.bootSeconds`. Default: none."""

    def complete(self, plan: ScalingPlan) -> ScalingPlan:
        """Return the plan with what the configuration states; what AWS itself says comes first."""
        asked = plan.quotas.vcpus is not None
        noted = plan.not_seen
        if not asked and self.quotas.vcpus is not None:
            noted = tuple(each for each in noted if each.path != "quotas.vcpus")
        return replace(
            plan,
            quotas=plan.quotas if asked else self.quotas,
            service=self.service,
            objective=self.objective,
            demand_metrics=self.demand_metrics,
            prices=self.prices,
            not_seen=(*noted, *self.not_seen),
        )


def configured(data: Mapping[str, Any]) -> Configured:
    """Read the configuration's groups, plain values by name; raise PlanError for what is wrong."""
    problems: list[str] = []
    service, missing = _service(_mapping(data, "service", problems), problems)
    slo = _mapping(data, "slo", problems)
    surge = _mapping(slo, "surge", problems, "slo.")
    surviving = Surviving(
        affected_users_percent=_number(
            surge, "affectedUsersPercent", "slo.surge.", problems, 0.5, high=100
        ),
        bad_minutes=int(_number(surge, "badMinutes", "slo.surge.", problems, 2)),
    )
    objective = Objective(
        latency_seconds=_number(slo, "latencySeconds", "slo.", problems, 1, low=0.001),
        bad_requests_percent=_number(slo, "badRequestsPercent", "slo.", problems, 1, high=100),
    )
    scaling = _mapping(data, "scaling", problems)
    spending = _mapping(data, "spending", problems)
    account = _mapping(data, "account", problems)
    quota = _number(account, "vcpuQuota", "account.", problems, 0, low=1)
    price = _number(spending, "instanceHourUsd", "spending.", problems, 0)
    result = Configured(
        service=service,
        objective=objective,
        demand_metrics=_demand(scaling, problems),
        surges=_surges(_mapping(data, "surges", problems), problems),
        surviving=surviving,
        prices=Prices(instance_hour=price),
        quotas=Quotas(vcpus=quota or None),
        not_seen=missing,
        missing=tuple(
            f"service.{key}" for key in _NEEDED if _mapping(data, "service", []).get(key) is None
        ),
    )
    if problems:
        raise PlanError(*problems)
    return result


def _mapping(
    data: Mapping[str, Any], key: str, problems: list[str], place: str = ""
) -> Mapping[str, Any]:
    value = data.get(key)
    if isinstance(value, Mapping):
        return value
    if value is not None:
        problems.append(f"{place}{key}: must be a mapping of keys, got {shown(value)}")
    return {}


def _number(
    data: Mapping[str, Any],
    key: str,
    place: str,
    problems: list[str],
    default: float,
    *,
    low: float = 0,
    high: float = math.inf,
) -> float:
    value = data.get(key)
    if value is None:
        return default
    if _is_number(value) and low <= value <= high:
        return float(value)
    ends = f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
    problems.append(f"{place}{key}: must be a number {ends}, got {shown(value)}")
    return default


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _figure(value: Any) -> Figure | None:
    """Return a number with 20 % around it, or the range that two numbers state."""
    if _is_number(value) and value >= 0:
        return Figure.about(value)
    if not isinstance(value, Sequence) or len(value) != 2 or not all(map(_is_number, value)):
        return None
    low, high = value
    return Figure(low=low, typical=(low + high) / 2, high=high) if 0 <= low <= high else None


def _service(
    data: Mapping[str, Any], problems: list[str]
) -> tuple[Service | None, tuple[NotSeen, ...]]:
    figures: dict[str, Any] = {}
    for key, name in _FIGURES.items():
        if data.get(key) is None:
            continue
        figure = _figure(data[key])
        if figure is None or figure.high <= 0:
            problems.append(
                f"service.{key}: must be a number above 0, or a list of two such numbers, the "
                f"lower one first, got {shown(data[key])}"
            )
            continue
        figures[name] = figure
    missing = [key for key in _NEEDED if data.get(key) is None]
    if missing:
        reason = (
            f"The configuration does not state {' and '.join(f'service.{key}' for key in missing)}"
            "; measure it with a load test."
        )
        return None, (NotSeen(path="service", reason=reason),)
    return (None if problems else Service(**figures)), ()


def _demand(scaling: Mapping[str, Any], problems: list[str]) -> tuple[DemandMetric, ...]:
    place = "scaling.highResolutionMetric."
    metric = _mapping(scaling, "highResolutionMetric", problems, "scaling.")
    if not metric:
        return ()
    capacity = _number(metric, "capacityPerInstance", place, problems, 0, low=1e-6)
    names = [metric.get(key) for key in ("namespace", "metricName")]
    if capacity <= 0 or not all(isinstance(name, str) and name for name in names):
        problems.append(f"{place[:-1]}: must state namespace, metricName and capacityPerInstance")
        return ()
    return (
        DemandMetric(namespace=str(names[0]), name=str(names[1]), capacity_per_instance=capacity),
    )


def _surges(data: Mapping[str, Any], problems: list[str]) -> tuple[Surge, ...]:
    surges = []
    for name, stated in data.items():
        trace = stated.get("trace") if isinstance(stated, Mapping) else None
        if not isinstance(trace, str) or not trace:
            problems.append(
                f"surges.{shortened(name)}.trace: must be the name or the path of a trace"
            )
            continue
        scale = _number(stated, "scale", f"surges.{shortened(name)}.", problems, 1, low=0.0001)
        surges.append(Surge(name=name, trace=trace, scale=scale))
    return tuple(surges)
