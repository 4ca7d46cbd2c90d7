"""Links from a review to its evidence: a line of the bundle, and the place in AWS's console."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from surgeproof.incident.analysis import Happening, Ref
from surgeproof.incident.evidence import Manifest

_CONSOLES: Final = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
"""Consoles of the partitions beside `aws`, by how their Regions begin."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links for one review."""

    manifest: Manifest
    bundle: Path | None
    """The bundle's directory; none for evidence that is in memory."""
    beside: Path | None
    """Directory of the review, from which links count; none: they are absolute."""

    def of(self, ref: Ref) -> str:
        """Return a link to a line of the bundle, in Markdown."""
        text = f"{ref.file}#{ref.line}"
        if self.bundle is None:
            return f"`{text}`"
        directory = str(self.bundle)
        if self.beside is not None:
            directory = os.path.relpath(self.bundle, self.beside)
        return f"[{text}]({quote(directory)}/{ref.file}#L{ref.line})"

    def to(self, happening: Happening) -> str:
        """Return links to all that tells of something, in Markdown."""
        links = [self.of(ref) for ref in happening.refs]
        if self.manifest.origin == "aws" and (address := self._console(happening)):
            links.append(f"[console]({address})")
        return ", ".join(links)

    def _console(self, happening: Happening) -> str | None:
        region = self.manifest.region
        host = next(
            (each for begin, each in _CONSOLES.items() if region.startswith(begin)),
            f"{region}.console.aws.amazon.com",
        )
        if happening.kind == "alarm":
            name = quote(happening.name, safe="")
            return f"https://{host}/cloudwatch/home?region={region}#alarmsV2:alarm/{name}"
        if happening.kind == "runbook":
            return f"https://{host}/systems-manager/automation/executions?region={region}"
        group = quote(self.manifest.group, safe="")
        view = "instanceRefresh" if happening.kind == "refresh" else "activity"
        return f"https://{host}/ec2/home?region={region}#AutoScalingGroupDetails:id={group};view={view}"
