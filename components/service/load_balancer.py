"""The load balancer, its listeners and the target group that instances register with."""

import json

import pulumi
import pulumi_aws as aws

from surgeproof.components.naming import physical_name, short_digest
from surgeproof.components.service.load_balancer_settings import (
    LOAD_BALANCER_ARGS,
    LoadBalancerArgs,
)
from surgeproof.settings.aws_limits import LOAD_BALANCER, TARGET_GROUP

_SSL_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""What AWS recommends: TLS 1.3 and 1.2 with forward secrecy, post-quantum key exchange where the
client knows it. Without a policy, AWS takes one of 2016 that allows TLS 1.0
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""

_LOGS = {"access_logs": "access", "connection_logs": "connections", "health_check_logs": "health"}
"""Prefix in the log bucket by kind of log; AWS writes all three with one bucket policy
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-health-check-logging.html)."""


class LoadBalancer(pulumi.ComponentResource):
    """An application load balancer with HTTPS, logs and one target group.

    Creates the load balancer, its security group, an HTTPS listener with a redirect from HTTP (or
    an HTTP listener, when asked for by name), a target group, and a bucket that keeps access,
    connection and health-check logs. With `domain`, the certificate, its validation record and the
    alias record too.

    Leaves to the caller who registers targets: AutoScalingGroup does, and it is what lets the load
    balancer's traffic out to the instances.

    With the default health check, a target that stops answering is out after 3 x 10 s; one that
    comes back is in after 2 x 10 s, and a new one after its first passed check.
    """

    arn: pulumi.Output[str]
    """ARN of the load balancer."""
    arn_suffix: pulumi.Output[str]
    """What CloudWatch calls the load balancer (`app/<name>/<id>`)."""
    dns_name: pulumi.Output[str]
    """DNS name that AWS gives the load balancer."""
    zone_id: pulumi.Output[str]
    """Hosted zone of `dns_name`, for alias records."""
    url: pulumi.Output[str]
    """Address of the service."""
    name: pulumi.Output[str]
    """Name of the load balancer."""
    target_group_arn: pulumi.Output[str]
    """ARN of the target group, once a listener sends requests to it: before that AWS checks no
    target's health."""
    target_group_arn_suffix: pulumi.Output[str]
    """What CloudWatch calls the target group (`targetgroup/<name>/<id>`)."""
    target_group_name: pulumi.Output[str]
    """Name of the target group."""
    security_group_id: pulumi.Output[str]
    """Id of the load balancer's security group."""
    listener_arn: pulumi.Output[str]
    """ARN of the listener that serves: HTTPS, or HTTP when asked for by name."""
    waiting_rule_arn: pulumi.Output[str]
    """ARN of the listener rule for low-priority paths; empty where there are none."""
    log_bucket_name: pulumi.Output[str]
    """Name of the bucket that keeps the logs."""
    resource_label: pulumi.Output[str]
    """What target tracking calls the two (`app/<name>/<id>/targetgroup/<name>/<id>`)."""

    def __init__(
        self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:LoadBalancer", name, {}, opts)
        settings = LOAD_BALANCER_ARGS.check(args)
        self.certificate_arn: pulumi.Output[str] | None = None
        # None over plain HTTP.
        security_group = self._security_group(name, args, settings)
        bucket, bucket_policy = self._log_bucket(name, settings)
        lb_name = physical_name(name, limit=32, of=(LOAD_BALANCER, "name"))
        load_balancer = aws.lb.LoadBalancer(
            name,
            name=lb_name,
            load_balancer_type="application",
            internal=settings["internal"],
            subnets=args["subnet_ids"],
            security_groups=[security_group.id],
            idle_timeout=settings["idle_timeout_seconds"],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            xff_header_processing_mode="append",
            enable_http2=True,
            enable_deletion_protection=settings["deletion_protection"],
            enable_zonal_shift=settings["zonal_shift"],
            enable_waf_fail_open=settings["waf_fail_open"],
            minimum_load_balancer_capacity=(
                {"capacity_units": units} if (units := settings.get("capacity_units")) else None
            ),
            access_logs={"bucket": bucket.bucket, "prefix": _LOGS["access_logs"], "enabled": True},
            connection_logs={
                "bucket": bucket.bucket,
                "prefix": _LOGS["connection_logs"],
                "enabled": True,
            },
            health_check_logs={
                "bucket": bucket.bucket,
                "prefix": _LOGS["health_check_logs"],
                "enabled": True,
            },
            tags={"Name": lb_name, **settings.get("tags", {})},
            # AWS tries to write to the bucket when logs are turned on.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket_policy]),
        )
        target_group = self._target_group(name, args, settings)
        listener = self._listeners(name, args, settings, load_balancer, target_group)
        self.waiting_rule_arn = self._waiting_rule(name, settings, listener, target_group)

        self.arn = load_balancer.arn
        self.arn_suffix = load_balancer.arn_suffix
        self.dns_name = load_balancer.dns_name
        self.zone_id = load_balancer.zone_id
        host = settings.get("domain") or load_balancer.dns_name
        self.url = pulumi.Output.concat("http://" if settings["plain_http"] else "https://", host)
        self.name = load_balancer.name
        self.target_group_arn = pulumi.Output.all(target_group.arn, listener.arn).apply(
            lambda arns: str(arns[0])
        )
        self.target_group_arn_suffix = target_group.arn_suffix
        self.target_group_name = target_group.name
        self.security_group_id = security_group.id
        self.listener_arn = listener.arn
        self.log_bucket_name = bucket.bucket
        self.resource_label = pulumi.Output.concat(
            load_balancer.arn_suffix, "/", target_group.arn_suffix
        )
        self.register_outputs({key: getattr(self, key) for key in _OUTPUTS})

    def _security_group(
        self, name: str, args: LoadBalancerArgs, settings: LoadBalancerArgs
    ) -> aws.ec2.SecurityGroup:
        child = pulumi.ResourceOptions(parent=self)
        group_name = physical_name(name, "load-balancer")
        group = aws.ec2.SecurityGroup(
            f"{name}-load-balancer",
            name=group_name,
            description="Load balancer: takes requests, sends them to the instances only",
            vpc_id=args["vpc_id"],
            tags={"Name": group_name, **settings.get("tags", {})},
            opts=child,
        )
        ports = [80] if settings["plain_http"] else [80, 443]
        for port in ports:
            for block in settings["allowed_cidr_blocks"]:
                aws.vpc.SecurityGroupIngressRule(
                    f"{name}-load-balancer-{port}-{block.replace('/', '-')}",
                    security_group_id=group.id,
                    description=f"Requests to port {port}",
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=block,
                    tags={"Name": physical_name(name, "load-balancer"), **settings.get("tags", {})},
                    opts=child,
                )
        return group

    def _log_bucket(
        self, name: str, settings: LoadBalancerArgs
    ) -> tuple[aws.s3.Bucket, aws.s3.BucketPolicy]:
        """Create the log bucket; of AWS's kinds of encryption, log delivery takes SSE-S3 only."""
        child = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        account = aws.get_caller_identity_output(opts=invoke).account_id
        partition = aws.get_partition_output(opts=invoke).partition
        # Bucket names are shared by all accounts of the world.
        prefix = physical_name(
            name, "logs", limit=63 - len("-123456789012"), of=("aws:s3/bucket:Bucket", "bucket")
        )
        bucket_name = pulumi.Output.concat(prefix, "-", account)
        bucket = aws.s3.Bucket(
            f"{name}-logs",
            bucket=bucket_name,
            force_destroy=settings["log_bucket_force_destroy"],
            tags={"Name": prefix, **settings.get("tags", {})},
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-logs",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=child,
        )
        block = aws.s3.BucketPublicAccessBlock(
            f"{name}-logs",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-logs",
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-logs",
            bucket=bucket.id,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": settings["log_retention_days"]},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                }
            ],
            opts=child,
        )
        policy = aws.s3.BucketPolicy(
            f"{name}-logs",
            bucket=bucket.id,
            policy=pulumi.Output.all(bucket_name, account, partition).apply(
                lambda known: _log_policy(*known)
            ),
            # S3 refuses two changes of one bucket's access at the same time.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )
        return bucket, policy

    def _target_group(
        self, name: str, args: LoadBalancerArgs, settings: LoadBalancerArgs
    ) -> aws.lb.TargetGroup:
        protocol, target_type = "HTTP", "instance"
        # What cannot be changed in place is in the name, so that a new target group can stand
        # beside the old one until the listener has moved over.
        digest = short_digest(protocol, settings["target_port"], target_type)
        group_name = physical_name(name, digest, limit=32, of=(TARGET_GROUP, "name"))
        return aws.lb.TargetGroup(
            f"{name}-targets",
            name=group_name,
            vpc_id=args["vpc_id"],
            port=settings["target_port"],
            protocol=protocol,
            target_type=target_type,
            deregistration_delay=settings["deregistration_delay_seconds"],
            slow_start=settings["slow_start_seconds"],
            load_balancing_algorithm_type=settings["algorithm"].value,
            load_balancing_anomaly_mitigation="on" if settings["anomaly_mitigation"] else "off",
            health_check={
                "enabled": True,
                "protocol": protocol,
                "port": "traffic-port",
                "path": settings["health_check_path"],
                "matcher": "200",
                "interval": settings["health_check_interval_seconds"],
                "timeout": settings["health_check_timeout_seconds"],
                "healthy_threshold": settings["healthy_threshold"],
                "unhealthy_threshold": settings["unhealthy_threshold"],
            },
            # A zone without a healthy target leaves DNS; when no target is healthy, all get
            # requests, since serving badly beats serving nobody. Both are AWS's defaults, stated
            # because the outcome under overload hangs on them.
            target_group_health={
                "dns_failover": {
                    "minimum_healthy_targets_count": "1",
                    "minimum_healthy_targets_percentage": "off",
                },
                "unhealthy_state_routing": {
                    "minimum_healthy_targets_count": 1,
                    "minimum_healthy_targets_percentage": "off",
                },
            },
            tags={"Name": group_name, **settings.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _listeners(
        self,
        name: str,
        args: LoadBalancerArgs,
        settings: LoadBalancerArgs,
        load_balancer: aws.lb.LoadBalancer,
        target_group: aws.lb.TargetGroup,
    ) -> aws.lb.Listener:
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": physical_name(name), **settings.get("tags", {})}
        forward: aws.lb.ListenerDefaultActionArgsDict = {
            "type": "forward",
            "target_group_arn": target_group.arn,
        }
        redirect: aws.lb.ListenerDefaultActionArgsDict = {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"},
        }
        http = aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=load_balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[forward if settings["plain_http"] else redirect],
            tags=tags,
            opts=child,
        )
        if settings["plain_http"]:
            return http
        domain = settings.get("domain")
        if domain:
            certificate_arn = self._certificate(name, args, settings, domain)
            self._alias(name, args, domain, load_balancer)
        else:
            certificate_arn = pulumi.Output.from_input(args["certificate_arn"])
        self.certificate_arn = certificate_arn
        return aws.lb.Listener(
            f"{name}-https",
            load_balancer_arn=load_balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=_SSL_POLICY,
            certificate_arn=certificate_arn,
            default_actions=[forward],
            tags=tags,
            opts=child,
        )

    def _waiting_rule(
        self,
        name: str,
        settings: LoadBalancerArgs,
        listener: aws.lb.Listener,
        target_group: aws.lb.TargetGroup,
    ) -> pulumi.Output[str]:
        paths = settings.get("low_priority_paths")
        if not paths:
            return pulumi.Output.from_input("")
        return aws.lb.ListenerRule(
            f"{name}-low-priority",
            listener_arn=listener.arn,
            priority=100,
            conditions=[{"path_pattern": {"values": paths}}],
            actions=[{"type": "forward", "target_group_arn": target_group.arn}],
            tags={"Name": physical_name(name, "low-priority"), **settings.get("tags", {})},
            # A runbook switches the action; a deployment in the middle of a surge must not.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["actions"]),
        ).arn

    def _certificate(
        self, name: str, args: LoadBalancerArgs, settings: LoadBalancerArgs, domain: str
    ) -> pulumi.Output[str]:
        """Create a certificate and wait until it is valid; return its ARN from then on."""
        child = pulumi.ResourceOptions(parent=self)
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=domain,
            validation_method="DNS",
            tags={"Name": physical_name(name), **settings.get("tags", {})},
            opts=child,
        )
        option = certificate.domain_validation_options.apply(lambda options: options[0])
        record = aws.route53.Record(
            f"{name}-validation",
            zone_id=args["hosted_zone_id"],
            name=option.apply(lambda known: str(known.resource_record_name)),
            type=option.apply(lambda known: str(known.resource_record_type)),
            records=[option.apply(lambda known: str(known.resource_record_value))],
            ttl=60,
            # A certificate that replaces another for the same domain asks for the same record.
            allow_overwrite=True,
            opts=child,
        )
        validation = aws.acm.CertificateValidation(
            f"{name}-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=child,
        )
        return validation.certificate_arn

    def _alias(
        self, name: str, args: LoadBalancerArgs, domain: str, load_balancer: aws.lb.LoadBalancer
    ) -> None:
        aws.route53.Record(
            f"{name}-alias",
            zone_id=args["hosted_zone_id"],
            name=domain,
            type="A",
            aliases=[
                {
                    "name": load_balancer.dns_name,
                    "zone_id": load_balancer.zone_id,
                    "evaluate_target_health": True,
                }
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )


_OUTPUTS = tuple(LoadBalancer.__annotations__)


def _log_policy(bucket_name: str, account: str, partition: str) -> str:
    """Let log delivery write below this account's prefixes, and nobody come without TLS."""
    bucket = f"arn:{partition}:s3:::{bucket_name}"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "LogDelivery",
                    "Effect": "Allow",
                    "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Resource": [
                        f"{bucket}/{prefix}/AWSLogs/{account}/*" for prefix in _LOGS.values()
                    ],
                },
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket, f"{bucket}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        }
    )
