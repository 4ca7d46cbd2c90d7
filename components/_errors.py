"""The one error that components raise for arguments that cannot work."""

from enum import Enum

from surgeproof.settings.errors import ArgsError

__all__ = ["ArgsError", "Hidden", "Problems"]


class Hidden:
    """Stands for a value that a message must not show, since it may be a secret."""

    def __init__(self, description: str) -> None:
        self._description = description

    def __repr__(self) -> str:
        return self._description


class Problems:
    """Collects all that is wrong with one component's arguments, to raise it at once."""

    def __init__(self, component: str) -> None:
        self._component = component
        self._lines: list[str] = []

    def add(self, path: str, rule: str, got: object) -> None:
        """Note that the argument at `path` breaks `rule` ("be at most max_size (4)").

        `got` is shown as it was given; None reads "nothing". What may be a secret is `Hidden`.
        """
        self._lines.append(f"{self._component}.{path}: must {rule}, got {_shown(got)}")

    def raise_if_any(self) -> None:
        """Raise one ArgsError with a line for each problem, if there are any."""
        if self._lines:
            raise ArgsError("\n".join(self._lines))


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Enum):
        return repr(value.value)
    return repr(value)
