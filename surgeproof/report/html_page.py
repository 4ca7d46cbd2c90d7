"""The report as one self-contained page: no network, light and dark, readable without colour.

It tells what happened in words, then shows each fleet of a surge over one time axis: demand and
capacity, users hurt, instances, what stood in the way, alarms and scaling actions. `page.js` draws
from the numbers that the page holds; without scripts their tables remain.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from surgeproof.escaping import html as escape
from surgeproof.escaping import visible
from surgeproof.report import words
from surgeproof.report.model import Replay, Report, Series
from surgeproof.simulation.bottlenecks import Bottleneck
from surgeproof.simulation.outcomes import Word, percent
from surgeproof.simulation.verdict import moved

MARKS: Final = {Word.SURVIVES: "✓", Word.FAILS: "✗", Word.UNCERTAIN: "?"}

TITLES: Final = {
    Word.SURVIVES: "It survives",
    Word.FAILS: "It fails",
    Word.UNCERTAIN: "Whether it survives is uncertain",
}

ROWS: Final = 60
"""Most rows of the table that holds what a drawing shows."""

PATTERNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "hatch": '<path d="M-1 1l2 -2M0 8l8 -8M7 9l2 -2"/>',
        "dots": '<path d="M1 1h2v2h-2zM5 5h2v2h-2z"/>',
        "mesh": '<path d="M0 0l8 8M0 8l8 -8"/>',
    }
)
"""What areas are filled with, each on a tile of 8 x 8; limits have their own."""

LEGEND: Final = (
    ('<path class="demand" d="M0 8h34"/>', "requests/s that users ask for"),
    ('<path class="attempts" d="M0 8h34"/>', "the same with their retries"),
    ('<path class="capacity" d="M1 1h32v14h-32z"/>', "requests/s that the instances carry"),
    ('<path class="gap" d="M0 0h34v16h-34z"/>', "asked for and not carried"),
    ('<path class="hurt" d="M1 1h32v14h-32z"/>', "share of the users hurt, in each minute"),
    ('<path class="answering" d="M0 8h34"/>', "instances that answer"),
    ('<path class="desired" d="M0 8h34"/>', "instances that the group wants"),
    (
        '<path class="alarm" d="M8 4h25v9h-25z"/><path class="sign" d="M3 14h10l-5 -11z"/>',
        "an alarm, from its beginning to its end",
    ),
    ('<path class="sign" d="M11 13h12l-6 -11z"/>', "more instances asked for"),
    ('<path class="sign" d="M11 3h12l-6 11z"/>', "fewer asked for"),
    ('<path class="sign" d="M12 3h10v10h-10z"/>', "a limit reached"),
    ('<path class="sign" d="M17 1l6 7l-6 7l-6 -7z"/>', "a failure injected"),
    ('<circle class="sign" cx="17" cy="8" r="5"/>', "a scheduled action"),
    ('<circle class="badge" cx="17" cy="8" r="7"/>', "a turn of the story beside the drawing"),
)

TOOLS: Final = (
    ("in", "Zoom in"),
    ("out", "Zoom out"),
    ("earlier", "Earlier"),
    ("later", "Later"),
    ("whole", "Whole trace"),
)

HERE: Final = Path(__file__).parent


def html(report: Report) -> str:
    """Return the report as an HTML page."""
    style = HERE.joinpath("page.css").read_text("utf-8")
    script = HERE.joinpath("page.js").read_text("utf-8")
    surges = [list(each) for _, each in groupby(report.replays, key=words.under)]
    assumptions = [
        f"{row.name}, {row.low:g} to {row.high:g} {row.unit}: {row.meaning}; {row.provenance}"
        for row in report.assumptions
    ]
    left_out = report.replays[0].verdict.not_modelled if report.replays else ()
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    leads = "\n".join(
        f'<p class="lead">{escape(" ".join(words.lead(surge)))}</p><ul class="lead">'
        + "".join(f"<li>{escape(words.fate(replay))}</li>" for replay in surge)
        + "</ul>"
        for surge in surges
    )
    sections = "\n".join(_section(number, surge) for number, surge in enumerate(surges))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Replay: {escape(report.verdict)}</title>
<style>{style}</style>
</head>
<body>
<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>{_patterns()}</defs></svg>
<header>
<h1><span class="word {report.verdict}">{MARKS[report.verdict]} {escape(report.verdict)}</span>
{escape(_title(report))}</h1>
<p class="soft">A replay: the scaling configuration was run against traffic in a simulation of
AWS's documented rules. No request was sent, and nothing was deployed for it.</p>
{leads}
</header>
<main>
{_side_by_side(report)}
{sections}
</main>
<h2>What this cannot tell</h2>
{_listed("Not modelled", left_out)}
{_folded("Swept, since AWS does not document it", assumptions)}
<script type="application/json" id="replays">{_data(surges)}</script>
<script>{script}</script>
</body>
</html>
"""


