"""The documented structure of a CloudWatch dashboard, and what of a body does not keep it.

Source: "Dashboard Body Structure and Syntax"
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
PutDashboard takes a wrong body with a warning, and the widget stays empty; here it is refused.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

WIDGETS_MAX: Final = 500
METRICS_MAX: Final = 500
ALARMS_MAX: Final = 100
COLUMNS: Final = 24

_PROPERTIES: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "text": (frozenset({"markdown"}), frozenset({"background"})),
    "log": (
        frozenset({"query", "region"}),
        frozenset({"accountId", "title", "view", "stacked", "start", "end", "queryLanguage"}),
    ),
    "alarm": (frozenset({"alarms"}), frozenset({"sortBy", "states", "title"})),
    "metric": (
        frozenset({"region"}),
        frozenset(
            {
                "accountId", "annotations", "end", "labels", "legend", "liveData", "metrics",
                "period", "setPeriodToTimeRange", "singleValueFullPrecision", "sparkline",
                "stacked", "start", "stat", "table", "timezone", "title", "trend", "view", "yAxis",
            }
        ),
    ),
}  # fmt: skip
"""Properties by the widget's type: those that it needs, and those that it may have."""

_OPTIONS: Final = frozenset(
    {
        "accountId", "color", "expression", "id", "label", "period", "region", "stat", "visible",
        "yAxis",
    }
)  # fmt: skip
"""What a metric's last element may say."""

_VIEWS: Final = {
    "metric": {"timeSeries", "bar", "pie", "singleValue", "gauge", "table"},
    "log": {"table", "timeSeries", "bar", "pie"},
}


def body_faults(body: str) -> list[str]:
    """Return what is wrong with a dashboard's body; nothing: an empty list."""
    try:
        found = json.loads(body)
    except ValueError:
        return ["must be JSON"]
    widgets = found.get("widgets") if isinstance(found, dict) else None
    if not isinstance(widgets, list) or len(widgets) > WIDGETS_MAX:
        return [f"widgets: must be a list of at most {WIDGETS_MAX}"]
    faults = [
        f"{key}: must be a key that exists"
        for key in found
        if key not in {"widgets", "start", "end", "periodOverride", "variables"}
    ]
    for number, widget in enumerate(widgets):
        faults += (f"widgets[{number}].{fault}" for fault in _widget_faults(widget))
    return faults


def _widget_faults(widget: Any) -> Iterator[str]:
    kind = str(widget.get("type")) if isinstance(widget, dict) else ""
    if kind not in _PROPERTIES:
        yield f"type: must be one of {', '.join(_PROPERTIES)}, got {kind!r}"
        return
    for key in widget.keys() - {"type", "x", "y", "width", "height", "properties"}:
        yield f"{key}: must be a key that exists"
    x, y, width, height = (widget.get(key, 0) for key in ("x", "y", "width", "height"))
    if not (0 <= x < COLUMNS and 1 <= width <= COLUMNS and x + width <= COLUMNS):
        yield f"width: must keep within {COLUMNS} columns, got {x} + {width}"
    if not (y >= 0 and 1 <= height <= 1000):
        yield f"height: must be from 1 to 1000, got {height}"
    properties = widget.get("properties") or {}
    needed, allowed = _PROPERTIES[kind]
    for key in sorted(needed - properties.keys()):
        yield f"properties.{key}: must be given"
    for key in sorted(properties.keys() - needed - allowed):
        yield f"properties.{key}: must be a property of a widget of type {kind}"
    if "view" in properties and properties["view"] not in _VIEWS.get(kind, set()):
        yield f"properties.view: must be a view of a widget of type {kind}"
    if kind == "alarm" and not 0 <= len(properties.get("alarms") or ()) <= ALARMS_MAX:
        yield f"properties.alarms: must be at most {ALARMS_MAX}"
    if kind == "metric":
        yield from _metric_faults(properties)


def _metric_faults(properties: Mapping[str, Any]) -> Iterator[str]:
    metrics = properties.get("metrics") or []
    alarms = (properties.get("annotations") or {}).get("alarms") or []
    if not metrics and len(alarms) != 1:
        yield "properties.metrics: must be given, or annotations.alarms with one alarm"
    if len(metrics) > METRICS_MAX:
        yield f"properties.metrics: must be at most {METRICS_MAX}"
    if properties.get("setPeriodToTimeRange") and properties.get("view") not in {
        "singleValue", "bar", "pie", "gauge", "table",
    }:  # fmt: skip
        yield "properties.setPeriodToTimeRange: must be left out for a graph over time"
    seen: set[str] = set()
    for number, line in enumerate(metrics):
        *words, last = line if isinstance(line, list) and line else [None]
        options = last if isinstance(last, dict) else {}
        names = words if isinstance(last, dict) else [*words, last]
        place = f"properties.metrics[{number}]"
        for key in sorted(options.keys() - _OPTIONS):
            yield f"{place}.{key}: must be an option of a metric"
        if options.get("id") in seen:
            yield f"{place}.id: must be used once, got {options['id']!r}"
        if "id" in options:
            seen.add(options["id"])
        if "expression" in options:
            if names:
                yield f"{place}: must name no metric beside its expression"
        elif len(names) < 2 or len(names) % 2 or not all(isinstance(word, str) for word in names):
            yield f"{place}: must be namespace, name and pairs of dimension and value"
