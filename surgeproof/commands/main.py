"""The command line: `surgeproof up | preview | down | status | check | replay | review | ...`.

Every command ends with one of the codes of `Exit`. An error is one line on stderr.
"""

import click

from surgeproof.commands.check import check
from surgeproof.commands.clients import clients
from surgeproof.commands.drill import drill
from surgeproof.commands.errors import Commands
from surgeproof.commands.incident import incident
from surgeproof.commands.pack import pack
from surgeproof.commands.queries import queries
from surgeproof.commands.replay import replay
from surgeproof.commands.review import review
from surgeproof.commands.runbook import runbook
from surgeproof.commands.stack import down, preview, status, up
from surgeproof.commands.trace import trace


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="surgeproof")
def main() -> None:
    """Bring the stack up, preview it, replay surges on it, take it down, or say what is there."""


_COMMANDS = (
    *(up, preview, down, status, check, replay, review, trace, clients),
    *(queries, runbook, drill, incident, pack),
)

for _each in _COMMANDS:
    main.add_command(_each)
