"""The checked configuration, and what of it each component is given."""

import contextlib
from collections.abc import Mapping
from typing import Any, TypeVar

from pulumi import Input, Output

from surgeproof.components.alarms.notifications import NotificationsArgs
from surgeproof.components.configuration.groups import KEYS
from surgeproof.components.configuration.relations import RELATIONS
from surgeproof.components.database.database import PORT, Database
from surgeproof.components.database.settings import DATABASE_ARGS, DatabaseArgs
from surgeproof.components.service.auto_scaling_group_settings import AutoScalingGroupArgs
from surgeproof.settings.checks import UnsoundError
from surgeproof.settings.keys import KeyProblem as Problem
from surgeproof.settings.keys import Read

_Args = TypeVar("_Args")


class ConfigurationError(ValueError):
    """Raised for a configuration that cannot work; has a line for each problem."""


class Configuration:
    """All of it, checked."""

    def __init__(self, read: Read, secret_groups: frozenset[str] = frozenset()) -> None:
        """Take what was read, without problems."""
        self._read = read
        self._secret_groups = secret_groups

    def __eq__(self, other: object) -> bool:
        """Compare what was written."""
        return isinstance(other, Configuration) and self._read.values == other._read.values

    def __hash__(self) -> int:
        """Return the same for equal ones."""
        return hash(repr(self._read.values))

    @classmethod
    def from_data(
        cls, data: Mapping[str, Any], *, secret_groups: frozenset[str] = frozenset()
    ) -> "Configuration":
        """Check all of `data`, a group of plain values by name; raise ConfigurationError.

        Values of `secret_groups` are not shown, and reach resources as secrets.
        """
        read = _read_all(data)
        if read.problems:
            raise ConfigurationError(
                "\n".join(
                    problem.line(secret=problem.path[0] in secret_groups)
                    for problem in read.problems
                )
            )
        return cls(read, secret_groups)

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key such as `fleet.maxSize`: its default, or None without one."""
        return self._read[key]

    def args(self, kind: type[_Args], **wiring: Any) -> _Args:
        """Return what a component is given: what was written of its settings, and its wiring.

        Wiring that is None is left out.
        """
        return KEYS.args(kind, self._read, wiring)

    def database_args(self, **wiring: Any) -> DatabaseArgs:
        """Return what Database is given, the password as a secret."""
        args = self.args(DatabaseArgs, **wiring)
        if "password" in args:
            args["password"] = Output.secret(args["password"])
        return args

    def day_at_maximum_size(self) -> str:
        """Return what 24 hours with all instances cost, in hours and, with a price, in money."""
        hours = 24 * self["fleet.maxSize"]
        price = self["spending.instanceHourUsd"]
        money = "" if price is None else f", USD {hours * price:,.2f}"
        return f"{hours:,} instance-hours{money}"

    def group_args(
        self, *, shared_database: Database | None = None, **wiring: Any
    ) -> AutoScalingGroupArgs:
        """Return what AutoScalingGroup is given, and how its instances find the database."""
        args = self.args(AutoScalingGroupArgs, **wiring)
        environment = args.get("application", {}).get("environment")
        if environment and "fleet" in self._secret_groups:
            args["application"]["environment"] = {
                name: Output.secret(value) for name, value in environment.items()
            }
        if shared_database is not None:
            application = args.setdefault("application", {})
            own = application.get("environment", {})
            application["environment"] = {**_found_by(shared_database), **own}
            args["extra_security_group_id"] = shared_database.client_security_group_id
            args["readable_secret_arn"] = shared_database.secret_arn
        return args

    def notifications_args(self) -> NotificationsArgs:
        """Return what Notifications is given, the endpoints of a secret group as secrets."""
        args = self.args(NotificationsArgs)
        if "alerts" in self._secret_groups:
            for each in (*args["subscriptions"], *args.get("escalation", ())):
                each["endpoint"] = Output.secret(each["endpoint"])
        return args


def _found_by(shared: Database) -> dict[str, Input[str]]:
    """Return how instances find the database: the secret by name, since its content changes."""
    readers = shared.reader_hosts.apply(",".join)
    return {
        "DATABASE_HOST": shared.host,
        "DATABASE_READER_HOSTS": readers,
        "DATABASE_PORT": str(PORT),
        "DATABASE_NAME": shared.database_name,
        "DATABASE_SECRET_ARN": shared.secret_arn,
    }


def find_problems(data: Mapping[str, Any]) -> list[Problem]:
    """Return all that is wrong with `data`, in the order of the keys' groups."""
    return _read_all(data).problems


def _read_all(data: Mapping[str, Any]) -> Read:
    """Read the configuration, and hold the rules between groups, too."""
    read = KEYS.read(data)
    if read.get("database.enabled"):
        KEYS.relate(DATABASE_ARGS, read)
    found: list[Problem] = []
    for relation in RELATIONS:
        with contextlib.suppress(UnsoundError):
            found += relation(read)
    known = KEYS.names()
    read.problems = sorted(
        [*read.problems, *found],
        key=lambda problem: (
            known.index(str(problem.path[0])) if problem.path[0] in known else len(known)
        ),
    )
    return read
