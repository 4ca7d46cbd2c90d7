"""The Auto Scaling group: launches, warm pool, warm-up, replacement, and the policies.

Sources: the Amazon EC2 Auto Scaling user guide, "About the health checks for your Auto Scaling
group" (replacement) and "Configure termination policies" (who is ended).
"""

import math

from surgeproof.plan.model import (
    AdjustmentType,
    Alarm,
    HealthCheckType,
    Metric,
    MetricMath,
    PredictiveScaling,
    StepScaling,
    TargetTracking,
    TrackedMetric,
)
from tests.request_level.balancer import UNHEALTHY
from tests.request_level.clock import stream
from tests.request_level.cloudwatch import ALARM, Watch
from tests.request_level.service import Instance

_TRACKED = {
    TrackedMetric.CPU: Metric(namespace="AWS/EC2", name="CPUUtilization"),
    TrackedMetric.REQUESTS_PER_TARGET: Metric(
        namespace="AWS/ApplicationELB", name="RequestCountPerTarget", statistic="Sum"
    ),
}


class Member:
    """An instance as the group sees it."""

    def __init__(self, instance, cause, zone):
        self.instance = instance
        self.cause = cause
        self.zone = zone
        self.target = None
        self.in_service_since = None
        self.ends = False


class Group:
    """Keeps as many instances as are desired, spread over the zones.

    A decision, 5 s later a launch: from the warm pool while it has any, else cold. Without a
    launching hook an instance is in service, and registered, 6.5 s after its launch, long before
    its application answers; with one, when it answers. Warm-up begins when it is in service.

    Every so often the group looks for instances that the load balancer calls unhealthy. It drains
    and ends at most a tenth of the desired ones (but at least one) and launches others in their
    place, and replaces the next when these are warm. While a scaling activity is in progress and
    the group is a tenth or more below its desired size, it waits.

    Instances that are lost with their zone are replaced as soon as that is noticed, in other zones.
    """

    def __init__(self, world, plan, group):
        self.world = world
        self.plan = group
        self.clock = world.clock
        self.assumptions = world.assumptions
        self.desired = group.min_size if group.desired_capacity is None else group.desired_capacity
        self.members = []
        self.ending = []
        self.zones = list(group.zones)
        self._own = stream(world.seed, "instances")
        self.launching = 0
        self._causes = []
        self._at_quota = False
        self._made = 0
        self.has_launch_hook = any(hook.launching for hook in group.hooks)
        self.vcpus = plan.quotas.vcpus
        self.pool_ready = 0
        self.pool_coming = 0
        for _ in range(self.desired):
            self._initial()
        self.pool_ready = self._pool_wanted()
        interval = self.assumptions.group_health_seconds
        phase = self.assumptions.group_health_phase_seconds
        self.clock.every(
            self._own.random() * interval if phase is None else phase,
            interval,
            self._replace_unhealthy,
        )

    # What is there

    @property
    def warmup(self):
        """How long an instance warms up, where no policy says otherwise (seconds)."""
        stated = self.plan.default_instance_warmup_seconds
        return self.plan.default_cooldown_seconds if stated is None else stated

    def warm(self, warmup):
        """Return the members that have been in service for so long."""
        now = self.clock.now + 1e-6
        return [
            member
            for member in self.members
            if member.in_service_since is not None and member.in_service_since + warmup <= now
        ]

    def in_service(self):
        """Return how many members are in service."""
        return sum(member.in_service_since is not None for member in self.members)

    def is_scaling_out(self, warmup, cause=None):
        """Return whether launches, by one policy or any, are under way or still warming up."""
        warm = {id(member) for member in self.warm(warmup)}
        waiting = [member.cause for member in self.members if id(member) not in warm]
        if not self._at_quota:
            waiting.extend(self._causes)
        return bool(waiting) if cause is None else cause in waiting

    # Changes

    def set_desired(self, wanted, cause):
        """Ask for a size within the group's bounds; say so where it changes."""
        wanted = min(max(wanted, self.plan.min_size), self.plan.max_size)
        if wanted == self.desired:
            if wanted == self.plan.max_size:
                self.world.note_once("at maximum size", self.plan.name)
            return
        self.world.note("desired", f"{self.desired} -> {wanted} by {cause}")
        self.desired = wanted
        self._reconcile(cause)

    def _reconcile(self, cause):
        missing = self.desired - len(self.members) - self.launching
        for _ in range(missing):
            self.launching += 1
            self._causes.append(cause)
            self.clock.at(
                self.clock.now + self.assumptions.launch_delay_seconds, self._launch, cause
            )
        for member in self._oldest(max(len(self.members) - self.desired, 0)):
            self._end(member)

    def _oldest(self, count):
        """Return those that the default policy ends: of the fullest zone, then the oldest."""
        left = [
            member
            for member in self.members
            if member.in_service_since is not None and not member.instance.lost
        ]
        chosen = []
        for _ in range(min(count, len(left))):
            sizes = {zone: sum(m.zone == zone for m in left) for zone in self.zones}
            # Of equally old ones, those of the start, the first in the group's list.
            member = min(left, key=lambda m: (-sizes[m.zone], m.in_service_since))
            left.remove(member)
            chosen.append(member)
        return chosen

    def _emptiest_zone(self):
        return min(self.zones, key=lambda zone: sum(m.zone == zone for m in self.members))

    def _varied(self, sigma):
        return math.exp(sigma * self._own.gauss(0, 1)) if sigma else 1.0

    def _new(self, cause):
        self._made += 1
        world = self.world
        instance = Instance(
            self.clock,
            world.figures,
            world.database,
            f"i-{self._made}",
            world.counts,
            self._varied(self.assumptions.speed_variation),
        )
        member = Member(instance, cause, self._emptiest_zone())
        self.members.append(member)
        return member

    def _initial(self):
        member = self._new("start")
        member.in_service_since = -math.inf
        member.instance.start_answering(warm=True)
        member.target = self.world.balancer.register(member.instance, healthy=True)

    def _launch(self, cause):
        if self.desired <= len(self.members):
            self._at_quota = False
            self.launching -= 1
            self._causes.remove(cause)
            return
        if self.vcpus is not None:
            running = len(self.members) + len(self.ending)
            if (running + 1) * self.plan.vcpus_per_instance > self.vcpus:
                self._at_quota = True
                self.world.note_once("vCPU quota reached", self.plan.name)
                self.clock.at(self.clock.now + 60, self._launch, cause)
                return
        self._at_quota = False
        self.launching -= 1
        self._causes.remove(cause)
        member = self._new(cause)
        boot = self.world.figures.boot_seconds
        if self.pool_ready:
            self.pool_ready -= 1
            boot = self.world.figures.pool_start_seconds
            self.world.note("launch from pool", member.instance.name)
        else:
            boot *= self._varied(self.assumptions.boot_variation)
            self.world.note("launch cold", member.instance.name)
        self._refill_pool()
        now = self.clock.now
        pending = boot if self.has_launch_hook else min(self.assumptions.pending_seconds, boot)
        self.clock.at(now + boot, self._application_answers, member)
        self.clock.at(now + pending, self._enter_service, member)

    def _application_answers(self, member):
        if not member.instance.dead:
            member.instance.start_answering()
            self.world.note("answers", member.instance.name)

    def _enter_service(self, member):
        if member.ends:
            return
        member.in_service_since = self.clock.now
        member.target = self.world.balancer.register(member.instance)
        self.world.note("in service", member.instance.name)

    def _pool_wanted(self):
        pool = self.plan.warm_pool
        if pool is None:
            return 0
        prepared = self.plan.max_size if pool.max_prepared_size is None else pool.max_prepared_size
        return max(prepared - self.desired, pool.min_size, 0)

    def _refill_pool(self):
        for _ in range(self._pool_wanted() - self.pool_ready - self.pool_coming):
            self.pool_coming += 1
            self.clock.at(self.clock.now + self.world.figures.boot_seconds, self._prepared_for_pool)

    def _prepared_for_pool(self, _):
        self.pool_coming -= 1
        if self.pool_ready < self._pool_wanted():
            self.pool_ready += 1

    # Ends

    def _end(self, member):
        """Take an instance out of service: drain it, then end it."""
        member.ends = True
        self.members.remove(member)
        if member.target is None:
            member.instance.kill()
            return
        self.ending.append(member)
        self.world.balancer.deregister(member.target)
        self.world.note("draining", member.instance.name)
        delay = self.world.target_group.deregistration_delay_seconds
        self.clock.at(self.clock.now + delay, self._ended, member)
        member.instance.on_idle = lambda: self.clock.at(self.clock.now, self._ended, member)
        if member.instance.is_idle:
            member.instance.on_idle()

    def _ended(self, member):
        if member in self.ending:
            member.instance.kill()
            self.ending.remove(member)
            self.world.balancer.remove(member.target)
            self.world.note("terminated", member.instance.name)

    def _replace_unhealthy(self, now):
        if self.plan.health_check_type != HealthCheckType.ELB:
            return
        if self.is_scaling_out(self.warmup, "replacement"):
            return
        desired = self.desired
        is_busy = self.launching or self.ending or self.in_service() < len(self.members)
        if is_busy and self.in_service() <= 0.9 * desired:
            return
        grace = self.plan.health_check_grace_seconds
        sick = [
            member
            for member in self.members
            if member.in_service_since is not None
            and member.in_service_since + grace <= now
            and not member.instance.lost
            and member.target.state == UNHEALTHY
        ]
        allowed = max(int(desired * self.assumptions.replacement_percent / 100), 1)
        for member in sick[:allowed]:
            self.world.note("replaced as unhealthy", member.instance.name)
            self._end(member)
        self._reconcile("replacement")

    def lose_zones(self, zones):
        """Lose whatever is in these zones; nothing is launched there any more."""
        self.world.note("zones lost", ", ".join(sorted(zones)))
        self.zones = [zone for zone in self.zones if zone not in zones]
        lost = [member for member in self.members if member.zone in zones]
        for member in [*lost, *(m for m in self.ending if m.zone in zones)]:
            member.instance.lose()
        pending = [member for member in lost if member.in_service_since is None]
        for member in pending:
            member.ends = True
            self.members.remove(member)
        self._reconcile("loss")
        noticed = self.clock.now + self.assumptions.loss_notice_seconds
        self.clock.at(noticed, self._replace_lost, [m for m in lost if m not in pending])

    def _replace_lost(self, lost):
        for member in lost:
            if member in self.members:
                member.ends = True
                self.members.remove(member)
                self.world.balancer.remove(member.target)
                self.world.note("replaced as lost", member.instance.name)
        self._reconcile("loss")


