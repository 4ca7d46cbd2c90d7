"""Names that were written to deceive a reader, and how a page is read."""

import html.parser
import re

import cmarkgfm

ATTACKS = (
    "web\x1b[2K\x1b[1A\x1b[32mno violations.",
    "web\x9b31m\x07",
    "web\n::error file=x::all is well",
    "::stop-commands::x",
    "web ##[set-env name=PATH]/x ##vso[task.complete]",
    "\u202egpj.exe\u2066",
    "a\ud800b",
    "a\u2028::warning::b",
    "\xa0::add-mask::x",
    "@everyone see #1, GH-2 and https://evil.test or www.evil.test",
    "a | b | `c` | <img src=x onerror=alert(1)> ![x](y) [x](javascript:y)",
    "``` \n# Head\n- item\n1. one\n> quote\n---",
    "1) one",
    "$a$ ~~b~~ **c** __d__ &lt;",
    "\\` `x` ` \\|",
    "{0} [link](1) {{",
    '"></script><script>alert(1)</script>',
)

RUNNER_OBEYS = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE | re.IGNORECASE)
"""How the runners of GitHub Actions and Azure Pipelines find commands in a log."""


class Reader(html.parser.HTMLParser):
    """The elements and the text of a page, code apart."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, _attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def rendered(markdown):
    """Render as GitHub does, with all of its extensions; return the elements and the text."""
    reader = Reader()
    reader.feed(cmarkgfm.github_flavored_markdown_to_html(markdown))
    return reader.tags, reader.text
