"""Exemptions, levels and remedies, with rules of the tests' own."""

import math
import threading
from dataclasses import replace
from datetime import date

import pytest
from pulumi_policy import EnforcementLevel, Severity

from surgeproof.findings import Finding, Kind, Summary
from surgeproof.policies import _settings
from surgeproof.policies._checker import MEND, Checker
from surgeproof.policies._mending import mended
from surgeproof.policies._rules import (
    CannotJudgeError,
    Mend,
    Need,
    PropertyRule,
    Resource,
    ResourceRule,
    StackRule,
)
from surgeproof.policies._values import (
    SECRET,
    SIGNATURE,
    UNKNOWN,
    SecretNumber,
    SecretText,
    number,
    plain,
    show,
)
from surgeproof.settings.errors import DocumentError

TOPIC = "aws:sns/topic:Topic"
TODAY = date(2026, 11, 25)
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _broken(stack, report):
    raise KeyError("hunter2")


def _duplicates(stack, report):
    for each in stack.of(frozenset({TOPIC})):
        if len(stack.called(frozenset({TOPIC}), "label", each.read("label"))) > 1:
            report.refuse(each, "label", "be the only one", show(each.read("label")))


KEY = PropertyRule(
    name="topic-key",
    description="Topics have keys.",
    severity=Severity.HIGH,
    control="SNS.1",
    fix="Set key.",
    types=frozenset({TOPIC}),
    needs=(Need("key", "be `own`", lambda key: key == "own"),),
    mends=(Mend("key", "own"), Mend("nothing", 1, frozenset({"another:type:Type"}))),
)
UNIQUE = StackRule(
    name="topic-unique",
    description="Topics differ.",
    severity=Severity.LOW,
    fix="Rename.",
    types=frozenset({TOPIC}),
    check=_duplicates,
)
BROKEN = StackRule(
    name="topic-broken",
    description="Fails.",
    severity=Severity.LOW,
    fix="None.",
    types=frozenset({TOPIC}),
    check=_broken,
)


def topic(name, **properties):
    urn = f"urn:pulumi:dev::shop::{TOPIC}::{name}"
    return Resource(type=TOPIC, urn=urn, name=name, properties=plain(properties))


def checker(*rules, **data):
    areas = {"Topics": rules}
    return Checker(areas, _settings.read(data, areas), TODAY)


def exemption(until, resource="*", rule="topic-key"):
    return {"rule": rule, "resource": resource, "reason": "goes soon", "until": until}


REFUSED = Finding(
    rule="topic-key",
    severity="high",
    urn=f"urn:pulumi:dev::shop::{TOPIC}::web",
    message="`key` must be `own`, got `aws`.",
    why="Topics have keys.",
    fix="Set key.",
    link="https://docs.aws.amazon.com/securityhub/latest/userguide/sns-controls.html#sns-1",
)


def test_a_violation_says_all_that_is_needed():
    assert checker(KEY).resource(topic("web", key="aws")) == [REFUSED]
    assert checker(KEY).resource(topic("web", key="own")) == []


def test_other_types_are_not_judged():
    other = Resource(type="a:b:C", urn="urn:pulumi:d::s::a:b:C::x", name="x", properties={})

    assert checker(KEY).resource(other) == []


@pytest.mark.parametrize(
    ("level", "reported"),
    [("advisory", "advisory"), ("mandatory", "mandatory"), ("remediate", "mandatory")],
)
def test_level_of_a_violation(level, reported):
    (found,) = checker(KEY, rules={"topic-key": level}).resource(topic("web", key="aws"))

    assert found.level == reported


def test_a_rule_that_replays_is_missed_where_it_is_off_or_fails():
    rule = replace(BROKEN, name="replays", replays=True)

    def told(**settings):
        return [at.message for at in checker(rule, **settings).stack([]) if at.kind is Kind.VERDICT]

    assert told() == ["nothing was replayed: replays has failed"]
    assert told(rules={"replays": "disabled"}) == ["nothing was replayed: replays is off"]


