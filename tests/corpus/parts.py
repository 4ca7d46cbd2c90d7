"""What many stacks have in common, sound by default; a stack says what it does otherwise."""

import json
from typing import Any

from tests.corpus.build import Ref, Resource, Secret, Stack, text, user_data

AMI = "ami-0c1f44f890950b53c"


class Network:
    """A VPC with public, private and database subnets, as most stacks have it."""

    def __init__(
        self,
        s: Stack,
        name: str = "main",
        *,
        zones: str = "abc",
        nat: str = "each",
        cidr: str = "10.20",
        size: int = 20,
        parent: Resource | None = None,
        provider: Resource | None = None,
    ) -> None:
        region = provider.given["region"] if provider else s.region
        on = {"parent": parent, "provider": provider}
        self.zones = [region + zone for zone in zones]
        self.vpc = s.add(
            "ec2.Vpc",
            name,
            cidrBlock=f"{cidr}.0.0/16",
            enableDnsHostnames=True,
            tags={"Name": name},
            **on,
        )
        gateway = s.add("ec2.InternetGateway", f"{name}-igw", vpcId=self.vpc.id, **on)
        out = s.add(
            "ec2.RouteTable",
            f"{name}-public",
            vpcId=self.vpc.id,
            routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}],
            **on,
        )
        self.public, self.private = [], []
        gate = None
        for index, zone in enumerate(zones):
            public = s.add(
                "ec2.Subnet",
                f"{name}-public-{zone}",
                vpcId=self.vpc.id,
                availabilityZone=region + zone,
                cidrBlock=f"{cidr}.{index}.0/24",
                mapPublicIpOnLaunch=True,
                tags={"Name": f"{name}-public-{zone}"},
                **on,
            )
            s.add(
                "ec2.RouteTableAssociation",
                f"{name}-public-{zone}",
                subnetId=public.id,
                routeTableId=out.id,
                **on,
            )
            self.public.append(public)
            if nat == "each" or (nat == "one" and gate is None):
                address = s.add("ec2.Eip", f"{name}-nat-{zone}", domain="vpc", **on)
                gate = s.add(
                    "ec2.NatGateway",
                    f"{name}-nat-{zone}",
                    allocationId=address.id,
                    subnetId=public.id,
                    **on,
                )
            private = s.add(
                "ec2.Subnet",
                f"{name}-private-{zone}",
                vpcId=self.vpc.id,
                availabilityZone=region + zone,
                cidrBlock=f"{cidr}.{64 + 16 * index}.0/{size}",
                tags={"Name": f"{name}-private-{zone}"},
                **on,
            )
            self.private.append(private)
            if gate is not None:
                table = s.add(
                    "ec2.RouteTable",
                    f"{name}-private-{zone}",
                    vpcId=self.vpc.id,
                    routes=[{"cidrBlock": "0.0.0.0/0", "natGatewayId": gate.id}],
                    **on,
                )
                s.add(
                    "ec2.RouteTableAssociation",
                    f"{name}-private-{zone}",
                    subnetId=private.id,
                    routeTableId=table.id,
                    **on,
                )

    def ids(self, which: str = "private") -> list[Ref]:
        return [subnet.id for subnet in getattr(self, which)]


class Elsewhere:
    """A network that another stack owns, known by its ids only."""

    def __init__(self, vpc: str = "vpc-0b7f3a1de9c24a8e1", zones: int = 3) -> None:
        self.vpc = _Known(vpc)
        self._zones = zones

    def ids(self, which: str = "private") -> list[str]:
        digit = "a" if which == "private" else "b"
        return [f"subnet-0{digit}{index}4be22f10c9d3e7" for index in range(self._zones)]


class _Known:
    def __init__(self, identity: str) -> None:
        self.id = identity


EVERYWHERE = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]


def open_to(*ports: int, cidr: str = "0.0.0.0/0") -> list[dict[str, Any]]:
    return [
        {"protocol": "tcp", "fromPort": port, "toPort": port, "cidrBlocks": [cidr]}
        for port in ports
    ]


