"""A load balancer's access logs as a trace: local files or a bucket, read as a stream.

A request arrives when the load balancer received it: `request_creation_time`, the 22nd field of an
entry. Fields: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html

Memory does not depend on how many lines there are: of each file that is being read, some pieces of
1 MiB are held, and one number a step. Lines are read all at once by numpy where their layout is
the usual one; any other line is read on its own, by the grammar of `ENTRY`, which alone decides
what is bad.
"""

import re
from calendar import monthrange
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from surgeproof.settings.errors import listed
from surgeproof.traces.errors import RowCounter, Said, TraceError
from surgeproof.traces.kinds import APPLICATION, kind_of
from surgeproof.traces.log_files import LogFile, chosen, find, is_named, whole_lines
from surgeproof.traces.trace import STEPS_MAX, Trace, milliseconds, unix_seconds

FILES_AT_A_TIME: Final = 2
"""How many files are read at the same time (files)."""

MOST_BAD_PERCENT: Final = 1.0
"""Share of bad lines that is borne unless said otherwise (percent)."""

OWNERS_MAX: Final = 1000
"""Load balancers that entries may be of (load balancers)."""

_TEXT: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_TIME: Final = rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z"
ENTRY: Final = re.compile(
    rb"(?:[^ ]+ ){2}(?P<owner>[^ ]+) (?:[^ ]+ ){9}"
    + _TEXT
    + rb" "
    + _TEXT
    + rb" (?:[^ ]+ ){3}"
    + _TEXT
    + rb" "
    + _TEXT
    + rb" "
    + _TEXT
    + rb" [^ ]+ "
    + _TIME
    + rb"(?: |\r?$)",
    re.DOTALL,
)
"""An entry from `type` to `request_creation_time`; what follows differs by age, and is not read."""

_BLOCK: Final = 4096
_Progress = Callable[[str], None]
_Integers = npt.NDArray[np.int64]


def read_access_logs(
    source: str | Path,
    *,
    step_seconds: float = 10.0,
    load_balancer: str | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
    s3: Any = None,
    most_bad_percent: float = MOST_BAD_PERCENT,
    progress: _Progress = lambda _: None,
) -> Trace:
    """Read a trace from the access logs of one Application Load Balancer.

    `source` is a file, a directory (searched throughout), a pattern such as `logs/**/*.log.gz`, or
    `s3://bucket/prefix`, for which `s3` is a boto3 client. Files may be gzip or plain. Where files
    or entries are of several load balancers, `load_balancer` names one: `app/<name>/<id>`, as in an
    entry, `app.<name>.<id>`, as in a file's name, or `<name>`.

    `step_seconds`: length of a step (seconds, 0.001 to 604800; default: 10). `begin` and `end`
    (with time zone; default: all) choose requests by when they arrived; others are only counted.
    `most_bad_percent` (percent, 0 to 100; default: 1): share of bad lines that is borne; they are
    left out, counted, and the first are kept to be shown.

    The logs are best effort, and include requests that never reached a target; a WebSocket is one
    request. Where they hold no line, there was no request: a file that is missing cannot be seen.

    Raises TraceError for what cannot be read, and for a file that is cut off or damaged.
    """
    text = str(source)
    step_microseconds = milliseconds("step_seconds", step_seconds) * 1000
    files, skipped = chosen(find(text, s3), text, load_balancer)
    counter = RowCounter(text, most_bad_percent)
    counts = _Counts(
        text,
        step_microseconds,
        _microseconds("begin", begin),
        _microseconds("end", end),
        Owners(text, load_balancer),
    )
    _count_all(files, counts, counter, progress)
    counter.check()
    counts.owners.check()
    first, requests = counts.result()
    notes = [f"access logs {text}: {len(files):,} files, {counter.rows:,} lines"]
    if others := counts.owners.others:
        notes.append(f"{others:,} requests are of other load balancers")
    if counts.outside:
        notes.append(f"{counts.outside:,} requests lie outside the times asked for")
    if skipped:
        notes.append(f"{skipped:,} other files there were not read")
    return Trace(
        _name(text),
        requests_per_second=requests / (step_microseconds / 1e6),
        step_seconds=step_microseconds / 1e6,
        start_seconds=first * step_microseconds / 1e6,
        dated=True,
        provenance=tuple(notes),
        rows=counter.rows,
        bad_rows=counter.bad,
        first_bad_rows=tuple(counter.first_bad),
    )


def _name(source: str) -> str:
    name = source.rstrip("/").rpartition("/")[2]
    return name.removesuffix(".gz").removesuffix(".log") or "access-logs"


