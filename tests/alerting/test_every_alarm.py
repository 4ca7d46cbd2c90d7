"""Every alarm of the stack: fires on what it is for, is quiet on a normal day, leads somewhere."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.alerting.metrics import DAY, holds, normal, states
from tests.unit.test_program import run_program

ROOT = Path(__file__).parents[2]
SEEDS = range(20)
PREFIX = "surgeproof-local-web-"
LAST = slice(-180, None)
"""The last three hours."""
LONG = slice(None)
"""All of it: what a window of three days wants."""


@pytest.fixture(scope="module")
def stack():
    """The local stack as it registers its resources, with all that can be watched."""
    written = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text("utf-8"))["config"]
    written["surgeproof:alerts"]["activeUsersMetric"] = {
        "namespace": "Shop",
        "metricName": "ActiveUsers",
    }
    config = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in written.items()
    }
    return run_program("local", config).resources


@pytest.fixture(scope="module")
def alarms(stack):
    """The metric alarms by what follows the component's name."""
    return {each["name"].removeprefix(PREFIX): each for each in stack["MetricAlarm"].values()}


@pytest.fixture(scope="module")
def composites(stack):
    return {
        each["alarmName"].removeprefix(PREFIX): each["alarmRule"]
        for each in stack["CompositeAlarm"].values()
    }


def set_to(name, value, when=LAST):
    def change(metrics):
        metrics.values[name] = metrics.values[name].copy()
        metrics.values[name][when] = value

    return change


def times(name, factor, when=LAST):
    def change(metrics):
        metrics.values[name] = metrics.values[name].copy()
        metrics.values[name][when] *= factor

    return change


def share(name, percent, when=LAST):
    """Make a count so many percent of the requests."""

    def change(metrics):
        metrics.values[name] = metrics.values[name].copy()
        metrics.values[name][when] = metrics.values["RequestCount"][when] * percent / 100

    return change


def slower(factor, when=LAST):
    def change(metrics):
        metrics.median = metrics.median.copy()
        metrics.median[when] *= factor

    return change


def nobody_answers(metrics):
    """Targets answer nothing: their metrics are absent, and the load balancer's errors few."""
    metrics.answered = metrics.answered.copy()
    metrics.answered[LAST] = 0


