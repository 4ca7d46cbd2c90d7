"""What alarms do on the embedded AWS, beside what moto does."""

import json
import re

import pytest

from surgeproof.emulator import alarming
from surgeproof.emulator.mocks import aws_in_process
from tests.drill.conftest import (
    ACCOUNT,
    CHILD,
    ESCALATION,
    HOLD,
    INFO,
    NEXT,
    PAGE,
    SECOND,
    TOPIC,
    alarm_arn,
    composite_alarm,
    make_stack,
    metric_alarm,
    open_alarms,
    received,
    states,
    subscribed_queue,
)


class Clock:
    """Timers that a test lets go."""

    def __init__(self):
        self.waiting = {}

    def call(self, key, seconds, function):
        self.waiting[key] = (seconds, function)

    def cancel(self, key):
        self.waiting.pop(key, None)

    @property
    def seconds(self):
        return sorted(seconds for seconds, _ in self.waiting.values())

    def go(self, seconds):
        """Let what is to come after this time come."""
        for key, (after, function) in list(self.waiting.items()):
            if after == seconds:
                del self.waiting[key]
                function()


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(alarming.ALARMING, "timers", made)
    return made


@pytest.fixture
def client(aws_without_images, clock):
    alarming.ALARMING.timers = clock
    make_stack(aws_without_images, url=None)
    return aws_without_images


def set_state(client, name, value, reason="practice"):
    client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=value, StateReason=reason)


def subjects(client, url):
    return [subject for subject, _ in received(client, url)]


def test_a_page_opens_and_closes_with_its_alarm_and_tells_its_topic(client):
    paged, informed = subscribed_queue(client, TOPIC), subscribed_queue(client, INFO, "info")

    set_state(client, CHILD, "ALARM")
    assert open_alarms(client) == sorted([CHILD, PAGE, ESCALATION])
    set_state(client, CHILD, "OK")

    assert open_alarms(client) == []
    assert subjects(client, paged) == [
        f'ALARM: "{PAGE}" in EU (Frankfurt)',
        f'OK: "{PAGE}" in EU (Frankfurt)',
    ]
    assert subjects(client, informed) == [f'ALARM: "{CHILD}" in EU (Frankfurt)']


def test_the_message_of_a_page_names_the_alarm_below_it(client):
    paged = subscribed_queue(client, TOPIC)

    set_state(client, CHILD, "ALARM")
    ((_, message),) = received(client, paged)

    assert re.fullmatch(
        rf"{re.escape(alarm_arn(CHILD))} transitioned to ALARM at "
        r"[A-Z][a-z]+day \d\d [A-Z][a-z]+, \d{4} \d\d:\d\d:\d\d UTC",
        message["NewStateReason"],
    )
    assert [each["Arn"] for each in message["TriggeringChildren"]] == [alarm_arn(CHILD)]
    assert message["AWSAccountId"] == ACCOUNT
    assert message["OldStateValue"] == "OK"


def test_a_second_alarm_of_an_open_page_tells_nobody(client):
    paged = subscribed_queue(client, TOPIC)

    set_state(client, CHILD, "ALARM")
    set_state(client, SECOND, "ALARM")
    set_state(client, CHILD, "OK")

    assert len(received(client, paged)) == 1
    assert open_alarms(client) == sorted([SECOND, PAGE, ESCALATION])


def test_disabled_actions_tell_nobody(client):
    paged = subscribed_queue(client, TOPIC)
    client("cloudwatch").disable_alarm_actions(AlarmNames=[PAGE])

    set_state(client, CHILD, "ALARM")

    assert states(client)[PAGE] == "ALARM"
    assert received(client, paged) == []


def test_a_metric_alarm_returns_by_itself(client, clock):
    set_state(client, CHILD, "ALARM")
    set_state(client, CHILD, "INSUFFICIENT_DATA")
    set_state(client, CHILD, "ALARM")
    clock.go(alarming.RETURN_SECONDS)

    answer = client("cloudwatch").describe_alarms(AlarmNames=[CHILD])["MetricAlarms"][0]
    assert (answer["StateValue"], answer["StateReason"]) == (
        "OK",
        "Unchecked: Initial alarm creation",
    )
    assert open_alarms(client) == []


