"""The conformance table's rows on what a group does with its instances."""

from dataclasses import replace

from surgeproof.plan import (
    Alarm,
    Comparison,
    Figure,
    HealthCheckType,
    InstanceMaintenancePolicy,
    InstanceRefresh,
    LifecycleHook,
    Metric,
    Quotas,
    ScheduledAction,
    TargetGroup,
    WarmPool,
)
from surgeproof.simulation import Event, Injected, Injection
from tests.simulation.conformance import Row
from tests.simulation.support import constant, fixed, group, service, surge

HEALTH = "ASG, About the health checks for your Auto Scaling group"
REFRESH = "ASG, How an instance refresh works"
POLICY = "ASG, Instance maintenance policy for Auto Scaling group"
HOOKS = "ASG, How lifecycle hooks work"
POOL = "ASG, Warm pools, core concepts"
SCHEDULE = "ASG, Scheduled scaling, considerations"


def at(minute, **sizes):
    return ScheduledAction(name=f"at-{minute}", group="web", start_seconds=60 * minute, **sizes)


def dated(load):
    return replace(load, dated=True)


def inject(kind, start, end=1e18, value=0.0):
    return (Injected(kind=kind, start_seconds=start, end_seconds=end, value=value),)


REFRESHED = inject(Injection.INSTANCE_REFRESH, 600)

SLOW_AT_FIRST = inject(Injection.BOOT_SLOWER, 600, 650, 50)
"""So that what is launched in minute 10 never answers, and what is launched later does."""

BOOTS_SLOWLY = service(boot_seconds=Figure.exactly(3000))
"""So that nothing that is launched answers."""

HOOK = LifecycleHook(name="boot", launching=True, heartbeat_timeout_seconds=300)

MANY_REQUESTS = Alarm(
    name="many",
    metric=Metric(namespace="AWS/ApplicationELB", name="RequestCount", statistic="Sum"),
    comparison=Comparison.GREATER,
    threshold=5000,
)


def maintenance(low, high):
    return InstanceMaintenancePolicy(min_healthy_percent=low, max_healthy_percent=high)


def grown(by=1, size=4, more=(), plan=None, **changes):
    """A group that is to grow in minute 10, by instances that never answer."""
    values = {"min_size": size, "max_size": 40, "desired_capacity": size}
    return fixed(
        size,
        **({"service": BOOTS_SLOWLY} | (plan or {})),
        groups=(group(**(values | changes)),),
        schedules=(at(10, min_size=size + by), *more),
    )


def kept(low, high, *, by=0, size=4):
    """A group that grows in minute 10, with an instance maintenance policy."""
    return grown(
        by,
        size,
        plan={"service": service()},
        health_check_grace_seconds=60,
        maintenance=maintenance(low, high),
    )


def held(hook=HOOK, *, size=4, **plan):
    """A group that grows in minute 10, with a launching hook."""
    return grown(size=size, plan=plan, hooks=(hook,))


def pooled(pool, *actions, min_size=2):
    return fixed(
        2,
        groups=(group(min_size=min_size, max_size=6, warm_pool=pool),),
        schedules=actions,
        service=replace(BOOTS_SLOWLY, pool_start_seconds=Figure.exactly(30)),
    )


def refreshed(size, *, maintenance=None, **changes):
    """A group of fixed size; what is not of a refresh is of the group."""
    preferences = {
        name: changes.pop(name)
        for name in ("min_healthy_percent", "max_healthy_percent", "warmup_seconds", "alarms")
        if name in changes
    }
    values = {"min_size": size, "max_size": size, "maintenance": maintenance}
    return fixed(
        size, groups=(group(**(values | changes), refresh=InstanceRefresh(**preferences)),)
    )


CALM = dated(constant(80, 1500))
CALM_HOUR = dated(constant(80, 5400))

