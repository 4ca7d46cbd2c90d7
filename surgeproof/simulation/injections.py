"""What can be injected into a replay: each kind with its value, and where it cannot act."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from surgeproof.plan import Group, ScalingPlan
from surgeproof.simulation.compiled.records import NEVER, Injection

MOST_INJECTIONS: Final = 60
"""Injections that one run takes (injections): the kernel keeps a bit for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """A failure or an intervention, in seconds after the start of the trace."""

    kind: Injection
    start_seconds: float
    end_seconds: float = NEVER
    value: float = 0.0
    """As `kind` says."""

    def __str__(self) -> str:
        """Return it as `surgeproof replay --inject` takes it."""
        name = name_of(self.kind)
        value = "" if KINDS[self.kind].default is None else f"={self.value:g}"
        start = f"@{_minutes(max(self.start_seconds, 0.0))}"
        end = "" if self.end_seconds >= NEVER else f"-{_minutes(self.end_seconds)}"
        return f"{name}{value}{start}{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What an injection of one kind takes."""

    unit: str = ""
    """What its value is."""
    default: float | None = None
    """Value where none is given. None: it takes no value."""
    above: float = -1.0
    """Its value must be larger."""
    most: float = 0.0
    """Its largest value."""
    idle: float | None = None
    """A value between these at which nothing would change."""
    whole: bool = False
    """Whether its value is a whole number."""
    ends: str = "may"
    """Whether it `must`, `may` or `cannot` have an end."""

    def rule(self) -> str:
        """Return what its value must be."""
        if self.default is None:
            return "no value"
        number = "a whole number" if self.whole else "a number"
        beside = "" if self.idle is None else f" other than {self.idle:g}"
        return f"{number} above {self.above:g} and at most {self.most:g}{beside} ({self.unit})"

    def takes(self, value: float) -> bool:
        """Return whether `value` is allowed and can change anything."""
        if self.default is None:
            return value == 0.0
        return (
            self.above < value <= self.most
            and value != self.idle
            and (not self.whole or value == int(value))
        )


_FACTOR: Final = Kind(unit="factor", default=3.0, above=1.0, most=1000.0)
_PLAIN: Final = Kind()

KINDS: Final[Mapping[Injection, Kind]] = MappingProxyType(
    {
        Injection.ZONE_LOST: Kind(
            unit="index of the zone", default=0.0, above=-1.0, most=60.0, whole=True
        ),
        Injection.NO_CAPACITY: _PLAIN,
        Injection.BOOT_SLOWER: _FACTOR,
        Injection.DATABASE_SLOWER: _FACTOR,
        Injection.METRICS_LATE: Kind(unit="seconds", default=120.0, above=0.0, most=3600.0),
        Injection.LOAD_SHED: Kind(unit="share", default=0.2, above=0.0, most=1.0),
        Injection.ROLLING_RESTART: Kind(ends="must"),
        Injection.UNEVEN_LOAD: Kind(unit="share", default=0.8, above=0.0, most=1.0, idle=0.5),
        Injection.INSTANCE_REFRESH: Kind(ends="cannot"),
    }
)
"""Every kind of injection, with what it takes."""


def name_of(kind: Injection) -> str:
    """Return what a kind is called on the command line."""
    return kind.name.lower().replace("_", "-")


def problem(injected: Injected) -> str | None:
    """Return the rule that an injection breaks, whatever it is injected into, or None."""
    kind = KINDS[injected.kind]
    name = name_of(injected.kind)
    if not kind.takes(injected.value):
        return f"{name} must have {kind.rule()}"
    if not injected.start_seconds < injected.end_seconds:
        return f"{name} must end after its start"
    if kind.ends == "must" and injected.end_seconds >= NEVER:
        return f"{name} must have an END"
    if kind.ends == "cannot" and injected.end_seconds < NEVER:
        return f"{name} must have no END: it is over when all instances are replaced"
    return None


def cannot_act(injected: Injected, plan: ScalingPlan, group: Group, seconds: float) -> str | None:
    """Return why an injection cannot change anything for a group of `plan`; None if it can.

    `seconds` is how long the trace is.
    """
    service, database, zones = plan.service, plan.database, group.zones
    scheduled = any(action.group == group.name for action in plan.schedules)
    most = NEVER if scheduled else group.max_size
    if injected.start_seconds >= seconds:
        return f"the trace ends at {_minutes(seconds)}"
    if most < 1:
        return f"group {group.name} has no instance"
    match injected.kind:
        case Injection.ZONE_LOST if injected.value >= len(zones):
            listed = ", ".join(f"{number} ({zone})" for number, zone in enumerate(zones))
            return f"the zones of group {group.name} are {listed}"
        case Injection.DATABASE_SLOWER if database is None:
            return "the plan has no database"
        case Injection.DATABASE_SLOWER if (
            service is not None
            and database is not None
            and service.database_seconds.high <= 0.0
            and database.queries_per_second is None
        ):
            return "no request waits for the database: service.databaseSeconds is 0"
        case Injection.BOOT_SLOWER if (
            service is not None
            and service.boot_seconds.high <= 0.0
            and (group.warm_pool is None or service.pool_start_seconds.high <= 0.0)
        ):
            return "an instance boots in no time: service.bootSeconds is 0"
        case Injection.UNEVEN_LOAD if most < 2:
            return f"group {group.name} has one instance"
    return None


def _minutes(seconds: float) -> str:
    """Return a moment as the command line takes it, to the second."""
    whole = round(seconds, 3)
    return f"{whole / 60:g}m" if whole % 60 == 0 else f"{whole:g}"
