"""Reads the plan from AWS: what is deployed, whoever deployed it.

AWS's answers are put into the engine's words, so that one core reads them all. A member of an
answer that has no place is handed on under its own name, and the core names it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.plan._view import UNKNOWN, Resource
from surgeproof.plan.configured import Configured
from surgeproof.plan.model import NotSeen, PlanError, Quotas, ScalingPlan
from surgeproof.plan.resources import QUOTA_NOT_SEEN, read_resources
from surgeproof.settings.permissions import refused

Clients = Callable[[str], Any]
"""Gives the boto3 client of a service, by boto3's name of it."""

_REFUSED: Final = (ClientError, NotImplementedError)
"""Raised by an operation that is not allowed, or that the endpoint lacks."""

_GROUP: Final = "aws:autoscaling/group:Group"
_POLICY: Final = "aws:autoscaling/policy:Policy"
_SCHEDULE: Final = "aws:autoscaling/schedule:Schedule"
_HOOK: Final = "aws:autoscaling/lifecycleHook:LifecycleHook"
_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
_CONFIGURATION: Final = "aws:ec2/launchConfiguration:LaunchConfiguration"
_ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
_COMPOSITE: Final = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
_TARGET_GROUP: Final = "aws:lb/targetGroup:TargetGroup"
_LOAD_BALANCER: Final = "aws:lb/loadBalancer:LoadBalancer"
_DATABASE: Final = "aws:rds/instance:Instance"
_PARAMETERS: Final = "aws:rds/parameterGroup:ParameterGroup"
_CLUSTER: Final = "aws:rds/cluster:Cluster"
_MEMBER: Final = "aws:rds/clusterInstance:ClusterInstance"
_CLUSTER_PARAMETERS: Final = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
_PROXY_TARGET: Final = "aws:rds/proxyTarget:ProxyTarget"


def _members(names: str) -> frozenset[str]:
    return frozenset(names.split())


STATE: Final[Mapping[str, frozenset[str]]] = {
    _GROUP: _members(
        "AutoScalingGroupARN PredictedCapacity AvailabilityZoneIds Instances CreatedTime Status "
        "Tags ServiceLinkedRoleARN WarmPoolSize Context DeletionProtection Operator "
        "AvailabilityZoneImpairmentPolicy PlacementGroup VPCZoneIdentifier"
    ),
    _POLICY: _members("Alarms MinAdjustmentStep"),
    _SCHEDULE: _members("ScheduledActionARN Time"),
    _HOOK: frozenset(),
    _TEMPLATE: _members(
        "ElasticGpuSpecifications ElasticInferenceAccelerators SecurityGroups SecurityGroupIds "
        "Operator"
    ),
    _CONFIGURATION: _members(
        "LaunchConfigurationARN CreatedTime ClassicLinkVPCId ClassicLinkVPCSecurityGroups KernelId "
        "InstanceMonitoring RamdiskId BlockDeviceMappings AssociatePublicIpAddress"
    ),
    _ALARM: _members(
        "AlarmConfigurationUpdatedTimestamp StateValue StateReason StateReasonData "
        "StateUpdatedTimestamp EvaluationState StateTransitionedTimestamp"
    ),
    _COMPOSITE: _members(
        "AlarmConfigurationUpdatedTimestamp StateValue StateReason StateReasonData "
        "StateUpdatedTimestamp StateTransitionedTimestamp ActionsSuppressedBy "
        "ActionsSuppressedReason"
    ),
    _TARGET_GROUP: frozenset(),
    _LOAD_BALANCER: _members("CanonicalHostedZoneId CreatedTime Scheme State AvailabilityZones"),
}
"""Members of AWS's answers that tell the state of a thing, or nothing about load."""

NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    _GROUP: {
        "AutoScalingGroupName": "name",
        "LaunchConfigurationName": "launchConfiguration",
        "LoadBalancerNames": "loadBalancers",
        "TargetGroupARNs": "targetGroupArns",
        "NewInstancesProtectedFromScaleIn": "protectFromScaleIn",
        "WarmPoolConfiguration": "warmPool",
    },
    _POLICY: {"PolicyName": "name", "PolicyARN": "arn"},
    _SCHEDULE: {},
    _HOOK: {
        "LifecycleHookName": "name",
        "NotificationTargetARN": "notificationTargetArn",
        "RoleARN": "roleArn",
    },
    _TEMPLATE: {},
    _CONFIGURATION: {"LaunchConfigurationName": "name"},
    _ALARM: {
        "AlarmName": "name",
        "AlarmArn": "arn",
        "OKActions": "okActions",
        "Metrics": "metricQueries",
        "EvaluateLowSampleCountPercentile": "evaluateLowSampleCountPercentiles",
    },
    _COMPOSITE: {
        "AlarmArn": "arn",
        "OKActions": "okActions",
        "ActionsSuppressor": "suppressorAlarm",
        "ActionsSuppressorWaitPeriod": "suppressorWait",
        "ActionsSuppressorExtensionPeriod": "suppressorExtension",
    },
    _TARGET_GROUP: {"TargetGroupArn": "arn", "TargetGroupName": "name"},
    _LOAD_BALANCER: {
        "LoadBalancerArn": "arn",
        "LoadBalancerName": "name",
        "Type": "loadBalancerType",
        "DNSName": "dnsName",
        "EnablePrefixForIpv6SourceNat": "enablePrefixForIpv6SourceNat",
    },
}
"""Members whose names differ from the engine's by more than their first letter."""

_TARGET_GROUP_ATTRIBUTES: Final = {
    "deregistration_delay.timeout_seconds": "deregistrationDelay",
    "slow_start.duration_seconds": "slowStart",
    "load_balancing.algorithm.type": "loadBalancingAlgorithmType",
    "load_balancing.algorithm.anomaly_mitigation": "loadBalancingAnomalyMitigation",
    "load_balancing.cross_zone.enabled": "loadBalancingCrossZoneEnabled",
}
_HEALTH: Final = "target_group_health."
_STANDARD_QUOTA: Final = ("ec2", "L-1216C47A")
"""Running on-demand standard instances (A, C, D, H, I, M, R, T, Z), in vCPU."""
_STANDARD: Final = re.compile(r"[acdhimrtz]\d.*|im\d.*|is\d.*")


def read_deployed(
    client: Clients,
    *,
    name: str,
    stated: Configured,
    prefix: str | None = None,
    groups: Sequence[str] = (),
    database: str | None = None,
    lost: Collection[tuple[str, str]] = (),
) -> ScalingPlan:
    """Return the plan of what is deployed.

    Args:
        client: Gives the clients, of one account and region.
        name: What the plan is called: the stack.
        stated: What the stack's configuration states.
        prefix: What the names of the stack's groups and alarms begin with, as `shop-prod-`.
        groups: Names of groups. Default: those whose names begin with `prefix`.
        database: Identifier of the RDS instance that they ask. Default: those whose identifiers
            begin with `prefix`.
        lost: (type token, property) of what the endpoint does not return; no real one loses any.

    """
    if prefix is None and not groups:
        raise PlanError("deployed: must be told the names of groups, or what they begin with")
    reader = _Deployed(client, prefix, frozenset(lost))
    try:
        resources = reader.resources(groups, database)
    except ClientError as error:
        said = refused(reader.service, error).removesuffix(".")
        raise PlanError(f"deployed: AWS does not answer: {said}") from error
    except BotoCoreError as error:
        raise PlanError(f"deployed: AWS does not answer: {error}") from error
    plan = read_resources(resources, name=name, not_seen=reader.notes)
    quotas, notes = _quotas(client, plan)
    return stated.complete(replace(plan, quotas=quotas, not_seen=(*plan.not_seen, *notes)))


def _quotas(client: Clients, plan: ScalingPlan) -> tuple[Quotas, list[NotSeen]]:
    types = {name for group in plan.groups for name in group.instance_types}
    if not types or not all(_STANDARD.fullmatch(name) for name in types):
        return Quotas(), [replace(QUOTA_NOT_SEEN, reason="Only that of standard types is read.")]
    try:
        service, code = _STANDARD_QUOTA
        answer = client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)
        return Quotas(vcpus=float(answer["Quota"]["Value"])), []
    except (ClientError, BotoCoreError, KeyError, NotImplementedError) as error:
        reason = f"Service Quotas does not answer ({type(error).__name__})."
        return Quotas(), [replace(QUOTA_NOT_SEEN, reason=reason)]


