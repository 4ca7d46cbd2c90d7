"""That what a resource names lies in its own Region."""

from typing import Final

from pulumi_policy import Severity

from surgeproof.policies import _types as types
from surgeproof.policies._rules import AnyRule, Report, Resource, ResourceRule, region_of_arn
from surgeproof.policies._values import show

_NAMED: Final = (
    (types.LISTENER, "certificateArn"),
    (types.TOPIC, "kmsMasterKeyId"),
    (types.METRIC_ALARM | types.COMPOSITE_ALARM, "alarmActions[*]"),
    (types.LAUNCH_TEMPLATE, "blockDeviceMappings[*].ebs.kmsKeyId"),
    (types.DB_INSTANCE | types.DB_CLUSTER, "kmsKeyId"),
    (types.DB_INSTANCE | types.DB_CLUSTER, "masterUserSecretKmsKeyId"),
    (types.DB_INSTANCE, "domainAuthSecretArn"),
    (types.LOG_GROUP, "kmsKeyId"),
    (types.LIFECYCLE_HOOK | types.GROUP_NOTIFICATION, "notificationTargetArn"),
    (types.SUBSCRIPTION, "topic"),
)
"""Where a resource names another by its ARN, and AWS takes one of the same Region only."""


def _check_region(resource: Resource, report: Report) -> None:
    own = resource.region
    for kinds, path in _NAMED:
        if resource.type not in kinds or not own:
            continue
        for at, arn in resource.each(path):
            region = region_of_arn(arn)
            if region and region != own:
                must = f"be of {own}, where the {resource.type.rpartition(':')[2]} is"
                report.refuse(resource, at, must, show(arn))


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="resource-names-its-region",
        description="A certificate, key, topic, queue or secret that a resource names is of the "
        "resource's own Region: AWS finds it in no other, and the update fails halfway, or what is "
        "sent is lost.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html",
        types=frozenset().union(*(kinds for kinds, _ in _NAMED)),
        check=_check_region,
        fix="Make one in the same Region, with the same provider, or copy it there (multi-Region "
        "keys, replicated secrets).",
    ),
)
