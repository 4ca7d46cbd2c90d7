"""The catalogue of simulated incidents, and what AWS would hold of them."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest

from surgeproof.incident.causes import Cause
from surgeproof.incident.evidence import (
    TABLES,
    Activity,
    Alarm,
    Clients,
    Event,
    HistoryItem,
    Minute,
    Series,
)
from surgeproof.incident.requests import log_lines, requests_of
from surgeproof.incident.scenarios import LOOK_ALIKES, SCENARIOS, scenario
from surgeproof.simulation import Event as Happened
from surgeproof.traces.access_logs import read_access_logs
from tests.incident.support import bundle, played


def test_the_catalogue_has_the_outage_and_five_look_alikes():
    assert {name: scenario(name).cause for name in SCENARIOS} == {
        "outage": Cause.SURGE,
        "bad-deployment": Cause.BAD_DEPLOYMENT,
        "slow-database": Cause.SLOW_DATABASE,
        "zone-lost": Cause.ZONE_LOST,
        "retry-storm": Cause.RETRY_STORM,
        "metrics-late": Cause.METRICS_LATE,
    }


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_seed_gives_the_same_scenario_and_another_seed_another(name):
    one, again, other = scenario(name, 1), scenario(name, 1), scenario(name, 2)

    assert (one.plan, one.trace, one.injected) == (again.plan, again.trace, again.injected)
    assert (one.trace, one.injected) != (other.trace, other.injected)


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_hurts_users_and_ends_well(name):
    run = played(name).run
    ends = 60 * (int(run.summary["last_bad_minute"]) + 1)

    assert run.summary["bad_minutes"] >= 15
    assert ends <= scenario(name).trace.duration_seconds - 600


def test_alarm_history_and_timeline_hold_the_changes_of_the_event_log():
    run, held = played("slow-database").run, bundle("slow-database")
    begin = played("slow-database").start
    logged = [
        (
            run.encoded.alarm_names[entry["subject"]],
            begin + timedelta(seconds=round(float(entry["t"]), 3)),
        )
        for entry in run.log
        if entry["event"] in {Happened.ALARM_OK, Happened.ALARM_ALARM} and entry["t"] >= 0
    ]

    history = [(row.value.alarm_name, row.value.timestamp) for row in held.rows(HistoryItem)]
    events = [json.loads(row.value.message) for row in held.rows(Event)]

    assert len(logged) == 8
    assert history == logged[::-1]
    assert [(each["detail"]["alarmName"], each["time"]) for each in events] == [
        (name, f"{at:%Y-%m-%dT%H:%M:%SZ}") for name, at in logged
    ]


def test_metrics_are_the_sums_that_the_simulated_alarms_saw():
    run = played("slow-database").run
    found = {
        (row.value.metric_data_query.metric_stat.metric.metric_name,
         row.value.metric_data_query.metric_stat.stat): row.value.metric_data_result
        for row in bundle("slow-database").rows(Series)
    }  # fmt: skip
    requests = found["RequestCount", "Sum"]
    p95 = dict(
        zip(found["TargetResponseTime", "p95"].timestamps,
            found["TargetResponseTime", "p95"].values, strict=True)
    )  # fmt: skip
    (alarm,) = (
        each for each in run.log
        if each["event"] == Happened.ALARM_ALARM and each["subject"] == 0
    )  # fmt: skip
    at = played("slow-database").start + timedelta(seconds=float(alarm["t"]))
    seen = [value for time, value in p95.items() if time <= at - timedelta(seconds=150)]

    assert requests.values == tuple(float(f"{value:.6g}") for value in run.minutes[:, 1])
    assert seen[-1] == pytest.approx(float(alarm["metric"]), rel=1e-4)


def test_what_comes_and_goes_is_in_the_activities_with_its_zone_and_cause():
    rows = [row.value for row in bundle("zone-lost").rows(Activity)]
    lost = [each for each in rows if "EC2 health check" in each.cause]

    assert [each.status_code for each in rows] == ["Successful"] * 2 + ["Failed"] + [
        "Successful"
    ] * 2
    assert len({json.loads(each.details)["Availability Zone"] for each in lost}) == 1
    assert len(lost) == 2


def test_the_traffic_is_that_of_the_run():
    run, held = played("bad-deployment").run, bundle("bad-deployment")
    minutes = [row.value for row in held.rows(Minute)]
    clients = [row.value for row in held.rows(Clients)]
    hurt = sum(each.clients for each in clients if each.first_hurt)
    everybody = sum(each.clients for each in clients)

    assert sum(each.requests for each in minutes) == pytest.approx(run.minutes[:, 1].sum(), rel=0.1)
    assert 100 * hurt / everybody == pytest.approx(run.affected_percent, abs=2)


def test_log_lines_are_what_the_reader_of_access_logs_reads(tmp_path):
    made, run = scenario("slow-database"), played("slow-database").run
    steps = [each for each, _ in zip(requests_of(run, made), range(30), strict=False)]
    file = tmp_path / "shop.log"
    lines = [line for each in steps for line in log_lines(each, made.trace.start_seconds)]
    file.write_text("\n".join(lines) + "\n")

    trace = read_access_logs(file, step_seconds=10, most_bad_percent=0)

    assert trace.bad_rows == 0
    assert trace.total_requests == pytest.approx(len(lines))
    counts = [each.at_microseconds.size for each in steps]
    assert np.round(trace.requests_per_second * 10).astype(int).tolist() == counts


def test_evidence_at_a_moment_holds_nothing_later_and_no_metric_that_could_not_be_read():
    one = played("slow-database")
    moment = one.start + timedelta(minutes=32)

    held = one.evidence(until=moment)
    times = [time for row in held.rows(Series) for time in row.value.metric_data_result.timestamps]

    assert max(times) == one.start + timedelta(minutes=29)
    assert [row.value.alarm_name for row in held.rows(HistoryItem)] == []
    assert [row.value.begin for row in held.rows(Minute)][-1] == one.start + timedelta(minutes=31)


def test_the_evidence_does_not_give_the_answer_away():
    for name in SCENARIOS:
        held = played(name).evidence(traffic=False)
        text = json.dumps([held.manifest.model_dump(mode="json"), *map(list, held.tables.values())])

        assert scenario(name).title not in text
        assert f'"{name}"' not in text
        assert "inject" not in text


def test_a_bundle_has_every_table_and_counts_its_rows():
    held = bundle("zone-lost")

    counts = {name: len(list(held.rows(shape))) for name, shape in TABLES.items()}

    assert counts == held.manifest.rows
    assert next(row.value.alarm_name for row in held.rows(Alarm)).startswith("shop-prod-web-")
    assert isinstance(held.manifest.begin, datetime)
