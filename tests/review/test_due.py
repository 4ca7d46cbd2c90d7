"""What has to be done regularly, and what of it is overdue."""

import json
from datetime import date, timedelta

import pytest

from surgeproof.review.due import LESSONS, SCHEDULE, due_of, read_schedule
from surgeproof.review.log import Kind, Record
from surgeproof.settings.errors import DocumentError
from tests.review.kept import NOW


def done(kind, days_ago, **more):
    return Record(at=NOW - timedelta(days=days_ago), kind=kind, **more)


def due(records, kind, subject="", stack="prod", **more):
    found = due_of(records, stack=stack, now=NOW, **more)
    (one,) = [each for each in found if (each.kind, each.subject) == (kind, subject)]
    return one


def test_what_was_never_done_is_overdue_and_every_lesson_is_due_for_itself():
    found = due_of([], stack="prod", now=NOW)

    assert len(found) == len(SCHEDULE) - 1 + len(LESSONS)
    assert all(each.overdue for each in found)
    assert str(due([], Kind.DRILL)) == "drill: every 30 days, never done"
    assert due([], Kind.LESSON, "3").name == "lesson 3"


@pytest.mark.parametrize(("days", "overdue"), [(29, False), (30, False), (31, True)])
def test_it_is_overdue_from_the_day_after_it_is_due(days, overdue):
    found = due([done(Kind.DRILL, days)], Kind.DRILL)

    assert found.overdue is overdue
    assert found.due == date(2026, 11, 27) + timedelta(days=30 - days)


def test_the_last_one_counts():
    found = due([done(Kind.DRILL, 200), done(Kind.DRILL, 3), done(Kind.REVIEW, 1)], Kind.DRILL)

    assert str(found) == "drill: every 30 days, last on 2026-11-24, due on 2026-12-24"


def test_what_was_tried_and_not_passed_is_not_done_and_is_said():
    records = [done(Kind.DRILL, 40, passed=True), done(Kind.DRILL, 2, passed=False)]

    found = due(records, Kind.DRILL)

    assert found.overdue
    assert str(found) == (
        "drill: every 30 days, last on 2026-10-18, tried without passing on 2026-11-25, due on "
        "2026-11-17"
    )


def test_a_drill_of_another_stack_does_not_count_but_a_lesson_does():
    other = [done(Kind.DRILL, 1, stack="dev"), done(Kind.LESSON, 1, stack="dev", subject="1")]

    assert due(other, Kind.DRILL).overdue
    assert not due(other, Kind.LESSON, "1").overdue
    assert due(other, Kind.LESSON, "2").overdue
    assert not due([done(Kind.DRILL, 1)], Kind.DRILL).overdue  # of no stack: of all


def schedule(root, document):
    (root / "reviews").mkdir(exist_ok=True)
    (root / "reviews" / "schedule.json").write_text(json.dumps(document))


def test_a_project_has_its_own_schedule(tmp_path):
    assert read_schedule(tmp_path) == SCHEDULE
    schedule(tmp_path, {"schema": 1, "everyDays": {"drill": 7, "query-review": 0}})

    own = read_schedule(tmp_path)

    assert own[Kind.DRILL] == 7
    assert Kind.QUERY_REVIEW not in own
    assert own[Kind.REVIEW] == SCHEDULE[Kind.REVIEW]
    assert due([done(Kind.DRILL, 8)], Kind.DRILL, schedule=own).overdue


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "must be a mapping of schema and everyDays, got a list of 0"),
        ({"schema": 2, "everyDays": {}}, "must have `schema` 1, got 2"),
        ({"schema": 1, "everyDays": {"dril": 7}}, "must name only review, drill, exercise, "),
        (
            {"schema": 1, "everyDays": {"drill": -1}},
            "must have a whole number from 0 to 3650 (days) in `everyDays.drill`, got -1",
        ),
    ],
)
def test_a_schedule_that_is_none_is_refused(tmp_path, document, said):
    schedule(tmp_path, document)

    with pytest.raises(DocumentError) as refused:
        read_schedule(tmp_path)

    assert said in str(refused.value)
    assert "schedule.json" in str(refused.value)
