"""The page of an exercise: charts and alarms as they stood at its minute, and the questions.

It is one file that needs no network and runs no script. It is made of the evidence and of the
questions' options alone; the key is not among what this module reads.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from surgeproof import report
from surgeproof.escaping import html as escape
from surgeproof.exercise.facts import Facts, Points, clock

WIDTH: Final = 640
HEIGHT: Final = 150
LEFT: Final = 60
"""Room for the numbers beside a chart (units of the drawing)."""

HAPPENINGS: Final = 60
"""Most rows of the table of what happened: the newest."""

EVERY_MINUTES: Final = 5
"""Step of the table that holds a chart's numbers (minutes)."""

_STYLE: Final = """
.plots {
  display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr));
}
.brief td:nth-child(2) { overflow-wrap: normal; }
figure { margin: 0; }
figcaption { font-weight: 600; }
.plot { width: 100%; height: auto; }
.sample { width: 34px; }
.plot text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.plot .axis { stroke: var(--line); fill: none; }
.plot .grid { stroke: var(--faint); fill: none; }
.plot .line { fill: none; stroke-width: 2; }
.plot .l0 { stroke: var(--capacity); }
.plot .l1 { stroke: var(--demand); stroke-dasharray: 6 3; }
.plot .l2 { stroke: var(--hurt); stroke-dasharray: 2 3; }
.key { font-weight: 400; }
.question { border-top: 1px solid var(--faint); padding-top: .5rem; }
ol.options { list-style: lower-alpha; }
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the page shows it."""

    text: str
    options: Sequence[str]
    points: int
    hint: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart; of several, each is drawn differently."""

    name: str
    points: Points


def html(
    facts: Facts,
    asked: Sequence[Asked],
    *,
    seed: int,
    passing_percent: int,
    hint_points: int,
    lesson: str = "",
) -> str:
    """Return the page of an exercise.

    Args:
        facts: The evidence as it stood.
        asked: The questions.
        seed: Its seed, which names it.
        passing_percent: Passing score (percent of the points).
        hint_points: What a hint costs (points).
        lesson: What the lesson is called and what its goal is. Default: no lesson.

    """
    style = Path(report.__file__).with_name("page.css").read_text("utf-8") + _STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    total = sum(each.points for each in asked)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Exercise {seed}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>Exercise {seed}: it is {clock(facts.now)} UTC</h1>
<p class="lead">EXERCISE. Everything on this page is simulated; no service is in trouble.</p>
{f'<p class="lead">{escape(lesson)}</p>' if lesson else ""}
<p>{escape(_called(facts))} You are on call for the group {escape(facts.group_name)} behind a load
balancer. Below is what AWS shows at this minute, and nothing of what comes after it. Read it,
answer the questions at the end, and give your answers to <code>surgeproof drill answer</code>.
There are {total} points, and you pass with {passing_percent} % of them. Each hint costs
{hint_points} points.</p>
</header>
<main>
<h2>Alarms</h2>
{_alarms(facts)}
<h2>Charts</h2>
<div class="plots">
{"".join(_charts(facts))}
</div>
<h2>What happened</h2>
{_happened(facts)}
<h2>Questions</h2>
{"".join(_question(number, each, hint_points) for number, each in enumerate(asked, 1))}
</main>
</body>
</html>
"""


def _called(facts: Facts) -> str:
    if not facts.pages:
        return "No alarm has paged you. A colleague calls: is anything wrong with the shop?"
    at, name, _ = facts.pages[0]
    return f"At {clock(at)} you were paged: {name} is in ALARM."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], css: str = "numbers") -> str:
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scrolls"><table class="{css}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _alarms(facts: Facts) -> str:
    rows = []
    for each in facts.alarms:
        statistic = each.extended_statistic or each.statistic or ""
        rule = (
            f"{each.metric_name} {statistic} {each.comparison_operator} {each.threshold:g}, "
            f"{each.evaluation_periods} periods of {each.period} s"
        )
        went = [f"{clock(at)} {reason}" for at, name, reason in facts.pages
                if name == each.alarm_name]  # fmt: skip
        last = went[-1] if went else "not in ALARM so far"
        rows.append((each.alarm_name, facts.states[each.alarm_name], rule, last))
    return _table(("alarm", "state now", "rule", "last went to ALARM"), rows, css="brief")


def _charts(facts: Facts) -> Iterable[str]:
    logs = facts.minutes
    balancer, group, database = "ApplicationELB", "AutoScaling", "RDS"

    def line(name: str, space: str, metric: str, statistic: str, factor: float = 1.0) -> Line:
        points = facts.points(space, metric, statistic)
        return Line(name, [(at, factor * value) for at, value in points])

    def counted(name: str, member: str) -> Line:
        return Line(name, [(each.begin, float(getattr(each, member))) for each in logs])

    yield _chart(
        facts, "Requests a minute (CloudWatch)", [line("requests", balancer, "RequestCount", "Sum")]
    )
    yield _chart(
        facts,
        "Errors a minute (CloudWatch)",
        [
            line("5XX of the targets", balancer, "HTTPCode_Target_5XX_Count", "Sum"),
            line("5XX of the load balancer", balancer, "HTTPCode_ELB_5XX_Count", "Sum"),
        ],
    )
    yield _chart(
        facts,
        "Clients a minute (access logs)",
        [counted("clients", "clients"), counted("clients hurt", "hurt_clients")],
    )
    yield _chart(
        facts,
        "Requests a minute (access logs)",
        [counted("requests", "requests"), counted("failed", "failed"), counted("slow", "slow")],
    )
    yield _chart(
        facts,
        "Response time (s)",
        [
            line("p95", balancer, "TargetResponseTime", "p95"),
            line("average", balancer, "TargetResponseTime", "Average"),
        ],
    )
    yield _chart(
        facts,
        "Instances",
        [
            line("healthy targets, least", balancer, "HealthyHostCount", "Minimum"),
            line("wanted", group, "GroupDesiredCapacity", "Average"),
            line("maximum of the group", group, "GroupMaxSize", "Average"),
        ],
    )
    yield _chart(
        facts,
        "Processors (%)",
        [
            line("instances", "EC2", "CPUUtilization", "Average"),
            line("database", database, "CPUUtilization", "Average"),
        ],
    )
    yield _chart(
        facts,
        "Database: read latency (ms)",
        [line("read latency", database, "ReadLatency", "Average", 1000.0)],
    )
    yield _chart(
        facts,
        "Database: connections",
        [line("connections", database, "DatabaseConnections", "Average")],
    )


