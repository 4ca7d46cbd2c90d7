"""The report in a terminal, readable without colour."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from surgeproof.consoles import drawing, text_line, text_of
from surgeproof.report import words
from surgeproof.report.model import Replay, Report, Series
from surgeproof.simulation.bottlenecks import Bottleneck
from surgeproof.simulation.compiled.records import Floats
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.verdict import moved

HEIGHT: Final = 8
"""Rows of the chart."""

STYLES: Final = {Word.SURVIVES: "bold green", Word.FAILS: "bold red", Word.UNCERTAIN: "bold yellow"}


def text(report: Report, *, width: int = 100, colour: bool = False) -> str:
    """Return the report for a terminal of that width."""
    console = drawing(width=width, colour=colour)
    for replay in report.replays:
        _replay(console, replay)
    _left_out(console, report)
    if len(report.replays) > 1:
        console.print(_side_by_side(report))
        console.print()
    _print(console, f"Verdict: {report.verdict}", STYLES[report.verdict])
    return text_of(console)


def _print(console: Console, line: str, style: str = "") -> None:
    console.print(text_line(line, style))


def _listed(console: Console, head: str, lines: Iterable[str]) -> None:
    kept = list(lines)
    if not kept:
        return
    _print(console, head)
    table = Table.grid(padding=(0, 1))
    for line in kept:
        table.add_row(" -", text_line(line))
    console.print(table)


def _replay(console: Console, replay: Replay) -> None:
    verdict = replay.verdict
    _print(console, words.title(replay), "bold")
    _print(console, words.headline(replay), STYLES[verdict.word])
    for line in verdict.warnings:
        _print(console, line, "bold yellow")
    _print(console, words.source(replay))
    console.print()
    measured = verdict.measured
    if replay.series is not None:
        for line in chart(replay.series, max(console.width - 12, 20)):
            _print(console, line)
        console.print()
    if measured is not None:
        table = Table.grid(padding=(0, 2))
        for name, value in (*words.facts(replay), ("Runs", words.runs(measured))):
            table.add_row(text_line(name), text_line(value))
        console.print(table)
        _listed(
            console,
            "Limits, by the typical run",
            words.bottlenecks(measured, replay.trace.begins_seconds),
        )
        _listed(console, "Without one limit, in the typical run", words.lifted(measured))
        if verdict.word is not Word.SURVIVES:
            _listed(console, "What moves the verdict most", moved(measured))
            _listed(console, "Changes that were replayed", replay.suggestions)
    _listed(console, "Trace", words.traced(replay))
    _listed(console, "What happened, in the typical run", replay.events)
    _listed(console, "Left out of this plan", verdict.limitations)
    _listed(console, "Not seen", verdict.not_seen)
    console.print()


def _side_by_side(report: Report) -> Table:
    """Return one column a replay, so that fleets can be compared."""
    table = Table(box=box.ASCII2, show_edge=False)
    table.add_column("")
    rows: dict[str, list[str]] = {}
    for replay in report.replays:
        table.add_column(text_line(words.fleet(replay)), overflow="fold")
        for name, value in words.brief(replay):
            rows.setdefault(name, []).append(value)
    for name, values in rows.items():
        table.add_row(text_line(name), *(text_line(value) for value in values))
    return table


def _left_out(console: Console, report: Report) -> None:
    if report.replays:
        _listed(console, "Not modelled", report.replays[0].verdict.not_modelled)
    names = ", ".join(row.name for row in report.assumptions)
    _listed(
        console,
        f"Swept, since AWS does not document it ({len(report.assumptions)} assumptions; ranges: "
        "docs/simulation.md)",
        [names] if names else [],
    )
    console.print()


def chart(series: Series, columns: int = 72) -> list[str]:
    """Draw demand (`o`) before capacity (shaded), and below it who was hurt and by which limit."""
    demand = _columns(np.array(series.demand), columns, np.maximum)
    capacity = _columns(np.array(series.capacity), columns, np.minimum)
    bad = _columns(np.array(series.bad_percent), columns, np.maximum)
    # Capacity far beyond the demand is cut off: the demand is what has to be seen.
    top = 1.05 * float(max(demand.max(), min(capacity.max(), 2 * demand.max()), 1e-9))
    filled = np.clip(np.round(capacity / top * HEIGHT), 0, HEIGHT)
    line = np.clip(np.ceil(demand / top * HEIGHT) - 1, 0, HEIGHT - 1)
    rows = []
    for level in range(HEIGHT - 1, -1, -1):
        body = "".join(
            "o" if line[i] == level else "░" if filled[i] > level else " "
            for i in range(demand.size)
        )
        mark = (
            f"{top * (level + 1) / HEIGHT:9,.0f}" if level in {HEIGHT - 1, HEIGHT // 2 - 1} else ""
        )
        rows.append(f"{mark:>9} |{body}")
    hurt = "".join(" " if b < 0.01 else "." if b < 1 else "x" if b < 20 else "X" for b in bad)
    places = np.linspace(0, len(series.bottleneck), demand.size + 1).astype(int)
    limits = "".join(
        next((Bottleneck(b).letter for b in series.bottleneck[i:j] if b != "none"), " ")
        for i, j in pairwise(places)
    )
    minutes = series.step_seconds * len(series.demand) / 60
    end = f"{minutes:,.0f} min"
    rows += [
        f"{'bad':>9} |{hurt}",
        f"{'limit':>9} |{limits}",
        f"{'':>9} +0{end:>{demand.size - 1}}",
        f"{'':>11}o requests/s asked for, ░ capacity; bad: . some, x over 1 %, X over 20 %",
    ]
    used = {b for b in series.bottleneck if b != "none"}
    if used:
        rows.append(
            f"{'':>11}"
            + ", ".join(f"{Bottleneck(b).letter} {Bottleneck(b).short}" for b in sorted(used))
        )
    return rows


def _columns(values: Floats, columns: int, how: np.ufunc) -> Floats:
    """Return the values on at most so many columns."""
    count = min(columns, values.size)
    starts = np.linspace(0, values.size, count + 1).astype(int)[:-1]
    return np.asarray(how.reduceat(values, starts), np.float64)
