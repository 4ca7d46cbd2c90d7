"""A stack without fault, and each fault that a rule finds in it.

To cover a new rule, add the resource that it is about to PARTS, if there is none, and a row to
FAULTS. The stack of PARTS breaks no rule. The stack of faults holds PARTS, too, and for each row a
copy of the parts that it names, changed as it says; what they refer to is the copy, where there is
one, else the part. What is about the stack as a whole, as of its only group, goes to OF_THE_WHOLE.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.policies.analysis import (
    ACL_LOGGING,
    ALARM,
    BUCKET,
    CLUSTER,
    CLUSTER_INSTANCE,
    CLUSTER_PARAMETERS,
    COMPOSITE,
    DATABASE,
    EGRESS,
    ENCRYPTION,
    GROUP,
    INGRESS,
    KEY,
    LIFECYCLE,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    LOG_GROUP,
    PARAMETERS,
    POLICY,
    PUBLIC_ACCESS,
    REMOVED,
    SECURITY_GROUP,
    SUBSCRIPTION,
    TARGETS,
    TEMPLATE,
    TOPIC,
    WEB_ACL,
    changed,
)
from tests.policies.engine_stack import Thing

CONFIG = {
    "service.bootSeconds": "100",
    "service.requestsPerSecond": "100",
    "service.longestRequestSeconds": "5",
    "service.keepAliveSeconds": "75",
    "service.connectionsPerInstance": "10",
    "account.vcpuQuota": "100",
    "surges.double.trace": "x2-in-300s",
}


class Of(NamedTuple):
    """An output of another part."""

    part: str
    key: str


class Part(NamedTuple):
    type: str
    properties: Mapping[str, Any]


class Fault(NamedTuple):
    """What breaks a rule, by part and property. `at` is the part on which it is reported."""

    rule: str
    changes: Mapping[str, Mapping[str, Any]]
    at: str = ""
    also: tuple[str, ...] = ()
    """Rules that the same fault breaks on the same part."""

    @property
    def part(self) -> str:
        return self.at or next(iter(self.changes))


NAMED = "shop-test-{name}"
"""A name that starts as it must, with the resource's own in it."""

