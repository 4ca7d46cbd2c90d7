"""Rules on topics."""

from typing import Final

from pulumi_policy import Severity

from policies import _types as types
from policies._rules import AnyRule, Report, Stack, StackRule
from policies._values import ABSENT, UNKNOWN, show

_AWS_MANAGED: Final = "alias/aws/sns"


def _check_customer_key(stack: Stack, report: Report) -> None:
    for topic in stack.of(types.TOPIC):
        key = topic.read("kmsMasterKeyId")
        if key is UNKNOWN:
            if stack.target(topic, "kmsMasterKeyId", types.KEY) is None:
                report.wait_for(topic, "kmsMasterKeyId")
        elif key in (ABSENT, "") or str(key).endswith(_AWS_MANAGED):
            report.refuse(topic, "kmsMasterKeyId", "be a key of your own", show(key))


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="sns-topic-customer-key",
        description="Topics are encrypted with a key of your own. AWS's own key for SNS cannot let "
        "CloudWatch publish: a topic that uses it silences every alarm.",
        severity=Severity.HIGH,
        control="SNS.1",
        sources=("CKV_AWS_26", "AWS-0095", "AWS-0136"),
        types=types.TOPIC | types.KEY,
        check=_check_customer_key,
        fix="Make a key whose policy lets cloudwatch.amazonaws.com use kms:Decrypt and "
        "kms:GenerateDataKey*, and name it:\n"
        'aws.sns.Topic("page", kms_master_key_id=key.id)\n'
        "The Notifications component does both.",
    ),
)
