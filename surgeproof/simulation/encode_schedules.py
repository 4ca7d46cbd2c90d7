"""From scheduled actions to the moments at which they run, and the sizes that they set."""

import math
from datetime import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from cronsim import CronSim, CronSimError

from surgeproof.plan import (
    Group,
    ScalingPlan,
    ScheduledAction,
)
from surgeproof.simulation.catalogue import (
    NotModelledError,
)
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.left_out import LeftOut
from surgeproof.simulation.load import Load


def schedules(
    plan: ScalingPlan, group: Group, load: Load, seconds: float, before: float, left_out: LeftOut
) -> tuple[r.Records, tuple[str, ...]]:
    """Return the scheduled actions of the trace, of the time before it, and what holds then.

    Their names are in the order of the records.
    """
    rows: list[tuple[str, tuple[float, ...]]] = []
    for action in plan.schedules:
        if action.group != group.name:
            continue
        if not load.dated:
            # One that only raises a size may only help.
            left_out.add(
                f"scheduled action {action.name} is left out: the trace has no date",
                supply=_lowers(action, group),
            )
            continue
        try:
            moments = moments_of(action, load.start_seconds, seconds, before)
        except NotModelledError as error:
            left_out.add(f"scheduled action {action.name} is left out: {error}", supply=True)
            continue
        sizes = (action.min_size, action.max_size, action.desired_capacity)
        stated = [-1 if size is None else size for size in sizes]
        rows += [(action.name, (*stated, moment)) for moment in moments]
    rows.sort(key=lambda row: row[1][-1])
    return np.array([row for _, row in rows], r.SCHEDULE), tuple(name for name, _ in rows)


def _lowers(action: ScheduledAction, group: Group) -> bool:
    """Whether an action may leave fewer instances than the group's own sizes."""
    sizes = (
        (action.min_size, group.min_size),
        (action.max_size, group.max_size),
        (action.desired_capacity, group.min_size),
    )
    return any(size is not None and size < bound for size, bound in sizes)


def moments_of(action: ScheduledAction, start: float, seconds: float, before: float) -> list[float]:
    """Return when an action runs, in seconds after the start of the trace.

    That is from `before` seconds earlier on; of what was before that, the last time, since what it
    set then holds until something else sets it.

    It runs at its start time, where it has one, and then by its recurrence until its end time (API
    reference, PutScheduledUpdateGroupAction). cronsim reads the recurrence as cron does: a day
    matches the day of the month or of the week where both are restricted.
    """
    once = action.start_seconds
    found = [] if once is None else [once]
    if action.recurrence is not None:
        try:
            zone = ZoneInfo(action.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise NotModelledError(f"no time zone {action.time_zone!r}") from None
        begin, end = start - before, start + seconds
        if action.end_seconds is not None:
            end = min(end, action.end_seconds)
        # The first moment that may count is after the one before it.
        after = max(begin, -math.inf if once is None else once) - (once is None)
        try:
            moments = CronSim(action.recurrence, datetime.fromtimestamp(after, zone))
            past = CronSim(
                action.recurrence, datetime.fromtimestamp(min(begin, end), zone), reverse=True
            )
            last = next((moment.timestamp() for moment in past), -math.inf)
        except CronSimError as error:
            reason = f"no reading of its recurrence {action.recurrence!r}: {error}"
            raise NotModelledError(reason) from None
        if once is None or last > once:
            found.insert(0, last)
        found += takewhile(end.__gt__, (moment.timestamp() for moment in moments))
    held = max((moment for moment in found if moment < start - before), default=-math.inf)
    return [
        moment - start
        for moment in dict.fromkeys(found)
        if held <= moment < start + seconds and moment > -math.inf
    ]
