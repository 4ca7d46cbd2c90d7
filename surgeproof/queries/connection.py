"""The connection of a review, which cannot write.

Every transaction is read-only, by the connection's default and by its own first word, and takes a
snapshot before anything else, after which PostgreSQL refuses `SET TRANSACTION READ WRITE`
(https://www.postgresql.org/docs/current/sql-set-transaction.html). It ends with ROLLBACK. Each
statement goes by the extended protocol, which carries one statement only
(https://www.postgresql.org/docs/current/protocol-flow.html), and ends after a time.

A plan is made without running its statement: PREPARE, and EXPLAIN EXECUTE of it, never with
ANALYZE. With `plan_cache_mode` at `force_generic_plan` (PostgreSQL 12) it is the plan that holds
for every value of its parameters, as EXPLAIN's own GENERIC_PLAN (PostgreSQL 16) shows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString

import psycopg
from psycopg import conninfo
from psycopg.rows import dict_row

from surgeproof.escaping import visible
from surgeproof.queries.errors import QueriesError
from surgeproof.settings.errors import shown

NAME: Final = "surgeproof queries"
"""What the server calls the connection (`pg_stat_activity.application_name`)."""

CONNECT_SECONDS: Final = 10
"""How long the server may take to answer (seconds)."""

LOCK_MILLISECONDS: Final = 1000
"""How long a statement of ours waits for a lock (milliseconds)."""

IDLE_MILLISECONDS: Final = 10_000
"""How long a transaction of ours may do nothing before the server ends it (milliseconds)."""

BEGIN: Final = "BEGIN TRANSACTION READ ONLY"
"""Begins each transaction of ours."""

OLDEST: Final = 130_000
"""Oldest version that is read, as `server_version_num`: PostgreSQL 13."""

_SECRETS: Final = ("password", "sslpassword", "oauth_client_secret")


class WhereError(ValueError):
    """What says where the database is cannot be used; the message completes `--database:`."""


def where(text: str) -> dict[str, Any]:
    """Return the parameters of a connection that a URL or `name=value` pairs state.

    Whatever is not stated comes from libpq: PG* variables, a service, `.pgpass`.

    Raises:
        WhereError: It is neither, or holds a password, which `ps` would show.

    """
    try:
        stated = conninfo.conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise WhereError(
            "must be a URL (postgresql://user@host/database) or name=value pairs (service=NAME), "
            "got neither"
        ) from None
    for name in _SECRETS:
        if name in stated:
            raise WhereError(
                f"must hold no {name}, which every user of this machine could read in the list of "
                "processes; PGPASSWORD or ~/.pgpass holds it"
            )
    return dict(stated)


class NotReachedError(QueriesError):
    """No connection could be made."""


class RefusedError(Exception):
    """The server refused one statement; the review goes on without it."""

    def __init__(self, reason: str, *, lacks_privilege: bool = False) -> None:
        """Take what the server says, on one line, and whether it is about a privilege."""
        super().__init__(reason)
        self.lacks_privilege = lacks_privilege


class Session:
    """A connection that only reads."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        """Take a connection that `session` has opened."""
        self._connection = connection

    @property
    def version(self) -> int:
        """The server's version, as 150020 is that of 15.20."""
        version: int = self._connection.info.server_version
        return version

    @property
    def database(self) -> str:
        """Name of the database."""
        name: str = self._connection.info.dbname
        return name

    @property
    def user(self) -> str:
        """Name of the role."""
        name: str = self._connection.info.user
        return name

    def rows(
        self, text: LiteralString, values: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return what a statement of ours reads.

        Raises:
            RefusedError: The server does not let this role read it, or it took too long.
            QueriesError: The connection is gone.

        """
        with self._transaction() as connection:
            found: list[dict[str, Any]] = connection.execute(text, values, binary=True).fetchall()
            return found

    def plan(
        self,
        select: str,
        parameters: int,
        *,
        indexes: Sequence[str] = (),
        hypopg_schema: str = "public",
    ) -> Mapping[str, Any]:
        """Return the plan of a SELECT that `statements` has made, for any values.

        Args:
            select: The statement.
            parameters: How many parameters it has.
            indexes: `CREATE INDEX` statements that hypopg pretends have been carried out.
            hypopg_schema: Where hypopg's functions are, quoted.

        Raises:
            RefusedError: The server cannot plan it for this role.
            QueriesError: The connection is gone.

        """
        nothing = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        with self._transaction() as connection:
            for each in indexes:
                call = f"SELECT {hypopg_schema}.hypopg_create_index(%s)"
                connection.execute(call.encode(), (each,), binary=True)
            try:
                # Bytes: it is no literal of ours, but what was printed from a checked tree.
                connection.execute(f"PREPARE surgeproof_plan AS {select}".encode(), binary=True)
                found = connection.execute(
                    f"EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE surgeproof_plan{nothing}".encode(),
                    binary=True,
                ).fetchone()
            finally:
                with suppress(psycopg.Error):
                    connection.rollback()
                    connection.execute("DEALLOCATE ALL", binary=True)
                    if indexes:
                        connection.execute(
                            f"SELECT {hypopg_schema}.hypopg_reset()".encode(), binary=True
                        )
                    connection.rollback()
        plan: Mapping[str, Any] = found["QUERY PLAN"][0]["Plan"] if found else {}
        return plan

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        connection = self._connection
        try:
            connection.execute(BEGIN, binary=True)
            # The snapshot: see above. A statement on the catalogue counts as none of anybody's.
            connection.execute("SELECT FROM pg_catalog.pg_class LIMIT 0", binary=True)
            yield connection
        except (psycopg.errors.AdminShutdown, psycopg.errors.IdleInTransactionSessionTimeout) as e:
            raise QueriesError(f"the database has ended the connection: {_said(e)}") from e
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise QueriesError(f"the connection is lost: {_said(error)}") from error
            lacks = isinstance(error, psycopg.errors.InsufficientPrivilege)
            raise RefusedError(_said(error), lacks_privilege=lacks) from error
        finally:
            with suppress(psycopg.Error):
                connection.rollback()


@contextmanager
def session(stated: Mapping[str, Any], *, timeout_seconds: float = 10.0) -> Iterator[Session]:
    """Connect, for as long as the block lasts.

    Args:
        stated: Parameters of the connection, which libpq completes.
        timeout_seconds: How long one statement of the review may take (seconds).

    Raises:
        QueriesError: Nobody answers, or the server refuses the role or is too old.

    """
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{max(round(timeout_seconds * 1000), 1)}",
        "lock_timeout": str(LOCK_MILLISECONDS),
        "idle_in_transaction_session_timeout": str(IDLE_MILLISECONDS),
        "plan_cache_mode": "force_generic_plan",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    own = " ".join(each for each in (str(stated.get("options") or ""), options) if each)
    given = {"connect_timeout": CONNECT_SECONDS, **stated}
    given |= {"options": own, "application_name": NAME}
    try:
        opened = psycopg.connect(
            **given, autocommit=True, prepare_threshold=None, row_factory=dict_row
        )
    except psycopg.Error as error:
        raise NotReachedError(f"the database cannot be reached: {_said(error)}") from error
    with opened as connection:
        # What the environment says (PGOPTIONS) or a pooler drops must not weaken it.
        held = connection.execute("SHOW default_transaction_read_only", binary=True).fetchone()
        if not held or held["default_transaction_read_only"] != "on":
            raise QueriesError(
                "the database: must accept default_transaction_read_only=on, which a pooler in "
                "between may drop; connect to the server itself"
            )
        if connection.info.server_version < OLDEST:
            got = shown(connection.info.server_version // 10_000)
            raise QueriesError(f"the database: must be PostgreSQL 13 or newer, got {got}")
        yield Session(connection)


def _said(error: psycopg.Error) -> str:
    """Return what the server says first; its other lines may repeat the statement."""
    primary = error.diag.message_primary or str(error).partition("\n")[0]
    return visible(primary.strip()) or type(error).__name__
