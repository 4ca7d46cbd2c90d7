"""Findings in the forms in which people and tools read them."""

import json

import pytest

from surgeproof.findings import Finding, Kind, Summary, from_engine, in_order
from surgeproof.findings.forms import place, shown, write
from surgeproof.findings.text import lines

URN = "urn:pulumi:dev::shop::my:Part$aws:lb/listener:Listener::{}"
HTTPS = Finding(
    rule="lb-listener-serves-https",
    severity="critical",
    urn=URN.format("http"),
    message="`protocol` must be `HTTPS`, got `HTTP`.",
    why="Plain HTTP can be read.",
    fix='Set the protocol:\naws.lb.Listener("https", protocol="HTTPS")',
    link="https://docs.aws.amazon.com/x#elb-18",
)
OTHER = Finding(
    rule="lb-listener-serves-https",
    severity="critical",
    urn=URN.format("api"),
    message="`protocol` must be `HTTPS`, got a|b `x|y` <i>.",
    why=HTTPS.why,
    fix=HTTPS.fix,
    link=HTTPS.link,
)
ADVICE = Finding(
    rule="lb-deletion-protection",
    level="advisory",
    severity="medium",
    urn="urn:pulumi:dev::shop::aws:lb/loadBalancer:LoadBalancer::web",
    message="`enableDeletionProtection` must be true, got false.",
    why="A mistaken `down` takes the address with it.",
    fix="Set it.",
)
WAITS = Finding(
    rule="asg-spans-zones",
    kind=Kind.UNDECIDED,
    level="advisory",
    severity="high",
    urn="urn:pulumi:dev::shop::aws:autoscaling/group:Group::web",
    message="`vpcZoneIdentifiers` is known only during `up`, which decides.",
)
UNUSED = Finding(
    rule="exemption-unused",
    kind=Kind.NOTICE,
    level="advisory",
    urn="urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev",
    message="policies:exemptions[0] matches nothing.",
)
ALL = (UNUSED, WAITS, ADVICE, HTTPS, OTHER)
SUMMARY = Summary(ALL, exempted=2)


def test_text_has_one_line_each_then_why_and_how_to_fix():
    assert shown(SUMMARY, "text", file="x") == (
        "critical  lb-listener-serves-https  aws:lb/listener:Listener api: `protocol` must be "
        "`HTTPS`, got a|b `x|y` <i>.\n"
        "critical  lb-listener-serves-https  aws:lb/listener:Listener http: `protocol` must be "
        "`HTTPS`, got `HTTP`.\n"
        "    why: Plain HTTP can be read.\n"
        "    fix: Set the protocol:\n"
        '         aws.lb.Listener("https", protocol="HTTPS")\n'
        "medium    lb-deletion-protection (advisory)  aws:lb/loadBalancer:LoadBalancer web: "
        "`enableDeletionProtection` must be true, got false.\n"
        "    why: A mistaken `down` takes the address with it.\n"
        "    fix: Set it.\n"
        "not decided  asg-spans-zones  aws:autoscaling/group:Group web: `vpcZoneIdentifiers` is "
        "known only during `up`, which decides.\n"
        "notice    exemption-unused  stack: policies:exemptions[0] matches nothing.\n"
        "3 violations: 2 critical, 1 medium; 1 of them advisory; 1 not decided; 2 exempted.\n"
    )


