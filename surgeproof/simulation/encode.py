"""From a plan and a trace to the records that the kernel runs on.

What cannot be represented is never guessed: it is listed as a limitation, and the alarm or policy
is left out.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import ClassVar, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from cronsim import CronSim, CronSimError

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    BalancingAlgorithm,
    Comparison,
    CompositeAlarm,
    Figure,
    Group,
    HealthCheckType,
    Metric,
    MetricMath,
    MissingData,
    PlanError,
    PredictiveScaling,
    ScalingPlan,
    ScheduledAction,
    Service,
    SimpleScaling,
    StepScaling,
    TargetTracking,
    TrackedMetric,
    WarmPoolState,
)
from surgeproof.simulation import records as r
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.catalogue import (
    EC2_METRICS,
    LOAD_BALANCER_METRICS,
    ONE,
    Catalogue,
    NotModelledError,
    Quotient,
)
from surgeproof.simulation.injections import MOST_INJECTIONS, Injected, problem

STEPS = (1, 2, 5, 10)
"""Lengths that a step may have (seconds): those that divide ten seconds."""

STEP_SECONDS = 2
"""Default step (seconds). Where a fleet is about to collapse, single health checks decide, and 10 s
steps are too coarse for those: see docs/simulation.md."""

SLOTS = 128
"""Slots for instances; above this, instances that are launched together share one."""

SPARE_SLOTS = 8
"""Slots beyond those of the instances that a group has at most."""

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


class Load(Protocol):
    """A trace, as the simulation reads it; `surgeproof.traces.Trace` is one."""

    @property
    def requests_per_second(self) -> r.Floats:
        """Mean rate of arrivals in each step (requests/s); users, where they are closed."""

    @property
    def step_seconds(self) -> float:
        """Length of each step (seconds)."""

    @property
    def start_seconds(self) -> float:
        """When the first step begins (Unix time if `dated`, seconds)."""

    @property
    def dated(self) -> bool:
        """Whether `start_seconds` is Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A plan and a trace as records, with the names that decode a log."""

    scenario: r.Records
    """One record: all figures typical, all assumptions at their defaults."""
    demand: r.Floats
    alarms: r.Records
    above_columns: r.Integers
    above_factors: r.Floats
    below_columns: r.Integers
    below_factors: r.Floats
    slow_bounds: int
    policies: r.Records
    steps: r.Records
    schedules: r.Records
    composites: r.Records
    injections: r.Records
    group: str
    alarm_names: tuple[str, ...]
    policy_names: tuple[str, ...]
    schedule_names: tuple[str, ...]
    composite_names: tuple[str, ...]
    injection_names: tuple[str, ...]
    limitations: tuple[str, ...]
    """What the simulation leaves out of this plan, one sentence each."""
    supply_limitations: tuple[str, ...]
    """Those of the limitations that decide how the group scales; see `NotSeen.supply`."""
    figures: Mapping[str, Figure]
    """The ranges of what the user estimated, by the scenario's field."""


def resampled(load: Load, step_seconds: int) -> r.Floats:
    """Return the load at the kernel's steps, keeping totals."""
    rates = np.ascontiguousarray(load.requests_per_second, np.float64)
    if rates.size == 0:
        raise PlanError("trace: must hold at least one step, got none")
    if not np.all(np.isfinite(rates)) or rates.min() < 0.0:
        raise PlanError("trace: must hold finite rates of at least 0, got others")
    given = float(load.step_seconds)
    if given == step_seconds:
        # Another kernel would be compiled for an array that cannot be written.
        return rates if rates.flags.writeable else rates.copy()
    totals = np.concatenate(([0.0], np.cumsum(rates) * given))
    ends = np.arange(rates.size + 1) * given
    count = max(1, math.ceil(ends[-1] / step_seconds - 1e-9))
    edges = np.minimum(np.arange(count + 1) * float(step_seconds), ends[-1])
    widths = np.maximum(np.diff(edges), 1e-9)
    return np.asarray(np.diff(np.interp(edges, ends, totals)) / widths, np.float64)


