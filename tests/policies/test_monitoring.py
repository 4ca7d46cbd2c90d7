import json

import pytest

from tests.policies.analysis import (
    ALARM,
    COMPOSITE,
    CONFIGURATION,
    DASHBOARD,
    GROUP,
    PASSED,
    POLICY,
    REMOVED,
    TEMPLATE,
    UNKNOWN,
    Thing,
    changed,
    check,
    check_stack,
    refused,
    undecided,
    waits,
)

METRICS = "asg-metrics-for-alarms"
DETAILED = "asg-detailed-monitoring"
SAFE_ALARM = {
    "name": "shop-test-web-cpu-critical",
    "alarmActions": [UNKNOWN],
    "namespace": "AWS/EC2",
    "metricName": "CPUUtilization",
    "period": 60,
    "dimensions": {"AutoScalingGroupName": "shop-test-web"},
}
TEMPLATE_ON = Thing(TEMPLATE, "template", {"monitoring": {"enabled": True}})
TEMPLATE_OFF = Thing(TEMPLATE, "template", {"name": "shop-test-web"})
GROUP_OF_TEMPLATE = Thing(
    GROUP,
    "group",
    {
        "name": "shop-test-web",
        "launchTemplate": {"id": UNKNOWN, "version": UNKNOWN},
        "enabledMetrics": ["GroupInServiceInstances", "GroupMaxSize"],
    },
    {"launchTemplate": ["template"]},
)
CPU_ALARM = Thing(ALARM, "cpu", SAFE_ALARM)
TRACKING = Thing(
    POLICY,
    "tracking",
    {
        "autoscalingGroupName": "shop-test-web",
        "policyType": "TargetTrackingScaling",
        "targetTrackingConfiguration": {
            "targetValue": 50,
            "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
        },
    },
)


def _about_group(name, metric, **more):
    return Thing(
        ALARM,
        name,
        {"namespace": "AWS/AutoScaling", "metricName": metric, "period": 60}
        | {"dimensions": {"AutoScalingGroupName": "shop-test-web"}}
        | more,
    )


@pytest.mark.parametrize("rule", ["alarm-has-actions", "alarm-name-starts-with-stack"])
@pytest.mark.parametrize(("type_", "name"), [(ALARM, "name"), (COMPOSITE, "alarmName")])
def test_a_safe_alarm_passes(rule, type_, name):
    alarm = {name: SAFE_ALARM["name"], "alarmActions": [UNKNOWN]}

    assert check(rule, type_, alarm) == PASSED


@pytest.mark.parametrize(
    ("rule", "path", "value", "message"),
    [
        (
            "alarm-has-actions",
            "alarmActions",
            REMOVED,
            "`alarmActions` must name at least one action, got nothing.",
        ),
        (
            "alarm-has-actions",
            "alarmActions",
            [],
            "`alarmActions` must name at least one action, got 0 entries.",
        ),
        (
            "alarm-has-actions",
            "actionsEnabled",
            False,
            "`actionsEnabled` must not be false, got false.",
        ),
        (
            "alarm-name-starts-with-stack",
            "name",
            "web-cpu",
            "`name` must start with `shop-test-`, got `web-cpu`.",
        ),
        (
            "alarm-name-starts-with-stack",
            "name",
            REMOVED,
            "`name` must start with `shop-test-`, got nothing.",
        ),
    ],
)
def test_an_unsafe_alarm_is_refused(rule, path, value, message):
    assert check(rule, ALARM, changed(SAFE_ALARM, path, value)) == refused(message)


@pytest.mark.parametrize(
    ("rule", "path"),
    [("alarm-has-actions", "alarmActions"), ("alarm-name-starts-with-stack", "name")],
)
def test_an_unknown_property_of_an_alarm_is_not_decided(rule, path):
    assert check(rule, ALARM, changed(SAFE_ALARM, path, UNKNOWN)) == waits(path)


