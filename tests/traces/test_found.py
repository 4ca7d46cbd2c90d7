"""Finding a trace by what a configuration calls it."""

import os

import pytest

from surgeproof.traces import TraceError, named_trace
from surgeproof.traces.found import find_trace
from tests.traces.refused import HEADER, REFUSED


@pytest.fixture
def places(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    return tmp_path / "one", tmp_path / "two"


def write(path, *rows):
    path.write_text("\n".join(["time,requests_per_second", *rows]) + "\n")


def test_a_name_comes_before_a_file(places):
    write(places[0] / "x2-in-0s", "0,1", "60,1")

    assert find_trace("x2-in-0s", places) == named_trace("x2-in-0s")


def test_a_file_is_found_in_the_first_place_that_has_it(places):
    write(places[1] / "sale.csv", "0,1", "60,2")
    assert find_trace("sale.csv", places).peak_requests_per_second == 2

    write(places[0] / "sale.csv", "0,3", "60,4")
    assert find_trace("sale.csv", places).peak_requests_per_second == 4


def test_what_is_neither_is_named_with_where_it_was_sought(places):
    with pytest.raises(TraceError) as raised:
        find_trace("no.csv", places)

    message = str(raised.value)
    assert message.startswith("trace: must be one of x2-in-0s, ")
    assert message.endswith(f"a file in {places[0]} or {places[1]}, got 'no.csv'")


@pytest.mark.parametrize(("rows", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_judged_is_refused(places, rows, message):
    (places[0] / "sale.csv").write_text(HEADER + rows)

    with pytest.raises(TraceError) as raised:
        find_trace("sale.csv", places)

    assert message in str(raised.value)


def test_a_trace_is_scaled(places):
    found = find_trace("x2-in-0s", places, scale=3)

    assert found == named_trace("x2-in-0s").scale(3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 300, "must be a readable file, got File name too long"),
        ("a\0b", "must be one of"),
        ("fifo", "fifo: must be a regular file, got a pipe"),
        (".", "must be a regular file, got a directory"),
        ("/dev/zero", "/dev/zero: must be a regular file, got a device"),
        ("loop", "must be one of"),
    ],
    ids=["long", "NUL", "fifo", "directory", "device", "loop"],
)
def test_what_cannot_be_a_file_is_refused_at_once(places, name, message):
    os.mkfifo(places[0] / "fifo")
    (places[0] / "loop").symlink_to("loop")

    with pytest.raises(TraceError) as refused:
        find_trace(name, places)

    assert message in str(refused.value)
