"""Rules on what an instance is launched from."""

from typing import Any, Final

from pulumi_policy import Severity

from policies import _types as types
from policies._rules import AnyRule, Need, PropertyRule, Report, Resource, ResourceRule, When
from policies._values import ABSENT, UNKNOWN, is_true, number, show

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


RULES: Final[tuple[AnyRule, ...]] = (
    PropertyRule(
        name="launch-template-requires-imdsv2",
        description="Instances answer for their credentials only to IMDSv2: version 1 hands the "
        "role's keys to any request that the application can be tricked into sending.",
        severity=Severity.HIGH,
        control="AutoScaling.3",
        sources=("CKV_AWS_79", "AWS-0130", "EC2.170", "CT.EC2.PR.1"),
        types=_LAUNCHES,
        when=(_METADATA_ON,),
        needs=(
            Need("metadataOptions.httpTokens", "be `required`", lambda mode: mode == "required"),
        ),
        fix='Set metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1} on '
        "the aws.ec2.LaunchTemplate.",
    ),
    PropertyRule(
        name="launch-template-imds-hop-limit",
        description="The metadata answer travels one hop, so that containers and proxies on the "
        "instance do not get its credentials. Stated, because an image that asks for IMDSv2, as "
        "Amazon Linux 2023 does, raises the default to 2.",
        severity=Severity.HIGH,
        control="AutoScaling.4",
        sources=("CKV_AWS_341", "CT.EC2.PR.2"),
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
        types=_LAUNCHES,
        check=_check_encrypted,
        fix='Set block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"encrypted": "true", '
        '"volume_type": "gp3"}}] on the aws.ec2.LaunchTemplate, one entry per volume.',
    ),
    PropertyRule(
        name="launch-template-no-public-ip",
        description="Instances have no public address: users reach them through the load balancer "
        "and engineers through Session Manager.",
        severity=Severity.HIGH,
        control="EC2.25",
        sources=("CKV_AWS_88", "AWS-0009", "PCP aws-ec2-launchtemplate-disallow-public-ip"),
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
)
