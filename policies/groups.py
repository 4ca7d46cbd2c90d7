"""Rules on how a group runs: its processes, its limits over the day, and what holds up a launch."""

from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _owners
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, number, read, show
from surgeproof.policies.scaling_policies import group_of, policies_of

_USER_GUIDE: Final = "https://docs.aws.amazon.com/autoscaling/ec2/userguide"
_HARM: Final = {
    "Launch": "launches nothing",
    "AlarmNotification": "takes no notice of alarms",
    "AddToLoadBalancer": "registers no new instance with its load balancer",
    "HealthCheck": "finds no instance unhealthy",
    "ReplaceUnhealthy": "replaces no unhealthy instance",
    "ScheduledActions": "carries out no scheduled action",
    "Terminate": "terminates nothing, which rebalancing and refreshes need",
}
"""What a group does not do while a process is suspended (Amazon EC2 Auto Scaling User Guide,
"Suspend and resume processes"). `AZRebalance` and `InstanceRefresh` may rest."""
_ADVISED: Final = frozenset({"Terminate", "ScheduledActions"})


def _check_processes(group: Resource, report: Report) -> None:
    path = "suspendedProcesses"
    value = group.read(path)
    if value is UNKNOWN:
        report.wait_for(group, path)
        return
    named = [each for each in (value if isinstance(value, list) else []) if each in _HARM]
    if not named:
        return
    worst = min(named, key=list(_HARM).index)
    say = report.advise if worst in _ADVISED else report.refuse
    say(group, path, "be empty", f"`{worst}`: such a group {_HARM[worst]}")


def wrong_sizes(group: Resource) -> tuple[str, str, str] | None:
    """Return what AWS refuses of a group's sizes: the property, what it must be and what it is."""
    low, high = number(group.read("minSize")), number(group.read("maxSize"))
    if low is None or high is None or low <= high:
        return None
    return ("maxSize", f"be at least `{group.called('minSize')}` ({show(low)})", show(high))


def _check_room(stack: Stack, report: Report) -> None:
    for group in stack.of(types.GROUP):
        wrong = wrong_sizes(group)
        if wrong is not None:
            report.refuse(group, *wrong)
            continue
        low, high = number(group.read("minSize")), number(group.read("maxSize"))
        if low is None or high is None or low < high:
            continue
        provider = _owners.provider(stack, group)
        scaling = [provider] if provider is not None else policies_of(stack, group)
        if scaling:
            must = f"be above `minSize` ({show(low)}), as {scaling[0].label} scales the group"
            report.refuse(group, "maxSize", must, show(high))


def _schedules(stack: Stack) -> dict[str, tuple[Resource, list[Resource]]]:
    """Return each group's scheduled actions, by its URN."""
    found: dict[str, tuple[Resource, list[Resource]]] = {}
    for schedule in stack.of(types.SCHEDULE):
        group = group_of(stack, schedule)
        if group is not None:
            found.setdefault(group.urn, (group, []))[1].append(schedule)
    return found


def _size(schedule: Resource, path: str) -> float | None:
    """Return a size that a scheduled action sets; -1 leaves it as it is (pulumi-aws, Schedule)."""
    value = number(schedule.read(path))
    return None if value is None or value < 0 else value


def _check_schedule_serves(stack: Stack, report: Report) -> None:
    for group, schedules in _schedules(stack).values():
        lowest = number(group.read("minSize"))
        for schedule in schedules:
            sizes = {at: _size(schedule, at) for at in ("maxSize", "desiredCapacity", "minSize")}
            zero = [at for at, size in sizes.items() if size == 0]
            if not zero or lowest == 0:
                continue
            at = "desiredCapacity" if "desiredCapacity" in zero else zero[0]
            others = [f"`{schedule.called(each)}`" for each in zero if each != at]
            must = f"be above 0, as {group.label} keeps at least {show(lowest)} otherwise"
            got = "0" if not others else f"0, with {' and '.join(others)}"
            # A minimum of 0 alone leaves the policies what they have; a night without users ends.
            lesser = at == "minSize" or _is_lifted(schedule, schedules, zero)
            say = report.advise if lesser or group.is_of_a_copy else report.refuse
            say(schedule, at, must, got)


def _is_lifted(schedule: Resource, schedules: list[Resource], zero: list[str]) -> bool:
    """Whether another scheduled action starts a group again that one takes to zero."""
    again = schedule.read("recurrence") not in (ABSENT, "")
    for other in schedules:
        if other is schedule or (again and other.read("recurrence") in (ABSENT, "")):
            continue
        starts = any(_size(other, at) for at in ("desiredCapacity", "minSize"))
        if starts and ("maxSize" not in zero or _size(other, "maxSize")):
            return True
    return False


