"""Findings as JSON, for scripts."""

import json
from typing import Any, Final

from surgeproof.findings.model import Finding, Kind, Summary

FORMAT: Final = 1
"""Raised when a key is renamed or goes; new keys do not raise it."""


def json_form(summary: Summary) -> str:
    """Return the document."""
    document = {
        "format": FORMAT,
        "checked": not summary.errors,
        "errors": list(summary.errors),
        "surges": summary.surges,
        "judged": summary.judged,
        "summary": {
            "violations": summary.counted(Kind.VIOLATION),
            "notDecided": summary.counted(Kind.UNDECIDED),
            "exempted": summary.exempted,
        },
        "findings": [_entry(finding) for finding in summary.about_rules],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _entry(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "kind": finding.kind.value,
        "level": finding.level,
        "severity": finding.severity,
        "type": finding.type,
        "name": finding.name,
        "urn": finding.urn,
        "message": finding.message,
        "why": finding.why,
        "fix": finding.fix,
        "link": finding.link,
    }
