"""The options that several commands have, and what is read from them."""

from pathlib import Path

import click

from surgeproof.commands.parameters import FilePath, JsonFile
from surgeproof.project import LOCAL, Project

stack_option = click.option(
    "--stack", default=LOCAL, show_default=True, help="Stack: its settings are Pulumi.<stack>.yaml."
)
embedded_option = click.option(
    "--embedded", is_flag=True, help="On the embedded AWS, whatever the stack (local always is)."
)
port_option = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the embedded AWS. Default: any free one.",
)
deliver_option = click.option(
    "--deliver",
    multiple=True,
    metavar="HOST:PORT",
    help="Let the embedded AWS send to an HTTP subscription there; may be repeated. Default: it "
    "sends nothing to anybody.",
)
refresh_option = click.option(
    "--refresh", is_flag=True, help="First compare the state with what AWS holds."
)
policies_option = click.option(
    "--policy-pack-config",
    "policy_config",
    type=JsonFile(),
    help="JSON file that changes the level of single rules; see policies/README.md.",
)
report_option = click.option(
    "--report",
    "reports",
    type=FilePath(writable=True),
    multiple=True,
    help="Write what the policies say to a .md, .sarif, .json or .txt file too; may be repeated.",
)
yes_option = click.option(
    "--yes", is_flag=True, help="Do not ask (on a real account; the embedded AWS never asks)."
)


def found_project() -> Project | None:
    """Return the project; none where there is none, which is not one that cannot be read."""
    here = Path.cwd()
    if not any((at / "Pulumi.yaml").exists() for at in (here, *here.parents)):
        return None
    return Project.find()


def is_given(name: str) -> bool:
    """Whether the user has given an option; else its value is the default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def is_embedded(stack: str, *, embedded: bool) -> bool:
    """Whether a stack is on the embedded AWS: where that was asked for, and `local` always."""
    return embedded or stack == LOCAL
