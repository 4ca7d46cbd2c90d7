"""The review: reads, ranks, finds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from surgeproof.queries import findings as found
from surgeproof.queries.connection import BEGIN, RefusedError, Session
from surgeproof.queries.effect import Effect, Judgement, effect_of
from surgeproof.queries.findings import Budget, Finding
from surgeproof.queries.growth import Growth, Kept, growth
from surgeproof.queries.indexes import Seen, review_scans
from surgeproof.queries.plans import read_plan
from surgeproof.queries.statements import Parsed, parse
from surgeproof.queries.statistics import Connections, Statement, Statistics, Untrusted, named
from surgeproof.queries.words import figure

LARGE_ROWS: Final = 100_000
"""Rows from which a table is large, unless the caller says otherwise."""

TOP: Final = 20
"""Statements of each ranking that are looked at, unless the caller says otherwise."""

UNUSED_DAYS: Final = 7.0
"""Days of counts after which an index without a use is unused, unless the caller says otherwise."""

_OTHERS: Final = frozenset({"Transaction", "Execute", "Call", "unknown"})
"""Kinds of statements that applications send, beside queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A statement in a ranking."""

    id: int
    calls: int
    milliseconds: float
    mean_milliseconds: float
    rows: int
    share: float
    """Share of the time of all statements (0 to 1)."""
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A statement in the ranking by growth."""

    id: int
    milliseconds_per_hour: tuple[float, float]
    calls_per_hour: tuple[float, float]
    mean_milliseconds: tuple[float, float]
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a review says."""

    database: str
    version: str
    role: str
    taken: datetime
    since: datetime | None
    """When the counts of statements began; None where the server does not say."""
    statements: int
    """How many statements of the application have been counted."""
    total_milliseconds: float
    planned: int
    """Statements whose plan was seen."""
    by_time: tuple[Ranked, ...]
    by_calls: tuple[Ranked, ...]
    by_growth: tuple[Grown, ...]
    findings: tuple[Finding, ...]
    """Those that slow most time first."""
    connections: Connections
    effect: Effect
    judgements: tuple[Judgement, ...] = ()
    assumptions: tuple[str, ...] = ()
    not_decided: tuple[str, ...] = ()
    """What could not be read, and what would let it be read. With any, no review is clean."""
    notes: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found, and all was read."""
        return not self.findings and not self.not_decided


