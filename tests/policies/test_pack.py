"""What holds for every rule, and how rules and notes go together in one pack."""

import re
import subprocess
import sys

import pytest
from pulumi.runtime import proto
from pulumi_policy import EnforcementLevel

from surgeproof.findings.model import RESOURCE_NOTES
from surgeproof.policies import pack, reference
from surgeproof.policies._mending import mended
from surgeproof.policies.analyzer import Analyzer
from surgeproof.policies.limits import LIMITS
from tests.policies.analysis import (
    DATABASE,
    GROUP,
    LISTENER,
    LOAD_BALANCER,
    PASSED,
    RULES,
    TEMPLATE,
    UNKNOWN,
    Thing,
    _struct,
    check,
    check_stack,
    urn,
)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_every_rule_states_what_why_and_how_to_fix_it(rule):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert rule.description.endswith(".")
    assert len(rule.description.split()) > 8
    assert rule.fix
    assert rule.link.startswith("https://")


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_configuration_keys_that_a_fix_names_exist(rule):
    groups = "network|loadBalancer|fleet|scaling|alerts|service|account|database|webAcl"
    named = set(re.findall(rf"`((?:{groups})\.\w+)", rule.fix))
    group, documented = "", set()
    for line in (reference.PAGE.parent / "configuration.md").read_text().splitlines():
        if heading := re.match(r"## (\w+)$", line):
            group = heading[1]
        elif row := re.match(r"\| `(\w+)`", line):
            documented.add(f"{group}.{row[1]}")

    assert named - documented == set()


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_references_have_the_form_of_their_framework(rule):
    """A control opens its page; a number says of which version of the benchmark it is."""
    control, recommendation = r"[A-Z]\w+\.\d+", r"CIS 5\.0\.0 \d(\.\d+){1,2}"
    practice = r"Well-Architected (OPS|SEC|REL|PERF|COST|SUS)\d{2}-BP\d{2}"

    assert re.fullmatch(f"({control})?", rule.control)
    assert all(re.fullmatch(f"{recommendation}|{practice}", name) for name in rule.frameworks)
    assert list(rule.frameworks) == sorted(set(rule.frameworks))
    assert rule.control not in rule.sources


def test_names_are_unique():
    names = [rule.name for rules in pack.AREAS.values() for rule in rules]

    assert len(names) == len(set(names))


def _at(level):
    return {name for name, rule in RULES.items() if rule.enforcement is level}


ADVICE = {
    "alarm-links-runbook",
    "alarm-name-starts-with-stack",
    "alarm-page-is-escalated",
    "alarm-states-missing-data",
    "alarm-states-severity",
    "asg-propagates-tags",
    "asg-refresh-pins-template",
    "asg-spot-is-spread",
    "asg-uses-launch-template",
    "cache-evicts",
    "ecs-service-scales",
    "launch-template-detailed-monitoring",
    "launch-template-imds-hop-limit",
    "lb-access-logs",
    "lb-balances-across-zones",
    "lb-deletion-protection",
    "lb-demand-has-rate-alarm",
    "lb-has-alarms",
    "lb-listener-certificate",
    "lb-listener-has-targets",
    "lb-public-has-rate-rule",
    "lb-public-has-web-acl",
    "lb-reserves-capacity-for-surge",
    "log-group-customer-key",
    "log-group-retention",
    "nat-gateway-per-zone",
    "rds-copies-tags-to-snapshots",
    "rds-custom-admin-name",
    "rds-deletion-protection",
    "rds-encrypts-in-transit",
    "rds-enhanced-monitoring",
    "rds-logs-exported",
    "rds-no-plaintext-password",
    "rds-performance-insights",
    "rds-postgres-logs-queries",
    "rds-storage-grows",
    "rds-sustains-load",
    "s3-log-bucket-expires",
    "s3-states-encryption",
    "security-group-described",
    "security-group-inline-rule-described",
    "security-group-rule-described",
    "stack-survives-most-runs",
    "web-acl-is-associated",
    "web-acl-logging",
    "web-acl-metrics",
    "web-acl-rate-spares-users",
}
OPT_IN = {
    "asg-several-instance-types",
    "launch-template-customer-key",
    "security-group-no-open-egress",
    "lb-public-is-intended",
    "rds-customer-key",
    "rds-iam-authentication",
    "rds-performance-insights-customer-key",
    "target-group-encrypted",
    "web-acl-blocks-log4j",
}


def test_rules_are_mandatory_but_for_these():
    assert _at(EnforcementLevel.ADVISORY) == ADVICE
    assert _at(EnforcementLevel.DISABLED) == OPT_IN


