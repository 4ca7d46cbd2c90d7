"""What a rule is.

A rule that meets a value which a preview does not know must neither pass in silence nor stop the
preview: it notes what it could not decide, and the pack reports the notes. A rule that fails by
itself has decided nothing either, but nothing else will: that stops a preview as a violation does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.plan.pack import AFTER_APPLY, DURING_UP, ENCRYPTED
from surgeproof.plan.shapes import Misfit
from surgeproof.plan.terraform import PARENT, in_terraform_s_words
from surgeproof.policies._values import ABSENT, UNKNOWN, read, read_each, show

_SECURITY_HUB: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide"
_OF_OTHER_STANDARDS: Final = frozenset(
    {"CloudWatch.15", "CloudWatch.16", "ELB.16", "KMS.4", "SNS.1", "WAF.11"}
)
"""Controls that Security Hub has for its other standards only (NIST SP 800-53, CIS): the list of
the controls of AWS Foundational Security Best Practices v1.0.0 is without them."""


_COPIES: Final = frozenset(
    {"dev", "develop", "development", "ephemeral", "local", "playground", "sandbox", "scratch"}
)
"""Words of a stack's name that say that nobody but its developer uses it."""


class CannotJudgeError(Exception):
    """A rule cannot judge: what it reads is damaged, or its settings are wrong. Says why.

    This is not the same as a value that a preview does not know: nothing will decide later. So it
    counts as a violation, as does any other exception of a rule. The reason holds no values, which
    may be secrets.
    """


def region_of_arn(arn: Any) -> str:
    """Return the Region in an ARN, empty where there is none, as for IAM and S3."""
    parts = arn.split(":", 5) if isinstance(arn, str) and arn.startswith("arn:") else ()
    return parts[3] if len(parts) > 4 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A bound that is a matter of taste: a key beside `enforcementLevel` in the configuration."""

    name: str
    """Camel case, as the keys of the policies' configuration are."""
    description: str
    """What it bounds, with unit."""
    default: int | tuple[str, ...]
    """A whole number, or a list of texts."""
    low: int = 0
    """Least number."""
    high: int = 1_000_000
    """Greatest number."""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema by which the engine checks what is configured."""
        if isinstance(self.default, int):
            kind: dict[str, Any] = {"type": "integer", "minimum": self.low, "maximum": self.high}
            return kind | {"default": self.default, "description": self.description}
        return {
            "type": "array",
            "items": {"type": "string"},
            "default": list(self.default),
            "description": self.description,
        }


@dataclass(frozen=True, slots=True)
class Mend:
    """A property whose right value follows from the rule alone, so that a program can set it."""

    path: str
    """As in `Need`; an entry of a list keeps the blocks that it has, and gets no others."""
    value: str | bool | float
    types: frozenset[str] = frozenset()
    """Types that have the property. Default: all of the rule's."""


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
    """The Security Hub control that checks the same, such as `ELB.18`, where there is one."""
    url: str = ""
    """Where AWS writes about it. Default: the Security Hub control's page."""
    frameworks: tuple[str, ...] = ()
    """Where other frameworks ask for it: `Well-Architected REL10-BP01`, `CIS 5.0.0 2.2.1`, ..."""
    fix: str
    """Steps that make the rule pass."""
    enforcement: EnforcementLevel = EnforcementLevel.MANDATORY
    """DISABLED for a rule that is opt-in: the user switches it on."""
    settings: tuple[Setting, ...] = ()
    mends: tuple[Mend, ...] = ()
    """What the level `remediate` sets. Only what needs no choice and changes nothing for users."""

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings where the user states none."""
        return {setting.name: setting.default for setting in self.settings}

    @property
    def foundational(self) -> bool:
        """Whether the control is one of AWS Foundational Security Best Practices."""
        return bool(self.control) and self.control not in _OF_OTHER_STANDARDS

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
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The rule's settings; empty in a stack rule, whose Stack holds them."""
    encrypted: frozenset[str] = frozenset()
    """Top-level properties of a state or a plan that hold secrets which nobody has decrypted."""
    unreadable: tuple[Misfit, ...] = ()
    """Values of another kind than their properties'; UNKNOWN stands in for them."""
    custom: bool = False
    """Whether a provider keeps it, so that it is no component; known in a stack rule only."""
    external: bool = False
    """Whether the stack only looks it up (`.get()`), so that others answer for it."""

    @property
    def project_and_stack(self) -> str:
        """`<project>-<stack>`, from the URN: urn:pulumi:<stack>::<project>::<types>::<name>."""
        stack, project = self.urn.removeprefix("urn:pulumi:").split("::")[:2]
        return f"{project}-{stack}"

    @property
    def is_of_a_copy(self) -> bool:
        """Whether the stack's name says that it is a developer's copy, made to be thrown away."""
        stack = self.urn.removeprefix("urn:pulumi:").partition("::")[0]
        return not _COPIES.isdisjoint(re.split(r"[^a-z]+", stack.lower()))

    @property
    def is_of_terraform(self) -> bool:
        """Whether Terraform makes it, which has no project and no stack."""
        return f"::{PARENT}$" in self.urn

    def called(self, path: str) -> str:
        """Return the path of a property as the program has it."""
        return in_terraform_s_words(self.type, path) if self.is_of_terraform else path

    @property
    def region(self) -> str:
        """The Region that it is in, as stated or by its ARN; empty where neither tells."""
        stated = self.properties.get("region")
        return stated if isinstance(stated, str) else region_of_arn(self.properties.get("arn"))

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
        if value is not UNKNOWN or self.sources is None or self.misfit(path) is not None:
            return value
        computed = _top(path) not in {*self.sources, *self.encrypted}
        return ABSENT if computed else value

    def misfit(self, path: str) -> Misfit | None:
        """Return why the value at the path cannot be read, None where it can."""
        return next((each for each in self.unreadable if each.concerns(path)), None)

    def waits(self, path: str) -> str:
        """Return why a value is UNKNOWN; completes a sentence that begins with the property."""
        if _top(path) in self.encrypted:
            return ENCRYPTED
        if (misfit := self.misfit(path)) is not None:
            return misfit.why
        return AFTER_APPLY if self.is_of_terraform else DURING_UP

    def made_of(self, path: str) -> Sequence["Resource"]:
        """Return the resources whose outputs went into the property (known per top level only)."""
        return (self.sources or {}).get(_top(path), ())


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


