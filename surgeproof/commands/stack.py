"""`surgeproof up`, `preview`, `down` and `status`."""

from pathlib import Path

import click

from surgeproof.commands.account import clients_of
from surgeproof.commands.options import (
    deliver_option,
    embedded_option,
    is_embedded,
    policies_option,
    port_option,
    refresh_option,
    report_option,
    stack_option,
    yes_option,
)
from surgeproof.commands.replay import judge_deployed
from surgeproof.emulator import real, run
from surgeproof.emulator.deliveries import Place
from surgeproof.emulator.run_directory import RunDirectory, RunError
from surgeproof.exits import AnswerIsNo, InputError
from surgeproof.findings.forms import SUFFIXES
from surgeproof.printing import say
from surgeproof.project import Project


@click.command()
@stack_option
@embedded_option
@port_option
@deliver_option
@refresh_option
@policies_option
@yes_option
def up(
    stack: str,
    *,
    embedded: bool,
    port: int,
    deliver: tuple[str, ...],
    refresh: bool,
    policy_config: Path | None,
    yes: bool,
) -> None:
    """Preview with the policies, then create or change what the program says.

    On the embedded AWS it ends with the verdict of a replay on what was deployed, which does not
    change the exit code.
    """
    project = Project.find()
    if is_embedded(stack, embedded=embedded):
        run.up(
            project,
            stack,
            port=port,
            deliver=[_place(each) for each in deliver],
            refresh=refresh,
            policy_config=policy_config,
            severities=_severities(),
        )
        judge_deployed(project, stack)
    else:
        real.up(project, stack, yes=yes, refresh=refresh, policy_config=policy_config)


@click.command()
@stack_option
@embedded_option
@port_option
@refresh_option
@policies_option
@report_option
def preview(
    stack: str,
    *,
    embedded: bool,
    port: int,
    refresh: bool,
    policy_config: Path | None,
    reports: tuple[Path, ...],
) -> None:
    """Show what `up` would do and what the policies say; change nothing."""
    project = Project.find()
    if wrong := [str(report) for report in reports if report.suffix not in SUFFIXES]:
        raise InputError(f"--report: must end in {', '.join(SUFFIXES)}, got {', '.join(wrong)}")
    if is_embedded(stack, embedded=embedded):
        run.preview(
            project,
            stack,
            port=port,
            refresh=refresh,
            policy_config=policy_config,
            severities=_severities(),
            reports=reports,
        )
    elif reports:
        raise InputError(
            "--report: must come with --embedded; on a real account, give `surgeproof check` the "
            "plan that `pulumi preview --json --show-sames` writes"
        )
    else:
        real.preview(project, stack, refresh=refresh, policy_config=policy_config)


@click.command()
@stack_option
@embedded_option
@yes_option
def down(stack: str, *, embedded: bool, yes: bool) -> None:
    """Destroy the stack; on this machine, leave nothing at all."""
    if is_embedded(stack, embedded=embedded):
        run.down(Project.find(damaged=True), stack)
        return
    project = Project.find()
    if RunDirectory(project, stack).exists:
        say(
            f"Stack {stack} is up on the embedded AWS too: `surgeproof down --stack {stack} "
            "--embedded` ends that one."
        )
    real.down(project, stack, yes=yes)


@click.command()
@stack_option
@embedded_option
@click.option(
    "--deployed",
    is_flag=True,
    help="Ask AWS who receives alerts; exit 1 if nobody who gets pages has confirmed.",
)
def status(stack: str, *, embedded: bool, deployed: bool) -> None:
    """Say what is there: emulator, resources, outputs, and what is recorded only."""
    project = Project.find()
    if deployed:
        _receivers(project, stack, embedded=is_embedded(stack, embedded=embedded))
    elif is_embedded(stack, embedded=embedded):
        run.status(project, stack)
    else:
        real.status(project, stack)


def _receivers(project: Project, stack: str, *, embedded: bool) -> None:
    """Print who receives alerts, and fail if pages reach nobody."""
    # botocore takes a while to load, for which the other commands need not wait.
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from surgeproof.operations import receivers  # noqa: PLC0415

    project.check_stack(stack)
    try:
        topics = receivers.topics_of(
            clients_of(project, stack, embedded=embedded), project.name, stack
        )
    except (BotoCoreError, ClientError) as error:
        raise RunError(f"AWS does not tell the subscriptions: {error}") from None
    for line in receivers.told(topics):
        say(line)
    problem = receivers.problem(topics)
    if problem:
        raise AnswerIsNo(problem)


def _place(text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError as error:
        raise InputError(f"--deliver: {error}") from None


def _severities() -> dict[str, str]:
    # The rules take a while to load, for which `status` and `down` need not wait.
    from surgeproof.commands.checking import severities  # noqa: PLC0415

    return severities()
