import json

import pytest

from surgeproof.components import ArgsError, LoadBalancer, LoadBalancerArgs
from surgeproof.components.service.load_balancer_settings import LOAD_BALANCER_ARGS
from tests.unit.recording import Recording, record

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
GOOD: LoadBalancerArgs = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "target_port": 8080,
    "health_check_path": "/health",
    "certificate_arn": CERTIFICATE,
}
BY_DOMAIN = {
    **{key: value for key, value in GOOD.items() if key != "certificate_arn"},
    "domain": "shop.test",
    "hosted_zone_id": "Z1",
}
PLAIN = {
    **{key: value for key, value in GOOD.items() if key != "certificate_arn"},
    "plain_http": True,
}


def build(args: LoadBalancerArgs = GOOD, name: str = "web") -> Recording:
    return record(lambda: LoadBalancer(name, args))


def test_defaults():
    settings = LOAD_BALANCER_ARGS.check(GOOD)

    assert settings == {
        **GOOD,
        "plain_http": False,
        "internal": False,
        "allowed_cidr_blocks": ["0.0.0.0/0"],
        "idle_timeout_seconds": 60,
        "deregistration_delay_seconds": 60,
        "slow_start_seconds": 0,
        "algorithm": "round_robin",
        "anomaly_mitigation": False,
        "deletion_protection": True,
        "log_retention_days": 90,
        "log_bucket_force_destroy": False,
        "health_check_interval_seconds": 10,
        "health_check_timeout_seconds": 5,
        "healthy_threshold": 2,
        "unhealthy_threshold": 3,
        "zonal_shift": True,
        "waf_fail_open": False,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vpc_id": None}, "vpc_id: must be given, got nothing"),
        (
            {"subnet_ids": ["subnet-1"]},
            "subnet_ids: must be at least two subnets, in different zones, got a list of 1",
        ),
        (
            {"target_port": None},
            "target_port: must be a whole number from 1 to 65535, got nothing",
        ),
        ({"target_port": 65536}, "target_port: must be a whole number from 1 to 65535, got 65536"),
        (
            {"health_check_path": None},
            "health_check_path: must be a path such as /health, got nothing",
        ),
        (
            {"health_check_path": "up"},
            "health_check_path: must be a path such as /health, got 'up'",
        ),
        (
            {"certificate_arn": None},
            (
                "certificate_arn: must be given, or domain with hosted_zone_id, or plain_http as "
                "true, "
                "got nothing"
            ),
        ),
        (
            {"plain_http": True},
            "plain_http: must be left out when certificate_arn is given, got true",
        ),
        (
            {"domain": "shop.test", "hosted_zone_id": "Z1"},
            "domain: must be left out when certificate_arn is given, got 'shop.test'",
        ),
        (
            {"certificate_arn": None, "domain": "shop.test"},
            "hosted_zone_id: must be given together with domain, got nothing",
        ),
        (
            {"certificate_arn": None, "hosted_zone_id": "Z1"},
            "domain: must be given together with hosted_zone_id, got nothing",
        ),
        (
            {"certificate_arn": None, "hosted_zone_id": "Z1", "domain": "*.shop.test"},
            "domain: must be one host name, without a wildcard, got '*.shop.test'",
        ),
        (
            {"allowed_cidr_blocks": ["10.0.0.0/8", "10.0.0.1/8"]},
            (
                "allowed_cidr_blocks[1]: must be an IPv4 range without host bits, such as "
                "10.0.0.0/16, got '10.0.0.1/8'"
            ),
        ),
        (
            {"allowed_cidr_blocks": []},
            "allowed_cidr_blocks: must be a list of at least one IPv4 range, got a list of 0",
        ),
        (
            {"idle_timeout_seconds": 4001},
            "idle_timeout_seconds: must be from 1 to 4000 seconds, got 4001",
        ),
        (
            {"deregistration_delay_seconds": 3601},
            "deregistration_delay_seconds: must be from 0 to 3600 seconds, got 3601",
        ),
        (
            {"slow_start_seconds": 29},
            "slow_start_seconds: must be 0 or from 30 to 900 seconds, got 29",
        ),
        (
            {"slow_start_seconds": 60, "algorithm": "least_outstanding_requests"},
            (
                "slow_start_seconds: must be 0 unless algorithm (now least_outstanding_requests) "
                "is "
                "round_robin, got 60"
            ),
        ),
        (
            {"anomaly_mitigation": True},
            (
                "anomaly_mitigation: must be false unless algorithm (now round_robin) is "
                "weighted_random, got true"
            ),
        ),
        (
            {"algorithm": "random"},
            (
                "algorithm: must be one of round_robin, least_outstanding_requests, "
                "weighted_random, "
                "got 'random'"
            ),
        ),
        (
            {"deletion_protection": "yes"},
            "deletion_protection: must be true or false, got 'yes'",
        ),
        (
            {"log_retention_days": 0},
            "log_retention_days: must be a whole number from 1 to 3650, got 0",
        ),
        ({"capacity_units": 99}, "capacity_units: must be at least 100 units, got 99"),
        (
            {"health_check_interval_seconds": 4},
            "health_check_interval_seconds: must be a whole number from 5 to 300, got 4",
        ),
        (
            {"health_check_timeout_seconds": 11},
            (
                "health_check_timeout_seconds: must be at most health_check_interval_seconds (10), "
                "got 11"
            ),
        ),
        (
            {"healthy_threshold": 1},
            "healthy_threshold: must be a whole number from 2 to 10, got 1",
        ),
        (
            {"unhealthy_threshold": 11},
            "unhealthy_threshold: must be a whole number from 2 to 10, got 11",
        ),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    with pytest.raises(ArgsError) as error:
        LOAD_BALANCER_ARGS.check({**GOOD, **change})

    assert str(error.value) == f"LoadBalancer.{message}"


def test_all_problems_come_at_once():
    with pytest.raises(ArgsError) as error:
        LOAD_BALANCER_ARGS.check({**GOOD, "target_port": 0, "healthy_threshold": 1})

    assert len(str(error.value).splitlines()) == 2


def test_whole_numbers_may_arrive_as_floats():
    settings = LOAD_BALANCER_ARGS.check({**GOOD, "target_port": 80.0, "idle_timeout_seconds": 90.0})

    assert (settings["target_port"], settings["idle_timeout_seconds"]) == (80, 90)
    assert isinstance(settings["idle_timeout_seconds"], int)


def test_too_long_a_name_is_refused_with_the_limit():
    with pytest.raises(ArgsError, match=r"^name 'shop-test-a+': must be at most 32 characters"):
        build(name="a" * 23)


def test_https_serves_and_http_redirects():
    listeners = build().resources["Listener"]

    assert listeners["web-https"] == {
        "loadBalancerArn": "arn:aws:LoadBalancer:web",
        "port": 443,
        "protocol": "HTTPS",
        "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "certificateArn": CERTIFICATE,
        "defaultActions": [
            {"type": "forward", "targetGroupArn": "arn:aws:TargetGroup:web-targets"}
        ],
        "tags": {"Name": "shop-test-web"},
    }
    assert listeners["web-http"]["defaultActions"] == [
        {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
        }
    ]


def test_a_domain_gets_a_validated_certificate_and_an_alias():
    recording = build(BY_DOMAIN)

    certificate = recording.only("Certificate")
    validation = recording.only("CertificateValidation")
    records = recording.resources["Record"]
    assert (certificate["domainName"], certificate["validationMethod"]) == ("shop.test", "DNS")
    assert records["web-validation"] == {
        "zoneId": "Z1",
        "name": "_a.shop.test.",
        "type": "CNAME",
        "records": ["_b.acm-validations.aws."],
        "ttl": 60,
        "allowOverwrite": True,
    }
    assert validation == {
        "certificateArn": "arn:aws:Certificate:web-certificate",
        "validationRecordFqdns": ["web-validation.record.test"],
    }
    assert recording.resources["Listener"]["web-https"]["certificateArn"] == (
        "arn:aws:Certificate:web-certificate"
    )
    assert records["web-alias"] == {
        "zoneId": "Z1",
        "name": "shop.test",
        "type": "A",
        "aliases": [{"name": "web.elb.test", "zoneId": "ZBALANCER", "evaluateTargetHealth": True}],
    }
    assert recording.outputs["url"] == "https://shop.test"


def test_plain_http_opens_no_other_port():
    recording = build(PLAIN)

    listener = recording.only("Listener")
    rule = recording.only("SecurityGroupIngressRule")
    assert (listener["port"], listener["protocol"]) == (80, "HTTP")
    assert listener["defaultActions"][0]["type"] == "forward"
    assert (rule["fromPort"], rule["toPort"]) == (80, 80)
    assert recording.outputs["url"] == "http://web.elb.test"


def test_only_the_listeners_ports_are_open_and_only_to_the_ranges_given():
    recording = build({**GOOD, "allowed_cidr_blocks": ["10.0.0.0/8", "192.168.0.0/16"]})

    rules = recording.resources["SecurityGroupIngressRule"].values()
    opened = sorted((each["cidrIpv4"], each["fromPort"], each["toPort"]) for each in rules)
    assert opened == [
        ("10.0.0.0/8", 80, 80),
        ("10.0.0.0/8", 443, 443),
        ("192.168.0.0/16", 80, 80),
        ("192.168.0.0/16", 443, 443),
    ]
    assert all(each["description"] for each in rules)
    assert "SecurityGroupEgressRule" not in recording.resources


def test_the_load_balancer_is_secure_by_default():
    balancer = build().only("LoadBalancer")

    expected = {
        "internal": False,
        "dropInvalidHeaderFields": True,
        "desyncMitigationMode": "defensive",
        "enableDeletionProtection": True,
        "enableZonalShift": True,
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["web-load-balancer-id"],
    }
    assert {key: balancer[key] for key in expected} == expected
    assert "minimumLoadBalancerCapacity" not in balancer


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("accessLogs", "access"), ("connectionLogs", "connections"), ("healthCheckLogs", "health")],
)
def test_logs_are_kept(kind, prefix):
    balancer = build().only("LoadBalancer")

    bucket = "shop-test-web-logs-123456789012"
    assert balancer[kind] == {"bucket": bucket, "prefix": prefix, "enabled": True}


