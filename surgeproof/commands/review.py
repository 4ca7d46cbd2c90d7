"""`surgeproof review`: the regular bottleneck review, its log, and what is overdue."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from surgeproof import files, interrupts
from surgeproof.commands.account import clients_in, clients_of
from surgeproof.commands.ahead import reading
from surgeproof.commands.options import found_project, is_embedded, is_given, stack_option
from surgeproof.commands.parameters import FilePath, Time
from surgeproof.commands.replay import FORMS, read_deployed, read_in_file, replay_module
from surgeproof.commands.sources import Source, source_options
from surgeproof.exits import AnswerIsNo, Exit, InputError, path_of
from surgeproof.printing import say
from surgeproof.project import Project
from surgeproof.review.due import due_of, read_schedule
from surgeproof.review.log import Kind, Record, append, read
from surgeproof.settings import errors
from surgeproof.settings.errors import DocumentError

EXAMPLE = """\b
Examples:
  surgeproof review --stack prod --history requests.csv --keep
  surgeproof review --deployed prod --peak measured --output review.html
  surgeproof review log drill --stack prod --subject surge-critical --role on-call --delay 40
  surgeproof review due --stack prod
"""


@click.group(invoke_without_command=True, epilog=EXAMPLE)
@click.pass_context
@stack_option
@source_options
@click.option(
    "--trace",
    help="A shipped trace, a surge of the stack's configuration, or a file of one. Default: every "
    "surge of the configuration.",
)
@click.option(
    "--peak",
    metavar="RATE|measured",
    help="Today's peak (requests/s): each surge is scaled so that its busiest step has it. "
    "`measured` is the highest of the last 28 days of the history. Default: what each surge "
    "reaches as the configuration scales it.",
)
@click.option(
    "--up-to",
    "most",
    type=click.FloatRange(1, 1000),
    default=20.0,
    show_default=True,
    help="Largest multiple of today's peak that is looked at.",
)
@click.option(
    "--find",
    type=click.IntRange(1, 5),
    default=3,
    show_default=True,
    help="How many limits are looked for, one behind the other.",
)
@click.option(
    "--history",
    type=FilePath(exists=True),
    help="CSV file of past requests with dates, in steps of at most a day.",
)
@click.option("--users", type=FilePath(exists=True), help="The same of past active users.")
@click.option(
    "--account",
    "asks",
    is_flag=True,
    help="Ask AWS for quotas and 15 months of history, of a planned stack too.",
)
@click.option(
    "--load-balancer", metavar="NAME|ARN", help="Whose requests are read. Default: the plan's."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json", "html"]),
    help="Default: by the ending of --output (.html, .md, .json), else text.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--output", type=FilePath(), help="File to write the report to.")
@click.option(
    "--keep",
    is_flag=True,
    help="Keep the review as reviews/<stack>.review.json, and add it to the log.",
)
def review(ctx: click.Context, stack: str, **given: Any) -> Exit | None:
    """Say at which multiple of today's peak a stack breaks, by what, and when that is reached.

    Exit code 0 where it survives today's peak, 1 where it fails, 3 where that is uncertain.
    """
    if ctx.invoked_subcommand is not None:
        return None
    return _review(stack, **given)


def _review(
    stack: str,
    *,
    trace: str | None,
    peak: str | None,
    most: float,
    find: int,
    history: Path | None,
    users: Path | None,
    asks: bool,
    load_balancer: str | None,
    form: str | None,
    output: Path | None,
    keep: bool,
    **given: Any,
) -> Exit:
    source = Source(**given)
    planned = [stack] if source.kind == "program" else []
    named = stack if planned or is_given("stack") else source.deployed or None
    if source.deployed and is_given("stack"):
        raise InputError(
            f"--deployed: must not be given together with --stack, got both ({errors.shown(stack)})"
        )
    project = Project.find() if named or planned else found_project()
    if project is not None and named:
        project.check_stack(named)
    if keep and (project is None or not named):
        raise InputError("--keep: must have a stack of a project, to keep its review there")
    root = project.root if project is not None else None
    with reading(root or Path(), *planned) as reader, interrupts.at_once(), _progress() as progress:
        replay_module()
        from surgeproof.commands import reviewing  # noqa: PLC0415 - numpy takes a while to load

        progress("reading the plan")
        name = stack
        if source.kind != "program":
            reads = read_in_file if source.option else read_deployed
            name, other = reads(project, named, source)
            plan = other(root or Path(), name)
        else:
            plan = reader(root or Path(), name)
        asked = reviewing.Asked(
            stack=name,
            plan_from=source.kind,
            trace=trace,
            peak=peak,
            most=most,
            find=find,
            history=history,
            users=users,
            load_balancer=load_balancer,
            users_metric=_users_metric(project, named),
        )
        clients = _clients(project, named, source) if asks or source.deployed is not None else None
        try:
            made = reviewing.review(plan, asked, root=root, clients=clients, progress=progress)
            kept = reviewing.keep(root, made) if keep and root is not None else None
        except DocumentError as error:
            raise InputError(str(error)) from error
    form = form or FORMS.get(output.suffix.lower() if output else "", "text")
    colour = output is None and sys.stdout.isatty()
    width = min(shutil.get_terminal_size((100, 24)).columns, 140)
    text = reviewing.shown(made, form, width=width, colour=colour)
    if output is not None:
        with path_of("--output"):
            files.write_text(output, text)
        for line in reviewing.summary(made):
            say(line)
        say(f"Report: {output}")
        say(f"Verdict: {made.word}")
    elif form == "html":
        click.echo(text, nl=False)  # a file that holds no line of anybody else's
    else:
        say(text, nl=False, coloured=colour)
    if kept is not None:
        say(f"Kept: {kept}", err=output is None)
    code: Exit = reviewing.exit_code(made)
    return code


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done, on a terminal only."""
    from rich.console import Console  # noqa: PLC0415

    from surgeproof.escaping import terminal  # noqa: PLC0415

    with Console(stderr=True).status("") as status:
        yield lambda line: status.update(terminal(line, lines=False).replace("[", r"\["))


