"""What the values of options may be: each says what is wrong with one in its own words."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from surgeproof.settings.errors import DocumentError, shown
from surgeproof.settings.json_file import read_json


class FilePath(click.Path):
    """A path; one that no file can have is refused like any other."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `click.Path`."""
        super().__init__(dir_okay=False, path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        try:
            return super().convert(value, param, ctx)
        except ValueError:  # a NUL, or what the encoding of file names lacks
            self.fail(f"must be a path that can exist, got {shown(str(value))}", param, ctx)


class JsonFile(FilePath):
    """The path of a JSON file that can be read; the engine reads it, and is more lenient."""

    def __init__(self) -> None:
        """Take no options."""
        super().__init__(exists=True, resolve_path=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        path = super().convert(value, param, ctx)
        try:
            read_json(path)
        except DocumentError as error:
            self.fail(str(error), param, ctx)
        return path


class Time(click.ParamType[datetime]):
    """A moment in ISO 8601; UTC where no zone is given."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment."""
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError:
            rule = "must be a time such as 2026-01-15T08:45:00Z"
            self.fail(f"{rule}, got {shown(str(value))}", param, ctx)
        return time if time.tzinfo else time.replace(tzinfo=UTC)
