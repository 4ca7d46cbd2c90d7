"""The report as one self-contained page: no network, no script, light and dark, without colour.

Each replay is one drawing with panels over one time axis: demand and capacity, instances, bad
requests, the limit of the moment, and what happened. What the pointer rests on is told in words.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from surgeproof.report import words
from surgeproof.report.model import Moment, Replay, Report, Series
from surgeproof.simulation.verdict import Word

WIDTH: Final = 760
LEFT: Final = 70
RIGHT: Final = 10
PLOT: Final = WIDTH - LEFT - RIGHT

MARKS: Final = {Word.SURVIVES: "✓", Word.FAILS: "✗", Word.UNCERTAIN: "?"}

SYMBOLS: Final = {
    "alarm": "▲",
    "ok": "△",
    "scale_out": "+",
    "scale_in": "−",  # noqa: RUF001 - as wide as the plus beside it
    "scheduled": "◷",
    "injection": "⚡",
    "harm": "●",
    "limit": "■",
}

ROWS: Final = (
    ("alarms", ("alarm", "ok")),
    ("scaling", ("scale_out", "scale_in", "scheduled")),
    ("users, limits", ("harm", "limit", "injection")),
)
"""Rows of symbols, each with the kinds of moments that it holds."""

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fff; --faint: #d5d5dc;
  --demand: #b3261e; --capacity: #0b57a4; --bad: #7a1fa2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf1; --paper: #17171b; --faint: #44444d;
    --demand: #ff8a80; --capacity: #82b7ff; --bad: #dba6f5; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; max-width: 1700px; padding: 1rem; }
main { display: grid; gap: 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 40rem), 1fr)); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0;
  border-bottom: 1px solid var(--faint); overflow-wrap: anywhere; }
th { font-weight: 600; width: 30%; }
svg { width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
.axis { stroke: var(--faint); }
.demand { fill: none; stroke: var(--demand); stroke-width: 2.5; }
.capacity { fill: url(#hatch); stroke: var(--capacity); stroke-width: 1.2; stroke-dasharray: 5 2; }
.hatch { stroke: var(--capacity); stroke-width: 1; }
.desired { fill: none; stroke: var(--ink); stroke-dasharray: 2 2; }
.answering { fill: none; stroke: var(--capacity); stroke-width: 2; }
.bad { fill: var(--bad); }
.limit { fill: var(--paper); stroke: var(--ink); }
.hover { fill: transparent; } .hover:hover { fill: var(--ink); fill-opacity: .15; }
.verdict { font-size: 1.25rem; font-weight: 700; }
"""


def html(report: Report) -> str:
    """Return the report as an HTML page."""
    replays = "\n".join(_replay(replay) for replay in report.replays)
    assumptions = [
        f"{row.name}, {row.low:g} to {row.high:g} {row.unit}: {row.meaning}; {row.provenance}"
        for row in report.assumptions
    ]
    left_out = report.replays[0].verdict.not_modelled if report.replays else ()
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Replay: {escape(report.verdict)}</title>
<style>{STYLE}</style>
</head>
<body>
<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse"
 patternTransform="rotate(45)"><line class="hatch" y2="7"/></pattern></defs></svg>
