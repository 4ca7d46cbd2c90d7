"""`surgeproof replay`, and the replay with which `up` ends."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from surgeproof import exits, files, interrupts
from surgeproof.commands.account import clients_in, clients_of
from surgeproof.commands.ahead import reading
from surgeproof.commands.errors import one_line
from surgeproof.commands.options import found_project, is_embedded, is_given, stack_option
from surgeproof.commands.parameters import FilePath
from surgeproof.commands.sources import Source, source_options
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
@source_options
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
    "--hits",
    metavar="NAME",
    help="Group that is hit, where the stack has several: by its name, or by that of its target "
    "group or of a listener rule that leads to it.",
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
    trace: str | None,
    scale: float | None,
    hits: str | None,
    inject: tuple[str, ...],
    compare: str | None,
    form: str | None,
    output: Path | None,
    explain: bool,
    suggest: bool,
    **given: Any,
) -> Exit:
    """Say whether a stack survives a surge; exit 0 survives, 1 fails, 3 uncertain.

    Without a source, of the stack as its program plans it.
    """
    source = Source(**given)
    planned = [stack] if source.kind == "program" else []
    named = stack if planned or is_given("stack") else source.deployed or None
    if source.deployed and is_given("stack"):
        raise InputError(
            f"--deployed: must stand in place of --stack, got both ({errors.shown(stack)})"
        )
    if source.terraform is not None and not named and trace is None:
        raise InputError(
            "--trace: must be given, or --stack STACK, whose settings name surges; a file of "
            "Terraform names no stack"
        )
    planned += [] if compare in {None, "before"} else [str(compare)]
    project = Project.find() if named or planned else found_project()
    if project is not None:
        for each in [*([named] if named else []), *planned]:
            project.check_stack(each)
    root = project.root if project is not None else Path()
    with reading(root, *planned) as reader, interrupts.at_once():
        replaying = replay_module()
        options: dict[str, Any] = {
            "trace": trace,
            "scale": scale,
            "hits": hits,
            "inject": inject,
            "compare": compare,
            "explain": explain,
            "suggest": suggest,
            "plan_from": source.kind,
            "reader": reader,
        }
        name = stack
        if source.kind != "program":
            reads = read_in_file if source.option else read_deployed
            name, told = reads(project, named, source)
            options |= {"reader": told, "other": reader}
        report = replaying.replay(project, name, **options)
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
            replaying = replay_module(compiles=stated.service is not None)
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


def replay_module(*, compiles: bool = True) -> Any:
    """Return what replays; its compiled code takes a second to load, or a minute to make once."""
    from surgeproof.commands import replaying  # noqa: PLC0415
    from surgeproof.simulation.compiled._compile import announcement, is_compiled  # noqa: PLC0415

    if compiles and not is_compiled():
        say(announcement(), err=True)
    return replaying


def read_in_file(project: Project | None, stack: str | None, source: Source) -> tuple[str, Any]:
    """Return what the stack in a file is called, and what reads it."""
    from surgeproof.commands import documents, replaying  # noqa: PLC0415

    found = documents.read_file(source, project, stack)
    return found.name, replaying.in_file(found)


def read_deployed(project: Project | None, stack: str | None, source: Source) -> tuple[str, Any]:
    """Return what is deployed is called, and what reads it with the user's credentials.

    Or from the embedded AWS.
    """
    from surgeproof.commands import replaying  # noqa: PLC0415

    lost: list[tuple[str, str]] = []
    if project is None or stack is None:
        clients = clients_in(source.region)
        told = replaying.deployed_by_aws(clients, groups=source.groups, has_settings=False)
        return ", ".join(source.groups), told
    embedded = is_embedded(stack, embedded=source.embedded)
    if embedded:
        from surgeproof.emulator.endpoint import LOST  # noqa: PLC0415

        if RunDirectory(project, stack).emulator() is None:
            raise InputError(
                f"--deployed: must be up on the embedded AWS, got {errors.shown(stack)}; "
                f"`surgeproof up --stack {stack}` brings it up"
            )
        lost = [(token, key) for token, keys in LOST.items() for key in keys]
    clients = clients_of(project, stack, embedded=embedded, region=source.region)
    return stack, replaying.deployed_by_aws(clients, groups=source.groups, lost=lost)
