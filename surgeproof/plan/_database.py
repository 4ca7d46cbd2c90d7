"""The database that the instances share."""

from collections.abc import Mapping

from surgeproof.plan import _properties as known
from surgeproof.plan._instances import vcpus
from surgeproof.plan._stack import Stack
from surgeproof.plan._view import Resource, View
from surgeproof.plan.model import Database


class Databases:
    """Reads the database."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def database(self) -> Database | None:
        if self._stack.of(known.DATABASE_CLUSTER):
            self._stack.notes.add("database", "Database clusters are not modelled.")
        # A replica takes reads only, and none without the application's doing.
        found = [
            each
            for each in self._stack.of(known.DATABASE)
            if each.properties.get("replicateSourceDb") is None
        ]
        if not found:
            return None
        if len(found) > 1:
            self._stack.notes.add(
                "database", "There are several; which one the instances ask cannot be told."
            )
            return None
        resource = found[0]
        stated = resource.properties.get("identifier")
        name = stated if isinstance(stated, str) else resource.name
        view = self._stack.view(resource, "database", known.DATABASE_ROW)
        size = view.text("instanceClass", "parallelism")
        parallelism = vcpus(size) if size else None
        if parallelism is None:
            view.note("parallelism", "The name of its class does not tell its vCPU; 2 are taken.")
        proxied = any(
            self._stack.refer(
                target,
                "dbInstanceIdentifier",
                target.properties.get("dbInstanceIdentifier"),
                known.DATABASE,
                ("identifier", "id"),
            )
            is resource
            for target in self._stack.of(known.DATABASE_PROXY_TARGET)
        )
        if proxied:
            view.note("proxied", "Instances are taken to reach it through its proxy only.")
        return Database(
            name=name,
            max_connections=self._max_connections(resource, view),
            parallelism=parallelism or 2.0,
            proxied=proxied,
        )

    def _max_connections(self, resource: Resource, view: View) -> int | None:
        value = view.raw("parameterGroupName")
        group = self._stack.refer(
            resource, "parameterGroupName", value, known.DATABASE_PARAMETERS, ("name", "id")
        )
        parameters = group.properties.get("parameters") if group else None
        for parameter in parameters if isinstance(parameters, list | tuple) else ():
            if isinstance(parameter, Mapping) and parameter.get("name") == "max_connections":
                stated = str(parameter.get("value"))
                if stated.isdigit():
                    return int(stated)
        view.note(
            "max_connections",
            "It is not stated as a number in a parameter group of this stack; no limit is taken.",
        )
        return None
