"""The database that all instances share: RDS for PostgreSQL, with its limits made known."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.rows import (
    AlarmMetric,
    AlarmRow,
    AlertSeverity,
    Comparison,
    MissingData,
    Section,
    Subject,
    metric_alarm,
    watched,
)
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import (
    ACCOUNT_ARN,
    LOG_RETENTION,
    RUNBOOK_BASE_URL,
    TAGS,
    ZONES,
    aws_text,
    aws_whole,
)
from surgeproof.settings.aws_limits import DATABASE, windows_conflict
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import number, one_of, switch, text, whole

PORT: Final = 5432

ALLOCATED_GIB_MAX: Final = 59_578
"""Largest first storage (GiB): it has to be able to grow by 10 % (rds CreateDBInstance,
MaxAllocatedStorage), and AWS's limit is 65536."""

MONITORING_SECONDS: Final = (1, 5, 10, 15, 30, 60)
"""Intervals of Enhanced Monitoring (rds CreateDBInstance); 0 would turn it off."""

REPLICAS_MAX: Final = 5
"""Read replicas of one database here; AWS allows 15."""

PROXY_CONNECTIONS_PERCENT: Final = 80
"""Share of the database's connections that the proxy may use: what is left over is for people and
for AWS's own, and keeps the alarm on connections (90 %) for what goes past the proxy."""

_SECONDS_FOR_A_CONNECTION: Final = 10
"""How long the proxy lets a request wait for a connection (seconds). AWS's default, 120, is longer
than users and the load balancer wait."""

_GIB: Final = 2**30

_GIB_PER_VCPU: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        [
            "m4",
            "m5",
            "m5d",
            "m6g",
            "m6gd",
            "m6i",
            "m6id",
            "m6idn",
            "m6in",
            "m7g",
            "m7i",
            "m8g",
            "m8gd",
        ],
        4,
    ),
    **dict.fromkeys(
        [
            "r5",
            "r5b",
            "r5d",
            "r6g",
            "r6gd",
            "r6i",
            "r6id",
            "r6idn",
            "r6in",
            "r7g",
            "r7i",
            "r8g",
            "r8gd",
        ],
        8,
    ),
    "x2g": 16,
    "x2idn": 16,
    "x2iedn": 32,
}
"""Memory of a vCPU by family of database class
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html)."""

_BURSTABLE: Final[Mapping[str, tuple[int, float]]] = {
    "micro": (2, 1),
    "small": (2, 2),
    "medium": (2, 4),
    "large": (2, 8),
    "xlarge": (4, 16),
    "2xlarge": (8, 32),
}
"""vCPU and GiB of db.t3 and db.t4g by size (same page)."""

_CLASS: Final = re.compile(r"db\.(?P<family>[a-z0-9]+)\.(?P<size>[a-z0-9]+)")
_SIZE: Final = re.compile(r"(?P<times>\d*)xlarge")
VERSION_RULE: Final = "be a version of PostgreSQL, such as 17 or 17.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseClass:
    """What a class of database has."""

    vcpus: int
    memory_gib: float

    @property
    def max_connections(self) -> int:
        """AWS's default of PostgreSQL's `max_connections`.

        It is LEAST(DBInstanceClassMemory/9531392, 5000), with bytes
        (https://docs.aws.amazon.com/prescriptive-guidance/latest/tuning-postgresql-parameters/max-connections.html).
        DBInstanceClassMemory is a little less than the class's memory, by an amount that AWS does
        not state; so the number is set, and not left to the formula.
        """
        return min(int(self.memory_gib * _GIB / 9_531_392), 5000)


def database_class(name: str) -> DatabaseClass | None:
    """Return what a class such as db.m7g.large has, or None for a family that is not known here."""
    match = _CLASS.fullmatch(name)
    if match is None:
        return None
    family, size = match["family"], match["size"]
    if family in ("t3", "t4g"):
        known = _BURSTABLE.get(size)
        return DatabaseClass(vcpus=known[0], memory_gib=known[1]) if known else None
    times = _SIZE.fullmatch(size)
    if family not in _GIB_PER_VCPU or (size != "large" and times is None):
        return None
    vcpus = 2 if times is None else 4 * int(times["times"] or 1)
    return DatabaseClass(vcpus=vcpus, memory_gib=vcpus * _GIB_PER_VCPU[family])


