import re
from pathlib import Path

import pulumi
import pytest

from surgeproof.components.alarms import objectives
from surgeproof.components.configuration import loading, reference
from surgeproof.components.configuration.alarm_reference import alarms_reference
from surgeproof.components.configuration.component_reference import components_reference
from surgeproof.components.configuration.groups import KEYS
from surgeproof.components.configuration.wiring import (
    Configuration,
    ConfigurationError,
    find_problems,
)
from surgeproof.components.service.load_balancer_settings import LoadBalancerArgs
from surgeproof.components.service.scaling_policies import ScalingPoliciesArgs
from surgeproof.figures import Figure
from surgeproof.settings.checks import docs_of, fields_of, types_in

ROOT = Path(__file__).parents[3]
EMAIL = {"severity": "page", "protocol": "email", "endpoint": "on-call@example.com"}
URL = {"severity": "page", "protocol": "https", "endpoint": "https://example.com/key"}
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
STEP = {"abovePercent": 80, "addPercent": 30}
METRIC = {"namespace": "Shop", "metricName": "Busy", "capacityPerInstance": 50}
BURN = {"rate": 10, "longWindowMinutes": 60, "shortWindowMinutes": 5, "severity": "page"}
ESCALATION = {"protocol": "email", "endpoint": "srt@example.com"}
DROP = object()


def minimal() -> dict:
    return {
        "fleet": {"maxSize": 4},
        "loadBalancer": {"certificateArn": CERTIFICATE},
        "alerts": {"subscriptions": [EMAIL]},
    }


def changed(changes: dict) -> dict:
    """Return the smallest configuration with values set at paths such as `fleet.maxSize`."""
    data = minimal()
    for place, value in changes.items():
        *groups, last = place.split(".")
        target = data
        for name in groups:
            target = target.setdefault(name, {})
        if value is DROP:
            del target[last]
        else:
            target[last] = value
    return data


def lines(data: dict) -> list[str]:
    return [problem.line(secret=False) for problem in find_problems(data)]


def test_the_smallest_configuration_is_enough():
    assert find_problems(minimal()) == []


