"""A shop with a million orders: each planted fault is found, and nothing in the sound one."""

import json
import re
import threading
import time
from contextlib import ExitStack

import pytest
from click.testing import CliRunner

from benchmarks.postgres import running
from benchmarks.shop import CLEAN, FAULTY, LOGIN, make, traffic
from surgeproof.commands.main import main
from surgeproof.queries.connection import session, where
from surgeproof.queries.findings import Budget
from surgeproof.queries.review import review
from surgeproof.queries.statistics import read_statistics

CONNECTIONS = 20
STATEMENT = "SELECT id, total FROM orders WHERE customer_id = $1 ORDER BY created DESC LIMIT $2"

EXPORT = (
    "SELECT id, reference, total FROM orders WHERE id > $1 ORDER BY total DESC, reference OFFSET $2"
)


@pytest.fixture(scope="module")
def server():
    with running(max_connections=CONNECTIONS) as made:
        make(made)
        for name in (CLEAN, FAULTY):
            with made.connect(name) as shop:
                traffic(shop, faulty=name == FAULTY)
        yield made


def give(server, name, *options, user="postgres"):
    words = ["queries", "--database", server.conninfo(name, user), "--watch-seconds", "0"]
    done = CliRunner().invoke(main, [*words, *options])
    return done.exit_code, done.output


def reviewed(server, name, **options):
    options = {"watch_seconds": 0.0, "unused_days": 0.0, **options}
    watch = options.pop("watch_seconds")
    with session(where(server.conninfo(name))) as opened:
        return review(opened, read_statistics(opened, watch_seconds=watch), **options)


def test_nothing_is_found_in_a_sound_database(server):
    code, printed = give(server, CLEAN, "--unused-days", "0")

    assert code == 0
    assert printed.splitlines()[-1] == "Review: clean."
    assert "Not decided" not in printed


def test_each_planted_fault_is_found_and_nothing_else(server):
    found = reviewed(server, FAULTY)

    assert sorted((each.kind, each.place) for each in found.findings) == [
        ("duplicate-index", "orders_created_idx"),
        ("missing-index", "orders (customer_id, created)"),
        ("n-plus-one", "products (id)"),
        ("sequential-scan", "orders"),
        ("spilling-sort", "orders"),
        ("unused-index", "orders_reference_idx"),
    ]
    assert found.not_decided == ()
    assert found.notes == (
        "No index was tried, since hypopg is not installed: the server does not have the extension",
    )


def of(found, kind):
    (one,) = [each for each in found.findings if each.kind == kind]
    return one


def test_each_finding_has_its_evidence_and_what_to_try(server):
    found = reviewed(server, FAULTY)

    missing = of(found, "missing-index")
    assert re.fullmatch(
        r"the plan reads up to all 1,000,000 rows of orders \(\d+ MiB\), in the order of "
        r"orders_created_idx, for 50: \(orders\.customer_id = \$1\)",
        missing.evidence[0],
    )
    assert re.fullmatch(
        rf"10 calls of [\d.]+ ms, \d+\.\d% of the time: {re.escape(STATEMENT)}", missing.evidence[1]
    )
    assert re.fullmatch(
        r"cost [\d,]+, 217 with it, reckoned \(hypopg is not there\)", missing.evidence[2]
    )
    assert missing.advice == ("CREATE INDEX CONCURRENTLY ON public.orders (customer_id, created);",)
    scan = of(found, "sequential-scan")
    assert scan.evidence[2] == "its condition is none that a plain index serves"
    repeated = of(found, "n-plus-one")
    assert repeated.evidence == (
        "1,000 calls: SELECT name, price FROM products WHERE id = $1",
        (
            "50 calls gave 1,000 rows: SELECT id, product_id FROM orders WHERE created >= $1 "
            "ORDER BY created LIMIT $2"
        ),
        "20.0 calls for each of the other's; foreign key orders_product_id_fkey joins the two",
    )
    spill = of(found, "spilling-sort")
    assert spill.evidence[:2] == (
        "2.9 MiB of temporary files for each call; work_mem is 4 MiB",
        "the plan holds rows in memory: Sort by orders.total DESC, orders.reference",
    )
    assert spill.advice[0] == (
        "SET work_mem = '16MB' for this statement alone: each sort of each connection may take so "
        "much memory."
    )
    twice = of(found, "duplicate-index")
    assert twice.advice == ("DROP INDEX CONCURRENTLY public.orders_created_idx;",)
    assert twice.problem == (
        "orders_created_id_idx does all that it does, and each write keeps up both."
    )
    unused = of(found, "unused-index")
    assert unused.evidence[1] == "0 scans in 0.0 days (pg_stat_all_indexes)"


def test_statements_are_ranked_by_time_and_by_calls(server):
    found = reviewed(server, FAULTY, top=3)

    assert next(each.statement for each in found.by_time) in {
        STATEMENT,
        EXPORT,
    }
    assert [each.calls for each in found.by_calls] == [1000, 300, 300]
    assert [each.milliseconds for each in found.by_time] == sorted(
        (each.milliseconds for each in found.by_time), reverse=True
    )
    assert sum(each.share for each in found.by_time) == pytest.approx(1, abs=0.1)


def test_what_is_saved_is_told_as_time_of_a_request(server):
    found = reviewed(server, FAULTY, requests_per_second=10)
    effect = found.effect
    missing = of(found, "missing-index")

    now, then = effect.request_milliseconds
    assert effect.saved_milliseconds == missing.saved_milliseconds > 0.9 * missing.milliseconds
    assert effect.saved_by == ("the planner's estimates",)
    assert now == pytest.approx(effect.total_milliseconds / effect.requests)
    assert then == pytest.approx(now * (1 - effect.saved_share))


