"""The log of drills, lessons, load tests and reviews, which the repository keeps.

The file is `reviews/log.jsonl` below the project's root: one JSON object a line (JSON Lines), in
the order in which the records were made. Every tool that has something to record calls `append`;
`read` returns all of it, the oldest first. A line holds these members; those with a default may be
left out, and no other members are allowed:

    {"schema": 1, "at": "2026-11-27T09:30:00+00:00", "kind": "drill", "subject": "surge-critical",
     "stack": "prod", "role": "on-call", "passed": true, "scorePercent": null,
     "delaySeconds": 42.5, "note": "..."}

Two people who append on two branches get a conflict of merging, unless `.gitattributes` says
`reviews/log.jsonl merge=union`; a record that is there twice counts once.
"""

import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from surgeproof import files
from surgeproof.settings.errors import DocumentError, path_shown, problem, shown
from surgeproof.settings.files import decoded, read_bytes
from surgeproof.settings.json_file import parse_json

SCHEMA: Final = 1
"""Version of a line. It changes when a member is renamed, removed or means something else."""

PLACE: Final = Path("reviews", "log.jsonl")
"""Where the log is, below the project's root."""

BYTES_MAX: Final = 16 * 1024 * 1024
"""Largest log (bytes). A record takes about 200."""

TEXT_MAX: Final = 1000
"""Longest text of a record (characters)."""


class Kind(StrEnum):
    """What was done."""

    DRILL = "drill"
    """An alarm was set off on purpose, and its message arrived (`surgeproof drill page`)."""
    EXERCISE = "exercise"
    """Somebody read the charts and alarms of a simulated incident, and was scored."""
    LESSON = "lesson"
    """A lesson of the training course; its subject is the lesson's number, `1` to `4`."""
    LOAD_TEST = "load-test"
    """The service's figures were measured under load."""
    REVIEW = "review"
    """The bottleneck review (`surgeproof review`)."""
    QUERY_REVIEW = "query-review"
    """The review of the database's queries (`surgeproof queries`)."""
    ARCHITECTURE_REVIEW = "architecture-review"
    """The meeting that goes through the architecture review's checklist."""
    INCIDENT_REVIEW = "incident-review"
    """The meeting after an incident; its subject names the incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the log. Raises DocumentError for values that break a rule, all in one."""

    at: datetime
    """When it was done; with a time zone."""
    kind: Kind
    subject: str = ""
    """What of the kind: an alarm, a lesson, a surge. Default: nothing more is to say."""
    stack: str = ""
    """Stack that it concerns. Default: none, or all."""
    role: str = ""
    """Role of who did it, such as `on-call` or `facilitator`; no name. Default: not stated."""
    passed: bool | None = None
    """Whether it succeeded. False does not count as done. Default: nothing to pass."""
    score_percent: float | None = None
    """Share of the points that were reached (percent, 0 to 100). Default: not scored."""
    delay_seconds: float | None = None
    """Time from the cause to the message, or to the answer (seconds). Default: not measured."""
    note: str = ""
    """Anything else, in a line. Default: nothing."""

    def __post_init__(self) -> None:
        """Check all values."""
        if problems := list(self._problems()):
            raise DocumentError([problem("record", rule, got) for rule, got in problems])

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.at.tzinfo is None:
            yield "have a time zone in `at`", shown(self.at.isoformat())
        for name in ("subject", "stack", "role", "note"):
            text = getattr(self, name)
            if len(text) > TEXT_MAX or not text.isprintable():
                rule = f"have at most {TEXT_MAX} printable characters on one line in `{name}`"
                yield rule, shown(text)
        score, delay = self.score_percent, self.delay_seconds
        if score is not None and not 0 <= score <= 100:
            yield "have a `scorePercent` from 0 to 100", shown(score)
        if delay is not None and not 0 <= delay < math.inf:
            yield "have a `delaySeconds` of at least 0", shown(delay)

    def line(self) -> str:
        """Return the record as a line of the log, without its end; what is not stated is absent."""
        values = {
            _camel(field.name): getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) not in ("", None)
        }
        moment = self.at.astimezone(UTC).replace(microsecond=0)
        made = {"schema": SCHEMA, **values, "at": moment.isoformat()}
        return json.dumps(made, ensure_ascii=False)

    @classmethod
    def parse(cls, line: str, place: str) -> Self:
        """Return the record of a line; raise DocumentError, whose problems begin with `place`."""
        read = parse_json(line, place)
        if not isinstance(read, Mapping):
            raise DocumentError([problem(place, "be a mapping", shown(read))])
        version = read.get("schema")
        if version != SCHEMA:
            raise DocumentError([problem(place, f"have `schema` {SCHEMA}", shown(version))])
        problems = list(_misfits(read))
        if problems:
            raise DocumentError([problem(place, rule, got) for rule, got in problems])
        known = {_camel(field.name): field.name for field in fields(cls)}
        values = {known[key]: value for key, value in read.items() if key != "schema"}
        values |= {"at": datetime.fromisoformat(read["at"]), "kind": Kind(read["kind"])}
        try:
            return cls(**values)
        except DocumentError as error:
            cut = [each.removeprefix("record:") for each in error.problems]
            raise DocumentError([f"{place}:{each}" for each in cut]) from None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return "".join([first, *(word.capitalize() for word in rest)])


