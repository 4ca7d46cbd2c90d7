"""Prints how fast the simulation is: one day, alone, in a sweep, and beside VASIM.

python -m benchmarks.simulation [seconds per figure]
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.peers import installed
from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    CompositeAlarm,
    Figure,
    Group,
    HealthCheckType,
    LoadBalancer,
    Metric,
    MetricMath,
    MissingData,
    ScalingPlan,
    Service,
    StepAdjustment,
    StepScaling,
    TargetGroup,
    TargetTracking,
    TrackedMetric,
    WarmPool,
)
from surgeproof.simulation import encode, latin_hypercube, run, sweep
from surgeproof.simulation.compiled.records import Floats
from surgeproof.simulation.encode import STEP_SECONDS, Encoded

DAY_STEPS = 8640
GOALS = {"single": (5.0, 3.0), "sweep": (500.0, 2500.0)}
DIFFERING = (20, 40)
"""Standing instances, each of its own speed, of the days that are timed beside the first."""


VASIM = "vasim==0.1.4"
"""A simulator of vertical autoscalers with steps of a minute: the nearest peer there is."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of traffic: a wave with a surge of x3 within 300 s in the morning."""

    requests_per_second: Floats
    step_seconds: float = 10.0
    start_seconds: float = 0.0
    dated: bool = False


def day() -> Day:
    """Return the day that is replayed."""
    seconds = np.arange(DAY_STEPS) * 10.0
    wave = 300 - 150 * np.cos(2 * np.pi * seconds / 86_400)
    noise = np.random.default_rng(0).normal(1, 0.03, DAY_STEPS)
    rise = np.clip((seconds - 31_500) / 300, 0, 1) * (seconds < 38_700)
    return Day(np.maximum(wave * noise * (1 + 2 * rise), 0))


def elb(name: str, statistic: str) -> Metric:
    """Return a load balancer metric."""
    return Metric(namespace="AWS/ApplicationELB", name=name, statistic=statistic)


def plan() -> ScalingPlan:
    """Return a stack with three policies, eight alarms of its own, a composite and a warm pool."""

    def alarm(name: str, metric: Metric | MetricMath, threshold: float, n: int, m: int) -> Alarm:
        return Alarm(
            name=name,
            metric=metric,
            comparison=Comparison.GREATER,
            threshold=threshold,
            evaluation_periods=n,
            datapoints_to_alarm=m,
            missing_data=MissingData.NOT_BREACHING,
            notifies=True,
            alarm_actions=("steps",) if name == "surge" else (),
        )

    errors = MetricMath(
        expression="IF(requests >= 100, 100 * FILL(errors, 0) / requests, 0)",
        metrics=(
            ("errors", elb("HTTPCode_Target_5XX_Count", "Sum")),
            ("requests", elb("RequestCount", "Sum")),
        ),
    )
    wanted = MetricMath(
        expression="100 * desired / maximum",
        metrics=tuple(
            (key, Metric(namespace="AWS/AutoScaling", name=name))
            for key, name in (("desired", "GroupDesiredCapacity"), ("maximum", "GroupMaxSize"))
        ),
    )
    return ScalingPlan(
        name="benchmark",
        groups=(
            Group(
                name="web",
                min_size=4,
                max_size=40,
                zones=("a", "b", "c"),
                default_instance_warmup_seconds=120,
                health_check_type=HealthCheckType.ELB,
                health_check_grace_seconds=180,
                detailed_monitoring=True,
                group_metrics=True,
                target_group="web",
                warm_pool=WarmPool(max_prepared_size=20),
            ),
        ),
        policies=(
            TargetTracking(
                name="requests",
                group="web",
                metric=TrackedMetric.REQUESTS_PER_TARGET,
                target=3600,
            ),
            TargetTracking(name="cpu", group="web", metric=TrackedMetric.CPU, target=60),
            StepScaling(
                name="steps",
                group="web",
                adjustment_type=AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
                steps=(
                    StepAdjustment(lower=0, upper=1200, adjustment=30),
                    StepAdjustment(lower=1200, upper=None, adjustment=100),
                ),
            ),
        ),
        alarms=(
            alarm("slow", elb("TargetResponseTime", "p95"), 1, 5, 3),
            alarm("slow-tail", elb("TargetResponseTime", "p99"), 2, 5, 3),
            alarm("errors", errors, 1, 5, 2),
            alarm("surge", elb("RequestCountPerTarget", "Sum"), 4800, 1, 1),
            alarm("unhealthy", elb("UnHealthyHostCount", "Maximum"), 0, 5, 5),
            alarm("rejected", elb("HTTPCode_ELB_5XX_Count", "Sum"), 0, 3, 2),
            alarm("at-maximum", wanted, 99, 3, 3),
            alarm("cpu", Metric(namespace="AWS/EC2", name="CPUUtilization"), 80, 15, 15),
        ),
        composites=(CompositeAlarm(name="page", rule="ALARM(slow) OR ALARM(errors)"),),
        load_balancer=LoadBalancer(name="web"),
        target_groups=(TargetGroup(name="web", check_interval_seconds=10),),
        service=Service(
            requests_per_second=Figure.about(100),
            cold_requests_per_second=Figure.about(60),
            cold_seconds=Figure.about(60),
            service_seconds=Figure.about(0.1),
            boot_seconds=Figure.about(120),
        ),
    )


