"""What a drill does, asked in this process: whom it chooses, what it refuses, what it leaves."""

import json
import re

import pytest
from botocore.exceptions import ClientError

from surgeproof.operations.drills import hearing
from surgeproof.operations.drills.calls import Calls, DrillError, RefusedError
from surgeproof.operations.drills.page import NotArrivedError, PageDrill
from tests.drill.conftest import (
    ACCOUNT,
    CHILD,
    ESCALATION,
    HOLD,
    INFO,
    NEXT,
    PAGE,
    REGION,
    SECOND,
    STACK,
    TOPIC,
    composite_alarm,
    drill_queues,
    make_stack,
    metric_alarm,
    open_alarms,
    received,
    states,
    subscribed_queue,
    subscribers,
)

POLICY = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:1:autoScalingGroupName/web:steps"
STOP = f"arn:aws:automate:{REGION}:ec2:stop"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:act"


@pytest.fixture
def client(aws_without_images, monkeypatch):
    monkeypatch.setattr(hearing, "_PAUSE_SECONDS", 0)
    make_stack(aws_without_images, url=None)
    return aws_without_images


@pytest.fixture
def practice(client):
    return PageDrill(Calls(client), "surgeproof", "local", at_once=True)


@pytest.fixture
def lines():
    return []


def problems(practice, *named, **more):
    with pytest.raises(RefusedError) as refused:
        practice.plan(*named, **more)
    return str(refused.value).split("; alarm ")


def refused(practice, problem, *named, **more):
    """Assert that just this is refused, and that nothing was done."""
    before = states(practice.calls._clients)
    with pytest.raises(RefusedError, match=f"^{re.escape(problem)}$"):
        practice.plan(*named, **more)
    assert states(practice.calls._clients) == before
    assert drill_queues(practice.calls._clients) == []


def reason_of(client, name):
    answer = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return answer["StateReason"]


class TestChoosing:
    def test_without_a_name_it_is_one_that_opens_the_surge_page(self, practice):
        plan = practice.plan()

        assert (plan.name, plan.page.alarm, plan.page.topic) == (CHILD, PAGE, TOPIC)

    def test_one_that_scales_is_left_out_where_another_does_not(self, client, practice):
        metric_alarm(client, CHILD, AlarmActions=[INFO, POLICY])

        assert practice.plan().name == SECOND

    def test_one_that_opens_no_page_alone_is_left_out(self, client, practice):
        rule = f'(ALARM("{CHILD}") AND ALARM("gone")) OR ALARM("{SECOND}")'
        composite_alarm(client, PAGE, rule, TOPIC)

        assert practice.plan().name == SECOND

    @pytest.mark.parametrize(
        "named", [SECOND, "web-slow-responses-critical", "slow-responses-critical"]
    )
    def test_a_name_may_leave_out_what_all_have(self, practice, named):
        if named.startswith("web-"):
            refused(
                practice,
                f"alarm: must be one of {CHILD}, {SECOND}, got 'web-slow-responses-critical'",
                named,
            )
        else:
            assert practice.plan(named).name == SECOND

    def test_an_alarm_of_a_stack_whose_name_begins_alike_is_not_it(self, client, practice):
        client("cloudwatch").delete_alarms(AlarmNames=[PAGE])
        composite_alarm(client, f"{STACK}eu-web-surge-critical", f'ALARM("{CHILD}")', TOPIC)

        refused(
            practice,
            "alarm: must be given, since there is no composite alarm surgeproof-local-*-surge-"
            "critical; `surgeproof drill page ALARM` names one",
        )

    def test_a_composite_alarm_is_refused_with_those_below_it(self, practice):
        refused(
            practice,
            f"alarm {PAGE}: must be a metric alarm, got a composite one, which AWS does not "
            f"promise to return to its actual state; an alarm below it opens it: {CHILD}, {SECOND}",
            PAGE,
        )


