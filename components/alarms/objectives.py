"""What users are promised, and the alarms on how fast the promise is being used up."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.rows import (
    LEVELS,
    AlarmMetric,
    AlarmRow,
    AlertSeverity,
    Comparison,
    Kind,
    MissingData,
    Section,
    Subject,
    WatchedAlarmArgs,
    metric_alarm,
    runbook_url,
    watched,
)
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import RUNBOOK_BASE_URL, TAGS
from surgeproof.figures.settings import LATENCY
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import choice, items, number, plain, whole

WINDOW_MINUTES_MAX: Final = 7 * 24 * 60
"""Period times periods of an alarm whose period is an hour or more (cloudwatch PutMetricAlarm)."""
BURN_RATES_MAX: Final = 8
FAILURES_MIN: Final = 10
"""Bad requests that a window must hold at least before it breaches."""
OBJECTIVE_PERCENT: Final = (95.0, 99.999)
"""Below 93.1 % a budget cannot burn at 14.4 times: all requests bad would be too few."""

AVAILABILITY: Final = number(
    "percent", *OBJECTIVE_PERCENT, default=99.9, key="slo.availabilityPercent"
)
PERCENTILE: Final = number("percent", *OBJECTIVE_PERCENT, default=99, key="slo.latencyPercentile")
WINDOW: Final = whole("days", 1, 90, default=30, key="slo.windowDays")


class BurnRateArgs(TypedDict):
    """A pair of windows over which the error budget is used up too fast."""

    rate: Annotated[float, number("times", 0.1, 1000)]
    """How many times faster than even the budget is used up."""
    long_window_minutes: Annotated[int, whole("minutes", 60, WINDOW_MINUTES_MAX)]
    """Length of the long window, which says that it matters."""
    short_window_minutes: Annotated[int, whole("minutes", 1, WINDOW_MINUTES_MAX)]
    """Length of the short window, which says that it still goes on; below the long one."""
    severity: Annotated[str, choice(AlertSeverity)]
    """Whether it is a page or a ticket."""


class ObjectivesArgs(TypedDict):
    """What users are promised, as the replay judges it and the alarms watch it."""

    load_balancer_arn_suffix: Input[str]
    """Last part of the load balancer's ARN, as CloudWatch names it: app/..."""
    target_group_arn_suffix: Input[str]
    """Last part of the target group's ARN: targetgroup/..."""
    page_topic_arn: Input[str]
    """Topic for alarms that somebody has to look at now."""
    ticket_topic_arn: Input[str]
    """Topic for alarms that can wait for working hours."""
    info_topic_arn: Input[str]
    """Topic for alarms that tell nobody by themselves: the single windows."""
    outage_alarm: NotRequired[Input[str]]
    """Name of the alarm that pages while users are hurt; while it does, a burning budget does not
    page for the same. Default: none."""
    availability_percent: NotRequired[Annotated[float, AVAILABILITY]]
    """Share of requests that are answered without a server error."""
    latency_percentile: NotRequired[Annotated[float, PERCENTILE]]
    """Share of all requests that are answered within latency_seconds; one that nobody answers is
    not."""
    latency_seconds: NotRequired[Annotated[float, LATENCY]]
    """Time within which they are answered."""
    window_days: NotRequired[Annotated[int, WINDOW]]
    """Time over which both hold; what is left of it stands on the dashboard."""
    burn_rates: NotRequired[
        Annotated[
            list[BurnRateArgs],
            items(
                f"list of 1 to {BURN_RATES_MAX}",
                f"be a list of 1 to {BURN_RATES_MAX} pairs",
                high=BURN_RATES_MAX,
                low=1,
                behaviour="14.4 times over 1 h and 5 min and 6 times over 6 h and 30 min page; "
                "3 times over 24 h and 2 h and once over 72 h and 6 h make tickets",
                default=None,
            ),
        ]
    ]
    """When the budget is used up too fast."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all alarms."""