def test_the_readme_shows_the_errors_as_they_are():
    wrong = changed({"fleet.minSize": 6, "scaling": {"cpuTargetPercnt": 50}})
    overrun = changed({"database.enabled": True, "service.connectionsPerInstance": [150, 250]})

    shown = re.findall(r"^[\w.]+: must .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted([*lines(wrong), *lines(overrun)])


WHOLE_4 = "fleet.maxSize: must be a whole number of at least 1"
CAPACITY_RULE = (
    "must be a number from 0.01 to 1000000, or a list of two such numbers, the lower one first"
)
BOOT_RULE = "must be a number from 1 to 3000, or a list of two such numbers, the lower one first"
ONE_WAY = (
    "loadBalancer.certificateArn: must be given, or loadBalancer.domain with "
    "loadBalancer.hostedZoneId, or loadBalancer.plainHttp as true, got nothing"
)
TEXT = "must be a text (put numbers and true or false into quotes)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # Types and ranges.
        ({"fleet.maxSize": DROP}, f"{WHOLE_4}, got nothing"),
        ({"fleet.maxSize": None}, f"{WHOLE_4}, got nothing"),
        ({"fleet.maxSize": "4"}, f"{WHOLE_4}, got '4'"),
        ({"fleet.maxSize": 4.5}, f"{WHOLE_4}, got 4.5"),
        ({"fleet.maxSize": True}, f"{WHOLE_4}, got true"),
        ({"fleet.maxSize": [4]}, f"{WHOLE_4}, got a list of 1"),
        ({"fleet.maxSize": 0}, f"{WHOLE_4}, got 0"),
        ({"fleet": 5}, "fleet: must be a mapping of keys, got 5"),
        ({"fleet": []}, "fleet: must be a mapping of keys, got a list of 0"),
        ({"tags": "x"}, "tags: must be a mapping of at most 40 names to texts, got 'x'"),
        ({"tags": {"team": 7}}, f"tags.team: {TEXT}, got 7"),
        (
            {"tags": {"aws:team": "x"}},
            (
                "tags: must have names of 1 to 128 characters, not beginning with aws: "
                "(it has 'aws:team'), got a mapping of aws:team"
            ),
        ),
        (
            {"tags": {"team": "x" * 257}},
            (
                "tags: must have values of at most 256 characters (that of 'team' has 257), "
                "got a mapping of team"
            ),
        ),
        # Unknown keys.
        ({"flet": {}}, "flet: must be a key that exists (nearest: fleet), got 'flet'"),
        (
            {"fleet.maxsize": 4},
            "fleet.maxsize: must be a key that exists (nearest: maxSize), got 'maxsize'",
        ),
        (
            {"slo.zzz": 1},
            (
                "slo.zzz: must be a key that exists (availabilityPercent, badRequestsPercent, "
                "burnRates, latencyPercentile, latencySeconds, surge, windowDays), got 'zzz'"
            ),
        ),
        (
            {"alerts.subscriptions": [{**EMAIL, "endpiont": "x"}]},
            (
                "alerts.subscriptions[0].endpiont: must be a key that exists "
                "(nearest: endpoint), got 'endpiont'"
            ),
        ),
        # What the replay reads.
        (
            {"service.serviceSeconds": 0},
            (
                "service.serviceSeconds: must be a number from 0.0001 to 4000, or a list of two "
                "such numbers, the lower one first, got 0"
            ),
        ),
        (
            {"service.concurrency": [20, 10]},
            (
                "service.concurrency: must be a number from 0.01 to 1000000, or a list of two such "
                "numbers, the lower one first, got a list of 2"
            ),
        ),
        (
            {"service.coldSeconds": 30},
            (
                "service.coldRequestsPerSecond: must be given together with service.coldSeconds, "
                "got nothing"
            ),
        ),
        (
            {"service.coldRequestsPerSecond": 30},
            (
                "service.coldSeconds: must be given together with service.coldRequestsPerSecond, "
                "got nothing"
            ),
        ),
        (
            {"service.coldConcurrency": 30},
            (
                "service.coldRequestsPerSecond: must be given together with "
                "service.coldConcurrency, got nothing"
            ),
        ),
        (
            {
                "service.coldRequestsPerSecond": [90, 130],
                "service.coldSeconds": 30,
                "service.requestsPerSecond": 100,
            },
            (
                "service.coldRequestsPerSecond: must be at most service.requestsPerSecond (up to "
                "120), got a list of 2"
            ),
        ),
        (
            {"service.databaseSeconds": 0.2, "service.serviceSeconds": 0.1},
            (
                "service.databaseSeconds: must be at most service.serviceSeconds (up to 0.12), "
                "got 0.2"
            ),
        ),
        (
            {"service.processorSeconds": 0.2, "service.serviceSeconds": 0.1},
            (
                "service.processorSeconds: must be at most service.serviceSeconds (up to 0.12), "
                "got 0.2"
            ),
        ),
        (
            {"service.serviceSeconds": 2, "service.longestRequestSeconds": 1},
            (
                "service.serviceSeconds: must be at most service.longestRequestSeconds (up to "
                "1.2), got 2"
            ),
        ),
        (
            {"slo.latencySeconds": 0},
            "slo.latencySeconds: must be a number from 0.001 to 4000, got 0",
        ),
        (
            {"slo.badRequestsPercent": 101},
            "slo.badRequestsPercent: must be a number from 0 to 100, got 101",
        ),
        (
            {"slo.surge": {"affectedUsersPercent": -1}},
            "slo.surge.affectedUsersPercent: must be a number from 0 to 100, got -1",
        ),
        (
            {"slo.surge": {"badMinutes": 1.5}},
            "slo.surge.badMinutes: must be a whole number from 0 to 10000, got 1.5",
        ),
        (
            {"surges": ["x2-in-300s"]},
            "surges: must be a mapping of at most 20 surges, got a list of 1",
        ),
        (
            {"surges": {"double": {}}},
            "surges.double.trace: must be the name or the path of a trace, got nothing",
        ),
        (
            {"surges": {"double": {"trace": "x2 in 300 s"}}},
            "surges.double.trace: must be the name or the path of a trace, got 'x2 in 300 s'",
        ),
        (
            {"surges": {"double": {"trace": "x2-in-300s", "scale": 0}}},
            "surges.double.scale: must be a number from 0.0001 to 10000, got 0",
        ),
        (
            {"surges": {"double": {"trace": "x2-in-300s", "factor": 2}}},
            (
                "surges.double.factor: must be a key that exists (group, scale, share, trace), got "
                "'factor'"
            ),
        ),
        # Network.
        (
            {"network.cidrBlock": "10.0.0.1/16"},
            (
                "network.cidrBlock: must be an IPv4 range from /16 to /28 without host bits, "
                "got '10.0.0.1/16'"
            ),
        ),
        (
            {"network.cidrBlock": "10.0.0.0/26"},
            "network.cidrBlock: must be /25 or larger, to hold six subnets, got '10.0.0.0/26'",
        ),
        (
            {"network.zoneCount": 4},
            "network.zoneCount: must be a whole number from 2 to 3, got 4",
        ),
        (
            {"network.natGateways": "two"},
            "network.natGateways: must be one of one, per_zone, got 'two'",
        ),
        (
            {
                "network.vpcId": "vpc-0123456789abcdef0",
                "network.publicSubnetIds": ["subnet-01234567", "subnet-12345678"],
            },
            (
                "network.privateSubnetIds: must be given together with network.vpcId and "
                "network.publicSubnetIds, got nothing"
            ),
        ),
        (
            {
                "network.vpcId": "vpc-0123456789abcdef0",
                "network.publicSubnetIds": ["subnet-01234567", "subnet-12345678"],
                "network.privateSubnetIds": ["subnet-23456789", "subnet-3456789a"],
                "network.zoneCount": 2,
            },
            (
                "network.zoneCount: must be left out when a network is adopted (network.vpcId), "
                "got 2"
            ),
        ),
        # Load balancer.
        ({"loadBalancer": {}}, ONE_WAY),
        (
            {"loadBalancer.certificateArn": "arn:aws:acm:eu-central-1:1:certificate/1"},
            (
                "loadBalancer.certificateArn: must be the ARN of an ACM certificate, "
                "got 'arn:aws:acm:eu-central-1:1:certificate/1'"
            ),
        ),
        (
            {"loadBalancer.plainHttp": True},
            (
                "loadBalancer.plainHttp: must be left out when loadBalancer.certificateArn is "
                "given, got true"
            ),
        ),
        (
            {"loadBalancer": {"domain": "shop.example.com"}},
            (
                "loadBalancer.hostedZoneId: must be given together with loadBalancer.domain, "
                "got nothing"
            ),
        ),
        (
            {"loadBalancer": {"domain": "*.example.com", "hostedZoneId": "Z1"}},
            (
                "loadBalancer.domain: must be one host name, without a wildcard, "
                "got '*.example.com'"
            ),
        ),
        (
            {"loadBalancer.allowedCidrBlocks": ["10.0.0.0/8", "everyone"]},
            (
                "loadBalancer.allowedCidrBlocks[1]: must be an IPv4 range without host bits, such "
                "as 10.0.0.0/16, got 'everyone'"
            ),
        ),
        (
            {"loadBalancer.idleTimeoutSeconds": 4001},
            "loadBalancer.idleTimeoutSeconds: must be from 1 to 4000 seconds, got 4001",
        ),
        (
            {"loadBalancer.idleTimeoutSeconds": "60"},
            (
                "loadBalancer.idleTimeoutSeconds: must be a whole number and be from 1 to 4000 "
                "seconds, got '60'"
            ),
        ),
        (
            {"loadBalancer.healthCheckTimeoutSeconds": 11},
            (
                "loadBalancer.healthCheckTimeoutSeconds: must be at most "
                "loadBalancer.healthCheckIntervalSeconds (10), got 11"
            ),
        ),
        (
            {
                "loadBalancer.slowStartSeconds": 30,
                "loadBalancer.algorithm": "least_outstanding_requests",
            },
            (
                "loadBalancer.slowStartSeconds: must be 0 unless loadBalancer.algorithm (now "
                "least_outstanding_requests) is round_robin, got 30"
            ),
        ),
        (
            {"loadBalancer.anomalyMitigation": True},
            (
                "loadBalancer.anomalyMitigation: must be false unless loadBalancer.algorithm "
                "(now round_robin) is weighted_random, got true"
            ),
        ),
        # Fleet.
        (
            {"fleet.minSize": 6},
            "fleet.minSize: must be at most fleet.maxSize (4), got 6",
        ),
        (
            {"fleet.instanceTypes": ["m7g.large", "large"]},
            (
                "fleet.instanceTypes[1]: must be an instance type that runs Linux, such as "
                "m7g.large, got 'large'"
            ),
        ),
        (
            {"fleet.instanceTypes": []},
            "fleet.instanceTypes: must be a list of at least one instance type, got a list of 0",
        ),
        (
            {"fleet.instanceTypes": ["m7g.large", "m7g.large"]},
            (
                "fleet.instanceTypes: must be a list of at least one instance type, each only "
                "once, got a list of 2"
            ),
        ),
        (
            {"fleet.instanceTypes": ["m7g.large", "m7i.large"]},
            (
                "fleet.instanceTypes: must all be of one processor architecture, "
                "got 'm7g.large, m7i.large'"
            ),
        ),
        (
            {"fleet.image": ""},
            "fleet.image: must be an image id (ami-...) or a parameter's path (/...), got ''",
        ),
        (
            {"fleet.application.environment": {"PORT": "1"}},
            (
                "fleet.application.environment: must have names of letters, digits and _, and not "
                "PORT (it has 'PORT'), got [secret]"
            ),
        ),
        (
            {"fleet.application.environment": {"LIMIT": 5}},
            f"fleet.application.environment.LIMIT: {TEXT}, got [secret]",
        ),
        (
            {"fleet.application.secrets": {"KEY": "hunter2"}},
            (
                "fleet.application.secrets.KEY: must be the ARN of a Secrets Manager secret or a "
                "Systems Manager parameter, got [secret]"
            ),
        ),
        (
            {
                "fleet.application.environment": {"KEY": "x"},
                "fleet.application.secrets": {
                    "KEY": "arn:aws:ssm:eu-central-1:123456789012:parameter/key"
                },
            },
            (
                "fleet.application.secrets.KEY: must not be in fleet.application.environment too, "
                "got 'KEY'"
            ),
        ),
        (
            {"fleet.application.userData": "rm -rf /"},
            (
                "fleet.application.userData: must begin with #!, #cloud-config, #cloud-boothook "
                "or #include, got [secret]"
            ),
        ),
        (
            {
                "fleet.application.userData": "#!/bin/sh",
                "fleet.application.containerImage": "shop:1",
            },
            (
                "fleet.application.containerImage: must be left out when "
                "fleet.application.userData is given, got 'shop:1'"
            ),
        ),
        (
            {"fleet.warmPool.maxGroupPreparedCapacity": 1},
            (
                "fleet.warmPool.maxGroupPreparedCapacity: must be at least fleet.minSize (2), "
                "got 1"
            ),
        ),
        (
            {
                "fleet.instanceRefreshMinHealthyPercent": 50,
                "fleet.instanceRefreshMaxHealthyPercent": 200,
            },
            (
                "fleet.instanceRefreshMaxHealthyPercent: must be at most 100 above "
                "fleet.instanceRefreshMinHealthyPercent (50), got 200"
            ),
        ),
        (
            {"fleet.healthCheckGracePeriodSeconds": 100, "service.bootSeconds": 100},
            (
                "fleet.healthCheckGracePeriodSeconds: must be at least service.bootSeconds "
                "(up to 120), got 100"
            ),
        ),
        (
            {"fleet.defaultInstanceWarmupSeconds": 100, "service.bootSeconds": [90, 110]},
            (
                "fleet.defaultInstanceWarmupSeconds: must be at least service.bootSeconds "
                "(up to 110), got 100"
            ),
        ),
        # Scaling.
        (
            {"scaling.surgePercent": 60},
            (
                "scaling.surgePercent: must be above scaling.targetUtilizationPercent (60), "
                "got 60"
            ),
        ),
        (
            {"scaling.cpuTargetPercent": float("nan")},
            "scaling.cpuTargetPercent: must be a number from 1 to 99, got nan",
        ),
        (
            {"scaling.steps": [STEP]},
            (
                "scaling.steps: must be given together with service.requestsPerSecond or "
                "scaling.highResolutionMetric, got 'neither'"
            ),
        ),
        (
            {"scaling.steps": [], "service.requestsPerSecond": 100},
            "scaling.steps: must be a list of 1 to 20 steps, got a list of 0",
        ),
        (
            {"scaling.steps": [{**STEP, "abovePercent": 90}], "service.requestsPerSecond": 100},
            "scaling.steps[0].abovePercent: must be scaling.surgePercent (80), got 90",
        ),
        (
            {
                "scaling.steps": [STEP, {"abovePercent": 80, "addPercent": 50}],
                "service.requestsPerSecond": 100,
            },
            "scaling.steps[1].abovePercent: must be above that of the step before (80), got 80",
        ),
        (
            {
                "scaling.steps": [STEP, {"abovePercent": 90, "addPercent": 20}],
                "service.requestsPerSecond": 100,
            },
            "scaling.steps[1].addPercent: must be at least that of the step before (30), got 20",
        ),
        (
            {"scaling.schedules.dawn": {"recurrence": "0 25 * * *", "minSize": 3}},
            (
                "scaling.schedules.dawn.recurrence: must be five crontab fields: minute, hour, "
                "day of month, month, day of week, got '0 25 * * *'"
            ),
        ),
        (
            {
                "scaling.schedules.dawn": {
                    "recurrence": "0 5 * * *",
                    "minSize": 3,
                    "timeZone": "Mars/Base",
                }
            },
            (
                "scaling.schedules.dawn.timeZone: must be a name of the IANA time zone database, "
                "such as Europe/Berlin, got 'Mars/Base'"
            ),
        ),
        (
            {
                "scaling.schedules.dawn": {
                    "recurrence": "0 5 * * *",
                    "minSize": 3,
                    "start": "2026-11-27 06:00",
                }
            },
            (
                "scaling.schedules.dawn.start: must be a UTC moment of the form "
                "YYYY-MM-DDThh:mm:ssZ, got '2026-11-27 06:00'"
            ),
        ),
        (
            {"scaling.schedules.dawn": {"recurrence": "0 5 * * *", "minSize": 9}},
            "scaling.schedules.dawn.minSize: must be at most fleet.maxSize (4), got 9",
        ),
        (
            {
                "fleet.minSize": 3,
                "scaling.schedules.dawn": {"recurrence": "0 5 * * *", "minSize": 2},
            },
            "scaling.schedules.dawn.minSize: must be at least fleet.minSize (3), got 2",
        ),
        (
            {"scaling.predictive.mode": "Guess"},
            "scaling.predictive.mode: must be one of ForecastOnly, ForecastAndScale, got 'Guess'",
        ),
        (
            {"scaling.highResolutionMetric": {**METRIC, "periodSeconds": 20}},
            "scaling.highResolutionMetric.periodSeconds: must be 10 or 30 seconds, got 20",
        ),
        (
            {"scaling.highResolutionMetric": {**METRIC, "metricName": "x" * 256}},
            (
                "scaling.highResolutionMetric.metricName: must be a text of 1 to 255 characters, "
                f"got '{'x' * 57}...'"
            ),
        ),
        # Alerts.
        (
            {"alerts": {}},
            "alerts.subscriptions: must be a list of 1 to 100 subscriptions, got nothing",
        ),
        (
            {"alerts.subscriptions": []},
            "alerts.subscriptions: must be a list of 1 to 100 subscriptions, got a list of 0",
        ),
        (
            {"alerts.subscriptions": [EMAIL, "on-call@example.com"]},
            (
                "alerts.subscriptions[1]: must be a mapping of keys, got 'on-call@example.com'"
            ),
        ),
        (
            {"alerts.subscriptions": [{**EMAIL, "severity": "pager"}]},
            "alerts.subscriptions[0].severity: must be one of page, ticket, info, got 'pager'",
        ),
        (
            {"alerts.subscriptions": [{**EMAIL, "endpoint": "on-call"}]},
            "alerts.subscriptions[0].endpoint: must be an e-mail address, got 'on-call'",
        ),
        (
            {"alerts.subscriptions": [{**URL, "endpoint": "http://example.com/key"}]},
            (
                "alerts.subscriptions[0].endpoint: must be a URL that begins with https://, "
                "got [secret]"
            ),
        ),
        (
            {"alerts.subscriptions": [{**EMAIL, "protocol": "sqs", "endpoint": "queue"}]},
            "alerts.subscriptions[0].endpoint: must be the ARN of an SQS queue, got 'queue'",
        ),
        (
            {"alerts.subscriptions": [EMAIL, URL, EMAIL]},
            (
                "alerts.subscriptions[2].endpoint: must differ from "
                "alerts.subscriptions[0].endpoint, got 'on-call@example.com'"
            ),
        ),
        (
            {"alerts.responseTimeP95Seconds": 3},
            (
                "alerts.responseTimeP95Seconds: must be at most alerts.responseTimeP99Seconds (2), "
                "got 3"
            ),
        ),
        # Database.
        (
            {"database.instanceClass": "large"},
            "database.instanceClass: must be a class such as db.m7g.large, got 'large'",
        ),
        (
            {"database.engineVersion": 17},
            (
                "database.engineVersion: must be a version of PostgreSQL, such as 17 or 17.4, in "
                "quotes, got 17"
            ),
        ),
        (
            {"database.engineVersion": "9.6"},
            (
                "database.engineVersion: must be a version of PostgreSQL, such as 17 or 17.4, "
                "got '9.6'"
            ),
        ),
        (
            {"database.databaseName": "1app"},
            (
                "database.databaseName: must be 1 to 63 letters, digits and underscores, the "
                "first a letter, got '1app'"
            ),
        ),
        (
            {"database.username": "_me"},
            (
                "database.username: must be 1 to 16 letters, digits and underscores, the first a "
                "letter, got '_me'"
            ),
        ),
        (
            {"database.password": "short"},
            (
                'database.password: must be 8 to 128 printable ASCII characters other than /, ", '
                "@ and space, got [secret]"
            ),
        ),
        (
            {"database.allocatedStorageGib": 10},
            "database.allocatedStorageGib: must be a whole number from 20 to 59578, got 10",
        ),
        (
            {"database.maxAllocatedStorageGib": 100},
            (
                "database.maxAllocatedStorageGib: must be at least 10 % above "
                "database.allocatedStorageGib (100), got 100"
            ),
        ),
        (
            {"database.maxConnections": 5},
            "database.maxConnections: must be a whole number from 6 to 262143, got 5",
        ),
        (
            {"database.enabled": True, "database.instanceClass": "db.z9.large"},
            (
                "database.maxConnections: must be given, since the memory of "
                "database.instanceClass (db.z9.large) is not known, got nothing"
            ),
        ),
        (
            {"database.replicaCount": 1},
            (
                "database.replicaCount: must be 0 unless database.password is given, since AWS "
                "makes no replica of a database whose password it manages, got 1"
            ),
        ),
        (
            {"database.replicaCount": 6, "database.password": "correct-horse"},
            "database.replicaCount: must be a whole number from 0 to 5, got 6",
        ),
        (
            {"database.backupRetentionDays": 36},
            "database.backupRetentionDays: must be a whole number from 1 to 35, got 36",
        ),
        (
            {"database.backupWindow": "25:00-26:00"},
            (
                "database.backupWindow: must be at least 30 minutes of the form hh:mm-hh:mm (UTC), "
                "got '25:00-26:00'"
            ),
        ),
        (
            {"database.maintenanceWindow": "sun:02:30"},
            (
                "database.maintenanceWindow: must be at least 30 minutes of the form "
                "ddd:hh:mm-ddd:hh:mm (UTC), got 'sun:02:30'"
            ),
        ),
        (
            {"database.backupWindow": "02:00-03:00"},
            (
                "database.maintenanceWindow: must not meet database.backupWindow (02:00-03:00), "
                "got 'sun:02:30-sun:03:30'"
            ),
        ),
        (
            {"database.kmsKeyArn": "alias/mine"},
            "database.kmsKeyArn: must be the ARN of a KMS key, got 'alias/mine'",
        ),
        (
            {"database.monitoringIntervalSeconds": 2},
            (
                "database.monitoringIntervalSeconds: must be 1, 5, 10, 15, 30 or 60 seconds, "
                "got 2"
            ),
        ),
        (
            {"database.monitoringIntervalSeconds": 0},
            (
                "database.monitoringIntervalSeconds: must be 1, 5, 10, 15, 30 or 60 seconds, got 0"
            ),
        ),
        (
            {"database.slowQueryMilliseconds": 0},
            "database.slowQueryMilliseconds: must be a whole number from 1 to 3600000, got 0",
        ),
        (
            {"database.slowQueriesPerMinute": -1},
            "database.slowQueriesPerMinute: must be a whole number from 0 to 1000000, got -1",
        ),
        (
            {"database.storageLatencyMilliseconds": 0},
            "database.storageLatencyMilliseconds: must be a number from 0.1 to 10000, got 0",
        ),
        (
            {"database.replicaLagSeconds": 0},
            "database.replicaLagSeconds: must be a whole number from 1 to 86400, got 0",
        ),
        (
            {"database.enabled": "yes"},
            "database.enabled: must be true or false, got 'yes'",
        ),
        (
            {
                "database.enabled": True,
                "service.connectionsPerInstance": [150, 250],
            },
            (
                "fleet.maxSize: must be at most 3, so that 1.1 x fleet.maxSize x "
                "service.connectionsPerInstance (up to 250) is at most what "
                "database.instanceClass (db.m7g.large) accepts (901 connections), or "
                "database.proxy true, got 4"
            ),
        ),
        (
            {
                "database.enabled": True,
                "database.maxConnections": 80,
                "service.connectionsPerInstance": [20, 20],
            },
            (
                "fleet.maxSize: must be at most 3, so that 1.1 x fleet.maxSize x "
                "service.connectionsPerInstance (up to 20) is at most database.maxConnections "
                "(80 connections), or database.proxy true, got 4"
            ),
        ),
        # Web ACL.
        (
            {"webAcl.rateLimit": 9},
            "webAcl.rateLimit: must be from 10 to 2000000000 requests, got 9",
        ),
        (
            {"webAcl.rateWindowSeconds": 90},
            "webAcl.rateWindowSeconds: must be 60, 120, 300 or 600 seconds, got 90",
        ),
        (
            {"webAcl.rateAction": "drop"},
            "webAcl.rateAction: must be one of count, block, got 'drop'",
        ),
        (
            {"webAcl.commonRulesAction": "none"},
            "webAcl.commonRulesAction: must be one of count, block, got 'none'",
        ),
        ({"webAcl.failOpen": 1}, "webAcl.failOpen: must be true or false, got 1"),
        # Spending.
        (
            {"spending.instanceHoursPerDay": 0},
            "spending.instanceHoursPerDay: must be a number from 0.1 to 1000000, got 0",
        ),
        (
            {"spending.monthlyBudgetUsd": 0},
            "spending.monthlyBudgetUsd: must be a number from 1 to 1000000000, got 0",
        ),
        (
            {"spending.instanceHourUsd": 0},
            "spending.instanceHourUsd: must be a number from 0.0001 to 10000, got 0",
        ),
        # Service.
        (
            {"service.requestsPerSecond": "fast"},
            f"service.requestsPerSecond: {CAPACITY_RULE}, got 'fast'",
        ),
        ({"service.requestsPerSecond": 0}, f"service.requestsPerSecond: {CAPACITY_RULE}, got 0"),
        (
            {"service.bootSeconds": [120, 90]},
            f"service.bootSeconds: {BOOT_RULE}, got a list of 2",
        ),
        (
            {"service.bootSeconds": [90]},
            f"service.bootSeconds: {BOOT_RULE}, got a list of 1",
        ),
        (
            {"service.bootSeconds": float("inf")},
            f"service.bootSeconds: {BOOT_RULE}, got inf",
        ),
    ],
)  # fmt: skip
def test_each_problem_is_one_clear_line(changes, message):
    assert lines(changed(changes)) == [message]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"fleet.defaultInstanceWarmupSeconds": 60},
            (
                "fleet.defaultInstanceWarmupSeconds: must be at least service.bootSeconds "
                "(120 where it is not stated), got 60"
            ),
        ),
        (
            {"fleet.healthCheckGracePeriodSeconds": 60},
            (
                "fleet.healthCheckGracePeriodSeconds: must be at least service.bootSeconds "
                "(120 where it is not stated), got 60"
            ),
        ),
        (
            {"fleet.instanceTypes": ["mac1.metal"]},
            (
                "fleet.instanceTypes[0]: must be an instance type that runs Linux, such as "
                "m7g.large, got 'mac1.metal'"
            ),
        ),
        (
            {"slo.burnRates": [BURN, {**BURN, "shortWindowMinutes": 10}]},
            (
                "slo.burnRates[1].rate: must differ from that of slo.burnRates[0], since both "
                "would name an alarm 10x-1h, got 10"
            ),
        ),
        (
            {"slo.burnRates": [BURN, {**BURN, "longWindowMinutes": 90}]},
            (
                "slo.burnRates[1].rate: must differ from that of slo.burnRates[0], since both "
                "would name an alarm 10x-5m, got 10"
            ),
        ),
        (
            {
                "slo.burnRates": [
                    BURN,
                    {**BURN, "longWindowMinutes": 90, "shortWindowMinutes": 7},
                ]
            },
            (
                "slo.burnRates[1].rate: must differ from that of slo.burnRates[0], since both "
                "would name an alarm 10x-critical, got 10"
            ),
        ),
        (
            {"database.allocatedStorageGib": 60_000},
            "database.allocatedStorageGib: must be a whole number from 20 to 59578, got 60000",
        ),
        (
            {"service.bootSeconds": 0.5},
            f"service.bootSeconds: {BOOT_RULE}, got 0.5",
        ),
        (
            {"service.bootSeconds": [3000, 3600]},
            f"service.bootSeconds: {BOOT_RULE}, got a list of 2",
        ),
        (
            {"scaling.steps": 5, "service.requestsPerSecond": 100},
            "scaling.steps: must be a list of 1 to 20 steps, got 5",
        ),
        (
            {"scaling.schedules": True},
            "scaling.schedules: must be a mapping of at most 125 schedules, got true",
        ),
        (
            {"alerts.subscriptions": 1.5},
            "alerts.subscriptions: must be a list of 1 to 100 subscriptions, got 1.5",
        ),
        (
            {"alerts.escalation": 5},
            "alerts.escalation: must be a list of 1 to 100 receivers, got 5",
        ),
        (
            {"alerts.escalation": []},
            "alerts.escalation: must be a list of 1 to 100 receivers, got a list of 0",
        ),
        ({"slo.burnRates": True}, "slo.burnRates: must be a list of 1 to 8 pairs, got true"),
        (
            {"database.username": 17},
            (
                "database.username: must be 1 to 16 letters, digits and underscores, the first a "
                "letter, in quotes, got 17"
            ),
        ),
        (
            {"fleet.application.metricsNamespace": True},
            (
                "fleet.application.metricsNamespace: must be a text of 1 to 255 characters, not "
                "beginning with a colon, in quotes, got true"
            ),
        ),
        (
            {"surges": {"double": None}},
            "surges.double: must be a mapping of keys, got nothing",
        ),
        (
            {"fleet.application.environment": {"A": None}},
            f"fleet.application.environment.A: {TEXT}, got [secret]",
        ),
    ],
)  # fmt: skip
def test_what_a_component_would_refuse_is_told_by_its_key(changes, message):
    assert lines(changed(changes)) == [message]


