"""Access logs are read as a stream, by the documented layout, and bad lines are told."""

import gzip
import os
import random
import socket
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from botocore.stub import Stubber
from hypothesis import example, given
from hypothesis import strategies as st

from surgeproof.traces import TraceError, access_logs, log_files
from surgeproof.traces.access_logs import read_access_logs
from surgeproof.traces.clients import read_client_rates

NAME = "123456789012_elasticloadbalancing_eu-west-1_app.{}_20230115T0850Z_192.0.2.1_20sg8hgm.log.gz"
SHOP = NAME.format("shop.50dc6c495c0c9188")
OTHER = NAME.format("other.60dc6c495c0c9188")


def entry(
    created="2023-01-15T08:45:00.000000Z",
    *,
    kind="https",
    target="10.0.0.1:80",
    request="GET https://www.example.com:443/ HTTP/1.1",
    agent="curl/7.46.0",
    rule="0",
    owner="app/shop/50dc6c495c0c9188",
    tail=' "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_dc57cebed65b4b1d9d26a1f6a4d3f1ae',
):
    """An entry in the documented layout."""
    return (
        f"{kind} 2023-01-15T08:59:59.186641Z {owner} 192.0.2.39:2817 {target} "
        f'0.086 0.048 0.037 200 200 0 57 "{request}" "{agent}" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 '
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop/73e2d6bc24d8a067 "
        '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" '
        '"arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012" '
        f"{rule} {created}{tail}\n"
    )


def at(second):
    return f"2023-01-15T08:45:{second:09.6f}Z"


@pytest.fixture
def read(tmp_path):
    """Write a log and read it."""

    def write_and_read(*lines, **options):
        path = tmp_path / "access.log.gz"
        data = b"".join(line if isinstance(line, bytes) else line.encode() for line in lines)
        path.write_bytes(gzip.compress(data))
        return read_access_logs(path, **options)

    return write_and_read


ADMIN = "app/admin/60dc6c495c0c9188"
BOTH = [
    *(entry(at(second)) for second in (0, 1, 2)),
    *(entry(at(second), owner=ADMIN) for second in (15, 25)),
    # Read one by one, for its backslash.
    entry(at(4), agent=r"\"quoted\" agent"),
    entry(at(35), owner=ADMIN, agent=r"\"quoted\" agent"),
]


class TestSeveralLoadBalancers:
    def test_entries_of_two_in_one_file_are_not_added_up(self, read, tmp_path):
        with pytest.raises(TraceError) as caught:
            read(*BOTH)
        assert str(caught.value) == (
            f"{tmp_path}/access.log.gz: must be the logs of one load balancer, or load_balancer "
            "name one, got app/admin/60dc6c495c0c9188, app/shop/50dc6c495c0c9188"
        )

    @pytest.mark.parametrize(
        "name", ["shop", "app/shop/50dc6c495c0c9188", "app.shop.50dc6c495c0c9188"]
    )
    def test_one_is_chosen_by_name(self, read, name):
        made = read(*BOTH, load_balancer=name)

        assert made.requests_per_second.tolist() == [0.4]
        assert made.provenance[1:] == ("3 requests are of other load balancers",)

    def test_one_that_has_no_entry_is_refused_with_those_that_have(self, read):
        with pytest.raises(
            TraceError, match=r"load_balancer: must be one that .* has \("
        ) as caught:
            read(*BOTH, load_balancer="shops")
        assert str(caught.value).endswith(
            " has (app/admin/60dc6c495c0c9188, app/shop/50dc6c495c0c9188), got 'shops'"
        )

    def test_clients_of_another_load_balancer_are_not_counted(self, tmp_path):
        path = tmp_path / "access.log"
        path.write_text("".join(BOTH))

        with pytest.raises(TraceError, match="must be the logs of one load balancer"):
            read_client_rates(path, window_seconds=60)
        assert read_client_rates(path, window_seconds=60, load_balancer="admin").busiest == (3,)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (
            b'203.0.113.7 - - [28/Nov/2025:07:00:00 +0000] "GET / HTTP/1.1" 200 612 "-" "curl"',
            "an access log of nginx or Apache",
        ),
        (
            b"2025-11-28T07:00:00.2Z shop 203.0.113.7:2817 10.0.0.1:80 0.000073 0.001 0.0 200 200",
            "a Classic Load Balancer's access log",
        ),
        (b"#Version: 1.0\n#Fields: date time x-edge-location", "a CloudFront log"),
    ],
)
def test_a_log_of_another_kind_is_named(read, line, kind):
    with pytest.raises(TraceError) as caught:
        read(line + b"\n")
    assert f"must be an entry of an Application Load Balancer's access log, not of {kind}" in str(
        caught.value
    )


