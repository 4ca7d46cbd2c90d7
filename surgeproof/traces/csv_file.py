"""Traces in tables: `seconds,requests_per_second`, one row a step, and what other tools export.

The separator, the form of times and numbers and the columns are told from the header and the first
rows, and hold for all; see `columns`. The step is the usual distance of two rows; see `grid`. A
step without a row, or with an empty value, is absent.
"""

import codecs
import csv
import io
import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from surgeproof import files
from surgeproof.settings.errors import listed
from surgeproof.traces.columns import (
    GAPS,
    UNITS,
    UNIX_TIME_FROM,
    CellError,
    Numbers,
    Times,
    is_time,
    numbers_of,
    times_of,
)
from surgeproof.traces.errors import RowCounter, Said, TraceError, opened
from surgeproof.traces.grid import Floats, Integers, placed, step_of
from surgeproof.traces.kinds import APPLICATION, kind_of
from surgeproof.traces.trace import RATE_MAX, STEP_SECONDS_MAX, STEPS_MAX, Trace

BYTES_MAX: Final = 512 * 1024 * 1024
"""Largest file that is read (bytes); ten million rows need less."""

LINE_BYTES_MAX: Final = 64 * 1024
"""Longest line that is read (bytes)."""

SAMPLE_ROWS: Final = 1000
"""Rows by which the form of the columns is told (rows)."""

TIME_COLUMNS: Final = (
    "time", "timestamp", "datetime", "date_time", "date", "@timestamp", "epoch", "unix_time",
    "period_start", "start_time", *UNITS,
)  # fmt: skip
"""Headers that a column of times may have; case, spaces and dashes do not matter. So may `bin(1m)`
of CloudWatch Logs Insights."""

RATE_COLUMNS: Final = (
    "requests_per_second", "requests/s", "requests/sec", "req/s", "reqs/s", "rps", "qps", "rate",
    "value", "values",
)  # fmt: skip
"""Headers that a column of rates may have (requests/s)."""

COUNT_COLUMNS: Final = (
    "requests_per_step", "requests", "request_count", "requestcount", "count", "counts", "count(*)",
    "count()", "sum", "hits",
)  # fmt: skip
"""Headers that a column of counts may have (requests in the step)."""

_DELIMITERS: Final = ("\t", ";", "|", ",")
_BIN: Final = re.compile(r"bin\(\s*\d+\s*\w+\s*\)")
_OTHER_THINGS: Final = re.compile(
    r"user|session|connection|latency|duration|response|cpu|memory|percent|error|fail|host|thread"
)
"""Headers of what is no number of requests."""
_CONSOLE: Final = ("full_label", "label", "id", "statistic", "period", "account", "region")
"""Rows before the data in a file that CloudWatch's console writes."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a user says of a file, where it does not say it itself."""

    period_seconds: float | None = None
    """Distance of two rows (seconds). Default: the usual one."""
    unit: str | None = None
    """What the numbers are: `rate` (requests/s) or `count` (requests in the step). Default: by the
    header."""
    series: str | None = None
    """Header or label of the series. Default: the only one."""
    decimal: str = ""
    """Sign before decimals, `.` or `,`. Default: told by the numbers."""
    most_bad_percent: float = 0.0
    """Share of the rows that may be bad: no number, below 0, out of order (percent, 0 to 100). They
    are left out, counted, and kept to be shown. Default: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a table has what."""

    delimiter: str
    time: int
    value: int
    counts: bool
    time_header: str = ""
    only: tuple[int, str] | None = None
    """Column and text of the rows that count; others are passed over. Default: all count."""
    events: bool = False
    """Whether each row is one event, or as many as its value says, and not a step of a series."""
    notes: tuple[str, ...] = ()
    """What was taken to be so, for the provenance."""