FORWARD = [{"type": "forward"}]
REDIRECT = [{"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}]
TRACKING = "targetTrackingConfiguration.predefinedMetricSpecification.predefinedMetricType"

VISIBLE = {"cloudwatchMetricsEnabled": True, "metricName": "x", "sampledRequestsEnabled": True}
SERVICE_ROLE = (
    "arn:aws:iam::1:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
)
USES = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
KEY_USERS = json.dumps(
    {
        "Statement": [
            USES | {"Principal": {"Service": "cloudwatch.amazonaws.com"}},
            USES | {"Principal": {"AWS": SERVICE_ROLE}},
        ]
    }
)
OPEN_TOPIC = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:*", "Resource": "*"}]}
)
RUNBOOK = "Users wait. Runbook: https://example.com/runbook"
ALARMED = {
    "treatMissingData": "notBreaching",
    "alarmDescription": RUNBOOK,
    "alarmActions": [Of("topic", "arn")],
}
OF_GROUP = {"dimensions": {"AutoScalingGroupName": Of("group", "id")}, "period": 60}
SERVING = {
    "performanceInsightsEnabled": True,
    "performanceInsightsKmsKeyId": Of("key", "arn"),
    "monitoringInterval": 60,
    "monitoringRoleArn": "arn:aws:iam::1:role/monitoring",
    "caCertIdentifier": "rds-ca-rsa2048-g1",
}
STORING = {
    "storageEncrypted": True,
    "kmsKeyId": Of("key", "arn"),
    "backupRetentionPeriod": 14,
    "deletionProtection": True,
    "enabledCloudwatchLogsExports": ["postgresql"],
    "iamDatabaseAuthenticationEnabled": True,
    "manageMasterUserPassword": True,
    "copyTagsToSnapshot": True,
}

PARTS = {
    "key": Part(KEY, {"enableKeyRotation": True, "policy": KEY_USERS}),
    "topic": Part(TOPIC, {"kmsMasterKeyId": Of("key", "arn")}),
    "subscription": Part(SUBSCRIPTION, {"topic": Of("topic", "arn"), "protocol": "email"}),
    "bucket": Part(BUCKET, {}),
    "block": Part(
        PUBLIC_ACCESS,
        {
            "bucket": Of("bucket", "id"),
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
    ),
    "sse": Part(
        ENCRYPTION,
        {
            "bucket": Of("bucket", "id"),
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
    ),
    "expiry": Part(
        LIFECYCLE,
        {
            "bucket": Of("bucket", "id"),
            "rules": [{"id": "expire", "status": "Enabled", "expiration": {"days": 90}}],
        },
    ),
    "logs": Part(LOG_GROUP, {"retentionInDays": 400, "kmsKeyId": Of("key", "arn")}),
    "open": Part(SECURITY_GROUP, {"description": "The load balancer."}),
    "balancer": Part(
        LOAD_BALANCER,
        {
            "internal": True,
            "subnets": ["subnet-1", "subnet-2"],
            "securityGroups": [Of("open", "id")],
            "accessLogs": {"bucket": Of("bucket", "id"), "enabled": True},
            "dropInvalidHeaderFields": True,
            "enableDeletionProtection": True,
            "idleTimeout": 50,
        },
    ),
    "https": Part(
        LISTENER,
        {
            "loadBalancerArn": Of("balancer", "arn"),
            "port": 443,
            "protocol": "HTTPS",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
            "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
            "defaultActions": FORWARD,
        },
    ),
    "http": Part(
        LISTENER,
        {
            "loadBalancerArn": Of("balancer", "arn"),
            "port": 80,
            "protocol": "HTTP",
            "defaultActions": REDIRECT,
        },
    ),
    "path": Part(LISTENER_RULE, {"listenerArn": Of("https", "arn"), "actions": FORWARD}),
    "targets": Part(
        TARGETS,
        {
            "protocol": "HTTPS",
            "healthCheck": {"enabled": True, "path": "/health"},
            "deregistrationDelay": 60,
            "slowStart": 60,
            "loadBalancingAlgorithmType": "round_robin",
        },
    ),
    "ingress": Part(
        INGRESS,
        {
            "description": "Users.",
            "securityGroupId": Of("open", "id"),
            "cidrIpv4": "0.0.0.0/0",
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
        },
    ),
    "egress": Part(
        EGRESS,
        {
            "description": "AWS.",
            "securityGroupId": Of("open", "id"),
            "cidrIpv4": "0.0.0.0/0",
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
        },
    ),
    "acl": Part(
        WEB_ACL,
        {
            "rules": [
                {
                    "name": "rate",
                    "priority": 0,
                    "action": {"block": {}},
                    "statement": {"rateBasedStatement": {"limit": 2000}},
                    "visibilityConfig": VISIBLE,
                },
                {
                    "name": "bad-inputs",
                    "priority": 1,
                    "overrideAction": {"none": {}},
                    "statement": {
                        "managedRuleGroupStatement": {
                            "vendorName": "AWS",
                            "name": "AWSManagedRulesKnownBadInputsRuleSet",
                        }
                    },
                    "visibilityConfig": VISIBLE,
                },
            ],
            "visibilityConfig": VISIBLE,
        },
    ),
    "acl-logs": Part(
        ACL_LOGGING,
        {"resourceArn": Of("acl", "arn"), "logDestinationConfigs": [Of("logs", "arn")]},
    ),
    "template": Part(
        TEMPLATE,
        {
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {"encrypted": "true", "kmsKeyId": Of("key", "arn")},
                }
            ],
            "networkInterfaces": [{"associatePublicIpAddress": "false"}],
            "monitoring": {"enabled": True},
        },
    ),
    "group": Part(
        GROUP,
        {
            "name": NAMED,
            "minSize": 4,
            "maxSize": 8,
            "availabilityZones": ["eu-west-1a", "eu-west-1b"],
            "targetGroupArns": ["arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"],
            "healthCheckType": "ELB",
            "healthCheckGracePeriod": 180,
            "defaultInstanceWarmup": 120,
            "mixedInstancesPolicy": {
                "launchTemplate": {
                    "launchTemplateSpecification": {
                        "launchTemplateId": Of("template", "id"),
                        "version": Of("template", "latestVersion"),
                    },
                    "overrides": [{"instanceType": "m7g.large"}, {"instanceType": "m6g.large"}],
                }
            },
            "instanceRefresh": {
                "strategy": "Rolling",
                "preferences": {
                    "alarmSpecification": {"alarms": ["slow"]},
                    "minHealthyPercentage": 100,
                    "maxHealthyPercentage": 110,
                    "scaleInProtectedInstances": "Wait",
                },
            },
            "tags": [{"key": "a", "value": "b", "propagateAtLaunch": True}],
            "enabledMetrics": ["GroupInServiceInstances"],
        },
    ),
    "tracking": Part(
        POLICY,
        {
            "policyType": "TargetTrackingScaling",
            "autoscalingGroupName": Of("group", "id"),
            "targetTrackingConfiguration": {
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "ALBRequestCountPerTarget",
                    "resourceLabel": "app/web/1/targetgroup/web/1",
                },
                "targetValue": 100,
            },
        },
    ),
    "steps": Part(
        POLICY,
        {
            "policyType": "StepScaling",
            "autoscalingGroupName": Of("group", "id"),
            "adjustmentType": "PercentChangeInCapacity",
            "stepAdjustments": [{"scalingAdjustment": 50, "metricIntervalLowerBound": "0"}],
        },
    ),
    "slow": Part(
        ALARM,
        {
            **ALARMED,
            "name": f"{NAMED}-warning",
            "namespace": "AWS/ApplicationELB",
            "metricName": "TargetResponseTime",
        },
    ),
    "demand": Part(
        ALARM,
        {
            **ALARMED,
            "name": f"{NAMED}-warning",
            "thresholdMetricId": "band",
            "metricQueries": [
                {
                    "id": "load",
                    "metric": {"namespace": "AWS/ApplicationELB", "metricName": "RequestCount"},
                },
                {"id": "band", "expression": "ANOMALY_DETECTION_BAND(load, 2)"},
            ],
        },
    ),
    "capacity": Part(
        ALARM,
        {
            **ALARMED,
            **OF_GROUP,
            "name": f"{NAMED}-critical",
            "namespace": "AWS/AutoScaling",
            "metricName": "GroupInServiceInstances",
        },
    ),
    "cpu": Part(
        ALARM,
        {
            **ALARMED,
            **OF_GROUP,
            "name": f"{NAMED}-warning",
            "namespace": "AWS/EC2",
            "metricName": "CPUUtilization",
        },
    ),
    "escalation": Part(
        COMPOSITE,
        {
            "alarmName": f"{NAMED}-warning",
            "alarmDescription": RUNBOOK,
            "alarmRule": "ALARM(shop-test-capacity-critical)",
            "actionsSuppressor": {
                "alarm": "shop-test-slow-warning",
                "waitPeriod": 600,
                "extensionPeriod": 60,
            },
            "alarmActions": [Of("topic", "arn")],
        },
    ),
    "parameters": Part(
        PARAMETERS,
        {
            "parameters": [
                {"name": "max_connections", "value": "100000"},
                {"name": "rds.force_ssl", "value": "1"},
                {"name": "log_min_duration_statement", "value": "1000"},
            ]
        },
    ),
    "database": Part(
        DATABASE,
        {
            **STORING,
            **SERVING,
            "engine": "postgres",
            "multiAz": True,
            "username": "shop_owner",
            "parameterGroupName": Of("parameters", "id"),
        },
    ),
    "cluster-parameters": Part(
        CLUSTER_PARAMETERS,
        {
            "parameters": [
                {"name": "rds.force_ssl", "value": "1"},
                {"name": "log_min_duration_statement", "value": "1000"},
                {"name": "max_connections", "value": "100000"},
            ]
        },
    ),
    "kubernetes": Part(
        "aws:eks/cluster:Cluster", {"vpcConfig": {"publicAccessCidrs": ["192.0.2.0/24"]}}
    ),
    "schedule": Part(
        "aws:autoscaling/schedule:Schedule",
        {"autoscalingGroupName": Of("group", "id"), "minSize": 4, "maxSize": 8},
    ),
    "hook": Part(
        "aws:autoscaling/lifecycleHook:LifecycleHook",
        {
            "autoscalingGroupName": Of("group", "id"),
            "lifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "heartbeatTimeout": 300,
        },
    ),
    "provider": Part(
        "aws:ecs/capacityProvider:CapacityProvider",
        {
            "autoScalingGroupProvider": {
                "autoScalingGroupArn": Of("group", "arn"),
                "managedScaling": {"status": "DISABLED"},
            }
        },
    ),
    "service": Part(
        "aws:ecs/service:Service",
        {
            "name": "api",
            "desiredCount": 4,
            "deploymentMinimumHealthyPercent": 100,
            "networkConfiguration": {"subnets": ["subnet-1", "subnet-2"]},
        },
    ),
    "range": Part(
        "aws:appautoscaling/target:Target",
        {"resourceId": "service/shop/api", "scalableDimension": "ecs:service:DesiredCount"},
    ),
    "record": Part(
        "aws:route53/record:Record",
        {
            "failoverRoutingPolicies": [{"type": "PRIMARY"}],
            "aliases": [{"name": "web", "zoneId": "Z", "evaluateTargetHealth": True}],
        },
    ),
    "pool": Part(
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
        {"dbProxyName": "pool", "connectionPoolConfig": {"maxConnectionsPercent": 90}},
    ),
    "cache": Part(
        "aws:elasticache/replicationGroup:ReplicationGroup",
        {"numCacheClusters": 2, "automaticFailoverEnabled": True},
    ),
    "cache-parameters": Part(
        "aws:elasticache/parameterGroup:ParameterGroup",
        {"parameters": [{"name": "maxmemory-policy", "value": "allkeys-lru"}]},
    ),
    "table": Part("aws:dynamodb/table:Table", {"billingMode": "PAY_PER_REQUEST"}),
    "role": Part(
        "aws:iam/role:Role",
        {
            "name": "web",
            "assumeRolePolicy": json.dumps(
                {"Statement": [{"Principal": {"Service": "ec2.amazonaws.com"}}]}
            ),
        },
    ),
    "permissions": Part(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {
            "role": "web",
            "policyArn": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
        },
    ),
    "cluster": Part(
        CLUSTER,
        {
            **STORING,
            "engine": "aurora-postgresql",
            "masterUsername": "shop_owner",
            "dbClusterParameterGroupName": Of("cluster-parameters", "id"),
        },
    ),
    "writer": Part(CLUSTER_INSTANCE, {**SERVING, "clusterIdentifier": Of("cluster", "id")}),
    "reader": Part(CLUSTER_INSTANCE, {**SERVING, "clusterIdentifier": Of("cluster", "id")}),
}

