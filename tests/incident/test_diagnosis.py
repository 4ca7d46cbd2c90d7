"""What the evidence of each scenario suggests, and that nothing but the evidence is read."""

import ast
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from surgeproof.incident.analysis import analyse, find_incident
from surgeproof.incident.causes import Cause
from surgeproof.incident.diagnosis import diagnose, first_alarm
from surgeproof.incident.scenarios import LOOK_ALIKES, SCENARIOS, scenario
from tests.incident.support import bundle

ROOT = Path(__file__).parents[2]


def incident_of(evidence):
    return find_incident(analyse(evidence))


def without_logs(evidence):
    return replace(evidence, tables={**evidence.tables, "traffic.jsonl": (), "clients.jsonl": ()})


def without(evidence, *files):
    return replace(evidence, tables={**evidence.tables, **dict.fromkeys(files, ())})


def test_the_outage_is_found_as_its_postmortem_has_it():
    """The facts of the postmortem: 08:45 to 11:30, 165 minutes, 40 % of the users affected."""
    incident = incident_of(bundle("outage"))
    hurt, there = incident.users()
    first = first_alarm(incident)

    assert abs(incident.begin - datetime(2023, 1, 15, 8, 45, tzinfo=UTC)).total_seconds() <= 300
    assert abs(incident.end - datetime(2023, 1, 15, 11, 30, tzinfo=UTC)).total_seconds() <= 300
    assert incident.minutes == pytest.approx(165, abs=5)
    assert 100 * hurt / there == pytest.approx(40, abs=2)
    assert first.name == "shop-prod-web-slow-responses-critical"
    assert 0 <= (first.at - datetime(2023, 1, 15, 8, 45, tzinfo=UTC)).total_seconds() <= 300


def test_the_outage_is_a_surge_on_a_fixed_size():
    found = diagnose(incident_of(bundle("outage")))

    assert found.cause is Cause.SURGE
    assert "the group has a fixed size: minimum and maximum are 12" in [
        each.says for each in found.points
    ]


@pytest.mark.parametrize("logs", [True, False], ids=["access-logs", "metrics-only"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_is_called_what_it_is(name, logs):
    evidence = bundle(name) if logs else without_logs(bundle(name))

    assert diagnose(incident_of(evidence)).cause is scenario(name).cause


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_no_look_alike_is_called_a_surge_whatever_its_numbers(name, seed):
    found = diagnose(incident_of(bundle(name, seed, traffic=False)))

    assert found.cause is scenario(name, seed).cause


def test_without_the_traces_of_its_cause_a_look_alike_is_still_no_surge():
    """A deployment that the timeline does not hold leaves the cause open, or a storm; no surge."""
    for name, files in (
        ("bad-deployment", ["timeline.jsonl"]),
        ("zone-lost", ["activities.jsonl", "timeline.jsonl"]),
        ("slow-database", ["metrics.jsonl"]),
    ):
        found = diagnose(incident_of(without(bundle(name), *files)))

        assert found.cause in {Cause.UNDETERMINED, Cause.RETRY_STORM}, name


def test_a_deployment_just_before_a_surge_leaves_the_cause_open():
    outage = bundle("outage")
    refresh = next(
        each
        for each in bundle("bad-deployment").tables["timeline.jsonl"]
        if "Refresh Started" in each["message"]
    )
    moved = {
        **refresh,
        "timestamp": int(datetime(2023, 1, 15, 8, 30, tzinfo=UTC).timestamp() * 1e3),
    }
    both = replace(
        outage,
        tables={**outage.tables, "timeline.jsonl": [*outage.tables["timeline.jsonl"], moved]},
    )

    found = diagnose(incident_of(both))

    assert found.cause is Cause.UNDETERMINED
    assert "an instance refresh started at 08:30, 13 minutes before users were hurt" in [
        each.says for each in found.against
    ]


def test_evidence_without_anybody_hurt_has_no_incident():
    outage = bundle("outage")
    quiet = [each for each in outage.tables["traffic.jsonl"] if each["Begin"] < "2023-01-15T08:40"]

    assert incident_of(replace(outage, tables={**outage.tables, "traffic.jsonl": quiet})) is None


READERS = ("analysis", "diagnosis", "evidence", "report", "review", "live", "bundle", "surge")


def test_what_reads_evidence_knows_no_scenario_and_no_trace_of_it():
    """The report reads only what AWS would hold: neither simulation nor named traces."""
    forbidden = (
        "surgeproof.simulation",
        "surgeproof.outage",
        "surgeproof.plan",
        "surgeproof.traces.named",
        "surgeproof.traces.outage",
        "surgeproof.traces.shapes",
        "surgeproof.incident.scenarios",
        "surgeproof.incident.simulated",
        "surgeproof.incident.requests",
    )
    files = [ROOT / "surgeproof" / "incident" / f"{name}.py" for name in READERS]

    found = [
        (file.name, name)
        for file in files
        if file.exists()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom)
                     else [each.name for each in node.names])
        if f"{name}.".startswith(tuple(f"{each}." for each in forbidden))
    ]  # fmt: skip

    assert found == []