def _chart(facts: Facts, title: str, lines: Sequence[Line]) -> str:
    """Return lines over the time from the evidence's beginning to now, and their numbers."""
    values = [value for each in lines for _, value in each.points]
    top = _round(max(values, default=1.0))
    span = (facts.now - facts.begin).total_seconds()

    def across(at: datetime) -> float:
        return LEFT + (WIDTH - LEFT) * (at - facts.begin).total_seconds() / span

    def up(value: float) -> float:
        return HEIGHT - 20 - (HEIGHT - 30) * value / top

    shapes = [
        f'<path class="grid" d="M{LEFT} {up(share * top):.1f}H{WIDTH}"/>'
        f'<text x="{LEFT - 6}" y="{up(share * top) + 4:.1f}" text-anchor="end">'
        f"{share * top:,g}</text>"
        for share in (0.0, 0.5, 1.0)
    ]
    at = facts.begin
    while at <= facts.now:
        x = across(at)
        shapes.append(
            f'<path class="axis" d="M{x:.1f} {HEIGHT - 20}v4"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{clock(at)}</text>'
        )
        at += timedelta(minutes=15)
    for number, each in enumerate(lines):
        if path := _path(each.points, across, up):
            shapes.append(f'<path class="line l{number}" d="{path}"/>')
    if not values:
        shapes.append(f'<text x="{WIDTH / 2:g}" y="{HEIGHT / 2:g}">no data so far</text>')
    names = ", ".join(
        f'<svg viewBox="0 0 34 8" width="34" height="8" class="plot sample" aria-hidden="true">'
        f'<path class="line l{number}" d="M0 4h34"/></svg> {escape(each.name)}'
        for number, each in enumerate(lines)
    )
    return (
        f'<figure><figcaption>{escape(title)}: <span class="key">{names}</span></figcaption>'
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}; its numbers are in the table below">{"".join(shapes)}</svg>'
        f"<details><summary>As a table</summary>{_numbers(facts, lines)}</details></figure>\n"
    )


def _path(points: Points, across: Callable[[datetime], float], up: Callable[[float], float]) -> str:
    """Return a path through the points, with a gap where minutes are missing."""
    parts: list[str] = []
    last: datetime | None = None
    for at, value in points:
        joined = last is not None and at - last <= timedelta(minutes=5)
        parts.append(f"{'L' if joined else 'M'}{across(at):.1f} {up(value):.1f}")
        if not joined:
            parts.append("h1")
        last = at
    return "".join(parts)


def _numbers(facts: Facts, lines: Sequence[Line]) -> str:
    """Return the points as a table: every five minutes, and each of the last ten."""
    known = [dict(each.points) for each in lines]
    moments = sorted({at for each in known for at in each})
    shown = [
        at
        for at in moments
        if at.minute % EVERY_MINUTES == 0 or at >= facts.now - timedelta(minutes=10)
    ]
    rows = [
        (clock(at), *(f"{each[at]:,.4g}" if at in each else "no data" for each in known))
        for at in shown
    ]
    return _table(("from", *(each.name for each in lines)), rows)


def _happened(facts: Facts) -> str:
    happenings = facts.happenings[-HAPPENINGS:]
    if not happenings:
        return "<p>Nothing: no alarm changed, no instance came or went.</p>"
    left = len(facts.happenings) - len(happenings)
    more = f"<p>{left} earlier ones are left out.</p>" if left else ""
    return more + _table(
        ("at", "what"), ((clock(each.at), each.what) for each in happenings), css="brief"
    )


def _question(number: int, asked: Asked, hint_points: int) -> str:
    options = "".join(f"<li>{escape(each)}</li>" for each in asked.options)
    return (
        f'<section class="question"><h3>{number}. {escape(asked.text)} '
        f'<span class="soft">({asked.points} points)</span></h3>'
        f'<ol class="options">{options}</ol>'
        f"<details><summary>Hint {number}: costs {hint_points} points</summary>"
        f"<p>{escape(asked.hint)}</p></details></section>\n"
    )


def _round(value: float) -> float:
    """Return the next number with one digit, or one of two digits that ends in 5."""
    if value <= 0:
        return 1.0
    unit = 1.0
    while unit * 10 <= value:
        unit *= 10
    while unit > value:
        unit /= 10
    steps = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
    return float(next((step * unit for step in steps if step * unit >= value), 10 * unit))
