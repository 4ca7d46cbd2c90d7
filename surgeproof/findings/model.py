"""A finding, and the text in which the engine carries it from the pack to whoever displays it.

The engine passes a policy's name, its level and one text on; so the text holds, line by line, why
the rule exists, what was found, and how to fix it. `Finding.engine_text` writes it and
`from_engine` reads it.
"""

import enum
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from surgeproof.escaping import visible

SEVERITIES: Final = ("critical", "high", "medium", "low")
MANDATORY: Final = "mandatory"
ADVISORY: Final = "advisory"

RESOURCE_NOTES: Final = "not-decided"
STACK_NOTES: Final = "not-decided-across-resources"
SETTINGS: Final = "policy-settings"
PACK: Final = "policy-pack"
EXPIRED: Final = "exemption-expired"
UNUSED: Final = "exemption-unused"
SURGES: Final = "surges"
UNREAD: Final = "not-read"
JUDGED: Final = "resources-judged"

_NOTE: Final = re.compile(r"([a-z0-9-]+) \((\w+)\): not decided: (.*)", re.DOTALL)
_FIX: Final = "To fix: "
_STACK_TYPE: Final = "pulumi:pulumi:Stack"


class Kind(enum.StrEnum):
    """What a finding says of its rule."""

    VIOLATION = "violation"
    """The rule is broken."""
    UNDECIDED = "not decided"
    """A value or a figure is missing. This is not a pass."""
    NOTICE = "notice"
    """Something about the settings that breaks no rule."""
    VERDICT = "verdict"
    """What became of each surge that the configuration names, or why none was replayed; and how
    many resources were judged."""


