"""What a plan says: tables that are read whole, how many rows of them are wanted, sorts."""

from surgeproof.queries.plans import read_plan

SCAN = {
    "Node Type": "Seq Scan",
    "Schema": "public",
    "Relation Name": "orders",
    "Alias": "o",
    "Plan Rows": 40,
    "Total Cost": 900.0,
    "Filter": "(o.a = $1)",
}


def test_a_scan_has_its_rows_and_its_condition():
    plan = read_plan({"Node Type": "Limit", "Total Cost": 90.0, "Plans": [SCAN]})

    (scan,) = plan.scans
    assert plan.cost == 90.0
    assert (scan.schema, scan.table, scan.alias, scan.index) == ("public", "orders", "o", "")
    assert (scan.rows, scan.cost, scan.condition) == (40.0, 900.0, "(o.a = $1)")
    assert scan.joined_rows is None


def test_rows_of_a_parallel_scan_are_those_of_all_processes():
    """A leader with two workers does 0.4 of a worker's share (get_parallel_divisor)."""
    part = {**SCAN, "Parallel Aware": True}
    gather = {"Node Type": "Gather", "Workers Planned": 2, "Plans": [part]}

    assert read_plan(gather).scans[0].rows == 96.0
    assert read_plan({**gather, "Plans": [SCAN]}).scans[0].rows == 40.0
    assert read_plan({**gather, "Workers Planned": 4}).scans[0].rows == 160.0


def test_what_a_join_leaves_is_what_is_wanted_of_a_scan_below_it():
    join = {
        "Node Type": "Hash Join",
        "Plan Rows": 7,
        "Plans": [SCAN, {"Node Type": "Hash", "Plans": [SCAN]}],
    }

    assert [each.joined_rows for each in read_plan(join).scans] == [7.0, 7.0]
    summed = {**join, "Plans": [{"Node Type": "Aggregate", "Plans": [SCAN]}]}
    assert [each.joined_rows for each in read_plan(summed).scans] == [None]


def test_an_index_that_is_read_whole_for_its_order_is_a_scan():
    ordered = {**SCAN, "Node Type": "Index Scan", "Index Name": "by_created"}

    assert [each.index for each in read_plan(ordered).scans] == ["by_created"]
    assert read_plan({**ordered, "Index Cond": "(b > $2)"}).scans == ()
    assert read_plan({each: ordered[each] for each in ordered if each != "Filter"}).scans == ()
    assert read_plan(ordered).indexes == frozenset({"by_created"})


def test_what_holds_rows_in_memory_is_named_with_its_key():
    hashed = {"Node Type": "Aggregate", "Strategy": "Hashed", "Group Key": ["c"], "Plans": [SCAN]}
    plan = read_plan({"Node Type": "Sort", "Sort Key": ["a DESC", "b"], "Plans": [hashed]})

    assert plan.sorts == ("Sort by a DESC, b", "HashAggregate by c")
