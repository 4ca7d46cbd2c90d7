import pytest

from surgeproof.components import ArgsError, WebAcl
from surgeproof.components.service.web_acl import WEB_ACL_ARGS
from tests.unit.recording import REGION, Recording, record

GOOD = {"load_balancer_arn": "arn:balancer", "ticket_topic_arn": "arn:ticket"}


def build(**changes) -> Recording:
    return record(lambda: WebAcl("web", {**GOOD, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"load_balancer_arn": None}, "load_balancer_arn: must be given, got nothing"),
        ({"ticket_topic_arn": None}, "ticket_topic_arn: must be given, got nothing"),
        ({"rate_limit": 9}, "rate_limit: must be from 10 to 2000000000 requests, got 9"),
        (
            {"rate_window_seconds": 90},
            "rate_window_seconds: must be 60, 120, 300 or 600 seconds, got 90",
        ),
        ({"rate_action": "drop"}, "rate_action: must be one of count, block, got 'drop'"),
        (
            {"common_rules_action": "allow"},
            "common_rules_action: must be one of count, block, got 'allow'",
        ),
        (
            {"runbook_base_url": "x" * 501},
            f"runbook_base_url: must be a text of 1 to 500 characters, got '{'x' * 57}...'",
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    args = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}

    with pytest.raises(ArgsError) as told:
        WEB_ACL_ARGS.check(args)

    assert str(told.value) == f"WebAcl.{message}"


def rules(**changes) -> dict[str, dict]:
    return {rule["name"]: rule for rule in build(**changes).only("WebAcl")["rules"]}


def test_rates_and_common_rules_count_at_first():
    said = rules()

    rate = said["rate"]
    assert rate["action"] == {"count": {}}
    assert rate["statement"]["rateBasedStatement"] == {
        "aggregateKeyType": "IP",
        "limit": 2000,
        "evaluationWindowSec": 300,
    }
    assert said["common"]["overrideAction"] == {"count": {}}


def test_what_is_known_to_be_bad_is_blocked():
    said = rules()

    groups = {
        name: rule["statement"]["managedRuleGroupStatement"]["name"]
        for name, rule in said.items()
        if "managedRuleGroupStatement" in rule["statement"]
    }
    assert groups == {
        "ip-reputation": "AWSManagedRulesAmazonIpReputationList",
        "known-bad-inputs": "AWSManagedRulesKnownBadInputsRuleSet",
        "common": "AWSManagedRulesCommonRuleSet",
    }
    assert said["ip-reputation"]["overrideAction"] == {"none": {}}
    assert said["known-bad-inputs"]["overrideAction"] == {"none": {}}


def test_both_can_block():
    said = rules(rate_action="block", common_rules_action="block", rate_limit=100)

    assert said["rate"]["action"] == {"block": {}}
    assert said["common"]["overrideAction"] == {"none": {}}
    assert sorted(rule["priority"] for rule in said.values()) == [0, 1, 2, 3]


def test_it_stands_before_the_load_balancer():
    assert build().only("WebAclAssociation") == {
        "resourceArn": "arn:balancer",
        "webAclArn": "arn:aws:WebAcl:web",
    }


def test_the_log_leaves_secrets_out_and_keeps_only_what_a_rule_has_matched():
    recording = build(log_retention_days=30)

    log = recording.only("LogGroup")
    settings = recording.only("WebAclLoggingConfiguration")
    assert (log["name"], log["retentionInDays"]) == ("aws-waf-logs-shop-test-web", 30)
    assert settings["redactedFields"] == [
        {"singleHeader": {"name": "authorization"}},
        {"singleHeader": {"name": "cookie"}},
    ]
    assert settings["loggingFilter"]["defaultBehavior"] == "DROP"
    (kept,) = settings["loggingFilter"]["filters"]
    assert [each["actionCondition"]["action"] for each in kept["conditions"]] == ["BLOCK", "COUNT"]


@pytest.mark.parametrize(
    ("action", "metric"), [("count", "CountedRequests"), ("block", "BlockedRequests")]
)
def test_the_alarm_reads_the_metric_of_the_rate_rule(action, metric):
    recording = build(rate_action=action)

    alarm = recording.only("MetricAlarm")
    rule = rules(rate_action=action)["rate"]["visibilityConfig"]["metricName"]
    acl = recording.only("WebAcl")["visibilityConfig"]["metricName"]
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/WAFV2", metric)
    assert alarm["dimensions"] == {"WebACL": acl, "Rule": rule, "Region": REGION}
    assert alarm["alarmActions"] == ["arn:ticket"]
