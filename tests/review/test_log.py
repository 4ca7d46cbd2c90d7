"""The log of drills, lessons, load tests and reviews: what is written, read and refused."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from surgeproof.review import log
from surgeproof.review.log import Kind, Record
from surgeproof.settings.errors import DocumentError

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
DRILL = Record(
    at=AT,
    kind=Kind.DRILL,
    subject="surge-critical",
    stack="prod",
    role="on-call",
    passed=True,
    delay_seconds=42.5,
    note="arrived at the queue",
)
LINE = (
    '{"schema": 1, "at": "2026-11-27T09:30:00+00:00", "kind": "drill", "subject": '
    '"surge-critical", "stack": "prod", "role": "on-call", "passed": true, "delaySeconds": 42.5, '
    '"note": "arrived at the queue"}'
)


def test_a_record_is_one_line_with_the_documented_members(tmp_path):
    path = log.append(tmp_path, DRILL)

    assert path == tmp_path / "reviews" / "log.jsonl"
    assert path.read_text() == f"{LINE}\n"
    assert log.read(tmp_path) == (DRILL,)


def test_records_come_the_oldest_first_whatever_their_order_and_zone(tmp_path):
    berlin = timezone(timedelta(hours=1))
    later = Record(
        at=datetime(2026, 11, 27, 10, 31, tzinfo=berlin), kind=Kind.LESSON, score_percent=80
    )
    log.append(tmp_path, later)
    log.append(tmp_path, DRILL)

    first, second = log.read(tmp_path)

    assert first == DRILL
    assert second == replace(later, at=datetime(2026, 11, 27, 9, 31, tzinfo=UTC))


def test_without_a_file_there_are_no_records(tmp_path):
    assert log.read(tmp_path) == ()


def test_a_record_that_a_merge_has_doubled_counts_once(tmp_path):
    path = log.append(tmp_path, DRILL)
    path.write_text(f"{LINE}\n\n{LINE}\n")

    assert log.read(tmp_path) == (DRILL,)


def test_a_last_line_without_its_end_is_no_obstacle(tmp_path):
    path = log.append(tmp_path, DRILL)
    path.write_text(LINE)

    log.append(tmp_path, replace(DRILL, note=""))

    assert path.read_text().splitlines() == [
        LINE,
        LINE.replace(', "note": "arrived at the queue"', ""),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (LINE.replace('"schema": 1', '"schema": 2'), "must have `schema` 1, got 2"),
        (LINE.replace('"drill"', '"dril"'), f"must be one of {', '.join(Kind)} in `kind`, got "),
        (LINE.replace("+00:00", ""), "must be a moment with a time zone, such as "),
        (LINE.replace('"at": "2026-11-27T09:30:00+00:00", ', ""), "must have `at`, got none"),
        (LINE.replace("stack", "stak"), "must have no members but schema, at, kind, "),
        (LINE.replace("42.5", "true"), "must be a number or null in `delaySeconds`, got true"),
        (LINE.replace("42.5", "-1"), "must have a `delaySeconds` of at least 0, got -1"),
        (LINE.replace("true", '"yes"'), "must be true, false or null in `passed`, got 'yes'"),
        (LINE[:-1], "must be"),
        ("[]", "must be a mapping, got a list of 0"),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_added(tmp_path, line, said):
    path = log.append(tmp_path, DRILL)
    path.write_text(f"{LINE}\n{line}\n")

    with pytest.raises(DocumentError) as refused:
        log.append(tmp_path, DRILL)

    assert f"{path}:2" in str(refused.value)
    assert said in str(refused.value)
    assert path.read_text() == f"{LINE}\n{line}\n"


def test_all_that_is_wrong_with_a_record_comes_in_one_error():
    with pytest.raises(DocumentError) as refused:
        Record(
            at=datetime(2026, 1, 1),  # noqa: DTZ001 - it is what is refused
            kind=Kind.LESSON,
            score_percent=101,
            role="a\nb",
        )

    assert refused.value.problems == (
        "record: must have a time zone in `at`, got '2026-01-01T00:00:00'",
        "record: must have at most 1000 printable characters on one line in `role`, got 'a\\nb'",
        "record: must have a `scorePercent` from 0 to 100, got 101",
    )


def test_of_many_that_append_at_once_none_is_lost(tmp_path):
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from surgeproof.review import log
for number in range(10):
    log.append(Path(sys.argv[1]), log.Record(
        at=datetime(2026, 1, 1, tzinfo=UTC), kind=log.Kind.DRILL,
        subject=f"{sys.argv[2]}-{number}"))
"""
    working = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(number)])
        for number in range(3)
    ]

    assert [each.wait(60) for each in working] == [0, 0, 0]
    assert len(log.read(tmp_path)) == 30
    assert [each.name for each in (tmp_path / "reviews").iterdir()] == ["log.jsonl"]
