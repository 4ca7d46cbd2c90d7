"""The pack's side of the engine's protocol."""

import contextvars
import io
import json
import queue
import sys
import threading
import time
from dataclasses import replace
from datetime import date

import grpc
import pulumi
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel, Severity

from surgeproof import peers
from surgeproof.findings.model import JUDGED
from surgeproof.policies import analyzer
from surgeproof.policies._rules import Mend, Need, PropertyRule, Setting, StackRule
from surgeproof.policies._values import SECRET, SIGNATURE, show

TOPIC = "aws:sns/topic:Topic"
STACK = "pulumi:pulumi:Stack"
URN = "urn:pulumi:dev::shop::{}::{}"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _references(stack, report):
    for topic in stack.of(frozenset({TOPIC})):
        target = stack.target(topic, "beside", frozenset({TOPIC}))
        if target is None and topic.read("beside") is not None and topic.made_of("beside"):
            report.wait_for(topic, "beside")
        if target is not None and "beside" not in topic.ignored:
            report.refuse(topic, "beside", f"not be {target.label}", show(topic.read("label")))
    if stack.settings["most"] < len(stack.of(frozenset({TOPIC}))):
        report.refuse(stack.resources[0], "all", "be fewer", "many")


KEY = PropertyRule(
    name="topic-key",
    description="Topics have keys.",
    severity=Severity.HIGH,
    control="SNS.4",
    sources=("CKV_AWS_26",),
    frameworks=("CIS 5.0.0 1.3",),
    fix="Set key.",
    types=frozenset({TOPIC}),
    needs=(Need("key", "be `own`", lambda key: key == "own"),),
    mends=(Mend("key", "own"),),
)
BESIDE = StackRule(
    name="topic-beside",
    description="Topics stand alone.",
    severity=Severity.LOW,
    enforcement=EnforcementLevel.ADVISORY,
    url="https://example.com/topics",
    fix="Unset beside.",
    types=frozenset({TOPIC}),
    check=_references,
    settings=(Setting(name="most", description="Most (topics).", default=9, high=10),),
)
AREAS = {"Topics": (KEY, BESIDE)}


def served(config=None, today=date(2026, 11, 25)):
    return analyzer.Analyzer("pack", "1.2.3", AREAS, config or {}, today=today)


def struct(properties):
    made = struct_pb2.Struct()
    made.update(properties)
    return made


def request(name, type_=TOPIC, ignored=(), **properties):
    return proto.AnalyzeRequest(
        type=type_,
        urn=URN.format(type_, name),
        name=name,
        properties=struct(properties),
        options=proto.AnalyzerResourceOptions(ignoreChanges=ignored),
    )


def resource(name, type_=TOPIC, ignored=(), made_of=None, **properties):
    return proto.AnalyzerResource(
        type=type_,
        urn=URN.format(type_, name),
        name=name,
        properties=struct(properties),
        options=proto.AnalyzerResourceOptions(ignoreChanges=ignored),
        propertyDependencies={
            key: proto.AnalyzerPropertyDependencies(urns=urns)
            for key, urns in (made_of or {}).items()
        },
    )


def configured(**levels):
    asked = proto.ConfigureAnalyzerRequest()
    for name, level in levels.items():
        asked.policyConfig[name.replace("_", "-")].enforcementLevel = level
    return asked


def said(response):
    return [
        (at.policyName, at.enforcementLevel, at.urn.rpartition("::")[2], at.message.split("\n")[1])
        for at in response.diagnostics
        if at.policyName != JUDGED
    ]


