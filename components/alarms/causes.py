"""Alarms on causes: processors, volumes, certificate, NAT, load balancer; and on the alerts."""

from dataclasses import replace
from typing import Final

from surgeproof.components.alarms.rows import (
    AWS_RECOMMENDS,
    ELB,
    SELDOM_REPORTED,
    AlarmMetric,
    AlarmRow,
    AlertSeverity,
    Comparison,
    MissingData,
    Section,
    Subject,
)
from surgeproof.components.alarms.settings import AlarmsArgs


def instance_rows() -> list[AlarmRow]:
    """Return the rows on processors and status checks of the instances."""
    return [
        AlarmRow(
            symptom="high-cpu",
            severity=AlertSeverity.TICKET,
            says="Instances use more than 80 % of their processors for a quarter of an hour.",
            why="Scaling out should have brought it down: the target, the maximum size or the code "
            "wants a look.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/EC2",
                    name="CPUUtilization",
                    statistic="Average",
                    subject=Subject.GROUP,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=80,
            unit="%",
            threshold_reason=f"{AWS_RECOMMENDS}: above 80 %, 3 of 3 periods of 300 s.",
            period_seconds=300,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            missing=MissingData.MISSING,
            missing_reason=f"{AWS_RECOMMENDS}.",
        ),
        AlarmRow(
            symptom="failed-status-checks",
            severity=AlertSeverity.TICKET,
            says="An instance fails EC2's status checks.",
            why="The group replaces it by itself; when it goes on, it is the image or the zone.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/EC2",
                    name="StatusCheckFailed",
                    statistic="Maximum",
                    subject=Subject.GROUP,
                ),
            ),
            comparison=Comparison.AT_LEAST,
            threshold=1,
            unit="checks",
            threshold_reason=f"{AWS_RECOMMENDS}: at least 1, 2 of 2 periods of 300 s.",
            period_seconds=300,
            evaluation_periods=2,
            datapoints_to_alarm=2,
            missing=MissingData.MISSING,
            missing_reason=f"{AWS_RECOMMENDS}.",
        ),
    ]


NAT_PORTS: Final = "nat-port-exhaustion"


