"""Reads the stack that `check` and `replay` are given in a file, or that is up on this machine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from surgeproof.commands.options import is_embedded
from surgeproof.commands.sources import Source
from surgeproof.emulator.run_directory import RunDirectory
from surgeproof.emulator.state import StateError
from surgeproof.exits import InputError
from surgeproof.plan import ScalingPlan, terraform
from surgeproof.plan.configured import Configured
from surgeproof.plan.pack import read_pack
from surgeproof.plan.program import read_registered
from surgeproof.plan.resources import TYPES
from surgeproof.policies import runner
from surgeproof.policies._values import UNKNOWN
from surgeproof.project import LOCAL, Project
from surgeproof.settings.errors import DocumentError, shown
from surgeproof.settings.json_file import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack as a file holds it, and whose settings hold."""

    entries: list[runner.Entry]
    project: str
    name: str
    has_settings: bool
    """Whether the project here has settings of it."""
    destroyed: int = 0
    """How many resources a plan of Terraform destroys, if it leaves none."""
    program: bool = False
    """Whether it was read from its program."""
    not_answered: tuple[str, ...] = ()
    """What the program asks AWS, and nobody answered."""


def read_file(source: Source, project: Project | None, stack: str | None) -> Stack:
    """Return the stack that a file holds; raise InputError.

    Settings of another project's stack with the same name are not taken, unless `stack` asks for
    them.
    """
    document = read(_file(source), source.option)
    destroyed = 0
    try:
        if source.terraform is not None:
            names = (project.name, stack) if project is not None and stack else ("", "")
            found = runner.stated(
                terraform.read_terraform(
                    document,
                    source.option,
                    project=names[0] or terraform.PROJECT,
                    stack=names[1] or terraform.STACK,
                )
            )
            destroyed = terraform.destroyed(document)
        else:
            if terraform.is_terraform(document):
                raise InputError(f"{source.option}: must be of Pulumi, got one of --terraform")
            both = source.plan is not None and source.state is not None
            base = read(source.state, "--state") if both and source.state else None
            found = runner.entries(document, base=base, place=source.option)
    except DocumentError as error:
        raise InputError(str(error)) from error
    return replace(_settled(found, project, stack), destroyed=destroyed)


def read_standing(project: Project | None, stack: str | None, *, deployed: bool) -> Stack:
    """Return the stack that is up on the embedded AWS; where none is, what its program registers.

    Args:
        project: The project here.
        stack: The stack. Default: the local one.
        deployed: The embedded AWS is meant, not the program.

    Raises:
        InputError: There is neither.
        PlanError: The program fails, or is of another language.

    """
    name = stack or LOCAL
    try:
        state = RunDirectory(project, name).state() if project is not None else None
    except StateError as error:
        raise InputError(str(error)) from error
    if state is None and project is not None and not deployed:
        read = read_registered(project.root, name)
        found = runner.stated(read.resources)
        return Stack(
            entries=found,
            project=project.name,
            name=name,
            has_settings=True,
            program=True,
            not_answered=read.not_answered,
        )
    if state is None:
        raise InputError(
            f"--state: must name a file, as stack {name} is not up on the embedded AWS: "
            f"`pulumi stack export --stack {name} --file state.json` writes one; or --plan, or "
            "--terraform"
        )
    return _settled(runner.entries({"resources": list(state.resources)}), project, stack)


def plan_of(found: Stack, stack: str, stated: Configured) -> ScalingPlan:
    """Return the plan of a stack, as the policies that replay it see it."""
    seen = runner.together(found.entries, TYPES)
    return read_pack(seen, unknown=UNKNOWN, stack=stack, stated=stated)


def check_deployed(source: Source) -> None:
    """Refuse to judge what AWS does not tell."""
    if source.groups or not is_embedded(str(source.deployed), embedded=source.embedded):
        what = source.deployed or ", ".join(source.groups)
        raise InputError(
            f"--deployed: must be replayed (`surgeproof replay --deployed`), got {shown(what)}: "
            "AWS does not tell all that the policies read; `pulumi stack export` or `terraform "
            "show -json` writes a file for --state or --terraform"
        )


def read(file: Path, option: str) -> Any:
    """Return what a file holds; `pulumi preview --json` may write lines before its document."""
    try:
        return read_json(file, lead=True)
    except DocumentError as error:
        raise InputError(f"{option}: {error}") from error


def _file(source: Source) -> Path:
    found = source.terraform or source.plan or source.state
    if found is None:
        raise InputError("--state: must name a file; or --plan, or --terraform")
    return found


def _settled(found: list[runner.Entry], project: Project | None, stack: str | None) -> Stack:
    own = runner.stack_of(found) or ("", "")
    if project is None:
        return Stack(entries=found, project=own[0], name=stack or own[1], has_settings=False)
    if stack is not None:
        return Stack(entries=found, project=project.name, name=stack, has_settings=True)
    same = own[0] == project.name or not found
    name = own[1]
    exists = same and project.settings_file(name).is_file()
    return Stack(entries=found, project=own[0], name=name, has_settings=exists)
