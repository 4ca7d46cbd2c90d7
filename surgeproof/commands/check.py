"""`surgeproof check`: the policies on a stack's program, plan or state."""

from typing import Any

import click

from surgeproof import interrupts
from surgeproof.commands.sources import Source, source_options
from surgeproof.exits import Exit
from surgeproof.findings.forms import FORMS, shown
from surgeproof.printing import say


@click.command()
@click.option("--stack", help="Stack whose settings hold. Default: the one that the file is of.")
@source_options
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
    form: str,
    preset: str | None,
    **source: Any,
) -> Exit:
    """Run the policies on a stack, without the engine; exit 0 clean, 1 violations.

    Without a file, on the stack if it is up on the embedded AWS, else on its program.
    """
    # The rules take a while to load, for which the other commands need not wait.
    from surgeproof.commands import checking  # noqa: PLC0415

    with interrupts.at_once():
        summary, file = checking.check(source=Source(**source), stack=stack, preset=preset)
    say(shown(summary, form, file=file), nl=False)
    stops = any(finding.stops for finding in summary.findings)
    return Exit.NO if stops else Exit.DONE
