"""Alarms on demand: beyond what instances carry, refused, or unlike other days."""

from dataclasses import replace
from typing import Final

from surgeproof.components.alarms.rows import (
    ELB,
    SELDOM_REPORTED,
    AlarmMetric,
    AlarmRow,
    AlertSeverity,
    Comparison,
    Kind,
    MissingData,
    Section,
    Subject,
)
from surgeproof.components.alarms.settings import AlarmsArgs
from surgeproof.figures.settings import HighResolutionMetricArgs

REQUEST_SURGE: Final = "request-surge"

EVIDENCE_SECONDS: Final = 30
"""How long a high-resolution metric has to be high: one point of 30 s, or three of 10 s. One point
of 10 s is noise: at 100 requests per second it varies by 3 % (one standard deviation, Poisson)."""


def request_surge_row(
    *, requests_per_second: float, share_percent: float, severity: AlertSeverity
) -> AlarmRow:
    """Return the alarm on requests per target reaching a share of what one instance carries."""
    return AlarmRow(
        symptom=REQUEST_SURGE,
        severity=severity,
        says=f"Each instance gets {share_percent:g} % or more of the {requests_per_second:g} "
        "requests per second that it carries.",
        why=_surge_reason(severity),
        metrics=(
            AlarmMetric(
                namespace=ELB,
                name="RequestCountPerTarget",
                statistic="Sum",  # the only valid one; it is the average per target all the same
                subject=Subject.TARGET_GROUP,
            ),
        ),
        comparison=Comparison.AT_LEAST,
        threshold=round(requests_per_second * 60 * share_percent / 100, 3),
        unit="requests per target and minute",
        threshold_reason=_surge_threshold_reason(severity, "service.requestsPerSecond"),
        period_seconds=60,
        # One point: a second one would cost another minute, and an instance too many costs little.
        evaluation_periods=1,
        datapoints_to_alarm=1,
        missing=MissingData.NOT_BREACHING,
        missing_reason="It is always reported while targets are registered; without targets there "
        "is nothing to compare.",
        kind=Kind.SURGE,
        section=Section.DEMAND,
    )


def fast_surge_row(
    *, metric: HighResolutionMetricArgs, share_percent: float, severity: AlertSeverity
) -> AlarmRow:
    """Return the same alarm on the high-resolution metric, which speaks minutes earlier."""
    periods = EVIDENCE_SECONDS // metric["period_seconds"]
    return AlarmRow(
        symptom=REQUEST_SURGE,
        variant="fast",
        severity=severity,
        says=f"{metric['metric_name']} is at {share_percent:g} % or more of the "
        f"{metric['capacity_per_instance']:g} at which an instance is fully used.",
        why=_surge_reason(severity),
        metrics=(
            AlarmMetric(
                namespace=metric["namespace"],
                name=metric["metric_name"],
                statistic="Average",
                subject=Subject.GROUP,
            ),
        ),
        comparison=Comparison.AT_LEAST,
        threshold=round(metric["capacity_per_instance"] * share_percent / 100, 6),
        unit=f"{metric['metric_name']} per instance",
        threshold_reason=_surge_threshold_reason(severity, "scaling.highResolutionMetric"),
        period_seconds=metric["period_seconds"],
        evaluation_periods=periods,
        datapoints_to_alarm=periods,
        missing=MissingData.IGNORE,
        missing_reason="A starved instance may fail to publish just when it matters: what was "
        "known last stands, and the alarm on the load balancer's metric goes on.",
        kind=Kind.SURGE,
        section=Section.DEMAND,
    )


def _surge_reason(severity: AlertSeverity) -> str:
    if severity == AlertSeverity.PAGE:
        return "Demand is beyond capacity: queues grow until enough instances have come."
    return "The group adds instances now, before queues build up."


def _surge_threshold_reason(severity: AlertSeverity, key: str) -> str:
    if severity == AlertSeverity.PAGE:
        return f"Ours: the whole capacity, the low end of {key}."
    return f"Ours: scaling.surgePercent of the capacity, the low end of {key}."


