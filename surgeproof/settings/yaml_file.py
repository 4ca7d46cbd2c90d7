"""The one reader of YAML: plain values, each key once, nothing that YAML readers disagree about.

The Pulumi engine reads the same files by YAML 1.2 (`no` is a text, `1e3` a number), PyYAML by
1.1 (`no` is false, `1e3` a text). What they read differently is refused, so that a setting means
the same to both.

PyYAML parses, event by event, in libyaml where it is there. Values are built here, since PyYAML's
own constructor takes the last of two equal keys and writes out aliases without an end.
"""

import copy
import re
from pathlib import Path
from typing import Any, Final

import yaml

from surgeproof.escaping import visible
from surgeproof.settings import limits
from surgeproof.settings.errors import DocumentError, path_shown, problem, shortened
from surgeproof.settings.errors import Path as Place
from surgeproof.settings.files import decoded, read_bytes

_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SWITCHES: Final = frozenset({"yes", "no", "on", "off"})
"""True or false by YAML 1.1, in three spellings."""

_NUMERIC: Final = frozenset("+-.0123456789")
_DISPUTED: Final = re.compile(
    r"[-+]?0(b[01]+|o[0-7]+|x[0-9a-f]+)"  # other bases
    r"|[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"  # base 60 by YAML 1.1
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)(e[-+]?[0-9]+)?"  # base 8, and with underscores
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")
_UNWRITABLE: Final = re.compile("[\0\ud800-\udfff]")
_MERGE: Final = "<<"
_YAML_TAGS: Final = "tag:yaml.org,2002:"


def read_yaml(path: str | Path, place: str | None = None) -> Any:
    """Return what a YAML file holds; raise DocumentError for all that is wrong with it.

    Args:
        path: The file, of at most SETTINGS_BYTES_MAX.
        place: What messages call it. Default: its name.

    """
    place = place or path_shown(Path(path).name)
    return parse_yaml(decoded(read_bytes(path, limits.SETTINGS_BYTES_MAX), place), place)


def parse_yaml(text: str, place: str) -> Any:
    """Return what a YAML document holds; None for an empty one.

    Mappings, lists, texts, numbers, true, false and null; dates stay texts as they are written.
    Raises DocumentError.
    """
    builder = _Builder(text, place)
    try:
        value = builder.document()
    except _Hopeless:
        value = None
    except yaml.YAMLError as error:
        builder.unreadable(error)
    if builder.problems:
        raise DocumentError(builder.lines())
    return value


class _Hopeless(Exception):  # noqa: N818 - no error of its own: the problem is noted
    """Nothing more is to be read."""


class _Anchor:
    """A value that aliases repeat."""

    __slots__ = ("characters", "height", "value", "values")

    def __init__(self, value: Any, values: int, characters: int, height: int) -> None:
        self.value = value
        self.values = values
        self.characters = characters
        self.height = height


