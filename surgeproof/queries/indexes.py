"""Which index a statement lacks, and what it would gain: by hypopg, else by the planner's figures.

hypopg makes an index for one session's EXPLAIN alone; nothing is built
(https://hypopg.readthedocs.io/en/rel1_stable/usage.html). Without it the gain is reckoned from the
planner's own estimates: each row that is wanted is fetched from a page of its own, which is the
worst that an index can do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from surgeproof.queries.connection import RefusedError, Session
from surgeproof.queries.plans import Plan, Scan, read_plan
from surgeproof.queries.statements import Compared, Parsed, Use
from surgeproof.queries.statistics import Index, Statement, Statistics, TableCounts, named

COLUMNS_MAX: Final = 4

WANTED_SHARE: Final = 0.1
"""Share of a table's rows above which reading the whole table may well be the best plan."""

GAIN_MIN: Final = 0.2
"""Share of its cost that a statement has to gain before an index is suggested."""

_DESCENT_PAGES: Final = 4
"""Pages from an index's root to its leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A statement of the review with what is known of it."""

    counts: Statement
    parsed: Parsed
    plan: Plan | None = None
    why_not: str = ""
    """Why there is no plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What one statement gains by an index."""

    seen: Seen
    scan: Scan
    cost_before: float
    cost_after: float
    by_hypopg: bool
    """Whether the planner said so; else it is reckoned."""

    @property
    def share(self) -> float:
        """Share of the statement's cost that is saved."""
        return max(0.0, 1.0 - self.cost_after / self.cost_before) if self.cost_before else 0.0

    @property
    def milliseconds(self) -> float:
        """Share of the statement's time that is saved, taken to follow its cost."""
        return self.share * self.seen.counts.milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An index that is not there."""

    table: TableCounts
    columns: tuple[str, ...]
    """Columns and expressions, in their order."""
    gains: tuple[Gain, ...]

    @property
    def place(self) -> str:
        """Table and columns, in words."""
        return f"{self.table} ({', '.join(self.columns)})"

    @property
    def definition(self) -> str:
        """The statement that makes it, without a lock that stops writing."""
        return self.statement(concurrently=True)

    def statement(self, *, concurrently: bool) -> str:
        """Return the statement that makes it."""
        how = "CREATE INDEX CONCURRENTLY ON" if concurrently else "CREATE INDEX ON"
        schema, name = named([self.table.schema]), named([self.table.name])
        columns = ", ".join(
            named([each]) if each in self.table.columns else f"({each})" for each in self.columns
        )
        return f"{how} {schema}.{name} ({columns})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhelped:
    """A large table that is read whole for few rows, for which no index is known to help."""

    table: TableCounts
    seen: Seen
    scan: Scan
    why: str


def unindexed_scans(
    plan: Plan, tables: Sequence[TableCounts], large: int
) -> list[tuple[Scan, TableCounts]]:
    """Return the scans that read a large table whole for few of its rows."""
    found = []
    for scan in plan.scans:
        table = _table(scan, tables)
        if table is None or table.rows < large:
            continue
        wanted = scan.rows if scan.condition else (scan.joined_rows or table.rows)
        if wanted <= WANTED_SHARE * table.rows:
            found.append((scan, table))
    return found


def review_scans(
    session: Session, seen: Iterable[Seen], statistics: Statistics, large: int
) -> tuple[list[Candidate], list[Unhelped]]:
    """Return the indexes that would help, and the scans that none is known to help.

    Raises:
        QueriesError: The connection is lost.

    """
    wanted: dict[tuple[int, tuple[str, ...]], list[tuple[Seen, Scan, TableCounts]]] = {}
    unhelped = []
    for each in seen:
        if each.plan is None:
            continue
        for scan, table in unindexed_scans(each.plan, statistics.tables, large):
            columns = _columns(each.parsed, scan, table)
            have = _covering(columns, table, statistics.indexes)
            if not columns:
                why = "its condition is none that a plain index serves"
                unhelped.append(Unhelped(table=table, seen=each, scan=scan, why=why))
            elif have is not None:
                why = f"index {have.name} is there, and the planner does not take it"
                unhelped.append(Unhelped(table=table, seen=each, scan=scan, why=why))
            else:
                wanted.setdefault((table.id, columns), []).append((each, scan, table))
    candidates = []
    for (_, columns), uses in _merged(wanted).items():
        empty = Candidate(table=uses[0][2], columns=columns, gains=())
        gains = [_gain(session, empty, each, scan, statistics) for each, scan, _ in uses]
        helped = tuple(gain for gain in gains if gain.share >= GAIN_MIN)
        if helped:
            candidates.append(replace(empty, gains=helped))
        for gain in gains:
            if gain.share < GAIN_MIN:
                how = "hypopg says that the planner" if gain.by_hypopg else "the planner"
                why = f"{how} would gain {gain.share:.0%} by an index on {empty.place}"
                unhelped.append(
                    Unhelped(table=empty.table, seen=gain.seen, scan=gain.scan, why=why)
                )
    return candidates, unhelped


def _merged(
    wanted: Mapping[tuple[int, tuple[str, ...]], list[tuple[Seen, Scan, TableCounts]]],
) -> dict[tuple[int, tuple[str, ...]], list[tuple[Seen, Scan, TableCounts]]]:
    """Return the wanted indexes without those that a longer one begins with."""
    merged: dict[tuple[int, tuple[str, ...]], list[tuple[Seen, Scan, TableCounts]]] = {}
    for (table, columns), uses in sorted(wanted.items(), key=lambda each: -len(each[0][1])):
        for known in merged:
            if known[0] == table and known[1][: len(columns)] == columns:
                merged[known] += uses
                break
        else:
            merged[table, columns] = list(uses)
    return merged


def _table(scan: Scan, tables: Sequence[TableCounts]) -> TableCounts | None:
    for each in tables:
        if (each.schema, each.name) == (scan.schema, scan.table):
            return each
    return None


def _columns(parsed: Parsed, scan: Scan, table: TableCounts) -> tuple[str, ...]:
    """Return what an index for a scan would hold: equal first, then one range or the order."""
    aliases = {scan.alias, scan.table}
    alone = len(parsed.tables) == 1

    def is_of_table(each: Compared) -> bool:
        if each.alias:
            return each.alias in aliases
        return alone or (each.is_column and each.expression in table.columns)

    mine = [
        each
        for each in parsed.compared
        if is_of_table(each) and (not each.is_column or each.expression in table.columns)
    ]
    with_value = [each for each in mine if each.to_value]
    usable = with_value if scan.condition else mine
    equal = [each.expression for each in usable if each.use is Use.EQUAL]
    ranged = [each.expression for each in usable if each.use is Use.RANGE]
    ordered = [each.expression for each in mine if each.use is Use.ORDER]
    orders = [each for each in parsed.compared if each.use is Use.ORDER]
    if not equal and not ranged:
        return ()
    more = ranged[:1]
    if not more and parsed.has_limit and len(ordered) == len(orders):
        more = ordered
    return tuple(dict.fromkeys([*equal, *more]))[:COLUMNS_MAX]


def _covering(
    columns: tuple[str, ...], table: TableCounts, indexes: Sequence[Index]
) -> Index | None:
    """Return an index that begins with all of the columns, in any order."""
    for each in indexes:
        if each.table_id != table.id or not each.is_valid or each.method != "btree":
            continue
        if columns and set(each.columns[: len(columns)]) == set(columns):
            return each
    return None


def _gain(
    session: Session, candidate: Candidate, seen: Seen, scan: Scan, statistics: Statistics
) -> Gain:
    assert seen.plan is not None  # noqa: S101 - it has been looked at
    before = seen.plan.cost
    if statistics.hypopg_schema:
        try:
            found = session.plan(
                seen.parsed.select,
                seen.parsed.parameters,
                indexes=[candidate.statement(concurrently=False)],
                hypopg_schema=statistics.hypopg_schema,
            )
        except RefusedError:
            pass
        else:
            after = read_plan(found).cost
            return Gain(seen=seen, scan=scan, cost_before=before, cost_after=after, by_hypopg=True)
    return Gain(
        seen=seen,
        scan=scan,
        cost_before=before,
        cost_after=_reckoned(seen.plan, scan, statistics.settings),
        by_hypopg=False,
    )


def _reckoned(plan: Plan, scan: Scan, settings: Mapping[str, str]) -> float:
    """Return the cost with an index in place of a scan."""
    page = float(settings.get("random_page_cost", "4"))
    row = float(settings.get("cpu_tuple_cost", "0.01"))
    row += float(settings.get("cpu_index_tuple_cost", "0.005"))
    rows = scan.rows if scan.condition else min(scan.rows, scan.joined_rows or scan.rows)
    index = _DESCENT_PAGES * page + rows * (page + row)
    part = min(scan.cost, plan.cost)  # a LIMIT may end the scan early
    return plan.cost - part + min(part, index)
