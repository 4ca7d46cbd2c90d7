"""Growth against the counts that an earlier review has kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from surgeproof.queries import growth
from surgeproof.settings.errors import DocumentError
from tests.queries.support import statement, statistics

RULE = "must be counts that `surgeproof queries --save` has written (format 1)"
BEGUN = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(hours, *statements, since=BEGUN, **more):
    taken = BEGUN + timedelta(hours=hours)
    return statistics(taken=taken, since=since, statements=statements, **more)


def kept(tmp_path, counts):
    growth.save(tmp_path / "counts.json", counts)
    return growth.read(tmp_path / "counts.json")


def test_rates_before_and_since_are_compared(tmp_path):
    earlier = kept(tmp_path, at(10, statement(1, calls=100, milliseconds=1000.0)))

    found, why = growth.growth(earlier, at(12, statement(1, calls=160, milliseconds=2200.0)))

    assert why == ""
    assert found == [
        growth.Growth(
            id=1,
            calls_per_hour=(10.0, 30.0),
            milliseconds_per_hour=(100.0, 600.0),
            mean_milliseconds=(10.0, 20.0),
        )
    ]
    assert (found[0].increase, found[0].slower) == (500.0, 2.0)


def test_counts_that_began_anew_are_those_since(tmp_path):
    earlier = kept(tmp_path, at(10, statement(1, calls=100, milliseconds=1000.0)))
    anew = BEGUN + timedelta(hours=11)

    found, _ = growth.growth(earlier, at(12, statement(1, calls=40, milliseconds=80.0), since=anew))

    assert found[0].calls_per_hour == (10.0, 40.0)
    assert found[0].mean_milliseconds == (10.0, 2.0)


def test_a_new_statement_has_grown_from_nothing_and_is_not_slower(tmp_path):
    earlier = kept(tmp_path, at(10, statement(1)))

    found, _ = growth.growth(earlier, at(12, statement(1), statement(2, milliseconds=50.0)))

    assert [(each.id, each.milliseconds_per_hour, each.slower) for each in found] == [
        (2, (0.0, 25.0), 1.0),
        (1, (100.0, 0.0), 0.0),
    ]


def test_a_statement_of_clients_and_functions_is_one(tmp_path):
    both = at(10, statement(1), replace(statement(1), top_level=False))

    assert kept(tmp_path, both).statements == {
        1: growth.Counts(calls=200, milliseconds=2000.0, rows=0)
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"database": "other"}, "it is of database shop, and this is other"),
        (
            {"version": "19.1"},
            "it is of PostgreSQL 18.6, and this is 19.1: statements have other numbers",
        ),
    ],
)
def test_counts_of_something_else_are_not_compared(tmp_path, change, why):
    earlier = kept(tmp_path, at(10, statement(1)))

    assert growth.growth(earlier, at(12, statement(1), **change)) == ([], why)


def test_a_server_that_does_not_say_since_when_it_counts_is_named(tmp_path):
    earlier = kept(tmp_path, at(10, statement(1), since=None))

    assert growth.growth(earlier, at(12, statement(1), since=None)) == (
        [],
        "the server does not say when its counts began (PostgreSQL 14 does)",
    )


def test_no_rate_is_made_of_a_moment(tmp_path):
    earlier = kept(tmp_path, at(10, statement(1)))

    assert growth.growth(earlier, at(10.0001, statement(1))) == (
        [],
        "the time between is too short to make rates of",
    )


def test_a_file_keeps_no_text(tmp_path):
    growth.save(tmp_path / "counts.json", at(10, statement(1, text="SELECT secret")))

    assert "secret" not in (tmp_path / "counts.json").read_text()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "{}",
            [f"{RULE}, got nothing"],
        ),
        (
            "[]",
            [f"{RULE}, got a list of 0"],
        ),
        (
            '{"format": 1, "taken": "now", "since": 5, "statements": {"1": [1], "a": [1, 2, 3]}}',
            [
                "taken: must be a time with its zone, such as 2026-01-15T08:45:00+00:00, got 'now'",
                "since: must be a time with its zone, such as 2026-01-15T08:45:00+00:00, got 5",
                (
                    "statements.1: must be three numbers (calls, milliseconds, rows) by the number "
                    "of a statement, got a list of 1"
                ),
                (
                    "statements.a: must be three numbers (calls, milliseconds, rows) by the number "
                    "of a statement, got a list of 3"
                ),
            ],
        ),
    ],
)
def test_all_that_is_wrong_with_a_file_is_told(tmp_path, text, problems):
    file = tmp_path / "counts.json"
    file.write_text(text)

    with pytest.raises(DocumentError) as error:
        growth.read(file)

    assert list(error.value.problems) == [f"{file}: {each}" for each in problems]
