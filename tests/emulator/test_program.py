"""The whole program on moto: where each property goes, what comes back, and what is left."""

import json
import re
from dataclasses import dataclass

import pytest

from surgeproof.emulator import endpoint, probe
from surgeproof.emulator.mocks import (
    HOSTED_ZONE_ID,
    AwsMocks,
    MotoClients,
    Registered,
    aws_in_process,
    run_program,
)
from surgeproof.emulator.reading import collect
from surgeproof.emulator.requests import ELSEWHERE

PROPERTIES = 538
"""Properties that the program sets in the four configurations of the probe, by type and path."""
PROVIDERS_OWN = 14
"""Those of them that steer the provider, such as forceDestroy: no request has a place for them."""


@pytest.fixture(scope="module")
def measured():
    return probe.measure()


@dataclass
class Life:
    """What the stack `local` was from its creation to its end."""

    registered: list[Registered]
    read: list[tuple[str, dict, dict]]
    before: dict[str, int]
    after: dict[str, int]
    left: dict[str, list]
    records: set[str]
    key_states: list[str]


@pytest.fixture(scope="module")
def local():
    with aws_in_process():
        client = MotoClients().client
        before = network_things(client)
        mocks = run_program("local", probe.configuration("local"))
        mine = [each for each in mocks.registered if each.id]
        read = [
            mocks.resources.read(each.token, each.id, dict(each.inputs), dict(each.outputs))
            for each in mine
        ]
        for each in reversed(mine):
            mocks.resources.delete(each.token, each.id, dict(each.inputs), dict(each.outputs))
        records = client("route53").list_resource_record_sets(HostedZoneId=HOSTED_ZONE_ID)
        # moto also makes the account's own key for volumes.
        keys = [each.id for each in mine if each.token == "aws:kms/key:Key"]  # noqa: S105
        return Life(
            registered=mine,
            read=read,
            before=before,
            after=network_things(client),
            left=things(client),
            records={each["Type"] for each in records["ResourceRecordSets"]},
            key_states=[
                client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys
            ],
        )


def test_the_committed_table_is_what_the_endpoint_does(measured):
    committed = json.loads(endpoint.TABLE.read_text(encoding="utf-8"))

    assert committed == measured.table()


def test_each_property_goes_where_the_committed_list_says(measured):
    """Run `python -m surgeproof.emulator.probe` after a change, and read what it changes."""
    assert probe.PLACES.read_text(encoding="utf-8").splitlines() == measured.lines()


def test_each_property_is_in_a_request_that_was_sent_or_was_read_back(measured):
    own, missing = [], []
    for token, places in measured.places.items():
        for path, found in places.items():
            if found == {ELSEWHERE["-"]}:
                own.append((token, path))
            elif (token, path) not in measured.told and not any(
                was_sent(measured, token, path, place) for place in found
            ):
                missing.append((token, path, found))

    assert missing == []
    assert len(own) == PROVIDERS_OWN
    assert sum(map(len, measured.places.values())) == PROPERTIES


def was_sent(measured, token, path, place):
    if path in measured.refuses.get(token, {}):
        return True  # the endpoint's refusal shows that it was
    if place == ELSEWHERE["="]:
        operation, wanted = "ChangeResourceRecordSets", ""
    else:
        operation, _, wanted = place.partition(" ")
    requests = measured.requests.get((token, operation), [])
    return any(holds(params, wanted.partition(":")[0]) for params in requests)


def holds(params, wanted):
    """Tell whether a request has a member path somewhere, or an attribute key."""
    if not wanted:
        return True
    if isinstance(params, dict):
        if params.get("Key") == wanted or params.get("AttributeName") == wanted:
            return True
        found = repr(collect(params, wanted))
        return found not in {"absent", "None"} or any(
            holds(each, wanted) for each in params.values()
        )
    return isinstance(params, list) and any(holds(each, wanted) for each in params)


def test_a_second_look_finds_no_drift(local):
    for each, (ident, inputs, _) in zip(local.registered, local.read, strict=True):
        assert ident == each.id
        assert inputs == each.inputs, (each.token, each.name)


