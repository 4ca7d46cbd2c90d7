"""A stack's database on AWS: where it is, its secret, and how to reach it from outside its VPC."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.queries.errors import QueriesError
from surgeproof.settings.errors import DocumentError, listed
from surgeproof.settings.json_file import parse_json
from surgeproof.settings.permissions import refused

Client = Callable[[str], Any]
"""Gives the client of a service."""

TUNNEL_PORT: Final = 15432
"""Port on this machine that the printed line forwards (port)."""

DOCUMENT: Final = "AWS-StartPortForwardingSessionToRemoteHost"
"""Session Manager's document that forwards a port to another host
(https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDatabase:
    """A stack's database, as AWS has it."""

    identifier: str
    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    region: str
    instance: str | None
    """An instance of the stack, through which a port can be forwarded."""

    def parameters(self, tunnel: int | None, certificates: str | None) -> dict[str, Any]:
        """Return how it is connected to.

        Args:
            tunnel: Port on this machine that is forwarded to it. Default: straight.
            certificates: File of AWS's certificates; with one, the server has to be the named one.

        """
        stated: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.name,
            "user": self.user,
            "password": self.password,
            "sslmode": "verify-full" if certificates else "require",
        }
        if tunnel is not None:
            # The name stays that of the server, which its certificate has to bear.
            stated |= {"hostaddr": "127.0.0.1", "port": tunnel}
        return stated

    def forwarding(self) -> str:
        """Return the line that forwards a port of this machine to the database."""
        parameters = {
            "host": [self.host],
            "portNumber": [str(self.port)],
            "localPortNumber": [str(TUNNEL_PORT)],
        }
        stated = json.dumps(parameters, separators=(",", ":"))
        return (
            f"aws ssm start-session --region {self.region} --target "
            f"{self.instance or 'INSTANCE_ID'} --document-name {DOCUMENT} --parameters '{stated}'"
        )


def stack_database(client: Client, project: str, stack: str) -> StackDatabase:
    """Return the database of a deployed stack, with its master user's secret.

    Raises:
        QueriesError: AWS refuses or does not answer, or the stack has not exactly one.

    """
    prefix = f"{project}-{stack}-"
    found = [
        each
        for page in _pages(client, "rds", "describe_db_instances")
        for each in page["DBInstances"]
        if each["DBInstanceIdentifier"].startswith(prefix)
        and each["Engine"] == "postgres"
        and not each.get("ReadReplicaSourceDBInstanceIdentifier")
    ]
    if len(found) != 1:
        names = listed([each["DBInstanceIdentifier"] for each in found])
        raise QueriesError(
            f"stack {stack}: must have one PostgreSQL named {prefix}*, found {names}; --database "
            "says where another one is"
        )
    (database,) = found
    secret = _secret(client, database)
    endpoint = database.get("Endpoint")
    if not endpoint:
        status = database.get("DBInstanceStatus")
        raise QueriesError(
            f"database {database['DBInstanceIdentifier']}: must have an address, is {status}"
        )
    return StackDatabase(
        identifier=database["DBInstanceIdentifier"],
        host=endpoint["Address"],
        port=endpoint["Port"],
        name=database.get("DBName") or "postgres",
        user=secret["username"],
        password=secret["password"],
        region=database["DBInstanceArn"].split(":")[3],
        instance=_instance(client, prefix),
    )


def _secret(client: Client, database: Mapping[str, Any]) -> dict[str, str]:
    """Return user and password: of RDS's own secret, or of the one that the component makes."""
    managed = (database.get("MasterUserSecret") or {}).get("SecretArn")
    name = managed or f"{database['DBInstanceIdentifier']}-database-master"
    try:
        text = client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except (ClientError, BotoCoreError) as error:
        raise _failed("secretsmanager", error, name) from error
    try:
        secret = parse_json(text, f"secret {name}")
    except DocumentError:
        secret = None  # what is wrong with it would be shown with it
    if not isinstance(secret, dict) or not {"username", "password"} <= secret.keys():
        raise QueriesError(f"secret {name}: must be JSON with username and password")
    return {each: str(secret[each]) for each in ("username", "password")}


def _instance(client: Client, prefix: str) -> str | None:
    pages = _pages(client, "autoscaling", "describe_auto_scaling_groups")
    for page in pages:
        for group in page["AutoScalingGroups"]:
            if group["AutoScalingGroupName"].startswith(prefix):
                for each in group["Instances"]:
                    if each["LifecycleState"] == "InService":
                        return str(each["InstanceId"])
    return None


def _pages(client: Client, service: str, operation: str) -> list[dict[str, Any]]:
    try:
        return list(client(service).get_paginator(operation).paginate())
    except (ClientError, BotoCoreError) as error:
        raise _failed(service, error) from error


def _failed(service: str, error: Exception, resource: str = "*") -> QueriesError:
    """Return an error that names the permission where one is missing."""
    if isinstance(error, ClientError):
        return QueriesError(f"AWS: {refused(service, error, resource).removesuffix('.')}")
    return QueriesError(f"AWS: {error}")
