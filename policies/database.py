"""Rules on databases: RDS instances, and clusters of Aurora and Multi-AZ."""

import re
from collections.abc import Callable
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Mend,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
    When,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_false, is_true, number, read, show

_ALL: Final = types.DB_INSTANCE | types.DB_CLUSTER
_SERVING: Final = types.DB_INSTANCE | types.DB_CLUSTER_INSTANCE
_USER_GUIDE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide"
_AURORA_GUIDE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide"
# Source: RDS User Guide, "Using SSL/TLS to encrypt a connection": rds-ca-2019 expired in 2024.
_AUTHORITIES: Final = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
# What AWS's consoles and examples fill in (Security Hub RDS.24, RDS.25), and what comes next.
_GUESSED_NAMES: Final = (
    "admin",
    "administrator",
    "awsuser",
    "master",
    "mysql",
    "postgres",
    "root",
    "sa",
)
_PASSWORDS: Final = ("password", "masterPassword")

# A replica has the storage and the backups of its source.
_NO_REPLICA: Final = tuple(
    When(path, lambda source: source in (ABSENT, ""), unless_given=True)
    for path in ("replicateSourceDb", "replicationSourceIdentifier")
)


def _given(value: Any) -> bool:
    return value not in (ABSENT, "")


def _check_backups(database: Resource, report: Report) -> None:
    sources = ("replicateSourceDb", "replicationSourceIdentifier")
    if any(database.read(path) not in (ABSENT, "") for path in sources):
        return
    path, least = "backupRetentionPeriod", number(database.settings["minimumDays"])
    value = database.read(path)
    days = number(value)
    if value is UNKNOWN:
        report.wait_for(database, path)
    elif days is None or least is None or days < least:
        say = report.advise if database.is_of_a_copy else report.refuse
        say(database, path, f"be at least {show(least)} (minimumDays)", show(value))


def _check_password(database: Resource, report: Report) -> None:
    for path in _PASSWORDS:
        value = database.read(path)
        if value not in (ABSENT, ""):
            report.refuse(database, path, "be left out, as RDS makes and keeps one", "a value")


_SERVERLESS_V1: Final = "serverless"
"""Engine mode of a cluster that has capacity in place of instances
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless.html). Serverless v2
is `provisioned` and has instances."""


def _check_standby(stack: Stack, report: Report) -> None:
    """Hold that an Aurora cluster has an instance to fail over to."""
    members: dict[str, int] = {}
    loose = []
    for instance in stack.of(types.DB_CLUSTER_INSTANCE):
        keys = ("clusterIdentifier", "id", "arn")
        cluster = stack.target(instance, "clusterIdentifier", types.DB_CLUSTER, keys)
        if cluster is None:
            loose.append(instance)
        else:
            members[cluster.urn] = members.get(cluster.urn, 0) + 1
    for cluster in stack.of(types.DB_CLUSTER):
        engine = cluster.read("engine")
        if engine is UNKNOWN:
            report.wait_for(cluster, "engine")
        if not str(engine).startswith("aurora"):
            continue  # a Multi-AZ cluster has its two standbys by definition
        if cluster.read("engineMode") == _SERVERLESS_V1:
            continue
        count = members.get(cluster.urn, 0)
        if count > 1:
            continue
        waiting = [at for at in loose if at.read("clusterIdentifier") is UNKNOWN]
        for instance in waiting:
            report.wait_for(instance, "clusterIdentifier")
        if not waiting:
            say = report.advise if cluster.is_of_a_copy else report.refuse
            say(cluster, "engine", "have at least 2 instances in the cluster", f"{count}")


_PARAMETER_GROUPS: Final = (
    (types.DB_INSTANCE, "parameterGroupName", types.DB_PARAMETERS),
    (types.DB_CLUSTER, "dbClusterParameterGroupName", types.DB_CLUSTER_PARAMETERS),
)


def _parameter(group: Resource, name: str) -> Any:
    """Return a parameter's value, ABSENT, or UNKNOWN while an unknown entry may be it."""
    entries = [entry for _, entry in group.each("parameters[*]")]
    for entry in entries:
        if entry is not UNKNOWN and read(entry, "name") == name:
            return read(entry, "value")
    unknown = any(entry is UNKNOWN or read(entry, "name") is UNKNOWN for entry in entries)
    return UNKNOWN if unknown else ABSENT


