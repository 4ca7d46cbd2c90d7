"""The pack under the real engine."""

import json

import pytest

from surgeproof.findings.model import RESOURCE_NOTES, STACK_NOTES
from tests.policies.analysis import (
    ALARM,
    GROUP,
    KEY,
    LISTENER,
    LOAD_BALANCER,
    LOG_GROUP,
    POLICY,
    RULES,
    SUBSCRIPTION,
    TARGETS,
    TEMPLATE,
    TOPIC,
)
from tests.policies.engine_stack import Thing, engine_stack

pytestmark = pytest.mark.engine

DEMAND = "RequestCount"
KEY_POLICY = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
    }
}
STATED = {
    "service.requestsPerSecond": "100",
    "service.longestRequestSeconds": "10",
    "service.keepAliveSeconds": "90",
    "surges.double.trace": "x2-in-300s",
    "account.vcpuQuota": "64",
}
REDIRECT = [{"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}]


def _safe():
    balancer = Thing(
        LOAD_BALANCER,
        "web",
        subnets=["subnet-1", "subnet-2"],
        accessLogs={"bucket": "logs", "enabled": True},
        dropInvalidHeaderFields=True,
        enableDeletionProtection=True,
        internal=True,
    )
    Thing(
        LISTENER,
        "http",
        loadBalancerArn=balancer.output("arn"),
        port=80,
        protocol="HTTP",
        defaultActions=REDIRECT,
    )
    template = Thing(
        TEMPLATE,
        "web",
        metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1},
        blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}],
        monitoring={"enabled": True},
        instanceType="m7g.large",
    )
    Thing(
        POLICY,
        "requests",
        autoscalingGroupName="shop-test-web",
        policyType="TargetTrackingScaling",
        targetTrackingConfiguration={
            "targetValue": 3000,
            "predefinedMetricSpecification": {"predefinedMetricType": "ALBRequestCountPerTarget"},
        },
    )
    Thing(
        GROUP,
        "web",
        name="shop-test-web",
        availabilityZones=["eu-west-1a", "eu-west-1b"],
        defaultInstanceWarmup=120,
        launchTemplate={"id": template.id, "version": template.output("latestVersion")},
        minSize=4,
        maxSize=6,
        instanceRefresh={
            "strategy": "Rolling",
            "preferences": {
                "alarmSpecification": {"alarms": ["shop-test-web-surge-warning"]},
                "minHealthyPercentage": 100,
                "scaleInProtectedInstances": "Wait",
            },
        },
    )
    key = Thing(KEY, "alerts", enableKeyRotation=True, policy=json.dumps(KEY_POLICY))
    topic = Thing(TOPIC, "page", kmsMasterKeyId=key.output("arn"))
    Thing(SUBSCRIPTION, "email", topic=topic.output("arn"), protocol="email")
    Thing(
        ALARM,
        "surge",
        name="shop-test-web-surge-warning",
        alarmDescription="Demand doubles. Runbook: docs/runbooks/request-surge.md",
        treatMissingData="notBreaching",
        alarmActions=[topic.output("arn")],
        metricQueries=[
            {"id": "change", "expression": "RATE(m)", "returnData": True},
            {"id": "m", "metric": {"namespace": "AWS/ApplicationELB", "metricName": DEMAND}},
        ],
    )


def _faulty():
    Thing(LISTENER, "http", port=80, protocol="HTTP", defaultActions=[{"type": "forward"}])
    Thing(TOPIC, "page")
    Thing(
        ALARM,
        "slow",
        name="slow-warning",
        alarmDescription="Users wait. Runbook: docs/runbooks/slow-responses.md",
        treatMissingData="notBreaching",
        alarmActions=["arn:aws:sns:eu-west-1:1:page"],
    )


def _to_be_known():
    first = Thing("aws:ssm/parameter:Parameter", "protocol")
    Thing(
        LISTENER,
        "web",
        port=80,
        protocol=first.output("dnsName"),
        sslPolicy=first.output("arn"),
        certificateArn="arn:aws:acm:eu-west-1:1:certificate/1",
        defaultActions=[{"type": "forward"}],
    )
    Thing(TOPIC, "page", kmsMasterKeyId=first.output("dnsName").apply(lambda _: "alias/aws/sns"))


def _message(rule, text):
    return f"{RULES[rule].description}\n{text}\nTo fix: {RULES[rule].fix}\n"


def test_a_safe_stack_comes_up_without_a_word(tmp_path):
    with engine_stack(tmp_path, _safe, STATED | {"service.bootSeconds": "100"}) as stack:
        stack.without_replays()
        preview, up, again = stack.preview(), stack.up(), stack.preview()

    assert (preview.violations, up.violations, again.violations) == ([], [], [])
    assert (preview.succeeded, up.succeeded, again.succeeded) == (True, True, True)


def test_mandatory_violations_stop_the_preview_and_say_what_where_and_why(tmp_path):
    with engine_stack(tmp_path, _faulty) as stack:
        preview = stack.preview()

    assert not preview.succeeded
    assert sorted((at["name"], at["level"], at["message"]) for at in preview.violations) == [
        (
            "http",
            "mandatory",
            _message(
                "lb-listener-serves-https",
                "`protocol` must be `HTTPS` unless every default action is a redirect, got `HTTP`.",
            ),
        ),
        (
            "page",
            "advisory",
            _message(
                "sns-topic-customer-key",
                "`kmsMasterKeyId` must be a key of your own, got nothing.",
            ),
        ),
        (
            "slow",
            "advisory",
            _message(
                "alarm-name-starts-with-stack",
                "`name` must start with `shop-test-`, got `slow-warning`.",
            ),
        ),
    ]