STEP_END = "stepAdjustments[0].metricIntervalUpperBound"
LABEL = "targetTrackingConfiguration.predefinedMetricSpecification.resourceLabel"
ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
STANDARD = {"cpuCredits": "standard"}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
SPECIFICATION = "mixedInstancesPolicy.launchTemplate.launchTemplateSpecification"
FAULTS = (
    Fault("lb-listener-serves-https", {"http": {"defaultActions": FORWARD}}),
    Fault("lb-listener-rule-serves-https", {"path": {"listenerArn": Of("http", "arn")}}),
    Fault(
        "lb-listener-redirects-to-https", {"http": {"defaultActions[0].redirect.protocol": REMOVED}}
    ),
    Fault("lb-listener-tls-policy", {"https": {"sslPolicy": "ELBSecurityPolicy-2016-08"}}),
    Fault("lb-listener-certificate", {"https": {"certificateArn": REMOVED}}),
    Fault("lb-access-logs", {"balancer": {"accessLogs.enabled": False}}),
    Fault("lb-deletion-protection", {"balancer": {"enableDeletionProtection": False}}),
    Fault("lb-drops-invalid-headers", {"balancer": {"dropInvalidHeaderFields": REMOVED}}),
    Fault("lb-spans-zones", {"balancer": {"subnets": ["subnet-1"]}}),
    Fault("lb-desync-mode", {"balancer": {"desyncMitigationMode": "monitor"}}),
    Fault(
        "lb-public-is-intended",
        {"balancer": {"internal": False}},
        also=("lb-public-has-web-acl", "lb-public-has-rate-rule"),
    ),
    Fault("lb-idle-timeout-covers-request", {"balancer": {"idleTimeout": 2}}),
    Fault("lb-idle-timeout-below-keep-alive", {"balancer": {"idleTimeout": 120}}),
    Fault(
        "lb-reserves-capacity-for-surge",
        {"balancer": {"minimumLoadBalancerCapacity": {"capacityUnits": 50}}},
    ),
    Fault("target-group-health-check", {"targets": {"healthCheck.enabled": False}}),
    Fault("target-group-encrypted", {"targets": {"protocol": "HTTP"}}),
    Fault("target-group-drains-longest-request", {"targets": {"deregistrationDelay": 2}}),
    Fault(
        "target-group-slow-start-algorithm",
        {"targets": {"loadBalancingAlgorithmType": "least_outstanding_requests"}},
    ),
    Fault(
        "web-acl-has-rules", {"acl": {"rules": []}, "acl-logs": {}}, also=("web-acl-blocks-log4j",)
    ),
    Fault("web-acl-rule-has-action", {"acl": {"rules[0].action": REMOVED}, "acl-logs": {}}),
    Fault("web-acl-logging", {"acl": {}}),
    Fault(
        "web-acl-metrics",
        {"acl": {"visibilityConfig.cloudwatchMetricsEnabled": False}, "acl-logs": {}},
    ),
    Fault("security-group-no-open-ingress", {"ingress": {"fromPort": 22, "toPort": 22}}),
    Fault("security-group-no-open-egress", {"egress": {"fromPort": 80, "toPort": 80}}),
    Fault("security-group-described", {"open": {"description": REMOVED}}),
    Fault("security-group-rule-described", {"egress": {"description": ""}}),
    Fault(
        "security-group-inline-rule-described",
        {"open": {"ingress": [{"cidrBlocks": ["10.0.0.0/8"], "protocol": "tcp"}]}},
    ),
    Fault("launch-template-requires-imdsv2", {"template": {"metadataOptions.httpTokens": REMOVED}}),
    Fault(
        "launch-template-imds-hop-limit",
        {"template": {"metadataOptions.httpPutResponseHopLimit": 2}},
    ),
    Fault(
        "launch-template-encrypts-volumes",
        {"template": {"blockDeviceMappings[0].ebs.encrypted": REMOVED}},
    ),
    Fault(
        "launch-template-customer-key",
        {"template": {"blockDeviceMappings[0].ebs.kmsKeyId": REMOVED}},
    ),
    Fault(
        "launch-template-key-lets-auto-scaling",
        {"template": {}, "key": {"policy": KEY_USERS.replace(SERVICE_ROLE, "arn:aws:iam::1:root")}},
        at="key",
    ),
    Fault(
        "launch-template-no-public-ip",
        {"template": {"networkInterfaces[0].associatePublicIpAddress": "true"}},
    ),
    Fault(
        "launch-template-no-secrets-in-user-data",
        {"template": {"userData": "cGFzc3dvcmQ9aHVudGVyMmh1bnRlcjI="}},
    ),
    Fault("launch-template-detailed-monitoring", {"template": {"monitoring.enabled": False}}),
    Fault("asg-uses-load-balancer-health", {"group": {"healthCheckType": "EC2"}, "tracking": {}}),
    Fault("asg-spans-zones", {"group": {"availabilityZones": ["eu-west-1a"]}, "tracking": {}}),
    Fault("asg-uses-launch-template", {"group": {"launchConfiguration": "old"}, "tracking": {}}),
    Fault("asg-warmup-covers-boot", {"group": {"defaultInstanceWarmup": 60}, "tracking": {}}),
    Fault("asg-grace-covers-boot", {"group": {"healthCheckGracePeriod": 60}, "tracking": {}}),
    Fault("asg-desired-capacity-unset", {"group": {"desiredCapacity": 4}, "tracking": {}}),
    Fault(
        "asg-refresh-pins-template",
        {"group": {f"{SPECIFICATION}.version": "$Latest"}, "tracking": {}},
    ),
    Fault("asg-refresh-guarded", {"group": {"instanceRefresh.preferences": {}}, "tracking": {}}),
    Fault("asg-propagates-tags", {"group": {"tags[0].propagateAtLaunch": False}, "tracking": {}}),
    Fault(
        "asg-several-instance-types",
        {"group": {"mixedInstancesPolicy.launchTemplate.overrides": []}, "tracking": {}},
    ),
    Fault(
        "asg-follows-demand",
        {
            "tracking": {
                TRACKING: "ASGAverageCPUUtilization",
                "targetTrackingConfiguration.targetValue": 50,
            },
            "group": {},
        },
        at="group",
    ),
    Fault("asg-policies-agree", {"steps": {"stepAdjustments[0].scalingAdjustment": -50}}),
    Fault(
        "asg-metrics-for-alarms",
        {
            "group": {"enabledMetrics": REMOVED},
            "tracking": {},
            "capacity": {"name": f"{NAMED}-warning"},
        },
    ),
    Fault(
        "asg-detailed-monitoring",
        {"template": {"monitoring.enabled": False}, "group": {}, "tracking": {}, "cpu": {}},
        also=("launch-template-detailed-monitoring",),
    ),
    Fault("alarm-has-actions", {"slow": {"alarmActions": REMOVED}}),
    Fault("alarm-name-starts-with-stack", {"slow": {"name": "slow-warning"}}),
    Fault("alarm-states-missing-data", {"slow": {"treatMissingData": REMOVED}}),
    Fault("alarm-states-severity", {"slow": {"name": NAMED}}),
    Fault("alarm-links-runbook", {"slow": {"alarmDescription": "Users wait."}}),
    Fault("alarm-page-is-escalated", {"slow": {"name": f"{NAMED}-critical"}}),
    Fault("composite-alarm-names-exist", {"escalation": {"alarmRule": "ALARM(elsewhere)"}}),
    Fault("alarm-scaling-is-plain", {"demand": {"alarmActions": [Of("steps", "arn")]}}),
    Fault("sns-topic-customer-key", {"topic": {"kmsMasterKeyId": REMOVED}}),
    Fault("sns-policy-not-public", {"topic": {"policy": OPEN_TOPIC}}),
    Fault("sns-topic-has-subscription", {"topic": {}, "slow": {}}),
    Fault(
        "sns-key-lets-services-publish",
        {"topic": {}, "key": {"policy": "{}"}, "slow": {}, "subscription": {}},
        at="key",
    ),
    Fault("kms-key-rotates", {"key": {"enableKeyRotation": False}}),
    Fault("s3-blocks-public-access", {"bucket": {}, "sse": {}}),
    Fault("s3-states-encryption", {"bucket": {}, "block": {}}),
    Fault(
        "s3-log-bucket-takes-logs",
        {
            "bucket": {},
            "block": {},
            "sse": {"rules[0].applyServerSideEncryptionByDefault.sseAlgorithm": "aws:kms"},
            "expiry": {},
            "balancer": {},
        },
        at="sse",
    ),
    Fault("s3-log-bucket-expires", {"bucket": {}, "block": {}, "sse": {}, "balancer": {}}),
    Fault("log-group-retention", {"logs": {"retentionInDays": REMOVED}}),
    Fault("log-group-customer-key", {"logs": {"kmsKeyId": REMOVED}}),
    Fault("rds-storage-encrypted", {"database": {"storageEncrypted": False}}),
    Fault("rds-customer-key", {"database": {"kmsKeyId": REMOVED}}),
    Fault("rds-not-public", {"database": {"publiclyAccessible": True}}),
    Fault("rds-multi-az", {"database": {"multiAz": False}}),
    Fault("rds-cluster-has-standby", {"cluster": {}, "writer": {}}),
    Fault("rds-backups", {"database": {"backupRetentionPeriod": 1}}),
    Fault("rds-deletion-protection", {"database": {"deletionProtection": False}}),
    Fault("rds-performance-insights", {"database": {"performanceInsightsEnabled": False}}),
    Fault(
        "rds-performance-insights-customer-key",
        {"database": {"performanceInsightsKmsKeyId": REMOVED}},
    ),
    Fault("rds-enhanced-monitoring", {"database": {"monitoringInterval": 0}}),
    Fault("rds-logs-exported", {"database": {"enabledCloudwatchLogsExports": []}}),
    Fault(
        "rds-postgres-logs-queries",
        {"database": {}, "parameters": {"parameters[2].value": "-1"}},
        at="parameters",
    ),
    Fault(
        "rds-encrypts-in-transit",
        {"database": {}, "parameters": {"parameters[1].value": "0"}},
        at="parameters",
    ),
    Fault("rds-iam-authentication", {"database": {"iamDatabaseAuthenticationEnabled": False}}),
    Fault("rds-minor-upgrades", {"database": {"autoMinorVersionUpgrade": False}}),
    Fault("rds-modern-authority", {"database": {"caCertIdentifier": "rds-ca-2019"}}),
    Fault(
        "rds-no-plaintext-password",
        {"database": {"manageMasterUserPassword": REMOVED, "password": "correct horse"}},
    ),
    Fault("rds-custom-admin-name", {"database": {"username": "postgres"}}),
    Fault("rds-copies-tags-to-snapshots", {"database": {"copyTagsToSnapshot": False}}),
    Fault("resource-is-readable", {"topic": {"tags": "none"}}),
    Fault("asg-processes-run", {"group": {"suspendedProcesses": ["Launch"]}, "tracking": {}}),
    Fault("asg-has-room-to-grow", {"group": {"maxSize": 4}, "tracking": {}}),
    Fault(
        "asg-schedule-keeps-serving",
        {"schedule": {"minSize": 0, "maxSize": 0}, "group": {}, "tracking": {}},
    ),
    Fault("asg-schedule-lifts-again", {"schedule": {"maxSize": 5}, "group": {}, "tracking": {}}),
    Fault("asg-hook-releases-launches", {"hook": {"heartbeatTimeout": 7200}}),
    Fault("asg-warmup-is-short", {"group": {"defaultInstanceWarmup": 1200}, "tracking": {}}),
    Fault(
        "asg-spot-is-spread",
        {
            "group": {
                "mixedInstancesPolicy.instancesDistribution": {
                    "onDemandPercentageAboveBaseCapacity": 0,
                    "spotAllocationStrategy": "price-capacity-optimized",
                }
            },
            "tracking": {},
        },
    ),
    Fault(
        "asg-policy-target-leaves-room",
        {"tracking": {"targetTrackingConfiguration.targetValue": 9000}, "group": {}},
    ),
    Fault(
        "asg-policy-follows-own-requests",
        {"tracking": {LABEL: "app/web/1/targetgroup/other/2"}, "group": {}},
    ),
    Fault(
        "asg-policy-steps-cover", {"steps": {"stepAdjustments[0].metricIntervalUpperBound": "9"}}
    ),
    Fault(
        "asg-alarm-scales-right-way",
        {"cpu": {"alarmActions": [Of("steps", "arn")], "comparisonOperator": BELOW}},
    ),
    Fault(
        "asg-alarm-scales-in-time",
        {
            "cpu": {
                "alarmActions": [Of("steps", "arn")],
                "comparisonOperator": ABOVE,
                "period": 300,
                "evaluationPeriods": 3,
            }
        },
    ),
    Fault("asg-policy-waits-briefly", {"steps": {"estimatedInstanceWarmup": 1200}}),
    Fault(
        "asg-policies-remove-too",
        {"tracking": {"targetTrackingConfiguration.disableScaleIn": True}, "group": {}},
    ),
    Fault("asg-policy-acts", {"steps": {"enabled": False}}),
    Fault(
        "asg-has-one-scaler",
        {
            "tracking": {},
            "group": {},
            "provider": {"autoScalingGroupProvider.managedScaling.status": "ENABLED"},
        },
    ),
    Fault("alarm-dimension-matches", {"slow": {"dimensions": {"LoadBalancer": "web"}}}),
    Fault("alarm-threshold-in-reach", {"cpu": {"threshold": 110, "comparisonOperator": ABOVE}}),
    Fault(
        "alarm-statistic-fits",
        {"slow": {"metricName": "HTTPCode_ELB_5XX_Count", "statistic": "Average"}},
    ),
    Fault(
        "alarm-missing-data-fits",
        {"slow": {"metricName": "HealthyHostCount", "comparisonOperator": BELOW}},
    ),
    Fault("alarm-tells-in-time", {"slow": {"period": 300, "evaluationPeriods": 5}}),
    Fault("sns-subscription-confirmed", {"subscription": {"pendingConfirmation": True}}),
    Fault("target-group-check-is-quick", {"targets": {"healthCheck.interval": 120}}),
    Fault("target-group-check-means-healthy", {"targets": {"healthCheck.matcher": "200-499"}}),
    Fault(
        "target-group-spreads-sessions",
        {"targets": {"stickiness": {"enabled": True, "type": "lb_cookie"}}},
    ),
    Fault("target-group-slow-start-is-short", {"targets": {"slowStart": 600}}),
    Fault("lb-balances-across-zones", {"targets": {"loadBalancingCrossZoneEnabled": "false"}}),
    Fault("dns-failover-checks-health", {"record": {"aliases[0].evaluateTargetHealth": False}}),
    Fault(
        "lb-listener-has-targets",
        {
            "https": {
                "defaultActions": [{"type": "forward", "targetGroupArn": Of("targets", "arn")}]
            }
        },
    ),
    Fault("ecs-deployment-keeps-tasks", {"service": {"deploymentMinimumHealthyPercent": 0}}),
    Fault("ecs-service-scales", {"service": {"name": "other"}}),
    Fault("ecs-service-spans-zones", {"service": {"networkConfiguration.subnets": ["subnet-1"]}}),
    Fault(
        "launch-template-sustains-load",
        {"template": {"instanceType": "t3.large", "creditSpecification": STANDARD}},
    ),
    Fault("rds-sustains-load", {"database": {"instanceClass": "db.t4g.medium"}}),
    Fault("rds-leaves-a-snapshot", {"database": {"skipFinalSnapshot": True}}),
    Fault("rds-storage-grows", {"database": {"allocatedStorage": 100}}),
    Fault(
        "rds-serverless-grows",
        {
            "cluster": {"serverlessv2ScalingConfiguration": {"minCapacity": 1, "maxCapacity": 1}},
            "writer": {},
            "reader": {},
        },
    ),
    Fault("rds-proxy-may-connect", {"pool": {"connectionPoolConfig.maxConnectionsPercent": 2}}),
    Fault("cache-has-replica", {"cache": {"numCacheClusters": 1}}),
    Fault("cache-evicts", {"cache-parameters": {"parameters[0].value": "noeviction"}}),
    Fault("table-grows", {"table": {"billingMode": "PROVISIONED", "readCapacity": 25}}),
    Fault("role-is-no-administrator", {"permissions": {"policyArn": ADMINISTRATOR}}),
    Fault("web-acl-is-associated", {"acl": {"scope": "REGIONAL"}, "acl-logs": {}}),
    Fault(
        "web-acl-rate-spares-users",
        {"acl": {"rules[0].statement.rateBasedStatement.limit": 100}, "acl-logs": {}},
    ),
    Fault("eks-endpoint-is-not-open", {"kubernetes": {"vpcConfig.publicAccessCidrs": REMOVED}}),
    Fault("resource-names-its-region", {"https": {"region": "eu-west-2"}}),
)
"""Faults that can stand beside each other."""