def _parameters(
    stack: Stack, report: Report, concerns: Callable[[str], bool]
) -> list[tuple[Resource, str, str, Resource | None]]:
    """Return the databases of engines that concern a rule: each with its engine and its group.

    The group comes with the property that names it, and is None for AWS's own. What cannot be found
    out is noted.
    """
    found = []
    for kinds, path, groups in _PARAMETER_GROUPS:
        for database in stack.of(kinds):
            engine, name = database.read("engine"), database.read(path)
            group = stack.target(database, path, groups, ("name", "id"))
            if engine is UNKNOWN:
                report.wait_for(database, "engine")
            elif not isinstance(engine, str) or not concerns(engine):
                continue
            elif group is not None or name is ABSENT or str(name).startswith("default."):
                found.append((database, engine, path, group))
            elif name is UNKNOWN:
                report.wait_for(database, path)
            else:
                report.undecided(
                    database, f"`{path}` names a parameter group that this stack does not make."
                )
    return found


def _logs_queries(group: Resource) -> bool | None:
    """Whether a group makes PostgreSQL log queries; None while an unknown value decides it."""
    least, statements = (
        _parameter(group, name) for name in ("log_min_duration_statement", "log_statement")
    )
    milliseconds = number(least)
    if (milliseconds is not None and milliseconds >= 0) or statements in ("ddl", "mod", "all"):
        return True
    return None if UNKNOWN in (least, statements) else False


def _check_query_log(stack: Stack, report: Report) -> None:
    settings = "`log_min_duration_statement` (in ms) or `log_statement`"
    for database, _, path, group in _parameters(stack, report, lambda name: "postgres" in name):
        if group is None:
            report.refuse(database, path, f"name a group that sets {settings}", "AWS's own")
            continue
        logs = _logs_queries(group)
        if logs is None:
            report.wait_for(group, "parameters")
        elif not logs:
            report.refuse(group, "parameters", f"set {settings}", "neither")


def _encrypts_by_default(engine: str, version: str) -> bool:
    """Whether AWS's default for the engine's version refuses plain connections.

    Sources: RDS User Guide, "Requiring an SSL connection" for PostgreSQL (from 15), MySQL (from
    9.7) and MariaDB (from 11.8); Aurora User Guide, "Security with Aurora PostgreSQL" (from 17).
    """
    since = {
        "postgres": (15,),
        "aurora-postgresql": (17,),
        "mysql": (9, 7),
        "mariadb": (11, 8),
    }.get(engine)
    return since is not None and tuple(map(int, re.findall(r"\d{1,9}", version)[:2])) >= since


def _check_in_transit(stack: Stack, report: Report) -> None:
    for database, engine, path, group in _parameters(stack, report, lambda _: True):
        version = database.read("engineVersion")
        if "postgres" in engine or engine.startswith("sqlserver"):
            name = "rds.force_ssl"
        elif "mysql" in engine or engine == "mariadb":
            name = "require_secure_transport"
        else:
            report.undecided(database, "its engine sets encryption by an option group.")
            continue
        value = ABSENT if group is None else _parameter(group, name)
        if value is UNKNOWN and group is not None:
            report.wait_for(group, "parameters")
        elif value is ABSENT and version is UNKNOWN:
            report.wait_for(database, "engineVersion")
        elif value is ABSENT and not _encrypts_by_default(engine, str(version)):
            if group is None:
                report.refuse(database, path, f"name a group that sets `{name}` to 1", "AWS's own")
            else:
                report.refuse(group, "parameters", f"set `{name}` to 1", "nothing")
        elif value is not ABSENT and group is not None and not _on(value):
            report.refuse(group, "parameters", f"set `{name}` to 1", show(value))


def _on(value: Any) -> bool:
    return number(value) == 1 or (isinstance(value, str) and value.lower() in ("on", "true"))


