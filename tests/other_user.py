"""Acts as another user of this machine."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

NOBODY: Final = "nobody"

_BECOME: Final = """
import encodings.idna, os, sys

def become_another_user():
    os.setgroups([])
    os.setgid({group})
    os.setuid({user})

"""


def as_another_user(attack: str, *arguments: str) -> str:
    """Run an attack in a process of its own; return what it printed.

    The attack imports what it needs, which another user may be unable to read, and then calls
    `become_another_user()`.
    """
    nobody = pwd.getpwnam(NOBODY)
    prelude = _BECOME.format(user=nobody.pw_uid, group=nobody.pw_gid)
    command = [*_as_root(), sys.executable, "-c", prelude + attack, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _as_root() -> list[str]:
    """Return what a command begins with, to run as root; skip the test where none can."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if (
        sudo
        and not subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode
    ):
        return [sudo, "-n"]
    pytest.skip("only root, or who may use sudo without a password, can act as another user")


@contextmanager
def given_away(path: Path) -> Iterator[None]:
    """Make a file or directory another user's for a while."""

    def give(user: int) -> None:
        subprocess.run([*_as_root(), "chown", str(user), str(path)], check=True)

    give(pwd.getpwnam(NOBODY).pw_uid)
    try:
        yield
    finally:
        give(os.geteuid())
