"""What the replay is told by the stack's configuration rather than by its resources.

Figures of the application, the objective, and the surges that must be survived. The program checks
the whole configuration by its components; what is read here is checked again by the same
rules, since a deployed stack is replayed without its program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from surgeproof import figures
from surgeproof.figures.settings import STATED
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
from surgeproof.settings.keys import Read

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
    group: str = ""
    """Which group it hits: its name, or that of what leads to it. Default: the only one."""
    share: float = 1.0
    """Share of the requests that come to this group (0 to 1). Default: 1."""

    @property
    def of_group(self) -> float:
        """What the group gets of the trace's requests (factor)."""
        return self.scale * self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class Surviving:
    """What surviving a surge means: a run survives where the first two bounds hold."""

    affected_users_percent: float = 0.5
    """Share of users that may be affected (percent). Default: 0.5."""
    bad_minutes: int = 2
    """Minutes that may lie outside the objective (minutes). Default: 2."""
    surviving_runs_percent: float = 95
    """Share of the drawn runs that must survive (percent). Default: 95."""


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
    read = STATED.read(data)
    if read.problems:
        raise PlanError(*(problem.line(secret=False) for problem in read.problems))
    missing = tuple(f"service.{key}" for key in _NEEDED if f"service.{key}" not in read.given)
    surge = read["slo.surge"] or {}
    metric = read["scaling.highResolutionMetric"]
    return Configured(
        service=None if missing else _service(read),
        objective=Objective(
            latency_seconds=read["slo.latencySeconds"],
            bad_requests_percent=read["slo.badRequestsPercent"],
        ),
        demand_metrics=() if metric is None else (_demand(metric),),
        surges=tuple(
            Surge(
                name=name,
                trace=stated["trace"],
                scale=stated["scale"],
                group=stated.get("group") or "",
                share=stated["share"],
            )
            for name, stated in (read["surges"] or {}).items()
        ),
        surviving=Surviving(**surge),
        prices=Prices(instance_hour=read["spending.instanceHourUsd"] or 0),
        quotas=Quotas(vcpus=read["account.vcpuQuota"]),
        not_seen=(_not_stated(missing),) if missing else (),
        missing=missing,
    )


def _service(read: Read) -> Service:
    fields = Service.__dataclass_fields__
    stated = {
        key.field.name: _figure(read[f"service.{name}"])
        for name, key in STATED.keys_in(STATED.groups[0]).items()
        if f"service.{name}" in read.given and key.field.name in fields
    }
    return Service(**stated)


def _figure(stated: figures.Figure) -> Figure:
    """Return a figure as the replay draws it: most likely what was written, or the middle."""
    if stated.stated is None:
        low, high = stated.low, stated.high
        return Figure(low=low, typical=(low + high) / 2, high=high)
    if stated.low == stated.high:
        return Figure.exactly(stated.stated)
    return Figure.about(stated.stated, figures.SPREAD)


def _not_stated(missing: Sequence[str]) -> NotSeen:
    reason = (
        f"The configuration does not state {' and '.join(missing)}; measure it with a load test."
    )
    return NotSeen(path="service", reason=reason)


def _demand(metric: Mapping[str, Any]) -> DemandMetric:
    return DemandMetric(
        namespace=metric["namespace"],
        name=metric["metric_name"],
        capacity_per_instance=metric["capacity_per_instance"],
    )