def burn_names(
    rate: float, long: int, short: int, severity: AlertSeverity | None
) -> tuple[str, ...]:
    """Return what the alarms of a pair are named by; no two pairs may share one."""
    windows = (f"{rate:g}x-{span(int(minutes))}" for minutes in (long, short))
    level = LEVELS.get(severity) if severity else None
    return (*windows, *([f"{rate:g}x-{level}"] if level else []))


def _reachable(values: Values) -> Iterator[Problem]:
    """Hold that failures can reach each rate: one that they cannot never tells anybody."""
    for index, pair in values.items("burn_rates"):
        rate = pair.get("rate")
        for name in ("availability_percent", "latency_percentile"):
            good = values.get(name)
            most = 100 / (100 - good) if good is not None else math.inf
            if rate is not None and rate >= most:
                said = f"which is all requests bad ({{{name}}}: {plain(good)})"
                yield Problem(("burn_rates", index, "rate"), f"be below {most:.3g}, {said}", rate)
                break


def _pairs(values: Values) -> Iterator[Problem]:
    """Hold that windows make a pair, and that no two alarms would share a name."""
    named: dict[str, str | int] = {}
    for index, pair in values.items("burn_rates"):
        long, short = pair.get("long_window_minutes"), pair.get("short_window_minutes")
        rate, severity = pair.get("rate"), pair.get("severity")
        if rate is not None and long is not None and short is not None:
            for name in burn_names(rate, long, short, severity):
                first = named.setdefault(name, index)
                if first != index:
                    must = (
                        f"differ from that of {{burn_rates}}[{first}], since both would name an "
                        f"alarm {name}"
                    )
                    yield Problem(("burn_rates", index, "rate"), must, rate)
                    break
        if long is not None and short is not None and short >= long:
            must = f"be below {{long_window_minutes={long}}}"
            yield Problem(("burn_rates", index, "short_window_minutes"), must, short)
        if severity == AlertSeverity.INFO:
            yield Problem(("burn_rates", index, "severity"), "be page or ticket", "info")


