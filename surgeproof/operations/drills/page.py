"""Practising a page: an alarm is set to ALARM on purpose, and what comes of it is waited for.

Only metric alarms are set. AWS evaluates one again by itself, "often within seconds", while a
composite alarm "is not guaranteed to return to its actual state" (SetAlarmState, CloudWatch API
reference, also in botocore's model of the operation). So not even a drill that is killed leaves an
alarm in a false state. The composite alarms above, which page people, follow by their rules.
"""

import secrets
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, Final

from surgeproof import interrupts
from surgeproof.cloudwatch import changes
from surgeproof.operations.drills.alarms import Alarms, Mark, Publication
from surgeproof.operations.drills.calls import Calls, DrillError, RefusedError
from surgeproof.operations.drills.harm import QUIET, Harm
from surgeproof.operations.drills.hearing import (
    Hearing,
    Message,
    OwnQueue,
    SharedQueue,
    subscriptions,
    take_left_over,
)
from surgeproof.operations.receivers import Receiver, receiver
from surgeproof.settings.errors import shown

GRACE_SECONDS: Final = 60
"""Time after its time-out in which a drill has surely ended (seconds)."""
SETTLE_SECONDS: Final = 30.0
"""How long the alarms may take to show their former state again (seconds)."""
_PAUSE_SECONDS: Final = 0.25
"""Between two looks at the alarms on the embedded AWS (seconds)."""
_AWS_PAUSE_SECONDS: Final = 1.0
"""The same on an account, whose others ask CloudWatch, too (seconds)."""

Say = Callable[[str], None]


class NotArrivedError(DrillError):
    """The message did not arrive in time: the drill has failed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A drill that may be carried out."""

    id: str
    name: str
    """The metric alarm."""
    page: Publication
    """The message that is waited for."""
    alarms: Alarms
    entered: tuple[str, ...]
    """All alarms that change."""
    sent_to: dict[str, tuple[Receiver, ...]]
    """Who is sent messages, by the topics' ARNs."""
    hearing: Hearing
    timeout_seconds: float

    @property
    def watched(self) -> tuple[str, ...]:
        """The alarm and those above it."""
        return (self.name, *self.alarms.above(self.name))

    def told(self) -> list[str]:
        """Return what is going to happen, in lines."""
        first = f"Drill {self.id}: {self.name} goes to ALARM, and {self.page.alarm} tells"
        lines = [f"{first} {_last(self.page.topic)}."]
        for topic, receivers in self.sent_to.items():
            for each in receivers:
                if each.confirmed:
                    lines.append(f"{_last(topic)}: {each.shown}")
                else:
                    lines.append(f"{_last(topic)}: {each.shown} has not confirmed and gets nothing")
        for name, seconds in self.alarms.held_back(self.entered).items():
            lines.append(f"{name} waits for {seconds} s before it acts; the drill is over before.")
        silenced = self.alarms.silenced(self.entered)
        return lines + [f"{name} is silent until the drill is over." for name in silenced]


@dataclass(frozen=True, slots=True)
class Done:
    """A drill that went well."""

    plan: Plan
    delay_seconds: float
    """From the request to set the state until the message was there."""


@dataclass(slots=True)
class _Ending:
    """What interrupts a drill: once it raises KeyboardInterrupt, from then on it is noted only."""

    begun: bool = False
    again: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        """Handle a signal."""
        if self.begun:
            self.again = True
            return
        self.begun = True
        signal.default_int_handler(number, frame)


