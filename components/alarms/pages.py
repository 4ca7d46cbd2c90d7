"""What wakes people: one page for each kind of trouble, and the escalation of those that stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.demand import REQUEST_SURGE
from surgeproof.components.alarms.rows import (
    LEVELS,
    WATCHED,
    AlertSeverity,
    Kind,
    Section,
    WatchedAlarmArgs,
    after,
    runbook_url,
)
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import RUNBOOK_BASE_URL, TAGS
from surgeproof.settings.checks import Definition
from surgeproof.settings.errors import ArgsError
from surgeproof.settings.fields import whole


class PagesArgs(TypedDict):
    """Arguments of Pages."""

    alarms: Annotated[list[WatchedAlarmArgs], WATCHED]
    """All alarms; those of a kind make its page."""
    page_topic_arn: Input[str]
    """Topic for alarms that somebody has to look at now."""
    info_topic_arn: Input[str]
    """Topic for alarms that tell nobody by themselves."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all alarms."""


class EscalationArgs(TypedDict):
    """Arguments of Escalation."""

    alarms: Annotated[list[WatchedAlarmArgs], WATCHED]
    """All alarms; those that page are escalated."""
    escalation_topic_arn: Input[str]
    """Topic of those who are called when a page stays open."""
    info_topic_arn: Input[str]
    """Topic for alarms that tell nobody by themselves."""
    escalation_minutes: NotRequired[Annotated[int, whole("minutes", 1, 1440, default=30)]]
    """Time that a page may stay open, which means still in ALARM, not that nobody acknowledged
    it."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all alarms."""


PAGES_ARGS: Final = Definition("Pages", PagesArgs)
ESCALATION_ARGS: Final = Definition("Escalation", EscalationArgs)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A kind of trouble, as its page puts it."""

    kind: Kind
    says: str
    """What it is and, as important, what it is not: the first words that somebody reads at night.
    """
    section: Section


PAGES: Final = (
    PageRow(
        kind=Kind.SURGE,
        says="SURGE: more demand than usual, or than the instances carry; users do not feel it "
        "yet. First: is the group growing, and can it grow enough? Raise its minimum if not. Not "
        "first: network, server logs, recent deployments.",
        section=Section.DEMAND,
    ),
    PageRow(
        kind=Kind.SATURATION,
        says="SATURATION: capacity is used up or does not come: the group is at its maximum, "
        "launches do not arrive, or the load balancer turns users away. First: why the group "
        "cannot grow. With the page SURGE open too, demand is the cause; do not look for another.",
        section=Section.CAPACITY,
    ),
    PageRow(
        kind=Kind.OUTAGE,
        says="OUTAGE: users get errors, or wait too long. First: is SURGE or SATURATION open too? "
        "Then it is capacity: follow that runbook. Only without them look at the newest "
        "deployment, then at what the service depends on.",
        section=Section.USERS,
    ),
)
"""The pages by kind."""

CHILDREN_MAX: Final = 100
"""Alarms in the rule of a composite alarm (Amazon CloudWatch user guide, Create a composite alarm).
"""
RULE_MAX: Final = 10_240
"""Characters of a rule (cloudwatch PutCompositeAlarm)."""


def _any(alarms: Sequence[WatchedAlarmArgs]) -> str:
    return " OR ".join(f'ALARM("{alarm["name"]}")' for alarm in alarms)


def page_rule(kind: Kind, alarms: Sequence[WatchedAlarmArgs]) -> str:
    """Return the rule of a kind's page: any of its alarms that page.

    For a surge that is demand beyond what instances carry; where unusual demand only informs, a
    jump pages together with at least one band that is left, or with demand near capacity (the alarm
    that scales the group): one sign alone may be a campaign or a crawler.
    """
    of_kind = [alarm for alarm in alarms if alarm.get("kind") == kind and alarm["metrics"]]
    rule = _any([alarm for alarm in of_kind if alarm["severity"] == AlertSeverity.PAGE])
    if kind != Kind.SURGE:
        return rule
    jumps = [alarm for alarm in of_kind if alarm["symptom"] == "request-jump"]
    others = [
        alarm
        for alarm in of_kind
        if alarm["symptom"] == "unusual-demand"
        or (alarm["symptom"] == REQUEST_SURGE and alarm["severity"] == AlertSeverity.TICKET)
    ]
    unusual = f"(({_any(jumps)}) AND ({_any(others)}))" if jumps and others else ""
    return " OR ".join(part for part in (rule, unusual) if part)


def page_name(component: str, kind: Kind) -> str:
    """Return the name of a kind's page, known before it exists."""
    return physical_name(component, f"{kind}-{LEVELS[AlertSeverity.PAGE]}")


def _check_rule(place: str, rule: str) -> str:
    children = rule.count('ALARM("')
    if children > CHILDREN_MAX:
        raise ArgsError(f"{place}: must have at most {CHILDREN_MAX} alarms, got {children}")
    if len(rule) > RULE_MAX:
        raise ArgsError(f"{place}: must be at most {RULE_MAX} characters, got {len(rule)}")
    return rule


