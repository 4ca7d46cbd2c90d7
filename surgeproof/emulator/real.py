"""Stacks on a real account: the ordinary Pulumi command line, with the policy pack.

Nothing is forced here: a lock is shown with the command that clears it, and what protection keeps
is listed before anything is destroyed.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from surgeproof import interrupts
from surgeproof.emulator.display import Display
from surgeproof.emulator.engine import list_item
from surgeproof.emulator.run_directory import RunError
from surgeproof.emulator.state import State, StateError, name_of
from surgeproof.project import Project
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json

LOCKED: Final = (
    "the stack is currently locked by",
    "Another update is currently in progress",
)
"""What the file backends and Pulumi Cloud say of a lock (pulumi.automation.errors)."""


class Kept(NamedTuple):
    """A resource that a destroy would stop at, and what releases it."""

    resource: str
    because: str
    release: str


@dataclass(frozen=True)
class _Protection:
    """How one type of resource is kept."""

    property: str
    keeps: bool
    because: str
    key: str


PROTECTIONS: Final[Mapping[str, _Protection]] = {
    "aws:lb/loadBalancer:LoadBalancer": _Protection(
        "enableDeletionProtection",
        keeps=True,
        because="deletion protection is on",
        key="loadBalancer.deletionProtection: false",
    ),
    "aws:rds/instance:Instance": _Protection(
        "deletionProtection",
        keeps=True,
        because="deletion protection is on",
        key="database.deletionProtection: false",
    ),
    "aws:rds/cluster:Cluster": _Protection(
        "deletionProtection",
        keeps=True,
        because="deletion protection is on",
        key="database.deletionProtection: false",
    ),
    "aws:s3/bucket:Bucket": _Protection(
        "forceDestroy",
        keeps=False,
        because="a bucket that holds logs is not deleted",
        key="loadBalancer.logBucketForceDestroy: true",
    ),
}


def up(
    project: Project, stack: str, *, yes: bool, refresh: bool, policy_config: Path | None = None
) -> None:
    """Run `pulumi up` with the policy pack."""
    project.check_settings(stack)
    words = ["up", *_packs(project, policy_config), *(["--refresh"] if refresh else [])]
    _pulumi(project, stack, [*words, *(["--yes"] if yes else [])])


def preview(
    project: Project, stack: str, *, refresh: bool, policy_config: Path | None = None
) -> None:
    """Run `pulumi preview` with the policy pack."""
    project.check_settings(stack)
    _pulumi(
        project,
        stack,
        ["preview", *_packs(project, policy_config), *(["--refresh"] if refresh else [])],
    )


def status(project: Project, stack: str) -> None:
    """Show what Pulumi knows of the stack."""
    project.check_stack(stack)
    _pulumi(project, stack, ["stack"])


def down(project: Project, stack: str, *, yes: bool) -> None:
    """Run `pulumi destroy`, unless protection would stop it half-way."""
    project.check_stack(stack)
    display = Display()
    with interrupts.raised():  # which ends the process that it has started
        answer = subprocess.run(
            [_command(), "stack", "export", "--stack", stack],
            cwd=project.root,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if answer.returncode:
        raise RunError(f"pulumi stack export --stack {stack} failed")
    try:
        exported = parse_json(answer.stdout, "pulumi stack export")
        deployment = exported.get("deployment") if isinstance(exported, dict) else exported
        state = State.from_deployment(deployment, "pulumi stack export")
    except (DocumentError, StateError) as error:
        raise RunError(str(error)) from error
    kept = protected(state)
    if kept:
        display.say(f"Protection keeps these of stack {stack}:")
        for item in kept:
            display.say(f"  {item.resource}: {item.because}; {item.release}")
        raise RunError(
            f"nothing was destroyed; set these keys in Pulumi.{stack}.yaml, run `surgeproof up "
            f"--stack {stack}`, then this again"
        )
    _pulumi(project, stack, ["destroy", *(["--yes"] if yes else [])])


def protected(state: State) -> list[Kept]:
    """Return the resources that a destroy would stop at."""
    kept = []
    for resource in state.managed():
        name = f"{resource['type'].rpartition(':')[2]} {name_of(resource['urn'])}"
        if resource.get("protect"):
            release = f"release it by `pulumi state unprotect '{resource['urn']}'`"
            kept.append(Kept(name, "it is protected in Pulumi", release))
        protection = PROTECTIONS.get(resource["type"])
        if protection is not None and _keeps(protection, resource):
            kept.append(Kept(name, protection.because, f"release it by {protection.key}"))
    return kept


def _keeps(protection: _Protection, resource: Mapping[str, Any]) -> bool:
    properties = {**(resource.get("inputs") or {}), **(resource.get("outputs") or {})}
    return bool(properties.get(protection.property)) is protection.keeps


def _packs(project: Project, config: Path | None) -> list[str]:
    if project.policies is None:
        return []
    settings = ["--policy-pack-config", list_item(config)] if config else []
    environment = project.pack_environment()
    if environment is not None and not (environment / "bin" / "python").exists():
        raise RunError(
            f"policies/PulumiPolicy.yaml has the pack run in {environment}, which is not there; "
            "`make engine` makes it"
        )
    return ["--policy-pack", list_item(project.policies), *settings]


def _command() -> str:
    found = shutil.which("pulumi")
    if found is None:
        raise RunError(
            "a stack on a real account needs the Pulumi command line on PATH "
            "(https://www.pulumi.com/docs/install/); --embedded runs it on this machine"
        )
    return found


def _pulumi(project: Project, stack: str, words: list[str]) -> None:
    """Run Pulumi at the user's terminal; watch its stderr for a lock."""
    command = [_command(), *words, "--stack", stack]
    # Pulumi runs a pack that names no environment by the first python on PATH; ours has what this
    # project's pack needs.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    is_locked = is_interrupted = False
    with subprocess.Popen(
        command,
        cwd=project.root,
        env={**os.environ, "PATH": path},
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:

        def caught(number: int, _: FrameType | None) -> None:
            # Pulumi ends in order, and has got Ctrl-C from the terminal, too: twice would kill it.
            nonlocal is_interrupted
            if number != signal.SIGINT and not is_interrupted:
                process.send_signal(signal.SIGINT)
            is_interrupted = True

        with interrupts.handled(caught):
            for line in process.stderr or ():
                with suppress(OSError):  # nobody reads it; Pulumi goes on all the same
                    sys.stderr.write(line)
                is_locked = is_locked or any(text in line for text in LOCKED)
            process.wait()
    if is_interrupted:
        raise KeyboardInterrupt
    if is_locked:
        raise RunError(
            f"stack {stack} is locked; once nobody works on it any more, "
            f"`pulumi cancel --stack {stack}` clears the lock"
        )
    if process.returncode:
        raise RunError(f"pulumi {words[0]} failed with exit code {process.returncode}")
