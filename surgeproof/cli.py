"""The command line: `surgeproof up | preview | down | status | replay | runbook`.

Exit codes: 0 done, 1 failed, 2 asked for something that cannot be, 130 interrupted. An error is one
line on stderr; its trace, where there is one, is in the run's log. `replay` exits with 0 for
survives, 1 for fails, 3 for uncertain.
"""

import errno
import shutil
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

import click

from surgeproof.ahead import reading
from surgeproof.emulator import real, run
from surgeproof.emulator.clients import Clients
from surgeproof.emulator.project import LOCAL, InputError, Project
from surgeproof.emulator.run_directory import RunDirectory, RunError
from surgeproof.operations import runbooks
from surgeproof.operations.automation import AutomationError, UnknownError, check_parameters

P = ParamSpec("P")

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""

_stack = click.option(
    "--stack", default=LOCAL, show_default=True, help="Stack: its settings are Pulumi.<stack>.yaml."
)
_embedded = click.option(
    "--embedded", is_flag=True, help="On the embedded AWS, whatever the stack (local always is)."
)
_port = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the embedded AWS. Default: any free one.",
)
_refresh = click.option(
    "--refresh", is_flag=True, help="First compare the state with what AWS holds."
)
_policies = click.option(
    "--policy-pack-config",
    "policy_config",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="JSON file that changes the level of single rules; see policies/README.md.",
)
_yes = click.option(
    "--yes", is_flag=True, help="Do not ask (on a real account; the embedded AWS never asks)."
)


def _clean(command: Callable[P, None]) -> Callable[P, None]:
    """Turn every expected failure into one line and an exit code."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (InputError, UnknownError) as error:
            _leave(BAD_INPUT, f"error: {error}")
        except (RunError, AutomationError) as error:
            _leave(FAILED, f"error: {error}")
        except (run.Interrupted, KeyboardInterrupt) as error:
            _leave(INTERRUPTED, f"{str(error) or 'interrupted'}; run it again to go on")
        except OSError as error:
            _leave(FAILED, f"error: {_system_error(error)}")

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="surgeproof")
def main() -> None:
    """Bring the stack up, preview it, replay surges on it, take it down, or say what is there."""


@main.command()
@_stack
@_embedded
@_port
@_refresh
@_policies
@_yes
@_clean
def up(
    stack: str,
    *,
    embedded: bool,
    port: int,
    refresh: bool,
    policy_config: Path | None,
    yes: bool,
) -> None:
    """Preview with the policies, then create or change what the program says."""
    project = Project.find()
    if _is_embedded(stack, embedded=embedded):
        run.up(project, stack, port=port, refresh=refresh, policy_config=policy_config)
    else:
        real.up(project, stack, yes=yes, refresh=refresh, policy_config=policy_config)


@main.command()
@_stack
@_embedded
@_port
@_refresh
@_policies
@_clean
def preview(
    stack: str, *, embedded: bool, port: int, refresh: bool, policy_config: Path | None
) -> None:
    """Show what `up` would do and what the policies say; change nothing."""
    project = Project.find()
    if _is_embedded(stack, embedded=embedded):
        run.preview(project, stack, port=port, refresh=refresh, policy_config=policy_config)
    else:
        real.preview(project, stack, refresh=refresh, policy_config=policy_config)


@main.command()
@_stack
@_embedded
@_yes
@_clean
def down(stack: str, *, embedded: bool, yes: bool) -> None:
    """Destroy the stack; on this machine, leave nothing at all."""
    project = Project.find()
    if _is_embedded(stack, embedded=embedded):
        run.down(project, stack)
        return
    if RunDirectory(project, stack).exists:
        click.echo(
            f"Stack {stack} is up on the embedded AWS too: `surgeproof down --stack {stack} "
            "--embedded` ends that one."
        )
    real.down(project, stack, yes=yes)


@main.command()
@_stack
@_embedded
@_clean
def status(stack: str, *, embedded: bool) -> None:
    """Say what is there: emulator, resources, outputs, and what is recorded only."""
    project = Project.find()
    if _is_embedded(stack, embedded=embedded):
        run.status(project, stack)
    else:
        real.status(project, stack)


@main.command(name="replay")
@_stack
@click.option(
    "--trace",
    help="A shipped trace, a surge of the stack's configuration, or a CSV file. Default: every "
    "surge of the configuration.",
)
@click.option(
    "--scale",
    type=float,
    help="Multiply the trace's requests. Default: what the stack's configuration says of it, or 1.",
)
@click.option(
    "--inject",
    multiple=True,
    metavar="KIND[=VALUE][@START[-END]]",
    help="A failure, such as zone-lost@10m or boot-slower=3; may be repeated.",
)
@click.option(
    "--compare",
    metavar="before|STACK",
    help="Replay another fleet too: `before` is a fixed one of minSize with one alarm.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json", "html"]),
    default="text",
    show_default=True,
)
@click.option("--explain", is_flag=True, help="Tell the event log in words.")
@_clean
def replay_command(
    stack: str,
    *,
    trace: str | None,
    scale: float | None,
    inject: tuple[str, ...],
    compare: str | None,
    form: str,
    explain: bool,
) -> None:
    """Say whether the planned stack survives a surge; exit 0 survives, 1 fails, 3 uncertain."""
    project = Project.find()
    stacks = [stack] if compare in {None, "before"} else [stack, str(compare)]
    for each in stacks:
        project.check_stack(each)
    with reading(project.root, *stacks) as reader:
        # Compiled code takes a second to load, for which the other commands need not wait.
        from surgeproof import replay  # noqa: PLC0415
        from surgeproof.simulation._compile import is_compiled  # noqa: PLC0415

        if not is_compiled():
            click.echo("compiling the simulation (once, about a minute)", err=True)
        report = replay.replay(
            project,
            stack,
            trace=trace,
            scale=scale,
            inject=inject,
            compare=compare,
            explain=explain,
            reader=reader,
        )
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    shown = replay.shown(report, form, width=width, colour=sys.stdout.isatty())
    click.echo(shown, nl=False)
    raise SystemExit(replay.EXIT_CODES[report.verdict])


@main.group()
def runbook() -> None:
    """List, show and run the stack's runbooks (Systems Manager Automation documents)."""


