"""The fast simulation agrees with the request-level one, where it is said to, and only there."""

import re
from pathlib import Path

import pytest

from surgeproof.simulation.verdict import NOT_MODELLED
from tests.request_level.agreement import NOT_HELD, misses, table
from tests.request_level.measure import digest, kept
from tests.request_level.runs import BY_NAME, FIRST

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs/simulation.md"


def kinds(lines):
    return [line.split(":")[0] for line in lines]


@pytest.mark.parametrize("name", BY_NAME)
def test_all_is_held_but_what_is_said_not_to_be(name):
    assert kinds(misses(name)) == kinds(NOT_HELD.get(name, ()))


def test_the_first_surges_and_most_of_all_are_held():
    assert not NOT_HELD.keys() & set(FIRST)
    assert len(NOT_HELD) <= len(BY_NAME) / 5


def test_what_is_kept_is_of_the_present_code_and_of_twenty_seeds_or_more():
    results, digests = kept()

    assert digests == {name: digest(name) for name in BY_NAME}
    for name, scenario in BY_NAME.items():
        assert [result.seed for result in results[name]] == list(range(1, scenario.seeds + 1))
        assert scenario.seeds >= 20


def test_the_page_quotes_the_table():
    quoted = re.search(r"```text\n(surge .*?)```", DOCS.read_text(), re.DOTALL).group(1)

    def ends(lines):
        return [(line.split()[0], line.endswith("NOT HELD")) for line in lines if line[0] != " "]

    assert ends(quoted.splitlines()) == ends(table()[1:])


def test_reports_say_how_many_are_held():
    held = f"in {len(BY_NAME) - len(NOT_HELD)} of {len(BY_NAME)} surges"

    assert any(held in line for line in NOT_MODELLED)
    assert held in DOCS.read_text()
