"""The web ACL in front of the load balancer: who asks too often, and what is known to be bad."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.rows import (
    AlarmMetric,
    AlarmRow,
    AlertSeverity,
    Comparison,
    MissingData,
    Subject,
    metric_alarm,
    watched,
)
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import LOG_RETENTION, RUNBOOK_BASE_URL, TAGS, aws_whole
from surgeproof.settings.aws_limits import WEB_ACL
from surgeproof.settings.checks import Definition
from surgeproof.settings.fields import choice

RATE_LIMIT: Final = (WEB_ACL, "rules.statement.rateBasedStatement.limit")
RATE_WINDOW: Final = (WEB_ACL, "rules.statement.rateBasedStatement.evaluationWindowSec")

_REDACTED: Final = ("authorization", "cookie")
"""Request headers whose values are kept out of the log."""


class RuleAction(StrEnum):
    """What happens to a request that a rule matches."""

    COUNT = "count"
    """It goes on; the metric and the log tell of it."""
    BLOCK = "block"
    """It is answered with 403."""


class WebAclArgs(TypedDict):
    """Rules for requests in front of the load balancer."""

    load_balancer_arn: Input[str]
    """ARN of the load balancer."""
    ticket_topic_arn: Input[str]
    """Topic for alarms that can wait for working hours."""
    rate_limit: NotRequired[Annotated[int, aws_whole("requests", *RATE_LIMIT, default=2000)]]
    """Requests of one client address within the window above which the rate rule acts. Offices and
    carriers share addresses: take what the busiest of a thousand clients sends on the busiest day,
    twice (`surgeproof clients` reads it from the access logs)."""
    rate_window_seconds: NotRequired[
        Annotated[int, aws_whole("seconds", *RATE_WINDOW, default=300)]
    ]
    """Window that the rate rule looks back over."""
    rate_action: NotRequired[Annotated[RuleAction, choice(RuleAction, default=RuleAction.COUNT)]]
    """What the rate rule does: `count` until somebody has seen whom it would hit."""
    common_rules_action: NotRequired[
        Annotated[RuleAction, choice(RuleAction, default=RuleAction.COUNT)]
    ]
    """What AWS's common rules do; they refuse bodies above 8 KB, among others."""
    log_retention_days: NotRequired[Annotated[int, LOG_RETENTION]]
    """Time that the log of what was counted or blocked is kept."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all that is created."""