def timed(encoded: Encoded, budget: float) -> tuple[list[float], list[float]]:
    """Run one day again and again for so long; return wall and processor times (seconds)."""
    walls, cpus = [], []
    until = time.perf_counter() + budget
    while time.perf_counter() < until:
        wall, cpu = time.perf_counter(), time.thread_time()
        run(encoded)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.thread_time() - cpu)
    return walls, cpus


def at_fine_steps(budget: float) -> None:
    """Print how long the day takes at the step of every replay, and with fleets that differ."""
    days = {"the same day": (plan(), day())}
    for size in DIFFERING:
        alone = plan()
        web = replace(alone.groups[0], min_size=size, max_size=size, warm_pool=None)
        # So near what they carry each queue is followed, at every step.
        load = Day(np.full(DAY_STEPS, 97.0 * size))
        days[f"a day at 97 % of {size} instances"] = (
            replace(alone, groups=(web,), policies=()),
            load,
        )
    for what, (chosen, load) in days.items():
        walls, cpus = timed(encode(chosen, load), budget)
        print(
            f"{what}, at {STEP_SECONDS} s steps: best {1e3 * min(walls):.1f} ms "
            f"(processor time, median {1e3 * float(np.median(cpus)):.1f} ms)"
        )


def beside_vasim(ours: float) -> None:
    """Print how many minutes VASIM simulates in a second, beside `ours`."""
    with tempfile.TemporaryDirectory(prefix="surgeproof-bench-") as directory:
        found = installed(VASIM, Path(directory, "venv"))
        if found is None:
            return
        data = Path(directory, "data")
        data.mkdir()
        done = subprocess.run(
            [str(found / "python"), str(Path(__file__).with_name("vasim_day.py")), str(data)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        print(f"VASIM failed: {(done.stderr.strip().splitlines() or [''])[-1]}")
        return
    minutes, seconds = map(float, done.stdout.split()[-2:])
    theirs = minutes / seconds
    print(
        f"simulated minutes per second: {ours:,.0f}, {VASIM} {theirs:,.0f}: {ours / theirs:,.0f} x "
        "(at least 30, goal 300)"
    )


def main() -> None:
    """Print the figures."""
    budget = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    encoded = encode(plan(), day(), step_seconds=10)
    started = time.perf_counter()
    run(encoded)
    print(f"first run, compilation or its cache included  {time.perf_counter() - started:8.2f} s")
    walls, cpus = timed(encoded, budget)
    least, goal = GOALS["single"]
    print(
        f"one day at 10 s steps, single run, warm: best {1e3 * min(walls):.2f} ms, "
        f"median {1e3 * float(np.median(walls)):.2f} ms "
        f"(processor time, median {1e3 * float(np.median(cpus)):.2f} ms; "
        f"at most {least:g}, goal {goal:g})"
    )
    at_fine_steps(budget / 2)
    cores = min(2, len(os.sched_getaffinity(0)))
    count, rate, processor = 64, 0.0, 0.0
    until = time.perf_counter() + budget
    while time.perf_counter() < until:
        scenarios = latin_hypercube(encoded, count, seed=1)
        wall, cpu = time.perf_counter(), time.process_time()
        sweep(encoded, scenarios, threads=cores)
        rate = max(rate, count / (time.perf_counter() - wall))
        processor = max(processor, cores * count / (time.process_time() - cpu))
    least, goal = GOALS["sweep"]
    print(
        f"sweep of drawn scenarios, {cores} cores: best {rate:,.0f} days/s "
        f"(by processor time {processor:,.0f}; at least {least:g}, goal {goal:,.0f})"
    )
    beside_vasim(1440 / min(walls))
    print(f"load of the machine while this ran: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