def _title(report: Report) -> str:
    fleets = [f"stack {each.stack}" for each in report.replays if not each.compared]
    traces = [each.trace.name for each in report.replays]
    listed = [", ".join(dict.fromkeys(names)) for names in (fleets, traces)]
    return f"{TITLES[report.verdict]}: {' under '.join(listed)}"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _patterns() -> str:
    return "".join(
        f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">{shape}</pattern>'
        for name, shape in (
            *PATTERNS.items(),
            *((each, each.pattern) for each in Bottleneck if each is not Bottleneck.NONE),
        )
    )


def _side_by_side(report: Report) -> str:
    """Return one column a fleet, one table a surge would be too many; all stand beside another."""
    if len(report.replays) < 2:
        return ""
    heads = "".join(f'<th scope="col">{escape(words.fleet(each))}</th>' for each in report.replays)
    rows = zip(*(words.brief(replay) for replay in report.replays), strict=True)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0][0])}</th>'
        + "".join(f"<td>{escape(value)}</td>" for _, value in row)
        + "</tr>"
        for row in rows
    )
    return (
        '<h2>Side by side</h2><div class="scrolls"><table class="brief"><thead><tr><td></td>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _section(number: int, surge: Sequence[Replay]) -> str:
    trace, head = surge[0].trace, words.under(surge[0])
    dated = f" from {words.date(trace)}" if trace.begins_seconds is not None else ""
    load = (
        f"At most {trace.peak_requests_per_second:,.0f} requests/s, on average "
        f"{trace.mean_requests_per_second:,.0f}, for {words.lasting(trace.seconds)}{dated}."
    )
    buttons = "".join(f'<button type="button" data-do="{do}">{name}</button>' for do, name in TOOLS)
    drawn = any(replay.series for replay in surge)
    tools = (
        f'<div class="tools" role="group" aria-label="Time that is shown">{buttons}'
        '<span class="shown" aria-live="polite"></span></div>'
    )
    return "\n".join(
        (
            f'<section class="{"surge" if drawn else "unknown"}">',
            f"<h2>{escape(head[:1].upper() + head[1:])}</h2>",
            f"<p>{escape(load)}</p>",
            _legend(surge) if drawn else "",
            tools if drawn else "",
            '<div class="fleets">',
            *(_fleet(f"{number}-{index}", replay) for index, replay in enumerate(surge)),
            "</div>",
            "</section>",
        )
    )


def _legend(surge: Sequence[Replay]) -> str:
    used = {name for replay in surge if replay.series for name in replay.series.bottleneck}
    limits = [
        (
            f'<rect class="limit" x="1" y="1" width="32" height="14" fill="url(#{each})"/>',
            f"{each.letter}, {words.limit(each)}",
        )
        for each in Bottleneck
        if each in used and each is not Bottleneck.NONE
    ]
    items = "".join(
        f'<li><svg viewBox="0 0 34 16" aria-hidden="true">{shape}</svg>{escape(meaning)}</li>'
        for shape, meaning in (*LEGEND, *limits)
    )
    return (
        '<details open><summary>How to read the drawings</summary><p class="soft">Time runs from '
        "left to right and is the same in all panels and for all fleets. Point at a moment to read "
        "its values; drag over a span, or use the buttons, to look closer; a double click shows "
        "all. With the keyboard: focus a drawing, then the arrow keys, + and -, 0 for all."
        f'</p><ul class="legend">{items}</ul></details>'
    )


def _fleet(name: str, replay: Replay) -> str:
    verdict, measured = replay.verdict, replay.verdict.measured
    begins = replay.trace.begins_seconds
    told = " ".join(escape(line) for line in words.summary(replay))
    word = f'<span class="word {verdict.word}">{MARKS[verdict.word]} {verdict.word}</span>'
    story = "".join(
        f"<li>{words.clock(each.at_seconds, begins)} {escape(each.words)}</li>"
        for each in words.story(replay)
    )
    drawing = (
        f'<div class="chart" id="chart-{name}" tabindex="0" role="group" '
        f'aria-label="{escape(_label(replay))}">'
        '<svg aria-hidden="true"></svg><div class="tip" hidden></div>'
        '<p class="said" role="status"></p>'
        '<p class="undrawn">The drawing needs scripts; the tables below hold its numbers.</p></div>'
        if replay.series
        else "<div></div>"
    )
    rows = (*words.facts(replay), ("Runs", words.runs(measured))) if measured else ()
    facts = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{escape(value)}</td></tr>'
        for key, value in rows
    )
    moments = [f"{words.clock(each.at_seconds, begins)}  {each.words}" for each in replay.timeline]
    if replay.timeline_left_out:
        moments.append(f"{replay.timeline_left_out:,} more moments are neither drawn nor listed")
    folded = (
        _listed("Limits, by the typical run", words.bottlenecks(measured, begins))
        if measured
        else "",
        _listed("Without one limit, in the typical run", words.lifted(measured))
        if measured
        else "",
        _listed("What moves the verdict most", moved(measured))
        if measured and verdict.word is not Word.SURVIVES
        else "",
        _numbers(replay.series, begins) if replay.series else "",
        _folded("What happened", moments),
        _folded("Whole log of the typical run", replay.events),
        _folded("Trace", words.traced(replay)),
        _folded("Left out of this plan", verdict.limitations),
        _folded("Not seen", verdict.not_seen),
    )
    return "\n".join(
        (
            '<section class="fleet">',
            f'<h3>{escape(words.who(replay))}</h3><p class="verdict">{word}</p>',
            f'<p>{told} <span class="soft">{escape(words.source(replay))}</span></p>',
            drawing,
            f'<ol class="story">{story}</ol>' if story else "<div></div>",
            f"<table><tbody>{facts}</tbody></table>" if facts else "<div></div>",
            f"<div>{''.join(folded)}</div>",
            "</section>",
        )
    )


