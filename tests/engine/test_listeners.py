"""What a run listens on while the engine works: for whom, and how long."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from surgeproof.emulator.engine import find_engine
from surgeproof.emulator.processes import of_run
from surgeproof.exits import Exit
from tests.other_user import as_another_user
from tests.security.test_deliveries import receiver

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who listens where"),
]

WAIT = """
import pathlib
import time

until = time.monotonic() + 120
pathlib.Path("reached").touch()
while not pathlib.Path("go").exists() and time.monotonic() < until:
    time.sleep(0.05)
"""

CALLS = """
import json, grpc
methods = ["ResourceProvider/GetPluginInfo", "LanguageRuntime/GetPluginInfo", "Events/StreamEvents"]
channels = {port: grpc.insecure_channel("127.0.0.1:" + port) for port in sys.argv[1:]}
become_another_user()
told = {}
for port, channel in channels.items():
    told[port] = {}
    for method in methods:
        try:
            channel.stream_unary("/pulumirpc." + method)(iter([b""]), timeout=20)
            told[port][method] = "OK"
        except grpc.RpcError as error:
            told[port][method] = error.code().name
print(json.dumps(told))
"""


def listening(pid):
    """Return the addresses and ports that a process listens on."""
    links = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(file.readlink()))
        except FileNotFoundError:
            continue
    places = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in links:
                address, port = fields[1].split(":")
                places.append((address, str(int(port, 16))))
    return places


def children(pid):
    asked = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(each) for each in asked.stdout.split()]


PLUGIN = """
import json, grpc, google.protobuf.struct_pb2
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
url, token, *ports = sys.argv[1:]
asked = resource_pb2.RegisterResourceRequest(
    type=token, name="thing", custom=True, version="1.2.3", pluginDownloadURL=url)
channels = {port: grpc.insecure_channel("127.0.0.1:" + port) for port in ports}
become_another_user()
for channel in channels.values():
    try:
        resource_pb2_grpc.ResourceMonitorStub(channel).RegisterResource(asked, timeout=20)
    except grpc.RpcError:
        pass  # another port, or the run has failed
"""


@contextmanager
def working(tiny, command):
    """Give a command, and hold it in the middle of the program; yield its process and ports."""
    program = tiny.root / "__main__.py"
    program.write_text(program.read_text() + WAIT)
    process = tiny.start(command)
    try:
        deadline = time.monotonic() + 120
        while not (tiny.root / "reached").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        others = [place for child in children(process.pid) for place in listening(child)]
        yield process, listening(process.pid), others
    finally:
        (tiny.root / "go").touch()
        process.printed, _ = process.communicate(timeout=300)


def test_only_this_user_is_answered_and_only_while_the_run_lasts(tiny):
    with working(tiny, "up") as (process, ours, others):
        told = json.loads(as_another_user(CALLS, *(port for _, port in ours)))

    assert process.returncode == 0, process.printed
    # 127.0.0.1, as such or in the form that IPv6 has for it.
    assert {address for address, _ in ours + others} <= {
        "0100007F",
        "0000000000000000FFFF00000100007F",
    }
    # The provider, the program, and the receiver of the engine's events.
    assert sorted(list(answers.values()) for answers in told.values()) == [
        ["PERMISSION_DENIED", "UNIMPLEMENTED", "UNIMPLEMENTED"],
        ["UNIMPLEMENTED", "PERMISSION_DENIED", "UNIMPLEMENTED"],
        ["UNIMPLEMENTED", "UNIMPLEMENTED", "PERMISSION_DENIED"],
    ]
    # Afterwards only the embedded AWS listens, which asks for the run's signature.
    still = [place for each in of_run(tiny.run) for place in listening(each.pid)]
    assert [port for _, port in still] == [str(tiny.record("emulator.json")["port"])]


@pytest.mark.parametrize(
    "token",
    ["evil:index:Thing", "pulumi-python:dynamic:Resource", "pulumi-nodejs:dynamic:Resource"],
)
def test_the_engine_starts_and_installs_nothing_that_another_user_names(
    tiny, tmp_path, monkeypatch, token
):
    """Its own ports answer everybody; no code comes in by them.

    The plugin lies on the user's PATH and beside the engine, as Pulumi's own do, which run code
    that a resource holds.
    """
    tools, started = tmp_path / "tools", tmp_path / "started"
    tools.mkdir()
    try:
        os.link(find_engine(), tools / "pulumi")
    except OSError:  # another file system
        shutil.copy(find_engine(), tools / "pulumi")
    plugin = tools / f"pulumi-resource-{token.partition(':')[0]}"
    plugin.write_text(f"#!/bin/sh\ntouch '{started}'\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

    with receiver() as (port, arrived), working(tiny, "preview") as (process, _, others):
        url = f"http://127.0.0.1:{port}"
        as_another_user(PLUGIN, url, token, *(port for _, port in others))

    assert arrived == []
    assert not started.exists()
    assert process.returncode == Exit.FAILED