class _Deployed:
    def __init__(
        self, client: Clients, prefix: str | None, lost: frozenset[tuple[str, str]]
    ) -> None:
        self._clients = client
        self.service = ""
        """The service that was asked last."""
        self._prefix = prefix
        self._lost = lost
        self.notes: list[NotSeen] = []

    def _client(self, service: str) -> Any:
        self.service = service
        return self._clients(service)

    def resources(self, names: Sequence[str], database: str | None) -> list[Resource]:
        groups = self._groups(names)
        targets = sorted(
            {arn for group in groups for arn in group.get("TargetGroupARNs", ())}
            | {
                source["Identifier"]
                for group in groups
                for source in group.get("TrafficSources", ())
                if source.get("Type") in (None, "elbv2")
            }
        )
        found: list[Resource] = []
        for group in groups:
            found += self._group(group)
        found += self._balancing(targets)
        found += self._alarms(found)
        try:
            found += self._database(database) if database else self._databases()
        except (ClientError, BotoCoreError) as error:
            if database is not None:
                raise
            code = type(error).__name__
            reason = f"RDS does not tell of it ({code}); none is taken to be there."
            missing = f"RDS does not say which databases there are ({code})"
            self.notes.append(NotSeen(path="database", reason=reason, missing=missing))
        return found

    def _all(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Yield what all pages of an operation hold under `key`."""
        client = self._client(service)
        if client.can_paginate(operation):
            for page in client.get_paginator(operation).paginate(**request):
                yield from page.get(key) or ()
        else:
            yield from getattr(client, operation)(**request).get(key) or ()

    def _resource(
        self, token: str, key_: str, answer: Mapping[str, Any], /, **more: Any
    ) -> Resource:
        properties = in_engines_words(token, answer) | more
        for type_, key in self._lost:
            if type_ == token and properties.get(key) in (None, {}):
                properties[key] = UNKNOWN
        return Resource(
            type=token,
            key=f"{token}::{key_}",
            name=key_,
            properties=properties,
            made_of=dict.fromkeys(properties, ()),
        )

    # Groups and what belongs to them.

    def _groups(self, names: Sequence[str]) -> list[Mapping[str, Any]]:
        request = {"AutoScalingGroupNames": list(names)} if names else {}
        found = [
            group
            for group in self._all(
                "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", **request
            )
            if names or group["AutoScalingGroupName"].startswith(str(self._prefix))
        ]
        missing = set(names) - {group["AutoScalingGroupName"] for group in found}
        if missing or not found:
            told = ", ".join(sorted(missing)) or f"whose name begins with {self._prefix}"
            raise PlanError(f"deployed: must have an Auto Scaling group {told}, got none")
        return found

    def _group(self, group: Mapping[str, Any]) -> list[Resource]:
        name = group["AutoScalingGroupName"]
        more: dict[str, Any] = {
            "enabledMetrics": [each["Metric"] for each in group.get("EnabledMetrics") or ()],
            "suspendedProcesses": [
                each["ProcessName"] for each in group.get("SuspendedProcesses") or ()
            ],
            "tags": [
                {"key": each["Key"], "value": each.get("Value")} for each in group.get("Tags") or ()
            ],
        }
        template, more_of_it = self._template(name, group)
        more |= more_of_it
        refresh = self._refresh(name)
        if refresh is not None:
            more["instanceRefresh"] = refresh
        found = [self._resource(_GROUP, name, group, **more), *template]
        policies = self._all(
            "autoscaling", "describe_policies", "ScalingPolicies", AutoScalingGroupName=name
        )
        found += [self._policy(f"{name}/{each['PolicyName']}", each) for each in policies]
        for action in self._all(
            "autoscaling",
            "describe_scheduled_actions",
            "ScheduledUpdateGroupActions",
            AutoScalingGroupName=name,
        ):
            # What an action does not state stays as it is, which the provider writes as -1.
            sizes = dict.fromkeys(("minSize", "maxSize", "desiredCapacity"), -1)
            own = self._resource(_SCHEDULE, f"{name}/{action['ScheduledActionName']}", action)
            stated = {key: value for key, value in own.properties.items() if value is not None}
            if action.get("Recurrence"):
                # AWS fills in the next run of a recurring action.
                stated.pop("startTime", None)
            found.append(replace(own, properties=sizes | stated))
        hooks = self._all(
            "autoscaling", "describe_lifecycle_hooks", "LifecycleHooks", AutoScalingGroupName=name
        )
        found += [
            self._resource(_HOOK, f"{name}/{each['LifecycleHookName']}", each) for each in hooks
        ]
        return found

    def _policy(self, key: str, policy: Mapping[str, Any]) -> Resource:
        resource = self._resource(_POLICY, key, policy)
        tracking = resource.properties.get("targetTrackingConfiguration") or {}
        custom = tracking.get("customizedMetricSpecification") or {}
        if "dimensions" in custom:
            custom["metricDimensions"] = custom.pop("dimensions")
        return resource

    def _refresh(self, name: str) -> Mapping[str, Any] | None:
        """Return the settings of the last instance refresh: the group itself has none."""
        path = f"groups[{name}].refresh"
        try:
            past = list(
                self._all(
                    "autoscaling",
                    "describe_instance_refreshes",
                    "InstanceRefreshes",
                    AutoScalingGroupName=name,
                )
            )
        except _REFUSED as error:
            reason = f"AWS does not tell past refreshes ({type(error).__name__})."
            self.notes.append(NotSeen(path=path, reason=reason))
            return None
        preferences = past[0].get("Preferences") if past else None
        if not preferences:
            self.notes.append(
                NotSeen(
                    path=path,
                    reason="AWS keeps the settings of past refreshes only, and there was none.",
                )
            )
            return None
        self.notes.append(
            NotSeen(
                path=path,
                reason="The settings are those of the last refresh; the next may have others.",
            )
        )
        # What a refresh did not state is AWS's default, which the provider cannot leave open: -1.
        stated = {"minHealthyPercentage": -1, "maxHealthyPercentage": -1} | _words(preferences)
        return {"preferences": stated}

    def _template(
        self, name: str, group: Mapping[str, Any]
    ) -> tuple[list[Resource], dict[str, Any]]:
        """Return the launch template or configuration of a group, and how the group names it."""
        mixed = group.get("MixedInstancesPolicy") or {}
        inner = mixed.get("LaunchTemplate") or {}
        specification = group.get("LaunchTemplate") or inner.get("LaunchTemplateSpecification")
        if group.get("LaunchConfigurationName"):
            return self._launch_configuration(group["LaunchConfigurationName"]), {}
        if not specification:
            return [], {}
        by = "LaunchTemplateId" if specification.get("LaunchTemplateId") else "LaunchTemplateName"
        versions = list(
            self._all(
                "ec2",
                "describe_launch_template_versions",
                "LaunchTemplateVersions",
                Versions=[str(specification.get("Version") or "$Default")],
                **{by: specification[by]},
            )
        )
        if not versions:
            self.notes.append(
                NotSeen(
                    path=f"groups[{name}].launch_template",
                    reason="EC2 does not have the version that the group names.",
                )
            )
            return [], {}
        version = versions[0]
        number = str(version["VersionNumber"])
        resource = self._resource(
            _TEMPLATE,
            version["LaunchTemplateName"],
            version["LaunchTemplateData"],
            id=version["LaunchTemplateId"],
            name=version["LaunchTemplateName"],
            latestVersion=number,
        )
        pinned = {"id": version["LaunchTemplateId"], "version": number}
        if mixed:
            words = _words(mixed)
            words["launchTemplate"]["launchTemplateSpecification"] = pinned
            return [resource], {"mixedInstancesPolicy": words}
        return [resource], {"launchTemplate": pinned}

    def _launch_configuration(self, name: str) -> list[Resource]:
        return [
            self._resource(
                _CONFIGURATION,
                name,
                answer,
                enableMonitoring=(answer.get("InstanceMonitoring") or {}).get("Enabled", True),
            )
            for answer in self._all(
                "autoscaling",
                "describe_launch_configurations",
                "LaunchConfigurations",
                LaunchConfigurationNames=[name],
            )
        ]

    # Load balancing.

    def _balancing(self, targets: Sequence[str]) -> Iterable[Resource]:
        if not targets:
            return
        balancers: set[str] = set()
        for answer in self._all(
            "elbv2", "describe_target_groups", "TargetGroups", TargetGroupArns=list(targets)
        ):
            arn = answer["TargetGroupArn"]
            balancers |= set(answer.get("LoadBalancerArns") or ())
            attributes = self._client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
            yield self._resource(
                _TARGET_GROUP,
                answer["TargetGroupName"],
                {key: value for key, value in answer.items() if not _is_check(key)},
                arnSuffix=arn.rpartition(":")[2],
                healthCheck=_health_check(answer),
                **_target_group_attributes(attributes.get("Attributes") or ()),
            )
        if not balancers:
            return
        for answer in self._all(
            "elbv2",
            "describe_load_balancers",
            "LoadBalancers",
            LoadBalancerArns=sorted(balancers),
        ):
            arn = answer["LoadBalancerArn"]
            listed = self._client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)
            attributes = {each["Key"]: each.get("Value") for each in listed["Attributes"]}
            yield self._resource(
                _LOAD_BALANCER,
                answer["LoadBalancerName"],
                answer,
                arnSuffix=arn.rpartition(":loadbalancer/")[2],
                idleTimeout=attributes.get("idle_timeout.timeout_seconds"),
                minimumLoadBalancerCapacity=self._reserved(arn),
            )

    def _reserved(self, arn: str) -> Mapping[str, Any] | None:
        try:
            answer = self._client("elbv2").describe_capacity_reservation(LoadBalancerArn=arn)
        except _REFUSED as error:
            reason = f"AWS does not tell the reserved capacity ({type(error).__name__})."
            self.notes.append(NotSeen(path="load_balancer.reserved_capacity_units", reason=reason))
            return None
        return dict(_words(answer.get("MinimumLoadBalancerCapacity") or {}))

    # Alarms.

    def _alarms(self, ours: Sequence[Resource]) -> list[Resource]:
        """Return the alarms that run our policies, watch our things, or bear the prefix."""
        values = {
            str(each.properties.get(key))
            for each in ours
            for key in ("name", "arn", "arnSuffix")
            if each.type in (_GROUP, _POLICY, _TARGET_GROUP, _LOAD_BALANCER)
            and each.properties.get(key)
        }
        found = []
        pages = self._client("cloudwatch").get_paginator("describe_alarms")
        for page in pages.paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"]):
            for answer in page.get("MetricAlarms") or ():
                name = answer["AlarmName"]
                if name.startswith("TargetTracking-") or not self._is_ours(answer, values):
                    continue
                found.append(self._metric_alarm(name, answer))
            found += [
                self._composite(answer["AlarmName"], answer)
                for answer in page.get("CompositeAlarms") or ()
                if self._is_ours(answer, values)
            ]
        return found

    def _is_ours(self, answer: Mapping[str, Any], values: Collection[str]) -> bool:
        if self._prefix and answer["AlarmName"].startswith(self._prefix):
            return True
        if not set(answer.get("AlarmActions") or ()).isdisjoint(values):
            return True
        metrics = [
            answer,
            *(
                (query.get("MetricStat") or {}).get("Metric") or {}
                for query in answer.get("Metrics") or ()
            ),
        ]
        return any(
            dimension.get("Value") in values
            for metric in metrics
            for dimension in metric.get("Dimensions") or ()
        )

    def _metric_alarm(self, name: str, answer: Mapping[str, Any]) -> Resource:
        more: dict[str, Any] = {}
        if answer.get("Metrics"):
            more["metricQueries"] = [_query(query) for query in answer["Metrics"]]
        else:
            more["dimensions"] = _by_name(answer.get("Dimensions"))
            if more["dimensions"] == {}:
                more["dimensions"] = None
        return self._resource(_ALARM, name, answer, **more)

    def _composite(self, name: str, answer: Mapping[str, Any]) -> Resource:
        resource = self._resource(_COMPOSITE, name, answer)
        properties = dict(resource.properties)
        alarm = properties.pop("suppressorAlarm", None)
        wait = properties.pop("suppressorWait", None)
        extension = properties.pop("suppressorExtension", None)
        if alarm:
            properties["actionsSuppressor"] = {
                "alarm": alarm,
                "waitPeriod": wait,
                "extensionPeriod": extension,
            }
        return replace(resource, properties=properties)

    # The database.

    def _databases(self) -> Iterator[Resource]:
        """Yield the instances and clusters whose identifiers begin as the stack's names do."""
        if self._prefix is None:
            reason = "Only groups were named, so that no database was looked for."
            missing = "which database the groups ask was not looked for"
            self.notes.append(NotSeen(path="database", reason=reason, missing=missing))
            return
        for each in self._all("rds", "describe_db_instances", "DBInstances"):
            name = each["DBInstanceIdentifier"]
            if name.startswith(self._prefix) and not each.get("DBClusterIdentifier"):
                yield from self._database(name)
        for each in self._all("rds", "describe_db_clusters", "DBClusters"):
            if each["DBClusterIdentifier"].startswith(self._prefix):
                yield from self._cluster(each)

    def _cluster(self, answer: Mapping[str, Any]) -> Iterator[Resource]:
        """Yield a cluster of Aurora or of several zones, its instances and its parameters."""
        name, group = answer["DBClusterIdentifier"], answer.get("DBClusterParameterGroup")
        yield Resource(
            type=_CLUSTER,
            key=f"{_CLUSTER}::{name}",
            name=name,
            properties={
                "clusterIdentifier": name,
                "engine": answer.get("Engine"),
                "dbClusterInstanceClass": answer.get("DBClusterInstanceClass"),
                "dbClusterParameterGroupName": group,
                "replicationSourceIdentifier": answer.get("ReplicationSourceIdentifier"),
            },
        )
        if group:
            operation = "describe_db_cluster_parameters"
            found = self._all("rds", operation, "Parameters", DBClusterParameterGroupName=group)
            yield _parameters(_CLUSTER_PARAMETERS, group, found)
        for member in answer.get("DBClusterMembers") or ():
            yield from self._member(name, member["DBInstanceIdentifier"])
        for target in self._proxy_targets():
            if name in (target.get("TrackedClusterId"), target.get("RdsResourceId")):
                yield _proxy_target(target["DBProxyName"], "dbClusterIdentifier", name)

    def _member(self, cluster: str, identifier: str) -> Iterator[Resource]:
        for answer, group in self._instances(identifier):
            yield Resource(
                type=_MEMBER,
                key=f"{_MEMBER}::{identifier}",
                name=identifier,
                properties={
                    "clusterIdentifier": cluster,
                    "instanceClass": answer.get("DBInstanceClass"),
                    "dbParameterGroupName": group,
                },
            )
            yield from self._instance_parameters(group)

    def _instances(self, identifier: str) -> Iterator[tuple[Mapping[str, Any], str | None]]:
        """Yield the database instance, with its parameter group if it has one."""
        for answer in self._all(
            "rds", "describe_db_instances", "DBInstances", DBInstanceIdentifier=identifier
        ):
            groups = [each["DBParameterGroupName"] for each in answer.get("DBParameterGroups", ())]
            yield answer, groups[0] if groups else None

    def _instance_parameters(self, group: str | None) -> Iterator[Resource]:
        if group is not None:
            found = self._all(
                "rds", "describe_db_parameters", "Parameters", DBParameterGroupName=group
            )
            yield _parameters(_PARAMETERS, group, found)

    def _proxy_targets(self) -> Iterator[Mapping[str, Any]]:
        """Yield what proxies pass connections on to, each with the proxy's name."""
        for proxy in self._all("rds", "describe_db_proxies", "DBProxies"):
            name = proxy["DBProxyName"]
            for target in self._all(
                "rds", "describe_db_proxy_targets", "Targets", DBProxyName=name
            ):
                yield {**target, "DBProxyName": name}

    def _proxies_of(self, identifier: str) -> Iterator[Resource]:
        for target in self._proxy_targets():
            if target.get("RdsResourceId") == identifier:
                yield _proxy_target(target["DBProxyName"], "dbInstanceIdentifier", identifier)

    def _database(self, identifier: str) -> Iterator[Resource]:
        for answer, group in self._instances(identifier):
            yield Resource(
                type=_DATABASE,
                key=f"{_DATABASE}::{identifier}",
                name=identifier,
                properties={
                    "identifier": identifier,
                    "instanceClass": answer.get("DBInstanceClass"),
                    "engine": answer.get("Engine"),
                    "parameterGroupName": group,
                    "replicateSourceDb": answer.get("ReadReplicaSourceDBInstanceIdentifier"),
                },
            )
            yield from self._proxies_of(identifier)
            yield from self._instance_parameters(group)


def _parameters(token: str, group: str, found: Iterable[Mapping[str, Any]]) -> Resource:
    """Return a parameter group; what it leaves to the engine has no value."""
    stated = [
        {"name": each["ParameterName"], "value": each["ParameterValue"]}
        for each in found
        if each.get("ParameterValue") is not None
    ]
    return Resource(
        type=token,
        key=f"{token}::{group}",
        name=group,
        properties={"name": group, "parameters": stated},
    )


def _proxy_target(proxy: str, key: str, identifier: str) -> Resource:
    return Resource(
        type=_PROXY_TARGET,
        key=f"{_PROXY_TARGET}::{proxy}/{identifier}",
        name=proxy,
        properties={"dbProxyName": proxy, key: identifier},
    )


def in_engines_words(token: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of one of AWS's answers by the engine's names, without its state."""
    return {
        NAMES[token].get(key) or _decapitalised(key): _words(value)
        for key, value in answer.items()
        if key not in STATE[token]
    }


def _words(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_decapitalised(key): _words(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_words(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _decapitalised(name: str) -> str:
    # AWS's word is AutoScalingGroupName, the engine's autoscalingGroupName.
    if name == "AutoScalingGroupName":
        return "autoscalingGroupName"
    return name[:1].lower() + name[1:]


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alarm's metric query as the engine has it."""
    words = {key: value for key, value in query.items() if key != "MetricStat"}
    result: dict[str, Any] = _words({"ReturnData": True} | words)
    stat = query.get("MetricStat")
    if stat:
        metric = stat.get("Metric") or {}
        result["metric"] = {
            "namespace": metric.get("Namespace"),
            "metricName": metric.get("MetricName"),
            "dimensions": _by_name(metric.get("Dimensions")),
            "period": stat.get("Period"),
            "stat": stat.get("Stat"),
            "unit": stat.get("Unit"),
        }
    return result


def _by_name(dimensions: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {each["Name"]: each.get("Value") for each in dimensions or ()}


def _is_check(member: str) -> bool:
    words = ("HealthCheck", "HealthyThreshold", "UnhealthyThreshold", "Matcher")
    return member.startswith(words)


def _health_check(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "enabled": answer.get("HealthCheckEnabled", True),
        "interval": answer.get("HealthCheckIntervalSeconds"),
        "timeout": answer.get("HealthCheckTimeoutSeconds"),
        "healthyThreshold": answer.get("HealthyThresholdCount"),
        "unhealthyThreshold": answer.get("UnhealthyThresholdCount"),
    }


def _target_group_attributes(attributes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    values = {each["Key"]: each.get("Value") for each in attributes}
    result: dict[str, Any] = {
        name: values[key] for key, name in _TARGET_GROUP_ATTRIBUTES.items() if key in values
    }
    result["stickiness"] = {"enabled": values.get("stickiness.enabled", "false")}
    result["targetGroupHealth"] = {
        word: {
            "minimumHealthyTargetsCount": values.get(
                f"{_HEALTH}{key}.minimum_healthy_targets.count"
            ),
            "minimumHealthyTargetsPercentage": values.get(
                f"{_HEALTH}{key}.minimum_healthy_targets.percentage"
            ),
        }
        for word, key in (
            ("dnsFailover", "dns_failover"),
            ("unhealthyStateRouting", "unhealthy_state_routing"),
        )
    }
    return result
