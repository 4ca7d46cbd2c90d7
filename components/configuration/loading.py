"""The configuration: one table that is its schema, its checks and its reference.

`make reference` writes docs/reference and the `config` block of Pulumi.yaml.
"""

import contextlib
import functools
import inspect
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import pulumi
from pulumi import Input, Output
from pulumi.runtime import config as runtime_config

from surgeproof.components.alarms.alarms import ALARMS, AlarmsArgs
from surgeproof.components.alarms.notifications import NOTIFICATIONS, NotificationsArgs
from surgeproof.components.alarms.objectives import OBJECTIVES, ObjectivesArgs
from surgeproof.components.alarms.pages import EscalationArgs
from surgeproof.components.alarms.timeline import TimelineArgs
from surgeproof.components.configuration import program_settings as groups
from surgeproof.components.configuration.alarm_reference import alarms_reference
from surgeproof.components.database import database
from surgeproof.components.database.database import (
    DATABASE_ARGS,
    DATABASE_PLAN,
    Database,
    DatabaseArgs,
    database_class,
)
from surgeproof.components.service.auto_scaling_group import (
    AUTO_SCALING_GROUP,
    AutoScalingGroupArgs,
)
from surgeproof.components.service.load_balancer import LOAD_BALANCER_ARGS, LoadBalancerArgs
from surgeproof.components.service.network import NETWORK, NetworkArgs
from surgeproof.components.service.scaling_policies import SCALING_POLICIES, ScalingPoliciesArgs
from surgeproof.components.service.spending import SpendingArgs
from surgeproof.components.service.web_acl import WebAclArgs
from surgeproof.figures import Figure
from surgeproof.figures.settings import (
    BOOT_SECONDS,
    SERVICE,
    AccountSettings,
    ObjectiveSettings,
    PriceSettings,
    ServiceSettings,
)
from surgeproof.settings.checks import Field, UnsoundError, camel, docs_of, fields_of, types_in
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.fields import Rule, plain
from surgeproof.settings.json_file import parse_value
from surgeproof.settings.keys import Group, Keys, Read
from surgeproof.settings.keys import KeyProblem as Problem
from surgeproof.settings.stack_files import unread_namespaces

_Args = TypeVar("_Args")


class ConfigurationError(ValueError):
    """Raised for a configuration that cannot work; has a line for each problem."""


def _end(value: Figure, end: str) -> float:
    """Return the end of a figure that a component goes by; of a time, in whole seconds."""
    return value.low if end == "low" else math.ceil(value.high)


KEYS: Final = Keys(
    (
        Group(
            name="network",
            doc="Where the stack lives: a network of its own, or an existing one by its three ids.",
            types=(NetworkArgs,),
        ),
        Group(
            name="loadBalancer",
            doc="What users reach. Needs certificateArn, or domain with hostedZoneId, or "
            "plainHttp.",
            types=(LoadBalancerArgs,),
        ),
        Group(
            name="fleet",
            doc="The instances that serve.",
            types=(AutoScalingGroupArgs,),
        ),
        Group(
            name="scaling",
            doc="How the group follows demand.",
            types=(ScalingPoliciesArgs,),
        ),
        Group(
            name="alerts",
            doc="Who receives which alerts.",
            types=(NotificationsArgs, EscalationArgs, TimelineArgs, AlarmsArgs),
        ),
        Group(
            name="service",
            doc="How the application behaves under load, as measured; no default stands in for "
            "that.",
            types=(ServiceSettings,),
        ),
        Group(
            name="account",
            doc="What the AWS account allows, as the policies read it.",
            types=(AccountSettings,),
        ),
        Group(
            name="slo",
            doc="What users are promised, as the replay judges it and the alarms watch it.",
            types=(ObjectiveSettings, ObjectivesArgs),
        ),
        Group(
            name="database",
            doc="A PostgreSQL database that all instances share.",
            types=(groups.DatabaseSwitch, DatabaseArgs),
        ),
        Group(
            name="webAcl",
            doc="Rules for requests in front of the load balancer.",
            types=(groups.WebAclSwitches, WebAclArgs),
        ),
        Group(
            name="spending",
            doc="What the stack may cost.",
            types=(SpendingArgs, PriceSettings),
        ),
    ),
    groups.TopConfiguration,
    (
        NETWORK,
        LOAD_BALANCER_ARGS,
        AUTO_SCALING_GROUP,
        SCALING_POLICIES,
        NOTIFICATIONS,
        ALARMS,
        OBJECTIVES,
        SERVICE,
        DATABASE_PLAN,
    ),
    end=_end,
)
"""All keys."""


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
        read = _read(data)
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
        "DATABASE_PORT": str(database.PORT),
        "DATABASE_NAME": shared.database_name,
        "DATABASE_SECRET_ARN": shared.secret_arn,
    }


