"""The AWS that a command asks: the embedded one, or the account in the environment."""

from collections.abc import Callable
from typing import Any

from surgeproof.emulator.run_directory import RunDirectory, RunError
from surgeproof.project import Project


def clients_in(region: str | None, profile: str | None = None) -> Callable[[str], Any]:
    """Return what makes clients of the account in the environment."""
    import boto3  # noqa: PLC0415

    session = boto3.Session(region_name=region, profile_name=profile)
    make: Callable[[str], Any] = session.client
    return make


def clients_of(
    project: Project, stack: str, *, embedded: bool, region: str | None = None
) -> Callable[[str], Any]:
    """Return what makes clients: of the embedded AWS, or of the account in the environment."""
    if embedded:
        from surgeproof.emulator.clients import Clients  # noqa: PLC0415

        emulator = RunDirectory(project, stack).emulator()
        if emulator is None:
            raise RunError(f"stack {stack} is not up on the embedded AWS")
        return Clients(emulator.url, emulator.region, emulator.credentials).client
    return clients_in(region or project.region(stack), project.profile(stack))
