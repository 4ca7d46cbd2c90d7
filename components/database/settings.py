"""Settings of the database, and the rules between them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, NotRequired, TypedDict

from pulumi import Input

from surgeproof.components.database.classes import database_class
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

ALLOCATED_GIB_MAX: Final = 59_578
"""Largest first storage (GiB): it has to be able to grow by 10 % (rds CreateDBInstance,
MaxAllocatedStorage), and AWS's limit is 65536."""

MONITORING_SECONDS: Final = (1, 5, 10, 15, 30, 60)
"""Intervals of Enhanced Monitoring (rds CreateDBInstance); 0 would turn it off."""

REPLICAS_MAX: Final = 5
"""Read replicas of one database here; AWS allows 15."""

VERSION_RULE: Final = "be a version of PostgreSQL, such as 17 or 17.4"


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
