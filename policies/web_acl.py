"""Rules on web ACLs: what stands before a load balancer that the internet reaches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_true, number, read, show
from surgeproof.settings.json_file import parse_json

_GUIDE: Final = "https://docs.aws.amazon.com/waf/latest/developerguide"
_KNOWN_BAD_INPUTS: Final = "AWSManagedRulesKnownBadInputsRuleSet"
_WEB_ACLS: Final = types.WEB_ACL | types.WEB_ACL_RULE | types.WEB_ACL_RULE_GROUP
_STANDALONE: Final = types.WEB_ACL_RULE | types.WEB_ACL_RULE_GROUP
_GROUPS: Final = ("managedRuleGroupStatement", "ruleGroupReferenceStatement")
_BEFORE_BALANCERS: Final = _WEB_ACLS | types.WEB_ACL_ASSOCIATION | types.LOAD_BALANCER


@dataclass(frozen=True, slots=True)
class _AclRule:
    """One rule of a web ACL, however the program wrote it."""

    resource: Resource
    path: str
    body: Any
    """As the provider's `WebAclRule`, or UNKNOWN."""

    def read(self, path: str) -> Any:
        return read(self.body, path) if isinstance(self.body, Mapping) else UNKNOWN

    def at(self, path: str) -> str:
        """Return where the resource has what `read` reads."""
        return f"{self.path}.{path}" if self.path else path


