"""The command line: `surgeproof up | preview | down | status | check | replay | trace | ...`.

Every command ends with one of the codes of `Exit`. An error is one line on stderr.
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from surgeproof import exits, files, interrupts
from surgeproof.ahead import ReadingError, reading
from surgeproof.cli_trace import trace as trace_commands
from surgeproof.cli_types import FilePath, JsonFile
from surgeproof.emulator import real, run
from surgeproof.emulator.deliveries import Place
from surgeproof.emulator.project import LOCAL, InputError, Project, path_of
from surgeproof.emulator.run_directory import REPORT, RunDirectory, RunError
from surgeproof.emulator.state import StateError
from surgeproof.escaping import terminal
from surgeproof.exits import AnswerIsNo, Exit
from surgeproof.findings.forms import FORMS, SUFFIXES, shown
from surgeproof.operations.automation import AutomationError, UnknownError, check_parameters
from surgeproof.printing import say
from surgeproof.settings import errors

NAME = "surgeproof"
COMPLETION = f"_{NAME.upper()}_COMPLETE"
"""Environment variable by which a shell asks click for completions."""

REPLAY_FORMS = {".html": "html", ".md": "markdown", ".json": "json"}
"""The form of a report by the ending of its file."""

GROUP = "aws:autoscaling/group:Group"

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
_deliver = click.option(
    "--deliver",
    multiple=True,
    metavar="HOST:PORT",
    help="Let the embedded AWS send to an HTTP subscription there; may be repeated. Default: it "
    "sends nothing to anybody.",
)
_refresh = click.option(
    "--refresh", is_flag=True, help="First compare the state with what AWS holds."
)
_policies = click.option(
    "--policy-pack-config",
    "policy_config",
    type=JsonFile(),
    help="JSON file that changes the level of single rules; see policies/README.md.",
)
_report = click.option(
    "--report",
    "reports",
    type=FilePath(writable=True),
    multiple=True,
    help="Write what the policies say to a .md, .sarif, .json or .txt file too; may be repeated.",
)
_yes = click.option(
    "--yes", is_flag=True, help="Do not ask (on a real account; the embedded AWS never asks)."
)


class _Commands(click.Group):
    """Turns whatever befalls a command into an exit code and at most one line."""

    def main(self, args: Sequence[str] | None = None, **more: Any) -> NoReturn:  # type: ignore[override]
        """Run the command line to its end. Click's own would end a broken pipe with code 1."""
        if COMPLETION in os.environ:
            super().main(args, **more)
        interrupts.begin_output()
        code: int
        try:
            words = sys.argv[1:] if args is None else args
            with self.make_context(NAME, list(words)) as context:
                code = self.invoke(context) or Exit.DONE
            if code == Exit.DONE and (lost := interrupts.lost_output()) is not None:
                code = _told(lost)
        except click.exceptions.Exit as ending:
            code = ending.exit_code
        except click.ClickException as error:
            with suppress(OSError):
                error.show()
            code = error.exit_code
        except BaseException as error:  # noqa: BLE001 - what befell it before the command began
            code = _told(error)
        sys.exit(exits.flushed(code))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; return its exit code, where it has another one than 0."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):  # click's own, which say all
            raise
        except BaseException as error:  # noqa: BLE001 - no error may look like a verdict
            return _told(error)


def _told(error: BaseException) -> Exit:
    code, line = _ending(error)
    if line:
        exits.say(line)
    return code


def _ending(error: BaseException) -> tuple[Exit, str]:
    """Return the exit code and the line that an error ends its command with."""
    if (lost := interrupts.lost_output()) is not None:
        return exits.ending_of_output(lost)
    match error:
        case AnswerIsNo():
            return Exit.NO, f"error: {error}"
        case InputError() | UnknownError():
            return Exit.BAD_INPUT, f"error: {error}"
        case RunError() | AutomationError() | ReadingError():
            return Exit.FAILED, f"error: {error}"
        case run.Interrupted() | KeyboardInterrupt():
            return Exit.INTERRUPTED, f"{str(error) or 'interrupted'}; {exits.AGAIN}"
        case click.Abort():  # at a question
            return Exit.INTERRUPTED, "not confirmed: nothing was done"
        case BrokenPipeError():
            return Exit.PIPE_CLOSED, ""
    exits.show_trace(error)
    return Exit.FAILED, f"error: {exits.unexpected(error)}"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="surgeproof")
def main() -> None:
    """Bring the stack up, preview it, replay surges on it, take it down, or say what is there."""


main.add_command(trace_commands)


