"""CloudWatch metrics as ratios of the sums that the kernel keeps, and metric math over them."""

import ast
import math
import re
from dataclasses import dataclass, field, replace
from typing import Self

from surgeproof.plan import DemandMetric, Metric, MetricMath
from surgeproof.simulation.compiled import records as r

LOAD_BALANCER_METRICS = "AWS/ApplicationELB"
EC2_METRICS = "AWS/EC2"
GROUP_METRICS = "AWS/AutoScaling"
DATABASE_METRICS = "AWS/RDS"
TOPIC_METRICS = "AWS/SNS"

ONE = -1
"""Key of the constant term of a linear form."""

Linear = dict[int, float]
"""A linear form: factor by column, the constant under `ONE`."""


class NotModelledError(ValueError):
    """A metric or expression that the simulation cannot represent; the message says which."""


@dataclass(frozen=True, slots=True)
class Quotient:
    """A metric as a quotient of two linear forms over the sums of its window."""

    above: Linear
    below: Linear = field(default_factory=lambda: {ONE: 1.0})
    source: int = r.LOAD_BALANCER
    needs_answers: bool = False
    nonzero_only: bool = False
    extreme: int = -1
    percentile: float = 0.0
    slow_bound_seconds: float = 0.0
    granularity_seconds: int = 60
    guard: tuple[int, float, float] | None = None
    """Column, value that it must exceed, and the metric's value where it does not."""
    averaged_over: int = r.IN_SERVICE_SECONDS
    """Column of the instances that it is an average of."""

    @classmethod
    def constant(cls, value: float) -> Self:
        """Return a number."""
        return cls({ONE: value})

    @property
    def number(self) -> float | None:
        """Return the number that this is, or none."""
        if set(self.above) <= {ONE} and set(self.below) == {ONE}:
            return self.above.get(ONE, 0.0) / self.below[ONE]
        return None


def _scaled(form: Linear, factor: float) -> Linear:
    return {column: value * factor for column, value in form.items()}


