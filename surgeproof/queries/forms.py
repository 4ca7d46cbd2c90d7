"""The review as text for people and as JSON for programs."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from surgeproof.consoles import drawing, text_line, text_of
from surgeproof.queries.findings import Finding
from surgeproof.queries.review import Grown, Ranked, Review
from surgeproof.queries.words import figure

SHOWN: Final = 10
"""Rows of a ranking in the text; JSON has all."""

_NUMBER: Final = 10
"""Width of a column of numbers (characters)."""


def to_json(review: Review) -> str:
    """Return a review as JSON: its fields by their names, times in ISO 8601."""
    return json.dumps(
        {**dataclasses.asdict(review), "clean": review.is_clean}, indent=2, default=_plain
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def to_text(review: Review, *, width: int = 100, colour: bool = False) -> str:
    """Return a review for a terminal of that width."""
    console = drawing(width=width, colour=colour)
    _print(console, f"Database {review.database}, PostgreSQL {review.version}", "bold")
    since = f"since {review.since:%Y-%m-%d %H:%M} UTC" if review.since else "since an unknown time"
    _print(
        console,
        f"{review.statements:,} statements took {_time(review.total_milliseconds)} {since}; "
        f"{review.planned} plans were seen.",
    )
    use = review.connections
    _print(
        console,
        f"{use.total} of {use.limit} connections are open: {use.active} active, {use.idle} idle, "
        f"{use.idle_in_transaction} idle in a transaction.",
    )
    console.print()
    _ranking(console, "By time", review.by_time)
    _ranking(console, "By calls", review.by_calls)
    _grown(console, review.by_growth)
    for number, finding in enumerate(review.findings, 1):
        _finding(console, number, finding, review.total_milliseconds)
    _effect(console, review)
    _listed(console, "Not decided", review.not_decided)
    _listed(console, "Assumptions", review.assumptions)
    _listed(console, "Notes", review.notes)
    _print(console, verdict(review), "bold")
    return text_of(console)


def verdict(review: Review) -> str:
    """Return the review's result in one line."""
    if review.findings:
        kinds: dict[str, int] = {}
        for each in review.findings:
            kinds[each.kind] = kinds.get(each.kind, 0) + 1
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        noun = "finding" if len(review.findings) == 1 else "findings"
        return f"Review: {len(review.findings)} {noun} ({listed})."
    if review.not_decided:
        return "Review: uncertain, no finding, but not all could be read."
    return "Review: clean."


def _time(milliseconds: float) -> str:
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{figure(milliseconds)} ms"
    if seconds < 60:
        return f"{seconds:,.3g} s"
    return f"{seconds / 60:,.1f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _ranking(console: Console, title: str, rows: Sequence[Ranked]) -> None:
    if not rows:
        return
    table, room = _table(console, title, "share", "time", "calls", "mean")
    for each in rows[:SHOWN]:
        table.add_row(
            f"{each.share:.1%}",
            _time(each.milliseconds),
            f"{each.calls:,}",
            f"{figure(each.mean_milliseconds)} ms",
            text_line(_cut(each.statement, room)),
        )
    console.print(table)
    console.print()


def _grown(console: Console, rows: Sequence[Grown]) -> None:
    if not rows:
        return
    title = "By growth, since the earlier review"
    table, room = _table(console, title, "time/h before", "since", "calls/h before", "since")
    for each in rows[:SHOWN]:
        table.add_row(
            *(_time(value) for value in each.milliseconds_per_hour),
            *(f"{value:,.0f}" for value in each.calls_per_hour),
            text_line(_cut(each.statement, room)),
        )
    console.print(table)
    console.print()


def _table(console: Console, title: str, *numbers: str) -> tuple[Table, int]:
    """Return a table, and how many characters of a statement fit beside the numbers."""
    table = Table(box=box.ASCII2, show_edge=False, title=title, title_justify="left")
    for each in numbers:
        table.add_column(each, justify="right", no_wrap=True, min_width=max(len(each), _NUMBER))
    table.add_column("statement", no_wrap=True)
    taken = sum(max(len(each), _NUMBER) + 3 for each in numbers)
    return table, max(console.width - taken - 3, 20)


def _cut(statement: str, room: int) -> str:
    return statement if len(statement) <= room else f"{statement[: room - 3]}..."


def _finding(console: Console, number: int, finding: Finding, total: float) -> None:
    share = f", {finding.milliseconds / total:.1%} of the time" if finding.milliseconds else ""
    _print(console, f"{number}. {finding.kind}: {finding.place}{share}", "bold yellow")
    _print(console, f"   {finding.problem}")
    lines = [("seen", each) for each in finding.evidence]
    lines += [("try", each) for each in finding.advice]
    if finding.saved_milliseconds and total:
        saved = finding.saved_milliseconds / total
        lines.append(("saves", f"about {saved:.1%} of the database's time (by {finding.saved_by})"))
    for head, line in lines:
        _print(console, f"   {head}: {line}")
    console.print()


def _effect(console: Console, review: Review) -> None:
    effect = review.effect
    lines = []
    if effect.saved_milliseconds:
        lines.append(
            f"The first advice of each finding would save about {effect.saved_share:.1%} of the "
            "database's time."
        )
    if (times := effect.request_milliseconds) is not None:
        now, then = times
        lines.append(f"Database time of a request: {figure(now)} ms now, {figure(then)} ms then.")
    lines += [f"{each.surge}: {each.before} -> {each.after}" for each in review.judgements]
    _listed(console, "What it does to the service", lines)


def _listed(console: Console, head: str, lines: Iterable[str]) -> None:
    kept = list(lines)
    if not kept:
        return
    _print(console, head, "bold")
    for line in kept:
        _print(console, f" - {line}")
    console.print()


def _print(console: Console, line: str, style: str = "") -> None:
    """Print a line unwrapped: what is to be tried is copied."""
    console.print(text_line(line, style), soft_wrap=True)