def _clients(project: Project | None, stack: str | None, source: Source) -> Callable[[str], Any]:
    if project is None or stack is None:
        return clients_in(source.region)
    embedded = is_embedded(stack, embedded=source.embedded)
    return clients_of(project, stack, embedded=embedded, region=source.region)


def _users_metric(project: Project | None, stack: str | None) -> dict[str, str] | None:
    """Return namespace and name of the active users' metric, where the configuration states one."""
    if project is None or stack is None:
        return None
    alerts = project.config(stack).get(f"{project.name}:alerts")
    metric = alerts.get("activeUsersMetric") if isinstance(alerts, dict) else None
    if not isinstance(metric, dict) or not {"namespace", "metricName"} <= set(metric):
        return None
    return {key: str(metric[key]) for key in ("namespace", "metricName")}


@review.command(
    name="log", epilog="Example: surgeproof review log lesson --subject 1 --role on-call --score 85"
)
@click.argument("kind", type=click.Choice([each.value for each in Kind]))
@click.option("--stack", default="", help="Stack that it concerns. Default: none, or all.")
@click.option("--subject", default="", help="What of the kind: an alarm, a lesson's number.")
@click.option("--role", default="", help="Role of who did it, such as on-call; no name.")
@click.option("--score", type=float, help="Share of the points that were reached (percent).")
@click.option("--delay", type=float, help="Time from the cause to the message (seconds).")
@click.option("--passed/--failed", default=None, help="Default: nothing to pass.")
@click.option("--at", type=Time(), help="When it was done (ISO 8601). Default: now.")
@click.option("--note", default="", help="Anything else, in a line.")
def log_command(
    kind: str,
    *,
    stack: str,
    subject: str,
    role: str,
    score: float | None,
    delay: float | None,
    passed: bool | None,
    at: datetime | None,
    note: str,
) -> None:
    """Add a record to the log of drills, lessons, load tests and reviews (reviews/log.jsonl)."""
    project = Project.find()
    try:
        made = Record(
            at=at or datetime.now(UTC),
            kind=Kind(kind),
            subject=subject,
            stack=stack,
            role=role,
            passed=passed,
            score_percent=score,
            delay_seconds=delay,
            note=note,
        )
        path = append(project.root, made)
    except DocumentError as error:
        raise InputError(str(error)) from error
    say(f"added to {path}: {made.line()}")


@review.command(name="due", epilog="Example: surgeproof review due --stack prod")
@stack_option
def due_command(stack: str) -> None:
    """List what has to be done regularly; exit 1 where anything of it is overdue."""
    project = Project.find()
    project.check_stack(stack)
    try:
        found = due_of(
            read(project.root),
            stack=stack,
            now=datetime.now(UTC),
            schedule=read_schedule(project.root),
        )
    except DocumentError as error:
        raise InputError(str(error)) from error
    for each in found:
        say(f"{'overdue' if each.overdue else 'in time'}  {each}")
    late = [each.name for each in found if each.overdue]
    if late:
        raise AnswerIsNo(f"overdue: {', '.join(late)}")
