"""The engine is found where it is, and where it cannot be had one error says all that was tried."""

import os
import shutil
from types import SimpleNamespace

import pytest

from surgeproof.emulator import engine

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


def test_cached_engine_serves_where_path_has_none(bare_machine):
    place = engine.cache_directory() / "engine" / f"v{engine.required_version()}" / "bin"
    script = write_pulumi(place, engine.required_version())

    assert engine.find_engine() == script


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
