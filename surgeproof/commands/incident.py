"""`surgeproof incident`: the evidence of an incident, its review, and what keeps one from done."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from surgeproof import files
from surgeproof.commands.account import clients_of
from surgeproof.commands.options import embedded_option, is_embedded, is_given
from surgeproof.commands.parameters import FilePath, Time
from surgeproof.emulator.run_directory import RunError
from surgeproof.escaping import html
from surgeproof.exits import AnswerIsNo, InputError, path_of
from surgeproof.printing import say
from surgeproof.project import LOCAL, Project
from surgeproof.settings.errors import listed, path_shown, shown

if TYPE_CHECKING:
    from surgeproof.incident.evidence import Evidence
    from surgeproof.incident.live import Span

REVIEWS: Final = Path("docs/incidents")
"""Where reviews are kept unless said otherwise."""

GROUP_ROLE: Final = "web"
"""How the name of the stack's group ends."""


@click.group()
def incident() -> None:
    """Draft the review of an incident from what AWS holds of it, and check reviews."""


_begin = click.option(
    "--from", "begin", type=Time(), help="First moment, such as 2026-01-15T08:00:00Z."
)
_end = click.option("--to", "end", type=Time(), help="First moment after it.")
_stack = click.option("--stack", default=LOCAL, show_default=True, help="Stack that is deployed.")
_logs = click.option(
    "--access-logs/--no-access-logs",
    "logs",
    default=True,
    show_default=True,
    help="Count the load balancer's access logs: who was hurt is known by them alone.",
)
_partial = click.option(
    "--partial",
    is_flag=True,
    help="Go on where a permission is missing; the review says what could not be read.",
)


@incident.command(name="export")
@_begin
@_end
@_stack
@embedded_option
@_logs
@_partial
@click.option("--output", type=Path, help="Directory to make. Default: incident-<day>.bundle.")
def export_command(
    begin: datetime | None,
    end: datetime | None,
    stack: str,
    *,
    embedded: bool,
    logs: bool,
    partial: bool,
    output: Path | None,
) -> None:
    """Write what AWS holds of a span to a bundle, from which reports are made offline.

    \b
    Example:
      surgeproof incident export --stack prod \\
        --from 2026-01-15T08:00Z --to 2026-01-15T12:30Z
    """  # noqa: D301 - click reads \b
    first, last = _span(begin, end)
    path = output or Path(f"incident-{first:%Y-%m-%d}.bundle")
    rows = _export(path, first, last, stack, embedded=embedded, logs=logs, partial=partial)
    say("\n".join(f"{count:>9,}  {name}" for name, count in rows.items()))
    say(f"written to {path_shown(path)}")


@incident.command(name="simulate")
@click.argument("scenario")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--no-access-logs", "silent", is_flag=True, help="As if there were none.")
@click.option("--output", type=Path, required=True, help="Directory to make.")
def simulate_command(scenario: str, *, seed: int, silent: bool, output: Path) -> None:
    """Write a bundle of what AWS would hold of a simulated SCENARIO, to try reviews on.

    \b
    Example:
      surgeproof incident simulate outage --output outage.bundle
    """  # noqa: D301 - click reads \b
    # numpy and the simulation take a while to load, for which other commands need not wait.
    from surgeproof.incident.scenarios import SCENARIOS  # noqa: PLC0415
    from surgeproof.incident.simulated import play  # noqa: PLC0415

    if scenario not in SCENARIOS:
        raise InputError(f"SCENARIO: must be one of {', '.join(SCENARIOS)}, got {shown(scenario)}")
    say(f"simulating {scenario}", err=True)
    with path_of("--output"):
        play(SCENARIOS[scenario](seed)).write(output, traffic=not silent)
    say(f"written to {path_shown(output)}")


@incident.command(name="report")
@_begin
@_end
@_stack
@embedded_option
@click.option("--bundle", type=Path, help="Bundle to read in place of AWS.")
@_logs
@_partial
@click.option(
    "--output",
    type=FilePath(),
    help="Review to write, .md or .html. Default: incident-<day>.md.",
)
@click.option("--trace", "trace_path", type=FilePath(), help="Trace to write. Default: beside it.")
def report_command(
    begin: datetime | None,
    end: datetime | None,
    stack: str,
    *,
    embedded: bool,
    bundle: Path | None,
    logs: bool,
    partial: bool,
    output: Path | None,
    trace_path: Path | None,
) -> None:
    """Draft the review of the incident that the evidence of a span holds.

    Without --bundle the evidence is exported first, beside the review, which links to it.

    \b
    Example:
      surgeproof incident report --bundle outage.bundle --output outage.md
    """  # noqa: D301 - click reads \b
    from surgeproof.incident.analysis import analyse, find_incident  # noqa: PLC0415
    from surgeproof.incident.evidence import read_bundle  # noqa: PLC0415
    from surgeproof.incident.links import Links  # noqa: PLC0415
    from surgeproof.incident.report import Review  # noqa: PLC0415
    from surgeproof.incident.review import page  # noqa: PLC0415
    from surgeproof.incident.surge import trace_of  # noqa: PLC0415
    from surgeproof.traces.csv_file import write_csv  # noqa: PLC0415

    if output is not None:
        _check_new("--output", output)
    if bundle is None:
        first, last = _span(begin, end)
        stem = output or Path(f"incident-{first:%Y-%m-%d}.md")
        bundle = stem.with_suffix(".bundle")
        _export(bundle, first, last, stack, embedded=embedded, logs=logs, partial=partial)
        say(f"evidence: {path_shown(bundle)}")
    elif is_given("stack") or embedded:
        raise InputError("--bundle: must stand without --stack and --embedded")
    evidence = read_bundle(bundle)
    begin, end = begin or evidence.manifest.begin, end or evidence.manifest.end
    found = find_incident(analyse(evidence, lambda line: say(line, err=True)), begin, end)
    if found is None:
        raise AnswerIsNo(_no_incident(evidence, begin, end))
    review = output or Path(f"incident-{found.begin:%Y-%m-%d}.md")
    trace_file = trace_path or review.with_suffix(".csv")
    for option, path in (("--output", review), ("--trace", trace_file)):
        _check_new(option, path)
    beside = review.absolute().parent
    text = Review(
        incident=found,
        links=Links(evidence.manifest, bundle.absolute(), beside),
        trace_path=str(trace_file),
    ).markdown()
    trace = trace_of(found)
    is_page = review.suffix == ".html"
    title = f"Incident of {found.begin:%Y-%m-%d}: {html(evidence.manifest.stack)}"
    with path_of("--trace"):
        write_csv(trace, trace_file)
    with path_of("--output"):
        files.write_text(review, page(text, title) if is_page else text)
    _tell(review, trace_file, trace.name)


