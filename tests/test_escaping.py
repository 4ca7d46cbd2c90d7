"""Names that were written to deceive a reader are shown as they are, wherever they are printed."""

import json
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeproof import escaping
from surgeproof.findings import Finding, Summary, from_engine
from surgeproof.findings.forms import shown
from surgeproof.printing import say
from tests.hostile import ATTACKS, RUNNER_OBEYS, Reader, rendered

SPACES = "\n\t\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))

anything = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.text("`|\\*_[]()<>#@:/-+=.1!~$&\n\x1b ", max_size=30),
)


def seen(text):
    """What a reader sees: white space folded, as HTML does."""
    return " ".join(text.replace("\u200b", "").split())


@given(anything)
def test_a_terminal_gets_no_control_character_and_a_runner_no_command(text):
    printed = escaping.terminal(text)

    assert all(char.isprintable() or char in SPACES for char in printed)
    assert not RUNNER_OBEYS.search(printed)
    printed.encode()  # no surrogate is left


@given(anything)
def test_one_value_is_one_line(text):
    assert len(escaping.visible(text).splitlines() or [""]) == 1


def test_plain_text_is_printed_as_it_is():
    urn = "urn:pulumi:dev::shop::aws:lb/listener:Listener::http  größer ░ €"
    assert escaping.terminal(urn) == escaping.visible(urn) == urn
    assert escaping.terminal("a\x1b[0m\n ::error::b\x7f") == "a\\u001b[0m\n \\u003a:error::b\\u007f"
    assert escaping.visible("a\nb\tc\U000e0001") == "a\\nb\\tc\\udb40\\udc01"


@given(st.dictionaries(anything, anything))
def test_json_keeps_its_meaning_on_a_terminal(document):
    for ascii_only in (True, False):
        text = json.dumps(document, indent=2, ensure_ascii=ascii_only)
        assert json.loads(escaping.terminal(text)) == json.loads(text)


@given(anything)
def test_github_shows_a_text_as_it_is(text):
    tags, read = rendered(f"- {escaping.markdown(text)}")
    assert (tags, seen(read)) == (["ul", "li"], seen(escaping.visible(" ".join(text.split()))))


@given(anything, anything)
def test_a_table_keeps_its_cells(one, other):
    row = f"| {escaping.markdown(one, code=True)} | {escaping.markdown(other)} |"
    tags, read = rendered(f"| a | b |\n|---|---|\n{row}")
    found = [tag for tag in tags if tag != "code"]
    assert found == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    if "`" not in one:
        assert seen(read) == seen(f"a b {escaping.visible(' '.join(f'{one} {other}'.split()))}")


@pytest.mark.parametrize("mention", ["@octocat", "#12", "GH-12", "shop#12", "@org/team"])
def test_nobody_is_mentioned_and_no_issue_is_linked(mention):
    assert mention not in escaping.markdown(f"by {mention}")
    assert seen(rendered(escaping.markdown(f"by {mention}"))[1]) == f"by {mention}"


@given(anything)
def test_a_page_holds_a_text_and_no_element(text):
    page = Reader()
    page.feed(f'<p title="{escaping.html(text)}">{escaping.html(text)}</p>')
    page.close()
    assert (page.tags, page.text) == (["p"], escaping.visible(text))


@given(anything)
def test_sarif_has_neither_placeholder_nor_link(text):
    message = escaping.sarif(text)
    assert not re.search(r"\]\(", message)
    assert not re.search(r"(?<!\{)\{(?!\{)", message.replace("{{", ""))


def hostile(text):
    urn = f"urn:pulumi:dev::shop::aws:lb/listener:Listener::{text}"
    return Finding(rule="r", severity="high", urn=urn, message=f"got `{text}`.", why="W.", fix="F.")


@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize("form", ["text", "markdown", "sarif", "json"])
def test_findings_are_safe_in_every_form(text, form):
    report = shown(Summary([hostile(text)]), form, file="x")
    report = report.encode(errors="backslashreplace").decode()

    if form in {"sarif", "json"}:
        assert json.loads(report)
        assert not RUNNER_OBEYS.search(escaping.terminal(report))
    elif form == "text":
        # The finding, why, fix, and how many; what a name adds stands further to the right.
        told = [line for line in report.splitlines() if not line.startswith("    ")]
        assert (len(told), told[0][:9], told[-1]) == (2, "high     ", "1 violation: 1 high.")
        assert "\x1b" not in report
        assert "\u202e" not in report
    else:
        tags, _ = rendered(report)
        assert set(tags) <= {"h3", "p", "table", "thead", "tbody", "tr", "th", "td"} | {
            "strong",
            "code",
            "br",
        }


@pytest.mark.parametrize("text", [*ATTACKS, "x\nTo fix: nothing", "x (high): not decided: y"])
def test_the_engine_carries_a_finding_whole(text):
    finding = hostile(text)
    back = from_engine(
        policy="r",
        level="mandatory",
        urn=finding.urn,
        text=finding.engine_text,
        severities={"r": "high"},
    )
    assert (back.kind, back.why, back.fix) == (finding.kind, "W.", "F.")
    assert back.message == escaping.visible(finding.message, lines=True)


def test_what_a_terminal_lacks_is_printed_as_its_code(capfd, monkeypatch):
    with open(1, "w", encoding="ascii", closefd=False) as ascii_only:
        monkeypatch.setattr(sys, "stdout", ascii_only)
        say("größer\ud800 \x1b[1mbold\x1b[0m \x1b[2J", coloured=True)
    assert capfd.readouterr().out == "gr\\xf6\\xdfer\\ud800 \x1b[1mbold\x1b[0m \\u001b[2J\n"
