"""What is wrong, with the evidence and what to try."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from surgeproof.queries.growth import Growth
from surgeproof.queries.indexes import Candidate, Seen, Unhelped
from surgeproof.queries.plans import SORTING, Scan
from surgeproof.queries.statements import Use, parse
from surgeproof.queries.statistics import (
    Connections,
    Index,
    Statistics,
    TableCounts,
    named,
)
from surgeproof.queries.words import figure

MIB: Final = 1024 * 1024

SHARE_MIN: Final = 0.01
"""Share of all statements' time below which one is not looked at for faults."""

CALLS_MIN: Final = 10
"""Calls below which a statement is taken for somebody's own, and not the application's."""

UNUSED_BYTES: Final = MIB
"""Size below which an unused index costs nothing worth saying (bytes)."""

REPEATED_CALLS: Final = 100
REPEATS_MIN: Final = 5
"""Calls of a statement for each call of another from which they make an N+1 pattern."""

REPEATS_WITHIN: Final = (0.8, 1.25)
"""Calls for each row of the other statement that count as one for each row."""

IN_MEMORY: Final = 5
"""How much more room rows take in memory than in a temporary file, as a factor: `python -m
benchmarks.queries` sorts without one with so much work_mem."""

SPILLED_BYTES: Final = MIB
"""Temporary files of one execution below which nothing is said (bytes)."""

WAIT_SECONDS: Final = 0.5
"""Wait for a lock that is worth saying (seconds)."""

IDLE_SECONDS: Final = 60.0
"""Age from which a transaction in which nothing happens is worth saying (seconds)."""

USED_SHARE: Final = 0.8
"""Share of the connections in use that is worth saying."""

SLOWER: Final = 2.0
"""How many times longer an execution takes than before, from which it is worth saying."""

SLOWER_SHARE: Final = 0.05

_STATEMENTS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A bottleneck."""

    kind: str
    """What is wrong, as one word: `missing-index`."""
    place: str
    """Table, index, statement or server."""
    problem: str
    """One sentence."""
    evidence: tuple[str, ...]
    """What it was seen in."""
    advice: tuple[str, ...]
    """What to try; SQL where that is what to try."""
    milliseconds: float = 0.0
    """Time of the statements that it slows, over the time of the counts."""
    saved_milliseconds: float = 0.0
    """How much of it the first advice is estimated to save."""
    saved_by: str = ""
    """What the estimate rests on; empty without one."""
    statements: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The connections that a stack's instances may open together."""

    needed: float
    words: str
    """How it comes about: `1.1 x 6 instances x 20 connections`."""


def described(seen: Seen, total: float) -> str:
    """Return a statement's counts and its text as evidence."""
    counts = seen.counts
    share = counts.milliseconds / total if total else 0.0
    return (
        f"{counts.calls:,} calls of {figure(counts.mean_milliseconds)} ms, {share:.1%} of the "
        f"time: {seen.parsed.shown}"
    )


def _read_whole(table: TableCounts, scan: Scan) -> str:
    wanted = scan.rows if scan.condition else scan.joined_rows or scan.rows
    order = f", in the order of {scan.index}," if scan.index else ""
    return (
        f"the plan reads up to all {table.rows:,.0f} rows of {table} "
        f"({table.bytes / MIB:,.0f} MiB){order} for {wanted:,.0f}: {scan.condition or 'a join'}"
    )


def missing_indexes(candidates: Sequence[Candidate], total: float) -> Iterator[Finding]:
    """Yield a finding for each index that is not there and would help."""
    for each in candidates:
        gains = sorted(each.gains, key=lambda gain: -gain.milliseconds)
        by_hypopg = all(gain.by_hypopg for gain in gains)
        evidence = [_read_whole(each.table, gains[0].scan)]
        evidence += [described(gain.seen, total) for gain in gains[:_STATEMENTS_SHOWN]]
        if len(gains) > _STATEMENTS_SHOWN:
            evidence.append(f"{len(gains) - _STATEMENTS_SHOWN} more statements")
        first = gains[0]
        how = "with it, says hypopg" if by_hypopg else "with it, reckoned (hypopg is not there)"
        evidence.append(f"cost {first.cost_before:,.0f}, {first.cost_after:,.0f} {how}")
        yield Finding(
            kind="missing-index",
            place=each.place,
            problem=f"{each.table} is read whole for few of its rows, since no index leads there.",
            evidence=tuple(evidence),
            advice=(f"{each.definition};",),
            milliseconds=sum(gain.seen.counts.milliseconds for gain in gains),
            saved_milliseconds=sum(gain.milliseconds for gain in gains),
            saved_by="hypopg" if by_hypopg else "the planner's estimates",
            statements=tuple(gain.seen.counts.id for gain in gains),
        )


