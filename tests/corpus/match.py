"""Whether a finding is about a planted fault, and what the rest of the findings are."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from surgeproof.findings import Finding
from tests.corpus.manifest import Fault, Manifest

WORDS: dict[str, tuple[str, ...]] = {
    "asg-follows-demand": ("nothing-scales",),
    "asg-hook-releases-launches": ("hook-holds-launch",),
    "nat-gateway-per-zone": ("one-nat-gateway",),
    "web-acl-is-associated": ("acl-unattached",),
    "lb-has-alarms": ("nobody-alarmed",),
    "rds-cluster-has-standby": ("one-zone-database",),
    "rds-encrypts-in-transit": (),
    "rds-postgres-logs-queries": (),
    "security-group-described": (),
    "security-group-inline-rule-described": (),
    "security-group-rule-described": (),
    "sns-topic-has-subscription": ("topic-unread",),
}
"""Kinds of faults that a rule is about, where the property in its messages does not say it.

A rule that is named here is about these kinds alone, whatever property its messages name.
"""

ASKS: dict[str, tuple[str, ...]] = {
    "asg-grace-covers-boot": ("grace-too-short",),
    "asg-policy-target-leaves-room": ("target-too-high",),
    "asg-max-covers-peak": ("no-room-to-grow",),
    "asg-tracking-follows-surge": ("scales-too-late", "target-too-high", "nothing-scales"),
    "asg-warmup-covers-boot": ("warmup-too-long",),
    "lb-idle-timeout-below-keep-alive": ("keep-alive-too-short",),
    "rds-connections-cover-fleet": ("connections-exhausted",),
    "target-group-drains-longest-request": ("connections-cut",),
}
"""Kinds of faults that a rule might name, had it the figure that it asks for as not decided."""

_NAMED = re.compile(r"`([^`]+)`")
_INDEX = re.compile(r"\[\d+\]")


class Verdict(StrEnum):
    """What a finding is that no fault explains."""

    CONVENTION = "convention"
    """Good practice, or a wish of the tool's house; no user is hurt where it is not followed."""
    FALSE = "false alarm"
    """What it says is wrong, or is not the affair of this stack."""
    OPEN = "not judged"


JUDGED: dict[str, tuple[Verdict, str]] = {
    rule: (verdict, reason)
    for verdict, reasons in {
        Verdict.CONVENTION: {
            "alarm-links-runbook": "a runbook helps whoever is called, but they are called",
            "alarm-name-starts-with-stack": "a name's form",
            "alarm-states-severity": "a name's form",
            "asg-desired-capacity-unset": "nothing else sets the size of this group",
            "asg-follows-demand": "CPU is the metric of most services, and AWS's own example",
            "asg-policies-agree": "simple scaling works, if slowly; AWS advises against it",
            "asg-refresh-guarded": "90 % healthy with rollback is more than AWS's default",
            "asg-refresh-pins-template": "a taste in how a refresh starts",
            "asg-spot-is-spread": "advice: instances of another group are not Spot",
            "asg-uses-launch-template": "launch configurations are old, and work",
            "lb-access-logs": "needed after an incident, not in it",
            "lb-demand-has-rate-alarm": "advice",
            "lb-listener-serves-https": "plain HTTP between services of one VPC",
            "lb-listener-tls-policy": "TLS 1.2 and 1.3 of 2021; AWS now recommends newer",
            "lb-public-has-rate-rule": "advice",
            "lb-public-has-web-acl": "advice",
            "nat-gateway-per-zone": "advice: workers wait until the zone is back",
            "rds-copies-tags-to-snapshots": "tags",
            "rds-custom-admin-name": "a name",
            "rds-encrypts-in-transit": "hardening within a VPC",
            "rds-enhanced-monitoring": "needed after an incident, not in it",
            "rds-logs-exported": "needed after an incident, not in it",
            "rds-no-plaintext-password": "the state holds it as an encrypted secret",
            "rds-performance-insights": "needed after an incident, not in it",
            "rds-postgres-logs-queries": "needed after an incident, not in it",
            "s3-log-bucket-expires": "cost",
            "security-group-described": "a text",
            "security-group-inline-rule-described": "a text",
            "security-group-rule-described": "a text",
            "sns-topic-customer-key": "alarms without encryption at rest hold no users' data",
        },
        Verdict.FALSE: {
            "launch-template-imds-hop-limit": "left out it is 1, unless the AMI says otherwise",
            "lb-deletion-protection": "a developer's copy, named dev, made to be thrown away",
            "lb-drops-invalid-headers": "the load balancer is another stack's, read by get()",
            "lb-listener-certificate": "the listener is another stack's, read by get()",
            "rds-backups": "a developer's copy, named dev, made to be thrown away",
            "rds-deletion-protection": "a developer's copy, named dev, made to be thrown away",
            "rds-multi-az": "a developer's copy, named dev, made to be thrown away",
            "resource-is-readable": "`__defaults` is the provider's own note in maps of a state",
            "s3-states-encryption": "S3 encrypts every object since January 2023",
            "security-group-no-open-ingress": "the listener of a network or classic load balancer",
        },
    }.items()
    for rule, reason in reasons.items()
}
"""What the findings of a rule are where no fault explains them, and why."""

