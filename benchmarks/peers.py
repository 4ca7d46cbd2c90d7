"""Peers to measure beside: each is installed into an environment of its own, for one run.

Their pins clash with ours, and nobody who uses the project needs them.
"""

import subprocess
import venv
from pathlib import Path


def installed(requirement: str, directory: Path) -> Path | None:
    """Install a package below `directory`; return its `bin`, or say why not and return none."""
    venv.create(directory, with_pip=True)
    done = subprocess.run(
        [
            str(directory / "bin" / "python"),
            *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"{requirement} could not be installed, so there is no comparison: {last}")
        return None
    return directory / "bin"