def sequential_scans(unhelped: Sequence[Unhelped], total: float) -> Iterator[Finding]:
    """Yield a finding for each table that is read whole, where no index is known to help."""
    for each in unhelped:
        yield Finding(
            kind="sequential-scan",
            place=str(each.table),
            problem=f"{each.table} is read whole for few of its rows.",
            evidence=(
                _read_whole(each.table, each.scan),
                described(each.seen, total),
                each.why,
            ),
            advice=(
                (
                    "An index on the expression as it is written, a trigram index (pg_trgm) for "
                    "LIKE '%...%', or another condition; ANALYZE where the estimate is wrong."
                ),
            ),
            milliseconds=each.seen.counts.milliseconds,
            statements=(each.seen.counts.id,),
        )


def whole_reads(
    statistics: Statistics, large: int, known: set[int], hours: float | None
) -> Iterator[Finding]:
    """Yield the large tables that are often read whole, by the catalogue, and no plan shows it."""
    for each in statistics.tables:
        if each.rows < large or each.id in known or each.whole_reads < 10 * CALLS_MIN:
            continue
        rows = each.rows_read_whole / each.whole_reads
        if rows < 0.5 * each.rows:
            continue
        lasting = f" in {hours:,.1f} hours" if hours else ""
        yield Finding(
            kind="sequential-scan",
            place=str(each),
            problem=f"{each} is often read whole, and no plan that was seen says why.",
            evidence=(
                (
                    f"{each.whole_reads:,} sequential scans{lasting} of {rows:,.0f} rows each "
                    "(pg_stat_all_tables)"
                ),
            ),
            advice=("auto_explain logs the plans of what is slow.",),
        )


def foreign_keys(
    statistics: Statistics, large: int, suggested: Sequence[Candidate]
) -> Iterator[Finding]:
    """Yield the foreign keys of large tables that no index serves."""
    tables = {each.id: each for each in statistics.tables}
    for key in statistics.foreign_keys:
        table, target = tables.get(key.table_id), tables.get(key.target_id)
        if table is None or target is None or table.rows < large:
            continue
        size = len(key.columns)
        served = [index.columns for index in _usable(statistics, table)]
        served += [each.columns for each in suggested if each.table.id == table.id]
        if any(set(columns[:size]) == set(key.columns) for columns in served):
            continue
        schema, name = named([table.schema]), named([table.name])
        yield Finding(
            kind="foreign-key-without-index",
            place=f"{table} ({', '.join(key.columns)})",
            problem=f"Each DELETE in {target}, and each change of its key, reads {table} whole.",
            evidence=(
                (
                    f"foreign key {key.name} refers to {target}; {table} has {table.rows:,.0f} "
                    "rows, and no index begins with its columns"
                ),
            ),
            advice=(f"CREATE INDEX CONCURRENTLY ON {schema}.{name} ({named(key.columns)});",),
        )


def _usable(statistics: Statistics, table: TableCounts) -> list[Index]:
    return [
        each
        for each in statistics.indexes
        if each.table_id == table.id and each.is_valid and not each.is_partial
    ]


def needless_indexes(statistics: Statistics, days_min: float) -> Iterator[Finding]:
    """Yield indexes that nothing uses, that repeat another, or that are not valid."""
    tables = {each.id: each for each in statistics.tables}
    days = (statistics.taken - statistics.tables_since).total_seconds() / 86_400
    # What stays in place of a needless one is not needless.
    stays = {
        other.name
        for one in statistics.indexes
        for other in statistics.indexes
        if _repeats(one, other)
    }
    for each in statistics.indexes:
        table = tables.get(each.table_id)
        if table is None:
            continue
        drop = f"DROP INDEX CONCURRENTLY {named([table.schema])}.{named([each.name])};"
        size = f"{each.bytes / MIB:,.0f} MiB on {table}: {each.definition}"
        if not each.is_valid:
            yield Finding(
                kind="invalid-index",
                place=each.name,
                problem="It is not valid: writing keeps it up, and no statement may use it.",
                evidence=(size, "a CREATE INDEX CONCURRENTLY has failed, or is under way"),
                advice=(drop, f"REINDEX INDEX CONCURRENTLY {named([each.name])};"),
            )
            continue
        if each.is_needed or each.bytes < UNUSED_BYTES:
            continue
        longer = next((one for one in statistics.indexes if _repeats(each, one)), None)
        if longer is not None:
            yield Finding(
                kind="duplicate-index",
                place=each.name,
                problem=f"{longer.name} does all that it does, and each write keeps up both.",
                evidence=(size, longer.definition),
                advice=(drop,),
            )
        elif not each.uses and days >= days_min and each.name not in stays:
            yield Finding(
                kind="unused-index",
                place=each.name,
                problem="No statement has used it, and each write keeps it up.",
                evidence=(size, f"0 scans in {days:,.1f} days (pg_stat_all_indexes)"),
                advice=(
                    (
                        f"{drop} (where no read replica, and no rare report, uses it: each server "
                        "counts its own)"
                    ),
                ),
            )


