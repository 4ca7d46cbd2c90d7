"""Where the server has hypopg, an index is tried without being made: on Debian's PostgreSQL 15."""

from pathlib import Path

import pytest

from benchmarks.postgres import DEBIAN, running
from benchmarks.shop import FAULTY, OF_CUSTOMER, make
from surgeproof.queries.connection import RefusedError, session, where
from surgeproof.queries.plans import read_plan
from surgeproof.queries.review import review
from surgeproof.queries.statistics import read_statistics

HYPOPG = Path("/usr/share/postgresql/15/extension/hypopg.control")

pytestmark = pytest.mark.skipif(
    not HYPOPG.is_file(), reason="Debian's postgresql-15-hypopg is not installed"
)


@pytest.fixture(scope="module")
def server():
    with running(DEBIAN) as made:
        make(made, orders=200_000)
        with made.connect(FAULTY) as shop:
            shop.execute("CREATE SCHEMA tools")
            shop.execute("CREATE EXTENSION hypopg SCHEMA tools")
            shop.prepare_threshold = None
            for number in range(10):
                shop.execute(OF_CUSTOMER, (number + 1,)).fetchall()
                shop.execute("SELECT id FROM orders WHERE total >= %s", (number,)).fetchall()
        yield made


def test_the_gain_of_an_index_is_what_the_planner_says(server):
    with session(where(server.conninfo(FAULTY))) as opened:
        found = review(opened, read_statistics(opened, watch_seconds=0))

    (finding,) = [each for each in found.findings if each.kind == "missing-index"]
    assert finding.place == "orders (customer_id, created)"
    assert finding.saved_by == "hypopg"
    assert finding.evidence[2].endswith(" with it, says hypopg")
    assert finding.saved_milliseconds > 0.9 * finding.milliseconds
    assert found.effect.saved_by == ("hypopg",)
    assert not [each for each in found.notes if "hypopg" in each]


def test_nothing_is_left_of_an_index_that_was_tried(server):
    select = "SELECT id FROM orders WHERE customer_id = $1"
    index = "CREATE INDEX ON public.orders (customer_id)"
    with session(where(server.conninfo(FAULTY))) as opened:
        with_it = read_plan(opened.plan(select, 1, indexes=[index], hypopg_schema="tools"))
        without = read_plan(opened.plan(select, 1))
        (row,) = opened.rows("SELECT count(*) AS left FROM tools.hypopg()")

    assert with_it.cost < without.cost / 10
    assert [each.endswith("btree_orders_customer_id") for each in with_it.indexes] == [True]
    assert without.indexes == frozenset()
    assert row == {"left": 0}
    with server.connect(FAULTY) as shop:
        made = shop.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '%<%'").fetchone()
    assert made == (0,)


def test_a_condition_that_a_third_of_the_rows_meet_wants_no_index(server):
    with session(where(server.conninfo(FAULTY))) as opened:
        found = review(opened, read_statistics(opened, watch_seconds=0))

    assert [each for each in found.findings if "total" in each.place] == []


def test_an_index_that_cannot_be_is_refused(server):
    with (
        session(where(server.conninfo(FAULTY))) as opened,
        pytest.raises(RefusedError, match=r"^hypopg: access method .hash. does not support"),
    ):
        opened.plan(
            "SELECT id FROM orders",
            0,
            indexes=["CREATE INDEX ON orders USING hash (id, total)"],
            hypopg_schema="tools",
        )


def test_the_generic_plan_is_the_one_of_the_newer_option(server):
    """PostgreSQL 15 has no GENERIC_PLAN, and plans for any value all the same."""
    with session(where(server.conninfo(FAULTY))) as opened:
        plan = opened.plan("SELECT id FROM orders WHERE id = $1 AND total > $2", 2)

    assert plan["Index Cond"] == "(orders.id = $1)"
    assert plan["Filter"] == "(orders.total > $2)"
