"""What a user says about the rules: the keys `policies:...` of the stack's settings.

The engine hands the stack's configuration to a pack as it does to a program, so that these keys
work with every command and in every language; docs/decisions/policy-settings.md says why they stand
there.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.escaping import visible
from surgeproof.policies._rules import AnyRule, Rule, Setting
from surgeproof.settings.errors import DocumentError, shortened, shown
from surgeproof.settings.json_file import parse_value

NAMESPACE: Final = "policies"
PRESETS: Final = ("default", "strict", "advisory")
FOUNDATIONAL: Final = "FSBP"
"""AWS Foundational Security Best Practices: the rules that name a control of this standard."""

_SEVERITIES: Final = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
_LEVELS: Final = {level.value: level for level in EnforcementLevel}
_MIDNIGHT: Final = re.compile(r"(T00:00:00Z| 00:00:00 \+0000 UTC)$")
_RULE_KEYS: Final = ("level",)
_EXEMPTION_KEYS: Final = ("rule", "resource", "reason", "until")


class SettingsError(ValueError):
    """All that is wrong with the settings, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take the lines."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A rule that some resources need not keep, for a while."""

    place: str
    """Where it stands: `policies:exemptions[0]`."""
    rule: str
    resource: str = "*"
    """Pattern of the shell for the resource's name, or its URN where it begins with `urn:`."""
    reason: str
    until: date
    """The last day on which it holds, in UTC."""

    def covers(self, rule: str, urn: str) -> bool:
        """Whether it is about what a rule says of a resource."""
        subject = urn if self.resource.startswith("urn:") else urn.split("::", 3)[-1]
        return rule == self.rule and fnmatchcase(subject, self.resource)

    def __str__(self) -> str:
        return f"{self.place} ({self.rule} for `{self.resource}`, until {self.until})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """What the user says about one rule."""

    level: EnforcementLevel | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    """The rule's own settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user says about the rules."""

    preset: str = "default"
    severity: Severity = Severity.LOW
    """The least severity of the rules that are on."""
    areas: frozenset[str] = frozenset()
    """Areas whose rules are on. Default: all."""
    frameworks: frozenset[str] = frozenset()
    """Frameworks whose rules are on. Default: all rules, those of no framework too."""
    rules: Mapping[str, RuleSettings] = field(default_factory=dict)
    exemptions: tuple[Exemption, ...] = ()

    def level(self, rule: Rule, area: str) -> EnforcementLevel:
        """Return the level of a rule: its own word, else the selection, else the preset."""
        stated = self.rules.get(rule.name)
        if stated is not None and stated.level is not None:
            return stated.level
        if (
            _SEVERITIES.index(rule.severity) < _SEVERITIES.index(self.severity)
            or (self.areas and area not in self.areas)
            or (self.frameworks and not self.frameworks & set(frameworks_of(rule)))
        ):
            return EnforcementLevel.DISABLED
        if self.preset == "strict":
            return EnforcementLevel.MANDATORY
        if self.preset == "advisory" and rule.enforcement is EnforcementLevel.MANDATORY:
            return EnforcementLevel.ADVISORY
        return rule.enforcement

    def means(self, rule: Rule) -> bool:
        """Whether the user asks for all of a rule, what it only advises too."""
        stated = self.rules.get(rule.name)
        return self.preset == "strict" or (stated is not None and stated.level is not None)

    def values(self, rule: Rule) -> dict[str, Any]:
        """Return a rule's own settings, with defaults for what is not stated."""
        stated = self.rules.get(rule.name, RuleSettings())
        return rule.defaults | dict(stated.values)


def frameworks_of(rule: Rule) -> list[str]:
    """Return the short names of the frameworks that ask for a rule."""
    return [FOUNDATIONAL] * rule.foundational + [at.partition(" ")[0] for at in rule.frameworks]


def today() -> date:
    """Return the date in UTC."""
    return datetime.now(UTC).date()


