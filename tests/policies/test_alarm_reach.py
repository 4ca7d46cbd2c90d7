"""Rules on whether an alarm can go off, when it should: what each refuses, and twins that pass."""

import pytest

from tests.policies.analysis import (
    ALARM,
    LOAD_BALANCER,
    PASSED,
    SUBSCRIPTION,
    UNKNOWN,
    Thing,
    advised,
    check,
    check_stack,
    refused,
)

ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
ALB = "AWS/ApplicationELB"


@pytest.mark.parametrize(
    ("namespace", "key", "right", "wrong", "must"),
    [
        (ALB, "LoadBalancer", "app/web/1", "web", "be the end of the ARN, app/<name>/<id>"),
        (
            ALB,
            "LoadBalancer",
            UNKNOWN,
            "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/1",
            "be the end of the ARN, app/<name>/<id>",
        ),
        (
            ALB,
            "TargetGroup",
            "targetgroup/web/1",
            "web/1",
            "be the end of the ARN, targetgroup/<name>/<id>",
        ),
        (
            "AWS/NetworkELB",
            "LoadBalancer",
            "net/a/1",
            "app/a/1",
            "be the end of the ARN, net/<name>/<id>",
        ),
        (
            "AWS/AutoScaling",
            "AutoScalingGroupName",
            "web",
            "arn:aws:autoscaling:eu-west-1:1:autoScalingGroup:1:autoScalingGroupName/web",
            "be the group's name",
        ),
        (
            "AWS/RDS",
            "DBInstanceIdentifier",
            "db",
            "db.abc.eu-west-1.rds.amazonaws.com",
            "be the instance's identifier",
        ),
        (
            "AWS/SQS",
            "QueueName",
            "jobs",
            "https://sqs.eu-west-1.amazonaws.com/1/jobs",
            "be the queue's name",
        ),
        ("Shop", "LoadBalancer", "web", None, ""),
    ],
)
def test_a_dimension_has_the_form_of_its_metric(namespace, key, right, wrong, must):
    alarm = {"namespace": namespace, "metricName": "x", "dimensions": {key: right}}
    rule = "alarm-dimension-matches"

    assert check(rule, ALARM, alarm) == PASSED
    if wrong is not None:
        shown = f"`{wrong}`" if len(wrong) <= 80 else f"`{wrong[:80]}...`"
        assert check(rule, ALARM, alarm | {"dimensions": {key: wrong}}) == refused(
            f"`dimensions` must let `{key}` {must}, as no metric has another, got {shown}."
        )


def test_a_dimension_of_a_query_is_judged():
    metric = {"namespace": ALB, "metricName": "x", "dimensions": {"LoadBalancer": "web"}}

    verdict = check("alarm-dimension-matches", ALARM, {"metricQueries": [{"metric": metric}]})

    assert verdict.messages == [
        (
            "`metricQueries[0].metric.dimensions` must let `LoadBalancer` be the end of the ARN, "
            "app/<name>/<id>, as no metric has another, got `web`."
        )
    ]


_SPELLING = "as CloudWatch has no metric of another spelling"


@pytest.mark.parametrize(
    ("namespace", "name", "verdict"),
    [
        (ALB, "HTTPCode_ELB_5XX_Count", PASSED),
        (
            ALB,
            "HTTPCode_ELB_5xx_Count",
            refused(
                f"`metricName` must be `HTTPCode_ELB_5XX_Count`, {_SPELLING}, got "
                "`HTTPCode_ELB_5xx_Count`."
            ),
        ),
        (
            ALB,
            "UnhealthyHostCount",
            refused(
                f"`metricName` must be `UnHealthyHostCount`, {_SPELLING}, got `UnhealthyHostCount`."
            ),
        ),
        (
            ALB,
            "TargetResponseTimes",
            advised(
                f"`metricName` must be `TargetResponseTime`, {_SPELLING}, got "
                "`TargetResponseTimes`."
            ),
        ),
        (
            "AWS/AutoScaling",
            "groupInServiceInstances",
            refused(
                f"`metricName` must be `GroupInServiceInstances`, {_SPELLING}, got "
                "`groupInServiceInstances`."
            ),
        ),
        (ALB, "SomethingNew", PASSED),
        (ALB, UNKNOWN, PASSED),
        ("Shop", "HTTPCode_ELB_5xx_Count", PASSED),
    ],
)
def test_a_metric_is_spelled_as_cloudwatch_spells_it(namespace, name, verdict):
    alarm = {"namespace": namespace, "metricName": name}

    assert check("alarm-dimension-matches", ALARM, alarm) == verdict


def test_a_metric_of_a_query_is_spelled_right_too():
    metric = {"namespace": ALB, "metricName": "requestCount", "stat": "Sum"}

    assert check(
        "alarm-dimension-matches", ALARM, {"metricQueries": [{"metric": metric}]}
    ) == refused(
        f"`metricQueries[0].metric.metricName` must be `RequestCount`, {_SPELLING}, got "
        "`requestCount`."
    )


@pytest.mark.parametrize(
    ("name", "operator", "threshold", "passes"),
    [
        ("CPUUtilization", ABOVE, 99, True),
        ("CPUUtilization", ABOVE, 100, False),
        ("CPUUtilization", "GreaterThanOrEqualToThreshold", 100, True),
        ("CPUUtilization", ABOVE, 110, False),
        ("CPUUtilization", BELOW, 0, False),
        ("RequestCount", ABOVE, 110, True),
    ],
)
def test_a_threshold_is_in_reach(name, operator, threshold, passes):
    alarm = {"metricName": name, "comparisonOperator": operator, "threshold": threshold}

    assert check("alarm-threshold-in-reach", ALARM, alarm) == (
        PASSED
        if passes
        else refused(
            f"`threshold` must be between 0 and 100, as `{name}` is a share in percent, got "
            f"{threshold}."
        )
    )


