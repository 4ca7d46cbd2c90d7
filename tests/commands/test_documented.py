"""Each command line of surgeproof that a page shows, tested or not, is one that it takes."""

import re
import shlex

import click
import pytest

from surgeproof.commands.main import main
from tests.engine.conftest import ROOT

PAGES = sorted(
    page
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "policies/*.md")
    for page in ROOT.glob(pattern)
)
BLOCK = re.compile(r"^ *```(?:sh)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(surgeproof (?!failed)[^`]*)`")
LINE = re.compile(r"^\s*(?:\.venv/bin/)?(surgeproof .*)$", re.MULTILINE)


def shown(page):
    """Yield the command lines of a page, continued lines joined."""
    text = page.read_text()
    for block in BLOCK.findall(text):
        yield from LINE.findall(block.replace("\\\n", " "))
    yield from INLINE.findall(text)


def refusal(line):
    """Return why surgeproof would refuse a line, None where it would not."""
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0], comments=True)[1:]
    command, context = main, click.Context(main)
    while words and isinstance(command, click.Group):
        if words[0].startswith("-"):
            break
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        command, words = found, words[1:]
    known = {each for option in command.params for each in (*option.opts, *option.secondary_opts)}
    known |= {"-h", "--help"}
    unknown = [
        word
        for word in words
        if word.startswith("-") and word.partition("=")[0] not in known and word != "--"
    ]
    return f"no option {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_line_names_a_command_and_options_that_there_are(page):
    wrong = {line: why for line in shown(page) if (why := refusal(line))}

    assert wrong == {}


def test_what_is_not_there_is_noticed():
    assert refusal("surgeproof rewiew due") == "no command rewiew"
    assert refusal("surgeproof review due --stck prod") == "no option --stck"
    assert refusal("surgeproof review log drill --role on-call > /dev/null") is None


def test_the_page_on_the_demands_has_a_command_for_each_of_the_seven():
    page = (ROOT / "docs" / "demands.md").read_text()
    rows = re.findall(r"^\| (?!demand|---)(.*?) \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)

    assert len(rows) == 7
    assert all(INLINE.findall(command) for _, command, _, _ in rows)
