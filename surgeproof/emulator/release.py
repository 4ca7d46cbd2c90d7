"""Pulumi's release of the engine: fetched, checked by its SHA-256, and unpacked; never trusted.

No script of the network is run. What an archive must hash to is in ``tools/pulumi/releases.json``,
for one version, with where that is published; for any other version there is no release.
"""

import hashlib
import hmac
import platform
import shutil
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from surgeproof.settings.json_file import read_json

RECORD: Final = Path(__file__).resolve().parent / "tools" / "pulumi" / "releases.json"

ORIGIN = "https://get.pulumi.com/releases/sdk"
"""Where the archives are: ``pulumi-v3.259.0-linux-x64.tar.gz``, say."""

SILENT_SECONDS = 10.0
"""How long the server may stay silent (seconds)."""

LONGEST_SECONDS = 900.0
"""How long an archive may take to come (seconds); a build takes less."""

MOST_BYTES: Final = 1 << 30
"""Size above which neither archive nor engine is one (bytes); they have 100 and 120 MB."""

MEMBER: Final = "pulumi/pulumi"
"""The engine in the archive."""

_PIECE: Final = 1 << 20
_SYSTEMS: Final = {"linux": "linux", "darwin": "darwin"}
_MACHINES: Final = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}

Progress = Callable[[str], None]


class ReleaseError(RuntimeError):
    """The release cannot be had, or is not what it should be; says why."""


def platform_name() -> str:
    """Return what Pulumi's archives call this system and processor: ``linux-x64``, say."""
    system = _SYSTEMS.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return f"{system}-{_MACHINES.get(machine, machine)}"


def published(version: str) -> str:
    """Return the SHA-256 that is published of the version's archive for this machine."""
    record = read_json(RECORD)
    of_version = record["sha256"] if record["version"] == version else {}
    digest = of_version.get(platform_name())
    if digest is None:
        raise ReleaseError(f"no SHA-256 of {version} for {platform_name()} is recorded")
    return str(digest)


def fetch(version: str, made: Path, progress: Progress) -> Path:
    """Fetch the release into the directory `made`; return the path of its ``pulumi``."""
    digest = published(version)
    archive = made / "archive"
    _download(f"{ORIGIN}/pulumi-v{version}-{platform_name()}.tar.gz", archive, digest, progress)
    try:
        return _unpacked(archive, made / "bin" / "pulumi")
    finally:
        archive.unlink()


def _download(url: str, archive: Path, digest: str, progress: Progress) -> None:
    """Write what lies at `url` to a file, if its SHA-256 is `digest`."""
    work = _Download(url, archive, progress)
    # Another thread waits for the network, since no signal interrupts the search for a name.
    thread = threading.Thread(target=work.run, name="release", daemon=True)
    thread.start()
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.1)
        if thread.is_alive():
            raise ReleaseError(f"took longer than {LONGEST_SECONDS:g} s")
    finally:
        work.is_wanted = False
    if work.problem is not None:
        raise ReleaseError(work.problem)
    if not hmac.compare_digest(work.digest.hexdigest(), digest):
        raise ReleaseError(f"SHA-256 must be {digest}, got {work.digest.hexdigest()}")


class _Download:
    def __init__(self, url: str, archive: Path, progress: Progress) -> None:
        self._url, self._archive, self._progress = url, archive, progress
        self.digest = hashlib.sha256()
        self.problem: str | None = None
        self.is_wanted = True

    def run(self) -> None:
        try:
            self._run()
        except ReleaseError as error:
            self.problem = str(error)
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            self.problem = f"{type(error).__name__}: {reason}"

    def _run(self) -> None:
        opener = urllib.request.build_opener(_StaysSafe)
        with (
            opener.open(self._url, timeout=SILENT_SECONDS) as answer,
            self._archive.open("wb") as file,
        ):
            size = int(answer.headers.get("Content-Length") or 0)
            come = shown = 0
            while self.is_wanted and (piece := answer.read(_PIECE)):
                come += len(piece)
                if come > MOST_BYTES:
                    raise ReleaseError(f"must be at most {MOST_BYTES} bytes, got more")
                self.digest.update(piece)
                file.write(piece)
                if size and come * 10 // size > shown:
                    shown = come * 10 // size
                    self._progress(f"fetching Pulumi's release: {10 * shown} %")
            if come < size:
                raise ReleaseError(f"must be {size} bytes, got {come}")


class _StaysSafe(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another place by HTTPS only."""

    def redirect_request(  # noqa: PLR0917 - the signature of the standard library
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith("https://"):
            raise ReleaseError(f"must stay with HTTPS, got a redirect to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _unpacked(archive: Path, pulumi: Path) -> Path:
    """Write the engine of an archive to `pulumi`, and nothing else of what the archive holds."""
    pulumi.parent.mkdir()
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                if member.name != MEMBER:
                    continue
                source = members.extractfile(member) if member.isreg() else None
                if source is None or member.size > MOST_BYTES:
                    break
                with pulumi.open("wb") as target:
                    shutil.copyfileobj(source, target, _PIECE)
                pulumi.chmod(0o755)
                return pulumi
    except (tarfile.TarError, zlib.error, EOFError, ValueError) as error:
        raise ReleaseError(f"cannot be unpacked: {error}") from error
    raise ReleaseError(f"must hold a file {MEMBER}, got none")
