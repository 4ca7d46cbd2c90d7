"""The permissions that the documentation gives are those that a drill needs, and no more."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from surgeproof.operations.drills import hearing
from surgeproof.operations.drills.calls import Calls
from surgeproof.operations.drills.page import PageDrill
from tests.drill.conftest import ACCOUNT, CHILD, REGION, TOPIC, make_stack, subscribed_queue

PAGE = Path(__file__).parents[2] / "docs" / "drills.md"
WITHOUT_A_CALL = {"sqs:TagQueue"}
"""What CreateQueue needs for the tags in it."""


class Recorded(Calls):
    """Notes what is asked for."""

    def __init__(self, clients):
        super().__init__(clients)
        self.made = set()

    def __call__(self, service, operation, resource="*", **members):
        self._note(service, operation, resource)
        return super().__call__(service, operation, resource, **members)

    def pages(self, service, operation, key, resource="*", **members):
        self._note(service, operation, resource)
        if operation == "describe_auto_scaling_groups":
            yield {"AutoScalingGroupName": "web"}  # moto would want a whole group
        else:
            yield from super().pages(service, operation, key, resource, **members)

    def _note(self, service, operation, resource):
        action = "".join(word.capitalize() for word in operation.split("_"))
        known = resource.replace(":*:*:", f":{REGION}:{ACCOUNT}:")  # a queue by its name alone
        self.made.add((f"{service}:{action}", known))


@pytest.fixture
def made(aws_without_images, monkeypatch):
    """What drills ask for that do all that one can."""
    monkeypatch.setattr(hearing, "_PAUSE_SECONDS", 0)
    aws = aws_without_images
    make_stack(aws, url=None)
    subscribed_queue(aws, TOPIC, "pages")
    events, sqs = aws("events"), aws("sqs")
    events.put_rule(Name="any", EventPattern='{"source": ["aws.cloudwatch"]}')
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/any"
    events.put_targets(Rule="any", Targets=[{"Id": "1", "Arn": log}])
    past = {"surgeproof:drill": "surgeproof/local 2026-01-01T00:00:00Z"}
    sqs.create_queue(QueueName="surgeproof-drill-1", tags=past)
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:surgeproof-drill-1"
    aws("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)
    real = json.dumps({"AlarmName": "real"})
    aws("sns").publish(TopicArn=TOPIC, Message=real, Subject="real")
    calls = Recorded(aws)
    practice = PageDrill(calls, "surgeproof", "local", at_once=True)
    practice.heal()
    for queue in (None, "pages"):
        practice.run(practice.plan(CHILD, queue=queue), lambda _: None)
    return calls.made


def statements():
    (document,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for each in json.loads(document)["Statement"]:
        actions = each["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            yield action, each["Resource"].replace("surgeproof-prod-", "surgeproof-local-")


def test_the_policy_allows_each_call_and_nothing_else(made):
    allowed = set(statements())

    refused = {
        (action, resource)
        for action, resource in made
        if not any(action == name and fnmatchcase(resource, on) for name, on in allowed)
    }
    unused = {
        (name, on)
        for name, on in allowed
        if not any(action == name and fnmatchcase(resource, on) for action, resource in made)
    }

    assert refused == set()
    assert {name for name, _ in unused} == WITHOUT_A_CALL