def test_one_that_is_set_back_does_not_return_again(client, clock):
    set_state(client, CHILD, "ALARM")
    set_state(client, CHILD, "OK", "over")

    assert alarming.RETURN_SECONDS not in clock.seconds
    answer = client("cloudwatch").describe_alarms(AlarmNames=[CHILD])["MetricAlarms"][0]
    assert answer["StateReason"] == "over"


def test_a_composite_alarm_that_is_set_stays_until_one_below_it_changes(client, clock):
    set_state(client, PAGE, "ALARM")
    clock.go(alarming.RETURN_SECONDS)
    assert states(client)[PAGE] == "ALARM"

    set_state(client, SECOND, "INSUFFICIENT_DATA")

    assert states(client)[PAGE] == "OK"


def test_the_escalation_calls_the_next_team_after_its_wait(client, clock):
    called = subscribed_queue(client, NEXT)

    set_state(client, CHILD, "ALARM")
    assert received(client, called) == []
    held = client("cloudwatch").describe_alarms(
        AlarmNames=[ESCALATION], AlarmTypes=["CompositeAlarm"]
    )["CompositeAlarms"][0]
    assert (held["ActionsSuppressedBy"], held["ActionsSuppressedReason"]) == (
        "WaitPeriod",
        "Actions suppressed by WaitPeriod",
    )
    clock.go(1800)

    assert subjects(client, called) == [f'ALARM: "{ESCALATION}" in EU (Frankfurt)']


def test_a_page_that_is_over_before_the_wait_calls_nobody(client, clock):
    called = subscribed_queue(client, NEXT)

    set_state(client, CHILD, "ALARM")
    set_state(client, CHILD, "OK")
    clock.go(1800)

    assert received(client, called) == []


def test_a_suppressor_in_alarm_holds_back_until_its_extension_is_over(client, clock):
    called = subscribed_queue(client, NEXT)

    set_state(client, HOLD, "ALARM")
    set_state(client, CHILD, "ALARM")
    assert clock.seconds == [alarming.RETURN_SECONDS]
    set_state(client, HOLD, "OK")
    assert clock.seconds == [alarming.RETURN_SECONDS, 60]
    clock.go(60)

    assert subjects(client, called) == [f'ALARM: "{ESCALATION}" in EU (Frankfurt)']


def test_rules_that_name_each_other_come_to_an_end(client):
    composite_alarm(client, "one", f'ALARM("two") OR ALARM("{CHILD}")', INFO)
    composite_alarm(client, "two", 'ALARM("one")', INFO)

    set_state(client, CHILD, "ALARM")

    assert states(client)["one"] == states(client)["two"] == "ALARM"


def test_a_composite_alarm_keeps_its_state_when_it_is_changed(client):
    set_state(client, CHILD, "ALARM")
    composite_alarm(client, PAGE, f'ALARM("{CHILD}")', TOPIC, AlarmDescription="another")

    answer = client("cloudwatch").describe_alarms(AlarmNames=[PAGE], AlarmTypes=["CompositeAlarm"])[
        "CompositeAlarms"
    ][0]

    assert answer["AlarmDescription"] == "another"
    assert answer["StateValue"] == "ALARM"
    assert alarm_arn(CHILD) in answer["StateReason"]
    composite_alarm(client, PAGE, f'ALARM("{SECOND}")', TOPIC)
    assert states(client)[PAGE] == "OK"


def test_composite_alarms_are_described_only_if_asked_for(client):
    cloudwatch = client("cloudwatch")

    assert cloudwatch.describe_alarms()["CompositeAlarms"] == []
    both = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])
    assert both["MetricAlarms"] == []
    assert len(both["CompositeAlarms"]) == 3


def test_what_is_no_rule_is_refused(client):
    with pytest.raises(client("cloudwatch").exceptions.ClientError, match="no reading of its rule"):
        composite_alarm(client, "odd", "HIGH(a)", INFO)