class DatabaseArgs(TypedDict):
    """A PostgreSQL database that all instances share."""

    vpc_id: Input[str]
    """Id of the VPC."""
    subnet_ids: Annotated[Input[Sequence[Input[str]]], ZONES]
    """Ids of private subnets, in at least two Availability Zones."""
    page_topic_arn: Input[str]
    """Topic for alarms that somebody has to look at now."""
    ticket_topic_arn: Input[str]
    """Topic for alarms that can wait for working hours."""
    instance_class: NotRequired[
        Annotated[str, aws_text("class", DATABASE, "instanceClass", default="db.m7g.large")]
    ]
    """Class of the database."""
    engine_version: NotRequired[
        Annotated[
            str,
            text(
                "version, 13 or newer; in quotes",
                VERSION_RULE,
                pattern="1[3-9](\\.\\d{1,2})?",
                default="17",
            ),
        ]
    ]
    """Version of PostgreSQL: the major one, whose newest minor one AWS takes, or both."""
    database_name: NotRequired[
        Annotated[str, aws_text("text, 1 to 63 characters", DATABASE, "dbName", default="app")]
    ]
    """Name of the database that is made."""
    username: NotRequired[
        Annotated[
            str, aws_text("text, 1 to 16 characters", DATABASE, "username", default="service_owner")
        ]
    ]
    """Name of the master user."""
    password: NotRequired[
        Annotated[
            Input[str],
            aws_text(
                "text, 8 to 128 characters",
                DATABASE,
                "password",
                default=None,
                behaviour="RDS makes one and rotates it every 7 days",
                hidden=True,
            ),
        ]
    ]
    """Password of the master user, for read replicas; as a secret: `pulumi config set --secret
    --path database.password`."""
    allocated_storage_gib: NotRequired[
        Annotated[int, whole("GiB", 20, ALLOCATED_GIB_MAX, default=100)]
    ]
    """Storage at first. It can grow, by 10 % at least, to AWS's limit of 65536."""
    max_allocated_storage_gib: NotRequired[
        Annotated[
            int,
            aws_whole(
                "GiB",
                DATABASE,
                "maxAllocatedStorage",
                default=None,
                behaviour="twice allocatedStorageGib",
            ),
        ]
    ]
    """Storage that it may grow to by itself; at least 10 % above allocatedStorageGib."""
    multi_az: NotRequired[Annotated[bool, switch(default=True)]]
    """Keep a standby in another Availability Zone."""
    max_connections: NotRequired[
        Annotated[
            int,
            whole(
                "connections",
                6,
                262143,
                default=None,
                behaviour="AWS's for the class: its memory in bytes / 9531392, at most 5000",
            ),
        ]
    ]
    """Connections that it accepts. Together with maxSize, service.connectionsPerInstance has to
    fit, unless there is a proxy. A change waits for a restart."""
    replica_count: NotRequired[Annotated[int, whole("replicas", 0, REPLICAS_MAX, default=0)]]
    """Read replicas; they need `password`, since AWS makes none of a database whose password it
    manages."""
    proxy: NotRequired[Annotated[bool, switch(default=False)]]
    """Share connections between instances by an RDS Proxy."""
    deletion_protection: NotRequired[Annotated[bool, switch(default=True)]]
    """Refuse to delete the database, with `pulumi destroy` too."""
    skip_final_snapshot: NotRequired[Annotated[bool, switch(default=False)]]
    """Delete the database without a last snapshot, and its backups with it."""
    apply_immediately: NotRequired[Annotated[bool, switch(default=False)]]
    """Make changes at once, some with a restart, rather than in the next maintenance window."""
    backup_retention_days: NotRequired[Annotated[int, whole("days", 1, 35, default=14)]]
    """Time that backups are kept."""
    backup_window: NotRequired[
        Annotated[
            str,
            aws_text(
                "hh:mm-hh:mm, UTC, at least 30 minutes",
                DATABASE,
                "backupWindow",
                default="01:00-02:00",
            ),
        ]
    ]
    """When backups are taken."""
    maintenance_window: NotRequired[
        Annotated[
            str,
            aws_text(
                "ddd:hh:mm-ddd:hh:mm, UTC, at least 30 minutes",
                DATABASE,
                "maintenanceWindow",
                default="sun:02:30-sun:03:30",
            ),
        ]
    ]
    """When AWS may work on it; not during backupWindow."""
    kms_key_arn: NotRequired[
        Annotated[
            Input[str],
            text(
                "ARN",
                "be the ARN of a KMS key",
                pattern=ACCOUNT_ARN.format(service="kms", rest="key/[A-Za-z0-9-]+"),
                default=None,
                behaviour="AWS's own key for RDS",
            ),
        ]
    ]
    """Key that encrypts the storage; a change replaces the database."""
    monitoring_interval_seconds: NotRequired[
        Annotated[int, one_of("seconds", *MONITORING_SECONDS, default=60)]
    ]
    """Time between two points of the operating system's metrics."""
    performance_insights_retention_days: NotRequired[
        Annotated[int, aws_whole("days", DATABASE, "performanceInsightsRetentionPeriod", default=7)]
    ]
    """Time that Performance Insights keeps the database's load; only 7 days cost nothing."""
    slow_query_milliseconds: NotRequired[
        Annotated[int, whole("milliseconds", 1, 3600000, default=1000)]
    ]
    """Time from which a statement is logged with its plan."""
    slow_queries_per_minute: NotRequired[
        Annotated[int, whole("statements per minute", 0, 1000000, default=10)]
    ]
    """Slow statements above which there is a ticket."""
    storage_latency_milliseconds: NotRequired[
        Annotated[float, number("milliseconds", 0.1, 10000, default=20)]
    ]
    """Time of a read or write, of one in ten, from which there is a ticket."""
    replica_lag_seconds: NotRequired[Annotated[int, whole("seconds", 1, 86400, default=60)]]
    """Lag of a replica from which there is a ticket."""
    log_retention_days: NotRequired[Annotated[int, LOG_RETENTION]]
    """Time that its logs are kept."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of all that is created."""


