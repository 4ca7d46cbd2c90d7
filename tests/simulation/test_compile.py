"""Where machine code is kept, and who has to wait for it."""

import pytest

from surgeproof.simulation import _compile

KERNEL = "kernel.simulate_slice-1.py311.1.nbc"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(_compile, "cache_place", lambda: tmp_path)
    return tmp_path


def put(place, directory, name):
    (place / directory).mkdir()
    (place / directory / name).touch()


def test_nothing_is_compiled_where_nothing_lies(place):
    assert not _compile.is_compiled()


def test_another_checkout_s_machine_code_is_not_ours(place):
    put(place, "simulation_of_another", KERNEL)

    assert not _compile.is_compiled()


def test_a_compilation_that_was_interrupted_is_none(place):
    put(place, _compile._own(_compile.__file__), "kernel.act-1.py311.1.nbc")

    assert not _compile.is_compiled()


def test_the_kernel_of_this_checkout_is(place):
    put(place, _compile._own(_compile.__file__), KERNEL)

    assert _compile.is_compiled()


def test_nothing_is_kept_where_nothing_can_be(monkeypatch):
    monkeypatch.setattr(_compile, "cache_place", lambda: None)

    assert not _compile.is_compiled()
