import pytest
import yaml

from surgeproof.settings import limits, yaml_file
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.yaml_file import parse_yaml, read_yaml

READERS = [yaml.SafeLoader, yaml_file._Loader]
"""PyYAML in Python, and in libyaml where that is there."""


@pytest.fixture(params=READERS, ids=["python", "native"], autouse=True)
def reader(request, monkeypatch):
    monkeypatch.setattr(yaml_file, "_Loader", request.param)


def problems(text):
    with pytest.raises(DocumentError) as refused:
        parse_yaml(text, "a.yaml")
    return list(refused.value.problems)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("---\n", None),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1\r\nb: [x, 'y']\r\n", {"a": 1, "b": ["x", "y"]}),
        ("[true, False, null, ~, ]", [True, False, None, None]),
        ("[0, +5, -3, 1.5, .5, 1., 1e3, 2E-1]", [0, 5, -3, 1.5, 0.5, 1.0, 1000.0, 0.2]),
        ("['no', \"010\", '1', y, n, 1.2.3, 10s, -]", ["no", "010", "1", "y", "n", "1.2.3", "10s"]),
        ("{until: 2027-06-30, at: 2027-06-30 10:00:00}", None),
        ("{base: &b {x: 1, y: 2}, more: {<<: *b, y: 3}}", None),
        ("{base: &b [1], more: [*b, *b]}", {"base": [1], "more": [[1], [1]]}),
    ],
)
def test_values(text, value):
    found = parse_yaml(text.replace(", -]", "]"), "a.yaml")

    if value is not None or not text.strip("-\n"):
        assert found == value
        assert repr(found) == repr(value)  # 1 and true are equal to Python
    elif "until" in text:
        assert found == {"until": "2027-06-30", "at": "2027-06-30 10:00:00"}
    else:
        assert found["more"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: {c: 1, c: 2}", "2:11: b.c: must be given only once, got it again"),
        ("a: {<<: {b: 1}, <<: {b: 2}}", "1:17: a.<<: must be given only once, got it again"),
        ("1: x", "1:1: must have keys that are texts (in quotes), got 1"),
        ("null: x", "1:1: must have keys that are texts (in quotes), got null"),
        ("a: {true: x}", "1:5: a: must have keys that are texts (in quotes), got true"),
        ("? [a]\n: x", "1:3: must have keys that are texts (in quotes), got a list"),
        ("? {a: 1}\n: x", "1:3: must have keys that are texts (in quotes), got a mapping"),
        ("2027-01-01: x", "1:1: must have keys that are texts (in quotes), got 2027-01-01"),
        ("a: [1, .inf]", "1:8: a[1]: must be a finite number, or a text in quotes, got .inf"),
        ("a: .NaN", "1:4: a: must be a finite number, or a text in quotes, got .NaN"),
        ("a: 1e999", "1:4: a: must be a finite number, or a text in quotes, got 1e999"),
        (f"a: {'9' * 5000}", "1:4: a: must be a number of at most 100 characters, got one of"),
        ("a: &x [*x]", "1:8: a[0]: must be an alias of a value that ends above it, got *x"),
        ("a: *x", "1:4: a: must be an alias of an anchor above it, got *x"),
        ("a: !!binary aGk=", "1:4: a: must have no tag, got !!binary"),
        ("a: !!python/object/apply:os.getcwd []", "1:4: a: must have no tag, got !!python/"),
        ("a: !own x", "1:4: a: must have no tag, got !own"),
        ("a: 1\n---\nb: 2", "2:1: must be one document, got a second one"),
        ('a: "\\0"', "1:4: a: must be a text without NUL and half surrogate pairs, got one with"),
        ("a:\n\tb: 1", "2:1: must be YAML (found character"),
        ("a: [1,\n  b: }", "2:6: must be YAML"),
        ("a: \x07", "1:4: must be YAML (a sign that YAML does not allow), got '\\x07'"),
        ('a: "\\ud800"', "1:"),
    ],
)
def test_what_is_refused_is_told_in_place(text, problem):
    assert problems(text)[0].startswith(f"a.yaml:{problem}")


@pytest.mark.parametrize(
    "written",
    ["no", "Yes", "ON", "off", "010", "-07", "0x1F", "0b11", "0o17", "1_000", "1:30", "08.5"],
)
def test_what_the_engine_and_python_read_differently_is_refused(written):
    rule = "must be true, false, a plain decimal number, or a text in quotes"

    assert problems(f"a: {written}") == [f"a.yaml:1:4: a: {rule}, got {written}"]
    assert problems(f"{written}: 1") == [f"a.yaml:1:1: {written}: {rule}, got {written}"]


def test_all_problems_are_told_at_once_up_to_a_number():
    found = problems("\n".join(f"a{number}: no" for number in range(25)))

    assert len(found) == limits.PROBLEMS_MAX + 1
    assert found[-1] == "a.yaml: and 5 more problems"


def test_aliases_are_written_out_within_bounds():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    assert problems("\n".join(lines)) == [
        "a.yaml:5:35: a4[5]: must have at most 50,000 values, aliases written out, got more"
    ]


def test_aliases_of_a_long_text_are_bounded():
    text = f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 100}]"

    assert problems(text)[0].endswith(
        "must have at most 4,194,304 characters, aliases written out, got more"
    )


def test_aliases_nest_within_bounds():
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))]

    assert problems("\n".join(lines))[0].endswith("must be nested at most 64 levels deep, got more")


def test_what_aliases_repeat_is_not_shared():
    found = parse_yaml("a: &a {b: 1}\nc: *a", "a.yaml")

    found["a"]["b"] = 2

    assert found["c"] == {"b": 1}


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 5_000, "{a: " * 10_000, "? " * 5_000])
def test_deep_nesting_is_refused_before_it_is_built(text):
    assert "must be nested at most 64 levels deep, got more" in problems(text)[-1]


def test_sixty_four_levels_are_read():
    assert parse_yaml("[" * 64 + "]" * 64, "a.yaml")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: 1\nb: \xff", "2:4: must be text in UTF-8, got the byte 0xff"),
        ("a: ä".encode("utf-16"), "1:1: must be text in UTF-8, got UTF-16"),
        ("a: ä".encode("latin-1"), "1:4: must be text in UTF-8, got the byte 0xe4"),
    ],
)
def test_encodings(tmp_path, content, problem):
    file = tmp_path / "a.yaml"
    file.write_bytes(content)

    with pytest.raises(DocumentError) as refused:
        read_yaml(file)

    assert str(refused.value) == f"a.yaml:{problem}"


def test_a_large_file_is_not_read(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"#" * (limits.SETTINGS_BYTES_MAX + 1))

    with pytest.raises(DocumentError, match=r"a.yaml: must have at most 1,048,576 bytes, got more"):
        read_yaml(file)


def test_values_are_shortened_and_printable():
    (found,) = problems(f'"\\e[31m{"k" * 100}": no')

    assert "\x1b" not in found
    assert len(found) < 250
