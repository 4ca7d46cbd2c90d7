"""Changes to what is right: trees of YAML and JSON, and bytes."""

import json
import string
from typing import Any

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the published mark
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's marks of a secret and of an unknown text (sdk/go/common/resource/sig, plugin/rpc.go)."""


class Again(str):
    """A key that is written although an equal one is there."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Raw(str):
    """Is written as it is."""

    __slots__ = ()


GARBAGE = (
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    2**31,
    2**63,
    10**18,
    10**30,
    -(10**30),
    -0.5,
    0.1,
    1e-300,
    1e308,
    "",
    " ",
    "no",
    "x",
    "-1",
    "60",
    "1e999",
    "NaN",
    "Infinity",
    "0x10",
    "1_0",
    "true",
    "2027-01-01",
    "2027-01-01T00:00:00Z",
    "0001-01-01",
    "9999-12-31",
    "9" * 300,
    "9" * 5000,
    "x" * 5000,
    "password" * 4000,
    "a." * 10_000,
    "ALARM(" * 2000,
    "ALARM" + " " * 5000,
    "a\nb",
    "\x1b[2J\x07",
    "\u202ea",
    "\U0001f600",
    "::error::x",
    "${x}",
    "%s%n{0}",
    "../../etc/passwd",
    "/dev/zero",
    "*",
    "[",
    "(" * 200,
    "{",
    "{}",
    '{"a": 1}',
    '{"Statement": [1, null, {"Principal": 3, "Action": {}, "Condition": {"a": [1]}}]}',
    '{"Statement": {"Principal": {"AWS": {}}, "Condition": [1], "Effect": []}}',
    '{"widgets": [1, {"properties": 3}, {"properties": {"metrics": [1, [], [1, {}], [[]]]}}]}',
    '[{"Statement": 3, "Name": [], "Priority": "x"}, 3]',
    '{"a": 1, "a": 2}',
    "[" * 100,
    "arn:aws:sns:eu-west-1:123456789012:topic",
    "arn:",
    "ALARM(x) AND (OK(y)",
    "IF(a, b",
    [],
    [None],
    [[]],
    [{}],
    [1, "a"],
    ["a", "a"],
    ["x"] * 300,
    [UNKNOWN],
    {},
    {"": ""},
    {"a": {"b": []}},
    {"x": None},
    {"low": 1, "high": 2},
    UNKNOWN,
    {SIGNATURE: SECRET},
    {SIGNATURE: SECRET, "ciphertext": "v1:x"},
    {SIGNATURE: SECRET, "plaintext": '"secret"'},
    {SIGNATURE: SECRET, "plaintext": "5"},
    {SIGNATURE: SECRET, "plaintext": "[" * 90},
    {SIGNATURE: SECRET, "plaintext": 5},
    {SIGNATURE: SECRET, "value": [1, {"a": "b"}]},
    {SIGNATURE: "x"},
    {SIGNATURE: 5},
    {"secure": "v1:x"},
    {"secure": 5},
)
"""Values that belong nowhere, and some that belong elsewhere."""

RAW_JSON = (
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "-" + "1" * 400,
    '"\\ud800"',
    '"\\u0000"',
    '"\\u001b[31m"',
    "[" * 200 + "]" * 200,
    '{"a":' * 60 + "1" + "}" * 60,
    "[1,]",
    "nul",
    "'x'",
    "",
    "1 1",
    '"\x07"',
)
RAW_YAML = (
    *RAW_JSON,
    "no",
    "On",
    "010",
    "0x1F",
    "1:30",
    "1_000",
    ".inf",
    "-.INF",
    ".nan",
    "2026-01-01",
    "2026-01-01 10:00:00",
    "2026-13-45",
    "!!binary aGk=",
    "!!timestamp 2026-01-01",
    "!!set {a}",
    "!!python/object/apply:os.getcwd []",
    "!own x",
    "*none",
    "&a [*a]",
    "&a 5",
    "~",
    "@x",
    "`x`",
    "%x",
    "- x",
    "{<<: {maxSize: 1}}",
    "{<<: [1]}",
    "{1: x}",
    "{null: x}",
    "{[a]: x}",
    "{no: x}",
    "{? a}",
    "[a: b]",
    "|\n  x",
    "'",
    "\t",
)
KEYS = ("", "a", "__proto__", "<<", "0", "null", "x" * 300, "a.b[0]", "a:b", "\x1b[0m", "id", "urn")

PIECES = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\t",
    b"\x1b[2J",
    b"{",
    b"}",
    b"[" * 80,
    b"]",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!binary ",
    b"---\n",
    b"...\n",
    b'"',
    b"'",
    b",",
    b"#",
    b"%YAML 9.9\n",
    b"1e999",
    b"9" * 400,
    b"-1",
    b"nan",
    b"null",
    b"0001-01-01T00:00:00Z",
    b"9999-12-31T23:59:59Z",
    b"x" * 5000,
)


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return (container, key or index) of all values in a tree."""
    found, left = [], [tree]
    while left:
        at = left.pop()
        keys = list(at) if isinstance(at, dict) else range(len(at))
        for key in keys:
            found.append((at, key))
            if isinstance(at[key], dict | list):
                left.append(at[key])
    return found


