import json

import pytest

from surgeproof.components import ArgsError, Database
from surgeproof.components.alarms.rows import AlertSeverity
from surgeproof.components.database.alarms import database_alarm_rows, replica_alarm_row
from surgeproof.components.database.classes import DatabaseClass, database_class
from surgeproof.components.database.settings import settings_of
from surgeproof.settings.aws_limits import ALARM, breach
from tests.unit.recording import Recording, record

PASSWORD = "correct-horse-battery"  # noqa: S105 - a test's
GOOD = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "page_topic_arn": "arn:page",
    "ticket_topic_arn": "arn:ticket",
}


def settings(**changes):
    args = {**GOOD, **changes}
    return settings_of({key: value for key, value in args.items() if value is not None})


def build(**changes) -> Recording:
    return record(lambda: Database("web", {**GOOD, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vpc_id": None}, "vpc_id: must be given, got nothing"),
        (
            {"subnet_ids": None},
            "subnet_ids: must be at least two subnets, in different zones, got nothing",
        ),
        ({"page_topic_arn": None}, "page_topic_arn: must be given, got nothing"),
        ({"ticket_topic_arn": None}, "ticket_topic_arn: must be given, got nothing"),
        (
            {"instance_class": "m7g.large"},
            "instance_class: must be a class such as db.m7g.large, got 'm7g.large'",
        ),
        (
            {"instance_class": "db.z9.large"},
            (
                "max_connections: must be given, since the memory of instance_class (db.z9.large) "
                "is not known, got nothing"
            ),
        ),
        (
            {"engine_version": "12"},
            "engine_version: must be a version of PostgreSQL, such as 17 or 17.4, got '12'",
        ),
        (
            {"database_name": "my-app"},
            (
                "database_name: must be 1 to 63 letters, digits and underscores, the first a "
                "letter, got 'my-app'"
            ),
        ),
        (
            {"username": "a" * 17},
            (
                "username: must be 1 to 16 letters, digits and underscores, the first a letter, "
                f"got '{'a' * 17}'"
            ),
        ),
        (
            {"password": "hunter2"},
            (
                'password: must be 8 to 128 printable ASCII characters other than /, ", @ and '
                "space, got [secret]"
            ),
        ),
        (
            {"allocated_storage_gib": 19},
            "allocated_storage_gib: must be a whole number from 20 to 59578, got 19",
        ),
        (
            {"max_allocated_storage_gib": 105},
            (
                "max_allocated_storage_gib: must be at least 10 % above allocated_storage_gib "
                "(100), got 105"
            ),
        ),
        (
            {"max_connections": 5},
            "max_connections: must be a whole number from 6 to 262143, got 5",
        ),
        (
            {"replica_count": 1},
            (
                "replica_count: must be 0 unless password is given, since AWS makes no replica of "
                "a database whose password it manages, got 1"
            ),
        ),
        (
            {"replica_count": 6, "password": PASSWORD},
            "replica_count: must be a whole number from 0 to 5, got 6",
        ),
        (
            {"backup_retention_days": 0},
            "backup_retention_days: must be a whole number from 1 to 35, got 0",
        ),
        (
            {"backup_window": "01:00-01:20"},
            (
                "backup_window: must be at least 30 minutes of the form hh:mm-hh:mm (UTC), "
                "got '01:00-01:20'"
            ),
        ),
        (
            {"maintenance_window": "sun:01:30-sun:02:30"},
            (
                "maintenance_window: must not meet backup_window (01:00-02:00), "
                "got 'sun:01:30-sun:02:30'"
            ),
        ),
        (
            {"monitoring_interval_seconds": 7},
            "monitoring_interval_seconds: must be 1, 5, 10, 15, 30 or 60 seconds, got 7",
        ),
        (
            {"slow_query_milliseconds": 0},
            "slow_query_milliseconds: must be a whole number from 1 to 3600000, got 0",
        ),
        (
            {"slow_queries_per_minute": -1},
            "slow_queries_per_minute: must be a whole number from 0 to 1000000, got -1",
        ),
        (
            {"storage_latency_milliseconds": 0},
            "storage_latency_milliseconds: must be a number from 0.1 to 10000, got 0",
        ),
        (
            {"replica_lag_seconds": 0},
            "replica_lag_seconds: must be a whole number from 1 to 86400, got 0",
        ),
        ({"multi_az": "yes"}, "multi_az: must be true or false, got 'yes'"),
        ({"proxy": 1}, "proxy: must be true or false, got 1"),
        (
            {"runbook_base_url": "x" * 501},
            f"runbook_base_url: must be a text of 1 to 500 characters, got '{'x' * 57}...'",
        ),
        (
            {"instanceclass": "db.m7g.large"},
            (
                "instanceclass: must be a key that exists (nearest: instance_class), "
                "got 'instanceclass'"
            ),
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ArgsError) as told:
        settings(**changes)

    assert str(told.value) == f"Database.{message}"


@pytest.mark.parametrize(
    ("name", "known", "connections"),
    [
        ("db.m7g.large", DatabaseClass(vcpus=2, memory_gib=8), 901),
        ("db.r7g.xlarge", DatabaseClass(vcpus=4, memory_gib=32), 3604),
        ("db.r7g.4xlarge", DatabaseClass(vcpus=16, memory_gib=128), 5000),
        ("db.t4g.micro", DatabaseClass(vcpus=2, memory_gib=1), 112),
        ("db.t4g.2xlarge", DatabaseClass(vcpus=8, memory_gib=32), 3604),
        ("db.x2iedn.xlarge", DatabaseClass(vcpus=4, memory_gib=128), 5000),
    ],
)
def test_a_class_tells_its_size_and_the_connections_that_it_accepts(name, known, connections):
    assert database_class(name) == known
    assert known.max_connections == connections


@pytest.mark.parametrize("name", ["db.m7g.medium", "db.t4g.nano", "db.z9.large", "m7g.large", ""])
def test_a_class_that_is_not_known_tells_nothing(name):
    assert database_class(name) is None


def test_it_is_encrypted_kept_twice_and_protected():
    instance = build().only("Instance")

    assert instance["storageEncrypted"] is True
    assert instance["multiAz"] is True
    assert instance["deletionProtection"] is True
    assert instance["publiclyAccessible"] is False
    assert instance["manageMasterUserPassword"] is True
    assert "password" not in instance
    assert instance["backupRetentionPeriod"] == 14
    assert instance["skipFinalSnapshot"] is False
    assert instance["finalSnapshotIdentifier"] == "shop-test-web-final"
    assert instance["performanceInsightsEnabled"] is True
    assert instance["monitoringInterval"] == 60
    assert instance["monitoringRoleArn"] == "arn:aws:Role:web-database-monitoring"
    assert instance["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert (instance["storageType"], instance["maxAllocatedStorage"]) == ("gp3", 200)


def test_parameters_say_what_is_logged_and_how_many_may_connect():
    group = build(slow_query_milliseconds=250, max_connections=300).only("ParameterGroup")

    said = {each["name"]: (each["value"], each["applyMethod"]) for each in group["parameters"]}
    assert group["family"] == "postgres17"
    assert said["rds.force_ssl"] == ("1", "immediate")
    assert said["log_min_duration_statement"] == ("250", "immediate")
    assert said["auto_explain.log_min_duration"] == ("250", "immediate")
    assert said["max_connections"] == ("300", "pending-reboot")
    assert said["shared_preload_libraries"] == (
        "pg_stat_statements,auto_explain",
        "pending-reboot",
    )


def test_a_minor_version_stays_in_the_family_of_its_major_one():
    recording = build(engine_version="16.4")

    assert recording.only("ParameterGroup")["family"] == "postgres16"
    assert recording.only("Instance")["engineVersion"] == "16.4"


def rules(recording: Recording) -> set[tuple[str, str]]:
    """Return who may connect to whom, as the rules of both ends say."""
    incoming = {
        (rule["referencedSecurityGroupId"], rule["securityGroupId"])
        for rule in recording.resources["SecurityGroupIngressRule"].values()
    }
    outgoing = {
        (rule["securityGroupId"], rule["referencedSecurityGroupId"])
        for rule in recording.resources["SecurityGroupEgressRule"].values()
    }
    ports = {
        (rule["fromPort"], rule["toPort"], rule["ipProtocol"])
        for kind in ("Ingress", "Egress")
        for rule in recording.resources[f"SecurityGroup{kind}Rule"].values()
    }
    assert incoming == outgoing
    assert ports == {(5432, 5432, "tcp")}
    return {(one.removesuffix("-id"), other.removesuffix("-id")) for one, other in incoming}


def test_only_its_clients_may_connect():
    assert rules(build()) == {("web-database-clients", "web-database")}


def test_with_a_proxy_only_the_proxy_may_connect():
    recording = build(proxy=True)

    assert rules(recording) == {
        ("web-database-clients", "web-database-proxy"),
        ("web-database-proxy", "web-database"),
    }
    assert recording.outputs["host"] == "web.proxy.test"


def test_clients_reach_replicas_past_the_proxy():
    recording = build(proxy=True, replica_count=1, password=PASSWORD)

    assert ("web-database-clients", "web-database") in rules(recording)
    assert recording.outputs["reader_hosts"] == ["web-database-replica-1.rds.test"]


def test_the_proxy_shares_most_of_the_connections_and_asks_for_tls():
    recording = build(proxy=True)

    proxy = recording.only("Proxy")
    pool = recording.only("ProxyDefaultTargetGroup")["connectionPoolConfig"]
    policy = json.loads(recording.resources["RolePolicy"]["web-database-proxy"]["policy"])
    assert proxy["requireTls"] is True
    assert proxy["auths"][0]["secretArn"] == "arn:aws:secret:web"
    assert (pool["maxConnectionsPercent"], pool["connectionBorrowTimeout"]) == (80, 10)
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:aws:secret:web",
        }
    ]


def test_a_password_of_ones_own_lies_in_a_secret():
    recording = build(password=PASSWORD)

    arn = recording.outputs["secret_arn"]
    assert arn == "arn:aws:Secret:web-database-master"
    assert "manageMasterUserPassword" not in recording.only("Instance")
    # 30 days in which a secret that was deleted by mistake can be had back.
    assert recording.only("Secret")["recoveryWindowInDays"] == 30


def test_a_replica_is_like_its_source_and_has_an_alarm_on_its_lag():
    recording = build(replica_count=2, password=PASSWORD, deletion_protection=False)

    instances = recording.resources["Instance"]
    replica = instances["web-database-replica-2"]
    alarm = recording.resources["MetricAlarm"]["web-replica-lag-2-warning"]
    assert replica["replicateSourceDb"] == "shop-test-web"
    assert replica["parameterGroupName"] == instances["web"]["parameterGroupName"]
    assert alarm["dimensions"] == {"DBInstanceIdentifier": "shop-test-web-replica-2"}
    assert (alarm["metricName"], alarm["threshold"], alarm["evaluationPeriods"]) == (
        "ReplicaLag",
        60,
        10,
    )


GIB = 2**30


@pytest.mark.parametrize(
    ("role", "metric", "statistic", "condition"),
    [
        (
            "database-connections-critical",
            "DatabaseConnections",
            "Average",
            ("GreaterThanThreshold", 810, 5, "breaching"),
        ),
        (
            "database-storage-critical",
            "FreeStorageSpace",
            "Minimum",
            ("LessThanThreshold", 10 * GIB, 5, "breaching"),
        ),
        (
            "transaction-ids-warning",
            "MaximumUsedTransactionIDs",
            "Average",
            ("GreaterThanThreshold", 1e9, 1, "missing"),
        ),
        (
            "database-cpu-warning",
            "CPUUtilization",
            "Average",
            ("GreaterThanThreshold", 90, 5, "breaching"),
        ),
        (
            "database-load-warning",
            "DBLoad",
            "Average",
            ("GreaterThanThreshold", 2, 15, "missing"),
        ),
        (
            "database-memory-warning",
            "FreeableMemory",
            "Average",
            ("LessThanThreshold", 2 * GIB, 15, "breaching"),
        ),
        (
            "database-latency-read-warning",
            "ReadLatency",
            "p90",
            ("GreaterThanThreshold", 0.02, 5, "missing"),
        ),
        (
            "database-latency-write-warning",
            "WriteLatency",
            "p90",
            ("GreaterThanThreshold", 0.02, 5, "missing"),
        ),
        (
            "database-burst-balance-bytes-warning",
            "EBSByteBalance%",
            "Average",
            ("LessThanThreshold", 10, 3, "missing"),
        ),
        (
            "database-burst-balance-io-warning",
            "EBSIOBalance%",
            "Average",
            ("LessThanThreshold", 10, 3, "missing"),
        ),
    ],
)
def test_alarms_have_awss_numbers(role, metric, statistic, condition):
    inputs = build().resources["MetricAlarm"][f"web-{role}"]

    assert (inputs["namespace"], inputs["metricName"], inputs["period"]) == ("AWS/RDS", metric, 60)
    assert inputs.get("statistic", inputs.get("extendedStatistic")) == statistic
    assert inputs["dimensions"] == {"DBInstanceIdentifier": "shop-test-web"}
    assert inputs["evaluationPeriods"] == inputs["datapointsToAlarm"]
    assert (
        inputs["comparisonOperator"],
        inputs["threshold"],
        inputs["evaluationPeriods"],
        inputs["treatMissingData"],
    ) == condition


def test_slow_statements_are_counted_from_the_log():
    recording = build(slow_queries_per_minute=3)

    counted = recording.only("LogMetricFilter")
    alarm = recording.resources["MetricAlarm"]["web-slow-queries-warning"]
    assert counted["logGroupName"] == "/aws/rds/instance/shop-test-web/postgresql"
    assert counted["metricTransformation"]["namespace"] == alarm["namespace"] == "shop-test-web"
    assert counted["metricTransformation"]["name"] == alarm["metricName"] == "SlowQueries"
    assert counted["pattern"] == '"LOG:" "duration:" -"plan:"'
    assert (alarm["threshold"], alarm["statistic"], alarm["dimensions"]) == (3, "Sum", {})


def test_queries_over_the_log_are_saved():
    saved = build().resources["QueryDefinition"]

    assert {each["name"] for each in saved.values()} == {
        f"shop-test-web/database/{shown}"
        for shown in ("slow-queries", "plans", "lock-waits", "refused-connections", "errors")
    }
    assert {tuple(each["logGroupNames"]) for each in saved.values()} == {
        ("/aws/rds/instance/shop-test-web/postgresql",)
    }


def test_pages_and_tickets_go_to_their_topics():
    alarms = build().resources["MetricAlarm"]

    for name, inputs in alarms.items():
        page = name.endswith("critical")
        assert inputs["alarmActions"] == ["arn:page" if page else "arn:ticket"]
        assert inputs.get("okActions") == (["arn:page"] if page else None)
        assert " Runbook: docs/runbooks/" in inputs["alarmDescription"]


def test_each_row_states_its_reasons_and_keeps_to_aws():
    rows = [*database_alarm_rows(settings()), replica_alarm_row(1, lag_seconds=60)]

    for row in rows:
        assert row.says.endswith("."), row.role
        assert row.why.endswith("."), row.role
        assert row.threshold_reason.endswith("."), row.role
        assert row.missing_reason.endswith("."), row.role
        assert breach(ALARM, "period", row.period_seconds) is None
        assert row.role.endswith("critical") == (row.severity == AlertSeverity.PAGE)
    assert len({row.role for row in rows}) == len(rows)


def test_without_a_known_class_there_are_no_alarms_on_memory_and_load():
    recording = build(instance_class="db.z9.large", max_connections=100)

    names = set(recording.resources["MetricAlarm"])
    assert names & {"web-database-memory-warning", "web-database-load-warning"} == set()
    assert (
        recording.resources["MetricAlarm"]["web-database-connections-critical"]["threshold"] == 90
    )


def test_performance_insights_keep_a_week_unless_told_otherwise():
    kept = [
        build(**given).resources["Instance"]["web"]["performanceInsightsRetentionPeriod"]
        for given in ({}, {"performance_insights_retention_days": 31})
    ]

    assert kept == [7, 31]
