"""`surgeproof pack`: where the policy pack lies, for plain `pulumi` and for projects of others."""

from pathlib import Path

import click

from surgeproof import policies
from surgeproof.printing import say


@click.command()
def pack() -> None:
    """Print the directory of the policy pack, for `pulumi preview --policy-pack`.

    A project in which `policies` is a link to it has it in each `surgeproof preview` and `up`.
    """
    say(str(Path(policies.__file__).resolve().parent / "installed"))