def _microseconds(place: str, time: datetime | None) -> int | None:
    if time is None:
        return None
    return round(unix_seconds(place, time) * 1_000_000)


@dataclass(slots=True)
class Owners:
    """The load balancers that entries are of, and the one whose entries count."""

    source: str
    wanted: str | None = None
    """Default: the only one."""
    entries: dict[str, int] = field(default_factory=dict)
    """Entries by load balancer, as an entry names it."""

    def count(self, owner: str, number: int) -> bool:
        """Note entries of a load balancer; return whether they count."""
        self.entries[owner] = self.entries.get(owner, 0) + number
        if len(self.entries) > OWNERS_MAX:
            rule = f"be of at most {OWNERS_MAX:,} load balancers"
            raise TraceError(self.source, rule, Said("more"))
        return self._counts(owner)

    def _counts(self, owner: str) -> bool:
        return self.wanted is None or is_named(owner, self.wanted)

    @property
    def others(self) -> int:
        """Entries that do not count."""
        return sum(number for owner, number in self.entries.items() if not self._counts(owner))

    def check(self) -> None:
        """Raise TraceError where the entries that count are not of one load balancer."""
        chosen = sorted(filter(self._counts, self.entries))
        if self.entries and not chosen:
            rule = f"be one that {self.source} has ({listed(sorted(self.entries))})"
            raise TraceError("load_balancer", rule, self.wanted or "")
        if len(chosen) > 1:
            rule = "be the logs of one load balancer, or load_balancer name one"
            raise TraceError(self.source, rule, Said(listed(chosen)))

    def like(self) -> "Owners":
        """Return the count of nothing."""
        return Owners(self.source, self.wanted)

    def merge(self, other: "Owners") -> None:
        """Add what the other counted."""
        for owner, number in other.entries.items():
            self.count(owner, number)


