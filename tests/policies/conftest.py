import pytest
from pulumi.runtime.config import set_all_config

from surgeproof.policies import _stated


@pytest.fixture(autouse=True)
def _nothing_is_left_of_the_configuration_of_other_tests():
    set_all_config({}, [])


@pytest.fixture
def stated(monkeypatch):
    """Say what the stack's configuration states: `stated(service={...}, surges={...})`."""

    def state(**groups):
        monkeypatch.setattr(_stated, "_group", lambda name: groups.get(name, {}))

    state()
    return state
