import json

import pytest

from surgeproof.policies._values import show
from tests.policies.analysis import (
    ACL_LOGGING,
    ASSOCIATION,
    LOAD_BALANCER,
    PASSED,
    REMOVED,
    UNKNOWN,
    WEB_ACL,
    WEB_ACL_GROUP,
    WEB_ACL_RULE,
    Thing,
    changed,
    check,
    check_stack,
    refused,
    undecided,
    unknown,
    waits,
)

METRICS = {"cloudwatchMetricsEnabled": True, "metricName": "rate", "sampledRequestsEnabled": True}
RATE = {
    "name": "rate",
    "priority": 0,
    "action": {"block": {}},
    "statement": {"rateBasedStatement": {"limit": 2000, "aggregateKeyType": "IP"}},
    "visibilityConfig": {**METRICS},
}
BAD_INPUTS = {
    "name": "bad-inputs",
    "priority": 1,
    "overrideAction": {"none": {}},
    "statement": {
        "managedRuleGroupStatement": {
            "vendorName": "AWS",
            "name": "AWSManagedRulesKnownBadInputsRuleSet",
        }
    },
    "visibilityConfig": {**METRICS},
}
SAFE = {"arn": "acl-arn", "rules": [RATE, BAD_INPUTS], "visibilityConfig": {**METRICS}}
ACL = Thing(WEB_ACL, "acl", SAFE)
EMPTY = Thing(WEB_ACL, "acl", {"arn": "acl-arn"})
BALANCER = Thing(LOAD_BALANCER, "web", {"arn": "web-arn", "internal": False})
BETWEEN = Thing(ASSOCIATION, "between", {"resourceArn": "web-arn", "webAclArn": "acl-arn"})
STACK = [BALANCER, BETWEEN, ACL]
ACTION, METRIC = "web-acl-rule-has-action", "web-acl-metrics"
HAS_ACL, HAS_RATE = "lb-public-has-web-acl", "lb-public-has-rate-rule"
HAS_RULES, LOG4J, LOGGING = "web-acl-has-rules", "web-acl-blocks-log4j", "web-acl-logging"
NO_RATE = (
    "`internal` must be true, or a web ACL with a rate rule stand before the load balancer, "
    "got neither."
)


@pytest.mark.parametrize(
    ("limit", "passes"),
    [
        ({"limit": 100_000}, True),
        ({"limit": 100_001}, False),
        ({"limit": 2_000_000_000}, False),
        ({"limit": 20_000, "evaluationWindowSec": 60}, True),
        ({"limit": 20_001, "evaluationWindowSec": 60}, False),
    ],
)
def test_a_rate_rule_that_no_client_reaches_is_none(limit, passes):
    rule = RATE | {"statement": {"rateBasedStatement": {"aggregateKeyType": "IP"} | limit}}

    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, _acl(rule)]) == (
        PASSED
        if passes
        else refused(
            "`rules[0].statement.rateBasedStatement.limit` must be at most 100000 in 5 minutes "
            f"(mostRequests), got {show(limit['limit'])}, which no client reaches.",
            "acl",
        )
    )
    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, _acl(rule, RATE)]) == PASSED


def _acl(*rules):
    return Thing(WEB_ACL, "acl", {"arn": "acl-arn", "rules": list(rules)})


def _json(*rules):
    return Thing(WEB_ACL, "acl", {"arn": "acl-arn", "ruleJson": json.dumps(rules)})


@pytest.mark.parametrize("rule", [ACTION, METRIC])
def test_a_safe_acl_passes(rule):
    assert check(rule, WEB_ACL, SAFE) == PASSED
    assert check(rule, WEB_ACL_RULE, RATE) == PASSED


@pytest.mark.parametrize("rule", [HAS_ACL, HAS_RATE, HAS_RULES, LOG4J])
def test_a_safe_stack_passes(rule):
    assert check_stack(rule, STACK) == PASSED