def test_a_rare_statement_is_nobody_s_fault(server):
    with server.connect(CLEAN) as shop:
        for number in range(9):
            shop.execute("SELECT id FROM orders WHERE total = %s", (number,)).fetchall()

    assert reviewed(server, CLEAN).findings == ()

    with server.connect(CLEAN) as shop:
        shop.execute("SELECT id FROM orders WHERE total = %s", (9,)).fetchall()
    found = reviewed(server, CLEAN).findings
    with server.connect(CLEAN) as shop:
        shop.execute(
            "SELECT pg_stat_statements_reset(0, 0, queryid) FROM pg_stat_statements "
            "WHERE query LIKE '%total = $1'"
        )
    assert [(each.kind, each.place) for each in found] == [("missing-index", "orders (total)")]


def test_growth_is_told_against_an_earlier_review(server, tmp_path):
    file = tmp_path / "counts.json"
    code, _ = give(server, CLEAN, "--save", str(file))
    assert code == 0
    time.sleep(1)  # a rate needs some time
    with server.connect(CLEAN) as shop:
        shop.prepare_threshold = None
        for number in range(2000):
            shop.execute(LOGIN, (f"user{number}@example.com",)).fetchall()

    code, printed = give(server, CLEAN, "--since", str(file), "--json")

    grown = json.loads(printed)["by_growth"]
    assert code == 0
    assert grown[0]["statement"] == "SELECT id, city FROM customers WHERE lower(email) = lower($1)"
    before, after = grown[0]["calls_per_hour"]
    assert after > 2 * before > 0
    assert "customers" not in file.read_text()


def test_who_waits_for_a_lock_is_named(server):
    waits = threading.Event()

    def change():
        with server.connect(CLEAN) as other:
            waits.set()
            other.execute("UPDATE orders SET total = 8642 WHERE id = 1")

    thread = threading.Thread(target=change)
    with server.connect(CLEAN) as shop, shop.transaction():
        shop.execute("UPDATE orders SET total = 7531 WHERE id = 1")
        holder = shop.info.backend_pid
        thread.start()
        waits.wait()
        found = reviewed(server, CLEAN, watch_seconds=1.5).findings
    thread.join()

    (wait,) = found
    assert wait.kind == "lock-wait"
    assert wait.problem == f"It waits for a lock that process {holder} holds."
    assert re.fullmatch(
        r"for [\d.]+ s: UPDATE orders SET total = \$1 WHERE id = \$2", wait.evidence[0]
    )
    assert re.fullmatch(
        rf"process {holder} is idle in transaction, its transaction [\d.]+ s old; its last "
        r"statement: UPDATE orders SET total = \$1 WHERE id = \$2",
        wait.evidence[1],
    )
    assert wait.advice[1] == f"At once: SELECT pg_terminate_backend({holder});"


def test_few_connections_left_and_a_budget_above_them_are_told(server):
    with ExitStack() as stack:
        for _ in range(14):
            stack.enter_context(server.connect(CLEAN))
        found = reviewed(server, CLEAN, budget=Budget(needed=22, words="1.1 x 2 instances x 10"))

    assert [(each.kind, each.evidence) for each in found.findings] == [
        (
            "connections",
            ("14 of 17 connections are open: 0 active, 14 idle, 0 idle in a transaction",),
        ),
        (
            "connection-budget",
            (
                (
                    "1.1 x 2 instances x 10 = 22; the server accepts 17 (max_connections without "
                    "those reserved)"
                ),
            ),
        ),
    ]


def test_a_budget_that_fits_is_no_finding(server):
    assert reviewed(server, CLEAN, budget=Budget(needed=17, words="all")).findings == ()


def test_what_a_role_may_not_read_is_told_with_the_grant(server):
    with server.connect(FAULTY) as shop:
        shop.execute("CREATE ROLE narrow LOGIN")
        shop.execute("GRANT SELECT ON customers TO narrow")

    code, printed = give(server, FAULTY, "--json", "--unused-days", "0", user="narrow")

    told = json.loads(printed)
    assert code == 1  # the catalogue shows two needless indexes
    assert {each["kind"] for each in told["findings"]} == {
        "duplicate-index",
        "foreign-key-without-index",
        "unused-index",
    }
    (line,) = told["not_decided"]
    assert re.fullmatch(
        r"\d+ statements of other roles are hidden from narrow: "
        r"GRANT pg_read_all_stats TO narrow;",
        line,
    )


def test_tables_that_a_role_may_not_read_are_told_with_the_grant(server):
    with server.connect(CLEAN) as shop:
        shop.execute("CREATE ROLE monitor LOGIN IN ROLE pg_monitor")

    code, printed = give(server, CLEAN, "--json", user="monitor")

    told = json.loads(printed)
    assert (code, told["findings"], told["clean"]) == (3, [], False)
    assert told["not_decided"]
    for line in told["not_decided"]:
        assert re.fullmatch(
            r"\d statements? without a plan: permission denied for table (orders|customers); GRANT "
            r"SELECT on its tables, or GRANT pg_read_all_data, TO monitor;",
            line,
        )


def test_a_database_without_the_extension_says_the_line_that_installs_it(server):
    code, printed = give(server, "postgres")

    assert code == 3
    assert (
        " - pg_stat_statements is not installed in this database, so no statement is known: CREATE "
        "EXTENSION pg_stat_statements; (shared_preload_libraries must hold it, which takes a "
        "restart)\n"
    ) in printed
    assert printed.endswith("Review: uncertain, no finding, but not all could be read.\n")
