import pulumi
import pytest

from surgeproof.components import ArgsError, ScalingPolicies
from surgeproof.components.service.scaling_policies import SCALING_POLICIES, default_steps
from tests.unit.recording import Recording, record

GOOD = {
    "group_name": "shop-test-web",
    "resource_label": "app/a/1/targetgroup/t/2",
    "load_balancer_arn_suffix": "app/a/1",
    "target_group_arn_suffix": "targetgroup/t/2",
    "requests_per_second_per_instance": 100,
}
METRIC = {"namespace": "Shop", "metric_name": "Busy", "capacity_per_instance": 50}
STEP = {"above_percent": 80, "add_percent": 30}


def build(**changes) -> Recording:
    args = {**GOOD, **changes}
    args = {key: value for key, value in args.items() if value is not None}
    return record(lambda: ScalingPolicies("web", args))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_name": None}, "group_name: must be given, got nothing"),
        ({"resource_label": None}, "resource_label: must be given, got nothing"),
        (
            {"requests_per_second_per_instance": 0},
            "requests_per_second_per_instance: must be a number from 0.001 to 1000000, got 0",
        ),
        (
            {"target_utilization_percent": 100},
            "target_utilization_percent: must be a number from 1 to 99, got 100",
        ),
        (
            {"cpu_target_percent": "half"},
            "cpu_target_percent: must be a number from 1 to 99, got 'half'",
        ),
        (
            {"surge_percent": 60},
            "surge_percent: must be above target_utilization_percent (60), got 60",
        ),
        ({"steps": []}, "steps: must be a list of 1 to 20 steps, got a list of 0"),
        ({"steps": [STEP] * 21}, "steps: must be a list of 1 to 20 steps, got a list of 21"),
        (
            {"steps": ["80"]},
            "steps[0]: must be a mapping of keys, got '80'",
        ),
        (
            {"steps": [{"above_percent": 80}]},
            "steps[0].add_percent: must be a whole number from 1 to 1000, got nothing",
        ),
        (
            {"steps": [{**STEP, "above_percent": 90}]},
            "steps[0].above_percent: must be surge_percent (80), got 90",
        ),
        (
            {"steps": [STEP, STEP]},
            "steps[1].above_percent: must be above that of the step before (80), got 80",
        ),
        (
            {"steps": [STEP, {"above_percent": 90, "add_percent": 20}]},
            "steps[1].add_percent: must be at least that of the step before (30), got 20",
        ),
        (
            {"steps": [STEP], "requests_per_second_per_instance": None},
            (
                "steps: must be given together with requests_per_second_per_instance or "
                "high_resolution_metric, got 'neither'"
            ),
        ),
        (
            {"schedules": []},
            "schedules: must be a mapping of at most 125 schedules, got a list of 0",
        ),
        (
            {"schedules": {"dawn": {"recurrence": "0 6 * *", "min_size": 3}}},
            (
                "schedules.dawn.recurrence: must be five crontab fields: minute, hour, day of "
                "month, month, day of week, got '0 6 * *'"
            ),
        ),
        (
            {"schedules": {"dawn": {"recurrence": "0 6 * * *", "min_size": 0}}},
            "schedules.dawn.min_size: must be a whole number of at least 1, got 0",
        ),
        (
            {
                "schedules": {
                    "dawn": {"recurrence": "0 6 * * *", "min_size": 3, "time_zone": "Mars"}
                }
            },
            (
                "schedules.dawn.time_zone: must be a name of the IANA time zone database, such as "
                "Europe/Berlin, got 'Mars'"
            ),
        ),
        (
            {"schedules": {"dawn": {"recurrence": "0 6 * * *", "min_size": 3, "start": "soon"}}},
            (
                "schedules.dawn.start: must be a UTC moment of the form YYYY-MM-DDThh:mm:ssZ, "
                "got 'soon'"
            ),
        ),
        (
            {"predictive": {"mode": "Guess"}},
            "predictive.mode: must be one of ForecastOnly, ForecastAndScale, got 'Guess'",
        ),
        (
            {"predictive": {"scheduling_buffer_seconds": 3600}},
            (
                "predictive.scheduling_buffer_seconds: must be a whole number from 0 to 3599, "
                "got 3600"
            ),
        ),
        (
            {"high_resolution_metric": {**METRIC, "period_seconds": 20}},
            "high_resolution_metric.period_seconds: must be 10 or 30 seconds, got 20",
        ),
        (
            {"high_resolution_metric": {"namespace": "Shop", "metric_name": "Busy"}},
            (
                "high_resolution_metric.capacity_per_instance: must be a number from 1e-06 to "
                "1000000000, got nothing"
            ),
        ),
        (
            {"cpu_targets": 50},
            (
                "cpu_targets: must be a key that exists (nearest: cpu_target_percent), "
                "got 'cpu_targets'"
            ),
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    args = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}

    with pytest.raises(ArgsError) as told:
        SCALING_POLICIES.check(args)

    assert str(told.value) == f"ScalingPolicies.{message}"