def test_a_rule_that_is_off_says_nothing():
    off = checker(KEY, UNIQUE, rules={"topic-key": "disabled", "topic-unique": "disabled"})

    assert off.resource(topic("web")) == []
    assert off.stack([topic("a", label="x"), topic("b", label="x")]) == []
    assert off.types == frozenset()


@pytest.mark.parametrize("until", ["2026-11-25", "2027-01-01"])
def test_an_exemption_in_force_lets_its_resources_through(until):
    exempting = checker(KEY, exemptions=[exemption(until, "old-*")])

    assert exempting.at_start("") == []
    assert exempting.resource(topic("old-web", key="aws")) == []
    assert exempting.resource(topic("old-api", key=UNKNOWN_TEXT)) == []
    assert len(exempting.resource(topic("web", key="aws"))) == 1
    assert exempting.stack([]) == []
    assert exempting.exempted == 1


@pytest.mark.parametrize(("preset", "level"), [("default", "mandatory"), ("advisory", "advisory")])
def test_an_exemption_that_has_ended_is_a_violation_and_its_rule_speaks_again(preset, level):
    ended = checker(KEY, preset=preset, exemptions=[exemption("2026-11-24")])

    assert ended.at_start("urn") == [
        Finding(
            rule="exemption-expired",
            level=level,
            urn="urn",
            message="policies:exemptions[0].until must be 2026-11-25 or later, got 2026-11-24, "
            "for topic-key on `*`.",
            why="An exemption holds until its date: then someone decides anew.",
            fix="Mend what breaks topic-key and remove the exemption, or state a later date and "
            "why. The reason was: goes soon",
        )
    ]
    (found,) = ended.resource(topic("web", key="aws"))
    assert found.message == "`key` must be `own`, got `aws` (exempted until 2026-11-24)."
    (note,) = ended.resource(topic("web", key=UNKNOWN_TEXT))
    assert note.kind is Kind.UNDECIDED
    assert ended.stack([]) == []
    assert ended.exempted == 0


def test_the_longest_of_several_exemptions_counts():
    both = checker(KEY, exemptions=[exemption("2026-11-24"), exemption("2027-01-01", "w*")])

    assert both.resource(topic("web", key="aws")) == []
    assert len(both.resource(topic("api", key="aws"))) == 1


def test_an_exemption_that_matches_nothing_is_told():
    idle = checker(KEY, exemptions=[exemption("2027-01-01", "old-*")])

    idle.resource(topic("web", key="aws"))

    assert idle.stack([], "urn") == [
        Finding(
            rule="exemption-unused",
            kind=Kind.NOTICE,
            level="advisory",
            urn="urn",
            message="policies:exemptions[0] (topic-key for `old-*`, until 2027-01-01) matches "
            "nothing that the rule refuses: remove it.",
        )
    ]


def test_an_exemption_from_a_rule_that_is_off_may_wait():
    waiting = checker(
        KEY, rules={"topic-key": "disabled"}, exemptions=[exemption("2027-01-01", "old-*")]
    )

    assert waiting.stack([], "urn") == []


def test_rules_across_resources_are_exempted_too():
    exempting = checker(UNIQUE, exemptions=[exemption("2027-01-01", "a", "topic-unique")])

    found = exempting.stack([topic("a", label="x"), topic("b", label="x"), topic("c", label="y")])

    assert [(at.rule, at.name, at.message) for at in found] == [
        ("topic-unique", "b", "`label` must be the only one, got `x`.")
    ]


def test_what_is_not_known_is_told_with_its_property():
    (note,) = checker(KEY).resource(topic("web", key=UNKNOWN_TEXT))

    assert note == Finding(
        rule="topic-key",
        kind=Kind.UNDECIDED,
        level="advisory",
        severity="high",
        urn=REFUSED.urn,
        message="`key` is known only during `up`, which decides.",
        link=REFUSED.link,
    )


