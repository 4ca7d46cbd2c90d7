"""What the cells of a table mean: the times and the numbers of a column.

A form is chosen from the first rows of a column together, within bounds of plausibility, and then
holds for every row: a row that does not fit it is refused. What can be read in two ways is refused,
with the way out.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import parser as dates

from surgeproof.traces.errors import shown
from surgeproof.traces.trace import DATE_MAX, DATES

UNIX_TIME_FROM: Final = 1e9
"""Seconds from which on a number is Unix time (September 2001), not a time after the start."""

UNIX_TIME_TO: Final = 4_102_444_800.0
"""End of the Unix times that are believed (the year 2100, seconds)."""

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2100
"""Years of the dates that are written as digits, such as 2025112807."""

UNITS: Final = {
    "seconds": 1.0,
    "second": 1.0,
    "time_seconds": 1.0,
    "minute": 60.0,
    "minutes": 60.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "ms": 0.001,
    "milliseconds": 0.001,
}
"""Headers of times after the start, with their unit (seconds)."""

GAPS: Final = frozenset(
    {"", "-", "--", "nan", "null", "none", "na", "n/a", "nil", "missing", "no data", "undefined"}
)
"""What stands in a cell that has no value, in lower case."""

_UNIX_UNITS: Final = (1.0, 1e-3, 1e-6, 1e-9)
_DIGITS: Final = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ZONE: Final = re.compile(r"(.*\d)\s+([A-Za-z]{3,5}|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)")
_DAY_AND_MONTH: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})\b", re.ASCII)
_YEAR: Final = re.compile(r"\b\d{4}\b", re.ASCII)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class CellError(Exception):
    """A cell that cannot be read: the rule that it breaks, and what it is."""

    def __init__(self, rule: str, got: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.got = got


@dataclass(frozen=True, slots=True)
class Times:
    """How a column of times is read."""

    factor: float | None = None
    """Seconds of one unit, where the cells are numbers."""
    unix: bool = False
    """Whether these numbers are Unix time."""
    digits: str | None = None
    """Form of dates that are written as digits alone."""
    day_first: bool | None = None
    """Whether the day precedes the month in 1/2/2026; None where no row tells."""

    @property
    def dated(self) -> bool:
        """Whether the times are moments of the calendar."""
        return self.factor is None or self.unix

    def seconds(self, text: str) -> float:
        """Return a time (seconds; Unix time if `dated`); raise CellError for what is none."""
        if self.digits is not None:
            date = _digits(text, self.digits)
            if date is None:
                raise CellError("have a date of as many digits as the other rows", text)
            return (date - _EPOCH).total_seconds()
        if self.factor is None:
            seconds = (_date(text, day_first=self.day_first) - _EPOCH).total_seconds()
            if not 0 <= seconds <= DATE_MAX:
                raise CellError(f"have a time {DATES}", text)
            return round(seconds, 6)
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if self.unix:
            seconds = value * self.factor
            if not UNIX_TIME_FROM <= seconds < UNIX_TIME_TO:
                raise CellError("have Unix time of the years 2001 to 2099", text)
        else:
            seconds = value * self.factor
            if not 0 <= seconds < UNIX_TIME_FROM:
                raise CellError(f"have a time from 0 to {UNIX_TIME_FROM:g} seconds", text)
        # To the microsecond, as everywhere: so that steps come out even.
        return round(seconds, 6)


def times_of(cells: Sequence[str], header: str = "") -> Times:
    """Return how a column of times is read, by its first cells and its header.

    Numbers are dates written as digits (YYYYMMDD, YYYYMMDDHH, ...) where most of them are days of
    the years 1990 to 2100; Unix time in seconds, milliseconds, microseconds or nanoseconds where
    they lie in the years 2001 to 2099 as such; else times after the start, in the header's unit.

    Raises CellError where a date can be read in two ways.
    """
    numbers = [cell for cell in cells if _NUMBER.fullmatch(cell)]
    if 2 * len(numbers) < len(cells) or not numbers:
        return Times(day_first=_day_first(cells))
    form = _DIGITS.get(len(numbers[0]))
    # Eight digits may be seconds after the start, where the header says so.
    may_be = form is not None and not (form == _DIGITS[8] and header in UNITS)
    if may_be and form:
        told = sum(_digits(cell, form) is not None for cell in numbers)
        if 2 * told > len(numbers):
            return Times(digits=form)
    middle = sorted(map(float, numbers))[len(numbers) // 2]
    for factor in _UNIX_UNITS:
        if UNIX_TIME_FROM <= middle * factor < UNIX_TIME_TO:
            return Times(factor=factor, unix=True)
    return Times(factor=UNITS.get(header, 1.0))


def is_time(text: str) -> bool:
    """Whether a cell is a number, or a date that can be read."""
    if _NUMBER.fullmatch(text):
        return True
    try:
        _date(text, day_first=False)
    except CellError:
        return False
    return True


def _digits(text: str, form: str) -> datetime | None:
    if not (text.isascii() and text.isdecimal() and _DIGITS.get(len(text)) == form):
        return None
    try:
        date = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
    return date if FIRST_YEAR <= date.year <= LAST_YEAR else None


def _day_first(cells: Sequence[str]) -> bool | None:
    """Return which of two numbers is the day; None where no date has that form."""
    found: dict[bool, str] = {}
    unclear = ""
    for cell in cells:
        match = _DAY_AND_MONTH.match(cell)
        if match is None:
            continue
        first, sign, second = int(match[1]), match[2], int(match[3])
        if first > 12 or sign == ".":  # 28.11.2025 is never the month first
            found.setdefault(True, cell)
        elif second > 12:
            found.setdefault(False, cell)
        else:
            unclear = unclear or cell
    if len(found) == 2:
        raise CellError(
            f"have the day before the month in every row, or after it ({shown(found[False])})",
            found[True],
        )
    if found:
        return next(iter(found))
    if unclear:
        rule = "have dates of which day and month can be told, such as 2025-11-28"
        raise CellError(rule, unclear)
    return None


def _date(text: str, *, day_first: bool | None) -> datetime:
    """Return a moment; UTC where the text names no zone."""
    plain, zone = text, ""
    if (match := _ZONE.fullmatch(text)) and match[2].upper() not in {"AM", "PM"}:
        plain, zone = match.groups()
    try:
        date = datetime.fromisoformat(plain.replace("/", "-") if plain[4:5] == "/" else plain)
    except ValueError:
        date = _spelled(plain, text, day_first=day_first)
    if zone and date.tzinfo is None:
        date = date.replace(tzinfo=_zone(zone, None, text))
    try:
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise CellError(f"have a time {DATES}", text) from None


def _spelled(plain: str, text: str, *, day_first: bool | None) -> datetime:
    """Read a date that is not ISO 8601, such as `28 Nov 2025 07:00` or `11/28/2025 7:00 AM`."""
    rule = "have a time in seconds, in ISO 8601, or a date that is spelled out"
    # dateutil also takes a bare number, or a weekday, for a date of today.
    if not _YEAR.search(plain) or len(plain) > 64:
        raise CellError(rule, text)
    try:
        found: datetime = dates.parse(
            plain,
            dayfirst=bool(day_first),
            default=datetime(2000, 1, 1),  # noqa: DTZ001 - gives the midnight that a date lacks
            tzinfos=lambda name, offset: _zone(name, offset, text),
        )
    except (ValueError, OverflowError, TypeError):
        raise CellError(rule, text) from None
    return found


def _zone(name: str | None, offset: int | None, text: str) -> tzinfo:
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name in {"Z", "UTC", None}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        rule = "have a time zone that is known, such as UTC, Europe/Berlin or +01:00"
        raise CellError(rule, text) from None


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a column of numbers is read."""

    decimal: str = ""
    """Sign before the decimals, `.` or `,`; empty where no row tells."""

    def value(self, text: str) -> float:
        """Return a number, NaN for a gap; raise CellError for what is none, or is ambiguous."""
        if _NUMBER.fullmatch(text) and ("." not in text or self.decimal == "."):
            return float(text)
        if text.lower() in GAPS:
            return math.nan
        plain = _without_spaces(text)
        signs = [sign for sign in plain if sign in ".,"]
        if not signs:
            return _float(plain, text)
        if len(set(signs)) == 2:
            decimal = signs[-1]
            if signs.count(decimal) > 1 or (self.decimal and decimal != self.decimal):
                raise CellError("have one form of numbers in every row", text)
            return _float(_joined(plain, "," if decimal == "." else "."), text)
        sign = signs[0]
        if len(signs) > 1:
            if self.decimal == sign:
                raise CellError("have one form of numbers in every row", text)
            return _float(_joined(plain, sign), text)
        if _grouped(plain):
            if not self.decimal:
                raise CellError(
                    "have numbers that can be read in one way only (6000, or 6000.0): whether "
                    f"`{sign}` is before thousands or before decimals cannot be told; `surgeproof "
                    f"trace show FILE --decimal , --output NEW` or `--decimal .` says it",
                    text,
                )
            if sign != self.decimal:
                return _float(_joined(plain, sign), text)
        elif self.decimal and sign != self.decimal:
            raise CellError("have one form of numbers in every row", text)
        return _float(plain.replace(",", "."), text)


