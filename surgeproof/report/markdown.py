"""The report for a pull request; GitHub draws the chart from its text."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from surgeproof.escaping import markdown as escaped
from surgeproof.report import words
from surgeproof.report.model import Replay, Report, Series
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.verdict import moved

CHART_POINTS: Final = 60
"""Points of a chart; more do not fit beside a review."""

MARKS: Final = {Word.SURVIVES: "✅", Word.FAILS: "❌", Word.UNCERTAIN: "❓"}


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    lines = [f"## {MARKS[report.verdict]} Replay: {report.verdict}", ""]
    for paragraph in words.gist(report):
        lines += [escaped(paragraph), ""]
    lines += _side_by_side(report)
    for replay in report.replays:
        lines += ["", f"### {escaped(words.title(replay))}", "", escaped(words.headline(replay))]
        for line in replay.verdict.warnings:
            lines += ["", f"> {escaped(line)}"]
        lines += ["", escaped(words.source(replay))]
        lines += _replay(replay)
    names = [
        f"{row.name} ({row.low:g} to {row.high:g} {row.unit}): {row.meaning}; {row.provenance}"
        for row in report.assumptions
    ]
    lines += _folded("Swept, since AWS does not document it", names)
    if report.replays:
        lines += _folded("Not modelled", report.replays[0].verdict.not_modelled)
    return "\n".join(lines) + "\n"


def _side_by_side(report: Report) -> list[str]:
    """Return one column a replay, so that fleets can be compared."""
    heads = [escaped(words.fleet(replay)) for replay in report.replays]
    rows = zip(*(words.brief(replay) for replay in report.replays), strict=True)
    return [
        f"| | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
        *(f"| {row[0][0]} | {' | '.join(escaped(value) for _, value in row)} |" for row in rows),
    ]


def _replay(replay: Replay) -> list[str]:
    verdict, measured = replay.verdict, replay.verdict.measured
    lines = []
    if replay.series is not None:
        lines += ["", *_chart(replay.series), ""]
        lines += [
            f"1. {words.clock(each.at_seconds, replay.trace.begins_seconds)} {escaped(each.words)}"
            for each in words.story(replay)
        ]
    if measured is not None:
        lines += ["", "| | |", "|---|---|"]
        pairs = (*words.facts(replay), ("Runs", words.runs(measured)))
        lines += [f"| {escaped(name)} | {escaped(value)} |" for name, value in pairs]
        lines += ["", "Limits, by the typical run:", ""]
        lines += [
            f"- {escaped(line)}"
            for line in words.bottlenecks(measured, replay.trace.begins_seconds)
        ]
        if measured.lifted:
            lines += ["", "Without one limit, in the typical run:", ""]
            lines += [f"- {escaped(line)}" for line in words.lifted(measured)]
        if verdict.word is not Word.SURVIVES:
            lines += ["", "What moves the verdict most:", ""]
            lines += [f"- {escaped(line)}" for line in moved(measured)]
    if replay.suggestions:
        lines += ["", "Changes that were replayed:", ""]
        lines += [f"- {escaped(line)}" for line in replay.suggestions]
    lines += _folded("Trace", words.traced(replay))
    lines += _folded("What happened, in the typical run", replay.events)
    lines += _folded("Left out of this plan", verdict.limitations)
    lines += _folded("Not seen", verdict.not_seen)
    return lines


def _chart(series: Series) -> list[str]:
    count = min(CHART_POINTS, len(series.demand))
    starts = np.linspace(0, len(series.demand), count + 1).astype(int)[:-1]
    demand = np.maximum.reduceat(np.array(series.demand), starts)
    capacity = np.minimum.reduceat(np.array(series.capacity), starts)
    end = series.step_seconds * len(series.demand) / 60
    # Capacity far beyond the demand is cut off: the demand is what has to be seen.
    top = float(max(demand.max(), min(capacity.max(), 2 * demand.max()), 1.0)) * 1.1
    capacity = np.minimum(capacity, top)

    def numbers(values: Iterable[float]) -> str:
        return ", ".join(f"{value:.5g}" for value in values)

    return [
        "```mermaid",
        "xychart-beta",
        '  title "Requests/s asked for (line) and capacity (bars)"',
        f'  x-axis "minutes" 0 --> {end:.5g}',
        f'  y-axis "requests/s" 0 --> {top:.5g}',
        f"  bar [{numbers(capacity.tolist())}]",
        f"  line [{numbers(demand.tolist())}]",
        "```",
    ]


def _folded(head: str, lines: Iterable[str]) -> list[str]:
    kept = [f"- {escaped(line)}" for line in lines]
    return ["", f"<details><summary>{head}</summary>", "", *kept, "", "</details>"] if kept else []
