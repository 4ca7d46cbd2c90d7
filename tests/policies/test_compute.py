import base64
import gzip
import json

import pytest

from tests.policies.analysis import (
    CONFIGURATION,
    KEY,
    KEY_ALIAS,
    KEY_GRANT,
    PASSED,
    REMOVED,
    TEMPLATE,
    UNKNOWN,
    Thing,
    Verdict,
    changed,
    check,
    check_stack,
    failed,
    refused,
    undecided,
    unknown,
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
            "blockDeviceMappings[0]",
            {"noDevice": "", "virtualName": "", "ebs": {}},
            f"`{ENCRYPTED}` must be true, got nothing.",
        ),
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


SECRETS = "launch-template-no-secrets-in-user-data"
MONITORED = "launch-template-detailed-monitoring"
OWN_KEY = "launch-template-customer-key"
LETS_LAUNCH = "launch-template-key-lets-auto-scaling"
KEY_PATH = "blockDeviceMappings[0].ebs.kmsKeyId"
TOKENS = [
    ("AWS_ACCESS_KEY_ID=AKIA" + "IOSFODNN7EXAMPLE", "an access key of AWS"),
    ("curl -H 'Authorization: ghp_" + "a" * 36 + "'", "a token of GitHub"),
    ("SLACK=xoxb-" + "1234567890-abc", "a token of Slack"),
    ("-----BEGIN " + "RSA PRIVATE KEY-----", "a private key"),
    ("postgres://shop:" + "hunter2@db/shop", "a password in a URL"),
    ("export DB_PASSWORD=" + "hunter2hunter2", "a value for a name of a secret"),
    ('{"api_key": "' + 'abcdef123456"}', "a value for a name of a secret"),
]


def _encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(("text", "what"), TOKENS)
def test_a_secret_in_user_data_is_told_by_place_and_never_shown(text, what):
    lines = f"#!/bin/sh\nset -e\n{text}\n"
    verdicts = [
        check(SECRETS, TEMPLATE, {"userData": _encoded(lines)}),
        check(
            SECRETS,
            TEMPLATE,
            {"userData": base64.b64encode(gzip.compress(lines.encode())).decode()},
        ),
        check(SECRETS, CONFIGURATION, {"userData": lines}),
    ]

    assert verdicts == [refused(f"`userData` must hold no secret, got {what} in line 3.")] * 3


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\ndnf install -y amazon-cloudwatch-agent\n",
        "export DB_PASSWORD=$(aws secretsmanager get-secret-value --secret-id shop)",
        "DB_PASSWORD=${DB_PASSWORD}",
        "export DB_PASSWORD_SECRET_KEY=arn:aws:secretsmanager:eu-central-1:1:secret:shop",
        "curl https://example.com/a:b@c",
        "PasswordAuthentication no",
    ],
)
def test_user_data_without_secrets_passes(text):
    assert check(SECRETS, TEMPLATE, {"userData": _encoded(text)}) == PASSED
    assert check(SECRETS, CONFIGURATION, {"userData": text}) == PASSED


def test_user_data_that_is_no_text_passes():
    assert check(SECRETS, TEMPLATE, {"userData": base64.b64encode(b"\xff\xfe").decode()}) == PASSED


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b"export DB_PASSWORD=hunter2")[:-9], gzip.compress(b"\n" * 5 * 2**20)],
    ids=["cut off", "too large"],
)
def test_packed_user_data_that_cannot_be_unpacked_has_not_been_searched(packed):
    assert check(SECRETS, TEMPLATE, {"userData": base64.b64encode(packed).decode()}) == failed(
        "the user data is gzip that cannot be unpacked"
    )


@pytest.mark.parametrize(
    "text",
    ["password" * 8000, "a." * 30_000, "a://" * 15_000, "-----BEGIN " + "A " * 30_000],
    ids=lambda text: text[:12],
)
def test_user_data_takes_no_time_that_grows_with_its_square(text):
    """A search of each word to the end of the text would take minutes."""
    assert check(SECRETS, CONFIGURATION, {"userData": text}) == PASSED