<h1>{MARKS[report.verdict]} Replay: {escape(report.verdict)}</h1>
<main>
{replays}
</main>
{_folded("Not modelled", left_out)}
{_folded("Swept, since AWS does not document it", assumptions)}
</body>
</html>
"""


def _replay(replay: Replay) -> str:
    verdict, measured = replay.verdict, replay.verdict.measured
    parts = [
        "<section>",
        f"<h2>{escape(words.title(replay))}</h2>",
        f'<p class="verdict">{MARKS[verdict.word]} {escape(words.headline(replay))}</p>',
    ]
    if replay.series is not None:
        parts.append(drawing(replay.series, replay.timeline))
    if measured is not None:
        rows = (*words.facts(replay), ("Runs", words.runs(measured)))
        parts.append(
            "<table>"
            + "".join(
                f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>"
                for name, value in rows
            )
            + "</table>"
        )
        parts.append(_listed("Limits, by the typical run", words.bottlenecks(measured)))
        if verdict.word is not Word.SURVIVES:
            parts.append(_listed("What moves the verdict most", words.movers(measured)))
    moments = [f"{words.clock(each.at_seconds)}  {each.words}" for each in replay.timeline]
    parts += [
        _folded("What happened", moments),
        _folded("Whole log of the typical run", replay.events),
        _folded("Trace", replay.trace.source),
        _folded("Left out of this plan", verdict.limitations),
        _folded("Not seen", verdict.not_seen),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _listed(head: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h3>{escape(head)}</h3><ul>{items}</ul>" if items else ""


def _folded(head: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<details><summary>{escape(head)}</summary><ul>{items}</ul></details>" if items else ""


def drawing(series: Series, timeline: Sequence[Moment] = ()) -> str:
    """Return the panels of one replay as SVG."""
    seconds = series.step_seconds * len(series.demand)
    peak = max(series.demand)
    rates = max(1.05 * max(peak, min(max(series.capacity), 2 * peak)), 1e-9)
    instances = max(*series.desired, *series.answering, 1.0)
    parts = [
        *_ticks(seconds, 432),
        _panel("requests/s", 0, 170, rates),
        _steps("capacity", series.capacity, 0, 170, rates, closed=True),
        _steps("demand", series.demand, 0, 170, rates),
        _panel("instances", 190, 60, instances),
        _steps("answering", series.answering, 190, 60, instances),
        _steps("desired", series.desired, 190, 60, instances),
        _panel("% bad", 270, 45, 100),
        _steps("bad", series.bad_percent, 270, 45, 100, closed=True),
        '<text x="0" y="344">limit</text>',
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="350" y2="350"/>',
        *_bands(series, 332),
    ]
    for number, (name, kinds) in enumerate(ROWS):
        y = 372 + 20 * number
        parts.append(f'<text x="0" y="{y}">{name}</text>')
        parts += [
            f'<text x="{_x(each.at_seconds, seconds):.1f}" y="{y}" text-anchor="middle">'
            f"{SYMBOLS[each.kind]}<title>{words.clock(each.at_seconds)} {escape(each.words)}"
            "</title></text>"
            for each in timeline
            if each.kind in kinds
        ]
    parts += _hovers(series)
    label = (
        f"Demand up to {peak:,.0f} requests/s against capacity, instances, share of bad requests, "
        "limits, alarms and scaling actions over time"
    )
    legend = (
        "solid line: requests/s asked for; hatched: capacity; instances: solid answering, dotted "
        "desired"
    )
    used = [name for name in words.LETTERS if name != "none" and name in series.bottleneck]
    limits = "; ".join(f"{words.LETTERS[name]} {words.BOTTLENECKS[name]}" for name in used)
    symbols = "▲ alarm, △ over, + out, − in, ● users hurt begins or ends, ■ limit"  # noqa: RUF001
    notes = "".join(f"<br>{escape(each)}" for each in (symbols, limits) if each)
    return (
        f'<figure><svg viewBox="0 -12 {WIDTH} 460" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg><figcaption>{escape(legend)}{notes}</figcaption></figure>"
    )


def _x(at: float, seconds: float) -> float:
    return LEFT + PLOT * min(max(at / seconds, 0.0), 1.0)


def _panel(name: str, top: int, height: int, most: float) -> str:
    lines = "".join(
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        for y in (top, top + height)
    )
    return (
        f'{lines}<text x="0" y="{top + height / 2 + 4:g}">{name}</text>'
        f'<text x="{LEFT - 4}" y="{top + 8}" text-anchor="end">{most:,.0f}</text>'
        f'<text x="{LEFT - 4}" y="{top + height}" text-anchor="end">0</text>'
    )


def _steps(
    name: str, values: Sequence[float], top: int, height: int, most: float, *, closed: bool = False
) -> str:
    """Return a line that keeps each value for its step; closed to the axis as an area."""
    base = top + height
    width = PLOT / len(values)
    path = [f"M{LEFT} {base}" if closed else ""]
    for number, value in enumerate(values):
        y = base - height * min(value / most, 1.0)
        command = "L" if number or closed else "M"
        path.append(
            f"{command}{LEFT + number * width:.1f} {y:.1f}H{LEFT + (number + 1) * width:.1f}"
        )
    path.append(f"V{base}Z" if closed else "")
    return f'<path class="{name}" d="{"".join(path)}"/>'


def _bands(series: Series, top: int) -> Iterable[str]:
    """Return one labelled box for each span of a limit."""
    names = series.bottleneck
    width = PLOT / len(names)
    start = 0
    for stop in range(1, len(names) + 1):
        if stop < len(names) and names[stop] == names[start]:
            continue
        if names[start] != "none":
            x, wide = LEFT + start * width, (stop - start) * width
            yield f'<rect class="limit" x="{x:.1f}" y="{top}" width="{wide:.1f}" height="16"/>'
            if wide >= 8:
                yield (
                    f'<text x="{x + wide / 2:.1f}" y="{top + 12}" text-anchor="middle">'
                    f"{words.LETTERS[names[start]]}</text>"
                )
        start = stop


def _ticks(seconds: float, y: int) -> Iterable[str]:
    choices = (60, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800)
    every = next((each for each in choices if seconds / each <= 10), seconds / 8)
    for number in range(int(seconds // every) + 1):
        at = number * every
        x = _x(at, seconds)
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{y - 14}"/>'
        anchor = "middle" if x < WIDTH - 30 else "end"
        yield f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{words.clock(at)}</text>'


def _hovers(series: Series) -> Iterable[str]:
    width = PLOT / len(series.demand)
    for number, demand in enumerate(series.demand):
        told = (
            f"{words.clock(number * series.step_seconds)}: {demand:,.0f} requests/s asked for, "
            f"capacity {series.capacity[number]:,.0f}; {series.answering[number]:.0f} of "
            f"{series.desired[number]:.0f} instances answer; "
            f"{words.percent(series.bad_percent[number])} bad; limit: "
            f"{words.BOTTLENECKS[series.bottleneck[number]]}"
        )
        yield (
            f'<rect class="hover" x="{LEFT + number * width:.1f}" y="0" width="{width:.2f}" '
            f'height="350"><title>{escape(told)}</title></rect>'
        )
