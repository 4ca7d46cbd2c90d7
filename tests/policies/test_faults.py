"""Every rule seen to fire under the real engine, and a fault-free twin that is silent."""

import pytest

from surgeproof.commands.checking import severities
from surgeproof.findings import Kind, Summary, from_engine
from surgeproof.findings.forms import shown
from surgeproof.policies import survival
from tests.policies import faults, test_survival_engine
from tests.policies.analysis import RULES
from tests.policies.engine_stack import engine_stack

NOTES = {"not-decided", "not-decided-across-resources"}


def violations(outcome):
    """Return rule and resource of each violation; a rule may find several in one resource."""
    return {(at["policy"], at["name"]) for at in outcome.violations if at["policy"] not in NOTES}


def test_every_rule_has_a_fault():
    shown = (*faults.FAULTS, *faults.OF_THE_WHOLE)

    # A replay wants a whole service, and the typical run of one stack cannot both break
    # `slo.surge` and hold it: test_survival_engine.py shows these under the engine.
    replayed = {rule.name for rule in survival.RULES}
    assert replayed == {
        test_survival_engine.SURVIVES,
        test_survival_engine.MOST,
        test_survival_engine.WARNS,
    }
    # About a stack without alarms, networks, and what counts as not read: test_alarm_reach.py
    # and test_entrances.py show these.
    elsewhere = {"lb-has-alarms", "asg-zones-are-served", "asg-has-addresses"}
    elsewhere |= {"nat-gateway-per-zone", "lb-classic-is-careful"}
    found = {rule for fault in shown for rule in (fault.rule, *fault.also)}
    assert found == set(RULES) - replayed - elsewhere


@pytest.mark.engine
def test_the_stack_of_faults_breaks_each_rule_where_it_should(tmp_path):
    with engine_stack(tmp_path, faults.faulty, faults.CONFIG) as stack:
        stack.settings("policies:preset", "strict")
        preview = stack.preview()

    assert not preview.succeeded
    assert violations(preview) == set(faults.expected())


@pytest.mark.engine
def test_faults_of_the_stack_as_a_whole(tmp_path):
    with engine_stack(tmp_path, faults.faulty_as_a_whole, faults.CONFIG_OF_THE_WHOLE) as stack:
        stack.settings("policies:preset", "strict")
        preview = stack.preview()

    assert violations(preview) == {(at.rule, at.part) for at in faults.OF_THE_WHOLE}


@pytest.mark.engine
def test_the_twin_without_faults_is_silent_before_and_after_it_is_made(tmp_path):
    with engine_stack(tmp_path, faults.safe, faults.CONFIG) as stack:
        stack.settings("policies:preset", "strict")
        stack.without_replays()
        preview, up = stack.preview(), stack.up()

    assert preview.succeeded
    assert preview.violations == []
    assert up.succeeded
    assert up.violations == []


@pytest.mark.engine
def test_ten_planted_faults_are_ten_lines_that_tell_how_to_fix_them(tmp_path):
    """What a reviewer sees of a pull request, by the rules' own levels."""
    with engine_stack(tmp_path, faults.planted, faults.CONFIG) as stack:
        preview = stack.preview()

    findings = [
        from_engine(
            policy=at["policy"],
            level=at["level"],
            urn=at["urn"],
            text=at["message"],
            severities=severities(),
        )
        for at in preview.violations
    ]
    told = [at for at in findings if at.kind is Kind.VIOLATION]
    text = shown(Summary(told), "text", file="Pulumi.test.yaml")
    lines = [line for line in text.splitlines() if not line.startswith(" ")]

    assert not preview.succeeded
    assert sorted(at.rule for at in told) == sorted(faults.PLANTED)
    assert len(lines) == len(faults.PLANTED) + 1
    assert lines[-1].startswith("10 violations: ")
    assert all(" must " in line and ", got " in line for line in lines[:-1])
    assert text.count("\n    why: ") == text.count("\n    fix: ") == 10