def test_what_the_pack_tells_of_itself():
    info = served({"policies:rules": '{"topic-beside": {"most": 4}}'}).GetAnalyzerInfo(None, None)

    assert (info.name, info.version, info.supportsConfig) == ("pack", "1.2.3", True)
    assert [(at.name, at.enforcementLevel, at.policy_type) for at in info.policies] == [
        ("topic-key", proto.MANDATORY, proto.POLICY_TYPE_RESOURCE),
        ("topic-beside", proto.ADVISORY, proto.POLICY_TYPE_STACK),
        ("policy-pack", proto.MANDATORY, proto.POLICY_TYPE_RESOURCE),
        ("policy-settings", proto.MANDATORY, proto.POLICY_TYPE_RESOURCE),
        ("exemption-expired", proto.MANDATORY, proto.POLICY_TYPE_RESOURCE),
        ("exemption-unused", proto.ADVISORY, proto.POLICY_TYPE_STACK),
        ("not-decided", proto.ADVISORY, proto.POLICY_TYPE_RESOURCE),
        ("not-decided-across-resources", proto.ADVISORY, proto.POLICY_TYPE_STACK),
        ("surges", proto.ADVISORY, proto.POLICY_TYPE_STACK),
        ("resources-judged", proto.ADVISORY, proto.POLICY_TYPE_STACK),
    ]
    assert all(at.description.endswith(".") for at in info.policies)
    key, beside = info.policies[:2]
    assert json_format.MessageToDict(key) == {
        "name": "topic-key",
        "description": "Topics have keys.",
        "enforcementLevel": "MANDATORY",
        "policyType": "POLICY_TYPE_RESOURCE",
        "severity": "POLICY_SEVERITY_HIGH",
        "tags": ["SNS.4", "CKV_AWS_26", "CIS 5.0.0 1.3"],
        "remediationSteps": "Set key.",
        "url": KEY.link,
        "framework": {
            "name": "AWS Foundational Security Best Practices",
            "reference": "SNS.4",
        },
    }
    assert beside.url == "https://example.com/topics"
    assert not beside.HasField("framework")
    assert list(beside.tags) == []
    assert json_format.MessageToDict(beside.configSchema) == {
        "properties": {
            "most": {
                "type": "integer",
                "minimum": 0,
                "maximum": 10,
                "default": 4,
                "description": "Most (topics).",
            }
        }
    }


def test_version_of_the_plugin():
    assert served().GetPluginInfo(None, None).version == "1.2.3"


def test_a_violation_as_the_engine_gets_it():
    (found,) = served().Analyze(request("web", key="aws"), None).diagnostics

    assert json_format.MessageToDict(found) == {
        "policyName": "topic-key",
        "policyPackName": "pack",
        "policyPackVersion": "1.2.3",
        "description": "Topics have keys.",
        "message": "Topics have keys.\n`key` must be `own`, got `aws`.\nTo fix: Set key.",
        "enforcementLevel": "MANDATORY",
        "urn": URN.format(TOPIC, "web"),
        "severity": "POLICY_SEVERITY_HIGH",
    }


def test_a_note_as_the_engine_gets_it():
    (found,) = served().Analyze(request("web", key=UNKNOWN_TEXT), None).diagnostics

    assert found.policyName == "not-decided"
    assert found.enforcementLevel == proto.ADVISORY
    assert found.severity == proto.POLICY_SEVERITY_UNSPECIFIED
    assert found.message == (
        f"{found.description}\ntopic-key (high): not decided: `key` is known only during `up`, "
        "which decides."
    )
    assert found.description.startswith("A rule could not be decided.")


def test_a_secret_is_judged_and_not_told():
    secret = {SIGNATURE: SECRET, "value": "hunter2"}

    (found,) = served().Analyze(request("web", key=secret), None).diagnostics

    assert "got a secret." in found.message
    assert "hunter2" not in found.message


def test_the_engine_s_levels_have_the_last_word():
    pack = served()

    pack.Configure(configured(topic_key=proto.ADVISORY, all=proto.MANDATORY), None)
    pack.ConfigureStack(None, None)

    assert said(pack.Analyze(request("web"), None)) == [
        ("topic-key", proto.ADVISORY, "web", "`key` must be `own`, got nothing.")
    ]


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        ({}, 1),
        ({"topic_beside": proto.DISABLED}, 1),
        ({"topic_beside": proto.DISABLED, "topic_alone": proto.DISABLED}, 0),
        ({"topic_kei": proto.ADVISORY}, 0),
    ],
    ids=["both-are-on", "one-is-on", "none-is-on", "wrong-settings"],
)
def test_rules_prepare_once_while_the_engine_gathers_resources(asked, times):
    prepared = queue.Queue()
    beside = replace(BESIDE, prepare=lambda: prepared.put(pulumi.get_stack()))
    rules = (beside, replace(beside, name="topic-alone"), KEY)
    pack = analyzer.Analyzer("pack", "1.2.3", {"Topics": rules}, {}, today=date(2026, 11, 25))

    pack.Configure(configured(**asked), None)
    for thread in threading.enumerate():
        if thread.name == "prepare":
            thread.join()

    assert [prepared.get_nowait() for _ in range(prepared.qsize())] == [pulumi.get_stack()] * times


def test_the_engine_s_own_settings_of_a_rule_count():
    asked = configured(topic_beside=proto.ADVISORY)
    asked.policyConfig["topic-beside"].properties.update({"most": 1})
    pack = served()

    pack.Configure(asked, None)
    found = pack.AnalyzeStack(
        proto.AnalyzeStackRequest(resources=[resource("a"), resource("b")]), None
    )

    assert said(found) == [("topic-beside", proto.ADVISORY, "a", "`all` must be fewer, got many.")]