def _growth(values: Values) -> Iterator[Problem]:
    size, most = values["allocated_storage_gib"], values["max_allocated_storage_gib"]
    if most is not None and most < 1.1 * size:
        must = f"be at least 10 % above {{allocated_storage_gib={size}}}"
        yield Problem(("max_allocated_storage_gib",), must, most)


def _replicas(values: Values) -> Iterator[Problem]:
    count = values["replica_count"]
    if count and "password" not in values.given:
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
        must = (
            "be 0 unless {password} is given, since AWS makes no replica of a database whose "
            "password it manages"
        )
        yield Problem(("replica_count",), must, count)


def _windows(values: Values) -> Iterator[Problem]:
    backup, maintenance = values["backup_window"], values["maintenance_window"]
    if windows_conflict(backup, maintenance):
        yield Problem(("maintenance_window",), f"not meet {{backup_window={backup}}}", maintenance)


def _known_limit(values: Values) -> Iterator[Problem]:
    name = values["instance_class"]
    if "max_connections" not in values.given and database_class(name) is None:
        must = f"be given, since the memory of {{instance_class={name}}} is not known"
        yield Problem(("max_connections",), must, None)


DATABASE_PLAN: Final = Definition(
    "Database", DatabaseArgs, relations=(_growth, _replicas, _windows)
)
"""What holds for a database that is not made, too."""

DATABASE_ARGS: Final = Definition(
    "Database", DatabaseArgs, relations=(*DATABASE_PLAN.relations, _known_limit)
)


def settings_of(args: DatabaseArgs) -> DatabaseArgs:
    """Check `args` and fill in the defaults, those that follow from others, too."""
    settings = DATABASE_ARGS.check(args)
    settings.setdefault(
        "max_allocated_storage_gib", min(2 * settings["allocated_storage_gib"], 65_536)
    )
    known = database_class(settings["instance_class"])
    if known is not None:
        settings.setdefault("max_connections", known.max_connections)
    return settings


# Alarms.

_RDS = "AWS/RDS"
_AWS_RECOMMENDS = "AWS's recommended alarm"


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
    missing_reason: str = f"{_AWS_RECOMMENDS}.",
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