def _sum(left: Linear, right: Linear) -> Linear:
    columns = {**left, **right}
    return {column: left.get(column, 0.0) + right.get(column, 0.0) for column in columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What the metrics of one plan mean."""

    period_seconds: int
    detailed_monitoring: bool
    group_metrics: bool
    requests_per_second: float
    """What an instance carries; scales the application's own metrics."""
    database_parallelism: float
    demand_metrics: tuple[DemandMetric, ...]
    threshold: float = 0.0
    """The alarm's threshold, which a percentile is compared with."""

    def metric(self, metric: Metric) -> Quotient:
        """Return what a metric is made of."""
        for demand in self.demand_metrics:
            if (demand.namespace, demand.name) == (metric.namespace, metric.name):
                return Quotient(
                    {r.REQUESTS: demand.capacity_per_instance},
                    {r.TARGET_SECONDS: self.requests_per_second},
                    r.AGENT,
                    granularity_seconds=10,
                    averaged_over=r.TARGET_SECONDS,
                )
        reader = {
            LOAD_BALANCER_METRICS: self._load_balancer,
            EC2_METRICS: self._ec2,
            GROUP_METRICS: self._group,
            DATABASE_METRICS: self._database,
            TOPIC_METRICS: _topic,
        }.get(metric.namespace)
        found = reader(metric) if reader else None
        if found is None:
            raise NotModelledError(f"{metric.namespace} {metric.name} ({metric.statistic})")
        return found

    def _load_balancer(self, metric: Metric) -> Quotient | None:
        name, statistic = metric.name, metric.statistic
        if name == "TargetResponseTime":
            return self._response_time(statistic)
        if name in {"HealthyHostCount", "UnHealthyHostCount"}:
            healthy = name == "HealthyHostCount"
            column = r.HEALTHY_SECONDS if healthy else r.UNHEALTHY_SECONDS
            extreme = -1
            if healthy and statistic == "Minimum":
                extreme = r.LEAST_HEALTHY
            elif not healthy and statistic == "Maximum":
                extreme = r.MOST_UNHEALTHY
            return Quotient({column: 1.0}, {r.SECONDS: 1.0}, extreme=extreme)
        if name == "RequestCountPerTarget":
            return Quotient(
                {r.REQUESTS: float(self.period_seconds)},
                {r.REQUEST_TARGET_SECONDS: 1.0},
                averaged_over=r.REQUEST_TARGET_SECONDS,
            )
        counts = {
            "RequestCount": {r.REQUESTS: 1.0},
            "HTTPCode_Target_5XX_Count": {r.TARGET_5XX: 1.0},
            "HTTPCode_Target_2XX_Count": {r.ANSWERED: 1.0, r.TARGET_5XX: -1.0},
            "HTTPCode_ELB_5XX_Count": {r.ELB_5XX: 1.0},
            "HTTPCode_ELB_503_Count": {r.REJECTED: 1.0},
            "HTTPCode_ELB_504_Count": {r.ELB_5XX: 1.0, r.REJECTED: -1.0},
            # The load balancer's own limits are not modelled: it refuses no connection.
            "RejectedConnectionCount": {ONE: 0.0},
            # Nor does the model's application redirect, blame a client or refuse a connection.
            "HTTPCode_Target_3XX_Count": {ONE: 0.0},
            "HTTPCode_Target_4XX_Count": {ONE: 0.0},
            "TargetConnectionErrorCount": {ONE: 0.0},
        }
        if name in counts and statistic == "Sum":
            return Quotient(counts[name], nonzero_only=name != "RequestCount")
        return None

    def _response_time(self, statistic: str) -> Quotient | None:
        if statistic == "Average":
            return Quotient({r.RESPONSE_SECONDS: 1.0}, {r.ANSWERED: 1.0}, needs_answers=True)
        if statistic == "SampleCount":
            return Quotient({r.ANSWERED: 1.0}, nonzero_only=True)
        if statistic == "Maximum":
            return Quotient({ONE: 0.0}, needs_answers=True, extreme=r.LONGEST_RESPONSE)
        if found := re.fullmatch(r"p(\d+(?:\.\d+)?)", statistic):
            return Quotient(
                {ONE: 0.0},
                needs_answers=True,
                percentile=float(found[1]) / 100.0,
                slow_bound_seconds=self.threshold,
            )
        if found := re.fullmatch(r"PR\(:(\d+(?:\.\d+)?)\)", statistic):
            # Filled in by the encoder, once it knows the column of this bound.
            return Quotient(
                {r.ANSWERED: 100.0, r.SLOW: -100.0},
                {r.ANSWERED: 1.0},
                needs_answers=True,
                slow_bound_seconds=float(found[1]),
            )
        return None

    def _ec2(self, metric: Metric) -> Quotient | None:
        if metric.name != "CPUUtilization" or metric.statistic not in {"Average", "Maximum"}:
            return None
        return Quotient(
            {r.CPU_SECONDS: 1.0},
            {r.WARM_SECONDS: 1.0},
            r.EC2,
            extreme=r.MOST_CPU if metric.statistic == "Maximum" else -1,
            granularity_seconds=60 if self.detailed_monitoring else 300,
            averaged_over=r.WARM_SECONDS,
        )

    def _group(self, metric: Metric) -> Quotient | None:
        columns = {
            "GroupInServiceInstances": r.IN_SERVICE_SECONDS,
            "GroupInServiceCapacity": r.IN_SERVICE_SECONDS,
            "GroupDesiredCapacity": r.DESIRED_SECONDS,
            "GroupMaxSize": r.MAX_SIZE_SECONDS,
            "GroupPendingInstances": r.PENDING_SECONDS,
        }
        if metric.name not in columns:
            return None
        # Without group metrics there is no data: 0 / 0.
        seconds = {r.SECONDS: 1.0} if self.group_metrics else {ONE: 0.0}
        return Quotient({columns[metric.name]: 1.0}, seconds, r.GROUP)

    def _database(self, metric: Metric) -> Quotient | None:
        forms = {
            "DatabaseConnections": {r.CONNECTION_SECONDS: 1.0},
            "CPUUtilization": {r.DATABASE_BUSY_SECONDS: 100.0},
            "DBLoad": {r.DATABASE_BUSY_SECONDS: self.database_parallelism},
        }
        if metric.name not in forms:
            return None
        return Quotient(forms[metric.name], {r.SECONDS: 1.0}, r.DATABASE)

    def math(self, math: MetricMath) -> Quotient:
        """Return what a metric-math expression is made of."""
        metrics = {key: self.metric(metric) for key, metric in math.metrics}
        try:
            tree = ast.parse(math.expression.strip(), mode="eval")
        except SyntaxError:
            raise NotModelledError(f"metric math {math.expression!r}") from None
        return _Reader(math.expression, metrics).read(tree.body)


def _topic(metric: Metric) -> Quotient | None:
    """Return a topic's failures: here every message arrives."""
    failures = metric.name == "NumberOfNotificationsFailed"
    return Quotient({ONE: 0.0}, nonzero_only=True) if failures else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads an expression: sums, differences, products with numbers, quotients, FILL and IF.

    Of products of two metrics one is read: a share of answers by their number, such as
    `FILL(within, 0) * FILL(answered, 0)` with the percentile rank of a response time, which counts
    the answers within it and is 0 where there are none.
    """

    expression: str
    metrics: dict[str, Quotient]

    def read(self, node: ast.expr) -> Quotient:
        match node:
            case ast.Constant(value=int() | float() as value):
                return Quotient.constant(float(value))
            case ast.Name(id=name) if name in self.metrics:
                return self.metrics[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._times(Quotient.constant(-1.0), self.read(operand))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._plus(self.read(left), self.read(right), 1.0)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return self._plus(self.read(left), self.read(right), -1.0)
            case ast.BinOp(
                left=ast.Call(
                    func=ast.Name(id="FILL"), args=[ast.Name(id=share), ast.Constant(value=0)]
                ),
                op=ast.Mult(),
                right=ast.Call(
                    func=ast.Name(id="FILL"), args=[ast.Name(id=count), ast.Constant(value=0)]
                ),
            ):
                return self._counted(share, count)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._times(self.read(left), self.read(right))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._over(self.read(left), self.read(right))
            case ast.Call(
                func=ast.Name(id="FILL"), args=[ast.Name(id=name), ast.Constant(value=0)]
            ):
                return self._filled(name)
            case ast.Call(func=ast.Name(id="IF"), args=[ast.Compare() as guard, then, other]):
                return self._guarded(guard, self.read(then), self.read(other))
        raise self._refused()

    def _refused(self) -> NotModelledError:
        return NotModelledError(f"metric math {self.expression!r}")

    def _filled(self, name: str) -> Quotient:
        metric = self.metrics.get(name)
        if metric is None or not metric.nonzero_only:
            raise self._refused()
        return replace(metric, nonzero_only=False)

    def _counted(self, share: str, count: str) -> Quotient:
        """Return how many a share of a count is; 0 where neither is reported."""
        rank, total = self.metrics.get(share), self.metrics.get(count)
        if rank is None or total is None or rank.below != total.above or rank.percentile:
            raise self._refused()
        return replace(rank, below=total.below, needs_answers=False)

    def _make(self, left: Quotient, right: Quotient, above: Linear, below: Linear) -> Quotient:
        for side in (left, right):
            if side.extreme >= 0 or side.percentile or side.guard:
                raise self._refused()
        # A number has no source and no period of its own.
        metrics = [side for side in (left, right) if side.number is None] or [left]
        if len(below) == 1 and len(above) == 1 and set(above) == set(below):
            above = {ONE: above.popitem()[1] / below.popitem()[1]}
            below = {ONE: 1.0}
        return Quotient(
            above,
            below,
            metrics[0].source,
            needs_answers=left.needs_answers or right.needs_answers,
            nonzero_only=left.nonzero_only or right.nonzero_only,
            slow_bound_seconds=max(left.slow_bound_seconds, right.slow_bound_seconds),
            granularity_seconds=max(metric.granularity_seconds for metric in metrics),
        )

    def _plus(self, left: Quotient, right: Quotient, sign: float) -> Quotient:
        if left.below == right.below:
            return self._make(left, right, _sum(left.above, _scaled(right.above, sign)), left.below)
        number = right.number
        if number is not None:
            return self._make(
                left, right, _sum(left.above, _scaled(left.below, sign * number)), left.below
            )
        number = left.number
        if number is not None:
            above = _sum(_scaled(right.below, number), _scaled(right.above, sign))
            return self._make(left, right, above, right.below)
        raise self._refused()

    def _times(self, left: Quotient, right: Quotient) -> Quotient:
        if left.number is not None:
            return self._make(left, right, _scaled(right.above, left.number), right.below)
        if right.number is not None:
            return self._make(left, right, _scaled(left.above, right.number), left.below)
        raise self._refused()

    def _over(self, left: Quotient, right: Quotient) -> Quotient:
        if right.number is not None:
            if right.number == 0.0:
                raise self._refused()
            return self._make(left, right, _scaled(left.above, 1.0 / right.number), left.below)
        if left.below == right.below:
            return self._make(left, right, left.above, right.above)
        if set(right.below) == {ONE} and set(left.below) == {ONE}:
            factor = right.below[ONE] / left.below[ONE]
            return self._make(left, right, _scaled(left.above, factor), right.above)
        raise self._refused()

    def _guarded(self, guard: ast.Compare, then: Quotient, other: Quotient) -> Quotient:
        match guard:
            case ast.Compare(
                left=left, ops=[ast.Gt() | ast.GtE() as op], comparators=[ast.Constant(value=least)]
            ) if isinstance(least, int | float):
                pass
            case _:
                raise self._refused()
        total = self.read(left)
        columns = [column for column in total.above if column != ONE]
        if other.number is None or set(total.below) != {ONE}:
            raise self._refused()
        # The guard is on the requests; what is added to them is left out of it, which can only
        # keep the guard closed at very few requests.
        if r.REQUESTS not in columns:
            raise self._refused()
        limit = float(least)
        if isinstance(op, ast.GtE):
            limit = math.nextafter(limit, -math.inf)
        guard_column = (r.REQUESTS, limit, other.number)
        return replace(then, nonzero_only=False, guard=guard_column)
