"""Rules on what an instance is launched from."""

import base64
import re
import zlib
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from surgeproof.policies import _access
from surgeproof.policies import _types as types
from surgeproof.policies._rules import (
    AnyRule,
    CannotJudgeError,
    Mend,
    Need,
    PropertyRule,
    Report,
    Resource,
    ResourceRule,
    Stack,
    StackRule,
    When,
)
from surgeproof.policies._values import ABSENT, UNKNOWN, is_true, number, show

_EBS_GUIDE: Final = "https://docs.aws.amazon.com/ebs/latest/userguide"

_LAUNCHES: Final = types.LAUNCH_TEMPLATE | types.LAUNCH_CONFIGURATION
_METADATA_ON: Final = When("metadataOptions.httpEndpoint", lambda state: state != "disabled")


def _check_encrypted(source: Resource, report: Report) -> None:
    if source.type in types.LAUNCH_CONFIGURATION:
        volumes = [("rootBlockDevice.encrypted", source.read("rootBlockDevice.encrypted"))]
        volumes += source.each("ebsBlockDevices[*].encrypted")
    else:
        volumes = _template_volumes(source)
        if not volumes:
            report.refuse(
                source,
                "blockDeviceMappings",
                "name the root volume with `ebs.encrypted` true",
                "no volume, so that the image decides",
            )
    for path, value in volumes:
        if value is UNKNOWN:
            report.wait_for(source, path)
        elif not is_true(value):
            report.refuse(source, path, "be true", show(value))


def _template_volumes(template: Resource) -> list[tuple[str, Any]]:
    """Return `ebs.encrypted` of each mapping but instance stores and removed devices."""
    others = {
        at.rpartition(".")[0]
        for key in ("noDevice", "virtualName")
        for at, value in template.each(f"blockDeviceMappings[*].{key}")
        if value not in (ABSENT, UNKNOWN, "")
    }
    return [
        (at, value)
        for at, value in template.each("blockDeviceMappings[*].ebs.encrypted")
        if at.removesuffix(".ebs.encrypted") not in others
    ]


