"""Elastic Load Balancing: load balancers, target groups, listeners and their rules."""

from collections.abc import Callable, Mapping
from typing import Any

from surgeproof.emulator.requests import Place
from surgeproof.emulator.rows.row import Call, Const, Context, Name, Row, State, Step, Tagging
from surgeproof.emulator.rows.sources import by_ids


def _after(marker: str) -> Callable[[Context, Any], str]:
    """Return a function for what follows a marker in the ARN, such as app/name/id."""
    return lambda context, _: str(context.state["id"]).partition(marker)[2]


def _cookie_key(inputs: State) -> str:
    kind = (inputs.get("stickiness") or {}).get("type", "lb_cookie")
    return f"stickiness.{kind}.duration_seconds"


_ELB_TAGS = Tagging(
    tag="AddTags",
    untag="RemoveTags",
    member="ResourceArns",
    many=True,
    read=Call("DescribeTags", {"ResourceArns": lambda s: [s["id"]]}, "TagDescriptions[0]"),
)


def _log_bucket_keys(block: str, key: str) -> Mapping[str, tuple[Place, str]]:
    return {
        f"{block}.enabled": (f"{key}.s3.enabled", "false"),
        f"{block}.bucket": (f"{key}.s3.bucket", ""),
        f"{block}.prefix": (f"{key}.s3.prefix", ""),
    }


_ACTIONS = {
    "defaultActions.redirect": "RedirectConfig",
    "defaultActions.fixedResponse": "FixedResponseConfig",
    "defaultActions.forward": "ForwardConfig",
    "defaultActions.forward.targetGroups.arn": "TargetGroupArn",
    "defaultActions.forward.stickiness": "TargetGroupStickinessConfig",
    "defaultActions.forward.stickiness.duration": "DurationSeconds",
    "certificateArn": "Certificates.CertificateArn",
    "alpnPolicy": "AlpnPolicy",
}


_RULE_ACTIONS = {
    path.replace("defaultActions", "actions"): place
    for path, place in _ACTIONS.items()
    if path.startswith("defaultActions")
}


_RULE_CONDITIONS = {
    "pathPattern": "path-pattern",
    "hostHeader": "host-header",
    "httpRequestMethod": "http-request-method",
    "sourceIp": "source-ip",
}
"""Conditions that hold a list of values, and what elbv2 RuleCondition calls their field."""


def _rule_conditions(state: State) -> list[dict[str, Any]]:
    """Return a listener rule's conditions, each with its field named, as elbv2 wants it."""
    conditions: list[dict[str, Any]] = []
    for each in state.get("conditions") or ():
        for name, word in _RULE_CONDITIONS.items():
            if each.get(name):
                config = f"{name[0].upper()}{name[1:]}Config"
                conditions.append({"Field": word, config: {"Values": each[name]["values"]}})
    return conditions


_HEALTH_CHECK = {
    "healthCheck.enabled": "HealthCheckEnabled",
    "healthCheck.protocol": "HealthCheckProtocol",
    "healthCheck.port": "HealthCheckPort",
    "healthCheck.path": "HealthCheckPath",
    "healthCheck.interval": "HealthCheckIntervalSeconds",
    "healthCheck.timeout": "HealthCheckTimeoutSeconds",
    "healthCheck.healthyThreshold": "HealthyThresholdCount",
    "healthCheck.unhealthyThreshold": "UnhealthyThresholdCount",
    "healthCheck.matcher": "Matcher.HttpCode",
}


_ROUTING = "target_group_health.unhealthy_state_routing"


