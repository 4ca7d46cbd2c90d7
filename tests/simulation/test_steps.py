"""The rules do not depend on the step: what the group does, in which order, and when."""

from collections import defaultdict
from dataclasses import replace

import pytest

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    Figure,
    InstanceMaintenancePolicy,
    InstanceRefresh,
    LifecycleHook,
    Metric,
    Quotas,
    ScheduledAction,
    SimpleScaling,
    StepAdjustment,
    StepScaling,
    TargetGroup,
    WarmPool,
)
from surgeproof.simulation import Event, Injected, Injection, simulate
from tests.simulation.support import (
    CERTAIN,
    Rates,
    constant,
    fixed,
    group,
    patient,
    scaling,
    service,
    surge,
    users,
)

ACTIVITIES = {
    Event.SCALE_OUT,
    Event.SCALE_IN,
    Event.SCHEDULED,
    Event.LAUNCH,
    Event.LAUNCH_FROM_POOL,
    Event.LAUNCH_FAILED,
    Event.IN_SERVICE,
    Event.ANSWERS,
    Event.WARM,
    Event.REPLACED,
    Event.TERMINATING,
    Event.TERMINATED,
    Event.REFRESH_STARTS,
    Event.REFRESH_ENDS,
    Event.REFRESH_FAILED,
    Event.REFRESH_STOPPED,
    Event.AT_MAX_SIZE,
}
"""What the group does; how a queue grows, and what checks make of it, is no rule."""

SLOW_BOOT = service(boot_seconds=Figure.exactly(900))


def at(minute, **sizes):
    return ScheduledAction(name=f"at-{minute}", group="web", start_seconds=60 * minute, **sizes)


def dated(load):
    return replace(load, dated=True)


def injected(kind, start, end=1e18, value=0.0):
    return [Injected(kind=kind, start_seconds=start, end_seconds=end, value=value)]


def refreshed(size, maintenance=None, **preferences):
    refresh = InstanceRefresh(**preferences)
    return fixed(
        size,
        groups=(group(min_size=size, max_size=size, refresh=refresh, maintenance=maintenance),),
    )


def stepped(adjustment, *, simple=False, **changes):
    """A group that adds instances while its CPU is above 60 percent."""
    alarm = Alarm(
        name="busy",
        metric=Metric(namespace="AWS/EC2", name="CPUUtilization"),
        comparison=Comparison.GREATER,
        threshold=60,
        alarm_actions=("more",),
    )
    if simple:
        policy = SimpleScaling(
            name="more",
            group="web",
            adjustment_type=AdjustmentType.CHANGE_IN_CAPACITY,
            adjustment=adjustment,
        )
    else:
        policy = StepScaling(
            name="more",
            group="web",
            adjustment_type=AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
            steps=(StepAdjustment(lower=0, upper=None, adjustment=adjustment),),
        )
    return scaling(policies=(policy,), alarms=(alarm,), **changes)


