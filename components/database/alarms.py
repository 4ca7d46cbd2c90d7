"""Alarms on the database: its limits, its load, its storage, slow statements, replicas."""

from dataclasses import replace
from typing import Final

from surgeproof.components.alarms.rows import (
    AWS_RECOMMENDS,
    AlarmMetric,
    AlarmRow,
    AlertSeverity,
    Comparison,
    MissingData,
    Subject,
)
from surgeproof.components.database.classes import GIB, database_class
from surgeproof.components.database.settings import DatabaseArgs, settings_of

_RDS = "AWS/RDS"


def _row(
    *,
    symptom: str,
    severity: AlertSeverity,
    says: str,
    why: str,
    metric: str,
    statistic: str,
    comparison: Comparison,
    threshold: float,
    unit: str,
    threshold_reason: str,
    minutes: int,
    missing: MissingData,
    variant: str = "",
    missing_reason: str = f"{AWS_RECOMMENDS}.",
    subject: Subject = Subject.DATABASE,
) -> AlarmRow:
    """Return a row on one metric of RDS that has to hold for a number of minutes."""
    return AlarmRow(
        symptom=symptom,
        variant=variant,
        severity=severity,
        says=says,
        why=why,
        metrics=(AlarmMetric(namespace=_RDS, name=metric, statistic=statistic, subject=subject),),
        comparison=comparison,
        threshold=threshold,
        unit=unit,
        threshold_reason=threshold_reason,
        period_seconds=60,
        evaluation_periods=minutes,
        datapoints_to_alarm=minutes,
        missing=missing,
        missing_reason=missing_reason,
    )


_SILENT_DATABASE = f"{AWS_RECOMMENDS}; a database that reports nothing is not known to work."


def database_alarm_rows(settings: DatabaseArgs) -> tuple[AlarmRow, ...]:
    """Return the alarms on the database itself, as `surgeproof.components.alarms` has its own.

    A page is for what refuses work within minutes; what makes users wait pages by the alarms on
    response times, and has a ticket here that says where to look.
    """
    return (
        *_limits(settings),
        *_load(settings),
        *_storage(settings),
        slow_queries_row(
            per_minute=settings["slow_queries_per_minute"],
            milliseconds=settings["slow_query_milliseconds"],
            namespace=_LOG_NAMESPACE,
        ),
    )


def _limits(settings: DatabaseArgs) -> list[AlarmRow]:
    most = settings["max_connections"]
    size = settings["allocated_storage_gib"]
    return [
        _row(
            symptom="database-connections",
            severity=AlertSeverity.PAGE,
            says=f"More than 90 % of the database's {most} connections are in use.",
            why="The next instances get none, so scaling out makes it worse.",
            metric="DatabaseConnections",
            statistic="Average",
            comparison=Comparison.ABOVE,
            threshold=int(0.9 * most),
            unit="connections",
            threshold_reason=f"{AWS_RECOMMENDS}: above 90 to 95 % of the most.",
            minutes=5,
            missing=MissingData.BREACHING,
            missing_reason=_SILENT_DATABASE,
        ),
        _row(
            symptom="database-storage",
            severity=AlertSeverity.PAGE,
            says=f"Less than 10 % of the database's {size} GiB are free.",
            why="A full database stops, and growing by itself takes minutes and then waits hours.",
            metric="FreeStorageSpace",
            statistic="Minimum",
            comparison=Comparison.BELOW,
            threshold=round(0.1 * size * GIB),
            unit="bytes",
            threshold_reason=f"{AWS_RECOMMENDS}: below 10 % of what is allocated, here of what "
            "it was at first.",
            minutes=5,
            missing=MissingData.BREACHING,
            missing_reason=_SILENT_DATABASE,
        ),
        _row(
            symptom="transaction-ids",
            severity=AlertSeverity.TICKET,
            says="The oldest transaction is a billion transactions old.",
            why="At two billion the database refuses to write, until it is vacuumed by hand.",
            metric="MaximumUsedTransactionIDs",
            statistic="Average",
            comparison=Comparison.ABOVE,
            threshold=1e9,
            unit="transactions",
            threshold_reason=f"{AWS_RECOMMENDS}: above a billion; the way to two takes days.",
            minutes=1,
            missing=MissingData.MISSING,
        ),
    ]


