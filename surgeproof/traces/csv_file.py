"""Traces in CSV files: `seconds,requests_per_second`, one row a step.

Times may also be Unix time or ISO 8601 (UTC where no zone is given), and counts per step may stand
in place of rates. The step is the least distance between two rows; a step without a row, or with an
empty rate, is absent.
"""

import csv
import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from surgeproof import files
from surgeproof.traces.errors import RowCounter, Said, TraceError
from surgeproof.traces.trace import RATE_MAX, STEP_SECONDS_MAX, STEPS_MAX, Trace

BYTES_MAX: Final = 512 * 1024 * 1024
"""Largest file that is read (bytes); ten million rows need less."""

LINE_BYTES_MAX: Final = 64 * 1024
"""Longest line that is read (bytes)."""

UNIX_TIME_FROM: Final = 1e9
"""Seconds from which on a number is Unix time (September 2001), not a time after the start."""

TIME_COLUMNS: Final = ("seconds", "second", "time_seconds", "time", "timestamp", "datetime", "date")
"""Headers that a column of times may have; case, spaces and dashes do not matter."""

RATE_COLUMNS: Final = ("requests_per_second", "requests/s", "req/s", "rps", "rate")
"""Headers that a column of rates may have (requests/s)."""

COUNT_COLUMNS: Final = ("requests_per_step", "requests", "request_count", "requestcount", "count")
"""Headers that a column of counts may have (requests in the step)."""

_DELIMITERS: Final = (",", ";", "\t")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NO_NUMBER: Final = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Columns:
    delimiter: str
    time: int
    rate: int
    counts: bool
    header: bool


class _BadRowError(Exception):
    def __init__(self, rule: str, got: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.got = got


class _Rows:
    """The good rows of a file."""

    def __init__(self) -> None:
        # Ten million rows of plain floats would need five times as much.
        self.seconds = array("d")
        self.values = array("d")
        self.dated = False

    def add(self, text: str | bytes, columns: _Columns) -> None:
        """Take a row; raise _BadRowError for one that is no row, or does not follow the last."""
        if isinstance(text, bytes):
            raise _BadRowError("be text in UTF-8", text)
        seconds, value, dated = _row(text, columns)
        if self.seconds and dated != self.dated:
            raise _BadRowError("have a time of the kind that the first row has", text)
        if self.seconds and seconds == self.seconds[-1]:
            raise _BadRowError("have a time of its own, not that of the row before", text)
        if self.seconds and seconds < self.seconds[-1]:
            raise _BadRowError("have a time after that of the row before", text)
        self.seconds.append(seconds)
        self.values.append(value)
        self.dated = dated


def read_csv(
    path: str | Path, *, step_seconds: float | None = None, most_bad_percent: float = 0.0
) -> Trace:
    """Read a trace from a CSV file.

    `step_seconds` (seconds; default: the least distance between two rows) is needed for a single
    row. Of the rows, `most_bad_percent` (percent, 0 to 100; default: 0) may be bad: no number,
    below 0, not after the row before. They are left out, counted, and kept to be shown.

    Raises TraceError for what cannot be read.
    """
    path = Path(path)
    place = str(path)
    counter = RowCounter(place, most_bad_percent)
    try:
        if not path.is_file():
            what = "a directory" if path.is_dir() else "none" if not path.exists() else "none such"
            raise TraceError(place, "be a file", Said(what))
        size = path.stat().st_size
        if size > BYTES_MAX:
            raise TraceError(place, f"be at most {BYTES_MAX:,} bytes", Said(f"{size:,}"))
        with path.open("rb") as stream:
            columns, rows = _read(stream, place, counter)
    except OSError as error:
        raise TraceError(place, "be readable", Said(error.strerror or str(error))) from error
    counter.check()
    return _trace(path, columns, rows, counter, step_seconds)


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


def _read(stream: BinaryIO, place: str, counter: RowCounter) -> tuple[_Columns, _Rows]:
    rows = _Rows()
    columns: _Columns | None = None
    for number, line in _lines(stream, place):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            text = None
        if columns is None:
            if text is None:
                raise TraceError(f"{place}:{number}", "be text in UTF-8", line)
            if text:
                columns = _columns(text, f"{place}:{number}")
            if columns is None or columns.header:
                continue
        if text == "":
            continue
        counter.rows += 1
        if counter.rows > STEPS_MAX:
            raise TraceError(place, f"have at most {STEPS_MAX:,} rows", Said("more"))
        try:
            rows.add(line if text is None else text, columns)
        except _BadRowError as bad:
            counter.note(f"{place}:{number}", bad.rule, bad.got)
    if columns is None:
        raise TraceError(place, "hold at least one row", Said("none"))
    return columns, rows


def _lines(stream: BinaryIO, place: str) -> Iterator[tuple[int, bytes]]:
    """Give the lines with their numbers; never holds more than one."""
    number = 0
    while line := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        if number == 1 and line.startswith(b"\x1f\x8b"):
            raise TraceError(place, "be plain text", Said("gzip; unpack it first"))
        if b"\0" in line:
            raise TraceError(f"{place}:{number}", "be text", Said("binary data"))
        if len(line) > LINE_BYTES_MAX:
            raise TraceError(
                f"{place}:{number}", f"have at most {LINE_BYTES_MAX:,} bytes", Said("more")
            )
        yield number, line


def _cells(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    try:
        # Line by line: a quote that is never closed cannot swallow the file.
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter))]
    except csv.Error as error:
        raise _BadRowError("be CSV", text) from error


