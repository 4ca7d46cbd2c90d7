"""Findings as SARIF 2.1.0, which code scanning of GitHub, GitLab and Azure DevOps reads.

Code scanning shows only results that have a place in a file. A resource has none that Pulumi tells,
so each result lies in the stack's settings, and its logical location names the resource.
"""

import hashlib
import json
import urllib.parse
from typing import Any, Final

from surgeproof import escaping
from surgeproof.findings.model import Finding, Kind, Summary

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_SECURITY_SEVERITY: Final = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0"}
"""What GitHub takes for a rule's severity: above 9, from 7, from 4, below 4 (GitHub Docs, "SARIF
support for code scanning")."""
_MOST_RESULTS: Final = 25_000
_LONGEST_DESCRIPTION: Final = 1024
"""Code scanning refuses a file of more results, and a rule's longer description (as above)."""
_ROOT: Final = "%SRCROOT%"


def sarif(summary: Summary, *, file: str, version: str) -> str:
    """Return the log.

    Args:
        summary: What was found.
        file: Path in the repository at which code scanning shows the results.
        version: Version of surgeproof.

    """
    ordered = summary.about_rules
    shown = ordered[:_MOST_RESULTS]
    rules = list({finding.rule: finding for finding in shown}.values())
    places = {finding.rule: index for index, finding in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "surgeproof",
                "semanticVersion": version,
                "rules": [_rule(finding) for finding in rules],
            }
        },
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, places[finding.rule], file) for finding in shown],
    }
    notices = [{"level": "error", "message": _text(error)} for error in summary.errors]
    if left := len(ordered) - len(shown):
        text = f"{left} findings are left out, as code scanning takes {_MOST_RESULTS} at most."
        notices.append({"level": "warning", "message": {"text": text}})
    notices += [
        {"level": "note", "message": _text(said)}
        for said in (summary.judged, summary.surges)
        if said
    ]
    run["invocations"] = [
        {"executionSuccessful": not summary.errors, "toolExecutionNotifications": notices}
    ]
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _text(text: str) -> dict[str, str]:
    return {"text": escaping.sarif(text)}


def _description(text: str) -> dict[str, str]:
    message = _text(text)
    if len(message["text"]) > _LONGEST_DESCRIPTION:
        message["text"] = f"{message['text'][: _LONGEST_DESCRIPTION - 3].rstrip('{}')}..."
    return message


def _level(finding: Finding) -> str:
    if finding.kind is Kind.VIOLATION:
        return "error" if finding.stops else "warning"
    return "note"


def _rule(finding: Finding) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": finding.rule,
        "shortDescription": _description(finding.rule.replace("-", " ")),
        "fullDescription": _description(finding.why or finding.message),
        "help": _text(finding.fix or finding.why or finding.message),
        "defaultConfiguration": {"level": _level(finding)},
    }
    if finding.link:
        rule["helpUri"] = finding.link
    if finding.severity in _SECURITY_SEVERITY:
        rule["properties"] = {
            "tags": ["security"],
            "security-severity": _SECURITY_SEVERITY[finding.severity],
        }
    return rule


def _result(finding: Finding, rule: int, file: str) -> dict[str, Any]:
    words = "" if finding.kind is Kind.VIOLATION else f"{finding.kind}: "
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": urllib.parse.quote(file), "uriBaseId": _ROOT},
            "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2},
        }
    }
    if finding.type:
        name = {"name": finding.name, "fullyQualifiedName": finding.urn, "kind": "resource"}
        location["logicalLocations"] = [name]
    # Code scanning tells results apart by this one alone. Where a result has none, the upload makes
    # it of the line in the file, which all results share.
    told = f"{finding.rule}\n{finding.urn}\n{finding.message}".encode(errors="backslashreplace")
    mark = hashlib.sha256(told).hexdigest()
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _level(finding),
        "message": _text(f"{finding.resource}: {words}{finding.message}"),
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": f"{mark[:16]}:1"},
    }
