"""What a statement does, by its tree: what is planned in its place, and what may be shown of it."""

import pytest

from surgeproof.queries.statements import CHARACTERS_MAX, Compared, Table, Use, parse


@pytest.mark.parametrize(
    ("text", "select", "parameters"),
    [
        ("select * from t where a = $1", "SELECT * FROM t WHERE a = $1", 1),
        ("SELECT a FROM t WHERE b = $2 FOR UPDATE", "SELECT a FROM t WHERE b = $1", 1),
        (
            "UPDATE t SET a = $1 FROM u WHERE t.id = u.id AND u.k = $2",
            "SELECT 1 FROM t, u WHERE t.id = u.id AND u.k = $1",
            1,
        ),
        (
            "DELETE FROM t USING u WHERE t.id = u.id AND u.k IN ($1, $2)",
            "SELECT 1 FROM t, u WHERE t.id = u.id AND u.k IN ($1, $2)",
            2,
        ),
        ("INSERT INTO t SELECT a FROM u WHERE b = $3", "SELECT a FROM u WHERE b = $1", 1),
        (
            "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a",
            "SELECT 1 FROM s LEFT JOIN t ON t.id = s.id",
            0,
        ),
        (
            "SELECT a FROM t WHERE b > now() - interval $1",
            "SELECT a FROM t WHERE b > now() - CAST($1 AS interval)",
            1,
        ),
        (
            "SELECT extract($1 FROM b) FROM t",
            "SELECT pg_catalog.extract($1, b) FROM t",
            1,
        ),
        ("SELECT a FROM t WHERE b = $1 -- ; DROP TABLE t", "SELECT a FROM t WHERE b = $1", 1),
    ],
)
def test_what_is_planned_is_a_select_of_the_same_rows(text, select, parameters):
    parsed = parse(text)

    assert (parsed.select, parsed.parameters, parsed.reason) == (select, parameters, "")


@pytest.mark.parametrize(
    ("text", "shown", "reason"),
    [
        ("SELECT 1; DROP TABLE t", "(SELECT ...)", "it is 2 statements, and not one"),
        ("SELECT 1; SET TRANSACTION READ WRITE", "(SELECT ...)", "it is 2 statements, and not one"),
        ("SET TRANSACTION READ WRITE", "(VariableSet)", "it is no query"),
        ("COMMIT", "(Transaction)", "it is no query"),
        ("COPY t TO PROGRAM 'sh'", "(Copy)", "it is no query"),
        ("ALTER ROLE r PASSWORD 'secret'", "(AlterRole)", "it is no query"),
        ("CALL p()", "(Call)", "it is no query"),
        ("EXPLAIN ANALYZE DELETE FROM t", "(Explain)", "it is no query"),
        ("DO 'BEGIN END'", "(Do)", "it is no query"),
        (
            "WITH d AS (DELETE FROM t RETURNING a) SELECT a FROM d",
            "WITH d AS (DELETE FROM t RETURNING a) SELECT a FROM d",
            "a WITH of it writes",
        ),
        ("SELECT a INTO u FROM t", "SELECT a INTO u FROM t", "it makes a table"),
        ("SELECT nextval('s')", "SELECT nextval($1)", "it reads no table"),
        ("INSERT INTO t VALUES ($1)", "INSERT INTO t VALUES ($1)", "it reads no table"),
        ("SELEC 'secret'", "(SELEC ...)", "it cannot be parsed"),
        ("", "(? ...)", "it is 0 statements, and not one"),
        (
            f"SELECT {'1 + ' * CHARACTERS_MAX} 1 FROM t",
            "(SELECT ...)",
            "it has more than 20,000 characters",
        ),
    ],
)
def test_what_is_no_single_query_is_not_planned(text, shown, reason):
    parsed = parse(text)

    assert (parsed.shown, parsed.select, parsed.reason) == (shown, "", reason)


@pytest.mark.parametrize("text", [f"SELECT {'- ' * 9000}a FROM t", f"SELECT {'a+' * 9000}a FROM t"])
def test_a_deeply_nested_statement_is_refused(text):
    parsed = parse(text)

    assert (parsed.shown, parsed.select) == ("(SELECT ...)", "")
    assert parsed.reason in {"it is nested too deeply", "it cannot be parsed"}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE note = 'secret' AND b = 7",
        "UPDATE t SET note = 'secret' WHERE a = 7",
        "INSERT INTO t VALUES ('secret', 7)",
    ],
)
def test_constants_are_not_shown(text):
    shown = parse(text).shown

    assert "secret" not in shown
    assert "7" not in shown


def test_control_characters_are_not_shown():
    assert "\x1b" not in parse('SELECT "\x1b[2J" FROM t').shown


def test_a_long_statement_is_cut():
    shown = parse(f"SELECT {', '.join(['a'] * 400)} FROM t").shown

    assert len(shown) == 400
    assert shown.endswith("a, a, ...")


def test_tables_are_those_of_the_database():
    parsed = parse("WITH x AS (SELECT 1) SELECT * FROM x JOIN s.orders AS o ON true, y WHERE true")

    assert parsed.tables == (Table("s", "orders", "o"), Table("", "y", "y"))


@pytest.mark.parametrize(
    ("where", "compared"),
    [
        ("a = $1", [Compared("", "a", Use.EQUAL)]),
        ("$1 = t.a", [Compared("t", "a", Use.EQUAL)]),
        ("a IN ($1, $2)", [Compared("", "a", Use.EQUAL)]),
        ("a = ANY($1)", [Compared("", "a", Use.EQUAL)]),
        ("a >= $1 AND a < $2", [Compared("", "a", Use.RANGE)]),
        ("a BETWEEN $1 AND $2", [Compared("", "a", Use.RANGE)]),
        ("lower(t.a) = $1", [Compared("t", "lower(a)", Use.EQUAL, is_column=False)]),
        (
            "t.a = u.b",
            [
                Compared("t", "a", Use.EQUAL, to_value=False),
                Compared("u", "b", Use.EQUAL, to_value=False),
            ],
        ),
        ("a = $1 OR b = $2", []),
        ("NOT a = $1", []),
        ("a LIKE $1", []),
        ("a <> $1", []),
        ("a NOT IN ($1)", []),
        ("a NOT BETWEEN $1 AND $2", []),
        ("a + $1 = $2", []),
        ("coalesce(a, $1) = $2", []),
        ("a::date = $1", []),
    ],
)
def test_what_decides_which_rows_are_read(where, compared):
    assert list(parse(f"SELECT 1 FROM t, u WHERE {where}").compared) == compared


def test_orders_and_join_conditions_are_seen():
    parsed = parse("SELECT 1 FROM t JOIN u ON t.a = u.a ORDER BY t.b DESC LIMIT 5")

    assert [each.expression for each in parsed.compared] == ["b", "a", "a"]
    assert parsed.compared[0].use is Use.ORDER
    assert parsed.has_limit


def test_what_monitoring_asks_is_no_statement_of_the_application():
    assert parse("SELECT * FROM pg_stat_activity").reads_catalogue
    assert parse("SELECT * FROM pg_catalog.pg_class c JOIN pg_locks l ON true").reads_catalogue
    assert not parse("SELECT * FROM orders, pg_class").reads_catalogue
    assert not parse("SELECT 1").reads_catalogue