def open_from(group: Resource, *ports: int) -> list[dict[str, Any]]:
    return [
        {"protocol": "tcp", "fromPort": port, "toPort": port, "securityGroups": [group.id]}
        for port in ports
    ]


def security_group(s: Stack, name: str, net: Any, ingress: list, **more: Any) -> Resource:
    return s.add(
        "ec2.SecurityGroup",
        name,
        **{"vpcId": net.vpc.id, "ingress": ingress, "egress": EVERYWHERE} | more,
    )


class Front:
    """A load balancer for HTTPS with a redirect, and one target group."""

    def __init__(
        self,
        s: Stack,
        name: str,
        net: Any,
        *,
        port: int = 8080,
        ports: tuple[int, ...] = (80, 443),
        module: str = "lb",
        balancer: dict[str, Any] | None = None,
        targets: dict[str, Any] | None = None,
        check: dict[str, Any] | None = None,
        https: dict[str, Any] | None = None,
        redirect: bool = True,
        logs: bool = True,
        parent: Resource | None = None,
        provider: Resource | None = None,
    ) -> None:
        on = {"parent": parent, "provider": provider}
        self.port = port
        self.group = security_group(s, f"{name}-lb", net, open_to(*ports), **on)
        more: dict[str, Any] = {}
        if logs:
            self.bucket = s.add("s3.Bucket", f"{name}-lb-logs", **on)
            s.add(
                "s3.BucketPublicAccessBlock",
                f"{name}-lb-logs",
                bucket=self.bucket.id,
                blockPublicAcls=True,
                blockPublicPolicy=True,
                ignorePublicAcls=True,
                restrictPublicBuckets=True,
                **on,
            )
            s.add(
                "s3.BucketPolicy",
                f"{name}-lb-logs",
                bucket=self.bucket.id,
                policy=text(
                    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":'
                    '"logdelivery.elasticloadbalancing.amazonaws.com"},"Action":"s3:PutObject",'
                    '"Resource":"',
                    self.bucket.arn,
                    '/*"}]}',
                ),
                **on,
            )
            more["accessLogs"] = {"bucket": self.bucket.id, "enabled": True}
        self.balancer = s.add(
            f"{module}.LoadBalancer",
            name,
            **{
                "internal": False,
                "loadBalancerType": "application",
                "securityGroups": [self.group.id],
                "subnets": net.ids("public"),
                "enableDeletionProtection": True,
                "dropInvalidHeaderFields": True,
                "tags": {"Name": name},
            }
            | more
            | on
            | (balancer or {}),
        )
        self.targets = s.add(
            f"{module}.TargetGroup",
            name,
            **{
                "port": port,
                "protocol": "HTTP",
                "vpcId": net.vpc.id,
                "deregistrationDelay": 60,
                "healthCheck": {
                    "path": "/healthz",
                    "interval": 10,
                    "timeout": 5,
                    "healthyThreshold": 2,
                    "unhealthyThreshold": 3,
                    "matcher": "200",
                }
                | (check or {}),
            }
            | on
            | (targets or {}),
        )
        self.https = s.add(
            f"{module}.Listener",
            f"{name}-https",
            **{
                "loadBalancerArn": self.balancer.arn,
                "port": 443,
                "protocol": "HTTPS",
                "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
                "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/"
                "6b1c9f0e-55d1-4f0e-9c2b-1d7c1f1b0a77",
                "defaultActions": [{"type": "forward", "targetGroupArn": self.targets.arn}],
            }
            | on
            | (https or {}),
        )
        if redirect:
            s.add(
                f"{module}.Listener",
                f"{name}-http",
                loadBalancerArn=self.balancer.arn,
                port=80,
                protocol="HTTP",
                defaultActions=[
                    {
                        "type": "redirect",
                        "redirect": {
                            "port": "443",
                            "protocol": "HTTPS",
                            "statusCode": "HTTP_301",
                        },
                    }
                ],
                **on,
            )


