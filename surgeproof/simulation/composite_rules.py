"""The rule of a composite alarm, read into a program for a stack."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from surgeproof.cloudwatch.rules import RuleError, Step, read_rule
from surgeproof.simulation.catalogue import (
    NotModelledError,
)
from surgeproof.simulation.compiled import records as r


class RuleReader:
    """Reads the rule of a composite alarm into a program for a stack."""

    WORDS: ClassVar = {
        "AND": r.AND,
        "OR": r.OR,
        "NOT": r.NOT,
        "TRUE": r.PUSH_TRUE,
        "FALSE": r.PUSH_FALSE,
    }
    FUNCTIONS: ClassVar = {
        "ALARM": r.PUSH_ALARM,
        "OK": r.PUSH_OK,
        "INSUFFICIENT_DATA": r.PUSH_INSUFFICIENT,
    }

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

    def program(self) -> list[tuple[int, int]]:
        """Return the rule as operations with operands, in the order in which they run."""
        try:
            steps = read_rule(self.rule).steps
        except RuleError as error:
            raise NotModelledError(str(error)) from error
        if len(steps) > r.COMPOSITE["program"].shape[0]:
            raise NotModelledError(f"no reading of its rule {self.rule[:60]!r}")
        return [self._operation(step) for step in steps]

    def _operation(self, step: Step) -> tuple[int, int]:
        if not step.alarm:
            return self.WORDS[step.word], 0
        if step.alarm in self.alarms:
            return self.FUNCTIONS[step.word], self.alarms.index(step.alarm)
        if step.alarm in self.composites and step.word != "INSUFFICIENT_DATA":
            operation = r.PUSH_COMPOSITE_ALARM if step.word == "ALARM" else r.PUSH_COMPOSITE_OK
            return operation, self.composites.index(step.alarm)
        if step.alarm in self.left_out:
            self.taken_as_ok.append(step.alarm)
            return (r.PUSH_TRUE if step.word == "OK" else r.PUSH_FALSE), 0
        raise NotModelledError(f"no model of {step.alarm}")
