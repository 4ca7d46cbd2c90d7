"""What a rule is, and how it becomes a policy of the SDK.

A rule that meets a value which a preview does not know must neither pass in silence nor stop the
preview. The SDK reports everything that a policy says at the policy's one level, and turns an
`UnknownValueError` into advice that names neither the rule's reason nor more than one property. So
the rules only note what they could not decide, and two advisory policies at the end of the pack
report the notes. The SDK runs the policies of one request in their order and in one thread (1.21,
`_PolicyAnalyzerServicer.Analyze` and `AnalyzeStack`), and leaves out the disabled ones: a rule
that is switched off leaves no note.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies._values import ABSENT, UNKNOWN, plain, read, read_each, show

RESOURCE_NOTES: Final = "not-decided"
STACK_NOTES: Final = "not-decided-across-resources"
_NOTES_DESCRIPTION: Final = (
    "A rule could not be decided. This is not a pass: the note says what is missing."
)
_SECURITY_HUB: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide"
_FOUNDATIONAL: Final = "AWS Foundational Security Best Practices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule states about itself."""

    name: str
    """Kebab case, the resource first."""
    description: str
    """What must hold, and why."""
    severity: Severity
    sources: tuple[str, ...] = ()
    """The same check elsewhere: Checkov, Trivy, Security Hub (as `ELB.18`), Control Tower, ..."""
    control: str = ""
    """The Security Hub control, such as `ELB.18`, where there is one."""
    url: str = ""
    """Where AWS writes about it. Default: the Security Hub control's page."""
    fix: str
    """Steps that make the rule pass."""
    enforcement: EnforcementLevel = EnforcementLevel.MANDATORY

    @property
    def link(self) -> str:
        """The page to read on."""
        if self.url or not self.control:
            return self.url
        anchor = self.control.lower().replace(".", "-")
        return f"{_SECURITY_HUB}/{anchor.split('-')[0]}-controls.html#{anchor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource as a rule sees it: in a stack rule its outputs, else its inputs."""

    type: str
    urn: str
    name: str
    properties: Mapping[str, Any]
    ignored: frozenset[str] = frozenset()
    """Properties that `ignore_changes` names."""
    sources: Mapping[str, Sequence["Resource"]] | None = None
    """Per top-level property, the resources whose outputs it is made of; None in a resource rule,
    where the engine does not tell."""

    @property
    def project_and_stack(self) -> str:
        """`<project>-<stack>`, from the URN: urn:pulumi:<stack>::<project>::<types>::<name>."""
        stack, project = self.urn.removeprefix("urn:pulumi:").split("::")[:2]
        return f"{project}-{stack}"

    @property
    def label(self) -> str:
        """The resource in a message about another one."""
        return f"{self.type.rpartition(':')[2]} `{self.name}`"

    def read(self, path: str) -> Any:
        """Return the value at the path, ABSENT or UNKNOWN."""
        return self._given(path, read(self.properties, path))

    def each(self, path: str) -> list[tuple[str, Any]]:
        """Return the (path, value) pairs that a path with `[*]` stands for."""
        found = []
        for at, value in read_each(self.properties, path):
            given = self._given(at, value)
            if given is value or "[*]" not in path:
                found.append((at, given))
        return found

    def _given(self, path: str, value: Any) -> Any:
        """Take an unknown that comes from no resource for what it is: an output yet to be computed.

        A stack rule sees outputs, and there a property that the program left out is unknown until
        the provider has filled it in. One that the program did set is made of other resources'
        outputs, which the engine records.
        """
        computed = self.sources is not None and _top(path) not in self.sources
        return ABSENT if value is UNKNOWN and computed else value

    def made_of(self, path: str) -> Sequence["Resource"]:
        """Return the resources whose outputs went into the property (known per top level only)."""
        return (self.sources or {}).get(_top(path), ())


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


@dataclass(slots=True)
class Report:
    """What a rule found: refusals, and what it could not decide."""

    refusals: list[tuple[str, str]] = field(default_factory=list)
    """(message, urn)"""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """(reason, urn)"""

    def refuse(self, resource: Resource, path: str, must: str, got: str) -> None:
        """Refuse a property's value, which the caller has put into words."""
        self.refusals.append((f"`{path}` must {must}, got {got}.", resource.urn))

    def wait_for(self, resource: Resource, path: str) -> None:
        """Note that the rule depends on a value that a preview does not know."""
        self.undecided(resource, f"`{path}` is known only during `up`, which decides.")

    def undecided(self, resource: Resource, reason: str) -> None:
        """Note that the rule lacks a fact."""
        if (reason, resource.urn) not in self.notes:
            self.notes.append((reason, resource.urn))


@dataclass(frozen=True, slots=True)
class Need:
    """One requirement of a row: a property and the values that it may have."""

    path: str
    must: str
    """What the message says after "must"."""
    allows: Callable[[Any], bool]
    """Given the value or ABSENT, never UNKNOWN."""
    given: bool = False
    """Whether it is enough that there is a value, even one that is not known yet."""