@pytest.mark.parametrize(
    ("rule", "path", "value", "message"),
    [
        (
            ACTION,
            "rules[0].action",
            REMOVED,
            "`rules[0].action` must say what happens, got nothing.",
        ),
        (
            ACTION,
            "rules[1].overrideAction",
            {},
            "`rules[1].overrideAction` must say `none` or `count`, got nothing.",
        ),
        (
            METRIC,
            "visibilityConfig.cloudwatchMetricsEnabled",
            False,
            "`visibilityConfig.cloudwatchMetricsEnabled` must be true, got false.",
        ),
        (
            METRIC,
            "rules[1].visibilityConfig.cloudwatchMetricsEnabled",
            False,
            "`rules[1].visibilityConfig.cloudwatchMetricsEnabled` must be true, got false.",
        ),
    ],
)
def test_an_unsafe_acl_is_refused(rule, path, value, message):
    assert check(rule, WEB_ACL, changed(SAFE, path, value)) == refused(message)


@pytest.mark.parametrize(
    ("rule", "path", "waiting"),
    [
        (ACTION, "rules[0].action", "rules[0].action"),
        (ACTION, "rules[0].statement", "rules[0]"),
        (ACTION, "rules[0]", "rules[0]"),
        (ACTION, "rules", "rules"),
        (ACTION, "ruleJson", "ruleJson"),
        (
            METRIC,
            "visibilityConfig.cloudwatchMetricsEnabled",
            "visibilityConfig.cloudwatchMetricsEnabled",
        ),
        (METRIC, "rules", "rules"),
    ],
)
def test_an_unknown_property_is_not_decided(rule, path, waiting):
    assert check(rule, WEB_ACL, changed(SAFE, path, UNKNOWN)) == waits(waiting)


def test_a_rule_that_stands_alone_needs_an_action():
    rule = {key: value for key, value in RATE.items() if key != "action"}

    assert check(ACTION, WEB_ACL_RULE, rule) == refused(
        "`action` must say what happens, got nothing."
    )


def test_rules_may_be_written_as_json():
    rate = {"Name": "rate", "Statement": {"RateBasedStatement": {"Limit": 9}}}

    assert check(ACTION, WEB_ACL, _json(rate).properties) == refused(
        "`ruleJson[0].action` must say what happens, got nothing."
    )
    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, _json(rate | {"Action": {"Block": {}}})]) == (
        PASSED
    )
    assert check_stack(HAS_RULES, [_json(rate)]) == PASSED


def test_json_that_is_none_is_refused():
    assert check("resource-is-readable", WEB_ACL, {"ruleJson": "{"}) == refused(
        "`ruleJson` must be JSON that can be read, got another text."
    )


@pytest.mark.parametrize(
    "rule",
    [
        Thing(WEB_ACL_RULE, "rate", RATE | {"webAclArn": "acl-arn"}),
        Thing(
            WEB_ACL_GROUP,
            "group",
            {"webAclArn": "acl-arn", "managedRuleGroup": {"name": "AWSManagedRulesCommonRuleSet"}},
        ),
    ],
    ids=["rule", "group"],
)
def test_rules_that_stand_alone_are_counted(rule):
    assert check_stack(HAS_RULES, [EMPTY, rule]) == PASSED


def test_an_acl_without_rules_is_refused():
    assert check_stack(HAS_RULES, [EMPTY]) == refused(
        "`rules` must have at least one rule, got none.", "acl"
    )


def test_rules_of_an_unknown_acl_are_waited_for():
    loose = unknown(WEB_ACL_RULE, "rate", RATE, "webAclArn")

    assert check_stack(HAS_RULES, [EMPTY, loose]) == waits("webAclArn", "rate")
    assert check_stack(HAS_RULES, [unknown(WEB_ACL, "acl", {}, "rules")]) == PASSED


def test_an_acl_that_logs_passes():
    logging = Thing(ACL_LOGGING, "logging", {"resourceArn": "acl-arn"})

    assert check_stack(LOGGING, [ACL, logging]) == PASSED


def test_an_acl_that_does_not_log_is_refused():
    other = Thing(ACL_LOGGING, "logging", {"resourceArn": "other-arn"})

    assert check_stack(LOGGING, [ACL, other]) == refused(
        "`arn` must be named by a logging configuration, got none.", "acl"
    )


def test_logging_of_an_unknown_acl_is_waited_for():
    loose = unknown(ACL_LOGGING, "logging", {}, "resourceArn")

    assert check_stack(LOGGING, [ACL, loose]) == waits("resourceArn", "logging")


def test_known_bad_inputs_may_stand_alone():
    group = Thing(
        WEB_ACL_GROUP,
        "group",
        {
            "webAclArn": "acl-arn",
            "overrideAction": "none",
            "managedRuleGroup": {"name": "AWSManagedRulesKnownBadInputsRuleSet"},
        },
    )

    assert check_stack(LOG4J, [EMPTY, group]) == PASSED


