"""What is missing in a plan of what decides how a group fares under load.

Whoever replays a plan asks here first, so that the gate and the command decide the same.
"""

import math
from typing import Final

from surgeproof.plan.model import Group, NotSeen, ScalingPlan

_REBALANCED_PERCENT: Final = 110
"""How far a group may grow while it moves instances between zones (percent of its maximum): "the
system can temporarily exceed the specified maximum capacity of a group by a 10% margin during a
rebalancing activity"
(http://docs.amazonwebservices.com/AutoScaling/latest/DeveloperGuide/AutoScalingBehavior.html)."""


def missing(plan: ScalingPlan, group: str, *, alarms: bool = False) -> tuple[str, ...]:
    """Return what is missing, in the program's terms, one sentence each without its period.

    Args:
        plan: The plan, completed with what the configuration states.
        group: The group's name.
        alarms: Whether it matters, too, when an alarm fires that scales nothing.

    """
    found = (each for each in plan.not_seen if each.missing)
    return tuple(
        dict.fromkeys(each.missing for each in found if _matters(plan, each, group, alarms=alarms))
    )


def _matters(plan: ScalingPlan, note: NotSeen, group: str, *, alarms: bool) -> bool:
    # `alarms[demand].threshold`, or `load_balancer.idle_timeout_seconds`.
    head, _, rest = note.path.partition("[")
    head = head.partition(".")[0]
    name, _, field = rest.partition("]")
    if head == "groups":
        return name == group
    if head == "target_groups":
        return name == plan.group(group).target_group
    if head == "database":
        return _database_matters(plan, several=note.path == "database")
    if head in {"alarms", "composites"} and alarms:
        return True
    if head == "alarms":
        alarm = next((each for each in plan.alarms if each.name == name), None)
        # An alarm that only notifies somebody scales nothing.
        return alarm is None or bool(alarm.alarm_actions) or field.endswith("actions")
    if head in {"policies", "schedules"}:
        owners = {each.group for each in (*plan.policies, *plan.schedules) if each.name == name}
        return not owners or group in owners
    return head not in {"composites", "topics"}


def _database_matters(plan: ScalingPlan, *, several: bool) -> bool:
    """Whether a database can limit the groups.

    Without a figure of connections or of the time spent in it, it limits nothing. Nor does it where
    all groups together hold no more connections than any of several databases accepts.
    """
    service, database = plan.service, plan.database
    if service is None or service.database_seconds.high > 0:
        return True
    each = service.connections_per_instance.high
    if not several or database is None or database.max_connections is None:
        return each > 0
    most = sum(map(_most, plan.groups)) * each
    return not database.proxied and most > database.max_connections


def _most(group: Group) -> int:
    """Return to how many instances a group grows while it replaces or moves some."""
    percents = [
        _REBALANCED_PERCENT,
        *(
            each.max_healthy_percent or 100
            for each in (group.refresh, group.maintenance)
            if each is not None
        ),
    ]
    return math.ceil(group.max_size * max(percents) / 100)
