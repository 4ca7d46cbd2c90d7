"""What the suggestions do to the service: database time of a request, and connections.

The replay reads `service.databaseSeconds` and `service.serviceSeconds`. Both become shorter by the
share of the database's time that is saved. What an instance carries stays as it was measured: only
a new load test says how much more it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from surgeproof.plan.model import Figure, ScalingPlan, Service
from surgeproof.queries.findings import Budget, Finding
from surgeproof.settings.aws_limits import REBALANCING

SPREAD: Final = 0.2
"""How far the truth may lie from a time that was measured here, as a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the database spends on a request, and what it would."""

    total_milliseconds: float
    """Time of the application's statements."""
    saved_milliseconds: float
    saved_by: tuple[str, ...]
    """What the estimates rest on; empty where nothing is saved."""
    requests: float | None
    """Requests in that time; None where nobody says."""

    @property
    def saved_share(self) -> float:
        """Share of the database's time that is saved."""
        if not self.total_milliseconds:
            return 0.0
        return min(self.saved_milliseconds / self.total_milliseconds, 1.0)

    @property
    def request_milliseconds(self) -> tuple[float, float] | None:
        """Database time of a request now, and with the suggestions (milliseconds)."""
        if not self.requests:
            return None
        now = self.total_milliseconds / self.requests
        return now, now * (1.0 - self.saved_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a replay says of one surge now, and with the suggestions."""

    surge: str
    before: str
    after: str


def effect_of(
    findings: Iterable[Finding],
    total_milliseconds: float,
    *,
    hours: float | None,
    requests_per_second: float | None,
) -> Effect:
    """Return what the findings' first advice saves, each statement's time once."""
    best: dict[tuple[int, ...], Finding] = {}
    for each in findings:
        known = best.get(each.statements)
        if each.saved_milliseconds and (
            known is None or known.saved_milliseconds < each.saved_milliseconds
        ):
            best[each.statements] = each
    requests = None
    if requests_per_second is not None and hours:
        requests = requests_per_second * hours * 3600
    return Effect(
        total_milliseconds=total_milliseconds,
        saved_milliseconds=sum(each.saved_milliseconds for each in best.values()),
        saved_by=tuple(sorted({each.saved_by for each in best.values()})),
        requests=requests,
    )


def now_and_then(service: Service, effect: Effect) -> tuple[Service, Service] | None:
    """Return the service as it is and with the suggestions; None where no time is known.

    The database's time is what was measured here; without requests to divide by, what the
    configuration states.
    """
    measured = effect.request_milliseconds
    figure = service.database_seconds
    if measured is not None:
        now = measured[0] / 1000
        figure = Figure(low=now * (1 - SPREAD), typical=now, high=now * (1 + SPREAD))
        # Whatever a request takes, it takes at least its database's part.
        whole = service.service_seconds
        ends = {name: min(getattr(figure, name), getattr(whole, name)) for name in _ENDS}
        figure = Figure(**ends)
    if figure.high <= 0:
        return None
    before = replace(service, database_seconds=figure)
    kept = 1.0 - effect.saved_share
    less = Figure(**{name: getattr(figure, name) * kept for name in _ENDS})
    shorter = Figure(
        **{
            name: getattr(service.service_seconds, name)
            - (getattr(figure, name) - getattr(less, name))
            for name in _ENDS
        }
    )
    return before, replace(service, database_seconds=less, service_seconds=shorter)


_ENDS: Final = ("low", "typical", "high")


def budget_of(plan: ScalingPlan) -> Budget | None:
    """Return the connections that a plan's instances may open; None where none are stated."""
    service = plan.service
    if service is None or service.connections_per_instance.high <= 0:
        return None
    if plan.database is not None and plan.database.proxied:
        return None
    each = service.connections_per_instance.high
    instances = sum(group.max_size for group in plan.groups)
    return Budget(
        needed=REBALANCING * instances * each,
        words=f"{REBALANCING:g} x {instances} instances x {each:g} connections",
    )
