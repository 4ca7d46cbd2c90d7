"""Reading states and plans, and checking them without the engine."""

import json
from datetime import date

import pytest
from pulumi import automation
from pulumi_policy import Severity

from surgeproof.commands.checking import check
from surgeproof.commands.sources import Source
from surgeproof.findings import Kind
from surgeproof.policies import _settings, runner
from surgeproof.policies._rules import Need, PropertyRule, ResourceRule, StackRule
from surgeproof.policies._values import SECRET, SIGNATURE, UNKNOWN, show
from surgeproof.settings.errors import DocumentError
from tests.policies import faults
from tests.policies.engine_stack import engine_stack

TOPIC = "aws:sns/topic:Topic"
KEY_TYPE = "aws:kms/key:Key"
WEB = f"urn:pulumi:dev::shop::{TOPIC}::web"
KEY = f"urn:pulumi:dev::shop::{KEY_TYPE}::main"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _refers(stack, report):
    for topic in stack.of(frozenset({TOPIC})):
        if stack.target(topic, "key", frozenset({KEY_TYPE})) is None:
            report.refuse(topic, "key", "be a key of this stack", show(topic.read("key")))


LABEL = PropertyRule(
    name="topic-label",
    description="Topics have labels.",
    severity=Severity.HIGH,
    fix="Set label.",
    types=frozenset({TOPIC}),
    needs=(Need("label", "be `a`", lambda label: label == "a"),),
)
REFERS = StackRule(
    name="topic-refers",
    description="Topics use keys.",
    severity=Severity.LOW,
    fix="Set key.",
    types=frozenset({TOPIC, KEY_TYPE}),
    check=_refers,
)
AREAS = {"Topics": (LABEL, REFERS)}


def state(**topic):
    return {
        "version": 3,
        "deployment": {
            "resources": [
                {"urn": KEY, "type": KEY_TYPE, "id": "key-1", "outputs": {"arn": "arn:key"}},
                {"urn": WEB, "type": TOPIC, "inputs": topic, "outputs": topic},
            ]
        },
    }


def plan(steps, **topic):
    return {
        "resourcePlans": {
            KEY: {"goal": {"inputDiff": {}}, "steps": ["create"], "state": {"arn": "arn:key"}},
            WEB: {"steps": steps, **topic},
        }
    }


def checked(document, base=None):
    found = runner.entries(document, base=base)
    settings = _settings.read({}, AREAS)
    summary = runner.check(found, AREAS, settings, today=date(2026, 11, 25))
    return [(at.rule, at.name, at.message) for at in summary.findings]


GOOD = {"label": "a", "key": "arn:key"}
LABEL_B = ("topic-label", "web", "`label` must be `a`, got `b`.")


def test_a_state_that_keeps_all_rules():
    assert checked(state(**GOOD)) == []
    assert checked(state(label="a", key="key-1")) == []


def test_a_state_that_breaks_rules():
    assert checked(state(label="b", key="arn:other")) == [
        LABEL_B,
        ("topic-refers", "web", "`key` must be a key of this stack, got `arn:other`."),
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda whole: whole,
        lambda whole: whole["deployment"],
        lambda whole: {"version": 3, "checkpoint": {"latest": whole["deployment"]}},
    ],
    ids=["export", "deployment", "backend's file"],
)
def test_each_form_of_a_state(wrapped):
    assert checked(wrapped(state(label="b", key="arn:key"))) == [LABEL_B]


def test_resources_that_are_being_deleted_are_not_judged():
    document = state(label="b")
    document["deployment"]["resources"][1]["delete"] = True

    assert checked(document) == []


def test_changes_that_the_program_ignores():
    document = state(**GOOD)
    document["deployment"]["resources"][1]["ignoreChanges"] = ["label"]

    assert runner.entries(document)[1].ignored == frozenset({"label"})


def preview_step(op, **topic):
    return {
        "steps": [
            {"op": "same", "newState": {"urn": KEY, "type": KEY_TYPE}},
            {
                "op": op,
                "newState": {
                    "urn": WEB,
                    "type": TOPIC,
                    "inputs": topic,
                    "propertyDependencies": {"key": [KEY], "label": []},
                },
            },
        ],
        "changeSummary": {},
    }


def test_a_preview_resolves_what_is_not_known_from_what_it_is_made_of():
    assert checked(preview_step("create", label="a", key=UNKNOWN_TEXT)) == []
    assert checked(preview_step("update", label="b", key=UNKNOWN_TEXT)) == [LABEL_B]


