import pytest

from surgeproof.policies import pack
from surgeproof.policies._settings import Settings
from surgeproof.policies.runner import check as check_entries
from surgeproof.policies.runner import entries
from tests.policies.analysis import (
    ALARM,
    DATABASE,
    GROUP,
    LISTENER,
    PASSED,
    Thing,
    check,
    check_stack,
    refused,
)

OWN = "arn:aws:acm:eu-west-1:1:certificate/1"
OTHER = "arn:aws:acm:eu-central-1:1:certificate/1"
LISTENING = "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/web/1/2"


@pytest.mark.parametrize("where", [{"region": "eu-west-1"}, {"arn": LISTENING}])
def test_a_certificate_is_of_the_listener_s_region(where):
    rule = "resource-names-its-region"

    assert check(rule, LISTENER, where | {"certificateArn": OWN}) == PASSED
    assert check(rule, LISTENER, where | {"certificateArn": OTHER}) == refused(
        f"`certificateArn` must be of eu-west-1, where the Listener is, got `{OTHER}`."
    )


def test_a_secret_is_of_the_database_s_region():
    stored = "arn:aws:secretsmanager:eu-central-1:1:secret:domain"

    assert check(
        "resource-names-its-region",
        DATABASE,
        {"region": "eu-west-1", "domainAuthSecretArn": stored},
    ) == refused(
        f"`domainAuthSecretArn` must be of eu-west-1, where the Instance is, got `{stored}`."
    )


def test_what_has_no_region_is_of_none():
    assert check("resource-names-its-region", LISTENER, {"certificateArn": OTHER}) == PASSED


def test_groups_of_one_name_in_two_regions_are_told_apart():
    groups = [
        Thing(GROUP, region, {"name": "web", "region": region, "enabledMetrics": enabled})
        for region, enabled in (("eu-west-1", ["GroupMaxSize"]), ("us-east-1", []))
    ]
    alarm = Thing(
        ALARM,
        "low",
        {
            "region": "eu-west-1",
            "namespace": "AWS/AutoScaling",
            "metricName": "GroupMaxSize",
            "dimensions": {"AutoScalingGroupName": "web"},
            "period": 60,
        },
    )

    assert check_stack("asg-metrics-for-alarms", [*groups, alarm]) == PASSED


def test_a_state_is_judged_by_what_aws_says_where_the_program_is_silent():
    urn = "urn:pulumi:prod::shop::aws:rds/instance:Instance::old"
    state = {
        "resources": [
            {
                "urn": urn,
                "custom": True,
                "type": "aws:rds/instance:Instance",
                "inputs": {"engine": "postgres", "storageEncrypted": True},
                "outputs": {
                    "engine": "postgres",
                    "storageEncrypted": False,
                    "publiclyAccessible": True,
                    "caCertIdentifier": "rds-ca-2019",
                },
            }
        ]
    }

    found = check_entries(entries(state), {"Database": pack.AREAS["Database"]}, Settings())

    said = {at.rule: at.message for at in found.findings}
    assert said["rds-not-public"] == "`publiclyAccessible` must not be true, got true."
    assert "rds-modern-authority" in said
    assert "rds-storage-encrypted" not in said  # the program's own word counts
