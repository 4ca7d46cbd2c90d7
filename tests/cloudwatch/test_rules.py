"""The rules of composite alarms: when they hold, whom they name, and what is none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeproof.cloudwatch.rules import STATES, RuleError, Step, read_rule

NOW = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ('ALARM("a")', True),
        ("ALARM(b)", False),
        ("OK('b') AND INSUFFICIENT_DATA(c)", True),
        ("ALARM(b) OR ALARM(a) AND OK(b)", True),
        ("(ALARM(a) OR ALARM(b)) AND ALARM(b)", False),
        ("ALARM(a) OR ALARM(b) AND ALARM(b)", True),
        ("NOT ALARM(a) AND ALARM(b)", False),
        ("NOT (ALARM(a) AND ALARM(b))", True),
        ("NOT NOT ALARM(a)", True),
        ("TRUE AND NOT FALSE", True),
        ("ALARM(gone)", False),
        ("NOT ALARM(gone)", True),
        ("ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a)", True),
    ],
)
def test_a_rule_holds_by_the_states_of_its_alarms(rule, holds):
    assert read_rule(rule).holds(NOW) is holds


def test_a_rule_names_its_alarms_in_its_order():
    rule = read_rule('ALARM("b (old)") OR (OK(a) AND NOT ALARM("b (old)"))')

    assert rule.children == ("b (old)", "a", "b (old)")
    assert rule.steps == (
        Step("ALARM", "b (old)"),
        Step("OK", "a"),
        Step("ALARM", "b (old)"),
        Step("NOT"),
        Step("AND"),
        Step("OR"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no reading of its rule ''"),
        ("ALARM(a) AND", "no reading of its rule 'ALARM(a) AND'"),
        ("ALARM(a) ALARM(b)", "no reading of its rule at 'ALARM(b)'"),
        ("ALARM(a) NOT ALARM(b)", "no reading of its rule at 'NOT ALARM(b)'"),
        ("AND ALARM(a)", "no reading of its rule at 'AND ALARM(a)'"),
        ("HIGH(a)", "no reading of its rule at 'HIGH(a)'"),
        ("()", "no reading of its rule at ')'"),
        ("(ALARM(a)", "its parentheses do not match"),
        ("ALARM(a))", "its parentheses do not match"),
        ("(" * 20_000, f"no reading of its rule {'(' * 60!r}"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_no_rule_is_said(text, problem):
    if text.startswith("(("):
        problem = "its parentheses do not match"
    with pytest.raises(RuleError, match=f"^{re.escape(problem)}$"):
        read_rule(text)


leaves = st.builds(lambda state, name: (f"{state}({name})", NOW[name] == state),
                   st.sampled_from(STATES), st.sampled_from("abc"))  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one: (f"NOT ({one[0]})", not one[1]), inner),
        st.builds(lambda l, r: (f"({l[0]}) AND ({r[0]})", l[1] and r[1]), inner, inner),  # noqa: E741
        st.builds(lambda l, r: (f"({l[0]}) OR ({r[0]})", l[1] or r[1]), inner, inner),  # noqa: E741
    ),
    max_leaves=12,
)


@given(trees)
def test_any_rule_holds_as_its_parts_do(tree):
    text, holds = tree

    assert read_rule(text).holds(NOW) is holds
