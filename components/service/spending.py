"""What the stack may cost: an alarm on instance-hours, and a budget in money."""

from collections.abc import Mapping, Sequence
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
    WatchedAlarmArgs,
    metric_alarm,
    watched,
)
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import RUNBOOK_BASE_URL, TAGS
from surgeproof.settings.checks import Definition
from surgeproof.settings.fields import number

HOURS_MAX: Final = 1_000_000
DOLLARS_MAX: Final = 1_000_000_000

_DAY_SECONDS: Final = 86_400

_NOTIFICATIONS: Final = (("ACTUAL", 80.0), ("ACTUAL", 100.0), ("FORECASTED", 100.0))
"""What of a budget is told: kind, and percent of the budget."""


class SpendingArgs(TypedDict):
    """What the stack may cost."""

    group_name: Input[str]
    """Name of the auto scaling group."""
    ticket_topic_arn: Input[str]
    """Topic for alarms that can wait for working hours; its policy must let AWS Budgets in."""
    instance_hours_per_day: NotRequired[
        Annotated[float, number("hours", 0.1, HOURS_MAX, default=None, behaviour="no alarm")]
    ]
    """Instance-hours of a day that were planned; more is a ticket."""
    monthly_budget_usd: NotRequired[
        Annotated[float, number("US dollars", 1, DOLLARS_MAX, default=None, behaviour="no budget")]
    ]
    """What the whole account may cost in a month; told at 80 %, at 100 % and when 100 % is
    forecast."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all that is created."""


SPENDING: Final = Definition("Spending", SpendingArgs)


def instance_hours_row(*, per_day: float) -> AlarmRow:
    """Return the alarm on the instance-hours of a day.

    The group publishes how many instances it has once a minute, so the mean over a day times 24 is
    the day's instance-hours. The sum would be off by the minutes that were not published.
    """
    return AlarmRow(
        symptom="instance-hours",
        severity=AlertSeverity.TICKET,
        says=f"The group has used more than the {per_day:g} instance-hours a day that were "
        "planned.",
        why="Scaling out is easily paid for; what never scales in is not.",
        metrics=(
            AlarmMetric(
                namespace="AWS/AutoScaling",
                # Pending, standby and terminating instances are paid for, too.
                name="GroupTotalInstances",
                statistic="Average",
                subject=Subject.GROUP,
                id="instances",
            ),
        ),
        expression="24 * instances",
        comparison=Comparison.ABOVE,
        threshold=per_day,
        unit="instance-hours a day",
        threshold_reason="Ours: spending.instanceHoursPerDay.",
        period_seconds=_DAY_SECONDS,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        missing=MissingData.MISSING,
        missing_reason="A group whose metrics stop is the business of another alarm.",
    )


def reference_rows() -> tuple[AlarmRow, ...]:
    """Return the row for a plan of 96 hours a day, for the reference."""
    return (instance_hours_row(per_day=96),)


class Spending(pulumi.ComponentResource):
    """What was planned to be spent, and who is told when it is more.

    Creates an alarm on the group's instance-hours of a day, and a budget of the account with three
    notifications: at 80 % and at 100 % of what was spent, and when 100 % is forecast. Each only
    where its number is given.

    With 4 instances planned, 96 instance-hours a day: 12 instances for six hours and 4 for the rest
    are 144, so the ticket comes within the day. A warm pool's instances are not counted.

    The budget is of the whole account, since costs by tag are told apart only from the day on which
    somebody activates the tag for billing. AWS Budgets looks at most three times a day.
    """

    alarm_names: Output[Sequence[str]]
    """Names of all alarms."""
    alarm_arns: Output[Sequence[str]]
    """ARNs of all alarms."""

    def __init__(
        self, name: str, args: SpendingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Spending", name, {}, opts)
        settings = SPENDING.check(args)
        child = pulumi.ResourceOptions(parent=self)
        alarms = []
        self.watched: list[WatchedAlarmArgs] = []
        """The alarm, for the dashboard and whatever is made of alarms."""
        per_day = settings.get("instance_hours_per_day")
        if per_day is not None:
            row = instance_hours_row(per_day=per_day)
            alarm = metric_alarm(
                name,
                row,
                dimensions=lambda _: {"AutoScalingGroupName": args["group_name"]},
                runbook_base_url=settings["runbook_base_url"],
                actions=[args["ticket_topic_arn"]],
                tags=settings.get("tags") or None,
                opts=child,
            )
            alarms.append(alarm)
            self.watched.append(watched(name, row, alarm))
        budget = settings.get("monthly_budget_usd")
        if budget is not None:
            aws.budgets.Budget(
                name,
                name=physical_name(name, limit=100),
                account_id=aws.get_caller_identity_output(
                    opts=pulumi.InvokeOutputOptions(parent=self)
                ).account_id,
                budget_type="COST",
                time_unit="MONTHLY",
                limit_amount=f"{budget:.12g}",
                limit_unit="USD",
                notifications=[
                    _notification(kind, percent, args["ticket_topic_arn"])
                    for kind, percent in _NOTIFICATIONS
                ],
                opts=child,
            )
        self.alarm_names = Output.all(*(alarm.name for alarm in alarms))
        self.alarm_arns = Output.all(*(alarm.arn for alarm in alarms))
        self.register_outputs({key: getattr(self, key) for key in Spending.__annotations__})


def _notification(kind: str, percent: float, topic_arn: Input[str]) -> Any:
    return {
        "notification_type": kind,
        "comparison_operator": "GREATER_THAN",
        "threshold": percent,
        "threshold_type": "PERCENTAGE",
        "subscriber_sns_topic_arns": [topic_arn],
    }
