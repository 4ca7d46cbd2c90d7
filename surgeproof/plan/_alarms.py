"""Metric alarms and composite alarms."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from surgeproof.plan import _properties as known
from surgeproof.plan._metrics import Metrics, dimensions_by_name
from surgeproof.plan._stack import Stack, called, or_else
from surgeproof.plan._view import UNKNOWN, Resource, View
from surgeproof.plan.model import (
    Alarm,
    Comparison,
    CompositeAlarm,
    Metric,
    MetricMath,
    MissingData,
    PlanError,
)

_NOT_MODELLED: Final = {
    "thresholdMetricId": "Anomaly detection is not modelled.",
    "evaluationCriteria": "PromQL is not modelled.",
}
_OVER_TIME: Final = re.compile(r"\b(DIFF|DIFF_TIME|RATE|RUNNING_SUM)\s*\(")
"""Metric math over several points of time, which the simulation's metrics cannot hold."""
_INFO: Final = "info"
"""The severity that tells nobody."""
_CHILD: Final = re.compile(r"""ALARM\(\s*(?:"([^"]+)"|'([^']+)'|([^()\s"']+))\s*\)""")
_TOPIC_ARN: Final = re.compile(r"arn:[^:]+:sns:[^:]*:[^:]*:([^:]+)")
_ALARM_ARN: Final = re.compile(r"arn:[^:]+:cloudwatch:[^:]*:[^:]*:alarm:")


@dataclass(frozen=True, slots=True)
class _Actions:
    """What an alarm does."""

    policies: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