@pytest.mark.parametrize(
    "changes",
    [
        {"fleet.maxSize": 1, "fleet.warmPool.maxGroupPreparedCapacity": 1},
        {"service.bootSeconds": 1},
        {"service.bootSeconds": 3000},
        {"fleet.defaultInstanceWarmupSeconds": 120},
        {"fleet.defaultInstanceWarmupSeconds": 60, "service.bootSeconds": 50},
        {"slo.burnRates": [BURN, {**BURN, "rate": 11}]},
        {"database.allocatedStorageGib": 59_578},
        {"fleet.extraPolicyArns": []},
    ],
    ids=str,
)
def test_what_can_work_is_accepted(changes):
    assert lines(changed(changes)) == []


def test_null_is_as_if_the_key_were_not_written():
    whole = Configuration.from_data(minimal())
    needed = ("fleet.maxSize", "alerts.subscriptions", "loadBalancer.certificateArn")
    for key in (*KEYS.names(), *KEYS.by_key):
        if key not in (*minimal(), *needed):
            assert Configuration.from_data(changed({key: None})) == whole
    assert lines(changed({"fleet.maxSize": None})) == [f"{WHOLE_4}, got nothing"]


@pytest.mark.parametrize(
    "changes",
    [
        {"database.proxy": True},
        {"database.enabled": False},
        {"database.maxConnections": 1100},
        {"fleet.maxSize": 3},
    ],
    ids=["proxy", "no database", "more connections", "fewer instances"],
)
def test_a_connection_budget_that_fits_is_no_problem(changes):
    overrun = {"database.enabled": True, "service.connectionsPerInstance": [250, 250]}

    assert lines(changed({**overrun, **changes})) == []


