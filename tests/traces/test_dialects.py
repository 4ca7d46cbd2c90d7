"""Files as people have them: each is read as it is meant, or refused with the way out."""

import json

import numpy as np
import pytest

from surgeproof.traces import TraceError
from surgeproof.traces.csv_file import Reading
from surgeproof.traces.found import find_trace, read_file

BEGINS = 1764313200.0
"""28 November 2025, 07:00 UTC."""


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, name="demand.csv", **said):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_file(path, Reading(**said))

    return write_and_read


@pytest.fixture
def refusal(read, tmp_path):
    def refuse(content, **options):
        with pytest.raises(TraceError) as caught:
            read(content, **options)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return refuse


def table(times, values=("6000", "12000", "18000"), header="timestamp,requests", sign=","):
    rows = [f"{time}{sign}{value}" for time, value in zip(times, values, strict=True)]
    return "\n".join([header, *rows, ""])


MINUTES = [
    pytest.param(["1764313200", "1764313260", "1764313320"], id="Unix time"),
    pytest.param(["1764313200000", "1764313260000", "1764313320000"], id="milliseconds"),
    pytest.param(["1764313200000000", "1764313260000000", "1764313320000000"], id="microseconds"),
    pytest.param(["1764313200.000", "1764313260.000", "1764313320.000"], id="with a fraction"),
    pytest.param(["202511280700", "202511280701", "202511280702"], id="YYYYMMDDHHMM"),
    pytest.param(["20251128070000", "20251128070100", "20251128070200"], id="YYYYMMDDHHMMSS"),
    pytest.param([f"2025-11-28T07:0{i}:00Z" for i in range(3)], id="ISO 8601"),
    pytest.param([f"2025-11-28 07:0{i}:00.000" for i in range(3)], id="a space"),
    pytest.param([f"2025-11-28 07:0{i}:00 UTC" for i in range(3)], id="UTC behind it"),
    pytest.param([f"2025-11-28 08:0{i}:00 Europe/Berlin" for i in range(3)], id="a zone's name"),
    pytest.param([f"2025-11-28 08:0{i}:00 CET" for i in range(3)], id="a zone's letters"),
    pytest.param([f"2025-11-28 08:0{i}:00+0100" for i in range(3)], id="an offset"),
    pytest.param([f"2025/11/28 07:0{i}:00" for i in range(3)], id="slashes, year first"),
    pytest.param([f"28.11.2025 07:0{i}" for i in range(3)], id="day first, with points"),
    pytest.param([f"28/11/2025 07:0{i}" for i in range(3)], id="day first, with slashes"),
    pytest.param([f"11/28/2025 7:0{i} AM" for i in range(3)], id="month first, AM"),
    pytest.param([f"28 Nov 2025 07:0{i}" for i in range(3)], id="the month in letters"),
    pytest.param([f"Fri Nov 28 07:0{i}:00 2025" for i in range(3)], id="as ctime writes it"),
]


@pytest.mark.parametrize("times", MINUTES)
@pytest.mark.parametrize("newest_first", [False, True])
def test_times_are_read_as_they_are_meant(read, times, newest_first):
    values = ["6000", "12000", "18000"]
    content = table(
        *((each[::-1] for each in (times, values)) if newest_first else (times, values))
    )

    made = read(content)

    assert (made.dated, made.start_seconds, made.step_seconds) == (True, BEGINS, 60)
    assert made.requests_per_second.tolist() == [100, 200, 300]


def test_digits_of_hours_are_hours(read):
    made = read(table([f"202511280{hour}" for hour in range(3)], ["360000"] * 3))

    assert (made.start.isoformat(), made.step_seconds) == ("2025-11-28T00:00:00+00:00", 3600)
    assert made.requests_per_second.tolist() == [100] * 3


def test_digits_of_days_are_days_and_too_coarse_to_replay(read, tmp_path):
    made = read(table(["20251128", "20251129", "20251130"], ["8640000"] * 3, "date,requests"))

    assert (made.start.isoformat(), made.step_seconds) == ("2025-11-28T00:00:00+00:00", 86400)
    assert made.peak_requests_per_second == 100
    with pytest.raises(TraceError, match=r"must have steps of at most 3600 s, .* got 86400 s$"):
        find_trace("demand.csv", [tmp_path])


