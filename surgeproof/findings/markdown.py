"""Findings as a comment on a pull request: a table, which fits GitHub's and GitLab's Markdown."""

import urllib.parse
from collections.abc import Iterable
from typing import Final

from surgeproof import escaping
from surgeproof.findings.model import Finding, Kind, Summary

_IN_LINKS: Final = ":/?#@!$&'*+,;=%~"
"""Characters that a link keeps (RFC 3986, 2.2)."""
_HEAD: Final = ("| Severity | Rule | Resource | Found | To fix |", "|---|---|---|---|---|")


def markdown(summary: Summary) -> str:
    """Return the whole comment."""
    ordered = summary.about_rules
    surges = [f"**{_escaped(summary.surges)}**", ""] if summary.surges else []
    parts = ["### Policies", "", *surges, str(summary)]
    if summary.errors:
        parts += ["", "**Not checked**, because of:", ""]
        parts += [f"- {escaping.markdown(error)}" for error in summary.errors]
    violations = [finding for finding in ordered if finding.kind is Kind.VIOLATION]
    if violations:
        parts += ["", *_HEAD, *map(_row, violations)]
    parts += _list("Not decided yet; this is not a pass", ordered, Kind.UNDECIDED)
    parts += _list("About the settings", ordered, Kind.NOTICE)
    parts += ["", _escaped(summary.judged)] if summary.judged else []
    return "\n".join([*parts, ""])


def _row(finding: Finding) -> str:
    rule = escaping.markdown_code(finding.rule)
    if finding.link:
        rule = f"[{rule}]({urllib.parse.quote(finding.link, safe=_IN_LINKS)})"
    label = finding.severity or "error"
    severity = f"**{label}**" if finding.stops else f"{label} (advisory)"
    found = _escaped(finding.message)
    if finding.why:
        found += f"<br>{_escaped(finding.why)}"
    fix = "<br>".join(map(_escaped, finding.fix.splitlines()))
    return f"| {severity} | {rule} | {_escaped(finding.resource)} | {found} | {fix} |"


def _list(title: str, ordered: Iterable[Finding], kind: Kind) -> list[str]:
    members = [finding for finding in ordered if finding.kind is kind]
    if not members:
        return []
    rows = [
        f"- {escaping.markdown_code(at.rule)}, {_escaped(at.resource)}: {_escaped(at.message)}"
        for at in members
    ]
    return ["", f"{title}:", "", *rows]


def _escaped(text: str) -> str:
    return escaping.markdown(text, code=True)