def test_a_rule_that_fails_is_a_violation_without_values_and_stops_no_other():
    found = checker(BROKEN, UNIQUE).stack([topic("a", label="x"), topic("b", label="x")], "urn")

    assert found[0] == Finding(
        rule="topic-broken",
        kind=Kind.VIOLATION,
        level="mandatory",
        severity="low",
        urn="urn",
        message="the rule failed and has judged nothing: KeyError in "
        f"tests/policies/test_checker.py:{_broken.__code__.co_firstlineno + 1}.",
        why="Fails.",
        fix=MEND.format(rule="topic-broken"),
    )
    assert [at.rule for at in found[1:]] == ["topic-unique", "topic-unique"]


def _raising(error):
    def check(_, report):
        raise error

    return check


FAILURES = {
    "a key": (KeyError("hunter2"), "KeyError in tests/"),
    "memory": (MemoryError("hunter2"), "MemoryError in tests/"),
    "recursion": (RecursionError("hunter2"), "RecursionError in tests/"),
    "an exit": (SystemExit("hunter2"), "SystemExit in tests/"),
    "a time-out": (TimeoutError("hunter2"), "TimeoutError in tests/"),
    "a full disk": (OSError(28, "No space left on device"), "OSError, No space left on device in"),
    "an import": (ImportError("hunter2", name="numba"), "numba cannot be imported (ImportError)"),
    "a value": (ValueError("hunter2"), "ValueError in tests/"),
    "a reason": (CannotJudgeError("`surges` must be a map"), "`surges` must be a map."),
}


@pytest.mark.parametrize(("error", "reason"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize(
    ("level", "stops"), [("mandatory", True), ("remediate", True), ("advisory", False)]
)
def test_no_failure_of_a_rule_opens_the_gate(error, reason, level, stops):
    single = ResourceRule(
        name="topic-single",
        description="Fails.",
        severity=Severity.LOW,
        fix="None.",
        types=frozenset({TOPIC}),
        check=_raising(error),
        mends=(Mend("key", "own"),),
    )
    together = replace(BROKEN, check=_raising(error))
    # An exemption is for what a rule has found; this one has found nothing yet.
    exempt = [exemption("2999-01-01", rule=rule.name) for rule in (single, together)]
    levels = {single.name: level, together.name: "mandatory" if level == "remediate" else level}
    judging = checker(single, together, rules=levels, exemptions=exempt)

    assert judging.mended(topic("web"), {"key": "aws"}) == []
    found = [*judging.resource(topic("web")), *judging.stack([topic("web")], "urn")]

    assert [at.rule for at in found] == ["topic-single", "topic-broken"]
    assert [at.stops for at in found] == [stops, stops]
    assert {at.kind for at in found} == {Kind.VIOLATION}
    for each in found:
        assert each.message.startswith(f"the rule failed and has judged nothing: {reason}")
        assert "hunter2" not in each.message
    summary = str(Summary(found, judging.exempted))
    assert summary.startswith("2 violations")
    assert "exempted" not in summary
    assert "not decided" not in summary


def test_what_a_rule_found_before_it_failed_is_told_too():
    def half(_, report):
        report.refuse(topic("web"), "key", "be `own`", "`aws`")
        report.wait_for(topic("web"), "label")
        raise KeyError

    found = checker(replace(BROKEN, check=half)).stack([topic("web")], "urn")

    assert [at.kind for at in found] == [Kind.VIOLATION, Kind.VIOLATION, Kind.UNDECIDED]


def test_a_rule_that_does_not_end_has_failed(monkeypatch):
    ends = threading.Event()
    monkeypatch.setattr("surgeproof.policies._checker.LONGEST_SECONDS", 0.05)

    found = checker(replace(BROKEN, check=lambda *_: ends.wait(30)), UNIQUE).stack([topic("a")])
    ends.set()

    assert [at.message for at in found] == [
        "the rule failed and has judged nothing: it took longer than 0.05 s."
    ]
    assert found[0].stops


def test_the_file_of_the_command_line_has_the_last_word():
    overruled = checker(KEY, rules={"topic-key": "disabled"})

    overruled.set("topic-key", EnforcementLevel.ADVISORY, {"unheard": 1})

    assert [at.level for at in overruled.resource(topic("web"))] == ["advisory"]
    assert overruled.values(KEY) == {}


@pytest.mark.parametrize(
    ("properties", "more", "expected"),
    [
        ({"key": "aws", "b": 1}, {}, {"key": "own", "b": 1}),
        ({}, {}, {"key": "own"}),
        ({"key": "own"}, {}, None),
        ({"key": UNKNOWN_TEXT}, {}, None),
        ({"key": "aws"}, {"exemptions": [exemption("2027-01-01")]}, None),
    ],
    ids=str,
)
def test_remedy(properties, more, expected):
    able = checker(KEY, rules={"topic-key": "remediate"}, **more)

    done = able.mended(topic("web"), properties)

    assert done == ([(KEY, expected)] if expected else [])


def test_no_remedy_unless_the_level_says_so():
    assert checker(KEY).mended(topic("web"), {"key": "aws"}) == []


SECRET_MARK = {SIGNATURE: SECRET, "value": "hunter2"}


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a", {}, {"a": 1}),
        ("a.b", {}, {"a": {"b": 1}}),
        ("a.b", {"a": {"c": SECRET_MARK}}, {"a": {"c": SECRET_MARK, "b": 1}}),
        ("a.b", {"a": UNKNOWN_TEXT}, None),
        ("a.b", {"a": "text"}, None),
        ("a[*].b", {"a": [{}, {"b": 2}, "x"]}, {"a": [{"b": 1}, {"b": 1}, "x"]}),
        ("a[*].b.c", {"a": [{}, {"b": {}}]}, {"a": [{}, {"b": {"c": 1}}]}),
        ("a[*].b", {"a": UNKNOWN_TEXT}, None),
        ("a[*].b", {}, None),
        ("a", {"a": 1}, None),
    ],
    ids=str,
)
def test_setting_a_property(path, before, after):
    assert mended(before, [Mend(path, 1)]) == after


