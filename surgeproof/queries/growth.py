"""What has grown since an earlier review, whose counts are kept in a file.

The file holds counts by the server's own number of a statement, and no text of one. Counts are
compared as rates, so that the two times need not be equally long.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from surgeproof import files
from surgeproof.queries.statistics import Statement, Statistics
from surgeproof.settings.errors import DocumentError, problem, shown
from surgeproof.settings.json_file import read_json

FORMAT: Final = 1

HOURS_MIN: Final = 0.0002
"""Time below which no rate is made of a count (hours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A statement's counts at one time."""

    calls: int
    milliseconds: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The counts of an earlier review."""

    database: str
    version: str
    taken: datetime
    since: datetime | None
    """When its counts began; None where that was not known."""
    statements: Mapping[int, Counts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A statement's rates, in the time before the earlier review and in that after it."""

    id: int
    calls_per_hour: tuple[float, float]
    milliseconds_per_hour: tuple[float, float]
    mean_milliseconds: tuple[float, float]

    @property
    def increase(self) -> float:
        """By how much its time has grown (milliseconds per hour)."""
        return self.milliseconds_per_hour[1] - self.milliseconds_per_hour[0]

    @property
    def slower(self) -> float:
        """How many times longer one execution takes; 1 where it is new."""
        before, after = self.mean_milliseconds
        return after / before if before > 0 else 1.0


def snapshot(statistics: Statistics) -> dict[str, Any]:
    """Return what a file keeps of a review."""
    return {
        "format": FORMAT,
        "database": statistics.database,
        "version": statistics.version,
        "taken": statistics.taken.isoformat(),
        "since": statistics.since.isoformat() if statistics.since else None,
        "statements": {
            str(each): [counts.calls, counts.milliseconds, counts.rows]
            for each, counts in sorted(summed(statistics.statements or ()).items())
        },
    }


def save(path: Path, statistics: Statistics) -> None:
    """Keep a review's counts in a file."""
    files.write_text(path, json.dumps(snapshot(statistics), indent=1) + "\n")


def read(path: Path) -> Kept:
    """Return the counts that a file keeps; raise DocumentError with all that is wrong with it."""
    found, place = read_json(path), str(path)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        got = shown(found.get("format") if isinstance(found, dict) else found)
        rule = f"be counts that `surgeproof queries --save` has written (format {FORMAT})"
        raise DocumentError([problem(place, rule, got)])
    problems = []

    def time(name: str, *, needed: bool) -> datetime | None:
        value = found.get(name)
        if value is None and not needed:
            return None
        try:
            made = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            made = None
        if made is None or made.tzinfo is None:
            rule = "be a time with its zone, such as 2026-01-15T08:45:00+00:00"
            problems.append(problem(place, rule, shown(value), path=(name,)))
        return made

    taken, since = time("taken", needed=True), time("since", needed=False)
    statements = {}
    stated = found.get("statements")
    if not isinstance(stated, dict):
        problems.append(problem(place, "be a mapping", shown(stated), path=("statements",)))
        stated = {}
    for name, counts in stated.items():
        try:
            calls, milliseconds, rows = counts
            number = int(name)
            one = Counts(calls=int(calls), milliseconds=float(milliseconds), rows=int(rows))
        except (TypeError, ValueError):
            rule = "be three numbers (calls, milliseconds, rows) by the number of a statement"
            problems.append(problem(place, rule, shown(counts), path=("statements", name)))
        else:
            statements[number] = one
    if problems or taken is None:
        raise DocumentError(problems)
    return Kept(
        database=str(found.get("database")),
        version=str(found.get("version")),
        taken=taken,
        since=since,
        statements=statements,
    )


def summed(statements: Iterable[Statement]) -> dict[int, Counts]:
    """Return counts by statement: one that clients and functions send is one."""
    found: dict[int, Counts] = {}
    for each in statements:
        known = found.get(each.id, Counts(calls=0, milliseconds=0.0, rows=0))
        found[each.id] = Counts(
            calls=known.calls + each.calls,
            milliseconds=known.milliseconds + each.milliseconds,
            rows=known.rows + each.rows,
        )
    return found


def growth(kept: Kept, now: Statistics) -> tuple[list[Growth], str]:
    """Return how each statement's rates have changed, and why not, where they cannot be compared.

    The counts since the earlier review are the difference; where the server's counts began anew
    after it, they are the counts themselves.
    """
    if kept.database != now.database:
        return [], f"it is of database {kept.database}, and this is {now.database}"
    if kept.version.partition(".")[0] != now.version.partition(".")[0]:
        return [], (
            f"it is of PostgreSQL {kept.version}, and this is {now.version}: statements have other "
            "numbers"
        )
    present = summed(now.statements or ())
    began_anew = (
        now.since > kept.taken
        if now.since is not None
        else any(
            present[each].calls < kept.statements[each].calls
            for each in present.keys() & kept.statements.keys()
        )
    )
    if kept.since is None or (began_anew and now.since is None):
        return [], "the server does not say when its counts began (PostgreSQL 14 does)"
    earlier = (kept.taken - kept.since).total_seconds() / 3600
    begin = now.since if began_anew and now.since is not None else kept.taken
    later = (now.taken - begin).total_seconds() / 3600
    if min(earlier, later) < HOURS_MIN:
        return [], "the time between is too short to make rates of"
    nothing = Counts(calls=0, milliseconds=0.0, rows=0)
    found = []
    for each, counts in present.items():
        then = kept.statements.get(each, nothing)
        less = nothing if began_anew or counts.calls < then.calls else then
        calls = counts.calls - less.calls
        time = max(counts.milliseconds - less.milliseconds, 0.0)
        found.append(
            Growth(
                id=each,
                calls_per_hour=(then.calls / earlier, calls / later),
                milliseconds_per_hour=(then.milliseconds / earlier, time / later),
                mean_milliseconds=(
                    then.milliseconds / then.calls if then.calls else 0.0,
                    time / calls if calls else 0.0,
                ),
            )
        )
    return sorted(found, key=lambda one: -one.increase), ""