@pytest.mark.parametrize("path", ["userData", "userDataBase64"])
def test_unknown_user_data_is_not_decided(path):
    assert check(SECRETS, CONFIGURATION, {path: UNKNOWN}) == waits(path)


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        (TEMPLATE, {"monitoring": {"enabled": True}}),
        (CONFIGURATION, {"enableMonitoring": True}),
        (CONFIGURATION, {}),
    ],
    ids=["template", "configuration", "default"],
)
def test_detailed_monitoring_passes(type_, properties):
    assert check(MONITORED, type_, properties) == PASSED


@pytest.mark.parametrize(
    ("type_", "properties", "message"),
    [
        (TEMPLATE, {}, "`monitoring.enabled` must be true, got nothing."),
        (
            TEMPLATE,
            {"monitoring": {"enabled": False}},
            "`monitoring.enabled` must be true, got false.",
        ),
        (
            CONFIGURATION,
            {"enableMonitoring": False},
            "`enableMonitoring` must be true, got false.",
        ),
    ],
    ids=["nothing", "template", "configuration"],
)
def test_basic_monitoring_is_refused(type_, properties, message):
    assert check(MONITORED, type_, properties) == refused(message)


def test_unknown_monitoring_is_not_decided():
    assert check(MONITORED, TEMPLATE, {"monitoring": UNKNOWN}) == waits("monitoring.enabled")


@pytest.mark.parametrize("key", ["arn:aws:kms:eu-central-1:1:key/1", UNKNOWN])
def test_a_volume_with_an_own_key_passes(key):
    assert check(OWN_KEY, TEMPLATE, changed(SAFE_TEMPLATE, KEY_PATH, key)) == PASSED


@pytest.mark.parametrize(
    ("path", "value", "got"),
    [
        (ENCRYPTED, "true", "nothing"),
        (ENCRYPTED, UNKNOWN, "nothing"),
        (KEY_PATH, "", "an empty text"),
    ],
)
def test_a_volume_without_an_own_key_is_refused(path, value, got):
    assert check(OWN_KEY, TEMPLATE, changed(SAFE_TEMPLATE, path, value)) == refused(
        f"`{KEY_PATH}` must name a key of your own, got {got}."
    )


def test_unknown_volumes_have_no_known_key():
    unknown_volumes = {"blockDeviceMappings": UNKNOWN}

    assert check(OWN_KEY, TEMPLATE, unknown_volumes) == waits("blockDeviceMappings")


ROLE = "arn:aws:iam::1:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
LAUNCHED = Thing(TEMPLATE, "web", changed(SAFE_TEMPLATE, KEY_PATH, "key-arn"))
LETS = {
    "Effect": "Allow",
    "Principal": {"AWS": ROLE},
    "Action": ["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant"],
}
GRANT = {
    "keyId": "key-arn",
    "granteePrincipal": ROLE,
    "operations": ["Decrypt", "GenerateDataKeyWithoutPlaintext"],
}
NO_GRANT = (
    "`policy` must let AWSServiceRoleForAutoScaling use the key, as volumes of LaunchTemplate "
    "`web` need it, got {}."
)


def _key(*statements):
    return Thing(KEY, "key", {"arn": "key-arn", "policy": json.dumps({"Statement": statements})})


def test_a_key_whose_policy_lets_auto_scaling_use_it_passes():
    assert check_stack(LETS_LAUNCH, [LAUNCHED, _key(LETS)]) == PASSED


def test_a_grant_does_it_too():
    grant = Thing(KEY_GRANT, "grant", GRANT)

    assert check_stack(LETS_LAUNCH, [LAUNCHED, _key(), grant]) == PASSED


@pytest.mark.parametrize("key", [None, ""])
def test_a_template_without_key_needs_no_grant(key):
    template = Thing(TEMPLATE, "web", changed(SAFE_TEMPLATE, KEY_PATH, key))

    assert check_stack(LETS_LAUNCH, [template, _key()]) == PASSED


