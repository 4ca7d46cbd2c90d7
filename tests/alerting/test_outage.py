"""The outage's demand on a fleet of fixed size, watched by the stack's own alarms."""

from dataclasses import replace
from pathlib import Path

import pytest

from surgeproof.plan.program import read_program
from surgeproof.simulation import simulate
from surgeproof.traces.shapes import outage_shape

ROOT = Path(__file__).parents[2]
PREFIX = "surgeproof-local-web-"


@pytest.fixture(scope="module")
def story():
    """When what first happened (seconds after the trace's start), by its words.

    Four instances that carry 100 requests/s each, as before the stack could scale; demand rises to
    1.65 times that. What the simulation does not model (jumps, bands) counts as not in ALARM, so
    the page is later here than it would be; test_every_alarm.py has it with them.
    """
    plan = read_program(ROOT, "local").plan
    fixed = replace(plan, policies=(), schedules=())
    trace = outage_shape(base_requests_per_second=220, peak_factor=3.0, plateau_factor=2.6)
    # Long enough that what pages while the first instances start is over, its escalation too.
    run = simulate(fixed, trace, step_seconds=10, pre_roll_seconds=7200)
    first: dict[str, float] = {}
    for entry, words in zip(run.log, run.told(), strict=True):
        if entry["t"] >= 0:
            said = words.partition("  ")[2].partition("  [")[0].partition(" (")[0]
            first.setdefault(said, float(entry["t"]))
    return first


def told(story, role):
    return story[f"composite alarm {PREFIX}{role} tells ALARM"]


def test_the_surge_pages_first_and_before_latency_breaks(story):
    pages = {
        words.split(PREFIX)[1].removesuffix(" tells ALARM"): at
        for words, at in story.items()
        if words.endswith(" tells ALARM")
    }

    assert min(pages, key=pages.get) == "surge-critical"
    latency = story[f"alarm {PREFIX}slow-responses-critical is in ALARM"]
    assert pages["surge-critical"] < latency - 180
    assert latency <= pages["outage-critical"]


def test_the_reliability_team_is_called_after_half_an_hour(story):
    waited = told(story, "escalation-critical") - told(story, "surge-critical")

    assert waited == pytest.approx(1800, abs=60)


def test_the_burning_budget_does_not_page_for_the_same(story):
    """As long as the outage's page is open; what it burnt is told once that is over."""
    over = story[f"composite alarm {PREFIX}outage-critical tells OK"]
    burning = {
        words: at
        for words, at in story.items()
        if "burn" in words and words.endswith("tells ALARM")
    }

    assert over > told(story, "outage-critical") + 3600
    assert all(at > over for at in burning.values())
