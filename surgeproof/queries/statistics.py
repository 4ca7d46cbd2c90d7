"""What the server itself has counted: statements, tables, indexes, connections, locks.

Statements are those of the connected database. The columns of pg_stat_statements are those of
PostgreSQL 13 to 18 (https://www.postgresql.org/docs/current/pgstatstatements.html).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString

from surgeproof.queries.connection import RefusedError, Session
from surgeproof.queries.statements import CHARACTERS_MAX

HIDDEN: Final = "<insufficient privilege>"
"""What stands in place of other roles' statements (PostgreSQL's documentation, above)."""

LOOK_SECONDS: Final = 0.5
"""Time between two looks at who waits for whom (seconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement's counts, over all roles."""

    id: int
    text: str
    calls: int
    milliseconds: float
    """Time that all its executions took."""
    rows: int
    temp_blocks: int
    """Blocks that it wrote to temporary files."""
    top_level: bool = True
    """Whether clients sent it; else a function did, in whose time its own is counted too."""

    @property
    def mean_milliseconds(self) -> float:
        """Time of one execution."""
        return self.milliseconds / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCounts:
    """A table's size and use."""

    id: int
    schema: str
    name: str
    rows: float
    """Estimated; -1 where nothing ever counted them."""
    bytes: int
    whole_reads: int
    """Times that it was read from its first row to its last."""
    rows_read_whole: int
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index's definition and use."""

    name: str
    table_id: int
    bytes: int
    uses: int
    columns: tuple[str, ...]
    """Columns in their order; an expression is empty."""
    key: str
    """Columns, operator classes, collations and directions, by which two can be compared."""
    method: str
    is_unique: bool
    is_needed: bool
    """Whether it is there for more than speed: uniqueness, a constraint, replication."""
    is_partial: bool
    is_valid: bool
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns of a table that refer to another."""

    name: str
    table_id: int
    columns: tuple[str, ...]
    target_id: int
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A session that waits for a lock that another one holds."""

    process: int
    seconds: float
    statement: str
    by_process: int
    by_state: str
    by_seconds: float
    """Age of the transaction that holds the lock."""
    by_statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Client connections of the whole server."""

    total: int
    active: int
    idle: int
    idle_in_transaction: int
    idle_in_transaction_seconds: float
    """The longest of those (seconds)."""
    limit: int
    """Connections that roles without special rights can have: max_connections without reserves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untrusted:
    """What planning a statement could run of what is not PostgreSQL's or an extension's own."""

    functions: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    tables: frozenset[tuple[str, str]] = frozenset()
    """(schema, name) of tables and views whose rules, defaults or indexes call such functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All that was read."""

    version: str
    database: str
    role: str
    taken: datetime
    since: datetime | None
    """When the counts of statements began; None before PostgreSQL 14."""
    tables_since: datetime
    """When the counts of tables and indexes began, or the server where that is not known."""
    statements: tuple[Statement, ...] | None
    """None where they cannot be read; `problems` says why."""
    hidden: int
    """Statements of other roles, which this one may not read."""
    tables: tuple[TableCounts, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]
    waiting: tuple[Waiting, ...]
    deadlocks: int
    connections: Connections
    settings: dict[str, str]
    untrusted: Untrusted
    hypopg_schema: str
    """Schema of hypopg, quoted; empty where it is not installed."""
    hypopg_available: bool
    problems: tuple[str, ...] = field(default=())
    """What could not be read, with what would let it be read."""

    @property
    def hours(self) -> float | None:
        """How long statements have been counted (hours)."""
        return None if self.since is None else (self.taken - self.since).total_seconds() / 3600

    @property
    def block_bytes(self) -> int:
        """Size of a block."""
        return int(self.settings.get("block_size", "8192"))


def read_statistics(
    session: Session, *, watch_seconds: float = 2.0, say: Callable[[str], None] = lambda _: None
) -> Statistics:
    """Read what a review needs.

    Args:
        session: The connection.
        watch_seconds: How long to watch who waits for locks (seconds).
        say: Takes what is being read, in words.

    Raises:
        QueriesError: The connection is lost.
        RefusedError: The catalogue itself cannot be read in time.

    """
    problems: list[str] = []
    say("settings")
    settings = {each["name"]: each["setting"] for each in session.rows(_SETTINGS)}
    (facts,) = session.rows(_FACTS)
    extensions = {each["name"]: each["schema"] for each in session.rows(_EXTENSIONS)}
    say("pg_stat_statements")
    statements, since = _statements(session, extensions, settings, problems)
    kept = None if statements is None else tuple(s for s in statements if s.text != HIDDEN)
    hidden = len(statements or ()) - len(kept or ())
    if hidden:
        problems.append(
            f"{hidden} statements of other roles are hidden from {session.user}: "
            f"GRANT pg_read_all_stats TO {_name(session.user)};"
        )
    say("tables and indexes")
    tables = tuple(TableCounts(**_tuples(each, "columns")) for each in session.rows(_TABLES))
    indexes = tuple(Index(**_tuples(each, "columns")) for each in session.rows(_INDEXES))
    keys = tuple(
        ForeignKey(**_tuples(each, "columns", "target_columns"))
        for each in session.rows(_FOREIGN_KEYS)
    )
    untrusted = _untrusted(session)
    say("locks and connections")
    waiting = _waiting(session, watch_seconds, problems)
    connections = _connections(session, settings)
    return Statistics(
        version=settings["server_version"].partition(" ")[0],
        database=session.database,
        role=session.user,
        taken=facts["now"],
        since=since,
        tables_since=facts["counted_since"] or facts["started"],
        statements=kept,
        hidden=hidden,
        tables=tables,
        indexes=indexes,
        foreign_keys=keys,
        waiting=waiting,
        deadlocks=facts["deadlocks"],
        connections=connections,
        settings=settings,
        untrusted=untrusted,
        hypopg_schema=extensions.get("hypopg", ""),
        hypopg_available=facts["hypopg_available"],
        problems=tuple(problems),
    )


def _statements(
    session: Session,
    extensions: dict[str, str],
    settings: dict[str, str],
    problems: list[str],
) -> tuple[tuple[Statement, ...] | None, datetime | None]:
    schema = extensions.get("pg_stat_statements")
    if schema is None:
        problems.append(
            "pg_stat_statements is not installed in this database, so no statement is known: "
            "CREATE EXTENSION pg_stat_statements; (shared_preload_libraries must hold it, which "
            "takes a restart)"
        )
        return None, None
    has_info = session.version >= 140_000
    values = {"characters": CHARACTERS_MAX + 1}
    try:
        # The schema is PostgreSQL's own quoting of a name from the catalogue.
        text = _STATEMENTS.replace("{schema}", schema)
        text = text.replace("{top}", "toplevel" if has_info else "true")
        found = session.rows(text, values)
        since = None
        if has_info:
            info = _INFO.replace("{schema}", schema)
            (row,) = session.rows(info)
            since = row["stats_reset"]
            if row["dealloc"]:
                most = settings.get("pg_stat_statements.max", "?")
                problems.append(
                    f"pg_stat_statements has dropped its rarest statements {row['dealloc']} times, "
                    f"so their counts are too low: raise pg_stat_statements.max ({most})"
                )
    except RefusedError as error:
        problems.append(f"pg_stat_statements cannot be read: {error}")
        return None, None
    return tuple(Statement(**each) for each in found), since


def _waiting(session: Session, watch_seconds: float, problems: list[str]) -> tuple[Waiting, ...]:
    """Look several times, since most waits are short; keep the longest of each process."""
    text = _LOCKS.replace(
        "{since}", "l.waitstart" if session.version >= 140_000 else "w.query_start"
    )
    found: dict[tuple[int, int], Waiting] = {}
    end = time.monotonic() + watch_seconds
    while True:
        try:
            rows = session.rows(text)
        except RefusedError as error:
            problems.append(f"lock waits cannot be read: {error}")
            return ()
        for each in rows:
            one = Waiting(**each)
            found[one.process, one.by_process] = one
        left = end - time.monotonic()
        if left <= 0:
            return tuple(found.values())
        time.sleep(min(LOOK_SECONDS, left))


def _connections(session: Session, settings: dict[str, str]) -> Connections:
    (row,) = session.rows(_CONNECTIONS)
    reserved = sum(
        int(settings.get(name, "0"))
        for name in ("superuser_reserved_connections", "reserved_connections")
    )
    return Connections(limit=int(settings["max_connections"]) - reserved, **row)


def _untrusted(session: Session) -> Untrusted:
    return Untrusted(
        functions=frozenset(each["name"] for each in session.rows(_FUNCTIONS)),
        operators=frozenset(each["name"] for each in session.rows(_OPERATORS)),
        tables=frozenset((each["schema"], each["name"]) for each in session.rows(_TAINTED)),
    )


def _tuples(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return row | {name: tuple(each or "" for each in row[name] or ()) for name in names}


def _name(role: str) -> str:
    return role if role.isidentifier() and role.islower() else '"' + role.replace('"', '""') + '"'


def named(names: Sequence[str]) -> str:
    """Return names as SQL lists them."""
    return ", ".join(_name(each) for each in names)


_SETTINGS: Final = """
SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN (
    'block_size', 'cpu_index_tuple_cost', 'cpu_tuple_cost', 'max_connections',
    'pg_stat_statements.max', 'pg_stat_statements.track', 'random_page_cost',
    'reserved_connections', 'server_version', 'superuser_reserved_connections', 'work_mem')
"""

_FACTS: Final = """
SELECT pg_catalog.now() AS now, pg_catalog.pg_postmaster_start_time() AS started,
    d.stats_reset AS counted_since, d.deadlocks,
    EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'hypopg')
        AS hypopg_available
FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()
"""

_EXTENSIONS: Final = """
SELECT e.extname::text AS name, pg_catalog.quote_ident(n.nspname) AS schema
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
"""

_STATEMENTS: LiteralString = """
SELECT coalesce(s.queryid, 0) AS id,
    coalesce(pg_catalog.max(pg_catalog.left(s.query, %(characters)s)), '') AS text,
    pg_catalog.sum(s.calls)::bigint AS calls,
    pg_catalog.sum(s.total_exec_time) AS milliseconds,
    pg_catalog.sum(s.rows)::bigint AS rows,
    pg_catalog.sum(s.temp_blks_written)::bigint AS temp_blocks,
    s.{top} AS top_level
FROM {schema}.pg_stat_statements s
JOIN pg_catalog.pg_database d ON d.oid = s.dbid AND d.datname = pg_catalog.current_database()
GROUP BY s.queryid, s.{top}
""".replace("s.true", "true")

_INFO: LiteralString = "SELECT stats_reset, dealloc FROM {schema}.pg_stat_statements_info"

_TABLES: Final = """
SELECT c.oid::bigint AS id, n.nspname::text AS schema, c.relname::text AS name,
    c.reltuples::float8 AS rows, pg_catalog.pg_table_size(c.oid) AS bytes,
    coalesce(s.seq_scan, 0) AS whole_reads, coalesce(s.seq_tup_read, 0) AS rows_read_whole,
    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
        AS columns
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""

_INDEXES: Final = """
SELECT i.relname::text AS name, x.indrelid::bigint AS table_id,
    pg_catalog.pg_relation_size(i.oid) AS bytes, coalesce(s.idx_scan, 0) AS uses,
    ARRAY(SELECT a.attname::text
        FROM pg_catalog.unnest(x.indkey::smallint[]) WITH ORDINALITY k(n, at)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.n
        WHERE k.at <= x.indnkeyatts ORDER BY k.at) AS columns,
    pg_catalog.concat_ws('/', x.indkey::text, x.indclass::text, x.indcollation::text,
        x.indoption::text) AS key,
    m.amname::text AS method, x.indisunique AS is_unique,
    x.indisunique OR x.indisprimary OR x.indisexclusion OR x.indisreplident OR x.indisclustered
        OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = i.oid) AS is_needed,
    x.indpred IS NOT NULL OR x.indexprs IS NOT NULL AS is_partial, x.indisvalid AS is_valid,
    pg_catalog.pg_get_indexdef(i.oid) AS definition
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = i.relam
LEFT JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = i.oid
WHERE t.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""

_FOREIGN_KEYS: Final = """
SELECT c.conname::text AS name, c.conrelid::bigint AS table_id,
    ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY k(n, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n
        ORDER BY k.at) AS columns,
    c.confrelid::bigint AS target_id,
    ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY k(n, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n
        ORDER BY k.at) AS target_columns
FROM pg_catalog.pg_constraint c WHERE c.contype = 'f'
"""

_LOCKS: LiteralString = """
SELECT w.pid AS process, coalesce(extract(epoch FROM pg_catalog.clock_timestamp()
        - pg_catalog.min({since})), 0)::float8 AS seconds,
    coalesce(w.query, '') AS statement, b.pid AS by_process, coalesce(b.state, '') AS by_state,
    coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - b.xact_start), 0)::float8
        AS by_seconds,
    coalesce(b.query, '') AS by_statement
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_stat_activity w ON w.pid = l.pid
CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) h(pid)
JOIN pg_catalog.pg_stat_activity b ON b.pid = h.pid
WHERE NOT l.granted AND w.datname = pg_catalog.current_database()
GROUP BY w.pid, w.query, b.pid, b.state, b.xact_start, b.query
"""

_CONNECTIONS: Final = """
SELECT pg_catalog.count(*) AS total,
    pg_catalog.count(*) FILTER (WHERE state = 'active') AS active,
    pg_catalog.count(*) FILTER (WHERE state = 'idle') AS idle,
    pg_catalog.count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
    coalesce(extract(epoch FROM pg_catalog.max(pg_catalog.clock_timestamp() - state_change)
        FILTER (WHERE state LIKE 'idle in transaction%')), 0)::float8
        AS idle_in_transaction_seconds
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
"""

_OWN: Final = """
    NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.deptype = 'e' AND e.objid = p.oid
        AND e.classid = '{catalogue}'::regclass)
    AND p.oid >= 16384
"""
"""What is of this database and not of an extension; PostgreSQL's own ids end at 16383
(src/include/access/transam.h, FirstNormalObjectId)."""

_OWN_FUNCTIONS: Final = """ {own}
    AND (p.provolatile <> 'v'
        OR p.prolang = (SELECT oid FROM pg_catalog.pg_language WHERE lanname = 'sql'))
""".replace("{own}", _OWN.replace("{catalogue}", "pg_catalog.pg_proc"))
"""Only functions that are not volatile are run while a statement is planned, to fold constants and
to estimate; one in SQL may be put in place, and what it calls be run
(https://www.postgresql.org/docs/current/xfunc-volatility.html)."""

_FUNCTIONS: Final = """
SELECT DISTINCT p.proname::text AS name FROM pg_catalog.pg_proc p WHERE {functions}
""".replace("{functions}", _OWN_FUNCTIONS)

_OPERATORS: Final = """
SELECT DISTINCT p.oprname::text AS name FROM pg_catalog.pg_operator p WHERE {operators}
""".replace("{operators}", _OWN.replace("{catalogue}", "pg_catalog.pg_operator"))

_TAINTED: Final = """
WITH RECURSIVE own AS (
    SELECT p.oid, 'pg_catalog.pg_proc'::regclass::oid AS class FROM pg_catalog.pg_proc p
    WHERE {functions}
    UNION ALL
    SELECT p.oid, 'pg_catalog.pg_operator'::regclass::oid FROM pg_catalog.pg_operator p
    WHERE {operators}
), holders AS (
    SELECT r.oid, 'pg_catalog.pg_rewrite'::regclass::oid AS class, r.ev_class AS relation
    FROM pg_catalog.pg_rewrite r
    UNION ALL SELECT p.oid, 'pg_catalog.pg_policy'::regclass::oid, p.polrelid
    FROM pg_catalog.pg_policy p
    UNION ALL SELECT d.oid, 'pg_catalog.pg_attrdef'::regclass::oid, d.adrelid
    FROM pg_catalog.pg_attrdef d
    UNION ALL SELECT c.oid, 'pg_catalog.pg_constraint'::regclass::oid, c.conrelid
    FROM pg_catalog.pg_constraint c WHERE c.conrelid <> 0
    UNION ALL SELECT x.indexrelid, 'pg_catalog.pg_class'::regclass::oid, x.indrelid
    FROM pg_catalog.pg_index x
), tainted AS (
    SELECT h.relation FROM pg_catalog.pg_depend d
    JOIN own ON own.oid = d.refobjid AND own.class = d.refclassid
    JOIN holders h ON h.oid = d.objid AND h.class = d.classid
    UNION
    SELECT h.relation FROM tainted t
    JOIN pg_catalog.pg_depend d ON d.refobjid = t.relation
        AND d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.classid = 'pg_catalog.pg_rewrite'::regclass
    JOIN holders h ON h.oid = d.objid AND h.class = d.classid
)
SELECT DISTINCT n.nspname::text AS schema, c.relname::text AS name FROM tainted t
JOIN pg_catalog.pg_class c ON c.oid = t.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
""".replace("{functions}", _OWN_FUNCTIONS).replace(
    "{operators}", _OWN.replace("{catalogue}", "pg_catalog.pg_operator")
)
"""Relations whose rules, policies, defaults, constraints or indexes call functions of their own,
and views of those."""