@incident.command(name="check")
@click.argument("reviews", nargs=-1, type=Path)
@click.option("--today", type=Time(), help="Day that overdue counts from. Default: today.")
def check_command(reviews: tuple[Path, ...], *, today: datetime | None) -> None:
    """Refuse REVIEWS (files, directories; default docs/incidents) that are not done.

    A review is done when no field is open, each action item has an owner and a date, and each row
    of the timeline has evidence. Overdue action items of all reviews are listed.

    \b
    Example:
      surgeproof incident check docs/incidents
    """  # noqa: D301 - click reads \b
    from surgeproof.incident.review import check_review, find_reviews  # noqa: PLC0415

    day: date = (today or datetime.now(UTC)).date()
    checked = [check_review(path) for path in find_reviews(reviews or (REVIEWS,))]
    problems = [line for each in checked for line in each.problems]
    items = [item for each in checked for item in each.items]
    overdue = sorted(
        (item for item in items if item.is_overdue(day)), key=lambda item: str(item.due)
    )
    for line in problems:
        say(line)
    for item in overdue:
        say(f"overdue since {item.due}: {item.action} ({item.owner}; {item.place})")
    undone = sum(not item.done for item in items)
    said = (
        f"{len(checked)} reviews, {len(problems)} problems; {len(items)} action items, "
        f"{undone} not done, {len(overdue)} overdue"
    )
    if problems or overdue:
        raise AnswerIsNo(said)
    say(said)


def _span(begin: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    if begin is None or end is None:
        raise InputError("--from, --to: must both be given where AWS is read")
    if begin >= end:
        raise InputError(
            f"--to: must be later than --from ({begin.isoformat()}), got {end.isoformat()}"
        )
    return begin, end


def _check_new(option: str, path: Path) -> None:
    if path.exists():
        raise InputError(
            f"{option}: must be a path where nothing is yet (a review holds what people wrote), "
            f"got {path_shown(path)}"
        )


def _export(
    path: Path,
    begin: datetime,
    end: datetime,
    stack: str,
    *,
    embedded: bool,
    logs: bool,
    partial: bool,
) -> dict[str, int]:
    # boto3 takes a while to load, for which the other commands need not wait.
    from surgeproof.incident.bundle import written  # noqa: PLC0415
    from surgeproof.incident.live import CONFIG, LiveError, export  # noqa: PLC0415

    project = Project.find()
    project.check_stack(stack)
    embedded = is_embedded(stack, embedded=embedded)
    client = clients_of(project, stack, embedded=embedded, config=CONFIG)
    span = _asked(project, stack, begin, end, logs=logs)
    tell: Callable[[str], None] = lambda line: say(line, err=True)  # noqa: E731
    with path_of("--output"), written(path) as writer:
        try:
            writer.finish(export(cache(client), span, writer, say=tell, partial=partial))
        except LiveError as error:
            lines = str(error).splitlines()
            raise RunError("; ".join(lines)) from error
        return writer.rows


def _asked(project: Project, stack: str, begin: datetime, end: datetime, *, logs: bool) -> "Span":
    """Return what is asked for: the stack's names, and what it promises its users."""
    from surgeproof.incident.live import Span  # noqa: PLC0415
    from surgeproof.plan.settings import groups_of, read_settings  # noqa: PLC0415

    settings = read_settings(project.root, stack)
    objective = settings.stated.objective
    name = f"{project.name}-{stack}"
    alerts = groups_of(settings.config, project.name).get("alerts")
    users = alerts.get("activeUsersMetric") if isinstance(alerts, dict) else None
    return Span(
        stack=name,
        group=f"{name}-{GROUP_ROLE}",
        log_group=f"/aws/events/{name}-timeline",
        region=project.region(stack),
        begin=begin,
        end=end,
        now=datetime.now(UTC),
        slow_seconds=objective.latency_seconds,
        bad_percent=objective.bad_requests_percent,
        active_users=(users["namespace"], users["metricName"]) if users else None,
        logs=logs,
    )


def _no_incident(evidence: "Evidence", begin: datetime, end: datetime) -> str:
    lacking = [f"{each.what}: {each.why}" for each in evidence.manifest.missing]
    more = f"; missing: {listed(lacking)}" if lacking else ""
    return (
        f"no incident: from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC the evidence holds "
        f"no minute in which users were hurt{more}"
    )


def _tell(review: Path, trace: Path, name: str) -> None:
    say(
        f"review: {path_shown(review)}; `surgeproof incident check {path_shown(review)}` names "
        f"what is open\n"
        f"trace: {path_shown(trace)}; every preview replays it once a stack's settings have\n"
        f"  surgeproof:surges:\n"
        f"    {name}: {{ trace: {path_shown(trace)} }}"
    )