_deployed = click.option("--stack", default=LOCAL, show_default=True, help="Stack that is up.")


@runbook.command(name="list")
@_deployed
@_embedded
@_clean
def runbook_list(stack: str, *, embedded: bool) -> None:
    """List the runbooks of a deployed stack."""
    project, client = _account(stack, embedded=embedded)
    for each in runbooks.runbooks(client, project, stack):
        click.echo(f"{each.title:20}  {each.description.partition(':')[0].partition('.')[0]}")


@runbook.command(name="show")
@click.argument("title")
@_deployed
@_embedded
@_clean
def runbook_show(title: str, stack: str, *, embedded: bool) -> None:
    """Show what a runbook does, its parameters and its steps."""
    project, client = _account(stack, embedded=embedded)
    click.echo(runbooks.find(client, project, stack, title).shown())


@runbook.command(name="run")
@click.argument("title")
@_deployed
@_embedded
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter, such as MinSize=20; may be repeated.",
)
@_yes
@_clean
def runbook_run(
    title: str, stack: str, *, embedded: bool, given: tuple[str, ...], yes: bool
) -> None:
    """Run a runbook; on a real account it asks first. The embedded AWS rehearses its steps."""
    project, client = _account(stack, embedded=embedded)
    chosen = runbooks.find(client, project, stack, title)
    parameters = dict(_pair(each) for each in given)
    check_parameters(chosen.document, parameters)
    if _is_embedded(stack, embedded=embedded):
        click.echo("The embedded AWS has no Automation; its steps are carried out from here.")
        lines = runbooks.rehearse(client, chosen, parameters)
    else:
        if not yes:
            shown = ", ".join(given) or "its defaults"
            click.confirm(f"Run {chosen.name} with {shown}? {chosen.description}", abort=True)
        lines = runbooks.execute(client, chosen, parameters)
    for line in lines:
        click.echo(line)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--set: must be NAME=VALUE, got {text!r}")
    return name, value


def _account(stack: str, *, embedded: bool) -> tuple[str, Callable[[str], Any]]:
    """Return the project's name, and what gives the clients of the account that a stack is in."""
    project = Project.find()
    project.check_stack(stack)
    region = project.region(stack)
    if _is_embedded(stack, embedded=embedded):
        emulator = RunDirectory(project, stack).emulator()
        if emulator is None:
            raise RunError(f"stack {stack} is not up on the embedded AWS; `up` brings it there")
        return project.name, Clients(emulator.url, emulator.region).client
    import boto3  # noqa: PLC0415 - the other commands need not wait for it

    return project.name, boto3.Session(region_name=region).client


def _is_embedded(stack: str, *, embedded: bool) -> bool:
    return embedded or stack == LOCAL


def _system_error(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space and run it again"
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


def _leave(code: int, line: str) -> NoReturn:
    click.echo(line, err=True)
    raise SystemExit(code)
