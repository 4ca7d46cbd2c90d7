"""Budgets."""

from collections.abc import Mapping
from typing import Any

from surgeproof.emulator.rows.row import Call, Context, Name, Row, Step


def _notified(each: Mapping[str, Any]) -> dict[str, Any]:
    """Return one notification of a budget as AWS has it: who is told apart from of what."""
    subscribers = [
        {"SubscriptionType": kind, "Address": address}
        for kind, name in (
            ("SNS", "subscriberSnsTopicArns"),
            ("EMAIL", "subscriberEmailAddresses"),
        )
        for address in each.get(name) or ()
    ]
    return {
        "Notification": {
            "NotificationType": each["notificationType"],
            "ComparisonOperator": each["comparisonOperator"],
            "Threshold": each["threshold"],
            "ThresholdType": each["thresholdType"],
        },
        "Subscribers": subscribers,
    }


def _budget_notifications(context: Context) -> None:
    """Replace the notifications that changed."""
    budget = {"AccountId": context.state["accountId"], "BudgetName": context.state["name"]}
    old, new = (
        [_notified(each) for each in state.get("notifications") or ()]
        for state in (context.old, context.state)
    )
    for each in old:
        if each not in new:
            context.call("DeleteNotification", {**budget, "Notification": each["Notification"]})
    for each in new:
        if each not in old:
            context.call("CreateNotification", {**budget, **each})


_BUDGET_LIMIT = {
    "name": "BudgetName",
    "budgetType": "BudgetType",
    "timeUnit": "TimeUnit",
    "limitAmount": "BudgetLimit.Amount",
    "limitUnit": "BudgetLimit.Unit",
}


ROWS = (
    Row(
        "aws:budgets/budget:Budget",
        service="budgets",
        create=Step(
            "CreateBudget",
            names={
                **{name: f"Budget.{place}" for name, place in _BUDGET_LIMIT.items()},
                "notifications": "NotificationsWithSubscribers",
            },
            update="UpdateBudget",
            update_names={
                **{name: f"NewBudget.{place}" for name, place in _BUDGET_LIMIT.items()},
                "notifications": "-",
            },
        ),
        id=lambda state: f"{state['accountId']}:{state['name']}",
        name=Name(limit=100),
        replaces=("name", "accountId"),
        values={"notifications": lambda listed: [_notified(each) for each in listed]},
        updates=(Step("CreateNotification", takes=("notifications",), run=_budget_notifications),),
        read=Call(
            "DescribeBudget",
            {"AccountId": "accountId", "BudgetName": "name"},
            "Budget",
            names={"accountId": "-", **_BUDGET_LIMIT},
        ),
        gone=("NotFoundException",),
        outputs={
            "arn": lambda context, _: (
                f"arn:{context.partition}:budgets::{context.state['accountId']}:budget/"
                f"{context.state['name']}"
            )
        },
        delete=(Call("DeleteBudget", {"AccountId": "accountId", "BudgetName": "name"}),),
    ),
)
