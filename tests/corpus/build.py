"""States and plans as Pulumi writes them, from a few lines a resource.

A `Stack` collects resources; a property of one that another is given becomes its value in the state
and a property dependency beside it. What the provider fills in (ids, ARNs, defaults) is filled in
the same places: defaults of the schema in the inputs, with their names under `__defaults`, and what
AWS decides in the outputs only. `export` is version 3 of `pulumi stack export`; `preview` is what
`pulumi preview --json --show-sames` prints before the first update or before a change.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "123456789012"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - how Pulumi marks one
SECRET_KIND = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
VERSIONS = {6: "6.83.0", 7: "7.11.0"}

DEFAULTS: dict[str, dict[str, Any]] = {
    "autoscaling.Group": {
        "forceDelete": False,
        "forceDeleteWarmPool": False,
        "healthCheckGracePeriod": 300,
        "ignoreFailedScalingActivities": False,
        "metricsGranularity": "1Minute",
        "protectFromScaleIn": False,
        "waitForCapacityTimeout": "10m",
    },
    "autoscaling.Policy": {"enabled": True, "policyType": "SimpleScaling"},
    "cloudwatch.MetricAlarm": {"actionsEnabled": True, "treatMissingData": "missing"},
    "cloudwatch.CompositeAlarm": {"actionsEnabled": True},
    "cloudwatch.LogGroup": {"retentionInDays": 0, "skipDestroy": False},
    "ec2.SecurityGroup": {"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
    "ec2.Subnet": {
        "assignIpv6AddressOnCreation": False,
        "enableDns64": False,
        "mapPublicIpOnLaunch": False,
    },
    "ec2.Vpc": {"enableDnsSupport": True, "instanceTenancy": "default"},
    "ecs.Service": {
        "deploymentMaximumPercent": 200,
        "deploymentMinimumHealthyPercent": 100,
        "enableEcsManagedTags": False,
        "enableExecuteCommand": False,
        "schedulingStrategy": "REPLICA",
        "waitForSteadyState": False,
    },
    "elasticache.ReplicationGroup": {"automaticFailoverEnabled": False, "multiAzEnabled": False},
    "elb.LoadBalancer": {
        "connectionDraining": False,
        "connectionDrainingTimeout": 300,
        "crossZoneLoadBalancing": True,
        "desyncMitigationMode": "defensive",
        "idleTimeout": 60,
    },
    "lb.LoadBalancer": {
        "clientKeepAlive": 3600,
        "desyncMitigationMode": "defensive",
        "dropInvalidHeaderFields": False,
        "enableCrossZoneLoadBalancing": False,
        "enableDeletionProtection": False,
        "enableHttp2": True,
        "enableWafFailOpen": False,
        "idleTimeout": 60,
        "loadBalancerType": "application",
        "preserveHostHeader": False,
        "xffHeaderProcessingMode": "append",
    },
    "lb.TargetGroup": {
        "deregistrationDelay": 300,
        "lambdaMultiValueHeadersEnabled": False,
        "proxyProtocolV2": False,
        "slowStart": 0,
        "targetType": "instance",
    },
    "rds.Cluster": {
        "allowMajorVersionUpgrade": False,
        "deleteAutomatedBackups": True,
        "engineMode": "provisioned",
        "skipFinalSnapshot": False,
    },
    "rds.ClusterInstance": {
        "autoMinorVersionUpgrade": True,
        "monitoringInterval": 0,
        "promotionTier": 0,
        "publiclyAccessible": False,
    },
    "rds.Instance": {
        "applyImmediately": False,
        "autoMinorVersionUpgrade": True,
        "copyTagsToSnapshot": False,
        "deleteAutomatedBackups": True,
        "monitoringInterval": 0,
        "publiclyAccessible": False,
        "skipFinalSnapshot": False,
    },
    "s3.Bucket": {"forceDestroy": False},
    "sns.TopicSubscription": {
        "confirmationTimeoutInMinutes": 1,
        "endpointAutoConfirms": False,
        "rawMessageDelivery": False,
    },
}
"""Defaults of the provider's schema, which it writes into the inputs."""