def most_alive(max_size: int, *, pool: bool) -> float:
    """Return how many instances there are at most, those that leave or wait among them."""
    return max_size * (2 if pool else 1.2) + 8


def encode(
    plan: ScalingPlan,
    load: Load,
    *,
    group: str | None = None,
    step_seconds: int = STEP_SECONDS,
    pre_roll_seconds: int = 1800,
    seed: int = 0,
    injected: Sequence[Injected] = (),
) -> Encoded:
    """Return the records of one group of `plan` under `load`."""
    if step_seconds not in STEPS:
        raise PlanError(f"step_seconds: must be one of 1, 2, 5 or 10, got {step_seconds}")
    if pre_roll_seconds < 0 or pre_roll_seconds % 60:
        raise PlanError(
            f"pre_roll_seconds: must be a multiple of 60 of at least 0, got {pre_roll_seconds}"
        )
    if not plan.groups:
        raise PlanError("ScalingPlan.groups: must hold a group, got none")
    if plan.service is None:
        raise PlanError("ScalingPlan.service: must be stated for a replay, got none")
    chosen = plan.groups[0] if group is None else plan.group(group)
    encoder = _Encoder(plan, chosen, plan.service)
    demand = resampled(load, step_seconds)
    encoder.alarms_and_policies()
    encoder.composites()
    encoder.schedule(load, demand.size * step_seconds, pre_roll_seconds)
    scenario, figures = encoder.scenario(
        step_seconds, demand.size, pre_roll_seconds // step_seconds, seed
    )
    above_columns, above_factors = encoder.terms("above")
    below_columns, below_factors = encoder.terms("below")
    return Encoded(
        scenario=scenario,
        demand=demand,
        above_columns=above_columns,
        above_factors=above_factors,
        below_columns=below_columns,
        below_factors=below_factors,
        slow_bounds=len(encoder.bounds),
        alarms=encoder.alarm_records(pre_roll_seconds),
        policies=np.array(encoder.policy_rows, r.POLICY),
        steps=np.array(encoder.step_rows, r.STEP_RULE),
        schedules=np.array(encoder.schedule_rows, r.SCHEDULE),
        composites=encoder.composite_records(),
        injections=_injections(injected, step_seconds, demand.size),
        group=chosen.name,
        alarm_names=tuple(encoder.alarm_names),
        policy_names=tuple(encoder.policy_names),
        schedule_names=tuple(encoder.schedule_names),
        composite_names=tuple(encoder.composite_names),
        injection_names=tuple(each.kind.name.lower() for each in injected),
        limitations=tuple(encoder.limitations),
        supply_limitations=tuple(encoder.supply_limitations),
        figures=figures,
    )


def _injections(injected: Sequence[Injected], step_seconds: int, steps: int) -> r.Records:
    """Return the injections as records, each from a step of the trace on, for at least one."""
    problems = [
        f"injected[{number}]: {rule}, got {each.value:g} from {each.start_seconds:g} to "
        f"{each.end_seconds:g} s"
        for number, each in enumerate(injected)
        if (rule := problem(each)) is not None
    ]
    if len(injected) > MOST_INJECTIONS:
        problems.append(f"injected: must be at most {MOST_INJECTIONS}, got {len(injected)}")
    if problems:
        raise PlanError(*problems)
    records = np.zeros(len(injected), r.INJECTION)
    for row, each in zip(records, injected, strict=True):
        row["kind"], row["value"] = int(each.kind), each.value
        row["start"], row["end"] = each.start_seconds, each.end_seconds
        first, after = (
            math.ceil(moment / step_seconds) for moment in (each.start_seconds, each.end_seconds)
        )
        if first in {after, steps}:
            # No step begins between them: the one in which it starts is the one in which it acts.
            row["start"] = (first - 1) * step_seconds
            row["end"] = max(row["end"], first * step_seconds)
    return records


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


