"""The metrics that policies and alarms read, and whether they are about this plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from surgeproof.plan import _properties as known
from surgeproof.plan._stack import Stack
from surgeproof.plan._view import Notes, Resource, View
from surgeproof.plan.model import Metric, MetricMath

_ELB: Final = "AWS/ApplicationELB"
_ASG: Final = "AWS/AutoScaling"
_MODELLED: Final = frozenset({_ELB, _ASG, "AWS/EC2", "AWS/RDS"})
"""AWS's namespaces of which the simulation knows metrics; others it leaves out by itself."""


class Metrics:
    """Tells what a metric is about."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def is_ours(
        self,
        metric: Metric,
        dimensions: Mapping[str, Any] | None,
        resource: Resource,
        key: str,
        *,
        path: str,
        group: str | None = None,
    ) -> bool:
        """Whether a metric is about this plan's group, target group, balancer or database.

        What it is about is its dimensions. Those of a namespace that the simulation does not know
        are of no concern.
        """
        if metric.namespace not in _MODELLED and metric.namespace.startswith("AWS/"):
            return True
        place = f"{path}.metric"
        if dimensions is None:
            self._stack.notes.add(
                place,
                "What its metric is about is known only once it is deployed.",
                missing=resource.missing(key),
            )
            return False
        if not dimensions:
            self._stack.notes.add(
                place, f"{metric.name} is over the whole account, which is not modelled."
            )
            return False
        needed: dict[str, tuple[frozenset[str], tuple[str, ...], set[str | None]]] = {
            "AutoScalingGroupName": (known.GROUP, ("name",), set(self._stack.group_names)),
            "LoadBalancer": (
                known.LOAD_BALANCER,
                ("arnSuffix",),
                {self._stack.balancer_key},
            ),
            "TargetGroup": (
                known.TARGET_GROUP,
                ("arnSuffix",),
                set(self._stack.target_group_names),
            ),
            "DBInstanceIdentifier": (
                known.DATABASE,
                ("identifier", "id"),
                {each.key for each in self._stack.of(known.DATABASE)},
            ),
        }
        for dimension, value in dimensions.items():
            if dimension not in needed:
                self._stack.notes.add(place, f"{metric.name} by {dimension} is not modelled.")
                return False
            types, keys, ours = needed[dimension]
            found = self._stack.refer(resource, key, value, types, keys)
            if found is None or found.key not in ours:
                self._stack.notes.add(
                    place,
                    f"{metric.name} is about a {dimension} that is not of this plan, or of which "
                    "that cannot be told.",
                )
                return False
            if group is not None and not self._is_of(found, group):
                self._stack.notes.add(place, f"{metric.name} is not about the group {group}.")
                return False
        return self._is_published(metric, dimensions, resource, key, place)

    def _is_of(self, found: Resource, group: str) -> bool:
        """Whether a group or target group is the one called `group`, or belongs to it."""
        owner = next(key for key, name in self._stack.group_names.items() if name == group)
        if found.type in known.GROUP:
            return found.key == owner
        return found.type not in known.TARGET_GROUP or found in self._stack.targets_of(owner)

    def _is_published(
        self,
        metric: Metric,
        dimensions: Mapping[str, Any],
        resource: Resource,
        key: str,
        place: str,
    ) -> bool:
        if metric.namespace != _ASG:
            return True
        value = dimensions.get("AutoScalingGroupName")
        owner = self._stack.refer(resource, key, value, known.GROUP, ("name",))
        name = self._stack.group_names[owner.key] if owner else ""
        enabled = self._stack.enabled_metrics.get(name, frozenset())
        if enabled and metric.name not in enabled:
            self._stack.notes.add(
                place, f"{metric.name} is not among the metrics that {name} publishes."
            )
            return False
        return True

    def math(
        self,
        view: View,
        queries: Sequence[Any],
        resource: Resource,
        key: str,
        group: str | None = None,
    ) -> tuple[Metric | MetricMath | None, int]:
        """Return what a list of metric queries asks for, and its period."""
        metrics: dict[str, Metric] = {}
        expressions: dict[str, str] = {}
        returned: list[str] = []
        periods: set[int] = set()
        for value in queries:
            query = _query(self._stack.notes, view.path, value)
            if query is None:
                self._stack.notes.add(
                    view.path,
                    "A metric query is known only once it is deployed.",
                    missing=resource.missing(key),
                )
                return None, 60
            metric, dimensions = query.metric, query.dimensions
            if metric is not None:
                if not self.is_ours(metric, dimensions, resource, key, path=view.path, group=group):
                    return None, 60
                metrics[query.id] = metric
            elif query.expression:
                expressions[query.id] = query.expression
            if query.period:
                periods.add(query.period)
            if query.returns:
                returned.append(query.id)
        if len(returned) != 1 or len(periods) > 1 or len(expressions) > 1:
            self._stack.notes.add(
                f"{view.path}.metric",
                "Metric math is modelled with one expression, one period and one result.",
            )
            return None, 60
        period = periods.pop() if periods else 60
        wanted = returned[0]
        if wanted in metrics:
            return metrics[wanted], period
        expression = expressions[wanted]
        return MetricMath(expression=expression, metrics=tuple(sorted(metrics.items()))), period


@dataclass(frozen=True, slots=True)
class _Query:
    """One entry of metric math."""

    id: str
    metric: Metric | None
    dimensions: Mapping[str, Any] | None
    expression: str | None
    period: int | None
    returns: bool


def _query(notes: Notes, path: str, value: Any) -> _Query | None:
    """Read a metric query, of an alarm or of a target tracking policy."""
    if not isinstance(value, Mapping) or not isinstance(value.get("id"), str):
        return None
    of_policy = "metricStat" in value or "metric" not in value
    row = known.TRACKED_QUERY_ROW if of_policy else known.QUERY_ROW
    view = View(notes, f"{path}.metric[{value['id']}]", row, value).finish()
    period = view.whole("period", "period_seconds")
    metric, dimensions = None, None
    source = _metric_source(view, of_policy=of_policy)
    if source is not None:
        stated, words, statistic = source
        metric = Metric(
            namespace=stated.text("namespace", "namespace") or "",
            name=stated.text("metricName", "name") or "",
            statistic=statistic or "Average",
        )
        dimensions = dimensions_by_name(stated.raw("dimensions"))
        period = words.whole("period", "period_seconds") or period
        if not metric.name:
            return None
    expression = view.text("expression", "expression")
    if metric is None and expression is None:
        return None
    returns = value.get("returnData")
    return _Query(
        id=value["id"],
        metric=metric,
        dimensions=dimensions,
        expression=expression,
        period=period,
        # Of a policy's queries AWS returns all but those that say no; the provider sends "no" for
        # an alarm's query that says nothing.
        returns=of_policy and metric is None if returns is None else returns is True,
    )


def _metric_source(view: View, *, of_policy: bool) -> tuple[View, View, str | None] | None:
    """Return the view of a query's metric, that of its period, and its statistic."""
    if not of_policy:
        metric = view.block("metric", "", known.QUERY_METRIC_ROW)
        if metric is None:
            return None
        metric.finish()
        return metric, metric, metric.text("stat", "statistic")
    stat = view.block("metricStat", "", known.STAT_ROW)
    metric = stat.finish().block("metric", "", known.STAT_METRIC_ROW) if stat else None
    if stat is None or metric is None:
        return None
    return metric.finish(), stat, stat.text("stat", "statistic")


def dimensions_by_name(value: Any) -> Mapping[str, Any] | None:
    """Return dimensions by name, None where they are unknown: alarms map them, policies list."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list | tuple):
        return None
    if not all(isinstance(each, Mapping) and isinstance(each.get("name"), str) for each in value):
        return None
    return {each["name"]: each.get("value") for each in value}
