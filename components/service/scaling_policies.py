"""What makes the group grow with demand, and shrink again."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output

from surgeproof.components.alarms.demand import fast_surge_row, request_surge_row
from surgeproof.components.alarms.rows import (
    AlarmRow,
    AlertSeverity,
    Subject,
    WatchedAlarmArgs,
    metric_alarm,
    watched,
)
from surgeproof.components.naming import physical_name
from surgeproof.components.rules import CAPACITY, RUNBOOK_BASE_URL, TAGS, aws_text
from surgeproof.components.service.override import current_override
from surgeproof.figures.settings import HighResolutionMetricArgs
from surgeproof.settings.aws_limits import SCHEDULE
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import (
    choice,
    group,
    items,
    names,
    number,
    plain,
    switch,
    text,
    whole,
)


class PredictiveScalingMode(StrEnum):
    """What predictive scaling does with its forecast."""

    FORECAST_ONLY = "ForecastOnly"
    """Shows it, to be compared with what came."""
    FORECAST_AND_SCALE = "ForecastAndScale"
    """Adds instances ahead of it. It never removes any."""


STEPS_MAX: Final = 20
SCHEDULES_MAX: Final = 125
"""AWS's quotas for one group: step adjustments of a policy, scheduled actions
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html)."""
_DEFAULT_STEPS: Final = (1, 1.25, 1.875, 2.5)
_MOMENT: Final = "be a UTC moment of the form YYYY-MM-DDThh:mm:ssZ"


def _moment(value: str) -> str | None:
    """Hold that a text is a moment in the one form that Auto Scaling takes."""
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return _MOMENT
    return None if len(value) == len("YYYY-MM-DDThh:mm:ssZ") else _MOMENT


class ScalingStepArgs(TypedDict):
    """What the surge alarm adds from a certain load on."""

    above_percent: Annotated[float, number("percent", 1, 10_000)]
    """Load from which the step holds, as a share of the stated capacity; that of the first step is
    surge_percent."""
    add_percent: Annotated[int, whole("percent", 1, 1000)]
    """Instances to add, as a share of the group's."""


class ScalingScheduleArgs(TypedDict):
    """A time at which the group's minimum changes."""

    recurrence: Annotated[str, aws_text("five crontab fields", SCHEDULE, "recurrence")]
    """When: minute, hour, day of month, month, day of week."""
    min_size: Annotated[int, whole("instances", 1)]
    """Fewest instances from then on; between fleet.minSize and fleet.maxSize."""
    time_zone: NotRequired[
        Annotated[str, aws_text("IANA name", SCHEDULE, "timeZone", default="Etc/UTC")]
    ]
    """Time zone of the recurrence."""
    start: NotRequired[
        Annotated[
            str,
            text("YYYY-MM-DDThh:mm:ssZ", _MOMENT, check=_moment, default=None, behaviour="at once"),
        ]
    ]
    """Not before this moment; put it into quotes."""


class PredictiveScalingArgs(TypedDict):
    """Scaling ahead of a daily or weekly pattern."""

    mode: NotRequired[
        Annotated[
            PredictiveScalingMode,
            choice(PredictiveScalingMode, default=PredictiveScalingMode.FORECAST_ONLY),
        ]
    ]
    """Only show the forecast, or act on it. It never removes instances."""
    scheduling_buffer_seconds: NotRequired[Annotated[int, whole("seconds", 0, 3599, default=300)]]
    """How long before the forecast hour instances are launched."""
    max_capacity_buffer_percent: NotRequired[
        Annotated[int, whole("percent", 0, 100, default=None, behaviour="the maximum is kept")]
    ]
    """Lets a forecast raise the group's maximum by this much above the forecast, for good."""


