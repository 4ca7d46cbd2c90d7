"""What of a stack was not read is said, and what it only looks up is judged by nobody."""

import pytest

from surgeproof.findings import Kind
from surgeproof.findings.forms import FORMS, shown
from surgeproof.policies import pack, runner
from surgeproof.policies._settings import Settings

URN = "urn:pulumi:prod::shop::{}::{}"
PLAIN = {"protocol": "HTTP", "port": 80, "loadBalancerArn": "arn", "defaultActions": []}


def of(type_, name="it", **more):
    return {"urn": URN.format(type_, name), "type": type_, "custom": True, "id": name, **more}


def said(*resources):
    found = runner.entries({"deployment": {"resources": list(resources)}})
    summary = runner.check(found, pack.AREAS, Settings())
    return [at.message for at in summary.findings if at.rule == "not-read"], summary


@pytest.mark.parametrize(
    ("resource", "what"),
    [
        (of("aws-native:rds:DBInstance"), "resources of aws-native (1)"),
        (of("aws:cloudformation/stack:Stack"), "what CloudFormation stacks make (1)"),
        (of("aws:elb/loadBalancer:LoadBalancer"), "Classic Load Balancers (1)"),
        (of("kubernetes:apps/v1:Deployment"), "resources of kubernetes (1)"),
        (of("vpc:index:Module"), "resources of vpc (1)"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_what_no_rule_reads_is_said(resource, what):
    queue = of("aws:sqs/queue:Queue", inputs={"kmsMasterKeyId": "key"})

    (message,), summary = said(resource, queue)

    assert message == f"1 of 2 resources were read; not read: {what}."
    assert summary.counted(Kind.UNDECIDED) >= 1


@pytest.mark.parametrize(
    "resource",
    [
        of("pulumi:providers:aws"),
        of("random:index/randomId:RandomId"),
        of("shop:index:Part", custom=False),
        of("aws-native:rds:DBInstance", external=True),
        of("aws:ecs/service:Service"),
    ],
    ids=lambda value: value["type"],
)
def test_what_is_read_or_is_nothing_on_aws_needs_no_word(resource):
    assert said(resource)[0] == []


def test_it_is_said_how_many_resources_were_judged():
    queues = [of("aws:sqs/queue:Queue", name) for name in "ab"]
    role = of("aws:terraform:aws_iam_role", "aws_iam_role.it")
    topic = of("aws:sns/topic:Topic", inputs={"kmsMasterKeyId": "key"})

    assert said(*queues, role, topic)[1].judged == (
        "1 of 4 resources were judged; not aws:sqs/queue:Queue (2), aws_iam_role (1)."
    )
    assert said(topic)[1].judged == "1 of 1 resources were judged."
    assert said(topic | {"external": True})[1].judged == (
        "0 of 0 resources were judged; 1 only looked up."
    )


@pytest.mark.parametrize("form", FORMS)
def test_how_many_were_judged_is_said_in_every_form(form):
    topic = of("aws:sns/topic:Topic", inputs={"kmsMasterKeyId": "key"})

    text = shown(said(topic)[1], form, file="Pulumi.yaml")

    assert text.count("1 of 1 resources were judged.") == 1


def test_of_many_types_the_most_are_listed():
    others = [of(f"aws:x/t{number}:T", str(number)) for number in range(10)]

    assert said(*others)[1].judged.endswith("aws:x/t7:T (1), and 2 more types.")


def test_what_a_stack_only_looks_up_is_judged_by_nobody():
    listener = of("aws:lb/listener:Listener", "shared", inputs=PLAIN, outputs=PLAIN)

    assert said(listener)[1].findings[0].name == "shared"
    assert [at for at in said(listener | {"external": True})[1].findings if at.name] == []
