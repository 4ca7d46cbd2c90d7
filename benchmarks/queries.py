"""Measure what the review of queries finds in a shop of a million orders, and what it gains.

    python -m benchmarks.queries

Each advice is carried out, and the statements that it is for are measured before and after.
"""

import statistics
import time
from typing import Final, LiteralString

import psycopg

from benchmarks.postgres import DEBIAN, running
from benchmarks.shop import CLEAN, EXPORT, FAULTY, OF_CUSTOMER, ORDERS, make, traffic
from surgeproof.queries.connection import session, where
from surgeproof.queries.findings import Finding
from surgeproof.queries.review import Review, review
from surgeproof.queries.statistics import read_statistics

TIMES: Final = 11


def main() -> None:
    """Print the figures, for the newest PostgreSQL and for Debian's with hypopg."""
    for programs in (None, DEBIAN):
        if programs is not None and not programs.is_dir():
            print(f"{programs} is not there, so nothing was measured on it")
            continue
        with running(programs) as server:
            make(server)
            seconds, findings = {}, {}
            for name in (CLEAN, FAULTY):
                with server.connect(name) as shop:
                    if programs is not None:
                        shop.execute("CREATE EXTENSION hypopg")
                    traffic(shop, faulty=name == FAULTY)
                begun = time.perf_counter()
                with session(where(server.conninfo(name))) as opened:
                    found = review(opened, read_statistics(opened, watch_seconds=0), unused_days=0)
                seconds[name] = time.perf_counter() - begun
                findings[name] = found
            print(f"PostgreSQL {findings[CLEAN].version}, {ORDERS:,} orders")
            for name, found in findings.items():
                kinds = ", ".join(sorted(each.kind for each in found.findings)) or "none"
                print(f"  {name}: findings in {seconds[name]:.2f} s: {kinds}")
            with server.connect(FAULTY) as shop:
                _gain(shop, findings[FAULTY])
                _memory(shop, findings[FAULTY])


def _finding(found: Review, kind: str) -> Finding:
    return next(each for each in found.findings if each.kind == kind)


def _milliseconds(shop: psycopg.Connection, text: LiteralString, value: int) -> float:
    taken = []
    for number in range(TIMES):
        begun = time.perf_counter()
        shop.execute(text, (value + number,)).fetchall()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def _gain(shop: psycopg.Connection, found: Review) -> None:
    finding = _finding(found, "missing-index")
    before = _milliseconds(shop, OF_CUSTOMER, 1)
    shop.execute(finding.advice[0].encode())
    after = _milliseconds(shop, OF_CUSTOMER, 1)
    said = finding.saved_milliseconds / finding.milliseconds
    print(
        f"  {finding.place}: median of {TIMES}: {before:.1f} ms before, {after:.2f} ms with the "
        f"index: {1 - after / before:.1%} saved, {said:.1%} said ({finding.saved_by})"
    )


def _memory(shop: psycopg.Connection, found: Review) -> None:
    finding = _finding(found, "spilling-sort")
    setting = finding.advice[0].partition(" for ")[0]
    written: LiteralString = (
        "SELECT temp_blks_written FROM pg_stat_statements WHERE query LIKE '%ORDER BY total DESC%'"
    )
    blocks = []
    for prepare in (b"RESET work_mem", setting.encode()):
        shop.execute(prepare)
        shop.execute("SELECT pg_stat_statements_reset()")
        shop.execute(EXPORT, (ORDERS - 100_000,)).fetchall()
        row = shop.execute(written).fetchone()
        blocks.append(row[0] if row else 0)
    print(f"  {setting}: {blocks[0]:,} blocks of temporary files before, {blocks[1]:,} with it")


if __name__ == "__main__":
    main()
