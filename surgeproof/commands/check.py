"""`surgeproof check`: the policies on a state or a plan."""

from pathlib import Path

import click

from surgeproof import interrupts
from surgeproof.commands.parameters import FilePath
from surgeproof.exits import Exit
from surgeproof.findings.forms import FORMS, shown
from surgeproof.printing import say


@click.command()
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
def check(
    *,
    stack: str | None,
    state: Path | None,
    plan: Path | None,
    form: str,
    preset: str | None,
) -> Exit:
    """Run the policies on a state or a plan, without the engine; exit 0 clean, 1 violations."""
    # The rules take a while to load, for which the other commands need not wait.
    from surgeproof.commands import checking  # noqa: PLC0415

    with interrupts.at_once():
        summary, file = checking.check(stack=stack, state=state, plan=plan, preset=preset)
    say(shown(summary, form, file=file), nl=False)
    stops = any(finding.stops for finding in summary.findings)
    return Exit.NO if stops else Exit.DONE
