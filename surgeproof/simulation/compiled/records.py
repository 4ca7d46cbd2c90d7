"""The records and codes that the compiled kernel and the rest of the package share.

A record is one element of a structured array; the kernel reads and writes its fields by name.
Times are seconds after the start of the trace; `NEVER` stands for no time.
"""

from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Record = Any
"""One record of a structured array, as numba sees it; numpy has no narrower type for it."""

Records = npt.NDArray[np.void]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Points = npt.NDArray[np.int8]

NEVER: Final = 1e18

# Alarm states; 0 is what a new alarm has.
INSUFFICIENT: Final = 0
OK: Final = 1
ALARM: Final = 2

# Treatment of missing data.
MISSING: Final = 0
IGNORE: Final = 1
BREACHING: Final = 2
NOT_BREACHING: Final = 3

# Comparison.
GREATER: Final = 0
GREATER_OR_EQUAL: Final = 1
LESS: Final = 2
LESS_OR_EQUAL: Final = 3

# Policies.
TRACKING: Final = 1
STEP: Final = 2
SIMPLE: Final = 3

# Adjustment types.
CHANGE_IN_CAPACITY: Final = 0
EXACT_CAPACITY: Final = 1
PERCENT_CHANGE_IN_CAPACITY: Final = 2

# States of an instance.
EMPTY: Final = 0
PENDING: Final = 1
IN_SERVICE: Final = 2
DRAINING: Final = 3
POOL_PENDING: Final = 4
POOL_READY: Final = 5

# Sources of metrics; each has its own delivery delay.
LOAD_BALANCER: Final = 0
EC2: Final = 1
GROUP: Final = 2
DATABASE: Final = 3
AGENT: Final = 4
SOURCES: Final = 5

# Role of an alarm: one of ours, or one of the two that a target tracking policy keeps.
OWN: Final = 0
TRACKING_HIGH: Final = 1
TRACKING_LOW: Final = 2

# What is summed over time; each metric is a ratio of such sums.
SECONDS: Final = 0
REQUESTS: Final = 1
ANSWERED: Final = 2
RESPONSE_SECONDS: Final = 3
TARGET_5XX: Final = 4
ELB_5XX: Final = 5
REJECTED: Final = 6
TARGET_SECONDS: Final = 7
HEALTHY_SECONDS: Final = 8
UNHEALTHY_SECONDS: Final = 9
WARM_SECONDS: Final = 10
CPU_SECONDS: Final = 11
IN_SERVICE_SECONDS: Final = 12
DESIRED_SECONDS: Final = 13
MAX_SIZE_SECONDS: Final = 14
CONNECTION_SECONDS: Final = 15
DATABASE_BUSY_SECONDS: Final = 16
IN_FLIGHT_SECONDS: Final = 17
USER_SECONDS: Final = 18
PENDING_SECONDS: Final = 19
REQUEST_TARGET_SECONDS: Final = 20
"""Targets by which the load balancer divides requests."""
SLOW: Final = 21
"""First of the columns that count answers slower than a bound which some alarm names."""
SLOW_BOUNDS: Final = 4
COLUMNS: Final = SLOW + SLOW_BOUNDS

# What is kept as extremes of a minute.
LEAST_HEALTHY: Final = 0
MOST_UNHEALTHY: Final = 1
MOST_CPU: Final = 2
LONGEST_RESPONSE: Final = 3
EXTREMES: Final = 4

TERMS: Final = 6
"""Terms that numerator and denominator of a metric may each have."""


class Event(IntEnum):
    """What an entry of the log says; `subject` is the index of what it is about."""

    ALARM_INSUFFICIENT = 0
    ALARM_OK = 1
    ALARM_ALARM = 2
    SCALE_OUT = 3
    SCALE_IN = 4
    SCHEDULED = 5
    LAUNCH = 6
    LAUNCH_FROM_POOL = 7
    LAUNCH_FAILED = 8
    IN_SERVICE = 9
    ANSWERS = 10
    WARM = 11
    UNHEALTHY = 12
    HEALTHY = 13
    REPLACED = 14
    TERMINATING = 15
    TERMINATED = 16
    COMPOSITE_OK = 17
    COMPOSITE_ALARM = 18
    COMPOSITE_ACTS = 19
    INJECTION_STARTS = 20
    INJECTION_ENDS = 21
    REFRESH_STARTS = 22
    REFRESH_ENDS = 23
    REFRESH_STOPPED = 24
    OVERLOAD_STARTS = 25
    OVERLOAD_ENDS = 26
    FAIL_OPEN_STARTS = 27
    FAIL_OPEN_ENDS = 28
    AT_MAX_SIZE = 29
    CONNECTIONS_EXHAUSTED = 30
    BAD_STARTS = 31
    BAD_ENDS = 32
    REFRESH_REFUSED = 33
    REFRESH_FAILED = 34
    ALARM_OPEN = 40
    COMPOSITE_OPEN = 41