_REBALANCING: Final = 1.1
"""How far above its maximum a group may be for a while, when it evens zones out
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html)."""


def _connection_budget(values: Read) -> list[Problem]:
    """Hold that the connections of all instances fit the database, unless a proxy shares them."""
    stated = values["service.connectionsPerInstance"]
    if not values["database.enabled"] or values["database.proxy"] or stated is None:
        return []
    most = values["database.maxConnections"]
    name = values["database.instanceClass"]
    known = database_class(name)
    source = "database.maxConnections"
    if most is None:
        if known is None:
            return []
        most, source = known.max_connections, f"what database.instanceClass ({name}) accepts"
    size, pool = values["fleet.maxSize"], stated.high
    fits = math.floor(round(most / (_REBALANCING * pool), 9))
    if size <= fits:
        return []
    rule = (
        f"be at most {fits}, so that 1.1 x fleet.maxSize x service.connectionsPerInstance (up to "
        f"{plain(pool)}) is at most {source} ({most} connections), or database.proxy true"
    )
    return [Problem(("fleet", "maxSize"), rule, size)]


def _schedule_problems(values: Read) -> list[Problem]:
    problems = []
    low = values.get("fleet.minSize") if values.has("fleet.minSize") else 1
    high = values.get("fleet.maxSize")
    for _, item in values.items("scaling.schedules"):
        size = item.get("minSize")
        path = (*item.path, "minSize")
        if size is not None and low is not None and size < low:
            problems.append(Problem(path, f"be at least fleet.minSize ({low})", size))
        if size is not None and high is not None and size > high:
            problems.append(Problem(path, f"be at most fleet.maxSize ({high})", size))
    return problems


def find_problems(data: Mapping[str, Any]) -> list[Problem]:
    """Return all that is wrong with `data`, in the order of the keys' groups."""
    return _read(data).problems


def _read(data: Mapping[str, Any]) -> Read:
    """Read the configuration, and hold the rules between groups, too."""
    read = KEYS.read(data)
    if read.get("database.enabled"):
        KEYS.relate(DATABASE_ARGS, read)
    found = _schedule_problems(read)
    with contextlib.suppress(UnsoundError):
        found += _connection_budget(read)
    known = KEYS.names()
    read.problems = sorted(
        [*read.problems, *found],
        key=lambda problem: (
            known.index(str(problem.path[0])) if problem.path[0] in known else len(known)
        ),
    )
    return read


