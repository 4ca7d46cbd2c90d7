import pytest

from surgeproof.components import ArgsError, Objectives
from surgeproof.components.alarms.objectives import OBJECTIVES
from surgeproof.settings.aws_limits import ALARM, broken_relations
from tests.unit.recording import record

GOOD = {
    "load_balancer_arn_suffix": "app/a/1",
    "target_group_arn_suffix": "targetgroup/t/2",
    "page_topic_arn": "arn:page",
    "ticket_topic_arn": "arn:ticket",
    "info_topic_arn": "arn:info",
    "outage_alarm": "shop-test-web-outage-critical",
}
BURN = {"rate": 10, "long_window_minutes": 60, "short_window_minutes": 5, "severity": "page"}
TOTAL = "(requests + FILL(refused, 0))"


def build(**changes):
    return record(lambda: Objectives("web", {**GOOD, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"page_topic_arn": None}, "page_topic_arn: must be given, got nothing"),
        (
            {"availability_percent": 90},
            "availability_percent: must be a number from 95 to 99.999, got 90",
        ),
        (
            {"burn_rates": [{**BURN, "long_window_minutes": 10_081}]},
            (
                "burn_rates[0].long_window_minutes: must be a whole number from 60 to 10080, "
                "got 10081"
            ),
        ),
        (
            {"burn_rates": [{**BURN, "short_window_minutes": 60}]},
            "burn_rates[0].short_window_minutes: must be below long_window_minutes (60), got 60",
        ),
        (
            {"burn_rates": [{**BURN, "rate": 20}], "latency_percentile": 95},
            (
                "burn_rates[0].rate: must be below 20, which is all requests bad "
                "(latency_percentile: 95), got 20"
            ),
        ),
        (
            {"burn_rates": [BURN, BURN]},
            (
                "burn_rates[1].rate: must differ from that of burn_rates[0], since both would "
                "name an alarm 10x-1h, got 10"
            ),
        ),
        ({"burn_rates": []}, "burn_rates: must be a list of 1 to 8 pairs, got a list of 0"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ArgsError) as told:
        OBJECTIVES.check({**GOOD, **changes})

    assert str(told.value) == f"Objectives.{message}"


@pytest.mark.parametrize(
    ("role", "period", "threshold"),
    [
        ("14.4x-1h", 3600, 14.4),
        ("14.4x-5m", 300, 14.4),
        ("6x-6h", 21_600, 6),
        ("6x-30m", 1800, 6),
        ("3x-24h", 86_400, 3),
        ("3x-2h", 7200, 3),
        ("1x-72h", 259_200, 1),
        ("1x-6h", 21_600, 1),
    ],
)
@pytest.mark.parametrize("objective", ["availability", "latency"])
def test_each_window_is_one_alarm_of_one_period(objective, role, period, threshold):
    alarms = build().resources["MetricAlarm"]

    inputs = alarms[f"web-{objective}-burn-{role}-info"]
    assert {q["metric"]["period"] for q in inputs["metricQueries"][1:]} == {period}
    assert inputs["evaluationPeriods"] == inputs["datapointsToAlarm"] == 1
    assert inputs["threshold"] == threshold
    assert inputs["alarmActions"] == ["arn:info"]
    assert not list(broken_relations(ALARM, inputs))


def test_availability_counts_errors_of_both_sides_of_all_requests():
    inputs = build().resources["MetricAlarm"]["web-availability-burn-14.4x-1h-info"]

    assert inputs["metricQueries"][0]["expression"] == (
        f"IF({TOTAL} >= 695, (FILL(failed, 0) + FILL(refused, 0)) / {TOTAL} / 0.001, 0)"
    )


def test_latency_counts_good_answers_of_all_requests():
    """PR alone is of the answered ones, and gets better when nobody answers."""
    inputs = build().resources["MetricAlarm"]["web-latency-burn-6x-6h-info"]

    value, *queries = inputs["metricQueries"]
    assert value["expression"] == (
        f"IF({TOTAL} >= 167, (1 - FILL(within, 0) * FILL(answered, 0) / 100 / {TOTAL}) / 0.01, 0)"
    )
    assert {query["id"]: query["metric"]["stat"] for query in queries} == {
        "requests": "Sum",
        "refused": "Sum",
        "within": "PR(:1)",
        "answered": "SampleCount",
    }


@pytest.mark.parametrize(
    ("pair", "windows", "topic", "ok"),
    [
        ("availability-burn-14.4x-critical", ("14.4x-1h", "14.4x-5m"), "page", ["arn:page"]),
        ("availability-burn-6x-critical", ("6x-6h", "6x-30m"), "page", ["arn:page"]),
        ("availability-burn-3x-warning", ("3x-24h", "3x-2h"), "ticket", None),
        ("availability-burn-1x-warning", ("1x-72h", "1x-6h"), "ticket", None),
    ],
)
def test_a_pair_joins_its_windows_and_waits_for_the_outage(pair, windows, topic, ok):
    inputs = build().resources["CompositeAlarm"][f"web-{pair}"]

    long, short = (f"shop-test-web-availability-burn-{each}-info" for each in windows)
    assert inputs["alarmRule"] == f'ALARM("{long}") AND ALARM("{short}")'
    assert inputs["alarmActions"] == [f"arn:{topic}"]
    assert inputs.get("okActions") == ok
    assert inputs["actionsSuppressor"] == {
        "alarm": "shop-test-web-outage-critical",
        "waitPeriod": 120,
        "extensionPeriod": 120,
    }
    assert inputs["alarmDescription"].startswith("OBJECTIVE: ")
    assert inputs["alarmDescription"].endswith(" Runbook: docs/runbooks/availability-burn.md")


def test_the_text_says_how_long_the_budget_lasts():
    alarms = build(window_days=30).resources["CompositeAlarm"]

    fast = alarms["web-latency-burn-14.4x-critical"]["alarmDescription"]
    assert "At this rate the budget of 30 days lasts 50 h." in fast