# numba freezes plain integers; it does not know members of an enumeration in every place.
E_ALARM: Final = int(Event.ALARM_INSUFFICIENT)
E_ALARM_OPEN: Final = int(Event.ALARM_OPEN)
E_COMPOSITE_OPEN: Final = int(Event.COMPOSITE_OPEN)
E_SCALE_OUT: Final = int(Event.SCALE_OUT)
E_SCALE_IN: Final = int(Event.SCALE_IN)
E_SCHEDULED: Final = int(Event.SCHEDULED)
E_LAUNCH: Final = int(Event.LAUNCH)
E_LAUNCH_FROM_POOL: Final = int(Event.LAUNCH_FROM_POOL)
E_LAUNCH_FAILED: Final = int(Event.LAUNCH_FAILED)
E_IN_SERVICE: Final = int(Event.IN_SERVICE)
E_ANSWERS: Final = int(Event.ANSWERS)
E_WARM: Final = int(Event.WARM)
E_UNHEALTHY: Final = int(Event.UNHEALTHY)
E_HEALTHY: Final = int(Event.HEALTHY)
E_REPLACED: Final = int(Event.REPLACED)
E_TERMINATING: Final = int(Event.TERMINATING)
E_TERMINATED: Final = int(Event.TERMINATED)
E_COMPOSITE_OK: Final = int(Event.COMPOSITE_OK)
E_COMPOSITE_ALARM: Final = int(Event.COMPOSITE_ALARM)
E_COMPOSITE_ACTS: Final = int(Event.COMPOSITE_ACTS)
E_INJECTION_STARTS: Final = int(Event.INJECTION_STARTS)
E_INJECTION_ENDS: Final = int(Event.INJECTION_ENDS)
E_REFRESH_REFUSED: Final = int(Event.REFRESH_REFUSED)
E_REFRESH_STARTS: Final = int(Event.REFRESH_STARTS)
E_REFRESH_ENDS: Final = int(Event.REFRESH_ENDS)
E_REFRESH_STOPPED: Final = int(Event.REFRESH_STOPPED)
E_OVERLOAD_STARTS: Final = int(Event.OVERLOAD_STARTS)
E_OVERLOAD_ENDS: Final = int(Event.OVERLOAD_ENDS)
E_FAIL_OPEN_STARTS: Final = int(Event.FAIL_OPEN_STARTS)
E_FAIL_OPEN_ENDS: Final = int(Event.FAIL_OPEN_ENDS)
E_AT_MAX_SIZE: Final = int(Event.AT_MAX_SIZE)
E_CONNECTIONS_EXHAUSTED: Final = int(Event.CONNECTIONS_EXHAUSTED)
E_BAD_STARTS: Final = int(Event.BAD_STARTS)
E_BAD_ENDS: Final = int(Event.BAD_ENDS)
E_REFRESH_FAILED: Final = int(Event.REFRESH_FAILED)


class Refresh(IntEnum):
    """What became of the last instance refresh of a run."""

    NONE = 0
    ENDED = 1
    UNFINISHED = 2
    """The trace ended before it did."""
    FAILED = 3
    """It could not go on for an hour."""
    STOPPED = 4
    """An alarm stopped it."""


R_NONE: Final = int(Refresh.NONE)
R_ENDED: Final = int(Refresh.ENDED)
R_UNFINISHED: Final = int(Refresh.UNFINISHED)
R_FAILED: Final = int(Refresh.FAILED)
R_STOPPED: Final = int(Refresh.STOPPED)


class Injection(IntEnum):
    """A failure or an intervention that is injected from `start` to `end`.

    Injections of one kind may overlap: then the strongest holds, and each ends by itself.
    """

    ZONE_LOST = 0
    """`value` is the index of the zone. Of several all are lost; while all of the group's zones are
    lost, nothing is launched."""
    NO_CAPACITY = 1
    """No instance can be launched."""
    BOOT_SLOWER = 2
    """Boot times are multiplied by `value`."""
    DATABASE_SLOWER = 3
    """The database's time is multiplied by `value`."""
    METRICS_LATE = 4
    """Every metric comes `value` seconds later."""
    LOAD_SHED = 5
    """The share `value` of the requests gets a waiting page; its users count as affected."""
    ROLLING_RESTART = 6
    """The instances are restarted one after the other, evenly from start to end; where several
    overlap, each restarts every instance once."""
    UNEVEN_LOAD = 7
    """The share `value` of the requests goes to the older half of the instances."""
    INSTANCE_REFRESH = 8
    """An instance refresh starts; refused while another is under way."""


