"""`surgeproof runbook`: the stack's Systems Manager Automation documents."""

from collections.abc import Callable
from typing import Any

import click

from surgeproof import interrupts
from surgeproof.commands.account import clients_of
from surgeproof.commands.options import embedded_option, is_embedded, yes_option
from surgeproof.emulator.run_directory import RunDirectory, RunError
from surgeproof.emulator.state import StateError
from surgeproof.escaping import terminal
from surgeproof.exits import InputError
from surgeproof.operations import runbook_pages
from surgeproof.operations.automation import UnknownError, check_parameters
from surgeproof.printing import say
from surgeproof.project import LOCAL, Project
from surgeproof.settings import errors


@click.group()
def runbook() -> None:
    """List, show and run the stack's runbooks (Systems Manager Automation documents)."""


_standing = click.option("--stack", default=LOCAL, show_default=True, help="Stack that is up.")


@runbook.command(name="list")
@_standing
@embedded_option
def runbook_list(stack: str, *, embedded: bool) -> None:
    """List the runbooks of a deployed stack."""
    runbooks, project, client, stated = _account(stack, embedded=embedded)
    for each in runbooks.runbooks(client, project, stack, stated):
        say(f"{each.title:20}  {each.description.partition(':')[0].partition('.')[0]}")


@runbook.command(name="show")
@click.argument("title")
@_standing
@embedded_option
def runbook_show(title: str, stack: str, *, embedded: bool) -> None:
    """Show an alarm's page with the stack's names, or what a runbook does, step by step.

    TITLE is a runbook of `runbook list`, a page of docs/runbooks, or the name of an alarm. A page
    is printed with its commands ready to paste, and needs neither AWS nor the stack.

    Example: surgeproof runbook show shop-prod-web-request-surge-critical --stack prod
    """
    here = Project.find()
    here.check_stack(stack)
    if (page := runbook_pages.page(here.root, here.name, stack, title)) is not None:
        say(page)
        return
    runbooks, project, client, stated = _account(stack, embedded=embedded)
    try:
        found = runbooks.find(client, project, stack, title, stated)
    except UnknownError as error:
        pages = ", ".join(runbook_pages.titles(here.root))
        raise UnknownError(f"{error}; or a page: {pages}" if pages else str(error)) from None
    say(found.shown())


@runbook.command(name="run")
@click.argument("title")
@_standing
@embedded_option
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter, such as MinSize=20; may be repeated.",
)
@yes_option
def runbook_run(
    title: str, stack: str, *, embedded: bool, given: tuple[str, ...], yes: bool
) -> None:
    """Run a runbook; on a real account it asks first. The embedded AWS rehearses its steps."""
    runbooks, project, client, stated = _account(stack, embedded=embedded)
    chosen = runbooks.find(client, project, stack, title, stated)
    parameters = dict(_pair(each) for each in given)
    check_parameters(chosen.document, parameters)
    if is_embedded(stack, embedded=embedded):
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
    embedded = is_embedded(stack, embedded=embedded)
    clients = clients_of(project, stack, embedded=embedded)
    stated = None
    if embedded:
        try:
            state = RunDirectory(project, stack).state()
        except StateError as error:
            raise RunError(str(error)) from error
        stated = runbooks.stated_documents(state.managed() if state else ())
    return runbooks, project.name, clients, stated