@dataclass(slots=True)
class Report:
    """What a rule found: refusals, what it could not decide, and where it failed by itself."""

    refusals: list[tuple[str, str]] = field(default_factory=list)
    """(message, urn)"""
    advice: list[tuple[str, str]] = field(default_factory=list)
    """Likewise, of what stops nothing unless the user has asked for the rule by name."""
    notes: dict[tuple[str, str], None] = field(default_factory=dict)
    """(reason, urn), each once, in the order in which they came up."""
    failures: dict[tuple[str, str], None] = field(default_factory=dict)
    """(reason, urn) where the rule could not judge, and nothing will decide later."""
    surges: list[str] = field(default_factory=list)
    """What became of each surge, in a few words, or why none was replayed."""

    def refuse(self, resource: Resource, path: str, must: str, got: str) -> None:
        """Refuse a property's value, which the caller has put into words."""
        if resource.external:
            return
        self.refusals.append((f"`{resource.called(path)}` must {must}, got {got}.", resource.urn))

    def advise(self, resource: Resource, path: str, must: str, got: str) -> None:
        """Say what would be better, where what is there works: a convention, or a lesser risk."""
        if resource.external:
            return
        self.advice.append((f"`{resource.called(path)}` must {must}, got {got}.", resource.urn))

    def wait_for(self, resource: Resource, path: str) -> None:
        """Note that the rule depends on a value that cannot be read."""
        misfit = resource.misfit(path)
        at, why = (path if misfit is None else misfit.path), resource.waits(path)
        decides = ", which decides" if why == DURING_UP else ""
        self.undecided(resource, f"`{resource.called(at)}` {why}{decides}.")

    def undecided(self, resource: Resource, reason: str) -> None:
        """Note that the rule lacks a fact."""
        if resource.external:
            return
        self.notes[reason, resource.urn] = None

    def cannot_judge(self, urn: str, reason: str) -> None:
        """Say that the rule failed by itself on a resource, or on the stack."""
        self.failures[reason, urn] = None


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
    unless_given: bool = False
    """Whether the row does not apply where there is a value, even one that is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyRule(Rule):
    """A rule on the properties of one resource: a row of a table."""

    types: frozenset[str]
    needs: tuple[Need, ...]
    when: tuple[When, ...] = ()
    spares_copies: bool = False
    """Whether it only advises where the stack is a developer's copy."""

    def check(self, resource: Resource, report: Report) -> None:
        """Judge each needed property by itself."""
        conditions = [(at.path, resource.read(at.path), at.holds) for at in self.when]
        if any(value is not UNKNOWN and not holds(value) for _, value, holds in conditions):
            return
        if any(at.unless_given and resource.read(at.path) is not ABSENT for at in self.when):
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
                lesser = self.spares_copies and resource.is_of_a_copy
                say = report.advise if lesser else report.refuse
                say(resource, path, need.must, show(value))


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
    prepare: Callable[[], None] | None = None
    """Does beforehand what takes long, while the engine gathers the resources."""
    replays: bool = False
    """Whether it says what became of each surge; then that is said whatever it finds."""


@dataclass(frozen=True, slots=True)
class Stack:
    """All resources of a stack, and what refers to what."""

    resources: tuple[Resource, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The rule's settings."""

    index: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What has been looked up, so that it is not searched for again."""

    def of(self, types: frozenset[str]) -> list[Resource]:
        """Return the resources of a type."""
        if types not in self.index:
            self.index[types] = [each for each in self.resources if each.type in types]
        found: list[Resource] = self.index[types]
        return found

    def called(self, types: frozenset[str], key: str, value: str) -> list[Resource]:
        """Return the resources of a type whose property has the value."""
        if (types, key) not in self.index:
            by_value: dict[str, list[Resource]] = {}
            for each in self.of(types):
                if isinstance(name := each.read(key), str):
                    by_value.setdefault(name, []).append(each)
            self.index[types, key] = by_value
        found: list[Resource] = self.index[types, key].get(value, [])
        return found

    def target(
        self,
        source: Resource,
        path: str,
        types: frozenset[str],
        keys: Sequence[str] = ("id", "arn", "name"),
    ) -> Resource | None:
        """Return the one resource that a property refers to, else None.

        A known value is compared with what AWS calls the candidates. An unknown one is resolved
        only where the property is made of the outputs of exactly one resource of the type, and so
        is a name that several resources have, such as in two Regions.
        """
        value = source.read(path)
        if isinstance(value, str):
            named = {each.urn: each for key in keys for each in self.called(types, key, value)}
            if len(named) > 1 and source.region:
                # The same name in two Regions: each refers to what is in its own.
                here = {urn: at for urn, at in named.items() if at.region == source.region}
                named = here or named
            if len(named) == 1:
                return next(iter(named.values()))
        candidates = [found for found in source.made_of(path) if found.type in types]
        return candidates[0] if len(candidates) == 1 and value is not ABSENT else None


AnyRule = PropertyRule | ResourceRule | StackRule