class _Builder:
    """Builds the values of one document and gathers what is wrong."""

    def __init__(self, text: str, place: str) -> None:
        self.place = place
        self.problems: list[str] = []
        self._more = 0
        self._text = text
        self._values = self._characters = 0
        self._anchors: dict[str, _Anchor | None] = {}

    def document(self) -> Any:
        self._loader = _Loader(self._text)
        event = self._next()  # the stream
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return None
        value, _ = self._value(self._next(), ())
        self._next()  # the document's end
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._note(event, (), "be one document", "a second one")
        return value

    def lines(self) -> list[str]:
        more = [f"{self.place}: and {self._more:,} more problems"] if self._more else []
        return [*self.problems, *more]

    def unreadable(self, error: yaml.YAMLError) -> None:
        """Note where the text is no YAML."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
        else:  # a sign that YAML has no place for
            sign = next((at for at in re.finditer(_FORBIDDEN, self._text)), None)
            before = self._text[: sign.start()] if sign else ""
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            what = "a sign that YAML does not allow" if sign else what
        lines = self._text.splitlines()
        rest = lines[line - 1][column - 1 :] if 0 < line <= len(lines) else ""
        end = "the end of the line" if line <= len(lines) else "its end"
        got = repr(rest[0]) if rest else end
        rule = f"be YAML ({' '.join(visible(what).split())})"
        self.problems.append(problem(self.place, rule, got, at=(line, column)))

    def _next(self) -> Any:
        return self._loader.get_event()

    def _note(self, event: Any, path: Place, rule: str, got: str) -> None:
        if len(self.problems) >= limits.PROBLEMS_MAX:
            self._more += 1
            return
        mark = event.start_mark
        at = mark.line + 1, mark.column + 1
        self.problems.append(problem(self.place, rule, got, at=at, path=path))

    def _stop(self, event: Any, path: Place, rule: str, got: str) -> None:
        self._more = 0
        self.problems = self.problems[: limits.PROBLEMS_MAX - 1]
        self._note(event, path, rule, got)
        raise _Hopeless

    def _count(self, event: Any, path: Place, values: int, characters: int) -> None:
        self._values += values
        self._characters += characters
        if self._characters > limits.YAML_TEXT_MAX:
            rule = f"have at most {limits.YAML_TEXT_MAX:,} characters, aliases written out"
            self._stop(event, path, rule, "more")
        if self._values > limits.YAML_VALUES_MAX:
            rule = f"have at most {limits.YAML_VALUES_MAX:,} values, aliases written out"
            self._stop(event, path, rule, "more")

    def _deep(self, event: Any, path: Place, height: int) -> None:
        if len(path) + height > limits.DEPTH_MAX:
            self._stop(event, path, f"be nested at most {limits.DEPTH_MAX} levels deep", "more")

    def _value(self, event: Any, path: Place) -> tuple[Any, int]:
        """Return the value that an event begins, and how many levels lie in it."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        values, characters = self._values, self._characters
        if event.anchor is not None:
            self._anchors[event.anchor] = None  # an alias inside would have no end
        self._untagged(event, path)
        value: Any
        height = 0
        if isinstance(event, yaml.ScalarEvent):
            self._count(event, path, 1, len(event.value))
            value = self._scalar(event, path)
        else:
            self._count(event, path, 1, 0)
            self._deep(event, path, 1)
            is_list = isinstance(event, yaml.SequenceStartEvent)
            value, height = self._list(path) if is_list else self._mapping(path)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(
                value, self._values - values, self._characters - characters, height
            )
        return value, height

    def _untagged(self, event: Any, path: Place) -> None:
        if event.tag is not None:
            shown = f"!!{event.tag.removeprefix(_YAML_TAGS)}"
            tag = shown if event.tag.startswith(_YAML_TAGS) else event.tag
            self._note(event, path, "have no tag", shortened(tag))

    def _alias(self, event: Any, path: Place) -> tuple[Any, int]:
        name = shortened(event.anchor)
        if event.anchor not in self._anchors:
            self._note(event, path, "be an alias of an anchor above it", f"*{name}")
            return None, 0
        anchor = self._anchors[event.anchor]
        if anchor is None:
            self._note(event, path, "be an alias of a value that ends above it", f"*{name}")
            return None, 0
        self._count(event, path, anchor.values, anchor.characters)
        self._deep(event, path, anchor.height)
        return copy.deepcopy(anchor.value), anchor.height

    def _list(self, path: Place) -> tuple[list[Any], int]:
        found: list[Any] = []
        height = 0
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            value, below = self._value(event, (*path, len(found)))
            found.append(value)
            height = max(height, below)
        return found, height + 1

    def _mapping(self, path: Place) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        height = 0
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            at = self._next()
            value, below = self._value(at, (*path, key if key is not None else "?"))
            height = max(height, below)
            if key is None:
                continue
            if key in lines:
                got = f"it again (first in line {lines[key]})"
                self._note(event, (*path, key), "be given only once", got)
                continue
            lines[key] = event.start_mark.line + 1
            if key == _MERGE and event.implicit[0]:
                merged = self._merged(at, (*path, key), value)
            else:
                found[key] = value
        return {**merged, **found}, height + 1

    def _key(self, event: Any, path: Place) -> str | None:
        """Return a mapping's key, None for what cannot be one."""
        got = "a list" if isinstance(event, yaml.SequenceStartEvent) else "a mapping"
        if isinstance(event, yaml.ScalarEvent):
            self._count(event, path, 1, len(event.value))
            before = len(self.problems) + self._more
            self._untagged(event, path)
            key = self._scalar(event, (*path, event.value))
            if len(self.problems) + self._more > before:
                return None
            if isinstance(key, str) and not (event.implicit[0] and _DATE.fullmatch(key)):
                if event.anchor is not None:
                    self._anchors[event.anchor] = _Anchor(key, 1, len(key), 0)
                return key
            got = shortened(event.value) or "nothing"
        elif isinstance(event, yaml.AliasEvent):
            value, _ = self._alias(event, path)
            if isinstance(value, str):
                return value
            got = f"*{shortened(str(event.anchor))}"
        else:
            self._value(event, (*path, "?"))
        self._note(event, path, "have keys that are texts (in quotes)", got)
        return None

    def _merged(self, event: Any, path: Place, value: Any) -> dict[str, Any]:
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            self._note(event, path, "be a mapping, or a list of mappings", "something else")
            return {}
        return {key: each for part in reversed(parts) for key, each in part.items()}

    def _scalar(self, event: Any, path: Place) -> Any:
        text: str = event.value
        if _UNWRITABLE.search(text):
            self._note(event, path, "be a text without NUL and half surrogate pairs", "one with")
        if not event.implicit[0]:  # quoted
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if len(text) > limits.NUMBER_CHARACTERS_MAX:
            if _NUMBER.fullmatch(text):
                rule = f"be a number of at most {limits.NUMBER_CHARACTERS_MAX} characters"
                self._note(event, path, rule, f"one of {len(text):,}")
            return text
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            number = float(text)
            if abs(number) != float("inf"):
                return number
        if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text):
            self._note(event, path, "be a finite number, or a text in quotes", shortened(text))
        elif text.lower() in _SWITCHES or (
            text[0] in _NUMERIC and _DISPUTED.fullmatch(text.replace("_", "").lower())
        ):
            rule = "be true, false, a plain decimal number, or a text in quotes"
            self._note(event, path, rule, shortened(text))
        return text


_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Signs that no YAML document may hold (YAML 1.2.2, production c-printable)."""
