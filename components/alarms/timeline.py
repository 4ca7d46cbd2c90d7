"""The incident timeline: what happened, in one log group that is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.naming import physical_name
from surgeproof.components.rules import LOG_RETENTION, TAGS
from surgeproof.settings.checks import Definition


class TimelineArgs(TypedDict):
    """The incident timeline."""

    group_name: Input[str]
    """Name of the auto scaling group. Alarms and runbooks are kept whose names begin with it and a
    dash."""
    retention_days: NotRequired[
        Annotated[int, LOG_RETENTION.by(default=400, key="alerts.timelineRetentionDays")]
    ]
    """Time that alarm changes, scaling activities, instance refreshes and runbook executions are
    kept."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all that is created."""


TIMELINE: Final = Definition("Timeline", TimelineArgs)


POLICY_NAME: Final = "surgeproof-events-to-logs"
"""Name of the one resource policy that all stacks of an account and Region share: CloudWatch Logs
allows ten (PutResourcePolicy), and each would say the same."""

LOG_GROUP_PREFIX: Final = "/aws/events/"
"""EventBridge's console finds only log groups of this prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One kind of events that is kept."""

    role: str
    says: str
    pattern: Mapping[str, Any]


def event_rows(group_name: str) -> tuple[EventRow, ...]:
    """Return the table of events.

    Alarms and runbooks bear the group's name before their own. Project and stack alone would not
    do: stack `prod` would keep what is of stack `prod-eu`, too.

    Sources: "Alarm events and EventBridge" (CloudWatch user guide), "Amazon EC2 Auto Scaling
    events" (EventBridge events reference), "Reference: Amazon EventBridge event patterns and types
    for Systems Manager".
    """
    group = {"AutoScalingGroupName": [group_name]}
    named = [{"prefix": f"{group_name}-"}]
    return (
        EventRow(
            role="alarms",
            says="Alarms that change state",
            pattern={
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {"alarmName": named},
            },
        ),
        EventRow(
            role="scaling",
            says="Instances that come and go, or could not",
            pattern={
                "source": ["aws.autoscaling"],
                "detail-type": [
                    "EC2 Instance Launch Successful",
                    "EC2 Instance Launch Unsuccessful",
                    "EC2 Instance Terminate Successful",
                    "EC2 Instance Terminate Unsuccessful",
                ],
                "detail": group,
            },
        ),
        EventRow(
            role="refreshes",
            says="Instance refreshes",
            pattern={
                "source": ["aws.autoscaling"],
                "detail-type": [
                    "EC2 Auto Scaling Instance Refresh Started",
                    "EC2 Auto Scaling Instance Refresh Checkpoint Reached",
                    "EC2 Auto Scaling Instance Refresh Succeeded",
                    "EC2 Auto Scaling Instance Refresh Failed",
                    "EC2 Auto Scaling Instance Refresh Cancelled",
                    "EC2 Auto Scaling Instance Refresh Rollback Started",
                    "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
                    "EC2 Auto Scaling Instance Refresh Rollback Failed",
                ],
                "detail": group,
            },
        ),
        EventRow(
            role="runbooks",
            says="Runbooks that are run",
            pattern={
                "source": ["aws.ssm"],
                "detail-type": [
                    "EC2 Automation Execution Status-change Notification",
                    "EC2 Automation Step Status-change Notification",
                ],
                "detail": {"Definition": named},
            },
        ),
    )