class TestHarm:
    def test_a_real_alarm_is_refused_with_the_pages_that_it_opens(self, client, practice):
        client("cloudwatch").set_alarm_state(
            AlarmName=SECOND, StateValue="ALARM", StateReason="real"
        )

        found = problems(practice, CHILD)

        must = "must be in OK or INSUFFICIENT_DATA, got ALARM: it is real"
        assert found == [f"alarm {PAGE}: {must}", f"{ESCALATION}: {must}"]

    @pytest.mark.parametrize(
        ("action", "what"),
        [
            (POLICY, "a scaling policy, which changes the fleet"),
            (STOP, "an EC2 action, which stops, ends, reboots or recovers an instance"),
            (FUNCTION, "a function, which runs"),
            (f"arn:aws:ssm:{REGION}:{ACCOUNT}:opsitem:3", "an OpsItem of Systems Manager"),
            (f"arn:aws:new:{REGION}:{ACCOUNT}:thing", "unknown"),
        ],
        ids=["scaling", "ec2", "function", "ssm", "unknown"],
    )
    def test_an_action_that_is_no_topic_is_refused_unless_named(
        self, client, practice, action, what
    ):
        metric_alarm(client, CHILD, AlarmActions=[INFO, action])

        refused(
            practice,
            f"alarm {CHILD}: must have no action but SNS topics, got {action} ({what}); "
            f"--run-action {action} lets it run",
            CHILD,
        )
        assert practice.plan(CHILD, run_actions=[action]).name == CHILD

    @pytest.mark.parametrize("kind", ["OKActions", "InsufficientDataActions"])
    def test_what_an_alarm_does_on_the_way_back_is_refused_too(self, client, practice, kind):
        metric_alarm(client, CHILD, **{kind: [STOP]})

        assert len(problems(practice, CHILD)) == 1

    def test_an_action_far_above_is_refused(self, client, practice):
        composite_alarm(client, "over", f'ALARM("{ESCALATION}")', INFO, OKActions=[FUNCTION])

        refused(
            practice,
            f"alarm over: must have no action but SNS topics, got {FUNCTION} (a function, which "
            f"runs); --run-action {FUNCTION} lets it run",
            CHILD,
        )

    def test_disabled_actions_are_refused(self, client, practice):
        client("cloudwatch").disable_alarm_actions(AlarmNames=[PAGE])

        refused(
            practice,
            f"alarm {PAGE}: must have its actions enabled, got disabled: it sends nothing",
            CHILD,
        )

    def test_a_topic_without_a_confirmed_subscription_is_refused(self, client, practice):
        for each in client("sns").list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
            client("sns").unsubscribe(SubscriptionArn=each["SubscriptionArn"])

        refused(
            practice,
            "topic surgeproof-local-alerts-page: must have a confirmed subscription, got none: "
            "nobody would get the page",
        )

    def test_an_alarm_that_tells_nobody_is_refused(self, client, practice):
        metric_alarm(client, "silent", AlarmActions=[])

        refused(
            practice,
            "alarm silent: must make an alarm send to a topic, got none: neither its own actions "
            "nor those of an alarm above it do",
            "silent",
        )

    def test_a_drill_as_long_as_the_wait_of_the_escalation_is_refused(self, client, practice):
        composite_alarm(
            client,
            ESCALATION,
            f'ALARM("{CHILD}")',
            NEXT,
            ActionsSuppressor=HOLD,
            ActionsSuppressorWaitPeriod=120,
            ActionsSuppressorExtensionPeriod=60,
        )

        refused(
            practice,
            f"--timeout: must be less than 60 (seconds), after which {ESCALATION} would act, "
            "got 60",
            CHILD,
        )
        assert practice.plan(CHILD, timeout_seconds=59).timeout_seconds == 59

    @pytest.mark.parametrize(
        ("status", "is_refused"),
        [
            ("InProgress", True),
            ("Baking", True),
            ("RollbackSuccessful", False),
        ],
    )
    def test_an_alarm_that_a_refresh_under_way_watches_is_refused(
        self, client, practice, status, is_refused
    ):
        answers(
            practice,
            "autoscaling",
            describe_auto_scaling_groups={"AutoScalingGroups": [{"AutoScalingGroupName": "web"}]},
            describe_instance_refreshes=[
                {
                    "InstanceRefreshes": [{"InstanceRefreshId": "r-0", "Status": status}],
                    "NextToken": "more",
                },
                {
                    "InstanceRefreshes": [
                        {
                            "InstanceRefreshId": "r-1",
                            "Status": status,
                            "Preferences": {"AlarmSpecification": {"Alarms": [PAGE, "another"]}},
                        },
                    ]
                },
            ],
        )

        if is_refused:
            refused(
                practice,
                f"alarm {PAGE}: must not be watched by an instance refresh under way, got r-1 of "
                "web, which it would stop or roll back",
                CHILD,
            )
        else:
            assert practice.plan(CHILD).name == CHILD

    @pytest.mark.parametrize(
        ("pattern", "is_refused"),
        [
            ({"source": ["aws.cloudwatch"]}, True),
            ({"detail": {"alarmName": [{"prefix": "surgeproof-local-"}]}}, True),
            ({"detail": {"previousState": {"value": ["ALARM"]}}}, True),
            ({"detail": {"configuration": {"alarmRule": [{"exists": True}]}}}, True),
            ({"source": ["aws.ec2"]}, False),
            ({"source": ["aws.cloudwatch"], "detail": {"alarmName": ["another"]}}, False),
            ({"detail-type": ["EC2 Instance State-change Notification"]}, False),
        ],
        ids=["all", "prefix", "back", "composite", "ec2", "another", "type"],
    )
    def test_a_rule_on_its_events_with_a_target_that_acts_is_refused(
        self, client, practice, pattern, is_refused
    ):
        events = client("events")
        events.put_rule(Name="acts", EventPattern=json.dumps(pattern))
        log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/any"
        events.put_targets(
            Rule="acts", Targets=[{"Id": "1", "Arn": log}, {"Id": "2", "Arn": FUNCTION}]
        )

        if is_refused:
            refused(
                practice,
                "rule acts: must have no target but log groups, since it matches the drill's "
                f"events, got {FUNCTION}; --run-action {FUNCTION} lets it run",
                CHILD,
            )
            events.disable_rule(Name="acts")
        assert practice.plan(CHILD).name == CHILD

    def test_all_problems_come_at_once(self, client, practice):
        metric_alarm(client, CHILD, AlarmActions=[INFO, POLICY, STOP])
        client("cloudwatch").disable_alarm_actions(AlarmNames=[PAGE])

        assert len(problems(practice, CHILD)) == 3

    def test_who_is_silent_meanwhile_is_said(self, client, practice):
        composite_alarm(
            client,
            "burn",
            "FALSE",
            TOPIC,
            ActionsSuppressor=PAGE,
            ActionsSuppressorWaitPeriod=60,
            ActionsSuppressorExtensionPeriod=60,
        )

        assert "burn is silent until the drill is over." in practice.plan().told()


