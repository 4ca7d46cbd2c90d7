"""Head-room: the multiple that breaks a group, and the limits that do, one behind the other."""

from dataclasses import replace

import numpy as np
import pytest

from surgeproof.plan import Database, Figure, Prices, Quotas, WarmPool
from surgeproof.plan.configured import Surviving
from surgeproof.review.breaking import BELOW, GRID, Edge, Search
from surgeproof.review.headroom import Sources, headroom
from surgeproof.simulation import Bottleneck
from surgeproof.simulation.outcomes import Word
from tests.simulation.support import Rates, fixed, group, scaling, service, surge

STATED = Sources(vcpus="account.vcpuQuota")


def rising(low, high, seconds=3000):
    """A load that rises so slowly that a group which may grow is in time."""
    return Rates(np.linspace(low, high, seconds // 10), 10.0)


def reviewed(plan, load, **more):
    options = {"limits": Surviving(), "sources": STATED, "most": 8.0} | more
    return headroom(plan, load, surge="own", trace="own.csv", group=plan.groups[0], **options)


def limits_of(found):
    return [[each.limit for each in broken.limits] for broken in found.breaks]


class Asked(Search):
    """A search whose answers are given, to see which multiples it asks for."""

    def __init__(self, survives, most=20.0):
        super().__init__(plan=None, load=None, group="web", limits=Surviving(), most=most)
        self.survives, self.all_runs = survives, []

    def holds(self, multiple, lifted=frozenset(), *, few=False):
        if not few:
            self.all_runs.append(multiple)
        return self.survives(multiple, few)


@pytest.mark.parametrize("limit", [0.3, 0.99, 1.0, 1.7, 6.4, 19.0])
def test_the_largest_multiple_that_survives_is_found_to_two_percent(limit):
    asked = Asked(lambda multiple, few: multiple <= limit)

    edge = asked.edge()

    assert edge.survives <= limit < edge.breaks
    assert edge.breaks / edge.survives <= 1.02
    assert edge.survives in asked.all_runs
    assert edge.survives_again == ()


def test_where_nothing_breaks_there_is_no_edge_and_the_largest_multiple_is_tried():
    edge = Asked(lambda multiple, few: True, most=3.0).edge()

    below = [3.0 * share for share in sorted(BELOW)]
    assert edge == Edge(
        survives=3.0, breaks=None, tried=(1.0, GRID, GRID**2, GRID**3, GRID**4, *below, 3.0)
    )


def test_where_no_multiple_survives_it_says_so():
    edge = Asked(lambda multiple, few: False).edge()

    assert (edge.survives, edge.breaks) == (None, 1.0)
    assert min(edge.tried) == pytest.approx(0.0550, abs=0.001)


def test_what_the_few_runs_survive_is_held_against_all_and_the_answer_lies_below():
    asked = Asked(lambda multiple, few: multiple <= (2.0 if few else 1.5))

    edge = asked.edge()

    assert edge.survives <= 1.5
    assert edge.survives in asked.all_runs


def test_an_answer_that_is_not_monotone_is_said():
    asked = Asked(lambda multiple, few: multiple <= 2 or 2.1 < multiple < 2.3)

    edge = asked.edge()

    assert edge.survives == pytest.approx(2, rel=0.02)
    assert edge.survives_again == pytest.approx((2.22, 2.28), abs=0.01)


def test_what_a_whole_grid_step_hides_above_the_answer_is_looked_for():
    asked = Asked(lambda multiple, few: multiple <= 2 or 2.15 < multiple < 2.28)

    edge = asked.edge()

    assert edge.survives == pytest.approx(2, rel=0.02)
    assert edge.survives_again


def test_a_fixed_fleet_breaks_by_its_size_and_lifted_it_does_not():
    plan = replace(fixed(4), prices=Prices(instance_hour=0.5))
    load = Rates(np.full(120, 100.0), 10.0)

    found = reviewed(plan, load, find=1)

    first = found.breaks[0]
    assert found.word is Word.SURVIVES
    assert limits_of(found) == [["max_size"]]
    # 4 instances carry 400 requests/s, and queues grow before that.
    assert 3.0 < first.survives < first.breaks < 4.0
    assert first.peak_requests_per_second == pytest.approx(100 * first.breaks)
    assert first.worst_without.survived
    assert not first.worst.survived
    named = first.limits[0]
    assert (named.resource, named.property, named.setting, named.value) == (
        "aws.autoscaling.Group `web`",
        "maxSize",
        "fleet.maxSize",
        "4 instances",
    )
    now, then = found.costs
    assert (now.multiple, then.multiple) == (1.0, first.survives)
    # 4 instances for 20 minutes, whatever comes.
    assert [each.instance_hours for each in (now, then)] == pytest.approx([4 / 3, 4 / 3])
    assert now.amount == pytest.approx(2 / 3)


def test_behind_the_quota_stands_the_maximum_size():
    plan = scaling(quotas=Quotas(vcpus=12), groups=(group(max_size=10),))

    found = reviewed(plan, rising(100, 200), find=2)

    assert limits_of(found) == [["quota"], ["max_size"]]
    quota, size = found.breaks
    # 6 instances and then 10 of 100 requests/s each, where the load begins at twice 100.
    assert 2.0 < quota.survives < quota.breaks < 3.1
    assert 3.5 < size.survives < size.breaks < 5.1
    assert quota.limits[0].value == "12 vCPU"


def test_two_limits_at_one_size_are_named_together():
    plan = scaling(quotas=Quotas(vcpus=20), groups=(group(max_size=10),))

    found = reviewed(plan, rising(100, 200), find=1)

    assert limits_of(found) == [["max_size", "quota"]]


def test_connections_of_the_database_break_first_where_they_are_few():
    plan = scaling(
        service=service(
            connections_per_instance=Figure.exactly(20), database_seconds=Figure.exactly(0.01)
        ),
        database=Database(name="shop", max_connections=100),
    )

    found = reviewed(plan, rising(100, 200), find=1)

    assert limits_of(found) == [["connections"]]
    assert found.breaks[0].limits[0].resource == "database `shop`"
    rooms = {room.limit: room for room in found.rooms}
    connections = rooms[Bottleneck.CONNECTIONS.short]
    assert connections.value == 100
    assert connections.use == pytest.approx(20 * rooms[Bottleneck.MAX_SIZE.short].use)
    assert connections.multiple == pytest.approx(100 / connections.use)


@pytest.mark.parametrize(
    ("after", "boot_seconds", "limits", "low", "high"),
    [
        # 6 instances carry 600 requests/s: 650 are too many at once, however soon more come.
        (650, 60, ["detection", "launch"], 0.75, 0.9),
        (500, 300, ["launch"], 1.0, 1.2),
    ],
)
def test_a_sudden_surge_breaks_by_what_takes_longest_until_instances_answer(
    after, boot_seconds, limits, low, high
):
    plan = scaling(
        groups=(group(min_size=6, max_size=100),),
        service=service(boot_seconds=Figure.exactly(boot_seconds)),
    )

    found = reviewed(plan, surge(300, after, 300, 1800), find=1)

    assert limits_of(found) == [limits]
    assert low < found.survives < high
    named = {each.limit: each for each in found.breaks[0].limits}
    assert named["launch"].value == f"{boot_seconds} to {boot_seconds} s"
    if "detection" in named:
        assert named["detection"].resource == "aws.autoscaling.Policy `requests`"
        assert named["detection"].value.startswith("more instances are asked for ")


def test_instances_that_would_run_from_the_start_keep_to_the_quota_too():
    plan = scaling(
        groups=(group(min_size=6, max_size=100),),
        service=service(boot_seconds=Figure.exactly(60)),
        quotas=Quotas(vcpus=30),
    )

    found = reviewed(plan, surge(300, 650, 300, 1800), find=2)

    assert limits_of(found) == [["detection", "launch"], ["quota"]]
    assert 1.9 < found.breaks[1].survives < 2.31  # 15 instances carry 1500 requests/s


def test_a_group_that_fails_today_breaks_below_one():
    found = reviewed(fixed(1), Rates(np.full(120, 200.0), 10.0), find=1)

    assert found.word is Word.FAILS
    assert found.survived_runs == 0
    assert 0.3 < found.survives < 0.5


def test_the_rooms_are_the_limits_that_have_a_number():
    plan = scaling(
        quotas=Quotas(vcpus=64),
        groups=(group(max_size=10, warm_pool=WarmPool(min_size=3)),),
    )
    sources = Sources(vcpus="Service Quotas", targets=(1000.0, "AWS's documented default"))

    found = reviewed(plan, Rates(np.full(60, 100.0), 10.0), sources=sources, most=1.0)

    rows = {room.limit: (room.value, room.source, room.use, room.multiple) for room in found.rooms}
    assert found.breaks == ()
    # 100 requests/s need a little more than one instance that carries 100 at most.
    need = rows["maximum size"][2]
    assert 1.0 < need < 1.25
    assert rows == {
        "maximum size": (10, "plan", need, 10 / need),
        "vCPU quota": (64, "Service Quotas", 2 * need, 32 / need),
        "targets of a target group": (1000, "AWS's documented default", need, 1000 / need),
        "warm pool": (8, "plan", 0, None),
        "instance capacity": (100, "configuration", 50, 2),
    }


def test_the_need_grows_with_the_range_of_what_an_instance_carries():
    exact, vague = (
        reviewed(fixed(4, service=service(requests_per_second=figure)), load, most=1.0).rooms[0].use
        for figure in (Figure.exactly(100), Figure(low=50, typical=100, high=150))
        for load in [Rates(np.full(60, 100.0), 10.0)]
    )

    assert vague == pytest.approx(2 * exact)
