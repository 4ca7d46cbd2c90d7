"""What every rule says is short enough to be read."""

import pytest

from tests.corpus.run import by_function, stacks

WORDS = 60
"""Most words of a finding, before why it matters and how to fix it."""


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    results = by_function(stacks(held_out=False), tmp_path_factory.mktemp("corpus"))
    return [each for result in results for each in (*result.violations, *result.undecided)]


def test_no_finding_is_long(findings):
    assert len({each.rule for each in findings}) > 60
    longest = max(findings, key=lambda each: len(each.message.split()))
    assert len(longest.message.split()) <= WORDS, longest