OF_THE_WHOLE = (
    Fault("asg-max-covers-peak", {"group": {"maxSize": 1}}),
    Fault("asg-has-room-to-grow", {"group": {}}),
    Fault("asg-max-within-quota", {"group": {}}),
    Fault("asg-min-survives-zone-loss", {"group": {"minSize": 1}}),
    Fault(
        "asg-tracking-follows-surge",
        {
            "tracking": {
                TRACKING: "ASGAverageCPUUtilization",
                "targetTrackingConfiguration.targetValue": 80,
            },
            "steps": {"autoscalingGroupName": "another"},
        },
    ),
    Fault("rds-connections-cover-fleet", {"parameters": {"parameters[0].value": "5"}}),
    Fault("lb-demand-has-rate-alarm", {"demand": {"metricQueries": REMOVED}}, at="balancer"),
)
"""Faults of the stack as a whole, which is changed in place for all of them."""

CONFIG_OF_THE_WHOLE = CONFIG | {"account.vcpuQuota": "1"}


def safe() -> None:
    """Make the stack that breaks no rule."""
    _make(PARTS, {})


def faulty() -> None:
    """Make the stack of FAULTS."""
    parts = _make(PARTS, {})
    for number, fault in enumerate(FAULTS):
        copies = {
            name: _changed(PARTS[name], fault.changes[name])
            for name in PARTS
            if name in fault.changes
        }
        _make(copies, parts, suffix=f"-{number}")