_SECRETS: Final = (
    # Shapes that are secrets and nothing else. Sources: AWS IAM, "IAM identifiers" (unique ID
    # prefixes); GitHub, "token formats"; RFC 7468.
    ("an access key of AWS", re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b")),
    ("a token of GitHub", re.compile(r"\b(?:gh[pousr]_\w{36}|github_pat_\w{40})")),
    ("a token of Slack", re.compile(r"\bxox[abprs]-[\w-]{10}")),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY-----")),
    (
        "a password in a URL",
        re.compile(r"\b[a-z][a-z0-9+.-]{0,30}+://[^\s:/@$]{1,256}+:[^\s:/@${}]{1,256}+@"),
    ),
    (
        "a value for a name of a secret",
        # What begins with $ is read when the instance starts.
        re.compile(
            r"(?i)(?:passwords?|passwd|secret(?:_?access)?_?key|api_?key|auth_?token)\w{0,64}+"
            r"[\"']?\s{0,64}+[=:]\s{0,64}+[\"']?(?![\"'\s$<{(]|arn:)[^\s\"']{6}"
        ),
    ),
)
"""Each looks at a bounded stretch of text from where it begins, so that none takes for ever."""

UNPACKED_BYTES_MAX: Final = 4 * 1024 * 1024
"""Most user data that is searched (bytes, unpacked). EC2 takes 16 kB of it, packed."""


def _check_user_data(source: Resource, report: Report) -> None:
    for path in ("userData", "userDataBase64"):
        value = source.read(path)
        if value is UNKNOWN:
            report.wait_for(source, path)
        if not isinstance(value, str):
            continue
        text = _decoded(value)
        for what, pattern in _SECRETS:
            match = pattern.search(text)
            if match is not None:
                line = text[: match.start()].count("\n") + 1
                report.refuse(source, path, "hold no secret", f"{what} in line {line}")


def _decoded(text: str) -> str:
    """Return user data in plain text: templates take it in base64, configurations as it is."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return text
    if data.startswith(b"\x1f\x8b"):
        try:
            unpack = zlib.decompressobj(wbits=31)
            data = unpack.decompress(data, UNPACKED_BYTES_MAX)
        except zlib.error as error:
            raise CannotJudgeError("the user data is gzip that cannot be unpacked") from error
        if not unpack.eof:
            raise CannotJudgeError("the user data is gzip that cannot be unpacked")
    return data.decode(errors="replace")


def _check_monitoring(source: Resource, report: Report) -> None:
    of_template = source.type in types.LAUNCH_TEMPLATE
    path = "monitoring.enabled" if of_template else "enableMonitoring"
    value = source.read(path)
    # A launch configuration's default is true.
    on = is_true(value) or (value is ABSENT and not of_template)
    if value is UNKNOWN:
        report.wait_for(source, path)
    elif not on:
        report.refuse(source, path, "be true", show(value))


def _check_own_key(template: Resource, report: Report) -> None:
    for at, encrypted in _template_volumes(template):
        path = at.removesuffix("encrypted") + "kmsKeyId"
        keys = dict(template.each("blockDeviceMappings[*].ebs.kmsKeyId"))
        if encrypted is UNKNOWN and path not in keys:
            report.wait_for(template, at)
        elif keys.get(path) in (ABSENT, ""):
            report.refuse(template, path, "name a key of your own", show(keys[path]))


_USES: Final = ("kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext")
_GRANTS: Final = ("Decrypt", "GenerateDataKeyWithoutPlaintext")


def _check_key_lets_launch(stack: Stack, report: Report) -> None:
    for template in stack.of(types.LAUNCH_TEMPLATE):
        given = [
            (at, value)
            for at, value in template.each("blockDeviceMappings[*].ebs.kmsKeyId")
            if value not in (ABSENT, "")
        ]
        if not given:
            continue
        at, value = given[0]
        named = [
            key
            for key in stack.of(types.KEY)
            if isinstance(value, str)
            and value in [key.read(name) for name in ("arn", "id", "keyId", "name")]
        ]
        named = named or [made for made in template.made_of(at) if made.type in types.KEY]
        key = named[0] if len(named) == 1 else None
        if key is not None and key.type in types.KEY_ALIAS:
            key = _access.key_of(stack, key, "targetKeyId")
        if key is None:
            if value is UNKNOWN:
                report.wait_for(template, at)
            else:
                report.undecided(template, f"`{at}` names a key that this stack does not make.")
            continue
        _check_lets_auto_scaling(stack, key, template, report)


def _check_lets_auto_scaling(
    stack: Stack, key: Resource, template: Resource, report: Report
) -> None:
    source, document = _access.key_policy(stack, key)
    found = _access.statements(document)
    if any(
        _access.allows(statement)
        and _access.acts(statement, *_USES)
        and _access.names(statement, _access.AUTO_SCALING_ROLE)
        for statement in found or ()
    ):
        return
    for grant in stack.of(types.KEY_GRANT):
        if stack.target(grant, "keyId", types.KEY - types.KEY_ALIAS, ("keyId", "id", "arn")) is key:
            who, operations = grant.read("granteePrincipal"), grant.read("operations")
            if UNKNOWN in (who, operations):
                report.wait_for(grant, "granteePrincipal" if who is UNKNOWN else "operations")
                return
            named = isinstance(who, str) and _access.AUTO_SCALING_ROLE in who
            if named and set(_GRANTS) <= set(operations if isinstance(operations, list) else ()):
                return
    if found is None:
        report.wait_for(source, "policy")
        return
    must = f"let {_access.AUTO_SCALING_ROLE} use the key, as volumes of {template.label} need it"
    got = "nothing" if document is ABSENT else "no such statement, nor a grant"
    report.refuse(source, "policy", must, got)


RULES: Final[tuple[AnyRule, ...]] = (
    PropertyRule(
        name="launch-template-requires-imdsv2",
        description="Instances answer for their credentials only to IMDSv2: version 1 hands the "
        "role's keys to any request that the application can be tricked into sending.",
        severity=Severity.HIGH,
        control="EC2.170",
        sources=("AutoScaling.3", "CKV_AWS_79", "AWS-0130", "CT.EC2.PR.1"),
        frameworks=("CIS 5.0.0 5.7",),
        types=_LAUNCHES,
        when=(_METADATA_ON,),
        needs=(
            Need("metadataOptions.httpTokens", "be `required`", lambda mode: mode == "required"),
        ),
        mends=(Mend("metadataOptions.httpTokens", "required"),),
        fix='Set metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1} on '
        "the aws.ec2.LaunchTemplate.",
    ),
    PropertyRule(
        name="launch-template-imds-hop-limit",
        description="The metadata answer travels one hop, so that containers and proxies on the "
        "instance do not get its credentials. Stated, because an image that asks for IMDSv2, as "
        "Amazon Linux 2023 does, raises the default to 2.",
        severity=Severity.HIGH,
        enforcement=EnforcementLevel.ADVISORY,
        sources=("CKV_AWS_341", "CT.EC2.PR.2"),
        url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html",
        types=_LAUNCHES,
        when=(_METADATA_ON,),
        needs=(
            Need(
                "metadataOptions.httpPutResponseHopLimit",
                "be 1",
                lambda limit: number(limit) == 1,
            ),
        ),
        fix='Set metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1} on '
        "the aws.ec2.LaunchTemplate.",
    ),
    ResourceRule(
        name="launch-template-encrypts-volumes",
        description="Every volume is encrypted, the root volume by name: a template that is silent "
        "about it leaves the choice to the image, and most images say no.",
        severity=Severity.HIGH,
        control="EC2.181",
        sources=(
            "PCP aws-ec2-launchtemplate-disallow-unencrypted-block-device",
            "AWS-0008",
            "CKV_AWS_8",
        ),
        frameworks=("Well-Architected SEC08-BP02",),
        types=_LAUNCHES,
        check=_check_encrypted,
        mends=(Mend("blockDeviceMappings[*].ebs.encrypted", "true", types.LAUNCH_TEMPLATE),),
        fix='Set block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"encrypted": "true", '
        '"volume_type": "gp3"}}] on the aws.ec2.LaunchTemplate, one entry per volume.',
    ),
    PropertyRule(
        name="launch-template-no-public-ip",
        description="Instances have no public address: users reach them through the load balancer "
        "and engineers through Session Manager.",
        severity=Severity.HIGH,
        control="EC2.25",
        sources=(
            "Autoscaling.5",
            "CKV_AWS_88",
            "AWS-0009",
            "PCP aws-ec2-launchtemplate-disallow-public-ip",
        ),
        frameworks=("Well-Architected SEC05-BP01",),
        types=_LAUNCHES,
        needs=tuple(
            Need(path, "not be true", lambda value: not is_true(value))
            for path in (
                "networkInterfaces[*].associatePublicIpAddress",
                "associatePublicIpAddress",
            )
        ),
        fix='Set network_interfaces=[{"associate_public_ip_address": "false", ...}] on the '
        "aws.ec2.LaunchTemplate and put the group into private subnets.",
    ),
    ResourceRule(
        name="launch-template-customer-key",
        description="Volumes are encrypted with a key of your own, whose use you can see and end. "
        "Opt-in: such a key costs money, and Auto Scaling must be let use it.",
        severity=Severity.LOW,
        sources=("PCP aws-ec2-launchtemplate-configure-customer-managed-key", "AWS-0027"),
        frameworks=("Well-Architected SEC08-BP01",),
        url=f"{_EBS_GUIDE}/ebs-encryption.html",
        enforcement=EnforcementLevel.DISABLED,
        types=types.LAUNCH_TEMPLATE,
        check=_check_own_key,
        fix='Set "kms_key_id": key.arn beside "encrypted": "true" in each volume of '
        "block_device_mappings.",
    ),
    ResourceRule(
        name="launch-template-no-secrets-in-user-data",
        description="User data holds no secret: whoever may describe the template reads it, and "
        "every process on the instance does. The message says where the secret is, never what.",
        severity=Severity.CRITICAL,
        sources=("CKV_AWS_46", "AWS-0129"),
        frameworks=("Well-Architected SEC02-BP03",),
        url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",
        types=_LAUNCHES,
        check=_check_user_data,
        fix="Name the secret in `fleet.application.secrets`, which is read when the instance "
        "starts; in a program, let user data fetch it from Secrets Manager. Then change the "
        "secret: the old one is in the state.",
    ),
    ResourceRule(
        name="launch-template-detailed-monitoring",
        description="Instances report every minute rather than every five: what happens to an "
        "instance in a surge happens within one.",
        severity=Severity.LOW,
        enforcement=EnforcementLevel.ADVISORY,
        sources=(
            "AG ec2-instance-detailed-monitoring-enabled",
            "G ec2_instance_detailed_monitoring_enabled",
        ),
        frameworks=("Well-Architected REL06-BP01",),
        url="https://docs.aws.amazon.com/autoscaling/ec2/userguide/enable-as-instance-metrics.html",
        types=_LAUNCHES,
        check=_check_monitoring,
        fix='Set monitoring={"enabled": True} on the aws.ec2.LaunchTemplate.',
    ),
    StackRule(
        name="launch-template-key-lets-auto-scaling",
        description="Where volumes have a key of your own, Auto Scaling's role may use it, by the "
        "key's policy or a grant. Without that every launch fails, and scaling out finds it first.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html",
        types=types.LAUNCH_TEMPLATE | types.KEY | types.KEY_POLICY | types.KEY_GRANT,
        check=_check_key_lets_launch,
        fix="Grant it to the role:\n"
        'aws.kms.Grant("launches", key_id=key.key_id, grantee_principal=service_linked_role_arn, '
        'operations=["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", '
        '"GenerateDataKeyWithoutPlaintext", "DescribeKey", "CreateGrant"])',
    ),
)