def _check_schedule_lifts(stack: Stack, report: Report) -> None:
    for group, schedules in _schedules(stack).values():
        for path, word in (("maxSize", "maximum"), ("minSize", "minimum")):
            own = number(group.read(path))
            lowered = [
                at
                for at in schedules
                # A size of 0 is what asg-schedule-keeps-serving is about.
                if own is not None and (size := _size(at, path)) is not None and 0 < size < own
            ]
            lifted = [
                at
                for at in schedules
                if own is not None and (size := _size(at, path)) is not None and size >= own
            ]
            if lowered and not lifted:
                schedule = lowered[0]
                must = (
                    f"be lifted again by another scheduled action to the {word} of {group.label} "
                    f"({show(own)})"
                )
                say = report.refuse if path == "maxSize" else report.advise
                say(schedule, path, must, f"{show(schedule.read(path))}, and none does")
                break


_DEFAULT_HEARTBEAT_SECONDS: Final = 3600


def _check_hooks(stack: Stack, report: Report) -> None:
    for hook in stack.of(types.LIFECYCLE_HOOK):
        _judge_hook(hook, "", hook.properties, stack, report)
    for group in stack.of(types.GROUP):
        for at, hook_ in group.each("initialLifecycleHooks[*]"):
            if hook_ is not UNKNOWN:
                _judge_hook(group, f"{at}.", hook_, stack, report)


def _judge_hook(owner: Resource, prefix: str, hook: Any, stack: Stack, report: Report) -> None:
    transition, heartbeat = read(hook, "lifecycleTransition"), read(hook, "heartbeatTimeout")
    if transition != "autoscaling:EC2_INSTANCE_LAUNCHING":
        return
    longest = stack.settings["longestSeconds"]
    seconds = _DEFAULT_HEARTBEAT_SECONDS if heartbeat is ABSENT else number(heartbeat)
    if heartbeat is UNKNOWN:
        report.wait_for(owner, f"{prefix}heartbeatTimeout")
    elif seconds is not None and seconds > longest:
        abandons = read(hook, "defaultResult") != "CONTINUE"
        then = "then thrown away" if abandons else "then taken as it is"
        path = f"{prefix}heartbeatTimeout"
        if heartbeat is ABSENT:
            got = f"nothing, which means {_DEFAULT_HEARTBEAT_SECONDS}: held up, {then}"
            report.advise(owner, path, f"be at most {longest} (longestSeconds)", got)
        else:
            got = f"{show(heartbeat)}: an instance that does not answer is held up, {then}"
            report.refuse(owner, path, f"be at most {longest} (longestSeconds)", got)


def _check_warmup(group: Resource, report: Report) -> None:
    path, longest = "defaultInstanceWarmup", group.settings["longestSeconds"]
    seconds = number(group.read(path))
    if seconds is not None and seconds > longest:
        must = f"be at most {longest} (longestSeconds)"
        report.refuse(group, path, must, show(group.read(path)))


_DISTRIBUTION: Final = "mixedInstancesPolicy.instancesDistribution"
_OVERRIDES: Final = "mixedInstancesPolicy.launchTemplate.overrides[*]"