class Tracking:
    """A target tracking policy with its two alarms."""

    def __init__(self, world, policy, group):
        self.world = world
        self.policy = policy
        self.group = group
        stated = policy.warmup_seconds
        self.warmup = group.warmup if stated is None else stated
        metric, period = policy.metric, policy.period_seconds
        if isinstance(metric, TrackedMetric):
            if metric not in _TRACKED:
                raise ValueError(f"TargetTracking.metric: must be one that is built, got {metric}")
            slow = metric is TrackedMetric.CPU and not group.plan.detailed_monitoring
            metric, period = _TRACKED[metric], 300 if slow else 60
        assumptions = world.assumptions
        high, low = assumptions.tracking_high_points, assumptions.tracking_low_points
        name = f"TargetTracking-{policy.name}"
        self.high = Watch(
            f"{name}-AlarmHigh",
            metric,
            "GreaterThanThreshold",
            policy.target,
            period,
            high,
            high,
            actions=[self.out],
        )
        self.low = Watch(
            f"{name}-AlarmLow", metric, "LessThanThreshold",
            policy.target * assumptions.tracking_low_factor, max(period, 60), low, low,
            actions=[self.less], is_low=True,
        )  # fmt: skip

    def out(self, watch):
        """Return what the metric is averaged over, times metric over target, rounded up."""
        base = len(self.group.warm(self.warmup)) if watch.base is None else watch.base
        wanted = math.ceil(base * watch.value / self.policy.target - 1e-9)
        if wanted <= self.group.desired == self.group.plan.max_size:
            self.world.note_once("at maximum size", self.group.plan.name)
        return max(wanted, self.group.desired)

    def _kept(self):
        """Return the capacity that this policy would keep: what it removes is rounded down.

        Instances that are terminating belong to the capacity.
        """
        if self.low.state != ALARM or self.low.value is None:
            return self.group.desired
        capacity = self.group.desired + len(self.group.ending)
        return capacity - math.floor(capacity * (1 - self.low.value / self.policy.target) + 1e-9)

    def less(self, _):
        """Return the largest capacity that any tracking that may scale in would keep."""
        group = self.group
        if self.policy.disable_scale_in:
            return group.desired
        peers = [
            peer
            for peer in self.world.trackings
            if peer.group is group and not peer.policy.disable_scale_in
        ]
        return min(group.desired, max(peer._kept() for peer in peers))


