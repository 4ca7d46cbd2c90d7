"""A report in all its forms; what others wrote acts in none of them."""

from surgeproof.review.document import Bullets, Document, Heading, Paragraph, Table
from surgeproof.review.document import html as page
from surgeproof.review.document import markdown as marked
from surgeproof.review.document import text as printed

EVIL = "<b>x</b> | [a](http://b) \x1b[31m"
DOCUMENT = Document(
    title="Review",
    word="survives",
    blocks=(
        Paragraph("Look at this.", strong=True),
        Heading("Limits"),
        Table(("limit", "at"), [("maximum size", "1.5 x"), (EVIL, "2 x")]),
        Bullets(["set `maxSize` higher", EVIL]),
    ),
)


def test_the_text_is_readable_without_colour():
    lines = [line.rstrip() for line in printed(DOCUMENT, width=60).splitlines()]

    assert lines == [
        "Review",
        "Look at this.",
        "",
        "Limits",
        " limit                               | at",
        "-------------------------------------+-------",
        " maximum size                        | 1.5 x",
        " <b>x</b> | [a](http://b) \\u001b[31m | 2 x",
        " - set `maxSize` higher",
        " - <b>x</b> | [a](http://b) \\u001b[31m",
    ]


def test_markdown_shows_markup_of_others_as_it_is():
    shown = marked(DOCUMENT)

    assert shown.startswith(
        "# Review\n\n> Look at this.\n\n## Limits\n\n| limit | at |\n|---|---|\n"
    )
    assert "| maximum size | 1\\.5 x |\n" in shown  # no number of a list
    assert "- set `maxSize` higher\n" in shown
    assert "<b>" not in shown
    assert "\\](http\\:" in shown


def test_the_page_needs_no_network_and_runs_no_script():
    shown = page(DOCUMENT)

    assert shown.startswith("<!doctype html>\n")
    assert "default-src 'none'; style-src 'sha256-" in shown
    assert '<h1><span class="word survives">survives</span> Review</h1>' in shown
    assert '<th scope="row">maximum size</th><td>1.5 x</td>' in shown
    assert "<li>set <code>maxSize</code> higher</li>" in shown
    assert "<b>" not in shown
    assert "<script" not in shown
