"""Metrics with their periods and delays, and alarms that are evaluated on their own schedule."""

import ast
import math
import operator
from dataclasses import dataclass, field

from surgeproof.plan.model import Metric

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"

_COMPARE = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_OPERATE = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Meter:
    """What the load balancer counts in the minute under way."""

    __slots__ = (
        "gateway_errors",
        "per_target",
        "rejected",
        "requests",
        "response_seconds",
        "target_errors",
    )

    def __init__(self):
        self.reset()

    def reset(self):
        """Begin another minute."""
        self.requests = self.gateway_errors = self.target_errors = self.rejected = 0
        self.per_target = 0.0
        self.response_seconds = []


class Store:
    """Data points as they can be read: each has its period, its samples and when it arrives."""

    def __init__(self):
        self._series = {}

    def publish(self, namespace, name, start, length, samples, readable):
        """Keep a data point; none where there are no samples."""
        if samples:
            series = self._series.setdefault((namespace, name), (length, {}))
            series[1][round(start)] = (readable, samples)

    def read(self, metric, start, length, now):
        """Return the statistic of a metric over a period, and its samples; None if missing."""
        samples = [sample for point in self._points(metric, start, length, now) for sample in point]
        if not samples:
            return None, 0
        return statistic(metric.statistic, samples), len(samples)

    def samples_at_once(self, metric, start, length, now):
        """Return how many samples a data point of a period has on average: how many sent one."""
        points = self._points(metric, start, length, now)
        return sum(len(point) for point in points) / len(points)

    def _points(self, metric, start, length, now):
        base, points = self._series.get((metric.namespace, metric.name), (length, {}))
        known = [points.get(begin) for begin in range(round(start), round(start + length), base)]
        return [point[1] for point in known if point is not None and point[0] <= now]


def statistic(name, samples):
    """Return a statistic as CloudWatch names it."""
    if name == "Sum":
        return math.fsum(samples)
    if name == "Average":
        return math.fsum(samples) / len(samples)
    if name == "Minimum":
        return min(samples)
    if name == "Maximum":
        return max(samples)
    if name == "SampleCount":
        return float(len(samples))
    if name.startswith("p"):
        rank = float(name[1:]) / 100 * (len(samples) - 1)
        ordered = sorted(samples)
        below = math.floor(rank)
        above = min(below + 1, len(samples) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)
    raise ValueError(f"Metric.statistic: must be one that is built, got {name!r}")


def evaluate_math(expression, values):
    """Return the value of a metric-math expression of + - * / and FILL; None if missing."""

    def value(node):
        if isinstance(node, ast.Constant):
            return float(node.value)
        if isinstance(node, ast.Name):
            return values[node.id]
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            if left is None or right is None or (isinstance(node.op, ast.Div) and right == 0):
                return None
            return _OPERATE[type(node.op)](left, right)
        if isinstance(node, ast.Call) and node.func.id == "FILL":
            filled = value(node.args[0])
            return value(node.args[1]) if filled is None else filled
        raise ValueError(f"MetricMath.expression: must use + - * / and FILL, got {expression!r}")

    return value(ast.parse(expression, mode="eval").body)


@dataclass
class Watch:
    """An alarm at work: the plan's, or one of target tracking."""

    name: str
    metric: object
    comparison: str
    threshold: float
    period: int
    points: int
    needed: int
    missing: str = "missing"
    ignores_low_samples: bool = False
    actions: list = field(default_factory=list)
    ok_actions: list = field(default_factory=list)
    is_low: bool = False
    state: str = INSUFFICIENT
    acted: float = -math.inf
    value: float | None = None
    base: float | None = None
    """Over how many instances the value is averaged; None where that is not known."""

    def breaches(self, value):
        """Return whether a value breaches the threshold."""
        return _COMPARE[self.comparison](value, self.threshold)

    def evaluate(self, store, now, extra):
        """Return the state at `now`, from the periods that have ended."""
        step = min(self.period, 60)
        end = math.floor(now / step + 1e-9) * step
        window, few, latest = [], False, None
        for back in range(self.points + extra, 0, -1):
            start = end - back * self.period
            value, count = self._read(store, start, now) if start >= 0 else (None, 0)
            window.append(value)
            latest = start if value is not None else latest
            few = few or (value is not None and self._is_few(count))
        real = [value for value in window if value is not None]
        self.value = real[-1] if real else None
        self.base = self._averaged_over(store, latest, now) if real else None
        if self.ignores_low_samples and few:
            return self.state
        marks = [None if value is None else self.breaches(value) for value in window]
        return judge(marks, self.points, self.needed, self.missing, self.state)

    def _read(self, store, start, now):
        if not hasattr(self.metric, "expression"):
            return store.read(self.metric, start, self.period, now)
        values, counts = {}, []
        for key, metric in self.metric.metrics:
            values[key], count = store.read(metric, start, self.period, now)
            counts.append(count)
        return evaluate_math(self.metric.expression, values), max(counts)

    def _averaged_over(self, store, start, now):
        name = getattr(self.metric, "name", "")
        if name == "RequestCountPerTarget":
            requests = Metric(namespace=self.metric.namespace, name="RequestCount", statistic="Sum")
            return store.read(requests, start, self.period, now)[0] / max(self.value, 1e-9)
        if getattr(self.metric, "statistic", "") == "Average":
            return store.samples_at_once(self.metric, start, self.period, now)
        return None

    def _is_few(self, count):
        name = getattr(self.metric, "statistic", "")
        if not name.startswith("p"):
            return False
        share = float(name[1:]) / 100
        return count < (10 / (1 - share) if share >= 0.5 else 10 / share)


def judge(marks, points, needed, missing, state):
    """Return an alarm's state from the marks in its evaluation range, oldest first.

    A mark says whether a data point breaches, None that it is missing.
    """
    real = [mark for mark in marks if mark is not None]
    if len(real) >= points:
        return ALARM if sum(real[-points:]) >= needed else OK
    fills = points - len(real)
    if missing == "breaching":
        return ALARM if sum(real) + fills >= needed else OK
    if missing == "notBreaching":
        return ALARM if sum(real) >= needed else OK
    if sum(real) >= needed:
        return ALARM
    if not all(real):
        return OK
    if missing == "ignore":
        return state
    if not real:
        return INSUFFICIENT
    # Only breaching and missing ones: ALARM where the oldest is at least `needed` periods old.
    return ALARM if len(marks) - marks.index(True) >= needed else state