@dataclass(slots=True)
class PageDrill:
    """Drills of a stack's pages.

    Args:
        calls: Asks AWS.
        project: The project's name.
        stack: The stack's.
        at_once: Whether AWS must not be asked to wait for messages.

    """

    calls: Calls
    project: str
    stack: str
    at_once: bool = False
    _is_set: bool = field(default=False, init=False)
    """Whether the state was set, or may have been."""

    def plan(
        self,
        named: str | None = None,
        *,
        queue: str | None = None,
        timeout_seconds: float = 60,
        run_actions: Sequence[str] = (),
    ) -> Plan:
        """Find out what a drill would do; change nothing.

        Args:
            named: The alarm's name; see `Alarms.choose`.
            queue: Name or ARN of a queue that is subscribed to the topic. None: one of its own.
            timeout_seconds: How long the message may take.
            run_actions: ARNs of actions and targets that may run.

        Raises:
            RefusedError: It would harm, or cannot be carried out; the message has all reasons.
            DrillError: AWS does not answer, or a permission is missing.

        """
        alarms = Alarms.read(self.calls)
        name = alarms.choose(self.project, self.stack, named)
        problems = Harm(self.calls, alarms, name, run_actions).problems()
        published = alarms.publications(name)
        entered = alarms.entered(name)
        sent_to = {
            topic: self._receivers(topic)
            for topic in dict.fromkeys(each.topic for each in published)
        }
        for each, seconds in alarms.held_back(entered).items():
            if 0 < seconds <= timeout_seconds + GRACE_SECONDS:
                problems.append(
                    f"--timeout: must be less than {seconds - GRACE_SECONDS} (seconds), after "
                    f"which {each} would act, got {timeout_seconds:g}"
                )
        drill = secrets.token_hex(4)
        hearing: Hearing | None = None
        if not published:
            if not problems:  # else they say why
                problems.append(
                    f"alarm {name}: must make an alarm send to a topic, got none: neither its own "
                    "actions nor those of an alarm above it do"
                )
        else:
            page = published[0]
            is_quiet = all(alarms.states[each] in QUIET for each in alarms.above(name))
            if is_quiet and not any(each.confirmed for each in sent_to[page.topic]):
                problems.append(
                    f"topic {_last(page.topic)}: must have a confirmed subscription, got none: "
                    "nobody would get the page"
                )
            if queue is None:
                whose = f"{self.project}/{self.stack}"
                hearing = OwnQueue(self.calls, page.topic, whose, drill, self.at_once)
            else:
                hearing, problem = self._shared(page.topic, queue)
                problems += [problem] if problem else []
        if problems or hearing is None:
            raise RefusedError("; ".join(problems))
        return Plan(drill, name, page, alarms, entered, sent_to, hearing, timeout_seconds)

    def heal(self) -> list[str]:
        """Undo what an earlier drill of the stack left that was killed; return what it was.

        Raises:
            RefusedError: A drill of the stack is under way.

        """
        alarms, lines = Alarms.read(self.calls), []
        for name, alarm in alarms.held.items():
            mark = Mark.of(alarm)
            if mark is None or not name.startswith(f"{self.project}-{self.stack}-"):
                continue
            if mark.until > _now():
                raise RefusedError(
                    f"alarm {name}: must not be in another drill, got drill {mark.id}, which ends "
                    f"by {mark.until:%Y-%m-%dT%H:%M:%SZ}"
                )
            self._set(alarm["AlarmArn"], name, mark.former, mark.over, "{}")
            lines.append(f"Drill {mark.id} had left {name} in ALARM: set back to {mark.former}.")
        topics = {
            action
            for name, alarm in alarms.held.items()
            if name.startswith(f"{self.project}-{self.stack}-")
            for action in alarm.get("AlarmActions") or ()
            if action.split(":")[2:3] == ["sns"]
        }
        left = take_left_over(self.calls, sorted(topics), f"{self.project}/{self.stack}")
        lines += [f"An earlier drill had left {name}: taken away." for name in left]
        return lines

    def run(self, plan: Plan, say: Say) -> Done:
        """Carry out a drill, and undo it, whatever happens to it but a kill.

        Raises:
            RefusedError: A real alarm has come meanwhile; nothing was done.
            NotArrivedError: The message did not arrive in time.
            DrillError: AWS refused something, or the state could not be set back.
            KeyboardInterrupt: It was interrupted; all is undone.

        """
        ending = _Ending()
        self._is_set = False
        done, caught = None, None
        with interrupts.handled(ending):
            try:
                try:
                    done = self._carry_out(plan, say)
                finally:
                    ending.begun = True
            except BaseException as error:  # noqa: BLE001 - it is raised again below
                caught = error
            failed = self._undo(plan, say)
        if failed:
            raise DrillError("; ".join(failed)) from caught
        if caught is not None:
            raise caught
        if ending.again or done is None:
            raise KeyboardInterrupt
        return done

    def _carry_out(self, plan: Plan, say: Say) -> Done:
        until = _now() + timedelta(seconds=plan.timeout_seconds + GRACE_SECONDS)
        plan.hearing.open(until)
        say(f"Listening at {plan.hearing.name}.")
        states = self._states(plan.watched)
        real = [each for each, alarm in states.items() if alarm["StateValue"] not in QUIET]
        if real:
            raise RefusedError(
                f"alarm {', '.join(real)}: must be in OK or INSUFFICIENT_DATA, got ALARM "
                "meanwhile: it is real"
            )
        alarm = states[plan.name]
        mark = Mark(plan.id, alarm["StateValue"], until)
        begun = time.monotonic()
        self._is_set = True
        self._set(alarm["AlarmArn"], plan.name, "ALARM", mark.reason, mark.data)
        say(f"{plan.name}: {mark.former} -> ALARM.")
        while not plan.hearing.look(lambda message: _is_of(plan, message)):
            if time.monotonic() - begun > plan.timeout_seconds:
                raise NotArrivedError(
                    f"drill {plan.id}: the message of {plan.page.alarm} must arrive within "
                    f"{plan.timeout_seconds:g} s, did not"
                )
        delay = time.monotonic() - begun
        say(f"{plan.page.alarm}: the message arrived after {delay:.1f} s.")
        return Done(plan, delay)

    def _undo(self, plan: Plan, say: Say) -> list[str]:
        """Undo all that a drill has done, the most important first; return what failed."""
        failed: list[str] = []

        def tell(line: str) -> None:
            with suppress(OSError):  # nobody reads it; the drill is undone all the same
                say(line)

        undoing = (self._set_back, self._close, self._settle) if self._is_set else (self._close,)
        for undo in undoing:
            try:
                undo(plan, tell)
            except DrillError as error:
                failed.append(str(error))
        return failed

    def _set_back(self, plan: Plan, tell: Say) -> None:
        """Set the alarm back, unless AWS has done so."""
        try:
            alarm = self._states((plan.name,))[plan.name]
            mark = Mark.of(alarm)
            if mark is not None and mark.id == plan.id:
                self._set(alarm["AlarmArn"], plan.name, mark.former, mark.over, "{}")
                tell(f"{plan.name}: ALARM -> {mark.former}.")
        except DrillError as error:
            raise DrillError(
                f"alarm {plan.name}: not set back: {error}; AWS evaluates it again by itself"
            ) from error

    def _close(self, plan: Plan, _: Say) -> None:
        plan.hearing.close()

    def _settle(self, plan: Plan, _: Say) -> None:
        """Wait until neither the alarm nor one above it is in ALARM."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while open_ := [
            each for each, one in self._states(plan.watched).items() if one["StateValue"] == "ALARM"
        ]:
            if time.monotonic() > deadline:
                raise DrillError(
                    f"alarm {', '.join(open_)}: still in ALARM {SETTLE_SECONDS:g} s after drill "
                    f"{plan.id}: it is real, or has to be looked at"
                )
            time.sleep(_PAUSE_SECONDS if self.at_once else _AWS_PAUSE_SECONDS)

    def _states(self, names: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(names), 100):  # as many as DescribeAlarms takes
            answer = self.calls(
                "cloudwatch",
                "describe_alarms",
                AlarmNames=list(names[start : start + 100]),
                AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            )
            for each in (*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())):
                found[each["AlarmName"]] = each
        if names[0] not in found:
            raise DrillError(f"alarm {names[0]}: is gone")
        return found

    def _set(self, arn: str, name: str, value: str, reason: str, data: str) -> None:
        self.calls(
            "cloudwatch",
            "set_alarm_state",
            arn,
            AlarmName=name,
            StateValue=value,
            StateReason=reason,
            StateReasonData=data,
        )

    def _receivers(self, topic: str) -> tuple[Receiver, ...]:
        found = self.calls.pages(
            "sns", "list_subscriptions_by_topic", "Subscriptions", topic, TopicArn=topic
        )
        return tuple(map(receiver, found))

    def _shared(self, topic: str, named: str) -> tuple[SharedQueue | None, str | None]:
        queues = subscriptions(self.calls, topic)
        for arn in queues:
            if named in (arn, arn.rpartition(":")[2]):
                shared = SharedQueue(self.calls, arn, self.at_once)
                return shared, shared.problem()
        known = ", ".join(_last(arn) for arn in queues) or "none"
        return None, (
            f"--queue: must be subscribed to topic {_last(topic)} (queues there: {known}), got "
            f"{shown(named)}"
        )


def _is_of(plan: Plan, message: Message) -> bool:
    """Whether a message is of this drill, and of the alarm that it waits for.

    The reason of a composite alarm is which alarm below it changed, so a mark in the reason that is
    set does not get there. It is told by that alarm and by the time, both by AWS's clock.
    """
    if message["AlarmName"] != plan.page.alarm or message.get("NewStateValue") != "ALARM":
        return False
    if plan.page.alarm == plan.name:
        return plan.id in str(message.get("NewStateReason"))
    below = [plan.alarms.held[each]["AlarmArn"] for each in plan.entered]
    children = [each.get("Arn") for each in message.get("TriggeringChildren") or ()]
    reason = str(message.get("NewStateReason"))
    of_these = any(arn in children or reason.startswith(f"{arn} ") for arn in below)
    before = changes.stamp(plan.alarms.held[plan.page.alarm]["StateUpdatedTimestamp"])
    return of_these and str(message.get("StateChangeTime")) > before


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]


def _now() -> datetime:
    return datetime.now(UTC)
