"""What is wrong with a document, and the words for it."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Final

from surgeproof.escaping import visible
from surgeproof.settings.limits import SHOWN_CHARACTERS_MAX

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document."""

_SHOWN_PARTS: Final = 8
_SHOWN_NAMES: Final = 12
_PATH_CHARACTERS_MAX: Final = 300
_EXACT_MAX: Final = 2**53
_PRINTED_MAX: Final = 10**100
"""Python refuses to print whole numbers of more than 4300 digits."""
_EMPTY: Final = "an empty mapping"


class DocumentError(ValueError):
    """A document cannot be read. Each problem is `<place>: must <rule>, got <value>`."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take the problems, a line each."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ArgsError(ValueError):
    """Raised for arguments that AWS, or the component, would not accept.

    Each line reads `<Component>.<path>: must <rule>, got <value>`.
    """


def shortened(text: str) -> str:
    """Return a text as a message repeats it: visible, and never long."""
    cut = text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[: SHOWN_CHARACTERS_MAX - 3]}..."
    return visible(cut)


def listed(names: Sequence[str]) -> str:
    """Return names as a message lists them: each cut short, and not more than a few."""
    more = [f"{len(names) - _SHOWN_NAMES} more"] if len(names) > _SHOWN_NAMES else []
    return ", ".join([*map(shortened, names[:_SHOWN_NAMES]), *more]) or "none"


def path_shown(path: object) -> str:
    """Return a file's path as messages name it: one line, with its middle left out where long."""
    text = visible(str(path))
    if len(text) <= _PATH_CHARACTERS_MAX:
        return text
    half = _PATH_CHARACTERS_MAX // 2 - 2
    return f"{text[:half]}...{text[-half:]}"


def shown(value: object) -> str:
    """Return a value as who writes YAML knows it, on one line that is never long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"a mapping of {listed([str(key) for key in value])}" if value else _EMPTY
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, Enum):
        return shown(value.value)
    if isinstance(value, str):
        cut = len(value) > SHOWN_CHARACTERS_MAX
        return visible(repr(f"{value[: SHOWN_CHARACTERS_MAX - 3]}..." if cut else value))
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_MAX:
        return str(int(value))
    if isinstance(value, int) and abs(value) > _PRINTED_MAX:
        return "a whole number of many digits"
    return shortened(repr(value))


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as people write it: `config.surgeproof:alerts.subscriptions[0]`."""
    parts = list(path)
    shown = parts if len(parts) <= _SHOWN_PARTS else [*parts[: _SHOWN_PARTS - 1], "...", parts[-1]]
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{shortened(part)}" for part in shown
    )
    return text.removeprefix(".")


def problem(
    place: str, rule: str, got: str, *, at: tuple[int, int] | None = None, path: Path = ()
) -> str:
    """Return one problem as a line.

    Args:
        place: What the document is called.
        rule: What would be right; completes "must".
        got: What is there, in words.
        at: Line and column, from 1. Default: not known.
        path: Where it is in the document.

    """
    where = place if at is None else f"{place}:{at[0]}:{at[1]}"
    inside = f" {dotted(path)}:" if path else ""
    return f"{where}:{inside} must {rule}, got {got}"
