"""What has to be done regularly, and what of it is overdue, by the log of the repository.

How often is in `SCHEDULE`; a project changes it in `reviews/schedule.json`:

    {"schema": 1, "everyDays": {"drill": 14, "query-review": 0}}

0 takes a kind off the schedule. The first of each counts from the day of the review, so what was
never done is due at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from surgeproof.review.log import Kind, Record
from surgeproof.settings.errors import DocumentError, path_shown, problem, shown
from surgeproof.settings.json_file import read_json

SCHEDULE_FILE: Final = Path("reviews", "schedule.json")
"""Where a project states its own schedule, below its root."""

SCHEMA: Final = 1
"""Version of that file."""

DAYS_MAX: Final = 3650
"""Longest time between two of a kind (days)."""

LESSONS: Final = ("1", "2", "3", "4")
"""Lessons of the training course; each is due for itself."""

SCHEDULE: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        Kind.REVIEW: 30,
        Kind.DRILL: 30,
        Kind.EXERCISE: 90,
        Kind.LOAD_TEST: 90,
        Kind.QUERY_REVIEW: 90,
        Kind.ARCHITECTURE_REVIEW: 180,
        Kind.LESSON: 365,
    }
)
"""Longest time between two of a kind (days). An incident's review is due by its incident."""

OF_ALL_STACKS: Final = frozenset({Kind.LESSON, Kind.EXERCISE, Kind.ARCHITECTURE_REVIEW})
"""Kinds of which one counts for all stacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Something to be done regularly."""

    kind: Kind
    subject: str
    every_days: int
    last: date | None
    """When it was last done, and passed where there is something to pass. None: never."""
    tried: date | None
    """When it was last tried without passing, after `last`. None: not."""
    due: date | None
    """When it has to be done again. None: at once."""
    overdue: bool

    @property
    def name(self) -> str:
        """What it is called: its kind, and its subject where each is due for itself."""
        return f"{self.kind} {self.subject}".strip()

    def __str__(self) -> str:
        """Return it as reports say it."""
        last = f"last on {self.last.isoformat()}" if self.last else "never done"
        tried = f", tried without passing on {self.tried.isoformat()}" if self.tried else ""
        since = f", due on {self.due.isoformat()}" if self.due else ""
        return f"{self.name}: every {self.every_days} days, {last}{tried}{since}"


def read_schedule(root: Path) -> Mapping[Kind, int]:
    """Return how often each kind is due (days) in the project in `root`; without those taken off.

    Raises DocumentError, which names all that is wrong.
    """
    path = root / SCHEDULE_FILE
    if not path.exists():
        return SCHEDULE
    place = path_shown(path)
    read = read_json(path, place)
    problems = list(_problems(read))
    if problems:
        raise DocumentError([problem(place, rule, got) for rule, got in problems])
    own: dict[Kind, int] = {Kind(kind): days for kind, days in read["everyDays"].items()}
    return {kind: days for kind, days in ({**SCHEDULE, **own}).items() if days}


def _problems(read: Any) -> Sequence[tuple[str, str]]:
    if not isinstance(read, Mapping) or set(read) != {"schema", "everyDays"}:
        return [("be a mapping of schema and everyDays", shown(read))]
    if read["schema"] != SCHEMA:
        return [(f"have `schema` {SCHEMA}", shown(read["schema"]))]
    if not isinstance(read["everyDays"], Mapping):
        return [("have a mapping in `everyDays`", shown(read["everyDays"]))]
    found = []
    for kind, days in read["everyDays"].items():
        if kind not in SCHEDULE:
            found.append((f"name only {', '.join(SCHEDULE)} in `everyDays`", shown(kind)))
        elif isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= DAYS_MAX:
            rule = f"have a whole number from 0 to {DAYS_MAX} (days) in `everyDays.{kind}`"
            found.append((rule, shown(days)))
    return found


def due_of(
    records: Sequence[Record], *, stack: str, now: datetime, schedule: Mapping[Kind, int] = SCHEDULE
) -> tuple[Due, ...]:
    """Return all that is done regularly, what is overdue first."""
    found = [
        _due(_counting(records, kind, subject, stack), kind, subject, days, now)
        for kind, days in schedule.items()
        for subject in (LESSONS if kind is Kind.LESSON else ("",))
    ]
    return tuple(sorted(found, key=lambda each: not each.overdue))


def _counting(records: Sequence[Record], kind: Kind, subject: str, stack: str) -> Sequence[Record]:
    return [
        each
        for each in records
        if each.kind is kind
        and subject in {"", each.subject}
        and (kind in OF_ALL_STACKS or each.stack in {"", stack})
    ]


def _due(mine: Sequence[Record], kind: Kind, subject: str, days: int, now: datetime) -> Due:
    today = now.astimezone(UTC).date()
    done = [_day(each) for each in mine if each.passed is not False]
    tried = [_day(each) for each in mine if each.passed is False]
    last = max(done, default=None)
    failed = max(tried, default=None)
    due = last + timedelta(days=days) if last else None
    return Due(
        kind=kind,
        subject=subject,
        every_days=days,
        last=last,
        tried=failed if failed and (last is None or failed > last) else None,
        due=due,
        overdue=due is None or due < today,
    )


def _day(record: Record) -> date:
    return record.at.astimezone(UTC).date()
