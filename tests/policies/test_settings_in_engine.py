"""The stack's settings of the policies under the real engine, on programs that are not ours."""

import json
import sys
from pathlib import Path

import pytest

from tests.policies import faults
from tests.policies.analysis import LISTENER, REMOVED, TOPIC
from tests.policies.engine_stack import PACK, Thing, engine_stack

pytestmark = pytest.mark.engine

STARTER = """\
#!/bin/sh
# Pulumi's own starter takes the environment from the options of PulumiPolicy.yaml, likewise.
printf '%s\\n' "$PWD" "$3" > {told}
exec {python} -u -m pulumi.policy "$1" "$2"
"""

FORWARD = [{"type": "forward"}]


def _two_listeners():
    Thing(LISTENER, "old-http", port=80, protocol="HTTP", defaultActions=FORWARD)
    Thing(LISTENER, "http", port=80, protocol="HTTP", defaultActions=FORWARD)
    Thing(TOPIC, "page")


def _mendable():
    faults.in_place(
        {
            "template": {
                "metadataOptions.httpTokens": "optional",
                "blockDeviceMappings[0].ebs.encrypted": REMOVED,
            },
            "balancer": {"dropInvalidHeaderFields": REMOVED},
            "group": {"tags[0].propagateAtLaunch": False},
            "database": {"copyTagsToSnapshot": REMOVED},
        }
    )


def test_levels_and_exemptions_of_the_stack_s_settings(tmp_path):
    settings = """\
policies:preset: strict
policies:rules:
  sns-topic-customer-key: advisory
policies:exemptions:
  - rule: lb-listener-serves-https
    resource: old-*
    reason: moves to HTTPS with the new domain
    until: 2999-12-31
  - rule: lb-listener-serves-https
    resource: http
    reason: was to move in spring
    until: 2026-01-31
  - rule: lb-spans-zones
    reason: there is no load balancer
    until: "2999-12-31"
"""
    with engine_stack(tmp_path, _two_listeners, settings=settings) as stack:
        preview = stack.preview()

    assert not preview.succeeded
    found = sorted((at["policy"], at["level"], at["name"]) for at in preview.violations)
    assert found == [
        ("exemption-expired", "mandatory", "shop-test"),
        ("exemption-unused", "advisory", "shop-test"),
        ("lb-listener-serves-https", "mandatory", "http"),
        ("sns-topic-customer-key", "advisory", "page"),
    ]
    (https,) = preview.of("lb-listener-serves-https")
    assert "got `HTTP` (exempted until 2026-01-31)." in https["message"]
    (unused,) = preview.of("exemption-unused")
    assert (
        "policies:exemptions[2] (lb-spans-zones for `*`, until 2999-12-31) matches nothing that "
        "the rule refuses: remove it." in unused["message"]
    )


def test_wrong_settings_are_one_error_and_nothing_is_made(tmp_path):
    settings = """\
policies:preset: stict
policies:rules:
  lb-listener-serve-https: advisory
policies:exemptions:
  - rule: lb-spans-zones
    until: 2027-02-30
"""
    config = tmp_path / "policies.json"
    config.write_text(json.dumps({"lb-spans-zone": "advisory"}))

    with engine_stack(tmp_path, _two_listeners, settings=settings) as stack:
        stack.pack_config = str(config)
        up = stack.up()
        made = stack.resources()

    assert not up.succeeded
    assert {at["policy"] for at in up.violations} == {"policy-settings"}
    assert [at["message"].splitlines()[1] for at in up.violations] == [
        "policies:preset: must be one of default, strict, advisory, got 'stict'",
        (
            "policies:rules.lb-listener-serve-https: must be a rule that exists "
            "(nearest: lb-listener-serves-https), got 'lb-listener-serve-https'"
        ),
        "policies:exemptions[0].reason: must say why, got nothing",
        (
            "policies:exemptions[0].until: must be a date such as 2027-06-30, the last day of the "
            "exemption, got '2027-02-30'"
        ),
        (
            "--policy-pack-config: lb-spans-zone: must be a rule that exists "
            "(nearest: lb-spans-zones), got 'lb-spans-zone'"
        ),
    ]
    assert made == []


def test_remediation_sets_what_follows_from_the_rule(tmp_path):
    settings = """\
policies:rules:
  launch-template-requires-imdsv2: remediate
  launch-template-encrypts-volumes: remediate
  lb-drops-invalid-headers: remediate
  asg-propagates-tags: remediate
  rds-copies-tags-to-snapshots: remediate
"""
    with engine_stack(tmp_path, _mendable, faults.CONFIG, settings=settings) as stack:
        stack.without_replays()
        up = stack.up()
        template, balancer = stack.outputs("template"), stack.outputs("balancer")
        group, database = stack.outputs("group"), stack.outputs("database")

    assert up.succeeded
    assert up.violations == []
    assert template["metadataOptions"] == {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    assert template["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"
    assert balancer["dropInvalidHeaderFields"] is True
    assert all(tag["propagateAtLaunch"] is True for tag in group["tags"])
    assert database["copyTagsToSnapshot"] is True


def test_remediation_is_off_unless_asked_for(tmp_path):
    with engine_stack(tmp_path, _mendable, faults.CONFIG) as stack:
        stack.without_replays()
        preview = stack.preview()

    assert sorted(at["policy"] for at in preview.violations) == [
        "asg-propagates-tags",
        "launch-template-encrypts-volumes",
        "launch-template-requires-imdsv2",
        "lb-drops-invalid-headers",
        "rds-copies-tags-to-snapshots",
    ]


def test_the_pack_runs_in_the_checkout_s_environment_wherever_the_program_is(tmp_path):
    with engine_stack(tmp_path, _two_listeners) as stack:
        starter = tmp_path / "bin" / "pulumi-analyzer-policy-python"
        starter.write_text(STARTER.format(told=tmp_path / "told", python=sys.executable))
        preview = stack.preview()

    directory, option = (tmp_path / "told").read_text().splitlines()
    environment = Path(directory, option.removeprefix("-virtualenv="))
    assert environment.resolve() == (PACK.parent / ".venv").resolve()
    assert len(preview.of("lb-listener-serves-https")) == 2
