"""What a user says about the rules: levels, selections, exemptions, and what is wrong with them."""

from datetime import UTC, date, datetime

import pytest
from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import pack
from surgeproof.policies._rules import Mend, PropertyRule, Setting
from surgeproof.policies._settings import Exemption, SettingsError, frameworks_of, read, stated

MANDATORY = EnforcementLevel.MANDATORY
ADVISORY = EnforcementLevel.ADVISORY
DISABLED = EnforcementLevel.DISABLED


def rule(name, severity, **more):
    return PropertyRule(
        name=name,
        description="Says what and why.",
        severity=severity,
        fix="Set it.",
        types=frozenset({"aws:sns/topic:Topic"}),
        needs=(),
        **more,
    )


KEY = rule("topic-key", Severity.HIGH, control="SNS.4", mends=(Mend("key", "k"),))
LABEL = rule("topic-label", Severity.LOW, enforcement=ADVISORY)
COST = rule(
    "topic-cost",
    Severity.MEDIUM,
    enforcement=DISABLED,
    frameworks=("CIS 5.0.0 1.3", "Well-Architected REL10-BP01"),
    settings=(
        Setting(name="maxCost", description="Cost (USD).", default=5, low=1, high=10),
        Setting(name="kinds", description="Kinds.", default=("a",)),
    ),
)
AREAS = {"Topics": (KEY, LABEL), "Money": (COST,)}
EXEMPTION = {
    "rule": "topic-key",
    "resource": "old-*",
    "reason": "goes in spring",
    "until": "2027-03-31",
}
LEVELS = "policies:rules.topic-key.level: must be one of advisory, mandatory, remediate, disabled"
LONG = "must be a date such as 2027-06-30, the last day of the exemption"


def problems(data):
    with pytest.raises(SettingsError) as refused:
        read(data, AREAS)
    return list(refused.value.problems)


def levels(data):
    settings = read(data, AREAS)
    return [settings.level(rule, area) for area, rules in AREAS.items() for rule in rules]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, [MANDATORY, ADVISORY, DISABLED]),
        ({"preset": "default"}, [MANDATORY, ADVISORY, DISABLED]),
        ({"preset": "strict"}, [MANDATORY, MANDATORY, MANDATORY]),
        ({"preset": "advisory"}, [ADVISORY, ADVISORY, DISABLED]),
        ({"severity": "high"}, [MANDATORY, DISABLED, DISABLED]),
        ({"severity": "low"}, [MANDATORY, ADVISORY, DISABLED]),
        ({"preset": "strict", "severity": "medium"}, [MANDATORY, DISABLED, MANDATORY]),
        ({"preset": "strict", "areas": ["money"]}, [DISABLED, DISABLED, MANDATORY]),
        ({"preset": "strict", "areas": []}, [MANDATORY, MANDATORY, MANDATORY]),
        ({"frameworks": ["fsbp"]}, [MANDATORY, DISABLED, DISABLED]),
        ({"preset": "strict", "frameworks": ["CIS"]}, [DISABLED, DISABLED, MANDATORY]),
        ({"rules": {"topic-key": "advisory"}}, [ADVISORY, ADVISORY, DISABLED]),
        ({"rules": {"topic-key": {"level": "disabled"}}}, [DISABLED, ADVISORY, DISABLED]),
        ({"rules": {"topic-key": "remediate"}}, [EnforcementLevel.REMEDIATE, ADVISORY, DISABLED]),
        (
            {"severity": "critical", "rules": {"topic-cost": "mandatory"}},
            [DISABLED, DISABLED, MANDATORY],
        ),
        ({"rules": {"topic-cost": {"maxCost": 7}}}, [MANDATORY, ADVISORY, DISABLED]),
    ],
    ids=str,
)
def test_level_of_each_rule(data, expected):
    assert levels(data) == expected


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ({}, {"maxCost": 5, "kinds": ("a",)}),
        (
            {"rules": {"topic-cost": {"maxCost": 1, "kinds": ["x"]}}},
            {"maxCost": 1, "kinds": ["x"]},
        ),
        ({"rules": {"topic-cost": {"maxCost": 10}}}, {"maxCost": 10, "kinds": ("a",)}),
        ({"rules": {"topic-cost": {"maxCost": 3.0}}}, {"maxCost": 3.0, "kinds": ("a",)}),
    ],
    ids=str,
)
def test_a_rule_s_own_settings(data, values):
    assert read(data, AREAS).values(COST) == values


def test_frameworks_of_a_rule():
    assert frameworks_of(KEY) == ["FSBP"]
    assert frameworks_of(COST) == ["CIS", "Well-Architected"]
    assert frameworks_of(rule("topic-old", Severity.LOW, control="SNS.1")) == []


