"""What the advice does to the service that the replay reads."""

import pytest

from surgeproof.plan.model import Figure, Service
from surgeproof.queries.effect import Effect, effect_of, now_and_then
from surgeproof.queries.findings import Finding

SERVICE = Service(
    requests_per_second=Figure(low=80, typical=100, high=120),
    service_seconds=Figure(low=0.03, typical=0.04, high=0.05),
    boot_seconds=Figure(low=80, typical=100, high=110),
    database_seconds=Figure(low=0.01, typical=0.02, high=0.03),
)


def finding(saved, *statements):
    return Finding(
        kind="missing-index",
        place="orders",
        problem="",
        evidence=(),
        advice=(),
        milliseconds=100.0,
        saved_milliseconds=saved,
        saved_by="hypopg" if saved else "",
        statements=statements,
    )


def effect(saved, requests=None):
    return Effect(
        total_milliseconds=1000.0, saved_milliseconds=saved, saved_by=("hypopg",), requests=requests
    )


def test_the_time_of_a_statement_is_saved_once():
    made = effect_of(
        [finding(30.0, 1), finding(50.0, 1), finding(20.0, 2), finding(0.0, 3)],
        1000.0,
        hours=2.0,
        requests_per_second=5.0,
    )

    assert (made.saved_milliseconds, made.saved_share, made.saved_by) == (70.0, 0.07, ("hypopg",))
    assert made.requests == 36_000
    assert made.request_milliseconds == pytest.approx((1000 / 36_000, 930 / 36_000))


def test_without_a_rate_or_a_time_there_is_no_time_of_a_request():
    for known in (
        {"hours": None, "requests_per_second": 5.0},
        {"hours": 2.0, "requests_per_second": None},
    ):
        assert effect_of([finding(1.0, 1)], 10.0, **known).request_milliseconds is None


def test_what_is_stated_becomes_shorter_by_the_share_that_is_saved():
    now, then = now_and_then(SERVICE, effect(250.0))

    assert now == SERVICE
    assert then.database_seconds == Figure(low=0.0075, typical=0.015, high=0.0225)
    assert then.service_seconds.typical == pytest.approx(0.035)
    assert then.service_seconds.high == pytest.approx(0.0425)
    assert then.requests_per_second == SERVICE.requests_per_second


def test_what_was_measured_comes_before_what_is_stated():
    now, then = now_and_then(SERVICE, effect(500.0, requests=100.0))  # 10 ms each

    assert now.database_seconds.typical == pytest.approx(0.01)
    assert (now.database_seconds.low, now.database_seconds.high) == pytest.approx((0.008, 0.012))
    assert then.database_seconds.typical == pytest.approx(0.005)
    assert now.service_seconds == SERVICE.service_seconds


def test_the_database_s_part_is_no_longer_than_the_whole():
    now, then = now_and_then(SERVICE, effect(500.0, requests=1.0))  # 1 s each

    assert now.database_seconds == SERVICE.service_seconds
    assert then.service_seconds.typical == pytest.approx(0.02)


def test_without_any_time_of_the_database_nothing_changes():
    none = Service(
        requests_per_second=SERVICE.requests_per_second,
        service_seconds=SERVICE.service_seconds,
        boot_seconds=SERVICE.boot_seconds,
    )

    assert now_and_then(none, effect(250.0)) is None
