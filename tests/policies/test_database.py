import pytest

from tests.policies.analysis import (
    CLUSTER,
    CLUSTER_INSTANCE,
    CLUSTER_PARAMETERS,
    DATABASE,
    PARAMETERS,
    PASSED,
    REMOVED,
    UNKNOWN,
    Thing,
    changed,
    check,
    check_stack,
    refused,
    undecided,
    waits,
)

SAFE = {
    "engine": "postgres",
    "storageEncrypted": True,
    "kmsKeyId": "arn:aws:kms:eu-central-1:1:key/1",
    "publiclyAccessible": False,
    "multiAz": True,
    "backupRetentionPeriod": 7,
    "deletionProtection": True,
    "performanceInsightsEnabled": True,
    "performanceInsightsKmsKeyId": "arn:aws:kms:eu-central-1:1:key/1",
    "monitoringInterval": 60,
    "monitoringRoleArn": "arn:aws:iam::1:role/monitoring",
    "enabledCloudwatchLogsExports": ["postgresql"],
    "iamDatabaseAuthenticationEnabled": True,
    "caCertIdentifier": "rds-ca-rsa2048-g1",
    "manageMasterUserPassword": True,
    "username": "shop_owner",
    "copyTagsToSnapshot": True,
}
SAFE_CLUSTER = {
    "engine": "aurora-postgresql",
    "storageEncrypted": True,
    "kmsKeyId": "arn:aws:kms:eu-central-1:1:key/1",
    "backupRetentionPeriod": 14,
    "deletionProtection": True,
    "enabledCloudwatchLogsExports": ["postgresql"],
    "iamDatabaseAuthenticationEnabled": True,
    "manageMasterUserPassword": True,
    "masterUsername": "shop_owner",
    "copyTagsToSnapshot": True,
}
SAFE_MEMBER = {
    "performanceInsightsEnabled": True,
    "performanceInsightsKmsKeyId": "arn:aws:kms:eu-central-1:1:key/1",
    "monitoringInterval": 60,
    "monitoringRoleArn": "arn:aws:iam::1:role/monitoring",
}
OF_BOTH = [
    "rds-storage-encrypted",
    "rds-customer-key",
    "rds-backups",
    "rds-deletion-protection",
    "rds-logs-exported",
    "rds-iam-authentication",
    "rds-no-plaintext-password",
    "rds-custom-admin-name",
    "rds-copies-tags-to-snapshots",
]
OF_SERVING = [
    "rds-not-public",
    "rds-performance-insights",
    "rds-performance-insights-customer-key",
    "rds-enhanced-monitoring",
    "rds-minor-upgrades",
    "rds-modern-authority",
]
KEY_RULE = "name a key of your own"
CA_RULE = "be one of `rds-ca-rsa2048-g1`, `rds-ca-rsa4096-g1`, `rds-ca-ecc384-g1`"
INTERVALS = "be 1, 5, 10, 15, 30 or 60 (seconds)"


@pytest.mark.parametrize("rule", [*OF_BOTH, *OF_SERVING, "rds-multi-az"])
def test_a_safe_instance_passes(rule):
    assert check(rule, DATABASE, SAFE) == PASSED


@pytest.mark.parametrize("rule", OF_BOTH)
def test_a_safe_cluster_passes(rule):
    assert check(rule, CLUSTER, SAFE_CLUSTER) == PASSED


@pytest.mark.parametrize("rule", OF_SERVING)
def test_a_safe_member_of_a_cluster_passes(rule):
    assert check(rule, CLUSTER_INSTANCE, SAFE_MEMBER) == PASSED


