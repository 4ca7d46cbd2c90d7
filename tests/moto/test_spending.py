from surgeproof.components import Spending

ACCOUNT = "123456789012"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:ticket"


def test_a_budget_and_an_alarm_on_instance_hours_exist(build, aws):
    build(
        lambda: Spending(
            "web",
            {
                "group_name": "surgeproof-test-web",
                "ticket_topic_arn": TOPIC,
                "instance_hours_per_day": 96,
                "monthly_budget_usd": 500,
            },
        )
    )

    (budget,) = aws("budgets").describe_budgets(AccountId=ACCOUNT)["Budgets"]
    told = aws("budgets").describe_notifications_for_budget(
        AccountId=ACCOUNT, BudgetName="surgeproof-test-web"
    )["Notifications"]
    (alarm,) = aws("cloudwatch").describe_alarms()["MetricAlarms"]
    assert budget["BudgetLimit"] == {"Amount": "500", "Unit": "USD"}
    assert [(each["NotificationType"], each["Threshold"]) for each in told] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    assert alarm["AlarmName"] == "surgeproof-test-web-instance-hours-warning"
    assert alarm["Metrics"][0]["Expression"] == "24 * instances"