WINDOWS = ("14.4x-1h", "14.4x-5m", "6x-6h", "6x-30m", "3x-24h", "3x-2h", "1x-72h", "1x-6h")
FOR = {
    "slow-responses-critical": slower(6),
    "slow-tail-warning": slower(10),
    "load-balancer-errors-critical": share("HTTPCode_ELB_5XX_Count", 5),
    "load-balancer-errors-warning": share("HTTPCode_ELB_5XX_Count", 0.1),
    "target-errors-critical": share("HTTPCode_Target_5XX_Count", 5),
    "target-errors-warning": share("HTTPCode_Target_5XX_Count", 0.1),
    "few-good-responses-critical": share("HTTPCode_Target_2XX_Count", 50),
    "client-errors-warning": share("HTTPCode_Target_4XX_Count", 3),
    "target-connection-errors-warning": share("TargetConnectionErrorCount", 1),
    "few-healthy-hosts-critical": set_to("HealthyHostCount", 1),
    "unhealthy-hosts-warning": set_to("UnHealthyHostCount", 1),
    "request-surge-critical": times("RequestCountPerTarget", 2),
    "request-surge-warning": times("RequestCountPerTarget", 1.5),
    "request-surge-fast-critical": times("RequestsUnderWay", 2),
    "request-surge-fast-warning": times("RequestsUnderWay", 1.5),
    "rejected-connections-critical": set_to("RejectedConnectionCount", 3),
    "request-jump-info": times("RequestCount", 2),
    "unusual-demand-requests-info": times("RequestCount", 2),
    "unusual-demand-connections-info": times("NewConnectionCount", 2),
    "unusual-demand-users-info": times("ActiveUsers", 2),
    "missing-capacity-critical": set_to("GroupInServiceCapacity", 1),
    "at-maximum-size-critical": set_to("GroupDesiredCapacity", 6),
    "high-cpu-warning": set_to("CPUUtilization", 90),
    "failed-status-checks-warning": set_to("StatusCheckFailed", 1),
    "stalled-volumes-warning": set_to("StatusCheckFailed_AttachedEBS", 1),
    "load-balancer-capacity-warning": set_to("PeakLCUs", 120),
    "certificate-expiry-warning": set_to("DaysToExpiry", 44, LONG),
    "nat-port-exhaustion-gateway-1-warning": set_to("ErrorPortAllocation", 2),
    "instance-hours-warning": set_to("GroupTotalInstances", 6, LONG),
    "database-connections-critical": set_to("DatabaseConnections", 420),
    "database-storage-critical": set_to("FreeStorageSpace", 5 * 2.0**30),
    "database-memory-warning": set_to("FreeableMemory", 0.5 * 2.0**30),
    "transaction-ids-warning": set_to("MaximumUsedTransactionIDs", 1.1e9),
    "database-cpu-warning": set_to("RDS CPUUtilization", 95),
    "database-load-warning": set_to("DBLoad", 3),
    "database-latency-read-warning": set_to("ReadLatency", 0.05),
    "database-latency-write-warning": set_to("WriteLatency", 0.05),
    "database-burst-balance-bytes-warning": set_to("EBSByteBalance%", 5),
    "database-burst-balance-io-warning": set_to("EBSIOBalance%", 5),
    "slow-queries-warning": set_to("SlowQueries", 20),
    "rate-limited-clients-warning": set_to("CountedRequests", 1),
    "undelivered-alerts-pages-critical": set_to("page", 1),
    "undelivered-alerts-tickets-warning": set_to("ticket", 1),
    "undelivered-alerts-escalations-critical": set_to("escalation", 1),
    **{
        f"availability-burn-{window}-info": share("HTTPCode_Target_5XX_Count", 2, LONG)
        for window in (
            "14.4x-1h",
            "14.4x-5m",
            "6x-6h",
            "6x-30m",
            "3x-24h",
            "3x-2h",
            "1x-72h",
            "1x-6h",
        )
    },
    **{
        f"latency-burn-{window}-info": slower(10, LONG)
        for window in (
            "14.4x-1h",
            "14.4x-5m",
            "6x-6h",
            "6x-30m",
            "3x-24h",
            "3x-2h",
            "1x-72h",
            "1x-6h",
        )
    },
}
"""What each alarm is for."""


def test_the_table_holds_every_alarm_of_the_stack(alarms):
    assert FOR.keys() == alarms.keys()


@pytest.mark.parametrize("role", FOR, ids=str)
def test_it_fires_on_what_it_is_for(alarms, role):
    metrics = normal(seed=0)

    FOR[role](metrics)

    assert states(alarms[role], metrics, metrics.answered.size - 180).any()


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_all_are_quiet_on_a_normal_day(alarms, seed):
    metrics = normal(seed)

    loud = {
        role: int(found.sum())
        for role, alarm in alarms.items()
        if (found := states(alarm, metrics, metrics.answered.size - DAY)).any()
    }

    assert loud == {}


@pytest.mark.parametrize(
    ("page", "roles"),
    [
        ("surge-critical", ["request-surge-critical"]),
        ("surge-critical", ["request-surge-fast-critical"]),
        ("surge-critical", ["request-jump-info", "unusual-demand-requests-info"]),
        ("surge-critical", ["request-jump-info", "unusual-demand-connections-info"]),
        ("surge-critical", ["request-jump-info", "unusual-demand-users-info"]),
        ("surge-critical", ["request-jump-info", "request-surge-warning"]),
        ("saturation-critical", ["at-maximum-size-critical"]),
        ("saturation-critical", ["missing-capacity-critical"]),
        ("saturation-critical", ["rejected-connections-critical"]),
        ("outage-critical", ["slow-responses-critical"]),
        ("outage-critical", ["load-balancer-errors-critical"]),
        ("outage-critical", ["target-errors-critical"]),
        ("outage-critical", ["few-good-responses-critical"]),
        ("outage-critical", ["few-healthy-hosts-critical"]),
        (
            "availability-burn-14.4x-critical",
            [f"availability-burn-14.4x-{w}-info" for w in ("1h", "5m")],
        ),
        ("latency-burn-1x-warning", [f"latency-burn-1x-{w}-info" for w in ("72h", "6h")]),
        ("escalation-critical", ["surge-critical"]),
        ("escalation-critical", ["outage-critical"]),
        ("escalation-critical", ["latency-burn-6x-critical"]),
        ("escalation-critical", ["undelivered-alerts-tickets-warning"]),
    ],
    ids=str,
)
def test_a_page_opens_by_its_alarms(alarms, composites, page, roles):
    named = {f"{PREFIX}{role}": role in roles for role in (*alarms, *composites)}
    without = {name: value and name != f"{PREFIX}{roles[0]}" for name, value in named.items()}

    assert holds(composites[page], named)
    assert not holds(composites[page], without)


