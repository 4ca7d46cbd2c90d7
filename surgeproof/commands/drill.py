"""`surgeproof drill`: practising what alarms and people do."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from surgeproof import interrupts
from surgeproof.commands.account import clients_of
from surgeproof.commands.exercising import drill_answer, drill_exercise
from surgeproof.commands.options import embedded_option, is_embedded, yes_option
from surgeproof.emulator.run_directory import RunError
from surgeproof.escaping import terminal
from surgeproof.exits import AnswerIsNo, InputError, system_error
from surgeproof.printing import say
from surgeproof.project import LOCAL, Project
from surgeproof.review.log import PLACE, Kind, Record, append, read
from surgeproof.settings.errors import DocumentError

if TYPE_CHECKING:
    from surgeproof.operations.drills.page import Plan


@click.group()
def drill() -> None:
    """Practise what the stack's alarms and people do."""


@drill.command(
    name="page",
    epilog="Example: surgeproof drill page --stack prod --by 'on-call engineer' --timeout 120",
)
@click.argument("alarm", required=False)
@click.option("--stack", default=LOCAL, show_default=True, help="Stack that is up.")
@embedded_option
@click.option(
    "--queue",
    metavar="NAME",
    help="Wait at this queue, which is subscribed to the topic; other messages in it stay. "
    "Default: a queue of the drill's own, which it deletes afterwards.",
)
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.IntRange(1, 600),
    default=60,
    show_default=True,
    help="Time that the message may take (seconds).",
)
@click.option(
    "--run-action",
    "run_actions",
    multiple=True,
    metavar="ARN",
    help="Let this action of an alarm, or target of a rule, run that is no SNS topic; may be "
    "repeated.",
)
@click.option("--by", metavar="ROLE", default="", help="Role of who practises, for the log.")
@yes_option
def drill_page(
    alarm: str | None,
    *,
    stack: str,
    embedded: bool,
    queue: str | None,
    timeout_seconds: int,
    run_actions: tuple[str, ...],
    by: str,
    yes: bool,
) -> None:
    """Open a page on purpose, wait until its message arrives, and close it again.

    ALARM is a metric alarm, by its name in AWS or without project, stack and component. Default:
    one that opens the stack's page on surges. Those who are paged are paged really. A drill that
    would do more than that is refused, with all reasons. What came of it is added to the log,
    reviews/log.jsonl. Exit code 1: the message did not arrive in time.
    """
    # botocore takes a while to load, for which the other commands need not wait.
    from surgeproof.operations.drills.calls import Calls  # noqa: PLC0415
    from surgeproof.operations.drills.page import NotArrivedError, PageDrill  # noqa: PLC0415

    project = Project.find()
    project.check_stack(stack)
    embedded = is_embedded(stack, embedded=embedded)
    calls = Calls(clients_of(project, stack, embedded=embedded))
    practice = PageDrill(calls, project.name, stack, at_once=embedded)
    log = _Log(project, stack if not embedded or stack == LOCAL else f"{stack} (embedded)", by)
    for line in practice.heal():
        say(line)
    plan = practice.plan(
        alarm, queue=queue, timeout_seconds=timeout_seconds, run_actions=run_actions
    )
    for line in plan.told():
        say(line)
    if not embedded and not yes:
        click.confirm(terminal("Send this page?", lines=False), abort=True)
    try:
        with interrupts.watched_output():
            done = practice.run(plan, say)
    except NotArrivedError as error:
        log.add(plan, None)
        raise AnswerIsNo(str(error)) from None
    log.add(plan, done.delay_seconds)
    say(f"Recorded in {PLACE}.")


class _Log:
    """Where drills are recorded. Raises InputError where it cannot be read, before a drill.

    Args:
        project: The project whose log it is.
        stack: The stack, as the log names it: one on the embedded AWS is not the real one.
        by: Role of who practises.

    """

    def __init__(self, project: Project, stack: str, by: str) -> None:
        self._root, self._stack, self._by = project.root, stack, by
        try:
            read(self._root)
            self._record("", "", None)
        except (DocumentError, OSError) as error:
            raise InputError(f"the log of drills: {_one_line(error)}") from error

    def add(self, plan: "Plan", delay_seconds: float | None) -> None:
        """Add a drill; without a delay, its message did not arrive."""
        note = f"drill {plan.id} of {plan.name}"
        try:
            append(self._root, self._record(plan.page.alarm, note, delay_seconds))
        except (DocumentError, OSError) as error:
            raise RunError(f"drill {plan.id} is not recorded: {_one_line(error)}") from error

    def _record(self, subject: str, note: str, delay_seconds: float | None) -> Record:
        return Record(
            at=datetime.now(UTC),
            kind=Kind.DRILL,
            subject=subject,
            stack=self._stack,
            role=self._by,
            passed=delay_seconds is not None,
            delay_seconds=None if delay_seconds is None else round(delay_seconds, 1),
            note=note,
        )


def _one_line(error: Exception) -> str:
    return system_error(error) if isinstance(error, OSError) else "; ".join(str(error).splitlines())


drill.add_command(drill_exercise)
drill.add_command(drill_answer)
