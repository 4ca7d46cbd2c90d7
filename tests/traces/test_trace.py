"""A trace never changes, and its operations keep what they promise."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeproof.traces import BadRow, Trace, TraceError

RATES = st.lists(st.floats(0, 1e5, allow_subnormal=False), min_size=1, max_size=60)
STEPS = st.integers(1, 200_000).map(lambda milliseconds: milliseconds / 1000)
FACTORS = st.floats(0, 90, allow_subnormal=False)


def trace(rates=(1.0, 2.0, 3.0, 4.0), step=10.0, **others):
    return Trace("t", requests_per_second=rates, step_seconds=step, **others)


class TestTrace:
    def test_totals_mean_peak_and_times(self):
        made = trace()

        assert made.total_requests == 100
        assert made.mean_requests_per_second == 2.5
        assert made.peak_requests_per_second == 4
        assert made.duration_seconds == 40
        assert made.seconds.tolist() == [0, 10, 20, 30]
        assert made.start is None

    def test_dated_trace_says_when_it_starts(self):
        made = trace(start_seconds=1_673_772_300, dated=True)

        assert made.start.isoformat() == "2023-01-15T08:45:00+00:00"

    def test_cannot_be_changed(self):
        rates = np.ones(3)
        made = trace(rates)
        rates[0] = 7

        assert made.requests_per_second[0] == 1
        with pytest.raises(ValueError, match="read-only"):
            made.requests_per_second[0] = 7
        with pytest.raises(ValueError, match="WRITEABLE"):
            made.requests_per_second.flags.writeable = True
        with pytest.raises(AttributeError):
            made.name = "other"

    def test_pickled_trace_is_equal_and_still_cannot_be_changed(self):
        made = trace(absent=[True, False, False, False], provenance=("here",), rows=4)
        again = pickle.loads(pickle.dumps(made))  # noqa: S301

        assert again == made
        assert hash(again) == hash(made)
        with pytest.raises(ValueError, match="read-only"):
            again.absent[0] = False

    def test_differs_by_any_field(self):
        assert trace() != trace(provenance=("here",))
        assert trace() != trace((1.0, 2.0, 3.0, 5.0))
        assert trace() != 1

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"rates": []}, "Trace.requests_per_second: must have 1 to 10,000,000 steps, got 0"),
            (
                {"rates": [1, -1]},
                "Trace.requests_per_second[1]: must be a number from 0 to 1e+09, got -1.0",
            ),
            (
                {"rates": [float("nan")]},
                "Trace.requests_per_second[0]: must be a number from 0 to 1e+09, got nan",
            ),
            (
                {"rates": [1, float("inf")]},
                "Trace.requests_per_second[1]: must be a number from 0 to 1e+09, got inf",
            ),
            ({"rates": ["a"]}, "Trace.requests_per_second: must be numbers, got ['a']"),
            (
                {"rates": [[1.0]]},
                "Trace.requests_per_second: must be one row of numbers, got (1, 1)",
            ),
            (
                {"step": 0},
                "Trace.step_seconds: must be whole milliseconds from 0.001 to 604800 s, got 0",
            ),
            (
                {"step": 1 / 3},
                (
                    "Trace.step_seconds: must be whole milliseconds from 0.001 to 604800 s, "
                    "got 0.3333333333333333"
                ),
            ),
            (
                {"start_seconds": float("nan")},
                "Trace.start_seconds: must be a number of at most 1e+12, got nan",
            ),
            (
                {"start_seconds": -1, "dated": True},
                "t: must lie from 1970-01-01 to 9999-12-31, got Unix time -1 to 39",
            ),
            (
                {"start_seconds": 253_402_300_760, "dated": True},
                (
                    "t: must lie from 1970-01-01 to 9999-12-31, got Unix time 253402300760 to "
                    "253402300800"
                ),
            ),
            ({"absent": [True]}, "Trace.absent: must have one flag a step (4), got (1,)"),
        ],
    )
    def test_what_cannot_be_a_trace_is_refused(self, change, message):
        with pytest.raises(TraceError) as caught:
            trace(**change)

        assert str(caught.value) == message

    def test_description_shows_bad_rows_and_gaps(self):
        rows = tuple(BadRow(f"f:{line}", "be x", "y") for line in range(5))
        made = trace(provenance=("f",), rows=10, bad_rows=7, first_bad_rows=rows, absent=[True] * 4)

        assert made.describe() == [
            "f",
            "7 of 10 rows are bad (70 %):",
            *(f"  f:{line}: must be x, got y" for line in range(5)),
            "  and 2 more",
            "4 of 4 steps have no data, or not all of it; what is missing counts as no requests",
        ]

    def test_growth_is_the_largest_factor_within_the_time(self):
        made = trace((1.0, 2.0, 8.0, 4.0))

        assert made.growth(10) == 4
        assert made.growth(20) == 8
        assert made.growth(100) == 1
        assert trace((0.0, 1.0)).growth(10) == float("inf")


class TestOperations:
    def test_scaled_rates_are_multiplied(self):
        assert trace().scale(2.5).requests_per_second.tolist() == [2.5, 5, 7.5, 10]
        assert trace().scale(2).provenance == ("scaled by 2",)

    @pytest.mark.parametrize("factor", [-1, float("nan"), float("inf")])
    def test_factor_that_is_none_is_refused(self, factor):
        with pytest.raises(
            TraceError, match=f"^factor: must be a finite number of at least 0, got {factor}$"
        ):
            trace().scale(factor)

    def test_scaled_to_a_peak(self):
        assert trace().scale_to_peak(8).requests_per_second.tolist() == [2, 4, 6, 8]

    def test_silence_cannot_be_scaled_to_a_peak(self):
        with pytest.raises(TraceError, match=r"^t: must have requests to be scaled to a peak"):
            trace((0.0,)).scale_to_peak(8)

    def test_resampled_down_and_up(self):
        assert trace().resample(20).requests_per_second.tolist() == [1.5, 3.5]
        assert trace().resample(5).requests_per_second.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
        assert trace().resample(15).requests_per_second.tolist() == [20 / 15, 40 / 15, 40 / 15]

    def test_resampled_step_is_absent_if_a_part_of_it_was(self):
        made = trace(absent=[False, True, False, False])

        assert made.resample(15).absent.tolist() == [True, True, False]

    def test_resampling_into_too_many_steps_is_refused(self):
        with pytest.raises(TraceError, match=r"^step_seconds: must give at most 10,000,000 steps"):
            trace(step=604_800.0).resample(0.001)

    def test_sliced_part_keeps_its_date(self):
        made = trace(start_seconds=1_673_772_300, dated=True).slice(10, 30)

        assert made.requests_per_second.tolist() == [2, 3]
        assert made.start.isoformat() == "2023-01-15T08:45:10+00:00"

    @pytest.mark.parametrize(
        ("begin", "end", "message"),
        [
            (5, 20, r"^begin_seconds: must be a whole number of steps of 10 s \(nearest: 0\)"),
            (20, 20, r"^end_seconds: must be later than begin_seconds \(20\)"),
            (40, 50, r"^end_seconds: must be later than begin_seconds \(40\), which must lie"),
            (-10, 20, r"^begin_seconds: must be a finite number of at least 0, got -10"),
        ],
    )
    def test_slice_that_is_none_is_refused(self, begin, end, message):
        with pytest.raises(TraceError, match=message):
            trace().slice(begin, end)

    def test_one_after_the_other(self):
        made = trace(rows=4).then(trace((9.0,), rows=1, bad_rows=1), trace((8.0,)))

        assert made.requests_per_second.tolist() == [1, 2, 3, 4, 9, 8]
        assert (made.rows, made.bad_rows) == (5, 1)

    def test_only_equal_steps_are_joined(self):
        message = r"^t.step_seconds: must be that of t \(10; resample changes it\), got 5.0$"
        with pytest.raises(TraceError, match=message):
            trace().then(trace(step=5.0))


class TestProperties:
    @given(RATES, STEPS, STEPS)
    def test_resampling_keeps_the_total(self, rates, step, other):
        made = trace(rates, step)
        again = made.resample(other)

        assert again.total_requests == pytest.approx(made.total_requests, rel=1e-9, abs=1e-300)
        assert again.duration_seconds >= made.duration_seconds - 1e-6

    @given(RATES, STEPS, st.integers(2, 50))
    def test_resampling_finer_and_back_gives_the_same_rates(self, rates, step, parts):
        made = trace(rates, round(step * parts, 3))
        again = made.resample(step).resample(made.step_seconds)

        assert again.requests_per_second == pytest.approx(made.requests_per_second, rel=1e-9)

    @given(RATES, FACTORS, FACTORS)
    def test_scaling_is_linear(self, rates, first, second):
        made = trace(rates)
        total = made.scale(first).total_requests + made.scale(second).total_requests

        assert made.scale(first + second).total_requests == pytest.approx(total, rel=1e-9)
        assert made.scale(first).scale(second).requests_per_second == pytest.approx(
            made.scale(first * second).requests_per_second, rel=1e-9
        )

    @given(RATES, st.data())
    def test_slice_of_a_slice_is_a_slice(self, rates, data):
        made = trace(rates)
        begin = data.draw(st.integers(0, len(made) - 1))
        end = data.draw(st.integers(begin + 1, len(made)))
        inner_begin = data.draw(st.integers(0, end - begin - 1))
        inner_end = data.draw(st.integers(inner_begin + 1, end - begin))

        twice = made.slice(begin * 10, end * 10).slice(inner_begin * 10, inner_end * 10)
        once = made.slice((begin + inner_begin) * 10, (begin + inner_end) * 10)

        assert twice.requests_per_second.tolist() == once.requests_per_second.tolist()
        assert twice.start_seconds == once.start_seconds

    @given(RATES, st.data())
    def test_what_is_cut_apart_and_joined_is_what_it_was(self, rates, data):
        made = trace([*rates, 1.0])
        cut = data.draw(st.integers(1, len(made) - 1)) * 10

        joined = made.slice(0, cut).then(made.slice(cut, made.duration_seconds))

        assert joined.requests_per_second.tolist() == made.requests_per_second.tolist()


def test_traces_alone_need_neither_boto3_nor_pulumi():
    """So that the simulation, which must not, can use them."""
    code = (
        "import sys, surgeproof.traces; print({'boto3', 'botocore', 'pulumi'} & set(sys.modules))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == "set()\n"
