"""Type tokens: one table for all names of a type.

pulumi-aws 7.51.1 registers load balancers under `lb` and `alb`; `elasticloadbalancingv2` and
`applicationloadbalancing` are the earlier names that its classes list as aliases, which states and
older programs may still hold. The others have one name each.
"""

from typing import Final


def _balancing(kind: str) -> frozenset[str]:
    modules = ("lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing")
    return frozenset(f"aws:{module}/{kind[0].lower()}{kind[1:]}:{kind}" for module in modules)


LOAD_BALANCER: Final = _balancing("LoadBalancer")
LISTENER: Final = _balancing("Listener")
LISTENER_RULE: Final = _balancing("ListenerRule")
GROUP: Final = frozenset({"aws:autoscaling/group:Group"})
SCALING_POLICY: Final = frozenset({"aws:autoscaling/policy:Policy"})
GROUP_ATTACHMENT: Final = frozenset({"aws:autoscaling/attachment:Attachment"})
TRAFFIC_SOURCE_ATTACHMENT: Final = frozenset(
    {"aws:autoscaling/trafficSourceAttachment:TrafficSourceAttachment"}
)
LAUNCH_TEMPLATE: Final = frozenset({"aws:ec2/launchTemplate:LaunchTemplate"})
LAUNCH_CONFIGURATION: Final = frozenset({"aws:ec2/launchConfiguration:LaunchConfiguration"})
SUBNET: Final = frozenset({"aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet"})
SECURITY_GROUP: Final = frozenset(
    {
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    }
)
SECURITY_GROUP_RULE: Final = frozenset({"aws:ec2/securityGroupRule:SecurityGroupRule"})
INGRESS_RULE: Final = frozenset({"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"})
METRIC_ALARM: Final = frozenset({"aws:cloudwatch/metricAlarm:MetricAlarm"})
COMPOSITE_ALARM: Final = frozenset({"aws:cloudwatch/compositeAlarm:CompositeAlarm"})
DASHBOARD: Final = frozenset({"aws:cloudwatch/dashboard:Dashboard"})
TOPIC: Final = frozenset({"aws:sns/topic:Topic"})
KEY: Final = frozenset(
    {
        "aws:kms/key:Key",
        "aws:kms/alias:Alias",
        "aws:kms/externalKey:ExternalKey",
        "aws:kms/replicaKey:ReplicaKey",
    }
)
