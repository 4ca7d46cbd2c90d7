import json

import pytest

from tests.policies.analysis import (
    ALARM,
    COMPOSITE,
    CONFIGURATION,
    DASHBOARD,
    GROUP,
    LOAD_BALANCER,
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
    unknown,
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


def _board(*metrics, period=60):
    widget = {"type": "metric", "properties": {"period": period, "metrics": list(metrics)}}
    return Thing(DASHBOARD, "board", {"dashboardBody": json.dumps({"widgets": [widget]})})


def _tracking(**tracking):
    properties = changed(TRACKING.properties, "targetTrackingConfiguration", tracking)
    return Thing(POLICY, "tracking", properties)


def _on_processors(dimensions, **more):
    return {"namespace": "AWS/EC2", "metricName": "CPUUtilization", dimensions: ON_GROUP} | more


ON_GROUP = [{"name": "AutoScalingGroupName", "value": "shop-test-web"}]


def _custom(**more):
    return _tracking(customizedMetricSpecification=_on_processors("metricDimensions", **more))


def _math(**stat):
    stat = {"metric": _on_processors("dimensions")} | stat
    metrics = [{"id": "e", "expression": "m"}, {"id": "m", "metricStat": stat}]
    return _tracking(customizedMetricSpecification={"metrics": metrics})


def _query(**metric):
    dimensions = {"AutoScalingGroupName": "shop-test-web"}
    query = _on_processors("dimensions") | {"dimensions": dimensions} | metric
    return Thing(ALARM, "cpu", {"metricQueries": [{"id": "m", "metric": query}]})


PROCESSORS = ["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", "shop-test-web"]


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
        pytest.param(
            _board(
                ["AWS/AutoScaling", "GroupMaxSize", "AutoScalingGroupName", "shop-test-web"],
                [".", "GroupDesiredCapacity", "..."],
            ),
            "Dashboard `board`",
            id="dashboard-in-short",
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
        _query(period=300),
        _custom(period=300),
        _math(period=300),
        _board(PROCESSORS, period=300),
    ],
    ids=["five-minutes", "status-check", "query", "custom", "math", "dashboard"],
)
def test_basic_monitoring_suffices(user):
    assert check_stack(DETAILED, [TEMPLATE_OFF, GROUP_OF_TEMPLATE, user]) == PASSED


@pytest.mark.parametrize(
    ("user", "label"),
    [
        (CPU_ALARM, "MetricAlarm `cpu`"),
        (_query(period=60), "MetricAlarm `cpu`"),
        (TRACKING, "Policy `tracking`"),
        (_custom(), "Policy `tracking`"),
        (_custom(period=60), "Policy `tracking`"),
        (_math(), "Policy `tracking`"),
        (_math(period=60), "Policy `tracking`"),
        (_board(PROCESSORS), "Dashboard `board`"),
    ],
    ids=["alarm", "query", "policy", "custom", "of 60 s", "math", "math of 60 s", "dashboard"],
)
def test_basic_monitoring_under_a_minute_metric_is_refused(user, label):
    assert check_stack(DETAILED, [TEMPLATE_OFF, GROUP_OF_TEMPLATE, user]) == refused(
        f"`monitoring.enabled` must be true, as {label} reads `CPUUtilization` every 60 s, "
        "got nothing.",
        "template",
    )


def _mixed(**named):
    return {"mixedInstancesPolicy": {"launchTemplate": {"launchTemplateSpecification": named}}}


