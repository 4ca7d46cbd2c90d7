"""From alarms and policies to records: what each looks at, and what it runs.

What has no model is left out, and said.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    CompositeAlarm,
    Group,
    Metric,
    MetricMath,
    MissingData,
    PlanError,
    PredictiveScaling,
    ScalingPlan,
    Service,
    SimpleScaling,
    StepScaling,
    TargetTracking,
    TrackedMetric,
)
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.catalogue import (
    EC2_METRICS,
    LOAD_BALANCER_METRICS,
    ONE,
    Catalogue,
    NotModelledError,
    Quotient,
)
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.composite_rules import RuleReader
from surgeproof.simulation.encode_scenario import warmup_of
from surgeproof.simulation.left_out import LeftOut

COMPARISONS = {
    Comparison.GREATER: r.GREATER,
    Comparison.GREATER_OR_EQUAL: r.GREATER_OR_EQUAL,
    Comparison.LESS: r.LESS,
    Comparison.LESS_OR_EQUAL: r.LESS_OR_EQUAL,
}
MISSING_DATA = {
    MissingData.MISSING: r.MISSING,
    MissingData.IGNORE: r.IGNORE,
    MissingData.BREACHING: r.BREACHING,
    MissingData.NOT_BREACHING: r.NOT_BREACHING,
}
ADJUSTMENTS = {
    AdjustmentType.CHANGE_IN_CAPACITY: r.CHANGE_IN_CAPACITY,
    AdjustmentType.EXACT_CAPACITY: r.EXACT_CAPACITY,
    AdjustmentType.PERCENT_CHANGE_IN_CAPACITY: r.PERCENT_CHANGE_IN_CAPACITY,
}


@dataclass(slots=True)
class _AlarmRow:
    """An alarm before it becomes a record."""

    quotient: Quotient
    comparison: int
    threshold: float
    period: int
    n: int
    m: int
    missing: int
    role: int = r.OWN
    policies: tuple[int, ...] = ()
    ok_policies: tuple[int, ...] = ()
    low_samples: float = 0.0
    stops_refresh: bool = False
    notifies: bool = False
    warm_up: float = 0.0


class Rules:
    """Alarms and policies of one group; keeps their names, in the order of the records."""

    def __init__(
        self, plan: ScalingPlan, group: Group, service: Service, left_out: LeftOut
    ) -> None:
        self.plan = plan
        self.group = group
        self.service = service
        self.rows: list[_AlarmRow] = []
        self.alarm_names: list[str] = []
        self.policy_rows: list[tuple[float, ...]] = []
        self.policy_names: list[str] = []
        self.step_rows: list[tuple[float, ...]] = []
        self.composite_names: list[str] = []
        self.composite_rows: list[tuple[CompositeAlarm, list[tuple[int, int]]]] = []
        self.left_out = left_out
        self.bounds: list[float] = []

    def catalogue(self, period: int, threshold: float) -> Catalogue:
        """Return the metrics as they are seen with this period and threshold."""
        database = self.plan.database
        return Catalogue(
            period_seconds=period,
            detailed_monitoring=self.group.detailed_monitoring,
            group_metrics=self.group.group_metrics,
            requests_per_second=self.service.requests_per_second.typical,
            database_parallelism=database.parallelism if database else 1.0,
            demand_metrics=self.plan.demand_metrics,
            threshold=threshold,
        )

    def alarms_and_policies(self) -> None:
        """Encode the alarms, then the policies that they run."""
        mine = [policy for policy in self.plan.policies if policy.group == self.group.name]
        numbers: dict[str, int] = {}
        driven = [policy for policy in mine if isinstance(policy, StepScaling | SimpleScaling)]
        for policy in driven:
            numbers[policy.name] = len(numbers)
        for alarm in self.plan.alarms:
            self._alarm(alarm, numbers)
        for policy in driven:
            self._driven_policy(policy, numbers[policy.name])
        for other in mine:
            if isinstance(other, PredictiveScaling):
                self.left_out.add(f"predictive scaling {other.name} is left out: it may only help")
            elif isinstance(other, TargetTracking):
                self._tracking(other)

    def _read(
        self, metric: Metric | MetricMath, period: int, threshold: float
    ) -> tuple[Quotient, int]:
        """Return what a metric is made of, and its period."""
        catalogue = self.catalogue(period, threshold)
        quotient = (
            catalogue.math(metric) if isinstance(metric, MetricMath) else catalogue.metric(metric)
        )
        if quotient.extreme >= 0 and period < 60:
            raise NotModelledError("minima and maxima within less than a minute")
        return self._bounded(quotient), period

    def _sparse(self, what: str, quotient: Quotient, period: int, *, scales: bool) -> None:
        """Say that an alarm asks for data more often than its metric has any."""
        if quotient.granularity_seconds <= period:
            return
        line = (
            f"{what} has a period of {period} s and a metric that comes every "
            f"{quotient.granularity_seconds} s: most of its periods hold no data, and AWS does not "
            "say how far back it looks then"
        )
        self.left_out.add(line, supply=scales)

    def _alarm(self, alarm: Alarm, numbers: Mapping[str, int]) -> None:
        try:
            quotient, _ = self._read(alarm.metric, alarm.period_seconds, alarm.threshold)
        except NotModelledError as error:
            what = f"alarm {alarm.name} is left out: no model of {error}"
            self.left_out.add(what, supply=bool(alarm.alarm_actions or alarm.ok_actions))
            return
        low_samples = 0.0
        if quotient.percentile and alarm.ignores_low_samples:
            p = quotient.percentile
            low_samples = 10.0 / (1.0 - p) if p >= 0.5 else 10.0 / p
        aws = isinstance(alarm.metric, Metric) and alarm.metric.namespace == "AWS/DynamoDB"
        refresh = self.group.refresh
        policies = tuple(numbers[n] for n in alarm.alarm_actions if n in numbers)
        ok_policies = tuple(numbers[n] for n in alarm.ok_actions if n in numbers)
        self._sparse(
            f"alarm {alarm.name}",
            quotient,
            alarm.period_seconds,
            scales=bool(policies or ok_policies),
        )
        self.alarm_names.append(alarm.name)
        self.rows.append(
            _AlarmRow(
                quotient,
                COMPARISONS[alarm.comparison],
                alarm.threshold,
                alarm.period_seconds,
                alarm.evaluation_periods,
                alarm.datapoints_to_alarm or alarm.evaluation_periods,
                r.IGNORE if aws else MISSING_DATA[alarm.missing_data],
                policies=policies,
                ok_policies=ok_policies,
                low_samples=low_samples,
                stops_refresh=refresh is not None and alarm.name in refresh.alarms,
                notifies=alarm.notifies,
                warm_up=60.0 * alarm.warm_up_minutes,
            )
        )

    def _bounded(self, quotient: Quotient) -> Quotient:
        """Give the bound of a percentile a column of its own."""
        bound = quotient.slow_bound_seconds
        if bound <= 0.0:
            return quotient
        if bound not in self.bounds:
            if len(self.bounds) == r.SLOW_BOUNDS:
                raise NotModelledError(f"more than {r.SLOW_BOUNDS} bounds of response time")
            self.bounds.append(bound)
        column = self.bounds.index(bound)
        above = {
            (r.SLOW + column if key == r.SLOW else key): value
            for key, value in quotient.above.items()
        }
        below = {
            (r.SLOW + column if key == r.SLOW else key): value
            for key, value in quotient.below.items()
        }
        return replace(quotient, above=above, below=below, slow_bound_seconds=float(column))

    def _driven_policy(self, policy: StepScaling | SimpleScaling, number: int) -> None:
        if not any(number in (*row.policies, *row.ok_policies) for row in self.rows):
            self.left_out.add(
                f"policy {policy.name} is run by no alarm that is modelled", supply=True
            )
        first = len(self.step_rows)
        count = 0
        adjustment = 0.0
        cooldown = 0.0
        warmup = warmup_of(self.group, None)
        if isinstance(policy, StepScaling):
            warmup = warmup_of(self.group, policy.warmup_seconds)
            for step in policy.steps:
                lower = -math.inf if step.lower is None else step.lower
                upper = math.inf if step.upper is None else step.upper
                self.step_rows.append((lower, upper, step.adjustment))
                count += 1
        else:
            adjustment = policy.adjustment
            stated = policy.cooldown_seconds
            cooldown = float(self.group.default_cooldown_seconds if stated is None else stated)
        self.policy_names.append(policy.name)
        self.policy_rows.append(
            (
                r.STEP if isinstance(policy, StepScaling) else r.SIMPLE,
                ADJUSTMENTS[policy.adjustment_type],
                first,
                count,
                -1,
                -1,
                1,
                policy.min_adjustment_magnitude,
                0.0,
                warmup,
                adjustment,
                cooldown,
            )
        )

    def _tracked(self, policy: TargetTracking) -> tuple[Quotient, int]:
        """Return the metric of a target tracking policy and its period."""
        if isinstance(policy.metric, Metric | MetricMath):
            return self._read(policy.metric, policy.period_seconds, policy.target)
        catalogue = self.catalogue(60, policy.target)
        if policy.metric == TrackedMetric.REQUESTS_PER_TARGET:
            metric = Metric(
                namespace=LOAD_BALANCER_METRICS, name="RequestCountPerTarget", statistic="Sum"
            )
            return catalogue.metric(metric), 60
        if policy.metric == TrackedMetric.CPU:
            metric = Metric(namespace=EC2_METRICS, name="CPUUtilization")
            return catalogue.metric(metric), 60
        if policy.metric == TrackedMetric.CPU_HIGH_RESOLUTION:
            metric = Metric(namespace=EC2_METRICS, name="CPUUtilization")
            fast = replace(catalogue.metric(metric), source=r.AGENT, granularity_seconds=10)
            return fast, 10
        raise NotModelledError(policy.metric.value)

    def _tracking(self, policy: TargetTracking) -> None:
        try:
            quotient, period = self._tracked(policy)
        except NotModelledError as error:
            self.left_out.add(f"policy {policy.name} is left out: no model of {error}", supply=True)
            return
        if period < 60:
            self._sparse(f"policy {policy.name}", quotient, period, scales=True)
        number = len(self.policy_rows)
        high = len(self.rows)
        for role, n, comparison in (
            (r.TRACKING_HIGH, 3, r.GREATER),
            (r.TRACKING_LOW, 15, r.LESS),
        ):
            self.alarm_names.append(
                f"TargetTracking-{policy.name}-Alarm{'High' if role == r.TRACKING_HIGH else 'Low'}"
            )
            low_period = max(period, 60)
            self.rows.append(
                _AlarmRow(
                    quotient,
                    comparison,
                    policy.target,
                    period if role == r.TRACKING_HIGH else low_period,
                    n,
                    n,
                    r.MISSING,
                    role=role,
                    policies=(number,),
                )
            )
        self.policy_names.append(policy.name)
        self.policy_rows.append(
            (
                r.TRACKING,
                0,
                0,
                0,
                high,
                high + 1,
                int(not policy.disable_scale_in),
                0,
                policy.target,
                warmup_of(self.group, policy.warmup_seconds),
                0.0,
                0.0,
            )
        )

    def terms(self, side: str) -> tuple[r.Integers, r.Floats]:
        """Return columns and factors of one side of the alarms' metrics."""
        columns = np.zeros((len(self.rows), r.TERMS), np.int64)
        factors = np.zeros((len(self.rows), r.TERMS))
        for a, row in enumerate(self.rows):
            form = row.quotient.above if side == "above" else row.quotient.below
            for i, (column, factor) in enumerate(_terms(form)):
                columns[a, i] = column
                factors[a, i] = factor
        return columns, factors

    def _is_long(self, row: _AlarmRow, pre_roll_seconds: float) -> bool:
        """Whether an alarm's window reaches into the time in which the fleet finds its size."""
        window = row.n * row.period
        return row.role == r.OWN and row.period >= 60 and window > pre_roll_seconds / 2 > 0

    def history_minutes(self, pre_roll_seconds: float) -> int:
        """Return how much of the time before the simulation alarms look at (minutes)."""
        extra = ASSUMPTIONS["evaluation_range_extra"].high
        windows = [
            (row.n + extra) * row.period
            for row in self.rows
            if self._is_long(row, pre_roll_seconds)
        ]
        # Whole hours, so that five-minute points stay where they are.
        return 60 * math.ceil(max(windows, default=0.0) / 3600)

    def alarm_records(self, pre_roll_seconds: float) -> r.Records:
        """Return the alarms as records."""
        records = np.zeros(len(self.rows), r.ALARM_RULE)
        for record, row in zip(records, self.rows, strict=True):
            q = row.quotient
            record["terms"], record["constant"] = len(_terms(q.above)), q.above.get(ONE, 0.0)
            record["denominator_terms"] = len(_terms(q.below))
            record["denominator_constant"] = q.below.get(ONE, 0.0)
            record["guard"] = -1
            if q.guard is not None:
                record["guard"], record["guard_least"], record["guard_value"] = q.guard
            record["needs_answers"] = q.needs_answers
            record["nonzero_only"] = q.nonzero_only
            record["extreme"] = q.extreme
            record["percentile"] = q.percentile
            record["slow_bound"] = q.slow_bound_seconds
            record["low_samples"] = row.low_samples
            record["source"] = q.source
            record["granularity"] = q.granularity_seconds
            for name in ("comparison", "threshold", "period", "n", "m", "missing", "role"):
                record[name] = getattr(row, name)
            record["policies"] = sum(1 << number for number in set(row.policies))
            record["ok_policies"] = sum(1 << number for number in set(row.ok_policies))
            record["stops_refresh"] = row.stops_refresh
            record["notifies"] = row.notifies
            record["warm_up"] = row.warm_up
            drives = row.policies or row.ok_policies or row.stops_refresh
            record["long_window"] = self._is_long(row, pre_roll_seconds) and not drives
            record["base"] = -1 if row.role == r.OWN else q.averaged_over
        return records

    def composites(self) -> None:
        """Encode the composite alarms; a child that is not modelled counts as OK, which is said."""
        unmodelled = {alarm.name for alarm in self.plan.alarms}.difference(self.alarm_names)
        for composite in self.plan.composites:
            reader = RuleReader(composite.rule, self.alarm_names, self.composite_names, unmodelled)
            try:
                program = reader.program()
            except NotModelledError as error:
                self.left_out.add(f"composite alarm {composite.name} is left out: {error}")
                continue
            if reader.taken_as_ok:
                listed = ", ".join(reader.taken_as_ok)
                self.left_out.add(
                    f"composite alarm {composite.name} takes as OK what has no model: {listed}"
                )
            self.composite_names.append(composite.name)
            self.composite_rows.append((composite, program))

    def composite_records(self) -> r.Records:
        """Return the composite alarms as records."""
        records = np.zeros(len(self.composite_rows), r.COMPOSITE)
        for record, (composite, program) in zip(records, self.composite_rows, strict=True):
            record["length"] = len(program)
            for i, (operation, operand) in enumerate(program):
                record["program"][i] = operation
                record["operand"][i] = operand
            record["suppressor"] = -1
            if composite.suppressor in self.alarm_names:
                record["suppressor"] = self.alarm_names.index(composite.suppressor)
            elif composite.suppressor in self.composite_names:
                record["suppressor"] = self.composite_names.index(composite.suppressor)
                record["suppressor_is_composite"] = 1
            elif composite.suppressor is not None:
                self.left_out.add(
                    f"composite alarm {composite.name} is not suppressed: no model of "
                    f"{composite.suppressor}"
                )
            record["wait"] = composite.wait_period_seconds
            record["extension"] = composite.extension_period_seconds
            record["notifies"] = composite.notifies
        return records


def _terms(form: Mapping[int, float]) -> list[tuple[int, float]]:
    terms = [(column, factor) for column, factor in form.items() if column != ONE]
    if len(terms) > r.TERMS:
        raise PlanError(f"metric math: must have at most {r.TERMS} terms, got {len(terms)}")
    return terms
