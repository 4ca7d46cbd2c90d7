"""The copy of the project's settings that the engine reads on the embedded AWS.

The engine writes to the settings that it reads: a new stack's salt. So it gets a copy.
"""

from pathlib import Path
from typing import Any

import yaml

from surgeproof import files
from surgeproof.exits import InputError
from surgeproof.project import Project
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.stack_files import imported_environments, read_mapping, read_settings_file


def copy_settings(project: Project, stack: str, directory: Path, salt: str | None) -> None:
    """Copy what the engine reads into `directory`, with the salt of the passphrase if it has one.

    The copy leaves out how the real stack keeps its secrets, since an embedded stack has its own
    passphrase.
    """
    file = project.settings_file(stack)
    config = project.config(stack)
    try:
        environments = imported_environments(file)
        settings = {**read_settings_file(file), "config": config}
    except DocumentError as error:
        raise InputError(str(error)) from error
    if environments:
        raise InputError(
            f"{file.name}: environment imports Pulumi ESC environments "
            f"({', '.join(environments)}), which the embedded AWS cannot read; write what they "
            "hold into the settings of a stack of its own"
        )
    for key, value in config.items():
        if _is_encrypted(value):
            raise InputError(
                f"{file.name}: {key} is encrypted for the real stack; the embedded AWS cannot "
                "read it"
            )
    for key in ("secretsprovider", "encryptedkey", "encryptionsalt"):
        settings.pop(key, None)
    if salt is not None:
        settings["encryptionsalt"] = salt
    directory.mkdir(exist_ok=True)
    project_file = (project.root / "Pulumi.yaml").read_bytes()
    files.write_bytes(directory / "Pulumi.yaml", project_file, ours=True)
    text = yaml.safe_dump(settings, sort_keys=False)
    files.write_text(directory / file.name, text, ours=True)


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
