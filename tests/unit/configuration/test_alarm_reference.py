import re

from surgeproof.components.configuration.alarm_reference import (
    PRICES,
    _pair_cost,
    alarms_reference,
    billed,
    default_rows,
    window_rows,
)


def test_an_alarm_is_billed_by_the_metrics_that_it_reads():
    rows, scaling = default_rows()
    by_role = {row.role: row for row in [*rows, *scaling]}

    assert billed([by_role["high-cpu-warning"]], 0, 0)["standard"] == 1
    assert billed([by_role["few-good-responses-critical"]], 0, 0)["standard"] == 4
    assert billed([by_role["unusual-demand-users-info"]], 0, 0)["standard"] == 3
    assert billed([by_role["request-surge-fast-critical"]], 0, 0) == {
        "standard": 0,
        "high": 1,
        "composite": 0,
        "dashboard": 0,
    }


def test_a_pair_costs_two_composite_alarms_and_fourteen_metrics():
    """Availability reads three metrics, latency four, each over two windows."""
    assert _pair_cost() == 2 * PRICES["composite"].dollars + 14 * PRICES["standard"].dollars


def test_the_page_adds_up():
    rows = re.findall(r"^\| .* \| [\d.]+ \| \d+ \| ([\d.]+) \|$", alarms_reference(), re.MULTILINE)
    total = re.search(r"^\| together \| \| \| ([\d.]+) \|$", alarms_reference(), re.MULTILINE)

    assert len(rows) == len(PRICES)
    assert round(sum(map(float, rows)), 2) == float(total[1])


def test_each_window_of_each_objective_is_one_alarm():
    assert len(window_rows()) == len({row.role for row in window_rows()}) == 16