MENDABLE = {
    "launch-template-requires-imdsv2": (TEMPLATE, {"metadataOptions": {"httpTokens": "optional"}}),
    "launch-template-encrypts-volumes": (
        TEMPLATE,
        {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 8}}]},
    ),
    "lb-drops-invalid-headers": (LOAD_BALANCER, {}),
    "asg-propagates-tags": (
        GROUP,
        {"tags": [{"key": "team", "value": "shop", "propagateAtLaunch": False}]},
    ),
    "rds-copies-tags-to-snapshots": (DATABASE, {"copyTagsToSnapshot": False}),
}


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.mends])
def test_what_remediation_sets_is_what_the_rule_asks_for(name):
    type_, faulty = MENDABLE[name]

    better = mended(faulty, RULES[name].mends)

    assert check(name, type_, faulty) != PASSED
    assert check(name, type_, better) == PASSED


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_ignores_other_resources(rule):
    topic_like = {"name": "web", "policy": "{}", "engine": "none"}

    assert check(rule, "aws:sqs/queue:Queue", topic_like) == PASSED
    assert check_stack(rule, [Thing("aws:sqs/queue:Queue", "web", topic_like)]) == PASSED


def test_reference_is_current(capsys):
    assert reference.main(["--check"]) == 0, capsys.readouterr().err


def test_pack_reads_no_provider_sdk():
    """The provider's SDK alone would take longer to import than the pack may take to start."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, surgeproof.policies.pack; print('pulumi_aws' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "False"


def test_pack_needs_no_more_than_its_own_requirements():
    """Whoever uses the pack alone installs policies/requirements.txt and nothing else."""
    script = (
        "import sys, importlib.metadata as m; "
        # OpenTelemetry takes it where it is, and does without it.
        "sys.modules['psutil'] = None; "
        "import surgeproof.policies.analyzer, surgeproof.policies.pack; "
        "names = {name.partition('.')[0] for name, it in sys.modules.items() if it}; "
        "found = m.packages_distributions(); "
        "print(*{at.lower() for name in names for at in found.get(name, ())})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    lock = (reference.PAGE.parents[2] / "policies" / "requirements.txt").read_text()
    locked = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)) | {"surgeproof", "setuptools"}

    assert {name.replace("_", "-") for name in done.stdout.split()} - locked == set()


def test_version_is_that_of_the_project_file():
    text = (reference.PAGE.parents[2] / "policies" / "PulumiPolicy.yaml").read_text()

    assert f"\nversion: {pack.VERSION}\n" in text


def _analyze(servicer, name, properties):
    request = proto.AnalyzeRequest(
        type=LISTENER, urn=urn(LISTENER, name), name=name, properties=_struct(properties)
    )
    return [
        (found.policyName, found.message.splitlines()[1])
        for found in servicer.Analyze(request, None).diagnostics
    ]


@pytest.fixture
def servicer():
    return Analyzer(pack.NAME, pack.VERSION, pack.AREAS, {})


def test_each_resource_gets_its_own_notes_and_only_once(servicer):
    unknown = {"port": 443, "protocol": UNKNOWN, "defaultActions": [{"type": "forward"}]}
    known = {
        "port": 443,
        "protocol": "HTTPS",
        "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "certificateArn": "arn:aws:acm:eu-central-1:1:certificate/1",
        "defaultActions": [{"type": "forward"}],
    }

    first, second = _analyze(servicer, "one", unknown), _analyze(servicer, "two", known)

    assert [name for name, _ in first] == [RESOURCE_NOTES] * 2
    assert second == []


def test_a_rule_that_is_switched_off_leaves_no_note(servicer):
    config = proto.ConfigureAnalyzerRequest()
    for name in ("lb-listener-serves-https", "lb-listener-tls-policy", "lb-listener-certificate"):
        config.policyConfig[name].enforcementLevel = proto.DISABLED
    servicer.Configure(config, None)

    found = _analyze(
        servicer, "one", {"port": 1, "protocol": UNKNOWN, "defaultActions": [{"type": "forward"}]}
    )

    assert found == []


def test_a_large_structure_with_a_secret_is_never_shown(servicer):
    found = _analyze(
        servicer,
        "one",
        {
            "port": 443,
            "protocol": "HTTPS",
            "defaultActions": [{"type": "authenticate-oidc", "clientSecret": "hunter2"}],
        },
    )

    assert found
    assert "hunter2" not in str(found)


def test_limits_name_rules_that_exist():
    named = {name for what, _ in LIMITS for name in re.findall(r"\(`([a-z0-9-]+)`", what)}

    assert len(named) == len(LIMITS)
    assert named <= set(RULES)