def _label(replay: Replay) -> str:
    return (
        f"Drawing of {words.fleet(replay)}: demand against capacity, users hurt, instances, what "
        "stood in the way, alarms and scaling actions over time. Its numbers are in the table "
        "below."
    )


def _numbers(series: Series, begins: float | None) -> str:
    """Return what the drawing shows as a table: of each span the worst."""
    count = len(series.demand)
    width = -(-count // ROWS)
    rows = []
    for start in range(0, count, width):
        part = slice(start, min(start + width, count))
        limits = [each for each in series.bottleneck[part] if each != "none"]
        longest = max(limits, key=limits.count) if limits else "none"
        cells = (
            f"{max(series.demand[part]):,.0f}",
            f"{min(series.capacity[part]):,.0f}",
            percent(max(series.hurt_percent[part])),
            f"{min(series.answering[part]):,.0f}",
            f"{max(series.desired[part]):,.0f}",
            Bottleneck(longest).short,
        )
        rows.append(
            f'<tr><th scope="row">{words.clock(start * series.step_seconds, begins)}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    heads = "".join(
        f'<th scope="col">{name}</th>'
        for name in (
            "from",
            "requests/s, most",
            "capacity, least",
            "users hurt",
            "answering, least",
            "wanted",
            "in the way",
        )
    )
    return (
        "<details><summary>The drawing as a table</summary>"
        f'<div class="scrolls"><table class="numbers"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _listed(head: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h4>{escape(head)}</h4><ul>{items}</ul>" if items else ""


def _folded(head: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<details><summary>{escape(head)}</summary><ul>{items}</ul></details>" if items else ""


def _data(surges: Sequence[Sequence[Replay]]) -> str:
    """Return what the script draws, as JSON that cannot end the element which holds it."""
    data = {
        "surges": [
            _surge_data([replay for replay in surge if replay.series])
            for surge in surges
            if any(replay.series for replay in surge)
        ],
        "limits": {
            each: {"letter": each.letter, "short": each.short, "words": words.limit(each)}
            for each in Bottleneck
            if each is not Bottleneck.NONE
        },
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _surge_data(surge: Sequence[Replay]) -> Mapping[str, Any]:
    """Return the fleets of a surge; their requests are drawn to the same scale."""
    peak = max(replay.trace.peak_requests_per_second for replay in surge)
    capacity = max(max(replay.series.capacity) for replay in surge if replay.series)
    return {
        "seconds": surge[0].trace.seconds,
        "begins": surge[0].trace.begins_seconds,
        # Capacity far beyond the demand is cut off: the demand is what has to be seen.
        "top": _round(max(1.05 * max(peak, min(capacity, 2 * peak)), 1.0)),
        "fleets": [_fleet_data(replay, replay.series) for replay in surge if replay.series],
    }


def _fleet_data(replay: Replay, series: Series) -> Mapping[str, Any]:
    alarms = {each.subject for each in replay.timeline if each.kind in {"alarm", "ok"}}
    cut = len(_shared([*alarms, f"{replay.verdict.group}-"]))
    return {
        "step": series.step_seconds,
        "demand": series.demand,
        "attempts": series.attempts,
        "capacity": series.capacity,
        "answering": series.answering,
        "desired": series.desired,
        "most": max(*series.desired, *series.answering, 1.0),
        "bad": series.bad_percent,
        "hurt": series.hurt_percent,
        "limit": series.bottleneck,
        "moments": [
            {
                "at": each.at_seconds,
                "kind": each.kind,
                "subject": visible(each.subject),
                "name": visible(each.subject[cut if each.kind in {"alarm", "ok"} else 0 :]),
                "words": visible(each.words),
            }
            for each in replay.timeline
        ],
        "story": [{"at": each.at_seconds} for each in words.story(replay)],
    }


def _shared(names: Sequence[str]) -> str:
    """Return what all names begin with, up to a dash."""
    low, high = min(names), max(names)
    pairs = enumerate(zip(low, high, strict=False))
    same = next((i for i, (ours, theirs) in pairs if ours != theirs), len(low))
    return low[: low[:same].rfind("-") + 1]


def _round(value: float) -> float:
    """Return the next number with two digits."""
    unit = 10.0 ** max(len(str(int(value))) - 2, 0)
    return float(-(-value // unit) * unit)