def test_the_log_bucket_is_closed_encrypted_and_emptied_in_time():
    recording = build({**GOOD, "log_retention_days": 30})

    block = recording.only("BucketPublicAccessBlock")
    encryption = recording.only("BucketServerSideEncryptionConfiguration")
    lifecycle = recording.only("BucketLifecycleConfiguration")
    (rule,) = encryption["rules"]
    assert [value for key, value in block.items() if key != "bucket"] == [True] * 4
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    assert lifecycle["rules"][0]["expiration"] == {"days": 30}
    assert recording.only("BucketOwnershipControls")["rule"] == {
        "objectOwnership": "BucketOwnerEnforced"
    }
    assert recording.only("Bucket")["forceDestroy"] is False


def test_only_log_delivery_may_write_logs_and_only_below_this_accounts_prefixes():
    policy = json.loads(build().only("BucketPolicy")["policy"])

    delivery, tls = policy["Statement"]
    bucket = "arn:aws:s3:::shop-test-web-logs-123456789012"
    assert delivery["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert delivery["Action"] == "s3:PutObject"
    assert delivery["Resource"] == [
        f"{bucket}/access/AWSLogs/123456789012/*",
        f"{bucket}/connections/AWSLogs/123456789012/*",
        f"{bucket}/health/AWSLogs/123456789012/*",
    ]
    assert (tls["Effect"], tls["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


def test_target_group_follows_the_arguments():
    group = build(
        {
            **GOOD,
            "algorithm": "weighted_random",
            "anomaly_mitigation": True,
            "deregistration_delay_seconds": 120,
        }
    ).only("TargetGroup")

    assert group["healthCheck"] == {
        "enabled": True,
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": "/health",
        "matcher": "200",
        "interval": 10,
        "timeout": 5,
        "healthyThreshold": 2,
        "unhealthyThreshold": 3,
    }
    assert group["loadBalancingAlgorithmType"] == "weighted_random"
    assert group["loadBalancingAnomalyMitigation"] == "on"
    assert group["deregistrationDelay"] == 120
    assert group["targetGroupHealth"]["unhealthyStateRouting"] == {
        "minimumHealthyTargetsCount": 1,
        "minimumHealthyTargetsPercentage": "off",
    }


def test_another_target_port_makes_another_target_group_name():
    first = build().only("TargetGroup")["name"]
    second = build({**GOOD, "target_port": 9090}).only("TargetGroup")["name"]

    assert first != second
    assert first == build().only("TargetGroup")["name"]
    assert first.startswith("shop-test-web-")


def test_reserved_capacity_reaches_the_load_balancer():
    balancer = build({**GOOD, "capacity_units": 500}).only("LoadBalancer")

    assert balancer["minimumLoadBalancerCapacity"] == {"capacityUnits": 500}


def test_outputs():
    outputs = build().outputs

    assert outputs["name"] == "shop-test-web"
    assert outputs["resource_label"] == (
        "LoadBalancer/web/0123456789abcdef/TargetGroup/web-targets/0123456789abcdef"
    )
    assert outputs["target_group_arn"] == "arn:aws:TargetGroup:web-targets"
    assert outputs["listener_arn"] == "arn:aws:Listener:web-https"
    assert outputs["log_bucket_name"] == "shop-test-web-logs-123456789012"
    assert outputs["security_group_id"] == "web-load-balancer-id"
