"""The one way in which a report is drawn for a terminal: on a console of rich, kept as text."""

from io import StringIO

from rich.console import Console
from rich.text import Text

from surgeproof.escaping import terminal


def drawing(*, width: int, colour: bool) -> Console:
    """Return a console that keeps what is printed on it, for a terminal of that width."""
    return Console(
        file=StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        legacy_windows=False,
    )


def text_of(console: Console) -> str:
    """Return what was printed on a console of `drawing`."""
    file = console.file
    return file.getvalue() if isinstance(file, StringIO) else ""


def text_line(text: str, style: str = "") -> Text:
    """Return one line in which neither markup nor control characters act."""
    return Text(terminal(text, lines=False), style=style)
