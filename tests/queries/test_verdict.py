"""What the advice means for a surge: a database that takes too long, with and without it."""

from dataclasses import replace

import pytest

from surgeproof.commands.queries import _judged
from surgeproof.plan.model import Figure
from surgeproof.plan.program import read_program
from surgeproof.project import Project
from surgeproof.queries.effect import Effect
from surgeproof.queries.review import review
from tests.queries.support import statistics


@pytest.fixture(scope="module")
def plan():
    """Stack `dev` under its first surge."""
    read = read_program(Project.find().root, "dev")
    return replace(read, stated=replace(read.stated, surges=read.stated.surges[:1]))


def judged(plan, *, saved, service=None):
    found = review(None, statistics())
    effect = Effect(
        total_milliseconds=1000.0, saved_milliseconds=saved, saved_by=("hypopg",), requests=None
    )
    changed = replace(plan.plan.service, **service) if service else plan.plan.service
    read = replace(plan, plan=replace(plan.plan, service=changed))
    return _judged(replace(found, effect=effect), Project.find(), "dev", read)


SLOW = {
    "service_seconds": Figure(low=1.1, typical=1.2, high=1.3),
    "longest_request_seconds": Figure(low=2, typical=3, high=5),
    "database_seconds": Figure(low=1.05, typical=1.15, high=1.25),
}
"""A request takes longer than the second that `slo.latencySeconds` allows."""


def test_a_surge_that_fails_by_the_database_survives_with_the_advice(plan):
    found = judged(plan, saved=990.0, service=SLOW)

    (one,) = found.judgements
    assert one.surge == "double"
    assert one.before.startswith("fails, 92.4 % of the users affected in the typical run, 0 of ")
    assert one.after.startswith("survives, ")
    assert found.assumptions[-1] == (
        "The replay has 1,150 ms of database time in a request now and 11.5 ms then, by "
        "service.databaseSeconds, and what an instance carries stays as stated: a load test says "
        "how much more it is."
    )


def test_why_nothing_is_replayed_is_told(plan):
    assert judged(plan, saved=950.0).notes[-1] == (
        "No surge was replayed: neither service.databaseSeconds nor --requests-per-second says "
        "what a request takes."
    )
    assert judged(plan, saved=0.0, service=SLOW).notes[-1] == (
        "No surge was replayed: nothing that was found has an estimate of what it saves."
    )
