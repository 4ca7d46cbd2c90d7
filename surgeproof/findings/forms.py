"""The forms of a report, by name."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from surgeproof import files
from surgeproof.findings.json_form import json_form
from surgeproof.findings.markdown import markdown
from surgeproof.findings.model import Summary
from surgeproof.findings.sarif import sarif
from surgeproof.findings.text import text

FORMS: Final = ("text", "markdown", "sarif", "json")
SUFFIXES: Final = {".txt": "text", ".md": "markdown", ".sarif": "sarif", ".json": "json"}


def shown(summary: Summary, form: str, *, file: str) -> str:
    """Return the report in one of FORMS.

    Args:
        summary: What was found.
        form: The form's name.
        file: Path in the repository at which code scanning shows the results.

    """
    if form == "sarif":
        return sarif(summary, file=file, version=_version())
    forms = {"text": text, "markdown": markdown, "json": json_form}
    return forms[form](summary)


def write(summary: Summary, path: Path, *, file: str) -> None:
    """Write the report in the form that the file's name ends in, one of SUFFIXES."""
    files.write_text(path, shown(summary, SUFFIXES[path.suffix], file=file))


def place(settings_file: Path | None) -> str:
    """Return the path in its repository of a stack's settings, or of the project's."""
    if settings_file is None:
        return "Pulumi.yaml"
    shown_in = settings_file if settings_file.is_file() else settings_file.parent / "Pulumi.yaml"
    roots = [at for at in shown_in.parents if (at / ".git").exists()]
    return shown_in.relative_to(roots[0] if roots else shown_in.parent).as_posix()


def _version() -> str:
    try:
        return version("surgeproof")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0.0.0"