def test_seconds_of_many_days_are_seconds_where_the_header_says_so(read):
    made = read(table(["20251128", "20251188"], ["1", "2"], "seconds,rps"))

    assert (made.dated, made.step_seconds) == (False, 60)


@pytest.mark.parametrize(
    ("header", "step"), [("minute,requests", 60), ("hours,requests", 3600), ("ms,requests", 0.001)]
)
def test_the_header_states_the_unit_of_times(read, header, step):
    made = read(table(["0", "1", "2"], header=header))

    assert made.step_seconds == step
    assert made.total_requests == pytest.approx(36_000)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            ["01/02/2025 07:00", "01/02/2025 07:01", "01/02/2025 07:02"],
            (
                "demand.csv: must have dates of which day and month can be told, such as "
                "2025-11-28, got '01/02/2025 07:00'"
            ),
        ),
        (
            ["28/11/2025 07:00", "11/29/2025 07:01", "30/11/2025 07:02"],
            (
                "demand.csv: must have the day before the month in every row, or after it "
                "('11/29/2025 07:01'), got '28/11/2025 07:00'"
            ),
        ),
        (
            [f"2025-11-28 07:0{i} PST" for i in range(3)],
            (
                "demand.csv:2: must have a time zone that is known, such as UTC, Europe/Berlin or "
                "+01:00, got '2025-11-28 07:00 PST'"
            ),
        ),
        (
            ["1764313200", "1764313260", "17643133"],
            "demand.csv:4: must have Unix time of the years 2001 to 2099, got '17643133'",
        ),
        (
            ["2025112807", "2025112808", "2025112899"],
            "demand.csv:4: must have a date of as many digits as the other rows, got '2025112899'",
        ),
        (
            ["2025-11-28T07:00Z", "2025-11-28T07:01Z", "Friday"],
            (
                "demand.csv:4: must have a time in seconds, in ISO 8601, or a date that is spelled "
                "out, got 'Friday'"
            ),
        ),
        (
            ["07:00", "07:01", "07:02"],
            (
                "demand.csv:2: must have a time in seconds, in ISO 8601, or a date that is spelled "
                "out, got '07:00'"
            ),
        ),
    ],
)
def test_times_that_cannot_be_told_are_refused_with_the_row(refusal, times, message):
    # Where every row is bad, the first line counts them, and the rows follow.
    assert message in [line.strip() for line in refusal(table(times)).splitlines()[:2]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("6000", 6000),
        ("6000,5", 6000.5),
        ("6 000", 6000),
        ("6\u202f000,5", 6000.5),
        ("6'000", 6000),
        ("6.000,5", 6000.5),
        ("6,000.5", 6000.5),
        ("1.234.567", 1_234_567),
        ("0.125", 0.125),
        ("0,125", 0.125),
        ("6.5", 6.5),
        ("1e3", 1000),
    ],
)
def test_numbers_are_read_in_the_form_of_their_country(read, value, expected):
    times = ["2025-11-28T07:00Z", "2025-11-28T07:01Z"]
    made = read(table(times, [value, value], "timestamp;rps", ";"))

    assert made.requests_per_second.tolist() == [expected] * 2


@pytest.mark.parametrize("value", ["6.000", "6,000", "18.000"])
def test_six_thousand_or_six_is_refused_with_the_way_out(read, refusal, value):
    times = ["2025-11-28T07:00Z", "2025-11-28T07:01Z", "2025-11-28T07:02Z"]
    content = table(times, ["800", value, value], "timestamp;requests", ";")

    message = refusal(content, most_bad_percent=0)
    assert "demand.csv:3: must have numbers that can be read in one way only" in message
    assert "`surgeproof trace show FILE --decimal , --output NEW`" in message
    mark = value[-4]
    other = "," if mark == "." else "."
    assert read(content, decimal=other).total_requests == 800 + 2000 * float(
        value.replace(mark, ".")
    )
    assert read(content, decimal=mark).total_requests == 800 + 2 * float(value.replace(mark, "."))


def test_one_row_tells_the_form_of_all(read):
    times = [f"2025-11-28T07:0{i}Z" for i in range(4)]
    content = table(times, ["800,5", "6.000", "18.000", "1"], "timestamp;rps", ";")

    assert read(content).requests_per_second.tolist() == [800.5, 6000, 18000, 1]