def has_doubles(tree: Any) -> bool:
    """Whether a key is twice in a mapping."""
    maps = [tree, *(at[key] for at, key in places(tree))]
    return any(
        len({str(key) for key in each}) < len(each) for each in maps if isinstance(each, dict)
    )


def mutate(rng, tree: Any, raw: tuple[str, ...]) -> None:
    """Change a tree in place, one to four times."""
    for _ in range(min(1 + int(rng.expovariate(1.0)), 4)):
        known = places(tree)
        if not known:
            return
        at, key = rng.choice(known)
        if isinstance(at, dict) and rng.random() < 0.15:
            # One too many even where its value is the same.
            at[Again(key)] = at[key] if rng.random() < 0.3 else _copied(rng.choice(GARBAGE))
        else:
            _change(rng, at, key, known, raw)


def _change(rng, at: Any, key: Any, known: list[tuple[Any, Any]], raw: tuple[str, ...]) -> None:
    what = rng.random()
    if what < 0.45:
        at[key] = _copied(rng.choice(GARBAGE))
    elif what < 0.55:
        at[key] = Raw(rng.choice(raw))
    elif what < 0.65:
        del at[key]
    elif what < 0.72:
        other, name = rng.choice(known)
        try:
            at[key] = _copied(other[name])
        except (KeyError, IndexError):
            at[key] = None
    elif what < 0.79:
        at[key] = [at[key]]
    elif what < 0.84:
        at[key] = {rng.choice(KEYS): at[key]}
    elif what < 0.9 and isinstance(at, dict):
        at[rng.choice([*KEYS, *_misspelled(rng, str(key))])] = at.pop(key)
    elif what < 0.95 and isinstance(at, dict):
        at[rng.choice(KEYS)] = _copied(rng.choice(GARBAGE))
    elif isinstance(at, list):
        at[:] = at * rng.choice([0, 2, 3, 40])
    elif isinstance(at[key], str):
        at[key] = "".join(rng.sample(at[key], len(at[key]))) if at[key] else "\0"
    else:
        at[key] = _copied(rng.choice(GARBAGE))


def _misspelled(rng, key: str) -> list[str]:
    at = rng.randrange(len(key) + 1)
    return [key[:at] + rng.choice(string.ascii_letters) + key[at:], key[:at] + key[at + 1 :]]


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def written(value: Any, *, spaced: bool = False) -> str:
    """Write a tree as JSON, which is YAML too, with all that no library would write."""
    if isinstance(value, dict):
        colon = ": " if spaced else ":"
        parts = (f"{json.dumps(str(key))}{colon}{written(each)}" for key, each in value.items())
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return str(value) if isinstance(value, Raw) else json.dumps(value)


def damaged(rng, content: bytes) -> bytes:
    """Change some bytes of a file."""
    for _ in range(min(1 + int(rng.expovariate(0.7)), 6)):
        at = rng.randrange(len(content) + 1)
        end = min(at + int(rng.expovariate(0.05)), len(content))
        what = rng.random()
        if what < 0.35:
            content = content[:at] + rng.choice(PIECES) + content[at:]
        elif what < 0.5:
            content = content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
        elif what < 0.7:
            content = content[:at] + content[end:]
        elif what < 0.85:
            content = content[:end] + content[at:end] + content[end:]
        elif what < 0.9:
            content = content[:at]
        else:
            lines = content.splitlines(keepends=True)
            rng.shuffle(lines)
            content = b"".join(lines[: 1 + rng.randrange(len(lines))]) if lines else content
    return content