ROWS = (
    # Schedules
    Row(
        name="scheduled-action-sets-the-sizes",
        says="a scheduled action sets the sizes that it names, and the group launches up to "
        "its new minimum",
        source=SCHEDULE,
        plan=fixed(2, groups=(group(),), schedules=(at(10, min_size=5),)),
        load=CALM,
        events=(Event.SCHEDULED, Event.LAUNCH),
        log=("605 scheduled 5", "610.5 launch 3"),
    ),
    Row(
        name="scheduled-action-is-late",
        says="a scheduled action may be two minutes late",
        source=SCHEDULE,
        plan=fixed(2, groups=(group(),), schedules=(at(10, min_size=5),)),
        load=CALM,
        changes={"schedule_delay_seconds": 120},
        events=(Event.SCHEDULED, Event.LAUNCH),
        log=("720 scheduled 5", "725.5 launch 3"),
    ),
    Row(
        name="scheduled-action-does-not-return",
        says="nothing returns to the former sizes after a scheduled action",
        source=SCHEDULE,
        plan=fixed(2, groups=(group(),), schedules=(at(10, desired_capacity=5),)),
        load=CALM_HOUR,
        events=(Event.SCHEDULED, Event.LAUNCH, Event.TERMINATING),
        log=("605 scheduled 5", "610.5 launch 3"),
    ),
    Row(
        name="scheduled-actions-in-order",
        says="scheduled actions run in their order, and a lower maximum ends instances",
        source=SCHEDULE,
        plan=fixed(
            2,
            groups=(group(),),
            schedules=(at(12, max_size=3, min_size=2), at(10, desired_capacity=5)),
        ),
        load=CALM,
        events=(Event.SCHEDULED, Event.LAUNCH, Event.TERMINATING),
        log=("605 scheduled 5", "610.5 launch 3", "725 scheduled 3", "730.5 terminating 2"),
    ),
    # Health checks
    Row(
        name="elb-checks-are-off-by-default",
        says="the load balancer's health checks are ignored unless they are turned on",
        source=HEALTH,
        plan=grown(health_check_type=HealthCheckType.EC2),
        load=CALM,
        events=(Event.REPLACED,),
        log=(),
    ),
    Row(
        name="unhealthy-at-the-next-check",
        says="an instance that the load balancer reports as unhealthy is replaced at the "
        "group's next periodic health check after the grace period",
        source=f"{HEALTH}; BC, HealthCheckGracePeriod",
        plan=grown(size=20, health_check_grace_seconds=60),
        load=CALM,
        # In service from 618.5, grace until 678.5, checks at each half minute.
        events=(Event.REPLACED,),
        log=("690 replace 1",),
        until=700,
    ),
    Row(
        name="grace-period",
        says="until the grace period is over, failed checks replace nothing",
        source="BC, HealthCheckGracePeriod",
        plan=grown(size=20, health_check_grace_seconds=600),
        load=CALM,
        events=(Event.REPLACED,),
        log=("1230 replace 1",),
        until=1300,
    ),
    Row(
        name="not-running-is-replaced-at-once",
        says="an instance that no longer runs is replaced at once, in its grace period too, "
        "and however many they are",
        source=HEALTH,
        plan=fixed(6, groups=(group(min_size=6, max_size=6, health_check_grace_seconds=3600),)),
        load=CALM,
        injected=inject(Injection.ZONE_LOST, 600),
        # Noticed after a minute.
        events=(Event.REPLACED, Event.LAUNCH),
        log=("660 replace 3", "665.5 launch 3"),
    ),
    Row(
        name="unhealthy-wait-for-an-activity",
        says="while a scaling activity is in progress and the group is 10 percent or more "
        "below its desired capacity, unhealthy instances wait",
        source=HEALTH,
        plan=grown(health_check_grace_seconds=60),
        load=CALM,
        # Four of five are ready until what is launched at 610.5 is warm, at 738.5.
        events=(Event.REPLACED,),
        log=("750 replace 1",),
        until=800,
    ),
    Row(
        name="unhealthy-wait-for-a-later-scale-out",
        says="they wait for a later scale-out too, until its instances are warm",
        source=HEALTH,
        plan=grown(more=(at(12, min_size=9),)),
        load=CALM,
        # Four more are launched at 730.5 and warm at 858.5; without them it is at 750.
        events=(Event.REPLACED,),
        log=("870 replace 1",),
        until=900,
    ),
    Row(
        name="a-tenth-at-a-time",
        says="up to 10 percent of the desired capacity is replaced at a time, until all are",
        source=HEALTH,
        plan=grown(6, size=20),
        load=CALM,
        # 2.6 of 26.
        events=(Event.REPLACED,),
        log=("750 replace 2", "930 replace 2", "1110 replace 2"),
        until=1200,
    ),
    Row(
        name="one-at-a-time-in-small-groups",
        says="where 10 percent is less than one, instances are replaced one at a time",
        source=HEALTH,
        plan=grown(3),
        load=CALM,
        events=(Event.REPLACED,),
        log=("750 replace 1", "930 replace 1", "1110 replace 1"),
        until=1200,
    ),
    Row(
        name="replacement-waits-for-the-warm-up",
        says="after a replacement the group waits for the default instance warm-up before "
        "it goes on",
        source=HEALTH,
        plan=grown(3, default_instance_warmup_seconds=300),
        load=CALM_HOUR,
        # In service 13.5 s after each, warm 300 s later.
        events=(Event.REPLACED,),
        log=("930 replace 1", "1290 replace 1", "1650 replace 1"),
        until=1700,
    ),
    Row(
        name="unhealthy-drain",
        says="with connection draining, an unhealthy instance ends when its requests are "
        "complete, or at the latest at the time-out",
        source=HEALTH,
        plan=replace(
            grown(),
            target_groups=(
                TargetGroup(name="tg", unhealthy_threshold=3, deregistration_delay_seconds=2),
            ),
        ),
        load=CALM,
        events=(Event.REPLACED, Event.TERMINATED),
        log=("750 replace 1", "752 terminated 1"),
        until=800,
    ),
    Row(
        name="terminate-and-launch",
        says="a new instance is provisioned at the same time as the unhealthy one ends",
        source=HEALTH,
        plan=replace(
            grown(),
            service=replace(BOOTS_SLOWLY, longest_request_seconds=Figure.exactly(100)),
        ),
        load=CALM,
        events=(Event.LAUNCH, Event.REPLACED, Event.TERMINATED),
        log=("610.5 launch 1", "750 replace 1", "755.5 launch 1", "850 terminated 1"),
        until=900,
    ),
    Row(
        name="all-unhealthy-a-tenth",
        says="where all instances are unhealthy, 10 percent may be replaced",
        source=HEALTH,
        plan=fixed(20, target_groups=(TargetGroup(name="tg"),)),
        load=surge(500, 6000, 600, 1500),
        changes={"all_unhealthy_share": 1},
        events=(Event.REPLACED,),
        log=("690 replace 2",),
        until=700,
    ),
    Row(
        name="all-unhealthy-fewer",
        says="where all instances are unhealthy, it may be much fewer",
        source=HEALTH,
        plan=fixed(20, target_groups=(TargetGroup(name="tg"),)),
        load=surge(500, 6000, 600, 1500),
        changes={"all_unhealthy_share": 0},
        events=(Event.REPLACED,),
        log=(),
    ),
    # Instance maintenance policy
    Row(
        name="policy-launches-first",
        says="with a minimum of 100 percent a new instance is launched first, and the "
        "unhealthy one ends when that is fully ready",
        source=POLICY,
        plan=kept(100, 110, by=1),
        load=CALM,
        injected=SLOW_AT_FIRST,
        # In service from 763.5, warm at 883.5.
        events=(Event.LAUNCH, Event.REPLACED),
        log=("610.5 launch 1", "755.5 launch 1", "883.5 replace 1"),
        until=900,
    ),
    Row(
        name="policy-sets-the-rate",
        says="an instance maintenance policy replaces the 10 percent by its own range",
        source=HEALTH,
        plan=kept(50, 100, by=2),
        load=CALM,
        injected=SLOW_AT_FIRST,
        events=(Event.REPLACED, Event.LAUNCH),
        log=("750 replace 2", "755.5 launch 2"),
        until=900,
        since=650,
    ),
    Row(
        name="policy-not-for-unexpected-ends",
        says="an instance maintenance policy does not hold for instances that end unexpectedly",
        source=POLICY,
        plan=kept(100, 110),
        load=CALM,
        injected=inject(Injection.ZONE_LOST, 600),
        events=(Event.REPLACED, Event.LAUNCH),
        log=("660 replace 2", "665.5 launch 2"),
    ),
    Row(
        name="policy-80-to-120",
        says="from 80 to 120 percent of ten, a group has as few as 8 instances and as many "
        "as 12, and 10 in the end",
        source=POLICY,
        plan=refreshed(10, maintenance=maintenance(80, 120)),
        load=CALM,
        injected=REFRESHED,
        events=(Event.TERMINATING, Event.LAUNCH, Event.REFRESH_ENDS),
        log=(
            "600 terminating 2",
            "605.5 launch 4",
            "733.5 terminating 4",
            "739 launch 4",
            "867 terminating 4",
            "872.5 launch 2",
            "1000.5 refresh ends",
        ),
    ),
    Row(
        name="policy-does-not-stop-scaling",
        says="scheduled actions scale the group while it replaces instances",
        source=POLICY,
        plan=replace(
            refreshed(4, maintenance=maintenance(100, 125), max_size=6),
            schedules=(at(11, min_size=6),),
        ),
        load=CALM,
        injected=REFRESHED,
        events=(Event.LAUNCH, Event.SCHEDULED),
        log=("605.5 launch 1", "665 scheduled 6", "670.5 launch 2"),
        until=720,
    ),
    # Instance refresh
    Row(
        name="refresh-by-default",
        says="by default 90 percent stay: an instance is ended and one is launched at once, "
        "and the next follows when that is warm",
        source=f"{REFRESH}; BC, RefreshPreferences",
        plan=refreshed(4),
        load=CALM,
        injected=REFRESHED,
        # In service 8 s after its launch, warm 120 s later.
        events=(Event.TERMINATING, Event.LAUNCH, Event.REFRESH_ENDS),
        log=(
            "600 terminating 1",
            "605.5 launch 1",
            "733.5 terminating 1",
            "739 launch 1",
            "867 terminating 1",
            "872.5 launch 1",
            "1000.5 terminating 1",
            "1006 launch 1",
            "1134 refresh ends",
        ),
    ),
    Row(
        name="refresh-90-to-100",
        says="a minimum of 90 and a maximum of 100 percent replace 10 percent at a time",
        source=REFRESH,
        plan=refreshed(20, min_healthy_percent=90, max_healthy_percent=100),
        load=CALM,
        injected=REFRESHED,
        events=(Event.TERMINATING, Event.LAUNCH),
        log=("600 terminating 2", "605.5 launch 2", "733.5 terminating 2"),
        until=735,
    ),
    Row(
        name="refresh-100-to-100",
        says="a minimum and a maximum of 100 percent replace one instance at a time, the "
        "new one launched first",
        source=REFRESH,
        plan=refreshed(4, min_healthy_percent=100, max_healthy_percent=100),
        load=CALM,
        injected=REFRESHED,
        events=(Event.LAUNCH, Event.TERMINATING),
        log=("605.5 launch 1", "733.5 terminating 1", "739 launch 1", "867 terminating 1"),
        until=870,
    ),
    Row(
        name="refresh-minimum-100-alone",
        says="a minimum of 100 percent launches first, also where no maximum is stated",
        source=REFRESH,
        plan=refreshed(1, min_healthy_percent=100),
        load=dated(constant(20, 1500)),
        injected=REFRESHED,
        events=(Event.LAUNCH, Event.TERMINATING, Event.REFRESH_ENDS),
        log=("605.5 launch 1", "733.5 terminating 1", "733.5 refresh ends"),
    ),
    Row(
        name="refresh-minimum-0",
        says="a minimum of 0 percent replaces all instances at once",
        source=REFRESH,
        plan=refreshed(4, min_healthy_percent=0),
        load=CALM,
        injected=REFRESHED,
        events=(Event.TERMINATING, Event.LAUNCH, Event.REFRESH_ENDS),
        log=("600 terminating 4", "605.5 launch 4", "733.5 refresh ends"),
    ),
    Row(
        name="refresh-without-room-launches-first",
        says="where a stated maximum of 100 percent leaves no room for a whole instance, "
        "one is launched before one ends",
        source="BC, RefreshPreferences.MaxHealthyPercentage",
        plan=refreshed(4, min_healthy_percent=90, max_healthy_percent=100),
        load=CALM,
        injected=REFRESHED,
        events=(Event.LAUNCH, Event.TERMINATING),
        log=("605.5 launch 1", "733.5 terminating 1", "739 launch 1"),
        until=800,
    ),
    Row(
        name="refresh-larger-range",
        says="a larger range replaces more at a time",
        source=REFRESH,
        plan=refreshed(4, min_healthy_percent=100, max_healthy_percent=150),
        load=CALM,
        injected=REFRESHED,
        events=(Event.LAUNCH, Event.TERMINATING),
        log=("605.5 launch 2", "733.5 terminating 2", "739 launch 2", "867 terminating 2"),
    ),
    Row(
        name="refresh-own-warm-up",
        says="a refresh waits for its own warm-up where it states one",
        source="BC, RefreshPreferences.InstanceWarmup",
        plan=refreshed(4, warmup_seconds=300),
        load=CALM,
        injected=REFRESHED,
        events=(Event.TERMINATING, Event.LAUNCH),
        log=("600 terminating 1", "605.5 launch 1", "913.5 terminating 1"),
        until=915,
    ),
    Row(
        name="refresh-warm-up-from-grace",
        says="where neither a refresh nor the group states a warm-up, it is the grace period",
        source="BC, RefreshPreferences.InstanceWarmup",
        plan=refreshed(4, default_instance_warmup_seconds=None, health_check_grace_seconds=200),
        load=CALM,
        injected=REFRESHED,
        events=(Event.TERMINATING, Event.LAUNCH),
        log=("600 terminating 1", "605.5 launch 1", "813.5 terminating 1"),
        until=815,
    ),
    Row(
        name="refresh-bounds-from-the-policy",
        says="the bounds that a refresh leaves out are those of the instance maintenance policy",
        source="BC, RefreshPreferences",
        plan=refreshed(4, maintenance=maintenance(100, 150)),
        load=CALM,
        injected=REFRESHED,
        events=(Event.LAUNCH, Event.TERMINATING),
        log=("605.5 launch 2", "733.5 terminating 2"),
        until=735,
    ),
    Row(
        name="refresh-bounds-of-its-own",
        says="the bounds that a refresh states go before the instance maintenance policy's",
        source=REFRESH,
        plan=refreshed(
            4,
            maintenance=maintenance(100, 150),
            min_healthy_percent=50,
            max_healthy_percent=100,
        ),
        load=CALM,
        injected=REFRESHED,
        events=(Event.TERMINATING, Event.LAUNCH),
        log=("600 terminating 2", "605.5 launch 2", "733.5 terminating 2"),
        until=735,
    ),
    Row(
        name="refresh-fails-after-an-hour",
        says="a refresh whose new instances fail their health checks keeps trying for an "
        "hour, and then fails",
        source=f"{REFRESH}, limitations",
        plan=replace(
            refreshed(4, min_healthy_percent=100, max_healthy_percent=125), service=BOOTS_SLOWLY
        ),
        load=CALM_HOUR,
        injected=REFRESHED,
        # The first one fails for good when its grace is over, at 733.5.
        events=(Event.REFRESH_STARTS, Event.REFRESH_FAILED, Event.REFRESH_ENDS),
        log=("600 refresh starts", "4333.5 refresh fails, 4 left"),
    ),
    Row(
        name="refresh-stopped-by-an-alarm",
        says="an alarm that a refresh names fails it",
        source="BC, RefreshPreferences.AlarmSpecification",
        plan=replace(refreshed(4, alarms=("many",)), alarms=(MANY_REQUESTS,)),
        load=surge(80, 90, 660, 1500),
        injected=REFRESHED,
        # Minute 11 has 5,400 requests, and is seen 90 s after its end.
        events=(Event.REFRESH_STARTS, Event.REFRESH_STOPPED, Event.REFRESH_ENDS),
        log=("600 refresh starts", "810 refresh stopped"),
    ),
    # Lifecycle hooks
    Row(
        name="hook-completed",
        says="an instance is in service when its launching hook is completed",
        source=HOOKS,
        plan=held(service=service()),
        load=CALM,
        events=(Event.LAUNCH, Event.IN_SERVICE),
        log=("610.5 launch 1", "670.5 in service 1"),
    ),
    Row(
        name="hook-abandons",
        says="where a hook is not completed in time, the default result ABANDON ends the "
        "instance, and another is launched",
        source="BC, DefaultResult of a lifecycle hook",
        plan=held(),
        load=CALM,
        # Runs from 618.5; the hook times out after 300 s.
        events=(Event.LAUNCH, Event.TERMINATED, Event.IN_SERVICE),
        log=("610.5 launch 1", "918.5 terminated 1", "924 launch 1"),
        until=1000,
    ),
    Row(
        name="hook-continues",
        says="where a hook is not completed in time, the default result CONTINUE puts the "
        "instance into service",
        source="BC, DefaultResult of a lifecycle hook",
        plan=held(replace(HOOK, abandons=False)),
        load=CALM,
        events=(Event.LAUNCH, Event.IN_SERVICE, Event.TERMINATED),
        log=("610.5 launch 1", "918.5 in service 1"),
        until=1000,
    ),
    Row(
        name="hook-then-grace",
        says="the grace period begins when the instance is in service after its hook",
        source=HOOKS,
        plan=held(replace(HOOK, abandons=False), size=20),
        load=CALM,
        # In service from 918.5, grace until 1038.5.
        events=(Event.IN_SERVICE, Event.REPLACED),
        log=("918.5 in service 1", "1050 replace 1"),
        until=1055,
    ),
    Row(
        name="hook-then-warm-up",
        says="a refresh's warm-up begins when the instance is in service after its hook",
        source=REFRESH,
        plan=refreshed(4, hooks=(HOOK,)),
        load=CALM,
        injected=REFRESHED,
        events=(Event.LAUNCH, Event.IN_SERVICE, Event.WARM),
        log=("605.5 launch 1", "665.5 in service 1", "785.5 warm 1"),
        until=790,
    ),
    # Warm pools
    Row(
        name="pool-is-maximum-minus-desired",
        says="a warm pool holds the difference between the maximum and the desired capacity",
        source=POOL,
        plan=pooled(WarmPool(), at(10, desired_capacity=6)),
        load=CALM,
        events=(Event.LAUNCH_FROM_POOL, Event.LAUNCH),
        log=("610.5 launch 4 from the pool",),
    ),
    Row(
        name="pool-depleted-starts-cold",
        says="with a maximum prepared capacity it is the difference to that; a depleted "
        "pool starts cold",
        source=POOL,
        plan=pooled(WarmPool(max_prepared_size=4), at(10, desired_capacity=6)),
        load=CALM,
        events=(Event.LAUNCH_FROM_POOL, Event.LAUNCH),
        log=("610.5 launch 2 from the pool", "610.5 launch 2"),
        until=700,
    ),
    Row(
        name="pool-minimum",
        says="a warm pool keeps its minimum size, also where the difference is 0",
        source="BC, PutWarmPool.MinSize",
        plan=pooled(WarmPool(max_prepared_size=2, min_size=1), at(10, desired_capacity=6)),
        load=CALM,
        events=(Event.LAUNCH_FROM_POOL, Event.LAUNCH),
        log=("610.5 launch 1 from the pool", "610.5 launch 3"),
        until=700,
    ),
    Row(
        name="pool-reuses",
        says="instances return to the pool on scale-in where it is to reuse them",
        source="BC, InstanceReusePolicy",
        plan=pooled(
            WarmPool(max_prepared_size=4, reuse_on_scale_in=True),
            at(10, min_size=2, desired_capacity=2),
            at(20, desired_capacity=4),
            min_size=4,
        ),
        load=CALM,
        events=(Event.TERMINATING, Event.LAUNCH_FROM_POOL, Event.LAUNCH),
        log=("610.5 terminating 2", "1210.5 launch 2 from the pool"),
    ),
    Row(
        name="pool-does-not-reuse",
        says="instances end on scale-in where the pool does not reuse them",
        source="BC, InstanceReusePolicy",
        plan=pooled(
            WarmPool(max_prepared_size=4),
            at(10, min_size=2, desired_capacity=2),
            at(20, desired_capacity=4),
            min_size=4,
        ),
        load=CALM,
        # What fills the pool anew boots until minute 60.
        events=(Event.TERMINATING, Event.LAUNCH, Event.LAUNCH_FROM_POOL),
        log=("610.5 terminating 2", "1210.5 launch 2"),
        until=1300,
    ),
    # Zones, termination, quotas
    Row(
        name="launch-in-the-emptiest-zone",
        says="a new instance goes to the zone with the fewest",
        source="ASG, Distribute instances across Availability Zones",
        plan=fixed(3, groups=(group(min_size=3, max_size=9),), schedules=(at(10, min_size=4),)),
        load=CALM,
        injected=inject(Injection.ZONE_LOST, 900, value=1),
        # Two in the first zone and one in the second; with the fourth, two in each.
        events=(Event.LAUNCH, Event.REPLACED),
        log=("610.5 launch 1", "960 replace 2"),
        until=961,
    ),
    Row(
        name="scale-in-from-the-fullest-zone",
        says="scale-in ends an instance of the zone with the most",
        source="ASG, Default termination policy",
        plan=fixed(
            3,
            groups=(group(min_size=2, max_size=9, desired_capacity=3),),
            schedules=(at(10, desired_capacity=2),),
        ),
        load=CALM,
        injected=inject(Injection.ZONE_LOST, 900, value=0),
        events=(Event.TERMINATING, Event.REPLACED),
        log=("610.5 terminating 1", "960 replace 1"),
        until=961,
    ),
    Row(
        name="scale-in-drains",
        says="an instance that scale-in chose leaves the load balancer, and ends when its "
        "requests are done, or at the latest after the deregistration delay",
        source=HOOKS,
        plan=fixed(
            4,
            groups=(group(min_size=2, max_size=9, desired_capacity=4),),
            schedules=(at(10, desired_capacity=3), at(12, desired_capacity=2)),
            target_groups=(
                TargetGroup(name="tg", unhealthy_threshold=3, deregistration_delay_seconds=20),
            ),
            service=service(longest_request_seconds=Figure.exactly(12)),
        ),
        load=CALM,
        events=(Event.TERMINATING, Event.TERMINATED),
        log=(
            "610.5 terminating 1",
            "622.5 terminated 1",
            "730.5 terminating 1",
            "742.5 terminated 1",
        ),
    ),
    Row(
        name="zone-lost-launches-in-another",
        says="where a zone fails, instances are launched in another",
        source="ASG, Distribute instances across Availability Zones",
        plan=fixed(4),
        load=CALM,
        injected=inject(Injection.ZONE_LOST, 600),
        events=(Event.REPLACED, Event.LAUNCH, Event.IN_SERVICE),
        log=("660 replace 2", "665.5 launch 2", "673.5 in service 1", "673.5 in service 1"),
    ),
    Row(
        name="quota",
        says="the account's quota of vCPU bounds what runs: starting, ending and stopped "
        "instances apart, one more cannot be launched",
        source="EC2, On-Demand Instance quotas",
        plan=fixed(2, groups=(group(),), schedules=(at(10, min_size=5),), quotas=Quotas(vcpus=9)),
        load=CALM,
        events=(Event.SCHEDULED, Event.LAUNCH, Event.LAUNCH_FAILED),
        log=("605 scheduled 5", "610.5 launch 2", "610.5 no launch of 1"),
    ),
)