def test_a_day_at_maximum_size_is_told_in_money_where_there_is_a_price():
    hours = Configuration.from_data(changed({}))
    money = Configuration.from_data(changed({"spending.instanceHourUsd": 0.0856}))

    assert hours.day_at_maximum_size() == "96 instance-hours"
    assert money.day_at_maximum_size() == "96 instance-hours, USD 8.22"


def test_a_password_reaches_the_database_as_a_secret():
    configured = Configuration.from_data(changed({"database.password": "correct-horse"}))

    args = configured.database_args(
        vpc_id="vpc", subnet_ids=["a", "b"], page_topic_arn="p", ticket_topic_arn="t"
    )

    assert isinstance(args["password"], pulumi.Output)


def test_rules_between_groups_are_told_even_when_other_keys_are_wrong_too():
    data = changed(
        {
            "fleet.minSize": 3,
            "fleet.volumeSizeGib": "big",
            "scaling.schedules": {
                "dawn": {"recurrence": "never", "minSize": 9},
                "dusk": {"recurrence": "0 20 * * *", "minSize": 1},
            },
            "alerts.subscriptions": [EMAIL, {**EMAIL, "severity": "shout"}, EMAIL],
        }
    )

    assert lines(data) == [
        "fleet.volumeSizeGib: must be a whole number from 8 to 65536, got 'big'",
        (
            "scaling.schedules.dawn.recurrence: must be five crontab fields: minute, hour, day of "
            "month, month, day of week, got 'never'"
        ),
        "scaling.schedules.dawn.minSize: must be at most fleet.maxSize (4), got 9",
        "scaling.schedules.dusk.minSize: must be at least fleet.minSize (3), got 1",
        "alerts.subscriptions[1].severity: must be one of page, ticket, info, got 'shout'",
        (
            "alerts.subscriptions[2].endpoint: must differ from alerts.subscriptions[0].endpoint, "
            "got 'on-call@example.com'"
        ),
    ]