@pytest.mark.parametrize("op", ["delete", "delete-replaced"])
def test_a_preview_s_deletions_are_not_judged(op):
    assert checked(preview_step(op, label="b")) == []


def test_a_plan_of_a_new_stack():
    created = {
        "goal": {"inputDiff": {"adds": {"label": "b"}}, "propertyDependencies": {"key": [KEY]}},
        "state": {"label": "b", "key": UNKNOWN_TEXT},
    }

    assert checked(plan(["create"], **created)) == [LABEL_B]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"updates": {"label": "b"}}, "`label` must be `a`, got `b`."),
        ({"deletes": ["label"]}, "`label` must be `a`, got nothing."),
        ({"adds": {"label": "b"}}, "`label` must be `a`, got `b`."),
    ],
    ids=str,
)
def test_a_plan_of_changes_to_a_state(changes, message):
    changed = {"goal": {"inputDiff": changes}, "state": GOOD}

    found = checked(plan(["update"], **changed), base=state(**GOOD))

    assert found == [("topic-label", "web", message)]


def test_what_a_plan_deletes_is_not_judged():
    assert checked(plan(["delete"], goal=None), base=state(label="b")) == []


def test_a_plan_of_changes_without_its_state_is_refused():
    with pytest.raises(DocumentError) as refused:
        checked(plan(["update"], goal={"inputDiff": {}}))

    assert str(refused.value) == (
        "the file: must come with the state that it starts from (--state), since a plan says "
        "only what changes of web"
    )


@pytest.mark.parametrize("document", [[], "text", {}, {"deployment": {}}, None], ids=str)
def test_a_file_of_another_kind_is_refused(document):
    with pytest.raises(DocumentError) as refused:
        runner.entries(document)

    assert str(refused.value) == (
        "the file: must be what `pulumi stack export`, `pulumi preview --json --show-sames` or "
        "`pulumi preview --save-plan` writes"
    )


def damaged(**parts):
    return {"resources": [{"urn": WEB} | parts]}


URN = "must be a URN (urn:pulumi:<stack>::<project>::<type>::<name>)"


