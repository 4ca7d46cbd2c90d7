"""Groups with their instances, and the load balancing in front of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from surgeproof.plan import _properties as known
from surgeproof.plan._instances import vcpus
from surgeproof.plan._stack import Stack, called, or_else, unless_negative
from surgeproof.plan._view import UNKNOWN, Resource, View
from surgeproof.plan.model import (
    BalancingAlgorithm,
    Group,
    HealthCheckType,
    InstanceMaintenancePolicy,
    InstanceRefresh,
    LifecycleHook,
    LoadBalancer,
    PlanError,
    TargetGroup,
    WarmPool,
    WarmPoolState,
)

_PROVIDER_GRACE_SECONDS: Final = 300
"""The provider's default; the API's own is 0."""
_PROVIDER_THRESHOLD: Final = 3
"""The provider's default for both thresholds of a health check; the API's are 5 and 2."""
_REFRESH_PERCENTS: Final = (90, 100)
"""The provider's defaults for a refresh's minimum and maximum: with any preference it states both.
AWS's own are those of the maintenance policy."""


def _inside(resource: Resource, path: str) -> Callable[[str], str]:
    """Return what says why a value inside a property is not known."""
    return lambda key: resource.missing(f"{path}.{key}")


_OVERRIDES: Final = "mixedInstancesPolicy.launchTemplate.overrides"