def test_beside_commas_decimals_follow_a_point_and_quoted_commas_are_thousands(read):
    times = [f"2025-11-28T07:0{i}Z" for i in range(3)]

    assert read(table(times, ["6.000", "7.250", "8"], "time,rps")).requests_per_second.tolist() == [
        6,
        7.25,
        8,
    ]
    made = read(table(times, ['"6,000"', '"18,000"', "800"], "time,requests"))
    assert made.total_requests == 24_800


def test_two_forms_in_one_column_are_refused(refusal):
    content = table(
        [f"2025-11-28T07:0{i}Z" for i in range(3)], ["1,5", "2.5", "3,5"], "time;rps", ";"
    )

    assert refusal(content) == "demand.csv:3: must have one form of numbers in every row, got '2.5'"


@pytest.mark.parametrize("gap", ["", "NaN", "nan", "null", "NULL", "None", "N/A", "-", '""'])
def test_a_gap_has_many_words(read, gap):
    made = read(table(["0", "60", "120"], ["1", gap, "3"], "seconds,rps"))

    assert made.requests_per_second.tolist() == [1, 0, 3]
    assert made.absent.tolist() == [False, True, False]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(read, encoding):
    content = "# größer\n// of a tool\nsep=;\nZeit;rps\n".replace("Zeit", "time")
    made = read((content + "0;1\n60;2\n\n# a comment\n120;3\n").encode(encoding))

    assert made.requests_per_second.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("header", "counts", "noted"),
    [
        ("time,value", False, True),
        ("time,Value", False, True),
        ("minute,value", False, True),
        ("bin(1m),count(*)", True, False),
        ("bin(1m),requests", True, False),
        ("Time,shop-frontend", False, True),
        ("time,sum(requests_total)", True, False),
        ("time,rate(requests[5m])", False, False),
        ("@timestamp,hits", True, False),
    ],
)
def test_columns_by_many_names(read, header, counts, noted):
    made = read(table([f"2025-11-28T07:0{i}Z" for i in range(3)], ["60", "60", "60"], header))

    assert made.peak_requests_per_second == (1 if counts else 60)
    assert any("--unit count" in line for line in made.provenance) == noted


def test_a_stated_unit_goes_before_the_header(read):
    content = table(["0", "60"], ["60", "60"], "time,value")

    assert read(content, unit="count").peak_requests_per_second == 1
    assert read(content, unit="rate").provenance == ("CSV file demand.csv, 2 rows",)


def test_several_series_are_named_and_one_is_chosen(read, refusal):
    content = "time,web,api\n0,1,10\n60,2,20\n"

    assert refusal(content).endswith("or one named with --series, got 'time, web, api'")
    assert read(content, series="api").requests_per_second.tolist() == [10, 20]
    assert refusal(content, series="app") == (
        "demand.csv:1: must have the series asked for among web, api, got 'app'"
    )


@pytest.mark.parametrize("bad", [1, 2, 5])
def test_a_row_that_is_no_csv_is_refused_in_its_place(refusal, read, bad):
    rows = [f'{60 * at},"{at}"' for at in range(8)]
    rows[bad - 1] = f'{60 * bad},"1"\r2'
    content = "time,rps\n" + "\n".join(rows) + "\n"

    assert refusal(content).startswith(f"demand.csv:{bad + 1}: must be CSV, got '")
    assert len(read(content, most_bad_percent=20)) == (7 if bad == 1 else 8)


def test_a_refusal_repeats_no_more_of_a_file_than_anybody_reads(refusal):
    series = [f"{at}{'x' * 500}" for at in range(40)]

    said = refusal(f"time,{','.join(series)}\n0{',1' * 40}\n", series="app")

    assert said.startswith("demand.csv:1: must have the series asked for among 0xxx")
    assert said.endswith("..., 28 more, got 'app'")
    assert len(said) < 1500