@pytest.mark.parametrize(
    ("acl", "got"),
    [
        (_acl(RATE), "1 others"),
        (_acl(BAD_INPUTS | {"overrideAction": {"count": {}}}), "1 others"),
        (EMPTY, "none"),
    ],
    ids=["other", "count", "nothing"],
)
def test_an_acl_without_known_bad_inputs_is_refused(acl, got):
    assert check_stack(LOG4J, [acl]) == refused(
        "`rules` must have `AWSManagedRulesKnownBadInputsRuleSet` with the override action "
        f"`none`, got {got}.",
        "acl",
    )


def test_an_unknown_rule_may_be_known_bad_inputs():
    assert check_stack(LOG4J, [unknown(WEB_ACL, "acl", {}, "ruleJson")]) == waits("ruleJson", "acl")


@pytest.mark.parametrize("rule", [HAS_ACL, HAS_RATE])
@pytest.mark.parametrize(
    "properties",
    [{"internal": True}, {"loadBalancerType": "network"}, {"loadBalancerType": "gateway"}],
    ids=["internal", "network", "gateway"],
)
def test_other_load_balancers_need_no_acl(rule, properties):
    assert check_stack(rule, [Thing(LOAD_BALANCER, "web", properties)]) == PASSED


def test_a_public_balancer_without_acl_is_refused():
    assert check_stack(HAS_ACL, [BALANCER, ACL]) == refused(
        "`internal` must be true, or a web ACL be associated with the load balancer, got neither."
    )
    assert check_stack(HAS_RATE, [BALANCER, ACL]) == refused(NO_RATE)


@pytest.mark.parametrize("rule", [HAS_ACL, HAS_RATE])
def test_what_may_be_associated_is_waited_for(rule):
    loose = unknown(ASSOCIATION, "between", {"webAclArn": "acl-arn"}, "resourceArn")

    assert check_stack(rule, [BALANCER, loose, ACL]) == waits("resourceArn", "between")


@pytest.mark.parametrize("rule", [HAS_ACL, HAS_RATE])
@pytest.mark.parametrize("path", ["internal", "loadBalancerType"])
def test_a_balancer_that_may_be_internal_is_waited_for(rule, path):
    assert check_stack(rule, [unknown(LOAD_BALANCER, "web", {}, path)]) == waits(path)


def test_an_acl_of_another_stack_stands_there_with_rules_unseen():
    stack = [BALANCER, BETWEEN]

    assert check_stack(HAS_ACL, stack) == PASSED
    assert check_stack(HAS_RATE, stack) == undecided(
        "`webAclArn` names a web ACL that this stack does not make.", "between"
    )


@pytest.mark.parametrize("rules", [(), (BAD_INPUTS,)], ids=["none", "others"])
def test_an_acl_without_rate_rule_is_refused(rules):
    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, _acl(*rules)]) == refused(NO_RATE)


def test_a_rate_rule_that_only_counts_is_refused():
    counting = _acl(RATE | {"action": {"count": {}}})

    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, counting]) == refused(
        "`rules[0].action` must be another than `count`, got a rate rule that counts.", "acl"
    )


def test_a_rule_group_of_one_s_own_is_not_read():
    own = _acl({"statement": {"ruleGroupReferenceStatement": {"arn": "group-arn"}}})

    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, own]) == undecided(
        "a rule group's own rules are not read.", "acl"
    )


def test_an_unknown_rule_may_be_a_rate_rule():
    acl = unknown(WEB_ACL, "acl", {"arn": "acl-arn"}, "ruleJson")

    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, acl]) == waits("ruleJson", "acl")


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        ({"byteMatchStatement": {"searchString": "/login"}}, False),
        ({"notStatement": {"statements": [{"geoMatchStatement": {}}]}}, True),
    ],
    ids=["one-path", "all-but-some"],
)
def test_a_rate_rule_for_some_requests_leaves_the_others_without(scope, counts):
    rule = changed(RATE, "statement.rateBasedStatement.scopeDownStatement", scope)

    expected = PASSED if counts else refused(NO_RATE)
    assert check_stack(HAS_RATE, [BALANCER, BETWEEN, _acl(rule)]) == expected