def _repeats(each: Index, other: Index) -> bool:
    """Whether another index begins with what an index holds; of two equal ones, the later name."""
    if (each.table_id, each.method) != (other.table_id, other.method) or each.name == other.name:
        return False
    if each.is_partial or other.is_partial or not other.is_valid or each.method != "btree":
        return False
    size = len(each.columns)
    mine, its = each.key.split("/"), other.key.split("/")
    if len(mine[0].split()) != size:  # INCLUDE
        return False
    begins = all(a.split()[:size] == b.split()[:size] for a, b in zip(mine, its, strict=True))
    if not begins or len(other.columns) < size:
        return False
    return mine != its or other.is_needed or each.name > other.name


def repeated(seen: Sequence[Seen], statistics: Statistics) -> Iterator[Finding]:
    """Yield the statements that run once for each row of another one's result."""
    tables = {each.name: each for each in statistics.tables}
    for child in seen:
        counts, parsed = child.counts, child.parsed
        if parsed.kind != "SELECT" or counts.calls < REPEATED_CALLS or len(parsed.tables) != 1:
            continue
        columns = {
            each.expression for each in parsed.compared if each.use is Use.EQUAL and each.to_value
        }
        table = tables.get(parsed.tables[0].name)
        if table is None or not columns:
            continue
        parents = []
        for parent in seen:
            its = parent.counts
            if parent.parsed.kind != "SELECT" or its.id == counts.id or not its.rows:
                continue
            for_each_row = counts.calls / its.rows
            if counts.calls < REPEATS_MIN * its.calls:
                continue
            if not REPEATS_WITHIN[0] <= for_each_row <= REPEATS_WITHIN[1]:
                continue
            names = {tables[each.name].id for each in parent.parsed.tables if each.name in tables}
            if key := _key_between(statistics, table.id, columns, names, parent.parsed.outputs):
                parents.append((abs(for_each_row - 1), parent, key))
        if not parents:
            continue
        _, parent, key = min(parents, key=lambda each: each[0])
        times = counts.calls / parent.counts.calls
        yield Finding(
            kind="n-plus-one",
            place=f"{table} ({', '.join(sorted(columns))})",
            problem=f"A statement on {table} runs once for each row that another one has read.",
            evidence=(
                f"{counts.calls:,} calls: {parsed.shown}",
                (
                    f"{parent.counts.calls:,} calls gave {parent.counts.rows:,} rows: "
                    f"{parent.parsed.shown}"
                ),
                f"{times:,.1f} calls for each of the other's; foreign key {key} joins the two",
            ),
            advice=(
                (
                    "Read the rows of all in one statement: a join, or WHERE column = ANY($1); in "
                    "an object-relational mapper, eager loading."
                ),
                (
                    f"It saves {times - 1:,.0f} round trips of the network each time, which no "
                    "time here counts."
                ),
            ),
            milliseconds=counts.milliseconds,
            statements=(counts.id, parent.counts.id),
        )


def _key_between(
    statistics: Statistics,
    table: int,
    columns: set[str],
    others: set[int],
    outputs: frozenset[str],
) -> str | None:
    """Return the foreign key by whose columns a table is looked up, of those a result has."""
    for key in statistics.foreign_keys:
        here, there = set(key.columns), set(key.target_columns)
        if key.table_id == table and key.target_id in others:
            looked_up, given = here, there
        elif key.target_id == table and key.table_id in others:
            looked_up, given = there, here
        else:
            continue
        if looked_up <= columns and ("*" in outputs or given <= outputs):
            return key.name
    return None