def role(s: Stack, name: str, *policies: str, parent: Resource | None = None) -> Resource:
    """Return the instance profile of a role that EC2 assumes."""
    made = s.add(
        "iam.Role",
        name,
        parent=parent,
        assumeRolePolicy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ec2.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )
    for policy in policies or ("AmazonSSMManagedInstanceCore",):
        s.add(
            "iam.RolePolicyAttachment",
            f"{name}-{policy.rsplit('/', 1)[-1].lower()}",
            parent=parent,
            role=made.name_,
            policyArn=f"arn:aws:iam::aws:policy/{policy}",
        )
    return s.add("iam.InstanceProfile", name, parent=parent, role=made.name_)


def template(s: Stack, name: str, groups: list[Any], **more: Any) -> Resource:
    """Return a launch template of a service on port 8080."""
    on = {key: more.pop(key) for key in ("parent", "provider") if key in more}
    return s.add(
        "ec2.LaunchTemplate",
        name,
        **{
            "imageId": AMI,
            "instanceType": "m7g.large",
            "updateDefaultVersion": True,
            "vpcSecurityGroupIds": groups,
            "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required"},
            "monitoring": {"enabled": True},
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {"volumeSize": 30, "volumeType": "gp3", "encrypted": "true"},
                }
            ],
            "userData": user_data("systemctl start app"),
        }
        | on
        | more,
    )


def group(s: Stack, name: str, net: Any, made_of: Resource | None, **more: Any) -> Resource:
    """Return a group over the private subnets, whose size the program leaves to its scaler."""
    on = {key: more.pop(key) for key in ("parent", "provider", "depends") if key in more}
    source = (
        {"launchTemplate": {"id": made_of.id, "version": "$Latest"}} if made_of is not None else {}
    )
    tags = [{"key": "Name", "value": name, "propagateAtLaunch": True}]
    return s.add(
        "autoscaling.Group",
        name,
        **{
            "minSize": 4,
            "maxSize": 24,
            "desiredCapacity": 6,
            "vpcZoneIdentifiers": net.ids("private"),
            "healthCheckType": "ELB",
            "healthCheckGracePeriod": 180,
            "defaultInstanceWarmup": 120,
            "tags": tags,
            "ignore": ("desiredCapacity",),
        }
        | source
        | on
        | more,
    )


def mixed(made_of: Resource, *types: str, base: int = 3, above: int = 40, **more: Any) -> dict:
    """Return the property of a group of several types, some of it Spot."""
    return {
        "instancesDistribution": {
            "onDemandBaseCapacity": base,
            "onDemandPercentageAboveBaseCapacity": above,
            "spotAllocationStrategy": "price-capacity-optimized",
        }
        | more,
        "launchTemplate": {
            "launchTemplateSpecification": {
                "launchTemplateId": made_of.id,
                "version": "$Latest",
            },
            "overrides": [{"instanceType": each} for each in types],
        },
    }


def track_cpu(s: Stack, name: str, of: Any, target: float = 50.0, **more: Any) -> Resource:
    return s.add(
        "autoscaling.Policy",
        name,
        **{
            "autoscalingGroupName": of.name_ if isinstance(of, Resource) else of,
            "policyType": "TargetTrackingScaling",
            "targetTrackingConfiguration": {
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "ASGAverageCPUUtilization"
                },
                "targetValue": target,
            },
        }
        | more,
    )


def track_requests(s: Stack, name: str, of: Resource, front: Front, target: float) -> Resource:
    return s.add(
        "autoscaling.Policy",
        name,
        parent=of.parent,
        provider=of.provider,
        autoscalingGroupName=of.name_,
        policyType="TargetTrackingScaling",
        targetTrackingConfiguration={
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ALBRequestCountPerTarget",
                "resourceLabel": text(front.balancer.arnSuffix, "/", front.targets.arnSuffix),
            },
            "targetValue": target,
        },
    )


