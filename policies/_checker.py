"""Runs the rules: on one resource, and on all of them together.

Knows neither the engine nor a file; `analyzer` and `runner` bring the resources. A request of the
engine may come on any thread, and what is kept between two of them, which exemptions have been of
use, is a set that only grows.
"""

import contextvars
import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

from pulumi_policy import EnforcementLevel

from surgeproof.findings import Finding, Kind
from surgeproof.findings.model import ADVISORY, EXPIRED, MANDATORY, SURGES, UNUSED
from surgeproof.plan.terraform import PARENT, text_in_terraform_s_words
from surgeproof.policies import _settings
from surgeproof.policies._coverage import unread
from surgeproof.policies._mending import mended
from surgeproof.policies._rules import AnyRule, CannotJudgeError, Report, Resource, Stack, StackRule
from surgeproof.policies._settings import Exemption, Settings
from surgeproof.policies._values import fit
from surgeproof.settings.resources import type_of

_log: Final = logging.getLogger(__name__)

ROOT: Final = Path(__file__).resolve().parents[1]

LONGEST_SECONDS: Final = 900.0
"""How long one rule across resources may take (seconds). The longest of them replays surges, after
the simulation has been compiled: a minute, or some on a busy machine."""

MEND: Final = (
    "Mend what the rule could not read or run. Where the rule itself is at fault, "
    "`policies:rules: {{{rule}: advisory}}` in the stack's settings lets plans through unjudged."
)


def failure(error: BaseException) -> str:
    """Return why a rule failed, without the exception's text, which may hold a secret's value."""
    if isinstance(error, CannotJudgeError):
        return str(error)
    kind = type(error).__name__
    if isinstance(error, ImportError) and error.name:
        return f"{error.name} cannot be imported ({kind})"
    if isinstance(error, OSError) and error.strerror:
        kind = f"{kind}, {error.strerror}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if ROOT in Path(frame.filename).parents]
    ours = [frame for frame in ours if "site-packages" not in frame.filename] or ours
    if not ours:
        return kind
    return f"{kind} in {Path(ours[-1].filename).relative_to(ROOT)}:{ours[-1].lineno}"


