"""The one reader of JSON: each key once, finite numbers, text that can be written again.

Python's own reader does the work. It takes the last of two equal keys, NaN, halves of surrogate
pairs and numbers beyond all bounds without a word; where it meets one, or is not content itself,
the document is read again, slowly, to say where.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, Final

from surgeproof.settings import limits
from surgeproof.settings.errors import DocumentError, path_shown, problem, shortened
from surgeproof.settings.errors import Path as Place
from surgeproof.settings.files import STANDARD_INPUT, decoded, read_bytes

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_HALF: Final = re.compile("[\ud800-\udfff]")
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_TOKEN: Final = re.compile(
    r'(?P<text>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<word>true|false|null|NaN|-?Infinity)"
    r"|(?P<sign>[][{},:])"
)


def read_json(path: str | Path, place: str | None = None, *, lead: bool = False) -> Any:
    """Return what a JSON file holds; raise DocumentError for all that is wrong with it.

    Args:
        path: The file, of at most DOCUMENT_BYTES_MAX; `-` for what is piped in.
        place: What messages call it. Default: its path.
        lead: Whether lines before the document are passed over, as commands write them.

    """
    if place is None:
        place = "standard input" if str(path) == STANDARD_INPUT else path_shown(path)
    content = read_bytes(path, limits.DOCUMENT_BYTES_MAX, pipes=True)
    return parse_json(decoded(content, place), place, lead=lead)


def parse_json(text: str, place: str, *, lead: bool = False) -> Any:
    """Return what a JSON document holds. Raises DocumentError."""
    begin = max(text.find("{"), 0) if lead else 0
    # An upper bound: what it holds takes memory many times the text's.
    values = text.count(",") + text.count("[") + text.count("{") + 1
    if values > limits.JSON_VALUES_MAX and (problems := _Locator(text, place).problems(begin)):
        raise DocumentError(problems)
    try:
        return _strict(text, begin)
    except (ValueError, RecursionError):
        problems = _Locator(text, place).problems(begin)
        raise DocumentError(problems or [f"{place}: must be JSON, got something else"]) from None


def parse_value(text: str, place: str) -> Any:
    """Return the value that a text of Pulumi's configuration holds, or the text if it is no JSON.

    The engine hands maps, lists, numbers and switches over as JSON, and texts as they are. Raises
    DocumentError for JSON that cannot be taken, such as a map with two equal keys.
    """
    try:
        return _strict(text, 0)
    except (ValueError, RecursionError):
        locator = _Locator(text, place)
        problems = locator.problems(0)
        if locator.is_json:
            raise DocumentError(problems) from None
        return text


class _Refused(ValueError):  # noqa: N818 - leads to the search for the place
    """The document holds what is not taken."""


def _strict(text: str, begin: int) -> Any:
    value, end = _DECODER.raw_decode(text, _after_space(text, begin))
    if _after_space(text, end) < len(text):
        raise _Refused
    _check(value, halves=_SURROGATE.search(text) is not None)
    return value


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused
    return found


def _whole(text: str) -> int:
    if len(text) > limits.NUMBER_CHARACTERS_MAX:
        raise _Refused
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if len(text) > limits.NUMBER_CHARACTERS_MAX or not math.isfinite(number):
        raise _Refused
    return number


def _constant(text: str) -> float:
    raise _Refused(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_number, parse_constant=_constant
)


def _check(value: Any, *, halves: bool) -> None:
    """Raise _Refused for what is nested too deep, and for half surrogate pairs, if there may be."""
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        deeper = 0
        for each in level:
            if isinstance(each, dict):
                deeper = 1
                below.extend(each.values())
                if halves and any(map(_HALF.search, each)):
                    raise _Refused
            elif isinstance(each, list):
                deeper = 1
                below.extend(each)
            elif halves and isinstance(each, str) and _HALF.search(each):
                raise _Refused
        depth += deeper
        if depth > limits.DEPTH_MAX:
            raise _Refused
        level = below


class _Frame:
    """A list or an object that is being read."""

    __slots__ = ("keys", "part")

    def __init__(self, *, is_object: bool) -> None:
        self.keys: dict[str, int] | None = {} if is_object else None
        self.part: str | int | None = None if is_object else 0


class _Locator:
    """Reads a document token by token, to say where it breaks a rule."""

    def __init__(self, text: str, place: str) -> None:
        self._text = text
        self._place = place
        self._found: list[str] = []
        self._more = 0
        self._frames: list[_Frame] = []
        self._line, self._line_begin, self._counted = 1, 0, 0
        self.is_json = True
        """Whether it is JSON, as far as it was read, if perhaps too deep or too large."""

    def problems(self, begin: int) -> list[str]:
        self._read(begin)
        more = [f"{self._place}: and {self._more:,} more problems"] if self._more else []
        return [*self._found, *more]

    def _note(self, at: int, rule: str, got: str) -> None:
        if len(self._found) >= limits.PROBLEMS_MAX:
            self._more += 1
            return
        self._line += self._text.count("\n", self._counted, at)
        self._line_begin = self._text.rfind("\n", 0, at) + 1
        self._counted = at
        path: Place = tuple(each.part for each in self._frames if each.part is not None)
        column = at - self._line_begin + 1
        where = self._line, column
        self._found.append(problem(self._place, rule, got, at=where, path=path))

    def _no_json(self, at: int, rule: str) -> None:
        self.is_json = False
        got = repr(self._text[at]) if at < len(self._text) else "its end"
        self._note(at, f"be JSON with {rule} here", got)

    def _read(self, begin: int) -> None:
        """Go through the tokens; `wanted` says what may come next."""
        values = 0
        at = begin
        wanted = "value"
        while True:
            at = _after_space(self._text, at)
            if wanted == "end":
                if at < len(self._text):
                    self._no_json(at, "nothing more")
                return
            token = _TOKEN.match(self._text, at)
            kind, said = (token.lastgroup, token[0]) if token else (None, "")
            if wanted in {"key", "key or }"} and kind == "text":
                self._key(at, said)
                wanted = ":"
            elif wanted == ":" and said == ":":
                wanted = "value"
            elif said in {"}", "]"} and self._closes(said, wanted):
                self._frames.pop()
                wanted = "next" if self._frames else "end"
            elif wanted == "next" and said == ",":
                frame = self._frames[-1]
                if isinstance(frame.part, int):
                    frame.part += 1
                wanted = "value" if frame.keys is None else "key"
            elif wanted in {"value", "value or ]"} and said in {"{", "["}:
                values += 1
                if len(self._frames) == limits.DEPTH_MAX:
                    rule = f"be nested at most {limits.DEPTH_MAX} levels deep"
                    self._note(at, rule, "more")
                    return
                self._frames.append(_Frame(is_object=said == "{"))
                wanted = "key or }" if said == "{" else "value or ]"
            elif wanted in {"value", "value or ]"} and kind in {"text", "number", "word"}:
                values += 1
                self._scalar(at, str(kind), said)
                wanted = "next" if self._frames else "end"
            else:
                names = {"next": "a comma or the end of it", "key": "a key", "value": "a value"}
                self._no_json(at, names.get(wanted, f"a {wanted}"))
                return
            if values > limits.JSON_VALUES_MAX:
                self._note(at, f"have at most {limits.JSON_VALUES_MAX:,} values", "more")
                return
            at += len(said)

    def _closes(self, said: str, wanted: str) -> bool:
        if not self._frames:
            return False
        is_object = self._frames[-1].keys is not None
        return is_object == (said == "}") and wanted in {"next", "key or }", "value or ]"}

    def _key(self, at: int, said: str) -> None:
        frame = self._frames[-1]
        key: str = json.loads(said)
        frame.part = key
        if frame.keys is None:
            return
        if key in frame.keys:
            # Counted only for what is shown: there may be as many as there are keys.
            shown = len(self._found) < limits.PROBLEMS_MAX
            first = self._text.count("\n", 0, frame.keys[key]) + 1 if shown else 0
            self._note(at, "be given only once", f"it again (first in line {first})")
        frame.keys.setdefault(key, at)
        if _HALF.search(key):
            self._note(at, "have keys without half surrogate pairs", shortened(key))

    def _scalar(self, at: int, kind: str, said: str) -> None:
        if kind == "number":
            if len(said) > limits.NUMBER_CHARACTERS_MAX:
                rule = f"be a number of at most {limits.NUMBER_CHARACTERS_MAX} characters"
                self._note(at, rule, f"one of {len(said):,}")
            elif not math.isfinite(float(said)):
                self._note(at, "be a finite number", shortened(said))
        elif kind == "word" and said not in {"true", "false", "null"}:
            self.is_json = False
            self._note(at, "be a finite number", said)
        elif kind == "text" and "\\u" in said and _HALF.search(json.loads(said)):
            self._note(at, "be a text without half surrogate pairs", "one with")
