"""What AWS documents, statement by statement: the tables of `conformance_*.py`."""

import pytest

from tests.simulation import conformance_alarms, conformance_fleets, conformance_policies
from tests.simulation.conformance import log_of

ROWS = conformance_fleets.ROWS + conformance_policies.ROWS + conformance_alarms.ROWS


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_statement(row):
    assert log_of(row) == row.log, row.says


def test_each_row_has_a_name_of_its_own_and_a_source():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(row.source.startswith(("ASG, ", "CW, ", "ALB, ", "BC, ", "EC2, ")) for row in ROWS)