def _in_time(check: Callable[[], None]) -> None:
    """Run a check that may take long; raise CannotJudgeError where it takes too long."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            check()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            raised.append(error)

    # What the SDK knows of the stack, it knows in this context only.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="rule", daemon=True)
    thread.start()
    thread.join(LONGEST_SECONDS)
    if thread.is_alive():
        raise CannotJudgeError(f"it took longer than {LONGEST_SECONDS:g} s")
    if raised:
        raise raised[0]


def _told(urn: str, text: str) -> str:
    """Return a text on a resource in the words of the program that makes it."""
    if f"::{PARENT}$" not in urn:
        return text
    return text_in_terraform_s_words(type_of(urn), text)


def _surges(told: Sequence[str], urn: str) -> Finding:
    return Finding(
        rule=SURGES, kind=Kind.VERDICT, level=ADVISORY, urn=urn, message=" \u00b7 ".join(told)
    )


@dataclass
class Checker:
    """The rules as one stack's settings have them."""

    areas: Mapping[str, Sequence[AnyRule]]
    settings: Settings
    today: date = field(default_factory=_settings.today)
    exempted: int = 0
    """Violations that exemptions in force have let through."""
    _levels: dict[str, EnforcementLevel] = field(init=False)
    _values: dict[str, dict[str, Any]] = field(init=False)
    _by_type: dict[str, list[AnyRule]] = field(default_factory=dict)
    _used: set[Exemption] = field(default_factory=set)
    _failed: set[str] = field(default_factory=set)
    """Rules that failed by themselves, which no exemption covers: those are for what is found."""

    def __post_init__(self) -> None:
        self._levels = {
            rule.name: self.settings.level(rule, area)
            for area, rules in self.areas.items()
            for rule in rules
        }
        self._values = {rule.name: self.settings.values(rule) for rule in self.rules}
        for rule in self.rules:
            if not isinstance(rule, StackRule):
                for type_ in rule.types:
                    self._by_type.setdefault(type_, []).append(rule)

    @property
    def rules(self) -> list[AnyRule]:
        """All rules, those that are off too."""
        return [rule for rules in self.areas.values() for rule in rules]

    def level(self, rule: AnyRule) -> EnforcementLevel:
        """Return the level of a rule."""
        return self._levels[rule.name]

    def values(self, rule: AnyRule) -> Mapping[str, Any]:
        """Return a rule's own settings."""
        return self._values[rule.name]

    def set(self, rule: str, level: EnforcementLevel, values: Mapping[str, Any]) -> None:
        """Take what `--policy-pack-config` says of a rule, which has the last word."""
        self._levels[rule] = level
        known = self._values[rule]
        known.update({key: value for key, value in values.items() if key in known})

    @property
    def types(self) -> frozenset[str]:
        """Types whose properties a rule across resources reads."""
        return frozenset().union(
            *(rule.types for rule in self.rules if isinstance(rule, StackRule) and self._on(rule))
        )

    def prepare(self) -> None:
        """Let the rules that are on do beforehand what takes long, each thing once."""
        for prepare in dict.fromkeys(
            rule.prepare for rule in self.rules if isinstance(rule, StackRule) and self._on(rule)
        ):
            if prepare is not None:
                prepare()

    def at_start(self, urn: str) -> list[Finding]:
        """Return what is wrong before any resource is looked at: exemptions that have ended."""
        return [
            Finding(
                rule=EXPIRED,
                level=ADVISORY if self.settings.preset == "advisory" else MANDATORY,
                urn=urn,
                message=f"{each.place}.until must be {self.today} or later, got {each.until}, for "
                f"{each.rule} on `{each.resource}`.",
                why="An exemption holds until its date: then someone decides anew.",
                fix=f"Mend what breaks {each.rule} and remove the exemption, or state a later date "
                f"and why. The reason was: {each.reason}",
            )
            for each in self.settings.exemptions
            if not self._holds(each)
        ]

    def resource(self, resource: Resource) -> list[Finding]:
        """Return what the rules on one resource say."""
        found: list[Finding] = []
        for rule in self._by_type.get(resource.type, ()):
            if self._on(rule) and not isinstance(rule, StackRule):
                report = Report()
                seen = replace(resource, settings=self.values(rule))
                self._run(rule, partial(rule.check, seen, report), report, resource.urn)
                found += self._findings(rule, report)
        return found

    def stack(self, resources: Iterable[Resource], urn: str = "") -> list[Finding]:
        """Return what the rules across resources say, and which exemptions were of no use."""
        stack = Stack(tuple(resources))
        found: list[Finding] = []
        for rule in self.rules:
            if isinstance(rule, StackRule) and not self._on(rule) and rule.replays:
                found.append(_surges([f"nothing was replayed: {rule.name} is off"], urn))
            if isinstance(rule, StackRule) and self._on(rule):
                report = Report()
                seen = replace(stack, settings=self.values(rule))
                check = partial(_in_time, partial(rule.check, seen, report))
                self._run(rule, check, report, urn)
                found += self._findings(rule, report)
                if rule.replays:
                    failed = f"nothing was replayed: {rule.name} has failed"
                    found.append(_surges(report.surges or [failed], urn))
        return [*found, *unread(stack.resources, urn), *self._unused(urn)]

    def mended(
        self, resource: Resource, properties: Mapping[str, Any]
    ) -> list[tuple[AnyRule, dict[str, Any]]]:
        """Return the properties as each rule with the level `remediate` leaves them.

        Args:
            resource: The resource.
            properties: Its properties with Pulumi's own marks.

        """
        done: list[tuple[AnyRule, dict[str, Any]]] = []
        for rule in self._by_type.get(resource.type, ()):
            if self.level(rule) is not EnforcementLevel.REMEDIATE or isinstance(rule, StackRule):
                continue
            if self._exemption(rule.name, resource.urn) is not None:
                continue
            mends = [at for at in rule.mends if not at.types or resource.type in at.types]
            report, better = Report(), None
            try:
                plain, unreadable = fit(resource.type, properties)
                seen = replace(
                    resource, properties=plain, unreadable=unreadable, settings=self.values(rule)
                )
                rule.check(seen, report)
                better = mended(properties, mends) if report.refusals or report.advice else None
            except (Exception, SystemExit):  # noqa: BLE001 - it is told, but not here
                # The rule judges the same resource next, and says there that it failed.
                _log.exception("%s: remedy", rule.name)
            if better is not None:
                properties = better
                done.append((rule, better))
        return done

    def _on(self, rule: AnyRule) -> bool:
        return self.level(rule) is not EnforcementLevel.DISABLED

    def _holds(self, exemption: Exemption) -> bool:
        return exemption.until >= self.today

    def _exemption(self, rule: str, urn: str) -> Exemption | None:
        """Return the exemption that covers it: one in force, else one that has ended."""
        covering = [each for each in self.settings.exemptions if each.covers(rule, urn)]
        return max(covering, key=lambda each: each.until, default=None)

    def _run(self, rule: AnyRule, check: Callable[[], None], report: Report, urn: str) -> None:
        """Let a rule judge. One that fails has judged nothing, which is said; the others go on."""
        try:
            check()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - no exception may open the gate
            _log.exception("%s", rule.name)
            report.cannot_judge(urn, failure(error))

    def _findings(self, rule: AnyRule, report: Report) -> list[Finding]:
        level = self.level(rule)
        of_advice = level if self.settings.means(rule) else EnforcementLevel.ADVISORY
        if report.failures:
            self._failed.add(rule.name)
        found = [
            Finding(
                rule=rule.name,
                level=ADVISORY if level is EnforcementLevel.ADVISORY else MANDATORY,
                severity=rule.severity.value,
                urn=urn,
                message=f"the rule failed and has judged nothing: {reason.removesuffix('.')}.",
                why=rule.description,
                fix=MEND.format(rule=rule.name),
                link=rule.link,
            )
            for reason, urn in report.failures
        ]
        for (message, urn), enforced in (
            *((each, level) for each in report.refusals),
            *((each, of_advice) for each in report.advice),
        ):
            text, exemption = message, self._exemption(rule.name, urn)
            if exemption is not None:
                self._used.add(exemption)
                if self._holds(exemption):
                    self.exempted += 1
                    continue
                text = f"{message.removesuffix('.')} (exempted until {exemption.until})."
            found.append(
                Finding(
                    rule=rule.name,
                    # A remedy that left a violation behind has not helped.
                    level=ADVISORY if enforced is EnforcementLevel.ADVISORY else MANDATORY,
                    severity=rule.severity.value,
                    urn=urn,
                    message=_told(urn, text),
                    why=_told(urn, rule.description),
                    fix=_told(urn, rule.fix),
                    link=rule.link,
                )
            )
        for reason, urn in report.notes:
            exemption = self._exemption(rule.name, urn)
            if exemption is not None:
                self._used.add(exemption)
                if self._holds(exemption):
                    continue
            found.append(
                Finding(
                    rule=rule.name,
                    kind=Kind.UNDECIDED,
                    level=ADVISORY,
                    severity=rule.severity.value,
                    urn=urn,
                    message=_told(urn, reason),
                    link=rule.link,
                )
            )
        return found

    def _unused(self, urn: str) -> list[Finding]:
        """Tell of exemptions that let nothing through; those of rules that are off may wait."""
        on = {rule.name for rule in self.rules if self._on(rule)}
        return [
            Finding(
                rule=UNUSED,
                kind=Kind.NOTICE,
                level=ADVISORY,
                urn=urn,
                message=f"{each} matches nothing that the rule refuses: remove it.",
            )
            for each in self.settings.exemptions
            if each not in self._used and self._holds(each) and each.rule in on - self._failed
        ]
