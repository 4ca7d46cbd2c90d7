"""What AWS does not document, as named parameters: default, range, where the value comes from.

One table. The verdict sweeps the ranges; the report prints the rows that mattered.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A parameter on which AWS's documentation is silent."""

    name: str
    """Field of the scenario record that it sets."""
    default: float
    low: float
    high: float
    unit: str
    whole: bool = False
    """Whether it is a whole number."""
    better: str = ""
    """Which end helps the stack: `low`, `high`, or neither where that depends."""
    meaning: str
    provenance: str
    """Where default and range come from: observed, inferred, or a service's own default."""


_ROWS = (
    Assumption(
        name="alarm_phase_seconds",
        default=30,
        low=0,
        high=59.9,
        unit="s",
        meaning="moment within the minute at which alarms are evaluated",
        provenance="observed: one alarm history shows :37.9; drawn evenly",
    ),
    Assumption(
        name="evaluation_range_extra",
        default=2,
        low=2,
        high=4,
        unit="periods",
        whole=True,
        meaning="periods beyond N that an alarm looks at for missing data",
        provenance="inferred: CloudWatch's example uses 5 for N = 3; with fewer, data that comes "
        "two minutes late would never be seen where N is 1; of a metric that comes less often than "
        "the alarm's period, as many of its points",
    ),
    Assumption(
        name="action_repeat_seconds",
        default=60,
        low=60,
        high=300,
        unit="s",
        better="low",
        meaning="time between two runs of an Auto Scaling action while the alarm's state lasts",
        provenance="documented as once per minute; two recorded events fit 300 s as well",
    ),
    Assumption(
        name="load_balancer_delay_seconds",
        default=90,
        low=60,
        high=120,
        unit="s",
        better="low",
        meaning="time from the end of a minute until load balancer metrics of it are seen",
        provenance="observed: Netflix/atlas 1300, telegraf 10134, cloudwatch_exporter 396",
    ),
    Assumption(
        name="ec2_delay_seconds",
        default=90,
        low=60,
        high=120,
        unit="s",
        better="low",
        meaning="the same for EC2 metrics",
        provenance="inferred from the load balancer's; CloudWatch says up to two minutes",
    ),
    Assumption(
        name="group_delay_seconds",
        default=90,
        low=60,
        high=180,
        unit="s",
        better="low",
        meaning="the same for Auto Scaling group metrics",
        provenance="inferred; AWS calls them best effort",
    ),
    Assumption(
        name="database_delay_seconds",
        default=90,
        low=60,
        high=120,
        unit="s",
        better="low",
        meaning="the same for RDS metrics",
        provenance="inferred from the load balancer's",
    ),
    Assumption(
        name="agent_delay_seconds",
        default=5,
        low=2,
        high=10,
        unit="s",
        better="low",
        meaning="time from the end of a period until a custom metric of it is seen",
        provenance="observed: re:Post, ten seconds plus a few",
    ),
    Assumption(
        name="partial_minute",
        default=0,
        low=0,
        high=1,
        unit="0 or 1",
        whole=True,
        meaning="whether the load balancer's last minute is seen while it is incomplete",
        provenance="observed: Netflix/atlas 1300 calls it incomplete and volatile",
    ),
    Assumption(
        name="partial_minute_share",
        default=0.5,
        low=0.1,
        high=0.9,
        unit="share",
        meaning="how much earlier an incomplete minute is seen, as a share of the minute",
        provenance="inferred",
    ),
    Assumption(
        name="basic_monitoring_minute",
        default=0,
        low=0,
        high=4,
        unit="min",
        whole=True,
        meaning="minute of every five, from the trace's start on, in which a point of basic "
        "monitoring begins",
        provenance="drawn evenly: EC2 sends one in five minutes, and does not say in which",
    ),
    Assumption(
        name="requests_per_healthy_target",
        default=1,
        low=0,
        high=1,
        unit="0 or 1",
        whole=True,
        better="high",
        meaning="whether requests per target are divided by the healthy targets (1; by the "
        "registered ones if none is healthy) or by all that are registered (0)",
        provenance="documented as healthy by the load balancer's page of 2026; its page of 2023 "
        "and Auto Scaling's say only per target",
    ),
    Assumption(
        name="cooldown_waits_for_draining",
        default=1,
        low=0,
        high=1,
        unit="0 or 1",
        whole=True,
        better="low",
        meaning="whether the cooldown of simple scaling begins when an instance that leaves has "
        "drained (1) or when it begins to (0)",
        provenance="documented both ways on one page of Auto Scaling's, on cooldowns",
    ),
    Assumption(
        name="tracking_high_periods",
        default=3,
        low=2,
        high=3,
        unit="periods",
        whole=True,
        better="low",
        meaning="N of the AlarmHigh of target tracking, 60 s each",
        provenance="observed in many consoles; groups since November 2024 tune it themselves",
    ),
    Assumption(
        name="tracking_low_periods",
        default=15,
        low=10,
        high=15,
        unit="periods",
        whole=True,
        meaning="N of the AlarmLow of target tracking",
        provenance="observed in many consoles",
    ),
    Assumption(
        name="tracking_fast_periods",
        default=3,
        low=1,
        high=3,
        unit="periods",
        whole=True,
        better="low",
        meaning="N of the AlarmHigh of high-resolution target tracking",
        provenance="not found; swept from 1 to 3",
    ),
    Assumption(
        name="tracking_low_factor",
        default=0.7,
        low=0.7,
        high=0.9,
        unit="share",
        better="low",
        meaning="threshold of AlarmLow as a share of the target",
        provenance="observed: 35 of 50, 28 of 40, 52.5 of 75, 14 of 20; one outlier at 0.9",
    ),
    Assumption(
        name="action_to_launch_seconds",
        default=5.5,
        low=5,
        high=10,
        unit="s",
        better="low",
        meaning="time from a policy's run until instances start",
        provenance="observed: 5 s and 6 s in two recorded events",
    ),
    Assumption(
        name="instance_start_seconds",
        default=8,
        low=5,
        high=20,
        unit="s",
        better="low",
        meaning="time from the launch until EC2 says running",
        provenance="observed: 1.5 s + 4.9 s in ec2-boot-bench",
    ),
    Assumption(
        name="boot_variation",
        default=0.15,
        low=0,
        high=0.4,
        unit="sigma",
        meaning="spread of single boot times (of the logarithm)",
        provenance="inferred",
    ),
    Assumption(
        name="registration_seconds",
        default=5,
        low=0,
        high=15,
        unit="s",
        better="low",
        meaning="time from in service until the first health check can come",
        provenance="inferred",
    ),
    Assumption(
        name="loss_notice_seconds",
        default=60,
        low=15,
        high=180,
        unit="s",
        better="low",
        meaning="time until the group notices that EC2 lost an instance",
        provenance="inferred: the interval of its health checks is not documented",
    ),
    Assumption(
        name="group_check_seconds",
        default=60,
        low=15,
        high=180,
        unit="s",
        meaning="interval of the group's own health checks, by which it replaces what is unhealthy",
        provenance="inferred: AWS calls them periodic and states no interval",
    ),
    Assumption(
        name="group_check_phase",
        default=0.5,
        low=0,
        high=1,
        unit="share",
        meaning="when in that interval the group checks, as a share of it",
        provenance="not found; drawn evenly",
    ),
    Assumption(
        name="all_unhealthy_share",
        default=0.5,
        low=0,
        high=1,
        unit="share",
        meaning="how much of the tenth is replaced at a time where all instances are unhealthy "
        "(rounded to whole instances, half up)",
        provenance="documented as: may be fewer, much fewer, or the tenth",
    ),
    Assumption(
        name="maintenance_ends_first",
        default=1,
        low=0,
        high=1,
        unit="0 or 1",
        whole=True,
        better="low",
        meaning="whether a refresh, or the maintenance policy, with a minimum below and a maximum "
        "above 100 % ends instances at once, not only once new ones are ready",
        provenance="inferred: AWS states the range, not the order within it",
    ),
    Assumption(
        name="healthy_rounding",
        default=0,
        low=0,
        high=1,
        unit="0 or 1",
        whole=True,
        meaning="whether a minimum and a maximum healthy percentage are rounded away from the "
        "desired capacity (1) or towards it (0)",
        provenance="not found for the maximum; the API reference of 2022 rounded the minimum up",
    ),
    Assumption(
        name="launch_retry_seconds",
        default=60,
        low=15,
        high=300,
        unit="s",
        better="low",
        meaning="time until a failed launch is tried again",
        provenance="not found",
    ),
    Assumption(
        name="launch_batch_size",
        default=100,
        low=20,
        high=100,
        unit="instances",
        whole=True,
        better="high",
        meaning="instances that one step launches at most",
        provenance="inferred from LaunchInstances' limit of 100 per call",
    ),
    Assumption(
        name="launch_batch_seconds",
        default=2,
        low=1,
        high=10,
        unit="s",
        better="low",
        meaning="time from one such step to the next",
        provenance="not found",
    ),
    Assumption(
        name="schedule_delay_seconds",
        default=5,
        low=0,
        high=120,
        unit="s",
        better="low",
        meaning="lateness of scheduled actions",
        provenance="documented: within seconds, may slip up to two minutes",
    ),
    Assumption(
        name="speed_variation",
        default=0.02,
        low=0,
        high=0.05,
        unit="sigma",
        better="low",
        meaning="spread of the instances' speed (of the logarithm); each keeps its own",
        provenance="inferred: instances of one type differ by some percent",
    ),
)

ASSUMPTIONS = MappingProxyType({row.name: row for row in _ROWS})
"""All assumptions by name, in the order in which they are printed."""


def table() -> str:
    """Return the assumptions as the Markdown table of docs/simulation.md."""
    lines = [
        "| parameter | default | range | what it is | where it comes from |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.name}` | {row.default:g} {row.unit} | {row.low:g} to {row.high:g} "
        f"| {row.meaning} | {row.provenance} |"
        for row in ASSUMPTIONS.values()
    ]
    return "\n".join(lines)
