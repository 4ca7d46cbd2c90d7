"""What AWS does not document, as numbers that a run states."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Choices of the request-level simulation; none of them comes from the plan."""

    load_balancer_delay_seconds: float = 90
    """From the end of a minute until its load balancer metrics can be read (60 to 120 seen)."""
    instance_delay_seconds: float = 90
    """The same for EC2 metrics."""
    custom_delay_seconds: float = 6
    """The same for what the application publishes (2 to 10 s seen)."""
    alarm_phase_seconds: float | None = None
    """When in its minute an alarm is evaluated (seconds, 0 to 60). Default: drawn."""
    alarm_spacing_seconds: float = 0
    """How much later than the one before an alarm is evaluated, the plan's before those of target
    tracking (seconds, within the minute)."""
    extra_periods: int = 2
    """Periods that an alarm looks back beyond its N."""
    tracking_high_points: int = 3
    tracking_low_points: int = 15
    tracking_low_factor: float = 0.7
    """Threshold of target tracking's low alarm, as a share of the target."""
    launch_delay_seconds: float = 5
    """From an action until an instance is launched."""
    pending_seconds: float = 6.5
    """From its launch until an instance is in service and registered, without a hook."""
    registration_seconds: float = 0
    """From in service until the first health check can come."""
    group_health_seconds: float = 30
    """How often the group looks at its instances' health; AWS states no interval."""
    group_health_phase_seconds: float | None = None
    """When it looks for the first time. Default: drawn from that interval."""
    replacement_percent: float = 10
    """Share of the desired capacity that is replaced at a time (documented)."""
    loss_notice_seconds: float = 60
    """From the loss of an instance until the group notices it."""
    boot_variation: float = 0
    """Spread of single boot times (standard deviation of the logarithm)."""
    speed_variation: float = 0
    """Spread of the instances' speed, likewise; each keeps its own."""
    per_target_counts_healthy: bool = False
    """Whether requests per target are divided by the healthy targets; else by all registered."""
    fail_open_includes_initial: bool = True
    """Whether targets that never passed a check get requests when none is healthy."""
    nodes_share_counts: bool = False
    """Whether the load balancer's nodes know of each other's outstanding requests."""
    check_phase_seconds: float | None = None
    """From a target's registration until its first check. Default: drawn from an interval."""
    backoff_cap_seconds: float = 30
    """Longest mean wait before a retry."""
    backoff_jitter: float = 1
    """Spread of that wait: from (1 - j) to (1 + j) times its mean."""
    session_jitter: float = 0.5
    """Spread of the time between two requests of a session, likewise."""
