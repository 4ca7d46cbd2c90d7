import json

import pytest

from surgeproof.components import LoadBalancer, Network
from tests.moto.standing import Standing, aws

__all__ = ["aws"]


def load_balancer(**args):
    network = Network("network", {})
    LoadBalancer(
        "web",
        {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.public_subnet_ids,
            "target_port": 8080,
            "health_check_path": "/health",
            **args,
        },
    )


@pytest.fixture
def elb(aws):
    return aws("elbv2")


def balancer(elb):
    (found,) = elb.describe_load_balancers()["LoadBalancers"]
    return found


def listeners(elb):
    found = elb.describe_listeners(LoadBalancerArn=balancer(elb)["LoadBalancerArn"])
    return {each["Port"]: each for each in found["Listeners"]}


def attributes(answer):
    return {each["Key"]: each["Value"] for each in answer["Attributes"]}


def log_bucket(aws):
    (found,) = aws("s3").list_buckets()["Buckets"]
    return found["Name"]


class TestByCertificate(Standing):
    @staticmethod
    def prepare(aws):
        certificate = aws("acm").request_certificate(DomainName="shop.test")
        TestByCertificate.certificate_arn = certificate["CertificateArn"]

    @staticmethod
    def program():
        load_balancer(certificate_arn=TestByCertificate.certificate_arn)

    def test_it_faces_the_internet_from_two_zones(self, elb):
        found = balancer(elb)
        assert found["LoadBalancerName"] == "surgeproof-test-web"
        assert (found["Type"], found["Scheme"]) == ("application", "internet-facing")
        zones = {zone["ZoneName"] for zone in found["AvailabilityZones"]}
        assert zones == {"eu-central-1a", "eu-central-1b"}

    def test_its_attributes_are_secure_by_default(self, elb, aws):
        found = attributes(
            elb.describe_load_balancer_attributes(LoadBalancerArn=balancer(elb)["LoadBalancerArn"])
        )
        bucket = log_bucket(aws)
        expected = {
            "deletion_protection.enabled": "true",
            "routing.http.drop_invalid_header_fields.enabled": "true",
            "routing.http.desync_mitigation_mode": "defensive",
            "idle_timeout.timeout_seconds": "60",
            "zonal_shift.config.enabled": "true",
            "access_logs.s3.enabled": "true",
            "access_logs.s3.bucket": bucket,
            "access_logs.s3.prefix": "access",
            "connection_logs.s3.enabled": "true",
            "connection_logs.s3.bucket": bucket,
        }
        assert {key: found.get(key) for key in expected} == expected

    def test_https_serves_by_a_policy_without_old_protocols(self, elb):
        listener = listeners(elb)[443]
        assert listener["Protocol"] == "HTTPS"
        assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
        assert listener["DefaultActions"][0]["Type"] == "forward"

    def test_http_redirects_to_https(self, elb):
        (action,) = listeners(elb)[80]["DefaultActions"]
        redirect = action["RedirectConfig"]
        assert action["Type"] == "redirect"
        assert (redirect["Protocol"], redirect["Port"]) == ("HTTPS", "443")
        assert redirect["StatusCode"] == "HTTP_301"

    def test_targets_are_checked_often_and_drained(self, elb):
        (group,) = elb.describe_target_groups()["TargetGroups"]
        found = attributes(
            elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])
        )
        assert group["TargetGroupName"].startswith("surgeproof-test-web-")
        assert (group["Port"], group["Protocol"], group["TargetType"]) == (8080, "HTTP", "instance")
        assert group["HealthCheckPath"] == "/health"
        assert group["HealthCheckIntervalSeconds"] == 10
        assert group["HealthCheckTimeoutSeconds"] == 5
        assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 3)
        assert found["deregistration_delay.timeout_seconds"] == "60"
        assert found["load_balancing.algorithm.type"] == "round_robin"

    def test_only_the_listeners_ports_are_open(self, aws):
        (group,) = aws("ec2").describe_security_groups(
            Filters=[{"Name": "group-name", "Values": ["surgeproof-test-web-load-balancer"]}]
        )["SecurityGroups"]
        opened = sorted(
            (each["FromPort"], each["ToPort"], each["IpRanges"][0]["CidrIp"])
            for each in group["IpPermissions"]
        )
        assert opened == [(80, 80, "0.0.0.0/0"), (443, 443, "0.0.0.0/0")]
        assert all(each["IpRanges"][0]["Description"] for each in group["IpPermissions"])
        assert group["IpPermissionsEgress"] == []

    def test_the_log_bucket_is_private_encrypted_and_expires(self, aws):
        s3, bucket = aws("s3"), log_bucket(aws)
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"][
            "Rules"
        ]
        (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        (owner,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        assert bucket == "surgeproof-test-web-logs-123456789012"
        assert set(block.values()) == {True}
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert lifecycle["Expiration"]["Days"] == 90
        assert owner == {"ObjectOwnership": "BucketOwnerEnforced"}

    def test_log_delivery_may_write_into_the_log_bucket(self, aws):
        policy = json.loads(aws("s3").get_bucket_policy(Bucket=log_bucket(aws))["Policy"])
        delivery, _ = policy["Statement"]
        assert delivery["Principal"] == {
            "Service": "logdelivery.elasticloadbalancing.amazonaws.com"
        }


class TestByDomain(Standing):
    @staticmethod
    def program():
        load_balancer(domain="shop.surgeproof.test", hosted_zone_id="Z0SURGEPROOFLOCAL")

    def test_a_domain_gets_its_certificate_and_its_records(self, elb, aws):
        (summary,) = aws("acm").list_certificates()["CertificateSummaryList"]
        certificate = aws("acm").describe_certificate(CertificateArn=summary["CertificateArn"])
        (option,) = certificate["Certificate"]["DomainValidationOptions"]
        records = aws("route53").list_resource_record_sets(HostedZoneId="Z0SURGEPROOFLOCAL")
        by_type = {each["Type"]: each for each in records["ResourceRecordSets"]}
        assert listeners(elb)[443]["Certificates"] == [
            {"CertificateArn": summary["CertificateArn"]}
        ]
        assert by_type["CNAME"]["Name"].rstrip(".") == option["ResourceRecord"]["Name"].rstrip(".")
        assert by_type["CNAME"]["ResourceRecords"] == [{"Value": option["ResourceRecord"]["Value"]}]
        assert by_type["A"]["Name"] == "shop.surgeproof.test."
        assert by_type["A"]["AliasTarget"]["DNSName"].rstrip(".") == balancer(elb)["DNSName"]


class TestInternalPlainHttp(Standing):
    @staticmethod
    def program():
        load_balancer(plain_http=True, internal=True)

    def test_an_internal_one_does_not(self, elb):
        assert balancer(elb)["Scheme"] == "internal"

    def test_plain_http_has_one_listener(self, elb):
        (listener,) = listeners(elb).values()
        assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
        assert listener["DefaultActions"][0]["Type"] == "forward"
