"""Findings as a comment on a pull request: a table, which fits GitHub's and GitLab's Markdown."""

import re
from collections.abc import Iterable
from typing import Final

from surgeproof.findings.model import Finding, Kind, Summary, in_order

_HEAD: Final = ("| Severity | Rule | Resource | Found | To fix |", "|---|---|---|---|---|")
_SPECIAL: Final = re.compile(r"([\\|<>*_\[\]#])")


def markdown(summary: Summary) -> str:
    """Return the whole comment."""
    ordered = in_order(summary.findings)
    parts = ["### Policies", "", str(summary)]
    violations = [finding for finding in ordered if finding.kind is Kind.VIOLATION]
    if violations:
        parts += ["", *_HEAD, *map(_row, violations)]
    parts += _list("Not decided yet; this is not a pass", ordered, Kind.UNDECIDED)
    parts += _list("About the settings", ordered, Kind.NOTICE)
    return "\n".join([*parts, ""])


def _row(finding: Finding) -> str:
    rule = f"[`{finding.rule}`]({finding.link})" if finding.link else f"`{finding.rule}`"
    severity = f"**{finding.severity}**" if finding.stops else f"{finding.severity} (advisory)"
    found = _escaped(finding.message)
    if finding.why:
        found += f"<br>{_escaped(finding.why)}"
    fix = "<br>".join(map(_escaped, finding.fix.splitlines()))
    return f"| {severity} | {rule} | {_escaped(finding.resource)} | {found} | {fix} |"


def _list(title: str, ordered: Iterable[Finding], kind: Kind) -> list[str]:
    members = [finding for finding in ordered if finding.kind is kind]
    if not members:
        return []
    rows = [f"- `{at.rule}`, {_escaped(at.resource)}: {_escaped(at.message)}" for at in members]
    return ["", f"{title}:", "", *rows]


def _escaped(text: str) -> str:
    """Return a text whose characters mean themselves, but for what stands between backticks."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:  # a backtick without its pair
        return _SPECIAL.sub(r"\\\1", "'".join(parts))
    shown = [
        f"`{part.replace('|', chr(92) + '|')}`" if index % 2 else _SPECIAL.sub(r"\\\1", part)
        for index, part in enumerate(parts)
    ]
    return "".join(shown)
