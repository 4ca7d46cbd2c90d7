"""The one way in which a command prints text."""

import re
import sys
from typing import Any, Final

import click

from surgeproof.escaping import terminal

_COLOUR: Final = re.compile(r"(\x1b\[[0-9;]*m)")


def say(text: str, *, err: bool = False, nl: bool = True, coloured: bool = False) -> None:
    """Print a text, which may have several lines.

    Args:
        text: The text.
        err: Whether it goes to stderr.
        nl: Whether a new line follows it.
        coloured: Whether the text's codes for colours are our own, and are kept.

    """
    parts = _COLOUR.split(text) if coloured else [text]
    shown = "".join(part if index % 2 else terminal(part) for index, part in enumerate(parts))
    stream: Any = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    # A terminal that lacks a character shows its code; no command ends by it.
    shown = shown.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(shown, err=err, nl=nl, color=coloured or None)
