"""What is wrong with a trace: the one error of this room, and the rows that a reader refused."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from surgeproof.escaping import visible
from surgeproof.settings.errors import path_shown
from surgeproof.settings.files import FileError, open_regular

VALUE_CHARACTERS = 60
"""Longest value that a message repeats (characters); the middle of a longer one is left out."""

SHOWN_BAD_ROWS = 5
"""Bad rows that are kept to be shown (rows); the others are counted."""

HOPELESS_ROWS = 1_000
"""Rows after which a source that had no good one is given up (rows)."""


def shown(value: object) -> str:
    """Return `value` as a message repeats it: quoted where it is text, and never long."""
    if isinstance(value, bytes):
        # As text, with every byte that is none escaped: it goes to a terminal.
        text = repr(value.rstrip(b"\r\n"))[1:]
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    if len(text) > VALUE_CHARACTERS:
        half = VALUE_CHARACTERS // 2 - 2
        text = f"{text[:half]} ... {text[-half:]}"
    return text


class TraceError(ValueError):
    """A trace cannot be made or read. The message is `<place>: must <rule>, got <value>`."""

    def __init__(self, place: str, rule: str, got: object, details: tuple[str, ...] = ()) -> None:
        self.place = place
        """Where it is: a parameter, a file with its line, a bucket and key."""
        self.rule = rule
        """What would be right; completes "must"."""
        self.got = got
        """What was found there."""
        self.details = details
        """More lines, one a problem."""
        said = got if isinstance(got, Said) else shown(got)
        # Places, headers and cells may hold anything.
        lines = (f"{path_shown(place)}: must {rule}, got {said}", *details)
        super().__init__("\n  ".join(map(visible, lines)))


class BadRowsError(TraceError):
    """A source has more bad rows than is borne."""


class Said(str):
    """A value that is already words, and is repeated as it is."""

    __slots__ = ()


def opened(path: str | Path) -> BinaryIO:
    """Open a regular file; raise TraceError for anything else."""
    try:
        return open_regular(path)
    except FileError as error:
        raise TraceError(error.place, error.rule, Said(error.got)) from error


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that a reader refused, and why."""

    place: str
    """The source and the line in it, counted from 1."""
    rule: str
    """What would be right; completes "must"."""
    got: str
    """What was found there, cut to a length that can be shown."""

    def __str__(self) -> str:
        return f"{self.place}: must {self.rule}, got {self.got}"


@dataclass(slots=True)
class RowCounter:
    """Counts the rows of a source while it is read, and keeps the first bad ones."""

    source: str
    """What is read; the place of the error."""
    most_bad_percent: float
    """Share of bad rows that is borne (percent, 0 to 100)."""
    rows: int = 0
    bad: int = 0
    first_bad: list[BadRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 0 <= self.most_bad_percent <= 100:
            raise TraceError("most_bad_percent", "be a number from 0 to 100", self.most_bad_percent)

    def note(self, place: str, rule: str, got: object) -> None:
        """Note a bad row; whoever reads counts it in `rows` too."""
        self.bad += 1
        if len(self.first_bad) < SHOWN_BAD_ROWS:
            self.first_bad.append(BadRow(place, rule, shown(got)))
        if self.bad >= HOPELESS_ROWS and self.bad >= self.rows and self.most_bad_percent < 100:
            raise self._too_many()

    def like(self) -> "RowCounter":
        """Return a counter of nothing, with the same source and bound."""
        return RowCounter(self.source, self.most_bad_percent)

    def merge(self, other: "RowCounter") -> None:
        """Add what the other counted."""
        self.rows += other.rows
        self.bad += other.bad
        self.first_bad = [*self.first_bad, *other.first_bad][:SHOWN_BAD_ROWS]

    def check(self) -> None:
        """Raise TraceError where more rows are bad than is borne, or none is good."""
        if self.rows == 0:
            raise TraceError(self.source, "hold at least one row", Said("none"))
        if self.bad == self.rows or 100 * self.bad > self.most_bad_percent * self.rows:
            raise self._too_many()

    def _too_many(self) -> BadRowsError:
        if self.bad == 1:
            row = self.first_bad[0]
            return BadRowsError(row.place, row.rule, Said(row.got))
        lines = [str(row) for row in self.first_bad]
        if self.bad > len(lines):
            lines.append(f"and {self.bad - len(lines):,} more")
        share = 100 * self.bad / max(self.rows, 1)
        return BadRowsError(
            self.source,
            f"have at most {self.most_bad_percent:g} % bad rows",
            Said(f"{self.bad:,} of {self.rows:,} ({share:.3g} %)"),
            tuple(lines),
        )