@dataclass(slots=True)
class _Rows:
    """The good rows of a file; ten million rows of plain floats would need five times as much."""

    layout: Layout
    times: Times
    numbers: Numbers
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    descending: bool = False

    def add(self, line: int, text: str | bytes) -> bool:
        """Take a row, and say if it counts; raise CellError for a bad one."""
        if isinstance(text, bytes):
            raise CellError("be text in UTF-8", text)
        layout = self.layout
        cells = _cells(text, layout.delimiter)
        if layout.only is not None:
            column, wanted = layout.only
            if len(cells) <= column or cells[column] != wanted:
                return False
        last = max(layout.time, layout.value)
        if len(cells) <= last:
            raise CellError(f"have {last + 1} columns", text)
        seconds = self.times.seconds(cells[layout.time])
        if layout.events and layout.value == layout.time:
            value = 1.0
        else:
            value = self._value(cells[layout.value])
        if not layout.events:
            self._check_order(seconds, text)
        self.seconds.append(seconds)
        self.values.append(value)
        self.lines.append(line)
        return True

    def _value(self, cell: str) -> float:
        counts = self.layout.counts
        rule = f"have a {'count of requests' if counts else 'rate'} from 0 to {RATE_MAX:g}"
        try:
            value = self.numbers.value(cell)
        except CellError as error:
            raise (CellError(rule, cell) if error.rule == "have a number" else error) from None
        if not (np.isnan(value) or 0 <= value <= RATE_MAX * (STEP_SECONDS_MAX if counts else 1)):
            raise CellError(rule, cell)
        return value

    def _check_order(self, seconds: float, text: str) -> None:
        if not self.seconds:
            return
        before = self.seconds[-1]
        if seconds == before:
            raise CellError("have a time of its own, not that of the row before", text)
        if len(self.seconds) == 1:
            # The newest row may come first.
            self.descending = seconds < before
        elif (seconds < before) != self.descending:
            order = "before" if self.descending else "after"
            raise CellError(f"have a time {order} that of the row before", text)


def read_csv(path: str | Path, reading: Reading | None = None) -> Trace:
    """Read a trace from a table: a CSV file in any dialect, or what a tool exports.

    Raises TraceError for what cannot be read, and for what can be read in two ways.
    """
    reading = reading or Reading()
    path = Path(path)
    place = str(path)
    counter = RowCounter(place, reading.most_bad_percent)
    try:
        with opened(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > BYTES_MAX:
                raise TraceError(place, f"be at most {BYTES_MAX:,} bytes", Said(f"{size:,}"))
            rows = _read(stream, place, counter, reading)
    except OSError as error:
        raise TraceError(place, "be readable", Said(error.strerror or str(error))) from error
    counter.check()
    return _trace(path, rows, counter, reading)


def write_csv(trace: Trace, path: str | Path) -> None:
    """Write a trace as a CSV file that `read_csv` reads back as it is.

    Dated traces get ISO 8601 times. Absent steps without requests get an empty rate. What the file
    has no place for is lost: name, provenance, bad rows, and that a step with requests was absent.
    """
    times = trace.seconds + (0.0 if trace.dated else trace.start_seconds)
    if not trace.dated and trace.start_seconds + trace.duration_seconds >= UNIX_TIME_FROM:
        raise TraceError(
            f"{trace.name}.start_seconds",
            f"be below {UNIX_TIME_FROM:g}, or dated",
            trace.start_seconds,
        )
    with files.whole_text(Path(path), encoding="ascii", newline="") as stream:
        stream.write(f"{'timestamp' if trace.dated else 'seconds'},requests_per_second\n")
        for time, rate, absent in zip(
            times.tolist(), trace.requests_per_second.tolist(), trace.absent.tolist(), strict=True
        ):
            text = _iso(trace.start_seconds + time) if trace.dated else _plain(time)
            stream.write(f"{text},{'' if absent and rate == 0 else repr(rate)}\n")


def _plain(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(round(seconds, 6), UTC).isoformat().replace("+00:00", "Z")


def _read(stream: BinaryIO, place: str, counter: RowCounter, reading: Reading) -> _Rows:
    lines = _texts(stream, place)
    layout, lines = _layout(lines, place, reading)
    # A title, a comment or a bad row among the first does not decide for the others.
    sample = list(islice(lines, SAMPLE_ROWS))
    cells = [_cells_ahead(text, layout.delimiter) for _, text in sample]
    if layout.only is not None:
        column, wanted = layout.only
        cells = [each for each in cells if len(each) > column and each[column] == wanted]
    whole = [each for each in cells if len(each) > max(layout.time, layout.value)]
    try:
        times = times_of([each[layout.time] for each in whole], layout.time_header)
    except CellError as bad:
        raise TraceError(place, bad.rule, bad.got) from bad
    numbers = numbers_of(
        [each[layout.value] for each in whole], delimiter=layout.delimiter, decimal=reading.decimal
    )
    rows = _Rows(layout, times, numbers)
    for line, text in chain(sample, lines):
        counter.rows += 1
        if counter.rows > STEPS_MAX:
            raise TraceError(place, f"have at most {STEPS_MAX:,} rows", Said("more"))
        try:
            counter.rows -= not rows.add(line, text)
        except CellError as bad:
            counter.note(f"{place}:{line}", bad.rule, bad.got)
    return rows


def _texts(stream: BinaryIO, place: str) -> Iterator[tuple[int, str | bytes]]:
    """Give the lines that hold something, with their numbers; those that are no text as bytes."""
    for number, line in _lines(stream, place):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip(" \r\n\ufeff")
        except UnicodeDecodeError:
            yield number, line
            continue
        if text.startswith(("#", "//")):
            _refuse_log(line, place)
        elif text.strip():
            yield number, text


def _lines(stream: BinaryIO, place: str) -> Iterator[tuple[int, bytes]]:
    """Give the lines with their numbers, in UTF-8; never holds more than one."""
    start = stream.read(4)
    stream.seek(0)
    if start.startswith(b"\x1f\x8b"):
        raise TraceError(place, "be plain text", Said("gzip; unpack it first"))
    encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig")
    if encoding == "utf-8-sig" and len(start) == 4 and start[1::2] == b"\0\0" and start[0]:
        encoding = "utf-16-le"
    lines: Iterable[bytes]
    if encoding == "utf-8-sig":
        lines = iter(lambda: stream.readline(LINE_BYTES_MAX + 1), b"")
    else:
        wide = io.TextIOWrapper(stream, encoding, errors="replace", newline=None)
        lines = (
            line.encode("utf-8", "replace")
            for line in iter(lambda: wide.readline(LINE_BYTES_MAX + 1), "")
        )
    for number, line in enumerate(lines, 1):
        if b"\0" in line:
            raise TraceError(f"{place}:{number}", "be text", Said("binary data"))
        if len(line) > LINE_BYTES_MAX:
            rule = f"have at most {LINE_BYTES_MAX:,} bytes"
            raise TraceError(f"{place}:{number}", rule, Said("more"))
        yield number, line


def _cells(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    try:
        # Line by line: a quote that is never closed cannot swallow the file.
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter))]
    except csv.Error as error:
        raise CellError("be CSV", text) from error