BROKEN = [
    ("rds-storage-encrypted", "storageEncrypted", False, "be true", "false"),
    ("rds-storage-encrypted", "storageEncrypted", REMOVED, "be true", "nothing"),
    ("rds-customer-key", "kmsKeyId", REMOVED, KEY_RULE, "nothing"),
    ("rds-customer-key", "kmsKeyId", "", KEY_RULE, "an empty text"),
    ("rds-not-public", "publiclyAccessible", True, "not be true", "true"),
    ("rds-multi-az", "multiAz", False, "be true", "false"),
    ("rds-multi-az", "multiAz", REMOVED, "be true", "nothing"),
    ("rds-backups", "backupRetentionPeriod", 6, "be at least 7 (minimumDays)", "6"),
    ("rds-backups", "backupRetentionPeriod", 0, "be at least 7 (minimumDays)", "0"),
    ("rds-backups", "backupRetentionPeriod", REMOVED, "be at least 7 (minimumDays)", "nothing"),
    ("rds-deletion-protection", "deletionProtection", REMOVED, "be true", "nothing"),
    ("rds-performance-insights", "performanceInsightsEnabled", False, "be true", "false"),
    (
        "rds-performance-insights-customer-key",
        "performanceInsightsKmsKeyId",
        REMOVED,
        KEY_RULE,
        "nothing",
    ),
    ("rds-enhanced-monitoring", "monitoringInterval", 0, INTERVALS, "0"),
    ("rds-enhanced-monitoring", "monitoringInterval", REMOVED, INTERVALS, "nothing"),
    ("rds-enhanced-monitoring", "monitoringRoleArn", REMOVED, "name a role", "nothing"),
    (
        "rds-logs-exported",
        "enabledCloudwatchLogsExports",
        [],
        "name at least one log",
        "0 entries",
    ),
    (
        "rds-logs-exported",
        "enabledCloudwatchLogsExports",
        REMOVED,
        "name at least one log",
        "nothing",
    ),
    ("rds-iam-authentication", "iamDatabaseAuthenticationEnabled", False, "be true", "false"),
    ("rds-minor-upgrades", "autoMinorVersionUpgrade", False, "not be false", "false"),
    ("rds-modern-authority", "caCertIdentifier", "rds-ca-2019", CA_RULE, "`rds-ca-2019`"),
    ("rds-custom-admin-name", "username", "Postgres", "be a name of your own", "`Postgres`"),
    ("rds-copies-tags-to-snapshots", "copyTagsToSnapshot", False, "be true", "false"),
]


@pytest.mark.parametrize(("rule", "path", "value", "must", "got"), BROKEN)
def test_an_unsafe_instance_is_refused(rule, path, value, must, got):
    verdict = check(rule, DATABASE, changed(SAFE, path, value))

    assert verdict == refused(f"`{path}` must {must}, got {got}.")


@pytest.mark.parametrize(
    ("rule", "path", "value", "message"),
    [
        (
            "rds-storage-encrypted",
            "storageEncrypted",
            False,
            "`storageEncrypted` must be true, got false.",
        ),
        (
            "rds-custom-admin-name",
            "masterUsername",
            "admin",
            "`masterUsername` must be a name of your own, got `admin`.",
        ),
        (
            "rds-backups",
            "backupRetentionPeriod",
            1,
            "`backupRetentionPeriod` must be at least 7 (minimumDays), got 1.",
        ),
    ],
)
def test_an_unsafe_cluster_is_refused(rule, path, value, message):
    assert check(rule, CLUSTER, changed(SAFE_CLUSTER, path, value)) == refused(message)


@pytest.mark.parametrize(
    ("rule", "path"),
    sorted({(rule, path) for rule, path, value, _, _ in BROKEN if value not in (REMOVED, "")}),
)
def test_an_unknown_property_is_not_decided(rule, path):
    assert check(rule, DATABASE, changed(SAFE, path, UNKNOWN)) == waits(path)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("rds-customer-key", "kmsKeyId"),
        ("rds-performance-insights-customer-key", "performanceInsightsKmsKeyId"),
        ("rds-enhanced-monitoring", "monitoringRoleArn"),
    ],
)
def test_an_id_that_is_given_need_not_be_known(rule, path):
    assert check(rule, DATABASE, changed(SAFE, path, UNKNOWN)) == PASSED


@pytest.mark.parametrize("source", ["shop-primary", UNKNOWN])
@pytest.mark.parametrize("rule", ["rds-storage-encrypted", "rds-multi-az", "rds-backups"])
def test_a_replica_has_its_storage_and_backups_from_its_source(rule, source):
    assert check(rule, DATABASE, {"replicateSourceDb": source}) == PASSED


def test_without_insights_their_key_does_not_matter():
    rule = "rds-performance-insights-customer-key"

    assert check(rule, DATABASE, {"performanceInsightsEnabled": False}) == PASSED
    assert check(rule, DATABASE, {"performanceInsightsEnabled": UNKNOWN}) == waits(
        "performanceInsightsEnabled"
    )


def test_the_fewest_days_of_backups_can_be_set():
    verdict = check("rds-backups", DATABASE, SAFE, settings={"minimumDays": 30})

    assert verdict == refused("`backupRetentionPeriod` must be at least 30 (minimumDays), got 7.")