@main.command()
@_stack
@_embedded
@_port
@_deliver
@_refresh
@_policies
@_yes
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
    if _is_embedded(stack, embedded=embedded):
        run.up(
            project,
            stack,
            port=port,
            deliver=[_place(each) for each in deliver],
            refresh=refresh,
            policy_config=policy_config,
            severities=_severities(),
        )
        _judge(project, stack)
    else:
        real.up(project, stack, yes=yes, refresh=refresh, policy_config=policy_config)


@main.command()
@_stack
@_embedded
@_port
@_refresh
@_policies
@_report
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
    if _is_embedded(stack, embedded=embedded):
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


@main.command()
@_stack
@_embedded
@_yes
def down(stack: str, *, embedded: bool, yes: bool) -> None:
    """Destroy the stack; on this machine, leave nothing at all."""
    if _is_embedded(stack, embedded=embedded):
        run.down(Project.find(damaged=True), stack)
        return
    project = Project.find()
    if RunDirectory(project, stack).exists:
        say(
            f"Stack {stack} is up on the embedded AWS too: `surgeproof down --stack {stack} "
            "--embedded` ends that one."
        )
    real.down(project, stack, yes=yes)


@main.command()
@_stack
@_embedded
@click.option(
    "--deployed",
    is_flag=True,
    help="Ask AWS who receives alerts; exit 1 if nobody who gets pages has confirmed.",
)
def status(stack: str, *, embedded: bool, deployed: bool) -> None:
    """Say what is there: emulator, resources, outputs, and what is recorded only."""
    project = Project.find()
    if deployed:
        _receivers(project, stack, embedded=_is_embedded(stack, embedded=embedded))
    elif _is_embedded(stack, embedded=embedded):
        run.status(project, stack)
    else:
        real.status(project, stack)


@main.command(name="check")
@click.option("--stack", help="Stack whose settings hold. Default: the one that the file is of.")
@click.option(
    "--state",
    type=FilePath(exists=True, allow_dash=True),
    help="What `pulumi stack export` writes; - reads it from a pipe. Default: the stack on the "
    "embedded AWS.",
)
@click.option(
    "--plan",
    type=FilePath(exists=True, allow_dash=True),
    help="What `pulumi preview --json --show-sames` writes, or --save-plan (with --state).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default="text",
    show_default=True,
)
@click.option(
    "--preset",
    type=click.Choice(["default", "strict", "advisory"]),
    help="In place of the preset in the stack's settings.",
)
def check_command(
    *,
    stack: str | None,
    state: Path | None,
    plan: Path | None,
    form: str,
    preset: str | None,
) -> Exit:
    """Run the policies on a state or a plan, without the engine; exit 0 clean, 1 violations."""
    from surgeproof import check  # noqa: PLC0415 - the other commands do without the rules

    with interrupts.at_once():
        summary, file = check.check(stack=stack, state=state, plan=plan, preset=preset)
    say(shown(summary, form, file=file), nl=False)
    stops = any(finding.stops for finding in summary.findings)
    return Exit.NO if stops else Exit.DONE


@main.command(name="replay")
@_stack
@click.option(
    "--deployed",
    metavar="STACK",
    help="Replay what is deployed of this stack, as AWS tells it, in place of what is planned.",
)
@_embedded
@click.option(
    "--trace",
    help="A shipped trace, a surge of the stack's configuration, or a file of one. Default: every "
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
    help="Default: by the ending of --output (.html, .md, .json), else text.",
)
@click.option(
    "--output",
    type=FilePath(),
    help="File to write the report to; the verdict is printed.",
)
@click.option("--explain", is_flag=True, help="Tell the event log in words.")
@click.option(
    "--suggest", is_flag=True, help="Search for changes that help, each replayed before it is told."
)
def replay_command(
    stack: str,
    *,
    deployed: str | None,
    embedded: bool,
    trace: str | None,
    scale: float | None,
    inject: tuple[str, ...],
    compare: str | None,
    form: str | None,
    output: Path | None,
    explain: bool,
    suggest: bool,
) -> Exit:
    """Say whether a stack survives a surge; exit 0 survives, 1 fails, 3 uncertain."""
    project = Project.find()
    if deployed and _is_given("stack"):
        raise InputError(
            f"--deployed: must stand in place of --stack, got both ({errors.shown(stack)})"
        )
    if embedded and not deployed:
        raise InputError("--embedded: must stand with --deployed; what is planned needs no AWS")
    planned = [] if deployed else [stack]
    planned += [] if compare in {None, "before"} else [str(compare)]
    for each in [*planned, *([deployed] if deployed else [])]:
        project.check_stack(each)
    with reading(project.root, *planned) as reader, interrupts.at_once():
        replay = _replay_module()
        options: dict[str, Any] = {
            "trace": trace,
            "scale": scale,
            "inject": inject,
            "compare": compare,
            "explain": explain,
            "suggest": suggest,
        }
        if deployed:
            told = _deployed(project, deployed, embedded=_is_embedded(deployed, embedded=embedded))
            options |= {"reader": told, "plan_from": "aws", "other": reader}
        else:
            options["reader"] = reader
        report = replay.replay(project, deployed or stack, **options)
    form = form or REPLAY_FORMS.get(output.suffix.lower() if output else "", "text")
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    colour = output is None and sys.stdout.isatty()
    text = replay.shown(report, form, width=width, colour=colour)
    if output is None:
        if form == "html":
            click.echo(text, nl=False)  # a file that holds no line of anybody else's
        else:
            say(text, nl=False, coloured=colour)
    else:
        with path_of("--output"):
            files.write_text(output, text)
        say("\n".join([*replay.ending(report), f"Report: {output}"]))
        say(f"Verdict: {report.verdict}")
    code: Exit = replay.EXIT_CODES[report.verdict]
    return code