def in_place(*changes: Mapping[str, Mapping[str, Any]], without: str = "") -> None:
    """Make the stack of PARTS with changes to the parts themselves."""
    parts = {name: part for name, part in PARTS.items() if name != without}
    for change in changes:
        for name, properties in change.items():
            parts[name] = _changed(parts[name], properties)
    _make(parts, {})


def faulty_as_a_whole() -> None:
    """Make the stack of PARTS with all faults OF_THE_WHOLE."""
    in_place(*(fault.changes for fault in OF_THE_WHOLE))


PLANTED = {
    "lb-listener-serves-https": {"http": {"defaultActions": FORWARD}},
    "launch-template-requires-imdsv2": {"template": {"metadataOptions.httpTokens": "optional"}},
    "lb-spans-zones": {"balancer": {"subnets": ["subnet-1"]}},
    "asg-uses-load-balancer-health": {"group": {"healthCheckType": "EC2"}},
    "asg-refresh-pins-template": {"group": {f"{SPECIFICATION}.version": "$Latest"}},
    "asg-follows-demand": {
        "tracking": {
            TRACKING: "ASGAverageCPUUtilization",
            "targetTrackingConfiguration.targetValue": 50,
        }
    },
    "alarm-has-actions": {"cpu": {"alarmActions": REMOVED}},
    "rds-not-public": {"database": {"publiclyAccessible": True}},
    "sns-topic-customer-key": {"topic": {"kmsMasterKeyId": REMOVED}},
    "rds-connections-cover-fleet": {"parameters": {"parameters[0].value": "5"}},
}
"""Ten faults of one pull request: plain HTTP, IMDSv1, one zone, EC2's health check, `$Latest`,
scaling on the processor alone, an alarm without action, a public database, an unencrypted topic,
and more connections than the database takes."""