def test_markdown_is_a_table_whose_cells_mean_themselves():
    assert shown(SUMMARY, "markdown", file="x") == (
        "### Policies\n"
        "\n"
        "3 violations: 2 critical, 1 medium; 1 of them advisory; 1 not decided; 2 exempted.\n"
        "\n"
        "| Severity | Rule | Resource | Found | To fix |\n"
        "|---|---|---|---|---|\n"
        "| **critical** | [`lb-listener-serves-https`](https://docs.aws.amazon.com/x#elb-18) | "
        "aws:lb/listener:Listener api | `protocol` must be `HTTPS`, got a\\|b `x\\|y` \\<i\\>.<br>"
        "Plain HTTP can be read. | Set the protocol:<br>"
        'aws.lb.Listener("https", protocol="HTTPS") |\n'
        "| **critical** | [`lb-listener-serves-https`](https://docs.aws.amazon.com/x#elb-18) | "
        "aws:lb/listener:Listener http | `protocol` must be `HTTPS`, got `HTTP`.<br>"
        "Plain HTTP can be read. | Set the protocol:<br>"
        'aws.lb.Listener("https", protocol="HTTPS") |\n'
        "| medium (advisory) | `lb-deletion-protection` | aws:lb/loadBalancer:LoadBalancer web | "
        "`enableDeletionProtection` must be true, got false.<br>"
        "A mistaken `down` takes the address with it. | Set it. |\n"
        "\n"
        "Not decided yet; this is not a pass:\n"
        "\n"
        "- `asg-spans-zones`, aws:autoscaling/group:Group web: `vpcZoneIdentifiers` is known only "
        "during `up`, which decides.\n"
        "\n"
        "About the settings:\n"
        "\n"
        "- `exemption-unused`, stack: policies:exemptions\\[0\\] matches nothing.\n"
    )


FAILED = Summary([], errors=["program: `x` is not defined", "preview failed"])


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("text", "error: program: `x` is not defined\nerror: preview failed\nnot checked.\n"),
        (
            "markdown",
            (
                "### Policies\n\nnot checked.\n\n**Not checked**, because of:\n\n"
                "- program: \\`x\\` is not defined\n- preview failed\n"
            ),
        ),
    ],
)
def test_what_was_not_checked_is_no_pass(form, text):
    assert shown(FAILED, form, file="x") == text


def test_what_was_not_checked_is_no_pass_in_json():
    document = json.loads(shown(FAILED, "json", file="x"))

    assert (document["checked"], document["errors"]) == (False, list(FAILED.errors))


def test_what_was_not_checked_is_a_failed_run_in_sarif():
    (run,) = json.loads(shown(FAILED, "sarif", file="x"))["runs"]

    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert [each["message"]["text"] for each in invocation["toolExecutionNotifications"]] == [
        *FAILED.errors
    ]


def test_what_was_found_before_a_failure_stays():
    assert str(Summary([HTTPS], errors=["x"])) == "not checked to the end; 1 violation: 1 critical."


def test_markdown_of_a_text_with_a_backtick_too_many():
    odd = Finding(rule="a-b", message="`x must be a*b.")

    assert "\\`x must be a\\*b." in shown(Summary([odd]), "markdown", file="x")


def test_json_form():
    document = json.loads(shown(SUMMARY, "json", file="x"))

    assert document["format"] == 1
    assert document["summary"] == {"violations": 3, "notDecided": 1, "exempted": 2}
    assert [entry["rule"] for entry in document["findings"]] == [at.rule for at in in_order(ALL)]
    assert document["findings"][1] == {
        "rule": "lb-listener-serves-https",
        "kind": "violation",
        "level": "mandatory",
        "severity": "critical",
        "type": "aws:lb/listener:Listener",
        "name": "http",
        "urn": HTTPS.urn,
        "message": HTTPS.message,
        "why": HTTPS.why,
        "fix": HTTPS.fix,
        "link": HTTPS.link,
    }


