"""What a server might have counted, made by hand."""

from datetime import UTC, datetime, timedelta

from surgeproof.queries.indexes import Seen
from surgeproof.queries.statements import parse
from surgeproof.queries.statistics import (
    Connections,
    ForeignKey,
    Index,
    Statement,
    Statistics,
    TableCounts,
    Untrusted,
)

TAKEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def statement(number, text="SELECT 1", *, calls=100, milliseconds=1000.0, rows=0, temp_blocks=0):
    return Statement(
        id=number,
        text=text,
        calls=calls,
        milliseconds=milliseconds,
        rows=rows,
        temp_blocks=temp_blocks,
    )


def seen(number, text, **counts):
    return Seen(counts=statement(number, text, **counts), parsed=parse(text))


def table(number, name, *columns, rows=1_000_000.0, **more):
    counts = {"bytes": 64 * 2**20, "whole_reads": 0, "rows_read_whole": 0, "schema": "public"}
    return TableCounts(id=number, name=name, rows=rows, columns=columns, **{**counts, **more})


def index(name, *columns, key=None, **more):
    order = "/".join([key or " ".join(map(str, range(1, len(columns) + 1)))] * 4)
    made = {
        "table_id": 1,
        "bytes": 16 * 2**20,
        "uses": 5,
        "key": order,
        "method": "btree",
        "is_unique": False,
        "is_needed": False,
        "is_partial": False,
        "is_valid": True,
        "definition": f"CREATE INDEX {name}",
    }
    return Index(name=name, columns=columns, **{**made, **more})


def foreign_key(table_id, columns, target_id, target_columns=("id",)):
    return ForeignKey(
        name=f"{table_id}_to_{target_id}",
        table_id=table_id,
        columns=tuple(columns),
        target_id=target_id,
        target_columns=tuple(target_columns),
    )


def statistics(**change):
    idle = Connections(
        total=0, active=0, idle=0, idle_in_transaction=0, idle_in_transaction_seconds=0.0, limit=97
    )
    made = {
        "version": "18.6",
        "database": "shop",
        "role": "reviewer",
        "taken": TAKEN,
        "since": TAKEN - timedelta(hours=10),
        "tables_since": TAKEN - timedelta(days=30),
        "statements": (),
        "hidden": 0,
        "tables": (),
        "indexes": (),
        "foreign_keys": (),
        "waiting": (),
        "deadlocks": 0,
        "connections": idle,
        "settings": {"work_mem": "4096", "block_size": "8192"},
        "untrusted": Untrusted(),
        "hypopg_schema": "",
        "hypopg_available": False,
    }
    return Statistics(**{**made, **change})