_KINDS: Final = ", ".join(Kind)


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


_MEMBERS: Final[Mapping[str, tuple[str, Any]]] = {
    "at": ("be a moment with a time zone, such as 2026-11-27T09:30:00Z", _is_moment),
    "kind": (f"be one of {_KINDS}", lambda value: value in list(Kind)),
    "subject": ("be a text", lambda value: isinstance(value, str)),
    "stack": ("be a text", lambda value: isinstance(value, str)),
    "role": ("be a text", lambda value: isinstance(value, str)),
    "passed": ("be true, false or null", lambda value: value is None or isinstance(value, bool)),
    "scorePercent": ("be a number or null", _is_number),
    "delaySeconds": ("be a number or null", _is_number),
    "note": ("be a text", lambda value: isinstance(value, str)),
}


def _misfits(read: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("at", "kind"):
        if name not in read:
            yield f"have `{name}`", "none"
    for key, value in read.items():
        if key == "schema":
            continue
        if key not in _MEMBERS:
            yield f"have no members but schema, {', '.join(_MEMBERS)}", shown(key)
            continue
        rule, fits = _MEMBERS[key]
        if not fits(value):
            yield f"{rule} in `{key}`", shown(value)


def read(root: Path) -> tuple[Record, ...]:
    """Return the log of the project in `root`, the oldest record first; nothing where it has none.

    Raises DocumentError, which names every line that cannot be read.
    """
    path = root / PLACE
    if not path.exists():
        return ()
    return tuple(sorted(_parsed(_text(path), path_shown(path)), key=lambda each: each.at))


def append(root: Path, record: Record) -> Path:
    """Add a record to the log of the project in `root`; return the log's path.

    A process that is killed meanwhile leaves the old log or the new one. Several that append at
    once lose no record. Raises DocumentError where the log cannot be read: nothing is added
    to a file that is damaged; OSError where it cannot be written.
    """
    path = root / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        text = _text(path) if path.exists() else ""
        _parsed(text, path_shown(path))
        before = f"{text.rstrip()}\n" if text.strip() else ""
        files.write_text(path, f"{before}{record.line()}\n")
    return path


def _text(path: Path) -> str:
    return decoded(read_bytes(path, BYTES_MAX), path_shown(path))


def _parsed(text: str, place: str) -> Sequence[Record]:
    found: dict[Record, None] = {}
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found[Record.parse(line, f"{place}:{number}")] = None
        except DocumentError as error:
            problems += error.problems
    if problems:
        raise DocumentError(problems)
    return list(found)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other processes out until the block ends; the kernel frees the lock of a killed one."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
