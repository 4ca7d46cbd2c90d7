"""docs/reference/alarms.md: the alarms of all components, and what they cost."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from surgeproof.components.alarms import alarms
from surgeproof.components.alarms.alarms import AlarmRow, shown
from surgeproof.components.alarms.objectives import (
    DEFAULT_BURN_RATES,
    Objective,
    pair_role,
    pair_says,
    span,
    window_row,
)
from surgeproof.components.alarms.pages import PAGES
from surgeproof.components.database import database
from surgeproof.components.service import spending, web_acl

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
        "On the database": database.reference_rows(),
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
    rows, scaling = alarms.default_rows()
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
    return alarms.reference(more)


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