def _camel(value: Any) -> Any:
    """Turn the API's names, which `ruleJson` has, into the provider's."""
    if isinstance(value, Mapping):
        return {f"{key[:1].lower()}{key[1:]}": _camel(item) for key, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _written(acl: Resource) -> list[_AclRule]:
    """Return the rules that a web ACL holds itself, or that stand alone."""
    if acl.type in types.WEB_ACL_RULE:
        return [_AclRule(acl, "", acl.properties)]
    text = acl.read("ruleJson")
    if text is UNKNOWN:
        return [_AclRule(acl, "ruleJson", UNKNOWN)]
    found = [_AclRule(acl, at, body) for at, body in acl.each("rules[*]") if body is not ABSENT]
    rules = parse_json(text, "ruleJson") if isinstance(text, str) and text else []
    for index, body in enumerate(_camel(rules) if isinstance(rules, list) else []):
        found.append(_AclRule(acl, f"ruleJson[{index}]", body))
    return found


def _rules(stack: Stack, acl: Resource) -> list[_AclRule]:
    """Return all rules of a web ACL; managed and own groups that are put to it as if written."""
    found = _written(acl)
    for rule in stack.of(_STANDALONE):
        if stack.target(rule, "webAclArn", types.WEB_ACL, ("arn", "id")) is not acl:
            continue
        if rule.type in types.WEB_ACL_RULE:
            found += _written(rule)
            continue
        managed, own = rule.read("managedRuleGroup"), rule.read("ruleGroupReference")
        statement = {
            kind: body
            for kind, body in zip(_GROUPS, (managed, own), strict=True)
            if body is not ABSENT
        }
        body = {"statement": statement, "overrideAction": {rule.read("overrideAction"): {}}}
        found.append(_AclRule(rule, "", body))
    return found


def _loose(stack: Stack, path: str, kinds: frozenset[str]) -> list[Resource]:
    """Return what refers by an unknown property to a web ACL that cannot be told."""
    return [
        rule
        for rule in stack.of(kinds)
        if rule.read(path) is UNKNOWN
        and stack.target(rule, path, types.WEB_ACL, ("arn", "id")) is None
    ]


def _check_has_rules(stack: Stack, report: Report) -> None:
    for acl in stack.of(types.WEB_ACL):
        if _rules(stack, acl):
            continue
        loose = _loose(stack, "webAclArn", _STANDALONE)
        if acl.read("rules") is UNKNOWN:
            report.wait_for(acl, "rules")
        for rule in loose:
            report.wait_for(rule, "webAclArn")
        if not loose and acl.read("rules") is not UNKNOWN:
            report.refuse(acl, "rules", "have at least one rule", "none")


def _check_acts(acl: Resource, report: Report) -> None:
    for rule in _written(acl):
        statement = rule.read("statement")
        if UNKNOWN in (rule.body, statement):
            report.wait_for(acl, rule.path or "statement")
            continue
        in_group = isinstance(statement, Mapping) and any(
            statement.get(kind) is not None for kind in _GROUPS
        )
        path = "overrideAction" if in_group else "action"
        action = rule.read(path)
        if action is UNKNOWN:
            report.wait_for(acl, rule.at(path))
        elif not _named(action):
            must = "say `none` or `count`" if in_group else "say what happens"
            report.refuse(acl, rule.at(path), must, "nothing")


def _named(action: Any) -> set[str]:
    """Return which actions are named: an empty mapping is one, null is none."""
    named = action.items() if isinstance(action, Mapping) else ()
    return {key for key, value in named if value is not None}


def _check_logging(stack: Stack, report: Report) -> None:
    logged = {
        acl.urn
        for logging in stack.of(types.WEB_ACL_LOGGING)
        if (acl := stack.target(logging, "resourceArn", types.WEB_ACL, ("arn", "id"))) is not None
    }
    loose = _loose(stack, "resourceArn", types.WEB_ACL_LOGGING)
    for acl in stack.of(types.WEB_ACL):
        if acl.urn in logged:
            continue
        for logging in loose:
            report.wait_for(logging, "resourceArn")
        if not loose:
            report.refuse(acl, "arn", "be named by a logging configuration", "none")


def _check_log4j(stack: Stack, report: Report) -> None:
    for acl in stack.of(types.WEB_ACL):
        rules = _rules(stack, acl)
        if any(
            rule.read("statement.managedRuleGroupStatement.name") == _KNOWN_BAD_INPUTS
            and "none" in _named(rule.read("overrideAction"))
            for rule in rules
        ):
            continue
        unknown = [rule for rule in rules if rule.body is UNKNOWN]
        for rule in unknown:
            report.wait_for(rule.resource, rule.path)
        if not unknown:
            must = f"have `{_KNOWN_BAD_INPUTS}` with the override action `none`"
            report.refuse(acl, "rules", must, f"{len(rules)} others" if rules else "none")


@dataclass(frozen=True, slots=True)
class _Guards:
    """What stands before one load balancer."""

    acls: list[Resource]
    outside: list[Resource]
    """Associations with web ACLs that this stack does not make."""
    loose: list[Resource]
    """Associations that may be with this load balancer."""


def _public(stack: Stack, report: Report) -> list[tuple[Resource, _Guards]]:
    """Return the load balancers that the internet reaches; note what is unknown."""
    found = []
    for balancer in stack.of(types.LOAD_BALANCER):
        kind, internal = balancer.read("loadBalancerType"), balancer.read("internal")
        if kind not in (ABSENT, UNKNOWN, "application") or is_true(internal):
            continue
        if UNKNOWN in (kind, internal):
            report.wait_for(balancer, "loadBalancerType" if kind is UNKNOWN else "internal")
            continue
        guards = _Guards([], [], [])
        for association in stack.of(types.WEB_ACL_ASSOCIATION):
            target = stack.target(association, "resourceArn", types.LOAD_BALANCER, ("arn", "id"))
            if target is None and association.read("resourceArn") is UNKNOWN:
                guards.loose.append(association)
            if target is not balancer:
                continue
            acl = stack.target(association, "webAclArn", types.WEB_ACL, ("arn", "id"))
            if acl is None:
                guards.outside.append(association)
            else:
                guards.acls.append(acl)
        found.append((balancer, guards))
    return found


def _check_public_has_acl(stack: Stack, report: Report) -> None:
    for balancer, guards in _public(stack, report):
        if guards.acls or guards.outside:
            continue
        for association in guards.loose:
            report.wait_for(association, "resourceArn")
        if not guards.loose:
            must = "be true, or a web ACL be associated with the load balancer"
            report.refuse(balancer, "internal", must, "neither")


def _counts_all(limit: Mapping[str, Any]) -> bool:
    """Whether a rate rule counts all requests, or all but some.

    One scoped down to a path leaves every other path without a limit.
    """
    scope = limit.get("scopeDownStatement")
    return not isinstance(scope, Mapping) or _named(scope) <= {"notStatement"}


_WINDOW_SECONDS: Final = 300
"""Of a rate rule that states none (AWS WAF API, RateBasedStatement, EvaluationWindowSec)."""


def _in_five_minutes(limit: Mapping[str, Any]) -> float | None:
    """Return how many requests a rate rule lets through in 5 minutes, where that is known."""
    most, window = number(read(limit, "limit")), number(read(limit, "evaluationWindowSec"))
    return None if most is None else most * _WINDOW_SECONDS / (window or _WINDOW_SECONDS)


def _check_rate_rule(stack: Stack, report: Report) -> None:
    for balancer, guards in _public(stack, report):
        rules = [rule for acl in guards.acls for rule in _rules(stack, acl)]
        limits: list[_AclRule] = []
        idle: list[_AclRule] = []
        for rule in rules:
            limit = rule.read("statement.rateBasedStatement")
            if not isinstance(limit, Mapping) or not _counts_all(limit):
                continue
            rate = _in_five_minutes(limit)
            too_high = rate is not None and rate > stack.settings["mostRequests"]
            (idle if too_high else limits).append(rule)
        counting = [rule for rule in limits if _named(rule.read("action")) == {"count"}]
        if len(counting) < len(limits):
            continue
        unknown = [
            rule for rule in rules if rule.body is UNKNOWN or rule.read("statement") is UNKNOWN
        ]
        groups = [
            rule
            for rule in rules
            if rule.read("statement.ruleGroupReferenceStatement") not in (ABSENT, UNKNOWN)
        ]
        for rule in unknown:
            report.wait_for(rule.resource, rule.path or "statement")
        for association in guards.outside:
            report.undecided(
                association, "`webAclArn` names a web ACL that this stack does not make."
            )
        for association in [] if guards.acls else guards.loose:
            report.wait_for(association, "resourceArn")
        for rule in groups:
            report.undecided(rule.resource, "a rule group's own rules are not read.")
        if unknown or guards.outside or groups or (guards.loose and not guards.acls):
            continue
        if counting:
            rule = counting[0]
            report.refuse(
                rule.resource,
                rule.at("action"),
                "be another than `count`",
                "a rate rule that counts",
            )
        elif idle:
            path = "statement.rateBasedStatement.limit"
            must = f"be at most {stack.settings['mostRequests']} in 5 minutes (mostRequests)"
            got = f"{show(idle[0].read(path))}, which no client reaches"
            report.refuse(idle[0].resource, idle[0].at(path), must, got)
        else:
            must = "be true, or a web ACL with a rate rule stand before the load balancer"
            report.refuse(balancer, "internal", must, "neither")


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="lb-public-has-web-acl",
        description="A load balancer that the internet reaches has a web ACL: without one, "
        "crawlers, exploits and floods reach the instances, and nothing can be blocked.",
        severity=Severity.MEDIUM,
        control="ELB.16",
        sources=("CKV2_AWS_28", "G alb_waf_enabled"),
        frameworks=("Well-Architected SEC05-BP03",),
        enforcement=EnforcementLevel.ADVISORY,
        types=_BEFORE_BALANCERS,
        check=_check_public_has_acl,
        fix="Associate a web ACL:\n"
        'aws.wafv2.WebAclAssociation("web", resource_arn=balancer.arn, web_acl_arn=acl.arn)',
    ),
    StackRule(
        name="lb-public-has-rate-rule",
        description="A rate rule stands before a load balancer that the internet reaches: one "
        "client that goes wild, or a botnet, must not use up what a surge of users needs.",
        severity=Severity.HIGH,
        frameworks=("Well-Architected REL05-BP02",),
        url=f"{_GUIDE}/waf-rule-statement-type-rate-based.html",
        enforcement=EnforcementLevel.ADVISORY,
        settings=(
            Setting(
                name="mostRequests",
                description="Highest limit of a rate rule that counts as one (requests of one "
                "address in 5 minutes, 10 to 2000000000).",
                default=100_000,
                low=10,
                high=2_000_000_000,
            ),
        ),
        types=_BEFORE_BALANCERS,
        check=_check_rate_rule,
        fix="Give the web ACL a rule that blocks an address above a rate that no user has:\n"
        'aws.wafv2.WebAcl("web", rules=[{"name": "rate", "priority": 0, "action": {"block": {}}, '
        '"statement": {"rate_based_statement": {"limit": 2000, "aggregate_key_type": "IP"}}, '
        '"visibility_config": {...}}], ...)',
    ),
    StackRule(
        name="web-acl-has-rules",
        description="A web ACL has rules: without any it lets everything through, or nothing.",
        severity=Severity.MEDIUM,
        control="WAF.10",
        sources=("CKV_AWS_175",),
        types=_WEB_ACLS,
        check=_check_has_rules,
        fix="Begin with a rate rule and AWS's core rule set, as rules=[...] of the "
        "aws.wafv2.WebAcl or as aws.wafv2.WebAclRule.",
    ),
    ResourceRule(
        name="web-acl-rule-has-action",
        description="Every rule of a web ACL says what happens to what it matches, and every rule "
        "group whether its own actions hold: else a rule that was meant to block does nothing.",
        severity=Severity.MEDIUM,
        sources=("CKV_AWS_342",),
        url="https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-action.html",
        types=types.WEB_ACL | types.WEB_ACL_RULE,
        check=_check_acts,
        fix='Set action={"block": {}} on the rule; on a rule group override_action={"none": {}}.',
    ),
    StackRule(
        name="web-acl-logging",
        description="Web ACLs log what they decide: otherwise nobody can tell whether a rule "
        "blocks attackers or customers.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        control="WAF.11",
        sources=("CKV2_AWS_31", "G wafv2_logging_enabled"),
        frameworks=("Well-Architected SEC04-BP01",),
        types=types.WEB_ACL | types.WEB_ACL_LOGGING,
        check=_check_logging,
        fix="Log to a log group whose name begins with aws-waf-logs-:\n"
        'aws.wafv2.WebAclLoggingConfiguration("web", resource_arn=acl.arn, '
        "log_destination_configs=[logs.arn])",
    ),
    PropertyRule(
        name="web-acl-metrics",
        description="Web ACLs and their rules publish metrics: alarms and dashboards see by them "
        "what is blocked.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        control="WAF.12",
        frameworks=("Well-Architected REL06-BP01",),
        types=types.WEB_ACL | types.WEB_ACL_RULE,
        needs=(
            Need("visibilityConfig.cloudwatchMetricsEnabled", "be true", is_true),
            Need("rules[*].visibilityConfig.cloudwatchMetricsEnabled", "be true", is_true),
        ),
        fix='Set visibility_config={"cloudwatch_metrics_enabled": True, "metric_name": "rate", '
        '"sampled_requests_enabled": True} on the web ACL and on each rule.',
    ),
    StackRule(
        name="web-acl-blocks-log4j",
        description=f"Web ACLs block requests that exploit Log4j, by AWS's rule group "
        f"{_KNOWN_BAD_INPUTS}. Opt-in: not every service runs Java.",
        severity=Severity.MEDIUM,
        sources=("CKV_AWS_192", "CKV2_AWS_76"),
        frameworks=("Well-Architected SEC05-BP03",),
        url=f"{_GUIDE}/aws-managed-rule-groups-baseline.html",
        enforcement=EnforcementLevel.DISABLED,
        types=_WEB_ACLS,
        check=_check_log4j,
        fix="Add a rule with the statement "
        '{"managed_rule_group_statement": {"vendor_name": "AWS", "name": '
        f'"{_KNOWN_BAD_INPUTS}"}}}} and override_action={{"none": {{}}}}.',
    ),
)