@dataclass(frozen=True, slots=True)
class When:
    """A row applies only where this property has such a value."""

    path: str
    holds: Callable[[Any], bool]
    """Given the value or ABSENT, never UNKNOWN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyRule(Rule):
    """A rule on the properties of one resource: a row of a table."""

    types: frozenset[str]
    needs: tuple[Need, ...]
    when: tuple[When, ...] = ()

    def check(self, resource: Resource, report: Report) -> None:
        """Judge each needed property by itself."""
        conditions = [(at.path, resource.read(at.path), at.holds) for at in self.when]
        if any(value is not UNKNOWN and not holds(value) for _, value, holds in conditions):
            return
        waiting = [path for path, value, _ in conditions if value is UNKNOWN]
        for need in self.needs:
            for path, value in resource.each(need.path):
                if need.given if value is UNKNOWN else need.allows(value):
                    continue
                if value is UNKNOWN or waiting:
                    for unknown in [path] if value is UNKNOWN else waiting:
                        report.wait_for(resource, unknown)
                    continue
                report.refuse(resource, path, need.must, show(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRule(Rule):
    """A rule on one resource that is more than a row."""

    types: frozenset[str]
    check: Callable[[Resource, Report], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRule(Rule):
    """A rule on several resources together, judged when all of them are known to the engine."""

    types: frozenset[str]
    """The types whose properties it reads."""
    check: Callable[["Stack", Report], None]


@dataclass(frozen=True, slots=True)
class Stack:
    """All resources of a stack, and what refers to what."""

    resources: tuple[Resource, ...]

    def of(self, types: frozenset[str]) -> list[Resource]:
        """Return the resources of a type."""
        return [resource for resource in self.resources if resource.type in types]

    def target(
        self,
        source: Resource,
        path: str,
        types: frozenset[str],
        keys: Sequence[str] = ("id", "arn", "name"),
    ) -> Resource | None:
        """Return the one resource that a property refers to, else None.

        A known value is compared with what AWS calls the candidates. An unknown one is resolved
        only where the property is made of the outputs of exactly one resource of the type.
        """
        value = source.read(path)
        if isinstance(value, str):
            for resource in self.of(types):
                if any(resource.read(key) == value for key in keys):
                    return resource
        candidates = [found for found in source.made_of(path) if found.type in types]
        return candidates[0] if len(candidates) == 1 and value is not ABSENT else None


AnyRule = PropertyRule | ResourceRule | StackRule


class _Notes(threading.local):
    """The notes of the request that this thread is at work on."""

    def __init__(self) -> None:
        self.resource: list[tuple[str, str]] = []
        self.stack: list[tuple[str, str]] = []


_NOTES: Final = _Notes()


def to_policy(rule: AnyRule) -> Policy:
    """Return the SDK's policy that carries out a rule."""
    common: dict[str, Any] = {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": rule.enforcement,
        "severity": rule.severity,
        "framework": PolicyComplianceFramework(name=_FOUNDATIONAL, reference=rule.control)
        if rule.control
        else None,
        "tags": [rule.control, *rule.sources] if rule.control else list(rule.sources),
        "remediation_steps": rule.fix,
        "url": rule.link or None,
    }
    if isinstance(rule, StackRule):
        return StackValidationPolicy(validate=_stack_validator(rule), **common)
    return ResourceValidationPolicy(validate=_resource_validator(rule), **common)


def note_policies() -> list[Policy]:
    """Return the policies that report what no rule could decide. They must end the pack."""
    return [
        ResourceValidationPolicy(
            name=RESOURCE_NOTES,
            description=_NOTES_DESCRIPTION,
            enforcement_level=EnforcementLevel.ADVISORY,
            validate=_report_resource_notes,
        ),
        StackValidationPolicy(
            name=STACK_NOTES,
            description=_NOTES_DESCRIPTION,
            enforcement_level=EnforcementLevel.ADVISORY,
            validate=_report_stack_notes,
        ),
    ]


def _resource_validator(
    rule: PropertyRule | ResourceRule,
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        if args.resource_type not in rule.types:
            return
        resource = Resource(
            type=args.resource_type,
            urn=args.urn,
            name=args.name,
            properties=plain(args.props),
            ignored=frozenset(args.opts.ignore_changes),
        )
        report = Report()
        rule.check(resource, report)
        for message, urn in report.refusals:
            report_violation(message, urn)
        _NOTES.resource.extend(_note(rule, reason, urn) for reason, urn in report.notes)

    return validate


def _stack_validator(rule: StackRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        report = Report()
        rule.check(_stack(args.resources, rule.types), report)
        for message, urn in report.refusals:
            report_violation(message, urn)
        _NOTES.stack.extend(_note(rule, reason, urn) for reason, urn in report.notes)

    return validate


def _note(rule: Rule, reason: str, urn: str) -> tuple[str, str]:
    return f"{rule.name} ({rule.severity.value}): not decided: {reason}", urn


def _report_resource_notes(_: ResourceValidationArgs, report_violation: ReportViolation) -> None:
    notes, _NOTES.resource = _NOTES.resource, []
    for text, urn in notes:
        report_violation(text, urn)


def _report_stack_notes(_: StackValidationArgs, report_violation: ReportViolation) -> None:
    notes, _NOTES.stack = _NOTES.stack, []
    for text, urn in notes:
        report_violation(text, urn)


def _stack(resources: Iterable[Any], types: frozenset[str]) -> Stack:
    """Return the stack in our words: the properties of these types, the references of all."""
    links: dict[str, dict[str, list[Resource]]] = {}
    ours: dict[str, Resource] = {}
    theirs = list(resources)
    for resource in theirs:
        links[resource.urn] = {}
        ours[resource.urn] = Resource(
            type=resource.resource_type,
            urn=resource.urn,
            name=resource.name,
            properties=plain(resource.props) if resource.resource_type in types else {},
            ignored=frozenset(resource.opts.ignore_changes),
            sources=links[resource.urn],
        )
    for resource in theirs:
        for key, sources in resource.property_dependencies.items():
            links[resource.urn][key] = [ours[source.urn] for source in sources]
    return Stack(tuple(ours.values()))
