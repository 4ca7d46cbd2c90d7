"""CSV files are read whatever their dialect, and what is wrong in them is said, never dropped."""

import math
import os
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from surgeproof.traces import Trace, TraceError
from surgeproof.traces.csv_file import Reading, read_csv, write_csv

REAL = os.environ.get("SURGEPROOF_REAL_TRACES")
"""A directory with days of the World Cup web site of 1998, which are not part of this project."""
GOOD = "seconds,requests_per_second\n0,10\n60,20\n120,30.5\n"


@pytest.fixture
def read(tmp_path):
    """Write a file and read it."""

    def write_and_read(content, **options):
        path = tmp_path / "demand.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_csv(path, Reading(**options))

    return write_and_read


@pytest.fixture
def refusal(read, tmp_path):
    """The message with which a file is refused, its path cut off."""

    def refuse(content, **options):
        with pytest.raises(TraceError) as caught:
            read(content, **options)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return refuse


class TestReading:
    def test_seconds_and_rates(self, read):
        made = read(GOOD)

        assert made.name == "demand"
        assert made.requests_per_second.tolist() == [10, 20, 30.5]
        assert (made.step_seconds, made.start_seconds, made.dated) == (60, 0, False)
        assert (made.rows, made.bad_rows, made.absent_steps) == (3, 0, 0)
        assert made.describe() == ["CSV file demand.csv, 3 rows"]

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("0,10\n60,20\n120,30.5", id="no header, no last line end"),
            pytest.param("\ufeff" + GOOD.replace("\n", "\r\n"), id="byte order mark, CRLF"),
            pytest.param("\n\n" + GOOD + "\n\n", id="blank lines"),
            pytest.param("Time;RPS\n0;10\n60;20\n120;30.5\n", id="semicolons"),
            pytest.param("time\trate\n0\t10\n60\t20\n120\t30.5\n", id="tabs"),
            pytest.param(
                "host, Requests Per Second ,Seconds\na,10,0\nb,20,60\nc,30.5,120\n",
                id="other order, case and columns",
            ),
            pytest.param('"seconds","rps"\n"0","10"\n"60","20"\n"120","30.5"\n', id="quotes"),
            pytest.param("seconds,requests\n0,600\n60,1200\n120,1830\n", id="counts per step"),
        ],
    )
    def test_dialects_give_the_same_trace(self, read, content):
        made = read(content)

        assert made.requests_per_second.tolist() == [10, 20, 30.5]
        assert made.step_seconds == 60
        assert made.bad_rows == 0

    @pytest.mark.parametrize(
        "times",
        [
            ("2023-01-15T08:45:00Z", "2023-01-15T08:46:00Z"),
            ("2023-01-15 08:45", "2023-01-15 08:46"),
            ("2023-01-15T09:45:00.000+01:00", "2023-01-15T09:46:00.000+01:00"),
            ("1673772300", "1673772360"),
        ],
    )
    def test_dates_are_kept(self, read, times):
        made = read(f"timestamp,rps\n{times[0]},1\n{times[1]},2\n")

        assert made.start.isoformat() == "2023-01-15T08:45:00+00:00"
        assert made.step_seconds == 60

    def test_steps_without_row_or_rate_are_absent(self, read):
        made = read("seconds,rps\n0,1\n60,2\n120,\n300,4\n")

        assert made.requests_per_second.tolist() == [1, 2, 0, 0, 0, 4]
        assert made.absent.tolist() == [False, False, True, True, True, False]

    def test_single_row_needs_a_step(self, read, refusal):
        assert read("seconds,rps\n0,1\n", period_seconds=60).duration_seconds == 60
        assert refusal("seconds,rps\n0,1\n") == (
            "demand.csv: must have at least two rows, or a step that is stated (`surgeproof trace "
            "show --period`), got one row"
        )


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "demand.csv: must hold at least one row, got none"),
            ("\n \n", "demand.csv: must hold at least one row, got none"),
            ("seconds,rps\n", "demand.csv: must hold at least one row, got none"),
            (
                "0,1\n60,-2\n",
                "demand.csv:2: must have a rate from 0 to 1e+09, got '-2'",
            ),
            ("0,1\n60,inf\n", "demand.csv:2: must have a rate from 0 to 1e+09, got 'inf'"),
            ("0,1\n60,1e999\n", "demand.csv:2: must have a rate from 0 to 1e+09, got '1e999'"),
            ("0,1\n60,1_0\n", "demand.csv:2: must have a rate from 0 to 1e+09, got '1_0'"),
            ("0,1\n60,many\n", "demand.csv:2: must have a rate from 0 to 1e+09, got 'many'"),
            ("0,1\n60\n", "demand.csv:2: must have 2 columns, got '60'"),
            ("0,1\n-60,2\n", "demand.csv:2: must have a time from 0 to 1e+09 seconds, got '-60'"),
            ("0,1\nnan,2\n", "demand.csv:2: must have a time from 0 to 1e+09 seconds, got 'nan'"),
            (
                "0,1\n60,2\n30,3\n",
                "demand.csv:3: must have a time after that of the row before, got '30,3'",
            ),
            (
                "0,1\n60,2\n60,3\n",
                "demand.csv:3: must have a time of its own, not that of the row before, got '60,3'",
            ),
            (
                "0,1\n2023-01-15T08:45Z,2\n",
                ("demand.csv:2: must have a time from 0 to 1e+09 seconds, got '2023-01-15T08:45Z'"),
            ),
            (
                "0,1\n60,2\n150,3\n",
                (
                    "demand.csv:3: must have a row every 60 s, as most rows are, or a step that is "
                    "stated (`surgeproof trace show FILE --period SECONDS`), got one 90 s after "
                    "the row before"
                ),
            ),
            (
                "0,1\n0.0001,2\n",
                "demand.csv: must have rows 0.001 to 604800 seconds apart, got 0.0001",
            ),
            (
                "0,1\n1,2\n999999999,3\n",
                "demand.csv: must span at most 10,000,000 steps of 1 s, got 1,000,000,000",
            ),
            ("0,\n60,\n", "demand.csv: must have at least one row with a rate, got none"),
            (
                "0,1,2\n60,1,2\n",
                "demand.csv:1: must have two columns, or a header that names them, got 3",
            ),
            (
                "host,rps\na,1\n",
                (
                    "demand.csv:1: must have a column of times (such as timestamp, time, date, "
                    "seconds, minute or bin(1m)), got 'host,rps'"
                ),
            ),
            (
                "seconds,users\n0,1\n",
                (
                    "demand.csv:1: must have a column of rates or counts (such as "
                    "requests_per_second, rps, requests, count or value), or one named with "
                    "--series, got 'seconds, users'"
                ),
            ),
            (b"\x1f\x8b\x08\x00abc", "demand.csv: must be plain text, got gzip; unpack it first"),
            (b"0,1\n60,\x00\n", "demand.csv:2: must be text, got binary data"),
            (b"\xfe,1\n", r"demand.csv:1: must be text in UTF-8, got '\xfe,1'"),
            (b"0,1\n60,\xff\n", r"demand.csv:2: must be text in UTF-8, got '60,\xff'"),
            (b"0," + b"1" * 70_000, "demand.csv:1: must have at most 65,536 bytes, got more"),
            ('0,1\n"60,2\n', "demand.csv:2: must have 2 columns, got '\"60,2'"),
        ],
    )
    def test_each_gives_one_clear_error(self, refusal, content, message):
        assert refusal(content) == message

    def test_several_bad_rows_come_in_one_error(self, refusal):
        rows = "".join(f"{second},-1\n" for second in range(1, 8))

        assert refusal(f"0,1\n{rows}") == (
            "demand.csv: must have at most 0 % bad rows, got 7 of 8 (87.5 %)\n"
            + "".join(
                f"  demand.csv:{line}: must have a rate from 0 to 1e+09, got '-1'\n"
                for line in range(2, 7)
            )
            + "  and 2 more"
        )

    def test_borne_bad_rows_are_counted_and_shown(self, read):
        made = read("0,1\n60,-1\n120,3\n180,4\n", most_bad_percent=25)

        assert made.requests_per_second.tolist() == [1, 0, 3, 4]
        assert made.absent.tolist() == [False, True, False, False]
        assert (made.rows, made.bad_rows) == (4, 1)
        assert made.describe()[1:3] == [
            "1 of 4 rows are bad (25 %):",
            f"  {made.first_bad_rows[0].place}: must have a rate from 0 to 1e+09, got '-1'",
        ]

    def test_no_good_row_is_never_borne(self, refusal):
        assert "2 of 2 (100 %)" in refusal("0,-1\n60,-1\n", most_bad_percent=100)

    def test_what_is_no_file_is_refused(self, tmp_path):
        with pytest.raises(TraceError, match=r"none\.csv: must be a file, got none$"):
            read_csv(tmp_path / "none.csv")
        with pytest.raises(TraceError, match=r": must be a regular file, got a directory$"):
            read_csv(tmp_path)

    @pytest.mark.parametrize(
        "time",
        [
            "0001-01-01",
            "0001-01-01T00:00:00+14:00",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-14:00",
        ],
    )
    def test_moments_that_no_trace_has_are_refused(self, refusal, time):
        rule = "must have a time from 1970-01-01 to 9999-12-31"
        assert rule in refusal(f"time,rps\n{time},1\n2026-01-01T00:00:00Z,2\n")

    def test_a_trace_ends_with_the_year_9999(self, refusal, read):
        rows = "9999-12-31T23:57:00Z,1\n9999-12-31T23:58:00Z,1\n"

        assert read(f"time,rps\n{rows}").start.year == 9999
        assert "must lie from 1970-01-01 to 9999-12-31, got Unix time" in refusal(
            f"time,rps\n{rows}9999-12-31T23:59:00Z,1\n"
        )

    @pytest.mark.parametrize("size", [600, 1024])
    def test_large_file_is_refused_before_it_is_read(self, tmp_path, size):
        path = tmp_path / "large.csv"
        with path.open("wb") as stream:
            stream.truncate(size * 2**20)

        tracemalloc.start()
        with pytest.raises(TraceError, match=r"must be at most 536,870,912 bytes, got [\d,]+$"):
            read_csv(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()

    def test_half_a_gigabyte_without_a_line_end_is_refused_early(self, tmp_path):
        path = tmp_path / "line.csv"
        with path.open("wb") as stream:
            stream.write(b"seconds,rps\n" + b"1" * 100_000)
            stream.truncate(400 * 2**20)

        tracemalloc.start()
        with pytest.raises(TraceError, match=r"line\.csv:2: must have at most 65,536 bytes"):
            read_csv(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()

    def test_any_bytes_give_a_trace_or_a_trace_error(self, tmp_path):
        draw = random.Random(7)  # noqa: S311
        path = tmp_path / "garbage.csv"
        for size in (1, 10, 100, 1000, 100_000):
            path.write_bytes(draw.randbytes(size))
            with pytest.raises(TraceError):
                read_csv(path)

    def test_many_rows_of_garbage_are_given_up_early(self, refusal):
        message = refusal("seconds,rps\n" + "x,y\n" * 5000)

        assert message.startswith("demand.csv: must have at most 0 % bad rows, got 1,000 of 1,000")


class TestWriting:
    @given(
        rates=st.lists(st.floats(0, 1e9), min_size=2, max_size=40),
        step=st.integers(1, 10_000_000),
        start=st.integers(0, 4_000_000_000_000_000),
        dated=st.booleans(),
        gaps=st.sets(st.integers(1, 38)),
    )
    def test_what_is_written_is_read_back(
        self, tmp_path_factory, *, rates, step, start, dated, gaps
    ):
        if not dated:
            start %= 10**14
        absent = np.array([at in gaps for at in range(len(rates))])
        absent[-1] = False
        made = Trace(
            "t",
            requests_per_second=np.where(absent, 0, rates),
            step_seconds=step / 1000,
            start_seconds=start / 1e6,
            dated=dated and start >= 10**15,
            absent=absent,
        )
        path = tmp_path_factory.mktemp("csv") / "t.csv"
        assume(made.dated or made.start_seconds + made.duration_seconds < 1e9)
        write_csv(made, path)
        again = read_csv(path)

        assert again.requests_per_second.tolist() == made.requests_per_second.tolist()
        assert again.absent.tolist() == made.absent.tolist()
        assert again.step_seconds == made.step_seconds
        assert math.isclose(again.start_seconds, made.start_seconds, abs_tol=2e-6)
        assert again.dated == made.dated

    def test_dated_trace_is_written_with_dates(self, tmp_path):
        made = Trace(
            "t",
            requests_per_second=[1.0, 0.25],
            step_seconds=60,
            start_seconds=1_673_772_300,
            dated=True,
        )
        write_csv(made, tmp_path / "t.csv")

        assert (tmp_path / "t.csv").read_text() == (
            "timestamp,requests_per_second\n2023-01-15T08:45:00Z,1.0\n2023-01-15T08:46:00Z,0.25\n"
        )


@pytest.mark.optional
@pytest.mark.skipif(not REAL, reason="SURGEPROOF_REAL_TRACES names no directory of real traces")
@pytest.mark.parametrize(
    ("day", "steps", "median", "peak"), [(30, 1440, 333, 3587), (23, 900, 549, 2817)]
)
def test_world_cup_days(day, steps, median, peak):
    made = read_csv(Path(REAL) / f"wc98-1998-06-{day}.csv")

    assert len(made) == steps
    assert made.step_seconds == 60
    assert round(float(np.median(made.requests_per_second))) == median
    assert round(made.peak_requests_per_second) == peak
    assert made.resample(10).total_requests == pytest.approx(made.total_requests, rel=1e-12)


def test_memory_grows_by_two_numbers_a_row(tmp_path):
    rows = 100_000
    path = tmp_path / "long.csv"
    path.write_text("seconds,requests_per_second\n" + "".join(f"{i},1\n" for i in range(rows)))

    tracemalloc.start()
    try:
        read_csv(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # Two numbers read, and what numpy makes of them: places, flags and rates.
    assert peak < 100 * rows
