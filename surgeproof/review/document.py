"""A report of headings, paragraphs, lists and tables, as text, Markdown and one HTML page.

The page needs no network and runs no script; its looks are those of the replay's page.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich import box
from rich.table import Table as RichTable

from surgeproof import report
from surgeproof.consoles import drawing, text_line, text_of
from surgeproof.escaping import html as escape
from surgeproof.escaping import markdown as escaped

_STYLE: Final = Path(report.__file__).parent / "page.css"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences; `strong` ones are what a reader must not miss."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of a row is its name."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = Heading | Paragraph | Bullets | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report."""

    title: str
    word: str
    """The verdict, one of survives, fails and uncertain."""
    blocks: Sequence[Block]


def text(document: Document, *, width: int = 100, colour: bool = False) -> str:
    """Return the report for a terminal of that width."""
    console = drawing(width=width, colour=colour)
    console.print(text_line(document.title, "bold"))
    for block in document.blocks:
        match block:
            case Heading():
                console.print()
                console.print(text_line(block.text, "bold"))
            case Paragraph():
                console.print(text_line(block.text, "bold yellow" if block.strong else ""))
            case Bullets():
                listed = RichTable.grid(padding=(0, 1))
                for item in block.items:
                    listed.add_row(" -", text_line(item))
                console.print(listed)
            case Table():
                drawn = RichTable(box=box.ASCII2, show_edge=False)
                for name in block.head:
                    drawn.add_column(text_line(name), overflow="fold")
                for row in block.rows:
                    drawn.add_row(*map(text_line, row))
                console.print(drawn)
    return text_of(console)


def markdown(document: Document) -> str:
    """Return the report as Markdown."""
    lines = [f"# {escaped(document.title)}"]
    for block in document.blocks:
        lines += ["", *_of_markdown(block)]
    return "\n".join(lines) + "\n"


def _of_markdown(block: Block) -> Iterable[str]:
    match block:
        case Heading():
            return [f"## {escaped(block.text)}"]
        case Paragraph():
            shown = escaped(block.text, code=True)
            return [f"> {shown}" if block.strong else shown]
        case Bullets():
            return [f"- {escaped(each, code=True)}" for each in block.items]
        case Table():
            rows = [[escaped(cell, code=True) for cell in row] for row in block.rows]
            heads = [escaped(cell) for cell in block.head]
            return [
                f"| {' | '.join(heads)} |",
                "|---" * len(heads) + "|",
                *(f"| {' | '.join(row)} |" for row in rows),
            ]


def html(document: Document) -> str:
    """Return the report as an HTML page."""
    style = _STYLE.read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    word = escape(document.word)
    body = "\n".join(_of_html(block) for block in document.blocks)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(document.title)}</title>
<style>{style}</style>
</head>
<body>
<h1><span class="word {word}">{word}</span> {escape(document.title)}</h1>
<main>
{body}
</main>
</body>
</html>
"""


def _marked(text: str) -> str:
    """Return a text for HTML, with what is between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _of_html(block: Block) -> str:
    match block:
        case Heading():
            return f"<h2>{escape(block.text)}</h2>"
        case Paragraph():
            mark = ' class="lead"' if block.strong else ""
            return f"<p{mark}>{_marked(block.text)}</p>"
        case Bullets():
            items = "".join(f"<li>{_marked(each)}</li>" for each in block.items)
            return f"<ul>{items}</ul>"
        case Table():
            heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in block.head)
            rows = "".join(
                f'<tr><th scope="row">{escape(row[0])}</th>'
                + "".join(f"<td>{_marked(cell)}</td>" for cell in row[1:])
                + "</tr>"
                for row in block.rows
            )
            return (
                f'<div class="scrolls"><table><thead><tr>{heads}</tr></thead>'
                f"<tbody>{rows}</tbody></table></div>"
            )