class ScalingPoliciesArgs(TypedDict):
    """How the group follows demand."""

    group_name: Input[str]
    """Name of the auto scaling group."""
    resource_label: Input[str]
    """Load balancer and target group, as target tracking names them: app/.../targetgroup/..."""
    load_balancer_arn_suffix: Input[str]
    """Last part of the load balancer's ARN, as CloudWatch names it: app/..."""
    target_group_arn_suffix: Input[str]
    """Last part of the target group's ARN: targetgroup/..."""
    requests_per_second_per_instance: NotRequired[Annotated[float, CAPACITY]]
    """Requests that one instance carries, at the low end of what was measured. Without it scaling
    follows the processors alone."""
    target_utilization_percent: NotRequired[Annotated[float, number("percent", 1, 99, default=60)]]
    """Share of its capacity that an instance uses in the steady state."""
    cpu_target_percent: NotRequired[Annotated[float, number("percent", 1, 99, default=50)]]
    """Mean use of the processors to keep."""
    surge_percent: NotRequired[Annotated[float, number("percent", 2, 100, default=80)]]
    """Share of the capacity at which the surge alarm adds instances; above
    target_utilization_percent."""
    steps: NotRequired[
        Annotated[
            list[ScalingStepArgs],
            items(
                f"list of at most {STEPS_MAX}",
                f"be a list of 1 to {STEPS_MAX} steps",
                low=1,
                high=STEPS_MAX,
                default=None,
                behaviour="what brings the load back to target_utilization_percent, from 1, 1.25, "
                "1.875 and 2.5 times surge_percent",
            ),
        ]
    ]
    """What the surge alarm adds."""
    schedules: NotRequired[
        Annotated[
            dict[str, ScalingScheduleArgs],
            items(
                f"mapping of at most {SCHEDULES_MAX}",
                f"be a mapping of at most {SCHEDULES_MAX} schedules",
                high=SCHEDULES_MAX,
                check=names("have names of 1 to 100 characters", "(?s).{1,100}"),
                default=None,
            ),
        ]
    ]
    """Changes of the minimum by the clock, by name."""
    predictive: NotRequired[Annotated[PredictiveScalingArgs, group()]]
    """Scaling ahead of a pattern."""
    high_resolution_metric: NotRequired[Annotated[HighResolutionMetricArgs, group()]]
    """Demand metric with a period below a minute."""
    keep_raised_minimum: NotRequired[Annotated[bool, switch(default=False, key="-")]]
    """Keep schedules, too, from going below the minimum that the runbook surge-response has raised,
    until its end (see AutoScalingGroup)."""
    runbook_base_url: NotRequired[Annotated[str, RUNBOOK_BASE_URL]]
    """What stands before the name of a runbook page in an alarm's description."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags of the alarms."""


def _surge_above_target(values: Values) -> Iterator[Problem]:
    surge, target = values["surge_percent"], values["target_utilization_percent"]
    if surge <= target:
        # Below the target the alarm would add in the steady state what tracking takes away.
        must = f"be above {{target_utilization_percent={plain(target)}}}"
        yield Problem(("surge_percent",), must, surge)


def _steps_have_a_figure(values: Values) -> Iterator[Problem]:
    figures = ("requests_per_second_per_instance", "high_resolution_metric")
    if "steps" in values.given and not values.given & {*figures}:
        must = (
            "be given together with {requests_per_second_per_instance} or {high_resolution_metric}"
        )
        yield Problem(("steps",), must, "neither")


def _steps_join(values: Values) -> Iterator[Problem]:
    before: Values | None = None
    surge = values.get("surge_percent")
    for index, step in values.items("steps"):
        above, add = step.get("above_percent"), step.get("add_percent")
        begin = before.get("above_percent") if before else None
        less = before.get("add_percent") if before else None
        if before is None and surge is not None and above is not None and above != surge:
            # A gap before the first step would leave the alarm without an answer.
            must = f"be {{surge_percent={plain(surge)}}}"
            yield Problem(("steps", index, "above_percent"), must, above)
        if above is not None and begin is not None and above <= begin:
            must = f"be above that of the step before ({plain(begin)})"
            yield Problem(("steps", index, "above_percent"), must, above)
        if add is not None and less is not None and add < less:
            must = f"be at least that of the step before ({less})"
            yield Problem(("steps", index, "add_percent"), must, add)
        before = step


SCALING_POLICIES: Final = Definition(
    "ScalingPolicies",
    ScalingPoliciesArgs,
    relations=(_surge_above_target, _steps_have_a_figure, _steps_join),
)


