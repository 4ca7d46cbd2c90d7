"""A stack that stands while the tests of one class ask moto about it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from surgeproof.emulator.mocks import MotoClients, aws_in_process, build


@pytest.fixture(scope="class")
def aws(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Any]]:
    """Build the class's `program` in an empty account; return its clients by service."""
    with aws_in_process():
        clients = MotoClients()
        request.cls.prepare(clients.client)
        build(request.cls.program)
        yield clients.client


class Standing:
    """A class of tests about what one program creates."""

    @staticmethod
    def prepare(aws: Callable[[str], Any]) -> None:
        """Create what is there before the program."""

    @staticmethod
    def program() -> None:
        """Create the components under test."""
        raise NotImplementedError