def test_mending_leaves_what_it_was_given():
    before = {"a": [{"b": 2}]}

    mended(before, [Mend("a[*].b", 1)])

    assert before == {"a": [{"b": 2}]}


@pytest.mark.parametrize(
    ("value", "equal"),
    [("hunter2", "hunter2"), (42, 42), (True, "true")],
    ids=repr,
)
def test_a_secret_is_compared_and_never_shown(value, equal):
    held = plain({SIGNATURE: SECRET, "value": value})

    assert held == equal
    assert [show(held), str(held), repr(held), f"{held}", f"{held:>3}"] == ["a secret"] * 5


@pytest.mark.parametrize("value", [4, "4"], ids=repr)
def test_what_is_reckoned_from_a_secret_number_is_never_shown(value):
    size = number(plain({SIGNATURE: SECRET, "value": value}))

    found = [size + 1, 1 + size, size - 1, 1 - size, size * 2, 2 * size, size / 8, 8 / size]
    assert found == [5, 5, 3, -3, 8, 8, 0.5, 2]
    assert math.ceil(size / 8) == 1
    shown = [show(each) for each in (size, *found, math.ceil(size / 8))]
    assert shown == ["a secret"] * 10
    assert f"{size:g} {size:.1f}" == "a secret a secret"


def test_secrets_within_a_secret():
    held = plain({SIGNATURE: SECRET, "plaintext": '{"a": ["x", 1, null]}'})

    assert held == {"a": ["x", 1, None]}
    assert [type(item) for item in held["a"][:2]] == [SecretText, SecretNumber]


@pytest.mark.parametrize(
    "mark",
    [
        {SIGNATURE: SECRET, "ciphertext": "v1:x"},
        "[secret]",
        UNKNOWN_TEXT,
    ],
    ids=str,
)
def test_what_cannot_be_read_is_unknown(mark):
    assert plain({"a": mark}) == {"a": UNKNOWN}


def test_a_secret_that_is_damaged_is_not_taken_for_unknown_nor_shown():
    with pytest.raises(DocumentError, match=r"^`plaintext` of a secret must be JSON") as at:
        plain({"a": {SIGNATURE: SECRET, "plaintext": "hunter2"}})

    assert at.value.__cause__ is None
    assert at.value.__suppress_context__


