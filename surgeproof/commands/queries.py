"""`surgeproof queries`: a review of a PostgreSQL's queries."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from surgeproof.commands.account import clients_of
from surgeproof.commands.ahead import reading
from surgeproof.commands.options import embedded_option, is_embedded
from surgeproof.commands.parameters import FilePath
from surgeproof.escaping import terminal
from surgeproof.exits import Exit, InputError, path_of
from surgeproof.printing import say
from surgeproof.project import Project
from surgeproof.settings.errors import DocumentError

LINE_SECONDS = 5.0
"""Between two lines of progress where there is no terminal (seconds)."""

EXAMPLE = """\b
Example:
  read -rs PGPASSWORD && export PGPASSWORD  # or ~/.pgpass
  surgeproof queries --database postgresql://reviewer@localhost:15432/app --save review.json
"""


@click.command(epilog=EXAMPLE)
@click.option(
    "--database",
    metavar="URL",
    help="Where it is: a URL, or name=value pairs such as service=NAME, without a password. "
    "Default: the database of --stack, else what PG* variables say.",
)
@click.option(
    "--stack",
    help="Stack whose settings hold for the replay; without --database, the stack whose database "
    "AWS is asked for, with its secret.",
)
@embedded_option
@click.option(
    "--tunnel",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="With --stack: port on this machine that Session Manager forwards to the database.",
)
@click.option(
    "--since",
    type=FilePath(exists=True),
    help="Counts of an earlier review, to rank by growth.",
)
@click.option("--save", type=FilePath(writable=True), help="File to keep this review's counts in.")
@click.option(
    "--requests-per-second",
    type=click.FloatRange(0, min_open=True),
    help="Mean rate of the service's requests since the counts began, for the time of a request.",
)
@click.option(
    "--large-rows",
    type=click.IntRange(1),
    default=100_000,
    show_default=True,
    help="Rows from which a table is large.",
)
@click.option(
    "--unused-days",
    type=click.FloatRange(0),
    default=7.0,
    show_default=True,
    help="Days of counts after which an index without a use is unused.",
)
@click.option(
    "--top",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Statements of each ranking to look at.",
)
@click.option(
    "--watch-seconds",
    type=click.FloatRange(0, 600),
    default=2.0,
    show_default=True,
    help="How long to watch who waits for locks.",
)
@click.option(
    "--timeout-seconds",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    help="How long one statement of the review may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the review as JSON.")
def queries(
    database: str | None,
    stack: str | None,
    *,
    embedded: bool,
    tunnel: int | None,
    since: Path | None,
    save: Path | None,
    requests_per_second: float | None,
    large_rows: int,
    unused_days: float,
    top: int,
    watch_seconds: float,
    timeout_seconds: float,
    as_json: bool,
) -> Exit:
    """Review a PostgreSQL's queries for bottlenecks; exit 0 clean, 1 findings, 3 not all read.

    It reads pg_stat_statements, plans and the catalogue, in read-only transactions, and runs no
    statement that it finds there.
    """
    if tunnel is not None and (stack is None or database is not None):
        raise InputError("--tunnel: must stand with --stack, and without --database")
    if embedded and stack is None:
        raise InputError("--embedded: must stand with --stack")
    # psycopg, pglast and botocore take a while to load, for which no other command need wait.
    from surgeproof.queries import effect, forms, growth  # noqa: PLC0415
    from surgeproof.queries.connection import session  # noqa: PLC0415
    from surgeproof.queries.review import review as made  # noqa: PLC0415
    from surgeproof.queries.statistics import read_statistics  # noqa: PLC0415

    kept = None
    if since is not None:
        try:
            kept = growth.read(since)
        except DocumentError as error:
            raise InputError(f"--since: {'; '.join(error.problems)}") from error
    project = None
    if stack is not None:
        project = Project.find()
        project.check_stack(stack)
    plan: Any = None
    with progress() as show:
        if project is not None and stack is not None:
            show("the stack's settings")
            with reading(project.root, stack) as reader:
                plan = reader(project.root, stack)
        budget = effect.budget_of(plan.plan) if plan is not None else None
        stated, hint = _where(database, project, stack, embedded=embedded, tunnel=tunnel)
        show("the connection")
        with hint, session(stated, timeout_seconds=timeout_seconds) as opened:
            counts = read_statistics(opened, watch_seconds=watch_seconds, say=show)
            found = made(
                opened,
                counts,
                large_rows=large_rows,
                top=top,
                unused_days=unused_days,
                requests_per_second=requests_per_second,
                kept=kept,
                budget=budget,
                progress=lambda done, of: show(f"plans: {done} of {of}"),
            )
        if project is not None and stack is not None:
            show("replays")
            found = _judged(found, project, stack, plan)
    if save is not None:
        with path_of("--save"):
            growth.save(save, counts)
    width = min(shutil.get_terminal_size((100, 24)).columns, 140)
    if as_json:
        say(forms.to_json(found))
    else:
        colour = sys.stdout.isatty()
        say(forms.to_text(found, width=width, colour=colour), nl=False, coloured=colour)
    if found.findings:
        return Exit.NO
    return Exit.UNCERTAIN if found.not_decided else Exit.DONE


def _where(
    database: str | None,
    project: Project | None,
    stack: str | None,
    *,
    embedded: bool,
    tunnel: int | None,
) -> tuple[dict[str, Any], Any]:
    """Return the parameters of the connection, and what adds a hint to an error of it."""
    from contextlib import nullcontext  # noqa: PLC0415

    from surgeproof.queries.connection import WhereError, where  # noqa: PLC0415
    from surgeproof.queries.stack import stack_database  # noqa: PLC0415

    if database is not None or project is None or stack is None:
        try:
            return where(database or ""), nullcontext()
        except WhereError as error:
            raise InputError(f"--database: {error}") from error
    embedded = is_embedded(stack, embedded=embedded)
    found = stack_database(clients_of(project, stack, embedded=embedded), project.name, stack)
    stated = found.parameters(tunnel, os.environ.get("PGSSLROOTCERT"))
    return stated, _hinting(found.forwarding()) if tunnel is None else nullcontext()


@contextmanager
def _hinting(forwarding: str) -> Iterator[None]:
    from surgeproof.queries.connection import NotReachedError  # noqa: PLC0415
    from surgeproof.queries.stack import TUNNEL_PORT  # noqa: PLC0415

    try:
        yield
    except NotReachedError as error:
        raise NotReachedError(
            f"{error}; from outside its VPC, forward a port first, and add --tunnel {TUNNEL_PORT}: "
            f"{forwarding}"
        ) from error


def _judged(found: Any, project: Project, stack: str, plan: Any) -> Any:
    """Return the review with what a replay of the stack's surges says, now and then."""
    from surgeproof.commands import replaying  # noqa: PLC0415
    from surgeproof.queries import effect  # noqa: PLC0415
    from surgeproof.queries.words import figure  # noqa: PLC0415
    from surgeproof.simulation.outcomes import percent  # noqa: PLC0415

    service = plan.plan.service
    services = effect.now_and_then(service, found.effect) if service is not None else None
    why = ""
    if service is None:
        why = f"stack {stack} does not state how its service behaves"
    elif services is None:
        why = "neither service.databaseSeconds nor --requests-per-second says what a request takes"
    elif not found.effect.saved_milliseconds:
        why = "nothing that was found has an estimate of what it saves"
    elif not plan.stated.surges:
        why = f"stack {stack} names no surges"
    if why or services is None:
        return replace(found, notes=(*found.notes, f"No surge was replayed: {why}."))
    names = {surge.trace: surge.name for surge in plan.stated.surges}
    told: list[dict[str, str]] = []
    for each in services:
        changed = replace(plan, plan=replace(plan.plan, service=each))
        report = replaying.replay(project, stack, reader=lambda *_, read=changed: read)
        words = {}
        for one in report.replays:
            measured = one.verdict.measured
            hurt = (
                f", {percent(measured.typical.affected_users_percent)} of the users affected in "
                f"the typical run, {measured.survived_runs} of {measured.runs} runs survive"
                if measured
                else ""
            )
            words[names.get(one.trace.name, one.trace.name)] = f"{one.verdict.word}{hurt}"
        told.append(words)
    now, then = told
    seconds = [each.database_seconds.typical * 1000 for each in services]
    assumptions = (
        f"The replay has {figure(seconds[0])} ms of database time in a request now and "
        f"{figure(seconds[1])} ms then, by "
        + ("--requests-per-second" if found.effect.requests else "service.databaseSeconds")
        + ", and what an instance carries stays as stated: a load test says how much more it is.",
    )
    return replace(
        found,
        judgements=tuple(
            effect.Judgement(surge=name, before=now[name], after=then[name]) for name in now
        ),
        assumptions=(*found.assumptions, *assumptions),
    )


@contextmanager
def progress() -> Iterator[Any]:
    """Give a function that says what is being read: on one moving line of a terminal, or rarely."""
    console = Console(stderr=True, highlight=False, emoji=False)
    if console.is_terminal:
        with console.status("reading") as status:
            yield lambda what: status.update(f"reading {terminal(what, lines=False)}")
        return
    said = time.monotonic()

    def show(what: str) -> None:
        nonlocal said
        if time.monotonic() - said >= LINE_SECONDS:
            said = time.monotonic()
            say(f"reading {what}", err=True)

    yield show
