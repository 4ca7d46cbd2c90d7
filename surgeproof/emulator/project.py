"""The Pulumi project on disk: its program, its stacks and their settings, which are only read."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LOCAL = "local"
"""The stack that always runs on the embedded AWS."""

REGION = "aws:region"
PROFILE = "aws:profile"
STACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""Pulumi's own rule for stack names, without a leading dot or dash."""


class InputError(Exception):
    """What the user asked for cannot be done as asked; one line says why. Exit code 2."""


@dataclass(frozen=True)
class Project:
    """A directory with Pulumi.yaml and `__main__.py`."""

    root: Path
    name: str

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """Return the project of the working directory, or of the nearest directory above it."""
        start = (start or Path.cwd()).resolve()
        for root in (start, *start.parents):
            if (root / "Pulumi.yaml").is_file():
                name = _load(root / "Pulumi.yaml").get("name")
                if not isinstance(name, str):
                    raise InputError(f"{root / 'Pulumi.yaml'}: must have a name")
                return cls(root, name)
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
        runtime = _load(self.policies / "PulumiPolicy.yaml").get("runtime")
        options = (runtime.get("options") or {}) if isinstance(runtime, dict) else {}
        named = options.get("virtualenv")
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
                f"--stack: must have a file Pulumi.<stack>.yaml (there are: {known}), got {stack!r}"
            )

    def settings_file(self, stack: str) -> Path:
        """Return the file of the stack's settings."""
        return self.root / f"Pulumi.{stack}.yaml"

    def region(self, stack: str) -> str:
        """Return the region that the stack's settings name."""
        region = (_load(self.settings_file(stack)).get("config") or {}).get(REGION)
        if not isinstance(region, str):
            raise InputError(f"Pulumi.{stack}.yaml: must set {REGION}, got nothing")
        return region

    def profile(self, stack: str) -> str | None:
        """Return the profile of AWS credentials that the stack's settings name, if they do."""
        profile = (_load(self.settings_file(stack)).get("config") or {}).get(PROFILE)
        return profile if isinstance(profile, str) else None

    def copy_settings(self, stack: str, directory: Path, salt: str | None) -> None:
        """Copy what the engine reads into `directory`, so that it never writes to the checkout.

        A new stack's engine adds the salt of its passphrase to the settings. The copy leaves out
        how the real stack keeps its secrets, since an embedded stack has its own passphrase.
        """
        directory.mkdir(exist_ok=True)
        (directory / "Pulumi.yaml").write_bytes((self.root / "Pulumi.yaml").read_bytes())
        settings = _load(self.settings_file(stack))
        for key, value in (settings.get("config") or {}).items():
            if _is_encrypted(value):
                raise InputError(
                    f"Pulumi.{stack}.yaml: {key} is encrypted for the real stack; the embedded "
                    "AWS cannot read it"
                )
        for key in ("secretsprovider", "encryptedkey", "encryptionsalt"):
            settings.pop(key, None)
        if salt is not None:
            settings["encryptionsalt"] = salt
        text = yaml.safe_dump(settings, sort_keys=False)
        (directory / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")


def check_name(stack: str) -> None:
    """Refuse a name that Pulumi refuses; the run's directory has this name too."""
    if not STACK_NAME.fullmatch(stack):
        raise InputError(
            "--stack: must be letters, digits, '-', '_' and '.' (at most 100, the first a letter "
            f"or digit), got {stack!r}"
        )


def salt_of(file: Path) -> str | None:
    """Return the passphrase's salt that the engine has written into a copy of settings."""
    salt = _load(file).get("encryptionsalt") if file.is_file() else None
    return salt if isinstance(salt, str) else None


def _is_encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        return "secure" in value or any(map(_is_encrypted, value.values()))
    return isinstance(value, list) and any(map(_is_encrypted, value))


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: must be YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict | None):
        raise InputError(f"{path.name}: must be a map")
    return content or {}