def spills(seen: Sequence[Seen], statistics: Statistics, total: float) -> Iterator[Finding]:
    """Yield the statements that sort or hash in temporary files."""
    memory = int(statistics.settings.get("work_mem", "4096")) * 1024
    for each in seen:
        counts = each.counts
        written = counts.temp_blocks * statistics.block_bytes / max(counts.calls, 1)
        if written < SPILLED_BYTES:
            continue
        nodes = each.plan.sorts if each.plan else ()
        wanted = 1 << math.ceil(math.log2(max(IN_MEMORY * written / MIB, 1)))
        advice = [
            (
                f"SET work_mem = '{wanted}MB' for this statement alone: each sort of each "
                "connection may take so much memory."
            ),
            "Fewer rows: a LIMIT, with an index in the order of the sort.",
        ]
        yield Finding(
            kind="spilling-sort",
            place=each.parsed.tables[0].name if each.parsed.tables else "statement",
            problem="A sort or hash does not fit work_mem, and goes through temporary files.",
            evidence=(
                (
                    f"{written / MIB:,.1f} MiB of temporary files for each call; work_mem is "
                    f"{memory / MIB:,.0f} MiB"
                ),
                *(
                    [f"the plan holds rows in memory: {'; '.join(nodes)}"]
                    if nodes
                    else [f"its plan shows none of {', '.join(sorted(SORTING))}"]
                    if each.plan
                    else []
                ),
                described(each, total),
            ),
            advice=tuple(advice),
            milliseconds=counts.milliseconds,
            statements=(counts.id,),
        )


def lock_waits(statistics: Statistics) -> Iterator[Finding]:
    """Yield who waits for whom, and transactions in which nothing happens."""
    for each in statistics.waiting:
        if each.seconds < WAIT_SECONDS:
            continue
        yield Finding(
            kind="lock-wait",
            place=f"process {each.process}",
            problem=f"It waits for a lock that process {each.by_process} holds.",
            evidence=(
                f"for {each.seconds:,.1f} s: {parse(each.statement).shown}",
                (
                    f"process {each.by_process} is {each.by_state or 'at work'}, its transaction "
                    f"{each.by_seconds:,.1f} s old; its last statement: "
                    f"{parse(each.by_statement).shown}"
                ),
            ),
            advice=(
                (
                    "Shorter transactions: no call of another service, and no user, within one; "
                    "rows locked in one order; lock_timeout."
                ),
                f"At once: SELECT pg_terminate_backend({each.by_process});",
            ),
        )
    use = statistics.connections
    if use.idle_in_transaction and use.idle_in_transaction_seconds >= IDLE_SECONDS:
        yield Finding(
            kind="idle-in-transaction",
            place="server",
            problem="A transaction is open in which nothing happens: it keeps its locks, and "
            "vacuum from removing dead rows.",
            evidence=(
                (
                    f"{use.idle_in_transaction} sessions are idle in a transaction, the longest "
                    f"for {use.idle_in_transaction_seconds:,.0f} s"
                ),
            ),
            advice=("Set idle_in_transaction_session_timeout; commit before waiting.",),
        )


def connections(use: Connections, budget: Budget | None) -> Iterator[Finding]:
    """Yield what is wrong with the number of connections."""
    if use.total >= USED_SHARE * use.limit:
        yield Finding(
            kind="connections",
            place="server",
            problem="Few connections are left: the next surge is refused.",
            evidence=(
                (
                    f"{use.total} of {use.limit} connections are open: {use.active} active, "
                    f"{use.idle} idle, {use.idle_in_transaction} idle in a transaction"
                ),
            ),
            advice=("Smaller pools, where most are idle; database.proxy true; a larger class.",),
        )
    if budget is not None and budget.needed > use.limit:
        yield Finding(
            kind="connection-budget",
            place="server",
            problem="The instances may open more connections than the server accepts.",
            evidence=(
                (
                    f"{budget.words} = {budget.needed:,.0f}; the server accepts {use.limit} "
                    "(max_connections without those reserved)"
                ),
            ),
            advice=("Smaller pools; database.proxy true; fewer instances; a larger class.",),
        )


def slower(
    growth: Sequence[Growth], seen: Sequence[Seen], total_per_hour: float
) -> Iterator[Finding]:
    """Yield the statements whose executions take much longer than before."""
    by_id = {each.counts.id: each for each in seen}
    for each in growth:
        one = by_id.get(each.id)
        time = each.milliseconds_per_hour[1]
        if one is None or each.slower < SLOWER or time < SLOWER_SHARE * total_per_hour:
            continue
        before, after = each.mean_milliseconds
        yield Finding(
            kind="slower-statement",
            place=one.parsed.tables[0].name if one.parsed.tables else "statement",
            problem=f"It takes {each.slower:,.1f} times as long as at the earlier review.",
            evidence=(
                f"{figure(before)} ms before, {figure(after)} ms since: {one.parsed.shown}",
                (
                    f"{each.calls_per_hour[0]:,.0f} calls an hour before, "
                    f"{each.calls_per_hour[1]:,.0f} since"
                ),
            ),
            advice=("ANALYZE its tables; look at what was deployed since, and at its plan.",),
            milliseconds=one.counts.milliseconds,
            statements=(each.id,),
        )
