"""What CloudWatch would hold of a stack's metrics, and the states that its alarms take by them.

A series has one value a minute, NaN where the metric is absent. Windows end with each minute, as
CloudWatch evaluates alarms every minute over the latest ones; an alarm of 10 s periods is looked at
with periods of a minute. The state is the simulation's, which has passed AWS's tables.
"""

import ast
import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from surgeproof.simulation.compiled.alarms import ABSENT_POINT, alarm_state, breaches
from surgeproof.simulation.compiled.records import ALARM, OK
from surgeproof.simulation.encode_alarms import COMPARISONS, MISSING_DATA
from surgeproof.traces.shapes import diurnal_day

DAY = 1440
"""Minutes."""
SIGMA = 0.5
"""Of the logarithm of response times: p95 is 2.3 times the median."""
EXTRA_POINTS = 2
"""How many points more than N an alarm looks at (the simulation's assumption)."""


@dataclass
class Metrics:
    """The stack's metrics over some days."""

    values: dict[str, np.ndarray]
    """By the metric's name."""
    median: np.ndarray
    """Of response times (seconds)."""
    answered: np.ndarray
    """Responses of targets a minute."""
    usual: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    """Mean and standard deviation of what is usual, in place of CloudWatch's unpublished model."""

    def read(self, name: str, statistic: str, minutes: int) -> np.ndarray:
        """Return a statistic over windows of some minutes."""
        if name == "TargetResponseTime":
            return self._response_time(statistic, minutes)
        values = self.values[name]
        known = ~np.isnan(values)
        if statistic in {"Sum", "Average"}:
            total = _rolling(np.where(known, values, 0.0), minutes)
            count = _rolling(known.astype(float), minutes)
            made = total if statistic == "Sum" else total / np.maximum(count, 1)
            return np.where(count > 0, made, np.nan)
        if statistic.startswith("p"):  # of what does not vary within a minute here
            assert minutes == 1
            return values
        worst = {"Maximum": np.fmax, "Minimum": np.fmin}[statistic]
        found = values.copy()
        for back in range(1, min(minutes, 60)):
            found[back:] = worst(found[back:], values[:-back])
        return found

    def _response_time(self, statistic: str, minutes: int) -> np.ndarray:
        count = _rolling(self.answered, minutes)
        if statistic == "SampleCount":
            return np.where(count > 0, count, np.nan)
        if statistic.startswith("p"):
            assert minutes == 1
            deviations = {"p95": 1.6449, "p99": 2.3263}[statistic]
            return np.where(count > 0, self.median * math.exp(SIGMA * deviations), np.nan)
        bound = float(re.fullmatch(r"PR\(:([\d.]+)\)", statistic)[1])
        share = _normal(np.log(bound / self.median) / SIGMA)
        within = _rolling(self.answered * share, minutes)
        return np.where(count > 0, 100 * within / np.maximum(count, 1), np.nan)


def _normal(deviations: np.ndarray) -> np.ndarray:
    return np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in deviations])


def _rolling(values: np.ndarray, minutes: int) -> np.ndarray:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, values.size + 1)
    return sums[last] - sums[np.maximum(last - minutes, 0)]