def load_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on demand that is more than the service can carry or take in."""
    rows = []
    requests = settings.get("requests_per_second_per_instance")
    if requests is not None:
        rows.append(
            request_surge_row(
                requests_per_second=requests,
                share_percent=100,
                severity=AlertSeverity.PAGE,
            )
        )
    metric = settings.get("high_resolution_metric")
    if metric is not None:
        rows.append(
            fast_surge_row(
                metric=metric,
                share_percent=100,
                severity=AlertSeverity.PAGE,
            )
        )
    rows.append(
        AlarmRow(
            symptom="rejected-connections",
            severity=AlertSeverity.PAGE,
            says="The load balancer refuses connections.",
            why="It has reached its own maximum: these users see nothing at all.",
            metrics=(
                AlarmMetric(
                    namespace=ELB,
                    name="RejectedConnectionCount",
                    statistic="Sum",
                    subject=Subject.LOAD_BALANCER,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=0,
            unit="connections",
            threshold_reason="Ours: each one is a user turned away before anything else can be "
            "measured.",
            period_seconds=60,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            missing=MissingData.NOT_BREACHING,
            missing_reason=SELDOM_REPORTED,
            kind=Kind.SATURATION,
            section=Section.DEMAND,
        )
    )
    return rows


def unusual_demand_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on demand that is not usual, whatever one instance carries.

    Each tells nobody by itself, since unusual is not yet a problem: together they make the page
    *surge* where one alone might be a campaign or a crawler.
    """
    jump = settings["request_jump_percent"]
    requests = AlarmMetric(
        namespace=ELB,
        name="RequestCount",
        statistic="Sum",
        subject=Subject.LOAD_BALANCER,
        id="demand",
    )
    rows = [
        AlarmRow(
            symptom="request-jump",
            severity=AlertSeverity.INFO,
            says=f"Requests grew by {jump:g} % or more from one five minutes to the next.",
            why="A surge begins like this, before any instance is full.",
            metrics=(requests,),
            expression="IF(demand - DIFF(demand) >= "
            f"{5 * settings['minimum_requests_per_minute']}, "
            "100 * DIFF(demand) / (demand - DIFF(demand)), 0)",
            comparison=Comparison.AT_LEAST,
            threshold=jump,
            unit="%",
            threshold_reason="Ours: in five minutes a daily rhythm moves by 3 % and usual noise by "
            "5 %, while demand that doubles within ten minutes grows by 40 %. A load balancer "
            "itself keeps pace with a doubling in five (capacity reservation page).",
            period_seconds=300,
            evaluation_periods=2,
            datapoints_to_alarm=1,
            missing=MissingData.NOT_BREACHING,
            missing_reason="Nothing reported is nothing asked.",
            kind=Kind.SURGE,
            section=Section.DEMAND,
        )
    ]
    watched_metrics = [
        ("requests", "Requests are", requests),
        (
            "connections",
            "New connections are",
            replace(requests, name="NewConnectionCount"),
        ),
    ]
    users = settings.get("active_users_metric")
    if users is not None:
        namespace, name = users["namespace"], users["metric_name"]
        watched_metrics.append(
            (
                "users",
                "Active users are",
                replace(requests, namespace=namespace, name=name, subject=Subject.GROUP),
            )
        )
    rows += [
        AlarmRow(
            symptom="unusual-demand",
            variant=variant,
            severity=AlertSeverity.INFO,
            says=f"{what} above what is usual at this time.",
            why="More people are here than on other days: capacity may be wanted soon.",
            metrics=(metric,),
            comparison=Comparison.ABOVE_BAND,
            threshold=0,
            unit="",
            threshold_reason="Ours: AWS's console proposes 2 standard deviations, which a usual "
            "day leaves many times; 4 for three minutes in a row keep it quiet where demand's "
            "noise lasts for minutes.",
            period_seconds=60,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason="Nothing reported is not above anything.",
            kind=Kind.SURGE,
            section=Section.DEMAND,
            band_width=settings["anomaly_band_width"],
        )
        for variant, what, metric in watched_metrics
    ]
    return rows