def planted() -> None:
    """Make the stack of PARTS with all of PLANTED."""
    in_place(*PLANTED.values(), without="steps")


def expected() -> Iterator[tuple[str, str]]:
    """Yield rule and resource of every one of FAULTS."""
    for number, fault in enumerate(FAULTS):
        for rule in (fault.rule, *fault.also):
            yield rule, f"{fault.part}-{number}"


def _changed(part: Part, changes: Mapping[str, Any]) -> Part:
    properties = part.properties
    for path, value in changes.items():
        properties = changed(properties, path, value)
    return Part(part.type, properties)


def _make(
    parts: Mapping[str, Part], others: Mapping[str, Thing], suffix: str = ""
) -> dict[str, Thing]:
    made: dict[str, Thing] = {}
    for name, part in parts.items():
        properties = _resolved(part.properties, {**others, **made}, f"{name}{suffix}")
        made[name] = Thing(part.type, f"{name}{suffix}", **properties)
    return made


def _resolved(value: Any, made: Mapping[str, Thing], name: str) -> Any:
    if isinstance(value, Of):
        thing = made[value.part]
        return thing.id if value.key == "id" else thing.output(value.key)
    if isinstance(value, Mapping):
        return {key: _resolved(item, made, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, made, name) for item in value]
    return value.replace("{name}", name) if isinstance(value, str) else value