class _Encoder:
    """Encodes one group; keeps the names of what it has met, in the order of the records."""

    def __init__(self, plan: ScalingPlan, group: Group, service: Service) -> None:
        self.plan = plan
        self.group = group
        self.service = service
        self.rows: list[_AlarmRow] = []
        self.alarm_names: list[str] = []
        self.policy_rows: list[tuple[float, ...]] = []
        self.policy_names: list[str] = []
        self.step_rows: list[tuple[float, ...]] = []
        self.schedule_rows: list[tuple[float, ...]] = []
        self.schedule_names: list[str] = []
        self.composite_names: list[str] = []
        self.composite_rows: list[tuple[CompositeAlarm, list[tuple[int, int]]]] = []
        self.limitations: list[str] = []
        self.supply_limitations: list[str] = []
        self.bounds: list[float] = []

    def catalogue(self, period: int, threshold: float) -> Catalogue:
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
                self.limitations.append(
                    f"predictive scaling {other.name} is left out: it may only help"
                )
            elif isinstance(other, TargetTracking):
                self._tracking(other)

    def _leave_out(self, what: str) -> None:
        """Note what decides how the group scales, and has no model."""
        self.limitations.append(what)
        self.supply_limitations.append(what)

    def _warmup(self, stated: int | None, otherwise: float | None = None) -> float:
        """Return the warm-up that counts: what is stated, else the group's, else another time.

        That is the group's default cooldown for what a policy launches (BC, PutScalingPolicy), the
        grace period for an instance refresh (BC, RefreshPreferences).
        """
        if stated is not None:
            return float(stated)
        default = self.group.default_instance_warmup_seconds
        if default is not None and default >= 0:
            return float(default)
        return float(self.group.default_cooldown_seconds if otherwise is None else otherwise)

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
        if scales:
            self._leave_out(line)
        else:
            self.limitations.append(line)

    def _alarm(self, alarm: Alarm, numbers: Mapping[str, int]) -> None:
        try:
            quotient, _ = self._read(alarm.metric, alarm.period_seconds, alarm.threshold)
        except NotModelledError as error:
            what = f"alarm {alarm.name} is left out: no model of {error}"
            if alarm.alarm_actions or alarm.ok_actions:
                self._leave_out(what)
            else:
                self.limitations.append(what)
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
            self._leave_out(f"policy {policy.name} is run by no alarm that is modelled")
        first = len(self.step_rows)
        count = 0
        adjustment = 0.0
        cooldown = 0.0
        warmup = self._warmup(None)
        if isinstance(policy, StepScaling):
            warmup = self._warmup(policy.warmup_seconds)
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
            self._leave_out(f"policy {policy.name} is left out: no model of {error}")
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
                self._warmup(policy.warmup_seconds),
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
        left_out = {alarm.name for alarm in self.plan.alarms}.difference(self.alarm_names)
        for composite in self.plan.composites:
            reader = _RuleReader(composite.rule, self.alarm_names, self.composite_names, left_out)
            try:
                program = reader.program()
            except NotModelledError as error:
                self.limitations.append(f"composite alarm {composite.name} is left out: {error}")
                continue
            if reader.taken_as_ok:
                listed = ", ".join(reader.taken_as_ok)
                self.limitations.append(
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
                self.limitations.append(
                    f"composite alarm {composite.name} is not suppressed: no model of "
                    f"{composite.suppressor}"
                )
            record["wait"] = composite.wait_period_seconds
            record["extension"] = composite.extension_period_seconds
            record["notifies"] = composite.notifies
        return records

    def schedule(self, load: Load, seconds: float, before: float) -> None:
        """Encode the scheduled actions of the trace, of the time before it, and what holds then."""
        for action in self.plan.schedules:
            if action.group != self.group.name:
                continue
            if not load.dated:
                left_out = f"scheduled action {action.name} is left out: the trace has no date"
                # One that only raises a size may only help.
                if self._lowers(action):
                    self._leave_out(left_out)
                else:
                    self.limitations.append(left_out)
                continue
            try:
                moments = _moments(action, load.start_seconds, seconds, before)
            except NotModelledError as error:
                self._leave_out(f"scheduled action {action.name} is left out: {error}")
                continue
            for moment in moments:
                self.schedule_names.append(action.name)
                self.schedule_rows.append(
                    (
                        -1 if action.min_size is None else action.min_size,
                        -1 if action.max_size is None else action.max_size,
                        -1 if action.desired_capacity is None else action.desired_capacity,
                        moment,
                    )
                )
        order = sorted(range(len(self.schedule_rows)), key=lambda i: self.schedule_rows[i][3])
        self.schedule_rows = [self.schedule_rows[i] for i in order]
        self.schedule_names = [self.schedule_names[i] for i in order]

    def _refresh_bounds(self) -> tuple[int, int | None]:
        """Return the minimum and maximum healthy percentages of a refresh; None: none is stated.

        BC, RefreshPreferences: what it leaves out is that of the instance maintenance policy, else
        90 and none, which is not the same as a stated 100.
        """
        refresh, policy = self.group.refresh, self.group.maintenance
        low = refresh.min_healthy_percent if refresh else None
        high = refresh.max_healthy_percent if refresh else None
        if low is None:
            low = policy.min_healthy_percent if policy else 90
        if high is None and policy is not None:
            high = policy.max_healthy_percent
        return low, high

    def _lowers(self, action: ScheduledAction) -> bool:
        """Whether an action may leave fewer instances than the group's own sizes."""
        least, most = self.group.min_size, self.group.max_size
        sizes = (
            (action.min_size, least),
            (action.max_size, most),
            (action.desired_capacity, least),
        )
        return any(size is not None and size < bound for size, bound in sizes)

    def scenario(
        self, step_seconds: int, steps: int, pre_roll_steps: int, seed: int
    ) -> tuple[r.Records, Mapping[str, Figure]]:
        """Return the scenario with all figures typical, and the figures' ranges."""
        plan, group, service = self.plan, self.group, self.service
        users, database = plan.users, plan.database
        target_group = plan.target_group_of(group)
        figures: dict[str, Figure] = {
            "requests_per_second": service.requests_per_second,
            "cold_requests_per_second": service.cold_requests_per_second
            or service.requests_per_second,
            "cold_seconds": service.cold_seconds,
            "service_seconds": service.service_seconds,
            "service_variation": service.service_variation,
            "boot_seconds": service.boot_seconds,
            "pool_start_seconds": service.pool_start_seconds,
            "queue_size": service.queue_size,
            "longest_request_seconds": service.longest_request_seconds,
            "database_seconds": service.database_seconds,
            "connections_per_instance": service.connections_per_instance,
            "session_seconds": users.session_seconds,
            "requests_per_session": users.requests_per_session,
            "timeout_seconds": users.timeout_seconds,
            "backoff_seconds": users.backoff_seconds,
        }
        held = service.connections_per_request
        if database is not None and held.high > 1:
            self._leave_out(
                f"service.connectionsPerRequest ({held.low:g} to {held.high:g}) is not read: no "
                "request waits for a connection of its instance's own pool"
            )
        if users.think_seconds is not None:
            figures["think_seconds"] = users.think_seconds
        if database is not None:
            figures["contention"] = database.contention
            figures["coherency"] = database.coherency
            if database.queries_per_second is not None:
                figures["database_queries_per_second"] = database.queries_per_second
        if service.concurrency is not None:
            figures["concurrency"] = service.concurrency
        if service.processor_seconds is not None:
            figures["processor_seconds"] = service.processor_seconds
        if service.cold_concurrency is not None:
            figures["cold_concurrency"] = service.cold_concurrency
        values: dict[str, float] = {name: row.default for name, row in ASSUMPTIONS.items()}
        values |= {name: figure.typical for name, figure in figures.items()}
        desired = group.min_size if group.desired_capacity is None else group.desired_capacity
        pool = group.warm_pool
        refresh = group.refresh
        prepared = -1
        if pool is not None and pool.max_prepared_size is not None:
            prepared = pool.max_prepared_size
        launching = [hook for hook in group.hooks if hook.launching]
        ending = [hook for hook in group.hooks if not hook.launching]
        low, high = self._refresh_bounds()
        policy = group.maintenance
        abandoning = [hook.heartbeat_timeout_seconds for hook in launching if hook.abandons]
        values |= {
            "seed": seed,
            "step_seconds": step_seconds,
            "steps": steps,
            "pre_roll_steps": pre_roll_steps,
            "history_minutes": self.history_minutes(pre_roll_steps * step_seconds),
            "closed": users.think_seconds is not None,
            "retries": users.retries,
            "instances_per_slot": math.ceil(
                most_alive(group.max_size, pool=pool is not None) / (SLOTS - SPARE_SLOTS)
            ),
            "min_size": group.min_size,
            "max_size": group.max_size,
            "desired": desired,
            "zones": len(group.zones),
            "elb_checks": group.health_check_type == HealthCheckType.ELB
            and target_group is not None,
            "has_load_balancer": target_group is not None,
            "has_pool": pool is not None,
            "has_launch_hook": bool(launching),
            # All hooks hold an instance at once. One that abandons it does so at its own time-out;
            # where all continue, the instance goes into service at the last of their time-outs.
            "hook_continues": not abandoning,
            "hook_seconds": min(abandoning)
            if abandoning
            else max((h.heartbeat_timeout_seconds for h in launching), default=0),
            "pool_running": pool is not None and pool.state == WarmPoolState.RUNNING,
            "pool_reuse": pool is not None and pool.reuse_on_scale_in,
            "pool_min_size": pool.min_size if pool else 0,
            "pool_max_prepared": prepared,
            "detailed_monitoring": group.detailed_monitoring,
            "refresh_min_healthy": low / 100,
            "refresh_max_healthy": (100 if high is None else high) / 100,
            "refresh_max_stated": high is not None,
            "refresh_warmup_seconds": self._warmup(
                refresh.warmup_seconds if refresh else None, group.health_check_grace_seconds
            ),
            "has_maintenance": policy is not None,
            "maintenance_min_healthy": (policy.min_healthy_percent if policy else 90) / 100,
            "maintenance_max_healthy": (policy.max_healthy_percent if policy else 100) / 100,
            "replacement_warmup_seconds": self._warmup(None, 0.0),
            "latency_seconds": plan.objective.latency_seconds,
            "bad_share_limit": plan.objective.bad_requests_percent / 100,
            "default_warmup_seconds": self._warmup(None),
            "cooldown_seconds": group.default_cooldown_seconds,
            "grace_seconds": group.health_check_grace_seconds,
            "terminate_hook_seconds": min(
                (service.longest_request_seconds.typical if ending else 0.0),
                min((h.heartbeat_timeout_seconds for h in ending), default=0),
            ),
            "vcpus_per_instance": group.vcpus_per_instance,
            "vcpu_quota": plan.quotas.vcpus or 0.0,
            "replacement_share": 0.1,
            "chance": 1,
            "launch_tokens": 1000,
            "launch_tokens_per_second": 2,
            "idle_timeout_seconds": r.NEVER,
        }
        for i, bound in enumerate(self.bounds):
            values[f"slow_bound_{i}"] = bound
        if target_group is not None:
            balancer = plan.load_balancer
            values |= {
                "unhealthy_threshold": target_group.unhealthy_threshold,
                "healthy_threshold": target_group.healthy_threshold,
                "check_interval_seconds": target_group.check_interval_seconds,
                "check_timeout_seconds": target_group.check_timeout_seconds,
                "slow_start_seconds": target_group.slow_start_seconds,
                "deregistration_seconds": target_group.deregistration_delay_seconds,
                "least_outstanding": target_group.algorithm
                == BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS,
                "check_uses_database": target_group.check_uses_database,
                "idle_timeout_seconds": balancer.idle_timeout_seconds if balancer else 60,
            }
        else:
            values |= {"check_interval_seconds": 30, "check_timeout_seconds": 6}
        if database is not None:
            values |= {
                "has_database": 1,
                "proxied": database.proxied,
                "max_connections": database.max_connections or 0.0,
                "database_parallelism": max(database.parallelism, 1.0),
            }
        record = np.zeros(1, r.SCENARIO)
        for name, value in values.items():
            record[name] = value
        complete(record, figures)
        return record, figures


def _terms(form: Mapping[int, float]) -> list[tuple[int, float]]:
    terms = [(column, factor) for column, factor in form.items() if column != ONE]
    if len(terms) > r.TERMS:
        raise PlanError(f"metric math: must have at most {r.TERMS} terms, got {len(terms)}")
    return terms


def complete(scenarios: r.Records, figures: Mapping[str, Figure]) -> None:
    """Fill in what follows from other fields, after these were changed."""
    implied = scenarios["requests_per_second"] * scenarios["service_seconds"]
    if "concurrency" not in figures:
        scenarios["concurrency"] = np.maximum(implied, 1.0)
        stretched = scenarios["concurrency"] / np.maximum(implied, 1e-12)
        scenarios["concurrency"] = implied * np.maximum(stretched, 1.0)
    scenarios["servers"] = np.maximum(np.minimum(scenarios["concurrency"], implied), 1.0)
    scenarios["cold_requests_per_second"] = np.minimum(
        scenarios["cold_requests_per_second"], scenarios["requests_per_second"]
    )
    if "cold_concurrency" not in figures:
        scenarios["cold_concurrency"] = scenarios["concurrency"]
    if "processor_seconds" not in figures:
        # Nothing says how much of a request is work: all that the instance can spend on it.
        carries = np.minimum(
            scenarios["requests_per_second"],
            scenarios["concurrency"] / np.maximum(scenarios["service_seconds"], 1e-12),
        )
        scenarios["processor_seconds"] = np.minimum(
            np.maximum(scenarios["service_seconds"] - scenarios["database_seconds"], 0.0),
            scenarios["vcpus_per_instance"] / np.maximum(carries, 1e-12),
        )


class _RuleReader:
    """Reads the rule of a composite alarm into a program for a stack."""

    FUNCTIONS: ClassVar = {
        "ALARM": r.PUSH_ALARM,
        "OK": r.PUSH_OK,
        "INSUFFICIENT_DATA": r.PUSH_INSUFFICIENT,
    }
    TOKENS = re.compile(
        r"""\s*(AND|OR|NOT|TRUE|FALSE|\(|\)|(?:ALARM|OK|INSUFFICIENT_DATA)
                            \s*\(\s*(?:"[^"]*"|'[^']*'|[^)\s]+)\s*\))""",
        re.VERBOSE,
    )

    def __init__(
        self,
        rule: str,
        alarms: Sequence[str],
        composites: Sequence[str],
        left_out: Collection[str] = (),
    ) -> None:
        self.rule = rule
        self.alarms = alarms
        self.composites = composites
        self.left_out = left_out
        """Alarms of the plan that have no model."""
        self.taken_as_ok: list[str] = []
        self.tokens: list[str] = []
        self.out: list[tuple[int, int]] = []

    def program(self) -> list[tuple[int, int]]:
        """Return the rule as operations with operands, in the order in which they run."""
        place = 0
        while place < len(self.rule.rstrip()):
            found = self.TOKENS.match(self.rule, place)
            if found is None:
                raise NotModelledError(f"no reading of its rule at {self.rule[place:][:40]!r}")
            self.tokens.append(found[1])
            place = found.end()
        self._either()
        if self.tokens or len(self.out) > r.COMPOSITE["program"].shape[0]:
            raise NotModelledError(f"no reading of its rule {self.rule[:60]!r}")
        return self.out

    def _next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def _either(self) -> None:
        self._both()
        while self._next() == "OR":
            self.tokens.pop(0)
            self._both()
            self.out.append((r.OR, 0))

    def _both(self) -> None:
        self._one()
        while self._next() == "AND":
            self.tokens.pop(0)
            self._one()
            self.out.append((r.AND, 0))

    def _one(self) -> None:
        token = self.tokens.pop(0) if self.tokens else ""
        if token == "NOT":  # noqa: S105 - a word of the rule
            self._one()
            self.out.append((r.NOT, 0))
        elif token == "(":  # noqa: S105 - a word of the rule
            self._either()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise NotModelledError("its parentheses do not match")
        elif token in {"TRUE", "FALSE"}:
            self.out.append((r.PUSH_TRUE if token == "TRUE" else r.PUSH_FALSE, 0))  # noqa: S105
        elif "(" in token:
            word, _, rest = token.partition("(")
            self._state(word.strip(), rest.rstrip(") \t").strip().strip("\"'"))
        else:
            raise NotModelledError(f"no reading of its rule {self.rule[:60]!r}")

    def _state(self, word: str, name: str) -> None:
        # An ARN ends with the alarm's name.
        name = name.rpartition(":alarm:")[2] if name.startswith("arn:") else name
        if name in self.alarms:
            self.out.append((self.FUNCTIONS[word], self.alarms.index(name)))
        elif name in self.composites and word != "INSUFFICIENT_DATA":
            operation = r.PUSH_COMPOSITE_ALARM if word == "ALARM" else r.PUSH_COMPOSITE_OK
            self.out.append((operation, self.composites.index(name)))
        elif name in self.left_out:
            self.taken_as_ok.append(name)
            self.out.append((r.PUSH_TRUE if word == "OK" else r.PUSH_FALSE, 0))
        else:
            raise NotModelledError(f"no model of {name}")


def _moments(action: ScheduledAction, start: float, seconds: float, before: float) -> list[float]:
    """Return when an action runs, in seconds after the start of the trace.

    That is from `before` seconds earlier on; of what was before that, the last time, since what it
    set then holds until something else sets it.

    It runs at its start time, where it has one, and then by its recurrence until its end time (API
    reference, PutScheduledUpdateGroupAction). cronsim reads the recurrence as cron does: a day
    matches the day of the month or of the week where both are restricted.
    """
    once = action.start_seconds
    found = [] if once is None else [once]
    if action.recurrence is not None:
        try:
            zone = ZoneInfo(action.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise NotModelledError(f"no time zone {action.time_zone!r}") from None
        begin, end = start - before, start + seconds
        if action.end_seconds is not None:
            end = min(end, action.end_seconds)
        # The first moment that may count is after the one before it.
        after = max(begin, -math.inf if once is None else once) - (once is None)
        try:
            moments = CronSim(action.recurrence, datetime.fromtimestamp(after, zone))
            past = CronSim(
                action.recurrence, datetime.fromtimestamp(min(begin, end), zone), reverse=True
            )
            last = next((moment.timestamp() for moment in past), -math.inf)
        except CronSimError as error:
            reason = f"no reading of its recurrence {action.recurrence!r}: {error}"
            raise NotModelledError(reason) from None
        if once is None or last > once:
            found.insert(0, last)
        found += takewhile(end.__gt__, (moment.timestamp() for moment in moments))
    held = max((moment for moment in found if moment < start - before), default=-math.inf)
    return [
        moment - start
        for moment in dict.fromkeys(found)
        if held <= moment < start + seconds and moment > -math.inf
    ]