def surrounding_rows(settings: AlarmsArgs) -> list[AlarmRow]:
    """Return the rows on what stands around the instances: volumes, certificate, NAT, balancer."""
    reserved = settings.get("capacity_units")
    rows = [
        AlarmRow(
            symptom="stalled-volumes",
            severity=AlertSeverity.TICKET,
            says="An instance cannot read or write an attached volume.",
            why="It looks alive and answers nothing that needs its disk; health checks may pass.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/EC2",
                    name="StatusCheckFailed_AttachedEBS",
                    statistic="Maximum",
                    subject=Subject.GROUP,
                ),
            ),
            comparison=Comparison.AT_LEAST,
            threshold=1,
            unit="checks",
            threshold_reason=f"{AWS_RECOMMENDS}: at least 1, 10 of 10 minutes. Its twin on "
            "volumes, VolumeStalledIOCheck, has the volume's id as its only dimension, and the "
            "volumes of a group come and go with its instances.",
            period_seconds=60,
            evaluation_periods=10,
            datapoints_to_alarm=10,
            missing=MissingData.MISSING,
            missing_reason=f"{AWS_RECOMMENDS}.",
        ),
        AlarmRow(
            symptom="load-balancer-capacity",
            severity=AlertSeverity.TICKET,
            says=(
                "The load balancer uses more than 100 capacity units."
                if reserved is None
                else f"The load balancer uses more than 80 % of the {reserved} capacity units "
                "that are reserved."
            ),
            why="It needs minutes to grow, in which it refuses or delays; a reservation takes up "
            "to hours to be granted, so it comes before the next surge or not at all.",
            metrics=(
                AlarmMetric(
                    namespace=ELB,
                    name="PeakLCUs",
                    statistic="Maximum",
                    subject=Subject.LOAD_BALANCER,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=100 if reserved is None else 0.8 * reserved,
            unit="capacity units",
            threshold_reason=(
                "Ours (AWS publishes none): 100 is the smallest reservation."
                if reserved is None
                else "Ours (AWS publishes none): four fifths leave time to ask for more."
            ),
            period_seconds=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing=MissingData.NOT_BREACHING,
            missing_reason=SELDOM_REPORTED,
        ),
    ]
    if "certificate_arn" in settings:
        rows.append(
            AlarmRow(
                symptom="certificate-expiry",
                severity=AlertSeverity.TICKET,
                says="The certificate ends within 44 days.",
                why="ACM renews 60 days ahead; that it did not says that it cannot, and then all "
                "users are locked out on one day.",
                metrics=(
                    AlarmMetric(
                        namespace="AWS/CertificateManager",
                        name="DaysToExpiry",
                        statistic="Minimum",
                        subject=Subject.CERTIFICATE,
                    ),
                ),
                comparison=Comparison.AT_MOST,
                threshold=44,
                unit="days",
                threshold_reason=f"{AWS_RECOMMENDS}: at most 44 days, 1 of 1 day.",
                period_seconds=86400,
                evaluation_periods=1,
                datapoints_to_alarm=1,
                missing=MissingData.BREACHING,
                missing_reason=f"{AWS_RECOMMENDS}; a certificate that ended reports nothing.",
            )
        )
    rows += [
        AlarmRow(
            symptom=NAT_PORTS,
            variant=f"gateway-{number}",
            severity=AlertSeverity.TICKET,
            says="A NAT gateway has no port left for a connection to the internet.",
            why="Instances cannot reach what they call or install; launches may hang.",
            metrics=(
                AlarmMetric(
                    namespace="AWS/NATGateway",
                    name="ErrorPortAllocation",
                    statistic="Sum",
                    subject=Subject.NAT_GATEWAY,
                ),
            ),
            comparison=Comparison.ABOVE,
            threshold=0,
            unit="connections",
            threshold_reason=f"{AWS_RECOMMENDS}: above 0, 15 of 15 minutes.",
            period_seconds=60,
            evaluation_periods=15,
            datapoints_to_alarm=15,
            missing=MissingData.MISSING,
            missing_reason=f"{AWS_RECOMMENDS}.",
        )
        for number in range(1, len(settings.get("nat_gateway_ids", [])) + 1)
    ]
    return rows


def delivery_rows() -> list[AlarmRow]:
    """Return the rows on the topics; each is told through the other topic, which still works."""
    page = AlarmRow(
        symptom="undelivered-alerts",
        variant="pages",
        severity=AlertSeverity.PAGE,
        says="A page could not be delivered.",
        why="The next one may not reach anybody either.",
        metrics=(
            AlarmMetric(
                namespace="AWS/SNS",
                name="NumberOfNotificationsFailed",
                statistic="Sum",
                subject=Subject.PAGE_TOPIC,
            ),
        ),
        comparison=Comparison.ABOVE,
        threshold=0,
        unit="notifications",
        threshold_reason=f"{AWS_RECOMMENDS} watches 5 minutes for failures in each; alerts are so "
        "rare that here one failure in them is enough.",
        period_seconds=60,
        evaluation_periods=5,
        datapoints_to_alarm=1,
        missing=MissingData.NOT_BREACHING,
        missing_reason=f"{AWS_RECOMMENDS}; an idle topic reports nothing.",
        told_by=AlertSeverity.TICKET,
        section=Section.ALERTS,
    )
    ticket = replace(
        page,
        variant="tickets",
        severity=AlertSeverity.TICKET,
        says="A ticket could not be delivered.",
        metrics=(replace(page.metrics[0], subject=Subject.TICKET_TOPIC),),
        told_by=AlertSeverity.PAGE,
    )
    escalation = replace(
        page,
        variant="escalations",
        says="An escalation could not be delivered.",
        metrics=(replace(page.metrics[0], subject=Subject.ESCALATION_TOPIC),),
        told_by=AlertSeverity.PAGE,
    )
    return [page, ticket, escalation]