def test_what_is_not_decided_keeps_its_level():
    pack = served()

    pack.Configure(configured(not_decided=proto.MANDATORY, exemption_unused=proto.DISABLED), None)

    assert [level for _, level, *_ in said(pack.Analyze(request("web", key=UNKNOWN_TEXT), None))]
    assert said(pack.Analyze(request("web", key=UNKNOWN_TEXT), None))[0][1] == proto.ADVISORY
    assert said(pack.Analyze(request("s", STACK), None)) == []


def test_wrong_settings_are_told_on_the_stack_and_nothing_else_is_judged():
    pack = served({"policies:preset": "stict"})
    pack.Configure(configured(topic_kei=proto.ADVISORY), None)

    found = pack.Analyze(request("shop-dev", STACK), None).diagnostics
    resource_response = pack.Analyze(request("web", key="aws"), None)
    together = pack.AnalyzeStack(proto.AnalyzeStackRequest(resources=[resource("a")] * 20), None)
    mended = pack.Remediate(request("web", key="aws"), None)

    assert {(at.policyName, at.enforcementLevel, at.urn) for at in found} == {
        ("policy-settings", proto.MANDATORY, URN.format(STACK, "shop-dev"))
    }
    why = "The settings of the policies can be read and make sense."
    assert [at.message for at in found] == [
        f"{why}\npolicies:preset: must be one of default, strict, advisory, got 'stict'",
        (
            f"{why}\n--policy-pack-config: topic-kei: must be a rule that exists "
            "(nearest: topic-key), got 'topic-kei'"
        ),
    ]
    assert [*resource_response.diagnostics, *together.diagnostics, *mended.remediations] == []


def test_an_exemption_that_has_ended_is_told_on_the_stack_before_anything_is_made():
    exemption = {"rule": "topic-key", "reason": "soon", "until": "2026-11-24"}
    pack = served({"policies:exemptions": json.dumps([exemption])})

    found = said(pack.Analyze(request("shop-dev", STACK), None))

    assert [(name, level, urn) for name, level, urn, _ in found] == [
        ("exemption-expired", proto.MANDATORY, "shop-dev")
    ]


def test_without_a_date_today_counts():
    exemption = {"rule": "topic-key", "reason": "soon", "until": "2020-01-01"}
    config = {"policies:exemptions": json.dumps([exemption])}

    found = served(config, today=None).Analyze(request("shop-dev", STACK), None)

    assert [at.policyName for at in found.diagnostics] == ["exemption-expired"]


def test_resources_together_with_what_they_refer_to():
    pack = served()
    a, b = URN.format(TOPIC, "a"), URN.format(TOPIC, "outside")
    resources = [
        resource("shop-dev", STACK),
        resource("a", key="own"),
        resource("b", label="two", beside=UNKNOWN_TEXT, made_of={"beside": [a, b]}),
        resource("c", beside=UNKNOWN_TEXT, made_of={"beside": [a]}, ignored=["beside"]),
        resource("d", beside=UNKNOWN_TEXT),
    ]

    found = said(pack.AnalyzeStack(proto.AnalyzeStackRequest(resources=resources), None))

    assert found == [
        ("topic-beside", proto.ADVISORY, "b", "`beside` must not be Topic `a`, got `two`.")
    ]


def test_an_exemption_of_no_use_is_told_on_the_stack():
    exemption = {"rule": "topic-key", "reason": "soon", "until": "2999-01-01"}
    pack = served({"policies:exemptions": json.dumps([exemption])})
    resources = [resource("web"), resource("shop-dev", STACK)]

    found, judged = pack.AnalyzeStack(
        proto.AnalyzeStackRequest(resources=resources), None
    ).diagnostics

    assert (found.policyName, found.urn) == ("exemption-unused", URN.format(STACK, "shop-dev"))
    assert (judged.policyName, judged.enforcementLevel) == (JUDGED, proto.ADVISORY)
    assert judged.message.splitlines()[1] == "0 of 0 resources were judged."


def test_properties_of_types_that_no_rule_reads_are_left_out():
    (ours, other) = analyzer.resources_of(
        [resource("a", key="own"), resource("b", "aws:s3/bucket:Bucket", key="x")],
        frozenset({TOPIC}),
    )

    assert (ours.properties, other.properties) == ({"key": "own"}, {})
    assert (ours.name, ours.type, ours.urn) == ("a", TOPIC, URN.format(TOPIC, "a"))


