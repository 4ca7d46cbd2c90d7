"""docs/reference/alarms.md: the alarms of all components, and what they cost."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from surgeproof.components.alarms.alarms import alarm_rows
from surgeproof.components.alarms.demand import fast_surge_row, request_surge_row
from surgeproof.components.alarms.objectives import (
    DEFAULT_BURN_RATES,
    Objective,
    pair_role,
    pair_says,
    span,
    window_row,
)
from surgeproof.components.alarms.pages import PAGES
from surgeproof.components.alarms.rows import AlarmRow, AlertSeverity, Comparison
from surgeproof.components.alarms.settings import ALARMS
from surgeproof.components.database import alarms as database_alarms
from surgeproof.components.service import spending, web_acl
from surgeproof.figures.settings import HighResolutionMetricArgs

PROMISED: Final = {Objective.AVAILABILITY: 99.9, Objective.LATENCY: 99.0}


class Price(NamedTuple):
    """A price of a month."""

    what: str
    dollars: float


PRICES: Final = {
    "standard": Price("metric of an alarm at periods of a minute or more", 0.10),
    "high": Price("metric of an alarm at periods below a minute", 0.30),
    "composite": Price("composite alarm", 0.50),
    "dashboard": Price("dashboard", 3.00),
}
"""List prices (US dollars) of us-east-1 (https://aws.amazon.com/cloudwatch/pricing/), checked in
November 2026 against what others have read of AWS's price list under the usage types
`CW:AlarmMonitorUsage`, `CW:HighResAlarmMonitorUsage`, `CW:CompositeAlarmMonitorUsage` and
`DashboardsUsageHour`. What is counted is from "Analyzing, optimizing, and reducing CloudWatch
costs" in CloudWatch's user guide: each metric that an alarm refers to, in metric math too; two more
for an anomaly alarm, the edges of its band; and a composite alarm as one."""


def window_rows() -> list[AlarmRow]:
    """Return the alarms on single windows, at the default objectives."""
    return [
        window_row(
            objective,
            rate,
            minutes,
            promised_percent=PROMISED[objective],
            latency_seconds=1,
        )
        for objective in Objective
        for rate in DEFAULT_BURN_RATES
        for minutes in (rate.long_window_minutes, rate.short_window_minutes)
    ]


def other_rows() -> Mapping[str, Sequence[AlarmRow]]:
    """Return the alarms that other components bring along, by the heading that they stand under."""
    return {
        "On the database": database_alarms.reference_rows(),
        "On the web ACL": web_acl.reference_rows(),
        "On money": spending.reference_rows(),
    }


def billed(rows: Sequence[AlarmRow], composites: int, dashboards: int) -> dict[str, int]:
    """Return how many units of each price are billed."""
    high = [row for row in rows if row.period_seconds < 60]
    low = [row for row in rows if row.period_seconds >= 60]
    return {
        "standard": sum(row.billed_metrics for row in low),
        "high": sum(row.billed_metrics for row in high),
        "composite": composites,
        "dashboard": dashboards,
    }


def alarms_reference() -> str:
    """Return docs/reference/alarms.md."""
    rows, scaling = default_rows()
    windows = window_rows()
    every = [*rows, *scaling, *windows, *(row for found in other_rows().values() for row in found)]
    pairs = [(objective, rate) for objective in Objective for rate in DEFAULT_BURN_RATES]
    kinds = (
        "Composite alarms: one for each kind of trouble, so that a kind pages once, and its text "
        "says which kind it is. An endpoint that stands in for AWS may only record them; the "
        "replay evaluates them."
    )
    escalation = (
        "Any of the pages has been in ALARM for `alerts.escalationMinutes`: *still in ALARM*, "
        "which is not *not acknowledged*. Tells the escalation topic. `escalation-hold-info` never "
        "fires; it makes the escalation wait. [Runbook](../runbooks/escalation.md)"
    )
    budgets = (
        "Each pair of windows is a composite alarm over two alarms with a period as long as the "
        "window, and waits while the page *outage* is open."
    )
    more = ["## That page", "", kinds, ""]
    for page in PAGES:
        runbook = f"[Runbook](../runbooks/{page.kind}.md)"
        more += [f"### {page.kind}-critical", "", f"{page.says} {runbook}", ""]
    more += ["### escalation-critical", "", escalation, "", "## On the objectives", "", budgets, ""]
    more += [
        "| composite alarm | means | windows |",
        "|---|---|---|",
        *(
            f"| {pair_role(objective, rate)} | {pair_says(objective, rate, 30)} | "
            f"{span(rate.long_window_minutes)} and {span(rate.short_window_minutes)} |"
            for objective, rate in pairs
        ),
        "",
        *(line for row in windows if row.variant == "14.4x-1h" for line in shown(row)),
        *(
            line
            for heading, found in other_rows().items()
            for line in (f"## {heading}", "", *(each for row in found for each in shown(row)))
        ),
        "## What they cost",
        "",
        *_cost(billed(every, len(PAGES) + 2 + len(pairs), 1)),
    ]
    return _page(more)


def _cost(units: dict[str, int]) -> list[str]:
    total = sum(PRICES[kind].dollars * count for kind, count in units.items())
    introduction = (
        "A month at list price, of the alarms above and the dashboard (US dollars, us-east-1, "
        "November 2026, https://aws.amazon.com/cloudwatch/pricing/; look there before you rely on "
        "it). Custom metrics, logs and messages come on top; the free tier is not taken off."
    )
    explanation = (
        "An alarm on metric math is billed for each metric that it refers to, an anomaly alarm for "
        "two more, the edges of its band. Fewer pairs in `slo.burnRates` cost less: each pair "
        f"takes {_pair_cost():.2f} for both objectives."
    )
    return [
        introduction,
        "",
        "| what | each | units | a month |",
        "|---|---|---|---|",
        *(
            f"| {PRICES[kind].what} | {PRICES[kind].dollars:.2f} | {count} | "
            f"{PRICES[kind].dollars * count:.2f} |"
            for kind, count in units.items()
        ),
        f"| together | | | {total:.2f} |",
        "",
        explanation,
        "",
    ]


def _pair_cost() -> float:
    """Return what one pair of windows costs, for both objectives."""
    windows = [row for row in window_rows() if row.variant.startswith("14.4x")]
    units = billed(windows, len(Objective), 0)
    return sum(PRICES[kind].dollars * count for kind, count in units.items())


_SIGNS: Final = {
    Comparison.ABOVE: ">",
    Comparison.AT_LEAST: ">=",
    Comparison.BELOW: "<",
    Comparison.AT_MOST: "<=",
    Comparison.ABOVE_BAND: "above",
}


def default_rows() -> tuple[list[AlarmRow], list[AlarmRow]]:
    """Return the rows of the reference, at the default settings: that tell, and that scale."""
    metric: HighResolutionMetricArgs = {
        "namespace": "Shop",
        "metric_name": "RequestsUnderWay",
        "capacity_per_instance": 50,
        "period_seconds": 10,
    }
    settings = ALARMS.check(
        {
            "load_balancer_arn_suffix": "app",
            "target_group_arn_suffix": "targetgroup",
            "group_name": "web",
            "page_topic_arn": "page",
            "ticket_topic_arn": "ticket",
            "page_topic_name": "page",
            "ticket_topic_name": "ticket",
            "info_topic_arn": "info",
            "escalation_topic_name": "escalation",
            "min_size": 2,
            "max_size": 4,
            "requests_per_second_per_instance": 100,
            "high_resolution_metric": metric,
            "active_users_metric": {"namespace": "Shop", "metric_name": "ActiveUsers"},
            "certificate_arn": "certificate",
            "nat_gateway_ids": ["nat"],
        }
    )
    scaling = [
        request_surge_row(requests_per_second=100, share_percent=80, severity=AlertSeverity.TICKET),
        fast_surge_row(metric=metric, share_percent=80, severity=AlertSeverity.TICKET),
    ]
    return [*alarm_rows(settings)], scaling


def _page(more: Sequence[str] = ()) -> str:
    """Return docs/reference/alarms.md: all rows, at the default settings, and `more` lines."""
    rows, scaling = default_rows()
    introduction = (
        "Written by `make reference`; do not edit by hand. Names are "
        "`{project}-{stack}-{component}-` and what stands below. Values are those of the default "
        "settings, a group of 2 to 4 instances that carry 100 requests per second each, and a "
        "high-resolution metric that is full at 50. Alarms that end with `-critical` page, those "
        "with `-warning` make a ticket, those with `-info` tell nobody by themselves."
    )
    lines = [
        "# Alarms",
        "",
        introduction,
        "",
        "## That tell people",
        "",
        *(line for row in rows for line in shown(row)),
        "## That scale the group",
        "",
        *(line for row in scaling for line in shown(row, told="the scaling policy")),
        *more,
    ]
    return "\n".join(lines)


def shown(row: AlarmRow, told: str | None = None) -> list[str]:
    """Return a row as lines of Markdown."""
    metrics = [f"{metric.namespace} {metric.name} {metric.statistic}" for metric in row.metrics]
    read = row.expression or metrics[0]
    bound = f"{_SIGNS[row.comparison]} {row.threshold:g} {row.unit}"
    if row.band_width is not None:
        bound = f"above the band of {row.band_width:g} standard deviations around what is usual"
    count = f"{row.datapoints_to_alarm} of {row.evaluation_periods}"
    lines = [
        f"### {row.role}",
        "",
        f"{row.description} [Runbook](../runbooks/{row.symptom}.md)",
        "",
        f"- Alarm: `{read}` {bound}; {count} periods of {row.period_seconds} s",
    ]
    if row.expression:
        named = (
            f"`{metric.id}` is {text}" for metric, text in zip(row.metrics, metrics, strict=True)
        )
        lines.append(f"- Where: {', '.join(named)}")
    return [
        *lines,
        f"- Why this number: {row.threshold_reason}",
        f"- Missing data: `{row.missing}`. {row.missing_reason}",
        f"- Tells: {told or _told(row)}",
        "",
    ]


def _told(row: AlarmRow) -> str:
    """Return whom an alarm tells."""
    if row.severity == AlertSeverity.PAGE and row.tells == AlertSeverity.INFO:
        return f"the info topic; pages by the composite alarm *{row.kind}*"
    return f"the {row.tells} topic"
