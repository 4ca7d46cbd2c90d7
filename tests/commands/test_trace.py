"""`surgeproof trace`: what it prints, writes and refuses."""

import boto3
import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.traces import named_trace, trace_names
from surgeproof.traces.csv_file import read_csv
from surgeproof.traces.shapes import SHAPES
from tests.traces.test_access_logs import at, entry
from tests.traces.test_cloudwatch import ARN, BALANCER, put


def give(*arguments):
    result = CliRunner().invoke(main, ["trace", *map(str, arguments)])
    return result.exit_code, result.output


def test_all_named_traces_are_listed():
    code, printed = give("list")

    assert code == 0
    assert [line.split()[0] for line in printed.splitlines()] == list(trace_names())


def test_a_trace_is_cut_scaled_resampled_and_written(tmp_path):
    file = tmp_path / "cut.csv"

    code, printed = give(
        "show", "x5-in-300s", "--from", 300, "--to", 1800, "--scale", 2, "--step", 60,
        "--output", file,
    )  # fmt: skip

    expected = named_trace("x5-in-300s").slice(300, 1800).scale(2)
    assert code == 0
    assert printed.startswith("x5-in-300s: 25 steps of 60 s\n  1,140,000 requests; per second 760")
    assert printed.endswith(f"written to {file}\n")
    assert read_csv(file).total_requests == pytest.approx(expected.total_requests)


def test_a_trace_is_scaled_to_a_peak():
    assert "1,234 at the most" in give("show", "flash-crowd", "--peak", 1234)[1]


def test_bad_rows_that_are_borne_are_counted_and_shown(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("seconds,requests_per_second\n0,1\n60,-1\n120,1\n180,1\n")

    code, printed = give("show", file, "--most-bad", 25)

    assert code == 0
    assert "1 of 4 rows are bad (25 %):" in printed
    assert f"{file}:3: must " in printed


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_made_and_tells_its_parameters(shape):
    code, printed = give("make", shape)

    assert code == 0
    assert "generated shape" in printed
    assert ". Default: " in printed


def test_a_shape_takes_its_parameters(tmp_path):
    code, printed = give(
        "make", "step", "base_requests_per_second=10", "factor=7", "--output", tmp_path / "a.csv"
    )

    assert code == 0
    assert "70 at the most" in printed
    assert read_csv(tmp_path / "a.csv").peak_requests_per_second == 70


@pytest.fixture
def clients(answered, monkeypatch):
    """Clients of moto, also for the command."""
    asked, made = [], {service: answered(service) for service in ("cloudwatch", "s3")}

    class Session:
        def __init__(self, **settings):
            asked.append(settings)

        def client(self, service):
            return made[service]

    monkeypatch.setattr(boto3, "Session", Session)
    return made, asked


@pytest.mark.parametrize("balancer", [BALANCER, ARN])
def test_history_is_read_from_cloudwatch(clients, tmp_path, balancer):
    made, asked = clients
    put(made["cloudwatch"], {0: 600, 1: 1200, 3: 60})

    code, printed = give(
        "cloudwatch", balancer, "--begin", "2023-01-15T08:45", "--end", "2023-01-15T08:49:00Z",
        "--region", "eu-west-1", "--profile", "shop", "--output", tmp_path / "history.csv",
    )  # fmt: skip

    assert code == 0, printed
    assert "4 steps of 60 s, from 2023-01-15T08:45:00+00:00\n  1,860 requests" in printed
    assert "1 of 4 steps have no data" in printed
    assert asked == [{"region_name": "eu-west-1", "profile_name": "shop"}]
    assert read_csv(tmp_path / "history.csv").requests_per_second.tolist() == [10, 20, 0, 1]


def test_access_logs_are_read_from_a_file_and_from_a_bucket(clients, tmp_path):
    made, _ = clients
    lines = "".join(entry(at(second)) for second in (1, 2, 31))
    (tmp_path / "access.log").write_text(lines)
    s3 = made["s3"]
    s3.create_bucket(
        Bucket="access-logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3.put_object(Bucket="access-logs", Key="AWSLogs/access.log", Body=lines.encode())

    printed = [
        give("access-logs", source, "--step", 30)
        for source in (tmp_path / "access.log", "s3://access-logs/AWSLogs")
    ]

    for code, said in printed:
        assert code == 0, said
        assert "2 steps of 30 s, from 2023-01-15T08:45:00+00:00\n  3 requests" in said
        assert "1 files, 3 lines" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nope"], "error: nope: must be a file, got none"),
        (["show", "x2-in-0s", "--scale", "nan"], "error: factor: must be a finite number"),
        (["show", "x2-in-0s", "--from", "0.5"], "error: begin_seconds: must be a whole number"),
        (["show", "x2-in-0s", "--output", "/no/x.csv"], "error: --output: /no/x.csv: No such file"),
        (["make", "spike"], "error: SHAPE: must be one of step, ramp"),
        (["make", "step", "height=2"], "error: step: must be given one of base_requests"),
        (["make", "step", "factor=two"], "error: step.factor: must be a number (times), got 'two'"),
        (["make", "step", "factor=-1"], "error: step.factor: must be a number from 0 to 1000"),
        (["access-logs", "/no"], "error: /no: must be a file, a directory, a pattern"),
        (
            ["cloudwatch", "shop", "--region=eu-west-1", "--begin=2023-01-15", "--end=2023-01-16"],
            "error: load_balancer: must be app/<name>/<id>, or its ARN, got 'shop'",
        ),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(arguments, said, unanswered):
    code, printed = give(*arguments)

    assert (code, printed.count("\n")) == (2, 1)
    assert printed.startswith(said)


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "x2-in-0s", "--output", "x" * 9000],
        ["make", "x" * 9000],
        ["make", "step", f"{'x' * 9000}=1"],
        ["make", "step", "factor=" + "x" * 9000],
    ],
    ids=["path", "shape", "parameter", "value"],
)
def test_a_long_argument_is_repeated_in_part(arguments):
    code, printed = give(*arguments)

    assert code == 2
    assert "xxx..." in printed
    assert len(printed) < 400


def test_a_time_that_is_none_is_refused():
    code, printed = give("access-logs", "x", "--begin", "yesterday")

    assert code == 2
    assert "must be a time such as 2026-01-15T08:45:00Z, got 'yesterday'" in printed
