"""Findings as SARIF 2.1.0, which code scanning of GitHub, GitLab and Azure DevOps reads.

Code scanning shows only results that have a place in a file. A resource has none that Pulumi tells,
so each result lies in the stack's settings, and its logical location names the resource.
"""

import hashlib
import json
from typing import Any, Final

from surgeproof.findings.model import Finding, Kind, Summary, in_order

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_SECURITY_SEVERITY: Final = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0"}
"""What GitHub takes for a rule's severity: above 9, from 7, from 4, below 4 (GitHub Docs, "SARIF
support for code scanning")."""


def sarif(summary: Summary, *, file: str, version: str) -> str:
    """Return the log.

    Args:
        summary: What was found.
        file: Path in the repository at which code scanning shows the results.
        version: Version of surgeproof.

    """
    ordered = in_order(summary.findings)
    rules = list({finding.rule: finding for finding in ordered}.values())
    places = {finding.rule: index for index, finding in enumerate(rules)}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "surgeproof",
                        "semanticVersion": version,
                        "rules": [_rule(finding) for finding in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, places[finding.rule], file) for finding in ordered],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _level(finding: Finding) -> str:
    if finding.kind is Kind.VIOLATION:
        return "error" if finding.stops else "warning"
    return "note"


def _rule(finding: Finding) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": finding.rule,
        "shortDescription": {"text": finding.rule.replace("-", " ")},
        "fullDescription": {"text": finding.why or finding.message},
        "help": {"text": finding.fix or finding.why or finding.message},
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
        "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": 1}}
    }
    if finding.type:
        name = {"name": finding.name, "fullyQualifiedName": finding.urn, "kind": "resource"}
        location["logicalLocations"] = [name]
    # Without its own, code scanning takes the file's line, which all results share.
    mark = hashlib.sha256(f"{finding.rule}\n{finding.urn}\n{finding.message}".encode()).hexdigest()
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _level(finding),
        "message": {"text": f"{finding.resource}: {words}{finding.message}"},
        "locations": [location],
        "partialFingerprints": {"finding/v1": mark[:32]},
    }
