"""The rates of single clients, from access logs."""

import gzip
import tracemalloc

import pytest

from surgeproof.traces import TraceError
from surgeproof.traces.clients import ClientRates, read_client_rates
from tests.traces.test_access_logs import entry


def lines(client, *seconds):
    return "".join(
        entry(f"2023-01-15T08:{45 + second // 60:02}:{second % 60:02}.000000Z").replace(
            "192.0.2.39:2817", client
        )
        for second in seconds
    )


@pytest.fixture
def read(tmp_path):
    """Write files, one a text, and read them."""

    def write_and_read(*texts, **options):
        for number, text in enumerate(texts):
            (tmp_path / f"{number}.log.gz").write_bytes(gzip.compress(text.encode()))
        return read_client_rates(tmp_path, **options)

    return write_and_read


def test_the_busiest_window_of_each_client_counts(read):
    rates = read(lines("192.0.2.1:1000", 0, 1, 2, 60) + lines("192.0.2.2:1", 61), window_seconds=60)

    assert rates == ClientRates(window_seconds=60, busiest=(1, 3), bad_rows=0)


def test_a_client_is_an_address_whatever_its_port(read):
    rates = read(lines("192.0.2.1:1000", 0) + lines("192.0.2.1:2000", 1))

    assert rates.busiest == (2,)


def test_an_address_of_the_new_kind_is_one_client(read):
    rates = read(lines("2001:db8::1:443", 0, 1))

    assert rates.busiest == (2,)


def test_a_window_is_counted_over_the_files_of_several_nodes(read):
    rates = read(lines("192.0.2.1:1", 0, 1), lines("192.0.2.1:1", 2), lines("192.0.2.1:1", 840))

    assert rates.busiest == (3,)


@pytest.mark.parametrize(
    ("percent", "requests"), [(0, 1), (50, 500), (99.9, 999), (100, 1000)], ids=str
)
def test_a_percentile_is_what_that_share_does_not_exceed(percent, requests):
    rates = ClientRates(window_seconds=300, busiest=tuple(range(1, 1001)), bad_rows=0)

    assert rates.percentile(percent) == requests


def test_a_window_that_no_rate_rule_has_is_refused(read):
    with pytest.raises(TraceError) as told:
        read(lines("192.0.2.1:1", 0), window_seconds=90)

    assert str(told.value) == "window_seconds: must be one of 60, 120, 300, 600, got 90"


def test_lines_that_are_no_entries_are_told(read, tmp_path):
    with pytest.raises(TraceError) as told:
        read(lines("192.0.2.1:1", 0) + "nonsense\n")

    assert str(told.value).startswith(f"{tmp_path}/0.log.gz:2: must be an entry of an access log")


def test_logs_without_a_request_are_told(read, tmp_path):
    with pytest.raises(TraceError) as told:
        read("")

    assert str(told.value) == f"{tmp_path}: must hold at least one row, got none"


def test_a_line_without_an_end_takes_no_memory(tmp_path):
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(lines("192.0.2.1:1", 0).encode() + b"x" * 2**25))

    tracemalloc.start()
    rates = read_client_rates(path, most_bad_percent=50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert rates == ClientRates(window_seconds=300, busiest=(1,), bad_rows=1)
    assert peak < 16 * 2**20