class Alarms:
    """Reads alarms."""

    def __init__(self, stack: Stack, metrics: Metrics) -> None:
        self._stack = stack
        self._metrics = metrics

    def alarms(self) -> tuple[Alarm, ...]:
        found = []
        for resource in self._stack.of(known.METRIC_ALARM):
            alarm = self._alarm(resource)
            found += [alarm] if alarm is not None else []
        if found and len(self._stack.group_names) > 1:
            # An alarm in the plan does not say which group's metrics it reads.
            self._stack.notes.add(
                "alarms", "There are several groups, and each alarm is replayed with every one."
            )
        return tuple(sorted(found, key=lambda each: each.name))

    def _alarm(self, resource: Resource) -> Alarm | None:
        name = called(resource)
        view = self._stack.view(resource, f"alarms[{name}]", known.ALARM_ROW).finish()
        for key, words in _NOT_MODELLED.items():
            if view.raw(key) is not None:
                self._left_out(resource, view, words)
                return None
        comparison = view.text("comparisonOperator", "comparison")
        threshold = view.number("threshold", "threshold")
        periods = view.whole("evaluationPeriods", "evaluation_periods")
        if comparison not in set(Comparison) or threshold is None or periods is None:
            self._left_out(resource, view, "Its comparison, threshold or periods are not known.")
            return None
        queries = view.items("metricQueries", "metric")
        metric: Metric | MetricMath | None
        if queries:
            metric, period = self._metrics.math(view, queries, resource, "metricQueries")
        else:
            metric, period = self._alarm_metric(view, resource)
        if metric is None:
            self._left_out(resource, view, "What it watches is not in this plan.")
            return None
        if isinstance(metric, MetricMath) and _OVER_TIME.search(metric.expression):
            self._left_out(
                resource, view, "Metric math over several points of time is not modelled."
            )
            return None
        acts = view.flag("actionsEnabled", "alarm_actions", default=True)
        alarm = self._actions(resource, view, "alarmActions") if acts else _Actions()
        ok = self._actions(resource, view, "okActions") if acts else _Actions()
        low_samples = view.text("evaluateLowSampleCountPercentiles", "ignores_low_samples")
        warm_up = view.get("warmUpConfiguration", "warm_up_minutes")
        minutes = warm_up.get("warmUpPeriodDurationInMinutes") if warm_up else None
        try:
            return Alarm(
                name=name,
                metric=metric,
                comparison=Comparison(comparison),
                threshold=threshold,
                period_seconds=period,
                evaluation_periods=periods,
                # The provider keeps 0 where none is stated.
                datapoints_to_alarm=view.whole("datapointsToAlarm", "datapoints_to_alarm") or None,
                missing_data=view.choice(
                    "treatMissingData", "missing_data", MissingData, MissingData.MISSING
                ),
                ignores_low_samples=low_samples == "ignore",
                alarm_actions=alarm.policies,
                ok_actions=ok.policies,
                notifies=_tells(alarm.topics),
                severity=_severity(alarm.topics),
                warm_up_minutes=int(minutes) if isinstance(minutes, int | float) else 0,
            )
        except PlanError as error:
            self._left_out(resource, view, "; ".join(error.problems))
            return None

    def _left_out(self, resource: Resource, view: View, reason: str) -> None:
        """Note that an alarm is left out, and whether it runs a scaling policy."""
        scales = False
        for key in ("alarmActions", "okActions"):
            value = resource.properties.get(key)
            scales = scales or any(
                self._stack.refer(resource, key, item, known.POLICY, ("arn",)) is not None
                for item in (value if isinstance(value, list | tuple) else [value])
            )
        self._stack.left_out(view, reason, supply=scales)

    def _alarm_metric(self, view: View, resource: Resource) -> tuple[Metric | None, int]:
        metric = Metric(
            namespace=view.text("namespace", "namespace") or "",
            name=view.text("metricName", "name") or "",
            statistic=view.text("extendedStatistic", "statistic")
            or view.text("statistic", "statistic")
            or "Average",
        )
        dimensions = dimensions_by_name(view.raw("dimensions"))
        period = view.whole("period", "period_seconds")
        if not metric.name or period is None:
            return None, 60
        ours = self._metrics.is_ours(metric, dimensions, resource, "dimensions", path=view.path)
        return (metric if ours else None), period

    def _actions(self, resource: Resource, view: View, key: str) -> _Actions:
        """Return the policies that an alarm runs and the topics that it tells."""
        field = {"alarmActions": "alarm_actions", "okActions": "ok_actions"}[key]
        value = view.get(key, field) if resource.properties.get(key) is not UNKNOWN else [UNKNOWN]
        policies, topics, unknown = [], [], 0
        for item in value if isinstance(value, list | tuple) else ():
            if item is UNKNOWN:
                unknown += 1
                continue
            policy = self._stack.refer(resource, key, item, known.POLICY, ("arn",))
            topic = self._stack.refer(resource, key, item, known.TOPIC, ("arn", "id"))
            foreign = _TOPIC_ARN.fullmatch(str(item))
            if policy is not None:
                policies.append(policy)
            elif topic is not None:
                topics.append(called(topic))
            elif foreign is not None:
                topics.append(foreign[1])
            else:
                kind = [*str(item).split(":"), "", ""][2] or "another kind"
                view.note(field, f"An action of {kind} is not of this plan; it is left out.")
        if unknown:
            left = self._stack.made_of(resource, key, known.POLICY | known.TOPIC)
            left = [each for each in left if each not in policies]
            if len(left) != unknown:
                view.wait_for(key, field)
            else:
                policies += [each for each in left if each.type in known.POLICY]
                topics += [called(each) for each in left if each.type in known.TOPIC]
        names = [
            self._stack.policy_names[each.key]
            for each in policies
            if each.key in self._stack.policy_names
        ]
        if len(names) < len(policies):
            view.note(field, "It runs a policy that is not in this plan.")
        return _Actions(tuple(sorted(names)), tuple(sorted(topics)))

    def composites(self) -> tuple[CompositeAlarm, ...]:
        found = []
        unmodelled = self._unmodelled()
        for resource in self._stack.of(known.COMPOSITE_ALARM):
            stated = resource.properties.get("alarmName")
            name = stated if isinstance(stated, str) else resource.name
            view = self._stack.view(resource, f"composites[{name}]", known.COMPOSITE_ROW).finish()
            rule = view.text("alarmRule", "rule")
            if rule is None:
                self._stack.left_out(view, "Its rule is not known.")
                continue
            acts = view.flag("actionsEnabled", "notifies", default=True)
            actions = self._actions(resource, view, "alarmActions") if acts else _Actions()
            block = view.block("actionsSuppressor", "suppressor", known.SUPPRESSOR_ROW)
            suppressor = block.finish().text("alarm", "name") if block else None
            found.append(
                CompositeAlarm(
                    name=name,
                    rule=self._modelled(view, _ALARM_ARN.sub("", rule), unmodelled),
                    suppressor=_ALARM_ARN.sub("", suppressor) if suppressor else None,
                    wait_period_seconds=or_else(
                        block.whole("waitPeriod", "wait_period_seconds") if block else None, 60
                    ),
                    extension_period_seconds=or_else(
                        block.whole("extensionPeriod", "extension_period_seconds")
                        if block
                        else None,
                        60,
                    ),
                    notifies=_tells(actions.topics),
                    severity=_severity(actions.topics),
                )
            )
        return _children_first(found)

    def _unmodelled(self) -> frozenset[str]:
        """Return the names of the metric alarms of this plan that are left out."""
        stated = {called(resource) for resource in self._stack.of(known.METRIC_ALARM)}
        return frozenset(stated - {alarm.name for alarm in self.alarms()})

    def _modelled(self, view: View, rule: str, unmodelled: frozenset[str]) -> str:
        """Return a rule with its children that are left out counted as not in ALARM."""
        left_out = []

        def replaced(child: re.Match[str]) -> str:
            name = child[1] or child[2] or child[3]
            if name not in unmodelled:
                return child[0]
            left_out.append(name)
            return "FALSE"

        rest = _CHILD.sub(replaced, rule)
        if left_out:
            names = ", ".join(left_out)
            view.note("rule", f"Not modelled, so counted as not in ALARM: {names}.")
        return rest


def _children_first(found: Iterable[CompositeAlarm]) -> tuple[CompositeAlarm, ...]:
    """Return alarms by name, each after those that its rule names."""
    waiting = {each.name: each for each in sorted(found, key=lambda each: each.name)}
    ordered: list[CompositeAlarm] = []
    while waiting:
        ready = [
            each
            for each in waiting.values()
            if not any(
                (child[1] or child[2] or child[3]) in waiting.keys() - {each.name}
                for child in _CHILD.finditer(each.rule)
            )
        ]
        # AWS refuses a circle; what stands in one is left as it is.
        ordered += [waiting.pop(each.name) for each in ready or [*waiting.values()]]
    return tuple(ordered)


def _tells(topics: Iterable[str]) -> bool:
    """Return whether an alarm tells somebody: info is only kept."""
    return any(_severity([topic]) != _INFO for topic in topics)


def _severity(topics: Iterable[str]) -> str:
    """Return the last parts of the names of topics: `page` for `shop-prod-alerts-page`."""
    return ",".join(sorted({topic.rpartition("-")[2] for topic in topics}))
