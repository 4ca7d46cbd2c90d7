"""The conformance table's rows on scaling policies."""

from dataclasses import replace

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    Figure,
    LifecycleHook,
    Metric,
    Quotas,
    ScheduledAction,
    SimpleScaling,
    StepAdjustment,
    StepScaling,
    TargetGroup,
    TargetTracking,
    TrackedMetric,
)
from surgeproof.simulation import Injected, Injection
from tests.simulation.conformance import Row, minutes
from tests.simulation.support import fixed, patient, service

PERCENT, CHANGE, EXACT = (
    AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
    AdjustmentType.CHANGE_IN_CAPACITY,
    AdjustmentType.EXACT_CAPACITY,
)
COUNT = Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum")
"""Follows the load alone (60 at 1 request/s), so that no policy disturbs its own metric."""

MULTIPLE = "ASG, Dynamic scaling: multiple scaling policies"
STEP = "ASG, Step and simple scaling policies: step adjustments"
ADJUSTMENTS = "ASG, Step and simple scaling policies: scaling adjustment types"
WARMUP = "ASG, Step and simple scaling policies: instance warmup"
TRACKING = "ASG, Target tracking scaling policies"
COOLDOWN = "ASG, Scaling cooldowns"
DEFAULT_WARMUP = "ASG, Set the default instance warmup"


def above(name, threshold, *policies, **changes):
    """An alarm on the number of requests in a minute."""
    values = {
        "name": name,
        "metric": COUNT,
        "comparison": Comparison.GREATER_OR_EQUAL,
        "threshold": threshold,
        "alarm_actions": policies,
    }
    return Alarm(**(values | changes))


def below(name, threshold, *policies, **changes):
    return above(name, threshold, *policies, **({"comparison": Comparison.LESS_OR_EQUAL} | changes))


def per_target(name, threshold, **changes):
    """An alarm on the requests of each target in a minute."""
    metric = Metric(namespace="AWS/ApplicationELB", name="RequestCountPerTarget", statistic="Sum")
    return above(name, threshold, **({"metric": metric} | changes))


def steps(name, kind, *adjustments, **changes):
    """A step policy; each adjustment is (lower, upper, by)."""
    values = {
        "name": name,
        "group": "web",
        "adjustment_type": kind,
        "steps": tuple(
            StepAdjustment(lower=low, upper=high, adjustment=by) for low, high, by in adjustments
        ),
    }
    return StepScaling(**(values | changes))


def out(name, kind, by, **changes):
    return steps(name, kind, (0, None, by), **changes)


def less(name, kind, by, **changes):
    return steps(name, kind, (None, 0, by), **changes)


def simple(name, kind, by, **changes):
    return SimpleScaling(name=name, group="web", adjustment_type=kind, adjustment=by, **changes)


def tracking(name, metric, target, **changes):
    return TargetTracking(name=name, group="web", metric=metric, target=target, **changes)


def fleet(size, policies, alarms=(), **changes):
    """A fleet far below its capacity, whose instances answer after 30 s and are warm after 300."""
    values = {"min_size": 1, "max_size": 40, "desired_capacity": size}
    values |= {"default_instance_warmup_seconds": 300}
    plan = {
        "groups": (patient(**(values | changes.pop("group", {}))),),
        "policies": tuple(policies),
        "alarms": tuple(alarms),
        "service": service(boot_seconds=Figure.exactly(30)),
    }
    return fixed(size, **(plan | changes))


OUT = steps("out", PERCENT, (0, 10, 0), (10, 20, 10), (20, None, 30))
IN = steps("in", PERCENT, (-10, 0, 0), (-20, -10, -10), (None, -20, -30))
GUIDE = (above("high", 50, "out"), below("low", 50, "in"))
"""The guide's example: a threshold of 50, steps at 60 and 70, and at 40 and 30."""

LATER = {"action_repeat_seconds": 3000}
"""So that an alarm acts once, when it changes."""


def reaching(value):
    """The rate at which a minute has as many requests, and a trifle more."""
    return (value + 1e-6) / 60


def falling_to(value):
    """The same, and a trifle less."""
    return (value - 1e-6) / 60


