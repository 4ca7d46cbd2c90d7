"""Alarms on capacity: healthy targets, and what the group has of what it wants."""

from surgeproof.components.alarms.rows import (
    ASG,
    AWS_RECOMMENDS,
    ELB,
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


def host_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on healthy and unhealthy targets."""
    return [
        AlarmRow(
            symptom="few-healthy-hosts",
            severity=AlertSeverity.PAGE,
            says=f"Fewer than {settings['min_size']} targets are healthy.",
            why="The rest carry the load of all; with none left, every request fails.",
            metrics=(
                AlarmMetric(
                    namespace=ELB,
                    name="HealthyHostCount",
                    statistic="Minimum",
                    subject=Subject.TARGET_GROUP,
                ),
            ),
            comparison=Comparison.BELOW,
            threshold=settings["min_size"],
            unit="targets",
            threshold_reason="Ours: the group's minimum, which deployments keep too (they launch "
            "before they terminate).",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.BREACHING,
            missing_reason="It is reported whenever a target is registered, so silence means that "
            "there is none.",
            kind=Kind.OUTAGE,
            section=Section.CAPACITY,
        ),
        AlarmRow(
            symptom="unhealthy-hosts",
            severity=AlertSeverity.TICKET,
            says="At least one target fails its health checks.",
            why="The group will replace it; if it stays or comes back, something makes instances "
            "ill.",
            metrics=(
                AlarmMetric(
                    namespace=ELB,
                    name="UnHealthyHostCount",
                    statistic="Maximum",
                    subject=Subject.TARGET_GROUP,
                ),
            ),
            comparison=Comparison.AT_LEAST,
            threshold=1,
            unit="targets",
            threshold_reason="Ours: one is worth a look in working hours; five minutes are longer "
            "than a new target takes to pass its first check.",
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=5,
            missing=MissingData.NOT_BREACHING,
            missing_reason="No target registered is the other alarm's business.",
            section=Section.CAPACITY,
        ),
    ]


def group_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on what the group has of what it wants, and may have."""

    def group_metric(name: str, metric_id: str) -> AlarmMetric:
        return AlarmMetric(
            namespace=ASG, name=name, statistic="Average", subject=Subject.GROUP, id=metric_id
        )

    rows = [
        AlarmRow(
            symptom="missing-capacity",
            severity=AlertSeverity.PAGE,
            says="For ten minutes the group has had fewer instances in service than it wants.",
            why="Launches fail or instances do not get healthy, so scaling out does not help.",
            metrics=(
                group_metric("GroupDesiredCapacity", "desired"),
                group_metric("GroupInServiceCapacity", "in_service"),
            ),
            expression="desired - in_service",
            comparison=Comparison.ABOVE,
            threshold=0,
            unit="units of capacity",
            threshold_reason=f"{AWS_RECOMMENDS}: GroupInServiceCapacity below the capacity that "
            "is needed (often the desired one), 10 of 10 minutes.",
            period_seconds=60,
            evaluation_periods=10,
            datapoints_to_alarm=10,
            missing=MissingData.BREACHING,
            missing_reason=f"{AWS_RECOMMENDS}; a group whose metrics stop for ten minutes is "
            "not seen by anybody.",
            kind=Kind.SATURATION,
            section=Section.CAPACITY,
        )
    ]
    if settings["min_size"] < settings["max_size"]:
        # A group of fixed size is always at its maximum: there the alarm would say nothing.
        rows.append(
            AlarmRow(
                symptom="at-maximum-size",
                severity=AlertSeverity.PAGE,
                says="The group wants as many instances as it may have.",
                why="It cannot grow any more, whatever comes.",
                metrics=(
                    group_metric("GroupDesiredCapacity", "desired"),
                    group_metric("GroupMaxSize", "maximum"),
                ),
                expression="100 * desired / maximum",
                comparison=Comparison.AT_LEAST,
                threshold=100,
                unit="%",
                threshold_reason="Ours: the wish, not the instances in service, since it arrives "
                "first; the maximum is read from the group, so that raising it by hand ends the "
                "alarm.",
                period_seconds=60,
                evaluation_periods=3,
                datapoints_to_alarm=3,
                missing=MissingData.NOT_BREACHING,
                missing_reason="Group metrics are sent on a best-effort basis: a gap is no "
                "evidence.",
                kind=Kind.SATURATION,
                section=Section.CAPACITY,
            )
        )
    return rows