class TestEntries:
    def test_requests_are_counted_by_when_they_arrived(self, read):
        made = read(*(entry(at(second)) for second in (12, 0, 19.9, 31, 3)))

        assert made.name == "access"
        assert made.start.isoformat() == "2023-01-15T08:45:00+00:00"
        assert made.requests_per_second.tolist() == [0.2, 0.2, 0, 0.1]
        assert (made.rows, made.bad_rows, made.absent_steps) == (5, 0, 0)

    @pytest.mark.parametrize(
        "line",
        [
            pytest.param(entry(kind="h2"), id="http/2"),
            pytest.param(entry(kind="ws", agent="-"), id="websocket"),
            pytest.param(entry(target="-"), id="no target"),
            pytest.param(entry(rule="-1"), id="error in the rules"),
            pytest.param(
                entry(rule="-", request="- http://192.0.2.1:80- -"), id="malformed request"
            ),
            pytest.param(entry(request="GET https://a:443/?q=a b  c! HTTP/1.1"), id="spaces"),
            pytest.param(entry(request=r"GET https://a:443/?q=\x22 HTTP/1.1"), id="encoded quote"),
            pytest.param(entry(agent=r"\"quoted\" agent"), id="escaped quote"),
            pytest.param(entry(agent="Mozilla 日本"), id="not ASCII"),
            pytest.param(entry(tail=' "forward" "-" "-"'), id="layout of 2018"),
            pytest.param(entry(tail=""), id="nothing after the time"),
            pytest.param(entry(tail="\r"), id="CRLF"),
            pytest.param(entry(tail=' "forward" "-" - new fields'), id="fields not known yet"),
            pytest.param(entry("2023-01-15T08:45:00Z"), id="whole second"),
            pytest.param(entry("2023-01-15T08:45:00.5Z"), id="tenth of a second"),
        ],
    )
    def test_each_kind_is_one_request(self, read, line):
        made = read(line)

        assert (made.rows, made.bad_rows, made.total_requests) == (1, 0, 1)
        assert made.start == datetime(2023, 1, 15, 8, 45, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("line", "rule"),
        [
            ("Enable AccessLog for ELB: app/shop at 2023\n", "be an entry of an access log"),
            ('"\n', "be an entry of an access log"),
            (entry().replace(" 0.086", ""), "be an entry of an access log"),
            (entry().replace("https ", "https  "), "be an entry of an access log"),
            (entry(agent='raw " quote'), "be an entry of an access log"),
            (entry("2023-01-15 08:45:00Z"), "be an entry of an access log"),
            (entry("-"), "be an entry of an access log"),
            (entry("2023-02-29T08:45:00.000000Z"), "have a request_creation_time that exists"),
            (entry("2023-13-01T08:45:00.000000Z"), "have a request_creation_time that exists"),
            (entry("2023-01-15T24:45:00.000000Z"), "have a request_creation_time that exists"),
            (entry("1969-01-15T08:45:00.000000Z"), "have a request_creation_time from 1970 on"),
            (b"\xff\xfe\x00\n", "be an entry of an access log"),
        ],
    )
    def test_bad_lines_are_counted_and_shown(self, read, tmp_path, line, rule):
        made = read(entry(), "\n", line, entry(), most_bad_percent=50)

        assert (made.rows, made.bad_rows, made.total_requests) == (3, 1, 2)
        assert made.first_bad_rows[0].place == f"{tmp_path}/access.log.gz:3"
        assert made.first_bad_rows[0].rule.startswith(rule)

    def test_more_bad_lines_than_are_borne_is_one_error(self, read):
        lines = ["what is this\n"] * 3 + [entry()] * 200

        with pytest.raises(TraceError) as caught:
            read(*lines)

        first, *others = str(caught.value).splitlines()
        assert first.endswith("must have at most 1 % bad rows, got 3 of 203 (1.48 %)")
        assert len(others) == 3
        assert others[0].endswith(
            "access.log.gz:1: must be an entry of an access log up to its request_creation_time, "
            "got 'what is this'"
        )

    def test_what_holds_no_entry_at_all_is_given_up_early(self, read):
        with pytest.raises(TraceError, match=r"got 80,\d{3} of 80,\d{3} \(100 %\)"):
            read("what is this\n" * 200_000)

    def test_line_that_is_too_long_is_bad_and_the_next_is_read(self, read):
        made = read(entry(), "x" * 3_000_000, "\n", entry(), "y" * 3_000_000, most_bad_percent=50)

        assert (made.rows, made.bad_rows, made.total_requests) == (4, 2, 2)
        assert [row.place.rpartition(":")[2] for row in made.first_bad_rows] == ["2", "4"]

    def test_lines_are_read_alike_wherever_a_piece_ends(self, read, monkeypatch):
        lines = [entry(at(second), agent="x" * (second * 7 % 90)) for second in range(60)]
        lines[20], lines[40] = "bad\n", entry(at(40), agent=r"\"")
        whole = read(*lines, most_bad_percent=5)
        for size in (64, 500, 1000, 1001, 5000):
            monkeypatch.setattr(log_files, "PIECE_BYTES", size)
            assert read(*lines, most_bad_percent=5) == whole

    @given(st.text(st.sampled_from(' "\\-0129:TZ.a\r!'), max_size=40), st.integers(0, 420))
    @example(' "', 0)
    def test_fast_and_careful_reading_agree(self, text, where):
        """A line that the fast way takes is one that the grammar takes, with the same time."""
        good = entry("2024-02-29T23:59:59.999999Z").rstrip("\n")
        for line in (
            good[:where] + text + good[where:],
            good[:where] + text + good[where + len(text) :],
        ):
            data = line.encode()
            times, _, odd = access_logs._usual(data + b"\n")

            assert len(times) + len(odd) == 1
            if len(times):
                assert access_logs._parsed(data)[0] == times[0]

    def test_fast_and_careful_reading_agree_on_every_small_change(self):
        good = entry("2024-02-29T23:59:59.999999Z", agent="a b c").rstrip("\n").encode()
        signs = (b" ", b'"', b"\\", b"0", b"-", b'" "', b" 0", b"0 ", b"\r", b"!")
        changed = [good, b" " + good.replace(b" 0.086", b"")]
        for place in range(len(good) + 1):
            before, after = good[:place], good[place:]
            changed.extend(before + sign + after for sign in signs)
            changed.extend(before + sign + after[1:] for sign in (b"", *signs))

        times, _, odd = access_logs._usual(b"".join(line + b"\n" for line in changed))

        slow = {number for number, _, _ in odd}
        fast = [line for number, line in enumerate(changed) if number not in slow]
        assert len(fast) > len(changed) / 4
        assert [access_logs._parsed(line)[0] for line in fast] == times.tolist()

    def test_times_of_every_day_are_right(self):
        draw = random.Random(3)  # noqa: S311
        for _ in range(300):
            moment = datetime.fromtimestamp(draw.randrange(4_102_444_800), UTC)
            line = entry(moment.strftime("%Y-%m-%dT%H:%M:%S.123456Z")).encode()

            (time,), _, odd = access_logs._usual(line)

            assert odd == []
            assert time == int(moment.timestamp()) * 10**6 + 123_456