class TestStep:
    def test_a_stray_row_is_refused_and_sets_no_step(self, refusal):
        times = ["07:00:00", "07:01:00", "07:01:01", "07:02:00", "07:03:00"]
        content = table([f"2025-11-28T{time}Z" for time in times], ["300"] * 5, "timestamp,rps")

        assert refusal(content) == (
            "demand.csv:4: must have a row every 60 s, as most rows are, or a step that is stated "
            "(`surgeproof trace show FILE --period SECONDS`), got one 1 s after the row before"
        )

    def test_scrapes_that_are_not_punctual_are_moved_to_their_step(self, read):
        draw = np.random.default_rng(3)
        times = [BEGINS + 60 * i + draw.uniform(-4, 4) for i in range(30)]
        made = read(table([f"{time:.3f}" for time in times], ["5"] * 30, "time,rps"))

        assert (made.step_seconds, len(made), made.absent_steps) == (60, 30, 0)
        assert any("were moved to them" in line for line in made.provenance)

    def test_steps_without_rows_are_absent(self, read):
        made = read(table(["0", "120", "180", "300", "480", "540"], ["1"] * 6, "seconds,rps"))

        assert (made.step_seconds, made.absent_steps) == (60, 4)

    def test_few_rows_that_lie_apart_need_a_stated_step(self, read, refusal):
        content = table(["0", "60", "6000", "13200"], ["1"] * 4, "seconds,rps")

        assert "must have a row every" in refusal(content)
        assert len(read(content, period_seconds=60)) == 221


class TestTools:
    def test_cloudwatch_console(self, read, refusal):
        head = "Full label,RequestCount\nLabel,RequestCount\nId,m1\nStatistic,{}\nPeriod,60\n"
        rows = "2025/11/28 07:00:00,6000\n2025/11/28 07:01:00,12000\n"
        made = read(head.format("Sum") + rows)

        assert (made.start_seconds, made.step_seconds) == (BEGINS, 60)
        assert made.requests_per_second.tolist() == [100, 200]
        assert refusal(head.format("Average") + rows) == (
            "demand.csv: must hold the statistic Sum of RequestCount, or say what it is with "
            "--unit, got Average"
        )

    def test_cloudwatch_console_with_two_metrics(self, read, refusal):
        content = (
            "Full label,web RequestCount,api RequestCount\nLabel,web,api\nId,m1,m2\n"
            "Statistic,Sum,Sum\nPeriod,60,60\n"
            "2025/11/28 07:00:00,6000,60\n2025/11/28 07:01:00,6000,120\n"
        )

        assert refusal(content) == (
            "demand.csv: must hold one series, or have one named with --series, got web, api"
        )
        assert read(content, series="api").requests_per_second.tolist() == [1, 2]

    @pytest.mark.parametrize(
        "times",
        [
            [f"2025-11-28T07:0{i}:00+00:00" for i in range(3)],
            [BEGINS + 60 * i for i in range(3)],
        ],
    )
    def test_get_metric_data(self, read, refusal, times):
        result = {"Id": "m1", "Label": "RequestCount", "StatusCode": "Complete"}
        result |= {"Timestamps": times[::-1], "Values": [18000.0, 12000.0, 6000.0]}
        made = read(json.dumps({"MetricDataResults": [result], "Messages": []}), "data.json")

        assert (made.start_seconds, made.step_seconds) == (BEGINS, 60)
        assert made.requests_per_second.tolist() == [100, 200, 300]
        two = json.dumps({"MetricDataResults": [result, result | {"Id": "m2", "Label": "other"}]})
        assert refusal(two) == (
            "demand.csv: must hold one series, or have one named with --series, "
            "got RequestCount, other"
        )
        assert read(two, series="m2").peak_requests_per_second == 300
        partial = json.dumps({"MetricDataResults": [result | {"StatusCode": "PartialData"}]})
        assert refusal(partial) == (
            "demand.csv: must be given completely (StatusCode Complete): ask for all pages, "
            "got 'PartialData'"
        )

    def test_get_metric_statistics(self, read, refusal):
        points = [
            {"Timestamp": f"2025-11-28T07:0{i}:00Z", "Sum": 6000.0 * (i + 1), "Unit": "Count"}
            for i in (2, 0, 1)
        ]
        made = read(json.dumps({"Label": "RequestCount", "Datapoints": points}), "data.json")

        assert made.start_seconds == BEGINS
        assert made.requests_per_second.tolist() == [100, 200, 300]
        for each in points:
            each["Average"] = each.pop("Sum")
        assert refusal(json.dumps({"Label": "RequestCount", "Datapoints": points})) == (
            "demand.csv: must hold the statistic Sum (`--statistics Sum`), got points without it"
        )

    def test_other_json_is_named(self, refusal):
        assert refusal('{"a": 1}') == (
            "demand.csv: must be what `aws cloudwatch get-metric-data` or `get-metric-statistics` "
            "prints, or k6's JSON, got other JSON"
        )

    def test_locust(self, read):
        made = read(
            '"Timestamp","User Count","Type","Name","Requests/s","Failures/s","50%"\n'
            '"1764313200","1","GET","/","5.0","0.0","N/A"\n'
            '"1764313200","1","","Aggregated","10.0","0.0","N/A"\n'
            '"1764313201","2","GET","/","7.0","0.0","12"\n'
            '"1764313201","2","","Aggregated","20.5","0.0","12"\n'
        )

        assert (made.start_seconds, made.step_seconds, made.rows) == (BEGINS, 1, 2)
        assert made.requests_per_second.tolist() == [10, 20.5]

    def test_jmeter(self, read):
        made = read(
            "timeStamp,elapsed,label,responseCode,responseMessage,threadName\n"
            "1764313200100,12,home,200,OK,t1\n1764313200900,12,home,200,OK,t1\n"
            "1764313200500,12,home,200,OK,t2\n1764313203000,12,home,500,no,t1\n"
        )

        assert (made.start_seconds, made.step_seconds) == (BEGINS, 1)
        assert made.requests_per_second.tolist() == [3, 0, 0, 1]

    def test_k6_csv(self, read):
        made = read(
            "metric_name,timestamp,metric_value,check,error\n"
            "http_reqs,1764313200,1.000000,,\nhttp_req_duration,1764313200,12.5,,\n"
            "http_reqs,1764313200,1.000000,,\nhttp_reqs,1764313202,1.000000,,\n"
        )

        assert made.start_seconds == BEGINS
        assert made.requests_per_second.tolist() == [2, 0, 1]

    def test_k6_json(self, read):
        def point(second, metric="http_reqs"):
            time = f"2025-11-28T08:00:0{second}.123456789+01:00"
            return {"type": "Point", "metric": metric, "data": {"time": time, "value": 1}}

        lines = [{"type": "Metric", "metric": "http_reqs", "data": {"type": "counter"}}]
        lines += [point(0), point(0), point(1, "vus"), point(2)]
        made = read("\n".join(map(json.dumps, lines)), "k6.json")

        assert made.start_seconds == BEGINS
        assert made.requests_per_second.tolist() == [2, 0, 1]


