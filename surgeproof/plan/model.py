"""What decides how a stack behaves under load: plain frozen dataclasses, filled by the readers.

AWS's words and AWS's defaults; units in the names. Nothing here knows Pulumi, boto3 or a clock.
What a reader could not see is listed in `ScalingPlan.not_seen` and never guessed here.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from surgeproof.figures import SPREAD


class PlanError(ValueError):
    """A plan that contradicts itself: `<Class>.<field>: must <rule>, got <value>`."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class HealthCheckType(StrEnum):
    """Who tells an Auto Scaling group that an instance is unhealthy."""

    EC2 = "EC2"
    """Only EC2's own status checks."""
    ELB = "ELB"
    """EC2's status checks and the target group's health checks."""


class AdjustmentType(StrEnum):
    """How a step or simple scaling policy states its adjustment."""

    CHANGE_IN_CAPACITY = "ChangeInCapacity"
    EXACT_CAPACITY = "ExactCapacity"
    PERCENT_CHANGE_IN_CAPACITY = "PercentChangeInCapacity"


class Comparison(StrEnum):
    """How an alarm compares its metric with its threshold."""

    GREATER = "GreaterThanThreshold"
    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"


class MissingData(StrEnum):
    """How an alarm treats periods without data."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


class WarmPoolState(StrEnum):
    """State in which instances wait in a warm pool."""

    STOPPED = "Stopped"
    RUNNING = "Running"
    HIBERNATED = "Hibernated"


class BalancingAlgorithm(StrEnum):
    """How a target group chooses the target of a request."""

    ROUND_ROBIN = "round_robin"
    LEAST_OUTSTANDING_REQUESTS = "least_outstanding_requests"
    WEIGHTED_RANDOM = "weighted_random"


class TrackedMetric(StrEnum):
    """Predefined metrics that a target tracking policy may follow."""

    CPU = "ASGAverageCPUUtilization"
    CPU_HIGH_RESOLUTION = "ASGAverageCPUUtilizationHighResolution"
    REQUESTS_PER_TARGET = "ALBRequestCountPerTarget"
    NETWORK_IN = "ASGAverageNetworkIn"
    NETWORK_OUT = "ASGAverageNetworkOut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that is known only as a range."""

    low: float
    """Smallest value that is believed."""
    typical: float
    """Most likely value (from low to high)."""
    high: float
    """Largest value that is believed."""

    def __post_init__(self) -> None:
        finite = all(math.isfinite(value) for value in (self.low, self.typical, self.high))
        if not (finite and 0 <= self.low <= self.typical <= self.high):
            raise PlanError(
                "Figure: must hold 0 <= low <= typical <= high, "
                f"got {self.low}, {self.typical}, {self.high}"
            )

    @classmethod
    def about(cls, value: float, spread: float = SPREAD) -> Self:
        """Return `value` with ±20 %, which a bare value in the configuration gets."""
        return cls(low=value * (1 - spread), typical=value, high=value * (1 + spread))

    @classmethod
    def exactly(cls, value: float) -> Self:
        """Return `value` as it is, without a range."""
        return cls(low=value, typical=value, high=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSeen:
    """A fact that a reader could not see, so that the verdict can say so."""

    path: str
    """Which fact, as the path in the plan (`groups[web].max_size`)."""
    reason: str
    """Why, as one sentence."""
    supply: bool = False
    """Whether the group may have less capacity than the plan says, or scale otherwise. Where it is
    true, no verdict is better than uncertain. Default: false."""
    missing: str = ""
    """What is missing, in the program's terms, as a sentence without its period: nothing is decided
    about a group that it matters to. Default: nothing is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmPool:
    """Instances that were started before they are needed."""

    state: WarmPoolState = WarmPoolState.STOPPED
    """State in which they wait. Default: Stopped."""
    min_size: int = 0
    """Fewest instances that wait (instances). Default: 0."""
    max_prepared_size: int | None = None
    """Instances in group and pool together (instances). Default: the group's maximum."""
    reuse_on_scale_in: bool = False
    """Whether instances return to the pool on scale-in. Default: false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleHook:
    """A pause while an instance is launched or terminated."""

    name: str
    launching: bool
    """Whether it holds instances that launch; else those that terminate."""
    heartbeat_timeout_seconds: int = 3600
    """Longest pause (seconds, 30 to 7200). Default: 3600."""
    abandons: bool = True
    """Whether an instance that never answers is given up. Default: true, as AWS's ABANDON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceMaintenancePolicy:
    """Bounds of the group's size while instances are replaced, for whatever reason."""

    min_healthy_percent: int
    """Share of the desired capacity that stays in service (percent, 0 to 100)."""
    max_healthy_percent: int
    """Share of the desired capacity that may run (percent, 100 to 200)."""

    def __post_init__(self) -> None:
        problems = [
            f"InstanceMaintenancePolicy.{name}: must be from {low} to {high} (percent), got {value}"
            for name, value, low, high in (
                ("min_healthy_percent", self.min_healthy_percent, 0, 100),
                ("max_healthy_percent", self.max_healthy_percent, 100, 200),
            )
            if not low <= value <= high
        ]
        if problems:
            raise PlanError(*problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRefresh:
    """How instances are replaced when the launch template changes."""

    min_healthy_percent: int | None = None
    """Share that stays in service (percent, 0 to 100). Default: the group's maintenance policy's,
    else 90."""
    max_healthy_percent: int | None = None
    """Share that may run (percent, 100 to 200). Default: the group's maintenance policy's, else
    absent, which ends one instance as it launches the other."""
    alarms: tuple[str, ...] = ()
    """Alarms that stop it."""
    warmup_seconds: int | None = None
    """Time until a new instance counts (seconds). Default: the group's warm-up, else its grace
    period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An Auto Scaling group."""

    name: str
    min_size: int
    """Fewest instances (instances)."""
    max_size: int
    """Most instances (instances)."""
    desired_capacity: int | None = None
    """Instances at the start (instances). Default: the minimum."""
    zones: tuple[str, ...] = ("a",)
    """Availability Zones over which the group spreads."""
    instance_types: tuple[str, ...] = ()
    vcpus_per_instance: float = 2
    """Counts against the account's quota (vCPU)."""
    default_instance_warmup_seconds: int | None = None
    """Time until an instance counts in metrics (seconds). Default: the policy's, or cooldown."""
    default_cooldown_seconds: int = 300
    """Pause after simple scaling, and the warm-up where none is stated (seconds). Default: 300."""
    health_check_type: HealthCheckType = HealthCheckType.EC2
    """Default: EC2."""
    health_check_grace_seconds: int = 0
    """Time during which a failed check does not replace (seconds). Default: 0, as the API."""
    detailed_monitoring: bool = False
    """Whether EC2 metrics come every 60 s, not every 300 s. Default: false."""
    group_metrics: bool = False
    """Whether the group publishes its sizes. Default: false."""
    warm_pool: WarmPool | None = None
    hooks: tuple[LifecycleHook, ...] = ()
    refresh: InstanceRefresh | None = None
    maintenance: InstanceMaintenancePolicy | None = None
    target_group: str | None = None
    """Name of the target group in which it registers. Default: none."""
    also_called: frozenset[str] = field(default=frozenset(), compare=False)
    """Other names by which a configuration may mean it: its own in the program, and those of the
    target groups and listener rules that lead to it."""

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.min_size <= self.max_size:
            problems.append(
                f"Group.min_size: must be from 0 to max_size ({self.max_size}), got {self.min_size}"
            )
        if self.desired_capacity is not None and not (
            self.min_size <= self.desired_capacity <= self.max_size
        ):
            problems.append(
                f"Group.desired_capacity: must be from {self.min_size} to {self.max_size}, "
                f"got {self.desired_capacity}"
            )
        if not self.zones:
            problems.append("Group.zones: must name at least one zone, got none")
        if problems:
            raise PlanError(*problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A CloudWatch metric with the statistic that is asked of it."""

    namespace: str
    """As CloudWatch names it, for example `AWS/ApplicationELB`."""
    name: str
    """As CloudWatch names it, for example `TargetResponseTime`."""
    statistic: str = "Average"
    """Sum, Average, Minimum, Maximum, SampleCount, `p95`, or `PR(:1)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMath:
    """A metric-math expression over metrics, each under its id."""

    expression: str
    """As CloudWatch takes it, for example `100 * errors / requests`."""
    metrics: tuple[tuple[str, Metric], ...]
    """Pairs of id and metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A CloudWatch metric alarm."""

    name: str
    metric: Metric | MetricMath
    comparison: Comparison
    threshold: float
    period_seconds: int = 60
    """Length of a data point (seconds: 10, 20, 30 or a multiple of 60). Default: 60."""
    evaluation_periods: int = 1
    """Data points that are looked at: N (periods). Default: 1."""
    datapoints_to_alarm: int | None = None
    """Data points that must breach: M (periods). Default: N."""
    missing_data: MissingData = MissingData.MISSING
    """Default: missing."""
    ignores_low_samples: bool = False
    """Whether a percentile over few samples leaves the state as it is. Default: false."""
    alarm_actions: tuple[str, ...] = ()
    """Names of the scaling policies that it runs in ALARM."""
    ok_actions: tuple[str, ...] = ()
    """Names of the scaling policies that it runs in OK."""
    notifies: bool = False
    """Whether somebody is told when it enters ALARM. Default: false."""
    severity: str = ""
    """As the stack names it, for example `page`. Default: none."""
    warm_up_minutes: int = 0
    """Time without evaluation after its creation (minutes, 0 to 2880). Default: 0."""

    def __post_init__(self) -> None:
        problems = []
        if self.period_seconds not in {10, 20, 30} and (
            self.period_seconds < 60 or self.period_seconds % 60
        ):
            problems.append(
                "Alarm.period_seconds: must be 10, 20, 30 or a multiple of 60, "
                f"got {self.period_seconds}"
            )
        if self.evaluation_periods < 1:
            problems.append(
                f"Alarm.evaluation_periods: must be at least 1, got {self.evaluation_periods}"
            )
        elif self.datapoints_to_alarm is not None and not (
            1 <= self.datapoints_to_alarm <= self.evaluation_periods
        ):
            problems.append(
                "Alarm.datapoints_to_alarm: must be from 1 to evaluation_periods "
                f"({self.evaluation_periods}), got {self.datapoints_to_alarm}"
            )
        if problems:
            raise PlanError(*problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeAlarm:
    """A CloudWatch composite alarm; it can neither scale a group nor act on an instance."""

    name: str
    rule: str
    """As CloudWatch takes it, for example `ALARM("a") OR ALARM("b")`."""
    suppressor: str | None = None
    """Alarm that holds its actions back. Default: none."""
    wait_period_seconds: int = 60
    """Wait for the suppressor after a transition (seconds). Default: 60."""
    extension_period_seconds: int = 60
    """Wait after the suppressor left ALARM (seconds). Default: 60."""
    notifies: bool = True
    severity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTracking:
    """A target tracking scaling policy."""

    name: str
    group: str
    metric: TrackedMetric | Metric | MetricMath
    target: float
    """Value that is kept (in the metric's unit; requests per target are per minute)."""
    warmup_seconds: int | None = None
    """Default: the group's warm-up."""
    disable_scale_in: bool = False
    """Default: false."""
    period_seconds: int = 60
    """Period of a customized metric (seconds: 10, 30 or 60). Default: 60."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAdjustment:
    """One step, its bounds relative to the alarm's threshold."""

    lower: float | None
    """Default: minus infinity."""
    upper: float | None
    """Default: plus infinity."""
    adjustment: float
    """Instances or percent, as the policy's adjustment type says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScaling:
    """A step scaling policy; the alarms that name it run it."""

    name: str
    group: str
    adjustment_type: AdjustmentType
    steps: tuple[StepAdjustment, ...]
    min_adjustment_magnitude: int = 0
    """Smallest change of a percentage (instances). Default: 0."""
    warmup_seconds: int | None = None
    """Default: the group's warm-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleScaling:
    """A simple scaling policy; the alarms that name it run it."""

    name: str
    group: str
    adjustment_type: AdjustmentType
    adjustment: float
    min_adjustment_magnitude: int = 0
    cooldown_seconds: int | None = None
    """Default: the group's cooldown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledAction:
    """A scheduled action on a group's sizes."""

    name: str
    group: str
    start_seconds: float | None = None
    """When it runs first (Unix time, seconds). Default: by `recurrence`."""
    end_seconds: float | None = None
    """Moment after which `recurrence` no longer holds (Unix time, seconds). Default: never."""
    recurrence: str | None = None
    """When it runs again and again (cron, five fields). Default: only at `start_seconds`."""
    time_zone: str = "UTC"
    min_size: int | None = None
    max_size: int | None = None
    desired_capacity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictiveScaling:
    """A predictive scaling policy; the simulation counts it as absent, since it may only help."""

    name: str
    group: str


Policy = TargetTracking | StepScaling | SimpleScaling | PredictiveScaling


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroup:
    """What decides when a target gets requests, and how long it keeps them."""

    name: str
    check_interval_seconds: int = 30
    """Time between two health checks of a target (seconds, 5 to 300). Default: 30."""
    check_timeout_seconds: int = 6
    """Time until a check counts as failed (seconds). Default: 6, HTTP's."""
    healthy_threshold: int = 5
    """Passed checks in a row that make an unhealthy target healthy. Default: 5."""
    unhealthy_threshold: int = 2
    """Failed checks in a row that make a target unhealthy. Default: 2."""
    slow_start_seconds: int = 0
    """Time over which a new target's share rises (seconds). Default: 0, off."""
    deregistration_delay_seconds: int = 300
    """Longest time to finish requests (seconds, 0 to 3600). Default: 300."""
    algorithm: BalancingAlgorithm = BalancingAlgorithm.ROUND_ROBIN
    check_uses_database: bool = False
    """Whether the health path asks the database. Default: false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    """An Application Load Balancer."""

    name: str
    idle_timeout_seconds: int = 60
    """Time without an answer after which the client gets a 504 (seconds). Default: 60."""
    reserved_capacity_units: int = 0
    """Reserved LCU. Default: 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How the application behaves under load, measured by a load test or stated."""

    requests_per_second: Figure
    """What a warm instance carries at most (requests/s)."""
    service_seconds: Figure
    """Time of one request on an idle warm instance, database included (seconds)."""
    boot_seconds: Figure
    """From the launch until the application answers (seconds)."""
    cold_requests_per_second: Figure | None = None
    """What an instance carries while it is cold (requests/s). Default: as warm."""
    cold_seconds: Figure = Figure(low=0, typical=0, high=0)
    """How long an instance is cold after its first request (seconds). Default: 0."""
    concurrency: Figure | None = None
    """Requests that a warm instance works on at once (requests). Default: what throughput and
    service time imply."""
    cold_concurrency: Figure | None = None
    """The same while it is cold (requests). Default: as warm."""
    queue_size: Figure = Figure(low=256, typical=1024, high=4096)
    """Requests that wait in an instance before it refuses more (requests). Default: 1024."""
    pool_start_seconds: Figure = Figure(low=20, typical=36, high=60)
    """From leaving the warm pool until the application answers (seconds). Default: 36."""
    service_variation: Figure = Figure(low=0.5, typical=1, high=2)
    """Squared coefficient of variation of the service time. Default: 1, exponential."""
    longest_request_seconds: Figure = Figure(low=1, typical=5, high=30)
    """Longest request that is normal (seconds)."""
    database_seconds: Figure = Figure(low=0, typical=0, high=0)
    """Part of the service time spent in the database (seconds). Default: 0."""
    connections_per_request: Figure = Figure(low=1, typical=1, high=1)
    """Database connections that a request holds (connections). Default: 1."""
    connections_per_instance: Figure = Figure(low=0, typical=0, high=0)
    """Database connections that an instance opens (connections). Default: 0."""
    processor_seconds: Figure | None = None
    """Processor time of one request (seconds of one vCPU). Default: the service time without the
    database's, but no more than the instance's vCPU can give at `requests_per_second`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """How users come, wait and try again."""

    session_seconds: Figure = Figure(low=120, typical=300, high=900)
    """Length of a session (seconds)."""
    requests_per_session: Figure = Figure(low=3, typical=5, high=20)
    """Requests of a session, retries not counted (requests)."""
    timeout_seconds: Figure = Figure(low=5, typical=10, high=30)
    """When a client gives up on an attempt (seconds)."""
    retries: int = 2
    """Attempts after the first (attempts, 0 to 4). Default: 2."""
    backoff_seconds: Figure = Figure(low=0.5, typical=1, high=2)
    """Mean wait before the first retry; doubles with each (seconds)."""
    think_seconds: Figure | None = None
    """Wait of a user between an answer and the next request (seconds); makes the users closed:
    the trace then states users, not requests. Default: arrivals are open."""

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= 4:
            raise PlanError(f"Users.retries: must be from 0 to 4, got {self.retries}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The shared limit behind all instances."""

    name: str
    max_connections: int | None = None
    """Connections that it accepts (connections). Default: no limit."""
    queries_per_second: Figure | None = None
    """Requests whose database part it carries at one instance (requests/s). Default: no limit."""
    parallelism: float = 2
    """Requests that it works on at once (vCPU)."""
    contention: Figure = Figure(low=0, typical=0, high=0)
    """USL alpha, with instances as N. Default: 0."""
    coherency: Figure = Figure(low=0, typical=0, high=0)
    """USL beta, with instances as N. Default: 0."""
    proxied: bool = False
    """Whether a proxy shares connections, so that instances do not use them up. Default: false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandMetric:
    """A metric that the application publishes about its own load, averaged over the group."""

    namespace: str
    name: str
    capacity_per_instance: float
    """Its value where one instance is fully used (in its own unit)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What capacity costs (per hour, in `currency`)."""

    instance_hour: float = 0.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What the account allows."""

    vcpus: float | None = None
    """On-demand vCPU of the instance family (vCPU). Default: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a good request and a good minute are."""

    latency_seconds: float = 1.0
    """Bound within which a request must be answered, retries included (seconds). Default: 1."""
    bad_requests_percent: float = 1.0
    """Share of bad requests that a good minute may hold (percent). Default: 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPlan:
    """All that decides how a stack behaves under load."""

    name: str
    groups: tuple[Group, ...]
    policies: tuple[Policy, ...] = ()
    schedules: tuple[ScheduledAction, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    composites: tuple[CompositeAlarm, ...] = ()
    load_balancer: LoadBalancer | None = None
    target_groups: tuple[TargetGroup, ...] = ()
    service: Service | None = None
    """Default: unknown, so that no verdict is given."""
    users: Users = Users()
    objective: Objective = Objective()
    database: Database | None = None
    demand_metrics: tuple[DemandMetric, ...] = ()
    """What the application publishes; a policy or alarm on any other metric is not modelled."""
    prices: Prices = Prices()
    quotas: Quotas = Quotas()
    not_seen: tuple[NotSeen, ...] = ()
    """What the reader could not see, in the order in which it met it."""

    def __post_init__(self) -> None:
        service = self.service
        if service is None or service.processor_seconds is None:
            return
        least, rate = service.processor_seconds.low, service.requests_per_second.low
        problems = [
            f"service.processorSeconds: must be at most {group.vcpus_per_instance / rate:.4g} s, "
            f"{group.vcpus_per_instance:g} vCPU of an instance of {group.name} by "
            f"{rate:g} requests/s (service.requestsPerSecond), got {least:g}"
            for group in self.groups
            if least * rate > group.vcpus_per_instance and not self._guesses_vcpus(group)
        ]
        if problems:
            raise PlanError(*problems)

    def _guesses_vcpus(self, group: Group) -> bool:
        fields = ("instance_types", "vcpus_per_instance")
        guessed = {f"groups[{group.name}].{name}" for name in fields}
        return any(note.path in guessed for note in self.not_seen)

    def group(self, name: str) -> Group:
        """Return the group called `name`."""
        for group in self.groups:
            if group.name == name:
                return group
        known = ", ".join(group.name for group in self.groups) or "none"
        raise PlanError(f"ScalingPlan.groups: must hold {name!r}, got {known}")

    def hit_by(self, name: str) -> Group | None:
        """Return the group that a surge hits which names it so; None where that is not clear.

        It is named by itself or by what leads to it; without a name, it is the only one.
        """
        found = [each for each in self.groups if name in {each.name, ""}]
        found = found or [each for each in self.groups if name in each.also_called]
        return found[0] if len(found) == 1 else None

    def target_group_of(self, group: Group) -> TargetGroup | None:
        """Return the target group in which `group` registers, if any is known."""
        for target_group in self.target_groups:
            if target_group.name == group.target_group:
                return target_group
        return None
