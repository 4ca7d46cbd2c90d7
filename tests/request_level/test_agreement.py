"""The fast simulation agrees with the request-level one, where it is said to, and only there."""

import re
from pathlib import Path

import pytest

from surgeproof.simulation.shown import SHOWN, Shown
from tests.request_level.agreement import NOT_HELD, misses, table
from tests.request_level.measure import digest, kept
from tests.request_level.runs import BY_NAME, FIRST

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs/simulation.md"


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


def test_the_range_for_which_it_is_said_is_that_of_the_surges():
    plans = [scenario.plan for scenario in BY_NAME.values()]
    groups = [plan.groups[0] for plan in plans]
    standing = [group.desired_capacity or group.min_size for group in groups]
    carried = [plan.service.requests_per_second.typical for plan in plans]
    patience = [plan.users.timeout_seconds.typical for plan in plans]
    rates = [scenario.trace.requests_per_second for scenario in BY_NAME.values()]

    compared = Shown(
        surges=len(BY_NAME),
        held=len(BY_NAME) - len(NOT_HELD),
        standing=(min(standing), max(standing)),
        most=max(group.max_size for group in groups),
        requests_per_second=(min(carried), max(carried)),
        peak=round(max(max(each) / each[0] for each in rates)),
        minutes=max(len(each) / 6 for each in rates),
        timeout_seconds=(min(patience), max(patience)),
        retries=max(plan.users.retries for plan in plans),
    )
    assert compared == SHOWN
    assert {scenario.trace.step_seconds for scenario in BY_NAME.values()} == {10}


@pytest.mark.parametrize("path", ["README.md", "CHANGELOG.md", "docs/simulation.md"])
def test_the_pages_say_in_how_many_it_is_held(path):
    assert (
        f"in {SHOWN.held} of {SHOWN.surges} surges"
        in " ".join((ROOT / path).read_text().split()).lower()
    )
