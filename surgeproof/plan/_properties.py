"""Which properties of a resource a reader takes, which decide nothing, and which are not modelled.

One row a type or nested block. A property that is in none of the three is one that AWS or the
provider has since added: it is never passed over, but named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Harmless = Callable[[Any], bool]
"""Whether a value of a property that is not modelled changes nothing."""


def is_empty(value: Any) -> bool:
    """Whether the value is nothing, off or empty."""
    return value in (None, False, 0, "", "0", "false", "off") or value in ([], {})


def is_one_of(*values: Any) -> Harmless:
    """Return whether a value is empty or one of these."""
    return lambda value: is_empty(value) or value in values


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """The properties of one type, in the engine's words."""

    read: frozenset[str]
    inert: frozenset[str] = frozenset()
    """Decide nothing under load."""
    not_modelled: Mapping[str, tuple[Harmless, str]]
    """Why the plan is incomplete where one has a value that matters."""
    supply: frozenset[str] = frozenset()
    """Those of them that decide how much capacity there is; see `NotSeen.supply`."""

    @property
    def known(self) -> frozenset[str]:
        """All of them."""
        return self.read | self.inert | frozenset(self.not_modelled)


def _row(
    read: str, inert: str = "", supply: str = "", **not_modelled: str | tuple[Harmless, str]
) -> Properties:
    return Properties(
        supply=frozenset(supply.split()),
        read=frozenset(read.split()),
        inert=frozenset(inert.split()),
        not_modelled={
            key: (is_empty, value) if isinstance(value, str) else value
            for key, value in not_modelled.items()
        },
    )


def _balancing(kind: str) -> frozenset[str]:
    modules = ("lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing")
    return frozenset(f"aws:{module}/{kind[0].lower()}{kind[1:]}:{kind}" for module in modules)


GROUP: Final = frozenset({"aws:autoscaling/group:Group"})
CAPACITY_PROVIDER: Final = frozenset({"aws:ecs/capacityProvider:CapacityProvider"})
POLICY: Final = frozenset({"aws:autoscaling/policy:Policy"})
SCHEDULE: Final = frozenset({"aws:autoscaling/schedule:Schedule"})
HOOK: Final = frozenset({"aws:autoscaling/lifecycleHook:LifecycleHook"})
ATTACHMENT: Final = frozenset({"aws:autoscaling/attachment:Attachment"})
TRAFFIC_SOURCE: Final = frozenset(
    {"aws:autoscaling/trafficSourceAttachment:TrafficSourceAttachment"}
)
LAUNCH_TEMPLATE: Final = frozenset({"aws:ec2/launchTemplate:LaunchTemplate"})
LAUNCH_CONFIGURATION: Final = frozenset({"aws:ec2/launchConfiguration:LaunchConfiguration"})
SUBNET: Final = frozenset({"aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet"})
METRIC_ALARM: Final = frozenset({"aws:cloudwatch/metricAlarm:MetricAlarm"})
COMPOSITE_ALARM: Final = frozenset({"aws:cloudwatch/compositeAlarm:CompositeAlarm"})
LOAD_BALANCER: Final = _balancing("LoadBalancer")
LISTENER: Final = _balancing("Listener")
LISTENER_RULE: Final = _balancing("ListenerRule")
TARGET_GROUP: Final = _balancing("TargetGroup")
TOPIC: Final = frozenset({"aws:sns/topic:Topic"})
SECURITY_GROUP: Final = frozenset(
    {
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    }
)
SECURITY_GROUP_RULE: Final = frozenset({"aws:ec2/securityGroupRule:SecurityGroupRule"})
INGRESS_RULE: Final = frozenset({"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"})
DATABASE: Final = frozenset({"aws:rds/instance:Instance"})
DATABASE_CLUSTER: Final = frozenset({"aws:rds/cluster:Cluster"})
DATABASE_CLUSTER_INSTANCE: Final = frozenset({"aws:rds/clusterInstance:ClusterInstance"})
DATABASE_PARAMETERS: Final = frozenset({"aws:rds/parameterGroup:ParameterGroup"})
DATABASE_CLUSTER_PARAMETERS: Final = frozenset(
    {"aws:rds/clusterParameterGroup:ClusterParameterGroup"}
)
DATABASE_PROXY_TARGET: Final = frozenset({"aws:rds/proxyTarget:ProxyTarget"})

