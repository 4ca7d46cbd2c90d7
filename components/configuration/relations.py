"""Rules between settings of several components.

Those between settings of one component stand beside its Args.
"""

import math
from typing import Final

from surgeproof.components.database.classes import database_class
from surgeproof.settings.aws_limits import REBALANCING
from surgeproof.settings.fields import plain
from surgeproof.settings.keys import KeyProblem as Problem
from surgeproof.settings.keys import Read


def _connections_fit(values: Read) -> list[Problem]:
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
    fits = math.floor(round(most / (REBALANCING * pool), 9))
    if size <= fits:
        return []
    rule = (
        f"be at most {fits}, so that 1.1 x fleet.maxSize x service.connectionsPerInstance (up to "
        f"{plain(pool)}) is at most {source} ({most} connections), or database.proxy true"
    )
    return [Problem(("fleet", "maxSize"), rule, size)]


def _schedules_fit(values: Read) -> list[Problem]:
    """Hold that a schedule's minimum lies between those of the group."""
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


RELATIONS: Final = (_schedules_fit, _connections_fit)
"""All of them; each returns what does not keep it."""