def _needing(name, path, value):
    return PropertyRule(
        name=name,
        description="Needs it.",
        severity=Severity.LOW,
        fix="Set it.",
        types=frozenset({TOPIC}),
        needs=(Need(path, f"be {value}", lambda held: held == value),),
        mends=(Mend(path, value),),
    )


def test_remedies_of_several_rules_build_on_each_other():
    first, second, third = (_needing(f"topic-{key}", key, key) for key in ("a", "b", "c"))
    able = checker(
        *(first, second, third),
        rules=dict.fromkeys(("topic-a", "topic-b", "topic-c"), "remediate"),
        exemptions=[exemption("2027-01-01", rule="topic-a")],
    )

    done = able.mended(topic("web"), {"b": "x"})

    assert done == [(second, {"b": "b"}), (third, {"b": "b", "c": "c"})]
    assert able.mended(topic("web"), {"b": "b", "c": "c"}) == []


def test_a_rule_that_keeps_its_level_does_not_stop_the_remedies_after_it():
    first, second = (_needing(f"topic-{key}", key, key) for key in ("a", "b"))
    able = checker(first, second, rules={"topic-b": "remediate"})

    assert able.mended(topic("web"), {}) == [(second, {"b": "b"})]


def test_no_remedy_for_a_type_without_rules():
    other = Resource(type="a:b:C", urn="urn:pulumi:d::s::a:b:C::x", name="x", properties={})

    assert checker(KEY, rules={"topic-key": "remediate"}).mended(other, {}) == []


def test_what_the_program_ignores_and_what_a_rule_is_called_reach_a_remedy():
    def only_named(resource, report):
        if resource.name == "web" and "key" in resource.ignored and resource.settings == {}:
            report.refuse(resource, "key", "be own", "other")

    rule = ResourceRule(
        name="topic-key",
        description="Keys.",
        severity=Severity.LOW,
        fix="Set key.",
        types=frozenset({TOPIC}),
        check=only_named,
        mends=(Mend("key", "own"),),
    )
    seen = replace(topic("web"), ignored=frozenset({"key"}))

    done = checker(rule, rules={"topic-key": "remediate"}).mended(seen, {"key": "x"})

    assert done == [(rule, {"key": "own"})]


def _advises(stack, report):
    for each in stack.of(frozenset({TOPIC})):
        report.advise(each, "label", "be short", show(each.read("label")))


ADVICE = StackRule(
    name="topic-short",
    description="Labels are short.",
    severity=Severity.LOW,
    fix="Shorten it.",
    types=frozenset({TOPIC}),
    check=_advises,
)


@pytest.mark.parametrize(
    ("data", "level"),
    [
        ({}, "advisory"),
        ({"preset": "strict"}, "mandatory"),
        ({"rules": {"topic-short": "mandatory"}}, "mandatory"),
        ({"preset": "strict", "rules": {"topic-short": "advisory"}}, "advisory"),
    ],
)
def test_advice_stops_only_where_the_user_asks_for_it(data, level):
    areas = {"Topics": (ADVICE,)}
    checker = Checker(areas, _settings.read(data, areas), TODAY)
    topic = Resource(type=TOPIC, urn=f"urn:pulumi:prod::shop::{TOPIC}::a", name="a", properties={})

    (found,) = [at for at in checker.stack([topic]) if at.rule == "topic-short"]

    assert (found.level, found.message) == (level, "`label` must be short, got nothing.")


@pytest.mark.parametrize(
    ("stack", "is_copy"),
    [("dev", True), ("sandbox-anna", True), ("dev2", True), ("prod", False), ("devices", False)],
)
def test_a_stack_whose_name_says_so_is_a_copy(stack, is_copy):
    urn = f"urn:pulumi:{stack}::shop::{TOPIC}::a"

    assert Resource(type=TOPIC, urn=urn, name="a", properties={}).is_of_a_copy is is_copy
