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
CLASSIC_LOAD_BALANCER: Final = frozenset({"aws:elb/loadBalancer:LoadBalancer"})
LISTENER: Final = _balancing("Listener")
LISTENER_RULE: Final = _balancing("ListenerRule")
TARGET_ATTACHMENT: Final = _balancing("TargetGroupAttachment")
TARGET_GROUP: Final = _balancing("TargetGroup")
GROUP: Final = frozenset({"aws:autoscaling/group:Group"})
SCALING_POLICY: Final = frozenset({"aws:autoscaling/policy:Policy"})
GROUP_ATTACHMENT: Final = frozenset({"aws:autoscaling/attachment:Attachment"})
TRAFFIC_SOURCE_ATTACHMENT: Final = frozenset(
    {"aws:autoscaling/trafficSourceAttachment:TrafficSourceAttachment"}
)
LAUNCH_TEMPLATE: Final = frozenset({"aws:ec2/launchTemplate:LaunchTemplate"})
LAUNCH_CONFIGURATION: Final = frozenset({"aws:ec2/launchConfiguration:LaunchConfiguration"})
CAPACITY_PROVIDER: Final = frozenset({"aws:ecs/capacityProvider:CapacityProvider"})
LIFECYCLE_HOOK: Final = frozenset({"aws:autoscaling/lifecycleHook:LifecycleHook"})
SCHEDULE: Final = frozenset({"aws:autoscaling/schedule:Schedule"})
ECS_SERVICE: Final = frozenset({"aws:ecs/service:Service"})
SCALABLE_TARGET: Final = frozenset({"aws:appautoscaling/target:Target"})
RECORD: Final = frozenset({"aws:route53/record:Record"})
CACHE: Final = frozenset({"aws:elasticache/replicationGroup:ReplicationGroup"})
CACHE_PARAMETERS: Final = frozenset({"aws:elasticache/parameterGroup:ParameterGroup"})
TABLE: Final = frozenset({"aws:dynamodb/table:Table"})
ROLE: Final = frozenset({"aws:iam/role:Role"})
ROLE_POLICY_ATTACHMENT: Final = frozenset({"aws:iam/rolePolicyAttachment:RolePolicyAttachment"})
NAT_GATEWAY: Final = frozenset({"aws:ec2/natGateway:NatGateway"})
EKS_CLUSTER: Final = frozenset({"aws:eks/cluster:Cluster"})
SUBNET: Final = frozenset({"aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet"})
SECURITY_GROUP: Final = frozenset(
    {
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    }
)
SECURITY_GROUP_RULE: Final = frozenset({"aws:ec2/securityGroupRule:SecurityGroupRule"})
INGRESS_RULE: Final = frozenset({"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"})
EGRESS_RULE: Final = frozenset({"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"})
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
KMS_KEY: Final = frozenset({"aws:kms/key:Key"})
KEY_POLICY: Final = frozenset({"aws:kms/keyPolicy:KeyPolicy"})
KEY_ALIAS: Final = frozenset({"aws:kms/alias:Alias"})
KEY_GRANT: Final = frozenset({"aws:kms/grant:Grant"})
EVENT_TARGET: Final = frozenset({"aws:cloudwatch/eventTarget:EventTarget"})
GROUP_NOTIFICATION: Final = frozenset({"aws:autoscaling/notification:Notification"})
TOPIC_POLICY: Final = frozenset({"aws:sns/topicPolicy:TopicPolicy"})
SUBSCRIPTION: Final = frozenset({"aws:sns/topicSubscription:TopicSubscription"})
LOG_GROUP: Final = frozenset({"aws:cloudwatch/logGroup:LogGroup"})
DB_INSTANCE: Final = frozenset({"aws:rds/instance:Instance"})
DB_CLUSTER: Final = frozenset({"aws:rds/cluster:Cluster"})
DB_CLUSTER_INSTANCE: Final = frozenset({"aws:rds/clusterInstance:ClusterInstance"})
DB_PARAMETERS: Final = frozenset({"aws:rds/parameterGroup:ParameterGroup"})
DB_CLUSTER_PARAMETERS: Final = frozenset({"aws:rds/clusterParameterGroup:ClusterParameterGroup"})
DB_PROXY_POOL: Final = frozenset({"aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"})
DB_PROXY_TARGET: Final = frozenset({"aws:rds/proxyTarget:ProxyTarget"})
WEB_ACL: Final = frozenset({"aws:wafv2/webAcl:WebAcl"})
WEB_ACL_RULE: Final = frozenset({"aws:wafv2/webAclRule:WebAclRule"})
WEB_ACL_RULE_GROUP: Final = frozenset(
    {"aws:wafv2/webAclRuleGroupAssociation:WebAclRuleGroupAssociation"}
)
WEB_ACL_ASSOCIATION: Final = frozenset({"aws:wafv2/webAclAssociation:WebAclAssociation"})
WEB_ACL_LOGGING: Final = frozenset(
    {"aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"}
)


def _storage(kind: str) -> frozenset[str]:
    """Return a type of S3 by its name and by the one that ends in V2, which pulumi-aws 6 had."""
    kinds = (kind, f"{kind}V2")
    return frozenset(f"aws:s3/{each[0].lower()}{each[1:]}:{each}" for each in kinds)


BUCKET: Final = _storage("Bucket")
BUCKET_ENCRYPTION: Final = _storage("BucketServerSideEncryptionConfiguration")
BUCKET_LIFECYCLE: Final = _storage("BucketLifecycleConfiguration")
BUCKET_PUBLIC_ACCESS: Final = frozenset({"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"})
