"""Every rule seen to fire under the real engine, and a fault-free twin that is silent."""

import pytest

from tests.policies import faults
from tests.policies.analysis import RULES
from tests.policies.engine_stack import engine_stack


def test_every_rule_has_a_fault():
    assert {fault.rule for fault in faults.FAULTS} == set(RULES)


@pytest.mark.engine
def test_the_stack_of_faults_breaks_each_rule_where_it_should(tmp_path):
    with engine_stack(tmp_path, faults.faulty, faults.CONFIG) as stack:
        stack.settings("policies:preset", "strict")
        preview = stack.preview()

    assert not preview.succeeded
    found = [(at["policy"], at["name"]) for at in preview.violations]
    assert sorted(found) == sorted(faults.expected())


@pytest.mark.engine
def test_the_twin_without_faults_is_silent_before_and_after_it_is_made(tmp_path):
    with engine_stack(tmp_path, faults.safe, faults.CONFIG) as stack:
        stack.settings("policies:preset", "strict")
        preview, up = stack.preview(), stack.up()

    assert preview.succeeded
    assert preview.violations == []
    assert up.succeeded
    assert up.violations == []