class Paging:
    """A topic that somebody reads, and the alarms that most services have."""

    def __init__(
        self,
        s: Stack,
        name: str = "oncall",
        *,
        subscription: dict[str, Any] | None = None,
        topic: dict[str, Any] | None = None,
        subscribed: bool = True,
        parent: Resource | None = None,
        provider: Resource | None = None,
    ) -> None:
        self._s, self._on = s, {"parent": parent, "provider": provider}
        self.topic = s.add("sns.Topic", name, **self._on, **(topic or {}))
        if subscribed:
            s.add(
                "sns.TopicSubscription",
                f"{name}-pager",
                **{
                    "topic": self.topic.arn,
                    "protocol": "https",
                    "endpoint": "https://events.pagerduty.com/integration/0f5a/enqueue",
                    "endpointAutoConfirms": True,
                    "outputs": {"pendingConfirmation": False},
                }
                | self._on
                | (subscription or {}),
            )

    def alarm(self, name: str, namespace: str, metric: str, dimensions: dict, **more: Any):
        return self._s.add(
            "cloudwatch.MetricAlarm",
            name,
            **{
                "namespace": namespace,
                "metricName": metric,
                "dimensions": dimensions,
                "statistic": "Sum",
                "period": 60,
                "evaluationPeriods": 3,
                "datapointsToAlarm": 2,
                "threshold": 25,
                "comparisonOperator": "GreaterThanThreshold",
                "treatMissingData": "notBreaching",
                "alarmActions": [self.topic.arn],
                "okActions": [self.topic.arn],
            }
            | self._on
            | more,
        )

    def for_front(self, name: str, front: Front) -> None:
        """Add what says that users see errors, wait, or meet no healthy target."""
        balancer = {"LoadBalancer": front.balancer.arnSuffix}
        both = balancer | {"TargetGroup": front.targets.arnSuffix}
        space = "AWS/ApplicationELB"
        self.alarm(f"{name}-elb-5xx", space, "HTTPCode_ELB_5XX_Count", balancer)
        self.alarm(f"{name}-target-5xx", space, "HTTPCode_Target_5XX_Count", balancer)
        self.alarm(
            f"{name}-latency",
            space,
            "TargetResponseTime",
            balancer,
            statistic=None,
            extendedStatistic="p95",
            threshold=1.5,
        )
        self.alarm(
            f"{name}-healthy-hosts",
            space,
            "HealthyHostCount",
            both,
            statistic="Minimum",
            threshold=2,
            comparisonOperator="LessThanThreshold",
            treatMissingData="breaching",
        )

    def for_database(self, name: str, database: Resource) -> None:
        own = {"DBInstanceIdentifier": database.identifier}
        self.alarm(
            f"{name}-cpu", "AWS/RDS", "CPUUtilization", own, statistic="Average", threshold=80
        )
        self.alarm(
            f"{name}-connections",
            "AWS/RDS",
            "DatabaseConnections",
            own,
            statistic="Maximum",
            threshold=400,
        )
        self.alarm(
            f"{name}-storage",
            "AWS/RDS",
            "FreeStorageSpace",
            own,
            statistic="Minimum",
            threshold=20 * 1024**3,
            comparisonOperator="LessThanThreshold",
            treatMissingData="missing",
        )


def postgres(s: Stack, name: str, net: Any, clients: Resource, **more: Any) -> Resource:
    """Return a database in two zones, with backups, that the clients' group may reach."""
    on = {key: more.pop(key) for key in ("parent", "provider") if key in more}
    subnets = s.add("rds.SubnetGroup", name, subnetIds=net.ids("private"), **on)
    allowed = security_group(s, f"{name}-db", net, open_from(clients, 5432), **on)
    return s.add(
        "rds.Instance",
        name,
        **{
            "engine": "postgres",
            "engineVersion": "16.4",
            "instanceClass": "db.r6g.xlarge",
            "allocatedStorage": 200,
            "maxAllocatedStorage": 1000,
            "storageType": "gp3",
            "storageEncrypted": True,
            "multiAz": True,
            "backupRetentionPeriod": 14,
            "deletionProtection": True,
            "finalSnapshotIdentifier": f"{name}-final",
            "username": "app",
            "password": Secret("s3cret"),
            "dbSubnetGroupName": subnets.name_,
            "vpcSecurityGroupIds": [allowed.id],
            "performanceInsightsEnabled": True,
        }
        | on
        | more,
    )