@pytest.mark.parametrize("value", ["hunter2", UNKNOWN])
@pytest.mark.parametrize(
    ("type_", "path"), [(DATABASE, "password"), (CLUSTER, "masterPassword")], ids=["one", "cluster"]
)
def test_a_password_is_refused_and_never_shown(type_, path, value):
    verdict = check("rds-no-plaintext-password", type_, {path: value})

    assert verdict == refused(
        f"`{path}` must be left out, as RDS makes and keeps one, got a value."
    )


STANDBY = "rds-cluster-has-standby"
AURORA = Thing(CLUSTER, "web", {"id": "shop", "engine": "aurora-mysql"})


def _member(name, **properties):
    return Thing(CLUSTER_INSTANCE, name, {"clusterIdentifier": "shop"} | properties)


def test_a_cluster_with_two_instances_has_a_standby():
    assert check_stack(STANDBY, [AURORA, _member("one"), _member("two")]) == PASSED


def test_members_are_found_by_what_their_cluster_is_made_of():
    cluster = Thing(CLUSTER, "web", {"id": UNKNOWN, "engine": "aurora-mysql"})
    members = [
        Thing(
            CLUSTER_INSTANCE,
            name,
            {"clusterIdentifier": UNKNOWN},
            {"clusterIdentifier": ["web"]},
        )
        for name in ("one", "two")
    ]

    assert check_stack(STANDBY, [cluster, *members]) == PASSED


@pytest.mark.parametrize("count", [0, 1])
def test_a_lone_instance_is_refused(count):
    members = [_member(f"member-{number}") for number in range(count)]

    assert check_stack(STANDBY, [AURORA, *members]) == refused(
        f"`engine` must have at least 2 instances in the cluster, got {count}."
    )


def test_a_member_of_an_unknown_cluster_is_waited_for():
    member = Thing(
        CLUSTER_INSTANCE, "one", {"clusterIdentifier": UNKNOWN}, {"clusterIdentifier": ["else"]}
    )

    assert check_stack(STANDBY, [AURORA, member]) == waits("clusterIdentifier", "one")


def test_an_unknown_engine_is_waited_for():
    cluster = Thing(CLUSTER, "web", {"engine": UNKNOWN}, {"engine": ["else"]})

    assert check_stack(STANDBY, [cluster]) == waits("engine")


def test_a_multi_az_cluster_has_its_standbys():
    assert check_stack(STANDBY, [Thing(CLUSTER, "web", {"engine": "mysql"})]) == PASSED


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("serverless", PASSED),
        (
            "provisioned",
            refused("`engine` must have at least 2 instances in the cluster, got 0."),
        ),
    ],
)
def test_a_cluster_of_serverless_v1_has_no_instances(mode, expected):
    cluster = Thing(CLUSTER, "web", {"engine": "aurora-postgresql", "engineMode": mode})

    assert check_stack(STANDBY, [cluster]) == expected


QUERIES = "rds-postgres-logs-queries"
TRANSIT = "rds-encrypts-in-transit"


def _database(engine="postgres", group="tuned", **properties):
    return Thing(
        DATABASE,
        "web",
        {"engine": engine, "engineVersion": "8.4", "parameterGroupName": group} | properties,
    )


def _group(*parameters):
    entries = [{"name": name, "value": value} for name, value in parameters]
    return Thing(PARAMETERS, "group", {"name": "tuned", "parameters": entries})


@pytest.mark.parametrize(
    ("name", "value"),
    [("log_min_duration_statement", "0"), ("log_min_duration_statement", "1000")]
    + [("log_statement", value) for value in ("ddl", "mod", "all")],
)
def test_queries_that_are_logged_pass(name, value):
    assert check_stack(QUERIES, [_database(), _group((name, value))]) == PASSED


@pytest.mark.parametrize(
    "parameters",
    [(), (("log_min_duration_statement", "-1"),), (("log_statement", "none"),)],
    ids=["nothing", "off", "none"],
)
def test_a_group_that_logs_no_queries_is_refused(parameters):
    assert check_stack(QUERIES, [_database(), _group(*parameters)]) == refused(
        "`parameters` must set `log_min_duration_statement` (in ms) or `log_statement`, "
        "got neither.",
        "group",
    )


@pytest.mark.parametrize("group", [None, "default.postgres14"])
def test_the_default_group_logs_no_queries(group):
    assert check_stack(QUERIES, [_database(group=group)]) == refused(
        "`parameterGroupName` must name a group that sets `log_min_duration_statement` (in ms) or "
        "`log_statement`, got AWS's own."
    )