class _Answers:
    """A client whose answers are given."""

    def __init__(self, answers):
        self.answers = answers

    def get_paginator(self, operation):
        answer = self.answers[operation]
        return type("Pages", (), {"paginate": lambda _, **__: [answer]})()

    def __getattr__(self, operation):
        answer = self.answers[operation]

        def call(**members):
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, list):
                return answer[1 if "NextToken" in members else 0]
            return answer

        return call


def answers(practice, service, **given):
    """Let a service answer what moto cannot hold."""
    theirs = practice.calls._clients
    practice.calls._clients = lambda name: _Answers(given) if name == service else theirs(name)


def run(practice, lines, *named, **more):
    return practice.run(practice.plan(*named, **more), lines.append)


class TestDoing:
    def test_the_alarm_says_that_it_is_a_drill_and_when_it_is_over(self, client, practice, lines):
        heard = subscribed_queue(client, INFO, "info")

        done = run(practice, lines)

        ((_, message),) = received(client, heard)
        assert re.fullmatch(
            rf"DRILL {done.plan.id}: this is practice, set by surgeproof drill page until "
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\. The state before was OK\.",
            message["NewStateReason"],
        )
        assert reason_of(client, CHILD) == (
            f"DRILL {done.plan.id} is over: the state is OK again, as before."
        )

    def test_it_leaves_nothing(self, client, practice, lines):
        run(practice, lines)

        assert open_alarms(client) == []
        assert drill_queues(client) == []
        assert subscribers(client) == ["on-call@surgeproof.test"]

    def test_a_shared_queue_keeps_the_messages_of_others(self, client, practice, lines):
        url = subscribed_queue(client, TOPIC, "tool")
        real = json.dumps({"AlarmName": PAGE, "NewStateValue": "ALARM", "NewStateReason": "real"})
        client("sns").publish(TopicArn=TOPIC, Message=real, Subject="real")

        run(practice, lines, queue="tool")

        assert lines[0] == "Listening at queue tool."
        subjects = sorted(subject for subject, _ in received(client, url))
        assert subjects == [f'OK: "{PAGE}" in EU (Frankfurt)', "real"]

    def test_a_shared_queue_that_gets_plain_messages_is_heard_too(self, client, practice, lines):
        subscribed_queue(client, TOPIC, "tool")
        sns = client("sns")
        for each in sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
            sns.set_subscription_attributes(
                SubscriptionArn=each["SubscriptionArn"],
                AttributeName="RawMessageDelivery",
                AttributeValue="true",
            )

        assert run(practice, lines, queue="tool").delay_seconds < 60

    def test_a_queue_that_is_not_subscribed_is_refused(self, client, practice):
        subscribed_queue(client, TOPIC, "tool")

        refused(
            practice,
            "--queue: must be subscribed to topic surgeproof-local-alerts-page (queues there: "
            "tool), got 'another'",
            queue="another",
        )

    def test_a_queue_with_a_dead_letter_queue_is_refused(self, client, practice):
        url = subscribed_queue(client, TOPIC, "tool")
        client("sqs").create_queue(QueueName="dead")
        dead = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", "maxReceiveCount": 3}
        client("sqs").set_queue_attributes(
            QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(dead)}
        )

        refused(
            practice,
            "queue tool: must have no dead-letter queue, got one: it would count each look at "
            "other messages; leave --queue out for a queue of the drill's own",
            queue="tool",
        )

    def test_an_alarm_of_its_own_topic_needs_no_page(self, client, practice, lines):
        metric_alarm(client, "lonely", AlarmActions=[TOPIC])

        run(practice, lines, "lonely")

        assert re.fullmatch(r"lonely: the message arrived after \d+\.\d s\.", lines[2])

    def test_a_former_state_without_data_comes_again(self, client, practice, lines):
        client("cloudwatch").set_alarm_state(
            AlarmName=CHILD, StateValue="INSUFFICIENT_DATA", StateReason="new"
        )

        run(practice, lines, CHILD)

        assert lines[-1] == f"{CHILD}: ALARM -> INSUFFICIENT_DATA."
        assert states(client)[CHILD] == "INSUFFICIENT_DATA"

    def test_a_real_alarm_that_comes_before_it_begins_is_left_alone(self, client, practice, lines):
        plan = practice.plan(CHILD)
        client("cloudwatch").set_alarm_state(
            AlarmName=SECOND, StateValue="ALARM", StateReason="real"
        )
        with pytest.raises(
            RefusedError,
            match=rf"^alarm {PAGE}, {ESCALATION}: must be in OK or "
            "INSUFFICIENT_DATA, got ALARM meanwhile: it is real$",
        ):
            practice.run(plan, lines.append)

        assert states(client)[CHILD] == "OK"
        assert states(client)[SECOND] == "ALARM"
        assert drill_queues(client) == []

    def test_a_state_that_aws_has_evaluated_is_not_overwritten(
        self, client, practice, lines, monkeypatch
    ):
        """Between the message and the end a real one may come: it stays, and is said."""

        def look(wanted, theirs=hearing.OwnQueue.look):
            found = theirs(plan.hearing, wanted)
            client("cloudwatch").set_alarm_state(
                AlarmName=CHILD, StateValue="ALARM", StateReason="Threshold Crossed"
            )
            return found

        plan = practice.plan(CHILD)
        monkeypatch.setattr("surgeproof.operations.drills.page.SETTLE_SECONDS", 0.0)

        with pytest.raises(DrillError, match=rf"^alarm {CHILD}, .*: still in ALARM 0 s after"):
            practice.run(_with_hearing(plan, look), lines.append)

        assert reason_of(client, CHILD) == "Threshold Crossed"
        assert drill_queues(client) == []

    def test_what_cannot_be_set_back_is_said(self, client, practice, lines, monkeypatch):
        def only_to_alarm(arn, name, value, reason, data, theirs=practice._set):
            if value != "ALARM":
                raise DrillError("AWS: no way")
            theirs(arn, name, value, reason, data)

        monkeypatch.setattr(PageDrill, "_set", staticmethod(only_to_alarm))
        monkeypatch.setattr("surgeproof.operations.drills.page.SETTLE_SECONDS", 0.0)

        with pytest.raises(
            DrillError,
            match=f"^alarm {CHILD}: not set back: AWS: no way; AWS evaluates it again by itself; ",
        ):
            run(practice, lines)

        assert drill_queues(client) == []

    def test_a_message_that_does_not_come_is_a_failed_drill(self, client, practice, lines):
        plan = _with_hearing(practice.plan(timeout_seconds=0.1), lambda _: False)

        with pytest.raises(
            NotArrivedError,
            match=rf"^drill {plan.id}: the message of {PAGE} must arrive within 0.1 s, did not$",
        ):
            practice.run(plan, lines.append)

        assert open_alarms(client) == []

    def test_the_queue_of_a_drill_takes_messages_of_its_topic_only(self, client, practice):
        from datetime import UTC, datetime  # noqa: PLC0415

        plan = practice.plan()
        plan.hearing.open(datetime(2026, 11, 27, 9, 30, tzinfo=UTC))
        (url,) = drill_queues(client)

        held = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes = held["Attributes"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:surgeproof-drill-{plan.id}"
        assert json.loads(attributes["Policy"])["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
            }
        ]
        assert attributes["SqsManagedSseEnabled"] == "true"
        tags = client("sqs").list_queue_tags(QueueUrl=url)["Tags"]
        assert tags == {"surgeproof:drill": "surgeproof/local 2026-11-27T09:30:00Z"}
        plan.hearing.close()
        plan.hearing.close()
        assert drill_queues(client) == []


