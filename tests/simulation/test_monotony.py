"""More of what should help: a seeded part of what `python -m benchmarks.monotony` compares."""

from dataclasses import replace

import pytest

from benchmarks import monotony


@pytest.mark.parametrize("number", range(700, 712))
def test_more_of_what_should_help_never_hurts_without_a_reason(number):
    comparisons, found = monotony.compared(number)

    assert comparisons == len(monotony.CHANGES) == 8
    assert [each for each in found if not each.reason] == []


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        (46, "half as many instances more", "connections"),
        (106, "a boot in half the time", "contention"),
        (96, "twice the maximum", "cold instances"),
        (604, "a boot in half the time", "come one by one"),
    ],
    ids=str,
)
def test_what_hurts_more_for_a_reason_is_told_with_it(number, change, reason):
    _, found = monotony.compared(number)

    assert [each.reason for each in found if each.change == change] == [reason]


def test_a_change_that_hurts_without_a_reason_is_a_finding(monkeypatch):
    """Instances that carry a third less, as a fault of the simulation would make them."""

    def weaker(case):
        service = case.plan.service
        figure = service.requests_per_second
        less = replace(figure, low=figure.low / 3, typical=figure.typical / 3, high=figure.high / 3)
        plan = replace(case.plan, service=replace(service, requests_per_second=less), database=None)
        return replace(case, plan=plan)

    monkeypatch.setattr(monotony, "CHANGES", {"a fault": weaker})
    monkeypatch.setattr(monotony, "REPEATS", 4)

    found = [each for number in range(700, 704) for each in monotony.compared(number)[1]]

    assert [each for each in found if not each.reason]
    assert all(each.after > each.before + monotony.POINTS for each in found)


def test_the_same_number_is_the_same_configuration():
    one, other = monotony.configuration(3), monotony.configuration(3)

    assert one.plan == other.plan
    assert (one.load.requests_per_second == other.load.requests_per_second).all()
    assert monotony.configuration(4).plan != one.plan