@pytest.mark.parametrize(
    "named",
    [
        {"launchTemplate": {"id": "lt-1"}},
        {"launchTemplate": {"name": "web"}},
        {"launchTemplate": {"id": "lt-1", "name": "web"}, "launchConfiguration": ""},
        {"launchTemplate": {"id": "", "name": "web"}},
        _mixed(launchTemplateId="lt-1"),
        _mixed(launchTemplateName="web"),
        _mixed(launchTemplateId="lt-1", launchTemplateName="web"),
    ],
    ids=["id", "name", "both", "empty id", "mixed id", "mixed name", "mixed both"],
)
def test_a_group_leads_to_its_template(named):
    group = Thing(GROUP, "group", {"name": "shop-test-web"} | named)
    template = Thing(TEMPLATE, "template", {"id": "lt-1", "name": "web"})

    assert check_stack(DETAILED, [template, group, CPU_ALARM]) == refused(
        "`monitoring.enabled` must be true, as MetricAlarm `cpu` reads `CPUUtilization` "
        "every 60 s, got nothing.",
        "template",
    )


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
        pytest.param(
            [CPU_ALARM],
            undecided("`dimensions` names a group that this stack does not make.", "cpu"),
            id="group-outside",
        ),
        pytest.param(
            [TRACKING],
            undecided(
                "`autoscalingGroupName` names a group that this stack does not make.", "tracking"
            ),
            id="group-of-a-policy-outside",
        ),
        pytest.param(
            [GROUP_OF_TEMPLATE, TEMPLATE_ON, _board(PROCESSORS, ["...", "elsewhere"])],
            undecided("`dashboardBody` names a group that this stack does not make.", "board"),
            id="group-of-a-dashboard-outside",
        ),
        pytest.param(
            [
                unknown(ALARM, "cpu", {"metricQueries": [{"metric": UNKNOWN}]})._replace(
                    needs={"metricQueries": ["else"]}
                )
            ],
            waits("metricQueries[0].metric", "cpu"),
            id="metric",
        ),
        pytest.param(
            [_query(metricName=UNKNOWN)._replace(needs={"metricQueries": ["else"]})],
            waits("metricQueries[0].metric.metricName", "cpu"),
            id="metric-name",
        ),
        pytest.param(
            [_custom(metricName=UNKNOWN)._replace(needs={"targetTrackingConfiguration": ["else"]})],
            waits("targetTrackingConfiguration.customizedMetricSpecification", "tracking"),
            id="custom",
        ),
        pytest.param(
            [_math(period=UNKNOWN)._replace(needs={"targetTrackingConfiguration": ["else"]})],
            waits(
                "targetTrackingConfiguration.customizedMetricSpecification.metrics[1].metricStat",
                "tracking",
            ),
            id="math",
        ),
        pytest.param(
            [
                _tracking(predefinedMetricSpecification=UNKNOWN)._replace(
                    needs={"targetTrackingConfiguration": ["else"]}
                )
            ],
            waits(
                "targetTrackingConfiguration.predefinedMetricSpecification.predefinedMetricType",
                "tracking",
            ),
            id="predefined",
        ),
    ],
)
def test_monitoring_that_cannot_be_told_is_not_decided(things, verdict):
    assert check_stack(DETAILED, things) == verdict


def test_every_use_of_a_metric_is_judged():
    elsewhere = {"dimensions": {"AutoScalingGroupName": "elsewhere"}}
    passing = [
        _about_group("enabled", "GroupMaxSize"),
        CPU_ALARM._replace(name="slow", properties=SAFE_ALARM | {"period": 300}),
        CPU_ALARM._replace(
            name="status", properties=SAFE_ALARM | {"metricName": "StatusCheckFailed"}
        ),
        CPU_ALARM._replace(name="outside", properties=SAFE_ALARM | elsewhere),
        Thing(GROUP, "foreign", {"name": "foreign", "launchTemplate": {"id": "lt-elsewhere"}}),
        CPU_ALARM._replace(
            name="foreign",
            properties=SAFE_ALARM | {"dimensions": {"AutoScalingGroupName": "foreign"}},
        ),
    ]
    broken = [GROUP_OF_TEMPLATE, TEMPLATE_OFF, _about_group("size", "GroupMinSize"), CPU_ALARM]

    assert len(check_stack(METRICS, [*passing, *broken]).refusals) == 1
    assert len(check_stack(DETAILED, [*passing, *broken]).refusals) == 1


MISSING, SEVERITY, RUNBOOK = (
    "alarm-states-missing-data",
    "alarm-states-severity",
    "alarm-links-runbook",
)
CHILDREN, PLAIN = "composite-alarm-names-exist", "alarm-scaling-is-plain"
DEMAND, ESCALATED = "lb-demand-has-rate-alarm", "alarm-page-is-escalated"
TOLD = {
    "name": "shop-test-web-slow-critical",
    "alarmDescription": "Users wait. Runbook: docs/runbooks/slow-responses.md",
    "treatMissingData": "breaching",
}


@pytest.mark.parametrize("rule", [MISSING, SEVERITY, RUNBOOK])
def test_an_alarm_that_says_all_passes(rule):
    assert check(rule, ALARM, TOLD) == PASSED


def test_the_severity_may_be_a_tag_or_a_composite_alarm_s():
    assert check(SEVERITY, ALARM, {"name": "slow", "tags": {"severity": "info"}}) == PASSED
    assert check(SEVERITY, COMPOSITE, {"alarmName": "shop-test-outage-critical"}) == PASSED
    assert check(SEVERITY, ALARM, {"name": "slow-p1"}, settings={"severities": ["p1"]}) == PASSED


