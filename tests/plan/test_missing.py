"""What is missing of a plan, and for whom it matters."""

from dataclasses import replace

import pytest

from surgeproof.plan import Database, Figure, NotSeen, ScheduledAction, SimpleScaling
from surgeproof.plan.missing import missing
from surgeproof.plan.model import AdjustmentType, Alarm, Comparison, Metric
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.verdict import judge
from tests.report.support import fixed, surge

LACKS = "`maxSize` of Group `web` is known only during `up`"


def plan(path, *, connections=10.0, **changes):
    of_other = SimpleScaling(
        name="grow",
        group="other",
        adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
        adjustment=1,
    )
    found = fixed()
    service = replace(found.service, connections_per_instance=Figure.exactly(connections))
    group = replace(found.groups[0], target_group="web")
    tells = Alarm(
        name="tells",
        metric=Metric(namespace="AWS/EC2", name="CPUUtilization"),
        comparison=Comparison.GREATER,
        threshold=80,
    )
    return replace(
        found,
        groups=(group,),
        policies=(of_other,),
        schedules=(ScheduledAction(name="night", group="web", recurrence="0 0 * * *"),),
        alarms=(tells, replace(tells, name="scales", alarm_actions=("grow",))),
        service=service,
        not_seen=(NotSeen(path=path, reason="It waits.", missing=LACKS),),
        **changes,
    )


@pytest.mark.parametrize(
    ("path", "alarms", "matters"),
    [
        ("groups[web].max_size", False, True),
        ("groups[other].max_size", False, False),
        ("target_groups[web].name", False, True),
        ("target_groups[other].name", False, False),
        ("policies[requests].target", False, True),
        ("policies[grow].adjustment", False, False),
        ("schedules[night].max_size", False, True),
        ("load_balancer.idle_timeout_seconds", False, True),
        ("listeners[web].defaultActions", False, True),
        ("database.max_connections", False, True),
        ("alarms[tells].threshold", False, False),
        ("alarms[tells].threshold", True, True),
        ("alarms[tells].alarm_actions", False, True),
        ("alarms[scales].threshold", False, True),
        ("alarms[unread].threshold", False, True),
        ("composites[page].rule", False, False),
        ("composites[page].rule", True, True),
        ("topics[page].name", True, False),
    ],
)
def test_what_is_missing_matters_where_it_may_change_what_becomes_of_the_group(
    path, alarms, matters
):
    assert missing(plan(path), "web", alarms=alarms) == ((LACKS,) if matters else ())


@pytest.mark.parametrize(
    ("path", "connections", "accepted", "matters"),
    [
        ("database.max_connections", 0.0, None, False),
        ("database", 0.0, 10, False),
        # Eight instances, at 110 %, open nine times ten connections.
        ("database", 10.0, 90, False),
        ("database", 10.0, 89, True),
        ("database", 10.0, None, True),
    ],
)
def test_a_database_matters_where_it_may_limit_the_group(path, connections, accepted, matters):
    found = plan(
        path, connections=connections, database=Database(name="db", max_connections=accepted)
    )
    found = replace(found, groups=(replace(found.groups[0], min_size=1, max_size=8),))

    assert missing(found, "web") == ((LACKS,) if matters else ())


def test_what_is_missing_leaves_the_verdict_open_whatever_the_runs_say():
    for peak, count in ((10, 140), (4000, 0)):
        verdict = judge(
            replace(plan("groups[web].x"), policies=(), alarms=()), surge(10, peak)
        ).verdict

        assert (verdict.word, verdict.supply_unknown) == (Word.UNCERTAIN, (LACKS,))
        assert verdict.why == (
            f"{count} of 140 runs have at most 0.5 % of users affected and 2 bad minutes, but they "
            f"decide nothing: {LACKS}."
        )