def _columns(text: str, place: str) -> _Columns:
    """Read the header; or, where the first row is data already, take the first two columns."""
    delimiter = next((sign for sign in _DELIMITERS if sign in text), ",")
    try:
        cells = _cells(text, delimiter)
    except _BadRowError as bad:
        raise TraceError(place, bad.rule, text) from bad
    if _NUMBER.fullmatch(cells[0]) or _is_date(cells[0]) or _NO_NUMBER.fullmatch(cells[0]):
        if len(cells) != 2:
            raise TraceError(
                place, "have two columns, or a header that names them", Said(f"{len(cells)}")
            )
        return _Columns(delimiter, 0, 1, counts=False, header=False)
    names = [re.sub(r"[\s_-]+", "_", cell.lower()) for cell in cells]
    time = next((names.index(name) for name in TIME_COLUMNS if name in names), None)
    rate = next((names.index(name) for name in RATE_COLUMNS if name in names), None)
    count = next((names.index(name) for name in COUNT_COLUMNS if name in names), None)
    if time is None:
        raise TraceError(place, f"have a column of times ({', '.join(TIME_COLUMNS)})", text)
    if rate is None and count is None:
        known = ", ".join((*RATE_COLUMNS, *COUNT_COLUMNS))
        raise TraceError(place, f"have a column of rates or counts ({known})", text)
    column = rate if rate is not None else count
    if column is None:
        raise AssertionError
    return _Columns(delimiter, time, column, counts=rate is None, header=True)


def _row(text: str, columns: _Columns) -> tuple[float, float, bool]:
    """Return time, value (not a number where it is empty) and whether the time is a date."""
    cells = _cells(text, columns.delimiter)
    if len(cells) <= max(columns.time, columns.rate):
        raise _BadRowError(f"have {max(columns.time, columns.rate) + 1} columns", text)
    time, value = cells[columns.time], cells[columns.rate]
    seconds, dated = _time(time)
    if value == "":
        return seconds, math.nan, dated
    number = float(value) if _NUMBER.fullmatch(value) else math.nan
    if not 0 <= number <= RATE_MAX * (STEP_SECONDS_MAX if columns.counts else 1):
        what = "count of requests" if columns.counts else "rate"
        raise _BadRowError(f"have a {what} from 0 to {RATE_MAX:g}", value)
    return seconds, number, dated


def _time(text: str) -> tuple[float, bool]:
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        # To the microsecond, as everywhere: so that steps come out even.
        if 0 <= seconds < 1e11:
            return round(seconds, 6), seconds >= UNIX_TIME_FROM
        raise _BadRowError("have a time from 0 to 1e+11 seconds", text)
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise _BadRowError("have a time in seconds or in ISO 8601", text) from None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return round((date - datetime.fromtimestamp(0, UTC)).total_seconds(), 6), True


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _trace(
    path: Path, columns: _Columns, rows: _Rows, counter: RowCounter, step_seconds: float | None
) -> Trace:
    place = str(path)
    seconds = np.asarray(rows.seconds, np.float64)
    step = step_seconds
    if step is None:
        if seconds.size < 2:
            raise TraceError(place, "have at least two rows, or a step_seconds", Said("one row"))
        step = round(float(np.diff(seconds).min()), 3)
    if not 0.001 <= step <= STEP_SECONDS_MAX:
        raise TraceError(place, f"have rows 0.001 to {STEP_SECONDS_MAX:.0f} seconds apart", step)
    exact = (seconds - seconds[0]) / step
    index = np.rint(exact).astype(np.int64)
    steps = int(index[-1]) + 1
    if steps > STEPS_MAX:
        raise TraceError(
            place, f"span at most {STEPS_MAX:,} steps of {step:g} s", Said(f"{steps:,}")
        )
    off = np.abs(exact - index) * step > min(1e-3, step / 10)
    if off.any() or (np.diff(index) < 1).any():
        at = int(np.argmax(off)) if off.any() else int(np.argmin(np.diff(index))) + 1
        raise TraceError(
            place,
            f"have every row a whole number of steps ({step:g} s) after the first, "
            f"at {_plain(float(seconds[0]))} s",
            Said(f"{_plain(float(seconds[at]))} s"),
        )
    values = np.full(steps, math.nan)
    values[index] = np.asarray(rows.values, np.float64)
    absent = np.isnan(values)
    if absent.all():
        raise TraceError(place, "have at least one row with a rate", Said("none"))
    rates = np.where(absent, 0.0, values / step if columns.counts else values)
    if (high := float(rates.max())) > RATE_MAX:
        raise TraceError(place, f"have rates from 0 to {RATE_MAX:g}", high)
    return Trace(
        path.stem,
        requests_per_second=rates,
        step_seconds=step,
        start_seconds=float(seconds[0]),
        dated=rows.dated,
        absent=absent,
        provenance=(f"CSV file {path.name}, {counter.rows:,} rows",),
        rows=counter.rows,
        bad_rows=counter.bad,
        first_bad_rows=tuple(counter.first_bad),
    )
