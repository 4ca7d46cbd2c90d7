"""A review cannot write, whatever it finds: on a server, by what the server has logged too."""

import re
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest

from benchmarks.postgres import running
from surgeproof.queries.connection import NAME, QueriesError, RefusedError, session, where
from surgeproof.queries.review import review
from surgeproof.queries.statistics import Statement, read_statistics

SCHEMA = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE t AS SELECT n AS id, n % 10 AS a FROM generate_series(1, 1000) n;
CREATE SEQUENCE s;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS
    'BEGIN INSERT INTO t VALUES (0, 0); RETURN 1; END';
CREATE PROCEDURE commits() LANGUAGE plpgsql AS
    'BEGIN COMMIT; INSERT INTO t VALUES (0, 0); END';
CREATE FUNCTION copies() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN EXECUTE 'COPY (SELECT 1) TO ''{file}'''; RETURN 1; END$$;
CREATE FUNCTION planned(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    'BEGIN RETURN copies(); END';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE VIEW of_function AS SELECT id FROM t WHERE a = planned(1);
CREATE VIEW of_view AS SELECT id FROM of_function;
ANALYZE;
"""


def written(server):
    """A file that a function of the database makes."""
    return server.socket / "written"


@pytest.fixture(scope="module")
def server():
    with running(log_statement="all", log_line_prefix="%a|%d|") as made:
        with made.connect() as control:
            control.execute(SCHEMA.replace("{file}", str(written(made))))
        yield made


@pytest.fixture
def opened(server):
    with session(where(server.conninfo())) as made:
        yield made


def state(server):
    """All that a statement could have changed."""
    with server.connect() as control:
        tables = "SELECT relname, relfilenode FROM pg_class ORDER BY oid"
        return (
            control.execute("SELECT count(*), sum(id), sum(a) FROM t").fetchone(),
            control.execute("SELECT last_value, is_called FROM s").fetchone(),
            control.execute(tables).fetchall(),
            control.execute("SELECT count(*) FROM pg_roles").fetchone(),
            written(server).exists(),
        )


NO = "cannot execute {} in a read-only transaction"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("INSERT INTO t VALUES (1, 1)", NO.format("INSERT")),
        ("UPDATE t SET a = 0", NO.format("UPDATE")),
        ("DELETE FROM t", NO.format("DELETE")),
        ("WITH d AS (DELETE FROM t RETURNING id) SELECT id FROM d", NO.format("SELECT")),
        ("SELECT id FROM t FOR UPDATE", NO.format("SELECT FOR UPDATE")),
        ("SELECT nextval('s')", NO.format("nextval()")),
        ("SELECT setval('s', 7)", NO.format("setval()")),
        ("SELECT writes()", NO.format("INSERT")),
        ("SELECT lo_create(0)", NO.format("lo_create()")),
        ("CREATE TABLE u (a int)", NO.format("CREATE TABLE")),
        ("SELECT id INTO u FROM t", NO.format("SELECT INTO")),
        ("TRUNCATE t", NO.format("TRUNCATE TABLE")),
        ("COPY t FROM '/etc/passwd'", NO.format("COPY FROM")),
        ("ALTER ROLE postgres SUPERUSER", NO.format("ALTER ROLE")),
        ("VACUUM t", "VACUUM cannot run inside a transaction block"),
        ("CALL commits()", "invalid transaction termination"),
        (
            "SET TRANSACTION READ WRITE",
            "transaction read-write mode must be set before any query",
        ),
        (
            "SELECT set_config('transaction_read_only', 'off', true)",
            "transaction read-write mode must be set before any query",
        ),
        (
            "SELECT 1; INSERT INTO t VALUES (1, 1)",
            "cannot insert multiple commands into a prepared statement",
        ),
        (
            "COMMIT; INSERT INTO t VALUES (1, 1)",
            "cannot insert multiple commands into a prepared statement",
        ),
    ],
)
def test_the_connection_refuses_to_write(server, opened, text, refusal):
    before = state(server)

    with pytest.raises(RefusedError, match=f"^{re.escape(refusal)}$"):
        opened.rows(text)

    assert state(server) == before


def test_the_next_transaction_is_read_only_again_whatever_the_last_one_set(server, opened):
    before = state(server)

    for text in ("COMMIT", "SET default_transaction_read_only = off", "SET statement_timeout = 0"):
        with suppress(RefusedError):  # psycopg's, since they give no rows
            opened.rows(text)
        with pytest.raises(RefusedError, match=r"^cannot execute INSERT in a read-only"):
            opened.rows("INSERT INTO t VALUES (1, 1)")

    assert state(server) == before


def test_an_option_of_the_environment_does_not_weaken_it(server, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=off -c statement_timeout=0")

    with session(where(server.conninfo()), timeout_seconds=3) as opened:
        settings = {
            each["name"]: each["setting"]
            for each in opened.rows("SELECT name, setting FROM pg_settings")
        }

    assert settings["default_transaction_read_only"] == "on"
    assert settings["transaction_read_only"] == "on"
    assert settings["statement_timeout"] == "3000"
    assert settings["lock_timeout"] == "1000"
    assert settings["idle_in_transaction_session_timeout"] == "10000"
    assert settings["application_name"] == NAME


def test_a_statement_that_takes_too_long_is_ended(server):
    with session(where(server.conninfo()), timeout_seconds=0.2) as opened:
        with pytest.raises(RefusedError, match=r"^canceling statement due to statement timeout$"):
            opened.rows("SELECT pg_sleep(30)")
        assert opened.rows("SELECT 1 AS one") == [{"one": 1}]


def test_a_lock_that_others_hold_is_not_waited_for(server, opened):
    with server.connect() as other, other.transaction():
        other.execute("LOCK TABLE t")
        with pytest.raises(RefusedError, match=r"^canceling statement due to lock timeout$"):
            opened.plan("SELECT * FROM t", 0)


def test_a_connection_that_is_ended_is_named(server, opened):
    (row,) = opened.rows("SELECT pg_backend_pid() AS process")
    with server.connect() as control:
        control.execute("SELECT pg_terminate_backend(%s, 5000)", (row["process"],))

    with pytest.raises(QueriesError, match=r"^the database has ended the connection: terminating"):
        opened.rows("SELECT 1")


HOSTILE = [
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "COMMIT",
    "BEGIN READ WRITE",
    "SELECT id FROM t WHERE a = 1; INSERT INTO t VALUES (1, 1)",
    "COMMIT; INSERT INTO t VALUES (1, 1)",
    "SELECT id FROM t) TO STDOUT; DROP TABLE t; --",
    "SELECT id FROM t; -- ';\nDROP TABLE t",
    "SELECT id FROM t /* */; /* */ DROP TABLE t",
    "EXPLAIN ANALYZE DELETE FROM t",
    "EXECUTE surgeproof_plan",
    "PREPARE surgeproof_plan AS DELETE FROM t",
    "COPY t TO PROGRAM 'touch {file}'",
    "COPY (SELECT planned(1)) TO STDOUT",
    "INSERT INTO t VALUES (1, 1)",
    "UPDATE t SET a = nextval('s')",
    "DELETE FROM t",
    "TRUNCATE t",
    "WITH d AS (DELETE FROM t RETURNING id) SELECT id FROM d",
    "SELECT id FROM t, LATERAL (SELECT writes()) w",
    "SELECT nextval('s') FROM t",
    "SELECT set_config('transaction_read_only', 'off', false) FROM t",
    "SELECT id FROM t WHERE a = planned(1)",
    "SELECT id FROM t WHERE a === 1",
    "SELECT id FROM of_function",
    "SELECT id FROM public.of_view",
    "UPDATE t SET a = 1 WHERE a = planned(1)",
    "CALL commits()",
    "DO 'BEGIN INSERT INTO t VALUES (1, 1); END'",
    "SELECT lo_import('/etc/passwd') FROM t",
    "SELECT id INTO u FROM t",
    "LISTEN x",
    "NOTIFY x",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity, t",
]
"""Texts as pg_stat_statements might hold them."""

SENT = (
    r"BEGIN TRANSACTION READ ONLY",
    r"ROLLBACK",
    r"DEALLOCATE ALL",
    r"SHOW default_transaction_read_only",
    r"\s*(SELECT|WITH RECURSIVE own AS)\b.*\bFROM (pg_catalog|public\.pg_stat_statements)\b.*",
    r"SELECT stats_reset, dealloc FROM public\.pg_stat_statements_info",
    r"PREPARE surgeproof_plan AS (SELECT|WITH)\b.*",
    r"EXPLAIN \(FORMAT JSON, VERBOSE\) EXECUTE surgeproof_plan(\((NULL(, )?)+\))?",
)
"""All that a review sends."""


def test_hostile_statements_are_neither_run_nor_sent(server):
    before = state(server)
    begun = server.log.stat().st_size
    texts = [each.replace("{file}", str(written(server))) for each in HOSTILE]

    with session(where(server.conninfo())) as opened:
        found = review(
            opened,
            with_statements(read_statistics(opened, watch_seconds=0), texts),
            large_rows=100,
            top=100,
        )

    assert state(server) == before
    sent = logged(server, begun)
    assert len(sent) > 30
    assert [
        each for each in sent if not any(re.fullmatch(one, each, re.DOTALL) for one in SENT)
    ] == []
    prepared = {each for each in sent if each.startswith("PREPARE")}
    assert prepared == {
        f"PREPARE surgeproof_plan AS {each}"
        for each in (
            # Volatile functions are not run by planning; of a change, rows are all that is read.
            "SELECT 1 FROM t",
            "SELECT id FROM t, LATERAL (SELECT writes()) AS w",
            "SELECT lo_import('/etc/passwd') FROM t",
            "SELECT nextval('s') FROM t",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity, t",
            "SELECT set_config('transaction_read_only', 'off', FALSE) FROM t",
        )
    }
    own = "which is not PostgreSQL's own"
    assert {
        f"2 statements without a plan: planning it could run planned(), {own}",
        f"1 statement without a plan: planning it could run operator ===, {own}",
        (
            "1 statement without a plan: planning it could run a function that of_function is "
            f"defined by, {own}"
        ),
        (
            f"1 statement without a plan: planning it could run a function that of_view is "
            f"defined by, {own}"
        ),
        "4 statements without a plan: it is 2 statements, and not one",
        "1 statement without a plan: it cannot be parsed",
        "1 statement without a plan: a WITH of it writes",
        "1 statement without a plan: it makes a table",
    } == set(found.not_decided)


def test_planning_would_run_a_function_that_says_it_is_immutable(server, opened):
    opened.plan("SELECT id FROM t WHERE a = planned(1)", 0)

    assert written(server).exists()
    written(server).unlink()


def test_a_statement_that_changes_rows_is_planned_without_the_right_to(server):
    with server.connect() as control:
        control.execute("CREATE ROLE reviewer LOGIN IN ROLE pg_monitor")
        control.execute("GRANT SELECT ON t TO reviewer")

    with session(where(server.conninfo(user="reviewer"))) as opened:
        statistics = read_statistics(opened, watch_seconds=0)
        found = review(opened, with_statements(statistics, ["UPDATE t SET a = $1 WHERE id = $2"]))

    assert (found.planned, found.not_decided) == (1, ())


def with_statements(statistics, texts):
    return replace(
        statistics,
        statements=tuple(
            Statement(id=number, text=text, calls=100, milliseconds=1000.0, rows=0, temp_blocks=0)
            for number, text in enumerate(texts)
        ),
    )


def logged(server, begun):
    """The statements of reviews that the server has logged after so many bytes."""
    text = server.log.read_bytes()[begun:].decode()
    lines = re.split(
        r"^(?=[^|\n]*\|[^|\n]*\|(?:LOG|ERROR|DETAIL|STATEMENT|FATAL|HINT):)",
        text,
        flags=re.MULTILINE,
    )
    own = [line for line in lines if line.startswith(f"{NAME}|")]
    found = [
        re.match(r"[^|]*\|[^|]*\|LOG:  (?:statement|execute [^:]*): (.*)\n", each, re.DOTALL)
        for each in own
    ]
    return [each[1].replace("\n\t", "\n") for each in found if each]


def test_a_password_in_an_argument_is_refused_and_not_repeated():
    from surgeproof.queries.connection import WhereError  # noqa: PLC0415

    for text in (
        "postgresql://u:hidden@h/d",
        "host=h password=hidden",
        "postgresql:///?password=hidden",
    ):
        with pytest.raises(WhereError) as error:
            where(text)
        assert str(error.value) == (
            "must hold no password, which every user of this machine could read in the list of "
            "processes; PGPASSWORD or ~/.pgpass holds it"
        )
    with pytest.raises(WhereError, match=r"^must be a URL \(postgresql://user@host/database\) or"):
        where("hidden")
    assert psycopg.conninfo.make_conninfo(**where("service=shop")) == "service=shop"
