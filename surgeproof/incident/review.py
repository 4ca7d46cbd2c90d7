"""Checks reviews of incidents: nothing open, action items owned and dated, each row evidenced."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt

from surgeproof.incident.evidence import EvidenceError
from surgeproof.incident.report import ACTION_TYPES, ACTIONS_HEAD, TIMELINE_HEAD
from surgeproof.settings.errors import DocumentError, path_shown, shortened
from surgeproof.settings.files import decoded, read_bytes

REVIEW_BYTES_MAX: Final = 5_000_000
"""Largest review that is read (bytes)."""

_OPEN: Final = re.compile(r"\[OPEN:?\s*([^\]]*)\]")
_LINK: Final = re.compile(r"\[[^\]]+\]\([^)\s]+\)|`[^`]+#\d+`")
_STATUSES: Final = ("open", "done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An action item of a review."""

    place: str
    """The review and the line."""
    kind: str
    action: str
    owner: str
    due: date | None
    done: bool

    def is_overdue(self, today: date) -> bool:
        """Whether it is not done and its date is past."""
        return not self.done and self.due is not None and self.due < today


@dataclass(frozen=True, slots=True)
class Checked:
    """What a review holds, and what is wrong with it."""

    path: Path
    problems: tuple[str, ...]
    """Each `<place>: must <rule>, got <value>`."""
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table, with the line of the file that it is in."""

    line: int
    cells: tuple[str, ...]


def find_reviews(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are given, and the Markdown files of the directories.

    Raises EvidenceError for what is neither, and for a directory without a review.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*.md") if each.name != "README.md")
            if not inside:
                raise EvidenceError(f"{path_shown(path)}: must hold reviews (*.md), got none")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise EvidenceError(
                f"{path_shown(path)}: must be a review or a directory of reviews, got nothing"
            )
    return found


def check_review(path: Path) -> Checked:
    """Return what a review holds, and all that keeps it from being done.

    Raises EvidenceError for a file that is no text.
    """
    place = path_shown(path)
    try:
        text = decoded(read_bytes(path, REVIEW_BYTES_MAX), place)
    except DocumentError as error:
        raise EvidenceError(str(error)) from None
    problems = [
        f"{place}:{number}: must have no open field, got {_shown(question)}"
        for number, line in enumerate(text.splitlines(), 1)
        for question in _OPEN.findall(line)
    ]
    tables = list(_tables(text))
    timelines = [rows for head, rows in tables if head == TIMELINE_HEAD]
    if not any(timelines):
        problems.append(
            f"{place}: must have a timeline (a table of {', '.join(TIMELINE_HEAD)}), got none"
        )
    problems += [
        f"{place}:{row.line}: must have a link to evidence, got {_shown(row.cells[-1])} for "
        f"{_shown(row.cells[1])}"
        for rows in timelines
        for row in rows
        if not _LINK.search(row.cells[-1])
    ]
    actions = [rows for head, rows in tables if head == ACTIONS_HEAD]
    if not any(actions):
        problems.append(
            f"{place}: must have action items (a table of {', '.join(ACTIONS_HEAD)}), got none"
        )
    items = []
    for row in (row for rows in actions for row in rows):
        item, wrong = _item(f"{place}:{row.line}", row)
        items.append(item)
        problems += wrong
    return Checked(path, tuple(problems), tuple(items))


def _item(place: str, row: _Row) -> tuple[Item, list[str]]:
    kind, action, owner, due, status = row.cells
    wrong = []
    if kind not in ACTION_TYPES:
        wrong.append(f"{place}: type: must be one of {', '.join(ACTION_TYPES)}, got {_shown(kind)}")
    if not action:
        wrong.append(f"{place}: action: must say what is to be done, got nothing")
    # An open field is a problem already.
    if not owner:
        wrong.append(f"{place}: owner: must name somebody, got nothing")
    when = None
    if not _OPEN.search(due):
        try:
            when = date.fromisoformat(due)
        except ValueError:
            wrong.append(f"{place}: due: must be a date such as 2026-01-31, got {_shown(due)}")
    if status not in _STATUSES:
        wrong.append(
            f"{place}: status: must be one of {', '.join(_STATUSES)}, got {_shown(status)}"
        )
    item = Item(place=place, kind=kind, action=action, owner=owner, due=when, done=status == "done")
    return item, wrong


def _tables(text: str) -> Iterator[tuple[tuple[str, ...], list[_Row]]]:
    """Yield the tables of a Markdown text: the cells of the head, and the rows."""
    head: tuple[str, ...] = ()
    rows: list[_Row] = []
    cells: list[str] = []
    line = 0
    in_head = False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        match token.type:
            case "table_open":
                head, rows = (), []
            case "thead_open":
                in_head = True
            case "thead_close":
                in_head = False
            case "tr_open":
                cells, line = [], (token.map or [0])[0] + 1
            case "inline":
                cells.append(token.content.strip())
            case "th_close" | "td_close":
                pass
            case "tr_close":
                if in_head:
                    head = tuple(cells)
                else:
                    rows.append(_Row(line, tuple(cells)))
            case "table_close":
                yield head, rows
            case _:
                pass


def page(text: str, title: str) -> str:
    """Return a review as one HTML page, which needs neither network nor scripts."""
    maker: Any = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = maker.render(text)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>body{{font:16px/1.5 sans-serif;max-width:60rem;"
        "margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
        "td,th{border:1px solid #999;padding:.2rem .5rem;text-align:left;vertical-align:top}"
        f"pre{{overflow:auto}}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _shown(text: str) -> str:
    return f"'{shortened(text)}'" if text else "nothing"