@pytest.mark.parametrize(
    ("rule", "path", "value", "message"),
    [
        (
            MISSING,
            "treatMissingData",
            REMOVED,
            (
                "`treatMissingData` must be one of `breaching`, `notBreaching`, `ignore`, "
                "`missing`, got nothing."
            ),
        ),
        (
            SEVERITY,
            "name",
            "shop-test-slow",
            (
                "`name` must end in one of `critical`, `warning`, `info`, or the tag `severity` be "
                "one, got `shop-test-slow`."
            ),
        ),
        (
            RUNBOOK,
            "alarmDescription",
            "Users wait.",
            "`alarmDescription` must hold `Runbook: ` and a link, got `Users wait.`.",
        ),
        (
            RUNBOOK,
            "alarmDescription",
            REMOVED,
            "`alarmDescription` must hold `Runbook: ` and a link, got nothing.",
        ),
    ],
    ids=range(4),
)
def test_an_alarm_that_leaves_something_out_is_refused(rule, path, value, message):
    assert check(rule, ALARM, changed(TOLD, path, value)) == refused(message)


@pytest.mark.parametrize(
    ("rule", "path"),
    [(MISSING, "treatMissingData"), (SEVERITY, "name"), (RUNBOOK, "alarmDescription")],
)
def test_what_an_alarm_says_may_not_be_known(rule, path):
    assert check(rule, ALARM, changed(TOLD, path, UNKNOWN)) == waits(path)


@pytest.mark.parametrize(
    ("link", "refusals"),
    [
        ("docs/runbooks/slow-responses.md", 0),
        ("docs/runbooks/slow-responses.md.", 0),
        ("docs/runbooks/slow-responses.md),;", 0),
        ("https://example.com/slow", 0),
        ("docs/runbooks/no-such-page.md", 1),
    ],
)
def test_this_project_s_runbooks_exist(monkeypatch, link, refusals):
    monkeypatch.setattr("surgeproof.policies.monitoring._PROJECT", "shop")

    verdict = check(RUNBOOK, ALARM, {"alarmDescription": f"Runbook: {link}"})

    assert (
        verdict.messages
        == [f"`alarmDescription` must link a page of this repository that exists, got `{link}`."]
        * refusals
    )


SLOW = Thing(ALARM, "slow", {"name": "slow-critical"})
ERRORS = Thing(ALARM, "errors", {"name": "errors-critical"})


def _composite(rule, name="outage", **properties):
    return Thing(COMPOSITE, name, {"alarmName": f"{name}-page", "alarmRule": rule} | properties)


@pytest.mark.parametrize(
    "rule",
    [
        'ALARM("slow-critical") OR ALARM("errors-critical")',
        "ALARM(slow-critical) AND NOT OK( errors-critical )",
        "ALARM('slow-critical')".replace("'", '"'),
        'ALARM("arn:aws:cloudwatch:eu-central-1:1:alarm:slow-critical")',
        "TRUE",
    ],
)
def test_a_composite_alarm_of_alarms_that_exist_passes(rule):
    assert check_stack(CHILDREN, [SLOW, ERRORS, _composite(rule)]) == PASSED


@pytest.mark.parametrize(
    ("rule", "acts"),
    [
        ('ALARM("slow-critical")', True),
        ('ALARM("errors-critical") OR NOT OK("slow-critical")', True),
        ('NOT NOT ALARM("slow-critical")', True),
        ('NOT (ALARM("errors-critical") AND OK("slow-critical"))', True),
        ('NOT ALARM("slow-critical")', False),
        ('ALARM("errors-critical") AND NOT ALARM("slow-critical")', False),
        ('ALARM("errors-critical") AND NOT (TRUE AND ALARM("slow-critical"))', False),
        ('OK("slow-critical")', False),
        ('INSUFFICIENT_DATA("slow-critical")', False),
    ],
)
def test_a_composite_acts_for_a_child_whose_alarm_can_start_its_own(rule, acts):
    composite = _composite(rule, alarmActions=["arn:page"])
    acting = Thing(ALARM, "errors", ERRORS.properties | {"alarmActions": ["arn:page"]})

    assert check_stack("alarm-has-actions", [SLOW, acting, composite]) == (
        PASSED
        if acts
        else refused("`alarmActions` must name at least one action, got nothing.", "slow")
    )
    escalates = _composite(rule, **WAITING)
    assert (check_stack(ESCALATED, [SLOW, escalates]) == PASSED) is acts


