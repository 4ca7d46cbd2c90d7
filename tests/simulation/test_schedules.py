"""When scheduled actions run."""

from dataclasses import replace

import pytest

from surgeproof.plan import ScheduledAction
from surgeproof.simulation import encode
from surgeproof.simulation.encode_schedules import moments_of
from tests.simulation.support import constant, scaling

SUNDAY = 1673740800.0
"""15 January 2023, 00:00 UTC."""
MONDAY = SUNDAY + 86400


def within(action, start, seconds):
    """The moments of the trace; one before it, which still holds, is not among them."""
    return [moment for moment in moments_of(action, start, seconds, 0.0) if moment >= 0]


@pytest.mark.parametrize(
    ("recurrence", "start", "hours", "expected"),
    [
        ("0 6 * * MON-FRI", MONDAY, 24, [6]),
        ("0 6 * * MON-FRI", SUNDAY, 24, []),
        ("0 6 * * mon-fri", MONDAY, 24, [6]),
        ("0 6 * * 1-5", SUNDAY, 48, [30]),
        ("0 6 * * 7", SUNDAY, 24, [6]),
        ("0 6 * JAN *", SUNDAY, 24, [6]),
        ("0 6 * FEB-DEC *", SUNDAY, 24, []),
        ("0 6 * JAN,MAR SUN,TUE", SUNDAY, 24, [6]),
        ("30 8-10 * * *", SUNDAY, 24, [8.5, 9.5, 10.5]),
        ("0 8-12/2 * * *", SUNDAY, 24, [8, 10, 12]),
        ("0,45 8 * * *", SUNDAY, 24, [8, 8.75]),
        ("*/20 8 * * *", SUNDAY, 24, [8, 8 + 1 / 3, 8 + 2 / 3]),
        # Where both days are restricted, either is enough.
        ("0 6 1 * SUN", SUNDAY, 24, [6]),
        ("0 6 15 * MON", SUNDAY, 48, [6, 30]),
        ("0 0 * * *", SUNDAY, 24, [0]),
    ],
)
def test_a_recurrence_names_its_moments_as_aws_takes_them(recurrence, start, hours, expected):
    action = ScheduledAction(name="peak", group="web", recurrence=recurrence)

    moments = within(action, start, 3600.0 * hours)

    assert [moment / 3600 for moment in moments] == pytest.approx(expected)


def test_of_what_lies_before_the_time_before_a_trace_the_last_moment_holds():
    action = ScheduledAction(name="peak", group="web", recurrence="0,20,40 * * * *")

    moments = moments_of(action, SUNDAY, 1800.0, 1800.0)

    assert [moment / 60 for moment in moments] == [-40, -20, 0, 20]


def test_a_recurrence_follows_its_time_zone_over_a_change_of_the_clock():
    saturday = 1774656000.0  # 28 March 2026, 00:00 UTC; the clock goes forward on the 29th
    action = ScheduledAction(
        name="peak", group="web", recurrence="0 9 * * *", time_zone="Europe/Berlin"
    )

    assert within(action, saturday, 2 * 86400.0) == [8 * 3600.0, (24 + 7) * 3600.0]


def test_a_schedule_runs_at_its_start_then_recurs_until_its_end():
    action = ScheduledAction(
        name="peak",
        group="web",
        recurrence="0 * * * *",
        start_seconds=SUNDAY + 1.5 * 3600,
        end_seconds=SUNDAY + 4 * 3600,
    )

    moments = within(action, SUNDAY, 86400.0)

    assert [moment / 3600 for moment in moments] == [1.5, 2, 3]


@pytest.mark.parametrize("recurrence", ["@daily", "0 6 * *", "0 25 * * *", "0 6 * * FUN"])
def test_a_recurrence_without_a_reading_lowers_the_verdict(recurrence):
    action = ScheduledAction(name="peak", group="web", recurrence=recurrence, min_size=6)
    load = replace(constant(80, 600), dated=True)

    encoded = encode(scaling(schedules=(action,)), load, group="web")

    (left_out,) = encoded.supply_limitations
    assert left_out.startswith(
        f"scheduled action peak is left out: no reading of its recurrence {recurrence!r}: "
    )
    assert encoded.limitations[-1] == left_out


@pytest.mark.parametrize(
    ("sizes", "lowers"),
    [
        ({"min_size": 4}, False),
        ({"desired_capacity": 4}, False),
        ({"min_size": 1}, True),
        ({"max_size": 8}, True),
        ({"desired_capacity": 1}, True),
    ],
)
def test_a_trace_without_a_date_leaves_a_schedule_out_and_says_if_that_matters(sizes, lowers):
    action = ScheduledAction(name="night", group="web", recurrence="0 22 * * *", **sizes)

    encoded = encode(scaling(schedules=(action,)), constant(80, 600), group="web")

    reason = "scheduled action night is left out: the trace has no date"
    assert reason in encoded.limitations
    assert encoded.supply_limitations == ((reason,) if lowers else ())
