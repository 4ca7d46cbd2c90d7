"""Every verdict states the range for which it was compared, and where a plan lies outside it."""

from dataclasses import replace

import pytest

from surgeproof.plan import Figure
from surgeproof.simulation import Injected, Injection
from surgeproof.simulation.shown import SHOWN, outside
from surgeproof.simulation.verdict import judge
from tests.simulation.support import constant, fixed, group, service, users

WITHIN = fixed(
    8,
    service=service(requests_per_second=Figure.exactly(5), service_seconds=Figure.exactly(0.4)),
)
LOAD = constant(20, 1200)
SLOW_BOOTS = Injected(kind=Injection.BOOT_SLOWER, start_seconds=60, value=2)


def said(plan=WITHIN, load=LOAD, injected=()):
    (sentence,) = outside(plan, load, plan.groups[0], injected) or ("",)
    return sentence.partition(": ")[2].partition(" (see")[0]


def test_a_plan_within_the_range_is_not_told_to_be_outside():
    verdict = judge(WITHIN, LOAD, with_standing=False).verdict

    assert verdict.limitations == ()
    assert str(SHOWN) in verdict.not_modelled


def test_a_plan_outside_the_range_is_told_to_be():
    verdict = judge(fixed(4), constant(100, 3600), with_standing=False).verdict

    (sentence,) = verdict.limitations
    assert sentence == (
        "no comparison with single requests was made for: 4 standing instances, 100 requests/s an "
        "instance, 60 minutes (see Not modelled)"
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"groups": (group(min_size=41, max_size=41),)}, "41 standing instances"),
        ({"groups": (group(min_size=8, max_size=94),)}, "up to 94 instances"),
        ({"users": users(retries=4)}, "4 retries"),
        ({"users": users(timeout_seconds=Figure.exactly(5))}, "a time-out of 5 s"),
        ({"users": users(think_seconds=Figure.exactly(5))}, "users who think"),
        (
            {"target_groups": (replace(WITHIN.target_groups[0], slow_start_seconds=30),)},
            "slow start",
        ),
    ],
    ids=str,
)
def test_what_is_outside_is_named(changes, what):
    assert said(replace(WITHIN, **changes)) == what


def test_a_load_and_a_failure_outside_are_named():
    steep = replace(LOAD, requests_per_second=LOAD.requests_per_second.copy())
    steep.requests_per_second[50:] = 101

    assert said(load=steep) == "more than 5 times the first load"
    assert said(injected=[SLOW_BOOTS]) == "injected: boot slower"
    assert said(injected=[replace(SLOW_BOOTS, kind=Injection.ZONE_LOST, value=0)]) == ""