def test_a_change_is_in_the_history_newest_first(client):
    set_state(client, CHILD, "ALARM", "DRILL")
    history = client("cloudwatch").describe_alarm_history(AlarmName=CHILD)["AlarmHistoryItems"]

    assert [(each["HistoryItemType"], each["HistorySummary"]) for each in history] == [
        ("Action", f"Successfully executed action {INFO}"),
        ("StateUpdate", "Alarm updated from OK to ALARM"),
    ]
    assert json.loads(history[1]["HistoryData"]) == {
        "version": "1.0",
        "oldState": {"stateValue": "OK", "stateReason": "Unchecked: Initial alarm creation"},
        "newState": {"stateValue": "ALARM", "stateReason": "DRILL"},
    }
    action = json.loads(history[0]["HistoryData"])
    assert (action["actionState"], action["notificationResource"]) == ("Succeeded", INFO)


def test_the_history_is_read_page_by_page(client):
    for value in ("ALARM", "OK", "ALARM"):
        set_state(client, CHILD, value)
    cloudwatch = client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=CHILD,
        HistoryItemType="StateUpdate",
        ScanBy="TimestampAscending",
        PaginationConfig={"PageSize": 2},
    )

    found = [each["HistorySummary"][-8:] for page in pages for each in page["AlarmHistoryItems"]]

    assert found == ["to ALARM", "RM to OK", "to ALARM"]


def test_a_receiver_that_is_gone_does_not_keep_the_message_from_others(client):
    client("sqs").delete_queue(QueueUrl=subscribed_queue(client, TOPIC, "gone"))
    paged = subscribed_queue(client, TOPIC)

    set_state(client, CHILD, "ALARM")

    assert subjects(client, paged) == [f'ALARM: "{PAGE}" in EU (Frankfurt)']


def test_an_action_that_fails_is_in_the_history_and_harms_nothing(client):
    gone = f"{INFO}-gone"
    metric_alarm(client, "lonely", AlarmActions=[gone, "arn:aws:automate:eu-central-1:ec2:stop"])

    set_state(client, "lonely", "ALARM")

    history = client("cloudwatch").describe_alarm_history(AlarmName="lonely")["AlarmHistoryItems"]
    assert [each["HistorySummary"] for each in history] == [
        f"Failed to execute action {gone}",
        "Alarm updated from OK to ALARM",
    ]
    assert states(client)["lonely"] == "ALARM"


def test_a_change_is_an_event_that_rules_hear(client):
    events, logs = client("events"), client("logs")
    logs.create_log_group(logGroupName="/aws/events/heard")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [{"prefix": f"{PAGE}"}]}}
    events.put_rule(Name="heard", EventPattern=json.dumps(pattern))
    arn = f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/aws/events/heard"
    events.put_targets(Rule="heard", Targets=[{"Id": "1", "Arn": arn}])

    set_state(client, CHILD, "ALARM")

    (held,) = logs.filter_log_events(logGroupName="/aws/events/heard")["events"]
    said = json.loads(held["message"])
    assert said["detail-type"] == "CloudWatch Alarm State Change"
    assert said["resources"] == [alarm_arn(PAGE)]
    assert said["detail"]["state"]["value"] == "ALARM"
    assert said["detail"]["previousState"]["value"] == "OK"


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [({"source": ["aws.cloudwatch"]}, True), ({"source": ["aws.ec2"]}, False)],
    ids=["its", "another"],
)
def test_whether_a_pattern_matches_can_be_asked(client, pattern, matches):
    event = {"id": "1", "source": "aws.cloudwatch", "detail-type": "a", "detail": {}}

    answer = client("events").test_event_pattern(
        EventPattern=json.dumps(pattern), Event=json.dumps(event)
    )

    assert answer["Result"] is matches


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("eu-west-1", "EU (Ireland)"),
        ("us-east-1", "US East (N. Virginia)"),
        ("ap-southeast-1", "Asia Pacific (Singapore)"),
        ("cn-north-1", "China (Beijing)"),
        ("nowhere", "nowhere"),
    ],
)
def test_messages_name_the_region_as_aws_does(region, name):
    assert alarming.region_name(region) == name


def test_moto_is_as_it_comes_outside_of_the_account():
    """Other tests of the process are on moto alone."""
    from moto.cloudwatch.responses import CloudWatchResponse  # noqa: PLC0415

    with aws_in_process():
        assert hasattr(CloudWatchResponse, "put_composite_alarm")

    assert not hasattr(CloudWatchResponse, "put_composite_alarm")
    assert CloudWatchResponse.describe_alarms.__module__ == "moto.cloudwatch.responses"
    assert alarming.Alarm.update_state.__module__ == "moto.cloudwatch.models"
