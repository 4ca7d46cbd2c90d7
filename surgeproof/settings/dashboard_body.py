"""The documented structure of a CloudWatch dashboard, and what of a body does not keep it.

Source: "Dashboard Body Structure and Syntax"
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html),
read in November 2026. Properties that it leaves out, such as a widget's own `start` and `end`, are
those of the AWS CDK's widgets, which are what the console writes.
PutDashboard takes a wrong body with a warning, and the widget stays empty; here it is refused.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from surgeproof.settings.json_file import parse_json

WIDGETS_MAX: Final = 500
METRICS_MAX: Final = 500
ALARMS_MAX: Final = 100
VARIABLES_MAX: Final = 25
COLUMNS: Final = 24

_UNCHECKED: Final = frozenset({"chart", "custom"})
"""Types of widgets whose properties are for others to say: a function's, for example."""
_SIZE: Final = 6
"""Width and height of a widget that states none."""

_PROPERTIES: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "text": (frozenset({"markdown"}), frozenset({"background"})),
    "log": (
        frozenset({"query", "region"}),
        frozenset({"accountId", "title", "view", "stacked", "start", "end", "queryLanguage"}),
    ),
    "alarm": (frozenset({"alarms"}), frozenset({"sortBy", "states", "title"})),
    "explorer": (
        frozenset({"labels", "metrics"}),
        frozenset({"aggregateBy", "period", "splitBy", "title", "widgetOptions"}),
    ),
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
_SORTINGS: Final = ("default", "stateUpdatedTimestamp", "timestamp")


def body_faults(body: str) -> list[str]:
    """Return what is wrong with a dashboard's body; nothing: an empty list."""
    try:
        found = parse_json(body, "body")
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
    if len(found.get("variables") or ()) > VARIABLES_MAX:
        faults.append(f"variables: must be at most {VARIABLES_MAX}")
    if "end" in found and "start" not in found:
        faults.append("start: must be given beside end")
    if found.get("periodOverride", "auto") not in {"auto", "inherit"}:
        faults.append("periodOverride: must be auto or inherit")
    for number, widget in enumerate(widgets):
        faults += (f"widgets[{number}].{fault}" for fault in _widget_faults(widget))
    return faults


def _widget_faults(widget: Any) -> Iterator[str]:
    kind = str(widget.get("type")) if isinstance(widget, dict) else ""
    known = [*_PROPERTIES, *sorted(_UNCHECKED)]
    if kind not in known:
        yield f"type: must be one of {', '.join(known)}, got {kind!r}"
        return
    for key in widget.keys() - {"type", "x", "y", "width", "height", "properties"}:
        yield f"{key}: must be a key that exists"
    for key, other in (("x", "y"), ("y", "x")):
        if other in widget and key not in widget:
            yield f"{key}: must be given beside {other}"
    x, y = widget.get("x", 0), widget.get("y", 0)
    width, height = widget.get("width", _SIZE), widget.get("height", _SIZE)
    if not (0 <= x < COLUMNS and 1 <= width <= COLUMNS and x + width <= COLUMNS):
        yield f"width: must keep within {COLUMNS} columns, got {x} + {width}"
    if not (y >= 0 and 1 <= height <= 1000):
        yield f"height: must be from 1 to 1000, got {height}"
    if kind in _UNCHECKED:
        return
    properties = widget.get("properties") or {}
    needed, allowed = _PROPERTIES[kind]
    for key in sorted(needed - properties.keys()):
        yield f"properties.{key}: must be given"
    for key in sorted(properties.keys() - needed - allowed):
        yield f"properties.{key}: must be a property of a widget of type {kind}"
    if "view" in properties and properties["view"] not in _VIEWS.get(kind, set()):
        yield f"properties.view: must be a view of a widget of type {kind}"
    if kind == "alarm":
        if not 1 <= len(properties.get("alarms") or ()) <= ALARMS_MAX:
            yield f"properties.alarms: must be from 1 to {ALARMS_MAX}"
        if properties.get("sortBy", "default") not in _SORTINGS:
            yield f"properties.sortBy: must be one of {', '.join(_SORTINGS)}"
    if kind == "metric":
        yield from _metric_faults(properties)


def _metric_faults(properties: Mapping[str, Any]) -> Iterator[str]:
    metrics = properties.get("metrics") or []
    annotations = properties.get("annotations") or {}
    alarms = annotations.get("alarms") or []
    if not metrics and len(alarms) != 1:
        yield "properties.metrics: must be given, or annotations.alarms with one alarm"
    if alarms and (metrics or annotations.get("horizontal") or annotations.get("vertical")):
        yield "properties.annotations.alarms: must stand without metrics and other annotations"
    if len(metrics) > METRICS_MAX:
        yield f"properties.metrics: must be at most {METRICS_MAX}"
    if properties.get("view") == "gauge":
        left = (properties.get("yAxis") or {}).get("left") or {}
        if not {"min", "max"} <= left.keys():
            yield "properties.yAxis.left: must give min and max of the gauge"
    seen: set[str] = set()
    for number, line in enumerate(metrics):
        *words, last = line if isinstance(line, list) and line else [None]
        options = last if isinstance(last, dict) else {}
        names = words if isinstance(last, dict) else [*words, last]
        place = f"properties.metrics[{number}]"
        for key in sorted(options.keys() - _OPTIONS):
            yield f"{place}.{key}: must be an option of a metric"
        if "id" in options and not re.match(r"[a-z]", str(options["id"])):
            yield f"{place}.id: must begin with a small letter, got {options['id']!r}"
        if options.get("id") in seen:
            yield f"{place}.id: must be used once, got {options['id']!r}"
        if "id" in options:
            seen.add(options["id"])
        if "expression" in options:
            if names:
                yield f"{place}: must name no metric beside its expression"
        elif not _names_a_metric(names):
            yield f"{place}: must be namespace, name and pairs of dimension and value"


def _names_a_metric(names: list[Any]) -> bool:
    """Whether words name a metric; `...` in front stands for all that the line above says first."""
    if not all(isinstance(word, str) for word in names):
        return False
    return names[:1] == ["..."] or (len(names) >= 2 and len(names) % 2 == 0)