OBJECTIVES: Final = Definition("Objectives", ObjectivesArgs, relations=(_reachable, _pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRate:
    """The plain, checked values of BurnRateArgs."""

    rate: float
    long_window_minutes: int
    short_window_minutes: int
    severity: AlertSeverity


DEFAULT_BURN_RATES: Final = (
    BurnRate(
        rate=14.4, long_window_minutes=60, short_window_minutes=5, severity=AlertSeverity.PAGE
    ),
    BurnRate(rate=6, long_window_minutes=360, short_window_minutes=30, severity=AlertSeverity.PAGE),
    BurnRate(
        rate=3, long_window_minutes=1440, short_window_minutes=120, severity=AlertSeverity.TICKET
    ),
    BurnRate(
        rate=1, long_window_minutes=4320, short_window_minutes=360, severity=AlertSeverity.TICKET
    ),
)
"""The Site Reliability Workbook's pairs (chapter 5, "Alerting on SLOs", table 5-8)."""


class Objective(StrEnum):
    """What is promised; names the runbook page too."""

    AVAILABILITY = "availability-burn"
    LATENCY = "latency-burn"


def promised(settings: Mapping[str, Any]) -> Mapping[Objective, float]:
    """Return the share of good requests that is promised (percent), by objective."""
    return {
        Objective.AVAILABILITY: settings["availability_percent"],
        Objective.LATENCY: settings["latency_percentile"],
    }


def _burn_rates(settings: ObjectivesArgs) -> Sequence[BurnRate]:
    given = settings.get("burn_rates")
    if given is None:
        return DEFAULT_BURN_RATES
    return [
        BurnRate(
            rate=each["rate"],
            long_window_minutes=each["long_window_minutes"],
            short_window_minutes=each["short_window_minutes"],
            severity=AlertSeverity(each["severity"]),
        )
        for each in given
    ]


def span(minutes: int) -> str:
    """Return a length of time as people say it: 90m, 6h, 3d only where it is whole."""
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


_ELB = "AWS/ApplicationELB"


def _metric(name: str, statistic: str, subject: Subject, metric_id: str) -> AlarmMetric:
    return AlarmMetric(
        namespace=_ELB, name=name, statistic=statistic, subject=subject, id=metric_id
    )


_ASKED: Final = (
    _metric("RequestCount", "Sum", Subject.TARGET_GROUP, "requests"),
    _metric("HTTPCode_ELB_5XX_Count", "Sum", Subject.LOAD_BALANCER, "refused"),
)
ALL_REQUESTS: Final = "(requests + FILL(refused, 0))"
"""All requests in metric math: RequestCount leaves out those for which no target was chosen. One
that timed out in a target (504) counts twice here, which makes it weigh a little less."""


def measured(objective: Objective, latency_seconds: float) -> tuple[str, tuple[AlarmMetric, ...]]:
    """Return metric math for the share of bad requests (0 to 1), and its metrics.

    For latency, PR alone counts only answered requests and so improves in an outage; hence answers
    within the bound are counted, and everything else of *all* requests is bad.
    """
    if objective == Objective.AVAILABILITY:
        return (
            f"(FILL(failed, 0) + FILL(refused, 0)) / {ALL_REQUESTS}",
            (
                *_ASKED,
                _metric("HTTPCode_Target_5XX_Count", "Sum", Subject.TARGET_GROUP, "failed"),
            ),
        )
    time = "TargetResponseTime"
    return (
        f"(1 - FILL(within, 0) * FILL(answered, 0) / 100 / {ALL_REQUESTS})",
        (
            *_ASKED,
            _metric(time, f"PR(:{latency_seconds:g})", Subject.TARGET_GROUP, "within"),
            _metric(time, "SampleCount", Subject.TARGET_GROUP, "answered"),
        ),
    )


def window_row(
    objective: Objective,
    rate: BurnRate,
    minutes: int,
    *,
    promised_percent: float,
    latency_seconds: float,
) -> AlarmRow:
    """Return the alarm on one window of a pair."""
    budget = round((100 - promised_percent) / 100, 8)
    least = math.ceil(FAILURES_MIN / (rate.rate * budget))
    share, metrics = measured(objective, latency_seconds)
    what = (
        "answered without a server error"
        if objective == Objective.AVAILABILITY
        else f"answered within {latency_seconds:g} s"
    )
    return AlarmRow(
        symptom=objective.value,
        variant=f"{rate.rate:g}x-{span(minutes)}",
        severity=AlertSeverity.INFO,
        says=f"For {span(minutes)}, the errors that the objective allows ({promised_percent:g} % "
        f"of requests {what}) are used up at {rate.rate:g} times the even rate or more.",
        why="One window alone is either long past or soon over: the pair tells.",
        metrics=metrics,
        expression=f"IF({ALL_REQUESTS} >= {least}, {share} / {budget:g}, 0)",
        comparison=Comparison.AT_LEAST,
        threshold=rate.rate,
        unit="times the even rate",
        threshold_reason="The Site Reliability Workbook's pairs (chapter 5), for a window of 30 "
        f"days. Below {least} requests in the window fewer than {FAILURES_MIN} bad ones would "
        "breach, so it is not judged.",
        period_seconds=60 * minutes,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        missing=MissingData.NOT_BREACHING,
        missing_reason="Nothing reported is nothing asked.",
        kind=Kind.OUTAGE,
        section=Section.USERS,
    )


def pair_role(objective: Objective, rate: BurnRate) -> str:
    """Return the part of a pair's name after the component's."""
    return f"{objective}-{rate.rate:g}x-{LEVELS[rate.severity]}"


def pair_says(objective: Objective, rate: BurnRate, window_days: int) -> str:
    """Return what a pair says."""
    hours = window_days * 24 / rate.rate
    left = f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
    what = "errors" if objective == Objective.AVAILABILITY else "slow or missing answers"
    return (
        f"OBJECTIVE: users get {what} {rate.rate:g} times as fast as promised, over "
        f"{span(rate.long_window_minutes)} and still over {span(rate.short_window_minutes)}. "
        f"At this rate the budget of {window_days} days lasts {left}."
    )


class Objectives(pulumi.ComponentResource):
    """Alarms on the error budget: how fast what is promised to users is being used up.

    Creates, for availability and for latency, two alarms for each burn rate, one on each window
    with a period as long as the window, and a composite alarm that joins them. The single windows
    tell nobody; the pair pages or makes a ticket, unless the outage page is open already.

    An example. 99.9 % are promised over 30 days, so 1 of 1000 requests may be bad. When 1.44 % are
    bad, the budget goes 14.4 times as fast as evenly and lasts 50 h; after an hour 2 % of it are
    gone, and the pair of 1 h and 5 min pages. Five minutes after the last bad request it is over.
    """

    alarm_names: Output[Sequence[str]]
    """Names of all alarms, the windows and the pairs."""

    def __init__(
        self, name: str, args: ObjectivesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Objectives", name, {}, opts)
        settings = OBJECTIVES.check(args)
        balancer = {"LoadBalancer": args["load_balancer_arn_suffix"]}
        dimensions: Mapping[Subject, Mapping[str, Input[str]]] = {
            Subject.LOAD_BALANCER: balancer,
            Subject.TARGET_GROUP: {**balancer, "TargetGroup": args["target_group_arn_suffix"]},
        }
        self.watched: list[WatchedAlarmArgs] = []
        names: list[Output[str]] = []
        for objective in Objective:
            for rate in _burn_rates(settings):
                windows = []
                for minutes in (rate.long_window_minutes, rate.short_window_minutes):
                    row = window_row(
                        objective,
                        rate,
                        minutes,
                        promised_percent=promised(settings)[objective],
                        latency_seconds=settings["latency_seconds"],
                    )
                    alarm = metric_alarm(
                        name,
                        row,
                        dimensions=dimensions.__getitem__,
                        runbook_base_url=settings["runbook_base_url"],
                        actions=[args["info_topic_arn"]],
                        tags=args.get("tags"),
                        opts=pulumi.ResourceOptions(parent=self),
                    )
                    windows.append(alarm)
                    self.watched.append(watched(name, row, alarm))
                names += [window.name for window in windows]
                pair = self._pair(
                    name, args, settings, objective=objective, rate=rate, windows=windows
                )
                names.append(pair.alarm_name)
        self.alarm_names = Output.all(*names)
        self.register_outputs({"alarm_names": self.alarm_names})

    def _pair(
        self,
        name: str,
        args: ObjectivesArgs,
        settings: ObjectivesArgs,
        *,
        objective: Objective,
        rate: BurnRate,
        windows: Sequence[aws.cloudwatch.MetricAlarm],
    ) -> aws.cloudwatch.CompositeAlarm:
        role = pair_role(objective, rate)
        says = pair_says(objective, rate, settings["window_days"])
        link = runbook_url(settings["runbook_base_url"], objective.value)
        outage = args.get("outage_alarm")
        page = rate.severity == AlertSeverity.PAGE
        topic = args["page_topic_arn" if page else "ticket_topic_arn"]
        long, short = windows
        pair = aws.cloudwatch.CompositeAlarm(
            f"{name}-{role}",
            alarm_name=physical_name(name, role),
            alarm_description=f"{says} Runbook: {link}",
            alarm_rule=Output.format('ALARM("{0}") AND ALARM("{1}")', long.name, short.name),
            actions_enabled=True,
            alarm_actions=[topic],
            ok_actions=[topic] if page else None,
            actions_suppressor=(
                {"alarm": outage, "wait_period": 120, "extension_period": 120} if outage else None
            ),
            tags=args.get("tags"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.watched.append(
            WatchedAlarmArgs(
                name=physical_name(name, role),
                arn=pair.arn,
                symptom=objective.value,
                severity=rate.severity,
                tells=rate.severity,
                kind=Kind.OUTAGE,
                section=Section.USERS,
                title=says,
                metrics=0,
            )
        )
        return pair