WEB_ACL_ARGS: Final = Definition("WebAcl", WebAclArgs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ManagedRules:
    """One of AWS's rule groups
    (https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html).
    """  # noqa: D205

    role: str
    name: str


_MANAGED: Final = (
    # Addresses that AWS knows to attack, and those of known botnets.
    _ManagedRules(role="ip-reputation", name="AWSManagedRulesAmazonIpReputationList"),
    # Requests that exploit something known, such as Log4j.
    _ManagedRules(role="known-bad-inputs", name="AWSManagedRulesKnownBadInputsRuleSet"),
    _ManagedRules(role="common", name="AWSManagedRulesCommonRuleSet"),
)


def rate_rule_row(*, limit: int, window_seconds: int, action: RuleAction) -> AlarmRow:
    """Return the alarm on clients above the rate."""
    blocked = action == RuleAction.BLOCK
    return AlarmRow(
        symptom="rate-limited-clients",
        severity=AlertSeverity.TICKET,
        says=f"Clients send more than {limit} requests within {window_seconds} s and are "
        f"{'blocked' if blocked else 'counted'}.",
        why=(
            "An office or a carrier behind one address may be among them."
            if blocked
            else "Before the rule blocks, somebody has to see who would be hit."
        ),
        metrics=(
            AlarmMetric(
                namespace="AWS/WAFV2",
                name="BlockedRequests" if blocked else "CountedRequests",
                statistic="Sum",
                subject=Subject.RATE_RULE,
            ),
        ),
        comparison=Comparison.ABOVE,
        threshold=0,
        unit="requests",
        threshold_reason="Ours: the limit itself says what is too much.",
        period_seconds=300,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        missing=MissingData.NOT_BREACHING,
        missing_reason="The metric is reported only when it is not zero.",
    )


def reference_rows() -> tuple[AlarmRow, ...]:
    """Return the row at the default settings, for the reference."""
    return (rate_rule_row(limit=2000, window_seconds=300, action=RuleAction.COUNT),)


class WebAcl(pulumi.ComponentResource):
    """A web ACL on the load balancer: a rate for each client, and AWS's managed rules.

    Creates the ACL with four rules (rate, addresses of bad repute, inputs known to be bad, common
    attacks), its association with the load balancer, a log group for what was counted or blocked,
    and an alarm on the rate rule. The log leaves cookies and authorization out.

    The rate rule counts at first, and so do the common rules: in a surge, a limit on addresses hits
    those first who share one. Requests that are neither blocked nor counted are not logged, since a
    surge would make the log cost more than the service.

    With 2000 requests in 300 s, a client that sends 10 requests each second is above the limit
    after 200 s; AWS looks about every 10 s.

    Leaves to the caller what the load balancer does when the ACL cannot be asked
    (LoadBalancer's `waf_fail_open`). AWS lets itself into the log group by a resource policy that
    it makes when logging is turned on.
    """

    arn: Output[str]
    """ARN of the ACL."""
    name: Output[str]
    """Name of the ACL."""
    log_group_name: Output[str]
    """Log group of what was counted or blocked."""
    alarm_names: Output[Sequence[str]]
    """Names of all alarms."""
    alarm_arns: Output[Sequence[str]]
    """ARNs of all alarms."""

    def __init__(
        self, name: str, args: WebAclArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:WebAcl", name, {}, opts)
        settings = WEB_ACL_ARGS.check(args)
        child = pulumi.ResourceOptions(parent=self)
        acl_name = physical_name(name, limit=128)
        acl = aws.wafv2.WebAcl(
            name,
            name=acl_name,
            description="Counts or blocks clients that ask too often and requests known to be bad",
            scope="REGIONAL",
            default_action={"allow": {}},
            rules=_rules(acl_name, settings),
            visibility_config=_seen_as(acl_name),
            tags={"Name": acl_name, **settings.get("tags", {})},
            opts=child,
        )
        aws.wafv2.WebAclAssociation(
            name, resource_arn=args["load_balancer_arn"], web_acl_arn=acl.arn, opts=child
        )
        log = aws.cloudwatch.LogGroup(
            f"{name}-web-acl",
            name=f"aws-waf-logs-{acl_name}",
            retention_in_days=settings["log_retention_days"],
            tags=settings.get("tags", {}),
            opts=child,
        )
        aws.wafv2.WebAclLoggingConfiguration(
            name,
            resource_arn=acl.arn,
            log_destination_configs=[log.arn],
            redacted_fields=[{"single_header": {"name": header}} for header in _REDACTED],
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [
                            {"action_condition": {"action": action}}
                            for action in ("BLOCK", "COUNT")
                        ],
                    }
                ],
            },
            opts=child,
        )
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        row = rate_rule_row(
            limit=settings["rate_limit"],
            window_seconds=settings["rate_window_seconds"],
            action=settings["rate_action"],
        )
        alarm = metric_alarm(
            name,
            row,
            dimensions=lambda _: {
                "WebACL": acl_name,
                "Rule": _rule_metric(acl_name, "rate"),
                "Region": region,
            },
            runbook_base_url=settings["runbook_base_url"],
            actions=[args["ticket_topic_arn"]],
            tags=settings.get("tags") or None,
            opts=child,
        )

        self.arn = acl.arn
        self.name = acl.name
        self.log_group_name = log.name
        self.watched = [watched(name, row, alarm)]
        """The alarm, for the dashboard and whatever is made of alarms."""
        self.alarm_names = Output.all(alarm.name)
        self.alarm_arns = Output.all(alarm.arn)
        self.register_outputs({key: getattr(self, key) for key in WebAcl.__annotations__})


def _rule_metric(acl_name: str, role: str) -> str:
    return f"{acl_name}-{role}"


def _seen_as(metric: str) -> Any:
    return {
        "cloudwatch_metrics_enabled": True,
        "metric_name": metric,
        "sampled_requests_enabled": True,
    }


def _rules(acl_name: str, settings: WebAclArgs) -> list[Any]:
    """Return the rules in their order: a client that is blocked costs no further rule."""
    rate: dict[str, Any] = {
        "name": "rate",
        "priority": 0,
        "action": {settings["rate_action"].value: {}},
        "statement": {
            "rate_based_statement": {
                "aggregate_key_type": "IP",
                "limit": settings["rate_limit"],
                "evaluation_window_sec": settings["rate_window_seconds"],
            }
        },
        "visibility_config": _seen_as(_rule_metric(acl_name, "rate")),
    }
    managed = [
        {
            "name": each.role,
            "priority": priority,
            # `none` leaves the group's own actions as they are: they block.
            "override_action": {
                "count"
                if each.role == "common" and settings["common_rules_action"] == RuleAction.COUNT
                else "none": {}
            },
            "statement": {
                "managed_rule_group_statement": {"vendor_name": "AWS", "name": each.name}
            },
            "visibility_config": _seen_as(_rule_metric(acl_name, each.role)),
        }
        for priority, each in enumerate(_MANAGED, 1)
    ]
    return [rate, *managed]