def aurora(s: Stack, name: str, net: Any, clients: Resource, *, instances: int = 2, **more: Any):
    """Return a cluster of Aurora MySQL and its instances."""
    member = more.pop("member", {})
    subnets = s.add("rds.SubnetGroup", name, subnetIds=net.ids("private"))
    allowed = security_group(s, f"{name}-db", net, open_from(clients, 3306))
    cluster = s.add(
        "rds.Cluster",
        name,
        **{
            "engine": "aurora-mysql",
            "engineVersion": "8.0.mysql_aurora.3.08.0",
            "databaseName": "app",
            "masterUsername": "admin",
            "manageMasterUserPassword": True,
            "storageEncrypted": True,
            "backupRetentionPeriod": 14,
            "deletionProtection": True,
            "finalSnapshotIdentifier": f"{name}-final",
            "dbSubnetGroupName": subnets.name_,
            "vpcSecurityGroupIds": [allowed.id],
        }
        | more,
    )
    for index in range(instances):
        s.add(
            "rds.ClusterInstance",
            f"{name}-{index}",
            **{
                "clusterIdentifier": cluster.id,
                "engine": cluster.engine,
                "instanceClass": "db.r6g.xlarge",
                "performanceInsightsEnabled": True,
                "outputs": {"writer": index == 0},
            }
            | member,
        )
    return cluster


def redis(s: Stack, name: str, net: Any, clients: Resource, **more: Any) -> Resource:
    subnets = s.add("elasticache.SubnetGroup", name, subnetIds=net.ids("private"))
    allowed = security_group(s, f"{name}-cache", net, open_from(clients, 6379))
    return s.add(
        "elasticache.ReplicationGroup",
        name,
        **{
            "description": f"cache of {name}",
            "engine": "redis",
            "engineVersion": "7.1",
            "nodeType": "cache.m7g.large",
            "numCacheClusters": 2,
            "automaticFailoverEnabled": True,
            "multiAzEnabled": True,
            "atRestEncryptionEnabled": True,
            "transitEncryptionEnabled": True,
            "parameterGroupName": "default.redis7",
            "snapshotRetentionLimit": 7,
            "subnetGroupName": subnets.name_,
            "securityGroupIds": [allowed.id],
        }
        | more,
    )


def web_acl(s: Stack, name: str, front: Front, *, limit: int = 4000, attach: bool = True, **more):
    """Return a web ACL with a managed rule group and a limit for each address."""
    shown = {
        "cloudwatchMetricsEnabled": True,
        "metricName": name,
        "sampledRequestsEnabled": True,
    }
    acl = s.add(
        "wafv2.WebAcl",
        name,
        **{
            "scope": "REGIONAL",
            "defaultAction": {"allow": {}},
            "visibilityConfig": shown,
            "rules": [
                {
                    "name": "common",
                    "priority": 1,
                    "overrideAction": {"none": {}},
                    "statement": {
                        "managedRuleGroupStatement": {
                            "vendorName": "AWS",
                            "name": "AWSManagedRulesCommonRuleSet",
                        }
                    },
                    "visibilityConfig": shown,
                },
                {
                    "name": "rate",
                    "priority": 2,
                    "action": {"block": {}},
                    "statement": {"rateBasedStatement": {"limit": limit, "aggregateKeyType": "IP"}},
                    "visibilityConfig": shown,
                },
            ],
        }
        | more,
    )
    if attach:
        s.add(
            "wafv2.WebAclAssociation",
            name,
            resourceArn=front.balancer.arn,
            webAclArn=acl.arn,
        )
    return acl