def _load(settings: DatabaseArgs) -> list[AlarmRow]:
    rows = [
        _row(
            symptom="database-cpu",
            severity=AlertSeverity.TICKET,
            says="The database uses more than 90 % of its processors.",
            why="It is the limit that all instances share: more of them do not help.",
            metric="CPUUtilization",
            statistic="Average",
            comparison=Comparison.ABOVE,
            threshold=90,
            unit="%",
            threshold_reason=f"{AWS_RECOMMENDS}: above 90 %, 5 of 5 minutes.",
            minutes=5,
            missing=MissingData.BREACHING,
            missing_reason=_SILENT_DATABASE,
        )
    ]
    known = database_class(settings["instance_class"])
    if known is None:
        return rows
    return [
        *rows,
        _row(
            symptom="database-load",
            severity=AlertSeverity.TICKET,
            says=f"More than {known.vcpus} sessions have been active at once for a quarter of an "
            "hour.",
            why="There are fewer processors than that: sessions wait for one, or for each other.",
            metric="DBLoad",
            statistic="Average",
            comparison=Comparison.ABOVE,
            threshold=known.vcpus,
            unit="active sessions",
            threshold_reason=f"{AWS_RECOMMENDS}: above the number of vCPU, 15 of 15 minutes.",
            minutes=15,
            missing=MissingData.MISSING,
        ),
        _row(
            symptom="database-memory",
            severity=AlertSeverity.TICKET,
            says=f"Less than 25 % of the database's {known.memory_gib:g} GiB of memory are free.",
            why="Connections and sorts compete with the cache, and reads go to the disk.",
            metric="FreeableMemory",
            statistic="Average",
            comparison=Comparison.BELOW,
            threshold=round(0.25 * known.memory_gib * GIB),
            unit="bytes",
            threshold_reason=f"{AWS_RECOMMENDS}: below 25 % of the memory.",
            minutes=15,
            missing=MissingData.BREACHING,
            missing_reason=_SILENT_DATABASE,
        ),
    ]


def _storage(settings: DatabaseArgs) -> list[AlarmRow]:
    milliseconds = settings["storage_latency_milliseconds"]
    read = _row(
        symptom="database-latency",
        variant="read",
        severity=AlertSeverity.TICKET,
        says=f"One read in ten takes more than {milliseconds:g} ms.",
        why="Every statement that needs the disk is slower by that.",
        metric="ReadLatency",
        statistic="p90",
        comparison=Comparison.ABOVE,
        threshold=milliseconds / 1000,
        unit="s",
        threshold_reason=f"{AWS_RECOMMENDS}: above 20 ms at p90, to be tuned.",
        minutes=5,
        missing=MissingData.MISSING,
    )
    written = replace(
        read,
        variant="write",
        says=f"One write in ten takes more than {milliseconds:g} ms.",
        why="Every transaction waits for its last write.",
        metrics=(replace(read.metrics[0], name="WriteLatency"),),
    )
    bytes_left = _row(
        symptom="database-burst-balance",
        variant="bytes",
        severity=AlertSeverity.TICKET,
        says="Less than 10 % of the burst of throughput to the storage is left.",
        why="Without it the database falls to its baseline, all at once.",
        metric="EBSByteBalance%",
        statistic="Average",
        comparison=Comparison.BELOW,
        threshold=10,
        unit="%",
        threshold_reason=f"{AWS_RECOMMENDS}: below 10 %, 3 of 3 minutes.",
        minutes=3,
        missing=MissingData.MISSING,
        missing_reason=f"{AWS_RECOMMENDS}; larger classes do not burst and report nothing.",
    )
    operations_left = replace(
        bytes_left,
        variant="io",
        says="Less than 10 % of the burst of operations on the storage is left.",
        metrics=(replace(bytes_left.metrics[0], name="EBSIOBalance%"),),
    )
    return [read, written, bytes_left, operations_left]


_LOG_NAMESPACE: Final = "Database"

LOG_METRIC: Final = "SlowQueries"


def slow_queries_row(*, per_minute: int, milliseconds: int, namespace: str) -> AlarmRow:
    """Return the alarm on what the metric filter counts in the log."""
    return AlarmRow(
        symptom="slow-queries",
        severity=AlertSeverity.TICKET,
        says=f"More than {per_minute} statements a minute take longer than {milliseconds} ms.",
        why="A plan has changed, an index is missing, or statements wait for each other.",
        metrics=(
            AlarmMetric(
                namespace=namespace,
                name=LOG_METRIC,
                statistic="Sum",
                subject=Subject.DATABASE_LOG,
            ),
        ),
        comparison=Comparison.ABOVE,
        threshold=per_minute,
        unit="statements per minute",
        threshold_reason="Ours: database.slowQueriesPerMinute; a handful is a report or a backup.",
        period_seconds=60,
        evaluation_periods=5,
        datapoints_to_alarm=3,
        missing=MissingData.NOT_BREACHING,
        missing_reason="It is counted from log lines: no line, nothing slow.",
    )


def replica_alarm_row(index: int, *, lag_seconds: int) -> AlarmRow:
    """Return the alarm on the lag of one replica; the first has index 1."""
    return _row(
        symptom="replica-lag",
        variant=str(index),
        severity=AlertSeverity.TICKET,
        says=f"Read replica {index} is more than {lag_seconds} s behind.",
        why="Whoever reads from it sees what is no longer true.",
        metric="ReplicaLag",
        statistic="Maximum",
        comparison=Comparison.ABOVE,
        threshold=lag_seconds,
        unit="s",
        threshold_reason=f"{AWS_RECOMMENDS}: above 60 s, 10 of 10 minutes.",
        minutes=10,
        missing=MissingData.BREACHING,
        missing_reason=f"{AWS_RECOMMENDS}; a replica that reports nothing has lost its source.",
        subject=Subject.REPLICA,
    )


def reference_rows() -> tuple[AlarmRow, ...]:
    """Return all rows at the default settings, for the reference."""
    settings = settings_of(
        {"vpc_id": "v", "subnet_ids": ["a", "b"], "page_topic_arn": "p", "ticket_topic_arn": "t"}
    )
    return (*database_alarm_rows(settings), replica_alarm_row(1, lag_seconds=60))