def test_unknown_values_are_reported_in_preview_and_decided_by_up(tmp_path):
    with engine_stack(tmp_path, _to_be_known) as stack:
        preview, up = stack.preview(), stack.up()

    assert preview.succeeded
    assert {at["level"] for at in preview.violations} == {"advisory"}
    assert sorted((at["policy"], at["name"]) for at in preview.violations) == [
        (RESOURCE_NOTES, "web"),
        (STACK_NOTES, "page"),
        (STACK_NOTES, "web"),
    ]
    assert sorted(at["message"].splitlines()[-1] for at in preview.of(STACK_NOTES)) == [
        (
            "lb-listener-serves-https (critical): not decided: "
            "`protocol` is known only during `up`, which decides."
        ),
        (
            "sns-topic-customer-key (high): not decided: "
            "`kmsMasterKeyId` is known only during `up`, which decides."
        ),
    ]
    assert not up.succeeded
    assert [at["message"] for at in up.of("sns-topic-customer-key")] == [
        _message(
            "sns-topic-customer-key",
            "`kmsMasterKeyId` must be a key of your own, got `alias/aws/sns`.",
        )
    ]


def test_up_refuses_before_it_creates(tmp_path):
    def program():
        first = Thing("aws:ssm/parameter:Parameter", "size")
        Thing(
            TEMPLATE,
            "web",
            metadataOptions={"httpTokens": first.output("arn"), "httpPutResponseHopLimit": 1},
            blockDeviceMappings=[{"ebs": {"encrypted": "true"}}],
            monitoring={"enabled": True},
        )

    with engine_stack(tmp_path, program) as stack:
        preview, up = stack.preview(), stack.up()
        made = stack.resources()

    assert preview.succeeded
    assert not up.succeeded
    assert [at["message"] for at in up.of("launch-template-requires-imdsv2")] == [
        _message(
            "launch-template-requires-imdsv2",
            "`metadataOptions.httpTokens` must be `required`, got `arn-of-size`.",
        )
    ]
    assert "size" in made
    assert "web" not in made


def test_boot_time_comes_from_the_stack_s_configuration(tmp_path):
    with engine_stack(tmp_path, _safe, STATED | {"service.bootSeconds": "130"}) as stack:
        stack.without_replays()
        preview = stack.preview()

    assert not preview.succeeded
    assert [at["message"] for at in preview.violations] == [
        _message(
            "asg-warmup-covers-boot",
            "`defaultInstanceWarmup` must be at least 156 (service.bootSeconds at its longest), "
            "got 120.",
        )
    ]


def test_without_a_boot_time_the_load_rule_says_so_and_stops_nothing(tmp_path):
    with engine_stack(tmp_path, _safe, STATED) as stack:
        stack.without_replays()
        preview = stack.preview()

    assert preview.succeeded
    assert [(at["policy"], at["level"]) for at in preview.violations] == [
        (RESOURCE_NOTES, "advisory")
    ]
    assert preview.violations[0]["message"].endswith(
        "asg-warmup-covers-boot (high): not decided: "
        "state service.bootSeconds, or measure it with the load test.\n"
    )


def test_rules_can_be_lowered_and_switched_off(tmp_path):
    levels = {
        "lb-listener-serves-https": "advisory",
        "sns-topic-customer-key": "disabled",
        "alarm-name-starts-with-stack": {"enforcementLevel": "advisory"},
    }
    config = tmp_path / "policies.json"
    config.write_text(json.dumps(levels))

    with engine_stack(tmp_path, _faulty) as stack:
        stack.pack_config = str(config)
        preview = stack.preview()

    assert preview.succeeded
    assert sorted((at["policy"], at["level"]) for at in preview.violations) == [
        ("alarm-name-starts-with-stack", "advisory"),
        ("lb-listener-serves-https", "advisory"),
    ]


def test_opt_in_rules_are_off_until_they_are_switched_on_with_their_settings(tmp_path):
    def program():
        Thing(LOG_GROUP, "logs", retentionInDays=30, kmsKeyId="arn:aws:kms:eu-west-1:1:key/1")
        Thing(TARGETS, "web", protocol="HTTP", healthCheck={"path": "/health"})

    config = tmp_path / "policies.json"
    levels = {
        "target-group-encrypted": "mandatory",
        "log-group-retention": {"enforcementLevel": "mandatory", "minimumDays": 365},
    }
    config.write_text(json.dumps(levels))

    with engine_stack(tmp_path, program, STATED) as stack:
        default = stack.preview()
        stack.pack_config = str(config)
        switched_on = stack.preview()

    assert (default.succeeded, default.violations) == (True, [])
    assert sorted(
        (at["policy"], at["level"], at["message"].splitlines()[1]) for at in switched_on.violations
    ) == [
        (
            "log-group-retention",
            "mandatory",
            "`retentionInDays` must be at least 365 (minimumDays), got 30.",
        ),
        (
            "target-group-encrypted",
            "mandatory",
            "`protocol` must be `HTTPS`, `TLS` or `QUIC`, got `HTTP`.",
        ),
    ]