def numbers_of(cells: Sequence[str], *, delimiter: str = ",", decimal: str = "") -> Numbers:
    """Return how a column of numbers is read, by its first cells.

    Args:
        cells: The first cells.
        delimiter: What separates the columns: where it is a comma, decimals follow a point unless a
            cell says otherwise.
        decimal: What the user says of it. Default: nothing.

    """
    if decimal:
        return Numbers(decimal)
    for cell in cells:
        plain = _without_spaces(cell)
        signs = [sign for sign in plain if sign in ".,"]
        if not signs or not re.fullmatch(r"[+-]?[\d.,]+([eE][+-]?\d+)?", plain, re.ASCII):
            continue
        if len(set(signs)) == 2:
            return Numbers(signs[-1])
        if len(signs) > 1:
            return Numbers("," if signs[0] == "." else ".")
        if not _grouped(plain):
            return Numbers(signs[0])
    return Numbers("." if delimiter == "," else "")


def _grouped(text: str) -> bool:
    """Whether one sign may stand before three digits of a thousand, as in 6.000."""
    return re.fullmatch(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", text, re.ASCII) is not None


def _without_spaces(text: str) -> str:
    """Remove spaces and apostrophes that stand between groups of three digits."""
    spaced = re.sub(r"[\u00a0\u2009\u202f]", " ", text).replace("\u2019", "'")
    if re.fullmatch(r"[+-]?\d{1,3}([ '])\d{3}(\1\d{3})*([.,]\d*)?", spaced, re.ASCII):
        return re.sub(r"[ ']", "", spaced)
    return spaced


def _joined(text: str, sign: str) -> str:
    """Remove a sign that stands before each group of three digits; leave it where it does not."""
    escaped = re.escape(sign)
    if re.fullmatch(rf"[+-]?\d{{1,3}}({escaped}\d{{3}})+([.,]\d*)?", text, re.ASCII):
        text = text.replace(sign, "")
    return text.replace(",", ".") if sign == "." else text


def _float(plain: str, text: str) -> float:
    if not _NUMBER.fullmatch(plain):
        raise CellError("have a number", text)
    return float(plain)