def normal(seed: int, days: int = 4) -> Metrics:
    """Return days as they are: a daily rhythm with noise, and a group that follows it."""
    trace = diurnal_day(
        mean_requests_per_second=160, peak_to_trough=3, days=days, seed=seed, step_seconds=60
    )
    rate = trace.requests_per_second
    requests = rate * 60
    calm = diurnal_day(
        mean_requests_per_second=160, peak_to_trough=3, days=days, noise_percent=0, step_seconds=60
    ).requests_per_second
    size = np.clip(np.ceil(calm * 1.1 / 54), 4, 5)  # the stack's target: 60 % of 90 a second
    never, zero = np.full(rate.size, np.nan), np.zeros(rate.size)
    values = {
        "RequestCount": requests,
        "RequestCountPerTarget": requests / size,
        "HTTPCode_Target_2XX_Count": requests * 0.97,
        "HTTPCode_Target_3XX_Count": requests * 0.027,
        "HTTPCode_Target_4XX_Count": requests * 0.003,
        "HTTPCode_Target_5XX_Count": never,
        "HTTPCode_ELB_5XX_Count": never,
        "RejectedConnectionCount": never,
        "TargetConnectionErrorCount": never,
        "NewConnectionCount": requests / 5,
        "ActiveUsers": rate * 12,
        "RequestsUnderWay": 50 * rate / size / 90,
        "HealthyHostCount": size,
        "UnHealthyHostCount": zero,
        "GroupDesiredCapacity": size,
        "GroupInServiceCapacity": size,
        "GroupMaxSize": np.full(rate.size, 6.0),
        "CPUUtilization": 60 * rate / size / 54 * 0.9,
        "StatusCheckFailed": zero,
        "StatusCheckFailed_AttachedEBS": zero,
        "PeakLCUs": rate / 25,
        "DaysToExpiry": np.full(rate.size, 200.0),
        "ErrorPortAllocation": zero,
        "GroupTotalInstances": size,
        # The database, with room, and what nothing has happened to yet.
        "DatabaseConnections": 20 * size,
        "FreeStorageSpace": np.full(rate.size, 80 * 2.0**30),
        "FreeableMemory": np.full(rate.size, 2 * 2.0**30),
        "MaximumUsedTransactionIDs": np.full(rate.size, 1e8),
        "RDS CPUUtilization": 50 * rate / rate.max(),
        "DBLoad": rate / rate.max(),
        "ReadLatency": np.full(rate.size, 0.002),
        "WriteLatency": np.full(rate.size, 0.004),
        "EBSByteBalance%": np.full(rate.size, 99.0),
        "EBSIOBalance%": np.full(rate.size, 99.0),
        "SlowQueries": never,
        "CountedRequests": never,
        "page": never,
        "ticket": never,
        "escalation": never,
    }
    usual = {
        name: (calm * factor, calm * factor * 0.05)
        for name, factor in (("RequestCount", 60), ("NewConnectionCount", 12), ("ActiveUsers", 12))
    }
    return Metrics(values, np.full(rate.size, 0.08), requests.copy(), usual)


