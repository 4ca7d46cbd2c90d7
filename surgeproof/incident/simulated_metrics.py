"""The metrics of a simulated run, as `GetMetricData` answers them."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from surgeproof.incident.evidence import stamp
from surgeproof.incident.scenarios import STACK, Scenario
from surgeproof.plan import Metric
from surgeproof.simulation import Injection, Run
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.catalogue import ONE, Catalogue, Linear, NotModelledError, Quotient
from surgeproof.simulation.compiled import records as r

LOAD_BALANCER: Final = f"app/{STACK}/50dc6c495c0c9188"
TARGET_GROUP: Final = f"targetgroup/{STACK}/73e2d6bc24d8a067"

_METRICS: Final = (
    ("AWS/ApplicationELB", "RequestCount", "Sum"),
    ("AWS/ApplicationELB", "RequestCountPerTarget", "Sum"),
    ("AWS/ApplicationELB", "HTTPCode_Target_2XX_Count", "Sum"),
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum"),
    ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum"),
    ("AWS/ApplicationELB", "TargetResponseTime", "Average"),
    ("AWS/ApplicationELB", "TargetResponseTime", "p95"),
    ("AWS/ApplicationELB", "HealthyHostCount", "Minimum"),
    ("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum"),
    ("AWS/AutoScaling", "GroupDesiredCapacity", "Average"),
    ("AWS/AutoScaling", "GroupInServiceInstances", "Average"),
    ("AWS/AutoScaling", "GroupMaxSize", "Average"),
    ("AWS/EC2", "CPUUtilization", "Average"),
    ("AWS/RDS", "DatabaseConnections", "Average"),
    ("AWS/RDS", "CPUUtilization", "Average"),
)
"""Metrics that the bundle holds, as far as the plan has them; `ReadLatency` comes beside them."""

_READ_SECONDS: Final = 0.0008
"""Mean latency of the database's reads on an ordinary day (seconds): a choice."""


