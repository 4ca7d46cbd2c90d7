"""What `surgeproof check` says of other people's stacks, pinned, and the corpus itself."""

import importlib
import inspect
import json
from dataclasses import replace

import pytest

from surgeproof.findings import Finding
from tests.corpus.__main__ import KEPT
from tests.corpus.build import Stack
from tests.corpus.kinds import KINDS
from tests.corpus.manifest import CORPUS, HELD_OUT, Fault, draw
from tests.corpus.match import JUDGED, Result, Totals, Verdict, judged, matches
from tests.corpus.run import by_command, by_function, pinned, stacks

FLOOR = {"found": 79, "mandatory": 0.97, "all": 0.09}
"""What may only grow: planted faults that are found, and the precision of the findings."""
CEILING = {"mandatory_false": 0, "sound_stopped": 2, "faulty_silent": 0}
"""What may only shrink, of Totals."""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return by_function(stacks(held_out=False), tmp_path_factory.mktemp("corpus"))


def test_findings_are_those_that_are_kept(results):
    kept = json.loads(KEPT.read_text("utf-8"))
    said = pinned(results)
    assert said.keys() == kept.keys()
    changed = {name: said[name] for name in said if said[name] != kept[name]}
    assert not changed, "`python -m tests.corpus --write` keeps them, if they are right"


def test_totals_are_no_worse_than_they_were(results):
    totals = Totals.over(results)
    assert totals.planted == 85
    assert totals.found >= FLOOR["found"]
    assert totals.mandatory_true / totals.mandatory >= FLOOR["mandatory"]
    assert totals.all_true / totals.all >= FLOOR["all"]
    assert all(getattr(totals, name) <= most for name, most in CEILING.items())


def test_every_finding_without_a_fault_is_judged(results):
    open_ = {
        (result.manifest.name, finding.rule)
        for result in results
        for finding in result.unexplained
        if judged(finding, result.manifest)[0] is Verdict.OPEN
    }
    assert not open_


@pytest.mark.parametrize("name", ["monolith", "cost-cut", "first-launch"])
def test_command_says_what_its_function_says(name, tmp_path):
    one, other = tmp_path / "command", tmp_path / "function"
    one.mkdir()
    other.mkdir()
    assert pinned(by_command([CORPUS[name]], one)) == pinned(by_function([CORPUS[name]], other))


def test_plan_that_creates_a_stack_is_judged_as_its_state(results, tmp_path):
    known = {result.manifest.name: result for result in results}
    plans = [
        replace(each, form="create")
        for each in stacks(held_out=False)
        if each.form == "state" and each.name != "lost-messages"  # AWS confirms a subscription
    ]
    assert len(plans) == 29
    for name, said in pinned(by_function(plans, tmp_path)).items():
        assert said == pinned([known[name]])[name], name


def test_third_that_is_held_out_was_drawn():
    assert draw({name: bool(each.planted) for name, each in CORPUS.items()}) == HELD_OUT


def test_corpus_is_as_large_as_it_says():
    planted = [fault for each in CORPUS.values() for fault in each.planted]
    assert (len(CORPUS), len(HELD_OUT), sum(not each.planted for each in CORPUS.values())) == (
        54,
        18,
        25,
    )
    assert (len(planted), len({fault.kind for fault in planted})) == (129, 79)
    assert sum(each.form != "state" for each in CORPUS.values()) == 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pulumi-aws's own old classes
@pytest.mark.parametrize("name", sorted(CORPUS))
def test_stack_is_what_pulumi_would_write(name):
    manifest = CORPUS[name]
    stack = Stack(name, **manifest.options)
    manifest.make(stack)
    urns = [each.urn for each in stack.resources]
    assert len(urns) == len(set(urns))
    assert 8 <= len(urns) <= 75
    for each in stack.resources:
        known = _properties(each.kind)
        assert known is None or set(each.all_outputs()) <= known | {"id"}, each.kind
    for fault in manifest.faults:
        name_, _, kind = fault.resource.partition("@")
        at = [each for each in stack.resources if each.name == name_]
        assert len([each for each in at if not kind or each.kind == kind]) == 1, fault
        assert set(fault.also) <= {each.name for each in stack.resources}, fault


def _properties(kind):
    """Return the properties that pulumi-aws knows of a type, as its documents name them."""
    if ":" in kind:
        return None
    module, name = kind.split(".")
    found = getattr(importlib.import_module(f"pulumi_aws.{module}"), name)
    names = [key for key, value in inspect.getmembers(found) if isinstance(value, property)]
    words = [name.split("_") for name in names]
    return {first + "".join(word.title() for word in rest) for first, *rest in words}


def test_every_kind_names_its_source_and_is_used():
    planted = {fault.kind for each in CORPUS.values() for fault in each.faults}
    assert planted == set(KINDS)
    assert all(kind.source.startswith("https://docs.aws.amazon.com/") for kind in KINDS.values())


FAULT = Fault("web@lb.TargetGroup", "healthCheck.timeout", "check-too-eager", ("front",))


def _finding(message, *, kind="lb/targetGroup:TargetGroup", name="web", rule="some-rule"):
    return Finding(rule=rule, urn=f"urn:pulumi:prod::shop::aws:{kind}::{name}", message=message)


def test_finding_on_the_property_of_the_resource_matches():
    assert matches(FAULT, _finding("`healthCheck.timeout` must be at least 5, got 2."))
    assert matches(FAULT, _finding("`healthCheck` must be calm, got 2."))
    inline = replace(FAULT, at="ingress.cidrBlocks")
    assert matches(inline, _finding("`ingress[1].cidrBlocks` must be narrower."))


def test_finding_on_another_property_or_resource_does_not_match():
    assert not matches(FAULT, _finding("`healthCheck.matcher` must be 200, got `200-499`."))
    assert not matches(FAULT, _finding("`healthCheck.timeout` is low.", name="api"))
    assert not matches(FAULT, _finding("`healthCheck` is odd.", kind="lb/listener:Listener"))
    assert not matches(FAULT, _finding("`healthCheck` is odd.", name="front"))
    assert not matches(FAULT, _finding("nothing is named"))


def test_rule_whose_words_are_mapped_matches_its_kinds_alone():
    fault = Fault("alarms", "subscriptions", "topic-unread", ("cpu",))
    rule = "sns-topic-has-subscription"
    assert matches(fault, _finding("`arn` must have one.", rule=rule, name="alarms"))
    assert matches(fault, _finding("`arn` must have one.", rule=rule, name="cpu"))
    assert not matches(fault, _finding("`arn` must have one.", rule=rule, name="others"))
    other = replace(fault, at="arn", kind="open-topic")
    assert not matches(other, _finding("`arn` must have one.", rule=rule, name="alarms"))


def test_totals_count_planted_faults_and_true_findings():
    manifest = replace(
        CORPUS["catalogue"],
        faults=(FAULT, replace(FAULT, resource="api"), replace(FAULT, at="port", overlooked=True)),
    )
    rule = next(rule for rule, (verdict, _) in JUDGED.items() if verdict is Verdict.FALSE)
    found = (
        _finding("`healthCheck.timeout` is low."),
        _finding("`port` is odd."),
        replace(_finding("`name` is odd.", rule=rule), level="advisory"),
    )
    assert Totals.over([Result(manifest, found, ())]) == Totals(
        planted=2, found=1, mandatory=2, mandatory_true=2, all=3, all_true=2, all_false=1, faulty=1
    )