TYPES: Final = (
    GROUP
    | CAPACITY_PROVIDER
    | POLICY
    | SCHEDULE
    | HOOK
    | ATTACHMENT
    | TRAFFIC_SOURCE
    | LAUNCH_TEMPLATE
    | LAUNCH_CONFIGURATION
    | SUBNET
    | METRIC_ALARM
    | COMPOSITE_ALARM
    | LOAD_BALANCER
    | LISTENER
    | LISTENER_RULE
    | TARGET_GROUP
    | TOPIC
    | DATABASE
    | DATABASE_CLUSTER
    | DATABASE_CLUSTER_INSTANCE
    | DATABASE_PARAMETERS
    | DATABASE_CLUSTER_PARAMETERS
    | DATABASE_PROXY_TARGET
    | SECURITY_GROUP
    | SECURITY_GROUP_RULE
    | INGRESS_RULE
)
"""The types whose properties the readers need."""

_STATE: Final = "arn id region tags tagsAll"

GROUP_ROW: Final = _row(
    "name minSize maxSize desiredCapacity vpcZoneIdentifiers availabilityZones launchTemplate "
    "launchConfiguration mixedInstancesPolicy defaultInstanceWarmup defaultCooldown "
    "healthCheckType healthCheckGracePeriod enabledMetrics warmPool initialLifecycleHooks "
    "instanceRefresh instanceMaintenancePolicy targetGroupArns trafficSources",
    f"{_STATE} context forceDelete forceDeleteWarmPool ignoreFailedScalingActivities "
    # metricsGranularity has one value; terminationPolicies say which instance goes, not how many.
    "metricsGranularity minElbCapacity namePrefix placementGroup serviceLinkedRoleArn "
    "terminationPolicies waitForCapacityTimeout waitForElbCapacity predictedCapacity warmPoolSize",
    # Instances that are protected or retained only add to the supply.
    "capacityRebalance capacityReservationSpecification desiredCapacityType loadBalancers "
    "maxInstanceLifetime suspendedProcesses",
    availabilityZoneDistribution=(
        lambda value: (
            is_empty(value)
            or value.get("capacityDistributionStrategy") in (None, "balanced-best-effort")
        ),
        "Instances are taken to spread evenly, and to start in another zone where one is full.",
    ),
    capacityRebalance="Rebalancing of Spot instances is not modelled.",
    capacityReservationSpecification=(
        lambda value: (
            is_empty(value)
            or value.get("capacityReservationPreference") in (None, "default", "none")
        ),
        "Capacity reservations are not modelled.",
    ),
    desiredCapacityType=(
        is_one_of("units"),
        "Sizes in vCPU or memory are not modelled: they are taken for instances.",
    ),
    instanceLifecyclePolicy="Instances that are retained are not modelled.",
    loadBalancers="Classic load balancers are not modelled.",
    maxInstanceLifetime="Replacement of instances by age is not modelled.",
    protectFromScaleIn="Protected instances are not modelled: scale-in is taken to end them.",
    suspendedProcesses=(
        # Rebalancing between zones is not modelled anyway.
        lambda value: is_empty(value) or value == ["AZRebalance"],
        "Suspended processes are not modelled: all are taken to run.",
    ),
)

WARM_POOL_ROW: Final = _row(
    "poolState minSize maxGroupPreparedCapacity instanceReusePolicy",
    status="AWS is deleting the pool; it is taken to stay.",
)

MIXED_ROW: Final = _row("launchTemplate instancesDistribution")

DISTRIBUTION_ROW: Final = _row(
    "",
    "onDemandAllocationStrategy onDemandBaseCapacity spotAllocationStrategy spotInstancePools "
    "spotMaxPrice",
    "onDemandPercentageAboveBaseCapacity distributionSegments",
    onDemandPercentageAboveBaseCapacity=(
        lambda value: value in (None, 100, "100"),
        "Spot instances, which AWS may take back, are modelled as on-demand ones.",
    ),
    distributionSegments="Distribution segments are not modelled.",
)

OVERRIDE_ROW: Final = _row(
    "instanceType",
    "imageId",
    "instanceRequirements launchTemplateSpecification weightedCapacity",
    instanceRequirements="Instance types chosen by requirements are not resolved.",
    launchTemplateSpecification="A launch template of a single type is not modelled.",
    weightedCapacity=(
        is_one_of(1, "1"),
        "Weights are not modelled: each instance is taken to count once.",
    ),
)

