"""What the tools of incidents may ask of AWS, as an IAM policy: no more than they call.

Which actions know resources: "Actions, resources, and condition keys" of each service in the
Service Authorization Reference. Where an action knows none, its resource is `*`.
"""

from typing import Any, Final

EXPORT: Final[dict[str, tuple[str, ...]]] = {
    "*": (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeScalingActivities",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
    ),
    "arn:aws:cloudwatch:<region>:<account>:alarm:*": ("cloudwatch:DescribeAlarmHistory",),
    "arn:aws:logs:<region>:<account>:log-group:<log group>:*": ("logs:FilterLogEvents",),
    "arn:aws:s3:::<log bucket>": ("s3:ListBucket",),
    "arn:aws:s3:::<log bucket>/*": ("s3:GetObject",),
}
"""Actions of `incident export` and of `incident report --stack` by the resource that they need."""


def policy() -> dict[str, Any]:
    """Return the IAM policy of `incident export`, with places for the names of an account."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": resource}
            for resource, actions in EXPORT.items()
        ],
    }