@pytest.mark.parametrize("by", ["arn", "id", "keyId"])
def test_templates_and_grants_name_a_key_in_any_way(by):
    named = {by: "key-arn"}
    lets = Thing(KEY, "key", named | {"policy": json.dumps({"Statement": [LETS]})})
    silent = Thing(KEY, "key", named)
    grant = Thing(KEY_GRANT, "grant", GRANT)

    assert check_stack(LETS_LAUNCH, [LAUNCHED, lets]) == PASSED
    assert check_stack(LETS_LAUNCH, [LAUNCHED, silent, grant]) == PASSED


def test_a_template_names_a_key_by_its_alias_or_before_it_is_made():
    aliased = Thing(TEMPLATE, "web", changed(SAFE_TEMPLATE, KEY_PATH, "alias/web"))
    alias = Thing(KEY_ALIAS, "alias", {"name": "alias/web", "targetKeyId": "key-arn"})
    coming = Thing(
        TEMPLATE, "web", changed(SAFE_TEMPLATE, KEY_PATH, UNKNOWN), {"blockDeviceMappings": ["key"]}
    )

    assert check_stack(LETS_LAUNCH, [aliased, alias, _key(LETS)]) == PASSED
    assert check_stack(LETS_LAUNCH, [coming, _key(LETS)]) == PASSED


@pytest.mark.parametrize(
    "stack",
    [
        [_key()],
        [_key(LETS | {"Effect": "Deny"})],
        [_key(LETS | {"Action": "kms:Decrypt"})],
        [_key(LETS | {"Principal": {"AWS": "arn:aws:iam::1:root"}})],
        [_key(), Thing(KEY_GRANT, "grant", GRANT | {"operations": ["Decrypt"]})],
        [_key(), Thing(KEY_GRANT, "grant", GRANT | {"operations": None})],
        [_key(), Thing(KEY_GRANT, "grant", GRANT | {"granteePrincipal": "arn:aws:iam::1:root"})],
        [_key(), Thing(KEY_GRANT, "grant", GRANT | {"keyId": "other"})],
    ],
    ids=[
        "nobody",
        "deny",
        "less",
        "root",
        "grants less",
        "grants nothing",
        "grants root",
        "other key",
    ],
)
def test_a_key_that_auto_scaling_may_not_use_is_refused(stack):
    assert check_stack(LETS_LAUNCH, [LAUNCHED, *stack]) == refused(
        NO_GRANT.format("no such statement, nor a grant"), "key"
    )


def test_the_default_policy_does_not_let_auto_scaling():
    key = Thing(KEY, "key", {"arn": "key-arn"})

    assert check_stack(LETS_LAUNCH, [LAUNCHED, key]) == refused(NO_GRANT.format("nothing"), "key")


def test_what_may_let_auto_scaling_is_not_decided():
    key = unknown(KEY, "key", {"arn": "key-arn"}, "policy")
    to_whom = unknown(KEY_GRANT, "grant", GRANT, "granteePrincipal")
    what = unknown(KEY_GRANT, "grant", GRANT, "operations")
    template = Thing(
        TEMPLATE, "web", changed(SAFE_TEMPLATE, KEY_PATH, UNKNOWN), {"blockDeviceMappings": ["x"]}
    )

    assert check_stack(LETS_LAUNCH, [LAUNCHED, key]) == waits("policy", "key")
    assert check_stack(LETS_LAUNCH, [LAUNCHED, _key(), to_whom]) == waits(
        "granteePrincipal", "grant"
    )
    assert check_stack(LETS_LAUNCH, [LAUNCHED, _key(), what]) == waits("operations", "grant")
    assert check_stack(LETS_LAUNCH, [template]) == waits(KEY_PATH)
    assert check_stack(LETS_LAUNCH, [LAUNCHED]) == undecided(
        f"`{KEY_PATH}` names a key that this stack does not make."
    )


def test_every_template_is_judged():
    plain = Thing(TEMPLATE, "plain", SAFE_TEMPLATE)
    foreign = Thing(TEMPLATE, "foreign", changed(SAFE_TEMPLATE, KEY_PATH, "other"))

    assert check_stack(LETS_LAUNCH, [plain, foreign, LAUNCHED, _key()]) == Verdict(
        refused(NO_GRANT.format("no such statement, nor a grant"), "key").refusals,
        undecided(f"`{KEY_PATH}` names a key that this stack does not make.", "foreign").notes,
    )
