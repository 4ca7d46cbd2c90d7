"""What keeps a review from being done, and what is overdue over all of them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.incident.review import check_review
from tests.incident.support import bundle
from tests.incident.test_report import review

DONE = """\
# Incident of 2026-01-15

| Time (UTC) | What happened | Evidence |
|---|---|---|
| 08:47:30 | slow-responses is ALARM | [timeline.jsonl#1](b/timeline.jsonl#L1) |

| Type | Action | Owner | Due | Status |
|---|---|---|---|---|
| prevent | Let it grow | Ada | 2026-02-01 | done |
| detect | Watch demand | Grace | 2026-03-01 | open |
"""
TODAY = ("--today", "2026-02-20T00:00:00Z")


def check(*words):
    return CliRunner().invoke(main, ["incident", "check", *map(str, words)])


@pytest.fixture
def done(tmp_path):
    path = tmp_path / "2026-01-15.md"
    path.write_text(DONE)
    return path


def test_a_review_that_is_done_passes(done):
    result = check(done, *TODAY)

    assert result.exit_code == 0
    assert result.output == ("1 reviews, 0 problems; 2 action items, 1 not done, 0 overdue\n")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# Incident", "[OPEN: who?]\n# Incident", ":1: must have no open field, got 'who?'"),
        ("Grace", "", ":10: owner: must name somebody, got nothing"),
        ("2026-03-01", "soon", ":10: due: must be a date such as 2026-01-31, got 'soon'"),
        ("2026-03-01", "", ":10: due: must be a date such as 2026-01-31, got nothing"),
        ("| open |", "| later |", ":10: status: must be one of open, done, got 'later'"),
        (
            "| detect |",
            "| watch |",
            ":10: type: must be one of prevent, detect, mitigate, process, got 'watch'",
        ),
        ("Watch demand", "", ":10: action: must say what is to be done, got nothing"),
        (
            "[timeline.jsonl#1](b/timeline.jsonl#L1)",
            "seen",
            ":5: must have a link to evidence, got 'seen' for 'slow-responses is ALARM'",
        ),
        (
            "| Time (UTC) |",
            "| When |",
            ": must have a timeline (a table of Time (UTC), What happened, Evidence), got none",
        ),
        (
            "| Type |",
            "| Kind |",
            ": must have action items (a table of Type, Action, Owner, Due, Status), got none",
        ),
    ],
)
def test_what_is_left_is_named_with_its_line(done, old, new, says):
    done.write_text(DONE.replace(old, new))

    result = check(done, *TODAY)

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f"{done}{says}"
    assert "1 reviews, 1 problems; " in result.stderr


def test_overdue_items_of_all_reviews_are_listed_the_oldest_first(done):
    other = done.with_name("2026-01-20.md")
    other.write_text(DONE.replace("2026-03-01", "2026-02-10").replace("Grace", "Alan"))
    done.write_text(DONE.replace("2026-03-01", "2026-02-19"))

    result = check(done.parent, *TODAY)

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"overdue since 2026-02-10: Watch demand (Alan; {other}:10)",
        f"overdue since 2026-02-19: Watch demand (Grace; {done}:10)",
    ]
    assert result.stderr == (
        "error: 2 reviews, 0 problems; 4 action items, 2 not done, 2 overdue\n"
    )


def test_an_item_is_not_overdue_on_its_day(done):
    done.write_text(DONE.replace("2026-03-01", "2026-02-20"))

    assert check(done, *TODAY).exit_code == 0


def test_a_draft_is_refused_until_every_field_is_filled_in(tmp_path):
    text = review(bundle("zone-lost", traffic=False))
    path = tmp_path / "draft.md"
    path.write_text(text)

    checked = check_review(path)

    assert len(checked.problems) == text.count("[OPEN:") > 20
    assert {each.kind for each in checked.items} == {"prevent", "detect", "mitigate", "process"}


def test_a_draft_with_every_field_filled_in_is_done(tmp_path):
    text = re.sub(r"\[OPEN: date\]", "2026-06-01", review(bundle("zone-lost", traffic=False)))
    path = tmp_path / "draft.md"
    path.write_text(re.sub(r"\[OPEN: [^\]]*\]", "Ada", text))

    assert check(path, *TODAY).exit_code == 0


@pytest.mark.parametrize("name", ["none.md", "empty"])
def test_what_holds_no_review_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()

    result = check(tmp_path / name)

    assert result.exit_code == 2
    assert result.output.startswith(f"error: {tmp_path / name}: must ")


def test_without_a_path_the_reviews_of_the_repository_are_checked(done, monkeypatch):
    monkeypatch.chdir(done.parent)
    Path("docs/incidents").mkdir(parents=True)
    Path("docs/incidents/2026-01-15.md").write_text(DONE)

    assert check(*TODAY).output.startswith("1 reviews, 0 problems")