J_ZONE_LOST: Final = int(Injection.ZONE_LOST)
J_NO_CAPACITY: Final = int(Injection.NO_CAPACITY)
J_BOOT_SLOWER: Final = int(Injection.BOOT_SLOWER)
J_DATABASE_SLOWER: Final = int(Injection.DATABASE_SLOWER)
J_METRICS_LATE: Final = int(Injection.METRICS_LATE)
J_LOAD_SHED: Final = int(Injection.LOAD_SHED)
J_ROLLING_RESTART: Final = int(Injection.ROLLING_RESTART)
J_UNEVEN_LOAD: Final = int(Injection.UNEVEN_LOAD)
J_INSTANCE_REFRESH: Final = int(Injection.INSTANCE_REFRESH)


def _dtype(integers: str, floats: str) -> np.dtype[np.void]:
    names = [(name, np.int64) for name in integers.split()]
    return np.dtype([*names, *((name, np.float64) for name in floats.split())], align=True)


SCENARIO = _dtype(
    # What one run is about: one record a scenario, so that a sweep is an array of them.
    "seed trace step_seconds steps pre_roll_steps history_minutes closed retries instances_per_slot"
    " min_size max_size desired zones elb_checks has_load_balancer has_pool has_launch_hook"
    " hook_continues has_maintenance refresh_max_stated maintenance_ends_first healthy_rounding"
    " pool_running pool_reuse detailed_monitoring fail_minutes unhealthy_threshold"
    " healthy_threshold least_outstanding check_uses_database"
    " has_database proxied tracking_high_periods tracking_low_periods"
    " tracking_fast_periods evaluation_range_extra partial_minute launch_batch_size"
    " chance"
    " requests_per_healthy_target basic_monitoring_minute cooldown_waits_for_draining",
    # service
    " requests_per_second cold_requests_per_second cold_seconds service_seconds"
    " service_variation boot_seconds pool_start_seconds queue_size concurrency"
    " cold_concurrency longest_request_seconds database_seconds"
    " connections_per_instance other_instances processor_seconds servers"
    # users and objective
    " session_seconds requests_per_session timeout_seconds backoff_seconds think_seconds"
    " latency_seconds bad_share_limit slow_bound_0 slow_bound_1 slow_bound_2 slow_bound_3"
    # group
    " default_warmup_seconds cooldown_seconds grace_seconds terminate_hook_seconds"
    " vcpus_per_instance vcpu_quota pool_min_size pool_max_prepared"
    " refresh_min_healthy refresh_max_healthy refresh_warmup_seconds"
    " maintenance_min_healthy maintenance_max_healthy replacement_warmup_seconds"
    # load balancer
    " check_interval_seconds check_timeout_seconds slow_start_seconds"
    " deregistration_seconds idle_timeout_seconds registration_seconds"
    # database
    " max_connections database_queries_per_second database_parallelism contention coherency"
    # what AWS does not document
    " alarm_phase_seconds load_balancer_delay_seconds ec2_delay_seconds group_delay_seconds"
    " database_delay_seconds agent_delay_seconds tracking_low_factor action_to_launch_seconds"
    " instance_start_seconds boot_variation hook_seconds launch_retry_seconds"
    " loss_notice_seconds action_repeat_seconds replacement_share partial_minute_share"
    " group_check_seconds group_check_phase all_unhealthy_share launch_batch_seconds"
    " schedule_delay_seconds speed_variation launch_tokens launch_tokens_per_second",
)

ALARM_RULE = np.dtype(
    [
        ("terms", np.int64),
        ("denominator_terms", np.int64),
        ("constant", np.float64),
        ("denominator_constant", np.float64),
        ("guard", np.int64),
        ("guard_least", np.float64),
        ("guard_value", np.float64),
        ("needs_answers", np.int64),
        ("nonzero_only", np.int64),
        ("extreme", np.int64),
        ("percentile", np.float64),
        ("slow_bound", np.float64),
        ("low_samples", np.float64),
        ("source", np.int64),
        ("granularity", np.int64),
        ("comparison", np.int64),
        ("threshold", np.float64),
        ("period", np.int64),
        ("n", np.int64),
        ("m", np.int64),
        ("missing", np.int64),
        ("role", np.int64),
        ("policies", np.int64),
        ("ok_policies", np.int64),
        ("stops_refresh", np.int64),
        ("notifies", np.int64),
        ("warm_up", np.float64),
        ("long_window", np.int64),
        ("base", np.int64),
    ],
    align=True,
)
"""A metric alarm, its metric written as (constant + sum of terms) / (constant + sum of terms)."""

