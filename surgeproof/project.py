"""The Pulumi project on disk: its program, its stacks and their settings, which are only read."""

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgeproof.exits import InputError
from surgeproof.settings.errors import DocumentError, shown
from surgeproof.settings.stack_files import read_config, read_mapping, read_project_name

LOCAL = "local"
"""The stack that always runs on the embedded AWS."""

REGION = "aws:region"
PROFILE = "aws:profile"
STACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""Pulumi's own rule for stack names, without a leading dot or dash."""


@dataclass(frozen=True)
class Project:
    """A directory with Pulumi.yaml and `__main__.py`."""

    root: Path
    name: str

    @classmethod
    def find(cls, start: Path | None = None, *, damaged: bool = False) -> "Project":
        """Return the project of the working directory, or of the nearest directory above it.

        Args:
            start: In place of the working directory.
            damaged: Whether one will do whose name cannot be read; it is empty then.

        """
        try:
            start = (start or Path.cwd()).resolve()
        except FileNotFoundError as error:
            raise InputError("the working directory: must exist, got one that is gone") from error
        for root in (start, *start.parents):
            if (root / "Pulumi.yaml").is_file():
                try:
                    _check_root(root)
                    with _input():
                        return cls(root, read_project_name(root / "Pulumi.yaml"))
                except InputError:
                    if not damaged:
                        raise
                    return cls(root, "")
        raise InputError(f"there is no Pulumi.yaml in {start} or above it")

    @property
    def program(self) -> Path:
        """The program that the engine runs."""
        return self.root / "__main__.py"

    @property
    def policies(self) -> Path | None:
        """The policy pack, where there is one."""
        pack = self.root / "policies"
        return pack if (pack / "PulumiPolicy.yaml").is_file() else None

    def pack_environment(self) -> Path | None:
        """Return the Python environment that the pack asks Pulumi to run it in."""
        if self.policies is None:
            return None
        with _input():
            runtime = read_mapping(self.policies / "PulumiPolicy.yaml").get("runtime")
        options = runtime.get("options") if isinstance(runtime, dict) else None
        named = options.get("virtualenv") if isinstance(options, dict) else None
        return Path(os.path.normpath(self.policies / named)) if isinstance(named, str) else None

    def stacks(self) -> list[str]:
        """Return the stacks that have settings."""
        files = self.root.glob("Pulumi.*.yaml")
        return sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in files)

    def check_stack(self, stack: str) -> None:
        """Refuse a name that Pulumi refuses, and a stack without settings."""
        check_name(stack)
        if not self.settings_file(stack).is_file():
            known = ", ".join(self.stacks()) or "none"
            raise InputError(
                f"--stack: must have a file Pulumi.<stack>.yaml (there are: {known}), "
                f"got {shown(stack)}"
            )

    def check_settings(self, stack: str) -> None:
        """Refuse what `check_stack` refuses, and settings that the engine would read otherwise."""
        self.check_stack(stack)
        self.config(stack)

    def settings_file(self, stack: str) -> Path:
        """Return the file of the stack's settings."""
        return self.root / f"Pulumi.{stack}.yaml"

    def config(self, stack: str) -> dict[str, Any]:
        """Return the stack's configuration by `<namespace>:<name>`."""
        with _input():
            return read_config(self.settings_file(stack), self.name)

    def region(self, stack: str) -> str:
        """Return the region that the stack's settings name."""
        region = self.config(stack).get(REGION)
        if not isinstance(region, str):
            raise InputError(f"Pulumi.{stack}.yaml: must set {REGION}, got nothing")
        return region

    def profile(self, stack: str) -> str | None:
        """Return the profile of AWS credentials that the stack's settings name, if they do."""
        profile = self.config(stack).get(PROFILE)
        return profile if isinstance(profile, str) else None


def check_name(stack: str) -> None:
    """Refuse a name that Pulumi refuses; the run's directory has this name too."""
    if not STACK_NAME.fullmatch(stack):
        raise InputError(
            "--stack: must be letters, digits, '-', '_' and '.' (at most 100, the first a letter "
            f"or digit), got {shown(stack)}"
        )


def _check_root(root: Path) -> None:
    """Refuse a place that the engine and what it starts could not be told of."""
    text = str(root)
    # Cc: line feeds and other control characters; Cs: bytes that are no UTF-8.
    if os.pathsep in text or any(unicodedata.category(each) in ("Cc", "Cs") for each in text):
        raise InputError(
            "the project's directory: must have a path in UTF-8 without control characters and "
            f"without {os.pathsep!r}, which separates the entries of PATH, got {shown(text)}"
        )


@contextmanager
def _input() -> Iterator[None]:
    """Let what is wrong with a file of the user's be bad input."""
    try:
        yield
    except DocumentError as error:
        raise InputError(str(error)) from error