class TestFiles:
    def test_plain_file_and_several_gzip_members(self, tmp_path):
        (tmp_path / "a.log").write_text(entry())
        (tmp_path / "b.log.gz").write_bytes(gzip.compress(entry().encode()) * 2)

        made = read_access_logs(tmp_path)

        assert made.total_requests == 3
        assert made.provenance == (f"access logs {tmp_path}: 2 files, 3 lines",)

    def test_directories_are_searched_throughout_and_patterns_match(self, tmp_path):
        deep = tmp_path / "2023" / "01"
        deep.mkdir(parents=True)
        (deep / SHOP).write_bytes(gzip.compress(entry().encode()))
        (tmp_path / "ELBAccessLogTestFile").write_text("Enable AccessLog for ELB")
        (tmp_path / f"conn_log.{SHOP}").write_bytes(b"other")
        (tmp_path / f"health_check_log_{SHOP}").write_bytes(b"other")

        made = read_access_logs(tmp_path)

        assert made.total_requests == 1
        assert made.provenance[-1] == "3 other files there were not read"
        assert read_access_logs(f"{tmp_path}/**/*app.shop*.log.gz").total_requests == 1

    def test_only_one_load_balancer_is_read(self, tmp_path):
        for name in (SHOP, OTHER):
            (tmp_path / name).write_bytes(gzip.compress(entry().encode()))

        with pytest.raises(TraceError) as caught:
            read_access_logs(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path}: must be the logs of one load balancer, or load_balancer name one, "
            "got app.other.60dc6c495c0c9188, app.shop.50dc6c495c0c9188"
        )
        for name in ("shop", "app/shop/50dc6c495c0c9188", "app.shop.50dc6c495c0c9188"):
            assert read_access_logs(tmp_path, load_balancer=name).total_requests == 1
        with pytest.raises(TraceError, match=r"^load_balancer: must be one that .* has \(app\.oth"):
            read_access_logs(tmp_path, load_balancer="hop")

    def test_requests_outside_the_times_are_counted_apart(self, read):
        made = read(
            *(entry(at(second)) for second in range(30)),
            begin=datetime(2023, 1, 15, 8, 45, 10, tzinfo=UTC),
            end=datetime(2023, 1, 15, 8, 45, 20, tzinfo=UTC),
        )

        assert made.requests_per_second.tolist() == [1]
        assert made.provenance[-1] == "20 requests lie outside the times asked for"

    def test_no_request_in_the_times_is_an_error(self, read):
        with pytest.raises(
            TraceError, match=r"must hold requests in the times asked for, got 1 oth"
        ):
            read(entry(), begin=datetime(2024, 1, 1, tzinfo=UTC))

    def test_stray_time_that_would_make_a_huge_trace_is_an_error(self, read):
        message = r"must span at most 10,000,000 steps; begin and end choose a part, got [\d,]+$"
        with pytest.raises(TraceError, match=message):
            read(entry(), entry("1999-01-15T08:45:00.000000Z"))

    def test_steps_scattered_too_widely_are_an_error_in_bounded_memory(self, read, monkeypatch):
        monkeypatch.setattr(access_logs, "STEPS_MAX", 3 * 4096)

        with pytest.raises(TraceError, match=r"must span at most 12,288 steps"):
            read(*(entry(f"20{year}-01-15T08:45:00.000000Z") for year in range(10, 30)))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", r"access\.log\.gz: must hold at least one row, got none$"),
            (gzip.compress(b"\n\n"), r"must hold at least one row, got none$"),
            (
                gzip.compress(entry().encode() * 9)[:-9],
                r"must be sound gzip, got a file that is cut",
            ),
            (
                gzip.compress(entry().encode())[:20] + b"\0" * 99,
                r"must be sound gzip, got Error -3",
            ),
            (random.Random(1).randbytes(2**20), r"must have at most 1 % bad rows"),  # noqa: S311
        ],
        ids=["empty", "blank", "cut", "damaged", "no-gzip"],
    )
    def test_damaged_files_are_an_error(self, tmp_path, data, message):
        path = tmp_path / "access.log.gz"
        path.write_bytes(data)

        with pytest.raises(TraceError, match=message):
            read_access_logs(path)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"step_seconds": 0},
                "step_seconds: must be whole milliseconds from 0.001 to 604800 s, got 0",
            ),
            (
                {"begin": datetime(2023, 1, 1)},  # noqa: DTZ001
                "begin: must carry a time zone, got 2023-01-01T00:00:00",
            ),
            (
                {"most_bad_percent": 101},
                "most_bad_percent: must be a number from 0 to 100, got 101",
            ),
        ],
    )
    def test_arguments_that_make_no_sense_are_refused(self, read, options, message):
        with pytest.raises(TraceError) as caught:
            read(entry(), **options)

        assert str(caught.value) == message

    def test_nothing_there_is_an_error(self, tmp_path):
        message = r"/none: must be a file, a directory, a pattern or a prefix with files, got none$"
        with pytest.raises(TraceError, match=message):
            read_access_logs(tmp_path / "none")

    def test_progress_is_told_a_file_at_a_time(self, tmp_path):
        (tmp_path / "a.log").write_text(entry())
        (tmp_path / "b.log").write_text(entry())
        told = []

        read_access_logs(tmp_path, progress=told.append)

        assert told == [
            f"read {tmp_path}/a.log (1 of 2)",
            f"read {tmp_path}/b.log (2 of 2)",
        ]

    def test_many_files_are_added_up_in_their_order(self, tmp_path):
        for number in range(20):
            text = "bad\n" + "".join(entry(at(second)) for second in range(number, 60))
            (tmp_path / f"{number:02d}.log").write_text(text)

        made = read_access_logs(tmp_path, most_bad_percent=5)

        assert made.total_requests == sum(60 - number for number in range(20))
        assert made.bad_rows == 20
        assert [row.place for row in made.first_bad_rows] == [
            f"{tmp_path}/{number:02d}.log:1" for number in range(5)
        ]

    def test_memory_does_not_grow_with_the_log(self, tmp_path):
        """120 MB of log that packs into little: neither the pack nor its content is held whole."""
        text = "".join(entry(at(second % 60)) for second in range(2000)).encode()
        (tmp_path / "a.log.gz").write_bytes(gzip.compress(text) * 90)

        tracemalloc.start()
        made = read_access_logs(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert made.total_requests == 180_000
        assert peak < 16 * 2**20

    def test_gigabyte_of_zeros_in_a_megabyte_is_refused_in_bounded_memory(self, tmp_path):
        path = tmp_path / "bomb.log.gz"
        with gzip.open(path, "wb", 1) as stream:
            for _ in range(64):
                stream.write(bytes(2**20))

        tracemalloc.start()
        with pytest.raises(TraceError, match=r"must have at most 262,144 bytes"):
            read_access_logs(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert peak < 16 * 2**20

    def test_a_file_that_unpacks_to_too_many_times_its_size_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(log_files, "RATIO_FREE_BYTES", 2**20)
        path = tmp_path / "bomb.log.gz"
        path.write_bytes(gzip.compress(b"\n" * 2**22))

        with pytest.raises(TraceError, match=r"must unpack to at most 200 times its size, got"):
            read_access_logs(path)

    def test_a_file_that_unpacks_to_too_many_bytes_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(log_files, "FILE_BYTES_MAX", 2**20)
        path = tmp_path / "large.log.gz"
        path.write_bytes(gzip.compress(entry().encode() * 2**11))

        with pytest.raises(TraceError, match=r"gz: must hold at most 1,048,576 bytes, got more$"):
            read_access_logs(path)

    def test_tiny_gzip_members_are_unpacked_without_copying_what_follows_each(self, tmp_path):
        """With the rest of a piece of a megabyte copied for each of them, this takes minutes."""
        path = tmp_path / "members.log.gz"
        path.write_bytes(gzip.compress(b"x") * 150_000 + gzip.compress(b"\n" + entry().encode()))

        assert read_access_logs(path, most_bad_percent=50).total_requests == 1

    @pytest.mark.parametrize("place", ["fifo", "/dev/zero", "socket"])
    def test_what_is_no_file_is_refused_at_once(self, tmp_path, place):
        os.mkfifo(tmp_path / "fifo")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(tmp_path / "socket"))

            with pytest.raises(TraceError, match=r"must be a (regular|readable) file, got"):
                read_access_logs(tmp_path / place)

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("x" * 300, "must be a path or a pattern that can be read, got File name too long"),
            ("a\0b", "must be a file, a directory, a pattern or a prefix with files, got none"),
            ("**x", "must be a path or a pattern that can be read, got Invalid pattern"),
            ("loop", "must be a file, a directory, a pattern or a prefix with files, got none"),
        ],
        ids=["long", "NUL", "pattern", "loop"],
    )
    def test_paths_that_cannot_be_are_refused(self, tmp_path, path, message):
        (tmp_path / "loop").symlink_to("loop")

        with pytest.raises(TraceError) as refused:
            read_access_logs(f"{tmp_path}/{path}")

        assert message in str(refused.value)

    def test_patterns_follow_no_links_in_circles(self, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x.log").write_text(entry())
        for name in "bcd":
            (tmp_path / "a" / name).symlink_to(tmp_path)

        assert read_access_logs(f"{tmp_path}/**/*.log").total_requests == 1

    @pytest.mark.parametrize("step", [float("nan"), float("inf"), -1.0, 1e30, 604_801.0, 0.0015])
    def test_a_step_that_is_no_length_is_refused(self, read, step):
        with pytest.raises(TraceError, match=r"^step_seconds: must be whole milliseconds from"):
            read(entry(), step_seconds=step)

    @pytest.mark.parametrize(
        "begin",
        [
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
            datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=14))),
            datetime(1969, 12, 31, tzinfo=UTC),
        ],
        ids=str,
    )
    def test_moments_that_no_date_can_have_are_refused(self, read, begin):
        with pytest.raises(TraceError, match=r"^begin: must lie from 1970-01-01 to 9999-12-31"):
            read(entry(), begin=begin)