ALARM_STATE = _dtype(
    "state known streak", "phase next_evaluation next_action value base changed_at"
)

POLICY = _dtype(
    "kind adjustment_type first_step steps high_alarm low_alarm scales_in min_magnitude",
    "target warmup adjustment cooldown",
)

STEP_RULE = _dtype("", "lower upper adjustment")

DECISION = _dtype("policy alarm", "t value base")
"""A policy that an alarm runs at `t`, with what the alarm sees then."""

SCHEDULE = _dtype("min_size max_size desired", "at")

INJECTION = _dtype("kind active", "start end value progress")

COMPOSITE = np.dtype(
    [
        ("program", np.int64, (64,)),
        ("operand", np.int64, (64,)),
        ("length", np.int64),
        ("suppressor", np.int64),
        ("suppressor_is_composite", np.int64),
        ("wait", np.float64),
        ("extension", np.float64),
        ("notifies", np.int64),
    ],
    align=True,
)
"""A composite alarm, its rule as a program for a stack of truth values."""

COMPOSITE_STATE = _dtype("state acted_state suppressor_state", "wait_until extension_until")

# Operations of a composite alarm's program.
PUSH_ALARM: Final = 0
PUSH_OK: Final = 1
PUSH_INSUFFICIENT: Final = 2
PUSH_COMPOSITE_ALARM: Final = 3
PUSH_COMPOSITE_OK: Final = 4
PUSH_TRUE: Final = 5
PUSH_FALSE: Final = 6
AND: Final = 7
OR: Final = 8
NOT: Final = 9

INSTANCE = _dtype(
    "state count zone version answers healthy dead warm cold from_pool fails passes"
    " initial_failed scaled_out restarts returns marked replaces number asked was",
    "launched_at ready_at in_service_at registered_at warm_at cold_until grace_until ends_at"
    " next_check backlog warmup share speed held wait wait_grows waiting wait_rate refused"
    " capacity asked_at turned_at",
)
"""Instances that were launched together and are alike: `count` of them, mostly one."""

FLEET = _dtype(
    "desired min_size max_size top pending in_service answering healthy warm warming"
    " pool_ready pool_pending pool_old draining version refreshing dirty settled fail_open"
    " overload bad at_max launch_failing exhausted zones_lost no_capacity surplus unhealthy"
    " cold restarts drawn sick marked ordered owed schedule renewed decisions followed made"
    " failed_first",
    "now since cooldown_until cooldown warmup launch_at terminate_at pool_at group_check_at"
    " refresh_blocked_at instances_due next_due"
    " boot_factor database_factor metrics_late shed uneven tokens tokens_at"
    " retry_pending throughput backlog slowest each service cut cut_again cut_delay"
    " served_to database_errors longest_bound",
)
"""The group as a whole: what it wants, and counts over its instances."""

LOG_ENTRY = np.dtype(
    [
        ("t", np.float64),
        ("event", np.int16),
        ("subject", np.int16),
        ("group", np.int16),
        ("desired", np.int32),
        ("in_service", np.int32),
        ("metric", np.float64),
    ],
    align=True,
)

SUMMARY = _dtype(
    "first_alarm bad_minutes peak_instances events events_dropped launches first_bad_minute"
    " last_bad_minute refresh refresh_left",
    "users affected_users requests bad_requests attempts answered timed_out refused failed"
    " first_alarm_at first_scale_out_at enough_capacity_at first_overload_at"
    " instance_seconds mean_instances longest_wait peak_demand overload_seconds",
)
"""What one run amounts to."""

SERIES: Final = (
    "demand",
    "attempts",
    "capacity",
    "in_service",
    "answering",
    "desired",
    "bad_share",
    "response_seconds",
    "backlog",
    "utilisation",
    "billed",
)
"""Columns of the series that a single run keeps, one row a step."""

S_DEMAND: Final = 0
S_ATTEMPTS: Final = 1
S_CAPACITY: Final = 2
S_IN_SERVICE: Final = 3
S_ANSWERING: Final = 4
S_DESIRED: Final = 5
S_BAD: Final = 6
S_RESPONSE: Final = 7
S_BACKLOG: Final = 8
S_UTILISATION: Final = 9
S_BILLED: Final = 10
