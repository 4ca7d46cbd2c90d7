import pytest
from google.protobuf import struct_pb2
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from surgeproof.policies._values import (
    ABSENT,
    UNKNOWN,
    is_false,
    is_true,
    number,
    plain,
    read,
    read_each,
    show,
    unpacked,
    unpacked_map,
)

PROPERTIES = plain(
    {
        "name": "web",
        "later": UNKNOWN_STRING_VALUE,
        "null": None,
        "nested": {"known": 1.0, "later": UNKNOWN_STRING_VALUE},
        "list": [{"a": 1.0}, UNKNOWN_STRING_VALUE, {"b": [{"c": UNKNOWN_STRING_VALUE}]}],
    }
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "web"),
        ("later", UNKNOWN),
        ("later.below", UNKNOWN),
        ("null", ABSENT),
        ("absent.below", ABSENT),
        ("name.below", ABSENT),
        ("nested.known", 1.0),
        ("nested.later", UNKNOWN),
        ("list", [{"a": 1.0}, UNKNOWN, {"b": [{"c": UNKNOWN}]}]),
    ],
)
def test_value_at_a_path(path, value):
    assert read(PROPERTIES, path) == value


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("name", [("name", "web")]),
        ("absent[*].a", []),
        ("later[*].a", [("later", UNKNOWN)]),
        ("list[*].a", [("list[0].a", 1.0), ("list[1]", UNKNOWN), ("list[2].a", ABSENT)]),
        ("list[*].b[*].c", [("list[1]", UNKNOWN), ("list[2].b[0].c", UNKNOWN)]),
    ],
)
def test_values_of_a_list(path, found):
    assert read_each(PROPERTIES, path) == found


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (ABSENT, "nothing"),
        (True, "true"),
        (3.0, "3"),
        (0.5, "0.5"),
        (2_000_001.0, "2000001"),
        ("", "an empty text"),
        ("x", "`x`"),
        ("x" * 81, f"`{'x' * 80}...`"),
        ([1], "1 entry"),
        ({"password": "hunter2", "user": "x"}, "2 entries"),
    ],
    ids=repr,
)
def test_value_in_a_message(value, shown):
    assert show(value) == shown


@pytest.mark.parametrize(
    ("value", "read_as"), [(1, 1), ("2.5", 2.5), (True, None), ("x", None), (ABSENT, None)]
)
def test_number(value, read_as):
    assert number(value) == read_as


@pytest.mark.parametrize(
    ("value", "reads_true", "reads_false"),
    [
        (True, True, False),
        (False, False, True),
        ("True", True, False),
        ("FALSE", False, True),
        ("", False, False),
        (1, False, False),
        (0, False, False),
        (ABSENT, False, False),
        (UNKNOWN, False, False),
    ],
    ids=repr,
)
def test_flags(value, reads_true, reads_false):
    assert (is_true(value), is_false(value)) == (reads_true, reads_false)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-1_500_000, "-1500000"),
        (999_999.0, "999999"),
        (1_000_000.0, "1000000"),
        (UNKNOWN, "unknown"),
        ([], "0 entries"),
        (b"x", "a bytes"),
        ("x" * 80, f"`{'x' * 80}`"),
        (False, "false"),
    ],
    ids=repr,
)
def test_other_values_in_a_message(value, shown):
    assert show(value) == shown


def test_what_a_message_of_the_engine_holds():
    properties = {
        "text": "x",
        "number": 1.5,
        "flag": True,
        "nothing": None,
        "list": ["a", {"b": False}],
        "map": {"c": []},
    }
    struct = struct_pb2.Struct()
    struct.update(properties)

    assert unpacked_map(struct) == properties
    assert unpacked(struct_pb2.Value()) is None
