"""Growth: daily peaks, trend with an interval, dates, and what is too little to say any."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from surgeproof.review.growth import DRAWS, Peaks, daily_peaks, forecast_of, sentences
from surgeproof.traces import Trace

MONDAY = date(2026, 1, 5)
WEEK = np.array([1.0, 1.1, 1.1, 1.05, 1.0, 0.6, 0.5])


def peaks(days=180, percent_per_month=5.0, noise=0.0, seed=0, kinship=0.0):
    generator = np.random.default_rng(seed)
    slope = math.log1p(percent_per_month / 100) / (365.25 / 12)
    rest = np.zeros(days)
    for day in range(days):
        rest[day] = kinship * rest[day - 1] + generator.normal(0, noise)
    values = 100 * np.exp(slope * np.arange(days) + rest) * WEEK[np.arange(days) % 7]
    return Peaks(what="requests/s", first=MONDAY, values=tuple(values.tolist()))


def test_a_trend_without_noise_is_found_exactly_and_so_is_the_week():
    found = forecast_of(peaks()).growth

    assert found.percent_per_month == pytest.approx(5, abs=1e-9)
    assert found.low_percent_per_month == pytest.approx(5, abs=1e-9)
    assert found.high_percent_per_month == pytest.approx(5, abs=1e-9)
    assert found.weekdays == pytest.approx(tuple(WEEK), rel=1e-9)
    assert (found.first, found.last) == (MONDAY, MONDAY + timedelta(days=179))
    assert found.horizon == MONDAY + timedelta(days=2 * 179)
    assert found.days == 180


def test_the_date_is_when_the_trend_has_grown_so_many_times():
    forecast = forecast_of(peaks())

    reached = forecast.reached(1.25)

    days = math.ceil(math.log(1.25) / math.log(1.05) * 365.25 / 12)
    assert days == 140
    assert reached.likely == MONDAY + timedelta(days=179 + days)
    assert {reached.earliest, reached.latest} == {reached.likely}
    assert reached.said(forecast.growth.horizon) == "2026-11-20 (2026-11-20 to 2026-11-20)"


def test_nothing_is_dated_further_ahead_than_the_history_reaches_back():
    forecast = forecast_of(peaks())

    reached = forecast.reached(2)  # 14 months ahead, of 6 months of history

    assert (reached.earliest, reached.likely, reached.latest) == (None, None, None)
    assert reached.said(forecast.growth.horizon) == (
        "not before 2026-12-29, as far as the history allows to look"
    )


def test_a_multiple_that_is_reached_is_reached_today():
    forecast = forecast_of(peaks())

    assert forecast.reached(0.9).likely == forecast.growth.last


def test_falling_demand_reaches_nothing():
    reached = forecast_of(peaks(percent_per_month=-5)).reached(1.2)

    assert (reached.earliest, reached.likely, reached.latest) == (None, None, None)


def test_where_growth_may_be_none_the_late_end_is_open():
    forecast = forecast_of(peaks(percent_per_month=0.3, noise=0.1, kinship=0.5))
    growth = forecast.growth

    assert growth.low_percent_per_month < 0 < growth.high_percent_per_month
    assert forecast.reached(1.02).latest is None
    assert "no growth is shown by these data" in sentences(growth)[1]


def test_the_interval_holds_the_true_growth_as_often_as_it_says_though_days_resemble_each_other():
    held = 0
    for seed in range(40):
        growth = forecast_of(peaks(noise=0.06, seed=seed, kinship=0.6), seed=seed).growth
        held += growth.low_percent_per_month <= 5 <= growth.high_percent_per_month

    assert 32 <= held <= 40  # 36 of 40 are expected of a 90 % interval


def test_single_odd_days_do_not_move_the_trend():
    values = list(peaks(noise=0.02).values)
    for day in (20, 77, 150, 151):
        values[day] *= 8

    found = forecast_of(Peaks(what="requests/s", first=MONDAY, values=tuple(values))).growth

    assert found.percent_per_month == pytest.approx(5, abs=0.5)


def test_the_same_seed_gives_the_same_interval():
    one, other = (forecast_of(peaks(noise=0.1), seed=3) for _ in range(2))

    assert one == other
    assert len(one.draws) == DRAWS


@pytest.mark.parametrize(
    ("days", "gone", "said"),
    [
        (55, 0, "a trend needs daily peaks over at least 56 days, got 55; no date is given"),
        (0, 0, "a trend needs daily peaks over at least 56 days, got 0; no date is given"),
        (
            100,
            30,
            "a trend needs a peak on at least 80% of the days, got 70 of 100; no date is given",
        ),
    ],
)
def test_too_little_data_is_said_and_nothing_extrapolated(days, gone, said):
    values = list(peaks(days=days).values)
    for day in range(gone):
        values[2 + 3 * day] = math.nan

    forecast = forecast_of(Peaks(what="requests/s", first=MONDAY, values=tuple(values)))

    assert forecast.growth.too_little == said
    assert forecast.growth.percent_per_month is None
    assert forecast.reached(1.1) is None
    assert sentences(forecast.growth)[-1] == f"Too little data: {said}."


def hourly(rates, *, begins=datetime(2026, 1, 5, tzinfo=UTC), absent=(), dated=True, step=3600):
    flags = np.zeros(len(rates), np.bool_)
    flags[list(absent)] = True
    return Trace(
        "own",
        requests_per_second=rates,
        step_seconds=step,
        start_seconds=begins.timestamp(),
        dated=dated,
        absent=flags,
    )


def test_a_days_peak_is_its_busiest_hour_in_utc():
    rates = np.ones(72)
    rates[13], rates[24 + 20], rates[48] = 7, 9, 11

    found = daily_peaks(hourly(rates), "requests/s")

    assert found.first == MONDAY
    assert found.values == (7, 9, 11)


def test_a_day_with_too_few_hours_has_no_peak():
    rates = np.ones(19 + 24 + 24 + 19)
    begins = datetime(2026, 1, 5, 5, tzinfo=UTC)  # 19 hours are left of the first day

    found = daily_peaks(hourly(rates, begins=begins, absent=range(19, 24)), "requests/s")

    assert [math.isnan(each) for each in found.values] == [True, True, False, True]
    assert found.recent == 1


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        (hourly(np.ones(48), dated=False), "own: must have dates, since growth is read from its "),
        (hourly(np.ones(48), step=7 * 3600), "own: must have steps that divide a day, got 25200 s"),
    ],
)
def test_a_history_without_days_is_refused(trace, said):
    with pytest.raises(ValueError, match=said):
        daily_peaks(trace, "requests/s")


def test_the_weekly_pattern_blurs_neither_the_trend_nor_its_interval():
    weekly = np.array(peaks(noise=0.05, seed=4).values)
    flat = weekly / WEEK[np.arange(weekly.size) % 7]

    one, other = (
        forecast_of(Peaks(what="requests/s", first=MONDAY, values=tuple(each.tolist()))).growth
        for each in (weekly, flat)
    )

    for name in ("percent_per_month", "low_percent_per_month", "high_percent_per_month"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)
    assert one.percent_per_month == pytest.approx(5, abs=1)


def test_the_busiest_minute_may_be_higher_than_every_hour():
    hours = peaks(days=60)

    assert replace(hours, busiest=500.0).recent == 500
    assert replace(hours, busiest=1.0).recent == hours.recent == max(hours.values[-28:])
