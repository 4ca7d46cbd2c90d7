"""Traces in JSON: what `aws cloudwatch get-metric-data` and `get-metric-statistics` print, k6."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from surgeproof.settings.errors import DocumentError, listed
from surgeproof.settings.json_file import parse_json, read_json
from surgeproof.traces.columns import CellError, Times, times_of
from surgeproof.traces.csv_file import LINE_BYTES_MAX, Reading, trace_of
from surgeproof.traces.errors import RowCounter, Said, TraceError, opened
from surgeproof.traces.trace import RATE_MAX, STEPS_MAX, Trace

_K6_METRIC: Final = "http_reqs"


def is_json(path: Path) -> bool:
    """Whether a file begins as JSON does."""
    with opened(path) as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}


def read_export(path: str | Path, reading: Reading | None = None) -> Trace:
    """Read a trace from what a tool has written as JSON.

    Raises TraceError for what cannot be read, and names the series where there are several.
    """
    reading = reading or Reading()
    path = Path(path)
    if _is_k6(path):
        return _k6(path)
    try:
        document = read_json(path)
    except DocumentError as error:
        first, *others = error.problems
        rule = "be JSON that can be read"
        raise TraceError(str(path), rule, Said(first), tuple(others)) from None
    if isinstance(document, Mapping):
        if isinstance(document.get("MetricDataResults"), list):
            return _metric_data(path, document["MetricDataResults"], reading)
        if isinstance(document.get("Datapoints"), list):
            return _statistics(path, document, reading)
    raise TraceError(
        str(path),
        "be what `aws cloudwatch get-metric-data` or `get-metric-statistics` prints, or k6's JSON",
        Said("other JSON"),
    )


def _metric_data(path: Path, results: Sequence[Any], reading: Reading) -> Trace:
    place = str(path)
    known = [each for each in results if isinstance(each, Mapping)]
    names = [str(each.get("Label") or each.get("Id")) for each in known]
    if reading.series is not None:
        chosen = [each for each in known if reading.series in (each.get("Label"), each.get("Id"))]
        if len(chosen) != 1:
            rule = f"have the series asked for among {listed(names)}"
            raise TraceError(place, rule, reading.series)
    elif len(known) == 1:
        chosen = known
    else:
        rule = "hold one series, or have one named with --series"
        raise TraceError(place, rule, Said(listed(names)))
    (result,) = chosen
    if result.get("StatusCode", "Complete") != "Complete":
        rule = "be given completely (StatusCode Complete): ask for all pages"
        raise TraceError(place, rule, str(result["StatusCode"]))
    times, values = result.get("Timestamps"), result.get("Values")
    if not (isinstance(times, list) and isinstance(values, list) and len(times) == len(values)):
        raise TraceError(place, "have as many Timestamps as Values", Said("others"))
    label = str(result.get("Label") or result.get("Id"))
    note = f"CloudWatch's {label}; its values are read as the sums of periods"
    counts = (reading.unit or "count") == "count"
    return _of_points(path, times, values, reading, counts=counts, notes=[note])


def _statistics(path: Path, document: Mapping[str, Any], reading: Reading) -> Trace:
    place = str(path)
    points = [each for each in document["Datapoints"] if isinstance(each, Mapping)]
    units = {str(each.get("Unit", "None")) for each in points}
    if len(units) > 1:
        raise TraceError(place, "hold data points of one unit", Said(listed(sorted(units))))
    per_second = units == {"Count/Second"}
    key = "Average" if per_second else "Sum"
    if any(key not in each for each in points):
        raise TraceError(
            place, f"hold the statistic {key} (`--statistics {key}`)", Said("points without it")
        )
    times = [each.get("Timestamp") for each in points]
    values = [each[key] for each in points]
    unit = reading.unit or ("rate" if per_second else "count")
    note = f"CloudWatch's {document.get('Label') or 'metric'}, {key}"
    return _of_points(path, times, values, reading, counts=unit == "count", notes=[note])


def _of_points(
    path: Path,
    times: Sequence[Any],
    values: Sequence[Any],
    reading: Reading,
    *,
    counts: bool,
    notes: Sequence[str],
) -> Trace:
    """Return the trace of points in any order."""
    place = str(path)
    counter = RowCounter(place, reading.most_bad_percent)
    texts = [str(time) for time in times]
    try:
        form = times_of(texts[:1000]) if texts else Times(factor=1.0)
    except CellError as bad:
        raise TraceError(place, bad.rule, bad.got) from bad
    rows: list[tuple[float, float, int]] = []
    for number, (time, value) in enumerate(zip(texts, values, strict=True)):
        counter.rows += 1
        where = f"{place}, point {number}"
        try:
            seconds = form.seconds(time)
        except CellError as bad:
            counter.note(where, bad.rule, bad.got)
            continue
        if value is None:
            rows.append((seconds, math.nan, number))
        elif (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value <= RATE_MAX * 604_800
        ):
            counter.note(where, "have a count of requests of at least 0", value)
        else:
            rows.append((seconds, float(value), number))
    rows.sort()
    for before, each in pairwise(rows):
        if before[0] == each[0]:
            raise TraceError(f"{place}, point {each[2]}", "have a time of its own", texts[each[2]])
    counter.check()
    table = np.array(rows, np.float64)
    return trace_of(
        path.stem,
        table[:, 0],
        table[:, 1],
        table[:, 2].astype(np.int64),
        place=place,
        counts=counts,
        dated=form.dated,
        period_seconds=reading.period_seconds,
        counter=counter,
        notes=[f"JSON file {path.name}, {counter.rows:,} points", *notes],
    )


def _is_k6(path: Path) -> bool:
    """Whether a file is of k6: a JSON document a line, the first of which defines a metric."""
    with opened(path) as stream:
        line = stream.readline(LINE_BYTES_MAX)
    try:
        first = parse_json(line.decode("utf-8-sig"), str(path))
    except (DocumentError, UnicodeDecodeError):
        return False
    return (
        isinstance(first, dict) and first.get("type") in ("Metric", "Point") and "metric" in first
    )


def _k6(path: Path) -> Trace:
    place = str(path)
    counter = RowCounter(place, 0.0)
    counts: dict[int, float] = {}
    with opened(path) as stream:
        for number, line in enumerate(iter(lambda: stream.readline(LINE_BYTES_MAX + 1), b""), 1):
            where = f"{place}:{number}"
            if len(line) > LINE_BYTES_MAX:
                rule = f"have at most {LINE_BYTES_MAX:,} bytes"
                raise TraceError(where, rule, Said("more"))
            if f'"{_K6_METRIC}"'.encode() not in line:
                continue
            try:
                point = parse_json(line.decode(), where)
                if point["type"] != "Point" or point["metric"] != _K6_METRIC:
                    continue
                counter.rows += 1
                # To the microsecond, beyond which k6 writes more digits than a date takes.
                seconds = Times().seconds(_microseconds(str(point["data"]["time"])))
                value = float(point["data"]["value"])
            except CellError as bad:
                counter.note(where, bad.rule, bad.got)
                continue
            except (DocumentError, ValueError, KeyError, TypeError):
                raise TraceError(where, "be a point of k6", line) from None
            if not 0 <= value <= RATE_MAX:
                counter.note(where, "have a count of requests of at least 0", value)
                continue
            second = math.floor(seconds)
            counts[second] = counts.get(second, 0.0) + value
    counter.check()
    first, last = min(counts), max(counts)
    if last - first >= STEPS_MAX:
        raise TraceError(place, f"span at most {STEPS_MAX:,} seconds", Said(f"{last - first:,}"))
    rates = np.zeros(last - first + 1)
    for second, count in counts.items():
        rates[second - first] = count
    return Trace(
        path.stem,
        requests_per_second=rates,
        step_seconds=1.0,
        start_seconds=float(first),
        dated=True,
        provenance=(f"k6's {_K6_METRIC} in {path.name}, counted by second",),
        rows=counter.rows,
    )


def _microseconds(text: str) -> str:
    head, point, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}{point}{rest[: min(digits, 6)]}{rest[digits:]}"