class Steps:
    """A step scaling policy; alarms run it."""

    def __init__(self, policy, group):
        self.policy = policy
        self.group = group
        stated = policy.warmup_seconds
        self.warmup = group.warmup if stated is None else stated

    def run(self, watch):
        """Return the capacity that the step asks for in which the alarm's metric lies.

        It is reckoned from what is warm: so what is on its way counts. When scaling in, what is
        terminating belongs to the capacity, too.
        """
        group = self.group
        number = self._step(watch.value - watch.threshold, watch.comparison.startswith("Greater"))
        if number is None:
            return group.desired
        adjustment = self.policy.steps[number].adjustment
        warm = len(group.warm(self.warmup))
        if self.policy.adjustment_type == AdjustmentType.EXACT_CAPACITY:
            return int(adjustment)
        if adjustment >= 0:
            return max(group.desired, warm + adjusted(self.policy, adjustment, warm))
        capacity = warm + len(group.ending)
        return min(group.desired, capacity + adjusted(self.policy, adjustment, capacity))

    def _step(self, distance, is_above):
        for number, step in enumerate(self.policy.steps):
            lower = -math.inf if step.lower is None else step.lower
            upper = math.inf if step.upper is None else step.upper
            if is_above and lower <= distance < upper:
                return number
            if not is_above and lower < distance <= upper:
                return number
        return None


