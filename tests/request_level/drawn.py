"""Surges whose parameters are drawn, so that nobody chose them to suit a model.

`DRAWN_SEED` was stated before the fast simulation was measured on them. Each kind draws from a
stream of its own name, so that another kind more or less changes none of the others.
"""

from dataclasses import replace

from surgeproof.plan.model import (
    BalancingAlgorithm,
    HealthCheckType,
    LoadBalancer,
    TrackedMetric,
    Users,
)
from tests.request_level.clock import stream
from tests.request_level.scenarios import Scenario, exactly, fleet, shape, stepped, tracked

DRAWN_SEED = 20261126


def draw(kind, number):
    """Return the drawn scenario of a kind (a key of `KINDS`) with a number."""
    name = f"drawn-{kind}-{number}"
    rng = stream(DRAWN_SEED, name)
    return replace(
        KINDS[kind](name, rng),
        boot_variation=rng.choice((0, 0.15, 0.3)),
        speed_variation=rng.choice((0, 0.02, 0.05)),
        seeds=60 if name in WIDE else 20,
    )


def _rounded(value):
    return round(value, 3)


def _checks(rng):
    """Return settings of a target group within what people set."""
    interval = rng.choice((5, 10, 15, 30))
    return {
        "check_interval_seconds": interval,
        "check_timeout_seconds": rng.choice([t for t in (2, 4, 5, 6) if t < interval]),
        "healthy_threshold": rng.randint(2, 5),
        "unhealthy_threshold": rng.randint(2, 4),
    }


def _figures(rng):
    """Return rate (requests/s), workers and variation of the service time of an instance."""
    rate = rng.choice((4.0, 5.0, 6.0))
    return rate, rng.choice((1, 2, 3)), rng.choice((0.25, 0.5))


def _users(rng):
    return Users(
        session_seconds=exactly(rng.choice((180, 300, 600))),
        requests_per_session=exactly(rng.choice((4, 5, 8))),
        timeout_seconds=exactly(rng.choice((6, 10, 15))),
        retries=rng.choice((0, 0, 1, 1, 2)),
        backoff_seconds=exactly(rng.choice((0.5, 1, 2))),
    )


def _group(rng):
    return {
        "default_instance_warmup_seconds": rng.choice((60, 120, 180)),
        **({} if rng.random() < 0.5 else {"hooks": ()}),
    }


def _fleet(rng, low, high, *, grows=0.0, checks=None, service=None, **group):
    size = rng.randint(low, high)
    rate, workers, variation = _figures(rng)
    plan = fleet(
        size,
        most=round(grows * size) or size,
        rate=rate,
        workers=workers,
        latency=max(2, _rounded(6 * workers / rate)),
        checks=_checks(rng) | (checks or {}),
        service={
            "service_variation": exactly(variation),
            "boot_seconds": exactly(rng.choice((45, 80, 120))),
            **(service or {}),
        },
        **_group(rng),
        **group,
    )
    return replace(plan, users=_users(rng)), size * rate


def _tracking(rng, plan):
    metric = rng.choice((TrackedMetric.REQUESTS_PER_TARGET, TrackedMetric.CPU))
    return tracked(plan, metric, rng.choice((50, 60, 70)))


def _surge(name, rng, capacity, *, before=(0.5, 0.6), factor=(1.6, 2.2), lasts=900):
    """Return a trace that rises by a factor, at once or within minutes."""
    low = _rounded(capacity * rng.uniform(*before))
    high = _rounded(low * rng.uniform(*factor))
    rise = rng.choice((0, 60, 180))
    return shape(
        name,
        (300, low),
        *([(rise, lambda t: low + (high - low) * t / rise)] if rise else []),
        (lasts, high),
    )


def _crowd(name, rng, **more):
    plan, capacity = _fleet(rng, 20, 40, grows=rng.choice((2, 2.5, 3)), **more)
    return Scenario(
        name, "About twice the load.", _tracking(rng, plan), _surge(name, rng, capacity)
    )


def _at_capacity(name, rng):
    plan, capacity = _fleet(rng, 16, 32)
    lasts = rng.choice((240, 300, 420))
    trace = shape(
        name,
        (300, _rounded(0.6 * capacity)),
        (lasts, _rounded(capacity * rng.uniform(0.97, 1.06))),
        (600, _rounded(0.6 * capacity)),
    )
    return Scenario(name, "About the capacity of a fixed fleet, for minutes.", plan, trace)


def _near_critical(name, rng):
    plan, capacity = _fleet(rng, 16, 32)
    trace = shape(
        name, (300, _rounded(0.7 * capacity)), (900, _rounded(capacity * rng.uniform(0.9, 0.98)))
    )
    return Scenario(name, "Just below the capacity of a fixed fleet, for long.", plan, trace)