QUERIES: Final[Mapping[str, str]] = {
    "what-happened": """\
fields @timestamp, `detail-type` as event,
  coalesce(detail.alarmName, detail.EC2InstanceId, detail.Definition, detail.InstanceRefreshId)
    as who,
  coalesce(detail.state.value, detail.StatusCode, detail.Status) as became,
  detail.state.actionsSuppressedBy as held_back_by,
  coalesce(detail.state.reason, detail.Cause, detail.StatusMessage) as because
| sort @timestamp asc
| limit 1000""",
    "pages": """\
filter `detail-type` = "CloudWatch Alarm State Change" and detail.alarmName like /-critical$/
| fields @timestamp, detail.alarmName as alarm, detail.previousState.value as was,
  detail.state.value as became, detail.state.actionsSuppressedBy as held_back_by
| sort @timestamp asc
| limit 1000""",
    "capacity": """\
filter `source` = "aws.autoscaling"
| fields @timestamp, `detail-type` as event, detail.EC2InstanceId as instance,
  `detail.Details.Availability Zone` as zone, detail.Cause as because
| sort @timestamp asc
| limit 1000""",
    "noisy-alarms": """\
filter `detail-type` = "CloudWatch Alarm State Change" and detail.state.value = "ALARM"
| stats count(*) as times, min(@timestamp) as first, max(@timestamp) as last by detail.alarmName
| sort times desc""",
}
"""Saved queries of CloudWatch Logs Insights, by the last part of their names.

An alarm that is held back changes its state at once and tells nobody: the escalation by its wait,
burning budgets by an outage that is open. A field with a space or a hyphen stands in backticks as a
whole ("Fields that contain special characters", CloudWatch Logs user guide).
"""


class Timeline(pulumi.ComponentResource):
    """What happened and when, kept where a review finds it.

    Creates a log group, EventBridge rules that write alarm changes, scaling activities, instance
    refreshes and runbook executions into it, and saved queries. CloudWatch itself keeps an alarm's
    history for 30 days, and Auto Scaling its activities for six weeks.

    The permission is one resource policy of CloudWatch Logs for the account and Region
    (`surgeproof-events-to-logs`), over all log groups under /aws/events/. Every stack writes the
    same policy under the same name, and none deletes it: another stack may need it.
    """

    log_group_name: Output[str]
    """Name of the log group."""

    def __init__(
        self, name: str, args: TimelineArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Timeline", name, {}, opts)
        settings = TIMELINE.check(args)
        child = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        place = Output.all(
            partition=aws.get_partition_output(opts=invoke).partition,
            region=aws.get_region_output(opts=invoke).region,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
        )
        tags = args.get("tags")
        log_group_name = f"{LOG_GROUP_PREFIX}{physical_name(name, limit=512)}"
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=log_group_name,
            retention_in_days=settings["retention_days"],
            tags=tags,
            opts=child,
        )
        policy = aws.cloudwatch.LogResourcePolicy(
            name,
            policy_name=POLICY_NAME,
            policy_document=place.apply(_log_policy),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        group = Output.from_input(args["group_name"])

        def pattern(role: str) -> Output[str]:
            return group.apply(
                lambda known: next(
                    json.dumps(row.pattern) for row in event_rows(known) if row.role == role
                )
            )

        for row in event_rows(""):
            rule = aws.cloudwatch.EventRule(
                f"{name}-{row.role}",
                name=physical_name(name, row.role, limit=64),
                description=f"{row.says}, into the timeline",
                event_pattern=pattern(row.role),
                state="ENABLED",
                tags=tags,
                opts=child,
            )
            aws.cloudwatch.EventTarget(
                f"{name}-{row.role}",
                rule=rule.name,
                target_id="timeline",
                arn=log_group.arn,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        for query, text in QUERIES.items():
            aws.cloudwatch.QueryDefinition(
                f"{name}-{query}",
                name=f"{physical_name(name)}/{query}",
                log_group_names=[log_group.name],
                query_string=text,
                opts=child,
            )
        self.log_group_name = log_group.name
        self.register_outputs({"log_group_name": self.log_group_name})


def _log_policy(at: Mapping[str, str]) -> str:
    """Return who may write to the timelines.

    EventBridge writes to log groups as itself, and a target there takes no role
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html).
    """
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "EventsToLogs",
                    "Effect": "Allow",
                    "Principal": {
                        "Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
                    },
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": f"arn:{at['partition']}:logs:{at['region']}:{at['account']}:"
                    f"log-group:{LOG_GROUP_PREFIX}*:*",
                }
            ],
        }
    )
