"""Rules on buckets, log groups and keys."""

from collections.abc import Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Setting,
    Stack,
    StackRule,
    When,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_true, number, read, show

_BLOCKS: Final = (
    "blockPublicAcls",
    "blockPublicPolicy",
    "ignorePublicAcls",
    "restrictPublicBuckets",
)
_DEFAULT_ENCRYPTION: Final = "applyServerSideEncryptionByDefault"
_LOGS: Final = ("accessLogs", "connectionLogs", "healthCheckLogs")
_BUCKET_KEYS: Final = ("id", "bucket", "arn")


def _about(stack: Stack, kinds: frozenset[str]) -> tuple[dict[str, list[Resource]], list[Resource]]:
    """Return the resources of a type by their bucket, and those whose bucket cannot be told."""
    by_bucket: dict[str, list[Resource]] = {}
    loose = []
    for resource in stack.of(kinds):
        bucket = stack.target(resource, "bucket", types.BUCKET, _BUCKET_KEYS)
        if bucket is not None:
            by_bucket.setdefault(bucket.urn, []).append(resource)
        elif resource.read("bucket") is UNKNOWN:
            loose.append(resource)
    return by_bucket, loose


def _check_blocks_public(stack: Stack, report: Report) -> None:
    blocks, loose = _about(stack, types.BUCKET_PUBLIC_ACCESS)
    for bucket in stack.of(types.BUCKET):
        found = blocks.get(bucket.urn, [])
        for block in found:
            for path in _BLOCKS:
                value = block.read(path)
                if value is UNKNOWN:
                    report.wait_for(block, path)
                elif not is_true(value):
                    report.refuse(block, path, "be true", show(value))
        if not found:
            for block in loose:
                report.wait_for(block, "bucket")
        if not found and not loose:
            must = "be named by a BucketPublicAccessBlock"
            report.advise(bucket, "bucket", must, "none, so that the account's own decides")


def _algorithms(bucket: Resource, settings: list[Resource]) -> list[tuple[Resource, str, Any]]:
    """Return where a bucket's encryption is stated, and each algorithm."""
    inline = f"serverSideEncryptionConfiguration.rule.{_DEFAULT_ENCRYPTION}.sseAlgorithm"
    found = [] if bucket.read(inline) is ABSENT else [(bucket, inline, bucket.read(inline))]
    # BucketV2 of pulumi-aws 6 has lists where the bucket of 7 has blocks.
    plural = (
        f"serverSideEncryptionConfigurations[*].rules[*].{_DEFAULT_ENCRYPTION}s[*].sseAlgorithm"
    )
    found += [(bucket, at, value) for at, value in bucket.each(plural) if value is not ABSENT]
    for resource in settings:
        for at, value in resource.each(f"rules[*].{_DEFAULT_ENCRYPTION}.sseAlgorithm"):
            if value is not ABSENT:
                found.append((resource, at, value))
    return found


def _check_encrypted(stack: Stack, report: Report) -> None:
    settings, loose = _about(stack, types.BUCKET_ENCRYPTION)
    for bucket in stack.of(types.BUCKET):
        if _algorithms(bucket, settings.get(bucket.urn, [])):
            continue
        for resource in loose:
            report.wait_for(resource, "bucket")
        if not loose:
            report.refuse(
                bucket,
                "bucket",
                "be named by a BucketServerSideEncryptionConfiguration",
                "none",
            )


def _log_buckets(stack: Stack) -> list[tuple[Resource, Resource]]:
    """Return each bucket that a load balancer writes logs to, with the load balancer."""
    found: dict[str, tuple[Resource, Resource]] = {}
    for balancer in stack.of(types.LOAD_BALANCER):
        for log in _LOGS:
            bucket = stack.target(balancer, f"{log}.bucket", types.BUCKET, _BUCKET_KEYS)
            if bucket is not None:
                found.setdefault(bucket.urn, (bucket, balancer))
    return list(found.values())


def _check_takes_logs(stack: Stack, report: Report) -> None:
    settings, _ = _about(stack, types.BUCKET_ENCRYPTION)
    for bucket, balancer in _log_buckets(stack):
        for resource, at, algorithm in _algorithms(bucket, settings.get(bucket.urn, [])):
            if algorithm is UNKNOWN:
                report.wait_for(resource, at)
            elif algorithm != "AES256":
                must = f"be `AES256`, as {balancer.label} writes its logs there"
                report.refuse(resource, at, must, show(algorithm))


def _check_expires(stack: Stack, report: Report) -> None:
    settings, loose = _about(stack, types.BUCKET_LIFECYCLE)
    for bucket, balancer in _log_buckets(stack):
        rules = bucket.each("lifecycleRules[*]")
        for resource in settings.get(bucket.urn, []):
            rules += resource.each("rules[*]")
        enabled = [
            rule
            for _, rule in rules
            if rule is UNKNOWN
            or read(rule, "status") in ("Enabled", UNKNOWN)
            or is_true(read(rule, "enabled"))
        ]
        if any(rule is not UNKNOWN and _ends(rule) for rule in enabled):
            continue
        if UNKNOWN in enabled:
            report.wait_for(bucket, "lifecycleRules")
            continue
        for resource in loose:
            report.wait_for(resource, "bucket")
        if not loose:
            must = f"have a lifecycle rule that ends, as {balancer.label} writes its logs there"
            report.refuse(bucket, "lifecycleRules", must, f"{len(enabled)}" if enabled else "none")


def _ends(rule: Any) -> bool:
    several = read(rule, "expirations")
    ends = [read(rule, "expiration"), *(several if isinstance(several, list) else ())]
    return any(
        isinstance(end, Mapping) and read(end, key) not in (ABSENT, 0, "")
        for end in ends
        for key in ("days", "date")
    )