def test_one_sign_of_unusual_demand_pages_nobody(alarms, composites):
    for role in ("request-jump-info", "unusual-demand-requests-info", "request-surge-warning"):
        named = {f"{PREFIX}{each}": each == role for each in (*alarms, *composites)}

        assert not holds(composites["surge-critical"], named)


def test_what_holds_the_escalation_back_never_fires(composites):
    assert holds(composites["escalation-hold-info"], {}) is False


def test_every_page_is_escalated(stack, composites):
    topics = {name: f"arn:aws:Topic:alerts-{name}" for name in ("page", "escalation")}
    paging = {
        each.get("name") or each["alarmName"]
        for kind in ("MetricAlarm", "CompositeAlarm")
        for each in stack[kind].values()
        if topics["page"] in each["alarmActions"]
    }

    assert set(re.findall(r'ALARM\("([^"]+)"\)', composites["escalation-critical"])) == paging


def test_a_composite_alarm_names_only_what_exists(alarms, composites):
    existing = {f"{PREFIX}{role}" for role in (*alarms, *composites)}

    for rule in composites.values():
        assert set(re.findall(r'ALARM\("([^"]+)"\)', rule)) <= existing


def test_every_alarm_has_a_runbook_that_exists(stack):
    for kind in ("MetricAlarm", "CompositeAlarm"):
        for each in stack[kind].values():
            said = re.search(r" Runbook: (docs/runbooks/[a-z-]+\.md)$", each["alarmDescription"])
            assert said, each
            assert (ROOT / said[1]).exists(), said[1]


def test_every_alarm_is_on_the_dashboard(stack):
    (dashboard,) = stack["Dashboard"].values()
    shown = {
        arn.rpartition(":alarm:")[2]
        for widget in json.loads(dashboard["dashboardBody"])["widgets"]
        if widget["type"] == "alarm"
        for arn in widget["properties"]["alarms"]
    }

    assert shown == {
        *(each["name"] for each in stack["MetricAlarm"].values()),
        *(each["alarmName"] for each in stack["CompositeAlarm"].values()),
    }


def test_in_a_collapse_the_latency_objective_sees_what_response_times_do_not(alarms):
    """Response times are absent for requests that nobody answers."""
    metrics = normal(seed=0)
    nobody_answers(metrics)
    begin = metrics.answered.size - 120

    assert not states(alarms["slow-responses-critical"], metrics, begin).any()
    assert states(alarms["latency-burn-14.4x-5m-info"], metrics, begin).all()


def test_a_surge_pages_before_anybody_waits(alarms, composites):
    """Demand doubles in ten minutes, at first within what the instances carry."""
    metrics = normal(seed=0)
    begin = metrics.answered.size - 180
    size = metrics.values["RequestCount"][begin] / metrics.values["RequestCountPerTarget"][begin]
    surge = np.minimum(1 + np.arange(180) / 10, 2.0)
    for name in (
        "RequestCount",
        "HTTPCode_Target_2XX_Count",
        "HTTPCode_Target_3XX_Count",
        "HTTPCode_Target_4XX_Count",
        "NewConnectionCount",
        "ActiveUsers",
    ):
        times(name, surge)(metrics)
    per_second = metrics.values["RequestCount"][-180:] / 60 / size
    set_to("RequestCountPerTarget", per_second * 60)(metrics)
    set_to("RequestsUnderWay", 50 * per_second / 90)(metrics)
    slower(np.where(per_second > 90, 12.0, 1.0))(metrics)

    fired = {role: states(alarm, metrics, begin) for role, alarm in alarms.items()}
    named = {f"{PREFIX}{role}": found for role, found in fired.items()}
    surge_page = np.flatnonzero(holds(composites["surge-critical"], named))[0]
    outage_page = np.flatnonzero(holds(composites["outage-critical"], named))[0]
    waiting = np.flatnonzero(per_second > 90)[0]
    assert surge_page < waiting < outage_page
