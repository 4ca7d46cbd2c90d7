"""The review as text and as JSON."""

import json
from dataclasses import replace

from surgeproof.queries import forms
from surgeproof.queries.review import review
from tests.queries.support import statement, statistics, table

HOSTILE = 'SELECT "[bold red]x[/]\x1b[2J" FROM t'


def made(**change):
    return review(None, statistics(**change), top=5)


def test_what_others_wrote_does_not_act():
    found = made(statements=(statement(1, HOSTILE, calls=5),))

    text = forms.to_text(found, width=120)

    assert "\x1b" not in text
    assert r'SELECT "[bold red]x[/]\u001b[2J" FROM t' in text


def test_a_line_to_be_copied_is_not_broken():
    found = made(hidden=2, problems=("x " * 100,))

    assert f" - {'x ' * 100}\n" in forms.to_text(found, width=60)


def test_json_has_all_of_it():
    told = json.loads(forms.to_json(made(problems=("no right",))))

    assert told["clean"] is False
    assert told["not_decided"] == ["no right"]
    assert told["taken"] == "2026-03-01T12:00:00+00:00"
    assert (told["findings"], told["by_time"]) == ([], [])


def test_the_last_line_is_the_result():
    assert forms.to_text(made()).endswith("Review: clean.\n")
    assert forms.to_text(made(problems=("no right",))).endswith(
        "Review: uncertain, no finding, but not all could be read.\n"
    )


def test_tables_that_nobody_has_counted_are_not_decided():
    found = made(tables=(table(1, "orders", "id", rows=-1.0),))

    assert found.not_decided == ("nothing has ever counted the rows of orders: ANALYZE;",)


def test_time_that_a_function_s_statement_takes_is_counted_once():
    top = statement(1, "SELECT f() FROM t", milliseconds=100.0, calls=5)
    inside = replace(statement(2, "SELECT a FROM t", milliseconds=90.0, calls=5), top_level=False)

    assert made(statements=(top, inside)).total_milliseconds == 100.0
