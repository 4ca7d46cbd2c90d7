import pytest

from tests.policies.analysis import (
    BUCKET,
    ENCRYPTION,
    KEY,
    LIFECYCLE,
    LOAD_BALANCER,
    LOG_GROUP,
    PASSED,
    PUBLIC_ACCESS,
    REMOVED,
    UNKNOWN,
    Thing,
    advised,
    changed,
    check,
    check_stack,
    refused,
    unknown,
    waits,
)

BLOCKED = {
    "bucket": "logs",
    "blockPublicAcls": True,
    "blockPublicPolicy": True,
    "ignorePublicAcls": True,
    "restrictPublicBuckets": True,
}
ALGORITHM = "rules[0].applyServerSideEncryptionByDefault.sseAlgorithm"
SSE = {
    "bucket": "logs",
    "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
}
EXPIRY = {
    "bucket": "logs",
    "rules": [{"id": "expire", "status": "Enabled", "expiration": {"days": 90}}],
}
LOGS = Thing(BUCKET, "web", {"bucket": "logs"})
BALANCER = Thing(LOAD_BALANCER, "front", {"accessLogs": {"bucket": "logs", "enabled": True}})
STACK = [
    LOGS,
    BALANCER,
    Thing(PUBLIC_ACCESS, "block", BLOCKED),
    Thing(ENCRYPTION, "sse", SSE),
    Thing(LIFECYCLE, "expiry", EXPIRY),
]
PUBLIC, ENCRYPTED = "s3-blocks-public-access", "s3-states-encryption"
TAKES, EXPIRES = "s3-log-bucket-takes-logs", "s3-log-bucket-expires"


@pytest.mark.parametrize("rule", [PUBLIC, ENCRYPTED, TAKES, EXPIRES])
def test_a_safe_bucket_passes(rule):
    assert check_stack(rule, STACK) == PASSED


@pytest.mark.parametrize("rule", [PUBLIC, ENCRYPTED, TAKES, EXPIRES])
def test_what_is_about_a_bucket_is_found_by_what_it_is_made_of(rule):
    stack = [Thing(BUCKET, "web", {"id": UNKNOWN, "bucket": UNKNOWN}, {"bucket": ["else"]})]
    stack += [
        Thing(at.type, at.name, at.properties | {"bucket": UNKNOWN}, {"bucket": ["web"]})
        for at in STACK[2:]
    ]
    stack.append(
        Thing(LOAD_BALANCER, "front", {"accessLogs": {"bucket": UNKNOWN}}, {"accessLogs": ["web"]})
    )

    assert check_stack(rule, stack) == PASSED


@pytest.mark.parametrize("path", list(BLOCKED)[1:])
@pytest.mark.parametrize(("value", "got"), [(False, "false"), (REMOVED, "nothing")])
def test_a_block_with_a_hole_is_refused(path, value, got):
    block = Thing(PUBLIC_ACCESS, "block", changed(BLOCKED, path, value))

    assert check_stack(PUBLIC, [LOGS, block]) == refused(
        f"`{path}` must be true, got {got}.", "block"
    )


def test_a_block_that_may_have_a_hole_is_waited_for():
    block = unknown(PUBLIC_ACCESS, "block", BLOCKED, "blockPublicAcls")

    assert check_stack(PUBLIC, [LOGS, block]) == waits("blockPublicAcls", "block")


def test_a_bucket_that_nothing_is_about_is_refused():
    assert check_stack(PUBLIC, [LOGS]) == advised(
        "`bucket` must be named by a BucketPublicAccessBlock, got none, so that the account's own "
        "decides."
    )
    assert check_stack(ENCRYPTED, [LOGS]) == refused(
        "`bucket` must be named by a BucketServerSideEncryptionConfiguration, got none."
    )
    assert check_stack(EXPIRES, [LOGS, BALANCER]) == refused(
        "`lifecycleRules` must have a lifecycle rule that ends, as LoadBalancer `front` writes its "
        "logs there, got none."
    )


@pytest.mark.parametrize(
    ("rule", "type_"), [(PUBLIC, PUBLIC_ACCESS), (ENCRYPTED, ENCRYPTION), (EXPIRES, LIFECYCLE)]
)
def test_what_may_be_about_a_bucket_is_waited_for(rule, type_):
    loose = unknown(type_, "loose", {}, "bucket")

    assert check_stack(rule, [LOGS, BALANCER, loose]) == waits("bucket", "loose")


def test_a_bucket_without_load_balancer_keeps_what_it_likes():
    assert check_stack(EXPIRES, [LOGS]) == PASSED
    assert check_stack(TAKES, [LOGS, Thing(ENCRYPTION, "sse", changed(SSE, ALGORITHM, "x"))]) == (
        PASSED
    )


def test_a_log_bucket_with_a_kms_key_is_refused():
    sse = Thing(ENCRYPTION, "sse", changed(SSE, ALGORITHM, "aws:kms"))

    assert check_stack(TAKES, [LOGS, BALANCER, sse]) == refused(
        f"`{ALGORITHM}` must be `AES256`, as LoadBalancer `front` writes its logs there, "
        "got `aws:kms`.",
        "sse",
    )