def test_a_rule_is_silent_when_a_value_it_needs_is_wrong():
    data = changed({"fleet.maxSize": "four", "fleet.minSize": 6})

    assert lines(data) == [f"{WHOLE_4}, got 'four'"]


def test_nothing_at_all_tells_what_is_needed():
    assert lines({}) == [
        ONE_WAY,
        f"{WHOLE_4}, got nothing",
        "alerts.subscriptions: must be a list of 1 to 100 subscriptions, got nothing",
    ]


def test_values_of_a_secret_group_are_not_shown():
    data = changed({"alerts.subscriptions": [{**EMAIL, "endpoint": "hunter2"}], "fleet.minSize": 6})

    with pytest.raises(ConfigurationError) as told:
        Configuration.from_data(data, secret_groups=frozenset({"alerts"}))

    assert str(told.value).splitlines() == [
        "fleet.minSize: must be at most fleet.maxSize (4), got 6",
        "alerts.subscriptions[0].endpoint: must be an e-mail address, got [secret]",
    ]


def test_values_of_a_secret_group_reach_resources_as_secrets():
    data = changed({"fleet.application": {"environment": {"GREETING": "hello"}}})
    configured = Configuration.from_data(data, secret_groups=frozenset({"alerts", "fleet"}))

    (subscription,) = configured.notifications_args()["subscriptions"]
    group = configured.group_args(
        vpc_id="vpc",
        subnet_ids=["a", "b"],
        target_group_arn="arn",
        load_balancer_security_group_id="sg",
        alarm_names=["a"],
    )

    assert isinstance(subscription["endpoint"], pulumi.Output)
    assert isinstance(group["application"]["environment"]["GREETING"], pulumi.Output)