EXCEPTIONS: dict[tuple[str, str], tuple[Verdict, str]] = {
    ("asg-follows-demand", "orders-ecs"): (
        Verdict.FALSE,
        "capacity providers scale these groups, and a policy beside them would be a fault",
    ),
    ("asg-follows-demand", "streams-ecs"): (
        Verdict.FALSE,
        "a capacity provider scales the group; the policy beside it is the fault",
    ),
    ("lb-listener-tls-policy", "tenant-service"): (
        Verdict.FALSE,
        "the listener is another stack's, read by get()",
    ),
}
"""Where a rule's findings in one stack are something else, by rule and stack."""


def judged(finding: Finding, manifest: Manifest) -> tuple[Verdict, str]:
    """Return what a finding is that no fault explains, and why."""
    unknown = Verdict.OPEN, "no such finding has been judged"
    return EXCEPTIONS.get((finding.rule, manifest.name)) or JUDGED.get(finding.rule, unknown)


def matches(fault: Fault, finding: Finding) -> bool:
    """Return whether a finding is on a fault's resource and about its property or its kind."""
    here = _on(fault, finding)
    if not here and finding.name not in fault.also:
        return False
    if finding.rule in WORDS:
        return fault.kind in WORDS[finding.rule]
    subject = _NAMED.search(finding.message)
    return here and subject is not None and _about(fault.at, subject[1])


def _on(fault: Fault, finding: Finding) -> bool:
    name, _, kind = fault.resource.partition("@")
    return finding.name == name and (not kind or _token(kind) == finding.type)


def _about(at: str, named: str) -> bool:
    """Return whether a path that a finding names is a fault's, or one that holds it."""
    plain = _INDEX.sub("", named)
    return plain == at or at.startswith(f"{plain}.")


def _token(kind: str) -> str:
    module, name = kind.split(".")
    return f"aws:{module}/{name[0].lower()}{name[1:]}:{name}"


@dataclass(frozen=True)
class Result:
    """What the command has said of one stack, held against its manifest."""

    manifest: Manifest
    violations: tuple[Finding, ...]
    undecided: tuple[Finding, ...]

    @property
    def found(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.manifest.faults if self._named(fault))

    @property
    def missed(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.manifest.faults if not self._named(fault))

    def left_open(self, fault: Fault) -> bool:
        """Return whether a rule says that it could judge this with a figure that it lacks."""
        return any(
            fault.kind in ASKS.get(each.rule, ()) and (_on(fault, each) or each.name in fault.also)
            for each in self.undecided
        )

    @property
    def unexplained(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.violations if not self.explained(each))

    def explained(self, finding: Finding) -> bool:
        return any(matches(fault, finding) for fault in self.manifest.faults)

    def _named(self, fault: Fault) -> bool:
        return any(matches(fault, finding) for finding in self.violations)


@dataclass(frozen=True)
class Totals:
    """Figures over several stacks.

    Recall is over planted faults. A finding counts as true if a fault explains it, planted or
    overlooked; what is a convention does not count as true, nor as a false alarm.
    """

    planted: int = 0
    found: int = 0
    mandatory: int = 0
    mandatory_true: int = 0
    mandatory_false: int = 0
    all: int = 0
    all_true: int = 0
    all_false: int = 0
    undecided: int = 0
    left_open: int = 0
    sound: int = 0
    sound_stopped: int = 0
    faulty: int = 0
    faulty_silent: int = 0

    @classmethod
    def over(cls, results: Iterable[Result]) -> "Totals":
        counts: Counter[str] = Counter()
        for result in results:
            counts["planted"] += len(result.manifest.planted)
            counts["found"] += sum(not fault.overlooked for fault in result.found)
            counts["left_open"] += sum(result.left_open(fault) for fault in result.missed)
            if result.manifest.planted:
                counts["faulty"] += 1
                counts["faulty_silent"] += not (result.violations or result.undecided)
            else:
                counts["sound"] += 1
                counts["sound_stopped"] += any(each.stops for each in result.violations)
            counts["undecided"] += len(result.undecided)
            for finding in result.violations:
                true = result.explained(finding)
                false = not true and judged(finding, result.manifest)[0] is Verdict.FALSE
                for group in ("all", "mandatory") if finding.stops else ("all",):
                    counts[group] += 1
                    counts[f"{group}_true"] += true
                    counts[f"{group}_false"] += false
        return cls(**counts)

    def __str__(self) -> str:
        lines = [f"recall     {_share(self.found, self.planted)} of the planted faults"]
        for word, whole, true, false in (
            ("mandatory", self.mandatory, self.mandatory_true, self.mandatory_false),
            ("all", self.all, self.all_true, self.all_false),
        ):
            lines.append(
                f"precision  {_share(true, whole)} of {word} findings; "
                f"{_share(false, whole)} are false alarms"
            )
        lines += [
            f"not decided {self.undecided}; {self.left_open} of the missed faults among them",
            f"stopped    {_share(self.sound_stopped, self.sound)} of stacks without planted faults",
            f"silent     {_share(self.faulty_silent, self.faulty)} of stacks with them",
        ]
        return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({part / whole:.1%})" if whole else "0/0"