def review(
    session: Session,
    statistics: Statistics,
    *,
    large_rows: int = LARGE_ROWS,
    top: int = TOP,
    unused_days: float = UNUSED_DAYS,
    requests_per_second: float | None = None,
    kept: Kept | None = None,
    budget: Budget | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Review:
    """Return what is wrong with a database's queries.

    Args:
        session: The connection, for plans.
        statistics: What has been read by it.
        large_rows: Rows from which a table is large (rows).
        top: How many statements of each ranking are shown and planned.
        unused_days: Days of counts after which an index without a use is unused (days).
        requests_per_second: Mean rate of the service's requests over the time of the counts.
        kept: The counts of an earlier review.
        budget: The connections that the stack's instances may open.
        progress: Takes how many statements have been planned, and of how many.

    Raises:
        QueriesError: The connection is lost.

    """
    not_decided, notes = list(statistics.problems), []
    every = [
        Seen(counts=each, parsed=parse(each.text))
        for each in statistics.statements or ()
        if each.text != BEGIN
    ]
    seen = _together([each for each in every if _is_the_application_s(each.parsed)])
    # What a function sends is in the function's time, too.
    total = math.fsum(each.counts.milliseconds for each in seen if each.counts.top_level)
    grown: list[Growth] = []
    if kept is not None:
        grown, why = growth(kept, statistics)
        if why:
            notes.append(f"Growth is not known: {why}.")
    by_time = sorted(seen, key=lambda each: -each.counts.milliseconds)[:top]
    by_calls = sorted(seen, key=lambda each: -each.counts.calls)[:top]
    by_temp = sorted(seen, key=lambda each: -each.counts.temp_blocks)[:top]
    ids = {each.counts.id for each in every if _is_the_application_s(each.parsed)}
    grown = [each for each in grown if each.id in ids]
    grown_ids = {each.id for each in grown[:top]}
    chosen = _chosen(
        [*by_time, *by_calls, *by_temp, *(each for each in seen if each.counts.id in grown_ids)],
        total,
    )
    planned = []
    for number, each in enumerate(chosen):
        planned.append(_with_plan(session, each, statistics.untrusted))
        progress(number + 1, len(chosen))
    not_decided += _not_planned(planned, statistics.role)
    not_decided += _never_counted(statistics)
    candidates, unhelped = review_scans(session, planned, statistics, large_rows)
    hours = statistics.hours
    known = {each.table.id for each in candidates} | {each.table.id for each in unhelped}
    per_hour = math.fsum(each.milliseconds_per_hour[1] for each in grown)
    made = [
        *found.missing_indexes(candidates, total),
        *found.sequential_scans(unhelped, total),
        *found.whole_reads(statistics, large_rows, known, hours),
        *found.foreign_keys(statistics, large_rows, candidates),
        *found.needless_indexes(statistics, unused_days),
        *found.repeated(seen, statistics),
        *found.spills(planned, statistics, total),
        *found.lock_waits(statistics),
        *found.connections(statistics.connections, budget),
        *found.slower(grown, every, per_hour),
    ]
    notes += _notes(statistics, unused_days, has_candidates=bool(candidates))
    text = {each.counts.id: each.parsed.shown for each in every}
    return Review(
        database=statistics.database,
        version=statistics.version,
        role=statistics.role,
        taken=statistics.taken,
        since=statistics.since,
        statements=len(seen),
        total_milliseconds=total,
        planned=sum(each.plan is not None for each in planned),
        by_time=tuple(_ranked(each, total) for each in by_time),
        by_calls=tuple(_ranked(each, total) for each in by_calls),
        by_growth=tuple(
            Grown(
                id=each.id,
                milliseconds_per_hour=each.milliseconds_per_hour,
                calls_per_hour=each.calls_per_hour,
                mean_milliseconds=each.mean_milliseconds,
                statement=text[each.id],
            )
            for each in grown[:top]
            if each.increase > 0
        ),
        findings=tuple(sorted(made, key=lambda each: -each.milliseconds)),
        connections=statistics.connections,
        effect=effect_of(made, total, hours=hours, requests_per_second=requests_per_second),
        assumptions=_assumptions(made, hours, requests_per_second),
        not_decided=tuple(not_decided),
        notes=tuple(notes),
    )


def _is_the_application_s(parsed: Parsed) -> bool:
    return (parsed.is_query and not parsed.reads_catalogue) or parsed.kind in _OTHERS


def _together(seen: Sequence[Seen]) -> list[Seen]:
    """Return statements of one text as one: types of parameters make several of them."""
    found_by: dict[tuple[str, bool], Seen] = {}
    for each in seen:
        is_known = each.parsed.is_query or each.parsed.kind == "Transaction"
        key = (each.parsed.shown if is_known else str(each.counts.id), each.counts.top_level)
        known = found_by.get(key)
        if known is None:
            found_by[key] = each
            continue
        first, second = known.counts, each.counts
        counts = replace(
            first if first.milliseconds >= second.milliseconds else second,
            calls=first.calls + second.calls,
            milliseconds=first.milliseconds + second.milliseconds,
            rows=first.rows + second.rows,
            temp_blocks=first.temp_blocks + second.temp_blocks,
        )
        found_by[key] = replace(known, counts=counts)
    return list(found_by.values())


def _chosen(candidates: Sequence[Seen], total: float) -> list[Seen]:
    """Return the statements worth planning, each once: often called, and a part of the time."""
    chosen: dict[tuple[int, bool], Seen] = {}
    for each in candidates:
        counts = each.counts
        if counts.calls >= found.CALLS_MIN and counts.milliseconds >= found.SHARE_MIN * total:
            chosen.setdefault((counts.id, counts.top_level), each)
    return list(chosen.values())


def _with_plan(session: Session, seen: Seen, untrusted: Untrusted) -> Seen:
    why = seen.parsed.reason or _unsafe(seen.parsed, untrusted)
    if why:
        return Seen(counts=seen.counts, parsed=seen.parsed, why_not=why)
    try:
        plan = read_plan(session.plan(seen.parsed.select, seen.parsed.parameters))
    except RefusedError as error:
        why = f"{'!' if error.lacks_privilege else ''}{error}"
        return Seen(counts=seen.counts, parsed=seen.parsed, why_not=why)
    return Seen(counts=seen.counts, parsed=seen.parsed, plan=plan)


def _unsafe(parsed: Parsed, untrusted: Untrusted) -> str:
    """Return why a statement is not even planned: planning could run somebody's function."""
    if called := sorted(parsed.functions & untrusted.functions):
        return f"planning it could run {called[0]}(), which is not PostgreSQL's own"
    if used := sorted(parsed.operators & untrusted.operators):
        return f"planning it could run operator {used[0]}, which is not PostgreSQL's own"
    names = {name for _, name in untrusted.tables}
    for each in parsed.tables:
        if each.name in names and (not each.schema or (each.schema, each.name) in untrusted.tables):
            return (
                f"planning it could run a function that {each.name} is defined by, which is not "
                "PostgreSQL's own"
            )
    return ""


_NOTHING_TO_PLAN: Final = frozenset({"it is no query", "it reads no table"})


def _not_planned(planned: Sequence[Seen], role: str) -> list[str]:
    """Return why statements have no plan, each reason once with what would help."""
    reasons: dict[str, int] = {}
    for each in planned:
        if each.why_not and each.why_not not in _NOTHING_TO_PLAN:
            reasons[each.why_not] = reasons.get(each.why_not, 0) + 1
    told = []
    for why, count in reasons.items():
        line = f"{count} statement{'s' if count > 1 else ''} without a plan: {why.lstrip('!')}"
        if why.startswith("!"):
            line += f"; GRANT SELECT on its tables, or GRANT pg_read_all_data, TO {named([role])};"
        told.append(line)
    return told


def _never_counted(statistics: Statistics) -> list[str]:
    never = [str(each) for each in statistics.tables if each.rows < 0 and each.bytes > found.MIB]
    if not never:
        return []
    listed = ", ".join(never[:5]) + (f" and {len(never) - 5} more" if len(never) > 5 else "")
    return [f"nothing has ever counted the rows of {listed}: ANALYZE;"]


def _notes(statistics: Statistics, unused_days: float, *, has_candidates: bool) -> list[str]:
    notes = []
    days = (statistics.taken - statistics.tables_since).total_seconds() / 86_400
    if days < unused_days:
        notes.append(
            f"Unused indexes are not judged: uses have been counted for {days:,.1f} days, and "
            f"{unused_days:g} are asked for."
        )
    if not statistics.hypopg_schema and has_candidates:
        how = (
            "CREATE EXTENSION hypopg;"
            if statistics.hypopg_available
            else "the server does not have the extension"
        )
        notes.append(f"No index was tried, since hypopg is not installed: {how}")
    if statistics.deadlocks:
        notes.append(f"{statistics.deadlocks} deadlocks have been counted in this database.")
    return notes


def _assumptions(
    made: Sequence[Finding], hours: float | None, requests_per_second: float | None
) -> tuple[str, ...]:
    told = ["Plans hold for any value of a parameter; a single value may have another one."]
    if any(each.saved_milliseconds for each in made):
        told.append(
            "A statement's time is taken to fall as the planner's cost of it does; where hypopg "
            "is not there, each row that an index leads to costs a page of its own."
        )
    if requests_per_second is not None and hours:
        told.append(
            f"{requests_per_second:g} requests/s on average over the {figure(hours)} hours of the "
            "counts, as --requests-per-second says."
        )
    return tuple(told)


def _ranked(seen: Seen, total: float) -> Ranked:
    counts: Statement = seen.counts
    return Ranked(
        id=counts.id,
        calls=counts.calls,
        milliseconds=counts.milliseconds,
        mean_milliseconds=counts.mean_milliseconds,
        rows=counts.rows,
        share=counts.milliseconds / total if total else 0.0,
        statement=seen.parsed.shown,
    )