@main.command()
@click.argument("logs")
@click.option(
    "--window-seconds",
    type=click.Choice(["60", "120", "300", "600"]),
    default="300",
    show_default=True,
    help="Window of the rate rule: webAcl.rateWindowSeconds.",
)
@click.option("--load-balancer", help="Which one, where the logs are of several.")
def clients(logs: str, *, window_seconds: str, load_balancer: str | None) -> None:
    """Say how many requests single clients send, to choose webAcl.rateLimit by.

    LOGS are the load balancer's access logs: a file, a directory or a pattern.
    """
    # numpy takes a while to load, for which the other commands need not wait.
    from surgeproof.traces import TraceError  # noqa: PLC0415
    from surgeproof.traces.clients import read_client_rates  # noqa: PLC0415

    try:
        rates = read_client_rates(
            logs, window_seconds=int(window_seconds), load_balancer=load_balancer
        )
    except TraceError as error:
        raise InputError(str(error)) from None
    most = rates.percentile(99.9)
    say(
        f"{len(rates.busiest):,} clients; requests of one within {window_seconds} s: "
        f"half at most {rates.percentile(50):,}, 999 of 1,000 at most {most:,}, "
        f"the busiest {rates.busiest[-1]:,}\n"
        f"webAcl.rateLimit: {max(2 * most, 10)} is twice that of the busiest of a thousand"
    )


def _is_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _replay_module(*, compiles: bool = True) -> Any:
    """Return what replays; its compiled code takes a second to load, or a minute to make once."""
    from surgeproof import replay  # noqa: PLC0415
    from surgeproof.simulation._compile import announcement, is_compiled  # noqa: PLC0415

    if compiles and not is_compiled():
        say(announcement(), err=True)
    return replay


def _deployed(project: Project, stack: str, *, embedded: bool) -> Any:
    """Return what reads a deployed stack: from the embedded AWS, or with the user's credentials."""
    from surgeproof import replay  # noqa: PLC0415

    lost: list[tuple[str, str]] = []
    if embedded:
        from surgeproof.emulator.endpoint import LOST  # noqa: PLC0415

        if RunDirectory(project, stack).emulator() is None:
            raise InputError(
                f"--deployed: must be up on the embedded AWS, got {errors.shown(stack)}; "
                f"`surgeproof up --stack {stack}` brings it up"
            )
        lost = [(token, key) for token, keys in LOST.items() for key in keys]
    return replay.deployed_by_aws(_clients(project, stack, embedded=embedded), lost=lost)


def _judge(project: Project, stack: str) -> None:
    """Replay what `up` has deployed and print the verdict; whatever happens, `up` has succeeded."""
    directory = RunDirectory(project, stack)
    page = directory.path / REPORT
    interrupted = f"The replay was interrupted; `surgeproof replay --deployed {stack}` repeats it."
    try:
        state = directory.state()
        if state is None or not any(each["type"] == GROUP for each in state.managed()):
            return
        from surgeproof.plan.settings import read_settings  # noqa: PLC0415

        stated = read_settings(project.root, stack).stated
        if not stated.surges:
            say("Would it survive? The configuration names no surges, so nothing was replayed.")
            return
        with interrupts.at_once(interrupted, Exit.DONE):
            replay = _replay_module(compiles=stated.service is not None)
            report = replay.after_up(project, stack, state.resources)
        files.write_text(page, replay.shown(report, "html"), ours=True)
        say(f"Would it survive? {replay.source(report)}")
        for line in replay.ending(report):
            say(f"  {line}")
        say(f"Report: {os.path.relpath(page)}")
    except KeyboardInterrupt:
        say(interrupted)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the stack is up, whatever befalls the replay
        said = str(error) if isinstance(error, InputError | ValueError) else ""
        say(f"What was deployed could not be replayed: {said or exits.unexpected(error)}", err=True)