def _cells_ahead(line: str | bytes, delimiter: str) -> list[str]:
    """Return the cells of a line before its turn, in which it is told if it is bad."""
    try:
        return _cells(line, delimiter) if isinstance(line, str) else []
    except CellError:
        return []


_Lines = Iterator[tuple[int, str | bytes]]


def _layout(lines: _Lines, place: str, reading: Reading) -> tuple[Layout, _Lines]:
    """Read the header, or tell the columns by the first row; give the layout and the rows."""
    number, text = next(lines, (1, ""))
    if text == "":
        raise TraceError(place, "hold at least one row", Said("none"))
    delimiter = None
    if isinstance(text, str) and (stated := re.fullmatch(r"sep=(.)", text, re.IGNORECASE)):
        delimiter = stated[1]
        number, text = next(lines, (number, ""))
    if isinstance(text, bytes):
        raise TraceError(f"{place}:{number}", "be text in UTF-8", text)
    _refuse_log(text.encode(), place)
    delimiter = delimiter or next((sign for sign in _DELIMITERS if sign in text), ",")
    at = f"{place}:{number}"
    try:
        cells = _cells(text, delimiter)
        if _name(cells[0]) in _CONSOLE[:2] and len(cells) > 1:
            return _console(cells, delimiter, lines, place, reading)
        if is_time(cells[0]) or cells[0].lower() in GAPS:
            if len(cells) != 2:
                rule = "have two columns, or a header that names them"
                raise TraceError(at, rule, Said(f"{len(cells)}"))
            counts = reading.unit == "count"
            layout = Layout(delimiter=delimiter, time=0, value=1, counts=counts)
            return layout, chain([(number, text)], lines)
        first = next(lines, None)
        rest = lines if first is None else chain([first], lines)
        row = _cells_ahead(first[1], delimiter) if first else []
        return _by_header(cells, row, delimiter, at, reading), rest
    except CellError as bad:
        raise TraceError(at, bad.rule, bad.got) from bad


def _refuse_log(line: bytes, place: str) -> None:
    """Raise TraceError where a line is of a log, which is no table."""
    if (kind := kind_of(line)) is not None:
        way = "; `surgeproof trace access-logs` reads it" if kind == APPLICATION else ""
        raise TraceError(place, "be a table of times and requests", Said(f"{kind}{way}"))


