"""The database that all instances share: RDS for PostgreSQL, with its limits made known."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.rows import (
    AlarmRow,
    AlertSeverity,
    Section,
    Subject,
    WatchedAlarmArgs,
    metric_alarm,
    watched,
)
from surgeproof.components.database.alarms import LOG_METRIC, database_alarm_rows, replica_alarm_row
from surgeproof.components.database.classes import database_class
from surgeproof.components.database.parameters import QUERIES, SLOW, postgresql_parameters
from surgeproof.components.database.settings import DatabaseArgs, settings_of
from surgeproof.components.naming import physical_name
from surgeproof.settings.aws_limits import DATABASE

PORT: Final = 5432

PROXY_CONNECTIONS_PERCENT: Final = 80
"""Share of the database's connections that the proxy may use: what is left over is for people and
for AWS's own, and keeps the alarm on connections (90 %) for what goes past the proxy."""

_SECONDS_FOR_A_CONNECTION: Final = 10
"""How long the proxy lets a request wait for a connection (seconds). AWS's default, 120, is longer
than users and the load balancer wait."""


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
        self.watched: list[WatchedAlarmArgs] = [
            {**watched(name, row, alarm), "section": Section.DATABASE} for row, alarm in told
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
            pattern=SLOW,
            metric_transformation={
                "namespace": given.log_namespace,
                "name": LOG_METRIC,
                "value": "1",
                "default_value": "0",
                "unit": "Count",
            },
            opts=child,
        )
        for shown, lines in QUERIES.items():
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
                aws.rds.ParameterGroupParameterArgs(**each)
                for each in postgresql_parameters(settings)
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