_SILENT_DATABASE = f"{_AWS_RECOMMENDS}; a database that reports nothing is not known to work."


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
            threshold_reason=f"{_AWS_RECOMMENDS}: above 90 to 95 % of the most.",
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
            threshold=round(0.1 * size * _GIB),
            unit="bytes",
            threshold_reason=f"{_AWS_RECOMMENDS}: below 10 % of what is allocated, here of what "
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
            threshold_reason=f"{_AWS_RECOMMENDS}: above a billion; the way to two takes days.",
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
            threshold_reason=f"{_AWS_RECOMMENDS}: above 90 %, 5 of 5 minutes.",
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
            threshold_reason=f"{_AWS_RECOMMENDS}: above the number of vCPU, 15 of 15 minutes.",
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
            threshold=round(0.25 * known.memory_gib * _GIB),
            unit="bytes",
            threshold_reason=f"{_AWS_RECOMMENDS}: below 25 % of the memory.",
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
        threshold_reason=f"{_AWS_RECOMMENDS}: above 20 ms at p90, to be tuned.",
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
        threshold_reason=f"{_AWS_RECOMMENDS}: below 10 %, 3 of 3 minutes.",
        minutes=3,
        missing=MissingData.MISSING,
        missing_reason=f"{_AWS_RECOMMENDS}; larger classes do not burst and report nothing.",
    )
    operations_left = replace(
        bytes_left,
        variant="io",
        says="Less than 10 % of the burst of operations on the storage is left.",
        metrics=(replace(bytes_left.metrics[0], name="EBSIOBalance%"),),
    )
    return [read, written, bytes_left, operations_left]


_LOG_NAMESPACE: Final = "Database"
_LOG_METRIC: Final = "SlowQueries"


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
                name=_LOG_METRIC,
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
        threshold_reason=f"{_AWS_RECOMMENDS}: above 60 s, 10 of 10 minutes.",
        minutes=10,
        missing=MissingData.BREACHING,
        missing_reason=f"{_AWS_RECOMMENDS}; a replica that reports nothing has lost its source.",
        subject=Subject.REPLICA,
    )


def reference_rows() -> tuple[AlarmRow, ...]:
    """Return all rows at the default settings, for the reference."""
    settings = settings_of(
        {"vpc_id": "v", "subnet_ids": ["a", "b"], "page_topic_arn": "p", "ticket_topic_arn": "t"}
    )
    return (*database_alarm_rows(settings), replica_alarm_row(1, lag_seconds=60))


# What is kept of the log.

_SLOW: Final = '"LOG:" "duration:" -"plan:"'
"""A line of log_min_duration_statement, and not the plan that auto_explain adds to it."""

_QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "slow-queries": (
        "fields @timestamp, @message",
        "parse @message /duration: (?<milliseconds>[0-9.]+) ms/",
        "filter ispresent(milliseconds) and @message not like /plan:/",
        "sort milliseconds desc",
        "limit 50",
    ),
    "plans": (
        "fields @timestamp, @message",
        "filter @message like /duration: [0-9.]+ ms +plan:/",
        "sort @timestamp desc",
        "limit 20",
    ),
    "lock-waits": (
        "fields @timestamp, @message",
        "filter @message like /still waiting for|acquired [A-Za-z]+Lock|deadlock detected/",
        "sort @timestamp desc",
        "limit 50",
    ),
    "refused-connections": (
        (
            "filter @message like /remaining connection slots|too many clients|"
            "authentication failed|no pg_hba.conf entry/"
        ),
        "stats count(*) as refused by bin(1m)",
    ),
    "errors": (
        "filter @message like /(ERROR|FATAL|PANIC):/",
        "parse @message /(?<level>ERROR|FATAL|PANIC): +(?<text>.*)/",
        "stats count(*) as times by level, text",
        "sort times desc",
        "limit 50",
    ),
}
"""Saved queries over the database's log, by what they show."""


def _parameters(settings: DatabaseArgs) -> list[dict[str, str]]:
    """Return PostgreSQL's parameters; what is read at its start waits for the next one."""
    at_once = {
        "rds.force_ssl": "1",
        "log_min_duration_statement": str(settings["slow_query_milliseconds"]),
        "log_lock_waits": "1",
        "auto_explain.log_min_duration": str(settings["slow_query_milliseconds"]),
        # Timing each node of each plan costs more than it tells.
        "auto_explain.log_analyze": "0",
        "auto_explain.log_nested_statements": "1",
        "pg_stat_statements.track": "all",
    }
    at_start = {
        "max_connections": str(settings["max_connections"]),
        "shared_preload_libraries": "pg_stat_statements,auto_explain",
    }
    return [
        {"name": name, "value": value, "apply_method": method}
        for method, values in (("immediate", at_once), ("pending-reboot", at_start))
        for name, value in values.items()
    ]


