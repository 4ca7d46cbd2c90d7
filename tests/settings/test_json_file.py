import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeproof.settings import limits
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import _Locator, parse_json, parse_value, read_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=20,
)


DEEP = "1:65: [0][0][0][0][0][0][0]....[0]: must be nested at most 64 levels deep, got more"
HALF = "half surrogate pairs"
AGAIN = "must be given only once, got it again (first in line 1)"


def problems(text, **options):
    with pytest.raises(DocumentError) as refused:
        parse_json(text, "a.json", **options)
    return list(refused.value.problems)


@given(VALUES, st.sampled_from([None, 2]))
def test_what_python_writes_is_read_back(value, indent):
    text = json.dumps(value, indent=indent)

    assert parse_json(text, "a.json") == value
    assert _Locator(text, "a.json").problems(0) == []


@given(st.text(st.sampled_from('{}[]":,0123456789.eE-+ntfrua\\ \n'), max_size=12))
def test_both_readers_refuse_the_same(text):
    try:
        parse_json(text, "a.json")
        refused = []
    except DocumentError as error:
        refused = list(error.problems)

    assert _Locator(text, "a.json").problems(0) == refused


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[{"a": 1,\n  "a": 2}]', f"2:3: [0].a: {AGAIN}"),
        ('{"a": NaN}', "1:7: a: must be a finite number, got NaN"),
        ("[-Infinity]", "1:2: [0]: must be a finite number, got -Infinity"),
        ("[1e999]", "1:2: [0]: must be a finite number, got 1e999"),
        ("9" * 5000, "1:1: must be a number of at most 100 characters, got one of 5,000"),
        ('["\\ud800"]', f"1:2: [0]: must be a text without {HALF}, got one with"),
        ('{"\\udc00": 1}', f"1:2: \\udc00: must have keys without {HALF}, got \\udc00"),
        ("", "1:1: must be JSON with a value here, got its end"),
        ("{'a': 1}", '1:2: must be JSON with a key or } here, got "\'"'),
        ('{"a": 1,}', "1:9: a: must be JSON with a key here, got '}'"),
        ("[1] x", "1:5: must be JSON with nothing more here, got 'x'"),
        ('"a\x00"', "1:1: must be JSON with a value here, got '\"'"),
        ("[" * 100_000, DEEP),
        ("[" * 65 + "]" * 65, DEEP),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_in_place(text, problem):
    assert problems(text) == [f"a.json:{problem}"]


def test_sixty_four_levels_are_read():
    assert parse_json("[" * 64 + "]" * 64, "a.json")


def test_whole_surrogate_pairs_are_read():
    assert parse_json('["\\ud83d\\ude00"]', "a.json") == ["\U0001f600"]


def test_many_values_are_refused_before_they_take_memory(monkeypatch):
    monkeypatch.setattr(limits, "JSON_VALUES_MAX", 1000)

    assert problems(f"[{'[], ' * 1000}[]]") == [
        "a.json:1:3998: [999][0]: must have at most 1,000 values, got more"
    ]
    assert parse_json(json.dumps("," * 2000), "a.json") == "," * 2000


def test_lines_before_the_document_are_passed_over_on_demand():
    assert parse_json('Previewing\n{"a": 1}\n', "a.json", lead=True) == {"a": 1}
    assert problems('Previewing\n{"a": 1, "a": 2}', lead=True) == [
        "a.json:2:10: a: must be given only once, got it again (first in line 2)"
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("true", True), ('{"a": 1}', {"a": 1}), ("abc", "abc"), ("", ""), ("[abc", "[abc"),
     ("NaN", "NaN"), ("01", "01"), ("2027-06-30", "2027-06-30")],
)  # fmt: skip
def test_values_of_the_configuration(text, value):
    assert parse_value(text, "shop:key") == value


def test_a_value_of_the_configuration_with_two_equal_keys():
    with pytest.raises(DocumentError, match=r"^shop:key:1:9: a: must be given only once"):
        parse_value('{"a": 1,"a": 2}', "shop:key")


def test_a_byte_order_mark(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')

    assert read_json(file) == {"a": 1}


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "DOCUMENT_BYTES_MAX", 100)
    file = tmp_path / "a.json"
    file.write_bytes(b" " * 101)

    with pytest.raises(DocumentError, match=r"a.json: must have at most 100 bytes, got more"):
        read_json(file)