def _expression(text: str, names: dict[str, np.ndarray], minutes: int) -> np.ndarray:
    """Work metric math out, as far as the stack uses it."""

    def read(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return float(value)
            case ast.Name(id=name):
                return names[name]
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATIONS[type(op)](read(left), read(right))
            case ast.Compare(left=left, ops=[ast.GtE()], comparators=[right]):
                one, other = read(left), read(right)
                return np.where(np.isnan(one), np.nan, one >= other)
            case ast.Call(func=ast.Name(id="FILL"), args=[metric, ast.Constant(value=filled)]):
                return np.nan_to_num(read(metric), nan=float(filled))
            case ast.Call(func=ast.Name(id="DIFF"), args=[metric]):
                values = read(metric)
                before = np.concatenate([np.full(minutes, np.nan), values[:-minutes]])
                return values - before
            case ast.Call(func=ast.Name(id="IF"), args=[guard, then, other]):
                chosen = read(guard)
                made = np.where(chosen == 1, read(then), read(other))
                return np.where(np.isnan(chosen), np.nan, made)
        raise AssertionError(f"no reading of {text!r}")

    with np.errstate(divide="ignore", invalid="ignore"):
        return read(ast.parse(text, mode="eval").body)


_OPERATIONS = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


def _named(metric: dict[str, Any]) -> str:
    """Return the name under which a metric is held; a topic's is the topic's last part."""
    if metric["metricName"] == "NumberOfNotificationsFailed":
        return metric["dimensions"]["TopicName"].rpartition("-")[2]
    if metric["namespace"] == "AWS/RDS" and metric["metricName"] == "CPUUtilization":
        return "RDS CPUUtilization"
    return metric["metricName"]


def watch(alarm: dict[str, Any], metrics: Metrics) -> tuple[np.ndarray, Any, int]:
    """Return what an alarm compares, with what, and its period in minutes."""
    if "metricName" in alarm:
        minutes = max(int(alarm["period"]) // 60, 1)
        statistic = alarm.get("statistic") or alarm["extendedStatistic"]
        return metrics.read(_named(alarm), statistic, minutes), alarm["threshold"], minutes
    queries = {query["id"]: query for query in alarm["metricQueries"]}
    read = {key: each["metric"] for key, each in queries.items() if each.get("metric")}
    minutes = max(int(next(iter(read.values()))["period"]) // 60, 1)
    names = {key: metrics.read(_named(each), each["stat"], minutes) for key, each in read.items()}
    band = queries.get(alarm.get("thresholdMetricId"))
    if band:
        key, width = re.fullmatch(
            r"ANOMALY_DETECTION_BAND\((\w+), ([\d.]+)\)", band["expression"]
        ).groups()
        mean, deviation = metrics.usual[_named(read[key])]
        return names[key], mean + float(width) * deviation, minutes
    (expression,) = (each["expression"] for each in queries.values() if not each.get("metric"))
    return _expression(expression, names, minutes), alarm["threshold"], minutes


def states(alarm: dict[str, Any], metrics: Metrics, begin: int) -> np.ndarray:
    """Return whether an alarm is in ALARM, for each minute from `begin` on."""
    values, threshold, minutes = watch(alarm, metrics)
    word = alarm["comparisonOperator"].replace("UpperThreshold", "Threshold")
    comparison = next(code for known, code in COMPARISONS.items() if known == word)
    missing = MISSING_DATA[alarm["treatMissingData"]]
    points = np.where(
        np.isnan(values),
        ABSENT_POINT,
        _breaches(values, comparison, np.broadcast_to(threshold, values.shape)),
    ).astype(np.int8)
    n, m = int(alarm["evaluationPeriods"]), int(alarm["datapointsToAlarm"])
    count = n + EXTRA_POINTS
    # The windows of a range are a period apart.
    ranges = np.stack(
        [_earlier(points, back)[begin:] for back in range((count - 1) * minutes, -1, -minutes)],
        axis=1,
    ).astype(np.int64)
    found = np.zeros(ranges.shape[0], bool)
    state = OK
    for at in np.flatnonzero((ranges != 0).any(axis=1)):
        if at and not found[at - 1] and not (ranges[at - 1] != 0).any():
            state = OK
        state = alarm_state(ranges[at], count, n, m, missing, state)
        found[at] = state == ALARM
    return found


def _earlier(points: np.ndarray, minutes: int) -> np.ndarray:
    """Return what was a while before; nothing is known of before the beginning."""
    kept = points[: max(points.size - minutes, 0)]
    return np.concatenate([np.full(points.size - kept.size, ABSENT_POINT), kept])


def _breaches(values: np.ndarray, comparison: int, threshold: np.ndarray) -> np.ndarray:
    return np.array(
        [
            breaches(float(value), comparison, float(bound))
            for value, bound in zip(values, threshold, strict=True)
        ]
    )


def holds(rule: str, in_alarm: dict[str, Any]) -> Any:
    """Return whether a composite alarm's rule holds, by the states of its children."""
    text = re.sub(r'ALARM\("([^"]+)"\)', lambda child: f"in_alarm[{child[1]!r}]", rule)
    for word, operator in (("AND", "&"), ("OR", "|"), ("FALSE", "False")):
        text = re.sub(rf"\b{word}\b", operator, text)
    return eval(text, {"in_alarm": in_alarm})  # noqa: S307 - the stack's own rule