class Fleet:
    """Reads groups, target groups and the load balancer."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def group(self, resource: Resource, target_keys: Sequence[str]) -> Group:
        name = self._stack.group_names[resource.key]
        path = f"groups[{name}]"
        view = self._stack.view(resource, path, known.GROUP_ROW).finish()
        keys = {"min_size": "minSize", "max_size": "maxSize"}
        sizes = {field: view.whole(key, field) for field, key in keys.items()}
        missing = [field for field, size in sizes.items() if size is None]
        if missing:
            raise PlanError(
                *(
                    resource.missing(keys[field])
                    or f"{resource.property(keys[field])} is not known"
                    for field in missing
                )
            )
        min_size, max_size = sizes["min_size"] or 0, sizes["max_size"] or 0
        desired = view.whole("desiredCapacity", "desired_capacity")
        if max_size < min_size:
            raise PlanError(
                f"{resource.property('maxSize')} must be at least its "
                f"`{resource.called('minSize')}` ({min_size}), got {max_size}"
            )
        if desired is not None:
            # AWS moves it when a new minimum or maximum leaves it outside (Amazon EC2 Auto Scaling
            # API, UpdateAutoScalingGroup).
            desired = min(max(desired, min_size), max_size)
        if desired is None:
            view.note(
                "desired_capacity",
                "Nothing says how many instances run; the replay begins with the fewest.",
            )
        types, monitored = self._instances(resource, view)
        metrics = view.items("enabledMetrics", "group_metrics")
        self._stack.enabled_metrics[name] = frozenset(map(str, metrics))
        if len(target_keys) > 1:
            view.note("target_group", "It registers in several; the first one is modelled.")
        return Group(
            name=name,
            min_size=min_size,
            max_size=max_size,
            desired_capacity=desired,
            zones=self._zones(resource, view),
            instance_types=types,
            vcpus_per_instance=self._vcpus(types, view),
            default_instance_warmup_seconds=unless_negative(
                view.whole("defaultInstanceWarmup", "default_instance_warmup_seconds")
            ),
            default_cooldown_seconds=or_else(
                view.whole("defaultCooldown", "default_cooldown_seconds"), 300
            ),
            health_check_type=self._health_check_type(view),
            health_check_grace_seconds=or_else(
                view.whole("healthCheckGracePeriod", "health_check_grace_seconds"),
                _PROVIDER_GRACE_SECONDS,
            ),
            detailed_monitoring=monitored,
            group_metrics=bool(metrics),
            warm_pool=self._warm_pool(view),
            hooks=self._hooks(resource, view),
            refresh=self._refresh(view),
            maintenance=self._maintenance(resource, view),
            target_group=self._stack.target_group_names[target_keys[0]] if target_keys else None,
            also_called=frozenset(self.names(resource, target_keys)),
        )

    def names(self, resource: Resource, target_keys: Sequence[str]) -> Iterator[str]:
        """Yield the names of a group, and of what leads to it."""
        yield resource.name
        for key in target_keys:
            target_group = self._stack.by_key[key]
            yield from (target_group.name, called(target_group))
            for rule in self._stack.of(known.LISTENER_RULE):
                if self._forwards(rule, "actions", target_group):
                    yield rule.name

    def _health_check_type(self, view: View) -> HealthCheckType:
        stated = view.text("healthCheckType", "health_check_type") or "EC2"
        words = {word.strip() for word in stated.split(",")}
        for word in sorted(words - {"EC2", "ELB"}):
            view.note("health_check_type", f"Health checks of {word} are not modelled.")
        return HealthCheckType.ELB if "ELB" in words else HealthCheckType.EC2

    def _zones(self, resource: Resource, view: View) -> tuple[str, ...]:
        named = [zone for zone in view.items("availabilityZones", "zones") if zone is not UNKNOWN]
        if named:
            return tuple(sorted(map(str, named)))
        key = "vpcZoneIdentifiers"
        if resource.properties.get(key) is UNKNOWN and key in resource.made_of:
            subnets, missed = self._stack.made_of(resource, key, known.SUBNET), 0
            view.note("zones", "Its subnets are taken to be all those that their list is made of.")
        else:
            subnets, missed = self._stack.refer_each(resource, key, known.SUBNET)
        zones = {str(subnet.properties.get("availabilityZone")) for subnet in subnets}
        if any(subnet.properties.get("availabilityZone") in (None, UNKNOWN) for subnet in subnets):
            view.note("zones", "The zones of its subnets are not known; each is taken for one.")
            zones = {subnet.name for subnet in subnets}
        if missed:
            view.note(
                "zones",
                f"{missed} of its subnets are not of this stack or not known yet; each is taken "
                "for a zone of its own.",
            )
            zones |= {f"subnet-{index}" for index in range(missed)}
        if not zones:
            view.note("zones", "It names neither subnets nor zones; one zone is taken.")
        return tuple(sorted(zones)) or ("a",)

    def _instances(self, resource: Resource, view: View) -> tuple[tuple[str, ...], bool]:
        """Return the instance types, the preferred one first, and whether they are monitored."""
        mixed = view.block("mixedInstancesPolicy", "", known.MIXED_ROW)
        types: list[str] = []
        if mixed is not None:
            mixed.finish()
            distribution = mixed.block(
                "instancesDistribution", "distribution", known.DISTRIBUTION_ROW
            )
            if distribution is not None:
                distribution.finish()
            template = mixed.get("launchTemplate", "launch_template")
            template = template if isinstance(template, Mapping) else {}
            for index, value in enumerate(template.get("overrides") or ()):
                if not isinstance(value, Mapping):
                    view.wait_for(f"{_OVERRIDES}[{index}]", f"instance_types[{index}]")
                    continue
                at = f"{view.path}.instance_types[{index}]"
                override = View(
                    self._stack.notes,
                    at,
                    known.OVERRIDE_ROW,
                    value,
                    missing=_inside(resource, f"{_OVERRIDES}[{index}]"),
                ).finish()
                stated = override.text("instanceType", "name")
                types += [stated] if stated else []
            specification = template.get("launchTemplateSpecification")
            origin = self._template(resource, specification, view)
        else:
            specification = view.get("launchTemplate", "launch_template")
            origin = self._template(resource, specification, view)
        if origin is None:
            configured, monitored = self._launch_configuration(resource, view)
            chosen = tuple(types) or configured
            self._credits(chosen, None, view)
            return chosen, monitored
        source = self._stack.view(
            origin, f"{view.path}.launch_template", known.TEMPLATE_ROW
        ).finish()
        own = source.text("instanceType", "instance_type")
        types = types or ([own] if own else [])
        specified = source.get("creditSpecification", "credit_specification")
        self._credits(
            types, specified.get("cpuCredits") if isinstance(specified, Mapping) else None, view
        )
        monitoring = source.get("monitoring", "monitoring")
        enabled = monitoring.get("enabled") if isinstance(monitoring, Mapping) else None
        if enabled is UNKNOWN:
            source.wait_for("monitoring", "enabled")
        return tuple(types), str(enabled).lower() == "true"

    def _credits(self, types: Sequence[str], specified: Any, view: View) -> None:
        """Note burstable types, which slow down once their CPU credits are spent.

        Without a stated mode T2 is `standard`, and the later families are `unlimited`, which never
        slow down and cost more instead (EC2 user guide, "Unlimited mode for burstable performance
        instances").
        """
        burstable = [name for name in types if name.startswith("t")]
        if not burstable:
            return
        unlimited = specified == "unlimited" or (
            specified is None and not any(name.startswith("t2.") for name in burstable)
        )
        if unlimited:
            view.note("instance_types", "What surplus CPU credits cost is not counted.")
        else:
            reason = "CPU credits of burstable types are not modelled: they are taken to last."
            view.note("instance_types", reason, supply=True)

    def _template(self, resource: Resource, specification: Any, view: View) -> Resource | None:
        if not isinstance(specification, Mapping):
            return None
        found = self._stack.launched_by(resource)
        if found is None:
            view.note(
                "launch_template",
                "It is not of this stack, so that the type of the instances is not known.",
            )
            view.note("detailed_monitoring", "It stands in the launch template; none is taken.")
            return None
        version, latest = specification.get("version"), found.properties.get("latestVersion")
        pinned = isinstance(version, str | int | float) and not str(version).startswith("$")
        by_default = version in (None, "$Default")
        follows = str(found.properties.get("updateDefaultVersion")).lower() == "true"
        is_other = pinned and latest not in (None, UNKNOWN) and str(latest) != str(version)
        if is_other or (by_default and not follows and latest is None):
            view.note(
                "launch_template",
                "The group may be on another version of its launch template than the latest.",
            )
        return found

    def _launch_configuration(self, resource: Resource, view: View) -> tuple[tuple[str, ...], bool]:
        value = view.raw("launchConfiguration")
        if value is None:
            return (), False
        keys = ("name", "id")
        found = self._stack.refer(
            resource, "launchConfiguration", value, known.LAUNCH_CONFIGURATION, keys
        )
        if found is None:
            view.note("launch_configuration", "Its launch configuration is not of this stack.")
            return (), False
        source = self._stack.view(
            found, f"{view.path}.launch_configuration", known.CONFIGURATION_ROW
        ).finish()
        own = source.text("instanceType", "instance_type")
        # EC2 Auto Scaling, CreateLaunchConfiguration: detailed unless it is switched off.
        monitored = source.flag("enableMonitoring", "detailed_monitoring", default=True)
        return ((own,) if own else ()), monitored

    def _vcpus(self, types: tuple[str, ...], view: View) -> float:
        sizes = [vcpus(name) for name in types]
        stated = [size for size in sizes if size is not None]
        if not types:
            view.note("instance_types", "The type of its instances is not known.")
        elif not stated or len(stated) < len(sizes):
            view.note("vcpus_per_instance", "The name of an instance type does not tell its vCPU.")
        if len(set(stated)) > 1:
            view.note(
                "vcpus_per_instance",
                "Its instance types differ in size; each is taken for the first.",
                supply=True,
            )
        return float(stated[0]) if stated else 2.0

    def _warm_pool(self, view: View) -> WarmPool | None:
        pool = view.block("warmPool", "warm_pool", known.WARM_POOL_ROW)
        if pool is None:
            return None
        pool.finish()
        most = pool.whole("maxGroupPreparedCapacity", "max_prepared_size")
        reuse = pool.get("instanceReusePolicy", "reuse_on_scale_in")
        return WarmPool(
            state=pool.choice("poolState", "state", WarmPoolState, WarmPoolState.STOPPED),
            min_size=or_else(pool.whole("minSize", "min_size"), 0),
            max_prepared_size=None if most is None or most < 0 else most,
            reuse_on_scale_in=isinstance(reuse, Mapping) and bool(reuse.get("reuseOnScaleIn")),
        )

    def _hooks(self, resource: Resource, view: View) -> tuple[LifecycleHook, ...]:
        hooks: dict[str, LifecycleHook] = {}
        for block in view.blocks("initialLifecycleHooks", "hooks", known.HOOK_ROW):
            self._hook(block, hooks, block.text("name", "name") or "unnamed")
        for each in self._stack.of(known.HOOK):
            owner = self._stack.owner(each, "hooks", called(each))
            if owner is resource:
                at = f"{view.path}.hooks[{called(each)}]"
                self._hook(self._stack.view(each, at, known.HOOK_ROW), hooks, called(each))
        return tuple(hooks[name] for name in sorted(hooks))

    def _hook(self, view: View, hooks: dict[str, LifecycleHook], name: str) -> None:
        view.finish()
        transition = view.text("lifecycleTransition", "launching")
        if transition not in (
            "autoscaling:EC2_INSTANCE_LAUNCHING",
            "autoscaling:EC2_INSTANCE_TERMINATING",
        ):
            view.note("launching", "The hook is neither for launches nor for ends; left out.")
            return
        hooks[name] = LifecycleHook(
            name=name,
            launching=transition.endswith("LAUNCHING"),
            heartbeat_timeout_seconds=or_else(
                view.whole("heartbeatTimeout", "heartbeat_timeout_seconds"), 3600
            ),
            abandons=(view.text("defaultResult", "abandons") or "ABANDON") != "CONTINUE",
        )

    def _refresh(self, view: View) -> InstanceRefresh | None:
        block = view.block("instanceRefresh", "refresh", known.REFRESH_ROW)
        if block is None:
            return None
        block.finish()
        preferences = block.block("preferences", "preferences", known.PREFERENCES_ROW)
        if preferences is None:
            return InstanceRefresh()
        preferences.finish()
        specification = preferences.get("alarmSpecification", "alarms")
        alarms = specification.get("alarms") if isinstance(specification, Mapping) else None
        listed = alarms if isinstance(alarms, list | tuple) else ()
        names = [name for name in listed if isinstance(name, str)]
        if len(names) < len(listed) or alarms is UNKNOWN:
            preferences.wait_for("alarmSpecification", "alarms")
        least, most = (
            unless_negative(or_else(preferences.whole(f"{end}HealthyPercentage", field), default))
            for end, field, default in zip(
                ("min", "max"),
                ("min_healthy_percent", "max_healthy_percent"),
                _REFRESH_PERCENTS,
                strict=True,
            )
        )
        return InstanceRefresh(
            min_healthy_percent=least,
            max_healthy_percent=most,
            alarms=tuple(names),
            warmup_seconds=preferences.whole("instanceWarmup", "warmup_seconds"),
        )

    def _maintenance(self, resource: Resource, view: View) -> InstanceMaintenancePolicy | None:
        block = view.block("instanceMaintenancePolicy", "maintenance", known.MAINTENANCE_ROW)
        if block is None:
            return None
        block.finish()
        least = unless_negative(block.whole("minHealthyPercentage", "min_healthy_percent"))
        most = unless_negative(block.whole("maxHealthyPercentage", "max_healthy_percent"))
        if least is None and most is None:
            return None
        if least is None or most is None:
            view.note("maintenance", "AWS takes both percentages or none; it is left out.")
            return None
        for key, value, low, high in (
            ("minHealthyPercentage", least, 0, 100),
            ("maxHealthyPercentage", most, 100, 200),
        ):
            if not low <= value <= high:
                raise PlanError(
                    f"{resource.property(f'instanceMaintenancePolicy.{key}')} must be from {low} "
                    f"to {high} (percent), got {value}"
                )
        return InstanceMaintenancePolicy(min_healthy_percent=least, max_healthy_percent=most)

    def registered_targets(self, groups: Sequence[Resource]) -> dict[str, list[str]]:
        """Return the keys of the target groups in which each group registers."""
        targets: dict[str, list[str]] = {group.key: [] for group in groups}
        for group in groups:
            found, missed = self._stack.refer_each(group, "targetGroupArns", known.TARGET_GROUP)
            sources = group.properties.get("trafficSources")
            for source in sources if isinstance(sources, list | tuple) else ():
                value = source.get("identifier") if isinstance(source, Mapping) else source
                match = self._stack.refer(group, "trafficSources", value, known.TARGET_GROUP)
                missed += match is None
                found += [match] if match and match not in found else []
            if missed:
                self._stack.notes.add(
                    f"groups[{self._stack.group_names[group.key]}].target_group",
                    f"{missed} of its target groups are not of this stack or not known yet.",
                )
            targets[group.key] += [each.key for each in found]
        for attachment in self._stack.of(known.ATTACHMENT | known.TRAFFIC_SOURCE):
            self._attach(attachment, targets)
        for keys in targets.values():
            for key in keys:
                self._stack.target_group_names[key] = called(self._stack.by_key[key])
        return targets

    def _attach(self, attachment: Resource, targets: dict[str, list[str]]) -> None:
        owner = self._stack.owner(attachment, "attachments", attachment.name)
        key = "lbTargetGroupArn" if attachment.type in known.ATTACHMENT else "trafficSource"
        value = attachment.properties.get(key)
        if key == "trafficSource" and isinstance(value, Mapping):
            value = value.get("identifier")
        found = self._stack.refer(attachment, key, value, known.TARGET_GROUP)
        if owner is None or found is None:
            reason = "Which target group it attaches to which group is not known; it is left out."
            self._stack.notes.add(f"attachments[{attachment.name}]", reason)
        elif found.key not in targets[owner.key]:
            targets[owner.key].append(found.key)

    def load_balancer(self, target_keys: Sequence[str]) -> LoadBalancer | None:
        found: list[Resource] = []
        for key in dict.fromkeys(target_keys):
            balancers = self._balancers_of(self._stack.by_key[key])
            if not balancers:
                self._stack.notes.add(
                    f"target_groups[{self._stack.target_group_names[key]}]",
                    "Which load balancer sends requests to it is not known.",
                )
            # An endpoint may name one several times: once for each rule that leads to it.
            for each in balancers:
                if each not in found:
                    found.append(each)
        if not found:
            return None
        if len(found) > 1:
            self._stack.notes.add(
                "load_balancer",
                f"There are {len(found)} load balancers; {called(found[0])} stands for all.",
            )
        self._stack.balancer_key = found[0].key
        view = self._stack.view(found[0], "load_balancer", known.LOAD_BALANCER_ROW).finish()
        kind = view.text("loadBalancerType", "type") or "application"
        if kind != "application":
            view.note("type", f"Load balancers of type {kind} are not modelled.", supply=True)
            return None
        reserved = view.get("minimumLoadBalancerCapacity", "reserved_capacity_units")
        units = reserved.get("capacityUnits") if isinstance(reserved, Mapping) else None
        if units is UNKNOWN:
            view.wait_for("minimumLoadBalancerCapacity", "reserved_capacity_units")
            units = None
        return LoadBalancer(
            name=called(found[0]),
            idle_timeout_seconds=or_else(view.whole("idleTimeout", "idle_timeout_seconds"), 60),
            reserved_capacity_units=int(float(units or 0)),
        )

    def _balancers_of(self, target_group: Resource) -> list[Resource]:
        arns = target_group.properties.get("loadBalancerArns")
        if isinstance(arns, list | tuple) and arns and UNKNOWN not in arns:
            matches = (
                self._stack.refer(target_group, "loadBalancerArns", arn, known.LOAD_BALANCER)
                for arn in arns
            )
            return [match for match in matches if match is not None]
        found: list[Resource] = []
        for listener in self._stack.of(known.LISTENER):
            actions = [(listener, "defaultActions")]
            for rule in self._stack.of(known.LISTENER_RULE):
                value = rule.properties.get("listenerArn")
                if self._stack.refer(rule, "listenerArn", value, known.LISTENER) is listener:
                    actions.append((rule, "actions"))
            if any(self._forwards(each, key, target_group) for each, key in actions):
                value = listener.properties.get("loadBalancerArn")
                match = self._stack.refer(listener, "loadBalancerArn", value, known.LOAD_BALANCER)
                found += [match] if match is not None and match not in found else []
        return found

    def _forwards(self, resource: Resource, key: str, target_group: Resource) -> bool:
        """Whether a listener or rule sends requests to the target group; note if only some."""
        actions = resource.properties.get(key)
        for action in actions if isinstance(actions, list | tuple) else [actions]:
            if not isinstance(action, Mapping):
                candidates = self._stack.made_of(resource, key, known.TARGET_GROUP)
                if action is UNKNOWN and candidates == [target_group]:
                    return True
                continue
            values = [action.get("targetGroupArn")]
            forward = action.get("forward")
            shares = forward.get("targetGroups") if isinstance(forward, Mapping) else None
            values += [
                share.get("arn") if isinstance(share, Mapping) else share
                for share in (shares if isinstance(shares, list | tuple) else ())
            ]
            matches = [
                self._stack.refer(resource, key, value, known.TARGET_GROUP)
                for value in values
                if value is not None
            ]
            if target_group in matches:
                if len({id(match) for match in matches}) > 1:
                    self._stack.notes.add(
                        f"target_groups[{self._stack.target_group_names[target_group.key]}]",
                        "It gets a share of the requests only; it is taken to get all.",
                    )
                return True
        return False

    def target_group(self, resource: Resource) -> TargetGroup:
        name = called(resource)
        view = self._stack.view(resource, f"target_groups[{name}]", known.TARGET_GROUP_ROW).finish()
        protocol = view.text("protocol", "protocol") or "HTTP"
        if protocol not in ("HTTP", "HTTPS"):
            reason = f"Targets that speak {protocol} are not modelled."
            view.note("protocol", reason, supply=True)
        kind = view.text("targetType", "target_type") or "instance"
        if kind != "instance":
            view.note("target_type", f"Targets of type {kind} are not modelled.", supply=True)
        self._stickiness(view)
        self._target_group_health(view)
        check = view.block("healthCheck", "", known.HEALTH_CHECK_ROW)
        timeout = 6 if protocol == "HTTP" else 10
        numbers = {
            "check_interval_seconds": 30,
            "check_timeout_seconds": timeout,
            "healthy_threshold": 5,
            "unhealthy_threshold": 2,
        }
        if check is not None:
            check.finish()
            if not check.flag("enabled", "enabled", default=True):
                view.note("health_check", "It is off, which is not modelled: it is taken for on.")
            defaults = {**numbers, "healthy_threshold": _PROVIDER_THRESHOLD}
            defaults["unhealthy_threshold"] = _PROVIDER_THRESHOLD
            keys = ("interval", "timeout", "healthyThreshold", "unhealthyThreshold")
            for key, field in zip(keys, numbers, strict=True):
                numbers[field] = or_else(check.whole(key, field), defaults[field])
        return TargetGroup(
            name=name,
            slow_start_seconds=or_else(view.whole("slowStart", "slow_start_seconds"), 0),
            deregistration_delay_seconds=or_else(
                view.whole("deregistrationDelay", "deregistration_delay_seconds"), 300
            ),
            algorithm=view.choice(
                "loadBalancingAlgorithmType",
                "algorithm",
                BalancingAlgorithm,
                BalancingAlgorithm.ROUND_ROBIN,
            ),
            check_interval_seconds=numbers["check_interval_seconds"],
            check_timeout_seconds=numbers["check_timeout_seconds"],
            healthy_threshold=numbers["healthy_threshold"],
            unhealthy_threshold=numbers["unhealthy_threshold"],
        )

    def _stickiness(self, view: View) -> None:
        stickiness = view.get("stickiness", "stickiness")
        if not isinstance(stickiness, Mapping):
            return
        # Where the block is given without `enabled`, the provider switches it on.
        if str(stickiness.get("enabled", True)).lower() != "false":
            reason = "Sticky sessions are not modelled: users change targets."
            view.note("stickiness", reason, supply=True)

    def _target_group_health(self, view: View) -> None:
        health = view.get("targetGroupHealth", "target_group_health")
        blocks = health.values() if isinstance(health, Mapping) else ()
        for block in blocks:
            if not isinstance(block, Mapping):
                continue
            count = block.get("minimumHealthyTargetsCount")
            percentage = block.get("minimumHealthyTargetsPercentage")
            if str(count).split(".")[0] not in ("1", "None", "off") or percentage not in (
                None,
                "off",
            ):
                view.note(
                    "target_group_health",
                    "Only the default is modelled: with no healthy target, all get requests.",
                )