MAINTENANCE_ROW: Final = _row("minHealthyPercentage maxHealthyPercentage")

REFRESH_ROW: Final = _row("preferences", "strategy triggers")

PREFERENCES_ROW: Final = _row(
    "minHealthyPercentage maxHealthyPercentage instanceWarmup alarmSpecification",
    "autoRollback skipMatching scaleInProtectedInstances standbyInstances",
    checkpointPercentages="Checkpoints of an instance refresh are not modelled.",
    checkpointDelay=(
        is_one_of(3600),
        "Checkpoints of an instance refresh are not modelled.",
    ),
    bakeTime="The bake time of an instance refresh is not modelled.",
)

HOOK_ROW: Final = _row(
    "name autoscalingGroupName lifecycleTransition heartbeatTimeout defaultResult",
    f"{_STATE} notificationMetadata notificationTargetArn roleArn globalTimeout",
)

TEMPLATE_ROW: Final = _row(
    "name instanceType monitoring latestVersion updateDefaultVersion creditSpecification",
    f"{_STATE} blockDeviceMappings defaultVersion description disableApiStop "
    "disableApiTermination ebsOptimized enclaveOptions hibernationOptions iamInstanceProfile "
    "imageId instanceInitiatedShutdownBehavior kernelId keyName licenseSpecifications "
    "maintenanceOptions metadataOptions namePrefix networkInterfaces networkPerformanceOptions "
    "privateDnsNameOptions ramDiskId secondaryInterfaces securityGroupNames tagSpecifications "
    "userData vpcSecurityGroupIds",
    "capacityReservationSpecification cpuOptions instanceMarketOptions instanceRequirements",
    capacityReservationSpecification=(
        lambda value: (
            is_empty(value) or value.get("capacityReservationPreference") in (None, "open", "none")
        ),
        "Capacity reservations are not modelled.",
    ),
    cpuOptions="CPU options are not modelled: an instance is taken to have all its vCPU.",
    instanceMarketOptions="Spot instances, which AWS may take back, are modelled as on-demand.",
    instanceRequirements="Instance types chosen by requirements are not resolved.",
    placement="Placement of instances is not modelled.",
)

CONFIGURATION_ROW: Final = _row(
    "name instanceType enableMonitoring",
    f"{_STATE} associatePublicIpAddress ebsBlockDevices ebsOptimized ephemeralBlockDevices "
    "iamInstanceProfile imageId keyName metadataOptions namePrefix placementTenancy "
    "rootBlockDevice securityGroups userData userDataBase64",
    "spotPrice",
    spotPrice="Spot instances, which AWS may take back, are modelled as on-demand.",
)

POLICY_ROW: Final = _row(
    "name autoscalingGroupName policyType adjustmentType scalingAdjustment stepAdjustments "
    "minAdjustmentMagnitude estimatedInstanceWarmup cooldown enabled targetTrackingConfiguration "
    "predictiveScalingConfiguration",
    _STATE,
    metricAggregationType=(
        is_one_of("Average"),
        "A step policy's own aggregation is not modelled: it goes by the alarm's last value.",
    ),
)

TRACKING_ROW: Final = _row(
    "targetValue disableScaleIn predefinedMetricSpecification customizedMetricSpecification"
)

PREDEFINED_ROW: Final = _row("predefinedMetricType resourceLabel")

_UNIT: Final = "A metric of one unit only is not modelled: the unit is left out."

CUSTOM_ROW: Final = _row(
    "namespace metricName metricDimensions statistic period metrics", unit=_UNIT
)

TRACKED_QUERY_ROW: Final = _row("id expression metricStat returnData period", "label")

STAT_ROW: Final = _row("metric stat period", unit=_UNIT)

STAT_METRIC_ROW: Final = _row("namespace metricName dimensions")

SCHEDULE_ROW: Final = _row(
    "scheduledActionName autoscalingGroupName startTime endTime recurrence timeZone minSize "
    "maxSize desiredCapacity",
    _STATE,
)