def test_remediation_returns_all_properties_with_their_marks():
    pack = served({"policies:rules": '{"topic-key": "remediate"}'})
    secret = {SIGNATURE: SECRET, "value": "hunter2"}
    asked = request("web", key="aws", password=secret, later=UNKNOWN_TEXT, n=1, flag=True, l=["x"])

    (done,) = pack.Remediate(asked, None).remediations

    assert json_format.MessageToDict(done) == {
        "policyName": "topic-key",
        "policyPackName": "pack",
        "policyPackVersion": "1.2.3",
        "description": "Topics have keys.",
        "properties": {
            "key": "own",
            "password": secret,
            "later": UNKNOWN_TEXT,
            "n": 1.0,
            "flag": True,
            "l": ["x"],
        },
    }


def test_no_remediation_where_nothing_is_wrong():
    pack = served({"policies:rules": '{"topic-key": "remediate"}'})

    assert list(pack.Remediate(request("web", key="own"), None).remediations) == []


def test_the_engine_reaches_the_pack_by_the_port_that_it_prints(monkeypatch):
    servers, printed = [], io.StringIO()
    make = peers.server

    def made(*args, **kwargs):
        servers.append(make(*args, **kwargs))
        return servers[0]

    monkeypatch.setattr(peers, "server", made)
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setenv("PULUMI_CONFIG", '{"policies:preset": "stict"}')
    thread = threading.Thread(target=analyzer.serve, args=("pack", "1.2.3", AREAS), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not printed.getvalue().endswith("\n") and time.monotonic() < deadline:
        time.sleep(0.01)
    # More than gRPC's own limit of 4 MiB in one message.
    large = [resource(f"n{number}", text="x" * 500_000) for number in range(12)]

    with grpc.insecure_channel(f"127.0.0.1:{printed.getvalue().strip()}") as channel:
        stub = analyzer_pb2_grpc.AnalyzerStub(channel)
        info = stub.GetAnalyzerInfo(empty_pb2.Empty())
        first = stub.Analyze(request("shop-dev", STACK))
        stub.AnalyzeStack(proto.AnalyzeStackRequest(resources=large))
    servers[0].stop(0)
    thread.join(10)

    assert (info.name, info.version) == ("pack", "1.2.3")
    assert [at.policyName for at in first.diagnostics] == ["policy-settings"]
    assert not thread.is_alive()


def test_rules_can_ask_the_sdk_for_the_stack_and_its_configuration(monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG", '{"asked:figure": "7"}')
    monkeypatch.setenv("PULUMI_PROJECT", "asked")
    monkeypatch.setenv("PULUMI_STACK", "dev")
    monkeypatch.setenv("PULUMI_DRY_RUN", "true")
    monkeypatch.setenv("PULUMI_ORGANIZATION", "we")

    def ask():
        analyzer.own_stack()
        here = (pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization())
        return (*here, pulumi.runtime.is_dry_run(), pulumi.Config().get("figure"))

    assert contextvars.copy_context().run(ask) == ("asked", "dev", "we", True, "7")


@pytest.mark.parametrize(
    ("preset", "level"), [("default", proto.MANDATORY), ("advisory", proto.ADVISORY)]
)
@pytest.mark.parametrize("broken", ["unpacked_map", "resources_of"])
def test_a_pack_that_cannot_read_what_it_is_given_says_so_and_stops(
    monkeypatch, broken, preset, level
):
    def cannot(*_):
        raise ValueError("hunter2")

    pack = served({"policies:preset": preset})
    monkeypatch.setattr(analyzer, broken, cannot)

    single = said(pack.Analyze(request("web", key="aws"), None))
    together = said(pack.AnalyzeStack(proto.AnalyzeStackRequest(resources=[resource("a")]), None))
    mended = pack.Remediate(request("web", key="aws"), None)

    found = [*(single if broken == "unpacked_map" else together)]
    assert [(name, at) for name, at, _, _ in found] == [("policy-pack", level)]
    assert found[0][3].startswith(
        "the pack failed and has judged nothing: ValueError in tests/policies/test_analyzer.py:"
    )
    assert "hunter2" not in found[0][3]
    assert len(mended.remediations) == 0


def test_a_level_that_cannot_be_taken_is_a_problem_of_the_settings(monkeypatch):
    pack = served({})
    monkeypatch.setattr("surgeproof.policies._checker.Checker.set", lambda *_: 1 / 0)
    pack.Configure(configured(topic_key=proto.ADVISORY), None)

    (found,) = pack.Analyze(request("shop-dev", STACK), None).diagnostics

    assert (found.policyName, found.enforcementLevel) == ("policy-settings", proto.MANDATORY)
    assert "topic-key: cannot be set: ZeroDivisionError in" in found.message
