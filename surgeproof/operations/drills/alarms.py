"""The alarms of an account as a drill sees them: who is above whom, and what one's ALARM brings."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from surgeproof.cloudwatch.rules import Rule, RuleError, alarm_name, read_rule
from surgeproof.operations.drills.calls import Calls, DrillError, RefusedError
from surgeproof.operations.receivers import TOPICS
from surgeproof.settings.errors import DocumentError, listed, shown
from surgeproof.settings.json_file import parse_json

Alarm = Mapping[str, Any]
"""An alarm as DescribeAlarms answers it."""

ACTIONS: Final = ("AlarmActions", "OKActions", "InsufficientDataActions")
MARK: Final = "DRILL"
"""First word of the reason that a drill gives for an alarm's state."""
DATA_KEY: Final = "surgeproofDrill"
_SURGE_PAGE: Final = "-surge-critical"
"""End of the name of the page on surges (components/alarms/pages.py)."""
_ROUNDS_MAX: Final = 100
"""Changes of one composite alarm that are followed: rules may form a cycle (PutCompositeAlarm)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a drill writes beside the state that it sets, so that the next one can undo it."""

    id: str
    former: str
    """The state before."""
    until: datetime
    """When the drill is over, however it went."""

    @property
    def reason(self) -> str:
        """The reason of the state, for people: it begins with the word DRILL."""
        return (
            f"{MARK} {self.id}: this is practice, set by surgeproof drill page until "
            f"{self.until:%Y-%m-%dT%H:%M:%SZ}. The state before was {self.former}."
        )

    @property
    def over(self) -> str:
        """The reason of the state that is set back."""
        return f"{MARK} {self.id} is over: the state is {self.former} again, as before."

    @property
    def data(self) -> str:
        """The same for programs."""
        marked = {"id": self.id, "former": self.former, "until": f"{self.until:%Y-%m-%dT%H:%M:%SZ}"}
        return json.dumps({DATA_KEY: marked})

    @classmethod
    def of(cls, alarm: Alarm) -> "Mark | None":
        """Return the mark of the drill that set an alarm to ALARM; None where none did."""
        if alarm["StateValue"] != "ALARM":
            return None
        try:
            held = parse_json(alarm.get("StateReasonData") or "{}", "StateReasonData")
            marked = held.get(DATA_KEY) if isinstance(held, dict) else None
            if not isinstance(marked, dict):
                return None
            until = datetime.strptime(marked["until"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            return cls(str(marked["id"]), str(marked["former"]), until)
        except (DocumentError, KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Publication:
    """A message that an alarm sends to a topic when it enters ALARM."""

    alarm: str
    topic: str
    """ARN of the topic."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """All alarms of an account and Region, by name."""

    held: Mapping[str, Alarm]
    rules: Mapping[str, Rule]
    """Rules of composite alarms, by their names."""

    @classmethod
    def read(cls, calls: Calls) -> "Alarms":
        """Ask AWS for them; raises DrillError."""
        held: dict[str, Alarm] = {}
        rules: dict[str, Rule] = {}
        for kind in ("MetricAlarm", "CompositeAlarm"):
            found = calls.pages("cloudwatch", "describe_alarms", f"{kind}s", AlarmTypes=[kind])
            for alarm in found:
                held[alarm["AlarmName"]] = alarm
                if kind == "CompositeAlarm":
                    try:
                        rules[alarm["AlarmName"]] = read_rule(alarm["AlarmRule"])
                    except RuleError as error:
                        raise DrillError(f"alarm {alarm['AlarmName']}: {error}") from None
        return cls(held, rules)

    @property
    def states(self) -> dict[str, str]:
        """The states by name."""
        return {name: alarm["StateValue"] for name, alarm in self.held.items()}

    def above(self, name: str) -> tuple[str, ...]:
        """Return the composite alarms that stand on an alarm by their rules, nearest first."""
        found: list[str] = []
        looked = [name]
        while looked:
            below = looked.pop(0)
            for parent, rule in self.rules.items():
                if below in rule.children and parent not in found and parent != name:
                    found.append(parent)
                    looked.append(parent)
        return tuple(found)

    def entered(self, name: str) -> tuple[str, ...]:
        """Return the alarms that are in ALARM once this one is, which are not now; it first."""
        now, then = self.states, self.states | {name: "ALARM"}
        above = self.above(name)
        for _ in range(_ROUNDS_MAX):
            new = {each: "ALARM" if self.rules[each].holds(then) else "OK" for each in above}
            if all(then[each] == value for each, value in new.items()):
                break
            then |= new
        return tuple(
            each for each in (name, *above) if then[each] == "ALARM" and now[each] != "ALARM"
        )

    def held_back(self, names: Sequence[str]) -> dict[str, int]:
        """Return which of these alarms wait before they act, and how long (seconds).

        A composite alarm with a suppressor waits (`ActionsSuppressorWaitPeriod`), or does nothing
        while the suppressor is in ALARM.
        """
        return {
            name: int(self.held[name].get("ActionsSuppressorWaitPeriod") or 0)
            for name in names
            if self.held[name].get("ActionsSuppressor")
            and (
                self.held[name].get("ActionsSuppressorWaitPeriod")
                or self.states.get(alarm_name(self.held[name]["ActionsSuppressor"])) == "ALARM"
            )
        }

    def silenced(self, names: Sequence[str]) -> list[str]:
        """Return the composite alarms that do nothing while one of these is in ALARM."""
        return [
            each
            for each in self.rules
            if alarm_name(self.held[each].get("ActionsSuppressor") or "") in names
        ]

    def publications(self, name: str) -> list[Publication]:
        """Return what is sent at once when an alarm enters ALARM, the most urgent first.

        It takes all actions for enabled.
        """
        entered = self.entered(name)
        waiting = self.held_back(entered)
        found = [
            Publication(each, action)
            for each in entered
            if each not in waiting
            for action in self.held[each].get("AlarmActions") or ()
            if is_topic(action)
        ]
        return sorted(found, key=lambda each: (_urgency(each.topic), each.alarm not in self.rules))

    def choose(self, project: str, stack: str, named: str | None) -> str:
        """Return the name of the metric alarm to drill.

        Args:
            project: The project's name.
            stack: The stack's.
            named: The alarm's name, whole or without that of project, stack and component. None:
                any whose ALARM opens the stack's page on surges, and that does no more than that.

        Raises:
            RefusedError: There is none, or it is a composite alarm.

        """
        prefix = f"{project}-{stack}-"
        if named is None:
            return self._below_the_surge_page(prefix)
        own = re.compile(rf"(?:{re.escape(prefix)}[^-]+-)?{re.escape(named)}")
        found = [each for each in self.held if each == named or own.fullmatch(each)]
        if not found:
            known = [
                each for each in self.held if each.startswith(prefix) and each not in self.rules
            ]
            raise RefusedError(f"alarm: must be one of {listed(sorted(known))}, got {shown(named)}")
        name = found[0]
        if name in self.rules:
            below = listed(self._metric_alarms(name))
            raise RefusedError(
                f"alarm {name}: must be a metric alarm, got a composite one, which AWS does not "
                f"promise to return to its actual state; an alarm below it opens it: {below}"
            )
        return name

    def _below_the_surge_page(self, prefix: str) -> str:
        pages = [
            each
            for each in self.rules
            if re.fullmatch(rf"{re.escape(prefix)}[^-]+{re.escape(_SURGE_PAGE)}", each)
        ]
        if not pages:
            raise RefusedError(
                f"alarm: must be given, since there is no composite alarm "
                f"{prefix}*{_SURGE_PAGE}; `surgeproof drill page ALARM` names one"
            )
        below = sorted(each for page in pages for each in self._metric_alarms(page))
        opening = [each for each in below if set(pages) & set(self.entered(each))] or below
        quiet = [each for each in opening if not any(True for _ in self.deeds(each))]
        if not opening:
            raise RefusedError(f"alarm {pages[0]}: must have metric alarms below it, got none")
        return (quiet or opening)[0]

    def deeds(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield what an alarm and those above it do but send messages: alarm and action."""
        for each in (name, *self.above(name)):
            for kind in ACTIONS:
                for action in self.held[each].get(kind) or ():
                    if not is_topic(action):
                        yield each, action

    def _metric_alarms(self, composite: str) -> list[str]:
        return [
            each for each in self.held if each not in self.rules and composite in self.above(each)
        ]


def is_topic(action: str) -> bool:
    """Whether an action is an SNS topic."""
    return action.split(":")[2:3] == ["sns"]


def _urgency(topic: str) -> int:
    role = topic.rpartition("-")[2]
    return TOPICS.index(role) if role in TOPICS else len(TOPICS)
