import pytest

from tests.policies.analysis import (
    CONFIGURATION,
    PASSED,
    REMOVED,
    TEMPLATE,
    UNKNOWN,
    changed,
    check,
    refused,
    waits,
)

SAFE_TEMPLATE = {
    "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
    "blockDeviceMappings": [
        {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}},
        {"deviceName": "/dev/sdb", "virtualName": "ephemeral0"},
        {"deviceName": "/dev/sdc", "noDevice": "true"},
    ],
    "networkInterfaces": [{"associatePublicIpAddress": "false"}],
}
SAFE_CONFIGURATION = {
    "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
    "rootBlockDevice": {"encrypted": True},
    "ebsBlockDevices": [{"deviceName": "/dev/sdb", "encrypted": True}],
    "associatePublicIpAddress": False,
}
RULES = [
    "launch-template-requires-imdsv2",
    "launch-template-imds-hop-limit",
    "launch-template-encrypts-volumes",
    "launch-template-no-public-ip",
]
ENCRYPTED = "blockDeviceMappings[0].ebs.encrypted"
PUBLIC = "networkInterfaces[0].associatePublicIpAddress"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("type_", "properties"),
    [(TEMPLATE, SAFE_TEMPLATE), (CONFIGURATION, SAFE_CONFIGURATION)],
    ids=["template", "configuration"],
)
def test_a_safe_launch_passes(rule, type_, properties):
    assert check(rule, type_, properties) == PASSED


@pytest.mark.parametrize(
    ("rule", "path", "value", "message"),
    [
        (
            RULES[0],
            "metadataOptions.httpTokens",
            "optional",
            "`metadataOptions.httpTokens` must be `required`, got `optional`.",
        ),
        (
            RULES[0],
            "metadataOptions",
            REMOVED,
            "`metadataOptions.httpTokens` must be `required`, got nothing.",
        ),
        (
            RULES[1],
            "metadataOptions.httpPutResponseHopLimit",
            2,
            "`metadataOptions.httpPutResponseHopLimit` must be 1, got 2.",
        ),
        (
            RULES[1],
            "metadataOptions.httpPutResponseHopLimit",
            REMOVED,
            "`metadataOptions.httpPutResponseHopLimit` must be 1, got nothing.",
        ),
        (RULES[2], ENCRYPTED, "false", f"`{ENCRYPTED}` must be true, got `false`."),
        (RULES[2], ENCRYPTED, REMOVED, f"`{ENCRYPTED}` must be true, got nothing."),
        (
            RULES[2],
            "blockDeviceMappings",
            REMOVED,
            (
                "`blockDeviceMappings` must name the root volume with `ebs.encrypted` true, "
                "got no volume, so that the image decides."
            ),
        ),
        (RULES[3], PUBLIC, "true", f"`{PUBLIC}` must not be true, got `true`."),
    ],
)
def test_an_unsafe_template_is_refused(rule, path, value, message):
    assert check(rule, TEMPLATE, changed(SAFE_TEMPLATE, path, value)) == refused(message)


@pytest.mark.parametrize(
    ("rule", "path", "value", "message"),
    [
        (
            RULES[2],
            "rootBlockDevice",
            REMOVED,
            "`rootBlockDevice.encrypted` must be true, got nothing.",
        ),
        (
            RULES[2],
            "ebsBlockDevices[0].encrypted",
            False,
            "`ebsBlockDevices[0].encrypted` must be true, got false.",
        ),
        (
            RULES[3],
            "associatePublicIpAddress",
            True,
            "`associatePublicIpAddress` must not be true, got true.",
        ),
    ],
)
def test_an_unsafe_configuration_is_refused(rule, path, value, message):
    verdict = check(rule, CONFIGURATION, changed(SAFE_CONFIGURATION, path, value))

    assert verdict == refused(message)


@pytest.mark.parametrize(
    ("rule", "path", "waiting"),
    [
        (RULES[0], "metadataOptions.httpTokens", "metadataOptions.httpTokens"),
        (RULES[0], "metadataOptions", "metadataOptions.httpTokens"),
        (
            RULES[1],
            "metadataOptions.httpPutResponseHopLimit",
            "metadataOptions.httpPutResponseHopLimit",
        ),
        (RULES[2], ENCRYPTED, ENCRYPTED),
        (RULES[2], "blockDeviceMappings", "blockDeviceMappings"),
        (RULES[2], "blockDeviceMappings[0]", "blockDeviceMappings[0]"),
        (RULES[3], PUBLIC, PUBLIC),
        (RULES[3], "networkInterfaces", "networkInterfaces"),
    ],
)
def test_an_unknown_property_is_not_decided(rule, path, waiting):
    verdict = check(rule, TEMPLATE, changed(SAFE_TEMPLATE, path, UNKNOWN))

    assert verdict.refusals == []
    assert waits(waiting).notes[0] in verdict.notes


@pytest.mark.parametrize("rule", RULES[:2])
def test_without_metadata_service_its_options_do_not_matter(rule):
    off = SAFE_TEMPLATE | {"metadataOptions": {"httpEndpoint": "disabled"}}

    assert check(rule, TEMPLATE, off) == PASSED
