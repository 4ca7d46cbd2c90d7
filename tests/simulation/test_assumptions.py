"""The table of assumptions."""

from pathlib import Path

import pytest

import surgeproof.simulation
from surgeproof.simulation.assumptions import ASSUMPTIONS, table
from surgeproof.simulation.compiled.records import SCENARIO

PAGE = Path(surgeproof.simulation.__file__).parents[2] / "docs" / "simulation.md"


@pytest.mark.parametrize("row", ASSUMPTIONS.values(), ids=ASSUMPTIONS.keys())
def test_assumption_is_a_field_with_a_default_in_its_range(row):
    assert row.name in SCENARIO.names
    assert row.low <= row.default <= row.high
    assert row.provenance


def test_the_page_holds_the_table():
    assert table() in PAGE.read_text()