class TestBucket:
    PREFIX = "logs/AWSLogs/123456789012/elasticloadbalancing/eu-west-1/2023/01/15"

    @pytest.fixture
    def bucket(self, answered):
        client = answered("s3")
        client.create_bucket(
            Bucket="access-logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        return client

    def test_objects_under_the_prefix_are_streamed(self, bucket):
        data = gzip.compress("".join(entry(at(second)) for second in range(60)).encode())
        for number in range(3):
            key = f"{self.PREFIX}/{SHOP.replace('20sg8hgm', str(number))}"
            bucket.put_object(Bucket="access-logs", Key=key, Body=data)
        test_file = "logs/AWSLogs/123456789012/ELBAccessLogTestFile"
        bucket.put_object(Bucket="access-logs", Key=test_file, Body=b"Enable AccessLog")
        bucket.put_object(Bucket="access-logs", Key=f"elsewhere/{SHOP}", Body=data)

        made = read_access_logs("s3://access-logs/logs/", s3=bucket)

        assert made.requests_per_second.tolist() == [3.0] * 6
        assert made.provenance == (
            "access logs s3://access-logs/logs/: 3 files, 180 lines",
            "1 other files there were not read",
        )

    def test_every_page_of_the_list_is_read(self, bucket, monkeypatch):
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
        data = gzip.compress(entry().encode())
        for number in range(5):
            bucket.put_object(Bucket="access-logs", Key=f"p/{number}.log.gz", Body=data)
        first = bucket.list_objects_v2(Bucket="access-logs", Prefix="p")

        assert first["IsTruncated"]
        assert read_access_logs("s3://access-logs/p", s3=bucket).total_requests == 5

    def test_bad_lines_are_placed_by_bucket_and_key(self, bucket):
        bucket.put_object(Bucket="access-logs", Key="p/a.log", Body=b"bad\n" + entry().encode())

        made = read_access_logs("s3://access-logs/p", s3=bucket, most_bad_percent=50)

        assert made.first_bad_rows[0].place == "s3://access-logs/p/a.log:1"

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("s3://none/p", r"^s3://none/p: must be readable, got .*NoSuchBucket"),
            (
                "s3://access-logs/none",
                r"^s3://access-logs/none: must be a file, .* with files, got none$",
            ),
            ("s3:///p", r"^source: must be s3://<bucket>/<prefix>, got 's3:///p'$"),
        ],
    )
    def test_what_is_not_there_is_an_error(self, bucket, source, message):
        with pytest.raises(TraceError, match=message):
            read_access_logs(source, s3=bucket)

    def test_client_is_needed(self):
        with pytest.raises(
            TraceError, match=r"^s3: must be a boto3 client of S3 to read s3://access-logs/p"
        ):
            read_access_logs("s3://access-logs/p")

    def test_object_that_cannot_be_read_is_an_error(self, unanswered):
        client = unanswered("s3")
        with Stubber(client) as stub:
            found = {"Contents": [{"Key": "p/a.log.gz"}], "IsTruncated": False}
            stub.add_response("list_objects_v2", found)
            stub.add_client_error("get_object", "AccessDenied")

            with pytest.raises(
                TraceError, match=r"^s3://access-logs/p/a.log.gz: must be readable, got .*Acc"
            ):
                read_access_logs("s3://access-logs/p", s3=client)
