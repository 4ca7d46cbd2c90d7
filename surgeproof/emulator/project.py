"""The Pulumi project on disk: its program, its stacks and their settings, which are only read."""

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from surgeproof import files
from surgeproof.exits import OF_A_PATH, system_error
from surgeproof.settings.errors import DocumentError, shown
from surgeproof.settings.stack_files import (
    imported_environments,
    read_config,
    read_mapping,
    read_project_name,
    read_settings_file,
)

LOCAL = "local"
"""The stack that always runs on the embedded AWS."""

REGION = "aws:region"
PROFILE = "aws:profile"
STACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""Pulumi's own rule for stack names, without a leading dot or dash."""


class InputError(Exception):
    """What the user asked for cannot be done as asked; one line says why. Exit code 2."""


@contextmanager
def path_of(option: str) -> Iterator[None]:
    """Say of which option a path is that cannot be read or written as it is given."""
    try:
        yield
    except OSError as error:
        if error.errno not in OF_A_PATH:
            raise
        raise InputError(f"{option}: {system_error(error)}") from error


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

    def copy_settings(self, stack: str, directory: Path, salt: str | None) -> None:
        """Copy what the engine reads into `directory`, so that it never writes to the checkout.

        A new stack's engine adds the salt of its passphrase to the settings. The copy leaves out
        how the real stack keeps its secrets, since an embedded stack has its own passphrase.
        """
        config = self.config(stack)
        with _input():
            environments = imported_environments(self.settings_file(stack))
        if environments:
            raise InputError(
                f"Pulumi.{stack}.yaml: environment imports Pulumi ESC environments "
                f"({', '.join(environments)}), which the embedded AWS cannot read; write what they "
                "hold into the settings of a stack of its own"
            )
        with _input():
            settings = {**read_settings_file(self.settings_file(stack)), "config": config}
        for key, value in config.items():
            if _is_encrypted(value):
                raise InputError(
                    f"Pulumi.{stack}.yaml: {key} is encrypted for the real stack; the embedded "
                    "AWS cannot read it"
                )
        for key in ("secretsprovider", "encryptedkey", "encryptionsalt"):
            settings.pop(key, None)
        if salt is not None:
            settings["encryptionsalt"] = salt
        directory.mkdir(exist_ok=True)
        project_file = (self.root / "Pulumi.yaml").read_bytes()
        files.write_bytes(directory / "Pulumi.yaml", project_file, ours=True)
        text = yaml.safe_dump(settings, sort_keys=False)
        files.write_text(directory / f"Pulumi.{stack}.yaml", text, ours=True)


def list_item(path: Path) -> str:
    """Return a path as the engine's options that may be repeated have it: a row of CSV each."""
    text = str(path)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text


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


def salt_of(file: Path) -> str | None:
    """Return the passphrase's salt that the engine has written into a copy of settings.

    None where the copy is gone or damaged: the state has the salt, too.
    """
    try:
        salt = read_mapping(file).get("encryptionsalt") if file.is_file() else None
    except (OSError, DocumentError):
        return None
    return salt if isinstance(salt, str) else None


def _is_encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        return "secure" in value or any(map(_is_encrypted, value.values()))
    return isinstance(value, list) and any(map(_is_encrypted, value))


@contextmanager
def _input() -> Iterator[None]:
    """Let what is wrong with a file of the user's be bad input."""
    try:
        yield
    except DocumentError as error:
        raise InputError(str(error)) from error