def _receivers(project: Project, stack: str, *, embedded: bool) -> None:
    """Print who receives alerts, and fail if pages reach nobody."""
    # botocore takes a while to load, for which the other commands need not wait.
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from surgeproof.operations import receivers  # noqa: PLC0415

    project.check_stack(stack)
    try:
        topics = receivers.topics_of(
            _clients(project, stack, embedded=embedded), project.name, stack
        )
    except (BotoCoreError, ClientError) as error:
        raise RunError(f"AWS does not tell the subscriptions: {error}") from None
    for line in receivers.told(topics):
        say(line)
    problem = receivers.problem(topics)
    if problem:
        raise AnswerIsNo(problem)


def _clients(project: Project, stack: str, *, embedded: bool) -> Callable[[str], Any]:
    """Return what makes clients: of the embedded AWS, or of the account in the environment."""
    if embedded:
        from surgeproof.emulator.clients import Clients  # noqa: PLC0415

        emulator = RunDirectory(project, stack).emulator()
        if emulator is None:
            raise RunError(f"stack {stack} is not up on the embedded AWS")
        return Clients(emulator.url, emulator.region, emulator.credentials).client
    import boto3  # noqa: PLC0415

    session = boto3.Session(region_name=project.region(stack), profile_name=project.profile(stack))
    make: Callable[[str], Any] = session.client
    return make


@main.group()
def runbook() -> None:
    """List, show and run the stack's runbooks (Systems Manager Automation documents)."""


_standing = click.option("--stack", default=LOCAL, show_default=True, help="Stack that is up.")


@runbook.command(name="list")
@_standing
@_embedded
def runbook_list(stack: str, *, embedded: bool) -> None:
    """List the runbooks of a deployed stack."""
    runbooks, project, client, stated = _account(stack, embedded=embedded)
    for each in runbooks.runbooks(client, project, stack, stated):
        say(f"{each.title:20}  {each.description.partition(':')[0].partition('.')[0]}")


@runbook.command(name="show")
@click.argument("title")
@_standing
@_embedded
def runbook_show(title: str, stack: str, *, embedded: bool) -> None:
    """Show what a runbook does, its parameters and its steps."""
    runbooks, project, client, stated = _account(stack, embedded=embedded)
    say(runbooks.find(client, project, stack, title, stated).shown())


@runbook.command(name="run")
@click.argument("title")
@_standing
@_embedded
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter, such as MinSize=20; may be repeated.",
)
@_yes
def runbook_run(
    title: str, stack: str, *, embedded: bool, given: tuple[str, ...], yes: bool
) -> None:
    """Run a runbook; on a real account it asks first. The embedded AWS rehearses its steps."""
    runbooks, project, client, stated = _account(stack, embedded=embedded)
    chosen = runbooks.find(client, project, stack, title, stated)
    parameters = dict(_pair(each) for each in given)
    check_parameters(chosen.document, parameters)
    if _is_embedded(stack, embedded=embedded):
        say("The embedded AWS has no Automation; its steps are carried out from here.")
        lines = runbooks.rehearse(client, chosen, parameters)
    else:
        if not yes:
            shown = ", ".join(given) or "its defaults"
            asked = f"Run {chosen.name} with {shown}? {chosen.description}"
            click.confirm(terminal(asked, lines=False), abort=True)
        lines = runbooks.execute(client, chosen, parameters)
    with interrupts.raised():  # which ends a script that runs
        for line in lines:
            say(line)


def _place(text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError as error:
        raise InputError(f"--deliver: {error}") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--set: must be NAME=VALUE, got {errors.shown(text)}")
    return name, value


def _account(
    stack: str, *, embedded: bool
) -> tuple[Any, str, Callable[[str], Any], dict[str, Any] | None]:
    """Return the runbooks' module, the project's name, what makes clients, and what is stated.

    What a stack's state says of its documents holds on the embedded AWS, whose steps run here.
    """
    # botocore takes a while to load, for which the other commands need not wait.
    from surgeproof.operations import runbooks  # noqa: PLC0415

    project = Project.find()
    project.check_stack(stack)
    embedded = _is_embedded(stack, embedded=embedded)
    clients = _clients(project, stack, embedded=embedded)
    stated = None
    if embedded:
        try:
            state = RunDirectory(project, stack).state()
        except StateError as error:
            raise RunError(str(error)) from error
        stated = runbooks.stated_documents(state.managed() if state else ())
    return runbooks, project.name, clients, stated


def _is_embedded(stack: str, *, embedded: bool) -> bool:
    return embedded or stack == LOCAL


def _severities() -> dict[str, str]:
    from surgeproof import check  # noqa: PLC0415 - `status` and `down` do without the rules

    return check.severities()
