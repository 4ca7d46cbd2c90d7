"""Where `check` and `replay` read a stack: the options that say so."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from surgeproof.commands.options import embedded_option
from surgeproof.commands.parameters import FilePath
from surgeproof.exits import InputError

_SOURCES: Final = (
    click.option(
        "--state",
        type=FilePath(exists=True, allow_dash=True),
        help="File that `pulumi stack export` writes; - reads it from a pipe.",
    ),
    click.option(
        "--plan",
        type=FilePath(exists=True, allow_dash=True),
        help="File that `pulumi preview --json --show-sames` writes, or --save-plan (with "
        "--state).",
    ),
    click.option(
        "--terraform",
        type=FilePath(exists=True, allow_dash=True),
        help="File that `terraform show -json` writes of a plan or a state; OpenTofu's too.",
    ),
    click.option(
        "--deployed",
        metavar="[STACK]",
        is_flag=False,
        flag_value="",
        help="What is deployed: of this stack, or with --group of any group on AWS.",
    ),
    click.option(
        "--group",
        "groups",
        multiple=True,
        metavar="NAME",
        help="With --deployed: an Auto Scaling group, whatever made it; may be repeated.",
    ),
    click.option(
        "--region", help="With --deployed: AWS Region. Default: the settings', else AWS's own."
    ),
    embedded_option,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the options say; nothing where the stack's program is meant."""

    state: Path | None = None
    plan: Path | None = None
    terraform: Path | None = None
    deployed: str | None = None
    """Stack; empty for groups alone."""
    groups: tuple[str, ...] = ()
    region: str | None = None
    embedded: bool = False

    def __post_init__(self) -> None:
        """Refuse options that contradict each other."""
        given = {
            "--state": self.state is not None and self.plan is None,
            "--plan": self.plan is not None,
            "--terraform": self.terraform is not None,
            "--deployed": self.deployed is not None,
        }
        names = [name for name, is_given in given.items() if is_given]
        if self.state is not None and self.plan is not None and len(names) > 1:
            names.insert(0, "--state")
        if len(names) > 1:
            raise InputError(f"{names[-1]}: must stand alone, got {' and '.join(names[:-1])} too")
        if self.deployed is None:
            if self.embedded:
                raise InputError(
                    "--embedded: must stand with --deployed; what is planned needs no AWS"
                )
            for name, value in (("--group", self.groups), ("--region", self.region)):
                if value:
                    raise InputError(f"{name}: must stand with --deployed")
        elif not self.deployed and not self.groups:
            raise InputError("--deployed: must name a stack, or come with --group NAME")

    @property
    def option(self) -> str:
        """The option that names the file; empty where none does."""
        if self.terraform is not None:
            return "--terraform"
        if self.plan is not None:
            return "--plan"
        return "--state" if self.state is not None else ""

    @property
    def kind(self) -> str:
        """What reports call it."""
        return self.option.removeprefix("--") or ("aws" if self.deployed is not None else "program")


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where it reads a stack."""
    for option in reversed(_SOURCES):
        command = option(command)
    return command
