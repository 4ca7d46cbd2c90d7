"""A small project in its own directory, and the commands as a user gives them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from surgeproof.emulator.processes import of_run
from surgeproof.emulator.state import State, locks

ROOT = Path(__file__).parents[2]

HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAHOSTILEHOSTILE00",
    "AWS_SECRET_ACCESS_KEY": "hostile-secret",
    "AWS_SESSION_TOKEN": "hostile-token",
    "AWS_PROFILE": "hostile",
    "AWS_REGION": "us-gov-west-1",
    "AWS_DEFAULT_REGION": "us-gov-west-1",
    "AWS_ENDPOINT_URL": "http://203.0.113.1:9",
    "AWS_CONFIG_FILE": "/nonexistent/hostile",
    "PULUMI_ACCESS_TOKEN": "pul-hostile",
    "PULUMI_BACKEND_URL": "https://hostile.invalid",
    "PULUMI_STACK": "hostile",
    "HTTP_PROXY": "http://203.0.113.1:9",
    "HTTPS_PROXY": "http://203.0.113.1:9",
    "http_proxy": "http://203.0.113.1:9",
}
"""What must have no influence: every command of these tests is run with it."""


PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def check(args, report_violation):
    if args.resource_type == "aws:sns/topic:Topic" and args.props["displayName"] != "Tiny":
        report_violation("displayName must be Tiny")


def advise(args, report_violation):
    if args.resource_type == "aws:ec2/vpc:Vpc":
        report_violation("think of your addresses")


PolicyPack(
    "tiny",
    policies=[
        ResourceValidationPolicy("topic-name", "d", check, EnforcementLevel.MANDATORY),
        ResourceValidationPolicy("vpc-advice", "d", advise, EnforcementLevel.ADVISORY),
    ],
)
"""


@dataclass
class Checkout:
    """A checkout of a project in which commands are given."""

    root: Path
    stack: str = "local"

    @property
    def run(self) -> Path:
        return self.root / ".surgeproof" / self.stack

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "surgeproof", *arguments],
            cwd=self.root,
            env={**os.environ, **HOSTILE, "PYTHONPATH": _python_path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **more,
        )

    def give(self, *arguments: str) -> tuple[int, str]:
        """Give a command; return its exit code and all that it printed."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=300)
        return process.returncode, printed

    def must(self, *arguments: str) -> str:
        code, printed = self.give(*arguments)
        assert code == 0, printed
        return printed

    def configure(self, **values: Any) -> None:
        """Set configuration of the program in the stack's file."""
        file = self.root / f"Pulumi.{self.stack}.yaml"
        settings = yaml.safe_load(file.read_text())
        name = yaml.safe_load((self.root / "Pulumi.yaml").read_text())["name"]
        settings["config"] |= {f"{name}:{key}": value for key, value in values.items()}
        file.write_text(yaml.safe_dump(settings))

    def add_policies(self) -> None:
        """Add a pack with a mandatory rule and an advice."""
        pack = self.root / "policies"
        pack.mkdir()
        (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
        (pack / "__main__.py").write_text(PACK)

    def state(self) -> State:
        name = yaml.safe_load((self.root / "Pulumi.yaml").read_text())["name"]
        state = State.read(self.run / "state", name, self.stack)
        assert state is not None
        return state

    def locks(self) -> list[Path]:
        return locks(self.run / "state")

    def record(self, file: str) -> dict[str, Any]:
        try:
            return json.loads((self.run / file).read_text())
        except FileNotFoundError:
            return {}

    def client(self, service: str) -> Any:
        """Ask the emulator itself, past provider and engine."""
        record = self.record("emulator.json")
        key, secret = record["accessKeyId"], record["secretAccessKey"]
        session = boto3.Session(key, secret, region_name=record["region"])
        return session.client(service, endpoint_url=f"http://127.0.0.1:{record['port']}")

    def assert_nothing_is_left(self) -> None:
        assert not (self.root / ".surgeproof").exists()
        deadline = time.monotonic() + 5
        while of_run(self.run) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert of_run(self.run) == []

    def clean(self) -> None:
        for process in of_run(self.run):
            process.kill()
        shutil.rmtree(self.root / ".surgeproof", ignore_errors=True)


def _python_path() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def copy_of_repository(root: Path, *, without: str = "\0") -> None:
    """Copy what git tracks, links as links, but what begins with `without`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        if (file.is_file() or file.is_symlink()) and not name.startswith(without):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, root / name, follow_symlinks=False)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout of the small program, in a path with a space."""
    root = tmp_path / "check out"
    shutil.copytree(ROOT / "tests/engine/program", root)
    checkout = Checkout(root)
    yield checkout
    checkout.clean()


def mount(*arguments: str | Path) -> None:
    """Mount something; skip the test where nobody may."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    done = subprocess.run([*as_root, "mount", *arguments], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode()}")


def unmount(place: Path) -> None:
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*as_root, "umount", "--lazy", place], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 80 MiB, in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=80m,mode=777", "tmpfs", disk)
    yield disk
    unmount(disk)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Let nothing be written in a folder."""
    mount("--bind", place, place)
    try:
        mount("-o", "remount,bind,ro", place)
        yield
    finally:
        unmount(place)


@pytest.fixture
def interrupt() -> Any:
    """Press Ctrl-C: the terminal sends the signal to the command's process group."""
    return lambda process: os.killpg(process.pid, signal.SIGINT)