def test_settings_are_the_keys_of_their_namespace():
    config = {
        "policies:preset": "strict",
        "policies:areas": '["Topics"]',
        "policies:rules": '{"topic-key": "advisory"}',
        "policies:exemptions": "[not JSON",
        "shop:preset": "advisory",
        "aws:region": "eu-west-1",
    }

    assert stated(config) == {
        "preset": "strict",
        "areas": ["Topics"],
        "rules": {"topic-key": "advisory"},
        "exemptions": "[not JSON",
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"preset": "stict"},
            "policies:preset: must be one of default, strict, advisory, got 'stict'",
        ),
        (
            {"presets": "strict"},
            "policies:presets: must be a key that exists (nearest: preset), got 'presets'",
        ),
        (
            {"severity": 3},
            "policies:severity: must be one of low, medium, high, critical, got 3",
        ),
        ({"areas": "Topics"}, "policies:areas: must be a list of Money, Topics, got 'Topics'"),
        ({"areas": ["Topic"]}, "policies:areas[0]: must be one of Money, Topics, got 'Topic'"),
        (
            {"frameworks": ["FSBP", "PCI"]},
            "policies:frameworks[1]: must be one of CIS, FSBP, Well-Architected, got 'PCI'",
        ),
        ({"rules": []}, "policies:rules: must be a map from rule to level, got a list"),
        (
            {"rules": {"topic-kei": "advisory"}},
            (
                "policies:rules.topic-kei: must be a rule that exists (nearest: topic-key), "
                "got 'topic-kei'"
            ),
        ),
        (
            {"rules": {"x": "advisory"}},
            "policies:rules.x: must be a rule that exists, got 'x'",
        ),
        (
            {"rules": {"topic-key": False}},
            (
                "policies:rules.topic-key: must be one of advisory, mandatory, remediate, "
                "disabled, got false"
            ),
        ),
        (
            {"rules": {"topic-label": "remediate"}},
            (
                "policies:rules.topic-label: must be one of advisory, mandatory, disabled "
                "(only these can remediate: topic-key), got 'remediate'"
            ),
        ),
        (
            {"rules": {"topic-cost": {"level": "on"}}},
            (
                "policies:rules.topic-cost.level: must be one of advisory, mandatory, disabled, "
                "got 'on'"
            ),
        ),
        (
            {"rules": {"topic-cost": {"maxCosts": 7}}},
            (
                "policies:rules.topic-cost.maxCosts: must be a key that exists (nearest: maxCost), "
                "got 'maxCosts'"
            ),
        ),
        (
            {"rules": {"topic-cost": {"maxCost": 11}}},
            "policies:rules.topic-cost.maxCost: must be a whole number from 1 to 10, got 11",
        ),
        (
            {"rules": {"topic-cost": {"maxCost": 0}}},
            "policies:rules.topic-cost.maxCost: must be a whole number from 1 to 10, got 0",
        ),
        (
            {"rules": {"topic-cost": {"maxCost": 1.5}}},
            "policies:rules.topic-cost.maxCost: must be a whole number from 1 to 10, got 1.5",
        ),
        (
            {"rules": {"topic-cost": {"maxCost": True}}},
            "policies:rules.topic-cost.maxCost: must be a whole number from 1 to 10, got true",
        ),
        (
            {"rules": {"topic-cost": {"kinds": "a"}}},
            "policies:rules.topic-cost.kinds: must be a list of texts, got 'a'",
        ),
        (
            {"rules": {"topic-cost": {"kinds": [1]}}},
            "policies:rules.topic-cost.kinds: must be a list of texts, got a list",
        ),
        (
            {"exemptions": [{key: EXEMPTION[key] for key in ("rule", "until")}]},
            "policies:exemptions[0].reason: must say why, got nothing",
        ),
        (
            {"exemptions": [EXEMPTION | {"until": date(2027, 1, 1), "reason": date(2027, 1, 1)}]},
            "policies:exemptions[0].reason: must say why, got '2027-01-01'",
        ),
        ({"rules": {"topic-key": {"level": {}}}}, f"{LEVELS}, got a map"),
        ({"rules": {"topic-key": []}}, f"{LEVELS.replace('.level', '')}, got a list"),
        ({"exemptions": {}}, "policies:exemptions: must be a list, got a map"),
        (
            {"exemptions": ["topic-key"]},
            (
                "policies:exemptions[0]: must be a map of rule, resource, reason and until, "
                "got 'topic-key'"
            ),
        ),
        (
            {"exemptions": [EXEMPTION | {"rule": "topic-kei"}]},
            (
                "policies:exemptions[0].rule: must be a rule that exists (nearest: topic-key), "
                "got 'topic-kei'"
            ),
        ),
        (
            {"exemptions": [EXEMPTION, EXEMPTION | {"reason": " "}]},
            "policies:exemptions[1].reason: must say why, got ' '",
        ),
        (
            {"exemptions": [EXEMPTION | {"resource": ""}]},
            (
                "policies:exemptions[0].resource: must be a pattern for names or URNs, such as "
                "`web-*`, got ''"
            ),
        ),
        (
            {"exemptions": [EXEMPTION | {"resources": "x"}]},
            (
                "policies:exemptions[0].resources: must be a key that exists (nearest: resource), "
                "got 'resources'"
            ),
        ),
        (
            {"exemptions": [EXEMPTION | {"until": "soon"}]},
            f"policies:exemptions[0].until: {LONG}, got 'soon'",
        ),
        (
            {"exemptions": [EXEMPTION | {"until": 2027}]},
            f"policies:exemptions[0].until: {LONG}, got 2027",
        ),
        (
            {"exemptions": [EXEMPTION | {"until": "2027-03-31T12:00:00Z"}]},
            f"policies:exemptions[0].until: {LONG}, got '2027-03-31T12:00:00Z'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_settings_are_named_with_what_is_allowed(data, expected):
    assert problems(data) == [expected]


def test_all_problems_are_told_at_once():
    found = problems(
        {
            "preset": 1,
            "rules": {"x": "advisory"},
            "exemptions": [{"rule": "topic-key"}],
        }
    )

    assert [line.partition(": ")[0] for line in found] == [
        "policies:preset",
        "policies:rules.x",
        "policies:exemptions[0].reason",
        "policies:exemptions[0].until",
    ]


@pytest.mark.parametrize(
    "until",
    [
        "2027-03-31",
        "2027-03-31T00:00:00Z",
        "2027-03-31 00:00:00 +0000 UTC",
        date(2027, 3, 31),
        datetime(2027, 3, 31, tzinfo=UTC),
    ],
    ids=repr,
)
def test_an_exemption_in_each_form_that_its_date_comes_in(until):
    settings = read({"exemptions": [EXEMPTION | {"until": until}]}, AREAS)

    assert settings.exemptions == (
        Exemption(
            place="policies:exemptions[0]",
            rule="topic-key",
            resource="old-*",
            reason="goes in spring",
            until=date(2027, 3, 31),
        ),
    )


@pytest.mark.parametrize(
    ("pattern", "is_covered"),
    [
        ("*", True),
        ("web", True),
        ("w?b", True),
        ("we", False),
        ("Web", False),
        ("urn:pulumi:*$aws:sns/topic:Topic::web", True),
        ("urn:pulumi:dev::*", True),
        ("urn:pulumi:prod::*", False),
        ("*Topic*", False),
        ("urn:pulumi:dev::shop::*::web", True),
    ],
)
def test_the_resources_that_an_exemption_covers(pattern, is_covered):
    (exemption,) = read({"exemptions": [EXEMPTION | {"resource": pattern}]}, AREAS).exemptions
    urn = "urn:pulumi:dev::shop::my:Component$aws:sns/topic:Topic::web"

    assert exemption.covers("topic-key", urn) is is_covered
    assert not exemption.covers("topic-label", urn)


def test_an_exemption_covers_names_that_hold_colons():
    (exemption,) = read({"exemptions": [EXEMPTION | {"resource": "a::b"}]}, AREAS).exemptions

    assert exemption.covers("topic-key", "urn:pulumi:dev::shop::aws:sns/topic:Topic::a::b")
    assert str(exemption) == ("policies:exemptions[0] (topic-key for `a::b`, until 2027-03-31)")


def test_one_wrong_exemption_does_not_hide_the_others():
    wrong = {"rule": "topic-key", "reason": "", "until": "2027-03-31"}

    assert problems({"exemptions": [wrong, EXEMPTION, wrong]}) == [
        "policies:exemptions[0].reason: must say why, got ''",
        "policies:exemptions[2].reason: must say why, got ''",
    ]


def test_the_error_holds_each_problem_on_a_line():
    with pytest.raises(SettingsError) as refused:
        read({"preset": 1, "severity": 1}, AREAS)

    assert str(refused.value).splitlines() == list(refused.value.problems)
    assert len(refused.value.problems) == 2


def test_an_exemption_without_a_resource_is_for_all():
    data = {key: value for key, value in EXEMPTION.items() if key != "resource"}

    (exemption,) = read({"exemptions": [data]}, AREAS).exemptions

    assert exemption.resource == "*"


def test_the_pack_s_own_rules_have_settings_that_can_be_read():
    assert read({"preset": "strict"}, pack.AREAS).preset == "strict"
