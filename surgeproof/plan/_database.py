"""The database that the instances share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from surgeproof.plan import _properties as known
from surgeproof.plan._connections import default_connections, is_default
from surgeproof.plan._instances import vcpus
from surgeproof.plan._reach import reachable
from surgeproof.plan._stack import Stack
from surgeproof.plan._view import UNKNOWN, Resource, View
from surgeproof.plan.model import Database
from surgeproof.settings.errors import listed

_PARAMETERS: Final = known.DATABASE_PARAMETERS | known.DATABASE_CLUSTER_PARAMETERS


@dataclass(frozen=True, slots=True)
class _Instance:
    """A database instance, and where its limit may be stated."""

    whole: View
    """What states the engine."""
    own: View
    class_at: str
    groups: tuple[tuple[Resource, View, str], ...]
    """What names its parameter groups, the first of which that states a value decides."""

    def size(self, field: str) -> str | None:
        """Return its class; an unknown one is noted."""
        return self.own.text(self.class_at, field)


class Databases:
    """Reads the database."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def database(self) -> Database | None:
        # A replica takes reads only, and none without the application's doing.
        found = [
            *(
                each
                for each in self._stack.of(known.DATABASE)
                if each.properties.get("replicateSourceDb") is None
            ),
            *(
                each
                for each in self._stack.of(known.DATABASE_CLUSTER)
                if not each.properties.get("replicationSourceIdentifier")
            ),
        ]
        if not found:
            return None
        asked = reachable(self._stack, found)
        databases = [self._database(each) for each in asked]
        if len(databases) == 1:
            return databases[0]
        names = listed([each.name for each in databases])
        reason = f"which of {len(databases)} databases the instances ask is not known ({names})"
        self._stack.notes.add(
            "database",
            f"{reason[0].upper()}{reason[1:]}; the least of all is taken.",
            missing=reason,
        )
        limits = [each.max_connections for each in databases]
        return Database(
            name=" or ".join(each.name for each in databases),
            max_connections=min((each for each in limits if each is not None), default=None),
            parallelism=min(each.parallelism for each in databases),
            proxied=all(each.proxied for each in databases),
        )

    def _database(self, resource: Resource) -> Database:
        is_cluster = resource.type in known.DATABASE_CLUSTER
        stated = resource.properties.get("clusterIdentifier" if is_cluster else "identifier")
        instances = list(self._cluster(resource) if is_cluster else self._alone(resource))
        sizes = [vcpus(size) if (size := each.size("parallelism")) else None for each in instances]
        if None in sizes:
            self._note("parallelism", "The name of its class does not tell its vCPU; 2 are taken.")
        proxied = self._is_proxied(resource, is_cluster=is_cluster)
        if proxied:
            self._note("proxied", "Instances are taken to reach it through its proxy only.")
        limits = [self._limit(each) for each in instances]
        return Database(
            name=stated if isinstance(stated, str) else resource.name,
            # Any instance of a cluster may become the writer.
            max_connections=min((each for each in limits if each is not None), default=None),
            parallelism=min((each or 2.0 for each in sizes), default=2.0),
            proxied=proxied,
        )

    def _note(self, field: str, reason: str, *, supply: bool = False) -> None:
        self._stack.notes.add(f"database.{field}", reason, supply=supply)

    def _alone(self, resource: Resource) -> Iterator[_Instance]:
        view = self._stack.view(resource, "database", known.DATABASE_ROW)
        yield _Instance(view, view, "instanceClass", ((resource, view, "parameterGroupName"),))

    def _cluster(self, cluster: Resource) -> Iterator[_Instance]:
        """Yield the instances of an Aurora cluster; a Multi-AZ cluster has one class for all."""
        whole = self._stack.view(cluster, "database", known.DATABASE_CLUSTER_ROW)
        own = (cluster, whole, "dbClusterParameterGroupName")
        members = [
            each
            for each in self._stack.of(known.DATABASE_CLUSTER_INSTANCE)
            if self._stack.refer(
                each,
                "clusterIdentifier",
                each.properties.get("clusterIdentifier"),
                known.DATABASE_CLUSTER,
                ("clusterIdentifier", "id"),
            )
            is cluster
        ]
        for each in members:
            view = self._stack.view(each, "database", known.DATABASE_CLUSTER_INSTANCE_ROW)
            groups = ((each, view, "dbParameterGroupName"), own)
            yield _Instance(whole, view, "instanceClass", groups)
        if not members:
            yield _Instance(whole, whole, "dbClusterInstanceClass", (own,))

    def _is_proxied(self, resource: Resource, *, is_cluster: bool) -> bool:
        path, keys = "dbInstanceIdentifier", ("identifier", "id")
        if is_cluster:
            path, keys = "dbClusterIdentifier", ("clusterIdentifier", "id")
        return any(
            self._stack.refer(
                target, path, target.properties.get(path), frozenset({resource.type}), keys
            )
            is resource
            for target in self._stack.of(known.DATABASE_PROXY_TARGET)
        )

    def _limit(self, instance: _Instance) -> int | None:
        """Return what the first parameter group states that states it, else the class's default."""
        for resource, view, path in instance.groups:
            value = view.get(path, "max_connections")
            raw = view.raw(path)
            group = self._stack.refer(resource, path, raw, _PARAMETERS, ("name", "id"))
            if group is None and raw is not None and not str(raw).startswith("default."):
                if raw is not UNKNOWN:
                    self._not_stated(f"parameter group {value} is not of this stack")
                return None
            parameters = group.properties.get("parameters") if group else None
            for parameter in parameters if isinstance(parameters, list | tuple) else ():
                if isinstance(parameter, Mapping) and parameter.get("name") == "max_connections":
                    stated = str(parameter.get("value"))
                    if stated.isdigit():
                        return int(stated)
                    if not is_default(stated):
                        self._not_stated("a parameter group states no number")
                        return None
        engine = instance.whole.text("engine", "max_connections")
        size = instance.size("max_connections")
        default = default_connections(engine, size) if engine and size else None
        if default is None:
            self._not_stated("AWS states no default for its class")
            return None
        least, most = default
        if least < most:
            self._note(
                "max_connections",
                f"No parameter group states it; of the class's default, which is {least} to "
                f"{most}, the least is taken.",
            )
        return least

    def _not_stated(self, why: str) -> None:
        self._note("max_connections", f"It is not known, as {why}; no limit is taken.", supply=True)