ELB = "arn:aws:elasticloadbalancing:{region}:{account}"
COMPUTED: dict[str, dict[str, Any]] = {
    "alb.LoadBalancer": {
        "id": ELB + ":loadbalancer/{kind}/{name}/{h16}",
        "arn": ELB + ":loadbalancer/{kind}/{name}/{h16}",
        "arnSuffix": "{kind}/{name}/{h16}",
        "dnsName": "{name}-{h9}.{region}.elb.amazonaws.com",
        "zoneId": "Z35SXDOTRQ7X7K",
        "internal": False,
        "ipAddressType": "ipv4",
        "accessLogs": {"bucket": "", "enabled": False, "prefix": ""},
    },
    "alb.TargetGroup": {
        "id": ELB + ":targetgroup/{name}/{h16}",
        "arn": ELB + ":targetgroup/{name}/{h16}",
        "arnSuffix": "targetgroup/{name}/{h16}",
        "ipAddressType": "ipv4",
        "loadBalancingAlgorithmType": "round_robin",
        "loadBalancingCrossZoneEnabled": "use_load_balancer_configuration",
        "protocolVersion": "HTTP1",
        "healthCheck": {
            "enabled": True,
            "healthyThreshold": 3,
            "interval": 30,
            "matcher": "200",
            "path": "/",
            "port": "traffic-port",
            "protocol": "HTTP",
            "timeout": 5,
            "unhealthyThreshold": 3,
        },
        "stickiness": {
            "cookieDuration": 86400,
            "cookieName": "",
            "enabled": False,
            "type": "lb_cookie",
        },
    },
    "alb.Listener": {
        "id": ELB + ":listener/app/{name}/{h16}/{h15}",
        "arn": ELB + ":listener/app/{name}/{h16}/{h15}",
    },
    "alb.ListenerRule": {
        "id": ELB + ":listener-rule/app/{name}/{h16}/{h15}/{h9}",
        "arn": ELB + ":listener-rule/app/{name}/{h16}/{h15}/{h9}",
    },
    "acm.Certificate": {
        "id": "arn:aws:acm:{region}:{account}:certificate/{uuid}",
        "arn": "arn:aws:acm:{region}:{account}:certificate/{uuid}",
        "status": "ISSUED",
    },
    "autoscaling.Group": {
        "id": "{name}",
        "arn": "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{uuid}"
        ":autoScalingGroupName/{name}",
        "defaultCooldown": 300,
        "healthCheckType": "EC2",
        "maxInstanceLifetime": 0,
        "serviceLinkedRoleArn": "arn:aws:iam::{account}:role/aws-service-role/"
        "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        "predictedCapacity": 0,
        "warmPoolSize": 0,
    },
    "autoscaling.Policy": {
        "id": "{name}",
        "arn": "arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid}:policyName/{name}",
        "metricAggregationType": "",
    },
    "cloudwatch.MetricAlarm": {
        "id": "{name}",
        "arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    },
    "cloudwatch.CompositeAlarm": {
        "id": "{alarmName}",
        "arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{alarmName}",
    },
    "dynamodb.Table": {
        "id": "{name}",
        "arn": "arn:aws:dynamodb:{region}:{account}:table/{name}",
        "tableClass": "STANDARD",
    },
    "ec2.Eip": {"id": "eipalloc-{h17}", "allocationId": "eipalloc-{h17}", "publicIp": "52.16.3.4"},
    "ec2.InternetGateway": {"id": "igw-{h17}"},
    "ec2.LaunchConfiguration": {
        "id": "{name}",
        "arn": "arn:aws:autoscaling:{region}:{account}:launchConfiguration:{uuid}"
        ":launchConfigurationName/{name}",
        "ebsOptimized": False,
        "enableMonitoring": True,
    },
    "ec2.LaunchTemplate": {
        "id": "lt-{h17}",
        "arn": "arn:aws:ec2:{region}:{account}:launch-template/lt-{h17}",
        "defaultVersion": 1,
        "latestVersion": 3,
    },
    "ec2.NatGateway": {"id": "nat-{h17}", "publicIp": "52.16.3.4", "connectivityType": "public"},
    "ec2.Route": {"id": "r-rtb-{h17}", "state": "active"},
    "ec2.RouteTable": {"id": "rtb-{h17}"},
    "ec2.RouteTableAssociation": {"id": "rtbassoc-{h17}"},
    "ec2.SecurityGroup": {
        "id": "sg-{h17}",
        "arn": "arn:aws:ec2:{region}:{account}:security-group/sg-{h17}",
        "ownerId": ACCOUNT,
    },
    "ec2.SecurityGroupRule": {"id": "sgrule-{h9}", "securityGroupRuleId": "sgr-{h17}"},
    "ec2.Subnet": {
        "id": "subnet-{h17}",
        "arn": "arn:aws:ec2:{region}:{account}:subnet/subnet-{h17}",
        "ownerId": ACCOUNT,
    },
    "ec2.Vpc": {
        "id": "vpc-{h17}",
        "arn": "arn:aws:ec2:{region}:{account}:vpc/vpc-{h17}",
        "ownerId": ACCOUNT,
    },
    "ecs.CapacityProvider": {
        "id": "arn:aws:ecs:{region}:{account}:capacity-provider/{name}",
        "arn": "arn:aws:ecs:{region}:{account}:capacity-provider/{name}",
    },
    "ecs.Cluster": {
        "id": "arn:aws:ecs:{region}:{account}:cluster/{name}",
        "arn": "arn:aws:ecs:{region}:{account}:cluster/{name}",
    },
    "ecs.Service": {"id": "arn:aws:ecs:{region}:{account}:service/{name}"},
    "ecs.TaskDefinition": {
        "id": "{family}",
        "arn": "arn:aws:ecs:{region}:{account}:task-definition/{family}:7",
        "revision": 7,
    },
    "efs.FileSystem": {
        "id": "fs-{h17}",
        "arn": "arn:aws:elasticfilesystem:{region}:{account}:file-system/fs-{h17}",
    },
    "efs.MountTarget": {"id": "fsmt-{h17}"},
    "eks.Cluster": {
        "id": "{name}",
        "arn": "arn:aws:eks:{region}:{account}:cluster/{name}",
        "endpoint": "https://{h16}.gr7.{region}.eks.amazonaws.com",
        "status": "ACTIVE",
    },
    "eks.NodeGroup": {
        "id": "{clusterName}:{nodeGroupName}",
        "arn": "arn:aws:eks:{region}:{account}:nodegroup/{clusterName}/{nodeGroupName}/{uuid}",
        "amiType": "AL2023_x86_64_STANDARD",
        "capacityType": "ON_DEMAND",
        "diskSize": 20,
        "resources": [{"autoscalingGroups": [{"name": "eks-{nodeGroupName}-{uuid}"}]}],
        "status": "ACTIVE",
    },
    "elasticache.ReplicationGroup": {
        "id": "{replicationGroupId}",
        "arn": "arn:aws:elasticache:{region}:{account}:replicationgroup:{replicationGroupId}",
        "atRestEncryptionEnabled": False,
        "primaryEndpointAddress": "{replicationGroupId}.{h5}.ng.0001.euw1.cache.amazonaws.com",
        "snapshotRetentionLimit": 0,
    },
    "elb.LoadBalancer": {
        "id": "{name}",
        "arn": ELB + ":loadbalancer/{name}",
        "dnsName": "{name}-{h9}.{region}.elb.amazonaws.com",
        "internal": False,
        "zoneId": "Z35SXDOTRQ7X7K",
    },
    "iam.InstanceProfile": {
        "id": "{name}",
        "arn": "arn:aws:iam::{account}:instance-profile/{name}",
        "path": "/",
    },
    "iam.Role": {
        "id": "{name}",
        "arn": "arn:aws:iam::{account}:role/{name}",
        "maxSessionDuration": 3600,
        "path": "/",
    },
    "kms.Key": {
        "id": "{uuid}",
        "arn": "arn:aws:kms:{region}:{account}:key/{uuid}",
        "keyId": "{uuid}",
        "isEnabled": True,
    },
    "rds.Cluster": {
        "id": "{clusterIdentifier}",
        "arn": "arn:aws:rds:{region}:{account}:cluster:{clusterIdentifier}",
        "backupRetentionPeriod": 1,
        "deletionProtection": False,
        "endpoint": "{clusterIdentifier}.cluster-{h9}.{region}.rds.amazonaws.com",
        "port": 3306,
        "storageEncrypted": False,
    },
    "rds.ClusterInstance": {
        "id": "{identifier}",
        "arn": "arn:aws:rds:{region}:{account}:db:{identifier}",
        "performanceInsightsEnabled": False,
        "writer": False,
    },
    "rds.Instance": {
        "id": "db-{h17}",
        "arn": "arn:aws:rds:{region}:{account}:db:{identifier}",
        "address": "{identifier}.{h9}.{region}.rds.amazonaws.com",
        "backupRetentionPeriod": 0,
        "deletionProtection": False,
        "endpoint": "{identifier}.{h9}.{region}.rds.amazonaws.com:5432",
        "maxAllocatedStorage": 0,
        "multiAz": False,
        "performanceInsightsEnabled": False,
        "port": 5432,
        "status": "available",
        "storageEncrypted": False,
    },
    "rds.Proxy": {
        "id": "{name}",
        "arn": "arn:aws:rds:{region}:{account}:db-proxy:prx-{h17}",
        "endpoint": "{name}.proxy-{h9}.{region}.rds.amazonaws.com",
        "idleClientTimeout": 1800,
    },
    "rds.ProxyDefaultTargetGroup": {"id": "{dbProxyName}", "name": "default"},
    "s3.Bucket": {
        "id": "{bucket}",
        "arn": "arn:aws:s3:::{bucket}",
        "bucketDomainName": "{bucket}.s3.amazonaws.com",
    },
    "secretsmanager.Secret": {
        "id": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-{h5}",
        "arn": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-{h5}",
    },
    "sns.Topic": {
        "id": "arn:aws:sns:{region}:{account}:{name}",
        "arn": "arn:aws:sns:{region}:{account}:{name}",
        "owner": ACCOUNT,
    },
    "sns.TopicSubscription": {
        "id": "{topic}:{uuid}",
        "arn": "{topic}:{uuid}",
        "confirmationWasAuthenticated": True,
        "ownerId": ACCOUNT,
        "pendingConfirmation": False,
    },
    "sqs.Queue": {
        "id": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "arn": "arn:aws:sqs:{region}:{account}:{name}",
        "url": "https://sqs.{region}.amazonaws.com/{account}/{name}",
    },
    "vpc.SecurityGroupEgressRule": {"id": "sgr-{h17}", "securityGroupRuleId": "sgr-{h17}"},
    "vpc.SecurityGroupIngressRule": {"id": "sgr-{h17}", "securityGroupRuleId": "sgr-{h17}"},
    "wafv2.WebAcl": {
        "id": "{uuid}",
        "arn": "arn:aws:wafv2:{region}:{account}:regional/webacl/{name}/{uuid}",
        "capacity": 702,
    },
}
"""What AWS decides, which is in the outputs only; of some of them what it puts for a default."""

NAMED = {
    "acm.Certificate": None,
    "cloudwatch.CompositeAlarm": None,
    "ecs.TaskDefinition": None,
    "eks.NodeGroup": "nodeGroupName",
    "elasticache.ReplicationGroup": "replicationGroupId",
    "rds.Cluster": "clusterIdentifier",
    "rds.ClusterInstance": "identifier",
    "rds.Instance": "identifier",
    "s3.Bucket": "bucket",
}
"""The property that the provider makes a name of, where it is not `name`; None: it makes none."""
AUTONAMED = {
    *("alb.LoadBalancer", "alb.TargetGroup", "lb.LoadBalancer", "lb.TargetGroup"),
    *("autoscaling.Group", "autoscaling.Policy", "cloudwatch.MetricAlarm", "cloudwatch.LogGroup"),
    *("dynamodb.Table", "ec2.LaunchConfiguration", "ec2.LaunchTemplate", "ec2.SecurityGroup"),
    *("ecs.CapacityProvider", "ecs.Cluster", "ecs.Service", "eks.Cluster", "elb.LoadBalancer"),
    *("iam.InstanceProfile", "iam.Role", "rds.ParameterGroup", "rds.Proxy", "rds.SubnetGroup"),
    *("secretsmanager.Secret", "sns.Topic", "wafv2.WebAcl", "elasticache.SubnetGroup"),
    *("elasticache.ParameterGroup", "rds.ClusterParameterGroup", "sqs.Queue", "ssm.Parameter"),
}

MAPS = {"dimensions", "tags", "tagsAll"}
GLOBAL = {"iam", "route53"}
"""Modules without a Region."""
CUSTOM = ("aws-native:", "pulumi:providers:", "pulumi:pulumi:StackReference")


@dataclass(frozen=True)
class Ref:
    """A property of another resource."""

    of: "Resource"
    key: str


@dataclass(frozen=True)
class Text:
    """A text that is made of parts, some of which are properties of other resources."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Secret:
    """A value that the state holds encrypted and a preview does not show."""

    value: str


def text(*parts: Any) -> Text:
    return Text(parts)


def user_data(*lines: str) -> str:
    return base64.b64encode("\n".join(("#!/bin/bash", *lines, "")).encode()).decode()


class Resource:
    def __init__(self, stack: "Stack", kind: str, name: str, inputs: dict[str, Any], **options):
        self._stack, self.kind, self.name, self.given = stack, kind, name, inputs
        self.parent: Resource | None = options.pop("parent")
        self.depends: tuple[Resource, ...] = options.pop("depends")
        self.provider: Resource | None = options.pop("provider")
        self.external: bool = options.pop("external")
        self.protect: bool = options.pop("protect")
        self.ignore: tuple[str, ...] = options.pop("ignore")
        self.outputs: dict[str, Any] = options.pop("outputs")
        digest = hashlib.sha256(self.urn.encode()).hexdigest()
        self.hex = digest

    def __getattr__(self, key: str) -> Ref:
        if key.startswith("_"):
            raise AttributeError(key)
        return Ref(self, key.removesuffix("_"))

    @property
    def type(self) -> str:
        if ":" in self.kind:
            return self.kind
        module, cls = self.kind.split(".")
        return f"aws:{module}/{cls[0].lower()}{cls[1:]}:{cls}"

    @property
    def custom(self) -> bool:
        return ":" not in self.kind or self.kind.startswith(CUSTOM)

    @property
    def path(self) -> str:
        above = self.parent
        if above is None or above.type == "pulumi:pulumi:Stack":
            return self.type
        return f"{above.path}${self.type}"

    @property
    def urn(self) -> str:
        return f"urn:pulumi:{self._stack.stack}::{self._stack.project}::{self.path}::{self.name}"

    @property
    def region(self) -> str:
        if self.provider is not None:
            return str(self.provider.given["region"])
        return self._stack.region

    def inputs(self) -> dict[str, Any]:
        """Return the inputs as the provider has checked them: names and defaults filled in."""
        found = dict(self.given)
        filled = []
        short = self.kind.replace("alb.", "lb.")
        if self.kind in AUTONAMED or NAMED.get(self.kind):
            key = NAMED.get(self.kind) or "name"
            if key not in found and "namePrefix" not in found:
                found[key] = f"{self.name}-{self.hex[:7]}"
                filled.append(key)
        for key, value in DEFAULTS.get(short, {}).items():
            if key == "enableCrossZoneLoadBalancing" and found.get("loadBalancerType") != "network":
                continue
            if key not in found:
                found[key] = value
                filled.append(key)
        if ":" not in self.kind:
            if isinstance(found.get("tags"), dict):
                found["tagsAll"] = found["tags"]
            if self._stack.version == 7 and self.kind.split(".")[0] not in GLOBAL:
                found["region"] = self.region
                filled.append("region")
            found["__defaults"] = sorted(filled)
        return found

    def all_outputs(self) -> dict[str, Any]:
        """Return inputs, what AWS fills in, and what the stack says of it, as one."""
        given = {key: value for key, value in self.inputs().items() if key != "__defaults"}
        names = {key: value for key, value in given.items() if isinstance(value, str | Ref)}
        h = self.hex
        names |= {
            "region": self.region,
            "account": ACCOUNT,
            "kind": "net" if given.get("loadBalancerType") == "network" else "app",
            "uuid": f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}",
            **{f"h{size}": h[:size] for size in (5, 9, 15, 16, 17)},
        }
        names.setdefault("name", given.get("namePrefix", f"{self.name}-") + h[:16])
        names = {key: self._stack.value(value) for key, value in names.items()}
        key = self.kind.replace("lb.", "alb.") if self.kind.startswith("lb.") else self.kind
        made = _format(COMPUTED.get(key, {"id": f"{self.name}-{h[:7]}"}), names)
        for name, value in made.items():
            if isinstance(value, dict) and isinstance(given.get(name), dict):
                given[name] = value | given[name]
            else:
                given.setdefault(name, value)
        given["id"] = made["id"]
        return given | self.outputs


def _format(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return value.format_map(names)
    if isinstance(value, dict):
        return {key: _format(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_format(item, names) for item in value]
    return value


@dataclass
class Stack:
    """Resources of one stack of one project.

    Attributes:
        project: Name of the project.
        stack: Name of the stack.
        region: Region of its default provider.
        version: Major version of pulumi-aws.

    """

    project: str
    stack: str = "prod"
    region: str = "eu-west-1"
    version: int = 7
    resources: list[Resource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.add("pulumi:pulumi:Stack", f"{self.project}-{self.stack}", parent=None)
        name = f"default_{VERSIONS[self.version].replace('.', '_')}"
        self.default = self.add(
            "pulumi:providers:aws", name, region=self.region, version=VERSIONS[self.version]
        )

    def add(
        self,
        kind: str,
        name: str,
        *,
        parent: Resource | None = None,
        depends: Iterable[Resource] = (),
        provider: Resource | None = None,
        external: bool = False,
        protect: bool = False,
        ignore: tuple[str, ...] = (),
        outputs: dict[str, Any] | None = None,
        **inputs: Any,
    ) -> Resource:
        """Add a resource: `kind` is `lb.LoadBalancer`, or a whole type with colons."""
        given = {key.removesuffix("_"): value for key, value in inputs.items() if value is not None}
        resource = Resource(
            self,
            kind,
            name,
            given,
            parent=parent if parent or not self.resources else self.root,
            depends=tuple(depends),
            provider=provider,
            external=external,
            protect=protect,
            ignore=ignore,
            outputs=outputs or {},
        )
        self.resources.append(resource)
        return resource

    def value(self, value: Any, *, known: bool = True, seen: set[str] | None = None) -> Any:
        """Return the value that the document holds; `seen` collects the resources it is made of."""
        if isinstance(value, Ref):
            if seen is not None:
                seen.add(value.of.urn)
            own = value.of.inputs()
            if value.key in own and value.key != "id":
                return self.value(own[value.key], known=known)
            if not known:
                return UNKNOWN
            return self.value(value.of.all_outputs()[value.key])
        if isinstance(value, Text):
            parts = [self.value(part, known=known, seen=seen) for part in value.parts]
            return UNKNOWN if UNKNOWN in parts else "".join(str(part) for part in parts)
        if isinstance(value, Secret):
            if not known:
                return "[secret]"
            return {SECRET: SECRET_KIND, "ciphertext": base64.b64encode(b"v1:" * 12).decode()}
        if isinstance(value, dict):
            return {key: self.value(item, known=known, seen=seen) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, known=known, seen=seen) for item in value]
        return value

    def _maps(self, key: str) -> bool:
        """Return whether a property's value is marked: in older states maps of texts are, too.

        States that `pulumi import` or a refresh wrote have them marked to this day.
        """
        return self.version == 6 or key not in MAPS

    def _entry(self, resource: Resource, *, known: bool) -> dict[str, Any]:
        dependencies: set[str] = {each.urn for each in resource.depends}
        by_property = {}
        inputs = {}
        for key, value in resource.inputs().items():
            seen: set[str] = set()
            inputs[key] = self.value(value, known=known, seen=seen)
            if resource.custom and key != "__defaults":
                by_property[key] = sorted(seen)
            dependencies |= seen
        entry: dict[str, Any] = {
            "urn": resource.urn,
            "custom": resource.custom,
            "type": resource.type,
        }
        if resource.custom and known:
            entry["id"] = self.value(resource.all_outputs()["id"])
        if resource.custom and ":" not in resource.kind and not resource.external:
            inputs = {
                key: value if key == "__defaults" else _marked(value, marked=self._maps(key))
                for key, value in inputs.items()
            }
        if inputs:
            entry["inputs"] = inputs
        if known and resource.custom:
            outputs = self.value(resource.all_outputs())
            entry["outputs"] = {key: value for key, value in outputs.items() if value is not None}
        elif known:
            entry["outputs"] = self.value(resource.outputs)
        if resource.parent is not None:
            entry["parent"] = resource.parent.urn
        if resource.external:
            entry["external"] = True
        if resource.protect:
            entry["protect"] = True
        if resource.ignore:
            entry["ignoreChanges"] = list(resource.ignore)
        if dependencies:
            entry["dependencies"] = sorted(dependencies)
        if resource.custom and not resource.type.startswith("pulumi:"):
            provider = resource.provider or self.default
            identity = provider.hex[:8] + "-7d0a-4c5e-9f11-" + provider.hex[8:20]
            entry["provider"] = f"{provider.urn}::{identity if known else UNKNOWN}"
            entry["propertyDependencies"] = {key: urns or None for key, urns in by_property.items()}
        if known:
            entry["created"] = entry["modified"] = "2025-03-04T09:12:44.118Z"
        return entry

    def export(self) -> dict[str, Any]:
        """Return what `pulumi stack export` writes."""
        return {
            "version": 3,
            "deployment": {
                "manifest": {
                    "time": "2025-03-04T10:14:21.618Z",
                    "magic": hashlib.sha256(self.project.encode()).hexdigest(),
                    "version": "v3.153.1",
                },
                "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:oTc=:v1:q2="}},
                "resources": [self._entry(each, known=True) for each in self.resources],
                "metadata": {},
            },
        }

    def preview(self, changes: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """Return what `pulumi preview --json --show-sames` prints.

        Args:
            changes: By a resource's name, or name@kind, the inputs that the change sets; without
                it, nothing of the stack exists and all is created.

        """
        steps = []
        for each in self.resources:
            if each.type.startswith("pulumi:providers:") and not each.given:
                continue
            if changes is None:
                new = self._entry(each, known=False)
                op = "read" if each.external else "create"
                step = {"op": op, "urn": each.urn, "newState": new}
            else:
                old = self._entry(each, known=True)
                new = {
                    key: value
                    for key, value in old.items()
                    if key not in {"outputs", "created", "modified"}
                }
                step = {"op": "same", "urn": each.urn, "oldState": old, "newState": new}
                change = changes.get(f"{each.name}@{each.kind}") or changes.get(each.name)
                if change is not None and each.custom:
                    new["inputs"] = new["inputs"] | {
                        key: _marked(value, marked=self._maps(key)) for key, value in change.items()
                    }
                    step["op"] = "update"
                    step["diffReasons"] = sorted(change)
                    step["detailedDiff"] = {
                        key: {"kind": "update", "inputDiff": False} for key in change
                    }
            if "provider" in step["newState"]:
                step["provider"] = step["newState"]["provider"]
            steps.append(step)
        summary: dict[str, int] = {}
        for step in steps:
            summary[step["op"]] = summary.get(step["op"], 0) + 1
        return {
            "config": {"aws:region": self.region},
            "steps": steps,
            "duration": 7_412_000_000,
            "changeSummary": summary,
        }


def _marked(value: Any, *, marked: bool = True) -> Any:
    """Return a value with the note of defaults that the provider puts into each object."""
    if isinstance(value, dict):
        if SECRET in value:
            return value
        found = {key: _marked(item) for key, item in value.items()}
        return found | {"__defaults": []} if marked else found
    if isinstance(value, list):
        return [_marked(item) for item in value]
    return value