class Metrics:
    """The metrics of one run, as they can be read at a moment."""

    def __init__(self, scenario: Scenario, run: Run, now: datetime) -> None:
        self._scenario, self._run, self._now = scenario, run, now
        self._start = datetime.fromtimestamp(scenario.trace.start_seconds, UTC)

    def delay(self, source: int, at: datetime) -> float:
        """Return how late a metric of a source can be read at a moment (seconds)."""
        name = {
            r.EC2: "ec2_delay_seconds",
            r.GROUP: "group_delay_seconds",
            r.DATABASE: "database_delay_seconds",
        }.get(source, "load_balancer_delay_seconds")
        seconds = (at - self._start).total_seconds()
        late = sum(
            each.value
            for each in self._scenario.injected
            if each.kind is Injection.METRICS_LATE
            and each.start_seconds <= seconds < each.end_seconds
        )
        return float(ASSUMPTIONS[name].default) + late

    def series(self) -> Iterator[Mapping[str, Any]]:
        """Yield every metric, in the shape of `evidence.Series`."""
        database = self._scenario.plan.database
        for number, (namespace, name, statistic) in enumerate(_METRICS):
            if namespace == "AWS/RDS" and database is None:
                continue
            metric = Metric(namespace=namespace, name=name, statistic=statistic)
            found = self._values(metric)
            if found is not None:
                yield self._series(f"m{number}", metric, *found)
        shed = self._shed()
        if shed.any():
            yield self._series(
                "shed",
                Metric(
                    namespace="AWS/ApplicationELB",
                    name="HTTP_Fixed_Response_Count",
                    statistic="Sum",
                ),
                np.where(shed > 0, shed, np.nan),
                r.LOAD_BALANCER,
                60,
            )
        if database is not None:
            metric = Metric(namespace="AWS/RDS", name="ReadLatency", statistic="Average")
            values = _READ_SECONDS * self._slower()
            yield self._series("reads", metric, values, r.DATABASE, 60)

    def _slower(self) -> r.Floats:
        """Return for each minute how many times slower the database is."""
        begins = 60.0 * np.arange(len(self._run.minutes))
        slower = np.ones(begins.size)
        for each in self._scenario.injected:
            if each.kind is Injection.DATABASE_SLOWER:
                within = (begins + 60.0 > each.start_seconds) & (begins < each.end_seconds)
                slower = np.where(within, np.maximum(slower, each.value), slower)
        return slower

    def _shed(self) -> r.Floats:
        """Return how many requests got a fixed response in each minute."""
        demand = self._run.arrivals
        step = int(self._run.scenario["step_seconds"])
        times = step * np.arange(demand.size)
        shed = np.zeros(demand.size)
        for each in self._scenario.injected:
            if each.kind is Injection.LOAD_SHED:
                within = (times >= each.start_seconds) & (times < each.end_seconds)
                shed += np.where(within, each.value * demand * step, 0.0)
        per = 60 // step
        whole = len(self._run.minutes) * per
        return np.asarray(np.round(shed[:whole].reshape(-1, per).sum(axis=1)))

    def _values(self, metric: Metric) -> tuple[r.Floats, int, int] | None:
        """Return a value a period, its source and its period; none where it is not modelled."""
        plan = self._scenario.plan
        service = plan.service
        if service is None:
            return None
        catalogue = Catalogue(
            period_seconds=60,
            detailed_monitoring=self._scenario.plan.groups[0].detailed_monitoring,
            group_metrics=self._scenario.plan.groups[0].group_metrics,
            requests_per_second=service.requests_per_second.typical,
            database_parallelism=plan.database.parallelism if plan.database else 1.0,
            demand_metrics=(),
        )
        try:
            quotient = catalogue.metric(metric)
        except NotModelledError:
            return None
        period = quotient.granularity_seconds
        minutes, extremes = self._run.minutes, self._run.extremes
        rows = period // 60
        whole = len(minutes) // rows * rows
        sums = minutes[:whole].reshape(-1, rows, minutes.shape[1]).sum(axis=1)
        if quotient.percentile:
            values = self._percentile(quotient, sums)
        elif quotient.extreme >= 0:
            least = quotient.extreme == r.LEAST_HEALTHY
            each = extremes[:whole, quotient.extreme].reshape(-1, rows)
            values = each.min(axis=1) if least else each.max(axis=1)
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = _linear(quotient.above, sums) / _linear(quotient.below, sums)
        if quotient.nonzero_only:
            values = np.where(np.round(values) > 0, np.round(values), np.nan)
        if quotient.needs_answers:
            values = np.where(sums[:, r.ANSWERED] >= 1, values, np.nan)
        return values, quotient.source, period

    def _percentile(self, quotient: Quotient, sums: r.Floats) -> r.Floats:
        """Return a percentile, as an alarm on it sees it: the tail through its threshold."""
        alarms = self._run.encoded.alarms
        mine = np.flatnonzero(alarms["percentile"] == quotient.percentile)
        if mine.size == 0:
            return np.full(len(sums), np.nan)
        bound = float(alarms[mine[0]]["threshold"])
        slow = r.SLOW + int(alarms[mine[0]]["slow_bound"])
        answered = np.maximum(sums[:, r.ANSWERED], 1e-9)
        share = np.clip(sums[:, slow] / answered, 0.0, 1.0)
        mean = sums[:, r.RESPONSE_SECONDS] / answered
        tail = math.log(1.0 - quotient.percentile)
        most = self._scenario.plan.users.timeout_seconds.typical
        with np.errstate(divide="ignore"):
            through = bound * tail / np.log(np.clip(share, 1e-12, 1 - 1e-9))
        no_slow = np.minimum(-tail * mean, bound)
        return np.asarray(np.where(share <= 1e-12, no_slow, np.minimum(through, most)))

    def _series(
        self,
        key: str,
        metric: Metric,
        values: r.Floats,
        source: int,
        period: int,
    ) -> Mapping[str, Any]:
        times, points = [], []
        for number, value in enumerate(values):
            begin = self._start + timedelta(seconds=number * period)
            ends = begin + timedelta(seconds=period)
            if ends + timedelta(seconds=self.delay(source, self._now)) > self._now:
                break
            if not math.isnan(value):
                times.append(stamp(begin))
                points.append(float(f"{value:.6g}"))
        return {
            "MetricDataQuery": {
                "Id": key,
                "MetricStat": {
                    "Metric": {
                        "Namespace": metric.namespace,
                        "MetricName": metric.name,
                        "Dimensions": dimensions_of(
                            metric.namespace, self._scenario.plan.groups[0].name
                        ),
                    },
                    "Period": period,
                    "Stat": metric.statistic,
                },
                "ReturnData": True,
            },
            "MetricDataResult": {
                "Id": key,
                "Label": metric.name,
                "Timestamps": times,
                "Values": points,
                "StatusCode": "Complete",
            },
        }


def dimensions_of(namespace: str, group: str) -> list[dict[str, str]]:
    """Return the dimensions that metrics of a namespace have."""
    pairs = {
        "AWS/ApplicationELB": {"LoadBalancer": LOAD_BALANCER, "TargetGroup": TARGET_GROUP},
        "AWS/RDS": {"DBInstanceIdentifier": f"{STACK}-database"},
    }.get(namespace, {"AutoScalingGroupName": group})
    return [{"Name": name, "Value": value} for name, value in pairs.items()]


def _linear(form: Linear, sums: r.Floats) -> r.Floats:
    total = np.full(len(sums), form.get(ONE, 0.0))
    for column, factor in form.items():
        if column != ONE:
            total = total + factor * sums[:, column]
    return total