def decide(group, asked):
    """Follow the policies that an alarm runs: all reckon from the group as it is now.

    The largest capacity counts. Scale-in waits while a scale-out is under way or warms up.
    """
    changes = [
        (wanted, policy)
        for wanted, policy in asked
        if wanted > group.desired
        or (wanted < group.desired and not group.is_scaling_out(policy.warmup))
    ]
    if changes:
        wanted, policy = max(changes, key=lambda change: change[0])
        group.set_desired(wanted, policy.policy.name)


def adjusted(policy, adjustment, capacity):
    """Return by how many instances an adjustment changes a capacity, as AWS rounds."""
    if policy.adjustment_type == AdjustmentType.CHANGE_IN_CAPACITY:
        return int(adjustment)
    change = capacity * adjustment / 100
    whole = math.floor(abs(change) + 1e-9)
    if 0 < abs(change) < 1:
        whole = 1
    whole = max(whole, policy.min_adjustment_magnitude) if change else 0
    return int(math.copysign(whole, change))


def watches_of(world, plan, groups):
    """Return the trackings, and all alarms at work, wired to the policies."""
    runs, trackings = {}, []
    for policy in plan.policies:
        if isinstance(policy, TargetTracking):
            trackings.append(Tracking(world, policy, groups[policy.group]))
        elif isinstance(policy, StepScaling):
            runs[policy.name] = Steps(policy, groups[policy.group]).run
        elif not isinstance(policy, PredictiveScaling):
            raise NotImplementedError(
                f"ScalingPlan.policies: must be of a kind that is built, got {policy}"
            )
    watches = [_watch(alarm, runs) for alarm in plan.alarms]
    watches.extend(watch for tracking in trackings for watch in (tracking.high, tracking.low))
    return trackings, watches


def _watch(alarm: Alarm, runs):
    assert isinstance(alarm.metric, Metric | MetricMath)
    return Watch(
        alarm.name,
        alarm.metric,
        str(alarm.comparison),
        alarm.threshold,
        alarm.period_seconds,
        alarm.evaluation_periods,
        alarm.datapoints_to_alarm or alarm.evaluation_periods,
        str(alarm.missing_data),
        alarm.ignores_low_samples,
        [runs[name] for name in alarm.alarm_actions],
        [runs[name] for name in alarm.ok_actions],
    )
