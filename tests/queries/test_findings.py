"""Each finding by hand-made counts: the fault, and what comes near it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from surgeproof.queries import findings
from surgeproof.queries.growth import Growth
from tests.queries.support import TAKEN, foreign_key, index, seen, statistics, table

CHILD = "SELECT name FROM products WHERE id = $1"
PARENT = "SELECT id, product_id FROM orders WHERE created > $1"
TABLES = (table(1, "orders", "id", "product_id", "created"), table(2, "products", "id", "name"))
KEYS = (foreign_key(1, ["product_id"], 2),)


def repeated(parent=PARENT, child=CHILD, *, parent_counts=(), child_counts=(), keys=KEYS):
    made = [
        seen(1, parent, **{"calls": 50, "rows": 1000, **dict(parent_counts)}),
        seen(2, child, **{"calls": 1000, **dict(child_counts)}),
    ]
    return list(findings.repeated(made, statistics(tables=TABLES, foreign_keys=keys)))


def test_one_call_for_each_row_of_another_is_an_n_plus_one_pattern():
    (found,) = repeated()

    assert (found.kind, found.place, found.statements) == ("n-plus-one", "products (id)", (2, 1))


def test_rows_that_refer_to_another_are_looked_up_by_its_key_too():
    (found,) = repeated(
        "SELECT id FROM products WHERE name > $1", "SELECT id FROM orders WHERE product_id = $1"
    )

    assert found.place == "orders (product_id)"


@pytest.mark.parametrize(
    "change",
    [
        {"keys": ()},
        {"parent": "SELECT id, created FROM orders WHERE created > $1"},
        {"parent": "UPDATE orders SET created = $1 WHERE id = $2"},
        {"child": "SELECT name FROM products WHERE id > $1"},
        {"child": "SELECT name FROM products WHERE name = $1"},
        {"child": "SELECT p.name FROM products p, orders o WHERE p.id = $1"},
        {"child_counts": {"calls": 99}.items(), "parent_counts": {"calls": 5, "rows": 99}.items()},
        {"child_counts": {"calls": 1300}.items()},
        {"child_counts": {"calls": 700}.items()},
        {"parent_counts": {"calls": 250}.items()},
        {"parent_counts": {"rows": 0}.items()},
    ],
    ids=[
        "no-key",
        "other-columns",
        "no-select",
        "range",
        "no-key-column",
        "join",
        "rare",
        "more-calls",
        "fewer-calls",
        "few-for-each",
        "no-rows",
    ],
)
def test_what_only_looks_like_it_is_none(change):
    assert repeated(**change) == []


def needless(*indexes, days=7.0, **more):
    made = statistics(tables=TABLES, indexes=indexes, **more)
    return [(each.kind, each.place) for each in findings.needless_indexes(made, days)]


def test_an_index_without_a_use_is_found():
    assert needless(index("a", "id", uses=0)) == [("unused-index", "a")]


@pytest.mark.parametrize(
    "change",
    [
        {"uses": 1},
        {"is_needed": True},
        {"bytes": 2**20 - 1},
        {"table_id": 9},
    ],
    ids=["used", "needed", "small", "of-nothing"],
)
def test_an_index_that_may_be_wanted_is_none(change):
    assert needless(index("a", "id", **{"uses": 0, **change})) == []


def test_counts_of_a_short_time_condemn_no_index():
    short = {"tables_since": TAKEN - timedelta(days=6)}

    assert needless(index("a", "id", uses=0), **short) == []


def test_an_index_that_another_begins_with_is_a_duplicate_and_the_other_stays():
    found = needless(index("a", "id"), index("b", "id", "created", uses=0))

    assert found == [("duplicate-index", "a")]


def test_of_two_equal_indexes_one_goes():
    assert needless(index("a", "id"), index("b", "id")) == [("duplicate-index", "b")]
    assert needless(index("a", "id"), index("b", "id", is_needed=True)) == [
        ("duplicate-index", "a")
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"key": "2 1"}),
        ({}, {"is_valid": True, "is_partial": True}),
        ({"is_partial": True}, {}),
        ({"is_needed": True}, {}),
        ({}, {"method": "brin"}),
        ({"method": "gin"}, {"method": "gin"}),
        ({"key": "1 2"}, {}),
        ({}, {"table_id": 2}),
    ],
    ids=["order", "partial", "partial-itself", "needed", "method", "gin", "include", "table"],
)
def test_an_index_that_no_other_replaces_is_no_duplicate(one, other):
    assert needless(index("a", "id", **one), index("b", "id", "created", **other)) == []


def test_an_index_that_is_not_valid_is_told_whatever_its_size():
    assert needless(index("a", "id", bytes=0, is_valid=False)) == [("invalid-index", "a")]


def keys(*indexes, rows=1_000_000.0):
    tables = (replace(TABLES[0], rows=rows), TABLES[1])
    made = statistics(tables=tables, indexes=indexes, foreign_keys=KEYS)
    return [each.place for each in findings.foreign_keys(made, 100_000, ())]


def test_a_foreign_key_of_a_large_table_wants_an_index():
    assert keys() == ["orders (product_id)"]
    assert keys(index("a", "created", "product_id")) == ["orders (product_id)"]
    assert keys(index("a", "product_id", is_partial=True)) == ["orders (product_id)"]
    assert keys(index("a", "product_id", "created")) == []
    assert keys(rows=99_999.0) == []


def reads(**counts):
    made = statistics(tables=(replace(TABLES[0], **counts),))
    return [each.evidence for each in findings.whole_reads(made, 100_000, set(), 10.0)]


def test_a_table_that_is_often_read_whole_is_told_without_a_plan():
    assert reads(whole_reads=100, rows_read_whole=100_000_000) == [
        (("100 sequential scans in 10.0 hours of 1,000,000 rows each (pg_stat_all_tables)"),)
    ]
    assert reads(whole_reads=99, rows_read_whole=99_000_000) == []
    assert reads(whole_reads=100, rows_read_whole=49_000_000) == []


def spilled(temp_blocks):
    made = [seen(1, "SELECT id FROM orders ORDER BY created", calls=10, temp_blocks=temp_blocks)]
    return [each.advice[0] for each in findings.spills(made, statistics(), 1000.0)]


def test_a_megabyte_of_temporary_files_for_each_call_is_told():
    assert spilled(1279) == []
    assert spilled(1280) == [
        (
            "SET work_mem = '8MB' for this statement alone: each sort of each connection may take "
            "so much memory."
        )
    ]


def test_a_transaction_in_which_nothing_happens_is_told_after_a_minute():
    def idle(seconds):
        use = replace(
            statistics().connections,
            total=1,
            idle_in_transaction=1,
            idle_in_transaction_seconds=seconds,
        )
        return [each.kind for each in findings.lock_waits(statistics(connections=use))]

    assert idle(59.9) == []
    assert idle(60.0) == ["idle-in-transaction"]


def test_four_fifths_of_the_connections_are_many():
    use = replace(statistics().connections, limit=100)

    assert list(findings.connections(replace(use, total=79), None)) == []
    assert [each.kind for each in findings.connections(replace(use, total=80), None)] == [
        "connections"
    ]


def slower(before, after, time=100.0):
    grown = Growth(
        id=1,
        calls_per_hour=(10.0, 10.0),
        milliseconds_per_hour=(10.0, time),
        mean_milliseconds=(before, after),
    )
    return [each.evidence for each in findings.slower([grown], [seen(1, CHILD)], 1000.0)]


def test_twice_the_time_of_a_call_is_told():
    assert slower(5.0, 10.0) == [
        (
            f"5 ms before, 10 ms since: {CHILD}",
            "10 calls an hour before, 10 since",
        )
    ]
    assert slower(5.0, 9.9) == []
    assert slower(5.0, 10.0, time=49.0) == []
    assert slower(0.0, 10.0) == []