def _with_hearing(plan, look):
    """Let a plan's queue look in another way."""
    theirs = plan.hearing

    class Other:
        name = theirs.name

        def open(self, until):
            theirs.open(until)

        def look(self, wanted):
            return look(wanted)

        def close(self):
            theirs.close()

    made = object.__new__(type(plan))
    for each in plan.__dataclass_fields__:
        object.__setattr__(made, each, Other() if each == "hearing" else getattr(plan, each))
    return made


class TestHealing:
    def test_what_a_killed_drill_left_is_undone_and_said(self, client, practice):
        sqs, sns = client("sqs"), client("sns")
        client("cloudwatch").set_alarm_state(
            AlarmName=CHILD,
            StateValue="ALARM",
            StateReason="DRILL 11111111",
            StateReasonData=mark("OK", "2026-01-01T00:00:00Z"),
        )
        for name, tag in {
            "22222222": "surgeproof/local 2026-01-01T00:00:00Z",
            "33333333": "surgeproof/local 2999-01-01T00:00:00Z",
            "44444444": "surgeproof/prod 2026-01-01T00:00:00Z",
        }.items():
            sqs.create_queue(QueueName=f"surgeproof-drill-{name}", tags={"surgeproof:drill": tag})
        sqs.create_queue(QueueName="surgeproof-drill-66666666")
        for name in ("22222222", "33333333", "55555555"):
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:surgeproof-drill-{name}"
            sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)

        assert practice.heal() == [
            f"Drill 11111111 had left {CHILD} in ALARM: set back to OK.",
            "An earlier drill had left surgeproof-drill-22222222: taken away.",
            "An earlier drill had left surgeproof-drill-55555555: taken away.",
        ]
        assert open_alarms(client) == []
        left = sorted(each[-8:] for each in drill_queues(client))
        assert left == ["33333333", "44444444", "66666666"]
        assert [each[-8:] for each in subscribers(client)[1:]] == ["33333333"]
        assert practice.heal() == []

    def test_a_drill_under_way_is_left_alone(self, client, practice):
        client("cloudwatch").set_alarm_state(
            AlarmName=CHILD,
            StateValue="ALARM",
            StateReason="DRILL 11111111",
            StateReasonData=mark("OK", "2999-01-01T00:00:00Z"),
        )

        with pytest.raises(
            RefusedError,
            match=f"^alarm {CHILD}: must not be in another drill, got drill 11111111, which ends "
            "by 2999-01-01T00:00:00Z$",
        ):
            practice.heal()
        assert states(client)[CHILD] == "ALARM"

    @pytest.mark.parametrize(
        "data",
        ["{}", '{"surgeproofDrill": 1}', '{"surgeproofDrill": {"id": "1", "until": "soon"}}', "[]"],
    )
    def test_a_real_alarm_is_no_drill(self, client, practice, data):
        client("cloudwatch").set_alarm_state(
            AlarmName=CHILD, StateValue="ALARM", StateReason="real", StateReasonData=data
        )

        assert practice.heal() == []
        assert states(client)[CHILD] == "ALARM"


def mark(former, until):
    return json.dumps({"surgeproofDrill": {"id": "11111111", "former": former, "until": until}})


def denied(operation):
    return ClientError(
        {"Error": {"Code": "AuthorizationError", "Message": "not authorized"}}, operation
    )


def test_a_missing_permission_is_named(client, practice):
    rule = {"Name": "any", "State": "ENABLED", "EventPattern": "{}"}
    refusal = denied("TestEventPattern")
    answers(practice, "events", list_rules={"Rules": [rule]}, test_event_pattern=refusal)

    with pytest.raises(
        DrillError,
        match=r"^a permission is missing: events:TestEventPattern on \* \(AWS says: .*"
        r"not authorized\)$",
    ):
        practice.plan()