def test_whole_numbers_may_come_as_floats():
    assert Configuration.from_data(changed({"fleet.maxSize": 4.0}))["fleet.maxSize"] == 4


@pytest.mark.parametrize(
    ("written", "meant"),
    [(100, Figure(80, 120)), ([90, 120], Figure(90, 120)), (2.5, Figure(2, 3))],
    ids=str,
)
def test_a_single_figure_stands_for_twenty_percent_around_it(written, meant):
    assert (
        Configuration.from_data(changed({"service.requestsPerSecond": written}))[
            "service.requestsPerSecond"
        ]
        == meant
    )


def test_the_load_balancer_asks_where_the_application_answers():
    written = {"fleet.application": {"port": 9000, "healthPath": "/up"}}

    given = [
        Configuration.from_data(changed(each)).args(LoadBalancerArgs) for each in ({}, written)
    ]

    assert [(each["target_port"], each["health_check_path"]) for each in given] == [
        (8080, "/health"),
        (9000, "/up"),
    ]


def test_capacity_goes_by_the_low_end_and_boot_time_by_the_high_end():
    configured = Configuration.from_data(
        changed({"service.requestsPerSecond": [90, 120], "service.bootSeconds": 101})
    )

    group = configured.group_args(
        vpc_id="vpc",
        subnet_ids=["a", "b"],
        target_group_arn="arn",
        load_balancer_security_group_id="sg",
        alarm_names=[],
    )
    scaling = configured.args(
        ScalingPoliciesArgs,
        group_name="g",
        resource_label="l",
        load_balancer_arn_suffix="app",
        target_group_arn_suffix="tg",
    )

    assert group["boot_time_seconds"] == 122
    assert scaling["requests_per_second_per_instance"] == 90


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"slo.availabilityPercent": 94},
            "slo.availabilityPercent: must be a number from 95 to 99.999, got 94",
        ),
        (
            {"slo.burnRates": [{**BURN, "longWindowMinutes": 10_081}]},
            (
                "slo.burnRates[0].longWindowMinutes: must be a whole number from 60 to 10080, "
                "got 10081"
            ),
        ),
        (
            {"slo.burnRates": [{**BURN, "shortWindowMinutes": 60}]},
            "slo.burnRates[0].shortWindowMinutes: must be below longWindowMinutes (60), got 60",
        ),
        (
            {"slo.burnRates": [{**BURN, "severity": "info"}]},
            "slo.burnRates[0].severity: must be page or ticket, got 'info'",
        ),
        (
            {"slo.burnRates": [{**BURN, "rate": 20}], "slo.latencyPercentile": 95},
            (
                "slo.burnRates[0].rate: must be below 20, which is all requests bad "
                "(slo.latencyPercentile: 95), got 20"
            ),
        ),
        (
            {"alerts.escalation": [{**ESCALATION, "endpoint": "srt"}]},
            "alerts.escalation[0].endpoint: must be an e-mail address, got 'srt'",
        ),
        (
            {"alerts.escalation": [ESCALATION, ESCALATION]},
            (
                "alerts.escalation[1].endpoint: must differ from alerts.escalation[0].endpoint, "
                "got 'srt@example.com'"
            ),
        ),
        (
            {"alerts.subscriptions": [{**EMAIL, "severity": "info"}]},
            "alerts.subscriptions: must have one of severity page or ticket, got 'info only'",
        ),
        (
            {"alerts.escalationMinutes": 0},
            "alerts.escalationMinutes: must be a whole number from 1 to 1440, got 0",
        ),
        (
            {"alerts.slack": {"workspaceId": "t-1", "channelId": "C0123456789"}},
            (
                "alerts.slack.workspaceId: must be the id of a Slack workspace, such as "
                "T0123456789, got 't-1'"
            ),
        ),
        (
            {"alerts.timelineRetentionDays": 399},
            (
                "alerts.timelineRetentionDays: must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, "
                "150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 days, "
                "or 0 to keep events, got 399"
            ),
        ),
        (
            {"alerts.activeUsersMetric": {"namespace": ":a", "metricName": "Users"}},
            (
                "alerts.activeUsersMetric.namespace: must be a text of 1 to 255 characters, not "
                "beginning with a colon, got ':a'"
            ),
        ),
    ],
)
def test_alerting_that_cannot_work_is_refused(changes, message):
    assert [problem.line(secret=False) for problem in find_problems(changed(changes))] == [message]