def _name(header: str) -> str:
    return re.sub(r"[\s_-]+", "_", header.strip().lower())


def _by_header(
    cells: Sequence[str], row: Sequence[str], delimiter: str, place: str, reading: Reading
) -> Layout:
    names = [_name(cell) for cell in cells]
    if (tool := _by_tool(names, delimiter)) is not None:
        return tool
    known = [name for name in TIME_COLUMNS if name in names]
    time = names.index(known[0]) if known else None
    if time is None:
        time = next((at for at, name in enumerate(names) if _BIN.fullmatch(name)), None)
    if time is None:
        rule = "have a column of times (such as timestamp, time, date, seconds, minute or bin(1m))"
        raise TraceError(place, rule, delimiter.join(cells))
    value, unit, notes = _value_column(cells, names, row, time, place=place, reading=reading)
    return Layout(
        delimiter=delimiter,
        time=time,
        value=value,
        counts=(reading.unit or unit) == "count",
        time_header=names[time],
        notes=notes,
    )


def _value_column(
    cells: Sequence[str],
    names: Sequence[str],
    row: Sequence[str],
    time: int,
    *,
    place: str,
    reading: Reading,
) -> tuple[int, str, tuple[str, ...]]:
    """Return the column of the values, what they are, and what was taken to be so."""
    if reading.series is not None:
        if reading.series not in cells:
            known = listed([cell for at, cell in enumerate(cells) if at != time])
            raise TraceError(place, f"have the series asked for among {known}", reading.series)
        found = cells.index(reading.series)
    else:
        told = next(
            (names.index(name) for name in (*RATE_COLUMNS, *COUNT_COLUMNS) if name in names), None
        )
        if told is None:
            others = [at for at in range(len(cells)) if at != time]
            numeric = [
                at
                for at in others
                if at < len(row) and _is_number(row[at]) and not _OTHER_THINGS.search(names[at])
            ]
            if len(numeric) != 1:
                rule = (
                    "have a column of rates or counts (such as requests_per_second, rps, requests, "
                    "count or value), or one named with --series"
                )
                raise TraceError(place, rule, ", ".join(cells))
            told = numeric[0]
        found = told
    name = names[found]
    if name in COUNT_COLUMNS or re.search(r"count|sum\b|hits|total", name):
        return found, "count", ()
    if name in RATE_COLUMNS[:-2] or re.search(r"/s|per_second|rate|rps|qps", name):
        return found, "rate", ()
    note = f"column {cells[found]} is read as requests/s; --unit count says that it is counts"
    return found, "rate", () if reading.unit else (note,)


def _is_number(cell: str) -> bool:
    try:
        value = numbers_of([cell], decimal=".").value(cell)
    except CellError:
        return False
    return not np.isnan(value)


def _by_tool(names: Sequence[str], delimiter: str) -> Layout | None:
    """Return the layout of what Locust, JMeter or k6 writes; None for other headers."""

    def has(*wanted: str) -> bool:
        return all(name in names for name in wanted)

    if has("timestamp", "user_count", "name", "requests/s"):
        return Layout(
            delimiter=delimiter,
            time=names.index("timestamp"),
            value=names.index("requests/s"),
            counts=False,
            only=(names.index("name"), "Aggregated"),
            notes=("Locust's history: the requests/s of all names together",),
        )
    if has("timestamp", "elapsed", "label", "responsecode"):
        return Layout(
            delimiter=delimiter,
            time=names.index("timestamp"),
            value=names.index("timestamp"),
            counts=True,
            events=True,
            notes=("JMeter's samples, counted by the second in which each began",),
        )
    if has("metric_name", "timestamp", "metric_value"):
        return Layout(
            delimiter=delimiter,
            time=names.index("timestamp"),
            value=names.index("metric_value"),
            counts=True,
            only=(names.index("metric_name"), "http_reqs"),
            events=True,
            notes=("k6's http_reqs, counted by second",),
        )
    return None


