"""The rule of a composite alarm: its grammar, the alarms that it names, and when it holds.

Source: `AlarmRule` of PutCompositeAlarm (Amazon CloudWatch API reference, also in botocore's model
of the operation). NOT binds closer than AND, and AND closer than OR.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STATES: Final = ("ALARM", "OK", "INSUFFICIENT_DATA")
"""The states of an alarm, which are the functions of a rule, too."""

_WORD: Final = re.compile(
    r"""\s*(?:(AND|OR|NOT|TRUE|FALSE|\(|\))
        |(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^()\s"']+))\s*\))""",
    re.VERBOSE,
)
_BINDS: Final = {"OR": 1, "AND": 2, "NOT": 3}


class RuleError(ValueError):
    """A text is not the rule of a composite alarm; the message says where."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rule in reverse Polish notation."""

    word: str
    """AND, OR, NOT, TRUE, FALSE or a state."""
    alarm: str = ""
    """Name of the alarm that has to be in the state."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, its steps in the order in which they are carried out."""

    steps: tuple[Step, ...]

    @property
    def children(self) -> tuple[str, ...]:
        """Names of the alarms in the rule, in its order, one that is named twice twice."""
        return tuple(step.alarm for step in self.steps if step.alarm)

    def holds(self, states: Mapping[str, str]) -> bool:
        """Tell whether the rule holds; an alarm without a state makes its function false."""
        stack: list[bool] = []
        for step in self.steps:
            if step.word == "NOT":
                stack.append(not stack.pop())
            elif step.word in {"AND", "OR"}:
                right, left = stack.pop(), stack.pop()
                stack.append(left and right if step.word == "AND" else left or right)
            else:
                stack.append(step.word == "TRUE" or states.get(step.alarm) == step.word)
        return stack.pop()


def alarm_name(named: str) -> str:
    """Return the name of an alarm that is named by its name or by its ARN."""
    return named.rpartition(":alarm:")[2] if named.startswith("arn:") else named


@functools.lru_cache(maxsize=1024)
def read_rule(text: str) -> Rule:
    """Read a rule; raise RuleError where it is none."""
    steps: list[Step] = []
    waiting: list[str] = []
    place, operand_next = 0, True
    text = text.strip()
    while place < len(text):
        found = _WORD.match(text, place)
        word = found and (found[1] or found[2])
        if found is None or (word in {"AND", "OR", ")"}) == operand_next:
            raise RuleError(f"no reading of its rule at {text[place:].lstrip()[:40]!r}")
        place = found.end()
        if word in {"(", "NOT"}:
            waiting.append(word)
        elif word == ")":
            while waiting and waiting[-1] != "(":
                steps.append(Step(waiting.pop()))
            if not waiting:
                raise RuleError("its parentheses do not match")
            waiting.pop()
        elif word in {"AND", "OR"}:
            while waiting and _BINDS.get(waiting[-1], 0) >= _BINDS[word]:
                steps.append(Step(waiting.pop()))
            waiting.append(word)
            operand_next = True
        else:
            name = found[3] or found[4] or found[5] or ""
            steps.append(Step(str(word), alarm_name(name)))
            operand_next = False
    if "(" in waiting:
        raise RuleError("its parentheses do not match")
    if operand_next:
        raise RuleError(f"no reading of its rule {text[:60]!r}")
    return Rule((*steps, *(Step(word) for word in reversed(waiting))))