ROWS = (
    Row(
        "aws:lb/loadBalancer:LoadBalancer",
        service="elbv2",
        create=Step(
            "CreateLoadBalancer",
            names={"internal": "Scheme", "loadBalancerType": "Type"},
            update="-",
        ),
        id=">LoadBalancers[0].LoadBalancerArn",
        name=Name(limit=32),
        replaces=("name", "internal", "loadBalancerType"),
        values={"internal": lambda value: "internal" if value else "internet-facing"},
        steps=(
            Step(
                "ModifyLoadBalancerAttributes",
                request={"LoadBalancerArn": "id"},
                attributes={
                    "idleTimeout": ("idle_timeout.timeout_seconds", "60"),
                    "clientKeepAlive": ("client_keep_alive.seconds", "3600"),
                    "desyncMitigationMode": ("routing.http.desync_mitigation_mode", "defensive"),
                    "dropInvalidHeaderFields": (
                        "routing.http.drop_invalid_header_fields.enabled",
                        "false",
                    ),
                    "enableDeletionProtection": ("deletion_protection.enabled", "false"),
                    "enableHttp2": ("routing.http2.enabled", "true"),
                    "enableTlsVersionAndCipherSuiteHeaders": (
                        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
                        "false",
                    ),
                    "enableWafFailOpen": ("waf.fail_open.enabled", "false"),
                    "enableXffClientPort": ("routing.http.xff_client_port.enabled", "false"),
                    "enableZonalShift": ("zonal_shift.config.enabled", "false"),
                    "preserveHostHeader": ("routing.http.preserve_host_header.enabled", "false"),
                    "xffHeaderProcessingMode": (
                        "routing.http.xff_header_processing.mode",
                        "append",
                    ),
                    **_log_bucket_keys("accessLogs", "access_logs"),
                    **_log_bucket_keys("connectionLogs", "connection_logs"),
                    **_log_bucket_keys("healthCheckLogs", "health_check_logs"),
                },
                read=Call("DescribeLoadBalancerAttributes", {"LoadBalancerArn": "id"}),
            ),
            Step(
                "ModifyCapacityReservation",
                takes=("minimumLoadBalancerCapacity",),
                request={"LoadBalancerArn": "id"},
                undo=Call(
                    "ModifyCapacityReservation",
                    {"LoadBalancerArn": "id", "ResetCapacityReservation": Const(value=True)},
                ),
                read=Call("DescribeCapacityReservation", {"LoadBalancerArn": "id"}),
            ),
        ),
        updates=(
            Step(
                "SetSubnets", takes=("subnets", "subnetMappings"), request={"LoadBalancerArn": "id"}
            ),
            Step("SetSecurityGroups", takes=("securityGroups",), request={"LoadBalancerArn": "id"}),
            Step("SetIpAddressType", takes=("ipAddressType",), request={"LoadBalancerArn": "id"}),
        ),
        tagging=_ELB_TAGS,
        read=Call(
            "DescribeLoadBalancers",
            by_ids("LoadBalancerArns"),
            "LoadBalancers[0]",
            names={"subnets": "AvailabilityZones.SubnetId", "name": "LoadBalancerName"},
        ),
        gone=("LoadBalancerNotFound",),
        outputs={
            "arn": "LoadBalancerArn",
            "arnSuffix": _after(":loadbalancer/"),
            "dnsName": "DNSName",
            "zoneId": "CanonicalHostedZoneId",
            "vpcId": "VpcId",
        },
        delete=(Call("DeleteLoadBalancer", {"LoadBalancerArn": "id"}),),
    ),
    Row(
        "aws:lb/targetGroup:TargetGroup",
        service="elbv2",
        create=Step(
            "CreateTargetGroup",
            names=_HEALTH_CHECK,
            update="ModifyTargetGroup",
            update_request={"TargetGroupArn": "id"},
        ),
        id=">TargetGroups[0].TargetGroupArn",
        name=Name(limit=32),
        replaces=(
            "name",
            "port",
            "protocol",
            "protocolVersion",
            "vpcId",
            "targetType",
            "ipAddressType",
        ),
        resets={
            "healthCheck": {
                "enabled": True,
                "protocol": "HTTP",
                "port": "traffic-port",
                "path": "/",
                "interval": 30,
                "timeout": 5,
                "healthyThreshold": 3,
                "unhealthyThreshold": 3,
                "matcher": "200",
            }
        },
        steps=(
            Step(
                "ModifyTargetGroupAttributes",
                request={"TargetGroupArn": "id"},
                attributes={
                    "deregistrationDelay": ("deregistration_delay.timeout_seconds", "300"),
                    "slowStart": ("slow_start.duration_seconds", "0"),
                    "loadBalancingAlgorithmType": ("load_balancing.algorithm.type", "round_robin"),
                    "loadBalancingAnomalyMitigation": (
                        "load_balancing.algorithm.anomaly_mitigation",
                        "off",
                    ),
                    "loadBalancingCrossZoneEnabled": (
                        "load_balancing.cross_zone.enabled",
                        "use_load_balancer_configuration",
                    ),
                    "stickiness.enabled": ("stickiness.enabled", "false"),
                    "stickiness.type": ("stickiness.type", "lb_cookie"),
                    "stickiness.cookieDuration": (_cookie_key, "86400"),
                    "stickiness.cookieName": ("stickiness.app_cookie.cookie_name", ""),
                    "targetGroupHealth.dnsFailover.minimumHealthyTargetsCount": (
                        "target_group_health.dns_failover.minimum_healthy_targets.count",
                        "1",
                    ),
                    "targetGroupHealth.dnsFailover.minimumHealthyTargetsPercentage": (
                        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
                        "off",
                    ),
                    "targetGroupHealth.unhealthyStateRouting.minimumHealthyTargetsCount": (
                        f"{_ROUTING}.minimum_healthy_targets.count",
                        "1",
                    ),
                    "targetGroupHealth.unhealthyStateRouting.minimumHealthyTargetsPercentage": (
                        f"{_ROUTING}.minimum_healthy_targets.percentage",
                        "off",
                    ),
                },
                read=Call("DescribeTargetGroupAttributes", {"TargetGroupArn": "id"}),
            ),
        ),
        tagging=_ELB_TAGS,
        read=Call(
            "DescribeTargetGroups",
            by_ids("TargetGroupArns"),
            "TargetGroups[0]",
            names={"name": "TargetGroupName"},
        ),
        gone=("TargetGroupNotFound",),
        outputs={
            "arn": "TargetGroupArn",
            "arnSuffix": lambda context, _: str(context.state["id"]).rpartition(":")[2],
            "loadBalancerArns": "LoadBalancerArns",
        },
        delete=(Call("DeleteTargetGroup", {"TargetGroupArn": "id"}),),
    ),
    Row(
        "aws:lb/listener:Listener",
        service="elbv2",
        create=Step(
            "CreateListener",
            names=_ACTIONS,
            update="ModifyListener",
            update_request={"ListenerArn": "id"},
        ),
        id=">Listeners[0].ListenerArn",
        replaces=("loadBalancerArn",),
        tagging=_ELB_TAGS,
        read=Call("DescribeListeners", by_ids("ListenerArns"), "Listeners[0]"),
        gone=("ListenerNotFound", "LoadBalancerNotFound"),
        outputs={"arn": "ListenerArn"},
        delete=(Call("DeleteListener", {"ListenerArn": "id"}),),
    ),
    Row(
        "aws:lb/listenerRule:ListenerRule",
        service="elbv2",
        create=Step(
            "CreateRule",
            request={"Conditions": _rule_conditions},
            names={
                **_RULE_ACTIONS,
                "conditions": "=",
                **{f"conditions.{name}": "=" for name in _RULE_CONDITIONS},
                **{f"conditions.{name}.values": "=" for name in _RULE_CONDITIONS},
            },
            update="ModifyRule",
            update_request={"RuleArn": "id", "Conditions": _rule_conditions},
        ),
        id=">Rules[0].RuleArn",
        replaces=("listenerArn",),
        updates=(
            Step(
                "SetRulePriorities",
                takes=("priority",),
                request={
                    "RulePriorities": lambda state: [
                        {"RuleArn": state["id"], "Priority": state["priority"]}
                    ]
                },
                names={"priority": "="},
            ),
        ),
        tagging=_ELB_TAGS,
        read=Call(
            "DescribeRules",
            by_ids("RuleArns"),
            "Rules[0]",
            names={
                "listenerArn": "-",
                "conditions": "Conditions",
                **{
                    f"conditions.{name}": f"{name[0].upper()}{name[1:]}Config"
                    for name in _RULE_CONDITIONS
                },
                **{f"conditions.{name}.values": "Values" for name in _RULE_CONDITIONS},
            },
        ),
        gone=("RuleNotFound", "ListenerNotFound", "LoadBalancerNotFound"),
        outputs={"arn": "RuleArn"},
        delete=(Call("DeleteRule", {"RuleArn": "id"}),),
    ),
)