class Pages(pulumi.ComponentResource):
    """One page for each kind of trouble: surge, saturation, outage.

    Creates a composite alarm for each kind over the alarms of `alarms` that are of it; those tell
    the info topic only, so one kind pages once, however many of its alarms fire. The page's text
    says which kind it is and where to look first.
    """

    alarm_names: Output[Sequence[str]]
    """Names of the pages."""
    outage_alarm_name: Output[str]
    """Name of the page that says that users are hurt."""

    def __init__(
        self, name: str, args: PagesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Pages", name, {}, opts)
        settings = PAGES_ARGS.check(args)
        base, alarms = settings["runbook_base_url"], settings["alarms"]
        self.watched: list[WatchedAlarmArgs] = []
        self.outage_alarm_name = Output.from_input("")
        names: list[Output[str]] = []
        for row in PAGES:
            rule = _check_rule(f"Pages.{row.kind}", page_rule(row.kind, alarms))
            if not rule:
                continue
            role = f"{row.kind}-{LEVELS[AlertSeverity.PAGE]}"
            composite = aws.cloudwatch.CompositeAlarm(
                f"{name}-{role}",
                alarm_name=page_name(name, row.kind),
                alarm_description=f"{row.says} Runbook: {runbook_url(base, row.kind.value)}",
                alarm_rule=rule,
                actions_enabled=True,
                alarm_actions=[args["page_topic_arn"]],
                ok_actions=[args["page_topic_arn"]],
                tags=args.get("tags"),
                opts=after(self, [each for each in alarms if f'"{each["name"]}"' in rule]),
            )
            names.append(composite.alarm_name)
            if row.kind == Kind.OUTAGE:
                self.outage_alarm_name = composite.alarm_name
            self.watched.append(
                WatchedAlarmArgs(
                    name=page_name(name, row.kind),
                    arn=composite.arn,
                    symptom=row.kind.value,
                    severity=AlertSeverity.PAGE,
                    tells=AlertSeverity.PAGE,
                    kind=row.kind,
                    section=row.section,
                    title=row.says,
                    metrics=0,
                )
            )
        self.alarm_names = Output.all(*names)
        self.register_outputs(
            {"alarm_names": self.alarm_names, "outage_alarm_name": self.outage_alarm_name}
        )


class Escalation(pulumi.ComponentResource):
    """Calls the next team when a page stays open.

    Creates a composite alarm over all of `alarms` that page, and one that never fires and holds the
    first one's action back for `escalation_minutes`. It means that something is *still in ALARM*.
    It does not mean that nobody acknowledged it: CloudWatch knows nothing of that. When all pages
    are over for a moment, the time begins anew. It does not tell when it is over; the pages do.
    """

    alarm_names: Output[Sequence[str]]
    """Names of the escalation and of the alarm that holds it back."""

    def __init__(
        self, name: str, args: EscalationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Escalation", name, {}, opts)
        settings = ESCALATION_ARGS.check(args)
        base, minutes = settings["runbook_base_url"], settings["escalation_minutes"]
        paging = [alarm for alarm in settings["alarms"] if alarm["tells"] == AlertSeverity.PAGE]
        rule = _check_rule("Escalation", _any(paging))
        link = runbook_url(base, "escalation")
        held_role, role = "escalation-hold-info", "escalation-critical"
        hold = aws.cloudwatch.CompositeAlarm(
            f"{name}-{held_role}",
            alarm_name=physical_name(name, held_role),
            alarm_description="Never fires: it makes the escalation wait for its time. "
            f"Runbook: {link}",
            alarm_rule="FALSE",
            actions_enabled=True,
            alarm_actions=[args["info_topic_arn"]],
            tags=args.get("tags"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        says = (
            f"ESCALATION: a page has been open for {minutes} minutes. It is still in ALARM, which "
            "does not mean that nobody works on it. Join them; the open pages say what kind it is."
        )
        escalation = aws.cloudwatch.CompositeAlarm(
            f"{name}-{role}",
            alarm_name=physical_name(name, role),
            alarm_description=f"{says} Runbook: {link}",
            alarm_rule=rule,
            actions_enabled=True,
            alarm_actions=[args["escalation_topic_arn"]],
            actions_suppressor={
                "alarm": hold.alarm_name,
                "wait_period": 60 * minutes,
                # The one that holds it back never leaves ALARM, so this never begins.
                "extension_period": 60,
            },
            tags=args.get("tags"),
            opts=after(self, paging),
        )
        self.watched = [
            WatchedAlarmArgs(
                name=physical_name(name, each),
                arn=composite.arn,
                symptom="escalation",
                severity=severity,
                tells=severity,
                section=Section.ALERTS,
                title=title,
                metrics=0,
            )
            for each, composite, severity, title in (
                (held_role, hold, AlertSeverity.INFO, "Never fires."),
                (role, escalation, AlertSeverity.PAGE, says),
            )
        ]
        self.alarm_names = Output.all(hold.alarm_name, escalation.alarm_name)
        self.register_outputs({"alarm_names": self.alarm_names})
