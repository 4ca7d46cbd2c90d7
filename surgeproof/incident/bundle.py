"""Writes bundles of evidence: whole or not at all, a line at a time."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from surgeproof import files
from surgeproof.exits import InputError
from surgeproof.incident.evidence import MANIFEST, TABLES, Evidence, Manifest
from surgeproof.settings.errors import path_shown


class BundleWriter:
    """A bundle that is being written; `written` gives one."""

    def __init__(self, directory: Path, streams: Mapping[str, TextIO]) -> None:
        self.directory = directory
        self._streams = streams
        self._rows = Counter(dict.fromkeys(streams, 0))

    def add(self, file: str, element: Mapping[str, Any]) -> None:
        """Write an element of AWS's answers, or one of ours, as the next line of its file."""
        self._streams[file].write(json.dumps(element, separators=(",", ":")) + "\n")
        self._rows[file] += 1

    @property
    def rows(self) -> dict[str, int]:
        """Lines of each file so far."""
        return dict(self._rows)

    def finish(self, manifest: Manifest) -> None:
        """Write what the bundle is about; without it, a directory is no bundle."""
        told = manifest.model_copy(update={"rows": self.rows})
        text = json.dumps(told.model_dump(mode="json", by_alias=True), indent=2)
        files.write_text(self.directory / MANIFEST, text + "\n", ours=True)


@contextmanager
def written(path: Path) -> Iterator[BundleWriter]:
    """Give a writer of a bundle, which appears at `path` when the block ends without an exception.

    Raises InputError where something is there already: evidence is never overwritten.
    """
    if path.exists() or path.is_symlink():
        raise InputError(f"--output: must be a path where nothing is yet, got {path_shown(path)}")
    with files.new_directory(path.absolute().parent) as beside:
        inside = beside / path.name
        inside.mkdir()
        with ExitStack() as stack:
            streams = {
                name: stack.enter_context((inside / name).open("x", encoding="utf-8"))
                for name in TABLES
            }
            writer = BundleWriter(inside, streams)
            yield writer
        if not (inside / MANIFEST).exists():
            raise ValueError("the bundle has no manifest: finish() must be called")
        inside.rename(path)


def write_bundle(evidence: Evidence, path: Path) -> None:
    """Write evidence that is in memory as a bundle."""
    with written(path) as writer:
        for file, elements in evidence.tables.items():
            for element in elements:
                writer.add(file, element)
        writer.finish(evidence.manifest)