RULES: Final[tuple[AnyRule, ...]] = (
    PropertyRule(
        name="rds-storage-encrypted",
        description="Databases are encrypted on disk, with their backups and snapshots. It cannot "
        "be switched on later: only a copy of a snapshot can be encrypted.",
        severity=Severity.HIGH,
        control="RDS.3",
        sources=(
            "RDS.27",
            "CKV_AWS_16",
            "AWS-0080",
            "PCP aws-rds-instance-disallow-unencrypted-storage",
            "AG rds-storage-encrypted",
        ),
        frameworks=("CIS 5.0.0 2.2.1", "Well-Architected SEC08-BP02"),
        types=_ALL,
        when=_NO_REPLICA,
        needs=(Need("storageEncrypted", "be true", is_true),),
        fix="Set storage_encrypted=True on the aws.rds.Instance or aws.rds.Cluster. One that runs "
        "already: copy a snapshot with a key, and restore from the copy.",
    ),
    PropertyRule(
        name="rds-customer-key",
        description="Databases are encrypted with a key of your own, whose use you can see, limit "
        "and end. Opt-in: such a key costs money and can be lost.",
        severity=Severity.LOW,
        sources=("PCP aws-rds-instance-configure-customer-managed-key",),
        frameworks=("Well-Architected SEC08-BP01",),
        url=f"{_USER_GUIDE}/Overview.Encryption.Keys.html",
        enforcement=EnforcementLevel.DISABLED,
        types=_ALL,
        when=_NO_REPLICA,
        needs=(Need("kmsKeyId", "name a key of your own", _given, given=True),),
        fix="Set kms_key_id=key.arn beside storage_encrypted=True. It replaces the database.",
    ),
    PropertyRule(
        name="rds-not-public",
        description="Databases have no public address: whoever finds the port may try passwords "
        "and what the engine's next vulnerability allows.",
        severity=Severity.CRITICAL,
        control="RDS.2",
        sources=(
            "CKV_AWS_17",
            "AWS-0180",
            "PCP aws-rds-instance-disallow-public-access",
            "AG rds-instance-public-access",
        ),
        frameworks=("CIS 5.0.0 2.2.3", "Well-Architected SEC05-BP01"),
        types=_SERVING | types.DB_CLUSTER,
        needs=(Need("publiclyAccessible", "not be true", lambda value: not is_true(value)),),
        fix="Set publicly_accessible=False, and name a subnet group of private subnets.",
    ),
    PropertyRule(
        name="rds-multi-az",
        description="Databases have a standby in another Availability Zone, which takes over "
        "within a minute or two. Without one, a zone's failure is the service's.",
        severity=Severity.MEDIUM,
        control="RDS.5",
        sources=("CKV_AWS_157", "AG rds-instance-multi-az-enabled"),
        frameworks=("CIS 5.0.0 2.2.4", "Well-Architected REL10-BP01"),
        types=types.DB_INSTANCE,
        when=_NO_REPLICA[:1],
        spares_copies=True,
        needs=(Need("multiAz", "be true", is_true),),
        fix="Set multi_az=True on the aws.rds.Instance. For development, set the rule to "
        '"advisory" in the file that `--policy-pack-config` names.',
    ),
    StackRule(
        name="rds-cluster-has-standby",
        description="Aurora clusters have a second instance to fail over to: the storage spans "
        "three zones by itself, but a lone instance has to be made anew, for ten minutes and more.",
        severity=Severity.MEDIUM,
        control="RDS.15",
        frameworks=("CIS 5.0.0 2.2.4", "Well-Architected REL10-BP01"),
        url=f"{_AURORA_GUIDE}/Concepts.AuroraHighAvailability.html",
        types=types.DB_CLUSTER | types.DB_CLUSTER_INSTANCE,
        check=_check_standby,
        fix="Add a reader:\n"
        'aws.rds.ClusterInstance("reader", cluster_identifier=cluster.id, engine=cluster.engine, '
        "instance_class=...)",
    ),
    ResourceRule(
        name="rds-backups",
        description="Automatic backups are kept for a week at least: they are what a wrong "
        "migration or a deleted table is restored from, to the second.",
        severity=Severity.MEDIUM,
        control="RDS.11",
        sources=(
            "CKV_AWS_133",
            "AWS-0077",
            "PCP aws-rds-instance-enable-backup-retention",
            "AG rds-instance-backup-enabled",
        ),
        frameworks=("Well-Architected REL09-BP03",),
        settings=(
            Setting(
                name="minimumDays",
                description="Fewest days that backups are kept (days, 1 to 35).",
                default=7,
                low=1,
                high=35,
            ),
        ),
        types=_ALL,
        check=_check_backups,
        fix="Set backup_retention_period=7 (days) on the aws.rds.Instance or aws.rds.Cluster.",
    ),
    PropertyRule(
        name="rds-deletion-protection",
        description="Databases are protected from deletion: a mistaken `down` or a replacement "
        "takes the data. Advice only, since development stacks are meant to be taken down.",
        severity=Severity.MEDIUM,
        control="RDS.8",
        sources=("RDS.7", "CKV_AWS_293", "AWS-0177"),
        enforcement=EnforcementLevel.ADVISORY,
        types=_ALL,
        needs=(Need("deletionProtection", "be true", is_true),),
        fix="Set deletion_protection=True on the aws.rds.Instance or aws.rds.Cluster.",
    ),
    PropertyRule(
        name="rds-performance-insights",
        description="Performance Insights is on: when a surge fills the database, it alone says "
        "which query and which wait. Seven days of it cost nothing.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        sources=(
            "CKV_AWS_353",
            "AWS-0133",
            "PCP aws-rds-instance-enable-performance-insights",
        ),
        frameworks=("Well-Architected PERF03-BP03",),
        url=f"{_USER_GUIDE}/USER_PerfInsights.html",
        types=_SERVING,
        needs=(Need("performanceInsightsEnabled", "be true", is_true),),
        fix="Set performance_insights_enabled=True on the aws.rds.Instance or "
        "aws.rds.ClusterInstance.",
    ),
    PropertyRule(
        name="rds-performance-insights-customer-key",
        description="Performance Insights, which shows the text of queries, is encrypted with a "
        "key of your own. Opt-in: AWS's own key encrypts it in any case.",
        severity=Severity.HIGH,
        sources=(
            "CKV_AWS_354",
            "AWS-0078",
            "PCP aws-rds-instance-disallow-unencrypted-performance-insights",
        ),
        frameworks=("Well-Architected SEC08-BP01",),
        url=f"{_USER_GUIDE}/USER_PerfInsights.access-control.html",
        enforcement=EnforcementLevel.DISABLED,
        types=_SERVING | types.DB_CLUSTER,
        when=(When("performanceInsightsEnabled", is_true),),
        needs=(Need("performanceInsightsKmsKeyId", "name a key of your own", _given, given=True),),
        fix="Set performance_insights_kms_key_id=key.arn. It cannot be changed later.",
    ),
    PropertyRule(
        name="rds-enhanced-monitoring",
        description="Enhanced monitoring is on: memory, swap and processes of the database's host "
        "every minute or better, where CloudWatch sees the hypervisor's view only.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        control="RDS.6",
        sources=("CKV_AWS_118", "G rds_enhanced_monitoring_enabled"),
        frameworks=("Well-Architected REL06-BP01",),
        types=_SERVING,
        needs=(
            Need(
                "monitoringInterval",
                "be 1, 5, 10, 15, 30 or 60 (seconds)",
                lambda value: number(value) in (1, 5, 10, 15, 30, 60),
            ),
            Need("monitoringRoleArn", "name a role", _given, given=True),
        ),
        fix="Set monitoring_interval=60 and monitoring_role_arn=role.arn, a role of "
        "monitoring.rds.amazonaws.com with AmazonRDSEnhancedMonitoringRole.",
    ),
    PropertyRule(
        name="rds-logs-exported",
        description="Databases send their logs to CloudWatch Logs: on the instance they are gone "
        "after days, and out of reach when it hangs.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        control="RDS.9",
        sources=("CKV_AWS_129", "RDS.36", "RDS.37"),
        frameworks=("Well-Architected SEC04-BP01",),
        types=_ALL,
        needs=(
            Need(
                "enabledCloudwatchLogsExports",
                "name at least one log",
                lambda logs: isinstance(logs, list) and bool(logs),
            ),
        ),
        fix='Set enabled_cloudwatch_logs_exports=["postgresql", "upgrade"] on the '
        'aws.rds.Instance; for MySQL ["error", "slowquery"].',
    ),
    StackRule(
        name="rds-postgres-logs-queries",
        description="PostgreSQL logs slow queries, or those that change something. Without it, "
        "what made the database slow last night cannot be told.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("CKV2_AWS_30",),
        frameworks=("Well-Architected SEC04-BP01",),
        url=f"{_USER_GUIDE}/USER_LogAccess.Concepts.PostgreSQL.Query_Logging.html",
        types=_ALL | types.DB_PARAMETERS | types.DB_CLUSTER_PARAMETERS,
        check=_check_query_log,
        fix="Name a parameter group that sets it, in milliseconds:\n"
        'aws.rds.ParameterGroup("db", family="postgres17", parameters=[{"name": '
        '"log_min_duration_statement", "value": "1000"}])',
    ),
    StackRule(
        name="rds-encrypts-in-transit",
        description="Databases refuse connections without TLS: else passwords and rows cross the "
        "network readable as soon as one client forgets it.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("RDS.38", "RDS.39", "RDS.44", "CKV2_AWS_69"),
        frameworks=("Well-Architected SEC09-BP02",),
        url=f"{_USER_GUIDE}/UsingWithRDS.SSL.html",
        types=_ALL | types.DB_PARAMETERS | types.DB_CLUSTER_PARAMETERS,
        check=_check_in_transit,
        fix="Name a parameter group that sets it (for MySQL and MariaDB "
        "require_secure_transport):\n"
        'aws.rds.ParameterGroup("db", family="postgres14", parameters=[{"name": "rds.force_ssl", '
        '"value": "1"}])\n'
        "From PostgreSQL 15, Aurora PostgreSQL 17, MySQL 9.7 and MariaDB 11.8 on, it is AWS's "
        "default.",
    ),
    PropertyRule(
        name="rds-iam-authentication",
        description="Applications sign in by their role, with a token of 15 minutes, and no "
        "password needs to be kept. Opt-in: drivers have to support it, and it limits new "
        "connections per second.",
        severity=Severity.MEDIUM,
        control="RDS.10",
        sources=("RDS.12", "CKV_AWS_161", "AWS-0176"),
        frameworks=("Well-Architected SEC02-BP02",),
        enforcement=EnforcementLevel.DISABLED,
        types=_ALL,
        needs=(Need("iamDatabaseAuthenticationEnabled", "be true", is_true),),
        fix="Set iam_database_authentication_enabled=True, and give the instances' role "
        "rds-db:connect.",
    ),
    PropertyRule(
        name="rds-minor-upgrades",
        description="Minor versions are taken by themselves, in the maintenance window: they are "
        "what closes vulnerabilities.",
        severity=Severity.HIGH,
        control="RDS.13",
        sources=("CKV_AWS_226",),
        frameworks=("CIS 5.0.0 2.2.2", "Well-Architected SEC06-BP01"),
        types=_SERVING,
        needs=(Need("autoMinorVersionUpgrade", "not be false", lambda value: not is_false(value)),),
        fix="Leave auto_minor_version_upgrade out, which means True.",
    ),
    PropertyRule(
        name="rds-modern-authority",
        description="The database's certificate is of a current authority of RDS: rds-ca-2019 "
        "expired in August 2024, and clients that check certificates refuse it.",
        severity=Severity.MEDIUM,
        sources=("CKV_AWS_211",),
        frameworks=("Well-Architected SEC09-BP01",),
        url=f"{_USER_GUIDE}/UsingWithRDS.SSL-certificate-rotation.html",
        types=_SERVING,
        needs=(
            Need(
                "caCertIdentifier",
                f"be one of {', '.join(f'`{name}`' for name in _AUTHORITIES)}",
                lambda name: name is ABSENT or name in _AUTHORITIES,
            ),
        ),
        fix='Set ca_cert_identifier="rds-ca-rsa2048-g1", or leave it out.',
    ),
    ResourceRule(
        name="rds-no-plaintext-password",
        description="The program holds no master password: it would lie in the state and in every "
        "export of it. RDS makes one, keeps it in Secrets Manager and changes it every week.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("G rds_master_user_password_no_plaintext_password",),
        frameworks=("Well-Architected SEC02-BP03",),
        url=f"{_USER_GUIDE}/rds-secrets-manager.html",
        types=_ALL,
        check=_check_password,
        fix="Set manage_master_user_password=True and leave the password out; or, where it must be "
        "given, password_wo with password_wo_version, which no state keeps.",
    ),
    PropertyRule(
        name="rds-custom-admin-name",
        description="The administrator is not called what every attack tries first.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        control="RDS.25",
        sources=("RDS.24",),
        types=_ALL,
        needs=tuple(
            Need(
                path,
                "be a name of your own",
                lambda name: not isinstance(name, str) or name.lower() not in _GUESSED_NAMES,
            )
            for path in ("username", "masterUsername")
        ),
        fix='Set username="shop_owner", or master_username on an aws.rds.Cluster. It replaces the '
        "database.",
    ),
    PropertyRule(
        name="rds-copies-tags-to-snapshots",
        description="Snapshots carry the database's tags: what finds, bills and deletes resources "
        "by tag would miss them.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        control="RDS.17",
        sources=("CKV2_AWS_60", "RDS.16"),
        frameworks=("Well-Architected COST03-BP02",),
        types=_ALL,
        needs=(Need("copyTagsToSnapshot", "be true", is_true),),
        mends=(Mend("copyTagsToSnapshot", value=True),),
        fix="Set copy_tags_to_snapshot=True on the aws.rds.Instance or aws.rds.Cluster.",
    ),
)