def test_defaults():
    assert SCALING_POLICIES.check({**GOOD}) == {
        **GOOD,
        "target_utilization_percent": 60,
        "cpu_target_percent": 50,
        "surge_percent": 80,
        "keep_raised_minimum": False,
        "runbook_base_url": "docs/runbooks/",
    }


def test_default_steps_bring_the_load_back_to_the_target():
    """The numbers of the component's docstring."""
    assert default_steps(60, 80) == [(80, 34), (100, 67), (150, 150), (200, 234)]
    assert default_steps(50, 75) == [(75, 50), (93.75, 88), (140.625, 182), (187.5, 275)]


def test_requests_and_processors_are_tracked_and_both_may_remove():
    policies = build().resources["Policy"]

    tracked = {
        name: policy["targetTrackingConfiguration"]
        for name, policy in policies.items()
        if policy["policyType"] == "TargetTrackingScaling"
    }
    assert tracked == {
        "web-requests": {
            "targetValue": 3600,
            "disableScaleIn": False,
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ALBRequestCountPerTarget",
                "resourceLabel": "app/a/1/targetgroup/t/2",
            },
        },
        "web-cpu": {
            "targetValue": 50,
            "disableScaleIn": False,
            "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
        },
    }
    assert policies["web-requests"]["name"] == "shop-test-web-requests"
    assert policies["web-requests"]["autoscalingGroupName"] == "shop-test-web"


def test_steps_begin_at_the_surge_alarm_join_and_only_add():
    policy = build().resources["Policy"]["web-surge"]

    assert policy["adjustmentType"] == "PercentChangeInCapacity"
    assert policy["stepAdjustments"] == [
        {
            "metricIntervalLowerBound": "0",
            "metricIntervalUpperBound": "1200",
            "scalingAdjustment": 34,
        },
        {
            "metricIntervalLowerBound": "1200",
            "metricIntervalUpperBound": "4200",
            "scalingAdjustment": 67,
        },
        {
            "metricIntervalLowerBound": "4200",
            "metricIntervalUpperBound": "7200",
            "scalingAdjustment": 150,
        },
        {"metricIntervalLowerBound": "7200", "scalingAdjustment": 234},
    ]