def _check_retention(group: Resource, report: Report) -> None:
    path, least = "retentionInDays", number(group.settings["minimumDays"])
    value = group.read(path)
    days = number(value) or 0
    if value is UNKNOWN:
        report.wait_for(group, path)
    elif days == 0:
        got = "nothing" if value is ABSENT else show(value)
        report.refuse(group, path, "be set", f"{got}, which means for ever")
    elif least is not None and days < least:
        report.refuse(group, path, f"be at least {show(least)} (minimumDays)", show(value))


_S3: Final = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"

RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="s3-blocks-public-access",
        description="Buckets block public access, by list and by policy: one careless statement "
        "must not publish every user's requests.",
        severity=Severity.HIGH,
        control="S3.8",
        sources=("CKV2_AWS_6", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
        frameworks=("CIS 5.0.0 2.1.4", "Well-Architected SEC03-BP07"),
        types=types.BUCKET | types.BUCKET_PUBLIC_ACCESS,
        check=_check_blocks_public,
        fix="Add one to each bucket:\n"
        'aws.s3.BucketPublicAccessBlock("logs", bucket=bucket.id, block_public_acls=True, '
        "block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True)",
    ),
    StackRule(
        name="s3-states-encryption",
        description="Buckets state how they encrypt. S3 encrypts all since 2023; the statement "
        "says that it is meant, and with which key.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("CKV_AWS_19",),
        frameworks=("Well-Architected SEC08-BP02",),
        url=f"{_S3}/bucket-encryption.html",
        types=types.BUCKET | types.BUCKET_ENCRYPTION,
        check=_check_encrypted,
        fix="Add one to each bucket:\n"
        'aws.s3.BucketServerSideEncryptionConfiguration("logs", bucket=bucket.id, rules='
        '[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}])',
    ),
    StackRule(
        name="s3-log-bucket-takes-logs",
        description="A bucket for the load balancer's logs is encrypted by S3's own keys: log "
        "delivery cannot write to one with a KMS key, and the logs are missing when they are "
        "needed.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html",
        types=types.BUCKET | types.BUCKET_ENCRYPTION | types.LOAD_BALANCER,
        check=_check_takes_logs,
        fix='Set "sse_algorithm": "AES256" in the aws.s3.BucketServerSideEncryptionConfiguration.',
    ),
    StackRule(
        name="s3-log-bucket-expires",
        description="A bucket for the load balancer's logs deletes them after a time: they grow "
        "with every request, and hold addresses of people.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        control="S3.13",
        sources=("CKV2_AWS_61",),
        frameworks=("Well-Architected SEC07-BP04",),
        types=types.BUCKET | types.BUCKET_LIFECYCLE | types.LOAD_BALANCER,
        check=_check_expires,
        fix="Set `loadBalancer.logRetentionDays`. In a program:\n"
        'aws.s3.BucketLifecycleConfiguration("logs", bucket=bucket.id, rules=[{"id": "expire", '
        '"status": "Enabled", "expiration": {"days": 90}}])',
    ),
    ResourceRule(
        name="log-group-retention",
        description="Log groups say how long they keep what they hold: for ever is what nobody "
        "meant, and every month costs more.",
        severity=Severity.MEDIUM,
        control="CloudWatch.16",
        sources=("CT.CLOUDWATCH.PR.2", "G cw_loggroup_retention_period_check"),
        frameworks=("Well-Architected SEC07-BP04",),
        enforcement=EnforcementLevel.ADVISORY,
        settings=(
            Setting(
                name="minimumDays",
                description="Fewest days that logs are kept (days, 1 to 3653); Security Hub asks "
                "for 365.",
                default=7,
                low=1,
                high=3653,
            ),
        ),
        types=types.LOG_GROUP,
        check=_check_retention,
        fix="Set retention_in_days=90 on the aws.cloudwatch.LogGroup.",
    ),
    PropertyRule(
        name="log-group-customer-key",
        description="Log groups are encrypted with a key of your own, so that reading logs takes "
        "two permissions, and shows in the key's trail.",
        severity=Severity.LOW,
        sources=("CKV_AWS_158", "AWS-0017", "CT.CLOUDWATCH.PR.3"),
        frameworks=("Well-Architected SEC08-BP01",),
        url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
        enforcement=EnforcementLevel.ADVISORY,
        types=types.LOG_GROUP,
        needs=(
            Need(
                "kmsKeyId",
                "name a key of your own",
                lambda key: key not in (ABSENT, ""),
                given=True,
            ),
        ),
        fix="Set kms_key_id=key.arn on the aws.cloudwatch.LogGroup; the key's policy must let "
        "logs.<region>.amazonaws.com use it.",
    ),
    PropertyRule(
        name="kms-key-rotates",
        description="Keys change their material every year by themselves: what one of them leaks "
        "then ends with the year.",
        severity=Severity.MEDIUM,
        control="KMS.4",
        sources=("CKV_AWS_7", "PCP aws-kms-key-enable-key-rotation"),
        frameworks=("CIS 5.0.0 3.6", "Well-Architected SEC08-BP01"),
        types=types.KMS_KEY,
        when=(
            # Only symmetric keys whose material KMS makes can be rotated.
            When("customerMasterKeySpec", lambda spec: spec in (ABSENT, "", "SYMMETRIC_DEFAULT")),
            When("customKeyStoreId", lambda store: store in (ABSENT, ""), unless_given=True),
        ),
        needs=(Need("enableKeyRotation", "be true", is_true),),
        fix="Set enable_key_rotation=True on the aws.kms.Key.",
    ),
)