ALARM_ROW: Final = _row(
    "name namespace metricName dimensions statistic extendedStatistic period metricQueries "
    "comparisonOperator threshold evaluationPeriods datapointsToAlarm treatMissingData "
    "evaluateLowSampleCountPercentiles actionsEnabled alarmActions okActions warmUpConfiguration "
    "thresholdMetricId evaluationCriteria",
    f"{_STATE} alarmDescription evaluationInterval",
    evaluationWindow="Windows aligned to the clock are not modelled: they are taken to slide.",
    insufficientDataActions="Actions on missing data are not modelled.",
    unit=_UNIT,
    actionConfiguration="The configuration of actions is not modelled.",
)

QUERY_ROW: Final = _row(
    "id expression metric returnData period",
    "label",
    accountId="Metrics of another account are not modelled.",
)

QUERY_METRIC_ROW: Final = _row("namespace metricName dimensions period stat", unit=_UNIT)

COMPOSITE_ROW: Final = _row(
    "alarmName alarmRule actionsEnabled alarmActions okActions actionsSuppressor",
    f"{_STATE} alarmDescription",
    insufficientDataActions="Actions on missing data are not modelled.",
    actionConfiguration="The configuration of actions is not modelled.",
)

SUPPRESSOR_ROW: Final = _row("alarm waitPeriod extensionPeriod")

_CROSS_ZONE: Final = ("none", "", "true", "use_load_balancer_configuration")

TARGET_GROUP_ROW: Final = _row(
    "name protocol targetType healthCheck deregistrationDelay slowStart "
    "loadBalancingAlgorithmType stickiness targetGroupHealth loadBalancerArns arnSuffix",
    f"{_STATE} connectionTermination ipAddressType lambdaMultiValueHeadersEnabled namePrefix port "
    "preserveClientIp protocolVersion proxyProtocolV2 targetControlPort targetFailovers "
    "targetHealthStates vpcId",
    loadBalancingAnomalyMitigation="Anomaly mitigation is not modelled: targets get equal shares.",
    loadBalancingCrossZoneEnabled=(
        lambda value: str(value).lower() in _CROSS_ZONE,
        "Zones of their own are not modelled: all targets are taken to get equal shares.",
    ),
)

HEALTH_CHECK_ROW: Final = _row(
    "enabled interval timeout healthyThreshold unhealthyThreshold", "matcher path port protocol"
)

LOAD_BALANCER_ROW: Final = _row(
    "name loadBalancerType idleTimeout minimumLoadBalancerCapacity arnSuffix",
    f"{_STATE} accessLogs clientKeepAlive connectionLogs customerOwnedIpv4Pool "
    "desyncMitigationMode dnsName dnsRecordClientRoutingPolicy dropInvalidHeaderFields "
    "enableCrossZoneLoadBalancing enableDeletionProtection enableHttp2 "
    "enablePrefixForIpv6SourceNat enableTlsVersionAndCipherSuiteHeaders enableWafFailOpen "
    "enableXffClientPort enableZonalShift enforceSecurityGroupInboundRulesOnPrivateLinkTraffic "
    "healthCheckLogs internal ipAddressType ipamPools namePrefix preserveHostHeader "
    "secondaryIpsAutoAssignedPerSubnet securityGroups subnetMappings subnets vpcId "
    "xffHeaderProcessingMode zoneId",
)

DATABASE_ROW: Final = _row("identifier instanceClass parameterGroupName engine replicateSourceDb")
DATABASE_CLUSTER_ROW: Final = _row(
    "clusterIdentifier dbClusterInstanceClass dbClusterParameterGroupName engine "
    "replicationSourceIdentifier"
)
DATABASE_CLUSTER_INSTANCE_ROW: Final = _row("clusterIdentifier instanceClass dbParameterGroupName")
PARAMETERS_ROW: Final = _row("name parameters")
PROXY_TARGET_ROW: Final = _row("dbInstanceIdentifier dbClusterIdentifier")
"""Of a database, only these are looked at: most of the others decide how it is kept, not what it
carries."""

ATTACHMENT_ROW: Final = _row("autoscalingGroupName lbTargetGroupArn")
TRAFFIC_SOURCE_ROW: Final = _row("autoscalingGroupName trafficSource")
SUBNET_ROW: Final = _row("availabilityZone")
LISTENER_ROW: Final = _row("loadBalancerArn defaultActions")
LISTENER_RULE_ROW: Final = _row("listenerArn actions")
