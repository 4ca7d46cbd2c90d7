"""The record that says what a run is about: each field, and what of the plan it comes from."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from surgeproof.plan import (
    BalancingAlgorithm,
    Database,
    Figure,
    Group,
    HealthCheckType,
    ScalingPlan,
    Service,
    WarmPoolState,
)
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.compiled import records as r

SLOTS = 128
"""Slots for instances; above this, instances that are launched together share one."""

SPARE_SLOTS = 8
"""Slots beyond those of the instances that a group has at most."""


def most_alive(max_size: int, *, pool: bool) -> float:
    """Return how many instances there are at most, those that leave or wait among them."""
    return max_size * (2 if pool else 1.2) + 8


def warmup_of(group: Group, stated: int | None, otherwise: float | None = None) -> float:
    """Return the warm-up that counts: what is stated, else the group's, else another time.

    That is the group's default cooldown for what a policy launches (BC, PutScalingPolicy), the
    grace period for an instance refresh (BC, RefreshPreferences).
    """
    if stated is not None:
        return float(stated)
    default = group.default_instance_warmup_seconds
    if default is not None and default >= 0:
        return float(default)
    return float(group.default_cooldown_seconds if otherwise is None else otherwise)


def scenario_of(
    plan: ScalingPlan,
    group: Group,
    service: Service,
    figures: Mapping[str, Figure],
    bounds: Sequence[float],
) -> r.Records:
    """Return the scenario with all figures typical and all assumptions at their defaults.

    `bounds` are the response times that alarms name.
    """
    values: dict[str, float] = {name: row.default for name, row in ASSUMPTIONS.items()}
    values |= {name: figure.typical for name, figure in figures.items()}
    for part in (
        _of_users(plan),
        _of_sizes(group),
        _of_pool(group),
        _of_hooks(group, service),
        _of_replacement(group),
        _of_targets(plan, group),
        _of_database(plan.database),
        _of_account(plan, group),
        {f"slow_bound_{i}": bound for i, bound in enumerate(bounds)},
    ):
        values |= part
    record = np.zeros(1, r.SCENARIO)
    for name, value in values.items():
        record[name] = value
    complete(record, figures)
    return record


def _of_users(plan: ScalingPlan) -> dict[str, float]:
    return {
        "closed": plan.users.think_seconds is not None,
        "retries": plan.users.retries,
        "latency_seconds": plan.objective.latency_seconds,
        "bad_share_limit": plan.objective.bad_requests_percent / 100,
        "chance": 1,
    }


def _of_sizes(group: Group) -> dict[str, float]:
    alive = most_alive(group.max_size, pool=group.warm_pool is not None)
    return {
        "instances_per_slot": math.ceil(alive / (SLOTS - SPARE_SLOTS)),
        "min_size": group.min_size,
        "max_size": group.max_size,
        "desired": group.min_size if group.desired_capacity is None else group.desired_capacity,
        "zones": len(group.zones),
        "detailed_monitoring": group.detailed_monitoring,
        "default_warmup_seconds": warmup_of(group, None),
        "cooldown_seconds": group.default_cooldown_seconds,
        "grace_seconds": group.health_check_grace_seconds,
    }


def _of_pool(group: Group) -> dict[str, float]:
    pool = group.warm_pool
    if pool is None:
        return {"pool_max_prepared": -1}
    prepared = pool.max_prepared_size
    return {
        "has_pool": 1,
        "pool_running": pool.state == WarmPoolState.RUNNING,
        "pool_reuse": pool.reuse_on_scale_in,
        "pool_min_size": pool.min_size,
        "pool_max_prepared": -1 if prepared is None else prepared,
    }


def _of_hooks(group: Group, service: Service) -> dict[str, float]:
    launching = [hook for hook in group.hooks if hook.launching]
    ending = [hook.heartbeat_timeout_seconds for hook in group.hooks if not hook.launching]
    abandoning = [hook.heartbeat_timeout_seconds for hook in launching if hook.abandons]
    return {
        "has_launch_hook": bool(launching),
        # All hooks hold an instance at once. One that abandons it does so at its own time-out;
        # where all continue, the instance goes into service at the last of their time-outs.
        "hook_continues": not abandoning,
        "hook_seconds": min(abandoning)
        if abandoning
        else max((hook.heartbeat_timeout_seconds for hook in launching), default=0),
        "terminate_hook_seconds": min(
            service.longest_request_seconds.typical if ending else 0.0, min(ending, default=0)
        ),
    }


def _of_replacement(group: Group) -> dict[str, float]:
    refresh, policy = group.refresh, group.maintenance
    low, high = _refresh_bounds(group)
    return {
        "refresh_min_healthy": low / 100,
        "refresh_max_healthy": (100 if high is None else high) / 100,
        "refresh_max_stated": high is not None,
        "refresh_warmup_seconds": warmup_of(
            group, refresh.warmup_seconds if refresh else None, group.health_check_grace_seconds
        ),
        "has_maintenance": policy is not None,
        "maintenance_min_healthy": (policy.min_healthy_percent if policy else 90) / 100,
        "maintenance_max_healthy": (policy.max_healthy_percent if policy else 100) / 100,
        "replacement_warmup_seconds": warmup_of(group, None, 0.0),
        "replacement_share": 0.1,
    }


def _refresh_bounds(group: Group) -> tuple[int, int | None]:
    """Return the minimum and maximum healthy percentages of a refresh; None: none is stated.

    BC, RefreshPreferences: what it leaves out is that of the instance maintenance policy, else
    90 and none, which is not the same as a stated 100.
    """
    refresh, policy = group.refresh, group.maintenance
    low = refresh.min_healthy_percent if refresh else None
    high = refresh.max_healthy_percent if refresh else None
    if low is None:
        low = policy.min_healthy_percent if policy else 90
    if high is None and policy is not None:
        high = policy.max_healthy_percent
    return low, high


def _of_targets(plan: ScalingPlan, group: Group) -> dict[str, float]:
    target_group, balancer = plan.target_group_of(group), plan.load_balancer
    if target_group is None:
        return {
            "check_interval_seconds": 30,
            "check_timeout_seconds": 6,
            "idle_timeout_seconds": r.NEVER,
        }
    return {
        "has_load_balancer": 1,
        "elb_checks": group.health_check_type == HealthCheckType.ELB,
        "unhealthy_threshold": target_group.unhealthy_threshold,
        "healthy_threshold": target_group.healthy_threshold,
        "check_interval_seconds": target_group.check_interval_seconds,
        "check_timeout_seconds": target_group.check_timeout_seconds,
        "slow_start_seconds": target_group.slow_start_seconds,
        "deregistration_seconds": target_group.deregistration_delay_seconds,
        "least_outstanding": target_group.algorithm
        == BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS,
        "check_uses_database": target_group.check_uses_database,
        "idle_timeout_seconds": balancer.idle_timeout_seconds if balancer else 60,
    }


def _of_database(database: Database | None) -> dict[str, float]:
    if database is None:
        return {}
    return {
        "has_database": 1,
        "proxied": database.proxied,
        "max_connections": database.max_connections or 0.0,
        "database_parallelism": max(database.parallelism, 1.0),
    }


def _of_account(plan: ScalingPlan, group: Group) -> dict[str, float]:
    return {
        "vcpus_per_instance": group.vcpus_per_instance,
        "vcpu_quota": plan.quotas.vcpus or 0.0,
        "launch_tokens": 1000,
        "launch_tokens_per_second": 2,
    }


def complete(scenarios: r.Records, figures: Mapping[str, Figure]) -> None:
    """Fill in what follows from other fields, after these were changed."""
    implied = scenarios["requests_per_second"] * scenarios["service_seconds"]
    if "concurrency" not in figures:
        scenarios["concurrency"] = np.maximum(implied, 1.0)
        stretched = scenarios["concurrency"] / np.maximum(implied, 1e-12)
        scenarios["concurrency"] = implied * np.maximum(stretched, 1.0)
    scenarios["servers"] = np.maximum(np.minimum(scenarios["concurrency"], implied), 1.0)
    scenarios["cold_requests_per_second"] = np.minimum(
        scenarios["cold_requests_per_second"], scenarios["requests_per_second"]
    )
    if "cold_concurrency" not in figures:
        scenarios["cold_concurrency"] = scenarios["concurrency"]
    if "processor_seconds" not in figures:
        # Nothing says how much of a request is work: all that the instance can spend on it.
        carries = np.minimum(
            scenarios["requests_per_second"],
            scenarios["concurrency"] / np.maximum(scenarios["service_seconds"], 1e-12),
        )
        scenarios["processor_seconds"] = np.minimum(
            np.maximum(scenarios["service_seconds"] - scenarios["database_seconds"], 0.0),
            scenarios["vcpus_per_instance"] / np.maximum(carries, 1e-12),
        )
