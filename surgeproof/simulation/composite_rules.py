"""The rule of a composite alarm, read into a program for a stack."""

import re
from collections.abc import Collection, Sequence
from typing import ClassVar

from surgeproof.simulation.catalogue import (
    NotModelledError,
)
from surgeproof.simulation.compiled import records as r


class RuleReader:
    """Reads the rule of a composite alarm into a program for a stack."""

    FUNCTIONS: ClassVar = {
        "ALARM": r.PUSH_ALARM,
        "OK": r.PUSH_OK,
        "INSUFFICIENT_DATA": r.PUSH_INSUFFICIENT,
    }
    TOKENS = re.compile(
        r"""\s*(AND|OR|NOT|TRUE|FALSE|\(|\)|(?:ALARM|OK|INSUFFICIENT_DATA)
                            \s*\(\s*(?:"[^"]*"|'[^']*'|[^)\s]+)\s*\))""",
        re.VERBOSE,
    )

    def __init__(
        self,
        rule: str,
        alarms: Sequence[str],
        composites: Sequence[str],
        left_out: Collection[str] = (),
    ) -> None:
        self.rule = rule
        self.alarms = alarms
        self.composites = composites
        self.left_out = left_out
        """Alarms of the plan that have no model."""
        self.taken_as_ok: list[str] = []
        self.tokens: list[str] = []
        self.out: list[tuple[int, int]] = []

    def program(self) -> list[tuple[int, int]]:
        """Return the rule as operations with operands, in the order in which they run."""
        place = 0
        while place < len(self.rule.rstrip()):
            found = self.TOKENS.match(self.rule, place)
            if found is None:
                raise NotModelledError(f"no reading of its rule at {self.rule[place:][:40]!r}")
            self.tokens.append(found[1])
            place = found.end()
        self._either()
        if self.tokens or len(self.out) > r.COMPOSITE["program"].shape[0]:
            raise NotModelledError(f"no reading of its rule {self.rule[:60]!r}")
        return self.out

    def _next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def _either(self) -> None:
        self._both()
        while self._next() == "OR":
            self.tokens.pop(0)
            self._both()
            self.out.append((r.OR, 0))

    def _both(self) -> None:
        self._one()
        while self._next() == "AND":
            self.tokens.pop(0)
            self._one()
            self.out.append((r.AND, 0))

    def _one(self) -> None:
        token = self.tokens.pop(0) if self.tokens else ""
        if token == "NOT":  # noqa: S105 - a word of the rule
            self._one()
            self.out.append((r.NOT, 0))
        elif token == "(":  # noqa: S105 - a word of the rule
            self._either()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise NotModelledError("its parentheses do not match")
        elif token in {"TRUE", "FALSE"}:
            self.out.append((r.PUSH_TRUE if token == "TRUE" else r.PUSH_FALSE, 0))  # noqa: S105
        elif "(" in token:
            word, _, rest = token.partition("(")
            self._state(word.strip(), rest.rstrip(") \t").strip().strip("\"'"))
        else:
            raise NotModelledError(f"no reading of its rule {self.rule[:60]!r}")

    def _state(self, word: str, name: str) -> None:
        # An ARN ends with the alarm's name.
        name = name.rpartition(":alarm:")[2] if name.startswith("arn:") else name
        if name in self.alarms:
            self.out.append((self.FUNCTIONS[word], self.alarms.index(name)))
        elif name in self.composites and word != "INSUFFICIENT_DATA":
            operation = r.PUSH_COMPOSITE_ALARM if word == "ALARM" else r.PUSH_COMPOSITE_OK
            self.out.append((operation, self.composites.index(name)))
        elif name in self.left_out:
            self.taken_as_ok.append(name)
            self.out.append((r.PUSH_TRUE if word == "OK" else r.PUSH_FALSE, 0))
        else:
            raise NotModelledError(f"no model of {name}")