@pytest.mark.parametrize(
    "user",
    [
        pytest.param(_about_group("size", "GroupInServiceInstances"), id="enabled"),
        pytest.param(
            _about_group("size", "GroupTotalInstances", dimensions={"LoadBalancer": "app/web/1"}),
            id="not-about-a-group",
        ),
        pytest.param(CPU_ALARM, id="other-namespace"),
    ],
)
def test_enabled_group_metrics_pass(user):
    assert check_stack(METRICS, [GROUP_OF_TEMPLATE, TEMPLATE_ON, user]) == PASSED


@pytest.mark.parametrize(
    ("user", "label"),
    [
        pytest.param(
            _about_group("size", "GroupDesiredCapacity"), "MetricAlarm `size`", id="alarm"
        ),
        pytest.param(
            Thing(
                ALARM,
                "math",
                {
                    "metricQueries": [
                        {"id": "e", "expression": "a/b"},
                        {
                            "id": "a",
                            "metric": {
                                "namespace": "AWS/AutoScaling",
                                "metricName": "GroupDesiredCapacity",
                                "period": 60,
                                "dimensions": {"AutoScalingGroupName": UNKNOWN},
                            },
                        },
                    ]
                },
                {"metricQueries": ["group"]},
            ),
            "MetricAlarm `math`",
            id="metric-math-on-a-group-known-by-dependency",
        ),
        pytest.param(
            Thing(
                DASHBOARD,
                "board",
                {
                    "dashboardBody": json.dumps(
                        {
                            "widgets": [
                                {"type": "text", "properties": {"markdown": "#"}},
                                {
                                    "type": "metric",
                                    "properties": {
                                        "period": 60,
                                        "metrics": [
                                            [
                                                "AWS/AutoScaling",
                                                "GroupMaxSize",
                                                "AutoScalingGroupName",
                                                "shop-test-web",
                                            ],
                                            [".", "GroupDesiredCapacity", ".", ".", {"stat": "x"}],
                                        ],
                                    },
                                },
                            ]
                        }
                    )
                },
            ),
            "Dashboard `board`",
            id="dashboard",
        ),
    ],
)
def test_group_metrics_that_are_off_are_refused(user, label):
    assert check_stack(METRICS, [GROUP_OF_TEMPLATE, TEMPLATE_ON, user]) == refused(
        f"`enabledMetrics` must include `GroupDesiredCapacity`, which {label} uses, "
        "got `GroupInServiceInstances`, `GroupMaxSize`.",
        "group",
    )


@pytest.mark.parametrize(
    ("things", "verdict"),
    [
        pytest.param(
            [
                GROUP_OF_TEMPLATE._replace(
                    properties=GROUP_OF_TEMPLATE.properties | {"enabledMetrics": [UNKNOWN]},
                    needs={"enabledMetrics": ["size"]},
                ),
                _about_group("size", "GroupMinSize"),
            ],
            waits("enabledMetrics", "group"),
            id="metrics",
        ),
        pytest.param(
            [
                _about_group("size", "GroupMinSize", dimensions=UNKNOWN)._replace(
                    needs={"dimensions": ["one", "two"]}
                ),
                GROUP_OF_TEMPLATE._replace(name="one", needs={}),
                GROUP_OF_TEMPLATE._replace(name="two", needs={}),
            ],
            waits("dimensions", "size"),
            id="either-of-two-groups",
        ),
        pytest.param(
            [_about_group("size", "GroupMinSize")],
            undecided("`dimensions` names a group that this stack does not make.", "size"),
            id="outside",
        ),
        pytest.param(
            [
                GROUP_OF_TEMPLATE._replace(needs={}),
                Thing(DASHBOARD, "board", {"dashboardBody": UNKNOWN}, {"dashboardBody": ["group"]}),
            ],
            waits("dashboardBody", "board"),
            id="dashboard",
        ),
    ],
)
def test_group_metrics_that_cannot_be_told_are_not_decided(things, verdict):
    assert check_stack(METRICS, things) == verdict