def load() -> Configuration:
    """Return the stack's configuration; raise ConfigurationError for all that is wrong with it."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    written: dict[str, Any] = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    secrets = {*runtime_config.get_config_secret_keys_env()}
    data, secret_groups = {}, set()
    lines: list[str] = []
    for name, value in written.items():
        namespace, _, key = name.partition(":")
        if namespace == project and key:
            try:
                data[key] = parse_value(value, name) if isinstance(value, str) else value
            except DocumentError as error:
                lines += error.problems
            if name in secrets or pulumi.runtime.is_config_secret(name):
                secret_groups.add(key)
    lines += unread_namespaces(written, project)
    outer = [*_name_problems(project, stack), *_region_problems(written.get("aws:region"))]
    lines += [problem.line(secret=False) for problem in outer]
    try:
        configuration = Configuration.from_data(data, secret_groups=frozenset(secret_groups))
    except ConfigurationError as error:
        raise ConfigurationError("\n".join([*lines, str(error)])) from None
    if lines:
        raise ConfigurationError("\n".join(lines))
    if configuration["service.bootSeconds"] is None:
        pulumi.log.warn(
            f"service.bootSeconds is not stated, so {BOOT_SECONDS} s are taken for warm-up and "
            "grace: too short, and instances are replaced while they boot; too long, and scaling "
            "waits. Measure it from the group's activity: from launch until the target is healthy."
        )
    shared = configuration["database.enabled"] and not configuration["database.proxy"]
    if shared and not configuration["service.connectionsPerInstance"]:
        pulumi.log.warn(
            "service.connectionsPerInstance is not stated, so nobody knows whether the database's "
            "connections suffice at fleet.maxSize. Measure it, or turn database.proxy on."
        )
    return configuration


def _region_problems(region: object) -> list[Problem]:
    """Hold that the stack says where it lives, rather than whoever deploys it."""
    if isinstance(region, str) and re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        return []
    return [Problem(("aws:region",), "be a Region, such as eu-central-1", region)]


def _name_problems(project: str, stack: str) -> list[Problem]:
    """Check what the names of the project and the stack make of other names.

    The shortest limit is that of the target group: project, stack, web and a digest of six.
    """
    most = 32 - len(f"{project}--web-") - 6
    problems = []
    if len(stack) > most:
        rule = f"be of at most {most} characters, since AWS's names of target groups hold 32"
        problems.append(Problem(("stack",), rule, stack))
    if not re.fullmatch(r"[a-z0-9-]*", f"{project}-{stack}"):
        rule = "be lower-case letters, digits and hyphens, since AWS's names of buckets are"
        problems.append(Problem(("stack",), rule, f"{project}-{stack}"))
    return problems


_ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = _ROOT / "docs" / "reference"
PROJECT_FILE: Final = _ROOT / "Pulumi.yaml"
_MARKS: Final = ("  # BEGIN keys (make reference)", "  # END keys")


def reference() -> str:
    """Return docs/reference/configuration.md."""
    introduction = (
        "Written by `make reference`; do not edit by hand. Keys stand under "
        "`config` in `Pulumi.<stack>.yaml`, each group as `surgeproof:<group>`; `aws:region` says "
        "where. Everything is checked before the first resource, and all problems are told at once."
    )
    minimum = (
        "Needed are `fleet.maxSize`, one way to serve (`loadBalancer.certificateArn`, or `domain` "
        "with `hostedZoneId`, or `plainHttp: true`) and one of `alerts.subscriptions`. `service` "
        "is what turns scaling from a guess into a rule: measure it."
    )
    lines = ["# Configuration", "", introduction, "", minimum, "", *_EXAMPLE, ""]
    for group in KEYS.groups:
        keys = [(name, each.args_type, each.field) for name, each in KEYS.keys_in(group).items()]
        lines += _section(group.name, group.doc, keys)
    top = fields_of(KEYS.top)["surges"]
    lines += _nested("", KEYS.top, top)
    lines += [
        "## tags",
        "",
        "Tags of all that is created: a mapping of at most 40 texts. Default: none.",
        "",
    ]
    return "\n".join(lines)


_EXAMPLE: Final = (
    "```yaml",
    "config:",
    "  aws:region: eu-central-1",
    "  surgeproof:fleet:",
    "    maxSize: 8",
    "  surgeproof:loadBalancer:",
    "    domain: shop.example.com",
    "    hostedZoneId: Z0123456789ABCDEFGHIJ",
    "  surgeproof:alerts:",
    "    subscriptions:",
    "      - { severity: page, protocol: email, endpoint: on-call@example.com }",
    "  surgeproof:service:",
    "    requestsPerSecond: [90, 120]",
    "    bootSeconds: 100",
    "```",
)


def _section(title: str, doc: str, keys: Sequence[tuple[str, type, Field]]) -> list[str]:
    """Return a group's table, and the sections of the groups inside it."""
    head = [f"## {title}", "", doc, ""]
    table = ["| key | meaning | unit and range | default |", "|---|---|---|---|"]
    rows = [_row(title, name, of, each) for name, of, each in keys if each.rule]
    inside = [line for _, of, each in keys for line in _nested(title, of, each)]
    return [*head, *table, *rows, "", *inside]