@pytest.mark.parametrize(
    ("name", "statistic", "verdict"),
    [
        ("HTTPCode_ELB_5XX_Count", "Sum", PASSED),
        ("TargetResponseTime", "Average", PASSED),
        (
            "HTTPCode_ELB_5XX_Count",
            "Average",
            refused(
                "`statistic` must be `Sum`, as each event counts as 1 in `HTTPCode_ELB_5XX_Count`, "
                "got `Average`."
            ),
        ),
        (
            "HealthyHostCount",
            "Sum",
            advised(
                "`statistic` must be `Average`, `Minimum`, `Maximum` or a percentile of "
                "`HealthyHostCount`, got `Sum`."
            ),
        ),
    ],
)
def test_a_statistic_fits_its_metric(name, statistic, verdict):
    alarm = {"namespace": ALB, "metricName": name, "statistic": statistic}

    assert check("alarm-statistic-fits", ALARM, alarm) == verdict


@pytest.mark.parametrize("statistic", ["p99", "tm99.5", "TM(2%:98%)", "WM(:0.5)", "IQM"])
def test_a_count_of_events_has_no_percentile(statistic):
    alarm = {"namespace": ALB, "metricName": "RequestCount", "extendedStatistic": statistic}

    assert check("alarm-statistic-fits", ALARM, alarm | {"statistic": ""}) == refused(
        "`extendedStatistic` must be `Sum`, as each event counts as 1 in `RequestCount`, got "
        f"`{statistic}`."
    )
    time = alarm | {"metricName": "TargetResponseTime"}
    assert check("alarm-statistic-fits", ALARM, time) == PASSED


@pytest.mark.parametrize("alone", [True, False])
def test_what_an_expression_is_made_of_may_have_any_statistic(alone):
    metric = {"namespace": ALB, "metricName": "RequestCount", "stat": "Average"}
    alarm = {"metricQueries": [{"id": "m", "metric": metric, "returnData": alone}]}

    assert (check("alarm-statistic-fits", ALARM, alarm) == PASSED) is not alone


@pytest.mark.parametrize(
    ("name", "operator", "missing", "must"),
    [
        ("HealthyHostCount", BELOW, "breaching", ""),
        ("HealthyHostCount", BELOW, "missing", ""),
        (
            "HealthyHostCount",
            BELOW,
            "notBreaching",
            "be `breaching`, as `HealthyHostCount` is missing where nothing is left",
        ),
        ("HTTPCode_Target_5XX_Count", ABOVE, "notBreaching", ""),
        (
            "HTTPCode_Target_5XX_Count",
            ABOVE,
            "breaching",
            (
                "be `notBreaching`, as `HTTPCode_Target_5XX_Count` is missing whenever there are "
                "no requests or errors"
            ),
        ),
    ],
)
def test_missing_data_is_taken_for_what_it_means(name, operator, missing, must):
    alarm = {"metricName": name, "comparisonOperator": operator, "treatMissingData": missing}

    assert check("alarm-missing-data-fits", ALARM, alarm) == (
        refused(f"`treatMissingData` must {must}, got `{missing}`.") if must else PASSED
    )


@pytest.mark.parametrize(
    ("periods", "points", "passes"), [(2, None, True), (3, None, False), (3, 2, True)]
)
def test_an_alarm_on_what_users_feel_tells_in_time(periods, points, passes):
    alarm = {
        "metricName": "HTTPCode_ELB_5XX_Count",
        "period": 300,
        "evaluationPeriods": periods,
        "datapointsToAlarm": points,
    }

    assert check("alarm-tells-in-time", ALARM, alarm) == (
        PASSED
        if passes
        else refused(
            "`period` must let the alarm go off within 600 s (longestSeconds), got 300 s, 3 times "
            "over."
        )
    )


@pytest.mark.parametrize(("pending", "passes"), [(True, False), (False, True)])
def test_a_subscription_is_confirmed(pending, passes):
    stack = [Thing(SUBSCRIPTION, "web", {"pendingConfirmation": pending})]

    assert check_stack("sns-subscription-confirmed", stack) == (
        PASSED
        if passes
        else refused(
            "`pendingConfirmation` must be false, once the receiver has confirmed, got true."
        )
    )


@pytest.mark.parametrize(("beside", "passes"), [([], False), ([Thing(ALARM, "any", {})], True)])
def test_a_load_balancer_is_watched(beside, passes):
    assert check_stack("lb-has-alarms", [Thing(LOAD_BALANCER, "web", {}), *beside]) == (
        PASSED
        if passes
        else advised(
            "`alarms` must hold one on what users get (`HTTPCode_ELB_5XX_Count`, "
            "`UnHealthyHostCount`), got none in this stack."
        )
    )


def test_a_network_load_balancer_is_watched_by_its_own_metrics():
    balancer = Thing(LOAD_BALANCER, "web", {"loadBalancerType": "network"})

    assert check_stack("lb-has-alarms", [balancer]) == advised(
        "`alarms` must hold one on what users get (`TCP_ELB_Reset_Count`, `UnHealthyHostCount`), "
        "got none in this stack."
    )