def _zones(name, rng):
    plan, capacity = _fleet(rng, 9, 24, grows=3)
    low = _rounded(capacity * rng.uniform(0.3, 0.55))
    trace = shape(name, (300, low), (1200, low))
    return Scenario(
        name, "Two of three zones are lost.", _tracking(rng, plan), trace,
        losses=((300.0, ("a", "b")),),
    )  # fmt: skip


def _elb(name, rng):
    grace = rng.choice((60, 120, 300))
    plan, capacity = _fleet(
        rng, 16, 32, health_check_type=HealthCheckType.ELB, health_check_grace_seconds=grace
    )
    lasts = rng.choice((240, 360, 480))
    trace = shape(
        name,
        (300, _rounded(0.6 * capacity)),
        (lasts, _rounded(capacity * rng.uniform(1.02, 1.3))),
        (720, _rounded(0.4 * capacity)),
    )
    return Scenario(name, "Too much for a fleet that replaces what fails.", plan, trace)


def _outstanding(name, rng):
    least = {"algorithm": BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS}
    return _crowd(name, rng, checks=least)


def _outstanding_at_capacity(name, rng):
    scenario = _at_capacity(name, rng)
    (group,) = scenario.plan.target_groups
    least = replace(group, algorithm=BalancingAlgorithm.LEAST_OUTSTANDING_REQUESTS)
    return replace(scenario, plan=replace(scenario.plan, target_groups=(least,)))


def _cold(name, rng):
    seconds = rng.choice((60, 120, 240))
    share = rng.choice((0.3, 0.5, 0.7))
    scenario = _crowd(name, rng, service={"cold_seconds": exactly(seconds)})
    service = scenario.plan.service
    service = replace(
        service,
        cold_requests_per_second=exactly(_rounded(share * service.requests_per_second.typical)),
    )
    return replace(scenario, plan=replace(scenario.plan, service=service))


def _retries(name, rng):
    plan, capacity = _fleet(rng, 20, 30)
    plan = replace(plan, users=replace(plan.users, retries=rng.randint(1, 3)))
    normal = _rounded(capacity * rng.uniform(0.5, 0.65))
    lasts = rng.choice((60, 120, 180))
    trace = shape(
        name, (300, normal), (lasts, _rounded(capacity * rng.uniform(1.4, 2.2))), (900, normal)
    )
    return Scenario(name, "A burst, and clients that try again and again.", plan, trace)


def _scale_in(name, rng):
    seconds = rng.choice((4, 6, 8, 12))
    size = rng.randint(12, 24)
    rate = 5.0
    plan = fleet(
        size // 2,
        most=size,
        desired_capacity=size,
        rate=rate,
        workers=round(rate * seconds),
        latency=_rounded(3.5 * seconds),
        checks=_checks(rng) | {"deregistration_delay_seconds": rng.choice((2, 5, 10))},
        service={
            "service_variation": exactly(rng.choice((0.25, 0.5))),
            "longest_request_seconds": exactly(3 * seconds),
        },
        **_group(rng),
    )
    plan = replace(
        plan,
        users=replace(plan.users, timeout_seconds=exactly(60), retries=rng.randint(0, 1)),
        load_balancer=LoadBalancer(name="web", idle_timeout_seconds=120),
    )
    plan = stepped(plan, less=(-rng.choice((20, 30, 50)), "<", 40))
    capacity = size * rate
    trace = shape(
        name,
        (480, _rounded(0.55 * capacity)),
        (600, _rounded(capacity * rng.uniform(0.2, 0.35))),
    )
    return Scenario(name, "Long requests are cut off when instances leave early.", plan, trace)


KINDS = {
    "crowd": _crowd,
    "capacity": _at_capacity,
    "critical": _near_critical,
    "zones": _zones,
    "elb": _elb,
    "outstanding": _outstanding,
    "outstanding-capacity": _outstanding_at_capacity,
    "cold": _cold,
    "retries": _retries,
    "scale-in": _scale_in,
}
"""How each kind is drawn."""

COUNTS = {
    "crowd": 2,
    "capacity": 2,
    "critical": 2,
    "zones": 2,
    "elb": 2,
    "outstanding": 1,
    "outstanding-capacity": 1,
    "cold": 1,
    "retries": 1,
    "scale-in": 1,
}
"""How many of each kind there are: together as many as have names."""

WIDE = frozenset(
    {
        "drawn-crowd-1",
        "drawn-crowd-2",
        "drawn-zones-2",
        "drawn-outstanding-capacity-1",
        "drawn-retries-1",
    }
)
"""Those that turn out so differently from seed to seed that 20 are too few for a median, or for the
share of a mode."""

DRAWN = tuple(
    draw(kind, number) for kind, count in COUNTS.items() for number in range(1, count + 1)
)
