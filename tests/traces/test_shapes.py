"""Shapes do what their parameters say, whatever the step, and refuse what makes no sense."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest

from surgeproof.traces import TraceError, named_trace, trace_names
from surgeproof.traces.outage import shipped
from surgeproof.traces.shapes import (
    SHAPES,
    diurnal_day,
    flash_crowd,
    outage_shape,
    parameters,
    ramp,
    regional_wave,
    retry_storm,
    step,
)


def at(trace, second):
    return trace.requests_per_second[int((second) / trace.step_seconds)]


@pytest.mark.parametrize("name", SHAPES)
class TestEveryShape:
    def test_total_is_the_same_whatever_the_step(self, name):
        shape = SHAPES[name]
        totals = [shape(step_seconds=seconds).total_requests for seconds in (10, 20, 60, 300)]

        assert totals == pytest.approx([totals[0]] * 4, rel=1e-9)

    def test_parameters_are_documented_with_a_default_in_range(self, name):
        for parameter in parameters(SHAPES[name]):
            assert parameter.meaning
            assert parameter.unit
            assert parameter.low <= parameter.default <= parameter.high
            assert parameter.name == "step_seconds" or not parameter.meaning.endswith(".")
        assert SHAPES[name].__doc__

    def test_values_out_of_range_are_refused(self, name):
        shape = SHAPES[name]
        for parameter in parameters(shape):
            for value in (parameter.low - 1, parameter.high * 2 + 1, float("nan"), "2", None):
                message = f"^{shape.__name__}.{parameter.name}: must be a "
                with pytest.raises(TraceError, match=message):
                    shape(**{parameter.name: value})

    def test_scales_with_its_base(self, name):
        base = parameters(SHAPES[name])[0].name
        one, three = SHAPES[name](**{base: 50.0}), SHAPES[name](**{base: 150.0})

        assert three.requests_per_second == pytest.approx(one.requests_per_second * 3, rel=1e-9)

    def test_is_the_same_each_time(self, name):
        assert SHAPES[name]() == SHAPES[name]()


class TestShapes:
    def test_all_problems_come_in_one_error(self):
        with pytest.raises(TraceError) as caught:
            ramp(factor=-1, rise_seconds=float("inf"))

        assert str(caught.value) == (
            "ramp.factor: must be a number from 0 to 1000 (times), got -1\n"
            "  ramp.rise_seconds: must be a number from 0 to 86400 (seconds), got inf"
        )

    def test_whole_numbers_must_be_whole(self):
        with pytest.raises(TraceError, match=r"^retry_storm.retries: must be a whole number"):
            retry_storm(retries=2.5)

    def test_step_jumps_and_stays(self):
        made = step(base_requests_per_second=10, factor=5, begin_seconds=60, duration_seconds=120)

        assert made.requests_per_second.tolist() == [10.0] * 60 + [50.0] * 60

    def test_ramp_rises_holds_and_falls(self):
        made = ramp(
            base_requests_per_second=10,
            factor=3,
            begin_seconds=2,
            rise_seconds=2,
            hold_seconds=2,
            fall_seconds=1,
            duration_seconds=9,
        )

        assert made.requests_per_second.tolist() == [10, 10, 15, 25, 30, 30, 20, 10, 10]

    def test_ramp_within_a_step_keeps_its_total(self):
        made = ramp(begin_seconds=630, rise_seconds=0, step_seconds=60)

        assert made.requests_per_second[10:12].tolist() == [150, 200]

    def test_peak_that_is_cut_off_is_refused(self):
        with pytest.raises(TraceError) as caught:
            ramp(begin_seconds=3500, rise_seconds=300)

        assert str(caught.value) == (
            "ramp.begin_seconds + rise_seconds: must be at most duration_seconds (3600), "
            "or the peak is cut off, got 3800"
        )

    def test_duration_is_a_whole_number_of_steps(self):
        with pytest.raises(TraceError, match=r"^step.duration_seconds: must be a whole number of"):
            step(duration_seconds=3605, step_seconds=60)

    def test_flash_crowd_leaves_by_halves(self):
        made = flash_crowd(
            base_requests_per_second=100,
            factor=9,
            settle_factor=1,
            begin_seconds=600,
            rise_seconds=60,
            hold_seconds=140,
            half_life_seconds=100,
        )

        assert at(made, 599) == 100
        assert at(made, 700) == pytest.approx(900)
        assert at(made, 900) == pytest.approx(500, rel=0.01)
        assert at(made, 1000) == pytest.approx(300, rel=0.01)

    def test_day_has_its_mean_swing_and_peak(self):
        made = diurnal_day(mean_requests_per_second=100, peak_to_trough=4, noise_percent=0)
        rates = made.requests_per_second

        assert made.mean_requests_per_second == pytest.approx(100)
        assert rates.max() / rates.min() == pytest.approx(4, rel=1e-6)
        assert abs(made.seconds[rates.argmax()] - 20 * 3600) <= 10

    def test_noise_has_its_deviation_and_its_seed(self):
        quiet = diurnal_day(noise_percent=0, days=7).requests_per_second
        noisy = diurnal_day(noise_percent=8, days=7, seed=5).requests_per_second

        assert np.std(noisy / quiet - 1) == pytest.approx(0.08, rel=0.15)
        assert (
            noisy.tolist()
            == diurnal_day(noise_percent=8, days=7, seed=5).scale(1).requests_per_second.tolist()
        )
        assert (
            noisy.tolist()
            != diurnal_day(noise_percent=8, days=7, seed=6).scale(1).requests_per_second.tolist()
        )

    def test_regions_peak_one_after_the_other(self):
        made = regional_wave(
            base_requests_per_second=100,
            factor=3,
            regions=2,
            lag_seconds=4000,
            width_seconds=3600,
            shrink=0.5,
        )

        assert at(made, 600 + 1800) == pytest.approx(300, rel=1e-5)
        assert at(made, 600 + 3700) == pytest.approx(100)
        assert at(made, 600 + 4000 + 1800) == pytest.approx(200, rel=1e-5)

    def test_retry_storm_sends_each_retry_after_its_wait(self):
        made = retry_storm(
            base_requests_per_second=10,
            begin_seconds=10,
            failure_seconds=20,
            retries=2,
            backoff_seconds=4,
            return_percent=0,
            duration_seconds=60,
        )

        # Retries of failures in [10, 30) come in [14, 34); those that fail, in [22, 38).
        expected = [10] * 14 + [20] * 8 + [30] * 12 + [20] * 4 + [10] * 22
        assert made.requests_per_second.tolist() == expected

    def test_retry_storm_that_gives_up_returns(self):
        made = retry_storm(
            base_requests_per_second=10,
            begin_seconds=10,
            failure_seconds=20,
            retries=0,
            return_percent=50,
            return_half_life_seconds=5,
            duration_seconds=600,
        )

        assert made.total_requests == pytest.approx(10 * 600 + 0.5 * 10 * 20)

    def test_no_failure_is_no_storm(self):
        made = retry_storm(failure_seconds=0)

        assert set(made.requests_per_second.tolist()) == {100.0}


class TestOutage:
    def test_rises_before_the_alarm_and_stays_until_the_incident_is_over(self):
        made = outage_shape(lead_seconds=600, rise_seconds=600, peak_factor=3, plateau_factor=2)
        alarm = 3600

        assert made.start.isoformat() == "2023-01-15T07:45:00+00:00"
        assert at(made, alarm - 601) == 100
        assert at(made, alarm + 1) == 300
        assert at(made, alarm + 165 * 60) == 200
        assert made.requests_per_second[-1] == pytest.approx(100, rel=0.01)

    def test_plateau_above_the_peak_is_refused(self):
        with pytest.raises(TraceError, match=r"^outage_shape.plateau_factor: must be at most peak"):
            outage_shape(peak_factor=1.5, plateau_factor=2)

    def test_plateau_that_is_never_reached_is_refused(self):
        with pytest.raises(TraceError, match=r"when the plateau ends, got"):
            outage_shape(peak_seconds=10_800, ease_seconds=7200)


class TestNamedTraces:
    def test_names(self):
        assert list(trace_names()) == [
            *(f"x{factor}-in-{rise}s" for factor in (2, 5, 10) for rise in (0, 60, 300)),
            "flash-crowd",
            "diurnal-day",
            "regional-wave",
            "retry-storm",
            "outage-2023-01-15",
        ]

    @pytest.mark.parametrize("name", trace_names())
    def test_each_bears_its_name_and_starts_from_its_base(self, name):
        made = named_trace(name, 40.0)

        assert made.name == name
        if name != "diurnal-day":
            assert made.requests_per_second[0] == 40
        if match := re.fullmatch(r"x(\d+)-in-(\d+)s", name):
            assert made.peak_requests_per_second == 40 * int(match[1])
            assert at(made, 600 + int(match[2])) == 40 * int(match[1])

    def test_unknown_name_is_refused(self):
        with pytest.raises(TraceError, match=r"^trace: must be one of x2-in-0s, .*, got 'x3'$"):
            named_trace("x3")

    def test_the_outage_is_the_shipped_member_with_its_date(self):
        made = named_trace("outage-2023-01-15")

        assert made.peak_requests_per_second == pytest.approx(
            100 * shipped().values["peak_factor"], rel=1e-6
        )
        assert made.start == datetime(2023, 1, 15, 7, 45, tzinfo=UTC)