def stated(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stack's configuration states under `policies:`, texts of JSON parsed.

    Raises SettingsError for JSON that cannot be taken.
    """
    prefix = f"{NAMESPACE}:"
    found: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in config.items():
        if not key.startswith(prefix):
            continue
        # Only maps and lists come as JSON: a text such as 2027 or true stays a text.
        is_json = isinstance(value, str) and value.startswith(("[", "{"))
        try:
            found[key.removeprefix(prefix)] = parse_value(value, key) if is_json else value
        except DocumentError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return found


def read(data: Mapping[str, Any], areas: Mapping[str, Sequence[AnyRule]]) -> Settings:
    """Return the settings; raise SettingsError for all that is wrong with them.

    Args:
        data: Values by key, without the namespace.
        areas: All rules, by area.

    """
    return _Reader(areas).settings(data)


def unknown_rule(name: object, known: Iterable[str]) -> str:
    """Say that there is no such rule, and which one may be meant."""
    return f"must be a rule that exists{_nearest(name, known)}, got {_quoted(name)}"


@dataclass(slots=True)
class _Reader:
    """Reads settings and gathers what is wrong with them."""

    areas: Mapping[str, Sequence[AnyRule]]
    problems: list[str] = field(default_factory=list)
    rules: dict[str, AnyRule] = field(init=False)

    def __post_init__(self) -> None:
        self.rules = {rule.name: rule for rules in self.areas.values() for rule in rules}

    def settings(self, data: Mapping[str, Any]) -> Settings:
        known = ("preset", "severity", "areas", "frameworks", "rules", "exemptions")
        for key in data:
            if key not in known:
                self.wrong(shortened(key), f"must be a key that exists{_nearest(key, known)}", key)
        severities = [severity.value for severity in _SEVERITIES]
        frameworks = {name for rule in self.rules.values() for name in frameworks_of(rule)}
        result = Settings(
            preset=self.choice(data, "preset", PRESETS, "default"),
            severity=Severity(self.choice(data, "severity", severities, "low")),
            areas=self.choices(data, "areas", sorted(self.areas)),
            frameworks=self.choices(data, "frameworks", sorted(frameworks)),
            rules=self.rule_settings(data.get("rules")),
            exemptions=self.exemptions(data.get("exemptions")),
        )
        if self.problems:
            raise SettingsError(self.problems)
        return result

    def wrong(self, path: str, must: str, got: object) -> None:
        self.problems.append(f"{NAMESPACE}:{visible(path)}: {must}, got {_quoted(got)}")

    def choice(self, data: Mapping[str, Any], key: str, known: Sequence[str], default: str) -> str:
        value = data.get(key, default)
        if value not in known:
            self.wrong(key, f"must be {_one_of(known)}", value)
            return default
        return str(value)

    def choices(self, data: Mapping[str, Any], key: str, known: Sequence[str]) -> frozenset[str]:
        value = data.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, f"must be a list of {', '.join(known)}", value)
            return frozenset()
        by_name = {name.lower(): name for name in known}
        found = set()
        for index, item in enumerate(value):
            name = by_name.get(str(item).lower())
            if name is None:
                self.wrong(f"{key}[{index}]", f"must be {_one_of(known)}", item)
            else:
                found.add(name)
        return frozenset(found)

    def rule_settings(self, data: Any) -> dict[str, RuleSettings]:
        if data is None:
            return {}
        if not isinstance(data, Mapping):
            self.wrong("rules", "must be a map from rule to level", data)
            return {}
        result = {}
        for name, value in data.items():
            rule, path = self.rules.get(name), f"rules.{shortened(name)}"
            if rule is None:
                self.problems.append(f"{NAMESPACE}:{path}: {unknown_rule(name, self.rules)}")
            elif isinstance(value, Mapping):
                result[name] = self.rule_map(rule, path, value)
            else:
                result[name] = RuleSettings(level=self.level(rule, path, value))
        return result

    def rule_map(self, rule: AnyRule, path: str, data: Mapping[str, Any]) -> RuleSettings:
        settings = {setting.name: setting for setting in rule.settings}
        known = [*_RULE_KEYS, *settings]
        values: dict[str, Any] = {}
        for key, value in data.items():
            if key in settings:
                if (must := _must(settings[key], value)) is not None:
                    self.wrong(f"{path}.{key}", must, value)
                values[key] = value
            elif key not in _RULE_KEYS:
                self.wrong(
                    f"{path}.{shortened(key)}",
                    f"must be a key that exists{_nearest(key, known)}",
                    key,
                )
        level = self.level(rule, f"{path}.level", data["level"]) if "level" in data else None
        return RuleSettings(level=level, values=values)

    def level(self, rule: AnyRule, path: str, value: object) -> EnforcementLevel | None:
        known = [name for name in _LEVELS if name != "remediate" or rule.mends]
        if isinstance(value, str) and value in known:
            return _LEVELS[value]
        why = ""
        if value == "remediate":
            able = [name for name, other in self.rules.items() if other.mends]
            why = f" (only these can remediate: {', '.join(able)})"
        self.wrong(path, f"must be {_one_of(known)}{why}", value)
        return None

    def exemptions(self, data: Any) -> tuple[Exemption, ...]:
        if data is None:
            return ()
        if not isinstance(data, list):
            self.wrong("exemptions", "must be a list", data)
            return ()
        found = [self.exemption(f"exemptions[{index}]", item) for index, item in enumerate(data)]
        return tuple(exemption for exemption in found if exemption is not None)

    def exemption(self, path: str, data: Any) -> Exemption | None:
        if not isinstance(data, Mapping):
            self.wrong(path, "must be a map of rule, resource, reason and until", data)
            return None
        before = len(self.problems)
        for key in data:
            if key not in _EXEMPTION_KEYS:
                near = _nearest(key, _EXEMPTION_KEYS)
                self.wrong(f"{path}.{shortened(key)}", f"must be a key that exists{near}", key)
        rule = data.get("rule")
        if not isinstance(rule, str) or rule not in self.rules:
            self.problems.append(f"{NAMESPACE}:{path}.rule: {unknown_rule(rule, self.rules)}")
        for key, must in (
            ("resource", "must be a pattern for names or URNs, such as `web-*`"),
            ("reason", "must say why"),
        ):
            text = data.get(key, "*" if key == "resource" else None)
            if not isinstance(text, str) or not text.strip():
                self.wrong(f"{path}.{key}", must, text)
        until = _date(data.get("until"))
        if until is None:
            must = "must be a date such as 2027-06-30, the last day of the exemption"
            self.wrong(f"{path}.until", must, data.get("until"))
        if until is None or len(self.problems) > before:
            return None
        return Exemption(
            place=f"{NAMESPACE}:{path}",
            rule=str(rule),
            resource=data.get("resource", "*"),
            reason=data["reason"].strip(),
            until=until,
        )


def _must(setting: Setting, value: object) -> str | None:
    """Say what a rule's setting must be, None where it is."""
    if isinstance(setting.default, int):
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0
        if whole and isinstance(value, int | float) and setting.low <= value <= setting.high:
            return None
        return f"must be a whole number from {setting.low} to {setting.high}"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return None
    return "must be a list of texts"


def _date(value: object) -> date | None:
    """Return a day; YAML makes one of what looks like it, the engine a text with its midnight."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(_MIDNIGHT.sub("", value))
    except ValueError:
        return None


def _one_of(known: Sequence[str]) -> str:
    return f"one of {', '.join(known)}"


def _nearest(name: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (nearest: {close[0]})" if close else ""


def _quoted(value: object) -> str:
    if isinstance(value, list | Mapping):
        return f"a {'list' if isinstance(value, list) else 'map'}"
    return shown(str(value) if isinstance(value, date) else value)