def test_a_cluster_has_a_group_of_its_own_kind():
    cluster = Thing(
        CLUSTER, "web", {"engine": "aurora-postgresql", "dbClusterParameterGroupName": "tuned"}
    )
    group = Thing(
        CLUSTER_PARAMETERS,
        "group",
        {"name": "tuned", "parameters": [{"name": "log_statement", "value": "ddl"}]},
    )

    assert check_stack(QUERIES, [cluster, group]) == PASSED


@pytest.mark.parametrize("rule", [QUERIES, TRANSIT])
def test_groups_that_are_not_seen_are_not_decided(rule):
    elsewhere = _database(group="theirs")
    unknown = Thing(
        DATABASE,
        "web",
        {"engine": "postgres", "parameterGroupName": UNKNOWN},
        {"parameterGroupName": ["else"]},
    )

    assert check_stack(rule, [elsewhere]) == undecided(
        "`parameterGroupName` names a parameter group that this stack does not make."
    )
    assert check_stack(rule, [unknown]) == waits("parameterGroupName")


@pytest.mark.parametrize("rule", [QUERIES, TRANSIT])
@pytest.mark.parametrize(
    "parameters",
    [
        [UNKNOWN],
        [
            {"name": "log_min_duration_statement", "value": UNKNOWN},
            {"name": "rds.force_ssl", "value": UNKNOWN},
        ],
    ],
    ids=["entry", "value"],
)
def test_unknown_parameters_are_not_decided(rule, parameters):
    group = Thing(
        PARAMETERS,
        "group",
        {"name": "tuned", "parameters": parameters},
        {"parameters": ["else"]},
    )

    assert check_stack(rule, [_database(), group]) == waits("parameters", "group")


@pytest.mark.parametrize("rule", [QUERIES, TRANSIT])
def test_an_unknown_engine_s_parameters_are_not_decided(rule):
    database = Thing(DATABASE, "web", {"engine": UNKNOWN}, {"engine": ["else"]})

    assert check_stack(rule, [database]) == waits("engine")


def test_other_engines_log_queries_elsewhere():
    assert check_stack(QUERIES, [_database("mysql", None)]) == PASSED


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("postgres", "rds.force_ssl"),
        ("sqlserver-se", "rds.force_ssl"),
        ("mysql", "require_secure_transport"),
        ("mariadb", "require_secure_transport"),
    ],
)
def test_transit_is_encrypted_by_the_engine_s_parameter(engine, name):
    for on in ("1", 1, "ON", "true"):
        assert check_stack(TRANSIT, [_database(engine), _group((name, on))]) == PASSED
    assert check_stack(TRANSIT, [_database(engine), _group((name, "0"))]) == refused(
        f"`parameters` must set `{name}` to 1, got `0`.", "group"
    )
    assert check_stack(TRANSIT, [_database(engine), _group()]) == refused(
        f"`parameters` must set `{name}` to 1, got nothing.", "group"
    )


@pytest.mark.parametrize(
    ("engine", "before", "since"),
    [
        ("postgres", "14.20", "15"),
        ("aurora-postgresql", "16.4", "17.1"),
        ("mysql", "8.4.3", "9.7.0"),
        ("mariadb", "11.4.2", "11.8.1"),
    ],
)
def test_newer_versions_encrypt_by_default(engine, before, since):
    old = _database(engine, None, engineVersion=before)
    new = _database(engine, None, engineVersion=since)

    assert len(check_stack(TRANSIT, [old]).refusals) == 1
    assert check_stack(TRANSIT, [new]) == PASSED


def test_the_default_group_of_an_old_version_is_refused():
    assert check_stack(TRANSIT, [_database(group=None)]) == refused(
        "`parameterGroupName` must name a group that sets `rds.force_ssl` to 1, got AWS's own."
    )


def test_an_unknown_version_is_waited_for():
    database = Thing(
        DATABASE,
        "web",
        {"engine": "postgres", "engineVersion": UNKNOWN},
        {"engineVersion": ["else"]},
    )

    assert check_stack(TRANSIT, [database]) == waits("engineVersion")


def test_an_engine_with_option_groups_is_not_decided():
    assert check_stack(TRANSIT, [_database("oracle-ee", None)]) == undecided(
        "its engine sets encryption by an option group."
    )
