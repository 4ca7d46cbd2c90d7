"""The AWS that a command asks: the embedded one, or the account in the environment."""

from collections.abc import Callable
from typing import Any, Final

from surgeproof.emulator.run_directory import RunDirectory, RunError
from surgeproof.project import Project

ATTEMPTS: Final = 8
"""How often a request is sent before its failure counts (attempts)."""


def clients_in(
    region: str | None, profile: str | None = None, config: Any = None
) -> Callable[[str], Any]:
    """Return what makes clients of the account in the environment.

    `config` is botocore's configuration of the clients. Default: what is throttled is tried again.
    """
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    session = boto3.Session(region_name=region, profile_name=profile)
    # AWS asks for patience where it is asked too often: the waits double up to 20 s
    # (https://docs.aws.amazon.com/boto3/latest/guide/retries.html, standard mode).
    config = config or Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    return lambda service: session.client(service, config=config)


def clients_of(
    project: Project,
    stack: str,
    *,
    embedded: bool,
    region: str | None = None,
    config: Any = None,
) -> Callable[[str], Any]:
    """Return what makes clients: of the embedded AWS, or of the account in the environment."""
    if embedded:
        from surgeproof.emulator.clients import Clients  # noqa: PLC0415

        emulator = RunDirectory(project, stack).emulator()
        if emulator is None:
            raise RunError(f"stack {stack} is not up on the embedded AWS")
        return Clients(emulator.url, emulator.region, emulator.credentials).client
    return clients_in(region or project.region(stack), project.profile(stack), config)