def _check_spot(group: Resource, report: Report) -> None:
    base = group.read(f"{_DISTRIBUTION}.onDemandBaseCapacity")
    share = group.read(f"{_DISTRIBUTION}.onDemandPercentageAboveBaseCapacity")
    # Amazon EC2 Auto Scaling API, InstancesDistribution: 100 % On-Demand where nothing is stated.
    percent = 100 if share is ABSENT else number(share)
    if group.read(_DISTRIBUTION) in (ABSENT, UNKNOWN) or percent is None or percent >= 100:
        return
    if percent == 0 and not number(base) and base is not UNKNOWN:
        path, must = f"{_DISTRIBUTION}.onDemandBaseCapacity", "keep some On-Demand instances"
        report.advise(group, path, must, f"{show(base)}, with 0 % above it")
    strategy = group.read(f"{_DISTRIBUTION}.spotAllocationStrategy")
    if strategy in (ABSENT, "lowest-price"):
        must = "be `price-capacity-optimized` or `capacity-optimized`"
        got = "nothing, which means `lowest-price`" if strategy is ABSENT else show(strategy)
        report.advise(group, f"{_DISTRIBUTION}.spotAllocationStrategy", must, got)
    entries = [entry for _, entry in group.each(_OVERRIDES)]
    known = [entry for entry in entries if entry is not UNKNOWN]
    if len(known) < len(entries) or any(
        read(at, "instanceRequirements") is not ABSENT for at in known
    ):
        return
    kinds = {read(entry, "instanceType") for entry in known}
    if UNKNOWN not in kinds and len(kinds) < 2:
        path = "mixedInstancesPolicy.launchTemplate.overrides"
        report.advise(group, path, "name several instance types", f"{len(kinds - {ABSENT})}")


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="asg-processes-run",
        description="No process of a group is suspended that it needs in a surge: launching, "
        "answering alarms, registering with the load balancer, replacing what is unhealthy.",
        severity=Severity.CRITICAL,
        url=f"{_USER_GUIDE}/as-suspend-resume-processes.html",
        types=types.GROUP,
        check=_check_processes,
        fix="Leave suspended_processes out of the aws.autoscaling.Group, or name `AZRebalance` "
        "only. What was suspended by hand: aws autoscaling resume-processes.",
    ),
    StackRule(
        name="asg-has-room-to-grow",
        description="A group that something scales has a maximum above its minimum: else every "
        "policy on it is without effect.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/asg-capacity-limits.html",
        types=_owners.READS | types.SCALING_POLICY,
        check=_check_room,
        fix="Raise max_size on the aws.autoscaling.Group, to what the greatest surge needs.",
    ),
    StackRule(
        name="asg-schedule-keeps-serving",
        description="No scheduled action takes a group to 0 instances that runs some otherwise: at "
        "that hour every user gets an error. Advice where another scheduled action starts the "
        "group again, where only the minimum is 0, and on stacks named as a developer's copy.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/ec2-auto-scaling-scheduled-scaling.html",
        types=types.GROUP | types.SCHEDULE,
        check=_check_schedule_serves,
        fix="Set min_size and max_size of the aws.autoscaling.Schedule to what the quietest hour "
        "needs. Where the service is closed at that hour, exempt the schedule.",
    ),
    StackRule(
        name="asg-schedule-lifts-again",
        description="What a scheduled action lowers, another one lifts again: else the group stays "
        "small on every other day, too. A minimum that stays low is advice.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/ec2-auto-scaling-scheduled-scaling.html",
        types=types.GROUP | types.SCHEDULE,
        check=_check_schedule_lifts,
        fix="Add an aws.autoscaling.Schedule that sets max_size and min_size back in time for the "
        "next busy hour.",
    ),
    StackRule(
        name="asg-hook-releases-launches",
        description="A hook on launching holds an instance up for minutes at most: where nothing "
        "answers it, no new instance serves before its timeout.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/lifecycle-hooks.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest time-out of a hook on launching (seconds, 30 to 7200).",
                default=900,
                low=30,
                high=7200,
            ),
        ),
        types=types.GROUP | types.LIFECYCLE_HOOK,
        check=_check_hooks,
        fix="Lower heartbeat_timeout to what the step takes at its longest, and record heartbeats "
        "where it may take longer.",
    ),
    ResourceRule(
        name="asg-warmup-is-short",
        description="The default warm-up lasts minutes: for as long a new instance does not count, "
        "and the group does not know what it has.",
        severity=Severity.HIGH,
        url=f"{_USER_GUIDE}/ec2-auto-scaling-default-instance-warmup.html",
        settings=(
            Setting(
                name="longestSeconds",
                description="Longest default instance warm-up (seconds, 1 to 7200).",
                default=900,
                low=1,
                high=7200,
            ),
        ),
        types=types.GROUP,
        check=_check_warmup,
        fix="Set default_instance_warmup to what an instance takes to serve at its usual speed.",
    ),
    ResourceRule(
        name="asg-spot-is-spread",
        description="A group of Spot instances keeps some On-Demand ones, takes several types, and "
        "lets AWS choose where there is capacity: one pool is taken back as a whole, with two "
        "minutes' notice.",
        severity=Severity.MEDIUM,
        enforcement=EnforcementLevel.ADVISORY,
        url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-best-practices.html",
        types=types.GROUP,
        check=_check_spot,
        fix='Set instances_distribution={"on_demand_base_capacity": 2, '
        '"on_demand_percentage_above_base_capacity": 25, "spot_allocation_strategy": '
        '"price-capacity-optimized"} and name several types in overrides.',
    ),
)
