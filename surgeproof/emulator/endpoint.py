"""What the endpoint (moto) loses, refuses, lacks and does not enforce: one measured table.

The table is `measured.json`. `python -m surgeproof.emulator.probe` measures it again, by building
the whole program in several configurations and reading every property back.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from surgeproof.settings.json_file import read_json

NOT_IMPLEMENTED = "NotImplementedByEndpoint"
"""The error code by which the endpoint says that it lacks an operation; its HTTP status is 501."""

UNSERVED = frozenset({"chatbot"})
"""Services that moto does not have at all: what they hold is recorded only."""

TABLE = Path(__file__).with_name("measured.json")


class Loss(NamedTuple):
    """A property that does not come back as it was sent."""

    absent: bool
    """Whether it does not come back at all; else it comes back as something else."""
    shown: str
    """What comes back."""


def _load() -> Mapping[str, Any]:
    if not TABLE.exists():
        return {}
    loaded: Mapping[str, Any] = read_json(TABLE)
    return loaded


_TABLE = _load()

LOST: Mapping[str, Mapping[str, Loss]] = {
    token: {path: Loss(each["absent"], each["shown"]) for path, each in paths.items()}
    for token, paths in _TABLE.get("loses", {}).items()
}
"""Properties that the endpoint takes and does not give back, by type token and property path."""

REFUSED: Mapping[str, Mapping[str, str]] = _TABLE.get("refuses", {})
"""Attributes that the endpoint refuses, with its answer. They are not sent, but recorded."""