def test_a_log_bucket_may_state_its_key_itself():
    inline = {"rule": {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}}
    bucket = Thing(BUCKET, "web", {"bucket": "logs", "serverSideEncryptionConfiguration": inline})

    assert check_stack(ENCRYPTED, [bucket]) == PASSED
    assert len(check_stack(TAKES, [bucket, BALANCER]).refusals) == 1


def test_an_unknown_algorithm_is_waited_for():
    sse = Thing(ENCRYPTION, "sse", changed(SSE, ALGORITHM, UNKNOWN), {"rules": ["else"]})

    assert check_stack(TAKES, [LOGS, BALANCER, sse]) == waits(ALGORITHM, "sse")


@pytest.mark.parametrize(
    ("path", "value", "got"),
    [
        ("rules[0].status", "Disabled", "none"),
        ("rules[0].expiration", REMOVED, "1"),
        ("rules[0].expiration.days", 0, "1"),
    ],
)
def test_a_log_bucket_that_keeps_all_is_refused(path, value, got):
    expiry = Thing(LIFECYCLE, "expiry", changed(EXPIRY, path, value))

    assert check_stack(EXPIRES, [LOGS, BALANCER, expiry]) == refused(
        "`lifecycleRules` must have a lifecycle rule that ends, as LoadBalancer `front` writes its "
        f"logs there, got {got}."
    )


def test_a_log_bucket_may_hold_its_rules_itself():
    rules = [{"enabled": True, "expiration": {"days": 30}}]
    bucket = Thing(BUCKET, "web", {"bucket": "logs", "lifecycleRules": rules})

    assert check_stack(EXPIRES, [bucket, BALANCER]) == PASSED


def test_unknown_rules_may_end():
    expiry = unknown(LIFECYCLE, "expiry", {"bucket": "logs"}, "rules")

    assert check_stack(EXPIRES, [LOGS, BALANCER, expiry]) == waits("lifecycleRules")


SAFE_LOGS = {"retentionInDays": 30, "kmsKeyId": "arn:aws:kms:eu-central-1:1:key/1"}


@pytest.mark.parametrize(
    ("rule", "type_", "properties"),
    [
        ("log-group-retention", LOG_GROUP, SAFE_LOGS),
        ("log-group-customer-key", LOG_GROUP, SAFE_LOGS),
        ("log-group-customer-key", LOG_GROUP, {"kmsKeyId": UNKNOWN}),
        ("kms-key-rotates", KEY, {"enableKeyRotation": True}),
        ("kms-key-rotates", KEY, {"customerMasterKeySpec": "RSA_2048"}),
        ("kms-key-rotates", KEY, {"customKeyStoreId": UNKNOWN}),
    ],
    ids=range(6),
)
def test_safe_logs_and_keys_pass(rule, type_, properties):
    assert check(rule, type_, properties) == PASSED


@pytest.mark.parametrize(
    ("rule", "type_", "properties", "message"),
    [
        (
            "log-group-retention",
            LOG_GROUP,
            {},
            "`retentionInDays` must be set, got nothing, which means for ever.",
        ),
        (
            "log-group-retention",
            LOG_GROUP,
            {"retentionInDays": 0},
            "`retentionInDays` must be set, got 0, which means for ever.",
        ),
        (
            "log-group-retention",
            LOG_GROUP,
            {"retentionInDays": 5},
            "`retentionInDays` must be at least 7 (minimumDays), got 5.",
        ),
        (
            "log-group-customer-key",
            LOG_GROUP,
            {},
            "`kmsKeyId` must name a key of your own, got nothing.",
        ),
        ("kms-key-rotates", KEY, {}, "`enableKeyRotation` must be true, got nothing."),
        (
            "kms-key-rotates",
            KEY,
            {"customerMasterKeySpec": "SYMMETRIC_DEFAULT", "enableKeyRotation": False},
            "`enableKeyRotation` must be true, got false.",
        ),
    ],
    ids=range(6),
)
def test_unsafe_logs_and_keys_are_refused(rule, type_, properties, message):
    assert check(rule, type_, properties) == refused(message)


@pytest.mark.parametrize(
    ("rule", "type_", "path"),
    [
        ("log-group-retention", LOG_GROUP, "retentionInDays"),
        ("kms-key-rotates", KEY, "enableKeyRotation"),
        ("kms-key-rotates", KEY, "customerMasterKeySpec"),
    ],
)
def test_unknown_settings_of_logs_and_keys_are_not_decided(rule, type_, path):
    assert check(rule, type_, {path: UNKNOWN}) == waits(path)


def test_the_fewest_days_of_logs_can_be_set():
    verdict = check("log-group-retention", LOG_GROUP, SAFE_LOGS, settings={"minimumDays": 365})

    assert verdict == refused("`retentionInDays` must be at least 365 (minimumDays), got 30.")