def test_a_replay_names_the_command_that_bears_bad_rows(read, tmp_path):
    content = table(["0", "60", "120"], ["1", "many", "3"], "seconds,rps")
    assert read(content, most_bad_percent=50).bad_rows == 1

    with pytest.raises(TraceError) as caught:
        find_trace("demand.csv", [tmp_path])

    assert str(caught.value) == (
        f"{tmp_path}/demand.csv:3: must have a rate from 0 to 1e+09, got 'many'; `surgeproof trace "
        "show FILE --most-bad PERCENT --output NEW` leaves such rows out"
    )


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (
            "https 2025-11-28T07:00:00.200000Z app/shop/50dc 203.0.113.7:2817 10.0.0.1:80 0.001",
            "an Application Load Balancer's access log; `surgeproof trace access-logs` reads it",
        ),
        (
            "2025-11-28T07:00:00.200000Z shop 203.0.113.7:2817 10.0.0.1:80 0.000073 0.001 0.0 200",
            "a Classic Load Balancer's access log",
        ),
        (
            "tls 2.0 2025-11-28T07:00:00 net/shop/c6e7 g3d4 72.21",
            "a Network Load Balancer's access log",
        ),
        ("#Version: 1.0", "a CloudFront log"),
        (
            '203.0.113.7 - - [28/Nov/2025:07:00:00 +0000] "GET / HTTP/1.1" 200 612 "-" "curl"',
            "an access log of nginx or Apache",
        ),
        (
            "2025-11-28T07:00:00.200000Z 203.0.113.7 36280 443 TLSv1.2 ECDHE 1.2 - - - - TID_1",
            "a load balancer's connection log",
        ),
    ],
)  # fmt: skip
def test_other_logs_are_named_as_what_they_are(refusal, line, kind):
    assert refusal(f"{line}\n{line}\n") == (
        f"demand.csv: must be a table of times and requests, got {kind}"
    )