def test_a_composite_alarm_of_what_does_not_exist_is_refused():
    composite = _composite('ALARM("slow-critical") OR ALARM("gone")')

    assert check_stack(CHILDREN, [SLOW, composite]) == refused(
        "`alarmRule` must name alarms that this stack makes, got `gone`.", "outage"
    )
    suppressed = _composite("TRUE", actionsSuppressor={"alarm": "gone"})
    assert check_stack(CHILDREN, [SLOW, suppressed]) == refused(
        "`actionsSuppressor.alarm` must name alarms that this stack makes, got `gone`.", "outage"
    )


def test_names_that_are_not_known_may_be_those():
    composite = _composite('ALARM("later")')
    unknown_rule = unknown(COMPOSITE, "outage", {"alarmName": "outage"}, "alarmRule")
    suppressed = Thing(
        COMPOSITE,
        "outage",
        {"alarmName": "outage", "actionsSuppressor": {"alarm": UNKNOWN}},
        {"actionsSuppressor": ["else"]},
    )

    assert check_stack(CHILDREN, [Thing(ALARM, "slow", {}), composite]) == undecided(
        "an alarm of this stack has no name yet.", "outage"
    )
    assert check_stack(CHILDREN, [SLOW, unknown_rule]) == waits("alarmRule", "outage")
    assert check_stack(CHILDREN, [SLOW, suppressed]) == waits("actionsSuppressor.alarm", "outage")


BAND = {"metricQueries": [{"id": "band", "expression": "ANOMALY_DETECTION_BAND(m1, 3)"}]}


@pytest.mark.parametrize(
    "alarm",
    [
        Thing(ALARM, "web", {"alarmActions": ["arn:aws:autoscaling:eu:1:scalingPolicy:1"]}),
        Thing(
            ALARM,
            "web",
            {
                "alarmActions": ["arn:aws:autoscaling:eu:1:scalingPolicy:1"],
                "metricQueries": [{"id": "e", "expression": "m1 / 60"}],
                "thresholdMetricId": "",
            },
        ),
        Thing(ALARM, "web", BAND | {"alarmActions": ["arn:aws:sns:eu:1:page"]}),
        Thing(COMPOSITE, "web", {"alarmActions": ["arn:aws:sns:eu:1:page"]}),
    ],
    ids=["plain", "math", "anomaly", "composite"],
)
def test_plain_alarms_may_scale_and_others_tell(alarm):
    assert check_stack(PLAIN, [alarm]) == PASSED


@pytest.mark.parametrize(
    ("type_", "properties", "kind"),
    [
        (ALARM, BAND, "an anomaly alarm"),
        (ALARM, {"thresholdMetricId": "band"}, "an anomaly alarm"),
        (COMPOSITE, {}, "a composite alarm"),
    ],
    ids=["band", "threshold", "composite"],
)
def test_other_alarms_that_scale_are_refused(type_, properties, kind):
    policy = Thing(POLICY, "steps", {})
    made = Thing(
        type_, "web", properties | {"alarmActions": [UNKNOWN]}, {"alarmActions": ["steps"]}
    )
    known = Thing(type_, "web", properties | {"alarmActions": ["a:scalingPolicy:1"]})
    plain = Thing(ALARM, "plain", {"alarmActions": [UNKNOWN]}, {"alarmActions": ["steps"]})

    assert check_stack(PLAIN, [policy, plain, made]) == refused(
        f"`alarmActions` must name no scaling policy in {kind}, got Policy `steps`."
    )
    assert check_stack(PLAIN, [known]) == refused(
        f"`alarmActions` must name no scaling policy in {kind}, got `a:scalingPolicy:1`."
    )


BALANCER = Thing(LOAD_BALANCER, "web", {"loadBalancerType": "application"})
NETWORK = Thing(LOAD_BALANCER, "network", {"loadBalancerType": "network"})
NOT_WATCHED = refused(
    "`arn` must have its demand watched by an alarm on an anomaly band or a rate of change, "
    "got none."
)


def _watching(namespace, metric, expression):
    return Thing(
        ALARM,
        "demand",
        {
            "metricQueries": [
                {"id": "m", "metric": {"namespace": namespace, "metricName": metric}},
                {"id": "e", "expression": expression},
            ]
        },
    )


@pytest.mark.parametrize(
    ("namespace", "metric", "expression"),
    [
        ("AWS/ApplicationELB", "RequestCount", "ANOMALY_DETECTION_BAND(m, 3)"),
        ("AWS/ApplicationELB", "ActiveConnectionCount", "RATE(m)"),
        ("Shop", "RequestsUnderWay", "IF(DIFF(m) > 100, 1, 0)"),
    ],
)
def test_demand_that_is_watched_passes(namespace, metric, expression):
    assert check_stack(DEMAND, [BALANCER, _watching(namespace, metric, expression)]) == PASSED


