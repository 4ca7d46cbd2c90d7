"""Text that others wrote, made safe for the place where it is printed.

Names, tags, alarms, traces and reasons come from states, plans and files that anybody may have
written. Each place has its own characters with a meaning: a terminal obeys control characters, a
log of GitHub Actions obeys workflow commands, Markdown and SARIF make links, HTML makes elements.
Everything that is printed goes through one of these functions; `surgeproof.printing.say` prints.

A character is replaced by its escape in JSON, so that a document of JSON keeps its meaning.
"""

import html as _html
import re
import unicodedata
from typing import Final

_SHORT: Final = {"\n": r"\n", "\t": r"\t"}
_PLAIN: Final = re.compile(r"[\x20-\x7e\n]*\Z")
_COMMAND: Final = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_OLD_COMMAND: Final = re.compile(r"#(?=#\[|#vso\[)", re.IGNORECASE)
_BREAK: Final = "\u200b"
"""A space without width: it separates what would be read as one word, and shows nothing."""
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>#|~$&]|(?<=\w):(?=//)|\A[-+=]")
_NUMBERED: Final = re.compile(r"\A(\d+)([.)])")
_REFERENCE: Final = re.compile(r"@(?=\w)|#(?=\d)|\bGH-(?=\d)|\bwww(?=\.)", re.IGNORECASE)


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return a text in which every character can be seen.

    Args:
        text: What somebody wrote.
        lines: Whether new lines and tabs keep their meaning. Default: they are shown as ``\n`` and
            ``\t``, so that one value cannot look like several lines.

    """
    if _PLAIN.match(text) and (lines or "\n" not in text):
        return text
    return "".join(
        char if (lines and char in _SHORT) or not _hides(char) else _code(char) for char in text
    )


def terminal(text: str, *, lines: bool = True) -> str:
    """Return a text for a terminal, or for the log of a continuous integration service.

    A runner of GitHub Actions obeys each line that begins with two colons after white space, and
    the older ``##[`` anywhere in a line (actions/runner, `ActionCommand.TryParseV2` and
    `TryParse`); Azure Pipelines obeys ``##vso[``.
    """
    text = _COMMAND.sub(r"\1\\u003a", visible(text, lines=lines))
    return _OLD_COMMAND.sub(r"\\u0023", text)


def markdown(text: str, *, code: bool = False) -> str:
    """Return a text that Markdown shows as it is: one line, no markup, link, mention or reference.

    GitHub links mentions and numbers of issues after it has rendered the text, so that a backslash
    does not stop it (GitHub Docs, "Autolinked references and URLs"): they are broken in two.

    Args:
        text: The text.
        code: Whether pairs of backticks make code of what is between them. What a value adds to the
            pairs is code or plain text, and harmless as either.

    """
    parts = visible(" ".join(text.split())).split("`")
    if not code or len(parts) % 2 == 0:  # a backtick without its pair
        return _plain_markdown("`".join(parts))
    # Two backticks with nothing between them would open code that another pair ends.
    shown = [
        (markdown_code(part) if part.strip() else "") if index % 2 else _plain_markdown(part)
        for index, part in enumerate(parts)
    ]
    return "".join(shown)


def markdown_code(text: str) -> str:
    """Return a text as a span of code, which may stand in a table."""
    text = visible(" ".join(text.split())).replace("`", "'")
    # Within a table a bar ends the cell even in code, unless a backslash precedes it (GFM 4.10).
    return f"`{text.replace('|', chr(92) + '|')}`"


def _plain_markdown(text: str) -> str:
    escaped = _MARKUP.sub(r"\\\g<0>", _REFERENCE.sub(rf"\g<0>{_BREAK}", text))
    return _NUMBERED.sub(r"\1\\\2", escaped)


def html(text: str) -> str:
    """Return a text for HTML, between tags or as an attribute in quotes."""
    return _html.escape(visible(text))


def sarif(text: str) -> str:
    """Return a text for a message of SARIF.

    Braces hold placeholders (SARIF 2.1.0, 3.11.5) and are doubled; brackets before a parenthesis
    are a link (3.11.6) and are separated from it.
    """
    text = visible(text, lines=True).replace("{", "{{").replace("}", "}}")
    return text.replace("](", f"]{_BREAK}(")


def _hides(char: str) -> bool:
    """Whether a character draws nothing, or changes how others are drawn.

    These are Unicode's control, format (which holds the marks that reverse a line), surrogate,
    private and unassigned characters, and the separators of lines and paragraphs.
    """
    return not char.isprintable() and unicodedata.category(char) != "Zs"


def _code(char: str) -> str:
    if short := _SHORT.get(char):
        return short
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