A_LIST = "must be a list, got a mapping"
A_MAPPING = "must be a mapping of keys, got"
TEXT = "must be a text, got a number"


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"deployment": []}, f"deployment: {A_MAPPING} a list"),
        ({"checkpoint": {"latest": 3}}, f"checkpoint.latest: {A_MAPPING} a number"),
        ({"resources": {}}, f"resources: {A_LIST}"),
        ({"resources": ["x"]}, f"resources[0]: {A_MAPPING} a text"),
        ({"deployment": {"resources": ["x"]}}, f"deployment.resources[0]: {A_MAPPING} a text"),
        ({"resources": [{"type": TOPIC}]}, f"resources[0].urn: {URN}, got nothing"),
        ({"resources": [{"urn": "web"}]}, f"resources[0].urn: {URN}, got 'web'"),
        (damaged(inputs=[]), f"resources[0].inputs: {A_MAPPING} a list"),
        (damaged(outputs="x"), f"resources[0].outputs: {A_MAPPING} a text"),
        (damaged(id=3), f"resources[0].id: {TEXT}"),
        (damaged(type=3), "resources[0].type: must be the type in the URN, got a number"),
        (damaged(type="a"), "resources[0].type: must be the type in the URN, got 'a'"),
        (damaged(delete="no"), "resources[0].delete: must be true or false, got a text"),
        (damaged(ignoreChanges=[1]), f"resources[0].ignoreChanges[0]: {TEXT}"),
        (
            damaged(propertyDependencies={"a": {}}),
            f"resources[0].propertyDependencies.a: {A_LIST}",
        ),
        (
            {"resources": [{"urn": WEB}, {"urn": WEB}]},
            "resources[1].urn: must be the URN of no other resource, got that of [0]",
        ),
        ({"resourcePlans": []}, f"resourcePlans: {A_MAPPING} a list"),
        ({"resourcePlans": {"web": {}}}, f"resourcePlans.web: {URN}, got 'web'"),
        (plan("create", goal={}), f"resourcePlans.{WEB}.steps: must be a list, got a text"),
        ({"steps": {}}, f"steps: {A_LIST}"),
        (
            {"steps": [{"op": {}, "newState": {"urn": WEB}}]},
            "steps[0].op: must be a text, got a mapping",
        ),
        ({"steps": [{"op": "same", "newState": "x"}]}, f"steps[0].newState: {A_MAPPING} a text"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_a_damaged_file_is_refused_in_place(document, problem):
    with pytest.raises(DocumentError) as refused:
        runner.entries(document)

    assert str(refused.value) == f"the file: {problem}"


def test_a_resource_that_goes_may_have_the_urn_of_another():
    found = runner.entries({"resources": [{"urn": WEB, "delete": True}, {"urn": WEB}]})

    assert [each.urn for each in found] == [WEB]


def test_project_and_stack_come_from_the_urns():
    assert runner.stack_of(runner.entries(state())) == ("shop", "dev")
    assert runner.stack_of([]) is None


def _told(resource, report):
    words = f"{resource.name} {resource.type} {sorted(resource.ignored)} {resource.sources}"
    report.refuse(resource, "all", "be told", words)


def _told_together(stack, report):
    for each in stack.of(frozenset({TOPIC})):
        words = f"{each.name} {sorted(each.ignored)} {sorted(each.sources)} {each.read('key')}"
        report.refuse(each, "all", "be told", words)


def test_rules_get_all_that_a_file_tells_of_a_resource():
    common = {"description": "Tells.", "severity": Severity.LOW, "fix": "None."}
    types = frozenset({TOPIC})
    areas = {
        "Topics": (
            ResourceRule(name="topic-told", types=types, check=_told, **common),
            StackRule(name="topic-together", types=types, check=_told_together, **common),
        )
    }
    document = state(key="arn:key")
    document["deployment"]["resources"][1] |= {
        "ignoreChanges": ["key"],
        "propertyDependencies": {"key": [KEY, "urn:of:another"], "label": []},
    }
    settings = _settings.read({}, areas)
    planned = {
        "goal": {
            "inputDiff": {"adds": {"key": "arn:key"}},
            "ignoreChanges": ["key"],
            "propertyDependencies": {"key": [KEY]},
        },
    }

    for found in (runner.entries(document), runner.entries(plan(["create"], **planned))):
        summary = runner.check(found, areas, settings)
        assert [at.message for at in summary.findings] == [
            f"`all` must be told, got web {TOPIC} ['key'] None.",
            "`all` must be told, got web ['key'] ['key'] arn:key.",
        ]


def test_a_plan_keeps_what_it_does_not_change():
    before = runner.entries(state(label="a", key="arn:key", old=1))
    changed = {"goal": {"inputDiff": {"updates": {"label": "b"}, "deletes": ["old", "never"]}}}

    found = runner.entries(plan(["update"], **changed), base=state(label="a", key="x", old=1))

    assert before[1].inputs == {"label": "a", "key": "arn:key", "old": 1}
    assert found[1].inputs == {"label": "b", "key": "x"}
    assert found[1].outputs == {"label": "b", "key": "x"}


@pytest.mark.parametrize("shown", [0, 1])
def test_a_preview_without_what_does_not_change_is_refused(shown):
    steps = [{"op": "create-replacement"}] * 3 + [{"op": "same"}] * shown

    with pytest.raises(DocumentError) as refused:
        runner.entries({"steps": steps, "changeSummary": {"same": 2, "replace": 1}})

    assert str(refused.value) == (
        "the file: must hold what does not change too, as `pulumi preview --json --show-sames` "
        f"does, got {shown} of 2"
    )


def test_an_empty_preview_and_an_empty_state():
    assert runner.entries({"changeSummary": {}}) == []
    assert runner.entries({"steps": []}) == []
    assert runner.entries({"resources": None}) == []
    assert runner.entries({"resourcePlans": {}}) == []


def test_exemptions_that_have_ended_are_told_of_no_resource():
    exemption = {"rule": "topic-label", "reason": "soon", "until": "2026-11-24"}
    settings = _settings.read({"exemptions": [exemption]}, AREAS)

    summary = runner.check([], AREAS, settings, today=date(2026, 11, 25))

    assert [(at.rule, at.urn) for at in summary.findings] == [("exemption-expired", "")]
    assert runner.check([], AREAS, settings, today=date(2026, 11, 24)).findings[0].rule == (
        "exemption-unused"
    )


def test_violations_that_exemptions_let_through_are_counted():
    exemption = {"rule": "topic-label", "reason": "soon", "until": "2026-11-25"}
    settings = _settings.read({"exemptions": [exemption]}, AREAS)
    found = runner.entries(state(label="b", key="arn:key"))

    summary = runner.check(found, AREAS, settings, today=date(2026, 11, 25))

    assert (list(summary.findings), summary.exempted) == ([], 1)


ENCRYPTED = {SIGNATURE: SECRET, "ciphertext": "v1:x"}


@pytest.mark.parametrize(
    "held", [ENCRYPTED, "[secret]", {"in": [1, ENCRYPTED]}, [{"in": "[secret]"}]], ids=str
)
def test_an_encrypted_secret_anywhere_in_a_property_is_found(held):
    entry = runner.entries(state(label=held, key="arn:key"))[1]

    assert runner._encrypted(entry.inputs) == frozenset({"label"})


@pytest.mark.parametrize(
    "held",
    [
        {SIGNATURE: SECRET, "plaintext": '"x"'},
        {SIGNATURE: SECRET, "value": "x"},
        {"in": ["x", 1, None]},
        "secret",
    ],
    ids=str,
)
def test_what_can_be_read_is_not_encrypted(held):
    assert runner._encrypted({"label": held}) == frozenset()


def test_an_encrypted_secret_of_a_rule_across_resources_is_not_decided():
    def key_is_own(stack, report):
        for topic in stack.of(frozenset({TOPIC})):
            if topic.read("key") is UNKNOWN:
                report.wait_for(topic, "key")
            else:
                report.refuse(topic, "key", "be own", show(topic.read("key")))

    rule = StackRule(
        name="topic-own",
        description="Own.",
        severity=Severity.LOW,
        fix="Set it.",
        types=frozenset({TOPIC}),
        check=key_is_own,
    )
    areas = {"Topics": (rule,)}

    summary = runner.check(runner.entries(state(key=ENCRYPTED)), areas, _settings.read({}, areas))

    (note,) = summary.findings
    assert note.kind is Kind.UNDECIDED
    assert note.message.startswith("`key` holds a secret that is encrypted here;")


def test_an_encrypted_secret_is_told_how_to_read():
    assert checked(state(label=ENCRYPTED, key="arn:key")) == [
        (
            "topic-label",
            "web",
            (
                "`label` holds a secret that is encrypted here; `--show-secrets` of the command "
                "that wrote this file decrypts it."
            ),
        )
    ]


def test_a_decrypted_secret_is_judged_and_not_shown():
    held = {SIGNATURE: SECRET, "plaintext": '"hunter2"'}

    assert checked(state(label=held, key="arn:key")) == [
        ("topic-label", "web", "`label` must be `a`, got a secret.")
    ]


class Json(automation.PulumiCommand):
    """Has `preview` write its steps as JSON."""

    def run(self, args, cwd, additional_env, on_output=None, on_error=None):
        if args[0] == "preview":
            at = args.index("--event-log")
            args = [*args[:at], *args[at + 2 :], "--json", "--show-sames"]
            self.written = super().run(args, cwd, additional_env).stdout
        return super().run(args, cwd, additional_env, on_output, on_error)


@pytest.mark.engine
def test_what_the_engine_writes_is_read_as_the_engine_shows_it(tmp_path, monkeypatch):
    """State, saved plan and preview of the stack of faults, against the pack inside the engine."""
    with engine_stack(tmp_path, faults.faulty, faults.CONFIG) as stack:
        stack.settings("policies:preset", "strict")
        stack.stack.preview(plan=str(tmp_path / "plan.json"))
        command = stack.stack.workspace.pulumi_command
        writes_json = stack.stack.workspace.pulumi_command = Json(str(tmp_path))
        with pytest.raises(RuntimeError):  # there are no events beside JSON
            stack.stack.preview()
        stack.stack.workspace.pulumi_command = command
        stack.stack.up()
        (tmp_path / "preview.json").write_text(writes_json.written)
        held = stack.stack.export_stack().deployment
        (tmp_path / "state.json").write_text(json.dumps({"deployment": held}))

    monkeypatch.chdir(tmp_path / "work")
    found = [
        check(source=Source(**file), stack=None, preset=None)[0].findings
        for file in (
            {"state": tmp_path / "state.json"},
            {"plan": tmp_path / "plan.json"},
            {"plan": tmp_path / "preview.json"},
        )
    ]

    assert [
        {(at.rule, at.name) for at in findings if at.kind is Kind.VIOLATION} for findings in found
    ] == [set(faults.expected())] * 3