class Database(pulumi.ComponentResource):
    """An encrypted PostgreSQL on RDS, with its alarms, its slow statements and its limits.

    Creates the database with a standby in another zone, its subnet group, parameter group, log
    groups and security groups, the role of its enhanced monitoring, a metric filter that counts
    slow statements, saved queries over its log, and alarms; with `replica_count` read replicas, and
    with `proxy` an RDS Proxy. It takes connections by TLS only, from those who carry the security
    group of its clients and from nobody else, and logs every slow statement with its plan.

    `max_connections` is always set, so that everybody who has to know it reads the same number:
    with db.m7g.large, 8 x 2**30 / 9531392 = 901 connections. A change of it waits for a restart.

    Leaves to the caller what its clients are: they get `client_security_group_id`, and the right to
    read `secret_arn`. That is the master user's: an application had better have a user of its own,
    with less rights. RDS changes the password every 7 days, so it must be read for each new
    connection, and not once at the start.
    """

    identifier: Output[str]
    """Identifier of the database."""
    host: Output[str]
    """Where clients connect: the proxy, or the database itself."""
    reader_hosts: Output[Sequence[str]]
    """The read replicas."""
    database_name: Output[str]
    """Name of the database that was made."""
    secret_arn: Output[str]
    """ARN of the secret that holds `username` and `password` as JSON."""
    client_security_group_id: Output[str]
    """Security group whose members may connect."""
    security_group_id: Output[str]
    """Security group of the database itself."""
    log_group_name: Output[str]
    """Log group of PostgreSQL's log."""
    alarm_names: Output[Sequence[str]]
    """Names of all alarms."""
    alarm_arns: Output[Sequence[str]]
    """ARNs of all alarms."""

    def __init__(
        self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Database", name, {}, opts)
        settings = settings_of(args)
        identifier = physical_name(name, limit=63, of=(DATABASE, "identifier"))
        given = _Given(name=name, args=args, settings=settings, identifier=identifier)
        if database_class(settings["instance_class"]) is None:
            pulumi.log.warn(
                f"the memory and vCPU of {settings['instance_class']} are not known, so the alarms "
                "on the database's memory and load are left out",
                resource=self,
            )
        groups = self._security_groups(given)
        logs = self._logs(given)
        primary = self._instance(given, groups["database"], logs)
        secret_arn = self._secret_arn(given, primary)
        replicas = self._replicas(given, primary, groups["database"], logs)
        told = self._alarms(given, primary, replicas)

        self.identifier = primary.identifier
        self.host = primary.address
        if settings["proxy"]:
            self.host = self._proxy(given, primary, groups["proxy"], secret_arn)
        self.reader_hosts = Output.all(*(replica.address for replica in replicas))
        self.database_name = Output.from_input(settings["database_name"])
        self.secret_arn = secret_arn
        self.client_security_group_id = groups["clients"].id
        self.security_group_id = groups["database"].id
        self.log_group_name = logs[0].name
        self.watched = [
            replace(watched(name, row, alarm), section=Section.DATABASE) for row, alarm in told
        ]
        """The alarms, for the dashboard and whatever is made of alarms."""
        alarms = [alarm for _, alarm in told]
        self.alarm_names = Output.all(*(alarm.name for alarm in alarms))
        self.alarm_arns = Output.all(*(alarm.arn for alarm in alarms))
        self.register_outputs({key: getattr(self, key) for key in _OUTPUTS})

    def _security_groups(self, given: "_Given") -> dict[str, aws.ec2.SecurityGroup]:
        """Create a group for each who talks, and let each talk to the next only."""
        name, settings = given.name, given.settings
        child = pulumi.ResourceOptions(parent=self)
        roles = {
            "clients": "Those who may connect to the database",
            "database": "The database: takes connections from its clients only",
        }
        routes = []
        if settings["proxy"]:
            roles["proxy"] = "Proxy of the database: takes connections from its clients only"
            routes += [("clients", "proxy"), ("proxy", "database")]
        if not settings["proxy"] or settings["replica_count"]:
            routes.append(("clients", "database"))
        groups = {}
        for role, description in roles.items():
            group_name = physical_name(name, *_parts(role))
            groups[role] = aws.ec2.SecurityGroup(
                "-".join((name, *_parts(role))),
                name=group_name,
                description=description,
                vpc_id=given.args["vpc_id"],
                tags={"Name": group_name, **settings.get("tags", {})},
                opts=child,
            )
        for source, target in routes:
            tags = {"Name": physical_name(name, "database", source), **settings.get("tags", {})}
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-database-{source}-to-{target}",
                security_group_id=groups[source].id,
                description=f"Connections to the {target}",
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                referenced_security_group_id=groups[target].id,
                tags=tags,
                opts=child,
            )
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-database-{target}-from-{source}",
                security_group_id=groups[target].id,
                description=f"Connections from the {source}",
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                referenced_security_group_id=groups[source].id,
                tags=tags,
                opts=child,
            )
        return groups

    def _logs(self, given: "_Given") -> list[aws.cloudwatch.LogGroup]:
        """Create the log groups before RDS does, which would keep them for ever."""
        name, settings = given.name, given.settings
        child = pulumi.ResourceOptions(parent=self)
        servers = ["", *(f"-replica-{each}" for each in given.replicas)]
        groups = [
            aws.cloudwatch.LogGroup(
                f"{name}-database{server}-{kind}",
                name=f"/aws/rds/instance/{given.identifier}{server}/{kind}",
                retention_in_days=settings["log_retention_days"],
                tags=settings.get("tags", {}),
                opts=child,
            )
            for server in servers
            for kind in _LOGS
        ]
        log = groups[0]
        aws.cloudwatch.LogMetricFilter(
            f"{name}-slow-queries",
            name=physical_name(name, "slow-queries"),
            log_group_name=log.name,
            pattern=_SLOW,
            metric_transformation={
                "namespace": given.log_namespace,
                "name": _LOG_METRIC,
                "value": "1",
                "default_value": "0",
                "unit": "Count",
            },
            opts=child,
        )
        for shown, lines in _QUERIES.items():
            aws.cloudwatch.QueryDefinition(
                f"{name}-database-{shown}",
                name=f"{physical_name(name)}/database/{shown}",
                log_group_names=[log.name],
                query_string="\n| ".join(lines),
                opts=child,
            )
        return groups

    def _monitoring_role(self, given: "_Given") -> aws.iam.Role:
        name = given.name
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-database-monitoring",
            name=physical_name(name, "database-monitoring", limit=64),
            description="Lets RDS publish the operating system's metrics of the database",
            assume_role_policy=_trust("monitoring.rds.amazonaws.com"),
            tags=dict(given.settings.get("tags", {})),
            opts=child,
        )
        partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=self)).partition
        aws.iam.RolePolicyAttachment(
            f"{name}-database-monitoring",
            role=role.name,
            policy_arn=Output.concat(
                "arn:", partition, ":iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
            ),
            opts=child,
        )
        return role

    def _instance(
        self,
        given: "_Given",
        security_group: aws.ec2.SecurityGroup,
        logs: Sequence[pulumi.Resource],
    ) -> aws.rds.Instance:
        name, args, settings = given.name, given.args, given.settings
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": given.identifier, **settings.get("tags", {})}
        subnets = aws.rds.SubnetGroup(
            name,
            name=given.identifier,
            description="Where the database may be",
            subnet_ids=args["subnet_ids"],
            tags=tags,
            opts=child,
        )
        # The family is in the name, so that a new group can stand beside the old one while the
        # database moves to a new major version.
        # One family of parameter groups for each major version.
        family = f"postgres{settings['engine_version'].partition('.')[0]}"
        given.parameters = aws.rds.ParameterGroup(
            name,
            name=physical_name(name, family),
            family=family,
            description="Connections by TLS only, statistics of statements, plans of slow ones",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(**each) for each in _parameters(settings)
            ],
            tags=tags,
            opts=child,
        )
        given.monitoring = self._monitoring_role(given)
        password: dict[str, Any] = (
            {"password": Output.secret(args["password"])}
            if "password" in settings
            else {"manage_master_user_password": True}
        )
        return aws.rds.Instance(
            name,
            identifier=given.identifier,
            engine="postgres",
            engine_version=settings["engine_version"],
            db_name=settings["database_name"],
            username=settings["username"],
            port=PORT,
            multi_az=settings["multi_az"],
            db_subnet_group_name=subnets.name,
            allocated_storage=settings["allocated_storage_gib"],
            kms_key_id=args.get("kms_key_arn"),
            backup_retention_period=settings["backup_retention_days"],
            backup_window=settings["backup_window"],
            maintenance_window=settings["maintenance_window"],
            copy_tags_to_snapshot=True,
            delete_automated_backups=settings["skip_final_snapshot"],
            deletion_protection=settings["deletion_protection"],
            skip_final_snapshot=settings["skip_final_snapshot"],
            final_snapshot_identifier=(
                None if settings["skip_final_snapshot"] else f"{given.identifier}-final"
            ),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=logs),
            **password,
            **given.shared(security_group),
        )

    def _replicas(
        self,
        given: "_Given",
        primary: aws.rds.Instance,
        security_group: aws.ec2.SecurityGroup,
        logs: Sequence[pulumi.Resource],
    ) -> list[aws.rds.Instance]:
        replicas = []
        for each in given.replicas:
            identifier = f"{given.identifier}-replica-{each}"
            replicas.append(
                aws.rds.Instance(
                    f"{given.name}-database-replica-{each}",
                    identifier=identifier,
                    replicate_source_db=primary.identifier,
                    deletion_protection=given.settings["deletion_protection"],
                    skip_final_snapshot=True,
                    tags={"Name": identifier, **given.settings.get("tags", {})},
                    opts=pulumi.ResourceOptions(parent=self, depends_on=logs),
                    **given.shared(security_group),
                )
            )
        return replicas

    def _secret_arn(self, given: "_Given", primary: aws.rds.Instance) -> Output[str]:
        """Return where the master user's password is: with RDS, or in a secret made here."""
        name, args, settings = given.name, given.args, given.settings
        if "password" not in settings:
            return primary.master_user_secrets.apply(lambda made: str(made[0].secret_arn))
        child = pulumi.ResourceOptions(parent=self)
        secret = aws.secretsmanager.Secret(
            f"{name}-database-master",
            name=physical_name(name, "database-master"),
            description=f"Master user of {given.identifier}",
            # AWS keeps the name of a deleted secret for so long.
            recovery_window_in_days=30 if settings["deletion_protection"] else 0,
            tags=settings.get("tags", {}),
            opts=child,
        )
        aws.secretsmanager.SecretVersion(
            f"{name}-database-master",
            secret_id=secret.id,
            secret_string=Output.secret(args["password"]).apply(
                lambda password: json.dumps(
                    {"username": settings["username"], "password": password}
                )
            ),
            opts=child,
        )
        return secret.arn

    def _proxy(
        self,
        given: "_Given",
        primary: aws.rds.Instance,
        security_group: aws.ec2.SecurityGroup,
        secret_arn: Output[str],
    ) -> Output[str]:
        """Create the proxy; return its address, once it knows the database."""
        name, args, settings = given.name, given.args, given.settings
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-database-proxy",
            name=physical_name(name, "database-proxy", limit=64),
            description="Lets the database's proxy read the password",
            assume_role_policy=_trust("rds.amazonaws.com"),
            tags=settings.get("tags", {}),
            opts=child,
        )
        reads = aws.iam.RolePolicy(
            f"{name}-database-proxy",
            name="secret",
            role=role.name,
            policy=secret_arn.apply(_reading),
            opts=child,
        )
        proxy = aws.rds.Proxy(
            name,
            name=given.identifier,
            engine_family="POSTGRESQL",
            role_arn=role.arn,
            vpc_subnet_ids=args["subnet_ids"],
            vpc_security_group_ids=[security_group.id],
            require_tls=True,
            auths=[
                {
                    "auth_scheme": "SECRETS",
                    "iam_auth": "DISABLED",
                    "client_password_auth_type": "POSTGRES_SCRAM_SHA_256",
                    "secret_arn": secret_arn,
                }
            ],
            tags={"Name": given.identifier, **settings.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[reads]),
        )
        pool = aws.rds.ProxyDefaultTargetGroup(
            name,
            db_proxy_name=proxy.name,
            connection_pool_config={
                "max_connections_percent": PROXY_CONNECTIONS_PERCENT,
                "max_idle_connections_percent": PROXY_CONNECTIONS_PERCENT // 2,
                "connection_borrow_timeout": _SECONDS_FOR_A_CONNECTION,
            },
            opts=child,
        )
        target = aws.rds.ProxyTarget(
            name,
            db_proxy_name=proxy.name,
            target_group_name=pool.name,
            db_instance_identifier=primary.identifier,
            opts=child,
        )
        return Output.all(proxy.endpoint, target.id).apply(lambda known: str(known[0]))

    def _alarms(
        self,
        given: "_Given",
        primary: aws.rds.Instance,
        replicas: Sequence[aws.rds.Instance],
    ) -> list[tuple[AlarmRow, aws.cloudwatch.MetricAlarm]]:
        args, settings = given.args, given.settings
        topics = {
            AlertSeverity.PAGE: args["page_topic_arn"],
            AlertSeverity.TICKET: args["ticket_topic_arn"],
        }

        def alarm(row: AlarmRow, server: aws.rds.Instance) -> aws.cloudwatch.MetricAlarm:
            topic = topics[row.severity]
            at: Mapping[str, Input[str]] = {"DBInstanceIdentifier": server.identifier}
            return metric_alarm(
                given.name,
                row,
                dimensions=lambda subject: {} if subject == Subject.DATABASE_LOG else at,
                runbook_base_url=settings["runbook_base_url"],
                actions=[topic],
                ok_actions=[topic] if row.severity == AlertSeverity.PAGE else [],
                tags=settings.get("tags") or None,
                opts=pulumi.ResourceOptions(parent=self),
            )

        rows = [
            row
            if row.metrics[0].subject != Subject.DATABASE_LOG
            else replace(row, metrics=(replace(row.metrics[0], namespace=given.log_namespace),))
            for row in database_alarm_rows(settings)
        ]
        lag = settings["replica_lag_seconds"]
        lags = [replica_alarm_row(index + 1, lag_seconds=lag) for index in range(len(replicas))]
        return [
            *((row, alarm(row, primary)) for row in rows),
            *((row, alarm(row, replica)) for row, replica in zip(lags, replicas, strict=True)),
        ]


