"""What makes the group grow with demand, and shrink again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from components import aws_limits
from components._checks import REQUIRED, Reader
from components._errors import Problems
from components._naming import physical_name
from components._override import current_override
from components.alarms import (
    RUNBOOKS,
    AlarmRow,
    DemandMetric,
    HighResolutionMetricArgs,
    Subject,
    Watched,
    fast_surge_row,
    metric_alarm,
    request_surge_row,
    watched,
)
from components.notifications import AlertSeverity


class PredictiveScalingMode(StrEnum):
    """What predictive scaling does with its forecast."""

    FORECAST_ONLY = "ForecastOnly"
    """Shows it, to be compared with what came."""
    FORECAST_AND_SCALE = "ForecastAndScale"
    """Adds instances ahead of it. It never removes any."""


class ScalingStepArgs(TypedDict):
    """What the surge alarm adds from a certain load on."""

    above_percent: float
    """Load from which this step holds (percent of the stated capacity, up to 10000). The first step
    begins at surge_percent."""
    add_percent: int
    """Instances to add (percent of the group's instances, 1 to 1000). AWS rounds down, but adds at
    least one."""


class ScalingScheduleArgs(TypedDict):
    """A time at which the group's minimum changes."""

    recurrence: str
    """When: five crontab fields, minute, hour, day of month, month, day of week."""
    min_size: int
    """Fewest instances from then on (instances, at least 1)."""
    time_zone: NotRequired[str]
    """Time zone of the recurrence (IANA name). Default: Etc/UTC."""
    start: NotRequired[str]
    """Not before this moment (UTC, YYYY-MM-DDThh:mm:ssZ). Default: at once."""


class PredictiveScalingArgs(TypedDict):
    """Scaling ahead of a daily or weekly pattern."""

    mode: NotRequired[PredictiveScalingMode]
    """ForecastOnly or ForecastAndScale. Default: ForecastOnly."""
    scheduling_buffer_seconds: NotRequired[int]
    """How long before the forecast hour instances are launched (seconds, 0 to 3599).
    Default: 300."""
    max_capacity_buffer_percent: NotRequired[int]
    """Lets a forecast raise the group's maximum by this much above the forecast, for good (percent,
    0 to 100). Default: the maximum is kept."""


class ScalingPoliciesArgs(TypedDict):
    """Arguments of ScalingPolicies."""

    group_name: Input[str]
    """Name of the auto scaling group."""
    resource_label: Input[str]
    """Load balancer and target group, as target tracking names them: app/.../targetgroup/..."""
    load_balancer_arn_suffix: Input[str]
    """Last part of the load balancer's ARN, as CloudWatch names it: app/..."""
    target_group_arn_suffix: Input[str]
    """Last part of the target group's ARN: targetgroup/..."""
    requests_per_second_per_instance: NotRequired[float]
    """Requests that one instance carries, at the low end of what was measured (requests per second,
    0.001 to 1000000). Default: not stated, and scaling follows the processors alone."""
    target_utilization_percent: NotRequired[float]
    """Share of its capacity that an instance uses in the steady state (percent, 1 to 99).
    Default: 60."""
    cpu_target_percent: NotRequired[float]
    """Mean use of the processors to keep (percent, 1 to 99). Default: 50."""
    surge_percent: NotRequired[float]
    """Share of the capacity at which the surge alarm adds instances (percent, 2 to 100).
    Default: 80."""
    steps: NotRequired[list[ScalingStepArgs]]
    """What the surge alarm adds (1 to 20 steps). Default: steps from 1, 1.25, 1.875 and 2.5 times
    surge_percent, each adding what brings that load back to target_utilization_percent."""
    schedules: NotRequired[dict[str, ScalingScheduleArgs]]
    """Changes of the minimum by the clock, by name (at most 125). Default: none."""
    keep_raised_minimum: NotRequired[bool]
    """Keep schedules, too, from going below the minimum that the runbook surge-response has raised,
    until its end (see AutoScalingGroup). Default: false."""
    predictive: NotRequired[PredictiveScalingArgs]
    """Scaling ahead of a pattern. Default: none."""
    high_resolution_metric: NotRequired[HighResolutionMetricArgs]
    """Demand metric with a period below a minute, followed as well. Default: none."""
    runbook_base_url: NotRequired[str]
    """What stands before the name of a runbook page (1 to 500 characters).
    Default: docs/runbooks/."""
    tags: NotRequired[Mapping[str, str]]
    """Tags of the alarms. Default: none."""


STEPS_MAX: Final = 20
SCHEDULES_MAX: Final = 125
"""AWS's quotas for one group: step adjustments of a policy, scheduled actions
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html)."""
_DEFAULT_STEPS: Final = (1, 1.25, 1.875, 2.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    above_percent: float
    add_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schedule:
    recurrence: str
    min_size: int
    time_zone: str
    start: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Predictive:
    mode: PredictiveScalingMode
    scheduling_buffer_seconds: int
    max_capacity_buffer_percent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The plain, checked values of ScalingPoliciesArgs."""

    requests_per_second_per_instance: float | None
    target_utilization_percent: float
    cpu_target_percent: float
    surge_percent: float
    steps: tuple[_Step, ...]
    schedules: Mapping[str, _Schedule]
    keep_raised_minimum: bool
    predictive: _Predictive | None
    high_resolution_metric: DemandMetric | None
    runbook_base_url: str

    @classmethod
    def from_args(cls, args: ScalingPoliciesArgs) -> "_Settings":
        """Check `args` and fill in the defaults; raise ArgsError for what is wrong."""
        problems = Problems("ScalingPolicies")
        reader = Reader(problems, args, ScalingPoliciesArgs.__annotations__)
        reader.required(
            "group_name", "resource_label", "load_balancer_arn_suffix", "target_group_arn_suffix"
        )
        capacity = "requests_per_second_per_instance"
        target = reader.number("target_utilization_percent", 60, 1, 99)
        surge = reader.number("surge_percent", 80, 2, 100)
        if reader.sound("target_utilization_percent", "surge_percent") and surge <= target:
            # Below the target the alarm would add in the steady state what tracking takes away.
            reader.note("surge_percent", f"be above target_utilization_percent ({target:g})", surge)
        settings = cls(
            requests_per_second_per_instance=(
                reader.number(capacity, REQUIRED, 0.001, 1_000_000)
                if reader.given(capacity)
                else None
            ),
            target_utilization_percent=target,
            cpu_target_percent=reader.number("cpu_target_percent", 50, 1, 99),
            surge_percent=surge,
            steps=_steps(reader, args, target=target, surge=surge),
            schedules=_schedules(reader, args),
            keep_raised_minimum=reader.switch("keep_raised_minimum", default=False),
            predictive=_predictive(reader, args),
            high_resolution_metric=DemandMetric.read(reader, args),
            runbook_base_url=reader.text("runbook_base_url", RUNBOOKS),
        )
        if (
            reader.given("steps")
            and not reader.given(capacity)
            and not reader.given("high_resolution_metric")
        ):
            reader.note(
                "steps",
                f"be given together with {capacity} or high_resolution_metric",
                "neither",
            )
        problems.raise_if_any()
        return settings


def default_steps(target: float, surge: float) -> list[tuple[float, int]]:
    """Return the default steps: from which load on, and how many percent to add."""
    begins = [round(surge * factor, 3) for factor in _DEFAULT_STEPS]
    return [(begin, math.ceil(round((begin / target - 1) * 100, 6))) for begin in begins]


def _steps(
    reader: Reader, args: ScalingPoliciesArgs, *, target: float, surge: float
) -> tuple[_Step, ...]:
    given: Any = args.get("steps")
    if given is None:
        if surge <= target:
            return ()  # noted already
        return tuple(
            _Step(above_percent=begin, add_percent=add)
            for begin, add in default_steps(target, surge)
        )
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= STEPS_MAX:
        count = len(given) if isinstance(given, list | tuple) else given
        reader.note("steps", f"be a list of 1 to {STEPS_MAX} steps", count)
        return ()
    steps = []
    for index, each in enumerate(given):
        path = f"steps[{index}]"
        if not isinstance(each, Mapping):
            reader.note(path, "be a mapping with above_percent and add_percent", each)
            return ()
        inner = Reader(reader.problems, each, ScalingStepArgs.__annotations__, path)
        steps.append(
            _Step(
                above_percent=inner.number("above_percent", REQUIRED, 1, 10_000),
                add_percent=inner.whole("add_percent", REQUIRED, 1, 1000),
            )
        )
        if not inner.sound("above_percent", "add_percent"):
            return ()
    if reader.sound("surge_percent") and steps[0].above_percent != surge:
        # A gap before the first step would leave the alarm without an answer.
        reader.note(
            "steps[0].above_percent", f"be surge_percent ({surge:g})", steps[0].above_percent
        )
    for index, (before, step) in enumerate(pairwise(steps), start=1):
        if step.above_percent <= before.above_percent:
            reader.note(
                f"steps[{index}].above_percent",
                f"be above that of the step before ({before.above_percent:g})",
                step.above_percent,
            )
        if step.add_percent < before.add_percent:
            reader.note(
                f"steps[{index}].add_percent",
                f"be at least that of the step before ({before.add_percent})",
                step.add_percent,
            )
    return tuple(steps)


def _schedules(reader: Reader, args: ScalingPoliciesArgs) -> Mapping[str, _Schedule]:
    given: Any = args.get("schedules")
    if given is None:
        return {}
    if not isinstance(given, Mapping) or len(given) > SCHEDULES_MAX:
        count = len(given) if isinstance(given, Mapping) else given
        reader.note("schedules", f"be a mapping of at most {SCHEDULES_MAX} schedules", count)
        return {}
    schedules = {}
    for key, each in given.items():
        path = f"schedules.{key}"
        if not isinstance(each, Mapping):
            reader.note(path, "be a mapping with recurrence and min_size", each)
            continue
        inner = Reader(reader.problems, each, ScalingScheduleArgs.__annotations__, path)
        schedule = _Schedule(
            recurrence=inner.text("recurrence", REQUIRED),
            min_size=inner.whole("min_size", REQUIRED, 1),
            time_zone=inner.text("time_zone", "Etc/UTC"),
            start=inner.text("start", "") or None,
        )
        for field, name in (("recurrence", "recurrence"), ("time_zone", "timeZone")):
            value = getattr(schedule, field)
            rule = aws_limits.breach(aws_limits.SCHEDULE, name, value)
            if rule and inner.sound(field):
                inner.note(field, rule, value)
        if schedule.start and not is_moment(schedule.start):
            inner.note("start", "be a UTC moment of the form YYYY-MM-DDThh:mm:ssZ", schedule.start)
        schedules[str(key)] = schedule
    return schedules


def is_moment(value: str) -> bool:
    """Whether a text is a moment in the one form that Auto Scaling takes."""
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return len(value) == len("YYYY-MM-DDThh:mm:ssZ")


def _predictive(reader: Reader, args: ScalingPoliciesArgs) -> _Predictive | None:
    given: Any = args.get("predictive")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        reader.note("predictive", "be a mapping with mode and more", given)
        return None
    inner = Reader(reader.problems, given, PredictiveScalingArgs.__annotations__, "predictive")
    buffer = "max_capacity_buffer_percent"
    return _Predictive(
        mode=inner.choice("mode", PredictiveScalingMode.FORECAST_ONLY),
        scheduling_buffer_seconds=inner.whole("scheduling_buffer_seconds", 300, 0, 3599),
        max_capacity_buffer_percent=(
            inner.whole(buffer, REQUIRED, 0, 100) if inner.given(buffer) else None
        ),
    )


class ScalingPolicies(pulumi.ComponentResource):
    """The group's scaling policies; several at once, each for what the others are slow at.

    Creates, where the figures allow it:

    - target tracking on requests per target, at `target_utilization_percent` of what one instance
      carries. Requests are counted before they wait, so this follows demand also beyond saturation;
    - target tracking on the processors. At 100 % it can ask for no more than 100 / target times the
      instances at once, so it never is the only one that follows demand if capacity is stated;
    - target tracking on the high-resolution metric, where there is one;
    - step scaling on the surge alarm, which needs one data point where target tracking needs three;
    - schedules that move the minimum, and predictive scaling.

    All trackings may remove instances, and Auto Scaling removes only when every one of them agrees.
    Steps only add. No two trackings follow one metric, and no composite or anomaly alarm drives a
    policy: CloudWatch does not allow it. Warm-up is the group's (`default_instance_warmup`).

    Steps, by an example. An instance carries 100 requests per second, `surge_percent` is 80, the
    target 60. The alarm's threshold is 80 x 60 = 4800 requests per target and minute, and the
    default steps are, in bounds above that threshold:

        load 80 % to 100 %      0 to 1200       adds  34 %      (80 / 60 = 1.34)
        load 100 % to 150 %     1200 to 4200    adds  67 %      (100 / 60 = 1.67)
        load 150 % to 200 %     4200 to 7200    adds 150 %
        load from 200 %         7200 and more   adds 234 %

    Four instances get 460 requests per second: 115 each, 6900 a minute, 2100 above the threshold,
    hence the second step. 67 % of 4 is 2.68; AWS rounds down, so two are launched. When they serve,
    each of the six gets 77 requests per second, 77 % of its capacity: the alarm is over, and target
    tracking goes on to eight (6 x 77 / 60 = 7.7). At 1000 requests per second, 250 each, the last
    step adds 234 % of 4 = 9.36: nine instances at once.
    """

    surge_alarm_names: Output[Sequence[str]]
    """Names of the alarms that drive step scaling."""
    policy_arns: Output[Sequence[str]]
    """ARNs of all scaling policies."""

    def __init__(
        self, name: str, args: ScalingPoliciesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:ScalingPolicies", name, {}, opts)
        self._component = name
        self._args = args
        self._settings = _Settings.from_args(args)
        self._warn_of_missing_figures()

        policies = self._target_tracking()
        alarms = []
        self.watched: list[Watched] = []
        for row, role, capacity in self._surges():
            policy = self._step_scaling(role, capacity)
            policies.append(policy)
            alarm = self._surge_alarm(row, policy)
            alarms.append(alarm)
            self.watched.append(watched(name, row, alarm))
        policies += self._predictive_scaling()
        self._schedules()

        self.surge_alarm_names = Output.all(*(alarm.name for alarm in alarms))
        self.policy_arns = Output.all(*(policy.arn for policy in policies))
        self.register_outputs(
            {"surge_alarm_names": self.surge_alarm_names, "policy_arns": self.policy_arns}
        )

    def _warn_of_missing_figures(self) -> None:
        settings = self._settings
        if settings.requests_per_second_per_instance is not None:
            return
        followed = "the processors"
        if settings.high_resolution_metric is not None:
            followed += f" and {settings.high_resolution_metric.metric_name}"
        pulumi.log.warn(
            f"service.requestsPerSecond is not stated, so scaling follows {followed} alone: no "
            "tracking of requests per target, no surge alarm on requests. Measure it with a load "
            "test on one instance: the highest rate at which response times stay below "
            "alerts.responseTimeP95Seconds.",
            resource=self,
        )

    def _policy(self, role: str, policy_type: str, **inputs: Any) -> aws.autoscaling.Policy:
        return aws.autoscaling.Policy(
            f"{self._component}-{role}",
            name=physical_name(self._component, role),
            autoscaling_group_name=self._args["group_name"],
            policy_type=policy_type,
            opts=pulumi.ResourceOptions(parent=self),
            **inputs,
        )

    def _target_tracking(self) -> list[aws.autoscaling.Policy]:
        settings = self._settings
        share = settings.target_utilization_percent / 100
        tracked: list[tuple[str, float, dict[str, Any]]] = []
        if settings.requests_per_second_per_instance is not None:
            per_minute = settings.requests_per_second_per_instance * 60
            tracked.append(
                (
                    "requests",
                    per_minute * share,
                    {
                        "predefined_metric_specification": {
                            "predefined_metric_type": "ALBRequestCountPerTarget",
                            "resource_label": self._args["resource_label"],
                        }
                    },
                )
            )
        tracked.append(
            (
                "cpu",
                settings.cpu_target_percent,
                {
                    "predefined_metric_specification": {
                        "predefined_metric_type": "ASGAverageCPUUtilization"
                    }
                },
            )
        )
        metric = settings.high_resolution_metric
        if metric is not None:
            tracked.append(
                (
                    "demand",
                    metric.capacity_per_instance * share,
                    {
                        "customized_metric_specification": {
                            "namespace": metric.namespace,
                            "metric_name": metric.metric_name,
                            "metric_dimensions": [
                                {
                                    "name": "AutoScalingGroupName",
                                    "value": self._args["group_name"],
                                }
                            ],
                            "statistic": "Average",
                            "period": metric.period_seconds,
                        }
                    },
                )
            )
        return [
            self._policy(
                role,
                "TargetTrackingScaling",
                target_tracking_configuration={
                    "target_value": round(target, 6),
                    "disable_scale_in": False,
                    **specification,
                },
            )
            for role, target, specification in tracked
        ]

    def _surges(self) -> list[tuple[AlarmRow, str, float]]:
        """Return each surge alarm, the role of its policy, and one instance's capacity in its unit.

        The slow one stays beside the fast one: it is what is left when starved instances no longer
        publish.
        """
        settings = self._settings
        surges: list[tuple[AlarmRow, str, float]] = []
        requests = settings.requests_per_second_per_instance
        if requests is not None:
            row = request_surge_row(
                requests_per_second=requests,
                share_percent=settings.surge_percent,
                severity=AlertSeverity.TICKET,
            )
            surges.append((row, "surge", requests * 60))
        metric = settings.high_resolution_metric
        if metric is not None:
            row = fast_surge_row(
                metric=metric,
                share_percent=settings.surge_percent,
                severity=AlertSeverity.TICKET,
            )
            surges.append((row, "surge-fast", metric.capacity_per_instance))
        return surges

    def _step_scaling(self, role: str, capacity: float) -> aws.autoscaling.Policy:
        surge = self._settings.surge_percent
        bounds = [
            _number((step.above_percent - surge) / 100 * capacity) for step in self._settings.steps
        ]
        uppers = [*bounds[1:], None]
        return self._policy(
            role,
            "StepScaling",
            adjustment_type="PercentChangeInCapacity",
            metric_aggregation_type="Average",
            step_adjustments=[
                aws.autoscaling.PolicyStepAdjustmentArgs(
                    metric_interval_lower_bound=lower,
                    metric_interval_upper_bound=upper,
                    scaling_adjustment=step.add_percent,
                )
                for lower, upper, step in zip(bounds, uppers, self._settings.steps, strict=True)
            ],
        )

    def _surge_alarm(
        self, row: AlarmRow, policy: aws.autoscaling.Policy
    ) -> aws.cloudwatch.MetricAlarm:
        dimensions: Mapping[Subject, Mapping[str, Input[str]]] = {
            Subject.TARGET_GROUP: {
                "LoadBalancer": self._args["load_balancer_arn_suffix"],
                "TargetGroup": self._args["target_group_arn_suffix"],
            },
            Subject.GROUP: {"AutoScalingGroupName": self._args["group_name"]},
        }
        return metric_alarm(
            self._component,
            row,
            dimensions=dimensions.__getitem__,
            runbook_base_url=self._settings.runbook_base_url,
            actions=[policy.arn],
            tags=self._args.get("tags"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _predictive_scaling(self) -> list[aws.autoscaling.Policy]:
        settings = self._settings
        predictive = settings.predictive
        if predictive is None:
            return []
        requests = settings.requests_per_second_per_instance
        if requests is None:
            pair: dict[str, Any] = {
                "predefined_metric_type": "ASGCPUUtilization",
                "resource_label": "",  # Pulumi wants one; the provider leaves an empty one out.
            }
            target = settings.cpu_target_percent
        else:
            pair = {
                "predefined_metric_type": "ALBRequestCount",
                "resource_label": self._args["resource_label"],
            }
            target = requests * 60 * settings.target_utilization_percent / 100
        configuration: dict[str, Any] = {
            "mode": predictive.mode.value,
            "scheduling_buffer_time": str(predictive.scheduling_buffer_seconds),
            "max_capacity_breach_behavior": "HonorMaxCapacity",
            "metric_specification": {
                "target_value": round(target, 6),
                "predefined_metric_pair_specification": pair,
            },
        }
        if predictive.max_capacity_buffer_percent is not None:
            pulumi.log.warn(
                "scaling.predictive.maxCapacityBufferPercent lets a forecast raise the group's "
                "maximum, and AWS does not lower it again: check quotas and cost.",
                resource=self,
            )
            configuration |= {
                "max_capacity_breach_behavior": "IncreaseMaxCapacity",
                "max_capacity_buffer": str(predictive.max_capacity_buffer_percent),
            }
        return [
            self._policy(
                "predictive", "PredictiveScaling", predictive_scaling_configuration=configuration
            )
        ]

    def _schedules(self) -> None:
        settings = self._settings
        keeps = settings.schedules and settings.keep_raised_minimum
        override = current_override(self._component, self) if keeps else None
        floor = override.minimum if override else 0
        lower = [key for key, each in settings.schedules.items() if each.min_size < floor]
        if override and lower:
            pulumi.log.warn(
                f"schedules {', '.join(lower)} set the minimum of {floor} instances that "
                f"surge-response raised, not their own. The first deployment after its end, "
                f"{override.end:%Y-%m-%d %H:%M} UTC, gives them their own again.",
                resource=self,
            )
        for key, schedule in settings.schedules.items():
            aws.autoscaling.Schedule(
                f"{self._component}-{key}",
                scheduled_action_name=physical_name(self._component, key),
                autoscaling_group_name=self._args["group_name"],
                recurrence=schedule.recurrence,
                time_zone=schedule.time_zone,
                start_time=schedule.start,
                min_size=max(schedule.min_size, floor),
                # -1 leaves as it is; the provider takes what is not given for 0.
                max_size=-1,
                desired_capacity=-1,
                opts=pulumi.ResourceOptions(parent=self),
            )


def _number(value: float) -> str:
    """Return a step's bound as the provider writes it: `1200`, not `1200.0`."""
    rounded = round(value, 6)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)