def test_what_alarms_watch_of_the_objective_reaches_them():
    written = {"slo": {"availabilityPercent": 99.5, "badRequestsPercent": 2, "windowDays": 28}}

    args = Configuration.from_data({**minimal(), **written}).args(objectives.ObjectivesArgs)

    assert args == {
        "availability_percent": 99.5,
        "window_days": 28,
    }


@pytest.mark.parametrize(
    ("project", "stack", "message"),
    [
        (
            "surgeproof",
            "production1",
            (
                "be of at most 10 characters, since AWS's names of target groups hold 32, "
                "got 'production1'"
            ),
        ),
        (
            "surgeproof",
            "Dev",
            (
                "be lower-case letters, digits and hyphens, since AWS's names of buckets are, "
                "got 'surgeproof-Dev'"
            ),
        ),
    ],
)
def test_a_stack_whose_name_makes_names_that_aws_refuses_is_told_so(project, stack, message):
    (problem,) = loading._name_problems(project, stack)

    assert problem.line(secret=False) == f"stack: must {message}"


def test_a_stack_without_a_region_is_told_so():
    (problem,) = loading._region_problems(None)

    assert problem.line(secret=False) == (
        "aws:region: must be a Region, such as eu-central-1, got nothing"
    )


def test_every_key_is_documented_with_meaning_range_and_default():
    kinds = [*(kind for group in KEYS.groups for kind in group.types), KEYS.top]
    undocumented = [
        f"{each.__name__}.{name}"
        for kind in kinds
        for each in types_in(kind)
        for name, of in fields_of(each).items()
        if not docs_of(each).get(name, "").endswith((".", "..."))
        or (of.rule and not (of.rule.shown and of.rule.must.startswith(("be ", "begin "))))
        or (of.rule and not of.rule.key and of.required == (of.rule.shown_default != "required"))
    ]
    assert undocumented == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docs/reference/configuration.md", reference.reference),
        ("docs/reference/alarms.md", alarms_reference),
        ("docs/reference/components.md", components_reference),
        (
            "Pulumi.yaml",
            lambda: reference.with_project_keys((ROOT / "Pulumi.yaml").read_text("utf-8")),
        ),
    ],
    ids=["configuration", "alarms", "components", "project"],
)
def test_written_pages_are_current(path, text):
    assert (ROOT / path).read_text("utf-8") == text(), "run make reference"


def test_the_example_in_the_reference_is_valid():
    yaml = pytest.importorskip("yaml")
    page = reference.reference()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    config = yaml.safe_load(example)["config"]

    data = {key.partition(":")[2]: value for key, value in config.items() if ":" in key}
    data.pop("region")

    assert find_problems(data) == []