def test_sarif_says_what_was_found():
    log = json.loads(shown(SUMMARY, "sarif", file="Pulumi.dev.yaml"))

    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "surgeproof"
    assert [rule["id"] for rule in driver["rules"]] == [
        "lb-listener-serves-https",
        "lb-deletion-protection",
        "asg-spans-zones",
        "exemption-unused",
    ]
    assert driver["rules"][0] == {
        "id": "lb-listener-serves-https",
        "shortDescription": {"text": "lb listener serves https"},
        "fullDescription": {"text": HTTPS.why},
        "help": {"text": HTTPS.fix},
        "defaultConfiguration": {"level": "error"},
        "helpUri": HTTPS.link,
        "properties": {"tags": ["security"], "security-severity": "9.5"},
    }
    assert [
        (result["ruleId"], result["ruleIndex"], result["level"]) for result in run["results"]
    ] == [
        ("lb-listener-serves-https", 0, "error"),
        ("lb-listener-serves-https", 0, "error"),
        ("lb-deletion-protection", 1, "warning"),
        ("asg-spans-zones", 2, "note"),
        ("exemption-unused", 3, "note"),
    ]
    first = run["results"][1]
    assert first["message"] == {"text": f"aws:lb/listener:Listener http: {HTTPS.message}"}
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "Pulumi.dev.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2},
            },
            "logicalLocations": [
                {"name": "http", "fullyQualifiedName": HTTPS.urn, "kind": "resource"}
            ],
        }
    ]
    assert run["results"][3]["message"]["text"].startswith(
        "aws:autoscaling/group:Group web: not decided: "
    )


@pytest.mark.parametrize(
    ("findings", "exempted", "words"),
    [
        ([], 0, "no violations."),
        ([], 1, "no violations; 1 exempted."),
        ([WAITS, WAITS], 0, "no violations; 2 not decided."),
        ([HTTPS], 0, "1 violation: 1 critical."),
        ([Finding(rule="policy-settings", message="x")], 0, "1 violation: 1 of no severity."),
    ],
    ids=str,
)
def test_summary(findings, exempted, words):
    assert str(Summary(findings, exempted)) == words


def test_what_stops_stands_first():
    settings = Finding(rule="policy-settings", message="x")
    low = Finding(rule="z", severity="low", message="x")

    assert in_order([UNUSED, WAITS, ADVICE, low, HTTPS, settings]) == [
        settings,
        HTTPS,
        low,
        ADVICE,
        WAITS,
        UNUSED,
    ]


@pytest.mark.parametrize("finding", [HTTPS, ADVICE, WAITS], ids=lambda at: at.rule)
def test_the_engine_carries_all_that_a_person_needs(finding):
    why = finding.why or "It could not be decided."
    policy = "not-decided" if finding.kind is Kind.UNDECIDED else finding.rule
    text = finding.engine_text if finding.why else f"{why}\n{finding.engine_text}"

    read = from_engine(
        policy=policy,
        level=finding.level,
        urn=finding.urn,
        text=f"{text}\n",
        severities={finding.rule: finding.severity},
    )

    assert (read.rule, read.kind, read.level, read.severity, read.urn, read.message, read.fix) == (
        finding.rule,
        finding.kind,
        finding.level,
        finding.severity,
        finding.urn,
        finding.message,
        finding.fix,
    )


def test_a_foreign_pack_s_message_is_shown_as_it_is():
    read = from_engine(
        policy="their-rule", level="mandatory", urn="", text="Buckets are private.", severities={}
    )

    assert list(lines([read])) == ["error     their-rule  stack: Buckets are private."]


def test_a_report_is_written_in_the_form_of_its_name(tmp_path):
    for name in ("a.md", "a.sarif", "a.json", "a.txt"):
        write(SUMMARY, tmp_path / name, file="x")

    assert (tmp_path / "a.md").read_text().startswith("### Policies")
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((tmp_path / "a.json").read_text())["format"] == 1
    assert (tmp_path / "a.txt").read_text().endswith("2 exempted.\n")


def test_code_scanning_shows_the_settings_where_the_repository_has_them(tmp_path):
    (tmp_path / ".git").mkdir()
    project = tmp_path / "infra"
    project.mkdir()
    (project / "Pulumi.dev.yaml").touch()

    assert place(project / "Pulumi.dev.yaml") == "infra/Pulumi.dev.yaml"
    assert place(project / "Pulumi.prod.yaml") == "infra/Pulumi.yaml"
    assert place(None) == "Pulumi.yaml"
