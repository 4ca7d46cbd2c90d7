"""A small stack with a page on surges, on the embedded AWS as `up` starts it, without an engine."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.security.conftest import REGION, Embedded, up

STACK = "surgeproof-local-"
CHILD = f"{STACK}web-request-surge-fast-critical"
SECOND = f"{STACK}web-slow-responses-critical"
PAGE = f"{STACK}web-surge-critical"
ESCALATION = f"{STACK}web-escalation-critical"
HOLD = f"{STACK}web-escalation-hold-info"
ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK}alerts-page"
INFO = f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK}alerts-info"
NEXT = f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK}alerts-escalation"
RETURNS_WITHIN = 25
"""Time in which the embedded AWS returns a metric alarm (seconds), on a busy machine."""


def alarm_arn(name):
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"


def metric_alarm(client, name, **changes):
    client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name,
            "AlarmDescription": "Requests rise.",
            "Namespace": "AWS/ApplicationELB",
            "MetricName": "RequestCountPerTarget",
            "Dimensions": [{"Name": "TargetGroup", "Value": "targetgroup/web/1"}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "Threshold": 100.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [INFO],
            **changes,
        }
    )


def composite_alarm(client, name, rule, topic, **changes):
    client("cloudwatch").put_composite_alarm(
        AlarmName=name,
        AlarmRule=rule,
        **{"AlarmDescription": "SURGE: demand.", "AlarmActions": [topic], **changes},
    )


def make_stack(client, *, url="https://tool.test/key-of-a-tool"):
    """Make the stack, or make it anew: pages that nobody has touched."""
    cloudwatch, sns = client("cloudwatch"), client("sns")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    names = [
        each["AlarmName"]
        for page in pages
        for each in (*page["MetricAlarms"], *page["CompositeAlarms"])
    ]
    cloudwatch.delete_alarms(AlarmNames=names)
    for each in sns.list_topics()["Topics"]:
        sns.delete_topic(TopicArn=each["TopicArn"])
    for each in client("sqs").list_queues().get("QueueUrls", []):
        client("sqs").delete_queue(QueueUrl=each)
    for arn in (TOPIC, INFO, NEXT):
        sns.create_topic(Name=arn.rpartition(":")[2])
    sns.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint="on-call@surgeproof.test")
    if url:
        sns.subscribe(TopicArn=TOPIC, Protocol="https", Endpoint=url)
    metric_alarm(client, CHILD)
    metric_alarm(client, SECOND)
    rule = f'ALARM("{CHILD}") OR ALARM("{SECOND}")'
    composite_alarm(client, PAGE, rule, TOPIC, OKActions=[TOPIC])
    composite_alarm(client, HOLD, "FALSE", INFO)
    composite_alarm(
        client,
        ESCALATION,
        f'ALARM("{CHILD}") OR ALARM("{SECOND}")',
        NEXT,
        ActionsSuppressor=HOLD,
        ActionsSuppressorWaitPeriod=1800,
        ActionsSuppressorExtensionPeriod=60,
    )


def states(client):
    answer = client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    found = (*answer["MetricAlarms"], *answer["CompositeAlarms"])
    return {each["AlarmName"]: each["StateValue"] for each in found}


def open_alarms(client):
    return sorted(name for name, state in states(client).items() if state == "ALARM")


def subscribed_queue(client, topic, name="heard"):
    """Return the URL of a queue that hears a topic."""
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    )
    return url


def received(client, url):
    """Take what a queue holds: the envelopes' subjects and the messages in them."""
    found = []
    while (
        held := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
    ):
        for each in held:
            client("sqs").delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            envelope = json.loads(each["Body"])
            found.append((envelope["Subject"], json.loads(envelope["Message"])))
    return found


def drill_queues(client):
    return client("sqs").list_queues(QueueNamePrefix="surgeproof-drill-").get("QueueUrls", [])


def subscribers(client, topic=TOPIC):
    found = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return [each["Endpoint"] for each in found]


def wait_until(holds, seconds=20):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


@dataclass
class Stage:
    """The stack and the command."""

    root: Path
    embedded: Embedded

    @property
    def client(self):
        return self.embedded.client

    def start(self, *words, **more):
        """Start `surgeproof drill page`."""
        return subprocess.Popen(
            [sys.executable, "-m", "surgeproof", "drill", "page", *words],
            cwd=self.root,
            env={
                **{name: text for name, text in os.environ.items() if not name.startswith("AWS_")},
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def drill(self, *words):
        """Run it to its end; return exit code, stdout and stderr."""
        process = self.start(*words)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def started(self, *words):
        """Start one that waits in vain, once the alarm is in ALARM."""
        process = self.start(*words)
        wait_until(lambda: states(self.client)[CHILD] == "ALARM" or process.poll() is not None, 40)
        assert process.poll() is None, process.communicate()
        return process


@pytest.fixture(scope="session")
def embedded_stage(tmp_path_factory):
    root = tmp_path_factory.mktemp("stage")
    with up(root) as embedded:
        yield Stage(root, embedded)


@pytest.fixture
def stage(embedded_stage):
    make_stack(embedded_stage.client)
    yield embedded_stage
    log = embedded_stage.root / "reviews" / "log.jsonl"
    log.unlink(missing_ok=True)


def end(process, number=signal.SIGTERM):
    """End a command; return exit code, stdout and stderr."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