@pytest.mark.parametrize(
    ("namespace", "metric", "expression"),
    [
        ("AWS/ApplicationELB", "TargetResponseTime", "ANOMALY_DETECTION_BAND(m, 3)"),
        ("AWS/ApplicationELB", "RequestCount", "m / 60"),
        ("AWS/EC2", "CPUUtilization", "RATE(m)"),
    ],
)
def test_demand_that_is_not_watched_is_refused(namespace, metric, expression):
    watching = _watching(namespace, metric, expression)

    assert check_stack(DEMAND, [BALANCER, watching]) == NOT_WATCHED
    assert check_stack(DEMAND, [BALANCER]) == NOT_WATCHED
    assert check_stack(DEMAND, [NETWORK, Thing(LOAD_BALANCER, "web", {})]) == NOT_WATCHED


def test_only_application_load_balancers_have_such_demand():
    assert check_stack(DEMAND, [NETWORK]) == PASSED


def test_queries_that_are_not_known_may_watch_demand():
    alarm = unknown(ALARM, "demand", {}, "metricQueries")

    assert check_stack(DEMAND, [BALANCER, alarm]) == waits("metricQueries", "demand")


WAITING = {"actionsSuppressor": {"alarm": "never", "waitPeriod": 1800, "extensionPeriod": 60}}


def test_a_page_that_is_escalated_passes():
    page = _composite('ALARM("slow-critical")', "page")
    between = _composite('ALARM("page-page")', "between")
    escalation = _composite('ALARM("between-page")', "escalation", **WAITING)
    ticket = Thing(ALARM, "ticket", {"name": "disk-warning"})

    assert check_stack(ESCALATED, [SLOW, page, between, escalation, ticket]) == PASSED
    assert check_stack(ESCALATED, [SLOW, _composite('ALARM("slow-critical")', **WAITING)]) == PASSED


@pytest.mark.parametrize(
    "stack",
    [
        [],
        [_composite('ALARM("slow-critical")')],
        [_composite('ALARM("other")', **WAITING)],
        [_composite("TRUE", actionsSuppressor={"alarm": "slow-critical", "waitPeriod": 60})],
    ],
    ids=["none", "at once", "other", "suppressor"],
)
def test_a_page_that_is_not_escalated_is_refused(stack):
    ticket = Thing(ALARM, "ticket", {"name": "disk-warning"})

    assert check_stack(ESCALATED, [ticket, SLOW, *stack]) == refused(
        "`name` must stand below a composite alarm that escalates "
        "(`actionsSuppressor.waitPeriod`), got `slow-critical`.",
        "slow",
    )


def test_what_wakes_people_can_be_set():
    assert check_stack(ESCALATED, [SLOW], settings={"pages": ["p1"]}) == PASSED


def test_a_rule_that_is_not_known_may_escalate():
    composite = unknown(COMPOSITE, "escalation", WAITING, "alarmRule")
    nameless = unknown(ALARM, "slow", {}, "name")

    assert check_stack(ESCALATED, [SLOW, composite]) == waits("alarmRule", "escalation")
    assert check_stack(ESCALATED, [nameless]) == waits("name", "slow")


def _below(**composite):
    child = Thing(ALARM, "slow", {"name": "slow"})
    rule = {"alarmName": "both", "alarmRule": "ALARM(slow)", "alarmActions": ["arn:topic"]}
    return [child, Thing(COMPOSITE, "both", rule | composite)]


def test_children_of_a_composite_alarm_leave_acting_to_it():
    assert check_stack("alarm-has-actions", _below()) == PASSED


@pytest.mark.parametrize(
    "composite", [{"alarmRule": "ALARM(fast)"}, {"actionsEnabled": False}], ids=["other", "off"]
)
def test_an_alarm_that_no_composite_acts_for_needs_its_own_action(composite):
    verdict = check_stack("alarm-has-actions", _below(**composite))

    assert ("slow", "`alarmActions` must name at least one action, got nothing.") in (
        verdict.refusals
    )


@pytest.mark.parametrize(
    ("name", "passes"), [("web-1a2b3c4", True), ("web-1a2b3c", False), ("other-1a2b3c4", False)]
)
def test_a_name_that_pulumi_has_made_is_unique_by_itself(name, passes):
    verdict = check("alarm-name-starts-with-stack", ALARM, {"name": name})

    assert (verdict == PASSED) is passes