ROWS = (
    Row(
        name="step-60",
        says="With 10 instances and a metric of 60, the step from 60 adds 10 %: 11 instances. At "
        "62 while that one warms up the same step adds nothing; at 70 the next step makes it "
        "30 % of 10, hence 13.",
        source=WARMUP,
        plan=fleet(10, [OUT], GUIDE[:1]),
        load=minutes((reaching(55), 3), reaching(60), reaching(62), reaching(70), (0.5, 3)),
        log=("330 out to 11", "450 out to 13"),
    ),
    Row(
        name="step-70-when-warm",
        says="Once the eleventh instance is warm, 70 adds 30 % of 11, 3.3, rounded down: 14.",
        source=STEP,
        plan=fleet(10, [OUT], GUIDE[:1], group={"default_instance_warmup_seconds": 0}),
        load=minutes((reaching(55), 3), reaching(60), (reaching(55), 2), reaching(70), (0.5, 3)),
        log=("330 out to 11", "510 out to 14"),
    ),
    Row(
        name="step-40-and-30",
        says="With 14 instances a metric of 40 removes 10 %, 1.4, rounded to 1; then one of 30 "
        "removes 30 % of 13, 3.9, rounded to 3: 10.",
        source=STEP,
        plan=fleet(14, [IN], GUIDE[1:]),
        load=minutes((0.8, 3), falling_to(40), (0.75, 2), falling_to(30), (0.8, 3)),
        log=("330 in to 13", "510 in to 10"),
    ),
    Row(
        name="step-bounds",
        says="Above the threshold a step's lower bound belongs to it and its upper does not; below "
        "the threshold it is the other way round.",
        source=STEP,
        plan=fleet(
            10,
            [
                steps("up", CHANGE, (0, 10, 1), (10, None, 5)),
                steps("down", CHANGE, (-10, 0, -1), (None, -10, -5)),
            ],
            (above("high", 120, "up"), below("low", 60, "down")),
            group={"default_instance_warmup_seconds": 0},
        ),
        load=minutes((1.5, 3), reaching(130), (1.5, 4), falling_to(50), (1.5, 3)),
        log=("330 out to 15", "667.082 in to 10"),
    ),
    Row(
        name="min-adjustment-magnitude",
        says="25 % of 4 instances is 1; a minimum magnitude of 2 makes it 2.",
        source=ADJUSTMENTS,
        plan=fleet(
            4, [out("out", PERCENT, 25, min_adjustment_magnitude=2)], [above("a", 60, "out")]
        ),
        load=minutes((0.5, 3), 1, (0.5, 3)),
        log=("330 out to 6",),
    ),
    Row(
        name="percent-below-one",
        says="A percentage that makes less than one instance is rounded to one.",
        source=ADJUSTMENTS,
        plan=fleet(4, [out("out", PERCENT, 10)], [above("a", 60, "out")]),
        load=minutes((0.5, 3), 1, (0.5, 3)),
        log=("330 out to 5",),
    ),
    Row(
        name="percent-down-is-rounded-up",
        says="Between 0 and -1 it is rounded to -1, below -1 towards zero: 20 % of 3 and of 9 are "
        "1.",
        source=ADJUSTMENTS,
        plan=fleet(9, [less("in", PERCENT, -20)], [below("b", 60, "in")], group={"min_size": 1}),
        load=minutes((2, 3), 1, (2, 3)),
        log=("330 in to 8",),
    ),
    Row(
        name="change-in-capacity",
        says="A change of 5 with a current capacity of 3 gives 8.",
        source=ADJUSTMENTS,
        plan=fleet(3, [out("out", CHANGE, 5)], [above("a", 60, "out")]),
        load=minutes((0.5, 3), 1, (0.5, 3)),
        log=("330 out to 8",),
    ),
    Row(
        name="exact-capacity",
        says="An exact capacity of 5 with a current capacity of 3 gives 5.",
        source=ADJUSTMENTS,
        plan=fleet(3, [out("out", EXACT, 5)], [above("a", 60, "out")]),
        load=minutes((0.5, 3), 1, (0.5, 3)),
        log=("330 out to 5",),
    ),
    Row(
        name="never-above-the-maximum",
        says="With a maximum of 3 and a capacity of 2, a policy that adds 3 adds 1.",
        source="ASG, Dynamic scaling: how scaling policies work",
        plan=fleet(2, [out("out", CHANGE, 3)], [above("a", 60, "out")], group={"max_size": 3}),
        load=minutes((0.5, 3), 1, (0.5, 3)),
        log=("330 out to 3",),
    ),
    Row(
        name="never-below-the-minimum",
        says="With a minimum of 2 and a capacity of 3, a policy that removes 2 removes 1.",
        source="ASG, Dynamic scaling: how scaling policies work",
        plan=fleet(3, [less("in", CHANGE, -2)], [below("b", 60, "in")], group={"min_size": 2}),
        load=minutes((2, 3), 1, (2, 3)),
        log=("330 in to 2",),
    ),
    Row(
        name="two-policies-in",
        says="Of two policies that scale in at the same time, the one that leaves the larger "
        "capacity counts: of -3 and -25 % with 8 instances, -25 %, hence 6.",
        source=MULTIPLE,
        plan=fleet(
            8,
            [less("three", CHANGE, -3), less("quarter", PERCENT, -25)],
            [below("b", 60, "three", "quarter")],
        ),
        load=minutes((2, 3), 1, (2, 3)),
        log=("330 in to 6",),
    ),
    Row(
        name="two-policies-out",
        says="Of two policies that scale out at the same time, +1 and +2, the one that gives the "
        "larger capacity counts: 2 instances are launched, not 3.",
        source=MULTIPLE,
        plan=fleet(
            8,
            [out("one", CHANGE, 1), out("two", CHANGE, 2)],
            [above("a", 60, "one", "two")],
        ),
        load=minutes((0.5, 3), 1, (0.5, 3)),
        log=("330 out to 10",),
    ),
    Row(
        name="out-before-in",
        says="The larger capacity counts where one policy scales out and another in at once, too.",
        source=MULTIPLE,
        plan=fleet(
            8,
            [out("one", CHANGE, 1), out("exact", EXACT, 4)],
            [above("a", 60, "exact", "one")],
        ),
        load=minutes((0.5, 3), 1, (0.5, 3)),
        log=("330 out to 9",),
    ),
    Row(
        name="steps-repeat",
        says="Step adjustments go on for further breaches until the alarm is OK again: with no "
        "warmup, once a minute.",
        source="ASG, Step and simple scaling policies: how step scaling policies work",
        plan=fleet(
            4,
            [out("out", CHANGE, 1)],
            [above("a", 60, "out")],
            group={"default_instance_warmup_seconds": 0},
        ),
        load=minutes((0.5, 3), (1, 3), (0.5, 4)),
        log=("330 out to 5", "390 out to 6", "450 out to 7"),
    ),
    Row(
        name="one-breach-without-capacity",
        says="What warms up is not yet part of the current capacity, so several breaches within "
        "one step are one activity; what cannot be launched changes nothing about that.",
        source=WARMUP,
        plan=fleet(10, [out("out", PERCENT, 30)], [above("a", 60, "out")]),
        load=minutes((0.5, 3), (1, 20)),
        injected=[Injected(kind=Injection.NO_CAPACITY, start_seconds=0)],
        log=("330 out to 13",),
    ),
    Row(
        name="one-breach-at-the-quota",
        says="The same at the account's quota.",
        source=WARMUP,
        plan=fleet(10, [out("out", CHANGE, 3)], [above("a", 60, "out")], quotas=Quotas(vcpus=20)),
        load=minutes((0.5, 3), (1, 20)),
        log=("330 out to 13",),
    ),
    Row(
        name="in-at-the-quota",
        says="Launches that fail are no scale-out in progress: the group still scales in.",
        source=WARMUP,
        plan=fleet(
            10,
            [out("out", CHANGE, 3), less("in", CHANGE, -2)],
            [above("a", 60, "out"), below("b", 20, "in")],
            quotas=Quotas(vcpus=20),
        ),
        load=minutes((0.5, 3), (1, 3), (0.2, 3), (0.5, 3)),
        log=("330 out to 13", "547.082 in to 8", "607.082 in to 6", "667.082 in to 4"),
    ),
    Row(
        name="in-waits-for-warmup",
        says="While a scale-out is in progress, scale-in by any policy waits until its instances "
        "are warm.",
        source=WARMUP,
        plan=fleet(
            10,
            [out("out", CHANGE, 1), less("in", EXACT, 5)],
            [above("a", 60, "out"), below("b", 20, "in")],
        ),
        load=minutes((0.5, 3), 1, (0.2, 10)),
        log=("330 out to 11", "667.082 in to 5"),
    ),
    Row(
        name="terminating-counts",
        says="While an instance terminates, a breach in the step that removed it removes no other.",
        source=WARMUP,
        plan=fleet(
            10,
            [less("in", CHANGE, -1)],
            [below("b", 20, "in")],
            service=service(
                boot_seconds=Figure.exactly(30), longest_request_seconds=Figure.exactly(200)
            ),
        ),
        load=minutes((0.5, 3), (0.2, 5), (0.5, 3)),
        log=("330 in to 9", "570 in to 8"),
    ),
    Row(
        name="step-in-needs-no-tracking",
        says="That all trackings must be ready is said of trackings: a step policy scales in "
        "although one is not.",
        source=TRACKING,
        plan=fleet(
            10,
            [
                less("in", CHANGE, -2),
                tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 2),
            ],
            [below("b", 15, "in")],
        ),
        load=minutes((0.3, 3), 0.25, (0.3, 3)),
        log=("330 in to 8",),
    ),
    Row(
        name="simple-in-needs-no-tracking",
        says="The same of a simple policy.",
        source=TRACKING,
        plan=fleet(
            10,
            [
                simple("in", CHANGE, -2),
                tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 2),
            ],
            [below("b", 15, "in")],
        ),
        load=minutes((0.3, 3), 0.25, (0.3, 3)),
        log=("330 in to 8",),
    ),
    Row(
        name="tracking-adds-rounded-up",
        says="Where 1.5 instances would bring the metric to its target, tracking adds 2.",
        source=TRACKING,
        plan=fleet(10, [tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6)]),
        load=minutes((0.9, 3), (1.15, 4), (0.9, 3)),
        log=("450 out to 12",),
    ),
    Row(
        name="tracking-removes-rounded-down",
        says="Where 1.5 instances less would do, tracking removes 1.",
        source=TRACKING,
        plan=fleet(10, [tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6)]),
        load=minutes((0.95, 3), (0.85, 18)),
        changes={"tracking_low_factor": 0.9},
        log=("1207.08 in to 9",),
    ),
    Row(
        name="tracking-in-two-sizes",
        says="What is removed is rounded down in whole instances, also where the group changed "
        "within the minute that the metric is of: 4.44 instances are 5, not 4.",
        source=TRACKING,
        plan=fleet(
            12,
            [tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 2700)],
            group={"min_size": 4},
            service=service(service_seconds=Figure.exactly(0.05)),
        ),
        load=minutes((500, 3), (200, 30)),
        log=("1207.08 in to 5",),
    ),
    Row(
        name="tracking-any-out",
        says="Of several trackings, one that is ready suffices to scale out.",
        source=TRACKING,
        plan=fleet(
            10,
            [
                tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6),
                tracking("cpu", TrackedMetric.CPU, 50),
            ],
        ),
        load=minutes((0.9, 3), (1.2, 4), (0.9, 3)),
        log=("450 out to 12",),
    ),
    Row(
        name="tracking-all-in",
        says="Tracking scales in only where all trackings are ready to: here one is not.",
        source=TRACKING,
        plan=fleet(
            7,
            [
                tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6),
                tracking("many", TrackedMetric.REQUESTS_PER_TARGET, 5.9),
            ],
        ),
        load=minutes((0.64, 3), (0.553, 18)),
        changes={"tracking_low_factor": 0.8},
        log=(),
    ),
    Row(
        name="tracking-all-that-may-scale-in",
        says="A tracking that may not scale in is not asked.",
        source=TRACKING,
        plan=fleet(
            7,
            [
                tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6),
                tracking("many", TrackedMetric.REQUESTS_PER_TARGET, 5.9, disable_scale_in=True),
            ],
        ),
        load=minutes((0.64, 3), (0.553, 18)),
        changes={"tracking_low_factor": 0.8},
        log=("1207.08 in to 6",),
    ),
    Row(
        name="tracking-largest-of-two",
        says="Where all trackings are ready, the one that leaves the larger capacity counts.",
        source=MULTIPLE,
        plan=fleet(
            10,
            [
                tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6),
                tracking("many", TrackedMetric.REQUESTS_PER_TARGET, 4),
            ],
        ),
        load=minutes((0.6, 3), (0.4, 18)),
        changes={"tracking_low_factor": 0.7},
        log=("1221.25 in to 6",),
    ),
    Row(
        name="tracking-without-data",
        says="Without data the alarms of a tracking are in INSUFFICIENT_DATA, and it does not "
        "scale.",
        source=TRACKING,
        plan=fleet(
            10,
            [
                tracking(
                    "latency",
                    Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime"),
                    1,
                )
            ],
            group={"desired_capacity": 10},
        ),
        load=minutes((1, 3), (0, 30)),
        changes={"tracking_low_factor": 0.01},
        log=(),
    ),
    Row(
        name="tracking-to-zero",
        says="Requests per target are reported as 0 where there are none, so the group scales in, "
        "to 0 where its minimum is 0.",
        source=TRACKING,
        plan=fleet(
            10,
            [tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6)],
            group={"min_size": 0},
        ),
        load=minutes((1, 3), (0, 20)),
        log=("1207.08 in to 0",),
    ),
    Row(
        name="tracking-terminating-counts",
        says="When tracking scales in, instances that are terminating belong to the current "
        "capacity: of 6 and 4 that drain, half is 5.",
        source=TRACKING,
        plan=fleet(
            10,
            [tracking("requests", TrackedMetric.REQUESTS_PER_TARGET, 6)],
            service=service(
                boot_seconds=Figure.exactly(30), longest_request_seconds=Figure.exactly(1500)
            ),
            target_groups=(
                TargetGroup(name="tg", unhealthy_threshold=3, deregistration_delay_seconds=1500),
            ),
        ),
        load=minutes((1, 3), (0.6, 17), (0.3, 20)),
        log=("1207.08 in to 6", "1387.08 in to 5"),
    ),
    Row(
        name="cooldown",
        says="After a simple policy's launch, further ones wait until the cooldown is over; it "
        "begins when the instance is in service. Alarms in between change nothing.",
        source=COOLDOWN,
        plan=fleet(4, [simple("out", CHANGE, 1)], [above("a", 60, "out")]),
        load=minutes((0.5, 3), (1, 15)),
        log=("330 out to 5", "690 out to 6", "1050 out to 7"),
    ),
    Row(
        name="cooldown-of-a-policy",
        says="A policy's own cooldown replaces the default one.",
        source=COOLDOWN,
        plan=fleet(4, [simple("out", CHANGE, 1, cooldown_seconds=100)], [above("a", 60, "out")]),
        load=minutes((0.5, 3), (1, 8)),
        log=("330 out to 5", "450 out to 6", "570 out to 7"),
    ),
    Row(
        name="cooldown-after-a-hook",
        says="With a launching hook the cooldown begins when the instance is in service.",
        source=COOLDOWN,
        plan=fleet(
            4,
            [simple("out", CHANGE, 1)],
            [above("a", 60, "out")],
            group={"hooks": (LifecycleHook(name="boot", launching=True),)},
            service=service(boot_seconds=Figure.exactly(120)),
        ),
        load=minutes((0.5, 3), (1, 12)),
        log=("330 out to 5", "810 out to 6"),
    ),
    Row(
        name="cooldown-after-another-policy",
        says="A cooldown follows any launch: a simple policy waits after a step policy's, too.",
        source=COOLDOWN,
        plan=fleet(
            4,
            [simple("one", CHANGE, 1), out("two", CHANGE, 2)],
            [above("a", 90, "one"), above("b", 60, "two")],
        ),
        load=minutes((0.5, 3), 1, (1.5, 8)),
        log=("367.082 out to 6", "690 out to 7"),
    ),
    Row(
        name="cooldown-after-a-replacement",
        says="A simple policy waits until the replacement of an instance is in service, and for "
        "the cooldown after it.",
        source=STEP,
        plan=fleet(4, [simple("out", CHANGE, 1)], [above("a", 60, "out")]),
        load=minutes((0.5, 3), (1, 12)),
        injected=[Injected(kind=Injection.ZONE_LOST, start_seconds=200, end_seconds=250, value=0)],
        log=("630 out to 5",),
    ),
    Row(
        name="no-cooldown-for-others",
        says="Step policies and scheduled actions do not wait for a cooldown.",
        source=COOLDOWN,
        plan=fleet(
            4,
            [simple("one", CHANGE, 1), out("two", CHANGE, 2)],
            [above("a", 60, "one"), above("b", 90, "two")],
            group={"default_instance_warmup_seconds": 0},
            schedules=(
                ScheduledAction(name="at-8", group="web", start_seconds=480, desired_capacity=12),
            ),
        ),
        load=replace(minutes((0.5, 3), 1, 1.5, (0.5, 6)), dated=True),
        changes=LATER | {"schedule_delay_seconds": 6},
        log=("330 out to 5", "427.082 out to 7", "486 scheduled 12"),
    ),
    Row(
        name="cooldown-after-draining",
        says="After a simple policy's scale-in the cooldown begins when the load balancer has "
        "deregistered the instance.",
        source=COOLDOWN,
        plan=fleet(
            8,
            [simple("in", CHANGE, -1, cooldown_seconds=60)],
            [below("b", 30, "in")],
            service=service(longest_request_seconds=Figure.exactly(200)),
        ),
        load=minutes((1, 3), (0.5, 9)),
        log=("330 in to 7", "630 in to 6"),
    ),
    Row(
        name="cooldown-from-the-choice",
        says="On the same page: it begins when the instance starts to drain, so that simple "
        "policies go on as soon as the capacity shows the scale-in.",
        source=COOLDOWN,
        plan=fleet(
            8,
            [simple("in", CHANGE, -1, cooldown_seconds=60)],
            [below("b", 30, "in")],
            service=service(longest_request_seconds=Figure.exactly(200)),
        ),
        load=minutes((1, 3), (0.5, 6)),
        changes={"cooldown_waits_for_draining": 0},
        log=("330 in to 7", "450 in to 6"),
    ),
    Row(
        name="warmup-of-the-policy",
        says="A policy's own warmup replaces the group's: scale-in waits 60 s and not 300.",
        source=WARMUP,
        plan=fleet(
            10,
            [out("out", CHANGE, 1, warmup_seconds=60), less("in", EXACT, 5)],
            [above("a", 60, "out"), below("b", 20, "in")],
        ),
        load=minutes((0.5, 3), 1, (0.2, 10)),
        log=("330 out to 11", "427.082 in to 5"),
    ),
    Row(
        name="warmup-falls-back-to-the-cooldown",
        says="Where neither policy nor group states a warmup, the default cooldown is one.",
        source=WARMUP,
        plan=fleet(
            10,
            [out("out", CHANGE, 1), less("in", EXACT, 5)],
            [above("a", 60, "out"), below("b", 20, "in")],
            group={"default_instance_warmup_seconds": None, "default_cooldown_seconds": 200},
        ),
        load=minutes((0.5, 3), 1, (0.2, 10)),
        log=("330 out to 11", "547.082 in to 5"),
    ),
    Row(
        name="warmup-of-replacements",
        says="Every launch has a warmup: scale-in waits for a replacement's, too.",
        source=DEFAULT_WARMUP,
        plan=fleet(10, [less("in", EXACT, 5)], [below("b", 20, "in")]),
        load=minutes((0.5, 5), (0.2, 12)),
        injected=[Injected(kind=Injection.ZONE_LOST, start_seconds=200, end_seconds=250, value=0)],
        log=("630 in to 5",),
    ),
)