def default_steps(target: float, surge: float) -> list[tuple[float, int]]:
    """Return the default steps: from which load on, and how many percent to add."""
    begins = [round(surge * factor, 3) for factor in _DEFAULT_STEPS]
    return [(begin, math.ceil(round((begin / target - 1) * 100, 6))) for begin in begins]


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
        self._settings = SCALING_POLICIES.check(args)
        self._warn_of_missing_figures()

        policies = self._target_tracking()
        alarms = []
        self.watched: list[WatchedAlarmArgs] = []
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
        if settings.get("requests_per_second_per_instance") is not None:
            return
        followed = "the processors"
        metric = settings.get("high_resolution_metric")
        if metric is not None:
            followed += f" and {metric['metric_name']}"
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
        share = settings["target_utilization_percent"] / 100
        tracked: list[tuple[str, float, dict[str, Any]]] = []
        requests = settings.get("requests_per_second_per_instance")
        if requests is not None:
            tracked.append(
                (
                    "requests",
                    requests * 60 * share,
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
                settings["cpu_target_percent"],
                {
                    "predefined_metric_specification": {
                        "predefined_metric_type": "ASGAverageCPUUtilization"
                    }
                },
            )
        )
        metric = settings.get("high_resolution_metric")
        if metric is not None:
            tracked.append(
                (
                    "demand",
                    metric["capacity_per_instance"] * share,
                    {
                        "customized_metric_specification": {
                            "namespace": metric["namespace"],
                            "metric_name": metric["metric_name"],
                            "metric_dimensions": [
                                {
                                    "name": "AutoScalingGroupName",
                                    "value": self._args["group_name"],
                                }
                            ],
                            "statistic": "Average",
                            "period": metric["period_seconds"],
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
        requests = settings.get("requests_per_second_per_instance")
        if requests is not None:
            row = request_surge_row(
                requests_per_second=requests,
                share_percent=settings["surge_percent"],
                severity=AlertSeverity.TICKET,
            )
            surges.append((row, "surge", requests * 60))
        metric = settings.get("high_resolution_metric")
        if metric is not None:
            row = fast_surge_row(
                metric=metric,
                share_percent=settings["surge_percent"],
                severity=AlertSeverity.TICKET,
            )
            surges.append((row, "surge-fast", metric["capacity_per_instance"]))
        return surges

    def _steps(self) -> list[ScalingStepArgs]:
        settings = self._settings
        given = settings.get("steps")
        if given is not None:
            return given
        target, surge = settings["target_utilization_percent"], settings["surge_percent"]
        return [
            {"above_percent": begin, "add_percent": add}
            for begin, add in default_steps(target, surge)
        ]

    def _step_scaling(self, role: str, capacity: float) -> aws.autoscaling.Policy:
        surge, steps = self._settings["surge_percent"], self._steps()
        bounds = [_number((step["above_percent"] - surge) / 100 * capacity) for step in steps]
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
                    scaling_adjustment=step["add_percent"],
                )
                for lower, upper, step in zip(bounds, uppers, steps, strict=True)
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
            runbook_base_url=self._settings["runbook_base_url"],
            actions=[policy.arn],
            tags=self._args.get("tags"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _predictive_scaling(self) -> list[aws.autoscaling.Policy]:
        settings = self._settings
        predictive = settings.get("predictive")
        if predictive is None:
            return []
        requests = settings.get("requests_per_second_per_instance")
        if requests is None:
            pair: dict[str, Any] = {
                "predefined_metric_type": "ASGCPUUtilization",
                "resource_label": "",  # Pulumi wants one; the provider leaves an empty one out.
            }
            target = settings["cpu_target_percent"]
        else:
            pair = {
                "predefined_metric_type": "ALBRequestCount",
                "resource_label": self._args["resource_label"],
            }
            target = requests * 60 * settings["target_utilization_percent"] / 100
        configuration: dict[str, Any] = {
            "mode": predictive["mode"].value,
            "scheduling_buffer_time": str(predictive["scheduling_buffer_seconds"]),
            "max_capacity_breach_behavior": "HonorMaxCapacity",
            "metric_specification": {
                "target_value": round(target, 6),
                "predefined_metric_pair_specification": pair,
            },
        }
        if (buffer := predictive.get("max_capacity_buffer_percent")) is not None:
            pulumi.log.warn(
                "scaling.predictive.maxCapacityBufferPercent lets a forecast raise the group's "
                "maximum, and AWS does not lower it again: check quotas and cost.",
                resource=self,
            )
            configuration |= {
                "max_capacity_breach_behavior": "IncreaseMaxCapacity",
                "max_capacity_buffer": str(buffer),
            }
        return [
            self._policy(
                "predictive", "PredictiveScaling", predictive_scaling_configuration=configuration
            )
        ]

    def _schedules(self) -> None:
        settings = self._settings
        schedules = settings.get("schedules", {})
        keeps = schedules and settings["keep_raised_minimum"]
        override = current_override(self._component, self) if keeps else None
        floor = override.minimum if override else 0
        lower = [key for key, each in schedules.items() if each["min_size"] < floor]
        if override and lower:
            pulumi.log.warn(
                f"schedules {', '.join(lower)} set the minimum of {floor} instances that "
                f"surge-response raised, not their own. The first deployment after its end, "
                f"{override.end:%Y-%m-%d %H:%M} UTC, gives them their own again.",
                resource=self,
            )
        for key, schedule in schedules.items():
            aws.autoscaling.Schedule(
                f"{self._component}-{key}",
                scheduled_action_name=physical_name(self._component, key),
                autoscaling_group_name=self._args["group_name"],
                recurrence=schedule["recurrence"],
                time_zone=schedule["time_zone"],
                start_time=schedule.get("start"),
                min_size=max(schedule["min_size"], floor),
                # -1 leaves as it is; the provider takes what is not given for 0.
                max_size=-1,
                desired_capacity=-1,
                opts=pulumi.ResourceOptions(parent=self),
            )


def _number(value: float) -> str:
    """Return a step's bound as the provider writes it: `1200`, not `1200.0`."""
    rounded = round(value, 6)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)
