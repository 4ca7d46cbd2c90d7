"""The fast simulation agrees with the request-level one, within the tolerances of its design."""

import pytest

from tests.request_level.agreement import AFFECTED_POINTS, BAD_MINUTES, fast, slow
from tests.request_level.runs import FIRST

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", FIRST)
def test_as_many_users_are_affected(name):
    assert fast(name).affected_percent == pytest.approx(
        slow(name).affected_percent, abs=AFFECTED_POINTS
    )


@pytest.mark.parametrize("name", FIRST)
def test_as_many_minutes_are_bad(name):
    assert fast(name).bad_minutes == pytest.approx(slow(name).bad_minutes, abs=BAD_MINUTES)


@pytest.mark.parametrize("name", FIRST)
def test_the_first_alarm_is_the_same(name):
    assert fast(name).first_alarm == slow(name).first_alarm
    assert fast(name).first_alarm_at == pytest.approx(slow(name).first_alarm_at, abs=60)