def peak(start, end, seconds=5400):
    rates = surge(80, 600, start, seconds).requests_per_second
    rates[end // 10 :] = 80
    return Rates(rates)


HOOK = LifecycleHook(name="boot", launching=True, heartbeat_timeout_seconds=300)
REFRESH = injected(Injection.INSTANCE_REFRESH, 600)
FULL = Quotas(vcpus=6)

SITUATIONS = {
    "scale-out": (scaling(), surge(80, 300, 600, 1800), []),
    "scale-in": (scaling(groups=(patient(desired_capacity=8),)), constant(80, 3600), []),
    "replace-one": (
        fixed(
            4,
            service=SLOW_BOOT,
            groups=(group(min_size=4, max_size=6, desired_capacity=4),),
            schedules=(at(10, min_size=5),),
        ),
        dated(constant(100, 2700)),
        [],
    ),
    "replace-many": (
        fixed(
            4,
            service=SLOW_BOOT,
            groups=(group(min_size=20, max_size=40),),
            schedules=(at(10, min_size=26),),
        ),
        dated(constant(100, 2700)),
        [],
    ),
    "replace-all": (fixed(20), surge(500, 6000, 600, 1800), []),
    "replace-all-within-a-policy": (
        fixed(
            6,
            groups=(
                group(
                    min_size=6,
                    max_size=6,
                    maintenance=InstanceMaintenancePolicy(
                        min_healthy_percent=100, max_healthy_percent=150
                    ),
                ),
            ),
        ),
        surge(200, 1800, 590, 1060),
        [],
    ),
    "zone-lost": (fixed(6), constant(150, 1500), injected(Injection.ZONE_LOST, 600)),
    "refresh-6": (refreshed(6), constant(150, 2400), REFRESH),
    "refresh-1": (refreshed(1), constant(20, 1500), REFRESH),
    "refresh-6-minimum-100": (refreshed(6, min_healthy_percent=100), constant(150, 2400), REFRESH),
    "refresh-1-minimum-100": (refreshed(1, min_healthy_percent=100), constant(20, 1500), REFRESH),
    "refresh-6-50-to-100": (
        refreshed(6, min_healthy_percent=50, max_healthy_percent=100),
        constant(150, 2400),
        REFRESH,
    ),
    "refresh-6-100-to-150": (
        refreshed(6, min_healthy_percent=100, max_healthy_percent=150),
        constant(150, 2400),
        REFRESH,
    ),
    "refresh-10-80-to-120": (
        refreshed(10, min_healthy_percent=80, max_healthy_percent=120),
        constant(150, 2400),
        REFRESH,
    ),
    "refresh-fails": (
        replace(refreshed(4, min_healthy_percent=100), quotas=Quotas(vcpus=8)),
        constant(100, 4800),
        REFRESH,
    ),
    "hook-abandons": (
        fixed(
            2,
            service=SLOW_BOOT,
            groups=(group(min_size=2, max_size=4, hooks=(HOOK,)),),
            schedules=(at(10, min_size=3),),
        ),
        dated(constant(50, 2400)),
        [],
    ),
    "hook-continues": (
        fixed(
            2,
            service=SLOW_BOOT,
            groups=(patient(min_size=2, max_size=4, hooks=(replace(HOOK, abandons=False),)),),
            schedules=(at(10, min_size=3),),
        ),
        dated(constant(50, 2400)),
        [],
    ),
    "warm-pool": (
        scaling(groups=(patient(warm_pool=WarmPool(max_prepared_size=4)),)),
        surge(80, 400, 600, 1800),
        [],
    ),
    "schedules": (
        fixed(
            2,
            groups=(group(),),
            schedules=(
                at(10, min_size=5),
                at(11, max_size=4, min_size=2),
                at(12, desired_capacity=2),
            ),
        ),
        dated(constant(100, 1500)),
        [],
    ),
    "quota": (
        stepped(100, quotas=FULL, groups=(patient(max_size=40),)),
        surge(80, 600, 600, 2400),
        [],
    ),
    "quota-then-calm": (scaling(quotas=FULL, groups=(patient(max_size=40),)), peak(600, 1500), []),
    "no-capacity": (
        stepped(100, groups=(patient(max_size=40),)),
        surge(80, 600, 600, 2400),
        injected(Injection.NO_CAPACITY, 600, 1500),
    ),
    "rolling-restart": (
        fixed(4),
        constant(100, 1800),
        injected(Injection.ROLLING_RESTART, 600, 1200),
    ),
    "cooldown": (stepped(1, simple=True, groups=(patient(),)), surge(80, 900, 600, 2400), []),
    "quota-freed-by-drain": (
        fixed(
            4,
            quotas=Quotas(vcpus=8),
            groups=(group(min_size=4, max_size=4, refresh=InstanceRefresh()),),
            target_groups=(
                TargetGroup(name="tg", unhealthy_threshold=3, deregistration_delay_seconds=120),
            ),
        ),
        constant(100, 2400),
        REFRESH,
    ),
}


def activities(run):
    """The moments of each activity and its size: so two within a step may change places."""
    found = defaultdict(list)
    for entry in run.log:
        if int(entry["event"]) in ACTIVITIES:
            key = Event(int(entry["event"])).name, int(entry["subject"])
            found[key].append(float(entry["t"]))
    return found


@pytest.mark.parametrize("step", [2, 5, 10])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_group_does_does_not_depend_on_the_step(situation, step):
    plan, load, failures = SITUATIONS[situation]
    # Retries depend on how long a queue is, to the second; what a policy then reads is no rule.
    plan = replace(plan, users=users(retries=0))

    fine, coarse = (
        activities(simulate(plan, load, step_seconds=each, injected=failures, changes=CERTAIN))
        for each in (1, step)
    )

    assert fine
    assert coarse == {
        activity: pytest.approx(moments, abs=step) for activity, moments in fine.items()
    }