@pytest.mark.parametrize("user", [CPU_ALARM, TRACKING], ids=["alarm", "policy"])
def test_detailed_monitoring_passes(user):
    assert check_stack(DETAILED, [TEMPLATE_ON, GROUP_OF_TEMPLATE, user]) == PASSED


@pytest.mark.parametrize(
    "user",
    [
        CPU_ALARM._replace(properties=SAFE_ALARM | {"period": 300}),
        CPU_ALARM._replace(properties=SAFE_ALARM | {"metricName": "StatusCheckFailed"}),
    ],
    ids=["five-minutes", "status-check"],
)
def test_basic_monitoring_suffices(user):
    assert check_stack(DETAILED, [TEMPLATE_OFF, GROUP_OF_TEMPLATE, user]) == PASSED


@pytest.mark.parametrize(
    ("user", "label"),
    [(CPU_ALARM, "MetricAlarm `cpu`"), (TRACKING, "Policy `tracking`")],
    ids=["alarm", "policy"],
)
def test_basic_monitoring_under_a_minute_metric_is_refused(user, label):
    assert check_stack(DETAILED, [TEMPLATE_OFF, GROUP_OF_TEMPLATE, user]) == refused(
        f"`monitoring.enabled` must be true, as {label} reads `CPUUtilization` every 60 s, "
        "got nothing.",
        "template",
    )


def test_mixed_instances_lead_to_their_template():
    mixed = Thing(
        GROUP,
        "group",
        {
            "name": "shop-test-web",
            "mixedInstancesPolicy": {
                "launchTemplate": {"launchTemplateSpecification": {"launchTemplateId": "lt-1"}}
            },
        },
    )
    template = Thing(TEMPLATE, "template", {"id": "lt-1", "monitoring": {"enabled": False}})

    verdict = check_stack(DETAILED, [template, mixed, CPU_ALARM])

    assert verdict.messages == [
        (
            "`monitoring.enabled` must be true, as MetricAlarm `cpu` reads `CPUUtilization` "
            "every 60 s, got false."
        )
    ]


@pytest.mark.parametrize(("value", "passes"), [(REMOVED, True), (False, False)])
def test_a_launch_configuration_monitors_in_detail_by_default(value, passes):
    configuration = changed({"name": "old", "enableMonitoring": True}, "enableMonitoring", value)
    things = [
        Thing(CONFIGURATION, "old", configuration),
        Thing(GROUP, "group", {"name": "shop-test-web", "launchConfiguration": "old"}),
        CPU_ALARM,
    ]

    assert (check_stack(DETAILED, things) == PASSED) is passes


@pytest.mark.parametrize(
    ("things", "verdict"),
    [
        pytest.param(
            [
                TEMPLATE_ON._replace(
                    properties={"monitoring": UNKNOWN}, needs={"monitoring": ["group"]}
                ),
                GROUP_OF_TEMPLATE,
                CPU_ALARM,
            ],
            waits("monitoring.enabled", "template"),
            id="monitoring",
        ),
        pytest.param(
            [
                Thing(
                    GROUP,
                    "group",
                    {"name": "shop-test-web", "launchTemplate": {"id": "lt-elsewhere"}},
                ),
                CPU_ALARM,
            ],
            undecided("`launchTemplate.id` names nothing that this stack makes.", "group"),
            id="template-outside",
        ),
        pytest.param(
            [
                TEMPLATE_ON,
                GROUP_OF_TEMPLATE,
                CPU_ALARM._replace(
                    properties=SAFE_ALARM | {"period": UNKNOWN}, needs={"period": ["group"]}
                ),
            ],
            waits("metricName", "cpu"),
            id="period",
        ),
    ],
)
def test_monitoring_that_cannot_be_told_is_not_decided(things, verdict):
    assert check_stack(DETAILED, things) == verdict