def test_the_surge_alarm_goes_off_at_a_share_of_the_capacity_and_runs_the_steps():
    recording = build()

    alarm = recording.only("MetricAlarm")
    assert alarm["name"] == "shop-test-web-request-surge-warning"
    assert alarm["metricName"] == "RequestCountPerTarget"
    assert alarm["dimensions"] == {"LoadBalancer": "app/a/1", "TargetGroup": "targetgroup/t/2"}
    assert (alarm["statistic"], alarm["period"], alarm["threshold"]) == ("Sum", 60, 4800)
    assert alarm["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (1, 1)
    assert alarm["treatMissingData"] == "notBreaching"
    assert alarm["alarmActions"] == ["arn:aws:Policy:web-surge"]
    assert alarm["alarmDescription"].endswith("Runbook: docs/runbooks/request-surge.md")
    assert recording.outputs["surge_alarm_names"] == ["shop-test-web-request-surge-warning"]
    assert recording.outputs["policy_arns"] == [
        "arn:aws:Policy:web-requests",
        "arn:aws:Policy:web-cpu",
        "arn:aws:Policy:web-surge",
    ]


@pytest.mark.parametrize(("period", "periods"), [(10, 3), (30, 1)])
def test_a_high_resolution_metric_is_tracked_and_has_a_surge_alarm_of_its_own(period, periods):
    recording = build(high_resolution_metric={**METRIC, "period_seconds": period})

    tracking = recording.resources["Policy"]["web-demand"]["targetTrackingConfiguration"]
    alarm = recording.resources["MetricAlarm"]["web-request-surge-fast-warning"]
    assert tracking["targetValue"] == 30
    assert tracking["customizedMetricSpecification"] == {
        "namespace": "Shop",
        "metricName": "Busy",
        "metricDimensions": [{"name": "AutoScalingGroupName", "value": "shop-test-web"}],
        "statistic": "Average",
        "period": period,
    }
    assert (alarm["threshold"], alarm["period"]) == (40, period)
    assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (periods, periods)
    assert alarm["alarmActions"] == ["arn:aws:Policy:web-surge-fast"]
    assert set(recording.resources["MetricAlarm"]) == {
        "web-request-surge-warning",
        "web-request-surge-fast-warning",
    }


def test_no_two_trackings_follow_one_metric():
    policies = build(high_resolution_metric=METRIC).resources["Policy"].values()

    followed = []
    for policy in policies:
        tracking = policy.get("targetTrackingConfiguration")
        if tracking:
            predefined = tracking.get("predefinedMetricSpecification", {})
            custom = tracking.get("customizedMetricSpecification", {})
            followed.append(predefined.get("predefinedMetricType") or custom["metricName"])
    assert len(followed) == len(set(followed)) == 3


def test_without_a_stated_capacity_scaling_follows_the_processors_and_says_so(monkeypatch):
    warned = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, **_: warned.append(text))

    recording = build(requests_per_second_per_instance=None)

    assert set(recording.resources["Policy"]) == {"web-cpu"}
    assert "MetricAlarm" not in recording.resources
    assert recording.outputs["surge_alarm_names"] == []
    (text,) = warned
    assert text.startswith("service.requestsPerSecond is not stated, so scaling follows the ")
    assert "load test on one instance" in text


def test_schedules_move_the_minimum_alone():
    schedule = build(
        schedules={
            "dawn": {
                "recurrence": "0 6 * * MON-FRI",
                "min_size": 8,
                "time_zone": "Europe/Berlin",
                "start": "2026-11-27T06:00:00Z",
            }
        }
    ).only("Schedule")

    assert schedule == {
        "scheduledActionName": "shop-test-web-dawn",
        "autoscalingGroupName": "shop-test-web",
        "recurrence": "0 6 * * MON-FRI",
        "timeZone": "Europe/Berlin",
        "startTime": "2026-11-27T06:00:00Z",
        "minSize": 8,
        "maxSize": -1,
        "desiredCapacity": -1,
    }


def test_predictive_scaling_forecasts_requests_where_the_capacity_is_stated():
    policy = build(predictive={"mode": "ForecastAndScale"}).resources["Policy"]["web-predictive"]

    assert policy["predictiveScalingConfiguration"] == {
        "mode": "ForecastAndScale",
        "schedulingBufferTime": "300",
        "maxCapacityBreachBehavior": "HonorMaxCapacity",
        "metricSpecification": {
            "targetValue": 3600,
            "predefinedMetricPairSpecification": {
                "predefinedMetricType": "ALBRequestCount",
                "resourceLabel": "app/a/1/targetgroup/t/2",
            },
        },
    }


def test_predictive_scaling_forecasts_the_processors_elsewhere():
    policy = build(predictive={}, requests_per_second_per_instance=None).resources["Policy"][
        "web-predictive"
    ]

    specification = policy["predictiveScalingConfiguration"]["metricSpecification"]
    assert specification["targetValue"] == 50
    assert specification["predefinedMetricPairSpecification"]["predefinedMetricType"] == (
        "ASGCPUUtilization"
    )


def test_a_forecast_that_may_raise_the_maximum_is_warned_of(monkeypatch):
    warned = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, **_: warned.append(text))

    policy = build(predictive={"max_capacity_buffer_percent": 10}).resources["Policy"]

    configuration = policy["web-predictive"]["predictiveScalingConfiguration"]
    assert configuration["maxCapacityBreachBehavior"] == "IncreaseMaxCapacity"
    assert configuration["maxCapacityBuffer"] == "10"
    assert "AWS does not lower it again" in warned[0]