def test_a_second_look_tells_the_same_outputs(local):
    for each, (_, _, outputs) in zip(local.registered, local.read, strict=True):
        recorded = dict(each.outputs)
        # A certificate is issued some time after it was asked for.
        for volatile in ("loadBalancerArns", "__recordedOnly", "status"):
            recorded.pop(volatile, None)
        assert recorded.items() <= outputs.items(), (each.token, each.name)


def test_what_the_endpoint_lacks_is_said(local):
    notes = {
        each.token.rpartition(":")[2]: each.outputs["__recordedOnly"]
        for each in local.registered
        if "__recordedOnly" in each.outputs
    }

    assert notes.keys() == {"LoadBalancer", "QueryDefinition"}
    assert re.search(
        r"health_check_logs\.s3\.bucket not valid \(healthCheckLogs\.bucket\)",
        notes["LoadBalancer"],
    )
    assert notes["QueryDefinition"] == (
        "PutQueryDefinition: The put_query_definition action has not been implemented"
    )


def test_a_preview_calls_nothing_and_knows_all_but_what_aws_computes():
    with aws_in_process():
        resources = AwsMocks().resources
        resources.calls.on_request = lambda *call: pytest.fail(str(call))
        inputs = {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}}

        ident, outputs = resources.create("aws:ec2/vpc:Vpc", inputs, preview=True)

    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert ident == ""
    assert outputs["arn"] == outputs["defaultSecurityGroupId"] == unknown
    assert outputs["cidrBlock"] == "10.0.0.0/16"
    assert outputs["tagsAll"] == {"a": "b"}


ACCOUNT = "123456789012"
LISTS = [
    ("ec2", "describe_nat_gateways", "NatGateways"),
    ("ec2", "describe_addresses", "Addresses"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints"),
    ("ec2", "describe_launch_templates", "LaunchTemplates"),
    ("elbv2", "describe_load_balancers", "LoadBalancers"),
    ("elbv2", "describe_target_groups", "TargetGroups"),
    ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"),
    ("autoscaling", "describe_policies", "ScalingPolicies"),
    ("autoscaling", "describe_scheduled_actions", "ScheduledUpdateGroupActions"),
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
    ("s3", "list_buckets", "Buckets"),
    ("sns", "list_topics", "Topics"),
    ("sns", "list_subscriptions", "Subscriptions"),
    ("acm", "list_certificates", "CertificateSummaryList"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_instance_profiles", "InstanceProfiles"),
    ("logs", "describe_log_groups", "logGroups"),
    ("logs", "describe_metric_filters", "metricFilters"),
    ("rds", "describe_db_instances", "DBInstances"),
    ("rds", "describe_db_parameter_groups", "DBParameterGroups"),
    ("rds", "describe_db_proxies", "DBProxies"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups"),
    ("secretsmanager", "list_secrets", "SecretList"),
]
ALIVE = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]


def things(client):
    """Return what there is of all that an empty account has none of."""
    found = {
        operation: found
        for service, operation, key in LISTS
        if (found := getattr(client(service), operation)()[key])
    }
    for operation in ("describe_nat_gateways", "describe_vpc_endpoints"):
        # AWS and moto list these for a while after their end.
        if all(each["State"] == "deleted" for each in found.get(operation, ())):
            found.pop(operation, None)
    found |= {
        name: listed
        for name, listed in (
            ("list_web_acls", client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]),
            ("describe_budgets", client("budgets").describe_budgets(AccountId=ACCOUNT)["Budgets"]),
        )
        if listed
    }
    instances = client("ec2").describe_instances(Filters=ALIVE)["Reservations"]
    return found | ({"describe_instances": instances} if instances else {})


def network_things(client):
    """Return how many there are of what every account has."""
    return {
        operation: len(getattr(client("ec2"), operation)()[key])
        for operation, key in (
            ("describe_vpcs", "Vpcs"),
            ("describe_subnets", "Subnets"),
            ("describe_security_groups", "SecurityGroups"),
            ("describe_security_group_rules", "SecurityGroupRules"),
            ("describe_route_tables", "RouteTables"),
            ("describe_internet_gateways", "InternetGateways"),
            ("describe_network_interfaces", "NetworkInterfaces"),
            ("describe_volumes", "Volumes"),
        )
    }


def test_nothing_is_left_after_all_is_deleted(local):
    assert local.left == {}
    assert local.after == local.before
    assert local.records == {"NS", "SOA"}
    assert local.key_states == ["PendingDeletion"]
