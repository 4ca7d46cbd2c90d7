"""The table of rows: each file holds its service's, and each type has one."""

from importlib import import_module
from pathlib import Path

import pytest

from surgeproof.emulator import rows
from surgeproof.emulator.rows import SERVICES


def of(service):
    return import_module(f"{rows.__name__}.{service}").ROWS


def test_every_file_of_rows_is_in_the_table():
    files = {file.stem for file in Path(rows.__file__).parent.glob("*.py")}

    assert files == {*SERVICES, "__init__", "row", "sources"}
    assert [*SERVICES] == sorted(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_file_holds_the_rows_of_its_service(service):
    assert {row.service for row in of(service)} == {service}


def test_each_type_has_one_row():
    tokens = [row.token for service in SERVICES for row in of(service)]

    assert sorted(tokens) == sorted(rows.ROWS)
