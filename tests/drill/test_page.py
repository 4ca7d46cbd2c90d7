"""A page that is practised: what it says, what it leaves, and whatever interrupts it."""

import re
import signal

import pytest

from surgeproof.review.log import Kind, read
from tests.drill.conftest import (
    CHILD,
    ESCALATION,
    PAGE,
    RETURNS_WITHIN,
    TOPIC,
    drill_queues,
    end,
    open_alarms,
    received,
    states,
    subscribed_queue,
    subscribers,
    wait_until,
)

PEOPLE = ["on-call@surgeproof.test", "https://tool.test/key-of-a-tool"]
TOPIC_NAME = "surgeproof-local-alerts-page"


def generalised(text):
    """Replace what differs between two drills."""
    text = re.sub(r"\b[0-9a-f]{8}\b", "ID", text)
    return re.sub(r"after \d+\.\d s", "after N s", text)


@pytest.fixture
def waiting(stage):
    """A drill that waits in vain: at a queue whose messages somebody else's filter keeps away."""
    url = subscribed_queue(stage.client, TOPIC, "filtered")
    sns = stage.client("sns")
    for each in sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
        if each["Endpoint"].endswith(":filtered"):
            sns.set_subscription_attributes(
                SubscriptionArn=each["SubscriptionArn"],
                AttributeName="FilterPolicy",
                AttributeValue='{"kind": ["none"]}',
            )
    yield lambda *words: stage.started("--queue", "filtered", "--timeout", "60", *words)
    stage.client("sqs").delete_queue(QueueUrl=url)


def assert_nothing_is_left(stage, *, others=()):
    assert open_alarms(stage.client) == []
    assert drill_queues(stage.client) == []
    assert subscribers(stage.client) == [*PEOPLE, *others]


def test_a_drill_pages_waits_and_sets_back(stage):
    code, out, err = stage.drill("--by", "on-call")

    assert (code, err) == (0, "")
    assert generalised(out).splitlines() == [
        f"Drill ID: {CHILD} goes to ALARM, and {PAGE} tells {TOPIC_NAME}.",
        f"{TOPIC_NAME}: email on-call@surgeproof.test",
        f"{TOPIC_NAME}: https [hidden]",
        f"{ESCALATION} waits for 1800 s before it acts; the drill is over before.",
        "Listening at queue surgeproof-drill-ID of the drill's own.",
        f"{CHILD}: OK -> ALARM.",
        f"{PAGE}: the message arrived after N s.",
        f"{CHILD}: ALARM -> OK.",
        "Recorded in reviews/log.jsonl.",
    ]
    assert_nothing_is_left(stage)
    (record,) = read(stage.root)
    assert (record.kind, record.subject, record.stack) == (Kind.DRILL, PAGE, "local")
    assert (record.role, record.passed) == ("on-call", True)
    assert 0 < record.delay_seconds < 60
    assert record.note == f"drill {out[6:14]} of {CHILD}"


def test_a_message_that_does_not_come_in_time_is_a_failed_drill(stage, waiting):
    code, out, err = stage.drill("--queue", "filtered", "--timeout", "1", "--by", "on-call")

    assert code == 1
    assert generalised(err) == (
        f"error: drill ID: the message of {PAGE} must arrive within 1 s, did not\n"
    )
    assert out.splitlines()[-1] == f"{CHILD}: ALARM -> OK."
    assert open_alarms(stage.client) == []
    (record,) = read(stage.root)
    assert (record.passed, record.delay_seconds) == (False, None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_drill_sets_back(stage, waiting, number):
    process = waiting()

    code, out, err = end(process, number)

    assert code == 130
    assert err == "interrupted; run it again to go on\n"
    assert out.splitlines()[-1] == f"{CHILD}: ALARM -> OK."
    assert open_alarms(stage.client) == []
    assert read(stage.root) == ()


def test_a_drill_whose_reader_has_ended_sets_back(stage, waiting):
    process = waiting()

    process.stdout.close()

    assert process.wait(timeout=60) == 141
    assert open_alarms(stage.client) == []


def test_signals_do_not_cut_the_end_short(stage, waiting):
    process = waiting()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)

    code, _, _ = end(process, signal.SIGHUP)

    assert code == 130
    assert open_alarms(stage.client) == []


def test_one_that_is_interrupted_early_leaves_no_queue(stage):
    process = stage.start()
    wait_until(lambda: drill_queues(stage.client) or process.poll() is not None, 40)

    code, _, _ = end(process, signal.SIGINT)

    assert code == 130
    assert_nothing_is_left(stage)


def test_after_a_kill_the_alarm_returns_by_itself(stage, waiting):
    process = waiting()
    process.send_signal(signal.SIGKILL)
    process.communicate()

    wait_until(lambda: states(stage.client)[CHILD] == "OK", RETURNS_WITHIN)

    assert open_alarms(stage.client) == []


def test_a_second_drill_at_the_same_time_leaves_the_first_alone(stage, waiting):
    process = waiting()

    code, out, err = stage.drill()

    assert (code, out) == (2, "")
    assert re.fullmatch(
        rf"error: alarm {CHILD}: must not be in another drill, got drill [0-9a-f]{{8}}, which ends "
        r"by \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n",
        err,
    )
    assert states(stage.client)[CHILD] == "ALARM"
    end(process)


def test_a_damaged_log_is_said_before_anybody_is_paged(stage):
    (stage.root / "reviews").mkdir(exist_ok=True)
    (stage.root / "reviews" / "log.jsonl").write_text("nonsense\n")
    heard = subscribed_queue(stage.client, TOPIC)

    code, out, err = stage.drill()

    assert (code, out) == (2, "")
    assert err.startswith("error: the log of drills: ")
    assert err.count("\n") == 1
    assert received(stage.client, heard) == []