def _console(
    cells: Sequence[str], delimiter: str, lines: _Lines, place: str, reading: Reading
) -> tuple[Layout, _Lines]:
    """Read what CloudWatch's console puts before the data: labels, statistic and period."""
    facts = {_name(cells[0]): list(cells[1:])}
    first: tuple[int, str | bytes] | None = None
    for number, text in lines:
        row = _cells_ahead(text, delimiter)
        if not row or _name(row[0]) not in _CONSOLE:
            first = (number, text)
            break
        facts[_name(row[0])] = row[1:]
    labels = facts.get("label") or facts.get("full_label") or []
    wanted = reading.series
    if wanted is not None and wanted not in labels:
        raise TraceError(place, f"have the series asked for among {listed(labels)}", wanted)
    if wanted is None and len(labels) != 1:
        rule = "hold one series, or have one named with --series"
        raise TraceError(place, rule, Said(listed(labels)))
    at = labels.index(wanted) if wanted is not None else 0
    statistic = (facts.get("statistic") or [""])[at : at + 1] or [""]
    if statistic[0] not in {"", "Sum"} and reading.unit is None:
        rule = "hold the statistic Sum of RequestCount, or say what it is with --unit"
        raise TraceError(place, rule, Said(statistic[0]))
    layout = Layout(
        delimiter=delimiter,
        time=0,
        value=at + 1,
        counts=(reading.unit or "count") == "count",
        notes=(f"CloudWatch's console: {labels[at]}, Sum",),
    )
    return layout, lines if first is None else chain([first], lines)


def _trace(path: Path, rows: _Rows, counter: RowCounter, reading: Reading) -> Trace:
    seconds = np.asarray(rows.seconds, np.float64)
    values = np.asarray(rows.values, np.float64)
    lines = np.asarray(rows.lines, np.int64)
    notes = [f"{_described(rows.layout)} {path.name}, {counter.rows:,} rows", *rows.layout.notes]
    if rows.layout.events:
        return _of_events(path, seconds, values, rows, counter=counter, notes=notes)
    if rows.descending:
        seconds, values, lines = seconds[::-1], values[::-1], lines[::-1]
    return trace_of(
        path.stem,
        seconds,
        values,
        lines,
        place=str(path),
        counts=rows.layout.counts,
        dated=rows.times.dated,
        period_seconds=reading.period_seconds,
        counter=counter,
        notes=notes,
    )


def _described(layout: Layout) -> str:
    return "CSV file" if layout.delimiter == "," else "table"


def trace_of(
    name: str,
    seconds: Floats,
    values: Floats,
    lines: Sequence[int] | Integers,
    *,
    place: str,
    counts: bool,
    dated: bool,
    period_seconds: float | None,
    counter: RowCounter,
    notes: Sequence[str],
) -> Trace:
    """Return the trace of rows in the order of time; values that are not a number are gaps."""
    step = period_seconds if period_seconds is not None else step_of(seconds, lines, place)
    start, index, moved = placed(seconds, step, lines, place)
    table = np.full(int(index[-1]) + 1, np.nan)
    table[index] = values
    absent = np.isnan(table)
    if absent.all():
        raise TraceError(place, "have at least one row with a rate", Said("none"))
    rates = np.where(absent, 0.0, table / step if counts else table)
    if (high := float(rates.max())) > RATE_MAX:
        raise TraceError(place, f"have rates from 0 to {RATE_MAX:g}", high)
    if moved > 2e-3:
        notes = [*notes, f"rows up to {moved:.3g} s off steps of {step:g} s were moved to them"]
    return Trace(
        name,
        requests_per_second=rates,
        step_seconds=step,
        start_seconds=start,
        dated=dated,
        absent=absent,
        provenance=tuple(notes),
        rows=counter.rows,
        bad_rows=counter.bad,
        first_bad_rows=tuple(counter.first_bad),
    )


def _of_events(
    path: Path,
    seconds: Floats,
    values: Floats,
    rows: _Rows,
    *,
    counter: RowCounter,
    notes: Sequence[str],
) -> Trace:
    """Return the events of each second; a second without one had none."""
    first = float(np.floor(seconds.min()))
    index = np.floor(seconds - first).astype(np.int64)
    steps = int(index.max()) + 1
    if steps > STEPS_MAX:
        raise TraceError(str(path), f"span at most {STEPS_MAX:,} seconds", Said(f"{steps:,}"))
    weights = np.where(np.isnan(values), 0.0, values)
    return Trace(
        path.stem,
        requests_per_second=np.bincount(index, weights=weights).astype(np.float64),
        step_seconds=1.0,
        start_seconds=first,
        dated=rows.times.dated,
        provenance=tuple(notes),
        rows=counter.rows,
        bad_rows=counter.bad,
        first_bad_rows=tuple(counter.first_bad),
    )
