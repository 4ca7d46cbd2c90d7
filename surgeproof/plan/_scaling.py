"""Scaling policies and scheduled actions."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from surgeproof.plan import _properties as known
from surgeproof.plan._metrics import Metrics, dimensions_by_name
from surgeproof.plan._stack import Stack, called, or_else, unless_negative
from surgeproof.plan._view import UNKNOWN, Resource, View
from surgeproof.plan.model import (
    AdjustmentType,
    Metric,
    MetricMath,
    Policy,
    PredictiveScaling,
    ScheduledAction,
    SimpleScaling,
    StepAdjustment,
    StepScaling,
    TargetTracking,
    TrackedMetric,
)

_STEP: Final = ("metricIntervalLowerBound", "metricIntervalUpperBound", "scalingAdjustment")


class Scaling:
    """Reads policies and schedules."""

    def __init__(self, stack: Stack, metrics: Metrics) -> None:
        self._stack = stack
        self._metrics = metrics

    def policies(self) -> tuple[Policy, ...]:
        kinds: dict[str, Callable[[View, str, str, Resource], Policy | None]] = {
            "TargetTrackingScaling": self._tracking,
            "StepScaling": self._step,
            "SimpleScaling": self._simple,
            "PredictiveScaling": self._predictive,
        }
        owned = []
        for resource in self._stack.of(known.POLICY):
            owner = self._stack.owner(resource, "policies", called(resource))
            if owner is not None:
                owned.append((resource, owner))
        names = [called(resource) for resource, _ in owned]
        found: list[tuple[str, Policy]] = []
        for resource, owner in owned:
            name, group = called(resource), self._stack.group_names[owner.key]
            if names.count(name) > 1:
                name = f"{group}/{name}"
            view = self._stack.view(resource, f"policies[{name}]", known.POLICY_ROW)
            if not view.flag("enabled", "enabled", default=True):
                continue
            view.finish()
            kind = view.text("policyType", "type") or "SimpleScaling"
            read = kinds.get(kind)
            policy = read(view, name, group, resource) if read else None
            if read is None:
                self._stack.notes.add(
                    view.path,
                    f"Policies of type {kind} are not known; it is left out.",
                    supply=True,
                )
            if policy is not None:
                self._stack.policy_names[resource.key] = name
                found.append((name, policy))
        return tuple(policy for _, policy in sorted(found, key=lambda pair: pair[0]))

    def _adjustment_type(self, view: View) -> AdjustmentType | None:
        value = view.text("adjustmentType", "adjustment_type")
        try:
            return AdjustmentType(value or "")
        except ValueError:
            self._stack.left_out(view, f"Its adjustment type, {value}, is not known.", supply=True)
            return None

    def _step(self, view: View, name: str, group: str, _: Resource) -> StepScaling | None:
        kind = self._adjustment_type(view)
        given = view.get("stepAdjustments", "steps")
        if kind is None:
            return None
        steps = []
        for value in given if isinstance(given, list | tuple) else ():
            ends = {key: _float(value, key) for key in _STEP} if isinstance(value, Mapping) else {}
            if UNKNOWN in ends.values() or ends.get("scalingAdjustment") is None:
                self._stack.left_out(view, "A step is not known.", supply=True)
                return None
            steps.append(
                StepAdjustment(
                    lower=ends["metricIntervalLowerBound"],
                    upper=ends["metricIntervalUpperBound"],
                    adjustment=ends["scalingAdjustment"],
                )
            )
        if not steps:
            self._stack.left_out(view, "It has no steps that are known.", supply=True)
            return None
        return StepScaling(
            name=name,
            group=group,
            adjustment_type=kind,
            steps=tuple(sorted(steps, key=_lowest_first)),
            min_adjustment_magnitude=or_else(
                view.whole("minAdjustmentMagnitude", "min_adjustment_magnitude"), 0
            ),
            warmup_seconds=view.whole("estimatedInstanceWarmup", "warmup_seconds"),
        )

    def _simple(self, view: View, name: str, group: str, _: Resource) -> SimpleScaling | None:
        kind = self._adjustment_type(view)
        adjustment = view.number("scalingAdjustment", "adjustment")
        if kind is None:
            return None
        if adjustment is None:
            self._stack.left_out(view, "Its adjustment is not known.", supply=True)
            return None
        return SimpleScaling(
            name=name,
            group=group,
            adjustment_type=kind,
            adjustment=adjustment,
            min_adjustment_magnitude=or_else(
                view.whole("minAdjustmentMagnitude", "min_adjustment_magnitude"), 0
            ),
            cooldown_seconds=view.whole("cooldown", "cooldown_seconds"),
        )

    def _predictive(self, view: View, name: str, group: str, _: Resource) -> PredictiveScaling:
        settings = view.get("predictiveScalingConfiguration", "mode")
        settings = settings if isinstance(settings, Mapping) else {}
        if settings.get("maxCapacityBreachBehavior") not in (None, "HonorMaxCapacity"):
            view.note("mode", "A forecast may raise the group's maximum, which is not modelled.")
        return PredictiveScaling(name=name, group=group)

    def _tracking(
        self, view: View, name: str, group: str, resource: Resource
    ) -> TargetTracking | None:
        block = view.block("targetTrackingConfiguration", "", known.TRACKING_ROW)
        if block is None:
            self._stack.left_out(view, "Its configuration is not known.", supply=True)
            return None
        block.finish()
        target = block.number("targetValue", "target")
        predefined = block.block("predefinedMetricSpecification", "metric", known.PREDEFINED_ROW)
        custom = block.block("customizedMetricSpecification", "metric", known.CUSTOM_ROW)
        metric: TrackedMetric | Metric | MetricMath | None = None
        period = 60
        if predefined is not None:
            metric = self._predefined(predefined.finish(), group, resource)
        elif custom is not None:
            metric, period = self._custom(custom.finish(), group, resource)
        if metric is None or target is None:
            self._stack.left_out(view, "Its metric or its target cannot be told.", supply=True)
            return None
        return TargetTracking(
            name=name,
            group=group,
            metric=metric,
            target=target,
            warmup_seconds=view.whole("estimatedInstanceWarmup", "warmup_seconds"),
            disable_scale_in=block.flag("disableScaleIn", "disable_scale_in", default=False),
            period_seconds=period,
        )

    def _predefined(self, view: View, group: str, resource: Resource) -> TrackedMetric | None:
        stated = view.text("predefinedMetricType", "name")
        if stated not in set(TrackedMetric):
            view.note("name", f"The predefined metric {stated} is not known.")
            return None
        metric = TrackedMetric(stated)
        if metric is TrackedMetric.REQUESTS_PER_TARGET and not self._labels(view, group, resource):
            view.note("label", f"Whether the target group is that of {group} cannot be told.")
            return None
        return metric

    def _labels(self, view: View, group: str, resource: Resource) -> bool:
        """Whether a resource label names the target group in which the group registers."""
        label = view.raw("resourceLabel")
        owner = next(key for key, name in self._stack.group_names.items() if name == group)
        own = self._stack.targets_of(owner)
        if isinstance(label, str):
            suffixes = [str(target.properties.get("arnSuffix")) for target in own]
            return any(label.endswith(f"/{suffix}") for suffix in suffixes)
        made = self._stack.made_of(resource, "targetTrackingConfiguration", known.TARGET_GROUP)
        return label is UNKNOWN and len(made) == 1 and made[0] in own

    def _custom(
        self, view: View, group: str, resource: Resource
    ) -> tuple[Metric | MetricMath | None, int]:
        key = "targetTrackingConfiguration"
        queries = view.items("metrics", "queries")
        if queries:
            return self._metrics.math(view, queries, resource, key, group)
        metric = Metric(
            namespace=view.text("namespace", "namespace") or "",
            name=view.text("metricName", "name") or "",
            statistic=view.text("statistic", "statistic") or "Average",
        )
        dimensions = dimensions_by_name(view.raw("metricDimensions"))
        if not metric.name or not self._metrics.is_ours(
            metric, dimensions, resource, key, path=view.path, group=group
        ):
            return None, 60
        return metric, or_else(view.whole("period", "period_seconds"), 60)

    def schedules(self) -> tuple[ScheduledAction, ...]:
        found = []
        for resource in self._stack.of(known.SCHEDULE):
            stated = resource.properties.get("scheduledActionName")
            name = stated if isinstance(stated, str) else resource.name
            owner = self._stack.owner(resource, "schedules", name)
            if owner is None:
                continue
            view = self._stack.view(resource, f"schedules[{name}]", known.SCHEDULE_ROW).finish()
            recurrence = view.text("recurrence", "recurrence")
            moment = self._moment(view, "startTime", "start_seconds")
            end = self._moment(view, "endTime", "end_seconds")
            sizes = [
                # The provider takes what is not given for 0, and -1 for "as it is".
                unless_negative(or_else(view.whole(key, field), 0))
                for key, field in (
                    ("minSize", "min_size"),
                    ("maxSize", "max_size"),
                    ("desiredCapacity", "desired_capacity"),
                )
            ]
            if recurrence is None and moment is None:
                self._stack.left_out(view, "When it runs is not known.", supply=True)
                continue
            found.append(
                ScheduledAction(
                    name=name,
                    group=self._stack.group_names[owner.key],
                    start_seconds=moment,
                    end_seconds=end,
                    recurrence=recurrence,
                    time_zone=view.text("timeZone", "time_zone") or "UTC",
                    min_size=sizes[0],
                    max_size=sizes[1],
                    desired_capacity=sizes[2],
                )
            )
        return tuple(sorted(found, key=lambda each: each.name))

    def _moment(self, view: View, key: str, field: str) -> float | None:
        """Return a moment that AWS would take as Unix time."""
        text = view.text(key, field)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            view.note(field, f"{text} is no moment that AWS would take.", supply=True)
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _float(values: Mapping[str, Any], key: str) -> Any:
    """Return a number that may be spelled, None where it is absent, UNKNOWN where it is none."""
    value = values.get(key)
    if value is None or value == "":
        return None
    try:
        return UNKNOWN if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return UNKNOWN


def _lowest_first(step: StepAdjustment) -> float:
    return -math.inf if step.lower is None else step.lower
