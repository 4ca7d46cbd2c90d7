import pytest

from surgeproof.policies import _stated


@pytest.fixture
def stated(monkeypatch):
    """Say what the stack's configuration states: `stated(service={...}, surges={...})`."""

    def state(**groups):
        monkeypatch.setattr(_stated, "_group", lambda name: groups.get(name, {}))

    state()
    return state
