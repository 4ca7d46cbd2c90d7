"""`surgeproof replay`, and the replay with which `up` ends."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from surgeproof import exits, files, interrupts
from surgeproof.commands.account import clients_of
from surgeproof.commands.ahead import reading
from surgeproof.commands.errors import one_line
from surgeproof.commands.options import embedded_option, is_embedded, is_given, stack_option
from surgeproof.commands.parameters import FilePath
from surgeproof.emulator.run_directory import REPORT, RunDirectory
from surgeproof.exits import Exit, InputError, path_of
from surgeproof.printing import say
from surgeproof.project import Project
from surgeproof.settings import errors

FORMS = {".html": "html", ".md": "markdown", ".json": "json"}
"""The form of a report by the ending of its file."""

GROUP = "aws:autoscaling/group:Group"


@click.command()
@stack_option
@click.option(
    "--deployed",
    metavar="STACK",
    help="Replay what is deployed of this stack, as AWS tells it, in place of what is planned.",
)
@embedded_option
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
def replay(
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
    if deployed and is_given("stack"):
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
        replaying = _replay_module()
        options: dict[str, Any] = {
            "trace": trace,
            "scale": scale,
            "inject": inject,
            "compare": compare,
            "explain": explain,
            "suggest": suggest,
        }
        if deployed:
            told = _deployed(project, deployed, embedded=is_embedded(deployed, embedded=embedded))
            options |= {"reader": told, "plan_from": "aws", "other": reader}
        else:
            options["reader"] = reader
        report = replaying.replay(project, deployed or stack, **options)
    form = form or FORMS.get(output.suffix.lower() if output else "", "text")
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    colour = output is None and sys.stdout.isatty()
    text = replaying.shown(report, form, width=width, colour=colour)
    if output is None:
        if form == "html":
            click.echo(text, nl=False)  # a file that holds no line of anybody else's
        else:
            say(text, nl=False, coloured=colour)
    else:
        with path_of("--output"):
            files.write_text(output, text)
        say("\n".join([*replaying.ending(report), f"Report: {output}"]))
        say(f"Verdict: {report.verdict}")
    code: Exit = replaying.EXIT_CODES[report.verdict]
    return code


def judge_deployed(project: Project, stack: str) -> None:
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
            replaying = _replay_module(compiles=stated.service is not None)
            report = replaying.after_up(project, stack, state.resources)
        files.write_text(page, replaying.shown(report, "html"), ours=True)
        say(f"Would it survive? {replaying.source(report)}")
        for line in replaying.ending(report):
            say(f"  {line}")
        say(f"Report: {os.path.relpath(page)}")
    except KeyboardInterrupt:
        say(interrupted)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the stack is up, whatever befalls the replay
        said = one_line(error) if isinstance(error, InputError | ValueError) else ""
        say(f"What was deployed could not be replayed: {said or exits.unexpected(error)}", err=True)


def _replay_module(*, compiles: bool = True) -> Any:
    """Return what replays; its compiled code takes a second to load, or a minute to make once."""
    from surgeproof.commands import replaying  # noqa: PLC0415
    from surgeproof.simulation.compiled._compile import announcement, is_compiled  # noqa: PLC0415

    if compiles and not is_compiled():
        say(announcement(), err=True)
    return replaying


def _deployed(project: Project, stack: str, *, embedded: bool) -> Any:
    """Return what reads a deployed stack: from the embedded AWS, or with the user's credentials."""
    from surgeproof.commands import replaying  # noqa: PLC0415

    lost: list[tuple[str, str]] = []
    if embedded:
        from surgeproof.emulator.endpoint import LOST  # noqa: PLC0415

        if RunDirectory(project, stack).emulator() is None:
            raise InputError(
                f"--deployed: must be up on the embedded AWS, got {errors.shown(stack)}; "
                f"`surgeproof up --stack {stack}` brings it up"
            )
        lost = [(token, key) for token, keys in LOST.items() for key in keys]
    return replaying.deployed_by_aws(clients_of(project, stack, embedded=embedded), lost=lost)