def _parts(role: str) -> tuple[str, ...]:
    """Return the parts of a name for the database or for what stands beside it."""
    return ("database",) if role == "database" else ("database", role)


_OUTPUTS = tuple(Database.__annotations__)
_LOGS: Final = ("postgresql", "upgrade")


@dataclass(slots=True, kw_only=True)
class _Given:
    """What all parts of one component are made from."""

    name: str
    args: DatabaseArgs
    settings: DatabaseArgs
    identifier: str
    parameters: aws.rds.ParameterGroup | None = None
    monitoring: aws.iam.Role | None = None

    @property
    def replicas(self) -> range:
        return range(1, self.settings["replica_count"] + 1)

    @property
    def log_namespace(self) -> str:
        """Where the metric of the log lies: its filter takes no dimension without a field."""
        return physical_name(self.name)

    def shared(self, security_group: aws.ec2.SecurityGroup) -> dict[str, Any]:
        """Return what the database and its replicas have in common."""
        settings = self.settings
        assert self.parameters and self.monitoring  # noqa: S101, PT018 - made before
        return {
            "instance_class": settings["instance_class"],
            "auto_minor_version_upgrade": True,
            "apply_immediately": settings["apply_immediately"],
            "storage_type": "gp3",
            "max_allocated_storage": settings["max_allocated_storage_gib"],
            "storage_encrypted": True,
            "publicly_accessible": False,
            "parameter_group_name": self.parameters.name,
            "vpc_security_group_ids": [security_group.id],
            "enabled_cloudwatch_logs_exports": list(_LOGS),
            "performance_insights_enabled": True,
            "performance_insights_retention_period": settings[
                "performance_insights_retention_days"
            ],
            "monitoring_interval": settings["monitoring_interval_seconds"],
            "monitoring_role_arn": self.monitoring.arn,
        }


def _trust(service: str) -> str:
    return _document({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def _reading(secret_arn: str) -> str:
    """Let a role read one secret; its key is AWS's own, which the service may use for anybody."""
    return _document({"Action": "secretsmanager:GetSecretValue", "Resource": secret_arn})


def _document(*statements: Mapping[str, Any]) -> str:
    allowed = [{"Effect": "Allow", **each} for each in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})