def _nested(title: str, of: type, each: Field) -> list[str]:
    nested = each.nested
    if nested is None:
        return []
    doc = inspect.cleandoc(str(nested.__doc__))
    keys = [(camel(name), nested, inner) for name, inner in fields_of(nested).items()]
    return _section(_title(title, of, each), _in_keys(doc), keys)


def _title(title: str, of: type, each: Field) -> str:
    key = (KEYS.key_of(of, each) or "").removeprefix(f"{title}.") or camel(each.name)
    more = "[]" if each.container is list else ".*" if each.container is dict else ""
    return f"{title}.{key}{more}" if title else f"{key}{more}"


def _row(title: str, name: str, of: type, each: Field) -> str:
    rule = cast("Rule", each.rule)
    doc = _in_keys(docs_of(of)[each.name])
    if each.nested is not None:
        inner = _title(title, of, each)
        doc += f" See [{inner}](#{re.sub('[^a-z]', '', inner.lower())})."
    return f"| `{name}` | {doc} | {rule.shown} | {_in_keys(rule.shown_default)} |"


def _in_keys(words: str) -> str:
    """Return words with the settings that they name as the configuration writes them."""
    return re.sub(
        r"\b[a-z]+(?:_[a-z0-9]+)+\b",
        lambda found: camel(found[0]) if found[0] in _field_names() else found[0],
        words,
    )


@functools.cache
def _field_names() -> frozenset[str]:
    pending = [*(kind for group in KEYS.groups for kind in group.types), KEYS.top]
    return frozenset(
        name for kind in pending for each in types_in(kind) for name in fields_of(each)
    )


def project_keys() -> str:
    """Return the entries of Pulumi.yaml's `config` block.

    Nested keys cannot be declared there. Each group has an empty default, so that the engine leaves
    it to the checks here to tell what is missing, all at once. aws:region cannot stand there
    without a value, which would then hold for every stack that forgets its own.
    """
    lines = [_MARKS[0]]
    for name in KEYS.names():
        group = next((each for each in KEYS.groups if each.name == name), None)
        nested = None if group else fields_of(KEYS.top)[name].nested
        inside = (
            [*KEYS.keys_in(group)] if group else [*map(camel, fields_of(nested))] if nested else []
        )
        doc = group.doc if group else docs_of(KEYS.top)[name]
        names = f" Keys: {', '.join(inside)}." if inside else ""
        lines += [
            f"  {name}:",
            "    type: object",
            "    default: {}",
            "    description: >-",
            *textwrap.wrap(f"{doc}{names}", 94, initial_indent=" " * 6, subsequent_indent=" " * 6),
        ]
    return "\n".join([*lines, _MARKS[1]])


def with_project_keys(project_file: str) -> str:
    """Return the text of Pulumi.yaml with its entries brought up to date."""
    begin, end = (project_file.index(mark) for mark in _MARKS)
    return project_file[:begin] + project_keys() + project_file[end + len(_MARKS[1]) :]


def _write() -> None:
    from surgeproof import files  # noqa: PLC0415 - a program does without the toolkit

    REFERENCE.mkdir(parents=True, exist_ok=True)
    files.write_text(REFERENCE / "configuration.md", reference())
    files.write_text(REFERENCE / "alarms.md", alarms_reference())
    project_file = PROJECT_FILE.read_text(encoding="utf-8")
    files.write_text(PROJECT_FILE, with_project_keys(project_file))


if __name__ == "__main__":
    _write()