_KINDS: Final = {UNUSED: Kind.NOTICE, SURGES: Kind.VERDICT, JUDGED: Kind.VERDICT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says of one resource, or of the stack."""

    rule: str
    kind: Kind = Kind.VIOLATION
    level: str = MANDATORY
    """Whether it stops an operation: `mandatory` or `advisory`."""
    severity: str = ""
    """One of SEVERITIES; empty for what is about the settings, and for a foreign pack's rules."""
    urn: str = ""
    """The resource. Default: the stack as a whole."""
    message: str
    """The property, the bound and the value: "`protocol` must be `HTTPS`, got `HTTP`."."""
    why: str = ""
    fix: str = ""
    """Steps; lines that are code stand by themselves."""
    link: str = ""

    @property
    def type(self) -> str:
        """The resource's type token, without the types of its parents; empty for the stack."""
        found = self.urn.split("::", 3)[2].rpartition("$")[2] if self.urn.count("::") > 2 else ""
        return "" if found == _STACK_TYPE else found

    @property
    def name(self) -> str:
        """The resource's name in the program; empty for the stack."""
        return self.urn.split("::", 3)[3] if self.type else ""

    @property
    def resource(self) -> str:
        """The resource for people."""
        return f"{self.type} {self.name}" if self.type else "stack"

    @property
    def stops(self) -> bool:
        """Whether a preview or an update fails by it."""
        return self.kind is Kind.VIOLATION and self.level == MANDATORY

    @property
    def engine_text(self) -> str:
        """What the engine passes on."""
        message = visible(self.message, lines=True)
        if self.kind is Kind.UNDECIDED:
            message = f"{self.rule} ({self.severity}): not decided: {message}"
        fix = f"{_FIX}{self.fix}" if self.fix else ""
        return "\n".join(line for line in (self.why, message, fix) if line)


def from_engine(
    *, policy: str, level: str, urn: str, text: str, severities: Mapping[str, str]
) -> Finding:
    """Return the finding that a policy event of the engine tells of.

    Args:
        policy: Name of the policy.
        level: Its level.
        urn: The resource, or nothing.
        text: What the policy says.
        severities: Severity by rule, since the Automation API leaves it out of the event.

    """
    why, _, rest = text.strip().partition("\n")
    # The last one: what a value adds to a message stands before it.
    message, found, fix = f"\n{rest}".rpartition(f"\n{_FIX}")
    if not found:
        message, fix = rest, ""
    message = message.strip() or why
    if policy in {RESOURCE_NOTES, STACK_NOTES} and (note := _NOTE.fullmatch(message)):
        rule, severity, reason = note.groups()
        return Finding(
            rule=rule,
            kind=Kind.UNDECIDED,
            level=level,
            severity=severity,
            urn=urn,
            message=reason,
            why=why,
        )
    return Finding(
        rule=policy,
        kind=_KINDS.get(policy, Kind.VIOLATION),
        level=level,
        severity=severities.get(policy, ""),
        urn=urn,
        message=message,
        why="" if message == why else why,
        fix=fix.strip(),
    )


_OF_SURGES: Final = ("stack-",)
_FELT_BY_USERS: Final = ("asg-", "lb-", "target-group-", "rds-connections", "rds-sustains", "ecs-")
_FELT_BY_USERS_TOO: Final = frozenset(
    {"cache-evicts", "cache-has-replica", "dns-failover-checks-health", "table-grows"}
)


def _rank(rule: str) -> int:
    """Return 0 for what a replayed surge says, 1 for what users would feel, 2 for the rest."""
    if rule.startswith(_OF_SURGES):
        return 0
    return 1 if rule.startswith(_FELT_BY_USERS) or rule in _FELT_BY_USERS_TOO else 2


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings as people read them: what stops first, surges before all else.

    Then comes what users would feel, then the rest, each with the most severe first.
    """

    def key(finding: Finding) -> tuple[object, ...]:
        severity = finding.severity
        weight = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
        about_settings = finding.rule not in {PACK, SETTINGS, EXPIRED}
        place = (finding.rule, finding.type, finding.name, finding.message)
        rank = (not finding.stops, about_settings, _rank(finding.rule), weight)
        return (list(Kind).index(finding.kind), *rank, *place)

    return sorted(findings, key=key)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a check found, and how much of each kind."""

    findings: Sequence[Finding]
    exempted: int = 0
    """Violations that exemptions in force have let through."""
    errors: Sequence[str] = ()
    """Why the stack was not checked, or not to the end; what is not found then is no pass."""
    read: str = ""
    """How many resources rules have read, and which they have not. Default: what a finding says."""

    @property
    def about_rules(self) -> list[Finding]:
        """What rules found, as people read it; what became of the surges stands by itself."""
        return in_order(at for at in self.findings if at.kind is not Kind.VERDICT)

    @property
    def surges(self) -> str:
        """What became of each surge, as one line; empty where no rule of ours was there to say."""
        told = [finding.message for finding in self.findings if finding.rule == SURGES]
        return f"Surges: {'; '.join(told)}." if told else ""

    @property
    def judged(self) -> str:
        """How many resources rules have read, and which not; empty where no rule of ours ran."""
        told = [finding.message for finding in self.findings if finding.rule == JUDGED]
        return self.read or " ".join(told)

    def counted(self, kind: Kind) -> int:
        """Return how many findings are of a kind."""
        return sum(finding.kind is kind for finding in self.findings)

    def __str__(self) -> str:
        if self.errors and all(at.kind is Kind.VERDICT for at in self.findings):
            return "not checked."
        violations = [at for at in self.findings if at.kind is Kind.VIOLATION]
        by_severity = Counter(finding.severity for finding in violations)
        parts = [f"{by_severity[name]} {name}" for name in SEVERITIES if by_severity[name]]
        if others := sum(number for name, number in by_severity.items() if name not in SEVERITIES):
            parts.append(f"{others} of no severity")
        advice = sum(not finding.stops for finding in violations)
        total = _number(len(violations), "violation")
        words = [f"{total}: {', '.join(parts)}" if parts else total]
        words += [f"{advice} of them advisory"] * bool(advice)
        if undecided := self.counted(Kind.UNDECIDED):
            words.append(f"{undecided} not decided")
        words += [f"{self.exempted} exempted"] * bool(self.exempted)
        words = ["not checked to the end", *words] if self.errors else words
        return f"{'; '.join(words)}."


def _number(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
