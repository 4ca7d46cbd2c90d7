import pytest

from surgeproof.components import ArgsError, Spending
from surgeproof.components.service.spending import SPENDING
from surgeproof.settings.aws_limits import ALARM, breach, broken_relations
from tests.unit.recording import ACCOUNT, Recording, record

GOOD = {"group_name": "shop-test-web", "ticket_topic_arn": "arn:ticket"}


def build(**changes) -> Recording:
    return record(lambda: Spending("web", {**GOOD, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_name": None}, "group_name: must be given, got nothing"),
        ({"ticket_topic_arn": None}, "ticket_topic_arn: must be given, got nothing"),
        (
            {"instance_hours_per_day": 0},
            "instance_hours_per_day: must be a number from 0.1 to 1000000, got 0",
        ),
        (
            {"monthly_budget_usd": 0.5},
            "monthly_budget_usd: must be a number from 1 to 1000000000, got 0.5",
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
        SPENDING.check(args)

    assert str(told.value) == f"Spending.{message}"


def test_without_numbers_nothing_is_made():
    recording = build()

    assert set(recording.resources) == {"Spending"}
    assert recording.outputs == {"alarm_names": [], "alarm_arns": []}


def test_instance_hours_of_a_day_are_its_mean_size_times_24():
    alarm = build(instance_hours_per_day=96).only("MetricAlarm")

    value, instances = alarm["metricQueries"]
    assert value["expression"] == "24 * instances"
    assert instances["metric"]["metricName"] == "GroupTotalInstances"
    assert instances["metric"]["stat"] == "Average"
    assert instances["metric"]["period"] == 86_400
    assert instances["metric"]["dimensions"] == {"AutoScalingGroupName": "shop-test-web"}
    assert (alarm["threshold"], alarm["evaluationPeriods"]) == (96, 1)
    assert alarm["alarmActions"] == ["arn:ticket"]


def test_cloudwatch_takes_a_period_of_a_day():
    assert breach(ALARM, "metricQueries.metric.period", 86_400) is None
    assert list(broken_relations(ALARM, {"period": 86_400, "evaluationPeriods": 1})) == []


def test_the_budget_tells_before_it_is_spent():
    budget = build(monthly_budget_usd=1200).only("Budget")

    assert budget["accountId"] == ACCOUNT
    assert (budget["budgetType"], budget["timeUnit"]) == ("COST", "MONTHLY")
    assert (budget["limitAmount"], budget["limitUnit"]) == ("1200", "USD")
    assert [
        (each["notificationType"], each["threshold"], each["subscriberSnsTopicArns"])
        for each in budget["notifications"]
    ] == [
        ("ACTUAL", 80, ["arn:ticket"]),
        ("ACTUAL", 100, ["arn:ticket"]),
        ("FORECASTED", 100, ["arn:ticket"]),
    ]