@dataclass(slots=True)
class _Counts:
    """Requests per step, kept in blocks, so that the first step need not be known ahead."""

    source: str
    step_microseconds: int
    begin: int | None
    end: int | None
    owners: Owners
    outside: int = 0
    blocks: dict[int, _Integers] = field(default_factory=dict)

    def add(self, times: _Integers) -> None:
        """Count requests that arrived at these times (Unix time, microseconds)."""
        inside = np.ones(times.size, np.bool_)
        if self.begin is not None:
            inside &= times >= self.begin
        if self.end is not None:
            inside &= times < self.end
        self.outside += int(times.size - np.count_nonzero(inside))
        steps = times[inside] // self.step_microseconds
        if steps.size == 0:
            return
        for block in np.unique(steps // _BLOCK).tolist():
            self._block(block)
            within = steps[steps // _BLOCK == block] - block * _BLOCK
            self.blocks[block] += np.bincount(within, minlength=_BLOCK)

    def like(self) -> "_Counts":
        """Return counts of nothing, to the same steps and times."""
        return replace(self, outside=0, owners=self.owners.like(), blocks={})

    def merge(self, other: "_Counts") -> None:
        """Add what the other counted."""
        self.outside += other.outside
        self.owners.merge(other.owners)
        for block, counts in other.blocks.items():
            self._block(block)
            self.blocks[block] += counts

    def result(self) -> tuple[int, npt.NDArray[np.float64]]:
        """Return the first step (steps since 1970) and the requests in each step from there."""
        filled = {block: np.flatnonzero(counts) for block, counts in self.blocks.items()}
        if not filled:
            raise TraceError(
                self.source,
                "hold requests in the times asked for",
                Said(f"{self.outside:,} others"),
            )
        low, high = min(filled), max(filled)
        first = low * _BLOCK + int(filled[low][0])
        steps = high * _BLOCK + int(filled[high][-1]) + 1 - first
        if steps > STEPS_MAX:
            raise self._too_long(f"{steps:,}")
        requests = np.zeros(steps)
        for block, counts in self.blocks.items():
            at = block * _BLOCK - first
            begin, end = max(at, 0), min(at + _BLOCK, steps)
            requests[begin:end] = counts[begin - at : end - at]
        return first, requests

    def _block(self, block: int) -> None:
        if block not in self.blocks:
            if len(self.blocks) * _BLOCK > STEPS_MAX:
                raise self._too_long("more")
            self.blocks[block] = np.zeros(_BLOCK, np.int64)

    def _too_long(self, steps: str) -> TraceError:
        rule = f"span at most {STEPS_MAX:,} steps; begin and end choose a part"
        return TraceError(self.source, rule, Said(steps))


def _count_all(
    files: list[LogFile], counts: _Counts, counter: RowCounter, progress: _Progress
) -> None:
    """Count the requests of all files, some of them at a time, and add them up in their order."""
    waiting: deque[tuple[LogFile, Future[tuple[_Counts, RowCounter]]]] = deque()
    left = iter(files)
    done = 0
    # Threads: unpacking and numpy leave the interpreter to others, and buckets answer slowly.
    with ThreadPoolExecutor(FILES_AT_A_TIME) as pool:
        try:
            while True:
                for file in islice(left, 2 * FILES_AT_A_TIME - len(waiting)):
                    job = pool.submit(_count, file, counts.like(), counter.like())
                    waiting.append((file, job))
                if not waiting:
                    return
                file, job = waiting.popleft()
                of_file, rows = job.result()
                counts.merge(of_file)
                counter.merge(rows)
                done += 1
                progress(f"read {file.place} ({done:,} of {len(files):,})")
        finally:
            for _, job in waiting:
                job.cancel()


def _count(file: LogFile, counts: _Counts, counter: RowCounter) -> tuple[_Counts, RowCounter]:
    """Count the requests of a file; return what was counted into."""
    for line, whole in whole_lines(file, counter):
        _count_lines(whole, f"{file.place}:", line, counts, counter)
    return counts, counter


def _count_lines(data: bytes, place: str, line: int, counts: _Counts, counter: RowCounter) -> None:
    """Count the requests of these whole lines, the first of which is number `line`."""
    times, owners, odd = _usual(data)
    unusual = [(number, data[begin:end]) for number, begin, end in odd]
    unusual = [(number, text) for number, text in unusual if text.strip()]
    counter.rows += times.size + len(unusual)
    one_by_one = []
    for number, text in unusual:
        parsed = _parsed(text)
        if isinstance(parsed, str):
            counter.note(f"{place}{line + number}", parsed, text)
        elif counts.owners.count(parsed[1], 1):
            one_by_one.append(parsed[0])
    for owner, mine in _by_owner(data, owners):
        if counts.owners.count(owner, int(np.count_nonzero(mine))):
            counts.add(times[mine])
    counts.add(np.asarray(one_by_one, np.int64))


def _by_owner(
    data: bytes, spans: npt.NDArray[np.int64]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Yield each load balancer that entries name, and which of the entries do.

    `spans` are begin and end of the names, one row an entry.
    """
    left = np.ones(len(spans), np.bool_)
    buffer = np.frombuffer(data, np.uint8)
    while left.any():
        begin, end = spans[int(np.argmax(left))].tolist()
        mine = left & (spans[:, 1] - spans[:, 0] == end - begin)
        at = np.flatnonzero(mine)
        window = np.lib.stride_tricks.sliding_window_view(buffer, end - begin)
        mine[at] = (window[spans[at, 0]] == buffer[begin:end]).all(axis=1)
        yield data[begin:end].decode("utf-8", "backslashreplace"), mine
        left &= ~mine


def _parsed(text: bytes) -> tuple[int, str] | str:
    """Return when a request arrived (Unix time, microseconds) and at which load balancer.

    Where the line is no entry, return the rule that it breaks.
    """
    match = ENTRY.match(text)
    if match is None:
        kind = kind_of(text)
        if kind is not None and kind != APPLICATION:
            return f"be an entry of an Application Load Balancer's access log, not of {kind}"
        return "be an entry of an access log up to its request_creation_time"
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[1:7])
    try:
        date = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return "have a request_creation_time that exists"
    if year < _YEAR_FIRST:
        return f"have a request_creation_time from {_YEAR_FIRST} on"
    fraction = int((match[8] or b"0").ljust(6, b"0"))
    owner = match["owner"].decode("utf-8", "backslashreplace")
    return int(date.timestamp()) * 1_000_000 + fraction, owner


_YEAR_FIRST: Final = 1970
_TIME_BYTES: Final = 27
_QUOTES: Final = 10  # of request, user_agent, trace_id, domain_name and chosen_cert_arn
_DIGITS: Final = np.array(
    [at for at, sign in enumerate("0000-00-00T00:00:00.000000Z") if sign == "0"]
)
_SIGNS: Final = np.array(
    [at for at, sign in enumerate("0000-00-00T00:00:00.000000Z") if sign != "0"]
)
_SIGNS_ARE: Final = np.frombuffer(b"--T::.Z", np.uint8)
_MONTH_DAYS: Final = np.array(
    [[0, *(monthrange(year, month)[1] for month in range(1, 13))] for year in (2023, 2024)]
)


def _usual(data: bytes) -> tuple[_Integers, _Integers, list[tuple[int, int, int]]]:
    """Read the lines of the usual layout all at once.

    Returns their times, and begin and end of their load balancers' names; of each other line its
    number from 0, begin and end. Usual are: no backslash and no run of spaces anywhere, quotes only
    round the quoted fields, 12 fields before the first and 3 between the second and third of these,
    and a time of 27 characters right before the eleventh quote. `ENTRY` takes each such line, and
    reads the same time and name.
    """
    buffer = np.frombuffer(data, np.uint8)
    # The signs that part fields, in one pass: line ends, spaces and quotes.
    places = np.flatnonzero(buffer <= ord('"'))
    signs = buffer[places]
    others = (signs != ord(" ")) & (signs != ord('"')) & (signs != ord("\n"))
    if others.any():
        places, signs = places[~others], signs[~others]
    last = np.flatnonzero(signs == ord("\n"))
    ends = places[last]
    begins = np.concatenate([[0], ends[:-1] + 1])
    quotes = np.flatnonzero(signs == ord('"'))
    first_sign = np.concatenate([[0], last[:-1] + 1])
    first = np.searchsorted(quotes, first_sign)
    usual = np.searchsorted(quotes, last) - first > _QUOTES
    doubled = places[1:][
        (np.diff(places) == 1) & (signs[1:] == ord(" ")) & (signs[:-1] == ord(" "))
    ]
    if doubled.size:
        usual[np.searchsorted(ends, doubled)] = False
    if b"\\" in data:
        usual[np.searchsorted(ends, np.flatnonzero(buffer == ord("\\")))] = False
    lines = np.flatnonzero(usual)
    # Between two signs that are quotes lie as many spaces as there are signs.
    quote = quotes[first[lines, np.newaxis] + np.arange(_QUOTES + 1)]
    q = places[quote]
    at = q[:, 10] - 1 - _TIME_BYTES
    good = quote[:, 0] - first_sign[lines] == 12
    good &= (buffer[begins[lines]] != ord(" ")) & (buffer[q[:, 0] - 1] == ord(" "))
    for closing, opening, spaces in ((1, 2, 1), (3, 4, 4), (5, 6, 1), (7, 8, 1), (9, 10, 3)):
        good &= quote[:, opening] - quote[:, closing] - 1 == spaces
        good &= buffer[q[:, closing] + 1] == ord(" ")
        good &= buffer[q[:, opening] - 1] == ord(" ")
    good &= at > q[:, 9]
    lines, at = lines[good], at[good]
    good = np.ones(at.size, np.bool_)
    times = np.zeros(0, np.int64)
    # The third field lies between the second and the third space.
    owners = places[first_sign[lines, np.newaxis] + np.array([1, 2])] + np.array([1, 0])
    if at.size:
        stamps = np.lib.stride_tricks.sliding_window_view(buffer, _TIME_BYTES)[at]
        digits = stamps[:, _DIGITS] - ord("0")
        good = (stamps[:, _SIGNS] == _SIGNS_ARE).all(axis=1) & (digits <= 9).all(axis=1)
        good &= buffer[at - 1] == ord(" ")
        times, exists = _moments(digits[good].astype(np.int64))
        good[good] = exists
        times = times[exists]
        owners = owners[good]
    odd = np.ones(ends.size, np.bool_)
    odd[lines[good]] = False
    numbers = np.flatnonzero(odd)
    spans = zip(numbers.tolist(), begins[numbers].tolist(), ends[numbers].tolist(), strict=True)
    return times, owners, list(spans)


def _moments(digits: _Integers) -> tuple[_Integers, npt.NDArray[np.bool_]]:
    """Return the times of rows of 20 digits (Unix time, microseconds), and which of them exist."""
    weights = 10 ** np.arange(5, -1, -1)
    year = digits[:, :4] @ weights[2:]
    month, day, hour, minute, second = (
        digits[:, at] * 10 + digits[:, at + 1] for at in (4, 6, 8, 10, 12)
    )
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    exists = (year >= _YEAR_FIRST) & (month >= 1) & (month <= 12) & (day >= 1)
    exists &= day <= _MONTH_DAYS[leap.astype(np.int64), np.where(month <= 12, month, 0)]
    exists &= (hour < 24) & (minute < 60) & (second < 60)
    # Days since 1970, in years that begin in March so that the leap day comes last.
    shifted = year - (month <= 2)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + day_of_year - 719_468
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return seconds * 1_000_000 + digits[:, 14:] @ weights, exists
